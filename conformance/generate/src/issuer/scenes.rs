//! What the alphabet cannot say: the end of a token's life, and what a shop's message may differ in.

use kaika_conformance::format::{Criterion, Kind, Tier};
use kaika_model::role::issuer::Input;
use kaika_spec::limit;
use serde_json::{Value, json};

use super::beside::{balance, reversal, tap};
use super::tap::authorise;
use super::{AMOUNT, ENOUGH, declined, issue, reference, score, vault};
use crate::script::{
    Act, Expected, Scene, advance, concat, evidence, fields, fresh, known, named, stranger,
};

const MARGIN_MS: i64 = 20_000;

/// A card in the chip, ready to pay.
fn card() -> Vec<Act> {
    let inputs = [
        Input::EligibilityKnown,
        Input::IssueOtp,
        Input::ProvisionStart,
        Input::ProvisionAnswers,
        Input::ProvisionReceipt,
    ];
    let mut acts = vec![Act::part("customer")];
    acts.extend(inputs.map(|input| Act::part(&input.to_string())));
    acts
}

pub(super) fn scene(id: &str, requirement: &'static str, result: Kind, acts: Vec<Act>) -> Scene {
    Scene {
        id: id.to_owned(),
        requirement,
        needs: None,
        tier: Tier::Standard,
        criterion: Criterion::Hand,
        source: None,
        result,
        acts: card().into_iter().chain(acts).collect(),
        post: Vec::new(),
    }
}

/// Scenes of the vault, of one reference for two persons, and of taps.
pub(super) fn scenes() -> Vec<Scene> {
    let mut all = vault::scenes();
    all.extend([
        a_reference_makes_one_card(),
        a_token_lasts(),
        counters(),
        financial(),
        other("a tap in another currency", "TAP-23", in_dollars()),
        other(
            "a tap with another expiry",
            "TAP-15",
            tap(&[("14", json!("2912"))], json!({}), "54"),
        ),
        of_another(),
        declined_and_reversed(),
        incomplete(),
    ]);
    all
}

/// The issuer has used the reference for a card. An identity system that forgot so and says yes to another person gets
/// no second card out of it.
fn a_reference_makes_one_card() -> Scene {
    let another = vec![
        named("applicant", stranger()),
        named("request_id", fresh(16)),
        named("request_context", fresh(32)),
        named("consent", evidence("consent", known("request_context"))),
    ];
    let asks = Act::part(&Input::EligibilityFirst.to_string());
    // The same reference: not a new one.
    let mut says = reference(score(known("request_context"), ENOUGH)).split_off(1);
    let by = json!({"kind": "identity", "reference": known("reference")});
    let mut issues = issue(&[("evidence", by)]);
    issues.truncate(3);
    if let Some(sent) = issues.last_mut() {
        sent["expect"] = json!({"refuse": "reference-used"});
    }
    says.extend(issues);
    let acts = vec![
        asks.clone(),
        Act::part(&Input::IssueIdentity.to_string()),
        Act::Say(another),
        asks,
        Act::Say(says),
    ];
    let none = Expected {
        accept: fields(&json!({"outcome": "none", "card_code": null})),
        ..Expected::default()
    };
    Scene {
        acts,
        post: vec![Act::Part(Input::Query.to_string(), none)],
        ..scene(
            "edges/a reference makes one card",
            "ISS-17",
            Kind::Invalid,
            vec![],
        )
    }
}

/// Once taken as complete, and booked.
fn incomplete() -> Scene {
    let mut steps = authorise(&[], json!({}));
    let left_out = |field: &&str| reversal("0400", &[(*field, Value::Null)], "30");
    steps.extend(["3", "7", "49"].iter().map(left_out));
    let id = "regression/a reversal without a code, time or currency";
    Scene {
        tier: Tier::Regression,
        criterion: Criterion::Regression,
        source: Some("reversals that lacked field 3, 7 or 49 were booked".to_owned()),
        post: vec![Act::Say(vec![balance(limit::CARD_LIMIT_MINOR - AMOUNT)])],
        ..scene(id, "TAP-18", Kind::Invalid, vec![Act::Say(steps)])
    }
}

