//! Every body over its corpus, over every input that ever failed, and over seeded random bytes: plain stable, no engine.

use std::fs;
use std::path::Path;

use kaika_fuzz::bytes::Stream;
use kaika_fuzz::{TARGETS, Target};

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str, target: &Target) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(home().join(folder).join(target.name)) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    paths
        .iter()
        .filter_map(|path| fs::read(path).ok())
        .collect()
}

/// All of them, or those that `KAIKA_FUZZ_TARGETS` names, with commas between.
fn chosen() -> Vec<&'static Target> {
    let named = std::env::var("KAIKA_FUZZ_TARGETS").unwrap_or_default();
    let names: Vec<&str> = named.split(',').filter(|name| !name.is_empty()).collect();
    for name in &names {
        assert!(
            TARGETS.iter().any(|target| target.name == *name),
            "no target {name}"
        );
    }
    let fits = |target: &&Target| names.is_empty() || names.contains(&target.name);
    TARGETS.iter().filter(fits).collect()
}

#[test]
fn corpus_and_past_findings_hold() {
    for target in chosen() {
        let corpus = files("corpus", target);
        assert!(
            target.name == "empty" || !corpus.is_empty(),
            "corpus/{} is empty",
            target.name
        );
        for input in corpus.iter().chain(&files("regress", target)) {
            (target.run)(input);
        }
    }
}

/// Half the inputs are noise, half are a corpus file with a few bytes changed. `KAIKA_FUZZ_INPUTS` sets another number
/// of them.
#[test]
fn random_inputs_hold() {
    let inputs: Option<u64> = std::env::var("KAIKA_FUZZ_INPUTS")
        .ok()
        .and_then(|text| text.parse().ok());
    for target in chosen() {
        let corpus = files("corpus", target);
        for seed in 0..inputs.unwrap_or(target.inputs) {
            let mut stream = Stream::new(seed);
            let input = if corpus.is_empty() || seed % 2 == 0 {
                stream.bytes(target.max_len)
            } else {
                changed(&corpus[stream.below(corpus.len())], &mut stream)
            };
            if std::panic::catch_unwind(|| (target.run)(&input)).is_err() {
                panic!(
                    "{} fails for seed {seed}: {}",
                    target.name,
                    hex::encode(&input)
                );
            }
        }
    }
}

fn changed(input: &[u8], stream: &mut Stream) -> Vec<u8> {
    let mut input = input.to_vec();
    for _ in 0..=stream.below(4) {
        let at = stream.below(input.len() + 1);
        let byte = stream.draw().to_le_bytes()[0];
        match stream.below(4) {
            0 => input.insert(at, byte),
            1 => input.truncate(at.max(1)),
            _ => {
                if let Some(place) = input.get_mut(at) {
                    *place = byte;
                }
            }
        }
    }
    input
}

#[test]
fn the_list_of_targets_is_one() {
    let listed = fs::read_to_string(home().join("targets.txt")).unwrap_or_default();
    let known: String = TARGETS
        .iter()
        .map(|target| format!("{} {}\n", target.name, target.max_len))
        .collect();
    assert_eq!(listed, known, "targets.txt and TARGETS");
    for target in TARGETS {
        assert!(
            home()
                .join("targets")
                .join(format!("{}.rs", target.name))
                .exists(),
            "targets/{}.rs",
            target.name
        );
    }
}
