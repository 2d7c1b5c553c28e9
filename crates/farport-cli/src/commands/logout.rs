//! `farport logout`.

use farport_client::{HttpOptions, LoggedOut, NoBrowser, Options, Store, User, log_out};

use crate::error::Error;
use crate::remote::args::LogoutArgs;
use crate::remote::{MessageWriter, address};
use crate::terminal::shown_url;

/// Signs out of one server, or of all.
pub(crate) fn run(args: LogoutArgs) -> Result<(), Error> {
    let store = Store::of_user()?;
    let server = match &args.url {
        // The URL only selects stored sign-ins; farport sends nothing there over http.
        Some(url) => {
            address::check(url, true)?;
            Some(Options::new(url, true)?.url().to_string())
        }
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
            "No sign-ins found{}",
            match &args.url {
                Some(url) => format!(" for {}", shown_url(url)),
                None => String::new(),
            }
        );
        return Ok(());
    }
    let user = User::new(MessageWriter::verbose(), NoBrowser);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    for summary in ending {
        let ended = runtime.block_on(log_out(HttpOptions::default(), &store, &summary, &user))?;
        let how = match ended {
            Some(LoggedOut::Revoked) => "signed out; the server revoked the tokens",
            Some(LoggedOut::Forgotten) => {
                "signed out on this machine; the server did not revoke the tokens, so they remain \
                 valid until they expire"
            }
            None => "already signed out",
        };
        anstream::println!("{}: {how}", shown_url(&summary.server));
    }
    Ok(())
}
