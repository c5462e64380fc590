//! The user's terminal: payments, one after another, or one card request. Read [`step`] first.
//!
//! What it shows of a payment is a part of the world of payments too: [`screen`].

use kaika_spec::{Refusal, Weakness};

use super::{Machine, Outcome, Weak, alphabet};

/// What the screen says about the payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Screen {
    /// Nothing was ordered.
    Idle,
    /// The order is on the screen.
    Confirming,
    /// The payment was authorised; no answer yet.
    Waiting,
    /// No answer came: ask again.
    Unknown,
    /// Paid.
    Paid,
    /// Failed.
    Failed,
}

alphabet! {
    /// What may happen to the screen.
    Seen {
        Show = "show-order",
        Authorise = "authorise",
        ToldPaid = "told(paid)",
        ToldDeclined = "told(declined)",
        TimeOut = "time-out",
    }
}

alphabet! {
    /// What is said because of it.
    Says {
        Pay = "verifier:pay",
        Ask = "verifier:order-query",
    }
}

/// What a terminal that died asks about, when it is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kept {
    /// Who applies.
    Name,
    /// The code that it sent.
    Code,
    /// The photos.
    Photos,
    /// The video.
    Frames,
    /// The match of the video, which was under way when it asked.
    Match,
    /// The wish to issue.
    Issue,
    /// The provisioning.
    Provision,
}

/// How far the terminal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Nobody wants anything.
    Idle,
    /// An order was asked for.
    Ordering,
    /// The order is there.
    Payment(Screen),
    /// A card request was opened.
    Opening,
    /// The password was proved.
    Proving,
    /// The applicant was named.
    Naming,
    /// A code was sent.
    Coding,
    /// What was typed next was sent, after a wrong code.
    Recoding,
    /// Another code was asked for.
    Resending,
    /// Photos were sent.
    Photographing,
    /// A video was sent.
    Filming,
    /// The chip is asked to consent.
    Consenting,
    /// The card was asked for.
    Issuing,
    /// The provisioning was begun.
    Starting,
    /// The chip's answers were sent.
    Relaying,
    /// It died, was started again and asked what became of the request.
    Resumed(Kept),
    /// It has shown how it ended.
    Over,
}

alphabet! {
    /// What may happen to the terminal.
    Input {
        /// The person wants to pay.
        Pay = "pay",
        /// The order that was wanted.
        Order = "order(ok)",
        OrderAmount = "order(other-amount)",
        OrderPayee = "order(other-payee)",
        OrderCurrency = "order(other-currency)",
        OrderAccount = "order(other-account)",
        /// The digest is of something else.
        OrderDigest = "order(other-digest)",
        /// The challenge asks for another derivation than the protocol's.
        OrderWeak = "order(weak-challenge)",
        ChipSigns = "chip(signs)",
        ChipRefuses = "chip(refuses)",
        ChipGone = "chip(gone)",
        ToldPaid = "told(paid)",
        ToldDeclined = "told(declined)",
        /// The connection ends before there is an answer.
        Cut = "answer(cut)",
        TimeOut = "time-out",
        InProgress = "answer(in-progress)",
        /// The order is as it was: the payment did not come so far, or is judged just now.
        Open = "answer(open)",
        /// A status from 500 on, and no problem document.
        ServerError = "answer(server-error)",
        /// A problem document that says so of itself.
        TryLater = "answer(try-later)",
        /// A result that is none.
        Unreadable = "answer(unreadable)",
        /// The result of another order.
        OtherOrder = "told(other-order)",
        /// The order is too old; it was not paid.
        Expired = "told(expired)",
        Refused = "answer(refused)",
        /// No message is answered any more.
        Gone = "verifier(gone)",
        /// The person wants a card.
        Apply = "apply",
        Opened = "opened(ok)",
        OpenedWeak = "opened(weak-challenge)",
        Applicant = "next(applicant)",
        Otp = "next(otp)",
        /// A code was sent, and the person asks for another.
        OtpAnother = "next(otp,another)",
        Photos = "next(id-photos)",
        Frames = "next(frames)",
        Issue = "next(issue)",
        Provision = "next(provision)",
        /// Commands for the chip.
        Relay = "next(relay)",
        Done = "next(done)",
        /// The chip leaves in the middle of commands; then the person tries again.
        RelayGone = "next(relay,chip-gone)",
        OtpWrong = "refused(otp-wrong)",
        /// It was wrong, and the person asks for another.
        OtpWrongAnother = "refused(otp-wrong,another)",
        OtpExpired = "refused(otp-expired,another)",
        /// No other code is sent; the person types the one before.
        TooSoon = "refused(rate-limited)",
        ScriptFailed = "refused(personalisation-failed)",
        /// The terminal dies, and is started again.
        Crash = "crash",
        /// The request waits for what was sent.
        Waits = "request(waits)",
        /// It was there already.
        WentOn = "request(went-on)",
        /// The identity system compares what was sent.
        Matching = "request(matching)",
        /// It was refused in the meantime.
        Ended = "request(refused)",
    }
}

