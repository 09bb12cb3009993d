//! From which size on taking back needs two persons (`docs/spec/authority-records.md`, 3).

use keymuster_service::database::Failure;
use keymuster_service::sql::{Transaction, params};

use super::{Columns, first, integer, write};

const HOSTS: &str = "two-person-hosts";
const MACHINES: &str = "two-person-machines";

/// So much, and no more, one person takes back alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Hosts.
    pub hosts: u32,
    /// Machines.
    pub machines: u32,
}

impl Default for Limits {
    /// A customer's usual estate, with a few hosts and hundreds of machines, is one person's daily work.
    fn default() -> Limits {
        Limits { hosts: 10, machines: 1000 }
    }
}

/// The limits that count.
pub fn load(tx: &Transaction<'_>) -> Result<Limits, Failure> {
    let default = Limits::default();
    Ok(Limits {
        hosts: setting(tx, HOSTS)?.unwrap_or(default.hosts),
        machines: setting(tx, MACHINES)?.unwrap_or(default.machines),
    })
}

/// Sets them.
pub fn store(tx: &Transaction<'_>, limits: Limits) -> Result<(), Failure> {
    for (name, value) in [(HOSTS, limits.hosts), (MACHINES, limits.machines)] {
        let sql = "INSERT INTO setting (name, value) VALUES ($1, $2) \
                   ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        write(tx, sql, params![name, integer(value)])?;
    }
    Ok(())
}

fn setting(tx: &Transaction<'_>, name: &str) -> Result<Option<u32>, Failure> {
    first(tx, "SELECT name, value FROM setting WHERE name = $1", [name], |row| {
        Columns::of("setting", "name", row).number("value")
    })
}
