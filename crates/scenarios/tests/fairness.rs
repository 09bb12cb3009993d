//! A host that more ask than it can answer: who floods it is told to come back, and the others are answered.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use std::net::{Ipv4Addr, SocketAddr};

use common::{Host, Place, refused};
use keymuster_core::request::Act;
use keymuster_host::store;
use keymuster_scenarios::fixture::{Publisher, VOLUME_EDITION};
use keymuster_scenarios::load::{Connection, Machine};
use keymuster_service::Env;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpSocket;

/// More requests than all queues of a host take.
const FLOOD: usize = 4_700;

/// A connection from one of this machine's own addresses.
fn connect(runtime: &tokio::runtime::Runtime, from: Ipv4Addr, to: SocketAddr) -> Connection {
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        socket.connect(to).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    Connection::over(stream).unwrap()
}

/// Each connection of the flood is a descriptor of this program.
fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
}

fn send(connection: &mut Connection, place: &Place) {
    let mut machine = Machine::new(&Env::system());
    let request = place.request(&mut machine, Act::Activate, VOLUME_EDITION);
    connection.send_post("/v1/activate", &request).unwrap();
}

#[test]
fn who_floods_a_host_does_not_keep_others_out() {
    allow_descriptors();
    let place = Place::new(Publisher::new(1, 1));
    let host: Host = place.start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let [flooding, other] = [2, 3].map(|last| Ipv4Addr::new(127, 0, 0, last));
    let mut flood: Vec<_> = (0..FLOOD).map(|_| connect(&runtime, flooding, host.clients)).collect();
    let mut others = connect(&runtime, other, host.clients);
    // Nothing can be decided meanwhile, so the queue fills.
    let lock = rusqlite::Connection::open(place.data_dir.join(store::FILE_NAME)).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    for connection in &mut flood {
        send(connection, &place);
    }
    // The last one is told to come back at once, or the flood would have found a place for everybody.
    refused(&flood.pop().unwrap().answer().unwrap(), 503, "host-busy");
    send(&mut others, &place);
    lock.execute_batch("ROLLBACK").unwrap();
    assert_eq!(others.answer().unwrap().status, 200, "who asks once finds a place");
    let answers: Vec<_> = flood.iter_mut().map(|connection| connection.answer().unwrap()).collect();
    let busy: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!((FLOOD / 4..FLOOD).contains(&busy.len()), "{} of {FLOOD} were told to come back", busy.len());
    assert!(busy.iter().all(|answer| answer.header("retry-after").is_some()));
}
