//! A host that puts itself into a real name server by its own command, the clients that find it there, and what the
//! command says when that cannot be.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

#[path = "common/ask_dns.rs"]
mod ask_dns;
#[path = "common/dnsmasq.rs"]
mod dnsmasq;
#[path = "common/late_dns.rs"]
mod late_dns;
#[path = "../../host/tests/support/named.rs"]
mod named;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use ask_dns::records;
use dnsmasq::Dnsmasq;
use keymuster_client::{Client, Settings, State};
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::estate::{Authority, Host};
use keymuster_scenarios::programs;
use late_dns::late_server;
use named::{NameServer, ZoneFile};

const POLICY: &str =
    "update-policy { grant kms name _keymuster._tcp.muster.test. SRV; grant kms name kms.muster.test. A; };";

const OPEN: &str = "allow-update { key \"kms\"; };";

fn name_server() -> NameServer {
    let zones = [
        ZoneFile {
            name: "muster.test",
            policy: POLICY,
            records: "_keymuster._tcp SRV 3 0 1688 gone\ngone A 127.0.0.9\n",
        },
        ZoneFile { name: "closed.test", policy: "", records: "" },
    ];
    NameServer::start(&zones, &["kms"])
}

/// Runs `keymuster-host dns` without any host.
fn dns(arguments: &[&str]) -> Output {
    let mut command = programs::command("keymuster-host").unwrap();
    command.args(["--data-dir", "/nonexistent", "dns"]).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A host that a server product's key entitles, for whoever asks.
fn activated_host(root: &Path) -> (Authority, Host) {
    let (authority, _) = Authority::start(root, "aurora", "Aurora Systems", AURORA, 0).unwrap();
    let mut host = Host::new(root, 0).unwrap();
    host.add_publisher(root, "aurora").unwrap();
    let key = authority.mint_host_key("server-c-2026", &["--threshold", "1"]).unwrap();
    host.run(&["install-key"], &key).unwrap();
    host.run(&["activate"], "").unwrap();
    host.start().unwrap();
    (authority, host)
}

#[test]
fn clients_find_the_host_that_published_itself() {
    let directory = tempfile::tempdir().unwrap();
    let (authority, host) = activated_host(directory.path());
    let server = name_server();
    let (address, port, key) = (server.address.to_string(), host.address.port().to_string(), server.key_file("kms"));
    let own = ["--zone", "muster.test:1:2", "--target", "kms.muster.test", "--port", &port, "--address", "127.0.0.1"];
    let with_key = ["--server", &address, "--key-file", key.to_str().unwrap()];
    let by_key = |more: &[&str]| stdout(&dns(&[&own[..], &with_key, more].concat()));
    let client = |name: &str| {
        let settings = Settings {
            store: directory.path().join(name),
            domains: vec!["muster.test".to_owned()],
            dns_servers: vec![server.address],
            ..Settings::default()
        };
        Client::open_with(authority.product("server-standard-2026").unwrap(), settings).unwrap()
    };
    let before = client("before");
    let failure = before.activate().unwrap_err();
    assert_ne!(failure.code().name, "host-not-found", "DNS names a machine that is gone");

    let report = by_key(&["--resolver", &address]);
    assert!(report.contains("next: enter this host's record: repeat this command with --publish"), "{report}");
    assert_eq!(by_key(&["--publish"]), "_keymuster._tcp.muster.test: entered\nkms.muster.test: entered\n");
    let status = before.activate().unwrap();
    assert!(matches!(status.state, State::Licensed { .. }), "{}", status.state);
    let found = status.host.unwrap();
    assert_eq!(found.address, format!("kms.muster.test:{port}"));
    assert_eq!(found.found_by, "DNS _keymuster._tcp.muster.test");

    let report = by_key(&["--resolver", &address]);
    for part in [
        &format!("should have: kms.muster.test:{port}  priority 1, weight 2\n"),
        &format!("  published at {address}, and seen by clients:\n"),
        &format!("    kms.muster.test:{port}  priority 1, weight 2  this host; answers\n"),
        "    gone.muster.test:1688  priority 3, weight 0  another host; PROBLEM: no answer from 127.0.0.9:1688",
        "next: see after the host at gone.muster.test, or delete its record if it is gone for good: keymuster-host dns",
    ] {
        assert!(report.contains(part), "{part:?} is missing in:\n{report}");
    }
    // What was advised, for the machine that is gone.
    let gone = ["--withdraw", "--zone", "muster.test", "--target", "gone.muster.test"];
    assert_eq!(stdout(&dns(&[&gone, &with_key[..]].concat())), "_keymuster._tcp.muster.test: removed\n");

    // What the key could change, it may change again, with other numbers: the former record is out of date.
    let json: serde_json::Value =
        serde_json::from_str(&by_key(&["--zone", "muster.test:8", "--resolver", &address, "--json"])).unwrap();
    let zones = json["zones"].as_array().unwrap();
    assert_eq!((&zones[0]["published"]["own"], &zones[1]["published"]["own"]), (&"present".into(), &"stale".into()));
    assert_eq!(zones[0]["seen"]["records"].as_array().unwrap().len(), 1);
    assert_eq!(zones[0]["seen"]["records"][0]["problem"], serde_json::Value::Null);
    assert_eq!(zones[0]["published"]["server"], address.as_str());
    assert_eq!(zones[0]["next"], serde_json::json!([]));

    by_key(&["--withdraw"]);
    assert_eq!(client("after").activate().unwrap_err().code().name, "host-not-found");
}

#[test]
fn what_is_set_needs_not_be_said() {
    let directory = tempfile::tempdir().unwrap();
    let (_authority, host) = activated_host(directory.path());
    let server = name_server();
    let (address, key) = (server.address.to_string(), server.key_file("kms"));
    for (name, value) in [
        ("dns-publishing", "off"),
        ("dns-zones", "muster.test:4"),
        ("dns-weight", "5"),
        ("dns-target", "kms.muster.test"),
        ("dns-server", &address),
        ("dns-key-file", key.to_str().unwrap()),
    ] {
        host.run(&["set", name, value], "").unwrap();
    }
    let run = |arguments: &[&str]| host.run(&[&["dns"], arguments].concat(), "").unwrap().join("\n");
    assert_eq!(run(&["--publish"]), "_keymuster._tcp.muster.test: entered");
    let report: serde_json::Value = serde_json::from_str(&run(&["--json", "--resolver", &address])).unwrap();
    let zone = &report["zones"][0];
    assert_eq!((&zone["published"]["own"], &zone["seen"]["own"]), (&"present".into(), &"present".into()), "{report}");
    let expected = serde_json::json!({
        "priority": 4, "weight": 5, "port": host.address.port(), "target": "kms.muster.test",
    });
    assert_eq!(zone["expected"], expected);
    assert_eq!(
        run(&["--print", "zone", "--zone", "a.test", "--port", "2000"]),
        "_keymuster._tcp.a.test. 3600 IN SRV 0 5 2000 kms.muster.test."
    );
    assert_eq!(run(&["--withdraw"]), "_keymuster._tcp.muster.test: removed");
}

#[test]
fn a_running_host_enters_its_addresses_where_asked_and_takes_its_records_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let (_authority, mut host) = activated_host(directory.path());
    let policy =
        "update-policy { grant kms name _keymuster._tcp.muster.test. SRV; grant kms name kms.muster.test. A AAAA; };";
    let by_hand = "_keymuster._tcp SRV 3 0 1688 other\nother A 127.0.0.9\n";
    let server = NameServer::start(&[ZoneFile { name: "muster.test", policy, records: by_hand }], &["kms"]);
    let (address, key) = (server.address.to_string(), server.key_file("kms"));
    let seen = |wanted: &[&str]| {
        let begin = std::time::Instant::now();
        loop {
            let mut found = records(server.address, "_keymuster._tcp.muster.test", "kms.muster.test");
            found.sort();
            if found == wanted {
                return;
            }
            assert!(begin.elapsed().as_secs() < 30, "{wanted:?} did not come, but {found:?}");
        }
    };
    let other = "3 0 1688 other.muster.test";
    let own = format!("0 0 {} kms.muster.test", host.address.port());
    let set = |host: &Host, name: &str, value: &str| host.run(&["set", name, value], "").unwrap();
    for (name, value) in [
        ("dns-target", "kms.muster.test"),
        ("dns-server", &address),
        ("dns-key-file", key.to_str().unwrap()),
        ("dns-zones", "muster.test"),
    ] {
        set(&host, name, value);
    }
    seen(&[&own, other]);
    set(&host, "dns-addresses", "192.0.2.7,192.0.2.8,2001:db8::7");
    seen(&[&own, "192.0.2.7", "192.0.2.8", "2001:db8::7", other]);
    set(&host, "dns-addresses", "192.0.2.8,2001:db8::9");
    seen(&[&own, "192.0.2.8", "2001:db8::9", other]);
    // What is entered is also what is printed for those who paste.
    let printed = host.run(&["dns", "--print", "zone"], "").unwrap().join("\n");
    assert!(
        printed.ends_with("kms.muster.test. 3600 IN A 192.0.2.8\nkms.muster.test. 3600 IN AAAA 2001:db8::9"),
        "{printed}"
    );
    host.stop().unwrap();
    seen(&[&own, "192.0.2.8", "2001:db8::9", other]);

    set(&host, "dns-remove-on-stop", "on");
    host.start().unwrap();
    let own = format!("0 0 {} kms.muster.test", host.address.port());
    seen(&[&own, "192.0.2.8", "2001:db8::9", other]);
    host.stop().unwrap();
    seen(&[other]);
}

