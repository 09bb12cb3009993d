//! The report as lines for people.

use std::fmt::Write as _;

use keymuster_core::time::Timestamp;

use super::{FamilyReport, KeyReport, LeftOut, PublisherReport, Report};

/// The whole report. Writing to a string cannot fail.
pub(super) fn text(report: &Report) -> String {
    let mut text = format!("host {}, version {}\n", report.host, report.version);
    let _ = writeln!(text, "data directory: {}", report.data_dir);
    let _ = writeln!(text, "time: {}", time(report.time));
    let newest = report.newest_entry_at.map(|at| format!(", the newest of {}", time(at))).unwrap_or_default();
    let _ = writeln!(text, "ledger: {} entries, epoch {}{newest}", report.ledger_sequence, report.epoch);
    for publisher in &report.publishers {
        text += &of_publisher(publisher, report.time);
    }
    for step in &report.next {
        let _ = writeln!(text, "\nnext: {step}");
    }
    text
}

fn of_publisher(publisher: &PublisherReport, now: u64) -> String {
    let PublisherReport { id, name, catalogue_version, keys, families, pools, requests_last_day, waiting_for_exchange } =
        publisher;
    let mut text = format!("\n{name} ({id}), licence pack version {catalogue_version}\n");
    for key in keys {
        let _ = writeln!(text, "  key …{}  {}  {}", key.last_five, key.group, state(key, now));
        let _ = writeln!(text, "    covers: {}", key.covers.join(", "));
        if let Some(max) = key.clients_max {
            let _ = writeln!(text, "    limit: {max} clients in each family");
        }
    }
    for family in families {
        let _ = writeln!(text, "  {}", of_family(family));
    }
    for pool in pools {
        let _ = writeln!(text, "  pool {} ({}): {} of {} seats taken", pool.id, pool.edition, pool.in_use, pool.seats);
    }
    if *waiting_for_exchange > 0 {
        let plural = if *waiting_for_exchange == 1 { " waits" } else { "s wait" };
        let _ = writeln!(text, "  exchange: {waiting_for_exchange} request{plural} for an activation by a MAK");
    }
    if !requests_last_day.is_empty() {
        let outcomes: Vec<String> = requests_last_day.iter().map(|(name, n)| format!("{n} {name}")).collect();
        let _ = writeln!(text, "  last day: {}", outcomes.join(", "));
    }
    text
}

fn state(key: &KeyReport, now: u64) -> String {
    match (&key.left_out, &key.customer, key.warn_at.zip(key.stop_at), key.waits_since) {
        (Some(LeftOut { code, why }), ..) => format!("entitlement does not count: {why} ({code})"),
        (None, Some(customer), Some((_, stop_at)), _) if stop_at <= now => {
            format!("was activated for {customer}, ended {}", time(stop_at))
        }
        (None, Some(customer), Some((warn_at, stop_at)), _) => {
            format!("activated for {customer} until {}, to be renewed from {}", time(stop_at), time(warn_at))
        }
        (.., Some(since)) => format!("not activated; a request of {} waits for its answer", time(since)),
        _ => "not activated".to_owned(),
    }
}

fn of_family(family: &FamilyReport) -> String {
    let FamilyReport { id, count, thresholds } = family;
    let plural = if *count == 1 { "" } else { "s" };
    let counted = format!("{id}: {count} client{plural} counted");
    if thresholds.is_empty() {
        return counted;
    }
    let thresholds: Vec<String> = thresholds.iter().map(u32::to_string).collect();
    format!("{counted}; thresholds {}", thresholds.join(", "))
}

fn time(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs)
}
