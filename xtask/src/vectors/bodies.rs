//! Vectors of each kind of document on its own (`docs/spec/documents.md`, 6): as small and as full as may be, and those
//! whose fields contradict each other.

use keymuster_core::activation::Activation;
use keymuster_core::document::Document;
use keymuster_core::entitlement::{Cover, Entitlement, Pool};
use keymuster_core::id::to_hex;
use keymuster_core::issuer::Issuer;
use keymuster_core::lease::{Lease, Transport};
use keymuster_core::revocation::Revocations;
use keymuster_core::time::{DAY, Timestamp};
use serde_json::json;

use super::forge::{Fields, bytes, map, uint};
use super::world::{
    CLIENT, HOST, ISSUER, NOW, ROOT, activation, cover, entitlement, forced, issuer, lease, named, pool, position,
    public, revocations, seat_lease, signed,
};
use super::{Vector, document};

const MALFORMED: &str = "document-malformed";

pub fn vectors() -> Vec<Vector> {
    let mut vectors = leases();
    vectors.extend(issuers());
    vectors.extend(entitlements());
    vectors.extend(full_entitlement());
    vectors.extend(activations());
    vectors.extend(lists());
    vectors
}

/// A body that contradicts itself, signed all the same.
fn contradiction<D: Document>(name: &str, about: &'static str, body: D, seed: [u8; 32]) -> Vector {
    document(name, about, &forced::<D>(&Fields::of(body), seed), &public(seed)).gives(MALFORMED)
}

fn leases() -> Vec<Vector> {
    let full = Lease {
        previous: Some(position(1, 17)),
        features: Some(vec![named("export"), named("print")]),
        ratchet: Some([0x4a; 16]),
        fingerprint: Some([0xf1; 32]),
        retry_secs: Some(3600),
        help_url: Some(named("https://help.globex.example/licences")),
        transport: Some(Transport::TlsOnly),
        ..seat_lease()
    };
    let helped = |url: &str| Lease { help_url: Some(named(url)), ..lease() };
    let with_addition = Fields::of(full).with(100, map(&[(uint(1), bytes(b"later"))]));
    vec![
        document("lease/volume", "a volume lease", &signed(lease(), HOST), &public(HOST)).says(json!({
            "kind": 1, "publisher": "aurora", "client": "70".repeat(16), "client_key": to_hex(public(CLIENT).as_bytes()),
            "edition": 1, "request": "7e".repeat(16), "issued": 1_800_000_000, "renew_after": 1_800_604_800,
            "expires": 1_815_552_000, "count": 30, "threshold": 25,
            "position": { "host": "50".repeat(16), "epoch": 1, "sequence": 42, "head": "4d".repeat(16) },
        })),
        document("lease/full", "a seat lease with every field", &forced::<Lease>(&with_addition, HOST), &public(HOST))
            .says(json!({
                "kind": 2, "edition": 3, "seat": { "pool": "cad", "fence": 7 }, "features": ["export", "print"],
                "previous": { "host": "50".repeat(16), "epoch": 1, "sequence": 17, "head": "4d".repeat(16) },
                "ratchet": "4a".repeat(16), "fingerprint": "f1".repeat(32), "retry_secs": 3600,
                "help_url": "https://help.globex.example/licences", "transport": 1,
            })),
        contradiction("lease/help-scheme", "help that is no page", helped("ftp://help.example"), HOST),
        contradiction("lease/help-empty", "help nowhere", helped("https://"), HOST),
        contradiction("lease/help-blank", "an address with a blank", helped("https://help.example/a b"), HOST),
        document(
            "lease/moment",
            "a lease that ends as it begins, at the last second there is",
            &signed(
                Lease { issued: Timestamp::MAX, renew_after: Timestamp::MAX, expires: Timestamp::MAX, ..lease() },
                HOST,
            ),
            &public(HOST),
        )
        .says(json!({ "expires": 253_402_300_799_u64 })),
    ]
}

fn issuers() -> Vec<Vector> {
    let of = |name: &str, about: &'static str, body: Issuer| {
        document(&format!("issuer/{name}"), about, &signed(body, ROOT), &public(ROOT))
    };
    let bad =
        |name: &str, about: &'static str, body: Issuer| contradiction(&format!("issuer/{name}"), about, body, ROOT);
    let begin = issuer().not_before;
    vec![
        of("plain", "an issuer for all families", issuer()).says(json!({
            "publisher": "aurora", "key": to_hex(public(ISSUER).as_bytes()), "not_before": 1_791_360_000,
            "sign_until": 1_822_896_000, "expires": 1_886_400_000, "entitlement_secs_max": 34_560_000,
            "lease_secs_max": 15_552_000,
        })),
        of("families", "an issuer for two families", Issuer { families: Some(vec![1, 2]), ..issuer() })
            .says(json!({ "families": [1, 2] })),
        of(
            "no-families",
            "an issuer for none, which is not one for all",
            Issuer { families: Some(vec![]), ..issuer() },
        )
        .says(json!({ "families": [] })),
        of("moment", "an issuer of one second", Issuer { sign_until: begin, expires: begin, ..issuer() }),
        bad("begins-late", "it begins after it stops signing", Issuer { not_before: NOW.plus(266 * DAY), ..issuer() }),
        bad("signs-late", "it signs after its end", Issuer { sign_until: NOW.plus(1001 * DAY), ..issuer() }),
        bad("no-entitlements", "entitlements of no time", Issuer { entitlement_secs_max: 0, ..issuer() }),
        bad("no-leases", "leases of no time", Issuer { lease_secs_max: 0, ..issuer() }),
    ]
}

