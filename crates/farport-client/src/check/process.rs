//! A local server, in one process for each revision.

use super::peer::Peer;
use super::report::{Ledger, Verdict};
use super::wire::Wire;
use super::{CheckOptions, MODERN, SESSION_REVISIONS, modern, rules, session, tools};
use crate::Error;
use crate::connection::Command;

pub(super) async fn check(
    command: &Command,
    ledger: &Ledger<'_>,
    settings: &CheckOptions,
    revisions: &mut Vec<String>,
) -> Result<(), Error> {
    let start = || Ok::<_, Error>(Wire::start(command.spawn()?, settings.timeout));
    let newest = if settings.has(MODERN) {
        Some(start()?)
    } else {
        None
    };
    let modern = match &newest {
        Some(wire) => open_modern(wire, ledger).await?,
        None => None,
    };
    if let Some(peer) = &modern {
        revisions.push(MODERN.to_owned());
        modern::check_messages(peer).await;
    }
    let mut sessions = false;
    for revision in SESSION_REVISIONS {
        if !settings.has(revision) {
            continue;
        }
        let wire = start()?;
        let Some(peer) = session::open(&wire, ledger, revision).await? else {
            wire.close().await;
            continue;
        };
        revisions.push(revision.to_owned());
        if modern.is_none() && !sessions {
            tools::check(&peer, &settings.calls, true).await;
        }
        peer.check_session_messages().await;
        end(&peer).await;
        if !sessions {
            let wire = start()?;
            session::check_negotiation(&wire, ledger, revision).await;
            wire.close().await;
        }
        sessions = true;
    }
    match (&modern, &newest) {
        (Some(peer), _) => {
            tools::check(peer, &settings.calls, sessions).await;
            end(peer).await;
        }
        (None, Some(wire)) => _ = wire.close().await,
        (None, None) => {}
    }
    if revisions.is_empty() {
        return Err(Error::Version {
            url: command.program().to_string_lossy().into_owned(),
            why: "it answers neither `server/discover` nor `initialize`".to_owned(),
        });
    }
    Ok(())
}

/// The server in 2026-07-28. One that only knows sessions may ignore a request before `initialize`, or end.
async fn open_modern<'a>(
    wire: &'a Wire,
    ledger: &'a Ledger<'a>,
) -> Result<Option<Peer<'a, Wire>>, Error> {
    match modern::open(wire, ledger).await {
        Err(error @ (Error::TimedOut { .. } | Error::Broken { .. })) => {
            tracing::debug!(%error, "no response to `server/discover`");
            Ok(None)
        }
        opened => opened,
    }
}

/// Ends the process, and checks the rules for its whole life.
async fn end(peer: &Peer<'_, Wire>) {
    let before = peer.probe.ended_by_itself();
    let exited = peer.probe.close().await;
    peer.record(&rules::STDOUT, Verdict::Several(peer.probe.strays()));
    let verdict = match before {
        Some(why) => Verdict::Broken(format!("before its input ended: {why}")),
        None => Verdict::of(exited, || {
            "the process was still running two seconds after its input ended".to_owned()
        }),
    };
    peer.record(&rules::STDIN_END, verdict);
}
