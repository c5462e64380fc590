//! The code, the photos and the video.

use kaika_model::role::verifier::Input;
use kaika_spec::limit;
use serde_json::{Value, json};

use super::{
    Names, OTHER, OURS, THEIRS, account, arrange, body, capture, code_sent, first_card,
    known_customer, ours, phone, refusal, unsigned,
};
use crate::script::{bind, concat, fresh, known, named, stranger};

pub(super) fn told(input: Input) -> Vec<Value> {
    match input {
        Input::OtpResend
        | Input::OtpResendUnsigned
        | Input::OtpResendToOther
        | Input::Otp
        | Input::OtpWrong
        | Input::OtpSuperseded
        | Input::OtpOtherRequest
        | Input::OtpOtherId
        | Input::OtpUnsigned
        | Input::GuessesOfPhone
        | Input::GuessesOfPerson => coded(input),
        _ => pictured(input),
    }
}

/// Another code, and how many may still be sent.
pub(super) fn resent(left: u32) -> Vec<Value> {
    vec![
        named("try_otp_id", known("otp_id")),
        named("try_code", known("code")),
        ours(&["otp", "resend"], json!({}), code_sent("otp", json!(left))),
        named("old_otp_id", known("try_otp_id")),
        named("old_code", known("try_code")),
        named("otp_id", known("otp.otp_id")),
        capture("phone", "code"),
    ]
}

pub(super) fn typed(names: Names, otp_id: Value, code: Value) -> Value {
    let next = json!({"next": "issue"});
    names.signed(&["otp"], json!({"otp_id": otp_id, "code": code}), next)
}

fn other_code(code: &str) -> Value {
    json!({"$calc": {"fn": "other-code", "args": {"code": known(code)}}})
}

fn refused(mut step: Value, name: &str) -> Value {
    step["expect"] = refusal(name);
    step
}

/// Wrong codes in requests of another account, as many as the budget allows.
fn guesses(person: Value, phone: &str) -> Vec<Value> {
    let mut steps = vec![named("other_person", person)];
    steps.extend(account("other_account", "other_person"));
    steps.push(known_customer("other_person", phone));
    for _ in 0..limit::GUESS_BUDGET / limit::OTP_TRIES_MAX {
        steps.extend(THEIRS.applied("other_person", code_sent("other_otp", json!(2))));
        steps.push(capture(phone, "other_code"));
        let wrong = typed(THEIRS, known("other_otp.otp_id"), other_code("other_code"));
        let wrong = refused(wrong, "otp-wrong");
        steps.extend(vec![wrong; limit::OTP_TRIES_MAX as usize]);
    }
    steps
}

fn coded(input: Input) -> Vec<Value> {
    let ours_typed = |otp_id: &str, code: Value| vec![typed(OURS, known(otp_id), code)];
    match input {
        Input::OtpResend => resent(1),
        Input::OtpResendUnsigned => unsigned(&["otp", "resend"], json!({})),
        Input::OtpResendToOther => {
            let sent = json!({ "phone": phone() });
            vec![ours(&["otp", "resend"], sent, code_sent("otp", json!(1)))]
        }
        Input::Otp => ours_typed("otp_id", known("code")),
        Input::OtpWrong => ours_typed("otp_id", other_code("code")),
        Input::OtpSuperseded => ours_typed("old_otp_id", known("old_code")),
        Input::OtpOtherId => vec![typed(OURS, fresh(16), known("code"))],
        Input::OtpUnsigned => unsigned(
            &["otp"],
            json!({"otp_id": known("otp_id"), "code": known("code")}),
        ),
        Input::GuessesOfPhone => guesses(stranger(), "phone"),
        Input::GuessesOfPerson => {
            let mut steps = vec![named("other_phone", phone())];
            steps.extend(guesses(known("applicant"), "other_phone"));
            steps
        }
        _ => {
            let mut steps = vec![known_customer("applicant", "phone")];
            steps.extend(OTHER.applied("applicant", code_sent("other_otp", json!(2))));
            steps.push(capture("phone", "other_code"));
            steps.extend(ours_typed("otp_id", known("other_code")));
            steps
        }
    }
}

fn picture(text: Value) -> Value {
    json!({"$calc": {"fn": "base64", "args": {"text": text}}})
}

fn photos(names: Names, policy: Value, accept: Value) -> Vec<Value> {
    let side = |name: &str| picture(concat(json!([format!("{name}: "), fresh(16)])));
    let sent = json!({"policy_id": policy, "front": known("front_try"), "back": known("back_try")});
    vec![
        named("front_try", side("face")),
        named("back_try", side("back")),
        names.signed(&["id-photos"], sent, accept),
    ]
}

