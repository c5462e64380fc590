//! Values of message fields. Each type takes exactly what `spec/90-wire.md` allows and says what it wanted.
//! Fields that are plain numbers are read by the functions at the end.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use kaika_spec::limit::{
    AMOUNT_MAX_MINOR, APDU_MAX, BULK_MINT_MAX, FRAMES_MAX, OTP_DIGITS, PAR_LENGTH,
};

/// `N` bytes as `2 N` lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hex<const N: usize>(pub [u8; N]);

impl<const N: usize> TryFrom<String> for Hex<N> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut bytes = [0; N];
        let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        if lower && hex::decode_to_slice(&text, &mut bytes).is_ok() {
            Ok(Self(bytes))
        } else {
            Err(format!("expected {} lower-case hex digits", 2 * N))
        }
    }
}

impl<const N: usize> From<Hex<N>> for String {
    fn from(value: Hex<N>) -> Self {
        hex::encode(value.0)
    }
}

impl<const N: usize> core::fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $want:literal, $fits:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        /// Codes, names and numbers stay out of logs: whoever wants the text asks for it.
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(stringify!($name))
            }
        }

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let fits: fn(&str) -> bool = $fits;
                if fits(&text) { Ok(Self(text)) } else { Err(concat!("expected ", $want).into()) }
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn all(text: &str, least: usize, most: usize, fits: fn(u8) -> bool) -> bool {
    (least..=most).contains(&text.len()) && text.bytes().all(fits)
}

fn digits(text: &str, least: usize, most: usize) -> bool {
    all(text, least, most, |byte| byte.is_ascii_digit())
}

fn surrogate(text: &str, first: char) -> bool {
    let base32 = |byte: u8| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte);
    text.strip_prefix(first)
        .is_some_and(|rest| rest.len() == 20 && rest.bytes().all(base32))
}

fn free(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

text! {
    /// `account_id`, `device_id`, `product`, `payee`.
    Name, "1 to 64 of A-Z a-z 0-9 . _ -", |text| all(text, 1, 64, |b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}
text! {
    /// A person's name, a face.
    Text64, "1 to 64 characters without control characters", |text| free(text, 64)
}
text! {
    /// Number of a document.
    IdNumber, "1 to 32 characters without control characters", |text| free(text, 32)
}
text! {
    /// Version of the terms.
    Version, "1 to 16 characters without control characters", |text| free(text, 16)
}
text! {
    /// Kind of document.
    IdType, "resident-id or passport", |text| matches!(text, "resident-id" | "passport")
}
text! {
    /// A day.
    Date, "YYYY-MM-DD", is_date
}
text! {
    /// ISO 4217 numeric.
    Currency, "three digits", |text| digits(text, 3, 3)
}
text! {
    /// A phone number.
    Phone, "5 to 20 digits after an optional +", |text| digits(text.strip_prefix('+').unwrap_or(text), 5, 20)
}
text! {
    /// A one-time code.
    OtpCode, "six digits", |text| digits(text, OTP_DIGITS, OTP_DIGITS)
}
text! {
    /// A card code: never a PAN, a token or an agreement number.
    CardCode, "C and 20 base-32 characters", |text| surrogate(text, 'C')
}
text! {
    /// A payment account reference.
    AccountReference, "29 upper-case letters or digits", |text| {
        all(text, PAR_LENGTH, PAR_LENGTH, |b| b.is_ascii_uppercase() || b.is_ascii_digit())
    }
}
text! {
    /// An agreement number.
    Agreement, "A and 20 base-32 characters", |text| surrogate(text, 'A')
}
text! {
    /// A customer of the issuer.
    CustomerId, "U and 20 base-32 characters", |text| surrogate(text, 'U')
}
text! {
    /// An authorisation code.
    AuthCode, "six letters or digits", |text| all(text, 6, 6, |b| b.is_ascii_alphanumeric())
}

fn is_date(text: &str) -> bool {
    let [year, month, day] = match text.split('-').collect::<Vec<_>>()[..] {
        [year, month, day] => [year, month, day],
        _ => return false,
    };
    let number = |text: &str| text.parse::<u32>().unwrap_or(0);
    let days = match number(month) {
        2 if number(year).is_multiple_of(4)
            && (!number(year).is_multiple_of(100) || number(year).is_multiple_of(400)) =>
        {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => 0,
    };
    digits(year, 4, 4)
        && digits(month, 2, 2)
        && digits(day, 2, 2)
        && (1..=days).contains(&number(day))
}

/// An amount in minor units, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Amount(u64);

impl Amount {
    /// Minor units.
    pub const fn minor(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for Amount {
    type Error = String;

    fn try_from(minor: u64) -> Result<Self, String> {
        let fits = (1..=AMOUNT_MAX_MINOR).contains(&minor);
        if fits {
            Ok(Self(minor))
        } else {
            Err(format!("expected 1 to {AMOUNT_MAX_MINOR} minor units"))
        }
    }
}

impl From<Amount> for u64 {
    fn from(value: Amount) -> Self {
        value.0
    }
}

/// Picture bytes, base64 with padding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Image(pub Vec<u8>);

impl TryFrom<String> for Image {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match STANDARD.decode(text) {
            Ok(bytes) if !bytes.is_empty() => Ok(Self(bytes)),
            Ok(_) | Err(_) => Err("expected base64 with padding, at least one byte".into()),
        }
    }
}

impl From<Image> for String {
    fn from(value: Image) -> Self {
        STANDARD.encode(value.0)
    }
}

/// An APDU as hex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Apdu(pub Vec<u8>);

impl TryFrom<String> for Apdu {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let want = || format!("expected lower-case hex of at most {APDU_MAX} bytes");
        let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        let bytes = hex::decode(&text).map_err(|_| want())?;
        if lower && bytes.len() <= APDU_MAX {
            Ok(Self(bytes))
        } else {
            Err(want())
        }
    }
}

impl From<Apdu> for String {
    fn from(value: Apdu) -> Self {
        hex::encode(value.0)
    }
}

/// The largest integer that every reader of JSON holds exactly (RFC 7493).
pub const INTEGER_MAX: u64 = 9_007_199_254_740_991;

/// Reads milliseconds since 1970.
pub(crate) fn millis<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    let millis = i64::deserialize(from)?;
    let fits = u64::try_from(millis).is_ok_and(|millis| millis <= INTEGER_MAX);
    fits.then_some(millis)
        .ok_or_else(|| D::Error::custom("expected milliseconds since 1970"))
}

/// Reads a version or a sum.
pub(crate) fn count<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let count = u64::deserialize(from)?;
    let fits = count <= INTEGER_MAX;
    fits.then_some(count)
        .ok_or_else(|| D::Error::custom(format!("expected at most {INTEGER_MAX}")))
}

/// Reads a score.
pub(crate) fn thousandths<'de, D: Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
    let score = u16::deserialize(from)?;
    (score <= SCORE_MAX)
        .then_some(score)
        .ok_or_else(|| D::Error::custom("expected 0 to 1000"))
}

