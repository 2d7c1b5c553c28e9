//! Builds the protection of a server from its builder and settings.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use farport_core::{Dispatch, policy};
use farport_http::{Auth, Authority, Color, Logo, RESOURCES, Theme};
use farport_oauth::{
    ApiTokens, AuthorizationServer, Config, Environment, ExternalServer, Scopes, SignInMethod,
    Site,
    provider::{GitHub, InvalidSettings, Oidc, Slack},
};
use policy::Policy;

use super::{Kind, SignIn, open::open_to_others, problem::SignInProblem};
use crate::{
    error::{Error, Problem},
    host::OAuth,
    protection::Protection,
    settings::{AuthSettings, ProviderName, Settings},
};

/// Builds the protection of a server that listens on `addresses`; `None` for a public one.
///
/// # Errors
/// When a setting of the sign-in is invalid, or a rule requires a user and no sign-in exists.
pub(crate) fn auth(
    protection: &mut Protection,
    dispatch: &dyn Dispatch,
    settings: &Settings,
    addresses: &[SocketAddr],
    oauth: &dyn Fn() -> Result<OAuth, Error>,
) -> Result<Option<Auth>, Error> {
    let Some(sign_in) = protection.sign_in(settings)? else {
        return Ok(None);
    };
    let theme = &mut protection.theme;
    theme.name = theme.name.take().or_else(|| name_of(dispatch));
    let auth = protection.build(sign_in, settings, addresses, oauth()?)?;
    Ok(Some(auth))
}

/// Returns the server's name, unless the author has set none and it is rmcp's own.
fn name_of(dispatch: &dyn Dispatch) -> Option<String> {
    let info: serde_json::Map<_, _> = dispatch.profile().server_info.parse().ok()?;
    let name = info.get("title").or(info.get("name"))?;
    let name = name.as_str().filter(|name| *name != "rmcp")?;
    Some(name.to_owned())
}

impl Protection {
    /// Returns the sign-in from code or settings; `None` for a public server.
    pub(crate) fn sign_in(&self, settings: &Settings) -> Result<Option<SignIn>, Error> {
        if let Some(sign_in) = &self.sign_in {
            return Ok(Some(sign_in.clone()));
        }
        let Some(provider) = settings.auth.provider else {
            let requires_user =
                |(_, pattern, permission): &(policy::Kind, String, policy::Permission)| {
                    (!permission.is_for_anyone()).then(|| pattern.clone())
                };
            return match self.rules.iter().find_map(requires_user) {
                // No caller could use it, which cannot be the intention.
                Some(pattern) => Err(SignInProblem::PermitWithoutAuth { pattern }.into()),
                None => Ok(None),
            };
        };
        named(provider, &settings.auth.provider_scopes).map(Some)
    }

    /// Builds the protection of the server that listens on `addresses`.
    pub(crate) fn build(
        &self,
        sign_in: SignIn,
        settings: &Settings,
        addresses: &[SocketAddr],
        state: OAuth,
    ) -> Result<Auth, Error> {
        let sites = sites(settings, addresses)?;
        let mut policy = Policy::protected();
        for (kind, pattern, permission) in &self.rules {
            let permission = match sign_in.unique_login() {
                Some(claim) => permission.clone().with_login_claim(claim),
                None if permission.needs_login() => {
                    return Err(SignInProblem::LoginNotUnique {
                        pattern: pattern.clone(),
                        provider: sign_in.provider_name(),
                    }
                    .into());
                }
                None => permission.clone(),
            };
            policy.permit(*kind, pattern, permission);
        }
        if settings.deny_by_default {
            policy.deny_by_default();
        }
        let config = self.config(&settings.auth, policy.scopes())?;
        let (scopes, default_scopes) = (config.scopes.clone(), config.default_scopes.clone());
        let OAuth {
            store,
            keys,
            random,
            fetcher,
        } = state;
        let tokens = || Arc::new(ApiTokens::new(store.clone()));
        let method = match sign_in.0 {
            Kind::Development => {
                let local = |site: &Site| site.issuer().starts_with("http://");
                if let Some(open) = open_to_others(settings) {
                    return Err(SignInProblem::DevLoginNotLocal { open }.into());
                }
                if !addresses.iter().all(|address| address.ip().is_loopback())
                    || !sites.iter().all(local)
                {
                    return Err(SignInProblem::DevLoginNotLocal { open: "host" }.into());
                }
                SignInMethod::Development
            }
            Kind::Provider(provider) => SignInMethod::Provider(provider),
            Kind::ApiTokens => {
                let authority = Authority::ApiTokens(tokens());
                return self.auth(authority, settings, sites, policy, scopes, default_scopes);
            }
            Kind::External(validator) => {
                let authority = Authority::External(validator.validator(&fetcher), tokens());
                return self.auth(authority, settings, sites, policy, scopes, default_scopes);
            }
        };
        let surroundings = Environment {
            store,
            random,
            fetcher,
        };
        let server = AuthorizationServer::new(config, keys, method, surroundings);
        let authority = Authority::Own(Arc::new(server));
        self.auth(authority, settings, sites, policy, scopes, default_scopes)
    }

