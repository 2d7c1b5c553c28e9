//! The arguments of every command, declared. What they mean together with the environment and
//! `farport.toml` is settled in [`crate::settings`].

use std::path::PathBuf;

use clap::builder::ValueHint;
use clap::{Args, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};
use farport::ProviderName;

use crate::deploy::args::DeployArgs;
use crate::operator::args::{GrantsArgs, TokensArgs};
use crate::remote::args::{AddArgs, ConnectArgs, LoginArgs, LogoutArgs, RemoveArgs, StatusArgs};
use crate::worker::args::{SecretArgs, TailArgs};
use crate::{env_vars, scaffold, terminal};

const EXAMPLES: &str = "\
Examples:
  farport demo                   A calculator server, live in a second
  farport new my-mcp-server      Generate a server of your own
  cd my-mcp-server
  farport dev                    Build it, serve it, reload it on every change
  farport deploy                 Build it for Cloudflare Workers and deploy it; or --target docker
  farport connect URL            Reach a remote server from a client that only speaks stdio
  farport add claude NAME URL    Write it into a client's configuration

Exit codes:
  0  done
  1  it could not be done; the message says why
  2  the command was not understood

Environment:
  NO_COLOR                     No colour, whatever the terminal
  FARPORT_HOST, FARPORT_PORT   Where `demo` and `dev` listen, unless --host or --port is given
  FARPORT_AUTH_PROVIDER        How users of `demo` sign in, unless --auth is given
  FARPORT_ALLOWED_HOSTS        Names other machines may call the server by
  FARPORT_CONFIG_DIR           Where sign-ins are kept";

/// Remote MCP servers in Rust: generate one, run it, reach it from every MCP client.
#[derive(Debug, Parser)]
#[command(name = "farport", version, after_help = EXAMPLES, styles = terminal::HELP)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// When to use colour. `auto` means: on a terminal, unless NO_COLOR is set.
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
    /// Reads the process's arguments. The error is also how `--help` and `--version` arrive.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        // clap words its own messages while it parses, before `--color` is known to us.
        let command = Self::command().color(wanted_colour(std::env::args_os()));
        Self::from_arg_matches(&command.try_get_matches()?)
    }
}

/// The value of `--color`, as far as it can be told without parsing. A value that is not
/// understood is left to the parser to refuse.
fn wanted_colour(args: impl IntoIterator<Item = std::ffi::OsString>) -> ColorChoice {
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

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(DemoArgs),
    New(NewArgs),
    #[cfg(unix)]
    Dev(DevArgs),
    #[cfg(unix)]
    Guarded(GuardedArgs),
    Deploy(DeployArgs),
    Secret(SecretArgs),
    Tail(TailArgs),
    Connect(Box<ConnectArgs>),
    Add(AddArgs),
    Remove(RemoveArgs),
    Login(Box<LoginArgs>),
    Logout(LogoutArgs),
    Status(StatusArgs),
    Tokens(TokensArgs),
    Grants(GrantsArgs),
    Completions(CompletionsArgs),
}

/// Where to listen.
#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    /// Port to listen on; 0 takes a free one and prints it [default: 8787]
    #[arg(long, value_name = "PORT", env = env_vars::FARPORT_PORT, hide_env_values = true)]
    pub(crate) port: Option<u16>,

    /// Name or address to listen on; with 0.0.0.0, clients on other machines are served that call
    /// it by a name in FARPORT_ALLOWED_HOSTS [default: localhost]
    #[arg(long, value_name = "HOST", env = env_vars::FARPORT_HOST, hide_env_values = true)]
    #[arg(value_hint = ValueHint::Hostname)]
    pub(crate) host: Option<String>,
}

/// Serve the calculator of the `authless` template, without generating anything
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport demo
  farport demo --port 0       On a free port
  farport demo --auth dev-login
                              Behind a sign-in that takes any name
  GITHUB_CLIENT_ID=.. GITHUB_CLIENT_SECRET=.. farport demo --auth github
  OIDC_CLIENT_ID=.. OIDC_CLIENT_SECRET=.. farport demo --auth oidc --issuer https://id.example
                              Behind a real one; its callback is http://localhost:8787/callback

Behind a sign-in, the calculator has one more tool: `whoami`. The variables of each provider are in
docs/providers.md. Unless --auth is given, `[auth] provider` of a farport.toml here says where users
sign in.")]
pub(crate) struct DemoArgs {
    /// Put a sign-in before it
    #[arg(long, value_name = "HOW", env = env_vars::FARPORT_AUTH_PROVIDER, hide_env_values = true)]
    pub(crate) auth: Option<ProviderName>,
    /// The OpenID provider where users sign in, for `--auth oidc` [env: OIDC_ISSUER]
    #[arg(long, value_name = "URL", requires = "auth")]
    pub(crate) issuer: Option<String>,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
}

