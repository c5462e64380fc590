//! Payment at a shop: two sales, one chip, and a field in which others listen and speak. Flow D. In a corner of its own, a
//! token with a PIN at a terminal that wants both cryptograms of it: `contact.rs`. In another, a token that is suspended,
//! resumed and deleted in its chip: `managed.rs`.
//!
//! A cryptogram is the tuple that it covers; nobody but the chip makes one. The shop's terminal signs nothing: what it
//! sends is its own amount and number and the cryptogram it was given, so a cryptogram over anything else is a bad one.

pub mod contact;
mod depends;
pub mod managed;
mod properties;

use kaika_spec::{Refusal, Scope, Weakness};
use stateright::{Model, Property};

use self::contact::{Command, Contact};
use self::managed::Managed;
use super::{Check, Config, Fields, Reads, Scenario, Tier, World, holding};
use crate::chart::Chart;
use crate::role::issuer::Posting;
use crate::role::{Verdict, chip, issuer, pos};

/// What a cryptogram covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signed {
    /// The application transaction counter.
    pub atc: u8,
    /// The amount.
    pub amount: u8,
    /// The unpredictable number.
    pub number: u8,
}

/// One sale at the shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sale {
    /// The shop's terminal.
    pub pos: pos::State,
    /// The amount.
    pub amount: u8,
    /// The unpredictable number.
    pub number: u8,
    /// What the terminal was given: a cryptogram, or a token number with none.
    pub given: Option<Option<Signed>>,
    /// The issuer's record.
    pub record: Posting,
    /// The network heard the issuer say yes, no.
    pub told: [bool; 2],
    /// The network heard a reversal.
    pub reversal: bool,
    /// The network heard its answer.
    pub reversed: bool,
}

/// The world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// The issuer's record of the card.
    pub issuer: issuer::State,
    /// The last counter that the issuer has seen verified.
    pub last: u8,
    /// The chip.
    pub chip: chip::State,
    /// Its counter, durable.
    pub atc: u8,
    /// The sales.
    pub sales: [Sale; 2],
    /// Every cryptogram made so far, by counter.
    pub made: [Option<Signed>; 3],
    /// How often each counter was approved.
    pub approved: [u8; 3],
    /// A token with a PIN at a terminal that wants both cryptograms: then there are no sales.
    pub contact: Option<Contact>,
    /// A token that is managed in its chip: then there are no sales either.
    pub managed: Option<Managed>,
    /// Time-outs left.
    pub timeouts: u8,
    /// The sale that a relay carried the chip's answer to from afar.
    pub relayed: Option<usize>,
    /// The operator may still act.
    pub changes: u8,
    /// History: something was approved that the chip did not sign.
    pub unsigned: bool,
    /// History: something was approved while card or token was dead.
    pub dead: bool,
    /// History: something was approved that no chip in the field gave.
    pub outside: bool,
    /// History: something was approved above the limit.
    pub over: bool,
    /// History: something was approved that the holder was not there for.
    pub unmeant: bool,
    /// History: a request was refused because its reversal came first.
    pub overtaken: bool,
    /// History: an old counter was refused.
    pub replayed: bool,
    /// History: an attacker was refused.
    pub repelled: bool,
}

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// The chip signs for a sale.
    Sign(usize),
    /// The chip signs for a sale, with an amount that someone in the field puts in.
    SignOther(usize, u8),
    /// Power fails after the counter was stored and before the answer.
    Cut,
    /// A cryptogram reaches the shop's terminal.
    Give(usize, u8),
    /// The number of the token reaches it alone.
    GiveNumber(usize),
    /// A cryptogram that the chip made is typed in elsewhere, over the same data.
    Key(u8),
    /// A relay carries the sale to the chip and the answer back; nobody is there.
    Relay(usize),
    /// A reversal is lost, and not sent again.
    LoseReversal(usize),
    /// The shop shows that it was paid, whatever the issuer says.
    ShopLies(usize),
    /// The shop's request reaches the issuer, perhaps again.
    Arrive(usize),
    /// The issuer's answer reaches the shop.
    Tell(usize, bool),
    /// The shop's patience ends: it reverses.
    TimeOut(usize),
    /// The reversal reaches the issuer.
    Reverse(usize),
    /// The answer to it reaches the shop.
    Reversed(usize),
    /// The user suspends the token.
    Suspend,
    /// The operator reports the card lost.
    Lose,
    /// The terminal says something to the chip whose token has a PIN.
    Say(Command),
    /// As before, and power fails when so many things have happened in the chip.
    SayTorn(Command, usize),
    /// Power fails between two commands.
    Off,
    /// The issuer, or somebody else, says something to the chip whose token is managed.
    Manage(managed::Command),
    /// As before, and power fails when so many things have happened in the chip.
    ManageTorn(managed::Command, usize),
    /// Power fails between two commands.
    ManageOff,
}

