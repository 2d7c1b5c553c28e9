//! Headers that the user adds, and environment variables in arguments.

use std::path::Path;

use super::Error;
use crate::file_error::FileError;

/// Parses `Name: value`.
pub(crate) fn header(text: &str, variables: Variables) -> Result<(String, String), Error> {
    let Some((name, value)) = text.split_once(':') else {
        return Err(Error::Header);
    };
    Ok((
        name.trim().to_owned(),
        with_variables(value.trim(), variables)?,
    ))
}

/// Reads a file with one header per line. `#` starts a comment.
pub(crate) fn file(path: &Path, variables: Variables) -> Result<Vec<(String, String)>, Error> {
    FileError::read_for("--header-file", path)?
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| header(line, variables))
        .collect()
}

/// How to replace `${NAME}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variables {
    /// From the environment. A variable that is not set is an error.
    Environment,
    /// From the environment. A variable may be set later, so a missing one is not an error.
    Later,
}

/// Replaces each `${NAME}` with the environment variable of this name.
pub(super) fn with_variables(text: &str, variables: Variables) -> Result<String, Error> {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        replaced.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            replaced.push_str("${");
            rest = after;
            continue;
        };
        let value = std::env::var(name);
        let value = match variables {
            Variables::Later => Ok(value.unwrap_or_default()),
            Variables::Environment => value,
        };
        let value = value.map_err(|_| Error::Variable {
            name: name.to_owned(),
        })?;
        replaced.push_str(&value);
        rest = after;
    }
    replaced.push_str(rest);
    Ok(replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_with_and_without_a_space() {
        for (text, expect) in [
            ("A: b", Some(("A", "b"))),
            ("A:b", Some(("A", "b"))),
            (
                "Authorization: Bearer a:b",
                Some(("Authorization", "Bearer a:b")),
            ),
            ("A: ${", Some(("A", "${"))),
            ("none", None),
        ] {
            let read = header(text, Variables::Environment).ok();
            let read = read.as_ref().map(|(name, value)| (&**name, &**value));
            assert_eq!(read, expect, "{text}");
        }
    }

    #[test]
    fn variables_are_replaced_and_missing_ones_are_named() {
        let path = std::env::var("PATH").unwrap();
        let replaced = |text, variables| with_variables(text, variables);
        let now = Variables::Environment;
        assert_eq!(replaced("a${PATH}b", now).unwrap(), format!("a{path}b"));
        let missing = "x${FARPORT_NO_SUCH_VARIABLE}";
        assert_eq!(replaced(missing, Variables::Later).unwrap(), "x");
        let error = replaced(missing, now).unwrap_err();
        assert!(error.to_string().contains("FARPORT_NO_SUCH_VARIABLE"));
    }

    #[test]
    fn a_file_of_headers_has_comments() {
        let file_of = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file_of.path(), "# secret\n\nA: 1\n  B:2\n").unwrap();
        assert_eq!(
            file(file_of.path(), Variables::Environment).unwrap(),
            [("A", "1"), ("B", "2")].map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
        assert!(file(Path::new("/no/such/file"), Variables::Later).is_err());
    }
}
