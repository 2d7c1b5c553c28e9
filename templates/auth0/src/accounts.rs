//! Sample data for the tools: each user's to-dos and bills. Replace it with your own API, called
//! with `user.upstream_token().await`.

use farport::User;
use serde::Serialize;

/// The data of all users.
#[derive(Clone, Debug, Default)]
pub struct Accounts;

/// The data of one user.
#[derive(Debug, Serialize)]
pub(crate) struct Account {
    pub(crate) todos: Vec<Todo>,
    pub(crate) bills: Vec<Bill>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Todo {
    text: String,
    done: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Bill {
    month: &'static str,
    cents: u32,
}

impl Accounts {
    /// Returns the data of this user.
    pub(crate) fn of(&self, user: &User) -> Account {
        let name = user.name.as_deref().unwrap_or(&user.subject);
        let todo = |text: String, done| Todo { text, done };
        Account {
            todos: vec![
                todo(format!("Sign in as {name}"), true),
                todo("Connect this tool to your own API".to_owned(), false),
            ],
            bills: vec![Bill {
                month: "January",
                cents: 1200,
            }],
        }
    }
}
