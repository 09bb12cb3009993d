//! Publishing in DNS and looking at it, at a real name server.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use domain::base::{Message, MessageBuilder, Name, Rtype};
use keymuster_core::codes::{self, Code};
use keymuster_core::time::Timestamp;
use keymuster_host::dns::{
    Change, Own, Progress, Publication, SrvRecord, Standing, TsigKey, Zone, compare, keep_as_set, look, look_at,
    primary, publish, withdraw,
};
use keymuster_host::serving::{Board, Serving};
use keymuster_host::settings::{self, Dns, HostSettings};
use keymuster_service::{Env, Stop};
use support::named::{NameServer, ZoneFile};
use tokio::sync::watch;

const OPEN: &str = "allow-update { key \"kms\"; };";

/// What an administrator entered by hand: a host of another kind, and a time of his own for the set.
const BY_HAND: &str =
    "_keymuster._tcp 300 SRV 9 0 1688 old\nold A 127.0.0.9\nkms-a A 127.0.0.1\nkms-b A 127.0.0.1\nns A 127.0.0.1\n";

fn start() -> NameServer {
    let zone = |name, policy, records| ZoneFile { name, policy, records };
    let zones = [
        zone("example.test", OPEN, BY_HAND),
        zone("other.test", OPEN, "* CNAME ns.example.test.\n"),
        zone("alias.test", OPEN, "_keymuster._tcp CNAME ns\n"),
        zone("closed.test", "allow-update { none; };", ""),
        zone("foreign.test", "allow-update { key \"theirs\"; };", ""),
        zone("_keymuster._tcp.apart.test", OPEN, ""),
        zone("only-srv.test", "update-policy { grant kms name _keymuster._tcp.only-srv.test. SRV; };", ""),
    ];
    NameServer::start(&zones, &["kms", "theirs"])
}

fn publication(server: &NameServer, target: &str, zones: &[&str]) -> Publication {
    Publication {
        zones: zones.iter().map(|zone| Zone::parse(zone, (0, 10)).unwrap()).collect(),
        port: 1688,
        target: target.parse().unwrap(),
        addresses: Vec::new(),
        server: Some(server.address),
        tsig: TsigKey::read(&server.key_file("kms")).unwrap(),
        is_removed_on_stop: false,
    }
}

fn env() -> Env {
    Env::system()
}

/// The records of a domain as `priority weight port target`, in the order of clients.
async fn seen(server: &NameServer, domain: &str) -> Vec<String> {
    let records = look(&domain.parse().unwrap(), &[server.address], &env()).await.unwrap();
    let text = |SrvRecord { priority, weight, port, target }| format!("{priority} {weight} {port} {target}");
    records.into_iter().map(text).collect()
}

async fn changes(server: &Publication) -> Vec<Change> {
    publish(server, &env()).await.unwrap().entries.into_iter().map(|entry| entry.change).collect()
}

/// The seconds that the records of a name may be kept.
fn ttl(server: &NameServer, name: &str) -> u32 {
    let mut question = MessageBuilder::new_stream_vec().question();
    question.push((Name::vec_from_str(name).unwrap(), Rtype::SRV)).unwrap();
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(question.finish().as_stream_slice()).unwrap();
    let reply = Message::from_octets(receive(&mut stream)).unwrap();
    reply.answer().unwrap().next().unwrap().unwrap().ttl().as_secs()
}

