//! The providers that the environment names, and the servers on this machine.

use farport_client::HttpClient;
use secrecy::SecretString;

use super::super::dialect::Dialect;
use super::{PROBE, Provider, ProviderError};

/// The providers that variables name: id, label, variable of the key, variable of the base URL, base URL.
const HOSTED: [(&str, &str, &str, &str, &str); 9] = [
    (
        "openai",
        "OpenAI",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "https://api.openai.com/v1",
    ),
    (
        "anthropic",
        "Anthropic",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_BASE_URL",
        "https://api.anthropic.com",
    ),
    (
        "openrouter",
        "OpenRouter",
        "OPENROUTER_API_KEY",
        "",
        "https://openrouter.ai/api/v1",
    ),
    (
        "gemini",
        "Gemini",
        "GEMINI_API_KEY",
        "",
        "https://generativelanguage.googleapis.com/v1beta/openai",
    ),
    (
        "gemini",
        "Gemini",
        "GOOGLE_API_KEY",
        "",
        "https://generativelanguage.googleapis.com/v1beta/openai",
    ),
    (
        "groq",
        "Groq",
        "GROQ_API_KEY",
        "",
        "https://api.groq.com/openai/v1",
    ),
    (
        "mistral",
        "Mistral",
        "MISTRAL_API_KEY",
        "",
        "https://api.mistral.ai/v1",
    ),
    (
        "deepseek",
        "DeepSeek",
        "DEEPSEEK_API_KEY",
        "",
        "https://api.deepseek.com/v1",
    ),
    ("xai", "xAI", "XAI_API_KEY", "", "https://api.x.ai/v1"),
];

/// The servers on this machine that are looked for: id, label, port.
const LOCAL: [(&str, &str, u16); 4] = [
    ("ollama", "Ollama", 11434),
    ("llama-server", "llama-server", 8080),
    ("vllm", "vLLM", 8000),
    ("lm-studio", "LM Studio", 1234),
];

/// The providers that the environment names. `variable` reads a variable. Variables that cannot be used
/// are reported in the second list.
pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> (Vec<Provider>, Vec<String>) {
    let read = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let mut providers: Vec<Provider> = Vec::new();
    let mut problems = Vec::new();
    let mut add = |provider: Result<Provider, ProviderError>| match provider {
        Ok(provider) if providers.iter().any(|one| one.id == provider.id) => {}
        Ok(provider) => providers.push(provider),
        Err(error) => problems.push(error.to_string()),
    };
    for (id, label, key, base_variable, base) in HOSTED {
        let given = (!base_variable.is_empty())
            .then(|| read(base_variable))
            .flatten();
        let dialect = match id {
            "anthropic" => Dialect::Anthropic,
            _ => Dialect::Openai,
        };
        let (secret, source) = match (read(key), &given) {
            (Some(secret), _) => (Some(SecretString::from(secret)), key),
            (None, Some(_)) => (None, base_variable),
            (None, None) => continue,
        };
        let base = given.as_deref().unwrap_or(base);
        add(Provider::new(id, label, dialect, base, secret, source));
    }
    if let (Some(token), Some(account)) =
        (read("CLOUDFLARE_API_TOKEN"), read("CLOUDFLARE_ACCOUNT_ID"))
    {
        let base = format!("https://api.cloudflare.com/client/v4/accounts/{account}/ai/v1");
        let token = Some(SecretString::from(token));
        add(Provider::new(
            "cloudflare",
            "Workers AI",
            Dialect::Openai,
            &base,
            token,
            "CLOUDFLARE_API_TOKEN",
        ));
    }
    if let Some(host) = read("OLLAMA_HOST") {
        let base = ollama(&host);
        add(Provider::new(
            "ollama",
            "Ollama",
            Dialect::Openai,
            &base,
            None,
            "OLLAMA_HOST",
        ));
    }
    (providers, problems)
}

/// The base URL of Ollama, whose variable may be a host, a port or a URL.
fn ollama(host: &str) -> String {
    let host = host.trim().trim_end_matches('/');
    let (scheme, rest) = host.split_once("://").unwrap_or(("http", host));
    // A server that listens on every address is reached on this machine.
    let rest = rest.replacen("0.0.0.0", "127.0.0.1", 1);
    let rest = match rest.strip_prefix(':') {
        Some(port) => format!("127.0.0.1:{port}"),
        None => rest,
    };
    let has_port = rest.rsplit(']').next().is_some_and(|end| end.contains(':'));
    let port = if has_port || scheme == "https" {
        ""
    } else {
        ":11434"
    };
    format!("{scheme}://{rest}{port}/v1")
}

