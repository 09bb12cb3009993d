//! Settings of a real host: chosen, refused, shown and taken back by its commands, and followed while it runs.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;
#[path = "../../host/tests/support/named.rs"]
mod named;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::{Host, Place, bounded, fails_to_serve, poll, refused, serve};
use keymuster_core::request::Act;
use keymuster_core::time::{DAY, HOUR, MINUTE};
use keymuster_host::serving;
use keymuster_host::settings::SETTINGS;
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::{self, Authority};
use keymuster_scenarios::fixture::{Publisher, VOLUME_EDITION};
use keymuster_scenarios::load::{Connection, Machine};
use keymuster_scenarios::programs::{self, Running, free_port};
use keymuster_service::Env;
use keymuster_service::files::write_private;
use named::{NameServer, ZoneFile};
use serde_json::{Value, json};

/// Runs a command of the host.
fn command(data_dir: &Path, arguments: &[&str]) -> Output {
    let mut command = programs::command("keymuster-host").unwrap();
    command.env("USER", "ann").env_remove("SUDO_USER").arg("--data-dir").arg(data_dir).args(arguments);
    command.output().unwrap()
}

/// Runs a command of the host that must succeed, and returns what it prints.
fn done(data_dir: &Path, arguments: &[&str]) -> String {
    let output = command(data_dir, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command of the host that must fail with this exit code, and returns what it says.
fn fails(data_dir: &Path, arguments: &[&str], exit: i32) -> String {
    let output = command(data_dir, arguments);
    let says = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(exit), &b""[..]), "{arguments:?}: {says}");
    says
}

/// The settings as programs read them, by name.
fn settings(data_dir: &Path) -> BTreeMap<String, Value> {
    let json: Value = serde_json::from_str(&done(data_dir, &["settings", "--json"])).unwrap();
    let rows = json["settings"].as_array().unwrap().iter();
    rows.map(|row| (row["name"].as_str().unwrap().to_owned(), row.clone())).collect()
}

