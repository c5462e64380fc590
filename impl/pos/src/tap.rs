//! One payment at the shop's terminal. Read [`Pos::handle`] first.

use kaika_apdu::Tag;
use kaika_spec::Weakness;
use kaika_weakness::lacks;
use kaika_wire::iso8583::Message;

use crate::chip::{self, Place, Records, Unusable};
use crate::host;
use crate::reversal::Reversal;

/// What the issuer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 0100: the amount is held for the shop.
    Authorisation,
    /// 0200: the shop is paid.
    Financial,
}

/// A sale, and what names it.
#[derive(Clone, Debug)]
pub struct Sale {
    /// What the issuer is asked for.
    pub kind: Kind,
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
    /// The card is not there any more.
    CardGone,
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
    /// Store `reversal` durably, then send `request` to the issuer. Until the end is shown, `reversal` stays stored.
    Ask {
        /// The request, without its length.
        request: Vec<u8>,
        /// What undoes it: [`Reversal::restored`] takes it up again.
        reversal: Vec<u8>,
    },
    /// Send this reversal to the issuer.
    Reverse(Vec<u8>),
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
    /// What the issuer decided is not known or not proven, and it has taken the reversal.
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
    Selected {
        aid: Vec<u8>,
    },
    Options,
    Reading {
        aip: [u8; 2],
        left: Vec<Place>,
    },
    Cryptogram {
        aip: [u8; 2],
    },
    Asked {
        aip: [u8; 2],
        request: Message,
        reversal: Reversal,
    },
    /// The issuer approved; the chip is asked whether it was the issuer.
    Proving {
        auth_code: String,
        reversal: Reversal,
    },
    Reversing {
        reversal: Reversal,
    },
    Over,
}

/// Interchange profile, byte 1: issuer authentication is supported.
const ISSUER_AUTHENTICATION: u8 = 0x04;

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
            (
                Stage::Asked {
                    aip,
                    request,
                    reversal,
                },
                Input::Issuer(answer),
            ) => self.decided(aip, &request, reversal, &answer),
            //= spec/75-tap.md#tap-11-a-time-out-is-reversed
            //# The POS MUST reverse a request that was not answered, and repeat the reversal until it is answered.
            (Stage::Asked { .. }, _) if lacks(Weakness::OfflineApprove) => {
                let auth_code = "000000".to_owned();
                Effect::Show(Outcome::Approved { auth_code })
            }
            (Stage::Asked { reversal, .. }, _) => self.reverse(reversal),
            (
                Stage::Proving {
                    auth_code,
                    reversal,
                },
                input,
            ) => self.proven(auth_code, reversal, &input),
            (Stage::Reversing { reversal }, Input::Issuer(answer))
                if reversal.is_settled(&answer) =>
            {
                Effect::Show(Outcome::Reversed)
            }
            (Stage::Reversing { .. }, _) if lacks(Weakness::ReversalOnce) => {
                Effect::Show(Outcome::Reversed)
            }
            (Stage::Reversing { reversal }, _) => self.reverse_again(reversal),
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
            Stage::Idle
            | Stage::Asked { .. }
            | Stage::Proving { .. }
            | Stage::Reversing { .. }
            | Stage::Over => Err(Unusable),
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
        let request = host::request(&self.sale, &self.records, &objects).ok_or(Unusable)?;
        let reversal = Reversal::of(&request).ok_or(Unusable)?;
        let effect = Effect::Ask {
            request: request.encode().map_err(|_| Unusable)?,
            reversal: reversal.first(),
        };
        self.stage = Stage::Asked {
            aip,
            request,
            reversal,
        };
        Ok(effect)
    }

    fn decided(
        &mut self,
        aip: [u8; 2],
        request: &Message,
        reversal: Reversal,
        answer: &[u8],
    ) -> Effect {
        //= spec/75-tap.md#tap-10-the-issuer-decides
        //# The POS MUST NOT approve a payment that the issuer did not approve.
        match host::decision(answer, request) {
            Ok(decision) if decision.code == "00" => {
                self.approved(aip, reversal, decision.auth_code, decision.proof)
            }
            Ok(decision) => Effect::Show(Outcome::Declined {
                code: decision.code,
            }),
            // Not an answer to what was asked: nobody knows what the issuer did.
            Err(_) => self.reverse(reversal),
        }
    }

    fn approved(
        &mut self,
        aip: [u8; 2],
        reversal: Reversal,
        auth_code: String,
        proof: Option<Vec<u8>>,
    ) -> Effect {
        let [profile, _] = aip;
        if profile & ISSUER_AUTHENTICATION == 0 {
            return Effect::Show(Outcome::Approved { auth_code });
        }
        //= spec/75-tap.md#tap-19-the-chip-hears-the-issuer
        //# The POS MUST reverse an approval whose response cryptogram is missing, or refused by the chip, when the chip's interchange
        //# profile supports issuer authentication.
        match proof {
            Some(proof) => {
                self.stage = Stage::Proving {
                    auth_code,
                    reversal,
                };
                Effect::Chip(chip::external_authenticate(&proof))
            }
            None => self.reverse(reversal),
        }
    }

    /// What the chip thinks of the proof. A card that has left thinks nothing, and the issuer has decided.
    fn proven(&mut self, auth_code: String, reversal: Reversal, input: &Input) -> Effect {
        let holds = match input {
            Input::Chip(response) => chip::good(response).is_ok(),
            Input::CardGone => true,
            Input::Start | Input::Issuer(_) | Input::Timeout => false,
        };
        if holds {
            Effect::Show(Outcome::Approved { auth_code })
        } else {
            self.reverse(reversal)
        }
    }

    fn reverse(&mut self, reversal: Reversal) -> Effect {
        let message = reversal.first();
        self.stage = Stage::Reversing { reversal };
        Effect::Reverse(message)
    }

    fn reverse_again(&mut self, reversal: Reversal) -> Effect {
        let message = reversal.again();
        self.stage = Stage::Reversing { reversal };
        Effect::Reverse(message)
    }
}

#[cfg(test)]
mod tests;
