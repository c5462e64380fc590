//! Provisioning: the minted token's way into a chip, with power cuts at every command and inside every write.
//!
//! The issuer's session and the chip's channel are numbered: a card challenge belongs to the opening it answers, and a
//! script to the challenge it was made for. Anything else that a relay plays is a wrong cryptogram or a replay.
//! The thirty days after which an inactive token dies are not in this world.

use kaika_spec::{PropertyId, Scope, TokenState, Weakness};
use stateright::{Model, Property};

use super::{ALL, Check, Config, Fields, HONEST, Reads, Scenario, Tier, World};
use crate::chart::Chart;
use crate::role::{Verdict, chip, issuer, verifier};

/// A chip and what the network knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chip {
    /// The chip's own state.
    pub state: chip::State,
    /// How many challenges it has given: its durable sequence counter.
    pub sequence: u8,
    /// How many commands of the script of this channel it has taken.
    pub progress: u8,
    /// For each challenge, the issuer's opening that it answers; 0 for none.
    pub answers: [u8; 4],
    /// The challenges that the issuer has made a script for.
    pub scripts: u8,
    /// Its receipt was heard.
    pub receipted: bool,
    /// History: what it holds came in an issuer's script made for it.
    pub authentic: bool,
}

/// The world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// The issuer's record.
    pub issuer: issuer::State,
    /// The verifier's record.
    pub verifier: verifier::State,
    /// The chip of the request, and another.
    pub chips: [Chip; 2],
    /// The number of the issuer's latest opening, and the chip it was for.
    pub opening: (u8, usize),
    /// Openings left.
    pub openings: u8,
    /// Power cuts left.
    pub tears: u8,
    /// Answers of the issuer that may still be lost.
    pub losses: u8,
    /// A compensation is owed to the issuer.
    pub owed: bool,
    /// History: the issuer verified the receipt of the request's chip.
    pub proved: bool,
    /// History: power failed.
    pub torn: bool,
    /// History: an attacker was refused.
    pub repelled: bool,
}

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// The issuer makes card, agreement and token.
    Mint,
    /// The terminal starts to provision a chip; the issuer opens.
    Start(usize),
    /// An opening reaches a chip: SELECT and INITIALIZE UPDATE.
    Open(usize),
    /// A chip's answers to its challenge reach the issuer.
    Answer(usize, u8),
    /// The next command of the script for a challenge reaches the chip.
    Command(usize, u8),
    /// As before, and power fails inside the write.
    Torn(usize, u8),
    /// Power fails between two commands.
    Cut(usize),
    /// The terminal asks the chip for its receipt.
    AskReceipt(usize),
    /// A receipt reaches the issuer, and the answer the verifier.
    Receipt(usize),
    /// As before; the answer is lost.
    ReceiptUnheard(usize),
    /// The terminal asks again what became of it.
    Ask,
    /// An attacker sends the chip a script of its own.
    Unsecured(usize),
    /// An attacker changes a byte on the way to the chip.
    Garbled(usize),
    /// The customer gives up.
    Cancel,
    /// The compensation reaches the issuer.
    Compensate,
    /// The compensation is lost, and not sent again.
    Forget,
}

/// What an opening for a chip depends on.
const OPENING: &[&str] = &["issuer", "verifier", "opening", "openings", "repelled"];

/// What the way of an opening to a chip depends on.
macro_rules! challenge_of {
    ($chip:literal) => {
        &["issuer.request", "issuer.card", "opening", $chip]
    };
}

/// What the messages of a chip to the issuer depend on.
macro_rules! answers_of {
    ($chip:literal) => {
        &[
            "issuer",
            "verifier",
            "opening",
            "losses",
            "proved",
            concat!($chip, ".sequence"),
            concat!($chip, ".answers"),
            concat!($chip, ".scripts"),
            concat!($chip, ".receipted"),
        ]
    };
}

/// What the commands to a chip depend on; there are none before there is a card.
macro_rules! commands_of {
    ($chip:literal) => {
        &[
            "issuer.request",
            "issuer.card",
            "tears",
            "torn",
            "repelled",
            $chip,
        ]
    };
}

