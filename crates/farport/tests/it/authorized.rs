//! Open streams end at once when their server revokes their token.

use farport::DevLogin;
use serde_json::json;

use crate::support::{
    browser::{form, tokens},
    client::{Client, modern, modern_call, request, tool},
    era::{Sse, bearing},
    server::start_vault,
    soon,
};

#[tokio::test]
async fn open_streams_end_at_once_when_their_grant_is_revoked() {
    let server = start_vault(|server| server.auth(DevLogin)).await;
    let address = server.address;
    for open in ["session", "modern", "legacy"] {
        let issued = tokens(address, "ann", &[]).await;
        let token = issued["access_token"].as_str().unwrap();
        let refresh = issued["refresh_token"].as_str().unwrap();
        let mut events = match open {
            "session" => {
                let client = Client::open_bearing(address, "2025-11-25", Some(token)).await;
                let mut events = client.listen(None).await.events();
                events.event().await;
                events
            }
            "modern" => {
                let wanted =
                    json!({ "notifications": { "resourceSubscriptions": ["note://open/1"] } });
                let listen = bearing(modern(1, "subscriptions/listen", wanted), Some(token));
                listen.to(address).await.events()
            }
            _ => Sse::open(address, Some(token)).await.events,
        };
        // Another user's stream stays.
        let other = tokens(address, "bob", &[]).await;
        let other = other["access_token"].as_str().unwrap().to_owned();
        let bob = Client::open_bearing(address, "2025-11-25", Some(&other)).await;
        let mut stays = bob.listen(None).await.events();
        stays.event().await;
        let client = issued["client_id"].as_str();
        let revoked = form(
            "/revoke",
            [
                ("token", refresh),
                ("client_id", client.expect("the client is known")),
            ],
        );
        assert_eq!(revoked.status(address).await, 200);
        soon(events.rest()).await;
        let refused = bearing(modern_call(1, "whoami", json!({})), Some(token));
        let refused = refused.to(address).await;
        assert_eq!(refused.status, 401, "{open}");
        let challenge = refused.header("www-authenticate").unwrap();
        assert!(challenge.contains("invalid_token"), "{challenge}");
        let alive = request(7, "tools/call", tool("whoami", json!({})));
        let answer = bearing(bob.posting(&alive), None).to(address).await;
        assert_eq!(answer.status, 200, "{open}");
    }
}
