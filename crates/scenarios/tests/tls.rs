//! TLS end to end, with the real programs: hosts that offer, require or refuse it, clients that recognise them, secrets that
//! travel in no other way, and machines that mean somebody else.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;
#[path = "every_code/site.rs"]
#[allow(dead_code, reason = "each test program uses a part")]
mod site;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Host, PATIENCE, Place, bounded, poll, refused, serve};
use keymuster_core::request::Act;
use keymuster_core::time::Timestamp;
use keymuster_host::outgoing::{self, Trust};
use keymuster_scenarios::fixture::{Publisher, VOLUME_EDITION};
use keymuster_scenarios::load::{Connection, Machine};
use keymuster_scenarios::programs::Running;
use keymuster_scenarios::{programs, stand_in};
use keymuster_service::Env;
use serde_json::Value;
use site::{EDITION, Site, said, server_says};

/// The end of a handshake that OpenSSL has tried, and what the server says to a request then.
fn openssl(address: SocketAddr, arguments: &[&str], request: &str) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &address.to_string(), "-servername", "host.example", "-ign_eof"]);
    let child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().expect("openssl is installed");
    let _ = child.stdin.take().unwrap().write_all(request.as_bytes());
    let pid = child.id();
    let output = bounded(pid, || child.wait_with_output()).unwrap();
    [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat()
}

const GET_HEALTH: &str = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// The certificate that a server shows, in PEM form.
fn shown(address: SocketAddr) -> String {
    let said = openssl(address, &["-tls1_3"], GET_HEALTH);
    let begin = said.find("-----BEGIN CERTIFICATE-----").unwrap_or_else(|| panic!("no certificate: {said}"));
    let end = said[begin..].find("-----END CERTIFICATE-----").unwrap();
    said[begin..begin + end].to_owned()
}

fn set(data_dir: &Path, arguments: &[&str]) -> String {
    let said = server_says("keymuster-host", data_dir, &[&["set"], arguments].concat(), "");
    assert!(!said.contains("error"), "{said}");
    said
}

fn status(data_dir: &Path) -> Value {
    let said = server_says("keymuster-host", data_dir, &["status", "--json"], "");
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// Waits until the running host has taken over what was set.
fn until(data_dir: &Path, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    poll(what, || Some(status(data_dir)["serving"]["tls"].clone()).filter(&is_so))
}

fn policy(data_dir: &Path, name: &str) {
    set(data_dir, &["tls", name]);
    until(data_dir, name, |tls| tls["policy"] == name);
}

#[test]
fn a_host_speaks_the_newest_version_and_the_one_before_where_it_is_switched_on() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let is_answered = |arguments: &[&str]| openssl(host.clients, arguments, GET_HEALTH).contains("\r\n\r\nok");
    assert!(is_answered(&["-tls1_3"]) && !is_answered(&["-tls1_2"]));
    assert_eq!(host.get(host.clients, "/livez").status, 200, "plain HTTP at the same port");
    let own = fs::read_to_string(place.data_dir.join("tls.pem")).unwrap();
    assert!(own.contains(&shown(host.clients)) && own.contains(&shown(host.administration)));
    let key = place.data_dir.join("tls.key");
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&key.metadata().unwrap()) & 0o777, 0o600);

    set(&place.data_dir, &["tls-1.2", "on"]);
    poll("the older version", || is_answered(&["-tls1_2"]).then_some(()));
    let weak = ["-tls1_2", "-cipher", "AES128-SHA:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0"];
    assert!(!is_answered(&weak), "ciphers without authentication");
    assert!(!is_answered(&["-tls1_1"]) && is_answered(&["-tls1_3"]));
    host.stop();
    let again = place.start();
    assert!(own.contains(&shown(again.clients)), "the certificate is made once");
}

