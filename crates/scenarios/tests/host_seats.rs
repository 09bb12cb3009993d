//! Seats of a real host: never more than the pool has, freed at once, and fences that only rise.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Host, Place, poll, refused};
use keymuster_core::document::Signed;
use keymuster_core::lease::{Lease, LeaseKind};
use keymuster_core::request::Act;
use keymuster_core::time::{HOUR, MINUTE, Timestamp};
use keymuster_scenarios::fixture::{Publisher, SEAT_EDITION};
use keymuster_scenarios::load::{Answer, Machine};
use keymuster_service::Env;
use serde_json::json;

/// Machines in a race.
const RACERS: usize = 64;
/// Seats that they race for.
const SEATS: u32 = 5;

fn machine() -> Machine {
    Machine::new(&Env::system())
}

/// A request by which `machine` shows the fence that it believes to hold.
fn showing(place: &Place, machine: &mut Machine, act: Act, fence: Option<u64>) -> Vec<u8> {
    let mut body = place.ask(machine, act, SEAT_EDITION);
    body.fence = fence;
    machine.sign(body)
}

fn ask(host: &Host, place: &Place, machine: &mut Machine) -> (Answer, Vec<u8>) {
    let request = place.request(machine, Act::Activate, SEAT_EDITION);
    (host.activate(&request), request)
}

fn take(host: &Host, place: &Place, machine: &mut Machine) -> Signed<Lease> {
    let (answer, request) = ask(host, place, machine);
    place.verify(&answer, &request).0
}

fn give_back(host: &Host, place: &Place, machine: &mut Machine) {
    assert_eq!(host.release(&place.request(machine, Act::Release, SEAT_EDITION)).status, 204);
}

fn fence(lease: &Lease) -> u64 {
    let seat = lease.seat.as_ref().unwrap();
    assert_eq!((lease.kind, seat.pool.as_str()), (LeaseKind::Seat, "pool"));
    seat.fence
}

fn held(place: &Place) -> Vec<u64> {
    let db = place.read();
    let mut fences = db.prepare("SELECT fence FROM seat WHERE free_at > ?1 ORDER BY fence").unwrap();
    let now = i64::try_from(Env::system().now().as_secs()).unwrap();
    let fences = fences.query_map([now], |row| row.get::<_, u32>(0)).unwrap();
    fences.map(|fence| fence.unwrap().into()).collect()
}

// Races.

#[test]
fn of_many_that_ask_at_once_exactly_as_many_as_there_are_seats_get_one() {
    let place = Place::new(Publisher::new(1, SEATS));
    let host = place.start();
    let gate = Barrier::new(RACERS);
    let answers: Vec<(Answer, Vec<u8>)> = std::thread::scope(|scope| {
        let race = || {
            let (mut machine, mut connection) = (machine(), host.connect());
            let request = place.request(&mut machine, Act::Activate, SEAT_EDITION);
            gate.wait();
            (connection.post("/v1/activate", &request).unwrap(), request)
        };
        let racers: Vec<_> = (0..RACERS).map(|_| scope.spawn(race)).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    let (winners, losers): (Vec<_>, Vec<_>) = answers.iter().partition(|(answer, _)| answer.status == 200);
    let mut fences: Vec<u64> =
        winners.iter().map(|(answer, request)| fence(&place.verify(answer, request).0)).collect();
    fences.sort_unstable();
    assert_eq!(fences, [1, 2, 3, 4, 5]);
    assert_eq!(held(&place), fences);
    for (answer, _) in losers {
        let members = refused(answer, 403, "seats-exhausted");
        assert_eq!((&members["pool"], &members["seats"]), (&json!("pool"), &json!(SEATS)));
        let next_end = Timestamp::from_secs(members["next_end"].as_u64().unwrap());
        let wait = next_end.secs_since(Env::system().now());
        assert!((HOUR - MINUTE..=HOUR + MINUTE).contains(&wait), "{members}");
        assert_eq!(answer.header("retry-after"), Some("3600"), "at most one term");
    }
}

#[test]
fn while_seats_change_hands_never_more_are_held_than_there_are() {
    let place = Place::new(Publisher::new(1, SEATS));
    let host = place.start();
    // A seat is counted from when its holder knows of it until it is given back, so never longer than it is held.
    let (held_now, handed_on) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..RACERS {
            scope.spawn(|| {
                let (mut machine, mut connection) = (machine(), host.connect());
                for _ in 0..20 {
                    let request = place.request(&mut machine, Act::Activate, SEAT_EDITION);
                    if connection.post("/v1/activate", &request).unwrap().status != 200 {
                        continue;
                    }
                    let held = held_now.fetch_add(1, Ordering::SeqCst) + 1;
                    assert!(held <= SEATS as usize, "{held} seats are held");
                    handed_on.fetch_add(1, Ordering::SeqCst);
                    held_now.fetch_sub(1, Ordering::SeqCst);
                    let release = place.request(&mut machine, Act::Release, SEAT_EDITION);
                    assert_eq!(connection.post("/v1/release", &release).unwrap().status, 204);
                }
            });
        }
    });
    let handed_on = handed_on.into_inner();
    assert!(handed_on > RACERS, "only {handed_on} seats were handed on: too few to say anything");
    assert_eq!(held(&place), [0; 0]);
    let ledger = place.ledger();
    assert_eq!(ledger.len(), 2 * handed_on as u64);
    let fences: BTreeSet<u64> = ledger.leases().map(fence).collect();
    assert_eq!(fences, (1..=handed_on as u64).collect(), "every holder has a fence of its own");
}

