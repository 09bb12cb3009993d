//! The writer: takes what waits, decides it in one transaction, and answers once that is durable.

use std::collections::HashMap;

use keymuster_core::ledger::Head;
use keymuster_core::muster::Muster;
use keymuster_core::time::{MINUTE, Timestamp};
use keymuster_service::Env;
use keymuster_service::database::Failure;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::mpsc;

use super::batch::{Batch, Counts};
use super::{Ask, BATCH_MAX, Message, Outcome, Unavailable};
use crate::site::Site;
use crate::store;

/// How far the clock may lie behind the newest entry of the ledger, in seconds.
pub(crate) const BEHIND_SECS_MAX: u64 = 5 * MINUTE;

/// The one thread that writes grants, and what it knows without asking the database.
#[derive(Debug)]
pub(super) struct Writer {
    db: Connection,
    env: Env,
    site: Site,
    head: Head,
    newest_entry: Option<Timestamp>,
    musters: Counts,
    /// Changes when another program has written to the database: keys, packs and entitlements are then read again.
    data_version: i64,
    /// Whether the last batch failed, so that a lasting failure is logged once.
    failing: bool,
    /// The damaged row that was met last, so that a client that comes again fills no log.
    damaged: Option<String>,
    /// Requests that were decided, and the transactions it took.
    decided: u64,
    transactions: u64,
}

impl Writer {
    pub(super) fn new(mut db: Connection, site: Site, env: Env) -> Result<Writer, Failure> {
        let data_version = data_version(&db)?;
        let musters = count_clients(&db, &site)?;
        let tx = db.transaction()?;
        let (head, newest_entry) = store::ledger::head(&tx, site.host)?;
        tx.commit()?;
        Ok(Writer {
            db,
            env,
            site,
            head,
            newest_entry,
            musters,
            data_version,
            failing: false,
            damaged: None,
            decided: 0,
            transactions: 0,
        })
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
        self.refresh()?;
        if self.failing {
            self.recover()?;
        }
        let now = self.now()?;
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(Failure::from)?;
        let mut batch = Batch::new(&tx, &self.site, self.head, &mut self.musters, now);
        let outcomes = asks.iter().map(|ask| batch.decide(&ask.request, ask.address)).collect::<Result<_, _>>()?;
        let changes = batch.finish()?;
        tx.commit().map_err(Failure::from)?;
        self.decided += asks.len() as u64;
        self.transactions += 1;
        if changes.head != self.head {
            self.newest_entry = Some(now);
        }
        self.head = changes.head;
        for asked in changes.asked {
            self.musters.entry(asked.scope).or_insert_with(|| Muster::new(asked.window_secs)).asked(asked.before, now);
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
        let (head, newest_entry) = store::ledger::head(&tx, self.site.host)?;
        tx.commit()?;
        if head != self.head {
            self.musters = count_clients(&self.db, &self.site)?;
            (self.head, self.newest_entry) = (head, newest_entry);
        }
        Ok(())
    }

    /// The time, where it is one to sign with.
    fn now(&self) -> Result<Timestamp, Stopped> {
        let now = self.env.now();
        let is_behind = self.newest_entry.is_some_and(|newest| now.plus(BEHIND_SECS_MAX) < newest);
        if is_behind { Err(Stopped::ClockBehind) } else { Ok(now) }
    }

    /// Reads the site again where another program has changed it.
    fn refresh(&mut self) -> Result<(), Failure> {
        let version = data_version(&self.db)?;
        if version == self.data_version {
            return Ok(());
        }
        let tx = self.db.transaction()?;
        let site = Site::load(&tx)?;
        tx.commit()?;
        let windows = |site: &Site| -> Vec<_> {
            site.publishers
                .iter()
                .map(|held| (held.number, held.catalogue.version, held.catalogue.policy.window_secs))
                .collect()
        };
        if windows(&site) != windows(&self.site) {
            self.musters = count_clients(&self.db, &site)?;
        }
        self.site = site;
        self.data_version = version;
        tracing::info!("read keys, packs, entitlements and settings again, as something was changed");
        Ok(())
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

/// Counts, per publisher and family, the clients that asked within the window.
pub(crate) fn count_clients(db: &Connection, site: &Site) -> Result<Counts, Failure> {
    let mut families: HashMap<(i64, u16), (u16, u64)> = HashMap::new();
    for held in &site.publishers {
        for edition in &held.catalogue.editions {
            if let Some(group) = held.catalogue.group_of(edition) {
                families.insert((held.number, edition.number), (group.family, held.catalogue.policy.window_secs));
            }
        }
    }
    let mut musters = Counts::new();
    // The times of one client, by family: it counts once in each, at its newest time.
    let mut client: Vec<((i64, u16), Timestamp)> = Vec::new();
    store::client::each(db, |publisher, edition, asked, is_same| {
        if !is_same {
            client.clear();
        }
        let Some((family, window_secs)) = families.get(&(publisher, edition)) else { return };
        let scope = (publisher, *family);
        let muster = musters.entry(scope).or_insert_with(|| Muster::new(*window_secs));
        let before = client.iter().filter(|(of, _)| *of == scope).map(|(_, at)| *at).max();
        muster.asked(before, asked);
        client.push((scope, asked));
    })?;
    Ok(musters)
}

fn data_version(db: &Connection) -> Result<i64, Failure> {
    let mut statement = db.prepare_cached("PRAGMA data_version")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}
