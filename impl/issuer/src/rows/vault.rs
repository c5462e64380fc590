//! Rows of the vault: the core's records as they are stored. No PAN stands in them but sealed.

use kaika_spec::limit::PAN_DIGITS;
use kaika_tokenization::{Account, KeyId, State, Wrapped};
use kaika_wire::value::Hex;
use serde::{Deserialize, Serialize};

/// Sealed PANs by payment account reference.
pub const VAULT: &str = "vault";
/// Payment account references by the order of their accounts.
pub const ORDER: &str = "vault-order";
/// Payment account references by keyed index of a PAN.
pub const PANS: &str = "pans";
/// Token references by token digits.
pub const NUMBERS: &str = "numbers";
/// Token references by account, requestor and chip.
pub const LINKS: &str = "links";
/// How many numbers were given, by range.
pub const GIVEN: &str = "given";
/// Wrapped keys by name.
pub const VAULT_KEYS: &str = "vault-keys";
/// The vault as a whole, under one key.
pub const VAULT_STATE: &str = "vault-state";

/// A PAN account.
#[derive(Clone, Serialize, Deserialize)]
pub struct AccountRow {
    /// How many PANs it has had.
    pub version: u32,
    /// Under which vault key.
    pub key: u32,
    nonce: Hex<12>,
    sealed: Hex<PAN_DIGITS>,
    tag: Hex<16>,
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        Self {
            version: row.version,
            key: row.key,
            nonce: row.nonce.0,
            sealed: row.sealed.0,
            tag: row.tag.0,
        }
    }
}

impl From<Account> for AccountRow {
    fn from(account: Account) -> Self {
        Self {
            version: account.version,
            key: account.key,
            nonce: Hex(account.nonce),
            sealed: Hex(account.sealed),
            tag: Hex(account.tag),
        }
    }
}

/// A wrapped key.
#[derive(Clone, Serialize, Deserialize)]
pub struct KeyRow {
    /// The root key it is under.
    pub root: String,
    nonce: Hex<12>,
    wrapped: String,
}

impl KeyRow {
    /// The key as the vault knows it.
    pub fn wrapped(self) -> Option<Wrapped> {
        Some(Wrapped {
            root: KeyId::new(&self.root)?,
            nonce: self.nonce.0,
            bytes: hex::decode(self.wrapped).ok()?,
        })
    }
}

impl From<Wrapped> for KeyRow {
    fn from(key: Wrapped) -> Self {
        Self {
            root: key.root.as_str().into(),
            nonce: Hex(key.nonce),
            wrapped: hex::encode(key.bytes),
        }
    }
}

/// The vault as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateRow {
    /// The key that seals.
    pub current: u32,
    /// The key before, while accounts are left under it; 0 is none.
    pub previous: u32,
    /// How many accounts there are.
    pub accounts: u64,
    /// How many of them are known to be under the key that seals.
    pub resealed: u64,
}

impl From<StateRow> for State {
    fn from(row: StateRow) -> Self {
        Self {
            current: row.current,
            previous: row.previous,
            accounts: row.accounts,
            resealed: row.resealed,
        }
    }
}

impl From<State> for StateRow {
    fn from(state: State) -> Self {
        Self {
            current: state.current,
            previous: state.previous,
            accounts: state.accounts,
            resealed: state.resealed,
        }
    }
}
