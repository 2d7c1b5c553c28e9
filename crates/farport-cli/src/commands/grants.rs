//! `farport grants`.

use std::io::Write;

use farport_oauth::{Grant, GrantFilter, GrantId, Store, revoke_grants};
use serde_json::json;

use crate::error::Error;
use crate::operator::{
    self,
    args::{FilterArgs, GrantsArgs, GrantsCommand},
};
use crate::terminal::{HEADING, Plain, PlainJson};

/// Lists or revokes grants.
pub(crate) fn run(args: GrantsArgs) -> Result<(), Error> {
    let mode = match args.command {
        GrantsCommand::List { .. } => operator::Mode::Read,
        GrantsCommand::Revoke { .. } => operator::Mode::Change,
    };
    let store = operator::open(args.state.store, mode)?;
    let json = args.state.json;
    match args.command {
        GrantsCommand::List { filter } => list(&*store, &grant_filter(filter), json),
        GrantsCommand::Revoke { id, filter, all } => {
            if id.is_none() && filter.user.is_none() && filter.client.is_none() && !all {
                return Err(operator::Error::NoSelection.into());
            }
            revoke(&*store, &grant_filter(filter), id, json)
        }
    }
}

fn grant_filter(filter: FilterArgs) -> GrantFilter {
    GrantFilter {
        subject: filter.user.map(Into::into),
        client: filter.client.map(|client| client.as_str().into()),
    }
}

fn list(store: &dyn Store, filter: &GrantFilter, as_json: bool) -> Result<(), Error> {
    let mut grants = operator::block_on(async { Ok(store.grants(filter).await?) })?;
    // The server deletes expired grants only from time to time.
    grants.retain(|grant| grant.expires > operator::now());
    let mut out = anstream::stdout();
    let mut written = Ok(());
    if as_json {
        let all: Vec<_> = grants.iter().map(in_json).collect();
        written = writeln!(out, "{}", PlainJson(json!(all)));
    } else if grants.is_empty() {
        written = writeln!(out, "No grants found.");
    }
    for grant in grants.iter().filter(|_| !as_json) {
        let scopes = if grant.scopes.is_empty() {
            "none".to_owned()
        } else {
            grant.scopes.to_string()
        };
        written = written.and_then(|()| {
            writeln!(out, "{HEADING}{}{HEADING:#}", Plain(&grant.id))?;
            writeln!(
                out,
                "  user    {} at {}",
                Plain(&grant.user.subject),
                Plain(&grant.user.issuer)
            )?;
            writeln!(out, "  client  {}", Plain(&grant.client))?;
            writeln!(out, "  scopes  {}", Plain(&scopes))?;
            let created = operator::date(grant.created);
            let expires = operator::date(grant.expires);
            writeln!(out, "  created {created}, expires {expires}")
        });
    }
    written.and_then(|()| out.flush()).map_err(Error::Output)
}

fn revoke(
    store: &dyn Store,
    filter: &GrantFilter,
    id: Option<String>,
    as_json: bool,
) -> Result<(), Error> {
    let one = id.as_deref().map(|id| GrantId(id.into()));
    let revoked =
        operator::block_on(async { Ok(revoke_grants(store, filter, one.as_ref()).await?) })?;
    if let (Some(id), true) = (id, revoked.is_empty()) {
        return Err(operator::Error::Unknown { what: "grant", id }.into());
    }
    let mut out = anstream::stdout();
    let written = if as_json {
        writeln!(out, "{}", PlainJson(json!({ "revoked": revoked })))
    } else {
        match revoked.len() {
            1 => writeln!(out, "Revoked 1 grant."),
            count => writeln!(out, "Revoked {count} grants."),
        }
    };
    written.and_then(|()| out.flush()).map_err(Error::Output)
}

fn in_json(grant: &Grant) -> serde_json::Value {
    json!({
        "id": grant.id,
        "user": grant.user,
        "client": grant.client,
        "resource": grant.resource,
        "scopes": grant.scopes.iter().collect::<Vec<_>>(),
        "created": grant.created.0,
        "expires": grant.expires.0,
    })
}
