//! What browsers are in the middle of, and who has signed in with them.

use farport_oauth::{Digest, SignIn, Transaction, UnixTime};

use super::{digest, seconds, time};
use crate::{
    error::Failure,
    sql::{Connection, OptionalExtension, params},
};

pub(super) fn begin(
    connection: &Connection,
    transaction: &Transaction,
    most: usize,
) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "INSERT INTO transactions (id, expires, sealed) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET expires = excluded.expires, sealed = excluded.sealed",
        )?
        .execute(params![
            transaction.id.0,
            seconds(transaction.expires),
            transaction.sealed,
        ])?;
    // A place is one more than the last: the oldest have the lowest.
    connection
        .prepare_cached(
            "DELETE FROM transactions WHERE place IN (
                 SELECT place FROM transactions ORDER BY place
                 LIMIT max(0, (SELECT count(*) FROM transactions) - ?1))",
        )?
        .execute([i64::try_from(most).unwrap_or(i64::MAX)])?;
    Ok(())
}

pub(super) fn transaction(
    connection: &Connection,
    id: &Digest,
) -> Result<Option<Transaction>, Failure> {
    one_transaction(
        connection,
        "SELECT id, expires, sealed FROM transactions WHERE id = ?1",
        id,
    )
}

pub(super) fn take_transaction(
    connection: &Connection,
    id: &Digest,
) -> Result<Option<Transaction>, Failure> {
    one_transaction(
        connection,
        "DELETE FROM transactions WHERE id = ?1 RETURNING id, expires, sealed",
        id,
    )
}

fn one_transaction(
    connection: &Connection,
    sql: &str,
    id: &Digest,
) -> Result<Option<Transaction>, Failure> {
    Ok(
        parts(connection, sql, id)?.map(|(id, expires, sealed)| Transaction {
            id,
            expires,
            sealed,
        }),
    )
}

pub(super) fn add_sign_in(
    connection: &Connection,
    sign_in: &SignIn,
    most: usize,
) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "INSERT INTO sign_ins (id, expires, sealed) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET expires = excluded.expires, sealed = excluded.sealed",
        )?
        .execute(params![
            sign_in.id.0,
            seconds(sign_in.expires),
            sign_in.sealed
        ])?;
    connection
        .prepare_cached(
            "DELETE FROM sign_ins WHERE place IN (
                 SELECT place FROM sign_ins ORDER BY place
                 LIMIT max(0, (SELECT count(*) FROM sign_ins) - ?1))",
        )?
        .execute([i64::try_from(most).unwrap_or(i64::MAX)])?;
    Ok(())
}

pub(super) fn sign_in(connection: &Connection, id: &Digest) -> Result<Option<SignIn>, Failure> {
    let sql = "SELECT id, expires, sealed FROM sign_ins WHERE id = ?1";
    Ok(
        parts(connection, sql, id)?.map(|(id, expires, sealed)| SignIn {
            id,
            expires,
            sealed,
        }),
    )
}

pub(super) fn remove_sign_in(connection: &Connection, id: &Digest) -> Result<(), Failure> {
    connection
        .prepare_cached("DELETE FROM sign_ins WHERE id = ?1")?
        .execute([id.0])?;
    Ok(())
}

type Parts = (Digest, UnixTime, Vec<u8>);

fn parts(connection: &Connection, sql: &str, id: &Digest) -> Result<Option<Parts>, Failure> {
    let found = connection
        .prepare_cached(sql)?
        .query_row([id.0], |row| {
            Ok((digest(row, 0)?, time(row, 1)?, row.get(2)?))
        })
        .optional()?;
    Ok(found)
}
