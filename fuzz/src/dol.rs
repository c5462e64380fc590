//! Data object lists against a naive reader: entries, total, the place of each value, and filling.

use kaika_apdu::tlv::Writer;
use kaika_apdu::{Dol, Tag};

/// Fuzz body: the first byte says how much of the rest is the list; what follows are its values.
pub fn dol(data: &[u8]) {
    let Some((cut, rest)) = data.split_first() else {
        return;
    };
    let (list, values) = rest.split_at(usize::from(*cut).min(rest.len()));
    entries_agree(list, ours);
    values_agree(list, values);
    fills_agree(list);
}

/// The entries of a list, or nothing when it is malformed.
pub type Entries = Option<Vec<(u32, usize)>>;

/// Our reader.
pub fn ours(list: &[u8]) -> Entries {
    let dol = Dol::parse(list).ok()?;
    Some(
        dol.entries()
            .map(|entry| (entry.tag.number(), entry.length))
            .collect(),
    )
}

/// The naive reader: a tag of one to three bytes, one byte of length below 80.
pub fn naive(list: &[u8]) -> Entries {
    let mut bytes = list.iter().copied().peekable();
    let mut entries = Vec::new();
    while bytes.peek().is_some() {
        let mut tag = vec![bytes.next()?];
        if tag[0] & 0x1F == 0x1F {
            tag.push(bytes.next()?);
            while tag.last()? & 0x80 != 0 {
                tag.push(bytes.next()?);
            }
        }
        let length = bytes.next()?;
        if tag[0] == 0 || tag.len() > 3 || length > 0x7F {
            return None;
        }
        entries.push((
            tag.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)),
            usize::from(length),
        ));
    }
    Some(entries)
}

/// Panics unless `read` reads the list as the naive reader does.
pub fn entries_agree(list: &[u8], read: impl Fn(&[u8]) -> Entries) {
    assert_eq!(read(list), naive(list), "of {list:02X?}");
    let total = naive(list).map(|entries| entries.iter().map(|(_, length)| length).sum());
    assert_eq!(
        Dol::parse(list).ok().map(|dol| dol.answer_len()),
        total,
        "total of {list:02X?}"
    );
}

/// Each value is where the entries before it end; an answer of another length has none.
fn values_agree(list: &[u8], values: &[u8]) {
    let (Some(entries), Ok(dol)) = (naive(list), Dol::parse(list)) else {
        return;
    };
    let right = values.len() == dol.answer_len();
    let padded: Vec<u8> = (0..dol.answer_len())
        .map(|at| at.to_le_bytes()[0])
        .collect();
    let mut start = 0;
    let mut first: Vec<u32> = Vec::new();
    for (number, length) in entries {
        let Ok(tag) = Tag::new(number) else {
            panic!("{number:X} was read but is no tag")
        };
        if !first.contains(&number) {
            assert_eq!(
                dol.pick(&padded, tag),
                padded.get(start..start + length),
                "{number:X} by {list:02X?}"
            );
            assert_eq!(
                dol.pick(values, tag).is_some(),
                right,
                "an answer of {} bytes",
                values.len()
            );
            first.push(number);
        }
        start += length;
    }
}

/// The value that is given for every tag.
const GIVEN: [u8; 5] = [1, 2, 3, 4, 5];

/// Filling cuts and pads: numeric values at the left, others at the right (EMV Book 3, 5.4). A buffer that is one byte
/// short is refused.
fn fills_agree(list: &[u8]) {
    let (Some(entries), Ok(dol)) = (naive(list), Dol::parse(list)) else {
        return;
    };
    let want: Vec<u8> = entries
        .iter()
        .flat_map(|(tag, length)| fitted(*tag, *length))
        .collect();
    let mut buffer = vec![0xEE; want.len()];
    let filled = dol.fill(|_| Some(&GIVEN), &mut Writer::new(&mut buffer));
    assert!(
        filled.is_ok() && buffer == want,
        "filling {list:02X?}: {buffer:02X?}, not {want:02X?}"
    );
    if let Some(short) = want.len().checked_sub(1) {
        let mut buffer = vec![0; short];
        assert!(
            dol.fill(|_| None, &mut Writer::new(&mut buffer)).is_err(),
            "{list:02X?} in too little room"
        );
    }
}

/// Tags of format n in EMV Book 3, annex A, among those that the chip knows.
const NUMERIC: [u32; 9] = [
    0x9F02, 0x9F03, 0x9F1A, 0x5F2A, 0x9A, 0x9C, 0x5F24, 0x5F34, 0x5F28,
];

fn fitted(tag: u32, length: usize) -> Vec<u8> {
    let mut value = GIVEN.to_vec();
    if NUMERIC.contains(&tag) {
        value.reverse();
        value.resize(length, 0);
        value.reverse();
    } else {
        value.resize(length, 0);
    }
    value
}
