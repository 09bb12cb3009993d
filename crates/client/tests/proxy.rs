//! Activation by a MAK through a host: what is asked, for how long, and the ways in and out of it.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use keymuster_client::{Client, Error, HostAddress, Settings, State, Way};
use keymuster_core::bundle::Bundle;
use keymuster_core::key::KeyKind;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::time::{DAY, HOUR};
use support::host::{Granter, Heard, Host, Reaction};
use support::{Machine, Publisher};

const EDITION: &str = "desk-pro-2026";

fn open(machine: &Machine, host: Option<&HostAddress>) -> Client {
    Client::open_with(Publisher::aurora().product(EDITION), machine.settings(host.cloned())).unwrap()
}

fn code(result: Result<keymuster_client::Status, Error>) -> &'static str {
    result.map_or_else(|error| error.code().name, |_| "done")
}

fn pending() -> Reaction {
    let Reaction::Problem(status, _, body) = Reaction::refusal(503, "exchange-pending", r#","since":1"#) else {
        panic!("a refusal is a problem")
    };
    Reaction::Problem(status, "Retry-After: 7200\r\n", body)
}

/// A host that collects requests until its administrator has exchanged them; it grants leases as well.
struct Collecting {
    host: Host,
    is_exchanged: Arc<AtomicBool>,
}

impl Collecting {
    fn start(granter: Granter) -> Collecting {
        let is_exchanged = Arc::new(AtomicBool::new(false));
        let told = is_exchanged.clone();
        let first: Mutex<Option<ClientRequest>> = Mutex::new(None);
        let host = Host::start(move |heard: &Heard| {
            let request = &heard.request;
            if request.act != Act::Mak {
                return granter.react(request);
            }
            let mut first = first.lock().unwrap();
            let collected = first.get_or_insert_with(|| request.clone());
            match told.load(Ordering::SeqCst) {
                true => Reaction::Bundle(granter.activation_bundle(&granter.activation(collected))),
                false => pending(),
            }
        });
        Collecting { host, is_exchanged }
    }

    fn exchange(&self) {
        self.is_exchanged.store(true, Ordering::SeqCst);
    }
}

#[test]
fn one_request_is_repeated_until_its_result_is_there() {
    let machine = Machine::new();
    let collecting = Collecting::start(Granter::new(&Publisher::aurora(), &machine.env));
    let client = open(&machine, Some(&collecting.host.address));
    let Err(Error::Refused(no)) = client.activate_by_proxy() else { panic!("nobody has exchanged anything") };
    assert_eq!(no.name, "exchange-pending");
    let heard = collecting.host.next();
    assert_eq!((heard.path.as_str(), heard.request.act, &heard.request.key), ("/v1/activate", Act::Mak, &None));
    let status = client.status();
    assert_eq!((&status.way, status.state.to_string().contains("grace")), (&Way::Proxy, true));
    assert_eq!(status.next_attempt, Some(status.now.plus(2 * HOUR)));
    assert_eq!(status.last_refusal.unwrap().code, "exchange-pending");

    // Weeks pass, the machine is started anew, and the administrator of the machine asks again.
    machine.env.advance(29 * DAY);
    let client = open(&machine, Some(&collecting.host.address));
    assert_eq!(code(client.activate()), "exchange-pending");
    assert_eq!(code(client.activate_by_proxy()), "exchange-pending");
    collecting.exchange();
    assert_eq!(client.activate().unwrap().state.to_string(), "licensed for ever");
    let again = collecting.host.all();
    assert_eq!(again.len(), 3);
    assert!(again.iter().all(|again| again.bytes == heard.bytes), "the same request every time");

    assert_eq!(code(client.activate()), "done");
    assert_eq!(code(client.activate_by_proxy()), "done");
    assert_eq!(collecting.host.all().len(), 0, "what holds for ever is not asked for again");
    assert_eq!(client.status().way, Way::Proxy);
}

#[test]
fn a_request_is_given_up_after_thirty_days() {
    let machine = Machine::new();
    let collecting = Collecting::start(Granter::new(&Publisher::aurora(), &machine.env));
    let client = open(&machine, Some(&collecting.host.address));
    assert_eq!(code(client.activate_by_proxy()), "exchange-pending");
    machine.env.advance(30 * DAY + 1);
    // The host's answer is one to the request of before.
    collecting.exchange();
    assert_eq!(code(client.activate()), "answer-invalid");
    let (first, next) = (collecting.host.next(), collecting.host.next());
    assert_ne!(first.request.request, next.request.request);
    assert!(next.request.counter > first.request.counter);
}

