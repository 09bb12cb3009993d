//! Reads the numbers: from the views that pages show, and from what the running server knows.

use std::path::Path;

use keymuster_core::catalogue::Family;
use keymuster_core::time::Timestamp;
use keymuster_service::edge::Limits;
use keymuster_service::files;
use keymuster_service::metrics::Numbers;
use keymuster_service::sql::Transaction;

use super::catalogue::{
    ANSWERS, BUILD_INFO, CLIENTS, CONNECTIONS, CONNECTIONS_MAX, COUNTED, DATABASE, DNS_FAILING, DNS_PUBLISHED,
    DNS_PUBLISHING, ENTITLEMENT_ENDS, ENTITLEMENT_WARNS, FALLS_BELOW, LEDGER_EPOCH, LEDGER_NEWEST, LEDGER_SEQUENCE,
    QUEUE, QUEUE_MAX, REQUESTS, RPC_HELLOS, SEATS, SEATS_HELD, SILENT, START_TIME, THRESHOLD, TIME, TLS_ENDS,
    TLS_FAILING, UNAVAILABLE,
};
use crate::administration::Administration;
use crate::dns::Kept;
use crate::engine::Unavailable;
use crate::forecast::Outlook;
use crate::glance::{Look, Snapshot};
use crate::site::{Publisher, Site};
use crate::store;
use crate::views::clients::State;
use crate::views::overview::outlook;
use crate::views::pools;
use crate::views::status::{self, PublisherReport, Report};

/// What the running server knows.
#[derive(Debug)]
pub(super) struct Live {
    /// The counts; absent while they cannot be had, which must not hide why.
    look: Option<Look>,
    unavailable: Option<Unavailable>,
    waiting: (usize, usize),
    connections: usize,
    dns: Kept,
}

impl Live {
    pub(super) async fn of(app: &Administration) -> Live {
        let waiting = app.engine.waiting();
        let engine = app.engine.clone();
        let probed = tokio::task::spawn_blocking(move || engine.probe()).await;
        Live {
            look: app.glance.look().await.ok(),
            unavailable: probed.unwrap_or(Err(Unavailable::Failed)).err(),
            waiting,
            connections: app.open.connections(),
            dns: *app.dns_progress.borrow(),
        }
    }
}

/// Reads everything.
pub(super) fn read(tx: &Transaction<'_>, data_dir: &Path, live: &Live, now: Timestamp) -> anyhow::Result<Numbers> {
    let site = Site::load(tx)?;
    let look = live.look.as_ref();
    let expected = |held: &Publisher, family: &Family| match look {
        Some(look) => outlook(look, held, family, now),
        None => Outlook::of(held, family, None, now),
    };
    let report = status::load(tx, &site, data_dir, expected, now)?;
    let mut numbers = Numbers::default();
    server(&mut numbers, &report, live);
    dns(&mut numbers, &report, live.dns);
    if let Some(tls) = report.serving.as_ref().and_then(|serving| serving.tls.as_ref()) {
        numbers.put(&TLS_ENDS, [], tls.not_after);
        numbers.put(&TLS_FAILING, [], tls.problem.is_some().into());
    }
    numbers.put(&RPC_HELLOS, [], report.rpc_hellos);
    numbers.put(&DATABASE, [], files::database_bytes(&data_dir.join(store::FILE_NAME)));
    for (publisher, outcome, requests) in store::tally::totals(tx)? {
        // A publisher that is known no more keeps its number.
        let id =
            site.numbered(publisher).map_or_else(|| publisher.to_string(), |held| held.trust.publisher.to_string());
        numbers.put(&REQUESTS, [&id, &outcome], requests);
    }
    for pool in pools::all(tx, &site, now)? {
        numbers.put(&SEATS, [&pool.publisher, &pool.pool], pool.seats.into());
        numbers.put(&SEATS_HELD, [&pool.publisher, &pool.pool], pool.held);
    }
    for publisher in &report.publishers {
        entitlements(&mut numbers, publisher);
        families(&mut numbers, publisher, look);
    }
    if let Some(snapshot) = look.and_then(|look| look.snapshot.as_deref()) {
        clients(&mut numbers, &site, snapshot);
    }
    Ok(numbers)
}

fn server(numbers: &mut Numbers, report: &Report, live: &Live) {
    numbers.put(&BUILD_INFO, [report.version], 1);
    numbers.put(&TIME, [], report.time);
    numbers.put(&ANSWERS, [], report.answers.into());
    if let Some(serving) = &report.serving {
        numbers.put(&START_TIME, [], serving.since);
    }
    for reason in Unavailable::ALL {
        numbers.put(&UNAVAILABLE, [reason.name()], (live.unavailable == Some(reason)).into());
    }
    numbers.put(&QUEUE, [], live.waiting.0 as u64);
    numbers.put(&QUEUE_MAX, [], live.waiting.1 as u64);
    numbers.put(&CONNECTIONS, [], live.connections as u64);
    numbers.put(&CONNECTIONS_MAX, [], Limits::default().connections.into());
    numbers.put(&LEDGER_SEQUENCE, [], report.ledger_sequence);
    numbers.put(&LEDGER_EPOCH, [], report.epoch);
    if let Some(newest) = report.newest_entry_at {
        numbers.put(&LEDGER_NEWEST, [], newest);
    }
}

fn dns(numbers: &mut Numbers, report: &Report, kept: Kept) {
    numbers.put(&DNS_PUBLISHING, [], report.dns.publishing.into());
    numbers.put(&DNS_FAILING, [], (kept.is_failing || kept.is_unusable).into());
    if let Some(at) = kept.published_at {
        numbers.put(&DNS_PUBLISHED, [], at.as_secs());
    }
}

fn entitlements(numbers: &mut Numbers, publisher: &PublisherReport) {
    for key in &publisher.keys {
        let labels = [&*publisher.id, &key.last_five];
        if let Some((warn_at, stop_at)) = key.warn_at.zip(key.stop_at) {
            numbers.put(&ENTITLEMENT_WARNS, labels, warn_at);
            numbers.put(&ENTITLEMENT_ENDS, labels, stop_at);
        }
    }
}

fn families(numbers: &mut Numbers, publisher: &PublisherReport, look: Option<&Look>) {
    for family in &publisher.families {
        let labels = [&*publisher.id, &family.id];
        for threshold in &family.thresholds {
            numbers.put(&THRESHOLD, [labels[0], labels[1], &threshold.to_string()], (*threshold).into());
        }
        let Some(look) = look else { continue };
        numbers.put(&COUNTED, labels, family.count);
        if look.snapshot.is_some() {
            numbers.put(&SILENT, labels, family.silent);
        }
        if let Some(at) = family.falls_below_at {
            numbers.put(&FALLS_BELOW, labels, at);
        }
    }
}

fn clients(numbers: &mut Numbers, site: &Site, snapshot: &Snapshot) {
    for ((publisher, edition), states) in &snapshot.states {
        let [publisher, edition, _] = site.names(*publisher, *edition);
        for (state, clients) in State::ALL.into_iter().zip(states) {
            numbers.put(&CLIENTS, [&publisher, &edition, state.name()], *clients);
        }
    }
}