/// The largest amount of a tap.
const LIMIT: u8 = 2;

/// The world of payments at a shop.
#[derive(Clone, Copy, Debug)]
pub struct Tap(Config);

const fn sale(amount: u8, number: u8) -> Sale {
    Sale {
        pos: pos::State::Idle,
        amount,
        number,
        given: None,
        record: Posting::None,
        told: [false; 2],
        reversal: false,
        reversed: false,
    }
}

const fn paying() -> chip::State {
    chip::State {
        slot: chip::Slot::Active,
        scripted: true,
        ..chip::init()
    }
}

impl Tap {
    /// An initial state: two sales, the second like this.
    fn at_shop(&self, second: Sale) -> State {
        State {
            issuer: holding(),
            last: 0,
            chip: paying(),
            atc: 0,
            sales: [sale(1, 1), second],
            made: [None; 3],
            approved: [0; 3],
            contact: None,
            managed: None,
            timeouts: self.0.bounds.timeouts,
            relayed: None,
            changes: 1,
            unsigned: false,
            dead: false,
            outside: false,
            over: false,
            unmeant: false,
            overtaken: false,
            replayed: false,
            repelled: false,
        }
    }

    /// A chip by itself: there are no sales.
    const fn is_alone(state: &State) -> bool {
        state.contact.is_some() || state.managed.is_some()
    }

    /// The chip signs, or loses power.
    fn actions_of_chip(&self, state: &State, actions: &mut Vec<Action>) {
        if Self::is_alone(state) {
            return;
        }
        for (at, sale) in state.sales.iter().enumerate() {
            actions.push(Action::Sign(at));
            if self.0.tier >= Tier::T1 {
                let other = if sale.amount == 1 { 2 } else { 1 };
                actions.push(Action::SignOther(at, other));
            }
        }
        actions.push(Action::Cut);
    }

    /// Something is held to the shop's terminal.
    fn actions_of_field(&self, state: &State, at: usize, actions: &mut Vec<Action>) {
        if Self::is_alone(state) {
            return;
        }
        let attacked = self.0.tier >= Tier::T1;
        let sale = &state.sales[at];
        if attacked {
            actions.push(Action::GiveNumber(at));
        }
        for signed in state.made.iter().flatten() {
            let own = signed.amount == sale.amount && signed.number == sale.number;
            if attacked || own && Some(Some(*signed)) != state.sales[1 - at].given {
                actions.push(Action::Give(at, signed.atc));
            }
        }
    }

    /// What the network heard reaches the shop's terminal, or its patience ends.
    fn actions_of_shop(&self, state: &State, at: usize, actions: &mut Vec<Action>) {
        let sale = &state.sales[at];
        // A terminal that sends it again until it is answered has lost nothing.
        if sale.reversal && self.0.weak.has(Weakness::ReversalOnce) {
            actions.push(Action::LoseReversal(at));
        }
        if self.0.tier >= Tier::T4 && sale.pos == pos::State::Asked {
            actions.push(Action::ShopLies(at));
        }
        for (heard, yes) in sale.told.iter().zip([true, false]) {
            if *heard {
                actions.push(Action::Tell(at, yes));
            }
        }
        if state.timeouts > 0 && sale.pos == pos::State::Asked {
            actions.push(Action::TimeOut(at));
        }
        if sale.reversal {
            actions.push(Action::Reverse(at));
        }
        if sale.reversed {
            actions.push(Action::Reversed(at));
        }
    }

