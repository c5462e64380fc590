//! The JSON Schemas and the strict reader agree: on every suite, every example subject, and on damage of each kind.

use kaika_conformance::format::File;
use kaika_conformance::manifest::Manifest;
use serde_json::{Value, json};

const SUITES: &[&str] = &[
    include_str!("../vectors/issuer.json"),
    include_str!("../vectors/verifier.json"),
    include_str!("../vectors/identity.json"),
    include_str!("../vectors/chip.json"),
    include_str!("../vectors/pos.json"),
    include_str!("../vectors/terminal.json"),
    include_str!("../vectors/system.json"),
    include_str!("../vectors/hand/chip.json"),
];

const SUBJECTS: &[&str] = &[
    include_str!("../subjects/issuer.json"),
    include_str!("../subjects/verifier.json"),
    include_str!("../subjects/identity.json"),
    include_str!("../subjects/chip.json"),
    include_str!("../subjects/pos.json"),
    include_str!("../subjects/terminal.json"),
];

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn schema(text: &str) -> jsonschema::Validator {
    jsonschema::validator_for(&parsed(text)).unwrap_or_else(|error| panic!("{error}"))
}

fn vectors() -> jsonschema::Validator {
    schema(include_str!("../../spec/schema/vectors.schema.json"))
}

#[test]
fn every_suite_and_every_example_fits() {
    let vectors = vectors();
    for text in SUITES {
        if let Err(error) = vectors.validate(&parsed(text)) {
            panic!("{} {error}", error.instance_path());
        }
    }
    let subjects = schema(include_str!("../../spec/schema/subject.schema.json"));
    for text in SUBJECTS {
        assert!(subjects.is_valid(&parsed(text)), "{text:.60}");
        assert!(Manifest::read(text).is_ok(), "{text:.60}");
    }
}

#[test]
fn damage_is_refused_by_both() {
    type Damage = fn(&mut Value);
    let damages: &[(&str, Damage)] = &[
        ("format", |file| file["format"] = json!(2)),
        ("a field nobody knows", |file| file["more"] = json!(1)),
        ("no suite", |file| {
            drop(file.as_object_mut().and_then(|map| map.remove("suite")))
        }),
        ("no tests", |file| file["tests"] = json!([])),
        ("a role nobody has", |file| {
            file["tests"][0]["sut"] = json!(["bank"])
        }),
        ("a result of another kind", |file| {
            file["tests"][0]["result"] = json!("maybe")
        }),
        ("a tier nobody knows", |file| {
            file["tests"][0]["tier"] = json!("nightly")
        }),
        ("no tier", |file| {
            drop(
                file["tests"][0]
                    .as_object_mut()
                    .and_then(|test| test.remove("tier")),
            )
        }),
        ("no steps", |file| file["tests"][0]["steps"] = json!([])),
        ("a requirement of another form", |file| {
            file["tests"][0]["requirements"] = json!(["one"])
        }),
        ("an unknown step", |file| {
            file["tests"][0]["steps"][0] = json!({"op": "run"})
        }),
        ("a field a step has not", |file| {
            file["tests"][0]["steps"][0]["more"] = json!(1)
        }),
        ("an unknown operator", |file| {
            file["tests"][0]["steps"][0] = json!({"op": "let", "as": "a", "value": {"$evil": 1}});
        }),
        ("two operators at once", |file| {
            file["tests"][0]["steps"][0] =
                json!({"op": "let", "as": "a", "value": {"$now": null, "$any": null}});
        }),
        ("an operator beside a field", |file| {
            file["tests"][0]["steps"][0] =
                json!({"op": "let", "as": "a", "value": {"$now": null, "b": 1}});
        }),
        ("an invalid test without post", |file| {
            file["tests"][0]["result"] = json!("invalid");
            file["tests"][0]["post"] = json!([]);
        }),
    ];
    let vectors = vectors();
    for (what, damage) in damages {
        let mut file = parsed(SUITES[3]);
        damage(&mut file);
        assert!(!vectors.is_valid(&file), "the schema takes {what}");
        assert!(
            File::read("damaged", &file.to_string()).is_err(),
            "the reader takes {what}"
        );
    }
}
