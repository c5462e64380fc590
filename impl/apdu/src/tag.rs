//! BER tags of one to three bytes, and the names of those that Kaika uses.

use crate::Malformed;

/// A tag, as the number that its bytes spell: `9F02` is `0x9F02`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(u32);

macro_rules! tags {
    ($($(#[$doc:meta])* $name:ident = $value:literal,)+) => {
        impl Tag { $($(#[$doc])* pub const $name: Self = Self($value);)+ }
    };
}

tags! {
    /// Application identifier.
    AID = 0x4F,
    /// Application label.
    LABEL = 0x50,
    /// Track 2 equivalent data.
    TRACK2 = 0x57,
    /// Primary account number: here always a token.
    PAN = 0x5A,
    /// Cardholder name.
    CARDHOLDER_NAME = 0x5F20,
    /// Expiry, YYMMDD.
    EXPIRY = 0x5F24,
    /// Issuer country.
    ISSUER_COUNTRY = 0x5F28,
    /// Transaction currency.
    CURRENCY = 0x5F2A,
    /// PAN sequence number.
    PSN = 0x5F34,
    /// Application template.
    APPLICATION = 0x61,
    /// FCI template.
    FCI = 0x6F,
    /// Record template.
    RECORD = 0x70,
    /// Response template, format 2.
    RESPONSE = 0x77,
    /// Application interchange profile.
    AIP = 0x82,
    /// Command template.
    COMMAND_TEMPLATE = 0x83,
    /// Name of the dedicated file.
    DF_NAME = 0x84,
    /// Application priority.
    PRIORITY = 0x87,
    /// Short file identifier of the directory.
    SFI = 0x88,
    /// Authorisation response code.
    RESPONSE_CODE = 0x8A,
    /// CDOL1.
    CDOL1 = 0x8C,
    /// CDOL2.
    CDOL2 = 0x8D,
    /// Cardholder verification methods.
    CVM_LIST = 0x8E,
    /// Issuer authentication data: response cryptogram and card status update.
    ISSUER_AUTHENTICATION = 0x91,
    /// Application file locator.
    AFL = 0x94,
    /// Terminal verification results.
    TVR = 0x95,
    /// Transaction date.
    DATE = 0x9A,
    /// Transaction type.
    TYPE = 0x9C,
    /// Amount, authorised.
    AMOUNT = 0x9F02,
    /// Amount, other.
    AMOUNT_OTHER = 0x9F03,
    /// Application usage control.
    USAGE_CONTROL = 0x9F07,
    /// Application version number.
    VERSION = 0x9F08,
    /// Issuer action code, default.
    IAC_DEFAULT = 0x9F0D,
    /// Issuer action code, denial.
    IAC_DENIAL = 0x9F0E,
    /// Issuer action code, online.
    IAC_ONLINE = 0x9F0F,
    /// Issuer application data.
    IAD = 0x9F10,
    /// Last online transaction counter.
    LAST_ONLINE_ATC = 0x9F13,
    /// Terminal country.
    COUNTRY = 0x9F1A,
    /// Application cryptogram.
    CRYPTOGRAM = 0x9F26,
    /// Cryptogram information data.
    CRYPTOGRAM_INFORMATION = 0x9F27,
    /// Application transaction counter.
    ATC = 0x9F36,
    /// Unpredictable number.
    UNPREDICTABLE_NUMBER = 0x9F37,
    /// Processing options data object list.
    PDOL = 0x9F38,
    /// Terminal transaction qualifiers.
    TTQ = 0x9F66,
    /// Life cycle state.
    LIFE_CYCLE = 0x9F70,
    /// Chip id.
    CHIP_ID = 0x9F7F,
    /// FCI, proprietary.
    FCI_PROPRIETARY = 0xA5,
    /// FCI, issuer discretionary.
    FCI_DISCRETIONARY = 0xBF0C,
    /// Receipts of the committed tokens.
    RECEIPTS = 0xDF21,
    /// Token reference.
    TOKEN_REFERENCE = 0xDF22,
    /// Receipt.
    RECEIPT = 0xDF23,
    /// Token key, encrypted.
    TOKEN_KEY = 0xDF31,
    /// Token version.
    TOKEN_VERSION = 0xDF33,
    /// Request context.
    REQUEST_CONTEXT = 0xDF35,
    /// Token template.
    TOKEN = 0xE1,
    /// One entry of GET STATUS.
    STATUS_ENTRY = 0xE3,
}

impl Tag {
    /// The tag with these bytes.
    ///
    /// # Errors
    /// [`Malformed`] when the number does not spell exactly one tag of at most three bytes.
    pub fn new(number: u32) -> Result<Self, Malformed> {
        let [zero, a, b, c] = number.to_be_bytes();
        let bytes: &[u8] = match (zero, a, b) {
            (0, 0, 0) => &[c],
            (0, 0, _) => &[b, c],
            (0, _, _) => &[a, b, c],
            _ => return Err(Malformed),
        };
        match Self::take(bytes)? {
            (tag, []) => Ok(tag),
            _ => Err(Malformed),
        }
    }

    /// Reads a tag from the front. A first byte of 00 is refused: it is the end mark of the indefinite form, or padding.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes end first, or the tag is longer than three bytes.
    #[inline]
    pub fn take(bytes: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        match *bytes {
            [0, ..] => Err(Malformed),
            [a, ref rest @ ..] if a & 0x1F != 0x1F => Ok((Self(u32::from(a)), rest)),
            [a, b, ref rest @ ..] if b & 0x80 == 0 => {
                Ok((Self(u32::from_be_bytes([0, 0, a, b])), rest))
            }
            [a, b, c, ref rest @ ..] if c & 0x80 == 0 => {
                Ok((Self(u32::from_be_bytes([0, a, b, c])), rest))
            }
            _ => Err(Malformed),
        }
    }

    /// The number that the bytes spell.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// How many bytes it has.
    pub const fn size(self) -> usize {
        match self.0 {
            0..=0xFF => 1,
            0x100..=0xFFFF => 2,
            _ => 3,
        }
    }

    /// Whether its value is a list of objects.
    #[inline]
    pub const fn is_constructed(self) -> bool {
        let [_, a, b, c] = self.0.to_be_bytes();
        let first = match self.size() {
            1 => c,
            2 => b,
            _ => a,
        };
        first & 0x20 != 0
    }

    /// Numeric formats (n) are filled from the right; everything else from the left.
    pub const fn is_numeric(self) -> bool {
        matches!(
            self,
            Self::AMOUNT
                | Self::AMOUNT_OTHER
                | Self::COUNTRY
                | Self::CURRENCY
                | Self::DATE
                | Self::TYPE
                | Self::EXPIRY
                | Self::PSN
                | Self::ISSUER_COUNTRY
        )
    }
}
