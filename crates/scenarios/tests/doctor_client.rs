//! `keymuster doctor` on machines on which something is really wrong: each failure is caused, found, named and explained.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;
#[path = "common/doctor.rs"]
mod doctor;
#[path = "../../host/tests/support/named.rs"]
mod named;
#[path = "every_code/site.rs"]
#[allow(dead_code, reason = "each test program uses a part")]
mod site;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::Command;
use std::thread;

use common::poll;
use doctor::Told;
use keymuster_client::Env;
use keymuster_core::time::DAY;
use keymuster_core::trust::Trust;
use keymuster_scenarios::clock::Clock;
use keymuster_scenarios::fixture::Publisher;
use keymuster_scenarios::{programs, stand_in};
use named::{NameServer, ZoneFile};
use site::{EDITION, Machine, Site, closed, server_says};

/// What the doctor says on a machine, with changes of its environment.
fn told(machine: &Machine, environment: &[(&str, &str)], arguments: &[&str]) -> Told {
    let program = programs::command("keymuster").unwrap();
    let mut command = machine.on_it(Command::new(program.get_program()));
    command.args(["doctor", "--json"]).args(arguments).envs(environment.iter().copied());
    Told::by(&mut command)
}

fn at(machine: &Machine, host: impl ToString) -> Told {
    told(machine, &[], &["--host", &host.to_string()])
}

/// Runs the doctor behind a script of the shell, as root of namespaces of its own.
fn within(machine: &Machine, namespaces: &[&str], script: &str, arguments: &[&str]) -> Told {
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let program = programs::command("keymuster").unwrap();
    let mut command = machine.on_it(Command::new("unshare"));
    command.args(namespaces).args((!is_root).then_some("--map-root-user"));
    command.args(["sh", "-c", &format!("{script} && exec \"$0\" \"$@\"")]).arg(program.get_program());
    command.args(["doctor", "--json"]).args(arguments);
    Told::by(&mut command)
}

/// Something that listens and does this with every connection on which something was said.
fn listener(act: fn(std::net::TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // The doctor knocks first, and says nothing then.
            if stream.peek(&mut [0]).is_ok_and(|said| said > 0) {
                act(stream);
            }
        }
    });
    address
}

#[test]
fn a_machine_that_does_not_know_where_to_look() {
    let mut site = Site::new();
    let machine = site.machine(EDITION);
    let script = format!(
        "unset KEYMUSTER_DOMAIN KEYMUSTER_DNS && echo bare > /proc/sys/kernel/hostname && mount --bind {} /etc/resolv.conf",
        site.write("empty", "")
    );
    let found = within(&machine, &["--mount", "--uts"], &script, &[]);
    found.broken("domain", "host-not-found", "this machine is in no DNS domain").exits(3);
    assert!(found.headline().contains("may run until"), "{}", found.headline());

    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    for (server, part) in [(closed().to_string(), "refused"), (silent, "timed out")] {
        let found = told(&machine, &[("KEYMUSTER_DNS", &server)], &[]);
        found.broken("name-server", "host-not-found", &server).broken("name-server", "host-not-found", part).exits(3);
    }
}

