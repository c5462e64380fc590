//! The chip that the runner plays before an issuer: as much of `spec/85-apdu.md` as personalisation and a tap need.

use crate::codec::{find, tlv};
use crate::crypto::channel::{Channel, ChipKeys, DOMAIN, card_challenge, evidence, receipt};
use crate::crypto::{cbc_decrypt, emv, emv10};

/// What the chip does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Its cryptogram is off by one bit.
    Cryptogram,
    /// Its receipt is off by one bit.
    Receipt,
    /// It has no receipt to show.
    NoReceipt,
    /// It answers INITIALIZE UPDATE as it did the last time.
    Replayed,
    /// It answers INITIALIZE UPDATE with the number of another chip.
    Named,
    /// It answers INITIALIZE UPDATE with one byte too many.
    Long,
    /// Its first answer ends in a status that is no good one.
    Status,
    /// Its last answer does not arrive.
    Short,
}

/// What is wrong with a tap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TapFault {
    /// Nothing.
    #[default]
    None,
    /// Its cryptogram is off by one bit.
    Cryptogram,
    /// The chip says that it approved by itself.
    Kind,
    /// Its verdict, which the cryptogram covers, is another one.
    Verdict,
}

/// A sale as the chip sees it.
#[derive(Clone, Debug)]
pub struct Sale<'a> {
    /// Minor units.
    pub amount: u64,
    /// ISO 4217 numeric.
    pub currency: &'a str,
    /// Unpredictable number.
    pub unpredictable: &'a [u8],
    /// How far the counter is behind the next one.
    pub behind: u16,
    /// How far it is ahead of it.
    pub ahead: u16,
    /// What is wrong.
    pub fault: TapFault,
    /// The object that is left out of field 55.
    pub without: &'a [u8],
}

/// A chip with one slot.
#[derive(Clone, Debug)]
pub struct SoftChip {
    keys: ChipKeys,
    se_id: Vec<u8>,
    sequence: [u8; 3],
    channel: Option<Channel>,
    blocks: Vec<u8>,
    token: Option<Token>,
    receipts: Vec<u8>,
    counter: u16,
    updated: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Token {
    number: String,
    expiry: String,
    udk: [u8; 16],
    receipt: Vec<u8>,
}

/// What a tap gives to the POS.
#[derive(Clone, Debug)]
pub struct Tap {
    /// Token number.
    pub token: String,
    /// YYMM.
    pub expiry: String,
    /// Field 55.
    pub chip_data: Vec<u8>,
    /// Field 55 of the answer of an issuer that approves.
    pub approval: Vec<u8>,
    /// Field 55 of the answer of an issuer that declines although the cryptogram holds.
    pub decline: Vec<u8>,
}

impl SoftChip {
    /// A chip from the factory.
    pub fn new(kmc: &[u8; 16], se_id: &[u8]) -> Self {
        let keys = ChipKeys::of(kmc, se_id);
        Self {
            keys,
            se_id: se_id.to_vec(),
            sequence: [0; 3],
            channel: None,
            blocks: Vec::new(),
            token: None,
            receipts: Vec::new(),
            counter: 0,
            updated: Vec::new(),
        }
    }

    /// Answers commands one by one.
    pub fn answer_all(&mut self, commands: &[Vec<u8>], fault: Fault) -> Vec<Vec<u8>> {
        let mut answers: Vec<Vec<u8>> = commands
            .iter()
            .map(|command| self.answer(command, fault))
            .collect();
        match (fault, answers.first_mut()) {
            (Fault::Status, Some(first)) => *first = vec![0x69, 0x85],
            (Fault::Short, Some(_)) => drop(answers.pop()),
            _ => {}
        }
        answers
    }

