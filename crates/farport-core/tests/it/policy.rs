//! Permissions, through the public API.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use farport_core::{
    BoxFuture, Call, CallContext, Dispatch, Instance, InstanceContext, Method, Notified, Principal,
    Profile, ProtocolVersion, RawJson, Reply, Request, RequestId, RequestMeta, RpcError, Sink,
    User,
    policy::{Kind, Permission, Permitted, Policy, Verdict, anyone, claim, scope, signed_in},
    standard_headers::ParamHeader,
};
use serde_json::{Value, json};

fn user(scopes: &[&str]) -> Principal {
    let mut user = User::new("https://id.example", "1");
    user.scopes = scopes.iter().map(|scope| Arc::from(*scope)).collect();
    user.claims.insert("level".into(), json!(3));
    user.claims.insert("team".into(), json!("red blue"));
    Principal::User(Arc::new(user))
}

fn scopes(scopes: &[&str]) -> BTreeSet<Arc<str>> {
    scopes.iter().map(|scope| Arc::from(*scope)).collect()
}

fn with(mut policy: Policy, rules: &[(Kind, &str, Permission)]) -> Policy {
    for (kind, pattern, permission) in rules {
        policy.permit(*kind, pattern, permission.clone());
    }
    policy
}

fn check(policy: &Policy, who: &Principal, method: Method, params: Value) -> Verdict {
    let params = RawJson::from(params.to_string());
    let meta = RequestMeta::read(&method, Some(&params)).unwrap();
    policy.check(who, &method, &meta, Some(&params))
}

#[test]
fn a_policy_with_a_rule_of_any_kind_is_not_flat() {
    assert!(Policy::open().is_flat() && Policy::protected().is_flat());
    for kind in [Kind::Tool, Kind::Prompt, Kind::Resource, Kind::Method] {
        let policy = with(Policy::open(), &[(kind, "x", signed_in())]);
        assert!(!policy.is_flat(), "{kind:?}");
    }
}

#[test]
fn a_flat_policy_permits_every_request_of_an_authenticated_caller() {
    let unreadable = || json!({"ref": ["ref/prompt", "p"]});
    for (policy, who, expect) in [
        (Policy::open(), Principal::Anonymous, true),
        (Policy::open(), user(&[]), true),
        (Policy::protected(), user(&[]), true),
        (Policy::protected(), Principal::Anonymous, false),
    ] {
        for (method, params) in [
            (Method::Complete, unreadable()),
            (Method::ToolsCall, json!({"name": "t"})),
        ] {
            let verdict = check(&policy, &who, method, params);
            assert_eq!(verdict == Verdict::Allowed, expect, "{policy:?} {who:?}");
        }
    }
}

#[test]
fn a_protected_server_without_public_parts_denies_anonymous_callers() {
    let ruled = |permission: Permission| {
        with(
            Policy::protected(),
            &[(Kind::Tool, "t", permission), (Kind::Tool, "u", scope("s"))],
        )
    };
    for (policy, public) in [
        (Policy::open(), true),
        (with(Policy::open(), &[(Kind::Tool, "t", scope("s"))]), true),
        (Policy::protected(), false),
        (ruled(scope("s")), false),
        (ruled(signed_in()), false),
        (ruled(anyone()), true),
        (ruled(scope("s").or(anyone())), true),
        (
            with(Policy::protected(), &[(Kind::Prompt, "p", anyone())]),
            true,
        ),
        (
            with(Policy::protected(), &[(Kind::Resource, "r://1", anyone())]),
            true,
        ),
    ] {
        assert_eq!(policy.has_public_parts(), public, "{policy:?}");
        for method in [Method::Initialize, Method::Discover, Method::ToolsList] {
            let params = json!({
                "protocolVersion": "2025-11-25", "capabilities": {},
                "clientInfo": {"name": "c", "version": "1"},
            });
            let verdict = check(&policy, &Principal::Anonymous, method, params);
            let expect = if public {
                Verdict::Allowed
            } else {
                Verdict::SignIn(scopes(&[]))
            };
            assert_eq!(verdict, expect, "{policy:?}");
        }
    }
}

