//! A reader that never runs dry, so that every prefix of an input is an input.

use arbitrary::Unstructured;

/// Reads an op byte-code. Missing bytes read as zero.
pub struct Reader<'a>(Unstructured<'a>);

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(data: &'a [u8]) -> Self {
        Self(Unstructured::new(data))
    }

    /// Whether every byte was read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.0.arbitrary().unwrap_or(0)
    }

    /// The next two bytes, little end first.
    pub fn word(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// Up to `wanted` bytes: as many as are left.
    pub fn slice(&mut self, wanted: usize) -> &'a [u8] {
        let len = wanted.min(self.0.len());
        self.0.bytes(len).unwrap_or(&[])
    }

    /// `N` bytes grown from one: bulk data is cheap to say and cheap to mutate.
    pub fn grown<const N: usize>(&mut self) -> [u8; N] {
        grow(self.byte())
    }
}

/// `N` bytes that depend on one.
pub fn grow<const N: usize>(seed: u8) -> [u8; N] {
    let mut state = u32::from(seed).wrapping_mul(0x9E37_79B9) | 1;
    core::array::from_fn(|_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    })
}

/// A stream of numbers from one seed (SplitMix64), for the random tier of the replay and for seeds.
pub struct Stream(u64);

impl Stream {
    /// Starts the stream.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound` (which is not 0); the bias does not matter here.
    pub fn below(&mut self, bound: usize) -> usize {
        let drawn = self.draw() % u64::try_from(bound).unwrap_or(u64::MAX);
        usize::try_from(drawn).unwrap_or(0)
    }

    /// Up to `max` random bytes.
    pub fn bytes(&mut self, max: usize) -> Vec<u8> {
        let len = self.below(max + 1);
        (0..len).map(|_| self.draw().to_le_bytes()[0]).collect()
    }
}