/// The world of provisioning.
#[derive(Clone, Copy, Debug)]
pub struct Provisioning(Config);

const fn fresh() -> Chip {
    Chip {
        state: chip::init(),
        sequence: 0,
        progress: 0,
        answers: [0; 4],
        scripts: 0,
        receipted: false,
        authentic: false,
    }
}

const LANES: [&str; 2] = ["chip", "chip2"];

/// The script, command by command.
const SCRIPT: [chip::Input; 4] = [
    chip::Input::ExtAuth,
    chip::Input::StoreMore,
    chip::Input::StoreLast,
    chip::Input::Commit,
];

impl Provisioning {
    fn chips(&self) -> usize {
        if self.0.tier >= Tier::T2 { 2 } else { 1 }
    }

    /// Whether the issuer may open for a chip.
    fn may_start(state: &State) -> bool {
        let live = state.verifier.phase == verifier::Phase::AwaitProvision;
        live && state.openings > 0
    }

    /// Whether an opening may come to a chip.
    fn may_open(state: &State, at: usize) -> bool {
        let chip = &state.chips[at];
        state.opening.0 > 0 && usize::from(chip.sequence) + 1 < chip.answers.len()
    }

    /// What comes from a chip to the issuer.
    fn answers_of_chip(&self, state: &State, at: usize, actions: &mut Vec<Action>) {
        let chip = &state.chips[at];
        for number in 1..=chip.sequence {
            if chip.answers[usize::from(number)] > 0 {
                actions.push(Action::Answer(at, number));
            }
        }
        if chip.receipted {
            actions.push(Action::Receipt(at));
            if state.losses > 0 {
                actions.push(Action::ReceiptUnheard(at));
            }
        }
    }

    /// What comes to a chip once its session is open.
    fn commands_of_chip(&self, state: &State, at: usize, actions: &mut Vec<Action>) {
        let chip = &state.chips[at];
        for number in 1..=chip.sequence {
            if chip.scripts >> number & 1 == 1 {
                actions.push(Action::Command(at, number));
                if state.tears > 0 {
                    actions.push(Action::Torn(at, number));
                }
            }
        }
        if state.tears > 0 && chip.state != chip::powered_off(chip.state) {
            actions.push(Action::Cut(at));
        }
        actions.push(Action::AskReceipt(at));
        if self.0.tier >= Tier::T1 {
            actions.extend([Action::Unsecured(at), Action::Garbled(at)]);
        }
    }

    fn command(&self, chip: &mut Chip, input: chip::Input) -> Verdict {
        let outcome = chip::step(&chip.state, &input, &self.0.weak);
        chip.state = outcome.next;
        chip.receipted |= outcome.out.contains(&chip::Output::Receipt);
        outcome.verdict
    }

    fn mint(&self, state: &State, chart: &mut Chart) -> State {
        let mut next = *state;
        for input in [issuer::Input::IssueOtp, issuer::Input::IssueOtp] {
            if next.issuer.request != issuer::Request::Issued {
                let outcome = issuer::step(&next.issuer, &input, &self.0.weak);
                chart.ask("verifier", "issuer", input, &outcome);
                next.issuer = outcome.next;
            }
        }
        let input = verifier::Input::Issue;
        next.verifier = verifier::step(&next.verifier, &input, &self.0.weak).next;
        next
    }

    fn start(&self, state: &State, at: usize, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        let input = if at == 0 {
            issuer::Input::ProvisionStart
        } else {
            issuer::Input::ProvisionOtherChip
        };
        let outcome = issuer::step(&state.issuer, &input, &self.0.weak);
        chart.ask("verifier", "issuer", input, &outcome);
        next.issuer = outcome.next;
        next.openings = state.openings.checked_sub(1)?;
        next.repelled |= at == 1 && matches!(outcome.verdict, Verdict::Refuse(_));
        if outcome.verdict.is_good() && next.issuer.session == issuer::Session::Opened {
            next.opening = (state.opening.0 + 1, at);
        }
        if outcome.out[..] == [issuer::Output::Script] {
            // A weak issuer writes a token that is active already to the other chip.
            next.opening = (state.opening.0 + 1, at);
        }
        self.told(&mut next, &outcome.out);
        Some(next)
    }

