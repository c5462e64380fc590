//! What the identity system is told: by its operator, the verifier and the issuer. Pictures are read as 90-wire says.

use kaika_model::role::identity::{Identity, Input, Output, State};
use kaika_model::{Outcome, Verdict};
use kaika_spec::limit;
use serde_json::{Value, json};

use crate::faults::{Fault, Flow};
use crate::fields::{Bound, Message};
use crate::script::{
    Expected, Script, advance, bind, concat, digits, fresh, known, named, post, stranger,
};

mod messages;

/// The templates of the identity system.
#[derive(Clone, Copy, Debug)]
pub struct Templates;

/// How far a clock stops before a limit: clocks run on while a test is played.
const ALMOST_MS: i64 = 120_000;
/// At the end of a part: the score is too low for a card.
const LOW: &str = "/low";
/// Somebody new is entered into the record, which no letter says alone.
const NEW_PERSON: &str = "person";
/// A look-up after the one that was answered.
const AGAIN: &str = "score(ok)/again";
const TOO_LONG: usize = limit::BODY_MAX + 1;

impl Script for Templates {
    type M = Identity;
    const ROLE: &'static str = "identity";
    const REQUIREMENTS: &'static [&'static str] = &["WIR-9"];

    fn setup(_: &[Input]) -> Vec<String> {
        vec!["setup".to_owned()]
    }

    /// A score that is low is another answer.
    fn part(state: &State, input: &Input) -> String {
        let low = matches!(
            state,
            State::Scored { good: false } | State::Resolved { good: false }
        );
        match input {
            Input::Score if matches!(state, State::Resolved { .. }) => AGAIN.to_owned(),
            Input::Score | Input::ScoreRepeat if low => format!("{input}{LOW}"),
            _ => input.to_string(),
        }
    }

    fn steps(part: &str) -> Vec<Value> {
        match part {
            "setup" => setup(),
            NEW_PERSON => stranger_enrolled("operator", json!({})),
            // The key of the look-up that was answered stays known.
            AGAIN => vec![
                named("again_key", fresh(16)),
                keyed("issuer", "scores", "again_key", score_body(), json!({})),
            ],
            _ => {
                let name = part.strip_suffix(LOW).unwrap_or(part);
                Input::from_name(name).map_or_else(Vec::new, said)
            }
        }
    }

    fn expected(_: &State, _: &Input, outcome: &Outcome<State, Output>) -> Expected {
        match outcome.verdict {
            Verdict::Refuse(refusal) => Expected {
                refuse: Some(refusal.name().to_owned()),
                ..Expected::default()
            },
            _ => Expected::default(),
        }
    }

    fn needs(input: &Input) -> Option<&'static str> {
        matches!(input, Input::AdvanceAlmost | Input::Advance).then_some("hook:clock")
    }

    fn flows() -> Vec<Flow<Input>> {
        let way = |matched| vec![matched, Input::Score, Input::ScoreRepeat];
        vec![
            Flow::new("a score", way(Input::MatchGood)),
            Flow::new("a low score", way(Input::MatchLow)),
        ]
    }

    /// A reference that is too old is a letter.
    fn faults() -> &'static [Fault] {
        &[Fault::Lost, Fault::Both, Fault::Restart]
    }

    fn messages() -> Vec<Message<Input>> {
        messages::all()
    }

    fn bound() -> &'static [Bound] {
        messages::BOUND
    }
}

fn setup() -> Vec<Value> {
    let mut steps = vec![
        named("applicant", stranger()),
        named("matched", known("applicant")),
        named("face", concat(json!(["face-", digits(12)]))),
        enrolled("operator", "applicant", json!({})),
    ];
    for (name, len) in [
        ("request_id", 16),
        ("request_context", 32),
        ("reference", 16),
    ] {
        steps.push(named(name, fresh(len)));
    }
    for component in ["live", "photo", "text"] {
        steps.push(named(component, json!(0)));
    }
    steps
}

fn enrolled(from: &str, who: &str, headers: Value) -> Value {
    let body = json!({"applicant": known(who), "face": known("face")});
    let path = json!(["v1", "persons"]);
    let mut sent = post(from, "identity", path, body, json!({}));
    sent["headers"] = headers;
    sent
}

/// Somebody new, whose enrolment is not the operator's.
fn stranger_enrolled(from: &str, headers: Value) -> Vec<Value> {
    vec![
        named("other_person", stranger()),
        enrolled(from, "other_person", headers),
    ]
}

fn picture(lines: Value) -> Value {
    json!({"$calc": {"fn": "base64", "args": {"text": concat(lines)}}})
}

