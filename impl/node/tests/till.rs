//! A shop's terminal against an issuer that is late, silent or wrong: answers find their requests, and what is not decided is
//! reversed, after a restart too.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kaika_node::chip::Remote;
use kaika_node::clock::System;
use kaika_node::frame;
use kaika_node::line::Line;
use kaika_node::store::{Dump, Job, Memory, Sqlite, Store, run};
use kaika_node::till::{REVERSALS, Till};
use kaika_node::{Fault, calendar};
use kaika_pos::{Kind, Outcome, Reversal, Sale};
use kaika_spec::limit::ISO8583_MAX;
use kaika_wire::core::Write;
use kaika_wire::iso8583::Message;
use serde_json::json;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};

const PATIENCE: Duration = Duration::from_millis(400);

/// Everything that the issuer was sent, in order.
type Heard = Arc<Mutex<Vec<Message>>>;

/// What the issuer does with a message that is no sign-on.
trait Manner: Fn(&Message) -> Reaction + Send + Sync + 'static {}
impl<F: Fn(&Message) -> Reaction + Send + Sync + 'static> Manner for F {}

#[derive(Clone, Debug)]
enum Reaction {
    Silent,
    /// Answers with this code after so long.
    After(u64, &'static str),
    /// Says this, in one frame, whatever it is.
    Says(Vec<u8>),
    HangUp,
}

fn answer(to: &Message, code: &str) -> Message {
    let mut answer = to.clone().with(39, code);
    for field in [14, 22, 55, 90] {
        answer.fields.remove(&field);
    }
    answer.mti[2] = b'1';
    answer.mti[3] = b'0';
    if code == "00" && answer.mti[1] != b'8' {
        answer = answer.with(38, *b"123456");
    }
    answer
}

/// An issuer of this manner.
async fn issuer(manner: impl Manner) -> (SocketAddr, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (heard, manner): (Heard, _) = (Arc::default(), Arc::new(manner));
    let log = Arc::clone(&heard);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(session(stream, Arc::clone(&log), Arc::clone(&manner)));
        }
    });
    (address, heard)
}

async fn session(stream: TcpStream, heard: Heard, manner: Arc<impl Manner>) {
    let (mut reader, writer) = stream.into_split();
    let writer = Arc::new(tokio::sync::Mutex::new(writer));
    while let Ok(Some(bytes)) = frame::read(&mut reader, ISO8583_MAX).await {
        let message = Message::parse(&bytes).unwrap();
        heard.lock().unwrap().push(message.clone());
        let reaction = if message.mti == *b"0800" {
            Reaction::After(0, "00")
        } else {
            manner(&message)
        };
        match reaction {
            Reaction::Silent => {}
            Reaction::HangUp => return,
            Reaction::Says(bytes) => write(&writer, &bytes).await,
            Reaction::After(ms, code) => {
                let (writer, bytes) = (Arc::clone(&writer), answer(&message, code).encode());
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                    write(&writer, &bytes.unwrap()).await;
                });
            }
        }
    }
}

async fn write(writer: &tokio::sync::Mutex<OwnedWriteHalf>, bytes: &[u8]) {
    let mut writer = writer.lock().await;
    let _ = frame::write(&mut *writer, bytes).await;
}

fn types(heard: &Heard) -> Vec<String> {
    let heard = heard.lock().unwrap();
    heard
        .iter()
        .map(|message| String::from_utf8_lossy(&message.mti).into_owned())
        .collect()
}

fn request(number: u32) -> Message {
    Message::new(*b"0100")
        .with(2, *b"6299000000000007")
        .with(4, *b"000000001000")
        .with(7, *b"1124120000")
        .with(11, format!("{number:06}"))
        .with(37, format!("{number:012}"))
        .with(41, *b"POS00001")
        .with(42, *b"NOODLE-BAR     ")
        .with(49, *b"156")
}

async fn asked(line: &Line, message: &Message) -> Option<Message> {
    let answer = line.ask(&message.encode().unwrap()).await?;
    Some(Message::parse(&answer).unwrap())
}