    /// The same with the two sales in each other's place. What they do not share changes names with them.
    fn mirrored(state: &State) -> State {
        let [first, second] = state.sales;
        let amount = |amount: u8| {
            if first.amount == second.amount {
                amount
            } else {
                3 - amount
            }
        };
        let number = |number: u8| {
            if first.number == second.number {
                number
            } else {
                3 - number
            }
        };
        let renamed = |signed: Signed| Signed {
            amount: amount(signed.amount),
            number: number(signed.number),
            ..signed
        };
        let moved = |sale: Sale| Sale {
            amount: amount(sale.amount),
            number: number(sale.number),
            given: sale.given.map(|given| given.map(renamed)),
            ..sale
        };
        State {
            sales: [moved(second), moved(first)],
            made: state.made.map(|made| made.map(renamed)),
            relayed: state.relayed.map(|at| 1 - at),
            ..*state
        }
    }

    fn sign(&self, state: &State, amount: u8, number: u8, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        let slot = next.made.get_mut(usize::from(state.atc))?;
        let inputs = [
            chip::Input::SelectSlot,
            chip::Input::Gpo,
            chip::Input::GenerateArqc,
        ];
        for input in inputs {
            let outcome = chip::step(&next.chip, &input, &self.0.weak);
            next.chip = outcome.next;
            if !outcome.verdict.is_good() {
                return None;
            }
        }
        next.atc += 1;
        let signed = Signed {
            atc: next.atc,
            amount,
            number,
        };
        *slot = Some(signed);
        chart.say(
            "shop",
            "chip",
            format_args!("pay {amount}, number {number}"),
        );
        chart.answer(
            "chip",
            "shop",
            format_args!("cryptogram, counter {}", next.atc),
        );
        Some(next)
    }

    fn give(
        &self,
        state: &State,
        at: usize,
        given: Option<Signed>,
        chart: &mut Chart,
    ) -> Option<State> {
        let mut next = *state;
        let sale = &mut next.sales[at];
        let outcome = pos::step(&sale.pos, &pos::Input::Card, &self.0.weak);
        if !outcome.verdict.is_good() {
            return None;
        }
        let fits = given.is_some_and(|g| g.amount == sale.amount && g.number == sale.number);
        let who = if fits { "chip" } else { "mallory" };
        match given {
            None => chart.say(who, "shop", "the token's number"),
            Some(g) => chart.say(who, "shop", format_args!("cryptogram {}, sale {at}", g.atc)),
        }
        sale.pos = outcome.next;
        sale.given = Some(given);
        Some(next)
    }

    /// How the issuer sees a request: the first of its faults, by rank, that the issuer judges; else what it overlooks.
    fn heard(&self, record: &issuer::State, last: u8, sale: &Sale) -> issuer::Input {
        match sale.record {
            Posting::Posted | Posting::Reversed => return issuer::Input::TapRepeat,
            Posting::Tombstoned => return issuer::Input::TapTombstoned,
            Posting::Declined | Posting::DeclinedAgreement => {
                return issuer::Input::TapDeclinedRepeat;
            }
            Posting::None => {}
        }
        let signed = sale.given.flatten();
        let fits = signed.is_some_and(|g| g.amount == sale.amount && g.number == sale.number);
        let faults = [
            (!fits, issuer::Input::TapBadCryptogram),
            (
                signed.is_some_and(|g| g.atc <= last),
                issuer::Input::TapReplayedAtc,
            ),
            (sale.amount > LIMIT, issuer::Input::TapOverLimit),
        ];
        let mut there = faults
            .iter()
            .filter(|(is_there, _)| *is_there)
            .map(|(_, input)| *input);
        let judged =
            |input: &issuer::Input| !issuer::step(record, input, &self.0.weak).verdict.is_good();
        let overlooked = there.clone().next().unwrap_or(issuer::Input::Tap);
        there.find(judged).unwrap_or(overlooked)
    }

