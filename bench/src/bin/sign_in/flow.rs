//! A client and its user.

use anyhow::{Context, Result};
use http::header;
use serde_json::{Value, json};
use url::Url;

use crate::web::{Answer, Web, encoded};

const REDIRECT: &str = "http://127.0.0.1/callback";

/// A verifier and its challenge (RFC 7636, appendix B).
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A registered client.
pub(crate) struct Client {
    web: Web,
    id: String,
    access: String,
    refresh: String,
}

impl Client {
    pub(crate) async fn register(mut web: Web) -> Result<Self> {
        let metadata = json!({
            "client_name": "bench",
            "redirect_uris": [REDIRECT],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
        });
        let answer = web.json("/register", &metadata).await?;
        Ok(Self {
            id: member(&answer, "client_id")?,
            web,
            access: String::new(),
            refresh: String::new(),
        })
    }

    pub(crate) fn access_token(&self) -> &str {
        &self.access
    }

    /// The whole way, in a browser that has never been there: authorization request, consent, the
    /// upstream's callback, and the code for tokens.
    pub(crate) async fn sign_in(&mut self) -> Result<()> {
        self.web.forget();
        let query = encoded(&[
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", REDIRECT),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", "a state"),
        ]);
        let consent = self.web.get(&format!("/authorize?{query}")).await?;
        let (_, rest) = consent
            .text
            .split_once("name=\"transaction\" value=\"")
            .context("the consent page has no form")?;
        let transaction = rest.split('"').next().unwrap_or_default();
        let allow = [("transaction", transaction), ("decision", "allow")];
        let upstream = redirect_of(&self.web.form("/authorize/decide", &allow).await?)?;
        let state = parameter(&upstream, "state")?;
        // What the upstream's own pages would do.
        let callback = encoded(&[("code", "any"), ("state", &state)]);
        let back = redirect_of(&self.web.get(&format!("/callback?{callback}")).await?)?;
        let code = parameter(&back, "code")?;
        self.take(&[
            ("grant_type", "authorization_code"),
            ("client_id", &self.id.clone()),
            ("code", &code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ])
        .await
    }

    /// The refresh token for new ones.
    pub(crate) async fn renew(&mut self) -> Result<()> {
        self.take(&[
            ("grant_type", "refresh_token"),
            ("client_id", &self.id.clone()),
            ("refresh_token", &self.refresh.clone()),
        ])
        .await
    }

    async fn take(&mut self, pairs: &[(&str, &str)]) -> Result<()> {
        let answer = self.web.form("/token", pairs).await?;
        self.access = member(&answer, "access_token")?;
        self.refresh = member(&answer, "refresh_token")?;
        Ok(())
    }
}

/// The URL that a page sends the browser to.
fn redirect_of(answer: &Answer) -> Result<Url> {
    let to = match answer.headers.get("refresh") {
        Some(refresh) => refresh.to_str()?.trim_start_matches("0;url="),
        None => {
            let location = answer.headers.get(header::LOCATION);
            location.context("a page that goes nowhere")?.to_str()?
        }
    };
    #[expect(clippy::disallowed_methods, reason = "the server is our own")]
    Ok(Url::parse(to)?)
}

fn parameter(url: &Url, name: &str) -> Result<String> {
    let mut pairs = url.query_pairs();
    let found = pairs.find(|(key, _)| key == name);
    let (_, value) = found.with_context(|| format!("{url} has no {name}"))?;
    Ok(value.into_owned())
}

fn member(answer: &Answer, name: &str) -> Result<String> {
    let value: Value = serde_json::from_str(&answer.text)?;
    let text = value[name].as_str();
    Ok(text.with_context(|| format!("no {name}"))?.to_owned())
}
