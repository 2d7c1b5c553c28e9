//! What an observer receives, and what it never does.

use std::sync::{Arc, Mutex};

use farport_client::{
    Connection, ConnectionOptions, Direction, HttpEvent, Observer, Purpose, SignInStep,
    StaticClient, Store, User,
};
use serde_json::json;

use crate::support::provider::{Provider, back, metadata, plain_path};
use crate::support::{Answer, Reports, Visitor, eventually, options};

#[derive(Default)]
struct Recorder {
    events: Mutex<Vec<HttpEvent>>,
    steps: Mutex<Vec<SignInStep>>,
    messages: Mutex<Vec<(Direction, String)>>,
    lines: Mutex<Vec<String>>,
}

impl Observer for Recorder {
    fn http(&self, event: HttpEvent) {
        self.events.lock().unwrap().push(event);
    }

    fn sign_in(&self, step: SignInStep) {
        self.steps.lock().unwrap().push(step);
    }

    fn message(&self, direction: Direction, text: &str) {
        let message = (direction, text.to_owned());
        self.messages.lock().unwrap().push(message);
    }

    fn stderr(&self, line: &str) {
        self.lines.lock().unwrap().push(line.to_owned());
    }
}

/// Secrets in every place of a sign-in and a session that can hold one.
const SECRETS: [&str; 9] = [
    "seeded-query",
    "seeded-header",
    "seeded-cookie",
    "seeded-access",
    "seeded-refresh",
    "seeded-id-token",
    "seeded-client-secret",
    "seeded-code",
    "seeded-session",
];

