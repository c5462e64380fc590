//! A vault in memory: mints, resolves, restricts and retires. What the fuzzers compare with two plain maps.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;

use kaika_spec::{Refusal, TokenState};

use crate::lifecycle::{Event, Lifecycle, Party};
use crate::mint::mint;
use crate::number::{Pan, Token};
use crate::resolve::{Channel, resolve};

/// Tokens and what they stand for. A refused operation changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenVault {
    entries: BTreeMap<Token, Held>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    pan: Pan,
    life: Lifecycle,
    expires_at: i64,
}

impl TokenVault {
    /// Mints an inactive token for a PAN.
    ///
    /// # Errors
    /// `range-exhausted`.
    pub fn mint(
        &mut self,
        pan: Pan,
        expires_at: i64,
        draw: &mut dyn FnMut(u64) -> u64,
    ) -> Result<Token, Refusal> {
        let taken = |digits: &str| {
            Token::new(digits).is_some_and(|token| self.entries.contains_key(&token))
        };
        let token = mint(draw, &taken).map_err(|_| Refusal::RangeExhausted)?;
        self.entries.insert(
            token.clone(),
            Held {
                pan,
                life: Lifecycle::born(),
                expires_at,
            },
        );
        Ok(token)
    }

    /// The chip's receipt was verified.
    ///
    /// # Errors
    /// `unknown-token`, `illegal-transition`.
    pub fn activate(&mut self, token: &Token) -> Result<(), Refusal> {
        self.apply(token, Event::Activate)
    }

    /// A party suspends it.
    ///
    /// # Errors
    /// `unknown-token`, `illegal-transition`.
    pub fn suspend(&mut self, token: &Token, by: Party) -> Result<(), Refusal> {
        self.apply(token, Event::Suspend(by))
    }

    /// A party resumes it.
    ///
    /// # Errors
    /// `unknown-token`, `illegal-transition`.
    pub fn resume(&mut self, token: &Token, by: Party) -> Result<(), Refusal> {
        self.apply(token, Event::Resume(by))
    }

    /// Retires it for ever. Its number is not given again.
    ///
    /// # Errors
    /// `unknown-token`, `illegal-transition`.
    pub fn delete(&mut self, token: &Token) -> Result<(), Refusal> {
        self.apply(token, Event::Delete)
    }

    /// The PAN, for who may have it.
    ///
    /// # Errors
    /// By rank: `unknown-token`, `token-not-active`, `token-expired`, `domain-violation`.
    pub fn resolve(&self, token: &Token, now: i64, channel: Channel) -> Result<&Pan, Refusal> {
        let held = self.entries.get(token).ok_or(Refusal::UnknownToken)?;
        resolve(held.life, now >= held.expires_at, channel)?;
        Ok(&held.pan)
    }

    /// The state of a token.
    pub fn state(&self, token: &Token) -> Option<TokenState> {
        self.entries.get(token).map(|held| held.life.state())
    }

    /// How many tokens there are, dead ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn apply(&mut self, token: &Token, event: Event) -> Result<(), Refusal> {
        match self.entries.entry(token.clone()) {
            Entry::Vacant(_) => Err(Refusal::UnknownToken),
            Entry::Occupied(mut held) => {
                let life = held
                    .get()
                    .life
                    .after(event)
                    .map_err(|_| Refusal::IllegalTransition)?;
                held.get_mut().life = life;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pan() -> Pan {
        let Ok(pan) = crate::mint::card_number(&mut |_| 1, &|_| false) else {
            panic!("free")
        };
        pan
    }

    #[test]
    fn a_refused_operation_changes_nothing() {
        let mut vault = TokenVault::default();
        let Ok(token) = vault.mint(pan(), 100, &mut |_| 7) else {
            panic!("free")
        };
        let before = vault.clone();
        let Ok(other) = mint(&mut |_| 8, &|_| false) else {
            panic!("free")
        };
        assert_eq!(
            vault.suspend(&token, Party::User),
            Err(Refusal::IllegalTransition)
        );
        assert_eq!(
            vault.resume(&token, Party::User),
            Err(Refusal::IllegalTransition)
        );
        assert_eq!(vault.activate(&other), Err(Refusal::UnknownToken));
        assert_eq!(vault.delete(&other), Err(Refusal::UnknownToken));
        assert_eq!(
            vault.mint(pan(), 100, &mut |_| 7),
            Err(Refusal::RangeExhausted)
        );
        assert_eq!(
            vault.resolve(&token, 0, Channel::Contactless),
            Err(Refusal::TokenNotActive)
        );
        assert_eq!(vault, before);
    }

    #[test]
    fn a_deleted_number_is_not_given_again() {
        let mut vault = TokenVault::default();
        let Ok(token) = vault.mint(pan(), 100, &mut |_| 7) else {
            panic!("free")
        };
        assert_eq!(vault.delete(&token), Ok(()));
        assert_eq!(
            vault.mint(pan(), 100, &mut |_| 7),
            Err(Refusal::RangeExhausted)
        );
    }

    #[test]
    fn a_live_token_resolves_in_its_domain() {
        let mut vault = TokenVault::default();
        let Ok(token) = vault.mint(pan(), 100, &mut |_| 7) else {
            panic!("free")
        };
        assert_eq!(vault.activate(&token), Ok(()));
        assert_eq!(vault.resolve(&token, 99, Channel::Contactless), Ok(&pan()));
        assert_eq!(
            vault.resolve(&token, 100, Channel::Contactless),
            Err(Refusal::TokenExpired)
        );
        assert_eq!(
            vault.resolve(&token, 99, Channel::Other),
            Err(Refusal::DomainViolation)
        );
    }
}
