//! Each user's to-dos. They are in memory and lost when the server stops. Replace this with your
//! own database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use farport::User;
use serde::Serialize;

/// The largest number of to-dos per user.
const MOST: usize = 100;
/// The longest text of a to-do, in bytes.
const LONGEST: usize = 1000;

/// The to-dos of all users. A user has access to their own only.
#[derive(Debug, Default)]
pub struct Todos(Mutex<HashMap<Owner, List>>);

/// A user's issuer and subject, which together identify the user.
type Owner = (Arc<str>, Arc<str>);

fn owner(user: &User) -> Owner {
    (user.issuer.clone(), user.subject.clone())
}

#[derive(Debug, Default)]
struct List {
    last_id: u64,
    todos: Vec<Todo>,
}

/// One to-do.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Todo {
    pub(crate) id: u64,
    pub(crate) text: String,
    pub(crate) completed: bool,
}

impl Todos {
    fn lock(&self) -> MutexGuard<'_, HashMap<Owner, List>> {
        // Every statement below leaves the list complete, so a panic cannot damage it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the to-dos of this user.
    pub(crate) fn of(&self, user: &User) -> Vec<Todo> {
        let lists = self.lock();
        lists
            .get(&owner(user))
            .map(|list| list.todos.clone())
            .unwrap_or_default()
    }

    /// Adds a to-do. The errors in this file are texts for the model.
    pub(crate) fn create(&self, user: &User, text: String) -> Result<(), String> {
        if text.len() > LONGEST {
            return Err(format!("Error: a to-do has at most {LONGEST} bytes"));
        }
        let mut lists = self.lock();
        let list = lists.entry(owner(user)).or_default();
        if list.todos.len() >= MOST {
            return Err(format!(
                "Error: there are {MOST} to-dos already; delete one first"
            ));
        }
        list.last_id += 1;
        let (id, completed) = (list.last_id, false);
        list.todos.push(Todo {
            id,
            text,
            completed,
        });
        Ok(())
    }

    /// Marks a to-do as complete.
    pub(crate) fn complete(&self, user: &User, id: u64) -> Result<(), String> {
        let mut lists = self.lock();
        let todos = lists
            .get_mut(&owner(user))
            .map(|list| list.todos.iter_mut());
        let found = todos.into_iter().flatten().find(|todo| todo.id == id);
        found.ok_or_else(|| missing(id))?.completed = true;
        Ok(())
    }

    /// Deletes a to-do.
    pub(crate) fn delete(&self, user: &User, id: u64) -> Result<(), String> {
        let mut lists = self.lock();
        let list = lists.get_mut(&owner(user)).ok_or_else(|| missing(id))?;
        let place = list.todos.iter().position(|todo| todo.id == id);
        list.todos.remove(place.ok_or_else(|| missing(id))?);
        Ok(())
    }
}

fn missing(id: u64) -> String {
    format!("Error: unknown to-do {id}")
}
