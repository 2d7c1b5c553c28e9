//! Why a chat has no answer.

use farport_ui::chat::{Failure, ProviderError};

/// Why a chat has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The words or options are invalid.
    #[error("{0}")]
    Usage(String),
    /// The question cannot be read.
    #[error("cannot read the question from standard input")]
    Input(#[source] std::io::Error),
    /// The keyring cannot be used, or has no such key.
    #[error("{0}")]
    Key(ProviderError),
    /// No key is kept for a provider.
    #[error("the keyring has no key of `{provider}`")]
    NoKey {
        /// The provider.
        provider: String,
        /// The providers that have one.
        kept: Vec<String>,
    },
    /// There is no provider of models.
    #[error("no provider of models found in the environment or on this machine")]
    NoProvider,
    /// The provider has several models.
    #[error("no model given, and {provider} has {}", listed(.names))]
    NoModel {
        /// The provider.
        provider: String,
        /// Some of its models.
        names: Vec<String>,
    },
    /// The model cannot be asked.
    #[error("{}", .0.message)]
    Model(Failure),
    /// The model requested more calls.
    #[error("the model did not answer within {0} steps")]
    Limit(u32),
    /// The answer is cut.
    #[error(
        "the answer is not complete: the model reached its limit, or the provider withheld the rest"
    )]
    Cut,
    /// A call needed a permission that nothing could give.
    #[error("the model needed the tool `{0}`, which you did not permit")]
    NotPermitted(String),
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        format!("several: {}", names.join(", "))
    }
}

impl Error {
    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::NoModel { .. } | Self::NoKey { .. } => 2,
            Self::Input(_) => 1,
            Self::NoProvider | Self::Model(_) | Self::Key(_) => 7,
            Self::Limit(_) | Self::Cut | Self::NotPermitted(_) => 8,
        }
    }

    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoProvider => {
                "set OPENAI_API_KEY or another key, start Ollama, or use --base-url"
            }
            Self::NoModel { .. } => "name one with --model",
            Self::Key(error) => return error.hint().map(ToOwned::to_owned),
            Self::NoKey { kept, .. } if !kept.is_empty() => {
                return Some(format!("it has those of {}", kept.join(", ")));
            }
            Self::Model(failure) => return failure.hint.clone(),
            Self::Limit(_) => "raise the limit with --steps",
            Self::NotPermitted(tool) => {
                return Some(format!(
                    "permit it with --allow {tool}, or every tool with --yes"
                ));
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
