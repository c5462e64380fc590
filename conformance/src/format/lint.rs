//! What a schema cannot say of a suite: names are bound before they are used, parts and functions exist, ids differ.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

impl File {
    pub(super) fn lint(&self) -> Result<(), String> {
        if self.number_of_tests != self.tests.len() || self.tests.is_empty() {
            return Err(format!(
                "numberOfTests says {}, there are {}",
                self.number_of_tests,
                self.tests.len()
            ));
        }
        let mut ids = BTreeSet::new();
        for test in &self.tests {
            if !ids.insert(&test.id) {
                return Err(format!("{} twice", test.id));
            }
            self.lint_test(test)
                .map_err(|what| format!("{}: {what}", test.id))?;
        }
        self.parts
            .values()
            .flatten()
            .try_for_each(|step| match step {
                Step::Do(_) => Err("a part within a part".to_owned()),
                _ => Ok(()),
            })
    }

    fn lint_test(&self, test: &Test) -> Result<(), String> {
        if test.steps.is_empty() || test.requirements.is_empty() || test.sut.is_empty() {
            return Err("no step, requirement or subject".to_owned());
        }
        if test.result == Kind::Invalid && test.post.is_empty() {
            return Err("invalid without post".to_owned());
        }
        if let Some(flag) = test
            .flags
            .iter()
            .find(|flag| !self.notes.contains_key(*flag))
        {
            return Err(format!("flag {flag} has no note"));
        }
        if let Some(bad) = test.requirements.iter().find(|id| !is_requirement(id)) {
            return Err(format!("{bad} is no requirement id"));
        }
        if let Some(bad) = test
            .sut
            .iter()
            .find(|role| kaika_spec::Role::from_name(role).is_none())
        {
            return Err(format!("{bad} is no role"));
        }
        let mut bound = BTreeSet::new();
        for step in self.expanded(test.all_steps())? {
            self.lint_step(&step, &mut bound)?;
        }
        Ok(())
    }

