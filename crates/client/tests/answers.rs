//! Answers that must not be believed: changed, made by others, or made for others.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::sync::{Arc, Mutex};

use keymuster_client::{Client, Error};
use keymuster_core::bundle::Bundle;
use keymuster_core::id::{ClientId, HostId, RequestId};
use keymuster_core::lease::Lease;
use keymuster_core::request::ClientRequest;
use keymuster_core::revocation::Revocations;
use keymuster_core::signature::SecretKey;
use keymuster_core::time::{DAY, HOUR};
use support::host::{Granter, Host, Reaction};
use support::{Machine, Publisher, START};

const EDITION: &str = "desk-pro-2026";

type Answer = dyn Fn(&Granter, &ClientRequest) -> Bundle + Send;

/// A machine whose host answers the first request by `answer`, and rightly from then on.
fn answered_by(answer: Box<Answer>) -> (Machine, Host, Client) {
    let (publisher, machine) = (Publisher::aurora(), Machine::new());
    let granter = Granter::new(&publisher, &machine.env);
    let mut answer = Some(answer);
    let host = Host::start(move |heard| match answer.take() {
        Some(answer) => Reaction::Bundle(answer(&granter, &heard.request)),
        None => granter.react(&heard.request),
    });
    let client = machine.open(publisher.product(EDITION), &host.address);
    (machine, host, client)
}

/// The code of the reason why the answer is refused, or that of the state if it is not.
fn why(client: &Client) -> String {
    match client.activate() {
        Ok(status) => status.state.to_string(),
        Err(Error::AnswerInvalid { why, .. }) => why.code().name.to_owned(),
        Err(other) => panic!("{other}"),
    }
}

fn with_lease(change: impl Fn(&mut Lease) + Send + 'static) -> Box<Answer> {
    Box::new(move |granter, request| {
        let mut lease = granter.lease(request);
        change(&mut lease);
        granter.bundle(lease, &granter.entitlement())
    })
}

#[test]
fn answers_of_and_for_others_are_refused() {
    let other_publisher = || Publisher { root: SecretKey::from_seed(&[40; 32]), ..Publisher::aurora() };
    let table: Vec<(&str, Box<Answer>, &str)> = vec![
        ("right", with_lease(|_| ()), "licensed until 2027-07-14T08:00:00Z"),
        ("client", with_lease(|lease| lease.client = ClientId::from_bytes([0; 16])), "for-another-client"),
        (
            "client key",
            with_lease(|lease| lease.client_key = SecretKey::from_seed(&[9; 32]).public()),
            "for-another-client",
        ),
        ("request", with_lease(|lease| lease.request = RequestId::from_bytes([0; 16])), "answer-to-another-request"),
        ("edition", with_lease(|lease| lease.edition = 2), "for-another-edition"),
        ("fingerprint", with_lease(|lease| lease.fingerprint = Some([0; 32])), "answer-to-another-request"),
        ("publisher", with_lease(|lease| lease.publisher = "borealis".parse().unwrap()), "wrong-publisher"),
        ("host", with_lease(|lease| lease.position.host = HostId::from_bytes([0; 16])), "for-another-host"),
        ("threshold", with_lease(|lease| lease.threshold = 4), "count-below-threshold"),
        ("count", with_lease(|lease| lease.count = 4), "count-below-threshold"),
        ("term", with_lease(|lease| lease.expires = lease.issued.plus(181 * DAY)), "beyond-limits"),
        (
            "ended",
            with_lease(|lease| {
                lease.issued = START.minus(100);
                lease.renew_after = START.minus(50);
                lease.expires = START;
            }),
            "expired",
        ),
        (
            "signed by a key of its own",
            Box::new(|granter, request| {
                let forger = Granter { key: SecretKey::from_seed(&[41; 32]), ..granter.clone() };
                forger.bundle(granter.lease(request), &granter.entitlement())
            }),
            "signer-unknown",
        ),
        (
            "entitled by itself",
            Box::new(|granter, request| {
                let issuer = SecretKey::from_seed(&[41; 32]);
                let publisher = Publisher { issuer, ..granter.publisher.clone() };
                let forger = Granter { publisher, ..granter.clone() };
                Bundle { issuers: granter.issuers(), ..forger.bundle(granter.lease(request), &granter.entitlement()) }
            }),
            "signer-unknown",
        ),
        (
            "of another publisher",
            Box::new(move |granter, request| {
                let other = Granter { publisher: other_publisher(), ..granter.clone() };
                other.bundle(other.lease(request), &other.entitlement())
            }),
            "signer-unknown",
        ),
        (
            "an activation",
            Box::new(|granter, request| granter.activation_bundle(&granter.activation(request))),
            "document-malformed",
        ),
        ("nothing", Box::new(|_, _| Bundle::default()), "document-malformed"),
        (
            "without issuers",
            Box::new(|granter, request| Bundle {
                issuers: None,
                ..granter.bundle(granter.lease(request), &granter.entitlement())
            }),
            "signer-unknown",
        ),
    ];
    for (name, answer, expected) in table {
        let (_machine, _host, client) = answered_by(answer);
        assert_eq!(why(&client), expected, "{name}");
    }
}

#[test]
fn an_invalid_answer_is_not_asked_for_again() {
    let (_machine, host, client) = answered_by(with_lease(|lease| lease.threshold = 4));
    assert_eq!(why(&client), "count-below-threshold");
    client.activate().unwrap();
    let [first, second] = host.all().try_into().unwrap();
    assert_ne!(first.request.request, second.request.request);
}

