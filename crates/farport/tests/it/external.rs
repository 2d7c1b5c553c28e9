//! A server whose users sign in at an external authorization server.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use farport::ExternalServer;
use http_body_util::{BodyExt, Full};
use hyper::{Response, body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{
    client::modern_call,
    http::Ask,
    server::{Running, start_with},
    workshop::Kind,
};

/// An authorization server with an introspection endpoint.
struct Elsewhere {
    issuer: String,
    /// The audience of the token `good`.
    audience: Mutex<String>,
    asked: AtomicUsize,
}

impl Elsewhere {
    async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let elsewhere = Arc::new(Self {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            audience: Mutex::default(),
            asked: AtomicUsize::new(0),
        });
        let shared = elsewhere.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    let shared = shared.clone();
                    async move {
                        let path = request.uri().path().to_owned();
                        let body = request.into_body().collect().await.unwrap().to_bytes();
                        let answer = shared.answer(&path, &body).to_string();
                        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(answer))))
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        elsewhere
    }

    fn answer(&self, path: &str, body: &[u8]) -> Value {
        if path == "/.well-known/oauth-authorization-server" {
            let ask = format!("{}/ask", self.issuer);
            return json!({ "issuer": self.issuer, "introspection_endpoint": ask });
        }
        assert_eq!(path, "/ask");
        self.asked.fetch_add(1, Ordering::SeqCst);
        if !String::from_utf8_lossy(body).contains("token=good&") {
            return json!({ "active": false });
        }
        let audience = self.audience.lock().unwrap().clone();
        json!({ "active": true, "sub": "u-1", "aud": audience, "scope": "touch" })
    }
}

async fn bring(address: SocketAddr, token: &str) -> u16 {
    let call = modern_call(1, "touch", json!({ "text": "a" }));
    let call = call.with("authorization", &format!("Bearer {token}"));
    call.status(address).await
}

async fn protected(elsewhere: &Elsewhere) -> Running {
    let issuer = &elsewhere.issuer;
    let server = ExternalServer::introspection(issuer, "mcp", "s3cr3t".to_owned()).unwrap();
    start_with(Kind::Talkative, |running| running.auth(server)).await
}

#[tokio::test]
async fn only_its_tokens_for_this_resource_are_accepted() {
    let elsewhere = Elsewhere::start().await;
    let server = protected(&elsewhere).await;
    let address = server.address;
    // A client requests tokens for the resource in the metadata.
    let path = "/.well-known/oauth-protected-resource/mcp";
    let metadata = Ask::get(path).to(address).await.json().await;
    let resource = metadata["resource"].as_str().unwrap().to_owned();
    *elsewhere.audience.lock().unwrap() = resource;
    assert_eq!(bring(address, "good").await, 200);
    assert_eq!(bring(address, "good").await, 200);
    assert_eq!(elsewhere.asked.load(Ordering::SeqCst), 1);
    assert_eq!(bring(address, "bad").await, 401);
    let none = modern_call(1, "touch", json!({ "text": "a" }))
        .to(address)
        .await;
    assert_eq!(none.status, 401);
    let challenge = none.header("www-authenticate").unwrap();
    assert!(challenge.contains("resource_metadata="), "{challenge}");

    let other = protected(&elsewhere).await;
    assert_eq!(bring(other.address, "good").await, 401);
}

#[tokio::test]
async fn the_metadata_name_the_issuer() {
    let elsewhere = Elsewhere::start().await;
    let server = protected(&elsewhere).await;
    let path = "/.well-known/oauth-protected-resource/mcp";
    let metadata = Ask::get(path).to(server.address).await.json().await;
    assert_eq!(metadata["authorization_servers"], json!([elsewhere.issuer]));
    let own = Ask::get("/authorize").status(server.address).await;
    assert_eq!(own, 404, "it has no sign-in");
}
