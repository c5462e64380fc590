//! Tap: from token and cryptogram to PAN and debit, at most once for one transaction.
//!
//! [`Issuer::authorise`] takes one ISO 8583 message. What it asks is read in [`asked`], what is taken back in [`reversal`].

use kaika_apdu::{Tag, tlv};
use kaika_crypto::emv::{cryptogram, response_cryptogram};
use kaika_crypto::{TokenKey, chip};
use kaika_spec::Refusal;
use kaika_spec::limit::{ATC_WINDOW, TAP_LIMIT_MINOR};
use kaika_tokenization::resolve::{Channel, resolve};
use kaika_wire::core::{Rows, Write, read};
use kaika_wire::dice::Dice;
use kaika_wire::iso8583::{Malformed, Message};

use crate::ledger::Movement;
use crate::pay::is_usable;
use crate::rows::{NUMBERS, TAPS, TOKENS, Tap, Token};
use crate::{Case, Issuer};

use asked::{Asked, Kind};

mod asked;
mod reversal;

/// The sequence number that every token has, as in tag 5F34.
const PSN: u8 = 1;
/// Card status update: the issuer approves, and asks nothing of the chip.
const APPROVES: [u8; 4] = [0x00, 0x80, 0x00, 0x00];
/// Card status update: the issuer declines, and asks nothing of the chip.
const DECLINES: [u8; 4] = [0; 4];

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
    /// Whether these bytes are a message that the issuer judges; after any other the connection is to be closed.
    pub fn takes(bytes: &[u8]) -> bool {
        Message::parse(bytes).is_ok_and(|message| {
            matches!(
                &message.mti,
                b"0100" | b"0200" | b"0400" | b"0401" | b"0800"
            )
        })
    }

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
            b"0100" | b"0200" => case.authorisation(&message, bytes),
            b"0400" | b"0401" => case.reversal(&message),
            b"0800" => managed(&message),
            _ => Err(Malformed),
        }
    }
}

/// The fields of an answer that repeat the request's.
const ECHOED: &[u8] = &[2, 3, 4, 7, 11, 37, 41, 42, 49, 70];

/// A network management message: the line stands.
fn managed(message: &Message) -> Result<Frame, Malformed> {
    let complete = message.field(7).is_some() && message.field(11).is_some();
    if complete {
        Ok(frame(vec![], answer(message, "00")?, None))
    } else {
        refused(message, Refusal::Malformed)
    }
}

fn frame(writes: Vec<Write>, answer: Message, refusal: Option<Refusal>) -> Frame {
    Frame {
        writes,
        // An answer repeats fields that were read, and adds some of ours: it fits.
        answer: answer.encode().unwrap_or_default(),
        refusal,
    }
}

/// A refusal that stores nothing.
fn refused(message: &Message, refusal: Refusal) -> Result<Frame, Malformed> {
    Ok(frame(
        vec![],
        answer(message, code(refusal))?,
        Some(refusal),
    ))
}

/// The answer's type is the request's, one further; a repeat is answered as what it repeats.
fn answer(to: &Message, code: &str) -> Result<Message, Malformed> {
    let [version, class, _, _] = to.mti;
    let empty = Message::new([version, class, b'1', b'0']).with(39, code);
    Ok(ECHOED
        .iter()
        .filter_map(|number| Some((*number, to.field(*number)?)))
        .fold(empty, |message, (number, value)| {
            message.with(number, value)
        }))
}

