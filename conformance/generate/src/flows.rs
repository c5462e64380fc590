//! The four flows through the whole system: the runner is the terminal, the relay to the chip, and the shop.

use std::collections::BTreeMap;

use kaika_conformance::format::{Criterion, File, Kind, Origin, Step, Test, Tier};
use serde_json::{Value, json};

use crate::script::{
    bind, concat, digits, file, fresh, get, known, named, post, read_steps, stranger,
};

const PASSWORD: &str = "correct horse battery staple";
const SALT: &str = "00112233445566778899aabbccddeeff";
const SLOT: &str = "f04b41494b410101";
const SALE: &str = "000000000700000000000000015600000000000156261124000a0b0c0d";

/// The suite of the whole system.
///
/// # Errors
/// Which template is no step.
pub fn suite(digest: &str) -> Result<File, String> {
    let mut parts = BTreeMap::new();
    for (name, steps) in parts_of_flows() {
        let read = read_steps(&steps).map_err(|what| format!("{name}: {what}"))?;
        parts.insert(name.to_owned(), read);
    }
    let known = ["setup", "customer", "apply", "code", "issue", "provision"];
    let first = ["setup", "apply", "face", "issue", "provision"];
    let tests = vec![
        flow(
            "A",
            "a customer the issuer knows gets a card",
            &known,
            &["APP-1", "PRV-3", "ISS-12", "PRO-8"],
        ),
        flow(
            "B",
            "a first-card customer gets a card",
            &first,
            &["PRV-11", "PRV-15", "ISS-5", "PRO-8"],
        ),
        flow(
            "C",
            "an order is paid",
            &[&known[..], &["pay"]].concat(),
            &["PAY-3", "PAY-6", "PAY-13"],
        ),
        flow(
            "D",
            "the chip pays at a shop",
            &[&known[..], &["tap"]].concat(),
            &["TAP-1", "TAP-7", "TAP-9"],
        ),
    ];
    let mut made = file("system", digest, parts, tests);
    made.generator.criteria =
        vec!["the four flows of the claims, from the password to the receipt".to_owned()];
    Ok(made)
}

fn flow(letter: &str, title: &str, parts: &[&str], requirements: &[&str]) -> Test {
    let act = |part: &&str| {
        Step::Do(kaika_conformance::format::Do {
            part: (*part).to_owned(),
            refuse: None,
            sw: None,
            accept: None,
        })
    };
    Test {
        id: format!("system/flow-{letter}"),
        tier: Tier::Smoke,
        title: title.to_owned(),
        sut: ["issuer", "verifier", "identity", "chip"]
            .map(str::to_owned)
            .to_vec(),
        needs: vec!["hook:chip".to_owned()],
        result: Kind::Valid,
        flags: Vec::new(),
        requirements: requirements.iter().map(|id| (*id).to_owned()).collect(),
        origin: Origin {
            criterion: Criterion::Flow,
            model_path: parts.iter().map(|part| (*part).to_owned()).collect(),
            kills: Vec::new(),
            source: None,
        },
        steps: parts.iter().map(act).collect(),
        post: Vec::new(),
    }
}

fn parts_of_flows() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        ("setup", setup()),
        ("customer", customer()),
        ("apply", apply()),
        ("code", code()),
        ("face", face()),
        ("issue", issue()),
        ("provision", provision()),
        ("pay", pay()),
        ("tap", tap()),
    ]
}

fn setup() -> Vec<Value> {
    let stored =
        json!({"$calc": {"fn": "stored-key", "args": {"password": PASSWORD, "salt": SALT}}});
    let account = json!({"account_id": known("account_id"), "applicant": known("applicant"), "salt": SALT, "stored_key": stored});
    let person = json!({"applicant": known("applicant"), "face": known("face")});
    vec![
        json!({"op": "insert", "as": "se_id"}),
        named("applicant", stranger()),
        named("account_id", concat(json!(["account-", digits(12)]))),
        named("phone", concat(json!(["+861", digits(10)]))),
        named("face", concat(json!(["face-", fresh(8)]))),
        named("terminal_nonce", fresh(16)),
        post(
            "operator",
            "verifier",
            json!(["v1", "accounts"]),
            account,
            json!({}),
        ),
        post(
            "operator",
            "identity",
            json!(["v1", "persons"]),
            person,
            json!({}),
        ),
    ]
}

