//! `.dev.vars`: environment variables and secrets for the server in development.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::Error;

/// The name of the file, next to `Cargo.toml`.
pub(super) const FILE: &str = ".dev.vars";

/// Reads the variables in a project's `.dev.vars`, except those that the environment already sets. The file
/// is optional.
pub(super) fn read(root: &Path) -> Result<Vec<(String, String)>, Error> {
    let path = root.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::Vars { path, source }),
    };
    let variables = dotenvy::from_read_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>();
    match variables {
        Ok(variables) => Ok(variables
            .into_iter()
            .filter(|(name, _)| std::env::var_os(name).is_none())
            .collect()),
        Err(dotenvy::Error::Io(source)) => Err(Error::Vars { path, source }),
        Err(dotenvy::Error::LineParse(bad, _)) => Err(Error::VarsLine {
            path,
            line: line(&text, &bad),
        }),
        Err(_) => Err(Error::VarsLine { path, line: 1 }),
    }
}

/// Returns the number of a line in the file, starting at 1.
fn line(text: &str, bad: &str) -> usize {
    let first = bad.lines().next().unwrap_or(bad).trim();
    text.lines()
        .position(|line| line.trim() == first)
        .map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<(String, String)>, Error> {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(FILE), text).unwrap();
        read(root.path())
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let text = "# local\nFARPORT_TEST_ID=abc\nPATH=/nowhere\n\nFARPORT_TEST_KEY='a b # c'\n";
        let expected = [("FARPORT_TEST_ID", "abc"), ("FARPORT_TEST_KEY", "a b # c")];
        assert_eq!(
            read_text(text).unwrap(),
            expected.map(|(k, v)| (k.to_owned(), v.to_owned()))
        );
    }

    #[test]
    fn no_file_means_no_variables() {
        assert_eq!(read(tempfile::tempdir().unwrap().path()).unwrap(), []);
    }

    #[test]
    fn the_error_for_an_invalid_line_does_not_repeat_it() {
        let error = read_text("A=1\n\nSECRET hunter2\n").unwrap_err();
        let (shown, debug) = (error.to_string(), format!("{error:?}"));
        assert!(shown.starts_with("invalid line 3 in "), "{shown}");
        assert!(
            !shown.contains("hunter2") && !debug.contains("hunter2"),
            "{debug}"
        );
    }
}
