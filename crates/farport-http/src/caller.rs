//! Who sends a request.

use std::{net::IpAddr, sync::Arc};

use farport_core::Principal;
use http::request::Parts;

use crate::{auth::Credential, form::Accepted, permission::Opener};

/// The authenticated sender of a request.
pub(crate) struct Identified {
    pub(crate) principal: Principal,
    /// `None` for anonymous clients, and for principals that the host authenticated.
    pub(crate) credential: Option<Arc<Credential>>,
}

impl Identified {
    /// Converts to the opener of a stream.
    pub(crate) fn opener(self, address: Address) -> Opener {
        Opener {
            principal: self.principal,
            address,
            credential: self.credential,
        }
    }
}

impl From<Principal> for Identified {
    fn from(principal: Principal) -> Self {
        Self {
            principal,
            credential: None,
        }
    }
}

/// The sender of a message, and the head of its request.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    /// The client's address, if the host knows it.
    pub(crate) address: Option<IpAddr>,
    /// The credential that authenticated the request.
    pub(crate) credential: Option<Arc<Credential>>,
    pub(crate) parts: Box<Parts>,
    /// The forms of a response that the client accepts.
    pub(crate) accepted: Accepted,
    /// Whether the log records each request.
    pub(crate) traced: bool,
}

/// The client's address, if the host knows it.
pub(crate) type Address = Option<IpAddr>;
