//! A token with a PIN at a terminal that wants all of a chip: PIN, issuer's proof, both cryptograms. Power may fail at each
//! write of a counter, before it and behind it.
//!
//! No sale goes on beside it: it begins in a state of its own, so that its states are added to those of the sales and do
//! not multiply them.

use arrayvec::ArrayVec;
use kaika_spec::{Weakness, limit};

use super::{Action, State, Tap, sale};
use crate::chart::Chart;
use crate::role::chip;
use crate::scope::Tier;

/// What the chip was told in the issuer's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// Nothing.
    None,
    /// The issuer approves.
    Approves,
    /// The issuer declines.
    Declines,
    /// Not by the issuer.
    Wrong,
}

/// What there is of it beside the chip's slot and transaction counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Contact {
    /// Durable: PIN tries used in a row.
    pub failures: u8,
    /// Durable: cryptograms given for the present counter.
    pub given: u8,
    /// Durable: the last counter that ended online.
    pub last_online: u8,
    /// Volatile: the issuer's proof.
    pub proof: Proof,
    /// Power cuts left.
    pub tears: u8,
    /// History: wrong PINs that were compared since the last right one, one more than the most at most.
    pub wrong: u8,
    /// History: cryptograms of the present counter that left the chip.
    pub answered: u8,
    /// History: the chip approved against the issuer's word, or on a wrong one.
    pub against: bool,
}

/// What the terminal says to the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Command {
    /// SELECT and GET PROCESSING OPTIONS.
    Options,
    /// VERIFY with the right PIN.
    RightPin,
    /// VERIFY with a wrong one.
    WrongPin,
    /// GENERATE AC: the request.
    Request,
    /// EXTERNAL AUTHENTICATE.
    Prove(Proof),
    /// GENERATE AC: an approval.
    Approve,
}

const COMMANDS: [Command; 7] = [
    Command::Options,
    Command::RightPin,
    Command::WrongPin,
    Command::Request,
    Command::Prove(Proof::Approves),
    Command::Prove(Proof::Declines),
    Command::Approve,
];

/// The most places in a command where power can fail after something has happened and before the last.
const PLACES: usize = 3;

/// A part of what is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Counter,
    NothingGiven,
    TryUsed,
    TriesBack,
    FirstGiven,
    SecondGiven,
    LastOnline,
}

/// What happens in the chip, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// These are written, all of them or none.
    Written(&'static [Part]),
    /// The PIN is compared.
    Compared,
    /// The answer leaves.
    Answered,
}

type Events = ArrayVec<Event, 4>;

