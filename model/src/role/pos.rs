//! The shop's terminal: one payment. Read [`step`] first.

use kaika_spec::{Refusal, Weakness};

use super::{Machine, Outcome, Weak, alphabet};

/// How far the payment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Waiting for a card.
    Idle,
    /// The issuer was asked; the card can check its answer.
    Asked,
    /// No answer: a reversal is due.
    Reversing,
    /// The shop was told yes.
    Approved,
    /// The shop was told no.
    Declined,
    /// The issuer was asked; the card cannot check its answer.
    AskedPlain,
    /// The card cannot pay here, and the issuer was not asked.
    Unusable,
}

alphabet! {
    /// What may happen to the shop's terminal.
    Input {
        /// A card that can check the issuer's answer gives a request cryptogram.
        Card = "card(cryptogram)",
        /// The same, and the shop wants to be paid at once.
        CardFinancial = "card(cryptogram,financial)",
        /// A card that cannot check the issuer's answer.
        CardPlain = "card(cryptogram,no-issuer-authentication)",
        CardDeclines = "card(declines)",
        CardApproves = "card(approves-by-itself)",
        CardNoDirectory = "card(no-directory)",
        CardNoApplication = "card(no-application)",
        CardSuspended = "card(suspended)",
        CardTwice = "card(object-twice)",
        CardNoList = "card(no-list)",
        CardGoneEarly = "card(gone)",
        Approved = "answer(approved)",
        ApprovedNoProof = "answer(approved,no-proof)",
        /// The card does not take the proof.
        ApprovedRefused = "answer(approved,proof-refused)",
        /// The card has left the field.
        ApprovedGone = "answer(approved,card-gone)",
        Declined = "answer(declined)",
        /// An answer to another request on the same line.
        AnswerOther = "answer(other-request)",
        AnswerAmount = "answer(other-amount)",
        AnswerToken = "answer(other-token)",
        AnswerCurrency = "answer(other-currency)",
        AnswerNoCode = "answer(no-code)",
        AnswerUnreadable = "answer(unreadable)",
        LineEnds = "line-ends",
        TimeOut = "time-out",
        Reversed = "answer(reversed)",
        /// The name of the reversal is that of another transaction.
        ReversedOther = "answer(reversal,64)",
        ReversalRefused = "answer(reversal,96)",
        ReversalAmount = "answer(reversed,other-amount)",
        /// The approval comes when the reversal was sent.
        ApprovedLate = "answer(approved,late)",
    }
}

alphabet! {
    /// What the shop's terminal says.
    Output {
        Authorise = "issuer:0100",
        Pay = "issuer:0200",
        Reverse = "issuer:0400",
        Prove = "chip:external-authenticate",
        ShowApproved = "shop:approved",
        ShowDeclined = "shop:declined",
        ShowReversed = "shop:reversed",
        ShowUnusable = "shop:card-unusable",
    }
}

/// The shop's terminal as a standalone machine.
#[derive(Clone, Copy, Debug)]
pub struct Pos;

type Step = Outcome<State, Output>;

impl Machine for Pos {
    type State = State;
    type Input = Input;
    type Output = Output;

    fn init() -> State {
        init()
    }

    fn inputs() -> Vec<Input> {
        Input::ALL.to_vec()
    }

    /// A tester has no other words for a terminal that does not wait for them.
    fn sayable(s: &State, input: &Input) -> bool {
        match s {
            State::Idle => *input <= Input::CardGoneEarly,
            State::Asked => (Input::Approved..=Input::TimeOut).contains(input),
            State::AskedPlain => {
                (Input::Approved..=Input::TimeOut).contains(input)
                    && !matches!(input, Input::ApprovedRefused | Input::ApprovedGone)
            }
            State::Reversing => (Input::LineEnds..=Input::ApprovedLate).contains(input),
            State::Approved | State::Declined | State::Unusable => false,
        }
    }

    fn step(state: &State, input: &Input, weak: &Weak) -> Step {
        step(state, input, weak)
    }

