//! The front door as a test target: a whole suite is one test command of cargo.
//!
//! `cargo test -p kaika-cli --test suite -- conform --subject reference --role issuer --first`. Whatever changes a role's code and
//! asks cargo whether a test fails can so ask the vectors; `tests/mutants.sh` does. A plain `cargo test` does not build it.

fn main() -> std::process::ExitCode {
    kaika_cli::main()
}
