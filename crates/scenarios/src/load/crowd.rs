//! Machines that ask when they are due, each on a connection and from an address of its own, and come back as the client
//! library does: when they are told to, or after a time that doubles where nobody answers.
//!
//! A latency counts from the moment at which a request was due, so that a slow host does not slow its own measurement.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use keymuster_core::id::Slug;
use keymuster_core::request::Act;
use keymuster_service::Env;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep_until, timeout};

use super::{ANSWER_WITHIN, Machine};
use crate::fixture::VOLUME_EDITION;

/// Requests at one time: a process may have only so many descriptors.
const AT_ONCE: usize = 5_000;
/// As in the client library: twice as long each time, and less by chance.
const BACKOFF_SECS: u64 = 2;

/// What happened to a request, for the book.
#[derive(Debug)]
pub enum Event {
    /// A lease.
    Granted(Granted),
    /// A server said that it is busy, and when to come back.
    Busy,
    /// A server did not answer.
    Unanswered,
    /// Any other answer.
    Unexpected(String),
    /// The time is over, and there is no lease.
    GaveUp,
}

/// An answer with a lease.
#[derive(Debug)]
pub struct Granted {
    /// The answer's body.
    pub body: Vec<u8>,
    /// When the machine wanted its lease.
    pub first_due: Instant,
    /// When the attempt was due that was answered.
    pub due: Instant,
    /// When the answer was there.
    pub at: Instant,
}

/// Those who ask.
#[derive(Debug)]
pub struct Crowd {
    hosts: Vec<SocketAddr>,
    publisher: Slug,
    places: Semaphore,
    /// When nobody asks any more.
    end: Instant,
    env: Env,
}

/// A machine that needs a lease.
#[derive(Debug)]
pub struct Errand {
    /// Who asks.
    pub machine: Machine,
    /// Its number, from which its address follows.
    pub number: u64,
    /// When.
    pub due: Instant,
}

struct Reply {
    status: u16,
    retry_after_secs: Option<u64>,
    bytes: Vec<u8>,
    /// Where the body begins.
    body: usize,
}

/// What an attempt came to.
enum Attempt {
    /// There is no more to do.
    Decided(Event),
    /// To be made again after so many seconds, if a server has said so.
    Again(Option<u64>),
}

impl Crowd {
    /// Nobody asks yet.
    pub fn new(hosts: Vec<SocketAddr>, publisher: Slug, end: Instant) -> Arc<Crowd> {
        Arc::new(Crowd { hosts, publisher, places: Semaphore::new(AT_ONCE), end, env: Env::system() })
    }

    /// Asks until there is a lease, or the time is over; the machine may be sent again.
    pub async fn run(self: Arc<Crowd>, errand: Errand, book: Sender<Event>) -> (u64, Machine) {
        let Errand { mut machine, number, due: first_due } = errand;
        sleep_until(first_due.into()).await;
        let body = machine.request(Act::Activate, &self.publisher, VOLUME_EDITION, &self.env);
        let (mut due, mut failures) = (first_due, 0);
        let end = loop {
            if Instant::now() >= self.end {
                break Event::GaveUp;
            }
            match self.attempt(number, &body, (first_due, due), &book).await {
                Attempt::Decided(event) => break event,
                Attempt::Again(secs) => {
                    let backoff = || u64::from_be_bytes(self.env.random()) % (1 + (BACKOFF_SECS << failures.min(10)));
                    due = Instant::now() + Duration::from_secs(secs.unwrap_or_else(backoff).max(1));
                    failures = if secs.is_some() { 0 } else { failures + 1 };
                    sleep_until(due.into()).await;
                }
            }
        };
        note(&book, end);
        (number, machine)
    }

    /// Asks one server after the other.
    async fn attempt(&self, number: u64, body: &[u8], dues: (Instant, Instant), book: &Sender<Event>) -> Attempt {
        let mut told = None;
        for turn in 0..self.hosts.len() {
            let host = self.hosts[(number as usize + turn) % self.hosts.len()];
            match self.once(host, Machine::own_address(number), body).await {
                Ok(Reply { status: 200, mut bytes, body, .. }) => {
                    let (body, (first_due, due)) = (bytes.split_off(body), dues);
                    return Attempt::Decided(Event::Granted(Granted { body, first_due, due, at: Instant::now() }));
                }
                Ok(Reply { status: 503, retry_after_secs: Some(secs), .. }) => {
                    note(book, Event::Busy);
                    told = Some(told.map_or(secs, |before: u64| before.min(secs)));
                }
                Ok(other) => {
                    return Attempt::Decided(Event::Unexpected(String::from_utf8_lossy(&other.bytes).into_owned()));
                }
                Err(_) => note(book, Event::Unanswered),
            }
        }
        Attempt::Again(told)
    }

    /// One request, within the time that a client has for it.
    async fn once(&self, host: SocketAddr, from: Ipv4Addr, body: &[u8]) -> anyhow::Result<Reply> {
        let _place = self.places.acquire().await?;
        timeout(ANSWER_WITHIN, post(host, from, body)).await?
    }
}

/// A book that was closed has failed, and says so itself.
fn note(book: &Sender<Event>, event: Event) {
    let _ = book.send(event);
}

/// Connects from an address.
pub async fn connect(host: SocketAddr, from: Ipv4Addr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let stream = socket.connect(host).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn post(host: SocketAddr, from: Ipv4Addr, body: &[u8]) -> anyhow::Result<Reply> {
    let mut stream = connect(host, from).await?;
    let mut message = format!(
        "POST /v1/activate HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/cose\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    message.extend_from_slice(body);
    stream.write_all(&message).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    let body = 4 + bytes.windows(4).position(|end| end == b"\r\n\r\n").context("no head")?;
    let head = std::str::from_utf8(&bytes[..body])?.to_ascii_lowercase();
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    // A host that is killed may leave half an answer, which is none.
    ensure!(field("content-length:") == Some((bytes.len() - body) as u64), "the answer is cut off");
    Ok(Reply { status, retry_after_secs: field("retry-after:"), bytes, body })
}
