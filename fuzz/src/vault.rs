//! The token vault against two maps: which PAN an account has and which account a token is for; what has become of tokens.
//!
//! Start at [`run`]. The twin knows a token by its digits, the events that it took, and nothing of how the vault keeps
//! them. [`Vault`] is what a subject offers, so that a broken one can be shown to be caught. An operation may be cut off
//! before its changes are stored, or repeated by a caller who has not heard of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arbitrary::{Arbitrary, Unstructured};
use kaika_crypto::SealKey;
use kaika_spec::limit::{
    BULK_MINT_MAX, MINT_DRAWS_MAX, PAN_BIN, PAN_DIGITS, RANGE_LOAD_MAX, REQUESTOR_ID, RESEAL_MAX,
};
use kaika_spec::{Refusal, TokenState};
use kaika_tokenization::vault::Terms;
use kaika_tokenization::{
    Assurance, Channel, Entropy, Generation, Link, Par, Party, Policy, Presented, Ranges,
    RequestorId, Software, Token, TokenVault,
};

/// Two token ranges of a thousand numbers each: small enough to be filled.
const RANGES: [&str; 2] = ["629900000000", "629900000001"];
const NUMBERS: u64 = 1_000;

/// Fuzz body: a list of operations against the vault of `impl/tokenization`.
pub fn vault(data: &[u8]) {
    run(data, empty());
}

/// An empty vault of `impl/tokenization`.
pub fn empty() -> TokenVault {
    let keys = Arc::new(Software::new(SealKey::new([7; 32]), vec![]));
    let policy = Ranges::new(&RANGES, &[PAN_BIN])
        .and_then(|ranges| Policy::new(ranges, Generation::Random, keys))
        .unwrap_or_else(|fault| panic!("{fault}"));
    TokenVault::new(Arc::new(policy))
}

/// What a vault offers. Accounts are payment account references, PANs and tokens are digits here.
pub trait Vault: Clone + PartialEq {
    /// Opens an account.
    fn open(&mut self, dice: &mut Dice) -> Result<String, Refusal>;
    /// Gives an account another PAN.
    fn replace(&mut self, par: &str, dice: &mut Dice) -> Result<(), Refusal>;
    /// Inactive tokens, or those there are: all or none.
    fn mint(
        &mut self,
        uses: &[Use],
        expires_at: i64,
        dice: &mut Dice,
    ) -> Result<Vec<String>, Refusal>;
    /// Makes another vault key; how many accounts are to be moved to it.
    fn rotate(&mut self, dice: &mut Dice) -> Result<u64, Refusal>;
    /// Moves some accounts; how many are left.
    fn reseal(&mut self, dice: &mut Dice) -> Result<u64, Refusal>;
    /// Changes the state of a token.
    fn change(&mut self, token: &str, change: Change) -> Result<(), Refusal>;
    /// The PAN, for who may have it.
    fn resolve(&self, token: &str, now: i64, shown: &Shown) -> Result<String, Refusal>;
    /// The PAN of an account.
    fn pan(&self, par: &str) -> Result<String, Refusal>;
    /// The account of a token.
    fn par(&self, token: &str) -> Option<String>;
    /// The state of a token.
    fn state(&self, token: &str) -> Option<TokenState>;
    /// How many tokens there are.
    fn len(&self) -> usize;
    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Everything that is stored, as text.
    fn stored(&self) -> String;
}

/// For what a token is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The account.
    pub par: String,
    /// The chip.
    pub chip: u8,
}

/// How a token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Over which channel.
    pub channel: Channel,
    /// As the requestor's that it is for, as another's, or without naming one.
    pub requestor: Option<bool>,
    /// From this chip, if named.
    pub chip: Option<u8>,
}

/// Numbers as the operation says, few, so that they meet; letters and keys from a count that never repeats.
#[derive(Clone, Debug, Default)]
pub struct Dice {
    draws: [u8; 3],
    turn: usize,
    walk: u64,
    count: u64,
}

impl Entropy for Dice {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.next().to_be_bytes()[3];
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        match bound {
            0 => 0,
            1..=36 => self.next() % bound,
            _ => self.drawn(bound),
        }
    }
}

