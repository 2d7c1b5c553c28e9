//! API tokens, from `farport tokens create` to a call with the token.

use std::path::Path;
use std::time::{Duration, Instant};

use farport::{ApiToken, Server, Storage, scope};
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::{ServerHandler, tool, tool_handler, tool_router};
use serde_json::{Value, json};

use crate::support::{SOON, agent, eventually, farport, succeed};

/// The time that a server caches a token.
const CACHED: Duration = Duration::from_secs(10);

struct Todos {
    tool_router: ToolRouter<Self>,
}

#[tool_router]
impl Todos {
    /// Reads the list.
    #[tool]
    fn read(&self) -> String {
        "nothing to do".to_owned()
    }

    /// Changes the list.
    #[tool]
    fn write(&self, user: farport::SignedIn) -> String {
        format!("written by {}", user.subject)
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Todos {}

/// A server with its state in a file. Dropping it stops the server.
struct Serving {
    origin: String,
    _runtime: tokio::runtime::Runtime,
}

fn serve(database: &Path) -> Serving {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let todos = |_: &farport::Context| Todos {
        tool_router: Todos::tool_router(),
    };
    let server = Server::new(todos)
        .auth(ApiToken)
        .permit("write", scope("todos:write").listed())
        .port(0)
        .store(Storage::Sqlite(database.to_owned()));
    let bound = runtime.block_on(server.bind()).unwrap();
    let origin = format!("http://{}", bound.local_addr());
    runtime.spawn(bound.serve_until(std::future::pending()));
    Serving {
        origin,
        _runtime: runtime,
    }
}

/// The response to a tool call.
struct Answer {
    status: u16,
    challenge: String,
    body: Value,
}

fn call(server: &Serving, token: &str, tool: &str) -> Answer {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({ "name": tool, "arguments": {}, "_meta": meta });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let asked = agent()
        .post(format!("{}/mcp", server.origin))
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", "tools/call")
        .header("Mcp-Name", tool)
        .header("Authorization", format!("Bearer {token}"));
    let mut answer = asked.send(message.to_string()).unwrap();
    let challenge = answer.headers().get("www-authenticate");
    Answer {
        status: answer.status().as_u16(),
        challenge: challenge.map_or("", |value| value.to_str().unwrap()).into(),
        body: serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap(),
    }
}

/// Creates a token with the command. Returns its id and the token.
fn create(folder: &Path, label: &str, more: &[&str]) -> (String, String) {
    let words = ["tokens", "create", label, "--json"].into_iter();
    let words = words.chain(more.iter().copied());
    let made = succeed(farport(folder, words).env("FARPORT_STORE", "sqlite:state.db")).stdout;
    let made: Value = serde_json::from_str(&made).unwrap();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("token"))
}

#[test]
fn a_token_is_valid_for_its_scopes_until_it_is_revoked_or_expires() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&folder.path().join("state.db"));
    let write = ["--scope", "todos:write", "--expires", "1h"];
    let (id, token) = create(folder.path(), "ci", &write);
    let (_, limited) = create(folder.path(), "reader", &["--scope", "todos:read"]);

    let written = call(&server, &token, "write");
    assert_eq!(written.status, 200, "{}", written.body);
    let said = &written.body["result"]["content"][0]["text"];
    assert_eq!(said, "written by ci");
    assert_eq!(call(&server, &limited, "read").status, 200);
    let refused = call(&server, &limited, "write");
    assert_eq!(refused.status, 403, "{}", refused.body);
    for part in ["error=\"insufficient_scope\"", "scope=\"todos:write\""] {
        assert!(refused.challenge.contains(part), "{}", refused.challenge);
    }
    let (head, tail) = token.split_at(token.len() - 1);
    let other = if tail == "A" { "B" } else { "A" };
    for wrong in ["", "fpk_", &format!("{head}{other}"), &id] {
        assert!(
            matches!(call(&server, wrong, "read").status, 400 | 401),
            "{wrong}"
        );
    }

    // A token expires while the server runs.
    let (_, short) = create(folder.path(), "short", &["--expires", "1s"]);
    eventually("its end", SOON, || {
        call(&server, &short, "read").status == 401
    });
    assert_eq!(call(&server, &token, "write").status, 200);

    // The server accepts a cached token for a short time.
    let words = ["tokens", "revoke", &id, "--store", "sqlite:state.db"];
    succeed(&mut farport(folder.path(), words));
    let (revoked, mut believed) = (Instant::now(), Duration::ZERO);
    eventually("its revocation", SOON, || {
        let asked = revoked.elapsed();
        let good = call(&server, &token, "write").status == 200;
        believed = if good { asked } else { believed };
        !good
    });
    // The clock counts whole seconds.
    let most = CACHED + Duration::from_secs(1);
    assert!(believed < most, "good after {believed:?}");
    let refused = call(&server, &token, "read");
    assert_eq!(refused.status, 401);
    let named = refused.challenge.contains("error=\"invalid_token\"");
    assert!(named, "{}", refused.challenge);
    assert_eq!(
        call(&server, &limited, "read").status,
        200,
        "another one stays"
    );
}
