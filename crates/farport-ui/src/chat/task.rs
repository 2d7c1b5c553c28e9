//! Calls that a server answers with a task: the experimental tasks of 2025-11-25, and the extension
//! `io.modelcontextprotocol/tasks` of 2026-07-28. The chat waits for the task's result.

use std::time::Duration;

use serde_json::{Value, json};

use super::conversation::Progress;
use super::server::{BoxFuture, CallUpdate, Updates};

/// How often a task is looked at, if the server does not say.
const INTERVAL: u64 = 1000;
/// The shortest and the longest time between two looks, in milliseconds.
const SHORTEST: u64 = 200;
const LONGEST: u64 = 30_000;
/// How many looks in a row may fail.
const MOST_FAILURES: u32 = 3;
/// How long a server should keep the result of a task of 2025-11-25, in milliseconds.
const TTL: u64 = 3_600_000;

/// Sends requests to the server of a task.
pub trait TaskServer: Sync {
    /// Sends a request. While it waits, the server may ask the user.
    fn ask<'a>(&'a self, method: &'a str, params: Value) -> BoxFuture<'a, Result<Value, String>>;

    /// Lets the user answer requests of the server, by their keys.
    fn answer<'a>(&'a self, requests: &'a Value) -> BoxFuture<'a, Result<Value, String>>;

    /// Cancels a task that nothing waits for, without waiting for the server.
    fn cancel(&self, task: &str);
}

/// The member of a call that requests a task (2025-11-25).
pub(crate) fn requested() -> Value {
    json!({ "ttl": TTL })
}

/// A task, in the form of either revision.
#[derive(Debug, PartialEq, Eq)]
struct Task {
    id: String,
    /// Whether it has the form of 2026-07-28.
    modern: bool,
    status: String,
    interval: Duration,
    message: Option<String>,
}

impl Task {
    /// The task that a result announces.
    fn announced(result: &Value) -> Option<Self> {
        let modern = result["resultType"] == "task";
        let task = match &result["task"] {
            Value::Object(_) => &result["task"],
            _ if modern => result,
            _ => return None,
        };
        Some(Self::of(task["taskId"].as_str()?, modern, task))
    }

    fn of(id: &str, modern: bool, task: &Value) -> Self {
        let interval = ["pollIntervalMs", "pollInterval"];
        let interval = interval.iter().find_map(|name| task[*name].as_u64());
        let interval = interval.unwrap_or(INTERVAL).clamp(SHORTEST, LONGEST);
        Self {
            id: id.to_owned(),
            modern,
            status: task["status"].as_str().unwrap_or("working").to_owned(),
            interval: Duration::from_millis(interval),
            message: task["statusMessage"].as_str().map(ToOwned::to_owned),
        }
    }
}

/// Cancels the task when the call that waits for it is dropped.
struct Waiting<'a> {
    server: &'a dyn TaskServer,
    task: Option<String>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            self.server.cancel(&task);
        }
    }
}

/// Returns the result of a call. If `result` announces a task, waits for its end. Dropping the future cancels
/// the task.
///
/// # Errors
/// When the task failed or was cancelled, or the server no longer answers; the text says why.
pub async fn finished(
    server: &dyn TaskServer,
    result: Value,
    updates: Updates<'_>,
) -> Result<Value, String> {
    let Some(task) = Task::announced(&result) else {
        return Ok(result);
    };
    let mut waiting = Waiting {
        server,
        task: Some(task.id.clone()),
    };
    let end = follow(server, task, result, updates).await;
    waiting.task = None;
    end
}

