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

/// The normative prose, file by file: what vectors pin the digest of.
pub const PROSE: &[(&str, &str)] = &[
    ("00-glossary.md", include_str!("../00-glossary.md")),
    ("10-roles.md", include_str!("../10-roles.md")),
    ("15-gaps.md", include_str!("../15-gaps.md")),
    ("17-claims.md", include_str!("../17-claims.md")),
    ("18-messages.md", include_str!("../18-messages.md")),
    ("20-apply.md", include_str!("../20-apply.md")),
    ("30-prove.md", include_str!("../30-prove.md")),
    ("40-issue.md", include_str!("../40-issue.md")),
    ("50-bind.md", include_str!("../50-bind.md")),
    ("60-provision.md", include_str!("../60-provision.md")),
    ("70-pay.md", include_str!("../70-pay.md")),
    ("75-tap.md", include_str!("../75-tap.md")),
    ("80-manage.md", include_str!("../80-manage.md")),
    ("85-apdu.md", include_str!("../85-apdu.md")),
    ("90-wire.md", include_str!("../90-wire.md")),
    ("92-log.md", include_str!("../92-log.md")),
    ("95-refusals.md", include_str!("../95-refusals.md")),
    ("97-properties.md", include_str!("../97-properties.md")),
    ("98-limits.md", include_str!("../98-limits.md")),
];
