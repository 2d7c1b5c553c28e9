//! Tiers: what a handler can send during a request.

use super::Profile;
use crate::{Era, Method, RequestMeta};

/// The stream for messages that a handler sends during a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// None: the handler can only respond.
    Plain,
    /// None, but the response may ask the client (2026-07-28, "Multi Round-Trip Requests").
    Asking,
    /// The call's own stream.
    Call,
    /// The session's stream, which outlives the request.
    Session,
}

/// Chooses the cheapest tier that delivers all messages the handler may send.
///
/// `interactive` is true if the session's client declared sampling, elicitation or roots.
///
/// In the modern era, a handler may only send messages that the request enables, so most calls are
/// plain. In the session era, a call is plain only if neither the server nor the client declared a
/// capability that lets the handler send messages.
pub fn tier(
    era: Era,
    method: &Method,
    meta: &RequestMeta,
    profile: &Profile,
    interactive: bool,
) -> Tier {
    match era {
        Era::Modern => match method {
            Method::SubscriptionsListen => Tier::Call,
            _ if meta.wants_progress || (meta.log_level.is_some() && profile.logging) => Tier::Call,
            _ if meta.questions.is_some() => Tier::Asking,
            _ => Tier::Plain,
        },
        Era::Session => match method {
            Method::Ping => Tier::Plain,
            Method::Initialize
            | Method::ResourcesSubscribe
            | Method::ResourcesUnsubscribe
            | Method::SetLevel
                if profile.sends_unprompted =>
            {
                Tier::Session
            }
            Method::Initialize => Tier::Plain,
            _ if profile.sends_unprompted || interactive || meta.wants_progress => Tier::Call,
            _ => Tier::Plain,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ProtocolVersion, RawJson};

    #[test]
    fn a_request_gets_the_cheapest_tier_that_fits() {
        let profile = |unprompted| Profile {
            versions: ProtocolVersion::ALL.to_vec(),
            server_info: RawJson::from("{}".to_owned()),
            logging: unprompted,
            sends_unprompted: unprompted,
        };
        let quiet = RequestMeta::default();
        let progress = RequestMeta {
            wants_progress: true,
            ..RequestMeta::default()
        };
        let log = RequestMeta {
            log_level: Some(crate::LogLevel::Info),
            ..RequestMeta::default()
        };
        let asking = RequestMeta {
            questions: Some(RawJson::from(r#"{"roots":{}}"#.to_owned())),
            ..RequestMeta::default()
        };
        let (s, m) = (Era::Session, Era::Modern);
        for (era, method, meta, unprompted, interactive, expect) in [
            (m, Method::ToolsCall, &quiet, true, false, Tier::Plain),
            (m, Method::ToolsCall, &asking, false, false, Tier::Asking),
            (m, Method::ToolsCall, &progress, false, false, Tier::Call),
            (m, Method::ToolsCall, &log, true, false, Tier::Call),
            (m, Method::ToolsCall, &log, false, false, Tier::Plain),
            (
                m,
                Method::SubscriptionsListen,
                &quiet,
                false,
                false,
                Tier::Call,
            ),
            (s, Method::ToolsCall, &quiet, false, false, Tier::Plain),
            (s, Method::ToolsCall, &quiet, false, true, Tier::Call),
            (s, Method::ToolsCall, &quiet, true, false, Tier::Call),
            (s, Method::ToolsCall, &progress, false, false, Tier::Call),
            (s, Method::Ping, &quiet, true, true, Tier::Plain),
            (s, Method::Initialize, &quiet, false, true, Tier::Plain),
            (s, Method::Initialize, &quiet, true, true, Tier::Session),
            (
                s,
                Method::ResourcesSubscribe,
                &quiet,
                true,
                false,
                Tier::Session,
            ),
        ] {
            let seen = tier(era, &method, meta, &profile(unprompted), interactive);
            assert_eq!(
                seen, expect,
                "{era:?} {method:?} {unprompted} {interactive}"
            );
        }
    }
}
