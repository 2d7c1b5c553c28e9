//! The revocation of the provider's tokens of ended grants.

use crate::support::{A_WHILE, Fixture, upstream_access};

/// Runs the background work and returns the revoked tokens.
async fn revoked(fixture: &Fixture) -> Vec<String> {
    while let Some(work) = fixture.server.upstream_revocations().work(fixture.now()) {
        work.await;
    }
    std::mem::take(&mut *fixture.provider.revoked.lock().unwrap())
}

#[tokio::test]
async fn a_revoked_grant_ends_at_the_provider() {
    let fixture = Fixture::upstream();
    let app = fixture.public_app().await;
    let answer = fixture.tokens(&app, "alice").await;
    // The revocation of an access token does not end the grant.
    fixture
        .revoke(&app.about(&answer["access_token"]))
        .await
        .unwrap();
    assert!(revoked(&fixture).await.is_empty());
    fixture
        .revoke(&app.about(&answer["refresh_token"]))
        .await
        .unwrap();
    // The request does not wait for the revocation.
    assert!(fixture.provider.revoked.lock().unwrap().is_empty());
    assert_eq!(revoked(&fixture).await, [upstream_access("alice", 0)]);
    fixture
        .revoke(&app.about(&answer["refresh_token"]))
        .await
        .unwrap();
    assert!(revoked(&fixture).await.is_empty());
}

#[tokio::test]
async fn a_grant_ended_by_reuse_ends_at_the_provider() {
    let fixture = Fixture::upstream();
    let app = fixture.public_app().await;
    let first = fixture.tokens(&app, "alice").await;
    let second = fixture.token(&app.refresh(&first)).await.unwrap();
    fixture.token(&app.refresh(&second)).await.unwrap();
    fixture.pass(A_WHILE);
    fixture.token(&app.refresh(&first)).await.unwrap_err();
    assert_eq!(revoked(&fixture).await, [upstream_access("alice", 0)]);
    let code = crate::support::Browser::new(&fixture)
        .code(&app.request(), "bob")
        .await;
    fixture.token(&app.redemption(&code)).await.unwrap();
    fixture.token(&app.redemption(&code)).await.unwrap_err();
    assert_eq!(revoked(&fixture).await, [upstream_access("bob", 0)]);
}

#[tokio::test]
async fn a_provider_that_ends_all_tokens_is_called_after_the_last_grant() {
    let fixture = Fixture::upstream();
    *fixture.provider.revokes_all.lock().unwrap() = true;
    let app = fixture.public_app().await;
    let [first, second] = [
        fixture.tokens(&app, "alice").await,
        fixture.tokens(&app, "alice").await,
    ];
    fixture
        .revoke(&app.about(&first["refresh_token"]))
        .await
        .unwrap();
    assert!(revoked(&fixture).await.is_empty());
    fixture
        .revoke(&app.about(&second["refresh_token"]))
        .await
        .unwrap();
    assert_eq!(revoked(&fixture).await.len(), 1);
}

#[tokio::test]
async fn an_outage_of_the_provider_does_not_block_a_revocation() {
    let fixture = Fixture::upstream();
    let app = fixture.public_app().await;
    let answer = fixture.tokens(&app, "alice").await;
    *fixture.provider.down.lock().unwrap() = true;
    fixture
        .revoke(&app.about(&answer["refresh_token"]))
        .await
        .unwrap();
    assert_eq!(fixture.grants().await, 0);
    assert!(revoked(&fixture).await.is_empty());
    *fixture.provider.down.lock().unwrap() = false;
    assert!(revoked(&fixture).await.is_empty());
}
