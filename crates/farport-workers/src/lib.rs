//! Serves a farport server from Cloudflare Workers.
//!
//! The same `farport::Server` that runs natively, in a crate with two entry points:
//!
//! ```ignore
//! // lib.rs
//! pub fn server() -> farport::Server {
//!     farport::Server::new(|_| Calculator::new())
//! }
//!
//! farport_workers::serve!(server);
//! ```
//!
//! The crate is a `cdylib` and depends on `worker`. Its `wrangler.jsonc` binds the two classes of Durable
//! Objects: `FARPORT_SESSION` to `FarportSession` and, for a server with sign-in, `FARPORT_STORE` to
//! `FarportStore`. `docs/workers.md` shows a complete example.
//!
//! # The request path
//!
//! [`route`] chooses where a request is served:
//!
//! - in the Worker itself, whose isolates have no state: the stateless requests of 2026-07-28;
//! - in the object of its session: all other MCP requests. `initialize` and a GET of `/sse` open a
//!   session. The object's own SQLite database has the session's record and the events of its streams;
//! - in the store, which is one object: the OAuth endpoints and pages. The Worker and the other objects
//!   look tokens up there.
//!
//! Each of the three runs the same `farport_http::McpService`.

#![cfg_attr(
    test,
    allow(clippy::disallowed_methods, reason = "tests choose their URLs")
)]

pub mod route;

#[cfg(target_arch = "wasm32")]
mod answer;
#[cfg(target_arch = "wasm32")]
mod context;
#[cfg(target_arch = "wasm32")]
mod engine;
#[cfg(target_arch = "wasm32")]
mod environment;
#[cfg(all(target_arch = "wasm32", feature = "sign-in"))]
mod fetcher;
#[cfg(target_arch = "wasm32")]
mod isolate;
#[cfg(target_arch = "wasm32")]
mod log;
#[cfg(target_arch = "wasm32")]
mod runtime;
#[cfg(target_arch = "wasm32")]
mod session;
#[cfg(target_arch = "wasm32")]
mod sites;
#[cfg(all(target_arch = "wasm32", feature = "sign-in"))]
mod store;
#[cfg(all(target_arch = "wasm32", not(feature = "sign-in")))]
#[path = "no_store.rs"]
mod store;

#[cfg(target_arch = "wasm32")]
pub use farport::Server;
#[cfg(target_arch = "wasm32")]
pub use farport_rmcp::pumped;
#[cfg(target_arch = "wasm32")]
pub use isolate::{Stateless, fetch};
#[cfg(target_arch = "wasm32")]
pub use runtime::WorkerRuntime;
#[cfg(target_arch = "wasm32")]
pub use session::SessionObject;
#[cfg(target_arch = "wasm32")]
pub use sites::MakeServer;
#[cfg(all(target_arch = "wasm32", feature = "sign-in"))]
pub use store::StoreObject;

/// What the function for [`serve!`] may return: a server, or a `Result` with one.
#[cfg(target_arch = "wasm32")]
pub trait IntoServer {
    /// Returns the server.
    ///
    /// # Errors
    /// The error of the function.
    fn into_server(self) -> Result<Server, farport::Error>;
}

#[cfg(target_arch = "wasm32")]
impl IntoServer for Server {
    fn into_server(self) -> Result<Server, farport::Error> {
        Ok(self)
    }
}

#[cfg(target_arch = "wasm32")]
impl<E: Into<farport::Error>> IntoServer for Result<Server, E> {
    fn into_server(self) -> Result<Server, farport::Error> {
        self.map_err(Into::into)
    }
}

/// Turns a server into a Worker: its `fetch` entry point, and the classes `FarportSession` and
/// `FarportStore` of its Durable Objects.
///
/// The argument is a function without parameters that returns a `farport::Server`, or a `Result` with
/// one. Each isolate and each object calls it, and they share no memory. The calling crate must depend on
/// `worker`.
///
/// With `together` after the function, one object serves all requests of 2026-07-28, instead of the
/// isolate that receives them. It is for servers whose handlers share state in memory, such as
/// subscriptions to resources. One object serves as many requests as one thread can.
///
/// On other platforms than WebAssembly, the macro expands to nothing.
#[macro_export]
macro_rules! serve {
    ($server:path) => {
        $crate::serve!(@ $server, $crate::Stateless::Apart);
    };
    ($server:path, together) => {
        $crate::serve!(@ $server, $crate::Stateless::Together);
    };
    (@ $server:path, $stateless:expr) => {
        #[cfg(target_arch = "wasm32")]
        mod farport_worker {
            use super::*;
            // The code that the attributes below generate refers to it.
            use ::worker::wasm_bindgen;

            #[::worker::event(fetch)]
            async fn serve(
                request: ::worker::Request,
                env: ::worker::Env,
                _context: ::worker::Context,
            ) -> ::worker::Result<::worker::Response> {
                ::std::result::Result::Ok($crate::fetch(request, &env, || $crate::IntoServer::into_server($server()), $stateless).await)
            }

            $crate::object_class!(FarportSession, $crate::SessionObject, "A session.", $server);
            $crate::store_class!($server);
        }
    };
}

/// Defines a class of objects.
#[doc(hidden)]
#[macro_export]
macro_rules! object_class {
    ($class:ident, $object:ty, $doc:literal, $server:path) => {
        #[doc = $doc]
        #[::worker::durable_object(alarm)]
        pub struct $class($object);

        impl ::worker::DurableObject for $class {
            fn new(state: ::worker::State, env: ::worker::Env) -> Self {
                Self(<$object>::new(state, env, || {
                    $crate::IntoServer::into_server($server())
                }))
            }

            async fn fetch(
                &self,
                request: ::worker::Request,
            ) -> ::worker::Result<::worker::Response> {
                ::std::result::Result::Ok(self.0.fetch(request).await)
            }

            async fn alarm(&self) -> ::worker::Result<::worker::Response> {
                self.0.alarm().await
            }
        }
    };
}

/// Defines the class of the store.
#[cfg(feature = "sign-in")]
#[doc(hidden)]
#[macro_export]
macro_rules! store_class {
    ($server:path) => {
        $crate::object_class!(
            FarportStore,
            $crate::StoreObject,
            "The OAuth store.",
            $server
        );
    };
}

/// A server without sign-in has no store.
#[cfg(not(feature = "sign-in"))]
#[doc(hidden)]
#[macro_export]
macro_rules! store_class {
    ($server:path) => {};
}
