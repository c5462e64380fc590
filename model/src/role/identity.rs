//! The identity system: one reference. Read [`step`] first.

use kaika_spec::{Refusal, Weakness};

use super::{Machine, Outcome, Weak, alphabet};

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
        FrontRoute = "front(unknown-route)",
        FrontQuery = "front(query-string)",
        FrontMethod = "front(other-method)",
        FrontMediaType = "front(media-type)",
        FrontTimeMissing = "front(no-time)",
        FrontTimePast = "front(past)",
        FrontTimeFuture = "front(future)",
        FrontMacForm = "front(mac-form)",
        FrontCallerForm = "front(caller-form)",
        /// The issuer has pictures matched, which only the verifier may.
        FrontCallerOther = "front(other-caller)",
        FrontKeyMissing = "front(no-key)",
        FrontLong = "front(too-long)",
        FrontNoJson = "front(no-json)",
        FrontFieldUnknown = "front(unknown-field)",
        FrontFieldMissing = "front(missing-field)",
        FrontFieldRepeated = "front(repeated-field)",
        FrontFieldType = "front(field-type)",
        FrontFieldForm = "front(field-form)",
        EnrolUnsigned = "enrol(unsigned)",
        EnrolForged = "enrol(forged)",
        EnrolVerifier = "enrol(by-verifier)",
        EnrolAgain = "enrol(again)",
        MatchGood = "match(good)",
        MatchLow = "match(low)",
        MatchOneFrame = "match(one-frame-other)",
        MatchNoFrames = "match(no-frames)",
        MatchOtherPhoto = "match(other-photo)",
        MatchOtherText = "match(other-text)",
        MatchStranger = "match(unknown-person)",
        MatchUnsigned = "match(unsigned)",
        MatchOtherParty = "match(other-party)",
        MatchRepeat = "match(repeat)",
        MatchConflict = "match(key-conflict)",
        Score = "score(ok)",
        ScoreRepeat = "score(repeat)",
        ScoreConflict = "score(key-conflict)",
        ScoreOtherContext = "score(other-context)",
        ScoreOtherApplicant = "score(other-applicant)",
        ScoreOtherCaller = "score(other-caller)",
        ScoreUnsigned = "score(unsigned)",
        ScoreUnknown = "score(unknown-reference)",
        AdvanceAlmost = "advance(reference-ttl,almost)",
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

/// The identity system as a standalone machine.
#[derive(Clone, Copy, Debug)]
pub struct Identity;

type Step = Outcome<State, Output>;

impl Machine for Identity {
    type State = State;
    type Input = Input;
    type Output = Output;

    fn init() -> State {
        init()
    }

    fn inputs() -> Vec<Input> {
        Input::ALL.to_vec()
    }

    fn sayable(s: &State, input: &Input) -> bool {
        match input {
            // There is one reference, and it is made once.
            _ if (Input::MatchGood..=Input::MatchOtherParty).contains(input) => *s == State::None,
            _ if *input <= Input::EnrolAgain => *s == State::None,
            Input::MatchRepeat | Input::MatchConflict => *s != State::None,
            Input::ScoreRepeat | Input::ScoreConflict => matches!(s, State::Resolved { .. }),
            Input::Advance | Input::AdvanceAlmost => matches!(s, State::Scored { .. }),
            _ => true,
        }
    }

    fn step(state: &State, input: &Input, weak: &Weak) -> Step {
        step(state, input, weak)
    }

    fn chapters() -> Vec<(&'static str, Vec<Input>)> {
        vec![("reference", Input::ALL.to_vec())]
    }
}

/// The state before the pictures are matched.
pub const fn init() -> State {
    State::None
}

/// What is judged before a body's meaning.
fn front(s: State, input: Input) -> Step {
    let (refusal, reqs): (_, &'static [&'static str]) = match input {
        Input::FrontRoute | Input::FrontQuery => (Refusal::UnknownRoute, &["WIR-8"]),
        Input::FrontMethod => (Refusal::MethodNotAllowed, &["WIR-8"]),
        Input::FrontMediaType => (Refusal::UnsupportedMediaType, &["WIR-8"]),
        Input::FrontTimeMissing => (Refusal::Malformed, &["WIR-4"]),
        Input::FrontTimePast | Input::FrontTimeFuture => (Refusal::StaleTime, &["WIR-4"]),
        Input::FrontMacForm | Input::FrontCallerForm => (Refusal::Malformed, &["WIR-3"]),
        Input::FrontCallerOther => (Refusal::BadSignature, &["WIR-3"]),
        Input::FrontKeyMissing => (Refusal::IdempotencyKeyMissing, &["WIR-5"]),
        Input::FrontLong => (Refusal::TooLarge, &["WIR-2"]),
        _ => (Refusal::Malformed, &["WIR-1"]),
    };
    Outcome::refuse(s, refusal, reqs)
}

