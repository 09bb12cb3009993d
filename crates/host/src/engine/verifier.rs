//! Checks signatures of requests before the writer sees them: what waits is checked together, on all cores.
//!
//! A signature alone costs as much as everything else that the host does for an activation; in a batch about half. Nobody
//! waits for a batch to fill: it is what has come in while the one before was checked.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use keymuster_core::document::Unverified;
use keymuster_core::request::ClientRequest;
use tokio::sync::mpsc;

use super::{Ask, Message, NotDecided, Reply};

/// Requests checked together: twice as many would save a twentieth, and let the first ones wait longer.
const BATCH_MAX: usize = 64;

/// A request whose signature is not checked yet, and the way back to its sender.
#[derive(Debug)]
pub(super) struct Unchecked {
    pub request: Unverified<ClientRequest>,
    pub address: std::net::IpAddr,
    pub reply: Reply,
}

/// Starts a thread for each core; they end when the queue is closed and empty.
pub(super) fn start(
    queue: mpsc::Receiver<Unchecked>,
    writer: &mpsc::Sender<Message>,
) -> std::io::Result<Vec<JoinHandle<()>>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let queue = Arc::new(Mutex::new(queue));
    let verifier = |_| {
        let (queue, writer) = (Arc::clone(&queue), writer.clone());
        std::thread::Builder::new().name("verifier".into()).spawn(move || run(&queue, &writer))
    };
    (0..cores).map(verifier).collect()
}

fn run(queue: &Mutex<mpsc::Receiver<Unchecked>>, writer: &mpsc::Sender<Message>) {
    let mut waiting = Vec::with_capacity(BATCH_MAX);
    // Who waits for requests holds the queue meanwhile, and the others wait for their turn.
    while queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv_many(&mut waiting, BATCH_MAX) > 0 {
        let (requests, senders): (Vec<_>, Vec<_>) =
            waiting.drain(..).map(|one| (one.request, (one.address, one.reply))).unzip();
        for (checked, (address, reply)) in Unverified::verify_all(requests).into_iter().zip(senders) {
            match checked {
                // Where the writer has as much as it may have, this waits, and so the queue before it fills.
                Ok(request) => drop(writer.blocking_send(Message::Request(Box::new(Ask { request, address, reply })))),
                Err(invalid) => reply.send(Err(NotDecided::Invalid(invalid))),
            }
        }
    }
}
