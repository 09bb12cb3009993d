//! What is well and what is wrong with a product, and what to type next.

use super::{AskedHost, Channel, Product, Serving, State};
use crate::codes;
use crate::keys;
use crate::plan::{CLIENTS_NEEDED, SERVERS_NEEDED};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// As it should be.
    Fine,
    /// It works, and something should be done.
    Warning,
    /// It is not activated, or will not be.
    Wrong,
}

/// One thing that the output says.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub weight: Weight,
    /// What is so.
    pub what: String,
    /// What it means.
    pub meaning: String,
    /// What to type or do next.
    pub next: Vec<String>,
}

/// An activation by a host holds for 180 days.
const VALIDITY_MINUTES: u64 = 180 * DAY;
const DAY: u64 = 1440;
/// Windows itself begins to warn that many days before the end.
const WARN_MINUTES: u64 = 30 * DAY;
/// A renewal is due every 7 days and tried again every 2 hours: after 9 days it has failed.
const RENEWAL_LATE_MINUTES: u64 = 9 * DAY;
/// The count of a host is capped.
const COUNT_CAP: u64 = 50;
/// A host shows no more as long as only servers asked.
const COUNT_CAP_SERVERS: u64 = 10;

const ACTIVATE_MINUTES: u64 = 120;
const RENEW_MINUTES: u64 = 10_080;

/// Everything that is to be said of these products, which belong to one or several machines; the worst first.
///
/// Each comes with the place from which it was read, such as the name of a file.
pub fn judge(products: &[(String, Product)]) -> Vec<(String, Finding)> {
    let mut findings = Vec::new();
    for (place, product) in products {
        let name = if product.name.is_empty() { place.clone() } else { format!("{place}: {}", product.name) };
        let judged =
            [channel(product), state(product), by_codes(product), asked(product), late(product), intervals(product)];
        let served = product.serving.as_ref().map(|serving| served(serving, product)).unwrap_or_default();
        findings.extend(judged.into_iter().flatten().chain(served).map(|finding| (name.clone(), finding)));
    }
    findings.extend(shared_ids(products));
    findings.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.weight));
    findings
}

fn finding(weight: Weight, what: impl Into<String>, meaning: impl Into<String>) -> Finding {
    Finding { weight, what: what.into(), meaning: meaning.into(), next: Vec::new() }
}

impl Finding {
    fn then(mut self, next: impl Into<String>) -> Finding {
        self.next.push(next.into());
        self
    }
}

/// The right commands for Windows or for Office.
fn activate(product: &Product) -> &'static str {
    if product.is_office() { "cscript ospp.vbs /act" } else { "slmgr /ato" }
}

fn install(product: &Product) -> String {
    // Windows 8 and newer do not print their version, and the key of another version would be wrong.
    let says_version = product.name.contains(|c: char| c.is_ascii_digit());
    let key = keys::pick(&product.name.replace("(R)", "")).ok().filter(|_| says_version);
    match key {
        Some(key) if product.is_office() => format!("cscript ospp.vbs /inpkey:{}", key.key),
        Some(key) => format!("slmgr /ipk {}  (the setup key of {})", key.key, key.name()),
        None => "find the setup key of this edition: `keymuster microsoft keys PRODUCT EDITION`, then slmgr /ipk KEY"
            .to_owned(),
    }
}

fn channel(product: &Product) -> Option<Finding> {
    let channel = product.channel?;
    let what = format!("the key is of the channel {}", channel.name());
    let found = match channel {
        Channel::Client => {
            let key =
                product.setup_key().map(|key| format!(", the public setup key of {}", key.name())).unwrap_or_default();
            let own = if key.is_empty() {
                product.last_five.as_ref().map(|_| ", though no public setup key ends so")
            } else {
                None
            };
            finding(
                Weight::Fine,
                format!("{what}{key}{}", own.unwrap_or_default()),
                "it asks a KMS host, or Active Directory, for 180 days at a time",
            )
        }
        Channel::Mak => {
            finding(Weight::Fine, what, "it is activated with Microsoft once, asks no KMS host and counts for none")
                .then("to move it to KMS: `keymuster microsoft convert --to kms`")
        }
        Channel::Retail | Channel::Oem | Channel::Evaluation => finding(
            Weight::Wrong,
            what,
            "a key of this channel never asks a KMS host and does not count there, whatever DNS says",
        )
        .then(install(product))
        .then(activate(product)),
        Channel::Host => host_key(product, what),
    };
    Some(found)
}

/// A host key belongs on a host alone.
fn host_key(product: &Product, what: String) -> Finding {
    let count = product.serving.as_ref().and_then(|serving| serving.count).unwrap_or_default();
    let is_client_system =
        ["Windows(R) 7", "Windows(R), Pro", "Windows(R), Enterprise", "Windows(R), Business", "Windows 1"]
            .iter()
            .any(|begin| product.name.starts_with(begin));
    if count > 0 && !is_client_system {
        return finding(Weight::Fine, what, "this machine is a KMS host");
    }
    let meaning = match is_client_system {
        true => {
            "a host key lies on a client system, which thereby became a KMS host: it publishes itself in DNS, \
                activates no server, and has used up one of the key's activations"
        }
        false => {
            "this machine is a KMS host, and nobody has asked it yet; if it was meant to be a client, the host key \
                is in the wrong place and has used up an activation"
        }
    };
    finding(if is_client_system { Weight::Wrong } else { Weight::Warning }, what, meaning)
        .then(format!("if it is to be a client: {}", install(product)))
        .then("then slmgr /ato, and delete its record: nslookup -type=srv _vlmcs._tcp shows it")
}

