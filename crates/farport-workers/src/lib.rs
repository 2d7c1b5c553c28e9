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

// The crate `worker` builds for WebAssembly only; the rules that route a request, everywhere.
cfg_if::cfg_if! {
    if #[cfg(target_arch = "wasm32")] {
        mod platform;
        pub use platform::*;
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
        // The same crate is also an ordinary program.
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
