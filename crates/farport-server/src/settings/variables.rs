//! Settings from variables only, on hosts without a file and a process environment.

use serde_json::Value;

use super::{Settings, VARIABLES, words};
use crate::error::{Error, Problem};

impl Settings {
    /// Returns the defaults, overridden by the variables that `variable` returns.
    ///
    /// # Errors
    /// When a variable has an invalid value. The error names the variable.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        Self::default().over_variables(|name| Ok(variable(name)))
    }

    /// Overrides these settings with the variables that `variable` returns, except empty ones.
    pub(super) fn over_variables(
        self,
        variable: impl Fn(&str) -> Result<Option<String>, String>,
    ) -> Result<Self, Error> {
        let mut settings = self;
        for known in VARIABLES.iter().filter(|known| !known.setting.is_empty()) {
            let bad = |why| {
                Error::from(Problem::Variable {
                    name: known.name,
                    why,
                })
            };
            let Some(text) = variable(known.name)
                .map_err(bad)?
                .filter(|text| !text.is_empty())
            else {
                continue;
            };
            settings = settings
                .with(known.setting, &text)
                .map_err(|error| bad(words(&error.to_string())))?;
        }
        Ok(settings)
    }

    /// Sets one setting. A dot separates a table from its key.
    fn with(&self, setting: &str, text: &str) -> Result<Self, serde_json::Error> {
        // A number, a boolean or a list if it parses as one and fits, else text.
        let read = serde_json::from_str::<Value>(text).ok();
        let read = read.filter(|value| !value.is_string() && !value.is_null());
        let set = |value: Value| -> Result<Self, serde_json::Error> {
            let mut all = serde_json::to_value(self)?;
            let place = setting
                .split('.')
                .try_fold(&mut all, |place, key| place.as_object_mut()?.get_mut(key));
            if let Some(place) = place {
                *place = value;
            }
            serde_json::from_value(all)
        };
        let as_text = || set(Value::String(text.to_owned()));
        match read {
            // Report the error about the parsed value, not that it is not text.
            Some(value) => set(value).or_else(|error| as_text().map_err(|_| error)),
            None => as_text(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{ProviderName, Settings};

    fn of(variables: &[(&str, &str)]) -> Result<Settings, crate::Error> {
        Settings::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn variables_override_the_defaults() {
        let settings = of(&[
            ("FARPORT_SESSION_IDLE_SECS", "60"),
            ("FARPORT_ALLOWED_ORIGINS", "https://a, https://b"),
            ("FARPORT_AUTH_PROVIDER", "github"),
            ("FARPORT_AUTH_GRANT_SECS", "86400"),
            ("FARPORT_BEHIND_PROXY", "true"),
            ("FARPORT_PUBLIC_URL", "https://mcp.example.com"),
            ("FARPORT_MAX_SESSIONS", ""),
        ]);
        let settings = settings.unwrap();
        assert_eq!(settings.session_idle_secs, 60);
        assert_eq!(settings.allowed_origins, ["https://a", "https://b"]);
        assert_eq!(settings.auth.provider, Some(ProviderName::GitHub));
        assert_eq!(settings.auth.grant_secs, Some(86_400));
        assert!(settings.behind_proxy);
        assert_eq!(
            settings.public_url.as_deref(),
            Some("https://mcp.example.com")
        );
        assert_eq!(settings.max_sessions, Settings::default().max_sessions);
    }

    #[test]
    fn an_error_names_the_variable_and_what_was_expected() {
        for (name, value, expected) in [
            ("FARPORT_PORT", "x", "a whole number from 0 to 65535"),
            ("FARPORT_PORT", "70000", "70000"),
            ("FARPORT_AUTH_PROVIDER", "gitlab", "`github`"),
            (
                "FARPORT_MAX_BODY_BYTES",
                "-1",
                "a whole number of at least 0",
            ),
            ("FARPORT_BEHIND_PROXY", "yes", "true or false"),
        ] {
            let error = of(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(expected), "{error}");
        }
    }
}
