//! A PostgreSQL of a test's own: in a directory that goes with it, reached by a socket there, so that no port is taken.
//!
//! It refuses to be run by root, so that it runs as the user of Debian's package then.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

/// Where Debian's package puts the programs.
pub const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
/// The user of the package.
const USER: &str = "postgres";
/// Who is asked for in the database.
const ROLE: &str = "keymuster";

/// A PostgreSQL that runs. Dropping it stops it at once.
#[derive(Debug)]
pub struct Cluster {
    directory: TempDir,
    /// The user and group by which it runs, where that is not this one.
    owner: Option<(u32, u32)>,
}

impl Cluster {
    /// Makes one and starts it.
    pub fn start() -> anyhow::Result<Cluster> {
        let directory = tempfile::tempdir()?;
        // Others than its owner pass through to the socket.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        let is_root = rustix::process::geteuid().is_root();
        let owner = is_root.then(owner).transpose()?;
        if let Some((user, group)) = owner {
            chown(directory.path(), Some(user), Some(group))?;
        }
        let cluster = Cluster { directory, owner };
        let data = cluster.data();
        let made = ["-U", ROLE, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"];
        cluster.run(cluster.program("initdb").args(made).arg(&data))?;
        cluster.resume()?;
        Ok(cluster)
    }

    /// Starts it again, and waits until it answers.
    pub fn resume(&self) -> anyhow::Result<()> {
        let options = format!("-c listen_addresses='' -c unix_socket_directories={}", self.directory.path().display());
        let log = self.directory.path().join("log");
        let mut start = self.program("pg_ctl");
        self.run(start.args(["-w", "-D"]).arg(self.data()).arg("-o").arg(options).arg("-l").arg(log).arg("start"))
    }

    /// Stops it without any farewell, as a crash of the machine would.
    pub fn crash(&self) -> anyhow::Result<()> {
        self.run(self.program("pg_ctl").args(["-w", "-m", "immediate", "-D"]).arg(self.data()).arg("stop"))
    }

    /// Holds all its processes still, or lets them go on: it takes connections, and answers nobody.
    pub fn freeze(&self, is_still: bool) -> anyhow::Result<()> {
        let postmaster = fs::read_to_string(self.data().join("postmaster.pid"))?;
        let postmaster = postmaster.lines().next().context("a file without a process")?;
        let children = fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"))?;
        let signal = if is_still { "-STOP" } else { "-CONT" };
        self.run(Command::new("kill").arg(signal).arg(postmaster).args(children.split_whitespace()))
    }

    /// Makes an empty database.
    pub fn create(&self, name: &str) -> anyhow::Result<()> {
        self.sql("postgres", &format!("CREATE DATABASE {name}")).map(drop)
    }

    /// The address of a database.
    pub fn address(&self, name: &str) -> String {
        format!("postgres:///{name}?host={}&user={ROLE}", self.directory.path().display())
    }

    /// The address of a database that has another node beside this one, which is named first.
    pub fn address_behind(&self, node: &Path, name: &str) -> String {
        format!("postgres:///{name}?host={}&host={}&user={ROLE}", node.display(), self.directory.path().display())
    }

    /// Runs statements as the owner does by hand, and returns what is printed.
    pub fn sql(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        let mut psql = Command::new(Path::new(PROGRAMS).join("psql"));
        let said = psql.args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-U", ROLE, "-d", database, "-c", sql]);
        let said = said.arg("-h").arg(self.directory.path()).output().context("cannot start psql")?;
        ensure!(said.status.success(), "{sql}: {}", String::from_utf8_lossy(&said.stderr));
        Ok(String::from_utf8(said.stdout)?)
    }

    /// The id of its first process, whose children are all others.
    pub fn process(&self) -> anyhow::Result<u32> {
        let text = fs::read_to_string(self.data().join("postmaster.pid"))?;
        Ok(text.lines().next().context("no process")?.parse()?)
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(Path::new(PROGRAMS).join(name));
        command.current_dir(self.directory.path());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    /// What a server inherits of a pipe would keep that open for as long as it runs, so there is a file.
    fn run(&self, command: &mut Command) -> anyhow::Result<()> {
        let mut said = tempfile::tempfile()?;
        let out = |file: &File| file.try_clone().map(Stdio::from);
        let status = command.stdin(Stdio::null()).stdout(out(&said)?).stderr(out(&said)?).status();
        let status =
            status.with_context(|| format!("cannot start {:?}: run cargo xtask setup", command.get_program()))?;
        let mut text = String::new();
        std::io::Seek::rewind(&mut said)?;
        said.read_to_string(&mut text)?;
        ensure!(status.success(), "{:?} failed: {text}", command.get_program());
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may have been stopped already.
        let _ = self.crash();
    }
}

/// The ids of the user by whom root lets it run, and of its group.
pub fn owner() -> anyhow::Result<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd")?;
    let line = users.lines().find_map(|line| line.strip_prefix(USER)?.strip_prefix(':'));
    let line = line.with_context(|| format!("there is no user {USER}: run cargo xtask setup"))?;
    let mut ids = line.split(':').skip(1).map(str::parse);
    let (Some(Ok(user)), Some(Ok(group))) = (ids.next(), ids.next()) else { anyhow::bail!("no ids in {line}") };
    Ok((user, group))
}