fn full_entitlement() -> Vec<Vector> {
    let full = Entitlement {
        covers: vec![cover(), Cover { group: 20, family: 2, rank: 0, generation: 2026, threshold: Some(3) }],
        pools: vec![pool(), Pool { id: named("cad-night"), seats: 0, term_secs: DAY, guard_secs: 0, ..pool() }],
        clients_max: Some(500),
        features: Some(vec![named("export")]),
        tls_spki: Some([0x7d; 32]),
        ..entitlement()
    };
    vec![document("entitlement/full", "an entitlement with every field", &signed(full, ISSUER), &public(ISSUER)).says(
        json!({
            "covers": [
                { "group": 11, "family": 1, "rank": 1, "generation": 2026 },
                { "group": 20, "family": 2, "rank": 0, "generation": 2026, "threshold": 3 },
            ],
            "pools": [
                { "id": "cad", "edition": 3, "seats": 10, "term_secs": 3600, "guard_secs": 600 },
                { "id": "cad-night", "edition": 3, "seats": 0, "term_secs": 86400, "guard_secs": 0 },
            ],
            "clients_max": 500, "features": ["export"], "tls_spki": "7d".repeat(32),
        }),
    )]
}

fn entitlements() -> Vec<Vector> {
    let of = |name: &str, about: &'static str, body: Entitlement| {
        document(&format!("entitlement/{name}"), about, &signed(body, ISSUER), &public(ISSUER))
    };
    let bad = |name: &str, about: &'static str, body: Entitlement| {
        contradiction(&format!("entitlement/{name}"), about, body, ISSUER)
    };
    let with_pools = |pools: Vec<Pool>| Entitlement { pools, ..entitlement() };
    let agreed_zero = Cover { threshold: Some(0), ..cover() };
    vec![
        of("plain", "an entitlement for groups and a pool", entitlement()).says(json!({
            "publisher": "aurora", "id": "e0".repeat(16), "host": "50".repeat(16),
            "host_key": to_hex(public(HOST).as_bytes()), "customer": "globex", "customer_name": "Globex Corporation",
            "issued": 1_799_568_000, "warn_at": 1_814_688_000, "stop_at": 1_819_008_000,
            "lease_secs_max": 15_552_000, "key": "5000b9b00002a", "request": "5e".repeat(16),
        })),
        of("pools-alone", "an entitlement for a pool alone", Entitlement { covers: vec![], ..entitlement() }),
        bad("nothing", "it covers nothing", Entitlement { covers: vec![], pools: vec![], ..entitlement() }),
        bad(
            "warns-early",
            "it warns before it was issued",
            Entitlement { warn_at: NOW.minus(6 * DAY), ..entitlement() },
        ),
        bad("warns-late", "it warns after its end", Entitlement { warn_at: NOW.plus(221 * DAY), ..entitlement() }),
        bad("threshold-0", "an agreed threshold of 0", Entitlement { covers: vec![agreed_zero], ..entitlement() }),
        bad("term-0", "a seat of no time", with_pools(vec![Pool { term_secs: 0, ..pool() }])),
        bad("term-long", "a seat of more than a day", with_pools(vec![Pool { term_secs: DAY + 1, ..pool() }])),
        bad("two-pools", "two pools of one name", with_pools(vec![pool(), Pool { edition: 1, ..pool() }])),
    ]
}

fn activations() -> Vec<Vector> {
    let of = |name: &str, about: &'static str, body: Activation| {
        document(&format!("activation/{name}"), about, &signed(body, ISSUER), &public(ISSUER))
    };
    let wide_key = Fields::of(activation()).with(6, uint(1 << 52));
    vec![
        of("for-ever", "an activation without end", activation()).says(json!({
            "publisher": "aurora", "client": "70".repeat(16), "edition": 1, "request": "7e".repeat(16),
            "key": "600019b00002a", "issued": 1_800_000_000,
        })),
        of(
            "full",
            "an activation with every field",
            Activation { expires: Some(NOW.plus(365 * DAY)), features: Some(vec![]), ..activation() },
        )
        .says(json!({ "expires": 1_831_536_000, "features": [] })),
        contradiction(
            "activation/ends-early",
            "it ends before it was issued",
            Activation { expires: Some(NOW.minus(1)), ..activation() },
            ISSUER,
        ),
        document(
            "activation/wide-key",
            "a key id of 53 bits",
            &forced::<Activation>(&wide_key, ISSUER),
            &public(ISSUER),
        )
        .gives(MALFORMED),
    ]
}

fn lists() -> Vec<Vector> {
    let of = |name: &str, about: &'static str, content: &[u8]| {
        document(&format!("revocations/{name}"), about, content, &public(ISSUER))
    };
    let full = Revocations {
        entitlements: vec![entitlement().id],
        hosts: vec![entitlement().host],
        customers: vec![named("globex")],
        issuers: vec![public(ISSUER).signer()],
        ..revocations(9)
    };
    let many = |count: usize| Fields::of(Revocations { hosts: vec![entitlement().host; count], ..revocations(1) });
    vec![
        of("empty", "a list of nothing", &signed(revocations(0), ISSUER)).says(json!({
            "publisher": "aurora", "sequence": 0, "entitlements": [], "hosts": [], "customers": [], "issuers": [],
        })),
        of("full", "a list with one of each", &signed(full, ISSUER)).says(json!({
            "sequence": 9, "issued": 1_799_913_600, "entitlements": ["e0".repeat(16)], "hosts": ["50".repeat(16)],
            "customers": ["globex"], "issuers": [public(ISSUER).signer().to_string()],
        })),
        of("long", "a list beyond the size of other documents", &forced::<Revocations>(&many(300), ISSUER)),
        of("no-hosts", "an empty part is written and never left out", &{
            forced::<Revocations>(&Fields::of(revocations(1)).without(5), ISSUER)
        })
        .gives(MALFORMED),
    ]
}
