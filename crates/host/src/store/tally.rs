//! How many requests had which outcome, per hour: for charts and for the support desk.

use std::collections::BTreeMap;

use keymuster_core::time::{HOUR, Timestamp};
use keymuster_service::database::Failure;
use keymuster_service::sql::{Transaction, params};

use super::{integer, number, seconds, timestamp};

/// Adds the outcomes of a batch.
pub fn add(tx: &Transaction<'_>, outcomes: &BTreeMap<(i64, &'static str), u64>, now: Timestamp) -> Result<(), Failure> {
    let hour = now.minus(now.as_secs() % HOUR);
    let sql = "INSERT INTO tally (hour, publisher, outcome, requests) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT (hour, publisher, outcome) DO UPDATE SET requests = tally.requests + excluded.requests";
    let mut statement = tx.prepare_cached(sql)?;
    for ((publisher, outcome), requests) in outcomes {
        statement.execute(params![seconds(hour), publisher, outcome, integer(*requests)])?;
    }
    Ok(())
}

/// Requests by outcome since `since`, those of a publisher.
pub fn since(tx: &Transaction<'_>, publisher: i64, since: Timestamp) -> Result<Vec<(String, u64)>, Failure> {
    let sql = "SELECT outcome, SUM(requests) FROM tally WHERE publisher = ?1 AND hour >= ?2 GROUP BY outcome ORDER BY outcome";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map(params![publisher, seconds(since)], |row| Ok((row.get(0)?, number(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Requests of all times: publisher, outcome, how many.
pub fn totals(tx: &Transaction<'_>) -> Result<Vec<(i64, String, u64)>, Failure> {
    let sql =
        "SELECT publisher, outcome, SUM(requests) FROM tally GROUP BY publisher, outcome ORDER BY publisher, outcome";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, number(row.get(2)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many requests had one outcome in one hour.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tally {
    /// When the hour begins.
    pub hour: Timestamp,
    /// The outcome.
    pub outcome: String,
    /// How many requests.
    pub requests: u64,
}

/// The tallies of all publishers since `since`.
pub fn all_since(tx: &Transaction<'_>, since: Timestamp) -> Result<Vec<Tally>, Failure> {
    let sql =
        "SELECT hour, outcome, SUM(requests) FROM tally WHERE hour >= ?1 GROUP BY hour, outcome ORDER BY hour, outcome";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([seconds(since)], |row| {
        Ok(Tally { hour: timestamp(row.get(0)?), outcome: row.get(1)?, requests: number(row.get(2)?) })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
