//! The life of a token: inactive → active ⇄ suspended, and any → deleted. `spec/80-manage.md`.

use kaika_spec::TokenState;

/// Who may suspend a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// The cardholder.
    User,
    /// The wallet.
    Wallet,
    /// The bank.
    Issuer,
    /// The bank's fraud desk.
    Fraud,
}

impl Party {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::User, Self::Wallet, Self::Issuer, Self::Fraud];

    const fn bit(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Wallet => 2,
            Self::Issuer => 4,
            Self::Fraud => 8,
        }
    }
}

/// The lifecycle does not allow this change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IllegalTransition;

/// The state of one token, and who suspends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    stage: Stage,
    suspenders: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Inactive,
    Live,
    Deleted,
}

/// What may happen to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The chip's receipt was verified.
    Activate,
    /// A party suspends it.
    Suspend(Party),
    /// A party resumes it.
    Resume(Party),
    /// It is retired.
    Delete,
}

impl Lifecycle {
    /// A token that was just minted.
    pub const fn born() -> Self {
        //= spec/40-issue.md#iss-13-a-token-is-born-inactive
        //# The issuer MUST mint every token in the state `inactive`.
        Self {
            stage: Stage::Inactive,
            suspenders: 0,
        }
    }

    /// Its state.
    pub const fn state(self) -> TokenState {
        //= spec/80-manage.md#mng-3-a-set-of-suspenders
        //# A token MUST be active only when every party that suspended it has resumed it.
        match self.stage {
            Stage::Inactive => TokenState::Inactive,
            Stage::Live if self.suspenders == 0 => TokenState::Active,
            Stage::Live => TokenState::Suspended,
            Stage::Deleted => TokenState::Deleted,
        }
    }

    /// Who suspends it.
    pub fn suspended_by(self) -> impl Iterator<Item = Party> {
        Party::ALL
            .into_iter()
            .filter(move |party| self.suspenders & party.bit() != 0)
    }

    /// From its parts as they are stored; `None` when no history leads there.
    pub fn restore(
        state: TokenState,
        suspended_by: impl IntoIterator<Item = Party>,
    ) -> Option<Self> {
        let suspenders = suspended_by
            .into_iter()
            .fold(0, |set, party| set | party.bit());
        let stage = match state {
            TokenState::Inactive => Stage::Inactive,
            TokenState::Active | TokenState::Suspended => Stage::Live,
            TokenState::Deleted => Stage::Deleted,
        };
        let life = Self { stage, suspenders };
        (life.state() == state && (stage == Stage::Live || suspenders == 0)).then_some(life)
    }

    /// What the token is after an event.
    ///
    /// # Errors
    /// [`IllegalTransition`] when the event is not allowed now.
    pub const fn after(self, event: Event) -> Result<Self, IllegalTransition> {
        //= spec/80-manage.md#mng-1-only-these-changes
        //# A token MUST change state only as inactive → active, active ⇄ suspended, and any → deleted.
        match (self.stage, event) {
            (Stage::Inactive, Event::Activate) => Ok(Self {
                stage: Stage::Live,
                suspenders: 0,
            }),
            (Stage::Live, Event::Suspend(party)) => Ok(Self {
                suspenders: self.suspenders | party.bit(),
                ..self
            }),
            //= spec/80-manage.md#mng-4-resume-only-ones-own
            //# A resume by one party MUST remove the suspension of that party and no other.
            (Stage::Live, Event::Resume(party)) => Ok(Self {
                suspenders: self.suspenders & !party.bit(),
                ..self
            }),
            (Stage::Inactive | Stage::Live, Event::Delete) => Ok(Self {
                stage: Stage::Deleted,
                suspenders: 0,
            }),
            //= spec/80-manage.md#mng-2-deleted-is-for-ever
            //# A deleted token MUST NOT change again.
            (Stage::Deleted, _)
            | (Stage::Live, Event::Activate)
            | (Stage::Inactive, Event::Suspend(_) | Event::Resume(_)) => Err(IllegalTransition),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn check(events: &[Event], want: Result<TokenState, IllegalTransition>) {
        let end = events
            .iter()
            .try_fold(Lifecycle::born(), |life, event| life.after(*event));
        assert_eq!(end.map(Lifecycle::state), want, "{events:?}");
    }

    #[test]
    fn the_table() {
        use Event::{Activate, Delete, Resume, Suspend};
        use Party::{Issuer, User};
        check(&[], Ok(TokenState::Inactive));
        check(&[Activate], Ok(TokenState::Active));
        check(&[Activate, Activate], Err(IllegalTransition));
        check(&[Suspend(User)], Err(IllegalTransition));
        check(&[Resume(User)], Err(IllegalTransition));
        check(&[Activate, Resume(User)], Ok(TokenState::Active));
        check(
            &[Activate, Suspend(User), Suspend(Issuer), Resume(User)],
            Ok(TokenState::Suspended),
        );
        check(
            &[
                Activate,
                Suspend(User),
                Suspend(Issuer),
                Resume(User),
                Resume(Issuer),
            ],
            Ok(TokenState::Active),
        );
        check(
            &[Activate, Suspend(User), Suspend(User), Resume(User)],
            Ok(TokenState::Active),
        );
        check(
            &[Activate, Suspend(User), Resume(Issuer)],
            Ok(TokenState::Suspended),
        );
        check(&[Delete], Ok(TokenState::Deleted));
        check(&[Activate, Suspend(User), Delete], Ok(TokenState::Deleted));
        for event in [Activate, Suspend(User), Resume(User), Delete] {
            check(&[Delete, event], Err(IllegalTransition));
        }
    }

    fn event() -> impl Strategy<Value = Event> {
        let party = || (0..4_usize).prop_map(|i| Party::ALL[i]);
        prop_oneof![
            Just(Event::Activate),
            party().prop_map(Event::Suspend),
            party().prop_map(Event::Resume),
            Just(Event::Delete)
        ]
    }

    proptest! {
        /// Against sets written out: a history that is refused leaves things as they were.
        #[test]
        fn active_is_live_and_nobody_suspends(events in proptest::collection::vec(event(), 0..30)) {
            let mut life = Lifecycle::born();
            let (mut live, mut deleted, mut set) = (false, false, BTreeSet::new());
            for event in events {
                let allowed = !deleted && match event {
                    Event::Activate => !live,
                    Event::Suspend(_) => live,
                    Event::Resume(_) => live,
                    Event::Delete => true,
                };
                prop_assert_eq!(life.after(event).is_ok(), allowed);
                if allowed {
                    life = life.after(event).unwrap_or(life);
                    match event {
                        Event::Activate => live = true,
                        Event::Suspend(party) => { set.insert(party); }
                        Event::Resume(party) => { set.remove(&party); }
                        Event::Delete => { deleted = true; set.clear(); }
                    }
                }
                prop_assert_eq!(life.state() == TokenState::Active, live && !deleted && set.is_empty());
                prop_assert_eq!(life.suspended_by().collect::<Vec<_>>(), set.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(Lifecycle::restore(life.state(), life.suspended_by()), Some(life));
            }
        }
    }
}