    fn chapters() -> Vec<(&'static str, Vec<Input>)> {
        vec![("sale", Input::ALL.to_vec())]
    }
}

/// The state before a card comes.
pub const fn init() -> State {
    State::Idle
}

/// Takes one input.
pub fn step(state: &State, input: &Input, weak: &Weak) -> Step {
    match *state {
        State::Idle => presented(*input, weak),
        State::Asked | State::AskedPlain => answered(*state, *input),
        State::Reversing => reversing(*input, weak),
        State::Approved | State::Declined | State::Unusable => wrong(*state),
    }
}

fn wrong(s: State) -> Step {
    Outcome::refuse(s, Refusal::WrongOrder, &["TAP-10"])
}

/// A card comes.
fn presented(input: Input, weak: &Weak) -> Step {
    let asks = |next, out| Outcome::accept(next, [out], &["TAP-10", "TAP-20"]);
    match input {
        Input::Card if weak.has(Weakness::OfflineApprove) => {
            Outcome::accept(State::Approved, [Output::Authorise], &["TAP-10"])
        }
        Input::Card => asks(State::Asked, Output::Authorise),
        Input::CardFinancial => asks(State::Asked, Output::Pay),
        Input::CardPlain => asks(State::AskedPlain, Output::Authorise),
        Input::CardDeclines
        | Input::CardApproves
        | Input::CardNoDirectory
        | Input::CardNoApplication
        | Input::CardSuspended
        | Input::CardTwice
        | Input::CardNoList
        | Input::CardGoneEarly => {
            Outcome::accept(State::Unusable, [Output::ShowUnusable], &["TAP-10"])
        }
        _ => wrong(State::Idle),
    }
}

/// The issuer was asked.
fn answered(s: State, input: Input) -> Step {
    let reverses = |reqs| Outcome::accept(State::Reversing, [Output::Reverse], reqs);
    let proves = s == State::Asked;
    match input {
        Input::Approved | Input::ApprovedGone if proves => Outcome::accept(
            State::Approved,
            [Output::Prove, Output::ShowApproved],
            &["TAP-10", "TAP-19"],
        ),
        Input::ApprovedNoProof if proves => reverses(&["TAP-19"]),
        Input::ApprovedRefused if proves => Outcome::accept(
            State::Reversing,
            [Output::Prove, Output::Reverse],
            &["TAP-19"],
        ),
        Input::Approved | Input::ApprovedNoProof => {
            Outcome::accept(State::Approved, [Output::ShowApproved], &["TAP-10"])
        }
        Input::Declined => Outcome::accept(State::Declined, [Output::ShowDeclined], &["TAP-10"]),
        Input::AnswerOther => Outcome::accept(s, [], &["TAP-22"]),
        Input::AnswerAmount
        | Input::AnswerToken
        | Input::AnswerCurrency
        | Input::AnswerNoCode
        | Input::AnswerUnreadable
        | Input::LineEnds
        | Input::TimeOut => reverses(&["TAP-11"]),
        _ => wrong(s),
    }
}

/// A reversal was sent.
fn reversing(input: Input, weak: &Weak) -> Step {
    let again = |reqs| Outcome::accept(State::Reversing, [Output::Reverse], reqs);
    match input {
        Input::TimeOut | Input::LineEnds if weak.has(Weakness::ReversalOnce) => {
            Outcome::accept(State::Declined, [Output::ShowReversed], &["TAP-11"])
        }
        Input::TimeOut | Input::LineEnds => again(&["TAP-11"]),
        Input::ReversalRefused => again(&["TAP-24"]),
        Input::ReversalAmount => again(&["TAP-22"]),
        Input::ApprovedLate => Outcome::accept(State::Reversing, [], &["TAP-10", "TAP-11"]),
        Input::Reversed => Outcome::accept(State::Declined, [Output::ShowReversed], &["TAP-11"]),
        Input::ReversedOther => {
            Outcome::accept(State::Declined, [Output::ShowReversed], &["TAP-24"])
        }
        _ => wrong(State::Reversing),
    }
}