    /// Answers a command.
    pub fn answer(&mut self, command: &[u8], fault: Fault) -> Vec<u8> {
        let Some((&header, body)) = command.split_first_chunk::<4>() else {
            return vec![0x67, 0x00];
        };
        let data = match body.split_first() {
            Some((&length, rest)) => rest.get(..usize::from(length)).unwrap_or_default().to_vec(),
            None => Vec::new(),
        };
        match header {
            [0x00, 0xA4, ..] => {
                self.channel = None;
                [&tlv(&[0x6F], &tlv(&[0x84], &DOMAIN))[..], &[0x90, 0]].concat()
            }
            [0x80, 0xCA, 0xDF, 0x21] if self.receipts.is_empty() => vec![0x6A, 0x88],
            [0x80, 0xCA, 0xDF, 0x21] => {
                let mut receipts = self.receipts.clone();
                if let (Fault::Receipt, Some(byte)) = (fault, receipts.last_mut()) {
                    *byte ^= 1;
                }
                [&tlv(&[0xDF, 0x21], &receipts)[..], &[0x90, 0]].concat()
            }
            [0x80, 0x50, ..] if fault == Fault::Replayed => self.updated.clone(),
            [0x80, 0x50, ..] => {
                self.updated = self.initialize(&data, fault);
                self.updated.clone()
            }
            [0x84, 0x82, level, _] => self.authenticate(level, &data),
            [0x84, ..] => self.secured(header, &data, fault),
            _ => vec![0x6D, 0x00],
        }
    }

    /// Signs a digest: kind 1 is a consent, any other a payment.
    pub fn evidence(&self, kind: u8, digest: &[u8]) -> Vec<u8> {
        let label = match kind {
            1 => "kaika/consent/1",
            _ => "kaika/payment/1",
        };
        let made = evidence(&self.keys.receipt, label, &self.se_id, digest);
        [&made[..], &[0x90, 0x00]].concat()
    }

    fn initialize(&mut self, host: &[u8], fault: Fault) -> Vec<u8> {
        let next = u32::from_be_bytes([0, self.sequence[0], self.sequence[1], self.sequence[2]])
            .wrapping_add(1);
        let [_, a, b, c] = next.to_be_bytes();
        self.sequence = [a, b, c];
        let challenge = card_challenge(&self.keys.enc, self.sequence);
        let channel = Channel::new(&self.keys, host, &challenge);
        let mut cryptogram = channel.card_cryptogram;
        if fault == Fault::Cryptogram {
            cryptogram[0] ^= 1;
        }
        self.channel = Some(channel);
        let more: &[u8] = if fault == Fault::Long { &[0] } else { &[] };
        let mut name = self.se_id.clone();
        if let (Fault::Named, Some(byte)) = (fault, name.last_mut()) {
            *byte ^= 1;
        }
        [
            &[0, 0],
            &name[..],
            &[0x30, 0x03, 0x70],
            &challenge,
            &cryptogram,
            &self.sequence,
            more,
            &[0x90, 0],
        ]
        .concat()
    }

    fn authenticate(&mut self, level: u8, data: &[u8]) -> Vec<u8> {
        let Some(channel) = &mut self.channel else {
            return vec![0x69, 0x85];
        };
        match channel.accept(level, data) {
            Ok(()) => channel
                .answer(&[], 0x9000)
                .split_off(if level & 0x30 == 0x30 { 8 } else { 0 }),
            Err(status) => status.to_be_bytes().to_vec(),
        }
    }

    fn secured(&mut self, header: [u8; 4], body: &[u8], fault: Fault) -> Vec<u8> {
        let Some(mut channel) = self.channel.take() else {
            return vec![0x69, 0x82];
        };
        let Some(plain) = channel.open(header, body) else {
            return vec![0x69, 0x82];
        };
        let (data, status) = match header {
            [_, 0xE2, kind, _] => (Vec::new(), self.store(kind, &plain)),
            [_, 0xF0, 0x40, 0x0F] => self.commit(fault),
            _ => (Vec::new(), 0x6D00),
        };
        let answer = channel.answer(&data, status);
        self.channel = Some(channel);
        answer
    }

    fn store(&mut self, kind: u8, plain: &[u8]) -> u16 {
        self.blocks.extend_from_slice(plain);
        if kind & 0x80 == 0 {
            return 0x9000;
        }
        let blocks = std::mem::take(&mut self.blocks);
        match self.staged(&blocks) {
            Some(token) => {
                self.token = Some(token);
                0x9000
            }
            None => 0x6A80,
        }
    }

