//! The issuer: one card request, its card, agreement and token, one debit and one tap. Read [`step`] first.

use kaika_spec::{Branch, Refusal, TokenState, Weakness};

use super::{Machine, Outcome, Weak, alphabet};

/// How far a card request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Request {
    /// The issuer has not heard of it.
    None,
    /// An eligibility decision is live.
    Decided(Branch),
    /// The decision has expired or its ground has changed.
    Stale(Branch),
    /// The card was made.
    Issued,
    /// It was undone before or after the card was made.
    Tombstoned {
        /// A card had been made.
        had_card: bool,
    },
}

/// How far the personalisation session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Session {
    /// None is open.
    Idle,
    /// INITIALIZE UPDATE was given out.
    Opened,
    /// The script was given out; the receipt is awaited.
    Scripted,
}

/// The life of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Card {
    /// Not made.
    None,
    /// Usable.
    Active,
    /// Stopped for now.
    Blocked,
    /// Lost for ever.
    Lost,
    /// Closed for ever.
    Closed,
}

/// The life of an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Agreement {
    /// Not made.
    None,
    /// Debits may be asked for.
    Live,
    /// Ended for ever.
    Terminated,
}

/// The life of a debit or of a tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Posting {
    /// Not heard of.
    None,
    /// Money was taken.
    Posted,
    /// Refused, and stays so.
    Declined,
    /// Given back.
    Reversed,
    /// Reversed before it came.
    Tombstoned,
}

/// All that the issuer keeps about the one customer of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// The card request.
    pub request: Request,
    /// The person is blocked by the operator.
    pub blocked: bool,
    /// The card.
    pub card: Card,
    /// The agreement.
    pub agreement: Agreement,
    /// The token; `None` before it is minted.
    pub token: Option<TokenState>,
    /// The user suspended the token.
    pub by_user: bool,
    /// The issuer suspended the token.
    pub by_issuer: bool,
    /// The personalisation session.
    pub session: Session,
    /// The debit.
    pub debit: Posting,
    /// The last tap.
    pub tap: Posting,
    /// A transaction counter was seen verified.
    pub counted: bool,
    /// A chip was given the token: whoever has it can tap.
    pub held: bool,
}

alphabet! {
    /// What may come to the issuer.
    Input {
        EligibilityKnown = "eligibility(known)",
        EligibilityFirst = "eligibility(first)",
        EligibilityBlocked = "eligibility(blocked)",
        PhoneChange = "phone-change",
        BlockPerson = "block-person",
        AdvanceEligibility = "advance(eligibility-ttl)",
        IssueOtp = "issue(otp)",
        IssueIdentity = "issue(identity)",
        IssueApplicantChanged = "issue(applicant-changed)",
        IssueContextChanged = "issue(context-changed)",
        IssueEligibilityUnknown = "issue(eligibility-unknown)",
        IssueEligibilityOther = "issue(eligibility-other)",
        IssuePhoneOther = "issue(phone-other)",
        IssueScoreLow = "issue(score-low)",
        IssueReferenceUnknown = "issue(reference-unknown)",
        IssueReferenceReused = "issue(reference-reused)",
        IssueReferenceOther = "issue(reference-other)",
        /// The person has a live card of this product from another request.
        IssueQuotaFull = "issue(quota-full)",
        /// The score stands in the message itself; only a weak issuer can read it.
        IssueScoreClaimed = "issue(score-claimed)",
        IssueRepeat = "issue(repeat)",
        IssueKeyConflict = "issue(key-conflict)",
        Query = "query",
        Compensate = "compensate",
        ProvisionStart = "provision(start)",
        ProvisionAnswers = "provision(answers)",
        /// The chip shows the receipt of an earlier session beside its cryptogram.
        ProvisionAnswersReceipted = "provision(answers,receipted)",
        ProvisionBadCryptogram = "provision(bad-cryptogram)",
        ProvisionReceipt = "provision(receipt)",
        ProvisionBadReceipt = "provision(bad-receipt)",
        ProvisionOtherChip = "provision(other-chip)",
        ProvisionUnbound = "provision(unbound)",
        AdvanceInactive = "advance(inactive-token-ttl)",
        Debit = "debit(ok)",
        DebitRepeat = "debit(repeat)",
        DebitAgain = "debit(new-key)",
        DebitConflict = "debit(conflict)",
        DebitAgreementWrong = "debit(wrong-agreement)",
        DebitTokenAsCode = "debit(token-as-code)",
        DebitUnknownCard = "debit(unknown-card)",
        DebitOverBalance = "debit(over-balance)",
        DebitQuery = "debit-query",
        Reverse = "reverse(ok)",
        ReverseWrongAmount = "reverse(wrong-amount)",
        Tap = "tap(ok)",
        TapReplayedAtc = "tap(replayed-atc)",
        TapBadCryptogram = "tap(bad-cryptogram)",
        TapAmountDiffers = "tap(amount-differs)",
        TapWrongEntryMode = "tap(wrong-entry-mode)",
        TapOverLimit = "tap(over-limit)",
        TapUnknownToken = "tap(unknown-token)",
        TapRepeat = "tap(repeat)",
        TapTombstoned = "tap(tombstoned)",
        TapReverse = "tap-reverse",
        SuspendUser = "suspend(user)",
        SuspendIssuer = "suspend(issuer)",
        /// The verifier speaks for the bank.
        SuspendForged = "suspend(issuer,said-by-verifier)",
        ResumeUser = "resume(user)",
        ResumeIssuer = "resume(issuer)",
        Delete = "delete",
        CardBlocked = "card-status(blocked)",
        CardActive = "card-status(active)",
        CardLost = "card-status(lost)",
        CardClosed = "card-status(closed)",
        Terminate = "terminate",
    }
}

