//! The verifier: accounts that share passwords, guesses and cards; requests and orders of their own.

use kaika_model::role::verifier::{self, Input, Order, Output, Phase, State};
use kaika_model::role::{Outcome, Verdict as Judged, Weak};
use kaika_spec::Refusal;
use kaika_spec::limit::{
    GUESS_BUDGET, GUESS_WINDOW_MS, ORDER_TTL_MS, OTP_RESEND_MS, OTP_TTL_MS, PASSWORD_LOCK_MS,
    POLICY_TTL_MS, REQUEST_TTL_MS,
};

use super::{Act, End, Marks, Part, Said, act};
use crate::event::{Event, Kind};

/// The verifier.
pub(crate) struct Verifier;

impl Part for Verifier {
    type State = State;
    type Input = Input;
    type Output = Output;

    const ACTS: &'static [Act] = &[
        act("POST /v1/requests", "open", "request"),
        act("POST /v1/requests/{id}/password", "password", "request"),
        act("POST /v1/requests/{id}/applicant", "applicant", "request")
            .opens("applicant(ok,issuer-silent)"),
        act("POST /v1/requests/{id}/otp/resend", "otp-resend", "request").opens("otp-resend"),
        act("POST /v1/requests/{id}/otp", "otp", "request"),
        act("POST /v1/requests/{id}/id-photos", "id-photos", "request"),
        act("POST /v1/requests/{id}/frames", "frames", "request")
            .opens("frames(ok,identity-silent)"),
        act("POST /v1/requests/{id}/issue", "issue", "request").opens("issue(issuer-silent)"),
        act("POST /v1/requests/{id}/provision", "provision", "request").holds("provision(relay)"),
        act("GET /v1/requests/{id}", "query", "request"),
        act("POST /v1/requests/{id}/cancel", "cancel", "request").opens("cancel(issuer-silent)"),
        act("POST /v1/orders", "order", "order"),
        act("POST /v1/orders/{id}/pay", "pay", "order").opens("pay(issuer-silent)"),
        act("GET /v1/orders/{id}", "order-query", "order"),
    ];
    // Enrolment is before the machine's time: see `fits`.
    const STATELESS: &'static [&'static str] = &["POST /v1/accounts"];
    const SCENES: &'static [&'static str] = &[
        // Wrong codes of other accounts: many messages, and not of this request.
        "guesses(same-phone)",
        "guesses(same-person)",
    ];
    const RIGHT: &'static [&'static str] = &[
        "open",
        "password(ok)",
        "applicant(ok,known-customer)",
        "applicant(ok,first-card)",
        "applicant(other-validity,known-customer)",
        "applicant(repeat)",
        "otp-resend",
        "otp(ok)",
        "id-photos(ok)",
        "frames(ok)",
        "issue(ok)",
        "provision(relay)",
        "provision(done)",
        "query",
        "cancel",
        "order",
        "pay(ok)",
        "pay(issuer-declines)",
        "pay(issuer-knows-no-card)",
        "order-query",
    ];
    const GROUPED: &'static [&'static str] = &["request", "order", "account"];
    const FRONT: &'static str = "front";

    fn init() -> State {
        verifier::init()
    }

    fn inputs() -> Vec<Input> {
        verifier::inputs()
    }

    fn step(state: &State, input: &Input) -> Outcome<State, Output> {
        verifier::step(state, input, &Weak::HARDENED)
    }

    fn join(own: &State, shared: &State) -> State {
        State {
            passwords: shared.passwords,
            guesses: shared.guesses,
            bound: shared.bound,
            ..*own
        }
    }

    fn said(output: Output, state: &State) -> Said {
        match output {
            Output::Opened | Output::OrderMade => Said::Word("done"),
            Output::NextApplicant => Said::Word("applicant"),
            Output::AskEligibility => Said::Call("issuer", "POST /v1/eligibility"),
            Output::SendCode => Said::Call("sms", "POST /v1/messages"),
            Output::NextOtp => Said::Word("otp"),
            Output::NextPhotos => Said::Word("id-photos"),
            Output::NextFrames => Said::Word("frames"),
            Output::AskMatch => Said::Call("identity", "POST /v1/matches"),
            Output::NextIssue => Said::Word("issue"),
            Output::AskIssue => Said::Call("issuer", "POST /v1/issue"),
            Output::NextProvision => Said::Word("provision"),
            Output::AskProvision => Said::Call("issuer", "POST /v1/tokens/{id}/provision"),
            Output::NextRelay => Said::Word("relay"),
            Output::NextDone => Said::Word("done"),
            Output::AskCompensate => Said::Call("issuer", "POST /v1/issue/{id}/compensate"),
            Output::Cancelled => Said::Word("cancelled"),
            Output::RequestState => Said::Word(next(state)),
            Output::AskDebit => Said::Call("issuer", "POST /v1/debits"),
            Output::Paid => Said::Word("paid"),
            Output::Declined => Said::Word("declined"),
            Output::OrderOpen => Said::Word("open"),
            Output::OrderPending => Said::Word("pending"),
            Output::OrderExpired => Said::Word("expired"),
            Output::SendCodeToNamed
            | Output::CodeShown
            | Output::BranchShown
            | Output::NextProvisionWithAgreement
            | Output::AskDebitNewId => Said::Never,
        }
    }

    fn is_stored(state: &State, kind: &str, word: &str) -> bool {
        match kind {
            "request" => phase(state.phase) == word,
            "order" => order(state.order) == word,
            _ => true,
        }
    }

    fn ends(own: &Marks, shared: &Marks) -> Vec<End> {
        let end = |letter, since, ttl, sharp| End {
            letter,
            since,
            ttl,
            sharp,
            shared: false,
        };
        vec![
            end("advance(resend)", own.sent, OTP_RESEND_MS, true),
            end("advance(otp-ttl)", own.sent, OTP_TTL_MS, false),
            end("advance(policy-ttl)", own.policy, POLICY_TTL_MS, true),
            end("advance(request-ttl)", own.made, REQUEST_TTL_MS, true),
            end("advance(order-ttl)", own.ordered, ORDER_TTL_MS, true),
            End {
                shared: true,
                ..end(
                    "advance(password-lock)",
                    shared.wrong,
                    PASSWORD_LOCK_MS,
                    true,
                )
            },
        ]
    }

    fn mark(event: &Event, own: &mut Marks, shared: &mut Marks) {
        let says = |word: &str| event.out.iter().any(|sent| sent.msg == word);
        let done = event.verdict == crate::event::Verdict::Accepted;
        match event.act.as_str() {
            "POST /v1/requests" if done => own.made = Some(event.at),
            "POST /v1/accounts" if done => shared.made = Some(event.at),
            "POST /v1/orders" if done => own.ordered = Some(event.at),
            _ => {}
        }
        if says("POST /v1/messages") {
            own.sent = Some(event.at);
        }
        if done && (says("id-photos") || says("frames")) {
            own.policy = Some(event.at);
        }
        if event.refusal == Some(Refusal::OtpWrong) {
            shared.guessed = shared.guessed.or(Some(event.at));
            shared.codes = shared.codes.saturating_add(1);
        }
        if event.refusal == Some(Refusal::OtpLocked) && shared.codes < GUESS_BUDGET {
            // Others' codes are in the budget, and how old those are is not known here.
            shared.guessed = Some(event.at.saturating_sub(GUESS_WINDOW_MS));
        }
        if event.refusal == Some(Refusal::BadPassword) {
            shared.wrong = Some(event.at);
        }
    }

    fn world(event: &Event, count: &mut u32) -> &'static [&'static str] {
        // Phones and persons are in no log: when the wrong codes of all accounts are as many as the budget, any account's may be.
        *count += u32::from(event.refusal == Some(Refusal::OtpWrong));
        if *count >= GUESS_BUDGET && event.refusal == Some(Refusal::OtpWrong) {
            &["guesses(same-phone)"]
        } else {
            &[]
        }
    }

    fn blurred(event: &Event, state: &State, shared: &Marks) -> Vec<State> {
        // The machine has no day: wrong codes are forgotten one by one.
        let is_old = |first: i64| event.at.saturating_sub(first) >= GUESS_WINDOW_MS;
        if !shared.guessed.is_some_and(is_old) {
            return vec![];
        }
        let fewer = |guesses| State { guesses, ..*state };
        (0..state.guesses).map(fewer).collect()
    }

    fn fits(
        event: &Event,
        letter: &str,
        before: &State,
        outcome: &Outcome<State, Output>,
        marks: &Marks,
    ) -> bool {
        // The machine's account is there from the beginning; a log says when it was enrolled.
        if letter == "password(ok)" && outcome.verdict == Judged::Accept && marks.made.is_none() {
            return false;
        }
        let at_rest = matches!(outcome.verdict, Judged::Refuse(Refusal::WrongOrder));
        match event
            .heard
            .as_ref()
            .map(|heard| (heard.kind, heard.from.as_str()))
        {
            // The gateway was told; what follows is said only as long as the code counts.
            Some((Kind::Answer | Kind::Silence, "sms")) => {
                at_rest != (before.phase == Phase::AwaitOtp)
            }
            // An order that is not its own account's cannot be told from a foreign one by what the log says.
            _ => letter != "pay(other-account)" || outcome.verdict != Judged::Accept,
        }
    }

    fn on_answer(state: State) -> State {
        // An answer is judged by what was waited for; the request's age was judged when it was asked.
        State {
            expired: false,
            ..state
        }
    }

    fn told_by(_: &str, from: &str) -> Option<&'static [&'static str]> {
        // What the gateway answers says nothing; a cancel meanwhile is told as any message out of its order.
        (from == "sms").then_some(&["applicant(repeat)", "otp-resend"])
    }
}

