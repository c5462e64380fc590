//! GENERATE AC: the two cryptograms of a payment.

use kaika_apdu::{Command, StatusWord, Tag};
use kaika_crypto::emv::{self, CryptogramInput};
use kaika_crypto::{TokenKey, emv10};
use kaika_spec::Weakness;
use kaika_weakness::lacks;

use crate::image::{Record, Slot, Version};
use crate::tap::{AIP, Payment, Stage, Verified};
use crate::verify::tries_left;
use crate::{Change, Chip, Data, Flash, Judged, Then};

/// What CDOL2 has before CDOL1.
const RESPONSE_CODE_LEN: usize = 2;

/// Kinds of cryptogram, as in P1 and CID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Decline,
    Approve,
    Request,
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

/// Card verification results, second byte.
mod results {
    /// The first cryptogram was a request; a decline has no bit.
    pub(super) const FIRST_REQUEST: u8 = 0x20;
    /// There is no second one yet.
    pub(super) const NO_SECOND: u8 = 0x80;
    /// The second cryptogram is an approval; a decline has no bit.
    pub(super) const SECOND_APPROVAL: u8 = 0x40;
    /// The issuer's proof was wrong.
    pub(super) const ISSUER_WRONG: u8 = 0x08;
    /// A PIN was verified.
    pub(super) const PIN: u8 = 0x04;
    /// And was wrong.
    pub(super) const PIN_WRONG: u8 = 0x02;
    /// Third byte: no PIN can be verified any more.
    pub(super) const PIN_BLOCKED: u8 = 0x40;
}

impl<F: Flash> Chip<F> {
    pub(crate) fn generate_ac(&mut self, command: &Command<'_>, out: &mut Data) -> Judged {
        let kind = match (command.p1, command.p2) {
            (0x00, 0) => Kind::Decline,
            (0x40, 0) => Kind::Approve,
            (0x80, 0) => Kind::Request,
            _ => return Err(StatusWord::WRONG_P1_P2),
        };
        let (place, slot) = self
            .active_slot()
            .ok_or(StatusWord::CONDITIONS_NOT_SATISFIED)?;
        //= spec/75-tap.md#tap-5-one-request-cryptogram-per-counter
        //# The chip MUST store that a cryptogram is given before it computes it, and give at most one first cryptogram for one
        //# counter.
        match (self.volatile.payment.stage, kind) {
            (Stage::Initiated, _) if slot.given == 0 => {
                self.first((place, &slot), kind, command.data, out)
            }
            (Stage::Online, Kind::Approve | Kind::Decline) if slot.given == 1 => {
                self.second((place, &slot), kind, command.data, out)
            }
            _ => Err(StatusWord::CONDITIONS_NOT_SATISFIED),
        }
    }

    /// The first cryptogram: this chip is online-only, so a wish to approve becomes a request.
    fn first(
        &mut self,
        (place, slot): (usize, &Slot),
        kind: Kind,
        data: &[u8],
        out: &mut Data,
    ) -> Judged {
        let (kind, first, stage) = match kind {
            Kind::Decline => (Kind::Decline, 0, Stage::Done),
            Kind::Approve | Kind::Request => (Kind::Request, results::FIRST_REQUEST, Stage::Online),
        };
        let payment = self.volatile.payment;
        let issuer_data = issuer_data(slot, &payment, results::NO_SECOND | first);
        let input = input(slot, data, &issuer_data).ok_or(StatusWord::WRONG_LENGTH)?;
        self.store(&Record::Counters(place, Slot { given: 1, ..*slot }))?;
        let mac = signed(slot, &input);
        answer(out, slot.atc, (kind, &mac), &issuer_data)?;
        Ok(Change {
            then: Then::Pay(Payment {
                stage,
                request: mac,
                ..payment
            }),
            ..Change::default()
        })
    }

    /// The second: an approval only when the issuer's proof is not wrong and does not decline.
    fn second(
        &mut self,
        (place, slot): (usize, &Slot),
        kind: Kind,
        data: &[u8],
        out: &mut Data,
    ) -> Judged {
        //= spec/85-apdu.md#apd-13-no-approval-against-the-issuer
        //# The chip MUST NOT give an approval cryptogram after a wrong or declining issuer authentication.
        let payment = self.volatile.payment;
        let refused = (payment.issuer == Verified::Wrong || payment.declined)
            && !lacks(Weakness::ProofIgnored);
        let (kind, second) = match kind {
            Kind::Approve if !refused => (Kind::Approve, results::SECOND_APPROVAL),
            Kind::Approve | Kind::Decline | Kind::Request => (Kind::Decline, 0),
        };
        let issuer_data = issuer_data(slot, &payment, results::FIRST_REQUEST | second);
        let sale = data.get(RESPONSE_CODE_LEN..).unwrap_or_default();
        let input = input(slot, sale, &issuer_data).ok_or(StatusWord::WRONG_LENGTH)?;
        let given = Slot {
            given: 3,
            last_online_atc: slot.atc,
            ..*slot
        };
        self.store(&Record::Counters(place, given))?;
        let mac = signed(slot, &input);
        answer(out, slot.atc, (kind, &mac), &issuer_data)?;
        Ok(Change {
            then: Then::Pay(Payment {
                stage: Stage::Done,
                ..payment
            }),
            ..Change::default()
        })
    }
}

