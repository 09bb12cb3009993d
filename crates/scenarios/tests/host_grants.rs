//! Volume leases of a real host: thresholds, repeats, refusals and their numbers, renewal and release.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use common::{Host, Place, problem, refused, same};
use keymuster_core::id::HostId;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::time::{DAY, HOUR, MINUTE, Timestamp};
use keymuster_scenarios::fixture::{Publisher, SEAT_EDITION, VOLUME_EDITION};
use keymuster_scenarios::load::{Answer, Connection, Machine};
use keymuster_service::Env;
use serde_json::json;

// Counting.

#[test]
fn each_client_counts_once_until_the_threshold_is_met_and_a_restart_forgets_none() {
    for threshold in [1, 2, 5, 25] {
        let place = Place::new(Publisher::new(threshold, 1));
        let mut host = place.start();
        let mut machines: Vec<_> = (0..threshold).map(|_| Machine::new(&Env::system())).collect();
        let (last, others) = machines.split_last_mut().unwrap();
        for (before, machine) in (0..).zip(others.iter_mut()) {
            let request = place.request(machine, Act::Activate, VOLUME_EDITION);
            let another = place.request(machine, Act::Activate, VOLUME_EDITION);
            for (what, request) in [("first", &request), ("repeat", &request), ("next attempt", &another)] {
                let answer = host.activate(request);
                let members = refused(&answer, 403, "threshold-not-met");
                assert_eq!((&members["count"], &members["need"]), (&json!(before + 1), &json!(threshold)), "{what}");
                assert_eq!(answer.header("retry-after"), Some("7200"));
            }
        }
        host.stop();
        host = place.start();
        let request = place.request(last, Act::Activate, VOLUME_EDITION);
        let (lease, _) = place.verify(&host.activate(&request), &request);
        assert_eq!((lease.count, lease.threshold), (u64::from(threshold), threshold));
        assert_eq!(place.ledger().len(), 1, "refusals are no entries of the ledger");
        for machine in others {
            let request = place.request(machine, Act::Activate, VOLUME_EDITION);
            assert_eq!(place.verify(&host.activate(&request), &request).0.count, u64::from(threshold));
        }
    }
}

#[test]
fn the_same_bytes_are_granted_once_their_refusal_has_lost_its_reason() {
    let place = Place::new(Publisher::new(2, 1));
    let host = place.start();
    let (mut first, mut second) = (Machine::new(&Env::system()), Machine::new(&Env::system()));
    let refused_request = place.request(&mut first, Act::Activate, VOLUME_EDITION);
    refused(&host.activate(&refused_request), 403, "threshold-not-met");
    let request = place.request(&mut second, Act::Activate, VOLUME_EDITION);
    assert_eq!(place.verify(&host.activate(&request), &request).0.count, 2);
    assert_eq!(place.verify(&host.activate(&refused_request), &refused_request).0.count, 2);
}

#[test]
fn clients_beyond_the_limit_are_refused_and_not_counted() {
    let mut publisher = Publisher::new(1, 1);
    publisher.clients_max = Some(2);
    let place = Place::new(publisher);
    let host = place.start();
    let mut machines: Vec<_> = (0..4).map(|_| Machine::new(&Env::system())).collect();
    for machine in &mut machines[..2] {
        let request = place.request(machine, Act::Activate, VOLUME_EDITION);
        place.verify(&host.activate(&request), &request);
    }
    for machine in &mut machines[2..] {
        let answer = host.activate(&place.request(machine, Act::Activate, VOLUME_EDITION));
        let members = refused(&answer, 403, "clients-exhausted");
        assert_eq!((&members["count"], &members["clients_max"]), (&json!(3), &json!(2)));
    }
    let request = place.request(&mut machines[0], Act::Activate, VOLUME_EDITION);
    assert_eq!(place.verify(&host.activate(&request), &request).0.count, 2);
}

// Repeats.

#[test]
fn a_repeat_is_answered_with_the_same_bytes_also_after_a_restart() {
    let place = Place::new(Publisher::new(1, 1));
    let mut host = place.start();
    let mut machine = Machine::new(&Env::system());
    let request = place.request(&mut machine, Act::Activate, VOLUME_EDITION);
    let first = host.activate(&request);
    assert_eq!(place.verify(&first, &request).0.position.sequence, 1);
    for is_restarted in [false, true] {
        if is_restarted {
            host.stop();
            host = place.start();
        }
        same(&host.activate(&request), &first, if is_restarted { "after a restart" } else { "at once" });
        assert_eq!(place.ledger().len(), 1);
    }

    let release = place.request(&mut machine, Act::Release, VOLUME_EDITION);
    assert_eq!(host.release(&release).status, 204);
    host.stop();
    host = place.start();
    assert_eq!(host.release(&release).status, 204);
    assert_eq!(place.ledger().len(), 2);
}

