//! The edge when file descriptors run out: a test binary of its own, as the limit holds for the whole process.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::io::Read;
use std::os::fd::AsRawFd;
use std::time::Instant;

use rustix::process::{Resource, Rlimit, setrlimit};
use support::{Client, GET, PATIENCE, Server, patient};

const CLIENTS: usize = 40;
/// Descriptors that the server finds for its reserve and for the connections it accepts.
const FREE: u64 = 6;

#[test]
fn without_descriptors_clients_are_turned_away_and_accepting_goes_on() {
    let (server, go) = Server::bind(patient());
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| server.client()).collect();
    let highest = clients.iter().map(|client| client.stream.as_raw_fd()).max().unwrap();
    let limit = Some(highest as u64 + 1 + FREE);
    setrlimit(Resource::Nofile, Rlimit { current: limit, maximum: limit }).unwrap();
    go.send(()).unwrap();

    let (mut answered, mut turned_away) = (0, 0);
    for client in &mut clients {
        client.send(GET);
        match client.stream.read(&mut [0; 1024]) {
            Ok(0) => turned_away += 1,
            Ok(_) => answered += 1,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => turned_away += 1,
            Err(error) => panic!("{error}: a client waits in vain"),
        }
    }
    assert!(answered > 0 && turned_away > 0, "{answered} answered, {turned_away} turned away");

    // Clients are turned away until the server has seen that the first ones left.
    drop(clients);
    let started = Instant::now();
    while !answers(&server) {
        assert!(started.elapsed() < PATIENCE, "clients are turned away for ever");
    }
}

fn answers(server: &Server) -> bool {
    let mut client = server.client();
    client.send(b"GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n");
    client.read_until_closed().starts_with(b"HTTP/1.1 200 ")
}
