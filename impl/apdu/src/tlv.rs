//! BER-TLV: read siblings with [`Reader`], a whole tree with [`walk`], write with [`Writer`].
//!
//! Tags of one to three bytes, lengths in the short form or `81`/`82`; the indefinite form is refused. [`walk`]
//! visits every byte of the headers once and keeps a stack of [`TLV_DEPTH_MAX`] ends, so neither time nor space can run away.

use kaika_spec::limit::TLV_DEPTH_MAX;

use crate::{Full, Malformed, Tag};

/// How lengths must be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Any of the three definite forms.
    Any,
    /// The shortest form only, so that one value has one spelling.
    Minimal,
}

/// One data object, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Its tag.
    pub tag: Tag,
    /// Its value.
    pub value: &'a [u8],
}

/// Reads the objects of one level, in order. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    form: Form,
}

impl<'a> Reader<'a> {
    /// Reads with lengths in any form.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            form: Form::Any,
        }
    }

    /// Reads with the shortest lengths only.
    pub const fn minimal(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            form: Form::Minimal,
        }
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Tlv<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let read = take(self.rest, self.form);
        self.rest = read.map_or(&[], |(_, rest)| rest);
        Some(read.map(|(object, _)| object))
    }
}

/// Reads one object from the front and returns it with what follows.
///
/// # Errors
/// [`Malformed`] when tag, length or value is cut off or not allowed.
#[inline]
pub fn take(bytes: &[u8], form: Form) -> Result<(Tlv<'_>, &[u8]), Malformed> {
    let (tag, rest) = Tag::take(bytes)?;
    let (length, rest) = take_length(rest, form)?;
    let (value, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
    Ok((Tlv { tag, value }, rest))
}

/// The only object there is.
///
/// # Errors
/// [`Malformed`] when there is none, more than one, or bytes behind it.
pub fn only(bytes: &[u8], form: Form) -> Result<Tlv<'_>, Malformed> {
    match take(bytes, form)? {
        (object, []) => Ok(object),
        _ => Err(Malformed),
    }
}

/// The value of the first object with this tag on this level.
///
/// # Errors
/// [`Malformed`] when this level cannot be read up to there.
pub fn find(bytes: &[u8], tag: Tag) -> Result<Option<&[u8]>, Malformed> {
    for object in Reader::new(bytes) {
        let object = object?;
        if object.tag == tag {
            return Ok(Some(object.value));
        }
    }
    Ok(None)
}

/// Visits every object of the tree in order, parents before children, with its depth (1 at the top).
///
/// # Errors
/// [`Malformed`] when any part cannot be read, a child ends beyond its parent, or the nesting is deeper than
/// [`TLV_DEPTH_MAX`]. Objects before the fault were visited.
#[inline]
pub fn walk<'a>(
    bytes: &'a [u8],
    form: Form,
    mut visit: impl FnMut(usize, Tlv<'a>),
) -> Result<(), Malformed> {
    //= spec/85-apdu.md#apd-5-tlv-is-bounded
    //# The chip MUST refuse indefinite lengths, nesting deeper than `TLV_DEPTH_MAX` and children that end beyond their parent.
    // What is left to read of the parents, the innermost last.
    let mut later: [&[u8]; TLV_DEPTH_MAX] = [&[]; TLV_DEPTH_MAX];
    let mut depth: usize = 0;
    let mut level = bytes;
    loop {
        while level.is_empty() {
            let Some(parent) = depth.checked_sub(1) else {
                return Ok(());
            };
            depth = parent;
            level = later.get(depth).ok_or(Malformed)?;
        }
        // The bit of the tag that says constructed is in its first byte.
        let constructed = matches!(level, [first, ..] if first & 0x20 != 0);
        let (object, rest) = take(level, form)?;
        let own = depth.saturating_add(1);
        visit(own, object);
        if !constructed || object.value.is_empty() {
            level = rest;
            continue;
        }
        if own >= TLV_DEPTH_MAX {
            return Err(Malformed);
        }
        *later.get_mut(depth).ok_or(Malformed)? = rest;
        depth = own;
        level = object.value;
    }
}

#[inline]
fn take_length(bytes: &[u8], form: Form) -> Result<(usize, &[u8]), Malformed> {
    match *bytes {
        [length @ 0..=0x7F, ref rest @ ..] => Ok((usize::from(length), rest)),
        [0x81, length, ref rest @ ..] if form == Form::Any || length > 0x7F => {
            Ok((usize::from(length), rest))
        }
        [0x82, high, low, ref rest @ ..] if form == Form::Any || high > 0 => {
            Ok((usize::from(u16::from_be_bytes([high, low])), rest))
        }
        _ => Err(Malformed),
    }
}

/// Writes objects into a buffer, always with the shortest lengths.
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut [u8],
    used: usize,
}

impl<'o> Writer<'o> {
    /// Writes from the start of `out`.
    pub const fn new(out: &'o mut [u8]) -> Self {
        Self { out, used: 0 }
    }

    /// How many bytes are written.
    pub const fn len(&self) -> usize {
        self.used
    }

    /// Whether nothing is written.
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// What is written.
    pub fn written(&self) -> &[u8] {
        self.out.get(..self.used).unwrap_or(&[])
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// [`Full`] when there is no room.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let end = self.used.checked_add(bytes.len()).ok_or(Full)?;
        self.out
            .get_mut(self.used..end)
            .ok_or(Full)?
            .copy_from_slice(bytes);
        self.used = end;
        Ok(())
    }

    /// Writes one object.
    ///
    /// # Errors
    /// [`Full`] when there is no room or the value is longer than 65 535.
    pub fn put(&mut self, tag: Tag, value: &[u8]) -> Result<(), Full> {
        self.tag(tag)?;
        self.length(value.len())?;
        self.raw(value)
    }

    /// Writes one object whose value `fill` writes.
    ///
    /// # Errors
    /// [`Full`] when there is no room or the value is longer than 65 535.
    pub fn nest(
        &mut self,
        tag: Tag,
        fill: impl FnOnce(&mut Self) -> Result<(), Full>,
    ) -> Result<(), Full> {
        self.tag(tag)?;
        let header = self.used;
        fill(self)?;
        let end = self.used;
        let length = end.checked_sub(header).ok_or(Full)?;
        // The length is known only now: write it behind the value, then turn the two around.
        self.length(length)?;
        let size = self.used.checked_sub(end).ok_or(Full)?;
        self.out
            .get_mut(header..self.used)
            .ok_or(Full)?
            .rotate_right(size);
        Ok(())
    }

    /// Writes a tag.
    ///
    /// # Errors
    /// [`Full`] when there is no room.
    pub fn tag(&mut self, tag: Tag) -> Result<(), Full> {
        let bytes = tag.number().to_be_bytes();
        let start = bytes.len().checked_sub(tag.size()).ok_or(Full)?;
        self.raw(bytes.get(start..).ok_or(Full)?)
    }

    fn length(&mut self, length: usize) -> Result<(), Full> {
        let [high, low] = u16::try_from(length).map_err(|_| Full)?.to_be_bytes();
        match (high, low) {
            (0, 0..=0x7F) => self.raw(&[low]),
            (0, _) => self.raw(&[0x81, low]),
            _ => self.raw(&[0x82, high, low]),
        }
    }
}

#[cfg(test)]
mod tests;
