//! What was met lately, so that it need not be looked at again. Start at [`Lately`].

use crate::pack::Words;

/// A few words, each where its fingerprint leads: a new one takes the place of an older.
#[derive(Debug)]
pub(super) struct Lately<C> {
    met: Vec<C>,
}

impl<C: Words> Lately<C> {
    /// For so many, a power of two.
    pub(super) fn new(len: usize) -> Self {
        let mut lately = Self {
            met: vec![C::default(); len],
        };
        // In each place stands what does not belong there.
        let mut other = C::default();
        while lately.place(other.mixed()) == lately.place(C::default().mixed()) {
            other.as_mut()[0] += 1;
        }
        let at = lately.place(C::default().mixed());
        lately.met[at] = other;
        lately
    }

    pub(super) const fn bytes(&self) -> usize {
        self.met.capacity() * size_of::<C>()
    }

    /// Makes room for so many, but no more than `most`, when there is room for fewer.
    pub(super) fn fit(&mut self, many: usize, most: usize) {
        let len = many.next_power_of_two().clamp(2, most);
        if len > self.met.len() {
            *self = Self::new(len);
        }
    }

    #[inline(always)]
    const fn place(&self, mixed: u64) -> usize {
        (mixed >> 32) as usize & (self.met.len() - 1)
    }

    /// Whether these words were not met lately. They are now.
    #[inline(always)]
    pub(super) fn is_new(&mut self, words: &C, mixed: u64) -> bool {
        let place = self.place(mixed);
        let at = &mut self.met[place];
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
        for len in [2, 8, 1024] {
            for number in 0..4096 {
                let mut lately = Lately::new(len);
                let words = [number];
                assert!(lately.is_new(&words, words.mixed()), "{number} of {len}");
                assert!(!lately.is_new(&words, words.mixed()), "{number} of {len}");
            }
        }
    }
}
