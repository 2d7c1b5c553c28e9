//! The rows of API tokens.

use farport_oauth::{ApiToken, Digest, UserId};

use super::{digest, scopes, seconds, text, time};
use crate::{
    error::Failure,
    platform::{Connection, OptionalExtension, Row, params},
};

const COLUMNS: &str = "digest, id, label, issuer, subject, scopes, created, expires";

fn read(row: &Row<'_>) -> crate::platform::Result<ApiToken> {
    let ends = row.get::<_, Option<i64>>(7)?.is_some();
    Ok(ApiToken {
        digest: digest(row, 0)?,
        id: text(row, 1)?,
        label: text(row, 2)?,
        user: UserId {
            issuer: text(row, 3)?,
            subject: text(row, 4)?,
        },
        scopes: scopes(row, 5)?,
        created: time(row, 6)?,
        expires: ends.then(|| time(row, 7)).transpose()?,
    })
}

pub(super) fn add(connection: &Connection, token: &ApiToken) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO api_tokens
                 (digest, id, label, issuer, subject, scopes, created, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            token.digest.0,
            token.id,
            token.label,
            token.user.issuer,
            token.user.subject,
            token.scopes.to_string(),
            seconds(token.created),
            token.expires.map(seconds),
        ])?;
    Ok(())
}

pub(super) fn find(connection: &Connection, id: &Digest) -> Result<Option<ApiToken>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM api_tokens WHERE digest = ?1");
    Ok(connection
        .prepare_cached(&sql)?
        .query_row([id.0], read)
        .optional()?)
}

pub(super) fn list(connection: &Connection) -> Result<Vec<ApiToken>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM api_tokens ORDER BY created DESC, id DESC");
    let mut select = connection.prepare_cached(&sql)?;
    let tokens = select.query_map((), read)?;
    Ok(tokens.collect::<Result<_, _>>()?)
}

pub(super) fn remove(connection: &Connection, id: &str) -> Result<bool, Failure> {
    let mut delete = connection.prepare_cached("DELETE FROM api_tokens WHERE id = ?1")?;
    Ok(delete.execute([id])? > 0)
}
