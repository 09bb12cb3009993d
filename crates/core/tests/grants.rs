//! The granting decision, as tables: what the host holds and knows, what is asked, and what comes of it in one line.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use keymuster_core::catalogue::Catalogue;
use keymuster_core::choice::Choices;
use keymuster_core::document::{Document, Signed};
use keymuster_core::entitlement::{Cover, Entitlement, Pool};
use keymuster_core::grant::{Admission, Counted, Known, LastRequest, Site, admit};
use keymuster_core::id::{HostId, RequestId, from_hex};
use keymuster_core::lease::LeaseKind;
use keymuster_core::refusal::Refusal;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::seats::{Held, SeatUse};
use keymuster_core::signature::PublicKey;
use keymuster_core::time::{DAY, HOUR, Timestamp};
use support::named;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const DESK: u16 = 1;
const SERVER: u16 = 2;
const CAD: u16 = 3;

/// What the host holds and knows; a request is then decided by it.
#[derive(Clone)]
struct Setup {
    catalogue: Catalogue,
    entitlements: Vec<Entitlement>,
    known: Option<Known>,
    counted: Counted,
    seats: SeatUse,
    choices: Choices,
}

fn document<D: Document + Clone>(name: &str) -> D {
    let vector = named(name);
    let key = PublicKey::from_bytes(&from_hex(vector.text("/input/key")).unwrap()).unwrap();
    (*Signed::<D>::verify(&vector.bytes("/input/document"), &key).unwrap()).clone()
}

/// Enough clients, free seats, one entitlement until the 220th day.
fn setup() -> Setup {
    Setup {
        catalogue: document("document/catalogue/plain"),
        entitlements: vec![document("document/entitlement/plain")],
        known: None,
        counted: Counted { count: 30, is_newcomer: true },
        seats: SeatUse { own: None, others: 0, next_end: None, newest_fence: 6 },
        choices: Choices::default(),
    }
}

fn request(edition: u16) -> ClientRequest {
    let vector = named("client-request/minimal");
    let request = ClientRequest::verify(&vector.bytes("/input/document")).unwrap();
    ClientRequest { edition, ..(*request).clone() }
}

fn check(setup: &Setup, request: &ClientRequest, expect: &str) {
    assert_eq!(outcome(setup, request), expect, "{request:?}");
}

fn outcome(setup: &Setup, request: &ClientRequest) -> String {
    decide(setup, request).unwrap_or_else(|refusal| {
        let wait = refusal.retry_after_secs().map_or(String::new(), |secs| format!(", again in {secs} s"));
        format!("{}: {refusal}{wait}", refusal.code().name)
    })
}

fn decide(setup: &Setup, request: &ClientRequest) -> Result<String, Refusal> {
    let held: Vec<&Entitlement> = setup.entitlements.iter().collect();
    let host = setup.entitlements.first().map_or(HostId::from_bytes([0x50; 16]), |entitlement| entitlement.host);
    let site = Site { host, catalogue: &setup.catalogue, entitlements: &held, choices: &setup.choices };
    if let Admission::Repeat { sequence } = admit(&site, request, setup.known.as_ref(), NOW)? {
        return Ok(format!("repeat {sequence}"));
    }
    let terms = site.grant(request, setup.counted, |_| setup.seats.clone(), NOW)?;
    let mut line = format!(
        "lease on {}, {} s, renew after {} s, threshold {}",
        terms.entitlement,
        terms.expires.secs_since(NOW),
        terms.renew_after.secs_since(NOW),
        terms.threshold
    );
    if let Some(seat) = terms.seat {
        line += &format!(", seat {} of {}", seat.fence, seat.pool);
    }
    if let Some(features) = terms.features {
        line += &format!(", features {features:?}");
    }
    Ok(line)
}

const FULL: &str = "lease on 0, 15552000 s, renew after 604800 s, threshold 25";

