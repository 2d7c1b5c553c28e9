//! The store: the state of an authorization server, and its atomic operations.
//!
//! A one-time value is never read first and deleted later: one operation uses it up and returns whether
//! it was unused. Reading a code or a token beforehand is harmless, because its record never changes.
//!
//! The store knows secrets only by their [`Digest`]. The properties of a grant, including upstream
//! tokens, are encrypted with the grant's own key, which is stored only wrapped by a code or token. So a
//! copy of the store decrypts nothing.

mod memory;
mod records;
mod remote;

use std::{future::Future, pin::Pin};

pub use memory::MemoryStore;
pub use records::{
    AccessToken, ApiToken, Code, Consent, ConsentKey, Grant, GrantFilter, GrantId, RefreshToken,
    RotationTimes, SignIn, Tokens, Transaction, UserId,
};
pub use remote::{Operation, RemoteStore, StoreTransport};

use serde::{Deserialize, Serialize};

use crate::{Client, ClientId, Digest, UnixTime};

/// A boxed future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The future result of a store operation.
pub type Stored<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// A store operation failed. The message is for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// The result of redeeming a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Redemption {
    /// The code was unused. It is used now, and the tokens are stored.
    Redeemed,
    /// The code was used before. Its grant is revoked now, and nothing is stored.
    Replayed,
    /// The code is unknown, or its grant has ended.
    Unknown,
}

/// The result of rotating a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rotation {
    /// The successor has replaced the token.
    Rotated,
    /// A concurrent request has just replaced the token. Nothing is stored, and the grant stays.
    Concurrent,
    /// The token was replaced before. Its grant is revoked now, and nothing is stored.
    Reused,
    /// The token is unknown, or its grant has ended.
    Unknown,
}

