//! The page at `/`.

use farport::{ApiToken, DevLogin};

use crate::support::{
    http::Ask,
    server::{start, start_vault},
    workshop::Kind,
};

#[tokio::test]
async fn the_root_shows_the_server_and_how_to_connect() {
    let public = start(Kind::Quiet).await;
    let protected = start_vault(|server| server.auth(DevLogin)).await;
    let by_token = start_vault(|server| server.auth(ApiToken)).await;
    for (server, version) in [
        (&public, Some("1.2.3")),
        (&protected, None),
        (&by_token, None),
    ] {
        let port = server.address.port();
        for host in ["localhost", "127.0.0.1", "[::1]"].map(|name| format!("{name}:{port}")) {
            let ask = Ask::get("/")
                .with("accept", "text/html")
                .with("host", &host);
            let page = ask.to(server.address).await;
            assert_eq!(page.status, 200);
            assert_eq!(
                page.header("content-type"),
                Some("text/html; charset=utf-8")
            );
            let policy = page.header("content-security-policy").unwrap();
            assert!(policy.starts_with("default-src 'none'"), "{policy}");
            assert!(!policy.contains("unsafe"), "{policy}");
            let text = page.text().await;
            assert!(text.contains(&format!("http://{host}/mcp")), "{text}");
            assert!(text.contains(&format!("http://{host}/sse")), "{text}");
            assert!(text.contains("width=device-width"), "{text}");
            assert!(!text.contains("<script"), "{text}");
            if let Some(version) = version {
                assert!(
                    text.contains("workshop") && text.contains(version),
                    "{text}"
                );
            }
        }
        let style = Ask::get("/style.css").to(server.address).await;
        assert_eq!(
            style.header("content-type"),
            Some("text/css; charset=utf-8")
        );
        assert!(style.text().await.contains("prefers-color-scheme: dark"));
        let post = Ask::post("/").body("{}").to(server.address).await;
        assert_eq!(post.status, 405);
    }
}

#[tokio::test]
async fn a_head_request_for_the_root_has_no_body() {
    let server = start(Kind::Quiet).await;
    let head = Ask::get("/").method("HEAD").to(server.address).await;
    assert_eq!(head.status, 200);
    assert_eq!(
        head.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    // No body follows the head: the next bytes on the connection are the next response.
    let health = Ask::get("/health").to(server.address).await;
    assert_eq!(health.status, 200);
}
