//! The way to a chip: frames over TCP, or a reader of PC/SC.

use super::Wrong;
use super::frames::Wire;

type Said<T> = Result<T, Wrong>;

/// Power off, power on, reset.
pub(super) const OFF: u8 = 0;
pub(super) const ON: u8 = 1;
pub(super) const RESET: u8 = 2;
const GIVE_ATR: u8 = 4;

/// A chip that commands reach.
pub(super) enum Link {
    /// Frames as in `spec/85-apdu.md`, *Transport*, and where they go.
    Tcp(Wire),
    /// A card in a reader.
    #[cfg(feature = "pcsc")]
    Reader(super::reader::Card),
}

impl Link {
    /// One command and its answer.
    pub(super) fn transmit(&mut self, command: &[u8]) -> Said<Vec<u8>> {
        match self {
            Self::Tcp(wire) => {
                wire.quiet()?;
                wire.say(command)?;
                wire.hear()
            }
            #[cfg(feature = "pcsc")]
            Self::Reader(card) => card.transmit(command),
        }
    }

    /// Nothing is there that was not asked for.
    pub(super) fn quiet(&self) -> Said<()> {
        match self {
            Self::Tcp(wire) => wire.quiet(),
            #[cfg(feature = "pcsc")]
            Self::Reader(_) => Ok(()),
        }
    }

    /// Power off, on, or a reset.
    pub(super) fn power(&mut self, kind: u8) -> Said<()> {
        match self {
            Self::Tcp(wire) => wire.say(&[kind]),
            #[cfg(feature = "pcsc")]
            Self::Reader(card) => card.power(kind),
        }
    }

    /// The answer to reset, of a chip that was reset or not.
    pub(super) fn atr(&mut self) -> Said<Vec<u8>> {
        match self {
            Self::Tcp(wire) => {
                wire.quiet()?;
                wire.say(&[GIVE_ATR])?;
                wire.hear()
            }
            #[cfg(feature = "pcsc")]
            Self::Reader(card) => card.atr(),
        }
    }
}