#[test]
fn a_client_recognises_its_host_and_notices_who_stands_in() {
    let mut site = Site::new();
    site.entitle("client-2026", &["--threshold", "1"]);
    let (first, host) = (site.machine(EDITION), site.host.address);
    assert!(site.asks(&first).contains("licensed"), "the first contact is plain");
    let host_line = |said: &str| said.lines().find(|line| line.trim_start().starts_with("host ")).unwrap().to_owned();
    let line = host_line(&first.says(&["status"]));
    assert!(!line.contains("TLS"), "{line}");
    let renew = |at: &str| first.says(&["renew", "--host", at]);

    // From then on its entitlement says that the host speaks TLS, and which key it has.
    let line = {
        let said = renew(&host.to_string());
        assert!(!said.contains("error"), "{said}");
        host_line(&first.says(&["status"]))
    };
    assert!(line.ends_with(", over TLS"), "{line}");
    let before = first.says(&["status"]);
    assert!(!before.contains("KM-519"), "{before}");

    let somebody = stand_in::start(&site.directory.path().join("somebody"), host).unwrap();
    let said = renew(&somebody.to_string());
    assert!(
        said.contains("licensed") && !said.contains("error"),
        "signed answers are valid whoever carries them: {said}"
    );
    let noticed = first.says(&["status"]);
    assert!(noticed.contains("KM-519") && host_line(&noticed).contains("another key"), "{noticed}");
    renew(&host.to_string());
    let after = first.says(&["status"]);
    assert!(!after.contains("KM-519") && host_line(&after).ends_with(", over TLS"), "{after}");

    // A new machine that is told to use TLS notices it at once.
    let second = site.machine(EDITION);
    second.says(&["activate", "--host", &format!("https://{somebody}")]);
    assert!(second.says(&["status"]).contains("KM-519"));
}

#[test]
fn requests_without_tls_are_refused_where_it_is_required_and_clients_remember() {
    let mut site = Site::new();
    site.entitle("client-2026", &["--threshold", "1"]);
    let (data_dir, address) = (site.directory.path().join("host"), site.host.address);
    policy(&data_dir, "require");
    let mut connection = Connection::open(address).unwrap();
    refused(&connection.post("/v1/activate", b"x").unwrap(), 403, "tls-required");
    connection.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(connection.answer().unwrap().status, 200);
    assert!(openssl(address, &["-tls1_3"], GET_HEALTH).contains("\r\n\r\nok"));
    let checked = server_says("keymuster-host", &data_dir, &["doctor"], "");
    assert!(checked.contains("healthy"), "the host's own question comes over TLS: {checked}");

    let machine = site.machine(EDITION);
    assert!(site.asks(&machine).contains("licensed"), "a client comes again with TLS");
    assert!(machine.says(&["status"]).contains(", over TLS"));

    // Somebody who takes TLS away gets nothing from a client whose lease told it to use no other way.
    policy(&data_dir, "off");
    let said = machine.says(&["renew", "--host", &address.to_string()]);
    assert!(said.contains("KM-502") && said.contains("no TLS"), "{said}");
    assert!(machine.says(&["status"]).contains("licensed"), "what it holds stays");
    policy(&data_dir, "offer");
    assert!(!machine.says(&["renew", "--host", &address.to_string()]).contains("error"));
    let other = site.machine(EDITION);
    assert!(site.asks(&other).contains("licensed"));
}

#[test]
fn the_administrators_certificate_is_taken_over_without_dropping_anybody() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let directory = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| made(directory.path(), name));
    let [certificate, key] = ["live.pem", "live.key"].map(|name| directory.path().join(name));
    let copy = |from: &Made| {
        fs::copy(&from.certificate, &certificate).unwrap();
        fs::copy(&from.key, &key).unwrap();
    };
    copy(&first);
    let words = [&certificate, &key].map(|path| path.to_str().unwrap().to_owned());
    set(&place.data_dir, &["tls-certificate-file", &words[0]]);
    set(&place.data_dir, &["tls-key-file", &words[1]]);
    until(&place.data_dir, "the certificate", |tls| tls["is_own"] == false && tls["problem"].is_null());
    for address in [host.clients, host.administration] {
        assert!(first.pem.contains(&shown(address)));
    }

    let mut held = Command::new("openssl");
    held.args(["s_client", "-quiet", "-connect", &host.clients.to_string()]);
    let mut held = held.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut to_held = held.stdin.take().unwrap();
    to_held.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut begin = [0; 15];
    held.stdout.as_mut().unwrap().read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200 OK");

    // Half of the new pair, then the other half.
    fs::copy(&second.certificate, &certificate).unwrap();
    let tls = until(&place.data_dir, "the complaint", |tls| !tls["problem"].is_null());
    assert!(tls["problem"].as_str().unwrap().contains("does not belong to the first certificate"), "{tls}");
    assert!(first.pem.contains(&shown(host.clients)), "the one before goes on");
    copy(&second);
    until(&place.data_dir, "the second certificate", |tls| tls["problem"].is_null());
    assert!(second.pem.contains(&shown(host.clients)));
    to_held.write_all(GET_HEALTH.as_bytes()).unwrap();
    let pid = held.id();
    let rest = bounded(pid, || held.wait_with_output()).unwrap().stdout;
    assert!(String::from_utf8_lossy(&rest).ends_with("ok"), "the open connection was kept");

    // What cannot be used is refused when it is set.
    let said = server_says("keymuster-host", &place.data_dir, &["set", "tls-certificate-file", &words[1]], "");
    assert!(said.contains("KM-437") && said.contains("has no certificate in PEM form"), "{said}");
}

