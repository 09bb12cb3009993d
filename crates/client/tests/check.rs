//! Trying hosts without being counted: what is believed of their reports, and that nothing is left behind.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::fs;

use keymuster_client::{Client, HostReport};
use keymuster_core::id::{EntitlementId, HostId};
use keymuster_core::report::Report;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::signature::SecretKey;
use keymuster_core::time::HOUR;
use support::host::{Granter, Host, Reaction};
use support::{Machine, Publisher};

const EDITION: &str = "desk-pro-2026";

/// The only host's report, or the code of why there is none.
fn check(client: &Client) -> Result<HostReport, String> {
    let [host] = client.check().hosts.try_into().unwrap();
    host.report.map_err(|error| format!("{error} ({})", error.code()))
}

fn granter(machine: &Machine) -> Granter {
    Granter::new(&Publisher::aurora(), &machine.env)
}

#[test]
fn nothing_is_stored_and_nothing_said_of_the_machine() {
    let machine = Machine::new();
    let host = Host::granting(granter(&machine));
    fs::write(machine.store.path().join("settings.json"), r#"{"send-name": true}"#).unwrap();
    let client = machine.open(Publisher::aurora().product(EDITION), &host.address);
    client.activate().unwrap();
    let activated = host.next().request;
    let state = || fs::read(machine.file("desk-pro-2026.state")).unwrap();
    let before = state();
    for _ in 0..3 {
        check(&client).unwrap();
        assert_eq!(state(), before);
    }
    let heard = host.all();
    for heard in &heard {
        let ClientRequest { act, counter, name, previous, system, boot, standing, .. } = &heard.request;
        assert_eq!((*act, *counter, heard.path.as_str()), (Act::Check, activated.counter, "/v1/activate"));
        assert_eq!((name, previous, system, boot, standing), (&None, &None, &None, &None, &None));
        assert_eq!(heard.request.client, activated.client);
    }
    assert_ne!(heard[0].request.request, heard[1].request.request);
}

/// A change to a proper report, and what the client says to it.
type Change = (&'static str, fn(&mut Report), Result<&'static str, &'static str>);

const CHANGES: &[Change] = &[
    ("nothing", |_| {}, Ok("count 25 of 5: healthy, would activate this client now")),
    ("just enough", |report| report.count = 5, Ok("count 5 of 5: healthy, would activate this client now")),
    (
        "one missing",
        |report| report.count = 4,
        Ok("count 4 of 5: healthy, would activate the next client that is new to it"),
    ),
    (
        "a higher threshold",
        |report| report.threshold = 30,
        Ok("count 25 of 30: healthy, would activate the next client"),
    ),
    (
        "too few",
        |report| (report.count, report.refusal) = (3, Some("threshold-not-met".parse().unwrap())),
        Ok("count 3 of 5: healthy, will activate when 2 more clients have asked"),
    ),
    (
        "too many",
        |report| report.refusal = Some("clients-exhausted".parse().unwrap()),
        Ok("count 25 of 5: would refuse a new client: "),
    ),
    (
        "a code of later",
        |report| report.refusal = Some("moon-not-full".parse().unwrap()),
        Ok("count 25 of 5: would refuse a new client: moon-not-full"),
    ),
    (
        "a threshold below the publisher's",
        |report| report.threshold = 4,
        Ok("count 25 of 4: this client would not accept a lease from it: "),
    ),
    ("another edition", |report| report.edition = 2, Err("for-another-edition")),
    (
        "another request",
        |report| report.request = keymuster_core::id::RequestId::from_bytes([1; 16]),
        Err("answer-to-another-request"),
    ),
    ("another host", |report| report.position.host = HostId::from_bytes([1; 16]), Err("for-another-host")),
    ("another entitlement", |report| report.entitlement = EntitlementId::from_bytes([1; 16]), Err("for-another-host")),
    ("another publisher", |report| report.publisher = "other".parse().unwrap(), Err("wrong-publisher")),
];

#[test]
fn a_report_is_verified_and_judged() {
    for (what, change, expected) in CHANGES {
        let machine = Machine::new();
        let granter = granter(&machine);
        let host = Host::start(move |heard| {
            let mut report = granter.report(&heard.request);
            change(&mut report);
            Reaction::Bundle(granter.report_bundle(&report))
        });
        let client = machine.open(Publisher::aurora().product(EDITION), &host.address);
        match (check(&client), expected) {
            (Ok(report), Ok(expected)) => {
                assert!(report.to_string().starts_with(expected), "{what}: {report}");
                assert_eq!(report.is_healthy(), expected.contains("healthy"), "{what}");
                let has_code = report.code().is_some();
                assert_eq!(has_code, report.refusal.is_some() || report.objection.is_some(), "{what}");
            }
            (Err(error), Err(code)) => assert!(error.contains(code), "{what}: {error}"),
            (found, _) => panic!("{what}: {found:?}"),
        }
    }
}

#[test]
fn a_report_that_somebody_else_signed_is_refused() {
    let machine = Machine::new();
    let ours = granter(&machine);
    let stranger = SecretKey::from_seed(&[66; 32]);
    let other_root = Publisher { root: SecretKey::from_seed(&[50; 32]), ..Publisher::aurora() };
    let by_stranger = {
        let ours = ours.clone();
        move |heard: &support::host::Heard| {
            let mut bundle = ours.report_bundle(&ours.report(&heard.request));
            bundle.report = Some(ours.signed(ours.report(&heard.request), &stranger));
            Reaction::Bundle(bundle)
        }
    };
    let of_other_root = Granter { publisher: other_root, ..ours.clone() };
    let without_report = {
        let ours = ours.clone();
        move |heard: &support::host::Heard| {
            Reaction::Bundle(ours.bundle(ours.lease(&heard.request), &ours.entitlement()))
        }
    };
    for (what, host, code) in [
        ("by another key", Host::start(by_stranger), "KM-605"),
        ("under another root", Host::granting(of_other_root), "KM-605"),
        ("a lease in its place", Host::start(without_report), "KM-602"),
        ("nothing", Host::start(|_| Reaction::Done), "KM-504"),
        ("a refusal", Host::start(|_| Reaction::refusal(403, "clock-skew", "")), "KM-203"),
    ] {
        let client = machine.open(Publisher::aurora().product(EDITION), &host.address);
        let error = check(&client).unwrap_err();
        assert!(error.contains(code), "{what}: {error}");
    }
}

#[test]
fn the_clocks_are_compared_and_an_older_ledger_than_that_of_the_lease_is_noticed() {
    let (machine, elsewhere) = (Machine::new(), Machine::new());
    let host = Host::granting(granter(&elsewhere));
    let client = machine.open(Publisher::aurora().product(EDITION), &host.address);
    elsewhere.env.advance(HOUR);
    assert_eq!(check(&client).unwrap().clock_ahead_secs, 3600);
    machine.env.advance(2 * HOUR);
    assert_eq!(check(&client).unwrap().clock_ahead_secs, -3600);

    let restored = Granter { ..granter(&machine) };
    let mut asked = 0;
    let host = Host::start(move |heard| {
        asked += 1;
        let mut report = restored.report(&heard.request);
        report.position.sequence = 100;
        if asked == 1 { restored.react(&heard.request) } else { Reaction::Bundle(restored.report_bundle(&report)) }
    });
    let client = machine.open(Publisher::aurora().product(EDITION), &host.address);
    client.activate().unwrap();
    let report = check(&client).unwrap();
    assert_eq!(report.code().unwrap().name, "older-than-held");
    assert!(!report.is_healthy());
}

#[test]
fn seats_are_reported_without_a_count() {
    let machine = Machine::new();
    for (refusal, expected) in
        [(None, "healthy, would give a seat now"), (Some("seats-exhausted"), "healthy, all seats are taken")]
    {
        let granter = granter(&machine);
        let host = Host::start(move |heard| {
            let refusal = refusal.map(|name: &str| name.parse().unwrap());
            Reaction::Bundle(granter.report_bundle(&Report { refusal, ..granter.report(&heard.request) }))
        });
        let client = machine.open(Publisher::aurora().product("cad-2026"), &host.address);
        let report = check(&client).unwrap();
        assert_eq!((report.to_string().as_str(), report.is_healthy()), (expected, true));
    }
}

#[test]
fn hosts_that_do_not_answer_are_told_apart() {
    let machine = Machine::new();
    let closing = Host::start(|_| Reaction::Close);
    let client = machine.open(Publisher::aurora().product(EDITION), &closing.address);
    assert!(check(&client).unwrap_err().contains("KM-502"));
    let nobody = "127.0.0.1:9".parse().unwrap();
    let client = machine.open(Publisher::aurora().product(EDITION), &nobody);
    assert!(check(&client).unwrap_err().contains("KM-503"));
}
