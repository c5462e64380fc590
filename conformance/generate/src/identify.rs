//! State identification: after every transition, what tells the state that was reached from every other (the HSI
//! method: harmonised state identifiers). Start at [`suite`].
//!
//! For each two states of a chapter there is a shortest sequence of inputs that both may be told and that they answer
//! otherwise; of several, one that needs no clock. The identifier of a state is the set of its sequences. A test is the
//! way to a state, an input, and one sequence of the identifier of the state that this leads to. Where the input leaves more
//! behind than the machine's state, it is followed by a continuation as in the standard tier.

use std::collections::BTreeSet;
use std::rc::Rc;

use kaika_conformance::format::{Criterion, File, Origin};
use kaika_model::Machine;

use crate::script::{Input, Script};
use crate::suite::{Ending, Shelf, graph, names, test};
use crate::walk::{ANY, Graph, Transition};

/// What identification can tell in one chapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Of which chapter.
    pub chapter: &'static str,
    /// States that differ in what is seen or in what can be said.
    pub states: usize,
    /// Pairs of them.
    pub pairs: usize,
    /// Pairs that no sequence tells: what can be said in one of them only is not asked of the other.
    pub alike: usize,
    /// The longest sequence.
    pub longest: usize,
    /// How many tests.
    pub tests: usize,
}

/// Sequences that tell states, by the numbers of letters.
struct Separation<'a, M: Machine> {
    graph: &'a Graph<M>,
    /// For each pair the first letter of its sequence.
    first: Vec<Vec<Option<usize>>>,
}

impl<'a, M: Machine> Separation<'a, M> {
    /// Finds the shortest sequences: with the letters that need no clock as far as they go, then with all that tell.
    fn of(
        graph: &'a Graph<M>,
        tells: impl Fn(&M::Input) -> bool,
        clock: impl Fn(&M::Input) -> bool,
    ) -> Self {
        let count = graph.classes.len();
        let mut found = Self {
            graph,
            first: vec![vec![None; count]; count],
        };
        let all = 0..graph.alphabet.len();
        let all: Vec<usize> = all.filter(|at| tells(&graph.alphabet[*at])).collect();
        let (late, quick): (Vec<usize>, Vec<usize>) =
            all.iter().partition(|at| clock(&graph.alphabet[**at]));
        found.search(&quick);
        if !late.is_empty() {
            found.search(&all);
        }
        found
    }

    /// Goes on until no pair more is told; a round finds the sequences that are one longer than the last round's.
    fn search(&mut self, letters: &[usize]) {
        loop {
            let fresh: Vec<(usize, usize, usize)> = self
                .pairs()
                .filter(|(one, other)| self.first[*one][*other].is_none())
                .filter_map(|(one, other)| {
                    let tells = |letter: &&usize| self.tells(one, other, **letter);
                    let letter = letters.iter().find(tells)?;
                    Some((one, other, *letter))
                })
                .collect();
            if fresh.is_empty() {
                return;
            }
            for (one, other, letter) in fresh {
                self.first[one][other] = Some(letter);
                self.first[other][one] = Some(letter);
            }
        }
    }

    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + use<M> {
        let count = self.graph.classes.len();
        (0..count).flat_map(move |one| (one + 1..count).map(move |other| (one, other)))
    }

    /// Whether the letter is answered otherwise, or leads to a pair that is told already.
    fn tells(&self, one: usize, other: usize, letter: usize) -> bool {
        let cells = &self.graph.cells;
        match (cells[one][letter], cells[other][letter]) {
            (Some(here), Some(there)) => {
                here.seen != there.seen || self.first[here.next][there.next].is_some()
            }
            _ => false,
        }
    }

    /// The sequence that tells two states; nothing when there is none.
    fn sequence(&self, one: usize, other: usize) -> Option<Vec<usize>> {
        let (mut one, mut other) = (one, other);
        let mut letters = Vec::new();
        loop {
            let letter = self.first[one][other]?;
            letters.push(letter);
            let (here, there) = (
                self.graph.cells[one][letter]?,
                self.graph.cells[other][letter]?,
            );
            if here.seen != there.seen {
                return Some(letters);
            }
            (one, other) = (here.next, there.next);
        }
    }

    /// What tells a state from every other: no sequence is the beginning of another.
    fn identifier(&self, state: usize) -> Vec<Vec<usize>> {
        let others = (0..self.graph.classes.len()).filter(|other| *other != state);
        let all: BTreeSet<Vec<usize>> = others
            .filter_map(|other| self.sequence(state, other))
            .collect();
        longest(all).into_iter().collect()
    }
}

