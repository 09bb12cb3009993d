//! Certifying a host: the rules by which a host key becomes an entitlement.
//!
//! Whatever this writes, it writes in one transaction; a refusal writes nothing but itself.

use keymuster_core::bundle::Bundle;
use keymuster_core::catalogue::Group;
use keymuster_core::document::Signed;
use keymuster_core::entitlement::Entitlement;
use keymuster_core::id::{EntitlementId, HostId};
use keymuster_core::issuer::Issuer;
use keymuster_core::key::{KeyId, KeyKind};
use keymuster_core::refusal::Refusal;
use keymuster_core::request::HostRequest;
use keymuster_core::time::{DAY, Timestamp};
use keymuster_service::sql::{Connection, Transaction};

use crate::authority::{Authority, usable};
use crate::caller::Caller;
use crate::error::Error;
use crate::refused::{About, settle};
use crate::store::customer::Customer;
use crate::store::entitlement::{HostUse, Issued};
use crate::store::host::Host;
use crate::store::product_key::{HostWorth, Minted, Worth};
use crate::{store, store::audit, store::tally};

/// How long before its end a host begins to remind its administrator.
const WARN_SECS: u64 = 30 * DAY;

/// Answers a host's request with its entitlement; a repeated request gets the same one again and costs nothing.
pub fn certify(
    authority: &Authority,
    db: &mut Connection,
    request: &Signed<HostRequest>,
    caller: &Caller,
) -> Result<Bundle, Error> {
    let tx = store::begin(db)?;
    let decided = decide(authority, &tx, request, caller);
    settle(authority, tx, decided, &About::host(request), caller)
}

fn decide(
    authority: &Authority,
    tx: &Transaction<'_>,
    request: &Signed<HostRequest>,
    caller: &Caller,
) -> Result<Bundle, Error> {
    authority.check_publisher(&request.publisher)?;
    let key = authority.read_key(request.key.as_str(), KeyKind::Host)?;
    let (minted, customer) = usable(tx, &key)?;
    let known = store::host::find(tx, request.host)?;
    check_host(known.as_ref(), request)?;
    let catalogue = authority.catalogue(tx)?;
    let entitlement = match store::entitlement::answering(tx, request.request)? {
        Some(earlier) => repeated(earlier, request, key.id())?,
        None => {
            let group = catalogue.group(minted.number).ok_or_else(|| Refusal::KeyNumberUnknown {
                number: minted.number,
                catalogue_version: catalogue.version,
            })?;
            let grounds = Grounds { issuer: &authority.issuer, group, customer: &customer, minted: &minted };
            issue(authority, tx, &grounds, request, caller)?
        }
    };
    let bundle = Bundle { entitlement: Some(entitlement.into()), ..Bundle::default() };
    let mut bundle = authority.answer(tx, bundle)?;
    // Without it, the answer is one QR code; revocations travel with the catalogue, as a licence pack.
    if request.catalogue_version != catalogue.version || bundle.revocations.is_some() {
        bundle.catalogue = Some(catalogue.bytes().to_vec().into());
    }
    tracing::info!(host = %request.host, customer = %customer.slug, key = key.last_five(), "certified a host");
    Ok(bundle)
}

/// A host id belongs to one key for ever, and a revoked host gets nothing.
fn check_host(known: Option<&Host>, request: &HostRequest) -> Result<(), Refusal> {
    match known {
        Some(host) if host.revoked.is_some() => Err(Refusal::HostRevoked { host: host.id }),
        Some(host) if host.host_key != request.host_key => Err(Refusal::RekeyRequired),
        _ => Ok(()),
    }
}

/// The entitlement that answered this request before, if it is the same request.
fn repeated(earlier: Issued, request: &HostRequest, key: KeyId) -> Result<Vec<u8>, Refusal> {
    if earlier.host != request.host || earlier.key != key {
        return Err(Refusal::RequestConflict);
    }
    Ok(earlier.document)
}

