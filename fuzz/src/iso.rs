//! ISO 8583 frames against a reader driven by the field table of `spec/90-wire.md`.

use std::collections::BTreeMap;

use kaika_spec::limit;
use kaika_wire::iso8583::Message;

/// Fuzz body.
pub fn iso8583(data: &[u8]) {
    agree(data, ours);
}

/// Our reader.
pub fn ours(bytes: &[u8]) -> Option<Frame> {
    let message = Message::parse(bytes).ok()?;
    assert_eq!(
        message.encode().as_deref(),
        Ok(bytes),
        "printing {bytes:02X?}"
    );
    Some((
        String::from_utf8_lossy(&message.mti).into_owned(),
        message.fields,
    ))
}

/// Panics unless `read` reads what the table reads.
pub fn agree(bytes: &[u8], read: impl Fn(&[u8]) -> Option<Frame>) {
    assert_eq!(read(bytes), by_table(bytes), "of {bytes:02X?}");
}

/// What a field may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Digits.
    Digits,
    /// Letters, digits and, for `ans`, what else can be printed.
    Text,
    /// Any bytes.
    Bytes,
}

/// How long a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Always so long.
    Fixed(usize),
    /// As many digits of length first, and at most so long.
    Prefixed(usize, usize),
}

/// The fields that a frame of ours may have.
pub const FIELDS: [(u8, Length, Kind); 16] = [
    (2, Length::Prefixed(2, 19), Kind::Digits),
    (3, Length::Fixed(6), Kind::Digits),
    (4, Length::Fixed(12), Kind::Digits),
    (7, Length::Fixed(10), Kind::Digits),
    (11, Length::Fixed(6), Kind::Digits),
    (14, Length::Fixed(4), Kind::Digits),
    (22, Length::Fixed(3), Kind::Digits),
    (37, Length::Fixed(12), Kind::Text),
    (38, Length::Fixed(6), Kind::Text),
    (39, Length::Fixed(2), Kind::Text),
    (41, Length::Fixed(8), Kind::Text),
    (42, Length::Fixed(15), Kind::Text),
    (49, Length::Fixed(3), Kind::Digits),
    (55, Length::Prefixed(3, 255), Kind::Bytes),
    (70, Length::Fixed(3), Kind::Digits),
    (90, Length::Fixed(42), Kind::Digits),
];

/// A frame as the table reads it: message type and fields.
pub type Frame = (String, BTreeMap<u8, Vec<u8>>);

/// Reads a frame (without its two-byte length) by the table.
pub fn by_table(bytes: &[u8]) -> Option<Frame> {
    if bytes.len() > limit::ISO8583_MAX {
        return None;
    }
    let (mti, mut rest) = bytes.split_at_checked(4)?;
    if !mti.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut present = bitmap(&mut rest)?;
    if present & (1 << 63) != 0 {
        let second = bitmap(&mut rest)?;
        if second == 0 {
            return None; // One spelling only: no second bitmap without a use.
        }
        present = present << 64 | second;
    } else {
        present <<= 64;
    }
    let mut fields = BTreeMap::new();
    for number in (2..=128_u8).filter(|number| present & (1 << (128 - number)) != 0) {
        let (_, length, kind) = FIELDS.into_iter().find(|(known, ..)| *known == number)?;
        fields.insert(number, field(&mut rest, length, kind)?);
    }
    rest.is_empty()
        .then(|| (String::from_utf8_lossy(mti).into_owned(), fields))
}

fn bitmap(rest: &mut &[u8]) -> Option<u128> {
    let (digits, left) = rest.split_at_checked(16)?;
    *rest = left;
    let text = core::str::from_utf8(digits).ok()?;
    if !text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
    {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

fn field(rest: &mut &[u8], length: Length, kind: Kind) -> Option<Vec<u8>> {
    let len = match length {
        Length::Fixed(len) => len,
        Length::Prefixed(digits, most) => {
            let (prefix, left) = rest.split_at_checked(digits)?;
            *rest = left;
            if !prefix.iter().all(u8::is_ascii_digit) {
                return None;
            }
            core::str::from_utf8(prefix)
                .ok()?
                .parse()
                .ok()
                .filter(|len| *len <= most)?
        }
    };
    let (value, left) = rest.split_at_checked(len)?;
    *rest = left;
    let good = match kind {
        Kind::Digits => value.iter().all(u8::is_ascii_digit),
        Kind::Text => value.iter().all(|byte| (0x20..0x7F).contains(byte)),
        Kind::Bytes => true,
    };
    good.then(|| value.to_vec())
}
