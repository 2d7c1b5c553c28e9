//! `farport connect`.

use farport_bridge::{Browser, CancellationToken, Person, Store, connect};
use tokio::io::{BufReader, stdin, stdout};

use crate::error::Error;
use crate::remote::args::ConnectArgs;
use crate::remote::{log_to_stderr, teller};

/// Passes messages on until the client closes its end, or a signal comes.
pub(crate) fn run(args: ConnectArgs) -> Result<(), Error> {
    log_to_stderr(&args.messages)?;
    let person = Person::new(teller(&args.messages), Browser);
    let store = Store::of_user()?.with_keyring(args.sign_in.keyring);
    let options = args.settle()?;
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
            person,
            BufReader::new(stdin()),
            stdout(),
            stop,
        );
        connected.await.map_err(Error::from)
    });
    // A read of standard input cannot be stopped, and nobody waits for it.
    runtime.shutdown_background();
    result
}

fn stop_on_signal(stop: CancellationToken) -> Result<(), Error> {
    let told = farport::told_to_stop().map_err(Error::Runtime)?;
    tokio::spawn(async move {
        told.await;
        stop.cancel();
    });
    Ok(())
}
