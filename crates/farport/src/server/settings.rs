//! A method of the builder for each setting.

use std::time::Duration;

use super::Server;
use farport_server::{LogFormat, Settings, Storage};

impl Server {
    fn set(mut self, set: impl Fn(&mut Settings) + Send + Sync + 'static) -> Self {
        self.server.set(set);
        self
    }

    /// Listens on this name or address. The default is `localhost`, which stands for both loopback
    /// addresses; `0.0.0.0` and `::` stand for all addresses of the machine.
    #[must_use]
    pub fn host(self, host: impl Into<String>) -> Self {
        let host = host.into();
        self.set(move |settings| settings.host.clone_from(&host))
    }

    /// Listens on this port; 0 picks a free one. The default is 8787.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        self.set(move |settings| settings.port = port)
    }

    /// Sets the URL that clients use, if it differs from the address that the server listens on:
    /// `https://mcp.example.com`, or `https://example.com/tools` below a path. A proxy in front may
    /// strip the path from requests or keep it.
    #[must_use]
    pub fn public_url(self, url: impl Into<String>) -> Self {
        let url = url.into();
        self.set(move |settings| settings.public_url = Some(url.clone()))
    }

    /// Sets whether the server trusts `X-Forwarded-For` for the client's address, because only a proxy
    /// can reach it. The default is no.
    #[must_use]
    pub fn behind_proxy(self, behind_proxy: bool) -> Self {
        self.set(move |settings| settings.behind_proxy = behind_proxy)
    }

    /// Accepts requests for these host names, besides loopback names, the public URL's host and those
    /// in the settings.
    #[must_use]
    pub fn allow_hosts<S: Into<String>>(self, hosts: impl IntoIterator<Item = S>) -> Self {
        let hosts: Vec<String> = hosts.into_iter().map(Into::into).collect();
        self.set(move |settings| settings.allowed_hosts.extend_from_slice(&hosts))
    }

    /// Accepts requests from web pages of these origins, besides loopback origins, the server's own
    /// and those in the settings.
    #[must_use]
    pub fn allow_origins<S: Into<String>>(self, origins: impl IntoIterator<Item = S>) -> Self {
        let origins: Vec<String> = origins.into_iter().map(Into::into).collect();
        self.set(move |settings| settings.allowed_origins.extend_from_slice(&origins))
    }

    /// Stores sessions and sign-ins in `storage`.
    #[must_use]
    pub fn store(self, storage: Storage) -> Self {
        self.set(move |settings| settings.store = Some(storage.clone()))
    }

    /// Limits the number of sessions. The default is 10,000.
    #[must_use]
    pub fn max_sessions(self, most: usize) -> Self {
        self.set(move |settings| settings.max_sessions = most)
    }

    /// Limits the number of sessions and of open streams of one user, or of one network of anonymous
    /// clients. The default, 0, sets no limit.
    #[must_use]
    pub fn max_sessions_per_user(self, most: usize) -> Self {
        self.set(move |settings| settings.max_sessions_per_user = most)
    }

    /// Limits how many sessions one user, or one network of anonymous clients, may open per minute. The
    /// default is 600; 0 sets no limit.
    #[must_use]
    pub fn sessions_per_minute(self, most: u32) -> Self {
        self.set(move |settings| settings.sessions_per_minute = most)
    }

    /// Closes a session after this time without use. The default is 30 minutes. The server counts in
    /// seconds.
    #[must_use]
    pub fn session_idle(self, idle: Duration) -> Self {
        self.set(move |settings| settings.session_idle_secs = idle.as_secs())
    }

    /// Limits the size of a request body, in bytes. The default is 4 MiB.
    #[must_use]
    pub fn max_body_bytes(self, most: usize) -> Self {
        self.set(move |settings| settings.max_body_bytes = most)
    }

    /// Limits the size of all stored stream events together, in bytes. The default is 256 MiB.
    #[must_use]
    pub fn max_event_bytes(self, most: usize) -> Self {
        self.set(move |settings| settings.max_event_bytes = most)
    }

    /// Limits the number of open event streams. The default, 0, allows three quarters of the
    /// connections.
    #[must_use]
    pub fn max_streams(self, most: usize) -> Self {
        self.set(move |settings| settings.max_streams = most)
    }

    /// Limits the number of connections. The default is 20,000.
    #[must_use]
    pub fn max_connections(self, most: usize) -> Self {
        self.set(move |settings| settings.max_connections = most)
    }

    /// Limits the number of connections from one address. The default, 0, allows a quarter of all
    /// connections. Behind a proxy it has no effect.
    #[must_use]
    pub fn max_connections_per_address(self, most: usize) -> Self {
        self.set(move |settings| settings.max_connections_per_address = most)
    }

    /// Refuses every tool, prompt, resource and custom method that no rule names. To permit one to all
    /// signed-in users, use [`signed_in`](crate::signed_in).
    #[must_use]
    pub fn deny_by_default(self) -> Self {
        self.set(|settings| settings.deny_by_default = true)
    }

    /// Gives running calls this time to finish at shutdown. The default is 10 s. The server counts in
    /// seconds.
    #[must_use]
    pub fn shutdown_grace(self, grace: Duration) -> Self {
        self.set(move |settings| settings.shutdown_grace_secs = grace.as_secs())
    }

    /// Turns the response to a call into an event stream with keep-alives once the call has run for this
    /// long without a result, if the client accepts one. The default is 10 s; zero turns this off.
    #[must_use]
    pub fn quiet_after(mut self, quiet: Duration) -> Self {
        self.server.set_quiet_after(quiet);
        self
    }

    /// Limits the number of calls that wait for their clients' answers (2026-07-28). The default is 1,000;
    /// 0 turns such questions off. A full server cancels the oldest waiting call of the user, or of the
    /// network of anonymous clients, with the most.
    #[must_use]
    pub fn max_parked_calls(self, most: usize) -> Self {
        self.set(move |settings| settings.max_parked_calls = most)
    }

    /// Sets the time that a client of 2026-07-28 has to answer a question of a handler. The default is 10
    /// minutes. The server counts in seconds.
    #[must_use]
    pub fn answer_timeout(self, timeout: Duration) -> Self {
        self.set(move |settings| settings.answer_timeout_secs = timeout.as_secs())
    }

    /// Sends all requests that the server itself makes through the HTTP proxy at `url`. A Worker
    /// ignores it, because the platform sends its requests.
    #[must_use]
    pub fn outgoing_proxy(self, url: impl Into<String>) -> Self {
        let url = url.into();
        self.set(move |settings| settings.outgoing_proxy = Some(url.clone()))
    }

    /// Sets the log level, or a `tracing` filter. The default is `info`.
    #[must_use]
    pub fn log(self, filter: impl Into<String>) -> Self {
        let filter = filter.into();
        self.set(move |settings| settings.log.clone_from(&filter))
    }

    /// Sets the format of the log. The default is text.
    #[must_use]
    pub fn log_format(self, format: LogFormat) -> Self {
        self.set(move |settings| settings.log_format = format)
    }

    /// Sets whether a client may identify itself by the https URL of its metadata document, which the
    /// server then fetches. The default is yes.
    #[must_use]
    pub fn client_documents(self, accept: bool) -> Self {
        self.set(move |settings| settings.auth.client_documents = Some(accept))
    }

    /// Sets whether clients may register themselves (RFC 7591). The default is yes.
    #[must_use]
    pub fn registration(self, accept: bool) -> Self {
        self.set(move |settings| settings.auth.registration = Some(accept))
    }

    /// Accepts redirect URIs with these private-use schemes, besides the known ones.
    #[must_use]
    pub fn redirect_schemes<S: Into<String>>(self, schemes: impl IntoIterator<Item = S>) -> Self {
        let schemes: Vec<String> = schemes.into_iter().map(Into::into).collect();
        self.set(move |settings| settings.auth.redirect_schemes.extend_from_slice(&schemes))
    }

    /// Sets the lifetime of an access token. The default is an hour.
    #[must_use]
    pub fn access_token_lifetime(self, lifetime: Duration) -> Self {
        self.set(move |settings| settings.auth.access_token_secs = Some(lifetime.as_secs()))
    }

    /// Sets the time without use after which a sign-in ends. The default is 30 days.
    #[must_use]
    pub fn refresh_token_lifetime(self, lifetime: Duration) -> Self {
        self.set(move |settings| settings.auth.refresh_token_secs = Some(lifetime.as_secs()))
    }

    /// Sets the time after which a sign-in ends even if its client refreshes it, and the user must sign
    /// in again. The default is 180 days.
    #[must_use]
    pub fn grant_lifetime(self, lifetime: Duration) -> Self {
        self.set(move |settings| settings.auth.grant_secs = Some(lifetime.as_secs()))
    }
}
