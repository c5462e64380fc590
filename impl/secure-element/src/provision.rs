//! STORE DATA and COMMIT: a token comes in blocks, is staged whole, and is committed with a receipt.

use core::iter::Peekable;

use kaika_apdu::tlv::{self, Form, Reader};
use kaika_apdu::{Command, StatusWord, Tag};
use kaika_crypto::chip::{
    Receipt, padded_pin, receipt, token_data_digest, unwrap_pin, unwrap_token_key,
};

use crate::image::{Record, Slot, State, Version};
use crate::verify::is_reference;
use crate::{Change, Chip, Data, Flash, Judged, Then};

/// Longest token template.
const TEMPLATE_MAX: usize = 255;
/// Where the encrypted key stands in a template's value: every object before it has a fixed length.
const KEY_AT: core::ops::Range<usize> = 42..58;
/// Where the encrypted PIN block stands, when there is one.
const PIN_AT: core::ops::Range<usize> = 100..116;

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
    pub(crate) fn store_data(&mut self, command: &Command<'_>, block: &[u8]) -> Judged {
        // Bits 5-4: no word on the structure, or BER-TLV.
        let last = match command.p1 {
            0x00 | 0x10 => false,
            0x80 | 0x90 => true,
            _ => return Err(StatusWord::WRONG_P1_P2),
        };
        let staging = self.volatile.staging.unwrap_or(Staging::EMPTY);
        if command.p2 != staging.next {
            return Err(StatusWord::CONDITIONS_NOT_SATISFIED);
        }
        let staging = staging.with(block).ok_or(StatusWord::WRONG_DATA)?;
        if !last {
            self.volatile.staging = Some(staging);
            return Ok(Change::default());
        }
        let slot = self.read_template(staging.get())?;
        let place = self.place_for(&slot)?;
        Ok(Change {
            record: Some(Record::Token(place, slot)),
            then: Then::Staged,
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

    /// Reads a template: exactly these objects, in this order, with minimal lengths.
    fn read_template(&self, bytes: &[u8]) -> Result<Slot, StatusWord> {
        let set = self
            .channel_keys()
            .ok_or(StatusWord::SECURITY_NOT_SATISFIED)?;
        let outer = tlv::only(bytes, Form::Minimal).map_err(|_| StatusWord::WRONG_DATA)?;
        if outer.tag != Tag::TOKEN {
            return Err(StatusWord::WRONG_DATA);
        }
        let mut objects = Objects(Reader::minimal(outer.value).peekable());
        let slot = Slot {
            state: State::Staged,
            token_ref: objects.take(Tag::TOKEN_REFERENCE)?,
            digits: objects.take(Tag::PAN)?,
            expiry: objects.take(Tag::EXPIRY)?,
            psn: u8::from_be_bytes(objects.take(Tag::PSN)?),
            key: *unwrap_token_key(set.dek, &objects.take(Tag::TOKEN_KEY)?).bytes(),
            version: u8::from_be_bytes(objects.take(Tag::TOKEN_VERSION)?),
            request_context: objects.take(Tag::REQUEST_CONTEXT)?,
            pin: match objects.take_if(Tag::REFERENCE_PIN)? {
                Some(wrapped) => unwrap_pin(set.dek, &wrapped)
                    .filter(is_reference)
                    .ok_or(StatusWord::WRONG_DATA)?,
                None => [0; 8],
            },
            cryptogram: match objects.take_if(Tag::CRYPTOGRAM_VERSION)? {
                Some([byte]) => Version::from_byte(byte).ok_or(StatusWord::WRONG_DATA)?,
                None => Version::default(),
            },
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
        let part = |range| value.get(range).unwrap_or_default();
        let before = part(0..KEY_AT.start);
        let pin = padded_pin(&slot.pin);
        let data_digest = if slot.has_pin() {
            let between = part(KEY_AT.end..PIN_AT.start);
            let after = part(PIN_AT.end..value.len());
            token_data_digest(&[before, &slot.key, between, &pin, after])
        } else {
            token_data_digest(&[before, &slot.key, part(KEY_AT.end..value.len())])
        };
        let says = Receipt {
            se_id: &self.se_id,
            token_ref: &slot.token_ref,
            request_context: &slot.request_context,
            version: slot.version,
            data_digest: &data_digest,
        };
        receipt(&self.keys.receipt, &says)
    }

    pub(crate) fn commit_token(&self, place: usize, answer: &mut Data) -> Judged {
        let slot = self.slot(place);
        if slot.state != State::Staged {
            return Err(StatusWord::CONDITIONS_NOT_SATISFIED);
        }
        let active = Slot {
            state: State::Active,
            ..slot
        };
        answer.write(|out| out.put(Tag::RECEIPT, &slot.receipt))?;
        Ok(Change {
            record: Some(Record::Token(place, active)),
            ..Change::default()
        })
    }

    /// Drops what is staged: the slot is free again, its key and PIN are gone.
    pub(crate) fn roll_back(&self, place: usize) -> Judged {
        if self.slot(place).state != State::Staged {
            return Err(StatusWord::CONDITIONS_NOT_SATISFIED);
        }
        //= spec/60-provision.md#pro-16-what-is-staged-can-be-dropped
        //# The chip MUST free the slot and wipe its keys when the issuer rolls back a staged token.
        Ok(Change {
            record: Some(Record::Token(place, Slot::default())),
            ..Change::default()
        })
    }
}

/// Objects in a fixed order.
struct Objects<'a>(Peekable<Reader<'a>>);

impl Objects<'_> {
    fn take<const N: usize>(&mut self, tag: Tag) -> Result<[u8; N], StatusWord> {
        self.take_if(tag)?.ok_or(StatusWord::WRONG_DATA)
    }

    /// The next object, when it has this tag.
    fn take_if<const N: usize>(&mut self, tag: Tag) -> Result<Option<[u8; N]>, StatusWord> {
        let is_it =
            |next: &Result<tlv::Tlv<'_>, _>| !matches!(next, Ok(object) if object.tag != tag);
        match self.0.next_if(is_it) {
            None => Ok(None),
            Some(Ok(object)) => {
                let value = object.value.try_into();
                value.map(Some).map_err(|_| StatusWord::WRONG_DATA)
            }
            Some(Err(_)) => Err(StatusWord::WRONG_DATA),
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
