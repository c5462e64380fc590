//! Letters that take more than one message: another person's request, a key used before, a counter that was or was
//! not used up. Each leaves the machine's own request, card and tap as it says.

use kaika_model::role::issuer::Input;
use kaika_spec::limit;
use serde_json::{Value, json};

use super::debit::{authorised, ordered};
use super::provision::{answers, opened, round};
use super::tap::authorise;
use super::{
    ENOUGH, FIRST, KNOWN, blocked, customer, declined, eligibility, issue, otp_evidence, reference,
    score,
};
use crate::script::{advance, bind, concat, digits, fresh, get, known, named, post, stranger};

/// The steps of a letter.
pub(super) fn said(input: Input) -> Vec<Value> {
    match input {
        Input::EligibilityContradicting
        | Input::EligibilityOtherDocument
        | Input::EnrolAgain
        | Input::PhoneChangeUnknown
        | Input::AdvanceEligibilityAlmost
        | Input::IssueEnrolledSince => asked(input),
        Input::IssuePhoneVersionOther
        | Input::IssueReferencePerson
        | Input::IssueReferenceSwapped
        | Input::IssueScoreUnreadable
        | Input::IssueReferenceSpent
        | Input::IssueIdentityDown => proven(input),
        Input::IssueQuotaBlocked | Input::IssueOtherStolen | Input::IssueOtherProduct => {
            held(input)
        }
        Input::IssueKeyFreed
        | Input::IssueRefusedRepeat
        | Input::IssueRepeatMalformed
        | Input::CompensateFields => repeated(input),
        Input::ProvisionSessionOver
        | Input::ProvisionAnswersReplayed
        | Input::ProvisionAnswersNamed
        | Input::ProvisionReceiptTapped
        | Input::ProvisionResumed
        | Input::ProvisionResumedBad => provisioned(input),
        Input::AdvanceInactiveAlmost | Input::AdvanceActive => aged(input),
        Input::DebitWholeBalance | Input::TapInsufficient => spent(input),
        Input::TapAfterBad
        | Input::TapReplayedRefused
        | Input::TapDeclinedRepeat
        | Input::TapIncomplete
        | Input::TapChipDataIncomplete
        | Input::TapChipDataWrong
        | Input::TapReverseIncomplete
        | Input::TapReverseRepeat
        | Input::Echo => tapped(input),
        _ => managed(input),
    }
}

fn ask(method: &str, path: Value, body: Value, accept: Value) -> Value {
    if method == "GET" {
        return get("verifier", "issuer", path, accept);
    }
    post("verifier", "issuer", path, body, accept)
}

/// The same message, and refused.
fn refused(mut message: Value, refusal: &str) -> Value {
    message["expect"] = json!({ "refuse": refusal });
    message
}

/// The same message under a key.
fn keyed(mut message: Value, key: &str) -> Value {
    message["headers"] = json!({"Idempotency-Key": known(key)});
    message
}

/// Only the message of an `issue`, with the names it needs.
fn unbound(mut steps: Vec<Value>, expect: Value) -> Vec<Value> {
    steps.truncate(3);
    if let Some(sent) = steps.last_mut() {
        sent["expect"] = expect;
    }
    steps
}

fn asked(input: Input) -> Vec<Value> {
    let other = |steps: Vec<Value>, accept: Value| {
        let mut all = vec![named("other_request", fresh(16))];
        all.extend(steps);
        all.push(eligibility(
            "other_request",
            "request_context",
            "other",
            accept,
        ));
        all
    };
    let like = |field: &str, value: &str| {
        let mut who = json!({
            "name": known("applicant.name"), "id_type": known("applicant.id_type"), "id_no": known("applicant.id_no"),
            "id_valid_to": known("applicant.id_valid_to"),
        });
        who[field] = json!(value);
        vec![named("other", who)]
    };
    match input {
        Input::EligibilityContradicting => other(like("name", "Li Lei"), json!({})),
        Input::EligibilityOtherDocument => {
            other(like("id_type", "passport"), json!({"branch": FIRST}))
        }
        Input::EnrolAgain => vec![customer("applicant", "phone")],
        Input::PhoneChangeUnknown => {
            let body =
                json!({"id_type": "resident-id", "id_no": digits(18), "phone": known("phone")});
            vec![post(
                "operator",
                "issuer",
                json!(["v1", "customers", "phone"]),
                body,
                json!({}),
            )]
        }
        Input::AdvanceEligibilityAlmost => {
            vec![advance(limit::ELIGIBILITY_TTL_MS - SLACK_MS)]
        }
        _ => {
            let first = json!({"branch": FIRST, "eligibility_id": bind("other_decision")});
            let mut steps = other(vec![named("other", stranger())], first);
            steps.extend([customer("other", "phone")]);
            steps.extend(reference(score(known("request_context"), ENOUGH)));
            steps.extend(unbound(
                others(json!({"kind": "identity", "reference": known("reference")})),
                json!({"accept": {}}),
            ));
            steps
        }
    }
}

