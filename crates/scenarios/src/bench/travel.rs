//! What a server's CPU time per request is, however requests travel.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context as _, ensure};

use super::tls;
use crate::cpu;
use crate::load::Connection;
use crate::programs::Running;

/// How requests travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Travel {
    KeepAlive,
    ConnectionEach,
    /// Over TLS, with a whole handshake each.
    TlsEach,
}

impl Travel {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Travel::KeepAlive => "keep-alive",
            Travel::ConnectionEach => "connection each",
            Travel::TlsEach => "connection each, TLS 1.3",
        }
    }
}

/// CPU microseconds per request of a server that only sends the request back; so many requests over so many connections.
pub(super) fn echo((requests, connections): (u64, u64), travel: Travel) -> anyhow::Result<f64> {
    let own = std::env::current_exe()?;
    let mut command = std::process::Command::new(own.with_file_name("echo_edge"));
    let mut server = Running::start(&mut command, Stdio::inherit())?;
    let address: SocketAddr = server.line_after("listening on http://")?.parse()?;
    let body = vec![1; 850];
    let each = requests / connections.max(1);
    let lists = (0..connections).map(|_| (0..each).map(|_| body.clone()).collect()).collect();
    cpu_per_request(&server, address, lists, travel)
}

/// Sends every body once, those of one list one after the other, and divides the server's CPU time by their number.
pub(super) fn cpu_per_request(
    server: &Running,
    address: SocketAddr,
    lists: Vec<Vec<Vec<u8>>>,
    travel: Travel,
) -> anyhow::Result<f64> {
    let requests: usize = lists.iter().map(Vec::len).sum();
    let before = cpu::of_process(server.id())?;
    std::thread::scope(|scope| {
        let senders: Vec<_> =
            lists.iter().map(|bodies| scope.spawn(move || send_all(address, bodies, travel))).collect();
        senders.into_iter().try_for_each(|sender| sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))?)
    })?;
    let used = cpu::of_process(server.id())? - before;
    Ok(used as f64 / requests as f64 / 1000.0)
}

fn send_all(address: SocketAddr, bodies: &[Vec<u8>], travel: Travel) -> anyhow::Result<()> {
    let config = tls::config()?;
    let mut connection = Connection::open(address).context("cannot connect")?;
    for body in bodies {
        let answer = match travel {
            Travel::KeepAlive => connection.post("/v1/activate", body),
            Travel::ConnectionEach => {
                connection = Connection::open(address).context("cannot connect")?;
                connection.post("/v1/activate", body)
            }
            Travel::TlsEach => Connection::open_tls(address, &config)?.post("/v1/activate", body),
        }?;
        ensure!(answer.status == 200, "status {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    }
    Ok(())
}
