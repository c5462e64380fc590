//! The named absences of countermeasures. Each breaks at least one property when the model takes it.

use crate::names::named;

named! {
    /// A countermeasure that is missing.
    Weakness {
        /// A password proof made for paying opens a card request, and what follows is not bound to it (G01).
        PasswordPurposeIgnored = "password-purpose-ignored",
        /// The verifier does not compare applicant and account holder (gap G02).
        RealnameUnchecked = "realname-unchecked",
        /// The issuer believes the kind of evidence it is shown (G09).
        BranchTrusted = "branch-trusted",
        /// The code goes to a number that the terminal names (G05).
        PhoneFromTerminal = "phone-from-terminal",
        /// The code is looked up by phone, not by request (G07).
        OtpNotBound = "otp-not-bound",
        /// The applicant of the issue message is believed (G08).
        ApplicantResent = "applicant-resent",
        /// The card is made before pre-verification (G13).
        PreverifyAfterIssue = "preverify-after-issue",
        /// The reference is not compared with request and person (G12).
        ReferenceUnbound = "reference-unbound",
        /// The score travels through the verifier (never claimed; shows P11 is not vacuous).
        ScoreFromVerifier = "score-from-verifier",
        /// A reference may be used again (G12).
        ReferenceReused = "reference-reused",
        /// The quota is checked outside the issuing transaction (G26).
        QuotaOutsideTransaction = "quota-outside-transaction",
        /// Card and token are written in two transactions (G14).
        IssueInTwoSteps = "issue-in-two-steps",
        /// A repeated message is worked on again (G21).
        KeyIgnored = "key-ignored",
        /// A token is born active (G15, G16).
        ActivateWithoutReceipt = "activate-without-receipt",
        /// The chip writes a token in place (G16).
        WriteInPlace = "write-in-place",
        /// The chip takes scripts without channel or counter (G16, G17).
        ScriptUnauthenticated = "script-unauthenticated",
        /// A token is written to a second chip while the first holds it (G16).
        SecondChip = "second-chip",
        /// Nothing undoes a request that failed half way (G15).
        NoCompensation = "no-compensation",
        /// The issue answer carries the PAN (never claimed; shows P26 is not vacuous).
        PanEchoed = "pan-echoed",
        /// The issue answer is forwarded to the terminal verbatim (never claimed; shows P27 is not vacuous).
        AgreementForwarded = "agreement-forwarded",
        /// The debit endpoint takes any identifier of the card (G20).
        IdentifierConfused = "identifier-confused",
        /// The password proof does not cover the order digest (G20).
        OrderNotBound = "order-not-bound",
        /// Any account may pay any order (G20).
        OrderOwnerUnchecked = "order-owner-unchecked",
        /// A retry makes a new debit id (G21).
        DebitIdPerTry = "debit-id-per-try",
        /// A time-out is shown as a failure (G21).
        TimeoutIsFailure = "timeout-is-failure",
        /// Liveness is looked at before the debit is queued (G22).
        LivenessBeforeDebit = "liveness-before-debit",
        /// The token alone pays at a shop (G18).
        StaticTokenAtPos = "static-token-at-pos",
        /// The shop's terminal approves by itself (never claimed; shows P38 is not vacuous).
        OfflineApprove = "offline-approve",
        /// The issuer keeps no transaction counter (G18).
        AtcUnchecked = "atc-unchecked",
        /// Suspension is one flag, not a set of suspenders (G22).
        BooleanSuspend = "boolean-suspend",
        /// A code is accepted however old it is (G06).
        OtpNeverExpires = "otp-never-expires",
        /// Wrong codes are counted for each code alone (G07).
        GuessBudgetMissing = "guess-budget-missing",
        /// A video that was seen before is taken (G10).
        FramesNotFresh = "frames-not-fresh",
        /// Pre-verification is remembered from the eligibility decision (G13).
        PreverifyCached = "preverify-cached",
        /// The branch is shown before the real name is compared (G25).
        BranchShownEarly = "branch-shown-early",
        /// A locked account stays locked (G06).
        LockForEver = "lock-for-ever",
        /// A refused code is answered with the right one (never claimed; shows P28 is not vacuous).
        CodeEchoed = "code-echoed",
        /// A token pays in any entry mode (G18).
        EntryModeIgnored = "entry-mode-ignored",
        /// A repeated reversal gives the money back again (G21).
        ReversalRepeats = "reversal-repeats",
        /// A tap over the limit is approved although nobody verified the holder (G18).
        LimitUnchecked = "limit-unchecked",
        /// The shop's terminal sends a reversal once, answered or not (G21).
        ReversalOnce = "reversal-once",
        /// A token pays although its card is lost (G22).
        TokenOutlivesCard = "token-outlives-card",
        /// A code sent to the old number counts after the number changed (G22).
        PhoneVersionUnchecked = "phone-version-unchecked",
        /// What is owed to the issuer is sent once, answered or not (G21).
        CompensationOnce = "compensation-once",
        /// A card is made although no chip consented to it (G28).
        ConsentUnchecked = "consent-unchecked",
        /// A debit is posted although no chip of the card's holder signed for it (G28).
        PaymentUnsigned = "payment-unsigned",
        /// The chip compares a PIN, or answers with a cryptogram, and then stores that it did (G18).
        CountedAfter = "counted-after",
        /// The chip approves whatever the issuer's proof says (G19).
        ProofIgnored = "proof-ignored",
        /// A chip pays with a token that is suspended in it (G22).
        SuspendedPays = "suspended-pays",
    }
}
