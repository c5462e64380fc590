//! A token that the issuer manages in its chip: suspended, resumed, deleted over the secure channel, and asked to pay in
//! between. Power may fail at each write, before it and behind it.
//!
//! Like `contact.rs` a corner of its own, without sales beside it.

use arrayvec::ArrayVec;
use kaika_spec::Weakness;

use super::{Action, State, Tap, sale};
use crate::chart::Chart;
use crate::role::{Verdict, chip};
use crate::scope::Tier;

/// The last that the chip said of its token, while nobody took it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// That it is suspended.
    Suspended,
    /// That it is deleted.
    Deleted,
}

/// What there is of it beside the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Managed {
    /// Durable: the token's keys are there.
    pub keys: bool,
    /// Durable: the number of the last challenge.
    pub sequence: u8,
    /// Power cuts left.
    pub tears: u8,
    /// History: the number of the last challenge that left the chip.
    pub heard: u8,
    /// History: wrong openings that were answered since a right one was taken.
    pub wrong: u8,
    /// History: what it said.
    pub said: Said,
    /// History: it was asked to pay after that, and did not.
    pub kept: bool,
    /// History: it was asked to pay after that, and did.
    pub against: bool,
}

/// What comes to the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Command {
    /// SELECT and INITIALIZE UPDATE.
    Challenge,
    /// EXTERNAL AUTHENTICATE.
    Open,
    /// The same with a cryptogram that is not the issuer's.
    OpenWrong,
    /// SUSPEND.
    Suspend,
    /// RESUME.
    Resume,
    /// DELETE.
    Delete,
    /// A terminal: SELECT, GET PROCESSING OPTIONS, GENERATE AC.
    Pay,
}

const COMMANDS: [Command; 6] = [
    Command::Challenge,
    Command::Open,
    Command::Suspend,
    Command::Resume,
    Command::Delete,
    Command::Pay,
];

/// The most challenges.
const CHALLENGES: u8 = 3;

/// The most places in a command where power can fail after something has happened and before the last.
const PLACES: usize = 2;

/// A part of what is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Sequence,
    Tries,
    Slot,
    Keys,
}

/// What happens in the chip, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// These are written, all of them or none.
    Written(&'static [Part]),
    /// The answer leaves.
    Answered,
}

type Events = ArrayVec<Event, 3>;

impl Command {
    const fn writes(self) -> &'static [Part] {
        match self {
            Self::Challenge => &[Part::Sequence],
            Self::Open | Self::OpenWrong => &[Part::Tries],
            Self::Suspend | Self::Resume => &[Part::Slot],
            Self::Delete => &[Part::Slot, Part::Keys],
            Self::Pay => &[],
        }
    }
}

impl Tap {
    /// A command writes in one piece, and then answers.
    fn events_of(&self, command: Command) -> Events {
        let parts = command.writes();
        let size = if self.0.weak.has(Weakness::WriteInPlace) {
            1
        } else {
            parts.len().max(1)
        };
        let mut events: Events = parts.chunks(size).map(Event::Written).collect();
        let place = if self.0.weak.has(Weakness::CountedAfter) {
            0
        } else {
            events.len()
        };
        events.insert(place, Event::Answered);
        events
    }

    /// The chip after a command that changes something in it.
    fn managed_to(
        &self,
        state: &State,
        managed: &Managed,
        command: Command,
    ) -> Option<chip::State> {
        let say = |chip: chip::State, input: chip::Input| {
            let outcome = chip::step(&chip, &input, &self.0.weak);
            (outcome.next, outcome.verdict)
        };
        let good = |input: chip::Input| {
            let (next, verdict) = say(state.chip, input);
            verdict.is_good().then_some(next)
        };
        match command {
            Command::Challenge if managed.sequence < CHALLENGES => {
                let (selected, _) = say(state.chip, chip::Input::SelectDomain);
                let (next, verdict) = say(selected, chip::Input::InitUpdate);
                verdict.is_good().then_some(next)
            }
            Command::Challenge => None,
            Command::Open => good(chip::Input::ExtAuth),
            Command::OpenWrong => {
                let asked = state.chip.channel == chip::Channel::Challenged;
                asked.then(|| say(state.chip, chip::Input::ExtAuthBadCryptogram).0)
            }
            Command::Suspend => good(chip::Input::Suspend),
            Command::Resume => good(chip::Input::Resume),
            Command::Delete => good(chip::Input::Delete),
            Command::Pay => Some(say(state.chip, chip::Input::SelectSlot).0),
        }
    }

    /// Whether a terminal that asks gets a cryptogram of it, and the chip afterwards.
    fn paid(&self, selected: chip::State) -> (bool, chip::State) {
        let options = chip::step(&selected, &chip::Input::Gpo, &self.0.weak);
        if !options.verdict.is_good() {
            return (false, options.next);
        }
        let outcome = chip::step(&options.next, &chip::Input::GenerateArqc, &self.0.weak);
        (outcome.verdict == Verdict::Sw(0x9000), outcome.next)
    }

