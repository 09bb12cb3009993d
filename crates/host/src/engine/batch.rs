//! One batch: the requests of one transaction, each loaded, decided by the rules, and stored.

mod collect;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use keymuster_core::document::Signed;
use keymuster_core::document::{from_payload, payload};
use keymuster_core::entitlement::{Entitlement, Pool};
use keymuster_core::fingerprint;
use keymuster_core::grant::{self, Admission, Counted, Known, LastRequest, Terms};
use keymuster_core::id::{ClientId, Slug};
use keymuster_core::lease::{Lease, LeaseKind, Position, Transport};
use keymuster_core::ledger::Head;
use keymuster_core::muster::Muster;
use keymuster_core::refusal::Refusal;
use keymuster_core::report::Report;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::seats::{Held, SeatUse};
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;

use super::{Outcome, returned, witness};
use crate::site::{Publisher, Site};
use crate::store::client::{Client, HeldLease};
use crate::store::epoch::{Cause, Place as LedgerPlace, Return};
use crate::store::shared_identity::Place;
use crate::store::together::Together;
use crate::store::{self, counter, ledger};

/// The counts of a host, by publisher and family.
pub(crate) type Counts = HashMap<Scope, Muster>;
/// A publisher's number and a family's.
pub(crate) type Scope = (i64, u16);

