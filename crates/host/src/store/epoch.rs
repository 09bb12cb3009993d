//! The epochs of the ledger: each begins where the host went back to an older copy (`docs/spec/ledger.md`, 3).

use keymuster_core::id::{ClientId, HostId};
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{OptionalExtension, Row, Transaction, params};

use super::{audit, integer, number, parsed, seconds, timestamp};

/// A return to an older copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Return {
    /// The epoch that began with it.
    pub epoch: u64,
    /// When.
    pub at: Timestamp,
    /// The newest entry of the copy.
    pub sequence: u64,
    /// When the copy was made, or the latest time at which it can have been: what was granted from then on is unknown here.
    pub made_at: Timestamp,
    /// How it is known.
    pub cause: Cause,
}

/// How a return is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// An administrator restored a backup.
    Backup,
    /// A client showed a lease of this host that is not in the ledger.
    Client {
        /// The client.
        client: ClientId,
        /// The place of the lease.
        shown: Place,
    },
    /// The mirror of the ledger's head names a place that is not in the ledger.
    Mirror {
        /// The place.
        shown: Place,
    },
}

/// An entry, by its epoch and sequence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The epoch.
    pub epoch: u64,
    /// The sequence.
    pub sequence: u64,
}

impl Cause {
    /// Its name in the database and for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Cause::Backup => "backup",
            Cause::Client { .. } => "client",
            Cause::Mirror { .. } => "mirror",
        }
    }

    /// The place that was shown.
    pub fn shown(&self) -> Option<Place> {
        match self {
            Cause::Backup => None,
            Cause::Client { shown, .. } | Cause::Mirror { shown } => Some(*shown),
        }
    }

    /// The client that showed it.
    pub fn client(&self) -> Option<ClientId> {
        match self {
            Cause::Client { client, .. } => Some(*client),
            Cause::Backup | Cause::Mirror { .. } => None,
        }
    }
}

/// Begins a new epoch behind the newest entry. It is one that no copy of this ledger ever had.
pub fn raise(tx: &Transaction<'_>, cause: Cause, made_at: Timestamp, now: Timestamp) -> Result<Return, Failure> {
    let row = tx.query_row("SELECT epoch, (SELECT coalesce(max(sequence), 0) FROM ledger) FROM host", [], |row| {
        Ok((number(row.get(0)?), number(row.get(1)?)))
    });
    let (before, sequence) = row?;
    let newest = cause.shown().map_or(before, |shown| before.max(shown.epoch));
    let epoch = now.as_secs().max(newest + 1);
    let begun = Return { epoch, at: now, sequence, made_at, cause };
    tx.execute("UPDATE host SET epoch = ?1", [integer(epoch)])?;
    let sql = "INSERT INTO epoch (epoch, begun_at, sequence, made_at, cause, shown_epoch, shown_sequence, client_id) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    tx.execute(
        sql,
        params![
            integer(epoch),
            seconds(now),
            integer(sequence),
            seconds(made_at),
            cause.name(),
            cause.shown().map(|shown| integer(shown.epoch)),
            cause.shown().map(|shown| integer(shown.sequence)),
            cause.client().map(|client| client.to_string()),
        ],
    )?;
    Ok(begun)
}

/// Begins a new epoch because something proves that the ledger was set back, with an entry in the audit.
pub fn raise_on_proof(
    tx: &Transaction<'_>,
    host: HostId,
    cause: Cause,
    made_at: Timestamp,
    now: Timestamp,
) -> Result<Return, Failure> {
    let begun = raise(tx, cause, made_at, now)?;
    let by = match cause {
        Cause::Client { client, .. } => format!("client {client} showed a lease"),
        Cause::Backup | Cause::Mirror { .. } => "the mirror of the head names an entry".to_owned(),
    };
    let shown = cause.shown().map_or_else(String::new, |shown| format!(" {} of epoch {}", shown.sequence, shown.epoch));
    let Return { sequence, epoch, .. } = begun;
    let detail = format!("{by}{shown}, which the ledger up to entry {sequence} does not have; epoch {epoch} begins");
    let subject = host.to_string();
    let act = audit::Act { actor: "this host", act: "ledger was set back", subject: &subject, detail: &detail };
    audit::record(tx, act, now)?;
    tracing::error!(code = "ledger-set-back", "the ledger was set back: {detail}; no new seats for one term");
    Ok(begun)
}

const COLUMNS: &str = "epoch, begun_at, sequence, made_at, cause, shown_epoch, shown_sequence, client_id";

/// The newest return, if there was one.
pub fn newest(tx: &Transaction<'_>) -> Result<Option<Return>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM epoch ORDER BY epoch DESC LIMIT 1");
    tx.query_row(&sql, [], |row| Ok(read(row))).optional()?.transpose()
}

/// All returns, the oldest first.
pub fn all(tx: &Transaction<'_>) -> Result<Vec<Return>, Failure> {
    let mut statement = tx.prepare(&format!("SELECT {COLUMNS} FROM epoch ORDER BY epoch"))?;
    let mut rows = statement.query([])?;
    let mut returns = Vec::new();
    while let Some(row) = rows.next()? {
        returns.push(read(&row)?);
    }
    Ok(returns)
}

fn read(row: &Row<'_>) -> Result<Return, Failure> {
    let epoch = number(row.get(0)?);
    let damaged = |column: &str, why: &str| Failure::damaged("epoch", column, epoch, why);
    let shown = row.get::<_, Option<i64>>(5)?.zip(row.get::<_, Option<i64>>(6)?);
    let shown = shown.map(|(epoch, sequence)| Place { epoch: number(epoch), sequence: number(sequence) });
    let shown = || shown.ok_or_else(|| damaged("shown_sequence", "no place was shown"));
    let cause = match &*row.get::<_, String>(4)? {
        "backup" => Cause::Backup,
        "client" => {
            let client: String = row.get::<_, Option<String>>(7)?.unwrap_or_default();
            Cause::Client { client: parsed(&client, "epoch", "client_id", epoch)?, shown: shown()? }
        }
        "mirror" => Cause::Mirror { shown: shown()? },
        _ => return Err(damaged("cause", "not a known one")),
    };
    let (at, made_at) = (timestamp(row.get(1)?), timestamp(row.get(3)?));
    Ok(Return { epoch, at, sequence: number(row.get(2)?), made_at, cause })
}
