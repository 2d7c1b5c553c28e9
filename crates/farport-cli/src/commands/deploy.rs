//! `farport deploy`.

use std::io::{self, Write};
use std::path::Path;

use serde_json::json;

use crate::deploy::Outcome;
use crate::deploy::args::{DeployArgs, Target};
use crate::deploy::native::{self, FileTarget, Prepared};
use crate::error::Error;
use crate::project::{Platform, Project};
use crate::terminal::{COPY, GOOD, Plain, PlainJson, WARNING};
use crate::worker::build::{self, Programs, Size};
use crate::worker::tools::Needs;
use crate::worker::wrangler::{self, Deployed, Deployment};
use crate::worker::{self, Config, Tools, secrets};

/// Deploys the crate in the current folder.
pub(crate) fn run(args: DeployArgs) -> Result<(), Error> {
    let folder = std::path::absolute(Path::new(".")).map_err(Error::Runtime)?;
    let root = Project::root(&folder)?;
    let target = match args.target {
        Target::Workers => return to_workers(root, &args),
        Target::Docker => FileTarget::Docker,
        Target::Systemd => FileTarget::Systemd,
        Target::Fly => FileTarget::Fly,
    };
    let of_workers = [
        ("--env", args.env.is_some()),
        ("--secrets-file", args.secrets_file.is_some()),
        ("--build-only", args.build_only),
    ];
    if let Some((option, _)) = of_workers.into_iter().find(|(_, given)| *given) {
        return Err(worker::Error::OnlyWorkers { option }.into());
    }
    let project = Project::load(root, args.bin.as_deref(), Platform::Any)?;
    let prepared = native::prepare(&project, target, args.force, args.dry_run)?;
    let mut out = anstream::stdout();
    if args.json {
        let line = serde_json::to_string(&prepared).map_err(io::Error::from);
        line.and_then(|line| writeln!(out, "{line}"))
    } else {
        print(&mut out, root, &prepared, args.dry_run)
    }
    .map_err(Error::Output)
}

fn print(out: &mut impl Write, root: &Path, prepared: &Prepared, dry_run: bool) -> io::Result<()> {
    for file in &prepared.files {
        let action = match (file.outcome, dry_run) {
            (Outcome::New, false) => "Created",
            (Outcome::New, true) => "Would create",
            (Outcome::Replaced, false) => "Overwrote",
            (Outcome::Replaced, true) => "Would overwrite",
            (Outcome::Same, _) => "Unchanged:",
        };
        let path = file.path.strip_prefix(root).unwrap_or(&file.path);
        writeln!(out, "{GOOD}{action}{GOOD:#} {}", Plain(path.display()))?;
    }
    for folder in &prepared.out_of_reach {
        writeln!(
            out,
            "{WARNING}warning{WARNING:#}: `{}` is outside the workspace, so the image cannot contain \
             it: use a version or git dependency",
            Plain(folder.display())
        )?;
    }
    writeln!(out)?;
    for step in &prepared.next {
        writeln!(out, "  {COPY}{}{COPY:#}", Plain(&step.command))?;
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
        wrangler: !args.build_only,
        account: !args.dry_run,
    };
    let tools = Tools::find(root, needs)?;
    let uploads = !args.dry_run && !args.build_only;
    // wrangler checks the secrets in a file.
    if uploads && args.secrets_file.is_none() {
        secrets::check(&config, &tools, args.env.as_deref())?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    runtime.block_on(build::build(root, true, Programs::in_foreground()))?;
    let size = build::size(&main)?;
    // Print the size before the upload: it explains why Cloudflare rejects a Worker that is too large.
    anstream::eprintln!("{GOOD}Built{GOOD:#} the Worker: {}", format_size(size));
    if args.build_only {
        return if args.json {
            writeln!(anstream::stdout(), "{}", PlainJson(report(size, None)))
        } else {
            Ok(())
        }
        .map_err(Error::Output);
    }
    let deployment = Deployment {
        dry_run: args.dry_run,
        env: args.env.as_deref(),
        secrets_file: args.secrets_file.as_deref(),
    };
    let deployed = wrangler::deploy(&config, &tools, deployment)?;
    let mut out = anstream::stdout();
    if args.json {
        writeln!(out, "{}", PlainJson(report(size, deployed.as_ref())))
    } else {
        announce(&mut out, deployed.as_ref())
    }
    .map_err(Error::Output)
}

/// Formats a size for the user.
fn format_size(Size { raw, gzip }: Size) -> String {
    let kib = |bytes: u64| bytes.div_ceil(1024);
    format!(
        "{} KiB compressed, {} KiB uncompressed",
        kib(gzip),
        kib(raw)
    )
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
        return writeln!(out, "Dry run: nothing was uploaded.");
    };
    let name = Plain(deployed.name.as_deref().unwrap_or("server"));
    writeln!(out, "{GOOD}Deployed{GOOD:#} {name}")?;
    for origin in deployed.origins.iter().map(Plain) {
        writeln!(out, "  {COPY}{origin}/mcp{COPY:#}  (streamable HTTP)")?;
        writeln!(
            out,
            "  {COPY}{origin}/sse{COPY:#}  (HTTP+SSE, for older clients)"
        )?;
    }
    match deployed.origins.first().map(Plain) {
        Some(origin) => {
            writeln!(out)?;
            writeln!(
                out,
                "  {COPY}farport add claude {name} {origin}/mcp{COPY:#}"
            )
        }
        None => writeln!(
            out,
            "The Worker has no URL on workers.dev; use the routes in wrangler's configuration."
        ),
    }
}
