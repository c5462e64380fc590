//! All that one transaction does to a vault. Start at [`Draft`].
//!
//! A draft reads stored records and its own changes, and nothing is stored before [`Draft::changes`] is: whoever drops a
//! draft has changed nothing. Each operation that is refused leaves the draft as it was.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use kaika_crypto::SealKey;
use kaika_crypto::sealed::{NONCE, index, open, seal};
use kaika_spec::Refusal;
use kaika_spec::limit::{BULK_MINT_MAX, PAN_DIGITS, RESEAL_MAX};
use zeroize::Zeroize;

use crate::generate::{Ff1, Generation, Random};
use crate::keys::{KeyFault, KeyService, Wrapped};
use crate::mint;
use crate::number::{Pan, Token};
use crate::par::Par;
use crate::range::{Range, RangeFault, Ranges};
use crate::records::{Account, Changes, Link, Place, Record, Records, State};

/// Randomness as a vault needs it.
pub trait Entropy {
    /// Fills with unpredictable bytes.
    fn fill(&mut self, bytes: &mut [u8]);
    /// An unbiased number below `bound`; 0 when `bound` is 0.
    fn below(&mut self, bound: u64) -> u64;
}

/// How an issuer runs its vault.
#[derive(Clone)]
pub struct Policy {
    ranges: Ranges,
    generation: Generation,
    keys: Arc<dyn KeyService>,
}

impl Policy {
    /// Ranges, who draws from the token ranges, and who keeps the root keys.
    ///
    /// # Errors
    /// [`RangeFault`] when the generator may not serve a token range.
    pub fn new(
        ranges: Ranges,
        generation: Generation,
        keys: Arc<dyn KeyService>,
    ) -> Result<Self, RangeFault> {
        ranges
            .tokens()
            .iter()
            .try_for_each(|range| generation.fits(range))?;
        Ok(Self {
            ranges,
            generation,
            keys,
        })
    }

    /// The ranges.
    pub const fn ranges(&self) -> &Ranges {
        &self.ranges
    }
}

/// What minting gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Minted {
    /// The token that is there already.
    Known(String),
    /// A new one.
    New {
        /// Its reference.
        reference: String,
        /// Its number.
        token: Token,
    },
}

impl Minted {
    /// The token reference.
    pub fn reference(&self) -> &str {
        match self {
            Self::Known(reference) | Self::New { reference, .. } => reference,
        }
    }
}

/// The PAN of an account.
///
/// # Errors
/// As [`Draft::pan`].
pub fn detokenised(policy: &Policy, stored: &dyn Records, par: &Par) -> Result<Pan, Refusal> {
    Draft::new(policy, stored, &mut Unused).pan(par)
}

/// For what needs no randomness.
pub(crate) struct Unused;

impl Entropy for Unused {
    fn fill(&mut self, _: &mut [u8]) {}

    fn below(&mut self, _: u64) -> u64 {
        0
    }
}

/// A transaction in the making.
pub struct Draft<'a> {
    policy: &'a Policy,
    stored: &'a dyn Records,
    entropy: &'a mut dyn Entropy,
    new: Changes,
    opened: BTreeMap<String, Rc<SealKey>>,
}

/// The key of the index of PANs. It is not replaced: an index of PANs that are no longer known cannot be made again.
const INDEX: &str = "index";
/// The key of FF1.
const FF1: &str = "ff1";

impl<'a> Draft<'a> {
    /// A draft over stored records.
    pub const fn new(
        policy: &'a Policy,
        stored: &'a dyn Records,
        entropy: &'a mut dyn Entropy,
    ) -> Self {
        Self {
            policy,
            stored,
            entropy,
            new: Changes::new(),
            opened: BTreeMap::new(),
        }
    }

    /// What must be stored, in one transaction.
    pub fn changes(self) -> Changes {
        self.new
    }