impl Dice {
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.count += 1;
        let mut mixed = self.count.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn drawn(&mut self, bound: u64) -> u64 {
        let byte = self.draws[self.turn % 3];
        self.turn += 1;
        match byte {
            0xFF => bound - 1,
            0x80.. => {
                self.walk += 1 + u64::from(self.walk % NUMBERS == NOBODYS - 1);
                self.walk % bound
            }
            _ => u64::from(byte % 16),
        }
    }
}

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
    fn open(&mut self, dice: &mut Dice) -> Result<String, Refusal> {
        self.open_account(dice).map(|par| par.as_str().to_owned())
    }

    fn replace(&mut self, par: &str, dice: &mut Dice) -> Result<(), Refusal> {
        self.replace_pan(&account(par), dice)
    }

    fn mint(
        &mut self,
        uses: &[Use],
        expires_at: i64,
        dice: &mut Dice,
    ) -> Result<Vec<String>, Refusal> {
        let terms = Terms {
            assurance: Assurance::OneFactor,
            expires_at,
        };
        let links: Vec<Link> = uses.iter().map(link).collect();
        let minted = match &links[..] {
            [link] => Self::mint(self, link, terms, dice).map(|token| vec![token]),
            links => self.mint_all(links, terms, dice),
        };
        minted.map(|all| all.iter().map(|token| token.digits().to_owned()).collect())
    }

    fn rotate(&mut self, dice: &mut Dice) -> Result<u64, Refusal> {
        Self::rotate(self, dice)
    }

    fn reseal(&mut self, dice: &mut Dice) -> Result<u64, Refusal> {
        Self::reseal(self, dice)
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

    fn resolve(&self, token: &str, now: i64, shown: &Shown) -> Result<String, Refusal> {
        let named = shown.requestor.map(requestor);
        let presented = Presented {
            channel: shown.channel,
            requestor: named.as_ref(),
            chip: shown.chip.map(|chip| [chip; 8]),
        };
        Self::resolve(self, &read(token), now, &presented).map(|pan| pan.expose().to_owned())
    }

    fn pan(&self, par: &str) -> Result<String, Refusal> {
        Self::pan(self, &account(par)).map(|pan| pan.expose().to_owned())
    }

    fn par(&self, token: &str) -> Option<String> {
        Self::par(self, &read(token)).map(|par| par.as_str().to_owned())
    }

    fn state(&self, token: &str) -> Option<TokenState> {
        Self::state(self, &read(token))
    }

    fn len(&self) -> usize {
        Self::len(self)
    }

    fn stored(&self) -> String {
        format!("{:?}", self.records())
    }
}

fn read(digits: &str) -> Token {
    Ranges::new(&RANGES, &[PAN_BIN])
        .ok()
        .and_then(|ranges| ranges.token(digits))
        .unwrap_or_else(|| panic!("{digits} is not taken for a token"))
}

fn account(par: &str) -> Par {
    Par::new(par).unwrap_or_else(|| panic!("{par} is not taken for a reference"))
}

fn requestor(own: bool) -> RequestorId {
    let digits = if own { REQUESTOR_ID } else { "62900000002" };
    RequestorId::new(digits).unwrap_or_else(|| panic!("{digits} is not taken for a requestor"))
}

fn link(one: &Use) -> Link {
    Link {
        par: account(&one.par),
        requestor: requestor(true),
        chip: [one.chip; 8],
    }
}

/// One operation. Accounts and tokens are named by when they came; one past the last is nobody's.
#[derive(Clone, Debug)]
enum Op {
    Open([u8; 3]),
    Replace(u8, [u8; 3]),
    Mint {
        uses: Vec<(u8, u8)>,
        expires_at: i64,
        draws: [u8; 3],
    },
    Change(u8, Change),
    Resolve {
        token: u8,
        now: i64,
        shown: Shown,
    },
    Rotate,
    Reseal,
}

const PARTIES: [By; 4] = [By::User, By::Wallet, By::Issuer, By::Fraud];
const CHANNELS: [Channel; 2] = [Channel::Contactless, Channel::Other];

