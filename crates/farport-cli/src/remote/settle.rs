//! Converts arguments to the options of farport-client.

use farport_client::parse_url;
use std::time::Duration;

use farport_client::{
    Flow, HttpOptions, Options, Protocol, SignInOptions, StaticClient, Timeouts, TransportOrder,
};

use super::args::{ConnectArgs, LoginArgs, ProtocolArg, ServerArgs, SignInArgs, TransportArg};
use super::headers::{self, Variables};
use crate::error::Error;
use crate::file_error::FileError;

/// Seconds between two pings, unless --ping-interval is given.
const PING: u64 = 30;

impl ConnectArgs {
    /// The options of `connect`.
    pub(crate) fn settle(self, variables: Variables) -> Result<Options, Error> {
        let mut options = self.server.settle(variables)?;
        options.sign_in = self.sign_in.settle(options.sign_in, variables)?;
        options.transport = match self.transport {
            TransportArg::HttpFirst => TransportOrder::HttpFirst,
            TransportArg::SseFirst => TransportOrder::SseFirst,
            TransportArg::HttpOnly => TransportOrder::HttpOnly,
            TransportArg::SseOnly => TransportOrder::SseOnly,
        };
        options.protocol = match self.protocol {
            ProtocolArg::Auto => Protocol::Auto,
            ProtocolArg::Legacy => Protocol::Legacy,
        };
        options.ignored_tools = self.ignore_tool;
        options.ping = self
            .ping_interval
            .or(self.keep_alive.then_some(PING))
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs);
        Ok(options)
    }
}

impl LoginArgs {
    /// The options of `login`.
    pub(crate) fn settle(self, variables: Variables) -> Result<Options, Error> {
        let mut options = self.server.settle(variables)?;
        options.sign_in = self.sign_in.settle(options.sign_in, variables)?;
        Ok(options)
    }
}

impl ServerArgs {
    fn settle(self, variables: Variables) -> Result<Options, Error> {
        super::address::check(&self.url, self.allow_http)?;
        let mut options = Options::new(&self.url, self.allow_http)?;
        options.sign_in.callback_port = self.callback_port;
        for text in &self.header {
            options.headers.push(headers::header(text, variables)?);
        }
        if let Some(path) = &self.header_file {
            options.headers.extend(headers::file(path, variables)?);
        }
        options.http = HttpOptions {
            timeouts: Timeouts {
                connect: Duration::from_secs(self.connect_timeout),
                headers: Duration::from_secs(self.headers_timeout),
                body: Duration::from_secs(self.body_timeout),
            },
            proxy: self.enable_proxy,
            ipv4: self.ipv4,
            ..HttpOptions::default()
        };
        options.cookies = !self.disable_cookies;
        Ok(options)
    }
}

impl SignInArgs {
    fn settle(
        self,
        mut options: SignInOptions,
        variables: Variables,
    ) -> Result<SignInOptions, Error> {
        let parse_url = |text: Option<String>, flag: &'static str| {
            text.map(|text| {
                parse_url(&text).map_err(|error| super::Error::Url {
                    flag,
                    why: error.to_string(),
                })
            })
            .transpose()
        };
        options.flow = if self.device_code {
            Flow::Device
        } else if self.client_credentials {
            Flow::ClientCredentials {
                token_endpoint: parse_url(self.token_endpoint, "--token-endpoint")?,
            }
        } else {
            Flow::Browser
        };
        options.callback_host = self.host;
        options.callback_path = self.callback_path;
        options.success_url = parse_url(self.auth_success_url, "--auth-success-url")?;
        options.timeout = Duration::from_secs(self.auth_timeout);
        options.resource = self.resource;
        options.send_resource = !self.disable_resource_parameter;
        options.use_id_token = self.use_id_token;
        options.client_metadata_url = parse_url(self.client_metadata_url, "--client-metadata-url")?;
        for text in &self.authorize_param {
            let Some((name, value)) = text.split_once('=') else {
                let value = text.clone();
                return Err(super::Error::AuthorizeParam { value }.into());
            };
            options
                .authorize_params
                .push((name.to_owned(), value.to_owned()));
        }
        if let Some(text) = &self.static_oauth_client_metadata {
            let flag = "--static-oauth-client-metadata";
            let json = FileError::text_of(flag, text).map_err(super::Error::from)?;
            options.client_metadata =
                serde_json::from_str(&json).map_err(|_| super::Error::Json { flag })?;
        }
        if let Some(text) = &self.static_oauth_client_info {
            let json = FileError::text_of("--static-oauth-client-info", text);
            let json = json.map_err(super::Error::from)?;
            options.client_info = Some(StaticClient::parse(&headers::with_variables(
                &json, variables,
            )?)?);
        }
        Ok(options)
    }
}
