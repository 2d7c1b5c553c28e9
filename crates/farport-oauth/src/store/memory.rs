//! A store in memory.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    future::ready,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    AccessToken, ApiToken, Code, Consent, ConsentKey, Grant, GrantFilter, GrantId, Redemption,
    RefreshToken, Rotation, RotationTimes, SignIn, Store, Stored, Tokens, Transaction, UserId,
};
use crate::{Client, ClientId, ClientOrigin, Digest, UnixTime};

/// A [`Store`] in memory. Its state is lost when the process ends.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    clients: HashMap<ClientId, (Client, UnixTime)>,
    transactions: Bounded<Transaction>,
    sign_ins: Bounded<SignIn>,
    consents: HashMap<ConsentKey, Consent>,
    grants: HashMap<GrantId, GrantEntry>,
    codes: HashMap<Digest, Code>,
    access: HashMap<Digest, AccessToken>,
    refresh: HashMap<Digest, RefreshToken>,
    api: HashMap<Digest, ApiToken>,
    used: HashMap<Digest, UnixTime>,
}

/// A grant with the state of its refresh tokens.
#[derive(Debug)]
struct GrantEntry {
    grant: Grant,
    present: Option<Digest>,
    previous: Option<Digest>,
    /// The latest end of the grace period of `previous`.
    retry_until: UnixTime,
}

/// Records with a limit. Beyond it, the share with the most records loses its oldest.
#[derive(Debug)]
struct Bounded<T> {
    records: HashMap<Digest, T>,
    order: VecDeque<Digest>,
}

/// A record that counts toward a share.
trait Shared {
    fn share(&self) -> &Arc<str>;
}

impl Shared for Transaction {
    fn share(&self) -> &Arc<str> {
        &self.share
    }
}

impl Shared for SignIn {
    fn share(&self) -> &Arc<str> {
        &self.share
    }
}

impl<T> Default for Bounded<T> {
    fn default() -> Self {
        Self {
            records: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<T: Shared> Bounded<T> {
    fn insert(&mut self, id: Digest, record: T, most: usize) {
        let share = record.share().clone();
        if self.records.insert(id, record).is_none() {
            self.order.push_back(id);
        }
        while self.records.len() > most {
            let largest = largest(self.records.values().map(T::share), &share);
            let of_largest = |id: &Digest| {
                let record = self.records.get(id);
                record.is_some_and(|record| Some(record.share()) == largest.as_ref())
            };
            let Some(place) = self.order.iter().position(of_largest) else {
                break;
            };
            if let Some(oldest) = self.order.remove(place) {
                self.records.remove(&oldest);
            }
        }
        // Removed records leave their ID in `order`.
        if self.order.len() > 2 * self.records.len() + 64 {
            let records = &self.records;
            self.order.retain(|id| records.contains_key(id));
        }
    }

    fn purge(&mut self, live: impl Fn(&T) -> bool) -> usize {
        let before = self.records.len();
        self.records.retain(|_, record| live(record));
        before - self.records.len()
    }
}

/// The share that loses a record: the one with the most records. If several have the most, the share of
/// the new record, unless that is its only record.
fn largest<'a>(
    shares: impl Iterator<Item = &'a Arc<str>>,
    newcomer: &Arc<str>,
) -> Option<Arc<str>> {
    let mut held: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
    for share in shares {
        *held.entry(share).or_default() += 1;
    }
    let weight = |(share, held): &(&Arc<str>, usize)| {
        let own = *share == newcomer;
        (*held, own && *held > 1, !own)
    };
    held.into_iter()
        .max_by_key(weight)
        .map(|(share, _)| share.clone())
}

impl Tables {
    fn revoke(&mut self, id: &GrantId) -> bool {
        let existed = self.grants.remove(id).is_some();
        self.codes.retain(|_, code| code.grant != *id);
        self.access.retain(|_, token| token.grant != *id);
        self.refresh.retain(|_, token| token.grant != *id);
        existed
    }

    fn store(&mut self, tokens: Tokens) {
        self.access.insert(tokens.access.id, tokens.access);
        if let Some(refresh) = tokens.refresh {
            self.refresh.insert(refresh.id, refresh);
        }
    }

    fn of_grant<T>(&self, record: Option<&T>, grant: impl Fn(&T) -> &GrantId) -> Option<(T, Grant)>
    where
        T: Clone,
    {
        let record = record?.clone();
        let entry = self.grants.get(grant(&record))?;
        Some((record, entry.grant.clone()))
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
                let expired =
                    |client: &Client| client.expires.is_some_and(|expires| expires <= now);
                tables.clients.retain(|_, (client, _)| !expired(client));
                let holders: HashSet<_> = tables
                    .grants
                    .values()
                    .map(|entry| entry.grant.client.clone())
                    .collect();
                while registered(tables) >= most {
                    let unused = tables.clients.values();
                    let unused = unused
                        .filter(|(client, _)| client.origin == ClientOrigin::Registered)
                        .filter(|(client, _)| !holders.contains(&client.id));
                    let shares = unused.clone().map(|(client, _)| &client.share);
                    let largest = largest(shares, &client.share);
                    let unused = unused
                        .filter(|(client, _)| Some(&client.share) == largest.as_ref())
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
        self.at_once(|tables| tables.transactions.records.get(id).cloned())
    }

    fn take_transaction(&self, id: &Digest) -> Stored<'_, Option<Transaction>> {
        self.at_once(|tables| tables.transactions.records.remove(id))
    }

    fn add_sign_in(&self, sign_in: SignIn, most: usize) -> Stored<'_, ()> {
        self.at_once(|tables| {
            let id = sign_in.id;
            tables.sign_ins.insert(id, sign_in, most);
        })
    }

    fn sign_in(&self, id: &Digest) -> Stored<'_, Option<SignIn>> {
        self.at_once(|tables| tables.sign_ins.records.get(id).cloned())
    }

