//! Tests of the issuer: histories and what they lead to. Every refusal leaves all rows as they were.

use super::*;
use kaika_crypto::chip::{ChipKeys, Evidence, evidence};
use kaika_spec::limit::{ELIGIBILITY_TTL_MS, INACTIVE_TOKEN_TTL_MS};
use kaika_wire::memory::MemoryRows;
use serde_json::json;

mod consent;
mod pay;
mod tap;
mod vault;

const NOW: i64 = 1_800_000_000_000;

struct Bench {
    issuer: Issuer,
    rows: MemoryRows,
    dice: Dice,
    now: i64,
}

type Said = Result<(u16, Value), Refusal>;

fn who(name: &str) -> Value {
    json!({"name": name, "id_type": "resident-id", "id_no": format!("id-of-{name}"), "id_valid_to": "2040-01-01"})
}

fn id(number: u8) -> String {
    hex::encode([number; 16])
}

fn context(number: u8) -> String {
    hex::encode([number; 32])
}

/// The chip that all cards here are for.
const SE_ID: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

/// What a chip of this issuer signs.
fn signed(se_id: [u8; 8], kind: Evidence, over: [u8; 32]) -> Value {
    let keys = ChipKeys::derive(&ChipMasterKey::new([3; 16]), &se_id);
    json!(hex::encode(evidence(&keys.receipt, kind, &se_id, &over)))
}

fn consent(number: u8) -> Value {
    signed(SE_ID, Evidence::Consent, [number; 32])
}

fn phone_digest(phone: &str) -> String {
    hex::encode(kaika_crypto::digest::phone(phone))
}

fn config() -> Config {
    Config {
        verifier_key: [1; 32],
        operator_key: [2; 32],
        kmc: ChipMasterKey::new([3; 16]),
        imk: IssuerMasterKey::new([4; 16]),
        vault: Vault::standard([6; 32]),
    }
}

/// Alice is a customer; everybody else is not.
fn bench() -> Bench {
    let mut bench = Bench {
        issuer: Issuer::new(config()),
        rows: MemoryRows::default(),
        dice: Dice::new([5; 32]),
        now: NOW,
    };
    let enrolled = bench.operator(
        "/v1/customers",
        &json!({"applicant": who("alice"), "phone": "+8613800000001"}),
    );
    assert_eq!(enrolled.map(|said| said.0), Ok(201));
    bench
}

impl Bench {
    fn say(&mut self, caller: Role, method: &'static str, path: &str, body: &Value) -> Said {
        let body = if body.is_null() {
            vec![]
        } else {
            body.to_string().into_bytes()
        };
        let (caller, path) = (Caller::Known(caller), path.to_owned());
        let request = Request {
            caller,
            method,
            path,
            time: self.now,
            idempotency_key: String::new(),
            mac: None,
            body,
        };
        self.take(&Input::Request(request))
    }

    fn take(&mut self, input: &Input) -> Said {
        let before = self.rows.clone();
        match self
            .issuer
            .decide(&self.rows, self.now, &mut self.dice, input)
        {
            Ok(change) => {
                self.rows.apply(&change.writes);
                if let Some(call) = change.calls.first() {
                    return Ok((0, json!({"call": call.id, "body": call.body})));
                }
                let reply = change.reply.map(|reply| (reply.status, reply.body));
                match change.refusal {
                    Some(refusal) => Err(refusal),
                    None => reply.ok_or(Refusal::InProgress),
                }
            }
            Err(refused) => {
                assert_eq!(self.rows, before, "{:?}", refused.refusal);
                Err(refused.refusal)
            }
        }
    }

    fn operator(&mut self, path: &str, body: &Value) -> Said {
        self.say(Role::Operator, "POST", path, body)
    }

    fn verifier(&mut self, path: &str, body: &Value) -> Said {
        self.say(Role::Verifier, "POST", path, body)
    }

    fn get(&mut self, path: &str) -> Value {
        self.say(Role::Verifier, "GET", path, &Value::Null)
            .map(|said| said.1)
            .unwrap_or_default()
    }

    fn eligible(&mut self, request: u8, name: &str) -> Said {
        let body = json!({"request_id": id(request), "request_context": context(request), "applicant": who(name), "product": "debit"});
        self.verifier("/v1/eligibility", &body)
    }

    fn decided(&mut self, request: u8, name: &str) -> Value {
        match self.eligible(request, name) {
            Ok((200, decision)) => decision,
            other => panic!("{other:?}"),
        }
    }

