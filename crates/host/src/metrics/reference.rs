//! The reference page of the metrics, generated as text; a test compares it with the file in `docs/reference/`.

use std::fmt::Write as _;

use super::catalogue::{ALL, LABELS};
use super::{Kind, Metric};

/// The text of `docs/reference/metrics.md`.
pub fn reference_markdown() -> String {
    let mut text = String::from(HEAD);
    for metric in ALL {
        entry(&mut text, metric);
    }
    text.push_str("\n## Labels\n\n");
    for (label, meaning) in LABELS {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "- `{label}`: {meaning}.");
    }
    text
}

/// One section; every sentence has a line of its own.
fn entry(text: &mut String, metric: &Metric) {
    let (kind, suffix) = match metric.kind {
        Kind::Gauge => ("gauge", ""),
        Kind::Counter => ("counter", "_total"),
        Kind::Histogram => ("histogram", ""),
    };
    let _ = writeln!(text, "\n### {}{suffix}\n\n{}\n", metric.name, metric.help.replace(". ", ".\n"));
    let _ = write!(text, "- Kind: {kind}");
    match metric.kind {
        Kind::Histogram => {
            let _ = writeln!(text, "; its series end in `_bucket` (with the label `le`), `_sum` and `_count`.");
        }
        _ => text.push_str(".\n"),
    }
    if !metric.labels.is_empty() {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(text, "- Labels: {}.", labels.join(", "));
    }
}

const HEAD: &str = "\
<!-- Generated from crates/host/src/metrics/catalogue.rs; `UPDATE=1 cargo test -p keymuster-host --test metrics_reference` rewrites this file. -->

# Metrics of a host

`GET /metrics` on the listener of administrators answers with these as OpenMetrics text, to whoever sends a token with the scope `look`.
[The guide](../guides/monitoring.md) sets up Prometheus, alerts and a dashboard.

No label names a client, so the number of series does not grow with the number of machines.
What is called a timestamp is in seconds since 1970, and has no series where there is no such time.

## Metrics
";
