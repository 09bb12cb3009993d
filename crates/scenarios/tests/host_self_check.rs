//! `keymuster-host doctor` on products: a host tries itself as a new client would, and is left as it was.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use common::{Place, poll, rows, serve};
use keymuster_core::id::to_hex;
use keymuster_core::ledger::Head;
use keymuster_core::request::Act;
use keymuster_core::time::{HOUR, day_words};
use keymuster_host::serving;
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::{Authority, Host};
use keymuster_scenarios::fixture::{Publisher, SEAT_EDITION, VOLUME_EDITION};
use keymuster_scenarios::load::Machine;
use keymuster_scenarios::programs::{self, Running};
use keymuster_service::Env;
use serde_json::{Value, json};

/// What the doctor said: exit code, standard output, standard error.
struct Said {
    exit: i32,
    out: String,
    errors: String,
}

/// Runs the doctor, which must leave every row of the host as it was.
fn check(data_dir: &Path, arguments: &[&str]) -> Said {
    let before = rows(data_dir);
    let mut command = programs::command("keymuster-host").unwrap();
    let output = command.arg("--data-dir").arg(data_dir).arg("doctor").args(arguments).output().unwrap();
    let after = rows(data_dir);
    let new: Vec<&String> = after.iter().filter(|row| !before.contains(row)).collect();
    assert!(after == before, "the doctor has left something behind: {new:?}");
    Said {
        exit: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Said {
    /// Checks the exit code and that all of `parts` are told; what is broken comes with what to do. A host that listens
    /// on this machine alone is worth a warning, and sound otherwise.
    fn is(&self, exit: i32, parts: &[&str]) {
        let Said { out, errors, .. } = self;
        assert!(self.exit == exit || (exit, self.exit) == (0, 1), "{}: {out}{errors}", self.exit);
        for part in parts {
            assert!(out.contains(part) || errors.contains(part), "{part:?} is missing in:\n{out}{errors}");
        }
        assert!(errors.is_empty(), "{errors}");
        assert!(exit == 0 || out.contains("What to do: ") || out.contains("\"next\": \""), "{out}");
    }
}

/// A customer's host with the larger publisher.
struct Site {
    directory: tempfile::TempDir,
    aurora: Authority,
    host: Host,
}

impl Site {
    fn new() -> Site {
        let directory = tempfile::tempdir().unwrap();
        let (aurora, _) = Authority::start(directory.path(), "aurora", "Aurora Systems", AURORA, 0).unwrap();
        let host = Host::new(directory.path(), 0).unwrap();
        host.add_publisher(directory.path(), "aurora").unwrap();
        Site { directory, aurora, host }
    }

    fn install(&self, group: &str, more: &[&str]) {
        let key = self.aurora.mint_host_key(group, more).unwrap();
        self.host.run(&["install-key"], &key).unwrap();
    }

    fn data_dir(&self) -> PathBuf {
        self.directory.path().join("host")
    }

    fn check(&self, arguments: &[&str]) -> Said {
        check(&self.data_dir(), arguments)
    }

    /// Lets new machines ask for an edition.
    fn muster(&self, machines: std::ops::Range<u32>, edition: &str) {
        for machine in machines {
            let store = self.directory.path().join(format!("machine-{machine}"));
            let client = self.host.client(&store, self.aurora.product(edition).unwrap()).unwrap();
            let _ = client.activate();
        }
    }
}

#[test]
fn from_an_empty_host_to_one_that_activates() {
    let mut site = Site::new();
    site.check(&[]).is(3, &["KM-503 connection-refused", "start it"]);
    site.host.start().unwrap();
    site.check(&[]).is(3, &["KM-206 host-not-activated"]);
    let Said { exit, out, errors } = site.check(&["--publisher", "borealis"]);
    assert!(exit == 1 && errors.contains("no publisher borealis (KM-213 publisher-unknown)"), "{out}{errors}");
    site.install("server-c-2023", &[]);
    site.check(&[]).is(3, &["KM-206 host-not-activated", "keymuster-host activate"]);
    site.host.run(&["activate"], "").unwrap();
    for (machines, clients, servers) in [
        (0..0, "0 of 25 clients counted; the next 25 complete it", "0 of 5 clients counted; the next 5 complete it"),
        (0..4, "4 of 25 clients counted; the next 21 complete it", "4 of 5 clients counted; the next one completes it"),
        (
            4..12,
            "12 of 25 clients counted; the next 13 complete it",
            "12 clients counted, 5 are needed: new clients are",
        ),
        (12..24, "24 of 25 clients counted; the next one completes it", "24 clients counted, 5 are needed"),
        (24..30, "30 clients counted, 25 are needed: new clients are activated at once", "30 clients counted, 5 are"),
    ] {
        site.muster(machines, "desk-pro-2023");
        let [clients, servers] = [clients, servers].map(|verdict| format!(": healthy: {verdict}"));
        // One that was asked once says the same when it is asked again.
        for _ in 0..2 {
            site.check(&[]).is(0, &[&clients, &servers, "office: ", "no host key here covers it"]);
        }
    }

    site.install("render-2026", &["--pool", "render-farm=1"]);
    site.check(&[]).is(3, &["broken: aurora, render: Aurora Render Farm: ", "KM-205 edition-not-covered"]);
    site.host.run(&["activate"], "").unwrap();
    site.check(&[]).is(0, &["render: Aurora Render Farm", "healthy: there is a seat for the next client"]);
    site.muster(30..31, "render-farm");
    site.check(&["--publisher", "aurora"]).is(0, &["healthy: all seats are taken"]);
    site.host.stop().unwrap();
    site.check(&[]).is(3, &["KM-503 connection-refused"]);
}

#[test]
fn programs_read_the_same() {
    let mut site = Site::new();
    let json = |said: &Said| -> Value { serde_json::from_str(&said.out).unwrap() };
    let said = site.check(&["--json"]);
    said.is(3, &[]);
    let found = json(&said);
    assert_eq!((&found["verdict"], &found["findings"][0]["code"]), (&json!("broken"), &json!("connection-refused")));
    assert_eq!((&found["clients"], &found["families"]), (&json!(null), &json!([])));

    site.install("client-2020", &["--threshold", "3"]);
    site.host.run(&["activate"], "").unwrap();
    site.host.start().unwrap();
    site.muster(0..1, "desk-pro-2020");
    let said = site.check(&["--json"]);
    said.is(0, &[]);
    let found = json(&said);
    let bad = found["findings"].as_array().unwrap().iter().filter(|finding| finding["verdict"] == "broken");
    assert_eq!(bad.count(), 0, "{found:#}");
    assert_eq!(found["clients"], site.host.address.to_string());
    let expected = json!({
        "publisher": "aurora",
        "family": "os",
        "editions": ["desk-pro-2020", "desk-enterprise-2020", "desk-education-2020"],
        "healthy": true,
        "count": 1,
        "threshold": 3,
        "refusal": "threshold-not-met",
        "verdict": "healthy: 1 of 3 clients counted; the next 2 complete it",
    });
    assert_eq!(found["families"][0], expected);
    let refusals = found["families"].as_array().unwrap()[1..].iter().map(|check| check["refusal"].as_str().unwrap());
    assert_eq!(refusals.collect::<Vec<_>>(), ["edition-not-covered"; 3], "newer ones, Office and Render");
}

/// A publisher as `change` leaves it, its running host, and a machine that has asked there for `asked`.
fn place(change: impl FnOnce(&mut Publisher), asked: &[u16]) -> (Place, common::Host) {
    let mut publisher = Publisher::new(1, 1);
    change(&mut publisher);
    let place = Place::new(publisher);
    let host = place.start();
    for edition in asked {
        host.activate(&place.request(&mut Machine::new(&Env::system()), Act::Activate, *edition));
    }
    (place, host)
}

#[test]
fn what_is_wrong_is_named_with_what_to_do() {
    let stop_at = Env::system().now().minus(HOUR);
    let (place, _host) = self::place(|publisher| publisher.stop_at = Some(stop_at), &[]);
    check(&place.data_dir, &[]).is(3, &["KM-207 entitlement-expired", &day_words(stop_at)]);

    let (place, _host) = self::place(|publisher| publisher.clients_max = Some(1), &[VOLUME_EDITION]);
    check(&place.data_dir, &[])
        .is(3, &["broken: fixture, family: volume: 1 client counted, and new ones", "clients-exhausted"]);

    let (place, host) = self::place(|_| (), &[VOLUME_EDITION, SEAT_EDITION]);
    check(&place.data_dir, &[]).is(0, &["1 is needed: new clients are activated at once", "all seats are taken"]);
    host.stop();
    let ledger = place.ledger();
    let payload = &ledger.entries[0].payload;
    let first = Head::empty(ledger.entries[0].lease.as_ref().unwrap().position.host).after(payload);
    let head = to_hex(&first.after(&ledger.entries[1].payload).after(payload).hash);
    let at = Env::system().now().plus(HOUR).as_secs();
    place.tamper(&format!(
        "INSERT INTO ledger (sequence, epoch, recorded_at, kind, payload, head) \
         SELECT 3, epoch, {at}, kind, payload, '{head}' FROM ledger WHERE sequence = 1"
    ));
    let _host = place.start();
    check(&place.data_dir, &[]).is(3, &["KM-416 host-clock-wrong", "synchronise"]);
}

#[test]
fn something_else_where_the_host_should_answer_is_told_from_it() {
    let (place, host) = self::place(|_| (), &[]);
    let (other, other_host) = self::place(|_| (), &[]);
    let told = serving::read(&place.data_dir).unwrap().unwrap();
    let mut board = std::fs::OpenOptions::new().append(true).open(place.data_dir.join("serving")).unwrap();
    let mut tell = |clients| {
        let line = serde_json::to_string(&serving::Serving { clients, ..told.clone() }).unwrap();
        std::io::Write::write_all(&mut board, format!("{line}\n").as_bytes()).unwrap();
    };
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    for (clients, code) in [
        (silent, "KM-503 connection-refused"),
        (host.administration, "KM-404 route-unknown"),
        (other_host.clients, "KM-212 request-for-another-host"),
    ] {
        tell(clients);
        check(&place.data_dir, &[]).is(3, &[code]);
    }
    assert_eq!(rows(&other.data_dir).iter().filter(|row| row.starts_with("client ")).count(), 0);
    tell(host.clients);
    check(&place.data_dir, &[]).is(0, &[]);
}

#[test]
fn a_port_that_is_set_and_taken_is_told_although_the_host_answers_on_another() {
    let place = Place::new(Publisher::new(1, 1));
    let free = || TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
    let set = |listener: &TcpListener| {
        let port = listener.local_addr().unwrap().port().to_string();
        let mut command = programs::command("keymuster-host").unwrap();
        let output = command.arg("--data-dir").arg(&place.data_dir).args(["set", "port", &port]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let port = free();
    set(&port);
    drop(port);
    let mut command = serve(&place.data_dir, &["--admin-listen", "127.0.0.1:0"]);
    let mut running = Running::start(&mut command, Stdio::null()).unwrap();
    running.line_after("listening on ").unwrap();
    check(&place.data_dir, &[]).is(0, &["healthy: 0 of 1 clients counted; the next one completes it"]);

    let taken = free();
    set(&taken);
    poll("the problem", || serving::read(&place.data_dir).unwrap().unwrap().problem);
    check(&place.data_dir, &[]).is(3, &["KM-414 address-in-use", "clients are answered on"]);
}
