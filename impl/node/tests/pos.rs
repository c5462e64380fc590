//! The issuer's port for shop terminals over real sockets: what is refused books nothing, what cannot be read ends the
//! connection, and nobody waits for anybody else's answer.
#![expect(clippy::unwrap_used, reason = "tests")]

mod shop;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use kaika_node::Fault;
use kaika_node::frame;
use kaika_node::store::{Dump, Job, Memory, Sqlite, Store};
use kaika_spec::limit::{ATC_WINDOW, FRAME_MS, IN_FLIGHT_MAX, ISO8583_MAX};
use kaika_wire::iso8583::Message;
use kaika_wire::messages::issuer::{CardStatus, Suspender};
use shop::{Shop, card_code, named};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

async fn issuer(dir: &tempfile::TempDir) -> Shop {
    let store = Sqlite::open(&dir.path().join("issuer.db")).unwrap();
    Shop::start(Arc::new(store), dir.path()).await
}

async fn send(stream: &mut TcpStream, message: &Message) {
    let bytes = message.encode().unwrap();
    frame::write(stream, &bytes).await.unwrap();
}

async fn next(stream: &mut TcpStream) -> Option<Message> {
    let bytes = frame::read(stream, ISO8583_MAX).await.unwrap()?;
    Some(Message::parse(&bytes).unwrap())
}

/// Asks on a connection of its own; the response code.
async fn told(shop: &Shop, message: &Message) -> String {
    let mut stream = TcpStream::connect(shop.address).await.unwrap();
    send(&mut stream, message).await;
    let answer = next(&mut stream).await.unwrap();
    answer.text(39).unwrap().to_owned()
}

/// What the shop does to be refused.
struct Case {
    what: &'static str,
    code: &'static str,
    message: Message,
}

fn spoilt(mut message: Message) -> Message {
    // The cryptogram is the first object of field 55: tag 9F26, length 8.
    message.fields.get_mut(&55).unwrap()[3] ^= 1;
    message
}

/// Messages that are refused whatever card and token are like.
fn bad_messages(shop: &Shop) -> Vec<Case> {
    let good = |number: u32| shop.request(number, 2);
    let case = |what, code, message| Case {
        what,
        code,
        message,
    };
    vec![
        case("a wrong MAC", "82", spoilt(good(10))),
        case("a replayed counter", "82", shop.request(11, 1)),
        case(
            "a counter far ahead",
            "82",
            shop.request(12, ATC_WINDOW + 2),
        ),
        case(
            "an unknown token",
            "14",
            good(13).with(2, *b"6299000000000015"),
        ),
        case("a PAN", "14", good(14).with(2, *b"6288000000000008")),
        case("another currency", "57", good(15).with(49, *b"840")),
        case("a magnetic stripe", "57", good(16).with(22, *b"021")),
        case("another expiry", "54", good(17).with(14, *b"9911")),
        case("another amount", "82", good(18).with(4, *b"000000000999")),
        case("no chip data", "30", {
            let mut message = good(19);
            message.fields.remove(&55);
            message
        }),
        case(
            "chip data that is no TLV",
            "30",
            good(20).with(55, [0x9f, 0x26, 0x7f]),
        ),
        case("a name that is taken", "94", shop.request(1, 2)),
    ]
}

#[tokio::test]
async fn what_is_refused_has_its_code_and_books_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let shop = issuer(&dir).await;
    assert_eq!(told(&shop, &shop.request(1, 1)).await, "00");
    let before = shop.ledger();
    assert_eq!(before.len(), 2, "one card, one posting");
    for Case {
        what,
        code,
        message,
    } in bad_messages(&shop)
    {
        assert_eq!(told(&shop, &message).await, code, "{what}");
        assert_eq!(shop.ledger(), before, "{what}");
        // The same question has the same answer, and still books nothing.
        assert_eq!(told(&shop, &message).await, code, "{what}, again");
        assert_eq!(shop.ledger(), before, "{what}, again");
    }
    assert_eq!(told(&shop, &shop.request(99, 2)).await, "00");
    assert_eq!(shop.ledger().len(), 3);
}

