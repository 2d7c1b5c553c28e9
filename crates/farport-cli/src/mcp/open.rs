//! Opens the connection of a command that sends one request.

use std::io::IsTerminal;
use std::time::Duration;

use farport_client::{
    Browser, Command, Connection, ConnectionOptions, EraChoice, Flow, Options, Store, Target, User,
};

use super::Error;
use super::answers::Answers;
use super::args::{ConnectionArgs, EraArg};
use super::trace::Trace;
use crate::remote::inspect::RevisionArg;
use crate::remote::{MessageWriter, Variables, headers};

/// The server of a command, and the other words on its command line.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// The server.
    pub(crate) target: Target,
    /// The URL, as the user wrote it.
    pub(crate) url: Option<String>,
    /// The words after the URL.
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
/// word is the server's URL.
///
/// # Errors
/// When there is no URL, or the URL or a header cannot be used.
pub(crate) fn invocation(
    words: Vec<String>,
    args: &ConnectionArgs,
) -> Result<Invocation, crate::error::Error> {
    if let Some((program, rest)) = args.command.split_first() {
        let mut command = Command::new(program).args(rest);
        if let Some(path) = &args.trace {
            command = command.observer(Trace::create(path).map_err(Error::File)?);
        }
        let target = command.into();
        return Ok(Invocation {
            target,
            url: None,
            words: words.into_iter(),
        });
    }
    let mut words = words.into_iter();
    let Some(url) = words.next() else {
        return Err(Error::Usage(
            "no server given: name its URL, or its command after `--`".to_owned(),
        )
        .into());
    };
    crate::remote::address::check(&url, args.allow_http).map_err(|error| match error {
        crate::error::Error::Remote(error) => Error::from(error).into(),
        crate::error::Error::Connection(error) => Error::from(error).into(),
        other => other,
    })?;
    let mut options = Options::new(&url, args.allow_http).map_err(Error::from)?;
    for text in &args.header {
        let header = headers::header(text, Variables::Environment).map_err(Error::from)?;
        options.headers.push(header);
    }
    if let Some(path) = &args.header_file {
        let more = headers::file(path, Variables::Environment).map_err(Error::from)?;
        options.headers.extend(more);
    }
    if let Some(path) = &args.trace {
        options.http.observer = Some(Trace::create(path).map_err(Error::File)?);
    }
    if args.no_input || !std::io::stdin().is_terminal() {
        options.sign_in.flow = Flow::Never;
    }
    Ok(Invocation {
        target: options.into(),
        url: Some(url),
        words,
    })
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
