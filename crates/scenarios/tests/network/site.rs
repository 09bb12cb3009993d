//! The machines of the network and the programs on them: everything by the real programs, from minting keys on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use keymuster_scenarios::clock::Clock;
use keymuster_scenarios::demo::AURORA;
use keymuster_scenarios::network::{Member, Network};
use keymuster_scenarios::programs::{self, Running};
use serde_json::Value;
use tempfile::TempDir;

use super::names::{self, DOMAIN, NameServer, STRANGER};
use super::table::{A, AUTHORITY, B, DNS, Fault, Names};
use super::{AT_REST, SLOWNESS};

const CLIENTS: u8 = 20;
const CUSTOMER: &str = "Muster Works";
const EDITION: &str = "server-standard-2026";
/// The numbers of both hosts in DNS at rest: priority and weight.
const NUMBERS: [(&str, &str); 2] = [(A, "0:0"), (B, "10:0")];
/// Longer than anything takes that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(30);

/// The network and what runs in it. Programs end before the network goes.
pub struct Site {
    hosts: Vec<HostMachine>,
    authority: Option<Running>,
    names: Option<NameServer>,
    clients: Vec<ClientMachine>,
    client_clock: Clock,
    network: Network,
    root: TempDir,
}

struct HostMachine {
    member: Member,
    data_dir: PathBuf,
    clock: Clock,
    running: Option<Running>,
}

struct ClientMachine {
    member: Member,
    store: PathBuf,
    /// Whether it remembers the host that answered last.
    remembers: bool,
    /// Whether that is not the one of rest.
    has_moved: bool,
    /// The end of its lease when it was last looked at.
    until: String,
}

/// Which clients.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Clients {
    All,
    /// Those that have to be brought to rest are, the others just ask.
    ToRest,
}

/// What a client's command said.
pub struct Said {
    pub remembers: bool,
    pub exit: i32,
    pub text: String,
    pub took: Duration,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {:?}", self.text))
    }

    /// The host that has answered.
    pub fn answered_by(&self) -> String {
        let json = self.json();
        json["host"].as_str().unwrap_or_default().split('.').next().unwrap_or_default().to_owned()
    }

    pub fn code(&self) -> String {
        format!("KM-{}", self.json()["error"]["number"])
    }
}

/// Waits until something is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(LOOK);
    }
}

impl Site {
    /// Everything in place and at work; no client has asked yet.
    pub fn new() -> Site {
        let root = tempfile::tempdir().unwrap();
        let others = [(DNS, 53), (AUTHORITY, 90), (A, 11), (B, 12), (STRANGER, 66)];
        let clients = (1..=CLIENTS).map(|number| Member::new(format!("client-{number}"), 100 + number));
        let members = others.map(|(name, number)| Member::new(name, number)).into_iter().chain(clients).collect();
        let network = Network::new(members).unwrap();
        let member = |name: &str| network.member(name).clone();
        let publisher = Publisher::new(&root.path().join("aurora"), member(AUTHORITY).v4().to_string(), CUSTOMER);
        let stranger = Publisher::new(&root.path().join("other"), member(STRANGER).v4().to_string(), "Somebody Else");
        let names_dir = root.path().join("names");
        fs::create_dir(&names_dir).unwrap();
        let key_file = names::write(&names_dir, &member(DNS), [&member(A), &member(B), &member(STRANGER)]);
        let host = |name: &str, publisher: &Publisher| {
            let data_dir = root.path().join(name);
            publisher.make_host(&data_dir);
            let clock = Clock::new(root.path().join(format!("{name}.clock"))).unwrap();
            HostMachine { member: member(name), data_dir, clock, running: None }
        };
        let hosts = vec![host(A, &publisher), host(B, &publisher), host(STRANGER, &stranger)];
        let clients = (1..=CLIENTS).map(|number| ClientMachine {
            member: member(&format!("client-{number}")),
            store: root.path().join(format!("client-{number}")),
            remembers: number % 2 == 0,
            has_moved: false,
            until: String::new(),
        });
        let clients = clients.collect();
        let client_clock = Clock::new(root.path().join("clients.clock")).unwrap();
        let mut site = Site { hosts, authority: None, names: None, clients, client_clock, network, root };
        site.start(DNS);
        site.start(AUTHORITY);
        for (name, numbers) in NUMBERS {
            site.publish_as_set(name, &key_file);
            site.set_numbers(name, numbers);
        }
        for name in [A, B, STRANGER] {
            site.start(name);
        }
        site.wait_for_names();
        site.prepare_clients();
        site
    }