#[tokio::test]
async fn a_card_or_token_that_may_not_pay_books_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let shop = issuer(&dir).await;
    let check = async |what: &str, number: u32, message: Message, code: &str| {
        let before = shop.ledger();
        let message = named(message, number);
        assert_eq!(told(&shop, &message).await, code, "{what}");
        assert_eq!(shop.ledger(), before, "{what}");
    };
    let suspended = |token: &mut kaika_issuer::rows::Token| {
        token.state = "suspended".into();
        token.suspended_by = vec![Suspender::User];
    };
    shop.keep_token(suspended).await;
    check("a suspended token", 1, shop.request(1, 1), "62").await;
    shop.keep_token(|token| token.state = "deleted".into())
        .await;
    check("a deleted token", 2, shop.request(2, 1), "62").await;
    shop.keep_token(|token| token.expires_at = 1).await;
    check("an expired token", 3, shop.request(3, 1), "54").await;
    shop.keep_token(|_| {}).await;
    for status in [
        CardStatus::Blocked,
        CardStatus::Lost,
        CardStatus::Stolen,
        CardStatus::Closed,
    ] {
        shop.keep_card(|card| card.status = status).await;
        check("a card that is not active", 4, shop.request(4, 1), "62").await;
    }
    shop.keep_card(|card| card.available_minor = 999).await;
    check("nothing left", 5, shop.request(5, 1), "51").await;
    shop.keep_card(|card| card.currency = "840".into()).await;
    check("a card in dollars", 6, shop.request(6, 2), "57").await;
}

/// Bytes that are no message of this protocol, after their length.
fn unreadable(shop: &Shop) -> Vec<(&'static str, Vec<u8>)> {
    let good = shop.request(1, 1).encode().unwrap();
    let framed = |body: &[u8]| {
        let length = u16::try_from(body.len()).unwrap();
        [&length.to_be_bytes()[..], body].concat()
    };
    let lie = |place: usize, digit: u8| {
        let mut bytes = good.clone();
        bytes[place] = digit;
        framed(&bytes)
    };
    vec![
        ("a truncated message", framed(&good[..good.len() - 1])),
        ("half a message", framed(&good[..good.len() / 2])),
        ("a message and a byte", framed(&[&good[..], b"0"].concat())),
        ("a bitmap that says less", lie(4, b'3')),
        ("a bitmap that says more", lie(4, b'F')),
        ("a bitmap with unknown fields", lie(19, b'F')),
        ("a bitmap in lower case", lie(4, b'f')),
        ("a length of a field that lies", lie(20, b'9')),
        ("a type that nobody has", lie(1, b'9')),
        ("a type that is an answer", lie(2, b'1')),
        ("letters", framed(b"hello, issuer, how are you?")),
        ("nothing", vec![0, 0]),
        ("a frame that is too long", vec![0xff, 0xff]),
        (
            "a frame that is one too long",
            u16::try_from(ISO8583_MAX + 1).unwrap().to_be_bytes().into(),
        ),
    ]
}

//= spec/90-wire.md#wir-11-iso-8583-is-bounded
//= type=test
//# The issuer MUST refuse an ISO 8583 frame that is longer than `ISO8583_MAX` or cannot be read, and close the connection.
#[tokio::test]
async fn what_cannot_be_read_ends_the_connection_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let shop = issuer(&dir).await;
    let before = shop.rows();
    for (what, bytes) in unreadable(&shop) {
        let mut stream = TcpStream::connect(shop.address).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let began = Instant::now();
        assert!(next(&mut stream).await.is_none(), "{what}");
        assert!(began.elapsed() < Duration::from_secs(5), "{what}");
        assert_eq!(shop.rows(), before, "{what}");
    }
    // What was asked before it is answered all the same.
    let (_, lie) = unreadable(&shop).swap_remove(3);
    let mut stream = TcpStream::connect(shop.address).await.unwrap();
    send(&mut stream, &shop.request(1, 1)).await;
    stream.write_all(&lie).await.unwrap();
    let answer = next(&mut stream).await.unwrap();
    assert_eq!(answer.text(39), Some("00"));
    assert!(next(&mut stream).await.is_none());
}

