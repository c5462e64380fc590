//! SET STATUS, DELETE, GET STATUS: the life of a slot after its token is in.

use kaika_apdu::tlv::{self, Form, Writer};
use kaika_apdu::{Command, Full, StatusWord, Tag};

use kaika_crypto::scp03::{Level, MAC_LEN};

use crate::image::{Record, Slot, State};
use crate::select::{SECURITY_DOMAIN, slot_aid};
use crate::{ANSWER_MAX, Change, Chip, Data, Flash, Judged, Then};

/// What the issuer security domain may (GlobalPlatform, 11.1.2): it is a security domain and makes receipts.
const DOMAIN_PRIVILEGES: [u8; 3] = [0x80, 0x00, 0x80];
/// Life of the domain: secured.
const SECURED: u8 = 0x0f;

impl<F: Flash> Chip<F> {
    pub(crate) fn set_status(
        &self,
        command: &Command<'_>,
        data: &[u8],
        answer: &mut Data,
    ) -> Judged {
        let (from, to) = match (command.p1, command.p2) {
            (0x40, 0x0f) => return self.commit_token(self.place_or_staged(data)?, answer),
            (0x40, 0x01) => return self.roll_back(self.place_or_staged(data)?),
            (0x40, 0x80) => (State::Active, State::Suspended),
            (0x40, 0x00) => (State::Suspended, State::Active),
            _ => return Err(StatusWord::WRONG_P1_P2),
        };
        let place = self.place(data)?;
        let slot = self.slot(place);
        if slot.state != from {
            return Err(StatusWord::CONDITIONS_NOT_SATISFIED);
        }
        Ok(Self::changed(place, Slot { state: to, ..slot }))
    }

    fn changed(place: usize, slot: Slot) -> Change {
        Change {
            record: Some(Record::Token(place, slot)),
            ..Change::default()
        }
    }

    pub(crate) fn delete(&self, command: &Command<'_>, data: &[u8], answer: &mut Data) -> Judged {
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
        answer.set(&[0]);
        Ok(Self::changed(place, slot.wiped()))
    }

    /// The slot that COMMIT and ROLLBACK name: by its AID, or, by an empty one, the staged slot.
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

    /// The registry: the domain, or the slots that hold something, by the beginning of their AID.
    pub(crate) fn get_status(
        &self,
        command: &Command<'_>,
        data: &[u8],
        answer: &mut Data,
    ) -> Judged {
        let from = match command.p2 {
            0x02 => Some(0),
            0x03 => self.volatile.listing,
            _ => return Err(StatusWord::WRONG_P1_P2),
        };
        let wanted = match command.p1 {
            0x80 => Wanted::Domain,
            0x40 => Wanted::Slots,
            0x20 | 0x10 => Wanted::Files,
            _ => return Err(StatusWord::WRONG_P1_P2),
        };
        let filter = Filter::read(data)?;
        let from = from.ok_or(StatusWord::CONDITIONS_NOT_SATISFIED)?;
        let room = match usize::try_from(command.expected) {
            Ok(expected @ 1..ANSWER_MAX) => expected,
            _ => ANSWER_MAX,
        };
        let mut next = None;
        for place in from..=self.image.slots.len() {
            let Some(entry) = self.entry(place, wanted, &filter)? else {
                continue;
            };
            let length = answer.length.saturating_add(entry.length);
            if answer.length > 0 && sealed_length(self.level(), length) > room {
                next = Some(place);
                break;
            }
            answer.append(entry.get());
        }
        if answer.length == 0 {
            return Err(StatusWord::REFERENCE_NOT_FOUND);
        }
        Ok(Change {
            status: next.map(|_| StatusWord::MORE_DATA),
            then: Then::List(next),
            ..Change::default()
        })
    }

    /// The entry at this place of the registry: 0 is the domain's, then come the slots.
    fn entry(
        &self,
        place: usize,
        wanted: Wanted,
        filter: &Filter<'_>,
    ) -> Result<Option<Data>, StatusWord> {
        let entry = match (place.checked_sub(1), wanted) {
            (None, Wanted::Domain) => Entry {
                aid: &SECURITY_DOMAIN,
                life: SECURED,
                privileges: DOMAIN_PRIVILEGES,
                token_ref: None,
            },
            (Some(place), Wanted::Slots) => {
                let slot = self.slot(place);
                if slot.state == State::Empty {
                    return Ok(None);
                }
                let entry = Entry {
                    aid: &slot_aid(place),
                    life: life(slot.state),
                    privileges: [0; 3],
                    token_ref: Some(&slot.token_ref),
                };
                return entry.listed(filter);
            }
            _ => return Ok(None),
        };
        entry.listed(filter)
    }
}

