//! What is judged before a message's meaning: route, headers, time, key, sender, and the form of every field.

use kaika_model::role::issuer::Input;
use kaika_spec::limit;
use serde_json::{Value, json};

use super::{FIRST, KNOWN, eligibility};
use crate::script::{concat, digits, fresh, get, known, named, post, stranger};

/// The steps of a letter.
pub(super) fn said(input: Input) -> Vec<Value> {
    match input {
        Input::WireRoute => each("unknown-route", routes()),
        Input::WireMethod => {
            let sent = get(
                "verifier",
                "issuer",
                json!(["v1", "eligibility"]),
                json!({}),
            );
            each("method-not-allowed", vec![sent])
        }
        Input::WireMedia => each(
            "unsupported-media-type",
            headed("Content-Type", &[Value::Null, json!("text/plain")]),
        ),
        Input::WireHeaders => each("malformed", headers()),
        Input::WireKey => {
            let keys = [
                Value::Null,
                json!("a".repeat(31)),
                json!("a".repeat(33)),
                json!("A".repeat(32)),
            ];
            each("idempotency-key-missing", headed("Idempotency-Key", &keys))
        }
        Input::WireTime => each(
            "stale-time",
            headed("Kaika-Time", &at(limit::TIME_WINDOW_MS + 10_000)),
        ),
        Input::WireTimely => headed("Kaika-Time", &at(limit::TIME_WINDOW_MS - 10_000)),
        Input::WireMac => each("bad-signature", signed()),
        Input::WireCallers => each("bad-signature", callers()),
        Input::WireOrder => order(),
        Input::WireForms => forms(),
        _ => widest(),
    }
}

/// A good question about a person nobody has heard of.
fn good() -> Value {
    let mut sent = eligibility(
        "request_id",
        "request_context",
        "applicant",
        json!({"branch": FIRST}),
    );
    sent["body"]["request_id"] = fresh(16);
    sent
}

/// The same, with every field of the applicant in its place.
fn spelt() -> Value {
    let mut sent = good();
    sent["body"]["applicant"] = json!({
        "name": known("applicant.name"), "id_type": known("applicant.id_type"), "id_no": known("applicant.id_no"),
        "id_valid_to": known("applicant.id_valid_to"),
    });
    sent
}

fn each(refusal: &str, sent: Vec<Value>) -> Vec<Value> {
    sent.into_iter()
        .map(|sent| refused(sent, refusal))
        .collect()
}

fn refused(mut sent: Value, refusal: &str) -> Value {
    sent["expect"] = json!({ "refuse": refusal });
    sent
}

fn headed(name: &str, values: &[Value]) -> Vec<Value> {
    values
        .iter()
        .map(|value| with(good(), &[(name, value.clone())]))
        .collect()
}

fn with(mut sent: Value, headers: &[(&str, Value)]) -> Value {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    sent["headers"] = Value::Object(headers.collect());
    sent
}

/// So far before and after now.
fn at(ms: i64) -> [Value; 2] {
    [-ms, ms].map(|ms| json!({ "$now": ms }))
}

fn routes() -> Vec<Value> {
    let mut asked = good();
    asked["path"] = json!(["v1", "eligibility?again=1"]);
    let mut misspelt = good();
    misspelt["path"] = json!(["v1", "eligibilities"]);
    let token = |rest: &[Value]| {
        let path = [json!("v1"), json!("tokens")];
        get(
            "verifier",
            "issuer",
            Value::Array(path.iter().chain(rest).cloned().collect()),
            json!({}),
        )
    };
    vec![
        asked,
        misspelt,
        token(&[json!("")]),
        token(&[fresh(16), json!("history")]),
    ]
}

