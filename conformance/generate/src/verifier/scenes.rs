//! What the alphabet cannot say: the last moment of each limit, late answers, keys used again, the form of every field.
//!
//! A scene is made of the parts of inputs ([`parts`]) and of steps of its own ([`Act::Say`]).

mod again;
mod edges;
mod forms;
mod late;

use kaika_conformance::format::{Criterion, Kind, Tier};
use kaika_model::role::verifier::Input;
use serde_json::{Value, json};

use super::{OTHER, capture, code_sent, known_customer, mask, prove, refusal};
use crate::script::{Act, Expected, Scene, fields, known};

pub(super) const APPLIED: &[Input] = &[Input::Open, Input::Password];
pub(super) const START: &[Input] = &[Input::Open, Input::Password, Input::ApplicantKnown];
pub(super) const FIRST: &[Input] = &[
    Input::Open,
    Input::Password,
    Input::ApplicantFirst,
    Input::Photos,
];
pub(super) const CARD: &[Input] = &[Input::Otp, Input::Issue];

/// Scenes of every kind.
pub(super) fn all() -> Vec<Scene> {
    let mut scenes = edges::scenes();
    scenes.extend(late::scenes());
    scenes.extend(again::scenes());
    scenes.extend(forms::scenes());
    scenes.extend(told());
    scenes
}

fn parts(inputs: &[&[Input]]) -> Vec<Act> {
    let inputs = inputs.concat().into_iter();
    inputs.map(|input| Act::part(&input.to_string())).collect()
}

fn say(steps: Vec<Value>) -> Vec<Act> {
    vec![Act::Say(steps)]
}

/// An input that is refused here.
fn refused(input: Input, name: &str) -> Act {
    let expected = Expected {
        refuse: Some(name.to_owned()),
        ..Expected::default()
    };
    Act::Part(input.to_string(), expected)
}

/// Steps whose last message is refused.
fn spoilt(mut steps: Vec<Value>, name: &str) -> Vec<Value> {
    if let Some(last) = steps.last_mut() {
        last["expect"] = refusal(name);
    }
    steps
}

/// The state that the request shows.
fn state(state: &str, next: &str) -> Act {
    let shown = json!({"request_id": known("request_id"), "state": state, "next": next});
    let expected = Expected {
        accept: fields(&shown),
        ..Expected::default()
    };
    Act::Part(Input::Query.to_string(), expected)
}

fn good(id: &str, requirement: &'static str, acts: &[Vec<Act>]) -> Scene {
    Scene {
        id: id.to_owned(),
        requirement,
        needs: None,
        tier: Tier::Standard,
        criterion: Criterion::Hand,
        source: None,
        result: Kind::Valid,
        acts: acts.concat(),
        post: Vec::new(),
    }
}

fn bad(id: &str, requirement: &'static str, acts: &[Vec<Act>], post: Vec<Act>) -> Scene {
    Scene {
        result: Kind::Invalid,
        post,
        ..good(id, requirement, acts)
    }
}

/// Another request of the account: up to the code of the same person, typed.
fn another_typed() -> Vec<Value> {
    let mut steps = vec![known_customer("applicant", "phone")];
    steps.extend(OTHER.applied("applicant", code_sent("other_otp", json!(2))));
    steps.push(capture("phone", "other_code"));
    let (otp_id, code) = (known("other_otp.otp_id"), known("other_code"));
    steps.push(prove::typed(OTHER, otp_id, code));
    steps
}

/// What the text with the code says; a picture that is shown twice; an unsigned message that cannot be read either.
fn told() -> Vec<Scene> {
    let text = json!({
        "has": [known("code"), "apply", "gold", mask("account_id")], "lacks": [known("account_id")],
    });
    let body =
        json!({"message_id": {"$hex": {"len": 16}}, "to": known("phone"), "text": {"$text": text}});
    let asked = json!({
        "op": "asked", "at": "sms", "path": "/v1/messages", "having": known("phone"), "times": 1, "with": body,
    });
    let mut twice = prove::shown(prove::scored(), &prove::VIDEO, prove::ALL);
    if let Some(sent) = twice.last_mut() {
        let first = sent["body"]["frames"][0]["image"].clone();
        sent["body"]["frames"][2]["image"] = first;
    }
    let unsigned = super::unsigned(
        &["applicant"],
        json!({"applicant": {"name": "Wang Xiaoming"}}),
    );
    vec![
        good("told/code", "PRV-10", &[parts(&[START]), say(vec![asked])]),
        bad(
            "told/one picture twice",
            "PRV-13",
            &[parts(&[FIRST]), say(spoilt(twice, "frames-replayed"))],
            vec![
                state("await-frames", "frames"),
                Act::part(&Input::Frames.to_string()),
            ],
        ),
        bad(
            "told/incomplete and unsigned",
            "WIR-9",
            &[parts(&[APPLIED]), say(spoilt(unsigned, "bad-signature"))],
            parts(&[&[Input::ApplicantKnown]]),
        ),
    ]
}
