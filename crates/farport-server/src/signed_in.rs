//! The signed-in user, as an argument of a tool.

use std::{ops::Deref, sync::Arc};

use farport_core::{Principal, User};
use rmcp::{
    ErrorData, RoleServer,
    handler::server::common::{AsRequestContext, FromContextPart},
    service::RequestContext,
};

/// The user who calls a tool, as one of its arguments:
///
/// ```
/// # use farport::SignedIn;
/// # use rmcp::{tool, tool_router, handler::server::router::tool::ToolRouter};
/// # struct Tools { tool_router: ToolRouter<Self> }
/// # #[tool_router] impl Tools {
/// #[tool(description = "Returns your name.")]
/// fn whoami(&self, user: SignedIn) -> String {
///     user.name.clone().unwrap_or_else(|| user.subject.to_string())
/// }
/// # }
/// ```
///
/// For an anonymous caller, the call fails with an error that requires sign-in.
#[derive(Clone, Debug)]
pub struct SignedIn(pub Arc<User>);

impl SignedIn {
    /// Returns the user of a request, or `None` for an anonymous caller. It is for handlers without
    /// macros.
    pub fn of(context: &RequestContext<RoleServer>) -> Option<Self> {
        match context.extensions.get::<Principal>() {
            Some(Principal::User(user)) => Some(Self(user.clone())),
            Some(Principal::Anonymous) | None => None,
        }
    }
}

impl Deref for SignedIn {
    type Target = User;

    fn deref(&self) -> &User {
        &self.0
    }
}

impl<C: AsRequestContext> FromContextPart<C> for SignedIn {
    fn from_context_part(context: &mut C) -> Result<Self, ErrorData> {
        let found = Self::of(context.as_request_context());
        found.ok_or_else(|| ErrorData::invalid_request("Sign in to use this tool", None))
    }
}
