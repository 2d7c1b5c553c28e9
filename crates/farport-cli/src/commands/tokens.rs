//! `farport tokens`.

use std::io::Write;
use std::time::Duration;

use farport_oauth::{ApiToken, NewApiToken, Scopes, Store};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::error::Error;
use crate::operator::{
    self,
    args::{TokensArgs, TokensCommand},
};
use crate::terminal::{COPY, HEADING, Plain, PlainJson};

/// Creates, lists or revokes API tokens.
pub(crate) fn run(args: TokensArgs) -> Result<(), Error> {
    let mode = match args.command {
        TokensCommand::Create { .. } => operator::Mode::Create,
        TokensCommand::List => operator::Mode::Read,
        TokensCommand::Revoke { .. } => operator::Mode::Change,
    };
    let store = operator::open(args.state.store, mode)?;
    let json = args.state.json;
    match args.command {
        TokensCommand::Create {
            label,
            scopes,
            expires,
        } => create(&*store, label, &scopes, expires, json),
        TokensCommand::List => list(&*store, json),
        TokensCommand::Revoke { id } => revoke(&*store, id, json),
    }
}

fn create(
    store: &dyn Store,
    label: String,
    scopes: &[String],
    lifetime: Option<Duration>,
    as_json: bool,
) -> Result<(), Error> {
    let scopes = scopes.join(" ");
    let scopes = Scopes::parse(&scopes).map_err(|_| operator::Error::Scope(scopes))?;
    let new = NewApiToken {
        label,
        scopes,
        lifetime,
    };
    let (token, secret) = operator::block_on(async {
        let created = new.create(store, &farport::host::SystemRandom, operator::now());
        Ok(created.await?)
    })?;
    let mut out = anstream::stdout();
    let written = if as_json {
        let mut shown = in_json(&token);
        shown["token"] = secret.expose_secret().into();
        writeln!(out, "{}", PlainJson(shown))
    } else {
        // Only the token goes to standard output, so that a script can read it.
        anstream::eprintln!(
            "{HEADING}API token {}{HEADING:#} ({})",
            token.id,
            Plain(&token.label)
        );
        anstream::eprintln!("Copy the token now. farport does not show it again.");
        writeln!(out, "{COPY}{}{COPY:#}", secret.expose_secret())
    };
    written.and_then(|()| out.flush()).map_err(Error::Output)
}

fn list(store: &dyn Store, as_json: bool) -> Result<(), Error> {
    let tokens = operator::block_on(async { Ok(store.api_tokens().await?) })?;
    let mut out = anstream::stdout();
    let mut written = Ok(());
    if as_json {
        let all: Vec<_> = tokens.iter().map(in_json).collect();
        written = writeln!(out, "{}", PlainJson(json!(all)));
    } else if tokens.is_empty() {
        written = writeln!(
            out,
            "No API tokens found. To create one, run `farport tokens create LABEL`."
        );
    }
    for token in tokens.iter().filter(|_| !as_json) {
        let expires = token.expires.map_or("never".into(), operator::date);
        let scopes = if token.scopes.is_empty() {
            "none".to_owned()
        } else {
            token.scopes.to_string()
        };
        written = written.and_then(|()| {
            let (id, label) = (Plain(&token.id), Plain(&token.label));
            writeln!(out, "{HEADING}{id}{HEADING:#}  {label}")?;
            writeln!(
                out,
                "  created {}, expires {expires}, scopes: {}",
                operator::date(token.created),
                Plain(&scopes)
            )
        });
    }
    written.and_then(|()| out.flush()).map_err(Error::Output)
}

fn revoke(store: &dyn Store, id: String, as_json: bool) -> Result<(), Error> {
    let existed = operator::block_on(async { Ok(store.remove_api_token(&id).await?) })?;
    if !existed {
        let what = "API token";
        return Err(operator::Error::Unknown { what, id }.into());
    }
    let mut out = anstream::stdout();
    let written = if as_json {
        writeln!(out, "{}", PlainJson(json!({ "revoked": [id] })))
    } else {
        writeln!(out, "Revoked the API token {}.", Plain(id))
    };
    written.and_then(|()| out.flush()).map_err(Error::Output)
}

fn in_json(token: &ApiToken) -> serde_json::Value {
    json!({
        "id": token.id,
        "label": token.label,
        "scopes": token.scopes.iter().collect::<Vec<_>>(),
        "created": token.created.0,
        "expires": token.expires.map(|time| time.0),
    })
}
