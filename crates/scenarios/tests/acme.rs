//! Hosts and authorities get their certificates from a real ACME server.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;
#[path = "every_code/site.rs"]
#[allow(dead_code, reason = "each test program uses a part")]
mod site;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Place, bounded, poll, serve};
use keymuster_scenarios::fixture::Publisher;
use keymuster_scenarios::pebble::Pebble;
use keymuster_scenarios::programs::{self, Running};
use keymuster_service::tls::Certificate;
use serde_json::Value;
use site::server_says;

/// Long enough for no renewal during a test.
const LONG: u64 = 90 * 24 * 3600;

fn tls(data_dir: &Path) -> Value {
    let said = server_says("keymuster-host", data_dir, &["status", "--json"], "");
    let status: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    status["serving"]["tls"].clone()
}

fn set(data_dir: &Path, arguments: &[&str]) -> String {
    let said = server_says("keymuster-host", data_dir, &[&["set"], arguments].concat(), "");
    assert!(!said.contains("error"), "{said}");
    said
}

/// A host that trusts the ACME server, and answers it where it asks.
fn start(place: &Place, pebble: &Pebble) -> (Running, SocketAddr) {
    let asks_at = pebble.asks_at.to_string();
    let mut command = serve(&place.data_dir, &["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    command.args(["--acme-listen", &asks_at]).env("SSL_CERT_FILE", &pebble.roots);
    let mut running = Running::start(&mut command, Stdio::null()).unwrap();
    let pid = running.id();
    let address = bounded(pid, || running.line_after("listening on http://").unwrap());
    (running, address.parse().unwrap())
}

/// Who has issued the certificate that a server shows, and for whom.
fn shown(address: SocketAddr) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &address.to_string(), "-showcerts"]).stdin(Stdio::null());
    let output = command.output().expect("openssl is installed");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_host_orders_a_certificate_shows_it_and_renews_it() {
    let place = Place::new(Publisher::new(1, 1));
    let directory = tempfile::tempdir().unwrap();
    let pebble = Pebble::start(directory.path(), 18).unwrap();
    let (running, address) = start(&place, &pebble);
    set(&place.data_dir, &["acme-name", "127.0.0.1"]);
    let said = set(&place.data_dir, &["acme-directory", &pebble.directory]);
    assert!(said.contains("a certificate for 127.0.0.1 is ordered"), "{said}");

    let first = poll("the certificate", || Some(tls(&place.data_dir)).filter(|tls| tls["is_own"] == false));
    assert!(first["problem"].is_null(), "{first}");
    assert!(shown(address).contains("Pebble Intermediate CA"), "{}", shown(address));
    let file = place.data_dir.join("acme.pem");
    let certificate = Certificate::read(&file, &file).unwrap();
    assert!(certificate.is_for("127.0.0.1") && !certificate.is_for("127.0.0.2"));

    // After two thirds of 18 seconds it gets another one by itself.
    let second =
        poll("the renewal", || Some(tls(&place.data_dir)).filter(|tls| tls["fingerprint"] != first["fingerprint"]));
    assert_eq!((&second["is_own"], &second["problem"]), (&Value::Bool(false), &Value::Null), "{second}");
    assert_eq!(second["own_key"], first["own_key"], "clients know the host by the same key as ever");
    drop(running);
}

#[test]
fn an_attempt_that_fails_says_why_and_the_certificate_before_goes_on() {
    let place = Place::new(Publisher::new(1, 1));
    let directory = tempfile::tempdir().unwrap();
    let pebble = Pebble::start(directory.path(), LONG).unwrap();
    let (_running, address) = start(&place, &pebble);
    let problem = |words: &str| {
        poll(words, || {
            let problem = tls(&place.data_dir)["problem"].as_str().unwrap_or_default().to_owned();
            Some(problem).filter(|problem| problem.contains(words) && problem.contains("KM-438"))
        })
    };
    // Pebble asks at 127.0.0.2, where nobody answers.
    set(&place.data_dir, &["acme-name", "127.0.0.2"]);
    set(&place.data_dir, &["acme-directory", &pebble.directory]);
    problem("was not proved");
    assert_eq!(tls(&place.data_dir)["is_own"], true);
    assert!(!shown(address).contains("Pebble"));
    set(&place.data_dir, &["acme-directory", "https://127.0.0.1:9/dir"]);
    problem("cannot ask https://127.0.0.1:9/dir");
    // Another name, another attempt.
    set(&place.data_dir, &["acme-directory", &pebble.directory]);
    set(&place.data_dir, &["acme-name", "127.0.0.1"]);
    poll("the certificate", || (tls(&place.data_dir)["is_own"] == false).then_some(()));
    server_says("keymuster-host", &place.data_dir, &["unset", "acme-directory"], "");
    poll("the host's own", || (tls(&place.data_dir)["is_own"] == true).then_some(()));
}

#[test]
fn an_authority_orders_a_certificate_for_the_name_in_its_address() {
    let directory = tempfile::tempdir().unwrap();
    let pebble = Pebble::start(&directory.path().join("pebble"), LONG).unwrap();
    let data_dir = directory.path().join("authority");
    let passphrase = directory.path().join("passphrase");
    fs::write(&passphrase, "correct horse battery staple\n").unwrap();
    let authority = |arguments: &[&str]| {
        let mut command = programs::command("keymuster-authority").unwrap();
        command.arg("--data-dir").arg(&data_dir).args(arguments).env("SSL_CERT_FILE", &pebble.roots);
        command
    };
    let mut init =
        authority(&["init", "--publisher", "aurora", "--name", "Aurora", "--authority-url", "https://127.0.0.1:1690"]);
    let made = init.arg("--passphrase-file").arg(&passphrase).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let asks_at = pebble.asks_at.to_string();
    let mut serve = authority(&["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    serve.args(["--acme-directory", &pebble.directory, "--acme-listen", &asks_at]);
    let mut running = Running::start(&mut serve, Stdio::null()).unwrap();
    let pid = running.id();
    let address = bounded(pid, || running.line_after("listening on http://").unwrap()).parse().unwrap();
    poll("the certificate", || shown(address).contains("Pebble Intermediate CA").then_some(()));
}
