//! The names of what an administrator may set (`docs/spec/client-state.md`, 9).

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// What an administrator may set for a machine, a publisher or an edition.
///
/// ```
/// use keymuster_client::Setting;
/// assert_eq!("help-url".parse::<Setting>()?, Setting::HelpUrl);
/// let error = "help_ulr".parse::<Setting>().unwrap_err();
/// assert_eq!(error.to_string(), r#"there is no setting "help_ulr"; did you mean "help-url"?"#);
/// # Ok::<(), keymuster_client::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Setting {
    /// The hosts to ask, and no others.
    Host,
    /// The DNS domains in which hosts are looked for.
    Domain,
    /// The name servers to ask.
    Dns,
    /// The customer whose hosts alone are believed.
    Customer,
    /// Whether a host that answered is remembered and asked first.
    Caching,
    /// From an attempt that came to nothing to the next.
    ActivationInterval,
    /// From one renewal to the next.
    RenewalInterval,
    /// By what the product may be activated.
    Way,
    /// Where the customer helps its own users.
    HelpUrl,
    /// Whether requests carry the machine's name.
    SendName,
}

impl Setting {
    /// All of them, in the order in which they are shown.
    pub const ALL: &'static [Setting] = &[
        Setting::Host,
        Setting::Domain,
        Setting::Dns,
        Setting::Customer,
        Setting::Caching,
        Setting::ActivationInterval,
        Setting::RenewalInterval,
        Setting::Way,
        Setting::HelpUrl,
        Setting::SendName,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Setting::Host => "host",
            Setting::Domain => "domain",
            Setting::Dns => "dns",
            Setting::Customer => "customer",
            Setting::Caching => "caching",
            Setting::ActivationInterval => "activation-interval",
            Setting::RenewalInterval => "renewal-interval",
            Setting::Way => "way",
            Setting::HelpUrl => "help-url",
            Setting::SendName => "send-name",
        }
    }

    /// What it may be, for people who type it.
    pub fn expects(self) -> &'static str {
        match self {
            Setting::Host => {
                "1 to 6 names or IP addresses, and perhaps ports: kms.example, kms.example:1688, [2001:db8::1]:1688"
            }
            Setting::Domain => "1 to 6 DNS domains: corp.example,eu.corp.example",
            Setting::Dns => {
                "1 to 3 IP addresses of name servers, and perhaps ports: 10.0.0.53, 127.0.0.1:5353, [2001:db8::53]:53"
            }
            Setting::Customer => "a customer's name, as the publisher has it: muster-works",
            Setting::Caching | Setting::SendName => "on or off",
            Setting::ActivationInterval | Setting::RenewalInterval => {
                "a whole number and a unit: 15m, \"15 minutes\", 2h, \"30 days\""
            }
            Setting::Way => "any, host or mak",
            Setting::HelpUrl => "an address that begins with https:// or http://",
        }
    }

    /// What happens where nobody has set it.
    pub fn when_unset(self) -> &'static str {
        match self {
            Setting::Host => "found by DNS",
            Setting::Domain => "those of the machine",
            Setting::Dns => "those of the system",
            Setting::Customer => "whoever answers first",
            _ => "none",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Setting> {
        Setting::ALL.iter().copied().find(|setting| setting.name() == name)
    }

    /// Whether it is a length of time, with a range that the publisher signed.
    pub fn is_interval(self) -> bool {
        matches!(self, Setting::ActivationInterval | Setting::RenewalInterval)
    }
}

impl FromStr for Setting {
    type Err = Error;

    fn from_str(text: &str) -> Result<Setting, Error> {
        let nearest = || nearest(text, Setting::ALL.iter().map(|setting| setting.name()));
        Setting::named(text).ok_or_else(|| Error::SettingUnknown { name: text.to_owned(), nearest: nearest() })
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The name that differs least from what was typed; names are few, so there is always one worth showing.
pub(super) fn nearest(typed: &str, names: impl Iterator<Item = &'static str>) -> &'static str {
    let typed = typed.to_ascii_lowercase();
    names.min_by_key(|name| strsim::levenshtein(&typed, name)).unwrap_or_default()
}
