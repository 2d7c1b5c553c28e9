//! The cookies that bind a transaction to a browser.

use std::{collections::HashMap, time::Duration};

use secrecy::{ExposeSecret, SecretString};

use crate::Site;

/// The cookies of a request. A repeated cookie is ignored, because another site may have set one.
#[derive(Default)]
pub struct Cookies(HashMap<String, Option<String>>);

impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl FromIterator<(String, String)> for Cookies {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let mut cookies = HashMap::new();
        for (name, value) in pairs {
            let value = (!cookies.contains_key(&name)).then_some(value);
            cookies.insert(name, value);
        }
        Self(cookies)
    }
}

impl Cookies {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_deref()
    }
}

/// A cookie to set.
#[derive(Debug)]
pub struct SetCookie {
    name: String,
    value: SecretString,
    lifetime: Duration,
    secure: bool,
}

/// The name of a cookie. Over TLS, browsers enforce the `__Host-` rules. Without TLS, on a developer's
/// machine, some browsers reject such a name.
///
/// The rules prevent other hosts of the domain from setting the cookie, and require `Path=/`. For this
/// reason the name contains the path of the site: servers below two paths of one host use two names.
pub(super) fn name(site: &Site, what: &str) -> String {
    let path = site.path().replace('/', ".");
    if site.is_secure() {
        format!("__Host-farport-{what}{path}")
    } else {
        format!("farport-{what}{path}")
    }
}

impl SetCookie {
    pub(super) fn new(site: &Site, what: &str, value: SecretString, lifetime: Duration) -> Self {
        Self {
            name: name(site, what),
            value,
            lifetime,
            secure: site.is_secure(),
        }
    }

    /// A cookie that deletes the one with this name.
    pub(super) fn removal(site: &Site, what: &str) -> Self {
        Self::new(site, what, SecretString::default(), Duration::ZERO)
    }

    /// The value of the `Set-Cookie` header.
    pub fn header(&self) -> String {
        // Lax: the browser sends the cookie when it returns from the provider or a client's page.
        let mut header = format!(
            "{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax",
            self.name,
            self.value.expose_secret(),
            self.lifetime.as_secs()
        );
        if self.secure {
            header.push_str("; Secure");
        }
        header
    }
}
