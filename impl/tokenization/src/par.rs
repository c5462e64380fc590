//! The payment account reference: names a PAN account to those who may not know its PAN.

use alloc::string::String;

use kaika_spec::limit::{PAR_CONTROLLER, PAR_LENGTH};

const LETTERS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// A payment account reference (EMV tag 9F24): who gave it, then letters and digits at random. One for each PAN account,
/// the same for all its tokens, kept when the account gets another PAN.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Par(String);

impl Par {
    /// Reads one.
    pub fn new(text: &str) -> Option<Self> {
        let fits = text.len() == PAR_LENGTH
            && text.starts_with(PAR_CONTROLLER)
            && text.bytes().all(|b| LETTERS.contains(&b));
        fits.then(|| Self(text.into()))
    }

    /// Draws one. `draw(n)` gives an unbiased number below `n`.
    pub fn drawn(draw: &mut dyn FnMut(u64) -> u64) -> Self {
        //= spec/40-issue.md#iss-33-one-reference-for-one-account
        //# The issuer MUST give every PAN account one payment account reference of `PAR_LENGTH` characters, drawn at random.
        let mut letter = || {
            let place = usize::try_from(draw(36)).unwrap_or(0);
            LETTERS.get(place).map_or('A', |b| char::from(*b))
        };
        let mut text = String::from(PAR_CONTROLLER);
        while text.len() < PAR_LENGTH {
            text.push(letter());
        }
        Self(text)
    }

    /// Its characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    quickcheck::quickcheck! {
        fn what_is_drawn_is_read(seed: u64) -> bool {
            let mut state = seed;
            let par = Par::drawn(&mut |bound| { state = state.wrapping_mul(31).wrapping_add(7); state % bound });
            Par::new(par.as_str()) == Some(par)
        }
    }

    #[test]
    fn others_are_not_read() {
        let good = format!("{PAR_CONTROLLER}{}", "A".repeat(25));
        assert!(Par::new(&good).is_some());
        for bad in [
            "",
            &good[1..],
            &good.to_lowercase(),
            &good.replace("KAI1", "KAI2"),
        ] {
            assert!(Par::new(bad).is_none(), "{bad}");
        }
    }
}
