//! VERIFY and EXTERNAL AUTHENTICATE: who holds the card, and whether it was the issuer that answered.

use kaika_apdu::{Command, StatusWord};
use kaika_crypto::{TokenKey, emv, emv10, is_same};
use kaika_spec::Weakness;
use kaika_spec::limit::PIN_TRIES_MAX;
use kaika_weakness::lacks;

use crate::image::{Record, Slot, Version};
use crate::tap::{Payment, Stage, Verified};
use crate::{Change, Chip, Flash, Judged, Then};

/// In the second byte of the card status update: the issuer approves.
const APPROVES: u8 = 0x80;

/// Whether it is a PIN block of format 2: 2, the number of digits (4 to 12), digits, F up to the end.
pub(crate) fn is_reference(block: &[u8; 8]) -> bool {
    let nibbles = block.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    let [first, ..] = *block;
    let digits = usize::from(first & 0x0f);
    let is_right = |(at, nibble): (usize, u8)| match at {
        0 => nibble == 2,
        1 => (4..=12).contains(&nibble),
        _ if at < digits.saturating_add(2) => nibble <= 9,
        _ => nibble == 0x0f,
    };
    nibbles.enumerate().all(is_right)
}

/// How many wrong PINs may still come.
pub(crate) const fn tries_left(slot: &Slot) -> u8 {
    PIN_TRIES_MAX.saturating_sub(slot.pin_failures)
}

impl<F: Flash> Chip<F> {
    /// The slot that pays, and its payment at this stage.
    fn paying_at(&self, stage: Stage) -> Result<(usize, Slot, Payment), StatusWord> {
        let payment = self.volatile.payment;
        let slot = self.active_slot().filter(|_| payment.stage == stage);
        let (place, slot) = slot.ok_or(StatusWord::CONDITIONS_NOT_SATISFIED)?;
        Ok((place, slot, payment))
    }

    pub(crate) fn verify(&mut self, command: &Command<'_>) -> Judged {
        if (command.p1, command.p2) != (0x00, 0x80) {
            return Err(StatusWord::WRONG_P1_P2);
        }
        let block: &[u8; 8] = command
            .data
            .try_into()
            .map_err(|_| StatusWord::WRONG_LENGTH)?;
        let (place, slot, payment) = self.paying_at(Stage::Initiated)?;
        if !slot.has_pin() {
            return Err(StatusWord::NO_REFERENCE);
        }
        //= spec/85-apdu.md#apd-11-wrong-pins-are-counted
        //# The chip MUST store that a try is used before it compares a PIN, and compare none after `PIN_TRIES_MAX` wrong ones in a
        //# row.
        if tries_left(&slot) == 0 {
            return Err(StatusWord::BLOCKED);
        }
        if !is_reference(block) {
            return Err(StatusWord::WRONG_DATA);
        }
        let tried = Slot {
            pin_failures: slot.pin_failures.saturating_add(1),
            ..slot
        };
        let is_counted = !lacks(Weakness::CountedAfter);
        if is_counted {
            self.store(&Record::Counters(place, tried))?;
        }
        let then = |cardholder| {
            Then::Pay(Payment {
                cardholder,
                ..payment
            })
        };
        if !is_same(block, &slot.pin) {
            return Ok(Change {
                record: (!is_counted).then_some(Record::Counters(place, tried)),
                then: then(Verified::Wrong),
                status: Some(StatusWord::tries_left(tries_left(&tried))),
            });
        }
        let right = Slot {
            pin_failures: 0,
            ..slot
        };
        Ok(Change {
            record: Some(Record::Counters(place, right)),
            then: then(Verified::Right),
            ..Change::default()
        })
    }

    /// The value of tag 91, once for each request.
    pub(crate) fn authenticate_issuer(&self, command: &Command<'_>) -> Judged {
        if (command.p1, command.p2) != (0, 0) {
            return Err(StatusWord::WRONG_P1_P2);
        }
        if !matches!(command.data.len(), 8 | 10) {
            return Err(StatusWord::WRONG_LENGTH);
        }
        let (_, slot, payment) = self.paying_at(Stage::Online)?;
        if payment.issuer != Verified::No {
            return Err(StatusWord::CONDITIONS_NOT_SATISFIED);
        }
        let proof = proof(&slot, &payment.request, command.data)?;
        let (issuer, declined) = match proof {
            Proof::Wrong => (Verified::Wrong, false),
            Proof::Approves => (Verified::Right, false),
            Proof::Declines => (Verified::Right, true),
        };
        let wrong = issuer == Verified::Wrong;
        Ok(Change {
            then: Then::Pay(Payment {
                issuer,
                declined,
                ..payment
            }),
            status: wrong.then_some(StatusWord::AUTHENTICATION_FAILED),
            ..Change::default()
        })
    }
}

/// What the issuer's answer proves.
enum Proof {
    Wrong,
    Approves,
    Declines,
}

/// CVN 18: response cryptogram (4) and card status update (4). CVN 10: response cryptogram (8) and response code (2).
fn proof(slot: &Slot, request: &[u8; 8], data: &[u8]) -> Result<Proof, StatusWord> {
    let key = TokenKey::new(slot.key);
    let (right, approves) = match (slot.cryptogram, data) {
        (Version::Eighteen, &[a, b, c, d, ref update @ ..]) => {
            let update: &[u8; 4] = update.try_into().map_err(|_| StatusWord::WRONG_LENGTH)?;
            let made = emv::response_cryptogram(&key, slot.atc, request, update);
            let [_, approves, ..] = *update;
            (is_same(&made, &[a, b, c, d]), approves & APPROVES != 0)
        }
        (Version::Ten, &[ref made @ .., high, low]) => {
            let made: &[u8; 8] = made.try_into().map_err(|_| StatusWord::WRONG_LENGTH)?;
            let code = [high, low];
            let known = emv10::response_cryptogram(&key, request, &code);
            (is_same(&known, made), &code == b"00")
        }
        _ => return Err(StatusWord::WRONG_LENGTH),
    };
    Ok(match (right, approves) {
        (false, _) => Proof::Wrong,
        (true, true) => Proof::Approves,
        (true, false) => Proof::Declines,
    })
}
