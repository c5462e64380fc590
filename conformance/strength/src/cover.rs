//! Which transitions the vectors walk, and after which of them they show what state the role is in.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kaika_model::{Machine as _, Weak};

use crate::roles::{Input, State, Subject};
use crate::search::{classes, reached};
use crate::seen::Eyes;
use crate::trie::Trie;

/// The coverage of one chapter, for states told apart by experiments of one length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cover {
    /// States that the chapter's letters reach.
    pub reached: usize,
    /// How many of them can be told apart.
    pub states: usize,
    /// Such a state and a letter that a tester can say there.
    pub transitions: usize,
    /// Those that some vector walks.
    pub walked: usize,
    /// Those after which vectors tell the next state from every other.
    pub identified: usize,
    /// Each transition with each other state.
    pub pairs: usize,
    /// Those that are told apart.
    pub pairs_told: usize,
}

impl Cover {
    /// Adds another chapter.
    pub(crate) fn add(&mut self, other: &Self) {
        self.reached += other.reached;
        self.states += other.states;
        self.transitions += other.transitions;
        self.walked += other.walked;
        self.identified += other.identified;
        self.pairs += other.pairs;
        self.pairs_told += other.pairs_told;
    }
}

/// A chapter's coverage by the words of a suite; `length` as in [`classes`].
pub(crate) fn cover<S: Subject>(
    eyes: &Eyes<S>,
    trie: &Trie<S>,
    letters: &[Input<S>],
    length: Option<usize>,
) -> Cover {
    let states = reached::<S>(letters);
    let class = classes(eyes, &states, letters, length);
    let mut first = BTreeMap::new();
    for state in &states {
        first.entry(class[state]).or_insert(*state);
    }
    let places = places(trie, &class);
    let mut cover = Cover {
        reached: states.len(),
        states: first.len(),
        ..Cover::default()
    };
    for (number, state) in &first {
        for letter in letters.iter().filter(|letter| S::M::sayable(state, letter)) {
            let walked = places
                .get(&(*number, *letter))
                .map_or(&[][..], Vec::as_slice);
            count(
                &mut cover, eyes, trie, walked, &class, &first, *state, letter,
            );
        }
    }
    cover
}

/// Where a suite walks each transition.
fn places<S: Subject>(
    trie: &Trie<S>,
    class: &HashMap<State<S>, usize>,
) -> HashMap<(usize, Input<S>), Vec<usize>> {
    let mut places: HashMap<(usize, Input<S>), Vec<usize>> = HashMap::new();
    for (place, node) in trie.nodes.iter().enumerate() {
        if let Some(number) = class.get(&node.from) {
            places
                .entry((*number, node.letter))
                .or_default()
                .push(place);
        }
    }
    places
}

#[allow(
    clippy::too_many_arguments,
    reason = "one place of a table with everything it is looked up in"
)]
fn count<S: Subject>(
    cover: &mut Cover,
    eyes: &Eyes<S>,
    trie: &Trie<S>,
    walked: &[usize],
    class: &HashMap<State<S>, usize>,
    first: &BTreeMap<usize, State<S>>,
    state: State<S>,
    letter: &Input<S>,
) {
    let next = S::M::step(&state, letter, &Weak::HARDENED).next;
    let here = class.get(&next);
    let others: Vec<State<S>> = first
        .iter()
        .filter(|(number, _)| Some(*number) != here)
        .map(|(_, other)| *other)
        .collect();
    let below: BTreeSet<usize> = walked
        .iter()
        .flat_map(|place| trie.nodes[*place].below.iter().copied())
        .collect();
    let below: Vec<usize> = below.into_iter().collect();
    let told = others
        .iter()
        .filter(|other| trie.tells(eyes, &below, **other))
        .count();
    cover.transitions += 1;
    cover.walked += usize::from(!walked.is_empty());
    cover.identified += usize::from(!walked.is_empty() && told == others.len());
    cover.pairs += others.len();
    cover.pairs_told += told;
}
