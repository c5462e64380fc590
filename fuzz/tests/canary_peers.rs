//! The comparison with published readers: each listed deviation still shows, and a reader with one flaw is noticed.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use kaika_fuzz::peers::{Deviation, OURS, Readers, THEIRS, Tree, compare};

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A deviation that is gone is to be struck off the list.
#[test]
fn every_listed_deviation_still_shows() {
    for known in Deviation::ALL {
        let shown = compare(&known.example(), &OURS, &THEIRS);
        assert!(shown.contains(&known), "{known:?} is gone: {shown:?}");
        let alike = compare(&known.example(), &OURS, &OURS);
        assert!(alike.is_empty(), "{alike:?}");
    }
}

#[test]
fn the_readme_lists_the_deviations() {
    let readme = fs::read_to_string(home().join("README.md")).unwrap_or_default();
    for known in Deviation::ALL {
        let example = known.example();
        let shown = hex::encode_upper(&example[..example.len().min(9)]);
        let row = readme
            .lines()
            .find(|line| line.starts_with(&format!("| `{known:?}` ")));
        assert!(
            row.is_some_and(|row| row.contains(&shown)),
            "{known:?} with {shown}"
        );
    }
    let rows = readme.lines().filter(|line| line.contains("| `iso7816"));
    assert_eq!(rows.count(), Deviation::ALL.len());
}

fn is_noticed(bytes: &[u8], ours: Readers) -> bool {
    catch_unwind(AssertUnwindSafe(|| compare(bytes, &ours, &THEIRS))).is_err()
}

fn without_last(mut trees: Vec<Tree>) -> Vec<Tree> {
    trees.iter_mut().for_each(|tree| drop(tree.objects.pop()));
    trees
}

#[test]
fn a_reader_with_one_flaw_is_noticed() {
    const COMMAND: [u8; 8] = [0x00, 0xA4, 0x04, 0x00, 0x02, 0xF0, 0x4B, 0x00];
    const LONG: [u8; 9] = [0x00, 0xA4, 0x04, 0x00, 0x00, 0x00, 0x02, 0xF0, 0x4B];
    const TREE: [u8; 9] = [0x6F, 0x07, 0x84, 0x02, 0xF0, 0x4B, 0xA5, 0x81, 0x00];
    const PLAIN: [u8; 8] = [0x6F, 0x06, 0x84, 0x02, 0xF0, 0x4B, 0xA5, 0x00];
    let flawed: [(&[u8], Readers); 9] = [
        // Le 00 is nothing expected.
        (
            &COMMAND,
            Readers {
                command: |bytes| {
                    let fields = (OURS.command)(bytes)?;
                    Some(kaika_fuzz::apdu::Fields { ne: None, ..fields })
                },
                ..OURS
            },
        ),
        // No extended lengths.
        (
            &LONG,
            Readers {
                command: |bytes| (OURS.command)(bytes).filter(|fields| !fields.extended),
                ..OURS
            },
        ),
        // A byte behind the command is let pass.
        (
            &[0x00, 0xA4, 0x04, 0x00, 0x01, 0xF0, 0x00, 0x00],
            Readers {
                command: |bytes| {
                    let shorter = &bytes[..bytes.len().saturating_sub(1)];
                    (OURS.command)(bytes).or_else(|| (OURS.command)(shorter))
                },
                ..OURS
            },
        ),
        // No lengths of more than one byte.
        (
            &[0x5A, 0x81, 0x01, 0x55],
            Readers {
                object: |bytes| (OURS.object)(bytes).filter(|_| bytes.get(1) < Some(&0x80)),
                ..OURS
            },
        ),
        // The value is a byte short.
        (
            &PLAIN,
            Readers {
                object: |bytes| {
                    let (tag, value, rest) = (OURS.object)(bytes)?;
                    Some((tag, value.split_last()?.1, rest))
                },
                ..OURS
            },
        ),
        // The last child is lost.
        (
            &PLAIN,
            Readers {
                trees: |bytes| without_last((OURS.trees)(bytes)),
                ..OURS
            },
        ),
        // The tree is not read at all.
        (
            &PLAIN,
            Readers {
                trees: |_| Vec::new(),
                ..OURS
            },
        ),
        // Nothing is malformed.
        (
            &[0x6F, 0x03, 0x84, 0x04, 0x01, 0x02],
            Readers {
                trees: |_| (OURS.trees)(&PLAIN),
                ..OURS
            },
        ),
        // Lengths are written in two bytes.
        (
            &PLAIN,
            Readers {
                trees: |bytes| {
                    let mut trees = (OURS.trees)(bytes);
                    trees
                        .iter_mut()
                        .for_each(|tree| tree.written.insert(1, 0x81));
                    trees
                },
                ..OURS
            },
        ),
    ];
    for (at, (bytes, ours)) in flawed.into_iter().enumerate() {
        assert!(
            !is_noticed(bytes, OURS),
            "ours is accused over {bytes:02X?}"
        );
        assert!(is_noticed(bytes, ours), "flaw {at} over {bytes:02X?}");
    }
    assert!(!is_noticed(&TREE, OURS));
}
