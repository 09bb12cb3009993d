//! The report as metrics in the text form of Prometheus, for the node exporter's directory of text files.

use std::fmt::Write as _;

use crate::events::report::Report;
use crate::events::{Forecast, Standing};

const DAY_SECS: u32 = 86_400;

/// The metrics.
pub fn prometheus(report: &Report) -> String {
    let mut text = String::new();
    let end = report.span.map(|(_, end)| end).unwrap_or_default();
    let mut put = |name: &str, help: &str, samples: Vec<(Vec<(&str, String)>, f64)>| {
        if samples.is_empty() {
            return;
        }
        let _ = writeln!(text, "# HELP keymuster_microsoft_{name} {help}\n# TYPE keymuster_microsoft_{name} gauge");
        for (labels, value) in samples {
            let labels: Vec<String> =
                labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(text, "keymuster_microsoft_{name}{labels} {value}");
        }
    };
    put("log_end_timestamp_seconds", "The last request in any log.", vec![(vec![], f64::from(end.secs()))]);
    put("events", "Events that were read, each once.", vec![(vec![], report.events as f64)]);
    let by_standing =
        |standing: &Standing| (vec![("standing", standing.name().to_owned())], report.standing(*standing) as f64);
    put("machines", "Machines by how they stand.", Standing::ALL.iter().map(by_standing).collect());
    let within = |days: u32| {
        let until = end.plus(days * DAY_SECS);
        let count = report.running_out().iter().filter(|machine| machine.until <= until).count();
        (vec![("days", days.to_string())], count as f64)
    };
    put("machines_running_out", "Machines that run out within so many days.", [7, 30, 90, 180].map(within).to_vec());
    let of_count = |value: fn(&crate::events::CountSeries) -> Option<f64>| {
        let labels = |series: &crate::events::CountSeries| {
            vec![("host", series.host.clone()), ("application", series.application.name().to_owned())]
        };
        report.counts.iter().filter_map(|series| Some((labels(series), value(series)?))).collect::<Vec<_>>()
    };
    put(
        "count",
        "Machines that asked a host within thirty days.",
        of_count(|series| Some(f64::from(series.current()))),
    );
    put("threshold", "Machines that are needed.", of_count(|series| Some(f64::from(series.threshold))));
    let below = |series: &crate::events::CountSeries| match series.forecast {
        Forecast::Falling { below_on: day, .. } | Forecast::Below { since: day } => Some(f64::from(day.secs())),
        _ => None,
    };
    put("count_below_timestamp_seconds", "When the count is, or has been, too low.", of_count(below));
    let of_host = |value: fn(&crate::events::HostSeen) -> f64| {
        report.hosts.iter().map(|host| (vec![("host", host.name.clone())], value(host))).collect::<Vec<_>>()
    };
    put("requests", "Requests in the logs of a host.", of_host(|host| host.requests as f64));
    put("requests_refused", "Requests that a host refused.", of_host(|host| host.failed as f64));
    let last = |host: &crate::events::HostSeen| host.last.map_or(0.0, |last| f64::from(last.secs()));
    put("last_request_timestamp_seconds", "The last request in the log of a host.", of_host(last));
    let error = |error: &crate::events::ErrorGroup| {
        let labels = vec![("event", error.event.to_string()), ("code", format!("0x{:08X}", error.code))];
        (labels, error.count as f64)
    };
    put("errors", "Errors by event and code.", report.errors.iter().map(error).collect());
    let cloned = report.clones.iter().filter(|clone| !clone.is_renamed);
    put("cloned_ids", "Machine ids that several machines share.", vec![(vec![], cloned.count() as f64)]);
    put("findings", "Things that should be looked at.", vec![(vec![], report.findings.len() as f64)]);
    text
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
