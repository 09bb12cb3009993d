//! What a client accepts: an answer as it comes in, and the same answer when it is read from the store again.
//!
//! Everything is verified by `keymuster_core::chain`; added here is what only the client knows: whom it trusted so far, and
//! which clock to believe (`docs/spec/client-state.md`, 3 and 4).

use minicbor::bytes::ByteVec;

use keymuster_core::activation::Activation;
use keymuster_core::bundle::Bundle;
use keymuster_core::catalogue::Edition;
use keymuster_core::chain::{Asker, Chain};
use keymuster_core::clock::{Mark, Reading};
use keymuster_core::document::Signed;
use keymuster_core::entitlement::Entitlement;
use keymuster_core::fingerprint::digest;
use keymuster_core::id::{ClientId, RequestId, Slug};
use keymuster_core::invalid::Invalid;
use keymuster_core::lease::{BACKDATED_SECS, Lease, Position};
use keymuster_core::request::Act;
use keymuster_core::revocation::Revocations;
use keymuster_core::signature::PublicKey;
use keymuster_core::state::Right;
use keymuster_core::time::Timestamp;

use crate::client::Loaded;
use crate::product::Product;
use crate::record::HeldRecord;
use crate::request::Open;

/// Who reads: answers for anybody else are refused.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub product: Product,
    pub client: ClientId,
    pub key: PublicKey,
}

/// What is held, verified.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub document: HeldDocument,
    /// What it is worth by this client's own time.
    pub right: Right,
    pub by_duration: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum HeldDocument {
    Lease(Box<(Signed<Lease>, Signed<Entitlement>)>),
    Activation(Box<Signed<Activation>>),
}

/// What an accepted answer changes.
pub(crate) struct Accepted {
    pub held: HeldRecord,
    pub revocations: Option<ByteVec>,
    pub mark: Mark,
    pub now: Timestamp,
    /// From now to the next renewal, where there is one.
    pub renew_secs: Option<u64>,
    /// The TLS key of the host that has granted it (SHA-256), where its entitlement names one.
    pub tls_key: Option<[u8; 32]>,
}

impl Held {
    pub fn lease(&self) -> Option<(&Lease, &Entitlement)> {
        match &self.document {
            HeldDocument::Lease(pair) => Some((&pair.0, &pair.1)),
            HeldDocument::Activation(_) => None,
        }
    }

    /// The lease as the host signed it.
    pub fn lease_bytes(&self) -> Option<&[u8]> {
        match &self.document {
            HeldDocument::Lease(pair) => Some(pair.0.bytes()),
            HeldDocument::Activation(_) => None,
        }
    }

    pub fn issued(&self) -> Timestamp {
        self.document.issued()
    }

    pub fn position(&self) -> Option<Position> {
        self.lease().map(|(lease, _)| lease.position)
    }

    /// When it ends by this client's time; `None` for never.
    pub fn end(&self) -> Option<Timestamp> {
        match self.right {
            Right::Lease { expires, .. } => Some(expires),
            Right::Activation { expires } => expires,
        }
    }

    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.end().is_none_or(|end| now < end)
    }
}

impl Reader {
    /// Reads what is stored.
    ///
    /// It was accepted when it came, and it holds to its end: a threshold that the publisher raised since, with a newer
    /// pack, does not end it, and neither does a revocation.
    pub fn stored(&self, record: &HeldRecord) -> Result<Held, Invalid> {
        let bundle = Bundle::parse(&record.bundle)?;
        let chain = Chain::new(self.product.trust(), &bundle, None)?;
        let edition = Edition { threshold: 1, ..self.product.edition().clone() };
        let document = self.document(&chain, &bundle, &self.asker(&edition, None, None))?;
        let right = document.right(record.by_duration.then_some(record.received_at));
        Ok(Held { document, right, by_duration: record.by_duration })
    }

    /// The revocation list of a stored bundle; none where it does not verify, which a newer list will mend.
    pub fn revocations(&self, bytes: &[u8]) -> Option<Signed<Revocations>> {
        let bundle = Bundle::parse(bytes).ok()?;
        Chain::new(self.product.trust(), &bundle, None).ok()?.revocations().cloned()
    }

    pub fn asker<'a>(&'a self, edition: &'a Edition, request: Option<RequestId>, held: Option<Position>) -> Asker<'a> {
        let catalogue = self.product.catalogue();
        Asker { client: self.client, client_key: self.key, edition, catalogue, request, held }
    }

    fn document(&self, chain: &Chain<'_>, bundle: &Bundle, asker: &Asker<'_>) -> Result<HeldDocument, Invalid> {
        match (&bundle.lease, &bundle.entitlement, &bundle.activation) {
            (Some(lease), Some(entitlement), None) => {
                let entitlement = chain.entitlement(entitlement)?;
                let lease = chain.lease(lease, &entitlement, asker)?;
                Ok(HeldDocument::Lease(Box::new((lease, entitlement))))
            }
            (None, None, Some(activation)) => {
                Ok(HeldDocument::Activation(Box::new(chain.activation(activation, asker)?)))
            }
            _ => Err(Invalid::Malformed("neither a lease with its entitlement nor an activation".into())),
        }
    }
}

