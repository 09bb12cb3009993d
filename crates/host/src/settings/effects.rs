//! What a change means for clients and administrators, in sentences with numbers; the same before and after it is made.

use keymuster_core::catalogue::Edition;
use keymuster_core::lease::LeaseKind;
use keymuster_core::time::{DAY, Timestamp, duration_words};
use keymuster_service::database::Failure;
use keymuster_service::sql::Transaction;
use keymuster_service::tls::Certificate;

use super::change::Changed;
use super::form::Value;
use super::host::{HostSettings, TlsPolicy};
use super::{ACME_DIRECTORY, ACME_NAME, HISTORY_DAYS, PORT, TLS, TLS_CERTIFICATE_FILE, TLS_KEY_FILE};
use crate::choices::{ACTIVATION, HELP_URL, RENEWAL, THRESHOLD};
use crate::engine::count_clients;
use crate::serving::Serving;
use crate::site::{Publisher, Site};
use crate::store;

/// What follows for whom, once the change counts; `site` is what the host then holds.
pub(super) fn of(
    tx: &Transaction<'_>,
    site: &Site,
    changed: &Changed,
    serving: Option<&Serving>,
    now: Timestamp,
) -> Result<Vec<String>, Failure> {
    let held = changed.publisher.as_ref().and_then(|id| site.publisher(id));
    let edition =
        changed.name.strip_prefix(THRESHOLD).zip(held).and_then(|(id, held)| held.catalogue.edition_named(id));
    match (&*changed.name, held, edition, &changed.after) {
        (RENEWAL, Some(held), _, Some(Value::Secs(secs))) => renewal(tx, held, *secs, now),
        (ACTIVATION, _, _, Some(Value::Secs(secs))) => Ok(activation(*secs)),
        (_, Some(held), Some(edition), Some(Value::Number(need))) => threshold(tx, site, (held, edition, *need), now),
        (PORT, ..) => port(tx, changed, serving),
        (HISTORY_DAYS, ..) => Ok(history(tx, now)?),
        (ACME_DIRECTORY | ACME_NAME, ..) => acme(tx),
        (HELP_URL, ..) => Ok(vec!["clients show the page from their next lease on".to_owned()]),
        (TLS, ..) => Ok(tls(changed)),
        (TLS_CERTIFICATE_FILE | TLS_KEY_FILE, ..) => certificate(tx, now),
        (name, None, ..) if name.starts_with("dns-") => dns(tx),
        // A choice that counted for nothing was taken back.
        _ => Ok(Vec::new()),
    }
}

fn renewal(tx: &Transaction<'_>, held: &Publisher, secs: u64, now: Timestamp) -> Result<Vec<String>, Failure> {
    let mut leases = 0;
    for edition in held.catalogue.editions.iter().filter(|edition| edition.kind == LeaseKind::Volume) {
        leases += store::client::leases_held(tx, held.number, edition.number, now)?.0;
    }
    let words = duration_words(secs);
    let granted =
        format!("clients renew leases granted from now on after {words}, or half of what is left of a shorter one");
    let held = format!("leases that are held keep their own time for the next renewal: {leases} now");
    Ok(vec![granted, held])
}

fn history(tx: &Transaction<'_>, now: Timestamp) -> Result<Vec<String>, Failure> {
    let days = HostSettings::load(tx)?.history_days();
    let before = now.minus(days * DAY);
    Ok(vec![format!("what is from before {before} goes within an hour, and does not come back; totals stay")])
}

fn activation(secs: u64) -> Vec<String> {
    let words = duration_words(secs);
    let refused = format!("clients that are refused for the threshold come again after {words}");
    vec![refused, format!("clients with a lease wait {words} after a failed attempt, from their next lease on")]
}

fn threshold(
    tx: &Transaction<'_>,
    site: &Site,
    (held, edition, need): (&Publisher, &Edition, u64),
    now: Timestamp,
) -> Result<Vec<String>, Failure> {
    let family = held.catalogue.group_of(edition).map_or(0, |group| group.family);
    let count = count_clients(tx, site)?.get_mut(&(held.number, family)).map_or(0, |muster| muster.count(now));
    if count >= need {
        return Ok(vec![format!("{count} of {need} clients are counted: whoever asks gets a lease")]);
    }
    let (leases, first_end) = store::client::leases_held(tx, held.number, edition.number, now)?;
    let nobody = format!(
        "{count} of {need} clients are counted: until there are {need}, no client gets a lease of {}, new or renewed",
        edition.id
    );
    let stay = match first_end {
        Some(end) => format!("leases that are held stay to their end: {leases} now, the first until {end}"),
        None => "no lease is held that could end meanwhile".to_owned(),
    };
    Ok(vec![nobody, stay])
}

