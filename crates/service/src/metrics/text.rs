//! Numbers as OpenMetrics text.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::{Kind, Metric, Numbers};

/// What the text is called in an answer; Prometheus takes it since its version 2.5.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The whole text: the metrics `all` in their order, with their numbers; those of durations are in `durations`.
pub fn exposition(all: &'static [&'static Metric], numbers: Numbers, durations: Option<Histogram>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Everything { all, numbers, durations }));
    let mut text = String::new();
    text::encode(&mut text, &registry).expect("a string takes every text");
    text
}

#[derive(Debug)]
struct Everything {
    all: &'static [&'static Metric],
    numbers: Numbers,
    durations: Option<Histogram>,
}

impl Collector for Everything {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for metric in self.all {
            let mut family = encoder.encode_descriptor(metric.name, metric.help, None, metric.kind.in_text())?;
            if metric.kind == Kind::Histogram {
                if let Some(durations) = &self.durations {
                    durations.encode(family)?;
                }
                continue;
            }
            for (values, number) in self.numbers.0.get(metric.name).into_iter().flatten() {
                let labels: Vec<(&str, &str)> = pairs(metric, values).collect();
                // Braces around nothing would be right and look wrong.
                if labels.is_empty() {
                    sample(&mut family, metric.kind, *number)?;
                } else {
                    sample(&mut family.encode_family(&labels)?, metric.kind, *number)?;
                }
            }
        }
        Ok(())
    }
}

fn sample(encoder: &mut MetricEncoder<'_>, kind: Kind, number: u64) -> Result<(), fmt::Error> {
    match kind {
        Kind::Counter => encoder.encode_counter::<NoLabelSet, _, u64>(&number, None),
        Kind::Gauge | Kind::Histogram => encoder.encode_gauge(&number),
    }
}

fn pairs<'a>(metric: &Metric, values: &'a [String]) -> impl Iterator<Item = (&'a str, &'a str)> {
    metric.labels.iter().copied().zip(values.iter().map(String::as_str))
}

impl Kind {
    fn in_text(self) -> MetricType {
        match self {
            Kind::Gauge => MetricType::Gauge,
            Kind::Counter => MetricType::Counter,
            Kind::Histogram => MetricType::Histogram,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static REQUESTS: Metric = Metric::counter("host_requests", &["publisher", "outcome"], "Requests.");
    static QUEUE: Metric = Metric::gauge("host_queue", &[], "Waiting.");
    static COMMITS: Metric = Metric::histogram("host_commits_seconds", "Commits.");
    static ENDS: Metric = Metric::gauge("host_ends", &["publisher", "key"], "Ends.");
    static ALL: &[&Metric] = &[&REQUESTS, &QUEUE, &COMMITS, &ENDS];

    #[test]
    fn labels_are_escaped_and_no_series_stands_twice() {
        let mut numbers = Numbers::default();
        numbers.put(&REQUESTS, ["a\"b\\c\nd", "granted"], 3);
        numbers.put(&ENDS, ["a", "VWXYZ"], 9);
        numbers.put(&ENDS, ["a", "VWXYZ"], 7);
        numbers.put(&QUEUE, [], 0);
        let text = exposition(ALL, numbers, Some(Histogram::new([1.0])));
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = [
            "host_requests_total{publisher=\"a\\\"b\\\\c\\nd\",outcome=\"granted\"} 3",
            "host_queue 0",
            "host_commits_seconds_sum 0.0",
            "host_commits_seconds_count 0",
            "host_commits_seconds_bucket{le=\"1.0\"} 0",
            "host_commits_seconds_bucket{le=\"+Inf\"} 0",
            "host_ends{publisher=\"a\",key=\"VWXYZ\"} 7",
        ];
        assert_eq!(samples, expected);
        assert!(text.ends_with("# EOF\n"));
    }
}
