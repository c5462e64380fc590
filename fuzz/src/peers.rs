//! Our readers beside two published ones: `iso7816` for commands and objects, `iso7816-tlv` for trees.
//!
//! Start at [`compare`]. The peers deviate in ways that are known and listed in [`Deviation`]; what fits none of them is a
//! finding. `tests/canary_peers.rs` shows that each deviation is still there, and that the oracle can fail.

use std::collections::BTreeSet;

use arbitrary::{Arbitrary, Unstructured};
use iso7816::command::CommandView;
use iso7816_tlv::ber;
use kaika_apdu::tlv::{self, Form, Writer};
use kaika_apdu::{Full, Malformed};
use kaika_spec::limit::TLV_DEPTH_MAX;

use crate::apdu::{self, Fields};

/// Longest input for `iso7816-tlv`: its time is quadratic and it descends without a bound.
pub const TREES_MAX: usize = 1024;

/// Fuzz body. The first byte chooses: raw bytes, or a tree that `arbitrary` makes of them.
pub fn peers(data: &[u8]) {
    match data.split_first() {
        Some((mark, rest)) if mark % 2 == 1 => {
            if let Ok(tree) = crate::tlv::Tree::arbitrary(&mut Unstructured::new(rest)) {
                compare(&crate::tlv::spelt(&tree), &OURS, &THEIRS);
            }
        }
        Some((_, rest)) => drop(compare(rest, &OURS, &THEIRS)),
        None => {}
    }
}

/// Tag, value, and what follows.
pub type Object<'a> = (iso7816::tlv::Tag, &'a [u8], &'a [u8]);

/// An object with all that is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Level from 1, tag, and the value when it is not constructed; parents before children.
    pub objects: Vec<(usize, u64, Option<Vec<u8>>)>,
    /// The tree as this reader's writer spells it.
    pub written: Vec<u8>,
}

/// The readers of one side.
#[derive(Clone, Copy)]
pub struct Readers {
    /// A command.
    pub command: fn(&[u8]) -> Option<Fields>,
    /// The first object.
    pub object: for<'a> fn(&'a [u8]) -> Option<Object<'a>>,
    /// All trees up to the first fault.
    pub trees: fn(&[u8]) -> Vec<Tree>,
}

/// Ours.
pub const OURS: Readers = Readers {
    command: apdu::read,
    object: our_object,
    trees: our_trees,
};

/// The published ones.
pub const THEIRS: Readers = Readers {
    command: their_command,
    object: iso7816::tlv::take_data_object,
    trees: their_trees,
};

fn our_object(bytes: &[u8]) -> Option<Object<'_>> {
    let (object, rest) = tlv::take(bytes, Form::Any).ok()?;
    let [_, tag @ ..] = object.tag.number().to_be_bytes();
    Some((iso7816::tlv::Tag::from_3(tag), object.value, rest))
}

fn our_trees(mut bytes: &[u8]) -> Vec<Tree> {
    let mut trees = Vec::new();
    while let Ok((_, rest)) = tlv::take(bytes, Form::Any) {
        let Ok(tree) = our_tree(&bytes[..bytes.len() - rest.len()]) else {
            break;
        };
        trees.push(tree);
        bytes = rest;
    }
    trees
}

fn our_tree(bytes: &[u8]) -> Result<Tree, Malformed> {
    let mut objects = Vec::new();
    tlv::walk(bytes, Form::Any, |level, object| {
        let value = (!object.tag.is_constructed()).then(|| object.value.to_vec());
        objects.push((level, u64::from(object.tag.number()), value));
    })?;
    // Shortest lengths take no more room than what was read.
    let mut buffer = vec![0; bytes.len()];
    let mut writer = Writer::new(&mut buffer);
    assert_eq!(copy(bytes, &mut writer), Ok(()), "writing {bytes:02X?}");
    let written = writer.written().to_vec();
    Ok(Tree { objects, written })
}