/// How far from its end a time still holds, however slowly a subject answers.
const SLACK_MS: i64 = 120_000;

/// An `issue` for the other person's request.
fn others(evidence: Value) -> Vec<Value> {
    issue(&[
        ("request_id", known("other_request")),
        ("eligibility_id", known("other_decision")),
        ("applicant", known("other")),
        ("evidence", evidence),
    ])
}

fn proven(input: Input) -> Vec<Value> {
    let by_reference = || json!({"kind": "identity", "reference": known("reference")});
    let spoilt = |field: &str, value: Value| {
        let mut answer = score(known("request_context"), ENOUGH);
        answer["body"][field] = value;
        let mut steps = reference(answer);
        steps.extend(issue(&[("evidence", by_reference())]));
        steps
    };
    match input {
        Input::IssuePhoneVersionOther => {
            let mut evidence = otp_evidence("phone");
            evidence["phone_version"] = json!(77);
            issue(&[("evidence", evidence)])
        }
        Input::IssueReferencePerson => spoilt("applicant_digest", fresh(32)),
        Input::IssueReferenceSwapped => spoilt("reference", fresh(16)),
        Input::IssueScoreUnreadable => spoilt("text_record", json!("high")),
        Input::IssueReferenceSpent => {
            let first = json!({"branch": FIRST, "eligibility_id": bind("other_decision")});
            let mut steps = vec![
                named("mine", known("applicant")),
                named("applicant", stranger()),
                named("other", known("applicant")),
                named("other_request", fresh(16)),
                eligibility("other_request", "request_context", "other", first),
            ];
            steps.extend(reference(score(known("request_context"), ENOUGH)));
            steps.extend(unbound(
                others(by_reference()),
                json!({"accept": {"card_code": {"$any": null}}}),
            ));
            steps.push(named("applicant", known("mine")));
            // The same reference: not a new one.
            let low = score(known("request_context"), [limit::SCORE_MIN - 1; 3]);
            steps.extend(reference(low).into_iter().skip(1));
            steps.extend(issue(&[("evidence", by_reference())]));
            steps
        }
        _ => {
            let mut steps = reference(json!({"refuse": "range-exhausted"}));
            let all = issue(&[("evidence", by_reference())]);
            steps.extend(unbound(all.clone(), json!({"refuse": "in-progress"})));
            steps.extend(
                reference(score(known("request_context"), ENOUGH))
                    .into_iter()
                    .skip(1),
            );
            steps.extend(all.into_iter().skip(2));
            steps
        }
    }
}

/// The person has another card, of this product or another.
fn held(input: Input) -> Vec<Value> {
    let product = if input == Input::IssueOtherProduct {
        "silver"
    } else {
        "gold"
    };
    let mut decision = eligibility(
        "other_request",
        "request_context",
        "applicant",
        json!({"branch": KNOWN, "eligibility_id": bind("other_decision")}),
    );
    decision["body"]["product"] = json!(product);
    let mut steps = vec![named("other_request", fresh(16)), decision];
    steps.extend(unbound(
        issue(&[
            ("evidence", otp_evidence("phone")),
            ("request_id", known("other_request")),
            ("eligibility_id", known("other_decision")),
            ("product", json!(product)),
        ]),
        json!({"accept": {"card_code": bind("other_card"), "agreement": bind("other_agreement")}}),
    ));
    let status = |status: &str| {
        let path = json!(["v1", "cards", known("other_card"), "status"]);
        post(
            "operator",
            "issuer",
            path,
            json!({ "status": status }),
            json!({ "status": status }),
        )
    };
    match input {
        Input::IssueQuotaBlocked => steps.push(status("blocked")),
        Input::IssueOtherStolen => {
            steps.extend([
                status("stolen"),
                refused(status("active"), "illegal-transition"),
                refused(status("blocked"), "illegal-transition"),
            ]);
            let debit = small_debit("other_card", "other_agreement", 1);
            steps.extend(refused_last(debit, "card-not-active"));
        }
        _ => {}
    }
    steps.extend(issue(&[("evidence", otp_evidence("phone"))]));
    steps
}

