//! From the publisher's root to a lease: what makes a document of somebody else's acceptable.
//!
//! A [`Chain`] knows the trusted roots, the issuer certificates at hand and the newest revocation list.
//! Every check compares a document with the one above it, so nothing below can claim more than was given from above.

use crate::activation::Activation;
use crate::bundle::Bundle;
use crate::catalogue::{Catalogue, Edition};
use crate::document::{self, Document, Signed};
use crate::entitlement::Entitlement;
use crate::id::{ClientId, RequestId, Slug};
use crate::invalid::Invalid;
use crate::issuer::Issuer;
use crate::lease::{Lease, LeaseKind, Position};
use crate::report::Report;
use crate::revocation::Revocations;
use crate::signature::{PublicKey, SignerId};
use crate::time::Timestamp;
use crate::time_reset::TimeReset;
use crate::trust::Trust;

/// The verified top of a chain: issuers under a trusted root, and what was revoked.
#[derive(Clone, Debug)]
pub struct Chain<'a> {
    trust: &'a Trust,
    issuers: Vec<Signed<Issuer>>,
    revocations: Option<Signed<Revocations>>,
}

impl<'a> Chain<'a> {
    /// Verifies the issuers of a bundle, and takes the newer of its revocation list and the one `held` already.
    ///
    /// A list by an issuer that the held one revokes counts for nothing: whoever stole that issuer's key would otherwise
    /// take the revocation back with it.
    pub fn new(trust: &'a Trust, bundle: &Bundle, held: Option<Signed<Revocations>>) -> Result<Chain<'a>, Invalid> {
        let mut chain = Chain { trust, issuers: Vec::new(), revocations: None };
        for bytes in bundle.issuers.iter().flatten() {
            let issuer = chain.root_signed(bytes)?;
            chain.issuers.push(issuer);
        }
        let sent = bundle.revocations.as_ref().map(|bytes| chain.revocation_list(bytes)).transpose()?;
        let is_newer = |sent: &Signed<Revocations>, held: &Signed<Revocations>| {
            sent.sequence > held.sequence && !held.revoke_issuer(sent.signer())
        };
        chain.revocations = match (sent, held) {
            (Some(sent), Some(held)) if !is_newer(&sent, &held) => Some(held),
            (sent, held) => sent.or(held),
        };
        Ok(chain)
    }

    /// The newest revocation list known.
    pub fn revocations(&self) -> Option<&Signed<Revocations>> {
        self.revocations.as_ref()
    }

    /// The issuer certificates at hand, verified; revoked ones are among them, and nothing under them is accepted.
    pub fn issuers(&self) -> &[Signed<Issuer>] {
        &self.issuers
    }

    /// A catalogue of the trusted publisher.
    pub fn catalogue(&self, bytes: &[u8]) -> Result<Signed<Catalogue>, Invalid> {
        let (catalogue, issuer) = self.issued::<Catalogue>(bytes)?;
        self.check_issue(&catalogue.publisher, catalogue.issued, issuer)?;
        Ok(catalogue)
    }

    /// An entitlement within its issuer's limits.
    pub fn entitlement(&self, bytes: &[u8]) -> Result<Signed<Entitlement>, Invalid> {
        let (entitlement, issuer) = self.issued::<Entitlement>(bytes)?;
        self.check_issue(&entitlement.publisher, entitlement.issued, issuer)?;
        if entitlement.stop_at > issuer.expires {
            return Err(Invalid::BeyondLimits("stop_at, after the issuer's own end,"));
        }
        if entitlement.stop_at.secs_since(entitlement.issued) > issuer.entitlement_secs_max {
            return Err(Invalid::BeyondLimits("the entitlement's term"));
        }
        if entitlement.lease_secs_max > issuer.lease_secs_max {
            return Err(Invalid::BeyondLimits("the longest lease"));
        }
        if entitlement.covers.iter().any(|cover| !issuer.may_cover(cover.family)) {
            return Err(Invalid::BeyondLimits("a product family"));
        }
        if self.revocations.as_ref().is_some_and(|list| list.revoke(&entitlement)) {
            return Err(Invalid::Revoked);
        }
        Ok(entitlement)
    }

    /// A lease for `asker`, on an entitlement that this chain has verified.
    pub fn lease(&self, bytes: &[u8], on: &Signed<Entitlement>, asker: &Asker<'_>) -> Result<Signed<Lease>, Invalid> {
        let lease = Signed::<Lease>::verify(bytes, &on.host_key)?;
        if lease.publisher != self.trust.publisher {
            return Err(Invalid::WrongPublisher);
        }
        if lease.entitlement != on.id || lease.position.host != on.host {
            return Err(Invalid::ForAnotherHost);
        }
        asker.check(lease.client, &lease.client_key, lease.edition, lease.request)?;
        asker.check_family(self.issuer(on.signer())?)?;
        check_limits(&lease, on)?;
        check_coverage(&lease, on, asker)?;
        if asker.held.is_some_and(|held| lease.position.is_older_than(&held)) {
            return Err(Invalid::OlderThanHeld);
        }
        Ok(lease)
    }

    /// An activation for `asker`.
    pub fn activation(&self, bytes: &[u8], asker: &Asker<'_>) -> Result<Signed<Activation>, Invalid> {
        let (activation, issuer) = self.issued::<Activation>(bytes)?;
        self.check_issue(&activation.publisher, activation.issued, issuer)?;
        asker.check(activation.client, &activation.client_key, activation.edition, activation.request)?;
        asker.check_family(issuer)?;
        Ok(activation)
    }

    /// A host's report to `asker`, on an entitlement that this chain has verified.
    pub fn report(&self, bytes: &[u8], on: &Signed<Entitlement>, asker: &Asker<'_>) -> Result<Signed<Report>, Invalid> {
        let report = Signed::<Report>::verify(bytes, &on.host_key)?;
        if report.publisher != self.trust.publisher {
            return Err(Invalid::WrongPublisher);
        }
        if report.entitlement != on.id || report.position.host != on.host {
            return Err(Invalid::ForAnotherHost);
        }
        asker.check_request(report.edition, report.request)?;
        Ok(report)
    }

    /// An authority's statement of the time to `asker`.
    pub fn time_reset(&self, bytes: &[u8], asker: &Asker<'_>) -> Result<Signed<TimeReset>, Invalid> {
        let (reset, issuer) = self.issued::<TimeReset>(bytes)?;
        self.check_issue(&reset.publisher, reset.issued, issuer)?;
        asker.check(reset.client, &reset.client_key, reset.edition, reset.request)?;
        Ok(reset)
    }

    /// An issuer certificate under one of the roots.
    fn root_signed(&self, bytes: &[u8]) -> Result<Signed<Issuer>, Invalid> {
        let signer = document::signer_of::<Issuer>(bytes)?;
        let root = self.trust.roots.iter().find(|root| root.signer() == signer).ok_or(Invalid::SignerUnknown)?;
        let issuer = Signed::<Issuer>::verify(bytes, root)?;
        if issuer.publisher != self.trust.publisher {
            return Err(Invalid::WrongPublisher);
        }
        Ok(issuer)
    }

    fn revocation_list(&self, bytes: &[u8]) -> Result<Signed<Revocations>, Invalid> {
        let (list, issuer) = self.issued::<Revocations>(bytes)?;
        self.check_issue(&list.publisher, list.issued, issuer)?;
        Ok(list)
    }

    /// A document under one of the issuers that are not revoked, and that issuer.
    fn issued<D: Document>(&self, bytes: &[u8]) -> Result<(Signed<D>, &Issuer), Invalid> {
        let issuer = self.issuer(document::signer_of::<D>(bytes)?)?;
        let document = Signed::<D>::verify(bytes, &issuer.key)?;
        if self.revocations.as_ref().is_some_and(|list| list.revoke_issuer(document.signer())) {
            return Err(Invalid::Revoked);
        }
        Ok((document, issuer))
    }

    fn issuer(&self, signer: SignerId) -> Result<&Issuer, Invalid> {
        let found = self.issuers.iter().find(|issuer| issuer.key.signer() == signer);
        found.map(|issuer| &**issuer).ok_or(Invalid::SignerUnknown)
    }

    fn check_issue(&self, publisher: &Slug, issued: Timestamp, issuer: &Issuer) -> Result<(), Invalid> {
        if *publisher != self.trust.publisher {
            return Err(Invalid::WrongPublisher);
        }
        if !issuer.may_sign_at(issued) {
            return Err(Invalid::BeyondLimits("the time of signing"));
        }
        Ok(())
    }
}

/// Who asked, and for what: an answer for anybody else is refused.
#[derive(Clone, Debug)]
pub struct Asker<'a> {
    /// The client's id.
    pub client: ClientId,
    /// The client's key.
    pub client_key: PublicKey,
    /// The edition asked for.
    pub edition: &'a Edition,
    /// The client's catalogue, in which the edition stands.
    pub catalogue: &'a Catalogue,
    /// The request that is open; `None` when a stored answer is read again.
    pub request: Option<RequestId>,
    /// The newest lease held.
    pub held: Option<Position>,
}