async fn follow(
    server: &dyn TaskServer,
    mut task: Task,
    mut detail: Value,
    updates: Updates<'_>,
) -> Result<Value, String> {
    let (mut looks, mut failures) = (0_u32, 0);
    loop {
        let id = json!({ "taskId": task.id });
        match (task.status.as_str(), task.modern) {
            ("cancelled", _) => return Err("the server cancelled the task".to_owned()),
            ("completed", true) => return Ok(detail["result"].take()),
            ("failed", true) => {
                let why = detail["error"]["message"]
                    .as_str()
                    .or(task.message.as_deref());
                let why = why.unwrap_or("the server gives no reason");
                return Err(format!("the task failed: {why}"));
            }
            ("input_required", true) => {
                let answers = server.answer(&detail["inputRequests"]).await?;
                let update = json!({ "taskId": task.id, "inputResponses": answers });
                server.ask("tasks/update", update).await?;
            }
            // The server asks its questions while this request waits.
            ("completed" | "failed" | "input_required", false) => {
                return server.ask("tasks/result", id).await;
            }
            _ => {}
        }
        looks = looks.saturating_add(1);
        updates(CallUpdate::Progress(Progress {
            progress: f64::from(looks),
            total: None,
            message: Some(task.message.clone().unwrap_or_else(|| task.status.clone())),
        }));
        tokio::time::sleep(task.interval).await;
        match server.ask("tasks/get", id).await {
            Ok(got) => {
                failures = 0;
                let shown = if got["task"].is_object() {
                    &got["task"]
                } else {
                    &got
                };
                task = Task::of(&task.id, task.modern, shown);
                detail = got;
            }
            Err(why) => {
                failures += 1;
                if failures >= MOST_FAILURES {
                    return Err(format!("cannot follow the task: {why}"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A server that answers each request with the next of its answers.
    #[derive(Default)]
    struct Played {
        answers: Mutex<Vec<Result<Value, String>>>,
        asked: Arc<Mutex<Vec<String>>>,
    }

    impl TaskServer for Played {
        fn ask<'a>(
            &'a self,
            method: &'a str,
            params: Value,
        ) -> BoxFuture<'a, Result<Value, String>> {
            assert_eq!(params["taskId"], "t");
            self.asked.lock().unwrap().push(method.to_owned());
            let mut answers = self.answers.lock().unwrap();
            let next = if answers.is_empty() {
                None
            } else {
                Some(answers.remove(0))
            };
            Box::pin(async move {
                match next {
                    Some(next) => next,
                    None => std::future::pending().await,
                }
            })
        }

        fn answer<'a>(&'a self, requests: &'a Value) -> BoxFuture<'a, Result<Value, String>> {
            self.asked.lock().unwrap().push(requests.to_string());
            Box::pin(async { Ok(json!({ "k": { "action": "accept" } })) })
        }

        fn cancel(&self, task: &str) {
            self.asked.lock().unwrap().push(format!("cancel {task}"));
        }
    }

    async fn run(
        announced: Value,
        answers: Vec<Result<Value, String>>,
    ) -> (Result<Value, String>, String) {
        let server = Played {
            answers: Mutex::new(answers),
            ..Played::default()
        };
        let end = finished(&server, announced, &|_| {}).await;
        let asked = server.asked.lock().unwrap().join(" ");
        (end, asked)
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_of_either_revision_is_followed_to_its_result() {
        let status = |status: &str| Ok(json!({ "taskId": "t", "status": status }));
        let result = json!({ "content": [{ "type": "text", "text": "42" }] });
        let modern = json!({ "resultType": "task", "taskId": "t", "status": "working" });
        let session = json!({ "task": { "taskId": "t", "status": "working" } });
        let done = json!({ "resultType": "complete", "taskId": "t", "status": "completed", "result": result });
        let asks =
            json!({ "taskId": "t", "status": "input_required", "inputRequests": { "k": {} } });
        let error =
            json!({ "taskId": "t", "status": "failed", "error": { "message": "no paper" } });
        for (announced, answers, end, asked) in [
            (&result, vec![], Ok(result.clone()), ""),
            (
                &modern,
                vec![status("working"), Ok(done.clone())],
                Ok(result.clone()),
                "tasks/get tasks/get",
            ),
            (
                &modern,
                vec![Ok(asks), Ok(json!({})), Ok(done.clone())],
                Ok(result.clone()),
                r#"tasks/get {"k":{}} tasks/update tasks/get"#,
            ),
            (
                &modern,
                vec![Ok(error)],
                Err("the task failed: no paper".to_owned()),
                "tasks/get",
            ),
            (
                &session,
                vec![status("working"), status("completed"), Ok(result.clone())],
                Ok(result.clone()),
                "tasks/get tasks/get tasks/result",
            ),
            (
                &session,
                vec![status("input_required"), Ok(result.clone())],
                Ok(result.clone()),
                "tasks/get tasks/result",
            ),
            (
                &session,
                vec![status("cancelled")],
                Err("the server cancelled the task".to_owned()),
                "tasks/get",
            ),
            (
                &modern,
                vec![Err("a".into()), Err("b".into()), Ok(done)],
                Ok(result.clone()),
                "tasks/get tasks/get tasks/get",
            ),
            (
                &modern,
                vec![Err("a".into()), Err("b".into()), Err("c".into())],
                Err("cannot follow the task: c".to_owned()),
                "tasks/get tasks/get tasks/get",
            ),
        ] {
            let got = run(announced.clone(), answers).await;
            assert_eq!(got, (end, asked.to_owned()), "{announced}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_dropped_cancels_its_task() {
        let server = Played::default();
        let announced = json!({ "resultType": "task", "taskId": "t" });
        let waiting = finished(&server, announced, &|_| {});
        let limit = Duration::from_secs(5);
        assert!(tokio::time::timeout(limit, waiting).await.is_err());
        assert_eq!(server.asked.lock().unwrap()[..], ["tasks/get", "cancel t"]);
    }
}
