use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use farport_oauth::{
    Authenticated, AuthorizationServer, BearerError, Config, Digest, Environment, Keys,
    MemoryStore, OAuthError, Random, Scopes, SignInMethod, Site, TokenRequest, UnixTime,
};
use serde_json::{Value, json};

use super::{FakeProvider, Form, Script};

pub(crate) const ISSUER: &str = "https://mcp.example";
pub(crate) const MCP: &str = "https://mcp.example/mcp";
pub(crate) const START: u64 = 1_800_000_000;
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const REDIRECT: &str = "https://client.example/callback";
const MASTER: [u8; 32] = *b"the master key of a test fixture";

/// An authorization server with its environment.
pub(crate) struct Fixture {
    pub(crate) server: Arc<AuthorizationServer>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) script: Arc<Script>,
    pub(crate) provider: Arc<FakeProvider>,
    pub(crate) site: Site,
    now: AtomicU64,
}

/// A client.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
    pub(crate) redirect: String,
}

/// A deterministic random source.
pub(crate) struct Seeded(Mutex<(u64, u64)>);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new((seed, 0)))
    }
}

impl Random for Seeded {
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = self.0.lock().unwrap();
        for chunk in buffer.chunks_mut(32) {
            state.1 += 1;
            let block = Digest::of(format!("{} {}", state.0, state.1)).0;
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

pub(crate) fn challenge(verifier: &str) -> String {
    BASE64.encode(Digest::of(verifier).0)
}

impl Fixture {
    /// A server with the sign-in for development.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::build(change, false, Script::default())
    }

    /// A server with a provider.
    pub(crate) fn upstream() -> Self {
        Self::build(|_| {}, true, Script::default())
    }

    pub(crate) fn build(change: impl FnOnce(&mut Config), upstream: bool, script: Script) -> Self {
        let mut config = Config {
            scopes: Scopes::parse("profile todos:read todos:write").unwrap(),
            default_scopes: Scopes::parse("todos:read").unwrap(),
            ..Config::default()
        };
        change(&mut config);
        let (store, script) = (Arc::new(MemoryStore::default()), Arc::new(script));
        let provider = Arc::new(FakeProvider::default());
        let sign_in = if upstream {
            SignInMethod::Provider(provider.clone())
        } else {
            SignInMethod::Development
        };
        let context = Environment {
            store: store.clone(),
            random: Arc::new(Seeded::new(1)),
            fetcher: script.clone(),
        };
        let server = AuthorizationServer::new(config, Keys::new(MASTER, []), sign_in, context);
        Self {
            server: Arc::new(server),
            store,
            script,
            provider,
            site: Site::new(ISSUER, ["/mcp", "/sse"]).unwrap(),
            now: AtomicU64::new(START),
        }
    }

    pub(crate) fn now(&self) -> UnixTime {
        UnixTime(self.now.load(Ordering::SeqCst))
    }

    /// Advances the clock.
    pub(crate) fn pass(&self, seconds: u64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) async fn register(&self, metadata: Value) -> Result<Value, OAuthError> {
        self.register_from(None, metadata).await
    }

    pub(crate) async fn register_from(
        &self,
        address: Option<IpAddr>,
        metadata: Value,
    ) -> Result<Value, OAuthError> {
        let body = metadata.to_string();
        let answer = self
            .server
            .registration()
            .register(body.as_bytes(), address, self.now());
        Ok(serde_json::to_value(answer.await?).unwrap())
    }

    /// Registers a client with this metadata in addition to the default.
    pub(crate) async fn app(&self, more: Value) -> App {
        let mut metadata = json!({
            "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"], "client_name": "Notes",
        });
        let members = metadata.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        let answer = self.register(metadata).await.unwrap();
        App {
            id: answer["client_id"].as_str().unwrap().into(),
            secret: answer["client_secret"].as_str().map(str::to_owned),
            redirect: answer["redirect_uris"][0].as_str().unwrap().into(),
        }
    }

    pub(crate) async fn public_app(&self) -> App {
        self.app(json!({})).await
    }

    pub(crate) async fn token(&self, form: &Form) -> Result<Value, OAuthError> {
        self.token_with(None, form).await
    }

