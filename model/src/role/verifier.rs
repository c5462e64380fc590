//! The verifier: one card request, one order. Read [`step`] first. What its peers would answer is part of the input.

use kaika_spec::{Refusal, Weakness, limit};

use super::{Machine, Outcome, Weak, alphabet};

/// What the card request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Not opened.
    None,
    /// The password proof.
    AwaitPassword,
    /// The applicant.
    AwaitApplicant,
    /// The issuer's decision, which has not come.
    AwaitEligibility,
    /// The one-time code.
    AwaitOtp,
    /// The ID photos.
    AwaitPhotos,
    /// The frames of the face-sign.
    AwaitFrames,
    /// The identity system's reference, which has not come.
    AwaitMatch,
    /// The terminal's word to issue.
    AwaitIssue,
    /// The issuer's outcome, which has not come.
    Issuing,
    /// The terminal's word to provision, or the chip's next answers.
    AwaitProvision,
    /// Nothing: the token is active.
    Done,
    /// Nothing: undone.
    Cancelled,
    /// Nothing: refused.
    Refused,
}

/// The result of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// Not made.
    None,
    /// Made and not paid.
    Open,
    /// The issuer has not answered.
    Pending,
    /// Paid.
    Paid,
    /// Declined.
    Declined,
    /// Too old.
    Expired,
}

/// All that the verifier keeps about one request and one order of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// The card request.
    pub phase: Phase,
    /// Older than its life.
    pub expired: bool,
    /// Wrong passwords in a row.
    pub passwords: u32,
    /// Wrong submissions of the current code.
    pub tries: u32,
    /// Wrong submissions of all codes of this account.
    pub guesses: u32,
    /// Codes sent.
    pub sends: u32,
    /// Long enough since the last send.
    pub rested: bool,
    /// The current code is too old.
    pub stale: bool,
    /// The current policy is too old.
    pub policy_stale: bool,
    /// The card is bound to the account.
    pub bound: bool,
    /// The order.
    pub order: Order,
}

alphabet! {
    /// What may come to the verifier; where it would ask a peer, the peer's answer is named.
    Input {
        FrontRoute = "front(unknown-route)",
        FrontQuery = "front(query-string)",
        FrontMethod = "front(other-method)",
        FrontMediaType = "front(media-type)",
        FrontTimeMissing = "front(no-time)",
        FrontTimePast = "front(past)",
        FrontTimeFuture = "front(future)",
        FrontMacForm = "front(mac-form)",
        FrontCallerForm = "front(caller-form)",
        FrontKeyMissing = "front(no-key)",
        FrontKeyShort = "front(short-key)",
        FrontKeyForm = "front(key-form)",
        FrontLong = "front(too-long)",
        FrontNoJson = "front(no-json)",
        FrontFieldUnknown = "front(unknown-field)",
        FrontFieldMissing = "front(missing-field)",
        FrontFieldRepeated = "front(repeated-field)",
        FrontFieldType = "front(field-type)",
        FrontFieldForm = "front(field-form)",
        /// A server calls what only a terminal may.
        FrontCallerOther = "front(other-caller)",
        EnrolUnsigned = "enrol(unsigned)",
        EnrolForged = "enrol(forged)",
        EnrolTerminal = "enrol(by-terminal)",
        EnrolAgain = "enrol(again)",
        Open = "open",
        OpenConflict = "open(key-conflict)",
        Password = "password(ok)",
        PasswordWrong = "password(wrong)",
        PasswordReplayed = "password(replayed)",
        PasswordPay = "password(purpose-pay)",
        PasswordUnknown = "password(unknown-account)",
        Unsigned = "applicant(unsigned)",
        ApplicantKnown = "applicant(ok,known-customer)",
        ApplicantFirst = "applicant(ok,first-card)",
        ApplicantIneligible = "applicant(ok,ineligible)",
        ApplicantSilent = "applicant(ok,issuer-silent)",
        ApplicantRenewed = "applicant(other-validity,known-customer)",
        ApplicantOther = "applicant(other-person)",
        ApplicantOtherName = "applicant(other-name)",
        ApplicantOtherKind = "applicant(other-kind-of-id)",
        ApplicantIncomplete = "applicant(incomplete)",
        ApplicantRepeat = "applicant(repeat)",
        ApplicantRepeatUnsigned = "applicant(repeat,unsigned)",
        ApplicantConflict = "applicant(key-conflict)",
        OtpResend = "otp-resend",
        OtpResendUnsigned = "otp-resend(unsigned)",
        OtpResendToOther = "otp-resend(names-phone)",
        Otp = "otp(ok)",
        OtpWrong = "otp(wrong)",
        OtpSuperseded = "otp(superseded)",
        OtpOtherRequest = "otp(other-request)",
        OtpOtherId = "otp(other-id)",
        OtpUnsigned = "otp(unsigned)",
        /// Wrong codes for the same phone in requests of another account of another person, as many as the budget.
        GuessesOfPhone = "guesses(same-phone)",
        /// The same for another account of the same person, with another phone.
        GuessesOfPerson = "guesses(same-person)",
        Photos = "id-photos(ok)",
        PhotosWrongPolicy = "id-photos(wrong-policy)",
        PhotosUnsigned = "id-photos(unsigned)",
        Frames = "frames(ok)",
        FramesUnsigned = "frames(unsigned)",
        FramesWrongPolicy = "frames(wrong-policy)",
        FramesTooFew = "frames(too-few)",
        FramesExtra = "frames(one-more)",
        FramesTooMany = "frames(too-many)",
        FramesSilent = "frames(ok,identity-silent)",
        FramesWrongNonce = "frames(wrong-nonce)",
        FramesWrongActions = "frames(wrong-actions)",
        FramesReplayed = "frames(replayed)",
        FramesRefused = "frames(ok,identity-refuses)",
        Issue = "issue(ok)",
        IssueDeclined = "issue(issuer-declines)",
        IssueEvidenceRefused = "issue(evidence-refused)",
        IssueSilent = "issue(issuer-silent)",
        IssueUnsigned = "issue(unsigned)",
        ProvisionRelay = "provision(relay)",
        ProvisionDone = "provision(done)",
        ProvisionFailed = "provision(receipt-invalid)",
        ProvisionUnfit = "provision(personalisation-failed)",
        ProvisionUnsigned = "provision(unsigned)",
        Query = "query",
        Cancel = "cancel",
        CancelSilent = "cancel(issuer-silent)",
        CancelRefused = "cancel(issuer-refuses)",
        CancelUnsigned = "cancel(unsigned)",
        AdvanceResend = "advance(resend)",
        AdvanceOtp = "advance(otp-ttl)",
        AdvancePolicy = "advance(policy-ttl)",
        AdvanceRequest = "advance(request-ttl)",
        AdvanceLock = "advance(password-lock)",
        Order = "order",
        OrderConflict = "order(key-conflict)",
        Pay = "pay(ok)",
        PayDeclined = "pay(issuer-declines)",
        PayUnknownCard = "pay(issuer-knows-no-card)",
        PaySilent = "pay(issuer-silent)",
        /// The issuer refuses, and not the debit.
        PayUnheard = "pay(issuer-refuses-caller)",
        PayWrongDigest = "pay(wrong-digest)",
        PayProofOtherOrder = "pay(proof-of-other-order)",
        PayOtherAccount = "pay(other-account)",
        PayForeignCard = "pay(foreign-card)",
        PayPasswordWrong = "pay(wrong-password)",
        PayRepeat = "pay(repeat)",
        PayConflict = "pay(key-conflict)",
        PayAgain = "pay(new-key)",
        OrderQuery = "order-query",
        AdvanceOrder = "advance(order-ttl)",
    }
}