/// Takes one input.
pub fn step(state: &State, input: &Input, weak: &Weak) -> Step {
    let score = |good| {
        if good {
            Output::ScoreGood
        } else {
            Output::ScoreLow
        }
    };
    match (*state, *input) {
        (s, input) if input <= Input::FrontFieldForm => front(s, input),
        (s, Input::EnrolAgain) => Outcome::refuse(s, Refusal::AlreadyEnrolled, &[]),
        (
            s,
            Input::EnrolUnsigned
            | Input::EnrolForged
            | Input::EnrolVerifier
            | Input::MatchUnsigned
            | Input::ScoreUnsigned,
        ) => Outcome::refuse(s, Refusal::BadSignature, &["WIR-3"]),
        (s, Input::MatchOtherParty) => Outcome::refuse(s, Refusal::Malformed, &["PRV-16"]),
        (s, Input::MatchRepeat) => Outcome::repeat(s, [Output::Reference], &["WIR-6"]),
        (s, Input::MatchConflict | Input::ScoreConflict) => {
            Outcome::refuse(s, Refusal::IdempotencyConflict, &["WIR-7"])
        }
        (s, Input::ScoreUnknown) => Outcome::refuse(s, Refusal::ReferenceUnknown, &["PRV-16"]),
        (s, Input::ScoreOtherCaller) => Outcome::refuse(s, Refusal::BadSignature, &["PRV-19"]),
        (State::None, Input::MatchGood) => Outcome::accept(
            State::Scored { good: true },
            [Output::Reference],
            &["PRV-15", "PRV-16"],
        ),
        (
            State::None,
            Input::MatchLow
            | Input::MatchOneFrame
            | Input::MatchNoFrames
            | Input::MatchOtherPhoto
            | Input::MatchOtherText
            | Input::MatchStranger,
        ) => Outcome::accept(
            State::Scored { good: false },
            [Output::Reference],
            &["PRV-15", "PRV-16"],
        ),
        (s @ State::Scored { .. }, Input::ScoreOtherContext | Input::ScoreOtherApplicant)
            if !weak.has(Weakness::ReferenceUnbound) =>
        {
            Outcome::refuse(s, Refusal::ReferenceMismatch, &["PRV-16"])
        }
        (
            State::Scored { good },
            Input::Score | Input::ScoreOtherContext | Input::ScoreOtherApplicant,
        ) => Outcome::accept(State::Resolved { good }, [score(good)], &["PRV-17"]),
        (s @ State::Resolved { good }, Input::ScoreRepeat) => {
            Outcome::repeat(s, [score(good)], &["PRV-17"])
        }
        (
            s @ State::Resolved { good },
            Input::Score | Input::ScoreOtherContext | Input::ScoreOtherApplicant,
        ) if weak.has(Weakness::ReferenceReused) => Outcome::accept(s, [score(good)], &["PRV-17"]),
        (
            s @ State::Resolved { .. },
            Input::Score | Input::ScoreOtherContext | Input::ScoreOtherApplicant,
        ) => Outcome::refuse(s, Refusal::ReferenceUsed, &["PRV-17"]),
        (State::Scored { .. }, Input::Advance) => Outcome::accept(State::Expired, [], &["PRV-18"]),
        (s, Input::Advance | Input::AdvanceAlmost) => Outcome::accept(s, [], &["PRV-18"]),
        (
            State::Expired,
            Input::Score
            | Input::ScoreRepeat
            | Input::ScoreOtherContext
            | Input::ScoreOtherApplicant,
        ) => Outcome::refuse(State::Expired, Refusal::ReferenceExpired, &["PRV-18"]),
        (State::None, _) => Outcome::refuse(State::None, Refusal::ReferenceUnknown, &["PRV-16"]),
        (s, _) => Outcome::refuse(s, Refusal::WrongOrder, &["PRV-16"]),
    }
}
