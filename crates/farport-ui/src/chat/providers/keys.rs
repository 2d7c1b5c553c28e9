//! Keys of providers in the keyring of the operating system, if the user requests it.

use farport_client::{ApiKey, ApiKeys, Error, Keyring};

use super::super::dialect::Dialect;
use super::{Provider, ProviderError};

/// The source of a provider that is known through its key.
const SOURCE: &str = "the keyring";
/// The longest id of a provider, in characters.
const LONGEST_ID: usize = 40;

/// Adds the providers whose keys are in the keyring to those that the environment names. Their keys are not
/// read yet; [`unlock`] does that. Returns why some cannot be used.
pub fn add_kept(providers: &mut Vec<Provider>, keys: &ApiKeys) -> Vec<String> {
    let (kept, problems) = kept_providers(keys);
    for one in kept {
        match providers.iter_mut().find(|known| known.id == one.id) {
            Some(known) if known.base == one.base => known.kept = one.kept,
            // The environment decides what a name means.
            Some(_) => {}
            None => providers.push(one),
        }
    }
    problems
}

fn kept_providers(keys: &ApiKeys) -> (Vec<Provider>, Vec<String>) {
    let list = match keys.list() {
        Ok(list) => list,
        Err(error) => return (Vec::new(), vec![error.with_hint()]),
    };
    let mut problems = Vec::new();
    let providers = list.iter().filter_map(|about| {
        let Some(dialect) = Dialect::named(&about.api) else {
            problems.push(format!("{} has an unknown API: {}", about.label, about.api));
            return None;
        };
        let found = Provider::new(
            &about.id,
            &about.label,
            dialect,
            &about.base_url,
            None,
            SOURCE,
        );
        match found {
            Ok(provider) => Some(Provider {
                kept: Some(about.id.clone()),
                ..provider
            }),
            Err(error) => {
                problems.push(error.to_string());
                None
            }
        }
    });
    let providers = providers.collect();
    (providers, problems)
}

/// The provider with its key, which is read from the keyring if it is there.
///
/// # Errors
/// When the keyring cannot be used, or no longer has the key.
pub async fn unlock(keys: &ApiKeys, provider: &Provider) -> Result<Provider, ProviderError> {
    let (None, Some(id)) = (&provider.key, &provider.kept) else {
        return Ok(provider.clone());
    };
    let label = &provider.label;
    let key = keys.get(id).await;
    let key = key.map_err(|error| failed(format!("cannot read the key of {label}"), &error))?;
    let Some(key) = key else {
        return Err(ProviderError {
            why: format!("the keyring no longer has the key of {label}"),
            hint: Some("forget the key, and enter it again".to_owned()),
        });
    };
    let unlocked = Provider::new(
        &provider.id,
        label,
        provider.dialect,
        provider.base.as_str(),
        Some(key),
        &provider.source,
    )?;
    Ok(Provider {
        kept: Some(id.clone()),
        ..unlocked
    })
}

/// Puts the key of a provider into the keyring. Its id there is none of `taken`.
///
/// # Errors
/// When the provider has no key, or the keyring cannot be used.
pub async fn keep_key(
    keys: &ApiKeys,
    provider: &Provider,
    taken: &[&str],
) -> Result<Provider, ProviderError> {
    let label = &provider.label;
    let Some(key) = &provider.key else {
        return Err(ProviderError::new(format!("{label} has no key")));
    };
    if provider.base.query().is_some() {
        return Err(ProviderError {
            why: format!("the base URL of {label} has a query, which may contain a secret"),
            hint: Some("leave the key in the process".to_owned()),
        });
    }
    let known = keys.list();
    let known = known.map_err(|error| ProviderError::new(error.with_hint()))?;
    let about = ApiKey {
        id: id_of(provider, &known, taken),
        label: label.clone(),
        api: provider.dialect.name().to_owned(),
        base_url: provider.base.to_string(),
    };
    let id = about.id.clone();
    let kept = keys.keep(about, key).await;
    kept.map_err(|error| failed(format!("cannot keep the key of {label}"), &error))?;
    Ok(Provider {
        kept: Some(id),
        ..provider.clone()
    })
}

/// Removes the key of a provider from the keyring. `None` if farport then has no key for it.
///
/// # Errors
/// When the keyring cannot be used, or has no such key.
pub async fn forget_key(
    keys: &ApiKeys,
    provider: &Provider,
) -> Result<Option<Provider>, ProviderError> {
    let label = &provider.label;
    let none = || ProviderError::new(format!("the keyring has no key of {label}"));
    let id = provider.kept.as_ref().ok_or_else(none)?;
    let forgotten = keys.forget(id).await;
    let why = || format!("cannot forget the key of {label}");
    if !forgotten.map_err(|error| failed(why(), &error))? {
        return Err(none());
    }
    Ok(provider.key.is_some().then(|| Provider {
        kept: None,
        ..provider.clone()
    }))
}

fn failed(what: String, error: &Error) -> ProviderError {
    let hint = match error {
        Error::Keyring { .. } => Some(Keyring::HINT.to_owned()),
        error => error.hint(),
    };
    ProviderError {
        why: format!("{what}: {error}"),
        hint,
    }
}

/// The id of a provider in the keyring: the one that it has there, or its own, or one made of its name.
fn id_of(provider: &Provider, known: &[ApiKey], taken: &[&str]) -> String {
    let base = provider.base.as_str();
    let same = known
        .iter()
        .find(|one| one.base_url == base && one.api == provider.dialect.name());
    if let Some(same) = same {
        return same.id.clone();
    }
    let is_named = !provider.id.starts_with("entered-") && provider.id != "custom";
    let is_free = |id: &str| known.iter().all(|one| one.id != id);
    if is_named && is_free(&provider.id) {
        return provider.id.clone();
    }
    let name = match provider.base.host_str() {
        Some(host) if provider.label.contains("://") => match provider.base.port() {
            Some(port) => format!("{host}-{port}"),
            None => host.to_owned(),
        },
        _ => provider.label.clone(),
    };
    let name = slug(&name);
    let mut id = name.clone();
    let mut number = 2;
    while !is_free(&id) || taken.contains(&id.as_str()) {
        id = format!("{name}-{number}");
        number += 1;
    }
    id
}

/// The text as an id: `My server` becomes `my-server`.
fn slug(text: &str) -> String {
    let words = text
        .split(|char: char| !char.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let id = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    match id.get(..LONGEST_ID).unwrap_or(&id) {
        "" => "provider".to_owned(),
        id => id.to_owned(),
    }
}
