//! The writer: takes what waits, decides it in one transaction, and answers once that is durable.

use std::collections::BTreeMap;
use std::time::Instant;

use keymuster_core::ledger::Head;
use keymuster_core::muster::Muster;
use keymuster_core::time::{MINUTE, Timestamp};
use keymuster_service::Env;
use keymuster_service::database::{self, Failure};
use keymuster_service::sql::{Connection, Transaction};
use keymuster_service::telemetry::TRACES;
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::mpsc;

use super::batch::{Batch, Counts, Scope};
use super::count::count_clients;
use super::neighbours::{Neighbours, News};
use super::{Ask, BATCHES_MAX, Counted, Message, Outcome, Unavailable};
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
    /// Where the database is one that other servers of this host write to as well.
    neighbours: Option<Neighbours>,
    head: Head,
    newest_entry: Option<Timestamp>,
    /// What the clients of the last batch were told where it failed, so that a lasting failure is logged once.
    failing: Option<Unavailable>,
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
        database::serve(&db)?;
        let db_is_shared = db.sqlite().is_none();
        let tx = db.transaction()?;
        let (head, newest_entry) = store::ledger::head(&tx, site.host)?;
        let memory = Memory::new(&tx, site)?;
        let neighbours = if db_is_shared { Some(Neighbours::look(&tx)?) } else { None };
        tx.commit()?;
        let (failing, damaged, decided, transactions) = (None, None, 0, 0);
        Ok(Writer { db, env, memory, neighbours, head, newest_entry, failing, damaged, decided, transactions, commits })
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(&mut self, mut queue: mpsc::Receiver<Message>) {
        let mut waiting = Vec::with_capacity(BATCHES_MAX);
        while queue.blocking_recv_many(&mut waiting, BATCHES_MAX) > 0 {
            let mut asks = Vec::new();
            for message in waiting.drain(..) {
                match message {
                    Message::Requests(checked) => asks.extend(checked),
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
                    ask.reply.send(Ok(outcome));
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
                    ask.reply.send(Err(stopped.unavailable().into()));
                }
            }
        }
    }

    /// Decides all of them in one transaction. On failure nothing has happened, in the database or here.
    fn commit(&mut self, asks: &[Ask]) -> Result<Vec<Outcome>, Stopped> {
        let _span = tracing::info_span!(target: TRACES, "commit", requests = asks.len()).entered();
        if self.failing.is_some() && self.neighbours.is_none() {
            self.recover()?;
        }
        let (now, begin) = (self.now()?, Instant::now());
        let tx = self.db.writing().map_err(Failure::from)?;
        // From here on nobody else writes.
        if let Some(newest) = take_over(&mut self.memory, self.neighbours.as_mut(), &tx)? {
            (self.head, self.newest_entry) = newest;
        }
        let now = self.neighbours.map_or(Ok(now), |neighbours| in_order(now, neighbours.time()))?;
        let mut batch = Batch::new(&tx, &self.memory.site, self.head, &mut self.memory.musters, now);
        if self.neighbours.is_some() {
            batch.read_ahead(asks.iter().map(|ask| &ask.request))?;
        }
        let outcomes = asks.iter().map(|ask| batch.decide(&ask.request, ask.address)).collect::<Result<_, _>>()?;
        let changes = batch.finish()?;
        let told = self.neighbours.map(|neighbours| neighbours.next(&changes.asked, now));
        if let Some(told) = &told {
            store::batch::append(&tx, told)?;
        }
        tx.commit_unnoticed().map_err(Failure::from)?;
        if let (Some(neighbours), Some(told)) = (&mut self.neighbours, &told) {
            neighbours.include(told);
        }
        self.decided += asks.len() as u64;
        self.transactions += 1;
        self.commits.observe(begin.elapsed().as_secs_f64());
        if changes.head != self.head {
            self.newest_entry = Some(now);
        }
        self.head = changes.head;
        (self.memory.site.epoch, self.memory.site.returned) = (changes.epoch, changes.returned);
        for asked in changes.asked {
            let muster = self.memory.musters.entry(asked.scope).or_insert_with(|| Muster::new(asked.window_secs));
            muster.asked(asked.before, now);
        }
        Ok(outcomes)
    }

    fn probe(&mut self) -> Result<(), Unavailable> {
        let now = self.now().map_err(|stopped| stopped.unavailable())?;
        let mut write = || {
            let tx = self.db.writing()?;
            store::host::probe(&tx, now)?;
            Ok::<_, Failure>(tx.commit_unnoticed()?)
        };
        write().map_err(|failure| Unavailable::from(&failure))
    }

    /// After a failure the database tells what became of the last batch: its commit may have succeeded all the same.
    fn recover(&mut self) -> Result<(), Failure> {
        let tx = self.db.transaction()?;
        let (head, newest_entry) = store::ledger::head(&tx, self.memory.site.host)?;
        let site = Site::load(&tx)?;
        // A new epoch may have begun with a request that was refused.
        if head != self.head || site.epoch != self.memory.site.epoch {
            self.memory = Memory::new(&tx, site)?;
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
            if let Some(newest) = take_over(&mut self.memory, self.neighbours.as_mut(), &tx)? {
                (self.head, self.newest_entry) = newest;
            }
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
            Some(stopped) if self.failing != Some(stopped.unavailable()) => {
                tracing::error!(reason = %stopped, "cannot grant: clients are told to come back")
            }
            None if self.failing.is_some() => tracing::info!("granting again"),
            _ => {}
        }
        self.failing = stopped.map(Stopped::unavailable);
    }
}

