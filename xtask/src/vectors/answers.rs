//! Vectors of whole answers (`docs/spec/documents.md`, 5): from the root to a lease, an activation or a catalogue, for the
//! one who asked and nobody else.

use keymuster_core::activation::Activation;
use keymuster_core::bundle::Bundle;
use keymuster_core::catalogue::Catalogue;
use keymuster_core::entitlement::Entitlement;
use keymuster_core::id::{ClientId, EntitlementId, HostId, RequestId};
use keymuster_core::issuer::Issuer;
use keymuster_core::lease::{Lease, Position};
use keymuster_core::time::DAY;
use serde_json::{Value, json};

use super::Vector;
use super::world::{
    CAD, DESK, HOST, ISSUER, NOW, OTHER_CLIENT, OTHER_HOST, OTHER_ISSUER, OTHER_ROOT, ROOT, SERVER, activation, answer,
    asker, catalogue, entitlement, hex, issuer, issuers, lease, named, other_issuer, pack, position, public,
    seat_lease, signed, trust_text, with,
};

pub fn answer_vector(kind: &'static str, name: &str, about: &'static str, bundle: &Bundle) -> Vector {
    Vector::new(kind, name, about, json!({ "bundle": hex(bundle) }))
}

/// An answer to a client that asked for the desktop edition.
pub fn lease_answer(name: &str, about: &'static str, bundle: &Bundle) -> Vector {
    answer_vector("lease-answer", name, about, bundle).within(asker(DESK))
}

pub fn leases() -> Vec<Vector> {
    let mut vectors = accepted();
    vectors.extend(for_others());
    vectors.extend(held());
    vectors.extend(chains());
    vectors.extend(slots());
    vectors
}

fn accepted() -> Vec<Vector> {
    let both = Some(vec![signed(issuer(), ROOT).into(), signed(other_issuer(), ROOT).into()]);
    let by_the_other = Bundle {
        entitlement: Some(signed(entitlement(), OTHER_ISSUER).into()),
        issuers: both,
        ..answer(lease(), entitlement())
    };
    let two_roots = format!("{}root {}\n", trust_text(), keymuster_core::id::to_hex(public(OTHER_ROOT).as_bytes()));
    let by_the_other_root =
        Bundle { issuers: Some(vec![signed(issuer(), OTHER_ROOT).into()]), ..answer(lease(), entitlement()) };
    vec![
        lease_answer("volume", "a volume lease", &answer(lease(), entitlement()))
            .says(json!({ "kind": 1, "edition": 1, "count": 30, "threshold": 25, "expires": 1_815_552_000 })),
        lease_answer("seat", "a seat", &answer(seat_lease(), entitlement()))
            .within(asker(CAD))
            .says(json!({ "kind": 2, "edition": 3, "seat": { "pool": "cad", "fence": 7 }, "expires": 1_800_003_600 })),
        lease_answer("stored", "a stored answer: no request is open", &answer(lease(), entitlement())).within(with(
            asker(DESK),
            "request",
            Value::Null,
        )),
        lease_answer("two-issuers", "the second of two issuers signed the entitlement", &by_the_other),
        lease_answer("two-roots", "the second of two roots signed the issuer", &by_the_other_root).within(with(
            asker(DESK),
            "trust",
            two_roots,
        )),
    ]
}

fn for_others() -> Vec<Vector> {
    let of = |lease: Lease| answer(lease, entitlement());
    let elsewhere = Position { host: HostId::from_bytes([0x51; 16]), ..position(1, 42) };
    [
        (
            "other-client",
            "another client",
            of(Lease { client: ClientId::from_bytes([0x71; 16]), ..lease() }),
            "for-another-client",
        ),
        (
            "other-key",
            "a clone with another key",
            of(Lease { client_key: public(OTHER_CLIENT), ..lease() }),
            "for-another-client",
        ),
        ("other-edition", "another edition", of(Lease { edition: SERVER, ..lease() }), "for-another-edition"),
        (
            "other-request",
            "an answer to another request",
            of(Lease { request: RequestId::from_bytes([0x7f; 16]), ..lease() }),
            "answer-to-another-request",
        ),
        (
            "other-host",
            "a place in the ledger of another host",
            of(Lease { position: elsewhere, ..lease() }),
            "for-another-host",
        ),
        (
            "other-entitlement",
            "a lease on another entitlement",
            of(Lease { entitlement: EntitlementId::from_bytes([0xe1; 16]), ..lease() }),
            "for-another-host",
        ),
        (
            "lease-publisher",
            "a lease of another publisher",
            of(Lease { publisher: named("borealis"), ..lease() }),
            "wrong-publisher",
        ),
        (
            "entitlement-publisher",
            "an entitlement of another publisher",
            answer(lease(), Entitlement { publisher: named("borealis"), ..entitlement() }),
            "wrong-publisher",
        ),
    ]
    .into_iter()
    .map(|(name, about, bundle, code)| lease_answer(name, about, &bundle).gives(code))
    .collect()
}

