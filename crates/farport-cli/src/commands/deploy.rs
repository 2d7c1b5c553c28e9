//! `farport deploy`.

use std::io::{self, Write};
use std::path::Path;

use serde_json::json;

use crate::deploy::Outcome;
use crate::deploy::args::{DeployArgs, Target};
use crate::deploy::native::{self, Place, Prepared};
use crate::error::Error;
use crate::project::Project;
use crate::terminal::{COPY, GOOD, WARNING};
use crate::worker::build::{self, Size};
use crate::worker::tools::Needs;
use crate::worker::wrangler::{self, Deployed, Deployment};
use crate::worker::{self, Config, Tools};

/// Deploys the crate in the current folder.
pub(crate) fn run(args: DeployArgs) -> Result<(), Error> {
    let folder = std::path::absolute(Path::new(".")).map_err(Error::Runtime)?;
    let root = Project::root(&folder)?;
    let place = match args.target {
        Target::Workers => return to_workers(root, &args),
        Target::Docker => Place::Docker,
        Target::Systemd => Place::Systemd,
        Target::Fly => Place::Fly,
    };
    let of_workers = [
        ("--env", args.env.is_some()),
        ("--secrets-file", args.secrets_file.is_some()),
    ];
    if let Some((option, _)) = of_workers.into_iter().find(|(_, given)| *given) {
        return Err(worker::Error::OnlyWorkers { option }.into());
    }
    let project = Project::load(root, args.bin.as_deref())?;
    let prepared = native::prepare(&project, place, args.force, args.dry_run)?;
    let mut out = anstream::stdout();
    match args.json {
        true => {
            let line = serde_json::to_string(&prepared).map_err(io::Error::from);
            line.and_then(|line| writeln!(out, "{line}"))
        }
        false => tell(&mut out, root, &prepared, args.dry_run),
    }
    .map_err(Error::Output)
}

fn tell(out: &mut impl Write, root: &Path, prepared: &Prepared, dry_run: bool) -> io::Result<()> {
    for file in &prepared.files {
        let did = match (file.outcome, dry_run) {
            (Outcome::New, false) => "Wrote",
            (Outcome::New, true) => "Would write",
            (Outcome::Replaced, false) => "Wrote over",
            (Outcome::Replaced, true) => "Would write over",
            (Outcome::Same, _) => "As it was:",
        };
        let path = file.path.strip_prefix(root).unwrap_or(&file.path);
        writeln!(out, "{GOOD}{did}{GOOD:#} {}", path.display())?;
    }
    for folder in &prepared.out_of_reach {
        writeln!(
            out,
            "{WARNING}warning{WARNING:#}: the image is built from the workspace alone, and `{}` is \
             outside of it: depend on it by version or by git",
            folder.display()
        )?;
    }
    writeln!(out)?;
    for step in &prepared.next {
        writeln!(out, "  {COPY}{}{COPY:#}", step.command)?;
        if !step.note.is_empty() {
            writeln!(out, "      {}", step.note)?;
        }
    }
    Ok(())
}

fn to_workers(root: &Path, args: &DeployArgs) -> Result<(), Error> {
    let config = Config::load(root)?;
    let main = config.main()?;
    let needs = Needs {
        build: true,
        account: !args.dry_run,
    };
    let tools = Tools::find(root, needs)?;
    build::build(root, &tools)?;
    let size = build::size(&main)?;
    // Before it is sent: when Cloudflare finds it too large, this says why.
    anstream::eprintln!("{GOOD}Built{GOOD:#} {}", in_words(size));
    let deployment = Deployment {
        dry_run: args.dry_run,
        env: args.env.as_deref(),
        secrets_file: args.secrets_file.as_deref(),
    };
    let deployed = wrangler::deploy(&config, &tools, deployment)?;
    let mut out = anstream::stdout();
    match args.json {
        true => writeln!(out, "{}", report(size, deployed.as_ref())),
        false => announce(&mut out, deployed.as_ref()),
    }
    .map_err(Error::Output)
}

/// A size as people read it.
fn in_words(Size { raw, gzip }: Size) -> String {
    let kib = |bytes: u64| bytes.div_ceil(1024);
    format!("{} KiB compressed, {} KiB as it is", kib(gzip), kib(raw))
}

fn report(size: Size, deployed: Option<&Deployed>) -> serde_json::Value {
    let urls = |path: &str| -> Vec<String> {
        let origins = deployed.iter().flat_map(|deployed| &deployed.origins);
        origins.map(|origin| format!("{origin}{path}")).collect()
    };
    json!({
        "size": size,
        "deployed": deployed.is_some(),
        "name": deployed.and_then(|deployed| deployed.name.as_deref()),
        "version": deployed.and_then(|deployed| deployed.version.as_deref()),
        "mcp": urls("/mcp"),
        "sse": urls("/sse"),
    })
}

fn announce(out: &mut impl Write, deployed: Option<&Deployed>) -> io::Result<()> {
    let Some(deployed) = deployed else {
        return writeln!(out, "Nothing was sent: this was a dry run.");
    };
    let name = deployed.name.as_deref().unwrap_or("server");
    writeln!(out, "{GOOD}Deployed{GOOD:#} {name}")?;
    for origin in &deployed.origins {
        writeln!(out, "  {COPY}{origin}/mcp{COPY:#}  (streamable HTTP)")?;
        writeln!(
            out,
            "  {COPY}{origin}/sse{COPY:#}  (HTTP+SSE, for older clients)"
        )?;
    }
    match deployed.origins.first() {
        Some(origin) => {
            writeln!(out)?;
            writeln!(
                out,
                "  {COPY}farport add claude {name} {origin}/mcp{COPY:#}"
            )
        }
        None => writeln!(
            out,
            "It has no address of its own: the routes of wrangler's configuration lead to it."
        ),
    }
}
