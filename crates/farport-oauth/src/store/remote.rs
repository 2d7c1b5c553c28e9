//! A remote store. Each operation is sent there as a message and is atomic there.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    AccessToken, ApiToken, Code, Consent, ConsentKey, Grant, GrantFilter, GrantId, Redemption,
    RefreshToken, Rotation, RotationTimes, SignIn, Store, StoreError, Stored, Tokens, Transaction,
    UserId,
};
use crate::{BoxFuture, Client, ClientId, Digest, UnixTime};

/// The transport to a remote store.
pub trait StoreTransport: Send + Sync + 'static {
    /// Sends `operation` to [`Operation::perform`] at the store and returns its result.
    fn send(&self, operation: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, StoreError>>;
}

/// A store that is reached through a [`StoreTransport`].
#[derive(Clone, Debug)]
pub struct RemoteStore<C>(C);

impl<C: StoreTransport> RemoteStore<C> {
    /// Uses the store that `transport` leads to.
    pub fn new(transport: C) -> Self {
        Self(transport)
    }

    fn send<T: DeserializeOwned>(&self, operation: &Operation) -> Stored<'_, T> {
        let message = serde_json::to_vec(operation);
        Box::pin(async move {
            let message = message.map_err(unreadable)?;
            let result = self.0.send(message).await?;
            serde_json::from_slice(&result).map_err(unreadable)
        })
    }
}

fn unreadable(error: serde_json::Error) -> StoreError {
    StoreError(format!(
        "cannot read a message to or from the store: {error}"
    ))
}

/// The type of a parameter in the trait's signature.
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

/// The owned value of a parameter, for a message.
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

/// The value of a parameter from a message, as an argument.
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
    ($($variant:ident $method:ident($($name:ident: $how:ident $type:ty),*) -> $result:ty;)*) => {
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
            /// Runs the operation in `message` on `store`. Returns the encoded result.
            ///
            /// # Errors
            /// When the store fails, or the message cannot be read.
            pub async fn perform(message: &[u8], store: &dyn Store) -> Result<Vec<u8>, StoreError> {
                let operation: Self = serde_json::from_slice(message).map_err(unreadable)?;
                match operation {
                    $(Self::$variant { $($name),* } => {
                        let result = store.$method($(passed!($how $name)),*).await?;
                        serde_json::to_vec(&result).map_err(unreadable)
                    })*
                }
            }
        }

        impl<C: StoreTransport> Store for RemoteStore<C> {
            $(fn $method(&self, $($name: parameter!($how $type)),*) -> Stored<'_, $result> {
                RemoteStore::send(self, &Operation::$variant { $($name: owned!($how $name)),* })
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
        presented: by_ref Digest, tokens: val Tokens, times: val RotationTimes
    ) -> Rotation;
    Confirm confirm(grant: by_ref GrantId, replaced: by_ref Digest) -> ();
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
