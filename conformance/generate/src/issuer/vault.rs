//! What the operator says at the vault, which no letter does: tokens for other chips, another PAN, another key.

use kaika_conformance::format::{Criterion, Kind, Tier};
use kaika_model::role::issuer::Input;
use kaika_spec::limit;
use serde_json::{Value, json};

use super::beside::balance;
use super::scenes::scene;
use crate::faults::bare;
use crate::script::{Act, Scene, bind, fresh, known, named, post};

/// A token for another chip.
pub(super) const TOKENS: &str = "vault(tokens)";
/// Another PAN.
pub(super) const REPLACE: &str = "vault(replace)";
/// Another key.
pub(super) const ROTATE: &str = "vault(rotate)";
/// PANs to the newest key, of which none is left under another.
pub(super) const RESEAL: &str = "vault(reseal)";

/// The steps of a part; nothing when it is none of the vault's.
pub(super) fn said(part: &str) -> Option<Vec<Value>> {
    Some(match part {
        TOKENS => {
            let mut steps = another_chip();
            steps.push(mint(
                json!([wanted()]),
                json!({"token_refs": [reference()]}),
            ));
            steps
        }
        REPLACE => {
            let path = json!(["v1", "cards", known("card_code"), "replace"]);
            let answer = json!({"card_code": known("card_code"), "par": bind("par")});
            vec![asked(path, json!({}), answer)]
        }
        ROTATE => vec![asked(json!(["v1", "vault", "rotate"]), json!({}), left())],
        RESEAL => vec![asked(json!(["v1", "vault", "reseal"]), json!({}), left())],
        _ => return None,
    })
}

fn left() -> Value {
    json!({"left": 0})
}

fn asked(path: Value, body: Value, accept: Value) -> Value {
    post("operator", "issuer", path, body, accept)
}

/// A chip that consents to a request of its own.
fn another_chip() -> Vec<Value> {
    let consent = json!({"$calc": {"fn": "evidence", "args": {
        "kind": "consent", "se_id": known("other_chip"), "digest": known("other_context"),
    }}});
    vec![
        named("other_chip", fresh(8)),
        named("other_context", fresh(32)),
        named("other_consent", consent),
    ]
}

fn wanted() -> Value {
    json!({
        "card_code": known("card_code"), "se_id": known("other_chip"), "request_context": known("other_context"),
        "consent": known("other_consent"),
    })
}

/// The same with one field changed.
fn spoilt(field: &str, value: Value) -> Value {
    let mut wanted = wanted();
    wanted[field] = value;
    wanted
}

/// What is minted for whom, and for whom not.
pub(super) fn scenes() -> Vec<Scene> {
    vec![
        one_for_one_use(),
        consenting(),
        several(),
        replaced(),
        refused(
            "a chip that does not consent",
            "ISS-41",
            "consent-invalid",
            vec![
                spoilt("consent", fresh(16)),
                spoilt("request_context", fresh(32)),
                spoilt("se_id", fresh(8)),
                // The chip of the card consented to the card.
                spoilt("consent", known("consent")),
            ],
        ),
        refused(
            "a card that is none",
            "ISS-35",
            "unknown-card",
            vec![spoilt("card_code", json!(format!("C{}", "A".repeat(20))))],
        ),
        not_active(),
        not_the_operator(),
        said_twice("an answer lost", "lost"),
        said_twice("twice at once", "both"),
        killed(),
        raced(),
    ]
}

/// A chip gets the same token again; what a second one gets is another.
fn one_for_one_use() -> Scene {
    let first = known("other_token");
    let mut steps = another_chip();
    steps.push(mint(
        json!([wanted()]),
        json!({"token_refs": [reference()]}),
    ));
    steps.extend([
        mint(
            json!([wanted(), wanted()]),
            json!({"token_refs": [first, first]}),
        ),
        named("first_token", known("other_token")),
        named("first", wanted()),
    ]);
    steps.extend(another_chip());
    steps.extend([
        mint(json!([wanted()]), json!({"token_refs": [reference()]})),
        mint(
            json!([wanted(), known("first")]),
            json!({"token_refs": [known("other_token"), known("first_token")]}),
        ),
        shown(
            "other_token",
            json!({"state": "inactive", "suspended_by": []}),
        ),
        shown(
            "first_token",
            json!({"state": "inactive", "suspended_by": []}),
        ),
    ]);
    scene(
        "vault/one token for one use",
        "ISS-34",
        Kind::Valid,
        vec![Act::Say(steps)],
    )
}

