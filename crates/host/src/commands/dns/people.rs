//! The report as lines for people. Writing to a string cannot fail.

use std::fmt::Write as _;
use std::net::SocketAddr;

use super::{Advised, AdvisedZone};
use crate::dns::{Change, Compared, Comparison, Published, SrvRecord, Standing};
use crate::views::dns::{AtServer, View, ZoneReport};

/// The whole report.
pub(super) fn text(report: &Advised) -> String {
    let mut text = format!("host {}:{}\n", report.target, report.port);
    let resolvers: Vec<String> = report.resolvers.iter().map(SocketAddr::to_string).collect();
    let _ =
        writeln!(text, "clients ask: {}", if resolvers.is_empty() { "nobody".into() } else { resolvers.join(", ") });
    for zone in &report.zones {
        text += &of_zone(zone);
    }
    text
}

fn of_zone(advised: &AdvisedZone) -> String {
    let AdvisedZone { zone: ZoneReport { name, expected, published, seen, .. }, next } = advised;
    let mut text = format!("\n{name}\n  should have: {}\n", record(expected));
    let server = |at: &AtServer| at.server.map_or_else(String::new, |server| format!(" at {server}"));
    match (published, seen) {
        (Some(at), seen) if at.view == *seen => {
            text += &of_view(&format!("published{}, and seen by clients", server(at)), seen)
        }
        (Some(at), seen) => {
            text += &of_view(&format!("published{}", server(at)), &at.view);
            text += &of_view("seen by clients", seen);
        }
        (None, seen) => text += &of_view("seen by clients", seen),
    }
    for step in next {
        let _ = writeln!(text, "next: {step}");
    }
    text
}

fn of_view(title: &str, view: &View) -> String {
    match view {
        View::Failed { code, error } => format!("  {title}: {error} ({code})\n"),
        View::Shown(Comparison { records, .. }) if records.is_empty() => format!("  {title}: nothing\n"),
        View::Shown(Comparison { records, .. }) => {
            let line = |compared: &Compared| format!("    {}\n", of_record(compared));
            format!("  {title}:\n{}", records.iter().map(line).collect::<String>())
        }
    }
}

fn of_record(compared: &Compared) -> String {
    let whose = match compared.standing {
        Standing::Own => "this host",
        Standing::Stale => "this host, out of date",
        Standing::Foreign => "another host",
    };
    let problem = compared.problem.as_ref().map_or("answers".to_owned(), |problem| format!("PROBLEM: {problem}"));
    format!("{}  {whose}; {problem}", record(&compared.record))
}

fn record(record: &SrvRecord) -> String {
    let SrvRecord { priority, weight, port, target } = record;
    format!("{target}:{port}  priority {priority}, weight {weight}")
}

/// What was done.
pub(super) fn changes(published: &Published) -> String {
    let done = |change| match change {
        Change::Added => "entered",
        Change::Replaced => "replaced what this host had there before",
        Change::Kept => "was there already",
        Change::Removed => "removed",
        Change::Absent => "there was nothing of this host",
    };
    published.entries.iter().map(|entry| format!("{}: {}\n", entry.name, done(entry.change))).collect()
}
