//! A publisher and an entitled host without an authority: for benchmarks and for tests that are about the host alone.

use std::path::Path;

use keymuster_core::bundle::Bundle;
use keymuster_core::catalogue::{Catalogue, Edition, Family, Group, Interval, Policy, SetupKey};
use keymuster_core::document::Signed;
use keymuster_core::entitlement::{Entitlement, Pool};
use keymuster_core::id::{EntitlementId, Label, RequestId};
use keymuster_core::issuer::Issuer;
use keymuster_core::key::{KeyFields, KeyKind, ProductKey, publisher_mark};
use keymuster_core::lease::LeaseKind;
use keymuster_core::request::HostRequest;
use keymuster_core::signature::SecretKey;
use keymuster_core::time::{DAY, HOUR, MINUTE, Timestamp};
use keymuster_core::trust::Trust;
use keymuster_host::site::Home;
use keymuster_host::store;
use keymuster_service::Env;

/// The edition that is counted against a threshold.
pub const VOLUME_EDITION: u16 = 1;
/// The edition that is licensed by seats.
pub const SEAT_EDITION: u16 = 2;

/// Undoes the newest migration of a host's database: what is left is one as the version before has left it.
pub const DOWN: &str = "ALTER TABLE epoch DROP COLUMN cause; ALTER TABLE epoch DROP COLUMN shown_epoch;
                        ALTER TABLE epoch DROP COLUMN shown_sequence; ALTER TABLE epoch DROP COLUMN client_id;
                        DROP TABLE schema_reader";

/// A publisher whose keys are known.
#[derive(Debug)]
pub struct Publisher {
    /// What clients and hosts trust.
    pub trust: Trust,
    root: SecretKey,
    issuer: SecretKey,
    threshold: u32,
    /// Seats of the pool for [`SEAT_EDITION`].
    seats: u32,
    /// How long a seat lasts, in seconds.
    pub term_secs: u64,
    /// How long after its end a seat stays reserved, in seconds.
    pub guard_secs: u64,
    /// The most clients that the entitlement allows, if it has a limit.
    pub clients_max: Option<u64>,
    /// What the catalogue and the customer, and all that the catalogue lists, are called; by default each has a name.
    pub called: Option<Label>,
    /// When the entitlement ends, which may be up to twenty hours ago; by default in 225 days.
    pub stop_at: Option<Timestamp>,
}

impl Publisher {
    /// A publisher with one edition that needs `threshold` clients, and one with a pool of `seats`.
    pub fn new(threshold: u32, seats: u32) -> Publisher {
        let (root, issuer) = (SecretKey::from_seed(&[1; 32]), SecretKey::from_seed(&[2; 32]));
        let publisher = "fixture".parse().expect("a slug");
        let trust = Trust { publisher, roots: vec![root.public()], authority: None };
        Publisher {
            trust,
            root,
            issuer,
            threshold,
            seats,
            term_secs: HOUR,
            guard_secs: MINUTE,
            clients_max: None,
            called: None,
            stop_at: None,
        }
    }

    fn label(&self, text: &str) -> Label {
        self.called.clone().unwrap_or_else(|| text.parse().expect("a label"))
    }

    fn issuer_certificate(&self, now: Timestamp) -> Signed<Issuer> {
        let body = Issuer {
            publisher: self.trust.publisher.clone(),
            key: self.issuer.public(),
            not_before: now.minus(DAY),
            sign_until: now.plus(365 * DAY),
            expires: now.plus(3 * 365 * DAY),
            entitlement_secs_max: 400 * DAY,
            lease_secs_max: 180 * DAY,
            families: None,
            extensions: None,
        };
        Signed::sign(body, &self.root).expect("a sound certificate")
    }

    fn key(&self, kind: KeyKind, number: u16) -> ProductKey {
        let mark = publisher_mark(&self.trust.publisher);
        let candidates =
            (0..100).filter_map(|serial| ProductKey::assemble(KeyFields { kind, number, mark, serial }, [7; 6]));
        candidates.into_iter().next().expect("one serial in a hundred can be written")
    }