alphabet! {
    /// What the issuer says.
    Output {
        KnownCustomer = "known-customer",
        FirstCard = "first-card",
        PhoneChanged = "phone-changed",
        PersonBlocked = "person-blocked",
        ScoreAsked = "score-asked",
        CardMade = "card-made",
        Issued = "issued",
        IssuedWithPan = "issued(with-pan)",
        OutcomeNone = "outcome(none)",
        OutcomeIssued = "outcome(issued)",
        OutcomeTombstoned = "outcome(tombstoned)",
        Deleted = "deleted",
        Tombstoned = "tombstoned",
        OpenChannel = "commands(open-channel)",
        Script = "commands(script)",
        TokenInactive = "token(inactive)",
        TokenActive = "token(active)",
        TokenSuspended = "token(suspended)",
        TokenDeleted = "token(deleted)",
        Posted = "posted",
        DebitNone = "debit(none)",
        DebitPosted = "debit(posted)",
        DebitDeclined = "debit(declined)",
        DebitReversed = "debit(reversed)",
        DebitTombstoned = "debit(tombstoned)",
        Reversed = "reversed",
        Approved = "approved",
        ReversalTaken = "reversal-taken",
        CardStatus = "card-status",
        AgreementTerminated = "agreement-terminated",
    }
}

/// The issuer as a standalone machine.
#[derive(Clone, Copy, Debug)]
pub struct Issuer;

type Step = Outcome<State, Output>;

/// The state after enrolment: no request, no card.
pub const fn init() -> State {
    State {
        request: Request::None,
        blocked: false,
        card: Card::None,
        agreement: Agreement::None,
        token: None,
        by_user: false,
        by_issuer: false,
        session: Session::Idle,
        debit: Posting::None,
        tap: Posting::None,
        counted: false,
        held: false,
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
        Input::EligibilityKnown => eligibility(s, Branch::KnownCustomer),
        Input::EligibilityFirst => eligibility(s, Branch::FirstCard),
        Input::EligibilityBlocked => Outcome::refuse(s, Refusal::Ineligible, &["APP-9"]),
        Input::PhoneChange => phone_change(s),
        Input::BlockPerson => Outcome::accept(
            State { blocked: true, ..s },
            vec![Output::PersonBlocked],
            &["ISS-8"],
        ),
        Input::AdvanceEligibility => Outcome::accept(stale(s), vec![], &["APP-10"]),
        Input::IssueRepeat => issue_repeat(s, *weak),
        Input::IssueKeyConflict => key_conflict(s),
        Input::Query => query(s),
        Input::Compensate => compensate(s, *weak),
        Input::ProvisionStart
        | Input::ProvisionAnswers
        | Input::ProvisionAnswersReceipted
        | Input::ProvisionBadCryptogram
        | Input::ProvisionReceipt
        | Input::ProvisionBadReceipt
        | Input::ProvisionOtherChip
        | Input::ProvisionUnbound => provision(s, *input, *weak),
        Input::AdvanceInactive => advance_inactive(s),
        Input::Debit
        | Input::DebitRepeat
        | Input::DebitAgain
        | Input::DebitConflict
        | Input::DebitAgreementWrong
        | Input::DebitTokenAsCode
        | Input::DebitUnknownCard
        | Input::DebitOverBalance => debit(s, *input, *weak),
        Input::DebitQuery => Outcome::accept(s, vec![debit_state(s.debit)], &["PAY-13"]),
        Input::Reverse | Input::ReverseWrongAmount => reverse(s, *input),
        Input::Tap
        | Input::TapReplayedAtc
        | Input::TapBadCryptogram
        | Input::TapAmountDiffers
        | Input::TapWrongEntryMode
        | Input::TapOverLimit
        | Input::TapUnknownToken
        | Input::TapRepeat
        | Input::TapTombstoned => tap(s, *input, *weak),
        Input::TapReverse => tap_reverse(s),
        Input::SuspendUser | Input::SuspendIssuer | Input::ResumeUser | Input::ResumeIssuer => {
            suspenders(s, *input, *weak)
        }
        Input::SuspendForged => Outcome::refuse(s, Refusal::BadSignature, &["WIR-3"]),
        Input::Delete => delete(s),
        Input::CardBlocked | Input::CardActive | Input::CardLost | Input::CardClosed => {
            card_status(s, *input)
        }
        Input::Terminate => terminate(s),
        Input::IssueOtp
        | Input::IssueIdentity
        | Input::IssueApplicantChanged
        | Input::IssueContextChanged
        | Input::IssueEligibilityUnknown
        | Input::IssueEligibilityOther
        | Input::IssuePhoneOther
        | Input::IssueScoreLow
        | Input::IssueReferenceUnknown
        | Input::IssueReferenceReused
        | Input::IssueReferenceOther
        | Input::IssueQuotaFull
        | Input::IssueScoreClaimed => issue(s, *input, *weak),
    }
}

