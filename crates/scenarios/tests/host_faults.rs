//! A host whose disk is full, whose files are damaged, whose clock is wrong or whose port is taken: it says what is wrong,
//! loses nothing that it acknowledged, and goes on by itself where that is possible.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;

use common::{Host, Place, fails_to_serve, may_mount, mount, poll, refused, same};
use keymuster_core::id::to_hex;
use keymuster_core::ledger::Head;
use keymuster_core::request::Act;
use keymuster_core::time::{HOUR, MINUTE};
use keymuster_scenarios::fixture::{Publisher, VOLUME_EDITION};
use keymuster_scenarios::load::{Answer, Machine};
use keymuster_scenarios::programs;
use keymuster_service::Env;

fn ask(host: &Host, place: &Place, machine: &mut Machine) -> Answer {
    host.activate(&place.request(machine, Act::Activate, VOLUME_EDITION))
}

fn machine() -> Machine {
    Machine::new(&Env::system())
}

/// Checks that an error names all of `parts`, so that an administrator knows what to do.
fn check_says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
}

// The disk.

/// Takes all the room that is left.
fn fill(file: &Path) {
    let mut file = File::create(file).unwrap();
    while file.write(&[0; 4096]).is_ok_and(|written| written > 0) {}
}

#[test]
fn a_full_disk_stops_granting_until_there_is_room() {
    if !may_mount("a_full_disk_stops_granting_until_there_is_room") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    mount(directory.path(), "size=4m");
    let place = Place::within(directory, Publisher::new(1, 1));
    let host = place.start();
    let ballast = place.data_dir.with_file_name("ballast");
    let mut held = Vec::new();
    for round in 0..3 {
        for _ in 0..20 {
            let request = place.request(&mut machine(), Act::Activate, VOLUME_EDITION);
            held.push((host.activate(&request), request));
        }
        fill(&ballast);
        let answer = poll("the host to notice", || {
            let request = place.request(&mut machine(), Act::Activate, VOLUME_EDITION);
            let answer = host.activate(&request);
            if answer.status != 200 {
                return Some(answer);
            }
            held.push((answer, request));
            None
        });
        refused(&answer, 503, "host-read-only");
        assert_eq!(answer.header("retry-after"), Some("30"));
        for from in [host.clients, host.administration] {
            let ready = poll("the host to say that it is not ready", || {
                Some(host.get(from, "/readyz")).filter(|answer| answer.status != 200)
            });
            refused(&ready, 503, "not-ready");
            assert_eq!(host.get(from, "/livez").status, 200);
        }
        let mut status = programs::command("keymuster-host").unwrap();
        let status = status.arg("--data-dir").arg(&place.data_dir).arg("status").output().unwrap();
        check_says(&String::from_utf8(status.stdout).unwrap(), &[&format!("{} clients counted", held.len())]);

        fs::remove_file(&ballast).unwrap();
        assert_eq!(host.get(host.clients, "/readyz").status, 200, "round {round}");
        let (answer, request) = held.last().unwrap();
        same(&host.activate(request), answer, "a repeat of what was acknowledged before");
    }
    let ledger = place.ledger();
    assert_eq!(ledger.len(), held.len() as u64);
    for ((answer, request), entry) in held.iter().zip(&ledger.entries) {
        assert_eq!(entry.lease.as_ref(), Some(&*place.verify(answer, request).0));
    }
    host.stop();
    fill(&ballast);
    let (exit, error) = fails_to_serve(&place.data_dir, &[]);
    assert_eq!(exit, Some(3));
    check_says(&error, &["full", place.data_dir.to_str().unwrap()]);
    fs::remove_file(&ballast).unwrap();
    place.start().stop();
}

#[test]
fn a_data_directory_that_cannot_be_written_is_named() {
    if !may_mount("a_data_directory_that_cannot_be_written_is_named") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    mount(&path, "size=4m");
    let place = Place::within(directory, Publisher::new(1, 1));
    mount(&path, "remount,ro");
    let (exit, error) = fails_to_serve(&place.data_dir, &[]);
    assert_eq!(exit, Some(3));
    check_says(&error, &[place.data_dir.to_str().unwrap()]);
    let missing = path.join("another");
    let (exit, error) = fails_to_serve(&missing, &[]);
    assert_eq!(exit, Some(3));
    check_says(&error, &[missing.to_str().unwrap(), "Read-only file system"]);
    mount(&path, "remount,rw");
    place.start().stop();
}

// Files.

/// What is done to a data directory, and the words by which the host says so.
type Damage<'a> = (&'a dyn Fn(&Place), &'a [&'a str]);

#[test]
fn a_data_directory_that_is_damaged_is_refused_with_what_to_do() {
    let newer: fn(&Place) = |place| {
        let db = rusqlite::Connection::open(place.data_dir.join("host.db")).unwrap();
        db.pragma_update(None, "user_version", 99).unwrap();
        db.execute("UPDATE schema_reader SET oldest = 99", []).unwrap();
    };
    let overwrite_database: fn(&Place) = |place| fs::write(place.data_dir.join("host.db"), [b'x'; 9000]).unwrap();
    let key = |text: &'static str| move |place: &Place| fs::write(place.data_dir.join("host.key"), text).unwrap();
    let another = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
    let unreadable_time: fn(&Place) = |place| {
        let host = place.start();
        assert_eq!(ask(&host, place, &mut machine()).status, 200);
        place.tamper("UPDATE client SET last_asked = 'x'");
    };
    let cases: [Damage<'_>; 10] = [
        (&newer, &["newer version", "99"]),
        (&overwrite_database, &["damaged", "backup"]),
        (&key(""), &["host.key", "backup"]),
        (&key("not a key"), &["host.key", "backup"]),
        (&key("0123456789abcdef"), &["host.key", "backup"]),
        (&key(another), &["host.key", "entitlement", "backup"]),
        (&|place| fs::remove_file(place.data_dir.join("host.key")).unwrap(), &["host.key", "No such file"]),
        (&|place| fs::remove_file(place.data_dir.join("host.db")).unwrap(), &["host.key exists", "new"]),
        (&|place| place.tamper("UPDATE publisher SET pack = 'x'"), &["table publisher", "column pack"]),
        (&unreadable_time, &["table client", "column last_asked"]),
    ];
    for (damage, expected) in cases {
        let place = Place::new(Publisher::new(1, 1));
        damage(&place);
        let (exit, error) = fails_to_serve(&place.data_dir, &[]);
        assert_eq!(exit, Some(3), "{error}");
        check_says(&error, expected);
        check_says(&error, &["error: "]);
    }
}

