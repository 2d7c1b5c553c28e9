//! `farport demo`.

mod protected;

use std::io::{self, Write};
use std::path::Path;

use farport::{ErrorKind, Oidc, ProviderName, Server, Settings, SignIn, host::Announcement};

use crate::cli::DemoArgs;
use crate::listen;
use crate::settings::Listen;
use crate::terminal::{COPY, GOOD, HEADING};
use calculator::Calculator;
use protected::Protected;

// The calculator that `farport new` creates.
#[allow(unreachable_pub, reason = "the generated crate exports it")]
mod calculator;

/// Why the demo does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the demo does not support API tokens: it has no database")]
    ApiTokens,
    #[error("`--issuer` requires `--auth oidc`")]
    Issuer,
    #[error("cannot configure the sign-in")]
    Provider(#[source] farport::Error),
}

impl Error {
    /// What the user can do about the error.
    pub(crate) fn hint(&self) -> String {
        let hint = match self {
            Self::ApiTokens => {
                "use `--auth dev-login`, or create a server with `farport new NAME --template \
                 api-token`"
            }
            Self::Issuer => "docs/providers.md lists the variables of the other providers",
            Self::Provider(_) => {
                "set the provider's variables in the environment, as in `GITHUB_CLIENT_ID=.. \
                 GITHUB_CLIENT_SECRET=.. farport demo --auth github`; unlike `farport dev`, the \
                 demo does not read .dev.vars"
            }
        };
        hint.to_owned()
    }
}

/// Serves the calculator until a signal stops it.
pub(crate) fn run(args: DemoArgs) -> Result<(), crate::Error> {
    let runtime = tokio::runtime::Runtime::new().map_err(crate::Error::Runtime)?;
    let settings = Settings::load(Path::new("farport.toml"))?;
    farport::host::start_log(&settings)?;
    let provider = args.auth.or(settings.auth.provider);
    let sign_in = provider
        .map(|provider| sign_in(provider, args.issuer, &settings.auth.provider_scopes))
        .transpose()?;
    runtime.block_on(serve(Listen::of_demo(args.listen), sign_in))
}

/// Creates the sign-in from arguments and settings.
fn sign_in(
    provider: ProviderName,
    issuer: Option<String>,
    scopes: &[String],
) -> Result<SignIn, crate::Error> {
    match (provider, issuer) {
        (ProviderName::ApiToken, _) => Err(Error::ApiTokens.into()),
        (ProviderName::Oidc, Some(issuer)) => {
            let provider =
                Oidc::from_env_at(&issuer).map_err(|error| Error::Provider(error.into()))?;
            Ok(match scopes {
                [] => provider.into(),
                scopes => provider.scopes(scopes.iter().map(String::as_str)).into(),
            })
        }
        (_, Some(_)) => Err(Error::Issuer.into()),
        (provider, None) => Ok(SignIn::from_env(provider, scopes).map_err(Error::Provider)?),
    }
}

async fn serve(Listen { host, port }: Listen, sign_in: Option<SignIn>) -> Result<(), crate::Error> {
    let protected = sign_in.is_some();
    // Handle signals before printing `Ready on`, so that a script can stop the demo from then on.
    let stop = farport::host::shutdown_signal().map_err(crate::Error::Runtime)?;
    let server = match sign_in {
        Some(sign_in) => Server::new(|_| Protected::new()).auth(sign_in),
        None => Server::new(|_| Calculator::new()),
    };
    let server = server
        .host(&host)
        .port(port)
        .store(farport::Storage::Memory);
    let bound = server
        .bind()
        .await
        .map_err(|error| not_bound(error, &host, port))?;
    let mut out = anstream::stdout();
    greet(&mut out, &bound.announcement(), protected)
        .and_then(|()| out.flush())
        .map_err(crate::Error::Output)?;
    bound.serve_until(stop).await.map_err(crate::Error::Serve)
}

/// Adds what only the command knows to the error of a port: the process that uses it, and the flags.
fn not_bound(error: farport::Error, host: &str, port: u16) -> crate::Error {
    if error.kind() != ErrorKind::Listen {
        return crate::Error::Serve(error);
    }
    let source = std::error::Error::source(&error);
    let source = source.and_then(|source| source.downcast_ref::<io::Error>());
    match source {
        Some(cause) => {
            let cause = io::Error::new(cause.kind(), cause.to_string());
            listen::Error::new(host, port, cause).into()
        }
        None => listen::Error::in_use(port).into(),
    }
}

fn greet(out: &mut impl Write, ready: &Announcement, protected: bool) -> io::Result<()> {
    let mcp = ready.mcp();
    writeln!(out, "{GOOD}{ready}{GOOD:#}")?;
    writeln!(out)?;
    if !protected {
        writeln!(out, "{HEADING}Call a tool:{HEADING:#}")?;
        writeln!(out, "  {COPY}farport call {mcp} add a=2 b=3{COPY:#}")?;
        writeln!(out, "{HEADING}Or without farport:{HEADING:#}")?;
        writeln!(out, "  {COPY}{}{COPY:#}", curl(&mcp))?;
    }
    writeln!(out, "{HEADING}Inspect it in the browser:{HEADING:#}")?;
    writeln!(out, "  {COPY}farport inspect {mcp}{COPY:#}")?;
    writeln!(out, "{HEADING}Connect a stdio client:{HEADING:#}")?;
    writeln!(out, "  {COPY}farport connect {mcp}{COPY:#}")?;
    writeln!(out, "{HEADING}Create your own server:{HEADING:#}")?;
    writeln!(out, "  {COPY}farport new my-mcp-server{COPY:#}")?;
    writeln!(out)?;
    writeln!(out, "Press Ctrl-C to stop.")
}

/// Formats a tool call as a shell command.
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

#[cfg(test)]
mod tests {
    #[test]
    fn the_demo_is_the_server_that_farport_new_creates() {
        let template = include_str!("../../../../templates/authless/src/calculator.rs");
        assert_eq!(include_str!("demo/calculator.rs"), template);
    }
}
