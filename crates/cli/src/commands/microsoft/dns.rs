//! `keymuster microsoft dns`: the `_vlmcs._tcp` records of domains, and what a client there would do with them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::thread;
use std::time::Duration;

use clap::Args;
use keymuster_client::examination::Knock;
use keymuster_client::naming::{NameServers, domains, reach};
use keymuster_microsoft::dns::{DomainSeen, Ending, Finding, Grade, Reach, Record, Walk, judge, service, walk};
use serde_json::{Value, json};

use crate::answer::{Answer, note};
use crate::exit;
use crate::failure::Failure;

/// Options of `microsoft dns`. Exit codes: 0 clients find a host; 1 they do, and something should be put right; 3 clients of
/// some domain find none, or no name server answers.
#[derive(Debug, Args)]
pub struct Options {
    /// A domain that clients are in; may be given more than once. Without it, the domains of this machine, as its search
    /// list.
    #[arg(long = "domain", value_name = "NAME")]
    domains: Vec<String>,
    /// A further domain that the clients search after their own (their suffix search list); may be given more than once.
    #[arg(long = "search", value_name = "NAME")]
    search: Vec<String>,
    /// The name server to ask, as ADDRESS or ADDRESS:PORT, instead of this machine's; may be given more than once.
    #[arg(long = "server", value_name = "ADDRESS", value_parser = server)]
    servers: Vec<SocketAddr>,
}

/// More domains are not asked for in one run.
const DOMAINS_MAX: usize = 256;
/// More records of one domain are not followed.
const RECORDS_MAX: usize = 64;
/// More addresses of one name are not tried.
const ADDRESSES_MAX: usize = 8;
/// How many are waited for at the same time.
const AT_ONCE: usize = 32;
const DNS: Duration = Duration::from_secs(2);
const CONNECT: Duration = Duration::from_secs(3);

pub fn run(options: &Options) -> Result<Answer, Failure> {
    let (own, search) = asked(options)?;
    let names: Vec<String> = own.iter().chain(&search).fold(Vec::new(), |mut all, name| {
        if !all.contains(name) {
            all.push(name.clone());
        }
        all
    });
    let servers = NameServers::new(&options.servers, DNS).servers().to_vec();
    note(format!(
        "asking {} for {}; to each host that is named a connection is opened and closed, nothing is sent",
        if servers.is_empty() { "nobody".to_owned() } else { joined(&servers) },
        names.iter().map(|name| service(name)).collect::<Vec<_>>().join(", ")
    ));
    let seen = look(&names, &options.servers);
    let find = |name: &String| seen.iter().find(|seen| seen.domain == *name).cloned();
    let walks: Vec<Walk> = own
        .iter()
        .map(|name| {
            let way: Vec<DomainSeen> =
                std::iter::once(name).chain(search.iter().filter(|other| *other != name)).filter_map(find).collect();
            walk(&way)
        })
        .collect();
    let findings: Vec<Vec<Finding>> = seen.iter().map(|domain| judge(domain, &seen)).collect();
    let is_well = walks.iter().all(|walk| matches!(walk.ending, Ending::Reached { .. }));
    let is_clean = findings.iter().flatten().all(|finding| finding.grade == Grade::Note);
    let mut answer = Answer::new(text(&seen, &findings, &walks), shown(&seen, &findings, &walks, &servers));
    answer.exit = match (is_well, is_clean) {
        (false, _) => exit::BROKEN,
        (true, false) => exit::WARNING,
        (true, true) => exit::OK,
    };
    Ok(answer)
}

