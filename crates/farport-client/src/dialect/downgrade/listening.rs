//! Subscriptions of the caller, served from the session.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Deserialize;
use serde_json::Value;

use crate::dialect::message::{Id, Message, Outcome};
use crate::dialect::meta::{SUBSCRIPTION, members};
use crate::dialect::turn::Turn;
use crate::dialect::{Held, MOST_URI, UNAVAILABLE};
use crate::members::Members;

/// The most bytes of notifications kept for a subscription that is not acknowledged yet.
const MOST_EARLY: usize = 64 << 10;

/// The notifications that a subscription can have.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Lists {
    tools_list_changed: bool,
    prompts_list_changed: bool,
    resources_list_changed: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Filter {
    #[serde(flatten)]
    lists: Lists,
    #[serde(rename = "resourceSubscriptions")]
    resources: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Listener {
    lists: Lists,
    /// The resources that the server has subscribed it to.
    resources: BTreeSet<String>,
    /// The resources that the server is asked for.
    pending: BTreeSet<String>,
    acknowledged: bool,
    /// Notifications that came before the acknowledgement could be sent.
    early: Vec<Message>,
}

#[derive(Debug)]
struct Resource {
    listeners: BTreeSet<Id>,
    /// The request at the server; `None` once the server has accepted it.
    request: Option<Id>,
}

#[derive(Debug, Default)]
pub(super) struct Listeners {
    /// The changes that the server announces.
    offered: Lists,
    subscribes: bool,
    listeners: BTreeMap<Id, Listener>,
    resources: BTreeMap<String, Resource>,
    requests: HashMap<Id, String>,
}

/// Whether a notification is one that subscriptions carry.
pub(super) fn is_change(method: &str) -> bool {
    matches!(
        method,
        "notifications/tools/list_changed"
            | "notifications/prompts/list_changed"
            | "notifications/resources/list_changed"
            | "notifications/resources/updated"
    )
}

impl Listeners {
    /// Reads what the server announces from its capabilities.
    pub(super) fn new(capabilities: &Value) -> Self {
        let announces = |area: &str| capabilities[area]["listChanged"] == true;
        Self {
            offered: Lists {
                tools_list_changed: announces("tools"),
                prompts_list_changed: announces("prompts"),
                resources_list_changed: announces("resources"),
            },
            subscribes: capabilities["resources"]["subscribe"] == true,
            ..Self::default()
        }
    }

    pub(super) fn held(&self) -> Held {
        Held {
            at_server: self.requests.len(),
            subscriptions: self.listeners.len() + self.resources.len(),
            ..Held::default()
        }
    }

    pub(super) fn contains(&self, id: &Id) -> bool {
        self.listeners.contains_key(id)
    }

    /// Takes a `subscriptions/listen`.
    pub(super) fn listen(&mut self, id: Id, params: &Members<'_>, turn: &mut Turn<'_>) {
        let filter = params.get("notifications");
        let filter: Filter = filter
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default();
        let most = turn.options.most_subscriptions;
        let wanted = self.listeners.values();
        let wanted = wanted.map(|it| 1 + it.resources.len() + it.pending.len());
        if wanted.sum::<usize>() + 1 + filter.resources.len() > most {
            return turn.refuse(&id, UNAVAILABLE, "too many subscriptions; end some first");
        }
        let mut listener = Listener {
            lists: filter.lists.and(self.offered),
            ..Listener::default()
        };
        for uri in filter.resources {
            if !self.subscribes || uri.len() > MOST_URI {
                continue;
            }
            let resource = self.resources.entry(uri.clone()).or_insert_with(|| {
                let params = subscription(&uri);
                let request = turn.request("resources/subscribe", &params);
                self.requests.insert(request.clone(), uri.clone());
                Resource {
                    listeners: BTreeSet::new(),
                    request: Some(request),
                }
            });
            resource.listeners.insert(id.clone());
            if resource.request.is_some() {
                listener.pending.insert(uri);
            } else {
                listener.resources.insert(uri);
            }
        }
        self.listeners.insert(id.clone(), listener);
        self.acknowledge(&id, turn);
    }

    /// Sends the acknowledgement, once the server has answered for all resources.
    fn acknowledge(&mut self, id: &Id, turn: &mut Turn<'_>) {
        let Some(listener) = self.listeners.get_mut(id) else {
            return;
        };
        if listener.acknowledged || !listener.pending.is_empty() {
            return;
        }
        listener.acknowledged = true;
        let mut honored = Members::default();
        let lists = listener.lists;
        for (name, is_honored) in [
            ("toolsListChanged", lists.tools_list_changed),
            ("promptsListChanged", lists.prompts_list_changed),
            ("resourcesListChanged", lists.resources_list_changed),
        ] {
            if is_honored {
                honored.set(name, "true");
            }
        }
        if !listener.resources.is_empty() {
            let resources = serde_json::json!(listener.resources).to_string();
            honored.set("resourceSubscriptions", resources);
        }
        let mut params = Members::default();
        params.set("_meta", format!(r#"{{"{SUBSCRIPTION}":{}}}"#, id.json()));
        params.set("notifications", honored.json());
        let method = "notifications/subscriptions/acknowledged";
        let frame = Message::notification(method, Some(&params.json()));
        turn.send_to_caller(frame.on_stream(Some(id.clone())));
        for frame in listener.early.drain(..) {
            turn.send_to_caller(frame);
        }
    }

    /// Takes the server's answer to a `resources/subscribe`.
    pub(super) fn on_response(&mut self, id: &Id, message: &Message, turn: &mut Turn<'_>) {
        let Some(uri) = self.requests.remove(id) else {
            return;
        };
        let accepted = matches!(message.outcome(), Some(Outcome::Result(_)));
        let listeners = match self.resources.get_mut(&uri) {
            Some(resource) if accepted => {
                resource.request = None;
                resource.listeners.clone()
            }
            _ => self
                .resources
                .remove(&uri)
                .map_or_else(BTreeSet::new, |resource| resource.listeners),
        };
        for id in listeners {
            if let Some(listener) = self.listeners.get_mut(&id) {
                listener.pending.remove(&uri);
                if accepted {
                    listener.resources.insert(uri.clone());
                }
            }
            self.acknowledge(&id, turn);
        }
    }

    /// Ends a subscription of the caller.
    pub(super) fn leave(&mut self, id: &Id, turn: &mut Turn<'_>) {
        let Some(listener) = self.listeners.remove(id) else {
            return;
        };
        for uri in listener.resources.iter().chain(&listener.pending) {
            let Some(resource) = self.resources.get_mut(uri) else {
                continue;
            };
            resource.listeners.remove(id);
            if !resource.listeners.is_empty() {
                continue;
            }
            if let Some(request) = &resource.request {
                self.requests.remove(request);
                turn.send_to_server(Message::cancelled(request));
            }
            self.resources.remove(uri);
            turn.request("resources/unsubscribe", &subscription(uri));
        }
    }

    /// Passes a change on to each subscription that it belongs to.
    pub(super) fn notify(&mut self, message: &Message, turn: &mut Turn<'_>) {
        let params = members(message.params());
        let uri = params.get("uri");
        let uri: Option<String> = uri.and_then(|json| serde_json::from_str(json).ok());
        for (id, listener) in &mut self.listeners {
            if !listener.hears(message.method(), uri.as_deref()) {
                continue;
            }
            let given = params.get("_meta").map(str::to_owned);
            let mut meta = given.as_deref().and_then(Members::read).unwrap_or_default();
            meta.set(SUBSCRIPTION, id.json());
            let mut params = members(message.params());
            params.set("_meta", meta.json());
            let frame = Message::notification(message.method(), Some(&params.json()));
            let frame = frame.on_stream(Some(id.clone()));
            if listener.acknowledged {
                turn.send_to_caller(frame);
                continue;
            }
            let kept = listener.early.iter().map(|frame| frame.text().len());
            if kept.sum::<usize>() + frame.text().len() <= MOST_EARLY {
                listener.early.push(frame);
            }
        }
    }

    /// Fails each subscription.
    pub(super) fn fail(&mut self, why: &str, turn: &mut Turn<'_>) {
        for id in std::mem::take(&mut self.listeners).into_keys() {
            turn.refuse(&id, UNAVAILABLE, why);
        }
        self.resources.clear();
        self.requests.clear();
    }
}

impl Listener {
    /// Whether a change belongs to the subscription. A resource stands for those below it.
    fn hears(&self, method: &str, uri: Option<&str>) -> bool {
        match method {
            "notifications/tools/list_changed" => self.lists.tools_list_changed,
            "notifications/prompts/list_changed" => self.lists.prompts_list_changed,
            "notifications/resources/list_changed" => self.lists.resources_list_changed,
            _ => {
                let mut resources = self.resources.iter().chain(&self.pending);
                uri.is_some_and(|uri| resources.any(|resource| is_within(uri, resource)))
            }
        }
    }
}

impl Lists {
    fn and(self, other: Self) -> Self {
        Self {
            tools_list_changed: self.tools_list_changed && other.tools_list_changed,
            prompts_list_changed: self.prompts_list_changed && other.prompts_list_changed,
            resources_list_changed: self.resources_list_changed && other.resources_list_changed,
        }
    }
}

/// Whether a resource is another one, or below it.
fn is_within(uri: &str, resource: &str) -> bool {
    uri.strip_prefix(resource).is_some_and(|rest| {
        rest.is_empty() || resource.ends_with('/') || rest.starts_with(['/', '?', '#'])
    })
}

/// The parameters of a subscription to one resource.
fn subscription(uri: &str) -> String {
    serde_json::json!({ "uri": uri }).to_string()
}
