//! Where a token may be used, and how sure its issuer was of whom it was given to. EMVCo Payment Tokenisation.

use alloc::string::String;

use kaika_spec::limit::REQUESTOR_DIGITS;

/// Who asked for a token: a token requestor id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestorId(String);

impl RequestorId {
    /// Reads one: `REQUESTOR_DIGITS` digits.
    pub fn new(digits: &str) -> Option<Self> {
        let fits = digits.len() == REQUESTOR_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| Self(digits.into()))
    }

    /// Its digits.
    pub fn digits(&self) -> &str {
        &self.0
    }
}

/// The token assurance method: how the holder was identified and verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assurance {
    /// Nothing was verified.
    None,
    /// The account was.
    Account,
    /// The cardholder was, by one factor.
    OneFactor,
    /// The cardholder was, by two factors.
    TwoFactors,
    /// Risk was judged, without the cardholder.
    Risk,
    /// The issuer says so by itself.
    Issuer,
}

impl Assurance {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::None,
        Self::Account,
        Self::OneFactor,
        Self::TwoFactors,
        Self::Risk,
        Self::Issuer,
    ];

    /// Two digits.
    pub const fn code(self) -> &'static str {
        match self {
            Self::None => "00",
            Self::Account => "10",
            Self::OneFactor => "11",
            Self::TwoFactors => "12",
            Self::Risk => "13",
            Self::Issuer => "14",
        }
    }

    /// The method that two digits name.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.code() == code)
    }
}

/// How a token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// A chip at a shop's terminal, contactless.
    Contactless,
    /// Anything else: keyed, magnetic stripe, online.
    Other,
}

/// The domain restrictions of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// The channel.
    pub channel: Channel,
    /// The requestor.
    pub requestor: RequestorId,
    /// The chip that holds the token.
    pub chip: [u8; 8],
}

/// What is known of one use of a token. What a message does not name is not judged here: a cryptogram proves the chip.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// The channel.
    pub channel: Channel,
    /// The requestor, if named.
    pub requestor: Option<&'a RequestorId>,
    /// The chip, if named.
    pub chip: Option<[u8; 8]>,
}

impl Presented<'static> {
    /// A use of which only the channel is known.
    pub const fn by(channel: Channel) -> Self {
        Self {
            channel,
            requestor: None,
            chip: None,
        }
    }
}

impl Domain {
    /// Whether a use is inside the domain.
    pub fn admits(&self, use_: &Presented<'_>) -> bool {
        //= spec/40-issue.md#iss-36-a-token-stays-in-its-domain
        //# The issuer MUST refuse a token that is presented by another channel, requestor or chip than it was minted for.
        self.channel == use_.channel
            && use_.requestor.is_none_or(|one| *one == self.requestor)
            && use_.chip.is_none_or(|one| one == self.chip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requestor(digits: &str) -> RequestorId {
        match RequestorId::new(digits) {
            Some(id) => id,
            None => panic!("{digits}"),
        }
    }

    #[test]
    fn all_that_is_named_must_fit() {
        //= spec/40-issue.md#iss-36-a-token-stays-in-its-domain
        //= type=test
        //# The issuer MUST refuse a token that is presented by another channel, requestor or chip than it was minted for.
        let (own, other) = (requestor("62900000001"), requestor("62900000002"));
        let domain = Domain {
            channel: Channel::Contactless,
            requestor: own.clone(),
            chip: [1; 8],
        };
        for channel in [Channel::Contactless, Channel::Other] {
            for named in [None, Some(&own), Some(&other)] {
                for chip in [None, Some([1; 8]), Some([2; 8])] {
                    let use_ = Presented {
                        channel,
                        requestor: named,
                        chip,
                    };
                    let want = channel == Channel::Contactless
                        && named != Some(&other)
                        && chip != Some([2; 8]);
                    assert_eq!(domain.admits(&use_), want, "{use_:?}");
                }
            }
        }
    }

    #[test]
    fn codes_and_ids_are_read() {
        for method in Assurance::ALL {
            assert_eq!(Assurance::from_code(method.code()), Some(method));
        }
        assert_eq!(Assurance::from_code("15"), None);
        for bad in ["", "6290000000", "629000000011", "6290000000x"] {
            assert_eq!(RequestorId::new(bad), None);
        }
    }
}
