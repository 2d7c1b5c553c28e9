//! A client whose user has signed in and consented once, in a browser that remembers it.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use reqwest::{RequestBuilder, Response, StatusCode, header, redirect::Policy};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

/// What the server is called.
pub(crate) const ORIGIN: &str = "http://localhost:8787";

/// A host of the client's own, so that consent is remembered.
const REDIRECT: &str = "https://client.example/callback";

/// A verifier and its challenge (RFC 7636, appendix B).
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What the token endpoint gave.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    access: String,
    refresh: String,
}

/// How many addresses requests come from in each round.
const ADDRESSES: usize = 100;

/// An error response of the token endpoint.
#[derive(Debug)]
pub(crate) enum Refused {
    InvalidGrant,
    /// The client may retry after the given time.
    Later,
}

/// The client, and the browser's cookies.
pub(crate) struct App {
    /// Clients that connect from different addresses of loopback, built on first use. The server
    /// limits how often one address may send requests.
    clients: Vec<OnceLock<reqwest::Client>>,
    address: String,
    id: String,
    cookies: BTreeMap<String, String>,
    /// Of the first sign-in.
    tokens: Option<Tokens>,
    round: usize,
    requests: AtomicUsize,
}

fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// What a page hides in its forms.
fn transaction(page: &str) -> &str {
    let (_, rest) = page
        .split_once("name=\"transaction\" value=\"")
        .unwrap_or_else(|| panic!("no form in {page}"));
    rest.split('"').next().unwrap()
}

/// The code in the URL that a header leads to.
fn code_in(answer: &Response, name: header::HeaderName) -> Option<String> {
    let value = answer.headers().get(name)?.to_str().unwrap();
    let url = Url::parse(value.trim_start_matches("0;url=")).unwrap();
    let code = url.query_pairs().find(|(name, _)| name == "code");
    Some(
        code.unwrap_or_else(|| panic!("no code in {url}"))
            .1
            .into_owned(),
    )
}

impl App {
    fn new(address: &str) -> Self {
        Self {
            clients: (0..ADDRESSES).map(|_| OnceLock::new()).collect(),
            address: address.to_owned(),
            id: String::new(),
            cookies: BTreeMap::new(),
            tokens: None,
            round: 0,
            requests: AtomicUsize::new(0),
        }
    }

    /// Registers, signs in under this name, and consents.
    pub(crate) async fn sign_in(address: &str, name: &str, round: usize) -> Self {
        let mut app = Self {
            round,
            ..Self::new(address)
        };
        let metadata = json!({
            "client_name": "Tester", "redirect_uris": [REDIRECT],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        });
        let asked = app.http().post(format!("{address}/register"));
        let asked = app
            .coming(asked)
            .header(header::CONTENT_TYPE, "application/json");
        let answer = asked.body(metadata.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        app.id = body(answer).await["client_id"].as_str().unwrap().into();

        let page = app.authorize().await.unwrap();
        let page = app.page(page).await;
        let fields = [("transaction", transaction(&page)), ("name", name)];
        let page = app.form("/authorize/sign-in", fields).send().await.unwrap();
        let page = app.page(page).await;
        let fields = [("transaction", transaction(&page)), ("decision", "allow")];
        let page = app.form("/authorize/decide", fields).send().await.unwrap();
        let code = code_in(&page, header::REFRESH).unwrap();
        app.tokens = Some(app.redeem(&code).await.unwrap().unwrap());
        app
    }

    /// What the first sign-in gave.
    pub(crate) fn first(&self) -> &Tokens {
        self.tokens.as_ref().unwrap()
    }

    /// The same client and browser, at another address of the server.
    pub(crate) fn at(&self, address: &str, round: usize) -> Self {
        Self {
            id: self.id.clone(),
            cookies: self.cookies.clone(),
            tokens: self.tokens.clone(),
            round,
            ..Self::new(address)
        }
    }

    /// The text of a page, whose cookies are kept.
    async fn page(&mut self, answer: Response) -> String {
        assert_eq!(answer.status(), StatusCode::OK);
        for set in answer.headers().get_all(header::SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.into(), value.into());
        }
        answer.text().await.unwrap()
    }

