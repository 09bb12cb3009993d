//! The host in DNS: at the server that takes changes and as clients see it, and whether its own records lead to it.

use keymuster_core::codes;
use keymuster_core::finding::{Finding, Verdict};

use crate::dns::{Compared, Comparison, Own, Standing};
use crate::views::dns::{Report, View, ZoneReport};

/// Each zone; `answers` tells whether the server answers on this machine, so that what keeps others away lies between.
pub fn examine(report: &Report, answers: bool) -> Vec<Finding> {
    report.zones.iter().flat_map(|zone| of_zone(zone, answers)).collect()
}

fn of_zone(zone: &ZoneReport, answers: bool) -> Vec<Finding> {
    let published = zone.published.as_ref().map(|at| &at.view);
    let mut findings = Vec::new();
    if let Some(at) = &zone.published {
        let server = at.server.map_or_else(|| "its server".to_owned(), |server| server.to_string());
        findings.push(own(zone, &at.view, &format!("at {server}, which takes changes"), published));
    }
    findings.push(own(zone, &zone.seen, "as clients see it", published));
    if let View::Shown(comparison) = &zone.seen {
        findings.extend(comparison.records.iter().map(|record| of_record(zone, record, answers)));
        findings.extend(duplicates(zone, comparison));
    }
    findings
}

/// How the host's own record stands in one view.
fn own(zone: &ZoneReport, view: &View, place: &str, published: Option<&View>) -> Finding {
    const NAME: &str = "dns-record";
    let name = &zone.name;
    let publish = "keymuster-host dns --publish with the key that the server knows, or keymuster-host dns --print zone for \
                   what to enter by hand";
    match view {
        View::Failed { code, error } => {
            let finding = Finding::broken("dns-server", format!("{name}, {place}: {error}"));
            codes::find(code).map_or(finding.clone(), |code| finding.coded(code))
        }
        View::Shown(Comparison { own: Own::Present, .. }) => {
            Finding::well(NAME, format!("{name}, {place}: the host's record is there"))
        }
        View::Shown(_) if is_newer_elsewhere(view, published) => {
            let means = "name servers keep for a while what they were told, by default an hour";
            let next = "wait for an hour; if it stays, let those name servers ask the primary server";
            Finding::warning(NAME, format!("{name}, {place}: not yet what was published")).because(means, next)
        }
        View::Shown(Comparison { own: Own::Missing, .. }) => {
            Finding::broken(NAME, format!("{name}, {place}: the host's record is missing"))
                .because("clients of this domain do not find the host", publish)
                .coded(&codes::HOST_NOT_FOUND)
        }
        View::Shown(Comparison { own: Own::Stale, .. }) => {
            let means = "some clients follow a record with another port, priority or weight than is set";
            Finding::warning(NAME, format!("{name}, {place}: a record of the host is out of date"))
                .because(means, publish)
        }
    }
}

/// Whether the server that takes changes has the right record already.
fn is_newer_elsewhere(view: &View, published: Option<&View>) -> bool {
    let is_present = |view: &View| matches!(view, View::Shown(Comparison { own: Own::Present, .. }));
    !is_present(view) && published.is_some_and(is_present)
}

/// Where one record leads.
fn of_record(zone: &ZoneReport, compared: &Compared, answers: bool) -> Finding {
    let at = format!("{}:{}", compared.record.target, compared.record.port);
    let Some(problem) = &compared.problem else {
        let whose = if compared.standing == Standing::Foreign { "another host" } else { "this host" };
        return Finding::well("dns-target", format!("{}: {whose} answers at {at}", zone.name));
    };
    if compared.standing == Standing::Foreign {
        let finding = Finding::warning(
            "dns-foreign-record",
            format!("{}: the record of another host, {at}, leads nowhere: {problem}", zone.name),
        );
        return finding.because(
            "clients that follow it lose time before they try the next one",
            format!("see after the host at {}, or delete its record if it is gone for good", compared.record.target),
        );
    }
    let seen = format!("{}: this host is not reached at its published address {at}: {problem}", zone.name);
    if !answers || problem.contains("no address") || problem.contains("no name") {
        let means = "clients that follow the record do not find a host";
        let next =
            format!("enter an address of this machine for {} in DNS, and start the server", compared.record.target);
        return Finding::broken("dns-target", seen).because(means, next).coded(&codes::HOST_UNREACHABLE);
    }
    let port = compared.record.port;
    let means = "the server answers on this machine: the published name leads to another machine, the server listens on \
                 another address or port, or a firewall keeps connections away";
    let next = format!(
        "let TCP {port} in: ufw allow {port}/tcp, firewall-cmd --permanent --add-port={port}/tcp, or a rule for nft or \
         iptables; and compare the address with this machine's"
    );
    Finding::broken("firewall", seen).because(means, next).coded(&codes::HOST_UNREACHABLE)
}