    /// What is found at rest: every client is served by the preferred host.
    pub fn rest(&mut self) {
        for said in self.ask(Clients::ToRest, "renew") {
            assert_eq!(said.exit, 0, "once the fault is gone: {}", said.text);
            assert_eq!(said.answered_by(), AT_REST, "once the fault is gone: {}", said.text);
            assert!(said.took <= SLOWNESS, "once the fault is gone a client took {:?}: {}", said.took, said.text);
        }
        self.check_leases("once the fault is gone");
    }

    /// Has all clients run a command at once.
    pub fn ask(&mut self, clients: Clients, command: &str) -> Vec<Said> {
        let Site { network, client_clock, clients: machines, .. } = self;
        std::thread::scope(|scope| {
            let (network, clock) = (&*network, &*client_clock);
            let asking =
                machines.iter_mut().map(|client| scope.spawn(move || client.ask(network, clock, clients, command)));
            let asking: Vec<_> = asking.collect();
            asking.into_iter().map(|asking| asking.join().unwrap()).collect()
        })
    }

    /// Every client is licensed by its own publisher's host, for at least as long as it was before.
    pub fn check_leases(&mut self, what: &str) {
        let Site { network, clients, .. } = self;
        for client in clients {
            let said = client.run(network, None, &["status"]);
            let status = &said.json()[0];
            let text = |name: &str| status[name].as_str().unwrap_or_default().to_owned();
            assert_eq!((text("state").as_str(), text("customer").as_str()), ("licensed", CUSTOMER), "{what}: {status}");
            let until = text("until");
            assert!(until >= client.until, "{what}: a lease to {} has become one to {until}", client.until);
            client.until = until;
        }
    }

    /// What both hosts have granted and done is whole.
    pub fn check_ledgers(&mut self) {
        for name in [A, B] {
            self.host(name, &["audit", "--check"]);
        }
    }

    /// Lets something go wrong.
    pub fn begin(&mut self, fault: Fault) {
        match fault {
            Fault::Cable(name) => self.network.cable(self.network.member(name), false).unwrap(),
            Fault::Drop(name) => self.filter(name, &["meta l4proto tcp drop"]),
            // As soon as something is said on a connection that stands.
            Fault::Reset(name) => self.filter(name, &["tcp dport 1688 tcp flags & psh == psh reject with tcp reset"]),
            Fault::Blackhole(name) => self.route(name, "add"),
            Fault::Loss(percent) => {
                let rule = format!("meta l4proto {{ tcp, udp }} numgen random mod 100 < {percent} drop");
                self.network.filter_all(&[&rule]).unwrap();
            }
            Fault::Kill(DNS) => drop(self.names.take()),
            Fault::Kill(AUTHORITY) => drop(self.authority.take()),
            Fault::Kill(name) => self.machine(name).running.take().unwrap().kill().unwrap(),
            Fault::Freeze(name) => self.signal(name, "-STOP"),
            Fault::Names(lies) => self.name_server(lies),
            Fault::Numbers(name, numbers) => {
                self.set_numbers(name, numbers);
                self.wait_for(name, numbers);
            }
            Fault::HostClock(name, by) => self.machine(name).clock.put(by).unwrap(),
            Fault::ClientClocks(by) => self.client_clock.put(by).unwrap(),
            Fault::OnlyV6 => self.each_client(|network, member| {
                network.ip(member, &["address", "delete", &format!("{}/24", member.v4()), "dev", "eth0"]).unwrap();
            }),
        }
    }

    /// Makes it good again.
    pub fn end(&mut self, fault: Fault) {
        match fault {
            Fault::Cable(name) => self.network.cable(self.network.member(name), true).unwrap(),
            Fault::Drop(name) | Fault::Reset(name) => self.filter(name, &[]),
            Fault::Blackhole(name) => self.route(name, "delete"),
            Fault::Loss(_) => self.network.filter_all(&[]).unwrap(),
            Fault::Kill(name) => self.start(name),
            Fault::Freeze(name) => self.signal(name, "-CONT"),
            Fault::Names(_) => self.name_server(Names::True),
            Fault::Numbers(name, _) => {
                let (_, numbers) = NUMBERS.iter().find(|(of, _)| *of == name).unwrap();
                self.set_numbers(name, numbers);
                self.wait_for(name, numbers);
            }
            Fault::HostClock(name, _) => self.machine(name).clock.put("+0").unwrap(),
            Fault::ClientClocks(_) => self.client_clock.put("+0").unwrap(),
            Fault::OnlyV6 => self.each_client(|network, member| network.address(member).unwrap()),
        }
    }