fn copy(bytes: &[u8], writer: &mut Writer<'_>) -> Result<(), Full> {
    for object in tlv::Reader::new(bytes).flatten() {
        if object.tag.is_constructed() {
            writer.nest(object.tag, |inner| copy(object.value, inner))?;
        } else {
            writer.put(object.tag, object.value)?;
        }
    }
    Ok(())
}

fn their_command(bytes: &[u8]) -> Option<Fields> {
    let command = CommandView::try_from(bytes).ok()?;
    let (cla, ins) = (command.class().into_inner(), command.instruction().into());
    Some(Fields {
        header: [cla, ins, command.p1, command.p2],
        data: command.data().to_vec(),
        ne: Some(command.expected()).filter(|ne| *ne != 0),
        extended: command.extended,
    })
}

fn their_trees(bytes: &[u8]) -> Vec<Tree> {
    let made = |tree: &ber::Tlv| {
        let mut objects = Vec::new();
        flatten(tree, 1, &mut objects);
        Tree {
            objects,
            written: tree.to_vec(),
        }
    };
    ber::Tlv::parse_all(bytes).iter().map(made).collect()
}

fn flatten(tree: &ber::Tlv, level: usize, objects: &mut Vec<(usize, u64, Option<Vec<u8>>)>) {
    let tag: u64 = tree.tag().clone().into();
    match tree.value() {
        ber::Value::Primitive(value) => objects.push((level, tag, Some(value.clone()))),
        ber::Value::Constructed(children) => {
            objects.push((level, tag, None));
            children
                .iter()
                .for_each(|child| flatten(child, level + 1, objects));
        }
    }
}

/// What is read where the two disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Command,
    Object,
    Trees,
    /// What the peer's writer made of a tree that both read alike; the bytes are those that ours made.
    Written,
}

/// How they disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Only the peer takes it.
    Takes,
    /// Only the peer refuses it.
    Refuses,
    /// Both take it and read it differently.
    Differs,
}

fn verdict<T: PartialEq>(ours: Option<&T>, theirs: Option<&T>) -> Option<Verdict> {
    match (ours, theirs) {
        (None, Some(_)) => Some(Verdict::Takes),
        (Some(_), None) => Some(Verdict::Refuses),
        (ours, theirs) => (ours != theirs).then_some(Verdict::Differs),
    }
}

/// A way in which a published reader is known to read otherwise. `fuzz/README.md` has the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deviation {
    /// `iso7816` refuses class FF, which is a class that the chip answers.
    ClassFf,
    /// `iso7816` takes case 4 extended with Lc 0000.
    ZeroLc,
    /// `iso7816` takes a first tag byte 00.
    TagZero,
    /// `iso7816` refuses second tag bytes 00 to 1D, as in 9F02 and BF0C, and 80.
    SecondByteLow,
    /// `iso7816` ends a tag at a second byte FF.
    SecondByteFf,
    /// `iso7816` takes third tag bytes 80 and FF, which say that a fourth follows.
    ThirdByte,
    /// `iso7816-tlv` reads the indefinite length 80 as 0.
    Indefinite,
    /// `iso7816-tlv` takes lengths of three and four bytes.
    LongerLengths,
    /// `iso7816-tlv` counts a child by the shortest spelling of its length, whatever it read.
    ChildNotMinimal,
    /// `iso7816-tlv` descends as deep as the bytes say.
    Deeper,
    /// `iso7816-tlv` writes a length of 127 in two bytes and counts one.
    Writes127,
}

