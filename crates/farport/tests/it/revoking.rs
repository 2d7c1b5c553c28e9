//! Revoking a grant also revokes it at the provider, after the response.

use std::sync::Arc;

use farport::SignIn;
use farport_oauth::{
    BoxFuture, Identity, Properties, Scopes, UpstreamTokens, UserId,
    provider::{Begin, FetchContext, Finish, Provider, ProviderError},
};
use secrecy::ExposeSecret;
use tokio::sync::{Semaphore, mpsc};
use url::Url;

use crate::support::{
    browser::{form, upstream_tokens},
    server::start_vault,
    soon,
};

/// A provider that records revocations, and responds slowly.
struct Slow {
    revoked: mpsc::UnboundedSender<String>,
    answers: Arc<Semaphore>,
}

fn user() -> Properties {
    Properties {
        identity: Identity {
            user: UserId {
                issuer: "https://idp.example".into(),
                subject: "ada".into(),
            },
            name: None,
            email: None,
            claims: Default::default(),
            allowed: None,
        },
        upstream: Some(UpstreamTokens {
            access: "upstream access".to_owned().into(),
            refresh: None,
            expires: None,
            scopes: Scopes::none(),
        }),
    }
}

impl Provider for Slow {
    fn name(&self) -> &str {
        "Slow"
    }

    fn begin<'a>(
        &'a self,
        begin: Begin<'a>,
        _: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<Url, ProviderError>> {
        let mut url = Url::parse("https://idp.example/").unwrap();
        url.query_pairs_mut().append_pair("state", begin.state);
        Box::pin(std::future::ready(Ok(url)))
    }

    fn finish<'a>(
        &'a self,
        _: Finish<'a>,
        _: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<Properties, ProviderError>> {
        Box::pin(std::future::ready(Ok(user())))
    }

    fn refresh<'a>(
        &'a self,
        _: &'a UpstreamTokens,
        _: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<UpstreamTokens, ProviderError>> {
        let error = ProviderError::Refused("it does not expire".into());
        Box::pin(std::future::ready(Err(error)))
    }

    fn revoke<'a>(
        &'a self,
        tokens: &'a UpstreamTokens,
        _: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            let token = tokens.access.expose_secret().to_owned();
            self.revoked.send(token).unwrap();
            self.answers.acquire().await.unwrap().forget();
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_revocation_does_not_wait_for_the_provider() {
    let (revoked, mut seen) = mpsc::unbounded_channel();
    let answers = Arc::new(Semaphore::new(0));
    let provider = Slow {
        revoked,
        answers: answers.clone(),
    };
    let server = start_vault(|server| server.auth(SignIn::at(provider))).await;
    let tokens = upstream_tokens(server.address).await;
    let pairs = [
        ("token", tokens["refresh_token"].as_str().unwrap()),
        ("client_id", tokens["client_id"].as_str().unwrap()),
    ];
    // The provider responds only afterwards.
    let answer = soon(form("/revoke", pairs).to(server.address)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(soon(seen.recv()).await.as_deref(), Some("upstream access"));
    answers.add_permits(1);
}
