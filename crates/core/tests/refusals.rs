//! What a no says to people and to programs: every refusal and every reason against a document, as tables.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::collections::BTreeSet;

use keymuster_core::id::HostId;
use keymuster_core::invalid::Invalid;
use keymuster_core::key::ProductKey;
use keymuster_core::refusal::{Member, Refusal};
use keymuster_core::time::Timestamp;
use support::root;

const AT: Timestamp = Timestamp::from_secs(1_800_000_000);

/// Every refusal, with its code, its sentence and its members.
fn refusals() -> Vec<(Refusal, &'static str, &'static str, &'static str)> {
    let (host, other) = (HostId::from_bytes([1; 16]), HostId::from_bytes([2; 16]));
    let last_five = || "6K264".to_owned();
    let slug = |text: &str| text.parse().unwrap();
    vec![
        (
            Refusal::ThresholdNotMet { count: 12, need: 25, retry_after_secs: 7200 },
            "threshold-not-met",
            "12 of 25 clients have asked within the counting window",
            "count=12 need=25 retry=7200",
        ),
        (
            Refusal::SeatsExhausted { pool: slug("cad"), seats: 10, next_end: Some(AT), retry_after_secs: 60 },
            "seats-exhausted",
            "all 10 seats of pool cad are taken; the next one ends at 2027-01-15T08:00:00Z",
            "pool=cad seats=10 next_end=1800000000 retry=60",
        ),
        (
            Refusal::SeatsExhausted { pool: slug("cad"), seats: 0, next_end: None, retry_after_secs: 60 },
            "seats-exhausted",
            "all 0 seats of pool cad are taken",
            "pool=cad seats=0 retry=60",
        ),
        (
            Refusal::SeatReclaimed { pool: slug("cad"), free_at: AT, retry_after_secs: 60 },
            "seat-reclaimed",
            "the administrator has reclaimed this seat of pool cad; it is free at 2027-01-15T08:00:00Z",
            "pool=cad free_at=1800000000 retry=60",
        ),
        (
            Refusal::ClientReleased { until: AT },
            "client-released",
            "the administrator has released this client; its leases run on until 2027-01-15T08:00:00Z",
            "until=1800000000",
        ),
        (
            Refusal::ClockSkew { client_time: AT, host_time: AT.plus(90), tolerated_secs: 45 },
            "clock-skew",
            "the client's clock says 2027-01-15T08:00:00Z, the host's says 2027-01-15T08:01:30Z; 45 seconds of difference \
             are tolerated",
            "client_time=1800000000 host_time=1800000090 tolerated_secs=45",
        ),
        (
            Refusal::EditionUnknown { edition: 9, catalogue_version: 3 },
            "edition-unknown",
            "edition 9 is not in the host's licence pack, version 3",
            "edition=9 catalogue_version=3",
        ),
        (
            Refusal::EditionNotCovered { edition: slug("desk") },
            "edition-not-covered",
            "no activated host key covers edition desk",
            "edition=desk",
        ),
        (
            Refusal::HostNotActivated { publisher: slug("aurora") },
            "host-not-activated",
            "the host has no entitlement of publisher aurora",
            "publisher=aurora",
        ),
        (
            Refusal::EntitlementExpired { stopped_at: AT },
            "entitlement-expired",
            "the host's entitlement ended at 2027-01-15T08:00:00Z",
            "stopped_at=1800000000",
        ),
        (
            Refusal::ClientsExhausted { count: 501, clients_max: 500 },
            "clients-exhausted",
            "501 clients are counted and the entitlement allows 500",
            "count=501 clients_max=500",
        ),
        (
            Refusal::RequestReplayed { counter: 4, seen: 5 },
            "request-replayed",
            "request 4 of this client is not newer than the last one seen, 5",
            "counter=4 seen=5",
        ),
        (
            Refusal::RequestForAnotherHost { audience: other, host },
            "request-for-another-host",
            "the request is for host 02020202020202020202020202020202, this is host 01010101010101010101010101010101",
            "",
        ),
        (
            Refusal::PublisherUnknown { publisher: slug("aurora") },
            "publisher-unknown",
            "publisher aurora is not known here",
            "publisher=aurora",
        ),
        (
            Refusal::SeatFenced { fence: 3, newest: 4 },
            "seat-fenced",
            "the seat with fence 3 has passed on; the newest fence is 4",
            "fence=3 newest=4",
        ),
        (
            Refusal::PoolUnknown { pool: slug("cad") },
            "pool-unknown",
            "the entitlement has no pool cad for this edition",
            "",
        ),
        (Refusal::WrongWay { why: "not here" }, "wrong-way", "not here", ""),
        (Refusal::KeyMalformed { why: "no key".into() }, "key-unreadable", "no key", ""),
        (
            Refusal::KeyWrongPublisher { publisher: slug("aurora") },
            "key-wrong-publisher",
            "this key is not one of publisher aurora",
            "publisher=aurora",
        ),
        (
            Refusal::KeyWrongKind { found: "MAK", wanted: "host key" },
            "key-wrong-kind",
            "this is a MAK; a host key is needed here",
            "",
        ),
        (
            Refusal::KeyNotThisEdition { edition: slug("desk") },
            "key-not-this-edition",
            "this key is not one for edition desk",
            "edition=desk",
        ),
        (
            Refusal::KeyNumberUnknown { number: 9, catalogue_version: 3 },
            "key-number-unknown",
            "the key is for number 9, which is not in the licence pack held, version 3",
            "",
        ),
        (
            Refusal::KeyAlreadyInstalled { last_five: last_five() },
            "key-already-installed",
            "the key that ends in 6K264 is installed",
            "",
        ),
        (
            Refusal::KeyAlreadyCovered {
                last_five: last_five(),
                group: "Aurora Server".parse().unwrap(),
                covered: "Aurora Desk".parse().unwrap(),
            },
            "key-already-covered",
            "the installed key that ends in 6K264 (Aurora Server) covers Aurora Desk and all that is below it",
            "",
        ),
        (
            Refusal::KeyRevoked { last_five: last_five() },
            "key-revoked",
            "the publisher has revoked the key that ends in 6K264",
            "",
        ),
        (
            Refusal::MakExhausted { used: 7, total: 7 },
            "mak-exhausted",
            "7 of 7 activations of this key are used",
            "used=7 total=7",
        ),
        (
            Refusal::HostsExhausted { hosts: 6, hosts_max: 6 },
            "hosts-exhausted",
            "6 of 6 hosts are activated with this key",
            "hosts=6 hosts_max=6",
        ),
        (
            Refusal::HostActivationsExhausted { used: 10, total: 10 },
            "host-activations-exhausted",
            "this host has used 10 of 10 activations with this key",
            "used=10 total=10",
        ),
        (
            Refusal::HostRevoked { host },
            "host-revoked",
            "the publisher has revoked host 01010101010101010101010101010101",
            "",
        ),
        (
            Refusal::CustomerStopped { customer: slug("globex") },
            "customer-stopped",
            "the publisher has stopped customer globex",
            "",
        ),
    ]
}

