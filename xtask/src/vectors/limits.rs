//! Vectors of limits (`docs/spec/documents.md`, 5): nothing below claims more than was given above, to the second.

use keymuster_core::bundle::Bundle;
use keymuster_core::entitlement::{Cover, Entitlement, Pool};
use keymuster_core::issuer::Issuer;
use keymuster_core::lease::{Lease, LeaseKind, Seat};
use keymuster_core::time::{DAY, HOUR, Timestamp};
use serde_json::json;

use super::Vector;
use super::answers::{answer_vector, lease_answer};
use super::world::{
    CAD, DESK, ISSUER, NOW, ROOT, answer, asker, cover, entitlement, issuer, lease, named, pool, seat_lease, signed,
    trust_text,
};

const ACCEPTED: &str = "accepted";
const BEYOND: &str = "beyond-limits";
const BELOW: &str = "count-below-threshold";

pub fn leases() -> Vec<Vector> {
    let mut vectors = times();
    vectors.extend(thresholds());
    vectors.extend(coverage());
    vectors.extend(seats());
    vectors
}

fn ends(expires: Timestamp) -> Lease {
    Lease { expires, ..lease() }
}

fn times() -> Vec<Vector> {
    let short = Entitlement { warn_at: NOW, stop_at: NOW.plus(100 * DAY), ..entitlement() };
    let strict = Entitlement { lease_secs_max: 90 * DAY, ..entitlement() };
    let issued = |issued: Timestamp| Lease { issued, expires: NOW, renew_after: NOW, ..lease() };
    let begin = entitlement().issued;
    [
        ("stops-with", "a lease that ends with its entitlement", answer(ends(short.stop_at), short.clone()), ACCEPTED),
        ("stops-after", "a lease that ends a second later", answer(ends(short.stop_at.plus(1)), short), BEYOND),
        ("longest", "a lease as long as may be", answer(ends(NOW.plus(90 * DAY)), strict.clone()), ACCEPTED),
        ("too-long", "a lease a second longer", answer(ends(NOW.plus(90 * DAY + 1)), strict), BEYOND),
        (
            "backdated",
            "a lease from 300 seconds before its entitlement",
            answer(issued(begin.minus(300)), entitlement()),
            ACCEPTED,
        ),
        ("too-early", "a lease from a second earlier", answer(issued(begin.minus(301)), entitlement()), BEYOND),
    ]
    .into_iter()
    .map(|(name, about, bundle, code)| lease_answer(name, about, &bundle).gives(code))
    .collect()
}

fn thresholds() -> Vec<Vector> {
    let counted = |count: u64, threshold: u32| Lease { count, threshold, ..lease() };
    let agreed = |thresholds: &[Option<u32>]| Entitlement {
        covers: thresholds.iter().map(|threshold| Cover { threshold: *threshold, ..cover() }).collect(),
        ..entitlement()
    };
    [
        ("at-threshold", "a count that just reaches the threshold", counted(25, 25), agreed(&[None]), ACCEPTED),
        ("below-threshold", "a count below the lease's own threshold", counted(24, 25), agreed(&[None]), BELOW),
        ("low-threshold", "a threshold below the edition's", counted(30, 24), agreed(&[None]), BELOW),
        ("strict-host", "a host may ask for more", counted(30, 30), agreed(&[None]), ACCEPTED),
        ("agreed", "a lower threshold was agreed", counted(3, 3), agreed(&[Some(3)]), ACCEPTED),
        ("below-agreed", "and not reached", counted(2, 2), agreed(&[Some(3)]), BELOW),
        ("agreed-higher", "a higher threshold was agreed", counted(30, 25), agreed(&[Some(40)]), BELOW),
        (
            "lowest-agreed",
            "two covers: the lower threshold holds",
            counted(3, 3),
            agreed(&[Some(40), Some(3)]),
            ACCEPTED,
        ),
        (
            "agreed-or-own",
            "a cover without an agreement gives the edition's own",
            counted(25, 25),
            agreed(&[Some(40), None]),
            ACCEPTED,
        ),
    ]
    .into_iter()
    .map(|(name, about, lease, entitlement, code)| lease_answer(name, about, &answer(lease, entitlement)).gives(code))
    .collect()
}

fn coverage() -> Vec<Vector> {
    let covering = |cover: Cover| Entitlement { covers: vec![cover], ..entitlement() };
    let desk = Cover { group: 10, rank: 0, ..cover() };
    let mut vectors: Vec<Vector> = [
        ("own-group", "covered by its own group", covering(desk.clone()), ACCEPTED),
        (
            "newer-generation",
            "covered by a newer generation",
            covering(Cover { generation: 2030, ..desk.clone() }),
            ACCEPTED,
        ),
        (
            "older-generation",
            "of a newer generation than is covered",
            covering(Cover { generation: 2025, ..desk.clone() }),
            BEYOND,
        ),
        ("other-family", "of another family than is covered", covering(Cover { family: 2, ..desk }), BEYOND),
        ("pool-alone", "covered by nothing but a pool", Entitlement { covers: vec![], ..entitlement() }, BEYOND),
    ]
    .into_iter()
    .map(|(name, about, entitlement, code)| lease_answer(name, about, &answer(lease(), entitlement)).gives(code))
    .collect();
    let server = Lease { edition: 2, threshold: 5, ..lease() };
    let low = Cover { group: 10, rank: 0, ..cover() };
    vectors.push(
        lease_answer("higher-rank", "of a higher rank than is covered", &answer(server, covering(low)))
            .within(asker(2))
            .gives(BEYOND),
    );
    vectors
}