    /// The verifier hears that the token is active.
    fn told(&self, next: &mut State, out: &[issuer::Output]) {
        if out.contains(&issuer::Output::TokenActive) {
            let input = verifier::Input::ProvisionDone;
            next.verifier = verifier::step(&next.verifier, &input, &self.0.weak).next;
        }
    }

    fn open(&self, state: &State, at: usize, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        let chip = &mut next.chips[at];
        self.command(chip, chip::Input::SelectDomain);
        let verdict = self.command(chip, chip::Input::InitUpdate);
        chart.ask("verifier", LANES[at], chip::Input::InitUpdate, verdict);
        if verdict.is_good() {
            chip.sequence += 1;
            chip.progress = 0;
            chip.answers[usize::from(chip.sequence)] = state.opening.0;
        }
        (next != *state).then_some(next)
    }

    fn answer(&self, state: &State, at: usize, number: u8, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        let chip = &mut next.chips[at];
        let right = chip.answers[usize::from(number)] == state.opening.0 && state.opening.1 == at;
        let input = match (right, chip.receipted) {
            (false, _) => issuer::Input::ProvisionBadCryptogram,
            (true, true) => issuer::Input::ProvisionAnswersReceipted,
            (true, false) => issuer::Input::ProvisionAnswers,
        };
        let outcome = issuer::step(&state.issuer, &input, &self.0.weak);
        chart.ask("verifier", "issuer", input, &outcome);
        let second = at == 1 && right && state.issuer.token == Some(TokenState::Active);
        if outcome.out.contains(&issuer::Output::Script) || second {
            chip.scripts |= 1 << number;
        }
        next.issuer = outcome.next;
        next.proved |= outcome.out.contains(&issuer::Output::TokenActive)
            && input != issuer::Input::ProvisionAnswers
            && right;
        self.told(&mut next, &outcome.out);
        (next != *state).then_some(next)
    }

    /// The next command of the script made for one challenge, as the chip of another sees it.
    fn next_command(chip: &Chip, number: u8) -> Option<chip::Input> {
        let input = *SCRIPT.get(usize::from(chip.progress))?;
        Some(match (number == chip.sequence, input) {
            (true, input) => input,
            (false, chip::Input::ExtAuth) => chip::Input::ExtAuthReplayed,
            (false, _) => chip::Input::StoreReplayed,
        })
    }

    fn relay(
        &self,
        state: &State,
        at: usize,
        number: u8,
        torn: bool,
        chart: &mut Chart,
    ) -> Option<State> {
        let mut next = *state;
        let chip = &mut next.chips[at];
        let mut input = Self::next_command(chip, number)?;
        if torn {
            input = match input {
                chip::Input::StoreLast => chip::Input::StoreLastTorn,
                chip::Input::Commit => chip::Input::CommitTorn,
                _ => return None,
            };
            next.tears = state.tears.checked_sub(1)?;
            next.torn = true;
        }
        let verdict = self.command(chip, input);
        if torn && verdict != Verdict::Silent {
            // Nothing is written, so there is nothing to tear.
            return None;
        }
        chart.ask("verifier", LANES[at], input, verdict);
        let genuine = number == chip.sequence && verdict.is_good();
        chip.progress = if torn || !verdict.is_good() {
            0
        } else {
            chip.progress + 1
        };
        chip.authentic |= genuine && input == chip::Input::StoreLast;
        next.repelled |= number != chip.sequence && !verdict.is_good();
        (next != *state).then_some(next)
    }