/// 9F10: length, key index, cryptogram version, card verification results.
fn issuer_data(slot: &Slot, payment: &Payment, kinds: u8) -> [u8; 7] {
    //= spec/85-apdu.md#apd-12-what-was-verified-is-inside
    //# Whether the chip verified a PIN, and whether the PIN or the issuer's proof was wrong, MUST be part of what the cryptogram
    //# covers.
    let cardholder = match payment.cardholder {
        Verified::No => 0,
        Verified::Right => results::PIN,
        Verified::Wrong => results::PIN | results::PIN_WRONG,
    };
    let issuer = match payment.issuer {
        Verified::No | Verified::Right => 0,
        Verified::Wrong => results::ISSUER_WRONG,
    };
    let blocked = if slot.has_pin() && tries_left(slot) == 0 {
        results::PIN_BLOCKED
    } else {
        0
    };
    let version = slot.cryptogram.byte();
    let second = kinds | cardholder | issuer;
    [0x06, 0x01, version, 0x03, second, blocked, 0x00]
}

/// The cryptogram over what the terminal sent and what the chip says of itself.
fn signed(slot: &Slot, input: &CryptogramInput<'_>) -> [u8; 8] {
    //= spec/75-tap.md#tap-2-the-kind-is-inside
    //# The kind of application cryptogram MUST be part of what it covers.
    //= spec/75-tap.md#tap-1-the-cryptogram-covers-the-payment
    //# The application cryptogram MUST cover amount, currency, country, date, type, unpredictable number, counter, interchange
    //# profile and issuer application data.
    let key = TokenKey::new(slot.key);
    match slot.cryptogram {
        Version::Eighteen => emv::cryptogram(&key, input),
        Version::Ten => emv10::cryptogram(&key, input),
    }
}

/// The values of CDOL1, which stand in the order of the list; `None` when there are more or fewer bytes.
fn input<'a>(slot: &Slot, data: &'a [u8], issuer_data: &'a [u8; 7]) -> Option<CryptogramInput<'a>> {
    let (amount, rest) = data.split_first_chunk()?;
    let (amount_other, rest) = rest.split_first_chunk()?;
    let (country, rest) = rest.split_first_chunk()?;
    let (tvr, rest) = rest.split_first_chunk()?;
    let (currency, rest) = rest.split_first_chunk()?;
    let (date, rest) = rest.split_first_chunk()?;
    let (kind, rest) = rest.split_first()?;
    let unpredictable_number = rest.try_into().ok()?;
    Some(CryptogramInput {
        amount,
        amount_other,
        country,
        tvr,
        currency,
        date,
        kind: *kind,
        unpredictable_number,
        interchange_profile: &AIP,
        atc: slot.atc,
        issuer_data,
    })
}

/// The answer to GENERATE AC: 9F27, 9F36, 9F26, 9F10.
fn answer(
    out: &mut Data,
    atc: u16,
    (kind, mac): (Kind, &[u8; 8]),
    issuer_data: &[u8; 7],
) -> Result<(), StatusWord> {
    out.write(|out| {
        out.nest(Tag::RESPONSE, |out| {
            out.put(Tag::CRYPTOGRAM_INFORMATION, &[kind.byte()])?;
            out.put(Tag::ATC, &atc.to_be_bytes())?;
            out.put(Tag::CRYPTOGRAM, mac)?;
            out.put(Tag::IAD, issuer_data)
        })
    })
}

#[cfg(test)]
mod tests {
    use kaika_apdu::Dol;

    use super::*;
    use crate::tap::{CDOL2, cdol1};

    /// The lists ask for what [`input`] reads, in its order.
    #[test]
    fn the_lists_ask_for_what_is_read() {
        let lengths = [
            (Tag::AMOUNT, 6),
            (Tag::AMOUNT_OTHER, 6),
            (Tag::COUNTRY, 2),
            (Tag::TVR, 5),
            (Tag::CURRENCY, 2),
            (Tag::DATE, 3),
            (Tag::TYPE, 1),
            (Tag::UNPREDICTABLE_NUMBER, 4),
        ];
        let code = [(Tag::RESPONSE_CODE, 2)];
        for (list, before) in [(cdol1(), &[][..]), (CDOL2, &code)] {
            let Ok(list) = Dol::parse(list) else {
                panic!("a list")
            };
            let asked = list.entries().map(|entry| (entry.tag, entry.length));
            assert!(asked.eq(before.iter().chain(&lengths).copied()));
        }
    }
}