fn eligibility(s: State, branch: Branch) -> Step {
    match s.request {
        Request::Tombstoned { .. } => Outcome::refuse(s, Refusal::RequestTombstoned, &["ISS-18"]),
        Request::Issued => Outcome::refuse(s, Refusal::WrongOrder, &["ISS-10"]),
        _ if s.blocked => Outcome::refuse(s, Refusal::Ineligible, &["APP-9"]),
        Request::None | Request::Decided(_) | Request::Stale(_) => {
            let out = if branch == Branch::KnownCustomer {
                Output::KnownCustomer
            } else {
                Output::FirstCard
            };
            Outcome::accept(
                State {
                    request: Request::Decided(branch),
                    ..s
                },
                vec![out],
                &["APP-9", "APP-10"],
            )
        }
    }
}

const fn stale(s: State) -> State {
    match s.request {
        Request::Decided(branch) => State {
            request: Request::Stale(branch),
            ..s
        },
        _ => s,
    }
}

fn phone_change(s: State) -> Step {
    let next = if s.request == Request::Decided(Branch::KnownCustomer) {
        stale(s)
    } else {
        s
    };
    Outcome::accept(next, vec![Output::PhoneChanged], &["MNG-10"])
}

/// Every `issue` that is not a repeat, by rank of refusal.
fn issue(s: State, input: Input, weak: Weak) -> Step {
    let branch = match s.request {
        Request::Tombstoned { .. } => {
            return Outcome::refuse(s, Refusal::RequestTombstoned, &["ISS-18"]);
        }
        Request::Issued if weak.has(Weakness::KeyIgnored) => Branch::KnownCustomer,
        Request::Issued => return Outcome::refuse(s, Refusal::WrongOrder, &["ISS-10"]),
        Request::None => return Outcome::refuse(s, Refusal::EligibilityUnknown, &["ISS-2"]),
        Request::Decided(_) | Request::Stale(_) if unknown_decision(input) => {
            return Outcome::refuse(s, Refusal::EligibilityUnknown, &["ISS-2"]);
        }
        Request::Stale(_) => {
            return Outcome::refuse(s, Refusal::EligibilityStale, &["ISS-2", "MNG-10"]);
        }
        Request::Decided(branch) => branch,
    };
    if let Some((refusal, reqs)) = evidence_fault(branch, input, weak) {
        return Outcome::refuse(s, refusal, reqs);
    }
    if s.blocked && !weak.has(Weakness::PreverifyAfterIssue) {
        return Outcome::refuse(s, Refusal::PreverifyFailed, &["ISS-8"]);
    }
    if input == Input::IssueQuotaFull && !weak.has(Weakness::QuotaOutsideTransaction) {
        return Outcome::refuse(s, Refusal::DuplicateCard, &["ISS-11"]);
    }
    make_card(s, branch, weak)
}

