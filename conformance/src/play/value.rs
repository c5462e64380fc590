//! Values that a test computes, and patterns that answers match.

use serde_json::{Map, Value, json};

use super::{Outcome, Scene, Wrong, broken, wrong};
use crate::format::operator;

impl Scene<'_> {
    pub(super) fn text(&mut self, value: &Value) -> Result<String, Wrong> {
        let value = self.value(value)?;
        Ok(value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned))
    }

    pub(super) fn texts(&mut self, values: Option<&Value>) -> Result<Vec<String>, Wrong> {
        let values = values
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        values.iter().map(|value| self.text(value)).collect()
    }

    pub(super) fn value(&mut self, value: &Value) -> Result<Value, Wrong> {
        if let Some((name, argument)) = operator(value) {
            return self.operate(name, argument);
        }
        match value {
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(map) => {
                let mut out = Map::new();
                for (key, item) in map {
                    out.insert(key.clone(), self.value(item)?);
                }
                Ok(Value::Object(out))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.clone()),
        }
    }

    fn operate(&mut self, name: &str, argument: &Value) -> Result<Value, Wrong> {
        let text = argument.as_str().unwrap_or_default();
        let number = |key: &str| {
            argument
                .get(key)
                .and_then(Value::as_u64)
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(0)
        };
        match name {
            "$ref" => {
                let (root, rest) = text.split_once('.').unwrap_or((text, ""));
                let root = self
                    .names
                    .get(root)
                    .ok_or_else(|| wrong("a bound name", text))?;
                let found = rest.split('.').filter(|key| !key.is_empty()).try_fold(
                    root,
                    |at, key| match key.parse::<usize>() {
                        Ok(number) if at.is_array() => at.get(number),
                        _ => at.get(key),
                    },
                );
                found
                    .cloned()
                    .ok_or_else(|| wrong(text.to_string(), "absent"))
            }
            "$fixture" => self
                .file
                .fixtures
                .get(text)
                .cloned()
                .ok_or_else(|| broken("a fixture", text)),
            "$fresh" => {
                let bytes = self.dice.bytes(number("len"));
                let kind = argument.get("type").and_then(Value::as_str);
                Ok(json!(match kind {
                    Some("digits") => bytes.iter().map(|b| char::from(b'0' + b % 10)).collect(),
                    Some("letters") => bytes.iter().map(|b| char::from(b'A' + b % 26)).collect(),
                    _ => hex::encode(bytes),
                }))
            }
            "$now" => {
                let later = argument.as_i64().unwrap_or(0);
                Ok(json!(self.runner.now().saturating_add(later)))
            }
            "$repeat" => {
                let of = self.text(argument.get("of").unwrap_or(&Value::Null))?;
                Ok(json!(of.repeat(number("times"))))
            }
            "$calc" => {
                let args = self.value(argument.get("args").unwrap_or(&Value::Null))?;
                let function = argument
                    .get("fn")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                self.bench
                    .call(function, &args)
                    .map_err(|what| wrong(function, what))
            }
            "$mutate" => {
                let text = self.text(argument.get("of").unwrap_or(&Value::Null))?;
                let mut bytes = hex::decode(&text).map_err(|e| wrong("hexadecimal", e))?;
                if let Some(byte) = bytes.get_mut(number("at")) {
                    *byte ^= 1;
                }
                Ok(json!(hex::encode(bytes)))
            }
            _ => Err(broken("a value", name)),
        }
    }

    pub(super) fn matches(&mut self, pattern: &Value, seen: Option<&Value>) -> Outcome {
        let differs = || {
            wrong(
                pattern,
                seen.map_or_else(|| "absent".to_owned(), Value::to_string),
            )
        };
        if let Some((name, argument)) = operator(pattern) {
            let text = || seen.and_then(Value::as_str).ok_or_else(differs);
            return match name {
                "$absent" => seen.is_none().then_some(()).ok_or_else(differs),
                "$optional" => Ok(()),
                "$any" => seen.is_some().then_some(()).ok_or_else(differs),
                "$hex" => {
                    let length = argument
                        .get("len")
                        .and_then(Value::as_u64)
                        .and_then(|n| usize::try_from(n).ok());
                    let bytes = hex::decode(text()?).map_err(|_| differs())?;
                    length
                        .is_none_or(|n| n == bytes.len())
                        .then_some(())
                        .ok_or_else(differs)
                }
                "$oneOf" => {
                    let known = self.value(argument)?;
                    let known = known
                        .as_array()
                        .is_some_and(|all| all.iter().any(|one| Some(one) == seen));
                    known.then_some(()).ok_or_else(differs)
                }
                "$text" => {
                    let seen = text()?.to_owned();
                    let has = self.texts(argument.get("has"))?;
                    let lacks = self.texts(argument.get("lacks"))?;
                    let right = has.iter().all(|part| seen.contains(part))
                        && !lacks.iter().any(|part| seen.contains(part));
                    right.then_some(()).ok_or_else(|| {
                        wrong(format!("a text with {has:?}, without {lacks:?}"), seen)
                    })
                }
                "$bind" => {
                    if let Some(inner) = argument.get("match") {
                        self.matches(inner, seen)?;
                    }
                    let name = argument
                        .get("as")
                        .and_then(Value::as_str)
                        .unwrap_or_default();
                    self.names
                        .insert(name.to_owned(), seen.cloned().ok_or_else(differs)?);
                    Ok(())
                }
                _ => {
                    let wanted = self.value(pattern)?;
                    (Some(&wanted) == seen).then_some(()).ok_or_else(differs)
                }
            };
        }
        match (pattern, seen) {
            (Value::Object(map), Some(Value::Object(there))) => {
                let wanted = |key: &str| map.contains_key(key);
                self.fields(map.iter(), wanted, there)
            }
            (Value::Array(items), Some(Value::Array(there))) if items.len() == there.len() => items
                .iter()
                .zip(there)
                .try_for_each(|(item, seen)| self.matches(item, Some(seen))),
            _ => (Some(pattern) == seen).then_some(()).ok_or_else(differs),
        }
    }

    /// Every field as its pattern says, and no other field.
    pub(super) fn fields<'p>(
        &mut self,
        mut patterns: impl Iterator<Item = (&'p String, &'p Value)>,
        wanted: impl Fn(&str) -> bool,
        there: &Map<String, Value>,
    ) -> Outcome {
        if let Some((name, value)) = there.iter().find(|(name, _)| !wanted(name)) {
            return Err(wrong(
                format!("no field {name}"),
                format!("{name}: {value}"),
            ));
        }
        patterns.try_for_each(|(name, pattern)| {
            self.matches(pattern, there.get(name))
                .map_err(|wrong| wrong.within(name))
        })
    }
}
