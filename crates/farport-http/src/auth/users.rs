//! The users of recently validated tokens.

use std::sync::{Arc, Weak};

use farport_core::User;
use farport_oauth::{Authenticated, Digest};
use quick_cache::sync::Cache;

/// The maximum number of cached users.
const MOST_USERS: usize = 10_000;

/// Caches the user of each validated token, so that requests with the same token share it.
///
/// A cached user belongs to one validation. A new validation of the token, whose scopes or claims may
/// differ, gets a new user.
pub(super) struct UserCache(Cache<Digest, Entry>);

#[derive(Clone)]
struct Entry {
    /// The validation that the user was created from. Its allocation cannot be reused while this exists,
    /// so its address identifies it.
    validation: Weak<Authenticated>,
    user: Arc<User>,
}

impl Default for UserCache {
    fn default() -> Self {
        Self(Cache::new(MOST_USERS))
    }
}

impl std::fmt::Debug for UserCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserCache").finish_non_exhaustive()
    }
}

impl UserCache {
    /// Returns the user of `validation`, the outcome of validating `token`.
    pub(super) fn get_or_create(
        &self,
        token: &str,
        validation: &Arc<Authenticated>,
        create: impl FnOnce() -> Arc<User>,
    ) -> Arc<User> {
        // farport-oauth computed the digest already; a validator of the author does not know it.
        let digest = validation.token().copied();
        let digest = digest.unwrap_or_else(|| Digest::of(token));
        if let Some(entry) = self.0.get(&digest)
            && std::ptr::eq(entry.validation.as_ptr(), Arc::as_ptr(validation))
        {
            return entry.user;
        }
        let user = create();
        let entry = Entry {
            validation: Arc::downgrade(validation),
            user: user.clone(),
        };
        self.0.insert(digest, entry);
        user
    }
}

#[cfg(test)]
mod tests {
    use farport_oauth::{Scopes, UserId};

    use super::*;

    fn validated(subject: &str) -> Arc<Authenticated> {
        let user = UserId {
            issuer: "https://id.example".into(),
            subject: subject.into(),
        };
        Arc::new(Authenticated::new(user, Scopes::none()))
    }

    fn user(validation: &Authenticated) -> Arc<User> {
        let UserId { issuer, subject } = &validation.user;
        Arc::new(User::new(issuer.clone(), subject.clone()))
    }

    #[test]
    fn requests_with_one_validation_share_the_user() {
        let (users, ann) = (UserCache::default(), validated("ann"));
        let first = users.get_or_create("token", &ann, || user(&ann));
        let second = users.get_or_create("token", &ann, || panic!("the user is cached"));
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn a_new_validation_of_a_token_gets_a_new_user() {
        let users = UserCache::default();
        let mut before = None;
        for _ in 0..100 {
            // Each validation may get the address of the previous one.
            let validation = validated("ann");
            let created = users.get_or_create("token", &validation, || user(&validation));
            if let Some(before) = before.replace(created.clone()) {
                assert!(!Arc::ptr_eq(&before, &created));
            }
        }
    }

    #[test]
    fn tokens_do_not_share_a_user() {
        let users = UserCache::default();
        let (ann, bob) = (validated("ann"), validated("bob"));
        let of_ann = users.get_or_create("a", &ann, || user(&ann));
        let of_bob = users.get_or_create("b", &bob, || user(&bob));
        assert_ne!(of_ann, of_bob);
        assert_eq!(users.get_or_create("a", &ann, || user(&ann)), of_ann);
    }
}
