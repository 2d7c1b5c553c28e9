//! `farport grants`.

use std::io::Write;

use farport_oauth::{Grant, GrantFilter, GrantId, Store, revoke_grants};
use serde_json::json;

use crate::error::Error;
use crate::operator::{
    self,
    args::{FilterArgs, GrantsArgs, GrantsCommand},
};
use crate::terminal::HEADING;

/// Lists or revokes what users have granted.
pub(crate) fn run(args: GrantsArgs) -> Result<(), Error> {
    let store = operator::open(args.state.store)?;
    let json = args.state.json;
    match args.command {
        GrantsCommand::List { filter } => list(&*store, &fits(filter), json),
        GrantsCommand::Revoke { id, filter, all } => {
            if id.is_none() && filter.user.is_none() && filter.client.is_none() && !all {
                return Err(operator::Error::Which.into());
            }
            revoke(&*store, &fits(filter), id, json)
        }
    }
}

fn fits(filter: FilterArgs) -> GrantFilter {
    GrantFilter {
        subject: filter.user.map(Into::into),
        client: filter.client.map(|client| client.as_str().into()),
    }
}

fn list(store: &dyn Store, filter: &GrantFilter, as_json: bool) -> Result<(), Error> {
    let mut grants = operator::block_on(async { Ok(store.grants(filter).await?) })?;
    // Those whose time is over are purged by the server, when it next does that.
    grants.retain(|grant| grant.expires > operator::now());
    let mut out = anstream::stdout();
    let mut written = Ok(());
    if as_json {
        let all: Vec<_> = grants.iter().map(shown).collect();
        written = writeln!(out, "{}", json!(all));
    } else if grants.is_empty() {
        written = writeln!(out, "No grants.");
    }
    for grant in grants.iter().filter(|_| !as_json) {
        let scopes = match grant.scopes.is_empty() {
            true => "none".to_owned(),
            false => grant.scopes.to_string(),
        };
        written = written.and_then(|()| {
            writeln!(out, "{HEADING}{}{HEADING:#}", grant.id)?;
            writeln!(
                out,
                "  user    {} at {}",
                grant.user.subject, grant.user.issuer
            )?;
            writeln!(out, "  client  {}", grant.client)?;
            writeln!(out, "  scopes  {scopes}")?;
            let (made, ends) = (operator::date(grant.created), operator::date(grant.expires));
            writeln!(out, "  made    {made}, ends {ends}")
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
    let gone = operator::block_on(async { Ok(revoke_grants(store, filter, one.as_ref()).await?) })?;
    if let (Some(id), true) = (id, gone.is_empty()) {
        return Err(operator::Error::Unknown { what: "grant", id }.into());
    }
    let mut out = anstream::stdout();
    let written = match as_json {
        true => writeln!(out, "{}", json!({ "revoked": gone })),
        false => writeln!(out, "Revoked {}.", gone.len()),
    };
    written.and_then(|()| out.flush()).map_err(Error::Output)
}

fn shown(grant: &Grant) -> serde_json::Value {
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
