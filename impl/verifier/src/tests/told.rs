//! What goes out, and to whom: codes to the reserved phone alone, debits only for what was shown, compensation until it is heard.

use super::*;

impl Bench {
    /// All that one input sends, as text: the answer to who asked, and what peers are asked.
    fn sent(&mut self, input: Input) -> (String, Vec<Call>) {
        let change = self
            .verifier
            .decide(&self.rows, self.now, &mut self.dice, &input)
            .unwrap_or_else(|refused| panic!("{:?}", refused.refusal));
        self.rows.apply(&change.writes);
        let reply = change.reply.map(|reply| reply.body.to_string());
        (reply.unwrap_or_default(), change.calls)
    }

    fn asks(&mut self, what: &str, body: &Value) -> (String, Vec<Call>) {
        self.sent(self.input("POST", &self.at(what), body, self.key))
    }

    fn hears(&mut self, call: &Call) -> (String, Vec<Call>) {
        let (status, body) = self.peer(call);
        let call = call.id.clone();
        self.sent(Input::Answer { call, status, body })
    }
}

#[test]
fn a_code_goes_to_the_phone_that_the_issuer_named_whatever_a_terminal_names() {
    let mut bench = bench();
    let (_, code) = bench.with_code();
    bench.now += limit::OTP_RESEND_MS;
    let path = bench.at("otp/resend");
    for body in [
        json!({"phone": "+8613899999999"}),
        json!({"phone": PHONE}),
        json!({"to": "+8613899999999"}),
    ] {
        // `peer` knows no other number, and a refusal leaves all rows as they were.
        assert_eq!(bench.post(&path, &body), Err(Refusal::Malformed), "{body}");
    }
    assert_eq!(bench.code(), code, "a code went out");
    let (_, calls) = bench.asks("otp/resend", &json!({}));
    let to: Vec<&Value> = calls.iter().map(|call| &call.body["to"]).collect();
    assert_eq!(to, [PHONE]);
}

#[test]
fn no_answer_to_a_terminal_holds_the_code() {
    let mut bench = bench();
    assert!(bench.password("alice", "apply", &salted()).is_ok());
    let (_, asked) = bench.asks("applicant", &json!({"applicant": who()}));
    let (_, asked) = bench.hears(&asked[0]);
    let (notice, _) = bench.hears(&asked[0]);
    let said: Value = serde_json::from_str(&notice).unwrap_or_default();
    let otp_id = said["otp"]["otp_id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let code = bench.code();
    assert!(bench.last_text.contains(&code) && code.len() == limit::OTP_DIGITS);
    let with = |otp_id: &str, code: &str| json!({"otp_id": otp_id, "code": code});
    let answers = [
        notice,
        bench.asks("otp", &with(&otp_id, &wrong(&code))).0,
        bench.asks("otp", &with(&id(1), &code)).0,
        bench
            .get(&format!("/v1/requests/{}", bench.request))
            .to_string(),
        bench.asks("otp", &with(&otp_id, &code)).0,
        bench
            .get(&format!("/v1/requests/{}", bench.request))
            .to_string(),
    ];
    for answer in answers {
        assert!(!answer.is_empty() && !answer.contains(&code), "{answer}");
    }
}

#[test]
fn a_proof_over_another_digest_pays_no_order() {
    let mut bench = bench();
    bench.with_card();
    let body = |amount_minor: u32| json!({"account_id": "alice", "payee": "shop", "amount_minor": amount_minor, "currency": "156"});
    let order = bench.post("/v1/orders", &body(5)).unwrap_or_default();
    let dearer = bench.post("/v1/orders", &body(500)).unwrap_or_default();
    let path = format!(
        "/v1/orders/{}/pay",
        order["order_id"].as_str().unwrap_or_default()
    );
    let another = [
        dearer["order_digest"].as_str().unwrap_or_default(),
        &hex::encode([1; 32]),
    ];
    for shown in another {
        let spoiled = payment(&order, "alice", shown, &salted());
        assert_eq!(
            bench.post(&path, &spoiled),
            Err(Refusal::OrderDigestMismatch)
        );
    }
    let shown = order["order_digest"].as_str().unwrap_or_default();
    let good = bench.post(&path, &payment(&order, "alice", shown, &salted()));
    assert_eq!(good.map(|said| said["result"].clone()), Ok(json!("paid")));
}

#[test]
fn a_request_is_cancelled_when_the_issuer_has_undone_it_and_not_before() {
    let mut bench = bench();
    bench.with_card();
    let path = bench.at("cancel");
    let mut asked = Vec::new();
    for _ in 0..3 {
        let cancel = bench.input("POST", &path, &json!({}), bench.key);
        let (_, calls) = bench.sent(cancel.clone());
        asked.extend(calls);
        assert_eq!(bench.said(cancel, Bench::silent), Err(Refusal::InProgress));
        let known = bench.get(&format!("/v1/requests/{}", bench.request));
        assert_eq!(known["state"], "await-provision");
        assert!(
            bench
                .rows
                .get(rows::BINDINGS, "CAAAAAAAAAAAAAAAAAAAA")
                .is_some()
        );
    }
    assert_eq!(asked.len(), 3);
    assert!(
        asked.iter().all(|call| *call == asked[0]),
        "each try is the same question"
    );
    assert!(asked[0].path.ends_with("/compensate"));
    assert_eq!(
        bench.post(&path, &json!({})),
        Ok(json!({"next": "cancelled"}))
    );
    assert!(
        bench
            .rows
            .get(rows::BINDINGS, "CAAAAAAAAAAAAAAAAAAAA")
            .is_none()
    );
}
