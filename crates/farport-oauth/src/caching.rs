//! How long a response may be cached (RFC 9111), within our own bounds.

use std::time::Duration;

use http::{HeaderMap, header};

/// The bounds of a cache lifetime.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Without `max-age` in the response.
    pub(crate) default: Duration,
    pub(crate) least: Duration,
    pub(crate) most: Duration,
}

impl Bounds {
    /// How long a response with these headers may be cached from now on.
    pub(crate) fn lifetime(&self, headers: &HeaderMap) -> Duration {
        let mut max_age = None;
        for directive in headers
            .get_all(header::CACHE_CONTROL)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
        {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            let name = name.trim();
            if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
                return self.least;
            }
            if name.eq_ignore_ascii_case("max-age") {
                let seconds = value.trim().trim_matches('"').parse().ok();
                // The shorter one, if two differ.
                max_age = match (max_age, seconds.map(Duration::from_secs)) {
                    (Some(a), Some(b)) => Some(Duration::min(a, b)),
                    (a, b) => a.or(b),
                };
            }
        }
        let age = headers.get(header::AGE).and_then(|age| age.to_str().ok());
        let age = age.and_then(|age| age.trim().parse().ok());
        let age = Duration::from_secs(age.unwrap_or(0));
        max_age
            .map_or(self.default, |max_age: Duration| {
                max_age.saturating_sub(age)
            })
            .clamp(self.least, self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_age_counts_within_the_bounds() {
        let bounds = Bounds {
            default: Duration::from_secs(600),
            least: Duration::from_secs(60),
            most: Duration::from_secs(3600),
        };
        for (lines, expect) in [
            (&[][..], 600),
            (&[("cache-control", "public")], 600),
            (&[("cache-control", "public, max-age=120")], 120),
            (&[("cache-control", "MAX-AGE=\"120\"")], 120),
            (&[("cache-control", "max-age=0")], 60),
            (&[("cache-control", "max-age=31536000")], 3600),
            (&[("cache-control", "max-age=-1")], 600),
            (&[("cache-control", "max-age=99999999999999999999999")], 600),
            (&[("cache-control", "max-age=900, no-cache")], 60),
            (&[("cache-control", "no-store")], 60),
            (&[("cache-control", "max-age=900"), ("age", "300")], 600),
            (&[("cache-control", "max-age=900"), ("age", "9000")], 60),
            (
                &[
                    ("cache-control", "max-age=900"),
                    ("cache-control", "max-age=90"),
                ],
                90,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                let name = http::HeaderName::from_static(name);
                headers.append(name, http::HeaderValue::from_static(value));
            }
            let lifetime = bounds.lifetime(&headers);
            assert_eq!(lifetime, Duration::from_secs(expect), "{lines:?}");
        }
    }
}