/// Decides on a new entitlement, signs it and writes it down.
fn issue(
    authority: &Authority,
    tx: &Transaction<'_>,
    grounds: &Grounds<'_>,
    request: &HostRequest,
    caller: &Caller,
) -> Result<Vec<u8>, Error> {
    let minted = grounds.minted;
    let Worth::Host(worth) = &minted.worth else { return Err(Refusal::KeyUnknown.into()) };
    check_limits(worth, &store::entitlement::hosts(tx, minted.id)?, request.host)?;
    let id = EntitlementId::from_bytes(authority.env.random());
    let entitlement = authority.sign(grounds.entitlement(worth, request, id, caller.now), caller.now)?;
    let host = Host {
        id: request.host,
        host_key: request.host_key,
        customer: minted.customer.clone(),
        name: request.name.clone(),
        clients: request.clients,
        first_seen_at: caller.now,
        last_seen_at: caller.now,
        revoked: None,
    };
    store::host::put(tx, &host)?;
    store::entitlement::insert(tx, &entitlement)?;
    tally::add(tx, tally::Kind::Entitlement, 1, caller.now)?;
    let detail = format!("entitlement {id} with key {} until {}", minted.id, entitlement.stop_at);
    audit::append(tx, caller, "certify host", &request.host.to_string(), &detail)?;
    Ok(entitlement.bytes().to_vec())
}

/// A key is good for so many hosts, and on each of them for so many activations.
fn check_limits(worth: &HostWorth, uses: &[HostUse], host: HostId) -> Result<(), Refusal> {
    let Some(own) = uses.iter().find(|used| used.host == host) else {
        let (hosts, hosts_max) = (hosts_used(uses), u64::from(worth.hosts_max));
        return if hosts < hosts_max { Ok(()) } else { Err(Refusal::HostsExhausted { hosts, hosts_max }) };
    };
    let (used, total) = (own.activations, u64::from(worth.activations_max));
    if used < total { Ok(()) } else { Err(Refusal::HostActivationsExhausted { used, total }) }
}

/// How many hosts a key is used on; a revoked host makes room for another.
pub fn hosts_used(uses: &[HostUse]) -> u64 {
    uses.iter().filter(|used| !used.is_revoked).map(|_| 1).sum()
}

/// What an entitlement rests on.
struct Grounds<'a> {
    issuer: &'a Issuer,
    group: &'a Group,
    customer: &'a Customer,
    minted: &'a Minted,
}

