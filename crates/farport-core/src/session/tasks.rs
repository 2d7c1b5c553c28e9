//! The owners of tasks.
//!
//! A task's id proves nothing. The session store records who created each task, and other callers
//! receive the response for an unknown id.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use lru::LruCache;
use serde_json::{Map, Value};

use super::{SessionStore, StoreError};
use crate::{Method, Principal, RawJson, Reply, Request, RpcError, Share, share::largest_holder};

/// The owners of a server's tasks, in its session store.
#[derive(Clone)]
pub struct TaskOwners(Arc<dyn SessionStore>);

impl fmt::Debug for TaskOwners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskOwners")
    }
}

/// An id that no task has. It replaces the id of a task that is not the caller's, so that the
/// handler reports it as unknown in its own words.
const NO_TASK: &str = "00000000-0000-0000-0000-000000000000";

/// The maximum length of a task id, in bytes.
pub const LONGEST_TASK: usize = 1024;

/// How to complete the reply to a request about a task.
#[derive(Debug)]
pub enum TaskReply {
    /// Return the reply as it is.
    Unchanged,
    /// The task is not the caller's. Put this id back in place of the id that no task has.
    Unknown(Box<str>),
    /// The reply is a list. Remove the tasks of other callers.
    Filtered,
}

impl TaskOwners {
    /// Creates the owners that `store` holds.
    pub fn new(store: Arc<dyn SessionStore>) -> Self {
        Self(store)
    }

    /// Records that `principal` created the task `id`. Returns false if the task belongs to another
    /// principal.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn bind(&self, id: &str, principal: &Principal) -> Result<bool, StoreError> {
        let owner = Share::of(principal, None);
        self.0.bind_task(id, &owner).await
    }

    /// Checks a request of `principal` about a task. If the task is not theirs, replaces its id with
    /// one that no task has.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn admit(
        &self,
        request: &mut Request,
        principal: &Principal,
    ) -> Result<TaskReply, StoreError> {
        match request.method {
            Method::TasksGet | Method::TasksUpdate | Method::TasksCancel | Method::TasksResult => {}
            Method::TasksList => return Ok(TaskReply::Filtered),
            _ => return Ok(TaskReply::Unchanged),
        }
        let params = request.params.as_ref();
        let params: Option<Map<String, Value>> = params.and_then(|params| params.parse().ok());
        // The handler rejects a request without a task id.
        let Some(mut params) = params else {
            return Ok(TaskReply::Unchanged);
        };
        let Some(Value::String(id)) = params.get("taskId") else {
            return Ok(TaskReply::Unchanged);
        };
        let id: Box<str> = id.as_str().into();
        if self.owns(&id, principal).await? {
            return Ok(TaskReply::Unchanged);
        }
        params.insert("taskId".to_owned(), NO_TASK.into());
        request.params = Some(RawJson::from(Value::Object(params).to_string()));
        Ok(TaskReply::Unknown(id))
    }

    /// Completes the reply to a request that [`TaskOwners::admit`] prepared.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn complete(
        &self,
        how: TaskReply,
        reply: Reply,
        principal: &Principal,
    ) -> Result<Reply, StoreError> {
        let named = |text: &[u8], id: &str| {
            // The id as JSON text, without its quotation marks. The id itself may end with one.
            let quoted = Value::from(id).to_string();
            let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
            String::from_utf8_lossy(text).replace(NO_TASK, inner)
        };
        Ok(match (how, reply) {
            (TaskReply::Filtered, Ok(frame)) => self.filtered(frame, principal).await?,
            (TaskReply::Unknown(id), Ok(frame)) => Ok(named(&frame, &id).into()),
            (TaskReply::Unknown(id), Err(mut error)) => {
                error.message = error.message.replace(NO_TASK, &id).into();
                let data = error.data.as_ref();
                error.data = data.map(|data| RawJson::from(named(data.as_bytes(), &id)));
                Err(error)
            }
            (TaskReply::Unchanged | TaskReply::Filtered, reply) => reply,
        })
    }

    async fn filtered(&self, frame: Bytes, principal: &Principal) -> Result<Reply, StoreError> {
        let Ok(mut message) = serde_json::from_slice::<Map<String, Value>>(&frame) else {
            return Ok(Err(RpcError::internal()));
        };
        let result = message.get_mut("result");
        let Some(Value::Array(tasks)) = result.and_then(|result| result.get_mut("tasks")) else {
            return Ok(Ok(frame));
        };
        let mut own = Vec::new();
        for task in std::mem::take(tasks) {
            if let Some(id) = task.get("taskId").and_then(Value::as_str)
                && self.owns(id, principal).await?
            {
                own.push(task);
            }
        }
        *tasks = own;
        Ok(Ok(Value::Object(message).to_string().into()))
    }

    async fn owns(&self, id: &str, principal: &Principal) -> Result<bool, StoreError> {
        if id.len() > LONGEST_TASK {
            return Ok(false);
        }
        let owner = self.0.task_owner(id).await?;
        Ok(owner.is_some_and(|owner| owner == Share::of(principal, None)))
    }
}

