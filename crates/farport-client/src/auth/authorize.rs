//! The authorization code flow, with PKCE (RFC 7636) and the issuer in the answer (RFC 9207).

use farport_oauth::client::{
    GrantRequest, authorization_url, check_response_issuer, code_challenge, is_client_error,
};
use farport_oauth::parse_url;
use url::Url;

use super::challenge::Challenge;
use super::loopback::{Arrival, Listener, Page, Reply};
use super::metadata::Discovered;
use super::pasted::{Pasted, read_pasted};
use super::register::{Wanted, client_name};
use super::text::printable;
use super::{Auth, NextStep, SignInError, State, register, token};
use crate::Error;
use crate::http::{shown, usable};
use crate::observe::SignInStep;
use crate::secret::{Secret, random_text};
use crate::store::{Client, Record};

impl Auth {
    /// Lets the user sign in with a browser.
    pub(super) async fn by_browser(
        &self,
        state: &mut State,
        found: &Discovered,
        challenge: &Challenge,
        granted: &[String],
    ) -> Result<Record, Error> {
        let server = &found.server;
        let Some(endpoint) = &server.authorization_endpoint else {
            return Err(SignInError::NotOffered {
                issuer: server.issuer.clone(),
                what: "a sign-in with a browser",
                hint: "try --device-code",
            }
            .into());
        };
        let requests = self.requests(state);
        requests.check_browser(endpoint).await?;
        let before = state
            .record
            .as_ref()
            .and_then(|record| record.client.clone());
        let registered = before.as_ref().filter(|client| client.registered);
        let mut listener = self.listen(registered).await?;
        let redirect_uri = self.redirect_uri(listener.port())?;
        let scopes = self.scopes(found, challenge, None, granted);
        let scope = scopes.join(" ");
        let name = client_name(self.caller.get().map(String::as_str));
        let wanted = Wanted {
            redirect_uri: Some(&redirect_uri),
            scope: Some(&*scope).filter(|scope| !scope.is_empty()),
            name: &name,
        };
        requests.wait_before(NextStep::Client).await;
        let client =
            register::client(&requests, server, &self.options, before.as_ref(), &wanted).await?;
        // A server that has forgotten the client may show an error page instead. Then no browser comes
        // back, and the next sign-in must not use this client again.
        if before.is_some_and(|before| before.id == client.id) && state.mark_unfinished(true) {
            self.save(state).await?;
        }
        let scopes = self.scopes(found, challenge, Some(&client), granted);
        let scope = scopes.join(" ");
        let resource = self.resource(found);
        let verifier = Secret::new(random_text(32).map_err(no_randomness)?);
        let marker = Secret::new(random_text(24).map_err(no_randomness)?);
        requests.hide(&verifier);
        requests.hide(&marker);
        let challenge_text = code_challenge(verifier.expose());
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", &*client.id),
            ("redirect_uri", redirect_uri.as_str()),
            ("state", marker.expose()),
            ("code_challenge", &*challenge_text),
            ("code_challenge_method", "S256"),
        ];
        if !scope.is_empty() {
            parameters.push(("scope", &*scope));
        }
        if let Some(resource) = &resource {
            parameters.push(("resource", &**resource));
        }
        let address = authorization_url(endpoint, &parameters, &self.options.authorize_params);
        requests.wait_before(NextStep::Authorization).await;
        requests.observe(|watch| SignInStep::Authorization {
            url: watch.url(&address),
        });
        self.user.please_open(&address, self.options.paste);