impl Memory {
    fn new(tx: &Transaction<'_>, site: Site) -> Result<Memory, Failure> {
        let musters = count_clients(tx, &site)?;
        Ok(Memory { musters, newest_release: store::release::newest(tx)?, data_version: tx.data_version()?, site })
    }

    /// Takes over what others have changed. A batch calls this in its own transaction, which keeps everybody else from
    /// writing: so nobody is counted by what was so before a release.
    ///
    /// Returns whether everybody was counted anew.
    fn refresh(&mut self, tx: &Transaction<'_>) -> Result<bool, Failure> {
        let version = tx.data_version()?;
        if version == self.data_version {
            return Ok(false);
        }
        let site = Site::load(tx)?;
        let windows = |site: &Site| -> Vec<_> {
            let publishers = site.publishers.iter();
            publishers.map(|held| (held.number, held.catalogue.version, held.catalogue.policy.window_secs)).collect()
        };
        let is_same = windows(&site) == windows(&self.site);
        if is_same {
            self.site = site;
            self.take_releases(tx)?;
        } else {
            (self.musters, self.newest_release) = (count_clients(tx, &site)?, store::release::newest(tx)?);
            self.site = site;
        }
        self.data_version = version;
        tracing::info!("read keys, packs, entitlements and settings again, as something was changed");
        Ok(!is_same)
    }

    /// Counts whom other servers have counted.
    fn count(&mut self, batch: &store::batch::Batch) {
        for asked in &batch.asked {
            let scope = (asked.publisher, asked.family);
            // A publisher that is not known yet here is counted when it is.
            let Some(held) = self.site.numbered(asked.publisher) else { continue };
            let window_secs = held.catalogue.policy.window_secs;
            let muster = self.musters.entry(scope).or_insert_with(|| Muster::new(window_secs));
            muster.asked(asked.before, batch.at);
        }
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

/// Takes over what was changed, and what other servers have granted where there may be any. Returns the ledger's newest
/// place, where it is another one.
fn take_over(
    memory: &mut Memory,
    neighbours: Option<&mut Neighbours>,
    tx: &Transaction<'_>,
) -> Result<Option<(Head, Option<Timestamp>)>, Failure> {
    let Some(neighbours) = neighbours else {
        memory.refresh(tx)?;
        return Ok(None);
    };
    let news = neighbours.news(tx)?;
    let is_known = match &news {
        News::None => {
            memory.refresh(tx)?;
            return Ok(None);
        }
        // Releases stand in a row with the batches, which is not known afterwards.
        News::Batches(_) => store::release::newest(tx)? == memory.newest_release,
        News::Unknown => false,
    };
    match news {
        News::Batches(batches) if is_known => {
            let is_recounted = memory.refresh(tx)?;
            for batch in &batches {
                if !is_recounted {
                    memory.count(batch);
                }
                neighbours.include(batch);
            }
        }
        _ => {
            *memory = Memory::new(tx, Site::load(tx)?)?;
            *neighbours = Neighbours::look(tx)?;
        }
    }
    Ok(Some(store::ledger::head(tx, memory.site.host)?))
}

/// The time at which a batch is decided: never before that of the one before it, of whichever server.
fn in_order(now: Timestamp, newest: Timestamp) -> Result<Timestamp, Stopped> {
    if now.plus(BEHIND_SECS_MAX) < newest { Err(Stopped::ClockBehind) } else { Ok(now.max(newest)) }
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
