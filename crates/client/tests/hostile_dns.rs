//! Records and answers that somebody else has put into DNS: they cost time, which is limited, and never trust.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use keymuster_client::{Client, Env, Settings, State};
use keymuster_core::id::{ClientId, HostId};
use keymuster_core::signature::SecretKey;
use keymuster_core::time::DAY;
use support::host::{Granter, Heard, Host, Reaction};
use support::named::NameServer;
use support::{Machine, Publisher, START};

const EDITION: &str = "desk-pro-2026";
const ADDRESSES: &str = "kms-a A 127.0.0.1\n";

fn granter(machine: &Machine) -> Granter {
    Granter::new(&Publisher::aurora(), &machine.env)
}

fn srv(priority: usize, port: u16) -> String {
    format!("_keymuster._tcp SRV {priority} 10 {port} kms-a\n")
}

fn settings(machine: &Machine, servers: &[SocketAddr]) -> Settings {
    let mut settings = machine.settings(None);
    settings.domains = vec!["example.test".into()];
    settings.dns_servers = servers.to_vec();
    settings.timeouts.dns = Duration::from_secs(5);
    settings
}

fn open(machine: &Machine, settings: Settings) -> Client {
    let _ = machine;
    Client::open_with(Publisher::aurora().product(EDITION), settings).unwrap()
}

fn is_licensed(client: &Client) -> bool {
    matches!(client.status().state, State::Licensed { .. })
}

/// A host that a record leads to although it is nobody's, and what it does with a request.
type Hostile = Box<dyn FnMut(&Heard) -> Reaction + Send>;

