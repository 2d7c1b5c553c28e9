//! Opens a connection: which transport, which era, and the handshake.

use std::sync::{Arc, Weak};

use farport_core::Era;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::child::{Child, Command};
use super::hub::{Hub, Sink};
use super::inner::{Inner, Server, Wire};
use super::link::Link;
use super::modern::{Modern, REVISION};
use super::remote::Remote;
use super::session::Session;
use super::{ConnectionOptions, EraChoice, Target};
use crate::Error;
use crate::message;
use crate::options::{Options, TransportOrder};
use crate::tools::Tools;

/// The newest revision of the session era.
const NEWEST_SESSION: &str = "2025-11-25";

pub(super) async fn open(target: Target, options: ConnectionOptions) -> Result<Arc<Inner>, Error> {
    let era = options.era;
    let revision = options
        .session_revision
        .clone()
        .unwrap_or_else(|| NEWEST_SESSION.to_owned());
    let (inner, era) = match target {
        Target::Http(http) => {
            let only_sse = matches!(
                http.transport,
                TransportOrder::SseFirst | TransportOrder::SseOnly
            );
            let era = match (era, only_sse) {
                (EraChoice::Auto, true) => EraChoice::Session,
                (era, _) => era,
            };
            (over_http(&http, options)?, era)
        }
        Target::Process(command) => (over_stdio(command, &options)?, era),
    };
    let server = match era {
        EraChoice::Session => initialize(&inner, &revision).await?,
        EraChoice::Modern => discover(&inner).await?,
        EraChoice::Auto => match discover(&inner).await {
            Ok(server) => server,
            Err(error) if is_unknown(&error) => {
                tracing::debug!(%error, "the server does not know the newest revision");
                initialize(&inner, &revision).await?
            }
            Err(error) => return Err(error),
        },
    };
    inner.opened(server);
    Ok(inner)
}

/// Whether the answer to `server/discover` may be that of a server of the session era.
fn is_unknown(error: &Error) -> bool {
    matches!(
        error,
        Error::Response(_)
            | Error::Status { .. }
            | Error::NotMcp { .. }
            | Error::NoResponse { .. }
            | Error::Broken { .. }
            | Error::Version { .. }
    )
}

fn over_http(http: &Options, options: ConnectionOptions) -> Result<Arc<Inner>, Error> {
    let ConnectionOptions {
        store,
        user,
        client_info,
        capabilities,
        ..
    } = options;
    let remote = Remote::new(http, store, user)?;
    let tools = Tools::new(&http.ignored_tools)?;
    let stop = CancellationToken::new();
    if let Some(name) = client_info.get("name").and_then(|name| name.as_str()) {
        remote.auth().note_caller_name(name);
    }
    let inner = Arc::new_cyclic(|inner: &Weak<Inner>| {
        let sink: Weak<dyn Sink> = inner.clone();
        let link = Arc::new(Link::new(remote, tools, http.transport, stop.clone(), sink));
        let session = Arc::new(Session::new(Arc::clone(&link)));
        let modern = Arc::new(Modern::new(Arc::clone(&link)));
        let wire = Wire::Http {
            link,
            session,
            modern,
        };
        Inner::new(
            wire,
            stop,
            capabilities.to_string(),
            client_info.to_string(),
            inner.clone(),
        )
    });
    if let (Wire::Http { session, .. }, Some(interval)) = (&inner.wire, http.ping) {
        tokio::spawn(Arc::clone(session).keep_alive(interval));
    }
    Ok(inner)
}

fn over_stdio(command: Command, options: &ConnectionOptions) -> Result<Arc<Inner>, Error> {
    let spawned = command.spawn()?;
    let stop = CancellationToken::new();
    Ok(Arc::new_cyclic(|inner: &Weak<Inner>| {
        let sink: Weak<dyn Sink> = inner.clone();
        let hub = Hub::new(spawned.shown().to_owned(), sink, spawned.watch());
        let child = Child::start(spawned, hub, stop.clone());
        Inner::new(
            Wire::Child(child),
            stop,
            options.capabilities.to_string(),
            options.client_info.to_string(),
            inner.clone(),
        )
    }))
}

#[derive(Deserialize, Default)]
struct Initialized {
    #[serde(rename = "protocolVersion", default)]
    version: String,
}

async fn initialize(inner: &Inner, revision: &str) -> Result<Server, Error> {
    let params = format!(
        r#"{{"protocolVersion":{},"capabilities":{},"clientInfo":{}}}"#,
        serde_json::Value::from(revision),
        inner.capabilities,
        inner.client_info
    );
    let result = match &inner.wire {
        Wire::Http { session, .. } => session.open_for(&params).await?,
        Wire::Child(_) => {
            let call = inner.request_in(Era::Session, "initialize", &params)?;
            call.response().await?.get().to_owned()
        }
    };
    let ready = message::notification("notifications/initialized", "{}");
    match &inner.wire {
        Wire::Http { session, .. } => session.initialized(&ready).await,
        Wire::Child(child) => child.send(ready).await?,
    }
    let initialized: Initialized = message::read_or_default(Some(&result));
    Ok(Server {
        era: Era::Session,
        version: initialized.version,
        result: RawValue::from_string(result).map_err(|_| Error::Stopped)?,
    })
}

#[derive(Deserialize, Default)]
struct Discovered {
    #[serde(rename = "supportedVersions", default)]
    versions: Vec<String>,
}

async fn discover(inner: &Inner) -> Result<Server, Error> {
    let call = inner.request_in(Era::Modern, "server/discover", "{}")?;
    let result = call.response().await?;
    let discovered: Discovered = message::read_or_default(Some(result.get()));
    if !discovered
        .versions
        .iter()
        .any(|version| version == REVISION)
    {
        return Err(Error::Version {
            url: inner.hub().peer().to_owned(),
            why: format!("it speaks {}", discovered.versions.join(", ")),
        });
    }
    Ok(Server {
        era: Era::Modern,
        version: REVISION.to_owned(),
        result,
    })
}
