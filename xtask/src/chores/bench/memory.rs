//! What idle clients cost, and how soon a server answers.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::proc;
use super::target::{ServerKind, Target, WORKLOADS, initialize};
use crate::{console, process};

/// How many sessions are opened and kept before the first measurement, so that what a server
/// allocates once is not counted.
const WARM_UP: usize = 200;
/// How often a start is measured; the median counts.
const STARTS: usize = 9;
/// The longest that a server may take to answer at all.
const PATIENCE: Duration = Duration::from_secs(5);

/// What one idle client costs, in bytes of RAM.
pub(crate) struct Idle {
    pub(crate) session: f64,
    pub(crate) stream: f64,
}

/// Lets this process, and what it starts, hold a file for every stream.
///
/// # Errors
/// When the system's hard limit is too low.
pub(crate) fn raise_limits(streams: usize) -> Result<()> {
    let wanted = u64::try_from(streams)? + 1_000;
    let allowed = rlimit::increase_nofile_limit(wanted)?;
    ensure!(
        allowed >= wanted,
        "this system allows {allowed} open files, {wanted} are needed: raise `ulimit -Hn`"
    );
    Ok(())
}

/// Holds idle sessions, then an idle stream for each. `None` for a server without sessions.
///
/// # Errors
/// When the server refuses one.
pub(crate) fn idle(kind: &'static ServerKind, count: usize) -> Result<Option<Idle>> {
    if !kind.has_sessions {
        return Ok(None);
    }
    let target = Target::start(kind)?;
    let url = target.url();
    let hold = |count: usize| {
        (0..count)
            .map(|_| initialize(url))
            .collect::<Result<Vec<_>>>()
    };
    let mut streams = hold(WARM_UP)?
        .iter()
        .map(|session| open(url, session))
        .collect::<Result<Vec<_>>>()?;
    let empty = settled(target.process())?;
    let sessions = hold(count)?;
    let with_sessions = settled(target.process())?;
    for session in &sessions {
        streams.push(open(url, session)?);
    }
    let with_streams = settled(target.process())?;
    let each = |from: u64, to: u64| to.saturating_sub(from) as f64 / count as f64;
    let idle = Idle {
        session: each(empty, with_sessions),
        stream: each(with_sessions, with_streams),
    };
    console::note(&format!(
        "{}: {:.0} bytes a session, {:.0} a stream",
        kind.name, idle.session, idle.stream
    ));
    Ok(Some(idle))
}

/// The resident memory once it has stopped changing.
fn settled(process: u32) -> Result<u64> {
    let mut last = proc::resident(process)?;
    for _ in 0..40 {
        std::thread::sleep(Duration::from_millis(250));
        let now = proc::resident(process)?;
        if now == last {
            return Ok(now);
        }
        last = now;
    }
    Ok(last)
}

/// Opens the stream of a session and gives its connection once the server has accepted it.
fn open(url: &str, session: &str) -> Result<TcpStream> {
    let (address, path) = split(url)?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let headers = format!(
        "accept: text/event-stream\r\nmcp-session-id: {session}\r\nmcp-protocol-version: 2025-06-18"
    );
    // In one piece, as clients send it: servers make room for more with each further piece.
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let mut status = String::new();
    BufReader::new(&stream).read_line(&mut status)?;
    ensure!(
        status.starts_with("HTTP/1.1 200"),
        "a stream was answered with {status}"
    );
    Ok(stream)
}

/// The address and the path of an http URL.
fn split(url: &str) -> Result<(&str, &str)> {
    let rest = url.strip_prefix("http://").context("an http URL")?;
    let slash = rest.find('/').context("a URL with a path")?;
    Ok(rest.split_at(slash))
}

/// The time from starting the process to its first right answer: the median of some starts.
///
/// # Errors
/// When it never answers.
pub(crate) fn first_answer(kind: &'static ServerKind) -> Result<Duration> {
    let mut times = (0..STARTS)
        .map(|_| one_start(kind))
        .collect::<Result<Vec<_>>>()?;
    times.sort();
    let median = times[STARTS / 2];
    console::note(&format!(
        "{}: first answer {:.1} ms after start",
        kind.name,
        median.as_secs_f64() * 1e3
    ));
    Ok(median)
}

fn one_start(kind: &'static ServerKind) -> Result<Duration> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let address = format!("127.0.0.1:{port}");
    let workload = &WORKLOADS[1];
    let body = workload.body().to_string();
    let headers: String = workload
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let request = format!(
        "POST {} HTTP/1.1\r\nhost: {address}\r\n{headers}content-length: {}\r\n\r\n{body}",
        kind.plain_path,
        body.len()
    );
    let started = Instant::now();
    let server = process::Child::spawn(
        kind.command(port)
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )?;
    while started.elapsed() < PATIENCE {
        let Ok(mut stream) = TcpStream::connect(&address) else {
            // Nothing listens yet; asking again at once would take time from the server's start.
            std::thread::sleep(Duration::from_micros(200));
            continue;
        };
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request.as_bytes())?;
        let mut status = String::new();
        BufReader::new(stream).read_line(&mut status)?;
        let took = started.elapsed();
        ensure!(
            status.starts_with("HTTP/1.1 200"),
            "the first request was answered with {status}"
        );
        drop(server);
        return Ok(took);
    }
    bail!(
        "{} did not answer within {} s",
        kind.name,
        PATIENCE.as_secs()
    )
}
