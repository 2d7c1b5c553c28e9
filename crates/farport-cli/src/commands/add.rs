//! `farport add` and `farport remove`.

use std::io::Write;

use farport_bridge::Options;

use crate::clients::{Change, Entry, change};
use crate::error::Error;
use crate::remote::args::{AddArgs, RemoveArgs};
use crate::terminal::{COPY, GOOD};

/// Writes a server into a client's configuration.
pub(crate) fn add(args: AddArgs) -> Result<(), Error> {
    // What cannot be reached is not worth an entry.
    let allow_http = args.connect.iter().any(|arg| arg == "--allow-http");
    Options::new(&args.url, allow_http)?;
    let client = args.client;
    let remote = if args.connect.is_empty() {
        client.remote(&args.url)
    } else {
        None
    };
    let entry = match remote {
        Some(entry) => entry,
        None => {
            // A desktop does not look where the shell looks.
            let program = std::env::current_exe().map_err(Error::Runtime)?;
            let mut words = vec!["connect".to_owned(), args.url.clone()];
            words.extend(args.connect.iter().cloned());
            Entry::program(&program.to_string_lossy(), words)
        }
    };
    let change = change(client, &args.name, |text| {
        client
            .format()
            .put(text, client.table(), &args.name, &entry)
            .map(Some)
    });
    if args.print
        && let Err(crate::clients::Error::Broken { .. }) = &change
    {
        // The entry alone is what somebody with a broken file needs.
        let alone = client.format().put("", client.table(), &args.name, &entry);
        anstream::print!("{}", alone.unwrap_or_default());
        return Ok(());
    }
    let done = format!("{} reaches {} as {}", client.title(), args.url, args.name);
    finish(&change?, args.print, &done, client.title())
}

/// Takes a server out of a client's configuration.
pub(crate) fn remove(args: RemoveArgs) -> Result<(), Error> {
    let client = args.client;
    let change = change(client, &args.name, |text| {
        client.format().take(text, client.table(), &args.name)
    })?;
    let done = format!("{} no longer has {}", client.title(), args.name);
    finish(&change, args.print, &done, client.title())
}

fn finish(change: &Change, only_print: bool, done: &str, title: &str) -> Result<(), Error> {
    let mut out = anstream::stdout();
    if only_print {
        return write!(out, "{}", change.after).map_err(Error::Output);
    }
    let backup = change.make()?;
    let mut show = || {
        writeln!(out, "{COPY}{}{COPY:#}", change.path.display())?;
        for (sign, line) in change.lines() {
            writeln!(out, "  {sign} {line}")?;
        }
        if let Some(backup) = &backup {
            writeln!(out, "What was there is in {}", backup.display())?;
        }
        writeln!(out, "{GOOD}{done}.{GOOD:#} Start {title} again to use it.")?;
        out.flush()
    };
    show().map_err(Error::Output)
}
