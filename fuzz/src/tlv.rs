//! BER-TLV against a recursive reader that allocates: bytes read by both, and trees written by both. COMPACT-TLV beside it.
//!
//! Start at [`ber_tlv`]. The first byte chooses: raw bytes, or a tree that `arbitrary` makes of them.

use arbitrary::{Arbitrary, Unstructured};
use kaika_apdu::tlv::{self, Form, Writer};
use kaika_apdu::{Full, Tag, compact};
use kaika_spec::limit;

/// One object as the naive reader sees it: its level from 1, the bytes of its tag as a number, its value.
pub type Seen = (usize, u32, Vec<u8>);

/// What a walk over some bytes visits, and whether it ends well.
pub type Walk = (Vec<Seen>, bool);

/// Fuzz body.
pub fn ber_tlv(data: &[u8]) {
    match data.split_first() {
        Some((mark, rest)) if mark % 2 == 1 => trees_agree(rest, written),
        Some((_, rest)) => {
            walks_agree(rest, ours);
            finds_agree(rest);
            compacts_agree(rest, compact_objects);
        }
        None => {}
    }
}

/// Tags and values of COMPACT-TLV, and whether they end well.
pub type Compacts = (Vec<(u8, Vec<u8>)>, bool);

/// Our reader of COMPACT-TLV.
pub fn compact_objects(bytes: &[u8]) -> Compacts {
    let mut seen = Vec::new();
    for object in compact::Reader::new(bytes) {
        let Ok(object) = object else {
            return (seen, false);
        };
        seen.push((object.tag, object.value.to_vec()));
    }
    (seen, true)
}

/// Panics unless `read` sees what stands there by the two halves of each first byte, and unless what is read is written alike.
pub fn compacts_agree(bytes: &[u8], read: impl Fn(&[u8]) -> Compacts) {
    let (mut seen, mut at, mut good) = (Vec::new(), 0, true);
    while at < bytes.len() {
        let (tag, length) = (bytes[at] / 16, usize::from(bytes[at] % 16));
        if tag == 0 || at + 1 + length > bytes.len() {
            good = false;
            break;
        }
        seen.push((tag, bytes[at + 1..at + 1 + length].to_vec()));
        at += 1 + length;
    }
    assert_eq!(read(bytes), (seen.clone(), good), "reading {bytes:02X?}");
    let mut again = Vec::new();
    for (tag, value) in &seen {
        let mut out = [0; 16];
        let object = compact::Compact { tag: *tag, value };
        let length = compact::put(object, &mut out).unwrap_or(0);
        again.extend_from_slice(&out[..length]);
    }
    assert_eq!(again, bytes[..at], "writing {seen:02X?}");
}

/// Our walk.
pub fn ours(bytes: &[u8]) -> Walk {
    let mut seen = Vec::new();
    let end = tlv::walk(bytes, Form::Any, |depth, object| {
        seen.push((depth, object.tag.number(), object.value.to_vec()));
    });
    (seen, end.is_ok())
}

/// The naive walk.
pub fn naive(bytes: &[u8]) -> Walk {
    let mut seen = Vec::new();
    let good = descend(bytes, 1, &mut seen);
    (seen, good)
}

/// Panics unless `walk` visits what the naive walk visits.
pub fn walks_agree(bytes: &[u8], walk: impl Fn(&[u8]) -> Walk) {
    assert_eq!(walk(bytes), naive(bytes), "walking {bytes:02X?}");
}

fn descend(mut bytes: &[u8], level: usize, seen: &mut Vec<Seen>) -> bool {
    if level > limit::TLV_DEPTH_MAX {
        return bytes.is_empty();
    }
    while !bytes.is_empty() {
        let Some((tag, value, rest)) = first(bytes) else {
            return false;
        };
        let constructed = bytes[0] & 0x20 != 0;
        seen.push((level, tag, value.to_vec()));
        if constructed && !descend(value, level + 1, seen) {
            return false;
        }
        bytes = rest;
    }
    true
}

