//! Vectors of revocation (`docs/spec/documents.md`, 5 and 6.6): what a list takes away, and which of two lists counts.

use keymuster_core::bundle::Bundle;
use keymuster_core::issuer::Issuer;
use keymuster_core::revocation::Revocations;
use keymuster_core::time::DAY;
use serde_json::json;

use super::Vector;
use super::answers::{answer_vector, lease_answer};
use super::world::{
    DESK, HOST, ISSUER, NOW, OTHER_ISSUER, ROOT, activation, answer, asker, catalogue, entitlement, entitlement_id,
    hex, host_id, issuer, lease, list, named, other_issuer, pack, public, revocations, signed, trust_text, with,
};

const REVOKED: &str = "revoked";

pub fn vectors() -> Vec<Vector> {
    let mut vectors = sent();
    vectors.extend(held());
    vectors.extend(by_revoked_issuer());
    vectors.extend(lists());
    vectors
}

fn revokes_host(sequence: u64) -> Revocations {
    Revocations { hosts: vec![host_id()], ..revocations(sequence) }
}

fn revokes_issuer(sequence: u64) -> Revocations {
    Revocations { issuers: vec![public(ISSUER).signer()], ..revocations(sequence) }
}

/// Both issuers, so that either may have signed.
fn both() -> Option<Vec<minicbor::bytes::ByteVec>> {
    Some(vec![signed(issuer(), ROOT).into(), signed(other_issuer(), ROOT).into()])
}

/// An answer whose entitlement is signed by the first issuer, with a list that is signed by the second.
fn with_list(list: Revocations) -> Bundle {
    Bundle { issuers: both(), revocations: Some(signed(list, OTHER_ISSUER).into()), ..answer(lease(), entitlement()) }
}

fn sent() -> Vec<Vector> {
    [
        ("none", "a list of nothing", revocations(1), "accepted"),
        (
            "entitlement",
            "the entitlement is on the list",
            Revocations { entitlements: vec![entitlement_id()], ..revocations(1) },
            REVOKED,
        ),
        ("host", "the host is on the list", revokes_host(1), REVOKED),
        (
            "customer",
            "the customer is on the list",
            Revocations { customers: vec![named("globex")], ..revocations(1) },
            REVOKED,
        ),
        ("issuer", "the issuer is on the list", revokes_issuer(1), REVOKED),
        (
            "others",
            "others are on the list",
            Revocations { customers: vec![named("initech")], ..revocations(1) },
            "accepted",
        ),
    ]
    .into_iter()
    .map(|(name, about, list, code)| lease_answer(&format!("revoked-{name}"), about, &with_list(list)).gives(code))
    .collect()
}

/// Which of two lists counts: the sent one, or the one that the reader holds.
fn held() -> Vec<Vector> {
    let held = |revocations: Revocations| {
        with(asker(DESK), "revocations", hex(&list(revocations, other_issuer(), OTHER_ISSUER)))
    };
    let alone = answer(lease(), entitlement());
    let cases = [
        ("held", "the held list names the host, and none is sent", alone, revokes_host(5), REVOKED),
        (
            "held-newer",
            "a sent list that is older takes nothing back",
            with_list(revocations(4)),
            revokes_host(5),
            REVOKED,
        ),
        ("held-equal", "nor does one of the same number", with_list(revocations(5)), revokes_host(5), REVOKED),
        (
            "held-older",
            "a newer list may take a revocation back",
            with_list(revocations(6)),
            revokes_host(5),
            "accepted",
        ),
        ("held-older-adds", "and may add one", with_list(revokes_host(6)), revocations(5), REVOKED),
    ];
    cases
        .into_iter()
        .map(|(name, about, bundle, list, code)| {
            lease_answer(&format!("revoked-{name}"), about, &bundle).within(held(list)).gives(code)
        })
        .collect()
}

