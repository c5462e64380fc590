//! The shell: the only place with sockets, stores, clock and dice.
//!
//! Read [`server`] first: it puts any [`kaika_wire::core::Core`] behind HTTP. [`store`] is what it commits to,
//! [`world`] starts all roles on loopback, [`client`] is the person with the phone and the shop.

pub mod clock;
pub mod dice;
pub mod fault;
pub mod keys;
pub mod log;
pub mod store;

pub use fault::Fault;