fn customer() -> Vec<Value> {
    let body = json!({"applicant": known("applicant"), "phone": known("phone")});
    vec![post(
        "operator",
        "issuer",
        json!(["v1", "customers"]),
        body,
        json!({"customer_id": {"$any": null}}),
    )]
}

fn ours(rest: &[&str], body: Value, accept: Value) -> Value {
    let mut path = vec![json!("v1"), json!("requests"), known("request_id")];
    path.extend(rest.iter().map(|part| json!(part)));
    let mut sent = post("terminal", "verifier", Value::Array(path), body, accept);
    sent["session"] = known("session");
    sent
}

fn proof(purpose: &str, subject: &str, challenge: &str, digest: Value) -> Value {
    json!({"$calc": {"fn": "proof", "args": {
        "password": PASSWORD, "challenge": known(challenge), "purpose": purpose, "subject": known(subject), "digest": digest,
    }}})
}

fn apply() -> Vec<Value> {
    let opening = json!({
        "account_id": known("account_id"), "device_id": "device-1", "se_id": known("se_id"), "product": "gold",
        "tos_version": "1", "terminal_nonce": known("terminal_nonce"),
    });
    let digest = json!({"$calc": {"fn": "open-digest", "args": opening}});
    let path = json!(["v1", "requests", known("request_id"), "password"]);
    vec![
        post(
            "terminal",
            "verifier",
            json!(["v1", "requests"]),
            opening,
            json!({
                "request_id": bind("request_id"), "verifier_nonce": bind("verifier_nonce"), "challenge": bind("challenge"),
            }),
        ),
        named("made", proof("apply", "request_id", "challenge", digest)),
        post(
            "terminal",
            "verifier",
            path,
            json!({"proof": known("made.proof")}),
            json!({"next": "applicant"}),
        ),
        named("session", known("made.session")),
    ]
}

fn applicant(accept: Value) -> Value {
    ours(
        &["applicant"],
        json!({"applicant": known("applicant")}),
        accept,
    )
}

fn code() -> Vec<Value> {
    vec![
        applicant(json!({"next": "otp", "otp": bind("otp")})),
        json!({"op": "capture", "phone": known("phone"), "as": "code"}),
        ours(
            &["otp"],
            json!({"otp_id": known("otp.otp_id"), "code": known("code")}),
            json!({"next": "issue"}),
        ),
    ]
}

fn picture(lines: Value) -> Value {
    json!({"$calc": {"fn": "base64", "args": {"text": concat(lines)}}})
}

fn face() -> Vec<Value> {
    let text = |end: &str| {
        json!([
            "face: ",
            known("face"),
            "\nname: ",
            known("applicant.name"),
            "\nid_no: ",
            known("applicant.id_no"),
            end
        ])
    };
    let front = json!({"policy_id": known("policy_id"), "front": picture(text("\n")), "back": picture(text("\nback: 1\n"))});
    let frame = |at: usize| {
        let lines = json!(["face: ", known("face"), format!("\nframe: {at}\n")]);
        json!({"action": known(&format!("actions.{at}")), "image": picture(lines)})
    };
    let video = json!({"policy_id": known("policy_id"), "nonce": known("nonce"), "frames": [frame(0), frame(1), frame(2)]});
    vec![
        applicant(json!({"next": "id-photos", "policy_id": bind("policy_id")})),
        ours(
            &["id-photos"],
            front,
            json!({
                "next": "frames", "policy_id": bind("policy_id"), "nonce": bind("nonce"), "actions": bind("actions"),
            }),
        ),
        ours(&["frames"], video, json!({"next": "issue"})),
    ]
}

/// The chip signs; the runner does not know its keys here.
fn signed(kind: &str, digest: &str, name: &str) -> [Value; 2] {
    let command = concat(json!([format!("802a{kind}0020"), known(digest), "00"]));
    let evidence = json!({"$bind": {"as": name, "match": {"$hex": {"len": 16}}}});
    [
        json!({"op": "apdu", "command": "00a4040007f04b41494b410000", "sw": "9000"}),
        json!({"op": "apdu", "command": command, "sw": "9000", "data": evidence}),
    ]
}