    /// A command, whole, or cut off after some of what happens.
    fn managed_by(
        &self,
        state: &State,
        command: Command,
        place: Option<usize>,
        chart: &mut Chart,
    ) -> Option<State> {
        let mut managed = state.managed?;
        let events = self.events_of(command);
        let happened = match place {
            Some(place) if place < events.len() => &events[..place],
            Some(_) => return None,
            None => &events[..],
        };
        let whole = self.managed_to(state, &managed, command)?;
        let mut next = *state;
        // What is volatile is changed, what is durable is written.
        next.chip = chip::State {
            slot: state.chip.slot,
            tries: state.chip.tries,
            ..whole
        };
        chart.say(speaker(command), "chip", told(command));
        let number = managed.sequence + 1;
        for event in happened {
            match event {
                Event::Written(parts) => {
                    chart.note("chip", written(parts));
                    for part in *parts {
                        match part {
                            Part::Sequence => managed.sequence = number,
                            Part::Tries => next.chip.tries = whole.tries,
                            Part::Slot => next.chip.slot = whole.slot,
                            Part::Keys => managed.keys = false,
                        }
                    }
                }
                Event::Answered => {
                    self.answers(&mut next, &mut managed, command, number, chart);
                }
            }
            match command {
                Command::Resume => managed.said = Said::Nothing,
                Command::Open => managed.wrong = 0,
                _ => {}
            }
        }
        next.managed = Some(managed);
        if place.is_some() {
            return self.managed_off(&next, chart);
        }
        (next != *state).then_some(next)
    }

    /// The answer to a command leaves the chip.
    fn answers(
        &self,
        next: &mut State,
        managed: &mut Managed,
        command: Command,
        number: u8,
        chart: &mut Chart,
    ) {
        let mut answer = "9000";
        match command {
            Command::Challenge => managed.heard = number,
            Command::OpenWrong => {
                managed.wrong += 1;
                answer = "6300";
            }
            Command::Suspend => managed.said = Said::Suspended,
            Command::Delete => managed.said = Said::Deleted,
            Command::Open | Command::Resume => {}
            Command::Pay => {
                let (pays, chip) = self.paid(next.chip);
                next.chip = chip;
                let silent = managed.said != Said::Nothing;
                managed.against |= silent && pays;
                managed.kept |= silent && !pays;
                answer = if pays {
                    "a cryptogram"
                } else {
                    "no cryptogram"
                };
            }
        }
        chart.answer("chip", speaker(command), answer);
    }

    /// Power fails: what is volatile is gone.
    pub(super) fn managed_off(&self, state: &State, chart: &mut Chart) -> Option<State> {
        let managed = state.managed?;
        chart.note("chip", "power fails");
        Some(State {
            chip: chip::step(&state.chip, &chip::Input::Reset, &self.0.weak).next,
            managed: Some(Managed {
                tears: managed.tears.checked_sub(1)?,
                ..managed
            }),
            ..*state
        })
    }

    pub(super) fn actions_of_manager(&self, state: &State, actions: &mut Vec<Action>) {
        let Some(managed) = state.managed else {
            return;
        };
        let wrong = (self.0.tier >= Tier::T1).then_some(Command::OpenWrong);
        for command in COMMANDS.into_iter().chain(wrong) {
            actions.push(Action::Manage(command));
            if managed.tears > 0 {
                actions.extend((1..=PLACES).map(|place| Action::ManageTorn(command, place)));
            }
        }
        if managed.tears > 0 && state.chip != chip::powered_off(state.chip) {
            actions.push(Action::ManageOff);
        }
    }

    pub(super) fn manage(&self, state: &State, action: Action, chart: &mut Chart) -> Option<State> {
        match action {
            Action::Manage(command) => self.managed_by(state, command, None, chart),
            Action::ManageTorn(command, place) => {
                self.managed_by(state, command, Some(place), chart)
            }
            _ => self.managed_off(state, chart),
        }
    }

    /// The initial state: nothing of the sales may happen.
    pub(super) fn at_manager(&self) -> State {
        State {
            managed: Some(Managed {
                keys: true,
                sequence: 0,
                tears: self.0.bounds.tears,
                heard: 0,
                wrong: 0,
                said: Said::Nothing,
                kept: false,
                against: false,
            }),
            timeouts: 0,
            changes: 0,
            ..self.at_shop(sale(1, 1))
        }
    }
}

/// What it answered it has stored, and a token that is deleted has no keys.
pub(super) fn is_whole(state: &State, managed: &Managed) -> bool {
    let deleted = state.chip.slot == chip::Slot::Deleted;
    managed.sequence >= managed.heard
        && state.chip.tries >= managed.wrong
        && deleted != managed.keys
        && (deleted || managed.said != Said::Deleted)
        && (state.chip.slot != chip::Slot::Active || managed.said != Said::Suspended)
}

const fn speaker(command: Command) -> &'static str {
    match command {
        Command::Pay => "shop",
        Command::OpenWrong => "mallory",
        _ => "issuer",
    }
}

const fn told(command: Command) -> &'static str {
    match command {
        Command::Challenge => "give a challenge",
        Command::Open | Command::OpenWrong => "open the channel",
        Command::Suspend => "suspend",
        Command::Resume => "resume",
        Command::Delete => "delete",
        Command::Pay => "pay",
    }
}

const fn written(parts: &[Part]) -> &'static str {
    match parts {
        [Part::Sequence] => "the challenge's number is stored",
        [Part::Tries] => "the tries are stored",
        [Part::Slot] => "the token's state is stored",
        [Part::Keys] => "the keys are wiped",
        _ => "stored: deleted, and the keys wiped",
    }
}
