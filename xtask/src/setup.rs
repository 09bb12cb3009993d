//! `cargo xtask setup`: what the tests need beyond Rust, installed once and then recognised in a blink.
//!
//! The tests talk to a real name server (BIND), reach machines through a real SSH server (OpenSSH), have units checked by
//! `systemd-analyze`, and read documents with an independent reader in Python, which lives in `target/venv` with pinned
//! versions.
//! Servers are only ever started by a test, with a configuration of its own: the services of the packages must not run.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::process::{output, program, root, run as run_command, succeeds};

const REQUIREMENTS: &str = "docs/spec/reader/requirements.txt";
const IMPORTS: &str = "import cbor2, cryptography";

/// A Debian package, and how to see that what it brings is there, whoever installed it.
struct Package {
    name: &'static str,
    is_present: fn() -> bool,
    /// What the package starts, and setup stops again. A service of a package that was there before is left alone.
    units: &'static [&'static str],
}

const NAME_SERVER: Package = Package { name: "bind9", is_present: name_server_is_present, units: &["named.service"] };
const SSH_SERVER: Package =
    Package { name: "openssh-server", is_present: ssh_server_is_present, units: &["ssh.socket", "ssh.service"] };
/// For its command that checks units; where systemd does not run, the package starts nothing.
const SYSTEMD: Package = Package { name: "systemd", is_present: unit_checker_is_present, units: &[] };
const PYTHON: Package = Package { name: "python3", is_present: python_is_present, units: &[] };
const PYTHON_VENV: Package = Package { name: "python3-venv", is_present: python_venv_is_present, units: &[] };

/// Installs whatever is missing.
pub fn run() -> Result<()> {
    if environment_is_ready() {
        return install_missing(&[NAME_SERVER, SSH_SERVER, SYSTEMD]);
    }
    install_missing(&[NAME_SERVER, SSH_SERVER, SYSTEMD, PYTHON, PYTHON_VENV])?;
    make_environment()
}

fn name_server_is_present() -> bool {
    // Users other than root seldom have /usr/sbin in their path.
    Path::new("/usr/sbin/named").exists() || succeeds(&mut program("named", &["-v"]))
}

fn ssh_server_is_present() -> bool {
    // The server insists on being started by its full path, so that is where the tests look. Clients come with it.
    Path::new("/usr/sbin/sshd").exists() && Path::new("/usr/bin/ssh").exists()
}

fn unit_checker_is_present() -> bool {
    succeeds(&mut program("systemd-analyze", &["--version"]))
}

fn python_is_present() -> bool {
    succeeds(&mut program("python3", &["--version"]))
}

fn python_venv_is_present() -> bool {
    succeeds(&mut program("python3", &["-c", "import ensurepip, venv"]))
}

fn missing(packages: &[Package]) -> Vec<&Package> {
    packages.iter().filter(|package| !(package.is_present)()).collect()
}

fn names_of(packages: &[&Package]) -> Vec<&'static str> {
    packages.iter().map(|package| package.name).collect()
}

fn install_missing(packages: &[Package]) -> Result<()> {
    let absent = missing(packages);
    if absent.is_empty() {
        return Ok(());
    }
    let names = names_of(&absent);
    let advice = format!("apt-get install --no-install-recommends {}", names.join(" "));
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("the tests need what Debian calls {}: install them with your system's means", names.join(", "));
    }
    if output(&mut program("id", &["-u"]))?.trim() != "0" {
        bail!("the tests need the packages {}: run `{advice}` as root", names.join(", "));
    }
    eprintln!("setup: {advice}");
    run_command(&mut program("apt-get", &["update", "--quiet=2"]))?;
    install(&absent)?;
    let still_missing = names_of(&missing(packages));
    if !still_missing.is_empty() {
        bail!("`{advice}` succeeded, but what {} should bring was not found", still_missing.join(", "));
    }
    Ok(())
}

/// Installs packages and leaves their services stopped.
fn install(packages: &[&Package]) -> Result<()> {
    let mut command = program("apt-get", &["install", "--yes", "--quiet=2", "--no-install-recommends"]);
    // In run level 1 Debian's `invoke-rc.d` starts nothing; systemd does not ask it.
    command.args(names_of(packages)).env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    run_command(&mut command)?;
    if Path::new("/run/systemd/system").exists() {
        // Which of the units there are depends on the release of the system.
        let units = packages.iter().flat_map(|package| package.units);
        for unit in units.filter(|unit| succeeds(&mut program("systemctl", &["cat", unit]))) {
            run_command(&mut program("systemctl", &["disable", "--now", unit]))?;
        }
    }
    Ok(())
}

fn environment() -> PathBuf {
    root().join("target/venv")
}

/// The copy of the requirements that the environment was made from; written last, so that half an environment has none.
fn stamp() -> PathBuf {
    environment().join("requirements.txt")
}

fn environment_is_ready() -> bool {
    let is_current = match (fs::read(root().join(REQUIREMENTS)), fs::read(stamp())) {
        (Ok(wanted), Ok(made)) => wanted == made,
        _ => false,
    };
    is_current && succeeds(&mut program(environment().join("bin/python"), &["-c", IMPORTS]))
}

fn make_environment() -> Result<()> {
    eprintln!("setup: making target/venv from {REQUIREMENTS}");
    run_command(program("python3", &["-m", "venv", "--clear"]).arg(environment()))?;
    let python = environment().join("bin/python");
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", REQUIREMENTS];
    run_command(&mut program(&python, &pip))?;
    run_command(&mut program(&python, &["-c", IMPORTS]))?;
    fs::copy(root().join(REQUIREMENTS), stamp()).with_context(|| format!("could not write {}", stamp().display()))?;
    Ok(())
}
