//! Asking for the card, writing it into the chip, undoing the request.

use kaika_model::role::verifier::Input;
use serde_json::{Value, json};

use super::{arrange, body, ours, refusal, unsigned, wish};
use crate::script::{fresh, get, known, named};

pub(super) fn told(input: Input) -> Vec<Value> {
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
        ours(&["issue"], wish(), accept)
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
        Input::IssueSilent => vec![at_issue(refusal("range-exhausted")), issue()],
        Input::IssueUnsigned => unsigned(&["issue"], wish()),
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
        Input::ProvisionUnfit => vec![
            at_provision(refusal("personalisation-failed")),
            provision(json!({})),
        ],
        Input::ProvisionUnsigned => {
            unsigned(&["provision"], json!({"session": null, "responses": []}))
        }
        Input::Query => vec![get(
            "terminal",
            "verifier",
            json!(["v1", "requests", known("request_id")]),
            json!({}),
        )],
        Input::CancelUnsigned => unsigned(&["cancel"], json!({})),
        Input::CancelSilent => cancel(refusal("in-progress")),
        Input::CancelRefused => cancel(refusal("wrong-order")),
        _ => cancel(body(json!({"outcome": "tombstoned"}))),
    }
}

/// A wish to cancel, and what the issuer says to that.
fn cancel(answer: Value) -> Vec<Value> {
    let path = json!(["v1", "issue", known("request_id"), "compensate"]);
    vec![
        arrange("issuer", path, known("request_id"), answer),
        ours(&["cancel"], json!({}), json!({"next": "cancelled"})),
    ]
}
