//! What the verifier is told by a terminal, and by the peers that the runner plays.

mod apply;
mod detours;
mod front;
mod issue;
mod messages;
mod pay;
mod prove;
mod questions;
mod scenes;
mod upset;

use kaika_model::role::verifier::{Input, Order, Output, Phase, State, Verifier};
use kaika_model::{Outcome, Verdict};
use kaika_spec::limit;
use serde_json::{Value, json};

use crate::faults::{Fault, Flow, Race};
use crate::fields::{Bound, Message};
use crate::walk::ANY;

use crate::script::{
    Expected, Questions, Scene, Script, advance, bind, concat, digits, fields, fresh, known, named,
    post, stranger,
};

/// The templates of the verifier.
#[derive(Clone, Copy, Debug)]
pub struct Templates;

const PASSWORD: &str = "correct horse battery staple";
/// Somebody's enrolment.
const NEW_ACCOUNT: &str = "account(new)";
const LAST_RESEND: &str = "otp-resend(last)";
const SALT: &str = "00112233445566778899aabbccddeeff";
/// 2100-01-01: the peers' decisions outlive every test.
const LATER: i64 = 4_102_444_800_000;

impl Script for Templates {
    type M = Verifier;
    const ROLE: &'static str = "verifier";
    const REQUIREMENTS: &'static [&'static str] = &["WIR-9"];

    fn setup(_: &[Input]) -> Vec<String> {
        vec!["setup".to_owned()]
    }

    /// The last code that may be sent says so.
    fn part(state: &State, input: &Input) -> String {
        let last = state.sends + 1 == limit::OTP_SENDS_MAX;
        match input {
            Input::OtpResend if last => LAST_RESEND.to_owned(),
            _ => input.to_string(),
        }
    }

    fn steps(part: &str) -> Vec<Value> {
        match part {
            "setup" => setup(),
            LAST_RESEND => prove::resent(0),
            NEW_ACCOUNT => account("new_account", "applicant"),
            _ => Input::from_name(part).map_or_else(Vec::new, said),
        }
    }

    fn expected(state: &State, input: &Input, outcome: &Outcome<State, Output>) -> Expected {
        match outcome.verdict {
            Verdict::Refuse(refusal) => Expected {
                refuse: Some(refusal.name().to_owned()),
                ..Expected::default()
            },
            _ => Expected {
                accept: told(state, input, outcome).as_ref().and_then(fields),
                ..Expected::default()
            },
        }
    }

    fn needs(input: &Input) -> Option<&'static str> {
        let clock = matches!(
            input,
            Input::AdvanceResend
                | Input::AdvanceOtp
                | Input::AdvancePolicy
                | Input::AdvanceRequest
                | Input::AdvanceLock
                | Input::AdvanceOrder
        );
        clock.then_some("hook:clock")
    }

    fn flows() -> Vec<Flow<Input>> {
        upset::flows()
    }

    fn faults() -> &'static [Fault] {
        &[Fault::Lost, Fault::Both, Fault::Restart, Fault::Late]
    }

    fn races() -> Vec<Race<Input>> {
        upset::races()
    }

    fn messages() -> Vec<Message<Input>> {
        messages::all()
    }

    fn bound() -> &'static [Bound] {
        messages::BOUND
    }

    /// Tries, sends and codes are counted: to tell the counters apart takes up to 13 inputs, and most need the clock.
    fn depth(chapter: &str) -> usize {
        match chapter {
            "prove" => 2,
            _ => ANY,
        }
    }

    fn detours() -> Vec<(&'static str, Vec<Input>)> {
        detours::all()
    }

    fn scenes() -> Vec<Scene> {
        scenes::all()
    }

    fn shown() -> &'static [Input] {
        &[Input::Query, Input::OrderQuery]
    }

    fn questions(heard: &[Output]) -> Questions {
        questions::all(heard)
    }
}

