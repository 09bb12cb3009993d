//! Trying a real host from the client's side, by the library and by the real command: it says what it would do, and does
//! nothing.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::thread;

use keymuster_client::{Client, Env, HostAddress, HostReport, Settings};
use keymuster_core::bundle::Bundle;
use keymuster_core::chain::Chain;
use keymuster_core::document::Signed;
use keymuster_core::report::Report;
use keymuster_core::signature::SecretKey;
use keymuster_core::time::{DAY, HOUR};
use keymuster_core::trust::Trust;
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::{Authority, Host};
use keymuster_scenarios::load::Connection;
use keymuster_scenarios::programs;
use serde_json::{Value, json};

const EDITION: &str = "desk-pro-2026";

/// A customer's host with a publisher, which runs.
struct Site {
    directory: tempfile::TempDir,
    aurora: Authority,
    host: Host,
}

impl Site {
    /// One without any host key.
    fn new() -> Site {
        let directory = tempfile::tempdir().unwrap();
        let (aurora, _) = Authority::start(directory.path(), "aurora", "Aurora Systems", AURORA, 0).unwrap();
        let mut host = Host::new(directory.path(), 0).unwrap();
        host.add_publisher(directory.path(), "aurora").unwrap();
        host.start().unwrap();
        Site { directory, aurora, host }
    }

    /// Installs a host key for a group, and activates the host by it.
    fn entitle(&self, group: &str, more: &[&str]) {
        let key = self.aurora.mint_host_key(group, more).unwrap();
        self.host.run(&["install-key"], &key).unwrap();
        self.host.run(&["activate"], "").unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The client of a machine of its own.
    fn client(&self, machine: &str) -> Client {
        self.client_at(machine, self.host.address, Env::system())
    }

    fn client_at(&self, machine: &str, host: SocketAddr, env: Env) -> Client {
        let host = Some(HostAddress { host: host.ip().to_string(), port: host.port(), tls_only: false });
        let settings = Settings { store: self.path(machine), host, env, ..Settings::default() };
        Client::open_with(self.aurora.product(EDITION).unwrap(), settings).unwrap()
    }

    /// Every row of every table of the host.
    fn rows(&self) -> Vec<String> {
        common::rows(&self.path("host"))
    }

    /// What the host says to a client, after a check that neither of them has written anything.
    fn check(&self, client: &Client) -> Result<HostReport, String> {
        let state = || fs::read(client.status().store).unwrap();
        let before = (self.rows(), state());
        let found = checked(client);
        assert!((self.rows(), state()) == before, "the check has left something behind");
        found
    }
}

/// The report of the only host, or the name of the code of why there is none.
fn checked(client: &Client) -> Result<HostReport, String> {
    let [host] = client.check().hosts.try_into().unwrap();
    host.report.map_err(|error| error.code().name.to_owned())
}

#[test]
fn a_host_says_what_it_would_do_before_at_and_after_its_threshold() {
    let site = Site::new();
    let asking = site.client("asking");
    assert_eq!(site.check(&asking).unwrap_err(), "host-not-activated");
    site.entitle("render-2026", &["--pool", "render-farm=5"]);
    assert_eq!(site.check(&asking).unwrap_err(), "edition-not-covered");
    site.entitle("server-c-2026", &["--threshold", "3"]);

    let verdict = || site.check(&asking).unwrap().to_string();
    for (number, expected) in [
        (1, "count 0 of 3: healthy, will activate when 3 more clients have asked"),
        (2, "count 1 of 3: healthy, will activate when 2 more clients have asked"),
        (3, "count 2 of 3: healthy, would activate the next client that is new to it"),
    ] {
        assert_eq!([verdict(), verdict()], [expected; 2], "a check is not counted");
        let other = site.client(&format!("machine-{number}"));
        assert_eq!(other.activate().is_ok(), number == 3, "machine {number}");
    }
    let report = site.check(&asking).unwrap();
    assert_eq!(report.to_string(), "count 3 of 3: healthy, would activate this client now");
    assert!(report.clock_ahead_secs.abs() < 60, "{report:?}");
    assert_eq!(report.customer.as_str(), "Muster Works");
    let status = site.host.run(&["status", "--json"], "").unwrap().join("\n");
    let status: Value = serde_json::from_str(&status).unwrap();
    let keys = status["publishers"][0]["keys"].as_array().unwrap();
    assert!(keys.iter().any(|key| key["stop_at"] == report.stop_at.as_secs()), "{status}");
    assert!(report.warn_at < report.stop_at);

    // What it said comes true.
    assert_eq!(asking.activate().unwrap().lease.unwrap().count, 4);
    assert_eq!(site.check(&asking).unwrap().count, 4, "one that holds a lease is counted as before");
}

#[test]
fn a_clock_that_is_wrong_is_refused_and_one_that_is_a_little_off_is_told() {
    let site = Site::new();
    site.entitle("server-c-2026", &["--threshold", "3"]);
    let now = Env::system().reading().wall;
    for (machine, wall, expected) in [
        ("ahead", now.plus(2 * DAY), Err("clock-skew")),
        ("behind", now.minus(2 * DAY), Err("clock-skew")),
        ("a little ahead", now.plus(2 * HOUR), Ok(-7200)),
    ] {
        let client = site.client_at(machine, site.host.address, Env::fixed(wall, 1));
        match (site.check(&client), expected) {
            (Err(code), Err(expected)) => assert_eq!(code, expected, "{machine}"),
            (Ok(report), Ok(expected)) => assert!(report.clock_ahead_secs.abs_diff(expected) < 60, "{report:?}"),
            (found, _) => panic!("{machine}: {found:?}"),
        }
    }
}

/// Something in the network that passes one request on, and signs the host's answer anew with a key of its own.
fn forger(host: SocketAddr, trust: Trust) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        let mut length = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            let line = line.trim_end().to_ascii_lowercase();
            match line.strip_prefix("content-length:") {
                Some(digits) => length = digits.trim().parse().unwrap(),
                None if line.is_empty() => break,
                None => {}
            }
        }
        let mut request = vec![0; length];
        stream.read_exact(&mut request).unwrap();
        let answer = Connection::open(host).unwrap().post("/v1/activate", &request).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        let mut bundle = Bundle::parse(&answer.body).unwrap();
        let chain = Chain::new(&trust, &bundle, None).unwrap();
        let entitlement = chain.entitlement(bundle.entitlement.as_ref().unwrap()).unwrap();
        let report = Signed::<Report>::verify(&bundle.report.unwrap(), &entitlement.host_key).unwrap();
        let forged = Report { count: 1_000_000, ..(*report).clone() };
        let forged = Signed::sign(forged, &SecretKey::from_seed(&[66; 32])).unwrap();
        bundle.report = Some(forged.bytes().to_vec().into());
        let body = bundle.to_bytes();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/cbor\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.get_mut().write_all(&[head.as_bytes(), &body].concat()).unwrap();
    });
    address
}

