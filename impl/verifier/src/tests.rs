//! Tests of the verifier: histories and what they lead to. Every refusal leaves all rows as they were, or counts.

use super::*;
use kaika_crypto::password::{AuthMessage, client_key, proof, session_key, stored_key};
use kaika_crypto::{SaltedPassword, digest};
use kaika_spec::limit;
use kaika_wire::core::Caller;
use kaika_wire::front::Signed;
use kaika_wire::memory::MemoryRows;

mod bounds;
mod late;
mod told;

const NOW: i64 = 1_800_000_000_000;
const PHONE: &str = "+8613800000001";

struct Bench {
    verifier: Verifier,
    rows: MemoryRows,
    dice: Dice,
    now: i64,
    key: Option<[u8; 32]>,
    request: String,
    last_text: String,
}

/// A refusal, or status and body; a call to a peer is answered at once by [`Bench::peer`].
type Said = Result<Value, Refusal>;

fn who() -> Value {
    json!({"name": "Alice", "id_type": "resident-id", "id_no": "1", "id_valid_to": "2040-01-01"})
}

fn id(number: u8) -> String {
    hex::encode([number; 16])
}

fn salted() -> SaltedPassword {
    SaltedPassword::new([7; 32])
}

fn bench() -> Bench {
    let verifier = Verifier::new(Config {
        operator_key: [1; 32],
        secret: [2; 32],
    });
    let mut bench = Bench {
        verifier,
        rows: MemoryRows::default(),
        dice: Dice::new([3; 32]),
        now: NOW,
        key: None,
        request: String::new(),
        last_text: String::new(),
    };
    let stored = hex::encode(stored_key(&client_key(&salted())).bytes());
    for account in ["alice", "bob"] {
        let body =
            json!({"account_id": account, "applicant": who(), "salt": id(4), "stored_key": stored});
        assert!(bench.post("/v1/accounts", &body).is_ok());
    }
    bench
}

impl Bench {
    fn post(&mut self, path: &str, body: &Value) -> Said {
        self.said(self.input("POST", path, body, self.key), Self::peer)
    }

    fn get(&mut self, path: &str) -> Value {
        self.said(self.input("GET", path, &Value::Null, None), Self::peer)
            .unwrap_or_default()
    }

    fn input(
        &self,
        method: &'static str,
        path: &str,
        body: &Value,
        key: Option<[u8; 32]>,
    ) -> Input {
        let body = if body.is_null() {
            vec![]
        } else {
            body.to_string().into_bytes()
        };
        let signed = Signed {
            caller: "terminal",
            method,
            path,
            time: self.now,
            idempotency_key: "",
            body: &body,
        };
        let mac = key.map(|key| signed.mac(&key));
        let request = Request {
            caller: Caller::Terminal,
            method,
            path: path.into(),
            time: self.now,
            idempotency_key: String::new(),
            mac,
            body,
        };
        Input::Request(request)
    }

    fn said(&mut self, input: Input, peer: fn(&mut Self, &Call) -> (u16, Value)) -> Said {
        let before = self.rows.clone();
        let change = match self
            .verifier
            .decide(&self.rows, self.now, &mut self.dice, &input)
        {
            Ok(change) => change,
            Err(refused) => {
                assert_eq!(self.rows, before, "{:?}", refused.refusal);
                return Err(refused.refusal);
            }
        };
        self.rows.apply(&change.writes);
        if let Some(call) = change.calls.first().cloned() {
            let (status, body) = peer(self, &call);
            return self.said(
                Input::Answer {
                    call: call.id,
                    status,
                    body,
                },
                peer,
            );
        }
        match change.refusal {
            Some(refusal) => Err(refusal),
            None => change
                .reply
                .map(|reply| reply.body)
                .ok_or(Refusal::InProgress),
        }
    }

