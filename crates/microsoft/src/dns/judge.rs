//! What is wrong with the records of a domain, with what to do about it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{DomainSeen, Reach, Record, service};

/// How bad something is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Grade {
    /// Worth knowing.
    Note,
    /// It costs clients time, or will fail one day.
    Warning,
    /// Clients are led nowhere.
    Broken,
}

/// Something about the records of a domain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// How bad it is.
    pub grade: Grade,
    /// Its kind, for machines.
    pub kind: &'static str,
    /// What was found.
    pub says: String,
    /// What to do.
    pub remedy: &'static str,
}

/// The port of activation hosts, unless somebody has set another.
const PORT: u16 = 1688;

const REMOVE: &str = "if that host is gone for good, delete its record: hosts never do so themselves; it costs every client a \
                      try";
const REACH: &str = "see that the host runs (service sppsvc) and that its firewall lets TCP to this port in: the rule \
                     SPPSVC-In-TCP exists and is off by default";
const PUBLISH: &str = "on a host: `slmgr /sdns` and restart sppsvc, or name the domain in DnsDomainPublishList; or enter the \
                       record by hand: SRV 0 0 1688 and the host's name";

/// What there is to say; `domains` are all that were asked for.
pub fn judge(seen: &DomainSeen, domains: &[DomainSeen]) -> Vec<Finding> {
    let name = service(&seen.domain);
    let records = match &seen.records {
        Err(why) => {
            let says = format!("no name server says anything of {name}: {why}");
            let remedy = "ask a name server that knows the domain with --server";
            return vec![Finding { grade: Grade::Broken, kind: "no-answer", says, remedy }];
        }
        Ok(records) if records.is_empty() => {
            let says = format!("{name} has no record");
            return vec![Finding { grade: Grade::Warning, kind: "no-record", says, remedy: PUBLISH }];
        }
        Ok(records) => records,
    };
    let mut findings = Vec::new();
    if !records.iter().any(Record::is_reached) {
        let says = format!("none of the hosts that {name} names can be reached from here");
        findings.push(Finding { grade: Grade::Broken, kind: "none-reached", says, remedy: REACH });
    }
    for record in records {
        findings.extend(of_record(record, domains));
    }
    findings.extend(duplicates(records));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.grade));
    findings
}

fn of_record(record: &Record, domains: &[DomainSeen]) -> Vec<Finding> {
    let place = record.place();
    let mut findings = Vec::new();
    let mut say = |grade, kind, says: String, remedy| findings.push(Finding { grade, kind, says, remedy });
    let host = record.target.trim_end_matches('.');
    if host.is_empty() {
        let says = "a record says that the service is offered nowhere (its target is a dot)".to_owned();
        say(Grade::Warning, "nowhere", says, REMOVE);
        return findings;
    }
    if host.parse::<IpAddr>().is_ok() {
        let remedy = "a record must name a host; enter its name, and the address with the name";
        say(Grade::Warning, "address", format!("{place} names an address instead of a host"), remedy);
    }
    match &record.addresses {
        Err(why) => say(Grade::Warning, "stale", format!("{place}: its addresses are not known: {why}"), REMOVE),
        Ok(addresses) if addresses.is_empty() => {
            say(
                Grade::Warning,
                "stale",
                format!("{place}: the name has no address, so the record leads nowhere"),
                REMOVE,
            );
        }
        Ok(addresses) => {
            for (address, reach) in addresses.iter().filter(|(_, reach)| *reach != Reach::Open) {
                let (kind, remedy) = if record.is_reached() { ("address-unreached", REACH) } else { ("closed", REACH) };
                say(Grade::Warning, kind, format!("{place} at {address}: {}", reach.words()), remedy);
            }
            for (address, _) in addresses.iter().filter(|(address, _)| is_link_local(*address)) {
                let remedy = "remove this address from the name: it holds within one network alone";
                say(
                    Grade::Warning,
                    "link-local",
                    format!("{place} has the address {address}, which nobody else reaches"),
                    remedy,
                );
            }
        }
    }
    if !domains.iter().any(|domain| is_within(host, &domain.domain)) {
        let remedy = "right if this host publishes itself here by DnsDomainPublishList; otherwise ask who runs it, because \
                      every client of the domain may send its request there";
        say(Grade::Warning, "foreign", format!("{place} lies outside the domains that were asked about"), remedy);
    }
    if record.port != PORT {
        let remedy = "right if the host was given this port by `slmgr /sprt`";
        say(Grade::Note, "port", format!("{place} is not on port 1688"), remedy);
    }
    findings
}

