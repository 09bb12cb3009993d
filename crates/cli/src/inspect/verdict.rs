//! Whether the documents of a bundle verify, one by one, and if not, why.

use keymuster_core::activation::Activation;
use keymuster_core::bundle::Bundle;
use keymuster_core::catalogue::Catalogue;
use keymuster_core::chain::{Asker, Chain};
use keymuster_core::document::{self, Document};
use keymuster_core::entitlement::Entitlement;
use keymuster_core::id::{ClientId, Slug};
use keymuster_core::invalid::Invalid;
use keymuster_core::issuer::Issuer;
use keymuster_core::lease::Lease;
use keymuster_core::request::{ClientRequest, HostRequest};
use keymuster_core::revocation::Revocations;
use keymuster_core::signature::PublicKey;
use keymuster_core::time_reset::TimeReset;
use keymuster_core::trust::Trust;

use super::{DOCUMENT_BYTES_MAX, Known, Report, documents, payload};
use crate::shown::Fields;

/// What can be said of one document.
enum Verdict {
    Holds(&'static str),
    Fails(Invalid),
    /// Something is missing that a check would need.
    Open(String),
}

/// Shows all documents of a bundle with their verdicts.
pub fn of_bundle(kind: &str, bundle: &Bundle, known: &Known) -> Report {
    let mut report = Report { fields: Fields::new().text("kind", kind), is_valid: true };
    let judge = Judge { bundle, known };
    report.add("client_request", &bundle.client_request, documents::client_request, |_, bytes| {
        own(ClientRequest::verify(bytes).map(drop))
    });
    report.add("host_request", &bundle.host_request, documents::host_request, |_, bytes| {
        own(HostRequest::verify(bytes).map(drop))
    });
    report.add("lease", &bundle.lease, documents::lease, |lease, bytes| judge.lease(lease, bytes));
    report.add("activation", &bundle.activation, documents::activation, |body, bytes| judge.activation(body, bytes));
    report.add("time_reset", &bundle.time_reset, documents::time_reset, |body, bytes| judge.time_reset(body, bytes));
    report.add("entitlement", &bundle.entitlement, documents::entitlement, |body: &Entitlement, bytes| {
        judge.chained(&body.publisher, |chain| chain.entitlement(bytes).map(drop))
    });
    report.add("catalogue", &bundle.catalogue, documents::catalogue, |body: &Catalogue, bytes| {
        judge.chained(&body.publisher, |chain| chain.catalogue(bytes).map(drop))
    });
    report.add("revocations", &bundle.revocations, documents::revocations, |body: &Revocations, _| {
        judge.chained(&body.publisher, |_| Ok(()))
    });
    report.fields = report.fields.maybe("mak", bundle.mak.as_ref().map(documents::last_five));
    report.add_all("client_requests", &bundle.client_requests, documents::client_request, |_, bytes| {
        own(ClientRequest::verify(bytes).map(drop))
    });
    report.add_all("activations", &bundle.activations, documents::activation, |body, bytes| {
        judge.activation(body, bytes)
    });
    report.fields = report.fields.each("refusals", bundle.refusals.iter().flatten().map(documents::refused));
    report.add_all("issuers", &bundle.issuers, documents::issuer, |body: &Issuer, bytes| {
        let alone = Bundle { issuers: Some(vec![bytes.to_vec().into()]), ..Bundle::default() };
        Judge { bundle: &alone, known }.chained(&body.publisher, |_| Ok(()))
    });
    report
}

impl Report {
    fn add<D: Document>(
        &mut self,
        name: &'static str,
        bytes: &Option<minicbor::bytes::ByteVec>,
        show: impl Fn(&D) -> Fields,
        judge: impl Fn(&D, &[u8]) -> Verdict,
    ) {
        let Some(bytes) = bytes else { return };
        let (fields, is_valid) = show_one(bytes, show, judge);
        self.is_valid &= is_valid;
        self.fields = std::mem::take(&mut self.fields).fields(name, fields);
    }

