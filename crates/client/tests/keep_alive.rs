//! Renewal in the background, in real time but with intervals of a second.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::sync::mpsc::channel;
use std::time::Duration;

use keymuster_client::Client;
use keymuster_core::time::DAY;
use support::host::{Granter, Host, Reaction};
use support::{Machine, Publisher};

const EDITION: &str = "desk-pro-2026";
/// How long something may take that takes no time.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether something returns.
fn returns(act: impl FnOnce() + Send + 'static) -> bool {
    let (sender, done) = channel();
    std::thread::spawn(move || {
        act();
        sender.send(())
    });
    done.recv_timeout(PATIENCE).is_ok()
}

#[test]
fn it_asks_at_once_retries_renews_and_stops() {
    let (publisher, machine) = (Publisher::hasty(), Machine::with_real_time());
    let granter = Granter::new(&publisher, &machine.env);
    let mut asked = 0;
    let host = Host::start(move |heard| {
        asked += 1;
        match asked {
            1 => Reaction::Close,
            2 => Reaction::refusal(403, "threshold-not-met", ""),
            _ => granter.react(&heard.request),
        }
    });
    let client = machine.open(publisher.product(EDITION), &host.address);
    let renewal = client.keep_alive();
    let counters: Vec<u64> = (0..5).map(|_| host.next().request.counter).collect();
    assert_eq!(counters, [1, 1, 2, 3, 4], "the lost one is repeated, each other one is new");
    drop(renewal);
    let _ = host.all();
    assert!(client.status().state.to_string().starts_with("licensed"));
}

#[test]
fn it_waits_while_nothing_is_due_and_ends_at_once() {
    let (publisher, machine) = (Publisher::aurora(), Machine::with_real_time());
    let host = Host::granting(Granter::new(&publisher, &machine.env));
    let client = machine.open(publisher.product(EDITION), &host.address);
    client.activate().unwrap();
    host.next();
    assert!(returns(move || drop(client.keep_alive())), "the thread would sleep for minutes");
    assert_eq!(host.all().len(), 0);
}

#[test]
fn a_drop_does_not_wait_for_a_host_that_is_being_asked() {
    let (publisher, machine) = (Publisher::aurora(), Machine::with_real_time());
    let (release, waiting) = channel::<()>();
    let host = Host::start(move |_| {
        let _ = waiting.recv_timeout(PATIENCE * 2);
        Reaction::Close
    });
    let mut settings = machine.settings(Some(host.address.clone()));
    settings.timeouts.answer = PATIENCE * 10;
    let client = Client::open_with(publisher.product(EDITION), settings).unwrap();
    let renewal = client.keep_alive();
    host.next();
    assert!(returns(move || drop(renewal)), "the host answers only after the drop");
    release.send(()).unwrap();
    drop(release);
}

#[test]
fn a_released_lease_is_not_asked_for_again_until_somebody_asks() {
    let (publisher, machine, other) = (Publisher::hasty(), Machine::with_real_time(), Machine::with_real_time());
    let granting = |machine: &Machine| Host::granting(Granter::new(&publisher, &machine.env));
    let (host, clock) = (granting(&machine), granting(&other));
    let client = machine.open(publisher.product(EDITION), &host.address);
    let renewal = client.keep_alive();
    host.next();
    client.release().unwrap();
    // Another machine's renewals, one a second, tell that time has passed.
    let _ticking = other.open(publisher.product(EDITION), &clock.address).keep_alive();
    for _ in 0..4 {
        clock.next();
    }
    let heard = host.all();
    assert_eq!(heard.last().map(|heard| heard.path.as_str()), Some("/v1/release"), "nothing comes after it");
    assert_eq!(client.status().next_attempt, None);
    let status = client.activate().unwrap();
    assert!(status.lease.is_some() && status.next_attempt.is_some(), "renewals go on by themselves");
    drop(renewal);
}

#[test]
fn a_clone_of_a_machine_that_holds_a_long_lease_does_not_ask_at_its_start() {
    let (publisher, machine) = (Publisher::hasty(), Machine::with_real_time());
    let granter = Granter { renew_secs: 30 * DAY, ..Granter::new(&publisher, &machine.env) };
    let host = Host::granting(granter);
    let client = machine.open(publisher.product(EDITION), &host.address);
    client.activate().unwrap();
    drop(client.keep_alive());
    assert_eq!(host.all().len(), 1);
}
