//! Tap: from token and cryptogram to PAN and debit, at most once for one transaction.

use kaika_apdu::{Tag, tlv};
use kaika_crypto::chip;
use kaika_crypto::emv::{CryptogramInput, cryptogram};
use kaika_spec::Refusal;
use kaika_spec::limit::TAP_LIMIT_MINOR;
use kaika_tokenization::resolve::resolve;
use kaika_tokenization::{Channel, Presented};
use kaika_wire::core::{Rows, Write, read};
use kaika_wire::dice::Dice;
use kaika_wire::iso8583::{Malformed, Message};

use crate::ledger::Movement;
use crate::pay::is_usable;
use crate::rows::{NUMBERS, TAPS, TOKENS, Tap, Token};
use crate::{Case, Issuer};

/// CVR byte 2 of a first request cryptogram: ARQC given, no second asked.
const ASKED_ONLINE: u8 = 0xa0;
const PSN: u8 = 1;

/// What follows from one frame: rows to store, then the answer.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Rows to store before the answer leaves.
    pub writes: Vec<Write>,
    /// The answer's bytes, without their length.
    pub answer: Vec<u8>,
    /// The refusal that the answer hides, for the log.
    pub refusal: Option<Refusal>,
}

impl Issuer {
    /// Judges one ISO 8583 message of a shop's terminal.
    ///
    /// # Errors
    /// [`Malformed`] when it is none, or not one that the issuer takes: the connection is to be closed.
    pub fn authorise(
        &self,
        rows: &dyn Rows,
        now: i64,
        dice: &mut Dice,
        bytes: &[u8],
    ) -> Result<Frame, Malformed> {
        let message = Message::parse(bytes)?;
        let case = Case {
            issuer: self,
            rows,
            now,
            dice,
        };
        match &message.mti {
            b"0100" => case.authorisation(&message, bytes),
            b"0400" | b"0401" => case.reversal(&message),
            b"0800" => answer(&message, *b"0810", &[7, 11], "00", None)
                .map(|answer| frame(vec![], answer, None)),
            _ => Err(Malformed),
        }
    }
}

/// The fields of an answer that repeat the request's.
const ECHOED: &[u8] = &[2, 3, 4, 7, 11, 37, 41, 42, 49];

fn frame(writes: Vec<Write>, answer: Vec<u8>, refusal: Option<Refusal>) -> Frame {
    Frame {
        writes,
        answer,
        refusal,
    }
}

fn answer(
    to: &Message,
    mti: [u8; 4],
    echoed: &[u8],
    code: &str,
    auth_code: Option<String>,
) -> Result<Vec<u8>, Malformed> {
    let mut message = Message::new(mti).with(39, code);
    for field in echoed {
        if let Some(value) = to.field(*field) {
            message = message.with(*field, value);
        }
    }
    if let Some(auth_code) = auth_code {
        message = message.with(38, auth_code);
    }
    message.encode()
}

/// What the peer sees of a refusal.
const fn code(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::UnknownToken => "14",
        Refusal::Malformed => "30",
        Refusal::VaultUnavailable => "91",
        _ => "05",
    }
}

/// The name of a transaction: terminal, shop, retrieval reference.
fn name(message: &Message) -> Option<String> {
    Some(format!(
        "{}|{}|{}",
        message.text(41)?,
        message.text(42)?,
        message.text(37)?
    ))
}

