//! Everything that can be configured on an authority: one table of keys, and what a server makes of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use keymuster_service::config::{
    Change, Configuration, Configured, DATA_DIR, Fault, Key, Kind, Loader, Of, Table, forms,
};
use keymuster_service::logs::LogFormat;
use keymuster_service::telemetry;
use keymuster_service::tls::{read_chain, read_key};

use crate::administration::ADMINISTRATION_PORT;

/// Where the data are unless something else is given.
pub const DATA_DIR_BUILT_IN: &str = "/var/lib/keymuster-authority";
const LISTEN: &str = "listen";
const ADMIN_LISTEN: &str = "admin-listen";
const ADMIN_NAME: &str = "admin-name";
const OPENID_FILE: &str = "openid-file";
const LOG_FORMAT: &str = "log-format";
const TLS_CERTIFICATE_FILE: &str = "tls-certificate-file";
const TLS_KEY_FILE: &str = "tls-key-file";
const ACME_DIRECTORY: &str = "acme-directory";
const ACME_LISTEN: &str = "acme-listen";

const PUBLIC: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1690);
const ADMINISTRATION: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), ADMINISTRATION_PORT);
/// The port at which ACME servers ask, of all addresses.
const PROOFS: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 80);

/// Every key of an authority.
pub static TABLE: LazyLock<Table> = LazyLock::new(|| Table {
    program: "keymuster-authority",
    path: "/etc/keymuster/authority.toml",
    prefix: "KEYMUSTER_AUTHORITY_",
    foreign: &[],
    keys: at_start().into_iter().chain(telemetry::keys()).chain(of_tls()).collect(),
});

/// For the options of `serve`.
#[derive(Clone, Debug)]
pub struct Authority;

impl Configured for Authority {
    fn table() -> &'static Table {
        &TABLE
    }
}

/// What an authority needs to know before it starts, and does not change before it is started again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Start {
    /// Where hosts and clients reach it.
    pub listen: SocketAddr,
    /// Where administrators do.
    pub admin_listen: SocketAddr,
    /// By which names, beside the machine's own.
    pub admin_names: Vec<String>,
    /// The file of the organisation's provider.
    pub openid_file: Option<PathBuf>,
    /// The form of the log.
    pub log_format: LogFormat,
}

/// How it speaks TLS, which it follows while it runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tls {
    /// The publisher's certificate.
    pub certificate_file: Option<PathBuf>,
    /// Its key, where that is in a file of its own.
    pub key_file: Option<PathBuf>,
    /// Where a certificate is ordered.
    pub acme_directory: Option<String>,
    /// Where the question for the name is answered.
    pub acme_listen: SocketAddr,
}

fn at_start() -> Vec<Key> {
    vec![
        key(DATA_DIR, Kind::Path, DATA_DIR_BUILT_IN, "The directory that holds everything of this publisher."),
        key(LISTEN, Kind::Value, "127.0.0.1:1690", "Where hosts and clients reach this authority."),
        key(
            ADMIN_LISTEN,
            Kind::Value,
            "127.0.0.1:1691",
            "Where administrators and supervisors reach it; from other machines over TLS only.",
        ),
        key(
            ADMIN_NAME,
            Kind::List,
            "none",
            "A name under which browsers reach the administrators' address, beside localhost and addresses.",
        ),
        key(
            OPENID_FILE,
            Kind::Path,
            "none",
            "A file that names the organisation's OpenID provider, so that people can sign in to the console with it.",
        ),
        key(LOG_FORMAT, Kind::Value, "text", "The form of the log on standard error."),
    ]
}

fn of_tls() -> Vec<Key> {
    let keys = [
        key(
            TLS_CERTIFICATE_FILE,
            Kind::Path,
            "the authority's own certificate, which it has made itself",
            "The file with the certificate for TLS, in PEM form, the certificates between it and its root behind it. It is \
             read again when it changes.",
        ),
        key(
            TLS_KEY_FILE,
            Kind::Secret,
            "the file of the certificate",
            "The file with the certificate's private key, in PEM form and not encrypted. It is a secret: only the user of \
             the service needs to read it.",
        ),
        key(
            ACME_DIRECTORY,
            Kind::Value,
            "no certificate is ordered",
            "The directory of an ACME server that gives a certificate for the name in the authority's address. Whoever \
             sets this accepts the server's terms. A certificate file counts before it.",
        ),
        key(
            ACME_LISTEN,
            Kind::Value,
            "[::]:80",
            "Where the ACME server's question for that name is answered, while it asks.",
        ),
    ];
    keys.into_iter().map(|key| Key { change: Change::Running, ..key }).collect()
}