#[test]
fn what_dns_says_wrong_is_told_record_by_record() {
    let mut site = Site::new();
    site.entitle("client-2026", &["--threshold", "1"]);
    let (machine, good, dead) = (site.machine(EDITION), site.host.address.port(), closed().port());
    let records = |lines: &str| format!("kms A 127.0.0.1\n{lines}");
    let [sound, mixed] =
        [format!("_keymuster._tcp SRV 0 0 {good} kms\n"), format!("_keymuster._tcp SRV 1 0 {dead} kms\n")];
    let zones = [
        ("empty.test", records("")),
        ("nowhere.test", records(&format!("_keymuster._tcp SRV 0 0 {good} gone\n"))),
        ("ports.test", records("_keymuster._tcp SRV 0 0 80 kms\n")),
        ("refusing.test", records(&mixed)),
        ("mixed.test", records(&format!("{sound}{mixed}_keymuster._tcp SRV 2 0 22 kms\n"))),
        ("sound.test", records(&sound)),
    ];
    let files: Vec<ZoneFile<'_>> = zones.iter().map(|(name, records)| ZoneFile { name, policy: "", records }).collect();
    let server = NameServer::start(&files, &[]);
    let address = server.address.to_string();
    let within = |domain: &str| told(&machine, &[("KEYMUSTER_DNS", &address), ("KEYMUSTER_DOMAIN", domain)], &[]);
    within("empty.test").broken("srv-records", "host-not-found", "_keymuster._tcp.empty.test").exits(3);
    within("nowhere.test").broken("host", "name-not-resolved", "gone.nowhere.test").exits(3);
    within("ports.test").broken("srv-passed-over", "host-not-found", "kms.ports.test:80").exits(3);
    within("refusing.test").broken("host", "connection-refused", "nothing listens there").exits(3);
    let found = within("mixed.test");
    found.warning("host", Some("connection-refused"), &format!("kms.mixed.test:{dead}"));
    found.warning("srv-passed-over", None, "kms.mixed.test:22").well("host", "healthy").exits(1);
    // Not yet activated, and nothing in the way.
    let found = within("sound.test");
    found.well("name-server", &address).well("srv-records", "kms.sound.test").well("host", "would activate").exits(1);
    assert!(found.headline().contains("run `keymuster activate`"), "{}", found.headline());

    // A host that was set by hand once and is gone hides the one that DNS names.
    let environment = [("KEYMUSTER_DNS", &*address), ("KEYMUSTER_DOMAIN", "sound.test")];
    machine.says(&["set", "host", &closed().to_string()]);
    let found = told(&machine, &environment, &[]);
    found.warning("host-set-by-hand", None, "hides kms.sound.test").broken("host", "connection-refused", "").exits(3);
    machine.says(&["unset", "host"]);

    // Activated, all is well, and the first line says what comes.
    let activated = machine.says(&["activate", "--host", &site.host.address.to_string()]);
    assert!(activated.contains("licensed until"), "{activated}");
    let found = told(&machine, &environment, &[]);
    found.well("licence", "licensed until").well("next", "asks again").exits(0);
    let headline = found.headline();
    assert!(
        headline.contains(" and will renew on ") && headline.ends_with("; nothing needs to be done."),
        "{headline}"
    );
}

#[test]
fn what_keeps_a_connection_from_a_host_is_told_apart() {
    let mut site = Site::new();
    let machine = site.machine(EDITION);
    let found = at(&machine, closed());
    found.broken("host", "connection-refused", "nothing listens there").exits(3);

    // A firewall that drops, in a network of its own.
    let drop = "ip link set lo up && /usr/sbin/iptables -A INPUT -p tcp --dport 1688 -j DROP";
    let found = within(&machine, &["--net"], drop, &["--host", "127.0.0.1:1688"]);
    found.broken("host", "host-unreachable", "no connection in time").exits(3);
    assert!(found.finding("host")["means"].as_str().unwrap().contains("firewall"), "{found:?}");

    // Closing a connection with unread bytes in it resets it.
    let resetting = listener(drop_unread);
    at(&machine, resetting).broken("host", "host-unreachable", "").exits(3);
    let other = listener(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<a/>");
    });
    at(&machine, other).broken("host", "not-a-keymuster-host", "").exits(3);
    let ssh = listener(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n");
    });
    at(&machine, ssh).broken("host", "not-a-keymuster-host", "").exits(3);
}

fn drop_unread(stream: std::net::TcpStream) {
    drop(stream);
}

#[test]
fn what_a_host_says_is_passed_on_with_what_to_do() {
    let mut site = Site::new();
    let machine = site.machine(EDITION);
    let host = site.host.address;
    at(&machine, host).broken("host", "host-not-activated", "").exits(3);
    site.entitle("render-2026", &["--pool", "render-farm=5"]);
    at(&machine, host).broken("host", "edition-not-covered", "").exits(3);
    site.entitle("client-2026", &["--threshold", "3"]);
    let found = at(&machine, host);
    found.warning("host", Some("threshold-not-met"), "count 0 of 3").exits(1);
    assert!(found.headline().ends_with("it will be activated when 3 more machines have asked."), "{found:?}");
    found.well("clock", "").well("host-entitlement", "Muster Works");
}

#[test]
fn who_stands_between_and_who_speaks_no_tls_is_noticed() {
    let mut site = Site::new();
    site.entitle("client-2026", &["--threshold", "1"]);
    let (machine, address) = (site.machine(EDITION), site.host.address);
    let data_dir = site.directory.path().join("host");
    assert!(site.asks(&machine).contains("licensed until"));
    at(&machine, address).well("tls", "over TLS").exits(0);
    let between = stand_in::start(&site.directory.path().join("between"), address).unwrap();
    at(&machine, between).warning("tls", Some("certificate-differs"), "another key").exits(1);

    // From here on clients are told to use TLS alone, and then somebody takes it away.
    let policy = |name: &str| {
        server_says("keymuster-host", &data_dir, &["set", "tls", name], "");
        poll("the policy", || {
            let status = server_says("keymuster-host", &data_dir, &["status", "--json"], "");
            let status: serde_json::Value = serde_json::from_str(&status).ok()?;
            (status["serving"]["tls"]["policy"] == name).then_some(())
        });
    };
    policy("require");
    machine.says(&["renew", "--host", &address.to_string()]);
    policy("off");
    let found = at(&machine, address);
    found.broken("host", "host-unreachable", "no TLS").well("licence", "licensed until").exits(3);
    assert!(found.headline().contains("; nobody who could renew it answers: "), "{found:?}");
}

