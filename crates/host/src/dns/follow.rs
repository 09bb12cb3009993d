//! A running host follows what is set about DNS: the settings, the port on which it really listens, and the key file.
//!
//! What cannot be used, such as a key file that is broken, leaves DNS as it is.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use keymuster_service::{Env, Stop};
use tokio::sync::watch;

use super::{PRIORITY, Progress, Publication, TsigKey, WEIGHT, Zone, keep_published, own_addresses};
use crate::settings::{Addresses, Dns, HostSettings};
use crate::{listening, serving, settings};

/// How often port, key file and addresses are looked at, which change without a setting: one read, one look at a directory,
/// and a question to the system.
const INTERVAL: Duration = Duration::from_secs(5);

/// Keeps a running host in DNS as its settings say, until the stop.
pub async fn keep_as_set(
    data_dir: PathBuf,
    mut settings: watch::Receiver<HostSettings>,
    progress: Progress,
    env: Env,
    stop: Stop,
) {
    let (publications, wanted) = watch::channel(None);
    let follow = async {
        let mut known = None;
        loop {
            let set = settings.borrow_and_update().clone();
            let seen = Seen {
                port: port(&data_dir, &set),
                key_file: modified(&set.dns),
                addresses: addresses(&set.dns),
                dns: set.dns,
            };
            if known.as_ref() != Some(&seen) {
                let publication = publication(&seen.dns, seen.port, &seen.addresses);
                progress.send_modify(|kept| kept.is_unusable = publication.is_err());
                match publication {
                    Ok(publication) => drop(publications.send_replace(publication)),
                    Err(error) => tracing::warn!(error = format!("{error:#}"), "cannot publish in DNS as it is set"),
                }
                known = Some(seen);
            }
            tokio::select! {
                () = stop.asked() => return,
                Ok(()) = settings.changed() => {}
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    };
    tokio::join!(follow, keep_published(wanted, &progress, env, stop.clone()));
}

/// All that a publication follows from.
#[derive(PartialEq)]
struct Seen {
    dns: Dns,
    port: u16,
    /// When the key file was last written.
    key_file: Option<SystemTime>,
    /// What is to be entered for the host's own name.
    addresses: Vec<IpAddr>,
}

/// Where clients are answered: the port of the running server, which may have had to stay on another one than is set.
pub fn port(data_dir: &Path, settings: &HostSettings) -> u16 {
    // A file that cannot be read tells no more than one that is not there.
    let serving = serving::read(data_dir).ok().flatten();
    serving.map_or_else(|| listening::port(settings), |serving| serving.clients.port())
}

fn modified(dns: &Dns) -> Option<SystemTime> {
    dns.key_file.as_ref()?.metadata().ok()?.modified().ok()
}

/// What is to be published; nothing where that is turned off, or something is not set that it needs.
pub fn publication(dns: &Dns, port: u16, addresses: &[IpAddr]) -> anyhow::Result<Option<Publication>> {
    let (None, Some(key_file), Some(target)) = (dns.why_not(), &dns.key_file, dns.target()) else { return Ok(None) };
    let target = target.parse().with_context(|| format!("the host name {target} cannot stand in DNS"))?;
    let tsig = TsigKey::read(key_file)?;
    Ok(Some(Publication {
        zones: zones(dns)?,
        port,
        target,
        addresses: addresses.to_vec(),
        server: dns.server,
        tsig,
        is_removed_on_stop: dns.is_removed_on_stop,
    }))
}

/// The addresses that are to be entered for the host's own name.
pub fn addresses(dns: &Dns) -> Vec<IpAddr> {
    match &dns.addresses {
        Addresses::Off => Vec::new(),
        Addresses::Auto => own_addresses(dns.server),
        Addresses::These(addresses) => addresses.clone(),
    }
}

/// The zones that are set, each with its numbers.
pub fn zones(dns: &Dns) -> anyhow::Result<Vec<Zone>> {
    let zone = |zone: &settings::Zone| {
        let name = zone.name.parse().with_context(|| format!("the zone {} cannot stand in DNS", zone.name))?;
        let priority = zone.priority.or(dns.priority).unwrap_or(PRIORITY);
        let weight = zone.weight.or(dns.weight).unwrap_or(WEIGHT);
        Ok(Zone { name, priority, weight })
    };
    dns.zones.iter().map(zone).collect()
}
