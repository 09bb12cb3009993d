//! A host that is killed, whose power goes, whose disk fails or is full: what it acknowledged is in its ledger afterwards,
//! and a repeat of what it did not acknowledge is answered once. `cargo xtask long crash` does the same thousands of times.
//!
//! What is drawn follows from a seed that is printed: set `KEYMUSTER_SEED` to use it again.
#![allow(
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says its seed"
)]

mod common;
#[path = "crash/disk.rs"]
mod disk;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;

use common::{Ledger, Place, bounded, may_mount};
use keymuster_core::request::Act;
use keymuster_scenarios::crash::figures::Figures;
use keymuster_scenarios::crash::fleet::{Fleet, SEATS};
use keymuster_scenarios::crash::host::Host;
use keymuster_scenarios::crash::lot::{self, Lot, SEED};
use keymuster_scenarios::crash::steps::{Scenario, Which};
use keymuster_scenarios::crash::{canaries, cuts, full, kills, steps};
use keymuster_scenarios::fixture::{Publisher, VOLUME_EDITION};
use keymuster_scenarios::load::Machine;
use keymuster_scenarios::programs::PATIENCE;
use keymuster_service::Env;

fn lot(test: &str) -> Lot {
    let seed = lot::seed().unwrap();
    eprintln!("{test}: {SEED}={seed}");
    Lot::new(seed)
}

/// Checks what a part has counted; `under_way` says whether requests must have been open, or the moment says nothing.
fn check(parts: &[Figures], under_way: u64) {
    for figures in parts {
        assert!(figures.holds(), "{figures:?}");
    }
    let open: u64 = parts.iter().map(|figures| figures.open).sum();
    assert!(open >= under_way, "only {open} requests were under way when it happened: too few to say anything");
}

/// Whether this is the run that may mount a file system of its own making. A machine without FUSE says so, and plays the
/// kills alone.
fn may_mount_own(test: &str) -> bool {
    let has_fuse = Path::new("/dev/fuse").exists();
    if !has_fuse {
        eprintln!("{test}: NOT PLAYED, as this machine has no /dev/fuse");
    }
    has_fuse && may_mount(test)
}

#[test]
fn a_host_that_is_killed_at_any_moment_has_what_it_acknowledged() {
    check(&[kills::run(&lot("kill"), 12).unwrap()], 12);
}

#[test]
fn a_host_whose_power_goes_has_what_it_acknowledged() {
    if may_mount_own("a_host_whose_power_goes_has_what_it_acknowledged") {
        let cuts = cuts::run(&lot("power"), 10).unwrap();
        check(&[cuts.under_load, cuts.in_recovery], 10);
    }
}

#[test]
fn a_host_is_killed_cut_off_or_told_of_an_error_at_single_changes_of_its_disk() {
    if may_mount_own("a_host_is_killed_cut_off_or_told_of_an_error_at_single_changes_of_its_disk") {
        check(&steps::run(&lot("changes"), Scenario::Serve, Which::Drawn(1)).unwrap(), 1);
    }
}

#[test]
fn a_change_of_the_schema_happens_whole_or_not_at_all() {
    if may_mount_own("a_change_of_the_schema_happens_whole_or_not_at_all") {
        check(&steps::run(&lot("schema"), Scenario::Migrate, Which::Drawn(1)).unwrap(), 0);
    }
}

#[test]
fn a_full_disk_costs_nothing_that_was_acknowledged() {
    if may_mount_own("a_full_disk_costs_nothing_that_was_acknowledged") {
        check(&[full::run(&lot("full"), 5).unwrap()], 5);
    }
}

#[test]
fn a_disk_that_lies_and_settings_that_are_careless_are_seen_to_lose() {
    if may_mount_own("a_disk_that_lies_and_settings_that_are_careless_are_seen_to_lose") {
        check(&canaries::run(&lot("canaries"), 5).unwrap(), 0);
    }
}

#[test]
fn a_host_that_is_told_to_stop_answers_what_it_decided_and_decides_nothing_else() {
    let lot = lot("stop");
    let place = Place::new(Publisher::new(1, SEATS));
    let (log, process): (PathBuf, _) = (place.data_dir.with_extension("log"), AtomicU32::new(0));
    let mut fleet = Fleet::new(&lot, &place.publisher, &place.data_dir, 8).unwrap();
    for round in 0..6 {
        let mut host = Host::start(&place.data_dir, &log, &process).unwrap();
        let answers = 1 + lot.below(250);
        let stopped = fleet.ask_until_gone(host.clients, |answered| {
            (0..answers).for_each(|_| answered.recv_timeout(PATIENCE).unwrap());
            let pid = host.running.id();
            bounded(pid, || host.running.stop()).unwrap()
        });
        assert!(stopped.unwrap(), "round {round}: the exit code is not 0");
        let decided = fleet.demand(&place.data_dir).unwrap().requests().unwrap();
        for open in fleet.open().unwrap() {
            assert!(!decided.contains(&open), "round {round}: {open} was decided and not answered");
        }
        let host = Host::start(&place.data_dir, &log, &process).unwrap();
        fleet.come_back(host.clients).unwrap();
        fleet.demand_count(&place.data_dir).unwrap();
        host.stop().unwrap();
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
