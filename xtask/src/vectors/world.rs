//! The publisher, host and client of the vectors: fixed keys, fixed times, and one sound document of each kind.
//!
//! Nothing here is secret: the seeds are printed in the specification, and nobody may use them for anything else.

use keymuster_core::activation::Activation;
use keymuster_core::bundle::Bundle;
use keymuster_core::catalogue::{Catalogue, Edition, Family, Group, Interval, Policy, SetupKey};
use keymuster_core::document::{Document, Signed, sign_payload};
use keymuster_core::entitlement::{Cover, Entitlement, Pool};
use keymuster_core::id::{ClientId, EntitlementId, HostId, RequestId, Slug, to_hex};
use keymuster_core::issuer::Issuer;
use keymuster_core::key::{KeyFields, KeyKind, ProductKey, publisher_mark};
use keymuster_core::lease::{Lease, LeaseKind, Position, Seat};
use keymuster_core::revocation::Revocations;
use keymuster_core::signature::{PublicKey, SecretKey};
use keymuster_core::time::{DAY, HOUR, Timestamp};
use serde_json::{Value, json};

use super::forge::Fields;

/// 2027-01-15T08:00:00Z: the moment at which the lease was granted.
pub const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

pub const ROOT: [u8; 32] = [1; 32];
pub const OTHER_ROOT: [u8; 32] = [2; 32];
pub const ISSUER: [u8; 32] = [3; 32];
pub const OTHER_ISSUER: [u8; 32] = [4; 32];
pub const HOST: [u8; 32] = [5; 32];
pub const OTHER_HOST: [u8; 32] = [6; 32];
pub const CLIENT: [u8; 32] = [7; 32];
pub const OTHER_CLIENT: [u8; 32] = [8; 32];

/// The volume edition that most vectors are about, a higher one of the same family, and a floating one of another.
pub const DESK: u16 = 1;
pub const SERVER: u16 = 2;
pub const CAD: u16 = 3;

pub fn secret(seed: [u8; 32]) -> SecretKey {
    SecretKey::from_seed(&seed)
}

pub fn public(seed: [u8; 32]) -> PublicKey {
    secret(seed).public()
}

/// A name that the vectors know to be well formed.
pub fn named<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| unreachable!("{text:?} is a good name"))
}

pub fn host_id() -> HostId {
    HostId::from_bytes([0x50; 16])
}

pub fn client_id() -> ClientId {
    ClientId::from_bytes([0x70; 16])
}

pub fn request_id() -> RequestId {
    RequestId::from_bytes([0x7e; 16])
}

pub fn entitlement_id() -> EntitlementId {
    EntitlementId::from_bytes([0xe0; 16])
}

/// The trust file of the vectors, with its one root.
pub fn trust_text() -> String {
    format!("keymuster-trust 1\npublisher aurora\nroot {}\n", to_hex(public(ROOT).as_bytes()))
}

pub fn issuer() -> Issuer {
    Issuer {
        publisher: named("aurora"),
        key: public(ISSUER),
        not_before: NOW.minus(100 * DAY),
        sign_until: NOW.plus(265 * DAY),
        expires: NOW.plus(1000 * DAY),
        entitlement_secs_max: 400 * DAY,
        lease_secs_max: 180 * DAY,
        families: None,
        extensions: None,
    }
}

/// The same issuer's successor, as far as its certificate goes.
pub fn other_issuer() -> Issuer {
    Issuer { key: public(OTHER_ISSUER), ..issuer() }
}

/// A product key with a tag that no authority computed: nothing that reads keys can tell. Serials that cannot be written
/// are passed over.
pub fn product_key(kind: KeyKind, number: u16, mark: u8) -> ProductKey {
    let tag = [0x10, 0x32, 0x54, 0x76, 0x98, 0xba];
    let key = (1..100).find_map(|serial| ProductKey::assemble(KeyFields { kind, number, mark, serial }, tag));
    key.expect("only one serial in nine cannot be written")
}

pub fn setup_key(number: u16) -> SetupKey {
    let key = product_key(KeyKind::Setup, number, publisher_mark(&named::<Slug>("aurora")));
    SetupKey::new(key).expect("it was made as a setup key")
}

fn edition(number: u16, id: &str, group: u16, threshold: u32) -> Edition {
    Edition {
        number,
        id: named(id),
        name: named(id),
        group,
        threshold,
        kind: LeaseKind::Volume,
        setup_key: setup_key(number),
        features: None,
    }
}

fn group(number: u16, id: &str, family: u16, rank: u8) -> Group {
    Group { number, id: named(id), name: named(id), family, rank, generation: 2026 }
}

pub fn policy() -> Policy {
    Policy {
        grace_secs: 30 * DAY,
        window_secs: 30 * DAY,
        lease_secs: 180 * DAY,
        renew: Interval { default_secs: 7 * DAY, min_secs: DAY, max_secs: 30 * DAY },
        retry: Interval { default_secs: 2 * HOUR, min_secs: HOUR, max_secs: DAY },
        skew_secs: 4 * HOUR,
        rearms_max: 5,
    }
}

pub fn catalogue() -> Catalogue {
    Catalogue {
        publisher: named("aurora"),
        name: named("Aurora Software"),
        version: 3,
        issued: NOW.minus(10 * DAY),
        host_min: named("1.0"),
        help_url: None,
        policy: policy(),
        families: vec![
            Family { number: 1, id: named("desk"), name: named("Aurora Desk") },
            Family { number: 2, id: named("cad"), name: named("Aurora CAD") },
        ],
        groups: vec![group(10, "desk", 1, 0), group(11, "server", 1, 1), group(20, "cad", 2, 0)],
        editions: vec![
            edition(DESK, "desk-pro", 10, 25),
            edition(SERVER, "server", 11, 5),
            Edition { kind: LeaseKind::Seat, ..edition(CAD, "cad-floating", 20, 1) },
        ],
        extensions: None,
    }
}

