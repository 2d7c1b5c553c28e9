//! What is there, and what has expired of it.

use std::time::Duration;

use farport_oauth::{
    ClientId, Consent, ConsentKey, GrantFilter, GrantId, Redemption, SignIn, Store, Transaction,
    UnixTime,
};

use super::{
    NOW, client, code, digest, grant, said,
    samples::{text, user},
    tokens,
};

const SECOND: Duration = Duration::from_secs(1);

/// The filter selects grants by user and client.
pub async fn grants_are_listed_newest_first<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = make().await;
    for (second, (subject, client)) in
        (0..).zip([("ada", "x"), ("bob", "x"), ("ada", "y"), ("ada", "x")])
    {
        let id = second.to_string();
        let mut grant = grant(&id, subject, client);
        grant.created = NOW.after(SECOND * second);
        said(store.issue(grant, code(&id)).await);
    }
    for (subject, client, expect) in [
        (None, None, "3 2 1 0"),
        (Some("ada"), None, "3 2 0"),
        (None, Some("x"), "3 1 0"),
        (Some("ada"), Some("x"), "3 0"),
        (Some("unknown"), None, ""),
    ] {
        let filter = GrantFilter {
            subject: subject.map(text),
            client: client.map(ClientId::from),
        };
        let grants = said(store.grants(&filter).await);
        let ids: Vec<_> = grants.iter().map(|grant| &*grant.id.0).collect();
        assert_eq!(ids.join(" "), expect, "{filter:?}");
    }
}

/// Each record is deleted after its own lifetime, and not before.
pub async fn what_has_expired_is_purged<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = make().await;
    let at = |second: u32| NOW.after(SECOND * second);
    let mut registered = client("registered");
    registered.expires = Some(at(1));
    said(store.add_client(registered, 10, NOW).await);
    let mut lasting = client("lasting");
    lasting.expires = None;
    said(store.add_client(lasting, 10, NOW).await);
    let transaction = Transaction {
        id: digest("transaction"),
        expires: at(2),
        sealed: Vec::new(),
        share: "".into(),
    };
    said(store.begin(transaction, 10).await);
    let sign_in = SignIn {
        id: digest("sign-in"),
        expires: at(3),
        sealed: Vec::new(),
        share: "".into(),
    };
    said(store.add_sign_in(sign_in, 10).await);
    let key = ConsentKey {
        user: user("ada"),
        client: ClientId::from("registered"),
        redirect_uri: text("https://a"),
        resource: text("https://r"),
    };
    let consent = Consent {
        key: key.clone(),
        scopes: Default::default(),
        expires: at(4),
    };
    said(store.add_consent(consent).await);
    assert!(said(store.use_once(&digest("jti"), at(5), NOW).await));
    said(store.issue(grant("g", "ada", "x"), code("g")).await);
    let mut issued = tokens("g", "1");
    issued.access.expires = at(6);
    if let Some(refresh) = &mut issued.refresh {
        refresh.expires = at(7);
    }
    said(store.redeem(&code("g").id, issued, at(8)).await);
    let there = async || {
        let grant = said(store.grant(&GrantId(text("g"))).await);
        [
            said(store.client(&ClientId::from("registered")).await).is_some(),
            said(store.transaction(&digest("transaction")).await).is_some(),
            said(store.sign_in(&digest("sign-in")).await).is_some(),
            said(store.consent(&key).await).is_some(),
            // Whether it is still used up.
            !said(store.use_once(&digest("jti"), UnixTime(0), at(0)).await),
            said(store.access_token(&digest("access 1")).await).is_some(),
            said(store.refresh_token(&digest("refresh 1")).await).is_some(),
            grant.is_some(),
        ]
    };
    for second in 0..=9 {
        let went = said(store.purge(at(second)).await);
        let expect = usize::from((1..=8).contains(&second));
        assert_eq!(went, expect, "things at second {second}");
        let gone = (second as usize).min(8);
        let mut left = [true; 8];
        left[..gone].fill(false);
        // Asking whether a name is used up uses it up, for no time at all.
        assert_eq!(there().await, left, "at second {second}");
        if second >= 5 {
            said(store.purge(at(0)).await);
        }
    }
    assert!(said(store.client(&ClientId::from("lasting")).await).is_some());
}

/// Otherwise a replayed code would look like an unknown one.
pub async fn a_used_code_is_known_for_as_long_as_its_grant<S: Store>(
    make: impl AsyncFnOnce() -> S,
) {
    let store = make().await;
    said(store.issue(grant("g", "ada", "x"), code("g")).await);
    let id = code("g").id;
    let lasts = NOW.after(Duration::from_secs(30 * 24 * 3600));
    said(store.redeem(&id, tokens("g", "1"), lasts).await);
    let late = NOW.after(Duration::from_secs(29 * 24 * 3600));
    said(store.purge(late).await);
    let Some((found, _)) = said(store.code(&id).await) else {
        panic!("it is forgotten")
    };
    assert!(found.used);
    let replayed = said(store.redeem(&id, tokens("g", "2"), lasts).await);
    assert_eq!(replayed, Redemption::Replayed);
    assert!(said(store.grant(&GrantId(text("g"))).await).is_none());
}

/// One call deletes any number of records.
pub async fn a_great_many_are_purged<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = make().await;
    let many = 5_000;
    let names = (0..many).map(|number| {
        let name = digest(&number.to_string());
        store.use_once(&name, NOW.after(SECOND), NOW)
    });
    let used = futures_util::future::join_all(names).await;
    assert!(used.into_iter().all(said));
    assert_eq!(said(store.purge(NOW).await), 0);
    assert_eq!(said(store.purge(NOW.after(SECOND)).await), many);
}
