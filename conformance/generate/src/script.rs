//! What every role's templates have in common. Start at [`Script`]; `suite` makes tests of them.

use std::collections::BTreeMap;

use kaika_conformance::format::{
    Criterion, FORMAT, File, Generator, Kind, SpecDigest, Step, Test, Tier,
};
use kaika_model::{Machine, Outcome};
use serde_json::{Value, json};

use crate::faults::{Fault, Flow, Race, UpsetOf};
use crate::fields::{Bound, Message};
use crate::walk::ANY;

/// How an outcome differs from what a part expects by itself.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Refused.
    pub refuse: Option<String>,
    /// Status word.
    pub sw: Option<String>,
    /// Fields of a good answer.
    pub accept: Option<BTreeMap<String, Value>>,
}

/// What the subject is to have asked a peer when the test is over.
#[derive(Clone, Debug)]
pub struct Question {
    /// The peer.
    pub at: &'static str,
    /// The beginning of the path.
    pub path: &'static str,
    /// Name of a text that path or body contains.
    pub having: &'static str,
    /// How often.
    pub times: usize,
    /// A pattern of the body.
    pub with: Option<Value>,
}

/// What the subject is to have asked its peers.
pub type Questions = Vec<Question>;

/// A test that no path of the model is: parts in order, each with what is expected of it.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The rest of its id.
    pub id: String,
    /// Requirement.
    pub requirement: &'static str,
    /// The hook that it needs.
    pub needs: Option<&'static str>,
    /// Its tier.
    pub tier: Tier,
    /// Why there is a test of it.
    pub criterion: Criterion,
    /// Which fault, finding or attack asked for it.
    pub source: Option<String>,
    /// Whether it ends in a refusal.
    pub result: Kind,
    /// What is played.
    pub acts: Vec<Act>,
    /// What shows that nothing changed.
    pub post: Vec<Act>,
}

/// A piece of a scene.
#[derive(Clone, Debug)]
pub enum Act {
    /// A part, and what is expected of it.
    Part(String, Expected),
    /// Steps of the scene's own.
    Say(Vec<Value>),
}

impl Act {
    /// A part that says by itself what is expected.
    pub fn part(name: &str) -> Self {
        Self::Part(name.to_owned(), Expected::default())
    }
}

/// The messages of one role: templates for the letters of its alphabet.
pub trait Script {
    /// Its machine.
    type M: Machine;
    /// Its name.
    const ROLE: &'static str;

    /// The parts that a test with these inputs begins with.
    fn setup(inputs: &[<Self::M as Machine>::Input]) -> Vec<String>;

    /// The part that says an input in a state; an empty name says nothing.
    fn part(state: &<Self::M as Machine>::State, input: &<Self::M as Machine>::Input) -> String;

    /// The steps of a part.
    fn steps(part: &str) -> Vec<Value>;

    /// What is expected beyond the part's own expectation.
    fn expected(
        state: &<Self::M as Machine>::State,
        input: &<Self::M as Machine>::Input,
        outcome: &Outcome<<Self::M as Machine>::State, <Self::M as Machine>::Output>,
    ) -> Expected;

    /// The hook that an input needs.
    fn needs(input: &<Self::M as Machine>::Input) -> Option<&'static str>;

    /// What the subject must have asked its peers, given every output so far.
    fn questions(_: &[<Self::M as Machine>::Output]) -> Questions {
        Vec::new()
    }

    /// How long the experiments are that tell states apart in the standard tier. What takes longer to tell, a counter far
    /// from its limit, is one state there, and the identification tier's business.
    fn depth(_chapter: &str) -> usize {
        ANY
    }

    /// The messages whose fields are tried.
    fn messages() -> Vec<Message<<Self::M as Machine>::Input>> {
        Vec::new()
    }

