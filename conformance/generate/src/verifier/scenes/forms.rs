//! The form of every field of a terminal's messages (90-wire): each wrong one is `malformed`, and the right one passes after.

use kaika_model::role::verifier::Input;
use kaika_spec::limit;
use serde_json::{Value, json};

use super::{APPLIED, CARD, FIRST, START, bad, parts, say};
use crate::script::{Act, Scene, known, post};
use crate::verifier::{OURS, apply, issue, ours, pay, prove, refusal};

/// Where a field stands, and values that it cannot have.
type Forms = (&'static str, Vec<Value>);

pub(super) fn scenes() -> Vec<Scene> {
    let hex = |bytes: usize| {
        let right = "ab".repeat(bytes);
        vec![
            json!(right[2..]),
            json!(right.clone() + "ab"),
            json!(right.to_uppercase()),
            json!(1),
        ]
    };
    let name = || vec![json!(""), json!("a".repeat(65)), json!("a b"), json!(null)];
    let open = vec![
        ("/account_id", name()),
        ("/device_id", name()),
        ("/se_id", hex(8)),
        ("/product", name()),
        (
            "/tos_version",
            vec![json!(""), json!("1".repeat(17)), json!("1\n")],
        ),
        ("/terminal_nonce", hex(16)),
    ];
    let applicant = vec![
        (
            "/applicant/name",
            vec![json!(""), json!("王".repeat(65)), json!("a\u{7f}")],
        ),
        ("/applicant/id_type", vec![json!("visa"), json!("")]),
        (
            "/applicant/id_no",
            vec![json!(""), json!("1".repeat(33)), json!("1\t")],
        ),
        (
            "/applicant/id_valid_to",
            vec![
                json!("2040-02-30"),
                json!("2040-2-03"),
                json!("40-02-03"),
                json!("2040-13-01"),
                json!("20400203"),
            ],
        ),
    ];
    let code = vec![
        ("/otp_id", hex(16)),
        (
            "/code",
            vec![
                json!("12345"),
                json!("1234567"),
                json!("12345a"),
                json!(123_456),
            ],
        ),
    ];
    let photos = vec![
        ("/policy_id", hex(16)),
        (
            "/front",
            vec![json!("!!"), json!(""), json!("YQ"), json!(1)],
        ),
        ("/back", vec![json!("YQ=")]),
    ];
    let frames = vec![
        ("/nonce", hex(16)),
        ("/frames/0/image", vec![json!("%"), json!("")]),
        ("/frames", vec![json!({}), json!(["nod"])]),
    ];
    let responses = vec![
        json!("9000"),
        json!(["900"]),
        json!(["9G00"]),
        json!(["AB"]),
        json!(["ab".repeat(limit::APDU_MAX + 1)]),
    ];
    let provision = vec![
        ("/session", vec![json!("ab"), json!("AB".repeat(16))]),
        ("/responses", responses),
    ];
    let order = vec![
        ("/account_id", name()),
        ("/payee", name()),
        (
            "/amount_minor",
            vec![
                json!(0),
                json!(-1),
                json!(limit::AMOUNT_MAX_MINOR + 1),
                json!(1.5),
                json!("1250"),
            ],
        ),
        (
            "/currency",
            vec![json!("15"), json!("1560"), json!("CNY"), json!(156)],
        ),
    ];
    let pay = vec![
        ("/card_code", surrogates()),
        ("/order_digest", hex(32)),
        ("/proof", hex(32)),
        ("/evidence", hex(16)),
    ];
    let ordered = [START, CARD, &[Input::Order]];
    let sent = |steps: Vec<Value>| {
        steps
            .into_iter()
            .rfind(|step| step["op"] == "send")
            .unwrap_or_default()
    };
    vec![
        scene("open", &[], Vec::new(), OURS.open(), open, &[Input::Open]),
        scene(
            "password",
            &[&[Input::Open]],
            Vec::new(),
            proof(),
            vec![("/proof", hex(32))],
            &[Input::Password],
        ),
        scene(
            "applicant",
            &[APPLIED],
            Vec::new(),
            spelt(),
            applicant,
            &[Input::ApplicantKnown],
        ),
        scene(
            "code",
            &[START],
            Vec::new(),
            prove::typed(OURS, known("otp_id"), known("code")),
            code,
            &[Input::Otp],
        ),
        scene(
            "photos",
            &[&[Input::Open, Input::Password, Input::ApplicantFirst]],
            Vec::new(),
            still(),
            photos,
            &[Input::Photos],
        ),
        scene(
            "frames",
            &[FIRST],
            vec![crate::script::named("image", json!("i"))],
            sent(prove::told(Input::Frames)),
            frames,
            &[Input::Frames],
        ),
        scene(
            "issue",
            &[START, &[Input::Otp]],
            Vec::new(),
            sent(issue::told(Input::Issue)),
            vec![("/consent", hex(16))],
            &[Input::Issue],
        ),
        scene(
            "provision",
            &[START, CARD],
            Vec::new(),
            sent(issue::told(Input::ProvisionDone)),
            provision,
            &[Input::ProvisionDone],
        ),
        scene(
            "order",
            &[],
            Vec::new(),
            sent(pay::told(Input::Order)),
            order,
            &[Input::Order],
        ),
        scene("pay", &ordered, Vec::new(), paying(), pay, &[Input::Pay]),
        headers(),
    ]
}

/// A card code is `C` and 20 letters or digits of base 32.
fn surrogates() -> Vec<Value> {
    let rest = "A".repeat(20);
    let wrong = [
        format!("A{rest}"),
        format!("C{}", &rest[1..]),
        format!("C{rest}A"),
        format!("C{}1", &rest[1..]),
        format!("C{}a", &rest[1..]),
    ];
    wrong.map(|text| json!(text)).to_vec()
}

fn proof() -> Value {
    let path = json!(["v1", "requests", known("request_id"), "password"]);
    post(
        "terminal",
        "verifier",
        path,
        json!({"proof": ""}),
        json!({}),
    )
}

/// The applicant's message with every field in its place.
fn spelt() -> Value {
    ours(
        &["applicant"],
        json!({"applicant": apply::spelt()}),
        json!({}),
    )
}

fn still() -> Value {
    let body = json!({"policy_id": known("policy_id"), "front": "YQ==", "back": "YQ=="});
    ours(&["id-photos"], body, json!({}))
}

fn paying() -> Value {
    let path = json!(["v1", "orders", known("order_id"), "pay"]);
    let body = json!({
        "account_id": known("account_id"), "card_code": known("card_code"), "order_digest": known("order_digest"),
        "proof": "ab".repeat(32), "evidence": known("evidence"),
    });
    post("terminal", "verifier", path, body, json!({}))
}

/// After `before`, a message is sent with each wrong value of each field; then the inputs of `after` pass.
fn scene(
    name: &str,
    before: &[&[Input]],
    first: Vec<Value>,
    sent: Value,
    forms: Vec<Forms>,
    after: &[Input],
) -> Scene {
    let mut steps = first;
    for (place, values) in forms {
        for value in values {
            let mut step = sent.clone();
            if let Some(field) = step["body"].pointer_mut(place) {
                *field = value;
            }
            step["headers"] = Value::Object(serde_json::Map::new());
            step["expect"] = refusal("malformed");
            steps.push(step);
        }
    }
    let acts = [parts(before), say(steps)];
    bad(&format!("forms/{name}"), "WIR-9", &acts, parts(&[after]))
}

/// A MAC of lower-case digits only.
fn headers() -> Scene {
    let mut sent = OURS.open();
    sent["headers"] = json!({"Kaika-Mac": "AB".repeat(32)});
    sent["expect"] = refusal("malformed");
    let acts: [Vec<Act>; 1] = [say(vec![sent])];
    bad("forms/headers", "WIR-9", &acts, parts(&[&[Input::Open]]))
}
