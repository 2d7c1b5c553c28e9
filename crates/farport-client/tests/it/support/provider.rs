//! A protected MCP server that is its own authorization server, and can forget what it knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use farport_client::Url;
use serde_json::{Value, json};

use super::{Answer, Seen, Server};

/// What the server knows.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) clients: BTreeSet<String>,
    /// The client of each code.
    pub(crate) codes: BTreeMap<String, String>,
    pub(crate) tokens: BTreeSet<String>,
    pub(crate) refresh: BTreeSet<String>,
    number: u32,
}

impl Known {
    pub(crate) fn next(&mut self, name: &str) -> String {
        self.number += 1;
        format!("{name}-{}", self.number)
    }

    /// A new pair of tokens.
    pub(crate) fn issue(&mut self) -> Value {
        let (access, refresh) = (self.next("access"), self.next("refresh"));
        self.tokens.insert(access.clone());
        self.refresh.insert(refresh.clone());
        json!({
            "access_token": access, "token_type": "Bearer", "expires_in": 3600,
            "refresh_token": refresh,
        })
    }
}

/// The server, and what it knows.
pub(crate) struct Provider {
    pub(crate) server: Server,
    pub(crate) known: Arc<Mutex<Known>>,
}

impl Provider {
    /// Starts a server; `first` responds to what it wants to.
    pub(crate) async fn start<F>(first: F) -> Self
    where
        F: Fn(&str, &Seen, &mut Known) -> Option<Answer> + Send + Sync + 'static,
    {
        let known: Arc<Mutex<Known>> = Arc::default();
        let shared = Arc::clone(&known);
        let server = Server::start(move |origin, seen| {
            let mut known = shared.lock().unwrap();
            first(origin, seen, &mut known).unwrap_or_else(|| respond(origin, seen, &mut known))
        })
        .await;
        Self { server, known }
    }

    /// How many requests came to a path, its query aside.
    pub(crate) fn count(&self, path: &str) -> usize {
        let seen = self.server.seen();
        seen.iter().filter(|seen| plain_path(seen) == path).count()
    }

    /// Forgets everything, as a server that is deployed anew.
    pub(crate) fn forget(&self) {
        *self.known.lock().unwrap() = Known {
            number: 100,
            ..Known::default()
        };
    }
}

pub(crate) fn plain_path(seen: &Seen) -> &str {
    seen.path.split('?').next().unwrap()
}

/// A parameter of the request's query.
pub(crate) fn query(seen: &Seen, name: &str) -> Option<String> {
    let url = Url::parse(&format!("http://x{}", seen.path)).unwrap();
    let found = url.query_pairs().find(|(other, _)| other == name);
    found.map(|(_, value)| value.into_owned())
}

/// A redirect of the browser back to the client, with these parameters.
pub(crate) fn back(seen: &Seen, parameters: &[(&str, &str)]) -> Answer {
    let mut back = Url::parse(&query(seen, "redirect_uri").unwrap()).unwrap();
    back.query_pairs_mut()
        .extend_pairs(parameters)
        .append_pair("state", &query(seen, "state").unwrap());
    Answer::status(302).with("location", back.as_str())
}

/// The metadata of the authorization server.
pub(crate) fn metadata(origin: &str) -> Value {
    json!({
        "issuer": origin,
        "authorization_endpoint": format!("{origin}/authorize"),
        "token_endpoint": format!("{origin}/token"),
        "registration_endpoint": format!("{origin}/register"),
        "device_authorization_endpoint": format!("{origin}/device"),
        "code_challenge_methods_supported": ["S256"],
    })
}

pub(crate) fn refused(status: u16, error: &str) -> Answer {
    let mut answer = Answer::json(&json!({"error": error}));
    answer.0 = status;
    answer
}

fn respond(origin: &str, seen: &Seen, known: &mut Known) -> Answer {
    match plain_path(seen) {
        "/.well-known/oauth-protected-resource" => {
            Answer::json(&json!({"resource": origin, "authorization_servers": [origin]}))
        }
        "/.well-known/oauth-authorization-server" => Answer::json(&metadata(origin)),
        "/register" => {
            let id = known.next("client");
            known.clients.insert(id.clone());
            Answer::json(&json!({"client_id": id}))
        }
        "/authorize" => {
            let client = query(seen, "client_id").unwrap();
            if !known.clients.contains(&client) {
                return Answer(400, Vec::new(), "This app is unknown".to_owned());
            }
            let code = known.next("code");
            known.codes.insert(code.clone(), client);
            back(seen, &[("code", &code)])
        }
        "/device" if !known.clients.contains(&seen.form("client_id")) => {
            refused(401, "invalid_client")
        }
        "/device" => Answer::json(&json!({
            "device_code": "device", "user_code": "WDJB-MJHT",
            "verification_uri": format!("{origin}/enter"), "interval": 1,
        })),
        "/token" => token(seen, known),
        path if path.starts_with("/.well-known/") => Answer::status(404),
        _ => mcp(seen, known),
    }
}

fn token(seen: &Seen, known: &mut Known) -> Answer {
    let client = seen.form("client_id");
    if !known.clients.contains(&client) {
        return refused(401, "invalid_client");
    }
    let good = match &*seen.form("grant_type") {
        "authorization_code" => known.codes.remove(&seen.form("code")) == Some(client),
        "refresh_token" => known.refresh.remove(&seen.form("refresh_token")),
        _ => seen.form("device_code") == "device",
    };
    if good {
        Answer::json(&known.issue())
    } else {
        refused(400, "invalid_grant")
    }
}

fn mcp(seen: &Seen, known: &Known) -> Answer {
    let token = seen.header("authorization").strip_prefix("Bearer ");
    if !token.is_some_and(|token| known.tokens.contains(token)) {
        return Answer::status(401).with("www-authenticate", "Bearer");
    }
    match seen.json()["method"].as_str() {
        Some("initialize") => Answer::result(seen, &json!({"protocolVersion": "2025-11-25"})),
        _ => Answer::status(202),
    }
}
