//! A Worker's variables and secrets, instead of a process environment.

use std::{cell::OnceCell, collections::HashMap, rc::Rc};

use farport_server::{Error, Settings};
use js_sys::{Object, Reflect};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};
use wasm_bindgen::{JsCast, JsValue};
use worker::Env;

use crate::platform::{log, sign_in};

thread_local! {
    static VARIABLES: OnceCell<Variables> = const { OnceCell::new() };
}

/// The variables of a Worker. They never change while its isolate runs.
#[derive(Clone)]
pub(crate) struct Variables(Rc<HashMap<String, SecretString>>);

impl Variables {
    /// Returns the variables of `env`. The first call also passes them to identity providers, and starts
    /// the log.
    pub(crate) fn of(env: &Env) -> Self {
        VARIABLES.with(|variables| {
            let read = || {
                let read = Self(Rc::new(texts(env)));
                sign_in::provide(&read.0);
                log::start(read.get("FARPORT_LOG").as_deref());
                read
            };
            variables.get_or_init(read).clone()
        })
    }

    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let value = self.0.get(name)?.expose_secret();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// Returns the settings of the server at any URL.
    ///
    /// # Errors
    /// When a variable has an invalid value.
    pub(crate) fn any_settings(&self) -> Result<Settings, Error> {
        Settings::from_variables(|name| self.get(name))
    }

    /// Returns the settings of the server at `url`. With https, the platform only routes requests for
    /// the Worker's own host names.
    ///
    /// # Errors
    /// When a variable has an invalid value.
    pub(crate) fn settings(&self, url: &Url) -> Result<Settings, Error> {
        let mut settings = self.any_settings()?;
        if settings.public_url.is_some() {
            return Ok(settings);
        }
        if is_local(url) {
            settings.port = url.port_or_known_default().unwrap_or(settings.port);
        } else if url.scheme() == "https" {
            settings.public_url = Some(url.origin().ascii_serialization());
        }
        // Any other name comes from a request to a developer's machine, and the guard refuses it.
        Ok(settings)
    }

    /// The path of `url` below the path of the public URL: a route to a Worker does not strip it.
    pub(crate) fn path<'a>(&self, url: &'a Url) -> &'a str {
        let public_url = self.get("FARPORT_PUBLIC_URL").unwrap_or_default();
        let prefix = farport_http::prefix(&public_url);
        farport_http::below(prefix, url.path()).unwrap_or(url.path())
    }
}

/// Whether the URL is on a developer's machine.
fn is_local(url: &Url) -> bool {
    url.scheme() == "http"
        && match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

/// Returns the bindings that are text: variables and secrets.
fn texts(env: &Env) -> HashMap<String, SecretString> {
    let env: &JsValue = env.unchecked_ref();
    let object: &Object = env.unchecked_ref();
    let names = Object::keys(object);
    let texts = names.iter().filter_map(|name| {
        let value = Reflect::get(env, &name).ok()?.as_string()?;
        Some((name.as_string()?, value.into()))
    });
    texts.collect()
}
