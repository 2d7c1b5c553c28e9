//! Splits a line into words, as a shell does: quotes and backslashes, and nothing else.

/// The words of a line; `None` if a quote is not closed.
pub(crate) fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"'), '\\') => {
                let next = chars.next()?;
                let word = word.get_or_insert_default();
                if !matches!(next, '"' | '\\') {
                    word.push('\\');
                }
                word.push(next);
            }
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '\\') => word.get_or_insert_default().push(chars.next()?),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return None;
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn quotes_and_backslashes_keep_words_together() {
        for (line, expected) in [
            ("", &[][..]),
            ("  add a=1  b=2 ", &["add", "a=1", "b=2"]),
            ("echo text='two words'", &["echo", "text=two words"]),
            (r#"echo text="a \"b\" \n""#, &["echo", r#"text=a "b" \n"#]),
            (r"echo a\ b ''", &["echo", "a b", ""]),
            (r#"rpc m '{"a": 1}'"#, &["rpc", "m", r#"{"a": 1}"#]),
        ] {
            assert_eq!(split(line).unwrap(), expected, "{line}");
        }
        assert_eq!(split("echo 'open"), None);
        assert_eq!(split("echo \\"), None);
    }
}
