//! Who hears of a change.

use farport_testkit::fixture::FixtureState;
use rmcp::model::{
    ReadResourceRequestParams, ResourceContents, ServerNotification, SubscribeRequestParams,
    SubscriptionFilter, UnsubscribeRequestParams,
};
use serde_json::json;

use crate::client::{Client, Era, Heard, text};

const WATCHED: &str = "test://watched-resource";

#[tokio::test]
async fn a_session_hears_of_a_resource_from_subscribing_to_unsubscribing() {
    let state = FixtureState::new().unwrap();
    let mut watcher = Client::connect(&state, Era::Session).await;
    let other = Client::connect(&state, Era::Session).await;

    watcher
        .service
        .subscribe(SubscribeRequestParams::new(WATCHED))
        .await
        .unwrap();
    other.call("test_trigger_resource_update", json!({})).await;
    assert_eq!(watcher.next().await, Heard::Updated(WATCHED.to_owned()));
    let read = ReadResourceRequestParams::new(WATCHED);
    let read = watcher.service.read_resource(read).await.unwrap();
    let ResourceContents::TextResourceContents { text, .. } = &read.contents[0] else {
        panic!("{read:?}");
    };
    assert_eq!(text, "This is revision 1 of the watched resource.");

    watcher
        .service
        .unsubscribe(UnsubscribeRequestParams::new(WATCHED))
        .await
        .unwrap();
    other.call("test_trigger_resource_update", json!({})).await;
    other.call("test_trigger_resource_change", json!({})).await;
    assert_eq!(watcher.next().await, Heard::Resources);
    assert!(watcher.is_silent());
}

#[tokio::test]
async fn a_tool_that_was_added_can_be_called_until_it_is_taken_away() {
    let state = FixtureState::new().unwrap();
    let mut client = Client::connect(&state, Era::Session).await;
    let before = client.tools().await;
    assert!(client.try_call("test_extra_tool", json!({})).await.is_err());

    client.call("test_trigger_tool_change", json!({})).await;
    assert_eq!(client.next().await, Heard::Tools);
    assert_eq!(client.tools().await.len(), before.len() + 1);
    let result = client.call("test_extra_tool", json!({})).await;
    assert_eq!(text(&result), "The additional tool is there.");

    client.call("test_trigger_tool_change", json!({})).await;
    assert_eq!(client.next().await, Heard::Tools);
    assert_eq!(client.tools().await, before);
}

#[tokio::test]
async fn a_listen_stream_carries_what_its_filter_names_and_nothing_else() {
    let state = FixtureState::new().unwrap();
    let mut client = Client::connect(&state, Era::Modern).await;
    let filter = SubscriptionFilter::builder()
        .prompts_list_changed()
        .resource_subscriptions([WATCHED])
        .build();
    let mut subscription = client.service.listen(filter).await.unwrap();

    client.call("test_trigger_tool_change", json!({})).await;
    client.call("test_trigger_resource_update", json!({})).await;
    let first = subscription.next().await.unwrap().unwrap();
    assert!(
        matches!(&first, ServerNotification::ResourceUpdatedNotification(update)
            if update.params.uri == WATCHED),
        "{first:?}"
    );
    client.call("test_trigger_prompt_change", json!({})).await;
    let second = subscription.next().await.unwrap().unwrap();
    assert!(
        matches!(second, ServerNotification::PromptListChangedNotification(_)),
        "{second:?}"
    );
    assert!(client.is_silent());
}
