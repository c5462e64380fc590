//! Where each message of the identity system is right, and which letters give its fields another's or an older value.

use kaika_model::role::identity::Input;

use crate::fields::{Bound, Message, Shown};

/// Every message.
pub(super) fn all() -> Vec<Message<Input>> {
    let message = |schema, way: &[Input], part: String| Message {
        name: schema,
        schema,
        below: "",
        way: way.to_vec(),
        part,
        shown: Shown::Itself,
        feature: None,
    };
    let matched = [Input::MatchGood];
    vec![
        message("PersonEnrol", &[], super::NEW_PERSON.to_owned()),
        message("MatchAsk", &[], Input::MatchGood.to_string()),
        message("ScoreAsk", &matched, Input::Score.to_string()),
    ]
}

/// Fields that name something.
pub(super) const BOUND: &[Bound] = &[
    bound("MatchAsk/applicant", &["match(unknown-person)"]),
    bound("MatchAsk/relying_party", &["match(other-party)"]),
    bound(
        "MatchAsk/front",
        &["match(other-photo)", "match(other-text)"],
    ),
    bound(
        "MatchAsk/frames",
        &["match(low)", "match(one-frame-other)", "match(no-frames)"],
    ),
    bound(
        "ScoreAsk/reference",
        &["score(unknown-reference)", "advance(reference-ttl)"],
    ),
    bound("ScoreAsk/request_context", &["score(other-context)"]),
    bound("ScoreAsk/applicant_digest", &["score(other-applicant)"]),
];

const fn bound(field: &'static str, letters: &'static [&'static str]) -> Bound {
    Bound { field, letters }
}
