//! The report as one page that needs nothing else: for a manager first, for the administrator below.
//!
//! There is no script, and nothing is fetched; what comes from logs is escaped.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::chart::{self, Line, bars, escaped, lines};
use crate::events::finding::in_short;
use crate::events::report::Report;
use crate::events::{CountSeries, Moment, Standing};

/// Rows of a table of a page.
const ROWS_MAX: usize = 200;
/// Colours of lines.
const CLASSES: [&str; 6] = ["s1", "s2", "s3", "s4", "s5", "s6"];

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--back:#fff;--card:#f6f8fa;--bad:#b3261e;\
--warn:#8a5300;--good:#1a6b34;--s1:#1f6feb;--s2:#b35900;--s3:#1a7f37;--s4:#8250df;--s5:#bf3989;--s6:#57606a}\
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa4af;--line:#3a424b;--back:#0d1117;--card:#161b22;\
--bad:#ff8a80;--warn:#f0b35a;--good:#6fdc8c;--s1:#6cb0ff;--s2:#f0a35a;--s3:#6fdc8c;--s4:#c3a6ff;--s5:#ff9bcb;--s6:#9aa4af}}\
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:60rem;margin:0 auto;\
padding:1.5rem}h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem}p.short{font-size:1.1rem;margin:.3rem 0}\
.tiles{display:flex;flex-wrap:wrap;gap:.8rem;margin:1.2rem 0}.tile{background:var(--card);border:1px solid var(--line);\
border-radius:.5rem;padding:.6rem 1rem;min-width:8rem}.tile b{display:block;font-size:1.5rem}.finding{border-left:.3rem \
solid var(--warn);background:var(--card);padding:.6rem 1rem;margin:.8rem 0}.finding.urgent{border-color:var(--bad)}\
.finding p{margin:.2rem 0}.soft{color:var(--soft)}.well{color:var(--good)}table{border-collapse:collapse;width:100%;\
font-size:.9rem}th,td{text-align:left;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top;\
overflow-wrap:anywhere}svg{width:100%;height:auto}.line{fill:none;stroke-width:2}.s1{stroke:var(--s1)}.s2{stroke:\
var(--s2)}.s3{stroke:var(--s3)}.s4{stroke:var(--s4)}.s5{stroke:var(--s5)}.s6{stroke:var(--s6)}.grid{stroke:var(--line)}\
.level{stroke:var(--bad);stroke-dasharray:6 4}.tick{fill:var(--soft);font-size:12px}.bar{fill:var(--s1)}.key i{display:\
inline-block;width:1rem;height:.2rem;margin-right:.3rem;vertical-align:middle}i.s1{background:var(--s1)}i.s2{background:\
var(--s2)}i.s3{background:var(--s3)}i.s4{background:var(--s4)}i.s5{background:var(--s5)}i.s6{background:var(--s6)}\
.key span{margin-right:1rem}details{margin:1rem 0}@media print{details>*{display:block}}";

/// The page.
pub fn html(report: &Report) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'\"><title>Volume activation report</title><style>{STYLE}</style></head><body>\
         <h1>Volume activation report</h1>"
    );
    for sentence in in_short(report) {
        let _ = write!(page, "<p class=\"short\">{}</p>", escaped(&sentence));
    }
    findings(&mut page, report);
    tiles(&mut page, report);
    charts(&mut page, report);
    tables(&mut page, report);
    page.push_str(
        "<p class=\"soft\">Made by <code>keymuster microsoft events</code> from event logs alone. A host counts at most 50 \
         machines and forgets the rest; here all are counted that asked within thirty days. In the first thirty days of a \
         log the true count is higher than the log can show. An activation holds for 180 days and is renewed every \
         7.</p></body></html>\n",
    );
    page
}

fn findings(page: &mut String, report: &Report) {
    if report.findings.is_empty() && report.span.is_some() {
        page.push_str("<p class=\"well\">&#10003; No fault was found.</p>");
    }
    for finding in &report.findings {
        let (class, word) = if finding.is_urgent { (" urgent", "Act now") } else { ("", "Look at this") };
        let _ = write!(
            page,
            "<div class=\"finding{class}\"><p><strong>{word}:</strong> {}.</p><p class=\"soft\">What to do: {}.</p>",
            with_commands(&finding.says),
            with_commands(&finding.remedy)
        );
        if finding.names.len() > 1 {
            let names = escaped(&finding.names.join(", "));
            let _ = write!(page, "<details><summary>Which</summary><p>{names}</p></details>");
        }
        page.push_str("</div>");
    }
    if report.is_damaged() {
        page.push_str("<p class=\"soft\">Some files could not be read whole; see the table of files.</p>");
    }
}

