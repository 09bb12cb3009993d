//! From the products that somebody owns to host keys, hosts, updates, packs, and the order of their installation.
//!
//! Generations order everything: a host key covers products of its generation and older, and a system can hold it if
//! the published table says so. What is not in a table is not promised.

mod data;

use std::fmt;

pub use data::{HostKey, OfficePack, Owned, System};
use data::{host_keys, office_pack, products, system, systems};

/// A Windows client is activated from this count on.
pub const CLIENTS_NEEDED: u64 = 25;
/// Windows Server and Office are activated from this count on.
pub const SERVERS_NEEDED: u64 = 5;

/// More products than exist.
pub const WANTED_MAX: usize = 64;

/// A product that is owned, and how many machines have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which.
    pub product: &'static Owned,
    /// On how many machines, if that was said.
    pub count: Option<u64>,
}

/// Why a product or system was not understood.
#[derive(Debug, PartialEq, Eq)]
pub struct NotKnown {
    text: String,
    like_it: Vec<&'static str>,
}

impl fmt::Display for NotKnown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = self.text.chars().take(60).collect();
        write!(f, "{text:?} is not known; like it: {}", self.like_it.join(", "))
    }
}

/// A host to be set up: the system, its keys and what they need.
#[derive(Debug, PartialEq, Eq)]
pub struct Host {
    /// The oldest system that can hold all its keys, or the one that was asked for.
    pub system: &'static System,
    /// The Windows host key, if Windows is to be activated by it.
    pub key: Option<&'static HostKey>,
    /// Updates that the system needs for its keys.
    pub updates: Vec<String>,
    /// Packs of Office.
    pub packs: Vec<&'static OfficePack>,
    /// What it activates.
    pub activates: Vec<&'static str>,
}

/// Whether a threshold is reached by the numbers that were given.
#[derive(Debug, PartialEq, Eq)]
pub struct Threshold {
    /// For whom.
    pub who: &'static str,
    /// How many are needed.
    pub needed: u64,
    /// How many there are at each host; `None` where a number is missing.
    pub counted: Option<u64>,
}

impl Threshold {
    /// Whether it is reached, as far as that can be said.
    pub fn is_reached(&self) -> Option<bool> {
        self.counted.map(|counted| counted >= self.needed)
    }
}

/// A whole plan.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Hosts, the main one first.
    pub hosts: Vec<Host>,
    /// Thresholds.
    pub thresholds: Vec<Threshold>,
    /// KMS or something else.
    pub advice: Vec<String>,
    /// What is to be done, in this order.
    pub order: Vec<String>,
    /// What cannot be, and why.
    pub refused: Vec<String>,
}

/// What is to be planned.
#[derive(Debug)]
pub struct Question<'a> {
    /// The products that are owned.
    pub wanted: &'a [Wanted],
    /// The system of the host, if it is there already.
    pub on: Option<&'static System>,
    /// How many hosts share the machines.
    pub hosts: u64,
}

/// A product as `NAME` or `NAME=COUNT`.
pub fn wanted(text: &str) -> Result<Wanted, NotKnown> {
    let (name, count) = match text.rsplit_once('=') {
        Some((name, count)) => (name, Some(count)),
        None => (text, None),
    };
    let names = || products().iter().map(|product| product.name);
    let not_known = || NotKnown { text: text.to_owned(), like_it: data::like(name, names()) };
    let product = data::named(name, products(), |product| product.name).ok_or_else(not_known)?;
    let count = count.map(|count| count.trim().parse::<u64>().map_err(|_| not_known())).transpose()?;
    Ok(Wanted { product, count })
}

/// A system by its name.
pub fn system_named(text: &str) -> Result<&'static System, NotKnown> {
    let names = systems().iter().map(|system| system.name);
    system(text).ok_or_else(|| NotKnown { text: text.to_owned(), like_it: data::like(text, names) })
}

/// Plans.
pub fn plan(question: &Question<'_>) -> Plan {
    let mut plan = Plan::default();
    let windows: Vec<&Owned> =
        question.wanted.iter().map(|wanted| wanted.product).filter(|product| !product.is_office()).collect();
    // A product that newer keys do not cover needs a host with an older key of its own: a host holds one Windows key.
    let (old, new): (Vec<&Owned>, Vec<&Owned>) = windows.iter().partition(|product| {
        let newest = windows.iter().map(|product| product.needs).max().unwrap_or_default();
        product.until.is_some_and(|until| until < newest)
    });
    let packs = packs(question.wanted);
    let main = if new.is_empty() { &old } else { &new };
    plan.host(main, &packs, question.on);
    if !new.is_empty() && !old.is_empty() {
        plan.host(&old, &[], None);
    }
    plan.thresholds(question);
    plan.advise(question);
    plan.put_in_order(question);
    plan
}