fn issue() -> Vec<Value> {
    let applicant = json!({"$calc": {"fn": "applicant-digest", "args": known("applicant")}});
    let context = json!({"$calc": {"fn": "request-context", "args": {
        "request_id": known("request_id"), "account_id": known("account_id"), "device_id": "device-1",
        "se_id": known("se_id"), "applicant_digest": applicant, "product": "gold", "tos_version": "1",
        "terminal_nonce": known("terminal_nonce"), "verifier_nonce": known("verifier_nonce"),
    }}});
    let mut steps = vec![named("context", context)];
    steps.extend(signed("01", "context", "consent"));
    steps.push(ours(
        &["issue"],
        json!({"consent": known("consent")}),
        json!({
            "next": "provision", "card_code": bind("card_code"), "token_ref": bind("token_ref"), "agreement": {"$absent": null},
        }),
    ));
    steps
}

fn provision() -> Vec<Value> {
    let round = |session: Value, responses: Value, accept: Value| {
        ours(
            &["provision"],
            json!({"session": session, "responses": responses}),
            accept,
        )
    };
    let relayed = json!({"next": "relay", "session": bind("relay"), "commands": bind("commands")});
    let give = || json!({"op": "relay", "commands": known("commands"), "as": "responses"});
    vec![
        round(Value::Null, json!([]), relayed.clone()),
        give(),
        round(known("relay"), known("responses"), relayed),
        give(),
        round(
            known("relay"),
            known("responses"),
            json!({"next": "done", "card_code": known("card_code")}),
        ),
    ]
}

fn pay() -> Vec<Value> {
    let order = json!({"account_id": known("account_id"), "payee": "book-shop", "amount_minor": 1250, "currency": "156"});
    let digest = json!({"$calc": {"fn": "pay-digest", "args": {"order_digest": known("order_digest"), "card_code": known("card_code")}}});
    let path = json!(["v1", "orders", known("order_id"), "pay"]);
    let sent = json!({
        "account_id": known("account_id"), "card_code": known("card_code"), "order_digest": known("order_digest"),
        "proof": known("pay_made.proof"), "evidence": known("evidence"),
    });
    let left = json!({"card_code": known("card_code"), "available_minor": 998_750});
    let mut steps = vec![
        post(
            "terminal",
            "verifier",
            json!(["v1", "orders"]),
            order,
            json!({
                "order_id": bind("order_id"), "order_digest": bind("order_digest"), "challenge": bind("order_challenge"),
            }),
        ),
        named("pay_digest", digest),
        named(
            "pay_made",
            proof("pay", "order_id", "order_challenge", known("pay_digest")),
        ),
    ];
    steps.extend(signed("02", "pay_digest", "evidence"));
    steps.extend([
        post(
            "terminal",
            "verifier",
            path,
            sent,
            json!({"order_id": known("order_id"), "result": "paid"}),
        ),
        get(
            "terminal",
            "verifier",
            json!(["v1", "orders", known("order_id")]),
            json!({"result": "paid"}),
        ),
        get(
            "verifier",
            "issuer",
            json!(["v1", "cards", known("card_code")]),
            left,
        ),
    ]);
    steps
}

fn tap() -> Vec<Value> {
    let apdu = |command: String, name: &str| json!({"op": "apdu", "command": command, "sw": "9000", "data": bind(name)});
    let from = |name: &str, tag: &str| json!({"$calc": {"fn": "object", "args": {"data": known(name), "tag": tag}}});
    let chip_data =
        json!({"$calc": {"fn": "chip-data", "args": {"data": known("ac"), "sale": SALE}}});
    let left = json!({"card_code": known("card_code"), "available_minor": 999_300});
    vec![
        apdu(format!("00a4040008{SLOT}00"), "fci"),
        apdu(format!("80a8000023832136000000{SALE}00"), "options"),
        apdu("00b2010c00".to_owned(), "record"),
        apdu(format!("80ae80001d{SALE}00"), "ac"),
        named("stan", digits(6)),
        named("rrn", digits(12)),
        json!({"op": "iso", "mti": "0100", "fields": {
            "2": from("record", "5a"), "3": "000000", "4": "000000000700", "7": "1124120000", "11": known("stan"),
            "14": {"$calc": {"fn": "head", "args": {"text": from("record", "5f24"), "len": 4}}},
            "22": "071", "37": known("rrn"), "41": "TERM0001", "42": "SHOP00000000001", "49": "156", "55": chip_data,
        }, "expect": {"39": "00"}}),
        get(
            "verifier",
            "issuer",
            json!(["v1", "cards", known("card_code")]),
            left,
        ),
    ]
}
