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
    /// The same, because the agreement had ended.
    DeclinedAgreement,
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
        /// The number of a customer under another name.
        EligibilityContradicting = "eligibility(contradicting)",
        /// The number of a customer, on another kind of document: somebody else.
        EligibilityOtherDocument = "eligibility(other-document)",
        EnrolAgain = "enrol(again)",
        PhoneChangeUnknown = "phone-change(unknown-customer)",
        PhoneChange = "phone-change",
        BlockPerson = "block-person",
        AdvanceEligibility = "advance(eligibility-ttl)",
        AdvanceEligibilityAlmost = "advance(eligibility-ttl,almost)",
        IssueOtp = "issue(otp)",
        IssueIdentity = "issue(identity)",
        IssueApplicantChanged = "issue(applicant-changed)",
        IssueContextChanged = "issue(context-changed)",
        IssueProductChanged = "issue(product-changed)",
        IssueEligibilityUnknown = "issue(eligibility-unknown)",
        IssueEligibilityOther = "issue(eligibility-other)",
        IssuePhoneOther = "issue(phone-other)",
        IssuePhoneVersionOther = "issue(phone-version-other)",
        IssueScoreLow = "issue(score-low)",
        IssuePhotoScoreLow = "issue(photo-score-low)",
        IssueTextScoreLow = "issue(text-score-low)",
        IssueReferenceUnknown = "issue(reference-unknown)",
        IssueReferenceReused = "issue(reference-reused)",
        IssueReferenceOther = "issue(reference-other)",
        IssueReferencePerson = "issue(reference-of-another-person)",
        IssueReferenceSwapped = "issue(score-of-another-reference)",
        IssueScoreUnreadable = "issue(score-unreadable)",
        /// Another person has a card by this reference, and the score is low: the first of the two is told.
        IssueReferenceSpent = "issue(reference-spent,score-low)",
        /// The identity system has no answer at first; the same message is then issued.
        IssueIdentityDown = "issue(identity-down,then-up)",
        /// Another person was enrolled after the decision on another request.
        IssueEnrolledSince = "issue(other-request,enrolled-since)",
        /// The person has a live card of this product from another request.
        IssueQuotaFull = "issue(quota-full)",
        /// That other card is blocked: it still counts.
        IssueQuotaBlocked = "issue(quota-full,card-blocked)",
        /// That other card was stolen and stays so: it counts no more.
        IssueOtherStolen = "issue(other-card-stolen)",
        /// The person has a card of another product.
        IssueOtherProduct = "issue(other-product-held)",
        /// The key came with a message that nobody could read.
        IssueKeyFreed = "issue(after-malformed-under-its-key)",
        /// A refused message again, when its reason is gone: the stored answer.
        IssueRefusedRepeat = "issue(refused,repeat)",
        /// The score stands in the message itself; only a weak issuer can read it.
        IssueScoreClaimed = "issue(score-claimed)",
        IssueConsentMissing = "issue(consent-missing)",
        IssueConsentWrong = "issue(consent-of-another-chip)",
        IssueConsentOther = "issue(consent-to-another-request)",
        IssueConsentPayment = "issue(payment-as-consent)",
        /// The consent is the chip's; the card would go into another.
        IssueChipSwapped = "issue(another-chip-named)",
        IssueRepeat = "issue(repeat)",
        IssueKeyConflict = "issue(key-conflict)",
        IssueRepeatMalformed = "issue(repeat,malformed)",
        Query = "query",
        Compensate = "compensate",
        UnblockPerson = "unblock-person",
        CompensateFields = "compensate(with-a-field)",
        ProvisionStart = "provision(start)",
        ProvisionAnswers = "provision(answers)",
        /// The chip shows the receipt of an earlier session beside its cryptogram.
        ProvisionAnswersReceipted = "provision(answers,receipted)",
        ProvisionBadCryptogram = "provision(bad-cryptogram)",
        /// The right answers after wrong ones: the session is over.
        ProvisionSessionOver = "provision(answers,session-over)",
        ProvisionOtherSession = "provision(answers,other-session)",
        ProvisionAnswersShort = "provision(answers,one-missing)",
        ProvisionAnswersStatus = "provision(answers,failed-status)",
        ProvisionAnswersReplayed = "provision(answers,of-an-earlier-session)",
        ProvisionAnswersNamed = "provision(answers,of-another-chip)",
        /// The answers to the script were lost; the chip shows its receipt in the next session.
        ProvisionResumed = "provision(resumed)",
        ProvisionResumedBad = "provision(resumed,bad-receipt)",
        ProvisionReceipt = "provision(receipt)",
        ProvisionBadReceipt = "provision(bad-receipt)",
        ProvisionReceiptMissing = "provision(receipt-missing)",
        /// The chip has its token and pays before its receipt is there: declined, and then active.
        ProvisionReceiptTapped = "provision(receipt,tapped-before)",
        ProvisionReceiptStatus = "provision(receipt,failed-status)",
        ProvisionOtherChip = "provision(other-chip)",
        ProvisionUnbound = "provision(unbound)",
        ProvisionOtherChipUnbound = "provision(other-chip,unbound)",
        AdvanceInactiveAlmost = "advance(inactive-token-ttl,almost)",
        /// An active token does not age so.
        AdvanceActive = "advance(inactive-token-ttl,active)",
        AdvanceInactive = "advance(inactive-token-ttl)",
        Debit = "debit(ok)",
        DebitRepeat = "debit(repeat)",
        DebitAgain = "debit(new-key)",
        DebitConflict = "debit(conflict)",
        DebitAgreementWrong = "debit(wrong-agreement)",
        DebitTokenAsCode = "debit(token-as-code)",
        DebitTokenAsAgreement = "debit(token-as-agreement)",
        /// Under the key of another resource's message: a key is for one route.
        DebitUnderIssueKey = "debit(key-of-issue)",
        /// All that there is, then more, then back.
        DebitWholeBalance = "debit(whole-balance,one-more)",
        DebitUnknownCard = "debit(unknown-card)",
        DebitOverBalance = "debit(over-balance)",
        /// In another currency than the card's.
        DebitOtherCurrency = "debit(other-currency)",
        DebitEvidenceMissing = "debit(evidence-missing)",
        DebitEvidenceWrong = "debit(evidence-of-another-chip)",
        DebitEvidenceOtherOrder = "debit(evidence-of-another-order)",
        DebitEvidenceOtherCard = "debit(evidence-for-another-card)",
        DebitEvidenceConsent = "debit(consent-as-evidence)",
        /// Another amount and its digest, with the evidence for the amount that was shown.
        DebitEvidenceOtherAmount = "debit(evidence-of-another-amount)",
        /// Another amount, with digest and evidence of the one that was shown.
        DebitDigestOther = "debit(digest-of-another-amount)",
        DebitQuery = "debit-query",
        Reverse = "reverse(ok)",
        ReverseMore = "reverse(more)",
        ReverseWrongAmount = "reverse(wrong-amount)",
        Tap = "tap(ok)",
        TapAtLimit = "tap(at-limit)",
        /// The counter of a tap whose cryptogram did not hold: it was not used up.
        TapAfterBad = "tap(counter-of-a-bad-one)",
        TapReplayedAtc = "tap(replayed-atc)",
        TapOlderAtc = "tap(older-atc)",
        /// The counter of a tap over the limit: it was verified.
        TapReplayedRefused = "tap(counter-of-a-refused-one)",
        TapBadCryptogram = "tap(bad-cryptogram)",
        TapAmountDiffers = "tap(amount-differs)",
        TapCurrencyDiffers = "tap(currency-differs)",
        TapNotOnline = "tap(approved-by-the-chip)",
        TapVerdict = "tap(other-verdict-of-the-chip)",
        TapIncomplete = "tap(field-missing)",
        TapChipDataIncomplete = "tap(chip-data-missing)",
        /// An object twice, of another length, or cut off.
        TapChipDataWrong = "tap(chip-data-wrong)",
        TapWrongEntryMode = "tap(wrong-entry-mode)",
        TapOverLimit = "tap(over-limit)",
        TapInsufficient = "tap(nothing-left)",
        /// Declined while the card was blocked, and again when it is not.
        TapDeclinedRepeat = "tap(declined,repeat)",
        TapNameReused = "tap(name-of-another)",
        TapUnknownToken = "tap(unknown-token)",
        TapRepeat = "tap(repeat)",
        TapTombstoned = "tap(tombstoned)",
        TapReverseIncomplete = "tap-reverse(field-missing)",
        TapReverseRepeat = "tap-reverse(repeat)",
        Echo = "echo",
        TapReverse = "tap-reverse",
        CardQuery = "card-query",
        SuspendUser = "suspend(user)",
        SuspendIssuer = "suspend(issuer)",
        /// The verifier speaks for the bank.
        SuspendForged = "suspend(issuer,said-by-verifier)",
        /// The bank speaks for the user.
        SuspendUserForged = "suspend(user,said-by-operator)",
        ResumeForged = "resume(issuer,said-by-verifier)",
        /// Wallet and fraud desk suspend; user and bank cannot resume for them.
        SuspendersApart = "suspend(wallet),suspend(fraud)",
        ResumeUser = "resume(user)",
        ResumeIssuer = "resume(issuer)",
        Delete = "delete",
        DeleteFields = "delete(with-a-field)",
        TokenQuery = "token-query",
        CardBlocked = "card-status(blocked)",
        CardActive = "card-status(active)",
        CardLost = "card-status(lost)",
        CardClosed = "card-status(closed)",
        TerminateFields = "terminate(with-a-field)",
        Terminate = "terminate",
        WireRoute = "wire(no-such-route)",
        WireMethod = "wire(method)",
        WireMedia = "wire(media-type)",
        WireHeaders = "wire(header-form)",
        WireKey = "wire(no-key)",
        WireTime = "wire(stale)",
        WireTimely = "wire(just-in-time)",
        WireMac = "wire(bad-mac)",
        WireCallers = "wire(another-may)",
        WireOrder = "wire(order-of-checks)",
        WireForms = "wire(forms)",
        WireWidest = "wire(widest)",
    }
}

