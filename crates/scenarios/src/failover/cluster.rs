//! Three nodes of PostgreSQL under Patroni, with etcd, each in a network namespace: reached over TLS and with a password, as
//! over any network.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use keymuster_service::database::Address;
use serde::Deserialize;
use tempfile::TempDir;
use ureq::Agent;

use super::node::{self, Node, PORT, REST_PORT};
use crate::network::{Member, Network};

/// Where the servers of Keymuster run, and whoever watches.
const SERVERS: &str = "servers";
const ETCD: &str = "etcd";
/// Who asks for databases.
const ROLE: &str = "keymuster";
const PASSWORD: &str = "a password of the servers";
/// Longer than it takes to copy a node that cannot be rewound.
const PATIENCE: Duration = Duration::from_secs(300);
/// After how long an administrator does something about a node that does not come back.
const REST: Duration = Duration::from_secs(45);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A cluster that runs. Dropping it stops it.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
    etcd: Node,
    pub network: Network,
    agent: Agent,
    /// How many nodes could not be rewound, and were copied.
    pub made_anew: u64,
    directory: TempDir,
}

/// What Patroni tells of a node.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Told {
    pub name: String,
    pub role: String,
    pub state: String,
    timeline: Option<u64>,
}

#[derive(Deserialize)]
struct Members {
    members: Vec<Told>,
}

