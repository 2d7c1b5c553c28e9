//! What the Worker itself does: it serves what needs no state, and sends on what does.

use std::sync::Arc;

use bytes::Bytes;
use farport_core::{MemorySessions, SessionId};
use worker::{Env, Request, Response};

use crate::{
    answer::{Incoming, OPENS, SESSION},
    context::in_own_turn,
    environment::Variables,
    route::{self, Place},
    runtime::WorkerRuntime,
    sites::{MakeServer, Site, Sites},
    store,
};

/// The binding of the class of sessions.
pub(crate) const SESSIONS: &str = "FARPORT_SESSION";

/// The object that serves requests without a session, if one does.
const TOGETHER: &str = "together";

thread_local! {
    static SITES: Sites = Sites::default();
}

/// Where requests are served that describe themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stateless {
    /// In whichever isolate gets them.
    Apart,
    /// All of them in one object.
    Together,
}

/// Answers a request. `server` makes the server.
pub async fn fetch(
    request: Request,
    env: &Env,
    server: MakeServer,
    stateless: Stateless,
) -> Response {
    let variables = Variables::of(env);
    let answered = in_own_turn(serve(request, env, &variables, server, stateless)).await;
    or_failure(answered)
}

/// The log is told what failed, the client only that something did.
pub(crate) fn or_failure(answered: Result<Response, Failure>) -> Response {
    let failure = match answered {
        Ok(response) => return response,
        Err(failure) => failure,
    };
    tracing::error!("{failure}");
    let body = b"The server failed; its log says why.\n".to_vec();
    worker::ResponseBuilder::new().with_status(500).fixed(body)
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    Server(farport::Error),
    Platform(worker::Error),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Server(error) => error.fmt(f),
            Self::Platform(error) => error.fmt(f),
        }
    }
}

impl From<farport::Error> for Failure {
    fn from(error: farport::Error) -> Self {
        Self::Server(error)
    }
}

impl From<worker::Error> for Failure {
    fn from(error: worker::Error) -> Self {
        Self::Platform(error)
    }
}

async fn serve(
    request: Request,
    env: &Env,
    variables: &Variables,
    server: MakeServer,
    stateless: Stateless,
) -> Result<Response, Failure> {
    let mut incoming = Incoming::read(request)?;
    let (path, query) = (incoming.url.path(), incoming.url.query());
    let site = || here(&incoming.url, env, variables, server);
    match route::place(&incoming.method, path, query, &incoming.headers) {
        Place::Here => {
            let Site {
                service,
                body_bytes,
            } = site()?;
            Ok(incoming
                .answered_by(&service, None, body_bytes, None)
                .await?)
        }
        Place::Session(id) => in_session(&incoming, env, id, None, &[]).await,
        Place::NewSession => {
            let id = SessionId::random(&WorkerRuntime);
            in_session(&incoming, env, id, None, &[(OPENS, "1")]).await
        }
        Place::Store => match store::stub(env)? {
            Some(stub) => {
                let request = incoming.forwarded(None, &[])?;
                Ok(stub.fetch_with_request(request).await?)
            }
            // A server without sign-in has no such thing.
            None => {
                let site = site()?;
                Ok(incoming
                    .answered_by(&site.service, None, site.body_bytes, None)
                    .await?)
            }
        },
        Place::ByBody => {
            let site = site()?;
            let body = incoming.body(site.body_bytes).await?;
            if body.len() <= site.body_bytes && route::opens(&body) {
                let id = SessionId::random(&WorkerRuntime);
                return in_session(&incoming, env, id, Some(&body), &[(OPENS, "1")]).await;
            }
            if stateless == Stateless::Together && body.len() <= site.body_bytes {
                let stub = env.durable_object(SESSIONS)?.get_by_name(TOGETHER)?;
                let request = incoming.forwarded(Some(&body), &[])?;
                return Ok(stub.fetch_with_request(request).await?);
            }
            Ok(incoming
                .answered_by(&site.service, Some(body), site.body_bytes, None)
                .await?)
        }
    }
}

/// The service of this isolate, which has no sessions.
fn here(
    url: &url::Url,
    env: &Env,
    variables: &Variables,
    server: MakeServer,
) -> Result<Site, farport::Error> {
    SITES.with(|sites| {
        let sessions = |settings: &farport::Settings| -> Arc<dyn farport_core::SessionStore> {
            Arc::new(MemorySessions::new(settings.sessions()))
        };
        sites.at(url, variables, server, sessions, &|| store::distant(env))
    })
}

/// Has the object of a session answer.
async fn in_session(
    incoming: &Incoming,
    env: &Env,
    id: SessionId,
    body: Option<&Bytes>,
    told: &[(&str, &str)],
) -> Result<Response, Failure> {
    let name = id.to_string();
    let stub = env.durable_object(SESSIONS)?.get_by_name(&name)?;
    let told: Vec<_> = std::iter::once((SESSION, &name[..]))
        .chain(told.iter().copied())
        .collect();
    let request = incoming.forwarded(body, &told)?;
    Ok(stub.fetch_with_request(request).await?)
}