#[test]
fn the_threshold_decides_for_volume_editions() {
    let counted = |count: u64| Setup { counted: Counted { count, is_newcomer: true }, ..setup() };
    let met = "threshold-not-met: 24 of 25 clients have asked within the counting window, again in 7200 s";
    check(&counted(24), &request(DESK), met);
    check(&counted(25), &request(DESK), FULL);
    check(&counted(100_000), &request(DESK), FULL);
    check(&counted(5), &request(SERVER), "lease on 0, 15552000 s, renew after 604800 s, threshold 5");
    check(&counted(1), &request(CAD), "lease on 0, 3600 s, renew after 1800 s, threshold 1, seat 7 of cad");
}

#[test]
fn an_agreed_threshold_takes_the_place_of_the_editions_own() {
    for (agreed, count, expect) in [
        (vec![Some(3)], 3, "lease on 0, 15552000 s, renew after 604800 s, threshold 3"),
        (vec![Some(3)], 2, "threshold-not-met: 2 of 3 clients have asked within the counting window, again in 7200 s"),
        (
            vec![Some(40)],
            30,
            "threshold-not-met: 30 of 40 clients have asked within the counting window, again in 7200 s",
        ),
        (vec![Some(40), Some(3)], 3, "lease on 0, 15552000 s, renew after 604800 s, threshold 3"),
        // A cover without an agreement gives the edition's own threshold, and the lowest holds.
        (vec![Some(40), None], 25, FULL),
    ] {
        let mut setup = Setup { counted: Counted { count, is_newcomer: true }, ..setup() };
        let cover = setup.entitlements[0].covers[0].clone();
        let covers = agreed.iter().map(|threshold| Cover { threshold: *threshold, ..cover.clone() });
        setup.entitlements[0].covers = covers.collect();
        check(&setup, &request(DESK), expect);
    }
}

#[test]
fn what_no_entitlement_covers_is_refused() {
    check(&setup(), &request(9), "edition-unknown: edition 9 is not in the host's licence pack, version 3");
    let none = Setup { entitlements: vec![], ..setup() };
    check(&none, &request(DESK), "host-not-activated: the host has no entitlement of publisher aurora");
    let covering = |group: u16, rank: u8, generation: u16, family: u16| {
        let mut setup = setup();
        setup.entitlements[0].covers = vec![Cover { group, family, rank, generation, threshold: None }];
        setup
    };
    let (desk, server) =
        ("no activated host key covers edition desk-pro", "no activated host key covers edition server");
    for (setup, edition, expect) in [
        (covering(10, 0, 2026, 1), DESK, FULL.to_owned()),
        (covering(10, 0, 2030, 1), DESK, FULL.to_owned()),
        (covering(10, 0, 2025, 1), DESK, format!("edition-not-covered: {desk}")),
        (covering(10, 0, 2026, 2), DESK, format!("edition-not-covered: {desk}")),
        (covering(10, 0, 2026, 1), SERVER, format!("edition-not-covered: {server}")),
    ] {
        check(&setup, &request(edition), &expect);
    }
    let mut without_pools = setup();
    without_pools.entitlements[0].pools = vec![];
    let cad = "edition-not-covered: no activated host key covers edition cad-floating";
    check(&without_pools, &request(CAD), cad);
    // A pool covers its edition for seats only.
    let mut pool_for_desk = setup();
    pool_for_desk.entitlements[0].covers = vec![];
    pool_for_desk.entitlements[0].pools[0].edition = DESK;
    check(&pool_for_desk, &request(DESK), &format!("edition-not-covered: {desk}"));
}

#[test]
fn the_entitlement_that_lasts_longest_carries_the_lease() {
    let ends = |days: &[u64]| {
        let one = setup().entitlements[0].clone();
        let until = |days: &u64| Entitlement { stop_at: NOW.plus(days * DAY), warn_at: NOW, ..one.clone() };
        Setup { entitlements: days.iter().map(until).collect(), ..setup() }
    };
    check(&ends(&[100, 220, 90]), &request(DESK), &FULL.replace("on 0", "on 1"));
    check(&ends(&[100]), &request(DESK), "lease on 0, 8640000 s, renew after 604800 s, threshold 25");
    // Close to its end, half of what is left comes before the usual interval.
    check(&ends(&[10]), &request(DESK), "lease on 0, 864000 s, renew after 432000 s, threshold 25");
    check(&ends(&[0]), &request(DESK), "entitlement-expired: the host's entitlement ended at 2027-01-15T08:00:00Z");
    let mut shorter = setup();
    shorter.entitlements[0].lease_secs_max = 90 * DAY;
    check(&shorter, &request(DESK), "lease on 0, 7776000 s, renew after 604800 s, threshold 25");
    shorter.entitlements[0].lease_secs_max = HOUR / 2;
    check(&shorter, &request(CAD), "lease on 0, 1800 s, renew after 900 s, threshold 1, seat 7 of cad");
    // One that covers nothing that is asked does not count, however long it lasts.
    let mut other = ends(&[100, 220]);
    other.entitlements[1].covers = vec![];
    check(&other, &request(DESK), "lease on 0, 8640000 s, renew after 604800 s, threshold 25");
}