fn told(state: &State, input: &Input, outcome: &Outcome<State, Output>) -> Option<Value> {
    let has = |out: Output| outcome.out.contains(&out);
    let order_id = known("order_id");
    match input {
        Input::Query => Some(json!({
            "request_id": known("request_id"), "state": phase(state), "next": next(state),
        })),
        Input::OrderQuery => {
            Some(json!({ "order_id": order_id, "result": order(outcome.next.order) }))
        }
        Input::PayRepeat if has(Output::Declined) => {
            Some(json!({"order_id": order_id, "result": "declined"}))
        }
        _ => None,
    }
}

const fn order(order: Order) -> &'static str {
    match order {
        Order::Paid => "paid",
        Order::Declined => "declined",
        Order::Pending => "pending",
        Order::Expired => "expired",
        Order::None | Order::Open => "open",
    }
}

/// What the terminal is told to do next.
const fn next(state: &State) -> &'static str {
    if state.expired {
        return "none";
    }
    match state.phase {
        Phase::None | Phase::AwaitPassword => "password",
        Phase::AwaitApplicant | Phase::AwaitEligibility => "applicant",
        Phase::AwaitOtp => "otp",
        Phase::AwaitPhotos => "id-photos",
        Phase::AwaitFrames | Phase::AwaitMatch => "frames",
        Phase::AwaitIssue | Phase::Issuing => "issue",
        Phase::AwaitProvision => "provision",
        Phase::Done => "done",
        Phase::Cancelled => "cancelled",
        Phase::Refused => "none",
    }
}

const fn phase(state: &State) -> &'static str {
    if state.expired && !matches!(state.phase, Phase::Refused) {
        return "expired";
    }
    match state.phase {
        Phase::None | Phase::AwaitPassword => "await-password",
        Phase::AwaitApplicant => "await-applicant",
        Phase::AwaitEligibility => "await-eligibility",
        Phase::AwaitOtp => "await-otp",
        Phase::AwaitPhotos => "await-photos",
        Phase::AwaitFrames => "await-frames",
        Phase::AwaitMatch => "await-match",
        Phase::AwaitIssue => "await-issue",
        Phase::Issuing => "issuing",
        Phase::AwaitProvision => "await-provision",
        Phase::Done => "done",
        Phase::Cancelled => "cancelled",
        Phase::Refused => "refused",
    }
}

fn letters(len: usize) -> Value {
    json!({"$fresh": {"type": "letters", "len": len}})
}

fn account(name: &str, applicant: &str) -> Vec<Value> {
    let stored =
        json!({"$calc": {"fn": "stored-key", "args": {"password": PASSWORD, "salt": SALT}}});
    let body = json!({
        "account_id": known(name), "applicant": known(applicant), "salt": SALT, "stored_key": stored,
    });
    vec![
        named(name, concat(json!(["account-", digits(12)]))),
        post(
            "operator",
            "verifier",
            json!(["v1", "accounts"]),
            body,
            json!({"account_id": known(name)}),
        ),
    ]
}

fn setup() -> Vec<Value> {
    let mut steps = vec![named("applicant", stranger())];
    steps.extend(account("account_id", "applicant"));
    for (name, len) in [
        ("se_id", 8),
        ("terminal_nonce", 16),
        ("request_id", 16),
        ("session", 32),
        ("otp_id", 16),
        ("policy_id", 16),
        ("nonce", 16),
        ("token_ref", 16),
        ("eligibility_id", 16),
        ("other_decision", 16),
        ("reference", 16),
        ("order_id", 16),
        ("order_digest", 32),
        ("open_key", 16),
        ("order_key", 16),
        ("pay_key", 16),
        ("old_otp_id", 16),
        ("applicant_key", 16),
        ("consent", 16),
        ("evidence", 16),
        ("order_nonce", 16),
    ] {
        steps.push(named(name, fresh(len)));
    }
    let challenge = json!({"salt": SALT, "m_kib": 19456, "t": 2, "p": 1, "nonce": fresh(32)});
    steps.extend([
        named("phone", concat(json!(["+861", digits(10)]))),
        named("code", json!("000000")),
        named("old_code", json!("000000")),
        named("actions", json!(["nod", "blink", "turn-left"])),
        named("applied", known("applicant")),
        named("first_otp", json!({})),
        named("front", json!("")),
        named("back", json!("")),
        named("card_code", concat(json!(["C", letters(20)]))),
        named("agreement", concat(json!(["A", letters(20)]))),
        named("challenge", challenge.clone()),
        named("order_challenge", challenge),
        named("verifier_nonce", fresh(16)),
        named("provision_session", Value::Null),
        named("pay_body", json!({})),
        named("order_ends", json!(LATER)),
    ]);
    steps
}

