//! GET DATA: what the chip shows of itself.

use kaika_apdu::tlv::Writer;
use kaika_apdu::{Command, Full, StatusWord, Tag};
use kaika_crypto::scp03::KEY_VERSIONS;

use crate::select::{Selected, is_visible};
use crate::verify::tries_left;
use crate::{Change, Chip, Data, Flash, Judged};

/// {globalPlatform 1}, beneath which all the other identifiers are.
const GLOBAL_PLATFORM: [u8; 7] = [0x2a, 0x86, 0x48, 0x86, 0xfc, 0x6b, 0x01];
/// Type of an AES key in the key information.
const AES: u8 = 0x88;

impl<F: Flash> Chip<F> {
    pub(crate) fn get_data(&self, command: &Command<'_>, answer: &mut Data) -> Judged {
        let tag = u32::from(u16::from_be_bytes([command.p1, command.p2]));
        let slot = match self.volatile.selected {
            Selected::Slot(place) => Some(self.slot(place)),
            Selected::Nothing | Selected::Domain | Selected::Pse | Selected::Ppse => None,
        };
        let tag = Tag::new(tag).map_err(|_| StatusWord::REFERENCE_NOT_FOUND)?;
        let domain = self.volatile.selected == Selected::Domain;
        let found = match (tag, slot) {
            (Tag::RECEIPTS, _) => self.receipts(answer),
            (Tag::CHIP_ID, _) => answer.write(|out| out.put(Tag::CHIP_ID, &self.se_id)),
            (Tag::CARD_DATA, None) if domain => answer.write(card_data),
            (Tag::KEY_TEMPLATE, None) if domain => answer.write(keys),
            (Tag::SEQUENCE, None) if domain => answer.write(|out| {
                let [_, low @ ..] = self.image.sequence.to_be_bytes();
                out.put(Tag::SEQUENCE, &low)
            }),
            (Tag::ATC, Some(slot)) => {
                answer.write(|out| out.put(Tag::ATC, &slot.atc.to_be_bytes()))
            }
            (Tag::LAST_ONLINE_ATC, Some(slot)) => answer
                .write(|out| out.put(Tag::LAST_ONLINE_ATC, &slot.last_online_atc.to_be_bytes())),
            (Tag::PIN_TRIES, Some(slot)) if slot.has_pin() => {
                answer.write(|out| out.put(Tag::PIN_TRIES, &[tries_left(&slot)]))
            }
            _ => Err(StatusWord::REFERENCE_NOT_FOUND),
        };
        found.map(|()| Change::default())
    }

    fn receipts(&self, answer: &mut Data) -> Result<(), StatusWord> {
        //= spec/60-provision.md#pro-13-the-receipt-can-be-read-again
        //# The chip MUST answer GET DATA for the receipt of the committed token with the same receipt.
        if !self.image.slots.iter().any(is_visible) {
            return Err(StatusWord::REFERENCE_NOT_FOUND);
        }
        answer.write(|out| {
            out.nest(Tag::RECEIPTS, |out| {
                for slot in self.image.slots.iter().filter(|slot| is_visible(slot)) {
                    out.put(Tag::TOKEN_REFERENCE, &slot.token_ref)?;
                    out.put(Tag::RECEIPT, &slot.receipt)?;
                }
                Ok(())
            })
        })
    }
}

/// Card recognition data (GlobalPlatform, annex H): management by version 2.3.1, SCP03 with i = 70.
fn card_data(out: &mut Writer<'_>) -> Result<(), Full> {
    let [a, b, c, d, e, f, one] = GLOBAL_PLATFORM;
    let id = |out: &mut Writer<'_>, tail: &[u8]| {
        let mut bytes = [a, b, c, d, e, f, 0, 0, 0, 0];
        for (byte, from) in bytes.iter_mut().skip(6).zip(tail) {
            *byte = *from;
        }
        let length = tail.len().saturating_add(6);
        out.put(Tag::OBJECT_ID, bytes.get(..length).ok_or(Full)?)
    };
    out.nest(Tag::CARD_DATA, |out| {
        out.nest(Tag::CARD_RECOGNITION, |out| {
            id(out, &[one])?;
            out.nest(Tag::CARD_MANAGEMENT, |out| id(out, &[2, 2, 3, 1]))?;
            out.nest(Tag::CARD_SCHEME, |out| id(out, &[3]))?;
            out.nest(Tag::CHANNEL_PROTOCOL, |out| id(out, &[4, 3, 0x70]))
        })
    })
}

/// Key information: identifier, version, type and length of every key of the channel.
fn keys(out: &mut Writer<'_>) -> Result<(), Full> {
    out.nest(Tag::KEY_TEMPLATE, |out| {
        for (version, size) in KEY_VERSIONS {
            let length = u8::try_from(size.bytes()).map_err(|_| Full)?;
            for identifier in 1..=3 {
                out.put(Tag::KEY_INFORMATION, &[identifier, version, AES, length])?;
            }
        }
        Ok(())
    })
}
