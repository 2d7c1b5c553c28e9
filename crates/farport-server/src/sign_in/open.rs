//! Whether other machines can reach a server.

use std::net::IpAddr;

use farport_oauth::parse_url;
use url::Host;

use crate::settings::Settings;

/// Returns a setting that accepts requests from other machines, if one does.
pub(super) fn open_to_others(settings: &Settings) -> Option<&'static str> {
    let local_origin = |origin: &String| {
        let origin = parse_url(origin).ok();
        origin.is_some_and(|origin| origin.host().is_some_and(|host| is_local(&host)))
    };
    let local_host = |name: &String| {
        let host = parse_url(&format!("http://{name}")).ok();
        host.is_some_and(|url| url.host().is_some_and(|host| is_local(&host)))
    };
    if !settings.public_url.iter().all(local_origin) {
        return Some("public_url");
    }
    if !settings.allowed_hosts.iter().all(local_host) {
        return Some("allowed_hosts");
    }
    if !settings.allowed_origins.iter().all(local_origin) {
        return Some("allowed_origins");
    }
    settings.behind_proxy.then_some("behind_proxy")
}

fn is_local(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).to_canonical().is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(set: impl FnOnce(&mut Settings)) -> Settings {
        let mut settings = Settings::default();
        set(&mut settings);
        settings
    }

    #[test]
    fn settings_that_accept_other_machines_are_found() {
        type Set = fn(&mut Settings);
        for (set, expected) in [
            ((|_| {}) as Set, None),
            (
                |s| s.allowed_hosts = vec!["localhost:1".into(), "[::1]".into()],
                None,
            ),
            (
                |s| s.allowed_origins = vec!["http://localhost:6274".into()],
                None,
            ),
            (
                |s| s.public_url = Some("http://127.0.0.1:8787".into()),
                None,
            ),
            (
                |s| s.allowed_hosts = vec!["*".into()],
                Some("allowed_hosts"),
            ),
            (
                |s| s.allowed_hosts = vec!["box.lan".into()],
                Some("allowed_hosts"),
            ),
            (
                |s| s.allowed_hosts = vec!["localhost.evil.example".into()],
                Some("allowed_hosts"),
            ),
            (
                |s| s.allowed_origins = vec!["*".into()],
                Some("allowed_origins"),
            ),
            (
                |s| s.allowed_origins = vec!["https://a.example".into()],
                Some("allowed_origins"),
            ),
            (
                |s| s.public_url = Some("https://a.example".into()),
                Some("public_url"),
            ),
            (|s| s.behind_proxy = true, Some("behind_proxy")),
        ] {
            assert_eq!(open_to_others(&with(set)), expected);
        }
    }
}
