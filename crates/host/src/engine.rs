//! The granting engine: one queue, one writer, one transaction for everything that waits, answers after the commit.
//!
//! Requests are verified before the writer sees them and leave as payloads; signatures are made outside. Nothing that the writer keeps in memory
//! (head, counts) changes before the transaction that it mirrors is durable.

mod batch;
mod count;
mod neighbours;
mod places;
mod returned;
mod verifier;
mod witness;
mod writer;

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Context as _;
use keymuster_core::bundle::Bundle;
use keymuster_core::codes::{self, Code};
use keymuster_core::document::{Signed, Unverified};
use keymuster_core::invalid::Invalid;
use keymuster_core::refusal::Refusal;
use keymuster_core::request::ClientRequest;
use keymuster_service::database::{Checkpointer, Failure};
use keymuster_service::{Env, Problem};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use tokio::sync::{mpsc, oneshot};

use crate::site::Home;
use crate::store;
pub(crate) use count::{Counting, count_clients};
use places::{Place, Places};
use verifier::Unchecked;
pub(crate) use writer::BEHIND_SECS_MAX;
use writer::Writer;

/// Requests that may wait; the next ones are told to come back. At ten thousand a second they wait half a second.
const QUEUE_MAX: usize = 4096;
/// Requests that are checked together, and batches of them in one transaction: more would hardly make one of them cheaper,
/// only the first ones wait longer.
const BATCH_MAX: usize = 128;
const BATCHES_MAX: usize = 4;

/// The queues' ends at which requests come in; clones share them.
#[derive(Clone, Debug)]
pub struct Engine {
    unchecked: mpsc::Sender<Unchecked>,
    queue: mpsc::Sender<Message>,
    places: Places,
    /// How long transactions took, in seconds.
    commits: Histogram,
}

/// The threads of the verifiers and of the writer. They end when every [`Engine`] is gone and the queues are empty.
#[derive(Debug)]
pub struct Running {
    threads: Vec<JoinHandle<()>>,
    _checkpoints: Option<Checkpointer>,
}

/// What waits in the queue.
#[derive(Debug)]
enum Message {
    /// What was checked together.
    Requests(Vec<Ask>),
    Probe(oneshot::Sender<Result<(), Unavailable>>),
    Counts(oneshot::Sender<Result<Vec<Counted>, Unavailable>>),
}

/// How many clients a family counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counted {
    /// A publisher's number and a family's.
    pub scope: (i64, u16),
    /// Distinct clients in the window.
    pub count: u64,
}

/// A verified request and the way back to its sender.
#[derive(Debug)]
struct Ask {
    request: Signed<ClientRequest>,
    address: IpAddr,
    reply: Reply,
}

/// The way back to the sender of a request, who holds a place in the queue meanwhile.
#[derive(Debug)]
struct Reply {
    to: oneshot::Sender<Result<Outcome, NotDecided>>,
    _place: Place,
}

impl Reply {
    /// Answers; a caller that has gone away needs no answer.
    fn send(self, answer: Result<Outcome, NotDecided>) {
        let _ = self.to.send(answer);
    }
}

/// What became of a request; it is durable.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// A lease, to be signed and put into the enclosure.
    Lease {
        /// The lease's payload.
        payload: Vec<u8>,
        /// The other documents of the answer.
        enclosure: Arc<Bundle>,
    },
    /// What the host would do, to be signed and put into the enclosure.
    Report {
        /// The report's payload.
        payload: Vec<u8>,
        /// The other documents of the answer.
        enclosure: Arc<Bundle>,
    },
    /// What the authority has answered to a request that was collected.
    Activation {
        /// The whole answer.
        answer: Box<Bundle>,
    },
    /// The lease was given back.
    Released,
    /// A "no" of the rules.
    Refused(Refusal),
    /// The authority's "no" to a request that was collected.
    RefusedByAuthority {
        /// Its code.
        code: &'static Code,
        /// The sentence with the numbers.
        detail: String,
    },
}

impl Outcome {
    /// Its name in logs and tallies: what was done, or the code of the refusal.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Lease { .. } => "granted",
            Outcome::Report { .. } => "reported",
            Outcome::Activation { .. } => "activated",
            Outcome::Released => "released",
            Outcome::Refused(refusal) => refusal.code().name,
            Outcome::RefusedByAuthority { code, .. } => code.name,
        }
    }
}

/// Why there is no decision; nothing of the request has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotDecided {
    /// Its signature does not hold.
    Invalid(Invalid),
    /// The host cannot decide anything now.
    Unavailable(Unavailable),
}

/// Why a request could not be decided; nothing of it has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unavailable {
    /// The database cannot be written; it recovers by itself when there is room.
    ReadOnly,
    /// Too many requests wait.
    Busy,
    /// The host's clock lies behind its own ledger.
    ClockBehind,
    /// A row that the request needs cannot be read.
    Damaged,
    /// Something failed that the log explains.
    Failed,
}

