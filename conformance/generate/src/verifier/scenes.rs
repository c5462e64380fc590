//! What the alphabet cannot say: the last moment of each limit, and answers of peers that come after a cancel.
//!
//! A limit is tried [`MARGIN_MS`] before its end, since the clocks of runner and subject run on while a test is played.

use kaika_conformance::format::Kind;
use kaika_model::role::verifier::Input;
use kaika_spec::limit;
use serde_json::{Value, json};

use super::{issue, known_customer, ours, prove, refusal};
use crate::script::{Expected, Scene, advance, fields, known, named};

const MARGIN_MS: i64 = 20_000;

const START: &[Input] = &[Input::Open, Input::Password, Input::ApplicantKnown];
const FIRST: &[Input] = &[
    Input::Open,
    Input::Password,
    Input::ApplicantFirst,
    Input::Photos,
];
const CARD: &[Input] = &[Input::Otp, Input::Issue];

/// Limits, their parts just before the end, and what passes then.
const LIMITS: &[(&str, i64)] = &[
    ("nearly(password-lock)", limit::PASSWORD_LOCK_MS),
    ("nearly(resend)", limit::OTP_RESEND_MS),
    ("nearly(otp-ttl)", limit::OTP_TTL_MS),
    ("nearly(policy-ttl)", limit::POLICY_TTL_MS),
    ("nearly(request-ttl)", limit::REQUEST_TTL_MS),
    ("nearly(order-ttl)", limit::ORDER_TTL_MS),
    ("nearly(guess-window)", limit::GUESS_WINDOW_MS),
];
const REST: &str = "the rest of it";
const OLDEST: &str = "otp(oldest)";
const NOTE_OLDEST: &str = "the first code is kept";
const TOLD: &str = "what the text said";
const AGAIN_LOCKED: &str = "another request, otp(locked)";
const AGAIN: &str = "another request, otp(ok)";
const UNHEARD: &str = "no code was sent";

fn act(input: Input) -> (String, Expected) {
    (input.to_string(), Expected::default())
}

fn all(inputs: &[&[Input]]) -> Vec<(String, Expected)> {
    inputs.concat().into_iter().map(act).collect()
}

fn part(name: &str) -> (String, Expected) {
    (name.to_owned(), Expected::default())
}

fn refused(input: Input, name: &str) -> (String, Expected) {
    let refuse = Some(name.to_owned());
    let expected = Expected {
        refuse,
        ..Expected::default()
    };
    (input.to_string(), expected)
}

fn state(state: &str, next: &str) -> (String, Expected) {
    let shown = json!({"request_id": known("request_id"), "state": state, "next": next});
    let expected = Expected {
        accept: fields(&shown),
        ..Expected::default()
    };
    (Input::Query.to_string(), expected)
}

/// Scenes about limits and about lateness.
pub(super) fn scenes() -> Vec<Scene> {
    let mut scenes = edges();
    scenes.extend(late());
    scenes.extend(told());
    scenes
}

fn edge(name: &str, requirement: &'static str, acts: Vec<(String, Expected)>) -> Scene {
    Scene {
        id: format!("edges/{name}"),
        requirement,
        needs: Some("hook:clock"),
        result: Kind::Valid,
        acts,
        post: Vec::new(),
    }
}

