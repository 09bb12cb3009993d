//! Finding hosts by DNS, at a real name server.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::net::TcpListener;

use keymuster_client::{Client, Error, Setting, SettingScope, Settings, SettingsFile};
use keymuster_core::id::HostId;
use keymuster_core::invalid::Invalid;
use keymuster_core::time::DAY;
use support::host::{Granter, Host, Reaction};
use support::named::NameServer;
use support::{Machine, Publisher};

const EDITION: &str = "desk-pro-2026";
const ADDRESSES: &str = "kms-a A 127.0.0.1\nkms-b A 127.0.0.1\nkms-b AAAA ::1\nnothing TXT \"x\"\n";

fn granting(machine: &Machine) -> Host {
    Host::granting(Granter::new(&Publisher::aurora(), &machine.env))
}

fn open(machine: &Machine, server: &NameServer) -> Client {
    open_with(machine, server, |_| ())
}

fn open_with(machine: &Machine, server: &NameServer, change: impl Fn(&mut Settings)) -> Client {
    let mut settings = machine.settings(None);
    settings.domains = vec!["example.test".into()];
    settings.dns_servers = vec![server.address];
    settings.timeouts.dns = std::time::Duration::from_secs(5);
    change(&mut settings);
    Client::open_with(Publisher::aurora().product(EDITION), settings).unwrap()
}

