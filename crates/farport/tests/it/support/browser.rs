//! A browser and a client: how a test gets a token.

use std::{collections::BTreeMap, net::SocketAddr};

use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::http::{Ask, Response};

pub(crate) const REDIRECT: &str = "http://127.0.0.1/callback";

/// A verifier and its challenge (RFC 7636, appendix B).
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

const FORM: &str = "application/x-www-form-urlencoded";

/// A browser, which stores cookies.
#[derive(Debug)]
pub(crate) struct Browser {
    address: SocketAddr,
    cookies: BTreeMap<String, String>,
}

pub(crate) fn encoded<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// A POST with a form.
pub(crate) fn form<'a>(path: &str, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Ask {
    Ask::post(path)
        .with("content-type", FORM)
        .body(encoded(pairs))
}

/// Returns the hidden transaction of a page's form.
pub(crate) fn transaction(page: &str) -> String {
    let (_, rest) = page
        .split_once("name=\"transaction\" value=\"")
        .unwrap_or_else(|| panic!("no form in {page}"));
    rest.split('"').next().unwrap().to_owned()
}

/// Registers a client with this name. Returns its id.
pub(crate) async fn register(address: SocketAddr, name: &str) -> String {
    let metadata = json!({
        "client_name": name, "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
    });
    let registered = Ask::post("/register").json(&metadata).to(address).await;
    assert_eq!(registered.status, 201);
    let registered = registered.json().await;
    registered["client_id"].as_str().unwrap().to_owned()
}

impl Browser {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            cookies: BTreeMap::new(),
        }
    }

    /// Sends a request with the cookies, and keeps those that the response sets.
    pub(crate) async fn ask(&mut self, ask: Ask) -> Response {
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        let ask = if cookies.is_empty() {
            ask
        } else {
            ask.with("cookie", &cookies.join("; "))
        };
        let answer = ask.to(self.address).await;
        for set in answer.headers.get_all("set-cookie") {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// Sends an authorization request, with `more` parameters besides the required ones.
    pub(crate) async fn authorize(&mut self, client: &str, more: &[(&str, &str)]) -> Response {
        let usual = [
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", REDIRECT),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", "a state"),
        ];
        let query = encoded(usual.into_iter().chain(more.iter().copied()));
        let path = format!("/authorize?{query}");
        self.ask(Ask::get(&path).with("accept", "text/html")).await
    }

    /// Fills in the form of the sign-in page.
    pub(crate) async fn sign_in(&mut self, page: &str, name: &str) -> Response {
        let pairs = [("transaction", &*transaction(page)), ("name", name)];
        self.ask(form("/authorize/sign-in", pairs)).await
    }

    /// Submits the consent page.
    pub(crate) async fn decide(&mut self, page: &str, decision: &str) -> Response {
        let pairs = [("transaction", &*transaction(page)), ("decision", decision)];
        self.ask(form("/authorize/decide", pairs)).await
    }

    /// Returns from the provider that `answer` sent the browser to.
    pub(crate) async fn callback(&mut self, answer: &Response) -> Response {
        let at: BTreeMap<_, _> = sent_back(answer).query_pairs().into_owned().collect();
        let query = encoded([("code", "a code"), ("state", &*at["state"])]);
        self.ask(Ask::get(&format!("/callback?{query}"))).await
    }
}

/// Returns the URL that a page refreshes to.
pub(crate) fn sent_back(answer: &Response) -> Url {
    let refresh = answer.header("refresh").expect("nowhere to go on to");
    Url::parse(refresh.strip_prefix("0;url=").unwrap()).unwrap()
}

/// Signs in as the user `name` with a new client. Returns the token response.
pub(crate) async fn tokens(address: SocketAddr, name: &str, more: &[(&str, &str)]) -> Value {
    let client = register(address, "Tester").await;
    let mut browser = Browser::new(address);
    let asked = browser.authorize(&client, more).await;
    assert_eq!(asked.status, 200);
    let consent = browser.sign_in(&asked.text().await, name).await;
    assert_eq!(consent.status, 200);
    let allowed = browser.decide(&consent.text().await, "allow").await;
    assert_eq!(allowed.status, 200);
    redeem(address, client, &sent_back(&allowed)).await
}

/// Returns the access token of a user who signs in at a provider without a page.
pub(crate) async fn upstream_token(address: SocketAddr) -> String {
    let tokens = upstream_tokens(address).await;
    tokens["access_token"].as_str().unwrap().to_owned()
}

/// Returns the token response for a user who signs in at a provider without a page.
pub(crate) async fn upstream_tokens(address: SocketAddr) -> Value {
    let client = register(address, "Tester").await;
    let mut browser = Browser::new(address);
    let consent = browser.authorize(&client, &[]).await.text().await;
    let provider = browser.decide(&consent, "allow").await;
    let back = browser.callback(&provider).await;
    assert_eq!(back.status, 302);
    let back = Url::parse(back.header("location").unwrap()).unwrap();
    redeem(address, client, &back).await
}

/// Redeems the code in the URL `back`. Returns the token response.
async fn redeem(address: SocketAddr, client: String, back: &Url) -> Value {
    let given: BTreeMap<_, _> = back.query_pairs().into_owned().collect();
    assert_eq!(given["state"], "a state");
    let pairs = [
        ("grant_type", "authorization_code"),
        ("client_id", &*client),
        ("code", &*given["code"]),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    let answer = form("/token", pairs).to(address).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let mut tokens = answer.json().await;
    tokens["client_id"] = client.into();
    tokens
}

/// Returns the access token of the user `name`.
pub(crate) async fn token(address: SocketAddr, name: &str, more: &[(&str, &str)]) -> String {
    let tokens = tokens(address, name, more).await;
    tokens["access_token"].as_str().unwrap().to_owned()
}