fn headers() -> Vec<Value> {
    [
        ("Kaika-Time", Value::Null),
        ("Kaika-Time", json!("soon")),
        ("Kaika-Time", json!("")),
        // The time as it is, with what is no digit of it.
        ("Kaika-Time", concat(json!(["+", {"$now": 0}]))),
        ("Kaika-Time", concat(json!(["0", {"$now": 0}]))),
        ("Kaika-Time", concat(json!([{"$now": 0}, "000"]))),
        ("Kaika-Mac", json!("z".repeat(64))),
        ("Kaika-Mac", json!("A".repeat(64))),
        ("Kaika-Mac", fresh(31)),
        ("Kaika-Caller", json!("king")),
    ]
    .into_iter()
    .map(|(name, value)| with(good(), &[(name, value)]))
    .collect()
}

fn signed() -> Vec<Value> {
    [
        ("Kaika-Mac", fresh(32)),
        ("Kaika-Mac", Value::Null),
        ("Kaika-Caller", json!("operator")),
        ("Kaika-Caller", json!("identity")),
        ("Kaika-Caller", Value::Null),
    ]
    .into_iter()
    .map(|(name, value)| with(good(), &[(name, value)]))
    .collect()
}

/// Every resource that only one caller may use, asked by the other.
fn callers() -> Vec<Value> {
    let id = || fresh(16);
    let said = |path: Value| post("operator", "issuer", path, json!({}), json!({}));
    let asked = |path: Value| get("operator", "issuer", path, json!({}));
    let by_verifier = |path: Value| post("verifier", "issuer", path, json!({}), json!({}));
    vec![
        said(json!(["v1", "eligibility"])),
        said(json!(["v1", "issue"])),
        asked(json!(["v1", "issue", id()])),
        said(json!(["v1", "issue", id(), "compensate"])),
        said(json!(["v1", "tokens", id(), "provision"])),
        said(json!(["v1", "debits"])),
        asked(json!(["v1", "debits", id()])),
        said(json!(["v1", "debits", id(), "reverse"])),
        said(json!(["v1", "agreements", known("agreement"), "terminate"])),
        by_verifier(json!(["v1", "customers"])),
        by_verifier(json!(["v1", "customers", "phone"])),
        by_verifier(json!(["v1", "blocks"])),
    ]
}

/// Two faults at once: the one that is looked for first is told.
fn order() -> Vec<Value> {
    let [past, _] = at(limit::TIME_WINDOW_MS + 10_000);
    let bad_mac = ("Kaika-Mac", fresh(32));
    let mut unreadable = with(good(), std::slice::from_ref(&bad_mac));
    unreadable["body"] = json!({});
    vec![
        refused(
            with(
                good(),
                &[("Content-Type", Value::Null), ("Kaika-Time", Value::Null)],
            ),
            "unsupported-media-type",
        ),
        refused(
            with(
                good(),
                &[
                    ("Kaika-Time", json!("soon")),
                    ("Idempotency-Key", Value::Null),
                ],
            ),
            "malformed",
        ),
        refused(
            with(
                good(),
                &[
                    ("Idempotency-Key", Value::Null),
                    ("Kaika-Time", past.clone()),
                ],
            ),
            "idempotency-key-missing",
        ),
        refused(with(good(), &[("Kaika-Time", past), bad_mac]), "stale-time"),
        refused(unreadable, "bad-signature"),
    ]
}

/// A message in which one field is another.
fn spoilt(sent: &Value, place: &str, value: &Value) -> Value {
    let mut sent = sent.clone();
    if let Some(field) = sent["body"].pointer_mut(place) {
        *field = value.clone();
    }
    refused(sent, "malformed")
}

