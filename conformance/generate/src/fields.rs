//! Wrong variants of every field of every message, from the field tables of `spec/openapi`. Start at `add`.
//!
//! A message is said where it is right, with one field absent, of another kind, or one step outside its bounds, and with no
//! object for a body; each time it is refused as malformed. Then it is said as it should be, and is taken: nothing had
//! changed. Fields that name something (another request's, an older one) are wrong by the letters of the model: [`Bound`]
//! lists which.

use std::collections::BTreeMap;

use kaika_conformance::format::{Criterion, Kind, Origin, Tier};
use kaika_model::Machine;
use serde_json::{Map, Value, json};

use crate::edges::{Bad, Schemas};
use crate::script::{Act, Expected, Input, Script, fresh, known};
use crate::suite::{Made, Shelf, Writing, names};

/// A message, and where it is right.
#[derive(Clone, Debug)]
pub struct Message<I> {
    /// What its tests are called.
    pub name: &'static str,
    /// Its schema in the role's document.
    pub schema: &'static str,
    /// Where the way to a field must begin to be tried; empty for all.
    pub below: &'static str,
    /// Inputs that lead to where it is right.
    pub way: Vec<I>,
    /// The part that says it.
    pub part: String,
    /// What shows that nothing changed.
    pub shown: Shown<I>,
    /// What not every subject has.
    pub feature: Option<&'static str>,
}

/// What shows that a refused message changed nothing.
#[derive(Clone, Copy, Debug)]
pub enum Shown<I> {
    /// The message as it should be is taken.
    Itself,
    /// An input, answered as where the message was right.
    By(I),
    /// A part.
    Part(&'static str),
}

/// A field that names something: the letters that give it another's or an older value.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Schema and way to the field, `IssueAsk/evidence/otp_id`.
    pub field: &'static str,
    /// Letters of the model, by name.
    pub letters: &'static [&'static str],
}

/// One line of a field table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Schema and way to the field.
    pub field: String,
    /// How many values of another kind or outside the bounds are sent; the field's absence is one more.
    pub wrong: usize,
    /// Letters that give it another's or an older value.
    pub letters: Vec<String>,
}

/// A field of a message: the way to it, and its schema.
struct Field<'a> {
    place: Vec<String>,
    schema: &'a Value,
}

/// Kinds of JSON that stand for all that a field is not: so many of them are sent.
const KINDS: usize = 3;
/// The place of the first item of a list.
const FIRST: &str = "0";
/// Bodies that are no object.
const NO_OBJECTS: [&str; 5] = ["", "null", "[]", "\"?\"", "{"];

/// The OpenAPI document of a role.
fn document(role: &str) -> Result<Value, String> {
    let text = match role {
        "issuer" => include_str!("../../../spec/openapi/issuer.yaml"),
        "identity" => include_str!("../../../spec/openapi/identity.yaml"),
        _ => include_str!("../../../spec/openapi/verifier.yaml"),
    };
    serde_norway::from_str(text).map_err(|error| format!("{role}.yaml: {error}"))
}

/// Adds a test for each field of each message of a role.
///
/// # Errors
/// When a document is none, or a part says no message.
pub(crate) fn add<S: Script>(shelf: &mut Shelf) -> Result<(), String> {
    let document = document(S::ROLE)?;
    for message in S::messages() {
        for made in tests::<S>(&document, &message)? {
            shelf.put(made);
        }
    }
    Ok(())
}

/// The field table of a role.
///
/// # Errors
/// As [`add`].
pub(crate) fn table<S: Script>() -> Result<Vec<Line>, String> {
    let document = document(S::ROLE)?;
    let mut lines = Vec::new();
    for message in S::messages() {
        let (_, sent) = said::<S>(&message.part)?;
        for field in fields(&document, &message, &sent["body"]) {
            let name = format!("{}/{}", message.name, field.place.join("/"));
            let bound = S::bound().iter().find(|bound| bound.field == name);
            let letters = bound.map_or(&[][..], |bound| bound.letters);
            lines.push(Line {
                wrong: values(&document, field.schema).len(),
                letters: letters.iter().map(|letter| (*letter).to_owned()).collect(),
                field: name,
            });
        }
    }
    Ok(lines)
}

/// Requests with a body that no message stands for, as `POST /v1/…`.
///
/// # Errors
/// As [`add`].
pub(crate) fn untried<S: Script>() -> Result<Vec<String>, String> {
    let document = document(S::ROLE)?;
    let mut said_to = Vec::new();
    for message in S::messages() {
        let (_, sent) = said::<S>(&message.part)?;
        let path = sent["path"].as_array().cloned().unwrap_or_default();
        said_to.push(path);
    }
    let paths = document["paths"].as_object().into_iter().flatten();
    let routes = paths.filter(|(_, route)| route["post"]["requestBody"].is_object());
    let untried = routes.filter(|(route, _)| !said_to.iter().any(|path| leads(path, route)));
    Ok(untried.map(|(route, _)| format!("POST {route}")).collect())
}