#[test]
fn what_is_printed_for_a_zone_file_works_there() {
    let plan = ["--zone", "muster.test", "--target", "kms.muster.test", "--address", "127.0.0.1", "--port", "2000"];
    let records = stdout(&dns(&[&plan[..], &["--print", "zone"]].concat()));
    let server = NameServer::start(&[ZoneFile { name: "muster.test", policy: "", records: &records }], &[]);
    let report = stdout(&dns(&[&plan[..], &["--resolver", &server.address.to_string(), "--json"]].concat()));
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["zones"][0]["seen"]["own"], "present", "{report}");
    assert!(report["zones"][0]["published"].is_null());
    for (form, expected) in
        [("bind", "update add "), ("windows", "Add-Dns"), ("dnsmasq", "srv-host="), ("route53", "{")]
    {
        let output = dns(&[&plan[..], &["--print", form]].concat());
        assert!(stdout(&output).starts_with(expected), "{form}");
        let note = String::from_utf8(output.stderr).unwrap();
        assert_eq!(note.contains("with the records of other hosts"), form == "route53", "{form}: {note}");
    }
}

/// The lines that administrators paste, in the programs that they are for.
#[test]
fn what_is_printed_is_loaded_by_a_real_bind_and_a_real_dnsmasq_and_clients_discover_through_both() {
    let directory = tempfile::tempdir().unwrap();
    let (authority, host) = activated_host(directory.path());
    let port = host.address.port().to_string();
    let plan = [
        "--zone",
        "muster.test:1:2",
        "--zone",
        "lab.muster.test:3:4",
        "--target",
        "kms.muster.test",
        "--port",
        &port,
        "--address",
        "127.0.0.1",
        "--address",
        "::1",
    ];
    let print = |form: &str| stdout(&dns(&[&plan[..], &["--print", form]].concat()));
    let pasted = NameServer::start(&[ZoneFile { name: "muster.test", policy: "", records: &print("zone") }], &[]);
    let changed = NameServer::start(&[ZoneFile { name: "muster.test", policy: OPEN, records: "" }], &["kms"]);
    changed.nsupdate("kms", &print("bind"));
    let masq = Dnsmasq::start(&print("dnsmasq"));
    for (name, server) in [("zone", pasted.address), ("nsupdate", changed.address), ("dnsmasq", masq.address)] {
        for (domain, numbers) in [("muster.test", "1 2"), ("lab.muster.test", "3 4")] {
            let found = records(server, &format!("_keymuster._tcp.{domain}"), "kms.muster.test");
            assert_eq!(
                found,
                [format!("{numbers} {port} kms.muster.test"), "127.0.0.1".into(), "::1".into()],
                "{name}"
            );
            let settings = Settings {
                store: directory.path().join(format!("{name}-{domain}")),
                domains: vec![domain.to_owned()],
                dns_servers: vec![server],
                ..Settings::default()
            };
            let client = Client::open_with(authority.product("server-standard-2026").unwrap(), settings).unwrap();
            let status = client.activate().unwrap();
            assert!(matches!(status.state, State::Licensed { .. }), "{name}, {domain}: {}", status.state);
            assert_eq!(status.host.unwrap().found_by, format!("DNS _keymuster._tcp.{domain}"));
        }
    }
}

