//! A call of a caller of 2026-07-28.

use bytestring::ByteString;
use farport_core::LogLevel;

use crate::dialect::message::{Id, Message};
use crate::dialect::meta::{Declared, Meta};

/// A call, from the caller's first request to its last answer.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: String,
    /// The tool, prompt or resource of the call.
    pub(super) subject: Option<String>,
    /// The caller's request; `None` while the caller is to come back with answers.
    pub(super) caller: Option<Id>,
    /// The request at the server; `None` before it is sent and after it is answered.
    pub(super) at_server: Option<Id>,
    /// Whether the server has the call.
    pub(super) started: bool,
    pub(super) declared: Declared,
    /// The caller's log level for this call.
    pub(super) level: Option<LogLevel>,
    /// The caller's progress token.
    pub(super) token: Option<Id>,
    /// The progress token that the server knows.
    pub(super) sent_token: Option<Id>,
    pub(super) questions: Vec<Question>,
    /// The `requestState` that the caller comes back with.
    pub(super) parked: Option<String>,
    /// The server's answer, if it came while the caller was away.
    pub(super) answer: Option<Message>,
}

/// A question that the caller has not answered.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) key: String,
    /// The server's request; `None` for a URL that the server wants visited before a retry.
    pub(super) id: Option<Id>,
    pub(super) method: String,
    pub(super) params: Option<ByteString>,
    /// Whether the transport has shown that the question belongs to this call.
    pub(super) is_certain: bool,
}

impl Call {
    pub(super) fn new(id: Id, message: &Message, meta: &Meta<'_>) -> Self {
        let mut call = Self {
            method: message.method().to_owned(),
            subject: message.header_facts().name,
            caller: None,
            at_server: None,
            started: false,
            declared: Declared::default(),
            level: None,
            token: None,
            sent_token: None,
            questions: Vec::new(),
            parked: None,
            answer: None,
        };
        call.attach(id, meta);
        call
    }

    /// Attaches a request of the caller to the call.
    pub(super) fn attach(&mut self, id: Id, meta: &Meta<'_>) {
        self.caller = Some(id);
        self.declared = meta.capabilities().map(Declared::read).unwrap_or_default();
        self.level = meta.log_level();
        self.token = meta.progress_token();
    }

    /// Whether the request can be answered with `input_required`.
    pub(super) fn can_ask(&self) -> bool {
        matches!(
            &*self.method,
            "tools/call" | "prompts/get" | "resources/read"
        )
    }

    /// Whether the caller wants a log message of this level.
    pub(super) fn wants_log(&self, level: LogLevel) -> bool {
        self.level.is_some_and(|least| level >= least)
    }

    /// The number of the server's questions without an answer; `None` if there is none.
    pub(super) fn open_questions(&self) -> Option<usize> {
        let open = self.questions.iter().filter(|it| it.id.is_some()).count();
        (open > 0).then_some(open)
    }
}

impl Question {
    pub(super) fn size(&self) -> usize {
        self.key.len() + self.method.len() + self.params.as_ref().map_or(0, |text| text.len())
    }
}
