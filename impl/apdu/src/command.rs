//! A command APDU: exactly the seven cases of ISO 7816-3, and nothing that merely resembles one.
//!
//! ```text
//! 1   CLA INS P1 P2                       2E  … 00 Le Le
//! 2S  … Le                                3E  … 00 Lc Lc data
//! 3S  … Lc data                           4E  … 00 Lc Lc data Le Le
//! 4S  … Lc data Le
//! ```

use crate::{Full, Malformed};

/// A command, borrowed from the bytes that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// Class.
    pub cla: u8,
    /// Instruction.
    pub ins: u8,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
    /// The data field, empty when there is none (Lc is its length).
    pub data: &'a [u8],
    /// How many bytes of answer are expected at most (Ne); 0 when there is no Le field.
    pub expected: u32,
    /// Whether the lengths are in the extended form.
    pub extended: bool,
}

impl<'a> Command<'a> {
    /// Reads one command.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are not one of the seven cases.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (&[cla, ins, p1, p2], body) = bytes.split_first_chunk::<4>().ok_or(Malformed)?;
        let (data, expected, extended) = parse_body(body)?;
        Ok(Self {
            cla,
            ins,
            p1,
            p2,
            data,
            expected,
            extended,
        })
    }

    /// A command in the short form.
    pub const fn short(header: [u8; 4], data: &'a [u8], expected: u32) -> Self {
        let [cla, ins, p1, p2] = header;
        Self {
            cla,
            ins,
            p1,
            p2,
            data,
            expected,
            extended: false,
        }
    }

    /// CLA INS P1 P2.
    pub const fn header(&self) -> [u8; 4] {
        [self.cla, self.ins, self.p1, self.p2]
    }

    /// Writes the command and returns its length. It is written in the extended form when it says so or when a
    /// length needs it.
    ///
    /// # Errors
    /// [`Full`] when `out` is too short, the data longer than 65 535 or the expected length greater than 65 536.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, Full> {
        let mut cursor = Cursor { out, used: 0 };
        cursor.put(&self.header())?;
        let extended = self.extended || self.data.len() > 255 || self.expected > 256;
        let lc = u16::try_from(self.data.len()).map_err(|_| Full)?;
        let le = length_expected(self.expected)?;
        match (extended, lc, le) {
            (_, 0, None) => {}
            (false, _, _) => {
                cursor.put_short(lc, self.data, le)?;
            }
            (true, _, _) => {
                cursor.put(&[0])?;
                if lc > 0 {
                    cursor.put(&lc.to_be_bytes())?;
                    cursor.put(self.data)?;
                }
                if let Some(le) = le {
                    cursor.put(&le.to_be_bytes())?;
                }
            }
        }
        Ok(cursor.used)
    }
}

/// The data field, Ne and whether the form is extended.
type Body<'a> = (&'a [u8], u32, bool);

#[inline]
fn parse_body(body: &[u8]) -> Result<Body<'_>, Malformed> {
    match body {
        [] => Ok((&[], 0, false)),
        [le] => Ok((&[], short_expected(*le), false)),
        [0, rest @ ..] => parse_extended(rest),
        [lc, rest @ ..] => {
            let (data, le) = rest.split_at_checked(usize::from(*lc)).ok_or(Malformed)?;
            match le {
                [] => Ok((data, 0, false)),
                [le] => Ok((data, short_expected(*le), false)),
                _ => Err(Malformed),
            }
        }
    }
}

fn parse_extended(body: &[u8]) -> Result<Body<'_>, Malformed> {
    let (first, rest) = body.split_first_chunk::<2>().ok_or(Malformed)?;
    let first = u16::from_be_bytes(*first);
    if rest.is_empty() {
        return Ok((&[], extended_expected(first), true));
    }
    // An extended Lc of zero with data behind it is none of the seven cases.
    if first == 0 {
        return Err(Malformed);
    }
    let (data, le) = rest.split_at_checked(usize::from(first)).ok_or(Malformed)?;
    match le {
        [] => Ok((data, 0, true)),
        [high, low] => Ok((
            data,
            extended_expected(u16::from_be_bytes([*high, *low])),
            true,
        )),
        _ => Err(Malformed),
    }
}

const fn short_expected(le: u8) -> u32 {
    if le == 0 { 256 } else { le as u32 }
}

const fn extended_expected(le: u16) -> u32 {
    if le == 0 { 65_536 } else { le as u32 }
}

/// The Le field for an expected length: none for 0, and 0 for the greatest of either form (the form decides).
fn length_expected(expected: u32) -> Result<Option<u16>, Full> {
    match expected {
        0 => Ok(None),
        65_536 => Ok(Some(0)),
        other => u16::try_from(other).map(Some).map_err(|_| Full),
    }
}

struct Cursor<'o> {
    out: &'o mut [u8],
    used: usize,
}

impl Cursor<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let end = self.used.checked_add(bytes.len()).ok_or(Full)?;
        self.out
            .get_mut(self.used..end)
            .ok_or(Full)?
            .copy_from_slice(bytes);
        self.used = end;
        Ok(())
    }

    /// Lengths that are known to fit: Lc at most 255 and Le at most 256, whose low byte is 00.
    fn put_short(&mut self, lc: u16, data: &[u8], le: Option<u16>) -> Result<(), Full> {
        if lc > 0 {
            let [_, low] = lc.to_be_bytes();
            self.put(&[low])?;
            self.put(data)?;
        }
        if let Some(le) = le {
            let [_, low] = le.to_be_bytes();
            self.put(&[low])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
