//! A host's ledger, checked: no gap in its sequence, every running hash recomputed, every client's row on firm ground.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as STANDARD;
use keymuster_core::document::from_payload;
use keymuster_core::id::to_hex;
use keymuster_core::lease::Lease;
use keymuster_core::ledger::Head;
use keymuster_core::request::ClientRequest;
use keymuster_host::store::{self, ledger::Kind};
use keymuster_service::sql::{Connection, Transaction};

/// A ledger that was found sound.
#[derive(Debug)]
pub struct Ledger {
    /// In the order of their sequence, from 1.
    pub entries: Vec<Entry>,
}

/// One entry of a ledger, and what it answers.
#[derive(Debug)]
pub struct Entry {
    /// Whether something was granted or given back.
    pub kind: Kind,
    /// What is stored.
    pub payload: Vec<u8>,
    /// The lease, where it is one.
    pub lease: Option<Lease>,
    client: String,
    edition: u16,
    request: String,
}

impl Entry {
    fn new(kind: &str, payload: &[u8]) -> anyhow::Result<Entry> {
        let (kind, lease, client, edition, request) = match kind {
            "lease" => {
                let lease: Lease = from_payload(payload)?;
                let (client, edition, request) = (lease.client, lease.edition, lease.request);
                (Kind::Lease, Some(lease), client, edition, request)
            }
            "release" => {
                let release = ClientRequest::verify(payload)?;
                (Kind::Release, None, release.client, release.edition, release.request)
            }
            other => bail!("{other:?} is no kind of entry"),
        };
        Ok(Entry {
            kind,
            payload: payload.to_vec(),
            lease,
            client: client.to_string(),
            edition,
            request: request.to_string(),
        })
    }
}

impl Ledger {
    /// Reads and checks the ledger of a data directory.
    pub fn of(data_dir: &Path) -> anyhow::Result<Ledger> {
        Ledger::read(&mut store::open_read_only(data_dir)?)
    }

    /// Reads and checks the ledger in a database; an error is what is wrong with it.
    pub fn read(db: &mut Connection) -> anyhow::Result<Ledger> {
        let tx = db.transaction()?;
        let host = store::host::load(&tx)?.context("the database knows no host")?;
        let mut head = Head::empty(host.id);
        let mut entries = Vec::new();
        let sql = "SELECT sequence, head, kind, payload FROM ledger ORDER BY sequence";
        tx.each_row(sql, [], |row| {
            let (sequence, stored): (u32, String) = (row.get(0)?, row.get(1)?);
            let entry = Entry::new(&row.get::<_, String>(2)?, &STANDARD.decode(row.get::<_, String>(3)?)?)?;
            let place = entry.lease.as_ref().map(|lease| (lease.position.sequence, lease.position.head));
            if place.is_some_and(|place| place != (sequence.into(), head.short())) {
                bail!("lease {sequence} names another place of the ledger: {:?}", entry.lease);
            }
            head = head.after(&entry.payload);
            if (head.sequence, to_hex(&head.hash)) != (sequence.into(), stored) {
                bail!("entry {sequence} does not follow from the {} before it", entries.len());
            }
            entries.push(entry);
            Ok(ControlFlow::Continue(()))
        })?;
        let ledger = Ledger { entries };
        ledger.check_clients(&tx)?;
        Ok(ledger)
    }

    /// Every client's row names entries that are there and are its own.
    fn check_clients(&self, tx: &Transaction<'_>) -> anyhow::Result<()> {
        let entry = |sequence: u32| self.entries.get(usize::try_from(sequence).ok()?.checked_sub(1)?);
        let sql = "SELECT client_id, edition, request_id, answered_by, lease_sequence FROM client";
        let mut statement = tx.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (client, edition, request): (String, u16, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (answered_by, lease): (Option<u32>, Option<u32>) = (row.get(3)?, row.get(4)?);
            let is_own = |entry: &Entry| (&entry.client, entry.edition) == (&client, edition);
            let is_answer = |entry: &Entry| is_own(entry) && entry.request == request;
            ensure!(
                answered_by.is_none_or(|sequence| entry(sequence).is_some_and(is_answer)),
                "client {client}: {answered_by:?} does not answer its request {request}"
            );
            let is_lease = |entry: &Entry| entry.kind == Kind::Lease && is_own(entry);
            ensure!(
                lease.is_none_or(|sequence| entry(sequence).is_some_and(is_lease)),
                "client {client}: {lease:?} is no lease of its own"
            );
        }
        Ok(())
    }

    /// All leases, in the order in which they were granted.
    pub fn leases(&self) -> impl Iterator<Item = &Lease> {
        self.entries.iter().filter_map(|entry| entry.lease.as_ref())
    }

    /// The ids of all requests that were answered; none twice.
    pub fn requests(&self) -> anyhow::Result<BTreeSet<String>> {
        let requests: BTreeSet<String> = self.entries.iter().map(|entry| entry.request.clone()).collect();
        ensure!(requests.len() == self.entries.len(), "a request was answered by two entries");
        Ok(requests)
    }

    /// Whether a lease is at a place of the ledger.
    pub fn holds(&self, sequence: u64, payload: &[u8]) -> bool {
        let entry = usize::try_from(sequence).ok().and_then(|place| self.entries.get(place.checked_sub(1)?));
        entry.is_some_and(|entry| entry.kind == Kind::Lease && entry.payload == payload)
    }

    /// How many clients held a lease of an edition at one time, where none of them ends by itself.
    pub fn seats_held_max(&self, edition: u16) -> usize {
        let (mut held, mut most) = (BTreeSet::new(), 0);
        for entry in self.entries.iter().filter(|entry| entry.edition == edition) {
            match entry.kind {
                Kind::Lease => held.insert(&entry.client),
                Kind::Release => held.remove(&entry.client),
            };
            most = most.max(held.len());
        }
        most
    }

    /// How many entries there are.
    pub fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Whether nothing was ever granted.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
