//! One request in each of the forms that revisions have.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{
    client::{Client, initialize, modern, notification, request},
    events::Events,
    http::{Ask, Response},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// 2026-07-28.
    Modern,
    /// Streamable HTTP with sessions.
    Session,
    /// HTTP+SSE of 2024-11-05.
    Sse,
}

pub(crate) const ERAS: [Era; 3] = [Era::Modern, Era::Session, Era::Sse];

/// A response, with its status and challenge.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) challenge: Option<String>,
    pub(crate) message: Value,
}

impl Answer {
    async fn of(response: Response) -> Self {
        Self {
            status: response.status,
            challenge: response.header("www-authenticate").map(str::to_owned),
            message: response.json().await,
        }
    }
}

/// Adds a token, if there is one.
pub(crate) fn bearing(ask: Ask, token: Option<&str>) -> Ask {
    match token {
        Some(token) => ask.with("authorization", &format!("Bearer {token}")),
        None => ask,
    }
}

impl Era {
    /// Sends a request with `token`, in a new session if the era has sessions.
    pub(crate) async fn ask(
        self,
        address: SocketAddr,
        token: Option<&str>,
        method: &str,
        params: Value,
    ) -> Answer {
        self.ask_with(address, token, method, params, &[]).await
    }

    /// The same, with more headers.
    pub(crate) async fn ask_with(
        self,
        address: SocketAddr,
        token: Option<&str>,
        method: &str,
        params: Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let with = |ask| {
            let ask = bearing(ask, token);
            headers.iter().fold(ask, |ask, (k, v)| ask.with(k, v))
        };
        match self {
            Self::Modern => Answer::of(with(modern(1, method, params)).to(address).await).await,
            Self::Session => {
                let client = Client::open_bearing(address, "2025-06-18", token).await;
                let ask = with(client.posting(&request(1, method, params)));
                Answer::of(ask.to(address).await).await
            }
            Self::Sse => {
                let mut stream = Sse::open(address, token).await;
                let ask = with(stream.posting(&request(1, method, params)));
                let taken = ask.to(address).await;
                if taken.status != 202 {
                    return Answer::of(taken).await;
                }
                Answer {
                    status: 202,
                    challenge: None,
                    message: stream.events.message().await,
                }
            }
        }
    }
}

/// A client of 2024-11-05 with a token.
#[derive(Debug)]
pub(crate) struct Sse {
    pub(crate) endpoint: String,
    pub(crate) events: Events,
    token: Option<String>,
}

impl Sse {
    pub(crate) async fn open(address: SocketAddr, token: Option<&str>) -> Self {
        let mut events = bearing(Ask::get("/sse"), token).to(address).await.events();
        let mut sse = Self {
            endpoint: events.event().await.data,
            events,
            token: token.map(str::to_owned),
        };
        let opening = initialize("2024-11-05", json!({}));
        let initialized = notification("notifications/initialized", json!({}));
        assert_eq!(sse.posting(&opening).status(address).await, 202);
        assert!(sse.events.message().await["result"].is_object());
        assert_eq!(sse.posting(&initialized).status(address).await, 202);
        sse
    }

    pub(crate) fn posting(&self, message: &Value) -> Ask {
        bearing(
            Ask::post(&self.endpoint).json(message),
            self.token.as_deref(),
        )
    }
}
