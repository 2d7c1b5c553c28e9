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
use crate::terminal::{COPY, HEADING};

/// Makes, lists or revokes API tokens.
pub(crate) fn run(args: TokensArgs) -> Result<(), Error> {
    let store = operator::open(args.state.store)?;
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
        let made = new.create(store, &farport::SystemRandom, operator::now());
        Ok(made.await?)
    })?;
    let mut out = anstream::stdout();
    let written = if as_json {
        let mut shown = shown(&token);
        shown["token"] = secret.expose_secret().into();
        writeln!(out, "{shown}")
    } else {
        // The token alone goes to standard output, so that a script can take it.
        anstream::eprintln!(
            "{HEADING}API token {}{HEADING:#} ({})",
            token.id,
            token.label
        );
        anstream::eprintln!("It is shown this once:");
        writeln!(out, "{COPY}{}{COPY:#}", secret.expose_secret())
    };
    written.and_then(|()| out.flush()).map_err(Error::Output)
}

fn list(store: &dyn Store, as_json: bool) -> Result<(), Error> {
    let tokens = operator::block_on(async { Ok(store.api_tokens().await?) })?;
    let mut out = anstream::stdout();
    let mut written = Ok(());
    if as_json {
        let all: Vec<_> = tokens.iter().map(shown).collect();
        written = writeln!(out, "{}", json!(all));
    } else if tokens.is_empty() {
        written = writeln!(
            out,
            "No API tokens. `farport tokens create NAME` makes one."
        );
    }
    for token in tokens.iter().filter(|_| !as_json) {
        let ends = token.expires.map_or("never".into(), operator::date);
        let scopes = match token.scopes.is_empty() {
            true => "none".to_owned(),
            false => token.scopes.to_string(),
        };
        written = written.and_then(|()| {
            writeln!(out, "{HEADING}{}{HEADING:#}  {}", token.id, token.label)?;
            writeln!(
                out,
                "  made {}, ends {ends}, scopes: {scopes}",
                operator::date(token.created)
            )
        });
    }
    written.and_then(|()| out.flush()).map_err(Error::Output)
}

fn revoke(store: &dyn Store, id: String, as_json: bool) -> Result<(), Error> {
    let was_there = operator::block_on(async { Ok(store.remove_api_token(&id).await?) })?;
    if !was_there {
        let what = "API token";
        return Err(operator::Error::Unknown { what, id }.into());
    }
    let mut out = anstream::stdout();
    let written = match as_json {
        true => writeln!(out, "{}", json!({ "revoked": [id] })),
        false => writeln!(out, "Revoked {id}."),
    };
    written.and_then(|()| out.flush()).map_err(Error::Output)
}

fn shown(token: &ApiToken) -> serde_json::Value {
    json!({
        "id": token.id,
        "label": token.label,
        "scopes": token.scopes.iter().collect::<Vec<_>>(),
        "created": token.created.0,
        "expires": token.expires.map(|time| time.0),
    })
}
