//! Payment online: one order that Alice pays, and one that she does not. Flow C.
//!
//! The second order is Mallory's doing: addressed to Alice, or his own. Debits between verifier and issuer may arrive
//! late, twice or not at all; a reversal may overtake its debit; the operator may report the card lost.

use kaika_spec::{PropertyId, Scope, Weakness};
use stateright::{Model, Property};

use super::{ALL, Check, Config, Fields, HONEST, REMOTE, Scenario, Tier, World, holding};
use crate::chart::Chart;
use crate::role::issuer::Posting;
use crate::role::{Said, Verdict, issuer, terminal, verifier};

/// One order at the verifier, and its debits at the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Order {
    /// The verifier's record.
    pub verifier: verifier::State,
    /// The issuer's record of each debit id; a correct verifier uses one.
    pub debits: [Posting; 2],
    /// The debit ids in messages on the way to the issuer.
    pub flying: u8,
    /// History: how often money was taken.
    pub posts: u8,
    /// History: how often money was given back.
    pub back: u8,
}

/// The world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// The issuer's record of Alice's card.
    pub issuer: issuer::State,
    /// Alice's order, and the other.
    pub orders: [Order; 2],
    /// The other order is Mallory's own; else it is addressed to Alice.
    pub own: bool,
    /// What Alice's screen says.
    pub terminal: terminal::Screen,
    /// What Alice saw is not the order's content.
    pub altered: bool,
    /// Her screen shows something else than what it has signed.
    pub misshown: bool,
    /// The network heard her pay.
    pub said: bool,
    /// The network heard the verifier say paid, declined.
    pub told: [bool; 2],
    /// Answers of the issuer that may still be lost.
    pub losses: u8,
    /// Time-outs left.
    pub timeouts: u8,
    /// The shop may still call it off.
    pub reversible: bool,
    /// The operator may still act.
    pub changes: u8,
    /// History: Alice authorised her order as it is.
    pub authorised: bool,
    /// History: another account paid Alice's order.
    pub by_other: bool,
    /// History: an identifier was taken for one of another kind.
    pub confused: bool,
    /// History: money was taken while card or agreement was dead.
    pub dead: bool,
    /// History: a repeat had an effect.
    pub twice: bool,
    /// History: the terminal timed out.
    pub waited: bool,
    /// The verifier has told a lie about the result.
    pub lied: bool,
    /// History: a debit was refused because its reversal came first.
    pub overtaken: bool,
    /// History: an attacker was refused.
    pub repelled: bool,
}

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// An attacker alters the order on its way to the screen.
    Alter,
    /// The order is shown.
    Show,
    /// Alice types her password.
    Authorise,
    /// The verifier hears her and asks the issuer.
    HearPay,
    /// As before; the issuer does not answer in time.
    HearPayAlone,
    /// A debit on the way reaches the issuer; the answer is lost.
    Arrive(usize, usize),
    /// The verifier's word reaches the screen: paid, or declined.
    Tell(bool),
    /// The terminal's patience ends.
    TimeOut,
    /// The terminal asks what became of the order.
    Ask,
    /// The verifier has the debit reversed.
    Reverse,
    /// The operator reports the card lost.
    Lose,
    /// The operator ends the agreement.
    Terminate,
    /// An attacker plays Alice's message for the other order.
    ReplayProof,
    /// Mallory pays Alice's order from his account.
    PayAsOther,
    /// Mallory pays his order with a card that is not his.
    PayForeign,
    /// Mallory pays his order with the number of Alice's token in the place of a card code.
    PayWithToken,
    /// The verifier's reversal comes again.
    ReverseAgain,
    /// Mallory, who has Alice's password, pays the order that he made in her name.
    PayAsAlice,
    /// Alice's screen shows another order than the one that it has signed.
    Misshow,
    /// A corrupt verifier asks for a debit that nobody authorised.
    LieDebit(usize),
    /// A corrupt verifier tells Alice what it likes.
    LieResult(bool),
}

/// The world of payments online.
#[derive(Clone, Copy, Debug)]
pub struct Pay(Config);

fn order() -> Order {
    let open = verifier::State {
        phase: verifier::Phase::Done,
        bound: true,
        order: verifier::Order::Open,
        ..verifier::init()
    };
    Order {
        verifier: open,
        debits: [Posting::None; 2],
        flying: 0,
        posts: 0,
        back: 0,
    }
}