impl Asker<'_> {
    fn check(&self, client: ClientId, key: &PublicKey, edition: u16, request: RequestId) -> Result<(), Invalid> {
        if client != self.client || *key != self.client_key {
            return Err(Invalid::ForAnotherClient);
        }
        self.check_request(edition, request)
    }

    fn check_request(&self, edition: u16, request: RequestId) -> Result<(), Invalid> {
        if edition != self.edition.number {
            return Err(Invalid::ForAnotherEdition);
        }
        if self.request.is_some_and(|open| open != request) {
            return Err(Invalid::AnswerToAnotherRequest);
        }
        Ok(())
    }

    /// Whether an issuer may have this edition's family activated. Seats and activations name an edition alone, so the
    /// family is known only with the catalogue.
    fn check_family(&self, issuer: &Issuer) -> Result<(), Invalid> {
        let group = self.catalogue.group_of(self.edition).ok_or(Invalid::ForAnotherEdition)?;
        if issuer.may_cover(group.family) { Ok(()) } else { Err(Invalid::BeyondLimits("a product family")) }
    }
}

fn check_limits(lease: &Lease, on: &Entitlement) -> Result<(), Invalid> {
    if lease.issued < on.issued.minus(crate::lease::BACKDATED_SECS) {
        return Err(Invalid::BeyondLimits("a lease from before its entitlement"));
    }
    if lease.expires > on.stop_at {
        return Err(Invalid::BeyondLimits("the lease's end, after its entitlement's,"));
    }
    if lease.expires.secs_since(lease.issued) > on.lease_secs_max {
        return Err(Invalid::BeyondLimits("the lease's term"));
    }
    Ok(())
}

/// The lease is of the kind that the publisher chose for the edition, and its entitlement allows it.
fn check_coverage(lease: &Lease, on: &Entitlement, asker: &Asker<'_>) -> Result<(), Invalid> {
    if lease.kind != asker.edition.kind {
        return Err(Invalid::BeyondLimits("the kind of lease"));
    }
    if let (LeaseKind::Seat, Some(seat)) = (lease.kind, &lease.seat) {
        let pool = on.pools.iter().find(|pool| pool.id == seat.pool && pool.edition == lease.edition);
        let pool = pool.ok_or(Invalid::BeyondLimits("the pool"))?;
        if lease.expires.secs_since(lease.issued) > pool.term_secs {
            return Err(Invalid::BeyondLimits("the seat's term"));
        }
        return Ok(());
    }
    let group = asker.catalogue.group_of(asker.edition).ok_or(Invalid::ForAnotherEdition)?;
    let least = on.threshold(asker.edition, group).ok_or(Invalid::BeyondLimits("the edition"))?;
    if lease.threshold < least || lease.count < u64::from(lease.threshold) {
        return Err(Invalid::CountBelowThreshold);
    }
    Ok(())
}