/// Without those that are the beginning of another: in this order, of the next.
fn longest(all: BTreeSet<Vec<usize>>) -> BTreeSet<Vec<usize>> {
    let next = all.iter().skip(1).map(Some).chain([None]);
    let ends = |(one, next): (&Vec<usize>, Option<&Vec<usize>>)| {
        let begins = next.is_some_and(|next| next.starts_with(one));
        (!begins).then(|| one.clone())
    };
    all.iter().zip(next).filter_map(ends).collect()
}

/// One test to be: a transition, and the letters that follow.
struct Planned<M: Machine> {
    transition: Rc<Transition<M>>,
    identifier: Vec<M::Input>,
}

/// The tests of a chapter, in the order of its transitions, and what they can tell.
fn planned<S: Script>(chapter: &'static str, alphabet: &[Input<S>]) -> (Vec<Planned<S::M>>, Reach) {
    let graph = graph::<S>(alphabet, ANY);
    let apart = Separation::of(&graph, S::tells, |input| {
        S::needs(input) == Some("hook:clock")
    });
    let identifiers: Vec<Vec<Vec<usize>>> = (0..graph.classes.len())
        .map(|state| apart.identifier(state))
        .collect();
    let letter = |input: &Input<S>| alphabet.iter().position(|one| one == input);
    let mut all = Vec::new();
    for transition in graph.transitions().into_iter().map(Rc::new) {
        let path: Option<Vec<usize>> = transition.path().iter().map(letter).collect();
        let next = graph.class(&transition.outcome.next);
        let (Some(path), Some(next)) = (path, next) else {
            continue;
        };
        let none = vec![Vec::new()];
        let leaves = S::leaves(&transition.way, &transition.input);
        let identifier = match leaves || identifiers[next].is_empty() {
            true => &none,
            false => &identifiers[next],
        };
        for sequence in identifier {
            let whole: Vec<usize> = path.iter().chain(sequence).copied().collect();
            let inputs = sequence.iter().map(|at| alphabet[*at]).collect();
            let plan = Planned {
                transition: Rc::clone(&transition),
                identifier: inputs,
            };
            all.push((whole, plan));
        }
    }
    let mut kept = longest(all.iter().map(|(whole, _)| whole.clone()).collect());
    let plans: Vec<_> = all
        .into_iter()
        .filter(|(whole, _)| kept.remove(whole))
        .map(|(_, plan)| plan)
        .collect();
    let pairs = apart.pairs().count();
    let told: Vec<usize> = apart
        .pairs()
        .filter_map(|(one, other)| Some(apart.sequence(one, other)?.len()))
        .collect();
    let reach = Reach {
        chapter,
        states: graph.classes.len(),
        pairs,
        alike: pairs - told.len(),
        longest: told.into_iter().max().unwrap_or(0),
        tests: plans.len(),
    };
    (plans, reach)
}

/// What identification can tell of a role.
pub(crate) fn reach<S: Script>() -> Vec<Reach> {
    let chapters = S::M::chapters().into_iter();
    chapters
        .map(|(chapter, alphabet)| planned::<S>(chapter, &alphabet).1)
        .collect()
}

/// The identification tier of a role.
///
/// # Errors
/// Which part's template is no step.
pub(crate) fn suite<S: Script>(digest: &str) -> Result<File, String> {
    let mut shelf = Shelf::default();
    for (chapter, alphabet) in S::M::chapters() {
        let place = format!("identification/{chapter}");
        for plan in planned::<S>(chapter, &alphabet).0 {
            let path = [plan.transition.path(), plan.identifier.clone()].concat();
            let origin = Origin {
                criterion: Criterion::Identification,
                model_path: names::<S>(&path),
                kills: Vec::new(),
                source: None,
            };
            let ending = match plan.identifier.is_empty() {
                true => Ending::Continuation(&alphabet),
                false => Ending::Identifier(&plan.identifier),
            };
            if let Some(made) = test::<S>(&place, &plan.transition, &ending, origin)? {
                shelf.put(made);
            }
        }
    }
    let name = format!("identification/{}", S::ROLE);
    let mut file = shelf.bound::<S>(&name, digest)?;
    file.generator.criteria = vec![
        "every state that experiments with the inputs of a chapter tell apart, by its shortest way, with every input there, and each sequence that tells the state after it from another (HSI)".to_owned(),
    ];
    Ok(file)
}