/// Records of this host beside the right one.
fn duplicates(zone: &ZoneReport, comparison: &Comparison) -> Option<Finding> {
    let own = |compared: &&Compared| compared.standing != Standing::Foreign;
    let count = comparison.records.iter().filter(own).count();
    let is_right = comparison.records.iter().any(|compared| compared.standing == Standing::Own);
    let finding = Finding {
        verdict: Verdict::Warning,
        ..Finding::well("dns-duplicate", format!("{}: this host has {count} records instead of one", zone.name))
    };
    (count > 1 && is_right).then(|| {
        finding.because(
            "clients try the same host several times, also where it is not any more",
            "keymuster-host dns --publish, which replaces what is out of date; or delete the others by hand",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{DnsName, SrvRecord};
    use crate::views::dns::AtServer;

    fn compared(target: &str, port: u16, standing: Standing, problem: Option<&str>) -> Compared {
        let record = SrvRecord { priority: 0, weight: 0, port, target: target.to_owned() };
        Compared { record, standing, problem: problem.map(str::to_owned) }
    }

    fn shown(own: Own, records: &[Compared]) -> View {
        View::Shown(Comparison { own, records: records.to_vec() })
    }

    #[test]
    fn everything_that_dns_can_have_wrong_is_told_apart() {
        let fine = compared("a.test", 1688, Standing::Own, None);
        let shut = compared("a.test", 1688, Standing::Own, Some("no answer from 192.0.2.1:1688: refused"));
        let nameless = compared("a.test", 1688, Standing::Own, Some("its target has no address"));
        let stale = compared("a.test", 1700, Standing::Stale, None);
        let other = compared("b.test", 1688, Standing::Foreign, None);
        let gone = compared("b.test", 1688, Standing::Foreign, Some("no answer"));
        let failed = || View::Failed { code: "dns-server-unreachable", error: "no".to_owned() };
        let present = || shown(Own::Present, std::slice::from_ref(&fine));
        for (published, seen, answers, expected) in [
            (None, present(), true, &[][..]),
            (Some(present()), shown(Own::Present, &[fine.clone(), other]), true, &[]),
            (None, shown(Own::Missing, &[]), true, &["broken dns-record"]),
            (Some(present()), shown(Own::Missing, &[]), true, &["warning dns-record"]),
            (None, shown(Own::Stale, std::slice::from_ref(&stale)), true, &["warning dns-record"]),
            (None, shown(Own::Stale, &[fine.clone(), stale]), true, &["warning dns-record", "warning dns-duplicate"]),
            (None, shown(Own::Present, &[fine.clone(), gone]), true, &["warning dns-foreign-record"]),
            (None, shown(Own::Present, std::slice::from_ref(&shut)), true, &["broken firewall"]),
            (None, shown(Own::Present, &[shut]), false, &["broken dns-target"]),
            (None, shown(Own::Present, &[nameless]), true, &["broken dns-target"]),
            (Some(failed()), present(), true, &["broken dns-server"]),
            (None, failed(), true, &["broken dns-server"]),
        ] {
            let zone: DnsName = "example.test".parse().unwrap();
            let (name, expected_record) = (zone.service(), fine.record.clone());
            let published = published.map(|view| AtServer { server: None, view });
            let zone = ZoneReport { zone, name, expected: expected_record, published, seen };
            let found = of_zone(&zone, answers);
            let bad = found.iter().filter(|one| one.verdict != Verdict::Well);
            let bad: Vec<String> = bad.map(|one| format!("{} {}", one.verdict, one.name)).collect();
            assert_eq!(bad, expected, "{found:?}");
        }
    }
}
