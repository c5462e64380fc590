//! A vault in memory: mints, resolves, restricts, re-keys and retires. What the fuzzers compare with two plain maps.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use kaika_spec::{Refusal, TokenState};

use crate::domain::{Assurance, Channel, Domain, Presented};
use crate::draft::{Draft, Entropy, Minted, Policy, Unused, detokenised};
use crate::lifecycle::{Event, Lifecycle, Party};
use crate::number::{Pan, Token};
use crate::par::Par;
use crate::records::{Changes, Link, Place, Record, Records};
use crate::resolve::resolve;

/// Tokens and what they stand for. A refused operation changes nothing.
#[derive(Clone)]
pub struct TokenVault {
    policy: Arc<Policy>,
    records: BTreeMap<Place, Record>,
    tokens: BTreeMap<String, Held>,
}

/// A token as the vault keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    token: Token,
    link: Link,
    assurance: Assurance,
    life: Lifecycle,
    expires_at: i64,
}

/// What a token is asked for with, beside for what.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How sure the issuer is of the holder.
    pub assurance: Assurance,
    /// When the token expires.
    pub expires_at: i64,
}

/// Two vaults are equal when they store the same.
impl PartialEq for TokenVault {
    fn eq(&self, other: &Self) -> bool {
        (&self.records, &self.tokens) == (&other.records, &other.tokens)
    }
}

impl TokenVault {
    /// An empty vault.
    pub const fn new(policy: Arc<Policy>) -> Self {
        Self {
            policy,
            records: BTreeMap::new(),
            tokens: BTreeMap::new(),
        }
    }

    /// Opens a PAN account.
    ///
    /// # Errors
    /// As [`Draft::open_account`].
    pub fn open_account(&mut self, entropy: &mut dyn Entropy) -> Result<Par, Refusal> {
        self.with(entropy, |draft| draft.open_account())
    }

    /// Gives an account another PAN.
    ///
    /// # Errors
    /// As [`Draft::replace_pan`].
    pub fn replace_pan(&mut self, par: &Par, entropy: &mut dyn Entropy) -> Result<(), Refusal> {
        self.with(entropy, |draft| draft.replace_pan(par))
    }

    /// Mints an inactive token, or finds the one there is.
    ///
    /// # Errors
    /// As [`Draft::mint`].
    pub fn mint(
        &mut self,
        link: &Link,
        terms: Terms,
        entropy: &mut dyn Entropy,
    ) -> Result<Token, Refusal> {
        let mut draft = Draft::new(&self.policy, &self.records, entropy);
        let minted = draft.mint(link, &|one| is_dead(&self.tokens, one))?;
        let changes = draft.changes();
        self.store(changes);
        self.keep(link, terms, &minted);
        self.token_of(&minted)
    }