const fn unknown_decision(input: Input) -> bool {
    matches!(
        input,
        Input::IssueEligibilityUnknown | Input::IssueEligibilityOther
    )
}

fn evidence_fault(
    branch: Branch,
    input: Input,
    weak: Weak,
) -> Option<(Refusal, &'static [&'static str])> {
    let known = branch == Branch::KnownCustomer;
    let trusted = weak.has(Weakness::BranchTrusted);
    match input {
        Input::IssueContextChanged => Some((Refusal::ContextMismatch, &["ISS-3"])),
        Input::IssueApplicantChanged if !weak.has(Weakness::ApplicantResent) => {
            Some((Refusal::ApplicantMismatch, &["APP-12"]))
        }
        Input::IssueOtp | Input::IssuePhoneOther if !known && !trusted => {
            Some((Refusal::EvidenceKindMismatch, &["ISS-1"]))
        }
        Input::IssuePhoneOther => Some((Refusal::EvidenceMismatch, &["ISS-4"])),
        Input::IssueIdentity
        | Input::IssueScoreLow
        | Input::IssueReferenceUnknown
        | Input::IssueReferenceReused
        | Input::IssueReferenceOther
            if known && !trusted =>
        {
            Some((Refusal::EvidenceKindMismatch, &["ISS-1"]))
        }
        Input::IssueScoreClaimed if !weak.has(Weakness::ScoreFromVerifier) => {
            Some((Refusal::Malformed, &["ISS-5", "WIR-1"]))
        }
        Input::IssueReferenceUnknown => Some((Refusal::ReferenceUnknown, &["ISS-5"])),
        Input::IssueReferenceReused if !weak.has(Weakness::ReferenceReused) => {
            Some((Refusal::ReferenceUsed, &["ISS-17", "PRV-17"]))
        }
        Input::IssueReferenceOther if !weak.has(Weakness::ReferenceUnbound) => {
            Some((Refusal::ReferenceMismatch, &["ISS-6"]))
        }
        Input::IssueScoreLow => Some((Refusal::ScoreLow, &["ISS-7"])),
        _ => None,
    }
}

/// The one transaction: card, card code, agreement, token and outcome.
fn make_card(s: State, branch: Branch, weak: Weak) -> Step {
    let token = if weak.has(Weakness::ActivateWithoutReceipt) {
        TokenState::Active
    } else {
        TokenState::Inactive
    };
    let made = State {
        card: Card::Active,
        agreement: Agreement::Live,
        ..s
    };
    if weak.has(Weakness::IssueInTwoSteps) && s.card == Card::None {
        let half = State {
            token: None,
            ..made
        };
        return Outcome::accept(half, vec![Output::CardMade], &["ISS-12"]);
    }
    let next = State {
        request: Request::Issued,
        token: Some(token),
        session: Session::Idle,
        ..made
    };
    let answer = if weak.has(Weakness::PanEchoed) {
        Output::IssuedWithPan
    } else {
        Output::Issued
    };
    let out = if branch == Branch::FirstCard {
        vec![Output::ScoreAsked, answer]
    } else {
        vec![answer]
    };
    Outcome::accept(next, out, &["ISS-9", "ISS-10", "ISS-12", "ISS-13"])
}

fn issue_repeat(s: State, weak: Weak) -> Step {
    match s.request {
        Request::Issued | Request::Tombstoned { had_card: true }
            if weak.has(Weakness::KeyIgnored) =>
        {
            make_card(s, Branch::KnownCustomer, weak)
        }
        Request::Issued | Request::Tombstoned { had_card: true } => {
            Outcome::repeat(s, vec![Output::Issued], &["WIR-6", "ISS-10"])
        }
        Request::Tombstoned { had_card: false } => {
            Outcome::refuse(s, Refusal::RequestTombstoned, &["ISS-18"])
        }
        Request::None | Request::Decided(_) | Request::Stale(_) => {
            Outcome::refuse(s, Refusal::EligibilityUnknown, &["ISS-2"])
        }
    }
}

fn key_conflict(s: State) -> Step {
    match s.request {
        Request::Issued | Request::Tombstoned { had_card: true } => {
            Outcome::refuse(s, Refusal::IdempotencyConflict, &["WIR-7"])
        }
        Request::Tombstoned { had_card: false } => {
            Outcome::refuse(s, Refusal::RequestTombstoned, &["ISS-18"])
        }
        Request::None | Request::Decided(_) | Request::Stale(_) => {
            Outcome::refuse(s, Refusal::EligibilityUnknown, &["ISS-2"])
        }
    }
}

