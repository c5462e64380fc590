//! What a shop's terminal meets: a card, and the port of an issuer. The runner is both.

use kaika_conformance::format::{Criterion, Kind, Tier};
use kaika_model::Outcome;
use kaika_model::role::pos::{Input, Output, Pos, State};
use serde_json::{Value, json};

use crate::faults::{Flow, Upset};
use crate::script::{Act, Expected, Scene, Script, concat, digits, fresh, known, named};

mod upset;

/// The templates of the shop's terminal.
#[derive(Clone, Copy, Debug)]
pub struct Templates;

/// How long the terminal is told to wait for the issuer, ms, where no answer comes.
const SHORT_MS: u64 = 800;
/// And where all come, so that a slow machine makes no silence.
const LONG_MS: u64 = 4_000;
const SHORT: &str = "patience(short)";
const LONG: &str = "patience(long)";
const AMOUNT: &str = "000000001250";
/// The fields that an answer repeats.
const ECHOED: [&str; 9] = ["2", "3", "4", "7", "11", "37", "41", "42", "49"];
const AUTH_CODE: &str = "A1B2C3";

impl Script for Templates {
    type M = Pos;
    const ROLE: &'static str = "pos";
    const REQUIREMENTS: &'static [&'static str] = &["TAP-10"];

    /// A card makes up its mind about a proof before it is held at the terminal.
    fn setup(inputs: &[Input]) -> Vec<String> {
        let opinion = if inputs.contains(&Input::ApprovedRefused) {
            "opinion(refused)"
        } else if inputs.contains(&Input::ApprovedGone) {
            "opinion(gone)"
        } else {
            "opinion(taken)"
        };
        let patience = if inputs.contains(&Input::TimeOut) {
            SHORT
        } else {
            LONG
        };
        ["setup", patience, opinion].map(str::to_owned).to_vec()
    }

    /// What is said after a reversal, and to a card that checks no answer, is another thing.
    fn part(state: &State, input: &Input) -> String {
        match (state, input) {
            (State::Reversing, Input::TimeOut | Input::LineEnds) => format!("{input}/again"),
            (State::AskedPlain, Input::Approved | Input::ApprovedNoProof) => {
                format!("{input}/plain")
            }
            _ => input.to_string(),
        }
    }

    fn steps(part: &str) -> Vec<Value> {
        let opinion = |name: &str| vec![named("opinion", json!(name))];
        match part {
            "setup" => setup(),
            SHORT => vec![named("patience", json!(SHORT_MS))],
            LONG => vec![named("patience", json!(LONG_MS))],
            "opinion(refused)" => opinion("refused"),
            "opinion(gone)" => opinion("gone"),
            "opinion(taken)" => opinion("taken"),
            "time-out/again" => vec![reversal("0401")],
            "line-ends/again" => vec![json!({"op": "reply"}), reversal("0401")],
            "answer(approved)/plain" => approved(proof(), 0),
            "answer(approved,no-proof)/plain" => approved(Value::Null, 0),
            _ => Input::from_name(part).map_or_else(Vec::new, said),
        }
    }

    fn expected(_: &State, _: &Input, _: &Outcome<State, Output>) -> Expected {
        Expected::default()
    }

    fn needs(input: &Input) -> Option<&'static str> {
        (*input <= Input::CardGoneEarly).then_some("hook:trigger")
    }

    fn flows() -> Vec<Flow<Input>> {
        upset::flows()
    }

    fn upsets(flow: &Flow<Input>, at: usize) -> Vec<Upset<Input, State>> {
        upset::upsets(flow, at)
    }

    fn scenes() -> Vec<Scene> {
        vec![
            restarted(
                "power fails while the issuer is asked",
                "TAP-20",
                Vec::new(),
            ),
            restarted(
                "power fails while the issuer is told to reverse",
                "TAP-21",
                vec![Act::part("time-out")],
            ),
        ]
    }
}

