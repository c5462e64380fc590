//! The card that the runner holds at a shop's terminal: enough of `spec/85-apdu.md` for one payment, and what may be wrong
//! with it. Its cryptogram is any eight bytes, since the runner is the issuer too.

use crate::codec::tlv;

const PPSE: &[u8] = b"2PAY.SYS.DDF01";
const AID: [u8; 8] = [0xF0, 0x4B, 0x41, 0x49, 0x4B, 0x41, 0x01, 0x01];
/// What the card wants in GET PROCESSING OPTIONS: amount, currency, country, date, unpredictable number.
const PDOL: [u8; 14] = [
    0x9F, 0x02, 6, 0x5F, 0x2A, 2, 0x9F, 0x1A, 2, 0x9A, 3, 0x9F, 0x37, 4,
];
/// What it wants in GENERATE AC: the same, cashback, results and type.
const CDOL: [u8; 21] = [
    0x9F, 0x02, 6, 0x9F, 0x03, 6, 0x9F, 0x1A, 2, 0x95, 5, 0x5F, 0x2A, 2, 0x9A, 3, 0x9C, 1, 0x9F,
    0x37, 4,
];

/// What is wrong with a card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// It has no directory.
    NoDirectory,
    /// Its directory names an application that it has not.
    NoApplication,
    /// Its token does not pay.
    Suspended,
    /// A record has one object twice.
    Twice,
    /// It does not say what it wants to sign.
    NoList,
    /// It leaves the field before the cryptogram.
    Gone,
}

/// What the card thinks of the issuer's proof.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proof {
    /// It is taken.
    #[default]
    Taken,
    /// It is refused.
    Refused,
    /// The card has left.
    Gone,
}

/// A card.
#[derive(Clone, Debug)]
pub struct SoftCard {
    /// Interchange profile.
    pub profile: [u8; 2],
    /// Cryptogram information: `80` asks the issuer.
    pub kind: u8,
    /// What is wrong with it.
    pub fault: Fault,
    /// What it thinks of a proof.
    pub proof: Proof,
    /// Token number, digits.
    pub token: String,
    /// Application cryptogram.
    pub cryptogram: [u8; 8],
    /// Transaction counter.
    pub counter: [u8; 2],
}

/// Issuer application data: CVN 18, the token's key version, a verdict without PIN.
pub const ISSUER_DATA: [u8; 7] = [0x06, 0x01, 0x12, 0x03, 0xA0, 0x00, 0x00];
/// YYMMDD.
pub const EXPIRY: [u8; 3] = [0x31, 0x11, 0x30];

/// An answer; nothing when the card is gone.
type Answer = Option<Vec<u8>>;

fn good(data: &[u8]) -> Answer {
    Some([data, &[0x90, 0x00]].concat())
}

fn status(word: u16) -> Answer {
    Some(word.to_be_bytes().to_vec())
}

impl SoftCard {
    /// Answers a command.
    pub fn answer(&self, command: &[u8]) -> Answer {
        let Some((&header, body)) = command.split_first_chunk::<4>() else {
            return status(0x6700);
        };
        let data = body.split_first().and_then(|(&length, rest)| {
            rest.get(..usize::from(length))
                .filter(|_| rest.len() >= usize::from(length))
        });
        let data = data.unwrap_or_default();
        match header {
            [0x00, 0xA4, 0x04, 0x00] => self.select(data),
            [0x80, 0xA8, 0x00, 0x00] => self.options(data),
            [0x00, 0xB2, 0x01, 0x0C] => good(&self.record()),
            [0x80, 0xAE, 0x80, 0x00] => self.generate(data),
            [0x00, 0x82, 0x00, 0x00] => self.authenticate(),
            _ => status(0x6D00),
        }
    }

    fn select(&self, name: &[u8]) -> Answer {
        match name {
            _ if name == PPSE && self.fault != Fault::NoDirectory => {
                let entry = tlv(&[0x61], &[tlv(&[0x4F], &AID), tlv(&[0x87], &[1])].concat());
                let proprietary = tlv(&[0xA5], &tlv(&[0xBF, 0x0C], &entry));
                good(&tlv(&[0x6F], &[tlv(&[0x84], PPSE), proprietary].concat()))
            }
            _ if name == AID && self.fault != Fault::NoApplication => {
                let proprietary = [tlv(&[0x50], b"KAIKA"), tlv(&[0x9F, 0x38], &PDOL)].concat();
                let proprietary = tlv(&[0xA5], &proprietary);
                good(&tlv(&[0x6F], &[tlv(&[0x84], &AID), proprietary].concat()))
            }
            _ => status(0x6A82),
        }
    }

    fn options(&self, data: &[u8]) -> Answer {
        if self.fault == Fault::Suspended {
            return status(0x6985);
        }
        // 83, 17, and as many bytes as the list asks for.
        if data.len() != 19 || !data.starts_with(&[0x83, 17]) {
            return status(0x6A80);
        }
        let objects = [tlv(&[0x82], &self.profile), tlv(&[0x94], &[0x08, 1, 1, 0])];
        good(&tlv(&[0x77], &objects.concat()))
    }

    fn record(&self) -> Vec<u8> {
        let token = hex::decode(&self.token).unwrap_or_default();
        let mut objects = vec![
            tlv(&[0x5A], &token),
            tlv(&[0x5F, 0x24], &EXPIRY),
            tlv(&[0x5F, 0x34], &[1]),
            tlv(&[0x5F, 0x28], &[0x01, 0x56]),
            tlv(&[0x9F, 0x07], &[0xFF, 0x00]),
        ];
        match self.fault {
            Fault::Twice => objects.push(tlv(&[0x5A], &[0x62; 8])),
            Fault::NoList => return tlv(&[0x70], &objects.concat()),
            _ => {}
        }
        objects.extend([tlv(&[0x8C], &CDOL), tlv(&[0x8D], &[0x8A, 2])]);
        tlv(&[0x70], &objects.concat())
    }

    fn generate(&self, data: &[u8]) -> Answer {
        match self.fault {
            Fault::Gone => return None,
            // Whoever asks without knowing what the card wants is not a terminal.
            _ if data.len() != 29 => return status(0x6700),
            _ => {}
        }
        let objects = [
            tlv(&[0x9F, 0x27], &[self.kind]),
            tlv(&[0x9F, 0x36], &self.counter),
            tlv(&[0x9F, 0x26], &self.cryptogram),
            tlv(&[0x9F, 0x10], &ISSUER_DATA),
        ];
        good(&tlv(&[0x77], &objects.concat()))
    }

    fn authenticate(&self) -> Answer {
        match self.proof {
            Proof::Taken => status(0x9000),
            Proof::Refused => status(0x6300),
            Proof::Gone => None,
        }
    }
}