impl Cluster {
    /// Makes one and waits until it is whole. From here on this thread, and all that it starts, is where the servers are.
    pub fn start() -> anyhow::Result<Cluster> {
        let directory = tempfile::tempdir()?;
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755))?;
        let member = |name: &str, number| Member::new(name, number);
        let databases = [member("db1", 11), member("db2", 12), member("db3", 13)];
        let members = [member(ETCD, 10), member(SERVERS, 20)].into_iter().chain(databases.clone()).collect();
        let network = Network::new(members)?;
        network.enter(network.member(SERVERS))?;
        let etcd = Node::new(network.member(ETCD).clone(), directory.path())?;
        let nodes =
            databases.into_iter().map(|member| Node::new(member, directory.path())).collect::<Result<_, _>>()?;
        let config = Agent::config_builder().timeout_global(Some(Duration::from_secs(3))).http_status_as_error(false);
        let mut cluster = Cluster { nodes, etcd, network, agent: config.build().into(), made_anew: 0, directory };
        cluster.certify()?;
        cluster.etcd.start_etcd(&cluster.network)?;
        for at in 0..cluster.nodes.len() {
            cluster.bring_back(at)?;
        }
        cluster.whole()?;
        let make = format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'");
        cluster.leading()?.sql(&make)?;
        Ok(cluster)
    }

    /// One certificate for all nodes, by an authority of its own.
    fn certify(&self) -> anyhow::Result<()> {
        let own = self.directory.path();
        let names: Vec<_> = self.nodes.iter().map(|node| format!("IP:{}", node.member.v4())).collect();
        let names = format!("subjectAltName={}", names.join(","));
        let key = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"];
        openssl(own, &[&key[..], &["-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt"]].concat())?;
        let signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-addext", &names, "-addext", "basicConstraints=CA:FALSE"];
        let out = ["-subj", "/CN=database", "-keyout", "server.key", "-out", "server.crt"];
        openssl(own, &[&key[..], &signed, &out].concat())?;
        for node in &self.nodes {
            let tls = node.directory.join("tls");
            fs::create_dir(&tls)?;
            for name in ["ca.crt", "server.crt", "server.key"] {
                fs::copy(own.join(name), tls.join(name))?;
                node::hand_over(&tls.join(name))?;
            }
            node::hand_over(&tls)?;
            fs::set_permissions(&tls, Permissions::from_mode(0o755))?;
        }
        Ok(())
    }

    /// Makes an empty database, and says how it is reached: all nodes are named.
    pub fn create(&self, name: &str) -> anyhow::Result<Address> {
        let create = format!("CREATE DATABASE {name} OWNER {ROLE} ENCODING 'UTF8' TEMPLATE template0");
        self.leading()?.sql(&create)?;
        let password_file = self.directory.path().join("password");
        fs::write(&password_file, PASSWORD)?;
        fs::set_permissions(&password_file, Permissions::from_mode(0o600))?;
        let nodes: Vec<_> = self.nodes.iter().map(|node| format!("{}:{PORT}", node.member.v4())).collect();
        let ca_file = self.directory.path().join("ca.crt");
        let url = format!("postgres://{ROLE}@{}/{name}", nodes.join(","));
        Ok(Address { url, password_file: Some(password_file), ca_file: Some(ca_file) })
    }

    pub fn node(&mut self, at: usize) -> (&mut Node, &Network) {
        (&mut self.nodes[at], &self.network)
    }

    pub fn member(&self, at: usize) -> &Member {
        &self.nodes[at].member
    }

    pub fn etcd(&self) -> &Member {
        &self.etcd.member
    }

    /// The nodes beside this one.
    pub fn others(&self, at: usize) -> Vec<usize> {
        (0..self.nodes.len()).filter(|other| *other != at).collect()
    }

    /// Starts a node where nothing runs.
    pub fn bring_back(&mut self, at: usize) -> anyhow::Result<()> {
        let etcd = self.etcd.member.clone();
        self.nodes[at].start_patroni(&self.network, &etcd)
    }

    /// What the first node says that answers, where nobody is asked whose word does not count.
    fn told(&self, but: Option<usize>) -> Option<Vec<Told>> {
        (0..self.nodes.len()).filter(|at| Some(*at) != but).find_map(|at| {
            let url = format!("http://{}:{REST_PORT}/cluster", self.nodes[at].member.v4());
            let answer = self.agent.get(url).call().ok()?.body_mut().read_to_string().ok()?;
            Some(serde_json::from_str::<Members>(&answer).ok()?.members)
        })
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.member.name == name)
    }

    /// Who leads, by the word of others than `but`.
    pub fn leader(&self, but: Option<usize>) -> Option<usize> {
        let told = self.told(but)?;
        let leads = |told: &&Told| told.role == "leader" && told.state == "running";
        self.index(&told.iter().find(leads)?.name)
    }

    fn leading(&self) -> anyhow::Result<&Node> {
        Ok(&self.nodes[self.leader(None).context("nobody leads")?])
    }

    /// Waits until all nodes are there, on one timeline, and one of the standbys is waited for. A node that does not come back
    /// by itself is made anew, as an administrator does. Returns who leads.
    pub fn whole(&mut self) -> anyhow::Result<usize> {
        let begin = Instant::now();
        let (mut told, mut is_made_anew) = (None, false);
        while begin.elapsed() < PATIENCE {
            told = self.told(None);
            if let Some(leader) = told.as_ref().and_then(|told| self.is_whole(told)) {
                return Ok(leader);
            }
            if begin.elapsed() > REST && !is_made_anew {
                is_made_anew = true;
                self.make_anew(told.as_deref().unwrap_or_default());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        bail!("waited in vain until the cluster is whole; {told:#?}\n{}", self.logs())
    }

    fn is_whole(&self, told: &[Told]) -> Option<usize> {
        let are_up = told.iter().all(|told| ["running", "streaming"].contains(&told.state.as_str()));
        let is_one = told.iter().all(|one| one.timeline.is_some() && one.timeline == told[0].timeline);
        let count = |role: &str| told.iter().filter(|told| told.role == role).count();
        if told.len() != self.nodes.len() || !are_up || !is_one || count("leader") != 1 {
            return None;
        }
        let leader = self.leader(None)?;
        let streaming = self.nodes[leader].sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'");
        let has_standby = count("sync_standby") == 1 || !self.is_synchronous();
        (has_standby && streaming.is_ok_and(|count| count == "2")).then_some(leader)
    }

    /// Has Patroni copy the leader to every node that is neither the leader nor a standby.
    fn make_anew(&mut self, told: &[Told]) {
        for node in &self.nodes {
            let is_up =
                |told: &Told| told.name == node.member.name && ["running", "streaming"].contains(&told.state.as_str());
            if !told.iter().any(is_up) {
                let url = format!("http://{}:{REST_PORT}/reinitialize", node.member.v4());
                let asked = self.agent.post(url).content_type("application/json").send(r#"{"force": true}"#);
                // One that does not answer does not become whole, which is said then.
                self.made_anew += u64::from(asked.is_ok_and(|answer| answer.status().is_success()));
            }
        }
    }

    /// Whether commits wait for standbys.
    fn is_synchronous(&self) -> bool {
        let shown = self.leading().and_then(|leader| leader.sql("SHOW synchronous_standby_names"));
        shown.is_ok_and(|names| !names.is_empty())
    }

    /// Looks again and again until there is something to be seen.
    pub fn until<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> anyhow::Result<T> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if let Some(seen) = look() {
                return Ok(seen);
            }
            std::thread::sleep(LOOK_EVERY);
        }
        bail!("waited in vain until {what}; {:#?}\n{}", self.told(None), self.logs())
    }

    /// Asks Patroni to change the leader.
    pub fn switch_over(&self, leader: usize) -> anyhow::Result<()> {
        let node = &self.nodes[leader].member;
        let url = format!("http://{}:{REST_PORT}/switchover", node.v4());
        let body = serde_json::json!({ "leader": node.name }).to_string();
        // It answers when it is done, which takes longer than other answers.
        let asked = self.agent.post(url).config().timeout_global(Some(PATIENCE)).build();
        let mut answer = asked.content_type("application/json").send(body)?;
        let said = answer.body_mut().read_to_string()?;
        ensure!(answer.status().is_success(), "no switchover: {said}");
        Ok(())
    }

    /// Whether commits wait for a standby from now on.
    pub fn set_synchronous(&mut self, is_synchronous: bool) -> anyhow::Result<()> {
        let leader = self.leading()?;
        let url = format!("http://{}:{REST_PORT}/config", leader.member.v4());
        let mode = serde_json::json!({ "synchronous_mode": is_synchronous, "synchronous_mode_strict": is_synchronous });
        let answer = self.agent.patch(url).content_type("application/json").send(mode.to_string())?;
        ensure!(answer.status().is_success(), "Patroni does not change its settings: {answer:?}");
        self.until("commits wait for others or not", || (self.is_synchronous() == is_synchronous).then_some(()))?;
        self.whole().map(drop)
    }

    /// Cuts what is said between a node and others, both ways; nobody else is concerned.
    pub fn cut(&self, node: &Member, others: &[&Member]) -> anyhow::Result<()> {
        let pair =
            |from: &Member, to: &Member| format!("ether type ip ip saddr {} ip daddr {} drop", from.v4(), to.v4());
        let rules: Vec<_> = others.iter().flat_map(|other| [pair(node, other), pair(other, node)]).collect();
        self.network.filter_all(&rules.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Everybody hears everybody again.
    pub fn heal(&self) -> anyhow::Result<()> {
        self.network.filter_all(&[])
    }

    /// Where the servers of Keymuster are in the network.
    pub fn servers(&self) -> &Member {
        self.network.member(SERVERS)
    }

    /// The ends of what the nodes said.
    pub fn logs(&self) -> String {
        let log = |node: &Node| format!("{}:\n{}\n", node.member.name, end_of(&node.log()));
        self.nodes.iter().map(log).collect()
    }

    /// Where things can be kept that go with the cluster.
    pub fn directory(&self) -> PathBuf {
        self.directory.path().to_owned()
    }
}

/// Enough of a log to tell what led to a failure.
fn end_of(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("Connection reset by peer")).collect();
    lines[lines.len().saturating_sub(80)..].join("\n")
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in self.nodes.iter_mut().chain([&mut self.etcd]) {
            // One that was held still hears nothing; nobody is left to be told of a failure.
            let _ = node.signal(&self.network, "-CONT");
            let _ = node.stop(&self.network);
        }
    }
}

fn openssl(within: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let said = Command::new("openssl").args(arguments).current_dir(within).output().context("cannot start openssl")?;
    ensure!(said.status.success(), "openssl: {}", String::from_utf8_lossy(&said.stderr));
    Ok(())
}
