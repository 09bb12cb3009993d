//! Who does something, when, and with which permission: what every administrative act takes.

use std::marker::PhantomData;
use std::os::unix::fs::MetadataExt as _;

use keymuster_core::time::Timestamp;

use super::permission::Needs;

/// Somebody who has the permission `P`, at the time of the request.
#[derive(Clone, Debug)]
pub struct By<P> {
    actor: String,
    person: String,
    at: Timestamp,
    permission: PhantomData<P>,
}

impl<P: Needs> By<P> {
    /// Made by the extractors alone, after they have checked.
    pub(super) fn new(actor: String, person: String, at: Timestamp) -> By<P> {
        By { actor, person, at, permission: PhantomData }
    }

    /// The user at the command line, who may do what the system lets them do with the data directory; as the system names
    /// them, `SUDO_USER` where somebody became root by sudo.
    pub fn local_user(at: Timestamp) -> By<P> {
        let name = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER"));
        let name = name.as_deref().unwrap_or("unknown");
        By::new(format!("local user {name}"), name.to_owned(), at)
    }

    /// The same as the kernel knows them, whatever variables say: who has logged in, also where they became somebody else
    /// since; where nobody has, the owner of this process.
    pub fn of_process(at: Timestamp) -> By<P> {
        let name = account_of_process();
        By::new(format!("user {name}"), name, at)
    }

    /// Somebody who has just proved to be the owner of an account, or becomes it.
    pub(super) fn account(name: &str, at: Timestamp) -> By<P> {
        By::new(name.to_owned(), name.to_owned(), at)
    }

    /// What a server does by itself.
    pub(super) fn server(at: Timestamp) -> By<P> {
        By::account("server", at)
    }

    /// The name for the audit.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// The name of the person behind it: with a token, whoever made the token.
    pub fn person(&self) -> &str {
        &self.person
    }

    /// The time of the act.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

/// What the kernel keeps as the login of a process that nobody has logged in for.
const NO_LOGIN: u32 = u32::MAX;

fn account_of_process() -> String {
    let login = std::fs::read_to_string("/proc/self/loginuid").ok();
    let login = login.and_then(|text| text.trim().parse().ok()).filter(|uid| *uid != NO_LOGIN);
    let uid = login.or_else(|| std::fs::metadata("/proc/self").ok().map(|process| process.uid()));
    let Some(uid) = uid else { return "?".to_owned() };
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(uid, &accounts).map_or_else(|| format!("with uid {uid}"), str::to_owned)
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