    fn arrive(&self, state: &State, at: usize, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        let sale = &mut next.sales[at];
        let given = sale.given?;
        let record = issuer::State {
            tap: sale.record,
            counted: state.last > 0,
            ..state.issuer
        };
        let input = self.heard(&record, state.last, sale);
        let outcome = issuer::step(&record, &input, &self.0.weak);
        chart.ask("shop", "issuer", input, &outcome);
        sale.told[usize::from(!outcome.verdict.is_good())] = true;
        let refused = |why| outcome.verdict == Verdict::Refuse(why);
        sale.record = match outcome.next.tap {
            Posting::None => Posting::Declined,
            known => known,
        };
        if outcome.verdict == Verdict::Accept {
            let token = state.issuer.token == Some(kaika_spec::TokenState::Active);
            next.dead |= state.issuer.card != issuer::Card::Active || !token;
            next.over |= sale.amount > LIMIT;
            next.unmeant |= state.relayed == Some(at);
            let (amount, number) = (sale.amount, sale.number);
            let covers = |g: Signed| g.amount == amount && g.number == number;
            next.unsigned |= !given.is_some_and(|g| covers(g) && state.made.contains(&Some(g)));
            if let Some(signed) = given {
                let count = &mut next.approved[usize::from(signed.atc) - 1];
                *count = (*count + 1).min(2);
            }
        }
        // The limit is judged after the counter, which is used up.
        let counts = outcome.verdict == Verdict::Accept || refused(Refusal::LimitExceeded);
        if let Some(signed) = given.filter(|_| counts) {
            next.last = next.last.max(signed.atc);
        }
        next.overtaken |= refused(Refusal::DebitTombstoned);
        next.replayed |= refused(Refusal::AtcReplay);
        next.repelled |= refused(Refusal::CryptogramBad) || refused(Refusal::DomainViolation);
        (next != *state).then_some(next)
    }

    /// A shop of Mallory's sends what the chip made for another one, typed in.
    fn key(&self, state: &State, atc: u8, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        let input = issuer::Input::TapWrongEntryMode;
        let record = issuer::State {
            tap: Posting::None,
            counted: state.last > 0,
            ..state.issuer
        };
        let outcome = issuer::step(&record, &input, &self.0.weak);
        chart.ask("mallory", "issuer", input, outcome.verdict);
        next.repelled |= outcome.verdict == Verdict::Refuse(Refusal::DomainViolation);
        if outcome.verdict == Verdict::Accept && atc > state.last {
            let signed = state.made.iter().flatten().find(|one| one.atc == atc);
            next.outside |= signed.is_some_and(|one| one.amount <= LIMIT);
            next.last = atc;
        }
        (next != *state).then_some(next)
    }

    fn shop(
        &self,
        state: &State,
        at: usize,
        input: pos::Input,
        chart: &mut Chart,
    ) -> Option<State> {
        let mut next = *state;
        let sale = &mut next.sales[at];
        let outcome = pos::step(&sale.pos, &input, &self.0.weak);
        sale.pos = outcome.next;
        sale.reversal |= outcome.out.contains(&pos::Output::Reverse);
        match input {
            pos::Input::TimeOut => chart.note("shop", "no answer: reverses"),
            _ => chart.answer("issuer", "shop", input),
        }
        (next != *state).then_some(next)
    }

    fn operate(&self, state: &State, input: issuer::Input, chart: &mut Chart) -> Option<State> {
        chart.note("issuer", input);
        let next = State {
            issuer: issuer::step(&state.issuer, &input, &self.0.weak).next,
            changes: state.changes.checked_sub(1)?,
            ..*state
        };
        Some(next)
    }
}