    fn receipt(&self, state: &State, at: usize, heard: bool, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        let ours = at == state.opening.1 && at == 0;
        let input = if ours {
            issuer::Input::ProvisionReceipt
        } else {
            issuer::Input::ProvisionBadReceipt
        };
        let outcome = issuer::step(&state.issuer, &input, &self.0.weak);
        chart.ask("verifier", "issuer", input, &outcome);
        next.issuer = outcome.next;
        next.proved |= ours && outcome.out.contains(&issuer::Output::TokenActive);
        if heard {
            self.told(&mut next, &outcome.out);
        } else {
            chart.note("verifier", "does not hear the answer");
            next.losses = state.losses.checked_sub(1)?;
        }
        (next != *state).then_some(next)
    }

    fn attack(
        &self,
        state: &State,
        at: usize,
        input: chip::Input,
        chart: &mut Chart,
    ) -> Option<State> {
        let mut next = *state;
        let chip = &mut next.chips[at];
        let before = chip.state.slot;
        let verdict = self.command(chip, input);
        chart.ask("mallory", LANES[at], input, verdict);
        if chip.state.slot != before {
            chip.authentic = false;
        }
        if !verdict.is_good() {
            chip.progress = 0;
            next.repelled = true;
        }
        (next != *state).then_some(next)
    }

    fn cancel(&self, state: &State, chart: &mut Chart) -> Option<State> {
        let input = verifier::Input::Cancel;
        let outcome = verifier::step(&state.verifier, &input, &self.0.weak);
        chart.ask("alice", "verifier", input, &outcome);
        let next = State {
            verifier: outcome.next,
            owed: outcome.out.contains(&verifier::Output::AskCompensate) || state.owed,
            ..*state
        };
        (next != *state).then_some(next)
    }
}

