//! Countermeasures left out on purpose, to see whether anything notices. Start at [`lacks`].
//!
//! Without the feature `weak` nothing can be left out: the question is answered when the program is compiled, and the code
//! behind it is gone. With it, a process reads the names of `KAIKA_LACKS` once, and prints that it is weak.
#![no_std]

#[cfg(any(test, not(feature = "weak")))]
use kaika_spec::Weakness;

/// Whether this build can leave countermeasures out.
pub const IS_WEAK: bool = cfg!(feature = "weak");

/// Whether the countermeasure against this weakness is left out.
#[cfg(not(feature = "weak"))]
#[inline]
pub const fn lacks(_: Weakness) -> bool {
    false
}

#[cfg(feature = "weak")]
pub use chosen::lacks;

#[cfg(feature = "weak")]
mod chosen {
    extern crate std;

    use std::sync::OnceLock;
    use std::{env, eprintln};

    use kaika_spec::Weakness;

    static CHOSEN: OnceLock<u64> = OnceLock::new();

    /// Whether the countermeasure against this weakness is left out.
    ///
    /// # Panics
    /// When `KAIKA_LACKS` names something that is no weakness: a measurement of nothing.
    pub fn lacks(weakness: Weakness) -> bool {
        CHOSEN.get_or_init(chosen) & bit(weakness) != 0
    }

    const fn bit(weakness: Weakness) -> u64 {
        1 << weakness as u64
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a build for measuring; a core that serves anybody has none of this"
    )]
    fn chosen() -> u64 {
        let names = env::var("KAIKA_LACKS").unwrap_or_default();
        let names = names.split(',').filter(|name| !name.is_empty());
        names.fold(0, |all, name| match Weakness::from_name(name) {
            Some(weakness) => {
                eprintln!("weak on purpose: {name}");
                all | bit(weakness)
            }
            None => panic!("KAIKA_LACKS: {name} is no weakness"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_for_use_lacks_nothing() {
        if !IS_WEAK {
            assert!(Weakness::ALL.iter().all(|weakness| !lacks(*weakness)));
        }
    }
}
