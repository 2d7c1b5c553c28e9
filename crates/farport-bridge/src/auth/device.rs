//! Signing in with a browser on another machine (RFC 8628).

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::challenge::Challenge;
use super::metadata::Discovered;
use super::token::{post_form, printable};
use super::{Auth, SignInError, State, register, token};
use crate::Error;
use crate::secret::Secret;
use crate::store::Record;

#[derive(Deserialize)]
struct Started {
    device_code: Secret,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    verification_uri_complete: Option<String>,
    #[serde(default = "fifteen_minutes")]
    expires_in: u64,
    #[serde(default = "five_seconds")]
    interval: u64,
}

fn fifteen_minutes() -> u64 {
    900
}

/// RFC 8628, section 3.2.
fn five_seconds() -> u64 {
    5
}

impl Auth {
    /// Has a person enter a code on another machine.
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
                advice: "Run `farport login` where there is a browser, or paste the address that \
                         the browser ends at.",
            }
            .into());
        };
        let before = state
            .record
            .as_ref()
            .and_then(|record| record.client.as_ref());
        let client =
            register::client(&self.http, server, &self.options, before, None, None).await?;
        let scopes = self.scopes(found, challenge, Some(&client), granted);
        let scope = scopes.join(" ");
        let resource = self.resource(found);
        let mut form = Vec::new();
        if !scope.is_empty() {
            form.push(("scope", &*scope));
        }
        if let Some(resource) = &resource {
            form.push(("resource", resource));
        }
        let answer = post_form(&self.http, endpoint, server, &client, form).await?;
        let started: Started =
            serde_json::from_str(&answer.text).map_err(|_| SignInError::Refused {
                issuer: server.issuer.clone(),
                why: format!("it started no sign-in with a code (HTTP {})", answer.status),
            })?;
        self.person.tell(&format!(
            "To sign in, open {} in any browser and enter the code {}",
            printable(&started.verification_uri),
            printable(&started.user_code)
        ));
        if let Some(complete) = &started.verification_uri_complete {
            self.person
                .tell(&format!("or open {}", printable(complete)));
        }
        let mut interval = Duration::from_secs(started.interval.clamp(1, 60));
        let deadline = Instant::now() + Duration::from_secs(started.expires_in.min(3600));
        let tokens = loop {
            tokio::time::sleep(interval).await;
            if Instant::now() >= deadline {
                return Err(SignInError::TimedOut(Duration::from_secs(started.expires_in)).into());
            }
            let mut form = vec![
                ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
                ("device_code", started.device_code.expose()),
            ];
            if let Some(resource) = &resource {
                form.push(("resource", resource));
            }
            match token::request(&self.http, server, &client, form, &scopes).await {
                Ok(tokens) => break tokens,
                Err(Error::SignIn(SignInError::Token { code, .. }))
                    if code == "authorization_pending" => {}
                Err(Error::SignIn(SignInError::Token { code, .. })) if code == "slow_down" => {
                    interval += Duration::from_secs(5);
                }
                // The network may be back in a moment.
                Err(Error::Unreachable { .. } | Error::TimedOut { .. } | Error::Broken { .. }) => {
                    interval *= 2;
                }
                Err(error) => return Err(error),
            }
        };
        Ok(Record {
            authorization_server: Some(server.clone()),
            resource,
            client: Some(client),
            tokens: Some(tokens),
            ..Record::new(&self.server)
        })
    }
}
