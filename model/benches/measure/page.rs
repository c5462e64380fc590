//! The page that the benchmarks write, each its own part: docs/model-speed.md.

use std::path::PathBuf;

/// The parts of the page.
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "a benchmark writes one of them")]
pub(crate) enum Part {
    /// How large the model is; it begins the page.
    Growth,
    /// The explorer beside Stateright.
    Stateright,
    /// The explorer beside SPIN.
    Spin,
}

/// Where each part but the first begins.
const HEADINGS: [&str; 2] = ["\n## Beside Stateright\n", "\n## Beside SPIN\n"];

/// Writes one part and keeps the others.
pub(crate) fn write(part: Part, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/model-speed.md");
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let (first, rest) = old.split_once(HEADINGS[0]).unwrap_or((&old, ""));
    let (second, third) = rest.split_once(HEADINGS[1]).unwrap_or((rest, ""));
    let mut parts = [first, second, third];
    parts[part as usize] = text;
    let page = [parts[0], HEADINGS[0], parts[1], HEADINGS[1], parts[2]].concat();
    let written = std::fs::write(&path, page);
    assert!(written.is_ok(), "{}: {written:?}", path.display());
}