/// The best score.
const SCORE_MAX: u16 = 1000;

/// Reads the pictures of one video.
pub(crate) fn frames<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let frames = Vec::deserialize(from)?;
    (frames.len() <= FRAMES_MAX)
        .then_some(frames)
        .ok_or_else(|| D::Error::custom(format!("expected at most {FRAMES_MAX} frames")))
}

/// Reads the tokens of one message.
pub(crate) fn bulk<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let tokens = Vec::deserialize(from)?;
    (tokens.len() <= BULK_MINT_MAX)
        .then_some(tokens)
        .ok_or_else(|| D::Error::custom(format!("expected at most {BULK_MINT_MAX} tokens")))
}

/// Reads what may be null. It may not be missing: that is what an `Option` alone would allow.
pub(crate) fn nullable<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: TryFrom<String>>(text: &str, want: bool) {
        assert_eq!(T::try_from(text.to_owned()).is_ok(), want, "{text:?}");
    }

    #[test]
    fn what_each_type_takes() {
        check::<Hex<2>>("00ff", true);
        for text in ["00FF", "00f", "00ff0", "", "zzzz"] {
            check::<Hex<2>>(text, false);
        }
        check::<Name>("shop-1.a_B", true);
        for text in ["", "a b", "ü", &"x".repeat(65)] {
            check::<Name>(text, false);
        }
        check::<Text64>("李 雷", true);
        check::<Text64>("a\nb", false);
        check::<Date>("2024-02-29", true);
        for text in [
            "2023-02-29",
            "2024-13-01",
            "2024-1-01",
            "2024-04-31",
            "20240401",
            "2024-04-01-",
        ] {
            check::<Date>(text, false);
        }
        check::<Phone>("+8613800000000", true);
        check::<Phone>("++86138", false);
        check::<OtpCode>("012345", true);
        check::<OtpCode>("01234", false);
        let code = OtpCode::try_from("012345".to_owned());
        assert_eq!(format!("{code:?}"), "Ok(OtpCode)");
        check::<CardCode>("CAAAAAAAAAAAAAAAAAAA2", true);
        check::<CardCode>("AAAAAAAAAAAAAAAAAAAA2", false);
        check::<Agreement>("6288000012345678", false);
        check::<AuthCode>("A1b2C3", true);
        check::<AuthCode>("12345", false);
        check::<Image>("Zm9v", true);
        for text in ["", "Zm9", "Zm9v\n", "Zm=="] {
            check::<Image>(text, false);
        }
        assert!(Amount::try_from(0).is_err() && Amount::try_from(AMOUNT_MAX_MINOR + 1).is_err());
    }
}
