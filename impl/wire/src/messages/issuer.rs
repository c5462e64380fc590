//! Bodies of the issuer's resources.

use serde::{Deserialize, Serialize};

use super::{Applicant, body, shapes};
use crate::value::{
    AccountReference, Agreement, Amount, Apdu, AuthCode, CardCode, Currency, CustomerId, Hex,
    IdNumber, IdType, Name, Phone,
};
use crate::words::words;

body! {
    /// POST /v1/customers
    CustomerRequest {
        /// Who.
        applicant: Applicant,
        /// The reserved phone.
        phone: Phone,
    }

    /// Answer to [`CustomerRequest`].
    CustomerEnrolled {
        /// The customer.
        customer_id: CustomerId,
    }

    /// POST /v1/customers/phone
    PhoneRequest {
        /// Kind of document.
        id_type: IdType,
        /// Its number.
        id_no: IdNumber,
        /// The new phone.
        phone: Phone,
    }

    /// Answer to [`PhoneRequest`].
    PhoneChanged {
        /// Its version.
        #[serde(deserialize_with = "crate::value::count")]
        phone_version: u64,
    }

    /// POST /v1/blocks
    BlockRequest {
        /// Kind of document.
        id_type: IdType,
        /// Its number.
        id_no: IdNumber,
        /// Whether pre-verification refuses this person.
        blocked: bool,
    }

    /// Answer to [`BlockRequest`].
    Blocked {
        /// Whether pre-verification refuses this person.
        blocked: bool,
    }

    /// POST /v1/eligibility
    EligibilityRequest {
        /// The card request.
        request_id: Hex<16>,
        /// Its context.
        request_context: Hex<32>,
        /// Who applies.
        applicant: Applicant,
        /// For what.
        product: Name,
    }

    /// POST /v1/issue
    IssueRequest {
        /// The card request.
        request_id: Hex<16>,
        /// Its context.
        request_context: Hex<32>,
        /// The decision that is quoted.
        eligibility_id: Hex<16>,
        /// Who applies.
        applicant: Applicant,
        /// For what.
        product: Name,
        /// The account.
        account_id: Name,
        /// The phone.
        device_id: Name,
        /// The chip.
        se_id: Hex<8>,
        /// What was proved.
        evidence: Evidence,
        /// The chip's consent to the context.
        consent: Hex<16>,
    }

    /// Answer to [`IssueRequest`].
    Issued {
        /// The card request.
        request_id: Hex<16>,
        /// The card.
        card_code: CardCode,
        /// The agreement.
        agreement: Agreement,
        /// The token.
        token_ref: Hex<16>,
        /// `inactive`.
        token_state: Inactive,
    }

    /// Answer to GET /v1/issue/{request_id}
    IssueOutcome {
        /// The card request.
        request_id: Hex<16>,
        /// `none`, `issued` or `tombstoned`.
        outcome: Outcome,
        /// The card.
        #[serde(deserialize_with = "crate::value::nullable")]        card_code: Option<CardCode>,
        /// The agreement.
        #[serde(deserialize_with = "crate::value::nullable")]        agreement: Option<Agreement>,
        /// The token.
        #[serde(deserialize_with = "crate::value::nullable")]        token_ref: Option<Hex<16>>,
        /// The token's state.
        #[serde(deserialize_with = "crate::value::nullable")]        token_state: Option<TokenState>,
    }

    /// Answer to POST /v1/issue/{request_id}/compensate
    Compensated {
        /// What there was to undo.
        outcome: Undone,
    }

    /// POST /v1/tokens/{token_ref}/provision
    ProvisionRequest {
        /// The verifier's binding, once there is one.
        #[serde(deserialize_with = "crate::value::nullable")]        binding_id: Option<Hex<16>>,
        /// The chip.
        se_id: Hex<8>,
        /// The session to go on with, or nothing to start one.
        #[serde(deserialize_with = "crate::value::nullable")]        session: Option<Hex<16>>,
        /// The chip's answers to the last commands.
        responses: Vec<Apdu>,
    }

    /// [`Provisioned`] as it is sent.
    ProvisionRound {
        /// The session, while there is one.
        #[serde(deserialize_with = "crate::value::nullable")]        session: Option<Hex<16>>,
        /// Commands for the chip.
        commands: Vec<Apdu>,
        /// `inactive` or `active`.
        state: TokenState,
    }

    /// POST /v1/tokens/{token_ref}/suspend and …/resume
    SuspenderRequest {
        /// Who.
        by: Suspender,
    }

    /// The answer to every message about a token.
    TokenStatus {
        /// The token.
        token_ref: Hex<16>,
        /// Its state.
        state: TokenState,
        /// Who suspends it.
        suspended_by: Vec<Suspender>,
    }

    /// POST /v1/debits
    DebitRequest {
        /// The debit; the order's id.
        debit_id: Hex<16>,
        /// The card.
        card_code: CardCode,
        /// Its agreement.
        agreement: Agreement,
        /// Whose order it is.
        account_id: Name,
        /// Who is paid.
        payee: Name,
        /// How much.
        amount_minor: Amount,
        /// In what.
        currency: Currency,
        /// When the order dies.
        #[serde(deserialize_with = "crate::value::millis")]
        expires_at: i64,
        /// Nonce inside the digest.
        nonce: Hex<16>,
        /// What the payer authorised.
        order_digest: Hex<32>,
        /// The chip's evidence over order and card.
        evidence: Hex<16>,
    }

    /// Answer to [`DebitRequest`].
    Debited {
        /// The debit.
        debit_id: Hex<16>,
        /// `posted`.
        result: Posted,
        /// Authorisation code.
        auth_code: AuthCode,
    }

    /// Answer to GET /v1/debits/{debit_id}
    DebitStatus {
        /// The debit.
        debit_id: Hex<16>,
        /// `none`, `posted`, `declined`, `reversed` or `tombstoned`.
        state: DebitState,
        /// Authorisation code of a posted one.
        #[serde(deserialize_with = "crate::value::nullable")]        auth_code: Option<AuthCode>,
    }

    /// POST /v1/debits/{debit_id}/reverse
    ReverseRequest {
        /// How much.
        amount_minor: Amount,
    }

    /// Answer to [`ReverseRequest`].
    Reversed {
        /// The debit.
        debit_id: Hex<16>,
        /// What it is now.
        state: Reversal,
    }

    /// POST /v1/cards/{card_code}/status
    CardStatusRequest {
        /// The new status.
        status: CardStatus,
    }

    /// Answer to [`CardStatusRequest`].
    CardStatusSet {
        /// The card.
        card_code: CardCode,
        /// Its status.
        status: CardStatus,
    }

    /// Answer to POST /v1/cards/{card_code}/replace
    CardReplaced {
        /// The card.
        card_code: CardCode,
        /// Its payment account reference.
        par: AccountReference,
    }

    /// One token for another chip of a card.
    TokenWanted {
        /// The card.
        card_code: CardCode,
        /// The chip.
        se_id: Hex<8>,
        /// What the chip consents to, and its receipt will name.
        request_context: Hex<32>,
        /// The chip's consent.
        consent: Hex<16>,
    }

    /// POST /v1/tokens
    TokensRequest {
        /// What is wanted.
        #[serde(deserialize_with = "crate::value::bulk")]        tokens: Vec<TokenWanted>,
    }

    /// Answer to [`TokensRequest`].
    TokensMinted {
        /// One for each that was wanted, in order.
        token_refs: Vec<Hex<16>>,
    }

    /// Answer to POST /v1/vault/rotate and POST /v1/vault/reseal
    Resealing {
        /// Accounts that are not yet under the newest vault key.
        #[serde(deserialize_with = "crate::value::count")]
        left: u64,
    }

    /// Answer to GET /v1/cards/{card_code}
    CardShown {
        /// The card.
        card_code: CardCode,
        /// Its status.
        status: CardStatus,
        /// What is left on it, minor units.
        #[serde(deserialize_with = "crate::value::count")]
        available_minor: u64,
    }

    /// Answer to POST /v1/agreements/{agreement}/terminate
    AgreementEnded {
        /// The agreement.
        agreement: Agreement,
        /// What it is now.
        state: Terminated,
    }
}