    /// Peers that say yes: Alice is a known customer.
    fn peer(&mut self, call: &Call) -> (u16, Value) {
        match (call.to.as_str(), call.path.as_str()) {
            ("issuer", "/v1/eligibility") => {
                let body = json!({"branch": "known-customer", "eligibility_id": id(5), "phone": PHONE, "phone_version": 1, "expires_at": NOW});
                (200, body)
            }
            ("issuer", "/v1/issue") => (201, self.issued()),
            ("issuer", "/v1/debits") => (
                201,
                json!({"debit_id": call.body["debit_id"], "result": "posted", "auth_code": "000001"}),
            ),
            ("sms", _) => {
                assert_eq!(call.body["to"], PHONE);
                self.last_text = call.body["text"].as_str().unwrap_or_default().into();
                (200, json!({}))
            }
            ("identity", _) => (201, json!({"reference": id(6), "status": "scored"})),
            _ => (200, json!({})),
        }
    }

    fn issued(&self) -> Value {
        json!({
            "request_id": self.request, "card_code": "CAAAAAAAAAAAAAAAAAAAA", "agreement": "AAAAAAAAAAAAAAAAAAAAA",
            "token_ref": id(8), "token_state": "inactive",
        })
    }

    /// The same, but the person is new to the issuer.
    fn first_card(&mut self, call: &Call) -> (u16, Value) {
        match call.path.as_str() {
            "/v1/eligibility" => (
                200,
                json!({"branch": "first-card", "eligibility_id": id(5), "expires_at": NOW}),
            ),
            _ => self.peer(call),
        }
    }

    fn silent(&mut self, _: &Call) -> (u16, Value) {
        (0, Value::Null)
    }

    fn open(&mut self, account: &str) -> Value {
        let body = json!({
            "account_id": account, "device_id": "d", "se_id": "0102030405060708", "product": "debit", "tos_version": "1",
            "terminal_nonce": id(1),
        });
        self.key = None;
        let opened = self.post("/v1/requests", &body).unwrap_or_default();
        self.request = opened["request_id"].as_str().unwrap_or_default().into();
        opened
    }

    fn at(&self, what: &str) -> String {
        format!("/v1/requests/{}/{what}", self.request)
    }

    /// A proof for an opened request, and the session that it opens.
    fn proved(
        &self,
        opened: &Value,
        account: &str,
        purpose: &str,
        salted: &SaltedPassword,
    ) -> (String, [u8; 32]) {
        let open = digest::Open {
            account_id: account,
            device_id: "d",
            se_id: "0102030405060708",
            product: "debit",
            tos_version: "1",
            terminal_nonce: &id(1),
        };
        let digest = hex::encode(digest::open(&open));
        let nonce = opened["challenge"]["nonce"].as_str().unwrap_or_default();
        let statement = AuthMessage {
            purpose,
            subject_id: &self.request,
            nonce,
            digest: &digest,
        };
        let client = client_key(salted);
        (
            hex::encode(proof(&client, &statement)),
            *session_key(&stored_key(&client), &statement).bytes(),
        )
    }

    fn password(&mut self, account: &str, purpose: &str, salted: &SaltedPassword) -> Said {
        let opened = self.open(account);
        let (proof, key) = self.proved(&opened, account, purpose, salted);
        let said = self.post(&self.at("password"), &json!({"proof": proof}));
        self.key = Some(key);
        said
    }

    /// As far as the code.
    fn with_code(&mut self) -> (String, String) {
        assert_eq!(
            self.password("alice", "apply", &salted()),
            Ok(json!({"next": "applicant"}))
        );
        let said = self.post(&self.at("applicant"), &json!({"applicant": who()}));
        let otp = said
            .map(|said| said["otp"]["otp_id"].clone())
            .unwrap_or_default();
        (otp.as_str().unwrap_or_default().into(), self.code())
    }

    fn code(&self) -> String {
        self.last_text.chars().take(6).collect()
    }

    fn otp(&mut self, otp_id: &str, code: &str) -> Said {
        self.post(&self.at("otp"), &json!({"otp_id": otp_id, "code": code}))
    }