impl Grounds<'_> {
    /// The entitlement of a key with this worth, cut to what the issuer may sign.
    fn entitlement(&self, worth: &HostWorth, request: &HostRequest, id: EntitlementId, now: Timestamp) -> Entitlement {
        let term_secs = worth.term_secs.min(self.issuer.entitlement_secs_max);
        let stop_at = now.plus(term_secs).min(self.issuer.expires);
        Entitlement {
            publisher: self.issuer.publisher.clone(),
            id,
            host: request.host,
            host_key: request.host_key,
            customer: self.customer.slug.clone(),
            customer_name: self.customer.name.clone(),
            issued: now,
            warn_at: stop_at.minus(WARN_SECS).max(now),
            stop_at,
            covers: vec![self.group.cover(worth.threshold)],
            pools: worth.pools.clone(),
            lease_secs_max: self.issuer.lease_secs_max,
            clients_max: worth.clients_max.map(u64::from),
            key: self.minted.id,
            request: request.request,
            features: None,
            tls_spki: request.tls_spki,
            extensions: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worth(hosts_max: u32, activations_max: u32) -> HostWorth {
        let (clients_max, threshold, pools) = (None, None, Vec::new());
        HostWorth { hosts_max, activations_max, term_secs: 225 * DAY, clients_max, threshold, pools }
    }

    /// Hosts 1, 2, … with these numbers of activations; revoked where the number is negative.
    fn uses(activations: &[i8]) -> Vec<HostUse> {
        let host = |(n, times): (u8, &i8)| HostUse {
            host: HostId::from_bytes([n; 16]),
            activations: u64::from(times.unsigned_abs()),
            is_revoked: *times < 0,
        };
        (1..).zip(activations).map(host).collect()
    }

    #[test]
    fn a_key_has_so_many_hosts_and_each_so_many_activations() {
        let hosts = |hosts, hosts_max| Err(Refusal::HostsExhausted { hosts, hosts_max });
        let activations = |used, total| Err(Refusal::HostActivationsExhausted { used, total });
        let table: [(&[i8], u8, Result<(), Refusal>); 8] = [
            (&[], 1, Ok(())),
            (&[1], 2, Ok(())),
            (&[1, 1], 3, hosts(2, 2)),
            (&[1, 1], 2, Ok(())),
            (&[3, 2], 2, Ok(())),
            (&[3, 3], 2, activations(3, 3)),
            (&[1, -1], 3, Ok(())),
            (&[-1, -3, 1, 1], 5, hosts(2, 2)),
        ];
        for (used, host, expected) in table {
            let host = HostId::from_bytes([host; 16]);
            assert_eq!(check_limits(&worth(2, 3), &uses(used), host), expected, "{used:?}");
        }
    }

    #[test]
    fn an_entitlement_stays_within_its_issuer_and_warns_a_month_before() {
        let at = |day: u64| Timestamp::from_secs(1_800_000_000).plus(day * DAY);
        let key = keymuster_core::signature::SecretKey::from_seed(&[7; 32]).public();
        let issuer = Issuer {
            publisher: "acme".parse().unwrap(),
            key,
            not_before: at(0),
            sign_until: at(365),
            expires: at(500),
            entitlement_secs_max: 400 * DAY,
            lease_secs_max: 180 * DAY,
            families: None,
            extensions: None,
        };
        let (number, rank, generation) = (7, 2, 2026);
        let (id, name) = ("server".parse().unwrap(), "Server".parse().unwrap());
        let group = Group { number, id, name, family: 1, rank, generation };
        let (slug, name) = ("contoso".parse().unwrap(), "Contoso".parse().unwrap());
        let customer = Customer { slug, name, added_at: at(0), stopped: None };
        for (term_days, day, warn_day, stop_day) in
            [(225, 0, 195, 225), (400, 0, 370, 400), (500, 0, 370, 400), (225, 300, 470, 500), (10, 5, 5, 15)]
        {
            let worth = HostWorth { term_secs: term_days * DAY, threshold: Some(3), ..worth(6, 10) };
            let minted = Minted {
                id: "500078200002b".parse().unwrap(),
                customer: customer.slug.clone(),
                number,
                serial: 43,
                minted_at: at(0),
                worth: Worth::Host(worth.clone()),
                activations_used: 0,
                revoked: None,
            };
            let grounds = Grounds { issuer: &issuer, group: &group, customer: &customer, minted: &minted };
            let request = HostRequest {
                publisher: issuer.publisher.clone(),
                host: HostId::from_bytes([1; 16]),
                host_key: key,
                request: keymuster_core::id::RequestId::from_bytes([2; 16]),
                time: Timestamp::from_secs(0),
                key: "GDVC8-QHX68-699TG-DTXQ8-6K264".parse().unwrap(),
                catalogue_version: 0,
                name: None,
                ledger: None,
                clients: None,
                tls_spki: Some([9; 32]),
                extensions: None,
            };
            let made = grounds.entitlement(&worth, &request, EntitlementId::from_bytes([3; 16]), at(day));
            assert_eq!((made.issued, made.warn_at, made.stop_at), (at(day), at(warn_day), at(stop_day)), "{term_days}");
            assert_eq!((made.covers, made.tls_spki), (vec![group.cover(Some(3))], Some([9; 32])));
        }
    }
}
