//! Why a requirement has no vector on one side, or on neither. Start at [`CLASSES`]; [`complaints`] holds the table to what is so.

use std::collections::BTreeSet;

use crate::requirement::Shown;

/// Which vectors are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// None that ends in acceptance.
    Positive,
    /// None that ends in refusal.
    Negative,
    /// None at all.
    Both,
}

impl Without {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Positive => "a positive vector",
            Self::Negative => "a negative vector",
            Self::Both => "any vector",
        }
    }

    /// What is missing, if something is.
    const fn of(shown: &Shown) -> Option<Self> {
        match (shown.positive, shown.negative) {
            (true, true) => None,
            (false, true) => Some(Self::Positive),
            (true, false) => Some(Self::Negative),
            (false, false) => Some(Self::Both),
        }
    }
}

/// Requirements that lack the same for the same reason.
pub struct Class {
    /// What they lack.
    pub without: Without,
    /// Why, and what shows them instead. Names in backquotes with a slash are files or folders.
    pub why: &'static str,
    /// Them.
    pub ids: &'static [&'static str],
}

/// Every requirement without vectors on both sides.
pub const CLASSES: &[Class] = &[
    Class {
        without: Without::Positive,
        why: "it says what is refused; the accepted ways of its chapter show that nothing else is, and name what they are about",
        ids: &[
            "APP-3", "APP-6", "APP-8", "APP-12", "APP-15", "PRV-19", "ISS-3", "ISS-4", "ISS-6",
            "ISS-7", "ISS-11", "ISS-17", "ISS-21", "PRO-4", "PRO-10", "PRO-15", "PAY-2", "PAY-9",
            "PAY-10", "PAY-16", "PAY-17", "PAY-21", "TAP-8", "TAP-12", "TAP-15", "TAP-18",
            "TAP-23", "APD-5", "APD-6", "APD-7", "APD-10", "WIR-2", "WIR-3", "WIR-7", "WIR-12",
        ],
    },
    Class {
        without: Without::Positive,
        why: "it says what a refusal is, or leaves as it was",
        ids: &["APD-3"],
    },
    Class {
        without: Without::Negative,
        why: "it says what is done, answered or stored; no message is refused by it, and a subject that does otherwise fails an accepted way",
        ids: &[
            "APP-10", "PRV-10", "ISS-12", "ISS-13", "BND-1", "BND-2", "PRO-3", "PRO-6", "PRO-7",
            "PAY-1", "PAY-15", "TAP-1", "TAP-2", "TAP-4", "TAP-16", "MNG-3", "MNG-4", "MNG-8",
            "APD-12", "WIR-6",
        ],
    },
    Class {
        without: Without::Negative,
        why: "what breaks it is refused by another rule, which the vector names: a state that was left, the evidence of a branch, a token that is deleted",
        ids: &["PRV-4", "ISS-9", "BND-3", "PRO-14"],
    },
    Class {
        without: Without::Negative,
        why: "the refusals stand inside vectors that end well: the last counter of the window, PIN tries up to the last, frames that close a connection",
        ids: &["TAP-14", "APD-11", "WIR-11"],
    },
    Class {
        without: Without::Negative,
        why: "a terminal, the person's or the shop's, is asked nothing that it could refuse: vectors look at what it shows and sends",
        ids: &[
            "APP-16", "PRV-20", "PRV-21", "PRV-22", "PAY-14", "PAY-19", "PAY-22", "TAP-10",
            "TAP-19", "TAP-20", "TAP-21", "TAP-22", "TAP-24", "WIR-17",
        ],
    },
    Class {
        without: Without::Both,
        why: "about the vault, which no message shows: `impl/tokenization/src/draft/tests.rs`, `impl/issuer/src/tests/vault.rs`, `impl/node/tests/vault.rs`, the fuzz target `vault`",
        ids: &[
            "ISS-14", "ISS-15", "ISS-25", "ISS-26", "ISS-27", "ISS-28", "ISS-29", "ISS-30",
            "ISS-31", "ISS-33", "ISS-38", "ISS-39", "ISS-40",
        ],
    },
    Class {
        without: Without::Both,
        why: "about how a server is set up: `impl/tokenization/src/range.rs`, `impl/tokenization/src/generate.rs`",
        ids: &["ISS-24", "ISS-37"],
    },
    Class {
        without: Without::Both,
        why: "who presents a token is not in the messages that present one: `impl/issuer/src/tests/vault.rs`, `impl/tokenization/src/domain.rs`",
        ids: &["ISS-36"],
    },
    Class {
        without: Without::Negative,
        why: "asked for a second token of one use the issuer answers with the first: `impl/issuer/src/tests/vault.rs`",
        ids: &["ISS-34"],
    },
    Class {
        without: Without::Both,
        why: "a search over everything that is said, and one run says nothing of chance: `tests/secrets.rs`, `tests/cores.rs`, `impl/verifier/src/tests.rs`",
        ids: &["ISS-16", "PRV-2"],
    },
    Class {
        without: Without::Both,
        why: "about what is stored and shown by no message: `impl/issuer/src/tests/pay.rs`",
        ids: &["ISS-22", "PAY-18"],
    },
    Class {
        without: Without::Both,
        why: "what one server passes on to the next: `impl/verifier/src/tests/late.rs`; vectors of the verifier compare the message and do not name it",
        ids: &["APP-11", "ISS-23", "PAY-20"],
    },
    Class {
        without: Without::Both,
        why: "compared in every tap's vector, which is named for what the tap is about",
        ids: &["TAP-17", "WIR-13"],
    },
    Class {
        without: Without::Both,
        why: "about connections in time: `tests/serve.rs`, `impl/node/tests/pos.rs`",
        ids: &["WIR-14", "WIR-15", "WIR-16"],
    },
    Class {
        without: Without::Negative,
        why: "about a process that dies: what it says when it was started again is no refusal: `tests/serve.rs`",
        ids: &["WIR-10"],
    },
    Class {
        without: Without::Both,
        why: "about logs, which no vector reads: `kaika trace`, `conformance/trace/tests`, `tests/secrets.rs`",
        ids: &["LOG-1", "LOG-2", "LOG-3", "LOG-4", "LOG-5", "LOG-6"],
    },
];

