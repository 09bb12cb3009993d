//! Asking a host: what goes out, what is repeated, and what a refusal or failure does to what is held.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::net::TcpListener;

use keymuster_client::{Client, Error, HostAddress, Status};
use keymuster_core::request::Act;
use keymuster_core::time::{DAY, HOUR};
use support::host::{Granter, Host, Reaction};
use support::{Machine, Publisher, START};

const EDITION: &str = "desk-pro-2026";

fn code(result: &Result<Status, Error>) -> String {
    result.as_ref().map_or_else(|error| error.code().name.to_owned(), |status| format!("{}", status.state))
}

/// A machine with a host that follows a script, one reaction per request, and grants after its end.
fn scripted(script: Vec<Reaction>) -> (Machine, Host, Client) {
    let (publisher, machine) = (Publisher::aurora(), Machine::new());
    let granter = Granter::new(&publisher, &machine.env);
    let mut script = script.into_iter();
    let host = Host::start(move |heard| script.next().unwrap_or_else(|| granter.react(&heard.request)));
    let client = machine.open(publisher.product(EDITION), &host.address);
    (machine, host, client)
}

#[test]
fn a_client_is_activated_and_shows_it() {
    let (machine, host, client) = scripted(Vec::new());
    assert_eq!(client.status().state.to_string(), "in grace until 2027-02-14T08:00:00Z (not activated yet)");
    let status = client.activate().unwrap();
    assert_eq!(status.state.to_string(), "licensed until 2027-07-14T08:00:00Z");
    let lease = status.lease.as_ref().unwrap();
    assert_eq!((lease.count, lease.threshold, lease.customer.as_str()), (25, 5, "acme"));
    assert_eq!(status.features.iter().map(|slug| slug.as_str()).collect::<Vec<_>>(), ["export", "plot"]);
    assert_eq!(status.host.as_ref().unwrap().address, host.address.to_string());
    assert_eq!(status.last_contact, Some(START));
    let next = status.next_attempt.unwrap().secs_since(START);
    assert!((7 * DAY * 85 / 100..=7 * DAY).contains(&next), "{next}");

    let heard = host.next();
    assert_eq!((heard.path.as_str(), heard.request.act, heard.request.counter), ("/v1/activate", Act::Activate, 1));
    assert_eq!((heard.request.previous, heard.request.name), (None, None), "a machine's name stays at home");

    // A second opening, as by another process, sees the same without asking.
    let again = machine.open(client.product().clone(), &host.address);
    assert_eq!(again.status().state, status.state);
    machine.env.advance(7 * DAY);
    again.renew().unwrap();
    let heard = host.next();
    assert_eq!((heard.request.counter, heard.request.ratchet), (2, Some([8; 16])));
    assert_eq!(heard.request.previous.unwrap().sequence, 101);
    assert!(heard.request.shown_lease().is_some(), "the lease is shown as well");
    assert_eq!(client.status().state.to_string(), "licensed until 2027-07-21T08:00:00Z", "the first one notices");
}

#[test]
fn a_lost_reply_is_asked_for_again_with_the_same_bytes() {
    for lost in [Reaction::Close, Reaction::Raw(b"HTTP/1.1 200 x\r\nContent-Le".to_vec())] {
        let (machine, host, client) = scripted(vec![lost]);
        assert_eq!(code(&client.activate()), "host-unreachable");
        drop(client);
        // The process ended, and the machine was off for a while.
        machine.env.advance(2 * HOUR);
        let client = machine.open(Publisher::aurora().product(EDITION), &host.address);
        client.activate().unwrap();
        client.activate().unwrap();
        let [first, repeated, next] = host.all().try_into().unwrap();
        assert_eq!(first.bytes, repeated.bytes);
        assert_ne!(first.request.request, next.request.request);
        assert_eq!((first.request.counter, next.request.counter), (1, 2));
    }
}

#[test]
fn a_request_that_was_never_answered_is_made_anew_after_a_day() {
    let (machine, host, client) = scripted(vec![Reaction::Close]);
    client.activate().unwrap_err();
    machine.env.advance(DAY + 1);
    client.activate().unwrap();
    let [first, second] = host.all().try_into().unwrap();
    assert_eq!((first.request.counter, second.request.counter), (1, 2));
}