    /// A good `issue` for Alice's request, to be spoiled.
    fn message(&mut self, request: u8) -> Value {
        let decision = self.decided(request, "alice");
        json!({
            "request_id": id(request), "request_context": context(request), "eligibility_id": decision["eligibility_id"],
            "applicant": who("alice"), "product": "debit", "account_id": "alice", "device_id": "phone", "se_id": "0102030405060708",
            "evidence": {
                "kind": "otp", "otp_id": id(9), "phone_digest": phone_digest("+8613800000001"),
                "phone_version": decision["phone_version"], "verified_at": NOW,
            },
            "consent": consent(request),
        })
    }

    fn issued(&mut self, request: u8) -> Value {
        let message = self.message(request);
        match self.verifier("/v1/issue", &message) {
            Ok((201, issued)) => issued,
            other => panic!("{other:?}"),
        }
    }
}

/// Spoils a good message in one field and wants this refusal.
fn check(field: &str, value: Value, want: Refusal) {
    let mut bench = bench();
    let mut message = bench.message(1);
    let Some(place) = message.pointer_mut(field) else {
        panic!("no {field}")
    };
    *place = value;
    assert_eq!(bench.verifier("/v1/issue", &message), Err(want), "{field}");
}

#[test]
fn the_branch_is_the_customer_files() {
    let mut bench = bench();
    assert_eq!(bench.decided(1, "alice")["branch"], "known-customer");
    assert_eq!(bench.decided(2, "bob")["branch"], "first-card");
    let mut pretender = who("alice");
    pretender["name"] = json!("mallory");
    let body = json!({"request_id": id(3), "request_context": context(3), "applicant": pretender, "product": "debit"});
    assert_eq!(
        bench.verifier("/v1/eligibility", &body),
        Err(Refusal::Ineligible)
    );
}

#[test]
fn one_wrong_field_and_no_card() {
    check("/eligibility_id", json!(id(8)), Refusal::EligibilityUnknown);
    check(
        "/request_context",
        json!(context(8)),
        Refusal::ContextMismatch,
    );
    check("/product", json!("credit"), Refusal::ContextMismatch);
    check(
        "/applicant/name",
        json!("mallory"),
        Refusal::ApplicantMismatch,
    );
    check(
        "/evidence/phone_digest",
        json!(context(8)),
        Refusal::EvidenceMismatch,
    );
    check(
        "/evidence/phone_version",
        json!(7),
        Refusal::EvidenceMismatch,
    );
    check(
        "/evidence",
        json!({"kind": "identity", "reference": id(7)}),
        Refusal::EvidenceKindMismatch,
    );
    check("/evidence", json!({"kind": "trust-me"}), Refusal::Malformed);
    check("/se_id", json!("01"), Refusal::Malformed);
    check("/consent", Value::Null, Refusal::Malformed);
    check("/consent", json!("00"), Refusal::Malformed);
}

#[test]
fn the_first_refusal_in_the_table_wins() {
    let mut bench = bench();
    let mut message = bench.message(1);
    message["evidence"] = json!({"kind": "identity", "reference": id(7)});
    message["applicant"]["name"] = json!("mallory");
    assert_eq!(
        bench.verifier("/v1/issue", &message),
        Err(Refusal::ApplicantMismatch)
    );
    message["request_context"] = json!(context(8));
    assert_eq!(
        bench.verifier("/v1/issue", &message),
        Err(Refusal::ContextMismatch)
    );
    bench.now += ELIGIBILITY_TTL_MS;
    assert_eq!(
        bench.verifier("/v1/issue", &message),
        Err(Refusal::EligibilityStale)
    );
    message["eligibility_id"] = json!(id(8));
    assert_eq!(
        bench.verifier("/v1/issue", &message),
        Err(Refusal::EligibilityUnknown)
    );
}

#[test]
fn a_decision_dies_with_its_time_and_with_the_phone() {
    let mut bench = bench();
    let message = bench.message(1);
    bench.now += ELIGIBILITY_TTL_MS;
    assert_eq!(
        bench.verifier("/v1/issue", &message),
        Err(Refusal::EligibilityStale)
    );
    bench.now = NOW;
    let change =
        json!({"id_type": "resident-id", "id_no": "id-of-alice", "phone": "+8613800000002"});
    assert_eq!(
        bench
            .operator("/v1/customers/phone", &change)
            .map(|said| said.1["phone_version"].clone()),
        Ok(json!(2))
    );
    assert_eq!(
        bench.verifier("/v1/issue", &message),
        Err(Refusal::EligibilityStale)
    );
    let unknown = json!({"id_type": "resident-id", "id_no": "nobody", "phone": "+8613800000002"});
    assert_eq!(
        bench.operator("/v1/customers/phone", &unknown),
        Err(Refusal::UnknownCustomer)
    );
}

