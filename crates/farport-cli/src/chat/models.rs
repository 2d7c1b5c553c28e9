//! The model that a chat asks.

use std::sync::Arc;

use farport_client::HttpClient;
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
    let (provider, model) = match &args.base_url {
        Some(base) => (given(args, base)?, args.model.clone()),
        None => found(args, http).await?,
    };
    let model = match model {
        Some(model) => model,
        None => only(&provider, http).await?,
    };
    Ok((Arc::new(provider), model))
}

fn given(args: &ChatArgs, base: &str) -> Result<Provider, Error> {
    let key =
        match &args.key_env {
            Some(name) => Some(std::env::var(name).map(SecretString::from).map_err(|_| {
                Error::Usage(format!("the environment variable {name} is not set"))
            })?),
            None => None,
        };
    Provider::new("custom", base, args.api.into(), base, key, "--base-url")
        .map_err(|error| Error::Usage(error.to_string()))
}

async fn found(args: &ChatArgs, http: &HttpClient) -> Result<(Provider, Option<String>), Error> {
    let (mut providers, problems) = chat::from_environment(|name| std::env::var(name).ok());
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
