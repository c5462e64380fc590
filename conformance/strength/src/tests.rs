//! The rewritten roles are the roles, their mutants are not, and the ratchet holds.

use std::collections::BTreeSet;
use std::path::PathBuf;

use kaika_model::{Machine as _, Weak};

use crate::figures::{Figures, Share};
use crate::holes::{self, CLASSES, Without};
use crate::judge::{Court, Fate};
use crate::requirement::Shown;
use crate::roles::Subject;
use crate::search::{self, Found, Steps, product};
use crate::seen::Eyes;
use crate::switch;
use crate::trie::Trie;
use crate::words::{Word, words};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Without a mutant the rewritten step is the step, in every state and on every letter, sayable or not.
fn is_the_same<S: Subject>() {
    for state in search::reached::<S>(&S::M::inputs()) {
        for letter in S::M::inputs() {
            let right = S::M::step(&state, &letter, &Weak::HARDENED);
            assert_eq!(right, S::mutated(&state, &letter), "{state:?} {letter}");
        }
    }
}

#[test]
fn with_nothing_active_the_rewritten_roles_are_the_roles() {
    is_the_same::<kaika_generate::verifier::Templates>();
    is_the_same::<kaika_generate::issuer::Templates>();
    is_the_same::<kaika_generate::identity::Templates>();
    is_the_same::<kaika_generate::chip::Templates>();
    is_the_same::<kaika_generate::pos::Templates>();
    is_the_same::<kaika_generate::terminal::Templates>();
}

/// A switch that nothing reads would look like an equivalent mutant.
fn every_function_has_a_mutant_that_shows<S: Subject>(unsaid: &[&str]) {
    let states = search::reached::<S>(&S::M::inputs());
    let steps = Steps::<S>::new(&states);
    let (mut all, mut shown) = (BTreeSet::new(), BTreeSet::new());
    for (place, mutant) in S::MUTANTS.iter().enumerate() {
        all.insert(mutant.function);
        let number = u32::try_from(place + 1).unwrap_or(u32::MAX);
        if switch::with(number, || steps.differ(S::mutated)) {
            shown.insert(mutant.function);
        }
    }
    shown.extend(unsaid);
    assert_eq!(all, shown);
}

#[test]
fn every_function_has_mutants_that_differ() {
    // A tester cannot say when power fails inside a write.
    every_function_has_a_mutant_that_shows::<kaika_generate::chip::Templates>(&["torn"]);
    // Only an issuer without the binding to the chip writes a script for another one.
    every_function_has_a_mutant_that_shows::<kaika_generate::issuer::Templates>(&["script"]);
    every_function_has_a_mutant_that_shows::<kaika_generate::identity::Templates>(&[]);
}

type Chip = kaika_generate::chip::Templates;

fn chip_words() -> Vec<Word<Chip>> {
    let files = crate::vectors(&root()).unwrap_or_else(|what| panic!("{what}"));
    words::<Chip>(&files).unwrap_or_else(|what| panic!("{what}"))
}

fn chip_score(words: &[Word<Chip>]) -> Share {
    let states = search::reached::<Chip>(&<Chip as kaika_generate::script::Script>::M::inputs());
    let (eyes, trie, steps) = (Eyes::new(&states), Trie::new(words), Steps::new(&states));
    let court = Court {
        eyes: &eyes,
        words,
        trie: &trie,
        steps: &steps,
        made: &[],
    };
    crate::figures::killed(&court.mutants(&|| {}), |_| true)
}

#[test]
fn fewer_vectors_tell_less() {
    let words = chip_words();
    let all = chip_score(&words);
    let half: Vec<Word<Chip>> = words.iter().step_by(2).cloned().collect();
    let none = chip_score(&[]);
    assert!(chip_score(&half).reached < all.reached);
    assert_eq!((none.reached, none.of), (0, all.of));
}

/// What the search calls a way is one: the wrong role is answered otherwise at its last letter and not before.
#[test]
fn the_shortest_way_tells_at_its_end() {
    let states = search::reached::<Chip>(&<Chip as kaika_generate::script::Script>::M::inputs());
    let (eyes, steps) = (Eyes::<Chip>::new(&states), Steps::new(&states));
    let (words, trie) = (Vec::new(), Trie::new(&[]));
    let court = Court {
        eyes: &eyes,
        words: &words,
        trie: &trie,
        steps: &steps,
        made: &[],
    };
    let mut found = 0;
    for place in 0..Chip::MUTANTS.len() {
        let number = u32::try_from(place + 1).unwrap_or(u32::MAX);
        if let Found::Way(way) = switch::with(number, || product(&eyes, Chip::mutated)) {
            assert!(court.tells(place, &way) && !court.tells(place, &way[..way.len() - 1]));
            found += 1;
        }
    }
    assert!(found > 100);
}

