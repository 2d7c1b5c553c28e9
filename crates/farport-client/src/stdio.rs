//! Connects a client that speaks stdio: its lines go onto a connection, and the server's messages
//! come back as lines.
//!
//! Each line is read once and goes to the [`Dialect`], which translates it if the server only knows the
//! other era. What the dialect returns is sent to the server and written to the client, in its order.
//! Only JSON-RPC is written to the client.

mod carry;
mod lines_in;
mod order;
mod output;
mod sink;
mod way;

use std::pin::pin;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncWrite};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::connection::child::{Child, Command};
use crate::connection::hub::{Hub, Sink};
use crate::connection::link::{Link, lock};
use crate::connection::modern::Modern;
use crate::connection::remote::Remote;
use crate::connection::session::Session;
use crate::dialect::{self, Dialect};
use crate::lines::{Line, Lines};
use crate::message;
use crate::options::{Options, Protocol};
use crate::secret::random_text;
use crate::store::Store;
use crate::tools::Tools;
use crate::user::User;
use order::Order;
use output::Output;
use way::{Http, Way};

/// The most messages of the client that wait to be read.
const WAITING: usize = 16;
/// How long calls may take to finish once the client has closed its end.
const DRAIN: Duration = Duration::from_secs(5);
/// How long a call waits for the client's answers.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3600);
/// The dialect's own limit for an answer to `server/discover`. The time limits of HTTP apply before.
const DISCOVERED_WITHIN: Duration = Duration::from_secs(3600);

/// JSON-RPC: the message is not JSON.
const PARSE_ERROR: i64 = -32700;
/// JSON-RPC: the message is no JSON-RPC request.
const INVALID_REQUEST: i64 = -32600;
/// JSON-RPC: the parameters are wrong.
const INVALID_PARAMS: i64 = -32602;
/// JSON-RPC, reserved for implementations: the server could not be reached, or not be used.
const UNREACHABLE: i64 = -32000;

/// What both directions between client and server share.
struct Bridge {
    way: Way,
    output: Output,
    translator: Mutex<Translator>,
    /// Signals that the time of the next timer has changed.
    rescheduled: Notify,
    /// Signals that each request of the client has its response.
    idle: Notify,
    order: Order,
    ping: Option<Duration>,
    stop: CancellationToken,
    user: User,
    /// The last error that the user was shown, so that it is not repeated.
    shown: Mutex<String>,
}

/// The dialect, and the time of the next timer that is set for it.
struct Translator {
    dialect: Dialect,
    timer: Option<Instant>,
}

/// Connects a client, which speaks over `input` and `output`, to the server of `options`, until the
/// client closes its end or `stop` is cancelled.
///
/// # Errors
/// When the options contradict each other. What goes wrong at the server is reported to the client and
/// to the user, and is not an error here.
pub async fn connect<R, W>(
    options: Options,
    store: Store,
    user: User,
    input: R,
    output: W,
    stop: CancellationToken,
) -> Result<(), Error>
where
    R: AsyncBufRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let remote = Remote::new(&options, store, user.clone())?;
    let tools = Tools::new(&options.ignored_tools)?;
    let ping = options.ping;
    let dialect = Dialect::new(dialect_options(&options)?);
    let way = |sink: Weak<dyn Sink>, stop: &CancellationToken| {
        let link = Arc::new(Link::new(
            remote,
            tools,
            options.transport,
            stop.clone(),
            sink,
        ));
        Way::Http(Http {
            session: Arc::new(Session::new(Arc::clone(&link))),
            modern: Modern::new(Arc::clone(&link)),
            link,
        })
    };
    let bridge = Bridge::new(way, dialect, Output::new(output), user, ping, &stop);
    bridge.run(input).await;
    stop.cancel();
    Ok(())
}

/// Connects a client, which speaks over `input` and `output`, to the server that `command` starts, until
/// the client closes its end or `stop` is cancelled. The process ends with the connection.
///
/// A server that only speaks one era of the protocol serves clients of both.
///
/// ```no_run
/// use farport_client::{CancellationToken, Command, NoBrowser, User, connect_process};
/// use tokio::io::BufReader;
///
/// # async fn example() -> Result<(), farport_client::Error> {
/// let command = Command::new("my-server").arg("--stdio");
/// let user = User::new(|text: &str| eprintln!("{text}"), NoBrowser);
/// let (input, output) = (BufReader::new(tokio::io::stdin()), tokio::io::stdout());
/// connect_process(&command, user, input, output, CancellationToken::new()).await
/// # }
/// ```
///
/// # Errors
/// When the program cannot be started.
pub async fn connect_process<R, W>(
    command: &Command,
    user: User,
    input: R,
    output: W,
    stop: CancellationToken,
) -> Result<(), Error>
where
    R: AsyncBufRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let dialect = Dialect::new(dialect::Options {
        state_prefix: state_prefix()?,
        question_timeout: ANSWERED_WITHIN,
        ..dialect::Options::default()
    });
    let spawned = command.spawn()?;
    let way = |sink: Weak<dyn Sink>, stop: &CancellationToken| {
        let hub = Hub::new(spawned.shown().to_owned(), sink, spawned.watch());
        Way::Process(Child::start(spawned, hub, stop.clone()))
    };
    let bridge = Bridge::new(way, dialect, Output::new(output), user, None, &stop);
    bridge.run(input).await;
    stop.cancel();
    Ok(())
}

