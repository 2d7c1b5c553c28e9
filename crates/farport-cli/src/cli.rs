//! The arguments of every command. [`crate::settings`] combines them with the environment and
//! `farport.toml`.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser, ValueHint};
use clap::{Args, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};
use farport::ProviderName;

use crate::chat::args::ChatArgs;
use crate::deploy::args::DeployArgs;
use crate::mcp::args::{
    CallArgs, PromptArgs, PromptsArgs, ReadArgs, ResourcesArgs, RpcArgs, ToolsArgs,
};
use crate::mcp::check_args::{DoctorArgs, TestArgs};
use crate::mcp::shell_args::ShellArgs;
use crate::mcp::watch_args::WatchArgs;
use crate::operator::args::{GrantsArgs, TokensArgs};
use crate::remote::args::{AddArgs, ConnectArgs, LoginArgs, LogoutArgs, RemoveArgs, StatusArgs};
use crate::remote::inspect::InspectArgs;
use crate::remote::playground::PlaygroundArgs;
use crate::worker::args::{SecretArgs, TailArgs};
use crate::{dev, env_vars, scaffold, terminal};

const EXAMPLES: &str = "\
Examples:
  farport demo                   Start an example server
  farport new my-mcp-server      Create a server crate
  cd my-mcp-server
  farport dev                    Build and serve it, and reload it when a file changes
  farport deploy                 Deploy it to Cloudflare Workers
  farport inspect URL            Inspect a remote server in the browser
  farport call URL add a=2 b=3   Call a tool of a remote server
  farport doctor URL             Find out what is wrong with a remote server
  farport playground URL         Chat with a model that calls the server's tools
  farport chat URL QUESTION      Ask a model on the command line
  farport add claude NAME URL    Add a server to Claude Desktop
  farport connect URL            Connect a stdio client to a remote server
  farport help COMMAND           Show the options and examples of a command

Exit codes:
  0  Success, or stopped by Ctrl-C
  1  The command failed; the message says why
  2  Invalid command line
  3  to 8, for commands that send a request: see `farport help call` and `farport help chat`

Environment variables:
  FARPORT_HOST            Default of --host for `demo` and `dev`
  FARPORT_PORT            Default of --port for `demo` and `dev`
  FARPORT_AUTH_PROVIDER   Default of --auth for `demo`
  FARPORT_ALLOWED_HOSTS   Host names that a server accepts besides localhost
  FARPORT_STORE           Database of the server, for `tokens` and `grants`
  FARPORT_CONFIG_DIR      Folder of the sign-ins to remote servers
  NO_COLOR                Disable color";

/// Create, run and deploy remote MCP servers in Rust, and connect any MCP client to them
#[derive(Debug, Parser)]
#[command(name = "farport", version, after_help = EXAMPLES, styles = terminal::HELP)]
#[command(arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// When to use color; `auto` uses it on a terminal unless NO_COLOR is set
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Global options"
    )]
    pub(crate) color: ColorChoice,
}

impl Cli {
    /// Parses the process's arguments. clap reports `--help` and `--version` as errors, too.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        // clap writes its messages while it parses, before `--color` is known here.
        let command = Self::command().color(requested_color(std::env::args_os()));
        Self::from_arg_matches(&command.try_get_matches()?)
    }
}

/// Finds the value of `--color` without parsing the other arguments. clap rejects an invalid value.
fn requested_color(args: impl IntoIterator<Item = std::ffi::OsString>) -> ColorChoice {
    let mut args = args.into_iter().take_while(|arg| arg != "--");
    while let Some(arg) = args.next() {
        let value = match arg.to_str() {
            Some("--color") => args.next().and_then(|value| value.into_string().ok()),
            Some(arg) => arg.strip_prefix("--color=").map(str::to_owned),
            None => None,
        };
        if let Some(choice) = value.and_then(|value| value.parse().ok()) {
            return choice;
        }
    }
    ColorChoice::Auto
}

