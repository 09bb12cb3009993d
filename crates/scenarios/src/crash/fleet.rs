//! Clients that ask for leases and give them back as fast as they are answered, and remember every answer.
//!
//! A client that is refused for want of seats is as good as one that is served: what counts is that nothing which was said
//! to a client is forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use keymuster_core::bundle::Bundle;
use keymuster_core::document::{Signed, payload};
use keymuster_core::id::Slug;
use keymuster_core::lease::Lease;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::signature::PublicKey;
use keymuster_host::{identity, store};
use keymuster_service::Env;

use super::lot::Lot;
use crate::fixture::{Publisher, SEAT_EDITION, VOLUME_EDITION};
use crate::ledger::Ledger;
use crate::load::{Answer, Connection, Machine};

/// Seats of the pool, fewer than clients that ask for them.
pub const SEATS: u32 = 5;

/// How long a client rests before it tries the next server, and after each answer where several servers are asked.
const REST: Duration = Duration::from_millis(20);

/// A request that was sent.
#[derive(Debug)]
struct Sent {
    machine: usize,
    path: &'static str,
    body: Vec<u8>,
}

/// What came of a request.
enum Came {
    /// A decision.
    Answer,
    /// The host says that it cannot decide at the moment.
    Unavailable(Answer),
    /// The host is gone.
    Nothing,
}

/// What one connection asked on behalf of its machines, over all starts of the host.
#[derive(Debug)]
struct Worker {
    lot: Lot,
    /// Even ones ask for volume leases, odd ones for seats.
    machines: Vec<Machine>,
    /// In the order of their answers.
    answered: Vec<(Sent, Answer)>,
    /// Sent last, and not answered.
    open: Option<Sent>,
    /// How many of the answers were noted by the fleet.
    noted: usize,
}

/// All clients of a host.
#[derive(Debug)]
pub struct Fleet {
    publisher: Slug,
    host_key: PublicKey,
    workers: Vec<Worker>,
    /// The payload of each lease that was handed out, by its place in the ledger.
    leases: BTreeMap<u64, Vec<u8>>,
    /// Places of the ledger that were told to two clients: one of the leases is lost, then.
    told_twice: BTreeSet<u64>,
    /// The requests by which leases were given back.
    releases: BTreeSet<String>,
    /// What the client that came last was told of the number of clients.
    counted: u64,
}

/// What a ledger holds of what was acknowledged.
#[derive(Debug)]
pub struct Checked {
    /// The ledger, which is sound.
    pub ledger: Ledger,
    /// Leases and releases that it lacks.
    pub missing: Vec<String>,
}

impl Fleet {
    /// Clients of the host in a data directory, over so many connections.
    pub fn new(lot: &Lot, publisher: &Publisher, data_dir: &Path, connections: usize) -> anyhow::Result<Fleet> {
        let worker = || {
            let (machines, answered) = (Vec::new(), Vec::new());
            Worker { lot: lot.branch(), machines, answered, open: None, noted: 0 }
        };
        let workers = (0..connections).map(|_| worker()).collect();
        let (leases, told_twice, releases) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let host_key = identity::read(data_dir)?.public();
        let publisher = publisher.trust.publisher.clone();
        Ok(Fleet { publisher, host_key, workers, leases, told_twice, releases, counted: 0 })
    }

    /// Lets everybody ask until the host is gone, while `end` sees answers come and puts an end to it.
    pub fn ask_until_gone<T>(&mut self, host: SocketAddr, end: impl FnOnce(&Receiver<()>) -> T) -> anyhow::Result<T> {
        let (answered, count) = mpsc::channel();
        let publisher = &self.publisher;
        std::thread::scope(|scope| {
            let ask = |worker| {
                let answered = answered.clone();
                scope.spawn(move || Worker::ask_until_gone(worker, publisher, host, &answered))
            };
            let threads: Vec<_> = self.workers.iter_mut().map(ask).collect();
            let ended = end(&count);
            for thread in threads {
                thread.join().ok().context("a client has panicked")??;
            }
            Ok(ended)
        })
    }