fn face(shown: &str) -> Value {
    picture(json!(["face: ", known(shown)]))
}

/// The front of a document: whose picture, and which number.
fn document(shown: &str, id_no: Value) -> Value {
    let name = known("matched.name");
    picture(json!([
        "face: ",
        known(shown),
        "\nname: ",
        name,
        "\nid_no: ",
        id_no
    ]))
}

/// What is compared, and the scores that it comes to.
struct Pictures {
    front: Value,
    frames: Vec<Value>,
    scores: [u16; 3],
}

fn pictures() -> Pictures {
    Pictures {
        front: document("face", known("matched.id_no")),
        frames: vec![face("face"); 3],
        scores: [1000; 3],
    }
}

fn shown(input: Input) -> Pictures {
    let good = pictures();
    match input {
        Input::MatchLow => Pictures {
            frames: vec![face("other_face"); 3],
            scores: [0, 1000, 1000],
            ..good
        },
        Input::MatchOneFrame => Pictures {
            frames: vec![face("face"), face("beginning"), face("face")],
            scores: [600, 1000, 1000],
            ..good
        },
        Input::MatchNoFrames => Pictures {
            frames: Vec::new(),
            scores: [0, 1000, 1000],
            ..good
        },
        Input::MatchOtherPhoto => Pictures {
            front: document("other_face", known("matched.id_no")),
            scores: [1000, 0, 1000],
            ..good
        },
        Input::MatchOtherText => Pictures {
            front: document("face", digits(18)),
            scores: [1000, 1000, 0],
            ..good
        },
        Input::MatchStranger => Pictures {
            scores: [0; 3],
            ..good
        },
        _ => good,
    }
}

fn match_body(pictures: &Pictures) -> Value {
    json!({
        "request_id": known("request_id"), "request_context": known("request_context"),
        "applicant": known("matched"), "relying_party": "issuer",
        "front": pictures.front, "back": picture(json!(["the back"])), "frames": pictures.frames,
    })
}

/// A POST under a key of the test's.
fn keyed(from: &str, resource: &str, key: &str, body: Value, accept: Value) -> Value {
    let mut sent = post(from, "identity", json!(["v1", resource]), body, accept);
    sent["headers"] = json!({"Idempotency-Key": known(key)});
    sent
}

fn asked(body: Value, reference: Value) -> Value {
    let answer = json!({"reference": reference, "status": "scored"});
    keyed("verifier", "matches", "match_key", body, answer)
}

/// The pictures are sent; the reference and what will be told about it get names.
fn matched(input: Input) -> Vec<Value> {
    let pictures = shown(input);
    let mut steps = vec![
        named("other_face", concat(json!(["else-", digits(12)]))),
        named("beginning", json!("face-")),
        named("match_key", fresh(16)),
    ];
    if input == Input::MatchStranger {
        steps.push(named("matched", stranger()));
    }
    let reference = json!({"$bind": {"as": "reference", "match": {"$hex": {"len": 16}}}});
    steps.extend([
        named("match_body", match_body(&pictures)),
        asked(known("match_body"), reference),
    ]);
    for (name, score) in ["live", "photo", "text"].iter().zip(pictures.scores) {
        steps.push(named(name, json!(score)));
    }
    steps
}

fn score_body() -> Value {
    json!({
        "reference": known("reference"), "request_context": known("request_context"),
        "applicant_digest": digest("matched"),
    })
}

fn digest(who: &str) -> Value {
    json!({"$calc": {"fn": "applicant-digest", "args": known(who)}})
}

fn resolved(from: &str, key: &str, body: Value, decided_at: Value) -> Value {
    let answer = json!({
        "reference": known("reference"), "request_context": known("request_context"),
        "applicant_digest": digest("matched"), "live_record": known("live"), "photo_record": known("photo"),
        "text_record": known("text"), "decided_at": decided_at,
    });
    keyed(from, "scores", key, body, answer)
}

/// A look-up under a new key, with one field changed.
fn scored(from: &str, change: Option<(&str, Value)>) -> Vec<Value> {
    let mut body = score_body();
    if let Some((field, value)) = change {
        body[field] = value;
    }
    vec![
        named("try_key", fresh(16)),
        named("try_body", body),
        resolved(from, "try_key", known("try_body"), bind("decided_at")),
    ]
}

/// The last message of these steps, unsigned.
fn unsigned(mut steps: Vec<Value>) -> Vec<Value> {
    if let Some(sent) = steps.last_mut() {
        sent["headers"]["Kaika-Mac"] = json!(fresh(32));
    }
    steps
}

