//! The way of a card from end to end: two requests of one person, one chip, two taps, and a loss at any moment.
//!
//! The other scopes look closely at one hop each and begin where another ends. Here what happens in one hop meets what
//! happens in the next: a card is lost between script and receipt, the second request's issue message comes after the
//! first card was lost, a tap overtakes the receipt. Steps are coarse, and a chip that was spoken to is then at rest.
//! What the network heard may come at any moment, again, or never, as elsewhere; scripts of an older challenge, tears
//! inside a write, a receipt that is asked for again and reversals are left to the scopes that they belong to.

mod properties;
mod provision;
mod request;
mod shop;

use kaika_spec::{Scope, Weakness};
use stateright::{Model, Property};

use super::{Check, Config, Fields, Scenario, Tier, World};
use crate::chart::Chart;
use crate::role::issuer::Posting;
use crate::role::{Said, Verdict, chip, issuer, verifier};

/// One request of Alice's, and what the network knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    /// The verifier's record.
    pub verifier: verifier::State,
    /// The issuer's record.
    pub issuer: issuer::State,
    /// The issue message was sent, with her chip's consent.
    pub said: bool,
    /// The network heard the issuer's answer to it: made, refused.
    pub told: [bool; 2],
    /// A compensation is owed to the issuer.
    pub owed: bool,
    /// The chip's answers to the latest opening were heard.
    pub answers: bool,
    /// So were answers to an earlier one.
    pub old: bool,
    /// The script for the latest opening was heard.
    pub script: bool,
    /// Her chip's receipt for this token was heard.
    pub receipted: bool,
    /// The last counter that the issuer has seen verified for this token.
    pub last: u8,
    /// History: cards made for it.
    pub cards: u8,
    /// History: the issuer verified the receipt of her chip.
    pub proved: bool,
    /// History: its card was reported lost.
    pub lost: bool,
}

/// A chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chip {
    /// Its own state.
    pub state: chip::State,
    /// The request whose opening its challenge answers.
    pub opened: Option<usize>,
    /// The request whose token was written to it.
    pub holds: Option<usize>,
}

/// A cryptogram and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tap {
    /// The chip that signed: hers, or Mallory's.
    pub chip: usize,
    /// The request whose token it is.
    pub of: usize,
    /// The issuer's record of the sale.
    pub record: Posting,
    /// How often its counter was approved.
    pub approved: u8,
}

/// The world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// Her two requests.
    pub requests: [Request; 2],
    /// Her chip, and Mallory's.
    pub chips: [Chip; 2],
    /// The cryptograms, in the order of their counters.
    pub taps: [Option<Tap>; 2],
    /// Openings left.
    pub openings: u8,
    /// Power cuts left.
    pub tears: u8,
    /// The operator may still report a card lost.
    pub changes: u8,
    /// History: a card was lost after its script was made and before its receipt came.
    pub early: bool,
    /// History: a card was made without her chip's consent.
    pub unconsented: bool,
    /// History: a tap was approved while card or token was dead.
    pub dead: bool,
    /// History: a tap was approved after the card was lost.
    pub after: bool,
    /// History: a tap was approved that her chip did not sign.
    pub unsigned: bool,
    /// History: an attacker was refused at the shop.
    pub repelled: bool,
}

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Her chip consents, and the verifier sends the issue message.
    Issue(usize),
    /// It reaches the issuer, perhaps again.
    Arrive(usize),
    /// The issuer's answer to it reaches the verifier: made, or refused.
    Hear(usize, bool),
    /// The terminal asks to provision: the issuer opens and the chip is challenged, or the token is active already.
    Start(usize),
    /// The chip's answers to its challenge reach the issuer.
    Answer(usize),
    /// The script reaches the chip, command by command.
    Install(usize),
    /// As before, and power fails before the commit.
    Cut(usize),
    /// The receipt reaches the issuer.
    Receipt(usize),
    /// The customer gives up.
    Cancel(usize),
    /// The compensation reaches the issuer.
    Compensate(usize),
    /// The compensation is lost, and not sent again.
    Forget(usize),
    /// A chip signs for a sale.
    Sign(usize),
    /// The shop's request with a cryptogram reaches the issuer, perhaps again.
    Pay(usize),
    /// The operator reports a card lost.
    Lose(usize),
    /// An attacker plays a cryptogram at another sale.
    ReplayTap(usize),
    /// An attacker pays with the number of the token alone.
    Number(usize),
    /// An attacker plays answers that are not of the latest opening.
    ReplayAnswers(usize),
    /// Mallory offers his chip for the token, and takes what comes.
    Offer(usize),
    /// A corrupt verifier says that it is done.
    LieDone(usize),
    /// A corrupt verifier asks for a card that nobody has consented to.
    LieConsent(usize),
}

/// The way of a card.
#[derive(Clone, Copy, Debug)]
pub struct Whole(Config);

const fn blank() -> Chip {
    Chip {
        state: chip::init(),
        opened: None,
        holds: None,
    }
}

/// A verdict and what was said with it.
type Answer = (Verdict, Said<issuer::Output>);

/// What is said to a role, and what it makes of it.
impl Whole {
    /// Says something to a chip; whether all of it did what it was for.
    fn say(&self, chip: &mut Chip, inputs: &[chip::Input]) -> bool {
        inputs.iter().all(|input| {
            let outcome = chip::step(&chip.state, input, &self.0.weak);
            chip.state = outcome.next;
            outcome.verdict.is_good()
        })
    }