    /// Lets everybody ask any of several servers, and the next one where one does not answer, until `watch` has seen enough of
    /// when they were answered.
    pub fn ask_among<T>(
        &mut self,
        servers: &[SocketAddr],
        watch: impl FnOnce(&Receiver<Instant>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let (answered, times) = mpsc::channel();
        let (publisher, is_over) = (&self.publisher, &AtomicBool::new(false));
        std::thread::scope(|scope| {
            let ask = |worker: _| {
                let answered = answered.clone();
                scope.spawn(move || Worker::ask_among(worker, publisher, servers, (is_over, &answered)))
            };
            let threads: Vec<_> = self.workers.iter_mut().map(ask).collect();
            drop(answered);
            let watched = watch(&times);
            is_over.store(true, Ordering::Relaxed);
            for thread in threads {
                thread.join().ok().context("a client has panicked")??;
            }
            watched
        })
    }

    /// Lets a machine whose lease a ledger does not have ask for the next one, and show the lease, as products do.
    pub fn show_lost(&mut self, server: SocketAddr, ledger: &Ledger) -> anyhow::Result<Answer> {
        for worker in &mut self.workers {
            for (sent, answer) in worker.answered.iter().filter(|(_, answer)| answer.status == 200) {
                let shown = lease(answer, &self.host_key)?;
                if ledger.holds(shown.position.sequence, &payload(&*shown)?) {
                    continue;
                }
                let machine = &mut worker.machines[sent.machine];
                let mut ask = machine.ask(Act::Activate, &self.publisher, shown.edition, &Env::system());
                ask.previous = Some(shown.position);
                ask.fence = shown.seat.as_ref().map(|seat| seat.fence);
                ask.extensions = ClientRequest::showing(shown.bytes());
                let request = machine.sign(ask);
                return Ok(Connection::open(server)?.post("/v1/activate", &request)?);
            }
        }
        anyhow::bail!("the ledger has every lease")
    }

    /// Asks one after the other, each on a connection of its own; how many were decided, and what the host said to others.
    pub fn ask_in_turn(&mut self, host: SocketAddr, requests: usize) -> anyhow::Result<(usize, Vec<Answer>)> {
        let (mut decided, mut unavailable) = (0, Vec::new());
        let workers = self.workers.len();
        for number in 0..requests {
            let Ok(mut connection) = Connection::open(host) else { break };
            match self.workers[number % workers].ask(&self.publisher, &mut connection)? {
                Came::Answer => decided += 1,
                Came::Unavailable(answer) => unavailable.push(answer),
                Came::Nothing => break,
            }
        }
        Ok((decided, unavailable))
    }

    /// Requests that had no answer, by their ids.
    pub fn open(&self) -> anyhow::Result<Vec<String>> {
        let open = self.workers.iter().filter_map(|worker| worker.open.as_ref());
        open.map(|open| Ok(ClientRequest::verify(&open.body)?.request.to_string())).collect()
    }

    /// How much was granted and given back so far, as clients know it.
    pub fn acknowledged(&self) -> u64 {
        (self.leases.len() + self.releases.len()) as u64
    }

    /// Reads the ledger, which must be sound, and seats within their limit, and compares it with what clients hold.
    pub fn check(&mut self, data_dir: &Path) -> anyhow::Result<Checked> {
        self.note()?;
        let mut db = store::open_read_only(data_dir)?;
        let number = |sql: &str| db.query_row(sql, [], |row| row.get::<_, u32>(0));
        let (seats, fences) = (number("SELECT COUNT(*) FROM seat")?, number("SELECT COUNT(DISTINCT fence) FROM seat")?);
        ensure!(seats <= SEATS && seats == fences, "{seats} seats of {SEATS} with {fences} fences");
        let ledger = Ledger::read(&mut db)?;
        let held = ledger.seats_held_max(SEAT_EDITION);
        ensure!(held <= SEATS as usize, "{held} clients held {SEATS} seats at one time, by the ledger");
        let missing = self.missing(&ledger)?;
        Ok(Checked { ledger, missing })
    }

    /// The same, where nothing may be missing.
    pub fn demand(&mut self, data_dir: &Path) -> anyhow::Result<Ledger> {
        let Checked { ledger, missing } = self.check(data_dir)?;
        ensure!(missing.is_empty(), "acknowledged, and not in the ledger: {missing:?}");
        Ok(ledger)
    }

    /// Takes over what is new of the workers' answers.
    fn note(&mut self) -> anyhow::Result<()> {
        for worker in &mut self.workers {
            for (sent, answer) in &worker.answered[worker.noted..] {
                match answer.status {
                    200 => {
                        let lease = lease(answer, &self.host_key)?;
                        let (sequence, payload) = (lease.position.sequence, payload(&*lease)?);
                        if self.leases.insert(sequence, payload).is_some() {
                            self.told_twice.insert(sequence);
                        }
                    }
                    204 => drop(self.releases.insert(ClientRequest::verify(&sent.body)?.request.to_string())),
                    _ => {}
                }
            }
            worker.noted = worker.answered.len();
        }
        Ok(())
    }

    fn missing(&self, ledger: &Ledger) -> anyhow::Result<Vec<String>> {
        let leases = self.leases.iter().filter(|(sequence, payload)| !ledger.holds(**sequence, payload));
        let requests = ledger.requests()?;
        let releases = self.releases.iter().filter(|request| !requests.contains(*request));
        let told_twice = self.told_twice.iter().map(|sequence| format!("one of two leases {sequence}"));
        let leases = leases.map(|(sequence, _)| format!("lease {sequence}"));
        Ok(leases.chain(told_twice).chain(releases.cloned()).collect())
    }

    /// After a restart: what was not answered is decided now, what was answered is answered again as it was, and a new
    /// client is counted.
    pub fn come_back(&mut self, host: SocketAddr) -> anyhow::Result<()> {
        for worker in &mut self.workers {
            worker.repeat(host)?;
        }
        self.note()?;
        let env = Env::system();
        let request = Machine::new(&env).request(Act::Activate, &self.publisher, VOLUME_EDITION, &env);
        let answer = Connection::open(host)?.post("/v1/activate", &request)?;
        ensure!(answer.status == 200, "a new client: {answer:?}");
        let lease = lease(&answer, &self.host_key)?;
        self.counted = lease.count;
        self.leases.insert(lease.position.sequence, payload(&*lease)?);
        Ok(())
    }

    /// When all have come back, the host counts as many clients as its database.
    pub fn demand_count(&self, data_dir: &Path) -> anyhow::Result<()> {
        let db = store::open_read_only(data_dir)?;
        let clients: u32 = db.query_row("SELECT COUNT(DISTINCT client_id) FROM client", [], |row| row.get(0))?;
        ensure!(self.counted == u64::from(clients), "the host counts {} clients of {clients}", self.counted);
        Ok(())
    }
}

fn lease(answer: &Answer, host_key: &PublicKey) -> anyhow::Result<Signed<Lease>> {
    let lease = Bundle::parse(&answer.body)?.lease.context("an answer without a lease")?;
    Ok(Signed::<Lease>::verify(&lease, host_key)?)
}

/// Granted, released, all seats taken, or no seat to be released: nothing else is due to these clients.
fn is_due(answer: &Answer) -> bool {
    [200, 204, 403, 404].contains(&answer.status)
}

impl Worker {
    fn ask_until_gone(&mut self, publisher: &Slug, host: SocketAddr, answered: &Sender<()>) -> anyhow::Result<()> {
        let Ok(mut connection) = Connection::open(host) else { return Ok(()) };
        loop {
            match self.ask(publisher, &mut connection)? {
                // Nobody may count any more.
                Came::Answer => drop(answered.send(())),
                Came::Unavailable(answer) => anyhow::bail!("not expected: {answer:?}"),
                Came::Nothing => return Ok(()),
            }
        }
    }

