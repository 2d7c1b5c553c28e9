//! A server whose users sign in with Stytch.

mod todos;
mod tools;

use std::sync::Arc;

use farport::{Server, SignIn, scope};

pub use todos::Todos;
pub use tools::Tools;

/// The server: its tools, and the scopes they need. Every signed-in user may read their own
/// to-dos.
pub fn server(sign_in: impl Into<SignIn>) -> Server {
    let todos = Arc::new(Todos::default());
    Server::new(move |_| Tools::new(todos.clone()))
        .auth(sign_in)
        .describe_scope("todos:write", "Create your to-dos and mark them complete")
        .describe_scope("todos:delete", "Delete your to-dos")
        // The scopes a client requests at first. It requests deletion when it needs it.
        .default_scopes(["todos:write"])
        .permit("create_todo", scope("todos:write"))
        .permit("mark_todo_complete", scope("todos:write"))
        .permit("delete_todo", scope("todos:delete").listed())
}
