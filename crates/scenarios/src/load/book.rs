//! What clients were told, written down while a load test goes on, and compared with the ledger at its end.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::ControlFlow;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keymuster_core::bundle::Bundle;
use keymuster_core::document::{Signed, payload};
use keymuster_core::id::to_hex;
use keymuster_core::lease::Lease;
use keymuster_core::ledger::Head;
use keymuster_core::signature::PublicKey;
use keymuster_core::time::{DAY, Timestamp};
use keymuster_host::store;
use keymuster_service::sql::Connection;

use super::crowd::{Event, Granted};

/// Unexpected answers that are kept.
const UNEXPECTED_MAX: usize = 10;
/// In which clients count, by the fixture's policy.
const WINDOW_SECS: u64 = 30 * DAY;

/// What clients were told.
#[derive(Debug)]
pub struct Book {
    begin: Instant,
    host_key: PublicKey,
    /// A digest of the payload of each lease that was handed out, by its place in the ledger.
    leases: HashMap<u64, u64>,
    /// One for each lease.
    pub granted: Vec<Took>,
    /// How often a server said that it was busy.
    pub busy: u64,
    /// How often a server did not answer.
    pub unanswered: u64,
    /// Machines that have no lease in the end.
    pub gave_up: u64,
    /// The first answers that nobody expects.
    pub unexpected: Vec<String>,
}

/// How long a machine waited.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    /// When the answer came, in seconds since the beginning.
    pub at_secs: f32,
    /// From the moment at which the attempt was due that was answered.
    pub answer_millis: f32,
    /// From the moment at which it wanted a lease.
    pub lease_secs: f32,
}

/// What the ledger has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Checked {
    /// Entries, whose running hashes were all recomputed.
    pub entries: u64,
    /// Leases that clients hold and the ledger lacks, or has otherwise.
    pub lost: u64,
    /// Clients, whether or not they count.
    pub clients: u64,
    /// Clients that asked within the window, counted by SQL.
    pub in_window: u64,
}

impl Book {
    /// An empty one.
    pub fn new(host_key: PublicKey, begin: Instant) -> Book {
        let (leases, granted, unexpected) = (HashMap::new(), Vec::new(), Vec::new());
        Book { begin, host_key, leases, granted, busy: 0, unanswered: 0, gave_up: 0, unexpected }
    }

    /// Writes down everything until all who send are gone, in a thread that takes what time the others leave.
    pub fn keep(mut self, events: Receiver<Event>) -> JoinHandle<anyhow::Result<Book>> {
        std::thread::spawn(move || {
            // On Linux a thread is nice for itself alone. Where it may not, the book competes with the load.
            let _ = rustix::process::nice(19);
            for event in events {
                self.note(event)?;
            }
            Ok(self)
        })
    }

    fn note(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Granted(granted) => self.note_lease(&granted)?,
            Event::Busy => self.busy += 1,
            Event::Unanswered => self.unanswered += 1,
            Event::GaveUp => self.gave_up += 1,
            Event::Unexpected(text) if self.unexpected.len() < UNEXPECTED_MAX => self.unexpected.push(text),
            Event::Unexpected(_) => {}
        }
        Ok(())
    }

    fn note_lease(&mut self, granted: &Granted) -> anyhow::Result<()> {
        let lease = lease(&granted.body, &self.host_key)?;
        let before = self.leases.insert(lease.position.sequence, digest(&payload(&*lease)?));
        ensure!(before.is_none(), "two leases have the place {}", lease.position.sequence);
        self.granted.push(Took {
            at_secs: granted.at.duration_since(self.begin).as_secs_f32(),
            answer_millis: granted.at.duration_since(granted.due).as_secs_f32() * 1000.0,
            lease_secs: granted.at.duration_since(granted.first_due).as_secs_f32(),
        });
        Ok(())
    }

    /// Reads the ledger, which must be sound, and looks for every lease.
    pub fn check(&self, db: &mut Connection, now: Timestamp) -> anyhow::Result<Checked> {
        let tx = db.transaction()?;
        let host = store::host::load(&tx)?.context("the database knows no host")?;
        let (mut head, mut found) = (Head::empty(host.id), 0);
        tx.each_row("SELECT sequence, payload, head FROM ledger ORDER BY sequence", [], |row| {
            let (sequence, text, stored): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let payload = STANDARD.decode(text)?;
            head = head.after(&payload);
            let is_next = i64::try_from(head.sequence)? == sequence && to_hex(&head.hash) == stored;
            ensure!(is_next, "entry {sequence} does not follow from those before it");
            found += u64::from(self.leases.get(&head.sequence) == Some(&digest(&payload)));
            anyhow::Ok(ControlFlow::Continue(()))
        })?;
        let number = |sql: &str, since: u64| -> anyhow::Result<u64> {
            let number: i64 = tx.query_row(sql, [i64::try_from(since)?], |row| row.get(0))?;
            Ok(number.unsigned_abs())
        };
        let clients = "SELECT COUNT(*) FROM (SELECT DISTINCT client_id FROM client WHERE last_asked >= ?1) AS seen";
        Ok(Checked {
            entries: head.sequence,
            lost: self.leases.len() as u64 - found,
            clients: number(clients, 0)?,
            in_window: number(clients, now.minus(WINDOW_SECS).as_secs())?,
        })
    }
}

/// The lease of an answer, with the host's signature checked.
pub fn lease(body: &[u8], host_key: &PublicKey) -> anyhow::Result<Signed<Lease>> {
    let lease = Bundle::parse(body)?.lease.context("an answer without a lease")?;
    Ok(Signed::<Lease>::verify(&lease, host_key)?)
}

fn digest(payload: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    payload.hash(&mut hasher);
    hasher.finish()
}
