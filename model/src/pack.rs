//! States as bits: an exact, fixed-width encoding derived from the fields. Start at [`Pack`].
//!
//! The role steps and the worlds know nothing of it. A test unpacks every state that is explored and compares.

mod states;

/// A value with a fixed number of bits. `from_code` gives back exactly what `code` was made of.
///
/// Small values are one code, built by shifting alone so that it stays in registers; only what is wider than a code is
/// written part by part.
pub trait Pack: Sized {
    /// How many bits.
    const BITS: u32;

    /// The bits as a number; for values of at most 128 bits.
    fn code(&self) -> u128;

    /// The value of a number.
    fn from_code(code: u128) -> Self;

    /// Writes the bits.
    #[inline(always)]
    fn pack<W: Words>(&self, to: &mut Writer<W>) {
        to.put(self.code(), Self::BITS);
    }

    /// Reads the bits.
    #[inline(always)]
    fn unpack<W: Words>(from: &mut Reader<W>) -> Self {
        Self::from_code(from.take(Self::BITS))
    }

    /// Where the bits of a part stand; `path` leads to it: `[1].given`, `[1].?` for whether it is there. `None` when it
    /// leads nowhere.
    fn place(path: &str) -> Option<Place> {
        path.is_empty().then_some((0, Self::BITS))
    }
}

/// The first bit of a part and how many there are.
pub type Place = (u32, u32);

/// A path's first step and the rest of it: `sales`, `[1].given`.
pub(crate) fn step_of(path: &str) -> (&str, &str) {
    let path = path.strip_prefix('.').unwrap_or(path);
    let end = path[1..].find(['.', '[']).map_or(path.len(), |at| at + 1);
    path.split_at(end)
}

/// A world's state: as many bits as it takes, part by part.
pub trait Wide: Sized {
    /// How many bits.
    const BITS: u32;

    /// Writes the bits.
    fn pack<W: Words>(&self, to: &mut Writer<W>);

    /// Reads the bits.
    fn unpack<W: Words>(from: &mut Reader<W>) -> Self;

    /// Where the bits of a part stand.
    fn place(path: &str) -> Option<Place>;
}

/// A number that must fit into so many bits: one that does not would make two states one.
#[inline(always)]
pub(crate) fn fitted(value: u128, bits: u32) -> u128 {
    assert!(value >> bits == 0, "{value} in {bits} bits");
    value
}

/// The lowest bits of a number.
#[inline(always)]
pub(crate) const fn low(code: u128, bits: u32) -> u128 {
    if bits >= 128 {
        code
    } else {
        code & ((1 << bits) - 1)
    }
}

/// Where bits are written.
#[derive(Debug, Default)]
pub struct Writer<W> {
    words: W,
    at: u32,
}

impl<W: Words> Writer<W> {
    /// Writes a number in `bits` bits.
    #[inline(always)]
    pub fn put(&mut self, code: u128, bits: u32) {
        let (word, shift) = ((self.at / 64) as usize, self.at % 64);
        let words = self.words.as_mut();
        let low = code << shift;
        words[word] |= low as u64;
        if shift + bits > 64 {
            words[word + 1] |= (low >> 64) as u64;
        }
        if shift + bits > 128 {
            words[word + 2] |= (code >> (128 - shift)) as u64;
        }
        self.at += bits;
    }
}

/// Where bits are read.
#[derive(Debug)]
pub struct Reader<W> {
    words: W,
    at: u32,
}

impl<W: Words> Reader<W> {
    /// Reads `bits` bits.
    #[inline(always)]
    pub fn take(&mut self, bits: u32) -> u128 {
        let (word, shift) = ((self.at / 64) as usize, self.at % 64);
        let words = self.words.as_ref();
        let mut code = u128::from(words[word]) >> shift;
        if shift + bits > 64 {
            code |= u128::from(words[word + 1]) << (64 - shift);
        }
        if shift + bits > 128 {
            code |= u128::from(words[word + 2]) << (128 - shift);
        }
        self.at += bits;
        low(code, bits)
    }
}

impl Pack for bool {
    const BITS: u32 = 1;

    #[inline(always)]
    fn code(&self) -> u128 {
        u128::from(*self)
    }

    #[inline(always)]
    fn from_code(code: u128) -> Self {
        code == 1
    }
}

impl<T: Pack> Pack for Option<T> {
    const BITS: u32 = 1 + T::BITS;

    #[inline(always)]
    fn code(&self) -> u128 {
        self.as_ref().map_or(0, |value| value.code() << 1 | 1)
    }

    #[inline(always)]
    fn from_code(code: u128) -> Self {
        (code & 1 == 1).then(|| T::from_code(code >> 1))
    }