fn hostile_hosts(machine: &Machine) -> Vec<(&'static str, Hostile)> {
    let ours = granter(machine);
    let another = ours.clone();
    let of_other_root = Granter {
        publisher: Publisher { root: SecretKey::from_seed(&[50; 32]), ..Publisher::aurora() },
        host: HostId::from_bytes([66; 16]),
        ..ours.clone()
    };
    let unentitled = Granter { key: SecretKey::from_seed(&[51; 32]), ..ours.clone() };
    let refusing = |status, code: &'static str, members: &'static str| -> Hostile {
        Box::new(move |_: &Heard| Reaction::refusal(status, code, members))
    };
    let body = r#"{"type":"urn:keymuster:code:threshold-not-met","title":"t","status":403,"detail":"d","code":"threshold-not-met"}"#;
    vec![
        ("garbage", Box::new(|_: &Heard| Reaction::Raw(vec![0xff; 4096])) as Hostile),
        (
            "half an answer",
            Box::new(|_: &Heard| Reaction::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n".to_vec())),
        ),
        (
            "a redirect",
            Box::new(|_: &Heard| {
                Reaction::Raw(b"HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:22/\r\nContent-Length: 0\r\n\r\n".to_vec())
            }),
        ),
        (
            "more than anybody would send",
            Box::new(|_: &Heard| {
                let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/cbor\r\nContent-Length: 9999999\r\n\r\n";
                Reaction::Raw([&head[..], &vec![0; 1_000_000]].concat())
            }),
        ),
        ("a refusal", refusing(403, "threshold-not-met", r#","count":1,"threshold":25"#)),
        (
            "a refusal for ever",
            Box::new(move |_: &Heard| Reaction::Problem(403, "Retry-After: 99999999\r\n", body.to_owned())),
        ),
        ("the claim that nobody is entitled", refusing(403, "entitlement-revoked", "")),
        ("a request that waits", refusing(202, "exchange-pending", "")),
        ("numbers without end", refusing(409, "request-replayed", r#","seen":4294967000"#)),
        ("a lease without a publisher", Box::new(move |heard: &Heard| of_other_root.react(&heard.request))),
        (
            "a lease without an entitlement",
            Box::new(move |heard: &Heard| {
                let forged = unentitled.lease(&heard.request);
                Reaction::Bundle(unentitled.bundle(forged, &ours.entitlement()))
            }),
        ),
        (
            "the lease of another client",
            Box::new(move |heard: &Heard| {
                let mut request = heard.request.clone();
                request.client = ClientId::from_bytes([77; 16]);
                request.client_key = SecretKey::from_seed(&[78; 32]).public();
                another.react(&request)
            }),
        ),
        ("a report instead of a lease", {
            let ours = granter(machine);
            Box::new(move |heard: &Heard| Reaction::Bundle(ours.report_bundle(&ours.report(&heard.request))))
        }),
    ]
}

#[test]
fn a_record_that_leads_astray_costs_a_request_and_nothing_else() {
    let count = hostile_hosts(&Machine::new()).len();
    for number in 0..count {
        let machine = Machine::new();
        let (what, react) = hostile_hosts(&machine).swap_remove(number);
        let (hostile, ours) = (Host::start(react), Host::granting(granter(&machine)));
        let records = [srv(0, hostile.address.port), srv(9, ours.address.port)].concat();
        let server = NameServer::start(&format!("{ADDRESSES}{records}"), "");
        let client = open(&machine, settings(&machine, &[server.address]));
        let status = client.activate().unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(matches!(status.state, State::Licensed { .. }), "{what}: {}", status.state);
        assert!(!hostile.all().is_empty(), "{what} was asked");
        let lease = status.lease.unwrap();
        assert_eq!((lease.customer.as_str(), lease.host), ("acme", HostId::from_bytes([3; 16])), "{what}");
        assert!(status.host.unwrap().address.ends_with(&format!(":{}", ours.address.port)), "{what}");
        // What is held needs nobody: when the records are all that is left, the lease stays as it is.
        drop(ours);
        let held = client.status().lease;
        client.renew().unwrap_err();
        assert_eq!(client.status().lease, held, "{what}");
        assert!(is_licensed(&client), "{what}");
    }
}

#[test]
fn the_lease_that_another_client_got_is_worth_nothing_when_it_is_played_again() {
    // With other random numbers the thief is another client.
    let (victim, thief) = (Machine::new(), Machine { env: Env::fixed(START, 2), ..Machine::new() });
    let (ours, theirs) = (Host::granting(granter(&victim)), granter(&thief));
    let bought = theirs.clone();
    let sniffed = Host::start(move |heard| bought.react(&heard.request));
    let direct = |machine: &Machine, host: &Host| {
        Client::open_with(Publisher::aurora().product(EDITION), machine.settings(Some(host.address.clone()))).unwrap()
    };
    direct(&thief, &sniffed).activate().unwrap();
    let request = sniffed.next().request;
    let replaying =
        Host::start(move |_| Reaction::Bundle(theirs.bundle(theirs.lease(&request), &theirs.entitlement())));
    let records = [srv(0, replaying.address.port), srv(9, ours.address.port)].concat();
    let server = NameServer::start(&format!("{ADDRESSES}{records}"), "");
    let client = open(&victim, settings(&victim, &[server.address]));
    let status = client.activate().unwrap();
    assert!(status.trail[1].outcome.contains("KM-6"), "{:?}", status.trail);
    assert!(status.host.unwrap().address.ends_with(&format!(":{}", ours.address.port)));
}

/// A port at which connections are taken and nothing is ever said.
fn tarpit() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[test]
fn hosts_that_swallow_requests_cannot_keep_a_client_from_the_others() {
    let machine = Machine::new();
    let ours = Host::granting(granter(&machine));
    let pits: Vec<(TcpListener, u16)> = (0..9).map(|_| tarpit()).collect();
    let records: String = pits.iter().enumerate().map(|(n, (_, port))| srv(n, *port)).collect();
    let server = NameServer::start(&format!("{ADDRESSES}{records}{}", srv(99, ours.address.port)), "");
    let mut settings = settings(&machine, &[server.address]);
    settings.timeouts.answer = Duration::from_millis(200);
    let limit = 4 * (settings.timeouts.connect + settings.timeouts.answer + settings.timeouts.dns);
    let client = open(&machine, settings);
    let begin = Instant::now();
    assert_eq!(client.activate().unwrap_err().code().name, "host-unreachable");
    assert!(begin.elapsed() < limit, "{:?}", begin.elapsed());
    assert_eq!(client.status().trail.len(), 1 + 6, "six are asked");
    // Whoever was asked in vain comes last in the next attempt, also in that of another process.
    let status = client.activate().unwrap();
    assert!(status.host.unwrap().address.ends_with(&format!(":{}", ours.address.port)));
    assert_eq!(ours.all().len(), 1);
    // A host that was believed is asked again, whatever else stands in DNS by then.
    machine.env.advance(2 * DAY);
    let flood = NameServer::start(&format!("{ADDRESSES}{records}"), "");
    let client = open(&machine, Settings { dns_servers: vec![flood.address], ..self::settings(&machine, &[]) });
    client.renew().unwrap();
    assert_eq!(ours.all().len(), 1, "{:?}", client.status().trail);
}

#[test]
fn a_refusal_does_not_silence_a_client_for_as_long_as_it_likes() {
    let machine = Machine::new();
    let body =
        r#"{"type":"urn:keymuster:code:threshold-not-met","status":403,"detail":"d","code":"threshold-not-met"}"#;
    let hostile = Host::start(move |_| Reaction::Problem(403, "Retry-After: 99999999\r\n", body.to_owned()));
    // Ours is away for a moment.
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let records = [srv(0, hostile.address.port), srv(9, away)].concat();
    let server = NameServer::start(&format!("{ADDRESSES}{records}"), "");
    let client = open(&machine, settings(&machine, &[server.address]));
    assert_eq!(client.activate().unwrap_err().code().name, "threshold-not-met");
    let wait = client.status().next_attempt.unwrap().secs_since(START);
    assert!(wait <= Publisher::aurora().retry.default_secs, "{wait}");
}

/// A name server that answers every question with what `answer` makes of it, over UDP and over TCP at one port.
fn name_server(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static, over_tcp: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let socket = UdpSocket::bind(address).unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&answer(&buffer[..length]), client);
        }
    });
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 512]);
                // One byte now and then, for as long as somebody listens.
                for byte in over_tcp.iter().cycle() {
                    if stream.write_all(&[*byte]).is_err() {
                        return;
                    }
                    thread::park_timeout(Duration::from_millis(50));
                }
            });
        }
    });
    address
}