/// A message of the terminal about the request, signed with its session.
fn signed(request: &str, session: &str, rest: &[&str], body: Value, accept: Value) -> Value {
    let mut path = vec![json!("v1"), json!("requests"), known(request)];
    path.extend(rest.iter().map(|part| json!(part)));
    let mut sent = post("terminal", "verifier", Value::Array(path), body, accept);
    sent["session"] = known(session);
    sent
}

fn ours(rest: &[&str], body: Value, accept: Value) -> Value {
    signed("request_id", "session", rest, body, accept)
}

/// The wish to issue: the verifier cannot check the chip's consent, and passes it on.
fn wish() -> Value {
    json!({"consent": known("consent")})
}

fn arrange(at: &str, path: Value, having: Value, answer: Value) -> Value {
    let mut step = json!({"op": "arrange", "at": at, "path": path, "having": having});
    if let (Some(step), Some(answer)) = (step.as_object_mut(), answer.as_object()) {
        step.extend(answer.clone());
    }
    step
}

fn body(value: Value) -> Value {
    json!({ "body": value })
}

fn refusal(name: &str) -> Value {
    json!({ "refuse": name })
}

/// A challenge for a password; the verifier's nonce is its own.
fn challenge(salt: Value) -> Value {
    json!({"salt": salt, "m_kib": 19456, "t": 2, "p": 1, "nonce": {"$hex": {"len": 32}}})
}

/// The names that one card request goes by.
#[derive(Clone, Copy)]
struct Names {
    account: &'static str,
    request: &'static str,
    session: &'static str,
    nonce: &'static str,
    verifier_nonce: &'static str,
    challenge: &'static str,
    made: &'static str,
}

const OURS: Names = Names {
    account: "account_id",
    request: "request_id",
    session: "session",
    nonce: "terminal_nonce",
    verifier_nonce: "verifier_nonce",
    challenge: "challenge",
    made: "made",
};

/// Another request of the same account.
const OTHER: Names = Names {
    account: "account_id",
    request: "other_request",
    session: "other_session",
    nonce: "other_nonce",
    verifier_nonce: "other_verifier_nonce",
    challenge: "other_challenge",
    made: "other_made",
};

/// A request of another account.
const THEIRS: Names = Names {
    account: "other_account",
    ..OTHER
};

impl Names {
    fn open_body(self) -> Value {
        json!({
            "account_id": known(self.account), "device_id": "device-1", "se_id": known("se_id"), "product": "gold",
            "tos_version": "1", "terminal_nonce": known(self.nonce),
        })
    }

    fn open(self) -> Value {
        let salt = json!(SALT);
        let challenge = json!({"$bind": {"as": self.challenge, "match": challenge(salt)}});
        let accept = json!({
            "request_id": bind(self.request), "verifier_nonce": bind(self.verifier_nonce), "challenge": challenge,
            "expires_at": {"$any": null},
        });
        let path = json!(["v1", "requests"]);
        post("terminal", "verifier", path, self.open_body(), accept)
    }

    /// The proof that opens the session.
    fn proof(self, password: &str, purpose: &str) -> Value {
        let digest = json!({"$calc": {"fn": "open-digest", "args": self.open_body()}});
        let args = json!({
            "password": password, "challenge": known(self.challenge), "purpose": purpose,
            "subject": known(self.request), "digest": digest,
        });
        named(self.made, json!({"$calc": {"fn": "proof", "args": args}}))
    }