/// Whether a path is one of a route.
fn leads(path: &[Value], route: &str) -> bool {
    let route: Vec<&str> = route.split('/').skip(1).collect();
    let same =
        |(part, wanted): (&Value, &&str)| wanted.starts_with('{') || part.as_str() == Some(*wanted);
    path.len() == route.len() && path.iter().zip(&route).all(same)
}

/// What a part says before its last message, and that message with its body spelt out.
fn said<S: Script>(part: &str) -> Result<(Vec<Value>, Value), String> {
    let mut steps = S::steps(part);
    let last = steps.iter().rposition(|step| step["op"] == "send");
    let last = last.ok_or_else(|| format!("{part} says no message"))?;
    steps.truncate(last + 1);
    let mut sent = steps.pop().unwrap_or_default();
    let lets: BTreeMap<&str, &Value> = steps
        .iter()
        .filter(|step| step["op"] == "let")
        .filter_map(|step| Some((step["as"].as_str()?, &step["value"])))
        .collect();
    let name = sent["body"]["$ref"].as_str().unwrap_or_default();
    if let Some(body) = lets.get(name) {
        sent["body"] = (*body).clone();
    }
    // Each time under a key of its own.
    sent["headers"] = json!({});
    Ok((steps, sent))
}

/// The fields of a message, inner ones too; `body` says which of several shapes it has.
fn fields<'a, I>(document: &'a Value, message: &Message<I>, body: &Value) -> Vec<Field<'a>> {
    let root = &document["components"]["schemas"][message.schema];
    let mut found = Vec::new();
    walk(Schemas(document), root, body, &[], &mut found);
    found.retain(|field| field.place.join("/").starts_with(message.below));
    found
}

/// Of a list of objects the first stands for all.
fn walk<'a>(
    schemas: Schemas<'a>,
    schema: &'a Value,
    body: &Value,
    place: &[String],
    found: &mut Vec<Field<'a>>,
) {
    let schema = shape(schemas, schema, body);
    if let Some(item) = schema.get("items") {
        let place = [place, &[FIRST.to_owned()]].concat();
        return walk(schemas, item, &body[0], &place, found);
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let place = [place, std::slice::from_ref(name)].concat();
        found.push(Field {
            place: place.clone(),
            schema: member,
        });
        walk(schemas, member, &body[name], &place, found);
    }
}

/// The shape that a body has of those that a schema knows: the one with its kind.
fn shape<'a>(schemas: Schemas<'a>, schema: &'a Value, body: &Value) -> &'a Value {
    let schema = schemas.resolve(schema);
    let branches = schema["oneOf"].as_array().into_iter().flatten();
    let mut branches = branches.map(|branch| schemas.resolve(branch));
    let fits = |branch: &&Value| {
        let kind = &branch["properties"]["kind"]["const"];
        !kind.is_null() && *kind == body["kind"]
    };
    branches.find(fits).unwrap_or(schema)
}

/// The values that a field must not have: a few of other kinds, and all that are one step outside.
fn values(document: &Value, schema: &Value) -> Vec<Bad> {
    let schemas = Schemas(document);
    let all = schemas.bad(schema);
    let (kinds, edges): (Vec<Bad>, Vec<Bad>) = all
        .into_iter()
        .partition(|(what, _)| what == "another kind");
    let schema = schemas.resolve(schema);
    let is_object = schema["properties"].is_object();
    let item = schema.get("items").map(|item| schemas.resolve(item));
    let of_objects = item.is_some_and(|item| item["properties"].is_object());
    // The edges of an object are its fields', and stand there; of the objects in a list too.
    let edges = edges.into_iter().filter(|(what, _)| {
        let item = what.strip_prefix("item: ");
        !is_object && !what.contains(':')
            || what == "an unknown member"
            || item.is_some_and(|what| !of_objects || WHOLE.contains(&what))
    });
    kinds.into_iter().take(KINDS).chain(edges).collect()
}

/// What is wrong with an object as a whole.
const WHOLE: [&str; 2] = ["another kind", "an unknown member"];

