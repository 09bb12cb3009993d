//! The reference page of a program's metrics, generated as text; a test compares it with the file in `docs/reference/`.

use std::fmt::Write as _;

use super::{Kind, Metric};

/// The page: `head`, a section for each metric, and what the labels say.
pub fn reference_markdown(head: &str, all: &[&Metric], labels: &[(&str, &str)]) -> String {
    let mut text = head.to_owned();
    for metric in all {
        entry(&mut text, metric);
    }
    text.push_str("\n## Labels\n\n");
    for (label, meaning) in labels {
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
