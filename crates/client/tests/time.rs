//! What clocks do to a client: its own, a host's, and the years.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use keymuster_client::{Client, Env, Error, Notice, Settings, Status};
use keymuster_core::bundle::Bundle;
use keymuster_core::fingerprint::MACHINE_ID;
use keymuster_core::id::ClientId;
use keymuster_core::key::KeyKind;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::time::{DAY, HOUR, Timestamp};
use support::host::{Granter, Host, Reaction};
use support::{Machine, Publisher, START};

const EDITION: &str = "desk-pro-2026";

/// A machine, and a host whose clock is `ahead` of the machine's by so many seconds, or behind.
struct World {
    machine: Machine,
    host_env: Env,
    host: Host,
    /// The publisher's authority, whose clock is always right.
    authority: Host,
    true_env: Env,
}

impl World {
    fn new(ahead: i64) -> World {
        let (machine, publisher) = (Machine::new(), Publisher::aurora());
        let (host_env, true_env) = (Env::fixed(at(ahead), 2), Env::fixed(START, 3));
        let host = Host::granting(Granter::new(&publisher, &host_env));
        let authority = Host::granting(Granter::new(&publisher, &true_env));
        World { machine, host_env, host, authority, true_env }
    }

    fn client(&self) -> Client {
        self.client_at(&format!("http://{}", self.authority.address))
    }

    /// One that finds the authority there.
    fn client_at(&self, authority: &str) -> Client {
        let settings = self.machine.settings(Some(self.host.address.clone()));
        let settings = Settings { authority: Some(authority.into()), ..settings };
        Client::open_with(Publisher::aurora().product(EDITION), settings).unwrap()
    }

    fn advance(&self, secs: u64) {
        for env in [&self.machine.env, &self.host_env, &self.true_env] {
            env.advance(secs);
        }
    }

    /// Opens the client while its clock is wrong by so many seconds, and sets the clock right again.
    fn misled(&self, ahead: i64, act: impl FnOnce(&Client)) -> Client {
        self.machine.env.set_wall(at(ahead));
        act(&self.client());
        self.machine.env.set_wall(self.true_env.reading().wall);
        self.client()
    }
}

/// So many seconds after the beginning, or before it.
fn at(ahead: i64) -> Timestamp {
    Timestamp::from_secs(START.as_secs().checked_add_signed(ahead).unwrap())
}

/// The authority's answer to a request file, by a clock that is `ahead`.
fn answer(file: &[u8], ahead: i64) -> Bundle {
    let granter = Granter::new(&Publisher::aurora(), &Env::fixed(at(ahead), 4));
    granter.time_bundle(&granter.time_reset(&request(file)))
}