    /// The licence pack.
    pub fn pack(&self, now: Timestamp) -> Bundle {
        let edition = |number, id: &str, threshold, kind| Edition {
            number,
            id: id.parse().expect("a slug"),
            name: self.label(id),
            group: 1,
            threshold,
            kind,
            setup_key: SetupKey::new(self.key(KeyKind::Setup, number)).expect("a setup key"),
            features: None,
        };
        let interval = |default_secs| Interval { default_secs, min_secs: 15 * MINUTE, max_secs: 30 * DAY };
        let body = Catalogue {
            publisher: self.trust.publisher.clone(),
            name: self.label("Fixture"),
            version: 1,
            issued: now,
            host_min: "0.1.0".parse().expect("a slug"),
            help_url: None,
            policy: Policy {
                grace_secs: 30 * DAY,
                window_secs: 30 * DAY,
                lease_secs: 180 * DAY,
                renew: interval(7 * DAY),
                retry: interval(2 * HOUR),
                skew_secs: DAY,
                rearms_max: 5,
            },
            families: vec![Family { number: 1, id: "family".parse().expect("a slug"), name: self.label("Family") }],
            groups: vec![Group {
                number: 1,
                id: "group".parse().expect("a slug"),
                name: self.label("Group"),
                family: 1,
                rank: 0,
                generation: 1,
            }],
            editions: vec![
                edition(VOLUME_EDITION, "volume", self.threshold, LeaseKind::Volume),
                edition(SEAT_EDITION, "seats", 1, LeaseKind::Seat),
            ],
            extensions: None,
        };
        let catalogue = Signed::sign(body, &self.issuer).expect("a sound catalogue");
        Bundle {
            catalogue: Some(catalogue.bytes().to_vec().into()),
            issuers: Some(vec![self.issuer_certificate(now).bytes().to_vec().into()]),
            ..Bundle::default()
        }
    }

    /// Makes a host in an empty directory, and entitles it.
    pub fn entitle_host(&self, data_dir: &Path) -> anyhow::Result<Home> {
        let env = Env::system();
        let now = env.now();
        let mut home = Home::open(data_dir, &env)?;
        let key = self.key(KeyKind::Host, 1);
        let answer = self.answer(&home, &key, EntitlementId::from_bytes([3; 16]), now);
        let tx = home.db.writing()?;
        store::publisher::add(&tx, &self.trust.publisher, &self.trust.to_string(), &self.pack(now).to_bytes(), now)?;
        store::host_key::add(&tx, 1, &key, now)?;
        let asked = store::entitlement::Asked { request: Vec::new(), at: now };
        store::entitlement::note_request(&tx, 1, key.id(), &asked)?;
        store::entitlement::set_answer(&tx, 1, key.id(), &answer.to_bytes())?;
        tx.commit()?;
        drop(home);
        Home::open(data_dir, &env)
    }

    /// Gives the host another entitlement in place of the one it has, while it runs.
    pub fn renew_entitlement(&self, data_dir: &Path) -> anyhow::Result<EntitlementId> {
        let env = Env::system();
        let mut home = Home::open(data_dir, &env)?;
        let key = self.key(KeyKind::Host, 1);
        let id = EntitlementId::from_bytes(env.random());
        let answer = self.answer(&home, &key, id, env.now());
        let tx = home.db.writing()?;
        store::entitlement::set_answer(&tx, 1, key.id(), &answer.to_bytes())?;
        tx.commit()?;
        Ok(id)
    }

    /// What an authority would answer to the request of an entitled host.
    pub fn answer_to(&self, home: &Home, request: &HostRequest, id: EntitlementId, now: Timestamp) -> Bundle {
        let key = self.key(KeyKind::Host, 1);
        let body = Entitlement { request: request.request, ..(*self.entitlement(home, &key, id, now)).clone() };
        let entitlement = Signed::sign(body, &self.issuer).expect("a sound entitlement").bytes().to_vec();
        Bundle { entitlement: Some(entitlement.into()), ..self.answer(home, &key, id, now) }
    }

    /// The host key of the host that is entitled.
    pub fn host_key(&self) -> ProductKey {
        self.key(KeyKind::Host, 1)
    }

    fn answer(&self, home: &Home, key: &ProductKey, id: EntitlementId, now: Timestamp) -> Bundle {
        Bundle {
            entitlement: Some(self.entitlement(home, key, id, now).bytes().to_vec().into()),
            issuers: Some(vec![self.issuer_certificate(now).bytes().to_vec().into()]),
            ..Bundle::default()
        }
    }

    fn entitlement(&self, home: &Home, key: &ProductKey, id: EntitlementId, now: Timestamp) -> Signed<Entitlement> {
        let cover = keymuster_core::entitlement::Cover { group: 1, family: 1, rank: 0, generation: 1, threshold: None };
        let pool = Pool {
            id: "pool".parse().expect("a slug"),
            edition: SEAT_EDITION,
            seats: self.seats,
            term_secs: self.term_secs,
            guard_secs: self.guard_secs,
        };
        let stop_at = self.stop_at.unwrap_or(now.plus(225 * DAY));
        let issued = now.min(stop_at.minus(HOUR));
        let body = Entitlement {
            publisher: self.trust.publisher.clone(),
            id,
            host: home.site.host,
            host_key: home.key.public(),
            customer: "customer".parse().expect("a slug"),
            customer_name: self.label("Customer"),
            issued,
            warn_at: stop_at.minus(30 * DAY).max(issued),
            stop_at,
            covers: vec![cover],
            pools: vec![pool],
            lease_secs_max: 180 * DAY,
            clients_max: self.clients_max,
            key: key.id(),
            request: RequestId::from_bytes([4; 16]),
            features: None,
            tls_spki: None,
            extensions: None,
        };
        Signed::sign(body, &self.issuer).expect("a sound entitlement")
    }
}