    /// Nothing more is said to a chip: what is volatile goes.
    fn rest(&self, chip: &mut Chip) {
        chip.state = chip::step(&chip.state, &chip::Input::Reset, &self.0.weak).next;
        chip.opened = None;
    }

    fn ask(&self, request: &mut Request, input: issuer::Input, chart: &mut Chart) -> Answer {
        let outcome = issuer::step(&request.issuer, &input, &self.0.weak);
        chart.ask("verifier", "issuer", input, &outcome);
        request.issuer = outcome.next;
        (outcome.verdict, outcome.out)
    }

    fn verify(&self, request: &mut Request, input: verifier::Input) {
        request.verifier = verifier::step(&request.verifier, &input, &self.0.weak).next;
    }
}

impl Model for Whole {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let known = issuer::Input::EligibilityKnown;
        let request = Request {
            verifier: verifier::State {
                phase: verifier::Phase::AwaitIssue,
                ..verifier::init()
            },
            issuer: issuer::step(&issuer::init(), &known, &self.0.weak).next,
            said: false,
            told: [false; 2],
            owed: false,
            answers: false,
            old: false,
            script: false,
            receipted: false,
            last: 0,
            cards: 0,
            proved: false,
            lost: false,
        };
        vec![State {
            requests: [request; 2],
            chips: [blank(); 2],
            taps: [None; 2],
            openings: self.0.bounds.openings,
            tears: self.0.bounds.tears,
            changes: 1,
            early: false,
            unconsented: false,
            dead: false,
            after: false,
            unsigned: false,
            repelled: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.all_actions(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        self.apply(state, &action, &mut Chart::off())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        super::properties(&self.0)
    }
}

impl World for Whole {
    const SCOPE: Scope = Scope::Whole;
    const TIERS: &'static [Tier] = &[Tier::T0, Tier::T1, Tier::T2, Tier::T5];
    const WEAKNESSES: &'static [Weakness] = &[
        Weakness::QuotaOutsideTransaction,
        Weakness::IssueInTwoSteps,
        Weakness::KeyIgnored,
        Weakness::ConsentUnchecked,
        Weakness::ActivateWithoutReceipt,
        Weakness::SecondChip,
        Weakness::NoCompensation,
        Weakness::CompensationOnce,
        Weakness::LivenessBeforeDebit,
        Weakness::StaticTokenAtPos,
        Weakness::AtcUnchecked,
        Weakness::TokenOutlivesCard,
    ];
    type Packed = [u64; 4];
    type Code = [u64; 4];

    const PARTS: usize = 1;

    fn actions_of(&self, _: usize, state: &State, actions: &mut Vec<Action>) {
        for (at, request) in state.requests.iter().enumerate() {
            self.actions_of_request(request, at, actions);
            self.attacks_on_request(request, at, actions);
        }
        actions.push(Action::Sign(0));
        if self.0.tier >= Tier::T2 {
            actions.push(Action::Sign(1));
        }
        for at in 0..state.taps.len() {
            actions.push(Action::Pay(at));
            if self.0.tier >= Tier::T1 {
                actions.push(Action::ReplayTap(at));
            }
        }
    }

    fn fields(_: usize) -> Fields {
        Fields::All
    }

    fn new(config: Config) -> Self {
        Self(config)
    }

    fn config(&self) -> &Config {
        &self.0
    }

    fn apply(&self, state: &State, action: &Action, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        match *action {
            Action::Issue(at) => self.issue(state, at, chart),
            Action::Arrive(at) if !state.requests[at].said => None,
            Action::Arrive(at) => self.arrive(state, at, true, chart),
            Action::Hear(at, yes) => self.hear(state, at, yes, chart),
            Action::Start(at) => self.start(state, at, chart),
            Action::Answer(at) => self.answer(state, at, chart),
            Action::Install(at) => self.install(state, at, false, chart),
            Action::Cut(at) => self.install(state, at, true, chart),
            Action::Receipt(at) => self.receipt(state, at, chart),
            Action::Cancel(at) => self.cancel(state, at, chart),
            Action::Compensate(at) => {
                self.ask(&mut next.requests[at], issuer::Input::Compensate, chart);
                next.requests[at].owed = false;
                Some(next)
            }
            Action::Forget(at) => {
                chart.note("verifier", "its compensation is lost, and not sent again");
                next.requests[at].owed = false;
                Some(next)
            }
            Action::Sign(with) => self.sign(state, with, chart),
            Action::Pay(at) => self.pay(state, at, false, chart),
            Action::Lose(at) => self.lose(state, at, chart),
            Action::ReplayTap(at) => self.pay(state, at, true, chart),
            Action::Number(of) => self.number(state, of, chart),
            Action::ReplayAnswers(at) => self.replay_answers(state, at, chart),
            Action::Offer(at) => self.offer(state, at, chart),
            Action::LieDone(at) => {
                chart.note("verifier", "corrupt: says that it is done");
                self.verify(&mut next.requests[at], verifier::Input::ProvisionDone);
                (next != *state).then_some(next)
            }
            Action::LieConsent(at) => {
                chart.note("verifier", "corrupt: nobody has consented");
                self.arrive(state, at, false, chart)
            }
        }
    }

    fn checks() -> Vec<Check<Self>> {
        properties::checks()
    }

    fn scenarios() -> Vec<Scenario<Self>> {
        properties::scenarios()
    }

    fn opening(&self, _: &State) -> String {
        "Alice has proved two requests; no card is made yet, and her chip is empty.".to_owned()
    }
}
