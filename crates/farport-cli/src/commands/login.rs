//! `farport login`.

use std::io::IsTerminal;

use farport_bridge::{Browser, NoBrowser, Person, Store, log_in};
use tokio::io::{BufReader, stdin};

use crate::error::Error;
use crate::remote::args::LoginArgs;
use crate::remote::{log_to_stderr, teller};
use crate::terminal::GOOD;

/// Signs in, and says so.
pub(crate) fn run(args: LoginArgs) -> Result<(), Error> {
    log_to_stderr(&args.messages)?;
    let voice = teller(&args.messages);
    let person = if args.no_browser {
        Person::new(voice, NoBrowser)
    } else {
        Person::new(voice, Browser)
    };
    let may_paste = args.no_browser || std::io::stdin().is_terminal();
    let url = args.server.url.clone();
    let store = Store::of_user()?.with_keyring(args.sign_in.keyring);
    let mut options = args.settle()?;
    options.sign_in.paste = may_paste;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let result = runtime.block_on(async {
        let person = if may_paste {
            person.with_input(BufReader::new(stdin()))
        } else {
            person
        };
        log_in(options, store, person).await
    });
    runtime.shutdown_background();
    if result? {
        anstream::println!("{GOOD}Signed in{GOOD:#} to {url}");
    } else {
        anstream::println!("{url} asks for no sign-in");
    }
    Ok(())
}
