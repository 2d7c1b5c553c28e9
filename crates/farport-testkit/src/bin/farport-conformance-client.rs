//! The client that the official conformance suite drives: a small one that speaks to the bridge over
//! a pipe, as a desktop client speaks to `farport connect`.
//!
//! The suite names the scenario in MCP_CONFORMANCE_SCENARIO, the revision in
//! MCP_CONFORMANCE_PROTOCOL_VERSION, and gives more in MCP_CONFORMANCE_CONTEXT. The server's address
//! is the last argument. Fails when the scenario asks for something that did not work.

use std::collections::BTreeMap;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use farport_client::{
    CancellationToken, Flow, Opener, Options, Reporter, StaticClient, Store, User, connect,
};
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// The document that the suite knows for this client.
const CLIENT_METADATA: &str = "https://conformance-test.local/client-metadata.json";
/// The revision without sessions.
const MODERN: &str = "2026-07-28";
/// How long one answer may take. The suite stops it all at 30 s.
const PATIENCE: Duration = Duration::from_secs(25);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if std::env::var_os("FARPORT_LOG").is_some() {
        tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_env("FARPORT_LOG"))
            .with_writer(io::stderr)
            .init();
    }
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Fault> {
    let url = std::env::args().next_back().ok_or("no address was given")?;
    let scenario = std::env::var("MCP_CONFORMANCE_SCENARIO")?;
    let version = std::env::var("MCP_CONFORMANCE_PROTOCOL_VERSION")
        .unwrap_or_else(|_| "2025-11-25".to_owned());
    let context: Value = match std::env::var("MCP_CONFORMANCE_CONTEXT") {
        Ok(text) => serde_json::from_str(&text)?,
        Err(_) => Value::Null,
    };
    let mut options = Options::new(&url, false)?;
    options.sign_in.timeout = Duration::from_secs(20);
    if context["client_id"].is_string() {
        let client = json!({
            "client_id": context["client_id"],
            "client_secret": context["client_secret"],
            "private_key": context["private_key_pem"],
        });
        options.sign_in.client_info = Some(StaticClient::parse(&client.to_string())?);
    }
    if scenario.starts_with("auth/client-credentials") {
        options.sign_in.flow = Flow::ClientCredentials {
            token_endpoint: None,
        };
    }
    if matches!(&*scenario, "auth/basic-cimd" | "auth/offline-access-scope") {
        options.sign_in.client_metadata_url = Some(CLIENT_METADATA.parse()?);
    }
    // A client of the session era has the rounds of this one done by the bridge.
    let modern = version == MODERN && scenario != "sep-2322-client-request-state";
    let folder = tempfile::tempdir()?;
    let (near, far) = tokio::io::duplex(1 << 20);
    let (input, output) = tokio::io::split(far);
    let person = User::new(Stderr, Visitor);
    let bridge = tokio::spawn(connect(
        options,
        Store::at(folder.path()),
        person,
        BufReader::new(input),
        output,
        CancellationToken::new(),
    ));
    let (reader, writer) = tokio::io::split(near);
    let mut client = Client {
        lines: BufReader::new(reader).lines(),
        writer,
        number: 0,
        version: modern.then(|| MODERN.to_owned()),
    };
    client.play(&scenario, &version, &context).await?;
    client.writer.shutdown().await?;
    tokio::time::timeout(PATIENCE, bridge).await???;
    Ok(())
}

/// A browser whose user says yes to everything.
struct Visitor;

impl Opener for Visitor {
    fn open(&self, url: &farport_client::Url) -> io::Result<()> {
        let url = url.clone();
        tokio::spawn(async move {
            // Fails only when it is installed already.
            let visited = reqwest::Client::builder().no_proxy().build();
            let visited = match visited {
                Ok(browser) => browser.get(url).send().await,
                Err(error) => Err(error),
            };
            if let Err(error) = visited {
                eprintln!("the sign-in page: {error}");
            }
        });
        Ok(())
    }
}

struct Stderr;

impl Reporter for Stderr {
    fn report(&self, text: &str) {
        eprintln!("{text}");
    }
}

struct Client {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: WriteHalf<DuplexStream>,
    number: u64,
    /// The revision of each request; `None` in a session.
    version: Option<String>,
}