/// What is held already, and an answer from before.
fn held() -> Vec<Vector> {
    let place = |host: &str, epoch: u64, sequence: u64| {
        with(asker(DESK), "held", json!({ "host": host, "epoch": epoch, "sequence": sequence }))
    };
    let own = "50".repeat(16);
    let bundle = answer(lease(), entitlement());
    vec![
        lease_answer("held-older", "a newer lease than the one held", &bundle).within(place(&own, 1, 41)),
        lease_answer("held-same", "the lease that is held, once more", &bundle).within(place(&own, 1, 42)),
        lease_answer("held-elsewhere", "places of two hosts have no order", &bundle).within(place(
            &"51".repeat(16),
            9,
            9,
        )),
        lease_answer("held-newer", "an older place in the ledger than the one held", &bundle)
            .within(place(&own, 1, 43))
            .gives("older-than-held"),
        lease_answer("held-newer-epoch", "an older epoch of the ledger than the one held", &bundle)
            .within(place(&own, 2, 1))
            .gives("older-than-held"),
    ]
}

/// Who signed what.
fn chains() -> Vec<Vector> {
    let sound = answer(lease(), entitlement());
    let with_issuer = |bytes: Vec<u8>| Bundle { issuers: Some(vec![bytes.into()]), ..sound.clone() };
    let with_entitlement = |bytes: Vec<u8>| Bundle { entitlement: Some(bytes.into()), ..sound.clone() };
    let with_lease = |bytes: Vec<u8>| Bundle { lease: Some(bytes.into()), ..sound.clone() };
    let last = |mut bytes: Vec<u8>| {
        *bytes.last_mut().expect("a document has bytes") ^= 1;
        bytes
    };
    let stray = Some(vec![signed(issuer(), ROOT).into(), signed(other_issuer(), OTHER_ROOT).into()]);
    let foreign = Issuer { publisher: named("borealis"), ..issuer() };
    [
        ("no-issuers", "without issuers", Bundle { issuers: None, ..sound.clone() }, "signer-unknown"),
        ("unknown-root", "an issuer under another root", with_issuer(signed(issuer(), OTHER_ROOT)), "signer-unknown"),
        (
            "stray-issuer",
            "one issuer too many, under another root",
            Bundle { issuers: stray, ..sound.clone() },
            "signer-unknown",
        ),
        ("self-signed", "an issuer that vouches for itself", with_issuer(signed(issuer(), ISSUER)), "signer-unknown"),
        ("issuer-publisher", "an issuer of another publisher", with_issuer(signed(foreign, ROOT)), "wrong-publisher"),
        (
            "other-issuer",
            "an entitlement by an issuer that is not there",
            with_entitlement(signed(entitlement(), OTHER_ISSUER)),
            "signer-unknown",
        ),
        (
            "root-entitlement",
            "an entitlement by the root itself",
            with_entitlement(signed(entitlement(), ROOT)),
            "signer-unknown",
        ),
        ("issuer-lease", "a lease by the issuer", with_lease(signed(lease(), ISSUER)), "signer-unknown"),
        ("other-host-key", "a lease by another host", with_lease(signed(lease(), OTHER_HOST)), "signer-unknown"),
        (
            "issuer-flipped",
            "the issuer's signature is spoilt",
            with_issuer(last(signed(issuer(), ROOT))),
            "signature-invalid",
        ),
        (
            "entitlement-flipped",
            "the entitlement's signature is spoilt",
            with_entitlement(last(signed(entitlement(), ISSUER))),
            "signature-invalid",
        ),
        (
            "lease-flipped",
            "the lease's signature is spoilt",
            with_lease(last(signed(lease(), HOST))),
            "signature-invalid",
        ),
    ]
    .into_iter()
    .map(|(name, about, bundle, code)| lease_answer(name, about, &bundle).gives(code))
    .collect()
}