#[test]
fn a_rule_without_a_sign_in_is_for_anyone() {
    for (permission, expect) in [
        (anyone(), true),
        (scope("a").or(anyone()), true),
        (scope("a").and(anyone()), false),
        (signed_in(), false),
        (scope("a"), false),
    ] {
        assert_eq!(permission.is_for_anyone(), expect, "{permission:?}");
    }
}

#[test]
fn the_scopes_of_a_policy_are_those_of_all_its_rules() {
    let policy = with(
        Policy::protected(),
        &[
            (Kind::Tool, "t", scope("a").and(scope("b"))),
            (Kind::Prompt, "p", scope("c").or(signed_in())),
            (Kind::Resource, "r://*", scope("d")),
            (Kind::Resource, "q://*", anyone()),
        ],
    );
    assert_eq!(policy.scopes(), scopes(&["a", "b", "c", "d"]));
    assert_eq!(Policy::protected().scopes(), scopes(&[]));
}

#[test]
fn several_matching_rules_need_the_scopes_of_all() {
    let rules = [
        (Kind::Tool, "t*", scope("a")),
        (Kind::Tool, "tool", scope("b")),
    ];
    let policy = with(Policy::protected(), &rules);
    for (who, expect) in [
        (user(&[]), Verdict::Scopes(scopes(&["a", "b"]))),
        (user(&["a"]), Verdict::Scopes(scopes(&["b"]))),
        (user(&["a", "b"]), Verdict::Allowed),
        (Principal::Anonymous, Verdict::SignIn(scopes(&["a", "b"]))),
    ] {
        assert_eq!(policy.of(&who, Kind::Tool, "tool"), expect, "{who:?}");
    }
}

#[test]
fn a_claim_is_compared_with_its_type() {
    for (permission, expect) in [
        (claim("level", 3), true),
        (claim("level", 4), false),
        (claim("level", "3"), false),
        (claim("team", "red blue"), true),
        (claim("team", "blue"), true),
        (claim("team", "red green"), false),
    ] {
        let policy = with(Policy::open(), &[(Kind::Tool, "t", permission)]);
        let verdict = policy.of(&user(&[]), Kind::Tool, "t");
        assert_eq!(verdict == Verdict::Allowed, expect, "{policy:?}");
    }
}

#[test]
fn extra_slashes_do_not_bypass_a_rule() {
    for (pattern, uri) in [
        ("todo://private/1", "todo://private//1"),
        ("todo://private/a/b", "todo://private/a///b"),
        ("todo://private/a/*", "todo://private/a%2F"),
        ("todo://private/a/*", "TODO://private//a/"),
    ] {
        let policy = with(
            Policy::protected(),
            &[(Kind::Resource, pattern, scope("todo"))],
        );
        let verdict = policy.of(&user(&[]), Kind::Resource, uri);
        assert_eq!(verdict, Verdict::Scopes(scopes(&["todo"])), "{uri}");
    }
}

#[test]
fn a_custom_method_needs_a_rule_on_a_protected_server_with_rules() {
    let rule = [(Kind::Tool, "t", scope("s"))];
    for (policy, expect) in [
        (Policy::open(), Verdict::Allowed),
        (with(Policy::open(), &rule), Verdict::Allowed),
        (Policy::protected(), Verdict::Allowed),
        (with(Policy::protected(), &rule), Verdict::Denied),
    ] {
        let verdict = policy.of(&user(&[]), Kind::Method, "company/own");
        assert_eq!(verdict, expect, "{policy:?}");
    }
}

#[test]
fn tasks_need_a_sign_in_even_if_there_are_public_parts() {
    let rules = [(Kind::Tool, "t", anyone()), (Kind::Tool, "u", scope("s"))];
    let policy = with(Policy::protected(), &rules);
    for method in [
        Method::TasksGet,
        Method::TasksUpdate,
        Method::TasksCancel,
        Method::TasksResult,
        Method::TasksList,
    ] {
        let meta = RequestMeta::default();
        for (who, expect) in [
            (user(&[]), Verdict::Allowed),
            (Principal::Anonymous, Verdict::SignIn(scopes(&[]))),
        ] {
            let verdict = policy.check(&who, &method, &meta, None);
            assert_eq!(verdict, expect, "{method:?} {who:?}");
        }
    }
}

