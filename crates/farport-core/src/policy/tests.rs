use bytes::Bytes;
use serde_json::json;

use super::*;
use crate::{RawJson, User};

fn user(scopes: &[&str], login: &str) -> Principal {
    let mut user = User::new("https://id.example", "1");
    user.scopes = scopes.iter().map(|scope| Arc::from(*scope)).collect();
    user.claims.insert("login".into(), login.into());
    user.claims
        .insert("permissions".into(), json!(["image_generation"]));
    user.claims.insert("role".into(), "admin editor".into());
    Principal::User(Arc::new(user))
}

fn scopes(scopes: &[&str]) -> BTreeSet<Arc<str>> {
    scopes.iter().map(|scope| Arc::from(*scope)).collect()
}

#[test]
fn user_names_are_compared_with_only_one_claim() {
    let mut user = User::new("https://id.example", "1");
    user.claims.insert("login".into(), "ann".into());
    user.claims
        .insert("preferred_username".into(), "bob".into());
    let user = Principal::User(Arc::new(user));
    for (claim, ann, bob) in [
        (None, true, false),
        (Some("login"), true, false),
        (Some("preferred_username"), false, true),
        (Some("nickname"), false, false),
    ] {
        for (name, expect) in [("ann", ann), ("BOB", bob)] {
            let mut rule = signed_in().and(login_in([name]).or(scope("x")));
            assert!(rule.needs_login());
            if let Some(claim) = claim {
                rule = rule.with_login_claim(claim);
            }
            let allowed = rule.check(&user) == Verdict::Allowed;
            assert_eq!(allowed, expect, "{claim:?} {name}");
        }
    }
    assert!(!signed_in().and(claim("login", "ann")).needs_login());
}

#[test]
fn a_rule_permits_its_callers_and_names_the_scopes_that_others_need() {
    use Verdict::*;
    let (anonymous_caller, ann) = (Principal::Anonymous, user(&["a", "b"], "Ann"));
    for (permission, anonymous, signed) in [
        (anyone(), Allowed, Allowed),
        (signed_in(), SignIn(scopes(&[])), Allowed),
        (scope("a"), SignIn(scopes(&["a"])), Allowed),
        (scope("c"), SignIn(scopes(&["c"])), Scopes(scopes(&["c"]))),
        (
            scope("a").and(scope("c")),
            SignIn(scopes(&["a", "c"])),
            Scopes(scopes(&["a", "c"])),
        ),
        (scope("c").or(scope("a")), SignIn(scopes(&["c"])), Allowed),
        (login_in(["ann"]), SignIn(scopes(&[])), Allowed),
        (login_in(["bob"]), SignIn(scopes(&[])), Denied),
        (login_in(["bob"]).or(anyone()), Allowed, Allowed),
        (
            login_in(["bob"]).and(scope("c")),
            SignIn(scopes(&["c"])),
            Denied,
        ),
        (
            claim("permissions", "image_generation"),
            SignIn(scopes(&[])),
            Allowed,
        ),
        (claim("permissions", "image"), SignIn(scopes(&[])), Denied),
        (claim("role", "editor"), SignIn(scopes(&[])), Allowed),
        (claim("role", "edit"), SignIn(scopes(&[])), Denied),
        (claim("none", "x"), SignIn(scopes(&[])), Denied),
        (
            when(|user| &*user.subject == "1"),
            SignIn(scopes(&[])),
            Allowed,
        ),
    ] {
        assert_eq!(
            permission.check(&anonymous_caller),
            anonymous,
            "{permission:?}"
        );
        assert_eq!(permission.check(&ann), signed, "{permission:?}");
    }
}

#[test]
fn what_no_rule_matches_needs_a_sign_in_on_a_protected_server() {
    let (anonymous_caller, ann) = (Principal::Anonymous, user(&[], "ann"));
    let mut policy = Policy::protected();
    policy.permit(Kind::Tool, "add", anyone());
    assert_eq!(
        policy.of(&anonymous_caller, Kind::Tool, "add"),
        Verdict::Allowed
    );
    assert_eq!(
        policy.of(&anonymous_caller, Kind::Tool, "other"),
        Verdict::SignIn(scopes(&[]))
    );
    assert_eq!(policy.of(&ann, Kind::Tool, "other"), Verdict::Allowed);
    assert_eq!(
        Policy::open().of(&anonymous_caller, Kind::Tool, "other"),
        Verdict::Allowed
    );
}

