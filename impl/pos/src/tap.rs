//! One payment at the shop's terminal. Read [`Pos::handle`] first.

use kaika_apdu::Tag;
use kaika_wire::iso8583::Message;

use crate::chip::{self, Place, Records, Unusable};
use crate::host;

/// A sale, and what names it.
#[derive(Clone, Debug)]
pub struct Sale {
    /// How much, minor units.
    pub amount_minor: u64,
    /// ISO 4217 numeric, three digits.
    pub currency: String,
    /// ISO 3166 numeric, three digits.
    pub country: String,
    /// MMDDhhmmss.
    pub at: String,
    /// YYMMDD.
    pub date: String,
    /// Fresh entropy.
    pub unpredictable_number: [u8; 4],
    /// System trace audit number, six digits.
    pub stan: String,
    /// Retrieval reference number, twelve characters, unique for terminal and shop.
    pub reference: String,
    /// Terminal, at most eight characters.
    pub terminal: String,
    /// Shop, at most fifteen characters.
    pub shop: String,
}

impl Sale {
    /// The value of a data object that the terminal knows.
    pub(crate) fn object(&self, tag: Tag) -> Option<Vec<u8>> {
        let numeric = |digits: String| hex::decode(digits).ok();
        match tag {
            Tag::AMOUNT => numeric(format!("{:012}", self.amount_minor)),
            Tag::AMOUNT_OTHER => Some(vec![0; 6]),
            Tag::COUNTRY => numeric(format!("0{}", self.country)),
            Tag::TVR => Some(vec![0; 5]),
            Tag::CURRENCY => numeric(format!("0{}", self.currency)),
            Tag::DATE => numeric(self.date.clone()),
            Tag::TYPE => Some(vec![0]),
            Tag::UNPREDICTABLE_NUMBER => Some(self.unpredictable_number.to_vec()),
            Tag::TTQ => Some(vec![0x20, 0x00, 0x00, 0x00]),
            _ => None,
        }
    }
}

/// Whatever happens to the terminal.
#[derive(Clone, Debug)]
pub enum Input {
    /// A card is there.
    Start,
    /// The chip answered.
    Chip(Vec<u8>),
    /// The issuer answered.
    Issuer(Vec<u8>),
    /// The issuer did not answer.
    Timeout,
}

/// Whatever the terminal wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Give this command to the chip.
    Chip(Vec<u8>),
    /// Send this message to the issuer, in a frame.
    Issuer(Vec<u8>),
    /// Show this; it is over.
    Show(Outcome),
}

/// How a payment ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The issuer approved.
    Approved {
        /// Authorisation code.
        auth_code: String,
    },
    /// The issuer declined.
    Declined {
        /// Response code.
        code: String,
    },
    /// The chip cannot pay here; the issuer was not asked.
    CardUnusable,
    /// The issuer did not answer in time, and has taken the reversal.
    Reversed,
}

/// One payment.
#[derive(Debug)]
pub struct Pos {
    sale: Sale,
    stage: Stage,
    records: Records,
}

#[derive(Clone, Debug)]
enum Stage {
    Idle,
    Directory,
    Selected { aid: Vec<u8> },
    Options,
    Reading { aip: [u8; 2], left: Vec<Place> },
    Cryptogram { aip: [u8; 2] },
    Asked { request: Message },
    Reversing { request: Message },
    Over,
}

impl Pos {
    /// A new payment.
    pub fn new(sale: Sale) -> Self {
        Self {
            sale,
            stage: Stage::Idle,
            records: Records::default(),
        }
    }

    /// The token that the chip showed, once it did.
    pub fn token(&self) -> Option<&str> {
        self.records.token.as_deref()
    }

    /// Takes one input and says what must be done next.
    pub fn handle(&mut self, input: Input) -> Effect {
        match (core::mem::replace(&mut self.stage, Stage::Over), input) {
            (Stage::Idle, Input::Start) => {
                self.stage = Stage::Directory;
                Effect::Chip(chip::select_directory())
            }
            (Stage::Asked { request }, Input::Issuer(answer)) => self.decided(request, &answer),
            //= spec/75-tap.md#tap-11-a-time-out-is-reversed
            //# The POS MUST reverse a request that was not answered, and repeat the reversal until it is answered.
            (Stage::Asked { .. }, Input::Timeout) => self.reverse(false),
            (Stage::Reversing { request }, Input::Issuer(answer)) => {
                self.reversed(request, &answer)
            }
            (Stage::Reversing { .. }, Input::Timeout) => self.reverse(true),
            (stage, Input::Chip(response)) => self
                .chip(stage, &response)
                .unwrap_or(Effect::Show(Outcome::CardUnusable)),
            _ => Effect::Show(Outcome::CardUnusable),
        }
    }