impl Loaded {
    /// Reads the answer to the open request; where a customer is named, only that one's hosts are believed.
    pub fn answer(
        &self,
        bundle: &Bundle,
        open: &Open,
        customer: Option<&Slug>,
        reading: Reading,
    ) -> Result<Accepted, Invalid> {
        let Loaded { reader, record, held, .. } = self;
        let known = record.revocations.as_ref().and_then(|bytes| reader.revocations(bytes));
        let chain = Chain::new(reader.product.trust(), bundle, known.clone())?;
        let position = held.as_ref().and_then(Held::position);
        let asker = reader.asker(reader.product.edition(), Some(open.signed.request), position);
        let document = reader.document(&chain, bundle, &asker)?;
        if document.is_lease() == (open.signed.act == Act::Mak) {
            return Err(Invalid::Malformed("the answer is of another kind than was asked for".into()));
        }

        check_fingerprint(&document, open)?;
        let before = record.mark.mark().effective(reading).now;
        check_customer(&document, held.as_ref().filter(|held| held.is_valid(before)), customer)?;
        let (mark, believed) = record.mark.mark().heard(document.issued(), reading);
        let now = mark.effective(reading).now;
        let by_duration = !believed || document.issued().plus(BACKDATED_SECS) < open.made_at;
        let right = document.right(by_duration.then_some(now));
        let (renew_secs, end) = match right {
            Right::Lease { renew_after, expires, .. } => (Some(renew_after.secs_since(now)), Some(expires)),
            Right::Activation { expires } => (None, expires),
        };
        if let Some(at) = end.filter(|end| *end <= now) {
            return Err(Invalid::Expired { at });
        }
        let tls_key = document.entitlement().and_then(|entitlement| entitlement.tls_spki);
        let is_newer = |list: &Signed<Revocations>| known.as_ref().is_none_or(|known| known.sequence < list.sequence);
        let revocations = chain.revocations().filter(|list| is_newer(list)).map(|_| revocations_of(bundle));
        let held = HeldRecord {
            bundle: without_revocations(bundle).to_bytes().into(),
            received_at: now,
            by_duration,
            facts: open.signed.fingerprint.clone(),
            out_of_tolerance_since: None,
        };
        Ok(Accepted { held, revocations, mark, now, renew_secs, tls_key })
    }
}

impl HeldDocument {
    fn is_lease(&self) -> bool {
        matches!(self, HeldDocument::Lease(_))
    }

    fn entitlement(&self) -> Option<&Entitlement> {
        match self {
            HeldDocument::Lease(pair) => Some(&pair.1),
            HeldDocument::Activation(_) => None,
        }
    }

    fn issued(&self) -> Timestamp {
        match self {
            HeldDocument::Lease(pair) => pair.0.issued,
            HeldDocument::Activation(activation) => activation.issued,
        }
    }

    /// What it is worth: by the sender's times, or for the same durations from `received_at` on.
    fn right(&self, received_at: Option<Timestamp>) -> Right {
        let issued = self.issued();
        let shifted = |time: Timestamp| received_at.map_or(time, |received| received.plus(time.secs_since(issued)));
        match self {
            HeldDocument::Lease(pair) => Right::Lease {
                kind: pair.0.kind,
                renew_after: shifted(pair.0.renew_after),
                expires: shifted(pair.0.expires),
            },
            HeldDocument::Activation(activation) => Right::Activation { expires: activation.expires.map(shifted) },
        }
    }
}

/// A lease names the facts about the machine that were sent; with others it would answer another request.
fn check_fingerprint(document: &HeldDocument, open: &Open) -> Result<(), Invalid> {
    let HeldDocument::Lease(pair) = document else { return Ok(()) };
    match pair.0.fingerprint == open.signed.fingerprint.as_ref().map(digest) {
        true => Ok(()),
        false => Err(Invalid::AnswerToAnotherRequest),
    }
}

/// A client stays with its customer while it holds a lease of it, and with the one that is set in any case.
fn check_customer(document: &HeldDocument, valid: Option<&Held>, set: Option<&Slug>) -> Result<(), Invalid> {
    let HeldDocument::Lease(pair) = document else { return Ok(()) };
    if set.is_some_and(|customer| *customer != pair.1.customer) {
        return Err(Invalid::CustomerChanged);
    }
    match valid.and_then(Held::lease) {
        Some((_, pinned)) if pinned.customer != pair.1.customer => Err(Invalid::CustomerChanged),
        _ => Ok(()),
    }
}

fn without_revocations(bundle: &Bundle) -> Bundle {
    let Bundle { lease, entitlement, activation, issuers, .. } = bundle.clone();
    Bundle { lease, entitlement, activation, issuers, ..Bundle::default() }
}

fn revocations_of(bundle: &Bundle) -> ByteVec {
    let Bundle { issuers, revocations, .. } = bundle.clone();
    Bundle { issuers, revocations, ..Bundle::default() }.to_bytes().into()
}
