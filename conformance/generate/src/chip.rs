//! What the chip is told: by its issuer in a secure channel, by a shop, and by anybody.

use kaika_model::role::chip::{Chip, Input, Output, Payment, Slot, State};
use kaika_model::{Outcome, Verdict};
use serde_json::{Value, json};

use crate::faults::{Flow, Upset};
use crate::script::{Expected, Script, bind, concat, evidence, fresh, known, named};
use kaika_spec::limit;

mod upset;

/// The templates of the chip.
#[derive(Clone, Copy, Debug)]
pub struct Templates;

const DOMAIN: &str = "f04b41494b4100";
const SLOT: &str = "f04b41494b410101";
const DIRECTORY: &str = "325041592e5359532e4444463031";
const PDOL: &str = "9f66049f02069f03069f1a0295055f2a029a039c019f3704";
/// 9F02 9F03 9F1A 95 5F2A 9A 9C 9F37.
const SALE: &str = "000000001250000000000000015600000000000156261124000a0b0c0d";

impl Script for Templates {
    type M = Chip;
    const ROLE: &'static str = "chip";
    const REQUIREMENTS: &'static [&'static str] = &["APD-2"];

    fn setup(_: &[Input]) -> Vec<String> {
        vec!["setup".to_owned()]
    }

    fn part(state: &State, input: &Input) -> String {
        let second = match input {
            Input::StoreBadTlv => state.block,
            Input::GenerateArqc | Input::GenerateAac | Input::GenerateTc => {
                state.payment == Payment::Asked
            }
            Input::GetStatus => return format!("{input}/{}", shown(state.slot)),
            _ => false,
        };
        if second {
            format!("{input}/second")
        } else {
            input.to_string()
        }
    }

    fn detours() -> Vec<(&'static str, Vec<Input>)> {
        let failed = [Input::InitUpdate, Input::ExtAuthBadMac];
        let most = usize::from(limit::CHANNEL_TRIES_MAX) - 1;
        // Failures in a row: an opening that succeeds takes them back.
        let after = [
            Input::InitUpdate,
            Input::ExtAuth,
            Input::InitUpdate,
            Input::ExtAuthBadMac,
        ];
        let way = std::iter::once(Input::SelectDomain)
            .chain(failed.repeat(most))
            .chain(after)
            .chain([Input::InitUpdate]);
        // A script that was begun is forgotten by a new channel, however the old one ended.
        let open = [Input::SelectDomain, Input::InitUpdate, Input::ExtAuth];
        let begun = || open.into_iter().chain([Input::StoreMore]);
        let again = [Input::InitUpdate, Input::ExtAuth, Input::StoreMore];
        let refused = std::iter::once(Input::SelectDomain)
            .chain(failed.repeat(most + 1))
            .chain([Input::InitUpdate]);
        let paying = [
            Input::StoreLast,
            Input::Commit,
            Input::SelectSlot,
            Input::Gpo,
        ];
        let paying = || begun().chain(paying);
        let select = Input::SelectSlot;
        vec![
            ("channel", way.collect()),
            ("channel", refused.collect()),
            (
                "payment",
                paying().chain([select, Input::GenerateArqc]).collect(),
            ),
            (
                "payment",
                paying()
                    .chain([Input::GenerateArqc, select, Input::GenerateTc])
                    .collect(),
            ),
            ("script", begun().chain(again).collect()),
            (
                "script",
                begun().chain([Input::StoreBadMac]).chain(again).collect(),
            ),
            (
                "script",
                begun().chain(open).chain([Input::StoreMore]).collect(),
            ),
        ]
    }

    fn flows() -> Vec<Flow<Input>> {
        upset::flows()
    }

    fn upsets(flow: &Flow<Input>, at: usize) -> Vec<Upset<Input, State>> {
        upset::upsets(flow, at)
    }

    fn steps(part: &str) -> Vec<Value> {
        let (name, which) = part.split_once('/').unwrap_or((part, ""));
        match name {
            "setup" => setup(),
            "get-status" => listed(which),
            _ => {
                Input::from_name(name).map_or_else(Vec::new, |input| said(input, !which.is_empty()))
            }
        }
    }

    fn expected(_: &State, _: &Input, outcome: &Outcome<State, Output>) -> Expected {
        match outcome.verdict {
            Verdict::Sw(0x9000)
            | Verdict::Silent
            | Verdict::Accept
            | Verdict::Repeat
            | Verdict::Refuse(_) => Expected::default(),
            Verdict::Sw(word) => Expected {
                sw: Some(format!("{word:04X}")),
                ..Expected::default()
            },
        }
    }

    fn needs(_: &Input) -> Option<&'static str> {
        Some("hook:chip")
    }
}

