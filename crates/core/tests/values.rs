//! Small promises of the values: secrets do not print, what is signed can be read, what contradicts itself is not signed.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use keymuster_core::bundle::Bundle;
use keymuster_core::chain::Chain;
use keymuster_core::document::{Signed, payload, sign_payload};
use keymuster_core::id::{ClientId, from_hex};
use keymuster_core::invalid::Invalid;
use keymuster_core::lease::{Lease, LeaseKind};
use keymuster_core::signature::{PublicKey, SecretKey};
use keymuster_core::state::{Holding, Rules, State};
use keymuster_core::time::{DAY, Timestamp, duration_words};
use keymuster_core::trust::Trust;
use support::named;
use support::read::Context;

const SEED: [u8; 32] = [5; 32];

fn lease() -> Signed<Lease> {
    let vector = named("document/lease/volume");
    let key = PublicKey::from_bytes(&from_hex(vector.text("/input/key")).unwrap()).unwrap();
    Signed::verify(&vector.bytes("/input/document"), &key).unwrap()
}

#[test]
fn what_is_signed_is_what_is_read_and_signing_is_deterministic() {
    let key = SecretKey::from_seed(&SEED);
    let signed = Signed::sign((*lease()).clone(), &key).unwrap();
    assert_eq!(signed, lease());
    assert_eq!(signed.signer(), key.public().signer());
    assert_eq!(sign_payload::<Lease>(&payload(&*signed).unwrap(), &key), signed.bytes());
}

#[test]
fn what_no_reader_would_accept_is_not_signed() {
    let key = SecretKey::from_seed(&SEED);
    let seatless = Lease { kind: LeaseKind::Seat, ..(*lease()).clone() };
    let why = Invalid::Malformed("a seat lease names its seat".into());
    assert_eq!(Signed::sign(seatless.clone(), &key), Err(why.clone()));
    assert_eq!(payload(&seatless), Err(why));
    let features = (0..400).map(|number| format!("feature-{number}").parse().unwrap()).collect();
    let large = Lease { features: Some(features), ..(*lease()).clone() };
    assert!(matches!(Signed::sign(large, &key), Err(Invalid::TooLarge { limit: 4096, .. })));
}

#[test]
fn secrets_do_not_print() {
    let key = SecretKey::from_seed(&SEED);
    assert_eq!(format!("{key:?}"), "SecretKey(***)");
    assert_eq!(key.reveal_seed(), &SEED);
    let public = key.public();
    assert_eq!(format!("{public:?}"), "PublicKey(6e7a1cdd29b0b78fd13af4c5598feff4ef2a97166e3ca6f2e4fbfccd80505bf1)");
    assert_eq!(format!("{:?}", public.signer()), "SignerId(7599776c3085e3f9)");
    assert_eq!(format!("{:?}", ClientId::from_bytes([7; 16])), format!("ClientId({})", "07".repeat(16)));
}

#[test]
fn a_trust_file_says_which_line_is_wrong() {
    for (text, message) in [
        ("", "not a trust file: no publisher"),
        ("keymuster-trust 1\npublisher aurora\n", "not a trust file: no root key"),
        ("keymuster-trust 2\n", "not a trust file: line 1: the first line is not \"keymuster-trust 1\""),
        ("keymuster-trust 1\n\nroot 00\n", "not a trust file: line 3: not the 64 hexadecimal digits of a public key"),
        (
            "keymuster-trust 1\npublisher A\n",
            "not a trust file: line 2: publisher: expected 1 to 64 of a-z, 0-9, '-' and '.', beginning and ending with \
             a letter or digit",
        ),
    ] {
        assert_eq!(text.parse::<Trust>().unwrap_err().to_string(), message);
    }
    let whole = "keymuster-trust 1\npublisher aurora\nroot \
                 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c\nauthority https://a.example\n";
    assert_eq!(whole.parse::<Trust>().unwrap().to_string(), whole);
}

#[test]
fn a_chain_shows_its_issuers_and_a_catalogue_its_editions() {
    let vector = named("lease-answer/two-issuers");
    let context = Context::of(&vector);
    let bundle = Bundle::parse(&vector.bytes("/input/bundle")).unwrap();
    let chain = context.chain(&bundle).unwrap();
    assert_eq!(chain.issuers().len(), 2);
    assert!(chain.revocations().is_none());
    let catalogue = context.catalogue(&vector);
    assert_eq!(catalogue.edition_named("server").unwrap().number, 2);
    assert!(catalogue.edition_named("Server").is_none());
    assert!(Chain::new(&context.trust, &Bundle::default(), None).unwrap().issuers().is_empty());
}

#[test]
fn times_and_windows_are_as_they_were_given() {
    for (secs, words) in [(0, "0 seconds"), (1, "1 second"), (90, "90 seconds"), (600, "10 minutes"), (3600, "1 hour")]
    {
        assert_eq!(duration_words(secs), words);
    }
    let rules = Rules { kind: LeaseKind::Volume, grace_secs: DAY };
    let now = Timestamp::from_secs(1_800_000_000);
    assert!(!State::of(&Holding::default(), rules, now).may_run());
    assert!(State::of(&Holding { first_use: Some(now), ..Holding::default() }, rules, now).may_run());
}

#[test]
fn a_seat_is_free_after_its_end_and_the_guard() {
    let vector = named("document/entitlement/plain");
    let key = PublicKey::from_bytes(&from_hex(vector.text("/input/key")).unwrap()).unwrap();
    let entitlement =
        Signed::<keymuster_core::entitlement::Entitlement>::verify(&vector.bytes("/input/document"), &key).unwrap();
    let end = Timestamp::from_secs(1_800_000_000);
    assert_eq!(entitlement.pools[0].free_at(end), end.plus(600));
}
