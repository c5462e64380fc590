//! Time for the cores: the system's, or the system's shifted by a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> i64;
}

/// A clock that many parts share.
pub type SharedClock = Arc<dyn Clock>;

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Clock for System {
    fn now(&self) -> i64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

/// The system's clock and an offset that can be set while servers run: tests wait a month in no time.
#[derive(Debug, Default)]
pub struct Shifted {
    offset_ms: AtomicI64,
}

impl Shifted {
    /// Sets how far this clock is ahead of the system's.
    pub fn set(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::SeqCst);
    }

    /// Moves this clock further ahead.
    pub fn advance(&self, by_ms: i64) {
        self.offset_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// How far it is ahead.
    pub fn offset(&self) -> i64 {
        self.offset_ms.load(Ordering::SeqCst)
    }
}

impl Clock for Shifted {
    fn now(&self) -> i64 {
        System.now().saturating_add(self.offset())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shifted_clock_is_ahead_by_its_offset() {
        let clock = Shifted::default();
        clock.advance(1_000_000);
        clock.advance(1_000);
        assert!(clock.now() - System.now() >= 1_000_900);
        clock.set(0);
        assert!((clock.now() - System.now()).abs() < 1_000);
    }
}
