//! The granting decision: from what a host holds, what it knows of the client and what was asked, to terms or a refusal.
//!
//! Two steps, because a request that is refused for the threshold still counts: [`admit`] decides whether the request may
//! be counted at all, [`Site::grant`] whether a lease is given.

use crate::catalogue::{Catalogue, Edition};
use crate::choice::Choices;
use crate::entitlement::{Entitlement, Pool};
use crate::id::{HostId, RequestId, Slug};
use crate::lease::{LeaseKind, Seat};
use crate::refusal::Refusal;
use crate::request::{Act, ClientRequest};
use crate::seats::{SeatUse, allot};
use crate::time::Timestamp;

/// What a host holds of one publisher.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The host's own id.
    pub host: HostId,
    /// The newest catalogue.
    pub catalogue: &'a Catalogue,
    /// All entitlements, whatever their state.
    pub entitlements: &'a [&'a Entitlement],
    /// What the customer chose.
    pub choices: &'a Choices,
}

/// What the ledger knows of a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    /// The key that the client came with at first; the same for all its editions.
    pub client_key: [u8; 32],
    /// Its last request for the edition that is asked for; `None` where this is the first one.
    pub last: Option<LastRequest>,
}

/// The last request of a client for one edition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LastRequest {
    /// Its counter.
    pub counter: u64,
    /// Its id.
    pub request: RequestId,
    /// The ledger's sequence of the entry that answered it; `None` where it was refused.
    pub answered_by: Option<u64>,
}

/// How many clients a family counts when one of them asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counted {
    /// Distinct clients in the window, the one that asks included.
    pub count: u64,
    /// Whether the one that asks was not among them before.
    pub is_newcomer: bool,
}

/// What to do with a request that may be counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// A new request: count it, then decide.
    New,
    /// The last request once more: answer with the lease at this place of the ledger.
    Repeat {
        /// The sequence of the ledger's entry.
        sequence: u64,
    },
}

/// The terms of a lease that is to be granted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Which of the site's entitlements it stands on.
    pub entitlement: usize,
    /// When it ends.
    pub expires: Timestamp,
    /// From when the client asks for the next one.
    pub renew_after: Timestamp,
    /// The threshold that was reached.
    pub threshold: u32,
    /// The seat, for a lease of kind seat.
    pub seat: Option<Seat>,
    /// Features of edition and entitlement.
    pub features: Option<Vec<Slug>>,
}

impl<'a> Site<'a> {
    /// The edition a request names, where an entitlement that has not ended covers it.
    pub fn covered_edition(&self, request: &ClientRequest, now: Timestamp) -> Result<&'a Edition, Refusal> {
        self.choose(request, now).map(|(edition, ..)| edition)
    }

    /// The edition a request names, and the entitlement that covers it, has the pool if one is asked for, and lasts
    /// longest, with its index.
    fn choose(
        &self,
        request: &ClientRequest,
        now: Timestamp,
    ) -> Result<(&'a Edition, usize, &'a Entitlement), Refusal> {
        let unknown =
            || Refusal::EditionUnknown { edition: request.edition, catalogue_version: self.catalogue.version };
        let edition = self.catalogue.edition(request.edition).ok_or_else(unknown)?;
        if self.entitlements.is_empty() {
            return Err(Refusal::HostNotActivated { publisher: self.catalogue.publisher.clone() });
        }
        let covering = self.entitlements.iter().enumerate().filter(|(_, held)| self.covers(held, edition));
        let (index, best) = covering
            .max_by_key(|(_, held)| (pool_for(held, edition, request.pool.as_ref()).is_some(), held.stop_at))
            .ok_or_else(|| Refusal::EditionNotCovered { edition: edition.id.clone() })?;
        if best.stop_at <= now {
            return Err(Refusal::EntitlementExpired { stopped_at: best.stop_at });
        }
        Ok((edition, index, best))
    }

    fn covers(&self, entitlement: &Entitlement, edition: &Edition) -> bool {
        match edition.kind {
            LeaseKind::Seat => pool_for(entitlement, edition, None).is_some(),
            LeaseKind::Volume => self.threshold(entitlement, edition).is_some(),
        }
    }

    fn threshold(&self, entitlement: &Entitlement, edition: &Edition) -> Option<u32> {
        entitlement.threshold(edition, self.catalogue.group_of(edition)?)
    }

    /// Decides on a request that may be counted; `seats` tells how a pool stands.
    pub fn grant(
        &self,
        request: &ClientRequest,
        counted: Counted,
        seats: impl FnOnce(&Pool) -> SeatUse,
        now: Timestamp,
    ) -> Result<Terms, Refusal> {
        let (edition, index, entitlement) = self.choose(request, now)?;
        let count = counted.count;
        if let Some(clients_max) = entitlement.clients_max.filter(|max| counted.is_newcomer && count > *max) {
            return Err(Refusal::ClientsExhausted { count, clients_max });
        }
        let features = features(edition, entitlement);
        let until = |secs: u64| now.plus(secs).min(entitlement.stop_at);
        match edition.kind {
            LeaseKind::Volume => {
                let signed = self.threshold(entitlement, edition).unwrap_or(edition.threshold);
                let threshold = self.choices.threshold(edition.number, signed).value;
                if count < u64::from(threshold) {
                    let retry_after_secs = self.choices.retry(self.catalogue).value;
                    return Err(Refusal::ThresholdNotMet { count, need: threshold, retry_after_secs });
                }
                let expires = until(self.catalogue.policy.lease_secs.min(entitlement.lease_secs_max));
                let renew_after = renewal(now, expires, self.choices.renew(self.catalogue).value);
                Ok(Terms { entitlement: index, expires, renew_after, threshold, seat: None, features })
            }
            LeaseKind::Seat => {
                let asked = request.pool.as_ref();
                let unknown = || Refusal::PoolUnknown { pool: asked.unwrap_or(&edition.id).clone() };
                let pool = pool_for(entitlement, edition, asked).ok_or_else(unknown)?;
                let fence = allot(pool, &seats(pool), request.fence, now)?;
                let expires = until(pool.term_secs.min(entitlement.lease_secs_max));
                let renew_after = renewal(now, expires, pool.term_secs / 2);
                let seat = Some(Seat { pool: pool.id.clone(), fence });
                Ok(Terms { entitlement: index, expires, renew_after, threshold: 1, seat, features })
            }
        }
    }
}