/// A token pays until its life ends, and not after.
fn a_token_lasts() -> Scene {
    let expired = Expected {
        accept: fields(&declined("54")),
        ..Expected::default()
    };
    let acts = vec![
        Act::Say(vec![advance(limit::TOKEN_LIFE_MS - MARGIN_MS)]),
        Act::part(&Input::Tap.to_string()),
        Act::Say(vec![advance(MARGIN_MS)]),
        Act::Part(Input::Tap.to_string(), expired),
    ];
    Scene {
        needs: Some("hook:clock"),
        ..scene("edges/a token lasts", "TAP-9", Kind::Valid, acts)
    }
}

/// The first counter beyond the window is refused, the last one in it is not, and the next one is counted from there.
fn counters() -> Scene {
    let far = u64::from(limit::ATC_WINDOW);
    let mut steps = tap(&[], json!({ "ahead": far }), "82");
    steps.extend(authorise(&[], json!({"behind": 2})));
    steps.extend(tap(&[], json!({"ahead": far}), "82"));
    steps.push(balance(limit::CARD_LIMIT_MINOR - AMOUNT));
    let id = "edges/a counter is near";
    scene(id, "TAP-14", Kind::Valid, vec![Act::Say(steps)])
}

/// A financial request is judged as an authorisation request, answered once, and reversed under its own type.
fn financial() -> Scene {
    let mut steps = authorise(&[], json!({}));
    for step in &mut steps {
        if step["op"] == "iso" {
            step["mti"] = json!("0200");
        }
    }
    let again = json!({
        "op": "iso", "mti": "0200", "fields": known("tap_fields"), "expect": {"39": "00", "55": known("tap.approval")},
    });
    let other_type = json!({
        "op": "iso", "mti": "0100", "fields": known("tap_fields"), "expect": {"39": "94", "55": {"$absent": null}},
    });
    let original = concat(json!([
        "0200",
        known("tap_stan"),
        "1124120000",
        "0000000000000000000000"
    ]));
    steps.extend([
        again,
        other_type,
        balance(limit::CARD_LIMIT_MINOR - AMOUNT),
        reversal("0400", &[("90", original)], "00"),
        balance(limit::CARD_LIMIT_MINOR),
    ]);
    let id = "edges/a financial request";
    scene(id, "TAP-16", Kind::Valid, vec![Act::Say(steps)])
}

fn in_dollars() -> Vec<Value> {
    tap(&[("49", json!("840"))], json!({"currency": "840"}), "57")
}

/// A declined tap keeps its code when it is reversed and comes again; its name is a tombstone for any other.
fn declined_and_reversed() -> Scene {
    let mut steps = in_dollars();
    let again = steps.last().cloned();
    steps.extend([
        named("tap_rrn", known("try_rrn")),
        named("tap_stan", known("try_stan")),
        named("tap_amount", known("tap_try.4")),
        reversal("0400", &[], "00"),
    ]);
    steps.extend(again);
    let under_its_name = [("37", known("tap_rrn")), ("11", known("tap_stan"))];
    steps.extend(tap(&under_its_name, json!({}), "05"));
    other("a declined tap that is reversed", "TAP-13", steps)
}

/// A tap that is refused, after which the whole balance is there.
fn other(id: &str, requirement: &'static str, steps: Vec<Value>) -> Scene {
    let acts = vec![Act::Say(steps)];
    Scene {
        post: vec![Act::Say(vec![balance(limit::CARD_LIMIT_MINOR)])],
        ..scene(&format!("edges/{id}"), requirement, Kind::Invalid, acts)
    }
}

/// Reversals that say something else of what they reverse give nothing back.
fn of_another() -> Scene {
    let mut steps = authorise(&[], json!({}));
    let original = |kind: &str, time: &str| {
        concat(json!([
            kind,
            known("tap_stan"),
            time,
            "0000000000000000000000"
        ]))
    };
    for change in [
        ("4", json!("000000000001")),
        ("90", original("0200", "1124120000")),
        ("90", original("0100", "1124120001")),
        ("90", json!("0".repeat(42))),
    ] {
        steps.push(reversal("0400", &[change], "64"));
    }
    let id = "edges/a reversal of something else";
    Scene {
        post: vec![Act::Say(vec![balance(limit::CARD_LIMIT_MINOR - AMOUNT)])],
        ..scene(id, "TAP-18", Kind::Invalid, vec![Act::Say(steps)])
    }
}
