//! What may be set for a client, by whom, and what counts (`docs/spec/client-state.md`, 9).

mod address;
mod edit;
mod file;
mod in_force;
mod name;
mod of_client;
mod tokens;
mod value;

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use keymuster_core::id::Label;

use crate::env::Env;
use crate::error::Error;
pub(crate) use address::name_server;

pub use address::{HOST_PORT, HostAddress};
#[cfg(fuzzing)]
pub(crate) use file::read as read_settings_file;
pub use file::{SettingFault, SettingScope, SettingsFile};
pub use in_force::{EffectiveSetting, SettingSource};
pub(crate) use in_force::{InForce, Sources};
pub use name::Setting;
pub(crate) use tokens::TokenDirectory;
pub(crate) use value::{DOMAINS_MAX, SERVERS_MAX, domain};
pub use value::{SettingValue, Ways};

/// How one client works on one machine.
///
/// [`Settings::from_environment`] is what a product wants; the fields are for programs that know better, and count before
/// what the machine's administrator has set. [`Client::settings`](crate::Client::settings) tells what counts in the end.
///
/// ```
/// use keymuster_client::Settings;
/// let settings = Settings { host: Some("kms.example:1700".parse()?), ..Settings::default() };
/// assert_eq!(settings.host.unwrap().port, 1700);
/// # Ok::<(), keymuster_client::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// The directory of the store; by default one for the whole machine where this process may write there, else the
    /// user's own.
    pub store: PathBuf,
    /// The directory of the token files, which say where products find their hosts (`docs/spec/client-tokens.md`).
    pub tokens: PathBuf,
    /// The host to ask, set by hand; no other is looked for then.
    pub host: Option<HostAddress>,
    /// The DNS domains that are searched for hosts; empty for what the administrator says, or those of the machine.
    pub domains: Vec<String>,
    /// The name servers to ask; empty for what the administrator says, or those of the system.
    pub dns_servers: Vec<SocketAddr>,
    /// Whether a host that answered is remembered and asked first.
    pub caching: Option<bool>,
    /// By what the product may be activated.
    pub ways: Option<Ways>,
    /// Where users find help, in place of the customer's page or the publisher's.
    pub help_url: Option<Label>,
    /// Whether requests carry the machine's name; nobody's choice means that they do not.
    pub send_name: Option<bool>,
    /// The name that is sent then, in place of the machine's own.
    pub machine_name: Option<Label>,
    /// What the environment says.
    pub environment: Environment,
    /// The authority's URL in place of the one in the trust file.
    pub authority: Option<String>,
    /// The product's version, for the administrator's inventory.
    pub product_version: Option<Label>,
    /// How long to wait for others.
    pub timeouts: Timeouts,
    /// Clocks and randomness.
    pub env: Env,
}

/// What the variables of the environment say; it counts after a product's own settings, and before the settings file.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Environment {
    /// `KEYMUSTER_HOST`: `host[:port]`, IPv6 in brackets.
    pub host: Option<HostAddress>,
    /// `KEYMUSTER_DOMAIN`: a list with commas.
    pub domains: Vec<String>,
    /// `KEYMUSTER_DNS`: `address[:port]`, a list with commas.
    pub dns_servers: Vec<SocketAddr>,
}

/// How long to wait for others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// Until a connection to a host stands.
    pub connect: Duration,
    /// From then until the answer is there.
    pub answer: Duration,
    /// Until a name server has answered one try; there are two.
    pub dns: Duration,
}

impl Timeouts {
    /// For a whole attempt, whatever anybody in the network does: about a minute by default.
    pub(crate) fn attempt(&self) -> Duration {
        4 * (self.one_host() + self.dns)
    }

    /// For all addresses of one host.
    pub(crate) fn one_host(&self) -> Duration {
        self.connect + self.answer
    }

    /// The same, but no longer than `left` altogether.
    pub(crate) fn within(self, left: Duration) -> Timeouts {
        let connect = self.connect.min(left);
        Timeouts { connect, answer: self.answer.min(left.saturating_sub(connect)), ..self }
    }
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        let secs = Duration::from_secs;
        Timeouts { connect: secs(3), answer: secs(10), dns: secs(2) }
    }
}

impl Default for Settings {
    /// Everything found by itself; of the environment only the user's home is read, for the place of the store.
    fn default() -> Settings {
        Settings {
            store: default_store(),
            tokens: tokens::default_directory(),
            host: None,
            domains: Vec::new(),
            dns_servers: Vec::new(),
            caching: None,
            ways: None,
            help_url: None,
            send_name: None,
            machine_name: None,
            environment: Environment::default(),
            authority: None,
            product_version: None,
            timeouts: Timeouts::default(),
            env: Env::system(),
        }
    }
}

impl Settings {
    /// The defaults with what the environment says: `KEYMUSTER_STORE` and `KEYMUSTER_TOKENS` (directories), and the
    /// variables of [`Environment`].
    pub fn from_environment() -> Result<Settings, Error> {
        let mut settings = Settings { environment: Environment::read()?, ..Settings::default() };
        let directory = |variable| env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
        settings.store = directory("KEYMUSTER_STORE").unwrap_or(settings.store);
        settings.tokens = directory("KEYMUSTER_TOKENS").unwrap_or(settings.tokens);
        Ok(settings)
    }
}

impl Environment {
    fn read() -> Result<Environment, Error> {
        let server = |text: &String| {
            let expected = Setting::Dns.expects();
            name_server(text).ok_or_else(|| Error::Setting { name: "KEYMUSTER_DNS", value: text.clone(), expected })
        };
        Ok(Environment {
            host: list("KEYMUSTER_HOST").first().map(|host| host.parse()).transpose()?,
            domains: list("KEYMUSTER_DOMAIN"),
            dns_servers: list("KEYMUSTER_DNS").iter().map(server).collect::<Result<_, _>>()?,
        })
    }
}

/// The entries of a list in the environment; a variable that is not set is an empty list.
fn list(variable: &str) -> Vec<String> {
    let text = env::var(variable).unwrap_or_default();
    text.split([',', ' ']).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

#[cfg(unix)]
fn default_store() -> PathBuf {
    let machine = PathBuf::from("/var/lib/keymuster");
    let place = if machine.exists() { machine.as_path() } else { std::path::Path::new("/var/lib") };
    if rustix::fs::access(place, rustix::fs::Access::WRITE_OK).is_ok() {
        return machine;
    }
    let set = |variable| env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("HOME").unwrap_or_else(env::temp_dir);
    if cfg!(target_os = "macos") {
        return home().join("Library/Application Support/keymuster");
    }
    set("XDG_STATE_HOME").unwrap_or_else(|| home().join(".local/state")).join("keymuster")
}

#[cfg(not(unix))]
fn default_store() -> PathBuf {
    let set = |variable| env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let machine = set("PROGRAMDATA").map(|data| data.join("keymuster")).filter(|machine| may_write_in(machine));
    machine.unwrap_or_else(|| set("LOCALAPPDATA").unwrap_or_else(env::temp_dir).join("keymuster"))
}

/// Whether the directory is there and lets this process make files: without asking for access lists, by making one.
///
/// What a program makes in `%ProgramData%` every user may read, so only an administrator makes the directory.
#[cfg(not(unix))]
fn may_write_in(directory: &std::path::Path) -> bool {
    let probe = directory.join(format!("probe-{}", std::process::id()));
    let made = std::fs::File::create_new(&probe).is_ok();
    made && std::fs::remove_file(&probe).is_ok()
}
