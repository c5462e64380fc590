//! Every "no" of the HTTP and ISO 8583 roles, in order of precedence.
//!
//! When two refusals apply, the one that stands first wins. What a peer may learn is a second, smaller
//! vocabulary: [`Refusal::seen`]. The table in `spec/95-refusals.md` is this enum; a test compares them.
//! The chip's refusals are status words: `spec/85-apdu.md`.

use crate::names::named;

named! {
    /// What a peer may do about a refusal.
    Class {
        /// Send the same again, later.
        Retry = "retry",
        /// Answer the challenge anew.
        Challenge = "challenge",
        /// Do not send this again.
        Fatal = "fatal",
        /// Ask for the state first.
        Conflict = "conflict",
    }
}

named! {
    /// A refusal. A refused message changes nothing, except the counters that `spec/95-refusals.md` names.
    Refusal {
        /// The message is longer than the limit.
        TooLarge = "too-large",
        /// The message cannot be read as what it claims to be.
        Malformed = "malformed",
        /// No such resource.
        UnknownRoute = "unknown-route",
        /// The resource does not take this method.
        MethodNotAllowed = "method-not-allowed",
        /// The body is not application/json.
        UnsupportedMediaType = "unsupported-media-type",
        /// The message is not from whom it says.
        BadSignature = "bad-signature",
        /// The time of the message is outside the window.
        StaleTime = "stale-time",
        /// A message that changes something has no idempotency key.
        IdempotencyKeyMissing = "idempotency-key-missing",
        /// The idempotency key was used for another message.
        IdempotencyConflict = "idempotency-conflict",
        /// The same message is still being worked on.
        InProgress = "in-progress",
        /// No such account.
        UnknownAccount = "unknown-account",
        /// No such card request.
        UnknownRequest = "unknown-request",
        /// No such order.
        UnknownOrder = "unknown-order",
        /// The order is addressed to another account.
        OrderNotOwned = "order-not-owned",
        /// No such person.
        UnknownCustomer = "unknown-customer",
        /// The account or person exists already.
        AlreadyEnrolled = "already-enrolled",
        /// The card request was undone and stays so.
        RequestTombstoned = "request-tombstoned",
        /// The card request has expired.
        RequestExpired = "request-expired",
        /// The message does not fit the state.
        WrongOrder = "wrong-order",
        /// Too many wrong passwords.
        AccountLocked = "account-locked",
        /// The password proof does not hold.
        BadPassword = "bad-password",
        /// The applicant is not the account's holder.
        RealnameMismatch = "realname-mismatch",
        /// The issuer does not offer this person this product.
        Ineligible = "ineligible",
        /// A later code was sent.
        OtpSuperseded = "otp-superseded",
        /// Too many wrong codes.
        OtpLocked = "otp-locked",
        /// The code has expired.
        OtpExpired = "otp-expired",
        /// The code is not the one that was sent.
        OtpWrong = "otp-wrong",
        /// No more codes are sent for this request.
        OtpSendLimit = "otp-send-limit",
        /// Too soon, or too often.
        RateLimited = "rate-limited",
        /// The answer is to another policy or challenge.
        PolicyMismatch = "policy-mismatch",
        /// The policy has expired.
        PolicyExpired = "policy-expired",
        /// These frames were seen before.
        FramesReplayed = "frames-replayed",
        /// The identity system refused the pictures.
        MatchFailed = "match-failed",
        /// The issuer made no such decision.
        EligibilityUnknown = "eligibility-unknown",
        /// The issuer's decision has expired or its ground has changed.
        EligibilityStale = "eligibility-stale",
        /// The message belongs to another request context.
        ContextMismatch = "context-mismatch",
        /// The applicant is not the one decided upon.
        ApplicantMismatch = "applicant-mismatch",
        /// The evidence is not the kind this branch needs.
        EvidenceKindMismatch = "evidence-kind-mismatch",
        /// The chip's consent does not hold for this request.
        ConsentInvalid = "consent-invalid",
        /// The evidence does not prove this request.
        EvidenceMismatch = "evidence-mismatch",
        /// The identity system knows no such reference.
        ReferenceUnknown = "reference-unknown",
        /// The reference has been used.
        ReferenceUsed = "reference-used",
        /// The reference has expired.
        ReferenceExpired = "reference-expired",
        /// The reference belongs to another request, person or relying party.
        ReferenceMismatch = "reference-mismatch",
        /// A component score is below the threshold.
        ScoreLow = "score-low",
        /// The issuer's own checks refuse this person or product.
        PreverifyFailed = "preverify-failed",
        /// The person has this product already.
        DuplicateCard = "duplicate-card",
        /// No free number was found in the range.
        RangeExhausted = "range-exhausted",
        /// The vault's keys or records cannot be used.
        VaultUnavailable = "vault-unavailable",
        /// No such token.
        UnknownToken = "unknown-token",
        /// The card is not bound to the account.
        NotBound = "not-bound",
        /// The chip's answers do not fit the script.
        PersonalisationFailed = "personalisation-failed",
        /// The chip's receipt does not hold.
        ReceiptInvalid = "receipt-invalid",
        /// The order has expired.
        OrderExpired = "order-expired",
        /// What was authorised is not what was ordered.
        OrderDigestMismatch = "order-digest-mismatch",
        /// The order already has its result.
        OrderSettled = "order-settled",
        /// No such card.
        UnknownCard = "unknown-card",
        /// The agreement number is not this card's.
        AgreementMismatch = "agreement-mismatch",
        /// No such debit.
        UnknownDebit = "unknown-debit",
        /// The debit was reversed before it came.
        DebitTombstoned = "debit-tombstoned",
        /// The debit was reversed by another reversal.
        AlreadyReversed = "already-reversed",
        /// The reversal does not name the debit's amount.
        ReversalMismatch = "reversal-mismatch",
        /// The card is blocked, lost, stolen or closed.
        CardNotActive = "card-not-active",
        /// The agreement has been terminated.
        AgreementTerminated = "agreement-terminated",
        /// The token is inactive, suspended or deleted.
        TokenNotActive = "token-not-active",
        /// The token has expired, or another expiry was given.
        TokenExpired = "token-expired",
        /// The token is not for this channel, or the card not for this currency.
        DomainViolation = "domain-violation",
        /// The cryptogram does not hold.
        CryptogramBad = "cryptogram-bad",
        /// The chip's evidence does not hold for this debit.
        PaymentEvidenceInvalid = "payment-evidence-invalid",
        /// The transaction counter was seen before, or is too far ahead.
        AtcReplay = "atc-replay",
        /// The amount is above the limit.
        LimitExceeded = "limit-exceeded",
        /// The card has not enough left.
        Insufficient = "insufficient",
        /// The lifecycle does not allow this change.
        IllegalTransition = "illegal-transition",
    }
}