    fn with_card(&mut self) {
        let (otp_id, code) = self.with_code();
        assert!(self.otp(&otp_id, &code).is_ok());
        assert_eq!(
            self.post(&self.at("issue"), &json!({"consent": id(2)}))
                .map(|said| said["next"].clone()),
            Ok(json!("provision"))
        );
    }
}

fn wrong(code: &str) -> String {
    let last = if code.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &code[..5])
}

#[test]
fn a_proof_is_for_its_purpose_its_request_and_once() {
    let mut bench = bench();
    assert_eq!(
        bench.password("alice", "pay", &salted()),
        Err(Refusal::BadPassword)
    );
    assert_eq!(
        bench.password("alice", "apply", &SaltedPassword::new([8; 32])),
        Err(Refusal::BadPassword)
    );
    let opened = bench.open("alice");
    let (first, _) = bench.proved(&opened, "alice", "apply", &salted());
    bench.open("alice");
    assert_eq!(
        bench.post(&bench.at("password"), &json!({"proof": first})),
        Err(Refusal::BadPassword)
    );
    assert!(bench.password("alice", "apply", &salted()).is_ok());
    assert_eq!(
        bench.post(&bench.at("password"), &json!({"proof": first})),
        Err(Refusal::WrongOrder)
    );
}

#[test]
fn wrong_passwords_lock_the_account_for_a_while() {
    let mut bench = bench();
    for _ in 0..limit::PASSWORD_TRIES_MAX {
        assert_eq!(
            bench.password("alice", "apply", &SaltedPassword::new([8; 32])),
            Err(Refusal::BadPassword)
        );
    }
    assert_eq!(
        bench.password("alice", "apply", &salted()),
        Err(Refusal::AccountLocked)
    );
    assert!(bench.password("bob", "apply", &salted()).is_ok());
    bench.now += limit::PASSWORD_LOCK_MS;
    assert!(bench.password("alice", "apply", &salted()).is_ok());
}

#[test]
fn an_unknown_account_looks_known_until_the_proof() {
    let mut bench = bench();
    let (first, second) = (bench.open("nobody"), bench.open("nobody"));
    assert_eq!(first["challenge"]["salt"], second["challenge"]["salt"]);
    assert_eq!(
        bench.password("nobody", "apply", &salted()),
        Err(Refusal::UnknownAccount)
    );
    assert_eq!(Refusal::UnknownAccount.seen(), Refusal::BadPassword.seen());
}

#[test]
fn only_the_account_holder_gets_as_far_as_the_issuer() {
    let mut bench = bench();
    assert!(bench.password("alice", "apply", &salted()).is_ok());
    for (field, value) in [("name", "Mallory"), ("id_type", "passport"), ("id_no", "2")] {
        let mut other = who();
        other[field] = json!(value);
        let said = bench.post(&bench.at("applicant"), &json!({"applicant": other}));
        assert_eq!(said, Err(Refusal::RealnameMismatch), "{field}");
    }
    let said = bench.post(
        &bench.at("applicant"),
        &json!({"applicant": {"name": "Alice"}}),
    );
    assert_eq!(said, Err(Refusal::Malformed));
    assert!(bench.last_text.is_empty());
}

#[test]
fn every_message_after_the_password_is_signed() {
    let mut bench = bench();
    bench.with_code();
    for key in [None, Some([9; 32])] {
        bench.key = key;
        for (what, body) in [
            ("applicant", json!({"applicant": who()})),
            ("otp/resend", json!({})),
            ("otp", json!({"otp_id": id(1), "code": "000000"})),
            ("issue", json!({"consent": id(2)})),
            ("cancel", json!({})),
        ] {
            assert_eq!(
                bench.post(&bench.at(what), &body),
                Err(Refusal::BadSignature),
                "{what}"
            );
        }
    }
}

