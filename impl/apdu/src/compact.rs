//! COMPACT-TLV (ISO 7816-4): a tag and a length of four bits each in one byte, as in the historical bytes of an answer to reset.

use crate::{Full, Malformed};

/// Longest value.
pub const VALUE_MAX: usize = 15;

/// One object: its tag is 1 to 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compact<'a> {
    /// The upper four bits of the first byte.
    pub tag: u8,
    /// At most [`VALUE_MAX`] bytes.
    pub value: &'a [u8],
}

/// Reads the objects in order. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads all of these bytes.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take(&mut self) -> Result<Compact<'a>, Malformed> {
        let (head, rest) = self.rest.split_first().ok_or(Malformed)?;
        let (value, rest) = rest
            .split_at_checked(usize::from(head & 0x0F))
            .ok_or(Malformed)?;
        self.rest = rest;
        match head >> 4 {
            0 => Err(Malformed),
            tag => Ok(Compact { tag, value }),
        }
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Compact<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let taken = self.take();
        if taken.is_err() {
            self.rest = &[];
        }
        Some(taken)
    }
}

/// Writes one object and returns its length.
///
/// # Errors
/// [`Full`] when `out` is too short, the value longer than [`VALUE_MAX`] or the tag not 1 to 15.
pub fn put(object: Compact<'_>, out: &mut [u8]) -> Result<usize, Full> {
    let length = u8::try_from(object.value.len())
        .ok()
        .filter(|length| *length <= 0x0F)
        .ok_or(Full)?;
    if !(1..=15).contains(&object.tag) {
        return Err(Full);
    }
    let (head, rest) = out.split_first_mut().ok_or(Full)?;
    rest.get_mut(..object.value.len())
        .ok_or(Full)?
        .copy_from_slice(object.value);
    *head = object.tag << 4 | length;
    object.value.len().checked_add(1).ok_or(Full)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use quickcheck::quickcheck;

    use super::*;

    /// The example of ISO 7816-4, annex: country code, issuer's data, card capabilities.
    #[test]
    fn objects_are_read_in_order() {
        let bytes = [0x12, 0x25, 0x0F, 0x70, 0x51, 0xAA];
        let read: Result<Vec<_>, _> = Reader::new(&bytes).collect();
        let object = |tag, value| Compact { tag, value };
        let all = [
            object(1, &bytes[1..3]),
            object(7, &[]),
            object(5, &bytes[5..]),
        ];
        assert_eq!(read.unwrap(), all);
    }

    #[test]
    fn what_is_cut_or_has_no_tag_is_refused() {
        for bytes in [&[0x12, 1][..], &[0x71], &[0x02, 1, 2], &[0x00]] {
            let read: Vec<_> = Reader::new(bytes).collect();
            assert_eq!(read, [Err(Malformed)], "{bytes:02x?}");
        }
        let behind: Vec<_> = Reader::new(&[0x11, 7, 0x52, 1]).collect();
        assert_eq!(behind.len(), 2);
        assert_eq!(behind[1], Err(Malformed));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let object = |tag, value| Compact { tag, value };
        assert_eq!(put(object(5, &[1, 2]), &mut [0; 2]), Err(Full));
        assert_eq!(put(object(5, &[1, 2]), &mut []), Err(Full));
        assert_eq!(put(object(0, &[]), &mut [0; 2]), Err(Full));
        assert_eq!(put(object(16, &[]), &mut [0; 2]), Err(Full));
        assert_eq!(put(object(5, &[0; 16]), &mut [0; 20]), Err(Full));
    }

    quickcheck! {
        fn what_is_written_is_read(tag: u8, value: Vec<u8>) -> bool {
            let (tag, value) = ((tag % 15) ^ 0x0F, &value[..value.len().min(VALUE_MAX)]);
            let mut out = [0; 16];
            let length = put(Compact { tag, value }, &mut out).unwrap();
            Reader::new(&out[..length]).collect::<Vec<_>>() == [Ok(Compact { tag, value })]
        }

        fn any_bytes_end(bytes: Vec<u8>) -> bool {
            Reader::new(&bytes).count() <= bytes.len()
        }
    }
}