    /// Opens an account with a new PAN.
    ///
    /// # Errors
    /// `range-exhausted`, `vault-unavailable`.
    pub fn open_account(&mut self) -> Result<Par, Refusal> {
        self.all_or_none(|draft| {
            let par = draft.fresh_par();
            let mut state = draft.ready()?;
            draft.put(Place::Order(state.accounts), Record::Par(par.clone()));
            state.accounts = state.accounts.saturating_add(1);
            draft.put(Place::State, Record::State(state));
            draft.give_pan(&par, 1)?;
            Ok(par)
        })
    }

    /// Gives an account another PAN. Its tokens stay; its old PAN is never given again.
    ///
    /// # Errors
    /// `unknown-card` when there is no such account, `range-exhausted`, `vault-unavailable`.
    pub fn replace_pan(&mut self, par: &Par) -> Result<(), Refusal> {
        self.all_or_none(|draft| {
            //= spec/40-issue.md#iss-32-a-new-pan-keeps-its-tokens
            //# The issuer MUST keep card code, payment account reference and tokens of a card whose PAN it replaces, and resolve
            //# those tokens to the new PAN.
            let account = draft.account(par).ok_or(Refusal::UnknownCard)?;
            draft.ready()?;
            draft.give_pan(par, account.version.saturating_add(1))
        })
    }

    /// The PAN of an account.
    ///
    /// # Errors
    /// `unknown-card`, `vault-unavailable`.
    pub fn pan(&mut self, par: &Par) -> Result<Pan, Refusal> {
        let account = self.account(par).ok_or(Refusal::UnknownCard)?;
        self.opened(par, &account)
    }

    /// A token for an account, requestor and chip: the one there is, or a new one. `is_dead` says of a token reference
    /// whether that token was deleted.
    ///
    /// # Errors
    /// `unknown-card` when there is no such account, `range-exhausted`, `vault-unavailable`.
    pub fn mint(&mut self, link: &Link, is_dead: &dyn Fn(&str) -> bool) -> Result<Minted, Refusal> {
        self.all_or_none(|draft| draft.minted(link, is_dead))
    }

    /// A token for each of `links`, or none at all.
    ///
    /// # Errors
    /// `malformed` when there are more than [`BULK_MINT_MAX`]; else as [`Draft::mint`].
    pub fn mint_all(
        &mut self,
        links: &[Link],
        is_dead: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<Minted>, Refusal> {
        //= spec/40-issue.md#iss-35-bulk-is-all-or-none
        //# The issuer MUST mint all tokens that one message asks for or none, and none when they are more than `BULK_MINT_MAX`.
        if links.len() > BULK_MINT_MAX {
            return Err(Refusal::Malformed);
        }
        self.all_or_none(|draft| {
            links
                .iter()
                .map(|link| draft.minted(link, is_dead))
                .collect()
        })
    }

    /// Makes another vault key, which seals from now on, and wraps every key of the vault under the newest root key.
    /// Returns how many accounts are to be moved to it by [`Draft::reseal`].
    ///
    /// # Errors
    /// `wrong-order` while accounts are left to move to the present one; `vault-unavailable`.
    pub fn rotate(&mut self) -> Result<u64, Refusal> {
        self.all_or_none(|draft| {
            let mut state = draft.ready()?;
            if state.previous != 0 {
                return Err(Refusal::WrongOrder);
            }
            // The present vault key too: until the last account has left it, it must outlive its old root key.
            for name in [INDEX, FF1, &vault_key(state.current)] {
                draft.rewrap(name)?;
            }
            state.previous = state.current;
            state.current = state.current.checked_add(1).ok_or(KeyFault::Unavailable)?;
            state.resealed = 0;
            draft.make_key(&vault_key(state.current))?;
            Ok(draft.swept(state))
        })
    }

    /// Moves at most [`RESEAL_MAX`] accounts to the present vault key, oldest first, and deletes the previous key after
    /// the last one. Returns how many are left.
    ///
    /// # Errors
    /// `vault-unavailable`.
    pub fn reseal(&mut self) -> Result<u64, Refusal> {
        self.all_or_none(|draft| {
            let mut state = draft.state();
            if state.previous == 0 {
                return Ok(0);
            }
            //= spec/40-issue.md#iss-30-keys-change-in-steps
            //# The issuer MUST NOT re-encrypt more than `RESEAL_MAX` PANs in one transaction.
            let end = state
                .resealed
                .saturating_add(RESEAL_MAX)
                .min(state.accounts);
            for place in state.resealed..end {
                draft.reseal_one(place, state.current)?;
            }
            state.resealed = end;
            Ok(draft.swept(state))
        })
    }

    /// How many accounts are left for [`Draft::reseal`].
    pub fn left(&self) -> u64 {
        let state = self.state();
        if state.previous == 0 {
            return 0;
        }
        state.accounts.saturating_sub(state.resealed)
    }

    fn all_or_none<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let before = self.new.clone();
        let done = work(self);
        if done.is_err() {
            self.new = before;
            self.opened.clear();
        }
        done
    }

