//! What the terminal says to the issuer and reads from it: ISO 8583.

use kaika_apdu::{Tag, tlv};
use kaika_wire::iso8583::{Malformed, Message};

use crate::chip::Records;
use crate::tap::{Kind, Sale};

/// Field 55 and the rest of an authorisation or financial request.
pub(crate) fn request(sale: &Sale, records: &Records, chip: &[(Tag, Vec<u8>)]) -> Option<Message> {
    let expiry = records.expiry.as_ref()?.get(..4)?.to_owned();
    let mut buffer = [0; 255];
    let mut writer = tlv::Writer::new(&mut buffer);
    for (tag, value) in chip {
        writer.put(*tag, value).ok()?;
    }
    for tag in [
        Tag::UNPREDICTABLE_NUMBER,
        Tag::TVR,
        Tag::DATE,
        Tag::TYPE,
        Tag::AMOUNT,
        Tag::CURRENCY,
        Tag::COUNTRY,
        Tag::AMOUNT_OTHER,
    ] {
        writer.put(tag, &sale.object(tag)?).ok()?;
    }
    writer.put(Tag::PSN, records.psn.as_deref()?).ok()?;
    let message = header(sale, records)?
        .with(14, expiry)
        .with(22, *b"071")
        .with(55, writer.written());
    Some(message)
}

fn header(sale: &Sale, records: &Records) -> Option<Message> {
    let mti = match sale.kind {
        Kind::Authorisation => *b"0100",
        Kind::Financial => *b"0200",
    };
    Some(
        Message::new(mti)
            .with(2, records.token.clone()?)
            .with(3, *b"000000")
            .with(4, format!("{:012}", sale.amount_minor))
            .with(7, sale.at.clone())
            .with(11, sale.stan.clone())
            .with(37, sale.reference.clone())
            .with(41, format!("{:<8}", sale.terminal))
            .with(42, format!("{:<15}", sale.shop))
            .with(49, sale.currency.clone()),
    )
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Response code.
    pub(crate) code: String,
    /// Authorisation code; empty when there is none.
    pub(crate) auth_code: String,
    /// The value of tag 91.
    pub(crate) proof: Option<Vec<u8>>,
}

/// The fields that an answer must repeat.
pub(crate) const ECHOED: [u8; 9] = [2, 3, 4, 7, 11, 37, 41, 42, 49];

/// The decision in an answer, when it is the answer to this request: type, and every field that must be repeated.
pub(crate) fn decision(answer: &[u8], request: &Message) -> Result<Decision, Malformed> {
    let answer = Message::parse(answer)?;
    let [version, class, _, _] = request.mti;
    let echoed = ECHOED
        .iter()
        .all(|field| answer.field(*field) == request.field(*field));
    let code = answer
        .text(39)
        .filter(|_| echoed && answer.mti == [version, class, b'1', b'0'])
        .ok_or(Malformed)?;
    Ok(Decision {
        code: code.to_owned(),
        auth_code: answer.text(38).unwrap_or_default().to_owned(),
        proof: proof(&answer)?,
    })
}

/// The value of tag 91, if it has a length that EMV gives it; an error when field 55 is not TLV.
fn proof(answer: &Message) -> Result<Option<Vec<u8>>, Malformed> {
    let Some(objects) = answer.field(55) else {
        return Ok(None);
    };
    let found = tlv::find(objects, Tag::ISSUER_AUTHENTICATION).map_err(|_| Malformed)?;
    Ok(found
        .filter(|value| (8..=16).contains(&value.len()))
        .map(<[u8]>::to_vec))
}

/// What an answer on a line is recognised by: message class, trace number, reference, terminal, shop.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name([Vec<u8>; 5]);

/// The name of a request.
///
/// # Errors
/// [`Malformed`] when it is no request.
pub fn asked(request: &[u8]) -> Result<Name, Malformed> {
    name(request, b'0')
}

/// The name of the request that an answer is for.
///
/// # Errors
/// [`Malformed`] when it is no answer.
pub fn answered(answer: &[u8]) -> Result<Name, Malformed> {
    name(answer, b'1')
}

fn name(bytes: &[u8], function: u8) -> Result<Name, Malformed> {
    //= spec/75-tap.md#tap-22-an-answer-finds-its-request
    //# The POS MUST take an answer only for the request with its message class and its fields 11, 37, 41 and 42.
    let message = Message::parse(bytes)?;
    let [version, class, third, _] = message.mti;
    if third != function {
        return Err(Malformed);
    }
    let field = |number| message.field(number).unwrap_or_default().to_vec();
    Ok(Name([
        vec![version, class],
        field(11),
        field(37),
        field(41),
        field(42),
    ]))
}

/// A network management request: `001` signs on, `301` is an echo.
pub fn management(at: &str, trace: &str, code: &str) -> Result<Vec<u8>, Malformed> {
    Message::new(*b"0800")
        .with(7, at)
        .with(11, trace)
        .with(70, code)
        .encode()
}

/// Whether a network management request was accepted.
pub fn is_accepted(answer: &[u8]) -> bool {
    Message::parse(answer)
        .is_ok_and(|answer| answer.mti == *b"0810" && answer.text(39) == Some("00"))
}