alphabet! {
    /// What the verifier says, and to whom.
    Output {
        Opened = "terminal:opened",
        NextApplicant = "terminal:next(applicant)",
        AskEligibility = "issuer:eligibility",
        SendCode = "sms:code",
        SendCodeToNamed = "sms:code(to-named-phone)",
        NextOtp = "terminal:next(otp)",
        /// Only a weak verifier shows a code, or whose customer somebody is.
        CodeShown = "terminal:code",
        BranchShown = "terminal:branch",
        NextPhotos = "terminal:next(id-photos)",
        NextFrames = "terminal:next(frames)",
        AskMatch = "identity:match",
        NextIssue = "terminal:next(issue)",
        AskIssue = "issuer:issue",
        NextProvision = "terminal:next(provision)",
        NextProvisionWithAgreement = "terminal:next(provision,with-agreement)",
        AskProvision = "issuer:provision",
        NextRelay = "terminal:next(relay)",
        NextDone = "terminal:next(done)",
        AskCompensate = "issuer:compensate",
        Cancelled = "terminal:next(cancelled)",
        RequestState = "terminal:state",
        OrderMade = "terminal:order",
        AskDebit = "issuer:debit",
        AskDebitNewId = "issuer:debit(new-id)",
        Paid = "terminal:paid",
        Declined = "terminal:declined",
        OrderOpen = "terminal:order(open)",
        OrderPending = "terminal:order(pending)",
        OrderExpired = "terminal:order(expired)",
    }
}

/// The verifier as a standalone machine.
#[derive(Clone, Copy, Debug)]
pub struct Verifier;

type Step = Outcome<State, Output>;

/// The state after enrolment of the account.
pub const fn init() -> State {
    State {
        phase: Phase::None,
        expired: false,
        passwords: 0,
        tries: 0,
        guesses: 0,
        sends: 0,
        rested: false,
        stale: false,
        policy_stale: false,
        bound: false,
        order: Order::None,
    }
}

/// Every input.
pub fn inputs() -> Vec<Input> {
    Input::ALL.to_vec()
}

