//! The issuer: a card request, its card, agreement and token, with debits and taps of their own.

use kaika_model::role::issuer::{self, Agreement, Card, Input, Output, Posting, Request, State};
use kaika_model::role::{Outcome, Verdict as Judged, Weak};
use kaika_spec::limit::{ATC_WINDOW, ELIGIBILITY_TTL_MS, INACTIVE_TOKEN_TTL_MS};
use kaika_spec::{Refusal, TokenState};

use super::{Act, End, Marks, Part, Said, act};
use crate::event::{Event, Verdict};

/// The issuer.
pub(crate) struct Issuer;

impl Part for Issuer {
    type State = State;
    type Input = Input;
    type Output = Output;

    const ACTS: &'static [Act] = &[
        act("POST /v1/eligibility", "eligibility", "request"),
        act("POST /v1/issue", "issue", "request").holds("issue(identity)"),
        act("GET /v1/issue/{request_id}", "query", "request"),
        act(
            "POST /v1/issue/{request_id}/compensate",
            "compensate",
            "request",
        ),
        act(
            "POST /v1/tokens/{token_ref}/provision",
            "provision",
            "token",
        ),
        act("GET /v1/tokens/{token_ref}", "token-query", "token"),
        act("POST /v1/tokens/{token_ref}/suspend", "suspend", "token"),
        act("POST /v1/tokens/{token_ref}/resume", "resume", "token"),
        act("POST /v1/tokens/{token_ref}/delete", "delete", "token"),
        act("POST /v1/debits", "debit", "debit"),
        act("GET /v1/debits/{debit_id}", "debit-query", "debit"),
        act("POST /v1/debits/{debit_id}/reverse", "reverse", "debit"),
        act("POST /v1/cards/{card_code}/status", "card-status", "card"),
        act("GET /v1/cards/{card_code}", "card-query", "card"),
        act(
            "POST /v1/agreements/{agreement}/terminate",
            "terminate",
            "agreement",
        ),
        act("0100", "tap", "tap"),
        act("0200", "tap", "tap"),
        act("0400", "tap-reverse", "tap"),
        act("0401", "tap-reverse", "tap"),
        act("0800", "echo", "tap"),
    ];
    const STATELESS: &'static [&'static str] = &[
        // Who is a customer, and who is blocked, is not of one card request: see `world`.
        "POST /v1/customers",
        "POST /v1/customers/phone",
        "POST /v1/blocks",
        // The machine has one token for a card; what is minted beside it is taken as it comes.
        "POST /v1/tokens",
        // The vault is not in the machine.
        "POST /v1/cards/{card_code}/replace",
        "POST /v1/vault/rotate",
        "POST /v1/vault/reseal",
    ];
    const SCENES: &'static [&'static str] = &[
        "issue(identity-down,then-up)",
        "issue(after-malformed-under-its-key)",
        "suspend(wallet),suspend(fraud)",
        "debit(whole-balance,one-more)",
        "debit(key-of-issue)",
        "tap(nothing-left)",
        "tap-reverse(repeat)",
    ];
    const RIGHT: &'static [&'static str] = &[
        "eligibility(known)",
        "eligibility(first)",
        "issue(otp)",
        "issue(identity)",
        "query",
        "compensate",
        "provision(start)",
        "provision(answers)",
        "provision(answers,receipted)",
        "provision(resumed)",
        "provision(resumed,bad-receipt)",
        "provision(receipt)",
        "debit(ok)",
        "debit(new-key)",
        "debit-query",
        "reverse(ok)",
        "tap(ok)",
        "echo",
        "tap-reverse",
        "card-query",
        "suspend(user)",
        "suspend(issuer)",
        "resume(user)",
        "resume(issuer)",
        "delete",
        "token-query",
        "card-status(blocked)",
        "card-status(active)",
        "card-status(lost)",
        "card-status(closed)",
        "terminate",
    ];
    const GROUPED: &'static [&'static str] =
        &["card", "token", "request", "agreement", "debit", "tap"];
    const FRONT: &'static str = "wire";
    // The person is looked at again when the score is there.
    const LATE: &'static [Refusal] = &[Refusal::PreverifyFailed];

    fn init() -> State {
        issuer::init()
    }

    fn inputs() -> Vec<Input> {
        issuer::inputs()
    }

    fn step(state: &State, input: &Input) -> Outcome<State, Output> {
        issuer::step(state, input, &Weak::HARDENED)
    }

    fn join(own: &State, shared: &State) -> State {
        State {
            debit: own.debit,
            tap: own.tap,
            ..*shared
        }
    }

    fn said(output: Output, state: &State) -> Said {
        match output {
            Output::KnownCustomer => Said::Word("known-customer"),
            Output::FirstCard => Said::Word("first-card"),
            Output::ScoreAsked => Said::Call("identity", "POST /v1/scores"),
            Output::Issued | Output::OpenChannel | Output::Script | Output::TokenInactive => {
                Said::Word("inactive")
            }
            Output::OutcomeNone | Output::DebitNone => Said::Word("none"),
            Output::OutcomeIssued => Said::Word("issued"),
            Output::OutcomeTombstoned | Output::Tombstoned | Output::DebitTombstoned => {
                Said::Word("tombstoned")
            }
            Output::Deleted | Output::TokenDeleted => Said::Word("deleted"),
            Output::TokenActive => Said::Word("active"),
            Output::TokenSuspended => Said::Word("suspended"),
            Output::Posted | Output::DebitPosted => Said::Word("posted"),
            Output::DebitDeclined => Said::Word("declined"),
            Output::Reversed | Output::DebitReversed => Said::Word("reversed"),
            Output::Approved | Output::ReversalTaken | Output::Echoed => Said::Word("00"),
            Output::TokenStatus => Said::Word(state.token.map_or("none", TokenState::name)),
            // What was stolen is told as such; the machine has one word for what never comes back.
            Output::CardStatus if state.card == Card::Lost => Said::Any,
            Output::CardStatus => Said::Word(card(state.card)),
            Output::AgreementTerminated => Said::Word("terminated"),
            Output::PhoneChanged | Output::PersonBlocked | Output::PersonUnblocked => {
                Said::Word("done")
            }
            Output::CardMade | Output::IssuedWithPan => Said::Never,
        }
    }

    fn is_stored(state: &State, kind: &str, word: &str) -> bool {
        match kind {
            "card" if state.card == Card::Lost => matches!(word, "lost" | "stolen"),
            "card" => card(state.card) == word,
            "token" => state.token.is_some_and(|token| token.name() == word),
            "debit" => posting(state.debit, word),
            "tap" => posting(state.tap, word),
            _ => true,
        }
    }

    fn ends(_: &Marks, shared: &Marks) -> Vec<End> {
        let end = |letter, since, ttl| End {
            letter,
            since,
            ttl,
            sharp: true,
            shared: true,
        };
        vec![
            end("advance(eligibility-ttl)", shared.sent, ELIGIBILITY_TTL_MS),
            end(
                "advance(inactive-token-ttl)",
                shared.made,
                INACTIVE_TOKEN_TTL_MS,
            ),
        ]
    }

    fn mark(event: &Event, _: &mut Marks, shared: &mut Marks) {
        let done = event.verdict == Verdict::Accepted;
        match event.act.as_str() {
            "POST /v1/eligibility" if done => shared.sent = Some(event.at),
            "POST /v1/issue" if done => shared.made = Some(event.at),
            _ => {}
        }
        // The limit and the balance are judged when the cryptogram held.
        let held = matches!(
            event.refusal,
            Some(Refusal::LimitExceeded | Refusal::Insufficient)
        );
        if let Some(counter) = counter(event).filter(|_| done || held) {
            shared.counter = shared.counter.max(counter);
        }
    }

    fn world(event: &Event, _: &mut u32) -> &'static [&'static str] {
        match event.act.as_str() {
            _ if event.verdict != Verdict::Accepted => &[],
            // A person is no thing of a log: any request may be theirs.
            "POST /v1/blocks" => &["block-person", "unblock-person"],
            "POST /v1/customers/phone" => &["phone-change"],
            // Whoever became a customer has another branch now.
            "POST /v1/customers" => &["advance(eligibility-ttl)"],
            _ => &[],
        }
    }

    fn fits(
        event: &Event,
        letter: &str,
        _: &State,
        outcome: &Outcome<State, Output>,
        marks: &Marks,
    ) -> bool {
        let Some(counter) = counter(event) else {
            return true;
        };
        let good = outcome.verdict.is_good();
        let over = event
            .args
            .get("amount")
            .is_some_and(|amount| amount == "over-limit");
        // The letter says that a counter was seen before; the log says which counter it was.
        let fresh = counter > marks.counter && counter - marks.counter <= u64::from(ATC_WINDOW);
        let replay = outcome.verdict == Judged::Refuse(Refusal::AtcReplay);
        let limit = outcome.verdict == Judged::Refuse(Refusal::LimitExceeded);
        let repeats = letter == "tap(repeat)";
        repeats || (fresh != replay && !(good && over) && (over || !limit)) || (!fresh && !good)
    }

    fn minted() -> Option<State> {
        Some(State {
            request: Request::Issued,
            card: Card::Active,
            agreement: Agreement::Live,
            token: Some(TokenState::Inactive),
            ..issuer::init()
        })
    }

    fn alias(event: &Event) -> Option<Refusal> {
        match (event.act.as_str(), event.refusal?) {
            // The machine has no balance: what is too much for the card is too much for the limit.
            ("0100" | "0200", Refusal::Insufficient) => Some(Refusal::DomainViolation),
            // The machine has no calendar for tokens, and one domain for all that a token is for.
            ("0100" | "0200", Refusal::TokenExpired) => Some(Refusal::DomainViolation),
            // The machine's reversal is always of the tap that it has.
            ("0400" | "0401", Refusal::ReversalMismatch) => Some(Refusal::Malformed),
            _ => None,
        }
    }
}

fn counter(event: &Event) -> Option<u64> {
    event.args.get("atc")?.parse().ok()
}

const fn card(card: Card) -> &'static str {
    match card {
        Card::None => "none",
        Card::Active => "active",
        Card::Blocked => "blocked",
        Card::Lost => "lost",
        Card::Closed => "closed",
    }
}

/// The machine keeps no decline that says nothing of the next try.
fn posting(posting: Posting, word: &str) -> bool {
    match posting {
        Posting::Posted => matches!(word, "posted" | "approved"),
        Posting::Reversed => word == "reversed",
        Posting::Tombstoned => word == "tombstoned",
        Posting::None | Posting::Declined | Posting::DeclinedAgreement => word == "declined",
    }
}