impl Refusal {
    /// What the peer may do about it.
    pub const fn class(self) -> Class {
        match self {
            Self::StaleTime
            | Self::InProgress
            | Self::AccountLocked
            | Self::RateLimited
            | Self::OtpSendLimit
            | Self::RangeExhausted
            | Self::VaultUnavailable
            | Self::PersonalisationFailed => Class::Retry,
            Self::UnknownAccount
            | Self::BadPassword
            | Self::OtpSuperseded
            | Self::OtpExpired
            | Self::OtpWrong
            | Self::PolicyMismatch
            | Self::PolicyExpired => Class::Challenge,
            Self::IdempotencyConflict
            | Self::AlreadyEnrolled
            | Self::WrongOrder
            | Self::OrderSettled
            | Self::AlreadyReversed
            | Self::IllegalTransition => Class::Conflict,
            Self::TooLarge
            | Self::Malformed
            | Self::UnknownRoute
            | Self::MethodNotAllowed
            | Self::UnsupportedMediaType
            | Self::BadSignature
            | Self::IdempotencyKeyMissing
            | Self::UnknownRequest
            | Self::UnknownOrder
            | Self::OrderNotOwned
            | Self::UnknownCustomer
            | Self::RequestTombstoned
            | Self::RequestExpired
            | Self::RealnameMismatch
            | Self::Ineligible
            | Self::OtpLocked
            | Self::FramesReplayed
            | Self::MatchFailed
            | Self::EligibilityUnknown
            | Self::EligibilityStale
            | Self::ContextMismatch
            | Self::ApplicantMismatch
            | Self::EvidenceKindMismatch
            | Self::ConsentInvalid
            | Self::EvidenceMismatch
            | Self::ReferenceUnknown
            | Self::ReferenceUsed
            | Self::ReferenceExpired
            | Self::ReferenceMismatch
            | Self::ScoreLow
            | Self::PreverifyFailed
            | Self::DuplicateCard
            | Self::UnknownToken
            | Self::NotBound
            | Self::ReceiptInvalid
            | Self::OrderExpired
            | Self::OrderDigestMismatch
            | Self::UnknownCard
            | Self::AgreementMismatch
            | Self::UnknownDebit
            | Self::DebitTombstoned
            | Self::ReversalMismatch
            | Self::CardNotActive
            | Self::AgreementTerminated
            | Self::TokenNotActive
            | Self::TokenExpired
            | Self::DomainViolation
            | Self::CryptogramBad
            | Self::PaymentEvidenceInvalid
            | Self::AtcReplay
            | Self::LimitExceeded
            | Self::Insufficient => Class::Fatal,
        }
    }