alphabet! {
    /// What the terminal says.
    Output {
        Order = "verifier:order",
        SignPayment = "chip:sign(payment)",
        Pay = "verifier:pay",
        /// The payment again, or what became of the order.
        Ask = "verifier:pay-or-order-query",
        Open = "verifier:open",
        Prove = "verifier:password",
        Name = "verifier:applicant",
        Code = "verifier:otp",
        /// The next code that the person types.
        NextCode = "verifier:otp(next)",
        /// Another code.
        Resend = "verifier:otp-resend",
        Photos = "verifier:id-photos",
        Frames = "verifier:frames",
        SignConsent = "chip:sign(consent)",
        Issue = "verifier:issue",
        Start = "verifier:provision",
        Commands = "chip:commands",
        Return = "verifier:provision(answers)",
        Query = "verifier:request-query",
        /// The last message, under its key.
        Again = "verifier:again",
        ShowPaid = "person:paid",
        ShowDeclined = "person:declined",
        ShowUnknown = "person:unknown",
        ShowRefused = "person:refused",
        ShowFailed = "person:failed",
        ShowReady = "person:ready",
    }
}

/// The user's terminal as a standalone machine.
#[derive(Clone, Copy, Debug)]
pub struct Terminal;

type Step = Outcome<State, Output>;

/// What may come in the place of every answer.
const ANY: [Input; 8] = [
    Input::TimeOut,
    Input::InProgress,
    Input::Cut,
    Input::ServerError,
    Input::TryLater,
    Input::Unreadable,
    Input::Refused,
    Input::Gone,
];

impl Machine for Terminal {
    type State = State;
    type Input = Input;
    type Output = Output;

    fn init() -> State {
        init()
    }

    fn inputs() -> Vec<Input> {
        Input::ALL.to_vec()
    }

    /// A tester has no other words for a terminal that does not wait for them.
    fn sayable(s: &State, input: &Input) -> bool {
        let own: &[Input] = match s {
            State::Idle => return matches!(input, Input::Pay | Input::Apply),
            State::Over | State::Payment(Screen::Idle) => return false,
            State::Payment(Screen::Waiting | Screen::Unknown) => {
                let is_answer = (Input::ToldPaid..=Input::Gone).contains(input);
                return is_answer || *input == Input::Crash;
            }
            State::Payment(Screen::Confirming) if *input == Input::Crash => return true,
            State::Payment(Screen::Confirming) | State::Consenting => {
                return (Input::ChipSigns..=Input::ChipGone).contains(input);
            }
            State::Payment(Screen::Paid | Screen::Failed) => return *input == Input::Pay,
            // A query has no key, and is never under way.
            State::Resumed(_) if *input == Input::InProgress => return false,
            // Of a code or a policy that it was not told of the prose says nothing.
            State::Resumed(Kept::Name) => &[Input::Waits, Input::Ended],
            State::Resumed(Kept::Frames) => {
                &[Input::Waits, Input::WentOn, Input::Matching, Input::Ended]
            }
            // How often it asks before it sends the frames again is its own business.
            State::Resumed(Kept::Match) => &[Input::WentOn, Input::Ended],
            State::Resumed(_) => &[Input::Waits, Input::WentOn, Input::Ended],
            State::Ordering => &[
                Input::Order,
                Input::OrderAmount,
                Input::OrderPayee,
                Input::OrderCurrency,
                Input::OrderAccount,
                Input::OrderDigest,
                Input::OrderWeak,
                Input::Crash,
            ],
            State::Opening => &[Input::Opened, Input::OpenedWeak, Input::Crash],
            State::Proving => &[Input::Applicant],
            State::Naming => &[Input::Otp, Input::OtpAnother, Input::Photos, Input::Crash],
            State::Coding => &[
                Input::Issue,
                Input::OtpWrong,
                Input::OtpWrongAnother,
                Input::OtpExpired,
                Input::Crash,
            ],
            // The person has two codes for it.
            State::Recoding => &[
                Input::Issue,
                Input::OtpWrongAnother,
                Input::OtpExpired,
                Input::Crash,
            ],
            // Whether it was sent, a terminal that dies does not know: it may go on with either code.
            State::Resending => &[Input::Otp, Input::OtpAnother, Input::TooSoon],
            State::Photographing => &[Input::Frames, Input::Crash],
            State::Filming => &[Input::Issue, Input::Crash],
            State::Issuing => &[Input::Provision, Input::Crash],
            State::Starting | State::Relaying => &[
                Input::Relay,
                Input::RelayGone,
                Input::Done,
                Input::ScriptFailed,
                Input::Crash,
            ],
        };
        own.contains(input) || ANY.contains(input)
    }