impl Pay {
    /// What the evidence beside a debit is: the chip signed this order, or another, or none.
    fn evidence(&self, state: &State, at: usize) -> issuer::Input {
        let own = at == 0 && state.said && !state.altered;
        match (own, state.said) {
            (true, _) => issuer::Input::Debit,
            (false, true) if self.0.weak.has(Weakness::OrderNotBound) => issuer::Input::Debit,
            (false, _) if self.0.weak.has(Weakness::PaymentUnsigned) => issuer::Input::Debit,
            (false, true) => issuer::Input::DebitEvidenceOtherOrder,
            (false, false) => issuer::Input::DebitEvidenceWrong,
        }
    }

    /// The issuer takes a debit of one id of one order.
    fn debit(
        &self,
        next: &mut State,
        at: usize,
        id: usize,
        input: issuer::Input,
        chart: &mut Chart,
    ) -> Verdict {
        let order = &mut next.orders[at];
        let repeat = order.debits[id] == Posting::Posted;
        let record = issuer::State {
            debit: order.debits[id],
            ..next.issuer
        };
        let outcome = issuer::step(&record, &input, &self.0.weak);
        chart.ask("verifier", "issuer", input, &outcome);
        order.debits[id] = outcome.next.debit;
        if outcome.verdict == Verdict::Accept {
            order.posts = (order.posts + 1).min(2);
            next.twice |= repeat;
            next.dead |=
                record.card != issuer::Card::Active || record.agreement != issuer::Agreement::Live;
        }
        let tombstoned = Verdict::Refuse(kaika_spec::Refusal::DebitTombstoned);
        next.overtaken |= outcome.verdict == tombstoned;
        outcome.verdict
    }

    /// The verifier hears a payment of one order: its judgement first, then the issuer's.
    fn pay(
        &self,
        state: &State,
        at: usize,
        input: verifier::Input,
        alone: bool,
        who: &'static str,
        chart: &mut Chart,
    ) -> Option<State> {
        let mut next = *state;
        let probe = verifier::step(&state.orders[at].verifier, &input, &self.0.weak);
        let id = match &probe.out[..] {
            [verifier::Output::AskDebit, ..] => 0,
            [verifier::Output::AskDebitNewId, ..] => 1,
            _ => {
                chart.ask(who, "verifier", input, &probe);
                next.orders[at].verifier = probe.next;
                let attacker = who == "mallory";
                next.repelled |= attacker && matches!(probe.verdict, Verdict::Refuse(_));
                return (next != *state).then_some(next);
            }
        };
        chart.say(who, "verifier", input);
        let heard = if alone {
            next.orders[at].flying |= 1 << id;
            next.losses = state.losses.checked_sub(1)?;
            chart.note("verifier", "no answer from the issuer");
            verifier::Input::PaySilent
        } else if self
            .debit(&mut next, at, id, self.evidence(state, at), chart)
            .is_good()
        {
            input
        } else {
            verifier::Input::PayDeclined
        };
        let outcome = verifier::step(&state.orders[at].verifier, &heard, &self.0.weak);
        next.orders[at].verifier = outcome.next;
        if at == 0 && who == "alice" {
            next.told[0] |= outcome.out.contains(&verifier::Output::Paid);
            next.told[1] |= outcome.out.contains(&verifier::Output::Declined);
        }
        (next != *state).then_some(next)
    }

    /// How the verifier sees what Alice said about her order.
    fn heard(&self, state: &State) -> verifier::Input {
        match state.orders[0].verifier.order {
            verifier::Order::Paid | verifier::Order::Declined => verifier::Input::PayRepeat,
            _ if state.altered => verifier::Input::PayWrongDigest,
            _ => verifier::Input::Pay,
        }
    }

    fn ask(&self, state: &State, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        let input = verifier::Input::OrderQuery;
        let outcome = verifier::step(&state.orders[0].verifier, &input, &self.0.weak);
        chart.ask("alice", "verifier", input, &outcome);
        next.orders[0].verifier = outcome.next;
        next.told[0] |= outcome.out.contains(&verifier::Output::Paid);
        next.told[1] |= outcome.out.contains(&verifier::Output::Declined);
        (next != *state).then_some(next)
    }

    fn screen(&self, next: &mut State, input: terminal::Seen) -> Said<terminal::Says> {
        let outcome = terminal::screen(&next.terminal, &input, &self.0.weak);
        next.terminal = outcome.next;
        outcome.out
    }

    fn operate(&self, state: &State, input: issuer::Input, chart: &mut Chart) -> Option<State> {
        chart.note("issuer", format_args!("operator: {input}"));
        let next = State {
            issuer: issuer::step(&state.issuer, &input, &self.0.weak).next,
            changes: state.changes.checked_sub(1)?,
            ..*state
        };
        Some(next)
    }