#[test]
fn an_unreadable_row_fails_the_one_client_that_it_belongs_to() {
    for damage in [
        "client SET client_key = 'x'",
        "client SET client_key = 7",
        "client SET request_id = 'x'",
        "client SET request_id = 7",
        "client SET counter = 'x'",
        "client SET answered_by = 'x'",
        "client SET answered_by = 999",
        "client SET last_asked = 'x'",
        "client SET lease_sequence = 'x'",
        "client SET detail_digest = 'x'",
        "ledger SET payload = 'x'",
        "ledger SET kind = 'x'",
    ] {
        let place = Place::new(Publisher::new(1, 1));
        let host = place.start();
        let mut unlucky = machine();
        let repeat = place.request(&mut unlucky, Act::Activate, VOLUME_EDITION);
        assert_eq!(host.activate(&repeat).status, 200);
        place.tamper(&format!("UPDATE {damage}"));
        // While the database is locked, requests gather in one batch.
        let gather = rusqlite::Connection::open(place.data_dir.join("host.db")).unwrap();
        gather.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut others: Vec<_> = (0..16).map(|_| (host.connect(), machine())).collect();
        let mut unlucky_connection = host.connect();
        for (index, (connection, machine)) in others.iter_mut().enumerate() {
            if index == 8 {
                unlucky_connection.send_post("/v1/activate", &repeat).unwrap();
            }
            let request = place.request(machine, Act::Activate, VOLUME_EDITION);
            connection.send_post("/v1/activate", &request).unwrap();
        }
        (0..10).for_each(|_| assert_eq!(host.get(host.clients, "/livez").status, 200));
        gather.execute_batch("COMMIT").unwrap();
        refused(&unlucky_connection.answer().unwrap(), 500, "database-damaged");
        for (connection, _) in &mut others {
            assert_eq!(connection.answer().unwrap().status, 200, "{damage}");
        }
        assert_eq!(ask(&host, &place, &mut machine()).status, 200, "{damage}");
        assert_eq!(host.get(host.clients, "/readyz").status, 200, "{damage}");
    }
}

// The network.

#[test]
fn a_taken_port_is_named_with_the_option_to_change_it() {
    let place = Place::new(Publisher::new(1, 1));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (arguments, option) in [
        (["--listen", &taken, "--admin-listen", "127.0.0.1:0"], "--listen"),
        (["--listen", "127.0.0.1:0", "--admin-listen", &taken], "--admin-listen"),
    ] {
        let (exit, error) = fails_to_serve(&place.data_dir, &arguments);
        assert_eq!(exit, Some(3));
        check_says(&error, &[&taken, "in use", option]);
    }
}

// Time.

#[test]
fn an_entitlement_that_ended_is_named_with_its_date() {
    let mut publisher = Publisher::new(1, 1);
    let stop_at = Env::system().now().minus(HOUR);
    publisher.stop_at = Some(stop_at);
    let place = Place::new(publisher);
    let host = place.start();
    let members = refused(&ask(&host, &place, &mut machine()), 403, "entitlement-expired");
    assert_eq!(members["stopped_at"], stop_at.as_secs());
    check_says(members["detail"].as_str().unwrap(), &[&stop_at.to_string()]);
}

#[test]
fn a_clock_behind_the_ledger_refuses_to_sign() {
    for (ahead_secs, is_behind) in [(0, false), (4 * MINUTE, false), (HOUR, true)] {
        let place = Place::new(Publisher::new(1, 1));
        let host = place.start();
        let mut machine = machine();
        assert_eq!(ask(&host, &place, &mut machine).status, 200);
        host.stop();

        let ledger = place.ledger();
        let payload = &ledger.entries[0].payload;
        let head = Head::empty(ledger.entries[0].lease.as_ref().unwrap().position.host).after(payload).after(payload);
        let at = Env::system().now().plus(ahead_secs).as_secs();
        place.tamper(&format!(
            "INSERT INTO ledger (sequence, epoch, recorded_at, kind, payload, head) \
             SELECT 2, epoch, {at}, kind, payload, '{}' FROM ledger",
            to_hex(&head.hash)
        ));
        let host = place.start();
        let (answer, ready) = (ask(&host, &place, &mut machine), host.get(host.clients, "/readyz"));
        if is_behind {
            refused(&answer, 503, "host-clock-wrong");
            assert_eq!(answer.header("retry-after"), Some("300"));
            check_says(refused(&ready, 503, "not-ready")["detail"].as_str().unwrap(), &["clock"]);
        } else {
            assert_eq!((answer.status, ready.status), (200, 200), "{ahead_secs} seconds ahead");
        }
    }
}