/// A debit beside the machine's own; it is the last of the steps.
fn small_debit(card: &str, agreement: &str, amount: u64) -> Vec<Value> {
    let mut body = ordered(card, agreement, amount);
    body["debit_id"] = fresh(16);
    let (mut steps, body) = authorised("small", body);
    let accept = json!({"result": "posted"});
    steps.push(ask("POST", json!(["v1", "debits"]), body, accept));
    steps
}

/// The last of the steps is refused.
fn refused_last(mut steps: Vec<Value>, name: &str) -> Vec<Value> {
    let last = steps.pop().unwrap_or_default();
    steps.push(refused(last, name));
    steps
}

fn repeated(input: Input) -> Vec<Value> {
    let mut steps = issue(&[("evidence", otp_evidence("phone"))]);
    let path = json!(["v1", "issue"]);
    let unreadable = |key: &str| {
        let body = json!({"request_id": known("request_id")});
        keyed(
            refused(ask("POST", path.clone(), body, json!({})), "malformed"),
            key,
        )
    };
    match input {
        Input::IssueKeyFreed => {
            steps.insert(1, unreadable("try_key"));
            steps
        }
        Input::IssueRefusedRepeat => {
            let once = unbound(steps, json!({"refuse": "preverify-failed"}));
            let mut all = vec![blocked("applicant", true)];
            all.extend(once.clone());
            all.push(blocked("applicant", false));
            all.extend(once.into_iter().skip(2));
            all
        }
        Input::IssueRepeatMalformed => vec![unreadable("issue_key")],
        _ => {
            let path = json!(["v1", "issue", known("request_id"), "compensate"]);
            vec![ask("POST", path, json!({"reason": "none"}), json!({}))]
        }
    }
}

fn provisioned(input: Input) -> Vec<Value> {
    let start = || round(Value::Null, json!([]), opened());
    let refuse = |fault| {
        let wrong = round(known("session"), answers(Some(fault)), json!({}));
        refused(wrong, "personalisation-failed")
    };
    match input {
        Input::ProvisionSessionOver => vec![
            refuse("cryptogram"),
            round(known("session"), answers(None), json!({})),
        ],
        Input::ProvisionAnswersReplayed => vec![
            named("earlier", answers(None)),
            start(),
            round(known("session"), answers(Some("replayed")), json!({})),
        ],
        Input::ProvisionAnswersNamed => vec![
            refuse("long"),
            start(),
            round(known("session"), answers(Some("named")), json!({})),
        ],
        Input::ProvisionReceiptTapped => {
            let active = json!({"state": "active", "session": null, "commands": []});
            let mut steps = vec![named("answered", answers(None))];
            steps.extend(tap(&[], json!({}), "62"));
            steps.push(round(known("session"), known("answered"), active));
            steps
        }
        Input::ProvisionResumed => vec![
            named("lost", answers(None)),
            start(),
            round(
                known("session"),
                answers(None),
                json!({"state": "active", "session": null, "commands": []}),
            ),
        ],
        _ => vec![
            named("lost", answers(None)),
            start(),
            round(known("session"), answers(Some("receipt")), opened()),
        ],
    }
}

fn aged(input: Input) -> Vec<Value> {
    let (ms, state) = if input == Input::AdvanceActive {
        (limit::INACTIVE_TOKEN_TTL_MS + 1, "active")
    } else {
        (limit::INACTIVE_TOKEN_TTL_MS - SLACK_MS, "inactive")
    };
    vec![
        advance(ms),
        ask(
            "GET",
            json!(["v1", "tokens", known("token_ref")]),
            Value::Null,
            json!({"state": state, "suspended_by": []}),
        ),
    ]
}

