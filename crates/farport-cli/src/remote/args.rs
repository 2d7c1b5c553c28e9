//! Arguments for the connection and the sign-in. They have the names and meanings of `mcp-remote`'s
//! flags, so that a client's configuration continues to work.

use std::path::PathBuf;

use clap::builder::ValueHint;
use clap::{Args, ValueEnum};

use crate::clients::Client;

const NETWORK: &str = "Network";
const SIGN_IN: &str = "Sign-in";
const CLIENT: &str = "Client registration";
const CALLBACK: &str = "Redirect URI";
const MESSAGES: &str = "Messages";

/// Connect a stdio client to a remote server
///
/// The client starts this command like a local server. The command forwards messages between the
/// client and the remote server, and opens the browser if the server requires a sign-in. It accepts
/// the flags of `mcp-remote`: in a client's configuration, replace `npx mcp-remote URL ...` with
/// `farport connect URL ...`.
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

`farport add` writes this entry for you.")]
pub(crate) struct ConnectArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,

    /// Tools to hide from the client; `*` matches any text [repeatable]
    #[arg(long, value_name = "PATTERN", help_heading = "Tools")]
    pub(crate) ignore_tool: Vec<String>,

    /// Transports to try
    #[arg(long, value_name = "ORDER", default_value = "http-first", help_heading = NETWORK)]
    pub(crate) transport: TransportArg,

    /// How to handle different protocol revisions of client and server
    #[arg(long, value_name = "MODE", default_value = "auto", help_heading = NETWORK)]
    pub(crate) protocol: ProtocolArg,

    /// Ping an idle server, so that proxies keep the connection open
    #[arg(long, help_heading = NETWORK)]
    pub(crate) keep_alive: bool,

    /// Seconds between two pings; implies --keep-alive [default: 30]
    #[arg(long, value_name = "SECONDS", help_heading = NETWORK)]
    pub(crate) ping_interval: Option<u64>,

    #[command(flatten)]
    pub(crate) sign_in: SignInArgs,

    #[command(flatten)]
    pub(crate) messages: MessageArgs,
}

/// Sign in to a remote server
///
/// farport opens the sign-in page in your browser and stores the tokens for `farport connect`. On a
/// machine without a browser, use --device, or --no-browser to open the page on another machine.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport login https://mcp.example.com/mcp
  farport login https://mcp.example.com/mcp --device         Enter a code on any machine
  farport login https://mcp.example.com/mcp --no-browser     Open the page on another machine")]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,

    /// Print the URL of the sign-in page, and prompt for the URL where the browser ends up
    #[arg(long, help_heading = SIGN_IN)]
    pub(crate) no_browser: bool,

    #[command(flatten)]
    pub(crate) sign_in: SignInArgs,

    #[command(flatten)]
    pub(crate) messages: MessageArgs,
}

/// Sign out of a remote server
///
/// farport revokes the tokens at the server and deletes them on this machine.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport logout https://mcp.example.com/mcp
  farport logout --all")]
pub(crate) struct LogoutArgs {
    /// URL of the server
    #[arg(value_name = "URL", required_unless_present = "all", value_hint = ValueHint::Url)]
    pub(crate) url: Option<String>,

    /// Sign out of every server
    #[arg(long, conflicts_with = "url")]
    pub(crate) all: bool,
}

/// List your sign-ins to remote servers
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport status
  farport status --json")]
pub(crate) struct StatusArgs {
    /// Print the result as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Add a remote server to the configuration of a client
///
/// The entry contains the URL if the client supports remote servers, otherwise a `farport connect`
/// command. farport keeps the rest of the file unchanged, and saves a copy from before its first change
/// as FILE.farport-backup.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport add claude example https://mcp.example.com/mcp
  farport add vscode example https://mcp.example.com/mcp --print
  farport add cursor example https://mcp.example.com/mcp --project
  farport add cursor example https://mcp.example.com/mcp -- --ignore-tool 'delete*'")]
pub(crate) struct AddArgs {
    /// Client to configure
    pub(crate) client: Client,

    /// Name of the server in the client's configuration
    pub(crate) name: String,

    /// URL of the server
    #[arg(value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) url: String,

    /// Print the new configuration without writing it
    #[arg(long)]
    pub(crate) print: bool,

    /// Edit the configuration of the project in this folder, instead of yours
    #[arg(long)]
    pub(crate) project: bool,

    /// Arguments for `farport connect`; the entry then always starts this command
    #[arg(last = true, value_name = "CONNECT_ARGUMENTS")]
    pub(crate) connect: Vec<String>,
}

/// Remove a remote server from the configuration of a client
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport remove claude example
  farport remove cursor example --project
  farport remove codex example --print")]
pub(crate) struct RemoveArgs {
    /// Client to configure
    pub(crate) client: Client,

    /// Name of the server in the client's configuration
    pub(crate) name: String,

    /// Print the new configuration without writing it
    #[arg(long)]
    pub(crate) print: bool,

    /// Edit the configuration of the project in this folder, instead of yours
    #[arg(long)]
    pub(crate) project: bool,
}

/// The server, and how to connect to it.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// URL of the server
    #[arg(value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) url: String,

    /// Local port of the redirect URI [default: derived from the server's URL]
    #[arg(value_name = "CALLBACK_PORT")]
    pub(crate) callback_port: Option<u16>,

    /// Header to send with every request, as 'Name: value'; may contain ${VARIABLE} from the
    /// environment [repeatable]
    #[arg(long, value_name = "HEADER", help_heading = NETWORK)]
    pub(crate) header: Vec<String>,

