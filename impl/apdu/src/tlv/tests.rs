//! Tags and lengths case by case, and laws over generated trees.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

extern crate std;
use std::vec;
use std::vec::Vec;

use quickcheck::{Arbitrary, Gen, TestResult, quickcheck};

use super::*;

fn tag(number: u32) -> Tag {
    Tag::new(number).unwrap()
}

fn refuses(bytes: &[u8], form: Form) {
    assert_eq!(walk(bytes, form, |_, _| {}), Err(Malformed), "{bytes:02X?}");
}

#[test]
fn tags_of_one_to_three_bytes() {
    for (number, constructed, size) in [
        (0x5A, false, 1),
        (0x9F02, false, 2),
        (0x9F10, false, 2),
        (0xBF0C, true, 2),
        (0xDFFF01, false, 3),
        (0x7F8122, true, 3),
        (0xE1, true, 1),
    ] {
        let tag = tag(number);
        assert_eq!(
            (tag.number(), tag.is_constructed(), tag.size()),
            (number, constructed, size)
        );
    }
    for number in [
        0,
        0x1F,
        0x9F,
        0x5A5A,
        0xDFFF,
        0xDFFF81,
        0x1FFF_FF01,
        0x5A_0000,
    ] {
        assert_eq!(Tag::new(number), Err(Malformed), "{number:X}");
    }
}

#[test]
fn tags_that_look_alike_differ() {
    let bytes = [0x9F, 0x02, 1, 7, 0x82, 1, 8, 0xDF, 0xFF, 0x01, 1, 0x55];
    let all: Vec<_> = Reader::new(&bytes)
        .map(Result::unwrap)
        .map(|object| (object.tag.number(), object.value[0]))
        .collect();
    assert_eq!(all, [(0x9F02, 7), (0x82, 8), (0xDFFF01, 0x55)]);
}

#[test]
fn lengths() {
    let long = [&[0x5A, 0x82, 1, 0][..], &[0; 256]].concat();
    for good in [
        &[0x5A, 0][..],
        &[0x5A, 0x81, 1, 7],
        &[0x5A, 0x82, 0, 1, 7],
        &long,
    ] {
        assert_eq!(walk(good, Form::Any, |_, _| {}), Ok(()));
    }
    refuses(&[0x5A, 0x81, 1, 7], Form::Minimal);
    refuses(&[0x5A, 0x82, 0, 1, 7], Form::Minimal);
    assert_eq!(walk(&long, Form::Minimal, |_, _| {}), Ok(()));
    assert_eq!(
        walk(
            &[&[0x5A, 0x81, 0x80][..], &[0; 128]].concat(),
            Form::Minimal,
            |_, _| {}
        ),
        Ok(())
    );
    for bad in [
        &[0x5A][..],
        &[0x70, 0x80, 0, 0],
        &[0x5A, 0x83, 0, 0, 1, 7],
        &[0x5A, 0xFF],
        &[0x5A, 0x81],
        &[0x5A, 0x82, 0],
        &[0x5A, 2, 1],
    ] {
        refuses(bad, Form::Any);
    }
}

#[test]
fn a_child_ends_in_its_parent() {
    refuses(&[0x70, 3, 0x5A, 2, 1, 2], Form::Any);
    refuses(&[0x70, 2, 0x5A, 2, 1, 2, 0x5A, 0], Form::Any);
    refuses(&[0x70, 1, 0x9F], Form::Any);
}

fn nested(levels: usize) -> Vec<u8> {
    let mut bytes = vec![0x5A, 0];
    for _ in 1..levels {
        bytes = [&[0x70, u8::try_from(bytes.len()).unwrap()][..], &bytes].concat();
    }
    bytes
}

#[test]
fn nesting_is_bounded() {
    let mut deepest = 0;
    assert_eq!(
        walk(&nested(TLV_DEPTH_MAX), Form::Any, |depth, _| deepest =
            deepest.max(depth)),
        Ok(())
    );
    assert_eq!(deepest, TLV_DEPTH_MAX);
    refuses(&nested(TLV_DEPTH_MAX + 1), Form::Any);
    refuses(&nested(40), Form::Any);
}

#[test]
fn thirty_thousand_empty_children_are_read_in_one_pass() {
    let many = [0x5A, 0].repeat(30_000);
    let whole = [&[0x70, 0x82, 0xEA, 0x60][..], &many].concat();
    let mut count = 0;
    assert_eq!(walk(&whole, Form::Any, |_, _| count += 1), Ok(()));
    assert_eq!(count, 30_001);
}

