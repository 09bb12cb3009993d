//! A network of its own on this machine: members in network namespaces, each with its own addresses, at one switch, which
//! is a namespace too. Cables can be pulled and packets dropped, and this machine's own network never notices.
//!
//! Dropping the value takes everything away, also where a test panics; what a killed process left is swept by the next one.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Namespaces of this module are called by this, the process that made them, and the member.
const MARK: &str = "keymuster-net";
/// Where `ip` keeps namespaces.
const PLACES: &str = "/run/netns";
/// The namespace of the switch.
const SWITCH: &str = "switch";
const REMEDY: &str = "these tests need network namespaces: run them as root on Linux, in a container with the capabilities \
                      SYS_ADMIN and NET_ADMIN, after `cargo xtask setup` (iproute2 and nftables)";

/// A machine of the network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// What it is called here.
    pub name: String,
    /// The last part of its addresses.
    pub number: u8,
}

/// A network with its members.
#[derive(Debug)]
pub struct Network {
    members: Vec<Member>,
}

impl Member {
    /// A member.
    pub fn new(name: impl Into<String>, number: u8) -> Member {
        Member { name: name.into(), number }
    }

    /// Its address.
    pub fn v4(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, self.number)
    }

    /// Its other address.
    pub fn v6(&self) -> Ipv6Addr {
        Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, u16::from(self.number))
    }

    /// Its plug in the switch.
    fn plug(&self) -> String {
        format!("plug-{}", self.number)
    }
}

impl Network {
    /// Connects members, who reach each other and nobody else.
    pub fn new(members: Vec<Member>) -> anyhow::Result<Network> {
        sweep();
        // From here on what was made is taken away again, also after a failure.
        let network = Network { members };
        network.build().context(REMEDY)?;
        Ok(network)
    }

    fn build(&self) -> anyhow::Result<()> {
        run("nft", &["--version"], "")?;
        let switch = namespace(SWITCH);
        let names = self.members.iter().map(|member| namespace(&member.name));
        let add: String = names.chain([switch.clone()]).map(|name| format!("netns add {name}\n")).collect();
        run("ip", &["-batch", "-"], &add)?;
        let mut plugs = "link add hub type bridge\nlink set hub up\n".to_owned();
        for member in &self.members {
            let (plug, name) = (member.plug(), namespace(&member.name));
            plugs += &format!("link add {plug} type veth peer name eth0 netns {name}\nlink set {plug} master hub up\n");
        }
        run("ip", &["-n", &switch, "-batch", "-"], &plugs)?;
        for member in &self.members {
            run("ip", &["-n", &namespace(&member.name), "link", "set", "lo", "up"], "")?;
            run("ip", &["-n", &namespace(&member.name), "link", "set", "eth0", "up"], "")?;
            self.address(member)?;
        }
        Ok(())
    }

    /// The member of this name.
    pub fn member(&self, name: &str) -> &Member {
        self.members.iter().find(|member| member.name == name).expect("the network has this member")
    }

    /// Gives a member both its addresses, or those that it lacks.
    pub fn address(&self, member: &Member) -> anyhow::Result<()> {
        let (v4, v6) = (member.v4(), member.v6());
        // Nobody else has the address, so nobody is asked whether somebody has.
        let both = format!("address replace {v4}/24 dev eth0\naddress replace {v6}/64 dev eth0 nodad\n");
        run("ip", &["-n", &namespace(&member.name), "-batch", "-"], &both)
    }

    /// Runs `ip` within a member.
    pub fn ip(&self, member: &Member, arguments: &[&str]) -> anyhow::Result<()> {
        run("ip", &[&["-n", &namespace(&member.name)], arguments].concat(), "")
    }

    /// Pulls a member's cable out of the switch, or puts it in again.
    pub fn cable(&self, member: &Member, is_in: bool) -> anyhow::Result<()> {
        let state = if is_in { "up" } else { "down" };
        run("ip", &["-n", &namespace(SWITCH), "link", "set", &member.plug(), state], "")
    }

    /// Filters what comes in at a member from now on, by rules of `nft`; none lets everything in again.
    pub fn filter(&self, member: &Member, rules: &[&str]) -> anyhow::Result<()> {
        self.rules(&member.name, "inet", "input", rules)
    }

    /// Filters what passes the switch from now on.
    pub fn filter_all(&self, rules: &[&str]) -> anyhow::Result<()> {
        self.rules(SWITCH, "bridge", "forward", rules)
    }

    fn rules(&self, place: &str, family: &str, hook: &str, rules: &[&str]) -> anyhow::Result<()> {
        let rules = rules.join("\n");
        let table = format!(
            "flush ruleset\ntable {family} faults {{\nchain faults {{\ntype filter hook {hook} priority 0;\n{rules}\n}}\n}}\n"
        );
        run("ip", &["netns", "exec", &namespace(place), "nft", "-f", "-"], &table)
    }

    /// From here on this thread is at a member, and so is whatever it starts.
    pub fn enter(&self, member: &Member) -> anyhow::Result<()> {
        let place = File::open(Path::new(PLACES).join(namespace(&member.name)))?;
        Ok(move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network))?)
    }

    /// Does something at a member.
    pub fn within<T: Send>(&self, member: &Member, act: impl FnOnce() -> T + Send) -> anyhow::Result<T> {
        std::thread::scope(|scope| {
            let there = scope.spawn(|| self.enter(member).map(|()| act()));
            there.join().ok().context("what was done at a member has panicked")?
        })
    }

    /// What runs at a member.
    pub fn processes(&self, member: &Member) -> anyhow::Result<Vec<String>> {
        pids(&namespace(&member.name))
    }

    /// The same command, to be run by a member.
    pub fn command(&self, member: &Member, command: &Command) -> Command {
        let mut within = Command::new("ip");
        within.args(["netns", "exec", &namespace(&member.name)]).arg(command.get_program()).args(command.get_args());
        within.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        within
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in self.members.iter().map(|member| member.name.as_str()).chain([SWITCH]) {
            // It may not have come into being.
            let _ = run("ip", &["netns", "delete", &namespace(name)], "");
        }
    }
}

fn namespace(name: &str) -> String {
    format!("{MARK}-{}-{name}", std::process::id())
}

fn pids(namespace: &str) -> anyhow::Result<Vec<String>> {
    let said = Command::new("ip").args(["netns", "pids", namespace]).output()?;
    ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    Ok(String::from_utf8(said.stdout)?.split_whitespace().map(str::to_owned).collect())
}

/// Takes away what processes have left that were killed.
fn sweep() {
    let entries = std::fs::read_dir(PLACES).into_iter().flatten().flatten();
    for name in entries.filter_map(|entry| entry.file_name().into_string().ok()) {
        let process = name.strip_prefix(MARK).and_then(|rest| rest.split('-').nth(1));
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            // What that process has started runs on; somebody else may sweep as well.
            let left = pids(&name).unwrap_or_default();
            let _ = Command::new("kill").arg("-KILL").args(left).stderr(Stdio::null()).status();
            let _ = run("ip", &["netns", "delete", &name], "");
        }
    }
}

/// Runs a program with some input; its failure says what it said.
fn run<A: AsRef<OsStr>>(program: &str, arguments: &[A], input: &str) -> anyhow::Result<()> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start {program}"))?;
    // A program that fails early does not read everything; its error says more.
    let _ = child.stdin.take().context("no standard input")?.write_all(input.as_bytes());
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{command:?} says: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    ensure!(output.stderr.is_empty() || program != "ip", "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
