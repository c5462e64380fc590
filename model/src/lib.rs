//! The protocol as pure total role steps, checked by Stateright. Start at [`role`].

pub mod role;

pub use role::{Machine, Outcome, Verdict, Weak};
