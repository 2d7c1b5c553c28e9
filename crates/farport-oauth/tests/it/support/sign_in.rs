use std::{collections::HashMap, sync::Arc};

use farport_oauth::{
    Fetcher, Properties, UnixTime, UpstreamTokens,
    provider::{Begin, FetchContext, Finish, Provider, ProviderError},
};
use url::Url;

use super::Script;

pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const CALLBACK: &str = "https://mcp.example/callback";

/// A sign-in at a provider.
pub(crate) struct SignIn<P> {
    pub(crate) provider: P,
    pub(crate) script: Arc<Script>,
    fetcher: Arc<dyn Fetcher>,
    pub(crate) now: UnixTime,
}

impl<P: Provider> SignIn<P> {
    pub(crate) fn new(provider: P) -> Self {
        let script = Arc::new(Script::default());
        Self {
            provider,
            fetcher: script.clone(),
            script,
            now: UnixTime(NOW),
        }
    }

    fn context(&self) -> FetchContext<'_> {
        FetchContext {
            now: self.now,
            fetcher: &self.fetcher,
        }
    }

    /// Starts the sign-in.
    pub(crate) async fn begin(&self) -> Result<Url, ProviderError> {
        let begin = Begin {
            redirect_uri: CALLBACK,
            state: "the-state",
            nonce: "the-nonce",
            // RFC 7636, appendix B.
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        };
        self.provider.begin(begin, self.context()).await
    }

    /// Completes the sign-in.
    pub(crate) async fn finish(&self) -> Result<Properties, ProviderError> {
        self.finish_from(None).await
    }

    /// Completes the sign-in with this `iss`.
    pub(crate) async fn finish_from(&self, iss: Option<&str>) -> Result<Properties, ProviderError> {
        let finish = Finish {
            code: "the-code",
            iss,
            redirect_uri: CALLBACK,
            nonce: "the-nonce",
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        };
        self.provider.finish(finish, self.context()).await
    }

    pub(crate) async fn refresh(
        &self,
        tokens: &UpstreamTokens,
    ) -> Result<UpstreamTokens, ProviderError> {
        self.provider.refresh(tokens, self.context()).await
    }

    pub(crate) async fn revoke(&self, tokens: &UpstreamTokens) -> Result<(), ProviderError> {
        self.provider.revoke(tokens, self.context()).await
    }
}

/// The parameters of a URL. None is repeated.
pub(crate) fn query(url: &Url) -> HashMap<String, String> {
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    let query: HashMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(query.len(), pairs.len(), "{url}");
    query
}