#[test]
fn nests_are_written_with_minimal_lengths() {
    for size in [0, 1, 0x7D, 0x7E, 0x80, 0xFD, 0x100, 0x200] {
        let mut out = [0; 600];
        let mut writer = Writer::new(&mut out);
        writer
            .nest(Tag::RECORD, |record| record.put(Tag::PAN, &vec![9; size]))
            .unwrap();
        let record = only(writer.written(), Form::Minimal).unwrap();
        assert_eq!(
            only(record.value, Form::Minimal).unwrap().value,
            vec![9; size]
        );
    }
}

#[test]
fn a_writer_without_room_says_so() {
    let mut out = [0; 4];
    assert_eq!(Writer::new(&mut out).put(Tag::AMOUNT, &[1, 2]), Err(Full));
    assert_eq!(
        Writer::new(&mut out).nest(Tag::RECORD, |record| record.put(Tag::PAN, &[1, 2])),
        Err(Full)
    );
    assert_eq!(
        Writer::new(&mut vec![0; 70_000]).put(Tag::PAN, &vec![0; 65_536]),
        Err(Full)
    );
}

/// A tree of at most six levels.
#[derive(Clone, Debug)]
enum Tree {
    Leaf(u32, Vec<u8>),
    Node(u32, Vec<Tree>),
}

fn tree(g: &mut Gen, levels: usize) -> Tree {
    if levels > 1 && bool::arbitrary(g) {
        let children = usize::arbitrary(g) % 5;
        Tree::Node(
            *g.choose(&[0x70, 0xBF0C, 0x7F8122]).unwrap(),
            (0..children).map(|_| tree(g, levels - 1)).collect(),
        )
    } else {
        let length = usize::arbitrary(g) % 300;
        Tree::Leaf(
            *g.choose(&[0x5A, 0x9F02, 0xDFFF01]).unwrap(),
            vec![u8::arbitrary(g); length],
        )
    }
}

impl Arbitrary for Tree {
    fn arbitrary(g: &mut Gen) -> Self {
        tree(g, 6)
    }
}

fn write(tree: &Tree, writer: &mut Writer<'_>) -> Result<(), Full> {
    match tree {
        Tree::Leaf(number, value) => writer.put(tag(*number), value),
        Tree::Node(number, children) => writer.nest(tag(*number), |inner| {
            children.iter().try_for_each(|child| write(child, inner))
        }),
    }
}

fn list(tree: &Tree, depth: usize, into: &mut Vec<(usize, u32)>) {
    match tree {
        Tree::Leaf(number, _) => into.push((depth, *number)),
        Tree::Node(number, children) => {
            into.push((depth, *number));
            children
                .iter()
                .for_each(|child| list(child, depth + 1, into));
        }
    }
}

quickcheck! {
    fn what_is_written_is_walked(tree: Tree) -> TestResult {
        let mut out = vec![0; 100_000];
        let mut writer = Writer::new(&mut out);
        if write(&tree, &mut writer).is_err() {
            return TestResult::discard(); // a value beyond 65 535 bytes
        }
        let mut want = Vec::new();
        list(&tree, 1, &mut want);
        let mut seen = Vec::new();
        let walked = walk(writer.written(), Form::Minimal, |depth, object| seen.push((depth, object.tag.number())));
        TestResult::from_bool(walked == Ok(()) && seen == want)
    }

    fn every_truncation_is_refused(tree: Tree, cut: usize) -> TestResult {
        let mut out = vec![0; 100_000];
        let mut writer = Writer::new(&mut out);
        if write(&tree, &mut writer).is_err() {
            return TestResult::discard();
        }
        let whole = writer.written();
        let cut = 1 + cut % (whole.len() - 1);
        TestResult::from_bool(walk(&whole[..cut], Form::Any, |_, _| {}) == Err(Malformed))
    }

    fn minimal_bytes_are_written_back(bytes: Vec<u8>) -> TestResult {
        let all: Result<Vec<_>, _> = Reader::minimal(&bytes).collect();
        let Ok(all) = all else { return TestResult::discard() };
        let mut out = vec![0; bytes.len()];
        let mut writer = Writer::new(&mut out);
        TestResult::from_bool(
            all.iter().all(|object| writer.put(object.tag, object.value).is_ok()) && writer.written() == bytes,
        )
    }
}