    fn chip(&mut self, stage: Stage, response: &[u8]) -> Result<Effect, Unusable> {
        let data = chip::good(response)?;
        match stage {
            Stage::Directory => {
                let aid = chip::best_aid(data)?;
                let command = chip::select(&aid);
                self.stage = Stage::Selected { aid };
                Ok(Effect::Chip(command))
            }
            Stage::Selected { aid } => {
                let command = chip::options(&chip::pdol(data, &aid)?, &self.sale)?;
                self.stage = Stage::Options;
                Ok(Effect::Chip(command))
            }
            Stage::Options => {
                let (aip, left) = chip::profile(data)?;
                self.read_next(aip, left)
            }
            Stage::Reading { aip, left } => {
                self.records.add(data)?;
                self.read_next(aip, left)
            }
            Stage::Cryptogram { aip } => self.ask(aip, data),
            Stage::Idle | Stage::Asked { .. } | Stage::Reversing { .. } | Stage::Over => {
                Err(Unusable)
            }
        }
    }

    fn read_next(&mut self, aip: [u8; 2], mut left: Vec<Place>) -> Result<Effect, Unusable> {
        if left.is_empty() {
            let cdol1 = self.records.cdol1.as_deref().ok_or(Unusable)?;
            let command = chip::generate(cdol1, &self.sale)?;
            self.stage = Stage::Cryptogram { aip };
            return Ok(Effect::Chip(command));
        }
        let place = left.remove(0);
        self.stage = Stage::Reading { aip, left };
        Ok(Effect::Chip(chip::read_record(place)))
    }

    fn ask(&mut self, aip: [u8; 2], data: &[u8]) -> Result<Effect, Unusable> {
        let mut objects = chip::cryptogram(data)?;
        // A chip that declines by itself is not asked about.
        let requests = objects
            .iter()
            .any(|(tag, value)| *tag == Tag::CRYPTOGRAM_INFORMATION && value.as_slice() == [0x80]);
        if !requests {
            return Err(Unusable);
        }
        objects.push((Tag::AIP, aip.to_vec()));
        let request = host::authorisation(&self.sale, &self.records, &objects).ok_or(Unusable)?;
        let bytes = request.encode().map_err(|_| Unusable)?;
        self.stage = Stage::Asked { request };
        Ok(Effect::Issuer(bytes))
    }

    fn decided(&mut self, request: Message, answer: &[u8]) -> Effect {
        //= spec/75-tap.md#tap-10-the-issuer-decides
        //# The POS MUST NOT approve a payment that the issuer did not approve.
        match host::response_code(answer, &request) {
            Ok((code, auth_code)) if code == "00" => Effect::Show(Outcome::Approved {
                auth_code: auth_code.unwrap_or_default(),
            }),
            Ok((code, _)) => Effect::Show(Outcome::Declined { code }),
            // Not an answer to what was asked: nobody knows what the issuer did.
            Err(_) => self.reverse(false),
        }
    }

    fn reverse(&mut self, again: bool) -> Effect {
        let request = host::reversal(&self.sale, &self.records, again);
        let bytes = request.as_ref().and_then(|request| request.encode().ok());
        match (request, bytes) {
            (Some(request), Some(bytes)) => {
                self.stage = Stage::Reversing { request };
                Effect::Issuer(bytes)
            }
            _ => Effect::Show(Outcome::CardUnusable),
        }
    }

    fn reversed(&mut self, request: Message, answer: &[u8]) -> Effect {
        match host::response_code(answer, &request) {
            Ok((code, _)) if code == "00" => Effect::Show(Outcome::Reversed),
            _ => self.reverse(true),
        }
    }
}

#[cfg(test)]
mod tests;