    /// The steps with every part in the place of its name. What stands in the file as it is played is borrowed from it.
    ///
    /// # Errors
    /// When a part is unknown or takes no override.
    pub fn expanded<'a>(
        &'a self,
        steps: impl Iterator<Item = &'a Step>,
    ) -> Result<Vec<Cow<'a, Step>>, String> {
        let mut all = Vec::new();
        for step in steps {
            match step {
                Step::Do(named) => {
                    let part = self
                        .parts
                        .get(&named.part)
                        .ok_or_else(|| format!("no part {}", named.part))?;
                    overridden(part, named, &mut all)?;
                }
                Step::Meanwhile(waits) => {
                    let inner = self.expanded(waits.steps.iter())?;
                    all.push(Cow::Owned(Step::Meanwhile(Meanwhile {
                        steps: inner.into_iter().map(Cow::into_owned).collect(),
                        ..waits.clone()
                    })));
                }
                other => all.push(Cow::Borrowed(other)),
            }
        }
        Ok(all)
    }

    fn lint_step(&self, step: &Step, bound: &mut BTreeSet<String>) -> Result<(), String> {
        if let Step::Meanwhile(waits) = step {
            let asked = waits.path.iter().chain([&waits.having]);
            asked
                .cloned()
                .try_for_each(|value| self.lint_value(&value, bound))?;
            let inner = waits.steps.iter();
            inner
                .chain([&Step::Send(waits.send.clone())])
                .try_for_each(|step| self.lint_step(step, bound))?;
            return Ok(());
        }
        if let Step::Parallel(all) = step
            && (all.branches.len() < 2
                || all.outcomes.is_empty()
                || all
                    .outcomes
                    .iter()
                    .any(|one| one.len() != all.branches.len()))
        {
            return Err("parallel: two branches, and an answer of each in each outcome".to_owned());
        }
        let value = serde_json::to_value(step).map_err(|e| e.to_string())?;
        let unknown = |name: &&str| kaika_spec::Refusal::from_name(name).is_none();
        if let Some(name) = refusals(step).into_iter().find(unknown) {
            return Err(format!("{name} is no refusal"));
        }
        self.lint_value(&value, bound)?;
        match step {
            Step::Let(named) => drop(bound.insert(named.name.clone())),
            Step::Capture(named) => drop(bound.insert(named.name.clone())),
            Step::Insert(named) => drop(bound.insert(named.name.clone())),
            Step::Relay(named) => drop(bound.insert(named.name.clone())),
            Step::Card(named) => drop(bound.insert(named.name.clone())),
            Step::Host(named) => drop(bound.insert(named.name.clone())),
            Step::Verifier(named) => drop(bound.insert(named.name.clone())),
            Step::Chip(named) => drop(bound.insert(named.name.clone())),
            Step::Asks(Asks {
                name: Some(name), ..
            }) => drop(bound.insert(name.clone())),
            Step::Hear(Hear {
                name: Some(name), ..
            }) => drop(bound.insert(name.clone())),
            Step::Authenticate(Authenticate {
                name: Some(name), ..
            })
            | Step::Secure(Secure {
                name: Some(name), ..
            }) => drop(bound.insert(name.clone())),
            _ => {}
        }
        Ok(())
    }

    fn lint_value(&self, value: &Value, bound: &mut BTreeSet<String>) -> Result<(), String> {
        match value {
            Value::Array(items) => items
                .iter()
                .try_for_each(|item| self.lint_value(item, bound)),
            Value::Object(map) => {
                if let Some((name, argument)) = operator(value) {
                    return self.lint_operator(name, argument, bound);
                }
                if let Some(key) = map.keys().find(|key| key.starts_with('$')) {
                    return Err(format!("{key} is not an operator here"));
                }
                map.values()
                    .try_for_each(|item| self.lint_value(item, bound))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    fn lint_operator(
        &self,
        name: &str,
        argument: &Value,
        bound: &mut BTreeSet<String>,
    ) -> Result<(), String> {
        let text = argument.as_str();
        match name {
            "$ref" => {
                let root = text
                    .and_then(|text| text.split('.').next())
                    .unwrap_or_default();
                bound
                    .contains(root)
                    .then_some(())
                    .ok_or_else(|| format!("{argument} is not bound"))
            }
            "$fixture" => {
                let known = text.is_some_and(|text| self.fixtures.contains_key(text));
                known
                    .then_some(())
                    .ok_or_else(|| format!("no fixture {argument}"))
            }
            "$bind" => {
                if let Some(pattern) = argument.get("match") {
                    self.lint_value(pattern, bound)?;
                }
                let name = argument
                    .get("as")
                    .and_then(Value::as_str)
                    .ok_or("a $bind without name")?;
                bound.insert(name.to_owned());
                Ok(())
            }
            "$calc" => {
                let function = argument
                    .get("fn")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                if !crate::calc::FUNCTIONS.contains(&function) {
                    return Err(format!("no function {function}"));
                }
                self.lint_value(argument.get("args").unwrap_or(&Value::Null), bound)
            }
            "$text" => {
                let known = ["has", "lacks"];
                let map = argument.as_object().ok_or("$text takes has and lacks")?;
                match map.keys().find(|key| !known.contains(&key.as_str())) {
                    Some(key) => Err(format!("$text knows no {key}")),
                    None => map
                        .values()
                        .try_for_each(|texts| self.lint_value(texts, bound)),
                }
            }
            "$mutate" | "$repeat" => {
                self.lint_value(argument.get("of").unwrap_or(&Value::Null), bound)
            }
            _ if OPERATORS.contains(&name) => Ok(()),
            _ => Err(format!("unknown operator {name}")),
        }
    }
}

/// The steps of a part; with an override they end at its last message, which is expected to be answered so.
fn overridden<'a>(
    part: &'a [Step],
    named: &Do,
    all: &mut Vec<Cow<'a, Step>>,
) -> Result<(), String> {
    let nothing = named.refuse.is_none() && named.sw.is_none() && named.accept.is_none();
    if nothing {
        all.extend(part.iter().map(Cow::Borrowed));
        return Ok(());
    }
    let last = part.iter().rposition(is_message);
    let before = last.and_then(|last| part.get(..last).zip(part.get(last)));
    let (before, last) = before.ok_or_else(|| format!("{} has no message", named.part))?;
    all.extend(before.iter().map(Cow::Borrowed));
    let mut last = last.clone();
    match (&mut last, &named.refuse, &named.sw, &named.accept) {
        (Step::Send(send), Some(refusal), None, None) => {
            send.expect = Expect::Refuse(refusal.clone())
        }
        (Step::Send(send), None, None, Some(fields)) => {
            send.expect = Expect::Accept(fields.clone())
        }
        (Step::Iso(iso), None, None, Some(fields)) => iso.expect = fields.clone(),
        (Step::Apdu(apdu), None, Some(sw), None) => {
            apdu.sw = sw.clone();
            apdu.data = None;
        }
        (Step::Challenge(step), None, Some(sw), None) => step.sw = sw.clone(),
        (Step::Authenticate(step), None, Some(sw), None) => step.sw = sw.clone(),
        (Step::Secure(step), None, Some(sw), None) => {
            step.sw = sw.clone();
            step.out = None;
        }
        _ => return Err(format!("{} does not take this override", named.part)),
    }
    all.push(Cow::Owned(last));
    Ok(())
}

/// A step that is answered: what an override is for.
const fn is_message(step: &Step) -> bool {
    matches!(
        step,
        Step::Send(_)
            | Step::Apdu(_)
            | Step::Iso(_)
            | Step::Challenge(_)
            | Step::Authenticate(_)
            | Step::Secure(_)
    )
}

/// The refusals that a step names, those of steps inside it left out.
fn refusals(step: &Step) -> Vec<&str> {
    let expected: Vec<&Expect> = match step {
        Step::Send(send) => vec![&send.expect],
        Step::Again(again) => vec![&again.send.expect],
        Step::Meanwhile(waits) => vec![&waits.send.expect],
        Step::Parallel(all) => {
            let said = all.branches.iter().map(|branch| &branch.expect);
            said.chain(all.outcomes.iter().flatten()).collect()
        }
        Step::Arrange(arranged) => return arranged.refuse.as_deref().into_iter().collect(),
        Step::Answer(answer) => return answer.refuse.as_deref().into_iter().collect(),
        _ => Vec::new(),
    };
    let named = expected.into_iter().filter_map(|expect| match expect {
        Expect::Refuse(name) => Some(name.as_str()),
        Expect::Accept(_) => None,
    });
    named.collect()
}
