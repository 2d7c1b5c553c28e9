//! Everything in memory, for tests and for servers that may forget.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    future::ready,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    AccessToken, ApiToken, Code, Consent, ConsentKey, Grant, GrantFilter, GrantId, Redemption,
    RefreshToken, Rotation, SignIn, Store, Stored, Tokens, Transaction, UserId,
};
use crate::{Client, ClientId, ClientOrigin, Digest, UnixTime};

/// A [`Store`] that ends with the process.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    clients: HashMap<ClientId, (Client, UnixTime)>,
    transactions: Aging<Transaction>,
    sign_ins: Aging<SignIn>,
    consents: HashMap<ConsentKey, Consent>,
    grants: HashMap<GrantId, Held>,
    codes: HashMap<Digest, Code>,
    access: HashMap<Digest, AccessToken>,
    refresh: HashMap<Digest, RefreshToken>,
    api: HashMap<Digest, ApiToken>,
    used: HashMap<Digest, UnixTime>,
}

/// A grant, and where its family of refresh tokens stands.
#[derive(Debug)]
struct Held {
    grant: Grant,
    present: Option<Digest>,
    previous: Option<Digest>,
    rotated: UnixTime,
}

/// Things of which the oldest give way.
#[derive(Debug)]
struct Aging<T> {
    things: HashMap<Digest, T>,
    order: VecDeque<Digest>,
}

impl<T> Default for Aging<T> {
    fn default() -> Self {
        Self {
            things: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<T> Aging<T> {
    fn insert(&mut self, id: Digest, thing: T, most: usize) {
        if self.things.insert(id, thing).is_none() {
            self.order.push_back(id);
        }
        while self.things.len() > most {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.things.remove(&oldest);
        }
        // Those that were taken leave their place behind.
        if self.order.len() > 2 * self.things.len() + 64 {
            let things = &self.things;
            self.order.retain(|id| things.contains_key(id));
        }
    }

    fn purge(&mut self, live: impl Fn(&T) -> bool) -> usize {
        let before = self.things.len();
        self.things.retain(|_, thing| live(thing));
        before - self.things.len()
    }
}

impl Tables {
    fn revoke(&mut self, id: &GrantId) -> bool {
        let was_there = self.grants.remove(id).is_some();
        self.codes.retain(|_, code| code.grant != *id);
        self.access.retain(|_, token| token.grant != *id);
        self.refresh.retain(|_, token| token.grant != *id);
        was_there
    }

    fn store(&mut self, tokens: Tokens) {
        self.access.insert(tokens.access.id, tokens.access);
        if let Some(refresh) = tokens.refresh {
            self.refresh.insert(refresh.id, refresh);
        }
    }

    fn of_grant<T>(&self, thing: Option<&T>, grant: impl Fn(&T) -> &GrantId) -> Option<(T, Grant)>
    where
        T: Clone,
    {
        let thing = thing?.clone();
        let held = self.grants.get(grant(&thing))?;
        Some((thing, held.grant.clone()))
    }
}

impl MemoryStore {
    fn at_once<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Tables) -> T,
    ) -> Stored<'_, T> {
        let mut tables: MutexGuard<'_, Tables> =
            self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(ready(Ok(operation(&mut tables))))
    }
}

