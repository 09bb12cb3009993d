//! The request that is open: signed once, on disk before it is sent, and sent again as it is until it is answered.
//!
//! So neither a crash nor a lost answer makes one client count twice.

use minicbor::bytes::ByteVec;

use keymuster_core::bundle::Bundle;
use keymuster_core::document::Signed;
use keymuster_core::id::{Label, RequestId};
use keymuster_core::invalid::Invalid;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::time::{DAY, Timestamp};

use crate::answer::{Accepted, Held};
use crate::client::{Client, Loaded, Shared};
use crate::error::Error;
use crate::record::{Pending, SharedRecord};

/// How long a request that went out is repeated, in seconds; hosts remember it for as long.
const PENDING_SECS: u64 = DAY;
/// How long a request waits for its answer that people carry, in seconds.
const PENDING_FILE_SECS: u64 = 30 * DAY;
/// A counter that a refusal claims to have seen is believed this far ahead, since nobody signs refusals.
const COUNTER_JUMP_MAX: u64 = 1 << 32;

/// The open request, as it is on disk.
pub(crate) struct Open {
    pub signed: Signed<ClientRequest>,
    /// What the client took the time to be.
    pub made_at: Timestamp,
}

impl Client {
    /// The request that waits, if it is for this act; or a new one, which is on disk when this returns.
    pub(crate) fn open_request(&self, act: Act) -> Result<Open, Error> {
        if self.current().rearmed_at.is_some() {
            // Whoever asks is in use, and so begins anew.
            self.update(|_| ())?;
        }
        let loaded = self.current();
        if let Some(open) = self.pending(&loaded, act) {
            return Ok(open);
        }
        let Loaded { identity, held, .. } = &loaded;
        let Shared { settings, product, .. } = &*self.shared;
        let lease = held.as_ref().and_then(Held::lease).map(|(lease, _)| lease);
        // A host whose ledger was set back learns from it what it has forgotten.
        let shown = held.as_ref().filter(|_| act == Act::Activate).and_then(Held::lease_bytes);
        let shown = shown.and_then(ClientRequest::showing);
        let reading = settings.env.reading();
        let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
        let standing = self.status().state.standing();
        let name = self.name_sent();
        let (id, identity) = (RequestId::from_bytes(settings.env.random()), identity.clone());
        let made = self.update(|record| {
            record.counter = record.counter.saturating_add(1);
            let made_at = record.mark.mark().at;
            let secret = record.mak.as_ref().and_then(|mak| mak.secret.as_deref());
            let request = ClientRequest {
                act,
                publisher: product.publisher().clone(),
                client: identity.client,
                client_key: identity.key(),
                edition: product.edition().number,
                request: id,
                time: reading.wall,
                high_water: made_at,
                counter: record.counter,
                product_version: settings.product_version.clone(),
                previous: lease.map(|lease| lease.position),
                audience: None,
                pool: None,
                fence: lease.and_then(|lease| lease.seat.as_ref()).map(|seat| seat.fence),
                ratchet: lease.and_then(|lease| lease.ratchet),
                key: secret.filter(|_| act == Act::Mak).and_then(|secret| secret.parse().ok()),
                name,
                system: system.parse::<Label>().ok(),
                boot: reading.boot,
                fingerprint: self.facts_sent(record, act),
                replaces: None,
                standing: Some(standing),
                extensions: shown,
            };
            let signed = Signed::sign(request, &identity.secret());
            let signed = signed.expect("a request of this program keeps the rules of its own documents");
            let request = ByteVec::from(signed.bytes().to_vec());
            *record.waiting_mut(act) = Some(Pending { request, made_at, in_file: false });
            Open { signed, made_at }
        })?;
        Ok(made)
    }

    /// The request for this act that waits for an answer, while it may still get one.
    pub(crate) fn pending(&self, loaded: &Loaded, act: Act) -> Option<Open> {
        let Loaded { record, reader, .. } = loaded;
        let pending = record.waiting(act).as_ref()?;
        let now = record.mark.mark().effective(self.shared.settings.env.reading()).now;
        let secs_max = if pending.in_file { PENDING_FILE_SECS } else { PENDING_SECS };
        let signed = pending.signed()?;
        // One without the MAK is for a host to collect, and one with it for the authority alone.
        let has_key = act == Act::Mak && record.mak.as_ref().is_some_and(|mak| mak.secret.is_some());
        let is_this = signed.act == act && signed.key.is_some() == has_key;
        let is_ours = is_this && signed.client == reader.client && signed.client_key == reader.key;
        (is_ours && now.secs_since(pending.made_at) <= secs_max).then_some(Open { signed, made_at: pending.made_at })
    }

    pub(crate) fn accept(&self, bundle: &Bundle, open: &Open) -> Result<Accepted, Invalid> {
        let loaded = self.current();
        let in_force = self.in_force(&loaded);
        loaded.answer(bundle, open, in_force.customer(), self.shared.settings.env.reading())
    }

    /// A new request in place of one that a host called replayed, numbered above what the host has seen; none where the
    /// host's claim is absurd.
    ///
    /// Its number was drawn for it and stored before it was sent; so if the host has seen that number, somebody else has
    /// used it, unless the state itself is new and has lost its number.
    pub(crate) fn renumbered(&self, open: &Open, seen: u64) -> Result<Option<Open>, Error> {
        let act = open.signed.act;
        let is_believed = self.update(|record| {
            let is_believed = seen.saturating_sub(record.counter) <= COUNTER_JUMP_MAX;
            if is_believed && seen >= open.signed.counter && record.last_contact.is_some() {
                record.shared = Some(SharedRecord::and_one(record.shared.as_ref(), record.mark.mark().at));
            }
            if is_believed {
                record.counter = record.counter.max(seen);
                *record.waiting_mut(act) = None;
            }
            is_believed
        })?;
        is_believed.then(|| self.open_request(act)).transpose()
    }
}