#[test]
fn one_request_sent_many_times_at_once_is_one_entry_of_the_ledger() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    for round in 1..=10 {
        let request = place.request(&mut Machine::new(&Env::system()), Act::Activate, VOLUME_EDITION);
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let senders: Vec<_> = (0..8).map(|_| scope.spawn(|| host.activate(&request))).collect();
            senders.into_iter().map(|sender| sender.join().unwrap()).collect()
        });
        place.verify(&answers[0], &request);
        answers.iter().for_each(|answer| same(answer, &answers[0], "sent at once"));
        assert_eq!(place.ledger().len(), round);
    }
}

#[test]
fn a_repeat_after_the_entitlement_was_renewed_is_granted_on_the_new_one() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let mut machine = Machine::new(&Env::system());
    let request = place.request(&mut machine, Act::Activate, VOLUME_EDITION);
    let (_, first) = place.verify(&host.activate(&request), &request);
    let renewed = place.publisher.renew_entitlement(&place.data_dir).unwrap();
    assert_ne!(first.id, renewed);
    let repeat = host.activate(&request);
    let (lease, entitlement) = place.verify(&repeat, &request);
    assert_eq!((lease.entitlement, entitlement.id, lease.position.sequence), (renewed, renewed, 2));
    same(&host.activate(&request), &repeat, "once more");
    assert_eq!(place.ledger().len(), 2);
}

// Refusals.

/// A change to a proper request, and what the host says to it: `None` where it grants.
type Change = (&'static str, fn(&mut ClientRequest), Option<(u16, &'static str)>);

const CHANGES: &[Change] = &[
    ("nothing", |_| {}, None),
    ("a gap in the counter", |request| request.counter += 1000, None),
    ("the highest counter", |request| request.counter = u64::MAX - 1, None),
    ("an equal counter", |request| request.counter -= 1, Some((409, "request-replayed"))),
    ("a lower counter", |request| request.counter = 0, Some((409, "request-replayed"))),
    ("a clock 23 hours ahead", |request| request.time = request.time.plus(23 * HOUR), None),
    ("a clock 25 hours ahead", |request| request.time = request.time.plus(25 * HOUR), Some((403, "clock-skew"))),
    ("a clock 23 hours behind", |request| request.time = request.time.minus(23 * HOUR), None),
    ("a clock 25 hours behind", |request| request.time = request.time.minus(25 * HOUR), Some((403, "clock-skew"))),
    ("a clock in 1970", |request| request.time = Timestamp::from_secs(0), Some((403, "clock-skew"))),
    ("a clock in 9999", |request| request.time = Timestamp::MAX, Some((403, "clock-skew"))),
    ("another publisher", |request| request.publisher = "another".parse().unwrap(), Some((422, "publisher-unknown"))),
    ("an unknown edition", |request| request.edition = 999, Some((422, "edition-unknown"))),
    (
        "another host's id",
        |request| request.audience = Some(HostId::from_bytes([9; 16])),
        Some((422, "request-for-another-host")),
    ),
    ("an act for the authority", for_the_authority, Some((422, "wrong-way"))),
    ("a new key for the client", |request| request.act = Act::Rekey, Some((422, "wrong-way"))),
    ("an unknown pool", for_an_unknown_pool, Some((422, "pool-unknown"))),
];

fn for_the_authority(request: &mut ClientRequest) {
    request.act = Act::Mak;
    request.key = Some("BCDFG-HJKMP-QRTVW-XY234-6789B".parse().unwrap());
}

fn for_an_unknown_pool(request: &mut ClientRequest) {
    request.edition = SEAT_EDITION;
    request.pool = Some("another".parse().unwrap());
}

#[test]
fn a_changed_request_is_granted_or_refused_with_its_code_and_takes_nothing_away() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    for (what, change, expected) in CHANGES {
        let mut machine = Machine::new(&Env::system());
        let first = place.request(&mut machine, Act::Activate, VOLUME_EDITION);
        let held = host.activate(&first);
        let entries = place.verify(&held, &first).0.position.sequence;

        let mut body = place.ask(&mut machine, Act::Activate, VOLUME_EDITION);
        change(&mut body);
        let request = machine.sign(body);
        let answer = host.activate(&request);
        match expected {
            None => assert_eq!(place.verify(&answer, &request).0.position.sequence, entries + 1, "{what}"),
            Some((status, code)) => {
                assert_eq!((answer.status, problem(&answer)["code"].as_str()), (*status, Some(*code)), "{what}");
                assert_eq!(place.ledger().len(), entries, "{what}");
                // What the client holds is still what it held, and the next proper request is granted.
                same(&host.activate(&first), &held, what);
                let next = place.request(&mut machine, Act::Activate, VOLUME_EDITION);
                place.verify(&host.activate(&next), &next);
            }
        }
    }
}

