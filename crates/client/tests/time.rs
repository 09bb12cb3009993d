//! What clocks do to a client: its own, a host's, and the years.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use keymuster_client::{Client, Notice};
use keymuster_core::time::{DAY, HOUR, Timestamp};
use support::host::{Granter, Host};
use support::{Machine, Publisher, START};

const EDITION: &str = "desk-pro-2026";

/// A machine, and a host whose clock is `ahead` of the machine's by so many seconds, or behind.
struct World {
    machine: Machine,
    host_env: keymuster_client::Env,
    host: Host,
}

impl World {
    fn new(ahead: i64) -> World {
        let machine = Machine::new();
        let publisher = Publisher::aurora();
        let wall = START.as_secs().checked_add_signed(ahead).unwrap();
        let host_env = keymuster_client::Env::fixed(Timestamp::from_secs(wall), 2);
        let host = Host::granting(Granter::new(&publisher, &host_env));
        World { machine, host_env, host }
    }

    fn client(&self) -> Client {
        self.machine.open(Publisher::aurora().product(EDITION), &self.host.address)
    }

    fn advance(&self, secs: u64) {
        self.machine.env.advance(secs);
        self.host_env.advance(secs);
    }
}

fn state(client: &Client) -> String {
    client.status().state.to_string()
}

#[test]
fn a_lease_holds_for_its_term_without_any_host_and_grace_follows() {
    let world = World::new(0);
    let client = world.client();
    client.activate().unwrap();
    let World { machine, host, .. } = world;
    drop(host);
    for (days, expected) in [
        (0, "licensed until 2027-07-14T08:00:00Z"),
        (179, "licensed until 2027-07-14T08:00:00Z"),
        (180, "in grace until 2027-08-13T08:00:00Z (the activation has ended)"),
        (210, "not licensed since 2027-08-13T08:00:00Z (the activation has ended, and the grace is over)"),
    ] {
        let passed = machine.env.reading().wall.secs_since(START);
        machine.env.advance(days * DAY - passed);
        assert_eq!(state(&client), expected, "day {days}");
        let status = client.status();
        assert_eq!(!status.features.is_empty(), status.state.may_run(), "day {days}");
    }
}

#[test]
fn a_clock_set_back_wins_nothing_and_is_noticed() {
    let world = World::new(0);
    let client = world.client();
    client.activate().unwrap();
    world.advance(100 * DAY);
    client.renew().unwrap();
    world.machine.env.set_wall(START);
    let status = client.status();
    assert!(status.time_suspect);
    assert_eq!(status.now, START.plus(100 * DAY));
    assert_eq!(status.state.to_string(), "licensed until 2027-10-22T08:00:00Z");
    world.machine.env.advance(180 * DAY);
    assert!(state(&client).starts_with("in grace"), "time goes on, whatever the clock says: {}", state(&client));
    let reopened = world.client().status();
    assert!(reopened.time_suspect && reopened.now == START.plus(280 * DAY));
}

#[test]
fn a_clock_that_was_far_ahead_once_does_not_cost_the_lease() {
    let world = World::new(0);
    let client = world.client();
    world.machine.env.set_wall(START.plus(3000 * DAY));
    let reopened = world.client();
    world.machine.env.set_wall(START);
    assert!(reopened.status().time_suspect);
    // By absolute times the lease would have ended long ago; it counts from when it came.
    let status = reopened.activate().unwrap();
    assert_eq!(status.state.to_string(), "licensed until 2035-09-30T08:00:00Z");
    assert!(status.notices.contains(&Notice::HostTimeNotBelieved));
    world.advance(179 * DAY);
    assert!(state(&client).starts_with("licensed"));
    world.advance(DAY);
    assert!(state(&client).starts_with("in grace"));
}

#[test]
fn a_host_far_ahead_is_believed_only_when_it_says_so_twice() {
    let years = 3 * 365 * DAY;
    let world = World::new(years.cast_signed());
    let client = world.client();
    let status = client.activate().unwrap();
    assert_eq!(status.state.to_string(), "licensed until 2027-07-14T08:00:00Z", "as long as it was granted for");
    assert!(status.notices.contains(&Notice::HostTimeNotBelieved));
    assert_eq!(status.now, START);

    world.advance(HOUR);
    let status = client.renew().unwrap();
    assert_eq!(status.now, START.plus(years + HOUR), "two contacts an hour apart agree");
    assert_eq!(status.notices, []);
    assert_eq!(status.state.to_string(), "licensed until 2030-07-13T09:00:00Z");
}

#[test]
fn small_differences_between_clocks_do_not_matter() {
    for ahead in [-4 * HOUR.cast_signed(), -301, -300, 0, 300, 4 * HOUR.cast_signed(), 25 * HOUR.cast_signed()] {
        let world = World::new(ahead);
        let client = world.client();
        let status = client.activate().unwrap();
        let left = match status.state {
            keymuster_client::State::Licensed { until: Some(until), .. } => until.secs_since(status.now),
            other => panic!("{ahead}: {other}"),
        };
        assert!(left.abs_diff(180 * DAY) <= 300, "{ahead}: {left}");
    }
}

#[test]
fn a_seat_of_an_hour_reaches_a_client_whose_clock_is_hours_ahead() {
    let world = World::new(-3 * HOUR.cast_signed());
    let client = world.machine.open(Publisher::aurora().product("cad-2026"), &world.host.address);
    client.activate().unwrap();
    world.advance(HOUR - 1);
    assert!(client.status().state.may_run());
    world.advance(1);
    assert!(!client.status().state.may_run(), "it lasts an hour, not four");
}