fn state(product: &Product) -> Option<Finding> {
    let state = product.state?;
    let left = product.minutes_left.map(|minutes| format!(", {} days left", minutes / DAY)).unwrap_or_default();
    let what = format!("{}{left}", state.name());
    let is_client = matches!(product.channel, Some(Channel::Client) | None);
    let found = match state {
        State::Licensed if is_client && product.minutes_left.is_some_and(|left| left > 0 && left < WARN_MINUTES) => {
            finding(
                Weight::Warning,
                what,
                "it has not been renewed for months; when the time is over, its grace begins",
            )
            .then(activate(product))
        }
        State::Licensed => finding(Weight::Fine, what, "it is activated"),
        State::InitialGrace => {
            finding(Weight::Warning, what, "it was not activated yet; a KMS client asks every 2 hours")
                .then(activate(product))
        }
        State::AdditionalGrace => finding(
            Weight::Wrong,
            what,
            "it was activated once; then no host renewed it for 180 days, or its hardware changed",
        )
        .then(activate(product)),
        State::NonGenuineGrace => {
            finding(Weight::Wrong, what, "its key does not count as genuine").then(install(product))
        }
        State::ExtendedGrace => {
            finding(Weight::Warning, what, "its time is extended; it is to be activated").then(activate(product))
        }
        State::Notification | State::Unlicensed => {
            finding(Weight::Wrong, what, "it is not activated: it reminds its user and goes on working")
                .then(activate(product))
        }
    };
    Some(found)
}

/// The first code that is explained; the others came of it.
fn by_codes(product: &Product) -> Option<Finding> {
    let numbers: Vec<String> = product.codes.iter().map(|code| format!("0x{code:08X}")).collect();
    let code = product.codes.iter().find_map(|code| codes::find(*code))?;
    let what = format!("it names {}", numbers.join(", "));
    let mut found = finding(Weight::Wrong, what, code.meaning);
    found.next = code.remedies.iter().map(|remedy| (*remedy).to_owned()).collect();
    Some(found.then(format!("keymuster microsoft explain {}", numbers.join(" "))))
}

fn asked(product: &Product) -> Option<Finding> {
    let found = match product.host.as_ref()? {
        AskedHost::Dns(host) => finding(
            Weight::Fine,
            format!("DNS named the host {host}"),
            "other hosts of the same record take over if it fails",
        ),
        AskedHost::Known(host) => finding(
            Weight::Fine,
            format!("it asks the host {host}"),
            "`slmgr /ckms` makes DNS decide, if it was named by hand",
        ),
        AskedHost::Named(host) => finding(
            Weight::Fine,
            format!("the host {host} was named by hand"),
            "DNS is not asked; if this host is replaced, the machine must be told",
        )
        .then("to let DNS decide again: slmgr /ckms"),
        AskedHost::NotFound if product.channel == Some(Channel::Client) => finding(
            Weight::Wrong,
            "DNS names no KMS host",
            "there is no record _vlmcs._tcp in the domains that this machine searches",
        )
        .then("nslookup -type=srv _vlmcs._tcp")
        .then("keymuster microsoft dns --domain DOMAIN")
        .then("or name the host: slmgr /skms HOST, slmgr /ato"),
        AskedHost::NotFound => return None,
    };
    Some(found)
}

/// A licence that lasts, and is not renewed in time.
fn late(product: &Product) -> Option<Finding> {
    let is_client = product.channel == Some(Channel::Client) && product.state == Some(State::Licensed);
    let since = VALIDITY_MINUTES.checked_sub(product.minutes_left.filter(|_| is_client)?)?;
    let interval = product.renewal_minutes.unwrap_or(RENEW_MINUTES);
    if since < RENEWAL_LATE_MINUTES.max(interval.saturating_add(2 * DAY)) {
        return None;
    }
    let what = format!("the last renewal was {} days ago", since / DAY);
    let found = finding(
        Weight::Warning,
        what,
        "a machine in reach of its host renews every 7 days; it was off, away, or the host cannot be reached",
    );
    Some(found.then(activate(product)).then(
        "look for event 12288 without 12289 after it in the Application log: `keymuster microsoft explain` reads both",
    ))
}

fn intervals(product: &Product) -> Option<Finding> {
    let (activation, renewal) = (product.activation_minutes?, product.renewal_minutes?);
    if (activation, renewal) == (ACTIVATE_MINUTES, RENEW_MINUTES) {
        return None;
    }
    let what = format!("it asks every {activation} minutes, and every {renewal} once it is activated");
    Some(finding(Weight::Fine, what, "usual are 120 and 10080; the host sets both: slmgr /sai, slmgr /sri"))
}