impl Tap {
    /// What a command writes of what it uses: in one piece, unless the chip writes in place.
    fn writes(&self, command: Command) -> impl Iterator<Item = Event> {
        let after = self.0.weak.has(Weakness::CountedAfter);
        let parts: &'static [Part] = match command {
            Command::Options => &[Part::Counter, Part::NothingGiven],
            Command::RightPin if after => &[],
            Command::RightPin | Command::WrongPin => &[Part::TryUsed],
            Command::Request => &[Part::FirstGiven],
            Command::Prove(_) => &[],
            Command::Approve => &[Part::SecondGiven, Part::LastOnline],
        };
        let size = if self.0.weak.has(Weakness::WriteInPlace) {
            1
        } else {
            parts.len().max(1)
        };
        parts.chunks(size).map(Event::Written)
    }

    /// What happens in the chip at a command that it takes: it writes, and then compares or answers.
    fn events(&self, command: Command) -> Events {
        let is_pin = matches!(command, Command::RightPin | Command::WrongPin);
        let used = if is_pin {
            Event::Compared
        } else {
            Event::Answered
        };
        let mut events: Events = self.writes(command).collect();
        let place = if self.0.weak.has(Weakness::CountedAfter) {
            0
        } else {
            events.len()
        };
        events.insert(place, used);
        if command == Command::RightPin {
            events.push(Event::Written(&[Part::TriesBack]));
        }
        if is_pin {
            events.push(Event::Answered);
        }
        events
    }

    /// The chip after a command that it takes.
    fn taken(&self, state: &State, contact: &Contact, command: Command) -> Option<chip::State> {
        let say = |chip: chip::State, input: chip::Input| {
            let outcome = chip::step(&chip, &input, &self.0.weak);
            outcome.verdict.is_good().then_some(outcome.next)
        };
        let chip = state.chip;
        match command {
            Command::Options if usize::from(state.atc) < state.made.len() => {
                say(say(chip, chip::Input::SelectSlot)?, chip::Input::Gpo)
            }
            Command::Options => None,
            Command::RightPin | Command::WrongPin => {
                let tries = contact.failures < limit::PIN_TRIES_MAX;
                (chip.payment == chip::Payment::Options && tries).then_some(chip)
            }
            Command::Request => say(chip, chip::Input::GenerateArqc),
            Command::Prove(_) => {
                let asks = chip.payment == chip::Payment::Asked;
                (asks && contact.proof == Proof::None).then_some(chip)
            }
            // Asked first, it is a request (`85-apdu`).
            Command::Approve if chip.payment == chip::Payment::Asked => {
                say(chip, chip::Input::GenerateTc)
            }
            Command::Approve => None,
        }
    }

    /// One event of a command.
    fn happens(&self, state: &mut State, contact: &mut Contact, command: Command, event: Event) {
        match (event, command) {
            (Event::Written(parts), _) => {
                for part in parts {
                    write(state, contact, *part);
                }
            }
            (Event::Compared, Command::WrongPin) => {
                contact.wrong = (contact.wrong + 1).min(limit::PIN_TRIES_MAX + 1);
            }
            (Event::Compared, _) => contact.wrong = 0,
            (Event::Answered, Command::Request) => contact.answered = 1,
            (Event::Answered, Command::Approve) => {
                let refused = matches!(contact.proof, Proof::Declines | Proof::Wrong);
                let approves = !refused || self.0.weak.has(Weakness::ProofIgnored);
                contact.against |= refused && approves;
                contact.answered = 2;
            }
            (Event::Answered, Command::Prove(proof)) => contact.proof = proof,
            (Event::Answered, Command::Options) => contact.proof = Proof::None,
            (Event::Answered, Command::RightPin | Command::WrongPin) => {}
        }
    }

    /// A command, whole, or cut off after some of what happens.
    fn said(
        &self,
        state: &State,
        command: Command,
        place: Option<usize>,
        chart: &mut Chart,
    ) -> Option<State> {
        let mut contact = state.contact?;
        let mut next = *state;
        next.chip = self.taken(state, &contact, command)?;
        let events = self.events(command);
        let happened = match place {
            Some(place) if place < events.len() => &events[..place],
            Some(_) => return None,
            None => &events[..],
        };
        for event in happened {
            self.happens(&mut next, &mut contact, command, *event);
        }
        tell(command, happened, &contact, chart);
        next.contact = Some(contact);
        if place.is_some() {
            return self.off(&next, chart);
        }
        (next != *state).then_some(next)
    }

    /// Power fails: what is volatile is gone.
    fn off(&self, state: &State, chart: &mut Chart) -> Option<State> {
        let contact = state.contact?;
        chart.note("chip", "power fails");
        Some(State {
            chip: chip::step(&state.chip, &chip::Input::Reset, &self.0.weak).next,
            contact: Some(Contact {
                proof: Proof::None,
                tears: contact.tears.checked_sub(1)?,
                ..contact
            }),
            ..*state
        })
    }

    pub(super) fn actions_of_contact(&self, state: &State, actions: &mut Vec<Action>) {
        let Some(contact) = state.contact else {
            return;
        };
        actions.extend(COMMANDS.map(Action::Say));
        if self.0.tier >= Tier::T1 {
            actions.push(Action::Say(Command::Prove(Proof::Wrong)));
        }
        if contact.tears > 0 {
            for command in COMMANDS {
                actions.extend((1..=PLACES).map(|place| Action::SayTorn(command, place)));
            }
            if state.chip != chip::powered_off(state.chip) {
                actions.push(Action::Off);
            }
        }
    }

    pub(super) fn contact(
        &self,
        state: &State,
        action: Action,
        chart: &mut Chart,
    ) -> Option<State> {
        match action {
            Action::Say(command) => self.said(state, command, None, chart),
            Action::SayTorn(command, place) => self.said(state, command, Some(place), chart),
            _ => self.off(state, chart),
        }
    }

    /// The initial state: nothing of the sales may happen.
    pub(super) fn at_contact(&self) -> State {
        State {
            contact: Some(Contact {
                failures: 0,
                given: 0,
                last_online: 0,
                proof: Proof::None,
                tears: self.0.bounds.tears,
                wrong: 0,
                answered: 0,
                against: false,
            }),
            timeouts: 0,
            changes: 0,
            ..self.at_shop(sale(1, 1))
        }
    }

    /// Power failed somewhere.
    pub(super) fn was_cut(&self, state: &State) -> bool {
        let left = |contact: Contact| contact.tears < self.0.bounds.tears;
        state.contact.is_some_and(left)
    }
}

fn write(state: &mut State, contact: &mut Contact, part: Part) {
    match part {
        Part::Counter => {
            state.atc += 1;
            contact.answered = 0;
        }
        Part::NothingGiven => contact.given = 0,
        Part::TryUsed => contact.failures += 1,
        Part::TriesBack => contact.failures = 0,
        Part::FirstGiven => contact.given = 1,
        Part::SecondGiven => contact.given = 2,
        Part::LastOnline => contact.last_online = state.atc,
    }
}

/// What one sees of it.
fn tell(command: Command, happened: &[Event], contact: &Contact, chart: &mut Chart) {
    chart.say(
        "shop",
        "chip",
        match command {
            Command::Options => "options",
            Command::RightPin => "the right PIN",
            Command::WrongPin => "a wrong PIN",
            Command::Request => "request a cryptogram",
            Command::Prove(Proof::Declines) => "the issuer declines",
            Command::Prove(Proof::Approves) => "the issuer approves",
            Command::Prove(_) => "a proof that is none",
            Command::Approve => "approve",
        },
    );
    for event in happened {
        match event {
            Event::Written(parts) => chart.note("chip", written(parts)),
            Event::Compared => chart.note("chip", "the PIN is compared"),
            Event::Answered => chart.answer("chip", "shop", answered(command, contact)),
        }
    }
}

fn answered(command: Command, contact: &Contact) -> String {
    let left = limit::PIN_TRIES_MAX - contact.failures;
    match command {
        Command::Request => "a request cryptogram".to_owned(),
        Command::Approve if contact.proof == Proof::None || contact.proof == Proof::Approves => {
            "an approval".to_owned()
        }
        Command::Approve if contact.against => "an approval".to_owned(),
        Command::Approve => "a decline".to_owned(),
        Command::WrongPin => format!("wrong, tries left: {left}"),
        Command::Prove(Proof::Wrong) => "wrong".to_owned(),
        _ => "good".to_owned(),
    }
}

const fn written(parts: &[Part]) -> &'static str {
    match parts {
        [Part::Counter, ..] => "counter + 1 is stored",
        [Part::TryUsed] => "a try is used up",
        [Part::TriesBack] => "the tries are given back",
        [Part::FirstGiven] => "stored: a request is given",
        [Part::SecondGiven] => "stored: an end, not that it was online",
        _ => "stored: an end, and online",
    }
}
