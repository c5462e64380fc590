//! SPIN, asked: a Promela model becomes a verifier, the verifier runs, what it printed is read. Start at [`Pan::build`].

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a verifier found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// States stored.
    pub(crate) states: u64,
    /// Transitions: states stored and states met again.
    pub(crate) transitions: u64,
    /// The names of the assertions that failed somewhere.
    pub(crate) violated: BTreeSet<String>,
}

/// A verifier, compiled in a directory of its own, which goes with it.
#[derive(Debug)]
pub(crate) struct Pan {
    dir: PathBuf,
}

/// How many were built by this process.
static BUILT: AtomicUsize = AtomicUsize::new(0);

/// What is missing, and what to do.
const NO_SPIN: &str =
    "spin is not here: `apt-get install spin` (Debian) or `tests/all.sh`, which installs it";
const NO_CC: &str = "cc is not here: `apt-get install build-essential` (Debian) or `tests/all.sh`";

impl Pan {
    /// Has SPIN make a verifier of `promela/MODEL.pml` with these macros, and compiles it.
    ///
    /// `-o2`: a variable that is never read again is a part of the state all the same, as in our model. Storage is
    /// exact and the reduction of orders is off: there is one process.
    pub(crate) fn build(model: &str, macros: &[String], flags: &[&str]) -> Result<Self, String> {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!(
            "{model}-{}-{}",
            std::process::id(),
            BUILT.fetch_add(1, Ordering::Relaxed)
        ));
        fs::create_dir_all(&dir).map_err(|why| format!("{}: {why}", dir.display()))?;
        let pan = Self { dir };
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("promela")
            .join(format!("{model}.pml"));
        let mut spin = Command::new("spin");
        said(
            spin.args(["-a", "-o2"])
                .args(macros)
                .arg(source)
                .current_dir(&pan.dir),
            NO_SPIN,
        )?;
        let mut cc = Command::new("cc");
        let exact = ["-DSAFETY", "-DNOREDUCE", "-DMEMLIM=4096"];
        cc.args(exact).args(flags).args(["-o", "pan", "pan.c"]);
        said(cc.current_dir(&pan.dir), NO_CC)?;
        Ok(pan)
    }

    /// Runs to the end, past every failed assertion.
    pub(crate) fn run(&self) -> Result<Found, String> {
        let mut pan = Command::new(self.dir.join("pan"));
        pan.args(["-c0", "-m100000", "-w22"]);
        let failed = |why| format!("the verifier is gone ({why})");
        let mut child = pan.stdout(Stdio::piped()).spawn().map_err(failed)?;
        let printed = child.stdout.take().map(once_each).transpose();
        let status = child.wait().map_err(failed)?;
        let printed = printed.map_err(failed)?.unwrap_or_default();
        if status.success() {
            read(&printed)
        } else {
            Err(format!("{pan:?} failed:\n{printed}"))
        }
    }
}

impl Drop for Pan {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// What is printed, without the millions of lines that name an assertion again that has failed before.
fn once_each(printed: impl Read) -> io::Result<String> {
    let mut printed = BufReader::with_capacity(1 << 16, printed);
    let (mut kept, mut line) = (String::new(), String::new());
    let mut failed = BTreeSet::new();
    while printed.read_line(&mut line)? > 0 {
        let assertion = line
            .split_once(" (at depth")
            .and_then(|(before, _)| before.split_once(": "))
            .map(|(_, what)| what);
        if !assertion.is_some_and(|what| failed.contains(what)) {
            failed.extend(assertion.map(str::to_owned));
            kept.push_str(&line);
        }
        line.clear();
    }
    Ok(kept)
}

/// Runs a program and returns what it printed.
fn said(command: &mut Command, missing: &str) -> Result<String, String> {
    let output = command
        .output()
        .map_err(|why| format!("{missing} ({why})"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?} failed:\n{text}{errors}"))
}

/// Reads what a verifier printed. A search that was cut short is no answer.
pub(crate) fn read(printed: &str) -> Result<Found, String> {
    let cut = ["too small", "not completed", "out of memory", "Bitstate"];
    if let Some(line) = printed
        .lines()
        .find(|line| cut.iter().any(|word| line.contains(word)))
    {
        return Err(format!("the search did not look at everything: {line}"));
    }
    let violated = printed
        .lines()
        .filter(|line| line.starts_with("pan:"))
        .filter_map(|line| line.split_once(": ")?.1.split_once(" (at depth"))
        .map(|(what, _)| what.trim_start_matches("assertion violated ").to_owned())
        .collect();
    Ok(Found {
        states: number(printed, " states, stored")?,
        transitions: number(printed, " transitions (= stored+matched)")?,
        violated,
    })
}

fn number(printed: &str, what: &str) -> Result<u64, String> {
    printed
        .lines()
        .find_map(|line| line.strip_suffix(what)?.trim().parse().ok())
        .ok_or_else(|| format!("the verifier did not say how many{what}:\n{printed}"))
}
