//! What a batch writes of many clients, kept back and written by one statement for each table: on the way to a server, each
//! statement is a journey.
//!
//! Whoever reads one of these tables within the batch has it written first ([`Together::write`]). The statements are
//! PostgreSQL's own; on a file each row is written when it is there.

use std::collections::{BTreeSet, HashMap, HashSet};

use keymuster_core::id::{ClientId, to_hex};
use keymuster_core::ledger::Head;
use keymuster_core::request::ClientRequest;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Transaction, params};
use serde_json::{Value, json};

use super::client::{self, Client};
use super::ledger::Entry;
use super::{integer, seconds, to_base64};

/// A client of a publisher.
pub type Of = (i64, ClientId);

const ENTRIES: &str = "INSERT INTO ledger (sequence, epoch, recorded_at, kind, payload, head) \
     SELECT sequence, epoch, recorded_at, kind, payload, head FROM json_to_recordset(?1::json) AS r \
     (sequence BIGINT, epoch BIGINT, recorded_at BIGINT, kind TEXT, payload TEXT, head TEXT)";
const CLIENTS: &str = "INSERT INTO client (number, publisher, client_id, edition, client_key, counter, request_id, \
     answered_by, last_asked, lease_sequence, lease_expires, detail_digest, released_at) \
     SELECT (SELECT coalesce(max(number), 0) FROM client) + row_number() OVER (), publisher, client_id, edition, \
     client_key, counter, request_id, answered_by, last_asked, lease_sequence, lease_expires, detail_digest, released_at \
     FROM json_to_recordset(?1::json) AS r (publisher BIGINT, client_id TEXT, edition BIGINT, client_key TEXT, \
     counter BIGINT, request_id TEXT, answered_by BIGINT, last_asked BIGINT, lease_sequence BIGINT, \
     lease_expires BIGINT, detail_digest BIGINT, released_at BIGINT)";
// The number is looked up row by row: a join with rows of which PostgreSQL knows no statistics reads the whole table.
const DETAILS: &str = "INSERT INTO client_detail (number, publisher, first_asked, changed_at, address, name, system, \
     product_version, name_lower) \
     SELECT (SELECT c.number FROM client c WHERE c.publisher = r.publisher AND c.client_id = r.client_id \
     AND c.edition = r.edition), publisher, at, at, address, name, system, product_version, name_lower \
     FROM json_to_recordset(?1::json) AS r (publisher BIGINT, client_id TEXT, edition BIGINT, at BIGINT, address TEXT, \
     name TEXT, system TEXT, product_version TEXT, name_lower TEXT)";

/// Rows that wait, and clients that were read ahead.
#[derive(Debug, Default)]
pub struct Together {
    entries: Vec<Value>,
    clients: Vec<Value>,
    details: Vec<Value>,
    /// Clients of whom a row waits: none of them twice.
    written: HashSet<Of>,
    read: HashMap<Of, Vec<Client>>,
}

impl Together {
    /// Reads everything that is known of these clients, all at once.
    pub fn read(tx: &Transaction<'_>, asked: impl Iterator<Item = Of>) -> Result<Together, Failure> {
        let mut read: HashMap<Of, Vec<Client>> = asked.map(|of| (of, Vec::new())).collect();
        if !read.is_empty() {
            let ids = read.keys().map(|(_, id)| id.to_string()).collect::<Vec<_>>().join(",");
            // The index begins with the publisher: by ids alone the whole table would be read.
            let publishers: BTreeSet<String> = read.keys().map(|(publisher, _)| publisher.to_string()).collect();
            let sql = format!(
                "SELECT {}, publisher, client_id FROM client WHERE publisher IN ({}) \
                 AND client_id = ANY(string_to_array(?1, ',')) ORDER BY edition",
                client::COLUMNS,
                publishers.into_iter().collect::<Vec<_>>().join(", ")
            );
            client::read_many(tx, &sql, ids, |of, row| {
                if let Some(rows) = read.get_mut(&of) {
                    rows.push(row);
                }
            })?;
        }
        Ok(Together { read, ..Together::default() })
    }

    /// What is known of a client, unless that has changed since it was read.
    pub fn take(&mut self, of: Of) -> Option<Vec<Client>> {
        self.read.remove(&of)
    }

    /// Whether a row of a client waits to be written.
    pub fn has(&self, of: Of) -> bool {
        self.written.contains(&of)
    }

    /// Keeps an entry of the ledger back, which follows `before`; returns the new head.
    pub fn append(&mut self, before: &Head, epoch: u64, entry: &Entry, now: Timestamp) -> Head {
        let next = before.after(&entry.payload);
        self.entries.push(json!({
            "sequence": integer(next.sequence),
            "epoch": integer(epoch),
            "recorded_at": seconds(now),
            "kind": entry.kind.as_str(),
            "payload": to_base64(&entry.payload),
            "head": to_hex(&next.hash),
        }));
        next
    }

    /// Keeps a client's row back.
    pub fn put(&mut self, (publisher, id): Of, client: &Client) {
        self.written.insert((publisher, id));
        self.clients.push(json!({
            "publisher": publisher,
            "client_id": id.to_string(),
            "edition": client.edition,
            "client_key": to_hex(&client.client_key),
            "counter": client.last.counter.cast_signed(),
            "request_id": client.last.request.to_string(),
            "answered_by": client.last.answered_by.map(integer),
            "last_asked": seconds(client.last_asked),
            "lease_sequence": client.lease.map(|lease| integer(lease.sequence)),
            "lease_expires": client.lease.map_or(0, |lease| seconds(lease.expires)),
            "detail_digest": client.detail_digest,
            "released_at": client.released_at.map(seconds),
        }));
    }

    /// Keeps a client's description back.
    pub fn put_detail(&mut self, publisher: i64, request: &ClientRequest, address: &str, now: Timestamp) {
        let name = request.name.as_ref().map(|name| name.as_str());
        self.details.push(json!({
            "publisher": publisher,
            "client_id": request.client.to_string(),
            "edition": request.edition,
            "at": seconds(now),
            "address": address,
            "name": name,
            "system": request.system.as_ref().map(|system| system.as_str()),
            "product_version": request.product_version.as_ref().map(|version| version.as_str()),
            "name_lower": name.unwrap_or_default().to_ascii_lowercase(),
        }));
    }

    /// Writes what waits.
    pub fn write(&mut self, tx: &Transaction<'_>) -> Result<(), Failure> {
        self.written.clear();
        let clients = format!("{CLIENTS} {}", client::ON_CONFLICT);
        let details = format!("{DETAILS} {}", client::ON_DETAIL_CONFLICT);
        for (sql, rows) in [
            (ENTRIES, std::mem::take(&mut self.entries)),
            (&clients, std::mem::take(&mut self.clients)),
            (&details, std::mem::take(&mut self.details)),
        ] {
            if !rows.is_empty() {
                tx.prepare_cached(sql)?.execute(params![Value::Array(rows).to_string()])?;
            }
        }
        Ok(())
    }
}
