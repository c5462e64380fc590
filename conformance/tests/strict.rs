//! An answer has the fields that are wanted and no other, and the media type of what it is.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use kaika_conformance::format::File;
use kaika_conformance::manifest::{Endpoint, Implementation, Manifest, Policy};
use kaika_conformance::play::Runner;
use kaika_conformance::verdict::Verdict;
use serde_json::{Value, json};

const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

/// A subject that answers everything alike.
fn subject(status: u16, kind: &str, body: &Value) -> Manifest {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("{error}"));
    let address = listener.local_addr().map(|address| address.to_string());
    let body = body.to_string();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let endpoint = Endpoint {
        http: Some(format!("http://{}", address.unwrap_or_default())),
        ..Endpoint::default()
    };
    Manifest {
        implementation: Implementation {
            name: "alike".to_owned(),
            version: "0".to_owned(),
        },
        roles: BTreeMap::from([("issuer".to_owned(), endpoint)]),
        ..Manifest::default()
    }
}

/// What becomes of one message with this expectation; a failure is what was seen.
fn played(expect: &Value, status: u16, kind: &str, body: &Value) -> Result<(), String> {
    match verdict(expect, subject(status, kind, body)) {
        Verdict::Pass => Ok(()),
        Verdict::Fail(failure) => Err(failure.seen),
        other => panic!("{other:?}"),
    }
}

fn verdict(expect: &Value, subject: Manifest) -> Verdict {
    let ask = json!({"op": "send", "from": "verifier", "to": "issuer", "method": "GET", "path": ["v1"], "expect": expect});
    let file = json!({
        "format": 1, "suite": "strict", "spec": {"catalogueDigest": "sha256:00"},
        "generator": {"name": "hand", "criteria": ["one"]}, "notes": {}, "fixtures": {}, "parts": {},
        "numberOfTests": 1,
        "tests": [{
            "id": "a", "tier": "standard", "title": "asks", "sut": ["issuer"], "result": "valid", "requirements": ["WIR-8"],
            "origin": {"criterion": "hand"}, "steps": [ask],
        }],
    });
    let file = File::read("strict.json", &file.to_string()).unwrap_or_else(|e| panic!("{e}"));
    let runner = Runner::new(subject, Duration::from_secs(5));
    runner.play(&file, &file.tests[0]).verdict
}

#[test]
fn a_field_that_nobody_wants_fails_at_every_depth() {
    let expect = json!({"accept": {"state": "open", "card": {"code": {"$any": null}, "left": {"$optional": null}}}});
    let said = |body: Value| played(&expect, 200, JSON, &body);
    assert_eq!(
        said(json!({"state": "open", "card": {"code": "C"}})),
        Ok(())
    );
    assert_eq!(
        said(json!({"state": "open", "card": {"code": "C", "left": 1}})),
        Ok(())
    );
    let more = said(json!({"state": "open", "card": {"code": "C"}, "more": 1}));
    assert_eq!(more, Err("more: 1".to_owned()));
    let deep = said(json!({"state": "open", "card": {"code": "C", "pan": 2}}));
    assert_eq!(deep, Err("pan: 2".to_owned()));
    assert!(said(json!({"state": "open", "card": {}})).is_err());
    assert!(said(json!(["state"])).is_err());
}

#[test]
fn a_good_answer_is_json_by_its_type() {
    let expect = json!({"accept": {}});
    for kind in [JSON, "Application/JSON"] {
        assert_eq!(played(&expect, 200, kind, &json!({})), Ok(()), "{kind}");
    }
    for kind in ["text/plain", PROBLEM, ""] {
        assert!(played(&expect, 200, kind, &json!({})).is_err(), "{kind}");
    }
}

fn problem() -> Value {
    json!({
        "type": "urn:kaika:problem:malformed", "title": "malformed", "status": 400, "code": "malformed", "class": "fatal",
    })
}

#[test]
fn a_refusal_is_a_problem_document_by_its_type() {
    let expect = json!({"refuse": "malformed"});
    assert_eq!(played(&expect, 400, PROBLEM, &problem()), Ok(()));
    for kind in ["text/plain", JSON] {
        let seen = played(&expect, 400, kind, &problem());
        assert_eq!(seen, Err(kind.to_owned()));
    }
}

#[test]
fn a_problem_document_has_its_members_and_no_more_than_a_detail() {
    let expect = json!({"refuse": "malformed"});
    let with = |name: &str, value: Value| {
        let mut body = problem();
        body[name] = value;
        played(&expect, 400, PROBLEM, &body)
    };
    assert_eq!(with("detail", json!("at line 1")), Ok(()));
    assert!(with("detail", json!(1)).is_err());
    assert!(with("status", json!(401)).is_err());
    assert!(with("title", Value::Null).is_err());
    assert!(with("account", json!("alice")).is_err());
}

/// A flag makes a difference that is told, and only where the manifest says that the subject does so.
#[test]
fn what_a_flag_lets_pass_is_told() {
    let expect = json!({"accept": {}});
    let kind = "application/json; charset=utf-8";
    let with = |policy: Option<Policy>| {
        let mut subject = subject(200, kind, &json!({}));
        let flag = "media-type-parameters".to_owned();
        subject.flag_policy = policy.map(|policy| (flag, policy)).into_iter().collect();
        verdict(&expect, subject)
    };
    for policy in [None, Some(Policy::Reject)] {
        let seen = with(policy).failure().map(|failure| failure.seen.clone());
        assert!(seen.is_some_and(|seen| seen.contains("flag_policy")));
    }
    let lenient = Verdict::Lenient("media-type-parameters".to_owned());
    assert_eq!(with(Some(Policy::Accept)), lenient);
}

/// A code of the subject's own is translated, and that is told; the strict policy takes none.
#[test]
fn a_code_of_its_own_is_translated_and_told() {
    let expect = json!({"refuse": "malformed"});
    let with = |map: &[(&str, &str)], policy: Option<Policy>| {
        let mut body = problem();
        body["code"] = json!("ERR-17");
        let mut subject = subject(400, PROBLEM, &body);
        let owned = |(own, ours): &(&str, &str)| ((*own).to_owned(), (*ours).to_owned());
        subject.error_map = map.iter().map(owned).collect();
        let flag = "own-codes".to_owned();
        subject.flag_policy = policy.map(|policy| (flag, policy)).into_iter().collect();
        verdict(&expect, subject)
    };
    let right = [("ERR-17", "malformed")];
    assert_eq!(with(&right, None), Verdict::Lenient("own-codes".to_owned()));
    assert_eq!(with(&right, Some(Policy::Reject)).name(), "fail");
    assert_eq!(with(&[], None).name(), "fail");
    assert_eq!(with(&[("ERR-17", "stale-time")], None).name(), "fail");
}