    /// Mints for each of `links`, or not at all.
    ///
    /// # Errors
    /// As [`Draft::mint_all`].
    pub fn mint_all(
        &mut self,
        links: &[Link],
        terms: Terms,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<Token>, Refusal> {
        let mut draft = Draft::new(&self.policy, &self.records, entropy);
        let minted = draft.mint_all(links, &|one| is_dead(&self.tokens, one))?;
        let changes = draft.changes();
        self.store(changes);
        for (link, minted) in links.iter().zip(&minted) {
            self.keep(link, terms, minted);
        }
        minted.iter().map(|minted| self.token_of(minted)).collect()
    }

    /// Makes another vault key.
    ///
    /// # Errors
    /// As [`Draft::rotate`].
    pub fn rotate(&mut self, entropy: &mut dyn Entropy) -> Result<u64, Refusal> {
        self.with(entropy, |draft| draft.rotate())
    }

    /// Moves some accounts to it.
    ///
    /// # Errors
    /// As [`Draft::reseal`].
    pub fn reseal(&mut self, entropy: &mut dyn Entropy) -> Result<u64, Refusal> {
        self.with(entropy, |draft| draft.reseal())
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
    /// By rank: `vault-unavailable`, `unknown-token`, `token-not-active`, `token-expired`, `domain-violation`.
    pub fn resolve(
        &self,
        token: &Token,
        now: i64,
        presented: &Presented<'_>,
    ) -> Result<Pan, Refusal> {
        let (_, held) = self.held(token).ok_or(Refusal::UnknownToken)?;
        let domain = Domain {
            channel: Channel::Contactless,
            requestor: held.link.requestor.clone(),
            chip: held.link.chip,
        };
        resolve(held.life, now >= held.expires_at, &domain, presented)?;
        self.pan(&held.link.par)
    }

    /// The PAN of an account, as the issuer itself sees it.
    ///
    /// # Errors
    /// As [`Draft::pan`].
    pub fn pan(&self, par: &Par) -> Result<Pan, Refusal> {
        detokenised(&self.policy, &self.records, par)
    }

    /// The account that a token is for.
    pub fn par(&self, token: &Token) -> Option<&Par> {
        self.held(token).map(|(_, held)| &held.link.par)
    }

    /// How sure the issuer was of the holder.
    pub fn assurance(&self, token: &Token) -> Option<Assurance> {
        self.held(token).map(|(_, held)| held.assurance)
    }

    /// The state of a token.
    pub fn state(&self, token: &Token) -> Option<TokenState> {
        self.held(token).map(|(_, held)| held.life.state())
    }

    /// How many accounts are not yet under the newest vault key.
    pub fn left(&self) -> u64 {
        Draft::new(&self.policy, &self.records, &mut Unused).left()
    }

    /// How many tokens there are, dead ones included.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// What is stored, for who must search it.
    pub const fn records(&self) -> &BTreeMap<Place, Record> {
        &self.records
    }

    fn with<T>(
        &mut self,
        entropy: &mut dyn Entropy,
        work: impl FnOnce(&mut Draft<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut draft = Draft::new(&self.policy, &self.records, entropy);
        let done = work(&mut draft)?;
        let changes = draft.changes();
        self.store(changes);
        Ok(done)
    }

    fn store(&mut self, changes: Changes) {
        for (place, record) in changes {
            match record {
                Some(record) => self.records.insert(place, record),
                None => self.records.remove(&place),
            };
        }
    }

    fn keep(&mut self, link: &Link, terms: Terms, minted: &Minted) {
        if let Minted::New { reference, token } = minted {
            let held = Held {
                token: token.clone(),
                link: link.clone(),
                assurance: terms.assurance,
                life: Lifecycle::born(),
                expires_at: terms.expires_at,
            };
            self.tokens.insert(reference.clone(), held);
        }
    }

    /// The number of a token that was minted, now or before.
    fn token_of(&self, minted: &Minted) -> Result<Token, Refusal> {
        let held = self.tokens.get(minted.reference());
        held.map(|held| held.token.clone())
            .ok_or(Refusal::UnknownToken)
    }

    fn held(&self, token: &Token) -> Option<(String, &Held)> {
        let reference = match Records::get(&self.records, &Place::Number(token.clone()))? {
            Record::Reference(reference) => reference,
            _ => return None,
        };
        let held = self.tokens.get(&reference)?;
        Some((reference, held))
    }

    fn apply(&mut self, token: &Token, event: Event) -> Result<(), Refusal> {
        let (reference, held) = self.held(token).ok_or(Refusal::UnknownToken)?;
        let life = held
            .life
            .after(event)
            .map_err(|_| Refusal::IllegalTransition)?;
        if let Some(held) = self.tokens.get_mut(&reference) {
            held.life = life;
        }
        Ok(())
    }
}

fn is_dead(tokens: &BTreeMap<String, Held>, reference: &str) -> bool {
    tokens
        .get(reference)
        .is_some_and(|held| held.life.state() == TokenState::Deleted)
}
