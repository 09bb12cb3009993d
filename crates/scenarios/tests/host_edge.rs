//! A real host against clients that are slow, greedy, rude or no clients at all; and who may reach what.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use common::{Host, PATIENCE, Place, problem, refused};
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::time::Timestamp;
use keymuster_scenarios::fixture::{Publisher, VOLUME_EDITION};
use keymuster_scenarios::load::{Connection, Machine};
use keymuster_service::Env;

fn check_grants(host: &Host, place: &Place, after: &str) {
    let request = place.request(&mut Machine::new(&Env::system()), Act::Activate, VOLUME_EDITION);
    let answer = host.activate(&request);
    assert_eq!(answer.status, 200, "after {after}: {answer:?}");
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Everything until the other side closes, which it may also do by a reset.
fn read_until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}: the host did not close"),
        _ => all,
    }
}

/// Sends bytes and nothing afterwards, and demands a refusal or a closed connection.
fn check_turned_away(host: &Host, what: &str, bytes: &[u8]) {
    let mut stream = connect(host.clients);
    // The host may have closed already, which the read shows.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let answer = read_until_closed(&mut stream);
    // An alert is how TLS refuses what began like it.
    let is_alert = bytes.starts_with(b"\x16") && answer.starts_with(b"\x15");
    let is_refused = answer.is_empty() || is_alert || answer.starts_with(b"HTTP/1.1 4");
    assert!(is_refused, "{what}: {:?}", String::from_utf8_lossy(&answer));
}

// Size and time.

#[test]
fn an_announced_gibibyte_is_refused_at_once() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    for (from, path) in [(host.clients, "/v1/activate"), (host.clients, "/v1/release"), (host.administration, "/livez")]
    {
        for expect in ["", "Expect: 100-continue\r\n"] {
            let mut connection = Connection::open(from).unwrap();
            let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{expect}Content-Length: {}\r\n\r\n", 1 << 30);
            let begin = Instant::now();
            connection.send(head.as_bytes()).unwrap();
            let members = refused(&connection.answer().unwrap(), 413, "body-too-large");
            assert_eq!(members["limit_bytes"], 64 * 1024);
            assert!(begin.elapsed() < Duration::from_secs(4), "it waited for the body");
        }
    }
    check_grants(&host, &place, "a gibibyte");
}

/// Sends `begin`, then `piece` every tenth of a second, until the host answers or closes; what it answers, and when.
fn dawdle(host: SocketAddr, begin: &[u8], piece: &[u8]) -> (Vec<u8>, Duration) {
    let mut stream = connect(host);
    stream.write_all(begin).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes) {
            Ok(n) => return (bytes[..n].to_vec(), started.elapsed()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let _ = stream.write_all(piece);
            }
            Err(_) => return (Vec::new(), started.elapsed()),
        }
    }
    panic!("the host takes {:?} for ever", String::from_utf8_lossy(piece));
}

#[test]
fn slow_senders_are_turned_away_and_keep_nobody_waiting() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let post = "POST /v1/activate HTTP/1.1\r\nHost: x\r\nContent-Type: application/cose\r\n";
    let (sized, chunked) =
        (format!("{post}Content-Length: 900\r\n\r\n"), format!("{post}Transfer-Encoding: chunked\r\n\r\n"));
    // What is sent, and within how many seconds the host ends it: 10 for a head, 5 for a body, and 4 for a busy machine.
    let cases: [(&str, &str, &str, u64, &str); 6] = [
        ("silent", "", "", 14, ""),
        ("half a head", "POST /v1/act", "", 14, ""),
        ("a head in drops", "POST /v1/activate HTTP/1.1\r\nX: ", "x", 14, ""),
        ("no body", &sized, "", 9, "HTTP/1.1 408 "),
        ("a body in drops", &sized, "x", 9, "HTTP/1.1 408 "),
        ("chunks in drops", &chunked, "1\r\nx\r\n", 9, "HTTP/1.1 408 "),
    ];
    let check = |(what, begin, piece, secs_max, expected): (&str, &str, &str, u64, &str)| {
        let (answer, took) = dawdle(host.clients, begin.as_bytes(), piece.as_bytes());
        let is_expected = answer.starts_with(expected.as_bytes()) && answer.is_empty() == expected.is_empty();
        assert!(is_expected, "{what}: {:?}", String::from_utf8_lossy(&answer));
        assert!(took < Duration::from_secs(secs_max), "{what} was ended after {took:?}");
    };
    std::thread::scope(|scope| {
        let check = &check;
        let slow = cases.iter().cycle().take(5 * cases.len());
        let slow: Vec<_> = slow.map(|case| scope.spawn(move || check(*case))).collect();
        let mut longest = Duration::ZERO;
        while slow.iter().any(|sender| !sender.is_finished()) {
            let begin = Instant::now();
            check_grants(&host, &place, "slow senders");
            longest = longest.max(begin.elapsed());
        }
        assert!(longest < Duration::from_secs(4), "others waited {longest:?}");
    });
}

