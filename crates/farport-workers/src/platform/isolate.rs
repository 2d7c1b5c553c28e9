//! The Worker itself: serves requests without state, and forwards the others to objects.

use std::sync::Arc;

use bytes::Bytes;
use farport_core::{MemorySessions, SessionId};
use worker::{Env, Request, Response};

use crate::platform::{
    answer::{Incoming, OPENS, SESSION, respond},
    context::in_own_turn,
    environment::Variables,
    runtime::WorkerRuntime,
    sign_in,
    sites::{MakeServer, Site, Sites},
};
use crate::route::{self, Target};

/// The binding of the class of sessions.
pub(crate) const SESSIONS: &str = "FARPORT_SESSION";

/// The object that serves requests without a session, if one does.
const TOGETHER: &str = "together";

thread_local! {
    static SITES: Sites = Sites::default();
}

/// Where the Worker serves stateless requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stateless {
    /// In the isolate that receives them.
    Apart,
    /// All in one object.
    Together,
}

/// Handles a request. `server` creates the server.
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

/// Logs the error, and returns a response without details to the client.
pub(crate) fn or_failure(answered: Result<Response, Failure>) -> Response {
    let failure = match answered {
        Ok(response) => return response,
        Err(failure) => failure,
    };
    tracing::error!("{failure}");
    let body = b"The server failed. See its log.\n".to_vec();
    worker::ResponseBuilder::new().with_status(500).fixed(body)
}

/// An error that prevents a response.
#[derive(Debug)]
pub(crate) enum Failure {
    Server(farport_server::Error),
    Platform(worker::Error),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // With its causes and its hint.
            Self::Server(error) => write!(f, "{error:?}"),
            Self::Platform(error) => error.fmt(f),
        }
    }
}

impl From<farport_server::Error> for Failure {
    fn from(error: farport_server::Error) -> Self {
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
    let (path, query) = (variables.path(&incoming.url), incoming.url.query());
    let site = || local(&incoming.url, env, variables, server);
    match route::target(&incoming.method, path, query, &incoming.headers) {
        Target::Worker => {
            let Site {
                service,
                body_bytes,
            } = site()?;
            Ok(incoming
                .answered_by(&service, None, body_bytes, None)
                .await?)
        }
        Target::Session(id) => in_session(&incoming, env, id, None, &[]).await,
        Target::NewSession => {
            // Before the request creates an object for the session.
            if let Err(refused) = site()?.service.admit_opening(incoming.address()) {
                return Ok(respond(*refused).await?);
            }
            let id = SessionId::random(&WorkerRuntime);
            in_session(&incoming, env, id, None, &[(OPENS, "1")]).await
        }
        Target::Store => match sign_in::stub(env)? {
            Some(stub) => {
                let request = incoming.forwarded(None, &[])?;
                Ok(stub.fetch_with_request(request).await?)
            }
            // A server without sign-in has no store.
            None => {
                let site = site()?;
                Ok(incoming
                    .answered_by(&site.service, None, site.body_bytes, None)
                    .await?)
            }
        },
        Target::ByBody => {
            let site = site()?;
            let body = incoming.body(site.body_bytes).await?;
            if body.len() <= site.body_bytes && route::opens(&body) {
                if let Err(refused) = site.service.admit_opening(incoming.address()) {
                    return Ok(respond(*refused).await?);
                }
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

/// Returns the service of this isolate, which has no sessions.
fn local(
    url: &url::Url,
    env: &Env,
    variables: &Variables,
    server: MakeServer,
) -> Result<Site, farport_server::Error> {
    SITES.with(|sites| {
        let sessions =
            |settings: &farport_server::Settings| -> Arc<dyn farport_core::SessionStore> {
                Arc::new(MemorySessions::new(settings.sessions()))
            };
        sites.at(url, variables, server, sessions, &|| sign_in::store(env))
    })
}

/// Forwards a request to the object of its session.
async fn in_session(
    incoming: &Incoming,
    env: &Env,
    id: SessionId,
    body: Option<&Bytes>,
    headers: &[(&str, &str)],
) -> Result<Response, Failure> {
    let name = id.to_string();
    let stub = env.durable_object(SESSIONS)?.get_by_name(&name)?;
    let headers: Vec<_> = std::iter::once((SESSION, &name[..]))
        .chain(headers.iter().copied())
        .collect();
    let request = incoming.forwarded(body, &headers)?;
    Ok(stub.fetch_with_request(request).await?)
}