/// One message behind its length.
fn receive(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn hosts_share_a_set_and_each_changes_its_own_alone() {
    let server = start();
    let a = publication(&server, "kms-a.example.test", &["example.test"]);
    let b = publication(&server, "kms-b.example.test", &["example.test:5:20"]);
    assert_eq!(changes(&a).await, [Change::Added]);
    assert_eq!(changes(&b).await, [Change::Added]);
    let (line_a, line_b, line_old) =
        ("0 10 1688 kms-a.example.test", "5 20 1688 kms-b.example.test", "9 0 1688 old.example.test");
    assert_eq!(seen(&server, "example.test").await, [line_a, line_b, line_old]);
    assert_eq!(changes(&a).await, [Change::Kept], "the next day");
    assert_eq!(ttl(&server, "_keymuster._tcp.example.test"), 300, "the time of the set is the administrator's");

    // Each of the three numbers makes the former record an old one.
    for (zone, port, expected) in [
        ("example.test:7:10", 1688, "7 10 1688 kms-a.example.test"),
        ("example.test:7:11", 1688, "7 11 1688 kms-a.example.test"),
        ("example.test:7:11", 1700, "7 11 1700 kms-a.example.test"),
    ] {
        let changed = Publication { port, ..publication(&server, "KMS-A.example.test", &[zone]) };
        assert_eq!(changes(&changed).await, [Change::Replaced]);
        assert_eq!(seen(&server, "example.test").await, [line_b, expected, line_old]);
    }

    let withdrawn = withdraw(&a, &env()).await.unwrap();
    assert_eq!(withdrawn.entries[0].change, Change::Removed);
    assert_eq!(seen(&server, "example.test").await, [line_b, line_old]);
    assert_eq!(withdraw(&a, &env()).await.unwrap().entries[0].change, Change::Absent);
    withdraw(&b, &env()).await.unwrap();
    assert_eq!(seen(&server, "example.test").await, [line_old]);
}

#[tokio::test]
async fn every_zone_has_its_own_numbers_and_addresses_are_entered_where_asked() {
    let server = start();
    // The second domain lies inside the zone of the first; the third has other names that stand for another one; of the
    // fourth this server has the service alone.
    let zones = ["example.test:1:2", "branch.example.test:3:4", "other.test:5:6", "apart.test:7:8"];
    let addresses: Vec<IpAddr> = vec!["127.0.0.7".parse().unwrap(), "::1".parse().unwrap()];
    let asked = Publication { addresses, ..publication(&server, "kms-c.example.test", &zones) };
    assert_eq!(changes(&asked).await, [Change::Added; 5]);
    assert_eq!(changes(&asked).await, [Change::Kept; 5]);
    for (domain, expected) in [("branch.example.test", "3 4"), ("other.test", "5 6"), ("apart.test", "7 8")] {
        assert_eq!(seen(&server, domain).await, [format!("{expected} 1688 kms-c.example.test")]);
    }
    for domain in ["branch.example.test", "other.test"] {
        assert_eq!(ttl(&server, &format!("_keymuster._tcp.{domain}")), 3600, "of {domain}");
    }
    let listener = TcpListener::bind("127.0.0.7:0").unwrap();
    let reached = Publication { port: listener.local_addr().unwrap().port(), ..asked.clone() };
    assert_eq!(changes(&reached).await[..4], [Change::Replaced; 4]);
    let found = look(&"other.test".parse().unwrap(), &[server.address], &env()).await.unwrap();
    let expected = reached.zones[2].record(&reached.target, reached.port);
    let comparison = compare(&expected, found, &[server.address], &env()).await;
    assert_eq!(comparison.records[0].problem, None, "the address that was entered is the one that is asked");

    let withdrawn = withdraw(&reached, &env()).await.unwrap();
    assert!(withdrawn.entries.iter().all(|entry| entry.change == Change::Removed), "{withdrawn:?}");
    let found = compare(&expected, vec![expected.clone()], &[server.address], &env()).await;
    assert!(found.records[0].problem.as_ref().unwrap().contains("no address"), "{found:?}");
}

#[tokio::test]
async fn what_goes_wrong_has_a_name() {
    let server = start();
    let env_of = |secs: i64| {
        let now = env().now().as_secs();
        Env::fixed(Timestamp::from_secs(now.checked_add_signed(secs).unwrap()), 1)
    };
    let ours = publication(&server, "kms-a.example.test", &["example.test"]);
    let zone = |zone: &str| publication(&server, "kms-a.example.test", &[zone]);
    let key = |path| Publication { tsig: TsigKey::read(path).unwrap(), ..ours.clone() };
    let other_secret = server.key_file("kms").with_file_name("other.key");
    let theirs = std::fs::read_to_string(server.key_file("theirs")).unwrap();
    let other = theirs.replace("theirs", "kms");
    keymuster_service::files::write_private(&other_secret, other.as_bytes()).unwrap();
    let closed: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let with_address = |zone_name| Publication { addresses: vec!["127.0.0.7".parse().unwrap()], ..zone(zone_name) };
    let cases: Vec<(Publication, Env, &Code, &str)> = vec![
        (key(&other_secret), env(), &codes::DNS_KEY_MISMATCH, "another secret (key kms)"),
        (key(&server.key_file("unheard-of")), env(), &codes::DNS_KEY_MISMATCH, "does not know the key"),
        (key(&server.key_file("theirs")), env(), &codes::DNS_UPDATE_REFUSED, "REFUSED"),
        (ours.clone(), env_of(-3600), &codes::DNS_CLOCK_DIFFERS, "seconds ahead of this host's"),
        (ours.clone(), env_of(3600), &codes::DNS_CLOCK_DIFFERS, "seconds behind this host's"),
        (
            Publication { server: Some(closed), ..ours.clone() },
            env(),
            &codes::DNS_SERVER_UNREACHABLE,
            "does not answer",
        ),
        (zone("closed.test"), env(), &codes::DNS_UPDATE_REFUSED, "closed.test: the DNS server"),
        (zone("foreign.test"), env(), &codes::DNS_UPDATE_REFUSED, "REFUSED"),
        (zone("alias.test"), env(), &codes::DNS_UPDATE_REFUSED, "is an alias (CNAME)"),
        (zone("unknown.invalid"), env(), &codes::DNS_ZONE_NOT_SERVED, "knows no zone"),
        (
            Publication { target: "kms.only-srv.test".parse().unwrap(), ..with_address("only-srv.test") },
            env(),
            &codes::DNS_UPDATE_REFUSED,
            "addresses of kms.only-srv.test",
        ),
    ];
    let before = seen(&server, "example.test").await;
    for (publication, env, code, expected) in cases {
        let failure = publish(&publication, &env).await.unwrap_err();
        assert_eq!(failure.code, code, "{failure}");
        assert!(failure.detail.contains(expected), "{expected:?} is not in: {failure}");
    }
    assert_eq!(seen(&server, "example.test").await, before, "nothing was changed");
}

#[tokio::test]
async fn one_zone_that_refuses_does_not_keep_the_host_out_of_the_others() {
    let server = start();
    let asked = publication(&server, "kms-a.example.test", &["closed.test", "example.test", "unknown.invalid"]);
    let failure = publish(&asked, &env()).await.unwrap_err();
    assert_eq!(failure.code, &codes::DNS_UPDATE_REFUSED);
    assert!(failure.detail.contains("; unknown.invalid: "), "{failure}");
    assert_eq!(seen(&server, "example.test").await[0], "0 10 1688 kms-a.example.test");
}

/// A server that says yes to everything, and has no other signature than the one that it was sent.
fn impostor() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = receive(&mut stream);
            bytes[2] |= 0x80;
            let length = u16::try_from(bytes.len()).unwrap();
            stream.write_all(&[&length.to_be_bytes()[..], &bytes].concat()).unwrap();
        }
    });
    address
}

