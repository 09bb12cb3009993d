//! Whether the server runs, where it listens, which certificate it shows, and whether its clock goes forward.

use keymuster_core::codes;
use keymuster_core::finding::Finding;
use keymuster_core::time::Timestamp;
use keymuster_service::doctor::certificate::{self, Shown};

use crate::serving::Serving;
use crate::views::status::{PublisherReport, Report};

pub fn examine(report: &Report) -> Vec<Finding> {
    let mut findings = vec![server(report)];
    if let Some(serving) = &report.serving {
        findings.extend(port(serving));
        findings.extend(tls(report, serving));
    }
    if report.is_clock_behind() {
        let newest = Timestamp::from_secs(report.newest_entry_at.unwrap_or_default());
        let seen = format!("this host's clock is behind the newest entry of its ledger, of {newest}");
        findings.push(Finding::broken("clock", seen).coded(&codes::HOST_CLOCK_WRONG));
    }
    findings.extend(report.publishers.iter().filter_map(clients_clocks));
    findings
}

fn server(report: &Report) -> Finding {
    const NAME: &str = "server";
    let Some(serving) = &report.serving else {
        let next = "start it: systemctl start keymuster-host, or keymuster-host serve";
        return Finding::broken(NAME, format!("no keymuster-host serves {}", report.data_dir))
            .because("nobody answers clients", next)
            .coded(&codes::CONNECTION_REFUSED);
    };
    if !report.answers {
        let seen = format!("process {} serves and does not answer on {}", serving.pid, serving.clients);
        return Finding::broken(NAME, seen).coded(&codes::HOST_UNREACHABLE);
    }
    let since = Timestamp::from_secs(serving.since);
    Finding::well(NAME, format!("process {} answers clients on {}, since {since}", serving.pid, serving.clients))
}

fn port(serving: &Serving) -> Option<Finding> {
    const NAME: &str = "port";
    if let Some(problem) = &serving.problem {
        let seen = format!("clients are answered on {}, and not on the port that is set: ", serving.clients);
        let code = problem.code.as_deref().and_then(codes::find).unwrap_or(&codes::ADDRESS_IN_USE);
        return Some(Finding::broken(NAME, seen + &problem.detail).coded(code));
    }
    let finding = Finding::warning(NAME, format!("the server listens on {} alone", serving.clients)).because(
        "no other machine reaches it there",
        "start it with an address that others reach, such as `keymuster-host serve --listen 0.0.0.0:1688`, or without \
         --listen",
    );
    serving.clients.ip().is_loopback().then_some(finding)
}

fn tls(report: &Report, serving: &Serving) -> Vec<Finding> {
    const NAME: &str = "tls";
    let Some(tls) = &serving.tls else { return Vec::new() };
    let shown = Shown {
        is_own: tls.is_own,
        not_after: Timestamp::from_secs(tls.not_after),
        problem: tls.problem.as_deref(),
        is_ordered: report.is_certificate_ordered,
    };
    let policy = match tls.policy.as_str() {
        "off" => "clients are answered without TLS",
        "require" => "clients are answered over TLS alone",
        _ => "clients are answered over TLS and without",
    };
    let mut findings =
        vec![certificate::examine(&shown, Timestamp::from_secs(report.time)), Finding::well(NAME, policy)];
    for publisher in &report.publishers {
        let names_another = |named: &String| *named != tls.own_key;
        for key in publisher.keys.iter().filter(|key| key.tls_key.as_ref().is_some_and(names_another)) {
            let seen = format!(
                "the entitlement of the key that ends in {} names another TLS key than the host has",
                key.last_five
            );
            let next = format!("keymuster-host activate --publisher {} --key {}", publisher.id, key.last_five);
            let means = "clients do not recognise this host over TLS, and tell that somebody may stand between";
            findings.push(Finding::warning(NAME, seen).because(means, next).coded(&codes::CERTIFICATE_DIFFERS));
        }
    }
    findings
}

/// Where many clients are refused for their clocks, the wrong one may be this host's.
fn clients_clocks(publisher: &PublisherReport) -> Option<Finding> {
    const NAME: &str = "clients-clocks";
    let refused = |(outcome, _): &&(String, u64)| outcome == codes::CLOCK_SKEW.name;
    let skewed = publisher.requests_last_day.iter().find(refused).map_or(0, |(_, requests)| *requests);
    let all: u64 = publisher.requests_last_day.iter().map(|(_, requests)| requests).sum();
    if skewed == 0 {
        return None;
    }
    let seen =
        format!("{skewed} of {all} requests of the last day for {} were refused for the client's clock", publisher.id);
    let means = match skewed * 2 > all {
        true => "where most clients differ from this host, its own clock is the likeliest to be wrong",
        false => "those machines have a wrong clock, as most others agree with this host",
    };
    let next = "compare this host's clock with one that you trust, then those of the clients: `keymuster doctor` there";
    Some(Finding::warning(NAME, seen).because(means, next).coded(&codes::CLOCK_SKEW))
}