/// A certificate for the name of this machine.
struct Made {
    certificate: PathBuf,
    key: PathBuf,
    pem: String,
}

fn made(directory: &Path, name: &str) -> Made {
    let directory = directory.join(name);
    fs::create_dir(&directory).unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    keymuster_service::tls::own(&directory, name, names, Timestamp::from_secs(1_700_000_000)).unwrap();
    let [certificate, key] = ["tls.pem", "tls.key"].map(|file| directory.join(file));
    let pem = fs::read_to_string(&certificate).unwrap();
    Made { certificate, key, pem }
}

#[test]
fn a_windows_machine_is_counted_and_the_status_explains_it() {
    let place = Place::new(Publisher::new(1, 1));
    let (host, log) = place.start_with_log();
    let bind: &[u8] = b"\x05\x00\x0b\x03\x10\x00\x00\x00\x74\x00\x00\x00\x02\x00\x00\x00\xd0\x16\xd0\x16\0\0\0\0";
    for _ in 0..3 {
        let mut stream = TcpStream::connect(host.clients).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bind).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty(), "{answer:?}");
    }
    poll("the count", || (status(&place.data_dir)["rpc_hellos"] == 3).then_some(()));
    let told = server_says("keymuster-host", &place.data_dir, &["status"], "");
    assert!(
        told.contains("3 hellos of machines that look for Microsoft's KMS") && told.contains("slmgr /ckms"),
        "{told}"
    );
    let checked = server_says("keymuster-host", &place.data_dir, &["doctor"], "");
    assert!(checked.contains("127.0.0.1 3 times") && checked.contains("slmgr /ckms"), "{checked}");
    host.stop();
    let log = fs::read_to_string(log).unwrap();
    assert_eq!(log.matches("a Windows machine takes this port").count(), 1, "once a minute: {log}");
    assert_eq!(status(&place.data_dir)["rpc_hellos"], 3, "it is kept");
}

/// An address of this machine that is not loopback's.
fn other_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: it only asks the system by which address it would be.
    socket.connect("198.51.100.1:9").expect("this machine has an address besides loopback");
    socket.local_addr().unwrap().ip()
}

#[test]
fn administrators_come_from_other_machines_over_tls_only() {
    let place = Place::new(Publisher::new(1, 1));
    let mut running = Running::start(
        &mut serve(&place.data_dir, &["--listen", "127.0.0.1:0", "--admin-listen", "0.0.0.0:0"]),
        Stdio::null(),
    )
    .unwrap();
    let pid = running.id();
    let listening = bounded(pid, || running.line_after("administration on https://").unwrap());
    let port = listening.parse::<SocketAddr>().unwrap().port();
    let (near, far) = (SocketAddr::from(([127, 0, 0, 1], port)), SocketAddr::new(other_address(), port));
    let get = |to: SocketAddr, path: &str| {
        let mut connection = Connection::open(to).unwrap();
        connection.send(format!("GET {path} HTTP/1.1\r\nHost: {to}\r\n\r\n").as_bytes()).unwrap();
        connection.answer().unwrap()
    };
    refused(&get(far, "/"), 403, "tls-required");
    refused(&get(far, "/api/v1/openapi.json"), 403, "tls-required");
    assert_eq!(get(far, "/livez").status, 200);
    assert_eq!(get(near, "/api/v1/openapi.json").status, 200, "from this machine itself");
    let request = format!("GET /api/v1/openapi.json HTTP/1.1\r\nHost: {far}\r\nConnection: close\r\n\r\n");
    let said = openssl(far, &["-tls1_3"], &request);
    assert!(said.contains("HTTP/1.1 200 OK") && said.contains("\"openapi\""), "{said}");
}

