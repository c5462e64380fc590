//! Management: a card and its token through suspension, resumption, loss and deletion, probed by payments.
//!
//! Messages of the user's terminal may be played again; the others come from the bank's own back office. Nothing is
//! bounded: the states are few.

use kaika_spec::{PropertyId, Scope, TokenState, Weakness};
use stateright::{Model, Property};

use super::{ALL, Check, Config, Fields, HONEST, Scenario, Tier, World, holding};
use crate::chart::Chart;
use crate::role::Verdict;
use crate::role::issuer::{self, Agreement, Card, Input, Posting};

/// The world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// The issuer's record.
    pub issuer: issuer::State,
    /// The network heard the user resume.
    pub heard: bool,
    /// History: who has suspended and not resumed: the user, the issuer.
    pub suspenders: [bool; 2],
    /// History: both had suspended at once.
    pub both: bool,
    /// History: the token was deleted.
    pub deleted: bool,
    /// History: the card was lost or closed.
    pub ended: bool,
    /// History: a payment went through while card, agreement or token was dead.
    pub dead: bool,
    /// History: a payment went through after the card was lost or closed.
    pub after: bool,
    /// History: a payment went through.
    pub paid: bool,
    /// History: an attacker's message did nothing.
    pub repelled: bool,
}

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Someone who may asks for a change.
    Change(Input),
    /// An attacker plays the user's old resume.
    ReplayResume,
    /// A corrupt verifier resumes for the user, who did not.
    Lie,
    /// A payment at a shop.
    Tap,
    /// A payment online.
    Debit,
}

const CHANGES: [Input; 10] = [
    Input::SuspendUser,
    Input::SuspendIssuer,
    Input::ResumeUser,
    Input::ResumeIssuer,
    Input::Delete,
    Input::CardBlocked,
    Input::CardActive,
    Input::CardLost,
    Input::CardClosed,
    Input::Terminate,
];

/// The world of management.
#[derive(Clone, Copy, Debug)]
pub struct Manage(Config);

impl Manage {
    fn change(&self, state: &State, input: Input, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        let outcome = issuer::step(&state.issuer, &input, &self.0.weak);
        let who = match input {
            Input::SuspendUser | Input::ResumeUser | Input::Delete => "alice",
            _ => "verifier",
        };
        if who == "alice" {
            chart.ask("alice", "issuer", input, &outcome);
        } else {
            chart.note("issuer", format_args!("operator: {input}"));
        }
        next.issuer = outcome.next;
        if outcome.verdict.is_good() {
            remember(&mut next, input);
        }
        next.heard |= input == Input::ResumeUser;
        (next != *state).then_some(next)
    }

    fn replay(&self, state: &State, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        chart.say("mallory", "issuer", "resume(user), heard before");
        if self.0.weak.has(Weakness::KeyIgnored) {
            let outcome = issuer::step(&state.issuer, &Input::ResumeUser, &self.0.weak);
            chart.answer("issuer", "mallory", "done again");
            next.issuer = outcome.next;
        } else {
            chart.answer("issuer", "mallory", "the stored answer");
            next.repelled = true;
        }
        (next != *state).then_some(next)
    }

    /// A payment of a kind that has not been made before.
    fn pay(&self, state: &State, input: Input, chart: &mut Chart) -> Option<State> {
        let fresh = issuer::State {
            debit: Posting::None,
            tap: Posting::None,
            ..state.issuer
        };
        let outcome = issuer::step(&fresh, &input, &self.0.weak);
        let from = if input == Input::Tap {
            "shop"
        } else {
            "verifier"
        };
        chart.ask(from, "issuer", input, &outcome);
        if outcome.verdict != Verdict::Accept {
            return None;
        }
        let live = match input {
            Input::Tap => fresh.token == Some(TokenState::Active),
            _ => fresh.agreement == Agreement::Live,
        };
        let next = State {
            paid: true,
            dead: state.dead || !live || fresh.card != Card::Active,
            after: state.after || state.ended,
            ..*state
        };
        (next != *state).then_some(next)
    }
}

