//! How fast a log is checked, beside how fast its lines are read as JSON and no more: `cargo bench -p kaika-trace`.

use std::io::Cursor;
use std::time::{Duration, Instant};

use kaika_trace::{CAP, Checker, Word};

/// Requests in the log: each has eight events.
const REQUESTS: usize = 10_000;

fn event(seq: usize, at: usize, act: &str, rest: &str) -> String {
    let log = "00000000000000aa";
    format!(
        r#"{{"v":1,"log":"{log}","seq":{seq},"at":{at},"role":"verifier","act":"{act}",{rest}}}"#
    ) + "\n"
}

/// A verifier's log of requests that take turns: each gets a code, one wrong answer and a right one.
fn log() -> String {
    let steps: [(&str, &str, &str); 8] = [
        ("POST /v1/accounts", "done", "enrolled"),
        ("POST /v1/requests", "done", "accepted"),
        ("POST /v1/requests/{id}/password", "applicant", "accepted"),
        (
            "POST /v1/requests/{id}/applicant",
            "POST /v1/eligibility",
            "waiting",
        ),
        (
            "POST /v1/requests/{id}/applicant",
            "POST /v1/messages",
            "answered",
        ),
        ("POST /v1/requests/{id}/applicant", "otp", "told"),
        ("POST /v1/requests/{id}/otp", "otp-wrong", "refused"),
        ("POST /v1/requests/{id}/otp", "issue", "accepted"),
    ];
    let mut text = event(1, 0, "start", r#""verdict":"accepted""#);
    let mut seq = 1;
    for block in 0..REQUESTS / 100 {
        for (act, says, how) in steps {
            for number in 0..100 {
                seq += 1;
                let request = block * 100 + number;
                let (from, kind, to, verdict) = match how {
                    "waiting" => ("terminal", "request", "issuer", "waiting"),
                    "answered" => ("issuer", "answer", "sms", "waiting"),
                    "enrolled" => ("operator", "request", "operator", "accepted"),
                    "told" => ("sms", "answer", "terminal", "accepted"),
                    other => ("terminal", "request", "terminal", other),
                };
                let refusal = if verdict == "refused" {
                    r#","refusal":"otp-wrong""#
                } else {
                    ""
                };
                let rest = format!(
                    r#""about":{{"account":"{request:016x}","request":"{:016x}"}},"in":{{"from":"{from}","kind":"{kind}","mid":"{seq:016x}"}},"out":[{{"to":"{to}","msg":"{says}","mid":"{:016x}"}}],"verdict":"{verdict}"{refusal}"#,
                    request + 0x1000_0000,
                    seq + 0x1000_0000
                );
                text += &event(seq, seq, act, &rest);
            }
        }
    }
    text
}

/// The shortest of three.
fn shortest(mut run: impl FnMut()) -> Duration {
    let once = |_| {
        let began = Instant::now();
        run();
        began.elapsed()
    };
    (0..3).map(once).min().unwrap_or_default()
}

fn main() {
    let log = log();
    let events = log.lines().count();
    let read = shortest(|| {
        let lines = log.lines().map(serde_json::from_str::<serde_json::Value>);
        assert!(lines.filter(|line| line.is_ok()).count() == events);
    });
    let checked = shortest(|| {
        let mut checker = Checker::new(CAP);
        assert!(checker.read("log", Cursor::new(&log)).is_ok());
        let report = checker.finish(&[]);
        assert!(report.word() == Word::Conforms, "{}", report.text());
    });
    let rate =
        |time: Duration| u128::try_from(events).unwrap_or(0) * 1_000_000 / time.as_micros().max(1);
    println!("{events} events, {} bytes", log.len());
    println!("read as JSON    {:>9} events/s", rate(read));
    println!("checked         {:>9} events/s", rate(checked));
    println!(
        "ratio           {:>9} %  of the speed of reading",
        read.as_micros() * 100 / checked.as_micros().max(1)
    );
}
