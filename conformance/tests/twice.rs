//! A message of ISO 8583 that is said twice: what the port hears of it, and that an answer which is another the second time is noticed.
//! An answer that a shop's terminal hears twice.

mod subjects;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kaika_conformance::codec::iso_write;
use kaika_conformance::format::File;
use kaika_conformance::manifest::{Endpoint, Implementation, Manifest};
use kaika_conformance::play::Runner;
use kaika_conformance::stage::Host;
use kaika_conformance::verdict::Verdict;
use serde_json::json;
use subjects::listening;

const PATIENCE: Duration = Duration::from_millis(800);

/// What a port has heard, oldest first, and how many of its connections ended before they were answered.
#[derive(Clone, Default)]
struct Port {
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    cut: Arc<AtomicUsize>,
}

impl Port {
    fn heard(&self) -> Vec<Vec<u8>> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.clone()
    }

    /// Keeps a frame; gives how many came before it.
    fn keep(&self, frame: Vec<u8>) -> usize {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push(frame);
        heard.len() - 1
    }

    /// Waits until so many frames were heard; says whether they were.
    fn has(&self, count: usize) -> bool {
        let ends = Instant::now() + PATIENCE / 2;
        while self.heard().len() < count && Instant::now() < ends {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.heard().len() >= count
    }
}

fn frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

fn approved(code: &str) -> Vec<u8> {
    let body = iso_write("0110", &[(39, code.to_owned())].into()).unwrap_or_default();
    let length = u16::try_from(body.len()).unwrap_or_default().to_be_bytes();
    [&length[..], &body].concat()
}

/// A message is said like this to a port that answers with these codes; each answer waits for as many messages as the port is to
/// hear at once. Of two that come one after the other the first has no answer, whichever is seen first.
fn said(how: &str, codes: [&'static str; 2], at_once: usize) -> (Verdict, Port) {
    let port = Port::default();
    let at = port.clone();
    let tcp = listening(move |mut stream| {
        let Some(body) = frame(&mut stream) else {
            return;
        };
        let place = at.keep(body);
        if !at.has(at_once) {
            return;
        }
        // Whoever loses an answer is gone before it: the end of the connection comes, and no more.
        let _ = stream.set_read_timeout(Some(PATIENCE / 8));
        if matches!(stream.read(&mut [0]), Ok(0)) {
            at.cut.fetch_add(1, Ordering::SeqCst);
            return;
        }
        let code = match at_once {
            1 => codes[1],
            _ => codes[place.min(1)],
        };
        let _ = stream.write_all(&approved(code));
    });
    let file = file(how);
    let runner = Runner::new(subject(tcp), PATIENCE);
    (runner.play(&file, &file.tests[0]).verdict, port)
}

fn subject(tcp: String) -> Manifest {
    Manifest {
        implementation: Implementation {
            name: "a port".to_owned(),
            version: "0".to_owned(),
        },
        roles: [(
            "issuer".to_owned(),
            Endpoint {
                tcp: Some(tcp),
                ..Endpoint::default()
            },
        )]
        .into(),
        ..Manifest::default()
    }
}

fn file(how: &str) -> File {
    let step = json!({"op": "iso", "mti": "0100", "fields": {"4": "000000001250"}, "how": how, "expect": {"39": "00"}});
    let test = json!({
        "id": "issuer/fault/one", "tier": "fault", "title": "one", "sut": ["issuer"], "result": "valid", "requirements": ["TAP-13"],
        "origin": {"criterion": "fault"}, "steps": [step],
    });
    let file = json!({
        "format": 1, "suite": "issuer", "spec": {"catalogueDigest": "sha256:00"}, "generator": {"name": "hand", "criteria": ["one"]},
        "notes": {}, "fixtures": {}, "parts": {}, "numberOfTests": 1, "tests": [test],
    });
    File::read("twice.json", &file.to_string()).unwrap_or_else(|error| panic!("{error}"))
}

fn is_same_twice(port: &Port) -> bool {
    let heard = port.heard();
    heard.len() == 2 && heard[0] == heard[1]
}

#[test]
fn an_answer_is_lost_by_a_connection_that_ends_before_it() {
    let (verdict, port) = said("lost", ["", "00"], 1);
    assert_eq!(verdict, Verdict::Pass);
    assert!(is_same_twice(&port) && port.cut.load(Ordering::SeqCst) == 1);
    let (verdict, _) = said("lost", ["", "94"], 1);
    let Verdict::Fail(failure) = verdict else {
        panic!("{verdict:?}")
    };
    assert_eq!(
        (&*failure.expected, &*failure.seen),
        ("field 39: \"00\"", "\"94\"")
    );
}

#[test]
fn two_are_said_at_once_and_answered_alike() {
    // Neither is answered before both are heard.
    let (verdict, port) = said("both", ["00", "00"], 2);
    assert_eq!(verdict, Verdict::Pass);
    assert!(is_same_twice(&port) && port.cut.load(Ordering::SeqCst) == 0);
    let (verdict, _) = said("both", ["00", "94"], 2);
    assert_eq!(verdict.name(), "fail", "{verdict:?}");
    let (verdict, _) = said("both", ["94", "94"], 2);
    assert_eq!(verdict.name(), "fail", "{verdict:?}");
}

/// Both come on one connection before either is answered.
#[test]
fn two_are_said_on_one_line() {
    for (code, verdict) in [("00", "pass"), ("94", "fail")] {
        let tcp = listening(move |mut stream| {
            let (first, second) = (frame(&mut stream), frame(&mut stream));
            if first.is_some() && first == second {
                let _ = stream.write_all(&[approved("00"), approved(code)].concat());
            }
        });
        let file = file("line");
        let runner = Runner::new(subject(tcp), PATIENCE);
        assert_eq!(runner.play(&file, &file.tests[0]).verdict.name(), verdict);
    }
}

#[test]
fn an_answer_is_said_so_many_times_in_one_go() {
    let host = Host::open().unwrap_or_else(|error| panic!("{error}"));
    for times in [1, 2] {
        let mut line = TcpStream::connect(host.address()).unwrap_or_else(|error| panic!("{error}"));
        let asked = iso_write("0100", &[(11, "000001".to_owned())].into()).unwrap_or_default();
        let length = u16::try_from(asked.len()).unwrap_or_default().to_be_bytes();
        assert!(line.write_all(&[&length[..], &asked].concat()).is_ok());
        let Some(mut heard) = host.hear(PATIENCE) else {
            panic!("nothing was heard")
        };
        assert!(heard.reply(b"yes", times));
        heard.hang_up();
        let mut all = Vec::new();
        assert!(line.read_to_end(&mut all).is_ok());
        assert_eq!(all, b"\0\x03yes".repeat(times));
    }
}
