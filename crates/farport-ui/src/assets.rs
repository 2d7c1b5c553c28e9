//! The static page, compiled into the program.

use axum::Router;
use axum::http::header;
use axum::routing::get;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! files {
    ($($path:literal => $file:literal, $kind:expr;)*) => {
        /// Path, content type and bytes of each file.
        pub(crate) const FILES: &[(&str, &str, &[u8])] = &[
            $(($path, $kind, include_bytes!(concat!("../ui/", $file))),)*
        ];
    };
}

files! {
    "/" => "index.html", HTML;
    "/style.css" => "style.css", CSS;
    "/chat.css" => "chat.css", CSS;
    "/icon.svg" => "icon.svg", SVG;
    "/main.js" => "main.js", SCRIPT;
    "/api.js" => "api.js", SCRIPT;
    "/chat.js" => "chat.js", SCRIPT;
    "/store.js" => "store.js", SCRIPT;
    "/ui.js" => "ui.js", SCRIPT;
    "/icons.js" => "icons.js", SCRIPT;
    "/json.js" => "json.js", SCRIPT;
    "/schema.js" => "schema.js", SCRIPT;
    "/validate.js" => "validate.js", SCRIPT;
    "/signature.js" => "signature.js", SCRIPT;
    "/template.js" => "template.js", SCRIPT;
    "/signin.js" => "signin.js", SCRIPT;
    "/copyas.js" => "copyas.js", SCRIPT;
    "/diff.js" => "diff.js", SCRIPT;
    "/appbridge.js" => "appbridge.js", SCRIPT;
    "/revisions.js" => "revisions.js", SCRIPT;
    "/views/doctor.js" => "views/doctor.js", SCRIPT;
    "/views/revisions.js" => "views/revisions.js", SCRIPT;
    "/task.js" => "task.js", SCRIPT;
    "/tasks.js" => "tasks.js", SCRIPT;
    "/views/tasks.js" => "views/tasks.js", SCRIPT;
    "/views/skills.js" => "views/skills.js", SCRIPT;
    "/views/apps.js" => "views/apps.js", SCRIPT;
    "/arrivals.js" => "arrivals.js", SCRIPT;
    "/changes.js" => "changes.js", SCRIPT;
    "/views/app.js" => "views/app.js", SCRIPT;
    "/views/connect.js" => "views/connect.js", SCRIPT;
    "/views/saved.js" => "views/saved.js", SCRIPT;
    "/views/hold.js" => "views/hold.js", SCRIPT;
    "/views/tools.js" => "views/tools.js", SCRIPT;
    "/views/form.js" => "views/form.js", SCRIPT;
    "/views/result.js" => "views/result.js", SCRIPT;
    "/views/resources.js" => "views/resources.js", SCRIPT;
    "/views/prompts.js" => "views/prompts.js", SCRIPT;
    "/views/questions.js" => "views/questions.js", SCRIPT;
    "/views/timeline.js" => "views/timeline.js", SCRIPT;
    "/views/server.js" => "views/server.js", SCRIPT;
    "/views/exchange.js" => "views/exchange.js", SCRIPT;
    "/views/signin.js" => "views/signin.js", SCRIPT;
    "/views/palette.js" => "views/palette.js", SCRIPT;
    "/views/chat.js" => "views/chat.js", SCRIPT;
    "/views/messages.js" => "views/messages.js", SCRIPT;
    "/views/cards.js" => "views/cards.js", SCRIPT;
    "/views/models.js" => "views/models.js", SCRIPT;
    "/views/markdown.js" => "views/markdown.js", SCRIPT;
    "/views/tree.js" => "views/tree.js", SCRIPT;
    "/views/list.js" => "views/list.js", SCRIPT;
    "/vendor/preact.module.js" => "vendor/preact.module.js", SCRIPT;
    "/vendor/signals-core.module.js" => "vendor/signals-core.module.js", SCRIPT;
    "/vendor/htm.module.js" => "vendor/htm.module.js", SCRIPT;
    "/vendor/marked.module.js" => "vendor/marked.module.js", SCRIPT;
}

pub(crate) fn routes() -> Router {
    FILES.iter().fold(Router::new(), |router, file| {
        let (path, kind, bytes) = *file;
        router.route(
            path,
            get(move || async move { ([(header::CONTENT_TYPE, kind)], bytes) }),
        )
    })
}
