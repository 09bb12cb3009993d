//! Numbers as OpenMetrics text.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::catalogue::ALL;
use super::{Kind, Metric, Numbers};

/// Prometheus takes it since its version 2.5.
pub(super) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The whole text.
pub(super) fn exposition(numbers: Numbers, commits: Histogram) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Everything { numbers, commits }));
    let mut text = String::new();
    text::encode(&mut text, &registry).expect("a string takes every text");
    text
}

#[derive(Debug)]
struct Everything {
    numbers: Numbers,
    commits: Histogram,
}

impl Collector for Everything {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for metric in ALL {
            let mut family = encoder.encode_descriptor(metric.name, metric.help, None, metric.kind.in_text())?;
            if metric.kind == Kind::Histogram {
                self.commits.encode(family)?;
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
    use super::super::catalogue::{ENTITLEMENT_ENDS, QUEUE, REQUESTS};
    use super::*;

    #[test]
    fn labels_are_escaped_and_no_series_stands_twice() {
        let mut numbers = Numbers::default();
        numbers.put(&REQUESTS, ["a\"b\\c\nd", "granted"], 3);
        numbers.put(&ENTITLEMENT_ENDS, ["a", "VWXYZ"], 9);
        numbers.put(&ENTITLEMENT_ENDS, ["a", "VWXYZ"], 7);
        numbers.put(&QUEUE, [], 0);
        let text = exposition(numbers, Histogram::new([1.0]));
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = [
            "keymuster_host_requests_total{publisher=\"a\\\"b\\\\c\\nd\",outcome=\"granted\"} 3",
            "keymuster_host_queue_requests 0",
            "keymuster_host_commit_duration_seconds_sum 0.0",
            "keymuster_host_commit_duration_seconds_count 0",
            "keymuster_host_commit_duration_seconds_bucket{le=\"1.0\"} 0",
            "keymuster_host_commit_duration_seconds_bucket{le=\"+Inf\"} 0",
            "keymuster_host_entitlement_end_timestamp_seconds{publisher=\"a\",key=\"VWXYZ\"} 7",
        ];
        assert_eq!(samples, expected);
        assert!(text.ends_with("# EOF\n"));
    }
}
