//! What administrators do about clients, while a real host answers them: seats reclaimed, clients released and kept again.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use common::{Host, Place, poll, refused};
use keymuster_core::document::Signed;
use keymuster_core::id::{ClientId, Label};
use keymuster_core::lease::Lease;
use keymuster_core::request::Act;
use keymuster_core::time::{HOUR, Timestamp};
use keymuster_host::acts;
use keymuster_host::site::{Home, Site};
use keymuster_host::views::client::{self, Detail};
use keymuster_host::views::clients::State;
use keymuster_host::views::{pools, refusals};
use keymuster_scenarios::fixture::{Publisher, SEAT_EDITION, VOLUME_EDITION};
use keymuster_scenarios::load::{Answer, Machine};
use keymuster_service::Env;
use keymuster_service::console::By;

fn machine() -> Machine {
    Machine::new(&Env::system())
}

fn now() -> Timestamp {
    Env::system().now()
}

fn reason() -> Label {
    "she has left".parse().unwrap()
}

fn ask(host: &Host, place: &Place, machine: &mut Machine, edition: u16) -> (Answer, Vec<u8>) {
    let request = place.request(machine, Act::Activate, edition);
    (host.activate(&request), request)
}

fn granted(host: &Host, place: &Place, machine: &mut Machine, edition: u16) -> Signed<Lease> {
    let (answer, request) = ask(host, place, machine, edition);
    place.verify(&answer, &request).0
}

fn home(place: &Place) -> Home {
    Home::open(&place.data_dir, &Env::system()).unwrap()
}

fn reclaim(place: &Place, client: ClientId) -> anyhow::Result<Timestamp> {
    let pool = "pool".parse().unwrap();
    let whose = (&place.publisher.trust.publisher, &pool);
    acts::seat::reclaim(&mut home(place), &By::local_user(now()), whose, client, &reason())
}

fn release(place: &Place, client: ClientId) -> anyhow::Result<()> {
    let publisher = &place.publisher.trust.publisher;
    acts::client::release(&mut home(place), &By::local_user(now()), publisher, client, &reason())
}

fn keep(place: &Place, client: ClientId) -> anyhow::Result<()> {
    let publisher = &place.publisher.trust.publisher;
    acts::client::keep(&mut home(place), &By::local_user(now()), publisher, client, &reason())
}

/// Runs a view on the database beside the host.
fn view<T>(place: &Place, load: impl FnOnce(&keymuster_service::sql::Transaction<'_>, &Site) -> T) -> T {
    let mut db = place.read();
    let tx = db.transaction().unwrap();
    let site = Site::load(&tx).unwrap();
    load(&tx, &site)
}

fn detail(place: &Place, client: ClientId) -> Option<Detail> {
    view(place, |tx, site| client::load(tx, site, &site.publishers[0], client, now()).unwrap())
}

/// The newest entries of the audit: act and detail.
fn audit(place: &Place) -> Vec<(String, String)> {
    let db = place.read();
    let mut statement = db.prepare("SELECT act, detail FROM audit ORDER BY sequence").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0).unwrap(), row.get(1).unwrap()))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn a_reclaimed_seat_is_not_renewed_and_never_given_twice() {
    let mut publisher = Publisher::new(1, 1);
    (publisher.term_secs, publisher.guard_secs) = (3, 1);
    let place = Place::new(publisher);
    let host = place.start();
    let (mut holder, mut other) = (machine(), machine());
    let held = granted(&host, &place, &mut holder, SEAT_EDITION);
    refused(&ask(&host, &place, &mut other, SEAT_EDITION).0, 403, "seats-exhausted");
    assert!(reclaim(&place, other.id).unwrap_err().to_string().contains("holds no seat of pool pool"));

    let free_at = reclaim(&place, holder.id).unwrap();
    assert_eq!(free_at, held.expires.plus(1));
    assert!(reclaim(&place, holder.id).unwrap_err().to_string().contains("was reclaimed before"));
    let taken = poll("the seat to become free", || {
        let (answer, request) = ask(&host, &place, &mut other, SEAT_EDITION);
        if answer.status == 200 {
            return Some(place.verify(&answer, &request).0);
        }
        assert_eq!(refused(&answer, 403, "seats-exhausted")["next_end"], free_at.as_secs());
        // Once the seat is free, its holder would be a client like any other.
        if now().plus(1) < free_at {
            let members = refused(&ask(&host, &place, &mut holder, SEAT_EDITION).0, 403, "seat-reclaimed");
            assert_eq!(
                (members["pool"].as_str(), members["free_at"].as_u64()),
                (Some("pool"), Some(free_at.as_secs()))
            );
        }
        None
    });
    assert!(taken.issued >= free_at, "the seat was given away while its lease could still be in use");
    let (act, detail) = audit(&place).pop().unwrap();
    assert_eq!(act, "seat reclaimed");
    assert!(detail.contains("pool pool") && detail.ends_with(": she has left"), "{detail}");
}

