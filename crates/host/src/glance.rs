//! What the overview needs of all clients together, without reading a million rows for each look.
//!
//! Counts come from the writer, who keeps them exactly. Everything else is a snapshot that is taken while somebody looks,
//! says of when it is, and costs at most a twentieth of one processor however large the ledger; nobody looks, nothing runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::Env;
use keymuster_service::database::{Failure, Pool};
use keymuster_service::sql::Transaction;
use tokio::sync::watch;

use crate::engine::{Counted, Counting, Engine, Unavailable};
use crate::forecast::Outlook;
use crate::site::Site;
use crate::store;
use crate::views::clients::{Kept, State, Terms};

/// Days for which due renewals are foretold.
pub const RENEWAL_DAYS: usize = 14;
/// Days for which leases that run out are foretold.
pub const END_DAYS: usize = 30;

/// A snapshot is not taken anew before it is so old.
const FRESH: Duration = Duration::from_secs(1);
/// The share of the time that taking snapshots may use: one part in so many.
const SHARE: u32 = 20;
/// A page waits so long for a snapshot and then does without.
const PATIENCE: Duration = Duration::from_millis(60);
/// What is older than this in seconds is not shown any more.
const SHOWN_SECS: u64 = 600;

/// Looks at all clients together; clones share it.
#[derive(Clone, Debug)]
pub struct Glance {
    engine: Engine,
    pool: Pool,
    env: Env,
    shared: Arc<Mutex<Shared>>,
    newest: watch::Sender<Option<Arc<Snapshot>>>,
}

#[derive(Debug, Default)]
struct Shared {
    is_running: bool,
    /// Before this, no snapshot is taken.
    not_before: Option<Instant>,
}

/// All clients at one moment.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Snapshot {
    /// The moment.
    pub at: Timestamp,
    /// The outlook of each family, by the publisher's number and its own.
    pub outlooks: BTreeMap<(i64, u16), Outlook>,
    /// Clients in each state, by the publisher's number and the edition's, in the order of [`State::ALL`].
    pub states: BTreeMap<(i64, u16), [u64; 7]>,
    /// Renewals that are due on each of the next days, the first of which begins now.
    pub renewals: [u64; RENEWAL_DAYS],
    /// Leases for volume that run out on each of the next days, unless they are renewed.
    pub ends: [u64; END_DAYS],
}

/// What is known now.
#[derive(Clone, Debug)]
pub struct Look {
    /// The counts of this moment.
    pub counts: Vec<Counted>,
    /// The newest snapshot; none yet where the ledger is large and nobody has looked for a while.
    pub snapshot: Option<Arc<Snapshot>>,
}

impl Glance {
    /// A glance at the clients of a host.
    pub fn new(engine: Engine, pool: Pool, env: Env) -> Glance {
        Glance { engine, pool, env, shared: Arc::default(), newest: watch::Sender::new(None) }
    }

    /// What is known now; has a new snapshot taken where it is time for one.
    pub async fn look(&self) -> Result<Look, Unavailable> {
        let counts = self.engine.counts().await?;
        let mut newest = self.newest.subscribe();
        newest.mark_unchanged();
        if self.begin() {
            let glance = self.clone();
            tokio::spawn(async move { glance.take().await });
            // A small ledger is read by then, and what is shown is of now.
            let _ = tokio::time::timeout(PATIENCE, newest.changed()).await;
        }
        let oldest = self.env.now().minus(SHOWN_SECS);
        let snapshot = self.newest.borrow().clone().filter(|snapshot| snapshot.at >= oldest);
        Ok(Look { counts, snapshot })
    }

    /// Whether a snapshot is to be taken now, and by whoever asks.
    fn begin(&self) -> bool {
        let mut shared = self.shared();
        let is_time = shared.not_before.is_none_or(|not_before| Instant::now() >= not_before);
        let begins = is_time && !shared.is_running;
        shared.is_running |= begins;
        begins
    }

