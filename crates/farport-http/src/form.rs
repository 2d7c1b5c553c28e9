//! The forms of a response.

/// The form of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A JSON body.
    Json,
    /// An event stream.
    Events,
}

/// The forms of a response that a client accepts: at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) events: bool,
    pub(crate) preferred: Form,
}

impl Accepted {
    /// Both forms, JSON first: what most clients send.
    pub(crate) const BOTH: Self = Self {
        events: true,
        preferred: Form::Json,
    };

    /// JSON alone.
    pub(crate) const JSON: Self = Self {
        events: false,
        preferred: Form::Json,
    };

    /// Reports whether a response may be an event stream.
    pub(crate) fn events(self) -> bool {
        self.events
    }

    /// Returns the preferred form.
    pub(crate) fn form(self) -> Form {
        self.preferred
    }
}
