//! Authorisations over TCP with durable booking, beside a bare durable insert of one row over the same stack: the same framing,
//! the same store, the same bytes on the wire, in turns on one disk.
//!
//! `cargo bench -p kaika-node --bench authorise`; `TMPDIR` says on which disk. An authorisation reads four rows, checks a
//! cryptogram, and writes four rows; the ratio says what that costs.

#![expect(clippy::float_arithmetic, reason = "rates")]
#![expect(clippy::unwrap_used, reason = "a benchmark")]

#[path = "../tests/shop/mod.rs"]
mod shop;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kaika_node::frame;
use kaika_node::framed::{self, Answering};
use kaika_node::store::{Sqlite, Store, run};
use kaika_spec::limit::ISO8583_MAX;
use kaika_wire::core::Write;
use kaika_wire::iso8583::Message;
use shop::Shop;
use tokio::net::{TcpListener, TcpStream};

/// Connections at once.
const LINES: u32 = 8;
/// Requests in flight on each, every one with a token of its own.
const IN_FLIGHT: u32 = 8;
/// Taps of each token in one turn.
const TAPS: u16 = 150;
/// Turns; the median of each rate is shown.
const TURNS: u16 = 7;

/// Stores a row with the request's bytes under the transaction's name, and answers it with an approval of the same form.
struct Bare {
    store: Arc<dyn Store>,
}

impl Answering for Bare {
    type Request = (Vec<u8>, Message);

    fn read(&self, bytes: &[u8]) -> Option<Self::Request> {
        Some((bytes.to_vec(), Message::parse(bytes).ok()?))
    }

    async fn answer(&self, (bytes, mut message): Self::Request) -> Option<Vec<u8>> {
        let name = [41, 42, 37].map(|field| message.text(field).unwrap_or_default());
        let write = Write::put("bare", name.join("|"), &hex::encode(bytes));
        run(&*self.store, move |_| (vec![write], ())).await.ok()?;
        message.mti = *b"0110";
        message.with(39, *b"00").encode().ok()
    }
}

async fn bare(dir: &Path) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let store = Sqlite::open(&dir.join("bare.db")).unwrap();
    let bare = Bare {
        store: Arc::new(store),
    };
    tokio::spawn(framed::serve(Arc::new(bare), listener));
    address
}

/// What the tokens of one line say in one turn: for each token its requests in order.
type Said = Vec<Vec<Vec<u8>>>;

fn said(shop: &Shop, line: u32, turn: u16) -> Said {
    let tokens = line * IN_FLIGHT..(line + 1) * IN_FLIGHT;
    tokens
        .map(|n| {
            let key = shop.key(n);
            let tap = |tap: u16| {
                let atc = turn * TAPS + tap + 1;
                // The trace number says which token it was; references rise with time, as they do in the trade.
                shop::request(&key, n, n, atc)
                    .with(37, format!("{atc:06}{n:06}"))
                    .encode()
                    .unwrap()
            };
            (0..TAPS).map(tap).collect()
        })
        .collect()
}

/// Says all, each token's next when its last is answered. Panics unless every one is approved.
async fn talk(address: SocketAddr, line: u32, said: Said) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut left: Vec<_> = said.into_iter().map(Vec::into_iter).collect();
    let mut due = 0;
    for requests in &mut left {
        frame::write(&mut stream, &requests.next().unwrap())
            .await
            .unwrap();
        due += 1;
    }
    while due > 0 {
        let answer = frame::read(&mut stream, ISO8583_MAX).await.unwrap();
        let answer = Message::parse(&answer.unwrap()).unwrap();
        assert_eq!(answer.text(39), Some("00"), "{answer:?}");
        due -= 1;
        let token: u32 = answer.text(11).unwrap().parse().unwrap();
        let place = usize::try_from(token - line * IN_FLIGHT).unwrap();
        if let Some(next) = left[place].next() {
            frame::write(&mut stream, &next).await.unwrap();
            due += 1;
        }
    }
}

/// Requests answered in a second.
async fn rate(address: SocketAddr, said: Vec<Said>) -> f64 {
    let count = u32::from(TAPS) * LINES * IN_FLIGHT;
    let start = Instant::now();
    let lines = (0..).zip(said);
    let lines: Vec<_> = lines
        .map(|(line, said)| tokio::spawn(talk(address, line, said)))
        .collect();
    for line in lines {
        line.await.unwrap();
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&dir.path().join("issuer.db")).unwrap();
    let shop = Shop::start(Arc::new(store), dir.path()).await;
    for n in 0..LINES * IN_FLIGHT {
        shop.add(n).await;
    }
    let bare = bare(dir.path()).await;
    let (mut inserted, mut authorised) = (vec![], vec![]);
    for turn in 0..TURNS {
        let all: Vec<Said> = (0..LINES).map(|line| said(&shop, line, turn)).collect();
        inserted.push(rate(bare, all.clone()).await);
        authorised.push(rate(shop.address, all).await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let (inserted, authorised) = (median(inserted), median(authorised));
    println!("{LINES} lines, {IN_FLIGHT} requests in flight on each, {TURNS} turns, medians");
    println!("one row inserted durably: {inserted:>10.0} per second");
    println!(
        "authorised and booked:    {authorised:>10.0} per second, {:.2} of the insert",
        authorised / inserted
    );
}