fn line(address: SocketAddr) -> Line {
    Line::new(address, PATIENCE, Arc::new(System))
}

//= spec/75-tap.md#tap-22-an-answer-finds-its-request
//= type=test
//# The POS MUST take an answer only for the request with its message class and its fields 11, 37, 41 and 42.
#[tokio::test]
async fn answers_out_of_order_find_their_requests() {
    let later_first = |message: &Message| {
        let number: u64 = message.text(11).unwrap().parse().unwrap();
        Reaction::After(250 - 40 * number, "00")
    };
    let (address, heard) = issuer(later_first).await;
    let line = line(address);
    let requests: Vec<Message> = (1..=5).map(request).collect();
    let [a, b, c, d, e] = &requests[..] else {
        panic!("five")
    };
    let answers = tokio::join!(
        asked(&line, a),
        asked(&line, b),
        asked(&line, c),
        asked(&line, d),
        asked(&line, e)
    );
    let answers = [answers.0, answers.1, answers.2, answers.3, answers.4];
    for (request, answered) in requests.iter().zip(answers) {
        assert_eq!(answered, Some(answer(request, "00")));
    }
    let one_line = ["0800", "0100", "0100", "0100", "0100", "0100"];
    assert_eq!(types(&heard), one_line);
}

#[tokio::test]
async fn a_late_answer_and_one_to_something_else_are_nobodys() {
    let manner = |message: &Message| match message.text(11).unwrap() {
        "000001" => Reaction::After(600, "00"),
        "000002" => Reaction::After(0, "05"),
        "000003" => {
            let other = message.clone().with(37, *b"000000000099");
            Reaction::Says(answer(&other, "00").encode().unwrap())
        }
        // An answer of another class.
        "000004" => {
            let mut other = message.clone();
            other.mti = *b"0200";
            Reaction::Says(answer(&other, "00").encode().unwrap())
        }
        _ => Reaction::Silent,
    };
    let (address, heard) = issuer(manner).await;
    let line = line(address);
    assert_eq!(asked(&line, &request(1)).await, None);
    let (mut second, _) = (None, ());
    for _ in 0..3 {
        second = asked(&line, &request(2)).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(second.unwrap().text(39), Some("05"));
    assert_eq!(asked(&line, &request(3)).await, None);
    assert_eq!(asked(&line, &request(4)).await, None);
    let signed_on = types(&heard).iter().filter(|kind| *kind == "0800").count();
    assert_eq!(signed_on, 1, "the line stood all the time");
}

#[tokio::test]
async fn a_line_that_breaks_is_opened_again() {
    let manner = |message: &Message| match message.text(11).unwrap() {
        "000001" => Reaction::HangUp,
        "000002" => Reaction::Says(b"0110 this is no message".to_vec()),
        _ => Reaction::After(0, "00"),
    };
    let (address, heard) = issuer(manner).await;
    let line = line(address);
    let began = std::time::Instant::now();
    assert_eq!(asked(&line, &request(1)).await, None);
    assert_eq!(asked(&line, &request(2)).await, None);
    assert!(began.elapsed() < PATIENCE, "nobody waits on a broken line");
    let third = asked(&line, &request(3)).await;
    assert_eq!(third.unwrap().text(39), Some("00"));
    let all = ["0800", "0100", "0800", "0100", "0800", "0100"];
    assert_eq!(types(&heard), all);
}

/// What a chip thinks of the issuer's proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// It cannot check one, and must not be asked.
    Unasked,
    Believed,
    Refused,
    /// It has left.
    Gone,
}

/// A chip that pays: what a card answers, command by command.
async fn chip(proof: Proof) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                while let Ok(Some(command)) = frame::read(&mut stream, 300).await {
                    let is_proof = command.starts_with(&[0x00, 0x82, 0, 0, 8]);
                    let answer = match (is_proof, proof) {
                        _ if command.len() == 1 => continue,
                        (true, Proof::Unasked) => panic!("a chip that cannot check is asked"),
                        (true, Proof::Gone) => return,
                        (true, Proof::Believed) => "9000".to_owned(),
                        (true, Proof::Refused) => "6300".to_owned(),
                        (false, _) => said(&command, proof),
                    };
                    let answer = hex::decode(answer).unwrap();
                    let _ = frame::write(&mut stream, &answer).await;
                }
            });
        }
    });
    address
}