/// A body with a field in a place, or without it; what stands for an object is spelt out on the way.
fn changed(
    body: &Value,
    place: &[String],
    value: Option<&Value>,
    schemas: Schemas<'_>,
    schema: &Value,
) -> Value {
    let Some((name, rest)) = place.split_first() else {
        return value.cloned().unwrap_or_default();
    };
    let schema = shape(schemas, schema, body);
    if let [first, others @ ..] = body.as_array().map_or(&[][..], Vec::as_slice) {
        let first = changed(first, rest, value, schemas, &schema["items"]);
        return Value::Array([&[first], others].concat());
    }
    let mut object = spelt(body, schema);
    if rest.is_empty() && value.is_none() {
        object.remove(name);
    } else {
        let inner = object.get(name).cloned().unwrap_or_default();
        let inner = changed(&inner, rest, value, schemas, &schema["properties"][name]);
        object.insert(name.clone(), inner);
    }
    Value::Object(object)
}

/// An object field by field; a name for one becomes the names of its fields.
fn spelt(body: &Value, schema: &Value) -> Map<String, Value> {
    let properties = schema["properties"].as_object();
    match body["$ref"].as_str() {
        Some(root) => properties
            .into_iter()
            .flatten()
            .map(|(name, _)| (name.clone(), known(&format!("{root}.{name}"))))
            .collect(),
        None => body.as_object().cloned().unwrap_or_default(),
    }
}

fn tests<S: Script>(document: &Value, message: &Message<Input<S>>) -> Result<Vec<Made>, String> {
    let (before, sent) = said::<S>(&message.part)?;
    let root = &document["components"]["schemas"][message.schema];
    let schemas = Schemas(document);
    let mut made = Vec::new();
    let mut asked: Vec<(String, Vec<Value>)> = fields(document, message, &sent["body"])
        .into_iter()
        .map(|field| {
            let wrong = values(document, field.schema);
            let wrong = wrong.iter().map(|(_, value)| Some(value)).chain([None]);
            let sent = wrong.map(|value| {
                let body = changed(&sent["body"], &field.place, value, schemas, root);
                refused(&sent, body)
            });
            (field.place.join("/"), sent.collect())
        })
        .collect();
    let mut more = spelt(&sent["body"], shape(schemas, root, &sent["body"]));
    more.insert("unknown_member".to_owned(), fresh(4));
    asked.push((
        "an unknown member".to_owned(),
        vec![refused(&sent, Value::Object(more))],
    ));
    let none = NO_OBJECTS.iter().map(|text| no_object(&sent, text));
    asked.push(("no object".to_owned(), none.collect()));
    for (field, sent) in asked {
        made.push(written::<S>(
            message,
            &field,
            [before.clone(), sent].concat(),
        )?);
    }
    Ok(made)
}

fn refused(sent: &Value, body: Value) -> Value {
    let mut sent = sent.clone();
    sent["body"] = body;
    sent["expect"] = json!({"refuse": "malformed"});
    sent
}

/// The message with a text in the place of its body.
fn no_object(sent: &Value, text: &str) -> Value {
    let mut sent = refused(sent, Value::Null);
    if let Some(sent) = sent.as_object_mut() {
        sent.remove("body");
    }
    sent["raw"] = json!(text);
    sent
}

fn written<S: Script>(
    message: &Message<Input<S>>,
    field: &str,
    steps: Vec<Value>,
) -> Result<Made, String> {
    let after = match message.shown {
        Shown::By(input) => Some(input),
        Shown::Itself | Shown::Part(_) => None,
    };
    let all: Vec<Input<S>> = message.way.iter().copied().chain(after).collect();
    let mut writing = Writing::<S>::new(&all);
    let mut state = S::M::init();
    for input in &message.way {
        state = writing.say(&state, input);
    }
    writing.play(Act::Say(steps))?;
    let steps = writing.taken();
    match message.shown {
        Shown::By(input) => drop(writing.say(&state, &input)),
        Shown::Itself => writing.act(message.part.clone(), Expected::default()),
        Shown::Part(part) => writing.act(part.to_owned(), Expected::default()),
    }
    let post = writing.taken();
    let clock = all.iter().filter_map(S::needs);
    let needs = clock.chain(message.feature);
    let test = kaika_conformance::format::Test {
        id: format!("{}/fields/{}/{field}", S::ROLE, message.name),
        tier: Tier::Standard,
        title: format!("{}: {field} as it must not be", message.name),
        sut: vec![S::ROLE.to_owned()],
        needs: needs.map(str::to_owned).collect(),
        result: Kind::Invalid,
        flags: Vec::new(),
        requirements: vec!["WIR-9".to_owned()],
        origin: Origin {
            criterion: Criterion::Field,
            model_path: names::<S>(&message.way),
            kills: Vec::new(),
            source: Some(format!("{field} of {}", message.name)),
        },
        steps,
        post,
    };
    Ok(writing.made(test))
}
