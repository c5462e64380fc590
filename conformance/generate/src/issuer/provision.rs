//! Rounds of personalisation: what the verifier relays, and what the chip answers.

use kaika_model::role::issuer::Input;
use kaika_spec::limit;
use serde_json::{Value, json};

use crate::script::{advance, bind, fresh, known, post};

pub(super) fn provision(
    binding: Value,
    chip: Value,
    session: Value,
    responses: Value,
    accept: Value,
) -> Value {
    let body =
        json!({"binding_id": binding, "se_id": chip, "session": session, "responses": responses});
    let path = json!(["v1", "tokens", known("token_ref"), "provision"]);
    post("verifier", "issuer", path, body, accept)
}

/// What the chip answers to the issuer's last commands.
pub(super) fn answers(fault: Option<&str>) -> Value {
    let mut args = json!({"se_id": known("se_id"), "commands": known("commands")});
    if let Some(fault) = fault {
        args["fault"] = json!(fault);
    }
    json!({"$calc": {"fn": "chip-answers", "args": args}})
}

/// A round that the issuer answers with commands.
pub(super) fn opened() -> Value {
    json!({"session": bind("session"), "commands": bind("commands"), "state": "inactive"})
}

/// A round of the right chip and binding.
pub(super) fn round(session: Value, responses: Value, accept: Value) -> Value {
    provision(
        known("binding_id"),
        known("se_id"),
        session,
        responses,
        accept,
    )
}

pub(super) fn provisioned(input: Input) -> Vec<Value> {
    let opened = opened();
    let ours =
        |session: Value, responses: Value, accept: Value| vec![round(session, responses, accept)];
    let faulty = |fault| round(known("session"), answers(Some(fault)), json!({}));
    let active = json!({"state": "active", "session": null, "commands": []});
    match input {
        Input::ProvisionStart => ours(Value::Null, json!([]), opened),
        Input::ProvisionAnswers => ours(known("session"), answers(None), opened),
        Input::ProvisionBadCryptogram => vec![faulty("cryptogram")],
        Input::ProvisionAnswersShort => vec![faulty("short")],
        Input::ProvisionAnswersStatus | Input::ProvisionReceiptStatus => vec![faulty("status")],
        Input::ProvisionReceiptMissing => vec![faulty("no-receipt")],
        Input::ProvisionOtherSession => ours(fresh(16), answers(None), opened),
        Input::ProvisionReceipt => ours(known("session"), answers(None), active),
        Input::ProvisionBadReceipt => ours(known("session"), answers(Some("receipt")), active),
        Input::ProvisionOtherChip => {
            vec![provision(
                known("binding_id"),
                fresh(8),
                Value::Null,
                json!([]),
                opened,
            )]
        }
        Input::ProvisionOtherChipUnbound => {
            vec![provision(
                Value::Null,
                fresh(8),
                Value::Null,
                json!([]),
                opened,
            )]
        }
        Input::ProvisionUnbound => {
            vec![provision(
                Value::Null,
                known("se_id"),
                Value::Null,
                json!([]),
                opened,
            )]
        }
        _ => vec![advance(limit::INACTIVE_TOKEN_TTL_MS + 1)],
    }
}
