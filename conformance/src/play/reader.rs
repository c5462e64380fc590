//! A card in a reader, by PC/SC.

use std::ffi::CString;
use std::time::{Duration, Instant};

use pcsc::{Context, Disposition, Protocols, Scope, ShareMode};

use super::{Wrong, link, wrong};

type Said<T> = Result<T, Wrong>;

/// Longest answer of a short command, and room for more than that.
const ANSWER_MAX: usize = 65_538;
/// How long a reader may take to see a card.
const PATIENCE: Duration = Duration::from_secs(3);
/// GET DATA of the chip id: answered by 9F7F 08 and the id.
const CHIP_ID: [u8; 5] = [0x80, 0xCA, 0x9F, 0x7F, 0x00];

/// A card with which this program is alone.
pub(super) struct Card {
    card: pcsc::Card,
    name: String,
}

impl Card {
    /// Waits for a card in the reader. With a chip id, for the chip that has it: readers notice late that a card was changed.
    pub(super) fn find(name: &str, number: Option<&str>) -> Said<Self> {
        let reader = CString::new(name).map_err(|e| wrong("the name of a reader", e))?;
        let context =
            Context::establish(Scope::User).map_err(|e| wrong("PC/SC; is pcscd running?", e))?;
        let began = Instant::now();
        loop {
            let seen = match context.connect(&reader, ShareMode::Exclusive, Protocols::T0) {
                Ok(card) => {
                    let mut found = Self {
                        card,
                        name: name.to_owned(),
                    };
                    let is_wanted = match number {
                        Some(number) => found.is_chip(number),
                        None => true,
                    };
                    if is_wanted {
                        found.power(link::RESET)?;
                        return Ok(found);
                    }
                    "another card".to_owned()
                }
                Err(error) => error.to_string(),
            };
            if began.elapsed() > PATIENCE {
                return Err(wrong(format!("a card in the reader {name:?}"), seen));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The same reader again, after the card was left without power.
    pub(super) fn leave(self) -> Said<Self> {
        let name = self.name;
        self.card
            .disconnect(Disposition::UnpowerCard)
            .map_err(|(_, e)| wrong("a card", e))?;
        Self::find(&name, None)
    }

    fn is_chip(&mut self, number: &str) -> bool {
        let wanted = format!("9f7f08{number}9000");
        self.transmit(&CHIP_ID)
            .is_ok_and(|answer| hex::encode(answer) == wanted)
    }

    pub(super) fn transmit(&mut self, command: &[u8]) -> Said<Vec<u8>> {
        let mut buffer = vec![0; ANSWER_MAX];
        let answer = self.card.transmit(command, &mut buffer);
        answer
            .map(<[u8]>::to_vec)
            .map_err(|e| wrong("an answer by PC/SC", e))
    }

    pub(super) fn power(&mut self, kind: u8) -> Said<()> {
        let how = match kind {
            link::OFF | link::ON => Disposition::UnpowerCard,
            _ => Disposition::ResetCard,
        };
        self.card
            .reconnect(ShareMode::Exclusive, Protocols::T0, how)
            .map_err(|e| wrong("a reset", e))
    }

    pub(super) fn atr(&mut self) -> Said<Vec<u8>> {
        let status = self.card.status2_owned().map_err(|e| wrong("an ATR", e))?;
        Ok(status.atr().to_vec())
    }
}