impl<'a> Arbitrary<'a> for Op {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let what = bytes.int_in_range(0..=10)?;
        Ok(match what {
            0 => {
                let uses = vec![(bytes.arbitrary()?, bytes.arbitrary()?)];
                Self::Mint {
                    uses,
                    expires_at: i64::from(bytes.arbitrary::<i8>()?),
                    draws: bytes.arbitrary()?,
                }
            }
            1 => Self::Change(bytes.arbitrary()?, Change::Activate),
            2 => Self::Change(
                bytes.arbitrary()?,
                Change::Suspend(*bytes.choose(&PARTIES)?),
            ),
            3 => Self::Change(bytes.arbitrary()?, Change::Resume(*bytes.choose(&PARTIES)?)),
            4 => Self::Change(bytes.arbitrary()?, Change::Delete),
            5 => Self::Resolve {
                token: bytes.arbitrary()?,
                now: i64::from(bytes.arbitrary::<i8>()?),
                shown: Shown {
                    channel: *bytes.choose(&CHANNELS)?,
                    requestor: *bytes.choose(&[None, Some(true), Some(false)])?,
                    chip: *bytes.choose(&[None, Some(0), Some(1)])?,
                },
            },
            6 => Self::Open(bytes.arbitrary()?),
            7 => Self::Replace(bytes.arbitrary()?, bytes.arbitrary()?),
            8 => bulk(bytes)?,
            9 => Self::Rotate,
            _ => Self::Reseal,
        })
    }
}

/// Up to seven tokens for chips in a row, or one more than may be asked for.
fn bulk(bytes: &mut Unstructured<'_>) -> arbitrary::Result<Op> {
    let (par, chip, many): (u8, u8, u8) = bytes.arbitrary()?;
    let many = match many {
        0xFF => u8::try_from(BULK_MINT_MAX + 1).unwrap_or(u8::MAX),
        0xC0.. => u8::try_from(BULK_MINT_MAX).unwrap_or(u8::MAX),
        few => few % 8,
    };
    Ok(Op::Mint {
        uses: (0..many).map(|n| (par, chip.wrapping_add(n))).collect(),
        expires_at: i64::from(bytes.arbitrary::<i8>()?),
        draws: bytes.arbitrary()?,
    })
}

/// Longest run.
const OPS_MAX: usize = 200;

/// What has become of a token, in the words of `spec/80-manage.md`.
#[derive(Clone, Debug, Default)]
struct Life {
    was_activated: bool,
    is_deleted: bool,
    suspenders: BTreeSet<By>,
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
#[derive(Clone, Default)]
struct Twin {
    /// The first map: account → PAN.
    pans: BTreeMap<String, String>,
    /// The second map: token → account, with what else is said of it.
    tokens: BTreeMap<String, (Use, i64, Life)>,
    accounts: Vec<String>,
    minted: Vec<String>,
    ever: BTreeSet<String>,
    resealed: u64,
    has_two_keys: bool,
    walk: u64,
    count: u64,
}

impl Twin {
    /// The `n`-th token, or a number that nobody minted.
    fn token(&self, n: u8) -> String {
        let index = usize::from(n) % (self.minted.len() + 1);
        self.minted
            .get(index)
            .cloned()
            .unwrap_or_else(|| number(RANGES[1], NOBODYS))
    }

    /// The `n`-th account, or a reference that nobody has.
    fn account(&self, n: u8) -> String {
        let index = usize::from(n) % (self.accounts.len() + 1);
        let nobody = || format!("KAI1{}", "0".repeat(25));
        self.accounts.get(index).cloned().unwrap_or_else(nobody)
    }

    fn dice(&self, draws: [u8; 3]) -> Dice {
        Dice {
            draws,
            turn: 0,
            walk: self.walk,
            count: self.count,
        }
    }

    fn change(&mut self, token: &str, change: Change) -> Result<(), Refusal> {
        let (_, _, life) = self.tokens.get_mut(token).ok_or(Refusal::UnknownToken)?;
        if !life.allows(change) {
            return Err(Refusal::IllegalTransition);
        }
        life.take(change);
        Ok(())
    }

    fn resolve(&self, token: &str, now: i64, shown: &Shown) -> Result<String, Refusal> {
        let (of, expires_at, life) = self.tokens.get(token).ok_or(Refusal::UnknownToken)?;
        let outside = shown.channel != Channel::Contactless
            || shown.requestor == Some(false)
            || shown.chip.is_some_and(|chip| chip != of.chip);
        if life.state() != TokenState::Active {
            Err(Refusal::TokenNotActive)
        } else if now >= *expires_at {
            Err(Refusal::TokenExpired)
        } else if outside {
            Err(Refusal::DomainViolation)
        } else {
            Ok(self.pans[&of.par].clone())
        }
    }

