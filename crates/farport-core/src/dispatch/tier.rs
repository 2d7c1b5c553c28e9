//! How much machinery a request needs.

use super::Profile;
use crate::{Era, Method, RequestMeta};

/// What a request is given to speak with while it is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Nothing: it can only answer.
    Plain,
    /// A stream of its own.
    Call,
    /// The session's stream, which outlives the request.
    Session,
}

/// Chooses the cheapest tier that takes nothing away from the handler.
///
/// `interactive` is whether the session's client declared sampling, elicitation or roots.
///
/// In the modern era a handler may only send what the request asked for, so most calls are plain.
/// In the session era a call is plain only where its handler could send nothing that the client
/// would see: neither declares anything.
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
            _ => Tier::Plain,
        },
        Era::Session => match method {
            Method::Ping => Tier::Plain,
            Method::Initialize
            | Method::ResourcesSubscribe
            | Method::ResourcesUnsubscribe
            | Method::SetLevel
                if profile.speaks_unasked =>
            {
                Tier::Session
            }
            Method::Initialize => Tier::Plain,
            _ if profile.speaks_unasked || interactive || meta.wants_progress => Tier::Call,
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
        let profile = |unasked| Profile {
            versions: ProtocolVersion::ALL.to_vec(),
            server_info: RawJson::from("{}".to_owned()),
            logging: unasked,
            speaks_unasked: unasked,
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
        let (s, m) = (Era::Session, Era::Modern);
        for (era, method, meta, unasked, interactive, expect) in [
            (m, Method::ToolsCall, &quiet, true, false, Tier::Plain),
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
            let seen = tier(era, &method, meta, &profile(unasked), interactive);
            assert_eq!(seen, expect, "{era:?} {method:?} {unasked} {interactive}");
        }
    }
}
