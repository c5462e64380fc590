//! Five worlds and one that crosses them: roles composed with a network, faults and an attacker. Start at [`World`].
//!
//! What the network heard is a set that only grows: a message in it may come late, twice, after others, or never. So
//! loss, duplication, reordering and replay need no actions of their own. An attacker adds only what it can build:
//! it knows what it heard and what is its own, and is given a message only where it could be made from that.

pub mod issuance;
pub mod manage;
pub mod pay;
pub mod provisioning;
pub mod tap;
pub mod whole;

use std::fmt::Debug;
use std::hash::Hash;

use kaika_spec::{PropertyId, Scope, Weakness};
use stateright::{Model, Property};

pub use crate::bounds::Bounds;
use crate::chart::Chart;
use crate::pack::{Wide, Words};
use crate::role::Weak;

/// Whom the protocol is checked against; each has the powers of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Nobody: loss, duplication, reordering, crashes and tears.
    T0,
    /// The network between terminal and verifier and the field of the reader at the shop: hear, drop, replay, inject.
    T1,
    /// A customer with an account, a chip and a card of its own, who knows a victim's name and identity number.
    T2,
    /// Somebody who was told the victim's password and reads the victim's texts: phishing, a swapped SIM.
    T3,
    /// A camera that is fed pictures, a screen that shows one thing while another is signed, a shop that lies, a relay.
    T4,
    /// The verifier itself says to the issuer, and to the terminal, what it likes.
    T5,
}

impl Tier {
    /// Every tier, weakest first.
    pub const ALL: &'static [Self] = &[Self::T0, Self::T1, Self::T2, Self::T3, Self::T4, Self::T5];

    /// `T0`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::T0 => "T0",
            Self::T1 => "T1",
            Self::T2 => "T2",
            Self::T3 => "T3",
            Self::T4 => "T4",
            Self::T5 => "T5",
        }
    }

    /// The tier with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|tier| tier.name().eq_ignore_ascii_case(name))
    }
}

/// What is checked: the weaknesses taken, the attacker, and how much may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The countermeasures that are absent.
    pub weak: Weak,
    /// The attacker.
    pub tier: Tier,
    /// How much may happen.
    pub bounds: Bounds,
}

impl Config {
    /// The specification against one tier, at default bounds.
    pub const fn hardened(tier: Tier) -> Self {
        Self {
            weak: Weak::HARDENED,
            tier,
            bounds: Bounds::DEFAULT,
        }
    }
}

/// A property, and the state that shows it is not true for want of anything to be true of.
pub struct Check<W: Model> {
    /// Its id.
    pub id: PropertyId,
    /// The tiers in which it must hold.
    pub tiers: &'static [Tier],
    /// Whether it holds in a state.
    pub holds: fn(&W, &W::State) -> bool,
    /// What must be reachable.
    pub reached: &'static str,
    /// Whether that is so in a state.
    pub witness: fn(&W, &W::State) -> bool,
}

/// A scenario that must be reachable in the specification.
pub struct Scenario<W: Model> {
    /// `S1 …`.
    pub name: &'static str,
    /// The least tier in which it can happen.
    pub from: Tier,
    /// Whether it has happened.
    pub seen: fn(&W, &W::State) -> bool,
}

/// Every tier.
pub const ALL: &[Tier] = Tier::ALL;
/// Every tier below the corrupt verifier.
pub const HONEST: &[Tier] = &[Tier::T0, Tier::T1, Tier::T2, Tier::T3, Tier::T4];
/// Every tier below the compromised phone or shop.
pub const REMOTE: &[Tier] = &[Tier::T0, Tier::T1, Tier::T2, Tier::T3];
/// Every tier below the victim's own password and texts.
pub const STRANGER: &[Tier] = &[Tier::T0, Tier::T1, Tier::T2];

/// Fields of a state by their paths: `sales[1].given`.
#[derive(Clone, Copy, Debug)]
pub enum Fields {
    /// All.
    All,
    /// These.
    Only(&'static [&'static str]),
    /// All but these.
    AllBut(&'static [&'static str]),
}