#[tokio::test]
async fn an_answer_that_is_not_signed_is_no_success() {
    let server = start();
    let asked = publication(&server, "kms-a.example.test", &["example.test"]);
    let failure = publish(&Publication { server: Some(impostor()), ..asked }, &env()).await.unwrap_err();
    assert_eq!(failure.code, &codes::DNS_KEY_MISMATCH, "{failure}");
    assert!(failure.detail.contains("does not prove"), "{failure}");
}

#[tokio::test]
async fn what_clients_see_is_compared_with_what_should_be() {
    let server = start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let a = Publication { port, ..publication(&server, "kms-a.example.test", &["example.test"]) };
    changes(&a).await;
    let domain = "example.test".parse().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let servers = [closed, silent.local_addr().unwrap(), server.address];
    let found = look(&domain, &servers, &env()).await.unwrap();
    assert_eq!(look_at(&domain, server.address, Some(&a.tsig), &env()).await.unwrap(), found);
    assert!(look(&domain, &[closed], &env()).await.unwrap_err().detail.contains("does not answer"));
    let none = look(&domain, &[], &env()).await.unwrap_err();
    assert_eq!(none.code, &codes::DNS_SERVER_UNREACHABLE);
    let failure = look(&"unknown.invalid".parse().unwrap(), &[server.address], &env()).await.unwrap_err();
    assert!(failure.detail.contains("answers REFUSED"), "{failure}");

    let expected = |priority| SrvRecord { priority, weight: 10, port, target: "kms-a.example.test".into() };
    for (priority, own, standing) in [(0, Own::Present, Standing::Own), (3, Own::Stale, Standing::Stale)] {
        let comparison = compare(&expected(priority), found.clone(), &[server.address], &env()).await;
        assert_eq!(comparison.own, own);
        let [first, second] = &comparison.records[..] else { panic!("{comparison:?}") };
        assert_eq!((first.standing, &first.problem), (standing, &None));
        assert_eq!(second.standing, Standing::Foreign);
        let problem = second.problem.as_ref().unwrap();
        assert!(problem.starts_with("no answer from 127.0.0.9:1688: "), "{problem}");
    }
}

