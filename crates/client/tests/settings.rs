//! What an administrator sets for a machine: which value counts, what a damaged file does, how a running product follows.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use keymuster_client::{Client, Environment, Error, Notice, Setting, SettingScope, Settings, SettingsFile, Ways};
use keymuster_core::catalogue::Interval;
use keymuster_core::key::KeyKind;
use keymuster_core::time::{DAY, HOUR, MINUTE};
use support::host::{Granter, Host, Reaction};
use support::{Machine, Publisher, START};

const EDITION: &str = "desk-pro-2026";

fn write(machine: &Machine, text: &str) {
    fs::write(machine.store.path().join("settings.json"), text).unwrap();
}

fn open(machine: &Machine, change: impl FnOnce(&mut Settings)) -> Client {
    open_as(&Publisher::aurora(), machine, change)
}

fn open_as(publisher: &Publisher, machine: &Machine, change: impl FnOnce(&mut Settings)) -> Client {
    let mut settings = machine.settings(None);
    // Nobody answers there, so that no test asks the network's own name servers.
    settings.environment.dns_servers = vec!["127.0.0.1:9".parse().unwrap()];
    settings.environment.domains = vec!["keymuster.invalid".into()];
    change(&mut settings);
    Client::open_with(publisher.product(EDITION), settings).unwrap()
}

/// A setting's value and source, as people see them.
fn shown(client: &Client, setting: Setting) -> String {
    let settings = client.settings();
    let effective = settings.iter().find(|effective| effective.setting == setting).unwrap();
    let value = effective.value.as_ref().map_or_else(|| setting.when_unset().into(), ToString::to_string);
    let ignored = effective.ignored.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
    format!("{value}, {}{ignored}", effective.source)
}

fn notices(client: &Client) -> Vec<String> {
    client.status().notices.iter().map(ToString::to_string).collect()
}

/// The time of the next attempt in seconds from now.
fn wait_secs(client: &Client, machine: &Machine) -> u64 {
    client.status().next_attempt.unwrap().secs_since(machine.env.reading().wall)
}

#[test]
fn the_narrowest_place_counts_and_each_value_says_where_it_comes_from() {
    let machine = Machine::new();
    write(
        &machine,
        r#"{
            "host": "machine", "domain": ["machine.example"], "caching": false, "way": "host", "send-name": true,
            "activation-interval": "1 day", "help-url": "https://help.example",
            "publishers": {"aurora": {"host": "publisher", "caching": true, "activation-interval": "1h"},
                           "other": {"way": "mak"}},
            "editions": {"aurora/desk-pro-2026": {"host": "edition:1700"}, "aurora/cad-2026": {"way": "mak"}}
        }"#,
    );
    let by_file = open(&machine, |settings| settings.environment = Environment::default());
    for (setting, expected) in [
        (Setting::Host, "edition:1700, settings.json, edition aurora/desk-pro-2026"),
        (Setting::Domain, "machine.example, settings.json"),
        (Setting::Dns, "those of the system, built in"),
        (Setting::Caching, "on, settings.json, publisher aurora"),
        (Setting::ActivationInterval, "1 hour, settings.json, publisher aurora"),
        (Setting::RenewalInterval, "7 days, publisher"),
        (Setting::Way, "host, settings.json"),
        (Setting::HelpUrl, "https://help.example, settings.json"),
        (Setting::SendName, "on, settings.json"),
    ] {
        assert_eq!(shown(&by_file, setting), expected, "{setting}");
    }
    assert_eq!(by_file.status().help_url.unwrap().url.as_str(), "https://help.example");

    let by_environment = open(&machine, |settings| settings.environment.host = Some("environment".parse().unwrap()));
    assert_eq!(shown(&by_environment, Setting::Host), "environment:1688, environment");
    assert_eq!(shown(&by_environment, Setting::Domain), "keymuster.invalid, environment");
    let by_product = open(&machine, |settings| {
        settings.environment.host = Some("environment".parse().unwrap());
        settings.host = Some("product".parse().unwrap());
        settings.caching = Some(false);
        settings.ways = Some(Ways::Mak);
        settings.help_url = Some("https://product.example".parse().unwrap());
        settings.send_name = Some(false);
    });
    for (setting, expected) in [
        (Setting::Host, "product:1688"),
        (Setting::Caching, "off"),
        (Setting::Way, "mak"),
        (Setting::HelpUrl, "https://product.example"),
        (Setting::SendName, "off"),
    ] {
        assert_eq!(shown(&by_product, setting), format!("{expected}, product or command line"), "{setting}");
    }
    fs::remove_file(machine.store.path().join("settings.json")).unwrap();
    assert_eq!(shown(&by_file, Setting::HelpUrl), "https://aurora.example/activation, publisher");
    assert_eq!(shown(&by_file, Setting::Way), "any, built in");
}

