//! Where the running server of a data directory listens, in a file that other programs read and that the server locks.
//!
//! The lock ends with the process, however it ends: a file without one was left behind by a server that is gone.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use keymuster_core::codes;
use keymuster_core::time::Timestamp;
use keymuster_service::files::give_to_owner_of;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::tls::TlsReport;

/// The file in the data directory. Each change appends a line, and the last whole one counts, so that no reader sees half.
const FILE_NAME: &str = "serving";

/// How long a reader may have the lock at most, and a server waits for it.
const READERS_WITHIN: Duration = Duration::from_millis(500);
/// How long a server waits between two attempts.
const PAUSE: Duration = Duration::from_millis(10);

/// How the running server stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Serving {
    /// Its process.
    pub pid: u32,
    /// When it started, in seconds since 1970.
    pub since: u64,
    /// Where clients reach it.
    #[schema(value_type = String)]
    pub clients: SocketAddr,
    /// Where administrators and supervisors reach it.
    #[schema(value_type = String)]
    pub administration: SocketAddr,
    /// Whether the clients' address stands on its command line or in its socket unit, and no setting counts.
    pub is_fixed: bool,
    /// Why it does not listen on the port that is set.
    pub problem: Option<Problem>,
    /// How it speaks TLS.
    #[serde(default)]
    pub tls: Option<TlsReport>,
}

/// A port that is set, and on which the server cannot listen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = PortProblem)]
pub struct Problem {
    /// The port.
    pub port: u16,
    /// The name of the stable code by which it is explained, where there is one.
    pub code: Option<String>,
    /// What is wrong, and what to do.
    pub detail: String,
}

impl Serving {
    /// This process, as it begins to serve.
    pub fn new(clients: SocketAddr, administration: SocketAddr, since: Timestamp) -> Serving {
        let (pid, since) = (std::process::id(), since.as_secs());
        Serving { pid, since, clients, administration, is_fixed: false, problem: None, tls: None }
    }
}

/// What is wrong, with its code.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)?;
        let code = self.code.as_deref().and_then(codes::find);
        code.map_or(Ok(()), |code| write!(f, " ({code})"))
    }
}

/// The file, locked for this process until it is dropped.
#[derive(Debug)]
pub struct Board {
    file: File,
}

impl Board {
    /// Takes the data directory for this process; `None` where another server has it.
    pub fn take(data_dir: &Path) -> io::Result<Option<Board>> {
        let path = data_dir.join(FILE_NAME);
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        give_to_owner_of(data_dir, &file);
        let begin = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                // It may be a reader, who has the lock for the moment in which it looks for one.
                Err(TryLockError::WouldBlock) if begin.elapsed() < READERS_WITHIN => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        file.set_len(0)?;
        Ok(Some(Board { file }))
    }

    /// Tells how this server stands now.
    pub fn tell(&mut self, serving: &Serving) -> io::Result<()> {
        let mut line = serde_json::to_vec(serving)?;
        line.push(b'\n');
        self.file.write_all(&line)
    }
}

/// How the server of a data directory stands; `None` where none runs, or none that has begun to listen.
pub fn read(data_dir: &Path) -> io::Result<Option<Serving>> {
    let mut file = match File::open(data_dir.join(FILE_NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match file.try_lock_shared() {
        Ok(()) => return Ok(None),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let last = whole.lines().next_back();
    Ok(last.map(serde_json::from_str).transpose()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts_while_the_server_lives() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path();
        assert_eq!(read(data_dir).unwrap(), None);
        let mut board = Board::take(data_dir).unwrap().unwrap();
        assert_eq!(read(data_dir).unwrap(), None, "it has not begun to listen");
        let address = "192.0.2.1:1688".parse().unwrap();
        let first = Serving::new(address, address, Timestamp::from_secs(5));
        let problem = Problem { port: 80, code: Some("address-in-use".to_owned()), detail: "taken".to_owned() };
        let second = Serving { problem: Some(problem), ..first.clone() };
        for serving in [first, second.clone()] {
            board.tell(&serving).unwrap();
            assert_eq!(read(data_dir).unwrap(), Some(serving));
        }
        board.file.write_all(b"{\"pid\":").unwrap();
        assert_eq!(read(data_dir).unwrap(), Some(second), "half a line is none");

        assert!(Board::take(data_dir).unwrap().is_none(), "one server at a time");
        drop(board);
        assert_eq!(read(data_dir).unwrap(), None, "what it left behind does not count");
        assert!(Board::take(data_dir).unwrap().is_some());
    }
}