    fn auth(
        &self,
        authority: Authority,
        settings: &Settings,
        sites: Vec<Site>,
        policy: Policy,
        scopes: Scopes,
        default_scopes: Scopes,
    ) -> Result<Auth, Error> {
        let theme = self.theme(&settings.auth)?;
        let policy = Arc::new(policy);
        Ok(Auth::new(
            sites,
            authority,
            policy,
            scopes,
            default_scopes,
            theme,
        ))
    }

    fn config(&self, settings: &AuthSettings, needed: BTreeSet<Arc<str>>) -> Result<Config, Error> {
        let mut config = Config::default();
        let described: BTreeMap<_, _> = settings.scopes.iter().chain(&self.scopes).collect();
        let named = |names: Vec<&String>| {
            let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
            let invalid = |error: farport_oauth::InvalidScope| Error::from(Problem::sign_in(error));
            Scopes::parse(&names.join(" ")).map_err(invalid)
        };
        let default = settings.default_scopes.iter().chain(&self.default_scopes);
        config.default_scopes = named(default.collect())?;
        let needed: Scopes = needed.into_iter().collect();
        config.scopes = named(described.keys().copied().collect())?
            .either(&config.default_scopes)
            .either(&needed);
        let described = described.into_iter();
        config.scope_descriptions = described
            .map(|(scope, words)| (scope.clone(), words.clone()))
            .collect();
        let schemes = settings.redirect_schemes.iter();
        let schemes = schemes.map(|scheme| scheme.to_ascii_lowercase());
        config.redirects.private_use_schemes.extend(schemes);
        config.registration = settings.registration.unwrap_or(config.registration);
        let documents = settings.client_documents;
        config.client_documents = documents.unwrap_or(config.client_documents);
        let lasts = |seconds: Option<u64>, usual| seconds.map_or(usual, Duration::from_secs);
        config.access_lifetime = lasts(settings.access_token_secs, config.access_lifetime);
        config.refresh_lifetime = lasts(settings.refresh_token_secs, config.refresh_lifetime);
        config.grant_lifetime = lasts(settings.grant_secs, config.grant_lifetime);
        Ok(config)
    }

    fn theme(&self, settings: &AuthSettings) -> Result<Theme, Error> {
        let mut theme = self.theme.clone();
        if settings.name.is_some() {
            theme.name.clone_from(&settings.name);
        }
        if let Some(color) = &settings.color {
            let color = Color::parse(color);
            theme.color = Some(color.map_err(Problem::sign_in)?);
        }
        if let Some(path) = &settings.logo {
            theme.logo = Some(logo(path)?);
        }
        Ok(theme)
    }
}

