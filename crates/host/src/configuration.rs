//! Everything that can be configured on a host: the keys that count from its start, and the settings.
//!
//! What is given here is fixed: it is noted in the database, where the settings are, and counts before what an administrator
//! has chosen there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::LazyLock;

use keymuster_service::config::{
    Change, Configuration, Configured, DATA_DIR, Fault, Key, Kind, Loader, Of, Table, forms,
};
use keymuster_service::logs::LogFormat;
use keymuster_service::telemetry;

use crate::administration::ADMINISTRATION_PORT;
use crate::settings::{self, Form, NotAValue, SETTINGS, Scope, Setting};

/// Where the data are unless something else is given.
pub const DATA_DIR_BUILT_IN: &str = "/var/lib/keymuster-host";
/// Where clients reach the host, whatever port is set.
pub const LISTEN: &str = "listen";
const ADMIN_LISTEN: &str = "admin-listen";
const ADMIN_NAME: &str = "admin-name";
const OPENID_FILE: &str = "openid-file";
const ACME_LISTEN: &str = "acme-listen";
const LOG_FORMAT: &str = "log-format";

/// The kind of table in the file in which a publisher's settings stand.
pub const PUBLISHER: &str = "publisher";

const ADMINISTRATION: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), ADMINISTRATION_PORT);
/// The port at which ACME servers ask, of all addresses.
const PROOFS: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 80);

/// Every key of a host.
pub static TABLE: LazyLock<Table> = LazyLock::new(|| Table {
    program: "keymuster-host",
    path: "/etc/keymuster/host.toml",
    prefix: "KEYMUSTER_HOST_",
    // How the command `keymuster host` reaches a host.
    foreign: &["URL", "TLS_KEY", "TOKEN_FILE"],
    keys: at_start().into_iter().chain(telemetry::keys()).chain(SETTINGS.iter().map(key_of)).collect(),
});

/// For the options of `serve`.
#[derive(Clone, Debug)]
pub struct Host;

impl Configured for Host {
    fn table() -> &'static Table {
        &TABLE
    }
}

/// What a host needs to know before it starts, and does not change before it is started again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Start {
    /// Where clients reach it, whatever port is set.
    pub listen: Option<SocketAddr>,
    /// Where administrators do.
    pub admin_listen: SocketAddr,
    /// By which names, beside the machine's own.
    pub admin_names: Vec<String>,
    /// The file of the organisation's provider.
    pub openid_file: Option<PathBuf>,
    /// Where an ACME server's question is answered.
    pub acme_listen: SocketAddr,
    /// The form of the log.
    pub log_format: LogFormat,
}

/// A key of the start: its name, what it is and how it is read, what counts without it, and what it does.
type AtStart =
    (&'static str, Kind, (fn(&'static str, &str) -> Result<String, String>, &'static str), [&'static str; 2]);

fn at_start() -> Vec<Key> {
    let keys: [AtStart; 7] = [
        (DATA_DIR, Kind::Path, (forms::path, forms::PATH), [DATA_DIR_BUILT_IN, "Where database and signing key are."]),
        (
            LISTEN,
            Kind::Value,
            (forms::address, forms::ADDRESS),
            [
                "the socket of the service manager, or else the port that is set, of all addresses",
                "Where clients reach this host, whatever port is set.",
            ],
        ),
        (
            ADMIN_LISTEN,
            Kind::Value,
            (forms::address, forms::ADDRESS),
            ["127.0.0.1:1689", "Where administrators and supervisors reach it; from other machines over TLS only."],
        ),
        (
            ADMIN_NAME,
            Kind::List,
            (forms::names, forms::NAMES),
            [
                "none",
                "A name under which browsers reach the administrators' address, beside this machine's own and its addresses.",
            ],
        ),
        (
            OPENID_FILE,
            Kind::Path,
            (forms::path, forms::PATH),
            [
                "none",
                "A file that names the organisation's OpenID provider, so that people can sign in to the console with it.",
            ],
        ),
        (
            ACME_LISTEN,
            Kind::Value,
            (forms::address, forms::ADDRESS),
            ["[::]:80", "Where an ACME server's question for this machine's name is answered, while it asks."],
        ),
        (
            LOG_FORMAT,
            Kind::Value,
            (forms::log_format, forms::LOG_FORMAT),
            ["text", "The form of the log on standard error."],
        ),
    ];
    let key = |(name, kind, (read, expected), [default, about]): AtStart| Key {
        name,
        of: Of::Program,
        kind,
        change: Change::Restart,
        expected: expected.to_owned(),
        default,
        about,
        read,
    };
    keys.into_iter().map(key).collect()
}

