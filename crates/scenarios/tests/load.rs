//! The load tests, small: a boot storm, silent connections, kills under a steady load. `cargo xtask load` has them whole.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use keymuster_host::store;
use keymuster_scenarios::load::idle::{self, play_idle};
use keymuster_scenarios::load::report::{self, Demands, Report};
use keymuster_scenarios::load::steady::{self, play_steady};
use keymuster_scenarios::load::storm::{self, play_storm};
use keymuster_service::Env;

/// What is wrong with a report, and what is said of it.
type Fault = (fn(&mut Report), &'static str);

/// What a busy machine can hold; the long runs demand more.
const DEMANDS: Demands = Demands { done_secs: 120.0, p99_millis: 60_000.0, resident_max: 400_000_000 };

fn storm(postgresql: bool) -> storm::Options {
    let json = "/dev/null".into();
    storm::Options {
        clients: 600,
        minutes: 0.05,
        known: 2_000,
        postgresql,
        p99_max_millis: 60_000.0,
        json,
        publish: false,
    }
}

#[test]
fn everybody_has_a_lease_after_a_small_storm_and_what_is_gone_is_missed() {
    let (report, seen, site) = play_storm(&storm(false)).unwrap();
    report.judge(DEMANDS).unwrap();
    assert_eq!((report.granted, report.clients, report.lost), (600, 2_061, 0));
    let table = report::table(std::slice::from_ref(&report));
    assert!(table.contains("| leases acknowledged; lost | 600; 0 |"), "{table}");

    let lost = |sql: &str| {
        let db = rusqlite::Connection::open(site.data_dir.join(store::FILE_NAME)).unwrap();
        assert_eq!(db.execute(sql, []).unwrap(), 1, "{sql}");
        seen.book.check(&mut site.database().unwrap(), Env::system().now()).map(|checked| checked.lost)
    };
    // The last entry is that of whoever asked for the count.
    let last = "DELETE FROM ledger WHERE sequence = (SELECT MAX(sequence) FROM ledger)";
    assert_eq!([lost(last).unwrap(), lost(last).unwrap(), lost(last).unwrap()], [0, 1, 2]);
    let error = lost("UPDATE ledger SET payload = 'AAAA' WHERE sequence = 5").unwrap_err();
    assert!(error.to_string().contains("entry 5 does not follow"), "{error}");
}

#[test]
fn what_is_not_as_it_must_be_is_a_failure() {
    let sound = play_storm(&storm::Options { clients: 10, ..storm(false) }).unwrap().0;
    sound.judge(DEMANDS).unwrap();
    let changes: [Fault; 9] = [
        (|report| report.lost = 1, "not in the ledger"),
        (|report| report.granted -= 1, "9 leases for 10"),
        (|report| report.gave_up = 1, "for 10 requests"),
        (|report| report.clients -= 1, "clients, not"),
        (|report| report.counted += 1, "counted"),
        (|report| report.unexpected.push("500".to_owned()), "nobody expects"),
        (|report| report.done_secs = 121.0, "last lease"),
        (|report| report.answer_millis.p99 = 60_001.0, "1 of 100"),
        (|report| report.resident_max = 400_000_001, "memory"),
    ];
    for (change, expected) in changes {
        let mut report = sound.clone();
        change(&mut report);
        let error = report.judge(DEMANDS).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

fn steady(kill_every_secs: u64, postgresql: bool) -> steady::Options {
    steady::Options {
        minutes: 0.1,
        rate: 100,
        known: 5_000,
        renewing: 800,
        kill_every_secs,
        postgresql,
        p99_max_millis: DEMANDS.p99_millis,
        json: "/dev/null".into(),
        publish: false,
    }
}

#[test]
fn a_host_that_is_killed_under_a_steady_load_has_what_it_acknowledged() {
    let (report, _) = play_steady(&steady(2, false)).unwrap();
    report.judge(DEMANDS).unwrap();
    assert_eq!(report.granted, 600);
    assert!(report.conditions.kills >= 2 && report.unanswered > 0, "{report:?}");
}

#[test]
fn two_servers_on_a_postgresql_weather_a_small_storm() {
    let (report, ..) = play_storm(&storm(true)).unwrap();
    report.judge(DEMANDS).unwrap();
    assert_eq!((report.granted, report.clients), (600, 2_061));
    assert!(report.database_cpu_secs.is_some_and(|secs| secs > 0.0), "{report:?}");
}

#[test]
fn two_servers_on_a_postgresql_do_not_read_all_clients_for_a_few() {
    let (report, site) = play_steady(&steady(0, true)).unwrap();
    report.judge(DEMANDS).unwrap();
    // The move to the server, its statistics and the starts read the whole table, and so does this test; no batch does.
    let said = site.database_says("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'client'").unwrap();
    let scans: u64 = said.unwrap().trim().parse().unwrap();
    assert!((1..40).contains(&scans), "the table of all clients was read {scans} times");
}

#[test]
fn connections_that_say_nothing_keep_nobody_from_being_served() {
    let report = play_idle(&idle::Options {
        connections: 500,
        rate: 50,
        minutes: 0.05,
        known: 200,
        postgresql: false,
        p99_max_millis: DEMANDS.p99_millis,
        memory_max_mb: 400,
        json: "/dev/null".into(),
        publish: false,
    });
    let report = report.unwrap();
    report.judge(DEMANDS).unwrap();
    assert!(report.granted == 150 && report.descriptors_max > 475, "{report:?}");
}