#[test]
fn the_holder_of_a_reclaimed_seat_gives_it_back_at_once_if_it_can() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let (mut holder, mut other) = (machine(), machine());
    granted(&host, &place, &mut holder, SEAT_EDITION);
    refused(&ask(&host, &place, &mut other, SEAT_EDITION).0, 403, "seats-exhausted");
    reclaim(&place, holder.id).unwrap();
    let members = refused(&ask(&host, &place, &mut holder, SEAT_EDITION).0, 403, "seat-reclaimed");
    let page = view(&place, |tx, site| pools::one(tx, site, ("fixture", "pool"), 0, now()).unwrap().unwrap());
    assert_eq!((page.pool.seats, page.pool.held, page.pool.free), (1, 1, 0));
    let seat = &page.holders[0];
    assert_eq!(
        (&seat.client, seat.fence, Some(seat.free_at)),
        (&holder.id.to_string(), 1, members["free_at"].as_u64())
    );
    assert!(seat.reclaimed_at.is_some() && seat.taken_at.is_some() && seat.name.is_some());
    let waiting: Vec<&str> = page.waiting.iter().map(|refused| &*refused.client).collect();
    assert_eq!(waiting, [other.id.to_string()], "who was refused and holds none stands for the queue");

    assert_eq!(host.release(&place.request(&mut holder, Act::Release, SEAT_EDITION)).status, 204);
    assert_eq!(granted(&host, &place, &mut other, SEAT_EDITION).seat.as_ref().unwrap().fence, 2);
    let page = view(&place, |tx, site| pools::one(tx, site, ("fixture", "pool"), 0, now()).unwrap().unwrap());
    assert_eq!((page.holders[0].reclaimed_at, page.waiting.len()), (None, 0));
}

#[test]
fn a_released_client_is_counted_no_more_and_not_renewed_until_it_is_kept() {
    let place = Place::new(Publisher::new(1, 2));
    let host = place.start();
    let (mut one, mut two, mut three) = (machine(), machine(), machine());
    granted(&host, &place, &mut one, VOLUME_EDITION);
    granted(&host, &place, &mut one, SEAT_EDITION);
    let counted = |machine: &mut Machine| granted(&host, &place, machine, VOLUME_EDITION).count;
    assert_eq!(counted(&mut two), 2);
    let repeated = place.request(&mut one, Act::Activate, VOLUME_EDITION);
    let first = host.activate(&repeated);

    release(&place, one.id).unwrap();
    assert!(release(&place, one.id).unwrap_err().to_string().contains("not released already"));
    assert_eq!(counted(&mut two), 1, "the running host has forgotten it");
    let members = refused(&ask(&host, &place, &mut one, VOLUME_EDITION).0, 403, "client-released");
    let newest = detail(&place, one.id).unwrap();
    let lease = newest.editions.iter().find_map(|edition| edition.lease.as_ref()).unwrap();
    assert_eq!(members["until"], lease.expires);
    refused(&ask(&host, &place, &mut one, SEAT_EDITION).0, 403, "client-released");
    common::same(&host.activate(&repeated), &first, "a repeat is answered as before");
    assert_eq!(counted(&mut two), 1, "what is refused so is not counted");
    assert_eq!(counted(&mut three), 2);
    assert!(
        newest.released_at.is_some() && newest.editions.iter().all(|edition| edition.state == Some(State::Released))
    );
    let pool = view(&place, |tx, site| pools::one(tx, site, ("fixture", "pool"), 0, now()).unwrap().unwrap());
    assert!(pool.holders[0].reclaimed_at.is_some(), "a seat that it holds is reclaimed");

    keep(&place, one.id).unwrap();
    assert!(keep(&place, one.id).unwrap_err().to_string().contains("is not released"));
    assert_eq!(counted(&mut two), 3, "it counts by its last request as before");
    assert_eq!(counted(&mut one), 3);
    host.stop();
    let host = place.start();
    assert_eq!(granted(&host, &place, &mut two, VOLUME_EDITION).count, 3, "a restart counts the same");
    let acts = audit(&place).into_iter().map(|(act, _)| act).filter(|act| act.starts_with("client "));
    let acts: Vec<String> = acts.collect();
    assert_eq!(acts, ["client released", "client kept"]);
}

