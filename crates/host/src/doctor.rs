//! What is wrong with a host, judged from facts alone: one file per thing that is looked at.
//!
//! The facts are the status that everybody is shown, what DNS says, and what the machine is like; whoever gathers them
//! judges nothing.

mod count;
mod entitlement;
mod ledger;
mod listening;
mod names;

pub use names::examine as names;

use keymuster_core::codes;
use keymuster_core::finding::Finding;

use crate::views::status::Report;

/// What follows from the status; `from` are the addresses of Windows machines that asked here, with how often each did.
pub fn of_status(report: &Report, from: &[(String, u64)]) -> Vec<Finding> {
    let mut findings = listening::examine(report);
    findings.push(ledger::examine(report));
    findings.extend(windows(report.rpc_hellos, from));
    for publisher in &report.publishers {
        findings.extend(entitlement::examine(publisher, report.time));
        findings.extend(count::examine(publisher));
    }
    if report.publishers.is_empty() {
        let finding = Finding::broken("publisher", "this host has no publisher").because(
            "without one it knows no product, and answers nobody",
            "keymuster-host add-publisher --trust FILE --pack FILE",
        );
        findings.push(finding.coded(&codes::PUBLISHER_UNKNOWN));
    }
    findings
}

/// Windows machines that ask here for Microsoft's activation.
fn windows(hellos: u64, from: &[(String, u64)]) -> Option<Finding> {
    if hellos == 0 {
        return None;
    }
    let times = |count: u64| if count == 1 { "once".to_owned() } else { format!("{count} times") };
    let addresses: Vec<String> = from.iter().map(|(address, count)| format!("{address} {}", times(*count))).collect();
    let whom = if addresses.is_empty() { "the log names their addresses".to_owned() } else { addresses.join(", ") };
    let seen = format!("Windows machines asked here {} for Microsoft's activation: {whom}", times(hellos));
    let means = "they take this host for one of Microsoft's KMS, because somebody set it so on them or _vlmcs._tcp in DNS \
                 leads here; they are turned away, and nothing else suffers";
    Some(Finding::warning("windows-machines", seen).because(means, crate::windows::ADVICE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use keymuster_core::finding::Verdict;

    #[test]
    fn windows_machines_are_named_with_how_often_they_asked() {
        assert_eq!(windows(0, &[]), None);
        let found = windows(4, &[("192.0.2.7".to_owned(), 3), ("192.0.2.8".to_owned(), 1)]).unwrap();
        assert_eq!(found.verdict, Verdict::Warning);
        assert!(
            found.seen.ends_with("4 times for Microsoft's activation: 192.0.2.7 3 times, 192.0.2.8 once"),
            "{found:?}"
        );
        assert!(windows(1, &[]).unwrap().seen.contains("once"));
    }
}