    /// What was not answered is asked again, byte for byte, until it is.
    fn ask_among(
        &mut self,
        publisher: &Slug,
        servers: &[SocketAddr],
        (is_over, answered): (&AtomicBool, &Sender<Instant>),
    ) -> anyhow::Result<()> {
        let (mut at, mut open) = (self.lot.below(servers.len() as u64) as usize, None);
        while !is_over.load(Ordering::Relaxed) {
            let connection = match &mut open {
                Some(connection) => Some(connection),
                none => Connection::open(servers[at]).ok().map(|new| none.insert(new)),
            };
            let came = match connection {
                Some(connection) => {
                    let sent = self.open.take().unwrap_or_else(|| self.draw(publisher));
                    self.send(sent, connection)?
                }
                None => Came::Nothing,
            };
            match came {
                // Nobody may watch any more.
                Came::Answer => drop(answered.send(Instant::now())),
                Came::Unavailable(_) | Came::Nothing => (at, open) = ((at + 1) % servers.len(), None),
            }
            std::thread::sleep(REST);
        }
        Ok(())
    }

    fn ask(&mut self, publisher: &Slug, connection: &mut Connection) -> anyhow::Result<Came> {
        let sent = self.draw(publisher);
        self.send(sent, connection)
    }

    fn send(&mut self, sent: Sent, connection: &mut Connection) -> anyhow::Result<Came> {
        let Ok(answer) = connection.post(sent.path, &sent.body) else {
            self.open = Some(sent);
            return Ok(Came::Nothing);
        };
        if answer.status == 503 {
            self.open = Some(sent);
            return Ok(Came::Unavailable(answer));
        }
        ensure!(is_due(&answer), "not expected: {answer:?}");
        // A client that has asked again does not go back to what it asked before: its counter has moved on.
        self.open.take_if(|open| open.machine == sent.machine);
        self.answered.push((sent, answer));
        Ok(Came::Answer)
    }

