//! Renames the template in its files to the new crate.

use std::path::PathBuf;

use super::crate_name::CrateName;
use super::files::{Content, Files};

/// Replaces the template's name where it means the crate.
///
/// A name of several words (`my-mcp-server`, in Rust `my_mcp_server`) always means the crate. A name of one
/// word may be any word (`server`), so farport only replaces it where Rust code names the crate, as in
/// `server::Calculator`.
pub(super) fn rename(files: &mut Files, old: &str, new: &CrateName) {
    let ident = old.replace('-', "_");
    let distinct = ident.contains('_');
    let in_text = |text: &str, is_rust: bool| match distinct {
        true => {
            let text = replace(text, old, new.as_str(), |before, after| {
                !joins(before) && !starts_joined(after)
            });
            replace(&text, &ident, &new.ident(), |before, after| {
                !joins(before) && !starts_joined(after)
            })
        }
        false if is_rust => replace(text, &ident, &new.ident(), |before, after| {
            !joins(before) && !before.ends_with(':') && after.starts_with("::")
        }),
        false => text.to_owned(),
    };
    *files = std::mem::take(files)
        .into_iter()
        .map(|(path, mut content)| {
            let is_rust = path.extension().is_some_and(|extension| extension == "rs");
            if let Content::File { bytes, .. } = &mut content
                && let Ok(text) = str::from_utf8(bytes)
            {
                *bytes = in_text(text, is_rust).into_bytes();
            }
            let renamed = match path.to_str() {
                Some(text) => PathBuf::from(in_text(text, false)),
                None => path,
            };
            (renamed, content)
        })
        .collect();
}

/// Replaces a word where `allow` accepts the text before and after it.
fn replace(text: &str, word: &str, by: &str, allow: impl Fn(&str, &str) -> bool) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut done = 0;
    for (start, _) in text.match_indices(word) {
        let end = start + word.len();
        if allow(&text[..start], &text[end..]) {
            replaced.push_str(&text[done..start]);
            replaced.push_str(by);
            done = end;
        }
    }
    replaced.push_str(&text[done..]);
    replaced
}

/// Returns whether a text ends within a word.
fn joins(before: &str) -> bool {
    before.ends_with(is_word)
}

/// Returns whether a text starts within a word.
fn starts_joined(after: &str) -> bool {
    after.starts_with(is_word)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn renamed(old: &str, path: &str, text: &str) -> (String, String) {
        let file = Content::File {
            bytes: text.into(),
            executable: false,
        };
        let mut files = Files::from([(path.into(), file)]);
        let new = CrateName::of(Path::new("/x/two-words")).unwrap();
        rename(&mut files, old, &new);
        let Some((path, Content::File { bytes, .. })) = files.pop_first() else {
            panic!()
        };
        (
            path.to_str().unwrap().to_owned(),
            String::from_utf8(bytes).unwrap(),
        )
    }

    #[test]
    fn a_name_of_several_words_is_replaced_everywhere() {
        for (text, expected) in [
            (
                "use my_mcp_server::Calculator;",
                "use two_words::Calculator;",
            ),
            ("cd my-mcp-server && cargo run", "cd two-words && cargo run"),
            ("RUST_LOG=my_mcp_server=debug", "RUST_LOG=two_words=debug"),
            ("my-mcp-server", "two-words"),
            ("my-mcp-server my-mcp-server", "two-words two-words"),
            (
                "my-mcp-server-two not-my-mcp-server",
                "my-mcp-server-two not-my-mcp-server",
            ),
            ("my_mcp_servers", "my_mcp_servers"),
            ("target/debug/my-mcp-server.", "target/debug/two-words."),
        ] {
            assert_eq!(renamed("my-mcp-server", "README.md", text).1, expected);
        }
        assert_eq!(
            renamed("my-mcp-server", "etc/my-mcp-server.service", "").0,
            "etc/two-words.service"
        );
    }

    #[test]
    fn a_name_of_one_word_is_replaced_only_where_code_names_the_crate() {
        for (path, text, expected) in [
            ("a.rs", "use server::{A, B};", "use two_words::{A, B};"),
            (
                "a.rs",
                "x::server::A; my_server::A",
                "x::server::A; my_server::A",
            ),
            (
                "a.rs",
                "let server = Server::new();",
                "let server = Server::new();",
            ),
            (
                "README.md",
                "This server::A serves",
                "This server::A serves",
            ),
        ] {
            assert_eq!(renamed("server", path, text).1, expected);
        }
    }

    #[test]
    fn binary_files_are_unchanged() {
        let bytes = b"\xffmy-mcp-server".to_vec();
        let file = Content::File {
            bytes,
            executable: true,
        };
        let mut files = Files::from([("logo.png".into(), file)]);
        let before = files.clone();
        rename(
            &mut files,
            "my-mcp-server",
            &CrateName::of(Path::new("/a")).unwrap(),
        );
        assert_eq!(files, before);
    }
}
