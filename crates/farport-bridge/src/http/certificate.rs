//! What is wrong with a certificate, in words.

use std::error::Error as _;

use rustls::CertificateError as Fault;

const AUTHORITY: &str = "If the server is your own or behind a company's proxy, let the system trust \
    its authority, or name a file with that authority's certificate in SSL_CERT_FILE.";
const NAME: &str = "Use the name that the certificate is for; whoever runs the server can tell it.";
const CLOCK: &str = "Check this machine's clock; if it is right, tell whoever runs the server.";
const OWNER: &str = "Tell whoever runs the server.";

/// What is wrong with a certificate, if that is what it is, and what to do.
pub(super) fn fault(error: &reqwest::Error) -> Option<(String, &'static str)> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(rustls::Error::InvalidCertificate(fault)) = of_tls(error) {
            return Some(explain(fault));
        }
        cause = error.source();
    }
    None
}

/// The error of TLS itself. Those of input and output wrap each other without being each other's
/// source.
fn of_tls<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(tls) = error.downcast_ref() {
        return Some(tls);
    }
    of_tls(error.downcast_ref::<std::io::Error>()?.get_ref()?)
}

fn explain(fault: &Fault) -> (String, &'static str) {
    match fault {
        Fault::UnknownIssuer => (
            "it is signed by nobody whom this system trusts".to_owned(),
            AUTHORITY,
        ),
        Fault::NotValidForName | Fault::NotValidForNameContext { .. } => {
            (format!("it is for another name: {fault}"), NAME)
        }
        Fault::Expired | Fault::ExpiredContext { .. } => {
            (format!("it has run out: {fault}"), CLOCK)
        }
        Fault::NotValidYet | Fault::NotValidYetContext { .. } => {
            (format!("it is not valid yet: {fault}"), CLOCK)
        }
        Fault::Revoked => ("it was taken back".to_owned(), OWNER),
        // A certificate of an authority that stands for a server, mostly.
        Fault::Other(_) => (fault.to_string(), AUTHORITY),
        other => (other.to_string(), OWNER),
    }
}