/// The response code of a refusal.
const fn code(refusal: Refusal) -> &'static str {
    //= spec/90-wire.md#wir-13-a-refusal-has-one-response-code
    //# The issuer MUST answer a refused ISO 8583 request with the response code that the table below gives its refusal.
    match refusal {
        Refusal::UnknownToken => "14",
        Refusal::Malformed => "30",
        Refusal::Insufficient => "51",
        Refusal::TokenExpired => "54",
        Refusal::DomainViolation => "57",
        Refusal::LimitExceeded => "61",
        Refusal::CardNotActive | Refusal::TokenNotActive => "62",
        Refusal::ReversalMismatch => "64",
        Refusal::CryptogramBad | Refusal::AtcReplay => "82",
        Refusal::IdempotencyConflict => "94",
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

/// What became of a tap whose name is new.
struct Judged {
    /// Whether the cryptogram and its counter were verified; then the key that did it.
    verified: Option<TokenKey>,
    booked: Result<Vec<Write>, Refusal>,
}

impl Case<'_> {
    fn authorisation(self, message: &Message, bytes: &[u8]) -> Result<Frame, Malformed> {
        let Some(asked) = Asked::read(message) else {
            return refused(message, Refusal::Malformed);
        };
        if let Some(known) = read::<Tap>(self.rows, TAPS, &asked.name) {
            return repeated(message, bytes, &known);
        }
        let Some((token_ref, token)) = self.presented(&asked) else {
            return refused(message, Refusal::UnknownToken);
        };
        let judged = self.judged(&asked, &token);
        let refusal = judged.booked.as_ref().err().copied();
        let answer = self.answered(message, &asked, &judged)?;
        let tap = row(&asked, &token, bytes, &answer, refusal.is_none());
        let mut writes = judged.booked.unwrap_or_default();
        if judged.verified.is_some() {
            let counted = Token {
                last_atc: Some(asked.atc),
                ..token
            };
            writes.push(Write::put(TOKENS, token_ref, &counted));
        }
        writes.push(Write::put(TAPS, asked.name, &tap));
        Ok(frame(writes, answer, refusal))
    }

    fn presented(&self, asked: &Asked<'_>) -> Option<(String, Token)> {
        let token_ref: String = read(self.rows, NUMBERS, asked.token)?;
        let token = self.token_row(&token_ref).ok()?;
        Some((token_ref, token))
    }

    fn judged(&self, asked: &Asked<'_>, token: &Token) -> Judged {
        match self.verify(asked, token) {
            Ok(key) => Judged {
                verified: Some(key),
                booked: self.debit_tap(asked, token),
            },
            Err(refusal) => Judged {
                verified: None,
                booked: Err(refusal),
            },
        }
    }

    fn answered(
        self,
        message: &Message,
        asked: &Asked<'_>,
        judged: &Judged,
    ) -> Result<Message, Malformed> {
        let (says, update) = match &judged.booked {
            Ok(_) => ("00", APPROVES),
            Err(refusal) => (code(*refusal), DECLINES),
        };
        let mut answer = answer(message, says)?;
        if judged.booked.is_ok() {
            answer = answer.with(38, format!("{:06}", self.dice.below(1_000_000)));
        }
        //= spec/75-tap.md#tap-17-the-issuer-proves-itself
        //# The issuer MUST answer a tap with a response cryptogram over its decision exactly when it verified the tap's cryptogram.
        if let Some(key) = &judged.verified {
            answer = answer.with(55, proof(key, asked, update)?);
        }
        Ok(answer)
    }

    /// Whether this is the chip's word about this payment, now, for the first time.
    fn verify(&self, asked: &Asked<'_>, token: &Token) -> Result<TokenKey, Refusal> {
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
        //= spec/75-tap.md#tap-15-the-expiry-is-the-tokens
        //# The issuer MUST refuse a tap whose expiry field is not that of the token.
        let other_expiry = token.expiry.get(..4) != Some(asked.expiry);
        let expired = self.now >= token.expires_at;
        resolve(token.life(), expired || other_expiry, channel)?;
        //= spec/75-tap.md#tap-23-the-currency-is-the-cards
        //# The issuer MUST refuse a tap in another currency than that of the card.
        if card.currency != asked.currency {
            return Err(Refusal::DomainViolation);
        }
        //= spec/75-tap.md#tap-7-the-issuer-checks-the-cryptogram
        //# The issuer MUST refuse a tap whose cryptogram does not verify over the data of the message.
        let key = chip::token_key(&self.issuer.config.imk, &token.digits, PSN);
        if !asked.agrees()
            || !kaika_crypto::is_same(&cryptogram(&key, &asked.input), asked.cryptogram)
        {
            return Err(Refusal::CryptogramBad);
        }
        is_next(asked.atc, token.last_atc.unwrap_or(0)).map(|()| key)
    }

    fn debit_tap(&self, asked: &Asked<'_>, token: &Token) -> Result<Vec<Write>, Refusal> {
        if asked.amount_minor > TAP_LIMIT_MINOR {
            return Err(Refusal::LimitExceeded);
        }
        let card = self
            .card_row(&token.card_code)
            .ok_or(Refusal::UnknownToken)?;
        let movement = Movement {
            cause: format!("tap {}", asked.name),
            card_code: &token.card_code,
            other: &credited(asked),
            amount_minor: asked.amount_minor,
            currency: asked.currency,
        };
        self.take(card, &movement)
    }
}

