//! Parser messages about settings, in the words of their authors.

/// Replaces Rust's types in a parser's message with what they contain.
pub(super) fn words(message: &str) -> String {
    let mut text = message.trim().to_owned();
    for (from, to) in [
        ("invalid type: ", ""),
        ("invalid value: ", ""),
        ("expected u16", "expected a whole number from 0 to 65535"),
        ("expected u32", "expected a whole number of at least 0"),
        ("expected u64", "expected a whole number of at least 0"),
        ("expected usize", "expected a whole number of at least 0"),
        ("expected a boolean", "expected true or false"),
        ("expected a string", "expected text"),
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected a table"),
        ("string \"", "text \""),
        ("unknown variant ", "unknown value "),
        ("sequence,", "a list,"),
        ("map,", "a table,"),
    ] {
        text = text.replace(from, to);
    }
    text
}

/// Returns the name among `names` that `word` probably misspells.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const PREFIX: &str = "farport_";
    let plain = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    let word = plain(word);
    let distance = |name: &str| {
        let name = plain(name);
        let (one, other) = match (word.strip_prefix(PREFIX), name.strip_prefix(PREFIX)) {
            (Some(one), Some(other)) => (one, other),
            _ => (&*word, &*name),
        };
        let most = one.len().max(other.len()) / 3;
        let distance = strsim::damerau_levenshtein(one, other);
        // `warning` stands for `warn`, and `hosts` for `host`.
        let longer = other.len() >= 4 && one.starts_with(other);
        (distance <= most.max(1) || longer).then_some(distance)
    };
    let near = names
        .into_iter()
        .filter_map(|name| Some((distance(name)?, name)));
    near.min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