/// A body, and what is wrong with it: fields and the values that they must not have.
type Wrong = (Value, Vec<(&'static str, Vec<Value>)>);

fn forms() -> Vec<Value> {
    let wrong: [Wrong; 7] = [
        (spelt(), eligibility_forms()),
        (enrol(json!({})), vec![("/phone", phones())]),
        (debit(json!(1)), debit_forms()),
        (
            provision(json!([])),
            vec![
                ("/se_id", vec![json!("0".repeat(14)), json!("A".repeat(16))]),
                (
                    "/responses",
                    vec![
                        json!(["9g00"]),
                        json!(["900"]),
                        json!(["9A00"]),
                        json!([{"$repeat": {"of": "00", "times": limit::APDU_MAX + 1}}]),
                        json!("9000"),
                    ],
                ),
            ],
        ),
        (
            by_operator("tokens", "suspend", json!({"by": "issuer"})),
            vec![("/by", vec![json!("king"), json!("Issuer")])],
        ),
        (
            by_operator("cards", "status", json!({"status": "active"})),
            vec![("/status", vec![json!("melted")])],
        ),
        (
            post(
                "operator",
                "issuer",
                json!(["v1", "blocks"]),
                json!({"id_type": "passport", "id_no": "1", "blocked": true}),
                json!({}),
            ),
            vec![("/blocked", vec![json!("yes"), Value::Null])],
        ),
    ];
    let mut steps: Vec<Value> = wrong
        .iter()
        .flat_map(|(sent, places)| {
            places.iter().flat_map(move |(place, values)| {
                values.iter().map(move |value| spoilt(sent, place, value))
            })
        })
        .collect();
    steps.extend(shapes());
    steps
}

/// A field too many, too few, twice; no object at all.
fn shapes() -> Vec<Value> {
    let mut more = good();
    more["body"]["note"] = json!("");
    let mut inside = spelt();
    inside["body"]["applicant"]["note"] = json!("");
    let mut fewer = good();
    if let Some(body) = fewer["body"].as_object_mut() {
        body.remove("product");
    }
    let raw = |text: &str| {
        let mut sent = post(
            "operator",
            "issuer",
            json!(["v1", "blocks"]),
            Value::Null,
            json!({}),
        );
        if let Some(sent) = sent.as_object_mut() {
            sent.remove("body");
        }
        sent["raw"] = json!(text);
        sent
    };
    let twice =
        raw("{\"id_type\":\"passport\",\"id_no\":\"1\",\"blocked\":false,\"blocked\":false}");
    each(
        "malformed",
        vec![more, inside, fewer, twice, raw("[]"), raw("{"), raw("")],
    )
}

fn eligibility_forms() -> Vec<(&'static str, Vec<Value>)> {
    let long = |count: usize| json!("x".repeat(count));
    let names = || vec![json!(""), long(65), json!("a b"), json!("ü"), json!(1)];
    let days = [
        "2023-02-29",
        "2100-02-29",
        "2024-13-01",
        "2024-00-01",
        "2024-01-00",
        "2024-04-31",
        "2024-1-01",
        "2024-01-1",
        "24-01-01",
        "+024-01-01",
        "2024-+1-01",
        "2024-01-+1",
        "20240401",
        "2024-04-01-",
    ];
    vec![
        (
            "/request_id",
            vec![
                fresh(15),
                fresh(17),
                json!("A".repeat(32)),
                json!("g".repeat(32)),
                json!(1),
            ],
        ),
        ("/request_context", vec![fresh(31), json!("A".repeat(64))]),
        ("/applicant/name", vec![json!(""), long(65), json!("a\nb")]),
        ("/applicant/id_type", vec![json!("driving-licence")]),
        ("/applicant/id_no", vec![json!(""), long(33), json!("1\t2")]),
        (
            "/applicant/id_valid_to",
            days.iter().map(|day| json!(day)).collect(),
        ),
        ("/product", names()),
    ]
}

fn phones() -> Vec<Value> {
    let all = ["++8613800000", "1234", "+1234", "86138x", ""];
    let mut all: Vec<Value> = all.iter().map(|phone| json!(phone)).collect();
    all.push(digits(21));
    all
}

fn debit_forms() -> Vec<(&'static str, Vec<Value>)> {
    let code = |first: &str, rest: &str| json!(format!("{first}{rest}"));
    let most = limit::AMOUNT_MAX_MINOR;
    vec![
        (
            "/card_code",
            vec![
                code("A", &"A".repeat(20)),
                code("C", &"A".repeat(19)),
                code("C", &"A".repeat(21)),
                code("C1", &"A".repeat(19)),
                code("C8", &"A".repeat(19)),
                code("c", &"a".repeat(20)),
            ],
        ),
        ("/agreement", vec![code("C", &"A".repeat(20))]),
        (
            "/amount_minor",
            vec![json!(0), json!(most + 1), json!(-1), json!("1"), json!(1.5)],
        ),
        ("/currency", vec![json!("15"), json!("1560"), json!("CNY")]),
        ("/account_id", vec![json!(""), json!("a b")]),
        ("/expires_at", vec![json!(-1), json!("0"), json!(1.5)]),
        ("/nonce", vec![fresh(15), fresh(17), json!("A".repeat(32))]),
        ("/order_digest", vec![fresh(31), json!("A".repeat(64))]),
        (
            "/evidence",
            vec![fresh(15), fresh(17), json!("A".repeat(32)), Value::Null],
        ),
        ("/payee", vec![json!(""), json!("book shop")]),
    ]
}

fn enrol(who: Value) -> Value {
    let applicant = if who == json!({}) { stranger() } else { who };
    post(
        "operator",
        "issuer",
        json!(["v1", "customers"]),
        json!({"applicant": applicant, "phone": known("phone")}),
        json!({"customer_id": {"$any": null}}),
    )
}

fn debit(amount: Value) -> Value {
    let body = json!({
        "debit_id": fresh(16), "card_code": format!("C{}", "2345674A".repeat(3).get(..20).unwrap_or_default()),
        "agreement": format!("A{}", "Z".repeat(20)), "payee": "x".repeat(64), "amount_minor": amount, "currency": "156",
        "account_id": "x", "expires_at": 0, "nonce": known("order_nonce"), "order_digest": known("order_digest"),
        "evidence": known("order_nonce"),
    });
    post(
        "verifier",
        "issuer",
        json!(["v1", "debits"]),
        body,
        json!({}),
    )
}

fn provision(responses: Value) -> Value {
    let body = json!({
        "binding_id": known("binding_id"), "se_id": known("se_id"), "session": null, "responses": responses,
    });
    let path = json!(["v1", "tokens", fresh(16), "provision"]);
    post("verifier", "issuer", path, body, json!({}))
}

fn by_operator(what: &str, verb: &str, body: Value) -> Value {
    let id = if what == "cards" {
        known("card_code")
    } else {
        known("token_ref")
    };
    post(
        "operator",
        "issuer",
        json!(["v1", what, id, verb]),
        body,
        json!({}),
    )
}

/// The longest and the shortest that every field may be.
fn widest() -> Vec<Value> {
    let longest = json!({
        "name": "李".repeat(64), "id_type": "resident-id", "id_no": digits(32), "id_valid_to": "2000-02-29",
    });
    let shortest = json!({"name": "李", "id_type": "passport", "id_no": digits(12), "id_valid_to": "2024-12-31"});
    let asked = |who: &str, product: String| {
        let mut sent = eligibility(
            "request_id",
            "request_context",
            who,
            json!({"branch": KNOWN, "phone": known("phone")}),
        );
        sent["body"]["request_id"] = fresh(16);
        sent["body"]["product"] = json!(product);
        sent
    };
    let most = json!([{"$repeat": {"of": "00", "times": limit::APDU_MAX}}]);
    vec![
        refused(debit(json!(limit::AMOUNT_MAX_MINOR)), "unknown-card"),
        refused(debit(json!(1)), "unknown-card"),
        refused(provision(most), "unknown-token"),
        named("longest", longest),
        named(
            "phone",
            json!({"$calc": {"fn": "concat", "args": {"parts": ["+", digits(20)]}}}),
        ),
        enrol(known("longest")),
        asked(
            "longest",
            "aZ9._-".repeat(11).get(..64).unwrap_or_default().to_owned(),
        ),
        named("shortest", shortest),
        named("phone", digits(5)),
        enrol(known("shortest")),
        asked("shortest", "g".to_owned()),
    ]
}
