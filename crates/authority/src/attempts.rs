//! Slowing down those who try keys, and those who ask for the time again and again: what they do is counted for a while,
//! and then they have to wait.
//!
//! The counts live in memory and are bounded; a restart forgets them, which costs an attacker more than it gives.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use keymuster_core::key::KeyId;
use keymuster_core::signature::PublicKey;
use keymuster_core::time::{DAY, HOUR, MINUTE, Timestamp};

/// Failed attempts, by the address they came from and by the key they were about.
#[derive(Debug)]
pub struct Attempts {
    addresses: Mutex<Counts<IpAddr>>,
    keys: Mutex<Counts<KeyId>>,
}

/// Requests for the time, by the client's key and by the network they came from.
#[derive(Debug)]
pub struct Resets {
    clients: Mutex<Counts<[u8; 32]>>,
    networks: Mutex<Counts<IpAddr>>,
}

impl Attempts {
    /// No attempt has failed yet.
    pub fn new() -> Attempts {
        Attempts {
            // Nobody mistypes a key more often than this, and whoever tries keys gets nowhere.
            addresses: Mutex::new(Counts::new(5, MINUTE)),
            // Whoever knows a key's id and its last five symbols still has to guess 25 bits (product-keys.md, 8).
            keys: Mutex::new(Counts::new(10, HOUR)),
        }
    }

    /// How many seconds an attempt has to wait; none if it may be made.
    pub fn wait(&self, address: IpAddr, key: Option<KeyId>, now: Timestamp) -> Option<u64> {
        let by_address = lock(&self.addresses).wait(network_of(address), now);
        let by_key = key.and_then(|key| lock(&self.keys).wait(key, now));
        by_address.max(by_key)
    }

    /// Counts a failed attempt.
    pub fn failed(&self, address: IpAddr, key: Option<KeyId>, now: Timestamp) {
        lock(&self.addresses).count(network_of(address), now);
        if let Some(key) = key {
            lock(&self.keys).count(key, now);
        }
    }
}

impl Default for Attempts {
    fn default() -> Attempts {
        Attempts::new()
    }
}

impl Resets {
    /// Nobody has asked yet.
    pub fn new() -> Resets {
        Resets {
            // A client needs one, and another where its first answer was lost.
            clients: Mutex::new(Counts::new(10, DAY)),
            // Client keys are made at will, and each answer is written to the audit; a large site has one address.
            networks: Mutex::new(Counts::new(1000, DAY)),
        }
    }

    /// How many seconds a request has to wait; none if it may be answered, and is counted then.
    pub fn wait(&self, address: IpAddr, client: &PublicKey, now: Timestamp) -> Option<u64> {
        let (client, network) = (*client.as_bytes(), network_of(address));
        let (mut clients, mut networks) = (lock(&self.clients), lock(&self.networks));
        let wait = clients.wait(client, now).max(networks.wait(network, now));
        if wait.is_none() {
            clients.count(client, now);
            networks.count(network, now);
        }
        wait
    }
}

impl Default for Resets {
    fn default() -> Resets {
        Resets::new()
    }
}

/// In IPv6 a single machine has a whole /64.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & (u128::MAX << 64)).into()),
        address => address,
    }
}

/// A count that a panic interrupted is as good as before.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What many do, each counted from its first time for as long as a window lasts.
#[derive(Debug)]
struct Counts<K> {
    times_max: u32,
    window_secs: u64,
    windows: HashMap<K, Window>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    since: Timestamp,
    times: u32,
}

impl<K: Copy + Eq + Hash> Counts<K> {
    /// A few hundred kilobytes; beyond, a window is given up for each new one.
    const WINDOWS_MAX: usize = 4096;

    fn new(times_max: u32, window_secs: u64) -> Counts<K> {
        Counts { times_max, window_secs, windows: HashMap::new() }
    }

    fn wait(&self, who: K, now: Timestamp) -> Option<u64> {
        let window = self.windows.get(&who).filter(|window| window.times >= self.times_max)?;
        let over = window.since.plus(self.window_secs).secs_since(now);
        // A clock that was set back must not lock anybody out for longer than a window.
        (over > 0).then(|| over.min(self.window_secs))
    }

