//! What servers say on real sockets fits their documents: good answers, refusals, and what they ask each other.
//!
//! The vectors are the conversation; `kaika conform --transcript` writes it down.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::paper::none;
use crate::{Operation, ROLES, all_operations, document};

/// Parts of the ids of the tests that are played: every route, every kind of refusal, not every state.
const PLAYED: &[&str] = &[
    "system/",
    "verifier/front/",
    "verifier/apply/",
    "verifier/late/",
    "verifier/prove/open password(ok) applicant(ok,first-card)",
    "verifier/issue/open password(ok) applicant(ok,known-customer) otp(ok) issue(ok) ",
    "otp(ok) issue(ok) order pay(ok)",
    "issuer/wire/",
    "issuer/issue/",
    "issuer/provision/",
    "issuer/pay/eligibility(known) issue(otp) ",
    "issuer/pay/reverse(",
    "issuer/manage/eligibility(known) issue(otp) provision(start) provision(answers) provision(receipt) suspend(user)",
    "verifier/edges/a pause",
    "verifier/prove/open password(ok) applicant(ok,known-customer) advance(otp-ttl) otp(ok)",
    "verifier/prove/open password(ok) applicant(ok,known-customer) guesses(same-phone)",
    "otp(ok) issue(ok) order advance(order-ttl) pay(ok)",
];

/// What servers ask each other.
const ASKED: &[&str] = &[
    "issuer -> identity POST /v1/scores",
    "verifier -> identity POST /v1/matches",
    "verifier -> issuer POST /v1/debits",
    "verifier -> issuer POST /v1/eligibility",
    "verifier -> issuer POST /v1/issue",
    "verifier -> issuer POST /v1/issue/{}/compensate",
    "verifier -> issuer POST /v1/tokens/{}/provision",
];

/// What no vector is refused with: a fault of the store, and the number of a debit that is no number.
const NOT_PLAYED: &[&str] = &["try-later", "unknown-debit"];

/// What no vector asks for: the operator's work at the vault. The issuer's own tests and `kaika vault` ask for it.
const NOT_ASKED: &[&str] = &[
    "issuer POST /v1/cards/{}/replace",
    "issuer POST /v1/tokens",
    "issuer POST /v1/vault/reseal",
    "issuer POST /v1/vault/rotate",
];

/// Every code that a peer may see.
fn seen_by_peers() -> BTreeSet<String> {
    kaika_spec::Refusal::ALL
        .iter()
        .map(|refusal| refusal.seen().to_owned())
        .collect()
}

fn transcript() -> Vec<Value> {
    let file = tempfile::NamedTempFile::new().unwrap_or_else(|error| panic!("{error}"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_kaika"));
    command.args(["conform", "--subject", "reference", "--transcript"]);
    command.arg(file.path());
    for part in PLAYED {
        command.args(["--only", part]);
    }
    let output = command.output().unwrap_or_else(|error| panic!("{error}"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let text = std::fs::read_to_string(file.path()).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

/// Validators by role and the place of their schema.
struct Schemas(BTreeMap<String, Validator>);

impl Schemas {
    fn fits(&mut self, role: &str, schema: &Value, value: &Value) -> Result<(), String> {
        let place = format!("{role} {schema}");
        let validator = self.0.entry(place).or_insert_with(|| {
            let components = document(role)["components"].clone();
            let mut whole = schema.clone();
            whole["components"] = components;
            let options = jsonschema::draft202012::options().should_validate_formats(true);
            options
                .build(&whole)
                .unwrap_or_else(|error| panic!("{error}"))
        });
        validator
            .validate(value)
            .map_err(|error| format!("{}: {error}", error.instance_path()))
    }
}

fn is_at(operation: &Operation, line: &Value) -> bool {
    let path: Vec<&str> = line["path"]
        .as_str()
        .unwrap_or_default()
        .split('/')
        .collect();
    let template: Vec<&str> = operation.path.split('/').collect();
    let same = |(part, wanted): (&&str, &&str)| wanted.starts_with('{') || part == wanted;
    line["to"] == operation.role
        && line["method"] == operation.method.as_str()
        && path.len() == template.len()
        && path.iter().zip(&template).all(same)
}

/// The schema that the document gives for an answer.
fn answer_schema(operation: &Operation, document: &Value, line: &Value) -> Value {
    let responses = &operation.item["responses"];
    let status = line["status"].to_string();
    let response = responses.get(&status).unwrap_or(&responses["default"]);
    let reference = response["$ref"]
        .as_str()
        .map(|to| to.trim_start_matches('#'));
    let response = reference.map_or(Some(response), |to| document.pointer(to));
    let kind = line["type"].as_str().unwrap_or_default();
    let schema = response.map(|response| response["content"][kind]["schema"].clone());
    schema.unwrap_or_default()
}

#[test]
fn what_is_said_on_sockets_is_what_the_documents_say() {
    let operations = all_operations();
    let documents: BTreeMap<&str, Value> =
        ROLES.iter().map(|role| (*role, document(role))).collect();
    let mut schemas = Schemas(BTreeMap::new());
    let mut complaints = Vec::new();
    let (mut good, mut codes, mut asked) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for line in transcript() {
        let Some(operation) = operations.iter().find(|operation| is_at(operation, &line)) else {
            // The gateway has no document; elsewhere a route that nobody has is refused in the same form.
            let role = line["to"].as_str().unwrap_or_default();
            if role == "sms" {
                continue;
            }
            let problem = json!({"$ref": "#/components/schemas/Problem"});
            let fits = schemas.fits(role, &problem, &line["body"]);
            complaints.extend(fits.err().map(|what| format!("{role}, no route: {what}")));
            codes.extend(line["body"]["code"].as_str().map(str::to_owned));
            continue;
        };
        let role = operation.role;
        let from = line["from"].as_str().unwrap_or_default();
        let place = format!("{from} -> {role} {}", operation.route());
        if line["by"] == "subject" {
            let schema = &operation.item["requestBody"]["content"]["application/json"]["schema"];
            let fits = schemas.fits(role, schema, &line["sent"]);
            complaints.extend(fits.err().map(|what| format!("{place} asks {what}")));
            asked.insert(place);
            continue;
        }
        let schema = answer_schema(operation, &documents[role], &line);
        if schema.is_null() {
            let (status, kind) = (&line["status"], &line["type"]);
            complaints.push(format!("{place}: no schema for {status} {kind}"));
            continue;
        }
        let fits = schemas.fits(role, &schema, &line["body"]);
        complaints.extend(fits.err().map(|what| format!("{place} answers {what}")));
        match line["body"]["code"].as_str() {
            Some(code) => drop(codes.insert(code.to_owned())),
            None => drop(good.insert(format!("{role} {}", operation.route()))),
        }
    }
    none(&complaints);
    let every: BTreeSet<String> = operations
        .iter()
        .filter(|operation| operation.role != "identity" || operation.path == "/v1/persons")
        .map(|operation| format!("{} {}", operation.role, operation.route()))
        .collect();
    let silent: Vec<_> = every.difference(&good).collect();
    assert_eq!(silent, NOT_ASKED, "no good answer of these");
    assert_eq!(
        asked,
        ASKED.iter().map(|line| (*line).to_owned()).collect(),
        "who asks whom"
    );
    let never: Vec<_> = seen_by_peers().difference(&codes).cloned().collect();
    assert_eq!(never, NOT_PLAYED, "never refused so");
}