/// What would become of a new client that asks now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rehearsal {
    /// Which of the site's entitlements it would stand on.
    pub entitlement: usize,
    /// The threshold that the count has to reach.
    pub threshold: u32,
    /// Why it would be refused; `None` where it would get a lease.
    pub refusal: Option<Refusal>,
}

impl Site<'_> {
    /// What a new client that asks for the same would be answered, with `count` clients counted before it. Refused only
    /// where there is no entitlement by which the host could show anything.
    pub fn rehearse(
        &self,
        request: &ClientRequest,
        count: u64,
        seats: impl FnOnce(&Pool) -> SeatUse,
        now: Timestamp,
    ) -> Result<Rehearsal, Refusal> {
        let (edition, entitlement, held) = self.choose(request, now)?;
        let threshold = match edition.kind {
            LeaseKind::Seat => 1,
            LeaseKind::Volume => {
                let signed = self.threshold(held, edition).unwrap_or(edition.threshold);
                self.choices.threshold(edition.number, signed).value
            }
        };
        let counted = Counted { count: count.saturating_add(1), is_newcomer: true };
        let refusal = self.grant(request, counted, seats, now).err();
        Ok(Rehearsal { entitlement, threshold, refusal })
    }
}

/// Whether a request is one that this host may count.
pub fn admit(
    site: &Site<'_>,
    request: &ClientRequest,
    known: Option<&Known>,
    now: Timestamp,
) -> Result<Admission, Refusal> {
    match request.act {
        Act::Activate | Act::Release | Act::Check => {}
        Act::ResetTime => return Err(Refusal::WrongWay { why: "the authority states the time, and not a host" }),
        Act::Mak => return Err(Refusal::WrongWay { why: "a MAK is activated by the authority, not by a host" }),
        Act::Rekey => return Err(Refusal::WrongWay { why: "this host does not replace client keys" }),
    }
    if let Some(audience) = request.audience.filter(|audience| *audience != site.host) {
        return Err(Refusal::RequestForAnotherHost { audience, host: site.host });
    }
    if let Some(known) = known {
        if known.client_key != *request.client_key.as_bytes() {
            return Err(Refusal::RekeyRequired);
        }
        if let Some(last) = &known.last
            && let Some(sequence) = answer_before(request, last)?
        {
            return Ok(Admission::Repeat { sequence });
        }
    }
    let tolerated_secs = site.catalogue.policy.skew_secs;
    if request.time.secs_since(now).max(now.secs_since(request.time)) > tolerated_secs {
        return Err(Refusal::ClockSkew { client_time: request.time, host_time: now, tolerated_secs });
    }
    Ok(Admission::New)
}

/// The entry that answered this very request before. One that was refused is decided again, as the reason may have gone,
/// and is held to the clock again, or a recorded request would count its client for ever.
fn answer_before(request: &ClientRequest, last: &LastRequest) -> Result<Option<u64>, Refusal> {
    if request.request == last.request {
        return if request.counter == last.counter { Ok(last.answered_by) } else { Err(Refusal::RequestConflict) };
    }
    if request.counter <= last.counter {
        return Err(Refusal::RequestReplayed { counter: request.counter, seen: last.counter });
    }
    Ok(None)
}

fn pool_for<'e>(entitlement: &'e Entitlement, edition: &Edition, asked: Option<&Slug>) -> Option<&'e Pool> {
    let mut pools = entitlement.pools.iter().filter(|pool| pool.edition == edition.number);
    pools.find(|pool| asked.is_none_or(|asked| pool.id == *asked))
}

fn features(edition: &Edition, entitlement: &Entitlement) -> Option<Vec<Slug>> {
    let mut all: Vec<Slug> = edition.features.iter().chain(&entitlement.features).flatten().cloned().collect();
    all.sort();
    all.dedup();
    (!all.is_empty()).then_some(all)
}

/// The usual interval, or half of what is left where the lease is too short for it.
fn renewal(now: Timestamp, expires: Timestamp, usual_secs: u64) -> Timestamp {
    now.plus(usual_secs.min(expires.secs_since(now) / 2))
}
