//! The rules, as data.

use std::fmt;

/// A rule that a server has to keep.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// The name, such as `session-unknown`.
    pub id: &'static str,
    /// What the rule is about.
    pub area: Area,
    /// How bad it is to break it.
    pub severity: Severity,
    /// What a server has to do.
    pub text: &'static str,
    /// Where it is written.
    pub source: Source,
    /// What to do about a finding.
    pub remedy: &'static str,
}

/// What a rule is about. Each one can be selected by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Area {
    /// Messages and the negotiation of the revision.
    Protocol,
    /// HTTP: methods, status codes, headers and sessions. Standard input and output of a local server.
    Transport,
    /// The definitions of tools, and the results of calls that the user asked for.
    Tools,
    /// Challenges, OAuth metadata and tokens.
    Authorization,
    /// Requests that are too large.
    Limits,
}

impl Area {
    /// All areas.
    pub const ALL: [Self; 5] = [
        Self::Protocol,
        Self::Transport,
        Self::Tools,
        Self::Authorization,
        Self::Limits,
    ];

    /// The name, such as `transport`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Protocol => "protocol",
            Self::Transport => "transport",
            Self::Tools => "tools",
            Self::Authorization => "authorization",
            Self::Limits => "limits",
        }
    }
}

/// How bad it is to break a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// A recommendation, or something that some clients do not cope with.
    Warning,
    /// The specification requires it.
    Error,
}

