//! What the verifier is told by a terminal, and by the peers that the runner plays.

mod pay;

use kaika_model::role::verifier::{Input, Order, Output, Phase, State, Verifier};
use kaika_model::{Outcome, Verdict};
use kaika_spec::limit;
use serde_json::{Value, json};

use crate::script::{
    Expected, Questions, Script, bind, concat, digits, fields, fresh, get, known, named, post,
    stranger,
};

/// The templates of the verifier.
#[derive(Clone, Copy, Debug)]
pub struct Templates;

const PASSWORD: &str = "correct horse battery staple";
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

    fn part(_: &State, input: &Input) -> String {
        input.to_string()
    }

    fn steps(part: &str) -> Vec<Value> {
        match part {
            "setup" => setup(),
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

    /// The budget of guesses outlives the code: two codes are guessed at, and the third is locked before its first try.
    fn detours() -> Vec<(&'static str, Vec<Input>)> {
        let guesses = [Input::OtpWrong; limit::OTP_TRIES_MAX as usize];
        let again = [Input::AdvanceResend, Input::OtpResend];
        let start = [Input::Open, Input::Password, Input::ApplicantKnown];
        let path = [
            &start[..],
            &guesses,
            &again,
            &guesses,
            &again,
            &[Input::Otp],
        ]
        .concat();
        vec![("prove", path)]
    }

    fn questions(heard: &[Output]) -> Questions {
        let count = |wanted: Output| heard.iter().filter(|out| **out == wanted).count();
        vec![
            (
                "issuer",
                "/v1/eligibility",
                "request_id",
                count(Output::AskEligibility),
            ),
            (
                "identity",
                "/v1/matches",
                "request_id",
                count(Output::AskMatch),
            ),
        ]
    }
}

fn told(state: &State, input: &Input, outcome: &Outcome<State, Output>) -> Option<Value> {
    let has = |out: Output| outcome.out.contains(&out);
    match input {
        Input::Query => Some(json!({ "state": phase(state) })),
        Input::OrderQuery => Some(json!({ "result": order(outcome.next.order) })),
        Input::PayRepeat if has(Output::Declined) => Some(json!({"result": "declined"})),
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

const fn phase(state: &State) -> &'static str {
    if state.expired {
        return "expired";
    }
    match state.phase {
        Phase::None | Phase::AwaitPassword => "await-password",
        Phase::AwaitApplicant => "await-applicant",
        Phase::AwaitOtp => "await-otp",
        Phase::AwaitPhotos => "await-photos",
        Phase::AwaitFrames => "await-frames",
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
        ("reference", 16),
        ("order_id", 16),
        ("order_digest", 32),
        ("open_key", 16),
        ("order_key", 16),
        ("pay_key", 16),
        ("old_otp_id", 16),
    ] {
        steps.push(named(name, fresh(len)));
    }
    let challenge = json!({"salt": SALT, "m_kib": 19456, "t": 2, "p": 1, "nonce": fresh(32)});
    steps.extend([
        named("phone", concat(json!(["+861", digits(10)]))),
        named("code", json!("000000")),
        named("old_code", json!("000000")),
        named("actions", json!(["nod", "blink", "turn-left"])),
        named("card_code", concat(json!(["C", letters(20)]))),
        named("agreement", concat(json!(["A", letters(20)]))),
        named("challenge", challenge.clone()),
        named("order_challenge", challenge),
        named("verifier_nonce", fresh(16)),
        named("provision_session", Value::Null),
        named("pay_body", json!({})),
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

fn open(names: [&str; 3], nonce: Value, key: Option<&str>) -> Value {
    let [request, verifier_nonce, challenge] = names;
    let sent = json!({
        "account_id": known("account_id"), "device_id": "device-1", "se_id": known("se_id"), "product": "gold",
        "tos_version": "1", "terminal_nonce": nonce,
    });
    let accept = json!({
        "request_id": bind(request), "verifier_nonce": bind(verifier_nonce), "challenge": bind(challenge),
        "expires_at": {"$any": null},
    });
    let mut step = post(
        "terminal",
        "verifier",
        json!(["v1", "requests"]),
        sent,
        accept,
    );
    if let Some(key) = key {
        step["headers"] = json!({"Idempotency-Key": known(key)});
    }
    step
}

fn apply_proof(
    name: &str,
    password: &str,
    purpose: &str,
    request: &str,
    challenge: &str,
    nonce: &str,
) -> Value {
    let digest = json!({"$calc": {"fn": "open-digest", "args": {
        "account_id": known("account_id"), "device_id": "device-1", "se_id": known("se_id"), "product": "gold",
        "tos_version": "1", "terminal_nonce": known(nonce),
    }}});
    named(
        name,
        json!({"$calc": {"fn": "proof", "args": {
            "password": password, "challenge": known(challenge), "purpose": purpose, "subject": known(request),
            "digest": digest,
        }}}),
    )
}

fn prove(request: &str, made: &str) -> Value {
    let path = json!(["v1", "requests", known(request), "password"]);
    let proof = json!({ "proof": known(&format!("{made}.proof")) });
    post(
        "terminal",
        "verifier",
        path,
        proof,
        json!({"next": "applicant"}),
    )
}

fn password(password: &str, purpose: &str) -> Vec<Value> {
    vec![
        apply_proof(
            "made",
            password,
            purpose,
            "request_id",
            "challenge",
            "terminal_nonce",
        ),
        prove("request_id", "made"),
        named("session", known("made.session")),
    ]
}

/// Another request of the same account, as far as its applicant.
fn other_request(accept: Value) -> Vec<Value> {
    let names = ["other_request", "other_verifier_nonce", "other_challenge"];
    vec![
        named("other_nonce", fresh(16)),
        open(names, known("other_nonce"), None),
        apply_proof(
            "other_made",
            PASSWORD,
            "apply",
            "other_request",
            "other_challenge",
            "other_nonce",
        ),
        prove("other_request", "other_made"),
        named("other_session", known("other_made.session")),
        signed(
            "other_request",
            "other_session",
            &["applicant"],
            json!({"applicant": known("applicant")}),
            accept,
        ),
    ]
}

fn decided(answer: Value) -> Value {
    arrange(
        "issuer",
        json!(["v1", "eligibility"]),
        known("applicant.id_no"),
        answer,
    )
}

fn known_customer() -> Value {
    decided(body(json!({
        "branch": "known-customer", "eligibility_id": known("eligibility_id"), "phone": known("phone"),
        "phone_version": 1, "expires_at": LATER,
    })))
}

fn first_card() -> Value {
    decided(body(
        json!({"branch": "first-card", "eligibility_id": known("eligibility_id"), "expires_at": LATER}),
    ))
}

fn capture(name: &str) -> Value {
    json!({"op": "capture", "phone": known("phone"), "as": name})
}

fn said(input: Input) -> Vec<Value> {
    match input {
        Input::Open
        | Input::Password
        | Input::PasswordWrong
        | Input::PasswordReplayed
        | Input::PasswordPay
        | Input::Unsigned
        | Input::ApplicantKnown
        | Input::ApplicantFirst
        | Input::ApplicantIneligible
        | Input::ApplicantOther
        | Input::ApplicantIncomplete => applied(input),
        Input::OtpResend
        | Input::OtpResendToOther
        | Input::Otp
        | Input::OtpWrong
        | Input::OtpSuperseded
        | Input::OtpOtherRequest => coded(input),
        Input::Photos
        | Input::PhotosWrongPolicy
        | Input::Frames
        | Input::FramesWrongNonce
        | Input::FramesWrongActions
        | Input::FramesReplayed
        | Input::FramesRefused => pictured(input),
        Input::Issue
        | Input::IssueDeclined
        | Input::IssueEvidenceRefused
        | Input::IssueSilent
        | Input::ProvisionRelay
        | Input::ProvisionDone
        | Input::ProvisionFailed
        | Input::Query
        | Input::Cancel => issued(input),
        Input::AdvanceResend => advance(limit::OTP_RESEND_MS),
        Input::AdvanceOtp => advance(limit::OTP_TTL_MS),
        Input::AdvancePolicy => advance(limit::POLICY_TTL_MS),
        Input::AdvanceRequest => advance(limit::REQUEST_TTL_MS),
        Input::AdvanceLock => advance(limit::PASSWORD_LOCK_MS),
        Input::AdvanceOrder => advance(limit::ORDER_TTL_MS),
        Input::Order
        | Input::Pay
        | Input::PayDeclined
        | Input::PaySilent
        | Input::PayWrongDigest
        | Input::PayProofOtherOrder
        | Input::PayOtherAccount
        | Input::PayForeignCard
        | Input::PayPasswordWrong
        | Input::PayRepeat
        | Input::PayAgain
        | Input::OrderQuery => pay::paid(input),
    }
}

fn advance(ms: i64) -> Vec<Value> {
    vec![json!({"op": "advance", "ms": ms + 1})]
}

fn applied(input: Input) -> Vec<Value> {
    let applicant =
        |who: Value, accept: Value| ours(&["applicant"], json!({ "applicant": who }), accept);
    let otp = json!({"next": "otp", "otp": bind("otp")});
    match input {
        Input::Open => vec![open(
            ["request_id", "verifier_nonce", "challenge"],
            known("terminal_nonce"),
            Some("open_key"),
        )],
        Input::Password => password(PASSWORD, "apply"),
        Input::PasswordWrong => password("another password", "apply"),
        Input::PasswordPay => password(PASSWORD, "pay"),
        Input::PasswordReplayed => vec![
            named("other_nonce", fresh(16)),
            open(
                ["other_request", "other_verifier_nonce", "other_challenge"],
                known("other_nonce"),
                None,
            ),
            apply_proof(
                "made",
                PASSWORD,
                "apply",
                "other_request",
                "other_challenge",
                "other_nonce",
            ),
            prove("request_id", "made"),
        ],
        Input::Unsigned => {
            let sent = json!({"applicant": known("applicant")});
            vec![
                named("no_session", fresh(32)),
                signed("request_id", "no_session", &["applicant"], sent, json!({})),
            ]
        }
        Input::ApplicantKnown => vec![
            known_customer(),
            applicant(known("applicant"), otp),
            named("otp_id", known("otp.otp_id")),
            capture("code"),
        ],
        Input::ApplicantFirst => vec![
            first_card(),
            applicant(
                known("applicant"),
                json!({"next": "id-photos", "policy_id": bind("policy_id")}),
            ),
        ],
        Input::ApplicantIneligible => vec![
            decided(refusal("ineligible")),
            applicant(known("applicant"), json!({})),
        ],
        Input::ApplicantOther => vec![applicant(stranger(), json!({}))],
        _ => vec![applicant(json!({"name": "Wang Xiaoming"}), json!({}))],
    }
}

fn coded(input: Input) -> Vec<Value> {
    let otp = |id: &str, code: Value| {
        ours(
            &["otp"],
            json!({"otp_id": known(id), "code": code}),
            json!({"next": "issue"}),
        )
    };
    let again = json!({"next": "otp", "otp": bind("otp")});
    match input {
        Input::OtpResend => vec![
            named("try_otp_id", known("otp_id")),
            named("try_code", known("code")),
            ours(&["otp", "resend"], json!({}), again),
            named("old_otp_id", known("try_otp_id")),
            named("old_code", known("try_code")),
            named("otp_id", known("otp.otp_id")),
            capture("code"),
        ],
        Input::OtpResendToOther => {
            let phone = concat(json!(["+861", digits(10)]));
            vec![ours(&["otp", "resend"], json!({ "phone": phone }), again)]
        }
        Input::Otp => vec![otp("otp_id", known("code"))],
        Input::OtpWrong => {
            vec![otp(
                "otp_id",
                json!({"$calc": {"fn": "other-code", "args": {"code": known("code")}}}),
            )]
        }
        Input::OtpSuperseded => vec![otp("old_otp_id", known("old_code"))],
        _ => {
            let mut steps = vec![known_customer()];
            steps.extend(other_request(json!({"next": "otp"})));
            steps.extend([capture("other_code"), otp("otp_id", known("other_code"))]);
            steps
        }
    }
}

fn picture(text: Value) -> Value {
    json!({"$calc": {"fn": "base64", "args": {"text": text}}})
}

fn photos(request: &str, session: &str, policy: Value, accept: Value) -> Value {
    let side = |name: &str| picture(concat(json!([format!("{name}: "), fresh(16)])));
    let sent = json!({"policy_id": policy, "front": side("face"), "back": side("back")});
    signed(request, session, &["id-photos"], sent, accept)
}

fn frames(
    session: [&str; 2],
    names: [&str; 3],
    order: [usize; 3],
    image: &str,
    accept: Value,
) -> Value {
    let [policy, nonce, actions] = names;
    let frame = |at: usize| {
        let text = concat(json!(["face: ", known(image), format!("-{at}")]));
        json!({"action": known(&format!("{actions}.{at}")), "image": picture(text)})
    };
    let sent =
        json!({"policy_id": known(policy), "nonce": known(nonce), "frames": order.map(frame)});
    signed(session[0], session[1], &["frames"], sent, accept)
}

fn matched(request: &str, answer: Value) -> Value {
    arrange("identity", json!(["v1", "matches"]), known(request), answer)
}

fn pictured(input: Input) -> Vec<Value> {
    let policy = json!({"next": "frames", "policy_id": bind("policy_id"), "nonce": bind("nonce"), "actions": bind("actions")});
    let scored = || body(json!({"reference": known("reference"), "status": "scored"}));
    let mine = ["request_id", "session"];
    let good = |accept: Value| {
        frames(
            mine,
            ["policy_id", "nonce", "actions"],
            [0, 1, 2],
            "image",
            accept,
        )
    };
    let issue = json!({"next": "issue"});
    match input {
        Input::Photos => vec![photos("request_id", "session", known("policy_id"), policy)],
        Input::PhotosWrongPolicy => vec![photos("request_id", "session", fresh(16), policy)],
        Input::Frames => vec![
            named("image", fresh(16)),
            matched("request_id", scored()),
            good(issue),
        ],
        Input::FramesWrongNonce => vec![
            named("image", fresh(16)),
            named("wrong_nonce", fresh(16)),
            frames(
                mine,
                ["policy_id", "wrong_nonce", "actions"],
                [0, 1, 2],
                "image",
                issue,
            ),
        ],
        Input::FramesWrongActions => vec![
            named("image", fresh(16)),
            frames(
                mine,
                ["policy_id", "nonce", "actions"],
                [2, 1, 0],
                "image",
                issue,
            ),
        ],
        Input::FramesRefused => vec![
            named("image", fresh(16)),
            matched("request_id", refusal("match-failed")),
            good(issue),
        ],
        _ => {
            let mut steps = vec![first_card()];
            let photos_next = json!({"next": "id-photos", "policy_id": bind("other_policy")});
            steps.extend(other_request(photos_next));
            let asked = json!({
                "next": "frames", "policy_id": bind("other_policy"), "nonce": bind("other_frames_nonce"),
                "actions": bind("other_actions"),
            });
            let names = ["other_policy", "other_frames_nonce", "other_actions"];
            steps.extend([
                photos(
                    "other_request",
                    "other_session",
                    known("other_policy"),
                    asked,
                ),
                named("image", fresh(16)),
                matched("other_request", scored()),
                frames(
                    ["other_request", "other_session"],
                    names,
                    [0, 1, 2],
                    "image",
                    issue.clone(),
                ),
                good(issue),
            ]);
            steps
        }
    }
}

fn issued(input: Input) -> Vec<Value> {
    let at_issue = |answer: Value| {
        arrange(
            "issuer",
            json!(["v1", "issue"]),
            known("request_id"),
            answer,
        )
    };
    let issue = || {
        let accept = json!({
            "next": "provision", "card_code": known("card_code"), "token_ref": known("token_ref"),
            "agreement": {"$absent": null},
        });
        ours(&["issue"], json!({}), accept)
    };
    let at_provision = |answer: Value| {
        let path = json!(["v1", "tokens", known("token_ref"), "provision"]);
        arrange("issuer", path, known("token_ref"), answer)
    };
    let provision = |accept: Value| {
        ours(
            &["provision"],
            json!({"session": known("provision_session"), "responses": []}),
            accept,
        )
    };
    match input {
        Input::Issue => vec![
            at_issue(body(json!({
                "request_id": known("request_id"), "card_code": known("card_code"), "agreement": known("agreement"),
                "token_ref": known("token_ref"), "token_state": "inactive",
            }))),
            issue(),
        ],
        Input::IssueDeclined => vec![at_issue(refusal("preverify-failed")), issue()],
        Input::IssueEvidenceRefused => vec![at_issue(refusal("evidence-mismatch")), issue()],
        Input::IssueSilent => vec![at_issue(refusal("in-progress")), issue()],
        Input::ProvisionRelay => vec![
            named("relay_session", fresh(16)),
            at_provision(body(json!({
                "session": known("relay_session"), "commands": ["00a4040000"], "state": "inactive",
            }))),
            provision(
                json!({"next": "relay", "session": known("relay_session"), "commands": ["00a4040000"]}),
            ),
        ],
        Input::ProvisionDone => vec![
            at_provision(body(
                json!({"session": null, "commands": [], "state": "active"}),
            )),
            provision(
                json!({"next": "done", "card_code": known("card_code"), "token_ref": known("token_ref")}),
            ),
        ],
        Input::ProvisionFailed => vec![
            at_provision(refusal("receipt-invalid")),
            provision(json!({})),
        ],
        Input::Query => vec![get(
            "terminal",
            "verifier",
            json!(["v1", "requests", known("request_id")]),
            json!({}),
        )],
        _ => vec![
            arrange(
                "issuer",
                json!(["v1", "issue", known("request_id"), "compensate"]),
                known("request_id"),
                body(json!({"outcome": "tombstoned"})),
            ),
            ours(&["cancel"], json!({}), json!({"next": "cancelled"})),
        ],
    }
}
