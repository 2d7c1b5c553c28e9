//! The rows of clients.

use farport_oauth::{Client, ClientId, ClientOrigin, UnixTime};

use super::seconds;
use crate::{
    error::Failure,
    numbers::uint,
    platform::{Connection, OptionalExtension, params},
};

const REGISTERED: &str = "registered";

fn origin(client: &Client) -> &'static str {
    match client.origin {
        ClientOrigin::Settings => "settings",
        ClientOrigin::Registered => REGISTERED,
        ClientOrigin::Document => "document",
    }
}

pub(super) fn add(
    connection: &Connection,
    client: &Client,
    most: usize,
    now: UnixTime,
) -> Result<bool, Failure> {
    let fits = client.origin != ClientOrigin::Registered
        || exists(connection, &client.id)?
        || make_room(connection, client, most, now)?;
    if !fits {
        return Ok(false);
    }
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO clients (id, origin, expires, used, data, share)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            client.id.as_str(),
            origin(client),
            client.expires.map(seconds),
            seconds(now),
            serde_json::to_string(client)?,
            &*client.share,
        ])?;
    Ok(true)
}

fn exists(connection: &Connection, id: &ClientId) -> Result<bool, Failure> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM clients WHERE id = ?1")?
        .exists([id.as_str()])?)
}

/// Deletes registered clients until one more fits. Returns false when too few can be deleted.
fn make_room(
    connection: &Connection,
    newcomer: &Client,
    most: usize,
    now: UnixTime,
) -> Result<bool, Failure> {
    let surplus = || -> Result<i64, Failure> {
        let registered: i64 = connection
            .prepare_cached("SELECT count(*) FROM clients WHERE origin = ?1")?
            .query_row([REGISTERED], |row| row.get(0))?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        Ok(registered.saturating_add(1).saturating_sub(most))
    };
    if surplus()? <= 0 {
        return Ok(true);
    }
    connection
        .prepare_cached("DELETE FROM clients WHERE expires <= ?1")?
        .execute([seconds(now)])?;
    let surplus = surplus()?;
    if surplus <= 0 {
        return Ok(true);
    }
    for _ in 0..surplus {
        // Only clients without a grant, of the share with the most such clients: the least recently
        // used one.
        let deleted = connection
            .prepare_cached(
                "WITH unused AS (
                     SELECT id, share, used FROM clients
                     WHERE origin = ?1
                       AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.client = clients.id))
                 DELETE FROM clients WHERE id = (
                     SELECT id FROM unused
                     WHERE share = (SELECT share FROM unused GROUP BY share
                                    ORDER BY count(*) DESC, share = ?2 DESC, min(used) LIMIT 1)
                     ORDER BY used, id LIMIT 1)",
            )?
            .execute(params![REGISTERED, &*newcomer.share])?;
        if deleted == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn find(connection: &Connection, id: &ClientId) -> Result<Option<Client>, Failure> {
    let found = connection
        .prepare_cached("SELECT data, expires FROM clients WHERE id = ?1")?
        .query_row([id.as_str()], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?))
        })
        .optional()?;
    let Some((data, expires)) = found else {
        return Ok(None);
    };
    let mut client: Client = serde_json::from_str(&data)?;
    client.expires = expires.map(|expires| UnixTime(uint(expires)));
    Ok(Some(client))
}

pub(super) fn keep(
    connection: &Connection,
    id: &ClientId,
    expires: UnixTime,
    now: UnixTime,
) -> Result<(), Failure> {
    // `max` of NULL is NULL, so a client that never expires stays that way.
    connection
        .prepare_cached("UPDATE clients SET expires = max(expires, ?2), used = ?3 WHERE id = ?1")?
        .execute(params![id.as_str(), seconds(expires), seconds(now)])?;
    Ok(())
}
