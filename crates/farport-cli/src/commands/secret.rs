//! `farport secret`.

use std::io::Write;
use std::path::Path;

use serde_json::json;

use crate::error::Error;
use crate::project::Project;
use crate::terminal::GOOD;
use crate::worker::args::{SecretArgs, SecretCommand};
use crate::worker::tools::Needs;
use crate::worker::{Config, Tools, secrets};

/// Sets, lists or deletes secrets of the worker in the current folder.
pub(crate) fn run(args: SecretArgs) -> Result<(), Error> {
    // Before anything that takes its time.
    if let SecretCommand::Put { name, .. } | SecretCommand::Delete { name } = &args.command {
        secrets::check_name(name)?;
    }
    let folder = std::path::absolute(Path::new(".")).map_err(Error::Runtime)?;
    let root = Project::root(&folder)?;
    Config::load(root)?;
    let tools = Tools::find(
        root,
        Needs {
            build: false,
            account: true,
        },
    )?;
    let env = args.env.as_deref();
    let mut out = anstream::stdout();
    let written = match args.command {
        SecretCommand::Put { name, random } => {
            let value = match random {
                true => secrets::random(),
                false => secrets::read(&name)?,
            };
            secrets::put(&tools, &name, &value, env)?;
            match args.json {
                true => writeln!(out, "{}", json!({ "put": name })),
                false => writeln!(out, "{GOOD}Set{GOOD:#} {name}"),
            }
        }
        SecretCommand::Delete { name } => {
            secrets::delete(&tools, &name, env)?;
            match args.json {
                true => writeln!(out, "{}", json!({ "deleted": name })),
                false => writeln!(out, "{GOOD}Deleted{GOOD:#} {name}"),
            }
        }
        SecretCommand::List => {
            let listed = secrets::list(&tools, env)?;
            match args.json {
                true => writeln!(out, "{}", json!(listed)),
                false if listed.is_empty() => {
                    writeln!(out, "No secrets. `farport secret put NAME` sets one.")
                }
                false => listed
                    .iter()
                    .try_for_each(|secret| writeln!(out, "{}", secret.name)),
            }
        }
    };
    written.and_then(|()| out.flush()).map_err(Error::Output)
}