fn edges() -> Vec<Scene> {
    let wrong = refused(Input::PasswordWrong, "bad-password");
    let wrong = vec![wrong; limit::PASSWORD_TRIES_MAX as usize];
    let last = |before: &[&[Input]], nearly: &str, then: &[Input]| {
        [all(before), vec![part(nearly)], all(&[then])].concat()
    };
    let rested = |before: Vec<(String, Expected)>, refusal: (String, Expected), then: Input| {
        [before, vec![refusal, part(REST), act(then)]].concat()
    };
    let ordered = [START, CARD, &[Input::Order]].concat();
    let superseded = [
        all(&[START]),
        vec![part(NOTE_OLDEST)],
        all(&[&[Input::AdvanceResend, Input::OtpResend]]),
        vec![act(Input::AdvanceResend), part(super::LAST_RESEND)],
        vec![part(OLDEST), act(Input::Otp)],
    ];
    vec![
        edge(
            "a lock lasts",
            "APP-4",
            rested(
                [
                    vec![act(Input::Open)],
                    wrong,
                    vec![part("nearly(password-lock)")],
                ]
                .concat(),
                refused(Input::Password, "account-locked"),
                Input::Password,
            ),
        ),
        edge(
            "a pause lasts",
            "PRV-8",
            rested(
                last(&[START], "nearly(resend)", &[]),
                refused(Input::OtpResend, "rate-limited"),
                Input::OtpResend,
            ),
        ),
        edge(
            "a code lasts",
            "PRV-5",
            last(&[START], "nearly(otp-ttl)", &[Input::Otp]),
        ),
        edge(
            "a policy lasts",
            "PRV-14",
            last(&[FIRST], "nearly(policy-ttl)", &[Input::Frames]),
        ),
        edge(
            "a request lasts",
            "APP-13",
            last(&[START], "nearly(request-ttl)", &[Input::Cancel]),
        ),
        edge(
            "an order lasts",
            "PAY-5",
            last(&[&ordered], "nearly(order-ttl)", &[Input::Pay]),
        ),
        edge(
            "guesses last",
            "PRV-9",
            [
                all(&[START, &[Input::GuessesOfPhone]]),
                vec![
                    part("nearly(guess-window)"),
                    part(AGAIN_LOCKED),
                    part(REST),
                    part(AGAIN),
                ],
            ]
            .concat(),
        ),
        edge("a code superseded twice", "PRV-7", superseded.concat()),
    ]
}

fn late() -> Vec<Scene> {
    let scene = |name: &str, before: Vec<Input>, then: &str| Scene {
        id: format!("late/{name}"),
        requirement: "APP-15",
        needs: None,
        result: Kind::Invalid,
        acts: [all(&[&before]), vec![part(then)]].concat(),
        post: vec![state("cancelled", "cancelled"), part(UNHEARD)],
    };
    let heard = |scene: Scene| Scene {
        post: vec![state("cancelled", "cancelled")],
        ..scene
    };
    let start = vec![Input::Open, Input::Password];
    let issue = [START, &[Input::Otp]].concat();
    let provision = [START, CARD].concat();
    vec![
        scene("eligibility", start.clone(), "applicant(late)"),
        heard(scene("code", start, "text(late)")),
        heard(scene("match", FIRST.to_vec(), "frames(late)")),
        heard(scene("issued", issue, "issue(late)")),
        heard(scene("provisioned", provision, "provision(late)")),
    ]
}

/// What a text and an answer show, and a picture that is shown twice.
fn told() -> Vec<Scene> {
    let scene = |id: &str, requirement, result, acts, post| Scene {
        id: id.to_owned(),
        requirement,
        needs: None,
        result,
        acts,
        post,
    };
    let twice = [all(&[FIRST]), vec![part("frames(one-twice)")]].concat();
    vec![
        scene(
            "told/code",
            "PRV-10",
            Kind::Valid,
            [all(&[START]), vec![part(TOLD)]].concat(),
            Vec::new(),
        ),
        scene(
            "told/incomplete and unsigned",
            "WIR-9",
            Kind::Invalid,
            [
                all(&[&[Input::Open, Input::Password]]),
                vec![part("applicant(incomplete,unsigned)")],
            ]
            .concat(),
            vec![act(Input::ApplicantKnown)],
        ),
        scene(
            "told/one picture twice",
            "PRV-13",
            Kind::Invalid,
            twice,
            vec![state("await-frames", "frames"), act(Input::Frames)],
        ),
    ]
}

