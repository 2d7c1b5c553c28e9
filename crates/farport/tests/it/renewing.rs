//! The provider's tokens, for tools that act for the user at the provider.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use farport::{Server, SignIn, SignedIn};
use farport_oauth::{
    BoxFuture, Identity, Properties, Scopes, UnixTime, UpstreamTokens, UserId,
    provider::{Begin, FetchContext, Finish, Provider, ProviderError},
};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ServerCapabilities,
        ServerConfig,
    },
    service::RequestContext,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::sync::Semaphore;
use url::Url;

use crate::support::{
    browser::upstream_token,
    client::{modern_call, text},
    era::bearing,
    http::Wire,
    server::serve,
    shop::Shop,
    soon,
};

/// A provider whose first access token is already expired, and whose refresh tokens can be used once,
/// even if no client receives the response.
struct Rotating {
    spent: AtomicUsize,
    asked: Semaphore,
    /// One permit for each response.
    answers: Semaphore,
}

struct AtRotating(Arc<Rotating>);

fn issued(number: usize, expires: UnixTime) -> UpstreamTokens {
    UpstreamTokens {
        access: format!("access {number}").into(),
        refresh: Some(format!("refresh {number}").into()),
        expires: Some(expires),
        scopes: Scopes::none(),
    }
}

impl Provider for AtRotating {
    fn name(&self) -> &str {
        "Rotating"
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
        world: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<Properties, ProviderError>> {
        let identity = Identity {
            user: UserId {
                issuer: "https://idp.example".into(),
                subject: "ada".into(),
            },
            name: None,
            email: None,
            claims: Default::default(),
            allowed: None,
        };
        let upstream = Some(issued(0, world.now));
        Box::pin(std::future::ready(Ok(Properties { identity, upstream })))
    }

    fn refresh<'a>(
        &'a self,
        tokens: &'a UpstreamTokens,
        world: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<UpstreamTokens, ProviderError>> {
        Box::pin(async move {
            let spent = self.0.spent.fetch_add(1, Ordering::SeqCst);
            let present = format!("refresh {spent}");
            let brought = tokens.refresh.as_ref().map(SecretString::expose_secret);
            if brought != Some(&*present) {
                return Err(ProviderError::Refused("it is spent".into()));
            }
            self.0.asked.add_permits(1);
            self.0.answers.acquire().await.unwrap().forget();
            Ok(issued(spent + 1, UnixTime(world.now.0 + 3600)))
        })
    }
}

/// A handler that acts for its user at the provider.
struct Acting(Arc<Shop>);

struct Noted(Arc<Shop>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.note("over".to_owned());
    }
}

impl ServerHandler for Acting {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let _noted = Noted(self.0.clone());
        let user = SignedIn::of(&context).unwrap();
        let said = match user.upstream_token().await {
            Ok(token) => token.expose_secret().to_owned(),
            Err(error) => error.to_string(),
        };
        Ok(CallToolResult::success(vec![ContentBlock::text(said)]).into())
    }
}

#[tokio::test]
async fn a_renewal_continues_when_the_waiting_tool_is_dropped() {
    let provider = Arc::new(Rotating {
        spent: AtomicUsize::new(0),
        asked: Semaphore::new(0),
        answers: Semaphore::new(0),
    });
    let shop = Arc::new(Shop::default());
    let (shared, sign_in) = (shop.clone(), SignIn::at(AtRotating(provider.clone())));
    let server = Server::new(move |_| Acting(shared.clone())).auth(sign_in);
    let server = serve(shop, server).await;
    let token = upstream_token(server.address).await;
    let call = || bearing(modern_call(1, "act", json!({})), Some(&*token));

    // The client disconnects while the provider is busy, and the call is dropped.
    let mut wire = Wire::connect(server.address).await;
    wire.send(call().bytes()).await;
    soon(provider.asked.acquire()).await.unwrap().forget();
    drop(wire);
    server.shop.has_seen("over").await;
    provider.answers.add_permits(1);

    // The next call uses the result, without another request to the provider.
    let answer = call().to(server.address).await.json().await;
    assert_eq!(text(&answer), "access 1");
    assert_eq!(provider.spent.load(Ordering::SeqCst), 1);
}
