//! Where hosts are looked for: the domains of the machine, its name servers, and what they say.

use keymuster_client::examination::{Examination, NameSeen, Srv};
use keymuster_core::codes;
use keymuster_core::finding::Finding;

use super::{eased, is_served};

pub fn examine(seen: &Examination) -> Vec<Finding> {
    if let Some(source) = &seen.by_hand {
        return vec![by_hand(seen, source)];
    }
    let is_served = is_served(seen);
    let findings = domains(seen).into_iter().chain(servers(seen)).chain(records(seen));
    findings.map(|finding| eased(finding, is_served)).collect()
}

/// A host that is set by hand keeps the client from finding any other.
fn by_hand(seen: &Examination, source: &str) -> Finding {
    const NAME: &str = "host-set-by-hand";
    let (asked, others): (Vec<_>, Vec<_>) = seen.hosts.iter().partition(|host| host.is_asked);
    let is_sound = |host: &&keymuster_client::examination::HostSeen| {
        host.report.as_ref().is_ok_and(keymuster_client::HostReport::is_healthy)
    };
    let address = asked.first().map_or("a host", |host| host.address.as_str());
    match others.into_iter().find(is_sound).filter(|_| !asked.iter().any(is_sound)) {
        None => Finding::well(NAME, format!("{address} is set by hand ({source}), so DNS is not asked")),
        Some(other) => {
            let seen = format!("{address} is set by hand ({source}) and hides {}, which DNS names", other.address);
            let means = "the host that is set does not serve this client, and the one that DNS names would";
            let next = match source {
                "environment" => "take KEYMUSTER_HOST out of the environment".to_owned(),
                "product or command line" => "leave out --host, or name the other host".to_owned(),
                _ => "run `keymuster unset host`, or `keymuster set host` with the right name".to_owned(),
            };
            Finding::warning(NAME, seen).because(means, next)
        }
    }
}

fn domains(seen: &Examination) -> Option<Finding> {
    const NAME: &str = "domain";
    if seen.domains.is_empty() {
        let means = "hosts are looked for in the machine's domain, and neither its name nor /etc/resolv.conf has one";
        let next = "run `keymuster set domain example.com` with the domain in which the host is published, or \
                    `keymuster set host NAME`";
        let finding = Finding::broken(NAME, "this machine is in no DNS domain");
        return Some(finding.because(means, next).coded(&codes::HOST_NOT_FOUND));
    }
    Some(Finding::well(NAME, format!("hosts are looked for in {}", seen.domains.join(", "))))
}

fn servers(seen: &Examination) -> Vec<Finding> {
    const NAME: &str = "name-server";
    if seen.domains.is_empty() {
        return Vec::new();
    }
    if seen.servers.is_empty() {
        let means = "nobody can be asked where a host is: /etc/resolv.conf names no name server";
        let next = "run `keymuster set dns ADDRESS`, or mend /etc/resolv.conf";
        let finding = Finding::broken(NAME, "no name server is known");
        return vec![finding.because(means, next).coded(&codes::HOST_NOT_FOUND)];
    }
    let is_answered = seen.names.iter().any(|name| name.records().is_some());
    let mut findings = Vec::new();
    for server in &seen.servers {
        let answers = || seen.names.iter().flat_map(|name| &name.answers).filter(|(asked, _)| asked == server);
        let failure = answers().find_map(|(_, answer)| answer.as_ref().err());
        findings.push(match failure {
            None => Finding::well(NAME, format!("{server} answers")),
            Some(why) if is_answered => Finding::warning(NAME, why.clone())
                .because("another name server answered; each search waits for this one first", REPAIR),
            Some(why) => Finding::broken(NAME, why.clone())
                .because("DNS cannot be asked, so no host is found by it", REPAIR)
                .coded(&codes::HOST_NOT_FOUND),
        });
    }
    findings
}

const REPAIR: &str = "mend the name server or the way to it, or name another: `keymuster set dns ADDRESS`";

fn records(seen: &Examination) -> Vec<Finding> {
    const NAME: &str = "srv-records";
    let answered: Vec<(&NameSeen, &[Srv])> =
        seen.names.iter().filter_map(|name| Some((name, name.records()?))).collect();
    let all = || answered.iter().flat_map(|(name, records)| records.iter().map(move |record| (*name, record)));
    let mut findings = Vec::new();
    if !answered.is_empty() && all().next().is_none() {
        let names: Vec<&str> = answered.iter().map(|(name, _)| name.name.as_str()).collect();
        let finding =
            Finding::broken(NAME, format!("DNS names no host: there is no SRV record at {}", names.join(", ")));
        let means = "no host has published itself where this machine looks, or it looks in the wrong domain";
        let next = "on the host run `keymuster-host dns`, which says what to enter; or run `keymuster set domain NAME` \
                    or `keymuster set host NAME` here";
        findings.push(finding.because(means, next).coded(&codes::HOST_NOT_FOUND));
    }
    let followed: Vec<String> =
        all().filter(|(_, record)| record.is_followed).map(|(_, record)| named(record)).collect();
    if !followed.is_empty() {
        findings.push(Finding::well(NAME, format!("DNS names {}", followed.join(", "))));
    }
    let is_alone = followed.is_empty();
    findings.extend(
        all().filter(|(_, record)| !record.is_followed).map(|(name, record)| passed_over(name, record, is_alone)),
    );
    findings
}