#[test]
fn what_comes_in_another_state_is_out_of_order() {
    let mut bench = bench();
    bench.with_code();
    let frames = json!({"policy_id": id(1), "nonce": id(1), "frames": []});
    let photos = json!({"policy_id": id(1), "front": "AA==", "back": "AA=="});
    for (what, body) in [
        ("applicant", json!({"applicant": who()})),
        ("id-photos", photos),
        ("frames", frames),
        ("issue", json!({"consent": id(2)})),
        ("provision", json!({"session": null, "responses": []})),
    ] {
        assert_eq!(
            bench.post(&bench.at(what), &body),
            Err(Refusal::WrongOrder),
            "{what}"
        );
    }
    assert_eq!(
        bench.post(
            &format!("/v1/requests/{}/issue", id(1)),
            &json!({"consent": id(2)})
        ),
        Err(Refusal::UnknownRequest)
    );
}

#[test]
fn a_code_is_bound_counted_and_used_once() {
    let mut bench = bench();
    let (otp_id, code) = bench.with_code();
    assert_eq!(bench.otp(&id(1), &code), Err(Refusal::OtpWrong));
    for _ in 1..limit::OTP_TRIES_MAX {
        assert_eq!(bench.otp(&otp_id, &wrong(&code)), Err(Refusal::OtpWrong));
    }
    assert_eq!(bench.otp(&otp_id, &code), Err(Refusal::OtpLocked));
    let (otp_id, code) = bench.with_code();
    assert!(bench.otp(&otp_id, &code).is_ok());
    assert_eq!(bench.otp(&otp_id, &code), Err(Refusal::WrongOrder));
}

#[test]
fn guesses_are_counted_over_all_requests() {
    let mut bench = bench();
    for _ in 0..2 {
        let (otp_id, code) = bench.with_code();
        for _ in 0..limit::OTP_TRIES_MAX {
            assert_eq!(bench.otp(&otp_id, &wrong(&code)), Err(Refusal::OtpWrong));
        }
    }
    let (otp_id, code) = bench.with_code();
    assert_eq!(bench.otp(&otp_id, &code), Err(Refusal::OtpLocked));
    bench.now += limit::GUESS_WINDOW_MS;
    let (otp_id, code) = bench.with_code();
    assert!(bench.otp(&otp_id, &code).is_ok());
}

#[test]
fn codes_expire_are_superseded_and_are_sent_seldom() {
    let mut bench = bench();
    let (first, first_code) = bench.with_code();
    assert_eq!(
        bench.post(&bench.at("otp/resend"), &json!({})),
        Err(Refusal::RateLimited)
    );
    bench.now += limit::OTP_TTL_MS + 1;
    assert_eq!(bench.otp(&first, &first_code), Err(Refusal::OtpExpired));
    let second = bench
        .post(&bench.at("otp/resend"), &json!({}))
        .unwrap_or_default();
    assert_eq!(second["otp"]["sends_left"], limit::OTP_SENDS_MAX - 2);
    assert_eq!(bench.otp(&first, &first_code), Err(Refusal::OtpSuperseded));
    bench.now += limit::OTP_RESEND_MS;
    assert!(bench.post(&bench.at("otp/resend"), &json!({})).is_ok());
    bench.now += limit::OTP_RESEND_MS;
    assert_eq!(
        bench.post(&bench.at("otp/resend"), &json!({})),
        Err(Refusal::OtpSendLimit)
    );
    bench.now = NOW + limit::REQUEST_TTL_MS;
    assert_eq!(
        bench.post(&bench.at("otp/resend"), &json!({})),
        Err(Refusal::RequestExpired)
    );
    assert_eq!(
        bench.get(&format!("/v1/requests/{}", bench.request))["state"],
        "expired"
    );
}

#[test]
fn a_gateway_that_is_slow_does_not_get_more_codes_out_of_us() {
    let mut bench = bench();
    assert!(bench.password("alice", "apply", &salted()).is_ok());
    let input = bench.input(
        "POST",
        &bench.at("applicant"),
        &json!({"applicant": who()}),
        bench.key,
    );
    assert!(bench.said(input.clone(), Bench::peer).is_ok());
    assert_eq!(bench.said(input, Bench::peer), Err(Refusal::WrongOrder));
}

