//! The chips that tests were given: each takes files and sockets, so that those which nobody needs any more are taken out.
//! Start at [`Chips`].

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kaika_node::Fault;
use tokio::task::JoinHandle;

/// Chips that stay although their reader has left: it may come again.
const LEFT: usize = 128;
/// Chips that stay at all: a test that failed before it had a reader never leaves.
const ALL: usize = 4 * LEFT;

/// A chip that waits for readers.
type Waiting = JoinHandle<Result<(), Fault>>;

struct Kept {
    chip: Waiting,
    /// It had a reader, and has none.
    left: Arc<AtomicBool>,
}

/// Chips, the oldest first.
#[derive(Default)]
pub(super) struct Chips {
    kept: Mutex<VecDeque<Kept>>,
}

impl Chips {
    /// Keeps a chip that says in `left` when its reader has left.
    pub(super) fn keep(&self, chip: Waiting, left: Arc<AtomicBool>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(Kept { chip, left });
        let has_left = |one: &Kept| one.left.load(Ordering::Relaxed);
        let mut free = kept.iter().filter(|one| has_left(one)).count();
        let mut most = kept.len();
        kept.retain(|one| {
            let goes = has_left(one) && free > LEFT || most > ALL;
            if goes {
                one.chip.abort();
                free -= usize::from(has_left(one));
                most -= 1;
            }
            !goes
        });
    }

    /// Takes every chip out.
    pub(super) fn clear(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.drain(..).for_each(|one| one.chip.abort());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use kaika_node::Fault;
    use tokio::task::AbortHandle;

    use super::{ALL, Chips, LEFT};

    /// A chip that waits for ever.
    fn chip(chips: &Chips, left: bool) -> AbortHandle {
        let chip = tokio::spawn(std::future::pending::<Result<(), Fault>>());
        let handle = chip.abort_handle();
        chips.keep(chip, Arc::new(AtomicBool::new(left)));
        handle
    }

    async fn ended(chips: &[AbortHandle]) -> usize {
        for _ in chips {
            tokio::task::yield_now().await;
        }
        chips.iter().filter(|chip| chip.is_finished()).count()
    }

    #[tokio::test]
    async fn a_chip_that_is_read_stays_however_many_others_come_and_go() {
        let chips = Chips::default();
        let read = chip(&chips, false);
        let others: Vec<_> = (0..3 * LEFT).map(|_| chip(&chips, true)).collect();
        assert_eq!(ended(&others).await, 2 * LEFT);
        assert!(others[..2 * LEFT].iter().all(AbortHandle::is_finished));
        assert!(!read.is_finished());
        chips.clear();
        assert_eq!(ended(&[read]).await, 1);
    }

    #[tokio::test]
    async fn chips_that_nobody_ever_reads_go_too() {
        let chips = Chips::default();
        let forgotten: Vec<_> = (0..ALL + 3).map(|_| chip(&chips, false)).collect();
        assert_eq!(ended(&forgotten).await, 3);
        assert!(forgotten[..3].iter().all(AbortHandle::is_finished));
    }
}