impl Model for Provisioning {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let known = issuer::Input::EligibilityKnown;
        let decided = issuer::step(&issuer::init(), &known, &self.0.weak).next;
        let verifier = verifier::State {
            phase: verifier::Phase::AwaitIssue,
            ..verifier::init()
        };
        let bounds = self.0.bounds;
        vec![State {
            issuer: decided,
            verifier,
            chips: [fresh(), fresh()],
            opening: (0, 0),
            openings: bounds.openings,
            tears: bounds.tears,
            losses: 1,
            owed: false,
            proved: false,
            torn: false,
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

impl World for Provisioning {
    const SCOPE: Scope = Scope::Provisioning;
    const TIERS: &'static [Tier] = &[Tier::T0, Tier::T1, Tier::T2, Tier::T5];
    const WEAKNESSES: &'static [Weakness] = &[
        Weakness::IssueInTwoSteps,
        Weakness::ActivateWithoutReceipt,
        Weakness::WriteInPlace,
        Weakness::ScriptUnauthenticated,
        Weakness::SecondChip,
        Weakness::NoCompensation,
        Weakness::CompensationOnce,
    ];
    type Packed = [u64; 3];
    type Code = [u64; 1];
    const NUMBERED: &'static [(&'static [&'static str], u32)] = &[
        (&["chips[0].state", "chips[0].authentic"], 8),
        (&["chips[1].state", "chips[1].authentic"], 8),
        (&["chips[0]"], 11),
        (&["chips[1]"], 11),
        (&["issuer.request", "issuer.card"], 3),
        (&["issuer", "verifier", "owed"], 7),
    ];

    const PARTS: usize = 9;
    const TOGETHER: &'static [&'static [usize]] = &[&[0, 1, 2, 3, 8], &[4, 5, 6, 7]];

    fn actions_of(&self, part: usize, state: &State, actions: &mut Vec<Action>) {
        let minted = state.issuer.request == issuer::Request::Issued
            || state.issuer.card != issuer::Card::None;
        let at = part / 4;
        if at < 2 {
            return match part % 4 {
                _ if !minted || at >= self.chips() => {}
                0 if Self::may_start(state) => actions.push(Action::Start(at)),
                1 if Self::may_open(state, at) => actions.push(Action::Open(at)),
                0 | 1 => {}
                2 => self.answers_of_chip(state, at, actions),
                _ => self.commands_of_chip(state, at, actions),
            };
        }
        if !minted {
            actions.push(Action::Mint);
            return;
        }
        if state.verifier.phase == verifier::Phase::AwaitProvision {
            actions.extend([Action::Cancel, Action::Ask]);
        }
        if state.owed {
            actions.push(Action::Compensate);
            // An honest verifier sends it again until it is answered; a corrupt one never.
            if self.0.weak.has(Weakness::CompensationOnce) || self.0.tier >= Tier::T5 {
                actions.push(Action::Forget);
            }
        }
    }

    fn fields(part: usize) -> Fields {
        match part {
            0 | 4 => Fields::Only(OPENING),
            1 => Fields::Only(challenge_of!("chips[0]")),
            2 => Fields::Only(answers_of!("chips[0]")),
            3 => Fields::Only(commands_of!("chips[0]")),
            5 => Fields::Only(challenge_of!("chips[1]")),
            6 => Fields::Only(answers_of!("chips[1]")),
            7 => Fields::Only(commands_of!("chips[1]")),
            _ => Fields::Only(&["issuer", "verifier", "owed"]),
        }
    }

    fn reads(name: &str) -> Reads {
        Reads::Fields(Fields::Only(match name {
            "P21" => &["issuer", "proved"],
            "P22" | "P23" | "P24" => &[
                "chips[0].state",
                "chips[0].authentic",
                "chips[1].state",
                "chips[1].authentic",
            ],
            "P25" | "P45" | "TH4" | "W25 everything has come to an end" => {
                return Reads::AtEnd(Fields::Only(&[
                    "verifier.phase",
                    "issuer",
                    "chips[0].state",
                    "chips[1].state",
                ]));
            }
            _ => return Reads::Fields(Fields::All),
        }))
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
            Action::Mint => Some(self.mint(state, chart)),
            Action::Start(at) => self.start(state, at, chart),
            Action::Open(at) => self.open(state, at, chart),
            Action::Answer(at, number) => self.answer(state, at, number, chart),
            Action::Command(at, number) => self.relay(state, at, number, false, chart),
            Action::Torn(at, number) => self.relay(state, at, number, true, chart),
            Action::Cut(at) => {
                chart.note(LANES[at], "power fails");
                let chip = &mut next.chips[at];
                self.command(chip, chip::Input::Reset);
                chip.progress = 0;
                next.tears = state.tears.checked_sub(1)?;
                next.torn = true;
                Some(next)
            }
            Action::AskReceipt(at) => {
                let input = chip::Input::GetReceipt;
                let verdict = self.command(&mut next.chips[at], input);
                chart.ask("verifier", LANES[at], input, verdict);
                (next != *state).then_some(next)
            }
            Action::Receipt(at) => self.receipt(state, at, true, chart),
            Action::ReceiptUnheard(at) => self.receipt(state, at, false, chart),
            Action::Ask => {
                if state.issuer.token != Some(TokenState::Active) {
                    return None;
                }
                let input = issuer::Input::ProvisionStart;
                let outcome = issuer::step(&state.issuer, &input, &self.0.weak);
                chart.ask("verifier", "issuer", input, &outcome);
                self.told(&mut next, &outcome.out);
                (next != *state).then_some(next)
            }
            Action::Unsecured(at) => self.attack(state, at, chip::Input::StoreUnsecured, chart),
            Action::Garbled(at) => self.attack(state, at, chip::Input::StoreBadMac, chart),
            Action::Cancel => self.cancel(state, chart),
            Action::Forget => {
                chart.note("verifier", "its compensation is lost, and not sent again");
                next.owed = false;
                Some(next)
            }
            Action::Compensate => {
                let input = issuer::Input::Compensate;
                let outcome = issuer::step(&state.issuer, &input, &self.0.weak);
                chart.ask("verifier", "issuer", input, &outcome);
                next.issuer = outcome.next;
                next.owed = false;
                (next != *state).then_some(next)
            }
        }
    }

