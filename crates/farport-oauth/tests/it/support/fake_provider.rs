use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use farport_oauth::{
    BoxFuture, Identity, Properties, Scopes, UnixTime, UpstreamTokens, UserId,
    provider::{Begin, FetchContext, Finish, Provider, ProviderError},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use url::Url;

/// A simulated provider. The code is the name of the user.
#[derive(Default)]
pub(crate) struct FakeProvider {
    /// Nonces by the verifiers they came with.
    begun: Mutex<HashMap<String, String>>,
    pub(crate) renewals: AtomicUsize,
    /// The error of each refresh, if it fails.
    pub(crate) renewal: Mutex<Option<fn() -> ProviderError>>,
    /// The scopes that users may grant.
    pub(crate) allowed: Mutex<Option<Scopes>>,
    /// The email address of all users.
    pub(crate) email: Mutex<Option<String>>,
    /// Other claims of all users.
    pub(crate) claims: Mutex<Map<String, Value>>,
    /// Whether the provider is unreachable.
    pub(crate) down: Mutex<bool>,
    /// The revoked tokens.
    pub(crate) revoked: Mutex<Vec<String>>,
    /// Whether a revocation ends all tokens of the user.
    pub(crate) revokes_all: Mutex<bool>,
}

/// The lifetime of access tokens, in seconds.
pub(crate) const UPSTREAM_LIFETIME: u64 = 600;

pub(crate) fn upstream_access(user: &str, renewals: usize) -> String {
    format!("UPSTREAM-ACCESS-OF-{user}-{renewals}")
}

impl FakeProvider {
    fn tokens(user: &str, renewals: usize, now: UnixTime) -> UpstreamTokens {
        UpstreamTokens {
            access: upstream_access(user, renewals).into(),
            refresh: Some(format!("UPSTREAM-REFRESH-OF-{user}-{renewals}").into()),
            expires: Some(UnixTime(now.0 + UPSTREAM_LIFETIME)),
            scopes: Scopes::none(),
        }
    }
}

impl Provider for FakeProvider {
    fn name(&self) -> &str {
        "Example"
    }

    fn begin<'a>(
        &'a self,
        begin: Begin<'a>,
        _: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<Url, ProviderError>> {
        Box::pin(async move {
            if *self.down.lock().unwrap() {
                return Err(ProviderError::Unavailable("it is down".into()));
            }
            let mut begun = self.begun.lock().unwrap();
            begun.insert(begin.verifier.into(), begin.nonce.into());
            let mut url = Url::parse("https://idp.example/authorize").unwrap();
            url.query_pairs_mut()
                .append_pair("state", begin.state)
                .append_pair("redirect_uri", begin.redirect_uri)
                .append_pair("nonce", begin.nonce);
            Ok(url)
        })
    }

    fn finish<'a>(
        &'a self,
        finish: Finish<'a>,
        context: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<Properties, ProviderError>> {
        Box::pin(async move {
            let begun = self.begun.lock().unwrap().get(finish.verifier).cloned();
            assert_eq!(begun.as_deref(), Some(finish.nonce));
            assert_eq!(finish.redirect_uri, "https://mcp.example/callback");
            let user = match finish.code {
                "not allowed" => return Err(ProviderError::NotAllowed("Not you".into())),
                "unavailable" => return Err(ProviderError::Unavailable("down".into())),
                "unacceptable" => return Err(ProviderError::Unacceptable("nonce".into())),
                "refused" => return Err(ProviderError::Refused("code".into())),
                user => user,
            };
            // `alice@elsewhere` is a user of another issuer.
            let (subject, issuer) = user.split_once('@').unwrap_or((user, "idp.example"));
            Ok(Properties {
                identity: Identity {
                    user: UserId {
                        issuer: format!("https://{issuer}").into(),
                        subject: subject.into(),
                    },
                    name: Some(subject.to_uppercase()),
                    email: self.email.lock().unwrap().clone(),
                    claims: self.claims.lock().unwrap().clone(),
                    allowed: self.allowed.lock().unwrap().clone(),
                },
                upstream: Some(Self::tokens(user, 0, context.now)),
            })
        })
    }

    fn refresh<'a>(
        &'a self,
        tokens: &'a UpstreamTokens,
        context: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<UpstreamTokens, ProviderError>> {
        Box::pin(async move {
            let renewals = self.renewals.fetch_add(1, Ordering::SeqCst) + 1;
            // Long enough for all concurrent callers to arrive.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            if let Some(error) = *self.renewal.lock().unwrap() {
                return Err(error());
            }
            let spent = tokens.refresh.as_ref().map(SecretString::expose_secret);
            let spent = spent.unwrap().strip_prefix("UPSTREAM-REFRESH-OF-").unwrap();
            let (user, _) = spent.rsplit_once('-').unwrap();
            Ok(Self::tokens(user, renewals, context.now))
        })
    }

    fn revoke<'a>(
        &'a self,
        tokens: &'a UpstreamTokens,
        _: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            if *self.down.lock().unwrap() {
                return Err(ProviderError::Unavailable("it is down".into()));
            }
            let token = tokens.access.expose_secret().to_owned();
            self.revoked.lock().unwrap().push(token);
            Ok(())
        })
    }

    fn revokes_all(&self) -> bool {
        *self.revokes_all.lock().unwrap()
    }
}