/// Takes one input.
pub fn step(state: &State, input: &Input, weak: &Weak) -> Step {
    let s = *state;
    match *input {
        Input::FrontRoute
        | Input::FrontQuery
        | Input::FrontMethod
        | Input::FrontMediaType
        | Input::FrontTimeMissing
        | Input::FrontTimePast
        | Input::FrontTimeFuture
        | Input::FrontMacForm
        | Input::FrontCallerForm
        | Input::FrontKeyMissing
        | Input::FrontKeyShort
        | Input::FrontKeyForm
        | Input::FrontLong
        | Input::FrontNoJson
        | Input::FrontFieldUnknown
        | Input::FrontFieldMissing
        | Input::FrontFieldRepeated
        | Input::FrontFieldType
        | Input::FrontFieldForm
        | Input::FrontCallerOther => front(s, *input),
        Input::EnrolUnsigned | Input::EnrolForged | Input::EnrolTerminal => {
            Outcome::refuse(s, Refusal::BadSignature, &["WIR-3"])
        }
        Input::EnrolAgain => Outcome::refuse(s, Refusal::AlreadyEnrolled, &[]),
        Input::Open => open(s),
        Input::OpenConflict
        | Input::ApplicantConflict
        | Input::OrderConflict
        | Input::PayConflict => Outcome::refuse(s, Refusal::IdempotencyConflict, &["WIR-7"]),
        Input::Password | Input::PasswordWrong | Input::PasswordReplayed | Input::PasswordPay => {
            password(s, *input, *weak)
        }
        Input::PasswordUnknown => Outcome::refuse(s, Refusal::UnknownAccount, &["APP-5"]),
        Input::Unsigned
        | Input::ApplicantRepeatUnsigned
        | Input::OtpResendUnsigned
        | Input::OtpUnsigned
        | Input::PhotosUnsigned
        | Input::FramesUnsigned
        | Input::IssueUnsigned
        | Input::ProvisionUnsigned
        | Input::CancelUnsigned => unsigned(s),
        Input::ApplicantKnown
        | Input::ApplicantFirst
        | Input::ApplicantIneligible
        | Input::ApplicantSilent
        | Input::ApplicantRenewed
        | Input::ApplicantOther
        | Input::ApplicantOtherName
        | Input::ApplicantOtherKind
        | Input::ApplicantIncomplete => applicant(s, *input, *weak),
        Input::ApplicantRepeat => Outcome::repeat(s, [Output::NextOtp], &["WIR-6"]),
        Input::OtpResend | Input::OtpResendToOther => resend(s, *input, *weak),
        Input::Otp
        | Input::OtpWrong
        | Input::OtpSuperseded
        | Input::OtpOtherRequest
        | Input::OtpOtherId => otp(s, *input, *weak),
        Input::GuessesOfPhone | Input::GuessesOfPerson => quiet(State {
            guesses: limit::GUESS_BUDGET,
            ..s
        }),
        Input::Photos | Input::PhotosWrongPolicy => photos(s, *input),
        Input::Frames
        | Input::FramesWrongPolicy
        | Input::FramesWrongNonce
        | Input::FramesWrongActions
        | Input::FramesTooFew
        | Input::FramesExtra
        | Input::FramesTooMany
        | Input::FramesReplayed
        | Input::FramesSilent
        | Input::FramesRefused => frames(s, *input, *weak),
        Input::Issue | Input::IssueDeclined | Input::IssueEvidenceRefused | Input::IssueSilent => {
            issue(s, *input, *weak)
        }
        Input::ProvisionRelay
        | Input::ProvisionDone
        | Input::ProvisionFailed
        | Input::ProvisionUnfit => provision(s, *input),
        Input::Query if s.phase == Phase::None => Outcome::refuse(s, Refusal::UnknownRequest, &[]),
        Input::Query => Outcome::accept(s, [Output::RequestState], &["APP-13"]),
        Input::Cancel | Input::CancelSilent | Input::CancelRefused => cancel(s, *input),
        Input::AdvanceResend => quiet(State { rested: true, ..s }),
        Input::AdvanceOtp => quiet(State {
            rested: true,
            stale: s.phase == Phase::AwaitOtp,
            policy_stale: policy_open(s),
            ..s
        }),
        Input::AdvancePolicy => quiet(State {
            rested: true,
            policy_stale: policy_open(s),
            ..s
        }),
        Input::AdvanceRequest => quiet(aged(s)),
        Input::AdvanceLock => quiet(unlocked(s, *weak)),
        Input::Order => order(s),
        Input::Pay
        | Input::PayDeclined
        | Input::PayUnknownCard
        | Input::PaySilent
        | Input::PayUnheard
        | Input::PayWrongDigest
        | Input::PayProofOtherOrder
        | Input::PayOtherAccount
        | Input::PayForeignCard
        | Input::PayPasswordWrong
        | Input::PayRepeat
        | Input::PayAgain => pay(s, *input, *weak),
        Input::OrderQuery => order_query(s),
        // Both are a quarter of an hour.
        Input::AdvanceOrder => quiet(unlocked(s, *weak)),
    }
}

fn quiet(next: State) -> Step {
    Outcome::accept(next, [], &[])
}

const fn policy_open(s: State) -> bool {
    matches!(
        s.phase,
        Phase::AwaitPhotos | Phase::AwaitFrames | Phase::AwaitMatch
    )
}

const fn pending(phase: Phase) -> bool {
    matches!(
        phase,
        Phase::AwaitPassword
            | Phase::AwaitApplicant
            | Phase::AwaitEligibility
            | Phase::AwaitOtp
            | Phase::AwaitPhotos
            | Phase::AwaitFrames
            | Phase::AwaitMatch
            | Phase::AwaitIssue
    )
}

