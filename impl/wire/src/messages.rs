//! The bodies of `spec/90-wire.md`, one struct for each. [`parse`] is the only way in.
//!
//! Every type refuses unknown, missing, repeated and wrongly typed fields. Request structs end in what they
//! ask (`OpenRequest`), answers in what they say (`Opened`).

use core::fmt;
use core::marker::PhantomData;

use kaika_spec::Refusal;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::core::Refused;
use crate::value::{Date, IdNumber, IdType, Text64};

pub mod identity;
pub mod issuer;
pub mod verifier;

/// Reads one body.
///
/// # Errors
/// `malformed`, naming what was wrong and where.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    //= spec/90-wire.md#wir-1-unknown-fields-are-refused
    //# A server MUST refuse a body with an unknown, missing, repeated or wrongly typed field as `malformed`, naming the field.
    serde_json::from_slice(body).map_err(|error| Refused {
        refusal: Refusal::Malformed,
        detail: Some(error.to_string()),
    })
}

/// Messages that are JSON objects with these members and no others.
macro_rules! body {
    ($($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $type:ty,)* })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(remote = "Self", deny_unknown_fields)]
        pub struct $name { $($(#[$fdoc])* pub $field: $type,)* }

        $crate::messages::object! { $name }

        #[cfg(feature = "samples")]
        impl $crate::samples::Sample for $name {
            fn samples() -> Vec<Self> {
                $crate::samples::vary!([Self] $($field: $type,)*)
            }
        }
    )+};
}
pub(crate) use body;

/// Messages of several shapes, told apart by one member.
macro_rules! shapes {
    ($(#[$doc:meta])* $name:ident by $tag:literal {
        $($(#[$vdoc:meta])* $variant:ident = $word:literal { $($(#[$fdoc:meta])* $field:ident: $type:ty,)* })+
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(remote = "Self", tag = $tag, deny_unknown_fields)]
        pub enum $name { $(
            $(#[$vdoc])*
            // Braces even where there is nothing between them: serde lets anything pass beside a variant without.
            #[serde(rename = $word)]
            $variant { $($(#[$fdoc])* $field: $type,)* },
        )+ }

        $crate::messages::object! { $name }

        #[cfg(feature = "samples")]
        impl $crate::samples::Sample for $name {
            fn samples() -> Vec<Self> {
                [$($crate::samples::vary!([Self::$variant] $($field: $type,)*),)+].concat()
            }
        }
    };
}
pub(crate) use shapes;

/// Reads a type from a JSON object only: serde's derived readers also take an array of the members in order.
macro_rules! object {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, to)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_map($crate::messages::Object(core::marker::PhantomData))
            }
        }

        impl<'de> $crate::messages::Members<'de> for $name {
            fn read<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Self::deserialize(from)
            }
        }
    };
}
pub(crate) use object;

/// A type that is read from the members of an object.
trait Members<'de>: Sized {
    fn read<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error>;
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Members<'de>> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::read(MapAccessDeserializer::new(members))
    }
}

body! {
    /// Who applies.
    Applicant {
        /// As on the document.
        name: Text64,
        /// Kind of document.
        id_type: IdType,
        /// Its number.
        id_no: IdNumber,
        /// Last day of its validity.
        id_valid_to: Date,
    }

    /// A body without fields.
    Empty {}
}