/// Those that say no more than their code does.
const PLAIN: [(Refusal, &str); 4] = [
    (Refusal::RekeyRequired, "rekey-required"),
    (Refusal::RequestConflict, "request-conflict"),
    (Refusal::LeaseUnknown, "lease-unknown"),
    (Refusal::KeyUnknown, "key-unknown"),
];

fn members(refusal: &Refusal) -> String {
    let member = |(name, value): (&str, Member)| match value {
        Member::Number(number) => format!("{name}={number}"),
        Member::Text(text) => format!("{name}={text}"),
    };
    let mut members: Vec<String> = refusal.members().into_iter().map(member).collect();
    members.extend(refusal.retry_after_secs().map(|secs| format!("retry={secs}")));
    members.join(" ")
}

#[test]
fn every_refusal_says_why_with_its_numbers() {
    for (refusal, code, sentence, expected) in refusals() {
        assert_eq!((refusal.code().name, refusal.to_string().as_str()), (code, sentence));
        assert_eq!(members(&refusal), expected, "{code}");
    }
    for (refusal, code) in PLAIN {
        assert_eq!(refusal.code().name, code);
        assert_eq!((refusal.to_string().as_str(), members(&refusal)), (refusal.code().sentence, String::new()));
    }
}

/// The table of members in refusals.md is that of the code.
#[test]
#[expect(clippy::disallowed_methods, reason = "the crate is pure, its tests read files")]
fn the_specification_lists_the_members() {
    let page = std::fs::read_to_string(root().join("docs/spec/refusals.md")).unwrap();
    let quoted = |cell: &str| -> BTreeSet<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let mut rows = BTreeSet::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').collect();
        rows.extend(quoted(cells[1]).into_iter().map(|code| (code, quoted(cells[2]))));
    }
    let mut expected = BTreeSet::new();
    for (refusal, code, ..) in refusals() {
        let names: BTreeSet<String> = refusal.members().into_iter().map(|(name, _)| name.to_owned()).collect();
        let is_partial = matches!(refusal, Refusal::SeatsExhausted { next_end: None, .. });
        if !names.is_empty() && !is_partial {
            expected.insert((code.to_owned(), names));
        }
    }
    assert_eq!(rows, expected);
}

