//! What the verifier stores. One struct for each table.

use kaika_wire::messages::Applicant;
use serde::{Deserialize, Serialize};

/// Accounts by name.
pub const ACCOUNTS: &str = "accounts";
/// Card requests by id.
pub const REQUESTS: &str = "requests";
/// Who waits for which call.
pub const CALLS: &str = "calls";
/// Wrong codes by phone, account and person.
pub const GUESSES: &str = "guesses";
/// Digests of the frames that were accepted.
pub const FRAMES: &str = "frames";
/// Cards on file by card code.
pub const BINDINGS: &str = "bindings";
/// Orders by id.
pub const ORDERS: &str = "orders";

/// An account.
#[derive(Clone, Serialize, Deserialize)]
pub struct Account {
    /// Its holder.
    pub applicant: Applicant,
    /// Salt of the password, hex.
    pub salt: String,
    /// `StoredKey`, hex.
    pub stored_key: String,
    /// Wrong proofs in a row.
    pub wrong: u32,
    /// Until when it is locked.
    pub locked_until: i64,
}

/// What a card request waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The password.
    AwaitPassword,
    /// Who applies.
    AwaitApplicant,
    /// The issuer's decision.
    AwaitEligibility,
    /// The code.
    AwaitOtp,
    /// Photos of the document.
    AwaitPhotos,
    /// The video.
    AwaitFrames,
    /// The identity system.
    AwaitMatch,
    /// The terminal's wish to issue.
    AwaitIssue,
    /// The issuer's card.
    Issuing,
    /// The chip.
    AwaitProvision,
    /// Nothing: done.
    Done,
    /// Nothing: cancelled.
    Cancelled,
    /// Nothing: refused.
    Refused,
}

impl State {
    /// Its name on the wire.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AwaitPassword => "await-password",
            Self::AwaitApplicant => "await-applicant",
            Self::AwaitEligibility => "await-eligibility",
            Self::AwaitOtp => "await-otp",
            Self::AwaitPhotos => "await-photos",
            Self::AwaitFrames => "await-frames",
            Self::AwaitMatch => "await-match",
            Self::AwaitIssue => "await-issue",
            Self::Issuing => "issuing",
            Self::AwaitProvision => "await-provision",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Refused => "refused",
        }
    }

    /// What the terminal does next.
    pub const fn next(&self) -> &'static str {
        match self {
            Self::AwaitPassword => "password",
            Self::AwaitApplicant | Self::AwaitEligibility => "applicant",
            Self::AwaitOtp => "otp",
            Self::AwaitPhotos => "id-photos",
            Self::AwaitFrames | Self::AwaitMatch => "frames",
            Self::AwaitIssue | Self::Issuing => "issue",
            Self::AwaitProvision => "provision",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Refused => "none",
        }
    }
}

/// A card request.
#[derive(Clone, Serialize, Deserialize)]
pub struct CardRequest {
    /// What it waits for.
    pub state: State,
    /// Account.
    pub account_id: String,
    /// Phone.
    pub device_id: String,
    /// Chip, hex.
    pub se_id: String,
    /// Product.
    pub product: String,
    /// Version of the terms.
    pub tos_version: String,
    /// Nonce, hex.
    pub terminal_nonce: String,
    /// Nonce, hex.
    pub verifier_nonce: String,
    /// Nonce of the password challenge, hex.
    pub challenge: String,
    /// When it dies.
    pub expires_at: i64,
    /// Key of the terminal's MACs, hex.
    pub session_key: Option<String>,
    /// Who applies.
    pub applicant: Option<Applicant>,
    /// The issuer's decision.
    pub eligibility: Option<Eligibility>,
    /// The code that counts.
    pub otp: Option<Otp>,
    /// The policy that counts.
    pub policy: Option<Policy>,
    /// What was proved, as the issuer wants it.
    pub evidence: Option<serde_json::Value>,
    /// The chip's consent that came with the wish to issue, hex.
    #[serde(default)]
    pub consent: Option<String>,
    /// The card, once there is one.
    pub card: Option<Card>,
}

/// The issuer's decision.
#[derive(Clone, Serialize, Deserialize)]
pub struct Eligibility {
    /// Its id.
    pub eligibility_id: String,
    /// The reserved phone and its version, for a known customer.
    pub phone: Option<(String, u64)>,
}

/// A code that was sent.
#[derive(Clone, Serialize, Deserialize)]
pub struct Otp {
    /// Its id.
    pub otp_id: String,
    /// The code.
    pub code: String,
    /// When it was sent.
    pub sent_at: i64,
    /// Wrong ones so far.
    pub wrong: u32,
    /// Codes sent so far.
    pub sends: u32,
    /// The ids of earlier codes.
    pub superseded: Vec<String>,
}

/// What the terminal was told to photograph.
#[derive(Clone, Serialize, Deserialize)]
pub struct Policy {
    /// Its id.
    pub policy_id: String,
    /// Its nonce, for a video.
    pub nonce: String,
    /// The actions, for a video.
    pub actions: Vec<String>,
    /// When it dies.
    pub expires_at: i64,
    /// Front and back, base64, until the match was asked for.
    pub photos: Option<(String, String)>,
}

/// A card of a request.
#[derive(Clone, Serialize, Deserialize)]
pub struct Card {
    /// Card code.
    pub card_code: String,
    /// Token reference.
    pub token_ref: String,
    /// Binding.
    pub binding_id: String,
}

/// Who waits for a call.
#[derive(Clone, Serialize, Deserialize)]
pub enum Waiting {
    /// A request, for the issuer's decision.
    Eligibility {
        /// The request.
        request_id: String,
    },
    /// A request, for the gateway.
    Code {
        /// The request.
        request_id: String,
    },
    /// A request, for the identity system.
    Match {
        /// The request.
        request_id: String,
        /// Digests of its frames.
        digests: Vec<String>,
    },
    /// A request, for its card.
    Issue {
        /// The request.
        request_id: String,
    },
    /// A request, for the issuer's next round.
    Provision {
        /// The request.
        request_id: String,
    },
    /// A request, for its undoing.
    Compensate {
        /// The request.
        request_id: String,
    },
    /// An order, for its debit.
    Debit {
        /// The order.
        order_id: String,
    },
}

/// Wrong codes in the present window.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Guesses {
    /// When each was made.
    pub at: Vec<i64>,
}

/// A card on file.
#[derive(Clone, Serialize, Deserialize)]
pub struct Binding {
    /// Its id.
    pub binding_id: String,
    /// Account.
    pub account_id: String,
    /// Agreement: between verifier and issuer alone.
    pub agreement: String,
    /// The request that led to it.
    pub request_id: String,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Settled {
    /// Nothing yet.
    Open,
    /// The issuer was asked.
    Pending,
    /// The issuer debited.
    Paid,
    /// The issuer declined.
    Declined,
}

/// An order.
#[derive(Clone, Serialize, Deserialize)]
pub struct Order {
    /// Who shall pay.
    pub account_id: String,
    /// Who is paid.
    pub payee: String,
    /// How much, minor units.
    pub amount_minor: u64,
    /// ISO 4217 numeric.
    pub currency: String,
    /// Nonce inside the digest, hex.
    #[serde(default)]
    pub nonce: String,
    /// Digest, hex.
    pub order_digest: String,
    /// Nonce of the password challenge, hex.
    pub challenge: String,
    /// When it dies.
    pub expires_at: i64,
    /// What became of it.
    pub settled: Settled,
    /// The debit that was asked for.
    pub debit: Option<serde_json::Value>,
    /// Authorisation code of a paid one.
    pub auth_code: Option<String>,
}
