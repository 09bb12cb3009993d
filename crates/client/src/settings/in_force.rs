//! Which value of each setting counts, and who said so (`docs/spec/client-state.md`, 9.1).

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use keymuster_core::catalogue::Interval;
use keymuster_core::id::Slug;
use keymuster_core::lease::Lease;
use keymuster_core::time::duration_words;

use super::file::{Content, FILE, SettingsFile};
use super::tokens::{TokenDirectory, Tokens};
use super::{HostAddress, Setting, SettingFault, SettingScope, SettingValue, Settings, Ways};
use crate::product::Product;
use crate::status::HelpUrl;

/// A setting with the value that counts for one product.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct EffectiveSetting {
    /// Which setting.
    pub setting: Setting,
    /// The value; `None` where nobody has set it, and [`Setting::when_unset`] holds.
    pub value: Option<SettingValue>,
    /// Who said so.
    pub source: SettingSource,
    /// The range that the publisher allows, for a length of time.
    pub range: Option<Interval>,
    /// The value where nobody sets one.
    pub default: Option<SettingValue>,
    /// A value of the settings file that does not count although nothing narrower overrides it, and why.
    pub ignored: Option<String>,
}

/// Who chose a value.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SettingSource {
    /// The product itself, or an option of the command line.
    Product,
    /// A variable of the environment.
    Environment,
    /// The settings file.
    File(SettingScope),
    /// A token file.
    Token(PathBuf),
    /// The host, by the lease that is held.
    Host,
    /// The publisher, by the licence pack.
    Publisher,
    /// Nobody: it is built in.
    BuiltIn,
}

/// The settings that count for one product.
#[derive(Clone, Debug)]
pub(crate) struct InForce {
    pub settings: Vec<EffectiveSetting>,
    /// What in the file does not count, for whichever product.
    pub faults: Vec<SettingFault>,
}

/// All that has a say.
pub(crate) struct Sources<'a> {
    pub own: &'a Settings,
    pub file: &'a SettingsFile,
    pub tokens: &'a TokenDirectory,
    pub product: &'a Product,
    /// The lease that is held, valid or not.
    pub lease: Option<&'a Lease>,
}

type Said = Option<(SettingValue, SettingSource)>;

impl Setting {
    /// The range that a product's publisher allows, for a length of time.
    pub(crate) fn range(self, product: &Product) -> Option<Interval> {
        let policy = &product.catalogue().policy;
        match self {
            Setting::ActivationInterval => Some(policy.retry),
            Setting::RenewalInterval => Some(policy.renew),
            _ => None,
        }
    }
}

