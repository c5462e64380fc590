//! The roles as pure, total steps. Start at [`Machine`].
//!
//! A step never misses a transition: a message that does not fit is an explicit refusal and leaves the state as
//! it was. Inputs are *relative*: `issue(applicant-changed)` says how a message differs from the one that would be
//! right, so that a role's guards can be enumerated. Bytes, ids and cryptography are the conformance runner's.

pub mod chip;
pub mod identity;
pub mod issuer;
pub mod pos;
pub mod sms;
pub mod terminal;
pub mod verifier;

use std::fmt::{Debug, Display};
use std::hash::Hash;

use arrayvec::ArrayVec;
use kaika_spec::{Refusal, Weakness};

/// A set of weaknesses. The empty set is the specification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weak(u64);

impl Weak {
    /// No weakness: the hardened protocol.
    pub const HARDENED: Self = Self(0);

    /// Exactly one weakness.
    pub const fn only(weakness: Weakness) -> Self {
        Self(1 << weakness as u32)
    }

    /// This set and one more weakness.
    #[must_use]
    pub const fn with(self, weakness: Weakness) -> Self {
        Self(self.0 | 1 << weakness as u32)
    }

    /// Whether the countermeasure against `weakness` is absent.
    pub const fn has(self, weakness: Weakness) -> bool {
        self.0 & 1 << weakness as u32 != 0
    }

    /// The weaknesses of the set, in the order of the specification.
    pub fn list(self) -> impl Iterator<Item = Weakness> {
        Weakness::ALL
            .iter()
            .copied()
            .filter(move |weakness| self.has(*weakness))
    }

    /// The literal claims: every weakness but those that the claims do not have (`spec/15-gaps.md`).
    pub fn as_claimed() -> Self {
        let claimed = |weakness: &&Weakness| !NEVER_CLAIMED.contains(weakness);
        Weakness::ALL
            .iter()
            .filter(claimed)
            .fold(Self::HARDENED, |set, weakness| set.with(*weakness))
    }
}

/// The weaknesses that the literal claims do not leave: each shows that a property is not vacuous.
pub const NEVER_CLAIMED: &[Weakness] = &[
    Weakness::ScoreFromVerifier,
    Weakness::PanEchoed,
    Weakness::AgreementForwarded,
    Weakness::OfflineApprove,
    Weakness::CodeEchoed,
];

/// What a role says about an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Taken and done.
    Accept,
    /// A known message again: the stored answer, and nothing is done.
    Repeat,
    /// A refusal of an HTTP or ISO 8583 role.
    Refuse(Refusal),
    /// The status word of a chip; `0x9000` is the good one.
    Sw(u16),
    /// No answer at all: power failed.
    Silent,
}

impl Verdict {
    /// Whether the message did what it was for.
    pub const fn is_good(self) -> bool {
        matches!(
            self,
            Self::Accept | Self::Repeat | Self::Sw(0x9000 | 0x6283)
        )
    }
}

/// What a role says in one step: a few words, kept in place.
pub type Said<O> = ArrayVec<O, 4>;

/// What a step comes to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Outcome<S, O> {
    /// The state after it; equal to the state before when the verdict is a refusal without a counter.
    pub next: S,
    /// What the role says and to whom, in order.
    pub out: Said<O>,
    /// Taken, repeated or refused.
    pub verdict: Verdict,
    /// The requirements that decide this step.
    pub reqs: &'static [&'static str],
}

impl<S, O> Outcome<S, O> {
    /// Accepted, with what is said.
    pub fn accept(
        next: S,
        out: impl IntoIterator<Item = O>,
        reqs: &'static [&'static str],
    ) -> Self {
        Self {
            next,
            out: out.into_iter().collect(),
            verdict: Verdict::Accept,
            reqs,
        }
    }

    /// Answered from store.
    pub fn repeat(
        next: S,
        out: impl IntoIterator<Item = O>,
        reqs: &'static [&'static str],
    ) -> Self {
        Self {
            next,
            out: out.into_iter().collect(),
            verdict: Verdict::Repeat,
            reqs,
        }
    }

    /// Refused; `next` is the old state but for counters.
    pub fn refuse(next: S, refusal: Refusal, reqs: &'static [&'static str]) -> Self {
        Self {
            next,
            out: Said::new(),
            verdict: Verdict::Refuse(refusal),
            reqs,
        }
    }

    /// Answered with a status word.
    pub fn sw(next: S, sw: u16, reqs: &'static [&'static str]) -> Self {
        Self {
            next,
            out: Said::new(),
            verdict: Verdict::Sw(sw),
            reqs,
        }
    }
}

/// A role that stands alone as a Mealy machine: what vectors are generated from.
pub trait Machine {
    /// Small, ordered and hashable.
    type State: Copy + Ord + Hash + Debug;
    /// A finite alphabet with stable text names.
    type Input: Copy + Ord + Hash + Debug + Display + 'static;
    /// What the role says.
    type Output: Copy + Ord + Hash + Debug + Display;

    /// The state of a subject after enrolment.
    fn init() -> Self::State;
    /// Every input, wrong variants included.
    fn inputs() -> Vec<Self::Input>;
    /// Whether a tester can say this now; a repeat needs something to repeat. `step` is total all the same.
    fn sayable(state: &Self::State, input: &Self::Input) -> bool;
    /// The input alone: pure and total.
    fn step(
        state: &Self::State,
        input: &Self::Input,
        weak: &Weak,
    ) -> Outcome<Self::State, Self::Output>;
    /// Parts of the alphabet that are worth enumerating together: each reaches a few hundred states.
    fn chapters() -> Vec<(&'static str, Vec<Self::Input>)>;
}

/// A finite alphabet: variants and their stable names.
macro_rules! alphabet {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $(#[doc = $text] $(#[$vdoc])* $variant,)+ }

        impl $name {
            /// Every letter.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable name: `message` or `message(variant)`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The letter with this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|letter| letter.name() == name)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
pub(crate) use alphabet;