    fn add_all<D: Document>(
        &mut self,
        name: &'static str,
        list: &Option<Vec<minicbor::bytes::ByteVec>>,
        show: impl Fn(&D) -> Fields,
        judge: impl Fn(&D, &[u8]) -> Verdict,
    ) {
        let shown = list.iter().flatten().map(|bytes| show_one(bytes, &show, &judge));
        let (fields, valid): (Vec<Fields>, Vec<bool>) = shown.unzip();
        self.is_valid &= !valid.contains(&false);
        self.fields = std::mem::take(&mut self.fields).each(name, fields);
    }
}

/// One document with its verdict, and whether nothing was found to be wrong with it.
fn show_one<D: Document>(
    bytes: &[u8],
    show: impl Fn(&D) -> Fields,
    judge: impl Fn(&D, &[u8]) -> Verdict,
) -> (Fields, bool) {
    let body = payload(bytes).and_then(document::from_payload::<D>);
    let verdict = match &body {
        Ok(body) => judge(body, bytes),
        Err(why) => Verdict::Fails(why.clone()),
    };
    let is_valid = !matches!(verdict, Verdict::Fails(_));
    let verdict = match verdict {
        Verdict::Holds(why) => format!("verifies: {why}"),
        Verdict::Fails(why) => format!("does not verify: {why} ({})", why.code()),
        Verdict::Open(why) => format!("not checked: {why}"),
    };
    let mut fields = Fields::new().text("verdict", verdict);
    if let Ok(claim) = document::claim(bytes, DOCUMENT_BYTES_MAX) {
        fields = fields.text("type", claim.document_type).text("signed_by", claim.signer);
    }
    fields = fields.number("bytes", bytes.len() as u64);
    if let Ok(body) = &body {
        fields = fields.fields("content", show(body));
    }
    (fields, is_valid)
}

/// What the documents of one bundle are judged by.
struct Judge<'a> {
    bundle: &'a Bundle,
    known: &'a Known,
}

impl Judge<'_> {
    fn trust(&self, publisher: &Slug) -> Option<&Trust> {
        let of_products = || self.known.products.iter().map(|product| product.trust());
        self.known.given.as_ref().or_else(|| of_products().find(|trust| trust.publisher == *publisher))
    }

    /// A verdict that needs the chain up to a root.
    fn chained(&self, publisher: &Slug, check: impl FnOnce(&Chain<'_>) -> Result<(), Invalid>) -> Verdict {
        let Some(trust) = self.trust(publisher) else {
            return Verdict::Open(format!("no trust file of publisher {publisher} is at hand; give one with --trust"));
        };
        if self.bundle.issuers.is_none() {
            return Verdict::Open("it stands alone, without the issuer certificates that it came with".into());
        }
        match Chain::new(trust, self.bundle, None).and_then(|chain| check(&chain)) {
            Ok(()) => Verdict::Holds("signed under a trusted root of the publisher"),
            Err(why) => Verdict::Fails(why),
        }
    }

    fn lease(&self, lease: &Lease, bytes: &[u8]) -> Verdict {
        let Some(entitlement) = &self.bundle.entitlement else {
            return Verdict::Open("it stands alone, without the entitlement that it came with".into());
        };
        self.asked(&lease.publisher, (lease.client, lease.client_key, lease.edition), |chain, asker| {
            let entitlement = chain.entitlement(entitlement)?;
            chain.lease(bytes, &entitlement, asker).map(drop)
        })
    }

    fn activation(&self, activation: &Activation, bytes: &[u8]) -> Verdict {
        let Activation { client, client_key, edition, .. } = activation;
        let whose = (*client, *client_key, *edition);
        self.asked(&activation.publisher, whose, |chain, asker| chain.activation(bytes, asker).map(drop))
    }

    fn time_reset(&self, reset: &TimeReset, bytes: &[u8]) -> Verdict {
        let TimeReset { client, client_key, edition, .. } = reset;
        let whose = (*client, *client_key, *edition);
        self.asked(&reset.publisher, whose, |chain, asker| chain.time_reset(bytes, asker).map(drop))
    }

    /// A verdict on an answer, as the client would see it that the answer names.
    fn asked(
        &self,
        publisher: &Slug,
        (client, client_key, number): (ClientId, PublicKey, u16),
        check: impl FnOnce(&Chain<'_>, &Asker<'_>) -> Result<(), Invalid>,
    ) -> Verdict {
        let products = self.known.products.iter().filter(|product| product.publisher() == publisher);
        let known = products.map(|product| product.catalogue()).find_map(|catalogue| {
            let edition = catalogue.edition(number)?;
            Some(Asker { client, client_key, edition, catalogue, request: None, held: None })
        });
        match known {
            Some(asker) => self.chained(publisher, |chain| check(chain, &asker)),
            None => Verdict::Open(format!("no product of edition {number} is known here; `keymuster add` makes it so")),
        }
    }
}

fn own(result: Result<(), Invalid>) -> Verdict {
    match result {
        Ok(()) => Verdict::Holds("signed by the key that it carries"),
        Err(why) => Verdict::Fails(why),
    }
}
