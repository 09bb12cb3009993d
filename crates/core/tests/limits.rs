//! A chain of random documents is accepted exactly if an independent reading of the specification accepts it.
//!
//! The values lie close together, so that limits are met and broken about as often, alone and in pairs.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::cell::Cell;

use keymuster_core::bundle::Bundle;
use keymuster_core::catalogue::Catalogue;
use keymuster_core::chain::{Asker, Chain};
use keymuster_core::document::{Document, Signed, sign_payload};
use keymuster_core::entitlement::{Cover, Entitlement, Pool};
use keymuster_core::id::from_hex;
use keymuster_core::issuer::Issuer;
use keymuster_core::lease::{Lease, LeaseKind, Seat};
use keymuster_core::signature::{PublicKey, SecretKey};
use keymuster_core::time::Timestamp;
use keymuster_core::trust::Trust;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use support::named;

const BASE: u64 = 1_800_000_000;

/// What varies, each as a small number; [`Case::issuer`], [`Case::entitlement`] and [`Case::lease`] say what it means.
#[derive(Clone, Debug)]
struct Case {
    issuer: [u64; 5],
    families: Option<Vec<u16>>,
    entitlement: [u64; 4],
    covers: Vec<(u16, u8, u16, Option<u32>)>,
    pool: Option<(u16, u64)>,
    lease: [u64; 3],
    edition: u16,
    is_seat: bool,
    count: u64,
    threshold: u32,
}

fn cases() -> impl Strategy<Value = Case> {
    let near = |low: u64, high: u64| low..=high;
    let issuer = [near(0, 2), near(5, 12), near(15, 22), near(11, 18), near(5, 8)];
    let entitlement = [near(2, 6), near(0, 4), near(9, 17), near(4, 7)];
    let lease = [near(2, 8), near(0, 2), near(1, 6)];
    let cover = (1..=2_u16, 0..=1_u8, 2025..=2027_u16, prop::option::of(3..=6_u32));
    let families = prop::option::weighted(0.2, prop::collection::vec(1..=2_u16, 0..4));
    let pool_edition = prop_oneof![4 => Just(3_u16), 1 => 1..=2_u16];
    let pool = prop::option::weighted(0.9, (pool_edition, 2..=7_u64));
    let first = (issuer, families, entitlement, prop::collection::vec(cover, 0..5), pool);
    let second = (lease, 1..=3_u16, prop::bool::weighted(0.1), 4..=9_u64, 4..=7_u32);
    (first, second).prop_map(|(first, second)| {
        let (issuer, families, entitlement, covers, pool) = first;
        let (lease, edition, is_other_kind, count, threshold) = second;
        let is_seat = (edition == 3) != is_other_kind;
        Case { issuer, families, entitlement, covers, pool, lease, edition, is_seat, count, threshold }
    })
}

fn at(tick: u64) -> Timestamp {
    Timestamp::from_secs(BASE + tick * 300)
}

fn document<D: Document + Clone>(name: &str) -> D {
    let vector = named(name);
    let key = PublicKey::from_bytes(&from_hex(vector.text("/input/key")).unwrap()).unwrap();
    (*Signed::<D>::verify(&vector.bytes("/input/document"), &key).unwrap()).clone()
}

/// The documents that every case begins with.
struct Templates {
    trust: Trust,
    catalogue: Catalogue,
    issuer: Issuer,
    entitlement: Entitlement,
    volume: Lease,
    seat: Lease,
}

impl Templates {
    fn new() -> Templates {
        let mut catalogue: Catalogue = document("document/catalogue/plain");
        for edition in &mut catalogue.editions {
            edition.threshold = 5;
        }
        Templates {
            trust: named("lease-answer/volume").text("/context/trust").parse().unwrap(),
            catalogue,
            issuer: document("document/issuer/plain"),
            entitlement: document("document/entitlement/plain"),
            volume: document("document/lease/volume"),
            seat: document("document/lease/full"),
        }
    }

    fn issuer(&self, case: &Case) -> Issuer {
        let [begin, sign, end, entitlement, lease] = case.issuer;
        Issuer {
            not_before: at(begin),
            sign_until: at(sign),
            expires: at(end),
            entitlement_secs_max: entitlement * 300,
            lease_secs_max: lease * 300,
            families: case.families.clone(),
            ..self.issuer.clone()
        }
    }

    fn entitlement(&self, case: &Case) -> Entitlement {
        let [issued, warn, stop, lease] = case.entitlement;
        let cover = |(family, rank, generation, threshold): &(u16, u8, u16, Option<u32>)| Cover {
            group: 10,
            family: *family,
            rank: *rank,
            generation: *generation,
            threshold: *threshold,
        };
        let pool =
            |(edition, term): (u16, u64)| Pool { edition, term_secs: term * 300, ..self.entitlement.pools[0].clone() };
        Entitlement {
            issued: at(issued),
            warn_at: at(issued + warn),
            stop_at: at(stop),
            covers: case.covers.iter().map(cover).collect(),
            pools: case.pool.map(pool).into_iter().collect(),
            lease_secs_max: lease * 300,
            ..self.entitlement.clone()
        }
    }

