//! `farport connect`.

use std::io::IsTerminal;

use farport_client::{Browser, CancellationToken, Store, User, connect};
use tokio::io::{BufReader, stdin, stdout};

use crate::error::Error;
use crate::remote::args::ConnectArgs;
use crate::remote::{MessageWriter, Variables, log_to_stderr};
use crate::terminal::{COPY, shown_url};

/// Forwards messages until the client closes standard input, or a signal arrives.
pub(crate) fn run(args: ConnectArgs) -> Result<(), Error> {
    log_to_stderr(&args.messages)?;
    let user = User::new(MessageWriter::new(&args.messages), Browser);
    let store = Store::of_user()?.with_keyring(args.sign_in.keyring);
    let (url, silent) = (args.server.url.clone(), args.messages.silent);
    let options = args.settle(Variables::Environment)?;
    if std::io::stdin().is_terminal() && !silent {
        explain(&url);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let result = runtime.block_on(async {
        let stop = CancellationToken::new();
        stop_on_signal(stop.clone())?;
        let connected = connect(
            options,
            store,
            user,
            BufReader::new(stdin()),
            stdout(),
            stop,
        );
        connected.await.map_err(Error::from)
    });
    // A pending read of standard input cannot be cancelled, so do not wait for it.
    runtime.shutdown_background();
    result
}

/// Explains the command to a user who started it on a terminal, without a client.
fn explain(url: &str) {
    anstream::eprintln!(
        "Waiting for JSON-RPC messages on standard input, to forward to {}.\n\
         MCP clients start this command. To add it to a client's configuration, run {COPY}farport \
         add{COPY:#}.\nTo sign in without a client, run {COPY}farport login{COPY:#}. Press Ctrl-C to \
         stop.",
        shown_url(url)
    );
}

fn stop_on_signal(stop: CancellationToken) -> Result<(), Error> {
    let signal = farport::host::shutdown_signal().map_err(Error::Runtime)?;
    tokio::spawn(async move {
        signal.await;
        stop.cancel();
    });
    Ok(())
}