/// A server whose lists all contain `open` and `closed`.
struct Lists(Profile);

impl Dispatch for Lists {
    fn profile(&self) -> &Profile {
        &self.0
    }

    fn open(&self, _: &InstanceContext) -> Result<Arc<dyn Instance>, RpcError> {
        Ok(Arc::new(Listing))
    }
}

struct Listing;

impl Instance for Listing {
    fn call(self: Arc<Self>, _: Call) -> BoxFuture<'static, Reply> {
        let named = |member: &str| {
            let entry = |name: &str| json!({member: format!("x://{name}")});
            [entry("open"), entry("closed")]
        };
        let result = json!({
            "tools": named("name"), "prompts": named("name"), "resources": named("uri"),
            "resourceTemplates": named("uriTemplate"), "skills": named("uri"),
            "skill": {"uri": "x://open", "resources": named("uri")},
        });
        let frame = json!({"jsonrpc": "2.0", "id": 1, "result": result});
        Box::pin(async move { Ok(Bytes::from(frame.to_string())) })
    }

    fn notify(self: Arc<Self>, _: Notified) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }

    fn param_headers(&self, _: &str) -> Arc<[ParamHeader]> {
        Arc::new([])
    }
}

async fn listed(policy: Policy, method: Method, member: &str) -> usize {
    let inner = Lists(Profile {
        versions: vec![ProtocolVersion::V2025_11_25],
        server_info: "{}".to_owned().into(),
        logging: false,
        sends_unprompted: false,
    });
    let permitted = Permitted::new(Arc::new(inner), Arc::new(policy));
    let call = Call {
        request: Request {
            id: RequestId::Integer(1),
            method,
            params: None,
        },
        context: CallContext {
            version: ProtocolVersion::V2025_11_25,
            principal: user(&[]),
            session: None,
            cancel: None,
            sink: Sink::Silent,
            parts: None,
            control: None,
        },
    };
    let instance = permitted.open(&InstanceContext::default()).unwrap();
    let frame = instance.call(call).await.unwrap();
    let frame: Value = serde_json::from_slice(&frame).unwrap();
    let found = &frame["result"][member];
    let entries = found.as_array().or(found["resources"].as_array());
    entries.unwrap().len()
}

#[tokio::test]
async fn every_list_omits_what_the_caller_may_not_use() {
    for (method, member, kind) in [
        (Method::ToolsList, "tools", Kind::Tool),
        (Method::PromptsList, "prompts", Kind::Prompt),
        (Method::ResourcesList, "resources", Kind::Resource),
        (Method::ResourcesDirectoryRead, "resources", Kind::Resource),
        (Method::SkillsList, "skills", Kind::Resource),
        (Method::SkillsGet, "skill", Kind::Resource),
        (
            Method::ResourceTemplatesList,
            "resourceTemplates",
            Kind::Resource,
        ),
    ] {
        let policy = with(Policy::protected(), &[(kind, "x://closed", scope("s"))]);
        assert_eq!(
            listed(policy, method.clone(), member).await,
            1,
            "{method:?}"
        );
        let policy = Policy::protected();
        assert_eq!(
            listed(policy, method.clone(), member).await,
            2,
            "{method:?}"
        );
    }
}

#[tokio::test]
async fn and_is_listed_if_both_parts_are_and_or_if_one_is() {
    let (shown, hidden) = (|| scope("a").listed(), || scope("b"));
    for (permission, expect) in [
        (shown().and(scope("b").listed()), 2),
        (shown().and(hidden()), 1),
        (hidden().and(shown()), 1),
        (shown().or(hidden()), 2),
        (hidden().or(shown()), 2),
        (hidden().or(hidden()), 1),
    ] {
        let policy = with(
            Policy::protected(),
            &[(Kind::Tool, "x://closed", permission.clone())],
        );
        let seen = listed(policy, Method::ToolsList, "tools").await;
        assert_eq!(seen, expect, "{permission:?}");
    }
}
