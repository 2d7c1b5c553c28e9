//! Exchanges codes and refresh tokens against a database, and prints each completed exchange.
//!
//! A test kills this program at any moment, and checks that the database contains what it printed.
//! Prints `redeemed GRANT` after redeeming a code, and `rotated GRANT STEP` after rotating a refresh
//! token. Codes and tokens have the names of the suite `oauth_store`.

use std::{
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};

use clap::Parser;
use farport_oauth::{Redemption, Rotation, RotationTimes, Store};
use farport_store::{Sqlite, SqliteOAuth};
use farport_testkit::oauth_store::{NOW, code, digest, grant, tokens};

#[derive(Debug, Parser)]
struct Flags {
    /// The database
    path: PathBuf,
    /// What the names of grants begin with
    prefix: String,
    /// How many exchange at the same time
    #[arg(long, default_value_t = 8)]
    callers: usize,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let flags = Flags::parse();
    let store = SqliteOAuth::new(&Sqlite::open(&flags.path)?);
    let callers: Vec<_> = (0..flags.callers)
        .map(|caller| {
            let prefix = format!("{}-{caller}", flags.prefix);
            tokio::spawn(exchange(store.clone(), prefix))
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    Ok(())
}

/// Exchanges tokens until the process is killed.
async fn exchange(store: SqliteOAuth, prefix: String) -> Result<(), Failure> {
    for number in 0.. {
        let id = format!("{prefix}-{number}");
        store.issue(grant(&id, "ada", "client"), code(&id)).await?;
        let issued = tokens(&id, format!("{id} 0"));
        let redeemed = store.redeem(&code(&id).id, issued, NOW.after(DAY));
        if redeemed.await? != Redemption::Redeemed {
            return Err(format!("the code of {id} was already used").into());
        }
        say(&format!("redeemed {id}"))?;
        for step in 0..3 {
            let presented = digest(&format!("refresh {id} {step}"));
            let next = tokens(&id, format!("{id} {}", step + 1));
            let times = RotationTimes {
                now: NOW,
                grant_expires: NOW.after(DAY),
                concurrent: Duration::ZERO,
                grace: DAY,
            };
            let rotated = store.rotate(&presented, next, times);
            if rotated.await? != Rotation::Rotated {
                return Err(format!("a token of {id} was already used").into());
            }
            say(&format!("rotated {id} {}", step + 1))?;
        }
    }
    Ok(())
}

/// One write, so that a line is there or not.
fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes())?;
    out.flush()
}
