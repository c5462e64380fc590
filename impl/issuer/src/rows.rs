//! What the issuer stores. One struct for each table; PANs and tokens stand here and in no message.

use serde::{Deserialize, Serialize};

use kaika_spec::TokenState;
use kaika_spec::limit::CARD_CURRENCY;
use kaika_tokenization::{Lifecycle, Party};
use kaika_wire::messages::issuer::{CardStatus, IssueRequest, Suspender};

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
/// Card codes by PAN.
pub const PANS: &str = "pans";
/// Agreements by number.
pub const AGREEMENTS: &str = "agreements";
/// Tokens by reference.
pub const TOKENS: &str = "tokens";
/// Token references by token digits.
pub const NUMBERS: &str = "numbers";
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
    /// The PAN.
    pub pan: String,
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
    /// What may still be spent, minor units.
    pub available_minor: u64,
    /// What it is kept in, ISO 4217 numeric.
    #[serde(default = "card_currency")]
    pub currency: String,
}

fn card_currency() -> String {
    CARD_CURRENCY.into()
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
    /// The chip's evidence for it, hex; none for a tombstone.
    #[serde(default)]
    pub evidence: Option<String>,
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
    #[serde(default = "reversals")]
    pub credited: String,
}

/// Where reversals were taken from before taps said whom they credit.
fn reversals() -> String {
    "reversals".into()
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
