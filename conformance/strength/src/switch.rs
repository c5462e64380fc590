//! What the rewritten steps call: each gives what it was given, unless one of its mutants is active on this thread.

use std::cell::Cell;

use kaika_model::{Outcome, role::Said};
use kaika_spec::Refusal;

thread_local! {
    static ACTIVE: Cell<u32> = const { Cell::new(0) };
}

/// Runs something with one mutant of its role active; 0 is none.
pub(crate) fn with<T>(mutant: u32, run: impl FnOnce() -> T) -> T {
    let before = ACTIVE.replace(mutant);
    let done = run();
    ACTIVE.set(before);
    done
}

/// How far the active mutant is beyond the first of a call.
fn beyond(first: u32) -> Option<usize> {
    let place = ACTIVE.get().checked_sub(first)?;
    usize::try_from(place).ok()
}

/// Whether this mutant is active.
pub(crate) fn on(mutant: u32) -> bool {
    ACTIVE.get() == mutant
}

/// A condition: always, never, negated.
pub(crate) fn truth(first: u32, value: bool) -> bool {
    match beyond(first) {
        Some(0) => true,
        Some(1) => false,
        Some(2) => !value,
        _ => value,
    }
}

/// A number that a counter is compared with or set to.
pub(crate) trait Number: Copy {
    /// The next one.
    fn more(self) -> Self;
    /// The one before.
    fn less(self) -> Self;
    /// The sum.
    fn plus(self, other: Self) -> Self;
}

macro_rules! number {
    ($($type:ty),*) => {$(
        impl Number for $type {
            fn more(self) -> Self { self.saturating_add(1) }
            fn less(self) -> Self { self.saturating_sub(1) }
            fn plus(self, other: Self) -> Self { self.saturating_add(other) }
        }
    )*};
}
number!(u8, u16, u32);

/// One more, one less.
pub(crate) fn off<T: Number>(first: u32, value: T) -> T {
    match beyond(first) {
        Some(0) => value.more(),
        Some(1) => value.less(),
        _ => value,
    }
}

/// One more.
pub(crate) fn more<T: Number>(first: u32, value: T) -> T {
    if on(first) { value.more() } else { value }
}

/// A sum that cannot overflow, however wrong its parts are.
pub(crate) fn plus<T: Number>(one: T, other: T) -> T {
    one.plus(other)
}

/// Another value.
pub(crate) fn swap<T: Copy>(first: u32, value: T, others: &[T]) -> T {
    let other = beyond(first).and_then(|place| others.get(place));
    other.copied().unwrap_or(value)
}

/// The other truth value.
pub(crate) fn flip(mutant: u32, value: bool) -> bool {
    value != on(mutant)
}

/// Another value as a whole.
pub(crate) fn reset<T>(mutant: u32, value: T, other: T) -> T {
    if on(mutant) { other } else { value }
}

/// All outputs but one.
pub(crate) fn said<O, const N: usize>(first: u32, outputs: [O; N]) -> Said<O> {
    let left_out = beyond(first);
    let kept = outputs
        .into_iter()
        .enumerate()
        .filter(|(place, _)| left_out != Some(*place));
    kept.map(|(_, output)| output).collect()
}

type Reqs = &'static [&'static str];

/// Refused; or accepted without a word.
pub(crate) fn refuse<S, O>(mutant: u32, next: S, refusal: Refusal, reqs: Reqs) -> Outcome<S, O> {
    if on(mutant) {
        Outcome::accept(next, [], reqs)
    } else {
        Outcome::refuse(next, refusal, reqs)
    }
}