#[test]
fn a_report_that_was_forged_on_its_way_is_refused() {
    let site = Site::new();
    site.entitle("server-c-2026", &["--threshold", "3"]);
    let forger = forger(site.host.address, site.aurora.product(EDITION).unwrap().trust().clone());
    let client = site.client_at("deceived", forger, Env::system());
    let [host] = client.check().hosts.try_into().unwrap();
    let error = host.report.unwrap_err();
    assert_eq!(error.code().name, "answer-invalid");
    assert!(error.to_string().contains("KM-60"), "{error}");
    assert!(site.check(&site.client("asking")).is_ok(), "the host itself is sound");
}

#[test]
fn the_command_says_the_same() {
    let site = Site::new();
    let store = site.path("machine");
    let keymuster = |arguments: &[&str]| {
        let mut command = programs::command("keymuster").unwrap();
        command.arg("--store").arg(&store).args(arguments);
        for variable in ["KEYMUSTER_HOST", "KEYMUSTER_DOMAIN", "KEYMUSTER_DNS", "KEYMUSTER_STORE"] {
            command.env_remove(variable);
        }
        let output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let [trust, pack] = ["aurora.trust", "aurora.pack"].map(|name| site.path(name).to_str().unwrap().to_owned());
    assert_eq!(keymuster(&["add", "--trust", &trust, "--pack", &pack, EDITION]).0, 0);
    assert_eq!(keymuster(&["set", "host", &site.host.address.to_string()]).0, 0);
    let (exit, text) = keymuster(&["doctor"]);
    assert!(exit == 3 && text.contains("(KM-206 host-not-activated)"), "{exit}\n{text}");

    site.entitle("server-c-2026", &["--threshold", "3"]);
    let before = site.rows();
    let (exit, text) = keymuster(&["doctor"]);
    assert_eq!(exit, 1, "{text}");
    for part in [
        "set by hand: settings.json",
        "count 0 of 3: healthy, will activate when 3 more clients have asked",
        "it will be activated when 3 more machines have asked.\n",
        "for Muster Works ends on ",
    ] {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
    let (exit, text) = keymuster(&["doctor", "--json"]);
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((exit, &found["verdict"]), (1, &json!("warning")));
    let host = &found["products"][0]["hosts"][0];
    let expected = [
        ("healthy", json!(true)),
        ("count", json!(0)),
        ("threshold", json!(3)),
        ("refusal", json!("threshold-not-met")),
    ];
    for (name, value) in expected {
        assert_eq!(host[name], value, "{name}");
    }
    assert!(site.rows() == before, "the check has left something behind");
}