/// A refused request was never issued: it gets old too, and stays refused.
fn aged(s: State) -> State {
    let expired = s.expired || pending(s.phase) || s.phase == Phase::Refused;
    let still = if expired { init() } else { s };
    State {
        phase: s.phase,
        expired,
        bound: s.bound,
        guesses: s.guesses,
        order: overdue(s.order),
        ..still
    }
}

const fn overdue(order: Order) -> Order {
    if matches!(order, Order::Open) {
        Order::Expired
    } else {
        order
    }
}

fn unlocked(s: State, weak: Weak) -> State {
    let policy_stale = policy_open(s);
    // Wrong proofs stay in a row, however long ago they were; a lock ends.
    let opens = s.passwords >= limit::PASSWORD_TRIES_MAX && !weak.has(Weakness::LockForEver);
    State {
        passwords: if opens { 0 } else { s.passwords },
        order: overdue(s.order),
        rested: s.rested || s.phase == Phase::AwaitOtp,
        stale: s.phase == Phase::AwaitOtp,
        policy_stale,
        ..s
    }
}

/// What is judged before a body's meaning; every one is the first message of its sender.
fn front(s: State, input: Input) -> Step {
    let (refusal, reqs): (_, &'static [&'static str]) = match input {
        Input::FrontRoute | Input::FrontQuery => (Refusal::UnknownRoute, &["WIR-8"]),
        Input::FrontMethod => (Refusal::MethodNotAllowed, &["WIR-8"]),
        Input::FrontMediaType => (Refusal::UnsupportedMediaType, &["WIR-8"]),
        Input::FrontTimeMissing => (Refusal::Malformed, &["WIR-4"]),
        Input::FrontTimePast | Input::FrontTimeFuture => (Refusal::StaleTime, &["WIR-4"]),
        Input::FrontMacForm | Input::FrontCallerForm => (Refusal::Malformed, &["WIR-3"]),
        Input::FrontCallerOther => (Refusal::BadSignature, &["WIR-3"]),
        Input::FrontKeyMissing | Input::FrontKeyShort | Input::FrontKeyForm => {
            (Refusal::IdempotencyKeyMissing, &["WIR-5"])
        }
        Input::FrontLong => (Refusal::TooLarge, &["WIR-2"]),
        _ => (Refusal::Malformed, &["WIR-1"]),
    };
    Outcome::refuse(s, refusal, reqs)
}

fn open(s: State) -> Step {
    if s.phase != Phase::None {
        return Outcome::repeat(s, [Output::Opened], &["WIR-6"]);
    }
    Outcome::accept(
        State {
            phase: Phase::AwaitPassword,
            ..s
        },
        [Output::Opened],
        &["APP-5"],
    )
}

/// Refusals that stand before everything a step of the request would say.
fn fits(s: State, phase: Phase) -> Result<(), Step> {
    if s.phase == Phase::None {
        return Err(Outcome::refuse(s, Refusal::UnknownRequest, &["APP-14"]));
    }
    if s.expired {
        return Err(Outcome::refuse(s, Refusal::RequestExpired, &["APP-13"]));
    }
    if s.phase != phase {
        return Err(Outcome::refuse(s, Refusal::WrongOrder, &["APP-1"]));
    }
    Ok(())
}

fn password(s: State, input: Input, weak: Weak) -> Step {
    if let Err(refused) = fits(s, Phase::AwaitPassword) {
        return refused;
    }
    if s.passwords >= limit::PASSWORD_TRIES_MAX {
        return Outcome::refuse(s, Refusal::AccountLocked, &["APP-4"]);
    }
    let passed = State {
        phase: Phase::AwaitApplicant,
        passwords: 0,
        ..s
    };
    match input {
        Input::Password => Outcome::accept(passed, [Output::NextApplicant], &["APP-1", "APP-2"]),
        Input::PasswordPay if weak.has(Weakness::PasswordPurposeIgnored) => {
            Outcome::accept(passed, [Output::NextApplicant], &["APP-2"])
        }
        Input::PasswordReplayed => {
            Outcome::refuse(wrong_password(s), Refusal::BadPassword, &["APP-3", "APP-4"])
        }
        _ => Outcome::refuse(wrong_password(s), Refusal::BadPassword, &["APP-2", "APP-4"]),
    }
}

const fn wrong_password(s: State) -> State {
    State {
        passwords: s.passwords + 1,
        ..s
    }
}

fn unsigned(s: State) -> Step {
    if s.phase == Phase::None {
        return Outcome::refuse(s, Refusal::UnknownRequest, &["APP-14"]);
    }
    Outcome::refuse(s, Refusal::BadSignature, &["APP-14"])
}

