//! The edge against clients that are slow, greedy or rude, on real sockets.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use keymuster_core::time::Timestamp;
use keymuster_service::edge::{self, Large, Limits};
use keymuster_service::{Env, Stop};
use support::{Client, GET, LARGE, LONG, PATIENCE, SHORT, Server, patient};

// Time.

#[test]
fn a_client_that_sends_no_whole_head_is_closed() {
    let server = Server::start(Limits { head: SHORT, ..patient() });
    for (what, bytes) in [
        ("silent", &b""[..]),
        ("half a request line", b"GET /hel"),
        ("half a head", b"GET /hello HTTP/1.1\r\nHost: x\r\n"),
        ("only line ends", b"\r\n\r\n\r\n"),
    ] {
        let mut client = server.client();
        client.send(bytes);
        assert_eq!(client.read_until_closed(), b"", "{what}");
    }
    assert!(server.answers());
}

#[test]
fn dripping_a_head_does_not_keep_a_connection() {
    let server = Server::start(Limits { head: SHORT, ..patient() });
    let mut client = server.client();
    client.send(b"GET /hello HTTP/1.1\r\nX: ");
    assert_eq!(client.drip(b"x"), b"");
}

#[test]
fn an_idle_connection_is_closed_after_its_answer() {
    let server = Server::start(Limits { head: SHORT, ..patient() });
    let mut client = server.client();
    client.send(GET);
    assert_eq!(client.answer().text(), "hello");
    assert_eq!(client.read_until_closed(), b"");
}

#[test]
fn a_body_that_stalls_is_answered_and_closed() {
    let server = Server::start(Limits { body: SHORT, ..patient() });
    let mut client = server.client();
    client.send(b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this");
    let answer = client.answer();
    assert_eq!((answer.status, answer.problem_code().as_str()), (408, "request-timeout"));
    assert_eq!(client.read_until_closed(), b"");
}

#[test]
fn dripping_a_body_does_not_keep_a_connection() {
    let server = Server::start(Limits { body: SHORT, ..patient() });
    for head in ["Content-Length: 60000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"] {
        let mut client = server.client();
        client.send(format!("POST /length HTTP/1.1\r\nHost: x\r\n{head}").as_bytes());
        let answer = client.drip(b"1\r\nx\r\n");
        assert!(answer.starts_with(b"HTTP/1.1 408 "), "{:?}", String::from_utf8_lossy(&answer));
    }
}

#[test]
fn a_request_that_takes_too_long_is_told_to_come_again() {
    let server = Server::start(Limits { total: SHORT, ..patient() });
    let mut client = server.client();
    client.send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.status, answer.problem_code().as_str()), (503, "host-busy"));
    assert!(answer.header("retry-after").is_some());
}

#[test]
fn an_old_connection_is_closed() {
    let server = Server::start(Limits { connection_age: SHORT, ..patient() });
    let mut client = server.client();
    client.send(GET);
    assert_eq!(client.answer().text(), "hello");
    assert_eq!(client.read_until_closed(), b"");
}

#[test]
fn an_old_connection_ends_with_the_answer_that_is_under_way() {
    let server = Server::start(Limits { connection_age: SHORT, ..patient() });
    let mut client = server.client();
    client.send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    let go = server.waiting.recv_timeout(PATIENCE).unwrap();
    // Two connections, one after the other, that reach their age: the first one has been told to end long before.
    assert_eq!(server.client().read_until_closed(), b"");
    assert_eq!(server.client().read_until_closed(), b"");
    go.send(()).unwrap();
    let answer = client.answer();
    assert_eq!((answer.text(), answer.header("connection")), ("waited", Some("close")));
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let server = Server::start(Limits { connection_age: SHORT, drain: SHORT, connections: 1, ..patient() });
    let mut greedy = server.client();
    greedy.send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    // The only place is free again when the greedy client is out.
    assert!(server.answers());
    assert!(greedy.read_until_closed().len() < LARGE);
}

// Size.

#[test]
fn a_body_may_have_64_kib_and_no_byte_more() {
    let server = Server::start(patient());
    for (len, status) in [(0, 200), (1, 200), (65_535, 200), (65_536, 200), (65_537, 413), (300_000, 413)] {
        for request in [sized(len), chunked(len)] {
            let mut client = server.client();
            client.send(&request);
            let answer = client.answer();
            assert_eq!(answer.status, status, "{len} bytes");
            match status {
                200 => assert_eq!(answer.text(), len.to_string()),
                _ => assert_eq!(answer.problem_code(), "body-too-large"),
            }
        }
    }
}