    fn lease(&self, case: &Case) -> Lease {
        let [issued, renew, term] = case.lease;
        let seat = Seat { pool: self.entitlement.pools[0].id.clone(), fence: 1 };
        let times = (at(issued), at(issued + renew), at(issued + term));
        Lease {
            kind: if case.is_seat { LeaseKind::Seat } else { LeaseKind::Volume },
            edition: case.edition,
            issued: times.0,
            renew_after: times.1,
            expires: times.2,
            count: case.count,
            threshold: case.threshold,
            seat: case.is_seat.then_some(seat),
            ..if case.is_seat { self.seat.clone() } else { self.volume.clone() }
        }
    }

    /// What the chain says.
    fn is_accepted(&self, case: &Case) -> bool {
        fn sign<D: Document>(body: D, seed: u8) -> minicbor::bytes::ByteVec {
            sign_payload::<D>(&minicbor::to_vec(body).unwrap(), &SecretKey::from_seed(&[seed; 32])).into()
        }
        let bundle = Bundle {
            lease: Some(sign(self.lease(case), 5)),
            entitlement: Some(sign(self.entitlement(case), 3)),
            issuers: Some(vec![sign(self.issuer(case), 1)]),
            ..Bundle::default()
        };
        let asker = Asker {
            client: self.volume.client,
            client_key: self.volume.client_key,
            edition: self.catalogue.edition(case.edition).unwrap(),
            catalogue: &self.catalogue,
            request: Some(self.volume.request),
            held: None,
        };
        let Ok(chain) = Chain::new(&self.trust, &bundle, None) else { return false };
        let Ok(entitlement) = chain.entitlement(&bundle.entitlement.unwrap()) else { return false };
        chain.lease(&bundle.lease.unwrap(), &entitlement, &asker).is_ok()
    }
}

/// The same, from the case alone, in ticks: every limit of documents.md, 5.4 and 5.5, and every rule of 6.1, 6.3 and 6.4.
fn should_be_accepted(case: &Case) -> bool {
    let [begin, sign, end, entitlement_max, issuer_lease_max] = case.issuer;
    let [issued, warn, stop, lease_max] = case.entitlement;
    let [granted, renew, term] = case.lease;
    let [family, rank] = [[1, 0], [1, 1], [2, 0]][usize::from(case.edition) - 1];
    let is_seat_edition = case.edition == 3;
    let may = |family: u16| case.families.as_ref().is_none_or(|families| families.contains(&family));
    let covering: Vec<u32> = case
        .covers
        .iter()
        .filter(|cover| u64::from(cover.0) == family && u64::from(cover.1) >= rank && cover.2 >= 2026)
        .map(|cover| cover.3.unwrap_or(5))
        .collect();
    let rules = [
        begin <= sign && sign <= end,
        issued + warn <= stop,
        !case.covers.is_empty() || case.pool.is_some(),
        renew <= term,
    ];
    let limits = [
        begin <= issued && issued <= sign,
        stop <= end,
        stop.saturating_sub(issued) <= entitlement_max,
        lease_max <= issuer_lease_max,
        case.covers.iter().all(|cover| may(cover.0)),
        may(family as u16),
        granted + 1 >= issued,
        granted + term <= stop,
        term <= lease_max,
        case.is_seat == is_seat_edition,
        !case.is_seat || case.pool.is_some_and(|(edition, seat_term)| edition == 3 && term <= seat_term),
        case.is_seat || covering.iter().any(|least| case.threshold >= *least),
        case.is_seat || case.count >= u64::from(case.threshold),
    ];
    rules.into_iter().chain(limits).all(|holds| holds)
}

#[test]
fn a_lease_is_accepted_exactly_within_all_limits() {
    let templates = Templates::new();
    let (tried, accepted) = (Cell::new(0_u32), Cell::new(0_u32));
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 5000, failure_persistence: None, ..ProptestConfig::default() });
    let run = runner.run(&cases(), |case| {
        let expected = should_be_accepted(&case);
        prop_assert_eq!(templates.is_accepted(&case), expected, "{:?}", case);
        tried.set(tried.get() + 1);
        accepted.set(accepted.get() + u32::from(expected));
        Ok(())
    });
    run.unwrap_or_else(|why| panic!("{why}"));
    let (tried, accepted) = (tried.get(), accepted.get());
    assert!(accepted * 20 > tried && accepted * 2 < tried, "{accepted} of {tried} were accepted");
}