fn applicant(s: State, input: Input, weak: Weak) -> Step {
    let incomplete = input == Input::ApplicantIncomplete;
    if incomplete {
        return Outcome::refuse(s, Refusal::Malformed, &["APP-6", "WIR-1"]);
    }
    let again = s.phase == Phase::AwaitEligibility && !s.expired;
    if !again && let Err(refused) = fits(s, Phase::AwaitApplicant) {
        return refused;
    }
    let other = matches!(
        input,
        Input::ApplicantOther | Input::ApplicantOtherName | Input::ApplicantOtherKind
    );
    if other && !weak.has(Weakness::RealnameUnchecked) {
        let told = weak.has(Weakness::BranchShownEarly);
        let out = [Output::AskEligibility, Output::BranchShown];
        return Outcome {
            out: out.into_iter().filter(|_| told).collect(),
            ..Outcome::refuse(s, Refusal::RealnameMismatch, &["APP-7", "APP-8"])
        };
    }
    if again && input == Input::ApplicantRenewed {
        return Outcome::refuse(s, Refusal::WrongOrder, &["APP-12"]);
    }
    match input {
        Input::ApplicantFirst => {
            let next = State {
                phase: Phase::AwaitPhotos,
                ..s
            };
            Outcome::accept(
                next,
                [Output::AskEligibility, Output::NextPhotos],
                &["APP-7", "PRV-11"],
            )
        }
        Input::ApplicantSilent => {
            let next = State {
                phase: Phase::AwaitEligibility,
                ..s
            };
            Outcome {
                out: [Output::AskEligibility].into_iter().collect(),
                ..Outcome::refuse(next, Refusal::InProgress, &["APP-8"])
            }
        }
        Input::ApplicantIneligible => Outcome {
            out: [Output::AskEligibility].into_iter().collect(),
            ..Outcome::refuse(refused(s), Refusal::Ineligible, &["APP-8"])
        },
        _ => {
            let next = State {
                phase: Phase::AwaitOtp,
                sends: 1,
                ..s
            };
            Outcome::accept(
                next,
                [Output::AskEligibility, Output::SendCode, Output::NextOtp],
                &["APP-7", "PRV-1", "PRV-10"],
            )
        }
    }
}

const fn refused(s: State) -> State {
    State {
        phase: Phase::Refused,
        ..s
    }
}

fn resend(s: State, input: Input, weak: Weak) -> Step {
    let named = input == Input::OtpResendToOther;
    if named && !weak.has(Weakness::PhoneFromTerminal) {
        return Outcome::refuse(s, Refusal::Malformed, &["PRV-1", "WIR-1"]);
    }
    if let Err(refused) = fits(s, Phase::AwaitOtp) {
        return refused;
    }
    if s.sends >= limit::OTP_SENDS_MAX {
        return Outcome::refuse(s, Refusal::OtpSendLimit, &["PRV-8"]);
    }
    if !s.rested {
        return Outcome::refuse(s, Refusal::RateLimited, &["PRV-8"]);
    }
    let next = State {
        sends: s.sends + 1,
        tries: 0,
        rested: false,
        stale: false,
        ..s
    };
    let code = if named {
        Output::SendCodeToNamed
    } else {
        Output::SendCode
    };
    Outcome::accept(next, [code, Output::NextOtp], &["PRV-1", "PRV-7", "PRV-8"])
}

fn otp(s: State, input: Input, weak: Weak) -> Step {
    if let Err(refused) = fits(s, Phase::AwaitOtp) {
        return refused;
    }
    if input == Input::OtpSuperseded {
        return Outcome::refuse(s, Refusal::OtpSuperseded, &["PRV-7"]);
    }
    let spent = s.guesses >= limit::GUESS_BUDGET && !weak.has(Weakness::GuessBudgetMissing);
    if s.tries >= limit::OTP_TRIES_MAX || spent {
        return Outcome::refuse(s, Refusal::OtpLocked, &["PRV-6", "PRV-9"]);
    }
    if s.stale && !weak.has(Weakness::OtpNeverExpires) {
        return Outcome::refuse(s, Refusal::OtpExpired, &["PRV-5"]);
    }
    let right =
        input == Input::Otp || (input == Input::OtpOtherRequest && weak.has(Weakness::OtpNotBound));
    if right {
        let next = State {
            phase: Phase::AwaitIssue,
            tries: 0,
            sends: 0,
            rested: false,
            ..s
        };
        return Outcome::accept(next, [Output::NextIssue], &["PRV-3", "PRV-4"]);
    }
    let next = State {
        tries: s.tries + 1,
        // Beyond the budget it does not matter how far.
        guesses: (s.guesses + 1).min(limit::GUESS_BUDGET + 1),
        ..s
    };
    let echo = weak.has(Weakness::CodeEchoed).then_some(Output::CodeShown);
    Outcome {
        out: echo.into_iter().collect(),
        ..Outcome::refuse(next, Refusal::OtpWrong, &["PRV-3", "PRV-6", "PRV-9"])
    }
}

fn photos(s: State, input: Input) -> Step {
    if let Err(refused) = fits(s, Phase::AwaitPhotos) {
        return refused;
    }
    if input == Input::PhotosWrongPolicy {
        return Outcome::refuse(s, Refusal::PolicyMismatch, &["PRV-11"]);
    }
    if s.policy_stale {
        return Outcome::refuse(s, Refusal::PolicyExpired, &["PRV-14"]);
    }
    Outcome::accept(
        State {
            phase: Phase::AwaitFrames,
            ..s
        },
        [Output::NextFrames],
        &["PRV-11", "PRV-12"],
    )
}

