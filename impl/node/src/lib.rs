//! The shell: the only place with sockets, stores, clock and dice.
//!
//! Read [`server`] first: it puts any [`kaika_wire::core::Core`] behind HTTP. [`store`] is what it commits to,
//! [`roles`] gives a role its store and peers, [`operator`] enrols people.

pub mod calendar;
pub mod chip;
pub mod client;
pub mod clock;
pub mod commands;
pub mod connection;
pub mod dice;
pub mod exchange;
pub mod fault;
pub mod frame;
pub mod framed;
pub mod keys;
pub mod line;
pub mod log;
pub mod operator;
pub mod peers;
pub mod pos_server;
pub mod roles;
pub mod server;
pub mod sms;
pub mod store;
pub mod till;
pub mod trail;
pub mod vault;
pub mod vpcd;
pub mod world;

pub use fault::Fault;
pub use kaika_issuer::Vault;
