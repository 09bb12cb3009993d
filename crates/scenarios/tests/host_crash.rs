//! A host that is killed, or told to stop, while many clients ask: what it acknowledged is in its ledger, and a repeat of
//! what it did not acknowledge is answered once.
//!
//! The moment is drawn as a number of acknowledged answers, from a seed that is printed: set `KEYMUSTER_SEED` to use it again.
#![allow(
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says its seed"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::mpsc::{self, Sender};

use common::{Host, Ledger, PATIENCE, Place, bounded, same};
use keymuster_core::bundle::Bundle;
use keymuster_core::document::{Signed, payload};
use keymuster_core::lease::Lease;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::signature::PublicKey;
use keymuster_core::time::Timestamp;
use keymuster_host::identity;
use keymuster_host::store::ledger::Kind;
use keymuster_scenarios::fixture::{Publisher, SEAT_EDITION, VOLUME_EDITION};
use keymuster_scenarios::load::{Answer, Connection, Machine};
use keymuster_scenarios::programs::Running;
use keymuster_service::Env;

/// Connections that ask at one time.
const CONNECTIONS: usize = 8;
/// The most answers that a host may give before it ends.
const ANSWERS_MAX: u64 = 250;
/// Seats of the pool, fewer than connections that ask for them.
const SEATS: u32 = 5;

/// Numbers that follow from a seed.
struct Lot(Env);

impl Lot {
    fn new(test: &str) -> Lot {
        let given = std::env::var("KEYMUSTER_SEED").ok().map(|seed| seed.parse().unwrap());
        let seed = given.unwrap_or_else(|| u64::from_be_bytes(Env::system().random()));
        eprintln!("{test}: KEYMUSTER_SEED={seed}");
        Lot(Env::fixed(Timestamp::from_secs(0), seed))
    }

    /// A number from 0 to below `end`.
    fn below(&self, end: u64) -> u64 {
        u64::from_be_bytes(self.0.random()) % end
    }
}

/// A request that was sent.
struct Sent {
    machine: usize,
    path: &'static str,
    body: Vec<u8>,
}

/// What one connection asked on behalf of its machines, over all starts of the host.
struct Worker {
    lot: Lot,
    /// Even ones ask for volume leases, odd ones for seats.
    machines: Vec<Machine>,
    /// In the order of their answers.
    acknowledged: Vec<(Sent, Answer)>,
    /// Sent last, and not answered.
    open: Option<Sent>,
}

impl Worker {
    fn new(lot: &Lot) -> Worker {
        let lot = Lot(Env::fixed(Timestamp::from_secs(0), lot.below(u64::MAX)));
        Worker { lot, machines: Vec::new(), acknowledged: Vec::new(), open: None }
    }

    /// Asks until the host is gone.
    fn ask(&mut self, place: &Place, host: SocketAddr, answered: &Sender<()>) {
        let Ok(mut connection) = Connection::open(host) else { return };
        loop {
            let sent = self.draw(place);
            let Ok(answer) = connection.post(sent.path, &sent.body) else {
                self.open = Some(sent);
                return;
            };
            check_status(&answer);
            self.acknowledged.push((sent, answer));
            // The host may be told to end already, and nobody counts any more.
            let _ = answered.send(());
        }
    }

    /// A request of a machine that is new as often as not; those that ask for seats give them back as often.
    fn draw(&mut self, place: &Place) -> Sent {
        let known = self.machines.len() as u64;
        let machine = usize::try_from(self.lot.below(2 * known + 1)).unwrap().min(self.machines.len());
        if machine == self.machines.len() {
            self.machines.push(Machine::new(&self.lot.0));
        }
        let edition = if machine % 2 == 0 { VOLUME_EDITION } else { SEAT_EDITION };
        let is_release = edition == SEAT_EDITION && self.lot.below(2) == 0;
        let (act, path) = if is_release { (Act::Release, "/v1/release") } else { (Act::Activate, "/v1/activate") };
        Sent { machine, path, body: place.request(&mut self.machines[machine], act, edition) }
    }

