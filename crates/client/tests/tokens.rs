//! Token files: a product finds its host by a file that was left on its machine, and what such a file cannot do.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use keymuster_client::{Client, Environment, Setting, State};
use keymuster_core::id::{HostId, to_hex};
use keymuster_core::signature::SecretKey;
use support::host::{Granter, Host, Reaction};
use support::named::NameServer;
use support::{Machine, Publisher};

const EDITION: &str = "desk-pro-2026";

fn granting(machine: &Machine) -> Host {
    Host::granting(Granter::new(&Publisher::aurora(), &machine.env))
}

/// Leaves a token file, as a deployment tool of root would.
fn leave(machine: &Machine, name: &str, lines: &str) -> PathBuf {
    let directory = machine.tokens();
    fs::create_dir_all(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    let path = directory.join(name);
    fs::write(&path, format!("keymuster-token 1\npublisher aurora\n{lines}")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    path
}

/// A product that sets nothing: all that it has is its trust and its pack.
fn open(machine: &Machine) -> Client {
    let mut settings = machine.settings(None);
    settings.environment = Environment::default();
    settings.timeouts.dns = std::time::Duration::from_secs(5);
    Client::open_with(Publisher::aurora().product(EDITION), settings).unwrap()
}

fn shown(client: &Client, setting: Setting) -> String {
    let settings = client.settings();
    let effective = settings.iter().find(|effective| effective.setting == setting).unwrap();
    format!("{}, {}", effective.value.as_ref().map_or("-".into(), ToString::to_string), effective.source)
}

fn notices(client: &Client) -> Vec<String> {
    client.status().notices.iter().map(ToString::to_string).collect()
}

fn root_of_aurora() -> String {
    to_hex(Publisher::aurora().root.public().as_bytes())
}

#[test]
fn a_file_that_is_left_on_a_machine_is_all_that_a_product_needs() {
    let machine = Machine::new();
    let host = granting(&machine);
    let records = format!("kms A 127.0.0.1\n_keymuster._tcp SRV 1 1 {} kms\n", host.address.port);
    let server = NameServer::start(&records, "");
    let client = open(&machine);
    let lines = format!("root {}\ncustomer acme\ndomain example.test\ndns {}\n", root_of_aurora(), server.address);
    let path = leave(&machine, "works.token", &lines);
    // The client that runs already follows.
    assert_eq!(notices(&client), [""; 0]);
    let from = path.display();
    assert_eq!(shown(&client, Setting::Domain), format!("example.test, {from}"));
    assert_eq!(shown(&client, Setting::Dns), format!("{}, {from}", server.address));
    assert_eq!(shown(&client, Setting::Customer), format!("acme, {from}"));
    let status = client.activate().unwrap();
    assert!(matches!(status.state, State::Licensed { .. }), "{}", status.state);
    assert_eq!(status.host.unwrap().found_by, "DNS _keymuster._tcp.example.test");
    fs::remove_file(&path).unwrap();
    assert_eq!(shown(&client, Setting::Domain), "-, built in");
    assert!(matches!(client.status().state, State::Licensed { .. }), "the lease needs no token");
}

#[test]
fn hosts_are_asked_one_after_the_other() {
    let machine = Machine::new();
    let (away, ours) = (Host::start(|_| Reaction::Close), granting(&machine));
    leave(&machine, "works.token", &format!("host {},{},[::1]:9\n", away.address, ours.address));
    let client = open(&machine);
    let status = client.activate().unwrap();
    assert_eq!((away.all().len(), ours.all().len()), (1, 1));
    assert_eq!(status.host.unwrap().address, ours.address.to_string());
    assert_eq!(status.trail.len(), 2, "DNS is not asked, and no further host: {:?}", status.trail);
}

#[test]
fn only_hosts_of_the_customer_that_is_named_are_believed_from_the_first_contact_on() {
    let machine = Machine::new();
    let theirs = Granter {
        customer: "globex",
        host: HostId::from_bytes([44; 16]),
        ..Granter::new(&Publisher::aurora(), &machine.env)
    };
    let (theirs, ours) = (Host::granting(theirs), granting(&machine));
    let hosts = format!("host {},{}\n", theirs.address, ours.address);
    let path = leave(&machine, "works.token", &format!("{hosts}customer acme\n"));
    let client = open(&machine);
    let status = client.activate().unwrap();
    assert_eq!((theirs.all().len(), status.lease.unwrap().customer.as_str()), (1, "acme"));
    assert!(status.trail[0].outcome.contains("(KM-617 customer-changed)"), "{:?}", status.trail);
    assert!(client.check().hosts[0].report.as_ref().unwrap().objection.is_some());

    // A token ends nothing that is held, and does not make another customer's host believed while it is.
    fs::write(&path, format!("keymuster-token 1\npublisher aurora\n{hosts}customer globex\n")).unwrap();
    let error = client.renew().unwrap_err().to_string();
    assert!(error.ends_with("(KM-617 customer-changed)"), "{error}");
    let status = client.status();
    assert_eq!(status.lease.unwrap().customer.as_str(), "acme");
    assert!(matches!(status.state, State::Licensed { .. }), "{}", status.state);
}

#[test]
fn a_token_adds_no_trust() {
    let machine = Machine::new();
    let other_root = SecretKey::from_seed(&[50; 32]);
    let look_alike = Granter {
        publisher: Publisher { root: other_root.clone(), ..Publisher::aurora() },
        ..Granter::new(&Publisher::aurora(), &machine.env)
    };
    let look_alike = Host::granting(look_alike);
    let others = format!("root {}\n", to_hex(other_root.public().as_bytes()));
    // With the look-alike's keys it is for another product; with the publisher's keys beside them, or with none, its host is
    // asked, and not believed.
    for (roots, is_asked) in
        [(others.clone(), false), (format!("{others}root {}\n", root_of_aurora()), true), (String::new(), true)]
    {
        leave(&machine, "evil.token", &format!("{roots}host {}\n", look_alike.address));
        let client = open(&machine);
        let expected = if is_asked { format!("{}, ", look_alike.address) } else { "-, built in".to_owned() };
        assert!(shown(&client, Setting::Host).starts_with(&expected), "{roots}");
        if is_asked {
            let error = client.activate().unwrap_err().to_string();
            assert!(error.ends_with("signer-unknown)"), "{roots}: {error}");
            assert!(client.status().lease.is_none());
        } else {
            let found = notices(&client);
            assert!(found[0].contains("it is for other root keys of aurora"), "{found:?}");
            assert!(found[0].ends_with("(KM-517 setting-invalid)"), "{found:?}");
        }
    }
}

#[test]
fn the_narrower_and_the_later_file_count_and_people_count_before_files() {
    let machine = Machine::new();
    let client = open(&machine);
    let last = leave(&machine, "90-site.token", "domain site.example\n");
    leave(&machine, "10-publisher.token", "domain publisher.example\nhost kms.example\n");
    let other = leave(&machine, "20-other.token", "edition cad-2026\ndomain cad.example\n");
    leave(&machine, "notes.txt", "domain notes.example\n");
    assert_eq!(shown(&client, Setting::Domain), format!("site.example, {}", last.display()));
    assert!(shown(&client, Setting::Host).starts_with("kms.example:1688, "), "what the later says nothing of");
    let narrow = leave(&machine, "05-desk.token", "edition desk-pro-2026\ndomain desk.example\n");
    assert_eq!(shown(&client, Setting::Domain), format!("desk.example, {}", narrow.display()));
    fs::write(machine.store.path().join("settings.json"), r#"{"domain": ["people.example"]}"#).unwrap();
    assert_eq!(shown(&client, Setting::Domain), "people.example, settings.json");
    let mut settings = machine.settings(None);
    settings.environment = Environment { domains: vec!["environment.example".into()], ..Environment::default() };
    let by_environment = Client::open_with(Publisher::aurora().product(EDITION), settings).unwrap();
    assert_eq!(shown(&by_environment, Setting::Domain), "environment.example, environment");
    // A file of another publisher, and of another edition, is nobody's business here.
    fs::write(&other, "keymuster-token 1\npublisher borealis\nroot x\n").unwrap();
    assert!(notices(&client)[0].contains("20-other.token: not a token file: line 3: "), "{:?}", notices(&client));
    fs::write(&other, "keymuster-token 1\npublisher borealis\ncustomer globex\n").unwrap();
    assert_eq!((notices(&client), shown(&client, Setting::Customer)), (vec![], "-, built in".into()));
}

/// Makes one thing about a token file, or its directory, wrong.
type Spoil = fn(&Machine, &PathBuf);

#[test]
fn a_file_that_others_could_have_written_does_not_count_and_says_why() {
    let cases: [(&str, Spoil); 10] = [
        ("others may write to the file (mode 664)", |_, path| {
            fs::set_permissions(path, fs::Permissions::from_mode(0o664)).unwrap();
        }),
        ("others may write to the file (mode 646)", |_, path| {
            fs::set_permissions(path, fs::Permissions::from_mode(0o646)).unwrap();
        }),
        ("others may write to the directory (mode 1777)", |machine, _| {
            fs::set_permissions(machine.tokens(), fs::Permissions::from_mode(0o1777)).unwrap();
        }),
        ("this is a symbolic link", |machine, path| {
            let elsewhere = machine.store.path().join("elsewhere");
            fs::rename(path, &elsewhere).unwrap();
            symlink(&elsewhere, path).unwrap();
        }),
        ("this is no file", |_, path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
        ("longer than 4096 bytes", |_, path| {
            fs::write(path, format!("keymuster-token 1\npublisher aurora\n{}\n", "#".repeat(100_000))).unwrap();
        }),
        ("this is no UTF-8", |_, path| fs::write(path, b"keymuster-token 1\n\xff\xfe").unwrap()),
        ("line 3: expected once publisher and edition", |_, path| {
            // A secret has no place in a file that everybody reads, and is not shown.
            fs::write(path, "keymuster-token 1\npublisher aurora\nmak BCDFG-HJKMP-QRTVW-XY234-6789B\n").unwrap();
        }),
        ("line 3: domain is \"a..b\"; expected 1 to 6 DNS domains", |_, path| {
            fs::write(path, "keymuster-token 1\npublisher aurora\ndomain a..b\n").unwrap();
        }),
        ("not a token file: no publisher", |_, path| fs::write(path, "").unwrap()),
    ];
    for (expected, spoil) in cases {
        let machine = Machine::new();
        let path = leave(&machine, "works.token", "domain works.example\n");
        let client = open(&machine);
        assert!(shown(&client, Setting::Domain).starts_with("works.example, "), "{expected}");
        spoil(&machine, &path);
        let found = notices(&client);
        assert_eq!(found.len(), 1, "{expected}: {found:?}");
        assert!(found[0].contains(expected) && found[0].ends_with("(KM-517 setting-invalid)"), "{expected}: {found:?}");
        assert!(!found[0].contains("BCDFG"), "{found:?}");
        assert_eq!(shown(&client, Setting::Domain), "-, built in", "{expected}");
        assert!(client.status().state.may_run());
    }
    // A file of another user; only root can give one away.
    let machine = Machine::new();
    let path = leave(&machine, "works.token", "domain works.example\n");
    if std::os::unix::fs::chown(&path, Some(12345), None).is_ok() {
        let found = notices(&open(&machine));
        assert!(found[0].contains("the file belongs to user 12345"), "{found:?}");
        std::os::unix::fs::chown(&path, Some(0), None).unwrap();
        std::os::unix::fs::chown(machine.tokens(), Some(12345), None).unwrap();
        let found = notices(&open(&machine));
        assert!(found[0].contains("the directory belongs to user 12345"), "{found:?}");
    }
}

#[test]
fn not_all_of_many_files_are_read() {
    let machine = Machine::new();
    for number in 0..40 {
        leave(&machine, &format!("{number:02}.token"), &format!("domain d{number}.example\n"));
    }
    let client = open(&machine);
    assert!(shown(&client, Setting::Domain).starts_with("d15.example, "));
    let found = notices(&client);
    assert_eq!(found.len(), 16);
    assert!(found[0].contains("16.token: only the first 16 token files are read"), "{found:?}");
}