fn frames(s: State, input: Input, weak: Weak) -> Step {
    if input == Input::FramesTooMany {
        return Outcome::refuse(s, Refusal::Malformed, &["WIR-1"]);
    }
    let again = s.phase == Phase::AwaitMatch && !s.expired;
    if !again && let Err(refused) = fits(s, Phase::AwaitFrames) {
        return refused;
    }
    let other = matches!(
        input,
        Input::FramesWrongPolicy
            | Input::FramesWrongNonce
            | Input::FramesWrongActions
            | Input::FramesTooFew
            | Input::FramesExtra
    );
    if other {
        return Outcome::refuse(s, Refusal::PolicyMismatch, &["PRV-12"]);
    }
    if s.policy_stale {
        return Outcome::refuse(s, Refusal::PolicyExpired, &["PRV-14"]);
    }
    match input {
        Input::FramesReplayed if !weak.has(Weakness::FramesNotFresh) => {
            Outcome::refuse(s, Refusal::FramesReplayed, &["PRV-13"])
        }
        Input::FramesSilent => Outcome {
            out: [Output::AskMatch].into_iter().collect(),
            ..Outcome::refuse(
                State {
                    phase: Phase::AwaitMatch,
                    ..s
                },
                Refusal::InProgress,
                &["PRV-15"],
            )
        },
        Input::FramesRefused => Outcome {
            out: [Output::AskMatch].into_iter().collect(),
            ..Outcome::refuse(refused(s), Refusal::MatchFailed, &["PRV-15"])
        },
        _ => {
            let next = State {
                phase: Phase::AwaitIssue,
                policy_stale: false,
                ..s
            };
            Outcome::accept(
                next,
                [Output::AskMatch, Output::NextIssue],
                &["PRV-12", "PRV-13", "PRV-15"],
            )
        }
    }
}

fn issue(s: State, input: Input, weak: Weak) -> Step {
    let again = s.phase == Phase::Issuing;
    if !again && let Err(refused) = fits(s, Phase::AwaitIssue) {
        return refused;
    }
    let refused = State {
        phase: Phase::Refused,
        ..s
    };
    match input {
        Input::IssueDeclined => asked(Outcome::refuse(
            refused,
            Refusal::PreverifyFailed,
            &["ISS-8"],
        )),
        Input::IssueEvidenceRefused => asked(Outcome::refuse(
            refused,
            Refusal::EvidenceMismatch,
            &["ISS-1"],
        )),
        Input::IssueSilent => asked(Outcome::refuse(
            State {
                phase: Phase::Issuing,
                ..s
            },
            Refusal::InProgress,
            &["ISS-20"],
        )),
        _ => {
            let shown = weak.has(Weakness::AgreementForwarded);
            let answer = if shown {
                Output::NextProvisionWithAgreement
            } else {
                Output::NextProvision
            };
            let next = State {
                phase: Phase::AwaitProvision,
                bound: true,
                ..s
            };
            Outcome::accept(next, [Output::AskIssue, answer], &["BND-1", "BND-2"])
        }
    }
}

/// The issuer was asked for the card, whatever it then said.
fn asked(step: Step) -> Step {
    Outcome {
        out: [Output::AskIssue].into_iter().collect(),
        ..step
    }
}

fn provision(s: State, input: Input) -> Step {
    if s.phase != Phase::Done
        && let Err(refused) = fits(s, Phase::AwaitProvision)
    {
        return refused;
    }
    match input {
        Input::ProvisionRelay => Outcome::accept(
            s,
            [Output::AskProvision, Output::NextRelay],
            &["BND-3", "BND-4", "PRO-12"],
        ),
        Input::ProvisionFailed => Outcome {
            out: [Output::AskProvision].into_iter().collect(),
            ..Outcome::refuse(s, Refusal::ReceiptInvalid, &["PRO-8"])
        },
        Input::ProvisionUnfit => Outcome {
            out: [Output::AskProvision].into_iter().collect(),
            ..Outcome::refuse(s, Refusal::PersonalisationFailed, &["PRO-12"])
        },
        _ => Outcome::accept(
            State {
                phase: Phase::Done,
                ..s
            },
            [Output::AskProvision, Output::NextDone],
            &["BND-4", "PRO-12"],
        ),
    }
}

fn cancel(s: State, input: Input) -> Step {
    match s.phase {
        Phase::None => Outcome::refuse(s, Refusal::UnknownRequest, &["APP-14"]),
        _ if s.expired => Outcome::refuse(s, Refusal::RequestExpired, &["APP-13"]),
        Phase::AwaitPassword => Outcome::refuse(s, Refusal::WrongOrder, &["APP-14"]),
        Phase::Cancelled | Phase::Refused | Phase::Done => {
            Outcome::refuse(s, Refusal::WrongOrder, &["ISS-19"])
        }
        _ if input == Input::CancelSilent => Outcome {
            out: [Output::AskCompensate].into_iter().collect(),
            ..Outcome::refuse(s, Refusal::InProgress, &["ISS-19"])
        },
        _ if input == Input::CancelRefused => Outcome {
            out: [Output::AskCompensate].into_iter().collect(),
            ..Outcome::refuse(s, Refusal::PreverifyFailed, &["ISS-19"])
        },
        _ => {
            let next = State {
                phase: Phase::Cancelled,
                order: s.order,
                passwords: s.passwords,
                guesses: s.guesses,
                ..init()
            };
            Outcome::accept(
                next,
                [Output::AskCompensate, Output::Cancelled],
                &["ISS-19"],
            )
        }
    }
}

