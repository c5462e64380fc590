//! What the alphabet cannot say: the end of a token's life.

use kaika_conformance::format::Kind;
use kaika_model::role::issuer::Input;
use kaika_spec::limit;
use serde_json::{Value, json};

use crate::script::{Expected, Scene, advance, fields};

/// Just before the end of a token's life, and the rest of it.
const NEARLY_OLD: &str = "nearly(token-life)";
const OLD: &str = "the rest of it";
const OLD_MARGIN_MS: i64 = 10_000;

/// A token pays until its life ends, and not after.
pub(super) fn scenes() -> Vec<Scene> {
    let act = |name: String| (name, Expected::default());
    let card = [
        Input::EligibilityKnown,
        Input::IssueOtp,
        Input::ProvisionStart,
        Input::ProvisionAnswers,
        Input::ProvisionReceipt,
    ];
    let customer = ["customer".to_owned()].into_iter();
    let mut acts: Vec<_> = customer
        .chain(card.map(|input| input.to_string()))
        .map(act)
        .collect();
    let declined = Expected {
        accept: fields(&json!({"39": "05"})),
        ..Expected::default()
    };
    acts.extend([
        act(NEARLY_OLD.to_owned()),
        act(Input::Tap.to_string()),
        act(OLD.to_owned()),
        (Input::Tap.to_string(), declined),
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

/// The steps of a part that only scenes have.
pub(super) fn steps(name: &str) -> Vec<Value> {
    match name {
        NEARLY_OLD => vec![advance(limit::TOKEN_LIFE_MS - 2 * OLD_MARGIN_MS)],
        OLD => vec![advance(2 * OLD_MARGIN_MS)],
        _ => Vec::new(),
    }
}
