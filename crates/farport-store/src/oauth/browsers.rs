//! The rows of transactions and of browser sign-ins.

use std::sync::Arc;

use farport_oauth::{Digest, SignIn, Transaction, UnixTime};

use super::{digest, seconds, text, time};
use crate::{
    error::Failure,
    platform::{Connection, OptionalExtension, params},
    shares,
};

pub(super) fn begin(
    connection: &Connection,
    transaction: &Transaction,
    most: usize,
) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "INSERT INTO transactions (id, expires, sealed, share) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET expires = excluded.expires, sealed = excluded.sealed",
        )?
        .execute(params![
            transaction.id.0,
            seconds(transaction.expires),
            transaction.sealed,
            &*transaction.share,
        ])?;
    shares::make_room(connection, "transactions", most, &transaction.share)
}

pub(super) fn transaction(
    connection: &Connection,
    id: &Digest,
) -> Result<Option<Transaction>, Failure> {
    one_transaction(
        connection,
        "SELECT id, expires, sealed, share FROM transactions WHERE id = ?1",
        id,
    )
}

pub(super) fn take_transaction(
    connection: &Connection,
    id: &Digest,
) -> Result<Option<Transaction>, Failure> {
    one_transaction(
        connection,
        "DELETE FROM transactions WHERE id = ?1 RETURNING id, expires, sealed, share",
        id,
    )
}

fn one_transaction(
    connection: &Connection,
    sql: &str,
    id: &Digest,
) -> Result<Option<Transaction>, Failure> {
    Ok(
        parts(connection, sql, id)?.map(|(id, expires, sealed, share)| Transaction {
            id,
            expires,
            sealed,
            share,
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
            "INSERT INTO sign_ins (id, expires, sealed, share) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET expires = excluded.expires, sealed = excluded.sealed",
        )?
        .execute(params![
            sign_in.id.0,
            seconds(sign_in.expires),
            sign_in.sealed,
            &*sign_in.share,
        ])?;
    shares::make_room(connection, "sign_ins", most, &sign_in.share)
}

pub(super) fn sign_in(connection: &Connection, id: &Digest) -> Result<Option<SignIn>, Failure> {
    let sql = "SELECT id, expires, sealed, share FROM sign_ins WHERE id = ?1";
    Ok(
        parts(connection, sql, id)?.map(|(id, expires, sealed, share)| SignIn {
            id,
            expires,
            sealed,
            share,
        }),
    )
}

pub(super) fn remove_sign_in(connection: &Connection, id: &Digest) -> Result<(), Failure> {
    connection
        .prepare_cached("DELETE FROM sign_ins WHERE id = ?1")?
        .execute([id.0])?;
    Ok(())
}

type Parts = (Digest, UnixTime, Vec<u8>, Arc<str>);

fn parts(connection: &Connection, sql: &str, id: &Digest) -> Result<Option<Parts>, Failure> {
    let found = connection
        .prepare_cached(sql)?
        .query_row([id.0], |row| {
            Ok((digest(row, 0)?, time(row, 1)?, row.get(2)?, text(row, 3)?))
        })
        .optional()?;
    Ok(found)
}
