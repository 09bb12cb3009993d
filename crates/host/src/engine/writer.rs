//! The writer: takes what waits, decides it in one transaction, and answers once that is durable.

use std::collections::BTreeMap;
use std::time::Instant;

use keymuster_core::ledger::Head;
use keymuster_core::muster::Muster;
use keymuster_core::time::{MINUTE, Timestamp};
use keymuster_service::Env;
use keymuster_service::database::Failure;
use prometheus_client::metrics::histogram::Histogram;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::mpsc;

use super::batch::{Batch, Counts, Scope};
use super::count::count_clients;
use super::{Ask, BATCH_MAX, Counted, Message, Outcome, Unavailable};
use crate::site::Site;
use crate::store;
use crate::store::release::Act;

/// How far the clock may lie behind the newest entry of the ledger, in seconds.
pub(crate) const BEHIND_SECS_MAX: u64 = 5 * MINUTE;

/// The one thread that writes grants, and what it knows without asking the database.
#[derive(Debug)]
pub(super) struct Writer {
    db: Connection,
    env: Env,
    memory: Memory,
    head: Head,
    newest_entry: Option<Timestamp>,
    /// Whether the last batch failed, so that a lasting failure is logged once.
    failing: bool,
    /// The damaged row that was met last, so that a client that comes again fills no log.
    damaged: Option<String>,
    /// Requests that were decided, and the transactions it took.
    decided: u64,
    transactions: u64,
    /// How long each of them took.
    commits: Histogram,
}

/// What the writer remembers of the database, as others last left it.
#[derive(Debug)]
struct Memory {
    site: Site,
    musters: Counts,
    /// The newest release of a client that the counts include.
    newest_release: u64,
    /// Changes when another program has written to the database: keys, packs and entitlements are then read again.
    data_version: i64,
}

