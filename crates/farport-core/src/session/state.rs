//! The state that a handler stores in its session.

use std::{
    fmt,
    marker::PhantomData,
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Serialize, de::DeserializeOwned};

use super::{SessionRecord, SessionStore, StoreError};

/// The state that a handler stores in its session, as JSON. It lasts as long as the session, also
/// across restarts of the process if the session store is persistent.
///
/// Without a session (a request of 2026-07-28, or a client on stdio), it lasts as long as the handler.
///
/// All `SessionState`s of one session share one state, so a handler uses one type for all of it.
///
/// ```
/// use farport_core::{SessionState, StateError};
///
/// async fn count(calls: &SessionState<u32>) -> Result<u32, StateError> {
///     calls
///         .update(|calls| {
///             *calls += 1;
///             *calls
///         })
///         .await
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), StateError> {
/// # let context = farport_core::InstanceContext::default();
/// # let calls = context.state();
/// # count(&calls).await?;
/// assert_eq!(count(&calls).await?, 2);
/// # Ok(())
/// # }
/// ```
pub struct SessionState<T> {
    storage: StateStorage,
    of: PhantomData<fn() -> T>,
}

/// The place that stores a state.
#[derive(Clone)]
pub(crate) enum StateStorage {
    /// The session's record, in a store.
    Session(Arc<SessionRecord>, Arc<dyn SessionStore>),
    /// The memory of this handler.
    Memory(Arc<StateText>),
}

impl Default for StateStorage {
    fn default() -> Self {
        Self::Memory(Arc::default())
    }
}

impl fmt::Debug for StateStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Session(..) => "Session",
            Self::Memory(_) => "Memory",
        })
    }
}

/// A serialized state; `None` until it is set.
#[derive(Debug, Default)]
pub(crate) struct StateText(Mutex<Option<Box<str>>>);

impl StateText {
    pub(crate) fn get(&self) -> Option<Box<str>> {
        self.lock().clone()
    }

    pub(crate) fn set(&self, text: Option<Box<str>>) {
        *self.lock() = text;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Box<str>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reason why a state cannot be read or stored.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), farport_core::StateError> {
/// use farport_core::{InstanceContext, StateError};
///
/// let context = InstanceContext::default();
/// context.state().set(&"a text".to_owned()).await?;
/// assert!(matches!(context.state::<u32>().get(), Err(StateError::Json(_))));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The stored state does not parse as this type, or this one cannot be serialized.
    #[error("the session's state does not match the handler's type")]
    Json(#[from] serde_json::Error),
    /// The state is larger than [`SessionRecord::MAX_STATE`].
    #[error(
        "the session's state is larger than {} bytes",
        SessionRecord::MAX_STATE
    )]
    TooLarge,
    /// The state changed in this process, but the store failed to write it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<T> SessionState<T> {
    pub(crate) fn new(storage: StateStorage) -> Self {
        Self {
            storage,
            of: PhantomData,
        }
    }

    fn text(&self) -> &StateText {
        match &self.storage {
            StateStorage::Session(record, _) => record.state_text(),
            StateStorage::Memory(text) => text,
        }
    }
}

impl<T: Serialize + DeserializeOwned + Default> SessionState<T> {
    /// Returns the state, or the default of its type if it is not set.
    ///
    /// # Errors
    /// [`StateError::Json`] if the stored state does not parse as `T`.
    pub fn get(&self) -> Result<T, StateError> {
        match self.text().get() {
            Some(text) => Ok(serde_json::from_str(&text)?),
            None => Ok(T::default()),
        }
    }

    /// Sets the state, and waits until the store has it.
    ///
    /// # Errors
    /// [`StateError::TooLarge`], [`StateError::Json`] or [`StateError::Store`].
    pub async fn set(&self, state: &T) -> Result<(), StateError> {
        let text = serialized(state)?;
        self.text().set(Some(text));
        self.store().await
    }

    /// Changes the state atomically within this process, and waits until the store has it.
    ///
    /// # Errors
    /// The errors of [`SessionState::get`] and [`SessionState::set`]. The state is unchanged, except
    /// after [`StateError::Store`].
    pub async fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R, StateError> {
        let answer = {
            let mut text = self.text().lock();
            let mut state = match &*text {
                Some(text) => serde_json::from_str(text)?,
                None => T::default(),
            };
            let answer = change(&mut state);
            *text = Some(serialized(&state)?);
            answer
        };
        self.store().await?;
        Ok(answer)
    }

    async fn store(&self) -> Result<(), StateError> {
        if let StateStorage::Session(record, store) = &self.storage {
            store.update(record.clone()).await?;
        }
        Ok(())
    }
}

fn serialized(state: &impl Serialize) -> Result<Box<str>, StateError> {
    let text = serde_json::to_string(state)?;
    if text.len() > SessionRecord::MAX_STATE {
        return Err(StateError::TooLarge);
    }
    Ok(text.into())
}

impl<T> Clone for SessionState<T> {
    fn clone(&self) -> Self {
        Self::new(self.storage.clone())
    }
}

impl<T> fmt::Debug for SessionState<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionState").finish_non_exhaustive()
    }
}