impl Deviation {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self::ClassFf,
        Self::ZeroLc,
        Self::TagZero,
        Self::SecondByteLow,
        Self::SecondByteFf,
        Self::ThirdByte,
        Self::Indefinite,
        Self::LongerLengths,
        Self::ChildNotMinimal,
        Self::Deeper,
        Self::Writes127,
    ];

    /// Whether it explains that the peer comes to `verdict` over `bytes`.
    fn explains(self, of: Of, verdict: Verdict, bytes: &[u8]) -> bool {
        use Verdict::{Differs, Refuses, Takes};
        let at = |place: usize| bytes.get(place).copied().unwrap_or(0);
        let long = bytes.first().is_some_and(|first| first & 0x1F == 0x1F);
        match (self, of) {
            (Self::ClassFf, Of::Command) => verdict == Refuses && at(0) == 0xFF,
            (Self::ZeroLc, Of::Command) => {
                verdict == Takes && bytes.len() == 9 && bytes[4..7] == [0; 3]
            }
            (Self::TagZero, Of::Object) => verdict == Takes && at(0) == 0,
            (Self::SecondByteLow, Of::Object) => {
                verdict == Refuses && long && matches!(at(1), 0x00..=0x1D | 0x80)
            }
            (Self::SecondByteFf, Of::Object) => long && at(1) == 0xFF,
            (Self::ThirdByte, Of::Object) => {
                let more = matches!(at(1), 0x81..=0xFE) && matches!(at(2), 0x80 | 0xFF);
                verdict == Takes && long && more
            }
            (Self::Indefinite, Of::Trees) => verdict == Takes && Scan::of(bytes).indefinite,
            (Self::LongerLengths, Of::Trees) => verdict == Takes && Scan::of(bytes).longer,
            (Self::ChildNotMinimal, Of::Trees) => Scan::of(bytes).child_not_minimal,
            (Self::Deeper, Of::Trees) => verdict == Takes && Scan::of(bytes).deep,
            (Self::Writes127, Of::Written) => verdict == Differs && Scan::of(bytes).has_127,
            _ => false,
        }
    }

    /// Bytes that show it.
    pub fn example(self) -> Vec<u8> {
        match self {
            Self::ClassFf => vec![0xFF, 0xCA, 0x00, 0x00, 0x00],
            Self::ZeroLc => vec![0x00, 0xA4, 0x04, 0x00, 0x00, 0x00, 0x00, 0x12, 0x34],
            Self::TagZero => vec![0x00, 0x00],
            Self::SecondByteLow => vec![0x9F, 0x02, 0x01, 0x55],
            Self::SecondByteFf => vec![0xDF, 0xFF, 0x01, 0x01, 0x55],
            Self::ThirdByte => vec![0xDF, 0x81, 0xFF, 0x01, 0x55],
            Self::Indefinite => vec![0x5A, 0x80],
            Self::LongerLengths => vec![0x5A, 0x83, 0x00, 0x00, 0x01, 0x55],
            Self::ChildNotMinimal => vec![0x70, 0x04, 0x5A, 0x81, 0x01, 0x55],
            Self::Deeper => nested(TLV_DEPTH_MAX + 1),
            Self::Writes127 => [&[0x5A, 0x7F][..], &[0x55; 127]].concat(),
        }
    }
}

/// So many levels of objects, the innermost empty.
fn nested(levels: usize) -> Vec<u8> {
    let wrap = |inner: Vec<u8>, _| {
        let length = u8::try_from(inner.len()).unwrap_or(0);
        [&[0xE1, length], &inner[..]].concat()
    };
    (0..levels).fold(Vec::new(), wrap)
}

/// What stands in the headers of the first object and of those in it, in the order in which they are read.
#[derive(Debug, Default)]
struct Scan {
    /// Where the first object ends.
    end: usize,
    indefinite: bool,
    longer: bool,
    child_not_minimal: bool,
    deep: bool,
    has_127: bool,
}

impl Scan {
    fn of(bytes: &[u8]) -> Self {
        let mut scan = Self::default();
        let mut ends = Vec::new();
        let mut at = 0;
        while let Some((constructed, form, length, value)) = header(bytes, at) {
            scan.note(form, length, ends.len());
            let end = value + length;
            if at == 0 {
                scan.end = end;
            }
            at = if constructed { value } else { end };
            if constructed {
                ends.push(end);
            }
            while ends.last().is_some_and(|end| *end <= at) {
                ends.pop();
            }
            if ends.is_empty() {
                break;
            }
        }
        scan
    }

    fn note(&mut self, form: u8, length: usize, parents: usize) {
        let minimal = match form {
            0x81 => length > 0x7F,
            0x82..=0x84 => length >> (8 * usize::from(form - 0x81)) != 0,
            _ => true,
        };
        self.indefinite |= form == 0x80;
        self.longer |= form > 0x82;
        self.child_not_minimal |= parents > 0 && !minimal;
        self.deep |= parents >= TLV_DEPTH_MAX;
        self.has_127 |= length == 127;
    }
}

