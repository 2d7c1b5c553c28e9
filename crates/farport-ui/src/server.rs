//! The listening sockets and the router.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use axum::Router;
use axum::middleware::from_fn_with_state;
use farport_client::{CancellationToken, Opener, Store};
use tokio::net::TcpListener;

use crate::apps::Apps;
use crate::chat::page::ChatStart;
use crate::guard::{Guard, guard};
use crate::servers::SavedServers;
use crate::state::State;
use crate::target::Target;
use crate::token::Token;
use crate::{Error, api, apps, assets};

/// How an inspector starts.
pub struct Settings {
    /// The server to connect to at once.
    pub target: Option<Target>,
    /// The stored sign-ins.
    pub store: Store,
    /// Opens sign-in pages.
    pub opener: Arc<dyn Opener>,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// The file of the saved calls.
    pub saved_calls: PathBuf,
    /// How the chat starts.
    pub chat: ChatStart,
    /// The servers that the user has configured elsewhere.
    pub servers: Arc<SavedServers>,
}

/// A bound inspector, which serves its page once [`Inspector::serve`] runs.
pub struct Inspector {
    listeners: Vec<(TcpListener, Router)>,
    url: String,
    origin: String,
    state: Arc<State>,
}

impl Inspector {
    /// Listens on 127.0.0.1 and, where the system has it, on ::1.
    ///
    /// # Errors
    /// When the port is taken, or the system provides no random numbers.
    pub async fn bind(settings: Settings) -> Result<Self, Error> {
        let refused = |source| Error::Listen {
            port: settings.port,
            source,
        };
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port))
            .await
            .map_err(refused)?;
        let port = first.local_addr().map_err(refused)?.port();
        let mut listeners = vec![first];
        match TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await {
            Ok(second) => listeners.push(second),
            Err(error) => tracing::debug!(%error, "not listening on ::1"),
        }
        let (views, views_port) = apps::listen().await?;
        let apps = Apps::new(views_port, port);
        let token = Token::random()?;
        let origin = format!("http://127.0.0.1:{port}");
        let view = if settings.chat.open { "&view=chat" } else { "" };
        let url = format!("{origin}/#token={}{view}", token.expose());
        let state = State::new(settings);
        let guard = Guard::new(port, views_port, token);
        let page = router(Arc::clone(&state), Arc::clone(&apps), guard);
        let views = views
            .into_iter()
            .map(|one| (one, apps::routes(Arc::clone(&apps))));
        let page = listeners.into_iter().map(|one| (one, page.clone()));
        Ok(Self {
            listeners: page.chain(views).collect(),
            url,
            origin,
            state,
        })
    }

    /// The page's address. Its fragment is the token: every program that knows the address
    /// controls the inspector.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The page's address without the token.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Controls the inspector while it runs.
    pub fn handle(&self) -> Handle {
        Handle(Arc::downgrade(&self.state))
    }

    /// Connects to the target, if one was given, and serves the page until `stop` is cancelled.
    ///
    /// # Errors
    /// When a socket fails.
    pub async fn serve(self, stop: CancellationToken) -> Result<(), Error> {
        if let Some(target) = self.state.target() {
            self.state.connect(target);
        }
        let mut servers = tokio::task::JoinSet::new();
        for (listener, router) in self.listeners {
            let server = axum::serve(listener, router);
            servers.spawn(std::future::IntoFuture::into_future(server));
        }
        let result = tokio::select! {
            () = stop.cancelled() => Ok(()),
            Some(Ok(result)) = servers.join_next() => result.map_err(Error::Serve),
        };
        self.state.chat().close();
        self.state.disconnect();
        result
    }
}

/// Controls a running inspector. It does nothing once the inspector has ended.
#[derive(Clone, Debug)]
pub struct Handle(Weak<State>);

impl Handle {
    /// Connects to a server, after closing the current connection.
    pub fn connect(&self, target: Target) {
        if let Some(state) = self.0.upgrade() {
            state.connect(target);
        }
    }

    /// Connects again, because the server was replaced. The page keeps what it shows until the new
    /// connection is open. Requests that still run may finish on the old one.
    pub fn reload(&self) {
        if let Some(state) = self.0.upgrade() {
            state.reload();
        }
    }

    /// Shows a message on the page and in the timeline.
    pub fn report(&self, text: &str) {
        if let Some(state) = self.0.upgrade() {
            state.report(text);
        }
    }
}

fn router(state: Arc<State>, apps: Arc<Apps>, checks: Guard) -> Router {
    api::routes(state)
        .merge(apps::api(apps))
        .merge(assets::routes())
        .layer(from_fn_with_state(Arc::new(checks), guard))
}