impl Model for Tap {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        // A second sale with a number of its own, one whose terminal draws the same number again, and one above the limit.
        vec![
            self.at_shop(sale(2, 2)),
            self.at_shop(sale(1, 1)),
            self.at_shop(sale(LIMIT + 1, 2)),
            self.at_contact(),
            self.at_manager(),
        ]
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

impl World for Tap {
    const SCOPE: Scope = Scope::Tap;
    const TIERS: &'static [Tier] = &[Tier::T0, Tier::T1, Tier::T4];
    const WEAKNESSES: &'static [Weakness] = &[
        Weakness::LivenessBeforeDebit,
        Weakness::StaticTokenAtPos,
        Weakness::OfflineApprove,
        Weakness::AtcUnchecked,
        Weakness::EntryModeIgnored,
        Weakness::LimitUnchecked,
        Weakness::ReversalOnce,
        Weakness::TokenOutlivesCard,
        Weakness::WriteInPlace,
        Weakness::CountedAfter,
        Weakness::ProofIgnored,
        Weakness::SuspendedPays,
    ];
    type Packed = [u64; 3];
    type Code = [u64; 1];
    const NUMBERED: &'static [(&'static [&'static str], u32)] = &[
        (&["contact.?", "managed.?"], 2),
        (&["contact", "managed", "chip", "atc"], 11),
        (
            &[
                "approved",
                "unsigned",
                "dead",
                "over",
                "unmeant",
                "overtaken",
                "replayed",
                "last",
                "outside",
                "repelled",
            ],
            7,
        ),
        (&["issuer"], 2),
        (&["made"], 8),
        (&["sales[0].given"], 5),
        (&["sales[1].given"], 5),
        (&["sales[0].record", "sales[0].told"], 3),
        (&["sales[1].record", "sales[1].told"], 3),
        (&["sales[0].amount", "sales[0].number"], 1),
        (&["sales[1].amount", "sales[1].number"], 2),
        (&["timeouts"], 2),
    ];

