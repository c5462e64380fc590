//! A payment: GET PROCESSING OPTIONS, READ RECORD. GENERATE AC is in `cryptogram`, what is verified in `verify`.

use kaika_apdu::tlv::{self, Form, Writer};
use kaika_apdu::{Command, Full, StatusWord, Tag};
use kaika_spec::Weakness;
use kaika_weakness::lacks;

use crate::image::{Record, Slot, State};
use crate::select::Selected;
use crate::{Change, Chip, Data, Flash, Judged, Then};

/// What the terminal sends with GET PROCESSING OPTIONS.
pub(crate) const PDOL: &[u8] = &[
    0x9f, 0x66, 0x04, 0x9f, 0x02, 0x06, 0x9f, 0x03, 0x06, 0x9f, 0x1a, 0x02, 0x95, 0x05, 0x5f, 0x2a,
    0x02, 0x9a, 0x03, 0x9c, 0x01, 0x9f, 0x37, 0x04,
];
/// How long the answer to it is.
const PDOL_ANSWER_LEN: usize = 33;
/// CDOL2: the response code, then CDOL1.
pub(crate) const CDOL2: &[u8] = &[
    0x8a, 0x02, 0x9f, 0x02, 0x06, 0x9f, 0x03, 0x06, 0x9f, 0x1a, 0x02, 0x95, 0x05, 0x5f, 0x2a, 0x02,
    0x9a, 0x03, 0x9c, 0x01, 0x9f, 0x37, 0x04,
];
const RESPONSE_CODE_ENTRY: usize = 2;
/// Cardholder verification, terminal risk management, issuer authentication.
pub(crate) const AIP: [u8; 2] = [0x1c, 0x00];
const AFL: [u8; 4] = [0x08, 0x01, 0x02, 0x00];
const RECORDS_SFI: u8 = 1;
/// No cardholder verification by the chip.
const CVM_LIST: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 0x1f, 0x00];
/// The PIN in the clear by the chip, where the terminal can; else none.
const PIN_LIST: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 0x41, 0x03, 0x1f, 0x00];
const COUNTRY: [u8; 2] = [0x01, 0x56];

/// A payment in progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Payment {
    /// How far it is.
    pub(crate) stage: Stage,
    /// Whether the chip verified the cardholder.
    pub(crate) cardholder: Verified,
    /// Whether the issuer proved itself.
    pub(crate) issuer: Verified,
    /// The issuer proved itself and does not approve.
    pub(crate) declined: bool,
    /// The request cryptogram, while the issuer is asked.
    pub(crate) request: [u8; 8],
}

/// How far a payment is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// None is under way.
    #[default]
    Idle,
    /// Options were given; the first cryptogram is awaited.
    Initiated,
    /// The issuer is asked; the second cryptogram is awaited.
    Online,
    /// All cryptograms of this counter were given.
    Done,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verified {
    /// It was not made.
    #[default]
    No,
    /// Right.
    Right,
    /// Wrong.
    Wrong,
}

pub(crate) fn cdol1() -> &'static [u8] {
    CDOL2.get(RESPONSE_CODE_ENTRY..).unwrap_or_default()
}

impl<F: Flash> Chip<F> {
    pub(crate) fn paying_slot(&self) -> Option<(usize, Slot)> {
        match self.volatile.selected {
            Selected::Slot(place) => Some((place, self.slot(place))),
            Selected::Nothing | Selected::Domain | Selected::Pse | Selected::Ppse => None,
        }
    }

    /// The selected slot, if it pays.
    pub(crate) fn active_slot(&self) -> Option<(usize, Slot)> {
        let pays = |slot: &Slot| {
            slot.state == State::Active
                || slot.state == State::Suspended && lacks(Weakness::SuspendedPays)
        };
        self.paying_slot().filter(|(_, slot)| pays(slot))
    }

