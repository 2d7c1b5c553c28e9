//! The servers to measure, and the requests they get.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::process::Server;
use crate::project;

/// The core that servers are pinned to.
pub(crate) const SERVER_CORE: &str = "0";
/// The core that the load comes from.
pub(crate) const LOAD_CORE: &str = "1";
/// How many connections the load comes over; as many sessions, where there are any.
pub(crate) const CONNECTIONS: usize = 32;

/// A server that can be started.
pub(crate) struct ServerKind {
    /// What it is called in the tables.
    pub(crate) name: &'static str,
    binary: &'static str,
    args: &'static [&'static str],
    /// Whether it keeps sessions.
    pub(crate) has_sessions: bool,
    /// Where requests without a session go, in place of `/mcp`.
    pub(crate) plain_path: &'static str,
}

pub(crate) const FLOOR: &str = "axum";
/// rmcp's service as it comes.
pub(crate) const RMCP: &str = "rmcp";
/// The same at its quickest: no sessions, answers as JSON.
const RMCP_JSON: &str = "rmcp, JSON";
/// The server that `farport new` makes, with every check on.
const FARPORT: &str = "farport";
/// `farport demo`: the same with the allocator of the system, as the first three have it.
pub(crate) const DEMO: &str = "farport, system's allocator";

/// The order of the tables.
pub(crate) const SERVERS: [ServerKind; 5] = [
    ServerKind {
        name: FLOOR,
        binary: "bench-floor",
        args: &[],
        has_sessions: false,
        plain_path: "/mcp",
    },
    ServerKind {
        name: RMCP,
        binary: "bench-rmcp",
        args: &[],
        has_sessions: true,
        plain_path: "/mcp",
    },
    ServerKind {
        name: RMCP_JSON,
        binary: "bench-rmcp",
        args: &[],
        has_sessions: false,
        plain_path: "/plain",
    },
    ServerKind {
        name: FARPORT,
        binary: "bench-farport",
        args: &[],
        has_sessions: true,
        plain_path: "/mcp",
    },
    ServerKind {
        name: DEMO,
        binary: "farport",
        args: &["demo"],
        has_sessions: true,
        plain_path: "/mcp",
    },
];

impl ServerKind {
    /// The command that starts it on `port`, pinned to its core.
    pub(crate) fn command(&self, port: u16) -> Command {
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", SERVER_CORE]);
        command
            .arg(project::target().join("dist").join(self.binary))
            .args(self.args);
        command.args(["--port", &port.to_string()]);
        // One machine is all clients; what one address may hold is not what is measured.
        command.env("FARPORT_SESSIONS_PER_MINUTE", "0");
        command.env("FARPORT_MAX_CONNECTIONS_PER_ADDRESS", "20000");
        command.env("FARPORT_MAX_STREAMS", "20000");
        command
    }
}

/// The requests: always `tools/call` of `add`.
pub(crate) struct Workload {
    /// What it is called in the tables.
    pub(crate) name: &'static str,
    revision: &'static str,
    sessions: bool,
}

/// A call of the revision without sessions.
pub(crate) const MODERN: Workload = Workload {
    name: "2026-07-28",
    revision: "2026-07-28",
    sessions: false,
};

pub(crate) const WORKLOADS: [Workload; 3] = [
    Workload {
        name: "2025-06-18",
        revision: "2025-06-18",
        sessions: false,
    },
    MODERN,
    Workload {
        name: "2025-06-18 session",
        revision: "2025-06-18",
        sessions: true,
    },
];

