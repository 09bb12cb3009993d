//! Checks signatures of requests before the writer sees them: what waits is checked together, on all cores, and what was
//! checked together is decided in one transaction.
//!
//! A signature alone costs as much as everything else that the host does for an activation; in a batch about half. The pages
//! of a transaction are shared as well: twice the requests write half as many for each.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use keymuster_core::document::Unverified;
use keymuster_core::request::ClientRequest;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use super::{Ask, BATCH_MAX, Message, NotDecided, Reply};

/// Where several requests came together, the next ones wait for each other, while more are coming: a lease holds for months,
/// and what so many milliseconds gather costs half as much for each. Who asks alone waits for nobody.
const PATIENCE: Duration = Duration::from_millis(20);
/// While it lasts, somebody must have come within each of these.
const STEP: Duration = Duration::from_millis(5);
/// So many came together where it is worth to wait.
const SEVERAL: usize = 4;

/// A request whose signature is not checked yet, and the way back to its sender.
#[derive(Debug)]
pub(super) struct Unchecked {
    pub request: Unverified<ClientRequest>,
    pub address: std::net::IpAddr,
    pub reply: Reply,
}

/// Where verifiers take what they check.
struct Intake {
    queue: mpsc::Receiver<Unchecked>,
    /// How many came together the last time.
    last: usize,
}

/// Starts a thread for each core; they end when the queue is closed and empty.
pub(super) fn start(
    queue: mpsc::Receiver<Unchecked>,
    writer: &mpsc::Sender<Message>,
) -> std::io::Result<Vec<JoinHandle<()>>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let intake = Arc::new(Mutex::new(Intake { queue, last: 0 }));
    let verifier = |_| {
        let (intake, writer) = (Arc::clone(&intake), writer.clone());
        std::thread::Builder::new().name("verifier".into()).spawn(move || run(&intake, &writer))
    };
    (0..cores).map(verifier).collect()
}

fn run(intake: &Mutex<Intake>, writer: &mpsc::Sender<Message>) {
    loop {
        // Who waits for requests holds the queue meanwhile, and the others wait for their turn.
        let waiting = intake.lock().unwrap_or_else(PoisonError::into_inner).take();
        if waiting.is_empty() {
            return;
        }
        let (requests, senders): (Vec<_>, Vec<_>) =
            waiting.into_iter().map(|one| (one.request, (one.address, one.reply))).unzip();
        let mut asks = Vec::with_capacity(requests.len());
        for (checked, (address, reply)) in Unverified::verify_all(requests).into_iter().zip(senders) {
            match checked {
                Ok(request) => asks.push(Ask { request, address, reply }),
                Err(invalid) => reply.send(Err(NotDecided::Invalid(invalid))),
            }
        }
        // Where the writer has as much as it may have, this waits, and so the queue before it fills.
        if !asks.is_empty() && writer.blocking_send(Message::Requests(asks)).is_err() {
            return;
        }
    }
}

impl Intake {
    /// What is to be checked together; nothing where the queue is closed and empty.
    fn take(&mut self) -> Vec<Unchecked> {
        let mut waiting = Vec::with_capacity(BATCH_MAX);
        self.queue.blocking_recv_many(&mut waiting, BATCH_MAX);
        let begin = Instant::now();
        if self.last >= SEVERAL {
            while waiting.len() < BATCH_MAX && begin.elapsed() < PATIENCE {
                std::thread::sleep(STEP);
                let before = waiting.len();
                self.take_present(&mut waiting);
                if waiting.len() == before {
                    break;
                }
            }
        }
        self.last = waiting.len();
        waiting
    }

    /// Adds what has come in.
    fn take_present(&mut self, waiting: &mut Vec<Unchecked>) {
        while waiting.len() < BATCH_MAX {
            match self.queue.try_recv() {
                Ok(one) => waiting.push(one),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            }
        }
    }
}
