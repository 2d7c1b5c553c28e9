//! Rules that match nothing, and refusing what no rule names.

use std::sync::Arc;

use farport::{DevLogin, Error, ErrorKind, Server, scope, signed_in};
use serde_json::json;

use crate::support::{
    browser::token, client::tool, era::ERAS, server::start_vault, shop::Shop, vault::Vault,
};

fn vault() -> Server {
    let shop = Arc::new(Shop::default());
    Server::new(move |_| Vault(shop.clone())).port(0)
}

async fn refused(server: Server) -> Option<String> {
    let bound = server.auth(DevLogin).bind().await;
    bound.err().map(|error: Error| format!("{error:?}"))
}

#[tokio::test]
async fn a_server_does_not_start_if_a_rule_matches_nothing() {
    for (server, mention) in [
        (
            vault().permit("whoam", scope("x")),
            Some("did you mean `whoami`?"),
        ),
        (vault().public("publc"), Some("did you mean `public`?")),
        (
            vault().permit("zzz*", scope("x")),
            Some("no tool matches the rule for `zzz*`"),
        ),
        (
            vault().permit_prompt("close", scope("x")),
            Some("did you mean `closed`?"),
        ),
        (
            vault().permit_resource("note://close/*", scope("x")),
            Some("no resource matches"),
        ),
        (vault().permit("who*", scope("x")), None),
        (vault().permit("*", scope("x")), None),
        (vault().permit_resource("note://closed/*", scope("x")), None),
        // A resource of a listed template.
        (
            vault().permit_resource("note://closed/17", scope("x")),
            None,
        ),
        (
            vault().permit("later", scope("x")).allow_unmatched("later"),
            None,
        ),
        (vault().permit_method("company/own", signed_in()), None),
    ] {
        let said = refused(server).await;
        match (said, mention) {
            (Some(said), Some(mention)) => assert!(said.contains(mention), "{said}"),
            (None, None) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_server_that_denies_by_default_refuses_what_no_rule_names() {
    let server = start_vault(|server| {
        let server = server.auth(DevLogin).deny_by_default();
        server.permit("whoami", signed_in())
    })
    .await;
    let ann = token(server.address, "ann", &[]).await;
    for era in ERAS {
        for (name, allowed) in [("whoami", true), ("headers", false)] {
            let called = tool(name, json!({}));
            let answer = era.ask(server.address, Some(&ann), "tools/call", called);
            let answer = answer.await.message;
            assert_eq!(answer["result"].is_object(), allowed, "{era:?} {answer}");
        }
        let listed = era.ask(server.address, Some(&ann), "tools/list", json!({}));
        let listed = listed.await.message;
        let tools = listed["result"]["tools"].as_array().unwrap();
        assert_eq!(tools.len(), 1, "{era:?}");
        let own = era.ask(server.address, Some(&ann), "company/own", json!({}));
        assert_eq!(own.await.message["error"]["code"], -32003, "{era:?}");
    }
    assert!(!server.shop.seen().contains(&"tool headers".to_owned()));
}

#[tokio::test]
async fn deny_by_default_requires_a_sign_in() {
    let bound = vault().deny_by_default().bind().await;
    let error = bound.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rules, "{error}");
}
