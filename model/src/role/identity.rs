//! The identity system: one reference. Read [`step`] first.

use kaika_spec::{Refusal, Weakness};

use super::{Outcome, Weak, alphabet};

/// The life of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Not made.
    None,
    /// Made, with this score good or not.
    Scored {
        /// Every component is high enough.
        good: bool,
    },
    /// Looked up.
    Resolved {
        /// Every component is high enough.
        good: bool,
    },
    /// Too old.
    Expired,
}

alphabet! {
    /// What may come to the identity system.
    Input {
        MatchGood = "match(good)",
        MatchLow = "match(low)",
        Score = "score(ok)",
        ScoreRepeat = "score(repeat)",
        ScoreOtherContext = "score(other-context)",
        ScoreOtherCaller = "score(other-caller)",
        Advance = "advance(reference-ttl)",
    }
}

alphabet! {
    /// What the identity system says.
    Output {
        Reference = "verifier:reference",
        ScoreGood = "issuer:score(good)",
        ScoreLow = "issuer:score(low)",
    }
}

/// Takes one input.
pub fn step(state: &State, input: &Input, weak: &Weak) -> Outcome<State, Output> {
    let score = |good| {
        if good {
            Output::ScoreGood
        } else {
            Output::ScoreLow
        }
    };
    match (*state, *input) {
        (s, Input::ScoreOtherCaller) => Outcome::refuse(s, Refusal::BadSignature, &["PRV-19"]),
        (State::None, Input::MatchGood) => Outcome::accept(
            State::Scored { good: true },
            [Output::Reference],
            &["PRV-15", "PRV-16"],
        ),
        (State::None, Input::MatchLow) => Outcome::accept(
            State::Scored { good: false },
            [Output::Reference],
            &["PRV-15", "PRV-16"],
        ),
        (s @ State::Scored { .. }, Input::ScoreOtherContext)
            if !weak.has(Weakness::ReferenceUnbound) =>
        {
            Outcome::refuse(s, Refusal::ReferenceMismatch, &["PRV-16"])
        }
        (State::Scored { good }, Input::Score | Input::ScoreOtherContext) => {
            Outcome::accept(State::Resolved { good }, [score(good)], &["PRV-17"])
        }
        (s @ State::Resolved { good }, Input::ScoreRepeat) => {
            Outcome::repeat(s, [score(good)], &["PRV-17"])
        }
        (s @ State::Resolved { good }, Input::Score | Input::ScoreOtherContext)
            if weak.has(Weakness::ReferenceReused) =>
        {
            Outcome::accept(s, [score(good)], &["PRV-17"])
        }
        (s @ State::Resolved { .. }, Input::Score | Input::ScoreOtherContext) => {
            Outcome::refuse(s, Refusal::ReferenceUsed, &["PRV-17"])
        }
        (State::Expired, Input::Score | Input::ScoreRepeat | Input::ScoreOtherContext) => {
            Outcome::refuse(State::Expired, Refusal::ReferenceExpired, &["PRV-18"])
        }
        (State::Scored { .. }, Input::Advance) => Outcome::accept(State::Expired, [], &["PRV-18"]),
        (s, Input::Advance) => Outcome::accept(s, [], &["PRV-18"]),
        (State::None, _) => Outcome::refuse(State::None, Refusal::ReferenceUnknown, &["PRV-16"]),
        (s, _) => Outcome::refuse(s, Refusal::WrongOrder, &["PRV-16"]),
    }
}
