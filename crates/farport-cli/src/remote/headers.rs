//! Headers of the user's own, and texts with variables of the environment in them.

use std::path::Path;

use farport_bridge::Error;

/// Reads `Name: value`.
pub(super) fn header(text: &str) -> Result<(String, String), Error> {
    let Some((name, value)) = text.split_once(':') else {
        // What stands there may be a secret, so it is not repeated.
        return Err(Error::Usage(
            "A header is written 'Name: value', and one of those given has no colon.".to_owned(),
        ));
    };
    Ok((name.trim().to_owned(), with_variables(value.trim())?))
}

/// Reads a file with a header on each line. `#` starts a comment.
pub(super) fn file(path: &Path) -> Result<Vec<(String, String)>, Error> {
    read(path, "--header-file")?
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(header)
        .collect()
}

/// JSON, or, with `@` before it, a file that holds it.
pub(super) fn json_or_file(text: &str, flag: &str) -> Result<String, Error> {
    match text.strip_prefix('@') {
        Some(path) => read(Path::new(path), flag),
        None => Ok(text.to_owned()),
    }
}

fn read(path: &Path, flag: &str) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| {
        Error::Usage(format!(
            "{flag} {} cannot be read: {error}.",
            path.display()
        ))
    })
}

/// Puts variables of the environment in the place of `${NAME}`.
pub(super) fn with_variables(text: &str) -> Result<String, Error> {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        replaced.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            replaced.push_str("${");
            rest = after;
            continue;
        };
        let value = std::env::var(name).map_err(|_| {
            Error::Usage(format!(
                "${{{name}}} stands for a variable of the environment that is not set. Set it, in a \
                 client's configuration under \"env\"."
            ))
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
            let read = header(text).ok();
            let read = read.as_ref().map(|(name, value)| (&**name, &**value));
            assert_eq!(read, expect, "{text}");
        }
    }

    #[test]
    fn variables_are_replaced_and_missing_ones_are_told() {
        let path = std::env::var("PATH").unwrap();
        assert_eq!(with_variables("a${PATH}b").unwrap(), format!("a{path}b"));
        let error = with_variables("${FARPORT_NO_SUCH_VARIABLE}").unwrap_err();
        assert!(error.to_string().contains("FARPORT_NO_SUCH_VARIABLE"));
    }

    #[test]
    fn a_file_of_headers_has_comments() {
        let file_of = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file_of.path(), "# secret\n\nA: 1\n  B:2\n").unwrap();
        assert_eq!(
            file(file_of.path()).unwrap(),
            [("A", "1"), ("B", "2")].map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
        assert!(file(Path::new("/no/such/file")).is_err());
    }
}
