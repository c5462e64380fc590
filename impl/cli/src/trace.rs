//! `kaika trace`: event logs against the model.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use anyhow::Context as _;
use kaika_trace::damage::{Log, Table};
use kaika_trace::{CAP, Checker, Report, Word};

use crate::OK;

/// Exit codes: 0 conforms; 1 violates; 2 inconclusive; 3 vacuous; 4 a log that cannot be judged, or a file that cannot be read.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Event logs, one for each role that has one. The parts of a log that was cut into files come one after the other.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Prints the report as JSON.
    #[arg(long)]
    json: bool,
    /// Acts that must be in the logs, as they stand there (`0100`) or by letters (`issuer:issue`); without them the logs are vacuous.
    #[arg(long, value_name = "ACT,…", value_delimiter = ',')]
    require: Vec<String>,
    /// Damages every event of the logs in every way, one at a time, and says how much of it is seen, as a table in Markdown.
    #[arg(long, conflicts_with_all = ["json", "require", "cap"])]
    damage: bool,
    /// States that may be believed of one thing at once; beyond it the verdict is inconclusive.
    #[arg(long, value_name = "N", default_value_t = CAP)]
    cap: usize,
}

/// Its exit code is its own: a verdict has four.
pub(crate) fn run(args: &Args) -> anyhow::Result<u8> {
    if args.damage {
        let table = Table::of(&logs(args)?).map_err(anyhow::Error::msg)?;
        print!("{}", table.page());
        return Ok(OK);
    }
    let report = checked(args)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report.json())?);
    } else {
        print!("{}", report.text());
    }
    Ok(code(report.word()))
}

fn logs(args: &Args) -> anyhow::Result<Vec<Log>> {
    let read = |path: &PathBuf| {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| name.clone())?;
        Log::read(&name, &text).map_err(|bad| anyhow::anyhow!("{bad}"))
    };
    args.files.iter().map(read).collect()
}

fn checked(args: &Args) -> anyhow::Result<Report> {
    let mut checker = Checker::new(args.cap);
    for path in &args.files {
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| name.clone())?;
        checker
            .read(&name, BufReader::with_capacity(1 << 16, file))
            .map_err(|bad| anyhow::anyhow!("{bad}"))?;
    }
    Ok(checker.finish(&args.require))
}

const fn code(word: Word) -> u8 {
    match word {
        Word::Conforms => 0,
        Word::Violates => 1,
        Word::Inconclusive => 2,
        Word::Vacuous => 3,
    }
}
