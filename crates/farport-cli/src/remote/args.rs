//! How to reach a server and sign in to it. The names and meanings are those of `mcp-remote`, so
//! that a client's configuration goes on working.

use std::path::PathBuf;

use clap::builder::ValueHint;
use clap::{Args, ValueEnum};

use crate::clients::Client;

const NETWORK: &str = "Network";
const SIGN_IN: &str = "Signing in";
const CLIENT: &str = "Who farport is to the authorization server";
const CALLBACK: &str = "Where the browser comes back to";
const MESSAGES: &str = "Messages on standard error";

/// Reach a remote server from a client that only speaks stdio
///
/// A client starts it as it would start a local server. It connects to the remote one, signs in with
/// the browser when asked to, and passes messages on. The flags are those of `mcp-remote`: in a
/// client's configuration, `npx mcp-remote URL ...` becomes `farport connect URL ...`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport connect https://mcp.example.com/mcp
  farport connect http://localhost:8787/mcp
  farport connect https://mcp.example.com/mcp --header 'Authorization: Bearer ${TOKEN}'
  farport connect https://mcp.example.com/mcp --ignore-tool 'delete*'

In a client's configuration:
  {\"mcpServers\": {\"example\": {\"command\": \"farport\",
                              \"args\": [\"connect\", \"https://mcp.example.com/mcp\"]}}}

`farport add` writes it there for you.")]
pub(crate) struct ConnectArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,

    /// Hide tools whose name matches, `*` standing for anything; may be repeated
    #[arg(long, value_name = "PATTERN", help_heading = "Tools")]
    pub(crate) ignore_tool: Vec<String>,

    /// Which transports are tried, in which order
    #[arg(long, value_name = "ORDER", default_value = "http-first", help_heading = NETWORK)]
    pub(crate) transport: TransportArg,

    /// Whether clients and servers of different eras of the protocol are translated (auto), or the
    /// client's messages only passed on (legacy)
    #[arg(long, value_name = "MODE", default_value = "auto", help_heading = NETWORK)]
    pub(crate) protocol: ProtocolArg,

    /// Ping a quiet server, so that nothing in between closes the session
    #[arg(long, help_heading = NETWORK)]
    pub(crate) keep_alive: bool,

    /// Seconds between two pings [default: 30]; turns --keep-alive on
    #[arg(long, value_name = "SECONDS", help_heading = NETWORK)]
    pub(crate) ping_interval: Option<u64>,

    #[command(flatten)]
    pub(crate) sign_in: SignInArgs,

    #[command(flatten)]
    pub(crate) messages: MessageArgs,
}

/// Sign in to a server, without starting a client
///
/// Opens the browser, or prints what to open. On a machine without a browser, use --device, or open
/// the page elsewhere and paste the address it ends at.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport login https://mcp.example.com/mcp
  farport login https://mcp.example.com/mcp --device
  farport login https://mcp.example.com/mcp --no-browser     Paste where the browser ends")]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,

    /// Open no browser here: print the page, and take the address that it ends at
    #[arg(long, help_heading = SIGN_IN)]
    pub(crate) no_browser: bool,

    #[command(flatten)]
    pub(crate) sign_in: SignInArgs,

    #[command(flatten)]
    pub(crate) messages: MessageArgs,
}

/// End a sign-in: the server takes the tokens back, and they are forgotten here
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport logout https://mcp.example.com/mcp
  farport logout --all")]
pub(crate) struct LogoutArgs {
    /// The server
    #[arg(value_name = "URL", required_unless_present = "all", value_hint = ValueHint::Url)]
    pub(crate) url: Option<String>,

    /// Every server
    #[arg(long, conflicts_with = "url")]
    pub(crate) all: bool,
}

/// List the sign-ins that are kept
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport status
  farport status --json")]
pub(crate) struct StatusArgs {
    /// Print one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Write a server into a client's configuration
///
/// A client that can reach remote servers by itself gets the URL, another one `farport connect`.
/// What the configuration holds stays; a copy of it is kept beside it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport add claude example https://mcp.example.com/mcp
  farport add vscode example https://mcp.example.com/mcp --print
  farport add cursor example https://mcp.example.com/mcp -- --ignore-tool 'delete*'")]
pub(crate) struct AddArgs {
    /// The client
    pub(crate) client: Client,

    /// What the client calls the server
    pub(crate) name: String,

    /// The server
    #[arg(value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) url: String,

    /// Print what the configuration would be, and change nothing
    #[arg(long)]
    pub(crate) print: bool,

    /// Arguments for `farport connect`, which then is used whatever the client can do
    #[arg(last = true, value_name = "CONNECT ARGUMENTS")]
    pub(crate) connect: Vec<String>,
}

/// Take a server out of a client's configuration
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport remove claude example
  farport remove codex example --print")]
pub(crate) struct RemoveArgs {
    /// The client
    pub(crate) client: Client,

    /// What the client calls the server
    pub(crate) name: String,

    /// Print what the configuration would be, and change nothing
    #[arg(long)]
    pub(crate) print: bool,
}

/// Which server, and how it is reached.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The server
    #[arg(value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) url: String,

    /// The port of this machine that the browser comes back to after signing in; without it, one
    /// that stays the same for a server
    #[arg(value_name = "CALLBACK_PORT")]
    pub(crate) callback_port: Option<u16>,

    /// Send a header with every request, as 'Name: value'; ${VARIABLE} is replaced from the
    /// environment; may be repeated
    #[arg(long, value_name = "HEADER", help_heading = NETWORK)]
    pub(crate) header: Vec<String>,