#[test]
fn each_failure_has_its_code_and_changes_nothing() {
    let server = name_server();
    let (address, key, other) = (server.address.to_string(), server.key_file("kms"), server.key_file("other"));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let late = late_server().to_string();
    let no_key = key.with_file_name("none.key");
    let secret = std::fs::read_to_string(&key).unwrap();
    let secret = secret.split('"').nth(3).unwrap();
    for (zone, server, key, expected) in [
        ("muster.test", &closed, &key, &["(KM-430 dns-server-unreachable)", "does not answer"][..]),
        ("elsewhere.test", &address, &key, &["(KM-431 dns-zone-not-served)", "_keymuster._tcp.elsewhere.test"]),
        ("closed.test", &address, &key, &["(KM-432 dns-update-refused)", "answers REFUSED", "--print"]),
        ("muster.test", &address, &other, &["(KM-433 dns-key-mismatch)", "does not know the key (key other)"]),
        ("muster.test", &late, &key, &["(KM-434 dns-clock-differs)", "is 3600 seconds behind this host's"]),
        ("muster.test", &address, &no_key, &["(KM-435 dns-key-file-unusable)", "none.key"]),
    ] {
        let key = key.to_str().unwrap();
        let output =
            dns(&["--publish", "--zone", zone, "--target", "kms.muster.test", "--server", server, "--key-file", key]);
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(3), true), "{err}");
        for part in expected {
            assert!(err.contains(part), "{part:?} is missing in: {err}");
        }
        assert!(!err.contains(secret), "{err}");
    }
    let report = dns(&["--zone", "muster.test", "--target", "kms.muster.test", "--resolver", &address, "--json"]);
    let report: serde_json::Value = serde_json::from_str(&stdout(&report)).unwrap();
    assert_eq!(report["zones"][0]["seen"]["own"], "missing", "{report}");
}