fn seats() -> Vec<Vector> {
    let with_pool = |pool: Pool| Entitlement { pools: vec![pool], ..entitlement() };
    let as_volume = Lease { kind: LeaseKind::Volume, seat: None, ..seat_lease() };
    let elsewhere = Lease { seat: Some(Seat { pool: named("cad-night"), fence: 7 }), ..seat_lease() };
    let longer = Lease { expires: NOW.plus(HOUR + 1), ..seat_lease() };
    let strict = Entitlement { lease_secs_max: HOUR - 1, ..entitlement() };
    let mut vectors: Vec<Vector> = [
        ("seat-volume", "a volume lease for a floating edition", answer(as_volume, entitlement()), BEYOND),
        ("seat-pool", "a seat of a pool that does not exist", answer(elsewhere, entitlement()), BEYOND),
        (
            "seat-edition",
            "a pool for another edition",
            answer(seat_lease(), with_pool(Pool { edition: DESK, ..pool() })),
            BEYOND,
        ),
        ("seat-long", "a seat for longer than its pool's term", answer(longer, entitlement()), BEYOND),
        (
            "seat-entitlement",
            "a seat for longer than its entitlement's longest lease",
            answer(seat_lease(), strict),
            BEYOND,
        ),
        (
            "seat-family",
            "a seat of a family that the issuer may not cover",
            under(Issuer { families: Some(vec![1]), ..issuer() }, seat_lease()),
            BEYOND,
        ),
        (
            "seat-family-allowed",
            "and of one that it may",
            under(Issuer { families: Some(vec![1, 2]), ..issuer() }, seat_lease()),
            ACCEPTED,
        ),
    ]
    .into_iter()
    .map(|(name, about, bundle, code)| lease_answer(name, about, &bundle).within(asker(CAD)).gives(code))
    .collect();
    let seat_for_desk = Lease { edition: DESK, ..seat_lease() };
    let both = with_pool(Pool { edition: DESK, ..pool() });
    vectors
        .push(lease_answer("volume-seat", "a seat for a volume edition", &answer(seat_for_desk, both)).gives(BEYOND));
    vectors
}

/// The answer with another issuer certificate above it.
fn under(issuer: Issuer, lease: Lease) -> Bundle {
    Bundle { issuers: Some(vec![signed(issuer, ROOT).into()]), ..answer(lease, entitlement()) }
}

/// What a host checks in the answer of its authority.
pub fn entitlements() -> Vec<Vector> {
    let signing =
        |issued: Timestamp| Entitlement { issued, warn_at: issued, stop_at: issued.plus(DAY), ..entitlement() };
    let until = |stop_at: Timestamp| Entitlement { stop_at, ..entitlement() };
    let short = || Issuer { expires: NOW.plus(300 * DAY), ..issuer() };
    let families = |families: Vec<u16>| Issuer { families: Some(families), ..issuer() };
    let begin = entitlement().issued;
    [
        ("plain", "an entitlement", issuer(), entitlement(), ACCEPTED),
        ("signed-first", "signed in the issuer's first second", issuer(), signing(issuer().not_before), ACCEPTED),
        ("signed-early", "signed a second earlier", issuer(), signing(issuer().not_before.minus(1)), BEYOND),
        (
            "signed-last",
            "signed in the last second of the issuer's time to sign",
            issuer(),
            signing(issuer().sign_until),
            ACCEPTED,
        ),
        ("signed-late", "signed a second later", issuer(), signing(issuer().sign_until.plus(1)), BEYOND),
        ("ends-with", "it ends with its issuer", short(), until(NOW.plus(300 * DAY)), ACCEPTED),
        ("ends-after", "it ends a second later", short(), until(NOW.plus(300 * DAY + 1)), BEYOND),
        ("longest", "it is as long as may be", issuer(), until(begin.plus(400 * DAY)), ACCEPTED),
        ("too-long", "it is a second longer", issuer(), until(begin.plus(400 * DAY + 1)), BEYOND),
        (
            "lease-long",
            "it allows longer leases than its issuer may",
            issuer(),
            Entitlement { lease_secs_max: 180 * DAY + 1, ..entitlement() },
            BEYOND,
        ),
        ("family-allowed", "a family that the issuer may cover", families(vec![3, 1]), entitlement(), ACCEPTED),
        ("family", "a family that the issuer may not cover", families(vec![2]), entitlement(), BEYOND),
        ("no-family", "an issuer for no family", families(vec![]), entitlement(), BEYOND),
        (
            "publisher",
            "of another publisher",
            issuer(),
            Entitlement { publisher: named("borealis"), ..entitlement() },
            "wrong-publisher",
        ),
    ]
    .into_iter()
    .map(|(name, about, issuer, entitlement, code)| {
        let bundle = Bundle {
            entitlement: Some(signed(entitlement, ISSUER).into()),
            issuers: Some(vec![signed(issuer, ROOT).into()]),
            ..Bundle::default()
        };
        answer_vector("entitlement-answer", name, about, &bundle).within(json!({ "trust": trust_text() })).gives(code)
    })
    .collect()
}
