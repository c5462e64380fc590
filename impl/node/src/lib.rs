//! The shell: the only place with sockets, stores, clock and dice.
//!
//! Read [`server`] first: it puts any [`kaika_wire::core::Core`] behind HTTP. [`store`] is what it commits to,
//! [`world`] starts all roles on loopback, [`client`] is the person with the phone and the shop.

mod admit;
pub mod clock;
pub mod connection;
pub mod dice;
pub mod exchange;
pub mod fault;
pub mod frame;
pub mod keys;
pub mod log;
pub mod peers;
pub mod server;
pub mod sms;
pub mod store;

pub(crate) use admit::mac;
pub use fault::Fault;