    /// A request of a machine that is new as often as not; those that ask for seats give them back as often.
    fn draw(&mut self, publisher: &Slug) -> Sent {
        let known = self.machines.len();
        let machine = (self.lot.below(2 * known as u64 + 1) as usize).min(known);
        if machine == known {
            self.machines.push(Machine::new(self.lot.env()));
        }
        let edition = if machine.is_multiple_of(2) { VOLUME_EDITION } else { SEAT_EDITION };
        let is_release = edition == SEAT_EDITION && self.lot.is_one_in(2);
        let (act, path) = if is_release { (Act::Release, "/v1/release") } else { (Act::Activate, "/v1/activate") };
        Sent { machine, path, body: self.machines[machine].request(act, publisher, edition, &Env::system()) }
    }

    /// Repeats what was not answered, which must be decided now, and the last answer to another machine that granted
    /// something, which must come again as it was.
    fn repeat(&mut self, host: SocketAddr) -> anyhow::Result<()> {
        let mut connection = Connection::open(host)?;
        let open = self.open.take();
        let mut asked_later: BTreeSet<usize> = open.iter().map(|open| open.machine).collect();
        let last_granted = self.answered.iter().rev().find(|(sent, answer)| {
            let is_last_of_machine = asked_later.insert(sent.machine);
            is_last_of_machine && [200, 204].contains(&answer.status)
        });
        if let Some((sent, first)) = last_granted {
            let answer = connection.post(sent.path, &sent.body)?;
            let is_same = (answer.status, &answer.body) == (first.status, &first.body);
            ensure!(is_same, "a repeat after the restart: {answer:?} instead of {first:?}");
        }
        if let Some(open) = open {
            let answer = connection.post(open.path, &open.body)?;
            ensure!(is_due(&answer), "what was not answered, asked again: {answer:?}");
            self.answered.push((open, answer));
        }
        Ok(())
    }
}
