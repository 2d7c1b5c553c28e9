//! The arguments of the commands that check a server.

use std::path::PathBuf;

use clap::Args;
use clap::builder::ValueHint;

use super::args::ConnectionArgs;

const RULES: &str = "Rules";
const OUTPUT: &str = "Output";

/// Find out what is wrong with a server
///
/// Sends requests to the server, also ones that a well-behaved client would not send, in every revision that
/// it offers. Prints a finding for each rule that the server breaks: the rule and where the specification has
/// it, what farport saw, and what to do. farport calls no tool, unless --calls permits it. After `--`, write the
/// command of a local server: farport starts it once for each revision.
#[derive(Debug, Args)]
#[command(
    override_usage = "farport doctor [OPTIONS] <URL|NAME>\n       farport doctor [OPTIONS] -- <COMMAND>..."
)]
#[command(after_help = "\
Examples:
  farport doctor http://localhost:8787/mcp
  farport doctor https://mcp.example.com/mcp --only authorization
  farport doctor -- npx -y some-mcp-server  Check a local server
  farport doctor https://mcp.example.com/mcp --json | jq -r '.findings[].rule'
  farport doctor --rules                    List the rules

Exit codes:
  0  the server breaks no rule of the severity `error`
  1  the command failed for another reason
  2  the arguments are invalid
  3  the server requires a sign-in: run `farport login URL`
  4  the server cannot be reached
  6  the server breaks a rule")]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) check: CheckArgs,
}

/// Test a server in CI
///
/// Checks the same rules as `farport doctor`, in every revision that the server offers, and writes reports
/// that CI services read.
#[derive(Debug, Args)]
#[command(
    override_usage = "farport test [OPTIONS] <URL|NAME>\n       farport test [OPTIONS] -- <COMMAND>..."
)]
#[command(after_help = "\
Examples:
  farport test http://localhost:8787/mcp --junit report.xml
  farport test https://mcp.example.com/mcp --strict --skip large-body,host
  farport test https://mcp.example.com/mcp -H 'Authorization: Bearer ${TOKEN}' --sarif report.sarif
  farport test http://localhost:8787/mcp --calls
                                    Also call the tools of .farport/calls.json
  farport test --strict -- node server.js
                                    Test a local server

Exit codes:
  0  the server breaks no rule of the severity `error`; with --strict, none at all
  1  the command failed for another reason
  2  the arguments are invalid
  3  the server requires a sign-in
  4  the server cannot be reached
  6  the server breaks a rule")]
pub(crate) struct TestArgs {
    #[command(flatten)]
    pub(crate) check: CheckArgs,

    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE", help_heading = OUTPUT, value_hint = ValueHint::FilePath)]
    pub(crate) junit: Option<PathBuf>,

    /// Write the findings as SARIF 2.1.0
    #[arg(long, value_name = "FILE", help_heading = OUTPUT, value_hint = ValueHint::FilePath)]
    pub(crate) sarif: Option<PathBuf>,
}

/// What is checked, and how.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// URL or name of the server
    #[arg(value_name = "URL|NAME", value_hint = ValueHint::Url, num_args = 0..=1)]
    pub(crate) words: Vec<String>,

    /// Check these rules or areas only, separated by commas
    #[arg(long, value_name = "RULES", value_delimiter = ',', help_heading = RULES)]
    pub(crate) only: Vec<String>,

    /// Skip these rules or areas
    #[arg(long, value_name = "RULES", value_delimiter = ',', help_heading = RULES)]
    pub(crate) skip: Vec<String>,

    /// Fail on warnings, too
    #[arg(long, help_heading = RULES)]
    pub(crate) strict: bool,

    /// Call the tools of the saved calls, and check the results
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = ".farport/calls.json")]
    #[arg(help_heading = RULES, value_hint = ValueHint::FilePath)]
    pub(crate) calls: Option<PathBuf>,

    /// List the rules and exit
    #[arg(long, help_heading = RULES)]
    pub(crate) rules: bool,

    /// Print the report as JSON
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}