impl Sources<'_> {
    /// Finds what counts.
    pub fn in_force(&self) -> InForce {
        let content = self.file.content();
        let tokens = self.tokens.content();
        let mut faults = content.faults.clone();
        faults.extend(tokens.faults.iter().cloned().chain(tokens.faults_for(self.product)));
        let settings = Setting::ALL.iter().copied().map(|setting| match setting.range(self.product) {
            Some(range) => self.interval(setting, range, &content, &mut faults),
            None => self.plain(setting, &content, &tokens),
        });
        InForce { settings: settings.collect(), faults }
    }

    fn plain(&self, setting: Setting, content: &Content, tokens: &Tokens) -> EffectiveSetting {
        let of_publisher = || (setting == Setting::HelpUrl).then(|| self.publishers_page()).flatten();
        let default = of_publisher().or_else(|| Some((built_in(setting)?, SettingSource::BuiltIn)));
        let said = self.of_product(setting);
        let said = said.or_else(|| self.of_environment(setting)).or_else(|| self.of_file(setting, content));
        let said = said.or_else(|| self.of_tokens(setting, tokens));
        let said = said.or_else(|| (setting == Setting::HelpUrl).then(|| self.hosts_page()).flatten());
        let (value, source) = said.or_else(|| default.clone()).unzip();
        let source = source.unwrap_or(SettingSource::BuiltIn);
        EffectiveSetting {
            setting,
            value,
            source,
            range: None,
            default: default.map(|(value, _)| value),
            ignored: None,
        }
    }

    /// A length of time: the host's while a lease is held, then the file's, if the publisher allows it.
    fn interval(
        &self,
        setting: Setting,
        range: Interval,
        content: &Content,
        faults: &mut Vec<SettingFault>,
    ) -> EffectiveSetting {
        let mut ignored = Vec::new();
        let mut secs = (range.default_secs, SettingSource::Publisher);
        if let Some((SettingValue::Secs(chosen), scope)) = content.find(setting, self.product) {
            match (range.check(setting.name(), *chosen), self.lease) {
                (Err(_), _) => {
                    let fault = self.out_of_range(setting, *chosen, &scope, range);
                    ignored.push(fault.why.clone());
                    faults.push(fault);
                }
                (Ok(()), None) => secs = (*chosen, SettingSource::File(scope)),
                (Ok(()), Some(_)) => ignored.push(format!(
                    "{} of {FILE} does not count, because the host's does while a lease is held",
                    duration_words(*chosen)
                )),
            }
        }
        match self.lease {
            Some(lease) if setting == Setting::RenewalInterval => {
                secs = (lease.renew_after.secs_since(lease.issued), SettingSource::Host);
            }
            Some(lease) => match lease.retry_secs.filter(|secs| range.check(setting.name(), *secs).is_err()) {
                None => secs = (lease.retry_secs.unwrap_or(range.default_secs), SettingSource::Host),
                Some(absurd) => ignored.push(format!("the host's {} is outside the range", duration_words(absurd))),
            },
            None => {}
        }
        let (value, source) = (Some(SettingValue::Secs(secs.0)), secs.1);
        let default = Some(SettingValue::Secs(range.default_secs));
        let ignored = (!ignored.is_empty()).then(|| ignored.join("; "));
        EffectiveSetting { setting, value, source, range: Some(range), default, ignored }
    }

    fn out_of_range(&self, setting: Setting, secs: u64, scope: &SettingScope, range: Interval) -> SettingFault {
        let place = match scope {
            SettingScope::Machine => setting.name().to_owned(),
            SettingScope::Publisher(publisher) => format!("publishers.{publisher}.{setting}"),
            SettingScope::Edition(publisher, edition) => format!("editions.{publisher}/{edition}.{setting}"),
        };
        let [value, min, max] = [secs, range.min_secs, range.max_secs].map(duration_words);
        let publisher = self.product.publisher();
        let why = format!("{value} is outside the range that {publisher} allows, from {min} to {max}");
        SettingFault { file: self.file.path(), place, why, is_out_of_range: true }
    }

    fn of_product(&self, setting: Setting) -> Said {
        let Settings { host, domains, dns_servers, caching, ways, help_url, send_name, .. } = self.own;
        let value = match setting {
            Setting::Host => host.clone().map(|host| SettingValue::Hosts(vec![host])),
            Setting::Domain => set(domains).map(SettingValue::Domains),
            Setting::Dns => set(dns_servers).map(SettingValue::Servers),
            Setting::Caching => caching.map(SettingValue::Switch),
            Setting::Way => ways.map(SettingValue::Ways),
            Setting::HelpUrl => help_url.clone().map(SettingValue::Page),
            Setting::SendName => send_name.map(SettingValue::Switch),
            Setting::Customer | Setting::ActivationInterval | Setting::RenewalInterval => None,
        };
        Some((value?, SettingSource::Product))
    }

    fn of_environment(&self, setting: Setting) -> Said {
        let environment = &self.own.environment;
        let value = match setting {
            Setting::Host => environment.host.clone().map(|host| SettingValue::Hosts(vec![host])),
            Setting::Domain => set(&environment.domains).map(SettingValue::Domains),
            Setting::Dns => set(&environment.dns_servers).map(SettingValue::Servers),
            _ => None,
        };
        Some((value?, SettingSource::Environment))
    }

    fn of_file(&self, setting: Setting, content: &Content) -> Said {
        let (value, scope) = content.find(setting, self.product)?;
        Some((value.clone(), SettingSource::File(scope)))
    }

    fn of_tokens(&self, setting: Setting, tokens: &Tokens) -> Said {
        let (value, file) = tokens.find(setting, self.product)?;
        Some((value.clone(), SettingSource::Token(file.to_path_buf())))
    }

    fn hosts_page(&self) -> Said {
        Some((SettingValue::Page(self.lease?.help_url.clone()?), SettingSource::Host))
    }

    fn publishers_page(&self) -> Said {
        Some((SettingValue::Page(self.product.catalogue().help_url.clone()?), SettingSource::Publisher))
    }
}

