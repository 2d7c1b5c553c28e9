//! Opens the connection of a command that sends one request.

use std::io::IsTerminal;
use std::time::Duration;

use farport_client::{
    Browser, Command, Connection, ConnectionOptions, EraChoice, Flow, Options, Store, Target,
    TransportOrder, User,
};
use secrecy::ExposeSecret;

use super::Error;
use super::answers::Answers;
use super::args::{ConnectionArgs, EraArg};
use super::trace::Trace;
use crate::clients::{Place, Remote};
use crate::remote::inspect::RevisionArg;
use crate::remote::{MessageWriter, Variables, address, headers, saved};

/// The server of a command, and the other words on its command line.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// The server.
    pub(crate) target: Target,
    /// The URL or name, as the user wrote it. `None` for a command after `--`.
    pub(crate) url: Option<String>,
    /// The words after the URL or name.
    pub(crate) words: std::vec::IntoIter<String>,
}

impl Invocation {
    /// The next word, which the command requires.
    ///
    /// # Errors
    /// When there is none: `missing` is the message.
    pub(crate) fn required(&mut self, missing: &str) -> Result<String, Error> {
        let word = self.words.next();
        word.ok_or_else(|| Error::Usage(missing.to_owned()))
    }
}

/// Splits the words of a command into its server and the rest. Without a command after `--`, the first
/// word is the server's URL, or the name of a saved server.
///
/// # Errors
/// When there is no server, no server has this name, or the URL or a header cannot be used.
pub(crate) fn invocation(
    words: Vec<String>,
    args: &ConnectionArgs,
) -> Result<Invocation, crate::error::Error> {
    if let Some((program, rest)) = args.command.split_first() {
        return Ok(Invocation {
            target: process(Command::new(program).args(rest), args)?,
            url: None,
            words: words.into_iter(),
        });
    }
    let mut words = words.into_iter();
    let Some(url) = words.next() else {
        return Err(Error::Usage(
            "no server given: write its URL or name, or its command after `--`".to_owned(),
        )
        .into());
    };
    let given = given(args)?;
    let names: Vec<&str> = given.iter().map(|(name, _)| name.as_str()).collect();
    let place = saved::place(&url, &names, args.allow_http).map_err(of_request)?;
    let target = match place {
        Some(Place::Program(program)) => process(saved::command(&program), args)?,
        Some(Place::Remote(remote)) => http(&remote, given, args)?,
        None => http(&Remote::at(url.clone()), given, args)?,
    };
    Ok(Invocation {
        target,
        url: Some(url),
        words,
    })
}

/// The headers on the command line.
fn given(args: &ConnectionArgs) -> Result<Vec<(String, String)>, Error> {
    let mut given = Vec::new();
    for text in &args.header {
        given.push(headers::header(text, Variables::Environment)?);
    }
    if let Some(path) = &args.header_file {
        given.extend(headers::file(path, Variables::Environment)?);
    }
    Ok(given)
}

/// The error of a request, with its exit code.
fn of_request(error: crate::error::Error) -> crate::error::Error {
    match error {
        crate::error::Error::Remote(error) => Error::from(error).into(),
        crate::error::Error::Connection(error) => Error::from(error).into(),
        other => other,
    }
}

/// Reaches a local server.
fn process(command: Command, args: &ConnectionArgs) -> Result<Target, Error> {
    Ok(match &args.trace {
        Some(path) => command
            .observer(Trace::create(path).map_err(Error::File)?)
            .into(),
        None => command.into(),
    })
}

/// Reaches a remote server. `given` are the headers on the command line, which replace the entry's.
fn http(
    remote: &Remote,
    given: Vec<(String, String)>,
    args: &ConnectionArgs,
) -> Result<Target, crate::error::Error> {
    let allow_http = args.allow_http || remote.allow_http;
    address::check(&remote.url, allow_http).map_err(of_request)?;
    let mut options = Options::new(&remote.url, allow_http).map_err(Error::from)?;
    let is_given = |header: &str| {
        let mut names = given.iter().map(|(name, _)| name);
        names.any(|name| name.eq_ignore_ascii_case(header))
    };
    let entry = remote.headers.iter().filter(|(name, _)| !is_given(name));
    options.headers = entry
        .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
        .collect();
    options.headers.extend(given);
    if remote.sse {
        options.transport = TransportOrder::SseOnly;
    }
    if let Some(path) = &args.trace {
        options.http.observer = Some(Trace::create(path).map_err(Error::File)?);
    }
    if args.no_input || !std::io::stdin().is_terminal() {
        options.sign_in.flow = Flow::Never;
    }
    Ok(options.into())
}

/// Opens the connection. Where the user may have to sign in, only the client's own limits apply.
///
/// # Errors
/// When the server cannot be reached, requires a sign-in, or does not answer in time.
pub(crate) async fn open(
    target: Target,
    args: &ConnectionArgs,
    answers: &Answers,
) -> Result<Connection, Error> {
    let store = Store::of_user()?.with_keyring(args.keyring);
    let user = User::new(MessageWriter::new(&args.messages), Browser);
    let mut options = ConnectionOptions::new(store, user);
    options.capabilities = answers.capabilities();
    options.era = match args.era {
        EraArg::Auto => EraChoice::Auto,
        EraArg::Session => EraChoice::Session,
        EraArg::Modern => EraChoice::Modern,
    };
    if let Some(revision) = args.revision.and_then(RevisionArg::name) {
        options.era = match revision {
            "2026-07-28" => EraChoice::Modern,
            _ => EraChoice::Session,
        };
        options.session_revision = Some(revision.to_owned());
    }
    let limit = match &target {
        Target::Http(http) if http.sign_in.flow != Flow::Never => 0,
        _ => args.timeout,
    };
    within(limit, async {
        // Boxed: the future of a sign-in is large.
        Ok(Box::pin(Connection::open(target, options)).await?)
    })
    .await
}

/// Waits for `work` for at most `seconds`; 0 is no limit.
///
/// # Errors
/// Those of `work`, and when it takes too long.
pub(crate) async fn within<T>(
    seconds: u64,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    if seconds == 0 {
        return work.await;
    }
    match tokio::time::timeout(Duration::from_secs(seconds), work).await {
        Ok(done) => done,
        Err(_) => Err(Error::TimedOut(seconds)),
    }
}