        let deadline = tokio::time::Instant::now() + self.options.timeout;
        loop {
            let mut from_user = false;
            let arrival = tokio::select! {
                arrival = listener.next() => arrival,
                pasted = self.user.pasted(), if self.options.paste => {
                    match read_pasted(&pasted?, server, &marker) {
                        Ok(Pasted::Answer(arrival)) => Some(arrival),
                        Ok(Pasted::Code(code)) => {
                            from_user = true;
                            Some(Arrival::of_code(code.expose(), marker.expose()))
                        }
                        Err(why) => {
                            self.user.report(why);
                            continue;
                        }
                    }
                }
                () = tokio::time::sleep_until(deadline) => {
                    return Err(SignInError::TimedOut(self.options.timeout).into());
                }
            };
            let Some(arrival) = arrival else {
                // Another program closed the port.
                return Err(Error::Stopped);
            };
            if !arrival.state.as_ref().is_some_and(|state| marker.is(state)) {
                // Any page can send a browser here, so such an answer does not end the sign-in.
                arrival.reply.send(Page::NotOurs);
                continue;
            }
            let issuer = arrival.issuer.clone();
            if let Some(code) = &arrival.code {
                requests.hide(&Secret::new(code.clone()));
            }
            requests.observe(|_| SignInStep::Code { issuer });
            let (code, reply) = match accept(server, arrival) {
                Ok(accepted) => accepted,
                Err((error, reply)) => {
                    let error = Error::from(error);
                    reply.send(Page::failed(&error));
                    listener.close().await;
                    return Err(error);
                }
            };
            let grant = GrantRequest::AuthorizationCode {
                code: code.expose(),
                redirect_uri: redirect_uri.as_str(),
                verifier: Some(verifier.expose()),
            };
            let form = grant.fields(None, resource.as_deref());
            requests.wait_before(NextStep::Token).await;
            let granted = token::request(&requests, server, &client, form, &scopes).await;
            if let Err(Error::SignIn(SignInError::Token { code, .. })) = &granted
                && from_user
                && !is_client_error(code)
            {
                self.user.report(
                    "The server did not accept that as a code. Paste the whole address of the \
                     page the sign-in ended at. Try again:",
                );
                continue;
            }
            reply.send(self.page(&granted));
            listener.close().await;
            let granted = granted?;
            return Ok(Record {
                authorization_server: Some(server.clone()),
                resource,
                client: Some(Client {
                    auth: granted.auth,
                    unfinished: false,
                    ..client
                }),
                tokens: Some(granted.tokens),
                ..Record::new(&self.server, self.identity.headers())
            });
        }
    }

    /// Opens the port that the user chose, that the client was registered with, or the usual one.
    async fn listen(&self, before: Option<&crate::store::Client>) -> Result<Listener, SignInError> {
        let options = &self.options;
        let registered = before
            .into_iter()
            .flat_map(|client| &client.redirect_uris)
            .filter(|uri| uri.path() == options.callback_path)
            .find(|uri| uri.host_str() == Some(&*options.callback_host))
            .and_then(Url::port);
        let usual = registered.unwrap_or_else(|| self.identity.usual_port());
        // Such a client was registered with one port.
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
        parse_url(&text).map_err(|_| SignInError::options(format!("invalid redirect URI {text}")))
    }

    fn page<T>(&self, tokens: &Result<T, Error>) -> Page {
        match (tokens, &self.options.success_url) {
            (Err(error), _) => Page::failed(error),
            (Ok(_), Some(url)) if usable(url, self.options.allow_http) => Page::DoneAt(url.clone()),
            (Ok(_), _) => Page::Done,
        }
    }
}

fn no_randomness(error: std::io::Error) -> Error {
    Error::usage(format!(
        "the operating system returned no random numbers: {error}"
    ))
}

/// Checks that an answer, also one with an error, is from the authorization server of this sign-in.
fn accept(
    server: &super::ServerMetadata,
    arrival: Arrival,
) -> Result<(Secret, Reply), (SignInError, Reply)> {
    let reply = arrival.reply;
    let announced = server.authorization_response_iss_parameter_supported;
    // The bytes have to be those of the metadata (RFC 9207, section 2.4).
    let is_expected = |iss: &str| iss == server.issuer;
    if check_response_issuer(arrival.issuer.as_deref(), announced, is_expected).is_err() {
        let unnamed = "a server that does not name itself";
        let got = arrival.issuer.as_deref().unwrap_or(unnamed);
        let error = SignInError::Issuer {
            expected: server.issuer.clone(),
            got: printable(got),
        };
        return Err((error, reply));
    }
    match (arrival.code, arrival.error) {
        (Some(code), _) => Ok((Secret::new(code), reply)),
        (None, error) => {
            let code = error.unwrap_or_default();
            let why = match &arrival.description {
                Some(description) => format!("{description} ({code})"),
                None => code.clone(),
            };
            let issuer = server.issuer.clone();
            let why = printable(&why);
            Err((SignInError::Refused { issuer, code, why }, reply))
        }
    }
}

impl crate::user::User {
    /// Shows the sign-in page, or where it is.
    fn please_open(&self, address: &Url, paste: bool) {
        let opened = usable(address, true).then(|| self.open(address));
        match opened {
            Some(Ok(())) => self.report(&format!(
                "Opened the browser to sign in at {}. If no page appeared, open this one:\n{address}",
                shown(address)
            )),
            _ => self.report(&format!("To sign in, open this page in a browser:\n{address}")),
        }
        if paste {
            self.report(
                "If that browser is on another machine, it ends at a page that it cannot open. Paste \
                 the address of that page here:",
            );
        }
    }
}
