//! What the tools show: each user's to-dos and bills. Here they are made up for whoever comes; put
//! your own API in their place, called with `user.upstream_token().await`.

use farport::User;
use serde::Serialize;

/// Where each user's things are.
#[derive(Clone, Debug, Default)]
pub struct Accounts;

/// One user's things.
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
    /// The things of this user.
    pub(crate) fn of(&self, user: &User) -> Account {
        let name = user.name.as_deref().unwrap_or(&user.subject);
        let todo = |text: String, done| Todo { text, done };
        Account {
            todos: vec![
                todo(format!("Sign in as {name}"), true),
                todo("Put your own API behind this tool".to_owned(), false),
            ],
            bills: vec![Bill {
                month: "January",
                cents: 1200,
            }],
        }
    }
}