fn named(record: &Srv) -> String {
    format!("{}:{}", record.target, record.port)
}

/// A record that clients do not follow; `is_alone` where there is none that they do.
fn passed_over(name: &NameSeen, record: &Srv, is_alone: bool) -> Finding {
    const NAME: &str = "srv-passed-over";
    let seen = format!("the record {} at {} is passed over", named(record), name.name);
    let means = match record.target.trim_matches('.') {
        "" => "it says that there is no such service in this domain",
        _ => "clients use port 443 and ports from 1024 on, so that a record cannot lead them to other services",
    };
    let next = "correct the record, or let the host publish itself: `keymuster-host dns`";
    let finding = if is_alone { Finding::broken(NAME, seen) } else { Finding::warning(NAME, seen) };
    let finding = finding.because(means, next);
    if is_alone { finding.coded(&codes::HOST_NOT_FOUND) } else { finding }
}

#[cfg(test)]
mod tests {
    use keymuster_client::Error;
    use keymuster_client::examination::Knock;
    use keymuster_core::finding::Verdict;

    use super::super::samples::{host, nothing, report};
    use super::*;

    /// Target, port, and whether clients follow the record.
    type Row = (&'static str, u16, bool);

    fn name(answers: &[Result<&[Row], &str>]) -> NameSeen {
        let record = |(target, port, is_followed): &Row| Srv {
            target: (*target).to_owned(),
            port: *port,
            is_followed: *is_followed,
        };
        let answer = |(place, answer): (usize, &Result<&[Row], &str>)| {
            let server = format!("192.0.2.{}:53", 53 + place).parse().unwrap();
            (server, answer.map(|records| records.iter().map(record).collect()).map_err(str::to_owned))
        };
        let answers = answers.iter().enumerate().map(answer).collect();
        NameSeen { name: "_keymuster._tcp.example.test".to_owned(), answers }
    }

    #[test]
    fn every_way_not_to_find_a_host_is_told_apart() {
        let none: &[Row] = &[];
        for (names, expected) in [
            (vec![name(&[Ok(none)])], &["well domain", "well name-server", "broken srv-records"][..]),
            (vec![name(&[Err("name server 192.0.2.53:53: timed out")])], &["well domain", "broken name-server"]),
            (
                vec![name(&[Ok(&[("kms.example.test", 1688, true)])])],
                &["well domain", "well name-server", "well srv-records"],
            ),
            (
                vec![name(&[Ok(&[("kms.example.test", 80, false)])])],
                &["well domain", "well name-server", "broken srv-passed-over"],
            ),
            (
                vec![name(&[Ok(&[("a.test", 1688, true), (".", 0, false)])])],
                &["well domain", "well name-server", "well srv-records", "warning srv-passed-over"],
            ),
        ] {
            let seen = Examination { names, ..nothing() };
            let found: Vec<String> = examine(&seen).iter().map(|one| format!("{} {}", one.verdict, one.name)).collect();
            assert_eq!(found, expected, "{:?}", examine(&seen));
        }
        let lost = examine(&Examination { domains: Vec::new(), ..nothing() });
        assert_eq!((lost.len(), lost[0].name, lost[0].verdict), (1, "domain", Verdict::Broken));
        let mute = examine(&Examination { servers: Vec::new(), ..nothing() });
        assert_eq!((mute[1].name, mute[1].verdict), ("name-server", Verdict::Broken));
    }

    #[test]
    fn a_silent_server_beside_one_that_answers_is_a_warning() {
        let servers = ["192.0.2.53:53", "192.0.2.54:53"].map(|server| server.parse().unwrap()).to_vec();
        let names = vec![name(&[Err("name server 192.0.2.53:53: timed out"), Ok(&[("a.test", 1688, true)])])];
        let found = examine(&Examination { names, servers, ..nothing() });
        let servers: Vec<Verdict> =
            found.iter().filter(|one| one.name == "name-server").map(|one| one.verdict).collect();
        assert_eq!(servers, [Verdict::Warning, Verdict::Well]);
    }

    #[test]
    fn a_host_set_by_hand_hides_others_only_where_it_fails_itself() {
        let failed = || Err(Error::ConnectionRefused { host: "old:1688".into() });
        for (asked, other, expected) in [
            (failed(), Ok(report(30, 25, None)), Verdict::Warning),
            (Ok(report(30, 25, None)), Ok(report(30, 25, None)), Verdict::Well),
            (failed(), failed(), Verdict::Well),
        ] {
            let mut hosts = vec![host(asked, Knock::Open), host(other, Knock::Open)];
            hosts[1].is_asked = false;
            let seen = Examination { by_hand: Some("settings.json".into()), hosts, ..nothing() };
            assert_eq!(examine(&seen)[0].verdict, expected);
        }
        let without_domain = Examination { by_hand: Some("environment".into()), domains: Vec::new(), ..nothing() };
        assert_eq!(examine(&without_domain)[0].verdict, Verdict::Well, "no domain is needed then");
    }
}