    /// The first number of a range that nobody has or had, among as many draws as may be made.
    fn drawn(&self, range: &str, numbers: u64, dice: &mut Dice) -> Result<String, Refusal> {
        let draws = (0..MINT_DRAWS_MAX).map(|_| number(range, dice.drawn(numbers)));
        draws
            .into_iter()
            .find(|digits| !self.ever.contains(digits))
            .ok_or(Refusal::RangeExhausted)
    }

    fn mint(
        &mut self,
        uses: &[Use],
        expires_at: i64,
        dice: &mut Dice,
    ) -> Result<Vec<String>, Refusal> {
        if uses.len() > BULK_MINT_MAX {
            return Err(Refusal::Malformed);
        }
        uses.iter()
            .map(|one| self.mint_one(one, expires_at, dice))
            .collect()
    }

    fn mint_one(&mut self, one: &Use, expires_at: i64, dice: &mut Dice) -> Result<String, Refusal> {
        if !self.pans.contains_key(&one.par) {
            return Err(Refusal::UnknownCard);
        }
        let live = self
            .tokens
            .iter()
            .find(|(_, (of, _, life))| of == one && !life.is_deleted);
        if let Some((token, _)) = live {
            return Ok(token.clone());
        }
        let given = |range: &&&str| {
            self.minted
                .iter()
                .filter(|one| one.starts_with(**range))
                .count() as u64
        };
        let range = RANGES
            .iter()
            .find(|range| given(range) < NUMBERS * RANGE_LOAD_MAX / 100)
            .ok_or(Refusal::RangeExhausted)?;
        let token = self.drawn(range, NUMBERS, dice)?;
        self.ever.insert(token.clone());
        self.minted.push(token.clone());
        self.tokens
            .insert(token.clone(), (one.clone(), expires_at, Life::default()));
        Ok(token)
    }

    fn give_pan(&mut self, par: &str, dice: &mut Dice) -> Result<(), Refusal> {
        let pan = self.drawn(PAN_BIN, 10_000_000, dice)?;
        self.ever.insert(pan.clone());
        self.pans.insert(par.to_owned(), pan);
        Ok(())
    }

    fn accounts(&self) -> u64 {
        self.accounts.len() as u64
    }

    fn rotate(&mut self) -> Result<u64, Refusal> {
        if self.has_two_keys {
            return Err(Refusal::WrongOrder);
        }
        self.resealed = 0;
        self.has_two_keys = !self.accounts.is_empty();
        Ok(self.accounts())
    }

    fn reseal(&mut self) -> u64 {
        if !self.has_two_keys {
            return 0;
        }
        self.resealed = self.accounts().min(self.resealed + RESEAL_MAX);
        self.has_two_keys = self.resealed < self.accounts();
        self.accounts() - self.resealed
    }
}

/// Never drawn.
const NOBODYS: u64 = 500;

/// The `n`-th number of a range, with the check digit that ISO/IEC 7812-1 has.
fn number(range: &str, n: u64) -> String {
    let body = format!("{range}{n:0free$}", free = PAN_DIGITS - 1 - range.len());
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

/// What cuts an operation off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// Nothing does.
    None,
    /// The process dies before the changes are stored.
    Before,
    /// It dies after, and the caller asks again.
    After,
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
        let cut = match op {
            Op::Open([byte, ..])
            | Op::Replace(_, [byte, ..])
            | Op::Mint {
                draws: [byte, ..], ..
            } => [Cut::None, Cut::Before, Cut::After, Cut::None][usize::from(byte >> 4 & 3)],
            _ => Cut::None,
        };
        let before = vault.clone();
        if cut == Cut::Before {
            perform(&op, &mut vault.clone(), &mut twin.clone());
            assert!(vault == before, "a cut {op:?} changed something");
        }
        let refused = perform(&op, &mut vault, &mut twin);
        assert!(
            !refused || vault == before,
            "a refused {op:?} changed something"
        );
        if cut == Cut::After && matches!(op, Op::Mint { .. }) && !refused {
            let known = vault.clone();
            perform(&op, &mut vault, &mut twin);
            assert!(vault == known, "a repeated {op:?} changed something");
        }
        agree(&vault, &twin, &op);
    }
    at_last(&vault, &twin);
}

