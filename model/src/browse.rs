//! A world as Stateright's explorer shows it: steps in the words of charts, and the chart beside them.
//! Start at [`Browsed`].

use std::fmt::{self, Debug};
use std::net::SocketAddr;

use kaika_spec::Scope;
use stateright::{Expectation, Model, Path, Property};

use crate::chart::Chart;
use crate::check::in_world;
use crate::scope::{Config, World};
use crate::svg;
use crate::told::Step;

/// A world whose actions carry their words.
pub struct Browsed<W: World> {
    world: W,
    properties: Vec<Property<W>>,
}

/// An action and what it says in the state where it can happen.
#[derive(Clone)]
pub struct Told<A> {
    action: A,
    step: Step,
}

impl<A: PartialEq> PartialEq for Told<A> {
    fn eq(&self, other: &Self) -> bool {
        self.action == other.action
    }
}

impl<A> Debug for Told<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.step.action)
    }
}

/// Whether the property at one place holds. Stateright's conditions are bare functions, so each place has its own.
fn at<W: World, const AT: usize>(browsed: &Browsed<W>, state: &W::State) -> bool
where
    W::Action: Clone + PartialEq,
{
    let asked = browsed.properties.get(AT);
    asked.is_none_or(|one| (one.condition)(&browsed.world, state))
}

type Condition<W> = fn(&Browsed<W>, &<W as Model>::State) -> bool;

/// The functions of the places.
macro_rules! places {
    ($($at:literal)*) => { [$(at::<W, $at>),*] };
}

/// More than any world asks; [`Browsed::new`] says so when that changes.
const PLACES: usize = 64;

impl<W: World> Browsed<W>
where
    W::Action: Clone + PartialEq,
{
    /// The world of a configuration.
    pub fn new(config: Config) -> Self {
        let world = W::new(config);
        let properties = world.properties();
        assert!(properties.len() <= PLACES, "more properties than places");
        Self { world, properties }
    }

    fn conditions() -> [Condition<W>; PLACES] {
        places!(
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
        )
    }
}

impl<W: World> Model for Browsed<W>
where
    W::Action: Clone + PartialEq,
{
    type State = W::State;
    type Action = Told<W::Action>;

    fn init_states(&self) -> Vec<W::State> {
        self.world.init_states()
    }

    fn actions(&self, state: &W::State, actions: &mut Vec<Self::Action>) {
        let mut plain = Vec::new();
        self.world.actions(state, &mut plain);
        actions.extend(plain.into_iter().map(|action| {
            let (step, _) = Step::of(&self.world, state, &action);
            Told { action, step }
        }));
    }

    fn next_state(&self, state: &W::State, told: Self::Action) -> Option<W::State> {
        self.world.apply(state, &told.action, &mut Chart::off())
    }

    fn format_action(&self, told: &Self::Action) -> String {
        told.step.says.clone()
    }

    fn as_svg(&self, path: Path<W::State, Self::Action>) -> Option<String> {
        let mut chart = Chart::on();
        for (state, told) in path.into_vec() {
            if let Some(told) = told {
                self.world.apply(&state, &told.action, &mut chart);
            }
        }
        Some(svg::draw(W::SCOPE.name(), chart.hops()))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let places = self.properties.iter().zip(Self::conditions());
        places
            .map(|(one, condition)| match one.expectation {
                Expectation::Always => Property::always(one.name, condition),
                Expectation::Sometimes => Property::sometimes(one.name, condition),
                Expectation::Eventually => Property::eventually(one.name, condition),
            })
            .collect()
    }
}

/// Serves Stateright's own explorer of one scope; does not return.
pub fn serve(scope: Scope, config: Config, address: SocketAddr) {
    in_world!(scope, W => {
        let _ = Browsed::<W>::new(config).checker().serve(address);
    });
}