/// What the host key of group 11 covers, without an agreed threshold.
pub fn cover() -> Cover {
    Cover { group: 11, family: 1, rank: 1, generation: 2026, threshold: None }
}

pub fn pool() -> Pool {
    Pool { id: named("cad"), edition: CAD, seats: 10, term_secs: HOUR, guard_secs: 600 }
}

pub fn entitlement() -> Entitlement {
    Entitlement {
        publisher: named("aurora"),
        id: entitlement_id(),
        host: host_id(),
        host_key: public(HOST),
        customer: named("globex"),
        customer_name: named("Globex Corporation"),
        issued: NOW.minus(5 * DAY),
        warn_at: NOW.plus(170 * DAY),
        stop_at: NOW.plus(220 * DAY),
        covers: vec![cover()],
        pools: vec![pool()],
        lease_secs_max: 180 * DAY,
        clients_max: None,
        key: named("5000b9b00002a"),
        request: RequestId::from_bytes([0x5e; 16]),
        features: None,
        tls_spki: None,
        extensions: None,
    }
}

pub fn position(epoch: u64, sequence: u64) -> Position {
    Position { host: host_id(), epoch, sequence, head: [0x4d; 16] }
}

/// A volume lease for the desktop edition.
pub fn lease() -> Lease {
    Lease {
        kind: LeaseKind::Volume,
        publisher: named("aurora"),
        entitlement: entitlement_id(),
        client: client_id(),
        client_key: public(CLIENT),
        edition: DESK,
        request: request_id(),
        position: position(1, 42),
        issued: NOW,
        renew_after: NOW.plus(7 * DAY),
        expires: NOW.plus(180 * DAY),
        count: 30,
        threshold: 25,
        previous: None,
        seat: None,
        features: None,
        ratchet: None,
        fingerprint: None,
        retry_secs: None,
        help_url: None,
        transport: None,
        extensions: None,
    }
}

/// A seat of the pool for the floating edition.
pub fn seat_lease() -> Lease {
    Lease {
        kind: LeaseKind::Seat,
        edition: CAD,
        renew_after: NOW.plus(HOUR / 2),
        expires: NOW.plus(HOUR),
        count: 1,
        threshold: 1,
        seat: Some(Seat { pool: named("cad"), fence: 7 }),
        ..lease()
    }
}

pub fn activation() -> Activation {
    Activation {
        publisher: named("aurora"),
        client: client_id(),
        client_key: public(CLIENT),
        edition: DESK,
        request: request_id(),
        key: named("600019b00002a"),
        issued: NOW,
        expires: None,
        features: None,
        extensions: None,
    }
}

pub fn revocations(sequence: u64) -> Revocations {
    Revocations {
        publisher: named("aurora"),
        sequence,
        issued: NOW.minus(DAY),
        entitlements: Vec::new(),
        hosts: Vec::new(),
        customers: Vec::new(),
        issuers: Vec::new(),
        extensions: None,
    }
}

/// A sound document. What is not sound is signed by [`forced`].
pub fn signed<D: Document>(body: D, seed: [u8; 32]) -> Vec<u8> {
    let document = Signed::sign(body, &secret(seed)).unwrap_or_else(|why| unreachable!("a sound document: {why}"));
    document.bytes().to_vec()
}

/// A document signed whatever it says.
pub fn forced<D: Document>(fields: &Fields, seed: [u8; 32]) -> Vec<u8> {
    sign_payload::<D>(&fields.payload(), &secret(seed))
}

/// The issuers of a bundle: the usual one.
pub fn issuers() -> Option<Vec<minicbor::bytes::ByteVec>> {
    Some(vec![signed(issuer(), ROOT).into()])
}

/// The answer to a client: `lease` on `entitlement`, under the usual issuer.
pub fn answer(lease: Lease, entitlement: Entitlement) -> Bundle {
    Bundle {
        lease: Some(signed(lease, HOST).into()),
        entitlement: Some(signed(entitlement, ISSUER).into()),
        issuers: issuers(),
        ..Bundle::default()
    }
}

/// The licence pack from which the client knows its edition.
pub fn pack(catalogue: Catalogue) -> Bundle {
    Bundle { catalogue: Some(signed(catalogue, ISSUER).into()), issuers: issuers(), ..Bundle::default() }
}

/// A list of revocations as it is held: with the issuer that vouches for it.
pub fn list(revocations: Revocations, issuer: Issuer, seed: [u8; 32]) -> Bundle {
    Bundle {
        issuers: Some(vec![signed(issuer, ROOT).into()]),
        revocations: Some(signed(revocations, seed).into()),
        ..Bundle::default()
    }
}

pub fn hex(bundle: &Bundle) -> String {
    to_hex(&bundle.to_bytes())
}

/// What a client that asked for `edition` compares an answer with.
pub fn asker(edition: u16) -> Value {
    json!({
        "trust": trust_text(),
        "pack": hex(&pack(catalogue())),
        "client": client_id().to_string(),
        "client_key": to_hex(public(CLIENT).as_bytes()),
        "edition": edition,
        "request": request_id().to_string(),
    })
}

/// A context with one more member, or another value of one.
pub fn with(mut context: Value, member: &str, value: impl Into<Value>) -> Value {
    context[member] = value.into();
    context
}