/// The challenge of a video: its policy, nonce and actions.
pub(super) struct Video {
    policy: &'static str,
    nonce: &'static str,
    actions: &'static str,
}

pub(super) const VIDEO: Video = Video {
    policy: "policy_id",
    nonce: "nonce",
    actions: "actions",
};

fn image(at: usize) -> Value {
    picture(concat(json!(["face: ", known("image"), format!("-{at}")])))
}

/// Pictures of these actions, by their places in the challenge.
fn frames(names: Names, video: &Video, shown: &[usize], accept: Value) -> Value {
    let frame = |at: &usize| json!({"action": known(&format!("{}.{at}", video.actions)), "image": image(*at)});
    let shown: Vec<Value> = shown.iter().map(frame).collect();
    let sent =
        json!({"policy_id": known(video.policy), "nonce": known(video.nonce), "frames": shown});
    names.signed(&["frames"], sent, accept)
}

fn matched(request: &str, answer: Value) -> Value {
    arrange("identity", json!(["v1", "matches"]), known(request), answer)
}

pub(super) const ALL: &[usize] = &[0, 1, 2];

/// New pictures, and what the identity system says about them.
pub(super) fn shown(answer: Value, video: &Video, shown: &[usize]) -> Vec<Value> {
    vec![
        named("image", fresh(16)),
        matched("request_id", answer),
        frames(OURS, video, shown, json!({"next": "issue"})),
    ]
}

pub(super) fn scored() -> Value {
    body(json!({"reference": known("reference"), "status": "scored"}))
}

fn pictured(input: Input) -> Vec<Value> {
    let policy = json!({"next": "frames", "policy_id": bind("policy_id"), "nonce": bind("nonce"), "actions": bind("actions")});
    let good = |order: &[usize]| shown(scored(), &VIDEO, order);
    let spoilt = |name: &'static str, video: Video| {
        let mut steps = vec![named(name, fresh(16))];
        steps.extend(shown(scored(), &video, ALL));
        steps
    };
    match input {
        Input::Photos => {
            let mut steps = photos(OURS, known("policy_id"), policy);
            steps.extend([
                named("front", known("front_try")),
                named("back", known("back_try")),
            ]);
            steps
        }
        Input::PhotosWrongPolicy => photos(OURS, fresh(16), policy),
        Input::PhotosUnsigned => unsigned(
            &["id-photos"],
            json!({"policy_id": known("policy_id"), "front": picture(json!("front")), "back": picture(json!("back"))}),
        ),
        Input::Frames => good(ALL),
        Input::FramesWrongPolicy => spoilt(
            "wrong_policy",
            Video {
                policy: "wrong_policy",
                ..VIDEO
            },
        ),
        Input::FramesWrongNonce => spoilt(
            "wrong_nonce",
            Video {
                nonce: "wrong_nonce",
                ..VIDEO
            },
        ),
        Input::FramesWrongActions => good(&[2, 1, 0]),
        Input::FramesTooFew => good(&[0, 1]),
        Input::FramesExtra => good(&[0, 1, 2, 2]),
        Input::FramesTooMany => good(&[0; limit::FRAMES_MAX + 1]),
        Input::FramesUnsigned => {
            let mut steps = vec![named("no_session", fresh(32))];
            steps.extend(good(ALL));
            if let Some(sent) = steps.last_mut() {
                sent["session"] = known("no_session");
            }
            steps
        }
        Input::FramesSilent => shown(refusal("stale-time"), &VIDEO, ALL),
        Input::FramesRefused => shown(refusal("match-failed"), &VIDEO, ALL),
        _ => replayed(),
    }
}

/// The pictures that were accepted for another request.
fn replayed() -> Vec<Value> {
    let video = Video {
        policy: "other_policy",
        nonce: "other_frames_nonce",
        actions: "other_actions",
    };
    let issue = || json!({"next": "issue"});
    let mut steps = vec![first_card()];
    let photos_next = json!({"next": "id-photos", "policy_id": bind("other_policy")});
    steps.extend(OTHER.applied("applicant", photos_next));
    let asked = json!({
        "next": "frames", "policy_id": bind("other_policy"), "nonce": bind("other_frames_nonce"),
        "actions": bind("other_actions"),
    });
    steps.extend(photos(OTHER, known("other_policy"), asked));
    steps.extend([
        named("image", fresh(16)),
        matched("other_request", scored()),
        frames(OTHER, &video, ALL, issue()),
        frames(OURS, &VIDEO, ALL, issue()),
    ]);
    steps
}
