//! The clients: what each row says was answered and is held is what the ledger says, for this client and no other, and nobody
//! who holds a lease is forgotten.

use std::collections::HashMap;
use std::ops::ControlFlow;

use keymuster_core::document::{Signed, from_payload, sign_payload};
use keymuster_core::id::{ClientId, Slug, to_hex};
use keymuster_core::lease::Lease;
use keymuster_core::request::ClientRequest;
use keymuster_core::time::Timestamp;
use keymuster_service::sql::{Row, Transaction};

use super::{Held, Stopped, Wrong};
use crate::site::Site;
use crate::store::ledger::{self, Kind};
use crate::store::{number, parsed};

/// After how many clients somebody is told.
const TELL_EVERY: u64 = 10_000;

/// The newest lease of everybody who has not released it, by the entries that were read.
pub(super) struct Holders<'a> {
    site: &'a Site,
    /// Its sequence and end, by the publisher's number, the client and the edition.
    leases: HashMap<(i64, ClientId, u16), (u64, Timestamp)>,
}

impl<'a> Holders<'a> {
    pub(super) fn new(site: &'a Site) -> Holders<'a> {
        Holders { site, leases: HashMap::new() }
    }

    pub(super) fn granted(&mut self, lease: &Lease) {
        let Some(publisher) = self.site.publisher(&lease.publisher) else { return };
        let held = (lease.position.sequence, lease.expires);
        self.leases.insert((publisher.number, lease.client, lease.edition), held);
    }

    pub(super) fn released(&mut self, release: &ClientRequest) {
        let Some(publisher) = self.site.publisher(&release.publisher) else { return };
        self.leases.remove(&(publisher.number, release.client, release.edition));
    }

    /// Compares a row with what its client holds by the ledger.
    fn take(&mut self, told: &Told, now: Timestamp) -> Result<(), Stopped> {
        let newest = self.leases.remove(&(told.number, told.client, told.edition));
        match (told.lease, newest) {
            (Some(lease), Some((newest, _))) if lease != newest => {
                Err(told.wrong(newest, format!("its row says that it holds the lease of entry {lease}, an older one")))
            }
            (Some(lease), None) if told.publisher.is_some() => {
                Err(told.wrong(lease, "its row says that it holds this lease, and it has released it"))
            }
            // Of a client that was forgotten, and came back to be refused, the ledger may remember what has ended.
            (None, Some((newest, expires))) if expires > now => {
                Err(told.wrong(newest, "it holds this lease, and its row does not say so"))
            }
            _ => Ok(()),
        }
    }

    /// Nobody is left whose lease has not ended.
    fn finish(self, now: Timestamp) -> Result<(), Stopped> {
        let forgotten = self.leases.into_iter().filter(|(_, (_, expires))| *expires > now);
        // The oldest one, so that the same database is always refuted in the same words.
        match forgotten.min_by_key(|(_, (sequence, _))| *sequence) {
            None => Ok(()),
            Some(((_, client, _), (sequence, _))) => {
                Err(Wrong::client(client, Some(sequence), "it holds this lease, and no row says so: it is not counted"))
            }
        }
    }
}

/// What a client's row says.
struct Told {
    number: i64,
    publisher: Option<Slug>,
    client: ClientId,
    edition: u16,
    client_key: String,
    request: String,
    answered_by: Option<u64>,
    lease: Option<u64>,
    expires: u64,
}

/// Compares every row, and signs every lease that is held as it was signed; returns how many rows there are, and how many
/// signatures were verified.
pub(super) fn prove(
    tx: &Transaction<'_>,
    held: &Held<'_>,
    mut holders: Holders<'_>,
    tell: &mut dyn FnMut(&str, u64, u64),
) -> Result<(u64, Option<u64>), Stopped> {
    let all = number(tx.query_row("SELECT count(*) FROM client", [], |row| row.get(0))?);
    let (mut clients, mut signatures) = (0_u64, 0_u64);
    let sql = "SELECT publisher, client_id, edition, client_key, request_id, answered_by, lease_sequence, lease_expires \
               FROM client ORDER BY number";
    tx.each_row(sql, [], |row| {
        let told = read(row, holders.site)?;
        if let Some(sequence) = told.answered_by {
            told.answered(&entry(tx, &told, sequence)?, sequence)?;
        }
        if let Some(sequence) = told.lease {
            let entry = entry(tx, &told, sequence)?;
            told.holds(&entry, sequence)?;
            if let Some(key) = held.key {
                let bytes = sign_payload::<Lease>(&entry.payload, key);
                Signed::<Lease>::verify(&bytes, &key.public())
                    .map_err(|error| told.wrong(sequence, format!("its lease cannot be signed anew: {error}")))?;
                signatures += 1;
            }
        }
        holders.take(&told, held.now)?;
        clients += 1;
        if clients.is_multiple_of(TELL_EVERY) {
            tell("clients", clients, all);
        }
        Ok::<_, Stopped>(ControlFlow::Continue(()))
    })?;
    holders.finish(held.now)?;
    Ok((clients, held.key.map(|_| signatures)))
}

fn read(row: &Row<'_>, site: &Site) -> Result<Told, Stopped> {
    let (number_of_publisher, id): (i64, String) = (row.get(0)?, row.get(1)?);
    let publisher = site.numbered(number_of_publisher).map(|held| held.trust.publisher.clone());
    Ok(Told {
        number: number_of_publisher,
        publisher,
        client: parsed(&id, "client", "client_id", &id)?,
        edition: row.get(2)?,
        client_key: row.get(3)?,
        request: row.get(4)?,
        answered_by: row.get::<_, Option<i64>>(5)?.map(number),
        lease: row.get::<_, Option<i64>>(6)?.map(number),
        expires: row.get::<_, Option<i64>>(7)?.map_or(0, number),
    })
}

fn entry(tx: &Transaction<'_>, told: &Told, sequence: u64) -> Result<ledger::Entry, Stopped> {
    let found = ledger::entry(tx, sequence)?;
    found.ok_or_else(|| told.wrong(sequence, "its row names this entry, and the ledger does not have it"))
}

impl Told {
    fn wrong(&self, sequence: u64, why: impl Into<String>) -> Stopped {
        Wrong::client(self.client, Some(sequence), why)
    }

