//! The state of an authorization server.
//!
//! Each operation that writes is one transaction on the writer thread. No other process can change a
//! record between the read and the write of one operation.

mod api_tokens;
mod browsers;
mod clients;
mod consents;
mod grants;
mod purge;
mod tokens;

use std::{future::ready, sync::Arc};

use farport_oauth::{
    AccessToken, ApiToken, Client, ClientId, Code, Consent, ConsentKey, Digest, Grant, GrantFilter,
    GrantId, Redemption, RefreshToken, Rotation, RotationTimes, Scopes, SignIn, Store, Stored,
    Tokens, Transaction, UnixTime, UserId,
};

use crate::{
    error::Failure,
    platform::{Connection, Durability, Row, Sqlite},
};

/// The OAuth records in a database.
#[derive(Clone, Debug)]
pub struct SqliteOAuth {
    database: Sqlite,
}

impl SqliteOAuth {
    /// Uses the OAuth records in `database`.
    pub fn new(database: &Sqlite) -> Self {
        Self {
            database: database.clone(),
        }
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Stored<'_, T> {
        let result = self.database.read(read);
        Box::pin(ready(result.map_err(Into::into)))
    }

    fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Stored<'_, T> {
        let written = self.database.write(Durability::Power, write);
        Box::pin(async move { Ok(written.await?) })
    }
}

