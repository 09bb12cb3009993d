//! The hosts that would be asked, and the authority: whether they are reached, who answers, and what they would do.

use keymuster_client::examination::{Examination, HostSeen, Knock};
use keymuster_client::{Error, HostReport, State, Timestamp, Via};
use keymuster_core::codes;
use keymuster_core::finding::Finding;
use keymuster_core::time::{MINUTE, day_words, duration_words};

use super::{Facts, eased, is_served};

/// By how much a clock may differ before somebody is told, in seconds.
const CLOCK_SECS: u64 = 5 * MINUTE;

pub fn examine(facts: Facts<'_>) -> Vec<Finding> {
    let Facts { status, seen, skew_secs } = facts;
    let is_served = is_served(seen);
    let is_licensed = matches!(status.state, State::Licensed { .. });
    let mut findings = Vec::new();
    for host in seen.hosts.iter().filter(|host| host.is_asked) {
        let at = format!("{} ({})", host.address, host.found_by);
        match &host.report {
            Err(error) => findings.push(eased(failed(&at, host, error), is_served)),
            Ok(report) => {
                findings.push(eased(answered(&at, report, is_licensed), is_served));
                findings.extend(clock(&host.address, report.clock_ahead_secs, skew_secs));
                findings.extend(tls(&host.address, report.via));
                findings.extend(entitlement(&host.address, report, status.now));
            }
        }
    }
    findings
}

/// What keeps the client from a host's answer.
fn failed(at: &str, host: &HostSeen, error: &Error) -> Finding {
    const NAME: &str = "host";
    let finding = match error {
        Error::ConnectionRefused { .. } => Finding::broken(NAME, format!("{at}: nothing listens there")).because(
            "the machine is there and refuses the connection: the host does not run, or listens on another port",
            "start the host with `systemctl start keymuster-host`, and on it run `keymuster-host doctor`; if the name or \
             port is wrong, correct the DNS record or `keymuster set host`",
        ),
        Error::HostUnreachable { .. } if is_silent(host) => {
            Finding::broken(NAME, format!("{at}: no connection in time")).because(
                "nothing comes back at all: a firewall on the way drops the packets, or the machine is off or elsewhere",
                "see that the machine runs, and let TCP to this port pass on every firewall between; on the host run \
                 `keymuster-host doctor`",
            )
        }
        Error::HostUnreachable { why, .. } if why.starts_with("no TLS") => {
            Finding::broken(NAME, format!("{at}: {why}")).because(
                "this client was told to use TLS and nothing else, and what answers there does not speak it: TLS was \
                 switched off on the host, or somebody stands between",
                "on the host run `keymuster-host set tls offer`, or see who answers at this address",
            )
        }
        Error::NameNotResolved { why, .. } => Finding::broken(NAME, format!("{at}: its name has no address: {why}"))
            .because(
                "a record leads to a name that no name server knows",
                "enter an address (A or AAAA) for the name in DNS, or correct the record or setting that names it",
            ),
        Error::Refused(refused) => Finding::broken(NAME, format!("{at} refuses: {}", refused.detail)),
        other => Finding::broken(NAME, format!("{at}: {other}")),
    };
    finding.coded(error.code())
}

fn is_silent(host: &HostSeen) -> bool {
    !host.knocks.is_empty() && host.knocks.iter().all(|(_, knock)| *knock == Knock::Silent)
}

/// What a host would do that has answered.
fn answered(at: &str, report: &HostReport, is_licensed: bool) -> Finding {
    const NAME: &str = "host";
    let seen = format!("{at}: {report}");
    match report.code() {
        None => Finding::well(NAME, seen),
        Some(code) if report.is_healthy() && !is_licensed => {
            let means = "the host is sound; a client that asks is counted, and gets its licence once enough have";
            let finding = Finding::warning(NAME, seen);
            if code == &codes::THRESHOLD_NOT_MET {
                let missing = u64::from(report.threshold).saturating_sub(report.count);
                let machines =
                    if missing == 1 { "1 more machine".to_owned() } else { format!("{missing} more machines") };
                let next = format!("have {machines} ask, each by `keymuster activate` or by starting the product");
                return finding.because(means, next).coded(code);
            }
            finding.coded(code)
        }
        Some(_) if report.is_healthy() => Finding::well(NAME, seen),
        Some(code) => Finding::broken(NAME, seen).coded(code),
    }
}

fn clock(host: &str, ahead_secs: i64, skew_secs: u64) -> Option<Finding> {
    const NAME: &str = "clock";
    let apart = ahead_secs.unsigned_abs();
    let words = match ahead_secs {
        0 => format!("the clocks of this machine and of {host} agree"),
        1.. => format!("the clock of {host} is {} ahead of this machine's", duration_words(apart)),
        _ => format!("the clock of {host} is {} behind this machine's", duration_words(apart)),
    };
    if apart <= CLOCK_SECS {
        return Some(Finding::well(NAME, words));
    }
    let means = format!("a host answers while the difference is at most {}", duration_words(skew_secs));
    let next = "synchronise both clocks with a time server, such as by `timedatectl set-ntp true`";
    Some(Finding::warning(NAME, words).because(means, next).coded(&codes::CLOCK_SKEW))
}

fn tls(host: &str, via: Via) -> Option<Finding> {
    const NAME: &str = "tls";
    match via {
        Via::Differs => {
            let seen = format!("{host} answered over TLS, with another key than its entitlement names");
            Some(Finding::warning(NAME, seen).coded(&codes::CERTIFICATE_DIFFERS))
        }
        other => Some(Finding::well(NAME, format!("{host} answered {other}"))),
    }
}