fn query(s: State) -> Step {
    let out = match s.request {
        Request::Issued => Output::OutcomeIssued,
        Request::Tombstoned { .. } => Output::OutcomeTombstoned,
        Request::None | Request::Decided(_) | Request::Stale(_) => Output::OutcomeNone,
    };
    Outcome::accept(s, vec![out], &["ISS-20"])
}

fn compensate(s: State, weak: Weak) -> Step {
    if weak.has(Weakness::NoCompensation) {
        return Outcome::accept(s, vec![], &["ISS-19"]);
    }
    match s.request {
        Request::Issued => Outcome::accept(undone(s), vec![Output::Deleted], &["ISS-19"]),
        Request::Tombstoned { had_card: true } => {
            Outcome::accept(s, vec![Output::Deleted], &["ISS-19"])
        }
        _ if s.card != Card::None => Outcome::accept(undone(s), vec![Output::Deleted], &["ISS-19"]),
        _ => {
            let next = State {
                request: Request::Tombstoned { had_card: false },
                ..s
            };
            Outcome::accept(next, vec![Output::Tombstoned], &["ISS-18", "ISS-19"])
        }
    }
}

fn undone(s: State) -> State {
    let card = if s.card == Card::Lost {
        Card::Lost
    } else {
        Card::Closed
    };
    let request = Request::Tombstoned { had_card: true };
    let token = s.token.map(|_| TokenState::Deleted);
    State {
        request,
        card,
        agreement: Agreement::Terminated,
        token,
        by_user: false,
        by_issuer: false,
        session: Session::Idle,
        ..s
    }
}

fn provision(s: State, input: Input, weak: Weak) -> Step {
    let Some(token) = s.token else {
        return Outcome::refuse(s, Refusal::UnknownToken, &["PRO-8"]);
    };
    if input == Input::ProvisionOtherChip && !weak.has(Weakness::SecondChip) {
        return Outcome::refuse(s, Refusal::ContextMismatch, &["PRO-10"]);
    }
    if input == Input::ProvisionUnbound {
        return Outcome::refuse(s, Refusal::NotBound, &["PRO-9", "BND-4"]);
    }
    match token {
        TokenState::Active if input == Input::ProvisionOtherChip => script(s),
        TokenState::Active => Outcome::accept(s, vec![Output::TokenActive], &["PRO-12"]),
        TokenState::Suspended | TokenState::Deleted => {
            Outcome::refuse(s, Refusal::TokenNotActive, &["MNG-2"])
        }
        TokenState::Inactive => personalise(s, input),
    }
}

fn script(s: State) -> Step {
    Outcome::accept(s, vec![Output::Script], &["PRO-1"])
}

fn personalise(s: State, input: Input) -> Step {
    let dropped = State {
        session: Session::Idle,
        ..s
    };
    match (s.session, input) {
        (_, Input::ProvisionStart | Input::ProvisionOtherChip) => Outcome::accept(
            State {
                session: Session::Opened,
                ..s
            },
            vec![Output::OpenChannel],
            &["PRO-1", "PRO-12"],
        ),
        (Session::Opened, Input::ProvisionAnswers) => Outcome::accept(
            State {
                session: Session::Scripted,
                ..s
            },
            vec![Output::Script],
            &["PRO-1"],
        ),
        (Session::Opened, Input::ProvisionAnswersReceipted)
        | (Session::Scripted, Input::ProvisionReceipt) => {
            let next = State {
                token: Some(TokenState::Active),
                held: true,
                ..dropped
            };
            Outcome::accept(next, vec![Output::TokenActive], &["PRO-8", "PRO-9"])
        }
        (Session::Scripted, Input::ProvisionBadReceipt) => {
            Outcome::refuse(dropped, Refusal::ReceiptInvalid, &["PRO-8"])
        }
        _ => Outcome::refuse(dropped, Refusal::PersonalisationFailed, &["PRO-1"]),
    }
}

fn advance_inactive(s: State) -> Step {
    let dead = s.token == Some(TokenState::Inactive);
    let token = if dead {
        Some(TokenState::Deleted)
    } else {
        s.token
    };
    Outcome::accept(
        State {
            token,
            session: Session::Idle,
            ..stale(s)
        },
        vec![],
        &["PRO-14"],
    )
}

