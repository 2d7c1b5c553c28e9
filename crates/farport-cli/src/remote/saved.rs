//! Finds a saved server by its name: in the configurations of MCP clients, and among the sign-ins.

use std::path::{Path, PathBuf};

use farport_client::{Command, Store, parse_url};
use farport_ui::{SavedServer, Target};
use secrecy::{ExposeSecret, SecretString};

use super::Error;
use crate::clients::{Home, Place, Program, Remote, Saved};
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
        target: to_inspect(&saved.place),
    })
    .collect()
}

/// How the inspector reaches a server.
fn to_inspect(place: &Place) -> Target {
    match place {
        Place::Remote(remote) => {
            let target = Target::new(
                remote.url.clone(),
                remote.headers.clone(),
                remote.allow_http,
            );
            if remote.sse { target.sse() } else { target }
        }
        Place::Program(program) => Target::started_by(command(program), program.shown()),
    }
}

/// Starts the program of an entry.
pub(crate) fn command(program: &Program) -> Command {
    let mut command = Command::new(&program.command).args(&program.args);
    for (name, value) in &program.variables {
        command = command.env(name, value.expose_secret());
    }
    if let Some(folder) = &program.folder {
        command = command.current_dir(folder);
    }
    command
}

/// The server at the URL or with the name `text`, for the inspector. `given` are the headers on the
/// command line; `allow_http` permits plain HTTP to other machines.
///
/// # Errors
/// When the URL is invalid, no server has this name, or several have it.
pub(crate) fn target(
    text: &str,
    given: Vec<(String, SecretString)>,
    allow_http: bool,
) -> Result<Target, crate::error::Error> {
    let names: Vec<&str> = given.iter().map(|(name, _)| name.as_str()).collect();
    if let Some(place) = place(text, &names, allow_http)? {
        return Ok(to_inspect(&place).with_headers(given).with_http(allow_http));
    }
    super::address::check(text, allow_http)?;
    Ok(Target::new(text.to_owned(), given, allow_http))
}

/// Finds the server that the user named. `None` if `text` is a URL. `given` are the names of the headers
/// on the command line; `allow_http` permits plain HTTP to other machines.
///
/// # Errors
/// When no server has this name, or several have it.
pub(crate) fn place(
    text: &str,
    given: &[&str],
    allow_http: bool,
) -> Result<Option<Place>, crate::error::Error> {
    if text.contains("://") {
        return Ok(None);
    }
    let configured = configured();
    if let Some(found) = pick(&configured, text)? {
        if let Place::Remote(remote) = &found.place {
            super::address::check(&remote.url, remote.allow_http || allow_http)?;
            let is_given =
                |header: &str| given.iter().any(|name| name.eq_ignore_ascii_case(header));
            if let Some(header) = remote.missing.iter().find(|header| !is_given(header)) {
                let (name, header) = (text.to_owned(), header.clone());
                return Err(Error::MissingHeader { name, header }.into());
            }
        }
        return Ok(Some(found.place.clone()));
    }
    let sign_ins = Store::of_user()?.list().unwrap_or_default();
    let mut servers: Vec<&str> = sign_ins
        .iter()
        .filter(|one| one.key == text || host(&one.server).as_deref() == Some(text))
        .map(|one| one.server.as_str())
        .collect();
    servers.dedup();
    match servers[..] {
        [server] => {
            return Ok(Some(Place::Remote(Remote::at(server.to_owned()))));
        }
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
/// as one. The user's entries come first. An entry of the project needs its whole name, because the
/// project's files may be someone else's: they choose the program that starts, and the environment
/// variables that a server receives.
fn pick<'a>(all: &'a [Saved], text: &str) -> Result<Option<&'a Saved>, Error> {
    if let Some(exact) = all.iter().find(|saved| saved.id() == text) {
        return Ok(Some(exact));
    }
    let named = all
        .iter()
        .filter(|saved| saved.name == text || saved.qualified() == text);
    let (projects, users): (Vec<&Saved>, Vec<&Saved>) = named.partition(|saved| saved.project);
    let Some((first, others)) = users.split_first() else {
        return match projects.first() {
            None => Ok(None),
            Some(first) => Err(Error::OfProject {
                name: text.to_owned(),
                file: first.file.clone(),
                found: projects.iter().map(|saved| saved.id()).collect(),
            }),
        };
    };
    if others.iter().all(|other| other.is_like(first)) {
        return Ok(Some(first));
    }
    Err(Error::Ambiguous {
        name: text.to_owned(),
        found: {
            let mut found: Vec<String> = users.iter().map(|saved| saved.qualified()).collect();
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
            place: Place::Remote(Remote::at(url.to_owned())),
        }
    }

    #[test]
    fn a_name_finds_one_server() {
        let all = [
            saved(Client::Cursor, true, "a", "https://a.example"),
            saved(Client::Cursor, true, "theirs", "https://a.example"),
            saved(Client::Cursor, false, "a", "https://b.example"),
            saved(Client::Zed, false, "a", "https://d.example"),
            saved(Client::Vscode, false, "same", "https://c.example"),
            saved(Client::Zed, false, "same", "https://c.example"),
        ];
        let file = |text: &str| pick(&all, text).map(|found| found.map(Saved::id));
        assert_eq!(file("same").unwrap().unwrap(), "vscode:same");
        assert_eq!(file("zed:same").unwrap().unwrap(), "zed:same");
        assert_eq!(file("cursor:a").unwrap().unwrap(), "cursor:a");
        assert_eq!(
            file("project:cursor:a").unwrap().unwrap(),
            "project:cursor:a"
        );
        assert_eq!(file("none").unwrap(), None);
        let error = file("a").unwrap_err();
        assert_eq!(error.to_string(), "several servers are named `a`");
        assert_eq!(error.hint().unwrap(), "name one of them: cursor:a, zed:a");
        // A project's file may be someone else's.
        for text in ["theirs", "cursor:theirs"] {
            let error = file(text).unwrap_err();
            assert!(
                error
                    .hint()
                    .unwrap()
                    .contains("write project:cursor:theirs")
            );
        }
    }
}
