//! Settings from a file and the environment.

use std::path::Path;

use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};

use super::{Settings, VARIABLES};

impl Settings {
    /// The defaults, overridden by `file` where it is there, and that by the environment.
    ///
    /// # Errors
    /// When a value does not fit its setting, or a key in the file is none; the text says which,
    /// and where it stands.
    pub fn load(file: &Path) -> Result<Self, crate::Error> {
        let known: Vec<&str> = VARIABLES.iter().map(|variable| variable.setting).collect();
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if file.exists() {
            figment = figment.merge(Toml::file_exact(file));
        }
        Ok(figment
            .merge(Env::prefixed("FARPORT_").only(&known))
            .merge(
                Env::raw()
                    .only(&["FARPORT_AUTH_PROVIDER"])
                    .map(|_| "auth.provider".into()),
            )
            .extract()?)
    }
}