//= spec/90-wire.md#wir-15-a-frame-comes-in-one-go
//= type=test
//# The issuer MUST close a connection when `FRAME_MS` have passed since the first byte of a frame that is not complete.
#[tokio::test]
async fn a_slow_frame_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let shop = issuer(&dir).await;
    let before = shop.rows();
    let bytes = shop.request(1, 1).encode().unwrap();
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    let mut slow = TcpStream::connect(shop.address).await.unwrap();
    let mut half = TcpStream::connect(shop.address).await.unwrap();
    let began = Instant::now();
    half.write_all(&length[..1]).await.unwrap();
    slow.write_all(&length).await.unwrap();
    // A byte at a time is never silence, but it is no frame either.
    let dripped = async {
        for byte in &bytes {
            if slow.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
            if let Ok(Ok(0) | Err(_)) =
                tokio::time::timeout(Duration::from_millis(1), slow.read(&mut [0; 8])).await
            {
                return;
            }
        }
        panic!("a frame of {} s was taken", bytes.len() / 4);
    };
    let mut rest = [0; 8];
    let (_, closed) = tokio::join!(dripped, half.read(&mut rest));
    assert_eq!(closed.unwrap(), 0);
    let took = began.elapsed();
    let limit = Duration::from_millis(FRAME_MS);
    assert!(took >= limit && took < limit * 2, "{took:?}");
    assert_eq!(shop.rows(), before);
}

/// A store that commits nothing from some point on.
struct Failing {
    rows: Memory,
    fails: AtomicBool,
}

impl Store for Failing {
    fn submit(&self, job: Job) {
        if !self.fails.load(Ordering::SeqCst) {
            return self.rows.submit(job);
        }
        let (_, done) = job(&kaika_wire::memory::MemoryRows::default());
        done(Err(Fault::Store("the disk is full".into())));
    }

    fn scan(&self, table: &'static str) -> Result<Vec<(String, Vec<u8>)>, Fault> {
        self.rows.scan(table)
    }

    fn dump(&self) -> Result<Dump, Fault> {
        self.rows.dump()
    }
}

#[tokio::test]
async fn a_store_that_fails_is_silence_and_not_a_decision() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Failing {
        rows: Memory::default(),
        fails: AtomicBool::new(false),
    });
    let shop = Shop::start(Arc::clone(&store) as Arc<dyn Store>, dir.path()).await;
    store.fails.store(true, Ordering::SeqCst);
    let mut stream = TcpStream::connect(shop.address).await.unwrap();
    let before = shop.rows();
    send(&mut stream, &shop.request(1, 1)).await;
    assert!(next(&mut stream).await.is_none(), "no answer, and the end");
    assert_eq!(shop.rows(), before);
    store.fails.store(false, Ordering::SeqCst);
    assert_eq!(told(&shop, &shop.request(1, 1)).await, "00");
}

/// A store whose first job waits for the others; counts the jobs that it was given.
struct Slow {
    rows: Arc<Memory>,
    given: AtomicU32,
    held: u32,
}

impl Store for Slow {
    fn submit(&self, job: Job) {
        let number = self.given.fetch_add(1, Ordering::SeqCst);
        if number >= self.held {
            return self.rows.submit(job);
        }
        let rows = Arc::clone(&self.rows);
        let step = Duration::from_millis(600) / self.held;
        let wait = Duration::from_millis(500) + step * (self.held - number);
        std::thread::spawn(move || {
            std::thread::sleep(wait);
            rows.submit(job);
        });
    }

    fn scan(&self, table: &'static str) -> Result<Vec<(String, Vec<u8>)>, Fault> {
        self.rows.scan(table)
    }

    fn dump(&self) -> Result<Dump, Fault> {
        self.rows.dump()
    }
}