#[test]
fn every_reason_against_a_document_has_its_code_and_sentence() {
    for (why, code, sentence) in [
        (Invalid::TooLarge { found: 5, limit: 4 }, "document-too-large", "5 bytes are more than the 4 allowed"),
        (Invalid::Malformed("cut off".into()), "document-malformed", "not a well-formed document: cut off"),
        (
            Invalid::WrongType { expected: "keymuster-lease+cose", found: "x".into() },
            "document-wrong-type",
            r#"expected "keymuster-lease+cose", found "x""#,
        ),
        (Invalid::Expired { at: AT }, "expired", "expired at 2027-01-15T08:00:00Z"),
        (Invalid::BeyondLimits("the pool"), "beyond-limits", "the pool is beyond what its issuer may grant"),
    ] {
        assert_eq!((why.code().name, why.to_string().as_str()), (code, sentence));
    }
    for (why, code) in [
        (Invalid::Signature, "signature-invalid"),
        (Invalid::SignerUnknown, "signer-unknown"),
        (Invalid::Revoked, "revoked"),
        (Invalid::ForAnotherClient, "for-another-client"),
        (Invalid::AnswerToAnotherRequest, "answer-to-another-request"),
        (Invalid::OlderThanHeld, "older-than-held"),
        (Invalid::WrongPublisher, "wrong-publisher"),
        (Invalid::ForAnotherEdition, "for-another-edition"),
        (Invalid::CountBelowThreshold, "count-below-threshold"),
        (Invalid::ForAnotherHost, "for-another-host"),
        (Invalid::CustomerChanged, "customer-changed"),
    ] {
        assert_eq!((why.code().name, why.to_string().as_str()), (code, why.code().sentence));
    }
}

#[test]
fn what_is_wrong_with_a_key_is_said_in_words() {
    for (text, sentence) in [
        ("x".repeat(101).as_str(), "a product key has 25 symbols, this text is far longer"),
        ("VFMDB-YRKQP-4PJK3-TX8QC-3YT9M", "these symbols are no product key, type the key again"),
        ("JVYCB-MHX2G-7YXF7-JK9HB-7M294", "the key has format version 2, this program knows version 1 only"),
        ("H29B7-KG83C-J9VJP-WT9KP-3YFBF", "the key is of a kind that this program does not know"),
    ] {
        assert_eq!(ProductKey::parse(text).unwrap_err().to_string(), sentence);
    }
}
