//! What each part of what may happen, and each thing that is looked for, depends on; and which fields are numbered together.

use crate::scope::{Fields, Reads};

/// What a terminal says, and the time that passes for it, depends on, and changes, these.
macro_rules! said_of {
    ($own:literal, $other:literal) => {
        &[
            "requests[1].?",
            concat!($own, ".driver"),
            concat!($own, ".verifier"),
            concat!($own, ".sms"),
            concat!($own, ".said"),
            concat!($own, ".applicant"),
            concat!($other, ".driver"),
            concat!($other, ".sms"),
            concat!($other, ".applicant"),
        ]
    };
}

/// The fields that the actions of a request neither read nor write: those of the other that are its own, and more.
macro_rules! beside {
    ($other:literal $(, $more:expr)*) => {
        &[
            concat!($other, ".verifier.phase"),
            concat!($other, ".verifier.expired"),
            concat!($other, ".verifier.tries"),
            concat!($other, ".verifier.guesses"),
            concat!($other, ".verifier.sends"),
            concat!($other, ".verifier.rested"),
            concat!($other, ".verifier.stale"),
            concat!($other, ".verifier.policy_stale"),
            concat!($other, ".verifier.bound"),
            concat!($other, ".verifier.order"),
            concat!($other, ".issuer.request"),
            concat!($other, ".issuer.blocked"),
            concat!($other, ".issuer.agreement"),
            concat!($other, ".issuer.token"),
            concat!($other, ".issuer.session"),
            concat!($other, ".issuer.held"),
            concat!($other, ".said"),
            concat!($other, ".flying"),
            concat!($other, ".owed"),
            concat!($other, ".half"),
            concat!($other, ".consented"),
            concat!($other, ".proved"),
            concat!($other, ".code"),
            concat!($other, ".evidence"),
            concat!($other, ".asked"),
            concat!($other, ".made"),
            concat!($other, ".cards"),
            concat!($other, ".twice"),
            concat!($other, ".over_quota"),
            concat!($other, ".late"),
            concat!($other, ".dead_video"),
            $($more),*
        ]
    };
}

/// The fields that neither the issuer nor what is under way to it reads or writes.
macro_rules! beside_issuer {
    ($own:literal, $other:literal) => {
        beside!(
            $other,
            concat!($own, ".verifier"),
            concat!($own, ".sms"),
            concat!($own, ".said"),
            "wrong",
            "shown",
            "code_out",
            "unlocked",
            "locked"
        )
    };
}

/// The fields that the operator neither reads nor writes.
const BESIDE_OPERATOR: &[&str] = &[
    "faults",
    "crashes",
    "pan_out",
    "agreement_out",
    "locked",
    "repelled",
    "requests[0].verifier",
    "requests[0].reference",
    "requests[0].sms",
    "requests[0].said",
    "requests[0].flying",
    "requests[0].owed",
    "requests[0].half",
    "requests[0].proved",
    "requests[0].code",
    "requests[0].evidence",
    "requests[0].made",
    "requests[0].cards",
    "requests[0].twice",
    "requests[0].lookups",
    "requests[0].over_quota",
    "requests[1].verifier",
    "requests[1].reference",
    "requests[1].sms",
    "requests[1].said",
    "requests[1].flying",
    "requests[1].owed",
    "requests[1].half",
    "requests[1].proved",
    "requests[1].code",
    "requests[1].evidence",
    "requests[1].made",
    "requests[1].cards",
    "requests[1].twice",
    "requests[1].lookups",
    "requests[1].over_quota",
];

/// The same field of both requests.
macro_rules! of_both {
    ($($field:literal),+) => {
        &[$(concat!("requests[0].", $field), concat!("requests[1].", $field)),+]
    };
}

