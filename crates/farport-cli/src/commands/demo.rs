//! `farport demo`.

mod protected;

use std::io::{self, Write};
use std::path::Path;

use farport::{Announcement, Oidc, ProviderName, Server, Settings, SignIn};

use crate::cli::DemoArgs;
use crate::listen;
use crate::settings::Listen;
use crate::terminal::{COPY, GOOD, HEADING};
use calculator::Calculator;
use protected::Protected;

// The very calculator that `farport new` generates.
#[allow(
    unreachable_pub,
    reason = "it is the public part of the generated crate"
)]
#[path = "../../../../templates/authless/src/calculator.rs"]
mod calculator;

/// Why there is no such demo.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the demo keeps nothing, so there are no API tokens to let anybody in with")]
    ApiTokens,
    #[error("--issuer is for `--auth oidc`")]
    Issuer,
}

impl Error {
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::ApiTokens => {
                "`--auth dev-login` needs no account either; for API tokens, try \
                 `farport new --template api-token NAME`"
            }
            Self::Issuer => "the variables of other providers are in docs/providers.md",
        }
    }
}

/// Serves the calculator until it is told to stop.
pub(crate) fn run(args: DemoArgs) -> Result<(), crate::Error> {
    let runtime = tokio::runtime::Runtime::new().map_err(crate::Error::Runtime)?;
    let settings = Settings::load(Path::new("farport.toml"))?;
    farport::start_log(&settings);
    let provider = args.auth.or(settings.auth.provider);
    let sign_in = provider
        .map(|provider| sign_in(provider, args.issuer, &settings.auth.provider_scopes))
        .transpose()?;
    runtime.block_on(serve(Listen::of_demo(args.listen), sign_in))
}

/// The sign-in that was asked for.
fn sign_in(
    provider: ProviderName,
    issuer: Option<String>,
    scopes: &[String],
) -> Result<SignIn, crate::Error> {
    match (provider, issuer) {
        (ProviderName::ApiToken, _) => Err(Error::ApiTokens.into()),
        (ProviderName::Oidc, Some(issuer)) => {
            let provider = Oidc::from_env_at(&issuer).map_err(farport::Error::from)?;
            Ok(match scopes {
                [] => provider.into(),
                scopes => provider.scopes(scopes.iter().map(String::as_str)).into(),
            })
        }
        (_, Some(_)) => Err(Error::Issuer.into()),
        (provider, None) => Ok(SignIn::from_env(provider, scopes)?),
    }
}

async fn serve(Listen { host, port }: Listen, sign_in: Option<SignIn>) -> Result<(), crate::Error> {
    let protected = sign_in.is_some();
    // Before anybody is told that it is ready, so that whoever hears it may stop it.
    let stop = farport::told_to_stop().map_err(crate::Error::Runtime)?;
    let server = match sign_in {
        Some(sign_in) => Server::new(|_| Protected::new()).auth(sign_in),
        None => Server::new(|_| Calculator::new()),
    };
    // It leaves nothing behind.
    let server = server
        .host(&host)
        .port(port)
        .store(farport::Storage::Memory);
    let bound = server.bind().await.map_err(|error| match error {
        farport::Error::PortInUse { port } => listen::Error::taken(port).into(),
        farport::Error::Listen { source, .. } => listen::Error::new(&host, port, source).into(),
        error => crate::Error::Serve(error),
    })?;
    let mut out = anstream::stdout();
    greet(&mut out, &bound.announcement(), protected)
        .and_then(|()| out.flush())
        .map_err(crate::Error::Output)?;
    bound.serve_until(stop).await.map_err(crate::Error::Serve)
}

fn greet(out: &mut impl Write, ready: &Announcement, protected: bool) -> io::Result<()> {
    let mcp = ready.mcp();
    writeln!(out, "{GOOD}{ready}{GOOD:#}")?;
    writeln!(out)?;
    if !protected {
        writeln!(out, "{HEADING}Call a tool:{HEADING:#}")?;
        writeln!(out, "  {COPY}{}{COPY:#}", curl(&mcp))?;
    }
    writeln!(out, "{HEADING}Look at it in the inspector:{HEADING:#}")?;
    writeln!(
        out,
        "  {COPY}npx @modelcontextprotocol/inspector{COPY:#}   then enter {mcp}"
    )?;
    writeln!(
        out,
        "{HEADING}Reach it from a client that only speaks stdio:{HEADING:#}"
    )?;
    writeln!(out, "  {COPY}farport connect {mcp}{COPY:#}")?;
    writeln!(out, "{HEADING}Make it yours:{HEADING:#}")?;
    writeln!(out, "  {COPY}farport new my-mcp-server{COPY:#}")?;
    writeln!(out)?;
    writeln!(out, "Ctrl-c stops it.")
}

/// A tool call as a line for the shell.
fn curl(mcp: &str) -> String {
    let body = serde_json::json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": "add",
            "arguments": {"a": 2, "b": 3},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    });
    let headers = [
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        "MCP-Protocol-Version: 2026-07-28",
        "Mcp-Method: tools/call",
        "Mcp-Name: add",
    ];
    let headers: String = headers
        .iter()
        .map(|header| format!(" -H '{header}'"))
        .collect();
    format!("curl -s {mcp}{headers} -d '{body}'")
}