fn served(serving: &Serving, product: &Product) -> Vec<Finding> {
    let mut found: Vec<Finding> = serving.count.map(|count| counted(count, product)).into_iter().collect();
    if serving.publishes == Some(false) {
        let what = "the host does not publish itself in DNS";
        found.push(
            finding(
                Weight::Warning,
                what,
                "clients find it only where it is named to them, or its record is kept by hand",
            )
            .then("slmgr /sdns, then Restart-Service sppsvc"),
        );
    }
    if serving.is_low_priority == Some(true) {
        let what = "the host runs with a low priority";
        found.push(
            finding(Weight::Warning, what, "a busy machine then answers late and may lose count of its clients")
                .then("slmgr /spri, then Restart-Service sppsvc"),
        );
    }
    if let (Some(failed @ 1..), Some(requests)) = (serving.failed, serving.requests) {
        let what = format!("{failed} of {requests} requests failed");
        // The totals reach back to the installation, so that a few mean nothing.
        let weight = if failed.saturating_mul(10) > requests { Weight::Warning } else { Weight::Fine };
        found.push(
            finding(
                weight,
                what,
                "the host's key does not cover the product that asked, or a clock was wrong; the \
                totals reach back to the installation of the host",
            )
            .then("keymuster microsoft events, on the log Key Management Service, names the machines and codes"),
        );
    }
    if let Some(port) = serving.port.filter(|port| *port != 1688) {
        let what = format!("it listens on port {port}");
        found.push(finding(
            Weight::Warning,
            what,
            "DNS must name this port, and the firewall must let it pass: the rule of Windows is for 1688",
        ));
    }
    found
}

fn counted(count: u64, product: &Product) -> Finding {
    let what = format!("the host has counted {count}");
    let more = "let more machines ask this host; copies with one client machine id count as one: slmgr /rearm on them";
    let else_way = "where so many machines do not exist: a MAK, or activation by Active Directory";
    if product.is_office() && count >= SERVERS_NEEDED {
        return finding(Weight::Fine, what, "Office is activated at 5; more than 10 are not shown");
    }
    match count {
        ..SERVERS_NEEDED => {
            let short = SERVERS_NEEDED - count;
            let meaning = match product.is_office() {
                true => format!("it is short by {short} for Office"),
                false => format!(
                    "it is short by {short} for Windows Server and Office, and by {} for Windows clients",
                    CLIENTS_NEEDED - count
                ),
            };
            finding(Weight::Wrong, what, meaning).then(more).then(else_way)
        }
        COUNT_CAP_SERVERS => {
            let meaning = format!(
                "servers are activated; for Windows clients it is short by {}. 10 is also the most that is shown \
                    while only servers ask",
                CLIENTS_NEEDED - count
            );
            finding(Weight::Warning, what, meaning).then(more).then(else_way)
        }
        SERVERS_NEEDED..CLIENTS_NEEDED => {
            let meaning =
                format!("servers are activated; for Windows clients it is short by {}", CLIENTS_NEEDED - count);
            finding(Weight::Warning, what, meaning).then(more).then(else_way)
        }
        COUNT_CAP.. => {
            finding(Weight::Fine, what, "everything is activated; more than 50 are not shown, however many there are")
        }
        _ => finding(
            Weight::Fine,
            what,
            format!(
                "everything is activated; it stops at {CLIENTS_NEEDED} if {} machines do not ask for 30 days",
                count - CLIENTS_NEEDED + 1
            ),
        ),
    }
}

/// One client machine id in several outputs, or twice with the same product.
fn shared_ids(products: &[(String, Product)]) -> Vec<(String, Finding)> {
    let mut found: Vec<(String, Finding)> = Vec::new();
    let with_id: Vec<(&String, &Product, &String)> =
        products.iter().filter_map(|(place, product)| Some((place, product, product.client_id.as_ref()?))).collect();
    let mut seen: std::collections::BTreeMap<&String, Vec<(&String, &Product)>> = std::collections::BTreeMap::new();
    for (place, product, id) in with_id {
        seen.entry(id).or_default().push((place, product));
    }
    for (id, holders) in seen {
        let is_shared = |(a, b): (&(&String, &Product), &(&String, &Product))| {
            a.0 != b.0 || (a.1.activation_id.is_some() && a.1.activation_id == b.1.activation_id)
        };
        if !holders.iter().zip(holders.iter().skip(1)).any(is_shared) {
            continue;
        }
        let mut places: Vec<&str> = holders.iter().map(|(place, _)| place.as_str()).collect();
        places.dedup();
        let what = format!("the client machine id {id} stands in {} outputs", holders.len());
        let finding = finding(
            Weight::Wrong,
            what,
            "if they are of different machines, these are copies of one image and count as one machine",
        )
        .then("on each copy: slmgr /rearm, restart, slmgr /ato")
        .then("in the image: sysprep /generalize, and SkipRearm must not be 1");
        found.push((places.join(", "), finding));
    }
    found
}
