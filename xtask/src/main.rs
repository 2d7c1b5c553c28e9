//! farport's chores as commands: `cargo xtask --help` lists them.
//!
//! A chore is one file in `chores/`. What they share is small: [`steps`] runs named steps and sums
//! them up, [`process`] starts programs with a limit on their time, [`setup`] installs what a fresh
//! machine lacks, [`fixture`] is the server under test.

mod chores;
mod console;
mod fixture;
mod process;
mod project;
mod setup;
mod steps;

use std::process::ExitCode;

use chores::{bench, clients, conformance, fuzz, lint, schemas, test, wasm, worker};
use clap::{Parser, Subcommand};

/// farport's chores.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "\
Start here:
  cargo xtask test          everything CI runs but `lint`; installs what it needs under target/
  cargo xtask lint          format, clippy, licences and sources of dependencies, documentation

A step that fails names the command that runs it alone. What a chore downloads goes to target/;
`clients`, `conformance`, `wasm`, `fuzz` and `bench` ask apt-get only for what is missing."
)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Runs every test: the workspace, the templates, conformance, clients, schemas, wasm,
    /// Workers, fuzz.
    Test(test::Args),
    /// Checks format, lints, dependencies and documentation.
    Lint(lint::Args),
    /// Runs the official MCP conformance suite, both releases, against the fixture server.
    Conformance(conformance::Args),
    /// Runs real MCP clients from npm against the fixture server.
    Clients(clients::Args),
    /// Validates recorded wire messages of every revision against the official schemas.
    Schemas(schemas::Args),
    /// Compiles the portable crates for WebAssembly and checks that they import nothing from `env`.
    Wasm(wasm::Args),
    /// Runs the Workers of tests/worker in workerd: conformance, clients, restart, races, sizes.
    Worker(worker::Args),
    /// Builds the fuzz targets and runs each for a bounded time.
    Fuzz(fuzz::Args),
    /// Measures throughput, latency and memory, and writes docs/performance.md.
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().chore {
        Chore::Test(args) => test::run(&args),
        Chore::Lint(args) => lint::run(&args),
        Chore::Conformance(args) => conformance::run(&args),
        Chore::Clients(args) => clients::run(&args),
        Chore::Schemas(args) => schemas::run(&args),
        Chore::Wasm(args) => wasm::run(&args),
        Chore::Worker(args) => worker::run(&args),
        Chore::Fuzz(args) => fuzz::run(&args),
        Chore::Bench(args) => bench::run(&args),
    };
    match outcome {
        Ok(outcome) => {
            console::note(&outcome.to_string());
            ExitCode::SUCCESS
        }
        Err(error) => {
            console::error(&error);
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
