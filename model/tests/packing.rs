//! The explorer's encodings and memories say what the worlds say: every explored state, every action.

use std::collections::{BTreeMap, BTreeSet};

use kaika_model::chart::Chart;
use kaika_model::pack::{Wide, Words};
use kaika_model::scope::issuance::Issuance;
use kaika_model::scope::manage::Manage;
use kaika_model::scope::pay::Pay;
use kaika_model::scope::provisioning::Provisioning;
use kaika_model::scope::tap::Tap;
use kaika_model::scope::whole::Whole;
use kaika_model::scope::{Fields, Reads, World};
use kaika_model::{Config, Tier, Weak};
use stateright::{Expectation, Property};

/// States of one depth that are looked at in one world, from everywhere among all: what can happen, and what comes of it to the end.
const ABREAST: usize = 700;

/// Walks a world by its own steps alone.
fn walk<W: World>(world: &W, mut look: impl FnMut(&W::State)) {
    let mut known: BTreeSet<W::State> = world.init_states().into_iter().collect();
    let mut level: Vec<W::State> = known.iter().cloned().collect();
    while !level.is_empty() {
        let far = level.len().div_ceil(ABREAST);
        level = level.into_iter().step_by(far).collect();
        let mut next = Vec::new();
        for state in &level {
            look(state);
            let mut actions = Vec::new();
            world.actions(state, &mut actions);
            for action in &actions {
                if let Some(after) = world.apply(state, action, &mut Chart::off())
                    && known.insert(after.clone())
                {
                    next.push(after);
                }
            }
        }
        level = next;
    }
}

fn mask<W: World>(fields: Fields) -> W::Packed {
    let of = |paths: &[&str]| W::Packed::mask::<W::State>(paths).unwrap_or_default();
    match fields {
        Fields::All => of(&[""]),
        Fields::Only(paths) => of(paths),
        Fields::AllBut(paths) => {
            let (mut all, but) = (of(&[""]), of(paths));
            for (word, but) in all.as_mut().iter_mut().zip(but.as_ref()) {
                *word &= !but;
            }
            all
        }
    }
}

fn masked<P: Words>(state: &P, mask: &P) -> P {
    let mut out = *state;
    for (word, mask) in out.as_mut().iter_mut().zip(mask.as_ref()) {
        *word &= mask;
    }
    out
}

/// What a part comes to is decided by the fields that it names: two states that agree in them have the same actions,
/// and what these change is the same and inside them.
fn depends_on_what_it_says<W: World>(world: &W) {
    for part in 0..W::PARTS {
        let mask = mask::<W>(W::fields(part));
        let mut seen = BTreeMap::new();
        walk(world, |state| {
            let packed = W::Packed::of(state);
            let mut actions = Vec::new();
            world.actions_of(part, state, &mut actions);
            let outcome: Vec<(String, Option<W::Packed>)> = actions
                .iter()
                .map(|action| {
                    let next = world.apply(state, action, &mut Chart::off());
                    let next = next.map(|next| masked(&W::Packed::of(&next), &mask));
                    (format!("{action:?}"), next)
                })
                .collect();
            let key = masked(&packed, &mask);
            let known = seen.entry(key).or_insert_with(|| outcome.clone());
            assert_eq!(*known, outcome, "part {part} of {} reads more", W::SCOPE);
        });
    }
}

/// Whether a part has any action is decided by the fields that it names for that.
fn wakes_where_it_says<W: World>(world: &W) {
    for part in 0..W::PARTS {
        let mask = mask::<W>(W::wakes(part));
        let mut seen = BTreeMap::new();
        walk(world, |state| {
            let mut actions = Vec::new();
            world.actions_of(part, state, &mut actions);
            let is_idle = actions.is_empty();
            let known = seen.entry(masked(&W::Packed::of(state), &mask));
            let known = *known.or_insert(is_idle);
            assert_eq!(known, is_idle, "part {part} of {} wakes by more", W::SCOPE);
        });
    }
}

/// What of a state some fields say.
fn key<W: World>(state: &W::State, fields: Fields) -> W::Packed {
    masked(&W::Packed::of(state), &mask::<W>(fields))
}

/// Whether what is looked for is in a state.
fn is_in<W: World>(world: &W, property: &Property<W>, state: &W::State) -> bool {
    (property.condition)(world, state) == (property.expectation != Expectation::Always)
}

/// Whether what is looked for is there is decided by what it is said to depend on.
fn is_looked_for_where_it_may_be<W: World>(world: &W) {
    for property in world.properties() {
        let name = format!("{} of {}", property.name, W::SCOPE);
        let is_in = |state: &W::State| is_in(world, &property, state);
        let mut seen = BTreeMap::new();
        let mut decides = |state: &W::State, fields| {
            let known = seen.entry(key::<W>(state, fields)).or_insert(is_in(state));
            assert_eq!(*known, is_in(state), "{name} depends on more");
        };
        match W::reads(property.name) {
            Reads::Fields(fields) => walk(world, |state| decides(state, fields)),
            Reads::AtEnd(fields) => walk(world, |state| match world.is_over(state) {
                true => decides(state, fields),
                false => assert!(!is_in(state), "{name} is not only at the end"),
            }),
            Reads::OneOf(_) => {}
        }
    }
}

