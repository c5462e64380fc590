//! The words of a suite as one tree, so that a common beginning is played once. Start at [`Trie::kills`].

use kaika_model::{Machine as _, Outcome, Weak};

use crate::roles::{Input, Output, State, Subject};
use crate::seen::Eyes;
use crate::words::Word;

type Step<S> = Outcome<State<S>, Output<S>>;

/// One letter at one place of the tree.
pub(crate) struct Node<S: Subject> {
    pub(crate) letter: Input<S>,
    /// The right role's state before it.
    pub(crate) from: State<S>,
    /// What the right role does.
    pub(crate) step: Step<S>,
    pub(crate) below: Vec<usize>,
    /// The words that go through it.
    pub(crate) words: Vec<usize>,
}

/// Every word of a suite.
pub(crate) struct Trie<S: Subject> {
    pub(crate) nodes: Vec<Node<S>>,
    top: Vec<usize>,
}

impl<S: Subject> Trie<S> {
    pub(crate) fn new(words: &[Word<S>]) -> Self {
        let mut trie = Self {
            nodes: Vec::new(),
            top: Vec::new(),
        };
        for (number, word) in words.iter().enumerate() {
            trie.insert(number, &word.letters);
        }
        trie
    }

    fn insert(&mut self, number: usize, letters: &[Input<S>]) {
        let (mut at, mut state) = (None, S::M::init());
        for letter in letters {
            let here = self
                .below(at)
                .iter()
                .copied()
                .find(|place| self.nodes[*place].letter == *letter);
            let place = here.unwrap_or_else(|| self.grow(at, state, *letter));
            self.nodes[place].words.push(number);
            state = self.nodes[place].step.next;
            at = Some(place);
        }
    }

    fn below(&self, at: Option<usize>) -> &[usize] {
        at.map_or(&self.top, |place| &self.nodes[place].below)
    }

    fn grow(&mut self, at: Option<usize>, from: State<S>, letter: Input<S>) -> usize {
        let place = self.nodes.len();
        let step = S::M::step(&from, &letter, &Weak::HARDENED);
        self.nodes.push(Node {
            letter,
            from,
            step,
            below: Vec::new(),
            words: Vec::new(),
        });
        match at {
            Some(above) => self.nodes[above].below.push(place),
            None => self.top.push(place),
        }
        place
    }

    /// The places at which a wrong role is first answered otherwise, one for each branch that tells it.
    pub(crate) fn kills(
        &self,
        eyes: &Eyes<S>,
        step: impl Fn(&State<S>, &Input<S>) -> Step<S>,
    ) -> Vec<usize> {
        self.told(eyes, &self.top, S::M::init(), &step)
    }

    /// The same from a place in the tree, by a role that is in another state.
    pub(crate) fn told(
        &self,
        eyes: &Eyes<S>,
        from: &[usize],
        wrong: State<S>,
        step: &impl Fn(&State<S>, &Input<S>) -> Step<S>,
    ) -> Vec<usize> {
        let mut found = Vec::new();
        let mut todo: Vec<(usize, State<S>)> = from.iter().map(|place| (*place, wrong)).collect();
        while let Some((place, wrong)) = todo.pop() {
            let node = &self.nodes[place];
            let done = step(&wrong, &node.letter);
            if eyes.alike(&node.letter, (&node.from, &node.step), (&wrong, &done)) {
                todo.extend(node.below.iter().map(|below| (*below, done.next)));
            } else {
                found.push(place);
            }
        }
        found
    }

    /// Whether some word from a place in the tree tells a state from the right one.
    pub(crate) fn tells(&self, eyes: &Eyes<S>, from: &[usize], other: State<S>) -> bool {
        let mut todo: Vec<(usize, State<S>)> = from.iter().map(|place| (*place, other)).collect();
        while let Some((place, other)) = todo.pop() {
            let node = &self.nodes[place];
            if other == node.from {
                continue;
            }
            let done = S::M::step(&other, &node.letter, &Weak::HARDENED);
            if !eyes.alike(&node.letter, (&node.from, &node.step), (&other, &done)) {
                return true;
            }
            todo.extend(node.below.iter().map(|below| (*below, done.next)));
        }
        false
    }
}
