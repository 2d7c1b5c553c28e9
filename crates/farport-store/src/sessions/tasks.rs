//! The rows of tasks and their owners.

use farport_core::{LONGEST_TASK, MOST_TASKS, Share};

use crate::{
    error::Failure,
    platform::{Connection, OptionalExtension, params},
    shares,
};

/// Stores the owner of a task, unless it has one. Returns whether `owner` is its owner now.
pub(crate) fn bind(connection: &Connection, id: &str, owner: &Share) -> Result<bool, Failure> {
    if id.len() > LONGEST_TASK {
        return Ok(false);
    }
    let added = connection
        .prepare_cached(
            "INSERT INTO tasks (id, share) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![id, owner.as_str()])?;
    if added > 0 {
        shares::make_room(connection, "tasks", MOST_TASKS, owner.as_str())?;
        return Ok(true);
    }
    Ok(self::owner(connection, id)?.is_some_and(|known| known == *owner))
}

pub(crate) fn owner(connection: &Connection, id: &str) -> Result<Option<Share>, Failure> {
    let owner = connection
        .prepare_cached("SELECT share FROM tasks WHERE id = ?1")?
        .query_row([id], |row| row.get::<_, String>(0))
        .optional()?;
    Ok(owner.map(Share::named))
}