#[test]
fn a_damaged_file_stops_nothing_and_is_named() {
    let machine = Machine::new();
    let host = Host::granting(Granter::new(&Publisher::aurora(), &machine.env));
    let client = open(&machine, |settings| settings.host = Some(host.address.clone()));
    let path = machine.store.path().join("settings.json");
    for (text, expected) in [
        ("", "EOF while parsing a value (KM-517 setting-invalid)"),
        (
            "{\"caching\": false",
            "line 1, column 17: this is no JSON: EOF while parsing an object (KM-517 setting-invalid)",
        ),
        ("\u{0}", "expected value (KM-517 setting-invalid)"),
        (
            r#"{"cashing": false}"#,
            "cashing: there is no such setting; did you mean \"caching\"? (KM-517 setting-invalid)",
        ),
        (r#"{"caching": 0}"#, "caching: is 0; expected true or false (KM-517 setting-invalid)"),
        (
            r#"{"publishers": {"aurora": {"activation-interval": "1 minute"}}}"#,
            "publishers.aurora.activation-interval: 1 minute is outside the range that aurora allows, from 15 minutes to \
             7 days (KM-422 setting-out-of-range)",
        ),
    ] {
        write(&machine, text);
        let found = notices(&client);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        let begins = format!("a setting does not count: {}: ", path.display());
        assert!(found[0].starts_with(&begins) && found[0].ends_with(expected), "{text}: {found:?}");
        assert!(client.renew().unwrap().state.to_string().starts_with("licensed"), "{text}");
    }
    // A faulty entry leaves the others alone.
    write(&machine, r#"{"caching": 0, "way": "host"}"#);
    assert_eq!(shown(&client, Setting::Way), "host, settings.json");
    assert_eq!(shown(&client, Setting::Caching), "on, built in");
    write(&machine, "{}");
    assert_eq!(notices(&client), [""; 0]);

    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(notices(&client)[0].contains("this is no file"), "{:?}", notices(&client));
    fs::remove_dir(&path).unwrap();
    write(&machine, &format!("{{\"x\": \"{}\"}}", "x".repeat(300_000)));
    assert!(notices(&client)[0].contains("more than 262144 bytes"));
    assert!(matches!(client.status().notices[0], Notice::SettingIgnored(_)));
}

#[test]
fn a_running_client_follows_the_file() {
    let machine = Machine::new();
    let [first, second] = [(); 2].map(|()| Host::granting(Granter::new(&Publisher::aurora(), &machine.env)));
    let client = open(&machine, |_| ());
    let file = SettingsFile::of(machine.store.path());
    let set = |host: &Host| {
        let value = Setting::Host.parse_value(&host.address.to_string()).unwrap();
        file.set(&SettingScope::Machine, Setting::Host, &value, &[]).unwrap();
    };
    assert_eq!(client.activate().unwrap_err().code().name, "host-not-found");
    set(&first);
    let status = client.activate().unwrap();
    assert_eq!(status.host.unwrap().found_by, "set by hand: settings.json");
    set(&second);
    client.renew().unwrap();
    assert_eq!((first.all().len(), second.all().len()), (1, 1));
    assert!(file.unset(&SettingScope::Machine, "host").unwrap());
    assert_eq!(shown(&client, Setting::Host), "found by DNS, built in");
}

#[test]
fn what_is_set_while_nothing_is_held_is_tried_at_once() {
    let machine = Machine::new();
    // The clock stands, so the second's wait is never over, and the thread looks at its settings each second.
    let refusing = Host::start(|_| {
        let body = r#"{"code":"threshold-not-met","detail":"d"}"#;
        Reaction::Problem(403, "Retry-After: 1\r\n", body.into())
    });
    let granting = Host::granting(Granter::new(&Publisher::aurora(), &machine.env));
    write(&machine, &format!(r#"{{"host": "{}"}}"#, refusing.address));
    let client = open(&machine, |_| ());
    let renewal = client.keep_alive();
    refusing.next();
    write(&machine, &format!(r#"{{"host": "{}"}}"#, granting.address));
    granting.next();
    drop(renewal);
    assert_eq!(refusing.all().len(), 0);
}

#[test]
fn the_file_is_changed_one_entry_at_a_time() {
    let machine = Machine::new();
    let product = Publisher::aurora().product(EDITION);
    let path = machine.store.path().join("settings.json");
    let file = SettingsFile::of(machine.store.path());
    let edition = SettingScope::Edition("aurora".parse().unwrap(), EDITION.parse().unwrap());
    let publisher = SettingScope::Publisher("aurora".parse().unwrap());
    let value = |setting: Setting, text: &str| setting.parse_value(text).unwrap();
    write(&machine, r#"{"later": {"a": 1}, "editions": 7}"#);
    file.set(&edition, Setting::Caching, &value(Setting::Caching, "off"), &[]).unwrap();
    file.set(&publisher, Setting::Domain, &value(Setting::Domain, "a.example,b.example"), &[]).unwrap();
    let read = || serde_json::from_slice::<serde_json::Value>(&fs::read(&path).unwrap()).unwrap();
    let expected = r#"{"later": {"a": 1}, "editions": {"aurora/desk-pro-2026": {"caching": false}},
                       "publishers": {"aurora": {"domain": ["a.example", "b.example"]}}}"#;
    assert_eq!(read(), serde_json::from_str::<serde_json::Value>(expected).unwrap());
    let mode = |name: &str| fs::metadata(machine.store.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("settings.json"), mode("settings.lock")), (0o600, 0o600));

    // Whatever should not be there can be taken out, but not everything at once.
    assert!(file.unset(&SettingScope::Machine, "later").unwrap());
    assert!(matches!(file.unset(&SettingScope::Machine, "editions"), Err(Error::SettingUnknown { .. })));
    assert!(file.unset(&edition, "caching").unwrap() && file.unset(&publisher, "domain").unwrap());
    assert_eq!(read(), serde_json::json!({}));
    assert!(!file.unset(&publisher, "domain").unwrap());

    let interval = Setting::ActivationInterval;
    for (text, is_allowed) in [("14m", false), ("15m", true), ("7 days", true), ("8 days", false)] {
        let products = std::slice::from_ref(&product);
        let result = file.set(&SettingScope::Machine, interval, &value(interval, text), products);
        assert_eq!(result.is_ok(), is_allowed, "{text}");
        assert!(is_allowed || matches!(result, Err(Error::SettingRefused(_))), "{text}");
    }
    assert_eq!(read()["activation-interval"], "7 days");
    write(&machine, "{");
    let refused = file.set(&SettingScope::Machine, interval, &value(interval, "1h"), &[]).unwrap_err();
    assert_eq!(refused.code().name, "setting-invalid");
    assert_eq!(fs::read(&path).unwrap(), b"{", "what is no JSON is left for people to see");
}

#[test]
fn the_file_of_a_machine_is_no_publisher() {
    let machine = Machine::new();
    let client = open(&machine, |_| ());
    SettingsFile::of(machine.store.path())
        .set(&SettingScope::Machine, Setting::Caching, &Setting::Caching.parse_value("off").unwrap(), &[])
        .unwrap();
    let installed = keymuster_client::Product::installed(machine.store.path()).unwrap();
    assert_eq!(installed.len(), 1);
    assert_eq!(installed[0].edition().id, client.product().edition().id);
}

#[test]
fn attempts_are_repeated_at_the_interval_that_counts() {
    let machine = Machine::new();
    let publisher = Publisher::aurora();
    let mut granter = Granter::new(&publisher, &machine.env);
    granter.retry_secs = Some(DAY);
    let mut asked = 0;
    let host = Host::start(move |heard| {
        asked += 1;
        if asked == 2 { granter.react(&heard.request) } else { Reaction::refusal(403, "clock-skew", "") }
    });
    let client = open(&machine, |settings| settings.host = Some(host.address.clone()));
    let about = |secs: u64, what: &str| {
        let found = wait_secs(&client, &machine);
        assert!((secs * 85 / 100..=secs).contains(&found), "{what}: {found} of {secs}");
    };
    write(&machine, r#"{"activation-interval": "30 minutes"}"#);
    assert_eq!(client.activate().unwrap_err().code().name, "clock-skew");
    about(30 * MINUTE, "the machine's, while no host has granted anything");
    client.activate().unwrap();
    assert_eq!(client.activate().unwrap_err().code().name, "clock-skew");
    about(DAY, "the host's, as its lease says");
    let expected =
        "1 day, host (30 minutes of settings.json does not count, because the host's does while a lease is held)";
    assert_eq!(shown(&client, Setting::ActivationInterval), expected);
    assert_eq!(shown(&client, Setting::RenewalInterval), "7 days, host");
}

#[test]
fn a_host_that_names_no_interval_stands_for_the_publishers_and_an_absurd_one_does_not_count() {
    for (retry_secs, expected) in [
        (None, "2 hours, host"),
        (Some(15 * MINUTE), "15 minutes, host"),
        (Some(0), "2 hours, publisher (the host's 0 seconds is outside the range)"),
        (Some(400 * DAY), "2 hours, publisher (the host's 400 days is outside the range)"),
    ] {
        let machine = Machine::new();
        let granter = Granter { retry_secs, ..Granter::new(&Publisher::aurora(), &machine.env) };
        let host = Host::granting(granter);
        let client = open(&machine, |settings| settings.host = Some(host.address.clone()));
        client.activate().unwrap();
        assert_eq!(shown(&client, Setting::ActivationInterval), expected);
    }
}

#[test]
fn an_interval_that_a_newer_pack_forbids_does_not_count_and_is_kept() {
    let machine = Machine::new();
    let (old, text) = (Publisher::aurora(), r#"{"activation-interval": "1 hour", "renewal-interval": "1 day"}"#);
    write(&machine, text);
    let client = open_as(&old, &machine, |_| ());
    assert_eq!(shown(&client, Setting::ActivationInterval), "1 hour, settings.json");
    assert_eq!(shown(&client, Setting::RenewalInterval), "1 day, settings.json");
    assert_eq!(notices(&client).len(), 0);
    let retry = Interval { default_secs: 6 * HOUR, min_secs: 2 * HOUR, max_secs: DAY };
    let client = open_as(&Publisher { retry, ..old }, &machine, |_| ());
    let why = "1 hour is outside the range that aurora allows, from 2 hours to 1 day";
    assert_eq!(shown(&client, Setting::ActivationInterval), format!("6 hours, publisher ({why})"));
    assert!(notices(&client)[0].ends_with(&format!("{why} (KM-422 setting-out-of-range)")), "{:?}", notices(&client));
    assert_eq!(fs::read_to_string(machine.store.path().join("settings.json")).unwrap(), text);
}

#[test]
fn a_way_that_is_not_allowed_is_refused_and_takes_nothing_away() {
    let machine = Machine::new();
    let publisher = Publisher::aurora();
    let host = Host::granting(Granter::new(&publisher, &machine.env));
    let client = open(&machine, |settings| {
        settings.host = Some(host.address.clone());
        settings.authority = Some(format!("http://{}", host.address));
    });
    let (setup, mak) = (publisher.key(KeyKind::Setup, 1).reveal(), publisher.key(KeyKind::Mak, 1).reveal());
    let code = |result: Result<keymuster_client::Status, Error>| result.err().map_or("", |error| error.code().name);

    write(&machine, r#"{"way": "host"}"#);
    assert_eq!(code(client.install_key(&mak)), "way-not-allowed");
    assert_eq!(code(client.install_key(&setup)), "");
    assert_eq!(code(client.activate()), "");
    assert_eq!(host.all().len(), 1);

    write(&machine, r#"{"way": "mak"}"#);
    assert_eq!(code(client.install_key(&setup)), "way-not-allowed");
    let error = client.renew().unwrap_err();
    assert_eq!(error.to_string(), "this product may be activated by a MAK alone: way is mak (settings.json)");
    assert!(client.status().state.to_string().starts_with("licensed"), "what is held stays");
    assert!(wait_secs(&client, &machine) > 0, "it is not tried again without end");
    assert_eq!(host.all().len(), 0, "nothing is sent");
    client.release().unwrap();
    assert_eq!(host.all().len(), 1, "a lease can be given back");
    client.install_key(&mak).unwrap();

    write(&machine, r#"{"way": "host"}"#);
    assert_eq!(code(client.activate()), "way-not-allowed");
    assert!(client.request_file().is_err_and(|error| error.code().name == "way-not-allowed"));
    assert_eq!(host.all().len(), 0);
    write(&machine, "{}");
    assert_eq!(code(client.activate()), "");
}

#[test]
fn the_machines_name_is_sent_only_where_somebody_has_allowed_it() {
    let machine = Machine::new();
    let host = Host::granting(Granter::new(&Publisher::aurora(), &machine.env));
    let own = fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
    for (text, given, expected) in [
        ("{}", None, None),
        ("{}", Some("desk-7"), None),
        (r#"{"send-name": false}"#, Some("desk-7"), None),
        (r#"{"send-name": true}"#, None, Some(own.as_str())),
        (r#"{"send-name": true}"#, Some("desk-7"), Some("desk-7")),
    ] {
        write(&machine, text);
        let client = open(&machine, |settings| {
            settings.host = Some(host.address.clone());
            settings.machine_name = given.map(|name| name.parse().unwrap());
        });
        client.renew().unwrap();
        let heard = host.next();
        assert_eq!(heard.request.name.as_ref().map(|name| name.as_str()), expected, "{text}, {given:?}");
    }
}

#[test]
fn the_customers_page_comes_from_the_machine_before_the_host_before_the_publisher() {
    let machine = Machine::new();
    let granter = Granter {
        help_url: Some("https://host.example".parse().unwrap()),
        ..Granter::new(&Publisher::aurora(), &machine.env)
    };
    let host = Host::granting(granter);
    let client = open(&machine, |settings| settings.host = Some(host.address.clone()));
    let page = || client.status().help_url.unwrap().to_string();
    assert_eq!(page(), "https://aurora.example/activation");
    client.activate().unwrap();
    assert_eq!(page(), "https://host.example");
    assert_eq!(shown(&client, Setting::HelpUrl), "https://host.example, host");
    write(&machine, r#"{"help-url": "https://machine.example"}"#);
    assert_eq!(page(), "https://machine.example");
    assert!(client.status().now >= START);
}
