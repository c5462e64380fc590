//! ISO 7816 command and response APDUs, BER-TLV and DOL: bytes to types and back.
//!
//! No allocation, no panic on any bytes, and time linear in their number. Read [`Command::parse`] first, then
//! [`tlv::Reader`] (siblings), [`tlv::walk`] (a whole tree), [`dol::Dol`] (what a card asks a terminal for) and
//! [`compact`] (historical bytes).
#![no_std]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod command;
pub mod compact;
pub mod dol;
pub mod response;
pub mod status;
pub mod tag;
pub mod tlv;

pub use command::Command;
pub use dol::Dol;
pub use response::Response;
pub use status::StatusWord;
pub use tag::Tag;

/// The bytes cannot be read as what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl core::fmt::Display for Malformed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("malformed bytes")
    }
}

impl core::error::Error for Malformed {}

/// The buffer to write into is too short, or a value too long for its length field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl core::fmt::Display for Full {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("no room")
    }
}

impl core::error::Error for Full {}
