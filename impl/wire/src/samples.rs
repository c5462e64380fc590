//! Values of every message at the edges of what it takes: for tests that hold documents to types.
//!
//! Start at [`Sample`]. A message's samples are made by the macro that makes the message, so none can be forgotten.

use kaika_spec::limit::{AMOUNT_MAX_MINOR, APDU_MAX, FRAMES_MAX};

use crate::value::{
    AccountReference, Agreement, Amount, Apdu, AuthCode, CardCode, Currency, CustomerId, Date, Hex,
    INTEGER_MAX, IdNumber, IdType, Image, Name, OtpCode, Phone, Text64, Version,
};
use crate::words::{Action, Actions};

/// A type that knows good values of itself: at least one, and the edges.
pub trait Sample: Clone {
    /// The values.
    fn samples() -> Vec<Self>;
}

/// One sample with the first value in every field, and one for each other value of each field.
macro_rules! vary {
    ([$($made:tt)+] $($field:ident: $type:ty,)*) => {{
        #[derive(Clone)]
        struct Fields { $($field: $type,)* }
        let first = Fields { $($field: $crate::samples::first(),)* };
        #[allow(unused_mut, reason = "a message may have no fields")]
        let mut all = vec![first.clone()];
        $(for value in <$type as $crate::samples::Sample>::samples().into_iter().skip(1) {
            #[allow(clippy::needless_update, reason = "a message may have one field")]
            all.push(Fields { $field: value, ..first.clone() });
        })*
        all.into_iter().map(|Fields { $($field,)* }| $($made)+ { $($field,)* }).collect::<Vec<_>>()
    }};
}
pub(crate) use vary;

/// The first sample.
///
/// # Panics
/// When a type has none.
pub fn first<T: Sample>() -> T {
    match T::samples().into_iter().next() {
        Some(value) => value,
        None => panic!("a type without samples"),
    }
}

macro_rules! plain {
    ($($type:ty: $values:expr;)+) => {$(
        impl Sample for $type {
            fn samples() -> Vec<Self> {
                $values.to_vec()
            }
        }
    )+};
}

plain! {
    bool: [true, false];
    u16: [1000, 0];
    u32: [5, 0, u32::MAX];
    u64: [1, 0, INTEGER_MAX];
    i64: [1_700_000_000_000, 0, INTEGER_MAX.cast_signed()];
    String: [String::new(), "*".into(), "x".repeat(100)];
    Image: [Image(vec![0]), Image(b"ab".to_vec()), Image(b"abc".to_vec()), Image(vec![0xff; 4])];
    Apdu: [Apdu(vec![0x90, 0x00]), Apdu(vec![]), Apdu(vec![0xab; APDU_MAX])];
    Actions: [
        Actions([Action::Blink, Action::Nod, Action::OpenMouth]),
        Actions([Action::TurnRight, Action::TurnLeft, Action::Blink]),
    ];
}

impl<const N: usize> Sample for Hex<N> {
    fn samples() -> Vec<Self> {
        vec![Self([0x1f; N]), Self([0; N]), Self([0xff; N])]
    }
}

impl<T: Sample> Sample for Option<T> {
    fn samples() -> Vec<Self> {
        let some = T::samples().into_iter().map(Some);
        some.chain([None]).collect()
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn samples() -> Vec<Self> {
        let full = T::samples().into_iter().cycle().take(FRAMES_MAX);
        let one = T::samples().into_iter().take(1);
        vec![one.collect(), vec![], full.collect()]
    }
}

/// Values that are read from text.
fn texts<T: TryFrom<String>>(texts: &[&str]) -> Vec<T> {
    let read = |text: &&str| match T::try_from((*text).to_owned()) {
        Ok(value) => value,
        Err(_) => panic!("{text:?} is not a good value"),
    };
    texts.iter().map(read).collect()
}

macro_rules! text {
    ($($type:ty: $values:expr;)+) => {$(
        impl Sample for $type {
            fn samples() -> Vec<Self> {
                texts(&$values)
            }
        }
    )+};
}

text! {
    Name: ["lilei", "-", &"aZ09._-x".repeat(8)];
    Text64: ["李雷", " ", &"雷".repeat(64), "\u{1f600}\u{ad}"];
    IdNumber: ["110101199001011234", "x", &"é".repeat(32)];
    Version: ["1", &"ü".repeat(16)];
    IdType: ["resident-id", "passport"];
    Date: ["2035-12-31", "2024-02-29", "0001-01-01", "9999-12-31"];
    Currency: ["156", "000"];
    Phone: ["+8613800005678", "12345", "+12345", "12345678901234567890", "+12345678901234567890"];
    OtpCode: ["012345", "999999"];
    CardCode: ["CABCDEFGHIJ234567ABCD", "CAAAAAAAAAAAAAAAAAAAA"];
    AccountReference: ["KAI1ABCDEFGHIJKLMNOPQRSTUVWXY", "00000000000000000000000000009"];
    Agreement: ["AABCDEFGHIJ234567ABCD"];
    CustomerId: ["UABCDEFGHIJ234567ABCD"];
    AuthCode: ["012345", "A1b2C3"];
}

impl Sample for Amount {
    fn samples() -> Vec<Self> {
        let amounts = [100, 1, AMOUNT_MAX_MINOR];
        amounts
            .into_iter()
            .filter_map(|minor| Self::try_from(minor).ok())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::{Applicant, issuer, verifier};

    fn check<
        T: Sample + PartialEq + core::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
    >(
        least: usize,
    ) {
        let samples = T::samples();
        assert!(samples.len() >= least, "{} samples", samples.len());
        for sample in samples {
            let text = serde_json::to_string(&sample).unwrap_or_default();
            match serde_json::from_str::<T>(&text) {
                Ok(read) => assert_eq!(read, sample, "{text}"),
                Err(error) => panic!("{text}: {error}"),
            }
        }
    }

    #[test]
    fn samples_are_read_again_as_they_were() {
        check::<Applicant>(9);
        check::<verifier::Next>(20);
        check::<issuer::Evidence>(8);
        check::<issuer::Provisioned>(4);
        check::<verifier::FramesRequest>(5);
    }
}
