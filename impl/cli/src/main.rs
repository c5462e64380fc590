//! The front door: see `kaika_cli` for the subcommands.

fn main() -> std::process::ExitCode {
    kaika_cli::main()
}