impl Workload {
    /// The body of every request.
    pub(crate) fn body(&self) -> Value {
        let mut params = json!({ "name": "add", "arguments": { "a": 2, "b": 3 } });
        if self.is_modern() {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": self.revision,
                "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params })
    }

    /// The headers of every request, its session apart.
    pub(crate) fn headers(&self) -> Vec<(&'static str, &'static str)> {
        let mut headers = vec![
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", self.revision),
        ];
        if self.is_modern() {
            headers.extend([("mcp-method", "tools/call"), ("mcp-name", "add")]);
        }
        headers
    }

    fn is_modern(&self) -> bool {
        self.revision == "2026-07-28"
    }
}

/// A server that runs.
pub(crate) struct Target {
    kind: &'static ServerKind,
    server: Server,
}

/// What a workload needs of a server before it can begin.
pub(crate) struct Ready {
    /// Where the requests go.
    pub(crate) url: String,
    /// The sessions that they belong to, in turn; none for requests without one.
    pub(crate) sessions: Vec<String>,
}

impl Target {
    /// Starts a server.
    ///
    /// # Errors
    /// When it does not say where it listens.
    pub(crate) fn start(kind: &'static ServerKind) -> Result<Self> {
        let server = Server::start(&mut kind.command(0), Duration::from_secs(10))?;
        Ok(Self { kind, server })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.kind.name
    }

    pub(crate) fn process(&self) -> u32 {
        self.server.id()
    }

    pub(crate) fn url(&self) -> &str {
        &self.server.url
    }

    /// Opens what sessions the workload needs, and makes sure that the answer is right. `None`
    /// where the server does not serve the workload.
    ///
    /// # Errors
    /// When it answers wrongly.
    pub(crate) fn prepare(&self, workload: &Workload) -> Result<Option<Ready>> {
        let mut url = self.server.url.clone();
        let mut sessions = Vec::new();
        if workload.sessions {
            if !self.kind.has_sessions {
                return Ok(None);
            }
            sessions = (0..CONNECTIONS)
                .map(|_| initialize(&url))
                .collect::<Result<_>>()?;
        } else {
            url = url.replace("/mcp", self.kind.plain_path);
        }
        let mut headers = workload.headers();
        headers.extend(
            sessions
                .first()
                .map(|session| ("mcp-session-id", &session[..])),
        );
        let (status, text) = post(&url, &headers, &workload.body())?;
        if status == 400 && !workload.sessions {
            // The server does not accept requests of this revision without a session.
            return Ok(None);
        }
        ensure!(
            status == 200 && text.contains(r#""text":"5""#),
            "{} answers {status}: {text}",
            self.kind.name
        );
        Ok(Some(Ready { url, sessions }))
    }
}

/// Begins a session and gives its id.
///
/// # Errors
/// When the server gives none.
pub(crate) fn initialize(url: &str) -> Result<String> {
    let json = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ];
    let hello = json!({
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": { "name": "bench", "version": "1" },
        },
    });
    let mut response = request(url, &json).send(hello.to_string())?;
    let session = response
        .headers()
        .get("mcp-session-id")
        .context("initialize gave no session")?;
    let session = session.to_str()?.to_owned();
    response.body_mut().read_to_string()?;
    let mut headers = json.to_vec();
    headers.extend([
        ("mcp-session-id", &session[..]),
        ("mcp-protocol-version", "2025-06-18"),
    ]);
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let (status, text) = post(url, &headers, &ready)?;
    if status != 202 {
        bail!("notifications/initialized was answered with {status}: {text}");
    }
    Ok(session)
}

/// Posts JSON and gives the status and the text that come back.
///
/// # Errors
/// When no answer comes.
pub(crate) fn post(url: &str, headers: &[(&str, &str)], body: &Value) -> Result<(u16, String)> {
    let mut response = request(url, headers).send(body.to_string())?;
    Ok((
        response.status().as_u16(),
        response.body_mut().read_to_string()?,
    ))
}

/// A request that is yet to be sent, over a connection that is kept.
pub(crate) fn request(
    url: &str,
    headers: &[(&str, &str)],
) -> ureq::RequestBuilder<ureq::typestate::WithBody> {
    static AGENT: std::sync::LazyLock<ureq::Agent> = std::sync::LazyLock::new(|| {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        config
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .into()
    });
    headers
        .iter()
        .fold(AGENT.post(url), |request, (name, value)| {
            request.header(*name, *value)
        })
}
