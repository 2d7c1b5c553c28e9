//! `farport status`.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use farport_bridge::{Store, Summary};

use crate::error::Error;
use crate::remote::args::StatusArgs;
use crate::terminal::HEADING;

/// Lists the sign-ins.
pub(crate) fn run(args: StatusArgs) -> Result<(), Error> {
    let store = Store::of_user()?;
    let all = store.list()?;
    let mut out = anstream::stdout();
    let written = if args.json {
        let json = serde_json::json!({"store": store.folder(), "sign_ins": all});
        writeln!(out, "{json}")
    } else {
        show(&mut out, &store, &all)
    };
    written.and_then(|()| out.flush()).map_err(Error::Output)
}

fn show(out: &mut impl Write, store: &Store, all: &[Summary]) -> std::io::Result<()> {
    if all.is_empty() {
        writeln!(out, "No sign-in is kept in {}", store.folder().display())?;
        return writeln!(out, "`farport login URL` makes one.");
    }
    for summary in all {
        writeln!(out, "{HEADING}{}{HEADING:#}", summary.server)?;
        if !summary.issuer.is_empty() {
            writeln!(out, "  signs in at  {}", summary.issuer)?;
        }
        writeln!(out, "  state        {}", state(summary))?;
        if !summary.scopes.is_empty() {
            writeln!(out, "  scopes       {}", summary.scopes.join(" "))?;
        }
        if summary.in_keyring {
            writeln!(out, "  tokens       in the keyring of this system")?;
        }
    }
    writeln!(out, "Kept in {}", store.folder().display())
}

fn state(summary: &Summary) -> String {
    if !summary.signed_in {
        return "registered, not signed in".to_owned();
    }
    let renews = if summary.renews {
        "renews by itself"
    } else {
        "does not renew"
    };
    let Some(at) = summary.expires_at else {
        return format!("signed in, {renews}");
    };
    match (UNIX_EPOCH + Duration::from_secs(at)).duration_since(SystemTime::now()) {
        Ok(left) => format!("signed in, token good for {}, {renews}", roughly(left)),
        Err(_) => format!("signed in, token ran out, {renews}"),
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
    fn a_time_is_told_in_the_unit_that_says_most() {
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
