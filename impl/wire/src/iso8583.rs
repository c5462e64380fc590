//! ISO 8583:1987 in ASCII with hexadecimal bitmaps: the fields of `spec/90-wire.md` and no other. Bounded.
//!
//! [`Message::parse`] and [`Message::encode`] are inverse to each other; framing is two bytes of length.

use std::collections::BTreeMap;

use kaika_spec::limit::ISO8583_MAX;

/// One message: type and fields. Field values are as on the wire, without their length prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Message type, four digits.
    pub mti: [u8; 4],
    /// Fields by number.
    pub fields: BTreeMap<u8, Vec<u8>>,
}

/// Bytes that are not such a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// What a field's value is made of.
#[derive(Clone, Copy)]
enum Content {
    Digits,
    Printable,
    Bytes,
}

/// How long it is.
#[derive(Clone, Copy)]
enum Size {
    Fixed(usize),
    Two(usize),
    Three(usize),
}

const fn layout(field: u8) -> Option<(Content, Size)> {
    Some(match field {
        2 => (Content::Digits, Size::Two(19)),
        3 | 11 => (Content::Digits, Size::Fixed(6)),
        4 => (Content::Digits, Size::Fixed(12)),
        7 => (Content::Digits, Size::Fixed(10)),
        14 => (Content::Digits, Size::Fixed(4)),
        22 | 49 | 70 => (Content::Digits, Size::Fixed(3)),
        37 => (Content::Printable, Size::Fixed(12)),
        38 => (Content::Printable, Size::Fixed(6)),
        39 => (Content::Printable, Size::Fixed(2)),
        41 => (Content::Printable, Size::Fixed(8)),
        42 => (Content::Printable, Size::Fixed(15)),
        55 => (Content::Bytes, Size::Three(255)),
        90 => (Content::Digits, Size::Fixed(42)),
        _ => return None,
    })
}

impl Message {
    /// A message of this type without fields.
    pub const fn new(mti: [u8; 4]) -> Self {
        Self {
            mti,
            fields: BTreeMap::new(),
        }
    }

    /// With one more field.
    #[must_use]
    pub fn with(mut self, field: u8, value: impl Into<Vec<u8>>) -> Self {
        self.fields.insert(field, value.into());
        self
    }

    /// The value of a field.
    pub fn field(&self, field: u8) -> Option<&[u8]> {
        self.fields.get(&field).map(Vec::as_slice)
    }

    /// The value of a field as text, when it is text.
    pub fn text(&self, field: u8) -> Option<&str> {
        core::str::from_utf8(self.field(field)?).ok()
    }

    /// Reads one message.
    ///
    /// # Errors
    /// [`Malformed`] for everything that [`Message::encode`] does not write.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > ISO8583_MAX {
            return Err(Malformed);
        }
        let (mti, rest) = bytes.split_first_chunk::<4>().ok_or(Malformed)?;
        if !mti.iter().all(u8::is_ascii_digit) {
            return Err(Malformed);
        }
        let (numbers, mut rest) = bitmap(rest)?;
        let mut message = Self::new(*mti);
        for number in numbers {
            let (value, after) = field(number, rest)?;
            message.fields.insert(number, value.to_vec());
            rest = after;
        }
        if rest.is_empty() {
            Ok(message)
        } else {
            Err(Malformed)
        }
    }

    /// Writes the message.
    ///
    /// # Errors
    /// [`Malformed`] when a field is unknown or its value does not fit.
    pub fn encode(&self) -> Result<Vec<u8>, Malformed> {
        if self.fields.keys().any(|number| layout(*number).is_none()) {
            return Err(Malformed);
        }
        let second = self.fields.keys().any(|number| *number > 64);
        let mut map = self
            .fields
            .keys()
            .fold(u128::from(second) << 127, |map, number| map | bit(*number));
        let mut out = self.mti.to_vec();
        for _ in 0..if second { 2 } else { 1 } {
            let half = (map >> 64) as u64;
            out.extend(format!("{half:016X}").bytes());
            map <<= 64;
        }
        for (number, value) in &self.fields {
            put(*number, value, &mut out)?;
        }
        if out.len() <= ISO8583_MAX {
            Ok(out)
        } else {
            Err(Malformed)
        }
    }
}

const fn bit(number: u8) -> u128 {
    1 << (128 - number as u32)
}

/// The numbers of the fields, from one or two bitmaps.
fn bitmap(bytes: &[u8]) -> Result<(Vec<u8>, &[u8]), Malformed> {
    let (first, rest) = half(bytes)?;
    let (second, rest) = if first >> 63 == 1 {
        half(rest)?
    } else {
        (0, rest)
    };
    if first >> 63 == 1 && second == 0 {
        return Err(Malformed);
    }
    let map = u128::from(first) << 64 | u128::from(second);
    Ok((
        (2..=128).filter(|number| map & bit(*number) != 0).collect(),
        rest,
    ))
}

