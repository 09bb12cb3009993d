//! Steady load: machines that renew at the host over connections that are kept, requests that must be refused among them,
//! and a client that asks the authority for the time.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use keymuster_client::{Client, Error, Settings};
use keymuster_core::codes;
use keymuster_core::id::Slug;
use keymuster_core::request::Act;
use keymuster_service::Env;
use serde_json::{Value, json};

use super::{EDITION, Soaked};
use crate::load::{Connection, Machine};

const CONNECTIONS: u32 = 4;
/// Machines of one connection: a fixed number, so that what grows does not grow with them.
const MACHINES: u64 = 50;
/// One request in so many must be refused.
const BAD: u64 = 10;
/// An edition that no catalogue has.
const NO_EDITION: u16 = 9;
/// How often the authority is asked.
const AUTHORITY_EVERY: Duration = Duration::from_secs(1);

/// What came of the load.
#[derive(Debug, Default)]
pub struct Totals {
    /// The ids of the requests whose leases came.
    pub acknowledged: BTreeSet<String>,
    refused: u64,
    /// How often the authority stated the time.
    stated: u64,
    /// Requests that had no answer.
    pub broken: u64,
    /// Answers that nobody expects.
    pub unexpected: Vec<String>,
}

/// Load that goes on until it is told to stop.
#[derive(Debug)]
pub struct Load {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Totals>>,
}

/// One connection's share.
struct Sender {
    address: std::net::SocketAddr,
    publisher: Slug,
    edition: u16,
    machines: Vec<Machine>,
    env: Env,
}

impl Totals {
    pub fn add(&mut self, other: Totals) {
        self.acknowledged.extend(other.acknowledged);
        self.refused += other.refused;
        self.stated += other.stated;
        self.broken += other.broken;
        self.unexpected.extend(other.unexpected);
    }

    pub fn summary(&self) -> Value {
        json!({
            "granted": self.acknowledged.len(),
            "refused": self.refused,
            "stated by the authority": self.stated,
            "without an answer": self.broken,
        })
    }
}

impl Load {
    /// Begins.
    pub fn start(soaked: &Soaked, root: &Path, rate: u32) -> anyhow::Result<Load> {
        let is_over = Arc::new(AtomicBool::new(false));
        let product = soaked.publisher.product(EDITION)?;
        let (edition, address) = (product.edition().number, soaked.host.address.parse()?);
        let pause = Duration::from_secs(1) * CONNECTIONS / rate.max(1);
        let mut threads = Vec::new();
        for connection in 0..u64::from(CONNECTIONS) {
            // Known machines come back with higher counters than a machine that begins anew has, so each quarter has its own.
            let machines = (0..MACHINES).map(|_| Machine::new(&Env::system())).collect();
            let publisher = soaked.publisher.publisher.parse().ok().context("no publisher")?;
            let mut sender = Sender { address, publisher, edition, machines, env: Env::system() };
            let is_over = Arc::clone(&is_over);
            threads.push(thread::spawn(move || sender.send(pause, connection, &is_over)));
        }
        let settings = Settings { store: root.join("client"), ..Settings::default() };
        let client = Client::open_with(product, settings)?;
        let over = Arc::clone(&is_over);
        threads.push(thread::spawn(move || ask_for_the_time(&client, &over)));
        Ok(Load { is_over, threads })
    }

    /// Ends it.
    pub fn finish(self) -> anyhow::Result<Totals> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut totals = Totals::default();
        for thread in self.threads {
            totals.add(thread.join().ok().context("a sender has panicked")?);
        }
        Ok(totals)
    }
}

/// Calls `act` once each `pause` until it is over; a slow answer is not made up for.
fn steadily(pause: Duration, is_over: &AtomicBool, mut act: impl FnMut(u64)) {
    let mut number = 0;
    while !is_over.load(Ordering::Relaxed) {
        let begin = Instant::now();
        act(number);
        number += 1;
        thread::sleep(pause.saturating_sub(begin.elapsed()));
    }
}

impl Sender {
    fn send(&mut self, pause: Duration, first: u64, is_over: &AtomicBool) -> Totals {
        let mut totals = Totals::default();
        let mut connection = None;
        steadily(pause, is_over, |number| {
            let is_bad = number % BAD == first;
            let edition = if is_bad { NO_EDITION } else { self.edition };
            let machine = (number % MACHINES) as usize;
            let asked = self.machines[machine].ask(Act::Activate, &self.publisher, edition, &self.env);
            let (id, body) = (asked.request.to_string(), self.machines[machine].sign(asked));
            let kept = connection.take().map_or_else(|| Connection::open(self.address), Ok);
            let answered = kept.and_then(|mut kept| Ok((kept.post("/v1/activate", &body)?, kept)));
            match answered {
                Err(_) => totals.broken += 1,
                Ok((answer, kept)) => {
                    match (answer.status, is_bad) {
                        (200, false) => drop(totals.acknowledged.insert(id)),
                        (422, true) | (403, true) | (404, true) => totals.refused += 1,
                        _ => totals.unexpected.push(format!("{answer:?}")),
                    }
                    // One connection in so many is not kept.
                    connection = Some(kept).filter(|_| !is_bad && answer.header("connection") != Some("close"));
                }
            }
        });
        totals
    }
}

fn ask_for_the_time(client: &Client, is_over: &AtomicBool) -> Totals {
    let mut totals = Totals::default();
    steadily(AUTHORITY_EVERY, is_over, |_| match client.reset_time() {
        Ok(_) => totals.stated += 1,
        // A machine is told the time a few times a day; that it is refused is work for the authority as well.
        Err(Error::Refused(refused)) if refused.code() == &codes::RATE_LIMITED => totals.refused += 1,
        Err(Error::AuthorityUnreachable { .. }) => totals.broken += 1,
        Err(other) => totals.unexpected.push(format!("the authority: {other}")),
    });
    totals
}
