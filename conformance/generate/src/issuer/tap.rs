//! Taps: what the shop asks, and how it differs from the right question.

use kaika_model::role::issuer::Input;
use kaika_spec::limit;
use serde_json::{Value, json};

use super::AMOUNT;
use crate::script::{concat, digits, fresh, known, named};

/// The shop asks: fields that differ from the right ones, and how the chip's part differs.
pub(super) fn authorise(changes: &[(&str, Value)], tap: Value) -> Vec<Value> {
    let mut args = json!({
        "se_id": known("se_id"), "amount": AMOUNT, "currency": "156", "unpredictable": fresh(4),
    });
    if let (Some(args), Some(tap)) = (args.as_object_mut(), tap.as_object()) {
        args.extend(tap.clone());
    }
    let mut sent = json!({
        "2": known("tap.token"), "3": "000000", "4": known("amount"), "7": "1124120000", "11": known("try_stan"),
        "14": known("tap.expiry"), "22": "071", "37": known("try_rrn"), "41": "TERM0001", "42": "SHOP00000000001",
        "49": "156", "55": known("tap.chip_data"),
    });
    for (field, value) in changes {
        sent[*field] = value.clone();
    }
    vec![
        named("try_rrn", digits(12)),
        named("try_stan", digits(6)),
        named("tap", json!({"$calc": {"fn": "tap", "args": args}})),
        named("tap_try", sent),
        json!({
            "op": "iso", "mti": "0100", "fields": known("tap_try"), "expect": {
                "39": "00", "38": {"$any": null}, "55": known("tap.approval"),
            },
        }),
        named("tap_rrn", known("try_rrn")),
        named("tap_stan", known("try_stan")),
        named("tap_amount", known("tap_try.4")),
        named("tap_fields", known("tap_try")),
    ]
}

pub(super) fn tapped(input: Input) -> Vec<Value> {
    let over = limit::TAP_LIMIT_MINOR + 1;
    match input {
        Input::Tap => authorise(&[], json!({})),
        Input::TapAtLimit => {
            let most = limit::TAP_LIMIT_MINOR;
            authorise(
                &[("4", json!(format!("{most:012}")))],
                json!({ "amount": most }),
            )
        }
        Input::TapReplayedAtc => authorise(&[], json!({"behind": 1})),
        Input::TapOlderAtc => authorise(&[], json!({"behind": 2})),
        Input::TapBadCryptogram => authorise(&[], json!({"fault": "cryptogram"})),
        Input::TapAmountDiffers => authorise(&[("4", json!("000000001249"))], json!({})),
        Input::TapCurrencyDiffers => authorise(&[], json!({"currency": "840"})),
        Input::TapNotOnline => authorise(&[], json!({"fault": "kind"})),
        Input::TapVerdict => authorise(&[], json!({"fault": "verdict"})),
        Input::TapNameReused => authorise(&[("37", known("tap_rrn"))], json!({})),
        Input::TapWrongEntryMode => authorise(&[("22", json!("051"))], json!({})),
        Input::TapOverLimit => authorise(
            &[("4", json!(format!("{over:012}")))],
            json!({ "amount": over }),
        ),
        Input::TapUnknownToken => {
            // Beside TOKEN_BIN: a number that is drawn there is now and then the token of another test.
            let unknown = json!({"$calc": {"fn": "luhn", "args": {"digits": concat(json!(["62990009", digits(7)]))}}});
            let mut steps = vec![
                named("try_rrn", digits(12)),
                named("try_stan", digits(6)),
                named("unknown", unknown),
            ];
            steps.push(json!({"op": "iso", "mti": "0100", "fields": {
                "2": known("unknown"), "3": "000000", "4": known("amount"), "7": "1124120000", "11": known("try_stan"),
                "14": "3012", "22": "071", "37": known("try_rrn"), "41": "TERM0001", "42": "SHOP00000000001", "49": "156",
                "55": {"$calc": {"fn": "stray-chip-data", "args": {"amount": 1250, "currency": "156"}}},
            }, "expect": {"39": "14"}}));
            steps
        }
        Input::TapRepeat => {
            vec![
                json!({"op": "iso", "mti": "0100", "fields": known("tap_fields"), "expect": {"39": "00"}}),
            ]
        }
        Input::TapTombstoned => {
            let mut steps = authorise(
                &[("37", known("tap_rrn")), ("11", known("tap_stan"))],
                json!({}),
            );
            steps.truncate(5);
            steps
        }
        _ => vec![json!({"op": "iso", "mti": "0400", "fields": {
            "2": "6299000000000009", "3": "000000", "4": known("tap_amount"), "7": "1124120000", "11": known("tap_stan"),
            "37": known("tap_rrn"), "41": "TERM0001", "42": "SHOP00000000001", "49": "156",
            "90": concat(json!(["0100", known("tap_stan"), "1124120000", "0000000000000000000000"])),
        }, "expect": {"39": "00"}})],
    }
}