/// On what it depends whether something that is looked for is there.
#[derive(Clone, Copy, Debug)]
pub enum Reads {
    /// On these fields.
    Fields(Fields),
    /// It is there when one of several things is, each of which depends on these fields.
    OneOf(&'static [Fields]),
    /// It is only there where nothing can happen any more, and then depends on these fields.
    AtEnd(Fields),
}

/// A composition of roles. [`World::apply`] is its only transition.
pub trait World:
    Model<State: Wide + Eq + Ord + Hash + Debug + Clone + Send + Sync, Action: Debug + Send + Sync>
    + Send
    + Sync
    + Sized
{
    /// Which scope of the specification.
    const SCOPE: Scope;

    /// The tiers at which it differs from the tier before.
    const TIERS: &'static [Tier];

    /// The weaknesses that change something in it.
    const WEAKNESSES: &'static [Weakness];

    /// What its states are packed into.
    type Packed: Words;

    /// What the explorer keeps them as, as long as there are numbers enough for what is numbered.
    type Code: Words;

    /// Fields of which few combinations occur, and in how many bits they are numbered when `Code` is narrower than `Packed`; of
    /// what is named twice the first counts. It is measured at the default bounds: more values cost time, and nothing else.
    const NUMBERED: &'static [(&'static [&'static str], u32)] = &[];

    /// Into how many parts its actions fall, in the order of [`Model::actions`].
    const PARTS: usize;

    /// The actions of one part.
    fn actions_of(&self, part: usize, state: &Self::State, actions: &mut Vec<Self::Action>);

    /// The fields that the actions of one part read or write.
    fn fields(part: usize) -> Fields;

    /// Parts that the explorer looks up in one, where few combinations of all their fields occur; those that are not named it looks up one by
    /// one. Only speed hangs on it.
    const TOGETHER: &'static [&'static [usize]] = &[];

    /// The fields that decide whether one part has any action: it is not run where it has none.
    fn wakes(part: usize) -> Fields {
        Self::fields(part)
    }

    /// What a property (by its id), a witness or a scenario (by its name) depends on: it is looked for only where that
    /// has changed. What is not said here depends on everything, which takes time and nothing else.
    fn reads(_name: &str) -> Reads {
        Reads::Fields(Fields::All)
    }

    /// What is interchangeable here, in words; `None` when nothing is.
    const INTERCHANGEABLE: Option<&'static str> = None;

    /// One state for all that differ only in the names of what is interchangeable. Renaming must change neither what
    /// may happen next, but for the names, nor what is asked of a state.
    fn canonical(&self, state: &Self::State) -> Self::State {
        state.clone()
    }

    /// The world of a configuration.
    fn new(config: Config) -> Self;

    /// Its configuration.
    fn config(&self) -> &Config;

    /// What an action comes to; `None` when nothing changes.
    fn apply(
        &self,
        state: &Self::State,
        action: &Self::Action,
        chart: &mut Chart,
    ) -> Option<Self::State>;

    /// Its properties.
    fn checks() -> Vec<Check<Self>>;

    /// Its scenarios.
    fn scenarios() -> Vec<Scenario<Self>>;

    /// What the two parties of the first lines of a chart have; a sentence for each initial state.
    fn opening(&self, state: &Self::State) -> String;

    /// The actions of every part, in order.
    fn all_actions(&self, state: &Self::State, actions: &mut Vec<Self::Action>) {
        for part in 0..Self::PARTS {
            self.actions_of(part, state, actions);
        }
    }

    /// Whether nothing can happen any more.
    fn is_over(&self, state: &Self::State) -> bool {
        let mut actions = Vec::new();
        self.actions(state, &mut actions);
        actions
            .iter()
            .all(|action| self.apply(state, action, &mut Chart::off()).is_none())
    }
}

/// A property that is never violated.
pub(crate) const TO_THE_END: &str = "every state is looked at";

/// What Stateright is asked: every property as `always`, whether it must hold against this tier or not; its witness and
/// the scenarios as `sometimes`.
pub fn properties<W: World>(config: &Config) -> Vec<Property<W>> {
    let asked: Vec<Check<W>> = W::checks();
    let always = asked
        .iter()
        .map(|check| Property::always(check.id.name(), check.holds));
    let witnesses = asked
        .iter()
        .map(|check| Property::sometimes(check.reached, check.witness));
    let scenarios = W::scenarios()
        .into_iter()
        .filter(|scenario| scenario.from <= config.tier)
        .map(|scenario| Property::sometimes(scenario.name, scenario.seen));
    // Stateright stops when it has found all that it looks for. It shall go to the end.
    let endless = Property::always(TO_THE_END, |_, _| true);
    always
        .chain(witnesses)
        .chain(scenarios)
        .chain([endless])
        .collect()
}

/// The issuer's record of a customer whose card's token is active in a chip.
fn holding() -> crate::role::issuer::State {
    use crate::role::issuer::{Input, init, step};
    let way = [
        Input::EligibilityKnown,
        Input::IssueOtp,
        Input::ProvisionStart,
        Input::ProvisionAnswers,
        Input::ProvisionReceipt,
    ];
    way.iter().fold(init(), |state, input| {
        step(&state, input, &Weak::HARDENED).next
    })
}
