//! The token vault against two maps: which PAN a token stands for, and what has become of it.
//!
//! Start at [`run`]. The twin knows a token by its digits, the events that it took, and nothing of how the vault keeps
//! them. [`Vault`] is what a subject offers, so that a broken one can be shown to be caught.

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::{Arbitrary, Unstructured};
use kaika_spec::limit::{MINT_DRAWS_MAX, PAN_BIN, PAN_DIGITS, TOKEN_BIN};
use kaika_spec::{Refusal, TokenState};
use kaika_tokenization::resolve::Channel;
use kaika_tokenization::{Pan, Party, Token, TokenVault};

/// Fuzz body: a list of operations against the vault of `impl/tokenization`.
pub fn vault(data: &[u8]) {
    run(data, TokenVault::default());
}

/// What a vault offers. PANs and tokens are digits here.
pub trait Vault: Clone + PartialEq {
    /// Mints an inactive token.
    fn mint(&mut self, pan: &str, expires_at: i64, draw: Draw<'_>) -> Result<String, Refusal>;
    /// Changes the state of a token.
    fn change(&mut self, token: &str, change: Change) -> Result<(), Refusal>;
    /// The PAN, for who may have it.
    fn resolve(&self, token: &str, now: i64, channel: Channel) -> Result<String, Refusal>;
    /// The state of a token.
    fn state(&self, token: &str) -> Option<TokenState>;
    /// How many tokens there are.
    fn len(&self) -> usize;
    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A source of numbers below a bound.
pub type Draw<'a> = &'a mut dyn FnMut(u64) -> u64;

/// What may happen to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The chip's receipt came.
    Activate,
    /// A party suspends it.
    Suspend(By),
    /// A party resumes it.
    Resume(By),
    /// It is retired.
    Delete,
}

/// A party. The twin has its own, so that it does not share the vault's set of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The cardholder.
    User,
    /// The wallet.
    Wallet,
    /// The bank.
    Issuer,
    /// The fraud desk.
    Fraud,
}

impl By {
    fn party(self) -> Party {
        match self {
            Self::User => Party::User,
            Self::Wallet => Party::Wallet,
            Self::Issuer => Party::Issuer,
            Self::Fraud => Party::Fraud,
        }
    }
}

impl Vault for TokenVault {
    fn mint(&mut self, pan: &str, expires_at: i64, draw: Draw<'_>) -> Result<String, Refusal> {
        let pan = Pan::new(pan).unwrap_or_else(|| panic!("{pan} is not taken for a PAN"));
        Self::mint(self, pan, expires_at, draw).map(|token| token.digits().to_owned())
    }

    fn change(&mut self, token: &str, change: Change) -> Result<(), Refusal> {
        let token = read(token);
        match change {
            Change::Activate => self.activate(&token),
            Change::Suspend(by) => self.suspend(&token, by.party()),
            Change::Resume(by) => self.resume(&token, by.party()),
            Change::Delete => self.delete(&token),
        }
    }

    fn resolve(&self, token: &str, now: i64, channel: Channel) -> Result<String, Refusal> {
        Self::resolve(self, &read(token), now, channel).map(|pan| pan.expose().to_owned())
    }

    fn state(&self, token: &str) -> Option<TokenState> {
        Self::state(self, &read(token))
    }

    fn len(&self) -> usize {
        Self::len(self)
    }
}

fn read(digits: &str) -> Token {
    Token::new(digits).unwrap_or_else(|| panic!("{digits} is not taken for a token"))
}

/// One operation. Tokens are named by when they were minted; one past the last is a number that nobody minted.
#[derive(Clone, Debug)]
enum Op {
    Mint {
        pan: u8,
        expires_at: i64,
        draws: [u8; 3],
    },
    Change(u8, Change),
    Resolve {
        token: u8,
        now: i64,
        channel: Channel,
    },
}

const PARTIES: [By; 4] = [By::User, By::Wallet, By::Issuer, By::Fraud];
const CHANNELS: [Channel; 2] = [Channel::Contactless, Channel::Other];