/// The chip consented, and gets its token; the card's own is as it was.
fn consenting() -> Scene {
    let own = json!({"state": "active", "suspended_by": []});
    let acts = vec![Act::part(TOKENS), Act::Say(vec![shown("token_ref", own)])];
    scene("vault/a chip that consents", "ISS-41", Kind::Valid, acts)
}

/// As many as are asked for, in their order.
fn several() -> Scene {
    let mut steps = another_chip();
    steps.push(named("first", wanted()));
    steps.extend(another_chip());
    let references = json!([
        {"$bind": {"as": "first_token", "match": {"$hex": {"len": 16}}}},
        reference(),
    ]);
    steps.extend([
        mint(
            json!([known("first"), wanted()]),
            json!({ "token_refs": references }),
        ),
        mint(
            json!([wanted(), known("first")]),
            json!({"token_refs": [known("other_token"), known("first_token")]}),
        ),
    ]);
    scene(
        "vault/several at once",
        "ISS-35",
        Kind::Valid,
        vec![Act::Say(steps)],
    )
}

fn shown(token: &str, accept: Value) -> Value {
    let path = json!(["v1", "tokens", known(token)]);
    crate::script::get("operator", "issuer", path, accept)
}

/// The account's reference stays, and so does the token, which pays.
fn replaced() -> Scene {
    let again = |par: Value| {
        let path = json!(["v1", "cards", known("card_code"), "replace"]);
        asked(
            path,
            json!({}),
            json!({"card_code": known("card_code"), "par": par}),
        )
    };
    let steps = vec![again(bind("par")), again(known("par"))];
    let left = limit::CARD_LIMIT_MINOR - super::AMOUNT;
    let acts = vec![
        Act::Say(steps),
        Act::part(&Input::Tap.to_string()),
        Act::Say(vec![balance(left)]),
    ];
    scene("vault/another PAN", "ISS-32", Kind::Valid, acts)
}

/// One bad wish, alone, before and after a good one: nothing is minted, and the good one is not spoilt by it.
fn refused(id: &str, requirement: &'static str, refusal: &str, bad: Vec<Value>) -> Scene {
    let mut steps = another_chip();
    for wish in bad {
        for all in [
            json!([wish]),
            json!([wanted(), wish]),
            json!([wish, wanted()]),
        ] {
            let mut sent = mint(all, json!({}));
            sent["expect"] = json!({ "refuse": refusal });
            steps.push(sent);
        }
    }
    Scene {
        post: vec![
            Act::Say(vec![mint(
                json!([wanted()]),
                json!({"token_refs": [reference()]}),
            )]),
            Act::part(&Input::Tap.to_string()),
        ],
        ..scene(
            &format!("vault/{id}"),
            requirement,
            Kind::Invalid,
            vec![Act::Say(steps)],
        )
    }
}

/// A card that does not pay gets no more tokens, and one that is gone no other PAN.
fn not_active() -> Scene {
    let status = |status: &str| {
        let path = json!(["v1", "cards", known("card_code"), "status"]);
        asked(
            path,
            json!({ "status": status }),
            json!({ "status": status }),
        )
    };
    let mint_refused = || {
        let mut sent = mint(json!([wanted()]), json!({}));
        sent["expect"] = json!({"refuse": "card-not-active"});
        sent
    };
    let replace_refused = |card: Value, refusal: &str| {
        let mut sent = asked(
            json!(["v1", "cards", card, "replace"]),
            json!({}),
            json!({}),
        );
        sent["expect"] = json!({ "refuse": refusal });
        sent
    };
    let mut steps = another_chip();
    steps.extend([
        status("blocked"),
        mint_refused(),
        status("lost"),
        mint_refused(),
        replace_refused(known("card_code"), "illegal-transition"),
        replace_refused(json!(format!("C{}", "A".repeat(20))), "unknown-card"),
    ]);
    let card = json!({"card_code": known("card_code"), "status": "lost", "available_minor": limit::CARD_LIMIT_MINOR});
    let path = json!(["v1", "cards", known("card_code")]);
    let stands = crate::script::get("operator", "issuer", path, card);
    Scene {
        post: vec![Act::Say(vec![stands])],
        ..scene(
            "vault/a card that is gone",
            "ISS-32",
            Kind::Invalid,
            vec![Act::Say(steps)],
        )
    }
}

