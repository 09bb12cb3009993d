//! A ledger that knows many clients already, written without asking a host for each.

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::Context as _;
use keymuster_core::document::payload;
use keymuster_core::grant::LastRequest;
use keymuster_core::id::{EntitlementId, RequestId};
use keymuster_core::lease::{Lease, LeaseKind, Position};
use keymuster_core::refusal::Refusal;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::seats::Held;
use keymuster_core::time::{DAY, HOUR, Timestamp};
use keymuster_host::site::{Home, Publisher as Holding};
use keymuster_host::store::client::HeldLease;
use keymuster_host::store::shared_identity::Place;
use keymuster_host::store::{self, client, ledger};
use keymuster_service::Env;

use crate::fixture::{Publisher, VOLUME_EDITION};
use crate::load::Machine;

/// Clients in one transaction.
const BATCH: u64 = 10_000;

/// Makes an entitled host whose ledger knows machines 0 to `clients`, most with a lease.
///
/// Only the first `with_keys` have their true public key, as making a million takes half a minute; the others get bytes.
pub fn host_with_clients(data_dir: &Path, publisher: &Publisher, clients: u64, with_keys: u64) -> anyhow::Result<()> {
    let mut home = publisher.entitle_host(data_dir)?;
    home.db.pragma_update(None, "synchronous", "off")?;
    for first in (0..clients).step_by(BATCH as usize) {
        write(&mut home, first..clients.min(first + BATCH), with_keys)?;
    }
    home.db.pragma_update(None, "synchronous", "full")?;
    home.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

/// Adds what else happens to a host: seats that are held, refusals, shared ids, requests of a month.
pub fn what_happened(data_dir: &Path) -> anyhow::Result<()> {
    let env = Env::system();
    let now = env.now();
    let mut home = Home::open(data_dir, &env)?;
    let publisher = home.site.publishers.first().context("no publisher")?.trust.publisher.clone();
    let tx = home.db.transaction()?;
    for number in 0..400 {
        let seat = Held { fence: number + 1, free_at: now.plus(DAY).plus(number), is_reclaimed: false };
        let taken = store::seat::Taken { pool: "pool", client: Machine::numbered(number).id, seat };
        store::seat::take(&tx, 1, &taken, now)?;
    }
    for number in 0..u64::from(store::refusal::KEPT) {
        let request = Machine::numbered(number).ask(Act::Activate, &publisher, VOLUME_EDITION, &env);
        let refusal = Refusal::ThresholdNotMet { count: number, need: 1_000_000, retry_after_secs: 7200 };
        let address = address(number, false).to_string();
        let said = store::refusal::Said { request: &request, refusal: &refusal, address: &address, answered_at: None };
        store::refusal::note(&tx, 1, &said, now.minus(10_000 - number))?;
    }
    for number in 0..3_000 {
        let addresses = [address(number, false), address(number + 1, false)].map(|address| address.to_string());
        let place = |address| Place { address, name: None };
        let places = [place(&addresses[0]), place(&addresses[1])];
        store::shared_identity::note(&tx, 1, Machine::numbered(number).id, places, now.minus(number))?;
    }
    for hour in 0..30 * 24 {
        let outcomes = [((1, "granted"), 6_000), ((1, "threshold-not-met"), 40), ((1, "released"), 3)].into();
        store::tally::add(&tx, &outcomes, now.minus(hour * HOUR))?;
    }
    tx.commit()?;
    Ok(())
}

fn write(home: &mut Home, numbers: std::ops::Range<u64>, with_keys: u64) -> anyhow::Result<()> {
    let env = Env::system();
    let now = env.now();
    let held = home.site.publishers.first().context("no publisher")?.clone();
    let tx = home.db.transaction()?;
    let mut head = store::ledger::head(&tx, home.site.host)?.0;
    for number in numbers {
        let mut machine = Machine::numbered(number);
        let has_key = number < with_keys;
        let (asked, expires) = if has_key { (0, 180 * DAY) } else { age(number) };
        let asked = Machine::asked_before(number, now).minus(asked);
        let mut request = machine.ask(Act::Activate, &held.trust.publisher, VOLUME_EDITION, &env);
        request.request = RequestId::from_bytes([(number % 251) as u8; 16]);
        let position = Position { host: home.site.host, epoch: 1, sequence: head.sequence + 1, head: head.short() };
        let lease = expires.gt(&0).then(|| lease(&held, &request, position, (asked, asked.plus(expires))));
        if let Some(lease) = &lease {
            let payload = payload(lease).map_err(|error| anyhow::anyhow!("{error}"))?;
            let entry = ledger::Entry { kind: ledger::Kind::Lease, payload };
            head = ledger::append(&tx, &head, home.site.epoch, &entry, asked)?;
        }
        let address = address(number, has_key).to_string();
        let row = client::Client {
            edition: VOLUME_EDITION,
            client_key: if has_key { machine.public_key() } else { [6; 32] },
            last: LastRequest {
                counter: 0,
                request: request.request,
                answered_by: lease.as_ref().map(|lease| lease.position.sequence),
            },
            last_asked: asked,
            lease: lease.map(|lease| HeldLease { sequence: lease.position.sequence, expires: lease.expires }),
            detail_digest: client::detail_digest(&request, &address),
            released_at: None,
        };
        client::put(&tx, 1, machine.id, &row)?;
        client::put_detail(&tx, 1, &request, &address, asked)?;
    }
    tx.commit()?;
    Ok(())
}

/// For how long a machine has not asked, and how long its lease holds from then on: mostly as usual, and one in ten late,
/// ending, ended or refused.
fn age(number: u64) -> (u64, u64) {
    match number % 100 {
        0..4 => (20 * DAY, 180 * DAY),
        4..6 => (160 * DAY, 180 * DAY),
        6..8 => (200 * DAY, 180 * DAY),
        8 => (HOUR, 0),
        _ => (number % 7 * DAY, 180 * DAY),
    }
}

/// Whoever has a key may ask, which it does from this machine.
fn address(number: u64, has_key: bool) -> Ipv4Addr {
    let [.., b, c, d] = number.to_be_bytes();
    if has_key { Ipv4Addr::LOCALHOST } else { Ipv4Addr::new(10, b, c, d) }
}

fn lease(
    held: &Holding,
    request: &ClientRequest,
    position: Position,
    (issued, expires): (Timestamp, Timestamp),
) -> Lease {
    let entitlement = held.entitlements.first().map(|granted| granted.entitlement.id);
    Lease {
        kind: LeaseKind::Volume,
        publisher: request.publisher.clone(),
        entitlement: entitlement.unwrap_or(EntitlementId::from_bytes([3; 16])),
        client: request.client,
        client_key: request.client_key,
        edition: request.edition,
        request: request.request,
        position,
        issued,
        renew_after: issued.plus(7 * DAY),
        expires,
        count: 25,
        threshold: 1,
        previous: None,
        seat: None,
        features: None,
        ratchet: None,
        fingerprint: None,
        retry_secs: None,
        help_url: None,
        extensions: None,
    }
}
