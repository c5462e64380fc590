//! The non-volatile content of a chip: as a value, and as the records that are written one at a time.

use kaika_spec::limit::SLOTS;

/// Longest payload of a record, a multiple of four.
pub const PAYLOAD_MAX: usize = 104;
/// Payload of the records of the channel's and the slots' counters.
const SHORT_LEN: usize = 8;

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

/// How a token's cryptograms are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// CVN 18: session keys, all of the issuer application data.
    #[default]
    Eighteen,
    /// CVN 10: the token key itself, the card verification results.
    Ten,
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
    /// How its cryptograms are made.
    pub cryptogram: Version,
    /// Token key.
    pub key: [u8; 16],
    /// Context of the card request.
    pub request_context: [u8; 32],
    /// Receipt.
    pub receipt: [u8; 16],
    /// Reference PIN block of format 2; zeros when there is no PIN.
    pub pin: [u8; 8],
    /// Application transaction counter.
    pub atc: u16,
    /// The counter of the last payment that ended online.
    pub last_online_atc: u16,
    /// Cryptograms given for the present counter: bit 0 the first, bit 1 the second.
    pub given: u8,
    /// Wrong PINs in a row.
    pub pin_failures: u8,
}

impl core::fmt::Debug for Slot {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Slot({:?}, atc {})", self.state, self.atc)
    }
}

/// What is written in one piece. Nothing that the chip does changes two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// Sequence counter and failed openings.
    Channel {
        /// See [`Image::sequence`].
        sequence: u32,
        /// See [`Image::failures`].
        failures: u8,
    },
    /// The token of this slot, all but its counters.
    Token(usize, Slot),
    /// The counters of this slot: transactions, cryptograms, wrong PINs.
    Counters(usize, Slot),
}

/// How many records there are.
pub const RECORDS: usize = 1 + 2 * SLOTS;

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

impl Version {
    /// As in DF37 and in the issuer application data.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Eighteen => 0x12,
            Self::Ten => 0x0a,
        }
    }

    /// The version with this byte.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0x12 => Self::Eighteen,
            0x0a => Self::Ten,
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

    /// Whether there is a PIN.
    pub fn has_pin(&self) -> bool {
        self.pin != [0; 8]
    }

    /// Its token with the counters of another.
    const fn counting_as(self, other: &Self) -> Self {
        Self {
            atc: other.atc,
            last_online_atc: other.last_online_atc,
            given: other.given,
            pin_failures: other.pin_failures,
            ..self
        }
    }

    fn token_bytes(&self) -> impl Iterator<Item = u8> {
        core::iter::once(self.state.byte())
            .chain(self.token_ref)
            .chain(self.digits)
            .chain(self.expiry)
            .chain([self.psn, self.version, self.cryptogram.byte()])
            .chain(self.key)
            .chain(self.request_context)
            .chain(self.receipt)
            .chain(self.pin)
    }

    const fn counter_bytes(&self) -> [u8; SHORT_LEN] {
        let [a, b] = self.atc.to_be_bytes();
        let [c, d] = self.last_online_atc.to_be_bytes();
        [a, b, c, d, self.given, self.pin_failures, 0, 0]
    }

    fn read_token(from: &mut Bytes<'_>) -> Option<Self> {
        Some(Self {
            state: State::from_byte(from.byte()?)?,
            token_ref: from.take()?,
            digits: from.take()?,
            expiry: from.take()?,
            psn: from.byte()?,
            version: from.byte()?,
            cryptogram: Version::from_byte(from.byte()?)?,
            key: from.take()?,
            request_context: from.take()?,
            receipt: from.take()?,
            pin: from.take()?,
            ..Self::default()
        })
    }

    fn read_counters(from: &mut Bytes<'_>) -> Option<Self> {
        Some(Self {
            atc: u16::from_be_bytes(from.take()?),
            last_online_atc: u16::from_be_bytes(from.take()?),
            given: from.byte()?,
            pin_failures: from.byte()?,
            ..Self::default()
        })
    }
}

impl Record {
    /// Its number: the channel's, then token and counters of each slot.
    pub const fn number(&self) -> usize {
        match *self {
            Self::Channel { .. } => 0,
            Self::Token(place, _) => place.saturating_mul(2).saturating_add(1),
            Self::Counters(place, _) => place.saturating_mul(2).saturating_add(2),
        }
    }

    /// Bytes of the payload of this record.
    pub const fn payload_len(number: usize) -> usize {
        if number % 2 == 1 {
            PAYLOAD_MAX
        } else {
            SHORT_LEN
        }
    }

    /// The payload, filled up with zeros.
    pub fn payload(&self) -> [u8; PAYLOAD_MAX] {
        let mut bytes = [0; PAYLOAD_MAX];
        match self {
            Self::Channel { sequence, failures } => {
                let parts = sequence.to_be_bytes().into_iter().chain([*failures]);
                fill(&mut bytes, parts);
            }
            Self::Token(_, slot) => fill(&mut bytes, slot.token_bytes()),
            Self::Counters(_, slot) => fill(&mut bytes, slot.counter_bytes()),
        }
        bytes
    }

    /// Reads the payload of this record; `None` when it is none.
    pub fn read(number: usize, payload: &[u8]) -> Option<Self> {
        let mut from = Bytes(payload);
        let Some(place) = number.checked_sub(1) else {
            return Some(Self::Channel {
                sequence: u32::from_be_bytes(from.take()?),
                failures: from.byte()?,
            });
        };
        let (place, is_token) = (place >> 1, place & 1 == 0);
        Some(if is_token {
            Self::Token(place, Slot::read_token(&mut from)?)
        } else {
            Self::Counters(place, Slot::read_counters(&mut from)?)
        })
    }
}

impl Image {
    /// What is written as this record.
    pub fn record(&self, number: usize) -> Record {
        let Some(place) = number.checked_sub(1) else {
            return Record::Channel {
                sequence: self.sequence,
                failures: self.failures,
            };
        };
        let slot = self.slots.get(place >> 1).copied().unwrap_or_default();
        if place & 1 == 0 {
            Record::Token(place >> 1, slot)
        } else {
            Record::Counters(place >> 1, slot)
        }
    }

    /// Takes up what is in a record, and nothing else.
    pub fn apply(&mut self, record: &Record) {
        match *record {
            Record::Channel { sequence, failures } => {
                self.sequence = sequence;
                self.failures = failures;
            }
            Record::Token(place, slot) => {
                if let Some(held) = self.slots.get_mut(place) {
                    *held = slot.counting_as(held);
                }
            }
            Record::Counters(place, slot) => {
                if let Some(held) = self.slots.get_mut(place) {
                    *held = held.counting_as(&slot);
                }
            }
        }
    }
}

fn fill(bytes: &mut [u8], from: impl IntoIterator<Item = u8>) {
    for (byte, from) in bytes.iter_mut().zip(from) {
        *byte = from;
    }
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }
}
