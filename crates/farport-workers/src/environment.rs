//! A Worker's variables and secrets, in the place of a process's environment.

use std::{cell::OnceCell, collections::HashMap, rc::Rc};

use farport::{Error, Settings};
#[cfg(feature = "sign-in")]
use farport_oauth::{Keys, provider};
#[cfg(feature = "sign-in")]
use farport_store::MasterKeys;
use js_sys::{Object, Reflect};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};
use wasm_bindgen::{JsCast, JsValue};
use worker::Env;

use crate::log;

/// The key that seals what OAuth keeps, and those before it.
#[cfg(feature = "sign-in")]
const MASTER_KEYS: [&str; 2] = ["FARPORT_MASTER_KEY", "FARPORT_PREVIOUS_MASTER_KEYS"];

thread_local! {
    static VARIABLES: OnceCell<Variables> = const { OnceCell::new() };
}

/// What the Worker was given: the same for as long as its isolate lives.
#[derive(Clone)]
pub(crate) struct Variables(Rc<HashMap<String, SecretString>>);

impl Variables {
    /// Those of `env`. The first call gives them to identity providers too, and starts the log.
    pub(crate) fn of(env: &Env) -> Self {
        VARIABLES.with(|variables| {
            let read = || {
                let read = Self(Rc::new(texts(env)));
                #[cfg(feature = "sign-in")]
                provider::provide_variables(
                    read.0
                        .iter()
                        .map(|(name, value)| (name.clone(), value.clone())),
                );
                log::start(read.get("FARPORT_LOG").as_deref());
                read
            };
            variables.get_or_init(read).clone()
        })
    }

    fn get(&self, name: &str) -> Option<String> {
        let value = self.0.get(name)?.expose_secret();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// The settings of the server, wherever clients reach it.
    ///
    /// # Errors
    /// When a variable does not fit its setting.
    pub(crate) fn any_settings(&self) -> Result<Settings, Error> {
        Settings::from_variables(|name| self.get(name))
    }

    /// The settings of the server, for clients that reach it at `url`. With https, the
    /// platform's router has seen to it that this is a name of ours.
    ///
    /// # Errors
    /// When a variable does not fit its setting.
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
        // Any other name was made up by whoever asks a developer's machine, and is not let in.
        Ok(settings)
    }

    /// What seals the state of sign-ins.
    ///
    /// # Errors
    /// When there is no key, or what stands there is none.
    #[cfg(feature = "sign-in")]
    pub(crate) fn keys(&self) -> Result<Keys, Error> {
        let [current, previous] = MASTER_KEYS.map(|name| self.get(name));
        let current = current.ok_or(Error::NoMasterKey)?;
        let keys = MasterKeys::parse(&current, &previous.unwrap_or_default(), MASTER_KEYS)?;
        Ok(keys.keys())
    }
}

/// Whether it is a developer's own machine.
fn is_local(url: &Url) -> bool {
    url.scheme() == "http"
        && match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

/// The bindings that are text: variables and secrets.
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
