//! What keeps a sign-in from being set up.

use crate::{
    error::{Error, Problem},
    error_kind::ErrorKind,
};

/// What keeps a sign-in from being set up, or does not fit it.
#[derive(Debug, thiserror::Error)]
pub(super) enum SignInProblem {
    /// A rule requires a signed-in user, but the server has no sign-in.
    #[error("`{pattern}` is permitted to some users only, but the server has no sign-in")]
    PermitWithoutAuth { pattern: String },
    /// A rule compares user names, but the provider does not guarantee that they are unique.
    #[error(
        "cannot use login_in for `{pattern}`: {provider} does not guarantee that a user name belongs to \
         one user"
    )]
    LoginNotUnique { pattern: String, provider: String },
    /// The sign-in for development is reachable from other machines.
    #[error(
        "dev-login accepts any name, so only this machine may reach it, but {open} lets others in"
    )]
    DevLoginNotLocal {
        /// The setting that lets others in.
        open: &'static str,
    },
    /// A server with sign-in does not know its public URL.
    #[error("other machines can reach the server, so sign-in needs its public URL")]
    NoPublicUrl,
    /// The public URL is invalid.
    #[error("invalid public_url {url:?}: {why}")]
    PublicUrl {
        url: String,
        /// What is wrong with the URL.
        why: String,
    },
}

impl SignInProblem {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::PermitWithoutAuth { .. } | Self::LoginNotUnique { .. } => ErrorKind::Rules,
            Self::DevLoginNotLocal { .. } | Self::NoPublicUrl => ErrorKind::SignIn,
            Self::PublicUrl { .. } => ErrorKind::Settings,
        }
    }

    fn hint(&self) -> Option<String> {
        let fixed = match self {
            Self::PermitWithoutAuth { .. } => {
                "call `.auth(..)`, or set `provider` under `[auth]` in farport.toml"
            }
            Self::LoginNotUnique { .. } => {
                "compare the subject, `claim(\"sub\", ...)`, or a verified email address, `when(|user| \
                 user.email.as_deref() == Some(...))`"
            }
            Self::DevLoginNotLocal { open } => {
                return Some(format!("remove {open}, or choose another sign-in provider"));
            }
            Self::NoPublicUrl => {
                "set public_url (FARPORT_PUBLIC_URL) to the URL that clients use, such as \
                 https://mcp.example.com"
            }
            Self::PublicUrl { .. } => return None,
        };
        Some(fixed.to_owned())
    }
}

impl From<SignInProblem> for Error {
    fn from(problem: SignInProblem) -> Self {
        let (kind, hint) = (problem.kind(), problem.hint());
        let text = problem.to_string();
        Problem::SignIn { kind, text, hint }.into()
    }
}
