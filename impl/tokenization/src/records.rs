//! What a vault stores, apart from everything else that an issuer stores: where, and what.
//!
//! No record holds a PAN: [`Account`] holds it sealed, and [`Place::Pan`] is a keyed index of it.

use alloc::collections::BTreeMap;
use alloc::string::String;

use kaika_crypto::sealed::{NONCE, TAG};
use kaika_spec::limit::PAN_DIGITS;

use crate::domain::RequestorId;
use crate::keys::Wrapped;
use crate::number::Token;
use crate::par::Par;

/// For what a token is: one of each is alive at most.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The PAN account.
    pub par: Par,
    /// The requestor.
    pub requestor: RequestorId,
    /// The chip.
    pub chip: [u8; 8],
}

/// The name of one record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A PAN account.
    Account(Par),
    /// PAN accounts in the order in which they were opened.
    Order(u64),
    /// Who has, or had, the PAN with this index.
    Pan([u8; 32]),
    /// Which token has this number.
    Number(Token),
    /// Which token is for this.
    Link(Link),
    /// How many numbers of a range were given, by its first digits.
    Given(String),
    /// A key of the vault.
    Key(String),
    /// The vault as a whole.
    State,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// At [`Place::Account`].
    Account(Account),
    /// At [`Place::Order`] and [`Place::Pan`].
    Par(Par),
    /// At [`Place::Number`] and [`Place::Link`]: a token reference.
    Reference(String),
    /// At [`Place::Given`].
    Count(u64),
    /// At [`Place::Key`].
    Key(Wrapped),
    /// At [`Place::State`].
    State(State),
}

/// A PAN account: its PAN, sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// How many PANs it has had.
    pub version: u32,
    /// Under which vault key the PAN is sealed.
    pub key: u32,
    /// Nonce.
    pub nonce: [u8; NONCE],
    /// The PAN, encrypted.
    pub sealed: [u8; PAN_DIGITS],
    /// Tag.
    pub tag: [u8; TAG],
}

/// The vault as a whole. Vault keys are numbered from 1; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The key that seals.
    pub current: u32,
    /// The key that still opens, while records under it are left.
    pub previous: u32,
    /// How many PAN accounts there are.
    pub accounts: u64,
    /// How many of them, in order, are known to be under `current`.
    pub resealed: u64,
}

/// Stored records.
pub trait Records {
    /// The record, if there is one.
    fn get(&self, place: &Place) -> Option<Record>;
}

/// What one transaction stores (or deletes, where there is nothing).
pub type Changes = BTreeMap<Place, Option<Record>>;

impl Records for BTreeMap<Place, Record> {
    fn get(&self, place: &Place) -> Option<Record> {
        Self::get(self, place).cloned()
    }
}