#[test]
fn keys_and_the_authority_behind_them() {
    let mut site = Site::new();
    let (machine, mak) = (site.machine(EDITION), site.aurora.mint_mak(EDITION, 3).unwrap());
    machine.says_to(&mak, &["install-key"]);
    let found = told(&machine, &[], &[]);
    found.well("key", "the MAK that ends in").well("authority", "is reached").exits(1);
    assert!(found.headline().contains("run `keymuster activate`"), "{found:?}");
    machine.says(&["set", "way", "host"]);
    told(&machine, &[], &[]).broken("key", "way-not-allowed", "").exits(3);
    machine.says(&["unset", "way"]);
    let activated = site.machine(EDITION);
    activated.says_to(&mak, &["install-key"]);
    activated.says(&["activate"]);
    site.aurora.stop().unwrap();
    told(&machine, &[], &[]).broken("authority", "authority-unreachable", "").exits(3);
    let found = told(&activated, &[], &[]);
    found.exits(0);
    assert!(found.headline().starts_with("This client is activated for good"), "nobody is needed any more: {found:?}");

    // An authority behind a certificate for which nobody vouches.
    let between = stand_in::start(&site.directory.path().join("between"), site.host.address).unwrap();
    let trust: Trust = fs::read_to_string(site.path("aurora.trust")).unwrap().parse().unwrap();
    let trust = Trust { authority: Some(format!("https://{between}")), ..trust };
    let (other, trust) = (site.bare_machine(), site.write("other.trust", trust.to_string()));
    other.says(&["add", "--trust", &trust, "--pack", &site.path("aurora.pack"), EDITION]);
    other.says_to(&mak, &["install-key"]);
    told(&other, &[], &[]).broken("authority", "certificate-untrusted", "").exits(3);
}

#[test]
fn times_that_are_over_or_near() {
    let mut site = Site::new();
    site.entitle("client-2026", &["--threshold", "1"]);
    let now = Env::system().reading().wall;
    let machine = site.bare_machine();
    site.product(&machine, Env::fixed(now.minus(31 * DAY), 1), |_| ());
    let found = at(&machine, closed());
    found.broken("licence", "grace-over", "").exits(3);
    assert!(found.headline().starts_with("This client is not licensed, since "), "{found:?}");

    let suspect = site.machine(EDITION);
    site.product(&suspect, Env::fixed(now.plus(3000 * DAY), 1), |_| ());
    at(&suspect, site.host.address).warning("clock", Some("clock-suspect"), "turned back");

    // A host whose entitlement ends tomorrow grants no longer than that, and says so.
    let mut publisher = Publisher::new(1, 1);
    publisher.stop_at = Some(now.plus(DAY));
    let place = common::Place::new(publisher);
    let host = place.start();
    let (trust, pack) = (place.publisher.trust.to_string(), place.publisher.pack(now).to_file());
    let (trust, pack) = (site.write("fixture.trust", trust), site.write("fixture.pack", pack));
    let last = site.bare_machine();
    last.says(&["add", "--trust", &trust, "--pack", &pack, "volume"]);
    let asked = last.says(&["activate", "--host", &host.clients.to_string()]);
    assert!(asked.contains("licensed until"), "{asked}");
    let found = at(&last, host.clients);
    found.warning("host-entitlement", None, "ends on").well("licence", "licensed until").exits(1);

    // Half a year in which nobody answered.
    let forgotten = site.machine(EDITION);
    assert!(site.asks(&forgotten).contains("licensed until"));
    let clock = Clock::new(forgotten.store.with_extension("clock")).unwrap();
    clock.put("+175d").unwrap();
    let mut command = forgotten.on_it(programs::command("keymuster").unwrap());
    command.args(["doctor", "--json", "--host", &closed().to_string()]);
    clock.give_to(&mut command);
    Told::by(&mut command).warning("licence", None, "and was not renewed").exits(3);

    // A lease that has ended on a machine whose clock was once ahead: it is in the grace after it.
    let ended = site.machine(EDITION);
    assert!(site.asks(&ended).contains("licensed until"));
    site.product(&ended, Env::fixed(now.plus(190 * DAY), 1), |client| drop(client.renew()));
    let found = at(&ended, site.host.address);
    found.warning("licence", None, "in grace until").warning("clock", Some("clock-suspect"), "turned back");
}