fn half(bytes: &[u8]) -> Result<(u64, &[u8]), Malformed> {
    let (digits, rest) = bytes.split_first_chunk::<16>().ok_or(Malformed)?;
    let upper = digits
        .iter()
        .all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F'));
    let text = core::str::from_utf8(digits).map_err(|_| Malformed)?;
    let map = u64::from_str_radix(text, 16).map_err(|_| Malformed)?;
    if upper {
        Ok((map, rest))
    } else {
        Err(Malformed)
    }
}

fn field(number: u8, bytes: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let (content, size) = layout(number).ok_or(Malformed)?;
    let (length, most, rest) = match size {
        Size::Fixed(length) => (length, length, bytes),
        Size::Two(most) => prefixed(2, most, bytes)?,
        Size::Three(most) => prefixed(3, most, bytes)?,
    };
    let (value, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
    if length <= most && fits(content, value) {
        Ok((value, rest))
    } else {
        Err(Malformed)
    }
}

fn prefixed(digits: usize, most: usize, bytes: &[u8]) -> Result<(usize, usize, &[u8]), Malformed> {
    let (length, rest) = bytes.split_at_checked(digits).ok_or(Malformed)?;
    if !length.iter().all(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    let text = core::str::from_utf8(length).map_err(|_| Malformed)?;
    Ok((text.parse().map_err(|_| Malformed)?, most, rest))
}

fn fits(content: Content, value: &[u8]) -> bool {
    match content {
        Content::Digits => value.iter().all(u8::is_ascii_digit),
        Content::Printable => value.iter().all(|byte| (b' '..=b'~').contains(byte)),
        Content::Bytes => true,
    }
}

fn put(number: u8, value: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let (content, size) = layout(number).ok_or(Malformed)?;
    let length = value.len();
    let right = match size {
        Size::Fixed(want) => length == want,
        Size::Two(most) | Size::Three(most) => length <= most,
    };
    if !right || !fits(content, value) {
        return Err(Malformed);
    }
    match size {
        Size::Fixed(_) => {}
        Size::Two(_) => out.extend(format!("{length:02}").bytes()),
        Size::Three(_) => out.extend(format!("{length:03}").bytes()),
    }
    out.extend_from_slice(value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request() -> Message {
        Message::new(*b"0100")
            .with(2, *b"6299000012345678")
            .with(3, *b"000000")
            .with(4, *b"000000001250")
            .with(11, *b"000042")
            .with(37, *b"000000000042")
            .with(41, *b"SHOP0001")
            .with(55, [0x9f, 0x26, 1, 2])
    }

    #[test]
    fn a_message_in_bytes() {
        let want = b"01007020000008800200\
            166299000012345678\
            000000000000001250\
            000042000000000042SHOP0001004\x9f\x26\x01\x02";
        assert_eq!(request().encode().as_deref(), Ok(&want[..]));
        assert_eq!(Message::parse(want), Ok(request()));
    }

    #[test]
    fn a_second_bitmap_when_it_is_needed() {
        let message = Message::new(*b"0400").with(90, [b'0'; 42]);
        let Ok(bytes) = message.encode() else {
            panic!("fits")
        };
        assert_eq!(&bytes[4..36], b"80000000000000000000004000000000");
        assert_eq!(Message::parse(&bytes), Ok(message));
    }

    #[test]
    fn what_is_malformed() {
        let Ok(good) = request().encode() else {
            panic!("fits")
        };
        for length in 0..good.len() {
            assert_eq!(Message::parse(&good[..length]), Err(Malformed), "{length}");
        }
        assert_eq!(Message::parse(&[&good[..], b"0"].concat()), Err(Malformed));
        assert_eq!(Message::parse(&vec![b'0'; ISO8583_MAX + 1]), Err(Malformed));
        for number in [0, 1, 5, 128, 129, 255] {
            let unknown = Message::new(*b"0100").with(number, *b"1");
            assert_eq!(unknown.encode(), Err(Malformed), "{number}");
        }
        assert_eq!(
            Message::new(*b"0100").with(3, *b"12345").encode(),
            Err(Malformed)
        );
        assert_eq!(
            Message::new(*b"0100").with(3, *b"12345x").encode(),
            Err(Malformed)
        );
        assert_eq!(Message::parse(b"0100000000000000000a"), Err(Malformed));
        assert_eq!(
            Message::parse(b"010080000000000000000000000000000000"),
            Err(Malformed)
        );
    }

    proptest! {
        #[test]
        fn parse_is_the_inverse_of_encode(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(message) = Message::parse(&bytes) {
                prop_assert_eq!(message.encode(), Ok(bytes));
            }
        }

        #[test]
        fn encode_is_the_inverse_of_parse(pan in "[0-9]{0,19}", amount in "[0-9]{12}", data in proptest::collection::vec(any::<u8>(), 0..255), with_90: bool) {
            let mut message = Message::new(*b"0200").with(2, pan).with(4, amount).with(55, data);
            if with_90 {
                message = message.with(90, [b'7'; 42]);
            }
            let bytes = message.encode();
            prop_assert_eq!(bytes.and_then(|bytes| Message::parse(&bytes)), Ok(message));
        }
    }
}