impl Store for MemoryStore {
    fn add_client(&self, client: Client, most: usize, now: UnixTime) -> Stored<'_, bool> {
        self.at_once(|tables| {
            if client.origin == ClientOrigin::Registered
                && !tables.clients.contains_key(&client.id)
                && registered(tables) >= most
            {
                let over = |client: &Client| client.expires.is_some_and(|expires| expires <= now);
                tables.clients.retain(|_, (client, _)| !over(client));
                let holders: HashSet<_> = tables
                    .grants
                    .values()
                    .map(|held| held.grant.client.clone())
                    .collect();
                while registered(tables) >= most {
                    let unused = tables.clients.values();
                    let unused = unused
                        .filter(|(client, _)| client.origin == ClientOrigin::Registered)
                        .filter(|(client, _)| !holders.contains(&client.id))
                        .min_by_key(|(client, used)| (*used, client.id.clone()));
                    let Some(id) = unused.map(|(client, _)| client.id.clone()) else {
                        return false;
                    };
                    tables.clients.remove(&id);
                }
            }
            tables.clients.insert(client.id.clone(), (client, now));
            true
        })
    }

    fn client(&self, id: &ClientId) -> Stored<'_, Option<Client>> {
        self.at_once(|tables| tables.clients.get(id).map(|(client, _)| client.clone()))
    }

    fn keep_client(&self, id: &ClientId, expires: UnixTime, now: UnixTime) -> Stored<'_, ()> {
        self.at_once(|tables| {
            if let Some((client, used)) = tables.clients.get_mut(id) {
                client.expires = client.expires.map(|before| before.max(expires));
                *used = now;
            }
        })
    }

    fn begin(&self, transaction: Transaction, most: usize) -> Stored<'_, ()> {
        self.at_once(|tables| {
            let id = transaction.id;
            tables.transactions.insert(id, transaction, most);
        })
    }

    fn transaction(&self, id: &Digest) -> Stored<'_, Option<Transaction>> {
        self.at_once(|tables| tables.transactions.things.get(id).cloned())
    }

    fn take_transaction(&self, id: &Digest) -> Stored<'_, Option<Transaction>> {
        self.at_once(|tables| tables.transactions.things.remove(id))
    }

    fn add_sign_in(&self, sign_in: SignIn, most: usize) -> Stored<'_, ()> {
        self.at_once(|tables| {
            let id = sign_in.id;
            tables.sign_ins.insert(id, sign_in, most);
        })
    }

    fn sign_in(&self, id: &Digest) -> Stored<'_, Option<SignIn>> {
        self.at_once(|tables| tables.sign_ins.things.get(id).cloned())
    }

    fn remove_sign_in(&self, id: &Digest) -> Stored<'_, ()> {
        self.at_once(|tables| {
            tables.sign_ins.things.remove(id);
        })
    }

    fn add_consent(&self, consent: Consent) -> Stored<'_, ()> {
        self.at_once(|tables| {
            tables.consents.insert(consent.key.clone(), consent);
        })
    }

    fn consent(&self, key: &ConsentKey) -> Stored<'_, Option<Consent>> {
        self.at_once(|tables| tables.consents.get(key).cloned())
    }

    fn remove_consents(&self, user: &UserId, client: &ClientId) -> Stored<'_, ()> {
        self.at_once(|tables| {
            let of = |key: &ConsentKey| key.user == *user && key.client == *client;
            tables.consents.retain(|key, _| !of(key));
        })
    }

    fn issue(&self, grant: Grant, code: Code) -> Stored<'_, ()> {
        self.at_once(|tables| {
            let held = Held {
                present: None,
                previous: None,
                rotated: grant.created,
                grant,
            };
            tables.grants.insert(held.grant.id.clone(), held);
            tables.codes.insert(code.id, code);
        })
    }

    fn code(&self, id: &Digest) -> Stored<'_, Option<(Code, Grant)>> {
        self.at_once(|tables| tables.of_grant(tables.codes.get(id), |code: &Code| &code.grant))
    }

    fn redeem(
        &self,
        code: &Digest,
        tokens: Tokens,
        grant_expires: UnixTime,
    ) -> Stored<'_, Redemption> {
        self.at_once(|tables| {
            let Some(code) = tables.codes.get_mut(code) else {
                return Redemption::Unknown;
            };
            if code.used {
                let grant = code.grant.clone();
                tables.revoke(&grant);
                return Redemption::Replayed;
            }
            let Some(held) = tables.grants.get_mut(&code.grant) else {
                return Redemption::Unknown;
            };
            code.used = true;
            held.present = refresh_id(&tokens);
            held.grant.expires = grant_expires;
            tables.store(tokens);
            Redemption::Redeemed
        })
    }

    fn refresh_token(&self, id: &Digest) -> Stored<'_, Option<(RefreshToken, Grant)>> {
        self.at_once(|tables| {
            tables.of_grant(tables.refresh.get(id), |token: &RefreshToken| &token.grant)
        })
    }

    fn is_present(&self, id: &Digest) -> Stored<'_, bool> {
        self.at_once(|tables| {
            let token = tables.refresh.get(id);
            let held = token.and_then(|token| tables.grants.get(&token.grant));
            held.is_some_and(|held| held.present == Some(*id))
        })
    }

    fn rotate(
        &self,
        presented: &Digest,
        tokens: Tokens,
        grant_expires: UnixTime,
        now: UnixTime,
        concurrent: Duration,
    ) -> Stored<'_, Rotation> {
        self.at_once(|tables| {
            let Some(token) = tables.refresh.get(presented) else {
                return Rotation::Unknown;
            };
            let grant = token.grant.clone();
            let Some(held) = tables.grants.get_mut(&grant) else {
                return Rotation::Unknown;
            };
            if held.present == Some(*presented) {
                held.previous = Some(*presented);
            } else if held.previous == Some(*presented) {
                if now < held.rotated.after(concurrent) {
                    return Rotation::Concurrent;
                }
            } else {
                tables.revoke(&grant);
                return Rotation::Reused;
            }
            held.present = refresh_id(&tokens);
            held.rotated = now;
            held.grant.expires = grant_expires;
            tables.store(tokens);
            Rotation::Rotated
        })
    }

    fn access_token(&self, id: &Digest) -> Stored<'_, Option<(AccessToken, Grant)>> {
        self.at_once(|tables| {
            tables.of_grant(tables.access.get(id), |token: &AccessToken| &token.grant)
        })
    }

    fn remove_access_token(&self, id: &Digest) -> Stored<'_, ()> {
        self.at_once(|tables| {
            tables.access.remove(id);
        })
    }

    fn revoke(&self, grant: &GrantId) -> Stored<'_, bool> {
        self.at_once(|tables| tables.revoke(grant))
    }

    fn grant(&self, id: &GrantId) -> Stored<'_, Option<Grant>> {
        self.at_once(|tables| tables.grants.get(id).map(|held| held.grant.clone()))
    }

    fn grants(&self, filter: &GrantFilter) -> Stored<'_, Vec<Grant>> {
        self.at_once(|tables| {
            let fits = |grant: &&Grant| {
                let subject = filter.subject.as_ref();
                let client = filter.client.as_ref();
                subject.is_none_or(|subject| grant.user.subject == *subject)
                    && client.is_none_or(|client| grant.client == *client)
            };
            let all = tables.grants.values().map(|held| &held.grant);
            let mut grants: Vec<_> = all.filter(fits).cloned().collect();
            grants.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
            grants
        })
    }

    fn replace_properties(
        &self,
        grant: &GrantId,
        revision: u64,
        sealed: Vec<u8>,
    ) -> Stored<'_, bool> {
        self.at_once(|tables| {
            let held = tables.grants.get_mut(grant);
            let Some(held) = held.filter(|held| held.grant.revision == revision) else {
                return false;
            };
            held.grant.sealed = sealed;
            held.grant.revision += 1;
            true
        })
    }

    fn add_api_token(&self, token: ApiToken) -> Stored<'_, ()> {
        self.at_once(|tables| {
            tables.api.insert(token.digest, token);
        })
    }

    fn api_token(&self, digest: &Digest) -> Stored<'_, Option<ApiToken>> {
        self.at_once(|tables| tables.api.get(digest).cloned())
    }

    fn api_tokens(&self) -> Stored<'_, Vec<ApiToken>> {
        self.at_once(|tables| {
            let mut tokens: Vec<_> = tables.api.values().cloned().collect();
            tokens.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
            tokens
        })
    }

    fn remove_api_token(&self, id: &str) -> Stored<'_, bool> {
        self.at_once(|tables| {
            let before = tables.api.len();
            tables.api.retain(|_, token| &*token.id != id);
            tables.api.len() < before
        })
    }

    fn use_once(&self, name: &Digest, expires: UnixTime, now: UnixTime) -> Stored<'_, bool> {
        self.at_once(|tables| {
            if tables.used.get(name).is_some_and(|until| *until > now) {
                return false;
            }
            tables.used.insert(*name, expires);
            true
        })
    }

    fn purge(&self, now: UnixTime) -> Stored<'_, usize> {
        self.at_once(|tables| {
            let mut gone = 0;
            let ended: Vec<_> = tables.grants.values().map(|held| &held.grant).collect();
            let ended = ended.into_iter().filter(|grant| grant.expires <= now);
            for id in ended.map(|grant| grant.id.clone()).collect::<Vec<_>>() {
                gone += usize::from(tables.revoke(&id));
            }
            gone += retain(&mut tables.access, |token| token.expires > now);
            gone += retain(&mut tables.refresh, |token| token.expires > now);
            gone += retain(&mut tables.used, |until| *until > now);
            gone += retain(&mut tables.api, |token| {
                token.expires.is_none_or(|expires| expires > now)
            });
            gone += retain(&mut tables.consents, |consent| consent.expires > now);
            gone += retain(&mut tables.clients, |(client, _)| {
                client.expires.is_none_or(|expires| expires > now)
            });
            gone += tables.transactions.purge(|one| one.expires > now);
            gone += tables.sign_ins.purge(|one| one.expires > now);
            gone
        })
    }
}

fn registered(tables: &Tables) -> usize {
    let clients = tables.clients.values();
    let registered = clients.filter(|(client, _)| client.origin == ClientOrigin::Registered);
    registered.count()
}

fn refresh_id(tokens: &Tokens) -> Option<Digest> {
    tokens.refresh.as_ref().map(|refresh| refresh.id)
}

fn retain<K: std::hash::Hash + Eq, V>(map: &mut HashMap<K, V>, live: impl Fn(&V) -> bool) -> usize {
    let before = map.len();
    map.retain(|_, value| live(value));
    before - map.len()
}
