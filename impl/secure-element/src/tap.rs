//! A payment: GET PROCESSING OPTIONS, READ RECORD, GENERATE AC.

use kaika_apdu::tlv::{self, Form, Writer};
use kaika_apdu::{Command, Dol, Full, StatusWord, Tag};
use kaika_crypto::TokenKey;
use kaika_crypto::emv::{CryptogramInput, cryptogram};

use crate::image::{Slot, State};
use crate::select::Selected;
use crate::{Change, Chip, Data, Flash, Judged, Then};

/// What the terminal sends with GET PROCESSING OPTIONS.
pub(crate) const PDOL: &[u8] = &[
    0x9f, 0x66, 0x04, 0x9f, 0x02, 0x06, 0x9f, 0x03, 0x06, 0x9f, 0x1a, 0x02, 0x95, 0x05, 0x5f, 0x2a,
    0x02, 0x9a, 0x03, 0x9c, 0x01, 0x9f, 0x37, 0x04,
];
/// CDOL2: the response code, then CDOL1.
const CDOL2: &[u8] = &[
    0x8a, 0x02, 0x9f, 0x02, 0x06, 0x9f, 0x03, 0x06, 0x9f, 0x1a, 0x02, 0x95, 0x05, 0x5f, 0x2a, 0x02,
    0x9a, 0x03, 0x9c, 0x01, 0x9f, 0x37, 0x04,
];
const RESPONSE_CODE_ENTRY: usize = 2;
const AIP: [u8; 2] = [0x18, 0x00];
const AFL: [u8; 4] = [0x08, 0x01, 0x02, 0x00];
const RECORDS_SFI: u8 = 1;
/// No cardholder verification by the chip.
const CVM_LIST: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 0x1f, 0x00];
const COUNTRY: [u8; 2] = [0x01, 0x56];

/// How far a payment is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Payment {
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

/// Kinds of cryptogram, as in P1 and CID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Decline = 0x00,
    Approve = 0x40,
    Request = 0x80,
}

impl Kind {
    const fn byte(self) -> u8 {
        match self {
            Self::Decline => 0x00,
            Self::Approve => 0x40,
            Self::Request => 0x80,
        }
    }
}

fn cdol1() -> &'static [u8] {
    CDOL2.get(RESPONSE_CODE_ENTRY..).unwrap_or_default()
}

impl<F: Flash> Chip<F> {
    fn paying_slot(&self) -> Option<(usize, Slot)> {
        match self.volatile.selected {
            Selected::Slot(place) => Some((place, self.slot(place))),
            Selected::Nothing | Selected::Domain | Selected::Pse | Selected::Ppse => None,
        }
    }

    pub(crate) fn get_processing_options(&self, command: &Command<'_>) -> Judged {
        if (command.p1, command.p2) != (0, 0) {
            return Err(StatusWord::WRONG_P1_P2);
        }
        let given = tlv::only(command.data, Form::Any).map_err(|_| StatusWord::WRONG_DATA)?;
        let wanted = Dol::parse(PDOL)
            .map_err(|_| StatusWord::WRONG_DATA)?
            .answer_len();
        if given.tag != Tag::COMMAND_TEMPLATE || given.value.len() != wanted {
            return Err(StatusWord::WRONG_DATA);
        }
        //= spec/75-tap.md#tap-6-active-only
        //# The chip MUST refuse GET PROCESSING OPTIONS for a token that is not active.
        //= spec/80-manage.md#mng-9-suspended-chips-do-not-pay
        //# The chip MUST refuse to pay with a suspended token.
        let slot = self
            .paying_slot()
            .filter(|(_, slot)| slot.state == State::Active);
        let (place, slot) = slot.ok_or(StatusWord::CONDITIONS_NOT_SATISFIED)?;
        //= spec/75-tap.md#tap-4-the-chip-never-repeats-a-counter
        //# The chip MUST store the increased transaction counter before it answers GET PROCESSING OPTIONS.
        let atc = slot
            .atc
            .checked_add(1)
            .ok_or(StatusWord::CONDITIONS_NOT_SATISFIED)?;
        let image = self.with_slot(
            place,
            Slot {
                atc,
                given: 0,
                ..slot
            },
        );
        let data = Data::written(|out| {
            out.nest(Tag::RESPONSE, |out| {
                out.put(Tag::AIP, &AIP)?;
                out.put(Tag::AFL, &AFL)
            })
        })?;
        Ok(Change {
            image: Some(image),
            then: Then::Pay(Payment::Initiated),
            data,
            ..Change::default()
        })
    }

    pub(crate) fn read_record(&self, command: &Command<'_>) -> Judged {
        if command.p2 & 0x07 != 0x04 || command.p1 == 0 {
            return Err(StatusWord::WRONG_P1_P2);
        }
        let sfi = command.p2 >> 3;
        match self.volatile.selected {
            Selected::Nothing | Selected::Domain | Selected::Ppse => {
                Err(StatusWord::CONDITIONS_NOT_SATISFIED)
            }
            Selected::Pse | Selected::Slot(_) if sfi != RECORDS_SFI => Err(StatusWord::NOT_FOUND),
            Selected::Pse => self.directory_record(command.p1),
            Selected::Slot(place) => record(&self.slot(place), command.p1),
        }
    }

