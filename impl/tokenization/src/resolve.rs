//! From token back to PAN: only for a live token, in its domain.

use kaika_spec::{Refusal, TokenState};

use crate::lifecycle::Lifecycle;

/// Where a token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// A chip at a shop's terminal, contactless.
    Contactless,
    /// Anything else: keyed, magnetic stripe, online.
    Other,
}

/// Whether a token in this state, presented so, may be turned into its PAN.
///
/// # Errors
/// By rank: `token-not-active`, `token-expired`, `domain-violation`.
pub const fn resolve(life: Lifecycle, expired: bool, channel: Channel) -> Result<(), Refusal> {
    match life.state() {
        TokenState::Active => {}
        TokenState::Inactive | TokenState::Suspended | TokenState::Deleted => {
            return Err(Refusal::TokenNotActive);
        }
    }
    if expired {
        return Err(Refusal::TokenExpired);
    }
    //= spec/75-tap.md#tap-8-the-tokens-channel
    //# The issuer MUST refuse a token in any entry mode but contactless chip.
    match channel {
        Channel::Contactless => Ok(()),
        Channel::Other => Err(Refusal::DomainViolation),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{Event, Party};

    #[test]
    fn by_rank() {
        let Ok(active) = Lifecycle::born().after(Event::Activate) else {
            panic!("legal")
        };
        let Ok(suspended) = active.after(Event::Suspend(Party::User)) else {
            panic!("legal")
        };
        for (life, expired, channel, want) in [
            (active, false, Channel::Contactless, Ok(())),
            (active, false, Channel::Other, Err(Refusal::DomainViolation)),
            (active, true, Channel::Other, Err(Refusal::TokenExpired)),
            (
                suspended,
                true,
                Channel::Other,
                Err(Refusal::TokenNotActive),
            ),
            (
                Lifecycle::born(),
                false,
                Channel::Contactless,
                Err(Refusal::TokenNotActive),
            ),
        ] {
            assert_eq!(resolve(life, expired, channel), want);
        }
    }
}