/// A terminal that died has its old payment reversed before it takes another.
fn restarted(id: &str, requirement: &'static str, meanwhile: Vec<Act>) -> Scene {
    let parts = ["setup", SHORT, "opinion(taken)", "card(cryptogram)"];
    let mut acts: Vec<Act> = parts.map(Act::part).to_vec();
    acts.extend(meanwhile);
    let original = |number: &str| known(&format!("asked.{number}"));
    let mut late = reversed_fields();
    for number in ECHOED {
        late[number] = original(number);
    }
    let either =
        json!({"op": "hear", "mti": "0400", "fields": late, "as": "reversal", "again": true});
    acts.push(Act::Say(vec![
        json!({"op": "crash"}),
        card(json!({})),
        tap(false),
        either,
        reply("0410", &reversal_answer("00")),
        asked("0100"),
    ]));
    Scene {
        id: format!("sale/{id}"),
        requirement,
        needs: Some("hook:crash"),
        tier: Tier::Standard,
        criterion: Criterion::Hand,
        source: None,
        result: Kind::Valid,
        acts,
        post: vec![Act::part("answer(approved)")],
    }
}

fn setup() -> Vec<Value> {
    vec![
        named("terminal", concat(json!(["T", digits(7)]))),
        named("asked_mti", json!("0100")),
        named("answer_mti", json!("0110")),
        json!({"op": "host", "as": "host"}),
    ]
}

fn card(change: Value) -> Value {
    let mut step = json!({"op": "card", "as": "card", "proof": known("opinion")});
    if let (Some(step), Some(change)) = (step.as_object_mut(), change.as_object()) {
        step.extend(change.clone());
    }
    step
}

fn tap(financial: bool) -> Value {
    json!({"op": "trigger", "action": "tap", "with": {
        "issuer": known("host"), "chip": known("card.tcp"), "terminal": known("terminal"),
        "amount_minor": 1250, "currency": "156", "financial": financial, "patience_ms": known("patience"),
    }})
}

/// What the chip said is in field 55, and the sale beside it.
fn chip_data() -> Value {
    let object = |tag: &str, name: &str| concat(json!([tag, known(&format!("card.{name}"))]));
    json!({"$text": {"has": [
        object("9f2608", "cryptogram"), "9f270180", object("9f3602", "counter"), object("9f1007", "issuer_data"),
        object("8202", "profile"), concat(json!(["9f0206", AMOUNT])), "9f0306000000000000", "5f2a020156", "9f1a020156",
        "9c0100", "95050000000000", "5f340101", "9a03", "9f3704",
    ], "lacks": []}})
}

fn anything() -> Value {
    json!({"$any": null})
}

/// The terminal asks the issuer.
fn asked(mti: &str) -> Value {
    json!({"op": "hear", "mti": mti, "as": "asked", "fields": {
        "2": known("card.token"), "3": "000000", "4": AMOUNT, "7": anything(), "11": anything(), "14": known("card.expiry"),
        "22": "071", "37": anything(), "41": anything(), "42": anything(), "49": "156", "55": chip_data(),
    }})
}

fn presented(change: Value, financial: bool) -> Vec<Value> {
    let (mti, answer) = if financial {
        ("0200", "0210")
    } else {
        ("0100", "0110")
    };
    vec![
        named("asked_mti", json!(mti)),
        named("answer_mti", json!(answer)),
        card(change),
        tap(financial),
        asked(mti),
    ]
}

/// A card that cannot pay: the issuer is not asked.
fn unusable(change: Value) -> Vec<Value> {
    let result = json!({"$oneOf": ["card-unusable", "failed"]});
    vec![
        card(change),
        tap(false),
        json!({"op": "shown", "expect": {"result": result}}),
    ]
}

/// The patterns of a reversal of what was asked: its own trace number and time may be new ones.
fn reversed_fields() -> Value {
    let original = concat(json!([
        known("asked_mti"),
        known("asked.11"),
        known("asked.7"),
        "0".repeat(22)
    ]));
    let same = |number: &str| known(&format!("asked.{number}"));
    json!({
        "2": same("2"), "3": "000000", "4": AMOUNT, "7": anything(), "11": anything(), "37": same("37"),
        "41": same("41"), "42": same("42"), "49": "156", "90": original,
    })
}

fn reversal(mti: &str) -> Value {
    json!({"op": "hear", "mti": mti, "fields": reversed_fields(), "as": "reversal"})
}

fn echoed(of: &str, change: Value) -> Value {
    let mut fields = json!({});
    for number in ECHOED {
        fields[number] = known(&format!("{of}.{number}"));
    }
    if let (Some(fields), Some(change)) = (fields.as_object_mut(), change.as_object()) {
        fields.extend(change.clone());
    }
    fields
}

fn reply(mti: &str, fields: &Value) -> Value {
    json!({"op": "reply", "mti": mti, "fields": fields})
}