/// What the table says a requirement lacks.
fn listed(id: &str) -> impl Iterator<Item = Without> {
    let classes = CLASSES.iter().filter(move |class| class.ids.contains(&id));
    classes.map(|class| class.without)
}

/// What is wrong with what the table says of a requirement, if anything is.
pub fn complaint(id: &str, shown: &Shown) -> Option<String> {
    let says: Vec<Without> = listed(id).collect();
    match (Without::of(shown), says.as_slice()) {
        (None, []) => None,
        (Some(lacks), [one]) if lacks == *one => None,
        (Some(lacks), []) => Some(format!(
            "{id} has not {}, and no reason is given",
            lacks.words()
        )),
        (lacks, _) => {
            let is = lacks.map_or("nothing", Without::words);
            let says: Vec<&str> = says.iter().map(|one| one.words()).collect();
            Some(format!(
                "{id} lacks {is}, and the reasons are for {}",
                says.join(" and ")
            ))
        }
    }
}

/// Requirements whose reasons are missing, stale or about nothing.
pub fn complaints(requirements: &[(String, Shown)]) -> Vec<String> {
    let known: BTreeSet<&str> = requirements.iter().map(|(id, _)| id.as_str()).collect();
    let of_nothing = CLASSES
        .iter()
        .flat_map(|class| class.ids)
        .filter(|id| !known.contains(*id))
        .map(|id| format!("a reason is given for {id}, which is no requirement"));
    let wrong = requirements
        .iter()
        .filter_map(|(id, shown)| complaint(id, shown));
    wrong.chain(of_nothing).collect()
}