    fn place(path: &str) -> Option<Place> {
        match path {
            "" => Some((0, Self::BITS)),
            // Whether it is there.
            ".?" => Some((0, 1)),
            _ => T::place(path).map(|(at, bits)| (at + 1, bits)),
        }
    }
}

impl<T: Pack, const N: usize> Pack for [T; N] {
    const BITS: u32 = N as u32 * T::BITS;

    #[inline(always)]
    fn code(&self) -> u128 {
        let parts = self.iter().rev();
        parts.fold(0, |code, value| code << T::BITS | value.code())
    }

    #[inline(always)]
    fn from_code(code: u128) -> Self {
        std::array::from_fn(|at| T::from_code(low(code >> (at as u32 * T::BITS), T::BITS)))
    }

    #[inline(always)]
    fn pack<W: Words>(&self, to: &mut Writer<W>) {
        for value in self {
            value.pack(to);
        }
    }

    #[inline(always)]
    fn unpack<W: Words>(from: &mut Reader<W>) -> Self {
        std::array::from_fn(|_| T::unpack(from))
    }

    fn place(path: &str) -> Option<Place> {
        if path.is_empty() {
            return Some((0, Self::BITS));
        }
        let (step, rest) = step_of(path);
        let index: u32 = step.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?;
        let (at, bits) = T::place(rest).filter(|_| index < N as u32)?;
        Some((index * T::BITS + at, bits))
    }
}

/// A packed state: a few words.
pub trait Words:
    Copy + Eq + Ord + Default + Send + Sync + std::fmt::Debug + AsRef<[u64]> + AsMut<[u64]> + 'static
{
    /// How many bits there are.
    const BITS: u32;

    /// The words of a state.
    #[inline(always)]
    fn of(state: &impl Wide) -> Self {
        let mut to = Writer::default();
        state.pack(&mut to);
        to.words
    }

    /// The state of the words.
    #[inline(always)]
    fn to<S: Wide>(&self) -> S {
        S::unpack(&mut Reader {
            words: *self,
            at: 0,
        })
    }

    /// The bits of the parts at `paths`, set; `None` when a path leads nowhere.
    fn mask<S: Wide>(paths: &[&str]) -> Option<Self> {
        let mut words = Self::default();
        for path in paths {
            let (at, bits) = S::place(path)?;
            for bit in at..at + bits {
                words.as_mut()[(bit / 64) as usize] |= 1 << (bit % 64);
            }
        }
        Some(words)
    }

    /// Where the words belong in a table. Only speed hangs on it: the table compares the words themselves.
    #[inline(always)]
    fn mixed(&self) -> u64 {
        let mut hash = 0x9E37_79B9_7F4A_7C15;
        if let [word] = self.as_ref() {
            return folded(*word ^ hash, 0xD1B5_4A32_D192_ED03);
        }
        for pair in self.as_ref().chunks(2) {
            let second = pair.get(1).copied().unwrap_or_default();
            hash = folded(pair[0] ^ hash, second ^ 0xD1B5_4A32_D192_ED03);
        }
        folded(hash, 0xBF58_476D_1CE4_E5B9)
    }
}

