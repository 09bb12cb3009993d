//! What the settings mean for one client: whom it may ask, how often, and what it tells.

use keymuster_core::catalogue::Interval;
use keymuster_core::id::Label;
use keymuster_core::request::Act;

use super::{EffectiveSetting, InForce, Setting, Sources, Ways};
use crate::answer::Held;
use crate::client::{Client, Loaded};
use crate::discovery::Finder;
use crate::error::Error;

impl Client {
    /// The settings that count for this client now, each with its source, in the order of [`Setting::ALL`].
    ///
    /// ```
    /// # use keymuster_client::{Client, Error, Product, Setting, SettingSource, Settings};
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let store = directory.path().to_path_buf();
    /// # let trust = include_str!("../../examples/aurora.trust");
    /// # let product = Product::new(trust, include_bytes!("../../examples/aurora.pack"), "desk-pro-2026")?;
    /// let client = Client::open_with(product, Settings { store, ..Settings::default() })?;
    /// let caching = &client.settings()[4];
    /// assert_eq!(caching.setting, Setting::Caching);
    /// assert_eq!(caching.value.as_ref().unwrap().to_string(), "on");
    /// assert_eq!(caching.source, SettingSource::BuiltIn);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn settings(&self) -> Vec<EffectiveSetting> {
        self.in_force(&self.current()).settings
    }

    pub(crate) fn in_force(&self, loaded: &Loaded) -> InForce {
        let lease = loaded.held.as_ref().and_then(Held::lease).map(|(lease, _)| lease);
        let shared = &self.shared;
        let (own, file, tokens) = (&shared.settings, &shared.settings_file, &shared.tokens);
        Sources { own, file, tokens, product: &shared.product, lease }.in_force()
    }

    /// Where hosts are looked for, from now on and for one attempt.
    pub(crate) fn finder(&self) -> Finder<'_> {
        Finder::new(&self.shared.settings, self.in_force(&self.current()))
    }

    /// From a failed attempt to the next: the value that counts, in the publisher's range.
    pub(crate) fn retry(&self) -> Interval {
        self.in_force(&self.current()).retry()
    }

    /// Whether the machine's settings allow what is about to be asked for. A lease can be given back in any case.
    pub(crate) fn check_way(&self, act: Act) -> Result<(), Error> {
        let in_force = self.in_force(&self.current());
        let (allowed, source) = in_force.ways();
        match (allowed, act) {
            (Ways::Host, Act::Mak) | (Ways::Mak, Act::Activate) => {
                Err(Error::WayNotAllowed { allowed, source: source.clone() })
            }
            _ => Ok(()),
        }
    }

    /// The machine's name, where it may be sent.
    pub(crate) fn name_sent(&self) -> Option<Label> {
        let may_be_sent = self.in_force(&self.current()).is_on(Setting::SendName);
        may_be_sent.then(|| self.shared.settings.machine_name.clone().or_else(machine_name)).flatten()
    }
}

#[cfg(unix)]
fn machine_name() -> Option<Label> {
    Label::cut(&rustix::system::uname().nodename().to_string_lossy())
}

#[cfg(not(unix))]
fn machine_name() -> Option<Label> {
    Label::cut(&std::env::var("COMPUTERNAME").unwrap_or_default())
}
