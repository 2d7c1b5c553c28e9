//! `farport secret`.

use std::io::Write;
use std::path::Path;

use serde_json::json;

use crate::error::Error;
use crate::project::Project;
use crate::terminal::{GOOD, Plain, PlainJson};
use crate::worker::args::{SecretArgs, SecretCommand};
use crate::worker::tools::Needs;
use crate::worker::{Config, Tools, secrets};

/// Sets, lists or deletes secrets of the Worker in the current folder.
pub(crate) fn run(args: SecretArgs) -> Result<(), Error> {
    // Check this first: the other checks take time.
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
            wrangler: true,
            account: true,
        },
    )?;
    let env = args.env.as_deref();
    let mut out = anstream::stdout();
    let written = match args.command {
        SecretCommand::Put { name, random } => {
            let value = if random {
                secrets::random()
            } else {
                secrets::read(&name)?
            };
            secrets::put(&tools, &name, &value, env)?;
            if args.json {
                writeln!(out, "{}", PlainJson(json!({ "put": name })))
            } else {
                writeln!(out, "{GOOD}Set{GOOD:#} {}", Plain(&name))
            }
        }
        SecretCommand::Delete { name } => {
            secrets::delete(&tools, &name, env)?;
            if args.json {
                writeln!(out, "{}", PlainJson(json!({ "deleted": name })))
            } else {
                writeln!(out, "{GOOD}Deleted{GOOD:#} {}", Plain(&name))
            }
        }
        SecretCommand::List => {
            let listed = secrets::list(&tools, env)?;
            match args.json {
                true => writeln!(out, "{}", PlainJson(json!(listed))),
                false if listed.is_empty() => {
                    writeln!(
                        out,
                        "No secrets found. To set one, run `farport secret put NAME`."
                    )
                }
                false => listed
                    .iter()
                    .try_for_each(|secret| writeln!(out, "{}", Plain(&secret.name))),
            }
        }
    };
    written.and_then(|()| out.flush()).map_err(Error::Output)
}
