use std::{collections::HashMap, net::IpAddr};

use farport_oauth::{Answer, ConsentPage, Cookies, Next, Refused, SetCookie, Stopped, Visit};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Form, House};

/// A browser: it keeps cookies for as long as they last.
#[derive(Clone)]
pub(crate) struct Browser<'a> {
    house: &'a House,
    /// Value, and the end of its time.
    pub(crate) cookies: HashMap<String, (String, u64)>,
    pub(crate) address: Option<IpAddr>,
    /// The `Set-Cookie` headers of the last answer.
    pub(crate) set: Vec<String>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(house: &'a House) -> Self {
        Self {
            house,
            cookies: HashMap::new(),
            address: None,
            set: Vec::new(),
        }
    }

    fn cookies(&self) -> Cookies {
        let now = self.house.now().0;
        let live = self.cookies.iter().filter(|(_, (_, end))| *end > now);
        live.map(|(name, (value, _))| (name.clone(), value.clone()))
            .collect()
    }

    fn keep(&mut self, answer: Answer) -> Next {
        self.set = answer.cookies.iter().map(SetCookie::header).collect();
        for header in &self.set {
            let mut parts = header.split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let age = parts.find_map(|part| part.strip_prefix("Max-Age="));
            let end = self.house.now().0 + age.unwrap().parse::<u64>().unwrap();
            self.cookies.insert(name.into(), (value.into(), end));
        }
        answer.next
    }

    pub(crate) async fn authorize(&mut self, request: &Form) -> Next {
        self.authorize_raw(request.encoded().as_bytes()).await
    }

    pub(crate) async fn authorize_raw(&mut self, query: &[u8]) -> Next {
        let cookies = self.cookies();
        let answer = self.house.server.authorize(self.visit(query, &cookies));
        let answer = answer.await;
        self.keep(answer)
    }

    fn visit<'v>(&'v self, parameters: &'v [u8], cookies: &'v Cookies) -> Visit<'v> {
        Visit {
            site: &self.house.site,
            parameters,
            cookies,
            address: self.address,
            now: self.house.now(),
        }
    }

    pub(crate) async fn sign_in(&mut self, transaction: &SecretString, name: &str) -> Next {
        let form = Form::new([("transaction", transaction.expose_secret()), ("name", name)]);
        let (form, cookies) = (form.encoded(), self.cookies());
        let visit = self.visit(form.as_bytes(), &cookies);
        let answer = self.house.server.sign_in(visit).await;
        self.keep(answer)
    }

    pub(crate) async fn decide(&mut self, transaction: &SecretString, decision: &str) -> Next {
        let form = Form::new([("transaction", transaction.expose_secret())]);
        let form = form.with("decision", decision);
        self.decide_raw(form.encoded().as_bytes()).await
    }

    pub(crate) async fn decide_raw(&mut self, form: &[u8]) -> Next {
        let cookies = self.cookies();
        let answer = self.house.server.decide(self.visit(form, &cookies)).await;
        self.keep(answer)
    }

    pub(crate) async fn callback(&mut self, query: &Form) -> Next {
        self.callback_raw(query.encoded().as_bytes()).await
    }

    pub(crate) async fn callback_raw(&mut self, query: &[u8]) -> Next {
        let cookies = self.cookies();
        let answer = self
            .house
            .server
            .callback(self.visit(query, &cookies))
            .await;
        self.keep(answer)
    }

    /// Brings the request, and whoever is asked who they are is `name`, up to the consent page.
    pub(crate) async fn consent_page(&mut self, request: &Form, name: &str) -> ConsentPage {
        let next = self.authorize(request).await;
        match next {
            Next::SignIn(page) => consent(self.sign_in(&page.transaction, name).await),
            next => consent(next),
        }
    }

    /// Goes all the way: signs in as `name` where that is asked, at the provider too, and allows.
    pub(crate) async fn go(&mut self, request: &Form, name: &str) -> Next {
        let mut next = self.authorize(request).await;
        loop {
            next = match next {
                Next::SignIn(page) => self.sign_in(&page.transaction, name).await,
                Next::Consent(page) => self.decide(&page.transaction, "allow").await,
                Next::Provider { url, .. } => self.callback(&came_back(&url, name)).await,
                end => return end,
            };
        }
    }

    /// The code at the end of the way.
    pub(crate) async fn code(&mut self, request: &Form, name: &str) -> String {
        let url = client(self.go(request, name).await);
        parameter(&url, "code").unwrap_or_else(|| panic!("no code in {url}"))
    }
}

/// What the provider sends the browser back with, for a user who is `name` there.
pub(crate) fn came_back(url: &str, name: &str) -> Form {
    let url = Url::parse(url).unwrap();
    let state = parameter(&url, "state").unwrap();
    Form::new([("code", name), ("state", &state)])
}

pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut found = url.query_pairs().filter(|(known, _)| known == name);
    let value = found.next().map(|(_, value)| value.into_owned());
    assert!(found.next().is_none(), "{name} stands twice in {url}");
    value
}

pub(crate) fn consent(next: Next) -> ConsentPage {
    match next {
        Next::Consent(page) => page,
        next => panic!("no consent page: {next:?}"),
    }
}

/// Where the client is sent back to.
pub(crate) fn client(next: Next) -> Url {
    match next {
        // A client that is told only where the user goes back is told the same.
        Next::Client { url, .. } | Next::Stopped(Stopped { url, .. }) => Url::parse(&url).unwrap(),
        next => panic!("not back to the client: {next:?}"),
    }
}

/// The error that the client is sent back with.
pub(crate) fn client_error(next: Next) -> String {
    let url = client(next);
    assert_eq!(parameter(&url, "code"), None);
    parameter(&url, "error").unwrap_or_else(|| panic!("no error in {url}"))
}

pub(crate) fn provider(next: Next) -> String {
    match next {
        Next::Provider { url, .. } => url,
        next => panic!("not on to the provider: {next:?}"),
    }
}

pub(crate) fn refused(next: Next) -> Refused {
    match next {
        Next::Refused(refused) => refused,
        next => panic!("not refused: {next:?}"),
    }
}
