//! HTTP and ISO 8583 messages: bytes to types and back, and the shape of a server core.
//!
//! Read [`core`] first: every server role is a [`core::Core`]. [`front`] admits a message by its headers,
//! [`messages`] reads its body, [`problem`] says no, [`iso8583`] is the shop's side.

pub mod calendar;
pub mod core;
pub mod dice;
pub mod front;
pub mod iso8583;
pub mod memory;
pub mod messages;
pub mod problem;
#[cfg(feature = "samples")]
pub mod samples;
pub mod value;
pub mod words;
