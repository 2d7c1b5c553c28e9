//! The sign-in: challenges, metadata and tokens.

use farport_oauth::client::{metadata_urls, resource_metadata_urls};
use farport_oauth::{join_url, parse_url};
use http::header;
use serde_json::{Value, json};
use url::Url;

use super::MODERN;
use super::peer::{SESSION_ID, message, meta, modern_headers};
use super::probe::{Ask, Credential, Probe, Reply, Way};
use super::report::{Ledger, Verdict};
use super::rules::{self, Area};
use super::session;
use crate::Error;
use crate::auth::{Challenge, SignInError};
use crate::http::{is_private, same_origin, shown, usable};

const PUBLIC: &str = "the server requires no sign-in";

/// Checks the sign-in, if the server requires one, and then signs in.
///
/// # Errors
/// When the server cannot be reached, or the sign-in fails.
pub(super) async fn check(probe: &mut Probe, ledger: &Ledger<'_>) -> Result<(), Error> {
    let Some((ask, reply)) = refused(probe).await? else {
        for rule in rules::RULES.iter().copied() {
            if rule.area == Area::Authorization {
                ledger.record(rule, None, Verdict::Skipped(PUBLIC));
            }
        }
        return Ok(());
    };
    probe.remote().auth().challenged_by(reply.peer);
    let challenge = Challenge::of(&reply.headers);
    check_challenge(ledger, &reply, &challenge);
    if ledger.selection.has_any(Area::Authorization) {
        check_metadata(probe, ledger, &challenge).await?;
    }
    sign_in(probe, &ask, &challenge).await?;
    ledger
        .rule(&rules::BAD_TOKEN, None, async {
            let reply = probe
                .send(ask.clone().credential(Credential::Invalid))
                .await?;
            Ok(Verdict::of(reply.status.as_u16() == 401, || reply.shown()))
        })
        .await;
    ledger
        .rule(&rules::QUERY_TOKEN, None, query_token(probe, &ask))
        .await;
    Ok(())
}

/// A request, and its response if the server refuses it without a token.
async fn refused(probe: &Probe) -> Result<Option<(Ask, Reply)>, Error> {
    let params = json!({ "_meta": meta(MODERN) });
    let discover = Ask::post(message(&json!(probe.id()), "server/discover", &params))
        .with_all(&modern_headers(MODERN, "server/discover"));
    for ask in [discover, session::initialize(probe, "2025-11-25")] {
        let reply = probe.send(ask.clone().credential(Credential::None)).await?;
        if reply.status.as_u16() == 401 {
            return Ok(Some((ask, reply)));
        }
        session::close(probe, reply.headers.get(SESSION_ID), "2025-11-25").await;
        if reply.result().is_some() {
            break;
        }
    }
    Ok(None)
}

fn check_challenge(ledger: &Ledger<'_>, reply: &Reply, challenge: &Challenge) {
    let all = reply.headers.get_all(header::WWW_AUTHENTICATE);
    let all: Vec<_> = all
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    let is_bearer = |text: &String| text.to_ascii_lowercase().contains("bearer");
    let saw = || {
        if all.is_empty() {
            "401 without WWW-Authenticate".to_owned()
        } else {
            format!("WWW-Authenticate: {}", all.join(", "))
        }
    };
    let bearer = Verdict::of(all.iter().any(is_bearer), saw);
    ledger.record(&rules::CHALLENGE, None, bearer);
    let named = Verdict::of(challenge.resource_metadata.is_some(), saw);
    ledger.record(&rules::CHALLENGE_METADATA, None, named);
}

async fn check_metadata(
    probe: &Probe,
    ledger: &Ledger<'_>,
    challenge: &Challenge,
) -> Result<(), Error> {
    let named = challenge.resource_metadata.as_deref();
    let named = named.and_then(|text| join_url(probe.url(), text.trim()).ok());
    let mut places: Vec<Url> = named.into_iter().collect();
    places.extend(resource_metadata_urls(probe.url()));
    places.dedup();
    let found = first(probe, &places, "resource").await?;
    let Ok(document) = found else {
        let saw = found.err().unwrap_or_default();
        ledger.record(&rules::RESOURCE_METADATA, None, Verdict::Broken(saw));
        return Ok(());
    };
    let issuer = document["authorization_servers"][0].as_str();
    let verdict = Verdict::of(issuer.is_some(), || format!("{document}"));
    ledger.record(&rules::RESOURCE_METADATA, None, verdict);
    check_resource(
        ledger,
        probe.url(),
        document["resource"].as_str().unwrap_or_default(),
    );
    match issuer {
        Some(issuer) => check_issuer(probe, ledger, issuer).await,
        None => Ok(()),
    }
}

