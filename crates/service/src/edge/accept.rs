//! Accepting connections without ever stopping, spinning or filling the log, also when file descriptors run out.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::bind::BACKLOG;

/// Open files that two listeners with the default limits, and the files beside them, need.
const OPEN_FILES: u64 = 32_768;
/// The shortest time between two lines in the log about failures to accept.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(1);
/// How long accepting rests when trying again at once would fail again.
const REST: Duration = Duration::from_millis(50);

/// A listener whose `next` never fails.
pub(super) struct Acceptor {
    listener: TcpListener,
    /// Given up when no descriptor is left, to take one client out of the queue; `None` if it could not be retaken.
    reserve: Option<File>,
    complained: Option<Instant>,
}

impl Acceptor {
    pub(super) fn new(listener: TcpListener) -> Acceptor {
        raise_open_files_limit();
        Acceptor { listener, reserve: take_reserve(), complained: None }
    }

    /// The next connection; may be cancelled without losing one.
    pub(super) async fn next(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => return (stream, canonical(peer)),
                Err(error) => self.recover(&error).await,
            }
        }
    }

    /// Closes the listener, and returns what has connected and was not accepted yet.
    ///
    /// The system is asked directly: the runtime may not have noticed the newest connections.
    pub(super) fn into_waiting(self) -> Vec<(TcpStream, SocketAddr)> {
        let Ok(listener) = self.listener.into_std() else { return Vec::new() };
        let next = || {
            let (stream, peer) = listener.accept().ok()?;
            stream.set_nonblocking(true).ok()?;
            Some((TcpStream::from_std(stream).ok()?, canonical(peer)))
        };
        std::iter::from_fn(next).take(BACKLOG as usize).collect()
    }

    async fn recover(&mut self, error: &io::Error) {
        match Errno::from_io_error(error) {
            Some(Errno::CONNABORTED) => tracing::debug!("a client left before it was accepted"),
            Some(Errno::MFILE | Errno::NFILE) => {
                self.complain(error, "raise the limit of open files (LimitNOFILE=, ulimit -n)");
                self.turn_one_away().await;
            }
            _ => {
                self.complain(error, "trying again");
                tokio::time::sleep(REST).await;
            }
        }
    }

    /// Closes one waiting connection, so that its client learns at once that it must ask elsewhere.
    async fn turn_one_away(&mut self) {
        if self.reserve.take().is_some() {
            // The queue may be empty by then: its client went away, or another listener's reserve was in use.
            let _ = tokio::time::timeout(REST, self.listener.accept()).await;
        } else {
            tokio::time::sleep(REST).await;
        }
        self.reserve = take_reserve();
    }

    fn complain(&mut self, error: &io::Error, advice: &str) {
        if self.complained.is_none_or(|at| at.elapsed() >= COMPLAINT_INTERVAL) {
            self.complained = Some(Instant::now());
            tracing::error!(%error, advice, "cannot accept connections");
        }
    }
}

/// An IPv4 client of a listener for both families, as an IPv4 address.
fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

fn take_reserve() -> Option<File> {
    File::open("/dev/null").ok()
}

/// Raises the soft limit as far as the hard limit allows: a shell's usual 1024 is kept for programs that use `select`.
fn raise_open_files_limit() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(OPEN_FILES, |maximum| maximum.min(OPEN_FILES));
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }) {
        tracing::warn!(%error, wanted, "cannot raise the limit of open files");
    }
}