    fn checks() -> Vec<Check<Self>> {
        vec![
            Check {
                id: PropertyId::P21,
                tiers: ALL,
                holds: |_, s| s.issuer.token != Some(TokenState::Active) || s.proved,
                reached: "W21 a token is active",
                witness: |_, s| s.issuer.token == Some(TokenState::Active),
            },
            Check {
                id: PropertyId::P22,
                tiers: ALL,
                holds: |_, s| {
                    s.chips
                        .iter()
                        .all(|chip| chip.state.slot != chip::Slot::Half)
                },
                reached: "W22 power fails inside a write",
                witness: |_, s| s.torn,
            },
            Check {
                id: PropertyId::P23,
                tiers: ALL,
                holds: |_, s| s.chips.iter().all(|chip| !is_held(chip) || chip.authentic),
                reached: "W23 a chip holds a token that the issuer wrote",
                witness: |_, s| s.chips.iter().any(|chip| is_held(chip) && chip.authentic),
            },
            Check {
                id: PropertyId::P24,
                tiers: ALL,
                holds: |_, s| !s.chips.iter().all(is_held),
                reached: "W24 a chip holds the token",
                witness: |_, s| s.chips.iter().any(is_held),
            },
            Check {
                id: PropertyId::P25,
                tiers: HONEST,
                holds: |w, s| is_settled(s) || !w.is_over(s),
                reached: "W25 everything has come to an end",
                witness: |w, s| is_settled(s) && w.is_over(s),
            },
            Check {
                id: PropertyId::P45,
                tiers: HONEST,
                holds: |w, s| is_one_view(s) || !w.is_over(s),
                reached: "W45 verifier and issuer see the same token",
                witness: |_, s| is_complete(s),
            },
            Check {
                id: PropertyId::TH4,
                tiers: HONEST,
                holds: |w, s| is_settled(s) && is_one_view(s) || !w.is_over(s),
                reached: "WT4 a request that was given up is undone",
                witness: |_, s| {
                    s.verifier.phase == verifier::Phase::Cancelled
                        && s.issuer.request == issuer::Request::Tombstoned { had_card: true }
                },
            },
        ]
    }

    fn scenarios() -> Vec<Scenario<Self>> {
        vec![
            Scenario {
                name: "S1 the token is active in the chip",
                from: Tier::T0,
                seen: |_, s| is_complete(s),
            },
            Scenario {
                name: "S5 a token in the chip is undone",
                from: Tier::T0,
                seen: |_, s| is_held(&s.chips[0]) && s.issuer.token == Some(TokenState::Deleted),
            },
            Scenario {
                name: "S7 power failed, and the next try completes",
                from: Tier::T0,
                seen: |_, s| s.torn && is_complete(s),
            },
            Scenario {
                name: "S13 an attacker is refused",
                from: Tier::T1,
                seen: |_, s| s.repelled,
            },
        ]
    }

    fn opening(&self, _: &State) -> String {
        "Alice's request is decided and proved; no card is made yet.".to_owned()
    }
}

/// The chip pays with what it holds.
fn is_held(chip: &Chip) -> bool {
    chip.state.slot == chip::Slot::Active
}

fn is_complete(state: &State) -> bool {
    let issuer = &state.issuer;
    issuer.token == Some(TokenState::Active)
        && issuer.card == issuer::Card::Active
        && issuer.agreement == issuer::Agreement::Live
        && is_held(&state.chips[0])
        && state.verifier.phase == verifier::Phase::Done
}

/// Nothing that is alive is left of the request.
fn is_undone(state: &State) -> bool {
    let issuer = &state.issuer;
    issuer
        .token
        .is_none_or(|token| token == TokenState::Deleted)
        && issuer.card != issuer::Card::Active
        && issuer.agreement != issuer::Agreement::Live
}

fn is_settled(state: &State) -> bool {
    is_complete(state) || is_undone(state)
}

/// Done at the verifier is active at the issuer, and what it gave up pays no more.
fn is_one_view(state: &State) -> bool {
    let active = state.issuer.token == Some(TokenState::Active);
    match state.verifier.phase {
        verifier::Phase::Done => active,
        verifier::Phase::Cancelled => !active,
        _ => true,
    }
}
