//! Names and numbers of the protocol: no behaviour, no guards, no codec.
//!
//! The model, the implementation and the conformance runner meet here and nowhere else. They share what a
//! thing is *called* ([`Refusal`], [`Weakness`], [`PropertyId`]) and how large it may be ([`limit`]); what
//! each does about it is its own. Read [`refusal`] first: it is the vocabulary of every "no".
#![no_std]

pub mod limit;
pub mod names;
pub mod property;
pub mod refusal;
pub mod weakness;

pub use names::{Branch, Role, Scope, TokenState};
pub use property::PropertyId;
pub use refusal::{Class, Refusal};
pub use weakness::Weakness;