    fn reverse(&self, state: &State, chart: &mut Chart) -> Option<State> {
        let mut next = State {
            reversible: false,
            ..*state
        };
        let order = &mut next.orders[0];
        let record = issuer::State {
            debit: state.orders[0].debits[0],
            ..state.issuer
        };
        let outcome = issuer::step(&record, &issuer::Input::Reverse, &self.0.weak);
        chart.ask(
            "verifier",
            "issuer",
            issuer::Input::Reverse,
            outcome.verdict,
        );
        order.debits[0] = outcome.next.debit;
        if outcome.out.contains(&issuer::Output::Reversed) {
            order.back = (order.back + 1).min(2);
        }
        (next != *state).then_some(next)
    }

    /// The verifier asks for a debit without a payment.
    fn lie(&self, state: &State, at: usize, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        chart.note("verifier", "corrupt");
        self.debit(&mut next, at, 0, self.evidence(state, at), chart);
        (next != *state).then_some(next)
    }

    fn with_token(&self, state: &State, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        if !self.0.weak.has(Weakness::IdentifierConfused) {
            let input = verifier::Input::PayForeignCard;
            return self.pay(state, 1, input, false, "mallory", chart);
        }
        chart.say(
            "mallory",
            "verifier",
            "pay, with the number of Alice's token",
        );
        let input = issuer::Input::DebitTokenAsCode;
        let verdict = self.debit(&mut next, 1, 0, input, chart);
        next.confused |= verdict.is_good();
        (next != *state).then_some(next)
    }

    fn as_other(&self, state: &State, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        let input = verifier::Input::PayOtherAccount;
        let outcome = verifier::step(&state.orders[0].verifier, &input, &self.0.weak);
        chart.ask("mallory", "verifier", input, &outcome);
        // Mallory's card is debited; it has no record in this world.
        next.orders[0].verifier = outcome.next;
        next.by_other |= outcome.verdict.is_good();
        next.repelled |= !outcome.verdict.is_good();
        (next != *state).then_some(next)
    }
}

impl Model for Pay {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let bounds = self.0.bounds;
        let state = |own| State {
            issuer: holding(),
            orders: [order(), order()],
            own,
            terminal: terminal::Screen::Idle,
            altered: false,
            misshown: false,
            said: false,
            told: [false; 2],
            losses: bounds.losses,
            timeouts: bounds.timeouts,
            reversible: true,
            changes: 1,
            authorised: false,
            by_other: false,
            confused: false,
            dead: false,
            twice: false,
            waited: false,
            lied: false,
            overtaken: false,
            repelled: false,
        };
        if self.0.tier >= Tier::T2 {
            vec![state(false), state(true)]
        } else {
            vec![state(false)]
        }
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

impl World for Pay {
    const SCOPE: Scope = Scope::Pay;
    const TIERS: &'static [Tier] = Tier::ALL;
    const WEAKNESSES: &'static [Weakness] = &[
        Weakness::KeyIgnored,
        Weakness::IdentifierConfused,
        Weakness::OrderNotBound,
        Weakness::OrderOwnerUnchecked,
        Weakness::DebitIdPerTry,
        Weakness::TimeoutIsFailure,
        Weakness::LivenessBeforeDebit,
        Weakness::ReversalRepeats,
        Weakness::PaymentUnsigned,
    ];
    type Packed = [u64; 2];
    type Code = [u64; 2];

    const PARTS: usize = 1;

