//! The authorization code flow, with PKCE (RFC 7636) and the issuer in the answer (RFC 9207).

use base64::Engine;
use sha2::{Digest, Sha256};
use url::Url;

use super::challenge::Challenge;
use super::loopback::{Arrival, Listener, Page, Reply, read};
use super::metadata::Discovered;
use super::token::printable;
use super::{Auth, SignInError, State, register, token};
use crate::Error;
use crate::http::{shown, usable};
use crate::secret::{Secret, random_text};
use crate::store::{Record, Tokens};

/// What the flow sets itself, and no option may.
const OURS: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "state",
    "code_challenge",
    "code_challenge_method",
    "scope",
    "resource",
];

/// Whether an option may add this parameter to the authorization request.
pub(super) fn is_free_parameter(name: &str) -> bool {
    !OURS.contains(&name)
}

impl Auth {
    /// Has a person sign in with a browser.
    pub(super) async fn by_browser(
        &self,
        state: &State,
        found: &Discovered,
        challenge: &Challenge,
        granted: &[String],
    ) -> Result<Record, Error> {
        let server = &found.server;
        let Some(endpoint) = &server.authorization_endpoint else {
            return Err(SignInError::NotOffered {
                issuer: server.issuer.clone(),
                what: "a sign-in with the browser",
                advice: "Try --device-code.",
            }
            .into());
        };
        let before = state
            .record
            .as_ref()
            .and_then(|record| record.client.as_ref());
        let mut listener = self
            .listen(before.filter(|client| client.registered))
            .await?;
        let redirect_uri = self.redirect_uri(listener.port())?;
        let scopes = self.scopes(found, challenge, None, granted);
        let scope = scopes.join(" ");
        let client = register::client(
            &self.http,
            server,
            &self.options,
            before,
            Some(&redirect_uri),
            Some(&*scope).filter(|scope| !scope.is_empty()),
        )
        .await?;
        let scopes = self.scopes(found, challenge, Some(&client), granted);
        let scope = scopes.join(" ");
        let resource = self.resource(found);
        let verifier = Secret::new(random_text(32).map_err(no_randomness)?);
        let marker = Secret::new(random_text(24).map_err(no_randomness)?);
        let challenge_text = base64::prelude::BASE64_URL_SAFE_NO_PAD
            .encode(Sha256::digest(verifier.expose().as_bytes()));

        let mut address = endpoint.clone();
        {
            let mut query = address.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", &client.id)
                .append_pair("redirect_uri", redirect_uri.as_str())
                .append_pair("state", marker.expose())
                .append_pair("code_challenge", &challenge_text)
                .append_pair("code_challenge_method", "S256");
            if !scope.is_empty() {
                query.append_pair("scope", &scope);
            }
            if let Some(resource) = &resource {
                query.append_pair("resource", resource);
            }
            for (name, value) in &self.options.authorize_params {
                query.append_pair(name, value);
            }
        }
        self.person.please_open(&address, self.options.paste);

        let deadline = tokio::time::Instant::now() + self.options.timeout;
        let (code, reply) = loop {
            let arrival = tokio::select! {
                arrival = listener.next() => arrival,
                pasted = self.person.pasted(), if self.options.paste => {
                    match read_pasted(&pasted?, server, &marker) {
                        Ok(arrival) => Some(arrival),
                        Err(why) => {
                            self.person.tell(why);
                            continue;
                        }
                    }
                }
                () = tokio::time::sleep_until(deadline) => {
                    return Err(SignInError::TimedOut(self.options.timeout).into());
                }
            };
            let Some(arrival) = arrival else {
                // The port was closed under us.
                return Err(Error::Stopped);
            };
            if !arrival.state.as_ref().is_some_and(|state| marker.is(state)) {
                // Anybody can send a browser here: such an answer ends nothing.
                arrival.reply.send(Page::NotOurs);
                continue;
            }
            match accept(server, arrival) {
                Ok(accepted) => break accepted,
                Err((error, reply)) => {
                    reply.send(Page::Failed(error.to_string()));
                    listener.close().await;
                    return Err(error.into());
                }
            }
        };
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", redirect_uri.as_str()),
            ("code_verifier", verifier.expose()),
        ];
        if let Some(resource) = &resource {
            form.push(("resource", resource));
        }
        let tokens = token::request(&self.http, server, &client, form, &scopes).await;
        reply.send(self.page(&tokens));
        listener.close().await;
        Ok(Record {
            authorization_server: Some(server.clone()),
            resource,
            client: Some(client),
            tokens: Some(tokens?),
            ..Record::new(&self.server)
        })
    }

    /// Opens the port that the client was registered with, that was asked for, or the usual one.
    async fn listen(&self, before: Option<&crate::store::Client>) -> Result<Listener, SignInError> {
        let options = &self.options;
        let registered = before
            .into_iter()
            .flat_map(|client| &client.redirect_uris)
            .filter(|uri| uri.path() == options.callback_path)
            .find(|uri| uri.host_str() == Some(&*options.callback_host))
            .and_then(Url::port);
        let usual = registered.unwrap_or_else(|| self.identity.usual_port());
        // Somebody else knows the port of such a client, and was told it once.
        let fixed = options.callback_port.is_some()
            || options.client_info.is_some()
            || options.client_metadata_url.is_some();
        let port = options.callback_port.unwrap_or(usual);
        Listener::open(port, fixed, &options.callback_path, &options.callback_host).await
    }

    fn redirect_uri(&self, port: u16) -> Result<Url, SignInError> {
        let options = &self.options;
        let text = format!(
            "http://{}:{port}{}",
            options.callback_host, options.callback_path
        );
        Url::parse(&text)
            .map_err(|_| SignInError::Options(format!("{text} is no address to come back to.")))
    }

    fn page(&self, tokens: &Result<Tokens, Error>) -> Page {
        match (tokens, &self.options.success_url) {
            (Err(error), _) => Page::Failed(error.to_string()),
            (Ok(_), Some(url)) if usable(url, self.options.allow_http) => Page::DoneAt(url.clone()),
            (Ok(_), _) => Page::Done,
        }
    }
}

