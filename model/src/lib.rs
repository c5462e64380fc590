//! The protocol as pure total role steps, composed into five worlds and one that crosses them, checked by Stateright.
//!
//! Start at [`role`] for what each party does, at [`scope`] for how they are composed with faults and an attacker,
//! and at [`check`] for what is asked of them.

pub mod bounds;
pub mod browse;
pub mod chart;
pub mod check;
pub mod explore;
pub mod export;
pub mod matrix;
pub mod pack;
pub mod role;
pub mod scope;
pub mod simulate;
pub mod svg;
pub mod told;
pub mod worth;

pub use chart::Chart;
pub use role::{Machine, Outcome, Verdict, Weak};
pub use scope::{Bounds, Config, Tier, World};