/// Sets up the provider with this name from the environment.
pub(super) fn named(provider: ProviderName, scopes: &[String]) -> Result<SignIn, Error> {
    let oidc = |provider: Result<Oidc, InvalidSettings>| -> Result<SignIn, Error> {
        let provider = provider?;
        Ok(match scopes {
            [] => provider.into(),
            scopes => provider.scopes(scopes.iter().map(String::as_str)).into(),
        })
    };
    match provider {
        ProviderName::DevLogin => Ok(super::DevLogin.into()),
        ProviderName::ApiToken => Ok(super::ApiToken.into()),
        ProviderName::GitHub => {
            let provider = GitHub::from_env()?;
            Ok(match scopes {
                [] => provider.into(),
                scopes => provider.scopes(scopes.iter().map(String::as_str)).into(),
            })
        }
        ProviderName::Slack => {
            let provider = Slack::from_env()?;
            Ok(match scopes {
                [] => provider.into(),
                scopes => provider
                    .user_scopes(scopes.iter().map(String::as_str))
                    .into(),
            })
        }
        ProviderName::Google => oidc(Oidc::google_from_env()),
        ProviderName::Auth0 => oidc(Oidc::auth0_from_env()),
        ProviderName::WorkOs => oidc(Oidc::workos_from_env()),
        ProviderName::Stytch => oidc(Oidc::stytch_from_env()),
        ProviderName::Okta => oidc(Oidc::okta_from_env()),
        ProviderName::Keycloak => oidc(Oidc::keycloak_from_env()),
        ProviderName::Oidc => oidc(Oidc::from_env()),
        ProviderName::External => Ok(ExternalServer::from_env()?.into()),
    }
}

fn logo(path: &std::path::Path) -> Result<Logo, Error> {
    let media_type = match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        _ => {
            let text = format!("{} is not an SVG, PNG, JPEG or WebP file", path.display());
            return Err(Problem::sign_in(text).into());
        }
    };
    let bytes = std::fs::read(path).map_err(|error| {
        Problem::sign_in(format_args!(
            "cannot read the logo {}: {error}",
            path.display()
        ))
    })?;
    Ok(Logo {
        media_type: http::HeaderValue::from_static(media_type),
        bytes: bytes.into(),
    })
}

