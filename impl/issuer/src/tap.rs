//! Tap: from token and cryptogram to PAN and debit, at most once for one transaction.
//!
//! [`Issuer::authorise`] takes one ISO 8583 message: [`Asking::read`] and [`Issuer::check`] need no rows, [`Issuer::judge`] does.
//! What is asked is read in [`asked`], what is taken back in [`reversal`].

use kaika_apdu::{Tag, tlv};
use kaika_crypto::chip;
use kaika_crypto::digest::sha256;
use kaika_crypto::emv::Session;
use kaika_spec::limit::{ATC_WINDOW, TAP_LIMIT_MINOR};
use kaika_spec::{Refusal, Weakness};
use kaika_tokenization::resolve::resolve;
use kaika_tokenization::{Channel, Presented};
use kaika_weakness::lacks;
use kaika_wire::core::{Rows, Write, read};
use kaika_wire::dice::Dice;
use kaika_wire::iso8583::{Malformed, Message};

use crate::ledger::Movement;
use crate::pay::is_usable;
use crate::rows::{COUNTERS, Card, NUMBERS, TAPS, Tap, Token};
use crate::{Case, Issuer};

use asked::{Asked, Kind};

mod asked;
mod reversal;

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
    /// Whether it answers as before, and does nothing.
    pub repeated: bool,
    /// What was looked at, for the log.
    pub seen: Seen,
}

/// What a decision looked at, of which nothing is secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The name of the transaction.
    pub name: Option<String>,
    /// The reference of the token.
    pub token_ref: Option<String>,
    /// The transaction counter.
    pub atc: Option<u16>,
    /// Whether the amount is above the limit of a tap.
    pub over_limit: bool,
}

/// A message that the issuer judges.
#[derive(Clone, Debug)]
pub struct Asking {
    message: Message,
    /// SHA-256, hex.
    digest: String,
}

impl Asking {
    /// The message.
    pub const fn message(&self) -> &Message {
        &self.message
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`Malformed`] when it is none, or not one that the issuer takes: the connection is to be closed.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let message = Message::parse(bytes)?;
        match &message.mti {
            b"0100" | b"0200" | b"0400" | b"0401" | b"0800" => Ok(Self {
                message,
                digest: hex::encode(sha256(&[bytes])),
            }),
            _ => Err(Malformed),
        }
    }
}

/// A message with all that can be known of it without rows: the cryptogram is checked before the transaction that needs it.
#[derive(Clone, Debug)]
pub struct Checked {
    request: Asking,
    /// Field 55 of the answer, when the cryptogram holds under the key of the token that the message names.
    proofs: Option<Proofs>,
}

/// Field 55 of an answer to a cryptogram that holds.
#[derive(Clone, Debug)]
struct Proofs {
    approval: Vec<u8>,
    decline: Vec<u8>,
}

impl Issuer {
    /// Reads, checks and judges one ISO 8583 message of a shop's terminal.
    ///
    /// # Errors
    /// [`Malformed`], as [`Asking::read`].
    pub fn authorise(
        &self,
        rows: &dyn Rows,
        now: i64,
        dice: &mut Dice,
        bytes: &[u8],
    ) -> Result<Frame, Malformed> {
        let checked = self.check(Asking::read(bytes)?);
        Ok(self.judge(rows, now, dice, &checked))
    }

    /// Checks a cryptogram, if there is one.
    pub fn check(&self, request: Asking) -> Checked {
        let proofs = Asked::read(&request.message).and_then(|asked| self.proofs(&asked));
        Checked { request, proofs }
    }

    fn proofs(&self, asked: &Asked<'_>) -> Option<Proofs> {
        //= spec/75-tap.md#tap-7-the-issuer-checks-the-cryptogram
        //# The issuer MUST refuse a tap whose cryptogram does not verify over the data of the message.
        let key = chip::token_key(&self.config.imk, asked.token, asked.sequence);
        let session = Session::of(&key, asked.atc);
        let holds = kaika_crypto::is_same(&session.cryptogram(&asked.input), asked.cryptogram);
        let proof = |update| proof(session.response(asked.cryptogram, &update), update);
        let proves = (holds && asked.agrees()) || lacks(Weakness::StaticTokenAtPos);
        proves.then(|| Proofs {
            approval: proof(APPROVES),
            decline: proof(DECLINES),
        })
    }

    /// Judges a message by the rows as they are.
    pub fn judge(&self, rows: &dyn Rows, now: i64, dice: &mut Dice, checked: &Checked) -> Frame {
        let case = Case {
            issuer: self,
            rows,
            now,
            dice,
        };
        let message = &checked.request.message;
        let seen = case.seen(message);
        let frame = match &message.mti {
            b"0800" => managed(message),
            b"0400" | b"0401" => case.reversal(message),
            _ => case.authorisation(checked),
        };
        Frame { seen, ..frame }
    }
}