/// Tag, value and what follows of the first object.
fn first(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let long = bytes.first()? & 0x1F == 0x1F;
    let more = bytes
        .iter()
        .skip(1)
        .take_while(|byte| **byte & 0x80 != 0)
        .count();
    let tag_len = if long { 2 + more } else { 1 };
    if tag_len > 3 || bytes[0] == 0 {
        return None;
    }
    let tag = number(bytes.get(..tag_len)?);
    let rest = &bytes[tag_len..];
    let (len, rest) = match *rest.first()? {
        len @ 0..=0x7F => (u32::from(len), &rest[1..]),
        form @ (0x81 | 0x82) => {
            let width = usize::from(form - 0x80);
            (number(rest.get(1..1 + width)?), &rest[1 + width..])
        }
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    Some((tag, value, rest))
}

fn number(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

/// `find` gives the first object with the tag, unless the level is malformed before it; `Form::Minimal` reads what
/// the naive writer would write.
fn finds_agree(bytes: &[u8]) {
    let mut level = Vec::new();
    let mut rest = bytes;
    while let Some((tag, value, after)) = first(rest) {
        level.push((tag, value));
        let minimal = tlv::take(rest, Form::Minimal).is_ok();
        let used = &rest[..rest.len() - after.len()];
        assert_eq!(
            minimal,
            spelt(&Tree::Leaf(tag, value.to_vec())) == used,
            "minimal {used:02X?}"
        );
        rest = after;
    }
    for wanted in level.iter().map(|(tag, _)| *tag).chain([0x5A, 0x9F02]) {
        let want = level
            .iter()
            .find(|(tag, _)| *tag == wanted)
            .map(|(_, value)| *value);
        let Ok(tag) = Tag::new(wanted) else {
            panic!("{wanted:X} was read but is no tag")
        };
        let found = tlv::find(bytes, tag);
        let good = if want.is_none() && !rest.is_empty() {
            found.is_err()
        } else {
            found == Ok(want)
        };
        assert!(good, "finding {wanted:X} in {bytes:02X?}");
    }
}

/// A tree of objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// Tag and value.
    Leaf(u32, Vec<u8>),
    /// Tag and children.
    Node(u32, Vec<Tree>),
}

const LEAVES: [u32; 6] = [0x5A, 0x57, 0x82, 0x9F02, 0xDF31, 0xDF_FF01];
const NODES: [u32; 4] = [0x6F, 0xA5, 0xBF0C, 0xE1];
/// Around the places where a length takes one more byte.
const LENGTHS: [usize; 10] = [0, 1, 8, 126, 127, 128, 129, 254, 255, 256];

impl<'a> Arbitrary<'a> for Tree {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        grown(bytes, 0)
    }
}

fn grown(bytes: &mut Unstructured<'_>, level: usize) -> arbitrary::Result<Tree> {
    let is_leaf = bytes.is_empty() || bytes.ratio(1, 2)?;
    if is_leaf || level + 1 >= limit::TLV_DEPTH_MAX {
        let fill: u8 = bytes.arbitrary()?;
        return Ok(Tree::Leaf(
            *bytes.choose(&LEAVES)?,
            vec![fill; *bytes.choose(&LENGTHS)?],
        ));
    }
    let tag = *bytes.choose(&NODES)?;
    let count = bytes.int_in_range(0..=3)?;
    let children: arbitrary::Result<Vec<_>> = (0..count).map(|_| grown(bytes, level + 1)).collect();
    Ok(Tree::Node(tag, children?))
}

/// Our writer.
pub fn written(tree: &Tree, room: usize) -> Option<Vec<u8>> {
    let mut buffer = vec![0; room];
    let mut writer = Writer::new(&mut buffer);
    write(tree, &mut writer).ok()?;
    Some(writer.written().to_vec())
}

fn write(tree: &Tree, writer: &mut Writer<'_>) -> Result<(), Full> {
    let tag = |number: &u32| Tag::new(*number).unwrap_or(Tag::AID);
    match tree {
        Tree::Leaf(number, value) => writer.put(tag(number), value),
        Tree::Node(number, children) => writer.nest(tag(number), |inner| {
            children.iter().try_for_each(|child| write(child, inner))
        }),
    }
}

/// The naive writer: minimal lengths, children first.
pub fn spelt(tree: &Tree) -> Vec<u8> {
    let (tag, value) = match tree {
        Tree::Leaf(tag, value) => (tag, value.clone()),
        Tree::Node(tag, children) => (tag, children.iter().flat_map(spelt).collect()),
    };
    let mut out: Vec<u8> = tag
        .to_be_bytes()
        .into_iter()
        .skip_while(|byte| *byte == 0)
        .collect();
    let [.., high, low] = value.len().to_be_bytes();
    match value.len() {
        0..=0x7F => out.push(low),
        0x80..=0xFF => out.extend([0x81, low]),
        _ => out.extend([0x82, high, low]),
    }
    out.extend(value);
    out
}

fn levels(tree: &Tree, level: usize, seen: &mut Vec<(usize, u32)>) {
    match tree {
        Tree::Leaf(tag, _) => seen.push((level, *tag)),
        Tree::Node(tag, children) => {
            seen.push((level, *tag));
            children
                .iter()
                .for_each(|child| levels(child, level + 1, seen));
        }
    }
}

/// Panics unless `write` writes a tree made of `data` as the naive writer does, in exactly the room that it takes, and
/// unless reading gives the tree's objects again.
pub fn trees_agree(data: &[u8], write: impl Fn(&Tree, usize) -> Option<Vec<u8>>) {
    let Ok(tree) = Tree::arbitrary(&mut Unstructured::new(data)) else {
        return;
    };
    let want = spelt(&tree);
    assert_eq!(
        write(&tree, want.len()).as_ref(),
        Some(&want),
        "writing {tree:?}"
    );
    assert_eq!(
        write(&tree, want.len() - 1),
        None,
        "{tree:?} in too little room"
    );
    let mut objects = Vec::new();
    levels(&tree, 1, &mut objects);
    let (seen, good) = ours(&want);
    let read: Vec<(usize, u32)> = seen
        .into_iter()
        .map(|(level, tag, _)| (level, tag))
        .collect();
    assert!(good && read == objects, "reading {want:02X?}");
}
