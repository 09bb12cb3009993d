//! An authority at work: its secrets read, its certificate verified, its signature within the certificate's time.

use keymuster_core::bundle::Bundle;
use keymuster_core::catalogue::Catalogue;
use keymuster_core::chain::Chain;
use keymuster_core::codes;
use keymuster_core::document::{Document, Signed, claim};
use keymuster_core::id::Slug;
use keymuster_core::invalid::Invalid;
use keymuster_core::issuer::Issuer;
use keymuster_core::key::{KeyKind, ProductKey, publisher_mark};
use keymuster_core::refusal::Refusal;
use keymuster_core::signature::{SecretKey, SignerId};
use keymuster_core::time::Timestamp;
use keymuster_core::trust::Trust;
use keymuster_service::Env;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Connection, Transaction};

use crate::data_dir::{DataDir, key_file_error, read_key_file};
use crate::error::Error;
use crate::store::product_key::{Minted, Worth};
use crate::store::publisher::Publisher;
use crate::tags::Tags;
use crate::{keyfile, store};

/// One publisher's authority. It holds the issuer key and the tags, never the root key.
#[derive(Debug)]
pub struct Authority {
    /// Whose authority it is.
    pub publisher: Publisher,
    /// The publisher's roots.
    pub trust: Trust,
    /// The secret of the product keys.
    pub tags: Tags,
    /// The certificate of the issuer key.
    pub issuer: Signed<Issuer>,
    /// Time and randomness.
    pub env: Env,
    issuer_key: SecretKey,
}

impl Authority {
    /// Reads everything that signing and minting need from a data directory.
    pub fn load(dir: &DataDir, env: Env) -> Result<(Authority, Connection), Error> {
        let mut db = dir.open_database()?;
        let path = dir.issuer_key();
        let issuer_key = keyfile::read_issuer(&read_key_file(&path)?).map_err(|error| key_file_error(&path, &error))?;
        let path = dir.tags_key();
        let tags = keyfile::read_tags(&read_key_file(&path)?).map_err(|error| key_file_error(&path, &error))?;

        // A backup that is being restored is read while its restorer writes to it.
        let tx = db.transaction().map_err(Failure::from)?;
        let publisher = store::publisher::find(&tx)?;
        let publisher = publisher.ok_or_else(|| Failure::damaged("publisher", "id", 1, "there is no such row"))?;
        let certificate = store::issuer::certificate(&tx, issuer_key.public().signer())?;
        drop(tx);

        let trust = dir.read_trust(&publisher.slug)?;
        let issuer = certificate.and_then(|bytes| verified(&trust, bytes)).ok_or_else(|| {
            let path = dir.issuer_key();
            let advice = "restore both from one backup, or run `keymuster-authority issuer renew`";
            Error::Environment(format!("the database has no valid certificate for {}; {advice}", path.display()))
        })?;
        Ok((Authority { publisher, trust, tags, issuer, env, issuer_key }, db))
    }

    /// Signs a document, if the certificate allows it at this time.
    pub fn sign<D: Document>(&self, document: D, now: Timestamp) -> Result<Signed<D>, Error> {
        if !self.issuer.may_sign_at(now) {
            let (from, until) = (self.issuer.not_before, self.issuer.sign_until);
            let detail = format!(
                "the issuer certificate allows signing from {from} to {until}, and it is {now}; \
                 run `keymuster-authority issuer renew` and start the server again"
            );
            return Err(Error::Unable { code: &codes::ISSUER_EXPIRED, detail });
        }
        let signed = Signed::sign(document, &self.issuer_key);
        signed.map_err(|error| Error::Environment(format!("cannot sign a document of type {}: {error}", D::TYPE)))
    }

    /// The newest signed catalogue, if there is one.
    pub fn newest_catalogue(&self, tx: &Transaction<'_>) -> Result<Option<Signed<Catalogue>>, Error> {
        let Some(bytes) = store::catalogue::newest(tx)? else { return Ok(None) };
        let bundle = self.answer(tx, Bundle { catalogue: Some(bytes.clone().into()), ..Bundle::default() })?;
        let verified = Chain::new(&self.trust, &bundle, None).and_then(|chain| chain.catalogue(&bytes));
        let damaged = |error: Invalid| Failure::damaged("catalogue", "document", "(newest)", error.to_string());
        Ok(Some(verified.map_err(damaged)?))
    }