/// One data object in hexadecimal.
fn object(tag: &str, value: &str) -> String {
    format!("{tag}{:02x}{value}", value.len() / 2)
}

fn said(command: &[u8], proof: Proof) -> String {
    let profile = match proof {
        Proof::Unasked => "1800",
        Proof::Believed | Proof::Refused | Proof::Gone => "1c00",
    };
    let aid = "f04b41494b410101";
    let data = match command {
        [0x00, 0xa4, _, _, 14, ..] => {
            let entry = object("61", &(object("4f", aid) + &object("87", "01")));
            object("6f", &object("a5", &object("bf0c", &entry)))
        }
        [0x00, 0xa4, ..] => object("6f", &(object("84", aid) + "a500")),
        [0x80, 0xa8, ..] => object("77", &(object("82", profile) + &object("94", "08010100"))),
        [0x00, 0xb2, ..] => {
            let card = object("5a", "6299000000000007") + &object("5f24", "991231");
            let lists = object("5f34", "01") + &object("8c", "9f02069f3704");
            object("70", &(card + &lists))
        }
        _ => {
            let ac = object("9f27", "80") + &object("9f36", "0001");
            let signed = object("9f26", "0102030405060708") + &object("9f10", "06011203a00000");
            object("77", &(ac + &signed))
        }
    };
    data + "9000"
}

fn sale(number: u32) -> Sale {
    let now = calendar::stamp(1_764_000_000_000);
    Sale {
        kind: Kind::Authorisation,
        amount_minor: 1_000,
        currency: "156".into(),
        country: "156".into(),
        at: now.at,
        date: now.date,
        unpredictable_number: [1, 2, 3, 4],
        stan: format!("{number:06}"),
        reference: format!("{number:012}"),
        terminal: "POS00001".into(),
        shop: "NOODLE-BAR".into(),
    }
}

fn till(store: Arc<dyn Store>, issuer: SocketAddr) -> Till {
    Till::new(store, issuer, PATIENCE, Arc::new(System))
}

async fn tapped(till: &Till, number: u32) -> Result<Outcome, Fault> {
    tapped_with(till, number, Proof::Unasked).await
}

async fn tapped_with(till: &Till, number: u32, proof: Proof) -> Result<Outcome, Fault> {
    let mut chip = Remote::connect(chip(proof).await).await?;
    let (outcome, token) = till.tap(sale(number), &mut chip).await?;
    assert_eq!(token.as_deref(), Some("6299000000000007"));
    Ok(outcome)
}

fn due(store: &dyn Store) -> usize {
    store.scan(REVERSALS).unwrap().len()
}

#[tokio::test]
async fn a_decision_removes_the_reversal() {
    for (code, want) in [
        (
            "00",
            Outcome::Approved {
                auth_code: "123456".into(),
            },
        ),
        ("51", Outcome::Declined { code: "51".into() }),
    ] {
        let (address, heard) = issuer(move |_: &Message| Reaction::After(0, code)).await;
        let store = Arc::new(Memory::default());
        let till = till(store.clone(), address);
        assert_eq!(tapped(&till, 1).await.unwrap(), want);
        assert_eq!(due(&*store), 0);
        assert_eq!(types(&heard), ["0800", "0100"]);
    }
}

//= spec/75-tap.md#tap-11-a-time-out-is-reversed
//= type=test
//# The POS MUST reverse a request that was not answered, and repeat the reversal until it is answered.
#[tokio::test]
async fn silence_is_reversed_and_the_reversal_repeated() {
    let manner = |message: &Message| match &message.mti {
        b"0401" => Reaction::After(0, "00"),
        _ => Reaction::Silent,
    };
    let (address, heard) = issuer(manner).await;
    let store = Arc::new(Memory::default());
    let till = till(store.clone(), address);
    assert_eq!(tapped(&till, 1).await.unwrap(), Outcome::Reversed);
    assert_eq!(types(&heard), ["0800", "0100", "0400", "0401"]);
    assert_eq!(due(&*store), 0);
    let heard = heard.lock().unwrap();
    let original = format!("0100{}{}", "0000011124160000", "0".repeat(22));
    assert_eq!(heard[2].text(90), Some(original.as_str()));
    assert_eq!(heard[2].fields, heard[3].fields);
}