#[test]
fn refusals_carry_their_numbers() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let mut machine = Machine::new(&Env::system());
    let mut ask = |change: &dyn Fn(&mut ClientRequest)| {
        let mut body = place.ask(&mut machine, Act::Activate, VOLUME_EDITION);
        change(&mut body);
        problem(&host.activate(&machine.sign(body)))
    };
    let now = Env::system().now();
    let skewed = ask(&|request| request.time = now.plus(2 * DAY));
    assert_eq!((&skewed["client_time"], &skewed["tolerated_secs"]), (&json!(now.plus(2 * DAY).as_secs()), &json!(DAY)));
    assert!(skewed["host_time"].as_u64().unwrap().abs_diff(now.as_secs()) < MINUTE, "{skewed}");
    let unknown = ask(&|request| request.edition = 999);
    assert_eq!((&unknown["edition"], &unknown["catalogue_version"]), (&json!(999), &json!(1)));
    let unknown = ask(&|request| request.publisher = "another".parse().unwrap());
    assert_eq!(unknown["publisher"], "another");

    assert_eq!(host.activate(&place.request(&mut machine, Act::Activate, VOLUME_EDITION)).status, 200);
    let mut body = place.ask(&mut machine, Act::Activate, VOLUME_EDITION);
    let seen = body.counter - 1;
    body.counter = 1;
    let replayed = refused(&host.activate(&machine.sign(body)), 409, "request-replayed");
    assert_eq!((&replayed["counter"], &replayed["seen"]), (&json!(1), &json!(seen)));
}

#[test]
fn a_request_id_with_another_counter_is_a_conflict() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let mut machine = Machine::new(&Env::system());
    let first = place.ask(&mut machine, Act::Activate, VOLUME_EDITION);
    let request = machine.sign(first.clone());
    let held = host.activate(&request);
    place.verify(&held, &request);
    for counter in [0, first.counter + 1, u64::MAX] {
        let changed = machine.sign(ClientRequest { counter, ..first.clone() });
        refused(&host.activate(&changed), 422, "request-conflict");
    }
    let release = machine.sign(ClientRequest { act: Act::Release, ..first });
    refused(&host.release(&release), 422, "request-conflict");
    same(&host.activate(&request), &held, "after a conflict");
    assert_eq!(place.ledger().len(), 1);
}

#[test]
fn counters_are_kept_exactly_up_to_the_highest() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let mut machine = Machine::new(&Env::system());
    for counter in [u64::MAX >> 1, (u64::MAX >> 1) + 1, u64::MAX - 1, u64::MAX] {
        let ask = |machine: &mut Machine, counter| {
            let body = place.ask(machine, Act::Activate, VOLUME_EDITION);
            machine.sign(ClientRequest { counter, ..body })
        };
        let request = ask(&mut machine, counter);
        let granted = host.activate(&request);
        place.verify(&granted, &request);
        same(&host.activate(&request), &granted, &format!("counter {counter}"));
        let replayed = refused(&host.activate(&ask(&mut machine, counter)), 409, "request-replayed");
        assert_eq!(replayed["seen"], counter);
    }
}

#[test]
fn a_known_client_id_with_another_key_is_told_to_rekey_for_every_edition() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let (mut original, mut copy) = (Machine::new(&Env::system()), Machine::new(&Env::system()));
    assert_eq!(host.activate(&place.request(&mut original, Act::Activate, VOLUME_EDITION)).status, 200);
    for edition in [VOLUME_EDITION, SEAT_EDITION] {
        for (act, path) in [(Act::Activate, "/v1/activate"), (Act::Release, "/v1/release")] {
            let mut body = place.ask(&mut copy, act, edition);
            (body.client, body.counter) = (original.id, 1_000_000);
            refused(&host.connect().post(path, &copy.sign(body)).unwrap(), 409, "rekey-required");
        }
    }
    assert_eq!(host.activate(&place.request(&mut original, Act::Activate, VOLUME_EDITION)).status, 200);
}