fn order(s: State) -> Step {
    if s.order != Order::None {
        return Outcome::repeat(s, [Output::OrderMade], &["WIR-6", "PAY-1"]);
    }
    Outcome::accept(
        State {
            order: Order::Open,
            ..s
        },
        [Output::OrderMade],
        &["PAY-1"],
    )
}

/// Every `pay`, by rank of refusal.
fn pay(s: State, input: Input, weak: Weak) -> Step {
    if s.order == Order::None {
        return Outcome::refuse(s, Refusal::UnknownOrder, &["PAY-2"]);
    }
    if input == Input::PayRepeat {
        return pay_repeat(s, weak);
    }
    if input == Input::PayOtherAccount && !weak.has(Weakness::OrderOwnerUnchecked) {
        return Outcome::refuse(s, Refusal::OrderNotOwned, &["PAY-2"]);
    }
    if s.passwords >= limit::PASSWORD_TRIES_MAX {
        return Outcome::refuse(s, Refusal::AccountLocked, &["APP-4"]);
    }
    let unbound = weak.has(Weakness::OrderNotBound);
    let wrong = matches!(input, Input::PayPasswordWrong)
        || (input == Input::PayProofOtherOrder && !unbound);
    if wrong {
        return Outcome::refuse(wrong_password(s), Refusal::BadPassword, &["PAY-3", "APP-4"]);
    }
    if input == Input::PayForeignCard || (!s.bound && input != Input::PayOtherAccount) {
        return Outcome::refuse(s, Refusal::NotBound, &["PAY-16"]);
    }
    if s.order == Order::Expired {
        return Outcome::refuse(s, Refusal::OrderExpired, &["PAY-5"]);
    }
    if input == Input::PayWrongDigest && !unbound {
        return Outcome::refuse(s, Refusal::OrderDigestMismatch, &["PAY-4"]);
    }
    match s.order {
        Order::Pending if weak.has(Weakness::DebitIdPerTry) => {
            debit_asked(s, input, Output::AskDebitNewId)
        }
        Order::Pending => debit_asked(s, input, Output::AskDebit),
        Order::Paid | Order::Declined => Outcome::refuse(s, Refusal::OrderSettled, &["PAY-6"]),
        Order::None | Order::Open | Order::Expired => debit_asked(s, input, Output::AskDebit),
    }
}

fn debit_asked(s: State, input: Input, ask: Output) -> Step {
    let s = State { passwords: 0, ..s };
    match input {
        Input::PayDeclined | Input::PayUnknownCard => Outcome::accept(
            State {
                order: Order::Declined,
                ..s
            },
            [ask, Output::Declined],
            &["PAY-6", "PAY-13"],
        ),
        Input::PaySilent | Input::PayUnheard => Outcome {
            out: [ask].into_iter().collect(),
            ..Outcome::refuse(
                State {
                    order: Order::Pending,
                    ..s
                },
                Refusal::InProgress,
                &["PAY-6", "PAY-13"],
            )
        },
        _ => Outcome::accept(
            State {
                order: Order::Paid,
                ..s
            },
            [ask, Output::Paid],
            &["PAY-3", "PAY-6", "PAY-13"],
        ),
    }
}

fn pay_repeat(s: State, weak: Weak) -> Step {
    match s.order {
        Order::Paid => Outcome::repeat(s, [Output::Paid], &["WIR-6"]),
        Order::Declined => Outcome::repeat(s, [Output::Declined], &["WIR-6"]),
        Order::Pending if weak.has(Weakness::DebitIdPerTry) => {
            debit_asked(s, Input::Pay, Output::AskDebitNewId)
        }
        Order::Pending => debit_asked(s, Input::Pay, Output::AskDebit),
        Order::None | Order::Open | Order::Expired => {
            Outcome::refuse(s, Refusal::InProgress, &["PAY-6"])
        }
    }
}

/// The stored result. A pending one becomes another only when the payer asks again: the debit id is the same.
fn order_query(s: State) -> Step {
    let out = match s.order {
        Order::None => return Outcome::refuse(s, Refusal::UnknownOrder, &["PAY-13"]),
        Order::Pending => Output::OrderPending,
        Order::Open => Output::OrderOpen,
        Order::Paid => Output::Paid,
        Order::Declined => Output::Declined,
        Order::Expired => Output::OrderExpired,
    };
    Outcome::accept(s, [out], &["PAY-13", "PAY-14"])
}

impl Machine for Verifier {
    type State = State;
    type Input = Input;
    type Output = Output;

    fn init() -> State {
        init()
    }

    fn inputs() -> Vec<Input> {
        inputs()
    }

