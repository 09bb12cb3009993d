//! The domains of this machine, and its name servers, where nobody has configured any (`docs/spec/client-state.md`, 8.1).
//!
//! They stand in files that other programs write for their own purposes, in part with what a DHCP server said. So any bytes
//! may be there: what is no domain is passed over, and one that is found is worth a question and nothing more.

use std::fs::{self, File};
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use keymuster_core::time::Timestamp;

use super::leases;
use crate::settings::domain;

/// More of a file is not read; leases of years fit into it.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// More files of one directory are not read: there is one for each network card, or for each network that it was in.
const FILES_MAX: usize = 32;
/// The system's resolver configuration, then what managers of networks would have it be where it is another program's.
const RESOLVERS: [&str; 4] = [
    "etc/resolv.conf",
    "run/systemd/resolve/resolv.conf",
    "run/NetworkManager/no-stub-resolv.conf",
    "run/NetworkManager/resolv.conf",
];
/// Where DHCP clients note what they were given.
const LEASES: [&str; 5] = [
    "run/systemd/netif/leases",
    "run/NetworkManager/devices",
    "var/lib/NetworkManager",
    "var/lib/dhcp",
    "var/lib/dhclient",
];

/// The domains of the machine whose files lie below `root`, each once: that of its name, that of its kernel, those that its
/// resolver searches, those that a DHCP server named.
pub(crate) fn of_machine(root: &Path, now: Timestamp) -> Vec<String> {
    let mut domains: Vec<String> = Vec::new();
    let mut add = |found: &str| {
        if let Some(domain) = domain(found).filter(|domain| !domains.contains(domain)) {
            domains.push(domain);
        }
    };
    // On Windows such paths lead to the current drive, on which anybody may have made such files.
    if !cfg!(windows) {
        of_files(root, now, &mut add);
    }
    #[cfg(windows)]
    super::registry::read().domains.iter().for_each(|domain| add(domain));
    domains
}

fn of_files(root: &Path, now: Timestamp, add: &mut impl FnMut(&str)) {
    let kernel = |file: &str| text(&root.join("proc/sys/kernel").join(file)).trim().to_owned();
    let name = kernel("hostname");
    let full = if name.contains('.') { Some(name.clone()) } else { full_name(&text(&root.join("etc/hosts")), &name) };
    if let Some((_, domain)) = full.as_deref().and_then(|full| full.split_once('.')) {
        add(domain);
    }
    add(&kernel("domainname"));
    for file in RESOLVERS {
        resolver(&root.join(file)).1.iter().for_each(|domain| add(domain));
    }
    for directory in LEASES {
        for file in files(&root.join(directory)) {
            leases::domains(&text(&file), now).iter().for_each(|domain| add(domain));
        }
    }
}

/// The name servers of the machine whose files lie below `root`.
#[cfg(not(windows))]
pub(super) fn name_servers(root: &Path) -> Vec<SocketAddr> {
    resolver(&root.join(RESOLVERS[0])).0
}

/// The name servers of the machine; they stand in no file.
#[cfg(windows)]
pub(super) fn name_servers(_: &Path) -> Vec<SocketAddr> {
    super::registry::read().servers
}

/// What a file in the form of `resolv.conf` says: name servers, and domains to search.
fn resolver(path: &Path) -> (Vec<SocketAddr>, Vec<String>) {
    let (config, _) = resolv_conf::Config::parse_with_errors(&bytes(path));
    let servers = config.nameservers.iter().map(|server| SocketAddr::new(server.into(), 53)).collect();
    let domains = config.get_domain().into_iter().chain(config.get_search().into_iter().flatten()).cloned();
    (servers, domains.collect())
}

/// The first full name that a file in the form of `/etc/hosts` gives to a machine of this short name.
fn full_name(hosts: &str, name: &str) -> Option<String> {
    let begin = format!("{}.", name.to_ascii_lowercase());
    let full = |line: &str| {
        let line = line.split('#').next().unwrap_or_default().to_ascii_lowercase();
        line.split_whitespace().skip(1).find(|word| word.starts_with(&begin)).map(str::to_owned)
    };
    if name.is_empty() { None } else { hosts.lines().find_map(full) }
}

/// The files of a directory in the order of their names; none where there is no such directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files.truncate(FILES_MAX);
    files
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&bytes(path)).into_owned()
}

/// The beginning of a file; nothing where there is none, or something that would have to be waited for.
fn bytes(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
        && let Ok(file) = File::open(path)
    {
        // What was read before a failure is as good as a file that ends there.
        let _ = file.take(FILE_BYTES_MAX).read_to_end(&mut bytes);
    }
    bytes
}