    pub(crate) fn get_processing_options(
        &self,
        command: &Command<'_>,
        answer: &mut Data,
    ) -> Judged {
        if (command.p1, command.p2) != (0, 0) {
            return Err(StatusWord::WRONG_P1_P2);
        }
        let given = tlv::only(command.data, Form::Any).map_err(|_| StatusWord::WRONG_DATA)?;
        // No values at all are taken too: some contact terminals do not read the list, and nothing hangs on them.
        let fits = given.value.is_empty() || given.value.len() == PDOL_ANSWER_LEN;
        if given.tag != Tag::COMMAND_TEMPLATE || !fits {
            return Err(StatusWord::WRONG_DATA);
        }
        //= spec/75-tap.md#tap-6-active-only
        //# The chip MUST refuse GET PROCESSING OPTIONS for a token that is not active.
        //= spec/80-manage.md#mng-9-suspended-chips-do-not-pay
        //# The chip MUST refuse to pay with a suspended token.
        let (place, slot) = self
            .active_slot()
            .ok_or(StatusWord::CONDITIONS_NOT_SATISFIED)?;
        //= spec/75-tap.md#tap-4-the-chip-never-repeats-a-counter
        //# The chip MUST store the increased transaction counter before it answers GET PROCESSING OPTIONS.
        let atc = slot
            .atc
            .checked_add(1)
            .ok_or(StatusWord::CONDITIONS_NOT_SATISFIED)?;
        let begun = Slot {
            atc,
            given: 0,
            ..slot
        };
        answer.write(|out| {
            out.nest(Tag::RESPONSE, |out| {
                out.put(Tag::AIP, &AIP)?;
                out.put(Tag::AFL, &AFL)
            })
        })?;
        Ok(Change {
            record: Some(Record::Counters(place, begun)),
            then: Then::Pay(Payment {
                stage: Stage::Initiated,
                ..Payment::default()
            }),
            ..Change::default()
        })
    }

    pub(crate) fn read_record(&self, command: &Command<'_>, answer: &mut Data) -> Judged {
        if command.p2 & 0x07 != 0x04 || command.p1 == 0 {
            return Err(StatusWord::WRONG_P1_P2);
        }
        let sfi = command.p2 >> 3;
        match self.volatile.selected {
            Selected::Nothing | Selected::Domain | Selected::Ppse => {
                Err(StatusWord::CONDITIONS_NOT_SATISFIED)
            }
            Selected::Pse | Selected::Slot(_) if sfi != RECORDS_SFI => Err(StatusWord::NOT_FOUND),
            Selected::Pse => self.directory_record(command.p1, answer),
            Selected::Slot(place) => record(&self.slot(place), command.p1, answer),
        }
    }
}

fn record(slot: &Slot, number: u8, answer: &mut Data) -> Judged {
    match number {
        1 => answer.write(|out| out.nest(Tag::RECORD, |out| token_record(slot, out)))?,
        2 => answer.write(|out| out.nest(Tag::RECORD, |out| rules_record(slot, out)))?,
        _ => return Err(StatusWord::RECORD_NOT_FOUND),
    }
    Ok(Change::default())
}

fn token_record(slot: &Slot, out: &mut Writer<'_>) -> Result<(), Full> {
    out.put(Tag::TRACK2, &track2(slot))?;
    out.put(Tag::PAN, &slot.digits)?;
    out.put(Tag::EXPIRY, &slot.expiry)?;
    out.put(Tag::PSN, &[slot.psn])?;
    out.put(Tag::ISSUER_COUNTRY, &COUNTRY)
}

/// Token, separator D, YYMM, service code 201, padding F.
fn track2(slot: &Slot) -> [u8; 12] {
    let mut track = [0xff; 12];
    let [year, month, _] = slot.expiry;
    let tail = [
        0xd0 | year >> 4,
        year << 4 | month >> 4,
        month << 4 | 0x2,
        0x01,
    ];
    for (byte, from) in track.iter_mut().zip(slot.digits.into_iter().chain(tail)) {
        *byte = from;
    }
    track
}

fn rules_record(slot: &Slot, out: &mut Writer<'_>) -> Result<(), Full> {
    out.put(Tag::CDOL1, cdol1())?;
    out.put(Tag::CDOL2, CDOL2)?;
    out.put(
        Tag::CVM_LIST,
        if slot.has_pin() { PIN_LIST } else { CVM_LIST },
    )?;
    out.put(Tag::USAGE_CONTROL, &[0xff, 0x00])?;
    out.put(Tag::VERSION, &[0x00, 0x01])?;
    for tag in [Tag::IAC_DEFAULT, Tag::IAC_DENIAL, Tag::IAC_ONLINE] {
        let code = if tag == Tag::IAC_DENIAL {
            [0; 5]
        } else {
            [0xff; 5]
        };
        out.put(tag, &code)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use kaika_apdu::Dol;

    use super::*;

    #[test]
    fn the_answer_to_the_list_has_its_length() {
        let list = Dol::parse(PDOL).map(|list| list.answer_len());
        assert_eq!(list, Ok(PDOL_ANSWER_LEN));
    }
}
