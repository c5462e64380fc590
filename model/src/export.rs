//! The labelled transition system of a scope, for other tools. Start at [`export`].
//!
//! A breadth-first walk of its own over [`World`], so that a state's number is the order in which it is found. Nothing
//! is written before the whole system is known to fit into the limit.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};

use kaika_spec::{PropertyId, Scope, Weakness};
use serde_json::json;
use stateright::Expectation;

use crate::check::in_world;
use crate::pack::Words;
use crate::scope::{Config, World};
use crate::told::Step;

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Aldebaran's `.aut`, as CADP and mCRL2 read it.
    Aut,
    /// Graphviz.
    Dot,
    /// JSON, one value a line: what it is, then the states, then the transitions.
    Json,
}

/// One transition; the step is a place in [`System::steps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Before.
    pub from: u32,
    /// After.
    pub to: u32,
    /// What happens.
    pub step: u32,
}

/// The labelled transition system of one scope.
#[derive(Clone, Debug)]
pub struct System {
    /// The scope.
    pub scope: Scope,
    /// Weaknesses, attacker and bounds.
    pub config: Config,
    /// What is so at the beginning: the states 0, 1 and so on.
    pub openings: Vec<String>,
    /// How many states.
    pub states: u32,
    /// Every step that occurs, once.
    pub steps: Vec<Step>,
    /// Every transition, in the order of the states that they leave.
    pub transitions: Vec<Transition>,
    /// The states where properties are violated.
    pub violations: BTreeMap<u32, Vec<PropertyId>>,
}

/// The scope has more states than were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// The scope.
    pub scope: Scope,
    /// The limit.
    pub limit: u32,
}

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} has more than {} states, and nothing was written: give --limit more, or take a lesser --tier",
            self.scope, self.limit
        )
    }
}

impl std::error::Error for TooMany {}

/// Explores one scope, if it has at most `limit` states.
pub fn export(scope: Scope, config: Config, limit: u32) -> Result<System, TooMany> {
    in_world!(scope, W => Walk::<W>::new(config, limit).finish())
}

/// The walk.
struct Walk<W: World> {
    world: W,
    limit: u32,
    numbers: BTreeMap<W::Packed, u32>,
    order: Vec<W::Packed>,
    steps: BTreeMap<Step, u32>,
    transitions: Vec<Transition>,
    violations: BTreeMap<u32, Vec<PropertyId>>,
}

impl<W: World> Walk<W> {
    fn new(config: Config, limit: u32) -> Self {
        Self {
            world: W::new(config),
            limit,
            numbers: BTreeMap::new(),
            order: Vec::new(),
            steps: BTreeMap::new(),
            transitions: Vec::new(),
            violations: BTreeMap::new(),
        }
    }

    fn finish(mut self) -> Result<System, TooMany> {
        let mut openings = Vec::new();
        for state in self.world.init_states() {
            let known = self.order.len();
            self.number(&state)?;
            if self.order.len() > known {
                openings.push(self.world.opening(&state));
            }
        }
        let mut at = 0;
        while let Some(packed) = self.order.get(at) {
            let state = packed.to();
            self.leave(at as u32, &state)?;
            at += 1;
        }
        let mut steps: Vec<(Step, u32)> = self.steps.into_iter().collect();
        steps.sort_by_key(|(_, place)| *place);
        Ok(System {
            scope: W::SCOPE,
            config: *self.world.config(),
            openings,
            states: self.order.len() as u32,
            steps: steps.into_iter().map(|(step, _)| step).collect(),
            transitions: self.transitions,
            violations: self.violations,
        })
    }

    /// The number of a state, a new one for a new state.
    fn number(&mut self, state: &W::State) -> Result<u32, TooMany> {
        let packed = W::Packed::of(state);
        if let Some(number) = self.numbers.get(&packed) {
            return Ok(*number);
        }
        let number = self.order.len() as u32;
        if number == self.limit {
            return Err(TooMany {
                scope: W::SCOPE,
                limit: self.limit,
            });
        }
        self.numbers.insert(packed, number);
        self.order.push(packed);
        Ok(number)
    }

