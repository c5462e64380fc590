//! What became of a test: nine verdicts that are never mixed up, and the chart of a conversation that went wrong.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What became of a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As expected.
    Pass,
    /// Within what the specification allows, by this flag, and the manifest says that the subject does so.
    Lenient(String),
    /// Not as expected.
    Fail(Failure),
    /// Not as expected, and listed as known: the reason of the list.
    ExpectedFail(Failure, String),
    /// As expected, although it is listed as a known failure: the reason of the list.
    UnexpectedPass(String),
    /// Not played, and why: not asked for, or declined.
    Skip(String),
    /// Not played: what the subject does not offer.
    Unimplemented(String),
    /// Played, and neither right nor wrong can be said: the other side did not answer in time, or what came before failed.
    Inconclusive(Failure),
    /// The runner or a hook failed; the subject was not judged.
    Error(Failure),
}

/// Where and why a test failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Number of the step, from one; zero is the vector itself.
    pub step: usize,
    /// The step in a few words: who to whom, and what.
    pub what: String,
    /// What was wanted.
    pub expected: String,
    /// What came.
    pub seen: String,
}

/// One arrow of a sequence chart: a step that was played.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrow {
    /// Who spoke: a role, `runner` or `clock`.
    pub from: String,
    /// To whom; the same for what one does alone.
    pub to: String,
    /// What, in a few words.
    pub label: String,
}

/// What became of one test.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Played {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its requirements.
    pub requirements: Vec<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
    /// The steps that were played, the last one the one that went wrong; empty when none did.
    pub chart: Vec<Arrow>,
}

impl Verdict {
    /// Every name, in the order in which counts are told.
    pub const NAMES: &'static [&'static str] = &[
        "pass",
        "lenient",
        "fail",
        "expected-fail",
        "unexpected-pass",
        "skip",
        "unimplemented",
        "inconclusive",
        "error",
    ];

    /// Its name in reports.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Lenient(_) => "lenient",
            Self::Fail(_) => "fail",
            Self::ExpectedFail(..) => "expected-fail",
            Self::UnexpectedPass(_) => "unexpected-pass",
            Self::Skip(_) => "skip",
            Self::Unimplemented(_) => "unimplemented",
            Self::Inconclusive(_) => "inconclusive",
            Self::Error(_) => "error",
        }
    }

    /// What went wrong, and where.
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Fail(failure)
            | Self::ExpectedFail(failure, _)
            | Self::Inconclusive(failure)
            | Self::Error(failure) => Some(failure),
            Self::Pass
            | Self::Lenient(_)
            | Self::UnexpectedPass(_)
            | Self::Skip(_)
            | Self::Unimplemented(_) => None,
        }
    }

    /// The flag or the reason that goes with it.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Lenient(reason)
            | Self::ExpectedFail(_, reason)
            | Self::UnexpectedPass(reason)
            | Self::Skip(reason)
            | Self::Unimplemented(reason) => Some(reason),
            Self::Pass | Self::Fail(_) | Self::Inconclusive(_) | Self::Error(_) => None,
        }
    }
}
