//! The Rust code in the documents, compiled and run as documentation tests.

/// A module for each page, with the page as its documentation.
macro_rules! pages {
    ($($name:ident = $path:literal;)*) => {
        $(
            #[doc = include_str!(concat!("../../../", $path))]
            mod $name {}
        )*
    };
}

pages! {
    guide = "docs/guide.md";
    handlers = "docs/handlers.md";
    ask_the_user = "docs/ask-the-user.md";
    testing = "docs/testing.md";
    sign_in = "docs/sign-in.md";
    providers = "docs/providers.md";
    workers = "docs/workers.md";
    from_mcpagent = "docs/from-mcpagent.md";
    from_rmcp = "docs/from-rmcp.md";
    troubleshooting = "docs/troubleshooting.md";
}
