//! Ports for processes that are told where to listen.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// The first port and how many follow: below those that the system gives to outgoing connections, which would take a
/// port between its being found free here and its being listened on there.
const PORTS: (u32, u32) = (20_000, 12_000);

/// A port that nobody listens on, and that this process has not given out before.
pub(crate) fn free() -> SocketAddr {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let own = std::process::id().wrapping_mul(97);
    for _ in 0..PORTS.1 {
        let place = own.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % PORTS.1;
        let port = u16::try_from(PORTS.0 + place).unwrap_or_default();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port is free")
}
