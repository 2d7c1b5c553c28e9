//! `farport watch`: the notifications of a server, as they come.

use std::collections::BTreeSet;

use farport_client::{Era, ServerMessage};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::error::Error;
use crate::mcp::session::Session;
use crate::mcp::watch_args::WatchArgs;
use crate::mcp::{self, messages, open, output};

/// The most resources that wait to be read.
const MOST_UPDATED: usize = 256;

/// Prints the notifications of a server until the user interrupts.
pub(crate) fn run(mut args: WatchArgs) -> Result<(), Error> {
    let words = std::mem::take(&mut args.words);
    let invocation = open::invocation(words, &args.connection)?;
    let watched =
        mcp::with_connection(
            invocation.target,
            &args.connection,
            async |session| match session.era() {
                Era::Session => in_session(session, &args).await,
                _ => by_subscription(session, &args).await,
            },
        );
    match watched {
        // Interrupting is how it ends.
        Err(Error::Mcp(mcp::Error::Interrupted)) => Ok(()),
        other => other,
    }
}

async fn in_session(session: &Session, args: &WatchArgs) -> Result<(), Error> {
    let mut watch = Watch {
        session,
        updated: BTreeSet::new(),
    };
    if let Some(level) = &args.level {
        let params = json!({ "level": level });
        watch.request("logging/setLevel", &params).await?;
    }
    for uri in &args.resource {
        let params = json!({ "uri": uri });
        watch.request("resources/subscribe", &params).await?;
    }
    loop {
        if !args.read {
            watch.updated.clear();
        }
        while let Some(uri) = watch.updated.pop_first() {
            let params = json!({ "uri": uri });
            let content = watch.request("resources/read", &params).await?;
            output::json(&json!({ "resource": uri, "result": read(&content) }))?;
        }
        tokio::select! {
            message = session.message() => watch.take(message).await?,
            ended = session.ended() => return ended.map_or(Ok(()), |error| Err(mcp::Error::Client(error).into())),
        }
    }
}

/// A session whose notifications are printed at any time, also while a request runs.
struct Watch<'a> {
    session: &'a Session,
    /// Resources that have changed and are not read yet.
    updated: BTreeSet<String>,
}

impl Watch<'_> {
    async fn request(&mut self, method: &str, params: &Value) -> Result<Box<RawValue>, Error> {
        let session = self.session;
        let sent = session.request(method, params);
        let mut call = sent.map_err(mcp::Error::Client)?;
        loop {
            let next = open::within(session.limit, async {
                tokio::select! {
                    biased;
                    message = session.message() => Ok(Some(message)),
                    message = call.next() => Ok(message),
                }
            });
            match next.await? {
                Some(message) => self.take(message).await?,
                None => break,
            }
        }
        Ok(call.response().await.map_err(mcp::Error::Client)?)
    }

    async fn take(&mut self, message: ServerMessage) -> Result<(), Error> {
        if let Some(uri) = print(self.session, message).await?
            && self.updated.len() < MOST_UPDATED
        {
            self.updated.insert(uri);
        }
        Ok(())
    }
}

/// 2026-07-28: one request that stays open. When the server ends it, another one follows.
async fn by_subscription(session: &Session, args: &WatchArgs) -> Result<(), Error> {
    let mut wait = std::time::Duration::from_millis(500);
    loop {
        let mut params = json!({ "notifications": {
            "toolsListChanged": true,
            "promptsListChanged": true,
            "resourcesListChanged": true,
            "resourceSubscriptions": args.resource,
        } });
        if let Some(level) = &args.level {
            params["_meta"] = json!({ "io.modelcontextprotocol/logLevel": level });
        }
        let started = tokio::time::Instant::now();
        let mut call = session
            .request("subscriptions/listen", &params)
            .map_err(mcp::Error::Client)?;
        loop {
            let message = tokio::select! {
                message = call.next() => message,
                message = session.message() => Some(message),
            };
            let Some(message) = message else { break };
            show(session, args, message).await?;
        }
        match call.response().await {
            Err(error @ farport_client::Error::Response(_)) => {
                return Err(mcp::Error::Client(error).into());
            }
            Err(error) => output::note(&format!("{error}; farport subscribes again")),
            Ok(_) => output::note("the server ended the subscription; farport subscribes again"),
        }
        // A server that ends each one at once is not asked without a pause.
        wait = match started.elapsed().as_secs() {
            10.. => std::time::Duration::from_millis(500),
            _ => (wait * 2).min(std::time::Duration::from_secs(30)),
        };
        tokio::time::sleep(wait).await;
    }
}

/// Prints a notification, or responds to a request. Returns the resource that has changed.
async fn print(session: &Session, message: ServerMessage) -> Result<Option<String>, Error> {
    let (method, params) = match message {
        ServerMessage::Notification { method, params } => (method, params),
        request => {
            messages::respond(session, request).await?;
            return Ok(None);
        }
    };
    let params: Option<Value> = params.as_deref().and_then(read);
    output::json(&json!({ "method": method, "params": params }))?;
    let uri = params.as_ref().and_then(|params| params["uri"].as_str());
    let is_update = method == "notifications/resources/updated";
    Ok(uri.filter(|_| is_update).map(str::to_owned))
}

async fn show(session: &Session, args: &WatchArgs, message: ServerMessage) -> Result<(), Error> {
    let updated = print(session, message).await?;
    if let Some(uri) = updated.filter(|_| args.read) {
        let content = messages::request(session, "resources/read", &json!({ "uri": uri })).await?;
        output::json(&json!({ "resource": uri, "result": read(&content) }))?;
    }
    Ok(())
}

fn read(json: &RawValue) -> Option<Value> {
    serde_json::from_str(json.get()).ok()
}