#[test]
fn a_resource_is_protected_however_its_uri_is_spelled() {
    let mut policy = Policy::protected();
    policy.permit(Kind::Resource, "todo://private/*", scope("todo"));
    let ann = user(&[], "ann");
    for (uri, allowed) in [
        ("todo://public/1", true),
        ("todo://private/1", false),
        ("TODO://private/1", false),
        ("todo://Private/1", false),
        ("todo://private//1", false),
        ("todo://private/./1", false),
        ("todo://private/x/../1", false),
        ("todo://%70rivate/1", false),
        ("todo://private%2F1", false),
    ] {
        let verdict = policy.of(&ann, Kind::Resource, uri);
        assert_eq!(verdict == Verdict::Allowed, allowed, "{uri}");
    }
}

#[test]
fn every_method_with_a_subject_is_checked() {
    let mut policy = Policy::protected();
    policy.permit(Kind::Tool, "t", scope("s"));
    policy.permit(Kind::Prompt, "p", scope("s"));
    policy.permit(Kind::Resource, "r://1", scope("s"));
    let (plain, scoped) = (user(&[], "ann"), user(&["s"], "ann"));
    for (method, params) in [
        (Method::ToolsCall, json!({"name": "t"})),
        (Method::PromptsGet, json!({"name": "p"})),
        (Method::ResourcesRead, json!({"uri": "r://1"})),
        (Method::ResourcesSubscribe, json!({"uri": "r://1"})),
        (Method::ResourcesUnsubscribe, json!({"uri": "r://1"})),
        (Method::ResourcesDirectoryRead, json!({"uri": "r://1"})),
        (Method::SkillsGet, json!({"uri": "r://1"})),
        (Method::SkillsGet, json!({"uri": "R://%31"})),
        (
            Method::Complete,
            json!({"ref": {"type": "ref/prompt", "name": "p"}}),
        ),
        (
            Method::Complete,
            json!({"ref": {"type": "ref/resource", "uri": "r://1"}}),
        ),
        (
            Method::SubscriptionsListen,
            json!({"notifications": {"resourceSubscriptions": ["r://2", "r://1"]}}),
        ),
    ] {
        let params = RawJson::from(params.to_string());
        let meta = RequestMeta::read(&method, Some(&params)).expect("metadata");
        let check = |who| policy.check(who, &method, &meta, Some(&params));
        assert_eq!(check(&plain), Verdict::Scopes(scopes(&["s"])), "{method:?}");
        assert_eq!(check(&scoped), Verdict::Allowed, "{method:?}");
    }
}

#[test]
fn malformed_parameters_are_denied() {
    let mut policy = Policy::protected();
    policy.permit(Kind::Prompt, "p", scope("s"));
    policy.permit(Kind::Resource, "r://1", scope("s"));
    let ann = user(&["s"], "ann");
    for (method, params) in [
        (
            Method::SubscriptionsListen,
            json!({"notifications": [true, true, true, ["r://1"]]}),
        ),
        (
            Method::SubscriptionsListen,
            json!({"notifications": {"resourceSubscriptions": "r://1"}}),
        ),
        (
            Method::SubscriptionsListen,
            json!({"notifications": {"resourceSubscriptions": ["r://2", 1]}}),
        ),
        (Method::SubscriptionsListen, json!({})),
        (Method::Complete, json!({"ref": ["ref/prompt", "p", "P"]})),
        (Method::Complete, json!({"ref": ["ref/prompt", "p"]})),
        (
            Method::Complete,
            json!({"ref": {"type": "ref/other", "name": "p"}}),
        ),
        (
            Method::Complete,
            json!({"ref": {"type": "ref/prompt", "uri": "r://2"}}),
        ),
    ] {
        let params = RawJson::from(params.to_string());
        let meta = RequestMeta::read(&method, Some(&params)).expect("metadata");
        let verdict = policy.check(&ann, &method, &meta, Some(&params));
        assert_eq!(verdict, Verdict::Denied, "{params:?}");
    }
}