/// Checks the arguments that `farport add` received for `farport connect`, before it writes them to a
/// file. The client may set variables that a header refers to later.
pub(crate) fn check_connect(url: &str, args: &[String]) -> Result<(), crate::error::Error> {
    let words = ["farport", "connect", url].into_iter();
    let words = words.chain(args.iter().map(String::as_str));
    let parsed = Cli::command()
        .color(ColorChoice::Never)
        .try_get_matches_from(words);
    let invalid = |error: &clap::Error| {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        crate::remote::Error::ConnectArguments(if error.use_stderr() {
            first.trim_start_matches("error: ").to_owned()
        } else {
            "--help does not connect to a server".to_owned()
        })
    };
    let parsed = parsed.map_err(|error| invalid(&error))?;
    let cli = Cli::from_arg_matches(&parsed).map_err(|error| invalid(&error))?;
    if let Command::Connect(connect) = cli.command {
        connect.settle(crate::remote::Variables::Later)?;
    }
    Ok(())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(DemoArgs),
    New(NewArgs),
    #[command(flatten)]
    Development(dev::Command),
    Deploy(DeployArgs),
    Secret(SecretArgs),
    Tail(TailArgs),
    Tools(Box<ToolsArgs>),
    Call(Box<CallArgs>),
    Resources(Box<ResourcesArgs>),
    Read(Box<ReadArgs>),
    Prompts(Box<PromptsArgs>),
    Prompt(Box<PromptArgs>),
    Rpc(Box<RpcArgs>),
    Watch(Box<WatchArgs>),
    Shell(Box<ShellArgs>),
    Doctor(Box<DoctorArgs>),
    Test(Box<TestArgs>),
    Chat(Box<ChatArgs>),
    Connect(Box<ConnectArgs>),
    Inspect(InspectArgs),
    Playground(PlaygroundArgs),
    Add(AddArgs),
    Remove(RemoveArgs),
    Login(Box<LoginArgs>),
    Logout(LogoutArgs),
    Status(StatusArgs),
    Tokens(TokensArgs),
    Grants(GrantsArgs),
    Completions(CompletionsArgs),
    // Only packages of a release have manual pages.
    #[cfg(feature = "release")]
    Man(crate::commands::man::ManArgs),
}

impl Command {
    /// Whether this is a request to a server with `--json`: an error is JSON then, too.
    pub(crate) fn prints_json(&self) -> bool {
        match self {
            Self::Tools(args) => args.json,
            Self::Call(args) => args.json,
            Self::Resources(args) => args.list.json,
            Self::Read(args) => args.json,
            Self::Prompts(args) => args.list.json,
            Self::Prompt(args) => args.json,
            Self::Doctor(args) => args.check.json,
            Self::Test(args) => args.check.json,
            Self::Chat(args) => args.json,
            _ => false,
        }
    }
}

/// The address to listen on.
#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    /// Port to listen on; 0 picks a free one [default: 8787]
    #[arg(long, value_name = "PORT", env = env_vars::FARPORT_PORT, hide_env_values = true)]
    pub(crate) port: Option<u16>,

    /// Host name or IP address to listen on; use 0.0.0.0 with FARPORT_ALLOWED_HOSTS to serve other
    /// machines [default: localhost]
    #[arg(long, value_name = "HOST", env = env_vars::FARPORT_HOST, hide_env_values = true)]
    #[arg(value_hint = ValueHint::Hostname)]
    pub(crate) host: Option<String>,
}

/// Serve an example server: a calculator, with or without sign-in
///
/// The demo creates no files and keeps everything in memory.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport demo
  farport demo --port 0                     Listen on a free port
  farport demo --auth dev-login             Require a sign-in that accepts any name
  GITHUB_CLIENT_ID=.. GITHUB_CLIENT_SECRET=.. farport demo --auth github
                                            Require a sign-in with GitHub

With a sign-in, the calculator also has the tool `whoami`. Register the redirect URI
http://localhost:8787/callback at the provider. docs/providers.md lists the variables of each
provider.")]
pub(crate) struct DemoArgs {
    /// Sign-in provider [default: `[auth] provider` in farport.toml, else no sign-in]
    #[arg(long, value_name = "PROVIDER", env = env_vars::FARPORT_AUTH_PROVIDER, hide_env_values = true, value_parser = providers())]
    pub(crate) auth: Option<ProviderName>,
    /// Issuer URL of the OpenID provider, for `--auth oidc` [env: OIDC_ISSUER]
    #[arg(long, value_name = "URL", requires = "auth")]
    pub(crate) issuer: Option<String>,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
}

/// Create a server crate from a template
///
/// farport runs no code from a template, and never overwrites existing files.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport new my-mcp-server
  farport new my-mcp-server --template github
  farport new my-mcp-server --target worker --ci github
  farport new weather --template https://example.com/templates.git#main:rust/weather

Built-in templates:
  authless       A public calculator, without sign-in
  dev-login      Sign-in with any name, for development; no account needed
  api-token      API tokens, for scripts and clients without a browser
  github, google, slack, auth0, workos, stytch
                 Sign-in with this provider, and tools that use the user's account or permissions
  oidc           Sign-in with any other OpenID provider
  worker         `authless` for Cloudflare Workers
  github-worker  `github` for Cloudflare Workers")]
