//! `farport new`.

use std::io::{self, Write};
use std::path::Path;

use crate::cli::NewArgs;
use crate::error::Error;
use crate::scaffold::{self, Farport, Generated, Repository, Request};
use crate::terminal::{COPY, GOOD};

/// Creates a crate and prints the next steps.
pub(crate) fn run(args: NewArgs) -> Result<(), Error> {
    let generated = scaffold::generate(&Request {
        path: &args.path,
        template: &args.template,
        target: args.target,
        ci: args.ci,
        git: !args.no_git,
        farport: match (args.path_deps, args.registry_deps) {
            (true, _) => Farport::Checkout,
            (_, true) => Farport::Registry,
            _ => Farport::Auto,
        },
    })?;
    let mut out = anstream::stdout();
    if args.json {
        let line = serde_json::to_string(&generated).map_err(io::Error::from);
        line.and_then(|line| writeln!(out, "{line}"))
    } else {
        print(&mut out, &args.path, &generated)
    }
    .map_err(Error::Output)
}

fn print(out: &mut impl Write, path: &Path, generated: &Generated) -> io::Result<()> {
    let Generated { name, template, .. } = generated;
    writeln!(
        out,
        "{GOOD}Created{GOOD:#} {name} from the template {template}"
    )?;
    if generated.git == Repository::NoProgram {
        writeln!(
            out,
            "farport found no `git` program, so the crate is not a git repository."
        )?;
    }
    if generated.own_workspace {
        writeln!(
            out,
            "The crate has its own workspace, because the workspace around it does not list it."
        )?;
    }
    if let Some(checkout) = &generated.checkout {
        writeln!(
            out,
            "The crate uses farport from {}. To use a release, pass {COPY}--registry-deps{COPY:#}.",
            checkout.display()
        )?;
    }
    writeln!(out)?;
    if path
        .components()
        .any(|part| part != std::path::Component::CurDir)
    {
        writeln!(
            out,
            "  {COPY}cd {}{COPY:#}",
            in_shell(&path.display().to_string())
        )?;
    }
    writeln!(
        out,
        "  {COPY}farport dev{COPY:#}      serve it, and reload it when a file changes"
    )?;
    writeln!(out, "  {COPY}cargo test{COPY:#}       test its tools")?;
    if generated.is_worker {
        writeln!(
            out,
            "  {COPY}farport deploy{COPY:#}   deploy it to Cloudflare Workers"
        )?;
    }
    writeln!(out)?;
    writeln!(out, "README.md explains the next steps.")
}

/// Quotes a path for a shell.
fn in_shell(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+' | '~');
    if path.chars().all(plain) && !path.starts_with('~') {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::in_shell;

    #[test]
    fn a_path_can_be_pasted_into_a_shell() {
        for (path, pasted) in [
            ("my-server", "my-server"),
            ("../a/b_c", "../a/b_c"),
            ("my folder/server", "'my folder/server'"),
            ("it's/server", r"'it'\''s/server'"),
            ("~/server", "'~/server'"),
        ] {
            assert_eq!(in_shell(path), pasted);
        }
    }
}