fn srv(priority: u16, host: &str, port: u16) -> String {
    format!("_keymuster._tcp SRV {priority} 10 {port} {host}\n")
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn outcomes(client: &Client) -> Vec<String> {
    client.status().trail.into_iter().map(|tried| format!("{}: {}", tried.what, tried.outcome)).collect()
}

#[test]
fn hosts_are_found_by_priority_and_the_next_is_asked_when_one_fails() {
    // With the addresses sent along, and without them.
    for options in ["minimal-responses no;", "minimal-responses yes;"] {
        let machine = Machine::new();
        let (first, second, third) = (free_port(), granting(&machine), granting(&machine));
        let records = [
            srv(20, "kms-b", second.address.port),
            srv(30, "kms-a", third.address.port),
            srv(10, "kms-a", first),
            srv(5, "nothing", 1688),
        ];
        let server = NameServer::start(&format!("{ADDRESSES}{}", records.concat()), options);
        let client = open(&machine, &server);
        let status = client.activate().unwrap();
        let found = status.host.as_ref().unwrap();
        assert_eq!(found.address, format!("kms-b.example.test:{}", second.address.port));
        assert_eq!(found.found_by, "DNS _keymuster._tcp.example.test");
        let trail = outcomes(&client);
        assert!(trail[0].contains(&format!("nothing.example.test:1688, kms-a.example.test:{first}, ")), "{trail:?}");
        assert!(trail[1].contains("KM-511") && trail[2].contains("KM-503"), "{trail:?}");
        assert_eq!((second.all().len(), third.all().len()), (1, 0));
    }
}

#[test]
fn a_host_that_cannot_or_will_not_is_passed_over() {
    for first in [
        Reaction::refusal(503, "host-read-only", ""),
        Reaction::refusal(503, "host-not-activated", ""),
        Reaction::refusal(422, "publisher-unknown", ""),
        Reaction::Raw(b"rubbish\r\n\r\n".to_vec()),
        Reaction::Close,
        Reaction::refusal(403, "threshold-not-met", ""),
        Reaction::refusal(403, "clock-skew", ""),
    ] {
        let machine = Machine::new();
        let mut first = Some(first);
        let (first, second) = (Host::start(move |_| first.take().unwrap_or(Reaction::Close)), granting(&machine));
        let records = [srv(1, "kms-a", first.address.port), srv(2, "kms-a", second.address.port)].concat();
        let server = NameServer::start(&format!("{ADDRESSES}{records}"), "");
        let client = open(&machine, &server);
        client.activate().unwrap();
        assert_eq!((first.all().len(), second.all().len()), (1, 1), "{:?}", client.status().trail);
    }
}

#[test]
fn the_most_telling_failure_is_returned() {
    let machine = Machine::new();
    let closing = Host::start(|_| Reaction::Close);
    let broken = Host::start(|_| Reaction::refusal(503, "host-read-only", ""));
    let records = [srv(1, "kms-a", closing.address.port), srv(2, "kms-a", broken.address.port)].concat();
    let server = NameServer::start(&format!("{ADDRESSES}{records}"), "");
    let client = open(&machine, &server);
    assert_eq!(client.activate().unwrap_err().code().name, "host-read-only");
    let [first] = closing.all().try_into().unwrap();
    client.activate().unwrap_err();
    assert_eq!(closing.all()[0].bytes, first.bytes, "nobody answered, so the same request goes out again");
}

#[test]
fn a_long_answer_is_fetched_over_tcp_and_six_hosts_are_asked_at_most() {
    let machine = Machine::new();
    let port = free_port();
    let records: String =
        (0..60).map(|n| format!("kms-{n} A 127.0.0.1\n{}", srv(n, &format!("kms-{n}"), port))).collect();
    let server = NameServer::start(&records, "");
    let client = open(&machine, &server);
    assert_eq!(client.activate().unwrap_err().code().name, "connection-refused");
    let trail = outcomes(&client);
    assert!(trail[0].contains("kms-59.example.test"), "all 60 came");
    assert_eq!(trail.len(), 1 + 6);
}

#[test]
fn ports_of_other_services_are_passed_over() {
    let machine = Machine::new();
    let records = [srv(1, "kms-a", 25), srv(2, "kms-a", 80), srv(3, "kms-a", 1023), srv(4, ".", 1688)].concat();
    let server = NameServer::start(&format!("{ADDRESSES}{records}"), "");
    let client = open(&machine, &server);
    let error = client.activate().unwrap_err();
    assert!(matches!(&error, Error::HostNotFound { domains } if domains == &["example.test"]), "{error}");
    let trail = outcomes(&client);
    assert_eq!(trail.len(), 1);
    assert!(trail[0].contains("passed over"), "{trail:?}");
}

#[test]
fn domains_are_searched_in_turn() {
    let machine = Machine::new();
    let host = granting(&machine);
    let server = NameServer::start(&format!("{ADDRESSES}{}", srv(1, "kms-a", host.address.port)), "");
    let client = open_with(&machine, &server, |settings| {
        settings.domains = ["none.example.test", "outside.invalid", "example.test"].map(str::to_owned).to_vec();
    });
    client.activate().unwrap();
    let trail = outcomes(&client);
    assert_eq!(trail[0], "DNS _keymuster._tcp.none.example.test: no SRV record");
    assert!(trail[1].contains("Refused"), "{trail:?}");
    assert_eq!(trail.len(), 4);
}

#[test]
fn the_host_that_answered_is_asked_first_for_a_day_and_last_after_it() {
    let machine = Machine::new();
    let (old, new) = (granting(&machine), granting(&machine));
    let server = NameServer::start(&format!("{ADDRESSES}{}", srv(1, "kms-a", old.address.port)), "");
    let moved = NameServer::start(&format!("{ADDRESSES}{}", srv(1, "kms-a", new.address.port)), "");
    open(&machine, &server).activate().unwrap();
    old.next();

    let client = open(&machine, &moved);
    client.renew().unwrap();
    assert_eq!((old.all().len(), new.all().len()), (1, 0), "within a day");
    machine.env.advance(DAY);
    client.renew().unwrap();
    assert_eq!((old.all().len(), new.all().len()), (0, 1), "after a day");

    // DNS knows nothing any more; the host that answered last is still there.
    machine.env.advance(2 * DAY);
    let silent = NameServer::start(ADDRESSES, "");
    open(&machine, &silent).renew().unwrap();
    assert_eq!(new.all().len(), 1);
}

#[test]
fn without_caching_dns_is_asked_each_time_and_nobody_else() {
    let machine = Machine::new();
    let (old, new) = (granting(&machine), granting(&machine));
    let server = NameServer::start(&format!("{ADDRESSES}{}", srv(1, "kms-a", old.address.port)), "");
    let moved = NameServer::start(&format!("{ADDRESSES}{}", srv(1, "kms-a", new.address.port)), "");
    let silent = NameServer::start(ADDRESSES, "");
    open(&machine, &server).activate().unwrap();
    std::fs::write(machine.store.path().join("settings.json"), r#"{"caching": false}"#).unwrap();
    open(&machine, &moved).renew().unwrap();
    assert_eq!((old.all().len(), new.all().len()), (1, 1), "within a day");
    let client = open(&machine, &silent);
    assert_eq!(client.renew().unwrap_err().code().name, "host-not-found");
    assert_eq!(new.all().len(), 0, "nor is it asked when DNS knows nothing");
    assert!(
        client.status().host.unwrap().address.ends_with(&format!(":{}", new.address.port)),
        "it is shown all the same"
    );
}

#[test]
fn a_machine_that_moves_into_another_domain_finds_its_host() {
    let machine = Machine::new();
    let (old, new) = (granting(&machine), granting(&machine));
    let records = format!(
        "{ADDRESSES}_keymuster._tcp.old SRV 1 1 {} kms-a\n_keymuster._tcp.new SRV 1 1 {} kms-a\n",
        old.address.port, new.address.port
    );
    let server = NameServer::start(&records, "");
    let file = SettingsFile::of(machine.store.path());
    let domain = |name: &str| {
        let value = Setting::Domain.parse_value(&format!("{name}.example.test")).unwrap();
        file.set(&SettingScope::Machine, Setting::Domain, &value, &[]).unwrap();
    };
    domain("old");
    let client = open_with(&machine, &server, |settings| settings.domains.clear());
    let status = client.activate().unwrap();
    assert_eq!(status.host.unwrap().found_by, "DNS _keymuster._tcp.old.example.test");

    // The host of the old domain still answers, and is asked for a day.
    domain("new");
    client.renew().unwrap();
    assert_eq!((old.all().len(), new.all().len()), (2, 0));
    let port = old.address.port;
    drop(old);
    let status = client.renew().unwrap();
    assert_eq!(status.host.unwrap().found_by, "DNS _keymuster._tcp.new.example.test");
    let trail = outcomes(&client);
    assert!(trail[0].contains(&format!("{port} (DNS _keymuster._tcp.old.example.test): ")), "{trail:?}");
    assert!(trail[0].contains("KM-503"), "{trail:?}");
    assert_eq!(trail[1], format!("DNS _keymuster._tcp.new.example.test: kms-a.example.test:{}", new.address.port));
    assert_eq!(new.all().len(), 1);
}

#[test]
fn a_host_of_another_customer_is_not_believed_until_the_key_is_removed() {
    let machine = Machine::new();
    let other = || Granter {
        customer: "globex",
        host: HostId::from_bytes([44; 16]),
        ..Granter::new(&Publisher::aurora(), &machine.env)
    };
    let (ours, theirs) = (granting(&machine), Host::granting(other()));
    let at_work = NameServer::start(&format!("{ADDRESSES}{}", srv(1, "kms-a", ours.address.port)), "");
    let elsewhere = NameServer::start(&format!("{ADDRESSES}{}", srv(1, "kms-a", theirs.address.port)), "");
    open(&machine, &at_work).activate().unwrap();
    drop(ours);
    let client = open(&machine, &elsewhere);
    let held = client.status().lease;
    let error = client.renew().unwrap_err();
    assert!(matches!(&error, Error::AnswerInvalid { why: Invalid::CustomerChanged, .. }), "{error}");
    assert!(error.to_string().ends_with("(KM-617 customer-changed)"), "{error}");
    assert_eq!(client.status().lease, held, "what is held stays");
    assert_eq!(client.check().hosts[1].report.as_ref().unwrap().objection, Some(Invalid::CustomerChanged));

    // The way out does not need the old host.
    assert!(Invalid::CustomerChanged.code().remedy.contains("`keymuster remove-key`"));
    client.remove_key().unwrap();
    assert_eq!(client.activate().unwrap().lease.unwrap().customer.as_str(), "globex");
}

#[test]
fn a_host_set_by_hand_is_the_only_one_and_its_name_is_looked_up() {
    let machine = Machine::new();
    let (by_hand, by_dns) = (granting(&machine), granting(&machine));
    let server = NameServer::start(&format!("{ADDRESSES}{}", srv(1, "kms-a", by_dns.address.port)), "");
    let set = |host: String| open_with(&machine, &server, |settings| settings.host = Some(host.parse().unwrap()));
    // The name has an IPv6 address too, at which nothing listens.
    set(format!("kms-b.example.test:{}", by_hand.address.port)).activate().unwrap();
    assert_eq!((by_hand.all().len(), by_dns.all().len()), (1, 0));
    for (host, expected) in [
        (format!("kms-a.example.test:{}", free_port()), "connection-refused"),
        ("nowhere.example.test".to_owned(), "name-not-resolved"),
        ("nothing.example.test".to_owned(), "name-not-resolved"),
    ] {
        assert_eq!(set(host).activate().unwrap_err().code().name, expected);
    }
    assert_eq!(by_dns.all().len(), 0);
}

#[test]
fn a_stranger_in_dns_gets_nothing_but_the_request() {
    let machine = Machine::new();
    let stranger = Granter {
        publisher: Publisher {
            root: keymuster_core::signature::SecretKey::from_seed(&[50; 32]),
            ..Publisher::aurora()
        },
        host: HostId::from_bytes([66; 16]),
        ..Granter::new(&Publisher::aurora(), &machine.env)
    };
    let (stranger, ours) = (Host::granting(stranger), granting(&machine));
    let records = [srv(0, "kms-a", stranger.address.port), srv(9, "kms-a", ours.address.port)].concat();
    let server = NameServer::start(&format!("{ADDRESSES}{records}"), "");
    let status = open(&machine, &server).activate().unwrap();
    assert!(status.trail[1].outcome.contains("KM-605"), "{:?}", status.trail);
    assert!(status.host.unwrap().address.ends_with(&format!(":{}", ours.address.port)));
}