    fn step(state: &State, input: &Input, weak: &Weak) -> Step {
        step(state, input, weak)
    }

    fn chapters() -> Vec<(&'static str, Vec<Input>)> {
        let all = || Input::ALL.iter().copied();
        let paying = all().filter(|input| *input < Input::Apply);
        let chip = all().filter(|input| (Input::ChipSigns..=Input::ChipGone).contains(input));
        let applying = all().filter(|input| *input >= Input::Apply);
        vec![
            ("pay", paying.chain([Input::Crash]).collect()),
            ("apply", applying.chain(chip).chain(ANY).collect()),
        ]
    }
}

/// The state before anybody wants anything.
pub const fn init() -> State {
    State::Idle
}

/// Takes one input.
pub fn step(state: &State, input: &Input, weak: &Weak) -> Step {
    match *state {
        State::Idle => begun(*input),
        State::Ordering => ordered(*input),
        State::Payment(shown) => paying(shown, *input, weak),
        State::Opening => opened(*input),
        State::Proving => proved(*input),
        State::Naming => named(*input),
        State::Coding | State::Recoding => coded(*state, *input),
        State::Resending => resent(*input),
        State::Photographing => photographed(*input),
        State::Filming => filmed(*input),
        State::Consenting => consented(*input),
        State::Issuing => issued(*input),
        State::Starting | State::Relaying => provisioned(*state, *input),
        State::Resumed(kept) => resumed(kept, *input),
        State::Over => wrong(State::Over),
    }
}

fn wrong(s: State) -> Step {
    Outcome::refuse(s, Refusal::WrongOrder, &["WIR-12"])
}

fn ends(shown: Output, reqs: &'static [&'static str]) -> Step {
    Outcome::accept(State::Over, [shown], reqs)
}

fn orders(reqs: &'static [&'static str]) -> Step {
    Outcome::accept(State::Ordering, [Output::Order], reqs)
}

fn opens() -> Step {
    Outcome::accept(State::Opening, [Output::Open], &["WIR-5"])
}

fn begun(input: Input) -> Step {
    match input {
        Input::Pay => orders(&["WIR-5"]),
        Input::Apply => opens(),
        _ => wrong(State::Idle),
    }
}

/// What may come in the place of every answer: what is not answered, by nothing that is one, or is under way, is said again
/// under the same key.
fn asked(s: State, input: Input) -> Step {
    match input {
        Input::InProgress => Outcome::accept(s, [Output::Again], &["WIR-6"]),
        Input::TimeOut | Input::Cut | Input::ServerError | Input::TryLater | Input::Unreadable => {
            Outcome::accept(s, [Output::Again], &["WIR-17"])
        }
        Input::Refused => ends(Output::ShowRefused, &["WIR-8"]),
        Input::Gone => {
            Outcome::accept(State::Over, [Output::Again, Output::ShowFailed], &["WIR-6"])
        }
        _ => wrong(s),
    }
}

/// An order was asked for: nothing is signed but the one that was wanted.
fn ordered(input: Input) -> Step {
    match input {
        Input::Order => Outcome::accept(
            State::Payment(Screen::Confirming),
            [Output::SignPayment],
            &["PAY-19", "PAY-4"],
        ),
        Input::OrderAmount
        | Input::OrderPayee
        | Input::OrderCurrency
        | Input::OrderAccount
        | Input::OrderDigest => ends(Output::ShowFailed, &["PAY-19"]),
        Input::OrderWeak => ends(Output::ShowFailed, &["APP-2"]),
        Input::Crash => orders(&["PAY-22"]),
        _ => asked(State::Ordering, input),
    }
}