/// Generate a server crate from a template
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport new my-mcp-server
  farport new servers/weather --no-git
  farport new my-mcp-server --template github
  farport new my-mcp-server --target worker --ci github
  farport new weather --template ../templates/weather
  farport new weather --template https://example.com/templates.git#main:rust/weather

Built-in templates:
  authless    A calculator that anyone may call
  worker      The same for Cloudflare Workers; github-worker likewise
  dev-login   Sign-in under any name, for development: needs no account anywhere
  api-token   API tokens alone, for scripts and clients without a browser
  github, google, slack, auth0, workos, stytch
              Sign-in there, and tools that act for the user or are permitted to some
  oidc        Sign-in at any other OpenID provider

Nothing of a template is executed. What is there already is never written over.")]
pub(crate) struct NewArgs {
    /// Name of the crate, or a path whose last part is the name; `.` for the current folder
    #[arg(value_name = "NAME", value_hint = ValueHint::DirPath)]
    pub(crate) path: PathBuf,

    /// Built-in template (see below), folder, or git address as URL#branch:subfolder
    #[arg(long, short, value_name = "TEMPLATE", default_value = "authless")]
    pub(crate) template: String,

    /// Where the server is to run; `worker` takes the form that `authless` and `github` have for it
    #[arg(long, value_name = "TARGET", default_value = "native")]
    pub(crate) target: scaffold::Target,

    /// Add a workflow that tests and deploys it on each push
    #[arg(long, value_name = "WHERE")]
    pub(crate) ci: Option<scaffold::Ci>,

    /// Do not make a git repository of it
    #[arg(long)]
    pub(crate) no_git: bool,

    /// Depend on the checkout of farport that this command was built from, by path
    #[arg(long)]
    pub(crate) path_deps: bool,

    /// Print what was generated as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Build this crate's server, serve it, and reload it on every change
///
/// The listening socket stays open throughout: while a change is built the server from before
/// goes on answering, and after a build error too. Variables of `.dev.vars` are set for the
/// server, except those the environment has already.
#[cfg(unix)]
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport dev
  farport dev --port 0            On a free port
  FARPORT_ALLOWED_HOSTS=box.lan farport dev --host 0.0.0.0
                                  Served to other machines, as http://box.lan:8787/mcp
  farport dev --worker            As a Cloudflare Worker, in the runtime it will run in

Ctrl-c stops it and everything it started.")]
pub(crate) struct DevArgs {
    #[command(flatten)]
    pub(crate) listen: ListenArgs,

    /// Serve it as a Cloudflare Worker, in workerd, through `wrangler dev`
    #[arg(long, conflicts_with = "bin")]
    pub(crate) worker: bool,

    /// Build with optimizations
    #[arg(long, short)]
    pub(crate) release: bool,

    /// Binary to run, in a crate that has several
    #[arg(long, value_name = "NAME")]
    pub(crate) bin: Option<String>,
}

/// Start a program that ends when this process's parent does
///
/// How `dev` starts the builds and servers it answers for. Not for users.
#[cfg(unix)]
#[derive(Debug, Args)]
#[command(name = "guarded", hide = true)]
pub(crate) struct GuardedArgs {
    /// Process id of the parent, to notice when it is gone already
    #[arg(long)]
    pub(crate) parent: u32,

    /// Set LISTEN_PID to the program's process id
    #[arg(long)]
    pub(crate) listen_pid: bool,

    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) program: Vec<std::ffi::OsString>,
}

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport completions bash > ~/.local/share/bash-completion/completions/farport
  farport completions zsh > \"${fpath[1]}/_farport\"
  farport completions fish > ~/.config/fish/completions/farport.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declaration_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn colour_is_known_before_parsing() {
        for (args, expected) in [
            ("farport --help", ColorChoice::Auto),
            ("farport --color never --help", ColorChoice::Never),
            ("farport demo --color=always", ColorChoice::Always),
            ("farport --color sometimes", ColorChoice::Auto),
            ("farport --color", ColorChoice::Auto),
            ("farport -- --color=never", ColorChoice::Auto),
        ] {
            let args = args.split(' ').map(Into::into);
            assert_eq!(wanted_colour(args), expected);
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