/// Returns the URLs that clients reach the server at.
fn sites(settings: &Settings, addresses: &[SocketAddr]) -> Result<Vec<Site>, Error> {
    let site = |base: &str| {
        let site = Site::new(base, RESOURCES);
        site.map_err(|error| {
            Error::from(SignInProblem::PublicUrl {
                url: base.to_owned(),
                why: error.to_string(),
            })
        })
    };
    if let Some(url) = &settings.public_url {
        return Ok(vec![site(url)?]);
    }
    let port = match addresses {
        [] => settings.port,
        [first, ..] if addresses.iter().all(|address| address.ip().is_loopback()) => first.port(),
        _ => return Err(SignInProblem::NoPublicUrl.into()),
    };
    ["localhost", "127.0.0.1", "[::1]"]
        .map(|host| site(&format!("http://{host}:{port}")))
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use farport_oauth::{BoxFuture, Fetch, FetchError, Fetcher, Keys, MemoryStore};

    use super::*;
    use crate::{
        random::SystemRandom,
        sign_in::{ApiToken, DevLogin},
    };

    struct NoNetwork;

    impl Fetcher for NoNetwork {
        fn fetch(&self, _: Fetch) -> BoxFuture<'_, Result<http::Response<Bytes>, FetchError>> {
            panic!("nothing is fetched when a server starts")
        }
    }

    fn oauth() -> OAuth {
        OAuth {
            store: Arc::new(MemoryStore::default()),
            keys: Keys::ephemeral(&SystemRandom),
            random: Arc::new(SystemRandom),
            fetcher: Arc::new(NoNetwork),
        }
    }

    fn start(sign_in: impl Into<SignIn>, url: Option<&str>, addresses: &[&str]) -> Option<Error> {
        let settings = Settings {
            public_url: url.map(str::to_owned),
            ..Settings::default()
        };
        let addresses = addresses.iter().map(|address| address.parse().unwrap());
        let addresses: Vec<_> = addresses.collect();
        let protection = Protection::default();
        let built = protection.build(sign_in.into(), &settings, &addresses, oauth());
        built.err()
    }

    const LOOPBACK: &[&str] = &["127.0.0.1:8787", "[::1]:8787"];
    const ALL: &[&str] = &["0.0.0.0:8787"];

    #[test]
    fn the_sign_in_for_development_is_for_this_machine_only() {
        for (url, addresses, local) in [
            (None, LOOPBACK, true),
            (None, &[], true),
            (Some("http://localhost:8787"), LOOPBACK, true),
            (Some("https://mcp.example.com"), LOOPBACK, false),
            (Some("https://localhost:8787"), LOOPBACK, false),
            (Some("http://localhost:8787"), ALL, false),
            (Some("https://mcp.example.com"), ALL, false),
            (Some("http://localhost:8787"), &["[::]:8787"], false),
            (
                Some("http://localhost:8787"),
                &["127.0.0.1:8787", "192.0.2.1:8787"],
                false,
            ),
        ] {
            let refused = start(DevLogin, url, addresses);
            let refused = refused.map(|error| error.to_string().starts_with("dev-login accepts"));
            let expect = (!local).then_some(true);
            assert_eq!(refused, expect, "{url:?} {addresses:?}");
        }
    }

    #[test]
    fn a_server_with_sign_in_requires_its_public_url() {
        let mention = |error: Option<Error>| error.map(|error| format!("{error:?}"));
        for (url, addresses, expect) in [
            (None, LOOPBACK, None),
            (None, ALL, Some("FARPORT_PUBLIC_URL")),
            (
                None,
                &["127.0.0.1:1", "192.0.2.1:1"],
                Some("FARPORT_PUBLIC_URL"),
            ),
            (Some("https://mcp.example.com"), ALL, None),
            (Some("https://mcp.example.com"), LOOPBACK, None),
            (
                Some("http://mcp.example.com"),
                ALL,
                Some("http://mcp.example.com"),
            ),
            (Some("https://mcp.example.com/tools/"), ALL, None),
            (Some("https://mcp.example.com/a b"), ALL, Some("/a b")),
            (Some("mcp.example.com"), ALL, Some("mcp.example.com")),
        ] {
            let said = mention(start(ApiToken, url, addresses));
            match (&said, expect) {
                (None, None) => {}
                (Some(said), Some(expect)) => assert!(said.contains(expect), "{said}"),
                _ => panic!("{url:?} {addresses:?}: {said:?}"),
            }
        }
    }

    #[test]
    fn user_names_are_compared_if_the_provider_keeps_them_unique() {
        use farport_oauth::provider::{GitHub, OAuth2, OAuth2Urls, Oidc};
        let oidc = || Oidc::new("https://idp.example", "client", "secret".to_owned()).unwrap();
        let urls = OAuth2Urls {
            authorize: "https://idp.example/a",
            token: "https://idp.example/t",
            user_info: "https://idp.example/u",
        };
        let oauth2 = OAuth2::new("https://idp.example", urls, "client", "secret".to_owned());
        let keycloak = Oidc::keycloak("https://idp.example", "r", "client", "secret".to_owned());
        for (sign_in, good) in [
            (SignIn::from(DevLogin), true),
            (GitHub::new("client", "secret".to_owned()).into(), true),
            (keycloak.unwrap().into(), true),
            (oidc().unique_login("preferred_username").into(), true),
            (oidc().into(), false),
            (oidc().named("Mine").into(), false),
            (Oidc::google("client", "secret".to_owned()).into(), false),
            (oauth2.unwrap().into(), false),
            (ApiToken.into(), false),
        ] {
            let settings = Settings::default();
            let mut protection = Protection::default();
            let rule = policy::signed_in().and(policy::login_in(["ann"]));
            protection
                .rules
                .push((policy::Kind::Tool, "paint".into(), rule));
            let local = ["127.0.0.1:8787".parse().unwrap()];
            let named = format!("{sign_in:?}");
            let built = protection.build(sign_in, &settings, &local, oauth());
            match built {
                Ok(_) => assert!(good, "{named}"),
                Err(error) => {
                    let said = format!("{error:?}");
                    assert!(!good, "{named}: {said}");
                    for word in ["paint", "claim(\"sub\"", "email"] {
                        assert!(said.contains(word), "{said}");
                    }
                }
            }
        }
    }
}