    fn staged(&self, blocks: &[u8]) -> Option<Token> {
        let template = find(blocks, &[0xE1])?;
        let field = |tag: &[u8]| find(&template, tag);
        let sealed = field(&[0xDF, 0x31])?;
        let udk: [u8; 16] = cbc_decrypt(&self.keys.dek, [0; 16], &sealed)?
            .try_into()
            .ok()?;
        let mut clear = Vec::new();
        for (tag, value) in crate::codec::elements(&template)? {
            let value = if tag == [0xDF, 0x31] {
                udk.to_vec()
            } else {
                value
            };
            clear.extend(tlv(&tag, &value));
        }
        let (reference, context) = (field(&[0xDF, 0x22])?, field(&[0xDF, 0x35])?);
        let version = field(&[0xDF, 0x33])?.first().copied()?;
        let made = receipt(
            &self.keys.receipt,
            &self.se_id,
            &reference,
            &context,
            version,
            &clear,
        );
        let listed = [tlv(&[0xDF, 0x22], &reference), tlv(&[0xDF, 0x23], &made)].concat();
        let expiry = hex::encode(field(&[0x5F, 0x24])?).get(..4)?.to_owned();
        Some(Token {
            number: hex::encode(field(&[0x5A])?),
            expiry,
            udk,
            receipt: listed,
        })
    }

    fn commit(&mut self, fault: Fault) -> (Vec<u8>, u16) {
        let Some(token) = &self.token else {
            return (Vec::new(), 0x6A88);
        };
        self.receipts.clone_from(&token.receipt);
        if fault == Fault::NoReceipt {
            return (Vec::new(), 0x9000);
        }
        let mut made = find(&token.receipt, &[0xDF, 0x23]).unwrap_or_default();
        if let (Fault::Receipt, Some(byte)) = (fault, made.first_mut()) {
            *byte ^= 1;
        }
        (tlv(&[0xDF, 0x23], &made), 0x9000)
    }

    /// Pays with a token that nobody minted.
    pub fn stray(&mut self, amount: u64, currency: &str) -> Option<Tap> {
        self.token = Some(Token {
            number: String::new(),
            expiry: String::new(),
            udk: [1; 16],
            receipt: Vec::new(),
        });
        self.tap(&Sale {
            amount,
            currency,
            unpredictable: &[0; 4],
            behind: 0,
            ahead: 0,
            fault: TapFault::None,
            without: &[],
        })
    }

    /// Pays.
    pub fn tap(&mut self, sale: &Sale<'_>) -> Option<Tap> {
        let token = self.token.clone()?;
        let next = self.counter.checked_add(1)?.checked_add(sale.ahead)?;
        let counter = next.checked_sub(sale.behind)?;
        self.counter = self.counter.max(counter);
        let amount = hex::decode(format!("{:012}", sale.amount)).ok()?;
        let currency = hex::decode(format!("{:0>4}", sale.currency)).ok()?;
        let verdict = if sale.fault == TapFault::Verdict {
            0x25
        } else {
            0xA0
        };
        let issuer_data = [0x06, 0x01, 0x12, 0x03, verdict, 0x00, 0x00];
        let counter_bytes = counter.to_be_bytes();
        let parts: [(&[u8], &[u8]); 11] = [
            (&[0x9F, 0x02], &amount),
            (&[0x9F, 0x03], &[0; 6]),
            (&[0x9F, 0x1A], &[0x01, 0x56]),
            (&[0x95], &[0; 5]),
            (&[0x5F, 0x2A], &currency),
            (&[0x9A], &[0x30, 0x01, 0x01]),
            (&[0x9C], &[0x00]),
            (&[0x9F, 0x37], sale.unpredictable),
            (&[0x82], &[0x1C, 0x00]),
            (&[0x9F, 0x36], &counter_bytes),
            (&[0x9F, 0x10], &issuer_data),
        ];
        let signed = parts.map(|(_, value)| value).concat();
        let mut cryptogram = emv::cryptogram(&token.udk, counter, &signed);
        if let (TapFault::Cryptogram, Some(byte)) = (sale.fault, cryptogram.first_mut()) {
            *byte ^= 1;
        }
        let proof = |update: [u8; 4]| {
            tlv(
                &[0x91],
                &emv10::proof_18(&token.udk, counter, &cryptogram, &update),
            )
        };
        let (approval, decline) = (proof([0, 0x80, 0, 0]), proof([0; 4]));
        let kind = if sale.fault == TapFault::Kind {
            0x40
        } else {
            0x80
        };
        let last: [(&[u8], &[u8]); 3] = [
            (&[0x9F, 0x26], &cryptogram),
            (&[0x9F, 0x27], &[kind]),
            (&[0x5F, 0x34], &[0x01]),
        ];
        let chip_data = parts
            .iter()
            .chain(&last)
            .filter(|(tag, _)| *tag != sale.without)
            .flat_map(|(tag, value)| tlv(tag, value))
            .collect();
        Some(Tap {
            token: token.number,
            expiry: token.expiry,
            chip_data,
            approval,
            decline,
        })
    }
}
