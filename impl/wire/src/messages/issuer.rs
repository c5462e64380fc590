//! Bodies of the issuer's resources.

use serde::{Deserialize, Serialize};

use super::{Applicant, body};
use crate::value::{
    Agreement, Amount, Apdu, CardCode, Currency, Hex, IdNumber, IdType, Name, Phone,
};

body! {
    /// POST /v1/customers
    CustomerRequest {
        /// Who.
        applicant: Applicant,
        /// The reserved phone.
        phone: Phone,
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

    /// POST /v1/blocks
    BlockRequest {
        /// Kind of document.
        id_type: IdType,
        /// Its number.
        id_no: IdNumber,
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
        token_state: String,
    }

    /// Answer to GET /v1/issue/{request_id}
    IssueOutcome {
        /// The card request.
        request_id: Hex<16>,
        /// `none`, `issued` or `tombstoned`.
        outcome: String,
        /// The card.
        card_code: Option<CardCode>,
        /// The agreement.
        agreement: Option<Agreement>,
        /// The token.
        token_ref: Option<Hex<16>>,
        /// The token's state.
        token_state: Option<String>,
    }

    /// POST /v1/tokens/{token_ref}/provision
    ProvisionRequest {
        /// The verifier's binding, once there is one.
        binding_id: Option<Hex<16>>,
        /// The chip.
        se_id: Hex<8>,
        /// The session to go on with, or nothing to start one.
        session: Option<Hex<16>>,
        /// The chip's answers to the last commands.
        responses: Vec<Apdu>,
    }

    /// Answer to [`ProvisionRequest`].
    Provisioned {
        /// The session, while there is one.
        session: Option<Hex<16>>,
        /// Commands for the chip.
        commands: Vec<Apdu>,
        /// `inactive` or `active`.
        state: String,
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
        state: String,
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
        /// Who is paid.
        payee: Name,
        /// How much.
        amount_minor: Amount,
        /// In what.
        currency: Currency,
        /// What the payer authorised.
        order_digest: Hex<32>,
    }

    /// Answer to [`DebitRequest`].
    Debited {
        /// The debit.
        debit_id: Hex<16>,
        /// `posted`.
        result: String,
        /// Authorisation code.
        auth_code: String,
    }

    /// Answer to GET /v1/debits/{debit_id}
    DebitStatus {
        /// The debit.
        debit_id: Hex<16>,
        /// `none`, `posted`, `declined`, `reversed` or `tombstoned`.
        state: String,
        /// Authorisation code of a posted one.
        auth_code: Option<String>,
    }

    /// POST /v1/debits/{debit_id}/reverse
    ReverseRequest {
        /// How much.
        amount_minor: Amount,
    }

    /// POST /v1/cards/{card_code}/status
    CardStatusRequest {
        /// The new status.
        status: CardStatus,
    }
}

/// What was proved for a card request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Evidence {
    /// The reserved phone.
    Otp {
        /// The code.
        otp_id: Hex<16>,
        /// Digest of the phone.
        phone_digest: Hex<32>,
        /// Its version.
        phone_version: u64,
        /// When.
        verified_at: i64,
    },
    /// The face.
    Identity {
        /// The identity system's reference.
        reference: Hex<16>,
    },
}

/// Answer to [`EligibilityRequest`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "branch", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Eligibility {
    /// A one-time code to this phone.
    KnownCustomer {
        /// The decision.
        eligibility_id: Hex<16>,
        /// The reserved phone.
        phone: Phone,
        /// Its version.
        phone_version: u64,
        /// When the decision dies.
        expires_at: i64,
    },
    /// Photos and video.
    FirstCard {
        /// The decision.
        eligibility_id: Hex<16>,
        /// When the decision dies.
        expires_at: i64,
    },
}

/// Who suspends a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Suspender {
    /// The cardholder.
    User,
    /// The wallet.
    Wallet,
    /// The bank.
    Issuer,
    /// The bank's fraud desk.
    Fraud,
}

/// The status of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CardStatus {
    /// Usable.
    Active,
    /// Not usable for now.
    Blocked,
    /// Lost for ever.
    Lost,
    /// Stolen for ever.
    Stolen,
    /// Closed for ever.
    Closed,
}