    /// File of headers, one per line; unlike --header, hidden from the process list
    #[arg(long, value_name = "FILE", help_heading = NETWORK, value_hint = ValueHint::FilePath)]
    pub(crate) header_file: Option<PathBuf>,

    /// Allow http to other machines, for networks that you trust
    #[arg(long, help_heading = NETWORK)]
    pub(crate) allow_http: bool,

    /// Use the proxy from the environment (HTTPS_PROXY, NO_PROXY, ...)
    #[arg(long, help_heading = NETWORK)]
    pub(crate) enable_proxy: bool,

    /// Connect over IPv4 only
    #[arg(long, help_heading = NETWORK)]
    pub(crate) ipv4: bool,

    /// Seconds to wait for a connection; 0 means no limit
    #[arg(long, value_name = "SECONDS", default_value_t = 10, help_heading = NETWORK)]
    pub(crate) connect_timeout: u64,

    /// Seconds to wait for the start of a response; 0 means no limit
    #[arg(long, value_name = "SECONDS", default_value_t = 300, help_heading = NETWORK)]
    pub(crate) headers_timeout: u64,

    /// Seconds to wait for the next part of a response; 0 means no limit
    #[arg(long, value_name = "SECONDS", default_value_t = 300, help_heading = NETWORK)]
    pub(crate) body_timeout: u64,

    /// Do not store or send cookies
    #[arg(long, help_heading = NETWORK)]
    pub(crate) disable_cookies: bool,
}

/// How to sign in.
#[derive(Debug, Args)]
pub(crate) struct SignInArgs {
    /// Sign in with a code that you enter on any machine
    #[arg(long, visible_alias = "device", help_heading = SIGN_IN)]
    pub(crate) device_code: bool,

    /// Sign in as the client, not as a user; requires --static-oauth-client-info
    #[arg(long, conflicts_with = "device_code", help_heading = SIGN_IN)]
    pub(crate) client_credentials: bool,

    /// Token endpoint URL, for servers that publish no OAuth metadata
    #[arg(long, value_name = "URL", requires = "client_credentials", help_heading = SIGN_IN)]
    pub(crate) token_endpoint: Option<String>,

    /// Seconds to wait until the user has signed in
    #[arg(long, value_name = "SECONDS", default_value_t = 300, help_heading = SIGN_IN)]
    pub(crate) auth_timeout: u64,

    /// Resource to request tokens for; each resource has its own sign-in [default: the server's]
    #[arg(long, value_name = "URI", help_heading = SIGN_IN)]
    pub(crate) resource: Option<String>,

    /// Send no `resource` parameter, for servers that reject it
    #[arg(long, conflicts_with = "resource", help_heading = SIGN_IN)]
    pub(crate) disable_resource_parameter: bool,

    /// Additional parameter for the authorization request [repeatable]
    #[arg(long, value_name = "NAME=VALUE", help_heading = SIGN_IN)]
    pub(crate) authorize_param: Vec<String>,

    /// Send the ID token to the server instead of the access token
    #[arg(long, help_heading = SIGN_IN)]
    pub(crate) use_id_token: bool,

    /// Store the tokens in the system's keyring (Secret Service, Keychain, Credential Manager)
    /// instead of a file
    #[arg(long, help_heading = SIGN_IN)]
    pub(crate) keyring: bool,

    /// Client metadata for the registration, as JSON or @FILE; `scope` sets the scopes to request
    #[arg(long, value_name = "JSON|@FILE", help_heading = CLIENT)]
    pub(crate) static_oauth_client_metadata: Option<String>,

    /// Client that is already registered, as JSON or @FILE with `client_id` and, if needed,
    /// `client_secret` or `private_key` (PEM); may contain ${VARIABLE} from the environment
    #[arg(long, value_name = "JSON|@FILE", help_heading = CLIENT)]
    pub(crate) static_oauth_client_info: Option<String>,

    /// URL of a client ID metadata document, used as the client id
    #[arg(long, value_name = "URL", help_heading = CLIENT)]
    pub(crate) client_metadata_url: Option<String>,

    /// Host of the redirect URI; must resolve to this machine
    #[arg(long, value_name = "HOST", default_value = "localhost", help_heading = CALLBACK)]
    pub(crate) host: String,

    /// Path of the redirect URI
    #[arg(long, value_name = "PATH", default_value = "/oauth/callback", help_heading = CALLBACK)]
    pub(crate) callback_path: String,

    /// URL that the browser opens after the sign-in
    #[arg(long, value_name = "URL", help_heading = CALLBACK)]
    pub(crate) auth_success_url: Option<String>,
}

/// Messages on standard error.
#[derive(Debug, Args)]
pub(crate) struct MessageArgs {
    /// Log every step to standard error, without secrets
    #[arg(long, help_heading = MESSAGES)]
    pub(crate) debug: bool,

    /// Do not print messages
    #[arg(long, help_heading = MESSAGES)]
    pub(crate) silent: bool,
}

/// Transports to try.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum TransportArg {
    /// Streamable HTTP, then HTTP+SSE
    HttpFirst,
    /// HTTP+SSE, then streamable HTTP
    SseFirst,
    /// Streamable HTTP only
    HttpOnly,
    /// HTTP+SSE only
    SseOnly,
}

/// How to handle protocol revisions.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ProtocolArg {
    /// Translate between them
    Auto,
    /// Forward messages unchanged
    Legacy,
}