/// Every `debit`, by rank of refusal.
fn debit(s: State, input: Input, weak: Weak) -> Step {
    let again = matches!(input, Input::DebitRepeat | Input::DebitAgain | Input::Debit);
    match input {
        Input::DebitTokenAsCode if weak.has(Weakness::IdentifierConfused) => {}
        Input::DebitTokenAsCode => return Outcome::refuse(s, Refusal::Malformed, &["PAY-10"]),
        Input::DebitConflict if matches!(s.debit, Posting::Posted | Posting::Reversed) => {
            return Outcome::refuse(s, Refusal::IdempotencyConflict, &["PAY-7"]);
        }
        _ => {}
    }
    match s.debit {
        Posting::Posted if again && weak.has(Weakness::KeyIgnored) => return post(s),
        Posting::Posted | Posting::Reversed if again => {
            return Outcome::repeat(s, vec![Output::Posted], &["PAY-7", "WIR-6"]);
        }
        Posting::Tombstoned if again => {
            return Outcome::refuse(s, Refusal::DebitTombstoned, &["PAY-12"]);
        }
        Posting::Declined if again => {
            return Outcome::refuse(s, Refusal::CardNotActive, &["PAY-7"]);
        }
        _ => {}
    }
    if s.card == Card::None || input == Input::DebitUnknownCard {
        return Outcome::refuse(s, Refusal::UnknownCard, &["PAY-9"]);
    }
    if input == Input::DebitAgreementWrong {
        return Outcome::refuse(s, Refusal::AgreementMismatch, &["PAY-9"]);
    }
    let declined = if again {
        State {
            debit: Posting::Declined,
            ..s
        }
    } else {
        s
    };
    if !weak.has(Weakness::LivenessBeforeDebit) {
        if s.card != Card::Active {
            return Outcome::refuse(declined, Refusal::CardNotActive, &["PAY-8", "MNG-5"]);
        }
        if s.agreement != Agreement::Live {
            return Outcome::refuse(declined, Refusal::AgreementTerminated, &["PAY-8", "MNG-7"]);
        }
    }
    if input == Input::DebitOverBalance {
        return Outcome::refuse(s, Refusal::Insufficient, &["PAY-8"]);
    }
    post(s)
}

fn post(s: State) -> Step {
    Outcome::accept(
        State {
            debit: Posting::Posted,
            ..s
        },
        vec![Output::Posted],
        &["PAY-7", "PAY-8", "PAY-15"],
    )
}

const fn debit_state(debit: Posting) -> Output {
    match debit {
        Posting::None => Output::DebitNone,
        Posting::Posted => Output::DebitPosted,
        Posting::Declined => Output::DebitDeclined,
        Posting::Reversed => Output::DebitReversed,
        Posting::Tombstoned => Output::DebitTombstoned,
    }
}

fn reverse(s: State, input: Input) -> Step {
    match s.debit {
        Posting::Posted if input == Input::ReverseWrongAmount => {
            Outcome::refuse(s, Refusal::ReversalMismatch, &["PAY-11"])
        }
        Posting::Posted => Outcome::accept(
            State {
                debit: Posting::Reversed,
                ..s
            },
            vec![Output::Reversed],
            &["PAY-11", "PAY-15"],
        ),
        Posting::Reversed => Outcome::refuse(s, Refusal::AlreadyReversed, &["PAY-11"]),
        Posting::None | Posting::Declined | Posting::Tombstoned => Outcome::accept(
            State {
                debit: Posting::Tombstoned,
                ..s
            },
            vec![Output::Tombstoned],
            &["PAY-12"],
        ),
    }
}