/// An issuer over a store whose next `held` jobs are slow, the first one slowest.
async fn slow_issuer(dir: &tempfile::TempDir, held: u32) -> (Shop, Arc<Slow>) {
    let rows = Arc::new(Memory::default());
    let slow = Arc::new(Slow {
        rows: Arc::clone(&rows),
        given: AtomicU32::new(u32::MAX / 2),
        held,
    });
    let shop = Shop::start(Arc::clone(&slow) as Arc<dyn Store>, dir.path()).await;
    slow.given.store(0, Ordering::SeqCst);
    (shop, slow)
}

//= spec/90-wire.md#wir-14-requests-do-not-wait-for-each-other
//= type=test
//# The issuer MUST answer each ISO 8583 request of a connection when it is decided, whatever was asked before it.
#[tokio::test]
async fn answers_come_when_they_are_decided() {
    let dir = tempfile::tempdir().unwrap();
    let (shop, _) = slow_issuer(&dir, 2).await;
    let mut stream = TcpStream::connect(shop.address).await.unwrap();
    let mut echo = named(Message::new(*b"0800"), 3);
    echo.fields.retain(|field, _| [7, 11].contains(field));
    // The counter of the first is the higher one, since the second is decided before it.
    for message in [shop.request(1, 2), shop.request(2, 1), echo] {
        send(&mut stream, &message).await;
    }
    let mut order = Vec::new();
    for _ in 0..3 {
        let answer = next(&mut stream).await.unwrap();
        assert_eq!(answer.text(39), Some("00"));
        order.push(answer.text(11).unwrap().to_owned());
    }
    assert_eq!(order, ["000003", "000002", "000001"]);
}

//= spec/90-wire.md#wir-16-so-many-at-once
//= type=test
//# The issuer MUST NOT read a further ISO 8583 request from a connection while `IN_FLIGHT_MAX` of its requests are undecided.
#[tokio::test]
async fn only_so_many_are_judged_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let most = u32::try_from(IN_FLIGHT_MAX).unwrap();
    let (shop, slow) = slow_issuer(&dir, most).await;
    let mut stream = TcpStream::connect(shop.address).await.unwrap();
    for number in 0..most + 20 {
        let mut echo = named(Message::new(*b"0800"), number);
        echo.fields.retain(|field, _| [7, 11].contains(field));
        send(&mut stream, &echo).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(slow.given.load(Ordering::SeqCst), most);
    for _ in 0..most + 20 {
        assert!(next(&mut stream).await.is_some());
    }
    assert_eq!(slow.given.load(Ordering::SeqCst), most + 20);
}

#[tokio::test]
async fn many_lines_at_once_book_each_tap_once() {
    let dir = tempfile::tempdir().unwrap();
    let shop = Arc::new(issuer(&dir).await);
    let taps = 40_u16;
    let mut lines = Vec::new();
    // Each line sends its request twice; counters only rise, so one line after another would approve all. Here they race.
    for atc in 1..=taps {
        let shop = Arc::clone(&shop);
        lines.push(tokio::spawn(async move {
            let message = shop.request(u32::from(atc), atc);
            let mut stream = TcpStream::connect(shop.address).await.unwrap();
            send(&mut stream, &message).await;
            send(&mut stream, &message).await;
            let first = next(&mut stream).await.unwrap();
            assert_eq!(next(&mut stream).await.unwrap(), first);
            first.text(39) == Some("00")
        }));
    }
    let mut approved = 0;
    for line in lines {
        approved += usize::from(line.await.unwrap());
    }
    assert!(approved > 0);
    assert_eq!(
        shop.ledger().len(),
        1 + approved,
        "one card, and the postings"
    );
    let row = &shop.rows()[&("cards".to_owned(), card_code(0))];
    let card: kaika_issuer::rows::Card = serde_json::from_slice(row).unwrap();
    let spent = u64::try_from(approved).unwrap() * 1_000;
    assert_eq!(card.available_minor, 1_000_000_000 - spent);
}