/// The store of an authorization server. All implementations pass the same test suite.
///
/// When an operation reports that it stored something, that is durable. The caller checks expiry, except
/// for methods that take the time.
pub trait Store: Send + Sync + 'static {
    /// Adds a client, or replaces the one with the same ID. Beyond `most` registered clients, deletes
    /// expired ones, then clients without a grant: from the share with the most such clients, the least
    /// recently used one. Returns false, and adds nothing, if no client can be deleted.
    fn add_client(&self, client: Client, most: usize, now: UnixTime) -> Stored<'_, bool>;

    /// The client with this ID.
    fn client(&self, id: &ClientId) -> Stored<'_, Option<Client>>;

    /// Extends the lifetime of a registered client to `expires`, if that is later, and marks it as used
    /// at `now`.
    fn keep_client(&self, id: &ClientId, expires: UnixTime, now: UnixTime) -> Stored<'_, ()>;

    /// Adds a transaction. Beyond `most`, the share with the most transactions loses its oldest.
    fn begin(&self, transaction: Transaction, most: usize) -> Stored<'_, ()>;

    /// Returns a transaction without removing it.
    fn transaction(&self, id: &Digest) -> Stored<'_, Option<Transaction>>;

    /// Removes a transaction and returns it. Only one of several callers receives it.
    fn take_transaction(&self, id: &Digest) -> Stored<'_, Option<Transaction>>;

    /// Adds a sign-in of a browser. Beyond `most`, the share with the most sign-ins loses its oldest.
    fn add_sign_in(&self, sign_in: SignIn, most: usize) -> Stored<'_, ()>;

    /// The sign-in of a browser.
    fn sign_in(&self, id: &Digest) -> Stored<'_, Option<SignIn>>;

    /// Removes the sign-in of a browser.
    fn remove_sign_in(&self, id: &Digest) -> Stored<'_, ()>;

    /// Stores a consent, and replaces one with the same key.
    fn add_consent(&self, consent: Consent) -> Stored<'_, ()>;

    /// The consent with this key.
    fn consent(&self, key: &ConsentKey) -> Stored<'_, Option<Consent>>;

    /// Removes all consents of `user` for `client`.
    fn remove_consents(&self, user: &UserId, client: &ClientId) -> Stored<'_, ()>;

    /// Stores a grant and the code that gives access to it, together.
    fn issue(&self, grant: Grant, code: Code) -> Stored<'_, ()>;

    /// A code and its grant. The code may be used already.
    fn code(&self, id: &Digest) -> Stored<'_, Option<(Code, Grant)>>;

    /// Uses up a code. If it was unused, stores `tokens`, and the grant expires at `grant_expires`. If it
    /// was used before, revokes its grant.
    fn redeem(
        &self,
        code: &Digest,
        tokens: Tokens,
        grant_expires: UnixTime,
    ) -> Stored<'_, Redemption>;

    /// A refresh token and its grant. The token may have been replaced already.
    fn refresh_token(&self, id: &Digest) -> Stored<'_, Option<(RefreshToken, Grant)>>;

    /// Whether a refresh token is the present one of its grant.
    fn is_present(&self, id: &Digest) -> Stored<'_, bool>;

    /// Replaces a refresh token with its successor in `tokens`.
    ///
    /// A grant has one *present* refresh token, and it remembers the *previous* one, which the
    /// present one replaced.
    ///
    /// - A request with the present token makes it the previous one, and its successor the present
    ///   one.
    /// - A request with the previous token comes from a client that lost the response. The new
    ///   successor replaces the present token, and the previous one stays. There are two limits. Within
    ///   `concurrent` of the last rotation, the request counts as concurrent
    ///   ([`Rotation::Concurrent`]). Once `grace` has passed since the first replacement of the
    ///   previous token, or after [`confirm`](Self::confirm), the request counts as a reuse.
    /// - A request with an older token of the grant is a reuse and ends the grant.
    ///
    /// If `tokens` are stored, the grant expires at `times.grant_expires`.
    fn rotate(
        &self,
        presented: &Digest,
        tokens: Tokens,
        times: RotationTimes,
    ) -> Stored<'_, Rotation>;

    /// Records that the client received the response that replaced the refresh token `replaced`, because
    /// it used a token from that response. `replaced` is no longer accepted afterwards. Does nothing if
    /// `replaced` is not the grant's previous refresh token.
    fn confirm(&self, grant: &GrantId, replaced: &Digest) -> Stored<'_, ()>;

    /// An access token and its grant.
    fn access_token(&self, id: &Digest) -> Stored<'_, Option<(AccessToken, Grant)>>;

    /// Revokes one access token.
    fn remove_access_token(&self, id: &Digest) -> Stored<'_, ()>;

    /// Deletes a grant with all its codes and tokens. Returns whether it existed.
    fn revoke(&self, grant: &GrantId) -> Stored<'_, bool>;

    /// The grant with this ID.
    fn grant(&self, id: &GrantId) -> Stored<'_, Option<Grant>>;

    /// The matching grants, newest first.
    fn grants(&self, filter: &GrantFilter) -> Stored<'_, Vec<Grant>>;

    /// Replaces a grant's encrypted properties and increments their revision, if it is still
    /// `revision`. Returns whether it was.
    fn replace_properties(
        &self,
        grant: &GrantId,
        revision: u64,
        sealed: Vec<u8>,
    ) -> Stored<'_, bool>;

    /// Adds an API token.
    fn add_api_token(&self, token: ApiToken) -> Stored<'_, ()>;

    /// The API token with this digest.
    fn api_token(&self, digest: &Digest) -> Stored<'_, Option<ApiToken>>;

    /// All API tokens, newest first.
    fn api_tokens(&self) -> Stored<'_, Vec<ApiToken>>;

    /// Deletes the API token with this ID. Returns whether it existed.
    fn remove_api_token(&self, id: &str) -> Stored<'_, bool>;

    /// Uses up `name` until `expires`. Returns whether it was unused; only one of several callers
    /// receives `true`.
    fn use_once(&self, name: &Digest, expires: UnixTime, now: UnixTime) -> Stored<'_, bool>;

    /// Deletes expired records. Returns the number of deleted records.
    fn purge(&self, now: UnixTime) -> Stored<'_, usize>;
}
