//! What a server says to those who send no proper request, and when its database or its clock fails it.

use std::net::SocketAddr;

use keymuster_core::codes;
use keymuster_core::request::Act;
use keymuster_scenarios::fixture::VOLUME_EDITION;
use keymuster_scenarios::load::Connection;

use super::Row;
use super::host::{Served, machine, text};

const ACTIVATE: &str = "POST /v1/activate HTTP/1.1\r\nHost: x\r\nContent-Type: application/cose\r\n";

/// What comes back for these bytes.
fn sent(to: SocketAddr, bytes: &str) -> String {
    let mut connection = Connection::open(to).unwrap();
    connection.send(bytes.as_bytes()).unwrap();
    text(&connection.answer().unwrap())
}

fn database(served: &Served) -> rusqlite::Connection {
    rusqlite::Connection::open(served.place.data_dir.join("host.db")).unwrap()
}

/// What a host says to `ask` while another program keeps its database locked.
fn locked(served: &Served, ask: impl FnOnce() -> String) -> String {
    let other = database(served);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let said = ask();
    other.execute_batch("ROLLBACK").unwrap();
    said
}

pub const ROWS: &[Row<Served>] = &[
    (&codes::REQUEST_INVALID, |served| text(&served.host.activate(b"no request"))),
    (&codes::BODY_TOO_LARGE, |served| {
        sent(served.host.clients, &format!("{ACTIVATE}Content-Length: 1000000000\r\n\r\n"))
    }),
    (&codes::REQUEST_TIMEOUT, |served| sent(served.host.clients, &format!("{ACTIVATE}Content-Length: 900\r\n\r\n"))),
    (&codes::ROUTE_UNKNOWN, |served| sent(served.host.clients, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")),
    (&codes::METHOD_NOT_ALLOWED, |served| sent(served.host.clients, "GET /v1/activate HTTP/1.1\r\nHost: x\r\n\r\n")),
    (&codes::MEDIA_TYPE_UNSUPPORTED, |served| {
        sent(served.host.clients, "POST /v1/activate HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    }),
    (&codes::HOST_READ_ONLY, |served| locked(served, || served.asked_anew(|_| ()))),
    (&codes::NOT_READY, |served| locked(served, || text(&served.host.get(served.host.administration, "/readyz")))),
    (&codes::DATABASE_DAMAGED, |served| {
        let mut machine = machine();
        served.granted(&mut machine, |_| ());
        served.place.tamper("UPDATE client SET client_key = 'x'");
        served.asked(&mut machine, |_| ())
    }),
    (&codes::HOST_CLOCK_WRONG, |_| {
        let Served { place, host } = Served::new();
        let request = place.request(&mut machine(), Act::Activate, VOLUME_EDITION);
        assert_eq!(host.activate(&request).status, 200);
        host.stop();
        place.tamper("UPDATE ledger SET recorded_at = recorded_at + 3600");
        let host = place.start();
        Served { place, host }.asked_anew(|_| ())
    }),
    // The last of this table: nothing works afterwards.
    (&codes::INTERNAL_FAILURE, |served| {
        database(served).execute_batch("DROP TABLE tally; DROP TABLE client").unwrap();
        served.asked_anew(|_| ())
    }),
];