pub(crate) struct NewArgs {
    /// Name or path of the new crate; `.` for the current folder
    #[arg(value_name = "NAME", value_hint = ValueHint::DirPath)]
    pub(crate) path: PathBuf,

    /// Built-in template (listed below), folder, or git URL as URL#branch:subfolder
    #[arg(long, short, value_name = "TEMPLATE", default_value = "authless")]
    pub(crate) template: String,

    /// Where the server will run; `worker` is available for `authless` and `github`
    #[arg(long, value_name = "TARGET", default_value = "native")]
    pub(crate) target: scaffold::Target,

    /// CI service to add a workflow for, which tests and deploys the server on each push
    #[arg(long, value_name = "SERVICE")]
    pub(crate) ci: Option<scaffold::Ci>,

    /// Do not create a git repository
    #[arg(long)]
    pub(crate) no_git: bool,

    /// Use the farport checkout that this command was built from [default if it exists]
    #[arg(long)]
    pub(crate) path_deps: bool,

    /// Use the released version of farport
    #[arg(long, conflicts_with = "path_deps")]
    pub(crate) registry_deps: bool,

    /// Print the result as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Build and serve the crate in this folder, and reload it when a file changes
///
/// The port stays open: while farport builds a change, and after a build fails, the previous version
/// keeps serving. farport logs one line for each request. The server gets the variables in
/// `.dev.vars`, unless the environment already sets them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport dev
  farport dev --port 0       Listen on a free port
  farport dev --inspect      Call the server's tools in the browser, too
  farport dev --worker       Serve it as a Cloudflare Worker
  FARPORT_ALLOWED_HOSTS=box.lan farport dev --host 0.0.0.0
                             Serve other machines, at http://box.lan:8787/mcp

Press Ctrl-C to stop. To log more or less, set FARPORT_LOG, for example to `debug` or `warn`.")]
pub(crate) struct DevArgs {
    #[command(flatten)]
    pub(crate) listen: ListenArgs,

    /// Serve the crate as a Cloudflare Worker, with `wrangler dev`
    #[arg(long, conflicts_with = "bin")]
    pub(crate) worker: bool,

    /// Build with optimizations
    #[arg(long, short)]
    pub(crate) release: bool,

    /// Binary to run [default: the only one, or `default-run` in Cargo.toml]
    #[arg(long, value_name = "NAME")]
    pub(crate) bin: Option<String>,

    /// Open an inspector on the server, which follows each reload; not with --worker
    #[arg(long)]
    pub(crate) inspect: bool,

    /// Print the inspector's URL without opening a browser
    #[arg(long, requires = "inspect")]
    pub(crate) no_open: bool,
}

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport completions bash > ~/.local/share/bash-completion/completions/farport
  farport completions zsh > \"${fpath[1]}/_farport\"
  farport completions fish > ~/.config/fish/completions/farport.fish

The script asks farport for the candidates. After `farport tools URL` or `farport call URL ..`, it also
completes the tools of that server, their arguments and values. It never connects to a server. Write the
script again after an update of farport.")]
pub(crate) struct CompletionsArgs {
    /// Shell to print the script for
    pub(crate) shell: clap_complete::Shell,
}

/// Reads the name of a sign-in provider.
fn providers() -> impl TypedValueParser<Value = ProviderName> {
    let names = ProviderName::ALL.map(|(_, name, words)| PossibleValue::new(name).help(words));
    PossibleValuesParser::new(names).try_map(|text| {
        let found = ProviderName::ALL.iter().find(|(_, name, _)| *name == text);
        found
            .map(|(provider, ..)| *provider)
            .ok_or("no such provider")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declaration_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_color_is_known_before_parsing() {
        for (args, expected) in [
            ("farport --help", ColorChoice::Auto),
            ("farport --color never --help", ColorChoice::Never),
            ("farport demo --color=always", ColorChoice::Always),
            ("farport --color sometimes", ColorChoice::Auto),
            ("farport --color", ColorChoice::Auto),
            ("farport -- --color=never", ColorChoice::Auto),
        ] {
            let args = args.split(' ').map(Into::into);
            assert_eq!(requested_color(args), expected);
        }
    }

    #[test]
    fn the_reference_has_every_command_and_every_option() {
        let page = include_str!("../../../docs/cli.md");
        for command in Cli::command()
            .get_subcommands()
            .filter(|command| !command.is_hide_set())
        {
            let name = command.get_name();
            let heading = format!("\n## `farport {name}");
            let (_, section) = page.split_once(&heading).unwrap();
            let section = section.split("\n## ").next().unwrap();
            for option in command.get_opts().filter_map(|option| option.get_long()) {
                assert!(
                    section.contains(&format!("`--{option}")),
                    "{name} --{option}"
                );
            }
        }
    }
}
