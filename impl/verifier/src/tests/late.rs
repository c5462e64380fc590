//! Answers of peers: late ones, unreadable ones, refusals, and what each becomes.

use super::*;

impl Bench {
    /// The calls that a message leads to, made by nobody.
    fn unanswered(&mut self, what: &str, body: &Value) -> Vec<Call> {
        let input = self.input("POST", &self.at(what), body, self.key);
        let change = self
            .verifier
            .decide(&self.rows, self.now, &mut self.dice, &input);
        let change = change.unwrap_or_else(|refused| panic!("{:?}", refused.refusal));
        self.rows.apply(&change.writes);
        change.calls
    }

    fn answered(&mut self, call: &Call, status: u16, body: Value) -> Said {
        let input = Input::Answer {
            call: call.id.clone(),
            status,
            body,
        };
        self.said(input, Self::peer)
    }

    fn state(&mut self) -> Value {
        self.get(&format!("/v1/requests/{}", self.request))["state"].clone()
    }

    fn cancelled(&mut self) {
        let said = self.post(&self.at("cancel"), &json!({}));
        assert_eq!(said, Ok(json!({"next": "cancelled"})));
    }

    fn as_far_as_issue(&mut self) {
        let (otp_id, code) = self.with_code();
        assert!(self.otp(&otp_id, &code).is_ok());
    }
}

/// A call that is answered after the request was cancelled: out of order, and the request stays cancelled.
fn too_late(bench: &mut Bench, call: &Call) {
    let (status, body) = bench.peer(call);
    bench.cancelled();
    assert_eq!(bench.answered(call, status, body), Err(Refusal::WrongOrder));
    assert_eq!(bench.state(), "cancelled");
}

#[test]
fn an_answer_that_comes_after_the_cancel_changes_nothing() {
    let mut bench = bench();
    assert!(bench.password("alice", "apply", &salted()).is_ok());
    let asked = bench.unanswered("applicant", &json!({"applicant": who()}));
    too_late(&mut bench, &asked[0]);

    let policy = with_policy(&mut bench);
    let asked = bench.unanswered("frames", &video(&policy));
    too_late(&mut bench, &asked[0]);

    bench.as_far_as_issue();
    let asked = bench.unanswered("issue", &json!({"consent": id(2)}));
    too_late(&mut bench, &asked[0]);
}

#[test]
fn a_chip_that_is_ready_after_the_cancel_does_not_make_the_request_done() {
    let mut bench = bench();
    bench.with_card();
    let asked = bench.unanswered("provision", &json!({"session": null, "responses": []}));
    bench.cancelled();
    let done = json!({"session": null, "commands": [], "state": "active"});
    assert_eq!(
        bench.answered(&asked[0], 200, done),
        Err(Refusal::WrongOrder)
    );
    assert_eq!(bench.state(), "cancelled");
}

#[test]
fn a_debit_is_answered_once() {
    let mut bench = bench();
    bench.with_card();
    let (order, payment) = ordered(&mut bench, &salted());
    let pay = bench.input("POST", &format!("{order}/pay"), &payment, None);
    assert_eq!(
        bench.said(pay.clone(), Bench::silent),
        Err(Refusal::InProgress)
    );
    let calls = bench.rows.clone();
    assert!(bench.said(pay, Bench::peer).is_ok());
    // The shell of a process that died before it forgot the call asks once more.
    let id = call_id("debit", order.rsplit('/').next().unwrap_or_default());
    let call = calls.get(CALLS, &id).unwrap_or_default();
    bench.rows.apply(&[Write {
        table: CALLS,
        key: id.clone(),
        value: Some(call),
    }]);
    let declined = Input::Answer {
        call: id,
        status: 403,
        body: json!({"code": "declined"}),
    };
    assert_eq!(
        bench.said(declined, Bench::peer),
        Err(Refusal::OrderSettled)
    );
    assert_eq!(bench.get(&order)["result"], "paid");
}

#[test]
fn nobody_waits_for_an_answer_that_was_taken() {
    let mut bench = bench();
    bench.as_far_as_issue();
    let asked = bench.unanswered("issue", &json!({"consent": id(2)}));
    let body = bench.issued();
    assert!(bench.answered(&asked[0], 201, body.clone()).is_ok());
    assert!(bench.rows.get(CALLS, &asked[0].id).is_none());
}

#[test]
fn what_cannot_be_read_is_no_answer_yet() {
    let mut bench = bench();
    assert!(bench.password("alice", "apply", &salted()).is_ok());
    let asked = bench.unanswered("applicant", &json!({"applicant": who()}));
    for (status, body) in [
        (200, json!({"branch": "gold"})),
        (0, Value::Null),
        (503, json!({})),
    ] {
        assert_eq!(
            bench.answered(&asked[0], status, body),
            Err(Refusal::InProgress)
        );
        assert_eq!(bench.state(), "await-eligibility");
    }

    bench.as_far_as_issue();
    let asked = bench.unanswered("issue", &json!({"consent": id(2)}));
    assert_eq!(
        bench.answered(&asked[0], 201, json!({"card_code": "C"})),
        Err(Refusal::InProgress)
    );
    assert_eq!(bench.state(), "issuing");
}