#[test]
fn no_bit_of_an_answer_can_be_changed() {
    let (publisher, machine) = (Publisher::aurora(), Machine::new());
    let granter = Granter::new(&publisher, &machine.env);
    let changed = Arc::new(Mutex::new(None));
    let next = changed.clone();
    let host = Host::start(move |heard| {
        let bundle = granter.bundle(granter.lease(&heard.request), &granter.entitlement());
        let mut bytes = bundle.to_bytes();
        match *next.lock().unwrap() {
            Some(bit) if bit / 8 < bytes.len() => bytes[bit / 8] ^= 1_u8 << (bit % 8),
            Some(_) => return Reaction::Done,
            None => {}
        }
        let head = "HTTP/1.1 200 x\r\nContent-Type: application/cbor\r\nContent-Length:";
        Reaction::Raw([format!("{head} {}\r\n\r\n", bytes.len()).as_bytes(), &bytes].concat())
    });
    let client = machine.open(publisher.product(EDITION), &host.address);
    let grace = client.status().state;
    let mut bits = 0;
    for bit in 0_usize.. {
        *changed.lock().unwrap() = Some(bit);
        match client.activate() {
            Err(Error::AnswerInvalid { .. }) => {}
            Err(Error::NotAKeymusterHost { .. }) => break,
            other => panic!("bit {bit}: {other:?}"),
        }
        bits = bit;
    }
    assert!(bits > 5000, "an answer has about 700 bytes, {bits} bits were changed");
    assert_eq!(client.status().state, grace);
    *changed.lock().unwrap() = None;
    client.activate().unwrap();
}

#[test]
fn a_client_stays_with_its_customer_while_it_holds_a_lease() {
    let (publisher, machine) = (Publisher::aurora(), Machine::new());
    let ours = Granter::new(&publisher, &machine.env);
    let theirs = Granter { customer: "other", host: HostId::from_bytes([4; 16]), ..ours.clone() };
    let (ours, theirs) = (Host::granting(ours), Host::granting(theirs));
    let product = publisher.product(EDITION);
    let held = machine.open(product.clone(), &ours.address).activate().unwrap().state;
    let moved = machine.open(product, &theirs.address);
    assert_eq!(why(&moved), "customer-changed");
    assert_eq!(moved.status().state, held);
    machine.env.advance(180 * DAY);
    assert_eq!(why(&moved), "licensed until 2028-01-10T08:00:00Z", "without a valid lease it may go elsewhere");
}

#[test]
fn an_older_place_in_the_ledger_is_refused() {
    let (machine, host, client) = answered_by(with_lease(|lease| lease.position.sequence = 500));
    let held = client.activate().unwrap().state;
    assert_eq!(why(&client), "older-than-held");
    assert_eq!(client.status().state, held);
    // Not even after a restart of the product.
    let client = machine.open(client.product().clone(), &host.address);
    assert_eq!(why(&client), "older-than-held");
}

#[test]
fn a_revocation_is_remembered_and_ends_nothing_that_is_held() {
    let (publisher, machine) = (Publisher::aurora(), Machine::new());
    let good = Granter::new(&publisher, &machine.env);
    let stolen = Granter { host: HostId::from_bytes([4; 16]), ..good.clone() };
    let list = |sequence, hosts: Vec<HostId>| {
        let list = Revocations {
            publisher: "aurora".parse().unwrap(),
            sequence,
            issued: START,
            entitlements: Vec::new(),
            hosts,
            customers: Vec::new(),
            issuers: Vec::new(),
            extensions: None,
        };
        Some(good.signed(list, &publisher.issuer))
    };
    let with = |granter: &Granter, revocations: Option<minicbor::bytes::ByteVec>| {
        let granter = granter.clone();
        Host::start(move |heard| {
            let bundle = granter.bundle(granter.lease(&heard.request), &granter.entitlement());
            Reaction::Bundle(Bundle { revocations: revocations.clone(), ..bundle })
        })
    };
    let product = publisher.product(EDITION);
    let first = with(&stolen, list(1, Vec::new()));
    machine.open(product.clone(), &first.address).activate().unwrap();

    // The held lease is of a host that the next answer calls revoked.
    let second = with(&good, list(2, vec![stolen.host]));
    machine.open(product.clone(), &second.address).activate().unwrap();
    let third = with(&stolen, list(1, Vec::new()));
    let client = machine.open(product.clone(), &third.address);
    assert_eq!(why(&client), "revoked", "an older list does not help");
    assert!(client.status().state.to_string().starts_with("licensed"));
    let fourth = with(&stolen, None);
    assert_eq!(why(&machine.open(product.clone(), &fourth.address)), "revoked", "and neither does none");
    client.rearm().unwrap();
    assert_eq!(why(&machine.open(product, &fourth.address)), "revoked", "nor re-arming");
}

#[test]
fn a_raised_threshold_does_not_end_a_lease() {
    let (machine, host, client) = answered_by(with_lease(|_| ()));
    let held = client.activate().unwrap().state;
    let upgraded = Publisher { threshold: 26, ..Publisher::aurora() };
    let client = machine.open(upgraded.product(EDITION), &host.address);
    assert_eq!(client.status().state, held);
    assert_eq!(why(&client), "count-below-threshold", "the next one has to reach it");
    machine.env.advance(HOUR);
    assert_eq!(client.status().state, held);
}
