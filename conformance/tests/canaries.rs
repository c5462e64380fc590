//! Five subjects that are wrong in the simplest ways: each must fail every suite, whatever the suite.

mod subjects;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use kaika_conformance::manifest::{Carrier, Endpoint, Hooks, Implementation, Manifest};
use kaika_conformance::peers::Peers;
use kaika_conformance::play::Runner;
use kaika_conformance::suite::{Filter, run};
use subjects::{heard, http, listening, suites};

const PATIENCE: Duration = Duration::from_millis(150);

#[derive(Clone, Copy, Debug)]
enum Canary {
    /// Says yes to everything.
    Accepts,
    /// Says no to everything.
    Refuses,
    /// Says what it heard.
    Echoes,
    /// Says nothing.
    Hangs,
    /// Goes away.
    HangsUp,
}

fn serve(mut stream: TcpStream, canary: Canary, control: &str) {
    let Some((head, body)) = heard(&mut stream) else {
        return;
    };
    if head.starts_with("POST /ctl/") {
        let _ = stream.write_all(&http(200, "application/json", control));
        return;
    }
    let refused = r#"{"type":"urn:kaika:problem:malformed","title":"malformed","status":400,"code":"malformed","class":"fatal"}"#;
    let answer = match canary {
        Canary::Accepts => http(200, "application/json", "{}"),
        Canary::Refuses => http(400, "application/problem+json", refused),
        Canary::Echoes => http(
            200,
            "application/json",
            if body.is_empty() { "{}" } else { &body },
        ),
        Canary::Hangs => return std::thread::sleep(4 * PATIENCE),
        Canary::HangsUp => return,
    };
    let _ = stream.write_all(&answer);
}

/// A chip or a POS port: frames of two bytes of length and a body.
fn serve_frames(mut stream: TcpStream, canary: Canary) {
    loop {
        let mut length = [0; 2];
        if stream.read_exact(&mut length).is_err() {
            return;
        }
        let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
        if stream.read_exact(&mut body).is_err() || body.len() == 1 {
            continue;
        }
        let answer = match canary {
            Canary::Accepts => vec![0x90, 0x00],
            Canary::Refuses => vec![0x6F, 0x00],
            Canary::Echoes => body,
            Canary::Hangs => return std::thread::sleep(4 * PATIENCE),
            Canary::HangsUp => return,
        };
        let length = u16::try_from(answer.len()).unwrap_or(0).to_be_bytes();
        let _ = stream.write_all(&[&length[..], &answer].concat());
    }
}

fn subject(canary: Canary) -> Manifest {
    let tcp = listening(move |stream| serve_frames(stream, canary));
    let control = format!(r#"{{"ok":true,"tcp":"{tcp}","se_id":"0000000000000001"}}"#);
    let http = format!(
        "http://{}",
        listening(move |stream| serve(stream, canary, &control))
    );
    let endpoint = Endpoint {
        http: Some(http.clone()),
        tcp: Some(tcp),
        ..Endpoint::default()
    };
    let key = |name: &str| {
        (
            name.to_owned(),
            "00".repeat(if name == "chip_master" { 16 } else { 32 }),
        )
    };
    let keys = [
        "verifier_issuer",
        "operator_issuer",
        "operator_verifier",
        "operator_identity",
        "chip_master",
    ];
    Manifest {
        implementation: Implementation {
            name: format!("{canary:?}"),
            version: "0".to_owned(),
        },
        roles: [
            "issuer", "verifier", "identity", "sms", "chip", "pos", "terminal",
        ]
        .iter()
        .map(|role| ((*role).to_owned(), endpoint.clone()))
        .collect(),
        keys: keys.iter().map(|name| key(name)).collect(),
        hooks: Hooks {
            control: Some(Carrier::Http(http)),
            offers: None,
        },
        ..Manifest::default()
    }
}

fn peers() -> Peers {
    let at = ["issuer", "identity", "sms"].map(|role| (role.to_owned(), "127.0.0.1:0".to_owned()));
    match Peers::start(&BTreeMap::from(at)) {
        Ok(peers) => peers,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn every_canary_fails_every_suite() {
    for canary in [
        Canary::Accepts,
        Canary::Refuses,
        Canary::Echoes,
        Canary::Hangs,
        Canary::HangsUp,
    ] {
        for file in suites() {
            let runner = Runner::new(subject(canary), PATIENCE).with_peers(peers());
            let outcome = run(&runner, file, &Filter::default(), 4, &|_, _, _| {})
                .unwrap_or_else(|error| panic!("{error}"));
            assert!(!outcome.is_good(), "{canary:?} passes {}", file.suite);
        }
    }
}

/// Without the sanity conversation: not one test passes that ends in a refusal only because everything is refused.
#[test]
fn what_refuses_everything_passes_no_invalid_test() {
    for file in suites() {
        let runner = Runner::new(subject(Canary::Refuses), PATIENCE).with_peers(peers());
        let invalid = file
            .tests
            .iter()
            .filter(|test| test.result == kaika_conformance::format::Kind::Invalid);
        for test in invalid.take(200) {
            let played = runner.play(file, test);
            assert_ne!(played.verdict.name(), "pass", "{}", test.id);
        }
    }
}

#[test]
fn a_run_that_selects_nothing_is_an_error() {
    let file = &suites()[0];
    let runner = Runner::new(subject(Canary::Accepts), PATIENCE);
    let filter = Filter {
        only: vec!["no such test".to_owned()],
        ..Filter::default()
    };
    assert!(run(&runner, file, &filter, 1, &|_, _, _| {}).is_err());
}
