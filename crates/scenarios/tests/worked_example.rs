//! The worked example of counting, step by step, with the real authority, host and clients: who is told what.
//!
//! Clients of the operating system need 25 machines and servers 5, and both count together; an office suite needs 5 and is
//! counted apart.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use keymuster_client::{Error, State};
use keymuster_core::refusal::Member;
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::{Authority, Host};
use tempfile::TempDir;

const CLIENT: &str = "desk-pro-2026";
const SERVER: &str = "server-standard-2026";
const OFFICE: &str = "office-standard-2026";

/// What a machine is told that asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    /// It is one of so many, of this many that are needed, and waits.
    Waits(u64, u64),
    /// It is activated, with so many counted.
    Activated(u64),
}
use Told::{Activated, Waits};

struct Site {
    directory: TempDir,
    aurora: Authority,
    host: Host,
}

impl Site {
    /// A host that is activated for operating systems and office suites.
    fn new() -> Site {
        let directory = tempfile::tempdir().unwrap();
        let (aurora, _) = Authority::start(directory.path(), "aurora", "Aurora Systems", AURORA, 0).unwrap();
        let mut host = Host::new(directory.path(), 0).unwrap();
        host.add_publisher(directory.path(), "aurora").unwrap();
        for group in ["server-c-2026", "office-2026"] {
            host.run(&["install-key"], &aurora.mint_host_key(group, &[]).unwrap()).unwrap();
            host.run(&["activate"], "").unwrap();
        }
        host.start().unwrap();
        Site { directory, aurora, host }
    }

    /// Lets a machine ask for its product; products of one machine share what it keeps.
    fn ask(&self, machine: &str, edition: &str) -> Told {
        let store = self.directory.path().join("machines").join(machine);
        let client = self.host.client(&store, self.aurora.product(edition).unwrap()).unwrap();
        match client.activate() {
            Ok(status) => {
                assert!(matches!(status.state, State::Licensed { .. }), "{machine}: {status:?}");
                Activated(status.lease.unwrap().count)
            }
            Err(Error::Refused(refused)) => {
                assert_eq!(refused.name, "threshold-not-met", "{machine}");
                assert!(!matches!(client.status().state, State::Licensed { .. }), "{machine}");
                let number = |name: &str| {
                    let member = refused.members.iter().find(|(member, _)| member == name);
                    let Some((_, Member::Number(number))) = member else { panic!("no {name} in {refused:?}") };
                    *number
                };
                Waits(number("count"), number("need"))
            }
            Err(error) => panic!("{machine}: {error}"),
        }
    }

    /// Goes through a table: which machine asks for what, and what it is told.
    fn play(&self, table: &[(&str, &str, Told)]) {
        for (step, (machine, edition, told)) in (1..).zip(table) {
            assert_eq!(self.ask(machine, edition), *told, "step {step}: {machine}, {edition}");
        }
    }

    fn restart(&mut self) {
        self.host.stop().unwrap();
        self.host.start().unwrap();
    }
}

#[test]
fn clients_wait_for_25_servers_for_5_and_all_count_together() {
    let mut site = Site::new();
    site.play(&[
        ("client 1", CLIENT, Waits(1, 25)),
        ("client 2", CLIENT, Waits(2, 25)),
        // A virtual machine counts like any other.
        ("virtual machine", CLIENT, Waits(3, 25)),
        ("server 1", SERVER, Waits(4, 5)),
        // A machine that asks again does not count twice.
        ("client 1", CLIENT, Waits(4, 25)),
        ("server 1", SERVER, Waits(4, 5)),
        // The fifth machine is a server, and is activated; so is the first server when it asks again.
        ("server 2", SERVER, Activated(5)),
        ("server 1", SERVER, Activated(5)),
        // For clients it is still too early.
        ("client 1", CLIENT, Waits(5, 25)),
        ("virtual machine", CLIENT, Waits(5, 25)),
    ]);
    site.restart();
    site.play(&[
        ("client 2", CLIENT, Waits(5, 25)),
        ("server 2", SERVER, Activated(5)),
        ("client 3", CLIENT, Waits(6, 25)),
    ]);
    // Machines 7 to 24 are clients.
    for (number, count) in (4..).zip(7..=24) {
        site.play(&[(&format!("client {number}"), CLIENT, Waits(count, 25))]);
    }
    site.restart();
    site.play(&[
        ("client 1", CLIENT, Waits(24, 25)),
        // The 25th machine is a client, and is activated; so are the earlier ones when they ask again.
        ("client 22", CLIENT, Activated(25)),
        ("client 1", CLIENT, Activated(25)),
        ("client 2", CLIENT, Activated(25)),
        ("virtual machine", CLIENT, Activated(25)),
        ("client 21", CLIENT, Activated(25)),
        ("server 1", SERVER, Activated(25)),
        ("client 23", CLIENT, Activated(26)),
    ]);
}

#[test]
fn an_office_suite_is_counted_apart_on_the_same_machines() {
    let mut site = Site::new();
    site.play(&[
        ("client 1", CLIENT, Waits(1, 25)),
        ("client 1", OFFICE, Waits(1, 5)),
        ("client 2", OFFICE, Waits(2, 5)),
        ("virtual machine", OFFICE, Waits(3, 5)),
        ("virtual machine", CLIENT, Waits(2, 25)),
        ("server 1", OFFICE, Waits(4, 5)),
        ("server 1", OFFICE, Waits(4, 5)),
    ]);
    site.restart();
    site.play(&[
        ("client 1", OFFICE, Waits(4, 5)),
        ("client 3", OFFICE, Activated(5)),
        ("client 1", OFFICE, Activated(5)),
        ("server 1", SERVER, Waits(3, 5)),
        ("client 3", CLIENT, Waits(4, 25)),
        ("client 2", CLIENT, Waits(5, 25)),
        ("server 1", SERVER, Activated(5)),
    ]);
}