/// A key whose form is known by its name.
fn key(name: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Key {
    type Read = fn(&'static str, &str) -> Result<String, String>;
    let (read, expected): (Read, &str) = match (name, kind) {
        (_, Kind::Path | Kind::Secret) => (forms::path, forms::PATH),
        (_, Kind::List) => (forms::names, forms::NAMES),
        (LOG_FORMAT, _) => (forms::log_format, forms::LOG_FORMAT),
        (ACME_DIRECTORY, _) => (forms::url, forms::URL),
        _ => (forms::address, forms::ADDRESS),
    };
    let (of, change, expected) = (Of::Program, Change::Restart, expected.to_owned());
    Key { name, of, kind, change, expected, default, about, read }
}

fn address(configuration: &Configuration, name: &str, built_in: SocketAddr) -> SocketAddr {
    let read = |text: &str| text.parse().expect("an address was checked when it was read");
    configuration.get(name).map_or(built_in, read)
}

impl Start {
    /// What is given, and what is built in for the rest.
    pub fn of(configuration: &Configuration) -> Start {
        let names = configuration.get(ADMIN_NAME).unwrap_or_default().split(',').filter(|name| !name.is_empty());
        Start {
            listen: address(configuration, LISTEN, PUBLIC),
            admin_listen: address(configuration, ADMIN_LISTEN, ADMINISTRATION),
            admin_names: names.map(str::to_owned).collect(),
            openid_file: configuration.get(OPENID_FILE).map(PathBuf::from),
            log_format: configuration.get(LOG_FORMAT).and_then(|text| text.parse().ok()).unwrap_or_default(),
        }
    }
}

impl Tls {
    /// What is given, and what is built in for the rest.
    pub fn of(configuration: &Configuration) -> Tls {
        let file = |name| configuration.get(name).map(PathBuf::from);
        Tls {
            certificate_file: file(TLS_CERTIFICATE_FILE),
            key_file: file(TLS_KEY_FILE),
            acme_directory: configuration.get(ACME_DIRECTORY).map(str::to_owned),
            acme_listen: address(configuration, ACME_LISTEN, PROOFS),
        }
    }
}

/// What is given, and everything that is wrong with it, the files that it names included.
pub fn everything_wrong(loader: &Loader) -> (Configuration, Vec<Fault>) {
    let (configuration, mut faults) = loader.load_what_is_right();
    faults.extend(check_files(&configuration));
    (configuration, faults)
}

/// What the files that are named leave to be desired.
fn check_files(configuration: &Configuration) -> Vec<Fault> {
    let fault = |name: &str, check: fn(&Path) -> Option<String>| {
        let given = configuration.given.get(name)?;
        Some(Fault::of_given(name, given, check(Path::new(&given.value))?))
    };
    let certificate = |path: &Path| read_chain(path).err().map(|why| why.to_string());
    let key = |path: &Path| read_key(path).err().map(|why| why.to_string());
    [fault(TLS_CERTIFICATE_FILE, certificate), fault(TLS_KEY_FILE, key)].into_iter().flatten().collect()
}

/// The text of `docs/reference/authority-config.md`.
pub fn reference_markdown() -> String {
    keymuster_service::config::markdown(&TABLE, HEAD)
}

const HEAD: &str = "\
<!-- Generated from crates/authority/src/configuration.rs; `UPDATE=1 cargo test -p keymuster-authority` rewrites this file. -->

# Configuration of an authority

```toml
# /etc/keymuster/authority.toml
listen = \"0.0.0.0:1690\"
tls-certificate-file = \"/etc/keymuster/activation.pem\"
tls-key-file = \"/etc/keymuster/activation.key\"
admin-name = [\"activation.example.com\"]
```

What each key does; [the guide](../guides/configuration.md) has the rest.
`keymuster-authority config check` tells what is wrong with a file, and `keymuster-authority config show` what counts and where that was given.

## For the authority
";
