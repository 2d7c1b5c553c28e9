//! Servers with an untrusted certificate.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use crate::desktop::Desktop;
use crate::stand_in::{Answer, Asked};
use crate::support::farport;

/// A certificate authority.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }
}

enum Kind {
    Good,
    SelfSigned,
    WrongHost,
    Expired,
}

/// Starts a server with this kind of certificate, and returns its URL.
fn serve(authority: &Authority, kind: &Kind) -> String {
    let name = match kind {
        Kind::WrongHost => "elsewhere.example",
        _ => "127.0.0.1",
    };
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    if let Kind::Expired = kind {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = match kind {
        Kind::SelfSigned => params.self_signed(&key).unwrap(),
        _ => params.signed_by(&key, &authority.issuer).unwrap(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(certificate)],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "https://{}/mcp?token=seeded",
        listener.local_addr().unwrap()
    );
    thread::spawn(move || {
        for stream in listener.incoming() {
            let config = Arc::clone(&config);
            thread::spawn(move || {
                let connection = ServerConnection::new(config).unwrap();
                let mut stream = StreamOwned::new(connection, stream.unwrap());
                // Most clients close the connection during the handshake.
                if let Some(asked) = Asked::read(&mut stream) {
                    let result = json!({"protocolVersion": "2025-11-25"});
                    Answer::result(&asked, &result).write(&mut stream);
                    stream.conn.send_close_notify();
                    let _ = stream.conn.complete_io(&mut stream.sock);
                }
            });
        }
    });
    url
}

#[test]
fn an_untrusted_certificate_is_explained_with_a_hint() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("authority.pem");
    std::fs::write(&trusted, &authority.pem).unwrap();
    let authority_missing = ["does not trust the authority", "SSL_CERT_FILE"];
    for (kind, trust, expect) in [
        (Kind::Good, true, None),
        (Kind::Good, false, Some(authority_missing)),
        (Kind::SelfSigned, false, Some(authority_missing)),
        (
            Kind::WrongHost,
            true,
            Some(["for another host name", "elsewhere.example"]),
        ),
        (
            Kind::Expired,
            true,
            Some(["has expired", "this machine's clock"]),
        ),
    ] {
        let url = serve(&authority, &kind);
        let mut command = farport(Path::new("/"), ["connect", &url]);
        command.env("FARPORT_CONFIG_DIR", folder.path());
        if trust {
            command.env("SSL_CERT_FILE", &trusted);
        }
        let mut desktop = Desktop::of(&mut command);
        let answer = desktop.ask(1, "initialize", json!({"protocolVersion": "2025-11-25"}));
        let said = desktop.close();
        let Some(expect) = expect else {
            assert!(answer["result"].is_object(), "{answer}");
            assert_eq!(said, "");
            continue;
        };
        let message = answer["error"]["message"].as_str().unwrap();
        let (why, hint) = message.split_once("; hint: ").unwrap();
        assert_eq!(said.trim_end(), format!("error: {why}\nhint: {hint}"));
        for part in ["certificate of 127.0.0.1"].into_iter().chain(expect) {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("seeded"), "{said}");
    }
}
