//! The runner's own codecs: BER-TLV and ISO 8583.

use std::collections::BTreeMap;

/// One TLV with a short or two-byte length.
pub fn tlv(tag: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = tag.to_vec();
    match u8::try_from(value.len()) {
        Ok(length @ ..=0x7F) => out.push(length),
        Ok(length) => out.extend_from_slice(&[0x81, length]),
        Err(_) => {
            out.push(0x82);
            out.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    out.extend_from_slice(value);
    out
}

/// The elements of one level: tag and value.
pub fn elements(mut bytes: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut all = Vec::new();
    while let Some((&first, mut rest)) = bytes.split_first() {
        let mut tag = vec![first];
        if first & 0x1F == 0x1F {
            let (&second, after) = rest.split_first()?;
            tag.push(second);
            rest = after;
        }
        let (&short, after) = rest.split_first()?;
        let (length, after) = match short {
            0..=0x7F => (usize::from(short), after),
            0x81 => after
                .split_first()
                .map(|(&n, after)| (usize::from(n), after))?,
            0x82 => after
                .split_first_chunk::<2>()
                .map(|(n, after)| (usize::from(u16::from_be_bytes(*n)), after))?,
            _ => return None,
        };
        let (value, after) = after.split_at_checked(length)?;
        all.push((tag, value.to_vec()));
        bytes = after;
    }
    Some(all)
}

/// The value of the first element with this tag, on this level.
pub fn find(bytes: &[u8], tag: &[u8]) -> Option<Vec<u8>> {
    elements(bytes)?
        .into_iter()
        .find(|(name, _)| name == tag)
        .map(|(_, value)| value)
}

/// Fields of an ISO 8583 message by number.
pub type Fields = BTreeMap<u8, String>;

/// Fixed length, or digits of the length prefix.
enum Shape {
    Fixed(usize),
    Variable(usize),
}

const fn shape(field: u8) -> Option<Shape> {
    Some(match field {
        2 => Shape::Variable(2),
        3 | 11 => Shape::Fixed(6),
        4 | 37 => Shape::Fixed(12),
        7 => Shape::Fixed(10),
        14 => Shape::Fixed(4),
        22 | 49 | 70 => Shape::Fixed(3),
        38 => Shape::Fixed(6),
        39 => Shape::Fixed(2),
        41 => Shape::Fixed(8),
        42 => Shape::Fixed(15),
        55 => Shape::Variable(3),
        90 => Shape::Fixed(42),
        _ => return None,
    })
}

/// A message; field 55 is given in hexadecimal.
///
/// # Errors
/// When a field is not of this protocol.
pub fn iso_write(mti: &str, fields: &Fields) -> Result<Vec<u8>, String> {
    let mut bitmap = 0_u128;
    let mut body = Vec::new();
    for (&field, text) in fields {
        bitmap |= 1_u128.checked_shl(128 - u32::from(field)).unwrap_or(0);
        let bytes = if field == 55 {
            hex::decode(text).map_err(|e| e.to_string())?
        } else {
            text.as_bytes().to_vec()
        };
        match shape(field).ok_or_else(|| format!("no field {field}"))? {
            Shape::Fixed(_) => {}
            Shape::Variable(digits) => {
                body.extend_from_slice(format!("{:0digits$}", bytes.len()).as_bytes())
            }
        }
        body.extend_from_slice(&bytes);
    }
    let second = fields.keys().any(|field| *field > 64);
    if second {
        bitmap |= 1 << 127;
    }
    let map = format!("{bitmap:032X}");
    let map = if second { &map[..] } else { &map[..16] };
    Ok([mti.as_bytes(), map.as_bytes(), &body].concat())
}

/// The other way.
pub fn iso_read(bytes: &[u8]) -> Option<(String, Fields)> {
    let mut rest = bytes;
    let mut take = |count: usize| {
        let (head, tail) = rest.split_at_checked(count)?;
        rest = tail;
        Some(head.to_vec())
    };
    let mti = String::from_utf8(take(4)?).ok()?;
    let mut map = String::from_utf8(take(16)?).ok()?;
    let second = u8::from_str_radix(map.get(..1)?, 16).ok()? & 8 != 0;
    map.push_str(&if second {
        String::from_utf8(take(16)?).ok()?
    } else {
        "0".repeat(16)
    });
    let bitmap = u128::from_str_radix(&map, 16).ok()?;
    let mut fields = Fields::new();
    for field in 2..=128_u8 {
        if bitmap >> (128 - u32::from(field)) & 1 == 0 {
            continue;
        }
        let length = match shape(field)? {
            Shape::Fixed(length) => length,
            Shape::Variable(digits) => String::from_utf8(take(digits)?).ok()?.parse().ok()?,
        };
        let value = take(length)?;
        let text = if field == 55 {
            hex::encode(value)
        } else {
            String::from_utf8(value).ok()?
        };
        fields.insert(field, text);
    }
    rest.is_empty().then_some((mti, fields))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_as_it_was_written() {
        let fields = Fields::from([
            (2, "6299000000000000".into()),
            (11, "000001".into()),
            (55, "9f2601aa".into()),
            (90, "0".repeat(42)),
        ]);
        let bytes = iso_write("0400", &fields).unwrap();
        assert!(bytes.starts_with(b"0400C020000000000200"));
        assert_eq!(iso_read(&bytes), Some(("0400".into(), fields)));
        assert_eq!(iso_read(&bytes[..bytes.len() - 1]), None);
    }

    #[test]
    fn tlv_reads_as_it_was_written_and_never_beyond() {
        for length in [0, 1, 127, 128, 255, 256, 700] {
            let bytes = tlv(&[0x9F, 0x26], &vec![7; length]);
            assert_eq!(find(&bytes, &[0x9F, 0x26]), Some(vec![7; length]));
            assert_eq!(elements(&bytes[..bytes.len() - 1]), None);
        }
    }
}