/// Text in which what stands between grave accents is a command.
fn with_commands(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let part = |(place, part): (usize, &str)| {
        if place % 2 == 1 { format!("<code>{}</code>", escaped(part)) } else { escaped(part) }
    };
    parts.map(part).collect()
}

fn tiles(page: &mut String, report: &Report) {
    page.push_str("<div class=\"tiles\">");
    let words = ["activated", "about to lose it", "lost it", "waiting", "refused"];
    let mut tile = |number: u64, words: &str| {
        let _ = write!(page, "<div class=\"tile\"><b>{number}</b>{words}</div>");
    };
    tile(report.machines.len() as u64, "machines");
    for (standing, words) in Standing::ALL.iter().zip(words) {
        tile(report.standing(*standing), words);
    }
    tile(report.machines.iter().filter(|machine| machine.is_virtual).count() as u64, "virtual");
    tile(report.hosts.len() as u64, "hosts");
    page.push_str("</div>");
}

fn charts(page: &mut String, report: &Report) {
    for series in &report.counts {
        let _ = write!(
            page,
            "<h2>Machines that {} counts for {}</h2>{}<p class=\"soft\">At the end {}; forecast: {}.</p>",
            escaped(&series.host),
            series.application.name(),
            count_chart(series),
            series.current(),
            series.forecast.words()
        );
    }
    if !report.hosts.is_empty() {
        page.push_str("<h2>Requests on each day</h2>");
        page.push_str(&requests_chart(report));
    }
    let mut months = BTreeMap::<String, u64>::new();
    for machine in report.running_out() {
        let month = machine.until.day_text().get(..7).unwrap_or_default().to_owned();
        *months.entry(month).or_default() += 1;
    }
    if !months.is_empty() {
        let months: Vec<(String, u64)> = months.into_iter().collect();
        page.push_str("<h2>Machines that lose their activation, by month</h2>");
        page.push_str(&bars("Machines that lose their activation, by month", &months));
    }
}

fn count_chart(series: &CountSeries) -> String {
    let values = series.daily.iter().map(|count| f64::from(*count)).collect();
    let line = Line { class: "s1", name: series.host.clone(), values };
    let level = format!("{} are needed", series.threshold);
    let title = format!("Machines counted by {}, day by day", series.host);
    lines(&title, series.first, &[line], Some((f64::from(series.threshold), &level)))
}

fn requests_chart(report: &Report) -> String {
    let days = |host: &crate::events::HostSeen| host.daily.first().map(|(day, _)| day.day());
    let Some(first) = report.hosts.iter().filter_map(days).min() else { return String::new() };
    let last = report.hosts.iter().filter_map(|host| host.daily.last().map(|(day, _)| day.day())).max();
    // A single wrong date must not draw a line of a hundred years.
    let first = first.max(last.unwrap_or(first).saturating_sub(3_660));
    let one = |(place, host): (usize, &crate::events::HostSeen)| {
        let length = usize::try_from(last.unwrap_or(first) - first + 1).unwrap_or_default();
        let mut values = vec![0.0; length];
        for (day, requests) in &host.daily {
            let place = day.day().checked_sub(first).and_then(|place| usize::try_from(place).ok());
            if let Some(value) = place.and_then(|place| values.get_mut(place)) {
                *value = *requests as f64;
            }
        }
        Line { class: CLASSES[place % CLASSES.len()], name: host.name.clone(), values }
    };
    let all: Vec<Line> = report.hosts.iter().enumerate().map(one).collect();
    chart::lines("Requests on each day, by host", Moment::of_day(first), &all, None)
}

fn tables(page: &mut String, report: &Report) {
    let text = super::table::sections(report);
    for (title, rows) in text {
        let Some((heads, rows)) = rows.split_first().filter(|(_, rows)| !rows.is_empty()) else { continue };
        let _ = write!(page, "<h2>{}</h2><table><tr>", escaped(title));
        for head in heads {
            let _ = write!(page, "<th>{}</th>", escaped(head));
        }
        page.push_str("</tr>");
        for row in rows.iter().take(ROWS_MAX) {
            page.push_str("<tr>");
            for cell in row {
                let _ = write!(page, "<td>{}</td>", escaped(cell));
            }
            page.push_str("</tr>");
        }
        page.push_str("</table>");
        if rows.len() > ROWS_MAX {
            let _ = write!(page, "<p class=\"soft\">and {} more</p>", rows.len() - ROWS_MAX);
        }
    }
}