    fn is_of(&self, publisher: &Slug, client: ClientId, edition: u16, key: &[u8]) -> bool {
        let is_published = self.publisher.as_ref().is_none_or(|known| known == publisher);
        is_published && (client, edition) == (self.client, self.edition) && to_hex(key) == self.client_key
    }

    /// The entry that answered its last request.
    fn answered(&self, entry: &ledger::Entry, sequence: u64) -> Result<(), Stopped> {
        let unreadable = |error: keymuster_core::invalid::Invalid| self.wrong(sequence, error.to_string());
        let (is_its_own, request) = match entry.kind {
            Kind::Lease => {
                let Lease { publisher, client, edition, client_key, request, .. } =
                    from_payload(&entry.payload).map_err(unreadable)?;
                (self.is_of(&publisher, client, edition, client_key.as_bytes()), request)
            }
            Kind::Release => {
                let release = ClientRequest::verify(&entry.payload).map_err(unreadable)?;
                let ClientRequest { publisher, client, edition, client_key, request, .. } = &*release;
                (self.is_of(publisher, *client, *edition, client_key.as_bytes()), *request)
            }
        };
        if !is_its_own || request.to_string() != self.request {
            return Err(
                self.wrong(sequence, "its row says that this entry answered it, and the entry answers another request")
            );
        }
        Ok(())
    }

    /// The entry of the lease that it holds.
    fn holds(&self, entry: &ledger::Entry, sequence: u64) -> Result<(), Stopped> {
        if entry.kind != Kind::Lease {
            return Err(self.wrong(sequence, "its row says that it holds this lease, and the entry is a release"));
        }
        let lease: Lease = from_payload(&entry.payload).map_err(|error| self.wrong(sequence, error.to_string()))?;
        if !self.is_of(&lease.publisher, lease.client, lease.edition, lease.client_key.as_bytes()) {
            return Err(self.wrong(sequence, "its row says that it holds this lease, and the lease is another's"));
        }
        if lease.expires.as_secs() != self.expires {
            return Err(self.wrong(sequence, "its row has another end of its lease than the lease itself"));
        }
        Ok(())
    }
}