/// An issuer key that was stolen and revoked: whatever it signs, lists above all.
fn by_revoked_issuer() -> Vec<Vector> {
    let held = with(asker(DESK), "revocations", hex(&list(revokes_issuer(5), other_issuer(), OTHER_ISSUER)));
    let trust = json!({
        "trust": trust_text(),
        "revocations": hex(&list(revokes_issuer(5), other_issuer(), OTHER_ISSUER)),
    });
    let by_thief = Bundle {
        revocations: Some(signed(revocations(u64::from(u32::MAX)), ISSUER).into()),
        ..answer(lease(), entitlement())
    };
    let list_by_thief_rest_sound =
        Bundle { issuers: both(), entitlement: Some(signed(entitlement(), OTHER_ISSUER).into()), ..by_thief.clone() };
    let host_revoked = Revocations { hosts: vec![host_id()], ..revokes_issuer(5) };
    let held_with_host = with(asker(DESK), "revocations", hex(&list(host_revoked, other_issuer(), OTHER_ISSUER)));
    let activated = Bundle {
        activation: Some(signed(activation(), ISSUER).into()),
        issuers: super::world::issuers(),
        ..Bundle::default()
    };
    let own = list(revokes_issuer(7), issuer(), ISSUER);
    vec![
        lease_answer(
            "revoked-issuer-list",
            "a revoked issuer cannot take its revocation back by a newer list",
            &by_thief,
        )
        .within(held.clone())
        .gives(REVOKED),
        lease_answer(
            "revoked-list-ignored",
            "its list counts for nothing, and the rest of the answer is judged alone",
            &list_by_thief_rest_sound,
        )
        .within(held.clone()),
        lease_answer("revoked-list-held", "and what the held list takes away stays away", &list_by_thief_rest_sound)
            .within(held_with_host)
            .gives(REVOKED),
        lease_answer(
            "revoked-own-list",
            "a list that names its own signer holds, against it as well",
            &Bundle { revocations: own.revocations.clone(), ..answer(lease(), entitlement()) },
        )
        .gives(REVOKED),
        answer_vector("activation-answer", "revoked-issuer", "an activation by a revoked issuer", &activated)
            .within(held)
            .gives(REVOKED),
        answer_vector("catalogue-pack", "revoked-issuer", "a catalogue by a revoked issuer", &pack(catalogue()))
            .within(trust)
            .gives(REVOKED),
    ]
}

/// Lists that are no good themselves: the whole answer is refused.
fn lists() -> Vec<Vector> {
    let with_bytes = |bytes: Vec<u8>| Bundle { revocations: Some(bytes.into()), ..answer(lease(), entitlement()) };
    let mut flipped = signed(revocations(1), ISSUER);
    *flipped.last_mut().expect("a document has bytes") ^= 1;
    let late = Revocations { issued: NOW.plus(266 * DAY), ..revocations(1) };
    let foreign = Revocations { publisher: named("borealis"), ..revocations(1) };
    let other = Issuer { sign_until: NOW.minus(2 * DAY), ..issuer() };
    [
        ("list-flipped", "a list whose signature is spoilt", with_bytes(flipped), "signature-invalid"),
        (
            "list-signer",
            "a list by an issuer that is not there",
            with_bytes(signed(revocations(1), OTHER_ISSUER)),
            "signer-unknown",
        ),
        ("list-by-host", "a list by the host", with_bytes(signed(revocations(1), HOST)), "signer-unknown"),
        ("list-publisher", "a list of another publisher", with_bytes(signed(foreign, ISSUER)), "wrong-publisher"),
        ("list-late", "a list signed after the issuer's time", with_bytes(signed(late, ISSUER)), "beyond-limits"),
        (
            "list-later",
            "a list and an entitlement by an issuer whose time ended between them",
            Bundle { issuers: Some(vec![signed(other, ROOT).into()]), ..with_bytes(signed(revocations(1), ISSUER)) },
            "beyond-limits",
        ),
    ]
    .into_iter()
    .map(|(name, about, bundle, code)| lease_answer(&format!("revoked-{name}"), about, &bundle).gives(code))
    .collect()
}
