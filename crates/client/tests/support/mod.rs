//! A publisher whose keys are known, and hosts that sign real documents, for the tests of the client.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

pub mod host;
pub mod named;

use keymuster_client::{Client, Env, HostAddress, Product, Settings, Timeouts};
use keymuster_core::bundle::Bundle;
use keymuster_core::catalogue::{Catalogue, Edition, Family, Group, Interval, Policy, SetupKey};
use keymuster_core::document::Signed;
use keymuster_core::entitlement::{Entitlement, Pool};
use keymuster_core::id::{EntitlementId, HostId, RequestId};
use keymuster_core::issuer::Issuer;
use keymuster_core::key::{KeyFields, KeyKind, ProductKey, publisher_mark};
use keymuster_core::lease::LeaseKind;
use keymuster_core::signature::SecretKey;
use keymuster_core::time::{DAY, HOUR, MINUTE, Timestamp};
use keymuster_core::trust::Trust;
use std::time::Duration;

/// When the tests' world begins.
pub const START: Timestamp = Timestamp::from_secs(1_800_000_000);

/// When the publisher signed what it signs: long ago, for the tests in real time.
const SIGNED: Timestamp = Timestamp::from_secs(1_600_000_000);

/// A publisher.
#[derive(Clone)]
pub struct Publisher {
    pub name: &'static str,
    pub root: SecretKey,
    pub issuer: SecretKey,
    pub renew: Interval,
    pub retry: Interval,
    pub threshold: u32,
}

impl Publisher {
    pub fn aurora() -> Publisher {
        Publisher {
            name: "aurora",
            root: SecretKey::from_seed(&[1; 32]),
            issuer: SecretKey::from_seed(&[2; 32]),
            renew: Interval { default_secs: 7 * DAY, min_secs: HOUR, max_secs: 30 * DAY },
            retry: Interval { default_secs: 2 * HOUR, min_secs: 15 * MINUTE, max_secs: 7 * DAY },
            threshold: 5,
        }
    }

    /// The same, with renewals and retries after a second.
    pub fn hasty() -> Publisher {
        let second = Interval { default_secs: 1, min_secs: 1, max_secs: 1 };
        Publisher { renew: second, retry: second, ..Publisher::aurora() }
    }

    pub fn trust(&self) -> Trust {
        let publisher = self.name.parse().unwrap();
        Trust { publisher, roots: vec![self.root.public()], authority: None }
    }

    pub fn issuer_certificate(&self) -> Signed<Issuer> {
        let body = Issuer {
            publisher: self.name.parse().unwrap(),
            key: self.issuer.public(),
            not_before: SIGNED,
            sign_until: START.plus(10 * 365 * DAY),
            expires: START.plus(20 * 365 * DAY),
            entitlement_secs_max: 30 * 365 * DAY,
            lease_secs_max: 180 * DAY,
            families: None,
            extensions: None,
        };
        Signed::sign(body, &self.root).unwrap()
    }

    pub fn key(&self, kind: KeyKind, number: u16) -> ProductKey {
        let mark = publisher_mark(&self.name.parse().unwrap());
        let assemble = |serial| ProductKey::assemble(KeyFields { kind, number, mark, serial }, [7; 6]);
        (1..).find_map(assemble).unwrap()
    }

    fn edition(&self, number: u16, id: &str, name: &str, kind: LeaseKind) -> Edition {
        Edition {
            number,
            id: id.parse().unwrap(),
            name: name.parse().unwrap(),
            group: 1,
            threshold: self.threshold,
            kind,
            setup_key: SetupKey::new(self.key(KeyKind::Setup, number)).unwrap(),
            features: Some(vec!["export".parse().unwrap()]),
        }
    }