const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::None => "none",
        Phase::AwaitPassword => "await-password",
        Phase::AwaitApplicant => "await-applicant",
        Phase::AwaitEligibility => "await-eligibility",
        Phase::AwaitOtp => "await-otp",
        Phase::AwaitPhotos => "await-photos",
        Phase::AwaitFrames => "await-frames",
        Phase::AwaitMatch => "await-match",
        Phase::AwaitIssue => "await-issue",
        Phase::Issuing => "issuing",
        Phase::AwaitProvision => "await-provision",
        Phase::Done => "done",
        Phase::Cancelled => "cancelled",
        Phase::Refused => "refused",
    }
}

const fn order(order: Order) -> &'static str {
    match order {
        Order::None => "none",
        Order::Open | Order::Expired => "open",
        Order::Pending => "pending",
        Order::Paid => "paid",
        Order::Declined => "declined",
    }
}

/// What the terminal does next, as a query is answered.
const fn next(state: &State) -> &'static str {
    match state.phase {
        Phase::Refused | Phase::None => "none",
        Phase::Cancelled => "cancelled",
        _ if state.expired => "none",
        Phase::AwaitPassword => "password",
        Phase::AwaitApplicant | Phase::AwaitEligibility => "applicant",
        Phase::AwaitOtp => "otp",
        Phase::AwaitPhotos => "id-photos",
        Phase::AwaitFrames | Phase::AwaitMatch => "frames",
        Phase::AwaitIssue | Phase::Issuing => "issue",
        Phase::AwaitProvision => "provision",
        Phase::Done => "done",
    }
}