/// The fields of an answer that repeat the request's.
const ECHOED: &[u8] = &[2, 3, 4, 7, 11, 37, 41, 42, 49, 70];

/// A network management message: the line stands.
fn managed(message: &Message) -> Frame {
    let complete = message.field(7).is_some() && message.field(11).is_some();
    if complete {
        frame(vec![], &answer(message, "00"), None)
    } else {
        refused(message, Refusal::Malformed)
    }
}

fn frame(writes: Vec<Write>, answer: &Message, refusal: Option<Refusal>) -> Frame {
    Frame {
        writes,
        // An answer repeats fields that were read, and adds some of ours: it fits.
        answer: answer.encode().unwrap_or_default(),
        refusal,
        repeated: false,
        seen: Seen::default(),
    }
}

/// A refusal that stores nothing.
fn refused(message: &Message, refusal: Refusal) -> Frame {
    frame(vec![], &answer(message, code(refusal)), Some(refusal))
}

/// The answer's type is the request's, one further; a repeat is answered as what it repeats.
fn answer(to: &Message, code: &str) -> Message {
    let [version, class, _, _] = to.mti;
    let empty = Message::new([version, class, b'1', b'0']).with(39, code);
    ECHOED
        .iter()
        .filter_map(|number| Some((*number, to.field(*number)?)))
        .fold(empty, |message, (number, value)| {
            message.with(number, value)
        })
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
        Refusal::VaultUnavailable => "91",
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
struct Judged<'a> {
    /// The proofs, when the cryptogram and its counter count.
    verified: Option<&'a Proofs>,
    booked: Result<Vec<Write>, Refusal>,
}