    pub fn catalogue(&self) -> Catalogue {
        let seat = Edition { threshold: 1, ..self.edition(2, "cad-2026", "Aurora CAD 2026", LeaseKind::Seat) };
        Catalogue {
            publisher: self.name.parse().unwrap(),
            name: "Aurora Software".parse().unwrap(),
            version: 1,
            issued: SIGNED,
            host_min: "0.1.0".parse().unwrap(),
            help_url: Some("https://aurora.example/activation".parse().unwrap()),
            policy: Policy {
                grace_secs: 30 * DAY,
                window_secs: 30 * DAY,
                lease_secs: 180 * DAY,
                renew: self.renew,
                retry: self.retry,
                skew_secs: 4 * HOUR,
                rearms_max: 3,
            },
            families: vec![Family { number: 1, id: "desk".parse().unwrap(), name: "Aurora Desk".parse().unwrap() }],
            groups: vec![Group {
                number: 1,
                id: "desk-2026".parse().unwrap(),
                name: "Aurora Desk 2026".parse().unwrap(),
                family: 1,
                rank: 0,
                generation: 2026,
            }],
            editions: vec![self.edition(1, "desk-pro-2026", "Aurora Desk Pro 2026", LeaseKind::Volume), seat],
            extensions: None,
        }
    }

    pub fn pack(&self) -> Vec<u8> {
        let catalogue = Signed::sign(self.catalogue(), &self.issuer).unwrap();
        let catalogue = Some(catalogue.bytes().to_vec().into());
        let issuers = Some(vec![self.issuer_certificate().bytes().to_vec().into()]);
        Bundle { catalogue, issuers, ..Bundle::default() }.to_file()
    }

    pub fn product(&self, edition: &str) -> Product {
        Product::new(&self.trust().to_string(), &self.pack(), edition).unwrap()
    }

    /// What the authority would give a host of this customer.
    pub fn entitlement(&self, host: HostId, host_key: &SecretKey, customer: &str) -> Entitlement {
        let catalogue = self.catalogue();
        Entitlement {
            publisher: self.name.parse().unwrap(),
            id: EntitlementId::from_bytes([5; 16]),
            host,
            host_key: host_key.public(),
            customer: customer.parse().unwrap(),
            customer_name: customer.parse().unwrap(),
            issued: SIGNED,
            warn_at: START.plus(300 * DAY),
            stop_at: START.plus(9 * 365 * DAY),
            covers: vec![catalogue.groups[0].cover(None)],
            pools: vec![Pool {
                id: "cad".parse().unwrap(),
                edition: 2,
                seats: 10,
                term_secs: HOUR,
                guard_secs: 10 * MINUTE,
            }],
            lease_secs_max: 180 * DAY,
            clients_max: None,
            key: self.key(KeyKind::Host, 1).id(),
            request: RequestId::from_bytes([6; 16]),
            features: None,
            tls_spki: None,
            extensions: None,
        }
    }
}

/// A client with a store and a clock of its own.
pub struct Machine {
    pub store: tempfile::TempDir,
    pub env: Env,
}

impl Machine {
    pub fn new() -> Machine {
        // Where memory serves as a disk, the many writes of a test cost nothing.
        let store = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        Machine { store, env: Env::fixed(START, 1) }
    }

    /// One whose time passes by itself.
    pub fn with_real_time() -> Machine {
        Machine { env: Env::system(), ..Machine::new() }
    }

    /// Where token files may be left for it.
    pub fn tokens(&self) -> std::path::PathBuf {
        self.store.path().join("client.d")
    }

    pub fn settings(&self, host: Option<HostAddress>) -> Settings {
        let short = Duration::from_millis(500);
        Settings {
            store: self.store.path().to_path_buf(),
            tokens: self.tokens(),
            host,
            timeouts: Timeouts { connect: short, answer: Duration::from_secs(5), dns: short },
            env: self.env.clone(),
            ..Settings::default()
        }
    }

    pub fn open(&self, product: Product, host: &HostAddress) -> Client {
        Client::open_with(product, self.settings(Some(host.clone()))).unwrap()
    }

    /// A file of the store of publisher "aurora".
    pub fn file(&self, name: &str) -> std::path::PathBuf {
        self.store.path().join("aurora").join(name)
    }
}
