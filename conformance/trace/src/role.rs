//! What the checker needs of a role's machine beside its steps. Start at [`Part`].
//!
//! Each file here is the mapping from events to letters of one role: a table of acts, what an output is called in a log, and the
//! quirks, each with its reason.

pub(crate) mod chip;
pub(crate) mod identity;
pub(crate) mod issuer;
pub(crate) mod pos;
pub(crate) mod sms;
pub(crate) mod terminal;
pub(crate) mod verifier;

use std::fmt::{Debug, Display};

use kaika_model::role::{Outcome, Verdict};

use crate::event::Event;

/// What an output is in a log: to whom, and which word. An empty name is whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// A call: to whom, method and path.
    Call(&'static str, &'static str),
    /// An answer: its word.
    Word(&'static str),
    /// An answer that says none of the words.
    Any,
    /// Nothing that a log shows.
    Nothing,
    /// What only a weak role says.
    Never,
}

/// What a decision that waits for another role is in the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opens {
    /// The act never waits.
    Nothing,
    /// This letter: its first call is made, its state is kept.
    Letter(&'static str),
    /// This letter's first call is made; the state changes when the answer is there.
    Held(&'static str),
}

/// One row of the table of acts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act {
    /// As in the log.
    pub(crate) act: &'static str,
    /// The letters: those whose name begins so.
    pub(crate) base: &'static str,
    /// The kind of thing that has a state of its own.
    pub(crate) own: &'static str,
    /// When it waits.
    pub(crate) opens: Opens,
}

/// A row.
pub(crate) const fn act(act: &'static str, base: &'static str, own: &'static str) -> Act {
    Act {
        act,
        base,
        own,
        opens: Opens::Nothing,
    }
}

impl Act {
    pub(crate) const fn opens(self, letter: &'static str) -> Self {
        Self {
            opens: Opens::Letter(letter),
            ..self
        }
    }

    pub(crate) const fn holds(self, letter: &'static str) -> Self {
        Self {
            opens: Opens::Held(letter),
            ..self
        }
    }
}

/// When things happened to a thing, ms; the ends of lives are counted from here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// It was made.
    pub(crate) made: Option<i64>,
    /// The order was made.
    pub(crate) ordered: Option<i64>,
    /// The last code was sent, the last decision made.
    pub(crate) sent: Option<i64>,
    /// The last policy was shown.
    pub(crate) policy: Option<i64>,
    /// The last wrong password came.
    pub(crate) wrong: Option<i64>,
    /// Wrong codes that came.
    pub(crate) codes: u32,
    /// The first wrong code came.
    pub(crate) guessed: Option<i64>,
    /// The last counter that was verified.
    pub(crate) counter: u64,
}

/// A life that may have ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// The letter that ends it.
    pub(crate) letter: &'static str,
    /// Since when.
    pub(crate) since: Option<i64>,
    /// How long it lasts, ms.
    pub(crate) ttl: i64,
    /// Whether it is over at the very end already.
    pub(crate) sharp: bool,
    /// Whether only what things share changes, or only the thing's own state.
    pub(crate) shared: bool,
}

/// A machine and how a log speaks of it.
pub(crate) trait Part: 'static {
    type State: Copy + Ord + Debug;
    type Input: Copy + Ord + Display + 'static;
    type Output: Copy + Display;

    /// Acts with letters.
    const ACTS: &'static [Act];
    /// Acts that the machine does not have, with the reason beside them.
    const STATELESS: &'static [&'static str];
    /// Letters that stand for several messages, or for none of this role: no event is one of them.
    const SCENES: &'static [&'static str];
    /// Letters that are right: no other one is ever taken, whatever it comes to in a state in which no tester says it. None: all are.
    const RIGHT: &'static [&'static str];
    /// Things of which the role may have many that share what is not their own, those that decide first.
    const GROUPED: &'static [&'static str];
    /// The letters of messages that are refused before anything is looked at.
    const FRONT: &'static str;

    /// Whether answers are words: a chip's are not.
    const SEEN: bool = true;

    /// Whether a letter is a message, what is asked because of it, and what is answered: then an event that judges an answer does
    /// not ask again. The letters of roles that only ask are steps.
    const WHOLE: bool = true;
    /// Refusals of a held letter that are judged when the answer is there, and not before.
    const LATE: &'static [kaika_spec::Refusal] = &[];
    /// Whether the role ever refuses: one that only asks does not.
    const REFUSES: bool = true;

    fn init() -> Self::State;
    fn inputs() -> Vec<Self::Input>;
    fn step(state: &Self::State, input: &Self::Input) -> Outcome<Self::State, Self::Output>;

    /// The state of a thing: its own part, and the part that it shares.
    fn join(own: &Self::State, _shared: &Self::State) -> Self::State {
        *own
    }

    /// What an output is in a log, said from this state.
    fn said(output: Self::Output, state: &Self::State) -> Said;

    /// Whether a thing of this kind in this state is stored as that.
    fn is_stored(_state: &Self::State, _kind: &str, _word: &str) -> bool {
        true
    }

    /// The lives that end.
    fn ends(_own: &Marks, _shared: &Marks) -> Vec<End> {
        vec![]
    }

    /// Notes when things happened.
    fn mark(_event: &Event, _own: &mut Marks, _shared: &mut Marks) {}

    /// Letters of which each may have happened to any thing because of an event that does not say to which. The number counts what
    /// has to come together for it.
    fn world(_event: &Event, _count: &mut u32) -> &'static [&'static str] {
        &[]
    }

    /// What the log says more than the letter: whether this step can be this event.
    fn fits(
        _event: &Event,
        _letter: &str,
        _before: &Self::State,
        _outcome: &Outcome<Self::State, Self::Output>,
        _marks: &Marks,
    ) -> bool {
        true
    }

    /// The letter's refusal under the name that the role gives it here, if it has another one.
    fn alias(_event: &Event) -> Option<kaika_spec::Refusal> {
        None
    }

    /// What of a state the judgement of another role's answer does not look at.
    fn on_answer(state: Self::State) -> Self::State {
        state
    }

    /// The state of a thing that was made by an act that the machine does not have.
    fn minted() -> Option<Self::State> {
        None
    }

    /// The states after an event that is no letter's and that tells of no state, if it is one.
    fn stays(_event: &Event, _state: &Self::State) -> Option<Vec<Self::State>> {
        None
    }

    /// Whether a status word is the event's.
    fn is_word(_event: &Event, _verdict: Verdict) -> bool {
        false
    }

    /// States that a thing may be in besides, because it is one of several of which the machine has one.
    fn blurred(_event: &Event, _state: &Self::State, _shared: &Marks) -> Vec<Self::State> {
        vec![]
    }

    /// The letters that an answer of this role can be, where they are not the act's.
    fn told_by(_act: &str, _from: &str) -> Option<&'static [&'static str]> {
        None
    }
}
