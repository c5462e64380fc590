//! The OpenAPI documents are well made, and the servers' routes, callers and messages are those they describe.
//!
//! Start at [`samples::all`]: one good body for each message, by the name of its schema.

mod paper;

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::Validator;
use paper::{none, read};
use serde_json::{Value, json};

const ROLES: &[&str] = &["verifier", "issuer", "identity"];

/// The OpenAPI document of a role.
fn document(role: &str) -> Value {
    match serde_norway::from_str(&read(&format!("spec/openapi/{role}.yaml"))) {
        Ok(document) => document,
        Err(error) => panic!("{role}.yaml: {error}"),
    }
}

/// Every object below a value, with the way to it.
fn walk<'a>(value: &'a Value, way: &str, visit: &mut impl FnMut(&'a Value, &str)) {
    visit(value, way);
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, member)| walk(member, &format!("{way}/{name}"), visit)),
        Value::Array(members) => members.iter().for_each(|member| walk(member, way, visit)),
        _ => {}
    }
}

#[test]
fn references_lead_somewhere_and_everything_is_used() {
    let mut complaints = Vec::new();
    for role in ROLES {
        let document = document(role);
        let mut used = BTreeSet::new();
        walk(&document, "", &mut |value, way| {
            if let Some(target) = value.get("$ref").and_then(Value::as_str) {
                used.insert(target.to_owned());
                if document.pointer(target.trim_start_matches('#')).is_none() {
                    complaints.push(format!("{role}{way}: there is no {target}"));
                }
            }
        });
        for kind in ["schemas", "parameters", "responses"] {
            let names = document["components"][kind]
                .as_object()
                .into_iter()
                .flat_map(|members| members.keys());
            let unused = names
                .map(|name| format!("#/components/{kind}/{name}"))
                .filter(|name| !used.contains(name));
            complaints.extend(unused.map(|name| format!("{role}: nobody uses {name}")));
        }
    }
    none(&complaints);
}

#[test]
fn objects_are_closed_and_whole() {
    let mut complaints = Vec::new();
    for role in ROLES {
        let document = document(role);
        walk(
            &document["components"]["schemas"],
            "",
            &mut |schema, way| {
                if schema["type"] != "object" || schema.get("properties").is_none() {
                    return;
                }
                if schema["additionalProperties"] != false {
                    complaints.push(format!("{role}{way} takes unknown fields"));
                }
                let names = |value: &Value| {
                    value
                        .as_array()
                        .into_iter()
                        .flatten()
                        .filter_map(Value::as_str)
                        .map(str::to_owned)
                        .collect()
                };
                let required: BTreeSet<String> = names(&schema["required"]);
                let known: BTreeSet<String> = schema["properties"]
                    .as_object()
                    .into_iter()
                    .flat_map(|all| all.keys().cloned())
                    .collect();
                if required != known && way != "/Problem" {
                    complaints.push(format!(
                        "{role}{way}: required are {required:?} of {known:?}"
                    ));
                }
            },
        );
    }
    none(&complaints);
}

/// One operation of a document.
struct Operation {
    role: &'static str,
    method: String,
    path: String,
    callers: Vec<String>,
    item: Value,
}

impl Operation {
    /// `POST /v1/requests`, with the names of parameters dropped.
    fn route(&self) -> String {
        route(&self.method, &self.path)
    }

    /// The name of the schema of the body, when it takes one.
    fn body(&self) -> Option<&str> {
        name(&self.item["requestBody"]["content"]["application/json"]["schema"])
    }

    /// The names of the schemas of good answers.
    fn answers(&self) -> Vec<&str> {
        let responses = self.item["responses"].as_object().into_iter().flatten();
        responses
            .filter_map(|(_, response)| name(&response["content"]["application/json"]["schema"]))
            .collect()
    }
}

fn route(method: &str, path: &str) -> String {
    let parts: Vec<&str> = path
        .split('/')
        .map(|part| if part.starts_with('{') { "{}" } else { part })
        .collect();
    format!("{method} {}", parts.join("/"))
}

fn name(schema: &Value) -> Option<&str> {
    schema["$ref"]
        .as_str()
        .and_then(|target| target.rsplit('/').next())
}

fn operations(role: &'static str) -> Vec<Operation> {
    let document = document(role);
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in ["get", "post"]
            .into_iter()
            .filter(|method| item.get(*method).is_some())
        {
            let callers = item[method]["x-callers"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str);
            operations.push(Operation {
                role,
                method: method.to_uppercase(),
                path: path.clone(),
                callers: callers.map(str::to_owned).collect(),
                item: item[method].clone(),
            });
        }
    }
    operations
}

fn all_operations() -> Vec<Operation> {
    ROLES.iter().flat_map(|role| operations(role)).collect()
}

