//! Where models are: providers that the environment names, servers on this machine, and those that the
//! user enters.

mod find;
mod keys;

use std::borrow::Cow;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use bytes::Bytes;
use farport_client::{HttpClient, Url, parse_url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;

pub use find::{choose, from_environment, probe};
pub use keys::{add_kept, forget_key, keep_key, unlock};

use super::conversation::{Failure, FailureKind};
use super::dialect::{self, Dialect};

/// How long a server on this machine may take to answer.
const PROBE: Duration = Duration::from_millis(800);
/// The largest list of models, in bytes.
const LARGEST_LIST: usize = 8 * 1024 * 1024;
/// The most models of a provider that are listed.
const MOST_MODELS: usize = 2000;
/// Shorter keys are no secrets, and would blank out ordinary text.
const SHORTEST_KEY: usize = 4;

/// A provider of models. Its key does not print.
#[derive(Clone, Debug)]
pub struct Provider {
    id: String,
    label: String,
    dialect: Dialect,
    base: Url,
    key: Option<SecretString>,
    /// Where it is known from, such as the name of a variable.
    source: String,
    /// The id of its key in the keyring, if it is kept there.
    kept: Option<String>,
}

/// A provider as the page shows it.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    id: &'a str,
    label: &'a str,
    dialect: Dialect,
    base_url: String,
    has_key: bool,
    source: &'a str,
    /// Whether it runs on this machine.
    local: bool,
    /// Whether its key is in the keyring.
    kept: bool,
}

/// A model of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Model {
    /// Its name in requests.
    pub id: String,
    /// The most tokens of a conversation, where the provider says it.
    pub context: Option<u64>,
}

/// Why a provider cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct ProviderError {
    why: String,
    hint: Option<String>,
}

impl ProviderError {
    fn new(why: String) -> Self {
        Self { why, hint: None }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The text with the hint.
    pub(crate) fn with_hint(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}; {hint}", self.why),
            None => self.why.clone(),
        }
    }
}

