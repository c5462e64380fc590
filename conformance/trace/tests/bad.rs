//! Logs that cannot be judged: a clear error that names place and cause, in bounded time and memory, and never a pass.

use std::io::{BufReader, Cursor, Read};

use kaika_trace::{CAP, Checker, Word};

fn line(seq: u64) -> String {
    let act = if seq == 1 {
        "start"
    } else {
        "POST /v1/accounts"
    };
    format!(
        r#"{{"v":1,"log":"00000000000000aa","seq":{seq},"at":{seq},"role":"verifier","act":"{act}","verdict":"accepted"}}"#
    ) + "\n"
}

/// What is said of a log that is none.
fn bad(text: &[u8]) -> String {
    let mut checker = Checker::new(CAP);
    match checker.read("v.ndjson", Cursor::new(text)) {
        Err(bad) => bad.to_string(),
        Ok(()) => panic!(
            "{:?} passed: {}",
            String::from_utf8_lossy(text),
            checker.finish(&[]).text()
        ),
    }
}

fn check(lines: &[String], says: &str) {
    let said = bad(lines.concat().as_bytes());
    assert!(said.contains(says), "{said}");
}

#[test]
fn a_gap_is_named() {
    check(
        &[line(1), line(2), line(5)],
        "v.ndjson:3: event 5 of log 00000000000000aa follows 2: 2 are missing",
    );
    check(
        &[line(2)],
        "v.ndjson:1: log 00000000000000aa begins with event 2; give the earlier part first",
    );
}

#[test]
fn a_duplicate_is_named() {
    check(
        &[line(1), line(2), line(2)],
        "v.ndjson:3: event 2 of log 00000000000000aa comes a second time; 3 is next",
    );
}

#[test]
fn a_line_that_is_no_event_is_named() {
    let with = |what: &str| [line(1), what.to_owned()];
    check(&with("{\n"), "v.ndjson:2: EOF while parsing");
    check(&with("\n"), "v.ndjson:2: EOF while parsing");
    check(&with("{\"v\":1}\n"), "v.ndjson:2: missing field `log`");
    check(
        &with(&line(2).replace("\"at\":2", "\"at\":\"2\"")),
        "invalid type",
    );
    check(
        &with(&line(2).replace("\"v\":1", "\"v\":2")),
        "version 2 is not known",
    );
    check(
        &with(&line(2).replace("accepted", "wonderful")),
        "unknown variant `wonderful`",
    );
    check(
        &with(&line(2).replace("accepted", "refused")),
        "a refused event, and no other, has a refusal",
    );
    check(
        &with(&line(2).replace("\"verifier\"", "\"cook\"")),
        "no role is called \"cook\"",
    );
    check(
        &with(&line(2).replace("\"verifier\"", "\"issuer\"")),
        "an event of issuer in a log of verifier",
    );
    check(&with(&line(2).replace("aa\"", "AA\"")), "16 hex digits");
    check(
        &with(&line(2).replace("\"at\"", "\"pin\":\"1\",\"at\"")),
        "unknown field `pin`",
    );
    check(
        &with(&line(2).replace("}\n", ",\"refusal\":\"no-such\"}\n")),
        "no refusal is called \"no-such\"",
    );
    check(
        &with(&line(2).replace('\n', "")),
        "v.ndjson:2: the line ends without a line feed",
    );
}

#[test]
fn bytes_that_are_no_text_are_named() {
    let mut bytes = line(1).into_bytes();
    bytes.extend_from_slice(b"{\"v\":1,\"log\":\"\xff\xfe\"}\n");
    assert!(bad(&bytes).starts_with("v.ndjson:2: "));
}

/// A line without an end.
struct Endless(usize);

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        into.fill(b'a');
        self.0 += into.len();
        assert!(self.0 < 1 << 20, "more is read than a line may have");
        Ok(into.len())
    }
}

#[test]
fn a_line_without_an_end_is_not_read_to_its_end() {
    let mut checker = Checker::new(CAP);
    let said = checker.read("v.ndjson", BufReader::new(Endless(0)));
    let said = said.err().map(|bad| bad.to_string()).unwrap_or_default();
    assert_eq!(said, "v.ndjson:1: the line is longer than 16384 bytes");
}

#[test]
fn deep_nesting_is_an_error_and_not_a_crash() {
    let deep = "[".repeat(10_000);
    check(&[line(1), format!("{deep}\n")], "v.ndjson:2: ");
}

#[test]
fn every_line_cut_anywhere_and_every_changed_byte_is_an_answer() {
    let whole = line(1) + &line(2);
    for length in 1..whole.len() {
        let mut checker = Checker::new(CAP);
        let read = checker.read("v.ndjson", Cursor::new(&whole[..length]));
        assert!(read.is_err() || length == line(1).len());
    }
    for place in 0..whole.len() {
        for byte in [b'"', b'{', 0, b'9', 0xff] {
            let mut bytes = whole.clone().into_bytes();
            bytes[place] = byte;
            let mut checker = Checker::new(CAP);
            let _ = checker.read("v.ndjson", Cursor::new(bytes));
            let _ = checker.finish(&[]).text();
        }
    }
}

fn word(lines: &[String], required: &[&str], cap: usize) -> Word {
    let mut checker = Checker::new(cap);
    if let Err(bad) = checker.read("v.ndjson", Cursor::new(lines.concat())) {
        panic!("{bad}")
    }
    let required: Vec<_> = required.iter().map(|one| (*one).to_owned()).collect();
    checker.finish(&required).word()
}

#[test]
fn nothing_to_judge_is_vacuous() {
    assert_eq!(word(&[], &[], CAP), Word::Vacuous);
    assert_eq!(word(&[line(1)], &[], CAP), Word::Vacuous);
    assert_eq!(word(&[line(1), line(2)], &[], CAP), Word::Conforms);
}

#[test]
fn what_is_required_and_not_there_is_vacuous() {
    let lines = [line(1), line(2)];
    assert_eq!(word(&lines, &["POST /v1/accounts"], CAP), Word::Conforms);
    assert_eq!(word(&lines, &["POST /v1/orders"], CAP), Word::Vacuous);
    assert_eq!(word(&lines, &["verifier:otp"], CAP), Word::Vacuous);
}

#[test]
fn too_many_states_and_a_clock_that_goes_back_are_inconclusive() {
    let act = |seq: u64| line(seq).replace("POST /v1/accounts", "GET /v1/orders/{id}");
    let refused = act(2).replace("\"accepted\"", "\"refused\",\"refusal\":\"unknown-order\"");
    let lines = [line(1), refused];
    assert_eq!(word(&lines, &[], CAP), Word::Conforms);
    assert_eq!(word(&lines, &[], 0), Word::Inconclusive);
    let later = line(2).replace("\"at\":2", "\"at\":100000");
    assert_eq!(
        word(&[line(1), later, line(3)], &[], CAP),
        Word::Inconclusive
    );
}
