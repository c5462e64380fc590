//! What the terminal says to the issuer and reads from it: ISO 8583.

use kaika_apdu::{Tag, tlv};
use kaika_wire::iso8583::{Malformed, Message};

use crate::chip::Records;
use crate::tap::Sale;

/// Field 55 and the rest of an authorisation request.
pub(crate) fn authorisation(
    sale: &Sale,
    records: &Records,
    chip: &[(Tag, Vec<u8>)],
) -> Option<Message> {
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
    let message = header(*b"0100", sale, records)?
        .with(14, expiry)
        .with(22, *b"071")
        .with(55, writer.written());
    Some(message)
}

/// The reversal of an authorisation request; `again` for a repeat.
pub(crate) fn reversal(sale: &Sale, records: &Records, again: bool) -> Option<Message> {
    let original = format!("0100{}{}{}", sale.stan, sale.at, "0".repeat(22));
    Some(header(if again { *b"0401" } else { *b"0400" }, sale, records)?.with(90, original))
}

fn header(mti: [u8; 4], sale: &Sale, records: &Records) -> Option<Message> {
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

/// The response code of an answer, when it is the answer to this request: type, and every field that must be repeated.
pub(crate) fn response_code(
    answer: &[u8],
    request: &Message,
) -> Result<(String, Option<String>), Malformed> {
    let answer = Message::parse(answer)?;
    let [a, b, _, d] = request.mti;
    let wanted_type = [a, b, b'1', if d == b'1' { b'0' } else { d }];
    let echoed = [2, 3, 4, 7, 11, 37, 41, 42, 49]
        .iter()
        .all(|field| answer.field(*field) == request.field(*field));
    let code = answer
        .text(39)
        .filter(|_| echoed && answer.mti == wanted_type)
        .ok_or(Malformed)?;
    Ok((code.to_owned(), answer.text(38).map(str::to_owned)))
}