fn said(input: Input) -> Vec<Value> {
    match input {
        Input::EnrolUnsigned => stranger_enrolled("operator", json!({"Kaika-Mac": null})),
        Input::EnrolForged => stranger_enrolled("operator", json!({"Kaika-Mac": fresh(32)})),
        Input::EnrolVerifier => stranger_enrolled("verifier", json!({})),
        Input::EnrolAgain => vec![enrolled("operator", "applicant", json!({}))],
        Input::MatchUnsigned => unsigned(vec![
            named("match_key", fresh(16)),
            asked(match_body(&pictures()), json!({"$any": null})),
        ]),
        Input::MatchOtherParty => {
            let mut body = match_body(&pictures());
            body["relying_party"] = json!("verifier");
            let key = named("match_key", fresh(16));
            vec![key, asked(body, json!({"$any": null}))]
        }
        Input::MatchRepeat => vec![asked(known("match_body"), known("reference"))],
        Input::MatchConflict => {
            let pictures = Pictures {
                frames: Vec::new(),
                front: picture(json!(["another"])),
                ..pictures()
            };
            vec![asked(match_body(&pictures), known("reference"))]
        }
        Input::ScoreUnsigned => unsigned(scored("issuer", None)),
        Input::Score => {
            let mut steps = scored("issuer", None);
            steps.extend([
                named("score_key", known("try_key")),
                named("score_body", known("try_body")),
            ]);
            steps
        }
        Input::ScoreOtherContext => scored("issuer", Some(("request_context", fresh(32)))),
        Input::ScoreOtherApplicant => {
            let mut steps = vec![named("somebody", stranger())];
            steps.extend(scored(
                "issuer",
                Some(("applicant_digest", digest("somebody"))),
            ));
            steps
        }
        Input::ScoreOtherCaller => scored("verifier", None),
        Input::ScoreUnknown => scored("issuer", Some(("reference", fresh(16)))),
        Input::ScoreRepeat => vec![resolved(
            "issuer",
            "score_key",
            known("score_body"),
            known("decided_at"),
        )],
        Input::ScoreConflict => {
            let mut body = score_body();
            body["request_context"] = fresh(32);
            vec![resolved("issuer", "score_key", body, known("decided_at"))]
        }
        Input::AdvanceAlmost => vec![advance(limit::REFERENCE_TTL_MS - ALMOST_MS)],
        Input::Advance => vec![advance(limit::REFERENCE_TTL_MS + 1)],
        _ if input <= Input::FrontFieldForm => vec![named("match_key", fresh(16)), front(input)],
        _ => matched(input),
    }
}

/// The match, spoilt where it is judged before its meaning.
fn front(input: Input) -> Value {
    let good = || asked(match_body(&pictures()), json!({"$any": null}));
    let header = |name: &str, value: Value| {
        let mut step = good();
        step["headers"][name] = value;
        step
    };
    let body = |change: fn(&mut Value)| {
        let mut step = good();
        change(&mut step["body"]);
        step
    };
    let text = |raw: Value| {
        let mut step = good();
        step["raw"] = raw;
        step.as_object_mut().map(|step| step.remove("body"));
        step
    };
    let set = |field: &str, value: Value| {
        let mut step = good();
        step[field] = value;
        step
    };
    match input {
        Input::FrontRoute => set("path", json!(["v1", "nothing"])),
        Input::FrontQuery => set("path", json!(["v1", "matches?all"])),
        Input::FrontMethod => set("method", json!("PUT")),
        Input::FrontMediaType => header("Content-Type", json!("text/plain")),
        Input::FrontTimeMissing => header("Kaika-Time", Value::Null),
        Input::FrontTimePast => header("Kaika-Time", json!("1000000000000")),
        Input::FrontTimeFuture => header("Kaika-Time", json!("9000000000000")),
        Input::FrontMacForm => header("Kaika-Mac", json!("zz")),
        Input::FrontCallerOther => set("from", json!("issuer")),
        Input::FrontCallerForm => header("Kaika-Caller", json!("nobody")),
        Input::FrontKeyMissing => header("Idempotency-Key", Value::Null),
        Input::FrontLong => text(json!({"$repeat": {"of": " ", "times": TOO_LONG}})),
        Input::FrontNoJson => text(json!("{")),
        Input::FrontFieldRepeated => text(json!(r#"{"request_id":"a","request_id":"a"}"#)),
        Input::FrontFieldUnknown => body(|body| body["more"] = json!(1)),
        Input::FrontFieldMissing => body(|body| {
            body.as_object_mut().map(|body| body.remove("back"));
        }),
        Input::FrontFieldType => body(|body| body["frames"] = json!("none")),
        _ => body(|body| body["request_context"] = json!("zz")),
    }
}
