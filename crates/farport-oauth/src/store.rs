//! What has to be remembered, and the operations on it that happen at once or not at all.
//!
//! A one-time thing is never found first and deleted then: the operation that uses it up is the
//! one that says whether it was still there. Looking at a code or a token before is harmless,
//! since what is looked at never changes.
//!
//! Everything that proves something is known by its [`Digest`] alone. What a grant holds of its
//! user, upstream tokens among it, is sealed with a key of its own, and that key is only there
//! wrapped by a code or token; so a copy of the store opens nothing.

mod distant;
mod memory;
mod records;

use std::{future::Future, pin::Pin, time::Duration};

pub use distant::{Carrier, DistantStore, Operation};
pub use memory::MemoryStore;
pub use records::{
    AccessToken, ApiToken, Code, Consent, ConsentKey, Grant, GrantFilter, GrantId, RefreshToken,
    SignIn, Tokens, Transaction, UserId,
};

use serde::{Deserialize, Serialize};

use crate::{Client, ClientId, Digest, UnixTime};

/// A boxed future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The answer of a store.
pub type Stored<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// A store could not do what it was asked for. The text is for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// What became of an attempt to redeem a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Redemption {
    /// The code was unused: it is used now, and the tokens are stored.
    Redeemed,
    /// The code had been used. Its grant is revoked now, and nothing was stored.
    Replayed,
    /// There is no such code, or no such grant any more.
    Unknown,
}

/// What became of an attempt to rotate a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rotation {
    /// The token gave way to its successor.
    Rotated,
    /// The token gave way to another successor a moment ago. Nothing was stored; the family lives.
    Concurrent,
    /// The token had been left behind. Its grant is revoked now, and nothing was stored.
    Reused,
    /// There is no such token, or no such grant any more.
    Unknown,
}