    /// Sends the proof that another name stands for.
    fn prove(self, made: &str) -> Value {
        let path = json!(["v1", "requests", known(self.request), "password"]);
        let proof = json!({ "proof": known(&format!("{made}.proof")) });
        let next = json!({"next": "applicant"});
        post("terminal", "verifier", path, proof, next)
    }

    fn signed(self, rest: &[&str], body: Value, accept: Value) -> Value {
        signed(self.request, self.session, rest, body, accept)
    }

    /// From nothing to its applicant.
    fn applied(self, applicant: &str, accept: Value) -> Vec<Value> {
        let sent = json!({"applicant": known(applicant)});
        vec![
            named(self.nonce, fresh(16)),
            self.open(),
            self.proof(PASSWORD, "apply"),
            self.prove(self.made),
            named(self.session, known(&format!("{}.session", self.made))),
            self.signed(&["applicant"], sent, accept),
        ]
    }
}

/// A message that nobody of this session signed.
fn unsigned(rest: &[&str], body: Value) -> Vec<Value> {
    let sent = signed("request_id", "no_session", rest, body, json!({}));
    vec![named("no_session", fresh(32)), sent]
}

fn under(mut step: Value, key: &str) -> Value {
    step["headers"] = json!({"Idempotency-Key": known(key)});
    step
}

fn mask(name: &str) -> Value {
    json!({"$calc": {"fn": "mask", "args": {"text": known(name)}}})
}

/// A code was sent: how many tries and sends are left.
fn code_sent(name: &str, sends: Value) -> Value {
    let phone_mask = if name == "otp" {
        mask("phone")
    } else {
        json!({"$any": null})
    };
    let otp = json!({
        "otp_id": {"$hex": {"len": 16}}, "phone_mask": phone_mask, "expires_at": {"$any": null},
        "tries_left": limit::OTP_TRIES_MAX, "sends_left": sends,
    });
    json!({"next": "otp", "otp": {"$bind": {"as": name, "match": otp}}})
}

/// What the issuer decides about a person.
fn decided(who: &str, answer: Value) -> Value {
    let path = json!(["v1", "eligibility"]);
    arrange("issuer", path, known(&format!("{who}.id_no")), answer)
}

fn known_customer(who: &str, phone: &str) -> Value {
    let decision = if who == "applicant" {
        "eligibility_id"
    } else {
        "other_decision"
    };
    let answer = json!({
        "branch": "known-customer", "eligibility_id": known(decision), "phone": known(phone),
        "phone_version": 1, "expires_at": LATER,
    });
    decided(who, body(answer))
}

fn first_card() -> Value {
    let answer = json!({
        "branch": "first-card", "eligibility_id": known("eligibility_id"), "expires_at": LATER,
    });
    decided("applicant", body(answer))
}

fn capture(phone: &str, name: &str) -> Value {
    json!({"op": "capture", "phone": known(phone), "as": name})
}

fn phone() -> Value {
    concat(json!(["+861", digits(10)]))
}

fn said(input: Input) -> Vec<Value> {
    match input {
        _ if input <= Input::EnrolAgain => front::told(input),
        _ if input <= Input::ApplicantConflict => apply::told(input),
        _ if input <= Input::FramesRefused => prove::told(input),
        _ if input <= Input::CancelUnsigned => issue::told(input),
        Input::AdvanceResend => vec![advance(limit::OTP_RESEND_MS + 1)],
        Input::AdvanceOtp => vec![advance(limit::OTP_TTL_MS + 1)],
        Input::AdvancePolicy => vec![advance(limit::POLICY_TTL_MS + 1)],
        Input::AdvanceRequest => vec![advance(limit::REQUEST_TTL_MS + 1)],
        Input::AdvanceLock => vec![advance(limit::PASSWORD_LOCK_MS + 1)],
        Input::AdvanceOrder => vec![advance(limit::ORDER_TTL_MS + 1)],
        _ => pay::told(input),
    }
}
