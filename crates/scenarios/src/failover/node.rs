//! A machine of the cluster: Patroni and the PostgreSQL that it keeps, in a network namespace, as the user of Debian's package.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::network::{Member, Network};
use crate::postgres;

/// What every node is configured by, which is what the guide shows.
const CONFIGURATION: &str = include_str!("../../../../packaging/patroni/config.yml");
const ETCD: &str = "/usr/bin/etcd";
const PATRONI: &str = "/usr/bin/patroni";
/// Where Patroni tells of the cluster.
pub const REST_PORT: u16 = 8008;
pub const PORT: u16 = 5432;

/// A machine whose programs are started, stopped and killed together.
#[derive(Debug)]
pub struct Node {
    pub member: Member,
    /// Everything that it keeps.
    pub directory: PathBuf,
    program: Option<Child>,
}

impl Node {
    /// A machine where nothing runs.
    pub fn new(member: Member, within: &Path) -> anyhow::Result<Node> {
        let directory = within.join(&member.name);
        fs::create_dir(&directory)?;
        let (user, group) = postgres::owner()?;
        chown(&directory, Some(user), Some(group))?;
        Ok(Node { member, directory, program: None })
    }

    /// Starts the store in which Patroni keeps who leads.
    pub fn start_etcd(&mut self, network: &Network) -> anyhow::Result<()> {
        let here = format!("http://{}:2379", self.member.v4());
        let mut etcd = Command::new(ETCD);
        etcd.arg("--data-dir").arg(self.directory.join("data"));
        etcd.args(["--listen-client-urls", &here, "--advertise-client-urls", &here]);
        etcd.args(["--listen-peer-urls", "http://127.0.0.1:2380", "--enable-grpc-gateway=true"]);
        self.start(network, etcd)
    }

    /// Starts Patroni, which starts PostgreSQL.
    pub fn start_patroni(&mut self, network: &Network, etcd: &Member) -> anyhow::Result<()> {
        let path = self.directory.join("config.yml");
        if !path.exists() {
            let own = self.directory.display().to_string();
            let text = CONFIGURATION.replace("/var/run/postgresql", &own).replace("/etc/patroni", &own);
            fs::write(&path, text)?;
        }
        let here = self.member.v4();
        let mut patroni = Command::new(PATRONI);
        patroni.arg(path).env("PATRONI_NAME", &self.member.name);
        patroni.env("PATRONI_ETCD3_HOSTS", format!("{}:2379", etcd.v4()));
        patroni.env("PATRONI_RESTAPI_LISTEN", format!("{here}:{REST_PORT}"));
        patroni.env("PATRONI_RESTAPI_CONNECT_ADDRESS", format!("{here}:{REST_PORT}"));
        patroni.env("PATRONI_POSTGRESQL_LISTEN", format!("{here}:{PORT}"));
        patroni.env("PATRONI_POSTGRESQL_CONNECT_ADDRESS", format!("{here}:{PORT}"));
        patroni.env("PATRONI_POSTGRESQL_DATA_DIR", self.directory.join("data"));
        patroni.env("PATRONI_POSTGRESQL_BIN_DIR", postgres::PROGRAMS);
        for (who, name) in [("SUPERUSER", "postgres"), ("REPLICATION", "replicator"), ("REWIND", "rewinder")] {
            patroni.env(format!("PATRONI_{who}_USERNAME"), name);
            patroni.env(format!("PATRONI_{who}_PASSWORD"), format!("secret of {name}"));
        }
        self.start(network, patroni)
    }

    fn start(&mut self, network: &Network, mut command: Command) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let (user, group) = postgres::owner()?;
        command.uid(user).gid(group).current_dir(&self.directory).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log).env("HOME", &self.directory);
        let started = network.within(&self.member, || command.spawn())?;
        self.program = Some(started.with_context(|| format!("cannot start {:?}", command.get_program()))?);
        Ok(())
    }

    /// What its programs say.
    pub fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// Sends a signal to everything that runs there; whether there was anything.
    pub fn signal(&self, network: &Network, signal: &str) -> anyhow::Result<bool> {
        let processes = network.processes(&self.member)?;
        if processes.is_empty() {
            return Ok(false);
        }
        // Some may end meanwhile.
        Command::new("kill").arg(signal).args(processes).stderr(Stdio::null()).status().context("cannot start kill")?;
        Ok(true)
    }

    /// Kills everything at once, as when the machine fails.
    pub fn kill(&mut self, network: &Network) -> anyhow::Result<()> {
        // Those that were just being started are met the next time.
        while self.signal(network, "-KILL")? {}
        if let Some(mut program) = self.program.take() {
            program.wait()?;
        }
        Ok(())
    }

    /// Stops everything as an administrator does, who loses patience at some time.
    pub fn stop(&mut self, network: &Network) -> anyhow::Result<()> {
        let Some(mut program) = self.program.take() else { return self.kill(network) };
        let process = program.id();
        Command::new("kill").args(["-TERM", &process.to_string()]).status().context("cannot start kill")?;
        crate::programs::bounded(process, || program.wait())?;
        self.kill(network)
    }

    /// Runs a statement on this node, as the owner of all does, and returns what is printed.
    pub fn sql(&self, sql: &str) -> anyhow::Result<String> {
        let (user, group) = postgres::owner()?;
        let mut psql = Command::new(Path::new(postgres::PROGRAMS).join("psql"));
        psql.args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres", "-c", sql]);
        let said = psql.arg("-h").arg(&self.directory).uid(user).gid(group).current_dir("/").output()?;
        ensure!(said.status.success(), "{sql}: {}", String::from_utf8_lossy(&said.stderr));
        Ok(String::from_utf8(said.stdout)?.trim().to_owned())
    }
}

/// Gives a file to the user of the servers alone, in whose directory a key may not be seen by others.
pub fn hand_over(path: &Path) -> anyhow::Result<()> {
    let (user, group) = postgres::owner()?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(chown(path, Some(user), Some(group))?)
}