/// The prefix of the states that the client passes back to the dialect.
fn state_prefix() -> Result<String, Error> {
    let random = random_text(24).map_err(|error| {
        Error::usage(format!(
            "the operating system returned no random numbers: {error}"
        ))
    })?;
    Ok(format!("{random}-"))
}

/// The bounds of the dialect between the client and the server of `options`.
fn dialect_options(options: &Options) -> Result<dialect::Options, Error> {
    Ok(dialect::Options {
        translates: options.protocol == Protocol::Auto,
        // The status of a response shows the server's era.
        probes: false,
        state_prefix: state_prefix()?,
        probe_timeout: DISCOVERED_WITHIN,
        question_timeout: ANSWERED_WITHIN,
        most_bytes: options.largest_held,
        ..dialect::Options::default()
    })
}

impl Bridge {
    fn new(
        way: impl FnOnce(Weak<dyn Sink>, &CancellationToken) -> Way,
        dialect: Dialect,
        output: Output,
        user: User,
        ping: Option<Duration>,
        stop: &CancellationToken,
    ) -> Arc<Self> {
        Arc::new_cyclic(|bridge: &Weak<Self>| Self {
            way: way(bridge.clone(), stop),
            output,
            translator: Mutex::new(Translator {
                dialect,
                timer: None,
            }),
            rescheduled: Notify::new(),
            idle: Notify::new(),
            order: Order::default(),
            ping,
            stop: stop.clone(),
            user,
            shown: Mutex::default(),
        })
    }

    async fn run<R>(self: &Arc<Self>, input: R)
    where
        R: AsyncBufRead + Send + Unpin + 'static,
    {
        let (sender, mut lines) = mpsc::channel(WAITING);
        let closed = CancellationToken::new();
        // Continues to read while a message waits for a sign-in, so that the client's end is noticed.
        let reader = tokio::spawn(read(
            Lines::new(input, self.way.largest()),
            sender,
            closed.clone(),
        ));
        if let (Some(interval), Way::Http(http)) = (self.ping, &self.way) {
            tokio::spawn(Arc::clone(&http.session).keep_alive(interval));
        }
        tokio::spawn(Arc::clone(self).keep_time());
        loop {
            let line = tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                line = lines.recv() => line,
            };
            match line {
                None => break,
                Some(Line::TooLong) => {
                    let most = self.way.largest() / 1_048_576;
                    let why = format!("the message is larger than {most} MiB");
                    self.write(message::error(None, INVALID_REQUEST, &why))
                        .await;
                }
                Some(Line::Text(text)) => {
                    tokio::select! {
                        () = self.take(text) => {}
                        // A client that has closed its end waits for nothing; what it sent is drained.
                        () = self.stop.cancelled() => break,
                        () = drain_is_over(&closed) => {}
                    }
                }
            }
        }
        reader.abort();
        if !self.stop.is_cancelled() {
            let drained = tokio::time::timeout(DRAIN, self.drained());
            if drained.await.is_err() {
                tracing::debug!("some calls were not finished when the client closed its end");
            }
        }
        // Responses reach the client whole, if it still reads.
        let written = tokio::time::timeout(DRAIN, self.output.flush());
        if written.await.is_err() {
            tracing::debug!("the client no longer reads");
        }
        self.way.close().await;
    }

    /// Waits until each request of the client has its response.
    async fn drained(&self) {
        loop {
            let mut idle = pin!(self.idle.notified());
            idle.as_mut().enable();
            if lock(&self.translator).dialect.unanswered() == 0 {
                return;
            }
            idle.await;
        }
    }

    /// Runs the dialect's timers, each at its time.
    async fn keep_time(self: Arc<Self>) {
        loop {
            let mut rescheduled = pin!(self.rescheduled.notified());
            rescheduled.as_mut().enable();
            let next = lock(&self.translator).timer;
            let expired = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = rescheduled => {}
                () = expired => self.turn(|dialect, now| dialect.on_timeout(now)).await,
            }
        }
    }

    /// Shows the user an error.
    fn show_error(&self, error: &Error) {
        if !matches!(error, Error::Stopped) {
            self.show(&User::lines(error));
        }
    }

    /// Shows the user the text of an error, once.
    fn show(&self, text: &str) {
        let mut shown = lock(&self.shown);
        if *shown == text {
            tracing::debug!(%text, "again");
            return;
        }
        self.user.report(text);
        text.clone_into(&mut shown);
    }

    /// Writes a message of the connection's own to the client.
    async fn write(&self, message: String) {
        let ticket = self.output.push(message.into());
        self.written(ticket).await;
    }

    /// Waits until a message is written. When that fails the client has exited, and the connection
    /// ends.
    async fn written(&self, ticket: u64) {
        if let Err(error) = self.output.written(ticket).await {
            tracing::debug!(%error, "the client cannot be written to");
            self.stop.cancel();
        }
    }
}

/// Reads lines until the end.
async fn read<R: AsyncBufRead + Unpin>(
    mut lines: Lines<R>,
    sender: mpsc::Sender<Line>,
    closed: CancellationToken,
) {
    loop {
        match lines.next().await {
            Ok(Some(line)) => {
                if sender.send(line).await.is_err() {
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => {
                tracing::debug!(%error, "the client cannot be read");
                break;
            }
        }
    }
    closed.cancel();
}

/// Ready once the client has been gone for as long as calls may take to finish.
async fn drain_is_over(closed: &CancellationToken) {
    closed.cancelled().await;
    tokio::time::sleep(DRAIN).await;
}
