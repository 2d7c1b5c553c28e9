//! The model that a chat asks.

use std::sync::Arc;

use farport_client::{ApiKeys, HttpClient, Store};
use farport_ui::chat::{self, Provider};
use secrecy::SecretString;

use super::Error;
use super::args::ChatArgs;

/// How many models an error lists.
const LISTED: usize = 12;

/// The provider and the name of the model that the arguments and the environment choose.
///
/// # Errors
/// When there is no provider, or it has several models and none was named.
pub(crate) async fn choose(
    args: &ChatArgs,
    http: &HttpClient,
) -> Result<(Arc<Provider>, String), Error> {
    let keys = keys()?;
    let (provider, model) = match &args.base_url {
        Some(base) => (given(args, base, &keys)?, args.model.clone()),
        None => found(args, http, &keys).await?,
    };
    let unlocked = chat::unlock(&keys, &provider).await;
    let mut provider = unlocked.map_err(Error::Key)?;
    if args.keep_key {
        let kept = chat::keep_key(&keys, &provider, &[]).await;
        provider = kept.map_err(Error::Key)?;
    }
    let model = match model {
        Some(model) => model,
        None => only(&provider, http).await?,
    };
    Ok((Arc::new(provider), model))
}

/// Removes the key of a provider, given by its id or base URL, from the keyring.
///
/// # Errors
/// When the keyring cannot be used, or has no such key.
pub(crate) async fn forget(wanted: &str) -> Result<(), Error> {
    let keys = keys()?;
    let mut known = Vec::new();
    for problem in chat::add_kept(&mut known, &keys) {
        crate::mcp::output::note(&problem);
    }
    let found = known.iter().find(|one| one.is_named(wanted));
    let Some(provider) = found else {
        return Err(Error::NoKey {
            provider: wanted.to_owned(),
            kept: known.iter().map(|one| one.id().to_owned()).collect(),
        });
    };
    let forgotten = chat::forget_key(&keys, provider).await;
    forgotten.map(drop).map_err(Error::Key)
}

fn keys() -> Result<ApiKeys, Error> {
    let store = Store::of_user().map_err(|error| Error::Usage(error.with_hint()))?;
    Ok(store.api_keys())
}

fn given(args: &ChatArgs, base: &str, keys: &ApiKeys) -> Result<Provider, Error> {
    let key =
        match &args.key_env {
            Some(name) => Some(std::env::var(name).map(SecretString::from).map_err(|_| {
                Error::Usage(format!("the environment variable {name} is not set"))
            })?),
            None => None,
        };
    let mut providers = Vec::new();
    if key.is_none() {
        // A key that was kept for another API or base URL is not sent.
        chat::add_kept(&mut providers, keys);
    }
    let given = Provider::new("custom", base, args.api.into(), base, key, "--base-url")
        .map_err(|error| Error::Usage(error.to_string()))?;
    let kept = providers.into_iter().find(|one| one.is_same(&given));
    Ok(kept.unwrap_or(given))
}

async fn found(
    args: &ChatArgs,
    http: &HttpClient,
    keys: &ApiKeys,
) -> Result<(Provider, Option<String>), Error> {
    let (mut providers, mut problems) = chat::from_environment(|name| std::env::var(name).ok());
    problems.extend(chat::add_kept(&mut providers, keys));
    for problem in problems {
        crate::mcp::output::note(&problem);
    }
    let named = args
        .model
        .as_deref()
        .and_then(|model| model.split_once(':'));
    let known = named.is_some_and(|(id, _)| providers.iter().any(|one| one.id() == id));
    if providers.is_empty() || (named.is_some() && !known) {
        let local = chat::probe(http).await;
        let new = local
            .into_iter()
            .filter(|one| providers.iter().all(|known| known.id() != one.id()));
        let new: Vec<_> = new.collect();
        providers.extend(new);
    }
    if providers.is_empty() {
        return Err(Error::NoProvider);
    }
    match &args.model {
        Some(wanted) => {
            let (provider, model) =
                chat::choose(&providers, wanted).map_err(|_| Error::NoProvider)?;
            Ok((provider.clone(), Some(model)))
        }
        None => Ok((providers.swap_remove(0), None)),
    }
}

/// The only model of a provider.
async fn only(provider: &Provider, http: &HttpClient) -> Result<String, Error> {
    let mut models = provider.models(http).await.map_err(Error::Model)?;
    if models.len() == 1 {
        return Ok(models.swap_remove(0).id);
    }
    let names: Vec<_> = models
        .into_iter()
        .take(LISTED)
        .map(|model| model.id)
        .collect();
    Err(Error::NoModel {
        provider: provider.label().to_owned(),
        names,
    })
}