    fn remove_sign_in(&self, id: &Digest) -> Stored<'_, ()> {
        self.at_once(|tables| {
            tables.sign_ins.records.remove(id);
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
            let entry = GrantEntry {
                present: None,
                previous: None,
                retry_until: grant.created,
                grant,
            };
            tables.grants.insert(entry.grant.id.clone(), entry);
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
            let Some(entry) = tables.grants.get_mut(&code.grant) else {
                return Redemption::Unknown;
            };
            code.used = true;
            entry.present = refresh_id(&tokens);
            entry.grant.expires = grant_expires;
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
            let entry = token.and_then(|token| tables.grants.get(&token.grant));
            entry.is_some_and(|entry| entry.present == Some(*id))
        })
    }

    fn rotate(
        &self,
        presented: &Digest,
        tokens: Tokens,
        times: RotationTimes,
    ) -> Stored<'_, Rotation> {
        let RotationTimes { now, .. } = times;
        self.at_once(|tables| {
            let Some(token) = tables.refresh.get(presented) else {
                return Rotation::Unknown;
            };
            let grant = token.grant.clone();
            let Some(entry) = tables.grants.get_mut(&grant) else {
                return Rotation::Unknown;
            };
            if entry.present == Some(*presented) {
                entry.previous = Some(*presented);
                entry.grant.retryable = Some(*presented);
                entry.retry_until = now.after(times.grace);
            } else {
                let is_previous = entry.previous == Some(*presented);
                if is_previous && now < entry.grant.used.after(times.concurrent) {
                    return Rotation::Concurrent;
                }
                if entry.grant.retryable != Some(*presented) || now >= entry.retry_until {
                    tables.revoke(&grant);
                    return Rotation::Reused;
                }
            }
            entry.present = refresh_id(&tokens);
            entry.grant.used = now;
            entry.grant.expires = times.grant_expires;
            tables.store(tokens);
            Rotation::Rotated
        })
    }

    fn confirm(&self, grant: &GrantId, replaced: &Digest) -> Stored<'_, ()> {
        self.at_once(|tables| {
            let entry = tables.grants.get_mut(grant);
            if let Some(entry) = entry.filter(|entry| entry.grant.retryable == Some(*replaced)) {
                entry.grant.retryable = None;
            }
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
        self.at_once(|tables| tables.grants.get(id).map(|entry| entry.grant.clone()))
    }

    fn grants(&self, filter: &GrantFilter) -> Stored<'_, Vec<Grant>> {
        self.at_once(|tables| {
            let fits = |grant: &&Grant| {
                let subject = filter.subject.as_ref();
                let client = filter.client.as_ref();
                subject.is_none_or(|subject| grant.user.subject == *subject)
                    && client.is_none_or(|client| grant.client == *client)
            };
            let all = tables.grants.values().map(|entry| &entry.grant);
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
            let entry = tables.grants.get_mut(grant);
            let Some(entry) = entry.filter(|entry| entry.grant.revision == revision) else {
                return false;
            };
            entry.grant.sealed = sealed;
            entry.grant.revision += 1;
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
            let mut deleted = 0;
            let ended: Vec<_> = tables.grants.values().map(|entry| &entry.grant).collect();
            let ended = ended.into_iter().filter(|grant| grant.expires <= now);
            for id in ended.map(|grant| grant.id.clone()).collect::<Vec<_>>() {
                deleted += usize::from(tables.revoke(&id));
            }
            deleted += retain(&mut tables.access, |token| token.expires > now);
            deleted += retain(&mut tables.refresh, |token| token.expires > now);
            deleted += retain(&mut tables.used, |until| *until > now);
            deleted += retain(&mut tables.api, |token| {
                token.expires.is_none_or(|expires| expires > now)
            });
            deleted += retain(&mut tables.consents, |consent| consent.expires > now);
            deleted += retain(&mut tables.clients, |(client, _)| {
                client.expires.is_none_or(|expires| expires > now)
            });
            deleted += tables.transactions.purge(|one| one.expires > now);
            deleted += tables.sign_ins.purge(|one| one.expires > now);
            deleted
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