    /// Which letters give a field another's or an older value.
    fn bound() -> &'static [Bound] {
        &[]
    }

    /// Paths on which faults are put.
    fn flows() -> Vec<Flow<<Self::M as Machine>::Input>> {
        Vec::new()
    }

    /// What goes wrong on them as it does with any server.
    fn faults() -> &'static [Fault] {
        &[]
    }

    /// What goes wrong on one of them in this role's own way, at a step.
    fn upsets(_flow: &Flow<<Self::M as Machine>::Input>, _at: usize) -> Vec<UpsetOf<Self::M>> {
        Vec::new()
    }

    /// Letters that are said at the same time.
    fn races() -> Vec<Race<<Self::M as Machine>::Input>> {
        Vec::new()
    }

    /// Whether an input may tell states apart; not when what it needs is arranged before the test begins.
    fn tells(_input: &<Self::M as Machine>::Input) -> bool {
        true
    }

    /// Whether an input leaves more behind than the machine's state says, so that not every letter is answered as it says.
    fn leaves(_way: &[<Self::M as Machine>::Input], _input: &<Self::M as Machine>::Input) -> bool {
        false
    }

    /// Ways that are worth walking although a shorter one leads to a state that looks the same.
    fn detours() -> Vec<(&'static str, Vec<<Self::M as Machine>::Input>)> {
        Vec::new()
    }

    /// Tests about what the alphabet cannot say.
    fn scenes() -> Vec<Scene> {
        Vec::new()
    }

    /// Inputs that change nothing and show the state: said at the end of every test in whose chapter they are.
    fn shown() -> &'static [<Self::M as Machine>::Input] {
        &[]
    }

    /// Requirement ids where the model names none.
    const REQUIREMENTS: &'static [&'static str];
}

/// A role's state.
pub type State<S> = <<S as Script>::M as Machine>::State;
/// A role's letter.
pub type Input<S> = <<S as Script>::M as Machine>::Input;
/// What a role says.
pub type Output<S> = <<S as Script>::M as Machine>::Output;

/// Steps from their templates.
///
/// # Errors
/// What is no step.
pub fn read_steps(templates: &[Value]) -> Result<Vec<Step>, String> {
    templates
        .iter()
        .map(|step| {
            serde_json::from_value(step.clone()).map_err(|error| format!("{error} in {step}"))
        })
        .collect()
}

/// A suite file around tests.
pub fn file(
    name: &str,
    digest: &str,
    parts: BTreeMap<String, Vec<Step>>,
    tests: Vec<Test>,
) -> File {
    File {
        format: FORMAT,
        suite: name.to_owned(),
        spec: SpecDigest {
            catalogue_digest: digest.to_owned(),
        },
        generator: Generator {
            name: "kaika vectors".to_owned(),
            criteria: vec![
                "every state that experiments with the inputs of a chapter tell apart, by its shortest way, with every input there".to_owned(),
            ],
        },
        notes: BTreeMap::new(),
        fixtures: BTreeMap::new(),
        parts,
        number_of_tests: tests.len(),
        tests,
    }
}

/// A POST: who to whom, where, with what, and what must come back.
pub fn post(from: &str, to: &str, path: Value, body: Value, accept: Value) -> Value {
    json!({"op": "send", "from": from, "to": to, "method": "POST", "path": path, "body": body, "expect": {"accept": accept}})
}

/// A GET.
pub fn get(from: &str, to: &str, path: Value, accept: Value) -> Value {
    json!({"op": "send", "from": from, "to": to, "method": "GET", "path": path, "expect": {"accept": accept}})
}

/// Time passes.
pub fn advance(ms: i64) -> Value {
    json!({"op": "advance", "ms": ms})
}

/// A name for a value.
pub fn named(name: &str, value: Value) -> Value {
    json!({"op": "let", "as": name, "value": value})
}

/// Fresh bytes.
pub fn fresh(len: usize) -> Value {
    json!({"$fresh": {"type": "bytes", "len": len}})
}

/// Fresh digits.
pub fn digits(len: usize) -> Value {
    json!({"$fresh": {"type": "digits", "len": len}})
}

/// What a name stands for.
pub fn known(name: &str) -> Value {
    json!({"$ref": name})
}

/// A pattern that gives what is seen a name.
pub fn bind(name: &str) -> Value {
    json!({"$bind": {"as": name}})
}

/// Texts one after the other.
pub fn concat(parts: Value) -> Value {
    json!({"$calc": {"fn": "concat", "args": {"parts": parts}}})
}

/// What the chip `se_id` signs over a digest.
pub fn evidence(kind: &str, digest: Value) -> Value {
    json!({"$calc": {"fn": "evidence", "args": {"kind": kind, "se_id": known("se_id"), "digest": digest}}})
}

/// A person nobody has heard of.
pub fn stranger() -> Value {
    json!({"name": "Wang Xiaoming", "id_type": "resident-id", "id_no": digits(18), "id_valid_to": "2040-01-01"})
}

/// Fields of a good answer.
pub fn fields(value: &Value) -> Option<BTreeMap<String, Value>> {
    let map = value.as_object()?;
    Some(
        map.iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    )
}