/// As far as the video: the policy, its nonce and actions.
fn with_policy(bench: &mut Bench) -> Value {
    assert!(bench.password("alice", "apply", &salted()).is_ok());
    let input = bench.input(
        "POST",
        &bench.at("applicant"),
        &json!({"applicant": who()}),
        bench.key,
    );
    let said = bench.said(input, Bench::first_card).unwrap_or_default();
    let stale = json!({"policy_id": id(1), "front": "AA==", "back": "AA=="});
    assert_eq!(
        bench.post(&bench.at("id-photos"), &stale),
        Err(Refusal::PolicyMismatch)
    );
    let photos = json!({"policy_id": said["policy_id"], "front": "AA==", "back": "AA=="});
    bench
        .post(&bench.at("id-photos"), &photos)
        .unwrap_or_default()
}

fn video(policy: &Value) -> Value {
    let actions = policy["actions"].as_array().cloned().unwrap_or_default();
    let images = ["AQ==", "Ag==", "Aw=="];
    let frames: Vec<Value> = actions
        .iter()
        .zip(images)
        .map(|(action, image)| json!({"action": action, "image": image}))
        .collect();
    json!({"policy_id": policy["policy_id"], "nonce": policy["nonce"], "frames": frames})
}

#[test]
fn a_video_answers_its_challenge_in_order_in_time_and_is_new() {
    let mut bench = bench();
    let policy = with_policy(&mut bench);
    let good = video(&policy);
    let path = bench.at("frames");
    let mut other = good.clone();
    other["nonce"] = json!(id(1));
    assert_eq!(bench.post(&path, &other), Err(Refusal::PolicyMismatch));
    let mut other = good.clone();
    if let Some(frames) = other["frames"].as_array_mut() {
        frames.swap(0, 1);
    }
    assert_eq!(bench.post(&path, &other), Err(Refusal::PolicyMismatch));
    let mut other = good.clone();
    other["frames"][1]["image"] = json!("AQ==");
    assert_eq!(bench.post(&path, &other), Err(Refusal::FramesReplayed));
    bench.now += limit::POLICY_TTL_MS;
    assert_eq!(bench.post(&path, &good), Err(Refusal::PolicyExpired));
    bench.now = NOW;
    assert_eq!(bench.post(&path, &good), Ok(json!({"next": "issue"})));
    let policy = with_policy(&mut bench);
    assert_eq!(
        bench.post(&bench.at("frames"), &video(&policy)),
        Err(Refusal::FramesReplayed)
    );
}

/// An order and a payment of it, to be spoiled.
fn ordered(bench: &mut Bench, salted: &SaltedPassword) -> (String, Value) {
    ordered_for(bench, "alice", salted)
}

fn ordered_for(bench: &mut Bench, account: &str, salted: &SaltedPassword) -> (String, Value) {
    let body =
        json!({"account_id": account, "payee": "shop", "amount_minor": 5, "currency": "156"});
    let order = bench.post("/v1/orders", &body).unwrap_or_default();
    let shown = order["order_digest"].as_str().unwrap_or_default();
    (
        format!(
            "/v1/orders/{}",
            order["order_id"].as_str().unwrap_or_default()
        ),
        payment(&order, account, shown, salted),
    )
}

/// What a terminal says that pays the order, having shown what has this digest.
fn payment(order: &Value, account: &str, shown: &str, salted: &SaltedPassword) -> Value {
    let card = "CAAAAAAAAAAAAAAAAAAAA";
    let statement = AuthMessage {
        purpose: "pay",
        subject_id: order["order_id"].as_str().unwrap_or_default(),
        nonce: order["challenge"]["nonce"].as_str().unwrap_or_default(),
        digest: &hex::encode(digest::pay(shown, card)),
    };
    let proof = hex::encode(proof(&client_key(salted), &statement));
    json!({"account_id": account, "card_code": card, "order_digest": shown, "proof": proof, "evidence": id(3)})
}

