//! Codes and tokens: what can be used once, and what takes whose place.

use std::{sync::Arc, time::Duration};

use farport_oauth::{
    AccessToken, Code, Digest, Grant, GrantId, Redemption, RefreshToken, Rotation, Tokens, UnixTime,
};

use super::{digest, grants, scopes, seconds, text, time};
use crate::{
    error::Failure,
    sql::{Connection, OptionalExtension, params},
};

pub(super) fn add_code(connection: &Connection, code: &Code) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO codes (id, grant_id, challenge, expires, wrapped, used)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            code.id.0,
            code.grant.0,
            code.challenge.0,
            seconds(code.expires),
            code.wrapped,
            code.used,
        ])?;
    Ok(())
}

pub(super) fn code(connection: &Connection, id: &Digest) -> Result<Option<(Code, Grant)>, Failure> {
    let sql = format!(
        "SELECT codes.challenge, codes.expires, codes.wrapped, codes.used, {}
         FROM codes JOIN grants ON grants.id = codes.grant_id WHERE codes.id = ?1",
        grants::COLUMNS
    );
    let found = connection.prepare_cached(&sql)?.query_row([id.0], |row| {
        let grant = grants::read(row, 4)?;
        let code = Code {
            id: *id,
            grant: grant.id.clone(),
            challenge: digest(row, 0)?,
            expires: time(row, 1)?,
            wrapped: row.get(2)?,
            used: row.get(3)?,
        };
        Ok((code, grant))
    });
    Ok(found.optional()?)
}

pub(super) fn redeem(
    connection: &Connection,
    code: &Digest,
    tokens: &Tokens,
    grant_expires: UnixTime,
) -> Result<Redemption, Failure> {
    let found: Option<(Arc<str>, bool)> = connection
        .prepare_cached("SELECT grant_id, used FROM codes WHERE id = ?1")?
        .query_row([code.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((grant, used)) = found else {
        return Ok(Redemption::Unknown);
    };
    if used {
        grants::revoke(connection, &GrantId(grant))?;
        return Ok(Redemption::Replayed);
    }
    connection
        .prepare_cached("UPDATE codes SET used = 1 WHERE id = ?1")?
        .execute([code.0])?;
    connection
        .prepare_cached("UPDATE grants SET present = ?2, expires = ?3 WHERE id = ?1")?
        .execute(params![grant, refresh_id(tokens), seconds(grant_expires)])?;
    add(connection, tokens)?;
    Ok(Redemption::Redeemed)
}

/// When a refresh token's turn comes, and until when what it gives lasts.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    pub(super) grant_expires: UnixTime,
    pub(super) now: UnixTime,
    pub(super) concurrent: Duration,
}

pub(super) fn rotate(
    connection: &Connection,
    presented: &Digest,
    tokens: &Tokens,
    turn: Turn,
) -> Result<Rotation, Failure> {
    type Family = (GrantId, Option<[u8; 32]>, Option<[u8; 32]>, UnixTime);
    let family: Option<Family> = connection
        .prepare_cached(
            "SELECT grants.id, present, previous, rotated
             FROM refresh_tokens JOIN grants ON grants.id = refresh_tokens.grant_id
             WHERE refresh_tokens.id = ?1",
        )?
        .query_row([presented.0], |row| {
            let grant = GrantId(text(row, 0)?);
            Ok((grant, row.get(1)?, row.get(2)?, time(row, 3)?))
        })
        .optional()?;
    let Some((grant, present, previous, rotated)) = family else {
        return Ok(Rotation::Unknown);
    };
    let is = |token: Option<[u8; 32]>| token.map(Digest) == Some(*presented);
    if !is(present) {
        if !is(previous) {
            grants::revoke(connection, &grant)?;
            return Ok(Rotation::Reused);
        }
        if turn.now < rotated.after(turn.concurrent) {
            return Ok(Rotation::Concurrent);
        }
    }
    connection
        .prepare_cached(
            "UPDATE grants SET previous = ?2, present = ?3, rotated = ?4, expires = ?5
             WHERE id = ?1",
        )?
        .execute(params![
            grant.0,
            presented.0,
            refresh_id(tokens),
            seconds(turn.now),
            seconds(turn.grant_expires),
        ])?;
    add(connection, tokens)?;
    Ok(Rotation::Rotated)
}

fn refresh_id(tokens: &Tokens) -> Option<[u8; 32]> {
    tokens.refresh.as_ref().map(|refresh| refresh.id.0)
}

fn add(connection: &Connection, tokens: &Tokens) -> Result<(), Failure> {
    let access = &tokens.access;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO access_tokens
                 (id, grant_id, resource, scopes, issued, expires, wrapped)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            access.id.0,
            access.grant.0,
            access.resource,
            access.scopes.to_string(),
            seconds(access.issued),
            seconds(access.expires),
            access.wrapped,
        ])?;
    if let Some(refresh) = &tokens.refresh {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO refresh_tokens (id, grant_id, expires, wrapped)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                refresh.id.0,
                refresh.grant.0,
                seconds(refresh.expires),
                refresh.wrapped,
            ])?;
    }
    Ok(())
}

