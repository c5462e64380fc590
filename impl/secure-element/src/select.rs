//! SELECT and the payment directories.

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

pub(crate) const fn is_visible(slot: &Slot) -> bool {
    matches!(slot.state, State::Active | State::Suspended)
}

impl<F: Flash> Chip<F> {
    pub(crate) fn select(&self, command: &Command<'_>, answer: &mut Data) -> Judged {
        // P2: 00 the first or only one, 02 the next one, 04 the same as 00: the answer is the FCI.
        let next = match (command.p1, command.p2) {
            (0x04, 0x00 | 0x04) => false,
            (0x04, 0x02) => true,
            _ => return Err(StatusWord::WRONG_P1_P2),
        };
        let selected = self
            .named(command.data, next)
            .ok_or(StatusWord::NOT_FOUND)?;
        answer.write(|out| out.nest(Tag::FCI, |out| self.fci(selected, out)))?;
        let suspended =
            matches!(selected, Selected::Slot(place) if self.slot(place).state == State::Suspended);
        let status = suspended.then_some(StatusWord::WARNING_DEACTIVATED);
        Ok(Change {
            then: Then::Select(selected),
            status,
            ..Change::default()
        })
    }

    /// What has this name, or a name with this beginning: the first, or the first after what is selected. No name is the domain's.
    fn named(&self, name: &[u8], next: bool) -> Option<Selected> {
        match name {
            [] if !next => return Some(Selected::Domain),
            PPSE if !next => return Some(Selected::Ppse),
            PSE if !next => return Some(Selected::Pse),
            _ if name.len() < PARTIAL_MIN => return None,
            _ => {}
        }
        let domain = core::iter::once((Selected::Domain, SECURITY_DOMAIN.starts_with(name)));
        let slots = self.image.slots.iter().enumerate().map(|(place, slot)| {
            let named = is_visible(slot) && slot_aid(place).starts_with(name);
            (Selected::Slot(place), named)
        });
        let passed = match self.volatile.selected {
            _ if !next => 0,
            Selected::Domain => 1,
            Selected::Slot(place) => place.saturating_add(2),
            Selected::Nothing | Selected::Pse | Selected::Ppse => 0,
        };
        let mut all = domain.chain(slots).skip(passed);
        all.find(|(_, named)| *named).map(|(selected, _)| selected)
    }

    pub(crate) fn slot(&self, place: usize) -> Slot {
        self.image.slots.get(place).copied().unwrap_or_default()
    }

    fn fci(&self, selected: Selected, out: &mut Writer<'_>) -> Result<(), Full> {
        match selected {
            Selected::Nothing => Ok(()),
            Selected::Domain => {
                out.put(Tag::DF_NAME, &SECURITY_DOMAIN)?;
                out.nest(Tag::FCI_PROPRIETARY, |out| out.put(Tag::DATA_MAX, &[0xff]))
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
    pub(crate) fn directory_record(&self, number: u8, answer: &mut Data) -> Judged {
        let index = usize::from(number)
            .checked_sub(1)
            .ok_or(StatusWord::RECORD_NOT_FOUND)?;
        let place = self
            .paying()
            .nth(index)
            .ok_or(StatusWord::RECORD_NOT_FOUND)?;
        answer.write(|out| out.nest(Tag::RECORD, |out| entry(place, out)))?;
        Ok(Change::default())
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