    fn sayable(s: &State, input: &Input) -> bool {
        let settled = matches!(s.order, Order::Paid | Order::Declined);
        let plain = s.tries == 0 && s.guesses == 0 && !s.expired;
        let stands = |phase| s.phase == phase && plain && !s.stale && !s.policy_stale;
        match input {
            _ if *input <= Input::EnrolTerminal => s.phase == Phase::None,
            Input::Unsigned => !matches!(s.phase, Phase::None | Phase::AwaitPassword),
            Input::PasswordUnknown => s.phase == Phase::None && s.passwords == 0,
            Input::OpenConflict => stands(Phase::AwaitPassword) && s.passwords == 0,
            Input::EnrolAgain => stands(Phase::AwaitPassword) && s.passwords == 0,
            Input::ApplicantRepeat | Input::ApplicantConflict | Input::ApplicantRepeatUnsigned => {
                stands(Phase::AwaitOtp) && s.sends == 1
            }
            Input::ApplicantSilent
            | Input::ApplicantRenewed
            | Input::ApplicantOtherName
            | Input::ApplicantOtherKind => {
                matches!(s.phase, Phase::AwaitApplicant | Phase::AwaitEligibility)
            }
            Input::OtpUnsigned | Input::OtpOtherId => stands(Phase::AwaitOtp) && s.sends == 1,
            Input::OtpResendUnsigned => stands(Phase::AwaitOtp) && s.sends == 1 && s.rested,
            Input::GuessesOfPhone | Input::GuessesOfPerson => {
                stands(Phase::AwaitOtp) && s.sends == 1 && !s.rested
            }
            Input::PhotosUnsigned => stands(Phase::AwaitPhotos),
            Input::FramesUnsigned
            | Input::FramesWrongPolicy
            | Input::FramesTooFew
            | Input::FramesExtra
            | Input::FramesTooMany => s.phase == Phase::AwaitFrames && !s.expired,
            Input::FramesSilent => {
                matches!(s.phase, Phase::AwaitFrames | Phase::AwaitMatch)
            }
            Input::IssueUnsigned => stands(Phase::AwaitIssue),
            Input::ProvisionUnsigned | Input::ProvisionUnfit => stands(Phase::AwaitProvision),
            Input::CancelUnsigned | Input::CancelSilent | Input::CancelRefused => {
                !matches!(s.phase, Phase::None | Phase::AwaitPassword) && plain
            }
            Input::OtpSuperseded => s.phase == Phase::AwaitOtp && s.sends > 1,
            Input::OtpOtherRequest | Input::OtpWrong | Input::AdvanceResend | Input::AdvanceOtp => {
                s.phase == Phase::AwaitOtp
            }
            Input::AdvancePolicy => policy_open(*s),
            Input::AdvanceRequest => {
                let lives = matches!(
                    s.phase,
                    Phase::Issuing | Phase::AwaitProvision | Phase::Done | Phase::Refused
                );
                (pending(s.phase) || lives) && !s.expired
            }
            // A second quarter is the end of a request, and times do not add up here: what is stale has seen the first.
            Input::AdvanceLock => {
                s.passwords >= limit::PASSWORD_TRIES_MAX && !s.stale && !s.policy_stale
            }
            Input::PasswordReplayed => s.phase == Phase::AwaitPassword,
            Input::PayRepeat | Input::PayAgain => settled,
            Input::PayConflict => settled && s.passwords == 0,
            Input::OrderConflict => s.order == Order::Open && s.phase == Phase::None,
            Input::PayUnknownCard | Input::PayUnheard => {
                s.bound && matches!(s.order, Order::Open | Order::Pending)
            }
            // Twice a quarter is the life of a request.
            Input::AdvanceOrder => {
                matches!(s.order, Order::Open | Order::Pending) && !pending(s.phase)
            }
            _ => true,
        }
    }

    fn step(state: &State, input: &Input, weak: &Weak) -> Step {
        step(state, input, weak)
    }

    fn chapters() -> Vec<(&'static str, Vec<Input>)> {
        let all = |from: Input, to: Input| {
            Input::ALL
                .iter()
                .copied()
                .filter(move |input| (from..=to).contains(input))
        };
        let start = [Input::Open, Input::Password];
        let held = [Input::ApplicantKnown, Input::Otp, Input::Issue];
        vec![
            (
                "front",
                all(Input::FrontRoute, Input::EnrolTerminal)
                    .chain([Input::Open])
                    .collect(),
            ),
            (
                "apply",
                all(Input::EnrolAgain, Input::ApplicantIncomplete)
                    .chain([Input::AdvanceLock, Input::AdvanceRequest, Input::Query])
                    .collect(),
            ),
            (
                "prove",
                start
                    .into_iter()
                    .chain([Input::ApplicantKnown, Input::ApplicantFirst])
                    .chain(all(Input::ApplicantRepeat, Input::FramesRefused))
                    .chain([
                        Input::Cancel,
                        Input::AdvanceResend,
                        Input::AdvanceOtp,
                        Input::AdvancePolicy,
                        Input::AdvanceRequest,
                    ])
                    .collect(),
            ),
            (
                "issue",
                start
                    .into_iter()
                    .chain([Input::ApplicantKnown, Input::Otp])
                    .chain(all(Input::Issue, Input::CancelUnsigned))
                    .chain([Input::AdvanceRequest])
                    .collect(),
            ),
            (
                "pay",
                start
                    .into_iter()
                    .chain(held)
                    .chain(all(Input::Order, Input::AdvanceOrder))
                    .chain([Input::AdvanceLock])
                    .collect(),
            ),
        ]
    }
}
