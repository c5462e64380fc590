//! What the issuer stores. One struct for each table; tokens stand here and in no message, PANs only sealed, in the vault.

use serde::{Deserialize, Serialize};

use kaika_spec::{Refusal, TokenState, Weakness};
use kaika_tokenization::lifecycle::Event;
use kaika_tokenization::{Domain, Lifecycle, Par, Party, RequestorId};
use kaika_weakness::lacks;
use kaika_wire::messages::issuer::{CardStatus, IssueRequest, Suspender};

use crate::date::expiry;
use crate::vault::{CHANNEL, Terms};
use kaika_spec::limit::TOKEN_LIFE_MS;

mod vault;
pub use vault::{
    AccountRow, GIVEN, KeyRow, LINKS, NUMBERS, ORDER, PANS, StateRow, VAULT, VAULT_KEYS,
    VAULT_STATE,
};

/// Customers by [`person`].
pub const CUSTOMERS: &str = "customers";
/// Blocked people by [`person`].
pub const BLOCKS: &str = "blocks";
/// Eligibility decisions by id.
pub const DECISIONS: &str = "decisions";
/// Outcomes of card requests by request id.
pub const OUTCOMES: &str = "outcomes";
/// Card requests that wait for a score, by call id.
pub const WAITING: &str = "waiting";
/// Identity references that made a card.
pub const REFERENCES: &str = "references";
/// Card codes by person and product.
pub const HOLDINGS: &str = "holdings";
/// Cards by card code.
pub const CARDS: &str = "cards";
/// Agreements by number.
pub const AGREEMENTS: &str = "agreements";
/// Tokens by reference.
pub const TOKENS: &str = "tokens";
/// The last transaction counter that was verified, by token reference: apart from the token, which a tap does not change.
pub const COUNTERS: &str = "counters";
/// Debits by id.
pub const DEBITS: &str = "debits";
/// Taps by terminal, shop and retrieval reference.
pub const TAPS: &str = "taps";
/// Postings by their cause.
pub const POSTINGS: &str = "postings";

/// The key of a person.
pub fn person(id_type: &str, id_no: &str) -> String {
    format!("{id_type}/{id_no}")
}

/// Somebody whom the issuer knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Customer {
    /// Public id.
    pub customer_id: String,
    /// Digest of the applicant as enrolled.
    pub applicant_digest: String,
    /// Reserved phone.
    pub phone: String,
    /// Counts changes of the phone.
    pub phone_version: u64,
}

/// What the issuer decided about one card request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Decision {
    /// The card request.
    pub request_id: String,
    /// Its context.
    pub request_context: String,
    /// Digest of the applicant.
    pub applicant_digest: String,
    /// The applicant, as the key of the customer file.
    pub person: String,
    /// Product.
    pub product: String,
    /// Whether the issuer knew the customer then.
    pub known: bool,
    /// Version of the phone then.
    pub phone_version: u64,
    /// When the decision dies.
    pub expires_at: i64,
}

/// What became of a card request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The card, if one was made.
    pub card_code: Option<String>,
    /// Whether it was undone.
    pub undone: bool,
    /// The chip's consent to it, hex, when a card was made.
    #[serde(default)]
    pub consent: Option<String>,
}

/// A card request that waits for a score.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Waiting {
    /// The message.
    pub request: IssueRequest,
}

/// A card.
#[derive(Clone, Serialize, Deserialize)]
pub struct Card {
    /// Its PAN account: names the PAN, which only the vault has.
    pub par: String,
    /// The card request.
    pub request_id: String,
    /// Whose.
    pub person: String,
    /// Product.
    pub product: String,
    /// Status.
    pub status: CardStatus,
    /// Its agreement.
    pub agreement: String,
    /// Its token.
    pub token_ref: String,
    /// Tokens for other chips.
    pub more_tokens: Vec<String>,
    /// What may still be spent, minor units.
    pub available_minor: u64,
    /// What it is kept in, ISO 4217 numeric.
    pub currency: String,
}

impl Card {
    /// Its PAN account.
    ///
    /// # Errors
    /// `vault-unavailable` when the row names none.
    pub fn account(&self) -> Result<Par, Refusal> {
        Par::new(&self.par).ok_or(Refusal::VaultUnavailable)
    }

    /// All its tokens.
    pub fn tokens(&self) -> impl Iterator<Item = &String> {
        core::iter::once(&self.token_ref).chain(&self.more_tokens)
    }
}

/// An agreement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Agreement {
    /// The card.
    pub card_code: String,
    /// Whether it was terminated.
    pub terminated: bool,
}

/// A token.
#[derive(Clone, Serialize, Deserialize)]
pub struct Token {
    /// Its digits.
    pub digits: String,
    /// The PAN account that it is for.
    pub par: String,
    /// Who asked for it: a token requestor id.
    pub requestor: String,
    /// How its holder was verified: a token assurance method.
    pub assurance: String,
    /// The card.
    pub card_code: String,
    /// The chip it is for, hex.
    pub se_id: String,
    /// The card request's context, hex.
    pub request_context: String,
    /// `inactive`, `active`, `suspended` or `deleted`.
    pub state: String,
    /// Who suspends it.
    pub suspended_by: Vec<Suspender>,
    /// When it was minted.
    pub minted_at: i64,
    /// When it expires.
    pub expires_at: i64,
    /// Its expiry date as in the chip, YYMMDD in BCD, hex.
    pub expiry: String,
    /// The verifier's binding, once active.
    pub binding_id: Option<String>,
    /// The personalisation under way.
    pub session: Option<Session>,
}