#[test]
fn a_mutant_that_no_tester_can_tell_is_not_counted() {
    let words = chip_words();
    let states = search::reached::<Chip>(&<Chip as kaika_generate::script::Script>::M::inputs());
    let (eyes, trie, steps) = (Eyes::new(&states), Trie::new(&words), Steps::new(&states));
    let court = Court {
        eyes: &eyes,
        words: &words,
        trie: &trie,
        steps: &steps,
        made: &[],
    };
    assert_eq!(
        court.weakness(kaika_spec::Weakness::OtpNotBound),
        Fate::Equivalent
    );
    assert!(matches!(
        court.weakness(kaika_spec::Weakness::ScriptUnauthenticated),
        Fate::Killed { .. }
    ));
}

fn figures(rows: &[(&str, usize, usize)]) -> Figures {
    Figures(
        rows.iter()
            .map(|(name, reached, of)| {
                (
                    (*name).to_owned(),
                    Share {
                        reached: *reached,
                        of: *of,
                    },
                )
            })
            .collect(),
    )
}

#[test]
fn the_ratchet_only_rises() {
    let before = figures(&[("chip/transitions", 9, 10)]);
    assert!(
        figures(&[("chip/transitions", 9, 10)])
            .complaints(&before)
            .is_empty()
    );
    assert!(
        figures(&[("chip/transitions", 19, 20)])
            .complaints(&before)
            .is_empty()
    );
    let fell = figures(&[("chip/transitions", 17, 20)]).complaints(&before);
    assert_eq!(fell, ["chip/transitions fell from 9/10 to 17/20"]);
    assert_eq!(
        figures(&[]).complaints(&before),
        ["chip/transitions is no longer measured"]
    );
}

#[test]
fn what_was_enough_once_may_not_be_less_again() {
    let low = figures(&[("chip/mutants", 94, 100), ("weaknesses/killed", 40, 41)]);
    let good = figures(&[("chip/mutants", 95, 100), ("weaknesses/killed", 41, 41)]);
    assert_eq!(low.short().len(), 2);
    assert!(good.short().is_empty());
    assert!(low.complaints(&low).is_empty() && good.complaints(&low).is_empty());
    assert_eq!(low.complaints(&good).len(), 4);
}

#[test]
fn the_file_is_read_as_it_is_written() {
    let written = figures(&[("chip/mutants", 95, 100), ("requirements/code", 180, 180)]);
    assert_eq!(Figures::read(&written.text()), Ok(written));
}

#[test]
fn a_hole_needs_the_reason_for_what_it_lacks() {
    let lacking = |positive, negative| Shown {
        positive,
        negative,
        ..Shown::default()
    };
    let class = |without| CLASSES.iter().find(|class| class.without == without);
    let Some(one_sided) = class(Without::Positive) else {
        panic!("no class without a positive vector")
    };
    let listed = one_sided.ids[0];
    assert_eq!(holes::complaint(listed, &lacking(false, true)), None);
    for (id, shown) in [
        (listed, lacking(false, false)),
        (listed, lacking(true, false)),
        (listed, lacking(true, true)),
        ("XYZ-1", lacking(false, true)),
    ] {
        assert!(holes::complaint(id, &shown).is_some(), "{id} {shown:?}");
    }
    assert_eq!(holes::complaint("XYZ-1", &lacking(true, true)), None);
    // Every other requirement is then one that a reason is given for and that is not there.
    let all: usize = CLASSES.iter().map(|class| class.ids.len()).sum();
    assert_eq!(holes::complaints(&[]).len(), all);
}

#[test]
fn a_reason_names_files_that_are_there() {
    let mut named = 0;
    for class in CLASSES {
        let words = class.why.split('`').skip(1).step_by(2);
        for word in words.filter(|word| word.contains('/')) {
            assert!(root().join(word).exists(), "{word}");
            named += 1;
        }
    }
    assert!(named > 10);
}