    fn actions_of(&self, _: usize, state: &State, actions: &mut Vec<Action>) {
        actions.extend([Action::Show, Action::Authorise, Action::Ask]);
        if state.said {
            actions.push(Action::HearPay);
            if state.losses > 0 {
                actions.push(Action::HearPayAlone);
            }
        }
        for at in 0..2 {
            for id in 0..2 {
                if state.orders[at].flying >> id & 1 == 1 {
                    actions.push(Action::Arrive(at, id));
                }
            }
        }
        for (heard, paid) in state.told.iter().zip([true, false]) {
            if *heard {
                actions.push(Action::Tell(paid));
            }
        }
        if state.timeouts > 0 {
            actions.push(Action::TimeOut);
        }
        if state.reversible && state.orders[0].verifier.order != verifier::Order::Open {
            actions.push(Action::Reverse);
        }
        if !state.reversible {
            actions.push(Action::ReverseAgain);
        }
        if state.changes > 0 {
            actions.extend([Action::Lose, Action::Terminate]);
        }
        if self.0.tier >= Tier::T1 {
            actions.push(Action::Alter);
            if state.said && !state.own && state.orders[1].verifier.passwords < 2 {
                actions.push(Action::ReplayProof);
            }
        }
        if self.0.tier >= Tier::T2 {
            actions.push(Action::PayAsOther);
            if state.own {
                actions.extend([Action::PayForeign, Action::PayWithToken]);
            }
        }
        if self.0.tier >= Tier::T3 && !state.own {
            actions.push(Action::PayAsAlice);
        }
        if self.0.tier >= Tier::T4 {
            actions.push(Action::Misshow);
        }
        if self.0.tier >= Tier::T5 {
            actions.extend([Action::LieDebit(0), Action::LieDebit(1)]);
            actions.extend([Action::LieResult(true), Action::LieResult(false)]);
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
            Action::Alter => {
                chart.note("mallory", "alters the order on its way to the screen");
                next.altered |= state.terminal == terminal::Screen::Idle;
            }
            Action::Show => {
                chart.answer("verifier", "alice", "the order");
                self.screen(&mut next, terminal::Seen::Show);
            }
            Action::Authorise => {
                let out = self.screen(&mut next, terminal::Seen::Authorise);
                if !out.is_empty() {
                    chart.note("alice", "types her password");
                    next.said = true;
                    next.authorised |= !state.altered && !state.misshown;
                }
            }
            Action::HearPay => {
                return self.pay(state, 0, self.heard(state), false, "alice", chart);
            }
            Action::HearPayAlone => {
                return self.pay(state, 0, self.heard(state), true, "alice", chart);
            }
            Action::Arrive(at, id) => {
                chart.note("verifier", "its debit arrives late, or again");
                self.debit(&mut next, at, id, self.evidence(state, at), chart);
            }
            Action::Tell(paid) => {
                chart.answer("verifier", "alice", if paid { "paid" } else { "declined" });
                let input = if paid {
                    terminal::Seen::ToldPaid
                } else {
                    terminal::Seen::ToldDeclined
                };
                self.screen(&mut next, input);
            }
            Action::TimeOut => {
                chart.note("alice", "no answer");
                self.screen(&mut next, terminal::Seen::TimeOut);
                if next == *state {
                    return None;
                }
                next.timeouts = state.timeouts.checked_sub(1)?;
                next.waited = true;
            }
            Action::Ask => return self.ask(state, chart),
            Action::Reverse => return self.reverse(state, chart),
            Action::Lose => return self.operate(state, issuer::Input::CardLost, chart),
            Action::Terminate => return self.operate(state, issuer::Input::Terminate, chart),
            Action::ReplayProof => {
                let input = verifier::Input::PayProofOtherOrder;
                return self.pay(state, 1, input, false, "mallory", chart);
            }
            Action::PayAsOther => return self.as_other(state, chart),
            Action::PayForeign => {
                let input = verifier::Input::PayForeignCard;
                return self.pay(state, 1, input, false, "mallory", chart);
            }
            Action::PayWithToken => return self.with_token(state, chart),
            Action::ReverseAgain => return self.reverse(state, chart),
            Action::PayAsAlice => {
                let input = verifier::Input::Pay;
                return self.pay(state, 1, input, false, "mallory", chart);
            }
            Action::Misshow => {
                chart.note("mallory", "has the screen show another order");
                next.misshown |= state.terminal == terminal::Screen::Idle;
            }
            Action::LieDebit(at) => return self.lie(state, at, chart),
            Action::LieResult(paid) => {
                chart.note("verifier", "corrupt: tells a result of its own");
                next.told[usize::from(!paid)] = true;
                next.lied = true;
            }
        }
        (next != *state).then_some(next)
    }

    fn checks() -> Vec<Check<Self>> {
        let mut checks = consent();
        checks.extend(effects());
        checks.extend(money());
        checks
    }

    fn scenarios() -> Vec<Scenario<Self>> {
        vec![
            Scenario {
                name: "S3 an order is paid and shown as paid",
                from: Tier::T0,
                seen: |_, s| s.terminal == terminal::Screen::Paid,
            },
            Scenario {
                name: "S8 no answer, asked again, and paid",
                from: Tier::T0,
                seen: |_, s| s.waited && s.terminal == terminal::Screen::Paid,
            },
            Scenario {
                name: "S9 a reversal overtakes its debit",
                from: Tier::T0,
                seen: |_, s| s.overtaken,
            },
            Scenario {
                name: "S13 an attacker is refused",
                from: Tier::T1,
                seen: |_, s| s.repelled,
            },
        ]
    }

