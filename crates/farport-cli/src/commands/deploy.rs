//! `farport deploy`.

use std::io::{self, Write};
use std::path::Path;

use crate::deploy::Outcome;
use crate::deploy::args::DeployArgs;
use crate::deploy::native::{self, Prepared};
use crate::error::Error;
use crate::project::Project;
use crate::terminal::{COPY, GOOD, WARNING};

/// Deploys the crate in the current folder.
pub(crate) fn run(args: DeployArgs) -> Result<(), Error> {
    let folder = std::path::absolute(Path::new(".")).map_err(Error::Runtime)?;
    let root = Project::root(&folder)?;
    let project = Project::load(root, args.bin.as_deref())?;
    let prepared = native::prepare(&project, args.target, args.force, args.dry_run)?;
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