async fn signed_in(recorder: &Arc<Recorder>) -> (Provider, Connection, tempfile::TempDir) {
    let provider = Provider::start(|origin, seen, known| match plain_path(seen) {
        "/.well-known/oauth-protected-resource/mcp" => Some(Answer::json(
            &json!({"resource": format!("{origin}/mcp"), "authorization_servers": [origin]}),
        )),
        "/.well-known/oauth-authorization-server" => {
            let mut metadata = metadata(origin);
            metadata["token_endpoint_auth_methods_supported"] = json!(["client_secret_basic"]);
            Some(Answer::json(&metadata))
        }
        "/authorize" => Some(back(seen, &[("code", "seeded-code")])),
        "/token" => {
            known.tokens.insert("seeded-access".to_owned());
            Some(Answer::json(&json!({
                "access_token": "seeded-access", "token_type": "Bearer", "expires_in": 3600,
                "refresh_token": "seeded-refresh", "id_token": "seeded-id-token",
                "scope": "read",
            })))
        }
        "/mcp" if seen.header("authorization") == "Bearer seeded-access" => {
            let request = seen.json();
            Some(match request["method"].as_str() {
                Some("server/discover") => Answer::status(400),
                Some("initialize") => Answer::result(seen, &json!({"protocolVersion": "2025-11-25"}))
                    .with("mcp-session-id", "seeded-session")
                    .with("set-cookie", "sid=seeded-cookie; Path=/"),
                // It repeats what it was sent.
                Some("tools/call") => Answer::events(&format!(
                    "id: 1\ndata: {}\n\n",
                    json!({"jsonrpc": "2.0", "id": request["id"], "result": {
                        "content": [{"type": "text", "text": format!("{seen:?} {}", SECRETS.join(" "))}],
                    }}),
                )),
                _ if seen.method == "GET" => Answer::status(405),
                _ => Answer::status(202),
            })
        }
        _ => None,
    })
    .await;
    let mut http = options(&format!(
        "{}/mcp?api_key=seeded-query",
        provider.server.origin
    ));
    http.headers
        .push(("X-Tenant".to_owned(), "seeded-header".to_owned()));
    let client = json!({"client_id": "given", "client_secret": "seeded-client-secret"});
    http.sign_in.client_info = Some(StaticClient::parse(&client.to_string()).unwrap());
    http.http.observer = Some(Arc::clone(recorder) as Arc<dyn Observer>);
    let folder = tempfile::tempdir().unwrap();
    let user = User::new(Reports::default(), Visitor);
    let settings = ConnectionOptions::new(Store::at(folder.path()), user);
    let connection = Connection::open(http, settings).await.unwrap();
    (provider, connection, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_reaches_an_observer() {
    let recorder = Arc::new(Recorder::default());
    let (_provider, connection, _folder) = signed_in(&recorder).await;
    let result = connection.call_tool("echo", &json!({})).await.unwrap();
    assert!(
        result.text().contains("seeded-access"),
        "the server repeats it"
    );
    connection.close().await;
    let seen = format!(
        "{:?}\n{:?}\n{:?}",
        recorder.events.lock().unwrap(),
        recorder.steps.lock().unwrap(),
        recorder.messages.lock().unwrap()
    );
    for secret in SECRETS {
        assert!(!seen.contains(secret), "{secret} in {seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_receives_every_exchange_and_every_step() {
    let recorder = Arc::new(Recorder::default());
    let (_provider, connection, _folder) = signed_in(&recorder).await;
    connection
        .call_tool("echo", &json!({"n": 7}))
        .await
        .unwrap();
    connection.close().await;
    let count = |of: fn(&HttpEvent) -> bool| {
        let events = recorder.events.lock().unwrap();
        events.iter().filter(|event| of(event)).count()
    };
    eventually("every exchange ends", || {
        count(|event| matches!(event, HttpEvent::Request { .. }))
            == count(|event| matches!(event, HttpEvent::Ended { .. }))
    })
    .await;
    let events = recorder.events.lock().unwrap();
    let mut purposes = Vec::new();
    for event in events.iter() {
        if let HttpEvent::Request { purpose, .. } = event
            && !purposes.contains(purpose)
        {
            purposes.push(*purpose);
        }
    }
    for purpose in [
        Purpose::Message,
        Purpose::Metadata,
        Purpose::Token,
        Purpose::CloseSession,
    ] {
        assert!(purposes.contains(&purpose), "{purpose:?} in {purposes:?}");
    }
    // The call: its request with arguments, a head, an event, an end.
    let call = events.iter().find_map(|event| match event {
        HttpEvent::Request {
            exchange,
            body,
            url,
            headers,
            ..
        } if body.text.contains("tools/call") => {
            assert!(body.text.contains(r#"{"n":7}"#), "{}", body.text);
            assert!(url.ends_with("/mcp?api_key=***"), "{url}");
            assert_eq!(headers["authorization"], "***");
            Some(*exchange)
        }
        _ => None,
    });
    let call = call.unwrap();
    let kinds: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            HttpEvent::Request { exchange, .. } if *exchange == call => Some("request"),
            HttpEvent::Response {
                exchange, status, ..
            } if *exchange == call => {
                assert_eq!(status.as_u16(), 200);
                Some("response")
            }
            HttpEvent::Event { exchange, id, .. } if *exchange == call => {
                assert_eq!(id.as_deref(), Some("1"));
                Some("event")
            }
            HttpEvent::Ended {
                exchange, bytes, ..
            } if *exchange == call => {
                assert!(*bytes > 0);
                Some("end")
            }
            _ => None,
        })
        .collect();
    assert_eq!(kinds, ["request", "response", "event", "end"]);
    let steps = recorder.steps.lock().unwrap();
    let names: Vec<&str> = steps
        .iter()
        .map(|step| match step {
            SignInStep::Challenge { .. } => "challenge",
            SignInStep::Discovered { scopes, .. } => {
                assert!(scopes.is_empty());
                "discovered"
            }
            SignInStep::Client { id, .. } => {
                assert_eq!(id, "given");
                "client"
            }
            SignInStep::Authorization { url, .. } => {
                assert!(url.contains("state=***"), "{url}");
                assert!(url.contains("client_id=given"), "{url}");
                "authorization"
            }
            SignInStep::Code { .. } => "code",
            SignInStep::Token {
                scopes,
                refreshable,
                ..
            } => {
                assert_eq!(scopes, &["read"]);
                assert!(refreshable);
                "token"
            }
            SignInStep::Failed { error, .. } => panic!("{error}"),
            _ => "other",
        })
        .collect();
    assert_eq!(
        names,
        [
            "challenge",
            "discovered",
            "client",
            "authorization",
            "code",
            "token"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_receives_every_message_in_order() {
    let recorder = Arc::new(Recorder::default());
    let (_provider, connection, _folder) = signed_in(&recorder).await;
    connection
        .call_tool("echo", &json!({"n": 7}))
        .await
        .unwrap();
    connection.close().await;
    let messages = recorder.messages.lock().unwrap();
    let names: Vec<String> = messages
        .iter()
        .map(|(direction, text)| {
            let message: serde_json::Value = serde_json::from_str(text).unwrap();
            let sign = match direction {
                Direction::Sent => ">",
                Direction::Received => "<",
            };
            format!(
                "{sign} {}",
                message["method"].as_str().unwrap_or("response")
            )
        })
        .collect();
    assert_eq!(
        names,
        [
            "> server/discover",
            "> initialize",
            "< response",
            "> notifications/initialized",
            "> tools/call",
            "< response"
        ]
    );
    assert!(messages[4].1.contains(r#"{"n":7}"#));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_observer_receives_the_messages_and_the_errors_of_a_process() {
    let recorder = Arc::new(Recorder::default());
    let script = r#"echo starting >&2; while read -r line; do
        case "$line" in
            *server/discover*) echo '{"jsonrpc":"2.0","id":"farport-call-1","result":{"supportedVersions":["2026-07-28"]}}';;
        esac
    done"#;
    let command = farport_client::Command::new("sh")
        .args(["-c", script])
        .observer(Arc::clone(&recorder) as Arc<dyn Observer>);
    let folder = tempfile::tempdir().unwrap();
    let user = User::new(Reports::default(), Visitor);
    let settings = ConnectionOptions::new(Store::at(folder.path()), user);
    let connection = Connection::open(command, settings).await.unwrap();
    eventually("a line arrives", || {
        !recorder.lines.lock().unwrap().is_empty()
    })
    .await;
    assert_eq!(*recorder.lines.lock().unwrap(), ["starting"]);
    let ended = connection.clone();
    let ended = tokio::spawn(async move { ended.ended().await });
    connection.close().await;
    assert!(ended.await.unwrap().is_none(), "it was closed");
    let messages = recorder.messages.lock().unwrap();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert_eq!(messages[0].0, Direction::Sent);
    assert_eq!(messages[1].0, Direction::Received);
}