// Rubbish.

#[test]
fn what_is_no_request_is_turned_away() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let good = place.request(&mut Machine::new(&Env::system()), Act::Activate, VOLUME_EDITION);
    // A Windows machine that looks for its own activation service on port 1688 begins with a bind of DCE/RPC.
    let dce_rpc_bind: &[u8] =
        b"\x05\x00\x0b\x03\x10\x00\x00\x00\x74\x00\x00\x00\x02\x00\x00\x00\xd0\x16\xd0\x16\0\0\0\0\
        \x02\0\0\0\0\0\x01\0\x75\x21\xc8\x51\x4e\x84\x50\x47\xb0\xd8\xec\x25\x55\x55\xbc\x06\x01\0\0\0";
    let cases: &[(&str, &[u8])] = &[
        ("nothing", b""),
        ("a DCE/RPC bind", dce_rpc_bind),
        ("a TLS client hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
        ("a document without HTTP", &good),
        ("zeros", &[0; 70_000]),
        ("a proxy's CONNECT", b"CONNECT example.test:443 HTTP/1.1\r\nHost: example.test\r\n\r\n"),
        ("another site's GET", b"GET http://example.test/ HTTP/1.1\r\nHost: example.test\r\n\r\n"),
        ("a path out of the tree", b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("an encoded path out of the tree", b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("a slash too many", b"POST //v1/activate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"),
        ("two lengths", b"POST /v1/activate HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
    ];
    for (what, bytes) in cases {
        check_turned_away(&host, what, bytes);
        check_grants(&host, &place, what);
    }
    let lot = Env::fixed(Timestamp::from_secs(0), 1688);
    for _ in 0..500 {
        let random: [u8; 256] = lot.random();
        let mut bytes = random[..usize::from(random[0])].to_vec();
        bytes.extend_from_slice(b"\r\n\r\n");
        check_turned_away(&host, &format!("{bytes:?}"), &bytes);
    }
    check_grants(&host, &place, "random bytes");
}

/// One of the ways in which bytes arrive damaged, or are made up.
fn mutate(good: &[u8], lot: &Env) -> Vec<u8> {
    let number = |end: usize| usize::try_from(u64::from_be_bytes(lot.random()) % end as u64).unwrap();
    let mut bytes = good.to_vec();
    loop {
        let at = number(bytes.len());
        match number(7) {
            0 => bytes[at] ^= 1 << number(8),
            1 => bytes[at] = lot.random::<1>()[0],
            2 => bytes.truncate(at),
            3 => bytes.insert(at, lot.random::<1>()[0]),
            4 => drop(bytes.remove(at)),
            5 => bytes.extend_from_within(at..),
            _ => drop(bytes.splice(at..(at + 8).min(bytes.len()), lot.random::<8>())),
        }
        if bytes.is_empty() || (bytes != good && number(2) == 0) {
            return bytes;
        }
    }
}

#[test]
fn damaged_documents_are_problems_and_never_failures() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let mut machine = Machine::new(&Env::system());
    let good = place.request(&mut machine, Act::Activate, VOLUME_EDITION);
    let lot = Env::fixed(Timestamp::from_secs(0), 7907);
    let mut connection = host.connect();
    let mut reasons = BTreeSet::new();
    for _ in 0..2000 {
        let body = mutate(&good, &lot);
        let answer = connection.post("/v1/activate", &body).unwrap();
        let members = problem(&answer);
        assert!((400..500).contains(&answer.status), "{members}: {body:?}");
        reasons.extend(members["reason"].as_str().map(str::to_owned));
    }
    assert!(reasons.len() >= 3, "the mutations all break in the same place: {reasons:?}");
    assert_eq!(place.ledger().len(), 0);
    place.verify(&host.activate(&good), &good);
}

/// Requests that are well signed and say absurd things: a refusal or a lease, never a failure.
#[test]
fn absurd_requests_are_answered_and_never_failures() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    let label = |text: &str| Some(text.parse().unwrap());
    let wild: [&dyn Fn(&mut ClientRequest); 9] = [
        &|request| request.edition = u16::MAX,
        &|request| request.high_water = Timestamp::MAX,
        &|request| request.fence = Some(u64::MAX),
        &|request| request.ratchet = Some([0xff; 16]),
        &|request| request.name = label("'; DROP TABLE ledger; --"),
        &|request| request.system = label("\u{1f4a9} </td><script>alert(1)</script>"),
        &|request| request.product_version = label(&"v".repeat(64)),
        &|request| request.boot = None,
        &|request| request.replaces = Some(request.client),
    ];
    for counter in [0, 1, u64::MAX] {
        for change in wild {
            for act in [Act::Activate, Act::Release] {
                let mut machine = Machine::new(&Env::system());
                let mut body = place.ask(&mut machine, act, VOLUME_EDITION);
                change(&mut body);
                body.counter = counter;
                let path = if act == Act::Activate { "/v1/activate" } else { "/v1/release" };
                let answer = host.connect().post(path, &machine.sign(body.clone())).unwrap();
                assert!(answer.status < 500, "{answer:?} to {body:?}");
            }
        }
    }
    place.ledger();
    check_grants(&host, &place, "absurd requests");
}

// Access.

/// A route: its listener, its path, and what each method gets without credentials, in the order of [`METHODS`].
type Access = (Listener, &'static str, [u16; 7]);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Listener {
    Clients,
    Administration,
}

use Listener::{Administration, Clients};

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Every route there is beside the console, which has a table of its own, on both listeners. A new route is a decision about who may reach it, so it begins with a line here.
///
/// The signed body of a request is its credential: one without it is refused for its content type.
const ACCESS: &[Access] = &[
    (Clients, "/v1/activate", [405, 405, 415, 405, 405, 405, 405]),
    (Clients, "/v1/release", [405, 405, 415, 405, 405, 405, 405]),
    (Clients, "/livez", [200, 200, 405, 405, 405, 405, 405]),
    (Clients, "/readyz", [200, 200, 405, 405, 405, 405, 405]),
    (Clients, "/", [404; 7]),
    (Administration, "/v1/activate", [404; 7]),
    (Administration, "/v1/release", [404; 7]),
    (Administration, "/livez", [200, 200, 405, 405, 405, 405, 405]),
    (Administration, "/readyz", [200, 200, 405, 405, 405, 405, 405]),
];

#[test]
fn every_route_answers_each_method_as_the_table_says() {
    let place = Place::new(Publisher::new(1, 1));
    let host = place.start();
    for (listener, path, expected) in ACCESS {
        let address = if *listener == Clients { host.clients } else { host.administration };
        for (method, expected) in METHODS.iter().zip(expected) {
            let mut stream = connect(address);
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).unwrap();
            let answer = String::from_utf8(read_until_closed(&mut stream)).unwrap();
            let start = format!("HTTP/1.1 {expected} ");
            assert!(answer.starts_with(&start), "{method} {path} of {listener:?}: {answer}, not {expected}");
        }
    }
}

#[test]
fn the_table_has_every_route_of_the_source() {
    let sources = [include_str!("../../host/src/routes.rs"), include_str!("../../service/src/health.rs")];
    let in_source: BTreeSet<String> = sources.iter().flat_map(|source| routes(source)).collect();
    let in_table: BTreeSet<String> =
        ACCESS.iter().map(|(_, path, _)| (*path).to_owned()).filter(|path| path != "/").collect();
    assert_eq!(in_source, in_table);
    for path in in_table {
        for listener in [Clients, Administration] {
            let lines = ACCESS.iter().filter(|(on, of, _)| (*on, *of) == (listener, path.as_str())).count();
            assert_eq!(lines, 1, "{path} of {listener:?}");
        }
    }
}

/// The paths of all calls of `.route` in a source text.
fn routes(source: &str) -> Vec<String> {
    let path =
        |call: &str| -> Option<String> { Some(call.trim_start().strip_prefix('"')?.split_once('"')?.0.to_owned()) };
    let calls = source.split(".route(").skip(1);
    calls.map(|call| path(call).unwrap_or_else(|| panic!("a route without a path: {call}"))).collect()
}
