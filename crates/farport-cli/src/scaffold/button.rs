//! The link of the "Deploy to Cloudflare" button in a Worker's README.

use std::path::Path;

use super::files::{Content, Files};
use super::git;

/// Hosts whose repositories the button can deploy.
const HOSTS: [&str; 2] = ["github.com", "gitlab.com"];

/// Puts the repository around the new crate into the button's link. Keeps the placeholder if there is no
/// repository, or if its remote `origin` is on another host.
pub(super) fn fill(files: &mut Files, name: &str, around: &Path, target: &Path) {
    let placeholder = format!("https://github.com/OWNER/{name}");
    let Some(Content::File { bytes, .. }) = files.get_mut(Path::new("README.md")) else {
        return;
    };
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if !text.contains(&placeholder) {
        return;
    }
    if let Some(address) = address(around, target) {
        *bytes = text.replace(&placeholder, &address).into_bytes();
    }
}

/// Returns the web address of `target` in the repository around it.
fn address(around: &Path, target: &Path) -> Option<String> {
    let repository = web(&git::query(around, &["remote", "get-url", "origin"])?)?;
    let top = git::query(around, &["rev-parse", "--show-toplevel"])?;
    let top = Path::new(&top).canonicalize().ok()?;
    let branch = git::query(around, &["symbolic-ref", "--short", "HEAD"])?;
    let folder = target.strip_prefix(top).ok()?;
    match folder.to_str()? {
        "" => Some(repository),
        folder => Some(format!("{repository}/tree/{branch}/{folder}")),
    }
}

/// Returns the web address of a remote, without credentials.
fn web(remote: &str) -> Option<String> {
    let rest = remote.split_once("://").map_or(remote, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let (host, path) = rest.split_once(['/', ':'])?;
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let known = HOSTS.contains(&host) && path.contains('/') && path.chars().all(plain);
    known.then(|| format!("https://{host}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_has_a_web_address_without_credentials() {
        for remote in [
            "https://github.com/me/weather.git",
            "https://me:secret@github.com/me/weather",
            "git@github.com:me/weather.git",
            "ssh://git@github.com/me/weather.git/",
        ] {
            let address = web(remote);
            assert_eq!(
                address.as_deref(),
                Some("https://github.com/me/weather"),
                "{remote}"
            );
        }
        for remote in [
            "/srv/git/weather.git",
            "https://example.com/me/weather",
            "github.com:x",
        ] {
            assert_eq!(web(remote), None, "{remote}");
        }
    }

    #[test]
    fn the_button_links_to_the_folder_in_the_repository() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let run = |args: &[&str]| git::query(&root, args);
        run(&["init", "--quiet", "--initial-branch=main"]).unwrap();
        let readme = || {
            let file = Content::File {
                bytes: "(x?url=https://github.com/OWNER/weather)".into(),
                executable: false,
            };
            let mut files = Files::from([("README.md".into(), file)]);
            fill(&mut files, "weather", &root, &root.join("weather"));
            let Some((_, Content::File { bytes, .. })) = files.pop_first() else {
                panic!()
            };
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!(readme(), "(x?url=https://github.com/OWNER/weather)");
        run(&["remote", "add", "origin", "git@github.com:me/servers.git"]).unwrap();
        assert_eq!(
            readme(),
            "(x?url=https://github.com/me/servers/tree/main/weather)"
        );
    }
}
