//! What an administrator may set on a host: one table that names each setting once, with its form and its words.
//!
//! The command line, the checks and `docs/reference/host-settings.md` come from it. A value is stored in the words in which
//! it is shown, so there is one way to read it.

mod change;
mod effects;
mod fixed;
mod follow;
mod form;
mod host;
mod machine;
mod reference;
mod view;

use keymuster_service::exit::Usage;
use keymuster_service::nearest::nearest;

use crate::choices::{ACTIVATION, HELP_URL, RENEWAL, THRESHOLD};
use crate::configuration::{TABLE, is_at_start};
pub(crate) use change::check_file;
pub use change::{Change, Changed, Error, apply};
pub use fixed::{is_noted, note};
pub use follow::{Follower, follow};
pub use form::{Form, NotAValue, Value, Zone};
pub(crate) use host::read;
pub use host::{Addresses, Dns, HISTORY_DAYS_BUILT_IN, HostSettings, PORT_BUILT_IN, TlsPolicy, TlsSettings};
pub(crate) use machine::full_name;
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
/// The addresses that it enters for that name.
pub const DNS_ADDRESSES: &str = "dns-addresses";
/// Whether its records go when it is stopped.
pub const DNS_REMOVE_ON_STOP: &str = "dns-remove-on-stop";

/// Whether clients may, must or cannot use TLS.
pub const TLS: &str = "tls";
/// Whether the older version of TLS is spoken as well.
pub const TLS_12: &str = "tls-1.2";
/// The file with the administrator's certificate.
pub const TLS_CERTIFICATE_FILE: &str = "tls-certificate-file";
/// The file with its private key.
pub const TLS_KEY_FILE: &str = "tls-key-file";
/// The ACME server that gives a certificate.
pub const ACME_DIRECTORY: &str = "acme-directory";
/// The name for which it gives one.
pub const ACME_NAME: &str = "acme-name";

/// For how many days the past is kept.
pub const HISTORY_DAYS: &str = "history-days";

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
pub static SETTINGS: [Setting; 21] = [
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
    of_host(
        DNS_ADDRESSES,
        Form::Addresses,
        "off",
        "The addresses (A and AAAA records) that the host enters for that name as well, where nobody else looks after them. \
         `auto` are those from which this machine reaches its name server and the rest of the world; addresses that are \
         listed are entered as they are. An address that is taken out of the setting, or that the machine loses while the \
         host runs, is removed.",
    ),
    of_host(
        DNS_REMOVE_ON_STOP,
        Form::Switch,
        "off",
        "Whether the host removes its records when it is stopped in order, for hosts that come and go. Otherwise they stay, \
         because a host that is stopped will be back; clients pass over one that does not answer. It waits five seconds at \
         most for the name server.",
    ),
    of_host(
        TLS,
        Form::OneOf(&["offer", "require", "off"]),
        "offer",
        "Whether clients reach this host over TLS, at the same port as without. `offer` answers both. `require` refuses \
         requests without TLS, apart from those for its health, and leases tell clients to ask no other way. `off` answers \
         plain HTTP alone. The administrators' address always speaks TLS, and answers other machines in no other way.",
    ),
    of_host(
        TLS_12,
        Form::Switch,
        "off",
        "Whether TLS 1.2 is spoken beside TLS 1.3, for proxies and tools that know no other; clients of this version need it \
         not.",
    ),
    of_host(
        TLS_CERTIFICATE_FILE,
        Form::File,
        "the host's own certificate, which it has made itself",
        "The file with the certificate that browsers, tools and new clients are shown, in PEM form, the certificates between \
         it and its root behind it. It is read again as soon as it changes, and connections go on. Clients with an \
         entitlement's lease go by the host's own certificate all the same.",
    ),
    of_host(
        TLS_KEY_FILE,
        Form::File,
        "the file of the certificate",
        "The file with the private key of the certificate, in PEM form and not encrypted. It is a secret: only the user of \
         the service needs to read it.",
    ),
    of_host(
        ACME_DIRECTORY,
        Form::Page,
        "no certificate is ordered",
        "The address of an ACME server's directory, such as that of a certificate authority within the company. The host \
         orders a certificate there, proves its name over plain HTTP at port 80 (`serve --acme-listen`), and renews it after \
         two thirds of its time. Whoever sets this accepts the server's terms. A certificate file counts before it.",
    ),
    of_host(
        ACME_NAME,
        Form::HostName,
        "this machine's full name",
        "The name for which the certificate is ordered; the ACME server has to reach this machine by it.",
    ),
    of_host(
        HISTORY_DAYS,
        Form::Number { min: 90, max: 36_500 },
        "730",
        "For how many days the past is kept: clients of which nothing was heard any more, with what is known of them; \
         entries of the ledger that no client holds; requests hour by hour, whose totals stay. What is older goes, within \
         an hour, and does not come back. The audit is kept for ever.",
    ),
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
    if is_at_start(name) {
        return Err(Usage(format!(
            "{name} counts from the start of the host: write it into {}, or start it with `serve --{name}`",
            TABLE.path
        )));
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