fn port(tx: &Transaction<'_>, changed: &Changed, serving: Option<&Serving>) -> Result<Vec<String>, Failure> {
    let Some(Value::Number(port)) = changed.after else { return Ok(Vec::new()) };
    if let Some(serving) = serving.filter(|serving| serving.is_fixed) {
        return Ok(vec![format!(
            "the running host was started with --listen or by a socket unit, and stays on {}; \
             the port counts once it is started without",
            serving.clients
        )]);
    }
    let settings = HostSettings::load(tx)?;
    let zones: Vec<&str> = settings.dns.zones.iter().map(|zone| zone.name.as_str()).collect();
    let records = match settings.dns.why_not() {
        None => format!("clients that look in DNS follow: the host publishes port {port} in {}", zones.join(", ")),
        Some(_) => {
            format!("publish port {port} in the SRV record _keymuster._tcp of your domain, or clients find nobody")
        }
    };
    let reached = format!("clients reach the host on port {port} and nowhere else: open it in the firewall");
    let mut effects = vec![reached, records];
    if port < 1024 && port != 443 {
        effects.push("clients that look in DNS pass over ports below 1024, except 443: choose another".to_owned());
    }
    let pinned = "clients whose host was set by hand with another port have to be set anew";
    effects.push(pinned.to_owned());
    Ok(effects)
}

fn tls(changed: &Changed) -> Vec<String> {
    let Some(Value::Text(policy)) = &changed.after else { return Vec::new() };
    match TlsPolicy::named(policy) {
        TlsPolicy::Offer => vec![
            "clients are answered with TLS and without; those whose leases told them to use TLS go on with it until the \
             next lease"
                .to_owned(),
        ],
        TlsPolicy::Require => vec![
            "clients without TLS are refused from now on; those of this version come again with TLS by themselves".to_owned(),
            "leases granted from now on tell their clients to use no other way".to_owned(),
        ],
        TlsPolicy::Off => vec![
            "clients are answered without TLS only: who is on the network between can read which machine asks for which \
             product"
                .to_owned(),
            "clients whose leases told them to use TLS find no answer here until those leases end".to_owned(),
        ],
    }
}

fn certificate(tx: &Transaction<'_>, now: Timestamp) -> Result<Vec<String>, Failure> {
    let settings = HostSettings::load(tx)?.tls;
    let Some((certificate, key)) = settings.files() else {
        return Ok(vec!["browsers and tools are shown the host's own certificate".to_owned()]);
    };
    Ok(vec![match Certificate::read(certificate, key) {
        Ok(read) if read.facts.not_after <= now => {
            format!("the certificate ended at {}: nobody who looks at that will take it", read.facts.not_after)
        }
        Ok(read) => format!("browsers and tools are shown the certificate, which holds until {}", read.facts.not_after),
        Err(why) => format!("the certificate is not used before this is mended: {why}"),
    }])
}

fn acme(tx: &Transaction<'_>) -> Result<Vec<String>, Failure> {
    let settings = HostSettings::load(tx)?.tls;
    Ok(vec![match (settings.acme(), &settings.certificate_file) {
        (Some((directory, Some(name))), _) => {
            format!(
                "a certificate for {name} is ordered from {directory}, whose terms are accepted by this, and renewed in time"
            )
        }
        (Some((_, None)), _) => {
            format!("nothing is ordered until {ACME_NAME} is set, as this machine has no full name")
        }
        (None, Some(_)) => format!("nothing is ordered while {TLS_CERTIFICATE_FILE} is set"),
        (None, None) => "nothing is ordered, and browsers and tools are shown the host's own certificate".to_owned(),
    }])
}

fn dns(tx: &Transaction<'_>) -> Result<Vec<String>, Failure> {
    let dns = HostSettings::load(tx)?.dns;
    let zones: Vec<&str> = dns.zones.iter().map(|zone| zone.name.as_str()).collect();
    let published = || {
        let target = dns.target().unwrap_or_default();
        format!("the host publishes {target} in {} while it serves; keymuster-host dns shows it", zones.join(", "))
    };
    Ok(vec![dns.why_not().unwrap_or_else(published)])
}
