//! Vectors of what is answered beside leases and activations (`docs/spec/documents.md`, 6.9 and 6.10): a host's report and
//! an authority's time reset, alone and as answers.

use keymuster_core::bundle::Bundle;
use keymuster_core::entitlement::Entitlement;
use keymuster_core::id::{ClientId, EntitlementId, HostId, RequestId};
use keymuster_core::lease::Position;
use keymuster_core::report::Report;
use keymuster_core::time::DAY;
use keymuster_core::time_reset::TimeReset;
use serde_json::json;

use super::answers::answer_vector;
use super::forge::{Fields, text};
use super::world::{
    CLIENT, DESK, HOST, ISSUER, NOW, OTHER_CLIENT, OTHER_HOST, OTHER_ISSUER, SERVER, asker, client_id, entitlement,
    entitlement_id, forced, issuers, list, named, other_issuer, position, public, request_id, revocations, signed,
};
use super::{Vector, document};

pub fn documents() -> Vec<Vector> {
    let without_request = Fields::of(report()).without(3);
    let two_words = Fields::of(report()).with(9, text("threshold not met"));
    vec![
        document("report/refusing", "a host below the threshold", &signed(report(), HOST), &public(HOST)).says(json!({
            "publisher": "aurora", "entitlement": "e0".repeat(16), "request": "7e".repeat(16), "edition": 1,
            "time": 1_800_000_000, "count": 12, "threshold": 25, "refusal": "threshold-not-met",
            "position": { "host": "50".repeat(16), "epoch": 1, "sequence": 42, "head": "4d".repeat(16) },
        })),
        document(
            "report/granting",
            "a host that would grant",
            &signed(Report { count: 30, refusal: None, ..report() }, HOST),
            &public(HOST),
        )
        .says(json!({ "count": 30, "threshold": 25 })),
        document("report/no-request", "it answers nothing", &forced::<Report>(&without_request, HOST), &public(HOST))
            .gives("document-malformed"),
        document("report/no-slug", "a refusal without a name", &forced::<Report>(&two_words, HOST), &public(HOST))
            .gives("document-malformed"),
        document("time-reset/plain", "a time reset", &signed(time_reset(), ISSUER), &public(ISSUER)).says(json!({
            "publisher": "aurora", "client": "70".repeat(16), "edition": 1, "request": "7e".repeat(16),
            "issued": 1_800_000_000,
        })),
        document(
            "time-reset/by-a-host",
            "the name of a host's key under an authority's document",
            &signed(time_reset(), HOST),
            &public(ISSUER),
        )
        .gives("signer-unknown"),
        document(
            "time-reset/no-client",
            "for nobody",
            &forced::<TimeReset>(&Fields::of(time_reset()).without(2), ISSUER),
            &public(ISSUER),
        )
        .gives("document-malformed"),
    ]
}

pub fn answers() -> Vec<Vector> {
    let mut vectors = reports();
    vectors.extend(time_resets());
    vectors
}

fn reports() -> Vec<Vector> {
    let of = |name: &str, about: &'static str, body: Report, seed: [u8; 32]| {
        answer_vector("report-answer", name, about, &with_entitlement(signed(body, seed))).within(asker(DESK))
    };
    let elsewhere = Position { host: HostId::from_bytes([0x51; 16]), ..position(1, 42) };
    vec![
        of("sound", "what the host would do", report(), HOST).says(json!({ "count": 12, "threshold": 25 })),
        of("other-key", "another host says it", report(), OTHER_HOST).gives("signer-unknown"),
        of("publisher", "about another publisher", Report { publisher: named("borealis"), ..report() }, HOST)
            .gives("wrong-publisher"),
        of(
            "entitlement",
            "on another entitlement",
            Report { entitlement: EntitlementId::from_bytes([0xe1; 16]), ..report() },
            HOST,
        )
        .gives("for-another-host"),
        of("host", "a place in another ledger", Report { position: elsewhere, ..report() }, HOST)
            .gives("for-another-host"),
        of("edition", "about another edition", Report { edition: SERVER, ..report() }, HOST)
            .gives("for-another-edition"),
        of(
            "request",
            "an answer to another request",
            Report { request: RequestId::from_bytes([0x7f; 16]), ..report() },
            HOST,
        )
        .gives("answer-to-another-request"),
    ]
}

fn time_resets() -> Vec<Vector> {
    let of = |name: &str, about: &'static str, body: TimeReset| {
        answer_vector("time-reset-answer", name, about, &with_issuers(signed(body, ISSUER))).within(asker(DESK))
    };
    let revoked = Bundle {
        revocations: list(
            keymuster_core::revocation::Revocations { issuers: vec![public(ISSUER).signer()], ..revocations(1) },
            other_issuer(),
            OTHER_ISSUER,
        )
        .revocations,
        issuers: Some(vec![
            signed(super::world::issuer(), super::world::ROOT).into(),
            signed(other_issuer(), super::world::ROOT).into(),
        ]),
        ..with_issuers(signed(time_reset(), ISSUER))
    };
    vec![
        of("sound", "the time, for this client", time_reset()).says(json!({ "issued": 1_800_000_000 })),
        of("client", "for another client", TimeReset { client: ClientId::from_bytes([0x71; 16]), ..time_reset() })
            .gives("for-another-client"),
        of("key", "for a clone with another key", TimeReset { client_key: public(OTHER_CLIENT), ..time_reset() })
            .gives("for-another-client"),
        of("request", "an old answer", TimeReset { request: RequestId::from_bytes([0x7f; 16]), ..time_reset() })
            .gives("answer-to-another-request"),
        of("edition", "for another edition", TimeReset { edition: SERVER, ..time_reset() })
            .gives("for-another-edition"),
        of("publisher", "of another publisher", TimeReset { publisher: named("borealis"), ..time_reset() })
            .gives("wrong-publisher"),
        of("late", "signed after the issuer stopped", TimeReset { issued: NOW.plus(266 * DAY), ..time_reset() })
            .gives("beyond-limits"),
        answer_vector("time-reset-answer", "revoked", "by an issuer that was revoked", &revoked)
            .within(asker(DESK))
            .gives("revoked"),
    ]
}

fn report() -> Report {
    Report {
        publisher: named("aurora"),
        entitlement: entitlement_id(),
        request: request_id(),
        edition: DESK,
        time: NOW,
        position: position(1, 42),
        count: 12,
        threshold: 25,
        refusal: Some(named("threshold-not-met")),
        extensions: None,
    }
}

fn time_reset() -> TimeReset {
    TimeReset {
        publisher: named("aurora"),
        client: client_id(),
        client_key: public(CLIENT),
        edition: DESK,
        request: request_id(),
        issued: NOW,
        extensions: None,
    }
}

fn with_entitlement(report: Vec<u8>) -> Bundle {
    let entitlement: Entitlement = entitlement();
    Bundle {
        report: Some(report.into()),
        entitlement: Some(signed(entitlement, ISSUER).into()),
        issuers: issuers(),
        ..Bundle::default()
    }
}

fn with_issuers(reset: Vec<u8>) -> Bundle {
    Bundle { time_reset: Some(reset.into()), issuers: issuers(), ..Bundle::default() }
}
