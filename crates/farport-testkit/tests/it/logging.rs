//! Log messages.

use farport_testkit::fixture::FixtureState;
use rmcp::model::{LoggingLevel, SetLevelRequestParams};
use serde_json::json;

use crate::client::{Client, Era, Heard};

#[tokio::test]
async fn a_session_hears_what_is_at_its_level_or_above() {
    let state = FixtureState::new().unwrap();
    let mut client = Client::connect(&state, Era::Session).await;
    for (level, expect) in [
        (
            LoggingLevel::Debug,
            &["debug", "info", "warning", "error"][..],
        ),
        (LoggingLevel::Warning, &["warning", "error"]),
        (LoggingLevel::Emergency, &[]),
    ] {
        client
            .service
            .set_level(SetLevelRequestParams::new(level))
            .await
            .unwrap();
        client.call("test_logging_tool", json!({})).await;
        for name in expect {
            assert_eq!(
                client.next().await,
                Heard::Log(format!("Message at level {name}"))
            );
        }
        assert!(client.is_silent(), "{level:?}");
    }
}

#[tokio::test]
async fn a_modern_call_that_names_no_level_hears_nothing() {
    let state = FixtureState::new().unwrap();
    let mut client = Client::connect(&state, Era::Modern).await;
    client.call("test_logging_tool", json!({})).await;
    client.call("test_tool_with_logging", json!({})).await;
    assert!(client.is_silent());
}
