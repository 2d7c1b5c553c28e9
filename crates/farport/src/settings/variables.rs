//! Settings from variables alone, where there is neither a file nor a process's environment.

use serde_json::Value;

use super::{Settings, VARIABLES};
use crate::Error;

impl Settings {
    /// The defaults, overridden by the variables that `variable` knows.
    ///
    /// # Errors
    /// When a value does not fit its setting; the text names the variable.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let mut settings = Self::default();
        for known in VARIABLES.iter().filter(|known| !known.setting.is_empty()) {
            let Some(text) = variable(known.name).filter(|text| !text.is_empty()) else {
                continue;
            };
            settings = settings
                .with(known.setting, &text)
                .map_err(|error| Error::Variable {
                    name: known.name,
                    why: error.to_string(),
                })?;
        }
        Ok(settings)
    }

    /// These settings with another value for one of them, tables and their keys parted by dots.
    fn with(&self, setting: &str, text: &str) -> Result<Self, serde_json::Error> {
        // A number or a truth value, if it reads like one and fits; else text.
        let read = serde_json::from_str::<Value>(text).ok();
        let read = read.filter(|value| value.is_number() || value.is_boolean());
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
            Some(value) => set(value).or_else(|_| as_text()),
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
            ("FARPORT_BEHIND_PROXY", "true"),
            ("FARPORT_PUBLIC_URL", "https://mcp.example.com"),
            ("FARPORT_MAX_SESSIONS", ""),
        ]);
        let settings = settings.unwrap();
        assert_eq!(settings.session_idle_secs, 60);
        assert_eq!(settings.allowed_origins, ["https://a", "https://b"]);
        assert_eq!(settings.auth.provider, Some(ProviderName::GitHub));
        assert!(settings.behind_proxy);
        assert_eq!(
            settings.public_url.as_deref(),
            Some("https://mcp.example.com")
        );
        assert_eq!(settings.max_sessions, Settings::default().max_sessions);
    }

    #[test]
    fn a_wrong_variable_is_named() {
        for (name, value) in [
            ("FARPORT_PORT", "x"),
            ("FARPORT_PORT", "70000"),
            ("FARPORT_AUTH_PROVIDER", "nobody"),
            ("FARPORT_MAX_BODY_BYTES", "-1"),
        ] {
            let error = of(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
