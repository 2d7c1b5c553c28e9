//! Lists of the server that come in pages, and calls of its tools.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Connection;
use crate::Error;
use crate::members::Members;
use crate::message::read_or_default;

/// The most pages of one list.
const MOST_PAGES: usize = 1000;

/// A tool of the server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tool {
    /// The name.
    pub name: String,
    /// The name for people.
    pub title: Option<String>,
    /// What the tool does.
    pub description: Option<String>,
    /// The JSON schema of the arguments.
    pub input_schema: Box<RawValue>,
    /// The whole entry of the list.
    pub json: Box<RawValue>,
}

/// What a tool returned.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ToolResult {
    /// Whether the tool reports an error.
    pub is_error: bool,
    /// The whole result. In the modern era it may ask for input (`resultType` is `input_required`).
    pub json: Box<RawValue>,
}

impl ToolResult {
    /// The text of the result's content, its parts on lines of their own.
    pub fn text(&self) -> String {
        #[derive(Deserialize, Default)]
        struct Content {
            #[serde(default)]
            content: Vec<Part>,
        }
        #[derive(Deserialize)]
        struct Part {
            #[serde(default)]
            text: Option<String>,
        }
        let content: Content = read_or_default(Some(self.json.get()));
        let parts: Vec<String> = content
            .content
            .into_iter()
            .filter_map(|part| part.text)
            .collect();
        parts.join("\n")
    }
}

impl Connection {
    /// Reads all pages of a list. `method` is its method, such as `resources/list`, and `member` the
    /// member of the result with the entries, such as `resources`.
    ///
    /// # Errors
    /// When the server refuses, or the list has more than 1000 pages.
    pub async fn list(&self, method: &str, member: &str) -> Result<Vec<Box<RawValue>>, Error> {
        let mut entries = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let params = match &cursor {
                Some(cursor) => serde_json::json!({ "cursor": cursor }),
                None => serde_json::json!({}),
            };
            let page = self.request(method, &params)?.response().await?;
            let page = Members::of(Some(page.get()));
            if let Some(list) = page.get(member) {
                let list: Vec<&RawValue> = serde_json::from_str(list).unwrap_or_default();
                entries.extend(list.into_iter().map(ToOwned::to_owned));
            }
            cursor = page
                .get("nextCursor")
                .and_then(|cursor| serde_json::from_str(cursor).ok());
            if cursor.is_none() {
                return Ok(entries);
            }
        }
        Err(Error::NotMcp {
            url: self.0.hub().peer().to_owned(),
            why: format!("{method} has more than {MOST_PAGES} pages"),
        })
    }

    /// Lists the server's tools. Entries without a name are left out.
    ///
    /// # Errors
    /// As [`Connection::list`].
    pub async fn list_tools(&self) -> Result<Vec<Tool>, Error> {
        #[derive(Deserialize)]
        struct Entry<'a> {
            name: String,
            #[serde(default)]
            title: Option<String>,
            #[serde(default)]
            description: Option<String>,
            #[serde(borrow, rename = "inputSchema", default)]
            schema: Option<&'a RawValue>,
        }
        let entries = self.list("tools/list", "tools").await?;
        let tools = entries.into_iter().filter_map(|json| {
            let entry: Entry<'_> = serde_json::from_str(json.get()).ok()?;
            Some(Tool {
                name: entry.name,
                title: entry.title,
                description: entry.description,
                input_schema: entry
                    .schema
                    .map_or_else(|| RawValue::NULL.to_owned(), ToOwned::to_owned),
                json: json.clone(),
            })
        });
        Ok(tools.collect())
    }

    /// Calls a tool, and waits for its result.
    ///
    /// # Errors
    /// When the server refuses, or no response arrives. An error that the tool reports is no error
    /// here: see [`ToolResult::is_error`].
    pub async fn call_tool(
        &self,
        name: &str,
        arguments: &impl Serialize,
    ) -> Result<ToolResult, Error> {
        #[derive(Serialize)]
        struct Params<'a, A> {
            name: &'a str,
            arguments: &'a A,
        }
        #[derive(Deserialize, Default)]
        struct Outcome {
            #[serde(rename = "isError", default)]
            is_error: bool,
        }
        let call = self.request("tools/call", &Params { name, arguments })?;
        let json = call.response().await?;
        let outcome: Outcome = read_or_default(Some(json.get()));
        Ok(ToolResult {
            is_error: outcome.is_error,
            json,
        })
    }
}