/// The acts of administrators: act, subject and detail.
fn audit(place: &Place) -> Vec<(String, String, String)> {
    let db = place.read();
    let mut statement = db.prepare("SELECT act, subject, detail FROM audit ORDER BY sequence").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

// Each setting.

/// A setting: its name, words for a value, the value as shown and for programs; words that are refused with an exit code
/// and a part of what is said.
type Case = (&'static str, &'static [&'static str], &'static str, Value, &'static [(&'static str, i32, &'static str)]);

/// Every setting; the files are those of a key for DNS, and of a certificate and its key.
fn cases([key_file, certificate, certificate_key]: [&'static str; 3]) -> Vec<Case> {
    const NO_TIME: &str = "expected a whole number and a unit, such as 90m, 12h, 7d or 604800s";
    vec![
        (
            "renewal-interval",
            &["3d"],
            "3 days",
            json!(3 * DAY),
            &[
                ("14m", 1, "renewal-interval may be from 15 minutes to 30 days, and 14 minutes is not (KM-422"),
                ("31d", 1, "KM-422 setting-out-of-range"),
                ("0s", 1, "KM-422 setting-out-of-range"),
                ("10080", 2, "minutes, as slmgr takes them, are 10080m"),
                ("a while", 2, NO_TIME),
            ],
        ),
        (
            "activation-interval",
            &["90", "minutes"],
            "90 minutes",
            json!(90 * MINUTE),
            &[("30d 1h", 2, NO_TIME), ("9999999h", 1, "may be from 15 minutes to 30 days, and 9999999 hours is not")],
        ),
        (
            "threshold.volume",
            &["40"],
            "40",
            json!(40),
            &[
                ("1", 1, "threshold may be from 2 to 1000000, and 1 is not (edition volume) (KM-422"),
                ("1000001", 1, "KM-422 setting-out-of-range"),
                ("many", 2, "expected a number of clients"),
            ],
        ),
        (
            "port",
            &["1700"],
            "1700",
            json!(1700),
            &[("0", 1, "port may be from 1 to 65535, and 0 is not"), ("65536", 1, "KM-422"), ("http", 2, "expected")],
        ),
        (
            "help-url",
            &["https://help.example/activation"],
            "https://help.example/activation",
            json!("https://help.example/activation"),
            &[("help.example", 2, "begins with https:// or http://")],
        ),
        (
            "history-days",
            &["400"],
            "400",
            json!(400),
            &[("89", 1, "history-days may be from 90 to 36500"), ("a year", 2, "")],
        ),
        ("dns-publishing", &["on"], "on", json!(true), &[("yes", 2, "expected on or off")]),
        (
            "dns-zones",
            &["Corp.Example.", "lab.example:10:5"],
            "corp.example,lab.example:10:5",
            json!(["corp.example", "lab.example:10:5"]),
            &[("corp..example", 2, "ZONE[:PRIORITY[:WEIGHT]]"), ("a.example:1:70000", 2, "ZONE")],
        ),
        ("dns-priority", &["10"], "10", json!(10), &[("65536", 1, "dns-priority may be from 0 to 65535")]),
        ("dns-weight", &["5"], "5", json!(5), &[("70000", 1, "KM-422"), ("-1", 2, "")]),
        (
            "dns-server",
            &["192.0.2.1:5353"],
            "192.0.2.1:5353",
            json!("192.0.2.1:5353"),
            &[("ns.example", 2, "ADDRESS or ADDRESS:PORT")],
        ),
        (
            "dns-key-file",
            Vec::leak(vec![key_file]),
            key_file,
            json!(key_file),
            &[
                ("dns.key", 2, "from the root directory on"),
                ("/nowhere/dns.key", 3, "cannot read /nowhere/dns.key"),
                ("/dev/null", 3, "(KM-435 dns-key-file-unusable)"),
            ],
        ),
        (
            "dns-target",
            &["KMS.corp.example"],
            "kms.corp.example",
            json!("kms.corp.example"),
            &[("kms", 2, "a full host name")],
        ),
        (
            "dns-addresses",
            &["192.0.2.7 2001:DB8::7"],
            "192.0.2.7,2001:db8::7",
            json!("192.0.2.7,2001:db8::7"),
            &[
                ("127.0.0.1", 2, "addresses that other machines reach"),
                ("fe80::1", 2, "off, auto, or 1 to 8 addresses"),
            ],
        ),
        ("dns-remove-on-stop", &["on"], "on", json!(true), &[("yes", 2, "expected on or off")]),
        ("tls", &["require"], "require", json!("require"), &[("maybe", 2, "offer, require or off")]),
        ("tls-1.2", &["on"], "on", json!(true), &[("yes", 2, "expected on or off")]),
        (
            "tls-certificate-file",
            Vec::leak(vec![certificate]),
            certificate,
            json!(certificate),
            &[
                ("tls.pem", 2, "from the root directory on"),
                ("/nowhere/tls.pem", 3, "cannot read /nowhere/tls.pem"),
                ("/dev/null", 3, "(KM-437 tls-certificate-unusable)"),
            ],
        ),
        (
            "tls-key-file",
            Vec::leak(vec![certificate_key]),
            certificate_key,
            json!(certificate_key),
            &[("tls.key", 2, "from the root directory on"), ("/dev/null", 3, "(KM-437 tls-certificate-unusable)")],
        ),
        (
            "acme-directory",
            &["https://ca.example/acme/directory"],
            "https://ca.example/acme/directory",
            json!("https://ca.example/acme/directory"),
            &[("ca.example", 2, "begins with https:// or http://")],
        ),
        (
            "acme-name",
            &["KMS.corp.example"],
            "kms.corp.example",
            json!("kms.corp.example"),
            &[("kms", 2, "a full host name")],
        ),
    ]
}

#[test]
fn each_setting_is_set_shown_refused_and_taken_back() {
    let place = Place::new(Publisher::new(2, 1));
    let data_dir = &place.data_dir;
    let before = settings(data_dir);
    let key_file = place.data_dir.with_extension("key");
    let key = "key \"kms\" { algorithm hmac-sha256; secret \"c2VjcmV0IG9mIHNpeHRlZW4gYnl0ZXM=\"; };\n";
    write_private(&key_file, key.as_bytes()).unwrap();
    // A host has a certificate of its own, which is as good as another for this.
    let files = [key_file, data_dir.join("tls.pem"), data_dir.join("tls.key")];
    let cases = cases(files.map(|file| &*file.to_str().unwrap().to_owned().leak()));
    let names: BTreeSet<&str> = cases.iter().map(|(name, ..)| *name).collect();
    let known: BTreeSet<String> =
        SETTINGS.iter().map(|setting| setting.pattern().replace("EDITION", "volume")).collect();
    assert!(known.iter().map(String::as_str).eq(names), "the table has every setting, and no other");
    assert!(before.keys().eq(&known), "the command shows every setting, and no other");
    for (name, words, text, value, refused) in cases {
        let said = done(data_dir, &[&["set", name], words].concat());
        assert!(said.starts_with(name) && said.contains(&format!(" is {text}; it was ")), "{said}");
        let now = settings(data_dir);
        let row = &now[name];
        assert_eq!((&row["value"], &row["text"]), (&value, &json!(text)), "{row}");
        assert_eq!(
            (&row["source"], &row["chosen"]["by"]),
            (&json!("administrator"), &json!("local user ann")),
            "{row}"
        );
        assert!(row["chosen"]["at"].as_u64().unwrap().abs_diff(Env::system().now().as_secs()) < 60, "{row}");
        for (wrong, exit, says) in refused {
            let said = fails(data_dir, &["set", name, "--", wrong], *exit);
            assert!(said.contains(says), "{name} {wrong}: {said}");
        }
        assert_eq!(settings(data_dir)[name], *row, "what was refused changes nothing");
        let again: Value = serde_json::from_str(&done(data_dir, &["set", name, text, "--json"])).unwrap();
        assert_eq!((&again["after"], &again["changed"]), (&value, &json!(false)), "{again}");

        let taken_back = done(data_dir, &["unset", name, "--json"]);
        let taken_back: Value = serde_json::from_str(&taken_back).unwrap();
        assert_eq!((&taken_back["before"], &taken_back["changed"]), (&value, &json!(true)), "{taken_back}");
        assert_eq!(settings(data_dir), before, "after unset {name}");
        assert!(done(data_dir, &["unset", name]).contains("nothing had to be changed"));
    }
}

#[test]
fn the_table_for_people_names_values_ranges_and_sources() {
    let place = Place::new(Publisher::new(2, 1));
    done(&place.data_dir, &["set", "renewal-interval", "3d"]);
    let table = done(&place.data_dir, &["settings"]);
    for expected in [
        "publisher fixture\nSETTING ",
        "\nthe host itself\nSETTING ",
        "renewal-interval     3 days   7 days   15 minutes to 30 days  local user ann, 20",
        "activation-interval  2 hours  2 hours  15 minutes to 30 days  the publisher's licence pack\n",
        "threshold.volume     2        2        2 to 1000000           the publisher's licence pack\n",
        "port                  1688   1688     1 to 65535                  built in\n",
        "note on dns-publishing: nothing is published until this is set: dns-zones, dns-key-file",
    ] {
        assert!(table.contains(expected), "{expected:?} is missing in:\n{table}");
    }
    let of_publisher = done(&place.data_dir, &["settings", "--publisher", "fixture"]);
    assert!(table.starts_with(&of_publisher) && !of_publisher.contains("port"), "{of_publisher}");
}

#[test]
fn names_that_are_not_understood_get_the_nearest() {
    let place = Place::new(Publisher::new(2, 1));
    for (arguments, exit, says) in [
        (&["set", "renew-interval", "3d"][..], 2, "did you mean renewal-interval?"),
        (&["unset", "ports"], 2, "did you mean port?"),
        (&["set", "threshold", "3"], 2, "did you mean threshold.EDITION?"),
        (&["set", "threshold.volumes", "3"], 2, "there is no edition \"volumes\"; did you mean \"volume\"?"),
        (&["set", "threshold.seats", "3"], 2, "edition seats is licensed by seats, which need no threshold"),
        (&["set", "port", "1700", "--publisher", "fixture"], 2, "port is a setting of the host"),
        (&["set", "renewal-interval", "3d", "--publisher", "other"], 3, "this host has no publisher other"),
        (&["settings", "--publisher", "other"], 2, "this host has no publisher other"),
        (&["set", "port"], 2, "<VALUE>"),
    ] {
        let said = fails(&place.data_dir, arguments, exit);
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
    assert_eq!(audit(&place), []);
}

#[test]
fn every_change_is_recorded_with_the_old_and_the_new_value_and_a_dry_run_is_none() {
    let place = Place::new(Publisher::new(2, 1));
    let data_dir = &place.data_dir;
    let nowhere = data_dir.join("nowhere");
    assert!(fails(&nowhere, &["set", "port", "1", "--dry-run"], 3).contains("there is no host in"));
    assert!(!nowhere.exists(), "a dry run makes nothing");
    let before = settings(data_dir);
    let said = done(data_dir, &["set", "renewal-interval", "3d", "--dry-run"]);
    assert!(said.starts_with("renewal-interval of fixture would be 3 days; it is 7 days\n"), "{said}");
    assert!(said.ends_with("nothing was changed, as you asked (--dry-run)\n"), "{said}");
    let json: Value = serde_json::from_str(&done(data_dir, &["set", "port", "1", "--dry-run", "--json"])).unwrap();
    assert_eq!((&json["before"], &json["after"], &json["changed"]), (&json!(1688), &json!(1), &json!(false)));
    assert_eq!((settings(data_dir), audit(&place)), (before, vec![]));

    for arguments in [
        &["set", "renewal-interval", "3d"][..],
        &["set", "renewal-interval", "72h"],
        &["set", "dns-zones", "corp.example"],
        &["unset", "dns-zones"],
        &["unset", "dns-zones"],
        &["unset", "renewal-interval"],
    ] {
        done(data_dir, arguments);
    }
    let entry = |act: &str, subject: &str, detail: &str| (act.to_owned(), subject.to_owned(), detail.to_owned());
    let expected = [
        entry("setting changed", "renewal-interval of fixture", "from 7 days to 3 days"),
        entry("setting changed", "dns-zones", "from nothing to corp.example"),
        entry("setting taken back", "dns-zones", "from corp.example to nothing"),
        entry("setting taken back", "renewal-interval of fixture", "from 3 days to 7 days"),
    ];
    assert_eq!(audit(&place), expected);
}

// What a running host makes of it.

#[test]
fn the_next_answer_follows_what_was_set() {
    let place = Place::new(Publisher::new(2, 1));
    let (host, data_dir) = (place.start(), &place.data_dir);
    let (mut first, mut second) = (Machine::new(&Env::system()), Machine::new(&Env::system()));
    let refusal = |machine: &mut Machine| {
        let answer = host.activate(&place.request(machine, Act::Activate, VOLUME_EDITION));
        let members = refused(&answer, 403, "threshold-not-met");
        (answer.header("retry-after").unwrap().to_owned(), members["count"].clone(), members["need"].clone())
    };
    assert_eq!(refusal(&mut first), ("7200".to_owned(), json!(1), json!(2)));
    done(data_dir, &["set", "activation-interval", "30m"]);
    assert_eq!(refusal(&mut first), ("1800".to_owned(), json!(1), json!(2)));

    let lease = |machine: &mut Machine| {
        let request = place.request(machine, Act::Activate, VOLUME_EDITION);
        let (lease, _) = place.verify(&host.activate(&request), &request);
        let help = lease.help_url.as_ref().map(ToString::to_string);
        (lease.renew_after.secs_since(lease.issued), lease.retry_secs, help)
    };
    assert_eq!(lease(&mut second), (7 * DAY, Some(30 * MINUTE), None));
    done(data_dir, &["set", "renewal-interval", "36h"]);
    done(data_dir, &["set", "help-url", "http://help.example"]);
    assert_eq!(lease(&mut second), (36 * HOUR, Some(30 * MINUTE), Some("http://help.example".to_owned())));
    for name in ["renewal-interval", "activation-interval", "help-url"] {
        done(data_dir, &["unset", name]);
    }
    assert_eq!(lease(&mut second), (7 * DAY, None, None));

    let said = done(data_dir, &["set", "threshold.volume", "3", "--dry-run"]);
    for effect in [
        "2 of 3 clients are counted: until there are 3, no client gets a lease of volume, new or renewed",
        "leases that are held stay to their end: 1 now, the first until 20",
    ] {
        assert!(said.contains(effect), "{said}");
    }
    lease(&mut second);
    let said = done(data_dir, &["set", "threshold.volume", "3"]);
    assert!(said.contains("the running host follows within a second, without a restart"), "{said}");
    assert_eq!(refusal(&mut second), ("7200".to_owned(), json!(2), json!(3)));
    let said = done(data_dir, &["unset", "threshold.volume"]);
    assert!(said.contains("2 of 2 clients are counted: whoever asks gets a lease"), "{said}");
    lease(&mut second);
}

#[test]
fn a_value_that_a_newer_pack_puts_out_of_range_is_shown_beside_the_one_that_counts() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let (aurora, _) = Authority::start(root, "aurora", "Aurora Systems", AURORA, 0).unwrap();
    let host = estate::Host::new(root, 0).unwrap();
    host.add_publisher(root, "aurora").unwrap();
    let key = aurora.mint_host_key("server-c-2026", &["--threshold", "3"]).unwrap();
    host.run(&["install-key"], &key).unwrap();
    host.run(&["activate"], "").unwrap();
    let data_dir = &root.join("host");
    let row = &settings(data_dir)["threshold.desk-pro-2026"];
    assert_eq!((&row["value"], &row["source"], &row["min"]), (&json!(3), &json!("entitlement"), &json!(3)));
    let row = &settings(data_dir)["help-url"];
    assert_eq!((&row["source"], &row["chosen"]), (&json!("licence-pack"), &Value::Null));
    done(data_dir, &["set", "renewal-interval", "20d"]);

    let pack = |version: &str, max: &str| {
        let source = root.join("next.toml");
        let renew = r#"renew = { default = "7 days", min = "15 minutes", max = "30 days" }"#;
        assert!(AURORA.contains(renew));
        let next = AURORA.replace("version = 1\n", version).replace(renew, &renew.replace("30 days", max));
        fs::write(&source, next).unwrap();
        let file = |name: &str| root.join(name).to_str().unwrap().to_owned();
        aurora.run(&["catalogue", "sign", &file("next.toml"), "--out", &file("aurora.pack")]).unwrap();
        host.add_publisher(root, "aurora").unwrap();
        settings(data_dir)["renewal-interval"].clone()
    };
    let row = pack("version = 2\n", "10 days");
    assert_eq!(
        (&row["value"], &row["source"], &row["max"]),
        (&json!(7 * DAY), &json!("licence-pack"), &json!(10 * DAY))
    );
    assert_eq!((&row["chosen"]["value"], &row["chosen"]["counts"]), (&json!(20 * DAY), &json!(false)), "{row}");
    let note = row["note"].as_str().unwrap();
    assert!(note.starts_with("20 days was chosen by local user ann at 20"), "{note}");
    assert!(note.ends_with(", and is outside what the publisher allows by now"), "{note}");
    let said = fails(data_dir, &["set", "renewal-interval", "21d"], 1);
    assert!(said.contains("renewal-interval may be from 15 minutes to 10 days, and 21 days is not"), "{said}");

    let row = pack("version = 3\n", "25 days");
    assert_eq!(
        (&row["value"], &row["source"], &row["note"]),
        (&json!(20 * DAY), &json!("administrator"), &Value::Null)
    );
}

// The port.

/// A host on the port that is set, with its log beside the data directory.
fn start_on(place: &Place, port: u16) -> Host {
    done(&place.data_dir, &["set", "port", &port.to_string()]);
    let log = fs::File::create(place.data_dir.with_extension("log")).unwrap();
    let mut running =
        Running::start(&mut serve(&place.data_dir, &["--admin-listen", "127.0.0.1:0"]), log.into()).unwrap();
    let pid = running.id();
    let (clients, administration) = bounded(pid, || {
        let clients = running.line_after("listening on http://").unwrap();
        (clients, running.line_after("administration on http://").unwrap())
    });
    assert_eq!(clients.parse::<SocketAddr>().unwrap().port(), port);
    Host { running, clients: at(port), administration: administration.parse().unwrap() }
}

fn at(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Sets the port, and returns when the running host listens there.
fn move_to(place: &Place, port: u16) {
    done(&place.data_dir, &["set", "port", &port.to_string()]);
    poll("the new port", || serving::read(&place.data_dir).unwrap().filter(|serving| serving.clients.port() == port));
}

#[test]
fn a_port_moves_under_load_and_every_request_is_granted_once() {
    const MOVES: u16 = 4;
    let place = Place::new(Publisher::new(1, 1));
    let ports = [free_port(), free_port()];
    let host = start_on(&place, ports[0]);
    let is_over = AtomicBool::new(false);
    let asked = AtomicUsize::new(0);
    // As a client does: the same bytes again, on the other port, until there is an answer.
    let ask = |request: &[u8]| {
        let ask_at = |port| Connection::open(at(port))?.post("/v1/activate", request);
        poll("an answer", || ports.iter().find_map(|port| ask_at(*port).ok()))
    };
    let run = || {
        let mut granted = Vec::new();
        while !is_over.load(Ordering::Relaxed) {
            let request = place.request(&mut Machine::new(&Env::system()), Act::Activate, VOLUME_EDITION);
            let (lease, _) = place.verify(&ask(&request), &request);
            granted.push(lease.request.to_string());
            asked.fetch_add(1, Ordering::Relaxed);
        }
        granted
    };
    let granted: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        for round in 1..=MOVES {
            move_to(&place, ports[usize::from(round % 2)]);
            let before = asked.load(Ordering::Relaxed);
            poll("answers on the new port", || (asked.load(Ordering::Relaxed) > before + 10).then_some(()));
        }
        is_over.store(true, Ordering::Relaxed);
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    host.stop();
    let ledger = place.ledger();
    assert_eq!(ledger.len(), granted.len() as u64, "one entry for each request");
    assert_eq!(ledger.requests().unwrap(), granted.into_iter().collect());
}

#[test]
fn a_request_that_is_open_when_the_port_moves_is_answered_on_the_old_one() {
    let place = Place::new(Publisher::new(1, 1));
    let (old, new) = (free_port(), free_port());
    let host = start_on(&place, old);
    let request = place.request(&mut Machine::new(&Env::system()), Act::Activate, VOLUME_EDITION);
    let mut connection = host.connect();
    let length = request.len();
    let head = format!(
        "POST /v1/activate HTTP/1.1\r\nHost: x\r\nContent-Type: application/cose\r\nContent-Length: {length}\r\n\r\n"
    );
    connection.send(head.as_bytes()).unwrap();
    let (first, rest) = request.split_at(length / 2);
    connection.send(first).unwrap();
    move_to(&place, new);
    poll("the end of the old port", || TcpStream::connect(at(old)).is_err().then_some(()));
    connection.send(rest).unwrap();
    let answer = connection.answer().unwrap();
    place.verify(&answer, &request);
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(connection.answer().is_err(), "the old port answers nothing else");
    let again = Connection::open(at(new)).unwrap().post("/v1/activate", &request).unwrap();
    common::same(&again, &answer, "on the new port");
    host.stop();
}

#[test]
fn a_port_that_is_taken_leaves_the_host_where_it_is_until_it_is_free() {
    let place = Place::new(Publisher::new(1, 1));
    let port = free_port();
    let host = start_on(&place, port);
    let problem = || serving::read(&place.data_dir).unwrap().unwrap().problem;
    for is_asked in [true, false] {
        let before = serving::read(&place.data_dir).unwrap().unwrap().clients;
        let taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, free_port())).unwrap();
        let wanted = taken.local_addr().unwrap().port();
        done(&place.data_dir, &["set", "port", &wanted.to_string()]);
        let found = poll("the problem", problem);
        assert_eq!((found.port, found.code.as_deref()), (wanted, Some("address-in-use")));
        assert!(found.detail.contains("keymuster-host set port"), "{}", found.detail);
        let row = settings(&place.data_dir)["port"].clone();
        let note = row["note"].as_str().unwrap();
        let expected = format!("clients are still answered on port {}: cannot listen on", before.port());
        assert!(note.starts_with(&expected) && note.ends_with("(KM-414 address-in-use)"), "{note}");
        assert_eq!((&row["value"], &row["source"]), (&json!(wanted), &json!("administrator")));
        assert_eq!(host.get(at(before.port()), "/livez").status, 200);
        let status = done(&place.data_dir, &["status"]);
        assert!(status.contains(&format!("not on port {wanted}: ")) && status.contains("(KM-414 "), "{status}");

        drop(taken);
        if is_asked {
            signal(&host, "HUP");
        }
        poll("the move", || problem().is_none().then_some(()));
        assert_eq!(host.get(at(wanted), "/livez").status, 200);
        assert_eq!(settings(&place.data_dir)["port"]["note"], Value::Null);
    }
    host.stop();
    let log = fs::read_to_string(place.data_dir.with_extension("log")).unwrap();
    let complaints = log.lines().filter(|line| line.contains("code=\"address-in-use\"")).count();
    assert_eq!(complaints, 2, "each is logged once:\n{log}");
    assert!(log.contains("SIGHUP"), "{log}");
}

fn signal(host: &Host, name: &str) {
    let pid = host.running.id().to_string();
    assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
}

#[test]
fn the_command_line_wins_and_the_settings_say_so() {
    let place = Place::new(Publisher::new(1, 1));
    let (host, log) = place.start_with_log();
    let before = serving::read(&place.data_dir).unwrap().unwrap();
    let said = done(&place.data_dir, &["set", "port", "1700"]);
    let expected =
        format!("the running host was started with --listen or by a socket unit, and stays on {}", host.clients);
    assert!(said.contains(&expected), "{said}");
    let row = &settings(&place.data_dir)["port"];
    assert_eq!((&row["value"], &row["source"]), (&json!(host.clients.port()), &json!("command-line")), "{row}");
    assert_eq!((&row["chosen"]["value"], &row["chosen"]["counts"]), (&json!(1700), &json!(false)), "{row}");
    let table = done(&place.data_dir, &["settings"]);
    assert!(table.contains("the command line of the running host"), "{table}");
    signal(&host, "HUP");
    poll("the signal", || fs::read_to_string(&log).unwrap().contains("SIGHUP").then_some(()));
    assert_eq!(serving::read(&place.data_dir).unwrap().unwrap(), before);
    assert_eq!(host.get(host.clients, "/livez").status, 200);
    host.stop();
    let row = &settings(&place.data_dir)["port"];
    assert_eq!((&row["value"], &row["source"]), (&json!(1700), &json!("administrator")), "no host runs: {row}");
}

#[test]
fn a_data_directory_has_one_server_at_a_time() {
    let place = Place::new(Publisher::new(1, 1));
    assert_eq!(serving::read(&place.data_dir).unwrap(), None);
    let mut host = place.start();
    let (exit, says) = fails_to_serve(&place.data_dir, &[]);
    assert_eq!(exit, Some(3));
    assert!(says.contains("another keymuster-host serves") && says.contains("one directory has one server"), "{says}");
    let serving = serving::read(&place.data_dir).unwrap().unwrap();
    assert_eq!((serving.pid, serving.clients), (host.running.id(), host.clients));
    host.running.kill().unwrap();
    assert_eq!(serving::read(&place.data_dir).unwrap(), None, "a killed server leaves no trace that counts");
    place.start().stop();
}

// DNS.

#[test]
fn a_running_host_publishes_itself_as_it_is_set_and_follows_its_own_port() {
    const POLICY: &str = "update-policy { grant kms name _keymuster._tcp.muster.test. SRV; };";
    let records = "kms A 127.0.0.1\n_keymuster._tcp SRV 9 9 1688 another\nanother A 127.0.0.9\n";
    let server = NameServer::start(&[ZoneFile { name: "muster.test", policy: POLICY, records }], &["kms"]);
    let place = Place::new(Publisher::new(1, 1));
    let ports = [free_port(), free_port()];
    let host = start_on(&place, ports[0]);
    let (address, key) = (server.address.to_string(), server.key_file("kms"));
    // This host's record as the name server has it, and those of others.
    let look = || {
        let report = done(&place.data_dir, &["dns", "--json", "--resolver", &address, "--zone", "muster.test"]);
        let seen = serde_json::from_str::<Value>(&report).unwrap()["zones"][0]["seen"]["records"].clone();
        let all: Vec<Value> = seen.as_array().unwrap().clone();
        all.into_iter().partition::<Vec<Value>, _>(|record| record["target"] == "kms.muster.test")
    };
    let is = |what: &str, expected: Option<(u16, u16, u16)>| {
        poll(what, || {
            let (own, others) = look();
            assert_eq!(others.len(), 1, "nobody touches the record of another host");
            let own = own.first().map(|own| (own["priority"].clone(), own["weight"].clone(), own["port"].clone()));
            let expected = expected.map(|(priority, weight, port)| (json!(priority), json!(weight), json!(port)));
            (own == expected).then_some(())
        });
    };
    let set = |name: &str, value: &str| done(&place.data_dir, &["set", name, value]);
    set("dns-target", "kms.muster.test");
    set("dns-server", &address);
    let said = set("dns-key-file", key.to_str().unwrap());
    assert!(said.contains("nothing is published until this is set: dns-zones"), "{said}");
    assert_eq!(settings(&place.data_dir)["dns-publishing"]["value"], json!(false));
    let said = set("dns-zones", "muster.test:7");
    assert!(said.contains("the host publishes kms.muster.test in muster.test while it serves"), "{said}");
    let row = settings(&place.data_dir)["dns-publishing"].clone();
    assert_eq!((&row["value"], &row["source"], &row["note"]), (&json!(true), &json!("built-in"), &Value::Null));
    is("the record", Some((7, 0, ports[0])));
    set("dns-weight", "3");
    is("the weight", Some((7, 3, ports[0])));
    let said = set("port", &ports[1].to_string());
    let expected = format!("clients that look in DNS follow: the host publishes port {} in muster.test", ports[1]);
    assert!(said.contains(&expected), "{said}");
    is("the port", Some((7, 3, ports[1])));
    let said = set("dns-publishing", "off");
    assert!(said.contains("nothing is published, because it was turned off"), "{said}");
    is("the withdrawal", None);
    done(&place.data_dir, &["unset", "dns-publishing"]);
    is("the record, again", Some((7, 3, ports[1])));
    host.stop();
    is("the record of a host that will be back", Some((7, 3, ports[1])));
}