/// Tokens and another PAN, each asked for in the same bytes twice: done once.
fn said_twice(id: &str, how: &str) -> Scene {
    let again = |steps: Option<Vec<Value>>| {
        let mut steps = steps.unwrap_or_default();
        let sent = steps.pop().map(bare);
        steps.push(json!({"op": "again", "send": sent, "how": how}));
        Act::Say(steps)
    };
    let same = mint(
        json!([wanted()]),
        json!({"token_refs": [known("other_token")]}),
    );
    let own = || shown("token_ref", json!({"state": "active", "suspended_by": []}));
    let acts = vec![
        again(said(TOKENS)),
        again(said(REPLACE)),
        Act::Say(vec![same, own()]),
    ];
    Scene {
        post: vec![Act::part(&Input::Tap.to_string())],
        ..fault(id, "WIR-6", acts)
    }
}

/// What was minted and replaced outlives the process.
fn killed() -> Scene {
    let restart = || Act::Say(vec![json!({"op": "restart"})]);
    let same = mint(
        json!([wanted()]),
        json!({"token_refs": [known("other_token")]}),
    );
    let acts = vec![
        Act::part(TOKENS),
        restart(),
        Act::Say(vec![same]),
        Act::part(REPLACE),
        restart(),
    ];
    Scene {
        needs: Some("hook:restart"),
        post: vec![Act::part(&Input::Tap.to_string())],
        ..fault("killed after", "WIR-10", acts)
    }
}

/// Two wishes for the same chip at once, each under its own key, get one token.
fn raced() -> Scene {
    let wish = || bare(mint(json!([wanted()]), json!({})));
    let told = |token: Value| json!({"accept": {"token_refs": [token]}});
    let outcome = json!([told(reference()), told(known("other_token"))]);
    let mut steps = another_chip();
    steps.push(json!({"op": "parallel", "branches": [wish(), wish()], "outcomes": [outcome]}));
    let same = mint(
        json!([wanted()]),
        json!({"token_refs": [known("other_token")]}),
    );
    Scene {
        tier: Tier::Race,
        criterion: Criterion::Race,
        post: vec![Act::Say(vec![same])],
        ..fault("two at once for one chip", "ISS-34", vec![Act::Say(steps)])
    }
}

fn fault(id: &str, requirement: &'static str, acts: Vec<Act>) -> Scene {
    Scene {
        tier: Tier::Fault,
        criterion: Criterion::Fault,
        source: Some(format!("{id}, of tokens and another PAN")),
        ..scene(&format!("vault/{id}"), requirement, Kind::Valid, acts)
    }
}

/// What the operator may say, said by the verifier.
fn not_the_operator() -> Scene {
    let mut steps = another_chip();
    let said = [
        mint(json!([wanted()]), json!({})),
        asked(
            json!(["v1", "cards", known("card_code"), "replace"]),
            json!({}),
            json!({}),
        ),
        asked(json!(["v1", "vault", "rotate"]), json!({}), json!({})),
        asked(json!(["v1", "vault", "reseal"]), json!({}), json!({})),
    ];
    steps.extend(said.map(|mut sent| {
        sent["from"] = json!("verifier");
        sent["expect"] = json!({"refuse": "bad-signature"});
        sent
    }));
    Scene {
        post: vec![Act::part(RESEAL), Act::part(TOKENS)],
        ..scene(
            "vault/the operator alone",
            "WIR-3",
            Kind::Invalid,
            vec![Act::Say(steps)],
        )
    }
}

fn mint(tokens: Value, accept: Value) -> Value {
    asked(json!(["v1", "tokens"]), json!({"tokens": tokens}), accept)
}

fn reference() -> Value {
    json!({"$bind": {"as": "other_token", "match": {"$hex": {"len": 16}}}})
}