/// The domains that clients are in, and those that they search besides.
fn asked(options: &Options) -> Result<(Vec<String>, Vec<String>), Failure> {
    let plain = |name: &String| -> Result<String, Failure> {
        let name = name.trim_matches('.').to_ascii_lowercase();
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if name.len() > 240 || !name.split('.').all(is_label) {
            return Err(Failure::usage(format!("{name:?} is no domain"), "write it as in corp.example.com"));
        }
        Ok(name)
    };
    let mut own = options.domains.iter().map(plain).collect::<Result<Vec<String>, Failure>>()?;
    let mut search = options.search.iter().map(plain).collect::<Result<Vec<String>, Failure>>()?;
    if own.is_empty() {
        let mut of_machine = domains();
        of_machine.extend(search);
        if of_machine.is_empty() {
            return Err(Failure::usage("this machine is in no domain that it knows", "name one with --domain"));
        }
        search = of_machine.split_off(1);
        own = of_machine;
    }
    if own.len() + search.len() > DOMAINS_MAX {
        return Err(Failure::usage(format!("more than {DOMAINS_MAX} domains"), "ask for fewer in one run"));
    }
    Ok((own, search))
}

fn server(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse::<SocketAddr>().or_else(|_| text.parse::<IpAddr>().map(|address| (address, 53).into()));
    address.map_err(|_| "an address is needed, such as 10.0.0.53 or [2001:db8::53]:53".to_owned())
}

/// Asks for all domains, then for the addresses of all hosts, then knocks; many at a time.
fn look(names: &[String], servers: &[SocketAddr]) -> Vec<DomainSeen> {
    // What a resolver remembers of silent servers is no thread's but its own.
    let asked = at_once(names, |name| NameServers::new(servers, DNS).service(&service(name)));
    let mut hosts: Vec<String> =
        asked.iter().flatten().flatten().take(DOMAINS_MAX * RECORDS_MAX).map(|record| record.target.clone()).collect();
    hosts.sort();
    hosts.dedup();
    let addresses = at_once(&hosts, |host| -> Result<Vec<IpAddr>, String> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let mut found = NameServers::new(servers, DNS).addresses(host).map_err(|why| why.to_string())?;
        found.sort();
        found.dedup();
        found.truncate(ADDRESSES_MAX);
        Ok(found)
    });
    let addresses: BTreeMap<&String, _> = hosts.iter().zip(addresses).collect();
    let known = |target: &String| addresses.get(target).cloned().unwrap_or_else(|| Ok(Vec::new()));
    let mut places: Vec<SocketAddr> = Vec::new();
    for record in asked.iter().flatten().flatten() {
        let all = known(&record.target).unwrap_or_default().into_iter();
        places.extend(all.map(|address| SocketAddr::new(address, record.port)));
    }
    places.sort();
    places.dedup();
    let reached = at_once(&places, |place| knock(*place));
    let reached: BTreeMap<SocketAddr, Reach> = places.into_iter().zip(reached).collect();
    let follow = |record: keymuster_client::naming::ServiceRecord| Record {
        priority: record.priority,
        weight: record.weight,
        port: record.port,
        addresses: known(&record.target).map(|addresses| {
            let reach = |address: IpAddr| {
                reached.get(&SocketAddr::new(address, record.port)).cloned().unwrap_or(Reach::NotTried)
            };
            addresses.into_iter().map(|address| (address, reach(address))).collect()
        }),
        target: record.target,
    };
    let domain = |(name, records): (&String, std::io::Result<Vec<_>>)| DomainSeen {
        domain: name.clone(),
        records: records
            .map(|records| records.into_iter().take(RECORDS_MAX).map(follow).collect())
            .map_err(|why| why.to_string()),
    };
    names.iter().zip(asked).map(domain).collect()
}

/// A record that anybody may have put into DNS must not make this machine knock at other services.
fn knock(place: SocketAddr) -> Reach {
    if place.port() < 1024 {
        return Reach::NotTried;
    }
    match reach(place, CONNECT) {
        Knock::Open => Reach::Open,
        Knock::Refused => Reach::Refused,
        Knock::Silent => Reach::Silent,
        Knock::Failed(why) => Reach::Failed(why),
    }
}

