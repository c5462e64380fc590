//! STORE DATA and COMMIT: a token comes in blocks, is staged whole, and is committed with a receipt.

use kaika_apdu::tlv::{self, Form, Reader};
use kaika_apdu::{Command, StatusWord, Tag};
use kaika_crypto::chip::{Receipt, receipt, token_data_digest, unwrap_token_key};

use crate::image::{Image, Slot, State};
use crate::{Change, Chip, Data, Flash, Judged, Then};

/// Longest token template.
const TEMPLATE_MAX: usize = 255;
/// Where the encrypted key stands in a template's value: every object before it has a fixed length.
const KEY_AT: core::ops::Range<usize> = 42..58;

/// Blocks of a token template so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Staging {
    bytes: [u8; TEMPLATE_MAX],
    length: usize,
    next: u8,
}

impl Staging {
    const EMPTY: Self = Self {
        bytes: [0; TEMPLATE_MAX],
        length: 0,
        next: 0,
    };

    fn with(mut self, block: &[u8]) -> Option<Self> {
        let end = self.length.checked_add(block.len())?;
        self.bytes.get_mut(self.length..end)?.copy_from_slice(block);
        self.length = end;
        self.next = self.next.checked_add(1)?;
        Some(self)
    }

    fn get(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl<F: Flash> Chip<F> {
    pub(crate) fn store_data(&self, command: &Command<'_>, block: &[u8]) -> Judged {
        let last = match command.p1 {
            0x00 => false,
            0x80 => true,
            _ => return Err(StatusWord::WRONG_P1_P2),
        };
        let staging = self.volatile.staging.unwrap_or(Staging::EMPTY);
        if command.p2 != staging.next {
            return Err(StatusWord::CONDITIONS_NOT_SATISFIED);
        }
        let staging = staging.with(block).ok_or(StatusWord::WRONG_DATA)?;
        if !last {
            return Ok(Change {
                then: Then::Stage(Some(staging)),
                ..Change::default()
            });
        }
        let slot = self.read_template(staging.get())?;
        let place = self.place_for(&slot)?;
        let image = self.with_slot(place, slot);
        Ok(Change {
            image: Some(image),
            then: Then::Stage(None),
            ..Change::default()
        })
    }

    /// A slot for a token: the staged one, or an empty one.
    fn place_for(&self, slot: &Slot) -> Result<usize, StatusWord> {
        //= spec/60-provision.md#pro-11-one-slot
        //# The chip MUST refuse a token reference that one of its slots holds in state active, suspended or deleted.
        let in_use = |held: &Slot| {
            held.token_ref == slot.token_ref && !matches!(held.state, State::Empty | State::Staged)
        };
        if self.image.slots.iter().any(in_use) {
            return Err(StatusWord::CONDITIONS_NOT_SATISFIED);
        }
        let place = |state| self.image.slots.iter().position(|held| held.state == state);
        place(State::Staged)
            .or_else(|| place(State::Empty))
            .ok_or(StatusWord::NO_SPACE)
    }

    pub(crate) fn with_slot(&self, place: usize, slot: Slot) -> Image {
        let mut image = self.image;
        if let Some(target) = image.slots.get_mut(place) {
            *target = slot;
        }
        image
    }

    /// Reads a template: exactly these objects, in this order, with minimal lengths.
    fn read_template(&self, bytes: &[u8]) -> Result<Slot, StatusWord> {
        let outer = tlv::only(bytes, Form::Minimal).map_err(|_| StatusWord::WRONG_DATA)?;
        if outer.tag != Tag::TOKEN {
            return Err(StatusWord::WRONG_DATA);
        }
        let mut objects = Objects(Reader::minimal(outer.value));
        let slot = Slot {
            state: State::Staged,
            token_ref: objects.take(Tag::TOKEN_REFERENCE)?,
            digits: objects.take(Tag::PAN)?,
            expiry: objects.take(Tag::EXPIRY)?,
            psn: u8::from_be_bytes(objects.take(Tag::PSN)?),
            key: *unwrap_token_key(&self.keys.dek, &objects.take(Tag::TOKEN_KEY)?).bytes(),
            version: u8::from_be_bytes(objects.take(Tag::TOKEN_VERSION)?),
            request_context: objects.take(Tag::REQUEST_CONTEXT)?,
            ..Slot::default()
        };
        objects.end()?;
        Ok(Slot {
            receipt: self.receipt(&slot, outer.value),
            ..slot
        })
    }

    fn receipt(&self, slot: &Slot, value: &[u8]) -> [u8; 16] {
        //= spec/60-provision.md#pro-7-the-receipt-says-what-was-written
        //# The chip's receipt MUST be a MAC under the chip's own receipt key over chip id, token reference, request context, version
        //# and digest of the token data.
        let before = value.get(..KEY_AT.start).unwrap_or_default();
        let after = value.get(KEY_AT.end..).unwrap_or_default();
        let data_digest = token_data_digest(&[before, &slot.key, after]);
        let says = Receipt {
            se_id: &self.se_id,
            token_ref: &slot.token_ref,
            request_context: &slot.request_context,
            version: slot.version,
            data_digest: &data_digest,
        };
        receipt(&self.keys.receipt, &says)
    }

    pub(crate) fn commit_token(&self, place: usize) -> Judged {
        let slot = self.slot(place);
        if slot.state != State::Staged {
            return Err(StatusWord::CONDITIONS_NOT_SATISFIED);
        }
        let image = self.with_slot(
            place,
            Slot {
                state: State::Active,
                ..slot
            },
        );
        let data = Data::written(|out| out.put(Tag::RECEIPT, &slot.receipt))?;
        Ok(Change {
            image: Some(image),
            data,
            ..Change::default()
        })
    }
}

/// Objects in a fixed order.
struct Objects<'a>(Reader<'a>);

impl Objects<'_> {
    fn take<const N: usize>(&mut self, tag: Tag) -> Result<[u8; N], StatusWord> {
        match self.0.next() {
            Some(Ok(object)) if object.tag == tag => {
                object.value.try_into().map_err(|_| StatusWord::WRONG_DATA)
            }
            _ => Err(StatusWord::WRONG_DATA),
        }
    }

    fn end(mut self) -> Result<(), StatusWord> {
        if self.0.next().is_none() {
            Ok(())
        } else {
            Err(StatusWord::WRONG_DATA)
        }
    }
}