impl Store for SqliteOAuth {
    fn add_client(&self, client: Client, most: usize, now: UnixTime) -> Stored<'_, bool> {
        self.write(move |connection| clients::add(connection, &client, most, now))
    }

    fn client(&self, id: &ClientId) -> Stored<'_, Option<Client>> {
        self.read(|connection| clients::find(connection, id))
    }

    fn keep_client(&self, id: &ClientId, expires: UnixTime, now: UnixTime) -> Stored<'_, ()> {
        let id = id.clone();
        self.write(move |connection| clients::keep(connection, &id, expires, now))
    }

    fn begin(&self, transaction: Transaction, most: usize) -> Stored<'_, ()> {
        self.write(move |connection| browsers::begin(connection, &transaction, most))
    }

    fn transaction(&self, id: &Digest) -> Stored<'_, Option<Transaction>> {
        self.read(|connection| browsers::transaction(connection, id))
    }

    fn take_transaction(&self, id: &Digest) -> Stored<'_, Option<Transaction>> {
        let id = *id;
        self.write(move |connection| browsers::take_transaction(connection, &id))
    }

    fn add_sign_in(&self, sign_in: SignIn, most: usize) -> Stored<'_, ()> {
        self.write(move |connection| browsers::add_sign_in(connection, &sign_in, most))
    }

    fn sign_in(&self, id: &Digest) -> Stored<'_, Option<SignIn>> {
        self.read(|connection| browsers::sign_in(connection, id))
    }

    fn remove_sign_in(&self, id: &Digest) -> Stored<'_, ()> {
        let id = *id;
        self.write(move |connection| browsers::remove_sign_in(connection, &id))
    }

    fn add_consent(&self, consent: Consent) -> Stored<'_, ()> {
        self.write(move |connection| consents::add(connection, &consent))
    }

    fn consent(&self, key: &ConsentKey) -> Stored<'_, Option<Consent>> {
        self.read(|connection| consents::find(connection, key))
    }

    fn remove_consents(&self, user: &UserId, client: &ClientId) -> Stored<'_, ()> {
        let (user, client) = (user.clone(), client.clone());
        self.write(move |connection| consents::remove(connection, &user, &client))
    }

    fn issue(&self, grant: Grant, code: Code) -> Stored<'_, ()> {
        self.write(move |connection| {
            grants::add(connection, &grant)?;
            tokens::add_code(connection, &code)
        })
    }

    fn code(&self, id: &Digest) -> Stored<'_, Option<(Code, Grant)>> {
        self.read(|connection| tokens::code(connection, id))
    }

    fn redeem(
        &self,
        code: &Digest,
        tokens: Tokens,
        grant_expires: UnixTime,
    ) -> Stored<'_, Redemption> {
        let code = *code;
        self.write(move |connection| tokens::redeem(connection, &code, &tokens, grant_expires))
    }

    fn refresh_token(&self, id: &Digest) -> Stored<'_, Option<(RefreshToken, Grant)>> {
        self.read(|connection| tokens::refresh(connection, id))
    }

    fn is_present(&self, id: &Digest) -> Stored<'_, bool> {
        self.read(|connection| tokens::is_present(connection, id))
    }

    fn rotate(
        &self,
        presented: &Digest,
        tokens: Tokens,
        times: RotationTimes,
    ) -> Stored<'_, Rotation> {
        let presented = *presented;
        self.write(move |connection| tokens::rotate(connection, &presented, &tokens, times))
    }

    fn confirm(&self, grant: &GrantId, replaced: &Digest) -> Stored<'_, ()> {
        let (grant, replaced) = (grant.clone(), *replaced);
        self.write(move |connection| grants::confirm(connection, &grant, &replaced))
    }

    fn access_token(&self, id: &Digest) -> Stored<'_, Option<(AccessToken, Grant)>> {
        self.read(|connection| tokens::access(connection, id))
    }

    fn remove_access_token(&self, id: &Digest) -> Stored<'_, ()> {
        let id = *id;
        self.write(move |connection| tokens::remove_access(connection, &id))
    }

    fn revoke(&self, grant: &GrantId) -> Stored<'_, bool> {
        let grant = grant.clone();
        self.write(move |connection| grants::revoke(connection, &grant))
    }

    fn grant(&self, id: &GrantId) -> Stored<'_, Option<Grant>> {
        self.read(|connection| grants::find(connection, id))
    }

    fn grants(&self, filter: &GrantFilter) -> Stored<'_, Vec<Grant>> {
        self.read(|connection| grants::list(connection, filter))
    }

    fn replace_properties(
        &self,
        grant: &GrantId,
        revision: u64,
        sealed: Vec<u8>,
    ) -> Stored<'_, bool> {
        let grant = grant.clone();
        self.write(move |connection| {
            grants::replace_properties(connection, &grant, revision, &sealed)
        })
    }

    fn add_api_token(&self, token: ApiToken) -> Stored<'_, ()> {
        self.write(move |connection| api_tokens::add(connection, &token))
    }

    fn api_token(&self, digest: &Digest) -> Stored<'_, Option<ApiToken>> {
        self.read(|connection| api_tokens::find(connection, digest))
    }

    fn api_tokens(&self) -> Stored<'_, Vec<ApiToken>> {
        self.read(api_tokens::list)
    }

    fn remove_api_token(&self, id: &str) -> Stored<'_, bool> {
        let id: Arc<str> = id.into();
        self.write(move |connection| api_tokens::remove(connection, &id))
    }

    fn use_once(&self, name: &Digest, expires: UnixTime, now: UnixTime) -> Stored<'_, bool> {
        let name = *name;
        self.write(move |connection| tokens::use_once(connection, &name, expires, now))
    }

    fn purge(&self, now: UnixTime) -> Stored<'_, usize> {
        let database = self.database.clone();
        Box::pin(async move { Ok(purge::purge(&database, now).await?) })
    }
}

/// Reads a column of scopes.
fn scopes(row: &Row<'_>, column: usize) -> crate::platform::Result<Scopes> {
    let text: String = row.get(column)?;
    Scopes::parse(&text).map_err(crate::platform::unreadable)
}

/// Reads a column with a digest.
fn digest(row: &Row<'_>, column: usize) -> crate::platform::Result<Digest> {
    Ok(Digest(row.get(column)?))
}

/// Reads a text column.
fn text(row: &Row<'_>, column: usize) -> crate::platform::Result<Arc<str>> {
    row.get(column)
}

/// Reads a column with a time.
fn time(row: &Row<'_>, column: usize) -> crate::platform::Result<UnixTime> {
    Ok(UnixTime(crate::numbers::uint(row.get(column)?)))
}

/// Converts a time to the value of a column: seconds since the Unix epoch.
fn seconds(time: UnixTime) -> i64 {
    crate::numbers::int(time.0)
}