impl Writer {
    pub(super) fn new(mut db: Connection, site: Site, env: Env, commits: Histogram) -> Result<Writer, Failure> {
        let tx = db.transaction()?;
        let (head, newest_entry) = store::ledger::head(&tx, site.host)?;
        let memory = Memory::new(&tx, site)?;
        tx.commit()?;
        let (failing, damaged, decided, transactions) = (false, None, 0, 0);
        Ok(Writer { db, env, memory, head, newest_entry, failing, damaged, decided, transactions, commits })
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(&mut self, mut queue: mpsc::Receiver<Message>) {
        let mut waiting = Vec::with_capacity(BATCH_MAX);
        while queue.blocking_recv_many(&mut waiting, BATCH_MAX) > 0 {
            let mut asks = Vec::with_capacity(waiting.len());
            for message in waiting.drain(..) {
                match message {
                    Message::Request(ask) => asks.push(*ask),
                    Message::Probe(reply) => {
                        // A caller that has gone away needs no answer, here and below.
                        let _ = reply.send(self.probe());
                    }
                    Message::Counts(reply) => {
                        let _ = reply.send(self.counts());
                    }
                }
            }
            if !asks.is_empty() {
                self.decide(asks);
            }
        }
        tracing::info!(requests = self.decided, transactions = self.transactions, "the queue is closed and empty");
    }

    fn decide(&mut self, asks: Vec<Ask>) {
        match self.commit(&asks) {
            Ok(outcomes) => {
                self.log_change(None);
                for (ask, outcome) in asks.into_iter().zip(outcomes) {
                    let _ = ask.reply.send(Ok(outcome));
                }
            }
            // One unreadable row must not stop the others: alone, each request fails or succeeds for itself.
            Err(Stopped::Failure(Failure::Damaged { .. })) if asks.len() > 1 => {
                for ask in asks {
                    self.decide(vec![ask]);
                }
            }
            Err(stopped) => {
                self.log_change(Some(&stopped));
                for ask in asks {
                    let _ = ask.reply.send(Err(stopped.unavailable()));
                }
            }
        }
    }

    /// Decides all of them in one transaction. On failure nothing has happened, in the database or here.
    fn commit(&mut self, asks: &[Ask]) -> Result<Vec<Outcome>, Stopped> {
        if self.failing {
            self.recover()?;
        }
        let (now, begin) = (self.now()?, Instant::now());
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(Failure::from)?;
        // From here on nobody else writes.
        self.memory.refresh(&tx)?;
        let mut batch = Batch::new(&tx, &self.memory.site, self.head, &mut self.memory.musters, now);
        let outcomes = asks.iter().map(|ask| batch.decide(&ask.request, ask.address)).collect::<Result<_, _>>()?;
        let changes = batch.finish()?;
        tx.commit().map_err(Failure::from)?;
        self.decided += asks.len() as u64;
        self.transactions += 1;
        self.commits.observe(begin.elapsed().as_secs_f64());
        if changes.head != self.head {
            self.newest_entry = Some(now);
        }
        self.head = changes.head;
        for asked in changes.asked {
            let muster = self.memory.musters.entry(asked.scope).or_insert_with(|| Muster::new(asked.window_secs));
            muster.asked(asked.before, now);
        }
        Ok(outcomes)
    }

    fn probe(&mut self) -> Result<(), Unavailable> {
        let now = self.now().map_err(|stopped| stopped.unavailable())?;
        let mut write = || {
            let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            store::host::probe(&tx, now)?;
            Ok::<_, Failure>(tx.commit()?)
        };
        write().map_err(|failure| Unavailable::from(&failure))
    }

    /// After a failure the database tells what became of the last batch: its commit may have succeeded all the same.
    fn recover(&mut self) -> Result<(), Failure> {
        let tx = self.db.transaction()?;
        let (head, newest_entry) = store::ledger::head(&tx, self.memory.site.host)?;
        if head != self.head {
            self.memory = Memory::new(&tx, Site::load(&tx)?)?;
            (self.head, self.newest_entry) = (head, newest_entry);
        }
        Ok(tx.commit()?)
    }

    /// The time, where it is one to sign with.
    fn now(&self) -> Result<Timestamp, Stopped> {
        let now = self.env.now();
        let is_behind = self.newest_entry.is_some_and(|newest| now.plus(BEHIND_SECS_MAX) < newest);
        if is_behind { Err(Stopped::ClockBehind) } else { Ok(now) }
    }

    /// The counts as they stand, for whoever looks at them.
    fn counts(&mut self) -> Result<Vec<Counted>, Unavailable> {
        let now = self.env.now();
        let mut look = || {
            let tx = self.db.transaction()?;
            self.memory.refresh(&tx)?;
            Ok::<_, Failure>(tx.commit()?)
        };
        look().map_err(|failure| Unavailable::from(&failure))?;
        let counts = self.memory.musters.iter_mut();
        Ok(counts.map(|(scope, muster)| Counted { scope: *scope, count: muster.count(now) }).collect())
    }

    /// Logs where the work begins to fail and where it works again. A damaged row fails its own client alone.
    fn log_change(&mut self, stopped: Option<&Stopped>) {
        match stopped {
            Some(Stopped::Failure(damaged @ Failure::Damaged { .. })) => {
                let damaged = damaged.to_string();
                if self.damaged.as_ref() != Some(&damaged) {
                    tracing::error!(reason = damaged, "cannot answer the requests that need this row");
                    self.damaged = Some(damaged);
                }
                return;
            }
            Some(stopped) if !self.failing => {
                tracing::error!(reason = %stopped, "cannot grant: clients are told to come back")
            }
            None if self.failing => tracing::info!("granting again"),
            _ => {}
        }
        self.failing = stopped.is_some();
    }
}

impl Memory {
    fn new(tx: &Transaction<'_>, site: Site) -> Result<Memory, Failure> {
        let musters = count_clients(tx, &site)?;
        Ok(Memory { musters, newest_release: store::release::newest(tx)?, data_version: data_version(tx)?, site })
    }