fn packs(wanted: &[Wanted]) -> Vec<&'static OfficePack> {
    let mut packs: Vec<&OfficePack> = wanted.iter().filter_map(|wanted| office_pack(wanted.product)).collect();
    packs.sort_by_key(|pack| pack.version);
    packs.dedup();
    packs
}

impl Plan {
    /// Adds a host for these products of Windows and packs of Office.
    fn host(&mut self, windows: &[&'static Owned], packs: &[&'static OfficePack], on: Option<&'static System>) {
        let key = match host_key(windows, on) {
            Ok(key) => key,
            Err(why) => return self.refused.push(why),
        };
        let systems = match on {
            Some(system) => vec![system],
            None => systems().iter().filter(|system| key.is_some() || system.is_server).collect::<Vec<_>>(),
        };
        let mut why_not = Vec::new();
        let fits = |system: &&&'static System| match refusals(system, key, packs) {
            refusals if refusals.is_empty() => true,
            refusals => {
                why_not = refusals;
                false
            }
        };
        let Some(system) = systems.iter().find(fits) else {
            if on.is_none() {
                why_not.push(
                    "no system can hold all of these: plan Windows and Office apart, on hosts of their own".to_owned(),
                );
            }
            return self.refused.extend(why_not);
        };
        let update = key.and_then(|key| key.update(system));
        let updates =
            update.map(|update| format!("{update}, so that {} knows the key", system.name)).into_iter().collect();
        let activates = windows.iter().map(|product| product.name).chain(packs.iter().map(|pack| pack.name)).collect();
        self.hosts.push(Host { system, key, updates, packs: packs.to_vec(), activates });
    }

    fn thresholds(&mut self, question: &Question<'_>) {
        let hosts = question.hosts.max(1);
        let count = |fits: &dyn Fn(&Wanted) -> bool| -> Option<u64> {
            let counts = question.wanted.iter().filter(|wanted| fits(wanted)).map(|wanted| wanted.count);
            counts.sum::<Option<u64>>().map(|sum| sum / hosts)
        };
        let has = |kind: &str| question.wanted.iter().any(|wanted| wanted.product.kind == kind);
        let windows = count(&|wanted| !wanted.product.is_office());
        if has("server") {
            self.thresholds.push(Threshold { who: "Windows Server", needed: SERVERS_NEEDED, counted: windows });
        }
        if has("client") {
            self.thresholds.push(Threshold { who: "Windows clients", needed: CLIENTS_NEEDED, counted: windows });
        }
        for wanted in question.wanted.iter().filter(|wanted| wanted.product.is_office()) {
            let counted = wanted.count.map(|count| count / hosts);
            self.thresholds.push(Threshold { who: wanted.product.name, needed: SERVERS_NEEDED, counted });
        }
    }

    fn advise(&mut self, question: &Question<'_>) {
        for threshold in &self.thresholds {
            let who = threshold.who;
            self.advice.push(match (threshold.is_reached(), threshold.counted) {
                (Some(true), Some(counted)) => {
                    format!("{who}: KMS; {counted} machines ask, {} are needed", threshold.needed)
                }
                (_, Some(counted)) => format!(
                    "{who}: no KMS for now; {counted} machines ask, {} are needed, {} are missing. Use a MAK, or \
                        Active Directory activation in a domain, which has no threshold",
                    threshold.needed,
                    threshold.needed - counted
                ),
                (_, None) => {
                    format!("{who}: KMS from {} machines on; say how many there are (NAME=COUNT)", threshold.needed)
                }
            });
        }
        for key in self.hosts.iter().filter_map(|host| host.key) {
            if !question.wanted.iter().any(|wanted| key.name.starts_with(wanted.product.name)) {
                self.advice.push(format!(
                    "the host key of {} is needed, though that product was not named: look for it in the volume \
                        licensing portal, or ask there",
                    key.name
                ));
            }
        }
        let all: Option<u64> = question.wanted.iter().map(|wanted| wanted.count).sum();
        if question.hosts <= 1 && all.is_some_and(|all| all > 50) {
            self.advice.push(
                "with more than 50 machines set up two hosts, so that one may fail; each counts for itself".to_owned(),
            );
        }
        if question.hosts > 1 {
            self.advice
                .push(format!("{} hosts share the machines, and each counts only those that ask it", question.hosts));
        }
        self.advice
            .push("Windows clients and servers add up to one count; each version of Office has its own".to_owned());
        self.advice.push(
            "machines that are away from the network for more than 180 days are better off with a MAK".to_owned(),
        );
    }

    fn put_in_order(&mut self, question: &Question<'_>) {
        for host in &self.hosts {
            let system = host.system;
            let is_there = question.on == Some(system);
            self.order.push(format!(
                "{} {}, with all its updates",
                if is_there { "take" } else { "install" },
                system.name
            ));
            self.order.extend(host.updates.iter().map(|update| format!("install update {update}; restart")));
            if system.is_server && system.rank >= ROLE_SINCE {
                self.order.push("Install-WindowsFeature -Name VolumeActivation -IncludeManagementTools".to_owned());
            }
            if let Some(key) = host.key {
                self.order.push(format!(
                    "slmgr /ipk HOST-KEY, with the host key of {}; it replaces the host's own key, and is secret",
                    key.name
                ));
                self.order.push(
                    "slmgr /ato, which activates the host with Microsoft once; without internet: slmgr \
                    /dti, slmgr /atp"
                        .to_owned(),
                );
            }
            for pack in &host.packs {
                self.order.push(pack.step());
            }
            self.order
                .push("Enable-NetFirewallRule -Name SPPSVC-In-TCP: TCP port 1688 is closed until then".to_owned());
        }
        if !self.hosts.is_empty() {
            self.order.push(
                "see that DNS has the record: nslookup -type=srv _vlmcs._tcp, or `keymuster microsoft dns --domain DOMAIN`"
                    .to_owned(),
            );
            self.order.push(
                "put setup keys on machines that have another key: `keymuster microsoft convert --to kms`".to_owned(),
            );
            self.order
                .push("try one client: slmgr /ato; `0xC004F038, count too low` proves that the host works".to_owned());
            self.order
                .push("read the count on the host: slmgr /dlv, explained by `keymuster microsoft status`".to_owned());
        }
    }
}