    /// The newest signed catalogue, without which nothing can be granted.
    pub fn catalogue(&self, tx: &Transaction<'_>) -> Result<Signed<Catalogue>, Error> {
        let detail = || "no catalogue was signed yet; run `keymuster-authority catalogue sign FILE.toml`".to_owned();
        self.newest_catalogue(tx)?.ok_or_else(|| Error::Unable { code: &codes::CATALOGUE_MISSING, detail: detail() })
    }

    /// Completes a bundle: the newest revocation list, and the certificates of all who signed something in it.
    pub fn answer(&self, tx: &Transaction<'_>, mut bundle: Bundle) -> Result<Bundle, Error> {
        let revocations = store::revocation_list::newest(tx)?;
        bundle.revocations = revocations.map(|(_, bytes)| bytes.into());
        let Bundle { entitlement, activation, catalogue, revocations, time_reset, activations, .. } = &bundle;
        let documents = [entitlement, activation, catalogue, revocations, time_reset];
        let mut signers: Vec<SignerId> = Vec::new();
        for bytes in documents.into_iter().flatten().chain(activations.iter().flatten()) {
            let claim = claim(bytes, Catalogue::SIZE_MAX);
            signers.push(claim.map_err(|error| Failure::damaged("(any)", "document", "?", error.to_string()))?.signer);
        }
        signers.sort_unstable();
        signers.dedup();
        let mut issuers = Vec::new();
        for signer in signers {
            let certificate = store::issuer::certificate(tx, signer)?;
            let missing = || Failure::damaged("issuer", "signer", signer, "it signed documents and is missing");
            issuers.push(certificate.ok_or_else(missing)?.into());
        }
        // Refusals alone need nobody to vouch for them.
        bundle.issuers = Some(issuers).filter(|issuers: &Vec<_>| !issuers.is_empty());
        Ok(bundle)
    }

    /// Whether a request is for this publisher's authority.
    pub fn check_publisher(&self, asked: &Slug) -> Result<(), Refusal> {
        let own = &self.publisher.slug;
        if asked == own { Ok(()) } else { Err(Refusal::PublisherUnknown { publisher: asked.clone() }) }
    }

    /// Reads a secret key that somebody sent: well formed, of this publisher, of the wanted kind, with the right tag.
    pub fn read_key(&self, text: &str, wanted: KeyKind) -> Result<ProductKey, Refusal> {
        let key = ProductKey::parse(text).map_err(|error| Refusal::KeyMalformed { why: error.to_string() })?;
        let fields = key.fields();
        if fields.mark != publisher_mark(&self.publisher.slug) {
            return Err(Refusal::KeyWrongPublisher { publisher: self.publisher.slug.clone() });
        }
        if fields.kind != wanted {
            return Err(Refusal::KeyWrongKind { found: kind_words(fields.kind), wanted: kind_words(wanted) });
        }
        if self.tags.made(&key) { Ok(key) } else { Err(Refusal::KeyUnknown) }
    }

    /// The product key that a row of the database stands for.
    pub fn key_of(&self, minted: &Minted) -> Result<ProductKey, Failure> {
        let kind = minted.kind();
        let key = self.tags.key(&self.publisher.slug, kind, minted.number, minted.serial);
        let matching = key.filter(|key| key.id() == minted.id);
        let reason = "number and serial do not make this key; tags.key may be another authority's";
        matching.ok_or_else(|| Failure::damaged("product_key", "serial", minted.id, reason))
    }
}

/// What was minted under this key, if neither the key nor its customer was taken back.
pub fn usable(tx: &Transaction<'_>, key: &ProductKey) -> Result<(Minted, store::customer::Customer), Error> {
    let minted = store::product_key::find(tx, key.id())?.ok_or(Refusal::KeyUnknown)?;
    if minted.revoked.is_some() {
        return Err(Refusal::KeyRevoked { last_five: key.last_five() }.into());
    }
    let missing = || Failure::damaged("product_key", "customer", minted.id, "there is no such customer");
    let customer = store::customer::find(tx, &minted.customer)?.ok_or_else(missing)?;
    if customer.stopped.is_some() {
        return Err(Refusal::CustomerStopped { customer: customer.slug }.into());
    }
    debug_assert_eq!(matches!(minted.worth, Worth::Host(_)), key.fields().kind == KeyKind::Host);
    Ok((minted, customer))
}

fn verified(trust: &Trust, certificate: Vec<u8>) -> Option<Signed<Issuer>> {
    let bundle = Bundle { issuers: Some(vec![certificate.into()]), ..Bundle::default() };
    Chain::new(trust, &bundle, None).ok()?.issuers().first().cloned()
}

fn kind_words(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Setup => "setup key",
        KeyKind::Host => "host key",
        KeyKind::Mak => "MAK",
    }
}