    /// Send the headers of a file, one on a line, where other users do not see them
    #[arg(long, value_name = "FILE", help_heading = NETWORK, value_hint = ValueHint::FilePath)]
    pub(crate) header_file: Option<PathBuf>,

    /// Allow http to other machines, in a network that you trust
    #[arg(long, help_heading = NETWORK)]
    pub(crate) allow_http: bool,

    /// Use the proxy of the environment (HTTPS_PROXY, NO_PROXY, ...)
    #[arg(long, help_heading = NETWORK)]
    pub(crate) enable_proxy: bool,

    /// Connect over IPv4 only
    #[arg(long, help_heading = NETWORK)]
    pub(crate) ipv4: bool,

    /// Seconds to connect; 0 for any
    #[arg(long, value_name = "SECONDS", default_value_t = 10, help_heading = NETWORK)]
    pub(crate) connect_timeout: u64,

    /// Seconds until an answer begins; 0 for any
    #[arg(long, value_name = "SECONDS", default_value_t = 300, help_heading = NETWORK)]
    pub(crate) headers_timeout: u64,

    /// Seconds between two pieces of an answer; 0 for any
    #[arg(long, value_name = "SECONDS", default_value_t = 300, help_heading = NETWORK)]
    pub(crate) body_timeout: u64,

    /// Send no cookies of the server back to it
    #[arg(long, help_heading = NETWORK)]
    pub(crate) disable_cookies: bool,
}

/// How to sign in.
#[derive(Debug, Args)]
pub(crate) struct SignInArgs {
    /// Sign in with a code that is entered in a browser anywhere
    #[arg(long, visible_alias = "device", help_heading = SIGN_IN)]
    pub(crate) device_code: bool,

    /// Sign in as the client itself, with the secret of --static-oauth-client-info
    #[arg(long, conflicts_with = "device_code", help_heading = SIGN_IN)]
    pub(crate) client_credentials: bool,

    /// Where the token is had, for a server that does not describe its sign-in
    #[arg(long, value_name = "URL", requires = "client_credentials", help_heading = SIGN_IN)]
    pub(crate) token_endpoint: Option<String>,

    /// Seconds a person may take to sign in
    #[arg(long, value_name = "SECONDS", default_value_t = 300, help_heading = SIGN_IN)]
    pub(crate) auth_timeout: u64,

    /// The resource to ask tokens for, when not the server's address; sign-ins to different
    /// resources are kept apart
    #[arg(long, value_name = "URI", help_heading = SIGN_IN)]
    pub(crate) resource: Option<String>,

    /// Name no resource, for servers that refuse the parameter
    #[arg(long, conflicts_with = "resource", help_heading = SIGN_IN)]
    pub(crate) disable_resource_parameter: bool,

    /// Send a parameter of the authorization server's own with the sign-in; may be repeated
    #[arg(long, value_name = "NAME=VALUE", help_heading = SIGN_IN)]
    pub(crate) authorize_param: Vec<String>,

    /// Present the id token to the server, in place of the access token
    #[arg(long, help_heading = SIGN_IN)]
    pub(crate) use_id_token: bool,

    /// Keep the tokens in the keyring of the system (Secret Service, Keychain, Credential Manager)
    /// and not in a file; they stay there until `farport logout`
    #[arg(long, help_heading = SIGN_IN)]
    pub(crate) keyring: bool,

    /// What to register with, over the defaults, as JSON or @FILE; `scope` says what to ask for
    #[arg(long, value_name = "JSON|@FILE", help_heading = CLIENT)]
    pub(crate) static_oauth_client_metadata: Option<String>,

    /// A client that is registered already, as JSON or @FILE with `client_id` and maybe
    /// `client_secret` or `private_key` (PEM); ${VARIABLE} is replaced from the environment
    #[arg(long, value_name = "JSON|@FILE", help_heading = CLIENT)]
    pub(crate) static_oauth_client_info: Option<String>,

    /// A client id metadata document: its https address is the client id
    #[arg(long, value_name = "URL", help_heading = CLIENT)]
    pub(crate) client_metadata_url: Option<String>,

    /// The host that the browser comes back to; it has to mean this machine
    #[arg(long, value_name = "HOST", default_value = "localhost", help_heading = CALLBACK)]
    pub(crate) host: String,

    /// The path that the browser comes back to
    #[arg(long, value_name = "PATH", default_value = "/oauth/callback", help_heading = CALLBACK)]
    pub(crate) callback_path: String,

    /// Where the browser goes after signing in
    #[arg(long, value_name = "URL", help_heading = CALLBACK)]
    pub(crate) auth_success_url: Option<String>,
}

/// What is said on standard error.
#[derive(Debug, Args)]
pub(crate) struct MessageArgs {
    /// Say everything that happens, without secrets
    #[arg(long, help_heading = MESSAGES)]
    pub(crate) debug: bool,

    /// Say nothing
    #[arg(long, help_heading = MESSAGES)]
    pub(crate) silent: bool,
}

/// Which transports are tried.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum TransportArg {
    /// Streamable HTTP, then HTTP+SSE
    HttpFirst,
    /// HTTP+SSE, then streamable HTTP
    SseFirst,
    /// Streamable HTTP alone
    HttpOnly,
    /// HTTP+SSE alone
    SseOnly,
}

/// What is done about eras.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ProtocolArg {
    /// Translate where one side does not know the other's era
    Auto,
    /// Only pass on
    Legacy,
}
