//! SET STATUS, DELETE, GET STATUS: the life of a slot after its token is in.

use kaika_apdu::tlv::{self, Form, Writer};
use kaika_apdu::{Command, Full, StatusWord, Tag};

use crate::image::{Slot, State};
use crate::select::slot_aid;
use crate::{Change, Chip, Data, Flash, Judged};

impl<F: Flash> Chip<F> {
    pub(crate) fn set_status(&self, command: &Command<'_>, data: &[u8]) -> Judged {
        let (from, to) = match (command.p1, command.p2) {
            (0x40, 0x0f) => return self.commit_token(self.place_or_staged(data)?),
            (0x40, 0x80) => (State::Active, State::Suspended),
            (0x40, 0x00) => (State::Suspended, State::Active),
            _ => return Err(StatusWord::WRONG_P1_P2),
        };
        let place = self.place(data)?;
        let slot = self.slot(place);
        if slot.state != from {
            return Err(StatusWord::CONDITIONS_NOT_SATISFIED);
        }
        Ok(self.changed(place, Slot { state: to, ..slot }))
    }

    fn changed(&self, place: usize, slot: Slot) -> Change {
        Change {
            image: Some(self.with_slot(place, slot)),
            ..Change::default()
        }
    }

    pub(crate) fn delete(&self, command: &Command<'_>, data: &[u8]) -> Judged {
        if (command.p1, command.p2) != (0, 0) {
            return Err(StatusWord::WRONG_P1_P2);
        }
        let place = self.place(data)?;
        let slot = self.slot(place);
        if slot.state == State::Deleted {
            return Err(StatusWord::REFERENCE_NOT_FOUND);
        }
        //= spec/80-manage.md#mng-8-the-chip-deletes-the-key
        //# The chip MUST wipe the token's keys in the same transaction that deletes it.
        Ok(Change {
            data: Data::of(&[0]),
            ..self.changed(place, slot.wiped())
        })
    }

    /// The slot that COMMIT names: by its AID, or, by an empty one, the staged slot.
    fn place_or_staged(&self, data: &[u8]) -> Result<usize, StatusWord> {
        if !aid(data)?.is_empty() {
            return self.place(data);
        }
        let slots = &self.image.slots;
        let held = slots.iter().any(|slot| slot.state != State::Empty);
        let none = if held {
            StatusWord::CONDITIONS_NOT_SATISFIED
        } else {
            StatusWord::REFERENCE_NOT_FOUND
        };
        let staged = slots.iter().position(|slot| slot.state == State::Staged);
        staged.ok_or(none)
    }

    /// The slot that is named by its AID.
    fn place(&self, data: &[u8]) -> Result<usize, StatusWord> {
        let named = aid(data)?;
        if named.is_empty() {
            return Err(StatusWord::WRONG_DATA);
        }
        let mut places = self.image.slots.iter().enumerate();
        let found =
            places.find(|(place, slot)| slot_aid(*place) == named && slot.state != State::Empty);
        found
            .map(|(place, _)| place)
            .ok_or(StatusWord::REFERENCE_NOT_FOUND)
    }

    pub(crate) fn get_status(&self, command: &Command<'_>, data: &[u8]) -> Judged {
        if (command.p1, command.p2) != (0x40, 0x02) {
            return Err(StatusWord::WRONG_P1_P2);
        }
        if data != [0x4f, 0x00] {
            return Err(StatusWord::WRONG_DATA);
        }
        let held = || {
            self.image
                .slots
                .iter()
                .enumerate()
                .filter(|(_, slot)| slot.state != State::Empty)
        };
        if held().next().is_none() {
            return Err(StatusWord::REFERENCE_NOT_FOUND);
        }
        let data = Data::written(|out| {
            for (place, slot) in held() {
                out.nest(Tag::STATUS_ENTRY, |out| status(place, slot, out))?;
            }
            Ok(())
        })?;
        Ok(Change::data(data))
    }
}

/// The value of the one object, 4F.
fn aid(data: &[u8]) -> Result<&[u8], StatusWord> {
    match tlv::only(data, Form::Any) {
        Ok(named) if named.tag == Tag::AID => Ok(named.value),
        _ => Err(StatusWord::WRONG_DATA),
    }
}

fn status(place: usize, slot: &Slot, out: &mut Writer<'_>) -> Result<(), Full> {
    let state = match slot.state {
        State::Empty => 0x00,
        State::Staged => 0x03,
        State::Active => 0x07,
        State::Suspended => 0x83,
        State::Deleted => 0xff,
    };
    out.put(Tag::AID, &slot_aid(place))?;
    out.put(Tag::LIFE_CYCLE, &[state])?;
    out.put(Tag::TOKEN_REFERENCE, &slot.token_ref)
}
