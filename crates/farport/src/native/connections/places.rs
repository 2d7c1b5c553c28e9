//! Limits on the number of connections.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use farport_oauth::network;

/// Connections beyond the limit that the server accepts for `/health` only, so that a health check of a
/// full server succeeds.
const RESERVED: usize = 64;

/// How many of them one address may have.
const RESERVED_PER_ADDRESS: usize = 4;

/// A limit on the number of connections, in total and per address.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    most_of_address: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    open: Count,
    reserved: Count,
}

#[derive(Debug, Default)]
struct Count {
    total: usize,
    of_address: HashMap<IpAddr, usize>,
}

/// The place of one connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    address: IpAddr,
    /// Whether it is reserved for `/health`.
    pub(super) reserved: bool,
}

impl Places {
    /// Allows `most` connections, and `most_of_address` from one address; 0 stands for a quarter.
    /// Behind a proxy, all connections come from the proxy's address, so there is no limit per address.
    pub(super) fn new(most: usize, most_of_address: usize, behind_proxy: bool) -> Arc<Self> {
        let most = most.max(1);
        let most_of_address = match most_of_address {
            _ if behind_proxy => most,
            0 => most.div_ceil(4),
            some => some,
        };
        Arc::new(Self {
            most,
            most_of_address,
            held: Mutex::default(),
        })
    }

    /// Takes a place for a connection from `address`, or returns `None` if all are taken.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = network(address);
        let mut held = self.lock();
        let reserved = if held.open.add(address, self.most, self.most_of_address) {
            false
        } else if held.reserved.add(address, RESERVED, RESERVED_PER_ADDRESS) {
            true
        } else {
            return None;
        };
        Some(Place {
            places: self.clone(),
            address,
            reserved,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    fn add(&mut self, address: IpAddr, most: usize, most_of_address: usize) -> bool {
        let own = self.of_address.get(&address).copied().unwrap_or(0);
        if self.total >= most || own >= most_of_address {
            return false;
        }
        self.total += 1;
        self.of_address.insert(address, own + 1);
        true
    }

    fn remove(&mut self, address: IpAddr) {
        self.total -= 1;
        if let Some(own) = self.of_address.get_mut(&address) {
            *own -= 1;
            if *own == 0 {
                self.of_address.remove(&address);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.lock();
        if self.reserved {
            held.reserved.remove(self.address)
        } else {
            held.open.remove(self.address)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_leaves_places_for_others_and_for_health() {
        let places = Places::new(100, 0, false);
        let flood = address("2001:db8::1");
        let mut held = Vec::new();
        while let Some(place) = places.take(flood) {
            held.push(place);
        }
        let reserved = held.iter().filter(|place| place.reserved).count();
        assert_eq!(
            (held.len() - reserved, reserved),
            (25, RESERVED_PER_ADDRESS)
        );
        // Another address of the same network counts as the same client.
        assert!(places.take(address("2001:db8::2")).is_none());
        let other = places.take(address("192.0.2.1")).unwrap();
        assert!(!other.reserved);
        held.truncate(10);
        assert!(!places.take(flood).unwrap().reserved);
    }

    #[test]
    fn a_full_server_accepts_connections_for_health() {
        let places = Places::new(10, 10, false);
        let held: Vec<_> = (0..10)
            .map(|n| places.take(address(&format!("192.0.2.{n}"))).unwrap())
            .collect();
        assert!(held.iter().all(|place| !place.reserved));
        assert!(places.take(address("198.51.100.1")).unwrap().reserved);
        drop(held);
        assert!(!places.take(address("198.51.100.1")).unwrap().reserved);
    }

    #[test]
    fn a_proxy_may_take_all_places() {
        let places = Places::new(10, 0, true);
        let held: Vec<_> = (0..10)
            .map(|_| places.take(address("10.0.0.1")).unwrap())
            .collect();
        assert!(held.iter().all(|place| !place.reserved));
    }
}
