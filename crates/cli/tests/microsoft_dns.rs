//! `keymuster microsoft dns` as administrators run it, at a real name server.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

#[path = "../../client/tests/support/named.rs"]
mod named;

use std::net::TcpListener;
use std::process::{Command, Output};

use named::NameServer;
use serde_json::Value;

fn run(server: &NameServer, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_keymuster"))
        .args(["microsoft", "dns", "--server", &server.address.to_string()])
        .args(arguments)
        .output()
        .unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn kinds(domain: &Value) -> Vec<String> {
    let mut kinds: Vec<String> = domain["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["kind"].as_str().unwrap().to_owned())
        .collect();
    kinds.sort();
    kinds
}

/// A port that is open, and one that is not.
fn ports() -> (TcpListener, u16, u16) {
    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = open.local_addr().unwrap().port();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    (open, port, closed)
}

#[test]
fn records_are_shown_judged_and_followed() {
    let (listener, open, closed) = ports();
    let records = format!(
        "kms1 A 127.0.0.1\nkms2 A 127.0.0.1\nold A 127.0.0.1\n\
         _vlmcs._tcp SRV 0 30 {closed} old\n_vlmcs._tcp SRV 0 10 {open} kms1\n_vlmcs._tcp SRV 5 0 {open} kms1\n\
         _vlmcs._tcp SRV 9 0 {open} kms2\n_vlmcs._tcp SRV 9 0 1688 gone\n_vlmcs._tcp SRV 9 0 22 kms1\n\
         _vlmcs._tcp SRV 9 0 {open} kms9.elsewhere.example.\n"
    );
    let server = NameServer::start(&records, "");
    let output = run(&server, &["--domain", "example.test", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report = json_of(&output);
    let domain = &report["domains"][0];
    assert_eq!(domain["name"], "_vlmcs._tcp.example.test");
    assert_eq!(domain["records"].as_array().unwrap().len(), 7);
    let kinds = kinds(domain);
    for (kind, count) in [("closed", 2), ("stale", 2), ("duplicate", 1), ("same-machine", 1), ("foreign", 1)] {
        assert_eq!(kinds.iter().filter(|found| *found == kind).count(), count, "{kind}: {:#}", domain["findings"]);
    }
    let client = &report["clients"][0];
    assert_eq!(
        (client["ending"].as_str(), client["hosts"][0].as_str()),
        (Some("reached"), Some(format!("kms1.example.test:{open}").as_str()))
    );
    let steps = client["steps"].to_string();
    assert!(steps.contains(&format!("old.example.test:{closed} (75 %)")), "{steps}");

    // Whoever listens saw connections and not a byte.
    listener.set_nonblocking(true).unwrap();
    let mut seen = 0;
    while let Ok((mut stream, _)) = listener.accept() {
        stream.set_nonblocking(false).unwrap();
        assert_eq!(std::io::copy(&mut stream, &mut std::io::sink()).unwrap(), 0);
        seen += 1;
    }
    assert_eq!(seen, 1, "kms1 and kms2 are one place");

    let output = run(&server, &["--domain", "Example.Test."]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("_vlmcs._tcp.example.test\tSRV service location:\n          priority       = 0\n"), "{text}");
    assert!(text.contains("kms1.example.test\tinternet address = 127.0.0.1"), "{text}");
    assert!(text.contains("A client in example.test:\n  1. "), "{text}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing is sent"));
}

#[test]
fn exit_codes_say_whether_clients_find_a_host() {
    let (_listener, open, closed) = ports();
    let records = format!(
        "kms1 A 127.0.0.1\n_vlmcs._tcp.good SRV 0 0 {open} kms1\n_vlmcs._tcp.closed SRV 0 0 {closed} kms1\n\
         empty TXT \"x\"\n_vlmcs._tcp.none SRV 0 0 0 .\n"
    );
    let server = NameServer::start(&records, "");
    let table: &[(&[&str], i32, &[&str])] = &[
        (&["--domain", "good.example.test", "--search", "example.test"], 1, &["reached"]),
        (&["--domain", "good.example.test", "--domain", "example.test"], 3, &["reached", "no-record"]),
        (&["--domain", "closed.example.test"], 3, &["no-host"]),
        (&["--domain", "empty.example.test"], 3, &["no-record"]),
        (&["--domain", "empty.example.test", "--search", "good.example.test"], 1, &["reached"]),
        (&["--domain", "none.example.test"], 3, &["no-host"]),
        (&["--domain", "elsewhere.example"], 3, &["no-answer"]),
    ];
    for (arguments, code, endings) in table {
        let output = run(&server, &[*arguments, &["--json"]].concat());
        let report = json_of(&output);
        let found: Vec<&str> =
            report["clients"].as_array().unwrap().iter().map(|client| client["ending"].as_str().unwrap()).collect();
        assert_eq!((output.status.code(), found.as_slice()), (Some(*code), *endings), "{arguments:?} {report:#}");
    }
}

#[test]
fn a_healthy_domain_is_well() {
    let (_listener, open, _) = ports();
    let records = format!("kms1 A 127.0.0.1\n_vlmcs._tcp SRV 0 0 {open} kms1\n");
    let output = run(&NameServer::start(&records, ""), &["--domain", "example.test", "--json"]);
    let report = json_of(&output);
    // The port is not the usual one, which is a note and no fault.
    assert_eq!((output.status.code(), kinds(&report["domains"][0])), (Some(0), vec!["port".to_owned()]));
}

#[test]
fn what_is_no_domain_or_server_is_refused() {
    let server = NameServer::start("", "");
    for arguments in [&["--domain", "a b"][..], &["--domain", ""], &["--domain", "-x"], &["--domain", "a..b"]] {
        assert_eq!(run(&server, arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(run(&server, &["--server", "name.example"]).status.code(), Some(2));
}