/// The servers on this machine that answer like one of a model, with their first models.
pub async fn probe(http: &HttpClient) -> Vec<Provider> {
    let probes = LOCAL
        .iter()
        .map(|(id, label, port)| probe_one(http, id, label, *port));
    let found = futures_util::future::join_all(probes).await;
    found.into_iter().flatten().collect()
}

async fn probe_one(http: &HttpClient, id: &str, label: &str, port: u16) -> Option<Provider> {
    let base = format!("http://127.0.0.1:{port}/v1");
    let source = format!("port {port} of this machine");
    let provider = Provider::new(id, label, Dialect::Openai, &base, None, &source).ok()?;
    let models = tokio::time::timeout(PROBE, provider.models(http)).await;
    models.ok()?.ok()?;
    Some(provider)
}

/// The provider and the name of a model such as `openai:gpt-5`. Without the id of a provider, the first
/// one is meant.
///
/// # Errors
/// When there is no provider.
pub fn choose<'a>(
    providers: &'a [Provider],
    wanted: &str,
) -> Result<(&'a Provider, String), ProviderError> {
    if let Some((id, model)) = wanted.split_once(':')
        && let Some(provider) = providers.iter().find(|one| one.id == id)
    {
        return Ok((provider, model.to_owned()));
    }
    match providers.first() {
        Some(provider) => Ok((provider, wanted.to_owned())),
        None => Err(ProviderError::new("no provider of models found".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Vec<(String, String, bool)> {
        let read = |name: &str| {
            let found = variables.iter().find(|(one, _)| *one == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let (providers, problems) = from_environment(read);
        assert_eq!(problems, Vec::<String>::new());
        let shown = providers
            .iter()
            .map(|one| (one.id.clone(), one.base.to_string(), one.key.is_some()));
        shown.collect()
    }

    #[test]
    fn variables_name_providers_and_the_first_is_the_default() {
        let entry = |id: &str, base: &str, key: bool| (id.to_owned(), base.to_owned(), key);
        for (variables, expected) in [
            (vec![], vec![]),
            (vec![("OPENAI_API_KEY", " ")], vec![]),
            (
                vec![("ANTHROPIC_API_KEY", "k"), ("OPENAI_API_KEY", "k")],
                vec![
                    entry("openai", "https://api.openai.com/v1", true),
                    entry("anthropic", "https://api.anthropic.com/", true),
                ],
            ),
            (
                vec![("OPENAI_BASE_URL", "http://127.0.0.1:4010/v1")],
                vec![entry("openai", "http://127.0.0.1:4010/v1", false)],
            ),
            (
                vec![("GOOGLE_API_KEY", "k"), ("GEMINI_API_KEY", "k")],
                vec![entry(
                    "gemini",
                    "https://generativelanguage.googleapis.com/v1beta/openai",
                    true,
                )],
            ),
            (vec![("CLOUDFLARE_API_TOKEN", "k")], vec![]),
            (
                vec![
                    ("CLOUDFLARE_API_TOKEN", "k"),
                    ("CLOUDFLARE_ACCOUNT_ID", "a1"),
                ],
                vec![entry(
                    "cloudflare",
                    "https://api.cloudflare.com/client/v4/accounts/a1/ai/v1",
                    true,
                )],
            ),
            (
                vec![("OLLAMA_HOST", "0.0.0.0")],
                vec![entry("ollama", "http://127.0.0.1:11434/v1", false)],
            ),
            (
                vec![("OLLAMA_HOST", "box:1")],
                vec![entry("ollama", "http://box:1/v1", false)],
            ),
            (
                vec![("OLLAMA_HOST", ":9")],
                vec![entry("ollama", "http://127.0.0.1:9/v1", false)],
            ),
            (
                vec![("OLLAMA_HOST", "https://o.example/")],
                vec![entry("ollama", "https://o.example/v1", false)],
            ),
        ] {
            assert_eq!(of(&variables), expected, "{variables:?}");
        }
    }

    #[test]
    fn a_model_is_chosen_by_its_provider_and_name() {
        let providers = ["openai", "ollama"].map(|id| {
            Provider::new(id, id, Dialect::Openai, "http://127.0.0.1:1", None, "").unwrap()
        });
        for (wanted, id, model) in [
            ("gpt", "openai", "gpt"),
            ("ollama:qwen3:8b", "ollama", "qwen3:8b"),
            ("qwen3:8b", "openai", "qwen3:8b"),
        ] {
            let (provider, name) = choose(&providers, wanted).unwrap();
            assert_eq!((provider.id(), &*name), (id, model));
        }
        assert!(choose(&[], "x").is_err());
    }
}
