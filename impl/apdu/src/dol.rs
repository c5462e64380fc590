//! Data object lists: what a card asks the terminal for, as tags with lengths, answered by values alone.

use crate::tlv::Writer;
use crate::{Full, Malformed, Tag};

/// A list that was read to its end once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dol<'a> {
    bytes: &'a [u8],
    answer_len: usize,
}

/// One entry of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What is asked for.
    pub tag: Tag,
    /// In how many bytes.
    pub length: usize,
}

impl<'a> Dol<'a> {
    /// Reads a list.
    ///
    /// # Errors
    /// [`Malformed`] when a tag or length is cut off, or a length is greater than 127.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut answer_len: usize = 0;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (entry, next) = take_entry(rest)?;
            answer_len = answer_len.checked_add(entry.length).ok_or(Malformed)?;
            rest = next;
        }
        Ok(Self { bytes, answer_len })
    }

    /// How long the answer must be.
    pub const fn answer_len(&self) -> usize {
        self.answer_len
    }

    /// The entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + use<'a> {
        let mut rest = self.bytes;
        core::iter::from_fn(move || {
            let (entry, next) = take_entry(rest).ok()?;
            rest = next;
            Some(entry)
        })
    }

    /// The value of the first entry with this tag in an answer of the right length.
    pub fn pick<'d>(&self, answer: &'d [u8], tag: Tag) -> Option<&'d [u8]> {
        if answer.len() != self.answer_len {
            return None;
        }
        let mut rest = answer;
        for entry in self.entries() {
            let (value, next) = rest.split_at_checked(entry.length)?;
            if entry.tag == tag {
                return Some(value);
            }
            rest = next;
        }
        None
    }

    /// Writes the answer. An unknown tag is answered by zeros; a value of another length is cut or padded: numeric
    /// ones at the left, others at the right.
    ///
    /// # Errors
    /// [`Full`] when there is no room.
    pub fn fill<'v>(
        &self,
        value_of: impl Fn(Tag) -> Option<&'v [u8]>,
        out: &mut Writer<'_>,
    ) -> Result<(), Full> {
        for entry in self.entries() {
            fit(entry, value_of(entry.tag).unwrap_or(&[]), out)?;
        }
        Ok(())
    }
}

fn fit(entry: Entry, value: &[u8], out: &mut Writer<'_>) -> Result<(), Full> {
    let missing = entry.length.saturating_sub(value.len());
    let surplus = value.len().saturating_sub(entry.length);
    if entry.tag.is_numeric() {
        pad(missing, out)?;
        out.raw(value.get(surplus..).ok_or(Full)?)
    } else {
        out.raw(value.get(..value.len().min(entry.length)).ok_or(Full)?)?;
        pad(missing, out)
    }
}

fn pad(count: usize, out: &mut Writer<'_>) -> Result<(), Full> {
    (0..count).try_for_each(|_| out.raw(&[0]))
}

fn take_entry(bytes: &[u8]) -> Result<(Entry, &[u8]), Malformed> {
    let (tag, rest) = Tag::take(bytes)?;
    match *rest {
        [length @ 0..=0x7F, ref rest @ ..] => Ok((
            Entry {
                tag,
                length: usize::from(length),
            },
            rest,
        )),
        _ => Err(Malformed),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    extern crate std;
    use std::vec;
    use std::vec::Vec;

    use quickcheck::quickcheck;

    use super::*;

    const LIST: [u8; 8] = [0x9F, 0x02, 6, 0x95, 5, 0x9F, 0x37, 4];

    #[test]
    fn a_list_is_read_and_answered() {
        let dol = Dol::parse(&LIST).unwrap();
        assert_eq!(dol.answer_len(), 15);
        let mut out = [0xEE; 15];
        let values = |tag| match tag {
            Tag::AMOUNT => Some(&[0x12, 0x34][..]),
            Tag::UNPREDICTABLE_NUMBER => Some(&[1, 2, 3, 4, 5][..]),
            _ => None,
        };
        dol.fill(values, &mut Writer::new(&mut out)).unwrap();
        assert_eq!(out, [0, 0, 0, 0, 0x12, 0x34, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
        assert_eq!(
            dol.pick(&out, Tag::UNPREDICTABLE_NUMBER),
            Some(&[1, 2, 3, 4][..])
        );
        assert_eq!(dol.pick(&out, Tag::DATE), None);
        assert_eq!(dol.pick(&out[1..], Tag::AMOUNT), None);
        assert_eq!(dol.fill(values, &mut Writer::new(&mut [0; 14])), Err(Full));
    }

    #[test]
    fn long_numbers_lose_their_left_and_short_texts_gain_on_the_right() {
        let mut out = [0; 5];
        let dol = Dol::parse(&[0x9A, 2, 0x95, 3]).unwrap();
        dol.fill(
            |tag| Some(if tag == Tag::DATE { &[1, 2, 3] } else { &[9] }),
            &mut Writer::new(&mut out),
        )
        .unwrap();
        assert_eq!(out, [2, 3, 9, 0, 0]);
    }

    #[test]
    fn every_truncation_within_an_entry_is_refused() {
        for end in [1, 2, 4, 6, 7] {
            assert_eq!(Dol::parse(&LIST[..end]), Err(Malformed), "{end}");
        }
        assert_eq!(Dol::parse(&[0x95, 0x81, 5]), Err(Malformed));
    }

    quickcheck! {
        fn an_answer_has_the_announced_length(bytes: Vec<u8>) -> bool {
            let Ok(dol) = Dol::parse(&bytes) else { return true };
            let mut out = vec![0; dol.answer_len()];
            let mut writer = Writer::new(&mut out);
            dol.fill(|_| Some(&[1, 2, 3]), &mut writer).is_ok() && writer.len() == dol.answer_len()
        }

        fn what_is_filled_is_picked(amount: u32, number: u32) -> bool {
            let dol = Dol::parse(&LIST).unwrap();
            let (amount, number) = (amount.to_be_bytes(), number.to_be_bytes());
            let mut out = [0; 15];
            dol.fill(|tag| Some(if tag == Tag::AMOUNT { &amount } else { &number }), &mut Writer::new(&mut out)).unwrap();
            dol.pick(&out, Tag::AMOUNT).unwrap()[2..] == amount && dol.pick(&out, Tag::UNPREDICTABLE_NUMBER) == Some(&number[..])
        }
    }
}
