//! Serves a farport server from Cloudflare Workers.
//!
//! The same `farport::Server` that runs natively, in a crate of two entries:
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
//! The crate is a `cdylib`, depends on `worker`, and its `wrangler.jsonc` binds the two classes of
//! Durable Objects: `FARPORT_SESSION` to `FarportSession`, and, for a server with sign-in,
//! `FARPORT_STORE` to `FarportStore`. `docs/workers.md` has it whole.
//!
//! # A request's way
//!
//! [`route`] says where a request is served:
//!
//! - in the Worker itself, by an isolate that keeps nothing: requests of 2026-07-28, which describe
//!   themselves;
//! - in the object of its session: all else that MCP has. `initialize`, and a GET of `/sse`, open a
//!   new one. Everything that a session is, its records and the events of its streams, is in that
//!   object's own SQLite;
//! - in the store, which is one object: whatever OAuth has. Tokens are looked up there by the other
//!   two.
//!
//! Each of the three runs the same `farport_http::McpService`.

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

/// What the function that is given to [`serve!`] may return: a server, or why there is none.
#[cfg(target_arch = "wasm32")]
pub trait Made {
    /// The server.
    ///
    /// # Errors
    /// Why there is none.
    fn made(self) -> Result<Server, farport::Error>;
}

#[cfg(target_arch = "wasm32")]
impl Made for Server {
    fn made(self) -> Result<Server, farport::Error> {
        Ok(self)
    }
}

#[cfg(target_arch = "wasm32")]
impl<E: Into<farport::Error>> Made for Result<Server, E> {
    fn made(self) -> Result<Server, farport::Error> {
        self.map_err(Into::into)
    }
}

/// Makes a Worker of a server: its `fetch` entry, and the classes `FarportSession` and
/// `FarportStore` of its Durable Objects.
///
/// The argument is a function without parameters that makes the `farport::Server`, or a `Result`
/// with one. It is called
/// for each isolate and each object, and nothing that one of them holds in memory is seen by the
/// others. The calling crate has to depend on `worker`.
///
/// With `together` after it, requests of 2026-07-28 are not served by whichever isolate gets them but,
/// all of them, by one object: for servers whose handlers share what they know in memory, such as who
/// listens to which resource. It serves as many requests as one thread can.
///
/// On anything but WebAssembly it makes nothing.
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
            // What the attributes below make of themselves names it.
            use ::worker::wasm_bindgen;

            #[::worker::event(fetch)]
            async fn serve(
                request: ::worker::Request,
                env: ::worker::Env,
                _context: ::worker::Context,
            ) -> ::worker::Result<::worker::Response> {
                ::std::result::Result::Ok($crate::fetch(request, &env, || $crate::Made::made($server()), $stateless).await)
            }

            $crate::object_class!(FarportSession, $crate::SessionObject, "A session.", $server);
            $crate::store_class!($server);
        }
    };
}

/// A class of objects.
#[doc(hidden)]
#[macro_export]
macro_rules! object_class {
    ($class:ident, $object:ty, $doc:literal, $server:path) => {
        #[doc = $doc]
        #[::worker::durable_object(alarm)]
        pub struct $class($object);

        impl ::worker::DurableObject for $class {
            fn new(state: ::worker::State, env: ::worker::Env) -> Self {
                Self(<$object>::new(state, env, || $crate::Made::made($server())))
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

/// The class of the store.
#[cfg(feature = "sign-in")]
#[doc(hidden)]
#[macro_export]
macro_rules! store_class {
    ($server:path) => {
        $crate::object_class!(
            FarportStore,
            $crate::StoreObject,
            "What OAuth has to remember.",
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
