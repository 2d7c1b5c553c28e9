//! A server whose public URL has a path, behind a proxy that strips the path or keeps it.

use std::{collections::BTreeMap, net::SocketAddr};

use farport::{DevLogin, GitHub, Server};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{
    browser::{Browser, CHALLENGE, REDIRECT, VERIFIER, encoded, form, sent_back, transaction},
    client::{initialize, request, tool},
    era::bearing,
    http::{Ask, Response},
    server::{Running, start_vault},
};

/// What a proxy does with the path of the public URL.
#[derive(Clone, Copy, Debug)]
enum Proxy {
    Strips,
    Keeps,
}

/// A server with sign-in, below `/a/tools` of a proxy.
struct Proxied {
    address: SocketAddr,
    /// The public URL, without a slash at the end.
    base: String,
    _server: Running,
}

impl Proxy {
    /// Starts a proxy, and behind it a server that `set` gives a sign-in.
    async fn start(self, set: impl FnOnce(Server) -> Server) -> Proxied {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let base = format!("http://localhost:{}/a/tools", address.port());
        let url = format!("{base}/");
        let server = start_vault(|server| set(server.public_url(url))).await;
        tokio::spawn(self.serve(listener, server.address));
        Proxied {
            address,
            base,
            _server: server,
        }
    }

    async fn serve(self, listener: TcpListener, upstream: SocketAddr) {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(self.forward(client, upstream));
        }
    }

    /// Forwards the one request of a connection.
    async fn forward(self, mut client: TcpStream, upstream: SocketAddr) {
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            let mut byte = [0];
            if client.read_exact(&mut byte).await.is_err() {
                return;
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let (method, rest) = head.split_once(' ').unwrap();
        let Some(target) = self.target(rest) else {
            let refused = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
            client.write_all(refused).await.unwrap();
            return;
        };
        let mut server = TcpStream::connect(upstream).await.unwrap();
        let head = format!("{method} {target}");
        server.write_all(head.as_bytes()).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }

    /// The request after its method, as the proxy forwards it. `None` outside the public URL.
    fn target(self, rest: &str) -> Option<String> {
        let metadata = [
            "/.well-known/oauth-authorization-server/a/tools",
            "/.well-known/oauth-protected-resource/a/tools",
        ];
        if metadata.iter().any(|start| rest.starts_with(start)) {
            return Some(rest.to_owned());
        }
        let below = rest.strip_prefix("/a/tools")?;
        match self {
            Self::Keeps => Some(rest.to_owned()),
            Self::Strips if below.starts_with('/') => Some(below.to_owned()),
            Self::Strips => Some(format!("/{below}")),
        }
    }
}