    fn count(&mut self, who: K, now: Timestamp) {
        let is_over = |window: &Window| window.since.plus(self.window_secs) <= now;
        if !self.windows.contains_key(&who) && self.windows.len() >= Self::WINDOWS_MAX {
            self.windows.retain(|_, window| !is_over(window));
            if self.windows.len() >= Self::WINDOWS_MAX {
                // Those with few times go first, so that nobody flushes a window that is full.
                let least = self.windows.iter().min_by_key(|(_, window)| (window.times, window.since));
                least.map(|(who, _)| *who).map(|who| self.windows.remove(&who));
            }
        }
        let window = self.windows.entry(who).or_insert(Window { since: now, times: 0 });
        if window.since.plus(self.window_secs) <= now {
            *window = Window { since: now, times: 0 };
        }
        window.times = window.times.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use keymuster_core::signature::SecretKey;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_waits_after_five_failures_until_its_minute_is_over() {
        let attempts = Attempts::new();
        let (guesser, other) = (address("192.0.2.1"), address("192.0.2.2"));
        for second in 0..5 {
            assert_eq!(attempts.wait(guesser, None, NOW.plus(second)), None, "{second}");
            attempts.failed(guesser, None, NOW.plus(second));
        }
        for (secs, wait) in [(5, Some(55)), (59, Some(1)), (60, None)] {
            assert_eq!(attempts.wait(guesser, None, NOW.plus(secs)), wait, "{secs}");
        }
        assert_eq!(attempts.wait(other, None, NOW.plus(5)), None);
        attempts.failed(guesser, None, NOW.plus(60));
        assert_eq!(attempts.wait(guesser, None, NOW.plus(60)), None, "a new minute begins");
    }

    #[test]
    fn a_key_waits_whatever_address_asks() {
        let attempts = Attempts::new();
        let key: KeyId = "500078200002b".parse().unwrap();
        for n in 0..10 {
            attempts.failed(address(&format!("192.0.2.{n}")), Some(key), NOW);
        }
        assert_eq!(attempts.wait(address("198.51.100.1"), Some(key), NOW), Some(HOUR));
        assert_eq!(attempts.wait(address("198.51.100.1"), Some("500078200002c".parse().unwrap()), NOW), None);
        assert_eq!(attempts.wait(address("198.51.100.1"), None, NOW), None);
    }

    #[test]
    fn a_whole_ipv6_network_is_one_address() {
        let attempts = Attempts::new();
        for n in 0..5 {
            attempts.failed(address(&format!("2001:db8::{n}")), None, NOW);
        }
        assert!(attempts.wait(address("2001:db8::ffff:1"), None, NOW).is_some());
        assert_eq!(attempts.wait(address("2001:db8:0:1::1"), None, NOW), None);
        for _ in 0..5 {
            attempts.failed(address("::ffff:192.0.2.1"), None, NOW);
        }
        assert!(attempts.wait(address("192.0.2.1"), None, NOW).is_some());
    }

    #[test]
    fn the_time_is_told_ten_times_a_day_to_a_client_and_a_thousand_times_to_a_network() {
        let resets = Resets::new();
        let client = |n: u8| SecretKey::from_seed(&[n; 32]).public();
        let from = address("192.0.2.1");
        for n in 0..10 {
            assert_eq!(resets.wait(from, &client(1), NOW.plus(n)), None, "{n}");
        }
        assert_eq!(resets.wait(from, &client(1), NOW.plus(10)), Some(DAY - 10));
        assert_eq!(resets.wait(address("198.51.100.1"), &client(1), NOW), Some(DAY), "wherever it asks");
        assert_eq!(resets.wait(from, &client(1), NOW.plus(DAY)), None);

        let resets = Resets::new();
        for n in 0..100 {
            (0..10).for_each(|_| assert_eq!(resets.wait(from, &client(n), NOW), None));
        }
        assert_eq!(resets.wait(from, &client(100), NOW), Some(DAY));
        assert_eq!(resets.wait(address("198.51.100.1"), &client(100), NOW), None, "what waited was not counted");
    }

    #[test]
    fn memory_is_bounded_and_a_clock_set_back_locks_nobody_out() {
        let mut counts = Counts::new(1, MINUTE);
        for n in 0..10_000_u64 {
            counts.count(n, NOW.plus(n / 1000));
        }
        assert_eq!(counts.windows.len(), Counts::<u64>::WINDOWS_MAX);
        assert!(counts.wait(9_999, NOW.plus(9)).is_some() && counts.wait(0, NOW).is_none());
        assert_eq!(counts.wait(9_999, NOW.minus(1_000_000)), Some(MINUTE));
    }
}