/// Does something for each, so many at a time, and keeps the order.
fn at_once<T: Sync, U: Send>(all: &[T], act: impl Fn(&T) -> U + Sync) -> Vec<U> {
    let mut done = Vec::with_capacity(all.len());
    for some in all.chunks(AT_ONCE) {
        thread::scope(|scope| {
            let act = &act;
            let begun: Vec<_> = some.iter().map(|one| scope.spawn(move || act(one))).collect();
            done.extend(begun.into_iter().map(|one| one.join().expect("what is done for one does not panic")));
        });
    }
    done
}

fn text(seen: &[DomainSeen], findings: &[Vec<Finding>], walks: &[Walk]) -> String {
    let mut text = String::new();
    for (domain, findings) in seen.iter().zip(findings) {
        let _ = writeln!(text, "{}", domain.nslookup());
        for finding in findings {
            let mark = match finding.grade {
                Grade::Note => "  note: ",
                Grade::Warning => "  warning: ",
                Grade::Broken => "  broken: ",
            };
            let _ = writeln!(text, "{mark}{}\n    what to do: {}", finding.says, finding.remedy);
        }
        if !findings.is_empty() {
            text.push('\n');
        }
    }
    for walk in walks {
        let _ = writeln!(text, "A client in {}:", walk.domain);
        for (number, step) in (1..).zip(&walk.steps) {
            let _ = writeln!(text, "  {number}. {step}");
        }
        let _ = writeln!(text, "  => {}\n", ending(&walk.ending));
    }
    text
}

fn ending(ending: &Ending) -> String {
    match ending {
        Ending::Reached { hosts } => {
            format!("it reaches {}; an open port is no proof that an activation host is behind it", hosts.join(" or "))
        }
        Ending::NoRecord => "it finds no host: there is no record".to_owned(),
        Ending::NoAnswer => "it finds no host: DNS does not answer".to_owned(),
        Ending::NoHost => "it finds no host: none that is named can be reached".to_owned(),
    }
}

fn shown(seen: &[DomainSeen], findings: &[Vec<Finding>], walks: &[Walk], servers: &[SocketAddr]) -> Value {
    let record = |record: &Record| {
        let addresses = record.addresses.as_ref().map(|addresses| {
            let one = |(address, reach): &(IpAddr, Reach)| {
                json!({ "address": address.to_string(), "open": *reach == Reach::Open, "says": reach.words() })
            };
            addresses.iter().map(one).collect::<Vec<_>>()
        });
        json!({
            "priority": record.priority,
            "weight": record.weight,
            "port": record.port,
            "target": record.target,
            "addresses": addresses.as_ref().ok(),
            "error": addresses.as_ref().err(),
        })
    };
    let finding = |finding: &Finding| {
        let grade = match finding.grade {
            Grade::Note => "note",
            Grade::Warning => "warning",
            Grade::Broken => "broken",
        };
        json!({ "grade": grade, "kind": finding.kind, "says": finding.says, "remedy": finding.remedy })
    };
    let domain = |(domain, findings): (&DomainSeen, &Vec<Finding>)| {
        json!({
            "domain": domain.domain,
            "name": service(&domain.domain),
            "records": domain.known().iter().map(record).collect::<Vec<_>>(),
            "error": domain.records.as_ref().err(),
            "findings": findings.iter().map(finding).collect::<Vec<_>>(),
        })
    };
    let client = |walk: &Walk| {
        let (ending, hosts) = match &walk.ending {
            Ending::Reached { hosts } => ("reached", hosts.clone()),
            Ending::NoRecord => ("no-record", Vec::new()),
            Ending::NoAnswer => ("no-answer", Vec::new()),
            Ending::NoHost => ("no-host", Vec::new()),
        };
        json!({ "domain": walk.domain, "steps": walk.steps, "ending": ending, "hosts": hosts })
    };
    json!({
        "servers": servers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "domains": seen.iter().zip(findings).map(domain).collect::<Vec<_>>(),
        "clients": walks.iter().map(client).collect::<Vec<_>>(),
    })
}

fn joined(servers: &[SocketAddr]) -> String {
    servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
