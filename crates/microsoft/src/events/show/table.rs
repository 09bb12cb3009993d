//! The report for a terminal: what is wrong first, then the tables, each cut where nobody would read on.

use std::fmt::Write as _;

use crate::events::Standing;
use crate::events::finding::in_short;
use crate::events::moment::Moment;
use crate::events::report::Report;

/// Rows of a table; the list of machines as CSV has all.
const ROWS_MAX: usize = 20;

/// The report as text.
pub fn table(report: &Report) -> String {
    let mut text = String::new();
    for sentence in in_short(report) {
        let _ = writeln!(text, "{sentence}");
    }
    for finding in &report.findings {
        let mark = if finding.is_urgent { "!" } else { "-" };
        let _ = writeln!(text, "\n{mark} {}\n    what to do: {}", finding.says, finding.remedy);
        if !finding.names.is_empty() {
            let _ = writeln!(text, "    {}", some(&finding.names, 8));
        }
    }
    for (title, rows) in sections(report) {
        section(&mut text, title, &rows);
    }
    if report.left_out > 0 {
        let _ = writeln!(text, "\n{} events are of machines beyond the limit and stand in no table", report.left_out);
    }
    text
}

/// A title, and rows of which the first is the heads.
pub type Section = (&'static str, Vec<Vec<String>>);

/// All tables.
pub fn sections(report: &Report) -> [Section; 8] {
    [
        hosts(report),
        counts(report),
        products(report),
        errors(report),
        clones(report),
        running_out(report),
        recent(report),
        files(report),
    ]
}

fn section(text: &mut String, title: &str, rows: &[Vec<String>]) {
    // The first row is the heads.
    if rows.len() < 2 {
        return;
    }
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let shown = rows.iter().take(ROWS_MAX + 1).filter_map(|row| row.get(column));
        shown.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let _ = writeln!(text, "\n{title}");
    for row in rows.iter().take(ROWS_MAX + 1) {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(text, "  {}", cells.join("  ").trim_end());
    }
    if rows.len() > ROWS_MAX + 1 {
        let _ = writeln!(text, "  and {} more", rows.len() - ROWS_MAX - 1);
    }
}

fn heads(names: &[&str]) -> Vec<Vec<String>> {
    vec![names.iter().map(|name| (*name).to_owned()).collect()]
}

fn when(moment: Option<Moment>) -> String {
    moment.map_or_else(|| "-".to_owned(), |moment| moment.to_string())
}

fn some(names: &[String], max: usize) -> String {
    let shown: Vec<&str> = names.iter().take(max).map(String::as_str).collect();
    if names.len() > max { format!("{} …", shown.join(", ")) } else { shown.join(", ") }
}

fn hosts(report: &Report) -> Section {
    let mut rows = heads(&["host", "requests", "refused", "machines", "first", "last"]);
    rows.extend(report.hosts.iter().map(|host| {
        vec![
            host.name.clone(),
            host.requests.to_string(),
            host.failed.to_string(),
            host.machines.to_string(),
            when(host.first),
            when(host.last),
        ]
    }));
    ("Hosts", rows)
}

fn counts(report: &Report) -> Section {
    let mut rows = heads(&["host", "counts", "at the end", "needed", "forecast"]);
    rows.extend(report.counts.iter().map(|series| {
        let forecast = series.forecast.words();
        let application = series.application.name().to_owned();
        vec![series.host.clone(), application, series.current().to_string(), series.threshold.to_string(), forecast]
    }));
    ("Count of machines within thirty days (a host itself stops at 50)", rows)
}

fn products(report: &Report) -> Section {
    let mut rows = heads(&["product", "activation id", "machines"]);
    rows.extend(
        report
            .products
            .iter()
            .map(|(product, machines)| vec![product.name.clone(), product.activation_id.clone(), machines.to_string()]),
    );
    ("Products", rows)
}

fn errors(report: &Report) -> Section {
    let mut rows = heads(&["code", "event", "times", "machines", "last", "means"]);
    rows.extend(report.errors.iter().map(|error| {
        vec![
            format!("0x{:08X}", error.code),
            error.event.to_string(),
            error.count.to_string(),
            error.machines.to_string(),
            error.last.to_string(),
            error.means.clone(),
        ]
    }));
    ("Errors", rows)
}

fn clones(report: &Report) -> Section {
    let mut rows = heads(&["shared machine id", "", "machines"]);
    rows.extend(report.clones.iter().map(|clone| {
        let names: Vec<String> = clone.machines.iter().map(|(name, ..)| name.clone()).collect();
        let kind = if clone.is_renamed { "renamed" } else { "copied" };
        vec![clone.cmid.clone(), kind.to_owned(), some(&names, 6)]
    }));
    ("Machine ids with several names", rows)
}

fn running_out(report: &Report) -> Section {
    let mut rows = heads(&["machine", "runs out", "last renewed", "host"]);
    rows.extend(report.running_out().into_iter().map(|machine| {
        vec![machine.name.clone(), machine.until.day_text(), when(machine.renewed), machine.host.clone()]
    }));
    ("Machines that run out of their 180 days", rows)
}

fn recent(report: &Report) -> Section {
    let mut machines: Vec<_> =
        report.machines.iter().filter(|machine| machine.standing <= Standing::RunningOut).collect();
    machines.sort_by_key(|machine| std::cmp::Reverse((machine.activated, machine.renewed)));
    let mut rows = heads(&["machine", "activated", "renewed", "by host", "product", "virtual"]);
    rows.extend(machines.into_iter().map(|machine| {
        vec![
            machine.name.clone(),
            machine.activated.map_or_else(|| "before".to_owned(), |moment| moment.to_string()),
            when(machine.renewed),
            machine.host.clone(),
            report.product(machine).map(|product| product.name.clone()).unwrap_or_default(),
            if machine.is_virtual { "yes" } else { "no" }.to_owned(),
        ]
    }));
    ("Activated machines, the latest first (all with --csv)", rows)
}

fn files(report: &Report) -> Section {
    let mut rows = heads(&["file", "form", "events", "again", "others", ""]);
    rows.extend(report.files.iter().map(|file| {
        let mut notes = Vec::new();
        if file.damaged > 0 {
            notes.push(format!("{} pieces could not be understood", file.damaged));
        }
        if file.is_cut {
            notes.push("it ends in the middle".to_owned());
        }
        if file.wrong_checksums > 0 {
            notes.push(format!(
                "{} chunks have a wrong checksum: damaged, or copied while in use",
                file.wrong_checksums
            ));
        }
        if file.is_local_time {
            notes.push("times are taken as they stand, without a zone".to_owned());
        }
        vec![
            file.path.display().to_string(),
            file.form.name().to_owned(),
            file.taken.to_string(),
            file.again.to_string(),
            file.others.to_string(),
            notes.join("; "),
        ]
    }));
    ("Files", rows)
}
