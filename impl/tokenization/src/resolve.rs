//! From token back to PAN: only for a live token, in its domain.

use kaika_spec::{Refusal, TokenState};

use crate::domain::{Domain, Presented};
use crate::lifecycle::Lifecycle;

/// Whether a token in this state and of this domain, presented so, may be turned into its PAN.
///
/// # Errors
/// By rank: `token-not-active`, `token-expired`, `domain-violation`.
pub fn resolve(
    life: Lifecycle,
    expired: bool,
    domain: &Domain,
    presented: &Presented<'_>,
) -> Result<(), Refusal> {
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
    if domain.admits(presented) {
        Ok(())
    } else {
        Err(Refusal::DomainViolation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Channel, RequestorId};
    use crate::lifecycle::{Event, Party};

    #[test]
    fn by_rank() {
        let Ok(active) = Lifecycle::born().after(Event::Activate) else {
            panic!("legal")
        };
        let Ok(suspended) = active.after(Event::Suspend(Party::User)) else {
            panic!("legal")
        };
        let Some(requestor) = RequestorId::new("62900000001") else {
            panic!("digits")
        };
        let domain = Domain {
            channel: Channel::Contactless,
            requestor,
            chip: [1; 8],
        };
        let (inside, outside) = (Channel::Contactless, Channel::Other);
        for (life, expired, channel, want) in [
            (active, false, inside, Ok(())),
            (active, false, outside, Err(Refusal::DomainViolation)),
            (active, true, outside, Err(Refusal::TokenExpired)),
            (suspended, true, outside, Err(Refusal::TokenNotActive)),
            (
                Lifecycle::born(),
                false,
                inside,
                Err(Refusal::TokenNotActive),
            ),
        ] {
            let said = resolve(life, expired, &domain, &Presented::by(channel));
            assert_eq!(said, want);
        }
    }
}