impl Severity {
    /// The name: `warning` or `error`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Where a rule is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The MCP specification.
    #[non_exhaustive]
    Mcp {
        /// The page and section, in words.
        section: &'static str,
        /// The page in the revisions with sessions.
        page: &'static str,
        /// The page in 2026-07-28.
        modern: &'static str,
    },
    /// An RFC, with its section.
    Rfc(u16, &'static str),
    /// JSON-RPC 2.0, with its section.
    JsonRpc(&'static str),
    /// No specification: experience with clients and attacks.
    Experience,
}

impl Source {
    /// The section that a finding in `revision` breaks.
    pub fn section(&self, revision: Option<&str>) -> String {
        match self {
            Self::Mcp { section, .. } => format!("MCP {}, {section}", revision.unwrap_or(NEWEST)),
            Self::Rfc(number, section) => format!("RFC {number}, section {section}"),
            Self::JsonRpc(section) => format!("JSON-RPC 2.0, section {section}"),
            Self::Experience => "farport's recommendation".to_owned(),
        }
    }

    /// The address of that section.
    pub fn url(&self, revision: Option<&str>) -> Option<String> {
        match self {
            Self::Mcp { page, modern, .. } => {
                let revision = revision.unwrap_or(NEWEST);
                let page = if revision < super::MODERN {
                    page
                } else {
                    modern
                };
                let site = "https://modelcontextprotocol.io/specification";
                Some(format!("{site}/{revision}/{page}"))
            }
            Self::Rfc(number, section) => Some(format!(
                "https://www.rfc-editor.org/rfc/rfc{number}#section-{section}"
            )),
            Self::JsonRpc(_) => Some("https://www.jsonrpc.org/specification".to_owned()),
            Self::Experience => None,
        }
    }
}

const NEWEST: &str = super::MODERN;

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

macro_rules! rules {
    ($($name:ident = $area:ident $severity:ident $id:literal, $text:literal, $source:expr, $remedy:literal;)*) => {
        $(pub(super) static $name: Rule = Rule {
            id: $id,
            area: Area::$area,
            severity: Severity::$severity,
            text: $text,
            source: $source,
            remedy: $remedy,
        };)*

        /// All rules, in the order of a report.
        pub static RULES: &[&Rule] = &[$(&$name),*];
    };
}

const fn mcp(section: &'static str, page: &'static str, modern: &'static str) -> Source {
    Source::Mcp {
        section,
        page,
        modern,
    }
}

const LIFECYCLE: Source = mcp(
    "Lifecycle, Initialization",
    "basic/lifecycle#initialization",
    "basic/versioning",
);
const NEGOTIATION: Source = mcp(
    "Lifecycle, Version Negotiation",
    "basic/lifecycle#version-negotiation",
    "basic/versioning#protocol-version-negotiation",
);
const SENDING: Source = mcp(
    "Transports, Sending Messages to the Server",
    "basic/transports#sending-messages-to-the-server",
    "basic/transports/streamable-http#sending-messages",
);
const LISTENING: Source = mcp(
    "Transports, Listening for Messages from the Server",
    "basic/transports#listening-for-messages-from-the-server",
    "basic/transports/streamable-http#earlier-streamable-http-revisions",
);
const SESSIONS: Source = mcp(
    "Transports, Session Management",
    "basic/transports#session-management",
    "basic/transports/streamable-http#earlier-streamable-http-revisions",
);
const VERSION_HEADER: Source = mcp(
    "Transports, Protocol Version Header",
    "basic/transports#protocol-version-header",
    "basic/transports/streamable-http#protocol-version-header",
);
const STDIO: Source = mcp(
    "Transports, stdio",
    "basic/transports#stdio",
    "basic/transports/stdio",
);
const ORIGINS: Source = mcp(
    "Transports, Security Warning",
    "basic/transports#security-warning",
    "basic/transports/streamable-http",
);
const VALIDATION: Source = mcp(
    "Streamable HTTP, Server Validation",
    "basic/transports",
    "basic/transports/streamable-http#server-validation",
);
const MESSAGES: Source = mcp(
    "Overview, Messages",
    "basic#messages",
    "basic/index#messages",
);
const TOOLS: Source = mcp(
    "Tools, Data Types",
    "server/tools#tool",
    "server/tools#tool",
);
const TOOL_NAMES: Source = mcp(
    "Tools, Tool Names",
    "server/tools#tool-names",
    "server/tools#tool-names",
);
const RESULTS: Source = mcp(
    "Tools, Output Schema",
    "server/tools#output-schema",
    "server/tools#output-schema",
);
const AUTHORIZATION: Source = mcp(
    "Authorization, Authorization Server Discovery",
    "basic/authorization#authorization-server-discovery",
    "basic/authorization/index",
);
const TOKENS: Source = mcp(
    "Authorization, Token Handling",
    "basic/authorization#token-handling",
    "basic/authorization/index",
);

rules! {
    INITIALIZE = Protocol Error "initialize",
        "`initialize` returns `protocolVersion`, `capabilities`, and `serverInfo` with a name and a version",
        LIFECYCLE,
        "return all members of InitializeResult";
    NEGOTIATE = Protocol Error "negotiation",
        "a server that does not support the requested revision answers `initialize` with one that it supports",
        NEGOTIATION,
        "answer with your newest revision instead of repeating the client's or failing";
    DISCOVER = Protocol Error "discover",
        "`server/discover` returns `supportedVersions` with the revision of the request, `capabilities`, \
         `resultType`, `ttlMs` and `cacheScope`",
        mcp("Versioning", "basic/lifecycle", "basic/versioning"),
        "return all members of DiscoverResult";
    UNSUPPORTED = Protocol Error "unsupported-version",
        "a request of an unknown revision is answered with 400, code -32022, and the supported revisions",
        VERSION_HEADER,
        "answer with UnsupportedProtocolVersionError: `data.supported` lists your revisions, `data.requested` \
         repeats the client's";
    ENVELOPE = Protocol Error "envelope",
        "a response has `jsonrpc` 2.0, the id of its request with the same type, and either `result` or `error`",
        Source::JsonRpc("5"),
        "copy the id as it is; a JSON-RPC library does it";
    PING = Protocol Error "ping",
        "`ping` is answered with an empty result",
        mcp("Ping", "basic/utilities/ping#behavior-requirements", "basic/versioning"),
        "answer `ping` with {}";
    UNKNOWN_METHOD = Protocol Error "unknown-method",
        "an unknown method is answered with the error -32601, in 2026-07-28 with the status 404",
        MESSAGES,
        "answer with -32601 (Method not found)";
    INVALID_PARAMS = Protocol Warning "invalid-params",
        "parameters of the wrong type are answered with the error -32602",
        Source::JsonRpc("5.1"),
        "check the parameters against the schema, and answer with -32602 (Invalid params)";
    PARSE_ERROR = Protocol Error "parse-error",
        "a message that is not JSON is answered with an HTTP error, and does not end a local server; its JSON-RPC \
         error, if any, has the code -32700",
        SENDING,
        "answer with -32700 (Parse error), over HTTP with 400";
    BATCH = Protocol Error "batch",
        "a batch is accepted in 2025-03-26",
        mcp("Overview, Batching", "basic#batching", "basic/index"),
        "accept JSON arrays in 2025-03-26, or do not offer that revision";
    NO_BATCH = Protocol Warning "no-batch",
        "a batch is refused in every revision but 2025-03-26",
        SENDING,
        "answer a JSON array with 400 and -32600 (Invalid Request)";
    META = Protocol Error "meta",
        "a request of 2026-07-28 without the client's capabilities in `_meta` is refused",
        mcp("Overview, _meta", "basic#meta", "basic/index#meta"),
        "answer with 400 and -32602 (Invalid params)";
    RESULT_TYPE = Protocol Error "result-type",
        "each result of 2026-07-28 has a `resultType`",
        mcp("Schema, Result", "schema", "schema#result"),
        "add `\"resultType\": \"complete\"` to results";
    CACHING = Protocol Error "caching",
        "lists of 2026-07-28 have `ttlMs` and `cacheScope`",
        mcp("Caching", "server/utilities", "server/utilities/caching"),
        "add `ttlMs`, and `cacheScope` with `private` for what depends on the user";
    LISTS = Protocol Error "lists",
        "a server that declares tools, resources or prompts can list them",
        LIFECYCLE,
        "answer the list's method with an array, or do not declare the capability";

    ENDPOINT = Transport Error "endpoint",
        "the first event of the stream of HTTP+SSE is `endpoint`, with a URL of the same origin",
        mcp("Transports, HTTP with SSE", "basic/transports#http-with-sse", "basic/transports/streamable-http"),
        "send `event: endpoint` with the path for messages before anything else";
    ORIGIN = Transport Error "origin",
        "a request from a foreign web page (`Origin`) is refused with 403",
        ORIGINS,
        "compare `Origin` with a list of permitted ones; otherwise any web page can call the server";
    HOST = Transport Warning "host",
        "a server on this machine refuses a foreign `Host`",
        Source::Experience,
        "compare `Host` with the server's own names, so that a web page cannot reach it by DNS rebinding";
    ACCEPT = Transport Warning "accept",
        "a POST whose `Accept` permits neither JSON nor an event stream is refused",
        Source::Rfc(9110, "15.5.7"),
        "answer with 406 (Not Acceptable)";
    CONTENT_TYPE = Transport Warning "content-type",
        "a POST that is not `application/json` is refused",
        Source::Rfc(9110, "15.5.16"),
        "answer with 415 (Unsupported Media Type); browsers send other types to foreign sites without asking";
    RESPONSE_TYPE = Transport Error "response-type",
        "a response is `application/json` or `text/event-stream`",
        SENDING,
        "set Content-Type";
    STREAM = Transport Error "stream",
        "the event stream of a request carries JSON-RPC messages",
        SENDING,
        "write each message as the data of one event";
    STREAM_END = Transport Warning "stream-end",
        "the event stream of a request ends after its response",
        SENDING,
        "close the stream after the response; some clients wait for its end";
    NOTIFICATION = Transport Error "notification",
        "a notification is answered with 202 and without a body",
        SENDING,
        "answer notifications with 202 (Accepted), also ones that the server does not know";
    GET = Transport Error "get",
        "GET returns an event stream, or 405",
        LISTENING,
        "answer GET with 405 (Method Not Allowed) if there is no stream";
    GET_ACCEPT = Transport Warning "get-accept",
        "GET without `Accept: text/event-stream` is refused",
        LISTENING,
        "answer with 406 or 405";
    OTHER_METHODS = Transport Warning "http-methods",
        "other HTTP methods are refused with 405",
        Source::Rfc(9110, "15.5.6"),
        "answer with 405 (Method Not Allowed)";
    SESSION_ID = Transport Error "session-id",
        "the session id has visible ASCII characters only",
        SESSIONS,
        "use a random UUID or 128 random bits in hexadecimal form";
    SESSION_ID_LENGTH = Transport Warning "session-id-random",
        "the session id is long enough to be unguessable, and each session gets another one",
        SESSIONS,
        "use a cryptographic random generator";
    SESSION_REQUIRED = Transport Warning "session-required",
        "a server that assigns session ids refuses a request without one with 400",
        SESSIONS,
        "answer with 400 (Bad Request)";
    SESSION_UNKNOWN = Transport Error "session-unknown",
        "a request of an unknown session is answered with 404",
        SESSIONS,
        "answer with 404 (Not Found); clients open a new session then";
    SESSION_DELETE = Transport Error "session-delete",
        "DELETE ends the session, or is answered with 405; an ended session is answered with 404",
        SESSIONS,
        "end the session, and answer its requests with 404 from then on; or answer DELETE with 405";
    VERSION = Transport Error "version-header",
        "an unsupported `MCP-Protocol-Version` is refused with 400",
        VERSION_HEADER,
        "answer with 400 (Bad Request)";
    HEADER_VERSION = Transport Error "header-version",
        "`MCP-Protocol-Version` that differs from `_meta` is refused with 400; its code is -32020, unless the \
         header names a revision with sessions that the server offers",
        VERSION_HEADER,
        "compare the header with `_meta`";
    HEADER_METHOD = Transport Error "header-method",
        "a request whose `Mcp-Method` is missing or differs from the body is refused with 400 and code -32020",
        VALIDATION,
        "compare the header with `method`";
    HEADER_NAME = Transport Error "header-name",
        "a request whose `Mcp-Name` differs from the body is refused with 400 and code -32020",
        VALIDATION,
        "compare the header, decoded, with `params.name` or `params.uri`";
    NO_SESSION = Transport Warning "no-session",
        "no session id is assigned in 2026-07-28",
        SESSIONS,
        "send no Mcp-Session-Id to requests of 2026-07-28";
    MODERN_METHODS = Transport Warning "post-only",
        "a server that only supports 2026-07-28 answers GET and DELETE with 405",
        LISTENING,
        "answer with 405 (Method Not Allowed)";
    STDOUT = Transport Error "stdout",
        "a local server writes nothing but messages to its standard output, each on one line",
        STDIO,
        "write logs to the standard error";
    STDIN_END = Transport Warning "stdin-end",
        "a local server exits within two seconds after its standard input ends",
        mcp("Lifecycle, Shutdown", "basic/lifecycle#stdio", "basic/transports/stdio"),
        "exit when reading the standard input returns its end";

    TOOL_NAME = Tools Warning "tool-name",
        "a tool's name has 1 to 128 characters of A-Z, a-z, 0-9, `_`, `-` and `.`",
        TOOL_NAMES,
        "rename the tool; model providers refuse other names";
    TOOL_UNIQUE = Tools Error "tool-unique",
        "no two tools have one name",
        TOOL_NAMES,
        "rename one of the tools";
    TOOL_DESCRIPTION = Tools Warning "tool-description",
        "a tool has a description",
        Source::Experience,
        "say what the tool does, and when to use it; models choose tools by it";
    INPUT_SCHEMA = Tools Error "input-schema",
        "`inputSchema` is a JSON Schema with the type `object`",
        TOOLS,
        "write `{\"type\": \"object\"}` for a tool without arguments";
    VALID_SCHEMA = Tools Error "valid-schema",
        "the schemas of a tool are valid JSON Schema",
        TOOLS,
        "correct the schema at this place";
    REQUIRED = Tools Warning "required-properties",
        "the properties that a schema requires are described in it",
        Source::Experience,
        "add the property, or remove its name from `required`";
    REFERENCES = Tools Warning "schema-references",
        "references in a schema stay inside it",
        mcp("JSON Schema Usage", "basic#json-schema-usage", "basic/index#json-schema-usage"),
        "move the schema to `$defs`; clients do not fetch schemas";
    OUTPUT_SCHEMA = Tools Error "output-schema",
        "`outputSchema` is an object, before 2026-07-28 with the type `object`",
        RESULTS,
        "wrap the result in an object";
    ANNOTATIONS = Tools Warning "annotations",
        "annotations have the types of the specification",
        TOOLS,
        "hints are true or false, the title is text";
    MCP_HEADER = Tools Error "x-mcp-header",
        "`x-mcp-header` names a unique header, on a string, integer or boolean property",
        mcp("Tools, x-mcp-header", "server/tools", "server/tools#x-mcp-header"),
        "correct the annotation; clients leave out the tool until then";
    STRUCTURED = Tools Error "structured-content",
        "the structured content of a tool with an output schema matches it",
        RESULTS,
        "return `structuredContent` that matches `outputSchema`";
    CALL_RESULT = Tools Error "call-result",
        "the result of a call has a list of content blocks of known types",
        mcp("Tools, Tool Result", "server/tools#tool-result", "server/tools#tool-result"),
        "return `content`, an empty list if there is none";

    CHALLENGE = Authorization Error "challenge",
        "a request without a token is answered with 401 and a `WWW-Authenticate: Bearer` challenge",
        Source::Rfc(6750, "3"),
        "add the header; clients start a sign-in only then";
    CHALLENGE_METADATA = Authorization Warning "challenge-metadata",
        "the challenge names the protected resource metadata (`resource_metadata`)",
        Source::Rfc(9728, "5.1"),
        "add `resource_metadata` to the challenge";
    RESOURCE_METADATA = Authorization Error "resource-metadata",
        "the protected resource metadata is available, and names an authorization server",
        AUTHORIZATION,
        "serve /.well-known/oauth-protected-resource with `resource` and `authorization_servers`";
    RESOURCE = Authorization Error "resource",
        "`resource` in the metadata is the server's URL, or contains it",
        Source::Rfc(9728, "3.3"),
        "write the public URL of the MCP endpoint; behind a proxy, configure it";
    RESOURCE_EXACT = Authorization Warning "resource-exact",
        "`resource` in the metadata is exactly the URL that clients use",
        Source::Rfc(9728, "3.3"),
        "write the URL of the MCP endpoint, without another slash or path; some clients refuse any difference";
    SERVER_METADATA = Authorization Error "server-metadata",
        "the authorization server publishes its metadata, with its endpoints",
        AUTHORIZATION,
        "serve RFC 8414 or OpenID Connect metadata with the authorization and the token endpoint";
    ISSUER = Authorization Error "issuer",
        "`issuer` in the metadata is the one that the resource names, byte for byte",
        Source::Rfc(8414, "3.3"),
        "write both in one form, also the slash at the end";
    PKCE = Authorization Error "pkce",
        "the authorization server lists S256 among its PKCE methods",
        Source::Rfc(8414, "2"),
        "add S256 to `code_challenge_methods_supported`; clients refuse to sign in without it";
    HTTPS = Authorization Error "https",
        "the endpoints of the authorization server use https, except on this machine",
        AUTHORIZATION,
        "publish https URLs; behind a proxy, configure the public URL";
    REGISTRATION = Authorization Warning "registration",
        "clients can register, or use a client ID metadata document",
        AUTHORIZATION,
        "support client ID metadata documents or dynamic registration; otherwise each user needs a client id";
    BAD_TOKEN = Authorization Error "bad-token",
        "an invalid token is answered with 401",
        TOKENS,
        "validate the token before anything else";
    QUERY_TOKEN = Authorization Error "query-token",
        "a token in the query of the URL is refused",
        TOKENS,
        "read tokens from the Authorization header only; URLs end up in logs";

    LARGE_BODY = Limits Warning "large-body",
        "a body of 16 MiB is refused, and the server stays up",
        Source::Experience,
        "limit the size of bodies, and answer with 413 (Content Too Large)";
    DEEP_JSON = Limits Warning "deep-json",
        "deeply nested JSON gets a response, and the server stays up",
        Source::Experience,
        "limit the depth of JSON, or use a parser that does";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::RULES;

    #[test]
    fn each_rule_has_a_unique_id_and_its_texts() {
        let ids: BTreeSet<_> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), RULES.len());
        for rule in RULES {
            let plain = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(rule.id.chars().all(plain), "{rule}");
            assert!(!rule.text.is_empty() && !rule.remedy.is_empty(), "{rule}");
            assert!(
                !rule.remedy.ends_with('.') && !rule.text.ends_with('.'),
                "{rule}"
            );
        }
    }
}