#[test]
fn a_request_for_this_host_by_its_id_is_granted() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let mut machine = Machine::new(&Env::system());
    let request = place.request(&mut machine, Act::Activate, VOLUME_EDITION);
    let (lease, _) = place.verify(&host.activate(&request), &request);
    let mut body = place.ask(&mut machine, Act::Activate, VOLUME_EDITION);
    (body.audience, body.previous) = (Some(lease.position.host), Some(lease.position));
    let request = machine.sign(body);
    let (next, _) = place.verify(&host.activate(&request), &request);
    assert_eq!(next.previous, Some(lease.position), "the lease does not name the one before it");
}

#[test]
fn a_request_comes_in_its_own_way() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let mut machine = Machine::new(&Env::system());
    let activate = place.request(&mut machine, Act::Activate, VOLUME_EDITION);
    let release = place.request(&mut machine, Act::Release, VOLUME_EDITION);
    for (path, content_type, body, status, code) in [
        ("/v1/release", "Content-Type: application/cose", &activate, 400, "request-invalid"),
        ("/v1/activate", "Content-Type: application/cose", &release, 400, "request-invalid"),
        ("/v1/activate", "Content-Type: application/cose", &Vec::new(), 400, "request-invalid"),
        ("/v1/activate", "Content-Type: application/cbor", &activate, 415, "media-type-unsupported"),
        ("/v1/activate", "Content-Type: application/json", &activate, 415, "media-type-unsupported"),
        ("/v1/release", "Content-Type: application/cosette", &release, 415, "media-type-unsupported"),
        ("/v1/activate", "Content-Type: \u{fc}", &activate, 415, "media-type-unsupported"),
        ("/v1/activate", "X-Nothing: x", &activate, 415, "media-type-unsupported"),
        ("/v1/mak", "Content-Type: application/cose", &activate, 404, "route-unknown"),
        ("/v2/activate", "Content-Type: application/cose", &activate, 404, "route-unknown"),
    ] {
        let mut connection = Connection::open(host.clients).unwrap();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: x\r\n{content_type}\r\nContent-Length: {}\r\n\r\n", body.len());
        connection.send(&[head.as_bytes(), body].concat()).unwrap();
        let answer = connection.answer().unwrap();
        assert_eq!((answer.status, problem(&answer)["code"].as_str()), (status, Some(code)), "{path}, {content_type}");
    }
    assert_eq!(place.ledger().len(), 0);
    assert_eq!(host.activate(&activate).status, 200);
}

// Renewal and release.

#[test]
fn a_renewal_is_a_further_lease_and_a_release_makes_room_for_the_next() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let mut machine = Machine::new(&Env::system());
    let mut activated = |host: &Host| {
        let request = place.request(&mut machine, Act::Activate, VOLUME_EDITION);
        place.verify(&host.activate(&request), &request)
    };
    let (first, entitlement) = activated(&host);
    let (renewed, _) = activated(&host);
    assert_eq!((first.position.sequence, renewed.position.sequence), (1, 2));
    for lease in [&first, &renewed] {
        assert_eq!((lease.count, &lease.seat), (1, &None));
        assert_eq!(lease.expires, lease.issued.plus(180 * DAY));
        assert_eq!(lease.renew_after, lease.issued.plus(7 * DAY));
        assert!(lease.expires <= entitlement.stop_at);
    }
    assert!(renewed.issued >= first.issued && renewed.issued.secs_since(first.issued) < MINUTE);

    assert_eq!(host.release(&place.request(&mut machine, Act::Release, VOLUME_EDITION)).status, 204);
    let again = host.release(&place.request(&mut machine, Act::Release, VOLUME_EDITION));
    refused(&again, 404, "lease-unknown");
    let request = place.request(&mut machine, Act::Activate, VOLUME_EDITION);
    assert_eq!(place.verify(&host.activate(&request), &request).0.position.sequence, 4);
    let stranger = place.request(&mut Machine::new(&Env::system()), Act::Release, VOLUME_EDITION);
    refused(&host.release(&stranger), 404, "lease-unknown");
}

#[test]
fn a_lease_ends_with_its_entitlement() {
    let mut publisher = Publisher::new(1, 1);
    let stop_at = Env::system().now().plus(10 * DAY);
    publisher.stop_at = Some(stop_at);
    let place = Place::new(publisher);
    let host = place.start();
    let request = place.request(&mut Machine::new(&Env::system()), Act::Activate, VOLUME_EDITION);
    let (lease, _) = place.verify(&host.activate(&request), &request);
    assert_eq!(lease.expires, stop_at);
    assert!(lease.renew_after < lease.expires);
}