    fn machine(&mut self, name: &str) -> &mut HostMachine {
        self.hosts.iter_mut().find(|host| host.member.name == name).unwrap()
    }

    fn each_client(&self, act: impl Fn(&Network, &Member)) {
        self.clients.iter().for_each(|client| act(&self.network, &client.member));
    }

    fn filter(&self, name: &str, rules: &[&str]) {
        self.network.filter(self.network.member(name), rules).unwrap();
    }

    fn route(&self, to: &str, act: &str) {
        let to = self.network.member(to);
        self.each_client(|network, member| {
            network.ip(member, &["route", act, "blackhole", &format!("{}/32", to.v4())]).unwrap();
            network.ip(member, &["-6", "route", act, "blackhole", &format!("{}/128", to.v6())]).unwrap();
        });
    }

    fn signal(&mut self, name: &str, signal: &str) {
        let process = self.machine(name).running.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
    }

    fn name_server(&mut self, names: Names) {
        self.names = None;
        let directory = self.root.path().join("names");
        self.names = Some(NameServer::start(&self.network, self.network.member(DNS), &directory, names));
    }

    fn start(&mut self, name: &str) {
        let member = self.network.member(name).clone();
        match name {
            DNS => self.name_server(Names::True),
            AUTHORITY => {
                let mut command = programs::command("keymuster-authority").unwrap();
                command.arg("--data-dir").arg(self.root.path().join("aurora")).arg("serve");
                command.args(["--listen", &format!("{}:1690", member.v4())]);
                self.authority = Some(self.serve(&member, &command));
            }
            _ => {
                let host = self.machine(name);
                let mut command = programs::command("keymuster-host").unwrap();
                command.arg("--data-dir").arg(&host.data_dir).arg("serve");
                host.clock.give_to(&mut command);
                let running = self.serve(&member, &command);
                self.machine(name).running = Some(running);
            }
        }
    }

    fn serve(&self, member: &Member, command: &Command) -> Running {
        let log = self.root.path().join(format!("{}.log", member.name));
        let log = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut running = Running::start(&mut self.network.command(member, command), Stdio::from(log)).unwrap();
        running.line_after("listening on ").unwrap();
        running
    }

    /// Runs a command of a host on its machine; what it prints.
    fn host(&self, name: &str, arguments: &[&str]) -> String {
        let host = self.hosts.iter().find(|host| host.member.name == name).unwrap();
        let mut command = programs::command("keymuster-host").unwrap();
        command.arg("--data-dir").arg(&host.data_dir).args(arguments);
        done(&mut self.network.command(&host.member, &command), "")
    }

    fn publish_as_set(&self, name: &str, key_file: &Path) {
        let server = self.network.member(DNS).v4().to_string();
        self.host(name, &["set", "dns-server", &server]);
        self.host(name, &["set", "dns-target", &format!("{name}.{DOMAIN}")]);
        self.host(name, &["set", "dns-key-file", &key_file.to_string_lossy()]);
    }

    fn set_numbers(&self, name: &str, numbers: &str) {
        self.host(name, &["set", "dns-zones", &format!("{DOMAIN}:{numbers}")]);
    }

    /// Waits until DNS has what both hosts want at rest.
    fn wait_for_names(&self) {
        for (name, numbers) in NUMBERS {
            self.wait_for(name, numbers);
        }
    }

    fn wait_for(&self, name: &str, numbers: &str) {
        let server = self.network.member(DNS).v4().to_string();
        let (priority, weight) = numbers.split_once(':').unwrap();
        let expected = format!("{name}.{DOMAIN}:1688  priority {priority}, weight {weight}  ");
        eventually(&expected, || self.host(name, &["dns", "--resolver", &server]).contains(&expected));
    }

    /// Installs the product on all clients.
    fn prepare_clients(&self) {
        let file = |name: &str| self.root.path().join("aurora").join(name).to_string_lossy().into_owned();
        let (trust, pack) = (file("aurora.trust"), file("pack"));
        for client in &self.clients {
            let said = client.run(&self.network, None, &["add", "--trust", &trust, "--pack", &pack, EDITION]);
            assert_eq!(said.exit, 0, "{}", said.text);
            if !client.remembers {
                client.remember(&self.network, false);
            }
        }
    }
}

