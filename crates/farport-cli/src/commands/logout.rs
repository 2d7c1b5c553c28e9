//! `farport logout`.

use farport_bridge::{HttpOptions, LoggedOut, NoBrowser, Options, Person, Store, log_out};

use crate::error::Error;
use crate::remote::Voice;
use crate::remote::args::LogoutArgs;

/// Ends the sign-ins of a server, or all of them.
pub(crate) fn run(args: LogoutArgs) -> Result<(), Error> {
    let store = Store::of_user()?;
    let server = match &args.url {
        // The address is compared as it is kept; what may be sent there does not matter here.
        Some(url) => Some(Options::new(url, true)?.url().to_string()),
        None => None,
    };
    let ending: Vec<_> = store
        .list()?
        .into_iter()
        .filter(|summary| {
            server
                .as_ref()
                .is_none_or(|server| summary.server == *server)
        })
        .collect();
    if ending.is_empty() {
        anstream::println!(
            "No sign-in is kept{}",
            match &args.url {
                Some(url) => format!(" for {url}"),
                None => String::new(),
            }
        );
        return Ok(());
    }
    let person = Person::new(Voice::loud(), NoBrowser);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    for summary in ending {
        let ended = runtime.block_on(log_out(HttpOptions::default(), &store, &summary, &person))?;
        let how = match ended {
            Some(LoggedOut::Revoked) => "signed out: the server took the tokens back",
            Some(LoggedOut::Forgotten) => {
                "signed out: the tokens are forgotten here; the server cannot take them back, and \
                 they run out by themselves"
            }
            None => "was signed out already",
        };
        anstream::println!("{}: {how}", summary.server);
    }
    Ok(())
}
