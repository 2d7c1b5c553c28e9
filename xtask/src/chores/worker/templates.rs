//! The Workers that `farport` makes of its templates.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::super::test::nextest;
use super::tools;
use crate::process::{self, TESTS};
use crate::project;
use crate::setup::Node;
use crate::steps::Outcome;

/// The tests of `farport deploy` and `farport dev --worker`: each of the two templates is deployed
/// to a stand-in of Cloudflare's API, and one is served by workerd.
///
/// # Errors
/// When one failed.
pub(super) fn run(node: &Node, compiler: Option<&Path>) -> Result<Outcome> {
    let mut variables = Command::new("farport");
    tools::tell(&mut variables, node, compiler)?;
    variables.env("WRANGLER", node.folder.join("node_modules/.bin/wrangler"));
    let mut command = match nextest() {
        Some(mut command) => {
            command.args(["--no-capture", "--filterset"]);
            command.arg("package(farport-cli) and binary(it) and test(/^cloudflare::/)");
            command
        }
        None => {
            let mut command = project::cargo();
            command.args(["test", "--package", "farport-cli", "--test", "it"]);
            command.args(["--", "cloudflare::", "--nocapture"]);
            command
        }
    };
    for (name, value) in variables.get_envs() {
        if let (Some(name), Some(value)) = (name.to_str(), value) {
            command.env(format!("FARPORT_TO_WORKER_{name}"), value);
        }
    }
    process::run(command.env("FARPORT_WORKER_TESTS", "1"), TESTS)?;
    Outcome::passed("deployed to a stand-in of Cloudflare's API; served anew after a change")
}