    /// Repeats what was not answered, which must be decided now, and the last answer to another machine that granted
    /// something, which must come again as it was.
    fn repeat(&mut self, host: &Host) {
        let mut connection = host.connect();
        let open = self.open.take();
        let mut asked_later: BTreeSet<usize> = open.iter().map(|open| open.machine).collect();
        let last_granted = self.acknowledged.iter().rev().find(|(sent, answer)| {
            let is_last_of_machine = asked_later.insert(sent.machine);
            is_last_of_machine && [200, 204].contains(&answer.status)
        });
        if let Some((sent, answer)) = last_granted {
            same(&connection.post(sent.path, &sent.body).unwrap(), answer, "a repeat after the restart");
        }
        if let Some(open) = open {
            let answer = connection.post(open.path, &open.body).unwrap();
            check_status(&answer);
            self.acknowledged.push((open, answer));
        }
    }
}

/// Granted, released, all seats taken, or no seat to be released: nothing else is due to these machines.
fn check_status(answer: &Answer) {
    assert!([200, 204, 403, 404].contains(&answer.status), "{answer:?}");
}

/// Lets all workers ask until `answers` have come, ends the host meanwhile by `end`, and returns when all have noticed.
fn load(place: &Place, workers: &mut [Worker], host: &mut Host, answers: u64, end: impl FnOnce(&mut Running)) {
    let (answered, count) = mpsc::channel();
    let address = host.clients;
    std::thread::scope(|scope| {
        for worker in workers {
            let answered = answered.clone();
            scope.spawn(move || worker.ask(place, address, &answered));
        }
        for _ in 0..answers {
            count.recv_timeout(PATIENCE).unwrap();
        }
        end(&mut host.running);
    });
}

/// What was acknowledged: the payload of each lease by its place in the ledger, and the ids of releases.
#[derive(Default)]
struct Acknowledged {
    leases: BTreeMap<u64, Vec<u8>>,
    releases: BTreeSet<String>,
}

impl Acknowledged {
    /// Takes over what the workers hold of new answers.
    fn note(&mut self, workers: &[Worker], noted: &mut [usize], host_key: &PublicKey) {
        for (worker, noted) in workers.iter().zip(noted) {
            for (sent, answer) in &worker.acknowledged[*noted..] {
                match answer.status {
                    200 => {
                        let lease = Bundle::parse(&answer.body).unwrap().lease.unwrap();
                        let lease = Signed::<Lease>::verify(&lease, host_key).unwrap();
                        let before = self.leases.insert(lease.position.sequence, payload(&*lease).unwrap());
                        assert_eq!(before, None, "two leases with sequence {}", lease.position.sequence);
                    }
                    204 => {
                        self.releases.insert(ClientRequest::verify(&sent.body).unwrap().request.to_string());
                    }
                    _ => {}
                }
            }
            *noted = worker.acknowledged.len();
        }
    }

    /// What of it a ledger lacks.
    fn missing(&self, ledger: &Ledger) -> Vec<String> {
        let holds = |sequence: u64, payload: &Vec<u8>| {
            let entry = usize::try_from(sequence - 1).ok().and_then(|index| ledger.entries.get(index));
            entry.is_some_and(|entry| entry.kind == Kind::Lease && entry.payload == *payload)
        };
        let leases = self.leases.iter().filter(|(sequence, payload)| !holds(**sequence, payload));
        let requests = ledger.requests();
        let releases = self.releases.iter().filter(|request| !requests.contains(*request));
        leases.map(|(sequence, _)| format!("lease {sequence}")).chain(releases.cloned()).collect()
    }
}

/// Seats are within the limit, and the count of the host's memory is that of its database.
fn check_state(place: &Place, host: &Host) {
    let db = place.read();
    let number = |sql: &str| db.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap();
    assert!(number("SELECT COUNT(*) FROM seat") <= SEATS);
    assert_eq!(number("SELECT COUNT(*) FROM seat"), number("SELECT COUNT(DISTINCT fence) FROM seat"));
    let request = place.request(&mut Machine::new(&Env::system()), Act::Activate, VOLUME_EDITION);
    let (lease, _) = place.verify(&host.activate(&request), &request);
    assert_eq!(lease.count, u64::from(number("SELECT COUNT(DISTINCT client_id) FROM client")));
}