/// Whether the object at `at` is constructed, the first byte of its length, its length, and where its value starts.
fn header(bytes: &[u8], at: usize) -> Option<(bool, u8, usize, usize)> {
    let rest = bytes.get(at..)?;
    let first = *rest.first()?;
    let more = rest.iter().skip(1).take_while(|byte| **byte & 0x80 != 0);
    let tag = if first & 0x1F == 0x1F {
        2 + more.count()
    } else {
        1
    };
    let form = *rest.get(tag)?;
    let width = usize::from(form.saturating_sub(0x80));
    if width > 4 {
        return None;
    }
    let spelt = rest.get(tag + 1..tag + 1 + width)?;
    let length = spelt
        .iter()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let length = if form < 0x80 {
        usize::from(form)
    } else {
        length
    };
    Some((first & 0x20 != 0, form, length, at + tag + 1 + width))
}

/// The deviations that explain a disagreement. Panics when there is none.
fn explained(of: Of, verdict: Verdict, bytes: &[u8]) -> Vec<Deviation> {
    let fits = |known: &Deviation| known.explains(of, verdict, bytes);
    let known: Vec<_> = Deviation::ALL.into_iter().filter(fits).collect();
    assert!(
        !known.is_empty(),
        "{of:?}: the peer {verdict:?} {bytes:02X?}"
    );
    known
}

/// Panics when `ours` and `theirs` disagree over `bytes` in a way that is not listed; returns the listed ways that showed.
pub fn compare(bytes: &[u8], ours: &Readers, theirs: &Readers) -> BTreeSet<Deviation> {
    let mut shown = BTreeSet::new();
    let commands = [(ours.command)(bytes), (theirs.command)(bytes)];
    if let Some(verdict) = verdict(commands[0].as_ref(), commands[1].as_ref()) {
        shown.extend(explained(Of::Command, verdict, bytes));
    }
    objects(bytes, ours, theirs, TLV_DEPTH_MAX, &mut shown);
    trees(bytes, ours, theirs, &mut shown);
    shown
}

/// Every object that ours reads, and those in it.
fn objects(
    mut bytes: &[u8],
    ours: &Readers,
    theirs: &Readers,
    levels: usize,
    shown: &mut BTreeSet<Deviation>,
) {
    while !bytes.is_empty() && levels > 0 {
        let own = (ours.object)(bytes);
        if let Some(verdict) = verdict(own.as_ref(), (theirs.object)(bytes).as_ref()) {
            shown.extend(explained(Of::Object, verdict, bytes));
        }
        let Some((_, value, rest)) = own else { return };
        if bytes[0] & 0x20 != 0 {
            objects(value, ours, theirs, levels - 1, shown);
        }
        bytes = rest;
    }
}

/// Tree for tree, up to the first that they do not read alike: behind it they stand at different places.
fn trees(bytes: &[u8], ours: &Readers, theirs: &Readers, shown: &mut BTreeSet<Deviation>) {
    let mut bytes = &bytes[..bytes.len().min(TREES_MAX)];
    let (own, other) = ((ours.trees)(bytes), (theirs.trees)(bytes));
    for at in 0..own.len().max(other.len()) {
        let (own, other) = (own.get(at), other.get(at));
        let read = [own, other].map(|tree| tree.map(|tree| &tree.objects));
        if let Some(verdict) = verdict(read[0].as_ref(), read[1].as_ref()) {
            shown.extend(explained(Of::Trees, verdict, bytes));
            return;
        }
        let written = [own, other].map(|tree| tree.map(|tree| &tree.written));
        if let Some(verdict) = verdict(written[0].as_ref(), written[1].as_ref()) {
            let spelt = written[0].map_or(&[][..], Vec::as_slice);
            shown.extend(explained(Of::Written, verdict, spelt));
        }
        bytes = bytes.get(Scan::of(bytes).end..).unwrap_or(&[]);
    }
}
