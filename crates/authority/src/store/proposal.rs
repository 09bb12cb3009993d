//! What was taken back or waits for a second person, one row for each act (`docs/spec/authority-records.md`, 3).

use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Row, Transaction, params};

use super::{Columns, all, first, integer, time, write};

/// One act.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// Its number, from 1 on.
    pub number: u64,
    /// `revoke-key`, `revoke-host`, `stop-customer` or `set-limits`.
    pub kind: String,
    /// What it takes back: a key, a host, a customer; or the limits that it sets.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// What it takes away.
    pub reach: Reach,
    /// When it was asked for.
    pub proposed_at: Timestamp,
    /// By whom.
    pub person: String,
    /// The same as in the audit.
    pub actor: String,
    /// How it ended, if it has.
    pub end: Option<End>,
}

/// What an act takes away.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Reach {
    /// Hosts.
    pub hosts: u64,
    /// Machines that are activated through them, or by MAK.
    pub machines: u64,
}

/// How a proposal ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct End {
    /// How.
    pub outcome: Outcome,
    /// When.
    pub at: Timestamp,
    /// By whom, as in the audit.
    pub by: String,
}

/// How a proposal can end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was done at once, by one person.
    Done,
    /// A second person agreed, and it was done.
    Confirmed,
    /// Somebody took it off the table.
    Withdrawn,
    /// Nobody decided in time.
    Expired,
}

impl Outcome {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Confirmed => "confirmed",
            Outcome::Withdrawn => "withdrawn",
            Outcome::Expired => "expired",
        }
    }
}

/// Adds one; its number is given here.
pub fn insert(tx: &Transaction<'_>, proposal: &Proposal) -> Result<u64, Failure> {
    let sql = "SELECT COALESCE(MAX(number), 0) + 1 AS number FROM proposal";
    let number = first(tx, sql, [], |row| Columns::of("proposal", "number", row).number::<u64>("number"))?;
    let number = number.unwrap_or(1);
    let sql = "INSERT INTO proposal (number, kind, subject, reason, hosts, machines, proposed_at, person, actor, outcome, \
               ended_at, ended_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    let Proposal { kind, subject, reason, reach, proposed_at, person, actor, end, .. } = proposal;
    let values = params![
        integer(number),
        kind,
        subject,
        reason,
        integer(reach.hosts),
        integer(reach.machines),
        time(*proposed_at),
        person,
        actor,
        end.as_ref().map(|end| end.outcome.name()),
        end.as_ref().map(|end| time(end.at)),
        end.as_ref().map(|end| &end.by),
    ];
    write(tx, sql, values)?;
    Ok(number)
}

const COLUMNS: &str =
    "number, kind, subject, reason, hosts, machines, proposed_at, person, actor, outcome, ended_at, ended_by";

/// The one with this number.
pub fn find(tx: &Transaction<'_>, number: u64) -> Result<Option<Proposal>, Failure> {
    first(tx, &format!("SELECT {COLUMNS} FROM proposal WHERE number = $1"), [integer(number)], read)
}

/// Those that wait, the oldest first.
pub fn pending(tx: &Transaction<'_>) -> Result<Vec<Proposal>, Failure> {
    all(tx, &format!("SELECT {COLUMNS} FROM proposal WHERE outcome IS NULL ORDER BY number"), [], read)
}

/// All that have a number below `before`, the newest first.
pub fn newest(tx: &Transaction<'_>, before: Option<u64>, limit: u32) -> Result<Vec<Proposal>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM proposal WHERE number < $1 ORDER BY number DESC LIMIT $2");
    all(tx, &sql, params![before.map_or(i64::MAX, integer), limit], read)
}

/// Ends one that waits; false if it does not wait.
pub fn end(tx: &Transaction<'_>, number: u64, end: &End) -> Result<bool, Failure> {
    let sql = "UPDATE proposal SET outcome = $1, ended_at = $2, ended_by = $3 WHERE number = $4 AND outcome IS NULL";
    Ok(write(tx, sql, params![end.outcome.name(), time(end.at), end.by, integer(number)])? == 1)
}

/// What a person has taken back alone since a time. Names that differ in case only are one person.
pub fn reach_alone(tx: &Transaction<'_>, person: &str, since: Timestamp) -> Result<Reach, Failure> {
    let sql = "SELECT person, CAST(COALESCE(SUM(hosts), 0) AS BIGINT) AS hosts, \
               CAST(COALESCE(SUM(machines), 0) AS BIGINT) AS machines FROM proposal \
               WHERE LOWER(person) = $1 AND outcome = 'done' AND ended_at > $2";
    let reach = first(tx, sql, params![person.to_ascii_lowercase(), time(since)], |row| {
        let columns = Columns::of("proposal", "person", row);
        Ok(Reach { hosts: columns.number("hosts")?, machines: columns.number("machines")? })
    })?;
    Ok(reach.unwrap_or_default())
}

fn read(row: &Row<'_>) -> Result<Proposal, Failure> {
    let columns = Columns::of("proposal", "number", row);
    let outcome = match columns.text_if_any::<String>("outcome")?.as_deref() {
        None => None,
        Some("done") => Some(Outcome::Done),
        Some("confirmed") => Some(Outcome::Confirmed),
        Some("withdrawn") => Some(Outcome::Withdrawn),
        Some("expired") => Some(Outcome::Expired),
        Some(_) => return Err(columns.damaged("outcome", "no known outcome")),
    };
    let end = outcome.map(|outcome| -> Result<End, Failure> {
        Ok(End { outcome, at: columns.time("ended_at")?, by: columns.text("ended_by")? })
    });
    Ok(Proposal {
        number: columns.number("number")?,
        kind: columns.text("kind")?,
        subject: columns.text("subject")?,
        reason: columns.text("reason")?,
        reach: Reach { hosts: columns.number("hosts")?, machines: columns.number("machines")? },
        proposed_at: columns.time("proposed_at")?,
        person: columns.text("person")?,
        actor: columns.text("actor")?,
        end: end.transpose()?,
    })
}
