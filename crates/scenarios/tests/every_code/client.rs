//! What a machine is told that looks for a host, asks one, or has something wrong with it.

use std::fs;
use std::process::Command;

use keymuster_client::Env;
use keymuster_core::codes;
use keymuster_core::fingerprint::{BOARD_SERIAL, MACHINE_ID, NETWORK_CARDS};
use keymuster_core::time::DAY;
use keymuster_core::trust::Trust;
use keymuster_scenarios::estate::Host;
use keymuster_scenarios::{programs, stand_in};

use super::Row;
use super::site::{EDITION, Machine, Site, closed, said, stranger};

/// A problem that no version of today knows.
const OF_A_LATER_VERSION: &str = r#"{"code":"of-a-later-version","detail":"something new"}"#;

/// What a machine says that asks there.
fn asking(site: &mut Site, host: &str) -> String {
    site.machine(EDITION).says(&["activate", "--host", host])
}

/// What a machine says that asks somebody who answers with these bytes.
fn answered(site: &mut Site, answer: &str) -> String {
    asking(site, &stranger(answer).to_string())
}

fn http(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// What a machine says that activates by a MAK, whose trust file names this authority.
fn by_mak_at(site: &mut Site, authority: &str) -> String {
    let trust: Trust = fs::read_to_string(site.path("aurora.trust")).unwrap().parse().unwrap();
    let trust = site.write("other.trust", Trust { authority: Some(authority.to_owned()), ..trust }.to_string());
    let machine = site.bare_machine();
    machine.says(&["add", "--trust", &trust, "--pack", &site.path("aurora.pack"), EDITION]);
    machine.says_to(&site.aurora.mint_mak(EDITION, 1).unwrap(), &["install-key"]);
    machine.says(&["activate"])
}

/// A machine whose disk was in another machine when it was activated by a MAK.
fn moved(site: &mut Site) -> Machine {
    let (machine, mak) = (site.machine(EDITION), site.aurora.mint_mak(EDITION, 1).unwrap());
    let env = Env::fixed(Env::system().reading().wall, 1);
    env.set_facts(&[(MACHINE_ID, "of another machine"), (BOARD_SERIAL, "x"), (NETWORK_CARDS, "y")]);
    site.product(&machine, env, |client| {
        client.install_key(&mak).unwrap();
        client.activate().unwrap();
    });
    machine
}

/// What the command says on a machine that has a machine id, as not every machine has on which tests run.
fn with_a_machine_id(machine: &Machine, arguments: &[&str]) -> String {
    const SCRIPT: &str = "mount -t tmpfs tmpfs /etc && echo 0123456789abcdef0123456789abcdef > /etc/machine-id && \
                          exec \"$0\" \"$@\"";
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let program = programs::command("keymuster").unwrap();
    let mut command = Command::new("unshare");
    command.arg("--mount").args((!is_root).then_some("--map-root-user")).args(["sh", "-c", SCRIPT]);
    command.arg(program.get_program()).args(arguments);
    said(&mut machine.on_it(command), "")
}

/// A host of another customer, which runs.
fn of_another_customer(site: &Site) -> Host {
    let root = site.directory.path();
    site.aurora.run(&["customer", "add", "other", "--name", "Other"]).unwrap();
    let mint =
        ["key", "mint", "host", "--customer", "other", "--group", "server-c-2026", "--threshold", "1", "--quiet"];
    let key = site.aurora.run(&mint).unwrap().remove(0);
    let mut host = Host::new(&root.join("elsewhere"), 0).unwrap();
    host.add_publisher(root, "aurora").unwrap();
    host.run(&["install-key"], &key).unwrap();
    host.run(&["activate"], "").unwrap();
    host.start().unwrap();
    host
}

/// Copies the store of a machine, as somebody does who copies its disk.
fn copied(site: &mut Site, machine: &Machine) -> Machine {
    let copy = site.bare_machine();
    assert!(Command::new("cp").arg("-r").args([&machine.store, &copy.store]).status().unwrap().success());
    copy
}

pub const ROWS: &[Row<Site>] = &[
    // The host gets its keys one after the other.
    (&codes::HOST_NOT_ACTIVATED, |site| {
        let machine = site.machine(EDITION);
        site.asks(&machine)
    }),
    (&codes::EDITION_NOT_COVERED, |site| {
        site.entitle("render-2026", &["--pool", "render-farm=5"]);
        let machine = site.machine(EDITION);
        site.asks(&machine)
    }),
    (&codes::CUSTOMER_CHANGED, |site| {
        site.entitle("server-c-2026", &["--threshold", "1"]);
        let (machine, elsewhere) = (site.machine(EDITION), of_another_customer(site));
        assert!(site.asks(&machine).contains("licensed until"));
        machine.says(&["renew", "--host", &elsewhere.address.to_string()])
    }),
    (&codes::VERSION_UNSUPPORTED, |site| {
        answered(site, &http("403 x\r\nContent-Type: application/problem+json", OF_A_LATER_VERSION))
    }),
    (&codes::HOST_NOT_FOUND, |site| site.machine(EDITION).says(&["activate"])),
    (&codes::HOST_UNREACHABLE, |site| answered(site, "")),
    (&codes::CONNECTION_REFUSED, |site| asking(site, &closed().to_string())),
    (&codes::NOT_A_KEYMUSTER_HOST, |site| answered(site, &http("200 x\r\nContent-Type: text/html", "<a/>"))),
    (&codes::ANSWER_INVALID, |site| answered(site, &http("200 x\r\nContent-Type: application/cbor", "abc"))),
    (&codes::CERTIFICATE_UNTRUSTED, |site| by_mak_at(site, &format!("https://{}", site.host.address))),
    (&codes::CERTIFICATE_DIFFERS, |_| {
        let mut site = Site::new();
        site.entitle("client-2026", &["--threshold", "1"]);
        let machine = site.machine(EDITION);
        let between = stand_in::start(&site.directory.path().join("between"), site.host.address).unwrap();
        machine.says(&["activate", "--host", &format!("https://{between}")]);
        machine.says(&["status"])
    }),
    (&codes::NAME_NOT_RESOLVED, |site| asking(site, "kms.keymuster.invalid")),
    (&codes::HOST_FAILED, |site| answered(site, &http("502 x", ""))),
    (&codes::SECRET_OVER_PLAIN_HTTP, |site| by_mak_at(site, "http://192.0.2.1:1690")),
    (&codes::AUTHORITY_UNREACHABLE, |site| by_mak_at(site, &format!("http://{}", closed()))),
    (&codes::STATE_DAMAGED, |site| {
        let machine = site.machine(EDITION);
        fs::write(machine.store.join(format!("aurora/{EDITION}.state")), "damaged").unwrap();
        machine.says(&["status"])
    }),
    (&codes::STATE_UNWRITABLE, |site| {
        let machine = Machine { store: site.directory.path().join("aurora.trust/store") };
        machine.says(&["add", "--trust", &site.path("aurora.trust"), "--pack", &site.path("aurora.pack"), EDITION])
    }),
    (&codes::CLOCK_SUSPECT, |site| {
        let (machine, later) = (site.machine(EDITION), Env::system().reading().wall.plus(3000 * DAY));
        site.product(&machine, Env::fixed(later, 1), |_| ());
        machine.says(&["status"])
    }),
    (&codes::WAY_NOT_ALLOWED, |site| {
        let (machine, mak) = (site.machine(EDITION), site.aurora.mint_mak(EDITION, 1).unwrap());
        machine.says(&["set", "way", "host"]);
        machine.says_to(&mak, &["install-key"])
    }),
    (&codes::REARMS_EXHAUSTED, |site| {
        let (machine, mut last) = (site.machine(EDITION), String::new());
        // The catalogue allows five.
        for _ in 0..=5 {
            assert!(!last.contains("error:"), "{last}");
            last = machine.says(&["rearm", "--yes"]);
            site.add(&machine, EDITION);
        }
        last
    }),
    (&codes::IDENTITY_SHARED, |site| {
        let machine = site.machine(EDITION);
        site.asks(&machine);
        let copy = copied(site, &machine);
        site.asks(&copy);
        site.asks(&machine)
    }),
    (&codes::SETTING_INVALID, |site| {
        let machine = site.machine(EDITION);
        fs::write(machine.store.join("settings.json"), r#"{"caching": 1}"#).unwrap();
        machine.says(&["settings"])
    }),
    (&codes::GRACE_OVER, |site| {
        let (machine, earlier) = (site.bare_machine(), Env::system().reading().wall.minus(31 * DAY));
        site.product(&machine, Env::fixed(earlier, 1), |_| ());
        machine.says(&["slmgr", "-dlv"])
    }),
    (&codes::OUT_OF_TOLERANCE, |site| {
        let machine = moved(site);
        with_a_machine_id(&machine, &["activate"])
    }),
    (&codes::NO_SEAT, |site| site.machine("render-farm").says(&["slmgr", "-dlv"])),
];