/// The account that a tap credits.
fn credited(asked: &Asked<'_>) -> String {
    //= spec/75-tap.md#tap-16-a-financial-request-pays-at-once
    //# The issuer MUST credit the shop for an approved financial request, and the shop's hold for an approved authorisation request.
    match asked.kind {
        Kind::Financial => asked.shop.to_owned(),
        Kind::Authorisation => format!("held {}", asked.shop),
    }
}

/// Whether a counter comes after the last one, and not too far after it.
fn is_next(atc: u16, last: u16) -> Result<(), Refusal> {
    //= spec/75-tap.md#tap-3-a-counter-counts-once
    //# The issuer MUST NOT approve a transaction counter of a token that is not greater than the last one it saw verified.
    let ahead = atc.saturating_sub(last);
    //= spec/75-tap.md#tap-14-a-counter-is-near
    //# The issuer MUST NOT approve a transaction counter of a token that is more than `ATC_WINDOW` above the last one it saw verified.
    if (1..=ATC_WINDOW).contains(&ahead) {
        Ok(())
    } else {
        Err(Refusal::AtcReplay)
    }
}

/// Field 55 of an answer: tag 91 with the response cryptogram and the card status update that it covers.
fn proof(key: &TokenKey, asked: &Asked<'_>, update: [u8; 4]) -> Result<Vec<u8>, Malformed> {
    let response = response_cryptogram(key, asked.atc, asked.cryptogram, &update);
    let mut buffer = [0; 10];
    let mut writer = tlv::Writer::new(&mut buffer);
    writer
        .put(Tag::ISSUER_AUTHENTICATION, &[response, update].concat())
        .map_err(|_| Malformed)?;
    Ok(writer.written().to_vec())
}

fn row(asked: &Asked<'_>, token: &Token, bytes: &[u8], answer: &Message, approved: bool) -> Tap {
    Tap {
        state: if approved { "approved" } else { "declined" }.into(),
        request: hex::encode(bytes),
        answer: hex::encode(answer.encode().unwrap_or_default()),
        card_code: token.card_code.clone(),
        amount_minor: asked.amount_minor,
        currency: asked.currency.into(),
        credited: credited(asked),
    }
}

/// A transaction that is known: the same request has the same answer; anything else under its name is refused.
fn repeated(message: &Message, bytes: &[u8], known: &Tap) -> Result<Frame, Malformed> {
    //= spec/75-tap.md#tap-13-a-repeat-is-answered-alike
    //# The issuer MUST answer a repeated authorisation request as it answered the first, without a second debit.
    if known.request == hex::encode(bytes) {
        let answer = hex::decode(&known.answer).map_err(|_| Malformed)?;
        return Ok(Frame {
            writes: vec![],
            answer,
            refusal: None,
        });
    }
    refused(
        message,
        if known.state == "tombstoned" {
            Refusal::DebitTombstoned
        } else {
            Refusal::IdempotencyConflict
        },
    )
}