    async fn take(&self) {
        let (begin, now) = (Instant::now(), self.env.now());
        let taken = self.pool.read(move |tx| Snapshot::take(tx, now)).await;
        match taken {
            Ok(snapshot) => {
                self.newest.send_replace(Some(Arc::new(snapshot)));
            }
            Err(error) => {
                let error: Failure = error;
                tracing::error!(%error, "cannot look at all clients together");
            }
        }
        let mut shared = self.shared();
        shared.is_running = false;
        shared.not_before = Some(Instant::now() + FRESH.max(begin.elapsed() * SHARE));
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        // Nothing can be half done in it.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshot {
    /// Reads all clients once.
    pub fn take(tx: &Transaction<'_>, now: Timestamp) -> Result<Snapshot, Failure> {
        let site = Site::load(tx)?;
        let terms = Terms::of(&site);
        let mut snapshot = Snapshot { at: now, ..Snapshot::default() };
        let mut counting = Counting::new(&site);
        store::client::each(tx, |seen| {
            counting.see(&seen);
            let kept = Kept {
                last_asked: seen.last_asked,
                lease_expires: seen.lease_expires,
                is_released: seen.is_released,
                is_answered: seen.is_answered,
            };
            let terms = terms.get(&(seen.publisher, seen.edition)).copied().unwrap_or_default();
            snapshot.see((seen.publisher, seen.edition), kept, terms);
        })?;
        let mut counts = counting.finish();
        for held in &site.publishers {
            for family in &held.catalogue.families {
                let scope = (held.number, family.number);
                snapshot.outlooks.insert(scope, Outlook::of(held, family, counts.get_mut(&scope), now));
            }
        }
        Ok(snapshot)
    }

    fn see(&mut self, edition: (i64, u16), kept: Kept, terms: Terms) {
        let state = State::of(kept, terms, self.at);
        let place = State::ALL.iter().position(|one| *one == state).unwrap_or_default();
        self.states.entry(edition).or_default()[place] += 1;
        let holds = matches!(state, State::Licensed | State::Overdue | State::Ending);
        let Some(end) = kept.lease_expires.filter(|_| holds && terms.is_volume) else { return };
        let renewal = kept.last_asked.plus(terms.renew_secs).min(end);
        add(&mut self.renewals, self.at, renewal);
        add(&mut self.ends, self.at, end);
    }

    /// Clients in a state, of all editions together.
    pub fn in_state(&self, state: State) -> u64 {
        let place = State::ALL.iter().position(|one| *one == state).unwrap_or_default();
        self.states.values().map(|states| states[place]).sum()
    }

    /// All clients and editions that the ledger knows.
    pub fn total(&self) -> u64 {
        self.states.values().flatten().sum()
    }
}

/// Adds one to the day on which a moment lies, if it is among them.
fn add(days: &mut [u64], now: Timestamp, moment: Timestamp) {
    let day = usize::try_from(moment.secs_since(now) / DAY).unwrap_or(usize::MAX);
    if moment >= now
        && let Some(day) = days.get_mut(day)
    {
        *day += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewals_and_ends_fall_on_their_days() {
        let now = Timestamp::from_secs(1_800_000_000);
        let mut snapshot = Snapshot { at: now, ..Snapshot::default() };
        let volume = Terms { is_volume: true, renew_secs: 7 * DAY };
        let seat = Terms { is_volume: false, renew_secs: 7 * DAY };
        let kept = |asked_ago, ends_in: Option<u64>| Kept {
            last_asked: now.minus(asked_ago),
            lease_expires: ends_in.map(|secs| now.plus(secs)),
            is_released: false,
            is_answered: true,
        };
        for (asked_ago, ends_in, terms) in [
            (0, Some(180 * DAY), volume),           // Renews on the eighth day from now.
            (7 * DAY - 1, Some(100 * DAY), volume), // Within the next seconds.
            (7 * DAY + 1, Some(31 * DAY), volume),  // Was due a second ago.
            (0, Some(2 * DAY), volume),             // Ends before its renewal would be due.
            (0, Some(0), volume),
            (0, None, volume),
            (0, Some(3600), seat),
        ] {
            snapshot.see((1, 1), kept(asked_ago, ends_in), terms);
        }
        let days = |days: &[u64]| -> Vec<(usize, u64)> {
            days.iter().copied().enumerate().filter(|(_, clients)| *clients > 0).collect()
        };
        assert_eq!(days(&snapshot.renewals), [(0, 1), (2, 1), (7, 1)]);
        assert_eq!(days(&snapshot.ends), [(2, 1)]);
        assert_eq!(snapshot.total(), 7);
        let states =
            [State::Licensed, State::Ending, State::Ended, State::Returned].map(|state| snapshot.in_state(state));
        assert_eq!(states, [4, 1, 1, 1]);
    }
}
