//! The OpenAPI documents are well made, and the servers' routes, callers and messages are those they describe.
//!
//! [`bodies`] holds each schema to the type that is read and written, [`served`] to what servers of the real binary say.

#[path = "../paper/mod.rs"]
mod paper;

mod bodies;
mod wire;

use std::collections::BTreeSet;

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

/// A validator for one schema of a document.
fn validator(role: &str, schema: &str) -> Validator {
    let components = document(role)["components"].clone();
    let whole =
        json!({ "$ref": format!("#/components/schemas/{schema}"), "components": components });
    // Formats are asserted: a pattern cannot say which days a month has.
    let options = jsonschema::draft202012::options().should_validate_formats(true);
    match options.build(&whole) {
        Ok(validator) => validator,
        Err(error) => panic!("{role} {schema}: {error}"),
    }
}
