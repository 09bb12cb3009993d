//! This machine's name in DNS, as far as the machine knows it itself.

use std::fs;

/// Where names are that DNS need not be asked for.
const HOSTS_FILE: &str = "/etc/hosts";

/// The full name of this machine: its own where that has a domain, or else the one in `/etc/hosts`. Name servers are not
/// asked: what they say is what the host is about to change.
pub fn full_name() -> Option<String> {
    let uname = rustix::system::uname();
    let name = uname.nodename().to_str().ok()?.to_ascii_lowercase();
    if name.contains('.') {
        return Some(name);
    }
    full_name_in(&fs::read_to_string(HOSTS_FILE).ok()?, &name)
}

/// The first name with a domain that a line gives to a machine with this short name.
fn full_name_in(hosts: &str, name: &str) -> Option<String> {
    let full = |line: &str| {
        let line = line.split('#').next().unwrap_or_default().to_ascii_lowercase();
        let begin = format!("{name}.");
        line.split_whitespace().skip(1).find(|word| word.starts_with(&begin)).map(str::to_owned)
    };
    hosts.lines().find_map(full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_name_is_found_beside_the_short_one() {
        let hosts = "127.0.0.1 localhost\n# 192.0.2.1 kms.wrong.example\n\
                     127.0.1.1\tKMS2.example kms\n192.0.2.7 KMS.corp.example kms # ours\n";
        for (name, expected) in
            [("kms", Some("kms.corp.example")), ("kms2", Some("kms2.example")), ("localhost", None), ("mail", None)]
        {
            assert_eq!(full_name_in(hosts, name).as_deref(), expected, "{name}");
        }
    }
}