impl ClientMachine {
    fn ask(&mut self, network: &Network, clock: &Clock, clients: Clients, command: &str) -> Said {
        let is_moved_back = clients == Clients::ToRest && self.remembers && self.has_moved;
        if is_moved_back {
            self.remember(network, false);
        }
        let said = self.run(network, Some(clock), &[command]);
        if is_moved_back {
            self.remember(network, true);
        }
        if command == "renew" && said.exit == 0 {
            self.has_moved = said.answered_by() != AT_REST;
        }
        said
    }

    fn remember(&self, network: &Network, remembers: bool) {
        let said = self.run(network, None, &["set", "caching", if remembers { "on" } else { "off" }]);
        assert_eq!(said.exit, 0, "{}", said.text);
    }

    fn run(&self, network: &Network, clock: Option<&Clock>, arguments: &[&str]) -> Said {
        let mut command = programs::command("keymuster").unwrap();
        let server = network.member(DNS);
        let servers = format!("{},[{}]:53", server.v4(), server.v6());
        command.env("KEYMUSTER_STORE", &self.store).env("KEYMUSTER_DOMAIN", DOMAIN).env("KEYMUSTER_DNS", servers);
        if let Some(clock) = clock {
            clock.give_to(&mut command);
        }
        let mut command = network.command(&self.member, command.arg("--json").args(arguments));
        let begin = Instant::now();
        let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
        let took = begin.elapsed();
        let exit = status.code().unwrap_or_else(|| panic!("{status}: {}", String::from_utf8_lossy(&stderr)));
        Said { remembers: self.remembers, exit, text: String::from_utf8(stdout).unwrap(), took }
    }
}

/// A publisher without a network: its authority's files, from which hosts are made.
struct Publisher {
    data_dir: PathBuf,
}

impl Publisher {
    fn new(data_dir: &Path, address: String, customer: &str) -> Publisher {
        let publisher = Publisher { data_dir: data_dir.to_owned() };
        let file = |name: &str, text: &str| {
            let path = data_dir.with_extension(name);
            fs::write(&path, text).unwrap();
            path.to_string_lossy().into_owned()
        };
        let (passphrase, catalogue) = (file("passphrase", "only for tests"), file("toml", AURORA));
        let url = format!("http://{address}:1690");
        let names = ["--publisher", "aurora", "--name", "Aurora Systems", "--authority-url", &url];
        publisher.run(&[&["init"], &names[..], &["--passphrase-file", &passphrase]].concat());
        publisher.run(&["catalogue", "sign", &catalogue, "--out", &publisher.path("pack")]);
        publisher.run(&["customer", "add", "customer", "--name", customer]);
        publisher
    }

    fn run(&self, arguments: &[&str]) -> String {
        let mut command = programs::command("keymuster-authority").unwrap();
        done(command.arg("--data-dir").arg(&self.data_dir).args(arguments), "")
    }

    fn path(&self, name: &str) -> String {
        self.data_dir.join(name).to_string_lossy().into_owned()
    }

    /// A host that is certified by file.
    fn make_host(&self, data_dir: &Path) {
        let host = |arguments: &[&str], input: &str| {
            let mut command = programs::command("keymuster-host").unwrap();
            done(command.arg("--data-dir").arg(data_dir).args(arguments), input)
        };
        let file = |name: &str| data_dir.with_extension(name).to_string_lossy().into_owned();
        let (request, response) = (file("request"), file("response"));
        let key = ["key", "mint", "host", "--customer", "customer", "--group", "server-c-2026"];
        let minted: Value =
            serde_json::from_str(&self.run(&[&key[..], &["--threshold", "1", "--json"]].concat())).unwrap();
        host(&["add-publisher", "--trust", &self.path("aurora.trust"), "--pack", &self.path("pack")], "");
        host(&["install-key"], minted["key"].as_str().unwrap());
        host(&["activate", "--request", &request], "");
        self.run(&["certify", "--request", &request, "--out", &response]);
        host(&["activate", "--response", &response], "");
    }
}

/// Runs a command that must succeed; what it prints.
fn done(command: &mut Command, input: &str) -> String {
    use std::io::Write as _;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that needs no input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