#[test]
fn one_card_for_a_request_and_one_of_a_product() {
    let mut bench = bench();
    let second = bench.message(2);
    bench.issued(1);
    let again = bench.eligible(1, "alice");
    assert_eq!(again, Err(Refusal::WrongOrder));
    assert_eq!(
        bench.verifier("/v1/issue", &second),
        Err(Refusal::DuplicateCard)
    );
}

#[test]
fn a_blocked_person_gets_nothing_at_the_last_moment() {
    let mut bench = bench();
    let message = bench.message(1);
    let block = json!({"id_type": "resident-id", "id_no": "id-of-alice", "blocked": true});
    assert!(bench.operator("/v1/blocks", &block).is_ok());
    assert_eq!(
        bench.verifier("/v1/issue", &message),
        Err(Refusal::PreverifyFailed)
    );
    assert_eq!(bench.eligible(2, "alice"), Err(Refusal::Ineligible));
}

#[test]
fn undone_stays_undone() {
    let mut bench = bench();
    let message = bench.message(1);
    let undo = format!("/v1/issue/{}/compensate", id(1));
    assert_eq!(
        bench
            .verifier(&undo, &json!({}))
            .map(|said| said.1["outcome"].clone()),
        Ok(json!("tombstoned"))
    );
    assert_eq!(
        bench.verifier("/v1/issue", &message),
        Err(Refusal::RequestTombstoned)
    );
    assert_eq!(bench.eligible(1, "alice"), Err(Refusal::RequestTombstoned));
    let issued = bench.issued(2);
    let undo = format!("/v1/issue/{}/compensate", id(2));
    assert_eq!(
        bench
            .verifier(&undo, &json!({}))
            .map(|said| said.1["outcome"].clone()),
        Ok(json!("deleted"))
    );
    let outcome = bench.get(&format!("/v1/issue/{}", id(2)));
    assert_eq!(
        (&outcome["outcome"], &outcome["token_state"]),
        (&json!("tombstoned"), &json!("deleted"))
    );
    let card = bench.get(&format!(
        "/v1/cards/{}",
        issued["card_code"].as_str().unwrap_or_default()
    ));
    assert_eq!(card["status"], "closed");
}

/// A first card as far as the question for its score.
fn asked_for_a_score(bench: &mut Bench, request: u8, reference: u8) -> (String, Value) {
    let decision = bench.decided(request, "bob");
    let message = json!({
        "request_id": id(request), "request_context": context(request), "eligibility_id": decision["eligibility_id"],
        "applicant": who("bob"), "product": "debit", "account_id": "bob", "device_id": "phone", "se_id": "0102030405060708",
        "evidence": {"kind": "identity", "reference": id(reference)}, "consent": consent(request),
    });
    match bench.verifier("/v1/issue", &message) {
        Ok((0, call)) => (
            call["call"].as_str().unwrap_or_default().to_owned(),
            call["body"].clone(),
        ),
        other => panic!("{other:?}"),
    }
}

fn score(asked: &Value, least: u16) -> Value {
    json!({
        "reference": asked["reference"], "request_context": asked["request_context"], "applicant_digest": asked["applicant_digest"],
        "live_record": 1000, "photo_record": least, "text_record": 1000, "decided_at": NOW,
    })
}

