//! Upgrade and downgrade by one version with data: the schema goes on, what was before is kept, and a program opens what a
//! newer one has written as long as that has only added to it.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use common::{Place, fails_to_serve};
use keymuster_core::request::Act;
use keymuster_host::store::MIGRATIONS;
use keymuster_scenarios::fixture::{DOWN, Publisher, SEAT_EDITION, VOLUME_EDITION};
use keymuster_scenarios::load::Machine;
use keymuster_service::{Env, database};

/// What a newer version may do.
const ADDITION: &str = "CREATE TABLE future (id BIGINT NOT NULL PRIMARY KEY);
                        ALTER TABLE client ADD COLUMN future TEXT NOT NULL DEFAULT 'unknown';
                        CREATE INDEX client_future ON client (future)";

fn version(place: &Place) -> usize {
    let version: i64 = place.read().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    usize::try_from(version).unwrap()
}

fn change(place: &Place, sql: &str, version: usize) {
    let db = rusqlite::Connection::open(place.data_dir.join("host.db")).unwrap();
    db.execute_batch(sql).unwrap();
    db.pragma_update(None, "user_version", version as i64).unwrap();
}

/// Machines that ask for both kinds of lease, over all starts of the host.
struct Fleet(Vec<Machine>);

impl Fleet {
    fn new() -> Fleet {
        Fleet((0..6).map(|_| Machine::new(&Env::system())).collect())
    }

    /// Starts the host, lets everybody and one more renew, and stops it.
    fn renew(&mut self, place: &Place) {
        let host = place.start();
        self.0.push(Machine::new(&Env::system()));
        for (number, machine) in self.0.iter_mut().enumerate() {
            let edition = if number % 2 == 0 { VOLUME_EDITION } else { SEAT_EDITION };
            let request = place.request(machine, Act::Activate, edition);
            place.verify(&host.activate(&request), &request);
        }
        host.stop();
        place.ledger();
    }
}

#[test]
fn a_database_goes_up_one_version_and_what_was_before_is_kept() {
    let place = Place::new(Publisher::new(1, 20));
    let mut fleet = Fleet::new();
    fleet.renew(&place);
    let known = MIGRATIONS.len();
    change(&place, DOWN, known - 1);
    let before = common::rows(&place.data_dir);
    fleet.renew(&place);
    assert_eq!(version(&place), known);
    let kept = place.data_dir.join(format!("host.db.schema-{}", known - 1));
    let copied = tempfile::tempdir().unwrap();
    std::fs::copy(&kept, copied.path().join("host.db")).unwrap();
    assert_eq!(common::rows(copied.path()), before, "the copy is the database as it was");
    database::check(&kept).unwrap();
}

#[test]
fn a_program_serves_from_a_database_that_the_next_version_has_added_to() {
    let place = Place::new(Publisher::new(1, 20));
    let mut fleet = Fleet::new();
    fleet.renew(&place);
    let next = MIGRATIONS.len() + 1;
    change(&place, ADDITION, next);
    fleet.renew(&place);
    assert_eq!(version(&place), next, "the next version finds it as it left it");
    let unknown = "SELECT count(*) FROM client WHERE future = 'unknown'";
    let count: i64 = place.read().query_row(unknown, [], |row| row.get(0)).unwrap();
    assert_eq!(count, 8, "what it wrote has the value that says so");

    // Had it changed more, it would have said so.
    change(&place, &format!("UPDATE schema_reader SET oldest = {next}"), next);
    let (exit, told) = fails_to_serve(&place.data_dir, &[]);
    assert!(exit == Some(3) && told.contains("KM-413") && told.contains("newer version"), "{exit:?}: {told}");
}
