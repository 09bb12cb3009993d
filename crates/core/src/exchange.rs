//! Collecting requests for an activation by a MAK, which a host's administrator exchanges with the authority
//! (`docs/spec/messages.md`, 6.1).

use crate::grant::{Known, Site};
use crate::refusal::Refusal;
use crate::request::{Act, ClientRequest};
use crate::time::DAY;

/// The most requests that a host keeps.
pub const COLLECTED_MAX: u64 = 10_000;
/// How long a request is repeated by its client, in seconds; what is older is never asked for again.
pub const REPEATED_SECS: u64 = 30 * DAY;

/// What to do with a request that may be collected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Collection {
    /// Keep it, in place of an older one of the same client and edition if there is one.
    New,
    /// It is kept already: answer with its result, if there is one.
    Repeat,
}

/// Whether a host may keep this request; `known` is what it knows of the client, with the request that it keeps.
pub fn collect(site: &Site<'_>, request: &ClientRequest, known: Option<&Known>) -> Result<Collection, Refusal> {
    if request.act != Act::Mak {
        return Err(Refusal::WrongWay { why: "only requests for an activation by a MAK are collected" });
    }
    if request.key.is_some() {
        return Err(Refusal::WrongWay {
            why: "a MAK is for the authority alone; a host collects requests without one",
        });
    }
    if let Some(audience) = request.audience.filter(|audience| *audience != site.host) {
        return Err(Refusal::RequestForAnotherHost { audience, host: site.host });
    }
    if site.catalogue.edition(request.edition).is_none() {
        let (edition, catalogue_version) = (request.edition, site.catalogue.version);
        return Err(Refusal::EditionUnknown { edition, catalogue_version });
    }
    let Some(known) = known else { return Ok(Collection::New) };
    if known.client_key != *request.client_key.as_bytes() {
        return Err(Refusal::RekeyRequired);
    }
    match known.last {
        Some(kept) if kept.request == request.request => {
            if kept.counter == request.counter {
                Ok(Collection::Repeat)
            } else {
                Err(Refusal::RequestConflict)
            }
        }
        Some(kept) if request.counter <= kept.counter => {
            Err(Refusal::RequestReplayed { counter: request.counter, seen: kept.counter })
        }
        _ => Ok(Collection::New),
    }
}