#[test]
fn operations_have_headers_security_and_refusals() {
    let mut complaints = Vec::new();
    let mut ids = BTreeSet::new();
    for operation in all_operations() {
        let place = format!("{} {}", operation.role, operation.route());
        let parameters: Vec<&str> = operation.item["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(name)
            .collect();
        let post = operation.method == "POST";
        let want: &[&str] = if post { &["Time", "Key"] } else { &["Time"] };
        if parameters != want {
            complaints.push(format!("{place}: headers {parameters:?}"));
        }
        if post != operation.body().is_some() || operation.answers().len() != 1 {
            complaints.push(format!("{place}: body or answer missing"));
        }
        if name(&operation.item["responses"]["default"]) != Some("Refused") {
            complaints.push(format!("{place}: no refusal"));
        }
        let signed = operation.item["security"] == json!([{ "caller": [], "mac": [] }]);
        if signed == operation.callers.iter().any(|caller| caller == "terminal") {
            complaints.push(format!(
                "{place}: security does not fit {:?}",
                operation.callers
            ));
        }
        let id = operation.item["operationId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if id.is_empty() || !ids.insert(format!("{} {id}", operation.role)) {
            complaints.push(format!("{place}: no operation id of its own"));
        }
    }
    none(&complaints);
}

#[test]
fn the_problem_schema_takes_every_refusal() {
    for role in ROLES {
        let validator = validator(role, "Problem");
        for refusal in kaika_spec::Refusal::ALL {
            let body = json!({
                "type": format!("urn:kaika:problem:{}", refusal.seen()),
                "title": refusal.seen().replace('-', " "),
                "status": refusal.http_status(),
                "code": refusal.seen(),
                "class": refusal.class().name(),
            });
            assert!(validator.is_valid(&body), "{role}: {refusal}");
        }
    }
}

/// A validator for one schema of a document.
fn validator(role: &str, schema: &str) -> Validator {
    let components = document(role)["components"].clone();
    let whole =
        json!({ "$ref": format!("#/components/schemas/{schema}"), "components": components });
    match jsonschema::draft202012::new(&whole) {
        Ok(validator) => validator,
        Err(error) => panic!("{role} {schema}: {error}"),
    }
}

/// A body with a field more, and one body for each field that is left out.
fn spoiled(sample: &Value) -> Vec<Value> {
    let Some(members) = sample.as_object() else {
        return Vec::new();
    };
    let mut more = members.clone();
    more.insert("unknown_field".into(), json!(1));
    let less = members.keys().map(|name| {
        let mut less = members.clone();
        less.remove(name);
        Value::Object(less)
    });
    less.chain([Value::Object(more)]).collect()
}

#[test]
fn samples_are_good_and_spoiled_samples_are_not() {
    let samples = samples::all();
    let mut complaints = Vec::new();
    for operation in all_operations() {
        for schema in operation.body().into_iter().chain(operation.answers()) {
            let Some(bodies) = samples.get(schema) else {
                complaints.push(format!("{}: no sample of {schema}", operation.role));
                continue;
            };
            let validator = validator(operation.role, schema);
            for body in bodies {
                complaints.extend(
                    validator
                        .iter_errors(body)
                        .map(|error| format!("{} {schema}: {error}", operation.role)),
                );
                let taken = spoiled(body)
                    .into_iter()
                    .filter(|spoiled| validator.is_valid(spoiled));
                complaints.extend(
                    taken.map(|spoiled| format!("{} {schema} takes {spoiled}", operation.role)),
                );
            }
        }
    }
    none(&complaints);
}

/// Good bodies, by the name of their schema.
mod samples {
    use super::{BTreeMap, Value, json};

    const ID: &str = "0123456789abcdef0123456789abcdef";
    const HEX32: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const SE: &str = "0011223344556677";
    const CARD: &str = "CABCDEFGHIJ234567ABCD";
    const AGREEMENT: &str = "AABCDEFGHIJ234567ABCD";
    const TIME: i64 = 1_700_000_000_000;

    fn applicant() -> Value {
        json!({ "name": "李雷", "id_type": "resident-id", "id_no": "110101199001011234", "id_valid_to": "2035-12-31" })
    }

    fn challenge() -> Value {
        json!({ "salt": ID, "m_kib": 19456, "t": 2, "p": 1, "nonce": HEX32 })
    }

    fn otp() -> Value {
        json!({
            "next": "otp",
            "otp": { "otp_id": ID, "phone_mask": "138****5678", "expires_at": TIME, "tries_left": 5, "sends_left": 2 },
        })
    }

    fn order() -> Value {
        json!({
            "order_id": ID, "account_id": "lilei", "payee": "shop-1", "amount_minor": 100, "currency": "156", "nonce": ID,
            "expires_at": TIME, "order_digest": HEX32, "challenge": challenge(),
        })
    }

    fn issue(evidence: &Value) -> Value {
        json!({
            "request_id": ID, "request_context": HEX32, "eligibility_id": ID, "applicant": applicant(), "product": "classic",
            "account_id": "lilei", "device_id": "phone-1", "se_id": SE, "evidence": evidence,
        })
    }

    fn token() -> Value {
        json!({ "token_ref": ID, "state": "suspended", "suspended_by": ["user", "fraud"] })
    }

    /// Every message that is a body or an answer.
    pub(crate) fn all() -> BTreeMap<&'static str, Vec<Value>> {
        verifier()
            .into_iter()
            .chain(issuer())
            .chain(identity())
            .collect()
    }

    fn verifier() -> Vec<(&'static str, Vec<Value>)> {
        vec![
            ("Empty", vec![json!({})]),
            (
                "AccountEnrol",
                vec![
                    json!({ "account_id": "lilei", "applicant": applicant(), "salt": ID, "stored_key": HEX32 }),
                ],
            ),
            ("AccountEnrolled", vec![json!({ "account_id": "lilei" })]),
            (
                "RequestOpen",
                vec![json!({
                    "account_id": "lilei", "device_id": "phone-1", "se_id": SE, "product": "classic", "tos_version": "1",
                    "terminal_nonce": ID,
                })],
            ),
            (
                "RequestOpened",
                vec![
                    json!({ "request_id": ID, "verifier_nonce": ID, "challenge": challenge(), "expires_at": TIME }),
                ],
            ),
            (
                "RequestShown",
                vec![json!({ "request_id": ID, "state": "await-otp", "next": "otp" })],
            ),
            ("PasswordProve", vec![json!({ "proof": HEX32 })]),
            ("PasswordProved", vec![json!({ "next": "applicant" })]),
            ("ApplicantGive", vec![json!({ "applicant": applicant() })]),
            (
                "ApplicantTaken",
                vec![
                    otp(),
                    json!({ "next": "id-photos", "policy_id": ID, "expires_at": TIME }),
                ],
            ),
            ("OtpNext", vec![otp()]),
            ("OtpProve", vec![json!({ "otp_id": ID, "code": "012345" })]),
            (
                "IdPhotosGive",
                vec![json!({ "policy_id": ID, "front": "Zm9v", "back": "YmFy" })],
            ),
            (
                "FramesNext",
                vec![json!({
                    "next": "frames", "policy_id": ID, "nonce": ID, "actions": ["blink", "nod", "open-mouth"], "expires_at": TIME,
                })],
            ),
            (
                "FramesGive",
                vec![
                    json!({ "policy_id": ID, "nonce": ID, "frames": [{ "action": "blink", "image": "Zm9v" }] }),
                ],
            ),
            ("IssueNext", vec![json!({ "next": "issue" })]),
            (
                "CardIssued",
                vec![json!({ "next": "provision", "card_code": CARD, "token_ref": ID })],
            ),
            (
                "ProvisionStep",
                vec![
                    json!({ "session": null, "responses": [] }),
                    json!({ "session": ID, "responses": ["9000", "6a82"] }),
                ],
            ),
            (
                "ProvisionAnswer",
                vec![
                    json!({ "next": "relay", "session": ID, "commands": ["00a40400"] }),
                    json!({ "next": "done", "card_code": CARD, "token_ref": ID }),
                ],
            ),
            ("RequestCancelled", vec![json!({ "next": "cancelled" })]),
            (
                "OrderMake",
                vec![
                    json!({ "account_id": "lilei", "payee": "shop-1", "amount_minor": 100, "currency": "156" }),
                ],
            ),
            ("OrderMade", vec![order()]),
            (
                "OrderPay",
                vec![
                    json!({ "account_id": "lilei", "card_code": CARD, "order_digest": HEX32, "proof": HEX32 }),
                ],
            ),
            (
                "OrderPaid",
                vec![
                    json!({ "order_id": ID, "result": "paid", "auth_code": "A1B2C3" }),
                    json!({ "order_id": ID, "result": "declined" }),
                ],
            ),
            (
                "OrderShown",
                vec![json!({ "order_id": ID, "result": "pending" })],
            ),
        ]
    }

    fn issuer() -> Vec<(&'static str, Vec<Value>)> {
        let otp = json!({ "kind": "otp", "otp_id": ID, "phone_digest": HEX32, "phone_version": 1, "verified_at": TIME });
        let none = json!({
            "request_id": ID, "outcome": "none", "card_code": null, "agreement": null, "token_ref": null, "token_state": null,
        });
        let issued = json!({
            "request_id": ID, "outcome": "issued", "card_code": CARD, "agreement": AGREEMENT, "token_ref": ID,
            "token_state": "active",
        });
        vec![
            (
                "CustomerEnrol",
                vec![json!({ "applicant": applicant(), "phone": "+8613800005678" })],
            ),
            (
                "CustomerEnrolled",
                vec![json!({ "customer_id": "UABCDEFGHIJ234567ABCD" })],
            ),
            (
                "PhoneChange",
                vec![
                    json!({ "id_type": "passport", "id_no": "E12345678", "phone": "13900000000" }),
                ],
            ),
            ("PhoneChanged", vec![json!({ "phone_version": 2 })]),
            (
                "Block",
                vec![json!({ "id_type": "passport", "id_no": "E12345678", "blocked": true })],
            ),
            ("Blocked", vec![json!({ "blocked": false })]),
            (
                "EligibilityAsk",
                vec![
                    json!({ "request_id": ID, "request_context": HEX32, "applicant": applicant(), "product": "classic" }),
                ],
            ),
            (
                "Eligibility",
                vec![
                    json!({
                        "branch": "known-customer", "eligibility_id": ID, "phone": "13800005678", "phone_version": 1,
                        "expires_at": TIME,
                    }),
                    json!({ "branch": "first-card", "eligibility_id": ID, "expires_at": TIME }),
                ],
            ),
            (
                "IssueAsk",
                vec![
                    issue(&otp),
                    issue(&json!({ "kind": "identity", "reference": ID })),
                ],
            ),
            (
                "Issued",
                vec![json!({
                    "request_id": ID, "card_code": CARD, "agreement": AGREEMENT, "token_ref": ID, "token_state": "inactive",
                })],
            ),
            ("IssueShown", vec![none, issued]),
            (
                "Compensated",
                vec![
                    json!({ "outcome": "deleted" }),
                    json!({ "outcome": "tombstoned" }),
                ],
            ),
            (
                "TokenProvision",
                vec![json!({ "binding_id": ID, "se_id": SE, "session": null, "responses": [] })],
            ),
            (
                "TokenProvisionAnswer",
                vec![
                    json!({ "session": ID, "commands": ["00a40400"], "state": "inactive" }),
                    json!({ "session": null, "commands": [], "state": "active" }),
                ],
            ),
            ("TokenBy", vec![json!({ "by": "user" })]),
            ("Token", vec![token()]),
            (
                "DebitAsk",
                vec![json!({
                    "debit_id": ID, "card_code": CARD, "agreement": AGREEMENT, "payee": "shop-1", "amount_minor": 100,
                    "currency": "156", "order_digest": HEX32,
                })],
            ),
            (
                "Debited",
                vec![json!({ "debit_id": ID, "result": "posted", "auth_code": "A1B2C3" })],
            ),
            (
                "Debit",
                vec![
                    json!({ "debit_id": ID, "state": "posted", "auth_code": "A1B2C3" }),
                    json!({ "debit_id": ID, "state": "none", "auth_code": null }),
                ],
            ),
            ("ReverseAsk", vec![json!({ "amount_minor": 100 })]),
            (
                "Reversed",
                vec![json!({ "debit_id": ID, "state": "reversed" })],
            ),
            ("CardStatus", vec![json!({ "status": "lost" })]),
            (
                "CardStatusSet",
                vec![json!({ "card_code": CARD, "status": "lost" })],
            ),
            (
                "Card",
                vec![
                    json!({ "card_code": CARD, "status": "active", "available_minor": 1_000_000 }),
                ],
            ),
            (
                "AgreementEnded",
                vec![json!({ "agreement": AGREEMENT, "state": "terminated" })],
            ),
        ]
    }

    fn identity() -> Vec<(&'static str, Vec<Value>)> {
        vec![
            (
                "PersonEnrol",
                vec![json!({ "applicant": applicant(), "face": "li-lei" })],
            ),
            (
                "MatchAsk",
                vec![json!({
                    "request_id": ID, "request_context": HEX32, "applicant": applicant(), "relying_party": "issuer",
                    "front": "Zm9v", "back": "YmFy", "frames": ["Zm9v"],
                })],
            ),
            (
                "Matched",
                vec![json!({ "reference": ID, "status": "scored" })],
            ),
            (
                "ScoreAsk",
                vec![
                    json!({ "reference": ID, "request_context": HEX32, "applicant_digest": HEX32 }),
                ],
            ),
            (
                "Scored",
                vec![json!({
                    "reference": ID, "request_context": HEX32, "applicant_digest": HEX32, "live_record": 1000, "photo_record": 750,
                    "text_record": 0, "decided_at": TIME,
                })],
            ),
        ]
    }
}
