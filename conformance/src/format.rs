//! The vector file: its types, its strict reader and the lint behind `spec/schema/vectors.schema.json`.
//!
//! Start at [`File::read`]. Bodies are JSON in which an object whose only key begins with `$` is an operator
//! ([`OPERATORS`]); everything else is fixed, and what is not known is refused.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

mod client;

pub use client::{Card, Crash, Hear, Host, Reply, Shown, Told, Trigger};

use crate::crypto::sha256;

/// The format that this reader reads.
pub const FORMAT: u32 = 1;

/// A suite of vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct File {
    /// [`FORMAT`].
    pub format: u32,
    /// Its name, e.g. `made/issuer`.
    pub suite: String,
    /// Against which specification.
    pub spec: SpecDigest,
    /// Who wrote it.
    pub generator: Generator,
    /// What the flags of tests mean.
    pub notes: BTreeMap<String, String>,
    /// Constants.
    pub fixtures: BTreeMap<String, Value>,
    /// Named runs of steps that tests are made of.
    pub parts: BTreeMap<String, Vec<Step>>,
    /// How many tests there are: a cut file is noticed.
    pub number_of_tests: usize,
    /// The tests.
    pub tests: Vec<Test>,
}

/// Which specification a suite was made for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SpecDigest {
    /// `sha256:` and the digest of [`catalogue_digest`].
    pub catalogue_digest: String,
}

/// Who wrote a suite and by which criteria.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// Program, or `hand`.
    pub name: String,
    /// What was covered, in words.
    pub criteria: Vec<String>,
}

/// What a subject does right in a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It accepts.
    Valid,
    /// It refuses, and goes on as if nothing had been said.
    Invalid,
}

/// One test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Test {
    /// Never reused.
    pub id: String,
    /// In words.
    pub title: String,
    /// Roles under test; the runner plays the others.
    pub sut: Vec<String>,
    /// What the subject must offer: `hook:clock`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Whether the last step is refused.
    pub result: Kind,
    /// Keys of the notes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// Requirement ids.
    pub requirements: Vec<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// What is played.
    pub steps: Vec<Step>,
    /// What shows that a refusal changed nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post: Vec<Step>,
}

/// Where a test comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Origin {
    /// Which rule asked for it.
    pub criterion: Criterion,
    /// The inputs of the model, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub model_path: Vec<String>,
    /// The weaknesses that it tells from the specification.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kills: Vec<String>,
}

/// Why a test exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Criterion {
    /// A transition of the model.
    Transition,
    /// The shortest way to tell a weakness.
    Mutant,
    /// A whole flow.
    Flow,
    /// Written by hand.
    Hand,
}

/// What a test does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Step {
    /// An HTTP message to a server.
    Send(Send),
    /// A command to the chip.
    Apdu(Apdu),
    /// Power of the chip.
    Power(Power),
    /// A message to the issuer's POS port.
    Iso(Iso),
    /// A name for a value.
    Let(Let),
    /// Time passes; needs `hook:clock`.
    Advance(Advance),
    /// A named part.
    Do(Do),
    /// The code that was sent to a phone.
    Capture(Capture),
    /// What the runner answers as a peer of the subject.
    Arrange(Arrange),
    /// How often the subject asked a peer.
    Asked(Asked),
    /// A message, and what happens before the peer that it waits for has answered.
    Meanwhile(Meanwhile),
    /// A chip from the factory; needs `hook:chip`.
    Insert(Insert),
    /// INITIALIZE UPDATE: the beginning of a secure channel.
    Challenge(Challenge),
    /// EXTERNAL AUTHENTICATE: the rest of it.
    Authenticate(Authenticate),
    /// A command in a secure channel.
    Secure(Secure),
    /// Commands of the issuer, given to the chip one by one.
    Relay(Relay),
    /// A card is held at the subject.
    Card(Card),
    /// The port of an issuer for shops opens.
    Host(Host),
    /// The subject begins something; needs `hook:trigger`.
    Trigger(Trigger),
    /// What the subject says to that issuer.
    Hear(Hear),
    /// What that issuer says.
    Reply(Reply),
    /// What the subject shows in the end.
    Shown(Shown),
    /// What the card was told.
    Told(Told),
    /// The subject dies; needs `hook:crash`.
    Crash(Crash),
}

/// What the runner answers as a peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrange {
    /// As whom.
    pub at: String,
    /// The path asked for.
    pub path: Vec<Value>,
    /// A text that path or body contains: what makes the question this test's.
    pub having: Value,
    /// The answer's body, with status 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// A refusal in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuse: Option<String>,
}

/// How often the subject asked a peer since the test began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Whom.
    pub at: String,
    /// The beginning of the path.
    pub path: String,
    /// As in [`Arrange`].
    pub having: Value,
    /// How often.
    pub times: usize,
    /// A pattern that the body of each of these questions matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<Value>,
}

