//! What is wrong between a product of this machine and its licence, judged from facts alone.
//!
//! Each examination is a function from facts to findings; the facts are gathered by the client library, which judges
//! nothing.

mod headline;
mod hosts;
mod licence;
mod names;

use keymuster_client::Status;
use keymuster_client::examination::{Asks, Examination, HostSeen};
use keymuster_core::codes;
use keymuster_core::finding::{Diagnosis, Finding, Verdict};

/// What is known of one product on this machine.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub status: &'a Status,
    pub seen: &'a Examination,
    /// By how much the clocks of client and host may differ, in seconds.
    pub skew_secs: u64,
}

/// What asking for a lease would come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Prospect {
    /// Nobody has to be asked.
    NotNeeded,
    /// A lease or an activation.
    Yes,
    /// One as soon as others have asked or given back their seats.
    Later { missing: u64 },
    /// A refusal.
    No,
    /// Nothing at all.
    Nobody,
}

/// Everything that is found, and what it comes to.
pub fn diagnose(facts: Facts<'_>) -> Diagnosis {
    let mut findings = licence::examine(facts.status, facts.seen);
    if facts.seen.asks == Asks::Hosts {
        findings.extend(names::examine(facts.seen));
        findings.extend(hosts::examine(facts));
    }
    findings.extend(hosts::authority(facts.seen));
    let prospect = prospect(facts.seen);
    let headline = headline::of(facts.status, prospect, &findings);
    Diagnosis { headline, findings }
}

fn prospect(seen: &Examination) -> Prospect {
    if seen.refused.is_some() {
        return Prospect::No;
    }
    match (seen.asks, &seen.authority) {
        (Asks::Nobody, _) => return Prospect::NotNeeded,
        (_, Some(authority)) if authority.reached.is_ok() => return Prospect::Yes,
        (_, Some(_)) => return Prospect::Nobody,
        (Asks::Hosts | Asks::Authority, None) => {}
    }
    let asked = || seen.hosts.iter().filter(|host| host.is_asked);
    let reports = || asked().filter_map(|host| host.report.as_ref().ok()).filter(|report| report.is_healthy());
    if reports().any(|report| report.refusal.is_none()) {
        return Prospect::Yes;
    }
    let missing = |count: u64, threshold: u32| u64::from(threshold).saturating_sub(count);
    if let Some(report) = reports().next() {
        let is_volume = report.code() == Some(&codes::THRESHOLD_NOT_MET);
        return Prospect::Later { missing: if is_volume { missing(report.count, report.threshold) } else { 0 } };
    }
    let is_reached = |host: &HostSeen| host.report.as_ref().err().is_none_or(|error| !error.is_unreachable());
    if asked().any(is_reached) { Prospect::No } else { Prospect::Nobody }
}

/// Whether some host that would be asked is sound, so that what else is wrong keeps nobody from a licence.
fn is_served(seen: &Examination) -> bool {
    matches!(prospect(seen), Prospect::Yes | Prospect::Later { .. })
}

/// What is broken is only worth a warning where the client gets its licence all the same.
fn eased(finding: Finding, is_served: bool) -> Finding {
    let verdict = if is_served { finding.verdict.min(Verdict::Warning) } else { finding.verdict };
    Finding { verdict, ..finding }
}

#[cfg(test)]
pub(crate) mod samples {
    //! Facts for the tables of the examinations.

    use keymuster_client::examination::{Asks, Examination, HostSeen, Knock};
    use keymuster_client::{Client, Env, Error, HostReport, Product, Settings, Status, Timestamp, Via};
    use keymuster_core::lease::LeaseKind;

    pub const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    /// The status of a machine on which a product was just used for the first time.
    pub fn status() -> Status {
        let directory = tempfile::tempdir().unwrap();
        let trust = include_str!("../../client/examples/aurora.trust");
        let pack = include_bytes!("../../client/examples/aurora.pack");
        let product = Product::new(trust, pack, "desk-pro-2026").unwrap();
        let settings =
            Settings { store: directory.path().to_path_buf(), env: Env::fixed(NOW, 1), ..Settings::default() };
        Client::open_with(product, settings).unwrap().status()
    }

    /// Nothing is known of any host.
    pub fn nothing() -> Examination {
        Examination {
            asks: Asks::Hosts,
            refused: None,
            by_hand: None,
            domains: vec!["example.test".to_owned()],
            servers: vec!["192.0.2.53:53".parse().unwrap()],
            names: Vec::new(),
            hosts: Vec::new(),
            authority: None,
        }
    }

    pub fn report(count: u64, threshold: u32, refusal: Option<&str>) -> HostReport {
        HostReport {
            kind: LeaseKind::Volume,
            count,
            threshold,
            refusal: refusal.map(|name| name.parse().unwrap()),
            clock_ahead_secs: 0,
            customer: "Muster Works".parse().unwrap(),
            warn_at: NOW.plus(100),
            stop_at: NOW.plus(200),
            objection: None,
            via: Via::Plain,
        }
    }

    pub fn host(report: Result<HostReport, Error>, knock: Knock) -> HostSeen {
        let address = "192.0.2.1:1688".parse().unwrap();
        let found_by = "DNS _keymuster._tcp.example.test".to_owned();
        HostSeen {
            address: "kms.example.test:1688".into(),
            found_by,
            is_asked: true,
            knocks: vec![(address, knock)],
            report,
        }
    }
}