impl<'a> Arbitrary<'a> for Op {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let what = bytes.int_in_range(0..=5)?;
        if what == 0 {
            return Ok(Self::Mint {
                pan: bytes.arbitrary()?,
                expires_at: i64::from(bytes.arbitrary::<i8>()?),
                draws: bytes.arbitrary()?,
            });
        }
        let token = bytes.arbitrary()?;
        let change = match what {
            1 => Change::Activate,
            2 => Change::Suspend(*bytes.choose(&PARTIES)?),
            3 => Change::Resume(*bytes.choose(&PARTIES)?),
            4 => Change::Delete,
            _ => {
                return Ok(Self::Resolve {
                    token,
                    now: i64::from(bytes.arbitrary::<i8>()?),
                    channel: *bytes.choose(&CHANNELS)?,
                });
            }
        };
        Ok(Self::Change(token, change))
    }
}

/// Longest run.
const OPS_MAX: usize = 200;

/// What has become of a token, in the words of `spec/80-manage.md`.
#[derive(Clone, Debug, Default)]
struct Life {
    was_activated: bool,
    is_deleted: bool,
    suspenders: BTreeSet<By>,
    expires_at: i64,
}

impl Life {
    fn state(&self) -> TokenState {
        match self {
            Self {
                is_deleted: true, ..
            } => TokenState::Deleted,
            Self {
                was_activated: false,
                ..
            } => TokenState::Inactive,
            _ if self.suspenders.is_empty() => TokenState::Active,
            _ => TokenState::Suspended,
        }
    }

    fn allows(&self, change: Change) -> bool {
        match change {
            _ if self.is_deleted => false,
            Change::Activate => !self.was_activated,
            Change::Suspend(_) | Change::Resume(_) => self.was_activated,
            Change::Delete => true,
        }
    }

    fn take(&mut self, change: Change) {
        match change {
            Change::Activate => self.was_activated = true,
            Change::Suspend(by) => {
                self.suspenders.insert(by);
            }
            Change::Resume(by) => {
                self.suspenders.remove(&by);
            }
            Change::Delete => self.is_deleted = true,
        }
    }
}

/// The naive twin.
#[derive(Default)]
struct Twin {
    pans: BTreeMap<String, String>,
    lives: BTreeMap<String, Life>,
    minted: Vec<String>,
}

impl Twin {
    /// The `n`-th token, or a number that nobody minted.
    fn token(&self, n: u8) -> String {
        let index = usize::from(n) % (self.minted.len() + 1);
        self.minted
            .get(index)
            .cloned()
            .unwrap_or_else(|| number(TOKEN_BIN, NOBODYS))
    }

    fn change(&mut self, token: &str, change: Change) -> Result<(), Refusal> {
        let life = self.lives.get_mut(token).ok_or(Refusal::UnknownToken)?;
        if !life.allows(change) {
            return Err(Refusal::IllegalTransition);
        }
        life.take(change);
        Ok(())
    }

    fn resolve(&self, token: &str, now: i64, channel: Channel) -> Result<String, Refusal> {
        let life = self.lives.get(token).ok_or(Refusal::UnknownToken)?;
        if life.state() != TokenState::Active {
            Err(Refusal::TokenNotActive)
        } else if now >= life.expires_at {
            Err(Refusal::TokenExpired)
        } else if channel != Channel::Contactless {
            Err(Refusal::DomainViolation)
        } else {
            Ok(self.pans[token].clone())
        }
    }

    /// What minting must give when these are the draws, and how many are made.
    fn minting(&self, draws: &[u8; 3]) -> (Option<String>, u32) {
        for n in 0..MINT_DRAWS_MAX {
            let digits = number(TOKEN_BIN, drawn(draws, n));
            if !self.pans.contains_key(&digits) {
                return (Some(digits), n + 1);
            }
        }
        (None, MINT_DRAWS_MAX)
    }
}

/// Never drawn.
const NOBODYS: u64 = 5_000_000;

