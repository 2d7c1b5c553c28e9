//! Preserves line endings (`\r\n`) and the byte order mark.

/// Edits `text` without its byte order mark and with `\n` as line ending, then restores both. Lines that the
/// edit does not change keep their line ending.
pub(super) fn keeping<E>(
    text: &str,
    edit: impl FnOnce(&str) -> Result<Option<String>, E>,
) -> Result<Option<String>, E> {
    let (mark, text) = match text.strip_prefix('\u{feff}') {
        Some(text) => ("\u{feff}", text),
        None => ("", text),
    };
    let Some(edited) = edit(&text.replace("\r\n", "\n"))? else {
        return Ok(None);
    };
    let before: Vec<(&str, &str)> = lines(text).collect();
    let after: Vec<(&str, &str)> = lines(&edited).collect();
    let wide = before.iter().filter(|(_, end)| *end == "\r\n").count();
    let usual = if wide * 2 > before.len() {
        "\r\n"
    } else {
        "\n"
    };
    let same = |one: &(&str, &str), other: &(&str, &str)| one.0 == other.0;
    let first = before
        .iter()
        .zip(&after)
        .take_while(|(a, b)| same(a, b))
        .count();
    let rest = before.len().min(after.len()) - first;
    let ends = before.iter().rev().zip(after.iter().rev()).take(rest);
    let last = ends.take_while(|(a, b)| same(a, b)).count();
    let mut whole = String::with_capacity(edited.len() + after.len() + mark.len());
    whole.push_str(mark);
    for (at, (line, end)) in after.iter().enumerate() {
        whole.push_str(line);
        let from_end = after.len() - at;
        let kept = if at < first {
            before.get(at)
        } else if from_end <= last {
            before
                .len()
                .checked_sub(from_end)
                .and_then(|at| before.get(at))
        } else {
            None
        };
        match kept {
            _ if end.is_empty() => {}
            Some((_, end)) if !end.is_empty() => whole.push_str(end),
            _ => whole.push_str(usual),
        }
    }
    Ok(Some(whole))
}

/// The lines of a text, each with its line ending.
fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split_inclusive('\n').map(|line| {
        let bare = line.strip_suffix('\n').unwrap_or(line);
        let bare = bare
            .strip_suffix('\r')
            .filter(|_| line.ends_with('\n'))
            .unwrap_or(bare);
        line.split_at(bare.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_keeps_the_mark_and_the_line_ends_of_what_it_leaves_alone() {
        let add = |text: &str| Ok::<_, ()>(Some(text.replace("b\n", "b\nnew\n")));
        for (text, expect) in [
            ("a\nb\nc\n", "a\nb\nnew\nc\n"),
            ("a\r\nb\r\nc\r\n", "a\r\nb\r\nnew\r\nc\r\n"),
            ("\u{feff}a\r\nb\r\nc", "\u{feff}a\r\nb\r\nnew\r\nc"),
            ("\u{feff}a\nb\n", "\u{feff}a\nb\nnew\n"),
            // Mixed: each keeps its own.
            ("a\r\nb\r\nc\nd\r\n", "a\r\nb\r\nnew\r\nc\nd\r\n"),
            ("a\nb\nc\r\n", "a\nb\nnew\nc\r\n"),
        ] {
            assert_eq!(keeping(text, add), Ok(Some(expect.to_owned())), "{text:?}");
            let same = keeping(text, |text| Ok::<_, ()>(Some(text.to_owned())));
            assert_eq!(same, Ok(Some(text.to_owned())));
        }
        assert_eq!(keeping("a", |_| Ok::<_, ()>(None)), Ok(None));
    }
}