/// Sound documents in each other's places.
fn slots() -> Vec<Vector> {
    let sound = answer(lease(), entitlement());
    let entitlement_bytes = signed(entitlement(), ISSUER);
    [
        (
            "entitlement-for-lease",
            "an entitlement for the lease",
            Bundle { lease: Some(entitlement_bytes.clone().into()), ..sound.clone() },
        ),
        (
            "lease-for-entitlement",
            "a lease for the entitlement",
            Bundle { entitlement: Some(signed(lease(), HOST).into()), ..sound.clone() },
        ),
        (
            "entitlement-for-issuer",
            "an entitlement for the issuer",
            Bundle { issuers: Some(vec![entitlement_bytes.clone().into()]), ..sound.clone() },
        ),
        (
            "entitlement-for-revocations",
            "an entitlement for the list",
            Bundle { revocations: Some(entitlement_bytes.into()), ..sound },
        ),
    ]
    .into_iter()
    .map(|(name, about, bundle)| lease_answer(name, about, &bundle).gives("document-wrong-type"))
    .collect()
}

pub fn activations() -> Vec<Vector> {
    let of = |activation: Activation| Bundle {
        activation: Some(signed(activation, ISSUER).into()),
        issuers: issuers(),
        ..Bundle::default()
    };
    let for_cad = Issuer { families: Some(vec![2]), ..issuer() };
    let by = |issuer: Issuer| Bundle { issuers: Some(vec![signed(issuer, ROOT).into()]), ..of(activation()) };
    let late = Activation { issued: NOW.plus(266 * DAY), ..activation() };
    [
        ("for-ever", "an activation without end", of(activation()), "accepted"),
        (
            "beyond-issuer",
            "an activation may outlast its issuer",
            of(Activation { expires: Some(NOW.plus(2000 * DAY)), ..activation() }),
            "accepted",
        ),
        (
            "other-client",
            "for another client",
            of(Activation { client: ClientId::from_bytes([0x71; 16]), ..activation() }),
            "for-another-client",
        ),
        (
            "other-key",
            "for another client's key",
            of(Activation { client_key: public(OTHER_CLIENT), ..activation() }),
            "for-another-client",
        ),
        (
            "other-edition",
            "for another edition",
            of(Activation { edition: SERVER, ..activation() }),
            "for-another-edition",
        ),
        (
            "other-request",
            "an answer to another request",
            of(Activation { request: RequestId::from_bytes([0x7f; 16]), ..activation() }),
            "answer-to-another-request",
        ),
        (
            "publisher",
            "of another publisher",
            of(Activation { publisher: named("borealis"), ..activation() }),
            "wrong-publisher",
        ),
        ("signed-late", "signed after the issuer's time", of(late), "beyond-limits"),
        ("family", "of a family that the issuer may not cover", by(for_cad), "beyond-limits"),
        (
            "by-host",
            "signed by a host",
            Bundle { activation: Some(signed(activation(), HOST).into()), ..of(activation()) },
            "signer-unknown",
        ),
        (
            "lease",
            "a lease for the activation",
            Bundle { activation: Some(signed(lease(), HOST).into()), ..of(activation()) },
            "document-wrong-type",
        ),
    ]
    .into_iter()
    .map(|(name, about, bundle, code)| {
        answer_vector("activation-answer", name, about, &bundle).within(asker(DESK)).gives(code)
    })
    .collect()
}

pub fn packs() -> Vec<Vector> {
    let of = |catalogue: Catalogue| pack(catalogue);
    let trust = json!({ "trust": trust_text() });
    let foreign_trust = json!({ "trust": trust_text().replace("aurora", "borealis") });
    let early = NOW.minus(101 * DAY);
    let no_families = Issuer { families: Some(vec![]), ..issuer() };
    let limited = Bundle { issuers: Some(vec![signed(no_families, ROOT).into()]), ..of(catalogue()) };
    let by_root = Bundle { catalogue: Some(signed(catalogue(), ROOT).into()), ..of(catalogue()) };
    let bare = Catalogue { families: vec![], groups: vec![], editions: vec![], ..catalogue() };
    let mut vectors: Vec<Vector> = [
        ("plain", "a licence pack", of(catalogue()), "accepted"),
        ("limited", "families limit who may be activated, not who may be described", limited, "accepted"),
        (
            "publisher",
            "of another publisher",
            of(Catalogue { publisher: named("borealis"), ..bare }),
            "wrong-publisher",
        ),
        (
            "signed-early",
            "signed before the issuer's time",
            of(Catalogue { issued: early, ..catalogue() }),
            "beyond-limits",
        ),
        ("by-root", "signed by the root itself", by_root, "signer-unknown"),
    ]
    .into_iter()
    .map(|(name, about, bundle, code)| {
        answer_vector("catalogue-pack", name, about, &bundle).within(trust.clone()).gives(code)
    })
    .collect();
    vectors.push(
        answer_vector("catalogue-pack", "trust", "the trust file of another publisher", &of(catalogue()))
            .within(foreign_trust)
            .gives("wrong-publisher"),
    );
    vectors
}
