//! Those who ask a host: as fast as it answers, or so many a second.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use keymuster_core::request::Act;
use keymuster_service::Env;
use rustix::thread::{sched_getaffinity, sched_setaffinity};

use super::whole::Options;
use crate::fixture::{Publisher, VOLUME_EDITION};
use crate::load::{Connection, Machine};
use crate::prepare;

/// Runs the senders on the cores that the host does not have.
pub(super) fn on_the_other_core<T>(act: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let whole = sched_getaffinity(None)?;
    let mut other = whole;
    other.unset(0);
    ensure!(other.count() > 0, "this measurement needs two cores");
    sched_setaffinity(None, &other)?;
    let done = act();
    sched_setaffinity(None, &whole)?;
    done
}

/// Those who ask: known machines, each of which always uses the same connection, and new ones.
pub(super) struct Asking<'a> {
    publisher: &'a Publisher,
    options: &'a Options,
    pub known: Vec<Machine>,
    next: usize,
    env: Env,
}

/// Signed requests, one list for each connection.
pub(super) struct Round(Vec<Vec<Vec<u8>>>);

/// What a round has shown.
pub(super) struct Shown {
    pub rate: f64,
    pub latency_millis: [f64; 3],
}

impl<'a> Asking<'a> {
    pub fn new(publisher: &'a Publisher, known: u64, options: &'a Options) -> Asking<'a> {
        let known = prepare::in_parallel(0..known, Machine::numbered);
        Asking { publisher, options, known, next: 0, env: Env::system() }
    }

    pub fn renewals(&mut self) -> Round {
        self.renew(self.options.requests, self.options.connections as usize)
    }

    /// So many renewals over one connection, each of which has a transaction of its own.
    pub fn one_at_a_time(&mut self, number: u64) -> Round {
        self.renew(number, 1)
    }

    fn renew(&mut self, number: u64, connections: usize) -> Round {
        let mut lists = vec![Vec::new(); connections];
        for _ in 0..number {
            let at = self.next % self.known.len();
            self.next += 1;
            let machine = &mut self.known[at];
            let request = machine.request(Act::Activate, &self.publisher.trust.publisher, VOLUME_EDITION, &self.env);
            lists[at % connections].push(request);
        }
        Round(lists)
    }

    pub fn newcomers(&self) -> Round {
        let sign = |_| {
            let mut machine = Machine::new(&self.env);
            machine.request(Act::Activate, &self.publisher.trust.publisher, VOLUME_EDITION, &self.env)
        };
        let each = self.options.requests / self.options.connections;
        Round((0..self.options.connections).map(|_| (0..each).map(sign).collect()).collect())
    }
}

impl Round {
    /// The requests of each connection.
    pub fn into_lists(self) -> Vec<Vec<Vec<u8>>> {
        self.0
    }

    /// Sends everything, as fast as it is answered, or so many a second whether or not answers come.
    pub fn send(self, address: SocketAddr, per_second: Option<f64>) -> anyhow::Result<Shown> {
        let number = self.0.iter().map(Vec::len).sum::<usize>() as f64;
        // Between two requests of one connection.
        let pause = per_second.map(|rate| Duration::from_secs_f64(self.0.len() as f64 / rate));
        let connections = self.0.len();
        let lists = self.0;
        let begin = Instant::now();
        let mut latencies = std::thread::scope(|scope| {
            let sender = |(at, list): (usize, Vec<Vec<u8>>)| {
                // Connections begin one after the other, spread over the first pause.
                let first = pause.map_or(Duration::ZERO, |pause| pause.mul_f64(at as f64 / connections as f64));
                scope.spawn(move || send_list(address, &list, begin + first, pause))
            };
            let senders: Vec<_> = lists.into_iter().enumerate().map(sender).collect();
            senders.into_iter().try_fold(Vec::new(), |mut all, sender| {
                all.extend(sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??);
                anyhow::Ok(all)
            })
        })?;
        let rate = number / begin.elapsed().as_secs_f64();
        latencies.sort_unstable();
        let quantile = |per_mille: usize| {
            let at = (latencies.len() * per_mille / 1000).min(latencies.len().saturating_sub(1));
            latencies.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
        };
        Ok(Shown { rate, latency_millis: [quantile(500), quantile(990), quantile(999)] })
    }
}

/// Sends one after the other; with a pause each when it is due, or at once where the answer before came late.
fn send_list(
    address: SocketAddr,
    list: &[Vec<u8>],
    first: Instant,
    pause: Option<Duration>,
) -> anyhow::Result<Vec<Duration>> {
    let mut connection = Connection::open(address).context("cannot connect")?;
    let mut latencies = Vec::with_capacity(list.len());
    for (number, request) in list.iter().enumerate() {
        let due = match pause {
            Some(pause) => first + pause * u32::try_from(number)?,
            None => Instant::now(),
        };
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let answer = connection.post("/v1/activate", request)?;
        ensure!(answer.status == 200, "status {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        latencies.push(due.elapsed());
    }
    Ok(latencies)
}
