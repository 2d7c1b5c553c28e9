//! The rows of codes and tokens, and their rotation.

use std::sync::Arc;

use farport_oauth::{
    AccessToken, Code, Digest, Grant, GrantId, Redemption, RefreshToken, Rotation, RotationTimes,
    Tokens, UnixTime,
};

use super::{digest, grants, scopes, seconds, text, time};
use crate::{
    error::Failure,
    platform::{Connection, OptionalExtension, params},
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

pub(super) fn rotate(
    connection: &Connection,
    presented: &Digest,
    tokens: &Tokens,
    times: RotationTimes,
) -> Result<Rotation, Failure> {
    struct Family {
        grant: GrantId,
        present: Option<[u8; 32]>,
        previous: Option<[u8; 32]>,
        rotated: UnixTime,
        retry_until: UnixTime,
    }
    let family: Option<Family> = connection
        .prepare_cached(
            "SELECT grants.id, present, previous, rotated, retry_until
             FROM refresh_tokens JOIN grants ON grants.id = refresh_tokens.grant_id
             WHERE refresh_tokens.id = ?1",
        )?
        .query_row([presented.0], |row| {
            Ok(Family {
                grant: GrantId(text(row, 0)?),
                present: row.get(1)?,
                previous: row.get(2)?,
                rotated: time(row, 3)?,
                retry_until: time(row, 4)?,
            })
        })
        .optional()?;
    let Some(family) = family else {
        return Ok(Rotation::Unknown);
    };
    let mut retry_until = times.now.after(times.grace);
    if family.present != Some(presented.0) {
        let is_previous = family.previous == Some(presented.0);
        if is_previous && times.now < family.rotated.after(times.concurrent) {
            return Ok(Rotation::Concurrent);
        }
        if !is_previous || times.now >= family.retry_until {
            grants::revoke(connection, &family.grant)?;
            return Ok(Rotation::Reused);
        }
        // A retry does not extend the grace period.
        retry_until = family.retry_until;
    }
    connection
        .prepare_cached(
            "UPDATE grants SET previous = ?2, present = ?3, rotated = ?4, expires = ?5,
                 retry_until = ?6
             WHERE id = ?1",
        )?
        .execute(params![
            family.grant.0,
            presented.0,
            refresh_id(tokens),
            seconds(times.now),
            seconds(times.grant_expires),
            seconds(retry_until),
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
                 (id, grant_id, resource, scopes, issued, expires, wrapped, replaces)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            access.id.0,
            access.grant.0,
            access.resource,
            access.scopes.to_string(),
            seconds(access.issued),
            seconds(access.expires),
            access.wrapped,
            access.replaces.map(|replaced| replaced.0),
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
                access_tokens.wrapped, access_tokens.resource, access_tokens.replaces, {}
         FROM access_tokens JOIN grants ON grants.id = access_tokens.grant_id
         WHERE access_tokens.id = ?1",
        grants::COLUMNS
    );
    let found = connection.prepare_cached(&sql)?.query_row([id.0], |row| {
        let grant = grants::read(row, 6)?;
        let token = AccessToken {
            id: *id,
            grant: grant.id.clone(),
            resource: text(row, 4)?,
            scopes: scopes(row, 0)?,
            issued: time(row, 1)?,
            expires: time(row, 2)?,
            replaces: row.get::<_, Option<[u8; 32]>>(5)?.map(Digest),
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
    // An unexpired row stays unchanged.
    let used = connection
        .prepare_cached(
            "INSERT INTO used_once (name, expires) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET expires = excluded.expires WHERE expires <= ?3",
        )?
        .execute(params![name.0, seconds(expires), seconds(now)])?;
    Ok(used > 0)
}