#[test]
fn beyond_the_limit_of_clients_newcomers_are_refused_and_known_ones_renewed() {
    let limited = |count: u64, is_newcomer: bool| {
        let mut setup = Setup { counted: Counted { count, is_newcomer }, ..setup() };
        setup.entitlements[0].clients_max = Some(30);
        setup
    };
    let exhausted = "clients-exhausted: 31 clients are counted and the entitlement allows 30";
    check(&limited(30, true), &request(DESK), FULL);
    check(&limited(31, true), &request(DESK), exhausted);
    check(&limited(31, false), &request(DESK), FULL);
    check(&limited(31, true), &request(CAD), exhausted);
}

#[test]
fn a_request_is_admitted_once_in_order_and_on_time() {
    let key = *request(DESK).client_key.as_bytes();
    let id = request(DESK).request;
    let last = |counter: u64, request: RequestId, answered_by: Option<u64>| Setup {
        known: Some(Known { client_key: key, last: Some(LastRequest { counter, request, answered_by }) }),
        ..setup()
    };
    let other = RequestId::from_bytes([9; 16]);
    let asked = |counter: u64| ClientRequest { counter, ..request(DESK) };
    let late = |counter: u64| ClientRequest { time: NOW.minus(5 * HOUR), ..asked(counter) };
    let skew = "clock-skew: the client's clock says 2027-01-15T03:00:00Z, the host's says 2027-01-15T08:00:00Z; 4 hours \
                of difference are tolerated";
    let conflict = "request-conflict: the request id was used before with other content";
    for (setup, request, expect) in [
        (last(4, other, Some(41)), asked(5), FULL),
        (
            last(5, other, Some(41)),
            asked(5),
            "request-replayed: request 5 of this client is not newer than the last one seen, 5",
        ),
        (
            last(6, other, None),
            asked(5),
            "request-replayed: request 5 of this client is not newer than the last one seen, 6",
        ),
        // The same request again gets the same lease, however late; one that was refused is decided again, on time only,
        // or a recorded request would count a client for ever.
        (last(5, id, Some(41)), asked(5), "repeat 41"),
        (last(5, id, Some(41)), late(5), "repeat 41"),
        (last(5, id, None), asked(5), FULL),
        (last(5, id, None), late(5), skew),
        (last(5, id, Some(41)), asked(6), conflict),
        (last(5, id, None), asked(6), conflict),
        (last(4, other, None), late(5), skew),
    ] {
        check(&setup, &request, expect);
    }
    let first_of_edition = Setup { known: Some(Known { client_key: key, last: None }), ..setup() };
    check(&first_of_edition, &asked(1), FULL);
    let of_another = Setup { known: Some(Known { client_key: [9; 32], last: None }), ..setup() };
    assert!(outcome(&of_another, &asked(1)).starts_with("rekey-required: "));
}

#[test]
fn clocks_may_differ_by_the_tolerance_in_both_directions() {
    for (time, is_tolerated) in [
        (NOW.minus(4 * HOUR), true),
        (NOW.plus(4 * HOUR), true),
        (NOW.minus(4 * HOUR + 1), false),
        (NOW.plus(4 * HOUR + 1), false),
        (Timestamp::from_secs(0), false),
        (Timestamp::MAX, false),
    ] {
        let found = outcome(&setup(), &ClientRequest { time, ..request(DESK) });
        assert_eq!(found.starts_with("lease"), is_tolerated, "{found}");
        assert_eq!(found.starts_with("clock-skew"), !is_tolerated, "{found}");
    }
}