impl Case<'_> {
    fn seen(&self, message: &Message) -> Seen {
        let asked = Asked::read(message);
        Seen {
            name: name(message),
            token_ref: message
                .text(2)
                .and_then(|token| read(self.rows, NUMBERS, token)),
            atc: asked.as_ref().map(|asked| asked.atc),
            over_limit: asked.is_some_and(|asked| asked.amount_minor > TAP_LIMIT_MINOR),
        }
    }

    fn authorisation(self, checked: &Checked) -> Frame {
        let Asking { message, digest } = &checked.request;
        let Some(asked) = Asked::read(message) else {
            return refused(message, Refusal::Malformed);
        };
        if let Some(known) = read::<Tap>(self.rows, TAPS, &asked.name) {
            return repeated(message, digest, &known);
        }
        let Some((token_ref, token)) = self.presented(&asked) else {
            return refused(message, Refusal::UnknownToken);
        };
        let judged = self.judged(&asked, &token_ref, &token, checked.proofs.as_ref());
        if let Err(Refusal::VaultUnavailable) = judged.booked {
            // Nothing was decided: the same request may come again.
            return refused(message, Refusal::VaultUnavailable);
        }
        let tap = self.tapped(&asked, &token, &judged, &checked.request);
        let refusal = judged.booked.as_ref().err().copied();
        let answer = retold(message, &tap);
        let is_counted = judged.verified.is_some();
        let mut writes = judged.booked.unwrap_or_default();
        if is_counted {
            writes.push(Write::put(COUNTERS, token_ref, &asked.atc));
        }
        writes.push(Write::put(TAPS, asked.name, &tap));
        frame(writes, &answer, refusal)
    }

    /// What is remembered of a tap.
    fn tapped(
        self,
        asked: &Asked<'_>,
        token: &Token,
        judged: &Judged<'_>,
        request: &Asking,
    ) -> Tap {
        let (state, code) = match &judged.booked {
            Ok(_) => ("approved", "00"),
            Err(refusal) => ("declined", code(*refusal)),
        };
        let is_approved = judged.booked.is_ok();
        //= spec/75-tap.md#tap-17-the-issuer-proves-itself
        //# The issuer MUST answer a tap that it decides with a response cryptogram over its decision exactly when it verified the tap's cryptogram.
        let proof = judged.verified.map(|proofs| match is_approved {
            true => &proofs.approval,
            false => &proofs.decline,
        });
        Tap {
            state: state.into(),
            request: request.digest.clone(),
            original: original(&request.message),
            code: code.into(),
            auth_code: is_approved.then(|| format!("{:06}", self.dice.below(1_000_000))),
            proof: proof.map(hex::encode),
            card_code: token.card_code.clone(),
            amount_minor: asked.amount_minor,
            currency: asked.currency.into(),
            credited: credited(asked),
        }
    }

    fn presented(&self, asked: &Asked<'_>) -> Option<(String, Token)> {
        let token_ref: String = read(self.rows, NUMBERS, asked.token)?;
        let token = self.token_row(&token_ref).ok()?;
        Some((token_ref, token))
    }

    fn judged<'a>(
        &self,
        asked: &Asked<'_>,
        token_ref: &str,
        token: &Token,
        proofs: Option<&'a Proofs>,
    ) -> Judged<'a> {
        //= spec/75-tap.md#tap-9-live-at-authorisation
        //# The issuer MUST judge token, card, limit and balance inside the transaction that posts the debit.
        let card = self.card_row(&token.card_code).ok_or(Refusal::UnknownToken);
        let verified = card.and_then(|card| {
            let proofs = self.verify(asked, token, &card, proofs)?;
            is_next(asked.atc, self.last_counter(token_ref))?;
            Ok((card, proofs))
        });
        match verified {
            Ok((card, proofs)) => Judged {
                verified: Some(proofs),
                booked: self.debit_tap(asked, token_ref, token, card),
            },
            Err(refusal) => Judged {
                verified: None,
                booked: Err(refusal),
            },
        }
    }

    /// Whether this is the chip's word about this payment, now, by rank of refusal. Gives the proofs back.
    fn verify<'a>(
        &self,
        asked: &Asked<'_>,
        token: &Token,
        card: &Card,
        proofs: Option<&'a Proofs>,
    ) -> Result<&'a Proofs, Refusal> {
        let outlives = lacks(Weakness::TokenOutlivesCard) || lacks(Weakness::LivenessBeforeDebit);
        is_usable(card).or_else(|refusal| if outlives { Ok(()) } else { Err(refusal) })?;
        let channel = if asked.entry_mode == "071" || lacks(Weakness::EntryModeIgnored) {
            Channel::Contactless
        } else {
            Channel::Other
        };
        //= spec/75-tap.md#tap-15-the-expiry-is-the-tokens
        //# The issuer MUST refuse a tap whose expiry field is not that of the token.
        let other_expiry = token.expiry.get(..4) != Some(asked.expiry);
        let expired = other_expiry || self.now >= token.expires_at;
        let presented = Presented::by(channel);
        resolve(token.life(), expired, &token.domain()?, &presented)?;
        //= spec/75-tap.md#tap-23-the-currency-is-the-cards
        //# The issuer MUST refuse a tap in another currency than that of the card.
        if card.currency != asked.currency {
            return Err(Refusal::DomainViolation);
        }
        proofs.ok_or(Refusal::CryptogramBad)
    }

    /// The last counter of a token that was verified; 0 before the first.
    fn last_counter(&self, token_ref: &str) -> u16 {
        read(self.rows, COUNTERS, token_ref).unwrap_or(0)
    }

    fn debit_tap(
        &self,
        asked: &Asked<'_>,
        token_ref: &str,
        token: &Token,
        card: Card,
    ) -> Result<Vec<Write>, Refusal> {
        if asked.amount_minor > TAP_LIMIT_MINOR && !lacks(Weakness::LimitUnchecked) {
            return Err(Refusal::LimitExceeded);
        }
        // From token to PAN: an account whose PAN the vault cannot give is not debited.
        drop(self.issuer.detokenise(self.rows, token_ref)?);
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
    if (1..=ATC_WINDOW).contains(&ahead) || lacks(Weakness::AtcUnchecked) {
        Ok(())
    } else {
        Err(Refusal::AtcReplay)
    }
}

/// Tag 91 with the response cryptogram and the card status update that it covers.
fn proof(response: [u8; 4], update: [u8; 4]) -> Vec<u8> {
    let mut buffer = [0; 10];
    let mut writer = tlv::Writer::new(&mut buffer);
    // Ten bytes hold a tag, a length and eight bytes.
    let _ = writer.put(Tag::ISSUER_AUTHENTICATION, &[response, update].concat());
    writer.written().to_vec()
}

/// What a reversal must say of a request: type, trace number, time.
fn original(message: &Message) -> String {
    let field = |number| message.text(number).unwrap_or_default();
    let [a, b, c, d] = message.mti.map(char::from);
    format!("{a}{b}{c}{d}{}{}", field(11), field(7))
}

/// The answer to the request that a tap came with.
fn retold(message: &Message, tap: &Tap) -> Message {
    let mut answer = answer(message, &tap.code);
    if let Some(auth_code) = &tap.auth_code {
        answer = answer.with(38, auth_code.clone());
    }
    let proof = tap.proof.as_ref().and_then(|proof| hex::decode(proof).ok());
    match proof {
        Some(proof) => answer.with(55, proof),
        None => answer,
    }
}

/// A transaction that is known: the same request has the same answer; anything else under its name is refused.
fn repeated(message: &Message, digest: &str, known: &Tap) -> Frame {
    //= spec/75-tap.md#tap-13-a-repeat-is-answered-alike
    //# The issuer MUST answer a repeated authorisation request as it answered the first, without a second debit.
    if known.request == digest {
        return Frame {
            repeated: true,
            ..frame(vec![], &retold(message, known), None)
        };
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
