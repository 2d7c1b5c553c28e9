//! `farport new`.

use std::io::{self, Write};
use std::path::Path;

use crate::cli::NewArgs;
use crate::error::Error;
use crate::scaffold::{self, Generated, Repository, Request};
use crate::terminal::{COPY, GOOD};

/// Generates a crate and says what to do with it.
pub(crate) fn run(args: NewArgs) -> Result<(), Error> {
    let generated = scaffold::generate(&Request {
        path: &args.path,
        template: &args.template,
        target: args.target,
        ci: args.ci,
        git: !args.no_git,
        path_deps: args.path_deps,
    })?;
    let mut out = anstream::stdout();
    match args.json {
        true => {
            let line = serde_json::to_string(&generated).map_err(io::Error::from);
            line.and_then(|line| writeln!(out, "{line}"))
        }
        false => tell(&mut out, &args.path, &generated),
    }
    .map_err(Error::Output)
}

fn tell(out: &mut impl Write, asked: &Path, generated: &Generated) -> io::Result<()> {
    let Generated { name, template, .. } = generated;
    writeln!(
        out,
        "{GOOD}Created{GOOD:#} {name} from the template {template}"
    )?;
    if generated.git == Repository::NoProgram {
        writeln!(
            out,
            "It is no git repository: there is no `git` program here."
        )?;
    }
    if generated.own_workspace {
        writeln!(
            out,
            "It is a workspace of its own: the one around it does not take it in."
        )?;
    }
    if generated.released_beside_checkout {
        writeln!(
            out,
            "It depends on a released farport. For the checkout this command was built from, \
             use {COPY}--path-deps{COPY:#}."
        )?;
    }
    writeln!(out)?;
    if asked
        .components()
        .any(|part| part != std::path::Component::CurDir)
    {
        writeln!(
            out,
            "  {COPY}cd {}{COPY:#}",
            in_shell(&asked.display().to_string())
        )?;
    }
    writeln!(
        out,
        "  {COPY}farport dev{COPY:#}   serve it, reload it on every change"
    )?;
    writeln!(
        out,
        "  {COPY}cargo test{COPY:#}    call its tools as a client does"
    )?;
    if generated.is_worker {
        writeln!(
            out,
            "  {COPY}farport deploy{COPY:#}   build it for Cloudflare Workers and deploy it"
        )?;
    }
    writeln!(out)?;
    writeln!(out, "README.md tells the rest.")
}

/// A path as a shell takes it.
fn in_shell(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+' | '~');
    match path.chars().all(plain) && !path.starts_with('~') {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
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