    /// Every transition from a state, and what is violated in it.
    fn leave(&mut self, from: u32, state: &W::State) -> Result<(), TooMany> {
        let violated = violated(&self.world, state);
        if !violated.is_empty() {
            self.violations.insert(from, violated);
        }
        let mut actions = Vec::new();
        self.world.actions(state, &mut actions);
        for action in &actions {
            let (step, Some(next)) = Step::of(&self.world, state, action) else {
                continue;
            };
            let to = self.number(&next)?;
            let fresh = self.steps.len() as u32;
            let step = *self.steps.entry(step).or_insert(fresh);
            self.transitions.push(Transition { from, to, step });
        }
        Ok(())
    }
}

/// The properties that do not hold in a state.
pub fn violated<W: World>(world: &W, state: &W::State) -> Vec<PropertyId> {
    let asked = world.properties().into_iter();
    asked
        .filter(|one| one.expectation == Expectation::Always && !(one.condition)(world, state))
        .filter_map(|one| PropertyId::from_name(one.name))
        .collect()
}

impl System {
    /// Writes the system.
    pub fn write(&self, format: Format, to: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Aut => self.aut(to),
            Format::Dot => self.dot(to),
            Format::Json => self.json(to),
        }
    }

    /// A `.aut` has one initial state. Where the scope has more, a state 0 is put before them, all else moves up by one.
    fn aut(&self, to: &mut dyn Write) -> io::Result<()> {
        let roots: &[String] = match self.openings.len() {
            0 | 1 => &[],
            _ => &self.openings,
        };
        let up = u32::from(!roots.is_empty());
        let transitions = self.transitions.len() + roots.len();
        writeln!(to, "des (0, {transitions}, {})", self.states + up)?;
        for (at, opening) in roots.iter().enumerate() {
            writeln!(to, "(0, {}, {})", quoted(opening), at as u32 + up)?;
        }
        for one in &self.transitions {
            let label = quoted(self.says(*one));
            writeln!(to, "({}, {label}, {})", one.from + up, one.to + up)?;
        }
        Ok(())
    }

    fn dot(&self, to: &mut dyn Write) -> io::Result<()> {
        writeln!(to, "digraph {} {{", quoted(self.scope.name()))?;
        for (at, opening) in self.openings.iter().enumerate() {
            writeln!(to, "  {at} [shape=box, tooltip={}];", quoted(opening))?;
        }
        for (at, violated) in &self.violations {
            let label = format!("{at}: {}", names(violated).join(" "));
            writeln!(to, "  {at} [color=red, label={}];", quoted(&label))?;
        }
        for one in &self.transitions {
            let label = quoted(self.says(*one));
            writeln!(to, "  {} -> {} [label={label}];", one.from, one.to)?;
        }
        writeln!(to, "}}")
    }

    fn json(&self, to: &mut dyn Write) -> io::Result<()> {
        let weak: Vec<&str> = self.config.weak.list().map(Weakness::name).collect();
        let head = json!({
            "scope": self.scope.name(),
            "tier": self.config.tier.name(),
            "weaknesses": weak,
            "states": self.states,
            "transitions": self.transitions.len(),
            "openings": self.openings,
        });
        writeln!(to, "{head}")?;
        for state in 0..self.states {
            let violated = self.violations.get(&state).map(|ids| names(ids));
            let line = json!({ "state": state, "violated": violated.unwrap_or_default() });
            writeln!(to, "{line}")?;
        }
        for one in &self.transitions {
            let step = self.steps.get(one.step as usize);
            let line = json!({
                "from": one.from,
                "to": one.to,
                "action": step.map(|step| &step.action),
                "says": step.map(|step| &step.says),
            });
            writeln!(to, "{line}")?;
        }
        Ok(())
    }

    fn says(&self, one: Transition) -> &str {
        let step = self.steps.get(one.step as usize);
        step.map_or("", |step| step.says.as_str())
    }
}

fn names(ids: &[PropertyId]) -> Vec<&'static str> {
    ids.iter().map(|id| id.name()).collect()
}

/// In quotes, on one line.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn labels_are_quoted() {
        assert_eq!(quoted("a -> b: c(d)"), "\"a -> b: c(d)\"");
        assert_eq!(quoted("say \"so\"\\\n"), "\"say \\\"so\\\"\\\\ \"");
    }
}
