//! The report as lines for people.

use std::fmt::Write as _;

use keymuster_core::codes;
use keymuster_core::time::{DAY, HOUR, Timestamp, duration_words};

use super::super::layout::{WIDTH, counted, fit, list};
use crate::settings::TlsPolicy;
use crate::store::counter;
use crate::tls::TlsReport;
use crate::views::status::{
    DnsReport, FamilyReport, HistoryReport, IntervalReport, KeyReport, LeftOut, PublisherReport, Report, ReturnReport,
    SharedReport,
};
use crate::windows;

/// How long a bar is.
const BAR: u64 = 20;

/// The whole report. Writing to a string cannot fail.
pub(super) fn text(report: &Report) -> String {
    let mut text = format!("host {}, version {}\n", report.host, report.version);
    let _ = writeln!(text, "data directory: {}", report.data_dir);
    let _ = writeln!(text, "time: {}", time(report.time));
    let newest = report.newest_entry_at.map(|at| format!(", the newest of {}", time(at))).unwrap_or_default();
    let _ = writeln!(text, "ledger: {} entries, epoch {}{newest}", report.ledger_sequence, report.epoch);
    let HistoryReport { days, ledger_pruned, clients_pruned } = report.history;
    if ledger_pruned + clients_pruned > 0 {
        let clients = counted(clients_pruned, "client");
        let _ = writeln!(text, "  kept for {days} days: entries behind {ledger_pruned}; {clients} forgotten");
    }
    if let Some(returned) = &report.returned {
        text += &went_back(returned);
    }
    if let Some(until) = report.no_new_seats_until() {
        let _ =
            writeln!(text, "  no seats for newcomers until {}: some may be held that it does not know of", time(until));
    }
    let _ = writeln!(text, "{}", serving(report));
    let _ = writeln!(text, "DNS: {}", dns(&report.dns));
    if let Some(tls) = report.serving.as_ref().and_then(|serving| serving.tls.as_ref()) {
        let _ = writeln!(text, "{}", of_tls(tls));
    }
    if let Some(told) = windows::told(report.rpc_hellos) {
        let _ = writeln!(text, "{told}");
    }
    for publisher in &report.publishers {
        text += &of_publisher(publisher, report.time);
    }
    for step in &report.next {
        let _ = writeln!(text, "\n{}", next(step));
    }
    fit(&text)
}

/// A step; where it does not fit into a line, its command begins the next one.
fn next(step: &str) -> String {
    let line = format!("next: {step}");
    if line.chars().count() <= WIDTH { line } else { line.replacen(": keymuster", ":\n  keymuster", 1) }
}

/// How the ledger went back to an older copy.
fn went_back(returned: &ReturnReport) -> String {
    let (at, made_at, sequence) = (time(returned.at), time(returned.made_at), returned.sequence);
    match returned.proof() {
        None => format!("  restored on {at} from a backup of {made_at}, which ends with entry {sequence}\n"),
        Some(proof) => format!(
            "  found on {at} to be an older copy, which ends with entry {sequence}\n    {proof}, so a new epoch began \
             ({})\n",
            codes::LEDGER_SET_BACK
        ),
    }
}

fn serving(report: &Report) -> String {
    let Some(serving) = &report.serving else { return "not serving: clients get no answer".to_owned() };
    let since = time(serving.since);
    let answers = if report.answers { "and answers" } else { "and does not answer: its log says why" };
    let mut text = format!("serving: clients at {}, administration at {}", serving.clients, serving.administration);
    let _ = write!(text, "\n  since {since}, {answers}");
    if let Some(problem) = &serving.problem {
        let _ = write!(text, "\n  not on port {}: {problem}", problem.port);
    }
    text
}

fn of_tls(tls: &TlsReport) -> String {
    let policy = match TlsPolicy::named(&tls.policy) {
        TlsPolicy::Offer => "offered to clients",
        TlsPolicy::Require => "required of clients",
        TlsPolicy::Off => "off for clients",
    };
    let whose = if tls.is_own { "the host's own certificate" } else { "the administrator's certificate" };
    let mut text = format!("TLS: {policy}, {whose}, until {}", time(tls.not_after));
    let _ = write!(text, "\n  its own key, by which programs recognise it: {}", tls.own_key);
    if let Some(problem) = &tls.problem {
        let _ = write!(text, "\n  not the one that is set: {problem}");
    }
    text
}

fn dns(dns: &DnsReport) -> String {
    dns.why_not.clone().unwrap_or_else(|| format!("published in {}; keymuster-host dns compares", dns.zones.join(", ")))
}