fn check_resource(ledger: &Ledger<'_>, server: &Url, resource: &str) {
    let saw = || format!("`resource` is {resource}, and the URL is {}", shown(server));
    let covers = parse_url(resource).is_ok_and(|named| {
        let below = server
            .path()
            .strip_prefix(named.path().trim_end_matches('/'));
        same_origin(&named, server)
            && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    ledger.record(&rules::RESOURCE, None, Verdict::of(covers, saw));
    if covers {
        let exact = resource == server.as_str();
        ledger.record(&rules::RESOURCE_EXACT, None, Verdict::of(exact, saw));
    }
}

async fn check_issuer(probe: &Probe, ledger: &Ledger<'_>, issuer: &str) -> Result<(), Error> {
    let broken = |why: String| ledger.record(&rules::SERVER_METADATA, None, Verdict::Broken(why));
    let Ok(address) = parse_url(issuer) else {
        broken(format!("the issuer {issuer} is not a URL"));
        return Ok(());
    };
    let document = match first(probe, &metadata_urls(&address), "issuer").await? {
        Ok(document) => document,
        Err(why) => {
            broken(why);
            return Ok(());
        }
    };
    let text = |name: &str| document[name].as_str();
    let complete = text("authorization_endpoint").is_some() && text("token_endpoint").is_some();
    let verdict = Verdict::of(complete, || {
        "`authorization_endpoint` or `token_endpoint` is missing".to_owned()
    });
    ledger.record(&rules::SERVER_METADATA, None, verdict);
    let found = text("issuer").unwrap_or_default();
    let verdict = Verdict::of(found == issuer, || {
        format!("the resource names {issuer}, and its metadata {found}")
    });
    ledger.record(&rules::ISSUER, None, verdict);
    let methods = &document["code_challenge_methods_supported"];
    let s256 = methods
        .as_array()
        .is_some_and(|all| all.iter().any(|one| one == "S256"));
    let verdict = Verdict::of(s256, || {
        format!("`code_challenge_methods_supported` is {methods}")
    });
    ledger.record(&rules::PKCE, None, verdict);
    let endpoints = [
        "authorization_endpoint",
        "token_endpoint",
        "registration_endpoint",
    ];
    let insecure = endpoints.into_iter().filter_map(|name| {
        let named = text(name)?;
        let usable = parse_url(named).is_ok_and(|url| usable(&url, false));
        (!usable).then(|| format!("`{name}` is {named}"))
    });
    ledger.record(&rules::HTTPS, None, Verdict::Several(insecure.collect()));
    let registers = text("registration_endpoint").is_some()
        || document["client_id_metadata_document_supported"] == true;
    let verdict = Verdict::of(registers, || {
        "neither `registration_endpoint` nor `client_id_metadata_document_supported`".to_owned()
    });
    ledger.record(&rules::REGISTRATION, None, verdict);
    Ok(())
}

/// The first JSON object with the text `member` at one of these places, or what is there instead.
async fn first(
    probe: &Probe,
    places: &[Url],
    member: &str,
) -> Result<Result<Value, String>, Error> {
    let mut wrong = Vec::new();
    for place in places {
        let reply = match probe.document(place).await {
            Ok(reply) => reply,
            Err(error) => {
                wrong.push(error.to_string());
                continue;
            }
        };
        let document = serde_json::from_str::<Value>(&reply.text).unwrap_or_default();
        if reply.status.as_u16() == 200 && document[member].is_string() {
            return Ok(Ok(document));
        }
        wrong.push(format!("{}: HTTP {}", shown(place), reply.status.as_u16()));
    }
    Ok(Err(wrong.join("; ")))
}

/// Makes the probe present a token that the server accepts.
async fn sign_in(probe: &mut Probe, ask: &Ask, challenge: &Challenge) -> Result<(), Error> {
    let own = probe
        .remote()
        .own_headers()
        .contains_key(header::AUTHORIZATION);
    if !own {
        let mut token = probe.remote().auth().bearer().await?;
        if token.is_none() {
            probe.remote().auth().unauthorized(challenge, None).await?;
            token = probe.remote().auth().bearer().await?;
        }
        probe.present(token);
    }
    let reply = probe.send(ask.clone()).await?;
    if reply.status.as_u16() != 401 {
        session::close(probe, reply.headers.get(SESSION_ID), "2025-11-25").await;
        return Ok(());
    }
    let server = shown(probe.url());
    if own {
        return Err(SignInError::HeaderRefused { server }.into());
    }
    let challenge = Challenge::of(&reply.headers);
    let auth = probe.remote().auth();
    auth.unauthorized(&challenge, probe.token()).await?;
    let token = auth.bearer().await?;
    probe.present(token);
    let reply = probe.send(ask.clone()).await?;
    match reply.status.as_u16() {
        401 => {
            let why = crate::auth::reason(&Challenge::of(&reply.headers));
            Err(SignInError::StillRefused { server, why }.into())
        }
        _ => Ok(()),
    }
}

/// A valid token in the query is only sent to this machine or into a private network: it would be in
/// the logs of everything between.
async fn query_token(probe: &Probe, ask: &Ask) -> Result<Verdict, Error> {
    if !is_private(probe.url()) {
        return Ok(Verdict::Skipped(
            "a token in a URL is only sent to this machine and private networks",
        ));
    }
    let Some(token) = probe.token() else {
        return Ok(Verdict::Skipped("the token comes from your own header"));
    };
    let mut url = probe.url().clone();
    url.query_pairs_mut()
        .append_pair("access_token", token.expose());
    let ask = Ask {
        url: Some(url),
        ..ask.clone().credential(Credential::None)
    };
    let reply = probe.send(ask).await?;
    session::close(probe, reply.headers.get(SESSION_ID), "2025-11-25").await;
    // RFC 6750, section 3.1, has 400 and 401 for it.
    Ok(Verdict::of(reply.status.is_client_error(), || {
        format!(
            "`access_token` in the query: HTTP {}",
            reply.status.as_u16()
        )
    }))
}