#[test]
fn a_hostile_name_server_costs_its_time_and_the_next_one_is_asked() {
    let cut = |query: &[u8]| {
        let mut reply = query.to_vec();
        reply[2] |= 0x82;
        reply
    };
    let another_id = |query: &[u8]| {
        let mut reply = query.to_vec();
        reply[0] ^= 1;
        reply[2] |= 0x80;
        reply
    };
    let failing = |query: &[u8]| {
        let mut reply = query.to_vec();
        reply[2] |= 0x80;
        reply[3] = 2;
        reply
    };
    let counts = |query: &[u8]| {
        let mut reply = query.to_vec();
        reply[2] |= 0x80;
        reply[6..12].fill(0xff);
        reply
    };
    let hostile = [
        name_server(|_| vec![0xff; 512], b""),
        name_server(cut, &[0xff]),
        name_server(another_id, b""),
        name_server(failing, b""),
        name_server(counts, b""),
        name_server(<[u8]>::to_vec, b""),
        name_server(|_| Vec::new(), b""),
    ];
    for (number, address) in hostile.into_iter().enumerate() {
        let machine = Machine::new();
        let ours = Host::granting(granter(&machine));
        let server = NameServer::start(&format!("{ADDRESSES}{}", srv(1, ours.address.port)), "");
        let mut settings = settings(&machine, &[address, server.address]);
        settings.timeouts.dns = Duration::from_millis(400);
        let client = open(&machine, settings);
        let begin = Instant::now();
        client.activate().unwrap_or_else(|error| panic!("{number}: {error} {:?}", client.status().trail));
        assert!(begin.elapsed() < Duration::from_secs(5), "{number}: {:?}", begin.elapsed());
    }
}

#[test]
fn a_name_server_that_is_silent_is_not_waited_for_in_every_domain() {
    let machine = Machine::new();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut settings = settings(&machine, &[silent.local_addr().unwrap()]);
    settings.domains = (0..6).map(|n| format!("d{n}.example.test")).collect();
    settings.timeouts.dns = Duration::from_millis(300);
    let client = open(&machine, settings);
    let begin = Instant::now();
    assert_eq!(client.activate().unwrap_err().code().name, "host-not-found");
    assert!(begin.elapsed() < Duration::from_millis(1500), "twice, and not twelve times: {:?}", begin.elapsed());
    assert_eq!(client.status().trail.len(), 6);
}
