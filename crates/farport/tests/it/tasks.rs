//! A task belongs to its creator. For any other user it is unknown.

use std::sync::{Arc, Mutex};

use farport::{DevLogin, Server};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CancelTaskParams, CreateTaskResult, CustomRequest,
        CustomResult, DetailedTask, GetTaskParams, GetTaskResult, ServerCapabilities, ServerConfig,
        Task, TaskPayload, TaskStatus, UpdateTaskParams,
    },
    service::RequestContext,
};
use serde_json::{Value, json};

use crate::support::{
    browser::token,
    client::modern,
    era::bearing,
    server::{Running, serve},
    shop::Shop,
};

/// Creates tasks, and records the requests about them.
struct Worker(Arc<Shop>, Arc<Mutex<Vec<String>>>);

fn task(id: &str) -> Task {
    let time = "2026-01-01T00:00:00Z";
    Task::new(id, TaskStatus::Working, time, time)
}

impl Worker {
    fn find(&self, method: &str, id: &str) -> Result<(), ErrorData> {
        self.0.note(format!("{method} {id}"));
        if self.1.lock().unwrap().iter().any(|known| known == id) {
            Ok(())
        } else {
            Err(ErrorData::invalid_params(
                format!("there is no task {id:?}"),
                Some(json!({ "task": id })),
            ))
        }
    }
}

impl ServerHandler for Worker {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_tasks();
        ServerConfig::new(capabilities.build())
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let mut tasks = self.1.lock().unwrap();
        let id = format!("task \"{}\"", tasks.len());
        tasks.push(id.clone());
        Ok(CreateTaskResult::new(task(&id)).into())
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        self.find("get", &request.task_id)?;
        let found = DetailedTask::new(task(&request.task_id), TaskPayload::Working);
        Ok(GetTaskResult::new(found))
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.find("update", &request.task_id)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.find("cancel", &request.task_id)
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        if request.method == "tasks/list" {
            let tasks = self.1.lock().unwrap();
            let tasks: Vec<Value> = tasks.iter().map(|id| json!({ "taskId": id })).collect();
            return Ok(CustomResult::new(json!({ "tasks": tasks })));
        }
        let params = request.params.unwrap_or_default();
        let id = params["taskId"].as_str().unwrap_or_default();
        self.find("result", id)?;
        Ok(CustomResult::new(json!({ "content": [] })))
    }
}

async fn ask(server: &Running, token: &str, method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({ "io.modelcontextprotocol/clientCapabilities":
        { "extensions": { "io.modelcontextprotocol/tasks": {} } } });
    let asked = bearing(modern(1, method, params), Some(token));
    asked.to(server.address).await.json().await
}

#[tokio::test]
async fn a_task_of_another_user_is_like_an_unknown_task() {
    let shop = Arc::new(Shop::default());
    let (noted, tasks) = (shop.clone(), Arc::default());
    let factory = move |_: &farport::Context| Worker(noted.clone(), Arc::clone(&tasks));
    let server = serve(shop, Server::new(factory).auth(DevLogin)).await;
    let ann = token(server.address, "ann", &[]).await;
    let bob = token(server.address, "bob", &[]).await;
    let call = json!({ "name": "work", "arguments": {} });
    let created = ask(&server, &ann, "tools/call", call).await;
    let id = created["result"]["taskId"]
        .as_str()
        .expect("a task")
        .to_owned();
    for method in ["get", "update", "cancel", "result"] {
        let about = |id: &str| {
            let params = json!({ "taskId": id, "inputResponses": {} });
            (format!("tasks/{method}"), params)
        };
        let (name, params) = about(&id);
        let own = ask(&server, &ann, &name, params.clone()).await;
        assert!(own["result"].is_object(), "{method} {own}");
        let seen = server.shop.seen();
        let foreign = ask(&server, &bob, &name, params).await;
        assert!(!server.shop.seen()[seen.len()..].contains(&format!("{method} {id}")));
        // The response differs from that for an unknown id only in the id.
        let never = "task \"7\"";
        let (name, params) = about(never);
        let unknown = ask(&server, &bob, &name, params).await;
        let error = unknown["error"].to_string();
        let quoted = |id: &str| {
            let json = Value::from(id).to_string();
            json[1..json.len() - 1].to_owned()
        };
        assert_eq!(
            foreign["error"]["code"], unknown["error"]["code"],
            "{method}"
        );
        assert_eq!(foreign["error"]["data"]["task"], *id, "{method}: {foreign}");
        assert!(error.contains(&quoted(never)), "{error}");
    }
    for (token, expect) in [(&ann, 1), (&bob, 0)] {
        let listed = ask(&server, token, "tasks/list", json!({})).await;
        let listed = listed["result"]["tasks"].as_array().expect("a list").len();
        assert_eq!(listed, expect);
    }
}