/// What GET STATUS asks for, as in P1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Domain,
    Slots,
    /// Load files: there are none.
    Files,
}

/// Which entries, and what of them.
struct Filter<'a> {
    beginning: &'a [u8],
    tags: Option<&'a [u8]>,
}

impl<'a> Filter<'a> {
    /// 4F with the beginning of an AID, and maybe 5C with the tags that are wanted.
    fn read(data: &'a [u8]) -> Result<Self, StatusWord> {
        let mut objects = tlv::Reader::new(data);
        let beginning = match objects.next() {
            Some(Ok(object)) if object.tag == Tag::AID => object.value,
            _ => return Err(StatusWord::WRONG_DATA),
        };
        let tags = match objects.next() {
            None => None,
            Some(Ok(object)) if object.tag == Tag::TAG_LIST && is_list(object.value) => {
                Some(object.value)
            }
            Some(_) => return Err(StatusWord::WRONG_DATA),
        };
        if objects.next().is_some() {
            return Err(StatusWord::WRONG_DATA);
        }
        Ok(Self { beginning, tags })
    }

    /// The AID is always given.
    fn wants(&self, tag: Tag) -> bool {
        let Some(mut rest) = self.tags else {
            return true;
        };
        while let Ok((wanted, behind)) = Tag::take(rest) {
            if wanted == tag {
                return true;
            }
            rest = behind;
        }
        tag == Tag::AID
    }
}

/// Whether these are tags, one behind the other.
fn is_list(mut rest: &[u8]) -> bool {
    while let Ok((_, behind)) = Tag::take(rest) {
        rest = behind;
    }
    rest.is_empty()
}

/// One line of the registry.
struct Entry<'a> {
    aid: &'a [u8],
    life: u8,
    privileges: [u8; 3],
    token_ref: Option<&'a [u8; 16]>,
}

impl Entry<'_> {
    fn listed(&self, filter: &Filter<'_>) -> Result<Option<Data>, StatusWord> {
        if !self.aid.starts_with(filter.beginning) {
            return Ok(None);
        }
        let mut entry = Data::default();
        entry.write(|out| out.nest(Tag::STATUS_ENTRY, |out| self.write(filter, out)))?;
        Ok(Some(entry))
    }

    fn write(&self, filter: &Filter<'_>, out: &mut Writer<'_>) -> Result<(), Full> {
        let objects: [(Tag, Option<&[u8]>); 4] = [
            (Tag::AID, Some(self.aid)),
            (Tag::LIFE_CYCLE, Some(&[self.life])),
            (Tag::PRIVILEGES, Some(&self.privileges)),
            (
                Tag::TOKEN_REFERENCE,
                self.token_ref.map(|token_ref| &token_ref[..]),
            ),
        ];
        for (tag, value) in objects {
            if let Some(value) = value.filter(|_| filter.wants(tag)) {
                out.put(tag, value)?;
            }
        }
        Ok(())
    }
}

/// How long an answer is under the channel.
fn sealed_length(level: Option<Level>, length: usize) -> usize {
    let Some(level) = level.filter(|level| level.protects_answers()) else {
        return length;
    };
    let text = if level.encrypts_answers() {
        (length | 0x0f).saturating_add(1)
    } else {
        length
    };
    text.saturating_add(MAC_LEN)
}

const fn life(state: State) -> u8 {
    match state {
        State::Empty => 0x00,
        State::Staged => 0x03,
        State::Active => 0x07,
        State::Suspended => 0x83,
        State::Deleted => 0xff,
    }
}

/// The value of the one object, 4F.
fn aid(data: &[u8]) -> Result<&[u8], StatusWord> {
    match tlv::only(data, Form::Any) {
        Ok(named) if named.tag == Tag::AID => Ok(named.value),
        _ => Err(StatusWord::WRONG_DATA),
    }
}