/// What a person pasted: the address that the browser ended at, or the code alone. The error is for
/// the person.
fn read_pasted(
    text: &str,
    server: &super::ServerMetadata,
    marker: &Secret,
) -> Result<Arrival, &'static str> {
    let text = text.trim();
    let other = "That is not the address of the page the sign-in ended at. Try again:";
    if let Ok(url) = Url::parse(text) {
        let (mut arrival, _) = url.query().and_then(read).ok_or(other)?;
        arrival.reply = Reply::nowhere();
        return Ok(arrival);
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(other);
    }
    if server.authorization_response_iss_parameter_supported {
        // RFC 9207, section 2.4: who has answered has to be known.
        return Err("The code alone is not enough here. Paste the whole address of that page:");
    }
    Ok(Arrival {
        code: Some(text.to_owned()),
        // A person who pastes a code vouches for it; there is no browser to be tricked.
        state: Some(marker.expose().to_owned()),
        issuer: None,
        error: None,
        description: None,
        reply: Reply::nowhere(),
    })
}

fn no_randomness(error: std::io::Error) -> Error {
    Error::Usage(format!("This system gives no random numbers: {error}."))
}

/// Holds an answer against the server that was asked. Errors too are believed only from it.
fn accept(
    server: &super::ServerMetadata,
    arrival: Arrival,
) -> Result<(Secret, Reply), (SignInError, Reply)> {
    let reply = arrival.reply;
    let mixed_up = match &arrival.issuer {
        Some(issuer) => (*issuer != server.issuer).then(|| issuer.clone()),
        None => server
            .authorization_response_iss_parameter_supported
            .then(|| "nobody".to_owned()),
    };
    if let Some(got) = mixed_up {
        let error = SignInError::Issuer {
            expected: server.issuer.clone(),
            got: printable(&got),
        };
        return Err((error, reply));
    }
    match (arrival.code, arrival.error) {
        (Some(code), _) => Ok((Secret::new(code), reply)),
        (None, error) => {
            let error = error.unwrap_or_default();
            let why = match &arrival.description {
                Some(description) => format!("{description} ({error})"),
                None => error,
            };
            let issuer = server.issuer.clone();
            let why = printable(&why);
            Err((SignInError::Refused { issuer, why }, reply))
        }
    }
}

impl crate::person::Person {
    /// Shows the sign-in page, or where it is.
    fn please_open(&self, address: &Url, paste: bool) {
        let opened = usable(address, true).then(|| self.open(address));
        match opened {
            Some(Ok(())) => self.tell(&format!(
                "Opened the browser to sign in at {}. If no page came up, open this one:\n{address}",
                shown(address)
            )),
            _ => self.tell(&format!("To sign in, open this page in a browser:\n{address}")),
        }
        if paste {
            self.tell(
                "If that browser is on another machine, it will end at a page that cannot be \
                 reached: paste its address here.",
            );
        }
    }
}