    /// Takes over what others have changed. A batch calls this in its own transaction, which keeps everybody else from
    /// writing: so nobody is counted by what was so before a release.
    fn refresh(&mut self, tx: &Transaction<'_>) -> Result<(), Failure> {
        let version = data_version(tx)?;
        if version == self.data_version {
            return Ok(());
        }
        let site = Site::load(tx)?;
        let windows = |site: &Site| -> Vec<_> {
            let publishers = site.publishers.iter();
            publishers.map(|held| (held.number, held.catalogue.version, held.catalogue.policy.window_secs)).collect()
        };
        if windows(&site) == windows(&self.site) {
            self.site = site;
            self.take_releases(tx)?;
        } else {
            (self.musters, self.newest_release) = (count_clients(tx, &site)?, store::release::newest(tx)?);
            self.site = site;
        }
        self.data_version = version;
        tracing::info!("read keys, packs, entitlements and settings again, as something was changed");
        Ok(())
    }

    /// Counts whom an administrator has released no more, and whom he has kept again.
    fn take_releases(&mut self, tx: &Transaction<'_>) -> Result<(), Failure> {
        let entries = store::release::after(tx, self.newest_release)?;
        for together in
            entries.chunk_by(|one, other| (one.client, one.act, one.at) == (other.client, other.act, other.at))
        {
            let mut times: BTreeMap<Scope, Timestamp> = BTreeMap::new();
            for entry in together {
                let scope = (entry.publisher, self.family(entry.publisher, entry.edition));
                let newest = times.entry(scope).or_insert(entry.asked_at);
                *newest = entry.asked_at.max(*newest);
            }
            for (scope, asked_at) in times {
                let first = together.first().expect("no group is empty");
                let before = self.counted_otherwise(tx, scope, together)?;
                let Some(muster) = self.musters.get_mut(&scope) else { continue };
                match first.act {
                    Act::Released => muster.forget(asked_at),
                    Act::Kept => muster.asked(before, asked_at),
                }
            }
            self.newest_release = together.last().map_or(self.newest_release, |entry| entry.sequence);
        }
        Ok(())
    }

    /// When the client of some entries last asked in a family for editions of which they do not tell.
    fn counted_otherwise(
        &self,
        tx: &Transaction<'_>,
        scope: Scope,
        entries: &[store::release::Entry],
    ) -> Result<Option<Timestamp>, Failure> {
        let Some(entry) = entries.first() else { return Ok(None) };
        let rows = store::client::of_id(tx, entry.publisher, entry.client)?;
        let is_other = |row: &&store::client::Client| {
            row.released_at.is_none()
                && self.family(entry.publisher, row.edition) == scope.1
                && !entries.iter().any(|entry| entry.edition == row.edition)
        };
        Ok(rows.iter().filter(is_other).map(|row| row.last_asked).max())
    }

    fn family(&self, publisher: i64, edition: u16) -> u16 {
        let held = self.site.publishers.iter().find(|held| held.number == publisher);
        let group = held.and_then(|held| held.catalogue.group_of(held.catalogue.edition(edition)?));
        group.map_or(0, |group| group.family)
    }
}

/// Why a batch was not committed.
#[derive(Debug)]
enum Stopped {
    Failure(Failure),
    ClockBehind,
}

impl Stopped {
    fn unavailable(&self) -> Unavailable {
        match self {
            Stopped::Failure(failure) => Unavailable::from(failure),
            Stopped::ClockBehind => Unavailable::ClockBehind,
        }
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Stopped {
        Stopped::Failure(failure)
    }
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stopped::Failure(failure) => failure.fmt(f),
            Stopped::ClockBehind => f.write_str("the clock lies behind the newest entry of the ledger; set the clock"),
        }
    }
}

fn data_version(db: &Connection) -> Result<i64, Failure> {
    let mut statement = db.prepare_cached("PRAGMA data_version")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}