    /// The client for the next request, from the next address.
    fn http(&self) -> &reqwest::Client {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) % ADDRESSES;
        self.clients[number].get_or_init(|| {
            let [round, number] = [self.round, number].map(|n| u8::try_from(n + 1).unwrap());
            reqwest::Client::builder()
                .no_proxy()
                .redirect(Policy::none())
                .local_address(IpAddr::from([127, 0, round, number]))
                .build()
                .unwrap()
        })
    }

    fn coming(&self, asked: RequestBuilder) -> RequestBuilder {
        let cookies = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        asked.header(header::COOKIE, cookies)
    }

    fn form<'a>(
        &self,
        path: &str,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> RequestBuilder {
        let asked = self.http().post(format!("{}{path}", self.address));
        self.coming(asked)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(query(fields))
    }

    /// Returns `None` if the server has ended.
    async fn authorize(&self) -> Option<Response> {
        let resource = format!("{ORIGIN}/mcp");
        let query = query([
            ("response_type", "code"),
            ("client_id", &*self.id),
            ("redirect_uri", REDIRECT),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("resource", &resource),
        ]);
        let asked = self
            .http()
            .get(format!("{}/authorize?{query}", self.address));
        self.coming(asked).send().await.ok()
    }

    /// Gets a new code without any page. Returns `None` if the server has ended.
    pub(crate) async fn code(&self) -> Option<String> {
        let answer = self.authorize().await?;
        assert_eq!(
            answer.status(),
            StatusCode::FOUND,
            "it is remembered who signed in"
        );
        code_in(&answer, header::LOCATION)
    }

    /// What the token endpoint answers; `None` when no whole answer comes.
    async fn exchange(&self, fields: &[(&str, &str)]) -> Option<Result<Tokens, Refused>> {
        let id = [("client_id", &*self.id)];
        let fields = fields.iter().copied().chain(id);
        let answer = self.form("/token", fields).send().await.ok()?;
        let status = answer.status();
        let wait = answer.headers().get(header::RETRY_AFTER);
        let wait = wait.map(|wait| wait.to_str().unwrap().parse().unwrap());
        let said = answer.bytes().await.ok()?;
        let said: Value = serde_json::from_slice(&said).unwrap();
        Some(match (status, said["error"].as_str()) {
            (StatusCode::OK, None) => Ok(Tokens {
                access: said["access_token"].as_str().unwrap().into(),
                refresh: said["refresh_token"].as_str().unwrap().into(),
            }),
            (StatusCode::BAD_REQUEST, Some("invalid_grant")) => Err(Refused::InvalidGrant),
            (StatusCode::SERVICE_UNAVAILABLE, Some("temporarily_unavailable")) => {
                assert!(wait.is_some_and(|seconds: u64| seconds > 0));
                Err(Refused::Later)
            }
            _ => panic!("{status} {said}"),
        })
    }

    pub(crate) async fn redeem(&self, code: &str) -> Option<Result<Tokens, Refused>> {
        self.exchange(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ])
        .await
    }

    pub(crate) async fn refresh(&self, tokens: &Tokens) -> Option<Result<Tokens, Refused>> {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &tokens.refresh),
        ];
        self.exchange(&fields).await
    }

    /// Returns whether the server accepts this access token.
    pub(crate) async fn is_good(&self, tokens: &Tokens) -> bool {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let message = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "_meta": meta },
        });
        let asked = self.http().post(format!("{}/mcp", self.address));
        let asked = asked
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/list")
            .bearer_auth(&tokens.access);
        let answer = asked.body(message.to_string()).send().await.unwrap();
        let status = answer.status();
        match status {
            StatusCode::OK => {
                let said = body(answer).await;
                assert!(said["result"]["tools"].is_array(), "{said}");
                true
            }
            StatusCode::UNAUTHORIZED => false,
            _ => panic!("{status}"),
        }
    }
}

async fn body(answer: Response) -> Value {
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}
