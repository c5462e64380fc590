//! What each part of what may happen, and each thing that is looked for, depends on.

use crate::scope::{Fields, Reads};

/// What a cryptogram that is held to a terminal depends on.
macro_rules! field_of {
    ($this:literal, $other:literal) => {
        &[
            "contact.?",
            "managed.?",
            "made",
            concat!($this, ".pos"),
            concat!($this, ".amount"),
            concat!($this, ".number"),
            concat!($this, ".given"),
            concat!($other, ".given"),
        ]
    };
}

/// What a request to the issuer depends on.
macro_rules! request_of {
    ($sale:literal) => {
        &[
            "issuer",
            "last",
            "made",
            "approved",
            "unsigned",
            "dead",
            "outside",
            "over",
            "unmeant",
            "relayed",
            "overtaken",
            "replayed",
            "repelled",
            concat!($sale, ".amount"),
            concat!($sale, ".number"),
            concat!($sale, ".given"),
            concat!($sale, ".record"),
            concat!($sale, ".told"),
        ]
    };
}

/// What an answer, a time-out and a reversal depend on.
macro_rules! shop_of {
    ($sale:literal) => {
        &[
            "issuer",
            "timeouts",
            concat!($sale, ".pos"),
            concat!($sale, ".record"),
            concat!($sale, ".told"),
            concat!($sale, ".reversal"),
            concat!($sale, ".reversed"),
        ]
    };
}

pub(super) fn fields(part: usize) -> Fields {
    Fields::Only(match part {
        0 => &[
            "contact.?",
            "managed.?",
            "chip",
            "atc",
            "made",
            "sales[0].amount",
            "sales[0].number",
            "sales[1].amount",
            "sales[1].number",
        ],
        1 => field_of!("sales[0]", "sales[1]"),
        2 => field_of!("sales[1]", "sales[0]"),
        3 => request_of!("sales[0]"),
        4 => request_of!("sales[1]"),
        5 => shop_of!("sales[0]"),
        6 => shop_of!("sales[1]"),
        8 => &["issuer", "last", "made", "outside", "repelled"],
        9 => &[
            "contact.?",
            "managed.?",
            "relayed",
            "chip",
            "atc",
            "made",
            "sales[0].pos",
            "sales[0].amount",
            "sales[0].number",
            "sales[0].given",
            "sales[1].pos",
            "sales[1].amount",
            "sales[1].number",
            "sales[1].given",
        ],
        10 => &["contact", "chip", "atc"],
        11 => &["managed", "chip"],
        _ => &["issuer", "changes"],
    })
}

/// The parts that have actions in few states: what decides that.
pub(super) fn wakes(part: usize) -> Fields {
    match part {
        3 => Fields::Only(&["sales[0].given.?"]),
        4 => Fields::Only(&["sales[1].given.?"]),
        9 => Fields::Only(&["contact.?", "managed.?", "relayed"]),
        _ => fields(part),
    }
}

/// How the sales stand.
const SETTLED: &[&str] = &[
    "sales[0].pos",
    "sales[0].record",
    "sales[1].pos",
    "sales[1].record",
];

pub(super) fn reads(name: &str) -> Reads {
    Reads::Fields(Fields::Only(match name {
        "P22" => &["contact", "atc", "managed", "chip"],
        "P49" => &["managed"],
        "S10 a token that was suspended in its chip is resumed there and pays" => {
            &["managed", "chip"]
        }
        "P47" | "P48" => &["contact"],
        "P30" => &["outside"],
        "P36" => &["dead"],
        "P37" => &["unsigned"],
        "P38" | "S4 both sales are approved" | "W41 a sale that was not answered is reversed" => {
            SETTLED
        }
        "P39" => &["approved", "made"],
        "P40" => &["over"],
        "P41" => return Reads::AtEnd(Fields::Only(SETTLED)),
        "TH2" => &["unsigned", "outside", "over", "unmeant"],
        _ => return Reads::Fields(Fields::All),
    }))
}
