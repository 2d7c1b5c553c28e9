//! Opens a page in the user's browser.
//!
//! The URL comes from an untrusted server. It is http or https, goes to a program as one argument and
//! never through a shell, and holds no character that a program could take for more than a part of a
//! URL (CVE-2025-6514).

use std::ffi::OsString;
use std::io;
use std::process::{Command, Stdio};

use url::Url;

/// Shows a page to the user.
pub trait Opener: Send + Sync {
    /// Opens `url`, which is http or https.
    ///
    /// # Errors
    /// When there is no browser. farport then shows the user the URL.
    fn open(&self, url: &Url) -> io::Result<()>;
}

/// The browser that the desktop starts for an address.
#[derive(Clone, Copy, Debug, Default)]
pub struct Browser;

impl Opener for Browser {
    fn open(&self, url: &Url) -> io::Result<()> {
        let (program, args) = command(url)?;
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            // Nothing but messages may reach the client.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        // It ends when the browser has taken over, and its status has to be collected.
        std::thread::spawn(move || child.wait());
        Ok(())
    }
}

/// No browser, for machines without one.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBrowser;

impl Opener for NoBrowser {
    fn open(&self, _: &Url) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }
}

/// The program that opens an address, and its arguments: the one that `BROWSER` names (not on macOS
/// and Windows), or the desktop's.
///
/// # Errors
/// When the address is neither http nor https, or this machine has no desktop.
pub fn command(url: &Url) -> io::Result<(OsString, Vec<OsString>)> {
    let address = OsString::from(argument(url)?);
    match std::env::consts::OS {
        "macos" => return Ok(("/usr/bin/open".into(), vec![address])),
        "windows" => {
            let root = std::env::var_os("SystemRoot").unwrap_or_else(|| r"C:\Windows".into());
            let program = std::path::Path::new(&root)
                .join("System32")
                .join("rundll32.exe");
            return Ok((
                program.into(),
                vec!["url.dll,FileProtocolHandler".into(), address],
            ));
        }
        _ => {}
    }
    if let Some(program) = named() {
        return Ok((program, vec![address]));
    }
    let desktop = ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "BROWSER"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if !desktop {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "there is no desktop here",
        ));
    }
    Ok(("xdg-open".into(), vec![address]))
}

/// The program in `BROWSER`, which is how editors on other machines and containers show pages. Where
/// it holds more than a program, `xdg-open` reads it.
fn named() -> Option<OsString> {
    let value = std::env::var_os("BROWSER")?;
    let text = value.to_str()?;
    let one = !text.is_empty()
        && !text.starts_with('-')
        && !text.contains(|c: char| c.is_whitespace() || matches!(c, ':' | '%'));
    one.then_some(value)
}

/// The URL as an argument of a program. Characters that a shell or a program could interpret are
/// percent-encoded, which does not change the URL.
fn argument(url: &Url) -> io::Result<String> {
    let refused = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    if !matches!(url.scheme(), "http" | "https") {
        return refused("only http and https addresses are opened");
    }
    if url.host().is_none() || !url.username().is_empty() || url.password().is_some() {
        return refused("an address with a user in it is not opened");
    }
    let mut text = String::with_capacity(url.as_str().len());
    for byte in url.as_str().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => text.push(char::from(byte)),
            b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b'?' | b'#' | b'[' | b']' | b'@' | b'&'
            | b'=' | b'+' | b',' | b'%' => text.push(char::from(byte)),
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_an_address_and_nothing_else() {
        for (url, expect) in [
            (
                "https://a.example/x?y=1&z=2#f",
                Some("https://a.example/x?y=1&z=2#f"),
            ),
            (
                "https://a.example/$(id)",
                Some("https://a.example/%24%28id%29"),
            ),
            (
                "https://a.example/?a='\"`;|\\",
                Some("https://a.example/?a=%27%22%60%3B%7C%5C"),
            ),
            ("https://[::1]:1/", Some("https://[::1]:1/")),
            ("file:///bin/sh", None),
            ("javascript:alert(1)", None),
            ("https://u:p@a.example/", None),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(argument(&url).ok().as_deref(), expect, "{url}");
        }
    }
}
