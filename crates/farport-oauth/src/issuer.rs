//! Comparing issuers.

/// Whether two issuer identifiers name the same authorization server: they are equal, or differ only
/// by the slash of an empty path, like `https://a.example` and `https://a.example/`.
///
/// RFC 8414, section 3.3, and RFC 9207, section 2.4, require a comparison of strings. The one exception
/// is safe: both spellings are the same URL (RFC 3986, section 6.2.3) with the same origin and the same
/// metadata location, so two servers cannot own one each. With a path they are two URLs and two issuers.
pub fn same_issuer(one: &str, other: &str) -> bool {
    one == other || without_slash(one) == Some(other) || without_slash(other) == Some(one)
}

/// An issuer with an empty path, without its slash.
fn without_slash(issuer: &str) -> Option<&str> {
    let base = issuer.strip_suffix('/')?;
    let (_, authority) = base.split_once("://")?;
    (!authority.is_empty() && !authority.contains(['/', '?', '#'])).then_some(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_slash_of_an_empty_path_may_differ() {
        let one = "https://a.example";
        for (one, other, same) in [
            (one, "https://a.example", true),
            (one, "https://a.example/", true),
            (one, "https://a.example//", false),
            ("https://a.example/", "https://a.example//", false),
            (one, "https://a.example/x", false),
            (one, "https://a.example/?", false),
            (one, "https://a.example?", false),
            (one, "https://a.example/#", false),
            (one, "http://a.example", false),
            (one, "http://a.example/", false),
            (one, "https://A.example", false),
            (one, "https://a.example:443", false),
            (one, "https://a.example:443/", false),
            (one, "https://a.example.", false),
            (one, "https://a.example ", false),
            (one, "https://a.example/ ", false),
            (one, "", false),
            ("https://a.example:8443", "https://a.example:8443/", true),
            ("https://[::1]:1", "https://[::1]:1/", true),
            ("https://a.example/x", "https://a.example/x/", false),
            ("https://a.example/x", "https://a.example/x", true),
            ("https://a.example?x", "https://a.example?x/", false),
            ("https://", "https:///", false),
            ("name", "name/", false),
            ("", "/", false),
        ] {
            assert_eq!(same_issuer(one, other), same, "{one} {other}");
            assert_eq!(same_issuer(other, one), same, "{other} {one}");
        }
    }
}