#[test]
fn each_refusal_of_the_issuer_becomes_one_of_ours() {
    for (code, want) in [
        ("in-progress", Refusal::InProgress),
        ("try-later", Refusal::InProgress),
        ("stale-time", Refusal::InProgress),
        ("ineligible", Refusal::Ineligible),
        ("evidence-refused", Refusal::EvidenceMismatch),
        ("personalisation-failed", Refusal::PersonalisationFailed),
        ("receipt-invalid", Refusal::ReceiptInvalid),
        ("request-closed", Refusal::RequestTombstoned),
        ("bad-signature", Refusal::PreverifyFailed),
        ("", Refusal::PreverifyFailed),
    ] {
        let mut bench = bench();
        bench.as_far_as_issue();
        let asked = bench.unanswered("issue", &json!({"consent": id(2)}));
        let said = bench.answered(&asked[0], 409, json!({ "code": code }));
        assert_eq!(said, Err(want), "{code}");
        let state = if want == Refusal::InProgress {
            "issuing"
        } else {
            "refused"
        };
        assert_eq!(bench.state(), state, "{code}");
    }
}

#[test]
fn a_card_is_bound_once() {
    let mut bench = bench();
    bench.with_card();
    let before = bench.rows.get(rows::BINDINGS, "CAAAAAAAAAAAAAAAAAAAA");
    bench.as_far_as_issue();
    let again = bench.post(&bench.at("issue"), &json!({"consent": id(2)}));
    assert_eq!(again, Err(Refusal::WrongOrder));
    assert_eq!(
        bench.rows.get(rows::BINDINGS, "CAAAAAAAAAAAAAAAAAAAA"),
        before
    );
}

#[test]
fn a_try_that_was_not_answered_is_repeated_as_it_was_whatever_card_is_named() {
    let mut bench = bench();
    bench.with_card();
    let (order, payment) = ordered(&mut bench, &salted());
    let pay = bench.input("POST", &format!("{order}/pay"), &payment, None);
    assert_eq!(bench.said(pay, Bench::silent), Err(Refusal::InProgress));
    let order_id = order.rsplit('/').next().unwrap_or_default().to_owned();
    let first: rows::Order =
        read(&bench.rows, rows::ORDERS, &order_id).unwrap_or_else(|| panic!("no order"));

    // A second card of the same account.
    bench.as_far_as_issue();
    let asked = bench.unanswered("issue", &json!({"consent": id(2)}));
    let mut issued = bench.issued();
    issued["card_code"] = json!("CBBBBBBBBBBBBBBBBBBBB");
    assert!(bench.answered(&asked[0], 201, issued).is_ok());
    let card = "CBBBBBBBBBBBBBBBBBBBB";
    let digest = hex::encode(digest::pay(&first.order_digest, card));
    let statement = AuthMessage {
        purpose: "pay",
        subject_id: &order_id,
        nonce: &first.challenge,
        digest: &digest,
    };
    let proof = hex::encode(proof(&client_key(&salted()), &statement));
    let body = json!({"account_id": "alice", "card_code": card, "order_digest": first.order_digest, "proof": proof, "evidence": id(4)});
    let input = bench.input("POST", &format!("{order}/pay"), &body, None);
    let change = bench
        .verifier
        .decide(&bench.rows, bench.now, &mut bench.dice, &input)
        .unwrap_or_else(|refused| panic!("{:?}", refused.refusal));
    assert_eq!(
        change.calls.first().map(|call| call.body.clone()),
        first.debit
    );
}

#[test]
fn a_request_that_was_cancelled_or_refused_does_not_expire() {
    let mut bench = bench();
    bench.with_code();
    bench.cancelled();
    bench.now += limit::REQUEST_TTL_MS;
    assert_eq!(bench.state(), "cancelled");
    assert_eq!(
        bench.post(&bench.at("cancel"), &json!({})),
        Err(Refusal::RequestExpired)
    );
}

#[test]
fn consent_goes_on_as_it_came_and_the_first_one_stays() {
    //= spec/40-issue.md#iss-23-consent-passes-through
    //= type=test
    //# The verifier MUST pass the terminal's consent on to the issuer as it received it.
    let mut bench = bench();
    bench.as_far_as_issue();
    let first = bench.unanswered("issue", &json!({"consent": id(2)}));
    assert_eq!(first[0].body["consent"], id(2));
    let again = bench.unanswered("issue", &json!({"consent": id(3)}));
    assert_eq!(again, first);
    let silent = bench.answered(&again[0], 503, Value::Null);
    assert_eq!(silent, Err(Refusal::InProgress));
    let refused = bench.answered(&again[0], 409, json!({"code": "evidence-refused"}));
    assert_eq!(refused, Err(Refusal::EvidenceMismatch));
    assert_eq!(bench.state(), "refused");
}

#[test]
fn payment_evidence_goes_on_as_it_came_with_all_that_the_digest_is_of() {
    //= spec/70-pay.md#pay-20-evidence-passes-through
    //= type=test
    //# The verifier MUST pass the terminal's payment evidence on to the issuer as it received it.
    let mut bench = bench();
    bench.with_card();
    let (order, payment) = ordered(&mut bench, &salted());
    let input = bench.input("POST", &format!("{order}/pay"), &payment, None);
    let change = bench
        .verifier
        .decide(&bench.rows, bench.now, &mut bench.dice, &input)
        .unwrap_or_else(|refused| panic!("{:?}", refused.refusal));
    let Some(debit) = change.calls.first().map(|call| &call.body) else {
        panic!("a debit is asked for")
    };
    assert_eq!(debit["evidence"], payment["evidence"]);
    let text = |name: &str| debit[name].as_str().unwrap_or_default();
    let digest = digest::order(&digest::Order {
        order_id: text("debit_id"),
        account_id: text("account_id"),
        payee: text("payee"),
        amount_minor: &debit["amount_minor"].to_string(),
        currency: text("currency"),
        expires_at: &debit["expires_at"].to_string(),
        nonce: text("nonce"),
    });
    assert_eq!(debit["order_digest"], hex::encode(digest));
}
