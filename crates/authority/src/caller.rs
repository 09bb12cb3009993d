//! Who asks, and when: taken once per request or command, and used for the row, the answer and the audit entry.

use std::fmt;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;

use keymuster_core::time::Timestamp;

/// The context of one act.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who asks.
    pub actor: Actor,
    /// When.
    pub now: Timestamp,
}

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Actor {
    /// Somebody on this machine, by the name of the account.
    User(String),
    /// Somebody at this address.
    Network(IpAddr),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::User(name) => write!(f, "user {name}"),
            Actor::Network(address) => write!(f, "network {address}"),
        }
    }
}

impl Actor {
    /// The account that runs this process, as the kernel knows it; variables such as `USER` can say anything.
    pub fn of_process() -> Actor {
        let Ok(process) = std::fs::metadata("/proc/self") else { return Actor::User("?".to_owned()) };
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let name = name_of(process.uid(), &accounts);
        Actor::User(name.map_or_else(|| format!("with uid {}", process.uid()), str::to_owned))
    }
}

fn name_of(uid: u32, accounts: &str) -> Option<&str> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, id) = (fields.next()?, fields.nth(1)?);
        (id.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_number() {
        let accounts = "root:x:0:0:root:/root:/bin/bash\nbroken\nkeymuster:x:990:990::/var/lib:/usr/sbin/nologin\n";
        assert_eq!(name_of(0, accounts), Some("root"));
        assert_eq!(name_of(990, accounts), Some("keymuster"));
        assert_eq!(name_of(1, accounts), None);
    }
}
