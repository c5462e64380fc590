//! Subjects that behave badly on the wire, by real sockets: each ends in a verdict that says what was wrong, in bounded time and
//! memory, and none in a pass.

mod subjects;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use kaika_conformance::format::File;
use kaika_conformance::manifest::{
    Carrier, Endpoint, Hooks, Implementation, Known, KnownFailures, Manifest,
};
use kaika_conformance::peers::Peers;
use kaika_conformance::play::Runner;
use kaika_conformance::suite::{Filter, SILENCES, Standing, run, stale};
use kaika_conformance::verdict::{Failure, Verdict};
use serde_json::{Value, json};
use subjects::{answering, heard, http, listening};

/// How long one answer may take here.
const PATIENCE: Duration = Duration::from_millis(400);
/// What a bounded time is: one answer, and a machine that does other things too.
const SOON: Duration = Duration::from_secs(4);

/// A suite of tests that each ask once and want `{}`.
fn asking(count: usize) -> File {
    let ask = json!({"op": "send", "from": "verifier", "to": "issuer", "method": "GET", "path": ["v1"], "expect": {"accept": {}}});
    suite(count, &[ask], &[])
}

fn suite(count: usize, steps: &[Value], needs: &[&str]) -> File {
    let test = |number: usize| {
        json!({
            "id": format!("issuer/wire/{number}"), "tier": "standard", "title": "asks", "sut": ["issuer"], "needs": needs, "result": "valid",
            "requirements": ["WIR-8"], "origin": {"criterion": "hand"}, "steps": steps,
        })
    };
    let tests: Vec<Value> = (0..count).map(test).collect();
    let file = json!({
        "format": 1, "suite": "bad", "spec": {"catalogueDigest": "sha256:00"}, "generator": {"name": "hand", "criteria": ["one"]},
        "notes": {}, "fixtures": {}, "parts": {}, "numberOfTests": count, "tests": tests,
    });
    File::read("bad.json", &file.to_string()).unwrap_or_else(|error| panic!("{error}"))
}

fn subject(http: &str, tcp: &str) -> Manifest {
    let endpoint = |http: Option<String>| Endpoint {
        http,
        tcp: Some(tcp.to_owned()),
        ..Endpoint::default()
    };
    Manifest {
        implementation: Implementation {
            name: "bad".to_owned(),
            version: "0".to_owned(),
        },
        roles: [
            (
                "issuer".to_owned(),
                endpoint(Some(format!("http://{http}"))),
            ),
            ("chip".to_owned(), endpoint(None)),
        ]
        .into(),
        ..Manifest::default()
    }
}

/// What becomes of one question, and that it does not take long.
fn asked(each: impl Fn(TcpStream) + Clone + Send + 'static) -> Verdict {
    played(&asking(1), &subject(&listening(each), "127.0.0.1:1"))
}

fn played(file: &File, subject: &Manifest) -> Verdict {
    let began = Instant::now();
    let runner = Runner::new(subject.clone(), PATIENCE);
    let verdict = runner.play(file, &file.tests[0]).verdict;
    let took = began.elapsed();
    assert!(took < SOON, "it took {took:?}: {verdict:?}");
    verdict
}

fn failed(verdict: Verdict) -> Failure {
    match verdict {
        Verdict::Fail(failure) => failure,
        other => panic!("{other:?}"),
    }
}

fn silent(verdict: Verdict) -> Failure {
    match verdict {
        Verdict::Inconclusive(failure) => failure,
        other => panic!("{other:?}"),
    }
}

/// Answers what was heard with these bytes.
fn says(bytes: Vec<u8>) -> impl Fn(TcpStream) + Clone + Send + 'static {
    move |mut stream| {
        if heard(&mut stream).is_some() {
            let _ = stream.write_all(&bytes);
        }
    }
}

#[test]
fn who_hangs_is_not_judged() {
    let failure = silent(asked(|mut stream| {
        let _ = heard(&mut stream);
        std::thread::sleep(3 * PATIENCE);
    }));
    assert_eq!(
        (failure.step, failure.seen.as_str()),
        (1, "nothing whole in time")
    );
}

#[test]
fn who_answers_late_is_not_judged() {
    silent(asked(|mut stream| {
        let _ = heard(&mut stream);
        std::thread::sleep(2 * PATIENCE);
        let _ = stream.write_all(&http(200, "application/json", "{}"));
    }));
}

/// A byte now and then never outlasts the time for a whole answer.
#[test]
fn who_drips_is_not_judged() {
    for skipped in [0, 60] {
        silent(asked(move |mut stream| {
            let _ = heard(&mut stream);
            let answer = http(200, "application/json", &format!("{{{}}}", " ".repeat(500)));
            let _ = stream.write_all(&answer[..skipped]);
            for byte in &answer[skipped..] {
                std::thread::sleep(PATIENCE / 8);
                if stream.write_all(&[*byte]).is_err() {
                    return;
                }
            }
        }));
    }
}