/// A message whose answer waits for a peer that the runner plays, and is late.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meanwhile {
    /// The message.
    pub send: Send,
    /// The peer that is asked because of it.
    pub at: String,
    /// The path of that question.
    pub path: Vec<Value>,
    /// As in [`Arrange`].
    pub having: Value,
    /// What is done between the question and its answer.
    pub steps: Vec<Step>,
}

/// A chip from the factory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Insert {
    /// Name of its number.
    #[serde(rename = "as")]
    pub name: String,
}

/// INITIALIZE UPDATE.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Challenge {
    /// Name of the channel.
    pub channel: String,
    /// Number of the chip whose keys are meant.
    pub se_id: Value,
    /// Key version, hexadecimal.
    pub version: String,
    /// Status word.
    pub sw: String,
}

/// EXTERNAL AUTHENTICATE.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authenticate {
    /// The channel.
    pub channel: String,
    /// Security level, hexadecimal.
    pub level: String,
    /// `cryptogram` or `mac`: one bit of it is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Name for the bytes that were sent.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Status word.
    pub sw: String,
}

/// A command in a secure channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secure {
    /// The channel.
    pub channel: String,
    /// CLA INS P1 P2.
    pub header: String,
    /// Data in the clear, hexadecimal.
    pub data: Value,
    /// `mac`: one bit of it is wrong; `padding`: the MAC is right and the padding is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// The command comes in a chain of pieces with so many bytes of data; all but the last are answered 9000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pieces: Option<usize>,
    /// Name for the bytes that were sent.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Status word.
    pub sw: String,
    /// Pattern of the answer's data in the clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out: Option<Value>,
}

/// Commands for the chip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// A list of commands, hexadecimal.
    pub commands: Value,
    /// Name for the list of answers.
    #[serde(rename = "as")]
    pub name: String,
}

/// An HTTP message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// As whom.
    pub from: String,
    /// To whom.
    pub to: String,
    /// Method.
    pub method: String,
    /// Segments of the path.
    pub path: Vec<Value>,
    /// Headers that differ from the right ones; null leaves one out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Value>,
    /// The body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The body's text, when it is no JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Value>,
    /// The terminal's session key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Value>,
    /// What must come back.
    pub expect: Expect,
}

/// What must come back over HTTP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum Expect {
    /// An answer of class 2xx, `application/json`, with these fields and no other.
    Accept(BTreeMap<String, Value>),
    /// A refusal, by its name in 95-refusals: `application/problem+json`.
    Refuse(String),
}

/// A command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apdu {
    /// Hexadecimal.
    pub command: Value,
    /// The channel that the answer is read with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Status word.
    pub sw: String,
    /// Pattern of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// Power of the chip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Power {
    /// `reset`, `off` or `on`; `atr` asks what the chip says after reset; `leave` is another reader's coming.
    pub kind: String,
}

/// A message at the POS port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Iso {
    /// Four digits.
    pub mti: String,
    /// Fields by number; 55 in hexadecimal; null leaves one out.
    pub fields: Value,
    /// Patterns of the answer's fields.
    pub expect: BTreeMap<String, Value>,
}

/// A name for a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Let {
    /// Name.
    #[serde(rename = "as")]
    pub name: String,
    /// Value.
    pub value: Value,
}

/// Time passes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advance {
    /// Milliseconds.
    pub ms: i64,
}

/// A named part; the override is for its last message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Do {
    /// Which.
    pub part: String,
    /// Refused instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuse: Option<String>,
    /// Another status word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sw: Option<String>,
    /// Other fields of a good answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<BTreeMap<String, Value>>,
}

/// The code that was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// To which phone.
    pub phone: Value,
    /// Name.
    #[serde(rename = "as")]
    pub name: String,
}

/// The operators that a value or a pattern may hold.
pub const OPERATORS: &[&str] = &[
    "$ref",
    "$fixture",
    "$fresh",
    "$calc",
    "$mutate",
    "$now",
    "$repeat",
    "$bind",
    "$hex",
    "$oneOf",
    "$text",
    "$any",
    "$absent",
    "$optional",
];

/// Why a file is no suite.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {what}")]
pub struct Unreadable {
    /// Which file.
    pub file: String,
    /// What is wrong, and where.
    pub what: String,
}

