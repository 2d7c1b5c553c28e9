use std::{collections::HashMap, net::IpAddr};

use farport_oauth::{
    ConsentPage, Cookies, ErrorLink, ErrorPage, Next, PageRequest, PageResponse, SetCookie,
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Fixture, Form};

/// A browser with cookies.
#[derive(Clone)]
pub(crate) struct Browser<'a> {
    fixture: &'a Fixture,
    /// The value and the expiry of each cookie.
    pub(crate) cookies: HashMap<String, (String, u64)>,
    pub(crate) address: Option<IpAddr>,
    /// The `Set-Cookie` headers of the last response.
    pub(crate) set: Vec<String>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(fixture: &'a Fixture) -> Self {
        Self {
            fixture,
            cookies: HashMap::new(),
            address: None,
            set: Vec::new(),
        }
    }

    fn cookies(&self) -> Cookies {
        let now = self.fixture.now().0;
        let live = self.cookies.iter().filter(|(_, (_, end))| *end > now);
        live.map(|(name, (value, _))| (name.clone(), value.clone()))
            .collect()
    }

    fn keep(&mut self, answer: PageResponse) -> Next {
        self.set = answer.cookies.iter().map(SetCookie::header).collect();
        for header in &self.set {
            let mut parts = header.split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let age = parts.find_map(|part| part.strip_prefix("Max-Age="));
            let end = self.fixture.now().0 + age.unwrap().parse::<u64>().unwrap();
            self.cookies.insert(name.into(), (value.into(), end));
        }
        answer.next
    }

    pub(crate) async fn authorize(&mut self, request: &Form) -> Next {
        self.authorize_raw(request.encoded().as_bytes()).await
    }

    pub(crate) async fn authorize_raw(&mut self, query: &[u8]) -> Next {
        let cookies = self.cookies();
        let answer = self
            .fixture
            .server
            .interaction()
            .authorize(self.page_request(query, &cookies));
        let answer = answer.await;
        self.keep(answer)
    }

    fn page_request<'v>(&'v self, parameters: &'v [u8], cookies: &'v Cookies) -> PageRequest<'v> {
        PageRequest {
            site: &self.fixture.site,
            parameters,
            cookies,
            address: self.address,
            now: self.fixture.now(),
        }
    }

    pub(crate) async fn sign_in(&mut self, transaction: &SecretString, name: &str) -> Next {
        let form = Form::new([("transaction", transaction.expose_secret()), ("name", name)]);
        let (form, cookies) = (form.encoded(), self.cookies());
        let request = self.page_request(form.as_bytes(), &cookies);
        let answer = self.fixture.server.interaction().sign_in(request).await;
        self.keep(answer)
    }

    pub(crate) async fn decide(&mut self, transaction: &SecretString, decision: &str) -> Next {
        let form = Form::new([("transaction", transaction.expose_secret())]);
        let form = form.with("decision", decision);
        self.decide_raw(form.encoded().as_bytes()).await
    }

    pub(crate) async fn decide_raw(&mut self, form: &[u8]) -> Next {
        let cookies = self.cookies();
        let answer = self
            .fixture
            .server
            .interaction()
            .decide(self.page_request(form, &cookies))
            .await;
        self.keep(answer)
    }

    pub(crate) async fn callback(&mut self, query: &Form) -> Next {
        self.callback_raw(query.encoded().as_bytes()).await
    }

    pub(crate) async fn callback_raw(&mut self, query: &[u8]) -> Next {
        let cookies = self.cookies();
        let answer = self
            .fixture
            .server
            .interaction()
            .callback(self.page_request(query, &cookies))
            .await;
        self.keep(answer)
    }

    /// Sends an authorization request, and signs in as `name` if necessary, up to the consent page.
    pub(crate) async fn consent_page(&mut self, request: &Form, name: &str) -> ConsentPage {
        let next = self.authorize(request).await;
        match next {
            Next::SignIn(page) => consent(self.sign_in(&page.transaction, name).await),
            next => consent(next),
        }
    }

    /// Completes an authorization request: signs in as `name` if necessary, and allows access.
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

    /// Completes an authorization request and returns the code.
    pub(crate) async fn code(&mut self, request: &Form, name: &str) -> String {
        let url = client(self.go(request, name).await);
        parameter(&url, "code").unwrap_or_else(|| panic!("no code in {url}"))
    }
}

/// The query with which the provider sends the browser back, for the user `name`.
pub(crate) fn came_back(url: &str, name: &str) -> Form {
    let url = Url::parse(url).unwrap();
    let state = parameter(&url, "state").unwrap();
    Form::new([("code", name), ("state", &state)])
}

pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut found = url.query_pairs().filter(|(known, _)| known == name);
    let value = found.next().map(|(_, value)| value.into_owned());
    assert!(found.next().is_none(), "{name} is repeated in {url}");
    value
}

pub(crate) fn consent(next: Next) -> ConsentPage {
    match next {
        Next::Consent(page) => page,
        next => panic!("no consent page: {next:?}"),
    }
}

/// The redirect URI with the response.
pub(crate) fn client(next: Next) -> Url {
    match next {
        // The link of an error page contains the same response.
        Next::Client { url, .. } | Next::ErrorLink(ErrorLink { url, .. }) => {
            Url::parse(&url).unwrap()
        }
        next => panic!("no redirect to the client: {next:?}"),
    }
}

/// The error in the response to the client.
pub(crate) fn client_error(next: Next) -> String {
    let url = client(next);
    assert_eq!(parameter(&url, "code"), None);
    parameter(&url, "error").unwrap_or_else(|| panic!("no error in {url}"))
}

pub(crate) fn provider(next: Next) -> String {
    match next {
        Next::Provider { url, .. } => url,
        next => panic!("no redirect to the provider: {next:?}"),
    }
}

pub(crate) fn error_page(next: Next) -> ErrorPage {
    match next {
        Next::ErrorPage(page) => page,
        next => panic!("no error page: {next:?}"),
    }
}
