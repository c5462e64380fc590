//! What the alphabet cannot say: the end of a token's life.

use kaika_conformance::format::Kind;
use kaika_model::role::issuer::Input;
use kaika_spec::limit;
use serde_json::json;

use crate::script::{Act, Expected, Scene, advance, fields};

const MARGIN_MS: i64 = 20_000;

/// A token pays until its life ends, and not after.
pub(super) fn scenes() -> Vec<Scene> {
    let card = [
        Input::EligibilityKnown,
        Input::IssueOtp,
        Input::ProvisionStart,
        Input::ProvisionAnswers,
        Input::ProvisionReceipt,
    ];
    let mut acts = vec![Act::part("customer")];
    acts.extend(card.map(|input| Act::part(&input.to_string())));
    let declined = Expected {
        accept: fields(&json!({"39": "05"})),
        ..Expected::default()
    };
    acts.extend([
        Act::Say(vec![advance(limit::TOKEN_LIFE_MS - MARGIN_MS)]),
        Act::part(&Input::Tap.to_string()),
        Act::Say(vec![advance(MARGIN_MS)]),
        Act::Part(Input::Tap.to_string(), declined),
    ]);
    vec![Scene {
        id: "edges/a token lasts".to_owned(),
        requirement: "TAP-9",
        needs: Some("hook:clock"),
        result: Kind::Valid,
        acts,
        post: Vec::new(),
    }]
}