/// Both halves of a product, one over the other.
#[inline(always)]
const fn folded(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

impl<const N: usize> Words for [u64; N]
where
    Self: Default,
{
    const BITS: u32 = 64 * N as u32;
}

/// Derives [`Pack`] for an enum without fields, for a struct (`slot = Slot` by the field's type, `tries: 4 as u8` in so
/// many bits, `approved(Counts<3>)` by a wrapper), and for a world, which may be wider than a code.
macro_rules! packed {
    (enum $name:ty { $($variant:ident),+ $(,)? }) => {
        impl $crate::pack::Pack for $name {
            const BITS: u32 = {
                let variants = [$(stringify!($variant)),+].len() as u32;
                u32::BITS - (variants - 1).leading_zeros()
            };

            #[inline(always)]
            fn code(&self) -> u128 {
                // Every variant is listed, in its place.
                match self {
                    $(<$name>::$variant => {})+
                }
                const {
                    let mut place = 0;
                    $(
                        assert!(<$name>::$variant as usize == place);
                        place += 1;
                    )+
                    let _ = place;
                }
                *self as u128
            }

            #[inline(always)]
            fn from_code(code: u128) -> Self {
                const ALL: &[$name] = &[$(<$name>::$variant),+];
                ALL[code as usize]
            }
        }
    };
    (struct $name:ty { $($field:ident $(: $bits:literal as $int:ident)? $(($wrap:ident<$n:literal>))? $(= $part:ty)?),+ $(,)? }) => {
        impl $crate::pack::Pack for $name {
            const BITS: u32 = 0 $(+ $crate::pack::packed!(@bits $($bits ,)? $($wrap<$n>)? $($part)?))+;

            #[inline(always)]
            fn code(&self) -> u128 {
                const { assert!(Self::BITS <= 128) };
                let (mut code, mut at) = (0_u128, 0_u32);
                $(
                    let bits = $crate::pack::packed!(@bits $($bits ,)? $($wrap<$n>)? $($part)?);
                    code |= $crate::pack::packed!(@code self $field $(, $bits)? $($wrap)?) << at;
                    at += bits;
                )+
                let _ = at;
                code
            }

            #[inline(always)]
            fn from_code(code: u128) -> Self {
                let mut at = 0_u32;
                $(
                    let bits = $crate::pack::packed!(@bits $($bits ,)? $($wrap<$n>)? $($part)?);
                    let part = $crate::pack::low(code >> at, bits);
                    let $field = $crate::pack::packed!(@value part $(, $bits $int)? $($wrap)?);
                    at += bits;
                )+
                let _ = at;
                Self { $($field),+ }
            }

            fn place(path: &str) -> Option<$crate::pack::Place> {
                if path.is_empty() {
                    return Some((0, Self::BITS));
                }
                let (step, rest) = $crate::pack::step_of(path);
                let mut at = 0_u32;
                $(
                    if step == stringify!($field) {
                        let place = $crate::pack::packed!(@place rest, $($bits ,)? $($wrap<$n>)? $($part)?);
                        return place.map(|(inner, bits)| (at + inner, bits));
                    }
                    at += $crate::pack::packed!(@bits $($bits ,)? $($wrap<$n>)? $($part)?);
                )+
                let _ = at;
                None
            }
        }
    };
    (world $name:ty { $($field:ident $(: $bits:literal as $int:ident)? $(($wrap:ident<$n:literal>))? $(= $part:ty)?),+ $(,)? }) => {
        impl $crate::pack::Wide for $name {
            const BITS: u32 = 0 $(+ $crate::pack::packed!(@bits $($bits ,)? $($wrap<$n>)? $($part)?))+;

            #[inline(always)]
            fn pack<W: $crate::pack::Words>(&self, to: &mut $crate::pack::Writer<W>) {
                $($crate::pack::packed!(@pack self to $field $(, $bits)? $($wrap)?);)+
            }

            #[inline(always)]
            fn unpack<W: $crate::pack::Words>(from: &mut $crate::pack::Reader<W>) -> Self {
                Self { $($field: $crate::pack::packed!(@unpack from $(, $bits $int)? $($wrap)?),)+ }
            }

            fn place(path: &str) -> Option<$crate::pack::Place> {
                if path.is_empty() {
                    return Some((0, Self::BITS));
                }
                let (step, rest) = $crate::pack::step_of(path);
                let mut at = 0_u32;
                $(
                    if step == stringify!($field) {
                        let place = $crate::pack::packed!(@place rest, $($bits ,)? $($wrap<$n>)? $($part)?);
                        return place.map(|(inner, bits)| (at + inner, bits));
                    }
                    at += $crate::pack::packed!(@bits $($bits ,)? $($wrap<$n>)? $($part)?);
                )+
                let _ = at;
                None
            }
        }
    };
    (@place $rest:ident, $bits:literal ,) => { $rest.is_empty().then_some((0, $bits)) };
    (@place $rest:ident, $part:ty) => { <$part as $crate::pack::Pack>::place($rest) };
    (@bits $bits:literal ,) => { $bits };
    (@bits $part:ty) => { <$part as $crate::pack::Pack>::BITS };
    (@code $self:ident $field:ident , $bits:literal) => { $crate::pack::fitted(u128::from($self.$field), $bits) };
    (@code $self:ident $field:ident $wrap:ident) => { $crate::pack::Pack::code(&$wrap($self.$field)) };
    (@code $self:ident $field:ident) => { $crate::pack::Pack::code(&$self.$field) };
    (@value $part:ident , $bits:literal $int:ident) => { $part as $int };
    (@value $part:ident $wrap:ident) => { <$wrap<_> as $crate::pack::Pack>::from_code($part).0 };
    (@value $part:ident) => { $crate::pack::Pack::from_code($part) };
    (@pack $self:ident $to:ident $field:ident , $bits:literal) => {
        $to.put($crate::pack::fitted(u128::from($self.$field), $bits), $bits)
    };
    (@pack $self:ident $to:ident $field:ident $wrap:ident) => { $crate::pack::Pack::pack(&$wrap($self.$field), $to) };
    (@pack $self:ident $to:ident $field:ident) => { $crate::pack::Pack::pack(&$self.$field, $to) };
    (@unpack $from:ident , $bits:literal $int:ident) => { $from.take($bits) as $int };
    (@unpack $from:ident $wrap:ident) => { <$wrap<_> as $crate::pack::Pack>::unpack($from).0 };
    (@unpack $from:ident) => { $crate::pack::Pack::unpack($from) };
}
pub(crate) use packed;