    /// HTTP status of the problem document.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Malformed | Self::StaleTime | Self::IdempotencyKeyMissing => 400,
            Self::BadSignature | Self::UnknownAccount | Self::BadPassword => 401,
            Self::AccountLocked
            | Self::RealnameMismatch
            | Self::Ineligible
            | Self::OtpSuperseded
            | Self::OtpLocked
            | Self::OtpExpired
            | Self::OtpWrong
            | Self::FramesReplayed
            | Self::MatchFailed
            | Self::ScoreLow
            | Self::PreverifyFailed
            | Self::DuplicateCard
            | Self::ReceiptInvalid
            | Self::AgreementMismatch
            | Self::CardNotActive
            | Self::DebitTombstoned
            | Self::AgreementTerminated
            | Self::TokenNotActive
            | Self::TokenExpired
            | Self::DomainViolation
            | Self::CryptogramBad
            | Self::PaymentEvidenceInvalid
            | Self::AtcReplay
            | Self::LimitExceeded
            | Self::Insufficient => 403,
            Self::UnknownRoute
            | Self::UnknownRequest
            | Self::UnknownOrder
            | Self::OrderNotOwned
            | Self::UnknownCustomer
            | Self::UnknownToken
            | Self::UnknownCard
            | Self::UnknownDebit => 404,
            Self::MethodNotAllowed => 405,
            Self::InProgress
            | Self::AlreadyEnrolled
            | Self::WrongOrder
            | Self::PolicyMismatch
            | Self::EligibilityUnknown
            | Self::EligibilityStale
            | Self::ContextMismatch
            | Self::ApplicantMismatch
            | Self::EvidenceKindMismatch
            | Self::ConsentInvalid
            | Self::EvidenceMismatch
            | Self::ReferenceUnknown
            | Self::ReferenceUsed
            | Self::ReferenceExpired
            | Self::ReferenceMismatch
            | Self::NotBound
            | Self::PersonalisationFailed
            | Self::OrderDigestMismatch
            | Self::OrderSettled
            | Self::AlreadyReversed
            | Self::ReversalMismatch
            | Self::IllegalTransition => 409,
            Self::RequestTombstoned
            | Self::RequestExpired
            | Self::PolicyExpired
            | Self::OrderExpired => 410,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::IdempotencyConflict => 422,
            Self::OtpSendLimit | Self::RateLimited => 429,
            Self::RangeExhausted | Self::VaultUnavailable => 503,
        }
    }

    /// The code that the peer sees: several refusals may look alike on purpose.
    pub const fn seen(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::Malformed => "malformed",
            Self::UnknownRoute => "unknown-route",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::BadSignature => "bad-signature",
            Self::StaleTime => "stale-time",
            Self::IdempotencyKeyMissing => "idempotency-key-missing",
            Self::IdempotencyConflict => "idempotency-conflict",
            Self::InProgress => "in-progress",
            Self::UnknownAccount | Self::BadPassword => "bad-password",
            Self::UnknownRequest => "unknown-request",
            Self::UnknownOrder | Self::OrderNotOwned => "unknown-order",
            Self::UnknownCustomer => "unknown-customer",
            Self::AlreadyEnrolled => "already-enrolled",
            Self::RequestTombstoned | Self::RequestExpired => "request-closed",
            Self::WrongOrder => "wrong-order",
            Self::AccountLocked => "account-locked",
            Self::RealnameMismatch | Self::Ineligible => "ineligible",
            Self::OtpSuperseded | Self::OtpWrong => "otp-wrong",
            Self::OtpLocked => "otp-locked",
            Self::OtpExpired => "otp-expired",
            Self::OtpSendLimit | Self::RateLimited => "rate-limited",
            Self::PolicyMismatch => "policy-mismatch",
            Self::PolicyExpired => "policy-expired",
            Self::FramesReplayed | Self::MatchFailed => "match-failed",
            Self::EligibilityUnknown
            | Self::EligibilityStale
            | Self::ContextMismatch
            | Self::ApplicantMismatch
            | Self::EvidenceKindMismatch
            | Self::ConsentInvalid
            | Self::EvidenceMismatch
            | Self::ReferenceUnknown
            | Self::ReferenceUsed
            | Self::ReferenceExpired
            | Self::ReferenceMismatch => "evidence-refused",
            Self::ScoreLow
            | Self::PreverifyFailed
            | Self::DuplicateCard
            | Self::AgreementMismatch
            | Self::DebitTombstoned
            | Self::CardNotActive
            | Self::AgreementTerminated
            | Self::TokenNotActive
            | Self::TokenExpired
            | Self::DomainViolation
            | Self::CryptogramBad
            | Self::PaymentEvidenceInvalid
            | Self::AtcReplay
            | Self::LimitExceeded
            | Self::Insufficient => "declined",
            Self::RangeExhausted | Self::VaultUnavailable => "try-later",
            Self::UnknownToken => "unknown-token",
            Self::NotBound => "not-bound",
            Self::PersonalisationFailed => "personalisation-failed",
            Self::ReceiptInvalid => "receipt-invalid",
            Self::OrderExpired => "order-closed",
            Self::OrderSettled => "order-settled",
            Self::OrderDigestMismatch => "order-mismatch",
            Self::UnknownCard => "unknown-card",
            Self::UnknownDebit => "unknown-debit",
            Self::AlreadyReversed => "already-reversed",
            Self::ReversalMismatch => "reversal-mismatch",
            Self::IllegalTransition => "illegal-transition",
        }
    }
}