/// Windows Server 2012 brought the role.
const ROLE_SINCE: u32 = 30;

/// The oldest host key that covers all of these; none is needed where there is no Windows.
fn host_key(windows: &[&'static Owned], on: Option<&System>) -> Result<Option<&'static HostKey>, String> {
    let Some(needs) = windows.iter().map(|product| product.needs).max() else { return Ok(None) };
    let group =
        windows.iter().filter(|product| product.needs == needs).map(|product| product.group).max().unwrap_or_default();
    let has_server = windows.iter().any(|product| product.kind == "server");
    if let Some(system) = on.filter(|system| has_server && !system.is_server) {
        return Err(format!(
            "{} cannot be the host: a host on a client system activates clients alone, and servers are to be activated",
            system.name
        ));
    }
    let fits = |key: &&HostKey| {
        // A host on a client system activates clients alone, and a server's key is for servers.
        let is_kind = key.is_server == (has_server || on.map_or(needs > CLIENT_KEY_LAST, |system| system.is_server));
        is_kind && key.generation >= needs && (key.group.is_empty() || key.group >= group)
    };
    let mut keys: Vec<&HostKey> = host_keys().iter().filter(fits).collect();
    keys.sort_by_key(|key| (key.generation, key.group));
    // On a system that is there already, the oldest key that it can hold.
    let held = on.and_then(|system| keys.iter().find(|key| key.hosts.contains(&system.name)));
    match held.or(keys.first()) {
        Some(key) => Ok(Some(key)),
        None => Err("no host key for a client system covers these products: use a Windows Server as host".to_owned()),
    }
}

/// The newest generation for which there is a host key for client systems.
const CLIENT_KEY_LAST: u32 = 45;

/// Why a system cannot hold these.
fn refusals(system: &System, key: Option<&HostKey>, packs: &[&'static OfficePack]) -> Vec<String> {
    let key = key.filter(|key| !key.hosts.contains(&system.name)).map(|key| {
        format!("the host key of {} cannot be held by {}; it can by {}", key.name, system.name, key.hosts.join(", "))
    });
    key.into_iter().chain(packs.iter().filter_map(|pack| pack.refusal(system))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn planned(products: &[&str], on: Option<&str>, hosts: u64) -> Plan {
        let wanted: Vec<Wanted> = products.iter().map(|text| wanted(text).unwrap()).collect();
        plan(&Question { wanted: &wanted, on: on.map(|on| system_named(on).unwrap()), hosts })
    }

    #[test]
    fn the_key_its_oldest_host_and_its_update() {
        type Case<'a> = (&'a [&'a str], Option<&'a str>, &'a str, &'a str, &'a str);
        let table: &[Case<'_>] = &[
            (
                &["Windows 11=40", "Windows Server 2019=3"],
                None,
                "Windows Server 2022",
                "Windows Server 2016",
                "KB5003638",
            ),
            (&["Windows Server 2022", "Office LTSC 2024"], None, "Windows Server 2022", "Windows Server 2022", ""),
            (&["Windows Server 2025"], None, "Windows Server 2025", "Windows Server 2019", "KB5034768"),
            (&["Windows 10"], Some("Windows 10"), "Windows 10", "Windows 10", ""),
            (
                &["Windows 10"],
                Some("Windows Server 2012 R2"),
                "Windows Server 2012 R2 for Windows 10",
                "Windows Server 2012 R2",
                "3172614",
            ),
            (
                &["Windows 7", "Windows Server 2008 R2 Standard"],
                None,
                "Windows Server 2008 R2 group B",
                "Windows Server 2008",
                "968912",
            ),
            (
                &["Windows Server 2008 R2 Datacenter", "Windows Server 2008 Web"],
                None,
                "Windows Server 2008 R2 group C",
                "Windows Server 2008",
                "968912",
            ),
            (&["Windows Vista", "Windows 7"], None, "Windows 7", "Windows Vista", "968912"),
        ];
        for (products, on, key, system, update) in table {
            let plan = planned(products, *on, 1);
            let [host] = plan.hosts.as_slice() else { panic!("{products:?}: {plan:?}") };
            assert_eq!((host.key.unwrap().name, host.system.name), (*key, *system), "{products:?}");
            assert_eq!(host.updates.is_empty(), update.is_empty(), "{products:?}: {host:?}");
            assert!(host.updates.iter().all(|text| text.contains(update)), "{products:?}: {host:?}");
        }
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        let table: &[(&[&str], &str, &str)] = &[
            (&["Office 2010"], "Windows Server 2008", "Office 2010"),
            (&["Office LTSC 2024"], "Windows Server 2019", "Windows Server 2022"),
            (&["Windows Server 2022"], "Windows Server 2012 R2", "cannot be held"),
            (&["Windows Server 2022"], "Windows 10", "activates clients alone"),
            (&["Windows 11"], "Windows 10", "use a Windows Server"),
            (&["Windows 10"], "Windows Server 2008", "cannot be held"),
        ];
        for (products, on, why) in table {
            let plan = planned(products, Some(on), 1);
            assert!(
                plan.hosts.is_empty() && plan.refused.iter().any(|text| text.contains(why)),
                "{products:?}: {plan:?}"
            );
        }
        assert!(!planned(&["Office 2010"], Some("Windows Server 2008 R2"), 1).hosts.is_empty());
    }

    #[test]
    fn vista_beside_newer_products_needs_a_host_of_its_own() {
        let plan = planned(&["Windows Vista=5", "Windows Server 2022=10"], None, 1);
        let keys: Vec<&str> = plan.hosts.iter().map(|host| host.key.unwrap().name).collect();
        assert_eq!(keys, ["Windows Server 2022", "Windows Vista"]);
    }

    #[test]
    fn thresholds_by_the_numbers() {
        let reached = |products: &[&str], hosts| -> Vec<Option<bool>> {
            planned(products, None, hosts).thresholds.iter().map(Threshold::is_reached).collect()
        };
        assert_eq!(
            reached(&["Windows 10=20", "Windows Server 2019=5", "Office 2019=4"], 1),
            [Some(true), Some(true), Some(false)]
        );
        assert_eq!(reached(&["Windows 10=20", "Windows Server 2019=4"], 1), [Some(true), Some(false)]);
        assert_eq!(reached(&["Windows 10=40"], 2), [Some(false)]);
        assert_eq!(reached(&["Windows 10"], 1), [None]);
        assert!(
            planned(&["Windows 10=15"], None, 1)
                .advice
                .iter()
                .any(|text| text.contains("MAK") && text.contains("10 are missing"))
        );
    }

    #[test]
    fn names_are_found_as_people_write_them() {
        for (text, name) in [
            ("server 2008r2", "Windows Server 2008 R2"),
            ("win 11=3", "Windows 11"),
            ("Office LTSC 2024", "Office LTSC 2024"),
            ("windows 8", "Windows 8"),
        ] {
            assert_eq!(wanted(text).unwrap().product.name, name);
        }
        assert!(wanted("Windows 12").unwrap_err().to_string().contains("Windows 11"));
        assert!(wanted("Windows 10=many").is_err());
    }

    proptest! {
        #[test]
        fn every_set_of_products_has_a_plan_or_a_reason(places in prop::collection::vec((0_usize..38, prop::option::of(any::<u64>())), 1..8), on in prop::option::of(0_usize..15), hosts in any::<u64>()) {
            let wanted: Vec<Wanted> = places.into_iter().map(|(place, count)| Wanted { product: &products()[place], count: count.map(|count| count >> 8) }).collect();
            let plan = plan(&Question { wanted: &wanted, on: on.map(|place| &systems()[place]), hosts });
            prop_assert!(!plan.hosts.is_empty() || !plan.refused.is_empty());
            for host in &plan.hosts {
                prop_assert!(refusals(host.system, host.key, &host.packs).is_empty());
            }
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,60}") {
            let _ = (wanted(&text), system_named(&text));
        }
    }
}