fn key_of(setting: &'static Setting) -> Key {
    Key {
        name: setting.name,
        of: if setting.scope == Scope::Publisher { Of::Each(PUBLISHER) } else { Of::Program },
        kind: match setting.form {
            Form::KeyFile => Kind::Secret,
            Form::File if setting.name == settings::TLS_KEY_FILE => Kind::Secret,
            Form::File => Kind::Path,
            Form::Zones | Form::Addresses => Kind::List,
            _ => Kind::Value,
        },
        change: Change::Running,
        expected: setting.form.words(),
        default: setting.default,
        about: setting.about,
        read: read_setting,
    }
}

/// The value of a setting, in the words in which one that was chosen is stored.
fn read_setting(name: &'static str, text: &str) -> Result<String, String> {
    let setting = SETTINGS.iter().find(|setting| setting.name == name).expect("it is the name of a setting");
    setting.form.read(name, text).map(|value| value.to_string()).map_err(|error| match error {
        NotAValue::Malformed(why) => why,
        NotAValue::OutOfRange(refusal) => refusal.to_string(),
    })
}

impl Start {
    /// What is given, and what is built in for the rest.
    pub fn of(configuration: &Configuration) -> Start {
        let address = |name: &str| {
            configuration.get(name).map(|text| text.parse().expect("an address was checked when it was read"))
        };
        let log_format = configuration.get(LOG_FORMAT).and_then(|text| text.parse().ok());
        Start {
            listen: address(LISTEN),
            admin_listen: address(ADMIN_LISTEN).unwrap_or(ADMINISTRATION),
            admin_names: configuration
                .get(ADMIN_NAME)
                .unwrap_or_default()
                .split(',')
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            openid_file: configuration.get(OPENID_FILE).map(PathBuf::from),
            acme_listen: address(ACME_LISTEN).unwrap_or(PROOFS),
            log_format: log_format.unwrap_or_default(),
        }
    }
}

/// Whether a name is a key that counts from the start, and no setting.
pub fn is_at_start(name: &str) -> bool {
    TABLE.find(name).is_some_and(|found| found.key.change == Change::Restart)
}

/// What is given, and everything that is wrong with it, the files that it names included.
pub fn everything_wrong(loader: &Loader) -> (Configuration, Vec<Fault>) {
    let (configuration, mut faults) = loader.load_what_is_right();
    faults.extend(check_files(&configuration));
    (configuration, faults)
}

/// What the files that are named leave to be desired: a server that runs would tell it in its log.
fn check_files(configuration: &Configuration) -> Vec<Fault> {
    let host_settings = SETTINGS.iter().filter(|setting| setting.scope == Scope::Host);
    let fault = |setting: &Setting| {
        let given = configuration.given.get(setting.name)?;
        let value = setting.form.read(setting.name, &given.value).ok()?;
        let why = settings::check_file(setting, &value).err()?;
        Some(Fault::of_given(setting.name, given, why.to_string()))
    };
    host_settings.filter_map(fault).collect()
}

/// The text of `docs/reference/host-config.md`.
pub fn reference_markdown() -> String {
    keymuster_service::config::markdown(&TABLE, HEAD)
}

const HEAD: &str = "\
<!-- Generated from crates/host/src/configuration.rs and settings.rs; `UPDATE=1 cargo test -p keymuster-host` rewrites this file. -->

# Configuration of a host

```toml
# /etc/keymuster/host.toml
admin-listen = \"192.0.2.10:1689\"
admin-name = [\"kms.example.com\"]
port = 1688
tls = \"require\"
tls-1.2 = true
dns-zones = [\"example.com\", \"lab.example.com:10\"]

[publisher.aurora]
renewal-interval = \"3d\"
threshold.desk-pro-2026 = 40
```

What each key does; [the guide](../guides/configuration.md) has the rest.
`keymuster-host config check` tells what is wrong with a file, and `keymuster-host config show` what counts and where that was given.

## For the host
";