#[test]
fn secrets_travel_over_tls_to_those_who_are_vouched_for() {
    let mut site = Site::new();
    let port = site.aurora.url.rsplit_once(':').unwrap().1.to_owned();
    let https = format!("https://127.0.0.1:{port}");
    let roots = site.directory.path().join("authority-aurora/tls.pem");
    let key = site.aurora.mint_host_key("client-2026", &["--threshold", "1"]).unwrap();
    site.host.run(&["install-key"], &key).unwrap();
    let data_dir = site.directory.path().join("host");
    let activate = |roots: &Path, url: &str| {
        let mut command = programs::command("keymuster-host").unwrap();
        command.env("SSL_CERT_FILE", roots).arg("--data-dir").arg(&data_dir).args(["activate", "--authority", url]);
        said(&mut command, "")
    };
    let others = made(site.directory.path(), "others");
    let refused = activate(&others.certificate, &https);
    assert!(refused.contains("KM-518"), "{refused}");
    let activated = activate(&roots, &https);
    assert!(!activated.contains("error") && activated.contains("until"), "{activated}");

    // A MAK of a client, by the same rules.
    let trust: keymuster_core::trust::Trust = fs::read_to_string(site.path("aurora.trust")).unwrap().parse().unwrap();
    let trust = keymuster_core::trust::Trust { authority: Some(https), ..trust };
    let trust = site.write("https.trust", trust.to_string());
    let machine = site.bare_machine();
    machine.says(&["add", "--trust", &trust, "--pack", &site.path("aurora.pack"), EDITION]);
    machine.says_to(&site.aurora.mint_mak(EDITION, 1).unwrap(), &["install-key"]);
    let by_mak = |roots: &Path| {
        let mut command = machine.on_it(programs::command("keymuster").unwrap());
        said(command.env("SSL_CERT_FILE", roots).arg("activate"), "")
    };
    let refused = by_mak(&others.certificate);
    assert!(refused.contains("KM-518"), "{refused}");
    let activated = by_mak(&roots);
    assert!(activated.contains("licensed for ever"), "{activated}");
}

#[test]
fn an_entitlement_names_the_hosts_own_key_whatever_the_administrator_shows() {
    let site = Site::new();
    let data_dir = site.directory.path().join("host");
    let certificate = made(site.directory.path(), "administrators");
    let both = site.path("both.pem");
    let pem = certificate.pem + &fs::read_to_string(&certificate.key).unwrap();
    keymuster_service::files::write_private(both.as_ref(), pem.as_bytes()).unwrap();
    set(&data_dir, &["tls-certificate-file", &both]);
    site.entitle("client-2026", &["--threshold", "1"]);
    let told = until(&data_dir, "the certificate", |tls| tls["is_own"] == false);
    let named = &status(&data_dir)["publishers"][0]["keys"][0]["tls_key"];
    assert_eq!((named, named.is_string()), (&told["own_key"], true));
    let mut site = site;
    let machine = site.machine(EDITION);
    site.asks(&machine);
    let said = machine.says(&["renew", "--host", &site.host.address.to_string()]);
    assert!(!said.contains("error"), "{said}");
    let said = machine.says(&["status"]);
    assert!(said.contains(", over TLS") && !said.contains("KM-519"), "{said}");
}

#[test]
fn a_request_over_tls_is_answered_like_any_other() {
    let place = Place::new(Publisher::new(1, 1));
    let host: Host = place.start();
    let request = place.request(&mut Machine::new(&Env::system()), Act::Activate, VOLUME_EDITION);
    let url = format!("https://localhost:{}", host.clients.port());
    let agent = outgoing::agent(&url, PATIENCE, Trust::Signature).unwrap();
    let post = agent.post(format!("{url}/v1/activate")).header("content-type", "application/cose").send(&request);
    let over_tls = post.unwrap().body_mut().read_to_vec().unwrap();
    assert_eq!(over_tls, host.activate(&request).body, "the same request gets the same answer");
}