impl Proxied {
    /// The path of a URL below the public URL, which the proxy would get from a client.
    fn path<'a>(&self, url: &'a str) -> &'a str {
        let origin = self.base.strip_suffix("/a/tools").unwrap();
        let path = url.strip_prefix(origin).unwrap_or(url);
        assert!(path.starts_with('/'), "{url} is not at {origin}");
        path
    }

    fn get(&self, url: &str) -> Ask {
        Ask::get(self.path(url)).with("accept", "*/*")
    }

    async fn document(&self, url: &str) -> Value {
        let document = self.get(url).to(self.address).await;
        assert_eq!(document.status, 200, "{url}");
        document.json().await
    }

    /// The metadata of the authorization server.
    async fn metadata(&self) -> Value {
        self.document("/.well-known/oauth-authorization-server/a/tools")
            .await
    }

    /// Registers a client, and opens the first page of a sign-in.
    async fn authorize(&self, browser: &mut Browser) -> (String, Response) {
        let metadata = self.metadata().await;
        let client = json!({
            "client_name": "Tester", "redirect_uris": [REDIRECT],
            "token_endpoint_auth_method": "none",
        });
        let register = self.path(metadata["registration_endpoint"].as_str().unwrap());
        let registered = Ask::post(register).json(&client).to(self.address).await;
        let client = registered.json().await["client_id"].clone();
        let client = client.as_str().unwrap().to_owned();
        let resource = format!("{}/mcp", self.base);
        let query = encoded([
            ("response_type", "code"),
            ("client_id", &*client),
            ("redirect_uri", REDIRECT),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("resource", &resource),
        ]);
        let endpoint = metadata["authorization_endpoint"].as_str().unwrap();
        let page = browser.ask(self.get(&format!("{endpoint}?{query}"))).await;
        assert_eq!(page.status, 200);
        (client, page)
    }

    /// Signs in, and returns an access token for `/mcp`.
    async fn token(&self) -> String {
        let mut browser = Browser::new(self.address);
        let (client, page) = self.authorize(&mut browser).await;
        let page = page.text().await;
        let style = self.get(&attribute(&page, "href")).to(self.address).await;
        assert_eq!(
            style.header("content-type"),
            Some("text/css; charset=utf-8")
        );
        let secret = transaction(&page);
        let pairs = [("transaction", &*secret), ("name", "ann")];
        let action = attribute(&page, "action");
        let consent = browser.ask(form(self.path(&action), pairs)).await;
        let consent = consent.text().await;
        let secret = transaction(&consent);
        let pairs = [("transaction", &*secret), ("decision", "allow")];
        let action = attribute(&consent, "action");
        let allowed = browser.ask(form(self.path(&action), pairs)).await;
        let back: BTreeMap<_, _> = sent_back(&allowed).query_pairs().into_owned().collect();
        assert_eq!(back["iss"], self.base);
        let metadata = self.metadata().await;
        let resource = format!("{}/mcp", self.base);
        let pairs = [
            ("grant_type", "authorization_code"),
            ("client_id", &*client),
            ("code", &*back["code"]),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("resource", &*resource),
        ];
        let endpoint = metadata["token_endpoint"].as_str().unwrap();
        let tokens = form(self.path(endpoint), pairs).to(self.address).await;
        assert_eq!(tokens.status, 200);
        let tokens = tokens.json().await;
        tokens["access_token"].as_str().unwrap().to_owned()
    }
}