#[test]
fn a_host_that_is_killed_at_any_moment_has_what_it_acknowledged() {
    let lot = Lot::new("kill");
    let place = Place::new(Publisher::new(1, SEATS));
    let mut workers: Vec<Worker> = (0..CONNECTIONS).map(|_| Worker::new(&lot)).collect();
    let host_key = identity::read(&place.data_dir).unwrap().public();
    let (mut acknowledged, mut noted) = (Acknowledged::default(), [0; CONNECTIONS]);
    let mut host = place.start();
    let mut open = 0;
    for round in 0..50 {
        load(&place, &mut workers, &mut host, 1 + lot.below(ANSWERS_MAX), |running| running.kill().unwrap());
        open += workers.iter().filter(|worker| worker.open.is_some()).count();
        host = place.start();
        acknowledged.note(&workers, &mut noted, &host_key);
        assert_eq!(acknowledged.missing(&place.ledger()), [""; 0], "round {round}");
        check_state(&place, &host);
        workers.iter_mut().for_each(|worker| worker.repeat(&host));
    }
    acknowledged.note(&workers, &mut noted, &host_key);
    assert_eq!(acknowledged.missing(&place.ledger()), [""; 0]);
    assert!(open >= 50, "only {open} requests were under way when the host was killed: too few to say anything");
    host.stop();
}

#[test]
fn a_host_that_is_told_to_stop_answers_what_it_decided_and_decides_nothing_else() {
    let lot = Lot::new("stop");
    let place = Place::new(Publisher::new(1, SEATS));
    let mut workers: Vec<Worker> = (0..CONNECTIONS).map(|_| Worker::new(&lot)).collect();
    let host_key = identity::read(&place.data_dir).unwrap().public();
    let (mut acknowledged, mut noted) = (Acknowledged::default(), [0; CONNECTIONS]);
    for round in 0..20 {
        let mut host = place.start();
        load(&place, &mut workers, &mut host, 1 + lot.below(ANSWERS_MAX), |running| {
            let pid = running.id();
            assert!(bounded(pid, || running.stop()).unwrap(), "round {round}: the exit code is not 0");
        });
        acknowledged.note(&workers, &mut noted, &host_key);
        let ledger = place.ledger();
        assert_eq!(acknowledged.missing(&ledger), [""; 0], "round {round}");
        let decided = ledger.requests();
        for open in workers.iter().filter_map(|worker| worker.open.as_ref()) {
            let request = ClientRequest::verify(&open.body).unwrap().request.to_string();
            assert!(!decided.contains(&request), "round {round}: {request} was decided and not answered");
        }
        let host = place.start();
        check_state(&place, &host);
        workers.iter_mut().for_each(|worker| worker.repeat(&host));
        host.stop();
    }
}

/// The checks above can fail: each of these faults is found in a ledger that was sound before.
#[test]
fn a_ledger_that_was_changed_is_not_taken_for_sound() {
    for (what, fault) in [
        ("its last entry lost", "DELETE FROM ledger WHERE sequence = 5"),
        ("an entry lost", "DELETE FROM ledger WHERE sequence = 3"),
        (
            "two payloads swapped",
            "UPDATE ledger SET payload = (SELECT payload FROM ledger WHERE sequence = 2) WHERE sequence = 3",
        ),
        ("a running hash changed", "UPDATE ledger SET head = replace(head, 'a', 'b') WHERE sequence = 4"),
        ("a client's row set back", "UPDATE client SET answered_by = 1, lease_sequence = 1"),
        ("a client's row ahead", "UPDATE client SET answered_by = 6 WHERE answered_by = 5"),
    ] {
        let place = Place::new(Publisher::new(1, SEATS));
        let host = place.start();
        for _ in 0..5 {
            let request = place.request(&mut Machine::new(&Env::system()), Act::Activate, VOLUME_EDITION);
            assert_eq!(host.activate(&request).status, 200);
        }
        host.stop();
        place.ledger();
        place.tamper(fault);
        let found = Ledger::read(&mut place.read());
        assert!(found.is_err(), "{what}: {found:?}");
    }
}