/// What the host prints is left on a machine, and is all that a product there needs.
#[test]
fn a_host_writes_the_token_by_which_its_clients_find_it() {
    let directory = tempfile::tempdir().unwrap();
    let (authority, host) = activated_host(directory.path());
    let tokens = directory.path().join("client.d");
    std::fs::create_dir(&tokens).unwrap();
    std::fs::set_permissions(&tokens, std::fs::Permissions::from_mode(0o755)).unwrap();
    let file = tokens.join("works.token");
    let leave = |arguments: &[&str]| {
        let text = host.run(&[&["client-token"], arguments].concat(), "").unwrap().join("\n");
        std::fs::write(&file, &text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        text
    };
    let client = |name: &str| {
        let settings = Settings { store: directory.path().join(name), tokens: tokens.clone(), ..Settings::default() };
        Client::open_with(authority.product("server-standard-2026").unwrap(), settings).unwrap()
    };
    let text = leave(&["--host", &format!("[::1]:{}", host.address.port()), "--host", &host.address.to_string()]);
    for part in ["keymuster-token 1\npublisher aurora\nroot ", "\ncustomer muster-works\n", "\nhost [::1]:"] {
        assert!(text.contains(part), "{part:?} is missing in {text}");
    }
    let status = client("by-host").activate().unwrap();
    assert!(matches!(status.state, State::Licensed { .. }), "{}", status.state);
    assert_eq!(status.host.unwrap().found_by, format!("set by hand: {}", file.display()));

    // Where the host publishes itself, its domain is named, and not the host.
    let server = name_server();
    let (address, key) = (server.address.to_string(), server.key_file("kms"));
    for (name, value) in [
        ("dns-target", "kms.muster.test"),
        ("dns-server", &address),
        ("dns-key-file", key.to_str().unwrap()),
        ("dns-zones", "muster.test"),
    ] {
        host.run(&["set", name, value], "").unwrap();
    }
    let text = leave(&["--edition", "server-standard-2026"]);
    assert!(text.contains("\nedition server-standard-2026\n") && text.ends_with("\ndomain muster.test"), "{text}");
    for (arguments, expected) in [
        (&["--edition", "unheard-of"][..], "aurora has no edition unheard-of"),
        (&["--host", "a b"], "expected a host"),
    ] {
        let error = host.run(&[&["client-token"], arguments].concat(), "").unwrap_err();
        assert!(format!("{error:#}").contains(expected), "{error:#}");
    }
}

/// A network without IPv4: name server, host and client have IPv6 addresses alone.
#[test]
fn a_client_without_ipv4_finds_a_host_without_ipv4() {
    let directory = tempfile::tempdir().unwrap();
    let (authority, mut host) = activated_host(directory.path());
    host.stop().unwrap();
    let port = std::net::TcpListener::bind("[::1]:0").unwrap().local_addr().unwrap().port();
    host.address = std::net::SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port));
    host.start().unwrap();
    let records = format!("_keymuster._tcp SRV 0 0 {port} kms\nkms AAAA ::1\n");
    let server = NameServer::start_on("::1", &[ZoneFile { name: "muster.test", policy: "", records: &records }], &[]);
    assert!(server.address.is_ipv6());
    let client = |name: &str, change: &dyn Fn(&mut Settings)| {
        let mut settings = Settings { store: directory.path().join(name), ..Settings::default() };
        change(&mut settings);
        Client::open_with(authority.product("server-standard-2026").unwrap(), settings).unwrap()
    };
    let found = client("found", &|settings| {
        settings.domains = vec!["muster.test".to_owned()];
        settings.dns_servers = vec![server.address];
    });
    let status = found.activate().unwrap();
    assert_eq!(status.host.unwrap().address, format!("kms.muster.test:{port}"));
    let literal = client("literal", &|settings| settings.host = Some(format!("[::1]:{port}").parse().unwrap()));
    let status = literal.activate().unwrap();
    assert_eq!(status.host.unwrap().address, format!("[::1]:{port}"));
    assert_eq!(literal.check().hosts.len(), 1);
}

#[test]
fn what_is_not_said_is_asked_for() {
    for (arguments, exit, expected) in [
        (&["--target", "kms", "--zone", "muster.test"][..], 2, "--target kms.example.com"),
        (&["--target", "kms.muster.test", "--zone", "muster.test:x"], 2, "cannot read --zone muster.test:x"),
        (&["--target", "kms.muster.test", "--zone", "muster.test", "--publish"], 2, "--key-file FILE"),
        (&["--target", "kms.muster.test", "--publish", "--withdraw"], 2, "cannot be used with"),
        (&["--target", "kms muster"], 2, "a name of letters"),
        (&["--server", "ns.muster.test"], 2, "192.0.2.53"),
    ] {
        let output = dns(arguments);
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(exit), "{err}");
        assert!(err.contains(expected), "{expected:?} is missing in: {err}");
    }
}
