//! The front door: one file per subcommand. Start at [`main`].

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

mod apply;
mod attack;
mod bar;
mod check;
mod conform;
mod counter;
mod demo;
mod explore;
mod export;
mod logged;
mod pay;
mod person;
mod reference;
mod se;
mod serve;
mod strength;
mod tap;
mod trace;
mod vault;
mod vectors;
mod verify;
mod walk;

/// It was done, and what was asked for holds.
const OK: u8 = 0;
/// It was done, and the answer is no: declined, refused, violated.
const NO: u8 = 1;
/// It was done as far as it went, and the answer is not known.
const UNCLEAR: u8 = 3;
/// The world was not as it must be: a port in use, a server that does not answer, a file that cannot be read.
const WORLD: u8 = 4;
/// Nobody reads the output any more: what a shell makes of SIGPIPE.
const NOBODY_READS: i32 = 141;

/// A reference implementation of applying for a virtual card online and paying with it.
///
/// Exit codes: 0 done; 1 the answer is no (declined, refused, a property is violated); 2 the command line is wrong; 3 the answer is not known
/// (`conform`: no verdict); 4 something around it is wrong (a port in use, a server that does not answer, a file that cannot be read).
#[derive(Parser)]
#[command(name = "kaika", version)]
struct Line {
    /// What to do; verify when nothing is said.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Explores the model, generates the vectors, and plays them against the reference on loopback.
    Verify(verify::Args),
    /// Starts every role on loopback and follows one card from the password to the paid receipt.
    Demo(demo::Args),
    /// Explores the model: which properties hold, against whom, and which weakness breaks them.
    Check(check::Args),
    /// The shortest counterexample for one weakness, as a sequence chart.
    Attack(attack::Args),
    /// Serves Stateright's explorer of one scope to a browser.
    Explore(explore::Args),
    /// Writes the labelled transition system of one scope, for other tools.
    Export(export::Args),
    /// Writes the vectors that the model gives, or checks that they are fresh.
    Vectors(vectors::Args),
    /// Plays the vectors against a subject.
    Conform(conform::Args),
    /// Checks event logs against the model.
    Trace(trace::Args),
    /// Measures how strong the vectors are: coverage, and what of everything that a role could do wrong they tell.
    Strength(strength::Args),
    /// Runs one server.
    Serve(serve::Args),
    /// Runs a chip.
    Se(se::Args),
    /// Applies for a card at servers that are running.
    Apply(apply::Args),
    /// Pays online with a card.
    Pay(pay::Args),
    /// Pays at a shop with the chip.
    Tap(tap::Args),
    /// The operator's work at the issuer's vault: other keys, another PAN, more tokens.
    Vault(vault::Args),
    /// Prints completions for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// A reader that has seen enough (`kaika attack NAME | head`) is no fault: ends as a shell's own tools do, without a word.
fn end_quietly_when_nobody_reads() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |broken| {
        let said = broken.payload_as_str().unwrap_or_default();
        if said.starts_with("failed printing to stdout") && said.contains("Broken pipe") {
            std::process::exit(NOBODY_READS);
        }
        usual(broken);
    }));
}

/// Runs the command line and returns its exit code.
pub fn main() -> ExitCode {
    end_quietly_when_nobody_reads();
    let line = Line::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let command = line
        .command
        .unwrap_or_else(|| Command::Verify(verify::Args::default()));
    let done = match command {
        Command::Verify(args) => verify::run(&args, &runtime),
        Command::Demo(args) => runtime.block_on(demo::run(args)),
        Command::Check(args) => check::run(&args),
        Command::Attack(args) => attack::run(&args),
        Command::Explore(args) => explore::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Vectors(args) => vectors::run(&args),
        Command::Conform(args) => conform::run(&args, &runtime),
        Command::Trace(args) => trace::run(&args),
        Command::Strength(args) => strength::run(&args),
        Command::Serve(args) => runtime.block_on(serve::run(args)),
        Command::Se(args) => runtime.block_on(se::run(args)),
        Command::Apply(args) => runtime.block_on(apply::run(args)),
        Command::Pay(args) => runtime.block_on(pay::run(args)),
        Command::Tap(args) => runtime.block_on(tap::run(args)),
        Command::Vault(args) => runtime.block_on(vault::run(args)),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Line::command(), "kaika", &mut script);
            print!("{}", String::from_utf8_lossy(&script));
            Ok(OK)
        }
    };
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    done.map_or_else(|error| failed(&error), ExitCode::from)
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("kaika: {error:#}");
    ExitCode::from(WORLD)
}
