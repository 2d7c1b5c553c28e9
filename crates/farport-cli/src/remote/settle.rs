//! From arguments to what the bridge is told.

use std::time::Duration;

use farport_bridge::Url;
use farport_bridge::{
    Error, Flow, HttpOptions, Options, Protocol, SignInOptions, StaticClient, Timeouts,
    TransportOrder,
};

use super::args::{ConnectArgs, LoginArgs, ProtocolArg, ServerArgs, SignInArgs, TransportArg};
use super::headers;

/// Pings come this often unless it is said otherwise.
const PING: u64 = 30;

impl ConnectArgs {
    /// What `connect` was asked for.
    pub(crate) fn settle(self) -> Result<Options, Error> {
        let mut options = self.server.settle()?;
        options.sign_in = self.sign_in.settle(options.sign_in)?;
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
    /// What `login` was asked for.
    pub(crate) fn settle(self) -> Result<Options, Error> {
        let mut options = self.server.settle()?;
        options.sign_in = self.sign_in.settle(options.sign_in)?;
        Ok(options)
    }
}

impl ServerArgs {
    fn settle(self) -> Result<Options, Error> {
        let mut options = Options::new(&self.url, self.allow_http)?;
        options.sign_in.callback_port = self.callback_port;
        for text in &self.header {
            options.headers.push(headers::header(text)?);
        }
        if let Some(path) = &self.header_file {
            options.headers.extend(headers::file(path)?);
        }
        options.http = HttpOptions {
            timeouts: Timeouts {
                connect: Duration::from_secs(self.connect_timeout),
                headers: Duration::from_secs(self.headers_timeout),
                body: Duration::from_secs(self.body_timeout),
            },
            proxy: self.enable_proxy,
            ipv4: self.ipv4,
        };
        options.cookies = !self.disable_cookies;
        Ok(options)
    }
}

impl SignInArgs {
    fn settle(self, mut options: SignInOptions) -> Result<SignInOptions, Error> {
        let address = |text: Option<String>, flag: &str| {
            text.map(|text| {
                Url::parse(&text)
                    .map_err(|error| Error::Usage(format!("{flag} is not a URL: {error}.")))
            })
            .transpose()
        };
        options.flow = if self.device_code {
            Flow::Device
        } else if self.client_credentials {
            Flow::ClientCredentials {
                token_endpoint: address(self.token_endpoint, "--token-endpoint")?,
            }
        } else {
            Flow::Browser
        };
        options.callback_host = self.host;
        options.callback_path = self.callback_path;
        options.success_url = address(self.auth_success_url, "--auth-success-url")?;
        options.timeout = Duration::from_secs(self.auth_timeout);
        options.resource = self.resource;
        options.send_resource = !self.disable_resource_parameter;
        options.use_id_token = self.use_id_token;
        options.client_metadata_url = address(self.client_metadata_url, "--client-metadata-url")?;
        for text in &self.authorize_param {
            let Some((name, value)) = text.split_once('=') else {
                return Err(Error::Usage(format!(
                    "--authorize-param {text} is not NAME=VALUE."
                )));
            };
            options
                .authorize_params
                .push((name.to_owned(), value.to_owned()));
        }
        if let Some(text) = &self.static_oauth_client_metadata {
            let flag = "--static-oauth-client-metadata";
            let json = headers::json_or_file(text, flag)?;
            options.client_metadata = serde_json::from_str(&json)
                .map_err(|_| Error::Usage(format!("{flag} is not a JSON object.")))?;
        }
        if let Some(text) = &self.static_oauth_client_info {
            let json = headers::json_or_file(text, "--static-oauth-client-info")?;
            options.client_info = Some(StaticClient::parse(&headers::with_variables(&json)?)?);
        }
        Ok(options)
    }
}