fn remember(next: &mut State, input: Input) {
    match input {
        Input::SuspendUser => next.suspenders[0] = true,
        Input::SuspendIssuer => next.suspenders[1] = true,
        Input::ResumeUser => next.suspenders[0] = false,
        Input::ResumeIssuer => next.suspenders[1] = false,
        Input::Delete => {
            next.deleted = true;
            next.suspenders = [false; 2];
        }
        Input::CardLost | Input::CardClosed => next.ended = true,
        _ => {}
    }
    next.both |= next.suspenders == [true; 2];
}

impl Model for Manage {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            issuer: holding(),
            heard: false,
            suspenders: [false; 2],
            both: false,
            deleted: false,
            ended: false,
            dead: false,
            after: false,
            paid: false,
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

impl World for Manage {
    const SCOPE: Scope = Scope::Manage;
    const TIERS: &'static [Tier] = &[Tier::T0, Tier::T1, Tier::T5];
    const WEAKNESSES: &'static [Weakness] = &[
        Weakness::KeyIgnored,
        Weakness::LivenessBeforeDebit,
        Weakness::BooleanSuspend,
        Weakness::TokenOutlivesCard,
    ];
    type Packed = [u64; 1];
    type Code = [u64; 1];

    const PARTS: usize = 1;

    fn actions_of(&self, _: usize, state: &State, actions: &mut Vec<Action>) {
        actions.extend(CHANGES.map(Action::Change));
        actions.extend([Action::Tap, Action::Debit]);
        if self.0.tier >= Tier::T1 && state.heard {
            actions.push(Action::ReplayResume);
        }
        if self.0.tier >= Tier::T5 {
            actions.push(Action::Lie);
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
        match *action {
            Action::Change(input) => self.change(state, input, chart),
            Action::ReplayResume => self.replay(state, chart),
            Action::Lie => {
                chart.note("verifier", "corrupt: speaks for the user");
                let outcome = issuer::step(&state.issuer, &Input::ResumeUser, &self.0.weak);
                let next = State {
                    issuer: outcome.next,
                    ..*state
                };
                (next != *state).then_some(next)
            }
            Action::Tap => self.pay(state, Input::Tap, chart),
            Action::Debit => self.pay(state, Input::Debit, chart),
        }
    }

    fn checks() -> Vec<Check<Self>> {
        vec![
            Check {
                id: PropertyId::P42,
                tiers: ALL,
                holds: |_, s| !s.after,
                reached: "W42 a card is lost whose token is active",
                witness: |_, s| s.ended && s.issuer.token == Some(TokenState::Active),
            },
            Check {
                id: PropertyId::P36,
                tiers: ALL,
                holds: |_, s| !s.dead,
                reached: "W36 a payment goes through",
                witness: |_, s| s.paid,
            },
            Check {
                id: PropertyId::P43,
                tiers: HONEST,
                holds: |_, s| is_legal(s),
                reached: "W43 a token is suspended",
                witness: |_, s| s.issuer.token == Some(TokenState::Suspended),
            },
        ]
    }

    fn scenarios() -> Vec<Scenario<Self>> {
        vec![
            Scenario {
                name: "S10 suspended by two parties, resumed by both",
                from: Tier::T0,
                seen: |_, s| s.both && !s.deleted && s.issuer.token == Some(TokenState::Active),
            },
            Scenario {
                name: "S13 an attacker is refused",
                from: Tier::T1,
                seen: |_, s| s.repelled,
            },
        ]
    }

    fn opening(&self, _: &State) -> String {
        "Alice holds a card whose token is active in her phone.".to_owned()
    }
}

/// Deleted stays deleted, lost stays lost, and active means that nobody's suspension stands.
fn is_legal(state: &State) -> bool {
    let suspended = state.suspenders != [false; 2];
    let token = match state.issuer.token {
        Some(TokenState::Deleted) => state.deleted,
        Some(TokenState::Active) => !state.deleted && !suspended,
        Some(TokenState::Suspended) => !state.deleted && suspended,
        Some(TokenState::Inactive) | None => false,
    };
    token && !(state.ended && matches!(state.issuer.card, Card::Active | Card::Blocked))
}
