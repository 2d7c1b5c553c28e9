//! What a handler remembers of its session.

use std::{
    fmt,
    marker::PhantomData,
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Serialize, de::DeserializeOwned};

use super::{SessionRecord, SessionStore, StoreError};

/// What a handler remembers of its session, as JSON. It lasts as long as the session does, whatever
/// becomes of the process in between, and goes with it.
///
/// Where there is no session (one request of 2026-07-28, a client on standard input and output) it
/// lasts as long as the handler.
///
/// All handles of one session are of the same state: a handler has one type for all it remembers.
pub struct SessionState<T> {
    kept: Kept,
    of: PhantomData<fn() -> T>,
}

/// Where a session's state is.
#[derive(Clone)]
pub(crate) enum Kept {
    /// In its record, which is kept in a store.
    Session(Arc<SessionRecord>, Arc<dyn SessionStore>),
    /// Nowhere else.
    Here(Arc<StateText>),
}

impl Default for Kept {
    fn default() -> Self {
        Self::Here(Arc::default())
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Session(..) => "Session",
            Self::Here(_) => "Here",
        })
    }
}

/// A state as it is written; `None` until it is set.
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

/// Why a state cannot be read or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// What is kept was written by another type, or this one does not become JSON.
    #[error("the session's state is not what the server expects: {0}")]
    Json(#[from] serde_json::Error),
    /// It is larger than [`SessionRecord::MAX_STATE`].
    #[error(
        "the session's state would be larger than {} bytes",
        SessionRecord::MAX_STATE
    )]
    TooLarge,
    /// It counts in this process, and could not be written down.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<T> SessionState<T> {
    pub(crate) fn new(kept: Kept) -> Self {
        Self {
            kept,
            of: PhantomData,
        }
    }

    fn text(&self) -> &StateText {
        match &self.kept {
            Kept::Session(record, _) => record.state_text(),
            Kept::Here(text) => text,
        }
    }
}

impl<T: Serialize + DeserializeOwned + Default> SessionState<T> {
    /// The state; the default of its type, until it is set.
    ///
    /// # Errors
    /// [`StateError::Json`].
    pub fn get(&self) -> Result<T, StateError> {
        match self.text().get() {
            Some(text) => Ok(serde_json::from_str(&text)?),
            None => Ok(T::default()),
        }
    }

    /// Sets the state. Ready once it is kept.
    ///
    /// # Errors
    /// [`StateError::TooLarge`], [`StateError::Json`], and [`StateError::Store`].
    pub async fn set(&self, state: &T) -> Result<(), StateError> {
        let text = written(state)?;
        self.text().set(Some(text));
        self.keep().await
    }

    /// Changes the state, with nobody else of this session in between. Ready once it is kept.
    ///
    /// # Errors
    /// As for [`SessionState::get`] and [`SessionState::set`]; then nothing has changed, but for
    /// [`StateError::Store`].
    pub async fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R, StateError> {
        let answer = {
            let mut text = self.text().lock();
            let mut state = match &*text {
                Some(text) => serde_json::from_str(text)?,
                None => T::default(),
            };
            let answer = change(&mut state);
            *text = Some(written(&state)?);
            answer
        };
        self.keep().await?;
        Ok(answer)
    }

    async fn keep(&self) -> Result<(), StateError> {
        if let Kept::Session(record, store) = &self.kept {
            store.update(record.clone()).await?;
        }
        Ok(())
    }
}

fn written(state: &impl Serialize) -> Result<Box<str>, StateError> {
    let text = serde_json::to_string(state)?;
    if text.len() > SessionRecord::MAX_STATE {
        return Err(StateError::TooLarge);
    }
    Ok(text.into())
}

impl<T> Clone for SessionState<T> {
    fn clone(&self) -> Self {
        Self::new(self.kept.clone())
    }
}

impl<T> fmt::Debug for SessionState<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionState").finish_non_exhaustive()
    }
}