impl Provider {
    /// A provider at a base URL, such as `http://127.0.0.1:8080/v1`.
    ///
    /// # Errors
    /// When the URL is invalid, or would send a key unencrypted to another machine.
    pub fn new(
        id: &str,
        label: &str,
        dialect: Dialect,
        base_url: &str,
        key: Option<SecretString>,
        source: &str,
    ) -> Result<Self, ProviderError> {
        let invalid =
            |why: &str| ProviderError::new(format!("cannot use the base URL of {label}: {why}"));
        let base = parse_url(base_url.trim()).map_err(|error| invalid(&error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(invalid("it is not an http or https URL"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(invalid(
                "it contains a user or password; enter the key separately",
            ));
        }
        let key = key.filter(|key| !key.expose_secret().trim().is_empty());
        let provider = Self {
            id: id.to_owned(),
            label: label.to_owned(),
            dialect,
            base,
            key: key.map(|key| SecretString::from(key.expose_secret().trim())),
            source: source.to_owned(),
            kept: None,
        };
        if provider.key.is_some() && provider.base.scheme() == "http" && !provider.is_local() {
            return Err(invalid(
                "it would send the key unencrypted to another machine; use https",
            ));
        }
        provider.headers()?;
        Ok(provider)
    }

    /// The id, which prefixes a model: `openai:gpt-5`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether its id, its base URL or its name for people is `name`.
    pub fn is_named(&self, name: &str) -> bool {
        self.id == name || self.base.as_str() == name || self.label == name
    }

    /// Whether both have the same API at the same base URL.
    pub fn is_same(&self, other: &Self) -> bool {
        self.dialect == other.dialect && self.base == other.base
    }

    /// The name for people.
    pub fn label(&self) -> &str {
        &self.label
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(crate) fn shown(&self) -> Shown<'_> {
        let mut base = self.base.clone();
        base.set_query(None);
        base.set_fragment(None);
        Shown {
            id: &self.id,
            label: &self.label,
            dialect: self.dialect,
            base_url: base.to_string(),
            has_key: self.key.is_some() || self.kept.is_some(),
            source: &self.source,
            local: self.is_local(),
            kept: self.kept.is_some(),
        }
    }

    fn is_local(&self) -> bool {
        match self.base.host_str() {
            Some(host) => {
                host == "localhost"
                    || host
                        .trim_matches(['[', ']'])
                        .parse::<std::net::IpAddr>()
                        .is_ok_and(|address| address.is_loopback())
            }
            None => false,
        }
    }

    /// The text without the key, which a provider may echo.
    pub(crate) fn masked<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.key {
            Some(key)
                if key.expose_secret().len() >= SHORTEST_KEY
                    && text.contains(key.expose_secret()) =>
            {
                Cow::Owned(text.replace(key.expose_secret(), "***"))
            }
            _ => Cow::Borrowed(text),
        }
    }

    /// The headers of every request.
    pub(crate) fn headers(&self) -> Result<HeaderMap, ProviderError> {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        if self.dialect == Dialect::Anthropic {
            let version = HeaderName::from_static("anthropic-version");
            headers.insert(version, HeaderValue::from_static("2023-06-01"));
        }
        let Some(key) = &self.key else {
            return Ok(headers);
        };
        let (name, value) = match self.dialect {
            Dialect::Openai => (
                header::AUTHORIZATION,
                format!("Bearer {}", key.expose_secret()),
            ),
            Dialect::Anthropic => (
                HeaderName::from_static("x-api-key"),
                key.expose_secret().to_owned(),
            ),
        };
        let mut value = HeaderValue::try_from(value).map_err(|_| {
            ProviderError::new(format!(
                "the key of {} contains characters that no key has",
                self.label
            ))
        })?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(headers)
    }

    /// The URL of an endpoint, such as `chat/completions`.
    pub(crate) fn endpoint(&self, name: &str) -> Url {
        let mut url = self.base.clone();
        let mut path = url.path().trim_end_matches('/').to_owned();
        // Anthropic's base URL comes with and without the version.
        if self.dialect == Dialect::Anthropic && !path.ends_with("/v1") {
            path.push_str("/v1");
        }
        url.set_path(&format!("{path}/{name}"));
        url
    }

    /// The path of the endpoint that answers a conversation.
    pub(crate) fn chat(&self) -> Url {
        self.endpoint(match self.dialect {
            Dialect::Openai => "chat/completions",
            Dialect::Anthropic => "messages",
        })
    }

    /// Lists the models.
    ///
    /// # Errors
    /// When the provider cannot be reached, or refuses.
    pub async fn models(&self, http: &HttpClient) -> Result<Vec<Model>, Failure> {
        let headers = self
            .headers()
            .map_err(|error| Failure::new(FailureKind::Key, error.to_string()))?;
        let mut url = self.endpoint("models");
        if self.dialect == Dialect::Anthropic {
            url.set_query(Some("limit=1000"));
        }
        let unreachable = |error: farport_client::Error| {
            Failure::new(FailureKind::Unreachable, error.to_string())
                .hint("check the base URL, and that the provider is running")
        };
        let response = http.send(Method::GET, &url, headers, Bytes::new()).await;
        let mut response = response.map_err(unreachable)?;
        if !response.status().is_success() {
            let status = response.status().as_u16();
            let text = response.error_text().await;
            return Err(dialect::of_response(status, &self.masked(&text)));
        }
        let text = response.text(LARGEST_LIST).await.map_err(unreachable)?;
        parse_models(&text).ok_or_else(|| {
            let why = format!("{} did not answer with a list of models", self.label);
            Failure::new(FailureKind::Malformed, why).hint("check the base URL")
        })
    }

    /// The context of llama-server, which only its own endpoint says.
    pub(crate) async fn context(&self, http: &HttpClient) -> Option<u64> {
        let mut url = self.base.clone();
        let path = url
            .path()
            .trim_end_matches('/')
            .trim_end_matches("/v1")
            .to_owned();
        url.set_path(&format!("{path}/props"));
        let headers = self.headers().ok()?;
        let props = async {
            let mut response = http
                .send(Method::GET, &url, headers, Bytes::new())
                .await
                .ok()?;
            response.status().is_success().then_some(())?;
            response.text(LARGEST_LIST).await.ok()
        };
        let text = tokio::time::timeout(PROBE, props).await.ok()??;
        let props: Value = serde_json::from_str(&text).ok()?;
        props["default_generation_settings"]["n_ctx"].as_u64()
    }
}

/// The models in a list: OpenAI's `data`, or another server's `models`.
fn parse_models(text: &str) -> Option<Vec<Model>> {
    let list: Value = serde_json::from_str(text).ok()?;
    let all = list["data"]
        .as_array()
        .or_else(|| list["models"].as_array());
    let all = all.or_else(|| list.as_array())?;
    let models = all.iter().filter_map(|one| {
        let id = one["id"].as_str().or_else(|| one["name"].as_str())?;
        // Gemini prefixes its names.
        let id = id.strip_prefix("models/").unwrap_or(id).to_owned();
        let context = [
            "context_length",
            "max_model_len",
            "context_window",
            "max_context_length",
        ];
        let context = context.iter().find_map(|name| one[*name].as_u64());
        let context = context.or_else(|| one["meta"]["n_ctx"].as_u64());
        Some(Model { id, context })
    });
    Some(models.take(MOST_MODELS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_unencrypted_to_this_machine_only_and_does_not_print() {
        let new = |base: &str, key: &str| {
            Provider::new(
                "x",
                "X",
                Dialect::Openai,
                base,
                Some(SecretString::from(key)),
                "entered",
            )
        };
        for base in [
            "http://api.example/v1",
            "ftp://a.example",
            "nonsense",
            "https://me:pw@a.example",
        ] {
            assert!(new(base, "s3cret-key").is_err(), "{base}");
        }
        assert!(new("https://a.example", "bad\nkey").is_err());
        for base in [
            "http://localhost:1/v1",
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "https://a.example",
        ] {
            let provider = new(base, " s3cret-key\n").unwrap();
            assert!(
                !format!("{provider:?} {:?}", provider.headers()).contains("s3cret"),
                "{base}"
            );
            assert_eq!(provider.masked("echo s3cret-key"), "echo ***");
        }
    }

    #[test]
    fn endpoints_are_below_the_base_url() {
        for (dialect, base, chat) in [
            (
                Dialect::Openai,
                "https://a.example/v1",
                "https://a.example/v1/chat/completions",
            ),
            (
                Dialect::Openai,
                "https://a.example/v1/",
                "https://a.example/v1/chat/completions",
            ),
            (
                Dialect::Anthropic,
                "https://a.example",
                "https://a.example/v1/messages",
            ),
            (
                Dialect::Anthropic,
                "https://a.example/v1",
                "https://a.example/v1/messages",
            ),
            (
                Dialect::Anthropic,
                "https://a.example/x",
                "https://a.example/x/v1/messages",
            ),
        ] {
            let provider = Provider::new("x", "X", dialect, base, None, "").unwrap();
            assert_eq!(provider.chat().as_str(), chat);
        }
    }

    #[test]
    fn models_are_listed_by_name() {
        let list = parse_models(r#"{"data":[{"id":"a","context_length":8},{"id":"models/b"},{}]}"#)
            .unwrap();
        let expected = [
            Model {
                id: "a".into(),
                context: Some(8),
            },
            Model {
                id: "b".into(),
                context: None,
            },
        ];
        assert_eq!(list, expected);
        assert_eq!(parse_models(r#"{"error":"x"}"#), None);
    }
}
