//! Authority, host and client together, all by their programs: keys, entitlements, files, revocation.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use keymuster_client::{Client, State};
use keymuster_scenarios::demo::{AURORA, BOREALIS};
use keymuster_scenarios::estate::{Authority, Host};
use tempfile::TempDir;

/// An authority and a host that knows its publisher and holds no key.
struct Place {
    directory: TempDir,
    authority: Authority,
    host: Host,
}

impl Place {
    fn new() -> Place {
        let directory = tempfile::tempdir().unwrap();
        let (authority, _) = Authority::start(directory.path(), "aurora", "Aurora Systems", AURORA, 0).unwrap();
        let host = Host::new(directory.path(), 0).unwrap();
        host.add_publisher(directory.path(), "aurora").unwrap();
        Place { directory, authority, host }
    }

    /// One that is activated for the newest servers, and everything below, and runs.
    fn activated() -> Place {
        let mut place = Place::new();
        place.install("server-c-2026");
        place.host.run(&["activate"], "").unwrap();
        place.host.start().unwrap();
        place
    }

    fn install(&self, group: &str) -> String {
        let key = self.authority.mint_host_key(group, &[]).unwrap();
        self.host.run(&["install-key"], &key).unwrap();
        key
    }

    /// Runs a host command that must fail; what it says.
    fn fails(&self, arguments: &[&str], input: &str) -> String {
        format!("{:#}", self.host.run(arguments, input).expect_err("the command succeeds"))
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_string_lossy().into_owned()
    }

    fn client(&self, name: &str, edition: &str) -> Client {
        let store = self.directory.path().join("machines").join(name);
        self.host.client(&store, self.authority.product(edition).unwrap()).unwrap()
    }

    /// Machines enough for a threshold of five ask once; the last one is activated.
    fn five_servers(&self) -> Client {
        let machines: Vec<_> = (1..=5).map(|n| self.client(&format!("server-{n}"), "server-standard-2026")).collect();
        let results: Vec<_> = machines.iter().map(Client::activate).collect();
        assert!(results[..4].iter().all(Result::is_err), "the threshold is five");
        assert!(matches!(results[4].as_ref().unwrap().state, State::Licensed { .. }));
        machines.into_iter().next_back().unwrap()
    }
}

#[test]
fn a_host_key_is_checked_before_anything_is_sent() {
    let mut place = Place::new();
    let other = tempfile::tempdir().unwrap();
    let (borealis, _) = Authority::start(other.path(), "borealis", "Borealis", BOREALIS, 0).unwrap();
    let key = place.install("server-b-2026");
    let mistyped = format!("{}{}{}", &key[..2], if key.as_bytes()[2] == b'B' { 'C' } else { 'B' }, &key[3..]);
    let expected = format!("group 1, symbol 3: \"{}\" looks wrong, did you mean \"{}\"?", &mistyped[2..3], &key[2..3]);
    let wider = place.authority.mint_host_key("server-c-2026", &[]).unwrap();
    let narrower = place.authority.mint_host_key("client-2020", &[]).unwrap();
    let foreign = borealis.mint_host_key("lab-server-2025", &[]).unwrap();
    let mak = place.authority.mint_mak("desk-pro-2026", 3).unwrap();
    let covered = format!("the installed key that ends in {} (Aurora Server B 2026) covers", &key[24..]);
    // Nothing of this needs the authority.
    place.authority.stop().unwrap();
    for (key, expected) in [
        (mistyped.as_str(), vec![expected.as_str(), "KM-102 key-mistyped"]),
        ("not a key", vec!["this text has 7", "KM-101 key-wrong-length"]),
        (&foreign, vec!["KM-105 key-wrong-publisher"]),
        (&mak, vec!["this is a MAK; a host key is needed here", "KM-106 key-wrong-kind"]),
        (&narrower, vec![covered.as_str(), "KM-109 key-already-covered"]),
        (&key, vec!["KM-110 key-already-installed"]),
    ] {
        let said = place.fails(&["install-key"], key);
        assert!(expected.iter().all(|text| said.contains(text)), "{said}");
        assert!(said.contains("what to do:") && !said.contains(&key[..20.min(key.len())]), "{said}");
    }
    let said = place.host.run(&["install-key"], &wider).unwrap().join("\n");
    assert!(said.contains("Aurora Server C 2026") && said.contains("next: keymuster-host activate"), "{said}");
    assert!(place.fails(&["activate"], "").contains("KM-513 authority-unreachable"));
}

#[test]
fn a_host_is_activated_by_file_and_an_answer_fits_its_request_alone() {
    let mut place = Place::new();
    place.install("server-c-2026");
    let (request, response) = (place.path("host.request"), place.path("host.response"));
    place.host.run(&["activate", "--request", &request], "").unwrap();
    place.authority.stop().unwrap();
    place.authority.run(&["certify", "--request", &request, "--out", &response]).unwrap();

    let stranger = Place::new();
    stranger.install("server-c-2026");
    assert!(stranger.fails(&["activate", "--response", &response], "").contains("signer-unknown"), "another publisher");
    let mut damaged = std::fs::read(&response).unwrap();
    damaged[100] ^= 1;
    std::fs::write(place.path("damaged"), damaged).unwrap();
    place.fails(&["activate", "--response", &place.path("damaged")], "");

    let said = place.host.run(&["activate", "--response", &response], "").unwrap().join("\n");
    assert!(said.contains("activated for Muster Works until"), "{said}");
    place.host.start().unwrap();
    place.five_servers();
}

#[test]
fn what_the_authority_takes_back_ends_with_the_next_pack_and_leases_that_are_held_stay() {
    let place = Place::activated();
    let client = place.five_servers();
    let hosts = place.authority.run(&["host", "list", "--json"]).unwrap().join("\n");
    let hosts: serde_json::Value = serde_json::from_str(&hosts).unwrap();
    let id = hosts[0]["host"].as_str().expect("a host with an id").to_owned();
    place.authority.run(&["host", "revoke", &id, "--reason", "stolen"]).unwrap();
    assert!(place.fails(&["activate", "--renew"], "").contains("KM-306 host-revoked"));
    assert!(client.renew().is_ok(), "the host has not heard of it yet");

    let (catalogue, pack) = (place.path("aurora.toml"), place.path("aurora.pack"));
    place.authority.run(&["catalogue", "sign", &catalogue, "--out", &pack]).unwrap();
    place.host.add_publisher(place.directory.path(), "aurora").unwrap();
    let refused = client.renew().unwrap_err();
    assert_eq!(refused.code().name, "host-not-activated");
    assert!(matches!(client.status().state, State::Licensed { .. }), "a lease that is held stays to its end");
}

#[test]
fn a_mak_counts_each_machine_once() {
    let place = Place::new();
    let mak = place.authority.mint_mak("desk-enterprise-2026", 2).unwrap();
    for (machine, expected) in [("a", None), ("a", None), ("b", None), ("c", Some("mak-exhausted")), ("b", None)] {
        let client = place.client(machine, "desk-enterprise-2026");
        client.install_key(&mak).unwrap();
        let refused = client.activate().err().map(|error| error.code().name);
        assert_eq!(refused, expected, "machine {machine}");
    }
}
