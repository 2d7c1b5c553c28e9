//! Method names.

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// A method or notification name.
        ///
        /// The names that any revision defines are variants, so that routing compares no strings.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Method {
            $($(#[$doc])* $variant,)+
            /// A name that no revision defines.
            Other(Box<str>),
        }

        impl Method {
            /// The method of this name.
            pub fn parse(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)+
                    other => Self::Other(other.into()),
                }
            }

            /// The name on the wire.
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
    /// Asks whether the peer is alive.
    Ping = "ping",
    /// 2026-07-28: what the server is and can do.
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
    /// Session era: asks for updates of a resource.
    ResourcesSubscribe = "resources/subscribe",
    /// Session era: ends `resources/subscribe`.
    ResourcesUnsubscribe = "resources/unsubscribe",
    /// Skills: reads a directory resource.
    ResourcesDirectoryRead = "resources/directory/read",
    /// Lists the prompts.
    PromptsList = "prompts/list",
    /// Gets a prompt.
    PromptsGet = "prompts/get",
    /// Completes an argument.
    Complete = "completion/complete",
    /// Session era: sets the log level.
    SetLevel = "logging/setLevel",
    /// 2026-07-28: a stream of change notifications.
    SubscriptionsListen = "subscriptions/listen",
    /// Tasks: the state of a task.
    TasksGet = "tasks/get",
    /// Tasks: answers what a task asked for.
    TasksUpdate = "tasks/update",
    /// Tasks: cancels a task.
    TasksCancel = "tasks/cancel",
    /// Skills: lists them.
    SkillsList = "skills/list",
    /// Skills: one of them.
    SkillsGet = "skills/get",
    /// The session is open.
    Initialized = "notifications/initialized",
    /// A request is no longer wanted.
    Cancelled = "notifications/cancelled",
    /// How far a request has come.
    Progress = "notifications/progress",
    /// The client's roots have changed.
    RootsListChanged = "notifications/roots/list_changed",
}

impl Method {
    /// Whether the method went with the session era: 2026-07-28 does not have it.
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
}
