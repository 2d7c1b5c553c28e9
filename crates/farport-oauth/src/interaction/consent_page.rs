//! The content of the consent page.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;

use super::{Authorization, Destination, destination};
use crate::{ClientId, Identity, SignInMethod, parse_url, server::Core};

/// The page that asks the user for consent.
#[derive(Debug)]
pub struct ConsentPage {
    /// Continues the transaction; the form sends it as `transaction`.
    pub transaction: SecretString,
    /// The client ID.
    pub client: ClientId,
    /// The unverified name of the client.
    pub client_name: Option<String>,
    /// The home page of the client.
    pub client_uri: Option<String>,
    /// The destination of the code.
    pub destination: Destination,
    /// Whether the client comes from the settings.
    pub vouched_for: bool,
    /// Whether the client has a metadata document on one host and a redirect URI on another.
    pub elsewhere: bool,
    /// How long the client can use the grant.
    pub lasts: AccessTime,
    /// The requested resource.
    pub resource: Arc<str>,
    /// The requested scopes, each with its description.
    pub scopes: Vec<(String, Option<String>)>,
    /// The signed-in user, if known at this point.
    pub user: Option<SignedInUser>,
    /// The name of the provider at which the user will sign in, if they have to.
    pub provider: Option<String>,
}

/// How long a client has access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessTime {
    /// The longest possible access, counted from now.
    pub most: Duration,
    /// How long access lasts without use. `None` for a client without refresh tokens.
    pub unused: Option<Duration>,
}

/// The signed-in user on a page.
#[derive(Clone, Debug)]
pub struct SignedInUser {
    /// The display name.
    pub name: String,
}

impl ConsentPage {
    pub(super) fn new(
        core: &Core,
        transaction: SecretString,
        authorization: &Authorization,
        user: Option<&Identity>,
    ) -> Self {
        let config = &core.config;
        let described = |scope: &str| {
            let description = config.scope_descriptions.get(scope);
            (scope.to_owned(), description.cloned())
        };
        let provider = match &core.sign_in {
            SignInMethod::Provider(provider) if user.is_none() => Some(provider.name()),
            _ => None,
        };
        Self {
            transaction,
            client: authorization.client.clone(),
            client_name: authorization.client_name.clone(),
            client_uri: authorization.client_uri.clone(),
            vouched_for: authorization.vouched_for,
            elsewhere: is_elsewhere(&authorization.client, &authorization.redirect_uri),
            destination: destination(&authorization.redirect_uri),
            lasts: if authorization.refreshes {
                AccessTime {
                    most: config.grant_lifetime,
                    unused: Some(config.refresh_lifetime)
                        .filter(|unused| *unused < config.grant_lifetime),
                }
            } else {
                AccessTime {
                    most: config.access_lifetime.min(config.grant_lifetime),
                    unused: None,
                }
            },
            resource: authorization.resource.clone(),
            scopes: authorization.scopes.iter().map(described).collect(),
            user: user.map(|user| SignedInUser {
                name: display_name(user),
            }),
            provider: provider.map(str::to_owned),
        }
    }
}

/// The name of a user on a page.
fn display_name(user: &Identity) -> String {
    let name = user.name.as_deref().or(user.email.as_deref());
    name.unwrap_or(&user.user.subject).to_owned()
}

/// Whether the metadata document is on one host and the redirect URI on another.
fn is_elsewhere(client: &ClientId, redirect_uri: &str) -> bool {
    let host = |url: &str| {
        let url = parse_url(url).ok()?;
        let url = Some(url).filter(|url| url.scheme() == "https")?;
        url.host_str().map(str::to_owned)
    };
    match (host(client.as_str()), host(redirect_uri)) {
        (Some(document), Some(destination)) => document != destination,
        _ => false,
    }
}