impl File {
    /// Reads and lints a suite.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(name: &str, text: &str) -> Result<Self, Unreadable> {
        let wrong = |what: String| Unreadable {
            file: name.to_owned(),
            what,
        };
        let value: Value = serde_json::from_str(text).map_err(|e| wrong(e.to_string()))?;
        let format = value.get("format").and_then(Value::as_u64);
        if format != Some(u64::from(FORMAT)) {
            return Err(wrong(format!(
                "format {format:?}; this reader knows {FORMAT}"
            )));
        }
        let file: Self = serde_json::from_str(text).map_err(|e| wrong(e.to_string()))?;
        file.lint().map_err(wrong)?;
        Ok(file)
    }

    /// Canonical text, which is compared byte by byte: the head in full, then one test on each line.
    ///
    /// # Panics
    /// Never: these types are JSON.
    pub fn write(&self) -> String {
        let head = Self {
            tests: Vec::new(),
            ..self.clone()
        };
        let lines: Option<Vec<String>> = self
            .tests
            .iter()
            .map(|test| serde_json::to_string(test).ok())
            .collect();
        let (Ok(head), Some(lines)) = (serde_json::to_string_pretty(&head), lines) else {
            panic!("vector files are JSON")
        };
        let head = head.trim_end_matches("[]\n}");
        format!("{head}[\n    {}\n  ]\n}}\n", lines.join(",\n    "))
    }

    fn lint(&self) -> Result<(), String> {
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
        for step in self
            .expanded(&test.steps)?
            .iter()
            .chain(&self.expanded(&test.post)?)
        {
            self.lint_step(step, &mut bound)?;
        }
        Ok(())
    }

    /// The steps with every part in the place of its name.
    ///
    /// # Errors
    /// When a part is unknown or takes no override.
    pub fn expanded(&self, steps: &[Step]) -> Result<Vec<Step>, String> {
        let mut all = Vec::new();
        for step in steps {
            match step {
                Step::Do(named) => {
                    let part = self
                        .parts
                        .get(&named.part)
                        .ok_or_else(|| format!("no part {}", named.part))?;
                    all.extend(overridden(part, named)?);
                }
                Step::Meanwhile(waits) => all.push(Step::Meanwhile(Meanwhile {
                    steps: self.expanded(&waits.steps)?,
                    ..waits.clone()
                })),
                other => all.push(other.clone()),
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
        let value = serde_json::to_value(step).map_err(|e| e.to_string())?;
        if let Step::Send(Send {
            expect: Expect::Refuse(name),
            ..
        }) = step
            && kaika_spec::Refusal::from_name(name).is_none()
        {
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

fn overridden(part: &[Step], named: &Do) -> Result<Vec<Step>, String> {
    let mut steps = part.to_vec();
    let nothing = named.refuse.is_none() && named.sw.is_none() && named.accept.is_none();
    if nothing {
        return Ok(steps);
    }
    let last = steps.iter().rposition(is_message);
    let last = last.ok_or_else(|| format!("{} has no message", named.part))?;
    steps.truncate(last + 1);
    match (steps.last_mut(), &named.refuse, &named.sw, &named.accept) {
        (Some(Step::Send(send)), Some(refusal), None, None) => {
            send.expect = Expect::Refuse(refusal.clone())
        }
        (Some(Step::Send(send)), None, None, Some(fields)) => {
            send.expect = Expect::Accept(fields.clone())
        }
        (Some(Step::Iso(iso)), None, None, Some(fields)) => iso.expect = fields.clone(),
        (Some(Step::Apdu(apdu)), None, Some(sw), None) => {
            apdu.sw = sw.clone();
            apdu.data = None;
        }
        (Some(Step::Challenge(step)), None, Some(sw), None) => step.sw = sw.clone(),
        (Some(Step::Authenticate(step)), None, Some(sw), None) => step.sw = sw.clone(),
        (Some(Step::Secure(step)), None, Some(sw), None) => {
            step.sw = sw.clone();
            step.out = None;
        }
        _ => return Err(format!("{} does not take this override", named.part)),
    }
    Ok(steps)
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

/// An object with one key that begins with `$`.
pub fn operator(value: &Value) -> Option<(&str, &Value)> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    map.iter()
        .next()
        .filter(|(key, _)| key.starts_with('$'))
        .map(|(key, value)| (key.as_str(), value))
}

/// `ABC-1`.
pub fn is_requirement(id: &str) -> bool {
    id.split_once('-').is_some_and(|(topic, number)| {
        topic.len() == 3
            && topic.bytes().all(|b| b.is_ascii_uppercase())
            && !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
    })
}

/// The digest of the catalogue: every requirement's heading and the sentence with its MUST, file by file.
pub fn catalogue_digest(files: &[(&str, &str)]) -> String {
    let mut lines = Vec::new();
    for (_, text) in files {
        let mut inside = false;
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix("### ") {
                inside = is_requirement(heading.split(' ').next().unwrap_or_default());
            }
            if inside && (line.starts_with("### ") || line.contains("MUST")) {
                lines.push(line.trim());
            }
        }
    }
    format!(
        "sha256:{}",
        hex::encode(sha256(&[lines.join("\n").as_bytes()]))
    )
}
