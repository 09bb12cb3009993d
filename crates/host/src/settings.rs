//! What an administrator may set on a host: one table that names each setting once, with its form and its words.
//!
//! The command line, the checks and `docs/reference/host-settings.md` come from it. A value is stored in the words in which
//! it is shown, so there is one way to read it.

mod change;
mod effects;
mod follow;
mod form;
mod host;
mod machine;
mod reference;
mod view;

use keymuster_service::exit::Usage;
use keymuster_service::nearest::nearest;

use crate::choices::{ACTIVATION, HELP_URL, RENEWAL, THRESHOLD};
pub use change::{Change, Changed, Error, apply};
pub use follow::{Follower, follow};
pub use form::{Form, NotAValue, Value, Zone};
pub(crate) use host::read;
pub use host::{Dns, HostSettings, PORT_BUILT_IN};
pub use reference::reference_markdown;
pub use view::{Allowed, Choice, Row, Source, rows};

/// The port on which clients reach this host.
pub const PORT: &str = "port";
/// Whether the host publishes itself in DNS.
pub const DNS_PUBLISHING: &str = "dns-publishing";
/// Where it does.
pub const DNS_ZONES: &str = "dns-zones";
/// The priority of its records where a zone names none.
pub const DNS_PRIORITY: &str = "dns-priority";
/// Their weight where a zone names none.
pub const DNS_WEIGHT: &str = "dns-weight";
/// The name server that takes its updates.
pub const DNS_SERVER: &str = "dns-server";
/// The file with the key that signs them.
pub const DNS_KEY_FILE: &str = "dns-key-file";
/// The host name that its records lead to.
pub const DNS_TARGET: &str = "dns-target";

/// Where a setting counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// For the leases of one publisher.
    Publisher,
    /// For the host as a whole.
    Host,
}

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its name; one that ends with a dot is followed by the name of an edition.
    pub name: &'static str,
    /// Where it counts.
    pub scope: Scope,
    /// What its value looks like.
    pub form: Form,
    /// What counts where nothing is chosen, in words.
    pub default: &'static str,
    /// What it does.
    pub about: &'static str,
}

const fn of_publisher(name: &'static str, form: Form, default: &'static str, about: &'static str) -> Setting {
    Setting { name, scope: Scope::Publisher, form, default, about }
}

const fn of_host(name: &'static str, form: Form, default: &'static str, about: &'static str) -> Setting {
    Setting { name, scope: Scope::Host, form, default, about }
}

/// All settings, in the order in which they are shown.
pub static SETTINGS: [Setting; 12] = [
    of_publisher(
        RENEWAL,
        Form::Interval(|policy| policy.renew),
        "the licence pack's",
        "How long after a volume lease was granted its client asks for the next one. Each lease carries its own time, \
         so a change reaches a client with its next lease. Seat leases are renewed at half of their term.",
    ),
    of_publisher(
        ACTIVATION,
        Form::Interval(|policy| policy.retry),
        "the licence pack's",
        "How long a client waits after an attempt that came to nothing: one that was refused for the threshold learns \
         it with the refusal, one that holds a lease with its next lease.",
    ),
    of_publisher(
        THRESHOLD,
        Form::Threshold,
        "the entitlement's, or else the licence pack's",
        "How many distinct clients must have asked within the window before a client gets a lease of this edition, for \
         the first time or again. It can be raised above what the publisher demands, and not lowered.",
    ),
    of_host(
        PORT,
        Form::Number { min: 1, max: 65_535 },
        "1688",
        "The port on which clients reach this host. A running host listens on the new port first, then closes the old \
         one after the requests that it has taken; where it cannot listen on the new one, it stays. `serve --listen` wins. Clients that find a host by DNS take port 443 and ports from 1024 on, and no others.",
    ),
    of_host(
        HELP_URL,
        Form::Page,
        "each licence pack's",
        "The page on which the customer helps its own users. Leases carry it, and clients show it.",
    ),
    of_host(
        DNS_PUBLISHING,
        Form::Switch,
        "on as soon as dns-zones and dns-key-file are set, otherwise off",
        "Whether the host publishes itself as `_keymuster._tcp` in its zones, and keeps the records as they should be. It \
         is off by itself until there is a zone to write to and a key to sign with, because a name server takes updates \
         from nobody else.",
    ),
    of_host(
        DNS_ZONES,
        Form::Zones,
        "none",
        "The zones in which the host publishes itself, with commas or blanks between them.",
    ),
    of_host(
        DNS_PRIORITY,
        Form::Number { min: 0, max: 65_535 },
        "0",
        "The priority of the host's records in zones that name none: clients ask hosts with a lower number first.",
    ),
    of_host(
        DNS_WEIGHT,
        Form::Number { min: 0, max: 65_535 },
        "0",
        "The weight of the host's records in zones that name none: among hosts of one priority, one with twice the weight \
         is asked twice as often.",
    ),
    of_host(DNS_SERVER, Form::Server, "the zone's primary server", "The name server that takes the host's updates."),
    of_host(
        DNS_KEY_FILE,
        Form::KeyFile,
        "none",
        "The file with the TSIG key that signs the host's updates, as `tsig-keygen` writes it. It is a secret: only the \
         user of the service needs to read it.",
    ),
    of_host(DNS_TARGET, Form::HostName, "this machine's full name", "The host name that the records lead to."),
];

impl Setting {
    /// Its name for people, with what has to be filled in.
    pub fn pattern(&self) -> String {
        if self.is_per_edition() { format!("{}EDITION", self.name) } else { self.name.to_owned() }
    }

    fn is_per_edition(&self) -> bool {
        self.name.ends_with('.')
    }
}

/// The setting of this name, with the edition that the name ends in, for a setting that each edition has.
pub fn find(name: &str) -> Result<(&'static Setting, Option<&str>), Usage> {
    for setting in &SETTINGS {
        match name.strip_prefix(setting.name) {
            Some("") if !setting.is_per_edition() => return Ok((setting, None)),
            Some(edition) if setting.is_per_edition() => return Ok((setting, Some(edition))),
            _ => {}
        }
    }
    let patterns: Vec<String> = SETTINGS.iter().map(Setting::pattern).collect();
    let meant = nearest(name, patterns.iter().map(String::as_str));
    let meant = meant.map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
    Err(Usage(format!("there is no setting {name:?}{meant} (there are {})", patterns.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_found_by_name_and_near_ones_are_proposed() {
        for (name, expected) in [
            ("port", Ok(("port", None))),
            ("threshold.desk-pro-2026", Ok(("threshold.", Some("desk-pro-2026")))),
            ("threshold.", Ok(("threshold.", Some("")))),
            ("renew-interval", Err("did you mean renewal-interval?")),
            ("dns-zone", Err("did you mean dns-zones?")),
            ("threshold", Err("did you mean threshold.EDITION?")),
            ("ports", Err("did you mean port?")),
            ("", Err("there is no setting \"\" (there are renewal-interval, ")),
        ] {
            match (find(name), expected) {
                (Ok((setting, edition)), Ok(expected)) => assert_eq!((setting.name, edition), expected),
                (Err(usage), Err(expected)) => assert!(usage.to_string().contains(expected), "{usage}"),
                (found, _) => panic!("{name}: {found:?}"),
            }
        }
    }
}
