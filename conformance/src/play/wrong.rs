//! What went wrong in a step, and with whom.

use crate::control::Undone;

/// With whom something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The subject said something else than it must.
    Subject,
    /// The subject was not reached, or did not answer in time: nothing is known of what it would have said.
    Silence,
    /// The runner, the vector or a hook.
    Runner,
    /// What the step needs is not offered.
    Lacking,
}

/// What was wanted and what came.
#[derive(Clone, Debug)]
pub(crate) struct Wrong {
    pub(super) blame: Blame,
    pub(super) expected: String,
    pub(super) seen: String,
}

impl Wrong {
    /// The same, in a field or another part of an answer.
    pub(super) fn within(self, place: impl std::fmt::Display) -> Self {
        Self {
            expected: format!("{place}: {}", self.expected),
            ..self
        }
    }

    pub(super) const fn blamed(mut self, blame: Blame) -> Self {
        self.blame = blame;
        self
    }
}

/// The subject's fault.
pub(super) fn wrong(expected: impl ToString, seen: impl ToString) -> Wrong {
    Wrong {
        blame: Blame::Subject,
        expected: expected.to_string(),
        seen: seen.to_string(),
    }
}

/// Not the subject's fault.
pub(super) fn broken(expected: impl ToString, seen: impl ToString) -> Wrong {
    wrong(expected, seen).blamed(Blame::Runner)
}

/// Something that the subject does not offer.
pub(super) fn lacking(expected: impl ToString, seen: impl ToString) -> Wrong {
    wrong(expected, seen).blamed(Blame::Lacking)
}

/// An error of a socket while `wanted` was waited for. A connection that is cut is an answer, and a wrong one.
pub(super) fn unheard(wanted: &str, error: &std::io::Error) -> Wrong {
    use std::io::ErrorKind::{
        AddrNotAvailable, ConnectionRefused, HostUnreachable, Interrupted, NetworkUnreachable,
        NotConnected, TimedOut, WouldBlock,
    };
    match error.kind() {
        TimedOut | WouldBlock | Interrupted => {
            wrong(wanted, "nothing in time").blamed(Blame::Silence)
        }
        ConnectionRefused | HostUnreachable | NetworkUnreachable | NotConnected
        | AddrNotAvailable => wrong(wanted, error).blamed(Blame::Silence),
        _ => wrong(wanted, error),
    }
}

/// The same for HTTP.
pub(super) fn unanswered(error: &ureq::Error) -> Wrong {
    match error {
        ureq::Error::Io(error) => unheard("an answer", error),
        ureq::Error::Timeout(_) => {
            wrong("an answer", "nothing whole in time").blamed(Blame::Silence)
        }
        ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => {
            wrong("an answer", error).blamed(Blame::Silence)
        }
        ureq::Error::BodyExceedsLimit(limit) => wrong(
            format!("an answer of at most {limit} bytes"),
            "a longer one",
        ),
        _ => wrong("an answer", error),
    }
}

impl From<Undone> for Wrong {
    fn from(undone: Undone) -> Self {
        match undone {
            Undone::Unimplemented(reason) => lacking("a hook", reason),
            Undone::Failed(what) => broken("a hook that works", what),
        }
    }
}