/// The life cycle state of a slot in GET STATUS.
const fn shown(slot: Slot) -> &'static str {
    match slot {
        Slot::Empty | Slot::Half => "none",
        Slot::Staged => "03",
        Slot::Active => "07",
        Slot::Suspended => "83",
        Slot::Deleted => "ff",
    }
}

/// GET STATUS: the slot in this state, and no other.
fn listed(state: &str) -> Vec<Value> {
    let entry = json!([
        "e3264f08",
        SLOT,
        "9f7001",
        state,
        "c503000000df2210",
        known("token_ref")
    ]);
    let step = secure("84f24002", json!("4f00"));
    vec![with(step, "out", concat(entry))]
}

/// What an object of the answer must be.
fn holds(name: &str, path: Value, value: &str) -> Value {
    let args = json!({"data": known("seen"), "path": path, "value": value});
    named(name, json!({"$calc": {"fn": "holds", "args": args}}))
}

fn setup() -> Vec<Value> {
    let template = json!({"$calc": {"fn": "token-template", "args": {
        "se_id": known("se_id"), "token_ref": known("token_ref"), "number": "6299000000000009", "expiry": "301231",
        "udk": known("udk"), "request_context": known("request_context"),
    }}});
    vec![
        json!({"op": "insert", "as": "se_id"}),
        named("token_ref", fresh(16)),
        named("udk", fresh(16)),
        named("request_context", fresh(32)),
        named("template", template),
        named(
            "auth_good",
            json!("8482330010000000000000000000000000000000000000"),
        ),
        named(
            "store_good",
            json!("84e2800110000000000000000000000000000000000000"),
        ),
    ]
}

fn apdu(command: &str) -> Value {
    json!({"op": "apdu", "command": command, "sw": "9000"})
}

fn secure(header: &str, data: Value) -> Value {
    json!({"op": "secure", "channel": "c", "header": header, "data": data, "sw": "9000"})
}

fn with(mut step: Value, field: &str, value: Value) -> Value {
    step[field] = value;
    step
}

fn authenticate(fault: Option<&str>) -> Value {
    let step =
        json!({"op": "authenticate", "channel": "c", "level": "33", "as": "auth", "sw": "9000"});
    fault.map_or_else(
        || step.clone(),
        |fault| with(step.clone(), "fault", json!(fault)),
    )
}

fn challenge(version: &str) -> Value {
    json!({"op": "challenge", "channel": "c", "se_id": known("se_id"), "version": version, "sw": "9000"})
}

fn select(aid: &str) -> Value {
    apdu(&format!("00a40400{:02x}{aid}00", aid.len() / 2))
}

fn said(input: Input, second: bool) -> Vec<Value> {
    match input {
        Input::Reset => vec![json!({"op": "power", "kind": "reset"})],
        Input::SelectDomain => vec![select(DOMAIN)],
        Input::SelectSlot => vec![
            with(select(SLOT), "data", bind("seen")),
            holds("name", json!(["6f", "84"]), SLOT),
            holds("pdol", json!(["6f", "a5", "9f38"]), PDOL),
        ],
        Input::SelectDirectory => vec![select(DIRECTORY)],
        Input::SelectUnknown => vec![select("a0000000999999")],
        Input::InitUpdate => vec![challenge("30")],
        Input::InitUpdateOtherKey => vec![challenge("33")],
        Input::ExtAuth => vec![authenticate(None), named("auth_good", known("auth"))],
        Input::ExtAuthBadCryptogram => vec![authenticate(Some("cryptogram"))],
        Input::ExtAuthBadMac => vec![authenticate(Some("mac"))],
        Input::ExtAuthReplayed => {
            vec![json!({"op": "apdu", "command": known("auth_good"), "sw": "9000"})]
        }
        Input::StoreMore
        | Input::StoreLast
        | Input::StoreWrongBlock
        | Input::StoreBadTlv
        | Input::StoreBadMac
        | Input::StoreReplayed
        | Input::StoreUnsecured
        | Input::StoreLastTorn
        | Input::CommitTorn => stored(input, second),
        Input::Commit => {
            let receipt = concat(json!(["df2310", known("template.receipt")]));
            vec![with(secure("84f0400f", json!("4f00")), "out", receipt)]
        }
        Input::CommitNamed => {
            let receipt = concat(json!(["df2310", known("template.receipt")]));
            vec![with(
                secure("84f0400f", json!(format!("4f08{SLOT}"))),
                "out",
                receipt,
            )]
        }
        Input::Suspend => vec![secure("84f04080", json!(format!("4f08{SLOT}")))],
        Input::Resume => vec![secure("84f04000", json!(format!("4f08{SLOT}")))],
        Input::Delete => vec![with(
            secure("84e40000", json!(format!("4f08{SLOT}"))),
            "out",
            json!("00"),
        )],
        Input::GetStatus => listed("07"),
        Input::GetReceipt => {
            let receipts = concat(json!([
                "df2126df2210",
                known("token_ref"),
                "df2310",
                known("template.receipt")
            ]));
            vec![with(apdu("80cadf2100"), "data", receipts)]
        }
        Input::GetChipId => vec![with(
            apdu("80ca9f7f00"),
            "data",
            concat(json!(["9f7f08", known("se_id")])),
        )],
        Input::SignConsent => vec![sign("01", "consent")],
        Input::SignPayment => vec![sign("02", "payment")],
        Input::SignOtherKind => vec![apdu(&format!("802a030020{}00", "08".repeat(32)))],
        Input::SignShort => vec![apdu(&format!("802a01001f{}00", "08".repeat(31)))],
        Input::SignLong => vec![apdu(&format!("802a020021{}00", "08".repeat(33)))],
        Input::Gpo => {
            let step = apdu(&format!("80a80000238321{}{SALE}00", "36000000"));
            vec![with(step, "data", json!("770a82021c00940408010200"))]
        }
        Input::ReadRecord => record(),
        Input::ReadRecordUnknown => vec![apdu("00b2090c00")],
        Input::GenerateArqc => generate("80", second),
        Input::GenerateAac => generate("00", second),
        Input::GenerateTc => generate("40", second),
        Input::GetResponse => vec![apdu("00c0000000")],
        Input::Short => vec![apdu("00a4")],
        Input::BadLength => vec![apdu("00a404000af04b")],
        Input::UnknownClass => vec![apdu("e0a4040000")],
        Input::LogicalChannel => vec![apdu("01a4040000")],
        Input::Chained => vec![apdu(&format!("10a4040007{DOMAIN}00"))],
        Input::UnknownInstruction => vec![apdu("00ee000000")],
    }
}

