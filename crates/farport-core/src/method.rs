//! Method names.

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// A method or notification name.
        ///
        /// Each name that a revision defines is a variant, so routing compares no strings.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Method {
            $($(#[$doc])* $variant,)+
            /// A name that no revision defines.
            Other(Box<str>),
        }

        impl Method {
            /// Parses a method name.
            pub fn parse(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)+
                    other => Self::Other(other.into()),
                }
            }

            /// Returns the name on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Other(name) => name,
                }
            }
        }
    };
}

methods! {
    /// Opens a session.
    Initialize = "initialize",
    /// Checks that the peer is alive.
    Ping = "ping",
    /// 2026-07-28: describes the server and its capabilities.
    Discover = "server/discover",
    /// Lists the tools.
    ToolsList = "tools/list",
    /// Calls a tool.
    ToolsCall = "tools/call",
    /// Lists the resources.
    ResourcesList = "resources/list",
    /// Lists the resource templates.
    ResourceTemplatesList = "resources/templates/list",
    /// Reads a resource.
    ResourcesRead = "resources/read",
    /// Session era: subscribes to updates of a resource.
    ResourcesSubscribe = "resources/subscribe",
    /// Session era: ends a subscription to a resource.
    ResourcesUnsubscribe = "resources/unsubscribe",
    /// Skills: lists a directory resource.
    ResourcesDirectoryRead = "resources/directory/read",
    /// Lists the prompts.
    PromptsList = "prompts/list",
    /// Gets a prompt.
    PromptsGet = "prompts/get",
    /// Completes an argument of a prompt or a resource template.
    Complete = "completion/complete",
    /// Session era: sets the log level.
    SetLevel = "logging/setLevel",
    /// 2026-07-28: opens a stream of change notifications.
    SubscriptionsListen = "subscriptions/listen",
    /// Tasks: gets the state of a task.
    TasksGet = "tasks/get",
    /// Tasks: sends the input that a task requested.
    TasksUpdate = "tasks/update",
    /// Tasks: cancels a task.
    TasksCancel = "tasks/cancel",
    /// 2025-11-25: gets the result of a task.
    TasksResult = "tasks/result",
    /// 2025-11-25: lists the tasks.
    TasksList = "tasks/list",
    /// Skills: lists the skills.
    SkillsList = "skills/list",
    /// Skills: gets a skill.
    SkillsGet = "skills/get",
    /// Notification: the client is ready.
    Initialized = "notifications/initialized",
    /// Notification: cancels a request.
    Cancelled = "notifications/cancelled",
    /// Notification: the progress of a request.
    Progress = "notifications/progress",
    /// Notification: the client's roots have changed.
    RootsListChanged = "notifications/roots/list_changed",
}

impl Method {
    /// Reports whether only the session era has the method: 2026-07-28 removed it.
    pub const fn is_session_only(&self) -> bool {
        matches!(
            self,
            Self::Initialize
                | Self::Ping
                | Self::SetLevel
                | Self::ResourcesSubscribe
                | Self::ResourcesUnsubscribe
        )
    }

    /// Reports whether a response may be `input_required` (2026-07-28, "Multi Round-Trip Requests").
    pub const fn allows_input_required(&self) -> bool {
        matches!(
            self,
            Self::ToolsCall | Self::PromptsGet | Self::ResourcesRead
        )
    }
}