//= spec/75-tap.md#tap-21-old-reversals-first
//= type=test
//# The POS MUST have every reversal that an earlier payment left answered before it asks for another payment.
#[tokio::test]
async fn an_old_reversal_is_answered_before_anything_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pos.db");
    // Nobody takes the reversal: the terminal gives up, and keeps it.
    let (silent, heard) = issuer(|_: &Message| Reaction::Silent).await;
    let first = till(Arc::new(Sqlite::open(&path).unwrap()), silent);
    assert!(tapped(&first, 1).await.is_err());
    assert!(types(&heard).contains(&"0401".to_owned()));
    // Neither does it ask for another payment while it is not taken.
    assert!(tapped(&first, 2).await.is_err());
    let asked = types(&heard);
    assert_eq!(asked.iter().filter(|kind| *kind == "0100").count(), 1);
    drop(first);
    // Another process with the same store, and an issuer that answers.
    let (address, heard) = issuer(|_: &Message| Reaction::After(0, "00")).await;
    let store = Arc::new(Sqlite::open(&path).unwrap());
    assert_eq!(due(&*store), 1);
    let second = till(store.clone(), address);
    let outcome = tapped(&second, 2).await.unwrap();
    assert!(matches!(outcome, Outcome::Approved { .. }));
    assert_eq!(types(&heard), ["0800", "0401", "0100"]);
    assert_eq!(heard.lock().unwrap()[1].text(11), Some("000001"));
    assert_eq!(due(&*store), 0);
}

/// A store that commits nothing.
struct Broken(Memory);

impl Store for Broken {
    fn submit(&self, job: Job) {
        let (_, done) = job(&kaika_wire::memory::MemoryRows::default());
        done(Err(Fault::Store("the disk is full".into())));
    }
    fn scan(&self, table: &'static str) -> Result<Vec<(String, Vec<u8>)>, Fault> {
        self.0.scan(table)
    }
    fn dump(&self) -> Result<Dump, Fault> {
        self.0.dump()
    }
}

//= spec/75-tap.md#tap-20-the-reversal-is-stored-first
//= type=test
//# The POS MUST store the reversal of a request before the request leaves, and keep it until it knows the issuer's decision or
//# the reversal is answered.
#[tokio::test]
async fn what_cannot_be_undone_is_not_asked() {
    let (address, heard) = issuer(|_: &Message| Reaction::After(0, "00")).await;
    let till = till(Arc::new(Broken(Memory::default())), address);
    let fault = tapped(&till, 1).await.unwrap_err();
    assert!(fault.to_string().contains("the disk is full"), "{fault}");
    assert_eq!(types(&heard), ["0800"]);
}

#[tokio::test]
async fn an_issuer_that_is_not_there_is_not_asked_and_the_card_neither() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let store = Arc::new(Memory::default());
    let fault = tapped(&till(store.clone(), address), 1).await.unwrap_err();
    assert!(fault.to_string().contains("nothing was asked"), "{fault}");
    assert_eq!(due(&*store), 0);
}

#[tokio::test]
async fn payments_side_by_side_do_not_reverse_each_other() {
    let manner = |message: &Message| {
        let number: u64 = message.text(11).unwrap().parse().unwrap();
        Reaction::After(300 - 100 * number, "00")
    };
    let (address, heard) = issuer(manner).await;
    let store = Arc::new(Memory::default());
    let till = till(store.clone(), address);
    let (first, second) = tokio::join!(tapped(&till, 1), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        tapped(&till, 2).await
    });
    assert!(matches!(first.unwrap(), Outcome::Approved { .. }));
    assert!(matches!(second.unwrap(), Outcome::Approved { .. }));
    assert_eq!(types(&heard), ["0800", "0100", "0100"]);
    assert_eq!(due(&*store), 0);
}