/// Every `tap`, by rank of refusal.
fn tap(s: State, input: Input, weak: Weak) -> Step {
    let unsigned = weak.has(Weakness::StaticTokenAtPos);
    match input {
        Input::TapRepeat if s.tap == Posting::Posted || s.tap == Posting::Reversed => {
            return Outcome::repeat(s, vec![Output::Approved], &["TAP-13"]);
        }
        Input::TapTombstoned if s.tap == Posting::Tombstoned => {
            return Outcome::refuse(s, Refusal::DebitTombstoned, &["TAP-13"]);
        }
        _ => {}
    }
    let Some(token) = s.token.filter(|_| input != Input::TapUnknownToken) else {
        return Outcome::refuse(s, Refusal::UnknownToken, &["TAP-9"]);
    };
    if s.card != Card::Active && !weak.has(Weakness::LivenessBeforeDebit) {
        return Outcome::refuse(s, Refusal::CardNotActive, &["TAP-9", "MNG-5"]);
    }
    if token != TokenState::Active && !weak.has(Weakness::LivenessBeforeDebit) {
        return Outcome::refuse(s, Refusal::TokenNotActive, &["TAP-9"]);
    }
    match input {
        Input::TapWrongEntryMode if !unsigned => {
            Outcome::refuse(s, Refusal::DomainViolation, &["TAP-8"])
        }
        Input::TapBadCryptogram if !unsigned => {
            Outcome::refuse(s, Refusal::CryptogramBad, &["TAP-7"])
        }
        Input::TapAmountDiffers if !unsigned => {
            Outcome::refuse(s, Refusal::CryptogramBad, &["TAP-12"])
        }
        Input::TapReplayedAtc if s.counted && !weak.has(Weakness::AtcUnchecked) => {
            Outcome::refuse(s, Refusal::AtcReplay, &["TAP-3"])
        }
        Input::TapOverLimit => Outcome::refuse(s, Refusal::LimitExceeded, &["TAP-9"]),
        _ => {
            let next = State {
                tap: Posting::Posted,
                counted: true,
                ..s
            };
            Outcome::accept(next, vec![Output::Approved], &["TAP-3", "TAP-7", "TAP-9"])
        }
    }
}

fn tap_reverse(s: State) -> Step {
    let tap = match s.tap {
        Posting::Posted | Posting::Reversed => Posting::Reversed,
        Posting::None | Posting::Declined | Posting::Tombstoned => Posting::Tombstoned,
    };
    Outcome::accept(State { tap, ..s }, vec![Output::ReversalTaken], &["TAP-11"])
}

fn suspenders(s: State, input: Input, weak: Weak) -> Step {
    match s.token {
        None => return Outcome::refuse(s, Refusal::UnknownToken, &["MNG-1"]),
        Some(TokenState::Inactive | TokenState::Deleted) => {
            return Outcome::refuse(s, Refusal::IllegalTransition, &["MNG-1", "MNG-2"]);
        }
        Some(TokenState::Active | TokenState::Suspended) => {}
    }
    let next = match input {
        Input::SuspendUser => State { by_user: true, ..s },
        Input::SuspendIssuer => State {
            by_issuer: true,
            ..s
        },
        _ if weak.has(Weakness::BooleanSuspend) => State {
            by_user: false,
            by_issuer: false,
            ..s
        },
        Input::ResumeUser => State {
            by_user: false,
            ..s
        },
        _ => State {
            by_issuer: false,
            ..s
        },
    };
    if next.by_user || next.by_issuer {
        let next = State {
            token: Some(TokenState::Suspended),
            ..next
        };
        Outcome::accept(next, vec![Output::TokenSuspended], &["MNG-3", "MNG-4"])
    } else {
        let next = State {
            token: Some(TokenState::Active),
            ..next
        };
        Outcome::accept(next, vec![Output::TokenActive], &["MNG-3", "MNG-4"])
    }
}

fn delete(s: State) -> Step {
    match s.token {
        None => Outcome::refuse(s, Refusal::UnknownToken, &["MNG-1"]),
        Some(TokenState::Deleted) => Outcome::refuse(s, Refusal::IllegalTransition, &["MNG-2"]),
        Some(_) => {
            let next = State {
                token: Some(TokenState::Deleted),
                by_user: false,
                by_issuer: false,
                session: Session::Idle,
                ..s
            };
            Outcome::accept(next, vec![Output::TokenDeleted], &["MNG-1"])
        }
    }
}

fn card_status(s: State, input: Input) -> Step {
    let wanted = match input {
        Input::CardBlocked => Card::Blocked,
        Input::CardActive => Card::Active,
        Input::CardLost => Card::Lost,
        _ => Card::Closed,
    };
    match s.card {
        Card::None => Outcome::refuse(s, Refusal::UnknownCard, &["MNG-6"]),
        Card::Lost | Card::Closed if s.card != wanted => {
            Outcome::refuse(s, Refusal::IllegalTransition, &["MNG-6"])
        }
        _ => Outcome::accept(
            State { card: wanted, ..s },
            vec![Output::CardStatus],
            &["MNG-5", "MNG-6"],
        ),
    }
}

fn terminate(s: State) -> Step {
    if s.agreement == Agreement::None {
        return Outcome::refuse(s, Refusal::AgreementMismatch, &["MNG-7"]);
    }
    Outcome::accept(
        State {
            agreement: Agreement::Terminated,
            ..s
        },
        vec![Output::AgreementTerminated],
        &["MNG-7"],
    )
}

