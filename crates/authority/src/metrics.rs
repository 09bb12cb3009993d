//! An authority's numbers for Prometheus, at `/metrics`: those of the console, read at the moment of the scrape.

mod catalogue;

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::Problem;
use keymuster_service::console::Api;
use keymuster_service::console::permission::Look;
use keymuster_service::files;
use keymuster_service::metrics::{MEDIA_TYPE, Numbers, exposition};
use keymuster_service::sql::Transaction;

use crate::administration::Administration;
use crate::authority::Authority;
use crate::error::Error;
use crate::store;
use catalogue::{
    BUILD_INFO, CATALOGUE_VERSION, CUSTOMERS, DATABASE, DECISIONS, HOSTS, HOSTS_ENDING, ISSUER_ENDS, KEYS, MAKS_LOW,
    PROPOSALS, REVOCATIONS, START_TIME, TIME, TLS_ENDS, TLS_FAILING, UNAVAILABLE,
};

/// How long before its end an entitlement is counted as ending.
const ENDING_SECS: u64 = 30 * DAY;
/// What is counted by its rows is counted up to here.
const ROWS: u32 = 10_000;

/// The text of `docs/reference/authority-metrics.md`.
pub fn reference_markdown() -> String {
    keymuster_service::metrics::reference_markdown(catalogue::HEAD, catalogue::ALL, catalogue::LABELS)
}

/// All numbers as they are now, for whoever has a token that may look.
pub async fn show(api: Api<Look>, State(app): State<Administration>) -> Result<Response, Problem> {
    let now = api.at();
    let at_work = Arc::clone(&app.app);
    let is_ready = tokio::task::spawn_blocking(move || at_work.check_ready().is_ok()).await.unwrap_or(false);
    let mut numbers = app.look(move |authority, tx| read(authority, tx, now)).await?;
    numbers.put(&START_TIME, [], app.started_at.as_secs());
    numbers.put(&UNAVAILABLE, [], (!is_ready).into());
    numbers.put(&DATABASE, [], app.console.pool().place().file().map_or(0, files::database_bytes));
    if let Some(certificate) = &*app.certificate.borrow() {
        numbers.put(&TLS_ENDS, [], certificate.not_after.as_secs());
        numbers.put(&TLS_FAILING, [], certificate.is_failing.into());
    }
    Ok(([(CONTENT_TYPE, MEDIA_TYPE)], exposition(catalogue::ALL, numbers, None)).into_response())
}

fn read(authority: &Authority, tx: &Transaction<'_>, now: Timestamp) -> Result<Numbers, Error> {
    let mut numbers = Numbers::default();
    numbers.put(&BUILD_INFO, [env!("CARGO_PKG_VERSION")], 1);
    numbers.put(&TIME, [], now.as_secs());
    for (kind, times) in store::tally::totals(tx)? {
        numbers.put(&DECISIONS, [&kind], times);
    }
    numbers.put(&CUSTOMERS, [], store::customer::count(tx)?);
    numbers.put(&HOSTS, [], store::host::count(tx)?);
    numbers.put(&HOSTS_ENDING, [], store::host::ending(tx, now, now.plus(ENDING_SECS), ROWS)?.len() as u64);
    numbers.put(&KEYS, [], store::product_key::count_living(tx)?);
    numbers.put(&MAKS_LOW, [], store::product_key::running_low(tx, ROWS)?.len() as u64);
    numbers.put(&PROPOSALS, [], store::proposal::pending(tx)?.len() as u64);
    numbers.put(&ISSUER_ENDS, [], authority.issuer.sign_until.as_secs());
    let catalogue = authority.newest_catalogue(tx)?.map_or(0, |catalogue| catalogue.version);
    numbers.put(&CATALOGUE_VERSION, [], catalogue.into());
    numbers.put(&REVOCATIONS, [], store::revocation_list::newest(tx)?.map_or(0, |(sequence, _)| sequence));
    Ok(numbers)
}