    pub(crate) fn generate_ac(&self, command: &Command<'_>) -> Judged {
        let kind = match (command.p1, command.p2) {
            (0x00, 0) => Kind::Decline,
            (0x40, 0) => Kind::Approve,
            (0x80, 0) => Kind::Request,
            _ => return Err(StatusWord::WRONG_P1_P2),
        };
        let slot = self
            .paying_slot()
            .filter(|(_, slot)| slot.state == State::Active);
        let (place, slot) = slot.ok_or(StatusWord::CONDITIONS_NOT_SATISFIED)?;
        //= spec/75-tap.md#tap-5-one-request-cryptogram-per-counter
        //# The chip MUST store that a cryptogram is given before it computes it, and give at most one first cryptogram for one
        //# counter.
        match (self.volatile.payment, kind) {
            (Payment::Initiated, _) if slot.given == 0 => {
                self.first(place, slot, kind, command.data)
            }
            (Payment::Online, Kind::Approve | Kind::Decline) if slot.given == 1 => {
                self.second(place, slot, kind, command.data)
            }
            _ => Err(StatusWord::CONDITIONS_NOT_SATISFIED),
        }
    }

    /// The first cryptogram: this chip is online-only, so a wish to approve becomes a request.
    fn first(&self, place: usize, slot: Slot, kind: Kind, data: &[u8]) -> Judged {
        let kind = if kind == Kind::Decline {
            Kind::Decline
        } else {
            Kind::Request
        };
        let verification = if kind == Kind::Request { 0xa0 } else { 0x80 };
        let answer = answer(&slot, kind, verification, cdol1(), data)?;
        let image = self.with_slot(place, Slot { given: 1, ..slot });
        let next = if kind == Kind::Request {
            Payment::Online
        } else {
            Payment::Done
        };
        Ok(Change {
            image: Some(image),
            then: Then::Pay(next),
            data: answer,
            ..Change::default()
        })
    }

    fn second(&self, place: usize, slot: Slot, kind: Kind, data: &[u8]) -> Judged {
        let verification = if kind == Kind::Approve { 0x60 } else { 0x20 };
        let answer = answer(&slot, kind, verification, CDOL2, data)?;
        let image = self.with_slot(
            place,
            Slot {
                given: 3,
                last_online_atc: slot.atc,
                ..slot
            },
        );
        Ok(Change {
            image: Some(image),
            then: Then::Pay(Payment::Done),
            data: answer,
            ..Change::default()
        })
    }
}

fn record(slot: &Slot, number: u8) -> Judged {
    let data = match number {
        1 => Data::written(|out| out.nest(Tag::RECORD, |out| token_record(slot, out)))?,
        2 => Data::written(|out| out.nest(Tag::RECORD, rules_record))?,
        _ => return Err(StatusWord::RECORD_NOT_FOUND),
    };
    Ok(Change::data(data))
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

fn rules_record(out: &mut Writer<'_>) -> Result<(), Full> {
    out.put(Tag::CDOL1, cdol1())?;
    out.put(Tag::CDOL2, CDOL2)?;
    out.put(Tag::CVM_LIST, CVM_LIST)?;
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

/// The answer to GENERATE AC: 9F27, 9F36, 9F26, 9F10.
fn answer(
    slot: &Slot,
    kind: Kind,
    verification: u8,
    list: &[u8],
    data: &[u8],
) -> Result<Data, StatusWord> {
    let list = Dol::parse(list).map_err(|_| StatusWord::WRONG_LENGTH)?;
    if data.len() != list.answer_len() {
        return Err(StatusWord::WRONG_LENGTH);
    }
    //= spec/75-tap.md#tap-2-the-kind-is-inside
    //# The kind of application cryptogram MUST be part of what it covers.
    let issuer_data = [0x06, 0x01, 0x12, 0x03, verification, 0x00, 0x00];
    let [kind_of_payment] = *value::<1>(&list, data, Tag::TYPE)?;
    //= spec/75-tap.md#tap-1-the-cryptogram-covers-the-payment
    //# The application cryptogram MUST cover amount, currency, country, date, type, unpredictable number, counter, interchange
    //# profile and issuer application data.
    let input = CryptogramInput {
        amount: value(&list, data, Tag::AMOUNT)?,
        amount_other: value(&list, data, Tag::AMOUNT_OTHER)?,
        country: value(&list, data, Tag::COUNTRY)?,
        tvr: value(&list, data, Tag::TVR)?,
        currency: value(&list, data, Tag::CURRENCY)?,
        date: value(&list, data, Tag::DATE)?,
        kind: kind_of_payment,
        unpredictable_number: value(&list, data, Tag::UNPREDICTABLE_NUMBER)?,
        interchange_profile: &AIP,
        atc: slot.atc,
        issuer_data: &issuer_data,
    };
    let mac = cryptogram(&TokenKey::new(slot.key), &input);
    Data::written(|out| {
        out.nest(Tag::RESPONSE, |out| {
            out.put(Tag::CRYPTOGRAM_INFORMATION, &[kind.byte()])?;
            out.put(Tag::ATC, &slot.atc.to_be_bytes())?;
            out.put(Tag::CRYPTOGRAM, &mac)?;
            out.put(Tag::IAD, &issuer_data)
        })
    })
}

fn value<'d, const N: usize>(
    list: &Dol<'_>,
    data: &'d [u8],
    tag: Tag,
) -> Result<&'d [u8; N], StatusWord> {
    list.pick(data, tag)
        .and_then(|value| value.try_into().ok())
        .ok_or(StatusWord::WRONG_DATA)
}
