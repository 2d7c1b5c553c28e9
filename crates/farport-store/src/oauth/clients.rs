//! Clients.

use farport_oauth::{Client, ClientId, ClientOrigin, UnixTime};

use super::seconds;
use crate::{
    error::Failure,
    numbers::uint,
    sql::{Connection, OptionalExtension, params},
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
        || is_there(connection, &client.id)?
        || make_room(connection, most, now)?;
    if !fits {
        return Ok(false);
    }
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO clients (id, origin, expires, used, data)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            client.id.as_str(),
            origin(client),
            client.expires.map(seconds),
            seconds(now),
            serde_json::to_string(client)?,
        ])?;
    Ok(true)
}

fn is_there(connection: &Connection, id: &ClientId) -> Result<bool, Failure> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM clients WHERE id = ?1")?
        .exists([id.as_str()])?)
}

/// Makes room for one registered client. False when too few can give way.
fn make_room(connection: &Connection, most: usize, now: UnixTime) -> Result<bool, Failure> {
    let too_many = || -> Result<i64, Failure> {
        let registered: i64 = connection
            .prepare_cached("SELECT count(*) FROM clients WHERE origin = ?1")?
            .query_row([REGISTERED], |row| row.get(0))?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        Ok(registered.saturating_add(1).saturating_sub(most))
    };
    if too_many()? <= 0 {
        return Ok(true);
    }
    connection
        .prepare_cached("DELETE FROM clients WHERE expires <= ?1")?
        .execute([seconds(now)])?;
    let many = too_many()?;
    if many <= 0 {
        return Ok(true);
    }
    let gone = connection
        .prepare_cached(
            "DELETE FROM clients WHERE id IN (
                 SELECT id FROM clients
                 WHERE origin = ?1
                   AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.client = clients.id)
                 ORDER BY used, id LIMIT ?2)",
        )?
        .execute(params![REGISTERED, many])?;
    Ok(i64::try_from(gone).is_ok_and(|gone| gone >= many))
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
    // The larger of NULL and anything is NULL: what never ends stays so.
    connection
        .prepare_cached("UPDATE clients SET expires = max(expires, ?2), used = ?3 WHERE id = ?1")?
        .execute(params![id.as_str(), seconds(expires), seconds(now)])?;
    Ok(())
}