pub(super) fn refresh(
    connection: &Connection,
    id: &Digest,
) -> Result<Option<(RefreshToken, Grant)>, Failure> {
    let sql = format!(
        "SELECT refresh_tokens.expires, refresh_tokens.wrapped, {}
         FROM refresh_tokens JOIN grants ON grants.id = refresh_tokens.grant_id
         WHERE refresh_tokens.id = ?1",
        grants::COLUMNS
    );
    let found = connection.prepare_cached(&sql)?.query_row([id.0], |row| {
        let grant = grants::read(row, 2)?;
        let token = RefreshToken {
            id: *id,
            grant: grant.id.clone(),
            expires: time(row, 0)?,
            wrapped: row.get(1)?,
        };
        Ok((token, grant))
    });
    Ok(found.optional()?)
}

pub(super) fn is_present(connection: &Connection, id: &Digest) -> Result<bool, Failure> {
    Ok(connection
        .prepare_cached(
            "SELECT 1 FROM refresh_tokens JOIN grants ON grants.id = refresh_tokens.grant_id
             WHERE refresh_tokens.id = ?1 AND grants.present = ?1",
        )?
        .exists([id.0])?)
}

pub(super) fn access(
    connection: &Connection,
    id: &Digest,
) -> Result<Option<(AccessToken, Grant)>, Failure> {
    let sql = format!(
        "SELECT access_tokens.scopes, access_tokens.issued, access_tokens.expires,
                access_tokens.wrapped, access_tokens.resource, {}
         FROM access_tokens JOIN grants ON grants.id = access_tokens.grant_id
         WHERE access_tokens.id = ?1",
        grants::COLUMNS
    );
    let found = connection.prepare_cached(&sql)?.query_row([id.0], |row| {
        let grant = grants::read(row, 5)?;
        let token = AccessToken {
            id: *id,
            grant: grant.id.clone(),
            resource: text(row, 4)?,
            scopes: scopes(row, 0)?,
            issued: time(row, 1)?,
            expires: time(row, 2)?,
            wrapped: row.get(3)?,
        };
        Ok((token, grant))
    });
    Ok(found.optional()?)
}

pub(super) fn remove_access(connection: &Connection, id: &Digest) -> Result<(), Failure> {
    connection
        .prepare_cached("DELETE FROM access_tokens WHERE id = ?1")?
        .execute([id.0])?;
    Ok(())
}

pub(super) fn use_once(
    connection: &Connection,
    name: &Digest,
    expires: UnixTime,
    now: UnixTime,
) -> Result<bool, Failure> {
    // Where it is there and good, nothing changes.
    let used = connection
        .prepare_cached(
            "INSERT INTO used_once (name, expires) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET expires = excluded.expires WHERE expires <= ?3",
        )?
        .execute(params![name.0, seconds(expires), seconds(now)])?;
    Ok(used > 0)
}
