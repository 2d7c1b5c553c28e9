//! The rows of grants.

use farport_oauth::{ClientId, Digest, Grant, GrantFilter, GrantId, UserId};

use super::{scopes, seconds, text, time};
use crate::{
    error::Failure,
    numbers::{int, uint},
    platform::{Connection, OptionalExtension, Row, params},
};

/// The columns of a [`Grant`], in the order that [`read`] expects.
pub(super) const COLUMNS: &str = "grants.id, grants.issuer, grants.subject, grants.client, \
    grants.redirect_uri, grants.resource, grants.scopes, grants.created, grants.expires, \
    grants.sealed, grants.revision, grants.rotated, grants.deadline, \
    iif(grants.retry_until > 0, grants.previous, NULL)";

/// Reads a grant from the columns that start at `first`.
pub(super) fn read(row: &Row<'_>, first: usize) -> crate::platform::Result<Grant> {
    Ok(Grant {
        id: GrantId(text(row, first)?),
        user: UserId {
            issuer: text(row, first + 1)?,
            subject: text(row, first + 2)?,
        },
        client: ClientId(text(row, first + 3)?),
        redirect_uri: text(row, first + 4)?,
        resource: text(row, first + 5)?,
        scopes: scopes(row, first + 6)?,
        created: time(row, first + 7)?,
        expires: time(row, first + 8)?,
        sealed: row.get(first + 9)?,
        revision: uint(row.get(first + 10)?),
        used: time(row, first + 11)?,
        deadline: time(row, first + 12)?,
        retryable: row.get::<_, Option<[u8; 32]>>(first + 13)?.map(Digest),
    })
}

pub(super) fn add(connection: &Connection, grant: &Grant) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO grants
                 (id, issuer, subject, client, redirect_uri, resource, scopes, created, expires,
                  sealed, revision, rotated, deadline)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            grant.id.0,
            grant.user.issuer,
            grant.user.subject,
            grant.client.as_str(),
            grant.redirect_uri,
            grant.resource,
            grant.scopes.to_string(),
            seconds(grant.created),
            seconds(grant.expires),
            grant.sealed,
            int(grant.revision),
            seconds(grant.used),
            seconds(grant.deadline),
        ])?;
    Ok(())
}

pub(super) fn find(connection: &Connection, id: &GrantId) -> Result<Option<Grant>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM grants WHERE id = ?1");
    Ok(connection
        .prepare_cached(&sql)?
        .query_row([&id.0], |row| read(row, 0))
        .optional()?)
}

pub(super) fn list(connection: &Connection, filter: &GrantFilter) -> Result<Vec<Grant>, Failure> {
    // One condition for each index.
    let fits = match (&filter.subject, &filter.client) {
        (None, None) => "?1 IS NULL AND ?2 IS NULL",
        (Some(_), None) => "subject = ?1 AND ?2 IS NULL",
        (None, Some(_)) => "?1 IS NULL AND client = ?2",
        (Some(_), Some(_)) => "subject = ?1 AND client = ?2",
    };
    let sql = format!("SELECT {COLUMNS} FROM grants WHERE {fits} ORDER BY created DESC, id DESC");
    let client = filter.client.as_ref().map(ClientId::as_str);
    let mut select = connection.prepare_cached(&sql)?;
    let grants = select.query_map(params![filter.subject, client], |row| read(row, 0))?;
    Ok(grants.collect::<Result<_, _>>()?)
}

/// Ends the grace period of the previous refresh token.
pub(super) fn confirm(
    connection: &Connection,
    id: &GrantId,
    replaced: &Digest,
) -> Result<(), Failure> {
    connection
        .prepare_cached("UPDATE grants SET retry_until = 0 WHERE id = ?1 AND previous = ?2")?
        .execute(params![id.0, replaced.0])?;
    Ok(())
}

/// Deletes a grant, and with it its codes and tokens.
pub(super) fn revoke(connection: &Connection, id: &GrantId) -> Result<bool, Failure> {
    let mut delete = connection.prepare_cached("DELETE FROM grants WHERE id = ?1")?;
    Ok(delete.execute([&id.0])? > 0)
}

pub(super) fn replace_properties(
    connection: &Connection,
    id: &GrantId,
    revision: u64,
    sealed: &[u8],
) -> Result<bool, Failure> {
    let mut update = connection.prepare_cached(
        "UPDATE grants SET sealed = ?3, revision = revision + 1 WHERE id = ?1 AND revision = ?2",
    )?;
    Ok(update.execute(params![id.0, int(revision), sealed])? > 0)
}