impl Engine {
    /// Starts the writer on an open data directory.
    pub fn start(home: Home, data_dir: &Path, env: Env) -> anyhow::Result<(Engine, Running)> {
        let checkpoints = store::place(data_dir)?.file().map(Checkpointer::start).transpose()?;
        // From a millisecond to two seconds: a disk of today, and one that nobody would want.
        let commits = Histogram::new(exponential_buckets(0.001, 2.0, 12));
        let mut writer = Writer::new(home.db, home.site, env, commits.clone())?;
        let (queue, waiting) = mpsc::channel(BATCHES_MAX);
        let (unchecked, to_check) = mpsc::channel(QUEUE_MAX);
        let mut threads = verifier::start(to_check, &queue).context("cannot start the verifiers' threads")?;
        let thread = std::thread::Builder::new().name("writer".into());
        threads.push(thread.spawn(move || writer.run(waiting)).context("cannot start the writer's thread")?);
        Ok((
            Engine { unchecked, queue, places: Places::default(), commits },
            Running { threads, _checkpoints: checkpoints },
        ))
    }

    /// Verifies a request and decides on it, and returns when the decision is durable.
    pub async fn decide(&self, request: Unverified<ClientRequest>, address: IpAddr) -> Result<Outcome, NotDecided> {
        let are_short = self.unchecked.capacity() < QUEUE_MAX / 2;
        let place = self.places.take(address, are_short).ok_or(Unavailable::Busy)?;
        let (to, answer) = oneshot::channel();
        let unchecked = Unchecked { request, address, reply: Reply { to, _place: place } };
        self.unchecked.try_send(unchecked).map_err(|_| Unavailable::Busy)?;
        answer.await.unwrap_or(Err(Unavailable::Failed.into()))
    }

    /// The counts of all families in which somebody has asked, behind everything that is checked.
    pub async fn counts(&self) -> Result<Vec<Counted>, Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Message::Counts(reply)).await.map_err(|_| Unavailable::Failed)?;
        answer.await.unwrap_or(Err(Unavailable::Failed))
    }

    /// How many requests and questions wait, and how many may.
    pub fn waiting(&self) -> (usize, usize) {
        let most = self.unchecked.max_capacity();
        (most - self.unchecked.capacity(), most)
    }

    /// How long the transactions of requests took, in seconds.
    pub fn commits(&self) -> &Histogram {
        &self.commits
    }

    /// Writes something harmless, behind everything that is checked. May block.
    pub fn probe(&self) -> Result<(), Unavailable> {
        if self.unchecked.capacity() == 0 {
            return Err(Unavailable::Busy);
        }
        let (reply, answer) = oneshot::channel();
        self.queue.blocking_send(Message::Probe(reply)).map_err(|_| Unavailable::Failed)?;
        answer.blocking_recv().unwrap_or(Err(Unavailable::Failed))
    }
}

impl Running {
    /// Waits until everything that was queued is decided; every [`Engine`] must be gone.
    pub fn join(self) -> anyhow::Result<()> {
        for thread in self.threads {
            thread
                .join()
                .map_err(|_| anyhow::anyhow!("a thread of the engine has panicked; the log above says why"))?;
        }
        Ok(())
    }
}

impl Unavailable {
    /// All of them.
    pub const ALL: [Unavailable; 5] =
        [Unavailable::ReadOnly, Unavailable::Busy, Unavailable::ClockBehind, Unavailable::Damaged, Unavailable::Failed];

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Unavailable::ReadOnly => "read-only",
            Unavailable::Busy => "busy",
            Unavailable::ClockBehind => "clock-behind",
            Unavailable::Damaged => "damaged",
            Unavailable::Failed => "failed",
        }
    }
}

impl From<Unavailable> for NotDecided {
    fn from(unavailable: Unavailable) -> NotDecided {
        NotDecided::Unavailable(unavailable)
    }
}

impl From<&Failure> for Unavailable {
    fn from(failure: &Failure) -> Unavailable {
        match failure {
            Failure::DiskFull | Failure::Disk(_) | Failure::Busy | Failure::Away(_) => Unavailable::ReadOnly,
            Failure::Damaged { .. } => Unavailable::Damaged,
            _ => Unavailable::Failed,
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unavailable::ReadOnly => "the host cannot write to its database at the moment",
            Unavailable::Busy => "too many requests wait",
            Unavailable::ClockBehind => "the host's clock lies behind its own ledger",
            Unavailable::Damaged => "the host's log names the place in its database",
            Unavailable::Failed => "the host's log says why",
        })
    }
}

impl From<Unavailable> for Problem {
    fn from(unavailable: Unavailable) -> Problem {
        let (code, retry_after_secs) = match unavailable {
            Unavailable::ReadOnly => (&codes::HOST_READ_ONLY, 30),
            Unavailable::Busy => (&codes::HOST_BUSY, 2),
            Unavailable::ClockBehind => (&codes::HOST_CLOCK_WRONG, 300),
            Unavailable::Damaged => (&codes::DATABASE_DAMAGED, 3600),
            Unavailable::Failed => (&codes::INTERNAL_FAILURE, 30),
        };
        Problem::new(code, unavailable.to_string()).retry_after(retry_after_secs)
    }
}

impl From<NotDecided> for Problem {
    fn from(not_decided: NotDecided) -> Problem {
        match not_decided {
            NotDecided::Invalid(invalid) => invalid.into(),
            NotDecided::Unavailable(unavailable) => unavailable.into(),
        }
    }
}