#[test]
fn a_replayed_request_is_numbered_above_what_the_host_has_seen_once() {
    let replayed = |seen: &str| Reaction::refusal(409, "request-replayed", &format!(r#","seen":{seen}"#));
    for (script, expected, counters) in [
        (vec![replayed("41")], "licensed until 2027-07-14T08:00:00Z", vec![1, 42]),
        (vec![replayed("41"), replayed("99")], "request-replayed", vec![1, 42]),
        // Nobody signs a refusal: one that would use up all numbers is not followed.
        (vec![replayed("18446744073709551615")], "request-replayed", vec![1]),
        (vec![replayed("\"x\"")], "request-replayed", vec![1]),
    ] {
        let (_machine, host, client) = scripted(script);
        assert_eq!(code(&client.activate()), expected);
        assert_eq!(host.all().iter().map(|heard| heard.request.counter).collect::<Vec<_>>(), counters);
    }
}

#[test]
fn refusals_and_failures_have_codes_and_take_nothing_away() {
    let problem = |status, code| Reaction::refusal(status, code, "");
    let raw = |text: &str| Reaction::Raw(text.as_bytes().to_vec());
    let html = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<a/>";
    let redirect = "HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    let garbled = "HTTP/1.1 200 x\r\nContent-Type: application/cbor\r\nContent-Length: 3\r\n\r\nabc";
    for (reaction, expected) in [
        (problem(403, "threshold-not-met"), "threshold-not-met"),
        (problem(403, "clock-skew"), "clock-skew"),
        (problem(409, "rekey-required"), "rekey-required"),
        (problem(503, "host-not-activated"), "host-not-activated"),
        (problem(503, "host-read-only"), "host-read-only"),
        (problem(500, "internal-failure"), "internal-failure"),
        (problem(403, "of-a-later-version"), "version-unsupported"),
        (problem(503, "of-a-later-version"), "version-unsupported"),
        (problem(403, "Not A Name"), "not-a-keymuster-host"),
        (Reaction::Problem(403, "", "[]".into()), "not-a-keymuster-host"),
        (raw("HTTP/1.1 502 x\r\nContent-Length: 0\r\n\r\n"), "host-failed"),
        (raw("HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n"), "not-a-keymuster-host"),
        (raw(html), "not-a-keymuster-host"),
        (raw(redirect), "not-a-keymuster-host"),
        (raw("\u{5}\u{0}\u{d}\u{3}rubbish\r\n\r\n"), "not-a-keymuster-host"),
        (Reaction::Done, "not-a-keymuster-host"),
        (raw(garbled), "answer-invalid"),
        (Reaction::Close, "host-unreachable"),
    ] {
        let (machine, host, client) = scripted(Vec::new());
        let held = client.activate().unwrap().state;
        drop(host);
        let mut reaction = Some(reaction);
        let host = Host::start(move |_| reaction.take().unwrap_or(Reaction::Close));
        let client = machine.open(client.product().clone(), &host.address);
        assert_eq!(code(&client.renew()), expected);
        let status = client.status();
        assert_eq!(status.state, held, "{expected}");
        assert_eq!(status.trail.len(), 1, "{expected}");
    }
}

#[test]
fn a_refusal_says_its_numbers_and_when_to_ask_again() {
    let body = r#"{"code":"threshold-not-met","detail":"12 of 25\u001b[31m clients","count":12,"need":25}"#;
    let (_machine, _host, client) = scripted(vec![Reaction::Problem(403, "Retry-After: 7000\r\n", body.into())]);
    let Err(Error::Refused(refused)) = client.activate() else { panic!("it is refused") };
    assert_eq!((refused.number("count"), refused.number("need"), refused.number("x")), (Some(12), Some(25), None));
    assert_eq!(refused.detail, "12 of 25[31m clients", "without control characters");
    let status = client.status();
    assert_eq!(status.next_attempt, Some(START.plus(7000)));
    assert_eq!(status.last_refusal.unwrap().code, "threshold-not-met");
    let status = client.activate().unwrap();
    assert_eq!(status.last_refusal, None);
}

#[test]
fn a_host_cannot_put_a_client_off_for_ever() {
    let wait = Reaction::Problem(429, "Retry-After: 99999999999\r\n", r#"{"code":"rate-limited"}"#.into());
    let (_machine, _host, client) = scripted(vec![wait]);
    client.activate().unwrap_err();
    assert_eq!(client.status().next_attempt, Some(START.plus(7 * DAY)));
}

#[test]
fn failures_are_repeated_sooner_at_first_and_at_most_at_the_retry_interval() {
    let (machine, host, client) = scripted((0..40).map(|_| Reaction::Close).collect());
    let mut delays = Vec::new();
    for _ in 0..40 {
        client.activate().unwrap_err();
        let now = machine.env.reading().wall;
        delays.push(client.status().next_attempt.unwrap().secs_since(now));
        machine.env.advance(1);
    }
    drop(host);
    assert!(
        delays[0] <= 2 && delays[1] <= 4 && delays.iter().all(|delay| (1..=2 * HOUR).contains(delay)),
        "{delays:?}"
    );
    assert!(delays.iter().any(|delay| *delay > HOUR), "they grow: {delays:?}");
}

#[test]
fn nothing_listens() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let machine = Machine::new();
    let address = HostAddress { host: "127.0.0.1".into(), port, tls_only: false };
    let client = machine.open(Publisher::aurora().product(EDITION), &address);
    assert_eq!(code(&client.activate()), "connection-refused");
    assert!(client.status().trail[0].outcome.contains("KM-503"));
}

#[test]
fn a_host_that_never_answers_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let machine = Machine::new();
    let address = HostAddress { host: "127.0.0.1".into(), port: silent.local_addr().unwrap().port(), tls_only: false };
    let mut settings = machine.settings(Some(address));
    settings.timeouts.answer = std::time::Duration::from_millis(50);
    settings.timeouts.connect = std::time::Duration::from_millis(50);
    let client = Client::open_with(Publisher::aurora().product(EDITION), settings).unwrap();
    assert_eq!(code(&client.activate()), "host-unreachable");
}

#[test]
fn no_host_and_no_domain() {
    let machine = Machine::new();
    let mut settings = machine.settings(None);
    settings.domains = vec!["keymuster.invalid".into()];
    settings.dns_servers = vec!["127.0.0.1:9".parse().unwrap()];
    let client = Client::open_with(Publisher::aurora().product(EDITION), settings).unwrap();
    assert_eq!(code(&client.activate()), "host-not-found");
    assert_eq!(client.status().trail[0].what, "DNS _keymuster._tcp.keymuster.invalid");
}

#[test]
fn a_released_lease_is_gone() {
    let (_machine, host, client) = scripted(Vec::new());
    assert_eq!(code(&client.release()), "lease-unknown");
    client.activate().unwrap();
    let status = client.release().unwrap();
    assert!(status.state.to_string().starts_with("in grace"), "{}", status.state);
    assert_eq!(status.lease, None);
    let [_, heard] = host.all().try_into().unwrap();
    assert_eq!((heard.path.as_str(), heard.request.act), ("/v1/release", Act::Release));
    assert_eq!(heard.request.previous.unwrap().sequence, 101);
}

#[test]
fn a_lease_that_the_host_does_not_take_back_stays() {
    let (_machine, host, client) = scripted(Vec::new());
    let held = client.activate().unwrap().state;
    drop(host);
    client.release().unwrap_err();
    assert_eq!(client.status().state, held);
}

#[test]
fn a_seat_is_held_renewed_by_its_fence_and_given_back() {
    let (publisher, machine) = (Publisher::aurora(), Machine::new());
    let host = Host::granting(Granter::new(&publisher, &machine.env));
    let client = machine.open(publisher.product("cad-2026"), &host.address);
    assert!(!client.status().state.may_run(), "a seat has no grace");
    let status = client.activate().unwrap();
    assert_eq!(status.lease.unwrap().pool.unwrap().as_str(), "cad");
    client.renew().unwrap();
    assert!(!client.release().unwrap().state.may_run());
    let fences: Vec<_> = host.all().iter().map(|heard| heard.request.fence).collect();
    assert_eq!(fences, [None, Some(7), Some(7)]);
}
