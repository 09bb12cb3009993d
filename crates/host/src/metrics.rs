//! What Prometheus is told, at `/metrics`: numbers that the host has anyway, read when somebody asks for them.
//!
//! Nothing is counted here, so nothing can disagree with the console. Labels name what the publisher's documents name, never
//! a client: however many machines ask, a host has the same series.

mod catalogue;
mod read;
mod reference;
mod text;

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use keymuster_service::Problem;
use keymuster_service::console::Api;
use keymuster_service::console::permission::Look;

use crate::administration::Administration;
use read::Live;
pub use reference::reference_markdown;

/// Where they are.
pub const PATH: &str = "/metrics";

/// One metric: what is told under one name.
#[derive(Debug)]
struct Metric {
    /// Without the `_total` of a counter.
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    help: &'static str,
}

/// How the numbers of a metric move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// Up and down.
    Gauge,
    /// Only up.
    Counter,
    /// How often a duration was at most so long.
    Histogram,
}

/// Numbers, each under the name of its metric and the values of its labels.
#[derive(Default, Debug)]
struct Numbers(BTreeMap<&'static str, BTreeMap<Vec<String>, u64>>);

impl Numbers {
    /// Puts a number. Of two with the same labels the smaller one counts: of two keys that end alike, the end of the first.
    fn put<const N: usize>(&mut self, metric: &Metric, labels: [&str; N], number: u64) {
        debug_assert_eq!(metric.labels.len(), N, "{}", metric.name);
        let labels = labels.map(str::to_owned).to_vec();
        let series = self.0.entry(metric.name).or_default();
        series.entry(labels).and_modify(|before| *before = number.min(*before)).or_insert(number);
    }
}

/// All numbers as they are now, for whoever has a token that may look.
pub async fn show(api: Api<Look>, State(app): State<Administration>) -> Result<Response, Problem> {
    let live = Live::of(&app).await;
    let (data_dir, now) = (app.data_dir.clone(), api.at());
    let read = app.console.pool().read(move |tx| Ok::<_, Problem>(read::read(tx, &data_dir, &live, now)?));
    let text = text::exposition(read.await?, app.engine.commits().clone());
    Ok(([(CONTENT_TYPE, text::MEDIA_TYPE)], text).into_response())
}