fn request(file: &[u8]) -> ClientRequest {
    let bytes = Bundle::parse_file(file).unwrap().client_request.unwrap();
    (*ClientRequest::verify(&bytes).unwrap()).clone()
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

const YEARS: i64 = 3000 * DAY.cast_signed();

/// What the clock does to a client, what the client does meanwhile, and how it stands before and after a time reset.
#[test]
fn after_a_reset_times_count_as_if_the_clock_had_always_been_right() {
    type Act = fn(&Client);
    let activate: Act = |client| drop(client.activate());
    let nothing: Act = |_| ();
    let (held, forward) = ("licensed until 2027-07-14T08:00:00Z", "licensed until 2035-09-30T08:00:00Z");
    for (name, host_ahead, before, ahead, meanwhile, misled, reset) in [
        ("never wrong", 0, Some(activate), 0, nothing, held, held),
        ("ahead, and held before", 0, Some(activate), YEARS, nothing, "not licensed since 2027-08-13", held),
        ("ahead, and held since", 0, None, YEARS, activate, forward, held),
        ("ahead at the first use", 0, None, YEARS, nothing, "in grace until 2035-05-03", "in grace until 2027-02-14"),
        ("ahead after the first use", 0, Some(nothing), YEARS, nothing, "not licensed", "in grace until 2027-02-14"),
        ("hours ahead", 0, Some(activate), 20 * 3600, nothing, held, held),
        ("behind", 0, Some(activate), -YEARS, nothing, held, held),
        // The whole site lived in the future: what was granted there holds for as long as it was meant to, and no longer.
        ("host and client ahead", YEARS, None, YEARS, activate, forward, held),
        // The client never believed that host, and the reset is no reason to.
        ("host ahead", YEARS, Some(activate), 0, nothing, held, held),
    ] {
        let world = World::new(host_ahead);
        if let Some(before) = before {
            before(&world.client());
        }
        let client = world.misled(ahead, meanwhile);
        assert!(state(&client).starts_with(misled), "{name}: {}", state(&client));
        let status = client.reset_time().unwrap();
        assert!(status.state.to_string().starts_with(reset), "{name}: {}", status.state);
        assert_eq!((status.now, status.time_suspect), (START, false), "{name}");
        assert_eq!(status.notices.contains(&Notice::HostTimeNotBelieved), host_ahead != 0, "{name}");
        for time in [status.last_contact, status.next_attempt, status.host.as_ref().map(|host| host.at)] {
            assert!(time.is_none_or(|time| time <= START), "{name}: {time:?}");
        }
        let reopened = world.client().status();
        assert_eq!((reopened.state, reopened.now), (status.state, START), "{name}");
        // And it goes on: after its end what is held is over, and the next reset is none the worse.
        world.advance(180 * DAY);
        assert!(!state(&client).starts_with("licensed"), "{name}: {}", state(&client));
        assert_eq!(client.reset_time().unwrap().now, START.plus(180 * DAY), "{name}");
        assert!(!state(&client).starts_with("licensed"), "{name}: {}", state(&client));
    }
}

#[test]
fn a_grace_that_was_noticed_in_the_future_counts_from_the_reset() {
    let world = World::new(0);
    world.machine.env.set_facts(&[(MACHINE_ID, "here")]);
    world.client().activate().unwrap();
    world.machine.env.set_facts(&[(MACHINE_ID, "elsewhere")]);
    let client = world.misled(YEARS / 60, |_| ());
    assert_eq!(state(&client), "in grace until 2027-04-05T08:00:00Z (the machine has changed)");
    client.reset_time().unwrap();
    assert_eq!(state(&client), "in grace until 2027-02-14T08:00:00Z (the machine has changed)");
}

#[test]
fn a_reset_needs_a_clock_that_is_right() {
    let world = World::new(0);
    let client = world.misled(YEARS, |_| ());
    for (ahead, is_right) in [(YEARS, false), (27 * 3600, false), (-27 * 3600, false), (-26 * 3600, true)] {
        world.machine.env.set_wall(at(ahead));
        match client.reset_time() {
            Ok(status) => assert!(is_right && status.now == START, "{ahead}"),
            Err(error) => {
                assert!(!is_right && matches!(error, Error::ClockWrong { .. }), "{ahead}: {error}");
                assert_eq!(error.code().name, "clock-suspect");
                assert!(error.to_string().ends_with("set the clock first, then try again"), "{error}");
            }
        }
    }
    let heard = world.authority.all();
    assert_eq!(heard.len(), 4);
    assert!(heard.iter().all(|heard| heard.path == "/v1/activate" && heard.request.act == Act::ResetTime));
    assert!(heard.iter().all(|again| again.bytes == heard[0].bytes), "it is one request until it is answered");
    assert_eq!((&heard[0].request.key, &heard[0].request.fingerprint), (&None, &None), "it carries no secret");
    client.reset_time().unwrap();
    assert_ne!(world.authority.next().request.request, heard[0].request.request, "an answer counts once");
}

#[test]
fn a_reset_travels_as_files() {
    let world = World::new(0);
    let client = world.misled(YEARS, |_| ());
    let file = client.time_request_file().unwrap();
    assert_eq!(client.time_request_file().unwrap(), file, "the same request again");
    assert_eq!(request(&file).act, Act::ResetTime);
    let mut others = Granter::new(&Publisher::aurora(), &world.true_env).time_reset(&request(&file));
    others.client = ClientId::from_bytes([0; 16]);
    let others = Granter::new(&Publisher::aurora(), &world.true_env).time_bundle(&others);
    let nothing = Bundle { time_reset: None, ..answer(&file, 0) };
    for (file, expected) in [
        (file.clone(), "answer-invalid"),
        (b"KM1".to_vec(), "answer-invalid"),
        (others.to_file(), "answer-invalid"),
        (nothing.to_file(), "answer-invalid"),
        (answer(&file, 27 * 3600).to_file(), "clock-suspect"),
        (answer(&file, -YEARS / 2).to_file(), "clock-suspect"),
    ] {
        let error = client.accept_time_reset(&file).unwrap_err();
        assert_eq!(error.code().name, expected, "{error}");
    }
    assert!(client.status().time_suspect, "nothing has changed");

    // It is on its way for weeks, and the clock that was wrong is right by then.
    world.advance(29 * DAY);
    world.machine.env.set_wall(at(-YEARS));
    let client = world.client();
    let response = answer(&file, DAY.cast_signed()).to_file();
    assert_eq!(client.accept_time_reset(&response).unwrap_err().code().name, "clock-suspect");
    world.machine.env.set_wall(START.plus(29 * DAY));
    let status = client.accept_time_reset(&response).unwrap();
    assert_eq!((status.now, status.time_suspect), (START.plus(29 * DAY), false));
    assert!(matches!(client.accept_time_reset(&response), Err(Error::NoRequestWaits)), "it counts once");
}

#[test]
fn a_reset_by_file_waits_thirty_days() {
    let world = World::new(0);
    let client = world.misled(YEARS, |_| ());
    let file = client.time_request_file().unwrap();
    world.advance(30 * DAY + 1);
    let response = answer(&file, (30 * DAY).cast_signed()).to_file();
    assert!(matches!(client.accept_time_reset(&response), Err(Error::NoRequestWaits)));
    assert_ne!(client.time_request_file().unwrap(), file);
}

#[test]
fn a_request_for_the_time_and_one_for_an_activation_do_not_disturb_each_other() {
    let world = World::new(0);
    let client = world.misled(YEARS, |_| ());
    client.install_key(&Publisher::aurora().key(KeyKind::Mak, 1).reveal()).unwrap();
    let (activation, time) = (client.request_file().unwrap(), client.time_request_file().unwrap());
    let granter = Granter::new(&Publisher::aurora(), &world.true_env);
    let activated = granter.activation_bundle(&granter.activation(&request(&activation))).to_file();
    assert!(
        client.accept_time_reset(&activated).is_err() && client.accept_response(&answer(&time, 0).to_file()).is_err()
    );
    client.accept_time_reset(&answer(&time, 0).to_file()).unwrap();
    assert_eq!(client.request_file().unwrap(), activation, "it still waits");
    assert_eq!(client.accept_response(&activated).unwrap().state.to_string(), "licensed for ever");
    assert_eq!(client.status().notices, []);
}

#[test]
fn without_an_authority_the_time_stays_as_it_is() {
    let world = World::new(0);
    let client = world.misled(YEARS, |client| drop(client.activate()));
    let before = client.status();
    let refusing = Host::start(|_| Reaction::refusal(422, "publisher-unknown", ""));
    let unverified = Host::start(|heard| {
        let other =
            Publisher { issuer: keymuster_core::signature::SecretKey::from_seed(&[9; 32]), ..Publisher::aurora() };
        let granter = Granter::new(&other, &Env::fixed(START, 5));
        let issuers = Granter::new(&Publisher::aurora(), &Env::fixed(START, 5)).issuers();
        Reaction::Bundle(Bundle { issuers, ..granter.time_bundle(&granter.time_reset(&heard.request)) })
    });
    let url = |host: &Host| format!("http://{}", host.address);
    for (authority, expected) in [
        ("http://127.0.0.1:9".to_owned(), "authority-unreachable"),
        ("https://127.0.0.1:9".to_owned(), "authority-unreachable"),
        (url(&refusing), "publisher-unknown"),
        (url(&unverified), "answer-invalid"),
        (url(&world.host), "licensed"),
    ] {
        let client = world.client_at(&authority);
        let result: Result<Status, Error> = client.reset_time();
        let found = result.map_or_else(|error| error.code().name, |_| "licensed");
        assert_eq!(found, expected, "{authority}");
        if expected != "licensed" {
            let after = client.status();
            assert_eq!((after.state, after.now, after.next_attempt), (before.state, before.now, before.next_attempt));
            assert_eq!(after.last_refusal, None, "it is no answer to what hosts are asked");
        }
    }
}

#[test]
fn a_client_that_runs_follows_a_reset_and_forgets_what_it_planned_in_the_future() {
    let (publisher, machine) = (Publisher::hasty(), Machine::new());
    let (refusing, authority) = (
        Host::start(|_| Reaction::refusal(403, "threshold-not-met", "")),
        Host::granting(Granter::new(&publisher, &Env::fixed(START, 3))),
    );
    let open = || {
        let authority = Some(format!("http://{}", authority.address));
        let settings = Settings { authority, ..machine.settings(Some(refusing.address.clone())) };
        Client::open_with(publisher.product(EDITION), settings).unwrap()
    };
    machine.env.set_wall(at(YEARS));
    let running = open();
    let renewal = running.keep_alive();
    refusing.next();
    machine.env.set_wall(START);
    while running.status().next_attempt.is_none() {
        // The refusal is being written down.
        std::thread::yield_now();
    }
    open().reset_time().unwrap();
    assert_eq!(running.status().now, START);
    // Another machine's renewals, one a second, tell that the client has looked at its state.
    let other = Machine::with_real_time();
    let clock = Host::granting(Granter::new(&publisher, &other.env));
    let _ticking = other.open(publisher.product(EDITION), &clock.address).keep_alive();
    for _ in 0..3 {
        clock.next();
    }
    machine.env.advance(1);
    refusing.next();
    drop(renewal);
}