/// The whole balance is debited, nothing more is to be had, and it is given back.
fn spent(input: Input) -> Vec<Value> {
    let all = limit::CARD_LIMIT_MINOR;
    let mut steps = small_debit("card_code", "agreement", all);
    steps.push(named("whole_debit", known("small_no")));
    if input == Input::TapInsufficient {
        steps.extend(tap(&[], json!({}), "51"));
    } else {
        let debit = small_debit("card_code", "agreement", 1);
        steps.extend(refused_last(debit, "insufficient"));
    }
    let path = json!(["v1", "debits", known("whole_debit"), "reverse"]);
    steps.extend([
        ask(
            "POST",
            path,
            json!({ "amount_minor": all }),
            json!({"state": "reversed"}),
        ),
        balance(all),
    ]);
    steps
}

pub(super) fn balance(available: u64) -> Value {
    ask(
        "GET",
        json!(["v1", "cards", known("card_code")]),
        Value::Null,
        json!({"status": "active", "available_minor": available}),
    )
}

/// A tap and the answer code that it has.
pub(super) fn tap(changes: &[(&str, Value)], chip: Value, code: &str) -> Vec<Value> {
    let mut steps = authorise(changes, chip);
    steps.truncate(5);
    if let Some(sent) = steps.last_mut() {
        sent["expect"] = declined(code);
    }
    steps
}

/// What the shop must say, field 55 apart.
const FIELDS: [&str; 11] = ["2", "3", "4", "7", "11", "14", "22", "37", "41", "42", "49"];
/// What the chip must say, and how long it is.
const OBJECTS: [(&str, usize); 14] = [
    ("9f26", 8),
    ("9f27", 1),
    ("9f10", 7),
    ("9f37", 4),
    ("9f36", 2),
    ("95", 5),
    ("9a", 3),
    ("9c", 1),
    ("9f02", 6),
    ("5f2a", 2),
    ("82", 2),
    ("9f1a", 2),
    ("9f03", 6),
    ("5f34", 1),
];

