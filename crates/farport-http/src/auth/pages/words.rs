//! Texts for the pages.

use std::time::Duration;

use farport_oauth::Problem;

/// Returns the initial of a name, in place of a logo.
pub(super) fn initial(name: &str) -> String {
    let host = name.strip_prefix("https://").unwrap_or(name);
    let first = host.chars().find(|c| c.is_alphanumeric());
    first.map_or_else(|| "?".to_owned(), |first| first.to_uppercase().collect())
}

/// Turns an error's description into a sentence.
pub(super) fn sentence(description: &str) -> String {
    let mut text = capital(description);
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}

/// Capitalizes a text at the start of a sentence. Names keep their case.
pub(super) fn capital(text: &str) -> String {
    let lower = text.split_whitespace().next();
    let is_word = matches!(
        lower,
        Some("your" | "the" | "only" | "cannot" | "another" | "too" | "this")
    );
    match text.chars().next() {
        Some(first) if is_word => {
            let rest = text.get(first.len_utf8()..).unwrap_or_default();
            first.to_uppercase().chain(rest.chars()).collect()
        }
        _ => text.to_owned(),
    }
}

/// Formats a duration in its largest unit that fits: `90 days`, `1 hour`.
pub(super) fn duration(duration: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let seconds = duration.as_secs();
    // 36 hours are not 1 day.
    let whole =
        |unit: u64| seconds >= unit && (seconds.is_multiple_of(unit) || seconds >= 3 * unit);
    let (unit, name) = UNITS
        .into_iter()
        .find(|(unit, _)| whole(*unit))
        .unwrap_or((1, "second"));
    let count = seconds / unit;
    match count {
        1 => format!("1 {name}"),
        count => format!("{count} {name}s"),
    }
}

/// Returns the title and the text of an error page.
pub(super) fn problem(problem: Problem, server: &str) -> (&'static str, String) {
    match problem {
        Problem::InvalidRequest => (
            "Sign-in failed",
            "The app sent an invalid sign-in request. Report this problem to the app's developer."
                .to_owned(),
        ),
        Problem::UnknownClient => (
            "This app is not registered",
            format!(
                "{server} does not know the app that sent you here, or has forgotten it. In the app, \
                 sign out of {server} or remove it, then connect again."
            ),
        ),
        Problem::InvalidClient => (
            "This app cannot sign in",
            format!(
                "The description that the app publishes is not valid, so {server} cannot check it. \
                 Report this problem to the app's developer."
            ),
        ),
        Problem::ClientUnavailable => (
            "The app cannot be checked",
            format!(
                "{server} cannot load the app's description at the moment. Wait a minute, then \
                 connect again from the app."
            ),
        ),
        Problem::Expired => (
            "This page has expired",
            "A sign-in page works once, and for a few minutes. Go back to your app and connect again."
                .to_owned(),
        ),
        Problem::OtherBrowser => (
            "Continue in the other browser",
            "This sign-in was started in another browser or window. Continue there, or go back to \
             your app and connect again."
                .to_owned(),
        ),
        Problem::WrongSignIn => (
            "This page is not in use",
            format!("Users sign in to {server} in another way. Go back to your app and connect again."),
        ),
        Problem::TooManyRequests => (
            "Too many attempts",
            "Wait a minute, then connect again from your app.".to_owned(),
        ),
        Problem::ServerError => (
            "Something went wrong",
            format!(
                "{server} could not complete the sign-in. Connect again from your app. If it fails \
                 again, tell the operator of the server."
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_written_in_its_largest_unit() {
        for (seconds, expect) in [
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (90, "90 seconds"),
            (600, "10 minutes"),
            (3_600, "1 hour"),
            (5_400, "90 minutes"),
            (86_400, "1 day"),
            (129_600, "36 hours"),
            (30 * 86_400, "30 days"),
            (180 * 86_400 + 1, "180 days"),
            (0, "0 seconds"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), expect, "{seconds}");
        }
    }

    #[test]
    fn a_name_without_a_logo_has_an_initial() {
        for (name, expect) in [
            ("notes", "N"),
            ("https://client.example/c", "C"),
            ("“Ärzte” 2", "Ä"),
            ("\u{4e2d}文", "\u{4e2d}"),
            ("localhost:8787", "L"),
            ("!?", "?"),
            ("", "?"),
        ] {
            assert_eq!(initial(name), expect, "{name:?}");
        }
    }
}
