//! The rows of consents.

use farport_oauth::{ClientId, Consent, ConsentKey, UserId};

use super::{scopes, seconds, time};
use crate::{
    error::Failure,
    platform::{Connection, OptionalExtension, params},
};

pub(super) fn add(connection: &Connection, consent: &Consent) -> Result<(), Failure> {
    let key = &consent.key;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO consents
                 (issuer, subject, client, redirect_uri, resource, scopes, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            key.user.issuer,
            key.user.subject,
            key.client.as_str(),
            key.redirect_uri,
            key.resource,
            consent.scopes.to_string(),
            seconds(consent.expires),
        ])?;
    Ok(())
}

pub(super) fn find(connection: &Connection, key: &ConsentKey) -> Result<Option<Consent>, Failure> {
    let found = connection
        .prepare_cached(
            "SELECT scopes, expires FROM consents
             WHERE issuer = ?1 AND subject = ?2 AND client = ?3 AND redirect_uri = ?4
               AND resource = ?5",
        )?
        .query_row(
            params![
                key.user.issuer,
                key.user.subject,
                key.client.as_str(),
                key.redirect_uri,
                key.resource,
            ],
            |row| Ok((scopes(row, 0)?, time(row, 1)?)),
        )
        .optional()?;
    Ok(found.map(|(scopes, expires)| Consent {
        key: key.clone(),
        scopes,
        expires,
    }))
}

pub(super) fn remove(
    connection: &Connection,
    user: &UserId,
    client: &ClientId,
) -> Result<(), Failure> {
    connection
        .prepare_cached("DELETE FROM consents WHERE issuer = ?1 AND subject = ?2 AND client = ?3")?
        .execute(params![user.issuer, user.subject, client.as_str()])?;
    Ok(())
}