fn set<T: Clone>(list: &[T]) -> Option<Vec<T>> {
    (!list.is_empty()).then(|| list.to_vec())
}

fn built_in(setting: Setting) -> Option<SettingValue> {
    match setting {
        Setting::Caching => Some(SettingValue::Switch(true)),
        Setting::SendName => Some(SettingValue::Switch(false)),
        Setting::Way => Some(SettingValue::Ways(Ways::Any)),
        _ => None,
    }
}

/// The values by their types. Each setting has values of one type only.
impl InForce {
    pub fn of(&self, setting: Setting) -> &EffectiveSetting {
        let found = self.settings.iter().find(|effective| effective.setting == setting);
        found.expect("every setting is among them")
    }

    /// The hosts set by hand, and who set them.
    pub fn hosts(&self) -> Option<(&[HostAddress], &SettingSource)> {
        let effective = self.of(Setting::Host);
        match &effective.value {
            Some(SettingValue::Hosts(addresses)) => Some((addresses, &effective.source)),
            _ => None,
        }
    }

    /// The customer whose hosts alone are believed.
    pub fn customer(&self) -> Option<&Slug> {
        match &self.of(Setting::Customer).value {
            Some(SettingValue::Customer(customer)) => Some(customer),
            _ => None,
        }
    }

    pub fn domains(&self) -> Option<&[String]> {
        match &self.of(Setting::Domain).value {
            Some(SettingValue::Domains(domains)) => Some(domains),
            _ => None,
        }
    }

    pub fn dns_servers(&self) -> Option<&[SocketAddr]> {
        match &self.of(Setting::Dns).value {
            Some(SettingValue::Servers(servers)) => Some(servers),
            _ => None,
        }
    }

    pub fn is_on(&self, setting: Setting) -> bool {
        self.of(setting).value == Some(SettingValue::Switch(true))
    }

    /// From a failed attempt to the next: the publisher's range with the value that counts.
    pub fn retry(&self) -> Interval {
        let effective = self.of(Setting::ActivationInterval);
        let range = effective.range.expect("a length of time has a range");
        match effective.value {
            Some(SettingValue::Secs(default_secs)) => Interval { default_secs, ..range },
            _ => range,
        }
    }

    pub fn ways(&self) -> (Ways, &SettingSource) {
        let effective = self.of(Setting::Way);
        match effective.value {
            Some(SettingValue::Ways(ways)) => (ways, &effective.source),
            _ => (Ways::Any, &effective.source),
        }
    }

    pub fn help_url(&self) -> Option<HelpUrl> {
        let effective = self.of(Setting::HelpUrl);
        match &effective.value {
            Some(SettingValue::Page(url)) => Some(HelpUrl { url: url.clone(), source: effective.source.clone() }),
            _ => None,
        }
    }
}

impl fmt::Display for SettingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingSource::Product => f.write_str("product or command line"),
            SettingSource::Environment => f.write_str("environment"),
            SettingSource::File(SettingScope::Machine) => f.write_str(FILE),
            SettingSource::File(SettingScope::Publisher(publisher)) => write!(f, "{FILE}, publisher {publisher}"),
            SettingSource::File(SettingScope::Edition(publisher, edition)) => {
                write!(f, "{FILE}, edition {publisher}/{edition}")
            }
            SettingSource::Token(file) => write!(f, "{}", file.display()),
            SettingSource::Host => f.write_str("host"),
            SettingSource::Publisher => f.write_str("publisher"),
            SettingSource::BuiltIn => f.write_str("built in"),
        }
    }
}
