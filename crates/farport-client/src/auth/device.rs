//! Signing in with a browser on another machine (RFC 8628).

use farport_oauth::parse_url;
use std::time::Duration;

use farport_oauth::client::{
    DeviceAuthorization, GrantRequest, TokenError, TokenSuccess, device_fields,
};
use secrecy::ExposeSecret;
use tokio::time::Instant;
use url::Url;

use super::challenge::Challenge;
use super::metadata::Discovered;
use super::register::{Wanted, client_name};
use super::requests::{Answered, is_transient};
use super::text::printable;
use super::token::post_form;
use super::{Auth, SignInError, State, register, token};
use crate::Error;
use crate::store::{Client, Record};

impl Auth {
    /// Has a user enter a code in a browser on any machine.
    pub(super) async fn by_device(
        &self,
        state: &State,
        found: &Discovered,
        challenge: &Challenge,
        granted: &[String],
    ) -> Result<Record, Error> {
        let server = &found.server;
        let Some(endpoint) = &server.device_authorization_endpoint else {
            return Err(SignInError::NotOffered {
                issuer: server.issuer.clone(),
                what: "a sign-in with a code",
                hint: "run `farport login` on a machine with a browser, or paste the address that the \
                       browser ends at",
            }
            .into());
        };
        let before = state
            .record
            .as_ref()
            .and_then(|record| record.client.as_ref());
        let requests = self.requests(state);
        let name = client_name(self.caller.get().map(String::as_str));
        let wanted = Wanted {
            redirect_uri: None,
            scope: None,
            name: &name,
        };
        let mut client =
            register::client(&requests, server, &self.options, before, &wanted).await?;
        let scopes = self.scopes(found, challenge, Some(&client), granted);
        let scope = scopes.join(" ");
        let resource = self.resource(found);
        let form = device_fields(Some(&*scope), resource.as_deref());
        let answered = post_form(&requests, endpoint, server, &client, form).await?;
        let Some(started) = DeviceAuthorization::read(answered.text.as_bytes()) else {
            return Err(not_started(server.issuer.clone(), &answered).into());
        };
        let page = page_of(&started.verification_uri).ok_or_else(|| SignInError::Refused {
            issuer: server.issuer.clone(),
            code: String::new(),
            why: "it named no http or https page where you enter the code".to_owned(),
        })?;
        self.user.report(&format!(
            "To sign in, open {page} in any browser and enter the code {}",
            printable(&started.user_code)
        ));
        if let Some(complete) = started
            .verification_uri_complete
            .as_deref()
            .and_then(page_of)
        {
            self.user.report(&format!("or open {complete}"));
        }
        let mut interval = Duration::from_secs(started.interval.clamp(1, 60));
        let deadline = Instant::now() + Duration::from_secs(started.expires_in.min(3600));
        let tokens = loop {
            tokio::time::sleep(interval).await;
            if Instant::now() >= deadline {
                return Err(SignInError::TimedOut(Duration::from_secs(started.expires_in)).into());
            }
            let grant = GrantRequest::DeviceCode(started.device_code.expose_secret());
            let form = grant.fields(None, resource.as_deref());
            match token::request(&requests.once(), server, &client, form, &scopes).await {
                Ok(granted) => {
                    client.auth = granted.auth;
                    break granted.tokens;
                }
                Err(Error::SignIn(SignInError::Token { code, .. }))
                    if code == "authorization_pending" => {}
                Err(Error::SignIn(SignInError::Token { code, .. })) if code == "slow_down" => {
                    interval += Duration::from_secs(5);
                }
                // An overloaded server or a broken network may recover in a moment.
                Err(Error::SignIn(SignInError::Unavailable { wait, .. })) => {
                    let wait = wait.unwrap_or_default().min(Duration::from_secs(60));
                    interval = (interval + Duration::from_secs(5)).max(wait);
                }
                Err(error) if is_transient(&error) => interval *= 2,
                Err(error) => return Err(error),
            }
        };
        Ok(Record {
            authorization_server: Some(server.clone()),
            resource,
            client: Some(Client {
                unfinished: false,
                ..client
            }),
            tokens: Some(tokens),
            ..Record::new(&self.server, self.identity.headers())
        })
    }
}

/// The page that a server names, as a URL for the user. Parsing it leaves printable ASCII alone.
fn page_of(text: &str) -> Option<Url> {
    let url = parse_url(text).ok()?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}

/// The error for a device authorization endpoint that started no sign-in.
fn not_started(issuer: String, answered: &Answered) -> SignInError {
    let status = answered.status.as_u16();
    let error = TokenSuccess::read(answered.status, answered.text.as_bytes()).err();
    let (code, description) = match error {
        Some(TokenError::OAuth { code, description }) => (code, description.unwrap_or_default()),
        Some(error) => (error.code().to_owned(), String::new()),
        None => (String::new(), String::new()),
    };
    let why =
        format!("it did not start a sign-in with a code (HTTP {status} {code} {description})");
    SignInError::Refused {
        issuer,
        code: printable(&code),
        why: printable(&why),
    }
}