    fn get(&self, place: &Place) -> Option<Record> {
        match self.new.get(place) {
            Some(changed) => changed.clone(),
            None => self.stored.get(place),
        }
    }

    fn put(&mut self, place: Place, record: Record) {
        self.new.insert(place, Some(record));
    }

    fn account(&self, par: &Par) -> Option<Account> {
        match self.get(&Place::Account(par.clone()))? {
            Record::Account(account) => Some(account),
            _ => None,
        }
    }

    fn state(&self) -> State {
        match self.get(&Place::State) {
            Some(Record::State(state)) => state,
            _ => State::default(),
        }
    }

    fn given(&self, range: &Range) -> u64 {
        match self.get(&Place::Given(range.digits().into())) {
            Some(Record::Count(count)) => count,
            _ => 0,
        }
    }

    /// The state of a vault that has a key.
    fn ready(&mut self) -> Result<State, Refusal> {
        let mut state = self.state();
        if state.current == 0 {
            state.current = 1;
            self.make_key(&vault_key(1))?;
            self.put(Place::State, Record::State(state));
        }
        Ok(state)
    }

    /// Stores how far the move to the present key is, and deletes the previous key when nothing is left under it.
    fn swept(&mut self, mut state: State) -> u64 {
        let left = state.accounts.saturating_sub(state.resealed);
        if left == 0 && state.previous != 0 {
            //= spec/40-issue.md#iss-31-an-old-key-goes
            //# The issuer MUST delete a vault key in the transaction that re-encrypts the last PAN under it.
            self.new.insert(Place::Key(vault_key(state.previous)), None);
            state.previous = 0;
        }
        self.put(Place::State, Record::State(state));
        left
    }

    fn reseal_one(&mut self, place: u64, current: u32) -> Result<(), Refusal> {
        let Some(Record::Par(par)) = self.get(&Place::Order(place)) else {
            return Err(Refusal::VaultUnavailable);
        };
        let account = self.account(&par).ok_or(Refusal::VaultUnavailable)?;
        if account.key == current {
            return Ok(());
        }
        let pan = self.opened(&par, &account)?;
        self.seal_pan(&par, account.version, &pan)
    }

    fn fresh_par(&mut self) -> Par {
        loop {
            let par = Par::drawn(&mut |bound| self.entropy.below(bound));
            if self.account(&par).is_none() {
                return par;
            }
        }
    }

