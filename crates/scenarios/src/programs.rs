//! The project's programs: built once, started as children, stopped when the value is dropped.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use anyhow::{Context as _, bail};
use keymuster_service::Env;

/// Longer than anything may take that a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A program of the project, by the name of its package. All are built first, which is quick where nothing has changed.
pub fn command(name: &str) -> anyhow::Result<Command> {
    static IS_BUILT: Mutex<bool> = Mutex::new(false);
    let directory = directory()?;
    // A build that failed leaves the value as it was.
    let mut is_built = IS_BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if !*is_built {
        build(directory.ends_with("release"))?;
        *is_built = true;
    }
    Ok(Command::new(directory.join(name)))
}

/// A port that is free on all addresses, and that the system gives to no connection or listener by itself.
pub fn free_port() -> u16 {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).is_ok();
    let mut drawn = std::iter::repeat_with(|| 10_240 + u16::from_be_bytes(Env::system().random()) % 20_000);
    drawn.find(is_free).expect("an endless draw finds one")
}

/// Where programs of the profile of this program lie; test programs lie in `deps` below it.
fn directory() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("cannot tell where this program is")?;
    let parent = own.parent().context("this program lies nowhere")?;
    let directory = if parent.ends_with("deps") { parent.parent() } else { Some(parent) };
    Ok(directory.context("this program lies nowhere")?.to_owned())
}

/// Builds the whole workspace, as a package alone would get other features and with them another build of all it uses.
fn build(is_release: bool) -> anyhow::Result<()> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--locked", "--bins", "--workspace", "--manifest-path"]);
    cargo.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml"));
    if is_release {
        cargo.arg("--release");
    }
    // What cargo tells a test about its package would look to build scripts like a change, and they would run again.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            cargo.env_remove(name);
        }
    }
    let status = cargo.status().context("cannot start cargo")?;
    anyhow::ensure!(status.success(), "cargo could not build the programs");
    Ok(())
}

/// Waits for something that process `pid` does, and kills the process if it takes too long, which ends the wait.
pub fn bounded<T>(pid: u32, wait: impl FnOnce() -> T) -> T {
    let (done, is_done) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if is_done.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                kill(pid);
            }
        });
        let value = wait();
        drop(done);
        value
    })
}

/// Kills a process that may have ended by itself; it is a child that nobody has waited for, so the number is still its own.
pub fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// A started program. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    /// Starts a command; its standard error goes to `log`.
    pub fn start(command: &mut Command, log: Stdio) -> anyhow::Result<Running> {
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn();
        let mut child = spawned.with_context(|| format!("cannot start {:?}", command.get_program()))?;
        let stdout = child.stdout.take().context("the child has no standard output")?;
        Ok(Running { child, stdout: BufReader::new(stdout) })
    }

    /// Reads standard output up to a line that begins with `start`, and returns the rest of that line.
    pub fn line_after(&mut self, start: &str) -> anyhow::Result<String> {
        let mut line = String::new();
        while self.stdout.read_line(&mut line)? > 0 {
            if let Some(rest) = line.strip_prefix(start) {
                return Ok(rest.trim_end().to_owned());
            }
            line.clear();
        }
        bail!("the program ended before it said {start:?}; it left {:?}", self.child.wait()?)
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it at once, as a power cut would, and waits for its end.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop, by SIGTERM, and waits for its end; whether it ended well.
    pub fn stop(&mut self) -> anyhow::Result<bool> {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().context("cannot start kill")?;
        anyhow::ensure!(asked.success(), "cannot send a signal to process {pid}");
        Ok(self.child.wait()?.success())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