/// The `n`-th draw: few numbers, so that they meet, and a large one now and then.
fn drawn(draws: &[u8; 3], n: u32) -> u64 {
    let turns = draws.iter().cycle();
    match turns.zip(0..=n).last().map_or(0, |(byte, _)| *byte) {
        0xFF => 9_999_999,
        byte => u64::from(byte % 16),
    }
}

/// The `n`-th number of a range, with the check digit that ISO/IEC 7812-1 has.
fn number(range: &str, n: u64) -> String {
    let body = format!("{range}{n:07}");
    (0..10)
        .map(|check| format!("{body}{check}"))
        .find(|digits| luhn(digits))
        .unwrap_or_default()
}

/// From the right, every second digit counts as the digits of its double.
fn luhn(digits: &str) -> bool {
    let worth = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];
    let sum: usize = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| (place, usize::from(digit - b'0')))
        .map(|(place, digit)| if place % 2 == 0 { digit } else { worth[digit] })
        .sum();
    sum.is_multiple_of(10)
}

/// Performs the operations that `data` says on `vault`, which must be empty. Panics when it and the twin disagree.
pub fn run(data: &[u8], mut vault: impl Vault) {
    let mut bytes = Unstructured::new(data);
    let mut twin = Twin::default();
    for _ in 0..OPS_MAX {
        if bytes.is_empty() {
            break;
        }
        let Ok(op) = Op::arbitrary(&mut bytes) else {
            break;
        };
        let before = vault.clone();
        let refused = perform(&op, &mut vault, &mut twin);
        assert!(
            !refused || vault == before,
            "a refused {op:?} changed something"
        );
        agree(&vault, &twin, &op);
    }
}

/// Whether the operation was refused, by both.
fn perform(op: &Op, vault: &mut impl Vault, twin: &mut Twin) -> bool {
    match op {
        Op::Mint {
            pan,
            expires_at,
            draws,
        } => mint(vault, twin, *pan, *expires_at, draws),
        Op::Change(n, change) => {
            let token = twin.token(*n);
            let (got, want) = (vault.change(&token, *change), twin.change(&token, *change));
            assert_eq!(got, want, "{change:?} of {token}");
            want.is_err()
        }
        Op::Resolve {
            token,
            now,
            channel,
        } => {
            let token = twin.token(*token);
            let got = vault.resolve(&token, *now, *channel);
            assert_eq!(got, twin.resolve(&token, *now, *channel), "of {token}");
            got.is_err()
        }
    }
}

fn mint(
    vault: &mut impl Vault,
    twin: &mut Twin,
    pan: u8,
    expires_at: i64,
    draws: &[u8; 3],
) -> bool {
    let pan = number(PAN_BIN, u64::from(pan));
    let (want, wanted_draws) = twin.minting(draws);
    let mut made = 0;
    let got = vault.mint(&pan, expires_at, &mut |bound| {
        assert_eq!(bound, 10_000_000, "the numbers behind {TOKEN_BIN}");
        made += 1;
        drawn(draws, made - 1)
    });
    assert_eq!(got, want.clone().ok_or(Refusal::RangeExhausted), "minting");
    assert_eq!(made, wanted_draws, "draws for {got:?}");
    let Some(token) = want else {
        return true;
    };
    assert!(token.len() == PAN_DIGITS && token != pan);
    let life = Life {
        expires_at,
        ..Life::default()
    };
    twin.pans.insert(token.clone(), pan);
    twin.lives.insert(token.clone(), life);
    twin.minted.push(token);
    false
}

/// Every token that was ever minted is in the state that its events say.
fn agree(vault: &impl Vault, twin: &Twin, op: &Op) {
    assert_eq!(vault.len(), twin.minted.len(), "tokens after {op:?}");
    for (token, life) in &twin.lives {
        assert_eq!(
            vault.state(token),
            Some(life.state()),
            "{token} after {op:?}"
        );
    }
    assert_eq!(vault.state(&number(TOKEN_BIN, NOBODYS)), None);
}
