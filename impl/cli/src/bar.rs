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
