//! Status words: the last two bytes of every response.

/// SW1 and SW2 as one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StatusWord(pub u16);

impl StatusWord {
    /// Done.
    pub const OK: Self = Self(0x9000);
    /// Done, but the selected file is out of use.
    pub const WARNING_DEACTIVATED: Self = Self(0x6283);
    /// The host could not be authenticated.
    pub const AUTHENTICATION_FAILED: Self = Self(0x6300);
    /// There is more; ask for the next.
    pub const MORE_DATA: Self = Self(0x6310);
    /// Wrong length.
    pub const WRONG_LENGTH: Self = Self(0x6700);
    /// Logical channels are not supported.
    pub const CHANNEL_NOT_SUPPORTED: Self = Self(0x6881);
    /// Secure messaging is not supported.
    pub const SECURE_MESSAGING_NOT_SUPPORTED: Self = Self(0x6882);
    /// Another command came than the next of the chain.
    pub const CHAIN_BROKEN: Self = Self(0x6883);
    /// Command chaining is not supported.
    pub const CHAINING_NOT_SUPPORTED: Self = Self(0x6884);
    /// Security status not satisfied.
    pub const SECURITY_NOT_SATISFIED: Self = Self(0x6982);
    /// Authentication method blocked.
    pub const BLOCKED: Self = Self(0x6983);
    /// The reference data cannot be used, here: there is no PIN.
    pub const NO_REFERENCE: Self = Self(0x6984);
    /// Conditions of use not satisfied.
    pub const CONDITIONS_NOT_SATISFIED: Self = Self(0x6985);
    /// Wrong data.
    pub const WRONG_DATA: Self = Self(0x6A80);
    /// Not found.
    pub const NOT_FOUND: Self = Self(0x6A82);
    /// Record not found.
    pub const RECORD_NOT_FOUND: Self = Self(0x6A83);
    /// Not enough room.
    pub const NO_SPACE: Self = Self(0x6A84);
    /// Wrong P1 or P2.
    pub const WRONG_P1_P2: Self = Self(0x6A86);
    /// Referenced data not found.
    pub const REFERENCE_NOT_FOUND: Self = Self(0x6A88);
    /// Unknown instruction.
    pub const UNKNOWN_INSTRUCTION: Self = Self(0x6D00);
    /// Unknown class.
    pub const UNKNOWN_CLASS: Self = Self(0x6E00);

    /// Verification failed; so many tries are left (63Cx), at most 15.
    pub const fn tries_left(tries: u8) -> Self {
        Self(0x63C0 | (tries & 0x0F) as u16)
    }

    /// Wrong Le: so many bytes are there (6Cxx).
    pub const fn wrong_le(available: u8) -> Self {
        Self(0x6C00 | available as u16)
    }

    /// The two bytes as sent.
    pub const fn bytes(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }

    /// Whether the command was carried out: 9000, 61xx, and the warnings 62xx and 63xx.
    pub const fn is_good_or_warning(self) -> bool {
        matches!(self.0 >> 8, 0x90 | 0x61 | 0x62 | 0x63)
    }
}