    fn opening(&self, state: &State) -> String {
        let second = if state.own {
            "Mallory has an order of his own"
        } else {
            "Mallory has made another order in her name"
        };
        format!("Alice holds a card and has an order to pay; {second}.")
    }
}

fn consent() -> Vec<Check<Pay>> {
    vec![
        Check {
            id: PropertyId::P29,
            tiers: ALL,
            holds: |_, s| !s.confused,
            reached: "W29 a card code is debited",
            witness: |_, s| s.orders[0].posts > 0,
        },
        Check {
            id: PropertyId::P31,
            tiers: REMOTE,
            holds: |_, s| is_authorised(s),
            reached: "W31 what Alice authorised is debited",
            witness: |_, s| s.orders[0].posts > 0 && s.authorised,
        },
        Check {
            id: PropertyId::P32,
            tiers: HONEST,
            holds: |_, s| !s.by_other,
            reached: "W32 Alice pays her order",
            witness: |_, s| s.orders[0].verifier.order == verifier::Order::Paid,
        },
    ]
}

fn effects() -> Vec<Check<Pay>> {
    vec![
        Check {
            id: PropertyId::P18,
            tiers: ALL,
            holds: |_, s| !s.twice,
            reached: "W18 a debit comes again",
            witness: |_, s| s.orders[0].flying > 0 && s.orders[0].posts > 0,
        },
        Check {
            id: PropertyId::P33,
            tiers: ALL,
            holds: |_, s| s.orders.iter().all(|order| order.posts <= 1),
            reached: "W33 a debit is posted",
            witness: |_, s| s.orders[0].posts == 1,
        },
        Check {
            id: PropertyId::P35,
            tiers: HONEST,
            holds: |_, s| match s.terminal {
                terminal::Screen::Paid => s.orders[0].posts > 0,
                terminal::Screen::Failed => !s.orders[0].debits.contains(&Posting::Posted),
                _ => true,
            },
            reached: "W35 a result is shown",
            witness: |_, s| {
                matches!(
                    s.terminal,
                    terminal::Screen::Paid | terminal::Screen::Failed
                )
            },
        },
        Check {
            id: PropertyId::P36,
            tiers: ALL,
            holds: |_, s| !s.dead,
            reached: "W36 a debit is refused because the card is lost",
            witness: |_, s| {
                s.issuer.card == issuer::Card::Lost
                    && s.orders[0].debits.contains(&Posting::Declined)
            },
        },
    ]
}

/// What was debited is what Alice authorised.
const fn is_authorised(state: &State) -> bool {
    (state.orders[0].posts == 0 || state.authorised)
        && (state.orders[1].posts == 0 || state.confused)
}

/// Alice's chip signed this order, whatever her screen showed; or it was paid by a confusion of names.
const fn is_signed(state: &State, at: usize) -> bool {
    at == 0 && state.said && !state.altered || state.confused
}

/// An order was debited once at most, and what was given back had been taken.
fn is_conserved(state: &State) -> bool {
    let mut orders = state.orders.iter();
    orders.all(|order| order.posts <= 1 && order.back <= order.posts)
}

fn money() -> Vec<Check<Pay>> {
    vec![
        Check {
            id: PropertyId::P34,
            tiers: ALL,
            holds: |_, s| s.orders.iter().all(|order| order.back <= order.posts),
            reached: "W34 a debit is given back",
            witness: |_, s| s.orders[0].back == 1,
        },
        Check {
            id: PropertyId::P46,
            tiers: ALL,
            holds: |_, s| (0..2).all(|at| s.orders[at].posts == 0 || is_signed(s, at)),
            reached: "W46 a debit is posted on what a chip signed",
            witness: |_, s| s.orders[0].posts > 0 && is_signed(s, 0),
        },
        Check {
            id: PropertyId::TH2,
            tiers: REMOTE,
            holds: |_, s| is_authorised(s) && !s.by_other && !s.confused,
            reached: "WT2 an authorised debit is posted",
            witness: |_, s| s.orders[0].posts == 1 && s.authorised,
        },
        Check {
            id: PropertyId::TH3,
            tiers: ALL,
            holds: |_, s| is_conserved(s),
            reached: "WT3 money is taken and given back",
            witness: |_, s| s.orders[0].posts == 1 && s.orders[0].back == 1,
        },
    ]
}
