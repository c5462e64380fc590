//! Progress: a bar on a terminal, nothing elsewhere; results are what is printed either way.

use indicatif::{ProgressBar, ProgressStyle};

/// A spinner with a changing message, for work whose size is not known.
pub(crate) fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar
}

/// A bar for work of a known size.
pub(crate) fn counted(what: &str, total: usize) -> ProgressBar {
    let bar = ProgressBar::new(total as u64);
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar
}
