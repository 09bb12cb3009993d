//! The edge that faces the network: accepts connections, bounds what each may take, and hands whole requests to a router.
//!
//! Whatever a client sends or fails to send, it costs a bounded amount of memory and time, and ends with an answer or a
//! closed connection. `axum::serve` sets no timers, hence an accept loop of our own over hyper's HTTP/1 connections.

mod accept;
mod bind;
mod connection;
mod greeting;
mod open;
mod request;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Stop;
use accept::Acceptor;
pub use bind::{BindFailure, bind};
use connection::Connections;
pub use greeting::{Greetings, RpcHellos};
use open::Entered;
pub use open::Open;
pub use request::Secure;

/// What one listener gives to its clients at most.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Time for the head of a request, and for a connection to stay idle.
    pub head: Duration,
    /// Time for the whole body of a request.
    pub body: Duration,
    /// Time for a request from its head to the head of its answer.
    pub total: Duration,
    /// Length of the body of a request.
    pub body_bytes: usize,
    /// Age at which a connection is closed, after the answer that is under way; clients just connect again.
    pub connection_age: Duration,
    /// Connections at one time; the next ones wait in the kernel's queue.
    pub connections: u32,
    /// Time for what is under way when a connection is to end, by its age or by a stop; then it is cut off.
    pub drain: Duration,
    /// The paths whose requests get more than that.
    pub large: Vec<Large>,
    /// How many connections there are, for whoever wants to know; listeners that share it count together.
    pub open: Open,
}

/// What the requests to one path get instead, because many are served by each of them.
#[derive(Clone, Debug)]
pub struct Large {
    /// The path.
    pub path: &'static str,
    /// Length of the body.
    pub body_bytes: usize,
    /// Time for the body.
    pub body: Duration,
    /// Time from the head to the head of the answer.
    pub total: Duration,
    /// Such requests at one time, which bounds their memory; the next ones wait, within their time.
    pub at_once: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head: Duration::from_secs(10),
            body: Duration::from_secs(5),
            total: Duration::from_secs(15),
            body_bytes: 64 * 1024,
            connection_age: Duration::from_secs(60),
            connections: 15_000,
            drain: Duration::from_secs(20),
            large: Vec::new(),
            open: Open::default(),
        }
    }
}

/// Serves `router` on `listener` until `stop`, then lets what is under way end, and returns.
///
/// Handlers find the client's address in `axum::extract::ConnectInfo<SocketAddr>`.
/// They get a body that has arrived whole and within the limits; what breaks a limit is answered with a problem.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: Stop) {
    serve_greeted(listener, router, limits, Greetings::default(), stop).await;
}

/// The same for those who begin otherwise than with plain HTTP; handlers find in [`Secure`] who began with TLS.
pub async fn serve_greeted(listener: TcpListener, router: Router, limits: Limits, greetings: Greetings, stop: Stop) {
    let (connections_max, drain) = (limits.connections, limits.drain);
    let places = Arc::new(Semaphore::new(connections_max as usize));
    let open = limits.open.clone();
    accept_until_stop(listener, Arc::new(Connections::new(router, limits, greetings, stop)), &places, &open).await;

    // Every connection holds a place, so having all of them means that all connections have ended.
    match tokio::time::timeout(drain, places.acquire_many(connections_max)).await {
        Ok(_) => tracing::debug!("all connections have ended"),
        Err(_) => {
            let connections = connections_max as usize - places.available_permits();
            tracing::warn!(connections, "stopped before all connections had ended");
        }
    }
}

/// Returns after the stop, with the listener closed.
async fn accept_until_stop(listener: TcpListener, connections: Arc<Connections>, places: &Arc<Semaphore>, open: &Open) {
    let mut acceptor = Acceptor::new(listener);
    loop {
        let next = async {
            // The place comes first, so that clients beyond the limit wait in the kernel's queue and cost nothing.
            let place = Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed");
            (place, acceptor.next().await)
        };
        let (place, (stream, peer)) = tokio::select! {
            () = connections.stop.asked() => break,
            accepted = next => accepted,
        };
        start(&connections, (place, open.enter()), stream, peer);
    }
    // What waits in the kernel's queue has asked as well; closing the listener would reset it.
    for (stream, peer) in acceptor.into_waiting() {
        let Ok(place) = Arc::clone(places).try_acquire_owned() else { return };
        start(&connections, (place, open.enter()), stream, peer);
    }
}

fn start(connections: &Arc<Connections>, place: (OwnedSemaphorePermit, Entered), stream: TcpStream, peer: SocketAddr) {
    let connections = Arc::clone(connections);
    tokio::spawn(async move {
        connections.serve(stream, peer).await;
        drop(place);
    });
}