/// A personalisation under way.
#[derive(Clone, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// Host challenge, hex.
    pub host_challenge: String,
    /// Whether the script was given out.
    pub scripted: bool,
}

impl Token {
    /// A token that was just minted.
    pub(crate) fn born(number: &kaika_tokenization::Token, terms: &Terms<'_>, now: i64) -> Self {
        let expires_at = now.saturating_add(TOKEN_LIFE_MS);
        //= spec/40-issue.md#iss-39-how-sure-and-for-whom
        //# The issuer MUST store requestor and assurance method with every token that it mints.
        let mut token = Self {
            digits: number.digits().into(),
            par: terms.link.par.as_str().into(),
            requestor: terms.link.requestor.digits().into(),
            assurance: terms.assurance.code().into(),
            card_code: terms.card_code.into(),
            se_id: hex::encode(terms.link.chip),
            request_context: terms.request_context.clone(),
            state: String::new(),
            suspended_by: vec![],
            minted_at: now,
            expires_at,
            expiry: expiry(expires_at),
            binding_id: None,
            session: None,
        };
        token.set_life(Lifecycle::born());
        if lacks(Weakness::ActivateWithoutReceipt)
            && let Ok(active) = Lifecycle::born().after(Event::Activate)
        {
            token.set_life(active);
        }
        token
    }

    /// Where it may be used.
    ///
    /// # Errors
    /// `vault-unavailable` when the row names no requestor or chip.
    pub fn domain(&self) -> Result<Domain, Refusal> {
        let chip = hex::decode(&self.se_id)
            .ok()
            .and_then(|chip| chip.try_into().ok());
        match (RequestorId::new(&self.requestor), chip) {
            (Some(requestor), Some(chip)) => Ok(Domain {
                channel: CHANNEL,
                requestor,
                chip,
            }),
            _ => Err(Refusal::VaultUnavailable),
        }
    }

    /// Where its life stands.
    ///
    /// # Panics
    /// When the row is not one that [`Token::set_life`] wrote: a broken promise of ours.
    pub fn life(&self) -> Lifecycle {
        let parties = self.suspended_by.iter().copied().map(party);
        let life =
            TokenState::from_name(&self.state).and_then(|state| Lifecycle::restore(state, parties));
        match life {
            Some(life) => life,
            None => panic!("a stored token has an impossible life"),
        }
    }

    /// Stores where its life stands.
    pub fn set_life(&mut self, life: Lifecycle) {
        self.state = life.state().name().into();
        self.suspended_by = life.suspended_by().map(suspender).collect();
    }
}

/// A suspender of the wire as a party of the vault.
pub const fn party(by: Suspender) -> Party {
    match by {
        Suspender::User => Party::User,
        Suspender::Wallet => Party::Wallet,
        Suspender::Issuer => Party::Issuer,
        Suspender::Fraud => Party::Fraud,
    }
}

const fn suspender(party: Party) -> Suspender {
    match party {
        Party::User => Suspender::User,
        Party::Wallet => Suspender::Wallet,
        Party::Issuer => Suspender::Issuer,
        Party::Fraud => Suspender::Fraud,
    }
}

/// A debit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debit {
    /// `posted`, `declined`, `reversed` or `tombstoned`.
    pub state: String,
    /// The message it came with; empty for a tombstone.
    pub message: String,
    /// The card.
    pub card_code: String,
    /// How much.
    pub amount_minor: u64,
    /// In what, ISO 4217 numeric.
    pub currency: String,
    /// Authorisation code of a posted one.
    pub auth_code: Option<String>,
    /// What refused a declined one, by its name; none in a row of before this was kept.
    #[serde(default)]
    pub refusal: Option<String>,
    /// The chip's evidence for it, hex; none for a tombstone.
    #[serde(default)]
    pub evidence: Option<String>,
}

impl Debit {
    /// What refuses a declined one again.
    pub(crate) fn refusal(&self) -> Refusal {
        let named = self.refusal.as_deref().and_then(Refusal::from_name);
        named.unwrap_or(Refusal::CardNotActive)
    }
}

/// A tap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tap {
    /// `approved`, `declined`, `reversed` or `tombstoned`.
    pub state: String,
    /// SHA-256 of the request, hex; empty for a tombstone.
    pub request: String,
    /// What a reversal must say of it: type, trace number, time. Empty for a tombstone.
    pub original: String,
    /// Response code of the answer.
    pub code: String,
    /// Authorisation code of an approved one.
    pub auth_code: Option<String>,
    /// Field 55 of the answer, hex.
    pub proof: Option<String>,
    /// The card of an approved one.
    pub card_code: String,
    /// How much.
    pub amount_minor: u64,
    /// In what, ISO 4217 numeric.
    pub currency: String,
    /// The account that took the money of an approved one.
    pub credited: String,
}

/// One balanced double entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// The account that gives.
    pub debit: String,
    /// The account that takes.
    pub credit: String,
    /// How much, minor units: the same on both sides.
    pub amount_minor: u64,
    /// ISO 4217 numeric.
    pub currency: String,
}
