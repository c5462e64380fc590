//! What an authorisation or financial request asks, read field by field and object by object.

use kaika_apdu::{Tag, tlv};
use kaika_crypto::emv::CryptogramInput;
use kaika_wire::iso8583::Message;

use super::name;

/// CVR byte 2 of a first request cryptogram: ARQC given, no second asked.
const ASKED_ONLINE: u8 = 0xa0;

/// Length, key index, cryptogram version, verification results: 9F10 of 85-apdu.
const ISSUER_DATA: usize = 7;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// 0100: the amount is held for the shop.
    Authorisation,
    /// 0200: the shop is paid.
    Financial,
}

/// A request, read.
pub(super) struct Asked<'a> {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) token: &'a str,
    pub(super) shop: &'a str,
    pub(super) amount_minor: u64,
    amount_digits: &'a str,
    pub(super) currency: &'a str,
    pub(super) entry_mode: &'a str,
    /// YYMM.
    pub(super) expiry: &'a str,
    pub(super) atc: u16,
    /// The sequence number of the token, one byte of BCD.
    pub(super) sequence: u8,
    pub(super) cryptogram: &'a [u8; 8],
    information: u8,
    pub(super) input: CryptogramInput<'a>,
}

impl<'a> Asked<'a> {
    /// `None` when a field or a chip object is missing or of another length, an object is there twice, or field 55 cannot be read
    /// to its end.
    pub(super) fn read(message: &'a Message) -> Option<Self> {
        let chip = message.field(55)?;
        [3, 7, 11]
            .iter()
            .all(|field| message.field(*field).is_some())
            .then_some(())?;
        let amount_digits = message.text(4)?;
        let input = covered(chip)?;
        let [information] = *object(chip, Tag::CRYPTOGRAM_INFORMATION)?;
        let [sequence] = *object(chip, Tag::PSN)?;
        Some(Self {
            kind: if message.mti == *b"0200" {
                Kind::Financial
            } else {
                Kind::Authorisation
            },
            name: name(message)?,
            token: message.text(2)?,
            shop: message.text(42)?.trim_end(),
            amount_minor: amount_digits.parse().ok()?,
            amount_digits,
            currency: message.text(49)?,
            entry_mode: message.text(22)?,
            expiry: message.text(14)?,
            atc: input.atc,
            sequence,
            cryptogram: object(chip, Tag::CRYPTOGRAM)?,
            information,
            input,
        })
    }

    /// Whether message and chip data say the same, and the chip asked to go online.
    pub(super) fn agrees(&self) -> bool {
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

/// What the cryptogram covers.
fn covered(chip: &[u8]) -> Option<CryptogramInput<'_>> {
    let [kind] = *object(chip, Tag::TYPE)?;
    Some(CryptogramInput {
        amount: object(chip, Tag::AMOUNT)?,
        amount_other: object(chip, Tag::AMOUNT_OTHER)?,
        country: object(chip, Tag::COUNTRY)?,
        tvr: object(chip, Tag::TVR)?,
        currency: object(chip, Tag::CURRENCY)?,
        date: object(chip, Tag::DATE)?,
        kind,
        unpredictable_number: object(chip, Tag::UNPREDICTABLE_NUMBER)?,
        interchange_profile: object(chip, Tag::AIP)?,
        atc: u16::from_be_bytes(*object(chip, Tag::ATC)?),
        issuer_data: object::<ISSUER_DATA>(chip, Tag::IAD)?,
    })
}

/// The value of the one object with this tag, if it is so long and all can be read.
fn object<const N: usize>(chip: &[u8], tag: Tag) -> Option<&[u8; N]> {
    let mut found = None;
    for object in tlv::Reader::new(chip) {
        let object = object.ok()?;
        if object.tag == tag && found.replace(object.value).is_some() {
            return None;
        }
    }
    found?.try_into().ok()
}
