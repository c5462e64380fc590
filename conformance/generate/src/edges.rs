//! Values at the edges of a schema: `good` ones that it takes, `bad` ones one step outside.
//!
//! A pattern that this file does not know is an error: somebody has to say where its edges are.

use serde_json::{Map, Value, json};

/// A document, to follow references in.
#[derive(Clone, Copy, Debug)]
pub struct Schemas<'a>(pub &'a Value);

/// A value and what was done to it.
pub type Bad = (String, Value);

impl<'a> Schemas<'a> {
    /// What a reference leads to.
    pub fn resolve(&self, schema: &'a Value) -> &'a Value {
        let target = schema["$ref"].as_str().unwrap_or_default();
        let found = self.0.pointer(target.trim_start_matches('#'));
        if target.is_empty() {
            schema
        } else {
            found.unwrap_or_else(|| panic!("no {target}"))
        }
    }

    /// Values that a schema takes: the first is plain, the others are at its edges.
    pub fn good(&self, schema: &'a Value) -> Vec<Value> {
        let schema = self.resolve(schema);
        if let Some(branches) = schema["oneOf"].as_array() {
            return branches
                .iter()
                .flat_map(|branch| self.good(branch))
                .collect();
        }
        if let Some(word) = schema.get("const") {
            return vec![word.clone()];
        }
        if let Some(words) = schema["enum"].as_array() {
            return words.clone();
        }
        match kind(schema) {
            "object" => self.good_objects(schema),
            "array" => self.good_arrays(schema),
            "string" => strings(schema)
                .0
                .into_iter()
                .map(Value::from)
                .chain(null(schema))
                .collect(),
            "integer" => integers(schema).0,
            "boolean" => vec![json!(true), json!(false)],
            "null" => vec![Value::Null],
            other => panic!("no values of type {other}"),
        }
    }

    fn good_objects(&self, schema: &'a Value) -> Vec<Value> {
        let members: Vec<(&String, Vec<Value>)> = properties(schema)
            .map(|(name, schema)| (name, self.good(schema)))
            .collect();
        let plain: Map<String, Value> = members
            .iter()
            .map(|(name, values)| ((*name).clone(), values[0].clone()))
            .collect();
        let varied = members.iter().flat_map(|(name, values)| {
            values
                .iter()
                .skip(1)
                .map(|value| with(&plain, name, value.clone()))
        });
        let varied: Vec<Value> = varied.collect();
        [vec![Value::Object(plain.clone())], varied].concat()
    }

    fn good_arrays(&self, schema: &'a Value) -> Vec<Value> {
        let items = schema
            .get("items")
            .map_or_else(Vec::new, |items| self.good(items));
        let (least, most) = lengths(schema);
        let mut lengths = vec![least.max(1).min(most), least, most.min(items.len().max(9))];
        lengths.dedup();
        let of = |length: usize| Value::Array(items.iter().cycle().take(length).cloned().collect());
        let mut all: Vec<Value> = lengths.into_iter().map(of).collect();
        // Each item once, where it may stand.
        all.extend((0..items.len()).map(|first| {
            Value::Array(
                items
                    .iter()
                    .cycle()
                    .skip(first)
                    .take(least.max(1).min(most))
                    .cloned()
                    .collect(),
            )
        }));
        all
    }

    /// Values that a schema refuses, each one step from a good one.
    pub fn bad(&self, schema: &'a Value) -> Vec<Bad> {
        let schema = self.resolve(schema);
        let good = self.good(schema);
        let mut bad = wrong_kinds(&good);
        if let Some(branches) = schema["oneOf"].as_array() {
            bad.extend(branches.iter().flat_map(|branch| self.bad(branch)));
        } else if schema.get("const").is_some() || schema["enum"].is_array() {
            bad.extend(good.iter().map(|word| {
                told(
                    "another word",
                    json!(format!("{}x", word.as_str().unwrap_or_default())),
                )
            }));
        } else {
            match kind(schema) {
                "object" => bad.extend(self.bad_objects(schema)),
                "array" => bad.extend(self.bad_arrays(schema)),
                "string" => bad.extend(
                    strings(schema)
                        .1
                        .into_iter()
                        .map(|text| told("text", json!(text))),
                ),
                "integer" => bad.extend(
                    integers(schema)
                        .1
                        .into_iter()
                        .map(|number| told("number", number)),
                ),
                _ => {}
            }
        }
        bad.retain(|(_, value)| !good.contains(value));
        bad
    }

    fn bad_objects(&self, schema: &'a Value) -> Vec<Bad> {
        let plain = self.good_objects(schema).swap_remove(0);
        let Value::Object(plain) = plain else {
            panic!("an object")
        };
        let mut bad = vec![(
            "an unknown member".to_owned(),
            with(&plain, "unknown_member", json!(1)),
        )];
        for (name, member) in properties(schema) {
            let mut less = plain.clone();
            less.remove(name);
            bad.push((format!("without {name}"), Value::Object(less)));
            let inner = self.bad(member).into_iter();
            bad.extend(
                inner.map(|(what, value)| (format!("{name}: {what}"), with(&plain, name, value))),
            );
        }
        bad
    }

    fn bad_arrays(&self, schema: &'a Value) -> Vec<Bad> {
        let (least, most) = lengths(schema);
        let items = schema
            .get("items")
            .map_or_else(|| vec![json!("9000")], |items| self.good(items));
        let of = |length: usize| Value::Array(items.iter().cycle().take(length).cloned().collect());
        let mut bad = Vec::new();
        if least > 0 {
            bad.push(told("one fewer", of(least - 1)));
        }
        if most < usize::MAX {
            bad.push(told("one more", of(most + 1)));
        }
        if schema["uniqueItems"] == true {
            bad.push(told(
                "one twice",
                Value::Array(vec![items[0].clone(); least.max(2)]),
            ));
        }
        let inner = schema
            .get("items")
            .map_or_else(Vec::new, |items| self.bad(items));
        bad.extend(inner.into_iter().map(|(what, value)| {
            let mut all: Vec<Value> = items.iter().cycle().take(least.max(1)).cloned().collect();
            all[0] = value;
            (format!("item: {what}"), Value::Array(all))
        }));
        bad
    }
}

fn told(what: &str, value: Value) -> Bad {
    (what.to_owned(), value)
}

fn kind(schema: &Value) -> &str {
    let named = schema["type"].as_str();
    named
        .or_else(|| schema["type"][0].as_str())
        .unwrap_or_default()
}

fn null(schema: &Value) -> Option<Value> {
    schema["type"].is_array().then_some(Value::Null)
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

fn with(plain: &Map<String, Value>, name: &str, value: Value) -> Value {
    let mut members = plain.clone();
    members.insert(name.to_owned(), value);
    Value::Object(members)
}

fn lengths(schema: &Value) -> (usize, usize) {
    let number = |name: &str| {
        schema[name]
            .as_u64()
            .and_then(|length| usize::try_from(length).ok())
    };
    (
        number("minItems").unwrap_or(0),
        number("maxItems").unwrap_or(usize::MAX),
    )
}

/// The plain good value as every other kind of JSON: also wrapped, and its members in a row.
pub(crate) fn wrong_kinds(good: &[Value]) -> Vec<Bad> {
    let first = &good[0];
    let mut all = vec![
        json!(null),
        json!(true),
        json!(7),
        json!(-1),
        json!(1.5),
        json!("?"),
        json!([]),
        json!({}),
        json!([first]),
    ];
    if let Some(word) = first.as_str() {
        all.push(json!({ word: null }));
    }
    if let Some(members) = first.as_object() {
        all.push(members.values().cloned().collect());
    }
    let same = |value: &Value| {
        good.iter().any(|good| {
            let (one, other) = (
                good.is_i64() || good.is_u64(),
                value.is_i64() || value.is_u64(),
            );
            one && other
                || good.is_boolean() && value.is_boolean()
                || good.is_array() && value.is_array()
                || good.is_string() && value.is_string()
                || good == &json!({}) && value == &json!({})
        })
    };
    all.into_iter()
        .filter(|value| !same(value))
        .map(|value| told("another kind", value))
        .collect()
}

fn integers(schema: &Value) -> (Vec<Value>, Vec<Value>) {
    let (Some(least), Some(most)) = (schema["minimum"].as_i64(), schema["maximum"].as_i64()) else {
        panic!("an integer without bounds: {schema}")
    };
    let good = [least + 1, least, most].map(Value::from).to_vec();
    (
        good,
        vec![
            json!(least - 1),
            json!(most + 1),
            json!(u64::MAX),
            json!(1e40),
        ],
    )
}

/// Good and bad texts.
fn strings(schema: &Value) -> (Vec<String>, Vec<String>) {
    let length = |name: &str| {
        schema[name]
            .as_u64()
            .and_then(|length| usize::try_from(length).ok())
    };
    match (
        schema["pattern"].as_str(),
        length("minLength"),
        length("maxLength"),
    ) {
        (None, None, None) => (vec!["x".into(), String::new(), "雷".into()], vec![]),
        (Some(FREE), Some(least), Some(most)) => {
            let good = vec![
                "雷 x".into(),
                "x".repeat(least),
                "雷".repeat(most),
                "\u{a0}\u{ad}".into(),
            ];
            let bad = [
                "x".repeat(least - 1),
                "雷".repeat(most + 1),
                "a\nb".into(),
                "\u{7f}".into(),
                "\u{9f}".into(),
                "\0".into(),
            ];
            (good, bad.to_vec())
        }
        (Some(APDU), None, Some(most)) => (
            vec!["9000".into(), String::new(), "a".repeat(most)],
            vec!["a".into(), "a".repeat(most + 2), "9G".into(), "AB".into()],
        ),
        (Some(pattern), _, None) => by_pattern(pattern),
        _ => panic!("edges of {schema} are not known"),
    }
}

const FREE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
const APDU: &str = "^([0-9a-f]{2})*$";
const PICTURE: &str =
    "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";

fn by_pattern(pattern: &str) -> (Vec<String>, Vec<String>) {
    match pattern {
        "^[0-9a-f]{16}$" => hex(16),
        "^[0-9a-f]{32}$" => hex(32),
        "^[0-9a-f]{64}$" => hex(64),
        "^[0-9]{3}$" => digits(3),
        "^[0-9]{6}$" => digits(6),
        "^[A-Z0-9]{29}$" => texts(
            &["KAI1ABCDEFGHIJKLMNOPQRSTUVWXY", &"0".repeat(29)],
            &[
                "",
                &"A".repeat(28),
                &"A".repeat(30),
                &"a".repeat(29),
                &"-".repeat(29),
            ],
        ),
        "^C[A-Z2-7]{20}$" => surrogate('C'),
        "^A[A-Z2-7]{20}$" => surrogate('A'),
        "^U[A-Z2-7]{20}$" => surrogate('U'),
        "^[0-9A-Za-z]{6}$" => texts(
            &["012345", "A1b2C3"],
            &["01234", "0123456", "01234 ", "01234-", ""],
        ),
        "^[A-Za-z0-9._-]{1,64}$" => texts(
            &["lilei", "-", &"aZ09._-x".repeat(8)],
            &["", &"x".repeat(65), "a b", "ü", "a/b", "a\n"],
        ),
        "^\\+?[0-9]{5,20}$" => texts(
            &[
                "13800005678",
                "12345",
                "+12345",
                "12345678901234567890",
                "+12345678901234567890",
            ],
            &[
                "1234",
                "+1234",
                "123456789012345678901",
                "+123456789012345678901",
                "++12345",
                "12345+",
                "",
            ],
        ),
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" => texts(
            &["2035-12-31", "2024-02-29", "2000-02-29"],
            &[
                "2023-02-29",
                "1900-02-29",
                "2035-13-01",
                "2035-00-01",
                "2035-04-31",
                "2035-04-00",
                "35-04-01",
                "2035-4-01",
                "20350401",
                "",
            ],
        ),
        PICTURE => texts(
            &["Zm9v", "Zg==", "Zm8="],
            &[
                "", "Zm9", "Zm9v=", "Zh==", "Zm9=", "Z===", "Zm9v\n", "Zm9_", "====",
            ],
        ),
        other => panic!("where are the edges of {other}?"),
    }
}

fn texts(good: &[&str], bad: &[&str]) -> (Vec<String>, Vec<String>) {
    let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    (own(good), own(bad))
}

fn hex(length: usize) -> (Vec<String>, Vec<String>) {
    let good = vec![
        "0123456789abcdef".repeat(length / 16),
        "0".repeat(length),
        "f".repeat(length),
    ];
    let bad = [
        "a".repeat(length - 1),
        "a".repeat(length + 1),
        "a".repeat(length - 2),
        "a".repeat(length + 2),
        "A".repeat(length),
        "g".repeat(length),
        String::new(),
    ];
    (good, bad.to_vec())
}

fn digits(length: usize) -> (Vec<String>, Vec<String>) {
    let good = vec!["0".repeat(length), "9".repeat(length)];
    let bad = [
        "1".repeat(length - 1),
        "1".repeat(length + 1),
        "a".repeat(length),
        "١".repeat(length),
        format!("+{}", "1".repeat(length - 1)),
    ];
    (good, bad.to_vec())
}

fn surrogate(first: char) -> (Vec<String>, Vec<String>) {
    let of = |length: usize| {
        format!(
            "{first}{}",
            "A7".repeat(12).chars().take(length).collect::<String>()
        )
    };
    let other = if first == 'C' { 'A' } else { 'C' };
    let bad = [
        of(19),
        of(21),
        of(20).replacen(first, &other.to_string(), 1),
        of(20).replace('7', "8"),
        of(20).to_lowercase(),
    ];
    (vec![of(20)], bad.to_vec())
}
