//! The bodies of `spec/90-wire.md`, one struct for each. [`parse`] is the only way in.
//!
//! Every struct refuses unknown, missing, repeated and wrongly typed fields. Request structs end in what they
//! ask (`OpenRequest`), answers in what they say (`Opened`).

use kaika_spec::Refusal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

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

macro_rules! body {
    ($($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $type:ty,)* })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[$fdoc])* pub $field: $type,)* }
    )+};
}
pub(crate) use body;

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