#[test]
fn a_refusal_ends_the_request_and_the_next_one_is_collected_anew() {
    let machine = Machine::new();
    let mut reactions = [pending(), Reaction::refusal(403, "mak-exhausted", ""), pending()].into_iter();
    let host = Host::start(move |_| reactions.next().unwrap());
    let client = open(&machine, Some(&host.address));
    for expected in ["exchange-pending", "mak-exhausted", "exchange-pending"] {
        assert_eq!(code(client.activate_by_proxy()), expected);
    }
    let ids: Vec<_> = host.all().iter().map(|heard| heard.request.request).collect();
    assert!(ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");
}

#[test]
fn a_machine_goes_from_a_lease_to_a_mak_and_back_and_is_licensed_all_the_time() {
    let machine = Machine::new();
    let granter = Granter::new(&Publisher::aurora(), &machine.env);
    let collecting = Collecting::start(granter);
    let client = open(&machine, Some(&collecting.host.address));
    let until = |client: &Client| match client.status().state {
        State::Licensed { until, .. } => until,
        state => panic!("not licensed: {state}"),
    };
    client.activate().unwrap();
    let lease = until(&client).unwrap();
    assert_eq!(code(client.activate_by_proxy()), "exchange-pending");
    assert_eq!((until(&client), client.status().way), (Some(lease), Way::Proxy), "the lease holds meanwhile");
    assert!(client.status().lease.is_some());
    collecting.exchange();
    client.activate().unwrap();
    assert_eq!((until(&client), client.status().lease.is_some()), (None, false), "for ever, and without a lease");

    let setup = client.product().edition().setup_key.key().reveal();
    client.install_key(&setup).unwrap();
    assert_eq!((until(&client), client.status().way), (None, Way::Host), "the activation holds meanwhile");
    client.activate().unwrap();
    assert!(until(&client).is_some() && client.status().lease.is_some());
    let acts: Vec<Act> = collecting.host.all().iter().map(|heard| heard.request.act).collect();
    assert_eq!(acts, [Act::Activate, Act::Mak, Act::Mak, Act::Activate]);
}

#[test]
fn a_key_ends_it_and_no_request_with_a_mak_reaches_a_host() {
    let machine = Machine::new();
    let publisher = Publisher::aurora();
    let collecting = Collecting::start(Granter::new(&publisher, &machine.env));
    let authority = Host::granting(Granter::new(&publisher, &machine.env));
    let settings = Settings {
        authority: Some(format!("http://{}", authority.address)),
        ..machine.settings(Some(collecting.host.address.clone()))
    };
    let client = Client::open_with(publisher.product(EDITION), settings).unwrap();
    assert_eq!(code(client.activate_by_proxy()), "exchange-pending");
    assert_eq!(client.request_file().unwrap_err().code().name, "wrong-way", "there is no MAK to carry");

    let mak = publisher.key(KeyKind::Mak, 1).reveal();
    client.install_key(&mak).unwrap();
    assert_eq!(client.status().way, Way::Mak { last_five: mak[24..].to_owned() });
    client.activate().unwrap();
    assert_eq!(authority.next().request.key.unwrap().as_str(), mak);
    assert_eq!(collecting.host.all().len(), 1);

    // And the other way round: an installed MAK that was not used is dropped.
    let machine = Machine::new();
    let client = open(&machine, Some(&collecting.host.address));
    client.install_key(&mak).unwrap();
    client.request_file().unwrap();
    assert_eq!(code(client.activate_by_proxy()), "exchange-pending");
    assert_eq!(collecting.host.next().request.key, None);
    let state = std::fs::read(machine.file("desk-pro-2026.state")).unwrap();
    assert!(!state.windows(mak.len()).any(|window| window == mak.as_bytes()));
}

#[test]
fn an_activation_that_ended_is_asked_for_again_without_anybody_typing_a_key() {
    let machine = Machine::new();
    let granter = Granter::new(&Publisher::aurora(), &machine.env);
    let host = Host::start(move |heard| {
        let mut activation = granter.activation(&heard.request);
        activation.expires = Some(granter.now().plus(365 * DAY));
        Reaction::Bundle(granter.activation_bundle(&activation))
    });
    let client = open(&machine, Some(&host.address));
    client.activate_by_proxy().unwrap();
    machine.env.advance(365 * DAY);
    assert!(client.activate().unwrap().state.to_string().starts_with("licensed until 2029"));
    assert_eq!(host.all().len(), 2);
}

#[test]
fn a_running_product_fetches_its_result() {
    let machine = Machine::new();
    let collecting = Collecting::start(Granter::new(&Publisher::aurora(), &machine.env));
    let client = open(&machine, Some(&collecting.host.address));
    assert_eq!(code(client.activate_by_proxy()), "exchange-pending");
    collecting.host.next();
    collecting.exchange();
    machine.env.advance(2 * HOUR);
    let _renewal = client.keep_alive();
    collecting.host.next();
    let begun = std::time::Instant::now();
    while client.status().state.to_string() != "licensed for ever" {
        assert!(begun.elapsed().as_secs() < 20, "{}", client.status().state);
        std::thread::yield_now();
    }
}

#[test]
fn the_host_that_has_collected_is_asked_again_and_a_full_one_is_passed_over() {
    let machine = Machine::new();
    let full = Host::start(|_| Reaction::refusal(503, "exchange-full", r#","max":10000"#));
    let collecting = Collecting::start(Granter::new(&Publisher::aurora(), &machine.env));
    let client = open(&machine, Some(&full.address));
    assert_eq!(code(client.activate_by_proxy()), "exchange-full");
    let client = open(&machine, Some(&collecting.host.address));
    assert_eq!(code(client.activate()), "exchange-pending");
    // Without a host set by hand, the one that has collected the request is remembered.
    let client = open(&machine, None);
    assert_eq!(client.status().host.unwrap().address, collecting.host.address.to_string());
    collecting.exchange();
    assert_eq!(code(client.activate()), "done");
}

#[test]
fn what_is_collected_can_also_be_answered_by_a_file() {
    let machine = Machine::new();
    let granter = Granter::new(&Publisher::aurora(), &machine.env);
    let collecting = Collecting::start(granter.clone());
    let client = open(&machine, Some(&collecting.host.address));
    assert_eq!(code(client.activate_by_proxy()), "exchange-pending");
    let request = collecting.host.next().request;
    let answer: Bundle = granter.activation_bundle(&granter.activation(&request));
    assert_eq!(client.accept_response(&answer.to_file()).unwrap().state.to_string(), "licensed for ever");
}