/// The first value of an attribute on a page.
fn attribute(page: &str, name: &str) -> String {
    let start = format!("{name}=\"");
    let (_, rest) = page.split_once(&start).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_user_signs_in_below_a_path() {
    for proxy in [Proxy::Strips, Proxy::Keeps] {
        let server = proxy.start(|server| server.auth(DevLogin)).await;
        let challenged = server.get("/a/tools/mcp").to(server.address).await;
        assert_eq!(challenged.status, 401);
        let expect = format!(
            "Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\"",
            server.base
        );
        assert_eq!(challenged.header("www-authenticate"), Some(&*expect));

        let token = server.token().await;

        let whoami = request(1, "tools/call", tool("whoami", json!({})));
        let opened = bearing(Ask::post("/a/tools/mcp"), Some(&token))
            .json(&initialize("2025-06-18", json!({})))
            .to(server.address)
            .await;
        assert_eq!(opened.status, 200);
        let session = opened.header("mcp-session-id").unwrap().to_owned();
        let called = bearing(Ask::post("/a/tools/mcp/"), Some(&token))
            .with("mcp-session-id", &session)
            .json(&whoami)
            .to(server.address)
            .await;
        assert!(called.text().await.contains("ann"), "{proxy:?}");
        let elsewhere = bearing(Ask::get("/a/tools/sse"), Some(&token));
        assert_eq!(elsewhere.status(server.address).await, 401, "{proxy:?}");
    }
}

#[tokio::test]
async fn metadata_is_at_the_standard_places_and_below_the_path() {
    for proxy in [Proxy::Strips, Proxy::Keeps] {
        let server = proxy.start(|server| server.auth(DevLogin)).await;
        let base = &*server.base;
        for (path, resource) in [
            ("", base.to_owned()),
            ("/mcp", format!("{base}/mcp")),
            ("/mcp/", format!("{base}/mcp/")),
            ("/sse", format!("{base}/sse")),
        ] {
            for place in [
                format!("/.well-known/oauth-protected-resource/a/tools{path}"),
                format!("/a/tools/.well-known/oauth-protected-resource{path}"),
            ] {
                let document = server.document(&place).await;
                assert_eq!(document["resource"], resource, "{place}");
                assert_eq!(document["authorization_servers"], json!([base]));
            }
        }
        let standard = server.metadata().await;
        assert_eq!(standard["issuer"], base);
        for (name, path) in [
            ("authorization_endpoint", "/authorize"),
            ("token_endpoint", "/token"),
            ("registration_endpoint", "/register"),
            ("revocation_endpoint", "/revoke"),
            ("introspection_endpoint", "/introspect"),
        ] {
            assert_eq!(standard[name], format!("{base}{path}"));
        }
        let resources = json!([format!("{base}/mcp"), format!("{base}/sse")]);
        assert_eq!(standard["protected_resources"], resources);
        for place in [
            "/a/tools/.well-known/oauth-authorization-server",
            "/a/tools/.well-known/oauth-authorization-server/mcp",
            "/.well-known/oauth-authorization-server/a/tools/mcp",
        ] {
            assert_eq!(server.document(place).await, standard, "{place}");
        }
    }
}

#[tokio::test]
async fn the_provider_returns_the_browser_below_the_path() {
    for proxy in [Proxy::Strips, Proxy::Keeps] {
        let provider = GitHub::new("client", "secret".to_owned());
        let server = proxy.start(|server| server.auth(provider)).await;
        let mut browser = Browser::new(server.address);
        let (_, consent) = server.authorize(&mut browser).await;
        let consent = consent.text().await;
        let secret = transaction(&consent);
        let pairs = [("transaction", &*secret), ("decision", "allow")];
        let action = attribute(&consent, "action");
        let onward = browser.ask(form(server.path(&action), pairs)).await;
        let query: BTreeMap<_, _> = sent_back(&onward).query_pairs().into_owned().collect();
        let callback = format!("{}/callback", server.base);
        assert_eq!(query["redirect_uri"], callback, "{proxy:?}");

        let query = encoded([("error", "access_denied"), ("state", &query["state"])]);
        let callback = server.get(&format!("{callback}?{query}"));
        let denied = browser.ask(callback).await;
        assert!(matches!(denied.status, 200 | 302), "{proxy:?} {denied:?}");
    }
}

#[tokio::test]
async fn an_older_client_posts_below_the_path() {
    for proxy in [Proxy::Strips, Proxy::Keeps] {
        let server = proxy.start(|server| server).await;
        let mut events = Ask::get("/a/tools/sse").to(server.address).await.events();
        let endpoint = events.event().await;
        assert_eq!(endpoint.name, "endpoint");
        let start = "/a/tools/sse/message?sessionId=";
        assert!(endpoint.data.starts_with(start), "{}", endpoint.data);
        let opening = initialize("2024-11-05", json!({}));
        let taken = Ask::post(&endpoint.data).json(&opening);
        assert_eq!(taken.status(server.address).await, 202);
        let opened = events.message().await;
        assert_eq!(opened["result"]["protocolVersion"], "2024-11-05");
    }
}

#[tokio::test]
async fn the_home_page_shows_the_public_url() {
    for proxy in [Proxy::Strips, Proxy::Keeps] {
        let server = proxy.start(|server| server).await;
        for path in ["/a/tools", "/a/tools/"] {
            let page = server.get(path).to(server.address).await.text().await;
            assert!(page.contains(&format!("{}/mcp<", server.base)), "{page}");
            let style = server.get(&attribute(&page, "href"));
            assert_eq!(style.status(server.address).await, 200);
        }
        let health = server.get("/a/tools/health");
        assert_eq!(health.status(server.address).await, 200);
    }
}

/// Two servers of one host must not replace each other's cookies.
#[tokio::test]
async fn cookies_have_the_path_in_their_names() {
    let server = Proxy::Strips.start(|server| server.auth(DevLogin)).await;
    let mut browser = Browser::new(server.address);
    let (_, page) = server.authorize(&mut browser).await;
    let cookies = page.headers.get_all("set-cookie").iter();
    let cookies: Vec<_> = cookies.map(|cookie| cookie.to_str().unwrap()).collect();
    assert!(!cookies.is_empty());
    for cookie in cookies {
        let (name, _) = cookie.split_once('=').unwrap();
        assert!(name.ends_with(".a.tools"), "{cookie}");
    }
}

#[tokio::test]
async fn a_path_of_the_server_itself_cannot_be_part_of_the_public_url() {
    let server = Server::new(|_| crate::support::vault::Vault(Default::default()));
    let error = server
        .public_url("https://example.com/mcp")
        .bind()
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("`public_url`") && text.contains("leave it out"),
        "{text}"
    );
}