/// The maximum number of tasks whose owners a store records. At the maximum, the user with the most
/// tasks loses the least recently used one, which then has no owner.
pub const MOST_TASKS: usize = 100_000;

/// The owners of tasks, in memory.
#[derive(Debug)]
pub(super) struct MemoryTasks(Mutex<Tasks>);

#[derive(Debug)]
struct Tasks {
    owners: LruCache<Box<str>, Share>,
    held: HashMap<Share, usize>,
    most: usize,
}

impl Default for MemoryTasks {
    fn default() -> Self {
        Self::of_most(MOST_TASKS)
    }
}

impl MemoryTasks {
    fn of_most(most: usize) -> Self {
        Self(Mutex::new(Tasks {
            owners: LruCache::unbounded(),
            held: HashMap::new(),
            most,
        }))
    }

    pub(super) fn bind(&self, id: &str, owner: &Share) -> bool {
        let mut tasks = self.lock();
        if let Some(known) = tasks.owners.get(id) {
            return known == owner;
        }
        if id.len() > LONGEST_TASK {
            return false;
        }
        while tasks.owners.len() >= tasks.most.max(1) && tasks.make_room(owner) {}
        tasks.owners.put(id.into(), owner.clone());
        *tasks.held.entry(owner.clone()).or_default() += 1;
        true
    }

    pub(super) fn owner(&self, id: &str) -> Option<Share> {
        self.lock().owners.get(id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Tasks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tasks {
    /// Removes the owner of one task. Returns false if there is none.
    fn make_room(&mut self, newcomer: &Share) -> bool {
        let held = self.held.iter().map(|(share, held)| (share, *held));
        let Some(largest) = largest_holder(held, newcomer).cloned() else {
            return false;
        };
        let mut oldest = self.owners.iter().rev();
        let found = oldest.find(|(_, owner)| **owner == largest);
        let Some(id) = found.map(|(id, _)| id.clone()) else {
            return false;
        };
        self.owners.pop(&id);
        if let Some(held) = self.held.get_mut(&largest) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&largest);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_tasks_takes_nothing_from_another_user() {
        let tasks = MemoryTasks::of_most(10);
        let (ann, bob) = (Share::named("ann"), Share::named("bob"));
        assert!(tasks.bind("ann's", &ann));
        for number in 0..100 {
            assert!(tasks.bind(&number.to_string(), &bob));
        }
        assert_eq!(tasks.owner("ann's"), Some(ann));
        assert_eq!(tasks.owner("99"), Some(bob.clone()));
        assert_eq!(tasks.owner("0"), None);
        assert!(!tasks.bind("ann's", &bob), "a task has one owner");
    }
}