    const PARTS: usize = 12;
    const TOGETHER: &'static [&'static [usize]] = &[&[0, 1, 2, 9, 10, 11], &[3, 8], &[5, 6, 7]];

    fn actions_of(&self, part: usize, state: &State, actions: &mut Vec<Action>) {
        match part {
            0 => self.actions_of_chip(state, actions),
            1 | 2 => self.actions_of_field(state, part - 1, actions),
            8 if self.0.tier >= Tier::T1 => {
                let made = state.made.iter().flatten();
                actions.extend(made.map(|signed| Action::Key(signed.atc)));
            }
            9 if self.0.tier >= Tier::T4 && state.relayed.is_none() && !Self::is_alone(state) => {
                actions.extend([Action::Relay(0), Action::Relay(1)]);
            }
            10 => self.actions_of_contact(state, actions),
            11 => self.actions_of_manager(state, actions),
            8 | 9 => {}
            3 | 4 if state.sales[part - 3].given.is_some() => {
                actions.push(Action::Arrive(part - 3));
            }
            3 | 4 => {}
            5 | 6 => self.actions_of_shop(state, part - 5, actions),
            _ if state.changes > 0 => actions.extend([Action::Suspend, Action::Lose]),
            _ => {}
        }
    }

    fn fields(part: usize) -> Fields {
        depends::fields(part)
    }

    fn wakes(part: usize) -> Fields {
        depends::wakes(part)
    }

    fn reads(name: &str) -> Reads {
        depends::reads(name)
    }

    const INTERCHANGEABLE: Option<&'static str> =
        Some("the two sales, amounts and numbers with them, where both are within the limit");

    fn canonical(&self, state: &State) -> State {
        // An amount above the limit is no name for another.
        let bounded = state.sales.iter().all(|sale| sale.amount <= LIMIT);
        if bounded {
            Self::mirrored(state).min(*state)
        } else {
            *state
        }
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
            Action::Sign(at) => {
                let sale = state.sales[at];
                self.sign(state, sale.amount, sale.number, chart)
            }
            Action::SignOther(at, amount) => {
                chart.note("mallory", "puts another amount in");
                self.sign(state, amount, state.sales[at].number, chart)
            }
            Action::Cut => {
                if usize::from(state.atc) >= state.made.len() {
                    return None;
                }
                chart.note("chip", "power fails after the counter was stored");
                next.atc += 1;
                next.chip = chip::step(&state.chip, &chip::Input::Reset, &self.0.weak).next;
                Some(next)
            }
            Action::Give(at, atc) => {
                let given = state.made[usize::from(atc) - 1];
                self.give(state, at, given, chart)
            }
            Action::GiveNumber(at) => self.give(state, at, None, chart),
            Action::Arrive(at) => self.arrive(state, at, chart),
            Action::Tell(at, true) => self.shop(state, at, pos::Input::Approved, chart),
            Action::Tell(at, false) => self.shop(state, at, pos::Input::Declined, chart),
            Action::TimeOut(at) => {
                let next = self.shop(state, at, pos::Input::TimeOut, chart)?;
                Some(State {
                    timeouts: state.timeouts.checked_sub(1)?,
                    ..next
                })
            }
            Action::Reverse(at) => {
                let sale = &mut next.sales[at];
                let record = issuer::State {
                    tap: sale.record,
                    ..state.issuer
                };
                let input = issuer::Input::TapReverse;
                let outcome = issuer::step(&record, &input, &self.0.weak);
                chart.ask("shop", "issuer", input, &outcome);
                sale.record = outcome.next.tap;
                sale.reversed = true;
                (next != *state).then_some(next)
            }
            Action::Key(atc) => self.key(state, atc, chart),
            Action::Relay(at) => {
                chart.note("mallory", "relays from afar");
                let sale = &state.sales[at];
                let next = self.sign(state, sale.amount, sale.number, chart)?;
                let signed = *next.made.get(usize::from(next.atc).checked_sub(1)?)?;
                let mut next = self.give(&next, at, signed, chart)?;
                next.relayed = Some(at);
                Some(next)
            }
            Action::LoseReversal(at) => {
                chart.note("shop", "its reversal is lost, and not sent again");
                next.sales[at].reversal = false;
                Some(next)
            }
            Action::ShopLies(at) => {
                chart.note("shop", "shows \"paid\" by itself");
                next.sales[at].pos = pos::State::Approved;
                (next != *state).then_some(next)
            }
            Action::Reversed(at) => self.shop(state, at, pos::Input::Reversed, chart),
            Action::Suspend => self.operate(state, issuer::Input::SuspendUser, chart),
            Action::Lose => self.operate(state, issuer::Input::CardLost, chart),
            Action::Say(_) | Action::SayTorn(..) | Action::Off => {
                self.contact(state, *action, chart)
            }
            Action::Manage(_) | Action::ManageTorn(..) | Action::ManageOff => {
                self.manage(state, *action, chart)
            }
        }
    }

    fn checks() -> Vec<Check<Self>> {
        properties::checks()
    }

    fn scenarios() -> Vec<Scenario<Self>> {
        properties::scenarios()
    }

    fn opening(&self, state: &State) -> String {
        if state.contact.is_some() {
            let token = "Alice's phone holds an active token with a PIN";
            return format!(
                "{token}; a shop's terminal asks for the PIN and for both cryptograms."
            );
        }
        if state.managed.is_some() {
            return "Alice's phone holds an active token; the issuer suspends, resumes and deletes it there."
                .to_owned();
        }
        let second = if state.sales[1].amount > LIMIT {
            "the second above the limit"
        } else if state.sales[1].number == state.sales[0].number {
            "the second terminal draws the number of the first again"
        } else {
            "each with a number of its own"
        };
        format!("Alice's phone holds an active token; a shop has two sales, {second}.")
    }
}
