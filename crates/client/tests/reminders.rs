//! What a user is told, when, by which of several processes, and where it leads for help.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::fs;

use keymuster_client::{Client, SettingSource, Settings};
use keymuster_core::time::{DAY, HOUR, MINUTE};
use support::host::{Granter, Host, Reaction};
use support::{Machine, Publisher, START};

const EDITION: &str = "desk-pro-2026";
const PUBLISHERS_PAGE: &str = "https://aurora.example/activation";

fn told(client: &Client) -> Option<String> {
    let status = client.status();
    let reminder = status.reminder.filter(|reminder| reminder.due <= status.now)?;
    client.reminded().unwrap();
    Some(reminder.text)
}

#[test]
fn each_state_has_its_words() {
    let machine = Machine::new();
    let host = Host::granting(Granter::new(&Publisher::aurora(), &machine.env));
    let client = machine.open(Publisher::aurora().product(EDITION), &host.address);
    let after = |secs: u64| {
        machine.env.advance(START.plus(secs).secs_since(machine.env.reading().wall));
        client.status().reminder.map(|reminder| reminder.text)
    };
    let grace = |left: &str| {
        format!(
            "Aurora Desk Pro 2026 can be used for {left} more without activation: not activated yet. Help: {PUBLISHERS_PAGE}"
        )
    };
    assert_eq!(after(0), Some(grace("30 days")));
    assert_eq!(after(29 * DAY), Some(grace("1 day")));
    assert_eq!(after(30 * DAY - HOUR), Some(grace("1 hour")));
    assert_eq!(after(30 * DAY - MINUTE), Some(grace("1 minute")));
    let over = "Aurora Desk Pro 2026 is not licensed: it was never activated, and the grace is over.";
    assert_eq!(after(30 * DAY), Some(format!("{over} Help: {PUBLISHERS_PAGE}")));
    client.activate().unwrap();
    assert_eq!(after(179 * DAY), None);
    let overdue = format!(
        "Aurora Desk Pro 2026 is licensed for 30 days more, and its renewal is overdue. Help: {PUBLISHERS_PAGE}"
    );
    assert_eq!(after(180 * DAY), Some(overdue));
    client.renew().unwrap();
    assert_eq!(client.status().reminder, None);
}

#[test]
fn nobody_is_told_twice_by_several_processes_or_starts() {
    let machine = Machine::new();
    let open = |edition| machine.open(Publisher::aurora().product(edition), &"127.0.0.1:9".parse().unwrap());
    let (first, second) = (open(EDITION), open(EDITION));
    assert!(told(&first).is_some());
    assert_eq!((told(&first), told(&second), told(&open(EDITION))), (None, None, None));
    assert!(told(&open("cad-2026")).is_some(), "another product says its own");
    machine.env.advance(DAY - 1);
    assert_eq!(told(&second), None);
    machine.env.advance(1);
    assert!(told(&second).is_some());
    assert_eq!(first.status().reminder.unwrap().due, START.plus(2 * DAY));
    machine.env.advance(29 * DAY);
    assert!(told(&first).is_some());
    assert_eq!(first.status().reminder.unwrap().due, START.plus(30 * DAY + HOUR));
}

#[test]
fn help_is_the_machines_then_the_customers_then_the_publishers_page() {
    let (publisher, machine) = (Publisher::aurora(), Machine::new());
    let page = |of: &str| format!("https://{of}.example/help").parse().unwrap();
    let granter = Granter { help_url: Some(page("customer")), ..Granter::new(&publisher, &machine.env) };
    let mut refusals = 1;
    let host = Host::start(move |heard| match std::mem::take(&mut refusals) {
        0 => granter.react(&heard.request),
        _ => {
            Reaction::refusal(403, "threshold-not-met", r#","help_url":"https://evil.example/","help":"evil.example""#)
        }
    });
    let client = machine.open(publisher.product(EDITION), &host.address);
    let help = |client: &Client| client.status().help_url.map(|help| (help.url.to_string(), help.source)).unwrap();
    assert_eq!(help(&client), (PUBLISHERS_PAGE.into(), SettingSource::Publisher));
    client.activate().unwrap_err();
    assert_eq!(help(&client), (PUBLISHERS_PAGE.into(), SettingSource::Publisher), "a refusal is signed by nobody");
    let kept = fs::read(machine.file("desk-pro-2026.state")).unwrap();
    assert!(!kept.windows(4).any(|part| part == b"evil"));
    client.activate().unwrap();
    assert_eq!(help(&client), ("https://customer.example/help".into(), SettingSource::Host));
    machine.env.advance(200 * DAY);
    assert_eq!(help(&client).1, SettingSource::Host, "also when the lease has ended");
    assert!(told(&client).unwrap().ends_with(" Help: https://customer.example/help"));
    let settings = Settings { help_url: Some(page("machine")), ..machine.settings(Some(host.address.clone())) };
    let client = Client::open_with(publisher.product(EDITION), settings).unwrap();
    assert_eq!(help(&client), ("https://machine.example/help".into(), SettingSource::Product));
}