#[test]
fn a_first_card_needs_a_fitting_and_good_score() {
    for (spoil, want) in [
        (("photo_record", json!(749)), Refusal::ScoreLow),
        (
            ("request_context", json!(context(8))),
            Refusal::ReferenceMismatch,
        ),
        (
            ("applicant_digest", json!(context(8))),
            Refusal::ReferenceMismatch,
        ),
        (("reference", json!(id(8))), Refusal::ReferenceMismatch),
        (("text_record", json!("high")), Refusal::ReferenceUnknown),
    ] {
        let mut bench = bench();
        let (call, asked) = asked_for_a_score(&mut bench, 1, 7);
        let mut body = score(&asked, 1000);
        body[spoil.0] = spoil.1;
        assert_eq!(
            bench.take(&Input::Answer {
                call,
                status: 200,
                body
            }),
            Err(want),
            "{}",
            spoil.0
        );
    }
    let mut bench = bench();
    let (call, asked) = asked_for_a_score(&mut bench, 1, 7);
    let silent = Input::Answer {
        call: call.clone(),
        status: 0,
        body: Value::Null,
    };
    assert_eq!(bench.take(&silent), Err(Refusal::InProgress));
    for code in ["in-progress", "try-later", "stale-time"] {
        let not_yet = Input::Answer {
            call: call.clone(),
            status: 409,
            body: json!({"code": code}),
        };
        assert_eq!(bench.take(&not_yet), Err(Refusal::InProgress), "{code}");
    }
    let refused = Input::Answer {
        call: call.clone(),
        status: 409,
        body: json!({"code": "evidence-refused"}),
    };
    assert_eq!(bench.take(&refused), Err(Refusal::ReferenceUnknown));
    let good = Input::Answer {
        call,
        status: 200,
        body: score(&asked, 750),
    };
    assert_eq!(bench.take(&good).map(|said| said.0), Ok(201));
    assert_eq!(bench.take(&good), Err(Refusal::WrongOrder));
}

#[test]
fn a_reference_makes_one_card() {
    let mut bench = bench();
    let (first, asked) = asked_for_a_score(&mut bench, 1, 7);
    let (second, _) = asked_for_a_score(&mut bench, 2, 7);
    assert!(
        bench
            .take(&Input::Answer {
                call: first,
                status: 200,
                body: score(&asked, 1000)
            })
            .is_ok()
    );
    let mut again = score(&asked, 1000);
    again["request_context"] = json!(context(2));
    assert_eq!(
        bench.take(&Input::Answer {
            call: second,
            status: 200,
            body: again
        }),
        Err(Refusal::ReferenceUsed)
    );
}

#[test]
fn provisioning_is_for_the_chip_and_the_binding_of_the_request() {
    let mut bench = bench();
    let issued = bench.issued(1);
    let path = format!(
        "/v1/tokens/{}/provision",
        issued["token_ref"].as_str().unwrap_or_default()
    );
    let start =
        json!({"binding_id": id(6), "se_id": "0102030405060708", "session": null, "responses": []});
    let with = |field: &str, value: Value| {
        let mut body = start.clone();
        body[field] = value;
        body
    };
    assert_eq!(
        bench.verifier(&path, &with("se_id", json!("ff02030405060708"))),
        Err(Refusal::ContextMismatch)
    );
    assert_eq!(
        bench.verifier(&path, &with("binding_id", Value::Null)),
        Err(Refusal::NotBound)
    );
    assert_eq!(
        bench.verifier(&path, &with("session", json!(id(5)))),
        Err(Refusal::PersonalisationFailed)
    );
    let opened = bench.verifier(&path, &start).map(|said| said.1);
    let Ok(opened) = opened else {
        panic!("{opened:?}")
    };
    let bad = json!({"binding_id": id(6), "se_id": "0102030405060708", "session": opened["session"], "responses": ["9000", "6a88", "9000"]});
    assert_eq!(
        bench.verifier(&path, &bad),
        Err(Refusal::PersonalisationFailed)
    );
    assert_eq!(
        bench.verifier(&path, &bad),
        Err(Refusal::PersonalisationFailed),
        "the session is gone"
    );
    let unknown = format!("/v1/tokens/{}/provision", id(1));
    assert_eq!(bench.verifier(&unknown, &start), Err(Refusal::UnknownToken));
    bench.now += INACTIVE_TOKEN_TTL_MS;
    assert_eq!(bench.verifier(&path, &start), Err(Refusal::TokenNotActive));
}

#[test]
fn an_inactive_token_cannot_be_suspended_and_a_deleted_one_not_deleted() {
    let mut bench = bench();
    let issued = bench.issued(1);
    let path = |what: &str| {
        format!(
            "/v1/tokens/{}/{what}",
            issued["token_ref"].as_str().unwrap_or_default()
        )
    };
    assert_eq!(
        bench.verifier(&path("suspend"), &json!({"by": "user"})),
        Err(Refusal::IllegalTransition)
    );
    assert_eq!(
        bench.verifier(&path("suspend"), &json!({"by": "issuer"})),
        Err(Refusal::BadSignature)
    );
    assert_eq!(
        bench
            .verifier(&path("delete"), &json!({}))
            .map(|said| said.1["state"].clone()),
        Ok(json!("deleted"))
    );
    assert_eq!(
        bench.verifier(&path("delete"), &json!({})),
        Err(Refusal::IllegalTransition)
    );
    assert_eq!(
        bench.verifier(&path("resume"), &json!({"by": "user"})),
        Err(Refusal::IllegalTransition)
    );
}

