//! Cookies of the MCP server, which balancers use to find a session's machine.
//!
//! Kept in memory, for the one origin, whatever `Domain` and `Path` say.

use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, HeaderValue, header};

/// The most cookies that are kept.
const MOST: usize = 32;
/// The longest cookie, in bytes.
const LONGEST: usize = 4096;

/// What one server has set.
#[derive(Debug, Default)]
pub(crate) struct Cookies(Mutex<Vec<(String, String)>>);

impl Cookies {
    /// Takes in what a response sets.
    pub(crate) fn learn(&self, headers: &HeaderMap) {
        let mut jar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for value in headers.get_all(header::SET_COOKIE) {
            let Ok(text) = value.to_str() else { continue };
            let mut parts = text.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            let over = parts.any(|part| {
                part.split_once('=').is_some_and(|(name, value)| {
                    name.eq_ignore_ascii_case("max-age")
                        && value.parse::<i64>().is_ok_and(|seconds| seconds <= 0)
                })
            });
            jar.retain(|(other, _)| other != name);
            if !over && !name.is_empty() && text.len() <= LONGEST && jar.len() < MOST {
                jar.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    /// Adds the cookies to a request without any.
    pub(crate) fn add(&self, headers: &mut HeaderMap) {
        let jar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if jar.is_empty() || headers.contains_key(header::COOKIE) {
            return;
        }
        let pairs: Vec<_> = jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if let Ok(mut value) = HeaderValue::from_str(&pairs.join("; ")) {
            value.set_sensitive(true);
            headers.insert(header::COOKIE, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_come_back_until_they_are_over() {
        let jar = Cookies::default();
        let cookie_after = |set: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in set {
                headers.append(header::SET_COOKIE, value.parse().unwrap());
            }
            jar.learn(&headers);
            let mut headers = HeaderMap::new();
            jar.add(&mut headers);
            headers
                .get(header::COOKIE)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(cookie_after(&[]), None);
        assert_eq!(
            cookie_after(&["AWSALB=a; Path=/; Domain=evil.example", "b=2"]).as_deref(),
            Some("AWSALB=a; b=2")
        );
        assert_eq!(
            cookie_after(&["AWSALB=c"]).as_deref(),
            Some("b=2; AWSALB=c")
        );
        assert_eq!(
            cookie_after(&["b=; Max-Age=0"]).as_deref(),
            Some("AWSALB=c")
        );
    }
}