/// Whether the operation was refused, by both.
fn perform(op: &Op, vault: &mut impl Vault, twin: &mut Twin) -> bool {
    match op {
        Op::Open(draws) => open(vault, twin, *draws),
        Op::Replace(n, draws) => {
            let par = twin.account(*n);
            let mut dice = twin.dice(*draws);
            let want = if twin.pans.contains_key(&par) {
                twin.give_pan(&par, &mut dice.clone())
            } else {
                Err(Refusal::UnknownCard)
            };
            let got = vault.replace(&par, &mut dice);
            assert_eq!(got, want, "replacing the PAN of {par}");
            twin.went(&dice);
            want.is_err()
        }
        Op::Mint {
            uses,
            expires_at,
            draws,
        } => mint(vault, twin, uses, *expires_at, *draws),
        Op::Change(n, change) => {
            let token = twin.token(*n);
            let (got, want) = (vault.change(&token, *change), twin.change(&token, *change));
            assert_eq!(got, want, "{change:?} of {token}");
            want.is_err()
        }
        Op::Resolve { token, now, shown } => {
            let token = twin.token(*token);
            let got = vault.resolve(&token, *now, shown);
            assert_eq!(got, twin.resolve(&token, *now, shown), "of {token}");
            got.is_err()
        }
        Op::Rotate => {
            let mut dice = twin.dice([0; 3]);
            let (got, want) = (vault.rotate(&mut dice), twin.rotate());
            assert_eq!(got, want, "rotating");
            twin.went(&dice);
            want.is_err()
        }
        Op::Reseal => {
            let mut dice = twin.dice([0; 3]);
            assert_eq!(vault.reseal(&mut dice), Ok(twin.reseal()), "resealing");
            twin.went(&dice);
            false
        }
    }
}

impl Twin {
    /// The next operation goes on where this one stopped.
    fn went(&mut self, dice: &Dice) {
        (self.walk, self.count) = (dice.walk, dice.count);
    }
}

fn open(vault: &mut impl Vault, twin: &mut Twin, draws: [u8; 3]) -> bool {
    let mut dice = twin.dice(draws);
    let want = twin.clone().give_pan("", &mut dice.clone());
    let (mut numbers, got) = (dice.clone(), vault.open(&mut dice));
    assert_eq!(got.as_ref().err(), want.as_ref().err(), "opening");
    if let Ok(par) = &got {
        assert!(!twin.pans.contains_key(par), "{par} twice");
        let _ = twin.give_pan(par, &mut numbers);
        twin.accounts.push(par.clone());
        assert_eq!(vault.pan(par).as_ref(), Ok(&twin.pans[par]));
    }
    twin.went(&dice);
    got.is_err()
}

fn mint(
    vault: &mut impl Vault,
    twin: &mut Twin,
    uses: &[(u8, u8)],
    expires_at: i64,
    draws: [u8; 3],
) -> bool {
    let uses: Vec<Use> = uses
        .iter()
        .map(|(par, chip)| Use {
            par: twin.account(*par),
            chip: *chip,
        })
        .collect();
    let (mut dice, mut after) = (twin.dice(draws), twin.clone());
    let want = after.mint(&uses, expires_at, &mut dice.clone());
    let got = vault.mint(&uses, expires_at, &mut dice);
    assert_eq!(got, want, "minting for {uses:?}");
    if got.is_ok() {
        *twin = after;
    }
    twin.went(&dice);
    got.is_err()
}

/// Every token that was ever minted is in the state that its events say, and for the account that it was minted for.
fn agree(vault: &impl Vault, twin: &Twin, op: &Op) {
    assert_eq!(vault.len(), twin.minted.len(), "tokens after {op:?}");
    for (token, (of, _, life)) in &twin.tokens {
        let want = (Some(life.state()), Some(of.par.clone()));
        assert_eq!(
            (vault.state(token), vault.par(token)),
            want,
            "{token} after {op:?}"
        );
    }
    assert_eq!(vault.state(&number(RANGES[1], NOBODYS)), None);
}

/// Every account has the PAN that it was last given, and no PAN stands in what is stored.
fn at_last(vault: &impl Vault, twin: &Twin) {
    let stored = vault.stored();
    for (par, pan) in &twin.pans {
        assert_eq!(vault.pan(par).as_ref(), Ok(pan), "of {par}");
    }
    for number in twin
        .ever
        .iter()
        .filter(|number| number.starts_with(PAN_BIN))
    {
        let bytes = format!("{:?}", number.as_bytes());
        let shown = [number.as_str(), bytes.trim_matches(['[', ']'])];
        assert!(
            shown.iter().all(|form| !stored.contains(form)),
            "{number} is stored"
        );
    }
}