#[test]
fn who_is_not_there_is_not_judged() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("{error}"));
    let address = listener.local_addr().map(|address| address.to_string());
    drop(listener);
    silent(played(
        &asking(1),
        &subject(&address.unwrap_or_default(), "127.0.0.1:1"),
    ));
}

#[test]
fn who_closes_early_fails() {
    let whole = http(200, "application/json", "{\"a\":1}");
    for cut in [0, 1, 9, 20, whole.len() - 1] {
        let failure = failed(asked(says(whole[..cut].to_vec())));
        assert_eq!(
            (failure.step, failure.expected.as_str()),
            (1, "an answer"),
            "{cut}"
        );
    }
}

#[test]
fn garbage_fails() {
    let garbage: Vec<u8> = (0..4096_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let bodies: [&[u8]; 7] = [
        b"\xff\xfe",
        b"",
        b"nonsense",
        b"[]",
        b"7",
        b"{\"a\":",
        b"{} {}",
    ];
    for answer in [
        garbage,
        b"SSH-2.0-x\r\n".to_vec(),
        b"HTTP/9.9 banana\r\n\r\n".to_vec(),
    ] {
        failed(asked(says(answer)));
    }
    for body in bodies {
        let mut answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        answer.extend_from_slice(body);
        failed(asked(says(answer)));
    }
}

/// What nests so deep that reading it by recursion would end the runner.
#[test]
fn a_deep_body_fails() {
    let body = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    failed(asked(says(http(200, "application/json", &body))));
}

/// Most memory that this process has had, in KiB.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

/// A body of 100 MB is read up to the bound, however its length is told, and never held.
#[test]
fn a_long_body_fails_and_is_not_held() {
    let heads = [
        "content-length: 104857600\r\n",
        "transfer-encoding: chunked\r\n",
        "connection: close\r\n",
    ];
    let before = most_memory();
    for head in heads {
        let failure = failed(asked(move |mut stream| {
            let _ = heard(&mut stream);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{head}\r\n");
            let chunked = head.contains("chunked");
            let piece = [b' '; 0x10000];
            let _ = stream.write_all(head.as_bytes());
            for _ in 0..1600 {
                let framed = if chunked {
                    [b"10000\r\n", &piece[..], b"\r\n"].concat()
                } else {
                    piece.to_vec()
                };
                if stream.write_all(&framed).is_err() {
                    return;
                }
            }
        }));
        assert_eq!(failure.seen, "a longer one", "{head}");
    }
    let grown = most_memory() - before;
    assert!(grown < 48 * 1024, "{grown} KiB");
}

#[test]
fn endless_headers_fail() {
    for (line, pause) in [("x: y\r\n".repeat(50), 0), ("a".repeat(1000), 0)] {
        failed(asked(move |mut stream| {
            let _ = heard(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
            while stream.write_all(line.as_bytes()).is_ok() {
                std::thread::sleep(Duration::from_millis(pause));
            }
        }));
    }
}

/// A redirect is an answer, and a wrong one: nobody is asked elsewhere.
#[test]
fn a_redirect_is_not_followed() {
    let good = answering(200, "{}");
    for status in [301, 302, 303, 307, 308] {
        let answer = format!(
            "HTTP/1.1 {status} X\r\nlocation: http://{good}/v1\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}"
        );
        let failure = failed(asked(says(answer.into_bytes())));
        assert_eq!(failure.seen, format!("{status} {{}}"));
    }
    let endless = listening(|mut stream| {
        let _ = heard(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 302 X\r\nlocation: /v1\r\ncontent-length: 0\r\n\r\n");
    });
    failed(played(&asking(1), &subject(&endless, "127.0.0.1:1")));
}

/// A POS port or a chip: reads a frame, then does something.
fn frames(then: impl Fn(&mut TcpStream) + Clone + Send + 'static) -> String {
    listening(move |mut stream| {
        let mut length = [0; 2];
        while stream.read_exact(&mut length).is_ok() {
            let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
            if stream.read_exact(&mut body).is_err() {
                return;
            }
            // What is one byte long is power, and is not answered.
            if body.len() != 1 {
                then(&mut stream);
            }
        }
    })
}

/// The same bad peer as issuer at the POS port, and as chip.
fn framed(then: impl Fn(&mut TcpStream) + Clone + Send + 'static) -> [Verdict; 2] {
    let iso = json!({"op": "iso", "mti": "0800", "fields": {"70": "301"}, "expect": {"39": "00"}});
    let apdu = json!({"op": "apdu", "command": "00a4040000", "sw": "9000"});
    [suite(1, &[iso], &[]), suite(1, &vec![apdu; 5], &[])]
        .map(|file| played(&file, &subject("127.0.0.1:1", &frames(then.clone()))))
}

fn say(stream: &mut TcpStream, body: &[u8]) -> bool {
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
    stream.write_all(&[&length[..], body].concat()).is_ok()
}

#[test]
fn frames_that_do_not_come_are_not_judged() {
    let _ = framed(|_| std::thread::sleep(3 * PATIENCE)).map(silent);
    // A frame that says that it is long, a byte now and then.
    let _ = framed(|stream| {
        let _ = stream.write_all(&[0xff, 0xff]);
        while stream.write_all(&[0]).is_ok() {
            std::thread::sleep(PATIENCE / 8);
        }
    })
    .map(silent);
}

#[test]
fn frames_that_are_cut_or_wrong_fail() {
    let _ = framed(|stream| drop(stream.shutdown(std::net::Shutdown::Both))).map(failed);
    let _ = framed(|stream| {
        let _ = stream.write_all(&[0, 9, 1, 2]);
        let _ = stream.shutdown(std::net::Shutdown::Both);
    })
    .map(failed);
    let _ = framed(|stream| assert!(say(stream, &[]))).map(failed);
    let _ = framed(|stream| assert!(say(stream, &[0xff; 300]))).map(failed);
    let _ = framed(|stream| assert!(say(stream, &[0x30; 65_535]))).map(failed);
}

/// A chip that says more than it was asked: its second answer would be taken for that of the next command.
#[test]
fn frames_without_end_fail() {
    let [_, chip] = framed(|stream| {
        let frames = [0, 2, 0x90, 0x00].repeat(1000);
        while stream.write_all(&frames).is_ok() {}
    });
    assert_eq!(failed(chip).seen, "bytes");
}

/// A subject that hangs from some time on is left soon: not after twenty-five times the patience.
#[test]
fn a_subject_that_dies_is_left() {
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let address = listening(move |mut stream| {
        if heard(&mut stream).is_some() {
            if asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 10 {
                std::thread::sleep(30 * PATIENCE);
            }
            let _ = stream.write_all(&http(200, "application/json", "{}"));
        }
    });
    let file = asking(200);
    let runner = Runner::new(subject(&address, "127.0.0.1:1"), PATIENCE);
    let began = Instant::now();
    let outcome = run(&runner, &file, &Filter::default(), 1, &|_, _, _| {}).unwrap_or_default();
    let took = began.elapsed();
    assert!(took < 12 * PATIENCE, "{took:?}");
    assert_eq!(
        (outcome.count("pass"), outcome.count("inconclusive")),
        (10, 5)
    );
    assert!(
        outcome
            .stopped
            .is_some_and(|why| why.contains("asked-again"))
    );
}

/// A subject that is there and never answers one kind of question: some time-outs are judged, not hundreds.
#[test]
fn a_subject_that_often_hangs_is_left_in_the_end() {
    let address = listening(|mut stream| {
        if let Some((head, _)) = heard(&mut stream) {
            if !head.starts_with("GET") {
                std::thread::sleep(20 * PATIENCE);
            }
            let _ = stream.write_all(&http(200, "application/json", "{}"));
        }
    });
    let mut file = asking(300);
    for test in file.tests.iter_mut().skip(1).step_by(2) {
        let post = json!({"op": "send", "from": "verifier", "to": "issuer", "method": "POST", "path": ["v1"], "expect": {"accept": {}}});
        test.steps = serde_json::from_value(json!([post])).unwrap_or_default();
    }
    let runner = Runner::new(subject(&address, "127.0.0.1:1"), PATIENCE / 4);
    let outcome = run(&runner, &file, &Filter::default(), 8, &|_, _, _| {}).unwrap_or_default();
    assert!(
        outcome
            .stopped
            .is_some_and(|why| why.contains("did not come"))
    );
    let silent = outcome
        .played
        .iter()
        .filter(|one| one.verdict.name() == "inconclusive")
        .count();
    assert!((SILENCES..SILENCES + 8).contains(&silent), "{silent}");
}

#[test]
fn the_first_conversation_decides() {
    let silent = listening(|mut stream| {
        let _ = heard(&mut stream);
        std::thread::sleep(30 * PATIENCE);
    });
    for (address, standing) in [
        (silent, Standing::Unclear),
        (answering(500, "{}"), Standing::Bad),
    ] {
        let runner = Runner::new(subject(&address, "127.0.0.1:1"), PATIENCE);
        let outcome =
            run(&runner, &asking(100), &Filter::default(), 4, &|_, _, _| {}).unwrap_or_default();
        assert_eq!((outcome.standing(), outcome.count("skip")), (standing, 99));
        assert!(outcome.stopped.is_some_and(|why| why.contains("first")));
    }
}

/// Known failures: those that fail are expected, those that pass are not, and each entry names a test.
#[test]
fn known_failures_are_held_to() {
    let known = |test: &str, step: Option<usize>| Known {
        test: test.to_owned(),
        step,
        reason: "later".to_owned(),
    };
    let verdict = |body: &str, known: Known| {
        let mut subject = subject(&answering(200, body), "127.0.0.1:1");
        subject.known_failures = KnownFailures::Here(vec![known]);
        played(&asking(1), &subject).name()
    };
    assert_eq!(
        verdict("{\"more\":1}", known("issuer/wire/0", None)),
        "expected-fail"
    );
    assert_eq!(
        verdict("{\"more\":1}", known("issuer/*", Some(1))),
        "expected-fail"
    );
    assert_eq!(
        verdict("{\"more\":1}", known("issuer/wire/0", Some(2))),
        "fail"
    );
    assert_eq!(
        verdict("{\"more\":1}", known("issuer/wire/1", None)),
        "fail"
    );
    assert_eq!(verdict("{}", known("issuer/*", None)), "unexpected-pass");
    let mut subject = subject("127.0.0.1:1", "127.0.0.1:1");
    subject.known_failures = KnownFailures::Here(vec![
        known("issuer/wire/0", None),
        known("issuer/old*", None),
    ]);
    subject.deny = [("issuer/gone".to_owned(), "x".to_owned())].into();
    let stale: Vec<String> = stale(&subject, &[asking(1)])
        .into_iter()
        .map(|one| one.id)
        .collect();
    assert_eq!(stale, ["known_failures/issuer/old*", "deny/issuer/gone"]);
}

/// What a manifest does not offer is `unimplemented`, and a run in which nothing passes is not good.
#[test]
fn what_is_not_offered_is_unimplemented() {
    let wait = json!({"op": "advance", "ms": 1});
    let late = suite(3, &[wait], &["hook:clock"]);
    let good = answering(200, "{}");
    let verdict = |subject: &Manifest, file: &File| match played(file, subject) {
        Verdict::Unimplemented(what) => what,
        other => panic!("{other:?}"),
    };
    let mut it = subject(&good, "127.0.0.1:1");
    assert_eq!(verdict(&it, &late), "hook clock");
    let runner = Runner::new(it.clone(), PATIENCE);
    let outcome = run(&runner, &late, &Filter::default(), 1, &|_, _, _| {}).unwrap_or_default();
    assert_eq!(
        (outcome.count("unimplemented"), outcome.standing()),
        (3, Standing::Unclear)
    );
    // Offered, and answered `unimplemented`.
    it.hooks = Hooks {
        control: Some(Carrier::Http(format!(
            "http://{}",
            answering(200, r#"{"unimplemented":true,"reason":"no clock"}"#)
        ))),
        offers: None,
    };
    assert!(verdict(&it, &late).contains("no clock"));
    // A hook that fails is no verdict on the subject.
    it.hooks.control = Some(Carrier::Http(format!("http://{}", answering(200, "{}"))));
    assert_eq!(played(&late, &it).name(), "error");
    it.roles.remove("issuer");
    assert_eq!(played(&asking(1), &it).name(), "skip");
    it.roles.insert("issuer".to_owned(), Endpoint::default());
    assert_eq!(verdict(&it, &asking(1)), "roles.issuer.http");
    it.features = Some(vec!["tap".to_owned()]);
    let at_vault = suite(
        1,
        &[json!({"op": "let", "as": "a", "value": 1})],
        &["feature:vault"],
    );
    assert_eq!(verdict(&it, &at_vault), "feature vault");
    it.features = Some(vec!["vault".to_owned()]);
    assert_eq!(played(&at_vault, &it).name(), "pass");
    let ask = json!({"op": "asked", "at": "identity", "path": "/", "having": "x", "times": 0});
    assert!(verdict(&it, &suite(1, &[ask], &[])).starts_with("peers.identity"));
}

/// A port of the runner that is taken is the runner's trouble, told by name.
#[test]
fn a_port_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("{error}"));
    let address = taken
        .local_addr()
        .map(|address| address.to_string())
        .unwrap_or_default();
    let error = Peers::start(&[("sms".to_owned(), address.clone())].into())
        .err()
        .unwrap_or_default();
    assert!(error.contains(&address) && error.contains("sms"), "{error}");
}