    /// Draws a PAN that no account has or had, and seals it.
    fn give_pan(&mut self, par: &Par, version: u32) -> Result<(), Refusal> {
        let key = self.key_or_new(INDEX)?;
        let (range, given) = self.roomy(self.policy.ranges.pans())?;
        let (new, stored) = (&self.new, self.stored);
        let taken = |digits: &str| is_taken(new, stored, &key, digits);
        let mut draw = |bound| self.entropy.below(bound);
        let (mut digits, _) = mint::number(range, &mut Random(&mut draw), given, &taken)
            .map_err(|_| Refusal::RangeExhausted)?;
        let pan = Pan::of(&digits).ok_or(Refusal::RangeExhausted)?;
        digits.zeroize();
        self.put(
            Place::Pan(index(&key, pan.bytes())),
            Record::Par(par.clone()),
        );
        self.count(range, given);
        self.seal_pan(par, version, &pan)
    }

    fn seal_pan(&mut self, par: &Par, version: u32, pan: &Pan) -> Result<(), Refusal> {
        //= spec/40-issue.md#iss-29-the-newest-key-seals
        //# The issuer MUST seal under the newest vault key, from the transaction on that made it.
        let current = self.state().current;
        let key = self.key(&vault_key(current))?;
        let nonce = self.bytes::<NONCE>();
        //= spec/40-issue.md#iss-27-pans-are-sealed
        //# The issuer MUST NOT store a PAN but encrypted and authenticated under a vault key, in the vault.
        let mut sealed = *pan.bytes();
        let tag = seal(&key, &nonce, &account_name(par, version), &mut sealed);
        let account = Account {
            version,
            key: current,
            nonce,
            sealed,
            tag,
        };
        self.put(Place::Account(par.clone()), Record::Account(account));
        Ok(())
    }

    fn opened(&mut self, par: &Par, account: &Account) -> Result<Pan, Refusal> {
        //= spec/40-issue.md#iss-28-sealed-under-a-name
        //# The issuer MUST refuse as `vault-unavailable` a sealed PAN that was sealed for another account or for an earlier PAN.
        let key = self.key(&vault_key(account.key))?;
        let mut digits = account.sealed;
        let name = account_name(par, account.version);
        let opens = open(&key, &account.nonce, &name, &mut digits, &account.tag);
        // Ranges are not asked: what was given stays given when they are configured anew.
        let text = core::str::from_utf8(&digits).unwrap_or_default();
        let pan = Pan::of(text).filter(|_| opens);
        digits.zeroize();
        pan.ok_or(Refusal::VaultUnavailable)
    }

    fn minted(&mut self, link: &Link, is_dead: &dyn Fn(&str) -> bool) -> Result<Minted, Refusal> {
        self.account(&link.par).ok_or(Refusal::UnknownCard)?;
        //= spec/40-issue.md#iss-34-one-token-for-one-use
        //# The issuer MUST NOT have two tokens that are not deleted for one PAN account, requestor and chip.
        match self.get(&Place::Link(link.clone())) {
            Some(Record::Reference(known)) if !is_dead(&known) => return Ok(Minted::Known(known)),
            _ => {}
        }
        let token = self.number()?;
        let reference = self.reference();
        let record = || Record::Reference(reference.clone());
        self.put(Place::Number(token.clone()), record());
        self.put(Place::Link(link.clone()), record());
        Ok(Minted::New { reference, token })
    }

    fn number(&mut self) -> Result<Token, Refusal> {
        let mut serials = match self.policy.generation {
            Generation::Random => None,
            Generation::Ff1 => Some(Ff1::new(&*self.key_or_new(FF1)?)),
        };
        let key = self.key_or_new(INDEX)?;
        let (range, given) = self.roomy(self.policy.ranges.tokens())?;
        let (new, stored) = (&self.new, self.stored);
        let taken = |digits: &str| is_taken(new, stored, &key, digits);
        //= spec/40-issue.md#iss-14-tokens-look-like-pans-and-are-not
        //# A token MUST be `PAN_DIGITS` digits, start with the digits of a token range, pass the Luhn check and be drawn at random
        //# or by FF1.
        let drawn = match &mut serials {
            Some(serials) => mint::number(range, serials, given, &taken),
            None => {
                let mut draw = |bound| self.entropy.below(bound);
                mint::number(range, &mut Random(&mut draw), given, &taken)
            }
        };
        let (digits, met) = drawn.map_err(|_| Refusal::RangeExhausted)?;
        // A serial number that met a taken number is used up: it would meet it again.
        let used_up = if serials.is_some() { met } else { 0 };
        self.count(range, given.saturating_add(used_up));
        Ok(Token::of(&digits))
    }

