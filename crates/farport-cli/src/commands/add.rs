//! `farport add` and `farport remove`.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::clients::{self, Applied, Client, Entry, Home, apply, plan};
use crate::error::Error;
use crate::remote::address;
use crate::remote::args::{AddArgs, RemoveArgs};
use crate::terminal::{COPY, GOOD, Plain, PlainLines, WARNING, shown_url};

/// Adds a server to a client's configuration.
pub(crate) fn add(args: AddArgs) -> Result<(), Error> {
    // Check the URL first: an entry with an invalid URL is useless.
    address::check(
        &args.url,
        args.connect.iter().any(|arg| arg == "--allow-http"),
    )?;
    crate::cli::check_connect(&args.url, &args.connect)?;
    let client = args.client;
    let path = file(client, args.project)?;
    let remote = if args.connect.is_empty() {
        Entry::remote(client, &args.name, &args.url)
    } else {
        None
    };
    let entry = match remote {
        Some(entry) => entry,
        None => {
            let program = if args.project {
                // Other users share the project's file.
                PathBuf::from("farport")
            } else {
                // The PATH of a desktop client may not contain farport.
                std::env::current_exe().map_err(Error::Runtime)?
            };
            let mut words = vec!["connect".to_owned(), args.url.clone()];
            words.extend(args.connect.iter().cloned());
            Entry::program(client, &args.name, &program.to_string_lossy(), &words)
        }
    };
    let (format, table, key) = (client.format(), client.table(), client.key(&args.name));
    let edit = |text: &str| format.put(text, table, &key, &entry).map(Some);
    let (title, url) = (client.title(), shown_url(&args.url));
    if args.print {
        return match plan(&path, &args.name, &edit) {
            Ok(change) => print(&change.after),
            // If the file is broken, print only the entry.
            Err(clients::Error::Broken { .. }) => {
                print(&format.put("", table, &key, &entry).unwrap_or_default())
            }
            Err(error) => Err(error.into()),
        };
    }
    warn_if_missing(client);
    report(
        &apply(&path, &args.name, &edit)?,
        &format!("Added {} ({url}) to {title}", args.name),
        &format!("{title} already has this entry for {}", args.name),
        title,
    )
}

/// Removes a server from a client's configuration.
pub(crate) fn remove(args: RemoveArgs) -> Result<(), Error> {
    let client = args.client;
    let path = file(client, args.project)?;
    let (format, table, key) = (client.format(), client.table(), client.key(&args.name));
    let edit = |text: &str| format.take(text, table, &key);
    if args.print {
        return print(&plan(&path, &args.name, &edit)?.after);
    }
    let title = client.title();
    let done = format!("Removed {} from {title}", args.name);
    report(&apply(&path, &args.name, &edit)?, &done, &done, title)
}

/// Returns the path of the configuration to edit.
fn file(client: Client, project: bool) -> Result<PathBuf, Error> {
    if project {
        let folder = std::path::absolute(Path::new(".")).map_err(Error::Runtime)?;
        let file = client.project_file(&folder);
        return Ok(file.ok_or(clients::Error::NoProject(client.title()))?);
    }
    let home = Home::of_user().ok_or(clients::Error::NoHome)?;
    Ok(client.file(&home))
}

/// Warns if the client does not seem to be installed. farport writes the configuration anyway.
fn warn_if_missing(client: Client) {
    let home = Home::of_user();
    if let Some(trace) = home.and_then(|home| client.missing(&home)) {
        anstream::eprintln!(
            "{WARNING}warning{WARNING:#}: {} does not seem to be installed: {} does not exist",
            client.title(),
            Plain(trace.display())
        );
    }
}

/// Prints a configuration: unchanged to a file or pipe, and escaped to a terminal.
fn print(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    let written = if out.is_terminal() {
        text.lines()
            .try_for_each(|line| writeln!(out, "{}", Plain(line.replace('\t', "    "))))
    } else {
        out.write_all(text.as_bytes())
    };
    written.and_then(|()| out.flush()).map_err(Error::Output)
}

fn report(applied: &Applied, done: &str, same: &str, title: &str) -> Result<(), Error> {
    let mut out = anstream::stdout();
    let mut show = || match applied {
        Applied::Unchanged(path) => {
            writeln!(out, "{COPY}{}{COPY:#}", Plain(path.display()))?;
            writeln!(out, "{GOOD}{}.{GOOD:#} Nothing to change.", Plain(same))
        }
        Applied::Changed { change, backup } => {
            writeln!(out, "{COPY}{}{COPY:#}", Plain(change.path.display()))?;
            for (sign, line) in change.lines() {
                writeln!(out, "  {sign} {}", Plain(line.replace('\t', "    ")))?;
            }
            if let Some(backup) = backup {
                writeln!(out, "Backup: {}", Plain(backup.display()))?;
            }
            writeln!(
                out,
                "{GOOD}{}.{GOOD:#} Restart {title} to apply the change.",
                PlainLines(done)
            )
        }
    };
    show().and_then(|()| out.flush()).map_err(Error::Output)
}