/// Reads any bytes as the fuzz targets have them: what is found can be asked for.
#[cfg(fuzzing)]
pub(crate) fn read(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let now = Timestamp::from_secs(1_800_000_000);
    let registry = super::registry::parse(&text);
    let found = leases::domains(&text, now).into_iter().chain(full_name(&text, "kms")).chain(registry.domains);
    let found: Vec<String> = found.filter_map(|found| domain(&found)).collect();
    assert!(found.iter().all(|found| domain(found).as_ref() == Some(found)), "there is one form of a domain");
    let _ = resolv_conf::Config::parse_with_errors(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    /// A machine with these files.
    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn the_domains_of_a_machine_come_from_what_its_programs_wrote() {
        let networkd = "# This is private data. Do not parse.\nADDRESS=10.0.0.5\nDNS=10.0.0.53\nDOMAINNAME=dhcp.example\n\
                        DOMAIN_SEARCH_LIST=one.example two.example\n";
        let dhclient = "lease {\n  option domain-name \"corp.example\";\n  expire never;\n}\n";
        for (files, expected) in [
            (&[][..], &[][..]),
            (&[("proc/sys/kernel/hostname", "pc7.Name.Example\n")], &["name.example"]),
            (
                &[
                    ("proc/sys/kernel/hostname", "pc7\n"),
                    ("etc/hosts", "127.0.1.1 pc70.no.example PC7.hosts.example pc7\n"),
                ],
                &["hosts.example"],
            ),
            (&[("proc/sys/kernel/hostname", "\n"), ("etc/hosts", "127.0.1.1 .hosts.example\n")], &[]),
            (&[("proc/sys/kernel/domainname", "(none)\n")], &[]),
            (&[("proc/sys/kernel/domainname", "nis.example\n")], &["nis.example"]),
            (&[("etc/resolv.conf", "nameserver ::1\nsearch a.example b.example.\n")], &["a.example", "b.example"]),
            (&[("etc/resolv.conf", "domain a.example\n")], &["a.example"]),
            (
                &[("etc/resolv.conf", "search .\n"), ("run/systemd/resolve/resolv.conf", "search up.example\n")],
                &["up.example"],
            ),
            (&[("run/NetworkManager/resolv.conf", "search wifi.example\n")], &["wifi.example"]),
            (&[("run/systemd/netif/leases/2", networkd)], &["dhcp.example", "one.example", "two.example"]),
            (&[("var/lib/dhcp/dhclient.eth0.leases", dhclient)], &["corp.example"]),
            (&[("var/lib/NetworkManager/dhclient-x-eth0.lease", dhclient)], &["corp.example"]),
            (
                &[("var/lib/NetworkManager/internal-x-eth0.lease", networkd)],
                &["dhcp.example", "one.example", "two.example"],
            ),
            // Each once, and what DHCP said last: anybody in the network may have said it.
            (
                &[
                    ("proc/sys/kernel/hostname", "pc7.name.example\n"),
                    (
                        "run/systemd/netif/leases/2",
                        "DOMAINNAME=name.example\nDOMAIN_SEARCH_LIST=dhcp.example b.example\n",
                    ),
                    ("etc/resolv.conf", "search b.example NAME.example\n"),
                ],
                &["name.example", "b.example", "dhcp.example"],
            ),
        ] {
            let root = machine(files);
            assert_eq!(of_machine(root.path(), NOW), expected, "{files:?}");
        }
    }

    #[test]
    fn what_is_no_file_of_the_kind_disturbs_nothing() {
        let long = format!("search {}\nsearch end.example\n", "x".repeat(300_000));
        let root = machine(&[("etc/resolv.conf", &long), ("run/systemd/netif/leases/2", "\u{0}\u{ff}=\nDOMAINNAME")]);
        fs::create_dir_all(root.path().join("run/NetworkManager/resolv.conf")).unwrap();
        assert_eq!(of_machine(root.path(), NOW), [""; 0]);
        for number in 0..100 {
            let text = format!("DOMAINNAME=n{number}.example\n");
            fs::write(root.path().join(format!("run/systemd/netif/leases/{number:03}")), text).unwrap();
        }
        assert_eq!(of_machine(root.path(), NOW).len(), FILES_MAX);
    }

    #[test]
    fn name_servers_are_those_of_the_resolver() {
        let root = machine(&[("etc/resolv.conf", "nameserver 10.0.0.53\nnameserver 2001:db8::53\nnameserver x\n")]);
        let found: Vec<String> = name_servers(root.path()).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["10.0.0.53:53", "[2001:db8::53]:53"]);
    }
}