/// What is there when one of several things is has one of them that is in no state without it.
fn is_shown_by_one_of<W: World>(world: &W) -> usize {
    let mut shown = 0;
    for property in world.properties() {
        let Reads::OneOf(parts) = W::reads(property.name) else {
            continue;
        };
        let mut with: BTreeSet<Vec<W::Packed>> = BTreeSet::new();
        let mut without: BTreeSet<(usize, W::Packed)> = BTreeSet::new();
        walk(world, |state| {
            let keys = parts.iter().map(|fields| key::<W>(state, *fields));
            if is_in(world, &property, state) {
                with.insert(keys.collect());
            } else {
                without.extend(keys.enumerate());
            }
        });
        shown += with.len();
        for keys in with {
            let mut keys = keys.into_iter().enumerate();
            assert!(
                keys.any(|key| !without.contains(&key)),
                "{} of {} depends on more",
                property.name,
                W::SCOPE
            );
        }
    }
    shown
}

/// Names do not matter: a state and its representative show the same, and what follows has the same representatives.
fn names_do_not_matter<W: World>(world: &W) {
    let followers = |state: &W::State| {
        let mut actions = Vec::new();
        world.actions(state, &mut actions);
        let next = actions
            .iter()
            .filter_map(|a| world.apply(state, a, &mut Chart::off()));
        let mut next: Vec<W::State> = next.map(|next| world.canonical(&next)).collect();
        next.sort();
        next
    };
    let properties = world.properties();
    let mut renamed = 0;
    walk(world, |state| {
        let canonical = world.canonical(state);
        assert_eq!(world.canonical(&canonical), canonical);
        if canonical == *state {
            return;
        }
        renamed += 1;
        for property in &properties {
            let holds = |state| (property.condition)(world, state);
            assert_eq!(holds(state), holds(&canonical), "{}", property.name);
        }
        assert!(followers(state) == followers(&canonical), "{state:?}");
    });
    assert_eq!(renamed > 0, W::INTERCHANGEABLE.is_some(), "{}", W::SCOPE);
}

fn comes_back<W: World>(world: &W) {
    walk(world, |state| {
        let packed = W::Packed::of(state);
        assert_eq!(packed.to::<W::State>(), *state);
    });
}

/// The specification, every single weakness, and all of them.
fn weak() -> Vec<Weak> {
    let single = kaika_spec::Weakness::ALL.iter().map(|one| Weak::only(*one));
    [Weak::HARDENED, Weak::as_claimed()]
        .into_iter()
        .chain(single)
        .collect()
}

fn of_world<W: World>(tier: Tier) {
    let config = Config::hardened(tier);
    comes_back(&W::new(config));
    for weak in weak() {
        let config = Config { weak, ..config };
        comes_back(&W::new(config));
    }
    for weak in [Weak::HARDENED, Weak::as_claimed()] {
        let world = W::new(Config { weak, ..config });
        depends_on_what_it_says(&world);
        wakes_where_it_says(&world);
        is_looked_for_where_it_may_be(&world);
        names_do_not_matter(&world);
    }
}

#[test]
fn issuance() {
    of_world::<Issuance>(Tier::T5);
}

/// How often what is one of several things is seen in a world, with each weakness in turn.
fn one_of<W: World>(tier: Tier) -> usize {
    let weak = W::WEAKNESSES.iter().map(|one| Weak::only(*one));
    let config = Config::hardened(tier);
    let shown = weak.map(|weak| is_shown_by_one_of(&W::new(Config { weak, ..config })));
    shown.sum()
}

#[test]
fn one_of_several_things() {
    let shown = [
        one_of::<Issuance>(Tier::T5),
        one_of::<Provisioning>(Tier::T2),
        one_of::<Pay>(Tier::T2),
        one_of::<Tap>(Tier::T4),
        one_of::<Manage>(Tier::T2),
        one_of::<Whole>(Tier::T5),
    ];
    assert!(shown[0] > 0, "nothing of issuance is seen");
}

#[test]
fn provisioning() {
    of_world::<Provisioning>(Tier::T2);
}

#[test]
fn pay() {
    of_world::<Pay>(Tier::T2);
}

#[test]
fn tap() {
    of_world::<Tap>(Tier::T4);
}

#[test]
fn manage() {
    of_world::<Manage>(Tier::T2);
}

#[test]
fn whole() {
    of_world::<Whole>(Tier::T5);
}

#[test]
fn no_two_fields_share_a_bit() {
    assert_eq!(
        <kaika_model::scope::manage::State as Wide>::place("issuer.held"),
        Some((23, 1))
    );
    assert_eq!(
        <kaika_model::scope::manage::State as Wide>::place("issuer.nothing"),
        None
    );
    assert_eq!(
        <kaika_model::scope::tap::State as Wide>::place("sales[2]"),
        None
    );
}
