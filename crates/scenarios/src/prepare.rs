//! A ledger that knows many clients already, written without asking a host for each.

use std::net::Ipv4Addr;
use std::ops::Range;
use std::path::Path;
use std::thread;

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

use crate::crash::figures::Progress;
use crate::fixture::{Publisher, VOLUME_EDITION};
use crate::load::Machine;

/// Clients in one transaction.
const BATCH: u64 = 10_000;

/// Which machines a ledger knows.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Machines 0 to this number, most with a lease.
    pub clients: u64,
    /// The first so many may ask: they have their true public key, and asked within the last day.
    pub with_keys: u64,
    /// From where machines ask that have a key.
    pub address: fn(u64) -> Ipv4Addr,
}

/// Makes an entitled host whose ledger knows machines 0 to `clients`, of which the first `with_keys` may ask, from this
/// machine.
pub fn host_with_clients(data_dir: &Path, publisher: &Publisher, clients: u64, with_keys: u64) -> anyhow::Result<()> {
    host_that_knows(data_dir, publisher, Known { clients, with_keys, address: |_| Ipv4Addr::LOCALHOST })
}

/// Makes an entitled host whose ledger knows these machines.
pub fn host_that_knows(data_dir: &Path, publisher: &Publisher, known: Known) -> anyhow::Result<()> {
    let mut home = publisher.entitle_host(data_dir)?;
    home.db.execute_batch("PRAGMA synchronous = off")?;
    let mut progress = Progress::new("times 10,000 clients written", known.clients / BATCH);
    for first in (0..known.clients).step_by(BATCH as usize) {
        let numbers = first..known.clients.min(first + BATCH);
        let is_whole = numbers.end - numbers.start == BATCH;
        write(&mut home, numbers, known)?;
        // Small ledgers are made in no time.
        if is_whole {
            progress.step();
        }
    }
    home.db.execute_batch("PRAGMA synchronous = full")?;
    home.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

/// Adds what else happens to a host: seats that are held, refusals, shared ids, requests of a month.
pub fn what_happened(data_dir: &Path) -> anyhow::Result<()> {
    let env = Env::system();
    let now = env.now();
    let mut home = Home::open(data_dir, &env)?;
    let publisher = home.site.publishers.first().context("no publisher")?.trust.publisher.clone();
    let tx = home.db.writing()?;
    for number in 0..400 {
        let seat = Held { fence: number + 1, free_at: now.plus(DAY).plus(number), is_reclaimed: false };
        let (client, since) = (Machine::numbered(number).id, now);
        let taken = store::seat::Taken { pool: "pool", client, seat, since };
        store::seat::take(&tx, 1, &taken, now)?;
    }
    for number in 0..u64::from(store::refusal::KEPT) {
        let request = Machine::numbered(number).ask(Act::Activate, &publisher, VOLUME_EDITION, &env);
        let refusal = Refusal::ThresholdNotMet { count: number, need: 1_000_000, retry_after_secs: 7200 };
        let address = address(number).to_string();
        let said = store::refusal::Said { request: &request, refusal: &refusal, address: &address, answered_at: None };
        store::refusal::note(&tx, 1, &said, now.minus(10_000 - number))?;
    }
    for number in 0..3_000 {
        let addresses = [address(number), address(number + 1)].map(|address| address.to_string());
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

/// What is made of each number, on all cores: keys of machines take longer than their rows.
pub fn in_parallel<T: Send>(numbers: Range<u64>, make: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let share = (numbers.end - numbers.start).div_ceil(cores).max(1);
    thread::scope(|scope| {
        let begins = numbers.clone().step_by(share as usize);
        let make = &make;
        let part = |begin: u64| {
            let part = begin..numbers.end.min(begin + share);
            scope.spawn(move || part.map(make).collect::<Vec<T>>())
        };
        let parts: Vec<_> = begins.map(part).collect();
        parts.into_iter().flat_map(|part| part.join().expect("nothing in it panics")).collect()
    })
}

fn write(home: &mut Home, numbers: Range<u64>, known: Known) -> anyhow::Result<()> {
    let env = Env::system();
    let now = env.now();
    let machines = in_parallel(numbers.clone(), Machine::numbered);
    let held = home.site.publishers.first().context("no publisher")?.clone();
    let tx = home.db.writing()?;
    let mut head = store::ledger::head(&tx, home.site.host)?.0;
    for (number, mut machine) in numbers.zip(machines) {
        let has_key = number < known.with_keys;
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
        let address = if has_key { (known.address)(number) } else { address(number) }.to_string();
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

fn address(number: u64) -> Ipv4Addr {
    let [.., b, c, d] = number.to_be_bytes();
    Ipv4Addr::new(10, b, c, d)
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
        transport: None,
        extensions: None,
    }
}