impl Case<'_> {
    fn authorisation(self, message: &Message, bytes: &[u8]) -> Result<Frame, Malformed> {
        let Some(asked) = Asked::read(message) else {
            let bytes = answer(message, *b"0110", ECHOED, code(Refusal::Malformed), None)?;
            return Ok(frame(vec![], bytes, Some(Refusal::Malformed)));
        };
        if let Some(known) = read::<Tap>(self.rows, TAPS, &asked.name) {
            return repeated(message, bytes, &known);
        }
        let Some((token_ref, token)) = self.presented(&asked) else {
            let bytes = answer(message, *b"0110", ECHOED, code(Refusal::UnknownToken), None)?;
            return Ok(frame(vec![], bytes, Some(Refusal::UnknownToken)));
        };
        self.judged(message, bytes, &asked, &token_ref, token)
    }

    fn presented(&self, asked: &Asked<'_>) -> Option<(String, Token)> {
        let token_ref: String = read(self.rows, NUMBERS, asked.token)?;
        let token = self.token_row(&token_ref).ok()?;
        Some((token_ref, token))
    }

    fn judged(
        self,
        message: &Message,
        bytes: &[u8],
        asked: &Asked<'_>,
        token_ref: &str,
        token: Token,
    ) -> Result<Frame, Malformed> {
        let verified = self.verify(asked, &token);
        let judged = verified.and_then(|()| self.debit_tap(asked, token_ref, &token));
        if let Err(Refusal::VaultUnavailable) = judged {
            // Nothing was decided: the same request may come again.
            let refusal = Refusal::VaultUnavailable;
            let answered = answer(message, *b"0110", ECHOED, code(refusal), None)?;
            return Ok(frame(vec![], answered, Some(refusal)));
        }
        let auth_code = judged
            .is_ok()
            .then(|| format!("{:06}", self.dice.below(1_000_000)));
        let outcome = judged
            .as_ref()
            .map_or_else(|refusal| code(*refusal), |_| "00");
        let answered = answer(message, *b"0110", ECHOED, outcome, auth_code)?;
        let refusal = judged.as_ref().err().copied();
        let mut writes = judged.unwrap_or_default();
        if verified.is_ok() {
            let counted = Token {
                last_atc: Some(asked.atc),
                ..token.clone()
            };
            writes.push(Write::put(TOKENS, token_ref, &counted));
        }
        let row = Tap {
            state: if refusal.is_none() {
                "approved"
            } else {
                "declined"
            }
            .into(),
            request: hex::encode(bytes),
            answer: hex::encode(&answered),
            card_code: token.card_code,
            amount_minor: asked.amount_minor,
            currency: asked.currency.into(),
        };
        writes.push(Write::put(TAPS, asked.name.clone(), &row));
        Ok(frame(writes, answered, refusal))
    }

    /// Whether this is the chip's word about this payment, now, for the first time.
    fn verify(&self, asked: &Asked<'_>, token: &Token) -> Result<(), Refusal> {
        //= spec/75-tap.md#tap-9-live-at-authorisation
        //# The issuer MUST judge token, card, limit and balance inside the transaction that posts the debit.
        let card = self
            .card_row(&token.card_code)
            .ok_or(Refusal::UnknownToken)?;
        is_usable(&card)?;
        let channel = if asked.entry_mode == "071" {
            Channel::Contactless
        } else {
            Channel::Other
        };
        let (expired, use_) = (self.now >= token.expires_at, Presented::by(channel));
        resolve(token.life(), expired, &token.domain()?, &use_)?;
        //= spec/75-tap.md#tap-7-the-issuer-checks-the-cryptogram
        //# The issuer MUST refuse a tap whose cryptogram does not verify over the data of the message.
        let key = chip::token_key(&self.issuer.config.imk, &token.digits, PSN);
        if !asked.agrees()
            || !kaika_crypto::is_same(&cryptogram(&key, &asked.input), asked.cryptogram)
        {
            return Err(Refusal::CryptogramBad);
        }
        //= spec/75-tap.md#tap-3-a-counter-counts-once
        //# The issuer MUST NOT approve a transaction counter of a token that is not greater than the last one it saw verified.
        if token.last_atc.is_some_and(|last| asked.atc <= last) {
            Err(Refusal::AtcReplay)
        } else {
            Ok(())
        }
    }

    fn debit_tap(
        &self,
        asked: &Asked<'_>,
        token_ref: &str,
        token: &Token,
    ) -> Result<Vec<Write>, Refusal> {
        if asked.amount_minor > TAP_LIMIT_MINOR {
            return Err(Refusal::LimitExceeded);
        }
        // From token to PAN: an account whose PAN the vault cannot give is not debited.
        drop(self.issuer.detokenise(self.rows, token_ref)?);
        let card = self
            .card_row(&token.card_code)
            .ok_or(Refusal::UnknownToken)?;
        let movement = Movement {
            cause: format!("tap {}", asked.name),
            card_code: &token.card_code,
            other: asked.shop,
            amount_minor: asked.amount_minor,
            currency: asked.currency,
        };
        self.take(card, &movement)
    }

    fn reversal(self, message: &Message) -> Result<Frame, Malformed> {
        let complete = [2, 4, 11, 90]
            .iter()
            .all(|field| message.field(*field).is_some());
        let Some(name) = name(message).filter(|_| complete) else {
            let bytes = answer(message, *b"0410", ECHOED, code(Refusal::Malformed), None)?;
            return Ok(frame(vec![], bytes, Some(Refusal::Malformed)));
        };
        let answered = answer(message, *b"0410", ECHOED, "00", None)?;
        let writes = match read::<Tap>(self.rows, TAPS, &name) {
            Some(tap) if tap.state == "approved" => self.undo_tap(&name, tap),
            Some(tap) if tap.state == "declined" => vec![Write::put(TAPS, name, &buried(tap))],
            Some(_) => vec![],
            None => vec![Write::put(TAPS, name, &tombstone())],
        };
        Ok(frame(writes, answered, None))
    }

    fn undo_tap(&self, name: &str, tap: Tap) -> Vec<Write> {
        let movement = Movement {
            cause: format!("tap reversal {name}"),
            card_code: &tap.card_code,
            other: "reversals",
            amount_minor: tap.amount_minor,
            currency: &tap.currency,
        };
        let mut writes = self.give_back(&movement);
        writes.push(Write::put(
            TAPS,
            name,
            &Tap {
                state: "reversed".into(),
                ..tap.clone()
            },
        ));
        writes
    }
}