/// Fields of which few combinations occur, and in how many bits they are numbered.
pub(super) const NUMBERED: &[(&[&str], u32)] = &[
    (&["requests[0].verifier.passwords"], 3),
    (&["requests[1].verifier.passwords"], 3),
    (&["requests[0].verifier", "requests[0].said"], 10),
    (&["requests[1].verifier", "requests[1].said"], 8),
    (&["requests[0].reference", "requests[0].lookups"], 3),
    (&["requests[1].reference", "requests[1].lookups"], 3),
    (&["requests[0].sms"], 1),
    (&["requests[1].sms"], 1),
    (
        &[
            "requests[0].driver",
            "requests[0].applicant",
            "requests[1].?",
            "requests[1].driver",
            "requests[1].applicant",
        ],
        4,
    ),
    (
        &[
            "requests[0].?",
            "branch",
            "rephoned",
            "requests[0].issuer.card",
            "requests[0].issuer.by_user",
            "requests[0].issuer.by_issuer",
            "requests[0].issuer.debit",
            "requests[0].issuer.tap",
            "requests[0].issuer.counted",
            "requests[1].issuer.card",
            "requests[1].issuer.by_user",
            "requests[1].issuer.by_issuer",
            "requests[1].issuer.debit",
            "requests[1].issuer.tap",
            "requests[1].issuer.counted",
        ],
        5,
    ),
    (&["requests[0]"], 7),
    (&["requests[1]"], 7),
    (&["wrong", "code_out", "shown", "locked", "unlocked"], 5),
    (
        &["faults", "crashes", "changes", "pan_out", "agreement_out"],
        3,
    ),
];

pub(super) fn fields(part: usize) -> Fields {
    match part {
        0 => Fields::Only(said_of!("requests[0]", "requests[1]")),
        1 => Fields::AllBut(beside!(
            "requests[1]",
            "requests[1].reference",
            "requests[1].lookups",
            "requests[1].sms",
            "changes",
            "crashes",
            "unlocked",
            "shown",
            "repelled"
        )),
        2 => Fields::AllBut(beside_issuer!("requests[0]", "requests[1]")),
        3 => Fields::Only(said_of!("requests[1]", "requests[0]")),
        4 => Fields::AllBut(beside!(
            "requests[0]",
            "requests[0].reference",
            "requests[0].lookups",
            "changes",
            "crashes",
            "unlocked"
        )),
        5 => Fields::AllBut(beside_issuer!("requests[1]", "requests[0]")),
        6 => Fields::AllBut(BESIDE_OPERATOR),
        _ => Fields::All,
    }
}

pub(super) fn wakes(part: usize) -> Fields {
    match part {
        7 => Fields::Only(of_both!("verifier.passwords")),
        _ => fields(part),
    }
}

pub(super) fn reads(name: &str) -> Reads {
    Reads::Fields(Fields::Only(match name {
        "P01" => of_both!("asked", "proved"),
        "P02" => of_both!("asked", "applicant", "driver"),
        "P03" => of_both!("made"),
        "P04" => of_both!("sms"),
        "P05" => of_both!("code"),
        "P08" => of_both!("made", "applicant", "driver"),
        "P09" => of_both!("made", "proved", "code"),
        "P10" | "P11" => of_both!("made"),
        "P06" => of_both!("late"),
        "P07" => &["wrong"],
        "P12" => of_both!("lookups"),
        "P13" => of_both!("dead_video"),
        "P14" | "P15" | "P44" => of_both!("made"),
        "P19" => &["shown"],
        "P20" => {
            return Reads::OneOf(&[
                Fields::Only(&["requests[0].?", "requests[0].verifier"]),
                Fields::Only(&["requests[1].?", "requests[1].verifier"]),
            ]);
        }
        "P28" => &["code_out"],
        "TH1" => of_both!("made", "driver"),
        "TH5" => &["pan_out", "agreement_out", "code_out", "shown"],
        "P16" => of_both!("cards", "issuer.card", "made", "applicant", "driver"),
        "P17" => of_both!("half", "issuer"),
        "P18" => of_both!("twice"),
        "P26" => &["pan_out"],
        "P27" => &["agreement_out"],
        _ => return Reads::Fields(Fields::All),
    }))
}