    pub(crate) async fn token_with(
        &self,
        authorization: Option<&str>,
        form: &Form,
    ) -> Result<Value, OAuthError> {
        self.token_from(None, authorization, form).await
    }

    pub(crate) async fn token_from(
        &self,
        address: Option<IpAddr>,
        authorization: Option<&str>,
        form: &Form,
    ) -> Result<Value, OAuthError> {
        let body = form.encoded();
        let request = request(authorization, &body, address);
        let answer = self
            .server
            .token_endpoint()
            .token(&self.site, request, self.now())
            .await?;
        Ok(serde_json::to_value(answer).unwrap())
    }

    pub(crate) async fn revoke(&self, form: &Form) -> Result<(), OAuthError> {
        let body = form.encoded();
        let request = request(None, &body, None);
        self.server
            .token_endpoint()
            .revoke(&self.site, request, self.now())
            .await
    }

    pub(crate) async fn introspect(&self, form: &Form) -> Result<Value, OAuthError> {
        let body = form.encoded();
        let request = request(None, &body, None);
        let answer = self
            .server
            .token_endpoint()
            .introspect(&self.site, request, self.now());
        Ok(serde_json::to_value(answer.await?).unwrap())
    }

    /// Authenticates a token at `/mcp`.
    pub(crate) async fn who(&self, token: &str) -> Result<Arc<Authenticated>, BearerError> {
        self.who_at(MCP, token).await
    }

    pub(crate) async fn who_at(
        &self,
        resource: &str,
        token: &str,
    ) -> Result<Arc<Authenticated>, BearerError> {
        let now = self.now();
        self.server
            .resource_server()
            .authenticate(&self.site, resource, token, now)
            .await
    }

    /// Whether a token is valid at `/mcp`.
    pub(crate) async fn good(&self, token: &Value) -> bool {
        self.who(token.as_str().unwrap()).await.is_ok()
    }

    /// The token response to `app` after `name` has signed in and consented in a new browser.
    pub(crate) async fn tokens(&self, app: &App, name: &str) -> Value {
        let code = super::Browser::new(self).code(&app.request(), name).await;
        self.token(&app.redemption(&code)).await.unwrap()
    }

    /// The number of grants.
    pub(crate) async fn grants(&self) -> usize {
        use farport_oauth::Store;
        self.store.grants(&Default::default()).await.unwrap().len()
    }
}

pub(crate) fn request<'a>(
    authorization: Option<&'a str>,
    body: &'a str,
    address: Option<IpAddr>,
) -> TokenRequest<'a> {
    TokenRequest {
        authorization,
        body: body.as_bytes(),
        address,
    }
}

impl App {
    /// A client with this ID that did not register.
    pub(crate) fn named(id: &str, redirect: &str) -> Self {
        Self {
            id: id.into(),
            secret: None,
            redirect: redirect.into(),
        }
    }

    /// An authorization request.
    pub(crate) fn request(&self) -> Form {
        Form::new([
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", &self.redirect),
            ("code_challenge", &challenge(VERIFIER)),
            ("code_challenge_method", "S256"),
            ("state", "the state"),
            ("resource", MCP),
            ("scope", "todos:read todos:write"),
        ])
    }

    fn form(&self, grant_type: &str) -> Form {
        let form = Form::new([("grant_type", grant_type), ("client_id", &self.id)]);
        form.set("client_secret", self.secret.as_deref())
    }

    pub(crate) fn redemption(&self, code: &str) -> Form {
        let form = self.form("authorization_code").with("code", code);
        let form = form.with("redirect_uri", &self.redirect);
        form.with("code_verifier", VERIFIER).with("resource", MCP)
    }

    /// A refresh with the token in `answer`.
    pub(crate) fn refresh(&self, answer: &Value) -> Form {
        let token = answer["refresh_token"].as_str().unwrap();
        self.form("refresh_token").with("refresh_token", token)
    }

    /// A revocation or introspection request for `token`.
    pub(crate) fn about(&self, token: &Value) -> Form {
        let form = Form::new([("client_id", &*self.id), ("token", token.as_str().unwrap())]);
        form.set("client_secret", self.secret.as_deref())
    }
}

/// Longer than the period in which two requests count as concurrent, in seconds.
pub(crate) const A_WHILE: u64 = Duration::from_secs(5).as_secs();