/// Where an authorization server keeps its state. Each implementation passes the same suite.
///
/// An operation whose answer says that something was stored has stored it durably. Expiry is the
/// caller's to check, except where a method takes the time.
pub trait Store: Send + Sync + 'static {
    /// Adds a client, unless `most` registered clients are there that cannot give way. Those that
    /// can are the ones whose time is over and, longest unused first, those that hold no grant.
    /// Answers whether it was added. Replaces a client of the same id.
    fn add_client(&self, client: Client, most: usize, now: UnixTime) -> Stored<'_, bool>;

    /// The client of this id.
    fn client(&self, id: &ClientId) -> Stored<'_, Option<Client>>;

    /// Moves the end of a registered client's time to `expires`, if that is later, and marks it as
    /// used `now`.
    fn keep_client(&self, id: &ClientId, expires: UnixTime, now: UnixTime) -> Stored<'_, ()>;

    /// Adds a transaction. At `most`, the oldest gives way.
    fn begin(&self, transaction: Transaction, most: usize) -> Stored<'_, ()>;

    /// Looks at a transaction.
    fn transaction(&self, id: &Digest) -> Stored<'_, Option<Transaction>>;

    /// Takes a transaction away. Of all who ask for one, one gets it.
    fn take_transaction(&self, id: &Digest) -> Stored<'_, Option<Transaction>>;

    /// Remembers who has signed in with a browser. At `most`, the oldest gives way.
    fn add_sign_in(&self, sign_in: SignIn, most: usize) -> Stored<'_, ()>;

    /// Who has signed in with a browser.
    fn sign_in(&self, id: &Digest) -> Stored<'_, Option<SignIn>>;

    /// Forgets who has signed in with a browser.
    fn remove_sign_in(&self, id: &Digest) -> Stored<'_, ()>;

    /// Remembers what a user consented to, in place of what was remembered under the same key.
    fn add_consent(&self, consent: Consent) -> Stored<'_, ()>;

    /// What was consented to under this key.
    fn consent(&self, key: &ConsentKey) -> Stored<'_, Option<Consent>>;

    /// Forgets all that `user` consented to for `client`.
    fn remove_consents(&self, user: &UserId, client: &ClientId) -> Stored<'_, ()>;

    /// Stores a grant and the code that gives access to it, together.
    fn issue(&self, grant: Grant, code: Code) -> Stored<'_, ()>;

    /// A code and its grant, whether it has been used or not.
    fn code(&self, id: &Digest) -> Stored<'_, Option<(Code, Grant)>>;

    /// Uses up a code. When it was unused, `tokens` are stored with it and the grant lasts until
    /// `grant_expires`; when it had been used, its grant is revoked.
    fn redeem(
        &self,
        code: &Digest,
        tokens: Tokens,
        grant_expires: UnixTime,
    ) -> Stored<'_, Redemption>;

    /// A refresh token and its grant, whether it is the grant's present one or was left behind.
    fn refresh_token(&self, id: &Digest) -> Stored<'_, Option<(RefreshToken, Grant)>>;

    /// Whether a refresh token is its grant's present one.
    fn is_present(&self, id: &Digest) -> Stored<'_, bool>;

    /// Lets a refresh token give way to its successor in `tokens`.
    ///
    /// A grant has one *present* refresh token, and it remembers the *previous* one, from which
    /// that was made.
    ///
    /// - Whoever brings the present one makes it the previous one; its successor is the present
    ///   one.
    /// - Whoever brings the previous one has lost the answer that held the present one, which
    ///   nobody has used, or it would be the previous one itself. The new successor takes its
    ///   place, and the previous one stays. This is so unless the last rotation was less than
    ///   `concurrent` ago: then two callers came at the same time, and one of them has been
    ///   served ([`Rotation::Concurrent`]).
    /// - Whoever brings any other one that the grant ever had reuses it, and ends the grant.
    ///
    /// Where `tokens` are stored, the grant lasts until `grant_expires`.
    fn rotate(
        &self,
        presented: &Digest,
        tokens: Tokens,
        grant_expires: UnixTime,
        now: UnixTime,
        concurrent: Duration,
    ) -> Stored<'_, Rotation>;

    /// An access token and its grant.
    fn access_token(&self, id: &Digest) -> Stored<'_, Option<(AccessToken, Grant)>>;

    /// Revokes one access token.
    fn remove_access_token(&self, id: &Digest) -> Stored<'_, ()>;

    /// Ends a grant, with every code and token of it. Answers whether it was there.
    fn revoke(&self, grant: &GrantId) -> Stored<'_, bool>;

    /// The grant of this id.
    fn grant(&self, id: &GrantId) -> Stored<'_, Option<Grant>>;

    /// The grants that fit, newest first.
    fn grants(&self, filter: &GrantFilter) -> Stored<'_, Vec<Grant>>;

    /// Replaces a grant's sealed properties, if their revision is still `revision`, which then
    /// counts one more. Answers whether it was.
    fn replace_properties(
        &self,
        grant: &GrantId,
        revision: u64,
        sealed: Vec<u8>,
    ) -> Stored<'_, bool>;

    /// Adds an API token.
    fn add_api_token(&self, token: ApiToken) -> Stored<'_, ()>;

    /// The API token of this digest.
    fn api_token(&self, digest: &Digest) -> Stored<'_, Option<ApiToken>>;

    /// All API tokens, newest first.
    fn api_tokens(&self) -> Stored<'_, Vec<ApiToken>>;

    /// Revokes an API token by its id. Answers whether it was there.
    fn remove_api_token(&self, id: &str) -> Stored<'_, bool>;

    /// Uses up `name` until `expires`. Answers whether nobody had: of all who ask, one is told so.
    fn use_once(&self, name: &Digest, expires: UnixTime, now: UnixTime) -> Stored<'_, bool>;

    /// Lets go what has expired. Answers how many things went.
    fn purge(&self, now: UnixTime) -> Stored<'_, usize>;
}
