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

use chores::{
    api, bench, clients, conditions, conformance, dist, docs, fuzz, instructions, lint, methods,
    models, mutants, package, templates, test, ui, wasm, words, worker,
};
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

A step that fails names the command that runs it alone. What a chore downloads goes to target/.
A step that lacks a package of the system says how to get it, or installs it with --install."
)]
struct Cli {
    /// Install missing packages of the system with apt-get, such as a browser, and fail where a step
    /// would be skipped without them
    #[arg(long, global = true)]
    install: bool,
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Runs every test: the workspace, the templates, conformance, clients, wasm,
    /// Workers, fuzz.
    Test(test::Args),
    /// Checks format, lints, dependencies and documentation.
    Lint(lint::Args),
    /// Runs the official MCP conformance suite, both releases, against the fixture server.
    Conformance(conformance::Args),
    /// Runs real MCP clients from npm against the fixture server.
    Clients(clients::Args),
    /// Tests the page of `farport inspect`: its modules, and the page in a browser.
    Ui(ui::Args),
    /// Lets a small real model call a tool of `farport demo`.
    Models(models::Args),
    /// Compiles the portable crates for WebAssembly and checks that they import nothing from `env`.
    Wasm(wasm::Args),
    /// Runs the Workers of tests/worker in workerd: conformance, clients, restart, races, sizes.
    Worker(worker::Args),
    /// Builds the fuzz targets and runs each for a bounded time.
    Fuzz(fuzz::Args),
    /// Changes the code that decides, one place at a time, and checks that the tests catch it.
    Mutants(mutants::Args),
    /// Lists the public API of each library in api/, so that every change of it is visible.
    Api(api::Args),
    /// Checks the documents and builds them as a book, with search, in target/book.
    Docs(docs::Args),
    /// Writes the built-in templates of `farport new` to crates/farport-cli/templates.json.
    Templates(templates::Args),
    /// Packages the published crates, and builds a new server against the packages.
    Package(package::Args),
    /// Builds what a release ships: programs, npm packages, wheels, .deb, image, installers.
    Dist(dist::Args),
    /// Finds phrases that are hard to read, by the list in xtask/words.toml.
    Words(words::Args),
    /// Checks that the crates have at most 25 conditions on targets and features.
    Conditions(conditions::Args),
    /// Checks that no type has methods in more than four files.
    Methods(methods::Args),
    /// Counts the instructions of a call, and compares them with bench/instructions.toml.
    Instructions(instructions::Args),
    /// Measures throughput, latency and memory, and writes docs/performance.md.
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.install {
        setup::permit_install();
    }
    let outcome = match cli.chore {
        Chore::Test(args) => test::run(&args),
        Chore::Lint(args) => lint::run(&args),
        Chore::Conformance(args) => conformance::run(&args),
        Chore::Clients(args) => clients::run(&args),
        Chore::Ui(args) => ui::run(&args),
        Chore::Models(args) => models::run(&args),
        Chore::Wasm(args) => wasm::run(&args),
        Chore::Worker(args) => worker::run(&args),
        Chore::Fuzz(args) => fuzz::run(&args),
        Chore::Mutants(args) => mutants::run(&args),
        Chore::Api(args) => api::run(&args),
        Chore::Docs(args) => docs::run(&args),
        Chore::Templates(args) => templates::run(&args),
        Chore::Package(args) => package::run(&args),
        Chore::Dist(args) => dist::run(&args),
        Chore::Words(args) => words::run(&args),
        Chore::Conditions(args) => conditions::run(&args),
        Chore::Methods(args) => methods::run(&args),
        Chore::Instructions(args) => instructions::run(&args),
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
    use clap::{CommandFactory, Parser};

    use super::{Cli, project};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_chore_in_the_documents_exists() {
        let mut seen = 0;
        for document in [
            "README.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
            "docs/performance.md",
        ] {
            let text = std::fs::read_to_string(project::root().join(document)).unwrap();
            let commands = text.split(['`', '\n']);
            for command in commands.filter(|line| line.starts_with("cargo xtask ")) {
                let words = command.split('#').next().unwrap_or_default();
                let words = words.split_whitespace().skip(1);
                if let Err(error) = Cli::try_parse_from(words) {
                    assert!(!error.use_stderr(), "{document}: {command}: {error}");
                }
                seen += 1;
            }
        }
        assert!(seen > 5, "only {seen} commands were found");
    }
}
