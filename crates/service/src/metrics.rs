//! What Prometheus is told: numbers that a server has anyway, read when somebody asks for them.
//!
//! Nothing is counted here, so nothing can disagree with the console. Labels name what the publisher's documents name, never
//! a client: however many machines ask, a server has the same series.

mod reference;
mod text;

use std::collections::BTreeMap;

pub use reference::reference_markdown;
pub use text::{MEDIA_TYPE, exposition};

/// Where they are, on the listener of administrators.
pub const PATH: &str = "/metrics";

/// One metric: what is told under one name.
#[derive(Debug)]
pub struct Metric {
    /// Without the `_total` of a counter.
    pub name: &'static str,
    /// How its numbers move.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it tells, in whole sentences.
    pub help: &'static str,
}

/// How the numbers of a metric move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Up and down.
    Gauge,
    /// Only up.
    Counter,
    /// How often a duration was at most so long.
    Histogram,
}

impl Metric {
    /// A metric whose number goes up and down.
    pub const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
        Metric { name, kind: Kind::Gauge, labels, help }
    }

    /// A metric whose number only goes up.
    pub const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
        Metric { name, kind: Kind::Counter, labels, help }
    }

    /// Durations.
    pub const fn histogram(name: &'static str, help: &'static str) -> Metric {
        Metric { name, kind: Kind::Histogram, labels: &[], help }
    }
}

/// Declares the metrics of a program and, in the same order, the list of all, as text and reference show them.
#[macro_export]
macro_rules! metrics {
    ($($name:ident = $metric:expr;)+) => {
        $(pub(super) static $name: $crate::metrics::Metric = $metric;)+
        pub(super) static ALL: &[&$crate::metrics::Metric] = &[$(&$name),+];
    };
}

/// Numbers, each under the name of its metric and the values of its labels.
#[derive(Default, Debug)]
pub struct Numbers(BTreeMap<&'static str, BTreeMap<Vec<String>, u64>>);

impl Numbers {
    /// Puts a number. Of two with the same labels the smaller one counts: of two keys that end alike, the end of the first.
    pub fn put<const N: usize>(&mut self, metric: &Metric, labels: [&str; N], number: u64) {
        debug_assert_eq!(metric.labels.len(), N, "{}", metric.name);
        let labels = labels.map(str::to_owned).to_vec();
        let series = self.0.entry(metric.name).or_default();
        series.entry(labels).and_modify(|before| *before = number.min(*before)).or_insert(number);
    }
}