/// The order is there.
fn paying(shown: Screen, input: Input, weak: &Weak) -> Step {
    let pays = |reqs| Outcome::accept(State::Payment(Screen::Waiting), [Output::Pay], reqs);
    match (shown, input) {
        (Screen::Confirming, Input::ChipSigns) => pays(&["PAY-3"]),
        (Screen::Unknown, Input::ChipSigns) => pays(&["PAY-6"]),
        (Screen::Confirming, Input::ChipRefuses | Input::ChipGone) => {
            ends(Output::ShowFailed, &["PAY-19"])
        }
        // Nothing was sent, or it was answered: another order is placed.
        (Screen::Confirming, Input::Crash) | (Screen::Paid | Screen::Failed, Input::Pay) => {
            orders(&["PAY-22"])
        }
        (Screen::Waiting | Screen::Unknown, _) => told(shown, input, weak),
        _ => wrong(State::Payment(shown)),
    }
}

/// The payment was sent: what is not the verifier's word on it is no answer.
fn told(shown: Screen, input: Input, weak: &Weak) -> Step {
    match input {
        Input::ToldPaid => Outcome::accept(
            State::Payment(Screen::Paid),
            [Output::ShowPaid],
            &["PAY-13"],
        ),
        Input::ToldDeclined => fails(&["PAY-13"]),
        Input::TimeOut | Input::Cut | Input::Gone
            if weak.has(Weakness::TimeoutIsFailure) && shown == Screen::Waiting =>
        {
            fails(&["PAY-14"])
        }
        Input::TimeOut
        | Input::Cut
        | Input::InProgress
        | Input::Open
        | Input::ServerError
        | Input::TryLater
        | Input::Unreadable
        | Input::OtherOrder => asks(&["PAY-14"]),
        Input::Crash => asks(&["PAY-22"]),
        Input::Gone => {
            Outcome::accept(State::Over, [Output::Ask, Output::ShowUnknown], &["PAY-14"])
        }
        Input::Refused | Input::Expired => ends(Output::ShowRefused, &["PAY-13"]),
        _ => wrong(State::Payment(shown)),
    }
}

fn asks(reqs: &'static [&'static str]) -> Step {
    Outcome::accept(State::Payment(Screen::Unknown), [Output::Ask], reqs)
}

fn fails(reqs: &'static [&'static str]) -> Step {
    Outcome::accept(State::Payment(Screen::Failed), [Output::ShowDeclined], reqs)
}

fn opened(input: Input) -> Step {
    match input {
        Input::Opened => Outcome::accept(State::Proving, [Output::Prove], &["APP-2"]),
        Input::OpenedWeak => ends(Output::ShowFailed, &["APP-2"]),
        // Nobody knows of the request that it may have opened.
        Input::Crash => opens(),
        _ => asked(State::Opening, input),
    }
}

fn proved(input: Input) -> Step {
    match input {
        Input::Applicant => Outcome::accept(State::Naming, [Output::Name], &["APP-14"]),
        _ => asked(State::Proving, input),
    }
}

fn named(input: Input) -> Step {
    match input {
        Input::Otp => Outcome::accept(State::Coding, [Output::Code], &["PRV-3"]),
        Input::OtpAnother => resends(),
        Input::Photos => Outcome::accept(State::Photographing, [Output::Photos], &["PRV-11"]),
        Input::Crash => dies(Kept::Name),
        _ => asked(State::Naming, input),
    }
}

/// The person asks for another code, each time in a message of its own.
fn resends() -> Step {
    Outcome::accept(State::Resending, [Output::Resend], &["PRV-21"])
}

fn resent(input: Input) -> Step {
    match input {
        Input::Otp | Input::TooSoon => Outcome::accept(State::Coding, [Output::Code], &["PRV-21"]),
        Input::OtpAnother => resends(),
        _ => asked(State::Resending, input),
    }
}

/// The chip is asked to consent to the context that the terminal computed.
fn consents() -> Step {
    Outcome::accept(State::Consenting, [Output::SignConsent], &["APP-16"])
}

fn dies(kept: Kept) -> Step {
    Outcome::accept(State::Resumed(kept), [Output::Query], &["PRV-20"])
}