    /// The first range with room, and how many of its numbers were given.
    fn roomy(&self, ranges: &'a [Range]) -> Result<(&'a Range, u64), Refusal> {
        ranges
            .iter()
            .map(|range| (range, self.given(range)))
            .find(|(range, given)| range.has_room(*given))
            .ok_or(Refusal::RangeExhausted)
    }

    fn count(&mut self, range: &Range, given: u64) {
        self.put(
            Place::Given(range.digits().into()),
            Record::Count(given.saturating_add(1)),
        );
    }

    /// 32 hex digits.
    fn reference(&mut self) -> String {
        let bytes = self.bytes::<16>();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    fn wrapped(&self, name: &str) -> Option<Wrapped> {
        match self.get(&Place::Key(name.into()))? {
            Record::Key(wrapped) => Some(wrapped),
            _ => None,
        }
    }

    fn key(&mut self, name: &str) -> Result<Rc<SealKey>, Refusal> {
        if let Some(key) = self.opened.get(name) {
            return Ok(Rc::clone(key));
        }
        let wrapped = self.wrapped(name).ok_or(Refusal::VaultUnavailable)?;
        let key = Rc::new(self.policy.keys.unwrap(name, &wrapped)?);
        self.opened.insert(name.into(), Rc::clone(&key));
        Ok(key)
    }

    fn key_or_new(&mut self, name: &str) -> Result<Rc<SealKey>, Refusal> {
        if self.wrapped(name).is_none() {
            self.make_key(name)?;
        }
        self.key(name)
    }

    fn make_key(&mut self, name: &str) -> Result<(), Refusal> {
        let key = SealKey::new(self.bytes());
        self.store_key(name, key)
    }

    fn rewrap(&mut self, name: &str) -> Result<(), Refusal> {
        match self.wrapped(name) {
            Some(wrapped) => {
                let key = self.policy.keys.unwrap(name, &wrapped)?;
                self.store_key(name, key)
            }
            None => Ok(()),
        }
    }

    fn store_key(&mut self, name: &str, key: SealKey) -> Result<(), Refusal> {
        //= spec/40-issue.md#iss-40-vault-keys-are-wrapped
        //# The issuer MUST NOT store a key of the vault but wrapped under a root key that it does not store.
        let nonce = self.bytes();
        let keys = &self.policy.keys;
        let wrapped = keys.wrap(&keys.newest(), nonce, name, &key)?;
        self.opened.insert(name.into(), Rc::new(key));
        self.put(Place::Key(name.into()), Record::Key(wrapped));
        Ok(())
    }
}

/// Whether a number was given before, as a token or as a PAN, by whatever ranges there were then.
fn is_taken(new: &Changes, stored: &dyn Records, key: &SealKey, digits: &str) -> bool {
    let places = [
        Place::Number(Token::of(digits)),
        Place::Pan(index(key, digits.as_bytes())),
    ];
    places
        .iter()
        .any(|place| new.contains_key(place) || stored.get(place).is_some())
}

fn vault_key(number: u32) -> String {
    format!("vault-{number}")
}

/// What a sealed PAN is bound to.
fn account_name(par: &Par, version: u32) -> Vec<u8> {
    let pieces: [&[u8]; 3] = [
        b"kaika/vault/1",
        par.as_str().as_bytes(),
        &version.to_be_bytes(),
    ];
    pieces.concat()
}

const _: () = assert!(PAN_DIGITS == 16, "an account's sealed PAN is one block");

#[cfg(test)]
mod tests;
