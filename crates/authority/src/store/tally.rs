//! How often something happened on a day, so that a chart costs a few rows (`docs/spec/authority-records.md`, 2).

use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::database::Failure;
use keymuster_service::sql::{Transaction, params};

use super::{Columns, all, integer, write};

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An activation by a MAK.
    Activation,
    /// An entitlement.
    Entitlement,
    /// A refusal.
    Refusal,
}

/// The counts of one day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Day {
    /// Its first second.
    pub begin: Timestamp,
    /// Activations by MAKs.
    pub activations: u64,
    /// Entitlements.
    pub entitlements: u64,
    /// Refusals.
    pub refusals: u64,
}

/// Counts `times` more.
pub fn add(tx: &Transaction<'_>, kind: Kind, times: u64, now: Timestamp) -> Result<(), Failure> {
    let sql = "INSERT INTO day_tally (day, kind, times) VALUES ($1, $2, $3) \
               ON CONFLICT (day, kind) DO UPDATE SET times = day_tally.times + excluded.times";
    let kind = match kind {
        Kind::Activation => "activation",
        Kind::Entitlement => "entitlement",
        Kind::Refusal => "refusal",
    };
    write(tx, sql, params![integer(now.as_secs() / DAY), kind, integer(times)])?;
    Ok(())
}

/// How often each thing happened since the authority was made, by the name of its kind.
pub fn totals(tx: &Transaction<'_>) -> Result<Vec<(String, u64)>, Failure> {
    all(tx, "SELECT kind, SUM(times) AS times FROM day_tally GROUP BY kind ORDER BY kind", [], |row| {
        let columns = Columns::of("day_tally", "kind", row);
        Ok((columns.text::<String>("kind")?, columns.number::<u64>("times")?))
    })
}

/// The last `count` days up to today, the oldest first, those without events as well.
pub fn days(tx: &Transaction<'_>, now: Timestamp, count: u64) -> Result<Vec<Day>, Failure> {
    let today = now.as_secs() / DAY;
    let from = today.saturating_sub(count.saturating_sub(1));
    let empty = |day| Day { begin: Timestamp::from_secs(day * DAY), activations: 0, entitlements: 0, refusals: 0 };
    let mut days: Vec<Day> = (from..=today).map(empty).collect();
    let sql = "SELECT day, kind, times FROM day_tally WHERE day >= $1 AND day <= $2";
    let rows = all(tx, sql, params![integer(from), integer(today)], |row| {
        let columns = Columns::of("day_tally", "day", row);
        Ok((columns.number::<u64>("day")?, columns.text::<String>("kind")?, columns.number::<u64>("times")?))
    })?;
    for (day, kind, times) in rows {
        let place = usize::try_from(day - from).ok().and_then(|place| days.get_mut(place));
        let Some(place) = place else { continue };
        match kind.as_str() {
            "activation" => place.activations = times,
            "entitlement" => place.entitlements = times,
            _ => place.refusals = times,
        }
    }
    Ok(days)
}
