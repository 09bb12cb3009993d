//! One client id in several hands: copies of an installation, and states that were lost or restored.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use keymuster_client::{Client, Notice};
use keymuster_core::time::DAY;
use support::host::{Granter, Host, Reaction};
use support::{Machine, Publisher, START};

const EDITION: &str = "desk-pro-2026";
const STATE: &str = "desk-pro-2026.state";

struct World {
    machine: Machine,
    host: Host,
}

impl World {
    /// A machine, and a host that keeps the last number and id of each client, as hosts do.
    fn new() -> World {
        let machine = Machine::new();
        let granter = Granter::new(&Publisher::aurora(), &machine.env);
        let mut last = BTreeMap::new();
        let host = Host::start(move |heard| {
            let request = &heard.request;
            let (counter, id) = last.get(&request.client.to_string()).copied().unwrap_or((0, request.request));
            if request.counter <= counter && id != request.request {
                return Reaction::refusal(409, "request-replayed", &format!(r#","seen":{counter}"#));
            }
            last.insert(request.client.to_string(), (request.counter, request.request));
            granter.react(request)
        });
        World { machine, host }
    }

    /// The client on a machine of its own, with a copy of this machine's store.
    fn copy(&self) -> (Machine, Client) {
        let machine = Machine { env: self.machine.env.clone(), ..Machine::new() };
        fs::create_dir(machine.file("")).unwrap();
        for name in ["identity", STATE] {
            fs::copy(self.machine.file(name), machine.file(name)).unwrap();
        }
        let client = machine.open(Publisher::aurora().product(EDITION), &self.host.address);
        (machine, client)
    }

    fn client(&self) -> Client {
        self.machine.open(Publisher::aurora().product(EDITION), &self.host.address)
    }
}

/// How often the client has noticed that it is not alone.
fn signs(client: &Client) -> u32 {
    let times = client.status().notices.into_iter().find_map(|notice| match notice {
        Notice::IdentityShared { times, .. } => Some(times),
        _ => None,
    });
    times.unwrap_or_default()
}

#[test]
fn copies_that_ask_in_turn_notice_each_other_until_they_are_re_armed() {
    let world = World::new();
    let first = world.client();
    first.activate().unwrap();
    let (_machine, second) = world.copy();
    assert_eq!((signs(&first), signs(&second)), (0, 0));
    second.renew().unwrap();
    assert_eq!(signs(&second), 0, "who comes first notices nothing");
    first.renew().unwrap();
    second.renew().unwrap();
    assert_eq!((signs(&first), signs(&second)), (1, 1));
    let said = first.status().notices[0].to_string();
    assert!(
        said.contains("restored from an older copy, which needs nothing, or the installation was copied"),
        "{said}"
    );
    assert!(said.ends_with("(KM-516 identity-shared)"), "{said}");
    first.renew().unwrap();
    let notice = first.status().notices.remove(0);
    assert_eq!(notice, Notice::IdentityShared { times: 2, last_at: START });
    assert!(notice.to_string().contains("2 times"), "{notice}");

    second.rearm().unwrap();
    assert_eq!(signs(&second), 0);
    for _ in 0..3 {
        second.activate().unwrap();
        first.renew().unwrap();
    }
    assert_eq!((signs(&second), signs(&first)), (0, 2), "the one that kept the id is alone with it");
    world.machine.env.advance(30 * DAY - 1);
    assert_eq!(signs(&first), 2);
    world.machine.env.advance(1);
    assert_eq!(signs(&first), 0, "there was no other sign for 30 days");
}

#[test]
fn old_signs_are_not_counted_with_new_ones() {
    let world = World::new();
    let first = world.client();
    first.activate().unwrap();
    let (_machine, second) = world.copy();
    for expected in [1, 1] {
        second.renew().unwrap();
        first.renew().unwrap();
        assert_eq!(signs(&first), expected);
        world.machine.env.advance(31 * DAY);
    }
}

#[test]
fn a_state_that_was_lost_is_no_copy() {
    let remove: fn(&Path) = |file| fs::remove_file(file).unwrap();
    let damage: fn(&Path) = |file| fs::write(file, b"nonsense").unwrap();
    for lose in [remove, damage] {
        let world = World::new();
        let client = world.client();
        client.activate().unwrap();
        client.renew().unwrap();
        lose(&world.machine.file(STATE));
        let client = world.client();
        assert!(client.activate().unwrap().state.to_string().starts_with("licensed"));
        client.renew().unwrap();
        assert_eq!(signs(&client), 0);
        assert_eq!(world.host.all().iter().map(|heard| heard.request.counter).collect::<Vec<_>>(), [1, 2, 1, 3, 4]);
    }
}

#[test]
fn a_state_that_was_restored_gives_one_sign() {
    let world = World::new();
    world.client().activate().unwrap();
    let backup = fs::read(world.machine.file(STATE)).unwrap();
    world.client().renew().unwrap();
    fs::write(world.machine.file(STATE), backup).unwrap();
    let client = world.client();
    for _ in 0..4 {
        client.renew().unwrap();
        assert_eq!(signs(&client), 1);
    }
}

#[test]
fn a_lost_reply_and_a_claim_that_nobody_believes_are_no_sign() {
    let replayed = |members: &str| Reaction::refusal(409, "request-replayed", members);
    for (second, expected) in [
        (Reaction::Close, 0),
        (replayed(r#","seen":18446744073709551615"#), 0),
        (replayed(r#","seen":1"#), 0),
        (replayed(""), 0),
        (replayed(r#","seen":2"#), 1),
    ] {
        let (publisher, machine) = (Publisher::aurora(), Machine::new());
        let granter = Granter::new(&publisher, &machine.env);
        let mut second = Some(second);
        let host = Host::start(move |heard| match heard.request.counter {
            2 => second.take().unwrap_or_else(|| granter.react(&heard.request)),
            _ => granter.react(&heard.request),
        });
        let client = machine.open(publisher.product(EDITION), &host.address);
        client.activate().unwrap();
        for _ in 0..2 {
            // A refusal that is not believed is an error; what counts is the notice.
            let _ = client.renew();
        }
        assert_eq!(signs(&client), expected);
    }
}