#[test]
fn lists_contain_only_what_the_caller_may_use() {
    let mut policy = Policy::protected();
    policy.permit(Kind::Tool, "public", anyone());
    policy.permit(Kind::Tool, "write", scope("write"));
    policy.permit(Kind::Tool, "shown", scope("write").listed());
    policy.permit(Kind::Tool, "ann's", login_in(["ann"]));
    let frame = json!({"jsonrpc": "2.0", "id": 1, "result": {"nextCursor": "x", "tools":
        [{"name": "public"}, {"name": "plain"}, {"name": "write"}, {"name": "shown"},
         {"name": "ann's", "title": "T"}, {"noname": 1}]}});
    let frame = Bytes::from(frame.to_string());
    let listing = filter::listing(&Method::ToolsList).expect("a listing");
    for (who, expect) in [
        (Principal::Anonymous, vec!["public", "shown"]),
        (user(&[], "ann"), vec!["public", "plain", "shown", "ann's"]),
        (
            user(&["write"], "bob"),
            vec!["public", "plain", "write", "shown"],
        ),
    ] {
        let filtered = filter::filtered(&policy, &who, listing, &frame).expect("a frame");
        let filtered: serde_json::Value = serde_json::from_slice(&filtered).expect("JSON");
        let tools = filtered["result"]["tools"].as_array().expect("tools");
        let names: Vec<_> = tools.iter().map(|tool| &tool["name"]).collect();
        assert_eq!(names, expect, "{who:?}");
        assert_eq!(filtered["result"]["nextCursor"], "x");
    }
}

#[test]
fn a_rule_for_skills_covers_their_list_and_their_files() {
    let mut policy = Policy::protected();
    policy.permit(Kind::Resource, "skill://private/*", scope("skills"));
    policy.permit(Kind::Resource, "skill://open/key.md", scope("skills"));
    let frame = json!({"jsonrpc": "2.0", "id": 1, "result": {"skills": [
        {"uri": "skill://open/SKILL.md", "resources": [
            {"uri": "skill://open/SKILL.md"}, {"uri": "skill://open/key.md"}]},
        {"uri": "skill://private/SKILL.md", "resources": []}]}});
    let frame = Bytes::from(frame.to_string());
    let listing = filter::listing(&Method::SkillsList).expect("a listing");
    for (scopes, skills, files) in [(&[][..], 1, 1), (&["skills"], 2, 2)] {
        let who = user(scopes, "ann");
        let filtered = filter::filtered(&policy, &who, listing, &frame).expect("a frame");
        let filtered: serde_json::Value = serde_json::from_slice(&filtered).expect("JSON");
        let listed = filtered["result"]["skills"].as_array().expect("skills");
        let of_first = listed[0]["resources"].as_array().expect("files");
        assert_eq!((listed.len(), of_first.len()), (skills, files));
    }
}

#[test]
fn an_unknown_method_is_denied_if_there_are_rules() {
    let check = |policy: &Policy, who: &Principal| {
        let method = Method::parse("company/own");
        policy.check(who, &method, &RequestMeta::default(), None)
    };
    let (anonymous_caller, ann) = (Principal::Anonymous, user(&[], "ann"));
    let mut policy = Policy::protected();
    assert_eq!(check(&policy, &ann), Verdict::Allowed, "no rule yet");
    policy.permit(Kind::Tool, "t", scope("s"));
    assert_eq!(check(&policy, &ann), Verdict::Denied);
    assert_eq!(
        check(&policy, &anonymous_caller),
        Verdict::SignIn(scopes(&[]))
    );
    policy.permit(Kind::Method, "company/*", signed_in());
    assert_eq!(check(&policy, &ann), Verdict::Allowed);
}

#[test]
fn deny_by_default_denies_what_no_rule_matches() {
    let mut policy = Policy::protected();
    policy.deny_by_default();
    policy.permit(Kind::Tool, "named", signed_in());
    let ann = user(&["s"], "ann");
    for (kind, name, expect) in [
        (Kind::Tool, "named", Verdict::Allowed),
        (Kind::Tool, "other", Verdict::Denied),
        (Kind::Prompt, "other", Verdict::Denied),
        (Kind::Resource, "r://1", Verdict::Denied),
        (Kind::Method, "company/own", Verdict::Denied),
    ] {
        assert_eq!(policy.of(&ann, kind, name), expect, "{name}");
        assert_eq!(policy.lists(&ann, kind, name), expect == Verdict::Allowed);
        let anonymous = policy.of(&Principal::Anonymous, kind, name);
        assert_eq!(anonymous, Verdict::SignIn(scopes(&[])), "{name}");
    }
    let list = policy.check(&ann, &Method::ToolsList, &RequestMeta::default(), None);
    assert_eq!(list, Verdict::Allowed, "a list, which is filtered");
    let unnamed = policy.check(&ann, &Method::ToolsCall, &RequestMeta::default(), None);
    assert_eq!(unnamed, Verdict::Denied, "a call that names no tool");
}
