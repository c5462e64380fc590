//! A limit is tried shortly before its end, since the clocks of runner and subject run on while a test is played.

use kaika_model::role::verifier::Input;
use kaika_spec::limit;
use serde_json::Value;

use super::{CARD, FIRST, START, another_typed, good, parts, refused, say, spoilt};
use crate::script::{Act, Scene, advance, known, named};
use crate::verifier::{LAST_RESEND, OURS, prove};

const MARGIN_MS: i64 = 20_000;

fn nearly(ms: i64) -> Vec<Act> {
    say(vec![advance(ms - MARGIN_MS)])
}

fn rest() -> Vec<Act> {
    say(vec![advance(MARGIN_MS)])
}

fn edge(name: &str, requirement: &'static str, acts: &[Vec<Act>]) -> Scene {
    Scene {
        needs: Some("hook:clock"),
        ..good(&format!("edges/{name}"), requirement, acts)
    }
}

pub(super) fn scenes() -> Vec<Scene> {
    let wrong = refused(Input::PasswordWrong, "bad-password");
    let wrong = vec![wrong; limit::PASSWORD_TRIES_MAX as usize];
    let lasts = |name: &str, requirement, before: &[&[Input]], ms, then: Input| {
        let acts = [parts(before), nearly(ms), parts(&[&[then]])];
        edge(name, requirement, &acts)
    };
    let ordered = [START, CARD, &[Input::Order]];
    vec![
        edge(
            "a lock lasts",
            "APP-4",
            &[
                parts(&[&[Input::Open]]),
                wrong,
                nearly(limit::PASSWORD_LOCK_MS),
                vec![refused(Input::Password, "account-locked")],
                rest(),
                parts(&[&[Input::Password]]),
            ],
        ),
        edge(
            "a pause lasts",
            "PRV-8",
            &[
                parts(&[START]),
                nearly(limit::OTP_RESEND_MS),
                vec![refused(Input::OtpResend, "rate-limited")],
                rest(),
                parts(&[&[Input::OtpResend]]),
            ],
        ),
        lasts(
            "a code lasts",
            "PRV-5",
            &[START],
            limit::OTP_TTL_MS,
            Input::Otp,
        ),
        lasts(
            "a policy lasts",
            "PRV-14",
            &[FIRST],
            limit::POLICY_TTL_MS,
            Input::Frames,
        ),
        lasts(
            "a request lasts",
            "APP-13",
            &[START],
            limit::REQUEST_TTL_MS,
            Input::Cancel,
        ),
        lasts(
            "an order lasts",
            "PAY-5",
            &ordered,
            limit::ORDER_TTL_MS,
            Input::Pay,
        ),
        edge(
            "guesses last",
            "PRV-9",
            &[
                parts(&[START, &[Input::GuessesOfPhone]]),
                nearly(limit::GUESS_WINDOW_MS),
                say(spoilt(another_typed(), "otp-locked")),
                rest(),
                say(another_typed()),
            ],
        ),
        edge("a code superseded twice", "PRV-7", &superseded()),
    ]
}

/// The first of three codes is typed, as often as a wrong one may be, then the last: none of them counts.
fn superseded() -> [Vec<Act>; 6] {
    let kept: Vec<Value> = vec![
        named("oldest_otp_id", known("otp_id")),
        named("oldest_code", known("code")),
    ];
    let oldest = prove::typed(OURS, known("oldest_otp_id"), known("oldest_code"));
    let oldest = spoilt(vec![oldest], "otp-superseded").remove(0);
    [
        parts(&[START]),
        say(kept),
        parts(&[&[Input::AdvanceResend, Input::OtpResend, Input::AdvanceResend]]),
        vec![Act::part(LAST_RESEND)],
        say(vec![oldest; limit::OTP_TRIES_MAX as usize]),
        parts(&[&[Input::Otp]]),
    ]
}