#[test]
fn evidence_is_of_the_kind_that_was_decided() {
    let mut bench = bench();
    let mut message = bench.message(1);
    let decision = bench.decided(2, "bob");
    message["request_id"] = json!(id(2));
    message["request_context"] = json!(context(2));
    message["eligibility_id"] = decision["eligibility_id"].clone();
    message["applicant"] = who("bob");
    assert_eq!(
        bench.verifier("/v1/issue", &message),
        Err(Refusal::EvidenceKindMismatch)
    );
}

#[test]
fn a_score_that_comes_late_is_judged_by_what_is_so_then() {
    let mut bench = bench();
    let (call, asked) = asked_for_a_score(&mut bench, 1, 7);
    let undo = format!("/v1/issue/{}/compensate", id(1));
    assert!(bench.verifier(&undo, &json!({})).is_ok());
    let body = score(&asked, 1000);
    let answer = Input::Answer {
        call,
        status: 200,
        body,
    };
    assert_eq!(bench.take(&answer), Err(Refusal::RequestTombstoned));
}

#[test]
fn a_request_that_was_issued_waits_no_more() {
    let mut bench = bench();
    let (call, asked) = asked_for_a_score(&mut bench, 1, 7);
    assert_eq!(bench.rows.table(rows::WAITING).count(), 1);
    let body = score(&asked, 1000);
    let answer = Input::Answer {
        call,
        status: 200,
        body,
    };
    assert!(bench.take(&answer).is_ok());
    assert_eq!(bench.rows.table(rows::WAITING).count(), 0);
}

#[test]
fn no_number_is_given_twice() {
    let mut bench = bench();
    let dice = [9; 32];
    let tables = [rows::PANS, rows::NUMBERS, rows::CARDS, rows::AGREEMENTS];
    for (request, name) in [(1, "bob"), (2, "carol")] {
        let decision = bench.decided(request, name);
        let reference = id(request + 20);
        let message = json!({
            "request_id": id(request), "request_context": context(request), "eligibility_id": decision["eligibility_id"],
            "applicant": who(name), "product": "debit", "account_id": name, "device_id": "phone",
            "se_id": "0102030405060708", "evidence": {"kind": "identity", "reference": reference},
            "consent": consent(request),
        });
        let Ok((0, call)) = bench.verifier("/v1/issue", &message) else {
            panic!("a score is asked for")
        };
        // The same dice again: the numbers drawn first are taken.
        bench.dice = Dice::new(dice);
        let answer = Input::Answer {
            call: call["call"].as_str().unwrap_or_default().to_owned(),
            status: 200,
            body: score(&call["body"], 1000),
        };
        assert_eq!(bench.take(&answer).map(|said| said.0), Ok(201), "{name}");
        for table in tables {
            let rows = bench.rows.table(table).count();
            assert_eq!(rows, usize::from(request), "{table}");
        }
    }
}

#[test]
fn undoing_ends_the_agreement_and_forgets_nothing_of_the_card() {
    let mut bench = bench();
    let issued = bench.issued(1);
    let undo = format!("/v1/issue/{}/compensate", id(1));
    assert!(bench.verifier(&undo, &json!({})).is_ok());
    let agreements: Vec<rows::Agreement> = bench
        .rows
        .table(rows::AGREEMENTS)
        .filter_map(|(_, row)| serde_json::from_slice(row).ok())
        .collect();
    assert_eq!(agreements.len(), 1);
    assert!(agreements[0].terminated);
    let outcome = bench.get(&format!("/v1/issue/{}", id(1)));
    assert_eq!(outcome["card_code"], issued["card_code"]);
}

#[test]
fn an_id_in_a_path_has_the_form_of_an_id() {
    let mut bench = bench();
    let amount = json!({"amount_minor": 1});
    assert_eq!(
        bench.verifier("/v1/issue/me/compensate", &json!({})),
        Err(Refusal::UnknownRequest)
    );
    assert_eq!(
        bench.verifier("/v1/debits/me/reverse", &amount),
        Err(Refusal::UnknownDebit)
    );
    for (path, want) in [
        ("/v1/issue/me", Refusal::UnknownRequest),
        ("/v1/debits/me", Refusal::UnknownDebit),
    ] {
        let asked = bench.say(Role::Verifier, "GET", path, &Value::Null);
        assert_eq!(asked, Err(want), "{path}");
    }
}