/// The requests of one transaction.
pub(super) struct Batch<'a> {
    tx: &'a Transaction<'a>,
    site: &'a Site,
    musters: &'a mut Counts,
    now: Timestamp,
    changes: Changes,
    outcomes: BTreeMap<(i64, &'static str), u64>,
    counters: BTreeMap<(i64, &'static str), u64>,
    /// What is read ahead and written later, where the database is a server.
    together: Option<Together>,
    /// Whether a refusal was kept.
    has_refused: bool,
    /// How many requests are kept for an exchange, once one of the batch needs to know.
    collected: Option<u64>,
}

/// What the writer takes over once the transaction is durable.
pub(super) struct Changes {
    pub(super) head: Head,
    /// The epoch, and with which return it began.
    pub(super) epoch: u64,
    pub(super) returned: Option<Return>,
    pub(super) asked: Vec<Asked>,
}

/// A client that was counted.
pub(super) struct Asked {
    pub(super) scope: Scope,
    pub(super) window_secs: u64,
    pub(super) before: Option<Timestamp>,
}

/// A request with what is known of its client.
struct Case<'a> {
    publisher: &'a Publisher,
    request: &'a Signed<ClientRequest>,
    address: IpAddr,
    /// The client's row for the edition that is asked for.
    own: Option<&'a Client>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        tx: &'a Transaction<'a>,
        site: &'a Site,
        head: Head,
        musters: &'a mut Counts,
        now: Timestamp,
    ) -> Batch<'a> {
        let changes = Changes { head, epoch: site.epoch, returned: site.returned, asked: Vec::new() };
        let (outcomes, counters) = (BTreeMap::new(), BTreeMap::new());
        Batch {
            tx,
            site,
            musters,
            now,
            changes,
            outcomes,
            counters,
            together: None,
            has_refused: false,
            collected: None,
        }
    }

    /// Reads everything that is known of those who ask, where each statement is a journey to a server.
    pub(super) fn read_ahead<'r>(
        &mut self,
        requests: impl Iterator<Item = &'r Signed<ClientRequest>>,
    ) -> Result<(), Failure> {
        let of =
            |request: &Signed<ClientRequest>| Some((self.site.publisher(&request.publisher)?.number, request.client));
        self.together = Some(Together::read(self.tx, requests.filter_map(of))?);
        Ok(())
    }

    /// Writes what was kept back, before it is read.
    fn settle(&mut self) -> Result<(), Failure> {
        self.together.as_mut().map_or(Ok(()), |together| together.write(self.tx))
    }

    /// What is known of a client.
    fn rows(&mut self, of: (i64, ClientId)) -> Result<Vec<Client>, Failure> {
        if let Some(together) = &mut self.together {
            if let Some(rows) = together.take(of) {
                return Ok(rows);
            }
            if together.has(of) {
                together.write(self.tx)?;
            }
        }
        store::client::of_id(self.tx, of.0, of.1)
    }

    /// Appends an entry to the ledger.
    fn append(&mut self, entry: &ledger::Entry) -> Result<(), Failure> {
        let (head, epoch) = (&self.changes.head, self.changes.epoch);
        self.changes.head = match &mut self.together {
            Some(together) => together.append(head, epoch, entry, self.now),
            None => ledger::append(self.tx, head, epoch, entry, self.now)?,
        };
        Ok(())
    }

    /// Stores what is stored once per batch.
    pub(super) fn finish(mut self) -> Result<Changes, Failure> {
        self.settle()?;
        store::tally::add(self.tx, &self.outcomes, self.now)?;
        store::counter::add(self.tx, &self.counters)?;
        if self.has_refused {
            store::refusal::drop_oldest(self.tx)?;
        }
        Ok(self.changes)
    }

    pub(super) fn decide(&mut self, request: &Signed<ClientRequest>, address: IpAddr) -> Result<Outcome, Failure> {
        let Some(publisher) = self.site.publisher(&request.publisher) else {
            return Ok(Outcome::Refused(Refusal::PublisherUnknown { publisher: request.publisher.clone() }));
        };
        let rows = self.rows((publisher.number, request.client))?;
        let own = rows.iter().find(|row| row.edition == request.edition);
        let case = Case { publisher, request, address, own };
        if request.act == Act::Check {
            return self.report(&case);
        }
        let outcome = if request.act == Act::Mak {
            self.collect(&case, &rows)?
        } else {
            self.note_shared_identity(&case)?;
            self.decide_case(&case, &rows)?
        };
        self.tally(&case, &outcome);
        if let Outcome::Refused(refusal) = &outcome {
            self.keep_refusal(&case, refusal)?;
        }
        Ok(outcome)
    }

    /// For the support desk: why this client was refused last (`docs/spec/refusals.md`, 4).
    fn keep_refusal(&mut self, case: &Case<'_>, refusal: &Refusal) -> Result<(), Failure> {
        let answered_at = case.own.filter(|own| own.last.answered_by.is_some()).map(|own| own.last_asked);
        let address = case.address.to_string();
        let said = store::refusal::Said { request: case.request, refusal, address: &address, answered_at };
        self.has_refused = true;
        store::refusal::note(self.tx, case.publisher.number, &said, self.now)
    }

    fn tally(&mut self, case: &Case<'_>, outcome: &Outcome) {
        let number = case.publisher.number;
        *self.outcomes.entry((number, outcome.name())).or_default() += 1;
        let mut count = |name| *self.counters.entry((number, name)).or_default() += 1;
        count(counter::TOTAL);
        if let Outcome::Refused(refusal) = outcome
            && !waits_for_others(refusal)
        {
            count(counter::FAILED);
        }
        if let Some(standing) = case.request.standing {
            count(counter::of_standing(standing));
        }
    }

    /// Two copies of one client are noticed by a counter that does not rise, or by a lease shown that is not the newest
    /// one. A copy that was restored once looks the same, so this is a sign for people and no reason to refuse.
    fn note_shared_identity(&mut self, case: &Case<'_>) -> Result<(), Failure> {
        let Case { publisher, request, own: Some(own), .. } = case else { return Ok(()) };
        if own.client_key != *request.client_key.as_bytes() || own.last.request == request.request {
            return Ok(());
        }
        let shown = request.previous.filter(|shown| shown.host == self.site.host && shown.epoch == self.changes.epoch);
        let is_older = shown.zip(own.lease).is_some_and(|(shown, newest)| shown.sequence < newest.sequence);
        if !is_older && request.counter > own.last.counter {
            return Ok(());
        }
        self.settle()?;
        let before = store::client::place(self.tx, publisher.number, request.client, request.edition)?;
        let address = case.address.to_string();
        let name = request.name.as_ref().map(|name| name.as_str());
        let (address_before, name_before) = before.as_ref().map_or(("-", None), |(at, name)| (at, name.as_deref()));
        let places = [Place { address: &address, name }, Place { address: address_before, name: name_before }];
        store::shared_identity::note(self.tx, publisher.number, request.client, places, self.now)
    }

    /// What a new client that asks for the same would be answered: nothing is counted, nothing granted, nothing written.
    fn report(&mut self, case: &Case<'_>) -> Result<Outcome, Failure> {
        let Case { publisher, request, .. } = case;
        let held: Vec<&Entitlement> = publisher.entitlements.iter().map(|granted| &*granted.entitlement).collect();
        let desk = desk(self.site, publisher, &held);
        let checked =
            grant::admit(&desk, request, None, self.now).and_then(|_| desk.covered_edition(request, self.now));
        let edition = match checked {
            Ok(edition) => edition,
            Err(refusal) => return Ok(Outcome::Refused(refusal)),
        };
        let family = publisher.catalogue.group_of(edition).map_or(0, |group| group.family);
        let count = self.musters.get_mut(&(publisher.number, family)).map_or(0, |muster| muster.count(self.now));
        let seats = self.seats(case, &held)?;
        let rehearsal = match desk.rehearse(request, count, seat_use(seats), self.now) {
            Ok(rehearsal) => rehearsal,
            Err(refusal) => return Ok(Outcome::Refused(refusal)),
        };
        let granted = &publisher.entitlements[rehearsal.entitlement];
        let report = Report {
            publisher: publisher.trust.publisher.clone(),
            entitlement: granted.entitlement.id,
            request: request.request,
            edition: request.edition,
            time: self.now,
            position: self.position(self.changes.head.sequence),
            count,
            threshold: rehearsal.threshold,
            refusal: rehearsal.refusal.map(|refusal| refusal.code().slug()),
            extensions: None,
        };
        let payload = payload(&report).expect("a report has no rules to break");
        Ok(Outcome::Report { payload, enclosure: granted.enclosure.clone() })
    }

    fn decide_case(&mut self, case: &Case<'_>, rows: &[Client]) -> Result<Outcome, Failure> {
        let Case { publisher, request, own, .. } = case;
        let held: Vec<&Entitlement> = publisher.entitlements.iter().map(|granted| &*granted.entitlement).collect();
        let desk = desk(self.site, publisher, &held);
        let known = rows.first().map(|row| Known { client_key: row.client_key, last: own.map(|own| own.last) });
        match grant::admit(&desk, request, known.as_ref(), self.now) {
            Err(refusal) => return Ok(Outcome::Refused(refusal)),
            Ok(Admission::Repeat { sequence }) => {
                if let Some(outcome) = self.repeat(case, sequence)? {
                    return Ok(outcome);
                }
            }
            Ok(Admission::New) => {}
        }
        if request.act == Act::Release {
            return self.release(case);
        }
        if let Some(until) = released_until(rows).filter(|until| *until > self.now) {
            return Ok(Outcome::Refused(Refusal::ClientReleased { until }));
        }
        self.heed_witness(case)?;
        let edition = match desk.covered_edition(request, self.now) {
            Ok(edition) => edition,
            Err(refusal) => return Ok(Outcome::Refused(refusal)),
        };
        let family = publisher.catalogue.group_of(edition).map_or(0, |group| group.family);
        let asked = self.asked(publisher, family, rows);
        let counted = self.count(&asked);
        let seats = match edition.kind {
            LeaseKind::Seat => self.seats(case, &held)?,
            LeaseKind::Volume => Vec::new(),
        };
        match desk.grant(request, counted, seat_use(seats), self.now) {
            // Beyond the limit of clients a newcomer is not even counted, or it would take a place for the next 30 days.
            Err(refusal @ Refusal::ClientsExhausted { .. }) => Ok(Outcome::Refused(refusal)),
            Err(refusal) => {
                self.changes.asked.push(asked);
                self.put_client(case, None)?;
                Ok(Outcome::Refused(refusal))
            }
            Ok(terms) => {
                self.changes.asked.push(asked);
                self.lease(case, &terms, counted.count)
            }
        }
    }

    /// A client that shows a lease of this host which the ledger does not have proves that the ledger was set back: a new
    /// epoch begins, unless it has begun already, and the seat of the lease is its holder's.
    fn heed_witness(&mut self, case: &Case<'_>) -> Result<(), Failure> {
        let Case { publisher, request, own, .. } = case;
        let known = witness::Ledger { tx: self.tx, epoch: self.changes.epoch, head: self.changes.head };
        let newest = own.and_then(|own| own.lease).map(|lease| lease.sequence);
        let host = self.site.host;
        let shown = request.previous.filter(|shown| shown.host == host);
        let Some(shown) = shown else { return Ok(()) };
        let Some(lease) = witness::lost(&known, publisher, request, newest)? else { return Ok(()) };
        if shown.epoch >= self.changes.epoch {
            let shown = LedgerPlace { epoch: shown.epoch, sequence: shown.sequence };
            let cause = Cause::Client { client: request.client, shown };
            let (_, newest_entry) = ledger::head(self.tx, host)?;
            let made_at = newest_entry.map_or(lease.issued, |newest| newest.min(lease.issued));
            let begun = store::epoch::raise_on_proof(self.tx, host, cause, made_at, self.now)?;
            (self.changes.epoch, self.changes.returned) = (begun.epoch, Some(begun));
        }
        self.adopt(case, &lease)
    }

    /// Writes down the seat of a lease that the ledger does not have, until its holder renews it or it ends.
    fn adopt(&self, case: &Case<'_>, lease: &Lease) -> Result<(), Failure> {
        let Some(seat) = &lease.seat else { return Ok(()) };
        let Case { publisher, request, .. } = case;
        let pools = &mut publisher.entitlements.iter().flat_map(|granted| &granted.entitlement.pools);
        let Some(pool) = pools.find(|pool| pool.id == seat.pool) else { return Ok(()) };
        let stored = store::seat::usage(self.tx, publisher.number, pool, request.client, self.now)?;
        let held = Held { fence: seat.fence, free_at: pool.free_at(lease.expires), is_reclaimed: false };
        let is_newer = stored.own.is_none_or(|own| (own.fence, own.free_at) < (held.fence, held.free_at));
        if held.free_at <= self.now || !is_newer {
            return Ok(());
        }
        // Before all who were given one since the copy was put in place, also within the second.
        let since = lease.issued.minus(1);
        let taken = store::seat::Taken { pool: pool.id.as_str(), client: request.client, seat: held, since };
        store::seat::take(self.tx, publisher.number, &taken, self.now)
    }

    /// When this client was last counted in the family, for whichever of its editions.
    fn asked(&self, publisher: &Publisher, family: u16, rows: &[Client]) -> Asked {
        let catalogue = &publisher.catalogue;
        let in_family = |row: &&Client| {
            let edition = catalogue.edition(row.edition).and_then(|edition| catalogue.group_of(edition));
            edition.is_some_and(|group| group.family == family)
        };
        let before = rows.iter().filter(in_family).map(|row| row.last_asked).max();
        Asked { scope: (publisher.number, family), window_secs: catalogue.policy.window_secs, before }
    }

    /// The count with this client, and with those that came earlier in this batch.
    fn count(&mut self, asked: &Asked) -> Counted {
        let begin = self.now.minus(asked.window_secs);
        let is_new = |asked: &Asked| asked.before.is_none_or(|before| before <= begin);
        let committed = self.musters.get_mut(&asked.scope).map_or(0, |muster| muster.count(self.now));
        let in_batch = self.changes.asked.iter().filter(|other| other.scope == asked.scope && is_new(other)).count();
        let is_newcomer = is_new(asked);
        Counted { count: committed + in_batch as u64 + u64::from(is_newcomer), is_newcomer }
    }

    /// How every pool of the edition stands.
    fn seats(&self, case: &Case<'_>, held: &[&Entitlement]) -> Result<Vec<(Slug, SeatUse)>, Failure> {
        let pools = held.iter().flat_map(|entitlement| &entitlement.pools);
        let pools = pools.filter(|pool| pool.edition == case.request.edition);
        let usage = |pool: &Pool| {
            let stored = store::seat::usage(self.tx, case.publisher.number, pool, case.request.client, self.now)?;
            Ok::<_, Failure>(match &self.changes.returned {
                Some(back) => {
                    let shows_lease = case.request.previous.is_some_and(|place| place.host == self.site.host);
                    let gives_way = self.gives_way(case, pool, &stored, back)?;
                    returned::seats(back, pool, stored, returned::Asker { shows_lease, gives_way }, self.now)
                }
                None => stored,
            })
        };
        pools.map(|pool| Ok((pool.id.clone(), usage(pool)?))).collect()
    }

    /// Whether the pool has more holders than seats since those of the lost time have come, and this one took its seat last.
    fn gives_way(&self, case: &Case<'_>, pool: &Pool, seats: &SeatUse, back: &Return) -> Result<bool, Failure> {
        let is_overfull = seats.own.is_some() && seats.others >= u64::from(pool.seats);
        if !is_overfull || self.now >= returned::settled_at(back, pool) {
            return Ok(false);
        }
        let (number, client) = (case.publisher.number, case.request.client);
        let before = store::seat::held_longer(self.tx, number, pool.id.as_str(), client, self.now)?;
        Ok(before >= u64::from(pool.seats))
    }

    fn lease(&mut self, case: &Case<'_>, terms: &Terms, count: u64) -> Result<Outcome, Failure> {
        let granted = &case.publisher.entitlements[terms.entitlement];
        let lease = self.terms_as_lease(case, terms, count);
        // The rules above make no lease that contradicts itself.
        let payload = payload(&lease).expect("a granted lease keeps its own rules");
        let entry = ledger::Entry { kind: ledger::Kind::Lease, payload };
        self.append(&entry)?;
        let held = HeldLease { sequence: self.changes.head.sequence, expires: terms.expires };
        self.put_client(case, Some((held.sequence, Some(held))))?;
        if let Some(seat) = &terms.seat {
            let pool = granted.entitlement.pools.iter().find(|pool| pool.id == seat.pool);
            let pool = pool.expect("the rules give seats of the entitlement's own pools");
            let held = Held { fence: seat.fence, free_at: pool.free_at(terms.expires), is_reclaimed: false };
            let (pool, client) = (pool.id.as_str(), case.request.client);
            let taken = store::seat::Taken { pool, client, seat: held, since: self.now };
            store::seat::take(self.tx, case.publisher.number, &taken, self.now)?;
        }
        Ok(Outcome::Lease { payload: entry.payload, enclosure: granted.enclosure.clone() })
    }

    fn terms_as_lease(&self, case: &Case<'_>, terms: &Terms, count: u64) -> Lease {
        let Case { publisher, request, .. } = case;
        Lease {
            kind: if terms.seat.is_some() { LeaseKind::Seat } else { LeaseKind::Volume },
            publisher: publisher.trust.publisher.clone(),
            entitlement: publisher.entitlements[terms.entitlement].entitlement.id,
            client: request.client,
            client_key: request.client_key,
            edition: request.edition,
            request: request.request,
            position: self.position(self.changes.head.sequence + 1),
            issued: self.now,
            renew_after: terms.renew_after,
            expires: terms.expires,
            count,
            threshold: terms.threshold,
            previous: request.previous,
            seat: terms.seat.clone(),
            features: terms.features.clone(),
            ratchet: None,
            fingerprint: request.fingerprint.as_ref().map(fingerprint::digest),
            retry_secs: publisher.choices.retry_secs.map(|_| publisher.choices.retry(&publisher.catalogue).value),
            help_url: publisher.choices.help_url.clone(),
            transport: publisher.choices.is_tls_required.then_some(Transport::TlsOnly),
            extensions: None,
        }
    }

    /// A place in the ledger as it stands.
    fn position(&self, sequence: u64) -> Position {
        let head = self.changes.head.short();
        Position { host: self.site.host, epoch: self.changes.epoch, sequence, head }
    }

    fn release(&mut self, case: &Case<'_>) -> Result<Outcome, Failure> {
        let Some(lease) = case.own.and_then(|own| own.lease) else {
            return Ok(Outcome::Refused(Refusal::LeaseUnknown));
        };
        let number = case.publisher.number;
        if let Some(seat) = self.stored_lease(lease.sequence)?.and_then(|lease| lease.seat) {
            let newest = store::seat::fence(self.tx, number, seat.pool.as_str(), case.request.client)?;
            match (case.request.fence, newest) {
                (Some(fence), Some(newest)) if fence < newest => {
                    return Ok(Outcome::Refused(Refusal::SeatFenced { fence, newest }));
                }
                _ => store::seat::free(self.tx, number, seat.pool.as_str(), case.request.client)?,
            }
        }
        let entry = ledger::Entry { kind: ledger::Kind::Release, payload: case.request.bytes().to_vec() };
        self.append(&entry)?;
        self.put_client(case, Some((self.changes.head.sequence, None)))?;
        Ok(Outcome::Released)
    }

    /// Answers a request once more. One that asks for something else under the same id is not the same request; one whose
    /// lease stands on an entitlement that was replaced or revoked meanwhile is decided anew.
    fn repeat(&mut self, case: &Case<'_>, sequence: u64) -> Result<Option<Outcome>, Failure> {
        self.settle()?;
        let Case { publisher, request, .. } = case;
        let missing = || Failure::damaged("client", "answered_by", sequence, "the ledger has no such entry");
        let entry = ledger::entry(self.tx, sequence)?.ok_or_else(missing)?;
        match (entry.kind, request.act) {
            (ledger::Kind::Lease, Act::Activate) => {}
            (ledger::Kind::Release, Act::Release) => return Ok(Some(Outcome::Released)),
            _ => return Ok(Some(Outcome::Refused(Refusal::RequestConflict))),
        }
        let lease = read_lease(&entry, sequence)?;
        let granted = publisher.granted(lease.entitlement);
        Ok(granted.map(|granted| Outcome::Lease { payload: entry.payload, enclosure: granted.enclosure.clone() }))
    }

    fn stored_lease(&mut self, sequence: u64) -> Result<Option<Lease>, Failure> {
        self.settle()?;
        let entry = ledger::entry(self.tx, sequence)?.filter(|entry| entry.kind == ledger::Kind::Lease);
        entry.map(|entry| read_lease(&entry, sequence)).transpose()
    }

    /// Writes the client's row. `answer` is the sequence that answered the request and the lease then held; without one,
    /// the request was refused, and what was held before stays.
    fn put_client(&mut self, case: &Case<'_>, answer: Option<(u64, Option<HeldLease>)>) -> Result<(), Failure> {
        let Case { publisher, request, own, .. } = case;
        let address = case.address.to_string();
        let digest = store::client::detail_digest(request, &address);
        let kept = own.and_then(|own| own.lease);
        let (last_asked, released_at) = match (request.act, own) {
            (Act::Release, Some(own)) => (own.last_asked, own.released_at),
            _ => (self.now, None),
        };
        let client = Client {
            edition: request.edition,
            client_key: *request.client_key.as_bytes(),
            last: LastRequest {
                counter: request.counter,
                request: request.request,
                answered_by: answer.map(|(sequence, _)| sequence),
            },
            last_asked,
            lease: answer.map_or(kept, |(_, lease)| lease),
            detail_digest: digest,
            released_at,
        };
        let is_described_anew = own.is_none_or(|own| own.detail_digest != digest);
        let number = publisher.number;
        if let Some(together) = &mut self.together {
            together.put((number, request.client), &client);
            if is_described_anew {
                together.put_detail(number, request, &address, self.now);
            }
            return Ok(());
        }
        store::client::put(self.tx, number, request.client, &client)?;
        if is_described_anew {
            store::client::put_detail(self.tx, number, request, &address, self.now)?;
        }
        Ok(())
    }
}

