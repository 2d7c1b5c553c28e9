//! The fixture server of farport-testkit, which conformance and clients talk to.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::{self, BUILD, Server};
use crate::project;

/// Which server the tests talk to.
#[derive(clap::Args, Default)]
pub(crate) struct Which {
    /// Talk to this server, for example http://127.0.0.1:8787/mcp, instead of building and
    /// starting `farport-fixture`.
    #[arg(long)]
    url: Option<String>,
}

impl Which {
    /// The server at `url`.
    pub(crate) fn at(url: &str) -> Self {
        Self {
            url: Some(url.to_owned()),
        }
    }
}

/// A fixture server that runs, and is stopped with this value if it was started for it.
pub(crate) struct Fixture {
    _server: Option<Server>,
    /// The URL of streamable HTTP.
    pub(crate) url: String,
}

impl Fixture {
    /// Builds `farport-fixture` and starts it on a free port, unless another server was named.
    ///
    /// # Errors
    /// When it does not build, or does not say within 10 s where it listens.
    pub(crate) fn start(which: &Which) -> Result<Self> {
        if let Some(url) = &which.url {
            return Ok(Self {
                _server: None,
                url: url.clone(),
            });
        }
        let mut build = project::cargo();
        build.args([
            "build",
            "--quiet",
            "--package",
            "farport-testkit",
            "--bin",
            "farport-fixture",
        ]);
        process::run(&mut build, BUILD).context("the fixture server does not build")?;
        let mut fixture = Command::new(project::target().join("debug/farport-fixture"));
        let server = Server::start(fixture.args(["--port", "0"]), Duration::from_secs(10))?;
        Ok(Self {
            url: server.url.clone(),
            _server: Some(server),
        })
    }

    /// The URL of the HTTP+SSE transport (2024-11-05).
    pub(crate) fn sse_url(&self) -> String {
        format!("{}/sse", self.url.trim_end_matches("/mcp"))
    }
}
