//! `farport status`.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use farport_client::{Store, Summary};
use serde_json::{Value, json};

use crate::error::Error;
use crate::remote::args::StatusArgs;
use crate::terminal::{HEADING, Plain, PlainJson, shown_url};

/// Lists the user's sign-ins.
pub(crate) fn run(args: StatusArgs) -> Result<(), Error> {
    let store = Store::of_user()?;
    let all = store.list()?;
    let mut out = anstream::stdout();
    let written = if args.json {
        let all: Vec<_> = all.iter().map(in_json).collect();
        let json = json!({"store": store.folder(), "sign_ins": all});
        writeln!(out, "{}", PlainJson(json))
    } else {
        show(&mut out, &store, &all)
    };
    written.and_then(|()| out.flush()).map_err(Error::Output)
}

/// A sign-in as JSON, without the parts of URLs that may contain secrets.
fn in_json(summary: &Summary) -> Value {
    let mut json = json!(summary);
    json["server"] = shown_url(&summary.server).into();
    json["issuer"] = shown_url(&summary.issuer).into();
    json["resource"] = summary.resource.as_deref().map(shown_url).into();
    json
}

fn show(out: &mut impl Write, store: &Store, all: &[Summary]) -> std::io::Result<()> {
    let folder = store.folder().display();
    if all.is_empty() {
        writeln!(out, "No sign-ins found in {}", Plain(folder))?;
        return writeln!(out, "To sign in to a server, run `farport login URL`.");
    }
    for summary in all {
        let server = shown_url(&summary.server);
        writeln!(out, "{HEADING}{server}{HEADING:#}")?;
        if !summary.issuer.is_empty() {
            writeln!(out, "  signs in at  {}", shown_url(&summary.issuer))?;
        }
        writeln!(out, "  state        {}", state(summary))?;
        if !summary.scopes.is_empty() {
            writeln!(out, "  scopes       {}", Plain(summary.scopes.join(" ")))?;
        }
        let shared = all
            .iter()
            .filter(|one| one.server == summary.server)
            .count()
            > 1;
        let resource = summary.resource.as_deref().map(shown_url);
        if let Some(resource) = resource.filter(|resource| shared || *resource != server) {
            writeln!(out, "  resource     {resource}")?;
        }
        if !summary.headers.is_empty() {
            writeln!(out, "  headers      {}", Plain(summary.headers.join(", ")))?;
        }
        if shared || server.ends_with('…') {
            // Two sign-ins may differ only in the value of a header, which may be a secret.
            let key: String = summary.key.chars().take(8).collect();
            writeln!(out, "  id           {}", Plain(key))?;
        }
        if summary.in_keyring {
            writeln!(out, "  tokens       in the system's keyring")?;
        }
    }
    writeln!(out, "Stored in {}", Plain(folder))
}

fn state(summary: &Summary) -> String {
    if !summary.signed_in {
        return "registered, not signed in".to_owned();
    }
    let renews = if summary.renews {
        "refreshed automatically"
    } else {
        "cannot be refreshed"
    };
    let Some(at) = summary.expires_at else {
        return format!("signed in, {renews}");
    };
    // The file may contain any number.
    let at = UNIX_EPOCH.checked_add(Duration::from_secs(at));
    match at.map(|at| at.duration_since(SystemTime::now())) {
        Some(Ok(left)) => format!("signed in, token valid for {}, {renews}", roughly(left)),
        Some(Err(_)) => format!("signed in, token expired, {renews}"),
        None => format!("signed in, {renews}"),
    }
}

fn roughly(left: Duration) -> String {
    let (number, unit) = match left.as_secs() {
        seconds @ 0..=119 => (seconds, "s"),
        seconds @ 120..=7199 => (seconds / 60, "min"),
        seconds @ 7200..=172_799 => (seconds / 3600, "h"),
        seconds => (seconds / 86_400, "days"),
    };
    format!("{number} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_shown_in_the_unit_that_says_most() {
        for (seconds, expect) in [
            (0, "0 s"),
            (119, "119 s"),
            (3600, "60 min"),
            (7200, "2 h"),
            (2_592_000, "30 days"),
        ] {
            assert_eq!(roughly(Duration::from_secs(seconds)), expect);
        }
    }
}