/// A tap that was declined and then reversed: a repeat is answered as before, anything else under its name as a tombstone.
fn buried(tap: Tap) -> Tap {
    Tap {
        state: "tombstoned".into(),
        ..tap
    }
}

fn tombstone() -> Tap {
    Tap {
        state: "tombstoned".into(),
        request: String::new(),
        answer: String::new(),
        card_code: String::new(),
        amount_minor: 0,
        currency: String::new(),
    }
}

/// A transaction that is known: the same request has the same answer; anything else under its name is refused.
fn repeated(message: &Message, bytes: &[u8], known: &Tap) -> Result<Frame, Malformed> {
    //= spec/75-tap.md#tap-13-a-repeat-is-answered-alike
    //# The issuer MUST answer a repeated authorisation request as it answered the first, without a second debit.
    if known.request == hex::encode(bytes) {
        let answered = hex::decode(&known.answer).map_err(|_| Malformed)?;
        return Ok(frame(vec![], answered, None));
    }
    let refusal = if known.state == "tombstoned" {
        Refusal::DebitTombstoned
    } else {
        Refusal::IdempotencyConflict
    };
    let answered = answer(message, *b"0110", ECHOED, code(refusal), None)?;
    Ok(frame(vec![], answered, Some(refusal)))
}

/// An authorisation request, read.
struct Asked<'a> {
    name: String,
    token: &'a str,
    shop: &'a str,
    amount_minor: u64,
    amount_digits: &'a str,
    currency: &'a str,
    entry_mode: &'a str,
    atc: u16,
    cryptogram: &'a [u8],
    information: u8,
    input: CryptogramInput<'a>,
}

impl<'a> Asked<'a> {
    /// `None` when a field or a chip object is missing or of another length.
    fn read(message: &'a Message) -> Option<Self> {
        let chip = message.field(55)?;
        [3, 7, 11, 14]
            .iter()
            .all(|field| message.field(*field).is_some())
            .then_some(())?;
        let amount_digits = message.text(4)?;
        let atc = u16::from_be_bytes(*object::<2>(chip, Tag::ATC)?);
        let [kind] = *object::<1>(chip, Tag::TYPE)?;
        let [information] = *object::<1>(chip, Tag::CRYPTOGRAM_INFORMATION)?;
        let issuer_data = tlv::find(chip, Tag::IAD).ok()??;
        let input = CryptogramInput {
            amount: object(chip, Tag::AMOUNT)?,
            amount_other: object(chip, Tag::AMOUNT_OTHER)?,
            country: object(chip, Tag::COUNTRY)?,
            tvr: object(chip, Tag::TVR)?,
            currency: object(chip, Tag::CURRENCY)?,
            date: object(chip, Tag::DATE)?,
            kind,
            unpredictable_number: object(chip, Tag::UNPREDICTABLE_NUMBER)?,
            interchange_profile: object(chip, Tag::AIP)?,
            atc,
            issuer_data,
        };
        Some(Self {
            name: name(message)?,
            token: message.text(2)?,
            shop: message.text(42)?.trim_end(),
            amount_minor: amount_digits.parse().ok()?,
            amount_digits,
            currency: message.text(49)?,
            entry_mode: message.text(22)?,
            atc,
            cryptogram: object::<8>(chip, Tag::CRYPTOGRAM)?,
            information,
            input,
        })
    }

    /// Whether message and chip data say the same, and the chip asked to go online.
    fn agrees(&self) -> bool {
        //= spec/75-tap.md#tap-12-the-message-agrees-with-the-chip
        //# The issuer MUST refuse a tap whose amount or currency field differs from the chip data that the cryptogram covers.
        let amount = hex::encode(self.input.amount) == self.amount_digits;
        let currency = hex::encode(self.input.currency).strip_prefix('0') == Some(self.currency);
        amount
            && currency
            && self.information == 0x80
            && self.input.issuer_data.get(4) == Some(&ASKED_ONLINE)
    }
}

fn object<const N: usize>(chip: &[u8], tag: Tag) -> Option<&[u8; N]> {
    tlv::find(chip, tag).ok()??.try_into().ok()
}