fn answer(change: Value) -> Value {
    json!({"op": "reply", "mti": known("answer_mti"), "fields": echoed("asked", change)})
}

fn reversal_answer(code: &str) -> Value {
    echoed("reversal", json!({"39": code}))
}

/// Field 55 of an approval: eight bytes that the card judges.
fn proof() -> Value {
    concat(json!(["9108", known("proof")]))
}

fn yes(proof: Value) -> Vec<Value> {
    vec![
        named("proof", concat(json!([fresh(4), "00800000"]))),
        answer(json!({"38": AUTH_CODE, "39": "00", "55": proof})),
    ]
}

fn shown(expect: Value) -> Value {
    json!({"op": "shown", "expect": expect})
}

/// The approval is shown; the card heard so many proofs.
fn approved(proof: Value, proofs: usize) -> Vec<Value> {
    let mut steps = yes(proof);
    steps.push(shown(json!({"result": "approved", "auth_code": AUTH_CODE})));
    steps.push(if proofs == 0 {
        json!({"op": "told", "ins": "82", "times": 0})
    } else {
        json!({"op": "told", "ins": "82", "times": proofs, "data": known("proof")})
    });
    steps
}

/// An answer that is none: reversed.
fn spoilt(change: Value) -> Vec<Value> {
    let mut fields = json!({"38": AUTH_CODE, "39": "00", "55": proof()});
    if let (Some(fields), Some(change)) = (fields.as_object_mut(), change.as_object()) {
        fields.extend(change.clone());
    }
    vec![
        named("proof", concat(json!([fresh(4), "00800000"]))),
        answer(fields),
        reversal("0400"),
    ]
}

fn settled(code: &str) -> Vec<Value> {
    vec![
        reply("0410", &reversal_answer(code)),
        shown(json!({"result": "reversed"})),
    ]
}

fn said(input: Input) -> Vec<Value> {
    match input {
        Input::Card => presented(json!({}), false),
        Input::CardFinancial => presented(json!({}), true),
        Input::CardPlain => presented(json!({"profile": "1800"}), false),
        Input::CardDeclines => unusable(json!({"kind": "00"})),
        Input::CardApproves => unusable(json!({"kind": "40"})),
        Input::CardNoDirectory => unusable(json!({"fault": "no-directory"})),
        Input::CardNoApplication => unusable(json!({"fault": "no-application"})),
        Input::CardSuspended => unusable(json!({"fault": "suspended"})),
        Input::CardTwice => unusable(json!({"fault": "twice"})),
        Input::CardNoList => unusable(json!({"fault": "no-list"})),
        Input::CardGoneEarly => unusable(json!({"fault": "gone"})),
        Input::Approved | Input::ApprovedGone => approved(proof(), 1),
        Input::ApprovedNoProof => {
            let mut steps = yes(Value::Null);
            steps.push(reversal("0400"));
            steps
        }
        Input::ApprovedRefused => {
            let mut steps = yes(proof());
            steps.push(reversal("0400"));
            steps
        }
        Input::Declined => vec![
            answer(json!({"39": "05"})),
            shown(json!({"result": "declined", "code": "05"})),
        ],
        Input::AnswerOther => {
            vec![answer(
                json!({"11": digits(6), "38": AUTH_CODE, "39": "00"}),
            )]
        }
        Input::AnswerAmount => spoilt(json!({"4": "000000001251"})),
        Input::AnswerToken => spoilt(json!({"2": "6299000000000009"})),
        Input::AnswerCurrency => spoilt(json!({"49": "840"})),
        Input::AnswerNoCode => spoilt(json!({"39": null})),
        Input::AnswerUnreadable => vec![
            json!({"op": "reply", "raw": "30313130ff"}),
            reversal("0400"),
        ],
        Input::LineEnds => vec![json!({"op": "reply"}), reversal("0400")],
        Input::TimeOut => vec![reversal("0400")],
        Input::Reversed => settled("00"),
        Input::ReversedOther => settled("64"),
        Input::ReversalRefused => vec![reply("0410", &reversal_answer("96")), reversal("0401")],
        Input::ReversalAmount => {
            let wrong = echoed("reversal", json!({"39": "00", "4": "000000001251"}));
            vec![reply("0410", &wrong), reversal("0401")]
        }
        Input::ApprovedLate => vec![answer(json!({"38": AUTH_CODE, "39": "00"}))],
    }
}
