//! One change to a role's step, and the roles that have them.

use std::fmt;

/// How a step is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// A condition is always true, never, negated, or about another letter.
    Guard,
    /// One case of a condition, or one arm, is left out.
    Case,
    /// A limit or a counter is off by one.
    Number,
    /// A field or a function's update is left out.
    Skip,
    /// Another next state, or all forgotten.
    Next,
    /// Another output, or one not said.
    Output,
    /// Another refusal, or accepted.
    Verdict,
}

impl Operator {
    /// Every operator.
    pub const ALL: &'static [Self] = &[
        Self::Guard,
        Self::Case,
        Self::Number,
        Self::Skip,
        Self::Next,
        Self::Output,
        Self::Verdict,
    ];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Guard => "guard",
            Self::Case => "case left out",
            Self::Number => "off by one",
            Self::Skip => "update skipped",
            Self::Next => "next state",
            Self::Output => "output",
            Self::Verdict => "verdict",
        }
    }

    /// Whether it changes when something is done, and not what is done.
    pub const fn is_guard(self) -> bool {
        matches!(self, Self::Guard | Self::Case)
    }
}

/// One mutant of a role. Its number is its place in the role's table, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// The function of the model that it changes.
    pub function: &'static str,
    /// How.
    pub operator: Operator,
    /// What stood there, and what becomes of it.
    pub what: &'static str,
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.function, self.what)
    }
}
