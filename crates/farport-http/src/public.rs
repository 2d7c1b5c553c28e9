//! In place of sign-in, in a program without it. [`Auth`] has no values, so the compiler removes the code
//! of protected servers.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use farport_core::{BoxFuture, Principal, Request, RequestMeta, Runtime, policy::Policy};
use http::{Response, request::Parts};

use crate::{
    Body, Limits,
    caller::{Address, Identified},
    permission::StreamPermission,
    refusal::Refusal,
    theme::Theme,
};

/// The protection of a server. This program has none.
#[derive(Debug)]
pub enum Auth {}

/// The credential of a request. No request has one.
#[derive(Debug)]
pub(crate) enum Credential {}

impl Auth {
    pub(crate) fn policy(&self) -> &Arc<Policy> {
        match *self {}
    }

    pub(crate) fn theme(&self) -> &Theme {
        match *self {}
    }

    pub(crate) fn issuer(&self, _: &Parts) -> Option<&Arc<str>> {
        match *self {}
    }

    pub(crate) async fn identify(
        &self,
        _: &Parts,
        _: &'static str,
        _: Address,
        _: &Arc<dyn Runtime>,
    ) -> Result<Identified, Refusal> {
        match *self {}
    }

    pub(crate) fn permit(
        &self,
        _: &Principal,
        _: &Parts,
        _: &Request,
        _: &RequestMeta,
    ) -> Result<(), Refusal> {
        match *self {}
    }

    pub(crate) fn lease(
        self: &Arc<Self>,
        _: Arc<Credential>,
        _: Arc<dyn Runtime>,
        mut permission: impl StreamPermission,
    ) -> BoxFuture<'static, ()> {
        let auth = self.clone();
        Box::pin(async move {
            permission.is_permitted(auth.policy(), &Principal::Anonymous);
        })
    }
}

/// The endpoints of OAuth.
pub(crate) enum OAuthRoutes {}

impl OAuthRoutes {
    pub(crate) fn new(auth: Arc<Auth>, _: Arc<dyn Runtime>, _: Limits) -> Self {
        match *auth {}
    }

    pub(crate) async fn handle<B>(
        &self,
        _: &Parts,
        _: B,
        _: Option<IpAddr>,
    ) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes>,
    {
        match *self {}
    }
}