// One after the other.

#[test]
fn a_seat_that_is_given_back_is_free_at_once_and_the_fence_rises_also_over_a_restart() {
    let place = Place::new(Publisher::new(1, 1));
    let mut host = place.start();
    let (mut first, mut second) = (machine(), machine());
    assert_eq!(fence(&take(&host, &place, &mut first)), 1);
    refused(&ask(&host, &place, &mut second).0, 403, "seats-exhausted");
    give_back(&host, &place, &mut first);
    assert_eq!(fence(&take(&host, &place, &mut second)), 2);
    refused(&ask(&host, &place, &mut first).0, 403, "seats-exhausted");
    give_back(&host, &place, &mut second);
    host.stop();
    host = place.start();
    assert_eq!(fence(&take(&host, &place, &mut first)), 3);
    refused(&ask(&host, &place, &mut second).0, 403, "seats-exhausted");
}

#[test]
fn a_holder_keeps_its_seat_and_fence_when_it_renews() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let mut machine = machine();
    let lease = take(&host, &place, &mut machine);
    assert_eq!(lease.expires, lease.issued.plus(HOUR));
    assert_eq!(lease.renew_after, lease.issued.plus(HOUR / 2));
    // The last one is of a client that was set back to before its first lease.
    for shown in [Some(1), Some(1), None] {
        let request = showing(&place, &mut machine, Act::Activate, shown);
        assert_eq!(fence(&place.verify(&host.activate(&request), &request).0), 1);
        assert_eq!(held(&place), [1]);
    }
}

#[test]
fn an_older_fence_is_refused() {
    let place = Place::new(Publisher::new(1, 2));
    let host = place.start();
    let mut machine = machine();
    assert_eq!(fence(&take(&host, &place, &mut machine)), 1);
    give_back(&host, &place, &mut machine);
    assert_eq!(fence(&take(&host, &place, &mut machine)), 2);
    for (act, path) in [(Act::Activate, "/v1/activate"), (Act::Release, "/v1/release")] {
        let answer = host.connect().post(path, &showing(&place, &mut machine, act, Some(1))).unwrap();
        let members = refused(&answer, 409, "seat-fenced");
        assert_eq!((&members["fence"], &members["newest"]), (&json!(1), &json!(2)));
        assert_eq!(held(&place), [2], "the seat stays taken");
    }
    assert_eq!(host.release(&showing(&place, &mut machine, Act::Release, Some(2))).status, 204);
    assert_eq!(held(&place), [0; 0]);
}

// Time.

#[test]
fn a_seat_that_ended_is_free_without_any_clean_up() {
    let mut publisher = Publisher::new(1, 1);
    (publisher.term_secs, publisher.guard_secs) = (1, 0);
    let place = Place::new(publisher);
    let host = place.start();
    let (mut gone, mut next) = (machine(), machine());
    let ended = take(&host, &place, &mut gone);
    let taken = poll("the seat to end", || {
        let (answer, request) = ask(&host, &place, &mut next);
        if answer.status == 200 {
            return Some(place.verify(&answer, &request).0);
        }
        let members = refused(&answer, 403, "seats-exhausted");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(members["next_end"], ended.expires.as_secs());
        None
    });
    assert!(taken.issued >= ended.expires, "the seat was given away before its end");
    assert!(fence(&taken) > fence(&ended));
    // Who comes back gets a new seat as soon as there is one, and never its old fence.
    let back = poll("the seat to end once more", || {
        let request = showing(&place, &mut gone, Act::Activate, Some(fence(&ended)));
        let answer = host.activate(&request);
        (answer.status == 200).then(|| place.verify(&answer, &request).0)
    });
    assert!(fence(&back) > fence(&taken) && back.issued >= taken.expires);
}

#[test]
fn a_seat_that_ended_stays_reserved_while_clocks_may_differ() {
    let mut publisher = Publisher::new(1, 1);
    (publisher.term_secs, publisher.guard_secs) = (1, HOUR);
    let place = Place::new(publisher);
    let host = place.start();
    let (mut holder, mut other) = (machine(), machine());
    let ended = take(&host, &place, &mut holder);
    poll("the lease to end", || {
        let is_ended = Env::system().now() > ended.expires;
        let members = refused(&ask(&host, &place, &mut other).0, 403, "seats-exhausted");
        assert_eq!(members["next_end"], ended.expires.plus(HOUR).as_secs());
        is_ended.then_some(())
    });
    // Its holder is not another, and a release needs no guard.
    assert_eq!(fence(&take(&host, &place, &mut holder)), 1);
    give_back(&host, &place, &mut holder);
    assert_eq!(fence(&take(&host, &place, &mut other)), 2);
}