/// The chip signs what it is given, and the runner computes the same.
fn sign(p1: &str, kind: &str) -> Value {
    let digest = known("request_context");
    let made = evidence(kind, digest.clone());
    let command = concat(json!([format!("802a{p1}0020"), digest, "00"]));
    json!({"op": "apdu", "command": command, "sw": "9000", "data": made})
}

/// The record of the token: track 2, number, expiry, sequence number and country.
fn record() -> Vec<Value> {
    let object = |tag: &str, value: &str| holds(tag, json!(["70", tag]), value);
    vec![
        with(apdu("00b2010c00"), "data", bind("seen")),
        object("57", "6299000000000009d3012201"),
        object("5a", "6299000000000009"),
        object("5f24", "301231"),
        object("5f34", "01"),
        object("5f28", "0156"),
    ]
}

fn stored(input: Input, second: bool) -> Vec<Value> {
    let block = |header: &str, part: &str| secure(header, known(&format!("template.{part}")));
    match input {
        Input::StoreMore => vec![block("84e20000", "first")],
        Input::StoreLast => {
            let step = with(block("84e28001", "last"), "as", json!("store"));
            vec![step, named("store_good", known("store"))]
        }
        Input::StoreWrongBlock => vec![block("84e20005", "first")],
        Input::StoreBadTlv => vec![secure(
            if second { "84e28001" } else { "84e28000" },
            json!("ffffff"),
        )],
        Input::StoreBadMac => vec![with(block("84e20000", "first"), "fault", json!("mac"))],
        Input::StoreReplayed => {
            vec![json!({"op": "apdu", "command": known("store_good"), "sw": "9000"})]
        }
        _ => vec![apdu("80e2800003ffffff")],
    }
}

/// A cryptogram is verified with the key that was written, over what was asked for and what the chip says of itself.
fn generate(kind: &str, second: bool) -> Vec<Value> {
    let (length, head) = if second { ("1f", "3030") } else { ("1d", "") };
    let command = format!("80ae{kind}00{length}{head}{SALE}00");
    let answer = with(apdu(&command), "data", json!({"$bind": {"as": "ac"}}));
    let kind = match (kind, second) {
        ("00", _) => "00",
        ("40", true) => "40",
        (_, true) => "00",
        _ => "80",
    };
    // CVR2: first cryptogram in bits 6-5, second in bits 8-7 (85-apdu, Payment data).
    let verification = match (kind, second) {
        ("80", _) => "a0",
        ("40", _) => "60",
        (_, false) => "80",
        (_, true) => "20",
    };
    let proof = json!({"$calc": {"fn": "verify-ac", "args": {
        "udk": known("udk"), "data": known("ac"), "sale": SALE, "kind": kind,
        "issuer_data": format!("06011203{verification}0000"),
    }}});
    vec![answer, named("proof", proof)]
}