#[tokio::test]
async fn an_approval_that_comes_while_an_old_reversal_is_slow_stands() {
    let manner = |message: &Message| match message.mti {
        [_, b'4', ..] => Reaction::After(300, "00"),
        _ => Reaction::After(200, "00"),
    };
    let (address, heard) = issuer(manner).await;
    let store = Arc::new(Memory::default());
    let till = till(store.clone(), address);
    let (paid, settled) = tokio::join!(tapped(&till, 2), async {
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(due(&*store), 1, "the payment is under way");
        leave(&*store, &request(1)).await;
        till.settle().await
    });
    assert!(matches!(paid.unwrap(), Outcome::Approved { .. }));
    assert_eq!(settled.unwrap(), 1);
    let heard = heard.lock().unwrap();
    let reversed = heard.iter().filter(|message| message.mti[1] == b'4');
    let reversed: Vec<_> = reversed.map(|message| message.text(11)).collect();
    assert_eq!(reversed, [Some("000001")]);
    assert_eq!(due(&*store), 0);
}

/// What a process that died leaves of a request.
async fn leave(store: &dyn Store, request: &Message) {
    let reversal = Reversal::of(request).unwrap();
    let row = json!({"message": hex::encode(reversal.first()), "sent": true});
    let write = Write::put(REVERSALS, reversal.name(), &row);
    run(store, move |_| (vec![write], ())).await.unwrap();
}

//= spec/75-tap.md#tap-24-a-reversal-ends
//= type=test
//# The POS MUST take a reversal as answered when the response code is 00 or 64, and for no other.
#[tokio::test]
async fn a_reversal_whose_name_is_anothers_is_not_repeated_for_ever() {
    let manner = |message: &Message| match message.mti {
        [_, b'4', ..] => Reaction::After(0, "64"),
        _ => Reaction::Silent,
    };
    let (address, heard) = issuer(manner).await;
    let store = Arc::new(Memory::default());
    let till = till(store.clone(), address);
    assert_eq!(tapped(&till, 1).await.unwrap(), Outcome::Reversed);
    assert_eq!(types(&heard), ["0800", "0100", "0400"]);
    leave(&*store, &request(2)).await;
    assert_eq!(till.settle().await.unwrap(), 1);
    assert_eq!(due(&*store), 0);
}

//= spec/75-tap.md#tap-19-the-chip-hears-the-issuer
//= type=test
//# The POS MUST reverse an approval whose response cryptogram is missing, or refused by the chip, when the chip's interchange
//# profile supports issuer authentication.
#[tokio::test]
async fn an_approval_is_worth_what_the_chip_thinks_of_its_proof() {
    let with_proof = |message: &Message| match &message.mti {
        b"0100" => {
            let proof = hex::decode("91080102030400800000").unwrap();
            let answer = answer(message, "00").with(55, proof);
            Reaction::Says(answer.encode().unwrap())
        }
        _ => Reaction::After(0, "00"),
    };
    for (proof, is_approved) in [
        (Proof::Unasked, true),
        (Proof::Believed, true),
        (Proof::Gone, true),
        (Proof::Refused, false),
    ] {
        let (address, heard) = issuer(with_proof).await;
        let store = Arc::new(Memory::default());
        let outcome = tapped_with(&till(store.clone(), address), 1, proof).await;
        let approved = matches!(outcome, Ok(Outcome::Approved { .. }));
        assert_eq!(approved, is_approved, "{proof:?}: {outcome:?}");
        let reversed = types(&heard).contains(&"0400".to_owned());
        assert_eq!(reversed, !is_approved, "{proof:?}");
        assert_eq!(due(&*store), 0);
    }
    // An approval without one is nobody's, for a chip that can check.
    let (address, heard) = issuer(|_: &Message| Reaction::After(0, "00")).await;
    let till = till(Arc::new(Memory::default()), address);
    let outcome = tapped_with(&till, 1, Proof::Believed).await.unwrap();
    assert_eq!(outcome, Outcome::Reversed);
    assert_eq!(types(&heard), ["0800", "0100", "0400"]);
}
