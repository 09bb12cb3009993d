//! `keymuster-host doctor` on hosts with which something is really wrong: each failure is caused, found, named and
//! explained. What it says about products has a file of its own.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;
#[path = "common/doctor.rs"]
mod doctor;
#[path = "../../host/tests/support/named.rs"]
mod named;

use std::fs::{self, Permissions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;

use common::{Host, Place, poll};
use doctor::Told;
use keymuster_core::request::Act;
use keymuster_core::time::{DAY, HOUR};
use keymuster_scenarios::fixture::{Publisher, VOLUME_EDITION};
use keymuster_scenarios::load::Machine;
use keymuster_scenarios::programs;
use keymuster_service::Env;
use named::{NameServer, ZoneFile};
use serde_json::Value;

fn command(data_dir: &Path) -> Command {
    let mut command = programs::command("keymuster-host").unwrap();
    command.arg("--data-dir").arg(data_dir);
    command
}

fn told(data_dir: &Path, arguments: &[&str]) -> Told {
    Told::by(command(data_dir).args(["doctor", "--json"]).args(arguments))
}

fn set(data_dir: &Path, name: &str, value: &str) {
    let output = command(data_dir).args(["set", name, value]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What the status says of the server's TLS.
fn tls(data_dir: &Path) -> Value {
    let output = command(data_dir).args(["status", "--json"]).output().unwrap();
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["serving"]["tls"].take()
}

fn place(change: impl FnOnce(&mut Publisher)) -> (Place, Host) {
    let mut publisher = Publisher::new(1, 1);
    change(&mut publisher);
    let place = Place::new(publisher);
    let host = place.start();
    (place, host)
}

#[test]
fn a_server_that_does_not_run_or_is_alone_with_itself() {
    let (place, host) = place(|_| ());
    let found = told(&place.data_dir, &[]);
    found.well("server", "answers clients on").warning("port", None, "127.0.0.1").well("entitlement", "ends on");
    found.well("database", "sound").well("disk", "are free").well("products", "healthy").exits(1);
    assert!(found.headline().starts_with("This host answers its clients; "), "{found:?}");
    host.stop();
    let found = told(&place.data_dir, &[]);
    found.broken("server", "connection-refused", "no keymuster-host serves").exits(3);
    assert!(found.headline().contains("What to do: start it"), "{found:?}");

    let key = place.data_dir.join("host.key");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    told(&place.data_dir, &[]).warning("secret-files", None, "host.key can be read by others (mode 644)");
}

#[test]
fn a_host_without_publisher_key_or_entitlement() {
    let (place, _host) = place(|_| ());
    place.tamper("UPDATE entitlement SET answer = NULL");
    told(&place.data_dir, &[]).broken("entitlement", "host-not-activated", "has no answer").exits(3);

    let now = Env::system().now();
    for (stop_at, is_over) in [(now.minus(HOUR), true), (now.plus(9 * DAY), false)] {
        let (place, _host) = self::place(|publisher| publisher.stop_at = Some(stop_at));
        let found = told(&place.data_dir, &[]);
        match is_over {
            true => found.broken("entitlement", "entitlement-expired", "ended on"),
            false => found.warning("entitlement", None, "ends on"),
        };
    }
}

#[test]
fn dns_is_seen_as_clients_see_it() {
    let (place, host) = place(|_| ());
    let port = host.clients.port();
    let own = format!("_keymuster._tcp SRV 0 0 {port} kms\n");
    let zones = [
        ("sound.test", format!("kms A 127.0.0.1\n{own}")),
        ("missing.test", "kms A 127.0.0.1\n".to_owned()),
        ("stale.test", format!("kms A 127.0.0.1\n{own}_keymuster._tcp SRV 5 0 {port} kms\n")),
        ("foreign.test", format!("kms A 127.0.0.1\n{own}gone A 127.0.0.9\n_keymuster._tcp SRV 9 0 1688 gone\n")),
        // The name leads to another address, at which nothing listens.
        ("elsewhere.test", format!("kms A 127.0.0.9\n{own}")),
        ("nameless.test", own.clone()),
    ];
    let files: Vec<ZoneFile<'_>> = zones.iter().map(|(name, records)| ZoneFile { name, policy: "", records }).collect();
    let server = NameServer::start(&files, &[]);
    let resolver = server.address.to_string();
    let within = |domain: &str, resolver: &str| {
        set(&place.data_dir, "dns-zones", domain);
        set(&place.data_dir, "dns-target", &format!("kms.{domain}"));
        told(&place.data_dir, &["--resolver", resolver])
    };
    within("sound.test", &resolver).well("dns-record", "is there").well("dns-target", "this host answers").exits(1);
    within("missing.test", &resolver).broken("dns-record", "host-not-found", "is missing").exits(3);
    let found = within("stale.test", &resolver);
    found.warning("dns-record", None, "out of date").warning("dns-duplicate", None, "2 records").exits(1);
    let found = within("foreign.test", &resolver);
    found.well("dns-record", "is there").warning("dns-foreign-record", None, "gone.foreign.test").exits(1);
    within("elsewhere.test", &resolver).broken("firewall", "host-unreachable", "127.0.0.9").exits(3);
    within("nameless.test", &resolver).broken("dns-target", "host-unreachable", "no address").exits(3);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    within("sound.test", &closed).broken("dns-server", "dns-server-unreachable", &closed).exits(3);
}

/// A server whose clock is two hours ahead, which says so with each answer.
fn ahead() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let mut date = Command::new("date");
            date.args(["-u", "-d", "2 hours", "+%a, %d %b %Y %T GMT"]).env("LC_ALL", "C");
            let date = String::from_utf8(date.output().unwrap().stdout).unwrap();
            let answer = format!("HTTP/1.1 200 OK\r\nDate: {}\r\nContent-Length: 2\r\n\r\nok", date.trim());
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn a_clock_is_compared_with_every_other_that_can_be_asked() {
    let url = format!("http://{}", ahead());
    let (place, host) = place(|publisher| publisher.trust.authority = Some(url));
    let found = told(&place.data_dir, &[]);
    found.well("authority", "answers").warning("clock", Some("host-clock-wrong"), "ahead of this machine's clock");

    // The system's own tool, as on a machine that is not synchronised.
    let tool = place.data_dir.join("timedatectl");
    fs::write(&tool, "#!/bin/sh\necho no\n").unwrap();
    fs::set_permissions(&tool, Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", place.data_dir.display(), std::env::var("PATH").unwrap());
    let found = Told::by(command(&place.data_dir).args(["doctor", "--json"]).env("PATH", path));
    found.warning("clock", Some("clock-skew"), "not synchronised");

    // A client whose clock is three days ahead.
    let late = Env::fixed(Env::system().now().plus(3 * DAY), 1);
    let mut machine = Machine::new(&late);
    let request = machine.request(Act::Activate, &place.publisher.trust.publisher, VOLUME_EDITION, &late);
    assert_eq!(host.activate(&request).status, 403);
    host.stop();
    told(&place.data_dir, &[]).warning("clients-clocks", Some("clock-skew"), "1 of 1 requests");

    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let soon = Env::system().now().plus(9 * DAY);
    let (place, _host) = self::place(|publisher| {
        publisher.trust.authority = Some(format!("http://{closed}"));
        publisher.stop_at = Some(soon);
    });
    told(&place.data_dir, &[]).warning("authority", Some("authority-unreachable"), &closed.to_string());
}

#[test]
fn a_disk_that_is_full_and_a_database_that_is_damaged() {
    let (place, host) = place(|_| ());
    host.stop();
    let small = place.data_dir.with_extension("small");
    fs::create_dir(&small).unwrap();
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let within = |size: &str| {
        let script = format!(
            "mount -t tmpfs -o size={size} tmpfs $0 && cp -a $1/. $0 && shift && exec \"$@\" --data-dir $0 doctor --json"
        );
        let mut command = Command::new("unshare");
        command.arg("--mount").args((!is_root).then_some("--map-root-user")).args(["sh", "-c", &script]);
        command.arg(&small).arg(&place.data_dir).arg(programs::command("keymuster-host").unwrap().get_program());
        Told::by(&mut command)
    };
    within("100m").warning("disk", None, "are free").exits(3);
    within("12m").broken("disk", "host-read-only", "are free").exits(3);

    let database = place.data_dir.join(keymuster_host::store::FILE_NAME);
    let mut file = fs::OpenOptions::new().write(true).open(&database).unwrap();
    let length = file.metadata().unwrap().len();
    file.seek(SeekFrom::Start(length / 2)).unwrap();
    file.write_all(&vec![0x5a; usize::try_from(length - length / 2).unwrap()]).unwrap();
    told(&place.data_dir, &[]).broken("database", "database-damaged", "damaged").exits(3);
}

#[test]
fn a_certificate_that_ends_or_cannot_be_used() {
    let (place, host) = place(|_| ());
    told(&place.data_dir, &[]).well("certificate", "the server's own certificate holds until");
    let file = |name: &str| place.data_dir.join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (file("live.pem"), file("live.key"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3"])
        .args(["-subj", "/CN=kms.example", "-addext", "subjectAltName=DNS:kms.example"])
        .args(["-keyout", &key, "-out", &certificate])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    set(&place.data_dir, "tls-certificate-file", &certificate);
    set(&place.data_dir, "tls-key-file", &key);
    poll("the certificate", || (tls(&place.data_dir)["is_own"] == false).then_some(()));
    told(&place.data_dir, &[]).warning("certificate", None, "the administrator's certificate holds until");
    fs::write(&certificate, "rubbish").unwrap();
    poll("the complaint", || (!tls(&place.data_dir)["problem"].is_null()).then_some(()));
    told(&place.data_dir, &[]).warning("certificate", Some("tls-certificate-unusable"), "live.pem").exits(1);
    host.stop();
}

#[test]
fn a_certificate_that_nobody_gives() {
    let (place, host) = place(|_| ());
    set(&place.data_dir, "acme-name", "kms.example");
    set(&place.data_dir, "acme-directory", "https://127.0.0.1:1/directory");
    poll("the complaint", || (!tls(&place.data_dir)["problem"].is_null()).then_some(()));
    told(&place.data_dir, &[]).warning("certificate", Some("acme-failed"), "127.0.0.1:1").exits(1);
    host.stop();
}

#[test]
fn a_count_that_is_close_and_windows_machines_that_ask() {
    let (place, host) = place(|publisher| *publisher = Publisher::new(5, 1));
    for _ in 0..5 {
        host.activate(&place.request(&mut Machine::new(&Env::system()), Act::Activate, VOLUME_EDITION));
    }
    told(&place.data_dir, &[]).warning("count", Some("threshold-not-met"), "5 of 5 clients are close to too few");
    host.activate(&place.request(&mut Machine::new(&Env::system()), Act::Activate, VOLUME_EDITION));
    told(&place.data_dir, &[]).well("count", "6 counted, 5 needed");

    let bind: &[u8] = b"\x05\x00\x0b\x03\x10\x00\x00\x00\x74\x00\x00\x00\x02\x00\x00\x00\xd0\x16\xd0\x16\0\0\0\0";
    for _ in 0..3 {
        let mut stream = TcpStream::connect(host.clients).unwrap();
        stream.write_all(bind).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    }
    // What was counted is written at the stop at the latest.
    host.stop();
    told(&place.data_dir, &[]).warning("windows-machines", None, "127.0.0.1 3 times");
}
