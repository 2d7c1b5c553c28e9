//! A store that is somewhere else: each operation goes there as a message, and happens there at once
//! or not at all.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    AccessToken, ApiToken, Code, Consent, ConsentKey, Grant, GrantFilter, GrantId, Redemption,
    RefreshToken, Rotation, SignIn, Store, StoreError, Stored, Tokens, Transaction, UserId,
};
use crate::{BoxFuture, Client, ClientId, Digest, UnixTime};

/// Brings an operation to where the store is, and its answer back.
pub trait Carrier: Send + Sync + 'static {
    /// Has [`Operation::perform`] done with `operation`, and gives what that gave.
    fn carry(&self, operation: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, StoreError>>;
}

/// A store at the other end of a [`Carrier`].
#[derive(Clone, Debug)]
pub struct DistantStore<C>(C);

impl<C: Carrier> DistantStore<C> {
    /// The store that `carrier` leads to.
    pub fn new(carrier: C) -> Self {
        Self(carrier)
    }

    fn ask<T: DeserializeOwned>(&self, operation: &Operation) -> Stored<'_, T> {
        let message = serde_json::to_vec(operation);
        Box::pin(async move {
            let message = message.map_err(unreadable)?;
            let answer = self.0.carry(message).await?;
            serde_json::from_slice(&answer).map_err(unreadable)
        })
    }
}

fn unreadable(error: serde_json::Error) -> StoreError {
    StoreError(format!(
        "a message to or from the store does not read: {error}"
    ))
}

/// As an operation's parameter stands in the trait's signature.
macro_rules! parameter {
    (val $type:ty) => {
        $type
    };
    (by_ref $type:ty) => {
        &$type
    };
    (text $type:ty) => {
        &str
    };
}

/// As it is put into a message.
macro_rules! owned {
    (val $name:ident) => {
        $name
    };
    (by_ref $name:ident) => {
        $name.clone()
    };
    (text $name:ident) => {
        $name.to_owned()
    };
}

/// As the store is given what was in a message.
macro_rules! passed {
    (val $name:ident) => {
        $name
    };
    (by_ref $name:ident) => {
        &$name
    };
    (text $name:ident) => {
        &$name
    };
}

macro_rules! operations {
    ($($variant:ident $method:ident($($name:ident: $how:ident $type:ty),*) -> $answer:ty;)*) => {
        /// An operation of a [`Store`], as a message.
        #[derive(Debug, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Operation {
            $(
                #[doc = concat!("[`Store::", stringify!($method), "`]")]
                $variant {
                    $(
                        #[doc = concat!("`", stringify!($name), "`")]
                        $name: $type,
                    )*
                },
            )*
        }

        impl Operation {
            /// Does what `message` says, which a [`Carrier`] has brought, with `store`. Gives the
            /// answer to be brought back.
            ///
            /// # Errors
            /// When the store fails, or the message does not read.
            pub async fn perform(message: &[u8], store: &dyn Store) -> Result<Vec<u8>, StoreError> {
                let operation: Self = serde_json::from_slice(message).map_err(unreadable)?;
                match operation {
                    $(Self::$variant { $($name),* } => {
                        let answer = store.$method($(passed!($how $name)),*).await?;
                        serde_json::to_vec(&answer).map_err(unreadable)
                    })*
                }
            }
        }

        impl<C: Carrier> Store for DistantStore<C> {
            $(fn $method(&self, $($name: parameter!($how $type)),*) -> Stored<'_, $answer> {
                self.ask(&Operation::$variant { $($name: owned!($how $name)),* })
            })*
        }
    };
}

operations! {
    AddClient add_client(client: val Client, most: val usize, now: val UnixTime) -> bool;
    Client client(id: by_ref ClientId) -> Option<Client>;
    KeepClient keep_client(id: by_ref ClientId, expires: val UnixTime, now: val UnixTime) -> ();
    Begin begin(transaction: val Transaction, most: val usize) -> ();
    Transaction transaction(id: by_ref Digest) -> Option<Transaction>;
    TakeTransaction take_transaction(id: by_ref Digest) -> Option<Transaction>;
    AddSignIn add_sign_in(sign_in: val SignIn, most: val usize) -> ();
    SignIn sign_in(id: by_ref Digest) -> Option<SignIn>;
    RemoveSignIn remove_sign_in(id: by_ref Digest) -> ();
    AddConsent add_consent(consent: val Consent) -> ();
    Consent consent(key: by_ref ConsentKey) -> Option<Consent>;
    RemoveConsents remove_consents(user: by_ref UserId, client: by_ref ClientId) -> ();
    Issue issue(grant: val Grant, code: val Code) -> ();
    Code code(id: by_ref Digest) -> Option<(Code, Grant)>;
    Redeem redeem(
        code: by_ref Digest, tokens: val Tokens, grant_expires: val UnixTime
    ) -> Redemption;
    RefreshToken refresh_token(id: by_ref Digest) -> Option<(RefreshToken, Grant)>;
    IsPresent is_present(id: by_ref Digest) -> bool;
    Rotate rotate(
        presented: by_ref Digest, tokens: val Tokens, grant_expires: val UnixTime,
        now: val UnixTime, concurrent: val Duration
    ) -> Rotation;
    AccessToken access_token(id: by_ref Digest) -> Option<(AccessToken, Grant)>;
    RemoveAccessToken remove_access_token(id: by_ref Digest) -> ();
    Revoke revoke(grant: by_ref GrantId) -> bool;
    Grant grant(id: by_ref GrantId) -> Option<Grant>;
    Grants grants(filter: by_ref GrantFilter) -> Vec<Grant>;
    ReplaceProperties replace_properties(
        grant: by_ref GrantId, revision: val u64, sealed: val Vec<u8>
    ) -> bool;
    AddApiToken add_api_token(token: val ApiToken) -> ();
    ApiToken api_token(digest: by_ref Digest) -> Option<ApiToken>;
    ApiTokens api_tokens() -> Vec<ApiToken>;
    RemoveApiToken remove_api_token(id: text String) -> bool;
    UseOnce use_once(name: by_ref Digest, expires: val UnixTime, now: val UnixTime) -> bool;
    Purge purge(now: val UnixTime) -> usize;
}
