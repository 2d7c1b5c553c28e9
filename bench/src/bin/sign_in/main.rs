//! The load on an authorization server: people who sign in, and clients that renew their tokens.
//!
//! Prints one line of JSON: sign-ins per second, the latencies that half of them and one in a
//! hundred exceed in microseconds, and an access token for further calls.

mod flow;
mod web;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use serde_json::json;

use flow::Client;
use web::Web;

#[derive(Debug, Parser)]
struct Flags {
    /// The server, as in http://127.0.0.1:8787
    server: String,
    /// How many people sign in at a time, and then how many clients renew at a time
    #[arg(long, default_value_t = 32)]
    callers: usize,
    /// How long each of the two is measured
    #[arg(long, default_value_t = 4)]
    seconds: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let flags = Flags::parse();
    let time = Duration::from_secs(flags.seconds);
    let mut clients = Vec::new();
    for _ in 0..flags.callers {
        clients.push(Client::register(Web::new(&flags.server)?).await?);
    }
    // Each has signed in once before the clock starts, so that no connection is counted.
    for client in &mut clients {
        client.sign_in().await?;
    }
    let (clients, flows) = measure(clients, time, async |client| client.sign_in().await).await?;
    let (clients, renewals) = measure(clients, time, async |client| client.renew().await).await?;
    let token = clients.first().context("no client")?.access_token();
    let result = json!({ "flows": flows, "renewals": renewals, "token": token });
    println!("{result}");
    Ok(())
}

/// Lets each client do `work` over and over for `time`.
async fn measure(
    clients: Vec<Client>,
    time: Duration,
    work: impl AsyncFn(&mut Client) -> Result<()>,
) -> Result<(Vec<Client>, serde_json::Value)> {
    let began = Instant::now();
    let work = &work;
    let all = clients.into_iter().map(|mut client| async move {
        let mut took = Vec::new();
        while began.elapsed() < time {
            let start = Instant::now();
            work(&mut client).await?;
            took.push(start.elapsed());
        }
        anyhow::Ok((client, took))
    });
    let done = futures_util::future::try_join_all(all).await?;
    let elapsed = began.elapsed();
    let mut clients = Vec::new();
    let mut all = Vec::new();
    for (client, took) in done {
        clients.push(client);
        all.extend(took);
    }
    all.sort_unstable();
    let at = |part: usize| {
        let index = (all.len() * part / 100).min(all.len().saturating_sub(1));
        all.get(index).map(Duration::as_micros)
    };
    let rate = all.len() as f64 / elapsed.as_secs_f64();
    let measured = json!({ "rate": rate, "p50": at(50), "p99": at(99) });
    Ok((clients, measured))
}
