//! HTTP and ISO 8583 messages: bytes to types and back, and the shape of a server core.
//!
//! Read [`core`] first: every server role is a [`core::Core`].

pub mod core;
pub mod dice;
pub mod problem;