#[test]
fn requests_meant_for_others_are_refused() {
    let own = setup().entitlements[0].host;
    check(&setup(), &ClientRequest { audience: Some(own), ..request(DESK) }, FULL);
    let elsewhere = outcome(&setup(), &ClientRequest { audience: Some(HostId::from_bytes([1; 16])), ..request(DESK) });
    assert!(elsewhere.starts_with("request-for-another-host: "), "{elsewhere}");
    let mak = ClientRequest { act: Act::Mak, key: Some("FJ6B3".parse().unwrap()), ..request(DESK) };
    check(&setup(), &mak, "wrong-way: a MAK is activated by the authority, not by a host");
    let rekey = ClientRequest { act: Act::Rekey, ..request(DESK) };
    check(&setup(), &rekey, "wrong-way: this host does not replace client keys");
    // A release is admitted like any other request.
    check(&setup(), &ClientRequest { act: Act::Release, ..request(DESK) }, FULL);
}

#[test]
fn a_seat_comes_from_the_pool_that_was_asked_for_or_the_first() {
    let mut two = setup();
    let day = &two.entitlements[0].pools[0];
    let night = Pool { id: "cad-night".parse().unwrap(), term_secs: 2 * HOUR, ..day.clone() };
    let desk = Pool { id: "desk".parse().unwrap(), edition: DESK, ..day.clone() };
    two.entitlements[0].pools = vec![desk, day.clone(), night];
    let asked = |pool: &str| ClientRequest { pool: Some(pool.parse().unwrap()), ..request(CAD) };
    check(&two, &request(CAD), "lease on 0, 3600 s, renew after 1800 s, threshold 1, seat 7 of cad");
    check(&two, &asked("cad-night"), "lease on 0, 7200 s, renew after 3600 s, threshold 1, seat 7 of cad-night");
    let unknown = "pool-unknown: the entitlement has no pool desk for this edition";
    check(&two, &asked("desk"), unknown);
    // The pool decides before the end: another entitlement that lasts longer has another pool.
    let mut apart = Setup { entitlements: vec![two.entitlements[0].clone(); 2], ..two.clone() };
    apart.entitlements[1].pools.truncate(2);
    apart.entitlements[1].stop_at = NOW.plus(300 * DAY);
    check(&apart, &asked("cad-night"), "lease on 0, 7200 s, renew after 3600 s, threshold 1, seat 7 of cad-night");
    check(&apart, &asked("cad"), "lease on 1, 3600 s, renew after 1800 s, threshold 1, seat 7 of cad");
    check(&apart, &asked("desk"), unknown);
    let held = Held { fence: 4, free_at: NOW.plus(60), is_reclaimed: false };
    let holder = Setup { seats: SeatUse { own: Some(held), ..setup().seats }, ..setup() };
    let kept = "lease on 0, 3600 s, renew after 1800 s, threshold 1, seat 4 of cad";
    check(&holder, &ClientRequest { fence: Some(4), ..request(CAD) }, kept);
    let fenced = "seat-fenced: the seat with fence 3 has passed on; the newest fence is 4";
    check(&holder, &ClientRequest { fence: Some(3), ..request(CAD) }, fenced);
    let full = SeatUse { others: 10, next_end: Some(NOW.plus(90)), ..setup().seats };
    let exhausted = "seats-exhausted: all 10 seats of pool cad are taken; the next one ends at 2027-01-15T08:01:30Z, again \
                     in 90 s";
    check(&Setup { seats: full, ..setup() }, &request(CAD), exhausted);
}

#[test]
fn features_of_edition_and_entitlement_are_joined() {
    let mut setup = setup();
    let features = |names: &[&str]| Some(names.iter().map(|name| name.parse().unwrap()).collect());
    setup.catalogue.editions[0].features = features(&["print", "export"]);
    setup.entitlements[0].features = features(&["export", "cloud"]);
    check(&setup, &request(DESK), &format!("{FULL}, features [\"cloud\", \"export\", \"print\"]"));
    assert_eq!(setup.catalogue.editions[0].kind, LeaseKind::Volume);
}