fn coded(s: State, input: Input) -> Step {
    match input {
        Input::Issue => consents(),
        Input::OtpWrong if s == State::Coding => {
            Outcome::accept(State::Recoding, [Output::NextCode], &["PRV-6"])
        }
        Input::OtpWrongAnother | Input::OtpExpired => resends(),
        Input::Crash => dies(Kept::Code),
        _ => asked(s, input),
    }
}

fn photographed(input: Input) -> Step {
    match input {
        Input::Frames => Outcome::accept(State::Filming, [Output::Frames], &["PRV-12"]),
        Input::Crash => dies(Kept::Photos),
        _ => asked(State::Photographing, input),
    }
}

fn filmed(input: Input) -> Step {
    match input {
        Input::Issue => consents(),
        Input::Crash => dies(Kept::Frames),
        _ => asked(State::Filming, input),
    }
}

fn consented(input: Input) -> Step {
    match input {
        Input::ChipSigns => Outcome::accept(State::Issuing, [Output::Issue], &["APP-16"]),
        Input::ChipRefuses | Input::ChipGone => ends(Output::ShowFailed, &["APP-16"]),
        _ => wrong(State::Consenting),
    }
}

fn issued(input: Input) -> Step {
    match input {
        Input::Provision => starts(&["BND-3"]),
        Input::Crash => dies(Kept::Issue),
        _ => asked(State::Issuing, input),
    }
}

/// The provisioning is begun, or begun again.
fn starts(reqs: &'static [&'static str]) -> Step {
    Outcome::accept(State::Starting, [Output::Start], reqs)
}

fn provisioned(s: State, input: Input) -> Step {
    match input {
        Input::Relay => Outcome::accept(
            State::Relaying,
            [Output::Commands, Output::Return],
            &["PRO-1"],
        ),
        Input::RelayGone => Outcome::accept(
            State::Resumed(Kept::Provision),
            [Output::Commands, Output::ShowFailed, Output::Query],
            &["PRO-12"],
        ),
        Input::Done => ends(Output::ShowReady, &["PRO-8"]),
        Input::ScriptFailed => starts(&["PRO-12"]),
        Input::Crash => dies(Kept::Provision),
        _ => asked(s, input),
    }
}

/// Started again, the terminal says what the request waits for.
fn resumed(kept: Kept, input: Input) -> Step {
    let says = |next, out| Outcome::accept(next, [out], &["PRV-20"]);
    match (kept, input) {
        (Kept::Name, Input::Waits) => says(State::Naming, Output::Name),
        (Kept::Code, Input::Waits) => says(State::Coding, Output::Code),
        // The answer that was lost is the one with the nonce: the same photos, under the same key, have it again.
        (Kept::Photos, Input::Waits | Input::WentOn) => says(State::Photographing, Output::Photos),
        (Kept::Frames, Input::Waits) => says(State::Filming, Output::Frames),
        (Kept::Frames, Input::Matching) => {
            Outcome::accept(State::Resumed(Kept::Match), [Output::Query], &["PRV-22"])
        }
        (_, Input::Ended) => ends(Output::ShowFailed, &["PRV-20"]),
        (Kept::Issue, Input::Waits) | (Kept::Code | Kept::Frames | Kept::Match, Input::WentOn) => {
            consents()
        }
        (Kept::Issue, Input::WentOn) | (Kept::Provision, Input::Waits | Input::WentOn) => {
            starts(&["PRO-12"])
        }
        _ => asked(State::Resumed(kept), input),
    }
}

/// The part of [`step`] that a world needs: what the screen shows after one input.
pub fn screen(state: &Screen, input: &Seen, weak: &Weak) -> Outcome<Screen, Says> {
    let from = match *state {
        Screen::Idle => State::Ordering,
        shown => State::Payment(shown),
    };
    let input = match input {
        Seen::Show => Input::Order,
        Seen::Authorise => Input::ChipSigns,
        Seen::ToldPaid => Input::ToldPaid,
        Seen::ToldDeclined => Input::ToldDeclined,
        Seen::TimeOut => Input::TimeOut,
    };
    let outcome = step(&from, &input, weak);
    let says = |said: &Output| match said {
        Output::Pay => Some(Says::Pay),
        Output::Ask => Some(Says::Ask),
        _ => None,
    };
    Outcome {
        next: match outcome.next {
            State::Payment(shown) => shown,
            _ => *state,
        },
        out: outcome.out.iter().filter_map(says).collect(),
        verdict: outcome.verdict,
        reqs: outcome.reqs,
    }
}
