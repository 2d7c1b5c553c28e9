//! Each cause has its own message, which says what happened and what to do.

use farport_client::Store;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::recovery::usual;
use crate::support::{Answer, Client, Reply, Seen, Server, options};

#[tokio::test]
async fn a_server_s_own_error_is_passed_on_without_an_id_too() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, seen: &Seen| {
        let body = seen.json();
        if body["method"] != "tools/call" {
            return usual(seen, "s");
        }
        let error = json!({"code": -32001, "message": "quota exceeded"});
        let answer = match body["params"]["id"].as_str() {
            Some("null") => json!({"jsonrpc": "2.0", "id": null, "error": error}),
            _ => json!({"jsonrpc": "2.0", "error": error}),
        };
        let status = u16::try_from(body["params"]["status"].as_u64().unwrap()).unwrap();
        let mut answer = match body["params"]["as"].as_str() {
            Some("events") => Answer::events(&format!("data: {answer}\n\n")),
            _ => Answer::json(&answer),
        };
        answer.0 = status;
        answer.into()
    })
    .await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    for id in ["null", "missing"] {
        for (form, status) in [("json", 200), ("events", 200), ("json", 403), ("json", 500)] {
            for meta in [json!({}), meta.clone()] {
                let params = json!({"id": id, "as": form, "status": status, "_meta": meta});
                let answer = client.ask("tools/call", params.clone()).await;
                assert_eq!(
                    answer["error"]["message"], "quota exceeded",
                    "{params} {answer}"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_error_about_a_notification_is_shown_to_the_user() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, seen: &Seen| {
        if seen.json()["method"] == "notifications/roots/list_changed" {
            let error = json!({"code": -32001, "message": "no roots here"});
            return Answer::json(&json!({"jsonrpc": "2.0", "id": null, "error": error})).into();
        }
        usual(seen, "s")
    })
    .await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    client
        .write(r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#)
        .await;
    let reports = client.reports.clone();
    crate::support::eventually("the error is shown", || {
        let reports = reports.0.lock().unwrap();
        reports.iter().any(|text| text.contains("no roots here"))
    })
    .await;
}

#[tokio::test]
async fn each_redirect_says_why_it_is_not_followed() {
    for (status, location, expect) in [
        (301, "/mcp/", "turns the POST into a GET"),
        (302, "/login", "turns the POST into a GET"),
        (307, "/mcp", "redirects more than 5 times"),
        (307, "http://[", "invalid address"),
        (308, "https://elsewhere.example/mcp", "another server"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let server =
            Server::start(move |_, _: &Seen| Answer::status(status).with("location", location))
                .await;
        let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
        let answer = client.open().await;
        let said = answer["error"]["message"].as_str().unwrap();
        assert!(said.contains(expect), "{status} {location} {said}");
        let elsewhere = location.contains("elsewhere");
        assert_eq!(said.contains("another server"), elsewhere, "{said}");
    }
}

#[tokio::test]
async fn an_error_page_is_named_by_its_title() {
    let folder = tempfile::tempdir().unwrap();
    let page = "<!DOCTYPE html><html><head><title>\n Service\tdown </title></head>x</html>";
    let server = Server::start(move |_, seen: &Seen| match seen.json()["method"].as_str() {
        Some("tools/call") => {
            Reply::bytes(502, vec![("content-type", "text/html".to_owned())], page)
        }
        Some("tools/list") => {
            Reply::bytes(200, vec![("content-type", "text/html".to_owned())], page)
        }
        Some("prompts/list") => Answer::status(429).with("retry-after", "17").into(),
        _ => usual(seen, "s"),
    })
    .await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    client.open().await;
    for (method, parts) in [
        (
            "tools/call",
            ["HTTP 502", "\"Service down\"", "try again later"],
        ),
        (
            "tools/list",
            ["HTML page", "did not answer like", "hint: check"],
        ),
        ("prompts/list", ["HTTP 429", "limits requests", "in 17 s"]),
    ] {
        let answer = client.ask(method, json!({})).await;
        let said = answer["error"]["message"].as_str().unwrap();
        for part in parts {
            assert!(said.contains(part), "{method} {said}");
        }
    }
}

#[tokio::test]
async fn http_and_https_mixed_up_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, seen: &Seen| usual(seen, "s")).await;
    let url = server.origin.replace("http:", "https:");
    let mut client = Client::new(options(&url), Store::at(folder.path()));
    let answer = client.open().await;
    let said = answer["error"]["message"].as_str().unwrap().to_owned();
    assert!(said.contains("use an http:// URL"), "{said}");

    for (reply, expect) in [
        (&b"\x15\x03\x01\x00\x02\x02\x46"[..], "use an https:// URL"),
        (
            b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
            "speaks https on this port",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = [0; 1024];
                let _ = stream.read(&mut head).await;
                let _ = stream.write_all(reply).await;
                let _ = stream.shutdown().await;
            }
        });
        let url = format!("http://{address}/mcp");
        let mut client = Client::new(options(&url), Store::at(folder.path()));
        let answer = client.open().await;
        let said = answer["error"]["message"].as_str().unwrap();
        assert!(said.contains(expect), "{said}");
    }
}
