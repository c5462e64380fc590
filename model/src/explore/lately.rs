//! What was met lately, so that it need not be looked at again. Start at [`Lately`].

use crate::pack::Words;

/// `N` words at most, a power of two, each where its fingerprint leads: a new one takes the place of an older.
#[derive(Debug)]
pub(super) struct Lately<C, const N: usize> {
    met: Box<[C; N]>,
}

impl<C: Words, const N: usize> Lately<C, N> {
    /// With words in each place that do not belong there.
    pub(super) fn new() -> Self {
        let mut other = C::default();
        while Self::place(other.mixed()) == Self::place(C::default().mixed()) {
            other.as_mut()[0] += 1;
        }
        let mut met = Box::new([C::default(); N]);
        met[Self::place(C::default().mixed())] = other;
        Self { met }
    }

    #[inline(always)]
    const fn place(mixed: u64) -> usize {
        (mixed >> 32) as usize % N
    }

    /// Whether these words were not met lately. They are now.
    #[inline(always)]
    pub(super) fn is_new(&mut self, words: &C, mixed: u64) -> bool {
        let at = &mut self.met[Self::place(mixed)];
        let is_new = at != words;
        *at = *words;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::Lately;
    use crate::pack::Words as _;

    #[test]
    fn everything_is_new_once() {
        everything_is_new_once_of::<2>();
        everything_is_new_once_of::<8>();
        everything_is_new_once_of::<1024>();
    }

    fn everything_is_new_once_of<const N: usize>() {
        for number in 0..4096 {
            let mut lately = Lately::<[u64; 1], N>::new();
            let words = [number];
            assert!(lately.is_new(&words, words.mixed()), "{number} of {N}");
            assert!(!lately.is_new(&words, words.mixed()), "{number} of {N}");
        }
    }
}
