//! `cargo xtask setup`: what the tests need beyond Rust, installed once and then recognised in a blink.
//!
//! The tests talk to real name servers (BIND, dnsmasq), reach machines through a real SSH server (OpenSSH), have units checked by
//! `systemd-analyze`, use the console with a real browser (Chromium), order certificates from a real ACME server
//! ([`pebble`]), keep a host in a real PostgreSQL, and pull cables in networks of their own while clocks are put (nftables, faketime). Packages are built and checked by Debian's tools, and installed in a small Debian
//! of their own ([`debian`]). What comes from PyPI and npm is in [`pinned`].
//! Servers are only ever started by a test, with a configuration of its own: the services of the packages must not run.

mod debian;
mod pebble;
mod pinned;

use std::path::Path;

use anyhow::{Result, bail};

use crate::process::{output, program, run as run_command, succeeds};

/// A Debian package, and how to see that what it brings is there, whoever installed it.
struct Package {
    name: &'static str,
    is_present: fn() -> bool,
    /// What the package starts, and setup stops again. A service of a package that was there before is left alone.
    units: &'static [&'static str],
}

/// Users other than root seldom have /usr/sbin in their path.
const NAME_SERVER: Package = Package {
    name: "bind9",
    is_present: || Path::new("/usr/sbin/named").exists() || starts("named", "-v"),
    units: &["named.service"],
};
/// The command by which people change a zone that changes at run time.
const NAME_CHANGER: Package =
    Package { name: "bind9-dnsutils", is_present: || Path::new("/usr/bin/nsupdate").exists(), units: &[] };
/// Its program alone, without the service.
const SMALL_NAME_SERVER: Package =
    Package { name: "dnsmasq-base", is_present: || Path::new("/usr/sbin/dnsmasq").exists(), units: &[] };
/// The server insists on being started by its full path, so that is where the tests look. Clients come with it.
const SSH_SERVER: Package = Package {
    name: "openssh-server",
    is_present: || Path::new("/usr/sbin/sshd").exists() && Path::new("/usr/bin/ssh").exists(),
    units: &["ssh.socket", "ssh.service"],
};
/// For its command that checks units; where systemd does not run, the package starts nothing.
const SYSTEMD: Package = Package { name: "systemd", is_present: || starts("systemd-analyze", "--version"), units: &[] };
const BROWSER: Package =
    Package { name: "chromium", is_present: || Path::new("/usr/bin/chromium").exists(), units: &[] };
const BROWSER_DRIVER: Package =
    Package { name: "chromium-driver", is_present: || starts("chromedriver", "--version"), units: &[] };
/// The browser brings none, and without one its pictures hold boxes instead of letters.
const FONTS: Package = Package {
    name: "fonts-dejavu-core",
    is_present: || Path::new("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf").exists(),
    units: &[],
};
/// Its servers are started by tests alone, each in a directory of its own.
const DATABASE: Package = Package {
    name: "postgresql-15",
    is_present: || Path::new("/usr/lib/postgresql/15/bin/initdb").exists(),
    units: &["postgresql@15-main.service", "postgresql.service"],
};
/// A firewall in a network of its own, behind which a doctor looks in vain.
const FIREWALL: Package =
    Package { name: "iptables", is_present: || Path::new("/usr/sbin/iptables").exists(), units: &[] };
const FILTERS: Package =
    Package { name: "nftables", is_present: || starts("nft", "--version"), units: &["nftables.service"] };
const CLOCKS: Package = Package { name: "faketime", is_present: || starts("faketime", "--version"), units: &[] };
const NODE: Package = Package { name: "nodejs", is_present: || starts("node", "--version"), units: &[] };
const NPM: Package = Package { name: "npm", is_present: || starts("npm", "--version"), units: &[] };
const PYTHON: Package = Package { name: "python3", is_present: || starts("python3", "--version"), units: &[] };
const PYTHON_VENV: Package = Package {
    name: "python3-venv",
    is_present: || succeeds(&mut program("python3", &["-c", "import ensurepip, venv"])),
    units: &[],
};

/// Makes packages; with it comes what packs them.
const DEBHELPER: Package = Package { name: "debhelper", is_present: || Path::new("/usr/bin/dh").exists(), units: &[] };
/// Knows Debian's rules for packages.
const LINTIAN: Package = Package { name: "lintian", is_present: || starts("lintian", "--version"), units: &[] };
const DEBIAN_MAKER: Package =
    Package { name: "mmdebstrap", is_present: || starts("mmdebstrap", "--version"), units: &[] };
const NETWORK: Package = Package { name: "iproute2", is_present: || starts("ip", "-Version"), units: &[] };

/// What the tests start.
const TESTED_WITH: [Package; 16] = [
    NAME_SERVER,
    NAME_CHANGER,
    SMALL_NAME_SERVER,
    SSH_SERVER,
    SYSTEMD,
    BROWSER,
    BROWSER_DRIVER,
    FONTS,
    DATABASE,
    NODE,
    DEBHELPER,
    LINTIAN,
    NETWORK,
    FIREWALL,
    FILTERS,
    CLOCKS,
];
/// What only the installation of pinned packages needs.
const INSTALLED_WITH: [Package; 3] = [PYTHON, PYTHON_VENV, NPM];
/// What only the making of a Debian needs.
const MADE_WITH: [Package; 1] = [DEBIAN_MAKER];

/// Keeps a PostgreSQL whose leader changes when it fails.
const PATRONI: Package =
    Package { name: "patroni", is_present: || Path::new("/usr/bin/patroni").exists(), units: &["patroni.service"] };
/// Where Patroni keeps who leads, and what it speaks to it by.
const ETCD: Package =
    Package { name: "etcd-server", is_present: || Path::new("/usr/bin/etcd").exists(), units: &["etcd.service"] };
const ETCD_FOR_PYTHON: Package = Package {
    name: "python3-etcd",
    is_present: || succeeds(&mut program("/usr/bin/python3", &["-c", "import etcd"])),
    units: &[],
};
/// What only the long failover tests start.
const FAILOVER_WITH: [Package; 3] = [PATRONI, ETCD, ETCD_FOR_PYTHON];

/// By which the crash tests mount a file system of their own. It comes with the kernel, and no package brings it.
const FILE_SYSTEMS: &str = "/dev/fuse";

/// Installs whatever is missing.
pub fn run() -> Result<()> {
    if !Path::new(FILE_SYSTEMS).exists() {
        eprintln!(
            "setup: there is no {FILE_SYSTEMS}, so power cuts and failing disks are not played: run `modprobe fuse` as \
             root, or start the container with `--device {FILE_SYSTEMS} --cap-add SYS_ADMIN`"
        );
    }
    install_missing(&TESTED_WITH)?;
    if !pinned::are_ready() {
        install_missing(&INSTALLED_WITH)?;
        pinned::install()?;
    }
    if !debian::is_ready() {
        install_missing(&MADE_WITH)?;
        debian::make()?;
    }
    pebble::install()
}

/// Installs what the failover tests need beside that.
pub fn for_failover() -> Result<()> {
    install_missing(&FAILOVER_WITH)
}

fn starts(name: &str, argument: &str) -> bool {
    succeeds(&mut program(name, &[argument]))
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
