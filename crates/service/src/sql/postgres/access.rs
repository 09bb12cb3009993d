//! How a PostgreSQL is reached: its address, who asks, and by whose word it is the right one.
//!
//! Over a network there is TLS or no connection: leases, digests of passwords and host keys pass here.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::client::Client;
use crate::files;
use crate::sql::{Error, Result};
use crate::tls;

/// How long to wait for a connection, and for an answer on the network.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// A password is no longer, and a file with more holds something else.
const PASSWORD_MAX: usize = 1024;

/// How a database is reached.
#[derive(Clone)]
pub struct Access {
    config: Config,
    password_file: Option<PathBuf>,
    tls: Option<Arc<ClientConfig>>,
    shown: String,
}

/// Why an address cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// It cannot be read.
    #[error("the address of the database cannot be read: {0}")]
    Malformed(String),
    /// It has a password, which everybody can see where it stands.
    #[error("the address of the database holds a password; put it into a file and name that by password-file")]
    Password,
    /// A file that is named cannot be used.
    #[error("{0}")]
    File(String),
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Access").field(&self.shown).finish()
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Access {
    /// The database at `url`, the file with its password, and the certificates of who vouches for it, where these are not the
    /// machine's own.
    pub fn new(
        url: &str,
        password_file: Option<PathBuf>,
        ca_file: Option<PathBuf>,
    ) -> std::result::Result<Access, Unusable> {
        // The reason that the parser gives can repeat what stands there.
        let mut config: Config =
            url.parse().map_err(|_| Unusable::Malformed("expected postgres://USER@HOST/NAME".to_owned()))?;
        if config.get_password().is_some() {
            return Err(Unusable::Password);
        }
        let tls = match is_here(&config) {
            true => None,
            false => Some(Arc::new(client_config(ca_file)?)),
        };
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        Ok(Access { config, password_file, tls, shown: url.to_owned() })
    }

    /// Each node that the address names, alone. The password is read each time, so that it can be changed while the program
    /// runs.
    pub(super) fn nodes(&self) -> Result<Vec<Config>> {
        let mut config = self.config.clone();
        if let Some(file) = &self.password_file {
            let password = files::read_secret(file, PASSWORD_MAX).map_err(|error| Error::Away(error.to_string()))?;
            config.password(password.trim_ascii_end());
        }
        let nodes = config.get_hosts().len().max(config.get_hostaddrs().len());
        Ok((0..nodes).map(|at| node(&config, at)).collect())
    }

    /// How it is kept from others, where they could listen.
    pub(super) fn tls(&self) -> Option<&ClientConfig> {
        self.tls.as_deref()
    }
}

/// One of the nodes: the library can give a configuration another one, and not take one away.
fn node(all: &Config, at: usize) -> Config {
    let mut node = Config::new();
    if let Some(user) = all.get_user() {
        node.user(user);
    }
    if let Some(password) = all.get_password() {
        node.password(password);
    }
    if let Some(name) = all.get_dbname() {
        node.dbname(name);
    }
    if let Some(options) = all.get_options() {
        node.options(options);
    }
    match all.get_hosts().get(at) {
        Some(Host::Tcp(name)) => drop(node.host(name)),
        Some(Host::Unix(path)) => drop(node.host_path(path)),
        None => {}
    }
    if let Some(address) = all.get_hostaddrs().get(at) {
        node.hostaddr(*address);
    }
    let ports = all.get_ports();
    if let Some(port) = ports.get(at).or(ports.first()) {
        node.port(*port);
    }
    node.channel_binding(all.get_channel_binding())
        .ssl_negotiation(all.get_ssl_negotiation())
        .ssl_mode(all.get_ssl_mode())
        .application_name("keymuster")
        .connect_timeout(PATIENCE)
        .tcp_user_timeout(PATIENCE)
        .keepalives_idle(PATIENCE)
        .keepalives_interval(PATIENCE)
        .keepalives_retries(2)
        // Where several nodes are named, the one that can be written to is meant.
        .target_session_attrs(TargetSessionAttrs::ReadWrite);
    node
}

/// Whether the database is on this machine: nobody listens in between.
fn is_here(config: &Config) -> bool {
    let is_local = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
    };
    config.get_hosts().iter().all(is_local) && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

fn client_config(ca_file: Option<PathBuf>) -> std::result::Result<ClientConfig, Unusable> {
    let mut roots = RootCertStore::empty();
    let certificates = match &ca_file {
        Some(file) => tls::read_chain(file).map_err(|error| Unusable::File(error.to_string()))?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    roots.add_parsable_certificates(certificates);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| Unusable::File(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// What a database must be so that a commit that is acknowledged is one that stays.
pub(super) fn check(client: &mut Client) -> Result<()> {
    let sql = "SELECT current_setting('synchronous_commit'), current_setting('fsync'), \
               current_setting('server_encoding'), version()";
    let rows = client.query_once(sql)?;
    let row = rows.first().ok_or(Error::NoRows)?;
    let (commit, fsync, encoding): (&str, &str, &str) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let version: &str = row.try_get(3)?;
    // Others speak its protocol, and in some of them the lock of those who write does nothing.
    if !version.starts_with("PostgreSQL ") || version.contains("-YB-") {
        let called = version.chars().take(60).collect::<String>();
        return Err(Error::Unfit(format!(
            "it is no PostgreSQL, and calls itself {called}: seats could be given out twice"
        )));
    }
    let wrong = |name: &str, value: &str, wanted: &str| {
        Error::Unfit(format!("{name} is {value}, and has to be {wanted}: what it acknowledges could be lost"))
    };
    match (commit, fsync, encoding) {
        ("on" | "remote_apply", "on", "UTF8") => Ok(()),
        ("on" | "remote_apply", "on", other) => {
            Err(Error::Unfit(format!("its encoding is {other}, and has to be UTF8")))
        }
        ("on" | "remote_apply", other, _) => Err(wrong("fsync", other, "on")),
        (other, _, _) => Err(wrong("synchronous_commit", other, "on")),
    }
}