shapes! {
    /// What was proved for a card request.
    Evidence by "kind" {
        /// The reserved phone.
        Otp = "otp" {
            /// The code.
            otp_id: Hex<16>,
            /// Digest of the phone.
            phone_digest: Hex<32>,
            /// Its version.
            #[serde(deserialize_with = "crate::value::count")]
            phone_version: u64,
            /// When.
            #[serde(deserialize_with = "crate::value::millis")]
            verified_at: i64,
        }
        /// The face.
        Identity = "identity" {
            /// The identity system's reference.
            reference: Hex<16>,
        }
    }
}

shapes! {
    /// Answer to [`EligibilityRequest`].
    Eligibility by "branch" {
        /// A one-time code to this phone.
        KnownCustomer = "known-customer" {
            /// The decision.
            eligibility_id: Hex<16>,
            /// The reserved phone.
            phone: Phone,
            /// Its version.
            #[serde(deserialize_with = "crate::value::count")]
            phone_version: u64,
            /// When the decision dies.
            #[serde(deserialize_with = "crate::value::millis")]
            expires_at: i64,
        }
        /// Photos and video.
        FirstCard = "first-card" {
            /// The decision.
            eligibility_id: Hex<16>,
            /// When the decision dies.
            #[serde(deserialize_with = "crate::value::millis")]
            expires_at: i64,
        }
    }
}