#[tokio::test]
async fn the_primary_server_of_a_domain_is_found_by_its_zone() {
    let server = start();
    for domain in ["example.test", "branch.example.test", "other.test"] {
        let found = primary(&domain.parse().unwrap(), &[server.address], &env()).await.unwrap();
        assert_eq!(found, "127.0.0.1:53".parse().unwrap(), "{domain}");
    }
    let domain = "unknown.invalid".parse().unwrap();
    let failure = primary(&domain, &[server.address], &env()).await.unwrap_err();
    assert_eq!(failure.code, &codes::DNS_SERVER_UNREACHABLE, "{failure}");
    assert!(primary(&domain, &[], &env()).await.unwrap_err().detail.contains("no name server is known"));
}

/// Looks until the domain is as expected.
async fn until(server: &NameServer, domain: &str, expected: &[&str]) {
    let looking = async { while seen(server, domain).await != expected {} };
    let in_time = tokio::time::timeout(Duration::from_secs(20), looking).await;
    assert!(in_time.is_ok(), "{expected:?} did not come, but {:?}", seen(server, domain).await);
}

#[tokio::test]
async fn a_running_host_follows_its_settings_its_port_and_its_key() {
    let server = start();
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("dns.key");
    std::fs::copy(server.key_file("kms"), &key).unwrap();
    let mut board = Board::take(directory.path()).unwrap().unwrap();
    let mut listen = |port| {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        board.tell(&Serving::new(address, address, Timestamp::from_secs(5))).unwrap();
    };
    listen(2000);
    let zone = |priority| settings::Zone { name: "branch.example.test".into(), priority, weight: None };
    let dns = Dns {
        zones: vec![zone(Some(4))],
        weight: Some(9),
        server: Some(server.address),
        key_file: Some(key.clone()),
        target: Some("kms.example.test".into()),
        ..Dns::default()
    };
    let set = |dns: &Dns| HostSettings { port: Some(1), dns: dns.clone(), ..HostSettings::default() };
    let (sender, receiver) = watch::channel(set(&dns));
    let stop = Stop::new();
    let domain = "branch.example.test";
    let acting = async {
        until(&server, domain, &["4 9 2000 kms.example.test"]).await;
        listen(3000);
        until(&server, domain, &["4 9 3000 kms.example.test"]).await;
        sender.send_replace(set(&Dns { zones: vec![zone(None)], priority: Some(6), ..dns.clone() }));
        until(&server, domain, &["6 9 3000 kms.example.test"]).await;

        // A key that is broken changes nothing, and its return is noticed.
        std::fs::write(&key, "no key").unwrap();
        sender.send_replace(set(&Dns { zones: vec![zone(Some(7))], ..dns.clone() }));
        for _ in 0..20 {
            assert_eq!(seen(&server, domain).await, ["6 9 3000 kms.example.test"]);
        }
        std::fs::copy(server.key_file("kms"), &key).unwrap();
        until(&server, domain, &["7 9 3000 kms.example.test"]).await;

        for off in [Dns { publishing: Some(false), ..dns.clone() }, Dns { zones: Vec::new(), ..dns.clone() }] {
            sender.send_replace(set(&off));
            until(&server, domain, &[]).await;
            sender.send_replace(set(&dns));
            until(&server, domain, &["4 9 3000 kms.example.test"]).await;
        }
        stop.now();
    };
    tokio::join!(keep_as_set(directory.path().to_owned(), receiver, Progress::default(), env(), stop.clone()), acting);
    assert_eq!(seen(&server, domain).await, ["4 9 3000 kms.example.test"], "a stopped host will be back");
}

#[tokio::test]
async fn an_answer_that_is_too_long_for_udp_comes_over_tcp() {
    let records: String = (0..60).map(|n| format!("_keymuster._tcp SRV {n} 0 1688 kms-{n}\n")).collect();
    let server = NameServer::start(&[ZoneFile { name: "example.test", policy: "", records: &records }], &[]);
    assert_eq!(seen(&server, "example.test").await.len(), 60);
}
