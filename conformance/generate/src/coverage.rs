//! Which transitions of a role's model a suite takes: every distinguishable state × every input that can be said there.

use std::collections::BTreeSet;

use kaika_conformance::format::{File, Test, Tier};
use kaika_model::{Machine, Weak};

use crate::script::{Input, Script};
use crate::suite::graph;
use crate::walk::{ANY, Graph};

/// What a tier takes of a chapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covered {
    /// Of which chapter.
    pub chapter: &'static str,
    /// States that some experiment tells apart, of whatever length.
    pub states: usize,
    /// How many transitions there are.
    pub transitions: usize,
    /// Those that no test takes: the way to the state, and the input.
    pub missing: Vec<String>,
}

/// What is taken of each chapter of a role by the tests that are played with a tier.
pub(crate) fn of<S: Script>(file: &File, tier: Tier) -> Vec<Covered> {
    let played = |test: &&Test| tier.plays().contains(&test.tier);
    let tests: Vec<&Test> = file.tests.iter().filter(played).collect();
    let chapters = S::M::chapters().into_iter();
    chapters
        .map(|(chapter, alphabet)| covered::<S>(chapter, &alphabet, &tests))
        .collect()
}

fn covered<S: Script>(chapter: &'static str, alphabet: &[Input<S>], tests: &[&Test]) -> Covered {
    let graph = graph::<S>(alphabet, ANY);
    let letters: Vec<String> = alphabet.iter().map(ToString::to_string).collect();
    let mut taken = BTreeSet::new();
    for test in tests {
        let path = test.origin.model_path.iter();
        let path: Option<Vec<usize>> = path
            .map(|name| letters.iter().position(|letter| letter == name))
            .collect();
        take(&graph, &path.unwrap_or_default(), &mut taken);
    }
    let mut missing = Vec::new();
    let mut transitions = 0;
    for (class, (state, way)) in graph.classes.iter().enumerate() {
        for (at, input) in alphabet.iter().enumerate() {
            if S::M::sayable(state, input) {
                transitions += 1;
                if !taken.contains(&(class, at)) {
                    let way: Vec<String> = way.iter().map(ToString::to_string).collect();
                    missing.push(format!("{} | {input}", way.join(" ")));
                }
            }
        }
    }
    Covered {
        chapter,
        states: graph.classes.len(),
        transitions,
        missing,
    }
}

/// Takes every transition of a path, as far as it stays in the chapter.
fn take<M: Machine>(graph: &Graph<M>, path: &[usize], taken: &mut BTreeSet<(usize, usize)>) {
    let mut state = M::init();
    for at in path {
        let Some(class) = graph.class(&state) else {
            return;
        };
        taken.insert((class, *at));
        state = M::step(&state, &graph.alphabet[*at], &Weak::HARDENED).next;
    }
}