/// Answer to [`ProvisionRequest`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ProvisionRound", into = "ProvisionRound")]
pub enum Provisioned {
    /// The token is inactive, and there is more to tell the chip.
    More {
        /// The session.
        session: Hex<16>,
        /// Commands for the chip.
        commands: Vec<Apdu>,
    },
    /// The token is active.
    Done,
}

impl TryFrom<ProvisionRound> for Provisioned {
    type Error = &'static str;

    fn try_from(round: ProvisionRound) -> Result<Self, Self::Error> {
        match (round.session, round.commands, round.state) {
            (Some(session), commands, TokenState::Inactive) => Ok(Self::More { session, commands }),
            (None, commands, TokenState::Active) if commands.is_empty() => Ok(Self::Done),
            _ => Err(
                "expected a session with an inactive token, or an active token with neither session nor commands",
            ),
        }
    }
}

impl From<Provisioned> for ProvisionRound {
    fn from(answer: Provisioned) -> Self {
        match answer {
            Provisioned::More { session, commands } => Self {
                session: Some(session),
                commands,
                state: TokenState::Inactive,
            },
            Provisioned::Done => Self {
                session: None,
                commands: vec![],
                state: TokenState::Active,
            },
        }
    }
}

#[cfg(feature = "samples")]
impl crate::samples::Sample for Provisioned {
    fn samples() -> Vec<Self> {
        let more = crate::samples::vary!([Self::More] session: Hex<16>, commands: Vec<Apdu>,);
        [more, vec![Self::Done]].concat()
    }
}

words! {
    /// Who suspends a token.
    Suspender {
        /// The cardholder.
        User = "user",
        /// The wallet.
        Wallet = "wallet",
        /// The bank.
        Issuer = "issuer",
        /// The bank's fraud desk.
        Fraud = "fraud",
    }

    /// The status of a card.
    CardStatus {
        /// Usable.
        Active = "active",
        /// Not usable for now.
        Blocked = "blocked",
        /// Lost for ever.
        Lost = "lost",
        /// Stolen for ever.
        Stolen = "stolen",
        /// Closed for ever.
        Closed = "closed",
    }

    /// The state of a token.
    TokenState {
        /// Not in its chip yet.
        Inactive = "inactive",
        /// Usable.
        Active = "active",
        /// Not usable for now.
        Suspended = "suspended",
        /// Gone for ever.
        Deleted = "deleted",
    }

    /// The state of a token that was just made.
    Inactive {
        /// Not in its chip yet.
        Inactive = "inactive",
    }

    /// What became of a card request.
    Outcome {
        /// Nothing.
        None = "none",
        /// A card.
        Issued = "issued",
        /// It was undone and stays so.
        Tombstoned = "tombstoned",
    }

    /// What a compensation found.
    Undone {
        /// A card, which it closed.
        Deleted = "deleted",
        /// Nothing, and there will be nothing.
        Tombstoned = "tombstoned",
    }

    /// What a good debit is.
    Posted {
        /// In the ledger.
        Posted = "posted",
    }

    /// What became of a debit.
    DebitState {
        /// It never came.
        None = "none",
        /// It is in the ledger.
        Posted = "posted",
        /// It was declined.
        Declined = "declined",
        /// It was posted and given back.
        Reversed = "reversed",
        /// It was reversed before it came.
        Tombstoned = "tombstoned",
    }

    /// What a reversal made of its debit.
    Reversal {
        /// Given back.
        Reversed = "reversed",
        /// It never came and never will.
        Tombstoned = "tombstoned",
    }

    /// What an agreement is after its end.
    Terminated {
        /// Over.
        Terminated = "terminated",
    }
}