#[test]
fn a_released_client_comes_back_as_a_newcomer_once_its_leases_have_ended() {
    let mut publisher = Publisher::new(1, 1);
    (publisher.term_secs, publisher.guard_secs) = (1, 0);
    let place = Place::new(publisher);
    let host = place.start();
    let (mut one, mut other) = (machine(), machine());
    granted(&host, &place, &mut one, SEAT_EDITION);
    granted(&host, &place, &mut other, VOLUME_EDITION);
    release(&place, one.id).unwrap();
    let back = poll("the lease to end", || {
        let (answer, request) = ask(&host, &place, &mut one, SEAT_EDITION);
        (answer.status == 200).then(|| place.verify(&answer, &request).0)
    });
    assert_eq!(back.count, 2);
    assert_eq!(granted(&host, &place, &mut other, VOLUME_EDITION).count, 2);
    assert_eq!(detail(&place, one.id).unwrap().released_at, None);
    assert!(keep(&place, one.id).is_err());
}

#[test]
fn a_client_shows_its_history_and_why_it_was_refused() {
    let place = Place::new(Publisher::new(2, 1));
    let host = place.start();
    let (mut one, mut two) = (machine(), machine());
    for _ in 0..3 {
        refused(&ask(&host, &place, &mut one, VOLUME_EDITION).0, 403, "threshold-not-met");
    }
    let shown = detail(&place, one.id).unwrap();
    let refusal = shown.editions[0].refusal.clone().unwrap();
    assert_eq!((&*refusal.code, refusal.number.as_deref(), refusal.times), ("threshold-not-met", Some("KM-201"), 3));
    assert_eq!(refusal.detail, "1 of 2 clients have asked within the counting window");
    assert_eq!(shown.editions[0].state, Some(State::Refused));
    assert!(shown.history.entries.is_empty());

    granted(&host, &place, &mut two, VOLUME_EDITION);
    let mut sequences = Vec::new();
    let mut previous = None;
    for _ in 0..3 {
        let mut body = place.ask(&mut one, Act::Activate, VOLUME_EDITION);
        body.previous = previous;
        let request = one.sign(body);
        let lease = place.verify(&host.activate(&request), &request).0;
        previous = Some(lease.position);
        sequences.push(lease.position.sequence);
        granted(&host, &place, &mut two, VOLUME_EDITION);
    }
    let mut body = place.ask(&mut one, Act::Release, VOLUME_EDITION);
    body.previous = previous;
    assert_eq!(host.release(&one.sign(body)).status, 204);
    let shown = detail(&place, one.id).unwrap();
    let found: Vec<(u64, &str)> = shown.history.entries.iter().map(|entry| (entry.sequence, entry.act)).collect();
    let newest = sequences[2] + 2;
    let expected =
        [(newest, "given back"), (sequences[2], "granted"), (sequences[1], "granted"), (sequences[0], "granted")];
    assert_eq!((found, shown.history.is_complete), (expected.to_vec(), true));
    assert_eq!(shown.editions[0].state, Some(State::Returned));

    // Another client's place leads nowhere, and a series begins anew behind a lease.
    let mut body = place.ask(&mut two, Act::Activate, VOLUME_EDITION);
    body.previous = previous;
    assert_eq!(host.activate(&two.sign(body)).status, 200);
    let other = detail(&place, two.id).unwrap();
    assert_eq!((other.history.entries.len(), other.history.is_complete), (1, false));
    let mut late = place.ask(&mut two, Act::Activate, VOLUME_EDITION);
    late.time = late.time.minus(30 * HOUR);
    refused(&host.activate(&two.sign(late)), 403, "clock-skew");
    let page = view(&place, |tx, site| refusals::load(tx, site, &refusals::Query::default()).unwrap());
    let codes: Vec<(&str, u64)> = page.refusals.iter().map(|refused| (&*refused.code, refused.times)).collect();
    assert_eq!(codes, [("clock-skew", 1), ("threshold-not-met", 3)], "the newest first, one for each client");
}

#[test]
fn invented_clients_fill_no_more_than_a_bounded_table() {
    let place = Place::new(Publisher::new(1000, 1));
    let host = place.start();
    let mut one = machine();
    refused(&ask(&host, &place, &mut one, VOLUME_EDITION).0, 403, "threshold-not-met");
    place.tamper("UPDATE refusal SET sequence = sequence + 10000");
    let mut two = machine();
    refused(&ask(&host, &place, &mut two, VOLUME_EDITION).0, 403, "threshold-not-met");
    place.tamper("UPDATE refusal SET sequence = 1 WHERE sequence = 10001");
    refused(&ask(&host, &place, &mut two, VOLUME_EDITION).0, 403, "threshold-not-met");
    let page = view(&place, |tx, site| refusals::load(tx, site, &refusals::Query::default()).unwrap());
    let clients: Vec<&str> = page.refusals.iter().map(|refused| &*refused.client).collect();
    assert_eq!(clients, [two.id.to_string()], "the oldest is dropped");
}
