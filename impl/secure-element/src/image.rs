//! The non-volatile content of a chip, as a value and as bytes.

use kaika_spec::limit::SLOTS;

/// Bytes of one slot.
const SLOT_LEN: usize = 100;
/// Bytes of an image, a multiple of four.
pub const IMAGE_LEN: usize = 8 + SLOTS * SLOT_LEN;

/// Everything that survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Sequence counter of the secure channel.
    pub sequence: u32,
    /// Failed openings in a row.
    pub failures: u8,
    /// Token slots.
    pub slots: [Slot; SLOTS],
}

/// The life of a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Holds nothing.
    #[default]
    Empty,
    /// Holds a token that was not committed.
    Staged,
    /// Pays.
    Active,
    /// Does not pay for now.
    Suspended,
    /// Held a token; its keys are gone.
    Deleted,
}

/// One token slot.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Slot {
    /// Its life.
    pub state: State,
    /// Reference of its token.
    pub token_ref: [u8; 16],
    /// The token, BCD.
    pub digits: [u8; 8],
    /// Expiry, BCD YYMMDD.
    pub expiry: [u8; 3],
    /// PAN sequence number.
    pub psn: u8,
    /// Version of the token data.
    pub version: u8,
    /// Token key.
    pub key: [u8; 16],
    /// Context of the card request.
    pub request_context: [u8; 32],
    /// Receipt.
    pub receipt: [u8; 16],
    /// Application transaction counter.
    pub atc: u16,
    /// The counter of the last payment that ended online.
    pub last_online_atc: u16,
    /// Cryptograms given for the present counter: bit 0 the first, bit 1 the second.
    pub given: u8,
}

impl core::fmt::Debug for Slot {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Slot({:?}, atc {})", self.state, self.atc)
    }
}

impl State {
    const fn byte(self) -> u8 {
        match self {
            Self::Empty => 0,
            Self::Staged => 1,
            Self::Active => 2,
            Self::Suspended => 3,
            Self::Deleted => 4,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Empty,
            1 => Self::Staged,
            2 => Self::Active,
            3 => Self::Suspended,
            4 => Self::Deleted,
            _ => return None,
        })
    }
}

impl Slot {
    /// The same slot after its token was deleted: the reference stays, keys and data go.
    pub fn wiped(&self) -> Self {
        Self {
            state: State::Deleted,
            token_ref: self.token_ref,
            ..Self::default()
        }
    }

    fn parts(&self) -> impl Iterator<Item = u8> {
        let [atc, last] = [self.atc.to_be_bytes(), self.last_online_atc.to_be_bytes()];
        core::iter::once(self.state.byte())
            .chain(self.token_ref)
            .chain(self.digits)
            .chain(self.expiry)
            .chain([self.psn, self.version])
            .chain(self.key)
            .chain(self.request_context)
            .chain(self.receipt)
            .chain(atc)
            .chain(last)
            .chain([self.given])
    }

    fn read(from: &mut Bytes<'_>) -> Option<Self> {
        let [state] = from.take()?;
        Some(Self {
            state: State::from_byte(state)?,
            token_ref: from.take()?,
            digits: from.take()?,
            expiry: from.take()?,
            psn: u8::from_be_bytes(from.take()?),
            version: u8::from_be_bytes(from.take()?),
            key: from.take()?,
            request_context: from.take()?,
            receipt: from.take()?,
            atc: u16::from_be_bytes(from.take()?),
            last_online_atc: u16::from_be_bytes(from.take()?),
            given: u8::from_be_bytes(from.take()?),
        })
    }
}

impl Image {
    /// Whether a token is deleted here whose key an older image still has. One that is not whole may have it.
    pub(crate) fn lacks_keys_of(&self, older: Option<Self>) -> bool {
        let is_deleted = |slot: &&Slot| slot.state == State::Deleted;
        match older {
            None => self.slots.iter().any(|slot| is_deleted(&slot)),
            Some(older) => self
                .slots
                .iter()
                .zip(&older.slots)
                .any(|(slot, held)| is_deleted(&slot) && held.key != [0; 16]),
        }
    }

    /// As bytes.
    pub fn encode(&self) -> [u8; IMAGE_LEN] {
        let mut bytes = [0; IMAGE_LEN];
        let head = self
            .sequence
            .to_be_bytes()
            .into_iter()
            .chain([self.failures, 0, 0, 0]);
        let slots = self
            .slots
            .iter()
            .flat_map(|slot| slot.parts().chain(core::iter::repeat(0)).take(SLOT_LEN));
        for (byte, from) in bytes.iter_mut().zip(head.chain(slots)) {
            *byte = from;
        }
        bytes
    }

    /// From bytes; `None` when they are not an image.
    pub fn decode(bytes: &[u8; IMAGE_LEN]) -> Option<Self> {
        let mut head = Bytes(bytes);
        let mut image = Self {
            sequence: u32::from_be_bytes(head.take()?),
            failures: u8::from_be_bytes(head.take()?),
            slots: [Slot::default(); SLOTS],
        };
        let places = bytes.get(8..)?.chunks_exact(SLOT_LEN);
        for (slot, place) in image.slots.iter_mut().zip(places) {
            *slot = Slot::read(&mut Bytes(place))?;
        }
        Some(image)
    }
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }
}