impl Client {
    async fn play(&mut self, scenario: &str, version: &str, context: &Value) -> Result<(), Fault> {
        if self.version.is_some() {
            self.request("server/discover", json!({})).await?;
        } else {
            let version = if version == MODERN {
                "2025-11-25"
            } else {
                version
            };
            let params = json!({
                "protocolVersion": version,
                "capabilities": capabilities(),
                "clientInfo": info(),
            });
            self.request("initialize", params).await?;
            let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
            self.write(&ready).await?;
        }
        if scenario == "initialize" {
            return Ok(());
        }
        let listed = self.request("tools/list", json!({})).await?;
        if scenario == "http-standard-headers" {
            self.read_and_prompt().await?;
        }
        if scenario == "json-schema-2020-12-preservation" {
            let schema = &listed["tools"][0]["inputSchema"];
            let params = json!({"name": "json_schema_echo", "arguments": {"schema": schema}});
            self.request("tools/call", params).await?;
            return Ok(());
        }
        if let Some(calls) = context["toolCalls"].as_array() {
            for call in calls {
                self.request("tools/call", call.clone()).await?;
            }
            return Ok(());
        }
        for tool in listed["tools"].as_array().into_iter().flatten() {
            let params = json!({"name": tool["name"], "arguments": arguments(tool)});
            self.request("tools/call", params).await?;
        }
        Ok(())
    }

    async fn read_and_prompt(&mut self) -> Result<(), Fault> {
        let listed = self.request("resources/list", json!({})).await?;
        for resource in listed["resources"].as_array().into_iter().flatten() {
            self.request("resources/read", json!({"uri": resource["uri"]}))
                .await?;
        }
        let listed = self.request("prompts/list", json!({})).await?;
        for prompt in listed["prompts"].as_array().into_iter().flatten() {
            self.request("prompts/get", json!({"name": prompt["name"]}))
                .await?;
        }
        Ok(())
    }

    /// Sends a request, and answers requests of the server in between. If the server rejects the revision,
    /// repeats the request in one that the server names.
    async fn request(&mut self, method: &str, params: Value) -> Result<Value, Fault> {
        let answer = self.exchange(method, params.clone()).await?;
        if answer["error"]["code"] == -32022 {
            let supported = answer["error"]["data"]["supported"].as_array();
            let other = supported.and_then(|versions| versions.first()?.as_str());
            self.version = Some(other.ok_or("the server supports nothing")?.to_owned());
            return done(self.exchange(method, params).await?);
        }
        done(answer)
    }

    async fn exchange(&mut self, method: &str, mut params: Value) -> Result<Value, Fault> {
        self.number += 1;
        let id = self.number;
        if let Some(version) = &self.version {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": version,
                "io.modelcontextprotocol/clientCapabilities": capabilities(),
                "io.modelcontextprotocol/clientInfo": info(),
            });
        }
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.write(&request).await?;
        loop {
            let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await??;
            let message: Value = serde_json::from_str(&line.ok_or("the bridge has gone")?)?;
            match (message["method"].as_str(), &message["id"]) {
                (None, answered) if *answered == json!(id) => return Ok(message),
                (Some("elicitation/create"), asked) if !asked.is_null() => {
                    let schema = &message["params"]["requestedSchema"];
                    let result = json!({"action": "accept", "content": defaults(schema)});
                    let answer = json!({"jsonrpc": "2.0", "id": asked, "result": result});
                    self.write(&answer).await?;
                }
                _ => {}
            }
        }
    }

    async fn write(&mut self, message: &Value) -> Result<(), Fault> {
        self.writer
            .write_all(format!("{message}\n").as_bytes())
            .await?;
        Ok(())
    }
}

fn done(answer: Value) -> Result<Value, Fault> {
    if answer["error"].is_object() {
        return Err(answer["error"].to_string().into());
    }
    Ok(answer["result"].clone())
}

fn capabilities() -> Value {
    json!({"elicitation": {"form": {"applyDefaults": true}}})
}

fn info() -> Value {
    json!({"name": "farport-conformance-client", "version": env!("CARGO_PKG_VERSION")})
}

/// The defaults of a form, and yes to every question that has none.
fn defaults(schema: &Value) -> BTreeMap<String, Value> {
    let properties = schema["properties"].as_object();
    properties
        .into_iter()
        .flatten()
        .filter_map(|(name, property)| {
            let value = property.get("default").cloned();
            let value = value.or_else(|| (property["type"] == "boolean").then_some(json!(true)));
            Some((name.clone(), value?))
        })
        .collect()
}

/// Something for every argument that a tool requires.
fn arguments(tool: &Value) -> BTreeMap<String, Value> {
    let schema = &tool["inputSchema"];
    let required = schema["required"].as_array();
    required
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|name| {
            let value = match schema["properties"][name]["type"].as_str() {
                Some("number" | "integer") => json!(5),
                Some("boolean") => json!(true),
                Some("object") => json!({}),
                Some("array") => json!([]),
                _ => json!("text"),
            };
            (name.to_owned(), value)
        })
        .collect()
}