#[test]
fn the_large_path_has_limits_of_its_own() {
    let large = Large { path: "/length", body_bytes: 300_000, body: LONG, total: LONG, at_once: 1 };
    let server = Server::start(Limits { body_bytes: 10, large: vec![large], ..patient() });
    for (path, len, status) in [("/length", 300_000, 200), ("/length", 300_001, 413), ("/hello", 11, 413)] {
        let mut client = server.client();
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len}\r\n\r\n");
        client.send(&[head.as_bytes(), &vec![b'x'; len]].concat());
        assert_eq!(client.answer().status, status, "{path}, {len} bytes");
    }
}

#[test]
fn large_requests_wait_for_a_place() {
    let large = Large { path: "/wait", body_bytes: 10, body: LONG, total: LONG, at_once: 1 };
    let server = Server::start(Limits { large: vec![large], ..patient() });
    let mut clients = [server.client(), server.client()];
    for client in &mut clients {
        client.send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    let first = server.waiting.recv_timeout(PATIENCE).unwrap();
    assert!(server.waiting.recv_timeout(SHORT).is_err(), "there is one place");
    assert!(server.answers(), "others are served meanwhile");
    first.send(()).unwrap();
    server.waiting.recv_timeout(PATIENCE).unwrap().send(()).unwrap();
    for client in &mut clients {
        assert_eq!(client.answer().text(), "waited");
    }
}

fn sized(len: usize) -> Vec<u8> {
    let mut request = format!("POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: {len}\r\n\r\n").into_bytes();
    request.resize(request.len() + len, b'x');
    request
}

fn chunked(len: usize) -> Vec<u8> {
    let mut request = b"POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in vec![b'x'; len].chunks(1000) {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

#[test]
fn an_announced_gibibyte_is_refused_before_it_is_sent() {
    let server = Server::start(patient());
    for expect in ["", "Expect: 100-continue\r\n"] {
        // hyper itself refuses the second length, which it cannot represent, as a head that is too large.
        for (length, status) in [(1 << 30, 413), (u64::MAX, 431)] {
            let mut client = server.client();
            let head = format!("POST /length HTTP/1.1\r\nHost: x\r\n{expect}Content-Length: {length}\r\n\r\n");
            client.send(head.as_bytes());
            assert_eq!(client.answer().status, status, "{length}");
            client.finish_sending();
            assert_eq!(client.read_until_closed(), b"");
        }
    }
}

/// Many clients send all before they read, and report a broken pipe where they could have told why they were refused.
#[test]
fn a_refused_client_can_finish_sending() {
    let server = Server::start(patient());
    let mut client = server.client();
    client.send(b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n");
    while !is_readable(&client) {}
    for piece in 0..500 {
        client.stream.write_all(&[b'x'; 1000]).unwrap_or_else(|error| panic!("{error} at piece {piece}"));
    }
    assert_eq!(client.answer().problem_code(), "body-too-large");
}

#[test]
fn a_chunked_body_without_end_is_refused() {
    let server = Server::start(patient());
    let mut client = server.client();
    client.send(b"POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut chunk = b"4000\r\n".to_vec();
    chunk.resize(chunk.len() + 0x4000, b'x');
    chunk.extend_from_slice(b"\r\n");
    let mut sent = 0;
    while !is_readable(&client) {
        client.send(&chunk);
        sent += chunk.len();
        assert!(sent < 1 << 30, "a gibibyte was taken");
    }
    assert_eq!(client.answer().problem_code(), "body-too-large");
}

fn is_readable(client: &Client) -> bool {
    client.stream.set_nonblocking(true).unwrap();
    let peeked = client.stream.peek(&mut [0]);
    client.stream.set_nonblocking(false).unwrap();
    !matches!(peeked, Err(error) if error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn a_head_has_bounds() {
    let server = Server::start(patient());
    let many: String = (0..10_000).map(|n| format!("X-{n}: {n}\r\n")).collect();
    let many_short: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
    for (what, head, status) in [
        ("10,000 headers", format!("GET /hello HTTP/1.1\r\n{many}\r\n"), 431),
        ("200 headers", format!("GET /hello HTTP/1.1\r\n{many_short}\r\n"), 431),
        ("a long header", format!("GET /hello HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000)), 431),
        ("a long path", format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000)), 431),
    ] {
        let mut client = server.client();
        client.send(head.as_bytes());
        assert_eq!(client.answer().status, status, "{what}");
    }
    assert!(server.answers());
}

// Form.

#[test]
fn rubbish_gets_a_refusal_or_nothing() {
    let server = Server::start(patient());
    let dce_rpc_bind = b"\x05\x00\x0b\x03\x10\x00\x00\x00\x48\x00\x00\x00\x01\x00\x00\x00\xb8\x10\xb8\x10";
    let cases: &[(&str, &[u8])] = &[
        ("a NUL in the request line", b"GET /\0hello HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("a NUL in a header", b"GET /hello HTTP/1.1\r\nHost: x\0\r\n\r\n"),
        ("a bare CR in a header", b"GET /hello HTTP/1.1\r\nHost: x\rX: y\r\n\r\n"),
        ("a bare CR as line end", b"GET /hello HTTP/1.1\rHost: x\r\r"),
        ("a folded header", b"GET /hello HTTP/1.1\r\nHost: x\r\n y\r\n\r\n"),
        ("a blank before the colon", b"GET /hello HTTP/1.1\r\nHost : x\r\n\r\n"),
        ("HTTP/0.9", b"GET /hello\r\n"),
        ("HTTP/3.7", b"GET /hello HTTP/3.7\r\n\r\n"),
        ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
        ("a TLS client hello", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03"),
        ("a DCE/RPC bind of a Windows machine", dce_rpc_bind),
        ("two lengths", b"POST /length HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
        ("a list of lengths", b"POST /length HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\nxx"),
        ("a negative length", b"POST /length HTTP/1.1\r\nContent-Length: -1\r\n\r\nxx"),
        ("a length with a sign", b"POST /length HTTP/1.1\r\nContent-Length: +1\r\n\r\nx"),
        ("a length beyond 64 bits", b"POST /length HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\nx"),
        ("an unknown encoding", b"POST /length HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nxx"),
        ("chunked, but not last", b"POST /length HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
        ("chunked in HTTP/1.0", b"POST /length HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("a chunk without a size", b"POST /length HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n"),
        ("a body shorter than its length", b"POST /length HTTP/1.1\r\nContent-Length: 10\r\n\r\nhello"),
        ("chunks without an end", b"POST /length HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    ];
    for (what, bytes) in cases {
        let answer = server.send_and_read_all(bytes);
        let refused = answer.is_empty() || answer.starts_with(b"HTTP/1.1 4");
        assert!(refused, "{what}: {:?}", String::from_utf8_lossy(&answer));
        assert!(server.answers(), "after {what}");
    }
}

#[test]
fn random_bytes_get_a_refusal_or_nothing() {
    let server = Server::start(patient());
    let env = Env::fixed(Timestamp::from_secs(0), 1688);
    for round in 0..2000 {
        let random: [u8; 64] = env.random();
        let mut bytes = random[..usize::from(random[0] % 64)].to_vec();
        if round % 2 == 0 {
            bytes.splice(..0, *b"GET /");
        }
        bytes.extend_from_slice(b" HTTP/1.1\r\n\r\n");
        let answer = server.send_and_read_all(&bytes);
        let refused = answer.is_empty() || answer.starts_with(b"HTTP/1.1 4");
        assert!(refused, "{bytes:?}: {:?}", String::from_utf8_lossy(&answer));
    }
    assert!(server.answers());
}

/// RFC 9112, section 6.3: the encoding wins over the length, and the connection ends, so that nothing can be smuggled.
#[test]
fn a_request_hidden_in_a_body_is_not_answered() {
    let server = Server::start(patient());
    let hidden = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";
    for (what, headers) in [
        ("length first", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n"),
        ("encoding first", "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n"),
    ] {
        let request = format!("POST /length HTTP/1.1\r\nHost: x\r\n{headers}\r\n0\r\n\r\n{hidden}");
        let answers = String::from_utf8(server.send_and_read_all(request.as_bytes())).unwrap();
        assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{what}: {answers}");
        assert!(answers.contains("connection: close"), "{what}: {answers}");
    }
}

#[test]
fn bytes_beyond_the_announced_length_are_no_request() {
    let server = Server::start(patient());
    let answers =
        server.send_and_read_all(b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n12345\r\n\r\n");
    let answers = String::from_utf8(answers).unwrap();
    assert!(answers.starts_with("HTTP/1.1 200 "), "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 1, "{answers}");
}

// What works.

#[test]
fn one_connection_carries_many_requests() {
    let server = Server::start(patient());
    let mut client = server.client();
    for _ in 0..2 {
        client.send(GET);
        assert_eq!(client.answer().text(), "hello");
    }
    client.send(&[GET, &sized(3), GET].concat());
    let texts = [client.answer(), client.answer(), client.answer()].map(|answer| answer.text().to_owned());
    assert_eq!(texts, ["hello", "3", "hello"]);
}

#[test]
fn a_handler_sees_its_peer() {
    let server = Server::start(patient());
    let mut client = server.client();
    client.send(b"GET /peer HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.answer().text(), client.stream.local_addr().unwrap().to_string());
}

#[test]
fn unknown_paths_and_methods_are_problems() {
    let server = Server::start(patient());
    let mut client = server.client();
    client.send(b"GET /nowhere?secret=1 HTTP/1.1\r\nHost: x\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.status, answer.problem_code().as_str()), (404, "route-unknown"));
    assert!(!answer.text().contains("secret"));
    client.send(b"DELETE /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.status, answer.problem_code().as_str()), (405, "method-not-allowed"));
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
}

#[test]
fn a_panic_costs_one_request() {
    let server = Server::start(patient());
    let mut client = server.client();
    client.send(b"GET /panic HTTP/1.1\r\nHost: x\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.status, answer.problem_code().as_str()), (500, "internal-failure"));
    assert!(!answer.text().contains("on purpose"));
    client.send(GET);
    assert_eq!(client.answer().text(), "hello");
}

#[test]
fn clients_beyond_the_limit_wait_until_another_leaves() {
    let server = Server::start(Limits { connections: 2, ..patient() });
    let (mut first, mut second, mut third) = (server.client(), server.client(), server.client());
    for client in [&mut first, &mut second, &mut third] {
        client.send(GET);
    }
    assert_eq!((first.answer().status, second.answer().status), (200, 200));
    third.stream.set_read_timeout(Some(SHORT)).unwrap();
    assert_eq!(third.stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(first);
    third.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(third.answer().status, 200);
    second.send(GET);
    assert_eq!(second.answer().status, 200);
}

// Stopping.

#[test]
fn a_stop_lets_requests_end_and_takes_no_new_ones() {
    let server = Server::start(patient());
    let (mut idle, mut silent, mut busy) = (server.client(), server.client(), server.client());
    idle.send(GET);
    assert_eq!(idle.answer().status, 200);
    busy.send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    let go = server.waiting.recv_timeout(PATIENCE).unwrap();

    server.stop.now();
    assert_eq!(idle.read_until_closed(), b"");
    assert_eq!(silent.read_until_closed(), b"");
    // The listener was closed before any connection was told to end, or is closed right now.
    let started = Instant::now();
    while TcpStream::connect(server.addr).is_ok() {
        assert!(started.elapsed() < PATIENCE, "connections are still accepted");
    }
    go.send(()).unwrap();
    let answer = busy.answer();
    assert_eq!((answer.text(), answer.header("connection")), ("waited", Some("close")));
    server.join();
}

#[test]
fn a_stop_answers_what_was_sent_before() {
    let (server, go) = Server::bind(patient());
    let mut clients: Vec<_> = (0..20).map(|_| server.client()).collect();
    clients.iter_mut().for_each(|client| client.send(GET));
    server.stop.now();
    go.send(()).unwrap();
    for client in &mut clients {
        assert_eq!(client.answer().status, 200);
        assert_eq!(client.read_until_closed(), b"");
    }
    server.join();
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let server = Server::start(Limits { drain: SHORT, ..patient() });
    let mut client = server.client();
    client.send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    let _never = server.waiting.recv_timeout(PATIENCE).unwrap();
    server.stop.now();
    server.join();
    assert_eq!(client.read_until_closed(), b"");
}

#[tokio::test]
async fn a_signal_asks_for_the_stop() {
    let stop = Stop::on_signals().unwrap();
    let clone = stop.clone();
    assert!(!stop.is_asked());
    let this = rustix::process::getpid();
    rustix::process::kill_process(this, rustix::process::Signal::TERM).unwrap();
    tokio::time::timeout(PATIENCE, clone.asked()).await.unwrap();
    assert!(stop.is_asked());
}

// Binding.

#[tokio::test]
async fn a_taken_port_is_named_with_what_to_do() {
    let taken = edge::bind("127.0.0.1:0".parse().unwrap(), "--listen").await.unwrap();
    let addr = taken.local_addr().unwrap();
    let message = edge::bind(addr, "--listen").await.unwrap_err().to_string();
    for part in [&addr.to_string(), "in use", "another program has port", "--listen"] {
        assert!(message.contains(part), "{message}");
    }
    let message = edge::bind("192.0.2.1:0".parse().unwrap(), "--listen").await.unwrap_err().to_string();
    assert!(message.contains("this machine does not have the address 192.0.2.1"), "{message}");
}