fn duplicates(records: &[Record]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut by_place = BTreeMap::<(String, u16), usize>::new();
    let mut by_address = BTreeMap::<(IpAddr, u16), Vec<&str>>::new();
    for record in records {
        *by_place.entry((record.target.to_ascii_lowercase(), record.port)).or_default() += 1;
        for (address, _) in record.addresses.as_deref().unwrap_or_default() {
            let names = by_address.entry((*address, record.port)).or_default();
            if !names.iter().any(|name| name.eq_ignore_ascii_case(&record.target)) {
                names.push(&record.target);
            }
        }
    }
    for ((host, port), count) in by_place.into_iter().filter(|(_, count)| *count > 1) {
        findings.push(Finding {
            grade: Grade::Warning,
            kind: "duplicate",
            says: format!("{count} records name {host}:{port}, with different priority or weight"),
            remedy: "delete all but one: clients try such a host several times",
        });
    }
    for ((address, port), names) in by_address.into_iter().filter(|(_, names)| names.len() > 1) {
        findings.push(Finding {
            grade: Grade::Warning,
            kind: "same-machine",
            says: format!("{} are one machine, {address} port {port}", names.join(" and ")),
            remedy: "keep the record of the name that the host has today: two names are no second host",
        });
    }
    findings
}

fn is_within(host: &str, domain: &str) -> bool {
    let (host, domain) = (host.to_ascii_lowercase(), domain.trim_matches('.').to_ascii_lowercase());
    host.strip_suffix(&domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{domain, record};
    use super::*;

    fn kinds(records: Vec<Record>) -> Vec<&'static str> {
        let seen = domain("a.example", records);
        judge(&seen, std::slice::from_ref(&seen)).iter().map(|finding| finding.kind).collect()
    }

    #[test]
    fn every_fault_of_a_record_is_told() {
        let good = || record("kms1.a.example", Reach::Open);
        let with = |change: fn(&mut Record)| {
            let mut other = record("kms2.a.example", Reach::Open);
            change(&mut other);
            vec![good(), other]
        };
        for (records, expected) in [
            (vec![good()], &[][..]),
            (with(|_| ()), &[]),
            (vec![], &["no-record"]),
            (vec![record("kms1.a.example", Reach::Silent)], &["none-reached", "closed"]),
            (with(|other| other.addresses = Ok(vec![])), &["stale"]),
            (with(|other| other.addresses = Err("x".to_owned())), &["stale"]),
            (with(|other| other.addresses.as_mut().unwrap()[0].1 = Reach::Refused), &["closed"]),
            (with(|other| other.target = "kms2.b.example".to_owned()), &["foreign"]),
            (with(|other| other.target = "kms2.nota.example".to_owned()), &["foreign"]),
            (with(|other| other.target = ".".to_owned()), &["nowhere"]),
            (with(|other| other.port = 1700), &["port"]),
            (with(|other| *other = Record { weight: 5, ..record("KMS1.a.example", Reach::Open) }), &["duplicate"]),
            (with(|other| other.addresses = Ok(vec![([10, 0, 0, b'1'].into(), Reach::Open)])), &["same-machine"]),
            (with(|other| other.addresses.as_mut().unwrap()[0].0 = [169, 254, 1, 1].into()), &["link-local"]),
        ] {
            assert_eq!(kinds(records.clone()), expected, "{records:?}");
        }
    }

    #[test]
    fn a_host_in_another_domain_that_was_asked_about_is_no_stranger() {
        let seen = domain("a.example", vec![record("kms1.b.example", Reach::Open)]);
        assert_eq!(judge(&seen, &[seen.clone(), domain("b.example", vec![])]), []);
    }
}
