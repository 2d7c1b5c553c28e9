//! Finds a saved server by its name: in the configurations of MCP clients, and among the sign-ins.

use std::path::{Path, PathBuf};

use farport_client::{Command, Store, parse_url};
use farport_ui::{SavedServer, Target};
use secrecy::{ExposeSecret, SecretString};

use super::Error;
use crate::clients::{Home, Place, Saved};
use crate::terminal::shown_url;

/// The servers in the configurations of this project and this user.
fn configured() -> Vec<Saved> {
    let folder = std::path::absolute(Path::new(".")).unwrap_or_else(|_| PathBuf::from("."));
    Saved::all(Home::of_user().as_ref(), &folder)
}

/// The servers of the configurations, for the inspector.
pub(crate) fn for_inspector() -> Vec<SavedServer> {
    let all = configured().into_iter();
    all.map(|saved| SavedServer {
        id: saved.id(),
        name: saved.name.clone(),
        client: saved.client.title().to_owned(),
        file: saved.file.clone(),
        missing: match &saved.place {
            Place::Remote(remote) => remote.missing.clone(),
            Place::Program(_) => Vec::new(),
        },
        target: target(&saved),
    })
    .collect()
}

/// How the inspector reaches a server.
fn target(saved: &Saved) -> Target {
    match &saved.place {
        Place::Remote(remote) => {
            let target = Target::new(
                remote.url.clone(),
                remote.headers.clone(),
                remote.allow_http,
            );
            match remote.sse {
                true => target.sse(),
                false => target,
            }
        }
        Place::Program(program) => {
            let mut command = Command::new(&program.command).args(&program.args);
            for (name, value) in &program.variables {
                command = command.env(name, value.expose_secret());
            }
            if let Some(folder) = &program.folder {
                command = command.current_dir(folder);
            }
            Target::started_by(command, program.shown())
        }
    }
}

/// Finds the server that the user named. `None` if `text` is a URL. `given` are the headers on the
/// command line.
///
/// # Errors
/// When no server has this name, or several have it.
pub(crate) fn find(
    text: &str,
    given: &[(String, SecretString)],
) -> Result<Option<Target>, crate::error::Error> {
    if text.contains("://") {
        return Ok(None);
    }
    let configured = configured();
    if let Some(found) = pick(&configured, text)? {
        if let Place::Remote(remote) = &found.place {
            super::address::check(&remote.url, remote.allow_http)?;
            let is_given = |header: &str| {
                let mut names = given.iter().map(|(name, _)| name);
                names.any(|name| name.eq_ignore_ascii_case(header))
            };
            if let Some(header) = remote.missing.iter().find(|header| !is_given(header)) {
                let (name, header) = (text.to_owned(), header.clone());
                return Err(Error::MissingHeader { name, header }.into());
            }
        }
        return Ok(Some(target(found)));
    }
    let sign_ins = Store::of_user()?.list().unwrap_or_default();
    let mut servers: Vec<&str> = sign_ins
        .iter()
        .filter(|one| one.key == text || host(&one.server).as_deref() == Some(text))
        .map(|one| one.server.as_str())
        .collect();
    servers.dedup();
    match servers[..] {
        [server] => return Ok(Some(Target::new(server.to_owned(), Vec::new(), false))),
        [] => {}
        _ => {
            return Err(Error::Ambiguous {
                name: text.to_owned(),
                found: servers.into_iter().map(shown_url).collect(),
            }
            .into());
        }
    }
    // Other text is an incomplete URL.
    if text == "localhost" || text.contains(['.', '/', ':', '?', '[']) {
        return Ok(None);
    }
    let similar = |saved: &&Saved| strsim::jaro_winkler(&saved.name, text) > 0.8;
    let similar = configured.iter().find(similar);
    Err(Error::NotSaved {
        name: text.to_owned(),
        similar: similar.map(|saved| saved.name.clone()),
    }
    .into())
}

/// The host of a URL.
fn host(url: &str) -> Option<String> {
    Some(parse_url(url).ok()?.host_str()?.to_owned())
}

/// The server with this name, or with the client's name before it. Entries for the same server count
/// as one.
fn pick<'a>(all: &'a [Saved], text: &str) -> Result<Option<&'a Saved>, Error> {
    let named: Vec<&Saved> = all
        .iter()
        .filter(|saved| saved.name == text || saved.qualified() == text || saved.id() == text)
        .collect();
    let Some((first, others)) = named.split_first() else {
        return Ok(None);
    };
    if others.iter().all(|other| other.is_like(first)) {
        return Ok(Some(first));
    }
    // Qualified, the project's entry hides the user's.
    if text != first.name && named.iter().all(|one| one.client == first.client) {
        return Ok(Some(first));
    }
    Err(Error::Ambiguous {
        name: text.to_owned(),
        found: {
            let mut found: Vec<String> = named.iter().map(|saved| saved.qualified()).collect();
            found.dedup();
            found
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::Client;

    fn saved(client: Client, project: bool, name: &str, url: &str) -> Saved {
        Saved {
            client,
            project,
            name: name.to_owned(),
            file: PathBuf::new(),
            place: Place::Remote(crate::clients::Remote {
                url: url.to_owned(),
                ..Default::default()
            }),
        }
    }

    #[test]
    fn a_name_finds_one_server() {
        let all = [
            saved(Client::Cursor, true, "a", "https://a.example"),
            saved(Client::Cursor, false, "a", "https://b.example"),
            saved(Client::Vscode, false, "same", "https://c.example"),
            saved(Client::Zed, false, "same", "https://c.example"),
        ];
        let file = |text: &str| pick(&all, text).map(|found| found.map(Saved::id));
        assert_eq!(file("same").unwrap().unwrap(), "vscode:same");
        assert_eq!(file("zed:same").unwrap().unwrap(), "zed:same");
        assert_eq!(file("cursor:a").unwrap().unwrap(), "project:cursor:a");
        assert_eq!(file("none").unwrap(), None);
        let error = file("a").unwrap_err();
        assert_eq!(error.to_string(), "several servers are named `a`");
        assert_eq!(error.hint().unwrap(), "name one of them: cursor:a");
    }
}