/// Until when the leases hold of a client that an administrator has released; it is not activated before.
fn released_until(rows: &[Client]) -> Option<Timestamp> {
    let released = rows.iter().filter(|row| row.released_at.is_some());
    released.filter_map(|row| row.lease).map(|lease| lease.expires).max()
}

/// What the rules need of a publisher.
fn desk<'a>(site: &Site, publisher: &'a Publisher, held: &'a [&'a Entitlement]) -> grant::Site<'a> {
    let Publisher { catalogue, choices, .. } = publisher;
    grant::Site { host: site.host, catalogue, entitlements: held, choices }
}

/// How a pool stands, among those that were read.
fn seat_use(seats: Vec<(Slug, SeatUse)>) -> impl FnOnce(&Pool) -> SeatUse {
    |pool| {
        let found = seats.into_iter().find(|(id, _)| *id == pool.id).map(|(_, seats)| seats);
        found.expect("the seats of every pool of the edition were read")
    }
}

/// Whether nothing is wrong with a request, and it only has to wait until others have asked, gone, or made an exchange.
fn waits_for_others(refusal: &Refusal) -> bool {
    use Refusal::{ExchangePending, SeatReclaimed, SeatsExhausted, ThresholdNotMet};
    matches!(refusal, ThresholdNotMet { .. } | SeatsExhausted { .. } | SeatReclaimed { .. } | ExchangePending { .. })
}

fn read_lease(entry: &ledger::Entry, sequence: u64) -> Result<Lease, Failure> {
    from_payload(&entry.payload).map_err(|error| Failure::damaged("ledger", "payload", sequence, error.to_string()))
}
