//! SELECT, the payment directories, and what GET DATA shows of the chip.

use kaika_apdu::tlv::Writer;
use kaika_apdu::{Command, Full, StatusWord, Tag};

use crate::image::{Slot, State};
use crate::{Change, Chip, Data, Flash, Judged, Then};

/// AID of the issuer security domain.
pub(crate) const SECURITY_DOMAIN: [u8; 7] = [0xf0, 0x4b, 0x41, 0x49, 0x4b, 0x41, 0x00];
const PPSE: &[u8] = b"2PAY.SYS.DDF01";
const PSE: &[u8] = b"1PAY.SYS.DDF01";
/// Shortest partial AID (ISO 7816-4: the registered provider).
const PARTIAL_MIN: usize = 5;

/// What is selected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Selected {
    /// Nothing.
    #[default]
    Nothing,
    /// The issuer security domain.
    Domain,
    /// The contact payment directory.
    Pse,
    /// The contactless payment directory.
    Ppse,
    /// A token slot, by its place.
    Slot(usize),
}

/// AID of the slot at this place, counted from 0.
pub(crate) fn slot_aid(place: usize) -> [u8; 8] {
    let number = u8::try_from(place).unwrap_or(u8::MAX).saturating_add(1);
    [0xf0, 0x4b, 0x41, 0x49, 0x4b, 0x41, 0x01, number]
}

const fn is_visible(slot: &Slot) -> bool {
    matches!(slot.state, State::Active | State::Suspended)
}

impl<F: Flash> Chip<F> {
    pub(crate) fn select(&self, command: &Command<'_>) -> Judged {
        if (command.p1, command.p2) != (0x04, 0x00) {
            return Err(StatusWord::WRONG_P1_P2);
        }
        let selected = self.named(command.data).ok_or(StatusWord::NOT_FOUND)?;
        let data = Data::written(|out| out.nest(Tag::FCI, |out| self.fci(selected, out)))?;
        let suspended =
            matches!(selected, Selected::Slot(place) if self.slot(place).state == State::Suspended);
        let status = suspended.then_some(StatusWord::WARNING_DEACTIVATED);
        Ok(Change {
            then: Then::Select(selected),
            data,
            status,
            ..Change::default()
        })
    }

    fn named(&self, name: &[u8]) -> Option<Selected> {
        match name {
            PPSE => return Some(Selected::Ppse),
            PSE => return Some(Selected::Pse),
            _ if name.len() < PARTIAL_MIN => return None,
            _ if SECURITY_DOMAIN.starts_with(name) => return Some(Selected::Domain),
            _ => {}
        }
        let mut slots = self.image.slots.iter().enumerate();
        let (place, _) =
            slots.find(|(place, slot)| is_visible(slot) && slot_aid(*place).starts_with(name))?;
        Some(Selected::Slot(place))
    }

    pub(crate) fn slot(&self, place: usize) -> Slot {
        self.image.slots.get(place).copied().unwrap_or_default()
    }

    fn fci(&self, selected: Selected, out: &mut Writer<'_>) -> Result<(), Full> {
        match selected {
            Selected::Nothing => Ok(()),
            Selected::Domain => {
                out.put(Tag::DF_NAME, &SECURITY_DOMAIN)?;
                out.put(Tag::FCI_PROPRIETARY, &[])
            }
            Selected::Pse => {
                out.put(Tag::DF_NAME, PSE)?;
                out.nest(Tag::FCI_PROPRIETARY, |out| out.put(Tag::SFI, &[1]))
            }
            Selected::Ppse => {
                out.put(Tag::DF_NAME, PPSE)?;
                out.nest(Tag::FCI_PROPRIETARY, |out| {
                    out.nest(Tag::FCI_DISCRETIONARY, |out| self.directory(out))
                })
            }
            Selected::Slot(place) => {
                out.put(Tag::DF_NAME, &slot_aid(place))?;
                out.nest(Tag::FCI_PROPRIETARY, |out| {
                    out.put(Tag::LABEL, LABEL)?;
                    out.put(Tag::PRIORITY, &[priority(place)])?;
                    out.put(Tag::PDOL, crate::tap::PDOL)
                })
            }
        }
    }

    /// One entry for each slot that pays.
    fn directory(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        for place in self.paying() {
            entry(place, out)?;
        }
        Ok(())
    }

    fn paying(&self) -> impl Iterator<Item = usize> {
        self.image
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.state == State::Active)
            .map(|(place, _)| place)
    }

    /// Records of the contact directory: one entry each.
    pub(crate) fn directory_record(&self, number: u8) -> Judged {
        let index = usize::from(number)
            .checked_sub(1)
            .ok_or(StatusWord::RECORD_NOT_FOUND)?;
        let place = self
            .paying()
            .nth(index)
            .ok_or(StatusWord::RECORD_NOT_FOUND)?;
        Ok(Change::data(Data::written(|out| {
            out.nest(Tag::RECORD, |out| entry(place, out))
        })?))
    }

    pub(crate) fn get_data(&self, command: &Command<'_>) -> Judged {
        let tag = u32::from(u16::from_be_bytes([command.p1, command.p2]));
        let slot = match self.volatile.selected {
            Selected::Slot(place) => Some(self.slot(place)),
            Selected::Nothing | Selected::Domain | Selected::Pse | Selected::Ppse => None,
        };
        let found = match (
            Tag::new(tag).map_err(|_| StatusWord::REFERENCE_NOT_FOUND)?,
            slot,
        ) {
            (Tag::RECEIPTS, _) => return self.receipts(),
            (Tag::CHIP_ID, _) => Data::written(|out| out.put(Tag::CHIP_ID, &self.se_id)),
            (Tag::ATC, Some(slot)) => {
                Data::written(|out| out.put(Tag::ATC, &slot.atc.to_be_bytes()))
            }
            (Tag::LAST_ONLINE_ATC, Some(slot)) => Data::written(|out| {
                out.put(Tag::LAST_ONLINE_ATC, &slot.last_online_atc.to_be_bytes())
            }),
            _ => Err(StatusWord::REFERENCE_NOT_FOUND),
        };
        found.map(Change::data)
    }

    fn receipts(&self) -> Judged {
        //= spec/60-provision.md#pro-13-the-receipt-can-be-read-again
        //# The chip MUST answer GET DATA for the receipt of the committed token with the same receipt.
        if !self.image.slots.iter().any(is_visible) {
            return Err(StatusWord::REFERENCE_NOT_FOUND);
        }
        let data = Data::written(|out| {
            out.nest(Tag::RECEIPTS, |out| {
                for slot in self.image.slots.iter().filter(|slot| is_visible(slot)) {
                    out.put(Tag::TOKEN_REFERENCE, &slot.token_ref)?;
                    out.put(Tag::RECEIPT, &slot.receipt)?;
                }
                Ok(())
            })
        })?;
        Ok(Change::data(data))
    }
}

const LABEL: &[u8] = b"KAIKA";

fn priority(place: usize) -> u8 {
    u8::try_from(place).unwrap_or(0).saturating_add(1)
}

fn entry(place: usize, out: &mut Writer<'_>) -> Result<(), Full> {
    out.nest(Tag::APPLICATION, |out| {
        out.put(Tag::AID, &slot_aid(place))?;
        out.put(Tag::LABEL, LABEL)?;
        out.put(Tag::PRIORITY, &[priority(place)])
    })
}
