//! Certificates: which authorities are trusted, and what is wrong with a server's certificate.

use std::error::Error as _;
use std::ffi::OsString;
use std::path::Path;

use rustls::CertificateError as Fault;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::Error;

const AUTHORITY: &str = "if the server is your own or behind a company's proxy, add its authority to \
    the system's trusted certificates, or name a file with that certificate (PEM) in SSL_CERT_FILE \
    or NODE_EXTRA_CA_CERTS";
const NAME: &str = "use the host name that the certificate is for; the server's operator knows it";
const CLOCK: &str =
    "check this machine's clock; if it is right, report this to the server's operator";
const OWNER: &str = "report this to the server's operator";

/// The variable whose certificates replace the system's.
const REPLACES: &str = "SSL_CERT_FILE";
/// The variable whose certificates are trusted in addition to the system's. Node's programs read it.
const ADDS: &str = "NODE_EXTRA_CA_CERTS";

/// The certificates to trust in addition to those that the platform's verifier loads.
///
/// # Errors
/// When `SSL_CERT_FILE` names a file without certificates. A bad `NODE_EXTRA_CA_CERTS` is logged and
/// ignored, as Node does.
pub(super) fn extra_authorities() -> Result<Vec<reqwest::Certificate>, Error> {
    let variable = |name| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
    let mut all = Vec::new();
    if let Some(file) = variable(REPLACES) {
        let found = read(Path::new(&file)).map_err(|why| Error::CertificateFile {
            variable: REPLACES,
            path: Path::new(&file).to_owned(),
            why,
        })?;
        // On other systems the platform's verifier reads it.
        if matches!(std::env::consts::OS, "windows" | "macos" | "ios") {
            all.extend(found);
        }
    }
    if let Some(file) = variable(ADDS) {
        match read(Path::new(&file)) {
            Ok(found) => all.extend(found),
            Err(why) => {
                let path = Path::new(&file).display();
                tracing::warn!(%path, %why, "ignoring {ADDS}");
            }
        }
    }
    Ok(all)
}

/// The certificates in a PEM file that can be trusted as authorities. The error says why there are
/// none.
fn read(path: &Path) -> Result<Vec<reqwest::Certificate>, String> {
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    for der in CertificateDer::pem_slice_iter(&text).flatten() {
        // One certificate that the verifier refuses would make it refuse them all.
        if RootCertStore::empty().add(der.clone()).is_ok() {
            found.extend(reqwest::Certificate::from_der(&der));
        }
    }
    if found.is_empty() {
        Err("it contains no certificate in PEM".to_owned())
    } else {
        Ok(found)
    }
}

/// Whether the server at an https URL answered without TLS.
pub(super) fn is_plaintext(error: &reqwest::Error) -> bool {
    tls_error(error).is_some_and(|error| {
        matches!(
            error,
            rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)
        )
    })
}

/// What is wrong with a certificate, if that is what it is, and what to do.
pub(super) fn fault(error: &reqwest::Error) -> Option<(String, &'static str)> {
    match tls_error(error)? {
        rustls::Error::InvalidCertificate(fault) => Some(explain(fault)),
        _ => None,
    }
}

/// The error of TLS among the causes.
fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(tls) = of_tls(error) {
            return Some(tls);
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
            "this system does not trust the authority that signed it".to_owned(),
            AUTHORITY,
        ),
        Fault::NotValidForName | Fault::NotValidForNameContext { .. } => {
            (format!("it is for another host name: {fault}"), NAME)
        }
        Fault::Expired | Fault::ExpiredContext { .. } => {
            (format!("it has expired: {fault}"), CLOCK)
        }
        Fault::NotValidYet | Fault::NotValidYetContext { .. } => {
            (format!("it is not valid yet: {fault}"), CLOCK)
        }
        Fault::Revoked => ("its authority revoked it".to_owned(), OWNER),
        // Mostly a certificate of an authority that a server uses as its own.
        Fault::Other(_) => (fault.to_string(), AUTHORITY),
        other => (other.to_string(), OWNER),
    }
}