/// The steps of a part that only scenes have.
pub(super) fn steps(name: &str) -> Vec<Value> {
    let limit = LIMITS.iter().find(|(part, _)| *part == name);
    if let Some((_, ms)) = limit {
        return vec![advance(ms - MARGIN_MS)];
    }
    match name {
        REST => vec![advance(MARGIN_MS)],
        NOTE_OLDEST => vec![
            named("oldest_otp_id", known("otp_id")),
            named("oldest_code", known("code")),
        ],
        OLDEST => {
            let mut sent = prove::typed(super::OURS, known("oldest_otp_id"), known("oldest_code"));
            sent["expect"] = refusal("otp-superseded");
            vec![sent]
        }
        TOLD => {
            let body = json!({
                "message_id": {"$hex": {"len": 16}}, "to": known("phone"),
                "text": {"$text": {
                    "has": [known("code"), "apply", "gold", super::mask("account_id")], "lacks": [known("account_id")],
                }},
            });
            let shown = json!({"op": "asked", "at": "sms", "path": "/v1/messages", "having": known("phone"), "times": 1, "with": body});
            vec![shown]
        }
        AGAIN | AGAIN_LOCKED => {
            let mut steps = vec![known_customer("applicant", "phone")];
            steps
                .extend(super::OTHER.applied("applicant", super::code_sent("other_otp", json!(2))));
            steps.push(super::capture("phone", "other_code"));
            let mut sent =
                prove::typed(super::OTHER, known("other_otp.otp_id"), known("other_code"));
            if name == AGAIN_LOCKED {
                sent["expect"] = refusal("otp-locked");
            }
            steps.push(sent);
            steps
        }
        "frames(one-twice)" => {
            let mut steps = prove::shown(prove::scored(), &prove::VIDEO, prove::ALL);
            if let Some(sent) = steps.last_mut() {
                let first = sent["body"]["frames"][0]["image"].clone();
                sent["body"]["frames"][2]["image"] = first;
                sent["expect"] = refusal("frames-replayed");
            }
            steps
        }
        "applicant(incomplete,unsigned)" => {
            let mut steps = super::unsigned(
                &["applicant"],
                json!({"applicant": {"name": "Wang Xiaoming"}}),
            );
            if let Some(sent) = steps.last_mut() {
                sent["expect"] = refusal("bad-signature");
            }
            steps
        }
        UNHEARD => vec![json!({
            "op": "asked", "at": "sms", "path": "/v1/messages", "having": known("phone"), "times": 0,
        })],
        "applicant(late)" => {
            let sent = ours(
                &["applicant"],
                json!({"applicant": known("applicant")}),
                json!({}),
            );
            let having = known("applicant.id_no");
            let late = meanwhile(sent, "issuer", json!(["v1", "eligibility"]), having);
            vec![known_customer("applicant", "phone"), late]
        }
        "text(late)" => {
            let sent = ours(
                &["applicant"],
                json!({"applicant": known("applicant")}),
                json!({}),
            );
            let late = meanwhile(sent, "sms", json!(["v1", "messages"]), known("phone"));
            vec![known_customer("applicant", "phone"), late]
        }
        "frames(late)" => {
            let mut steps = prove::shown(prove::scored(), &prove::VIDEO, prove::ALL);
            let sent = steps.pop().unwrap_or_default();
            let path = json!(["v1", "matches"]);
            steps.push(meanwhile(sent, "identity", path, known("request_id")));
            steps
        }
        "issue(late)" => late_of(Input::Issue, json!(["v1", "issue"])),
        "provision(late)" => {
            let path = json!(["v1", "tokens", known("token_ref"), "provision"]);
            late_of(Input::ProvisionDone, path)
        }
        _ => Vec::new(),
    }
}

/// The steps of an input, whose message waits for the issuer.
fn late_of(input: Input, path: Value) -> Vec<Value> {
    let mut steps = issue::told(input);
    let sent = steps.pop().unwrap_or_default();
    let having = if input == Input::Issue {
        "request_id"
    } else {
        "token_ref"
    };
    steps.push(meanwhile(sent, "issuer", path, known(having)));
    steps
}

/// The message is refused, since its request was cancelled before the peer answered.
fn meanwhile(mut sent: Value, at: &str, path: Value, having: Value) -> Value {
    if let Some(sent) = sent.as_object_mut() {
        sent.remove("op");
        sent.insert("expect".to_owned(), refusal("wrong-order"));
    }
    let cancel = issue::told(Input::Cancel);
    json!({"op": "meanwhile", "send": sent, "at": at, "path": path, "having": having, "steps": cancel})
}