impl Machine for Issuer {
    type State = State;
    type Input = Input;
    type Output = Output;

    fn init() -> State {
        init()
    }

    fn inputs() -> Vec<Input> {
        inputs()
    }

    fn sayable(state: &State, input: &Input) -> bool {
        let issued = matches!(
            state.request,
            Request::Issued | Request::Tombstoned { had_card: true }
        );
        let decided = matches!(state.request, Request::Decided(_) | Request::Stale(_));
        let known = matches!(
            state.request,
            Request::Decided(Branch::KnownCustomer) | Request::Stale(Branch::KnownCustomer)
        );
        match input {
            Input::EligibilityKnown => !decided || known,
            Input::EligibilityFirst => !decided || !known,
            Input::IssueRepeat | Input::IssueKeyConflict => issued,
            // A tester has the person's other card made first, or writes a score into the message.
            Input::IssueQuotaFull => {
                state.request == Request::Decided(Branch::KnownCustomer)
                    && !state.blocked
                    && state.card == Card::None
            }
            Input::IssueScoreClaimed => state.request == Request::Decided(Branch::FirstCard),
            Input::ProvisionAnswersReceipted => false,
            Input::PhoneChange | Input::IssuePhoneOther => known,
            Input::IssueEligibilityOther => decided && !state.blocked,
            Input::AdvanceEligibility => decided,
            Input::IssueApplicantChanged
            | Input::IssueContextChanged
            | Input::IssueEligibilityUnknown => decided,
            Input::BlockPerson => decided && !state.blocked,
            Input::ProvisionStart
            | Input::ProvisionAnswers
            | Input::ProvisionBadCryptogram
            | Input::ProvisionReceipt
            | Input::ProvisionBadReceipt
            | Input::ProvisionOtherChip
            | Input::ProvisionUnbound => issued && provision_sayable(state.session, *input),
            Input::AdvanceInactive => state.token == Some(TokenState::Inactive),
            Input::DebitRepeat | Input::DebitAgain => {
                matches!(state.debit, Posting::Posted | Posting::Reversed)
            }
            Input::DebitConflict => matches!(state.debit, Posting::Posted | Posting::Reversed),
            Input::Tap
            | Input::TapBadCryptogram
            | Input::TapAmountDiffers
            | Input::TapWrongEntryMode
            | Input::TapOverLimit => state.held,
            Input::TapRepeat => matches!(state.tap, Posting::Posted | Posting::Reversed),
            Input::TapReplayedAtc => state.counted,
            Input::TapTombstoned => state.tap == Posting::Tombstoned && state.held,
            Input::TapReverse => state.tap != Posting::Tombstoned,
            Input::Terminate => state.agreement != Agreement::None,
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
        let start = [Input::EligibilityKnown, Input::IssueOtp];
        let active = [
            Input::ProvisionStart,
            Input::ProvisionAnswers,
            Input::ProvisionReceipt,
        ];
        vec![
            (
                "issue",
                all(Input::EligibilityKnown, Input::Compensate).collect(),
            ),
            (
                "provision",
                start
                    .into_iter()
                    .chain(all(Input::Query, Input::AdvanceInactive))
                    .chain([Input::Delete])
                    .collect(),
            ),
            (
                "pay",
                start
                    .into_iter()
                    .chain(all(Input::Debit, Input::ReverseWrongAmount))
                    .chain([
                        Input::CardBlocked,
                        Input::CardActive,
                        Input::CardLost,
                        Input::Terminate,
                    ])
                    .collect(),
            ),
            (
                "tap",
                start
                    .into_iter()
                    .chain(active)
                    .chain(all(Input::Tap, Input::TapReverse))
                    .chain([
                        Input::SuspendUser,
                        Input::ResumeUser,
                        Input::Delete,
                        Input::CardBlocked,
                        Input::CardActive,
                    ])
                    .collect(),
            ),
            (
                "manage",
                start
                    .into_iter()
                    .chain(active)
                    .chain(all(Input::SuspendUser, Input::Terminate))
                    .collect(),
            ),
        ]
    }
}

/// Good answers and receipts can only be computed inside a session; the wrong ones need one to be wrong in.
const fn provision_sayable(session: Session, input: Input) -> bool {
    match input {
        Input::ProvisionAnswers | Input::ProvisionBadCryptogram => {
            matches!(session, Session::Opened)
        }
        Input::ProvisionReceipt | Input::ProvisionBadReceipt => {
            matches!(session, Session::Scripted)
        }
        _ => true,
    }
}