/// What becomes of the host itself, which its clients feel later.
fn entitlement(host: &str, report: &HostReport, now: Timestamp) -> Option<Finding> {
    const NAME: &str = "host-entitlement";
    let HostReport { customer, warn_at, stop_at, .. } = report;
    let seen = format!("the entitlement of {host} for {customer} ends on {}", day_words(*stop_at));
    if now < *warn_at {
        return Some(Finding::well(NAME, seen));
    }
    let means = "after that it grants nothing to anybody, and leases that it granted end then at the latest";
    Some(Finding::warning(NAME, seen).because(means, "tell its administrator to run `keymuster-host activate`"))
}

/// The publisher's authority, where a key has to be sent there.
pub fn authority(seen: &Examination) -> Option<Finding> {
    const NAME: &str = "authority";
    let authority = seen.authority.as_ref()?;
    Some(match &authority.reached {
        Ok(()) => Finding::well(NAME, format!("{} is reached", authority.address.as_deref().unwrap_or_default())),
        Err(error) => Finding::broken(NAME, error.to_string()).coded(error.code()),
    })
}

#[cfg(test)]
mod tests {
    use keymuster_core::finding::Verdict;
    use keymuster_core::time::HOUR;

    use super::super::samples::{NOW, host, nothing, report, status};
    use super::*;

    fn check(hosts: Vec<HostSeen>) -> Vec<(&'static str, Verdict, Option<&'static str>)> {
        let (status, seen) = (status(), Examination { hosts, ..nothing() });
        let found = examine(Facts { status: &status, seen: &seen, skew_secs: 24 * HOUR });
        found.iter().map(|one| (one.name, one.verdict, one.code.map(|code| code.name))).collect()
    }

    #[test]
    fn each_failure_of_a_host_has_its_own_name() {
        let named = || "kms:1688".to_owned();
        for (error, knock, code, part) in [
            (Error::ConnectionRefused { host: named() }, Knock::Refused, "connection-refused", "nothing listens"),
            (
                Error::HostUnreachable { host: named(), why: "no connection in time".into() },
                Knock::Silent,
                "host-unreachable",
                "no connection in time",
            ),
            (
                Error::HostUnreachable { host: named(), why: "Connection reset by peer".into() },
                Knock::Open,
                "host-unreachable",
                "reset by peer",
            ),
            (
                Error::HostUnreachable { host: named(), why: "no TLS: rubbish".into() },
                Knock::Open,
                "host-unreachable",
                "no TLS",
            ),
            (
                Error::NotAKeymusterHost { host: named(), found: "HTTP status 200".into() },
                Knock::Open,
                "not-a-keymuster-host",
                "is no Keymuster host",
            ),
            (
                Error::NameNotResolved { name: "kms".into(), why: "it has no address record".into() },
                Knock::Open,
                "name-not-resolved",
                "has no address",
            ),
        ] {
            let one = host(Err(error), knock);
            let error = one.report.as_ref().unwrap_err();
            let found = failed("kms:1688 (DNS)", &one, error);
            assert!(found.seen.contains(part), "{found:?}");
            assert!(found.next.is_some() && found.means.is_some(), "{found:?}");
            assert_eq!((found.verdict, found.code.unwrap().name), (Verdict::Broken, code));
        }
    }

    #[test]
    fn one_host_that_serves_makes_the_others_a_warning() {
        let failed = || host(Err(Error::ConnectionRefused { host: "kms:1688".into() }), Knock::Refused);
        let sound = || host(Ok(report(30, 25, None)), Knock::Open);
        assert_eq!(check(vec![failed()]), [("host", Verdict::Broken, Some("connection-refused"))]);
        let both = check(vec![failed(), sound()]);
        assert_eq!(both[0], ("host", Verdict::Warning, Some("connection-refused")));
        assert!(both[1..].iter().all(|(_, verdict, _)| *verdict == Verdict::Well), "{both:?}");
    }

    #[test]
    fn what_a_host_reports_is_judged() {
        let with = |change: fn(&mut HostReport)| {
            let mut report = report(30, 25, None);
            change(&mut report);
            let found = check(vec![host(Ok(report), Knock::Open)]);
            let bad: Vec<_> = found.into_iter().filter(|(_, verdict, _)| *verdict != Verdict::Well).collect();
            bad
        };
        assert_eq!(with(|_| ()), []);
        let warned = |name, code| vec![(name, Verdict::Warning, code)];
        assert_eq!(with(|report| report.clock_ahead_secs = 301), warned("clock", Some("clock-skew")));
        assert_eq!(with(|report| report.clock_ahead_secs = -7200), warned("clock", Some("clock-skew")));
        assert_eq!(with(|report| report.clock_ahead_secs = -300), []);
        assert_eq!(with(|report| report.via = Via::Differs), warned("tls", Some("certificate-differs")));
        assert_eq!(with(|report| report.warn_at = NOW), warned("host-entitlement", None));
        let waits = |report: &mut HostReport| {
            report.count = 12;
            report.refusal = Some(codes::THRESHOLD_NOT_MET.slug());
        };
        assert_eq!(with(waits), warned("host", Some("threshold-not-met")));
        let refuses = |report: &mut HostReport| report.refusal = Some(codes::CLIENTS_EXHAUSTED.slug());
        assert_eq!(with(refuses), [("host", Verdict::Broken, Some("clients-exhausted"))]);
    }
}