fn of_publisher(publisher: &PublisherReport, now: u64) -> String {
    let PublisherReport { id, name, catalogue_version, keys, families, pools, .. } = publisher;
    let mut text = format!("\n{name} ({id}), licence pack version {catalogue_version}\n");
    for key in keys {
        let _ = writeln!(text, "  key …{}  {}  {}", key.last_five, key.group, state(key, now));
        text += &list("    covers:", &key.covers);
        if let Some(max) = key.clients_max {
            let _ = writeln!(text, "    limit: {max} clients in each family");
        }
    }
    text += &publisher.needs;
    families.iter().for_each(|family| text += &of_family(family));
    for pool in pools {
        let _ = writeln!(text, "  pool {} ({}): {} of {} seats taken", pool.id, pool.edition, pool.in_use, pool.seats);
    }
    let interval = |interval: &IntervalReport| format!("{} ({})", duration_words(interval.secs), interval.source);
    let (renewal, activation) = (interval(&publisher.renewal), interval(&publisher.activation));
    let _ = writeln!(text, "  renewal interval {renewal}, activation interval {activation}");
    text + &requests(publisher) + &shared(publisher)
}

/// What has been asked, and what waits.
fn requests(publisher: &PublisherReport) -> String {
    let mut text = String::new();
    let count = |name: &str| publisher.counters.get(name).copied().unwrap_or_default();
    if count(counter::TOTAL) > 0 {
        let standings: Vec<String> = counter::STANDINGS
            .iter()
            .filter(|name| count(name) > 0)
            .map(|name| format!("{} {name}", count(name)))
            .collect();
        let (total, failed) = (count(counter::TOTAL), count(counter::FAILED));
        let _ = writeln!(text, "  requests: {total}, of which {failed} failed; asked while {}", standings.join(", "));
    }
    if !publisher.requests_last_day.is_empty() {
        let named = |name: &str| {
            codes::find(name).filter(|code| code.name == name).map(|code| format!(" (KM-{})", code.number))
        };
        let outcome =
            |(name, requests): &(String, u64)| format!("{requests} {name}{}", named(name).unwrap_or_default());
        let outcomes: Vec<String> = publisher.requests_last_day.iter().map(outcome).collect();
        text += &list("  last day:", outcomes);
    }
    let waiting = publisher.waiting_for_exchange;
    if waiting > 0 {
        let plural = if waiting == 1 { " waits" } else { "s wait" };
        let _ = writeln!(text, "  exchange: {waiting} request{plural} for an activation by a MAK");
    }
    text
}

fn shared(publisher: &PublisherReport) -> String {
    let mut text = String::new();
    for SharedReport { client, times, newest_at, addresses: [address, other] } in &publisher.shared_identities {
        let _ = writeln!(text, "  client id {client} has more than one machine:");
        let _ = writeln!(
            text,
            "    asked from {address} and {other}, noticed {}, last {}",
            counted(*times, "time"),
            time(*newest_at)
        );
        let _ = writeln!(text, "    run `keymuster rearm` on all of them but one");
    }
    text
}

fn state(key: &KeyReport, now: u64) -> String {
    match (&key.left_out, &key.customer, key.warn_at.zip(key.stop_at), key.waits_since) {
        (Some(LeftOut { code, why }), ..) => {
            format!("without an entitlement\n    entitlement does not count: {why} ({code})")
        }
        (None, Some(customer), Some((_, stop_at)), _) if stop_at <= now => {
            format!("was activated for {customer}, ended {}", time(stop_at))
        }
        (None, Some(customer), Some((warn_at, stop_at)), _) => {
            let left = left(stop_at.saturating_sub(now));
            let (stop_at, warn_at) = (time(stop_at), time(warn_at));
            format!("activated for {customer} until {stop_at}\n    {left} left, to be renewed from {warn_at}")
        }
        (.., Some(since)) => format!("not activated\n    a request of {} waits for its answer", time(since)),
        _ => "not activated".to_owned(),
    }
}

/// How much time is left: in days, and on the last ones in hours.
fn left(secs: u64) -> String {
    let rounded = |unit: u64| (secs + unit / 2) / unit;
    if secs < 2 * DAY { counted(rounded(HOUR), "hour") } else { counted(rounded(DAY), "day") }
}

/// The count, and a bar for each threshold.
fn of_family(family: &FamilyReport) -> String {
    let FamilyReport { id, count, thresholds, .. } = family;
    let mut text = format!("  {id}: {} counted\n", counted(*count, "client"));
    for threshold in thresholds {
        let need = u64::from(*threshold);
        let filled = usize::try_from((count * BAR / need).min(BAR)).unwrap_or_default();
        let bar: String = (0..BAR as usize).map(|place| if place < filled { '█' } else { '░' }).collect();
        let missing = need.saturating_sub(*count);
        let stands = if missing == 0 { "reached".to_owned() } else { format!("{missing} to come") };
        let _ = writeln!(text, "    threshold {threshold:>4} {bar} {stands}");
    }
    if let Some(warning) = &family.warning {
        let _ = writeln!(text, "    warning: {warning}");
    }
    text
}

fn time(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_two_days_are_told_in_hours() {
        for (secs, expected) in [
            (0, "0 hours"),
            (HOUR, "1 hour"),
            (2 * DAY - 1, "48 hours"),
            (2 * DAY, "2 days"),
            (225 * DAY - 1, "225 days"),
        ] {
            assert_eq!(left(secs), expected);
        }
    }
}