alphabet! {
    /// What the issuer says.
    Output {
        KnownCustomer = "known-customer",
        FirstCard = "first-card",
        PhoneChanged = "phone-changed",
        PersonBlocked = "person-blocked",
        PersonUnblocked = "person-unblocked",
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
        Echoed = "echoed",
        TokenStatus = "token-status",
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
        Input::EligibilityBlocked | Input::EligibilityContradicting => {
            Outcome::refuse(s, Refusal::Ineligible, &["APP-9"])
        }
        Input::PhoneChange => phone_change(s, *weak),
        Input::BlockPerson => Outcome::accept(
            State { blocked: true, ..s },
            [Output::PersonBlocked],
            &["ISS-8"],
        ),
        Input::UnblockPerson => Outcome::accept(
            State {
                blocked: false,
                ..s
            },
            [Output::PersonUnblocked],
            &["ISS-8"],
        ),
        Input::AdvanceEligibility => Outcome::accept(stale(s), [], &["APP-10"]),
        Input::IssueRepeat => issue_repeat(s, *weak),
        Input::IssueIdentityDown => issue(s, Input::IssueIdentity, *weak),
        Input::IssueOtherStolen | Input::IssueOtherProduct | Input::IssueKeyFreed => {
            issue(s, Input::IssueOtp, *weak)
        }
        Input::IssueKeyConflict => key_conflict(s),
        Input::Query => query(s),
        Input::Compensate => compensate(s, *weak),
        Input::ProvisionStart
        | Input::ProvisionAnswers
        | Input::ProvisionAnswersReceipted
        | Input::ProvisionBadCryptogram
        | Input::ProvisionSessionOver
        | Input::ProvisionOtherSession
        | Input::ProvisionAnswersShort
        | Input::ProvisionAnswersStatus
        | Input::ProvisionAnswersReplayed
        | Input::ProvisionAnswersNamed
        | Input::ProvisionResumed
        | Input::ProvisionResumedBad
        | Input::ProvisionReceipt
        | Input::ProvisionBadReceipt
        | Input::ProvisionReceiptMissing
        | Input::ProvisionReceiptTapped
        | Input::ProvisionReceiptStatus
        | Input::ProvisionOtherChip
        | Input::ProvisionUnbound
        | Input::ProvisionOtherChipUnbound => provision(s, *input, *weak),
        Input::AdvanceInactive => advance_inactive(s),
        Input::Debit
        | Input::DebitRepeat
        | Input::DebitAgain
        | Input::DebitConflict
        | Input::DebitAgreementWrong
        | Input::DebitTokenAsCode
        | Input::DebitTokenAsAgreement
        | Input::DebitUnknownCard
        | Input::DebitEvidenceWrong
        | Input::DebitEvidenceOtherOrder
        | Input::DebitEvidenceOtherCard
        | Input::DebitEvidenceConsent
        | Input::DebitEvidenceOtherAmount
        | Input::DebitDigestOther
        | Input::DebitOtherCurrency
        | Input::DebitOverBalance => debit(s, *input, *weak),
        Input::DebitUnderIssueKey => debit(s, Input::Debit, *weak),
        Input::DebitQuery => Outcome::accept(s, [debit_state(s.debit)], &["PAY-13"]),
        Input::Reverse | Input::ReverseMore | Input::ReverseWrongAmount => {
            reverse(s, *input, *weak)
        }
        Input::Tap
        | Input::TapReplayedAtc
        | Input::TapOlderAtc
        | Input::TapReplayedRefused
        | Input::TapBadCryptogram
        | Input::TapAmountDiffers
        | Input::TapCurrencyDiffers
        | Input::TapNotOnline
        | Input::TapVerdict
        | Input::TapIncomplete
        | Input::TapChipDataIncomplete
        | Input::TapChipDataWrong
        | Input::TapWrongEntryMode
        | Input::TapOverLimit
        | Input::TapDeclinedRepeat
        | Input::TapNameReused
        | Input::TapUnknownToken
        | Input::TapRepeat
        | Input::TapTombstoned => tap(s, *input, *weak),
        Input::TapAtLimit | Input::TapAfterBad => tap(s, Input::Tap, *weak),
        Input::TapReverse => tap_reverse(s),
        Input::SuspendUser | Input::SuspendIssuer | Input::ResumeUser | Input::ResumeIssuer => {
            suspenders(s, *input, *weak)
        }
        Input::SuspendForged | Input::SuspendUserForged | Input::ResumeForged => {
            Outcome::refuse(s, Refusal::BadSignature, &["WIR-3"])
        }
        Input::Delete => delete(s),
        Input::CardBlocked | Input::CardActive | Input::CardLost | Input::CardClosed => {
            card_status(s, *input)
        }
        Input::Terminate => terminate(s),
        Input::IssueOtp
        | Input::IssueIdentity
        | Input::IssueApplicantChanged
        | Input::IssueContextChanged
        | Input::IssueProductChanged
        | Input::IssueEligibilityUnknown
        | Input::IssueEligibilityOther
        | Input::IssuePhoneOther
        | Input::IssuePhoneVersionOther
        | Input::IssueScoreLow
        | Input::IssuePhotoScoreLow
        | Input::IssueTextScoreLow
        | Input::IssueReferenceUnknown
        | Input::IssueReferenceReused
        | Input::IssueReferenceOther
        | Input::IssueReferencePerson
        | Input::IssueReferenceSwapped
        | Input::IssueScoreUnreadable
        | Input::IssueReferenceSpent
        | Input::IssueQuotaFull
        | Input::IssueQuotaBlocked
        | Input::IssueRefusedRepeat
        | Input::IssueConsentWrong
        | Input::IssueConsentOther
        | Input::IssueConsentPayment
        | Input::IssueChipSwapped
        | Input::IssueScoreClaimed => issue(s, *input, *weak),
        _ => beside(s, *input),
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
                [out],
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

fn phone_change(s: State, weak: Weak) -> Step {
    let voids = !weak.has(Weakness::PhoneVersionUnchecked);
    let next = if voids && s.request == Request::Decided(Branch::KnownCustomer) {
        stale(s)
    } else {
        s
    };
    Outcome::accept(next, [Output::PhoneChanged], &["MNG-10"])
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
    let early = weak.has(Weakness::PreverifyAfterIssue) || weak.has(Weakness::PreverifyCached);
    if (s.blocked || input == Input::IssueRefusedRepeat) && !early {
        return Outcome::refuse(s, Refusal::PreverifyFailed, &["ISS-8"]);
    }
    let full = matches!(input, Input::IssueQuotaFull | Input::IssueQuotaBlocked);
    if full && !weak.has(Weakness::QuotaOutsideTransaction) {
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
        Input::IssueContextChanged | Input::IssueProductChanged => {
            Some((Refusal::ContextMismatch, &["ISS-3"]))
        }
        Input::IssueApplicantChanged if !weak.has(Weakness::ApplicantResent) => {
            Some((Refusal::ApplicantMismatch, &["APP-12"]))
        }
        Input::IssueOtp
        | Input::IssuePhoneOther
        | Input::IssuePhoneVersionOther
        | Input::IssueRefusedRepeat
            if !known && !trusted =>
        {
            Some((Refusal::EvidenceKindMismatch, &["ISS-1"]))
        }
        Input::IssueConsentWrong
        | Input::IssueConsentOther
        | Input::IssueConsentPayment
        | Input::IssueChipSwapped
            if !weak.has(Weakness::ConsentUnchecked) =>
        {
            Some((Refusal::ConsentInvalid, &["ISS-21"]))
        }
        Input::IssuePhoneOther | Input::IssuePhoneVersionOther => {
            Some((Refusal::EvidenceMismatch, &["ISS-4"]))
        }
        Input::IssueIdentity
        | Input::IssueScoreLow
        | Input::IssuePhotoScoreLow
        | Input::IssueTextScoreLow
        | Input::IssueReferenceUnknown
        | Input::IssueReferenceReused
        | Input::IssueReferenceOther
        | Input::IssueReferencePerson
        | Input::IssueReferenceSwapped
        | Input::IssueScoreUnreadable
        | Input::IssueReferenceSpent
            if known && !trusted =>
        {
            Some((Refusal::EvidenceKindMismatch, &["ISS-1"]))
        }
        Input::IssueScoreClaimed if !weak.has(Weakness::ScoreFromVerifier) => {
            Some((Refusal::Malformed, &["ISS-5", "WIR-1"]))
        }
        Input::IssueReferenceUnknown | Input::IssueScoreUnreadable => {
            Some((Refusal::ReferenceUnknown, &["ISS-5"]))
        }
        Input::IssueReferenceReused | Input::IssueReferenceSpent
            if !weak.has(Weakness::ReferenceReused) =>
        {
            Some((Refusal::ReferenceUsed, &["ISS-17", "PRV-17"]))
        }
        Input::IssueReferenceOther | Input::IssueReferencePerson | Input::IssueReferenceSwapped
            if !weak.has(Weakness::ReferenceUnbound) =>
        {
            Some((Refusal::ReferenceMismatch, &["ISS-6"]))
        }
        Input::IssueScoreLow
        | Input::IssuePhotoScoreLow
        | Input::IssueTextScoreLow
        | Input::IssueReferenceSpent => Some((Refusal::ScoreLow, &["ISS-7"])),
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
        return Outcome::accept(half, [Output::CardMade], &["ISS-12"]);
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
    let asked = (branch == Branch::FirstCard).then_some(Output::ScoreAsked);
    let out = asked.into_iter().chain([answer]);
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
            Outcome::repeat(s, [Output::Issued], &["WIR-6", "ISS-10"])
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
    Outcome::accept(s, [out], &["ISS-20"])
}

fn compensate(s: State, weak: Weak) -> Step {
    if weak.has(Weakness::NoCompensation) {
        return Outcome::accept(s, [], &["ISS-19"]);
    }
    match s.request {
        Request::Issued => Outcome::accept(undone(s), [Output::Deleted], &["ISS-19"]),
        Request::Tombstoned { had_card: true } => {
            Outcome::accept(s, [Output::Deleted], &["ISS-19"])
        }
        _ if s.card != Card::None => Outcome::accept(undone(s), [Output::Deleted], &["ISS-19"]),
        _ => {
            let next = State {
                request: Request::Tombstoned { had_card: false },
                ..s
            };
            Outcome::accept(next, [Output::Tombstoned], &["ISS-18", "ISS-19"])
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
    let other = matches!(
        input,
        Input::ProvisionOtherChip | Input::ProvisionOtherChipUnbound
    );
    if other && !weak.has(Weakness::SecondChip) {
        return Outcome::refuse(s, Refusal::ContextMismatch, &["PRO-10"]);
    }
    if matches!(
        input,
        Input::ProvisionUnbound | Input::ProvisionOtherChipUnbound
    ) {
        return Outcome::refuse(s, Refusal::NotBound, &["PRO-9", "BND-4"]);
    }
    match token {
        TokenState::Active if input == Input::ProvisionOtherChip => script(s),
        TokenState::Active => Outcome::accept(s, [Output::TokenActive], &["PRO-12"]),
        TokenState::Suspended | TokenState::Deleted => {
            Outcome::refuse(s, Refusal::TokenNotActive, &["MNG-2"])
        }
        TokenState::Inactive => personalise(s, input),
    }
}

fn script(s: State) -> Step {
    Outcome::accept(s, [Output::Script], &["PRO-1"])
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
            [Output::OpenChannel],
            &["PRO-1", "PRO-12"],
        ),
        (Session::Opened, Input::ProvisionAnswers) => Outcome::accept(
            State {
                session: Session::Scripted,
                ..s
            },
            [Output::Script],
            &["PRO-1"],
        ),
        // A new session: the chip shows a receipt that does not hold, and is written to again.
        (Session::Scripted, Input::ProvisionResumedBad) => {
            Outcome::accept(s, [Output::Script], &["PRO-8", "PRO-12"])
        }
        (Session::Opened, Input::ProvisionAnswersReceipted)
        | (
            Session::Scripted,
            Input::ProvisionReceipt | Input::ProvisionReceiptTapped | Input::ProvisionResumed,
        ) => {
            let next = State {
                token: Some(TokenState::Active),
                held: true,
                ..dropped
            };
            Outcome::accept(next, [Output::TokenActive], &["PRO-8", "PRO-9"])
        }
        (Session::Scripted, Input::ProvisionBadReceipt | Input::ProvisionReceiptMissing) => {
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
        [],
        &["PRO-14"],
    )
}

/// Every `debit`, by rank of refusal.
fn debit(s: State, input: Input, weak: Weak) -> Step {
    let again = matches!(input, Input::DebitRepeat | Input::DebitAgain | Input::Debit);
    match input {
        Input::DebitTokenAsCode if weak.has(Weakness::IdentifierConfused) => {}
        Input::DebitTokenAsCode | Input::DebitTokenAsAgreement => {
            return Outcome::refuse(s, Refusal::Malformed, &["PAY-10"]);
        }
        Input::DebitConflict if matches!(s.debit, Posting::Posted | Posting::Reversed) => {
            return Outcome::refuse(s, Refusal::IdempotencyConflict, &["PAY-7"]);
        }
        _ => {}
    }
    match s.debit {
        Posting::Posted if again && weak.has(Weakness::KeyIgnored) => return post(s),
        Posting::Posted | Posting::Reversed if again => {
            return Outcome::repeat(s, [Output::Posted], &["PAY-7", "WIR-6"]);
        }
        Posting::Tombstoned if again => {
            return Outcome::refuse(s, Refusal::DebitTombstoned, &["PAY-12"]);
        }
        Posting::Declined if again => {
            return Outcome::refuse(s, Refusal::CardNotActive, &["PAY-7"]);
        }
        Posting::DeclinedAgreement if again => {
            return Outcome::refuse(s, Refusal::AgreementTerminated, &["PAY-7"]);
        }
        _ => {}
    }
    if s.card == Card::None || input == Input::DebitUnknownCard {
        return Outcome::refuse(s, Refusal::UnknownCard, &["PAY-9"]);
    }
    if input == Input::DebitAgreementWrong {
        return Outcome::refuse(s, Refusal::AgreementMismatch, &["PAY-9"]);
    }
    let declined = |debit| if again { State { debit, ..s } } else { s };
    if !weak.has(Weakness::LivenessBeforeDebit) {
        if s.card != Card::Active {
            let next = declined(Posting::Declined);
            return Outcome::refuse(next, Refusal::CardNotActive, &["PAY-8", "MNG-5"]);
        }
        if s.agreement != Agreement::Live {
            let next = declined(Posting::DeclinedAgreement);
            return Outcome::refuse(next, Refusal::AgreementTerminated, &["PAY-8", "MNG-7"]);
        }
    }
    if input == Input::DebitOtherCurrency {
        return Outcome::refuse(s, Refusal::DomainViolation, &["PAY-21"]);
    }
    if unsigned(input) && !weak.has(Weakness::PaymentUnsigned) {
        return Outcome::refuse(s, Refusal::PaymentEvidenceInvalid, &["PAY-17"]);
    }
    if input == Input::DebitOverBalance {
        return Outcome::refuse(s, Refusal::Insufficient, &["PAY-8"]);
    }
    post(s)
}

/// The card's chip did not sign this debit.
const fn unsigned(input: Input) -> bool {
    matches!(
        input,
        Input::DebitEvidenceWrong
            | Input::DebitEvidenceOtherOrder
            | Input::DebitEvidenceOtherCard
            | Input::DebitEvidenceConsent
            | Input::DebitEvidenceOtherAmount
            | Input::DebitDigestOther
    )
}

fn post(s: State) -> Step {
    Outcome::accept(
        State {
            debit: Posting::Posted,
            ..s
        },
        [Output::Posted],
        &["PAY-7", "PAY-8", "PAY-15"],
    )
}

const fn debit_state(debit: Posting) -> Output {
    match debit {
        Posting::None => Output::DebitNone,
        Posting::Posted => Output::DebitPosted,
        Posting::Declined | Posting::DeclinedAgreement => Output::DebitDeclined,
        Posting::Reversed => Output::DebitReversed,
        Posting::Tombstoned => Output::DebitTombstoned,
    }
}

fn reverse(s: State, input: Input, weak: Weak) -> Step {
    match s.debit {
        Posting::Posted if matches!(input, Input::ReverseWrongAmount | Input::ReverseMore) => {
            Outcome::refuse(s, Refusal::ReversalMismatch, &["PAY-11"])
        }
        Posting::Posted => Outcome::accept(
            State {
                debit: Posting::Reversed,
                ..s
            },
            [Output::Reversed],
            &["PAY-11", "PAY-15"],
        ),
        Posting::Reversed if weak.has(Weakness::ReversalRepeats) => {
            Outcome::accept(s, [Output::Reversed], &["PAY-11"])
        }
        Posting::Reversed => Outcome::refuse(s, Refusal::AlreadyReversed, &["PAY-11"]),
        Posting::None | Posting::Declined | Posting::DeclinedAgreement | Posting::Tombstoned => {
            Outcome::accept(
                State {
                    debit: Posting::Tombstoned,
                    ..s
                },
                [Output::Tombstoned],
                &["PAY-12"],
            )
        }
    }
}

/// Every `tap`, by rank of refusal.
fn tap(s: State, input: Input, weak: Weak) -> Step {
    let unsigned = weak.has(Weakness::StaticTokenAtPos);
    match input {
        Input::TapRepeat if s.tap == Posting::Posted || s.tap == Posting::Reversed => {
            return Outcome::repeat(s, [Output::Approved], &["TAP-13"]);
        }
        Input::TapIncomplete | Input::TapChipDataIncomplete | Input::TapChipDataWrong => {
            return Outcome::refuse(s, Refusal::Malformed, &["TAP-7", "TAP-12"]);
        }
        Input::TapNameReused => {
            return Outcome::refuse(s, Refusal::IdempotencyConflict, &["TAP-13"]);
        }
        Input::TapDeclinedRepeat => {
            return Outcome::refuse(s, Refusal::CardNotActive, &["TAP-13", "MNG-5"]);
        }
        Input::TapTombstoned if s.tap == Posting::Tombstoned => {
            return Outcome::refuse(s, Refusal::DebitTombstoned, &["TAP-13"]);
        }
        _ => {}
    }
    let Some(token) = s.token.filter(|_| input != Input::TapUnknownToken) else {
        return Outcome::refuse(s, Refusal::UnknownToken, &["TAP-9"]);
    };
    let early = weak.has(Weakness::LivenessBeforeDebit);
    if s.card != Card::Active && !early && !weak.has(Weakness::TokenOutlivesCard) {
        return Outcome::refuse(s, Refusal::CardNotActive, &["TAP-9", "MNG-5"]);
    }
    if token != TokenState::Active && !early {
        return Outcome::refuse(s, Refusal::TokenNotActive, &["TAP-9"]);
    }
    match input {
        Input::TapWrongEntryMode if !unsigned && !weak.has(Weakness::EntryModeIgnored) => {
            Outcome::refuse(s, Refusal::DomainViolation, &["TAP-8"])
        }
        Input::TapBadCryptogram if !unsigned => {
            Outcome::refuse(s, Refusal::CryptogramBad, &["TAP-7"])
        }
        Input::TapAmountDiffers
        | Input::TapCurrencyDiffers
        | Input::TapNotOnline
        | Input::TapVerdict
            if !unsigned =>
        {
            Outcome::refuse(s, Refusal::CryptogramBad, &["TAP-12"])
        }
        Input::TapReplayedRefused if !weak.has(Weakness::AtcUnchecked) => {
            Outcome::refuse(s, Refusal::AtcReplay, &["TAP-3"])
        }
        Input::TapReplayedAtc | Input::TapOlderAtc
            if s.counted && !weak.has(Weakness::AtcUnchecked) =>
        {
            Outcome::refuse(s, Refusal::AtcReplay, &["TAP-3"])
        }
        Input::TapOverLimit if !weak.has(Weakness::LimitUnchecked) => {
            Outcome::refuse(s, Refusal::LimitExceeded, &["TAP-9"])
        }
        _ => {
            let next = State {
                tap: Posting::Posted,
                counted: true,
                ..s
            };
            Outcome::accept(next, [Output::Approved], &["TAP-3", "TAP-7", "TAP-9"])
        }
    }
}

fn tap_reverse(s: State) -> Step {
    let tap = match s.tap {
        Posting::Posted | Posting::Reversed => Posting::Reversed,
        Posting::None | Posting::Declined | Posting::DeclinedAgreement | Posting::Tombstoned => {
            Posting::Tombstoned
        }
    };
    Outcome::accept(State { tap, ..s }, [Output::ReversalTaken], &["TAP-11"])
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
        Outcome::accept(next, [Output::TokenSuspended], &["MNG-3", "MNG-4"])
    } else {
        let next = State {
            token: Some(TokenState::Active),
            ..next
        };
        Outcome::accept(next, [Output::TokenActive], &["MNG-3", "MNG-4"])
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
            Outcome::accept(next, [Output::TokenDeleted], &["MNG-1"])
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
            [Output::CardStatus],
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
        [Output::AgreementTerminated],
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
        if let Some(at_home) = at_home(state, *input) {
            return at_home;
        }
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
                all(Input::EligibilityKnown, Input::CompensateFields).collect(),
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
                        Input::CardQuery,
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
                        Input::CardQuery,
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
            (
                "wire",
                [Input::EligibilityFirst]
                    .into_iter()
                    .chain(all(Input::WireRoute, Input::WireWidest))
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

/// Messages beside the one request, card and tap of the machine: they change nothing of it, whatever its state.
fn beside(s: State, input: Input) -> Step {
    let refuse = |refusal, reqs: &'static [&'static str]| Outcome::refuse(s, refusal, reqs);
    let accept =
        |out: &[Output], reqs: &'static [&'static str]| Outcome::accept(s, out.to_vec(), reqs);
    match input {
        Input::EligibilityOtherDocument => accept(&[Output::FirstCard], &["APP-9"]),
        Input::EnrolAgain => refuse(Refusal::AlreadyEnrolled, &["WIR-9"]),
        Input::PhoneChangeUnknown => refuse(Refusal::UnknownCustomer, &["MNG-10"]),
        Input::IssueEnrolledSince => refuse(Refusal::EligibilityStale, &["ISS-2"]),
        Input::AdvanceEligibilityAlmost => accept(&[], &["APP-10"]),
        Input::AdvanceInactiveAlmost | Input::AdvanceActive => {
            accept(&[Output::TokenStatus], &["PRO-14"])
        }
        Input::IssueRepeatMalformed => refuse(Refusal::Malformed, &["WIR-1", "WIR-7"]),
        Input::DebitWholeBalance => accept(&[Output::CardStatus], &["PAY-8", "PAY-11", "PAY-15"]),
        Input::TapInsufficient => accept(&[Output::CardStatus], &["TAP-9"]),
        Input::TapReverseRepeat => accept(&[Output::CardStatus], &["TAP-11"]),
        Input::TapReverseIncomplete => refuse(Refusal::Malformed, &["TAP-11"]),
        Input::Echo => accept(&[Output::Echoed], &["WIR-11"]),
        Input::SuspendersApart => accept(&[Output::TokenActive], &["MNG-3", "MNG-4", "WIR-6"]),
        Input::TokenQuery if s.token.is_none() => refuse(Refusal::UnknownToken, &["MNG-1"]),
        Input::TokenQuery => accept(&[Output::TokenStatus], &["MNG-1", "MNG-3"]),
        Input::CardQuery if s.card == Card::None => refuse(Refusal::UnknownCard, &["MNG-5"]),
        Input::CardQuery => accept(&[Output::CardStatus], &["PAY-15", "MNG-5"]),
        Input::WireRoute => refuse(Refusal::UnknownRoute, &["WIR-8"]),
        Input::WireMethod => refuse(Refusal::MethodNotAllowed, &["WIR-8"]),
        Input::WireMedia => refuse(Refusal::UnsupportedMediaType, &["WIR-8"]),
        Input::WireKey => refuse(Refusal::IdempotencyKeyMissing, &["WIR-5"]),
        Input::WireTime => refuse(Refusal::StaleTime, &["WIR-4"]),
        Input::WireTimely => accept(&[Output::FirstCard], &["WIR-4"]),
        Input::WireMac | Input::WireCallers | Input::WireOrder => {
            refuse(Refusal::BadSignature, &["WIR-3"])
        }
        Input::WireWidest => accept(&[Output::KnownCustomer], &["WIR-1"]),
        // A body with one field too many, or one that has not its form.
        _ => refuse(Refusal::Malformed, &["WIR-1"]),
    }
}

/// Where a letter is said that has one home, since elsewhere it would say what another says there.
fn at_home(s: &State, input: Input) -> Option<bool> {
    let decided =
        |branch| s.request == Request::Decided(branch) && !s.blocked && s.card == Card::None;
    let issued = s.request == Request::Issued && s.card == Card::Active;
    let unpaid = issued && s.debit == Posting::None;
    let active = unpaid && s.token == Some(TokenState::Active);
    let untapped = active && s.tap == Posting::None && !s.counted;
    Some(match input {
        Input::EligibilityContradicting
        | Input::EligibilityOtherDocument
        | Input::EnrolAgain
        | Input::AdvanceEligibilityAlmost
        | Input::IssueProductChanged
        | Input::IssuePhoneVersionOther
        | Input::IssueQuotaBlocked
        | Input::IssueOtherStolen
        | Input::IssueOtherProduct
        | Input::IssueKeyFreed
        | Input::IssueConsentMissing
        | Input::IssueConsentOther
        | Input::IssueConsentPayment
        | Input::IssueChipSwapped
        | Input::IssueRefusedRepeat => decided(Branch::KnownCustomer),
        Input::IssueConsentWrong => decided(Branch::KnownCustomer) || decided(Branch::FirstCard),
        Input::IssuePhotoScoreLow
        | Input::IssueTextScoreLow
        | Input::IssueReferencePerson
        | Input::IssueReferenceSwapped
        | Input::IssueScoreUnreadable
        | Input::IssueReferenceSpent
        | Input::IssueIdentityDown => decided(Branch::FirstCard),
        Input::UnblockPerson => s.blocked && matches!(s.request, Request::Decided(_)),
        Input::IssueRepeatMalformed | Input::CompensateFields => {
            issued && s.token == Some(TokenState::Inactive) && s.session == Session::Idle
        }
        Input::ProvisionOtherChipUnbound | Input::AdvanceInactiveAlmost => {
            issued && s.token == Some(TokenState::Inactive) && s.session == Session::Idle
        }
        Input::ProvisionSessionOver
        | Input::ProvisionOtherSession
        | Input::ProvisionAnswersShort
        | Input::ProvisionAnswersStatus
        | Input::ProvisionAnswersReplayed
        | Input::ProvisionAnswersNamed => issued && s.session == Session::Opened,
        Input::ProvisionResumed
        | Input::ProvisionResumedBad
        | Input::ProvisionReceiptMissing
        | Input::ProvisionReceiptTapped
        | Input::ProvisionReceiptStatus => issued && s.session == Session::Scripted,
        Input::DebitTokenAsAgreement
        | Input::DebitUnderIssueKey
        | Input::DebitWholeBalance
        | Input::DebitOtherCurrency
        | Input::DebitEvidenceMissing
        | Input::DebitEvidenceWrong
        | Input::DebitEvidenceOtherOrder
        | Input::DebitEvidenceOtherCard
        | Input::DebitEvidenceConsent
        | Input::DebitEvidenceOtherAmount
        | Input::DebitDigestOther => {
            unpaid && s.agreement == Agreement::Live && s.token == Some(TokenState::Inactive)
        }
        Input::ReverseMore => {
            issued && s.agreement == Agreement::Live && s.debit == Posting::Posted
        }
        Input::AdvanceActive => active,
        Input::SuspendersApart
        | Input::SuspendUserForged
        | Input::DeleteFields
        | Input::TerminateFields => s.token == Some(TokenState::Active),
        Input::ResumeForged => s.token == Some(TokenState::Suspended) && s.by_issuer && !s.by_user,
        Input::TapAtLimit
        | Input::TapAfterBad
        | Input::TapReplayedRefused
        | Input::TapCurrencyDiffers
        | Input::TapNotOnline
        | Input::TapVerdict
        | Input::TapIncomplete
        | Input::TapChipDataIncomplete
        | Input::TapChipDataWrong
        | Input::TapInsufficient
        | Input::TapDeclinedRepeat
        | Input::TapReverseIncomplete
        | Input::Echo => untapped,
        Input::TapOlderAtc | Input::TapNameReused => active && s.tap == Posting::Posted,
        Input::TapReverseRepeat => active && s.tap == Posting::Reversed,
        Input::TokenQuery => *s == init() || s.request == Request::Issued,
        // Elsewhere it would tell states apart that differ in nothing else.
        Input::CardQuery => {
            *s == init()
                || s.request == Request::Tombstoned { had_card: true }
                || s.token == Some(TokenState::Inactive)
                || active
        }
        Input::PhoneChangeUnknown
        | Input::IssueEnrolledSince
        | Input::WireRoute
        | Input::WireMethod
        | Input::WireMedia
        | Input::WireHeaders
        | Input::WireKey
        | Input::WireTime
        | Input::WireTimely
        | Input::WireMac
        | Input::WireCallers
        | Input::WireOrder
        | Input::WireForms
        | Input::WireWidest => *s == init(),
        _ => return None,
    })
}
