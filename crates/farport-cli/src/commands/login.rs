//! `farport login`.

use std::io::IsTerminal;

use farport_client::{Browser, NoBrowser, Store, User, log_in};
use tokio::io::{BufReader, stdin};

use crate::error::Error;
use crate::remote::args::LoginArgs;
use crate::remote::{MessageWriter, Variables, log_to_stderr};
use crate::terminal::{GOOD, shown_url};

/// Signs in to a server and reports the result.
pub(crate) fn run(args: LoginArgs) -> Result<(), Error> {
    log_to_stderr(&args.messages)?;
    let messages = MessageWriter::new(&args.messages);
    let user = if args.no_browser {
        User::new(messages, NoBrowser)
    } else {
        User::new(messages, Browser)
    };
    let may_paste = args.no_browser || std::io::stdin().is_terminal();
    let url = shown_url(&args.server.url);
    let store = Store::of_user()?.with_keyring(args.sign_in.keyring);
    let mut options = args.settle(Variables::Environment)?;
    options.sign_in.paste = may_paste;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let result = runtime.block_on(async {
        let user = if may_paste {
            user.with_input(BufReader::new(stdin()))
        } else {
            user
        };
        log_in(options, store, user).await
    });
    runtime.shutdown_background();
    if result? {
        anstream::println!("{GOOD}Signed in{GOOD:#} to {url}");
    } else {
        anstream::println!("{url} does not require a sign-in");
    }
    Ok(())
}