/// A change of field 55: what the chip says, and more.
fn and(more: &str) -> [(&'static str, Value); 1] {
    [("55", concat(json!([known("tap.chip_data"), more])))]
}

/// An object of this length whose value says nothing.
fn empty(tag: &str, length: usize) -> String {
    format!("{tag}{length:02x}{}", "00".repeat(length))
}

fn tapped(input: Input) -> Vec<Value> {
    let card = |status: &str| {
        let path = json!(["v1", "cards", known("card_code"), "status"]);
        ask(
            "POST",
            path,
            json!({ "status": status }),
            json!({ "status": status }),
        )
    };
    match input {
        Input::TapAfterBad => {
            let mut steps = tap(&[], json!({"fault": "cryptogram"}), "82");
            let other_sequence = json!({"without": "5f34", "behind": 1});
            steps.extend(tap(&and("5f340102"), other_sequence, "82"));
            // What the issuer does not ask for may stand beside.
            steps.extend(authorise(&and("9f3303e0f8c8"), json!({"behind": 1})));
            steps
        }
        Input::TapReplayedRefused => {
            let over = limit::TAP_LIMIT_MINOR + 1;
            let amount = [("4", json!(format!("{over:012}")))];
            let mut steps = tap(&amount, json!({ "amount": over }), "61");
            steps.extend(tap(&[], json!({"behind": 1}), "82"));
            steps
        }
        Input::TapDeclinedRepeat => {
            let mut steps = vec![card("blocked")];
            steps.extend(tap(&[], json!({}), "62"));
            steps.push(card("active"));
            steps.push(json!({"op": "iso", "mti": "0100", "fields": known("tap_try"), "expect": {"39": "62"}}));
            steps
        }
        Input::TapIncomplete => {
            let left_out = |field: &&str| tap(&[(*field, Value::Null)], json!({}), "30");
            let mut steps: Vec<Value> = FIELDS.iter().flat_map(left_out).collect();
            steps.extend(tap(&[("55", Value::Null)], json!({}), "30"));
            steps
        }
        Input::TapChipDataIncomplete => {
            let left_out = |(tag, _): &(&str, usize)| tap(&[], json!({ "without": tag }), "30");
            OBJECTS.iter().flat_map(left_out).collect()
        }
        Input::TapChipDataWrong => {
            let wrong = |(tag, length): &(&str, usize)| {
                let twice = tap(&and(&empty(tag, *length)), json!({}), "30");
                let of_length = |length| {
                    let change = and(&empty(tag, length));
                    tap(&change, json!({ "without": tag }), "30")
                };
                [twice, of_length(length - 1), of_length(length + 1)].concat()
            };
            let mut steps: Vec<Value> = OBJECTS.iter().flat_map(wrong).collect();
            steps.extend(
                ["9f", "9f33", "9f3303e0f8"]
                    .map(|cut| tap(&and(cut), json!({}), "30"))
                    .concat(),
            );
            steps
        }
        Input::TapReverseIncomplete => ["2", "3", "4", "7", "11", "37", "41", "42", "49", "90"]
            .iter()
            .map(|field| reversal("0400", &[(*field, Value::Null)], "30"))
            .collect(),
        Input::TapReverseRepeat => vec![
            reversal("0401", &[], "00"),
            balance(limit::CARD_LIMIT_MINOR),
        ],
        _ => vec![json!({
            "op": "iso", "mti": "0800", "fields": {"7": "1124120000", "11": digits(6)}, "expect": {"39": "00"},
        })],
    }
}

/// A reversal of the last tap.
pub(super) fn reversal(mti: &str, changes: &[(&str, Value)], code: &str) -> Value {
    let mut fields = json!({
        "2": "6299000000000009", "3": "000000", "4": known("tap_amount"), "7": "1124120000", "11": known("tap_stan"),
        "37": known("tap_rrn"), "41": "TERM0001", "42": "SHOP00000000001", "49": "156",
        "90": concat(json!(["0100", known("tap_stan"), "1124120000", "0000000000000000000000"])),
    });
    for (field, value) in changes {
        fields[*field] = value.clone();
    }
    json!({"op": "iso", "mti": mti, "fields": fields, "expect": {"39": code}})
}

fn managed(input: Input) -> Vec<Value> {
    let token = |what: &str, from: &str, body: Value, accept: Value| {
        let path = json!(["v1", "tokens", known("token_ref"), what]);
        post(from, "issuer", path, body, accept)
    };
    let by = |what: &str, from: &str, by: &str, left: Value| {
        let state = if left == json!([]) {
            "active"
        } else {
            "suspended"
        };
        let accept = json!({"state": state, "suspended_by": left});
        token(what, from, json!({ "by": by }), accept)
    };
    match input {
        Input::SuspendUserForged => vec![token(
            "suspend",
            "operator",
            json!({"by": "user"}),
            json!({}),
        )],
        Input::ResumeForged => vec![token(
            "resume",
            "verifier",
            json!({"by": "issuer"}),
            json!({}),
        )],
        Input::SuspendersApart => vec![
            named("shared_key", fresh(16)),
            keyed(
                by("suspend", "verifier", "wallet", json!(["wallet"])),
                "shared_key",
            ),
            // A key is the caller's: the same one of another caller is another.
            keyed(
                by("suspend", "operator", "fraud", json!(["wallet", "fraud"])),
                "shared_key",
            ),
            by("resume", "verifier", "user", json!(["wallet", "fraud"])),
            by("resume", "operator", "issuer", json!(["wallet", "fraud"])),
            by("resume", "verifier", "wallet", json!(["fraud"])),
            by("resume", "operator", "fraud", json!([])),
        ],
        Input::DeleteFields => vec![token(
            "delete",
            "verifier",
            json!({"reason": "none"}),
            json!({}),
        )],
        Input::TerminateFields => {
            let path = json!(["v1", "agreements", known("agreement"), "terminate"]);
            vec![ask("POST", path, json!({"reason": "none"}), json!({}))]
        }
        Input::TokenQuery => vec![get(
            "operator",
            "issuer",
            json!(["v1", "tokens", known("token_ref")]),
            json!({}),
        )],
        _ => vec![get(
            "operator",
            "issuer",
            json!(["v1", "cards", known("card_code")]),
            json!({}),
        )],
    }
}