#[test]
fn an_order_is_paid_once_by_its_owner_with_a_bound_card() {
    let mut bench = bench();
    let (unbound, payment) = ordered(&mut bench, &salted());
    assert_eq!(
        bench.post(&format!("{unbound}/pay"), &payment),
        Err(Refusal::NotBound)
    );
    bench.with_card();
    let (order, good) = ordered(&mut bench, &salted());
    let (path, with) = (format!("{order}/pay"), |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    });
    assert_eq!(
        bench.post(&path, &with("account_id", json!("bob"))),
        Err(Refusal::OrderNotOwned)
    );
    assert_eq!(
        bench.post(&path, &with("order_digest", json!(hex::encode([1; 32])))),
        Err(Refusal::BadPassword)
    );
    assert_eq!(
        bench.post(&path, &with("card_code", json!("CBBBBBBBBBBBBBBBBBBBB"))),
        Err(Refusal::BadPassword)
    );
    let (_, elsewhere) = ordered(&mut bench, &salted());
    assert_eq!(
        bench.post(&path, &with("proof", elsewhere["proof"].clone())),
        Err(Refusal::BadPassword)
    );
    assert_eq!(
        bench.post(&format!("/v1/orders/{}/pay", id(1)), &good),
        Err(Refusal::UnknownOrder)
    );
    bench.now += limit::ORDER_TTL_MS;
    assert_eq!(bench.post(&path, &good), Err(Refusal::OrderExpired));
    assert_eq!(bench.get(&order)["result"], "expired");
    bench.now = NOW;
    assert_eq!(
        bench.post(&path, &good).map(|said| said["result"].clone()),
        Ok(json!("paid"))
    );
    assert_eq!(bench.post(&path, &good), Err(Refusal::OrderSettled));
}

#[test]
fn silence_settles_nothing_and_the_same_debit_is_asked_again() {
    let mut bench = bench();
    bench.with_card();
    let (order, payment) = ordered(&mut bench, &salted());
    let pay = bench.input("POST", &format!("{order}/pay"), &payment, None);
    assert_eq!(
        bench.said(pay.clone(), Bench::silent),
        Err(Refusal::InProgress)
    );
    assert_eq!(bench.get(&order)["result"], "pending");
    for (status, body) in [
        (401, json!({"code": "bad-signature"})),
        (200, json!({})),
        (500, Value::Null),
    ] {
        let before = bench.rows.clone();
        let call = call_id("debit", order.rsplit('/').next().unwrap_or_default());
        let answered = bench.said(Input::Answer { call, status, body }, Bench::peer);
        assert_eq!((answered, &bench.rows), (Err(Refusal::InProgress), &before));
    }
    assert_eq!(
        bench
            .said(pay, Bench::peer)
            .map(|said| said["result"].clone()),
        Ok(json!("paid"))
    );
}

#[test]
fn a_cancelled_request_stays_cancelled() {
    let mut bench = bench();
    let (otp_id, code) = bench.with_code();
    assert_eq!(
        bench.post(&bench.at("cancel"), &json!({})),
        Ok(json!({"next": "cancelled"}))
    );
    let late = Input::Answer {
        call: call_id("code", &otp_id),
        status: 200,
        body: json!({}),
    };
    assert_eq!(bench.said(late, Bench::peer), Err(Refusal::WrongOrder));
    assert_eq!(bench.otp(&otp_id, &code), Err(Refusal::WrongOrder));
}

#[test]
fn no_answer_to_a_terminal_holds_the_agreement() {
    let mut bench = bench();
    let (otp_id, code) = bench.with_code();
    assert!(bench.otp(&otp_id, &code).is_ok());
    let said = bench
        .post(&bench.at("issue"), &json!({"consent": id(2)}))
        .unwrap_or_default();
    let named: Vec<&str> = said
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(named, ["card_code", "next", "token_ref"]);
}

#[test]
fn nobody_pays_with_another_accounts_card() {
    let mut bench = bench();
    bench.with_card();
    let (order, payment) = ordered_for(&mut bench, "bob", &salted());
    assert_eq!(
        bench.post(&format!("{order}/pay"), &payment),
        Err(Refusal::NotBound)
    );
}
