//! `keymuster check`: ask every host that would be found what it would answer; nothing is counted or granted.

use keymuster_client::{CheckedHost, Client, HostReport};
use keymuster_core::codes;
use keymuster_core::time::duration_words;
use serde_json::{Value, json};

use crate::answer::{Answer, note};
use crate::exit;
use crate::failure::Failure;
use crate::machine::Machine;
use crate::shown::Fields;

pub fn run(machine: &Machine) -> Result<Answer, Failure> {
    let client = machine.client()?;
    note("asking each host what it would answer …");
    let check = client.check();
    let edition = client.product().edition();
    let publisher = client.product().publisher();
    let searched: Vec<String> =
        check.searched.iter().map(|tried| format!("{}: {}", tried.what, tried.outcome)).collect();
    let fields = Fields::new().texts("searched", &searched).each("hosts", check.hosts.iter().map(fields));
    let mut text = format!("{} ({publisher}, {})\n{}", edition.name, edition.id, fields.lines(2));
    if check.hosts.is_empty() {
        text.push_str(&format!("  {} ({})\n", codes::HOST_NOT_FOUND.sentence, codes::HOST_NOT_FOUND));
    }
    let healthy = check.hosts.iter().filter(|host| is_healthy(host)).count();
    let json = json!({
        "publisher": publisher.as_str(),
        "edition": edition.id.as_str(),
        "searched": searched,
        "hosts": check.hosts.iter().map(json_of).collect::<Vec<Value>>(),
        "healthy": healthy,
        "help_url": help(&client),
    });
    if healthy == 0
        && let Some(url) = help(&client)
    {
        text.push_str(&format!("  help: {url}\n"));
    }
    Ok(Answer { text, json, exit: if healthy > 0 { exit::OK } else { exit_of(&check.hosts) } })
}

fn help(client: &Client) -> Option<String> {
    client.status().help_url.map(|url| url.to_string())
}

fn is_healthy(host: &CheckedHost) -> bool {
    host.report.as_ref().is_ok_and(HostReport::is_healthy)
}

/// The exit code where no host is healthy: what is wrong with the one that says most.
fn exit_of(hosts: &[CheckedHost]) -> u8 {
    let exits: Vec<u8> = hosts
        .iter()
        .map(|host| match &host.report {
            Ok(report) if report.objection.is_some() => exit::INVALID,
            Ok(_) => exit::REFUSED,
            Err(error) => Failure::exit_of(error),
        })
        .collect();
    [exit::REFUSED, exit::INVALID].into_iter().find(|exit| exits.contains(exit)).unwrap_or(exit::ENVIRONMENT)
}

fn fields(host: &CheckedHost) -> Fields {
    let fields = Fields::new().text("host", &host.address).text("found_by", &host.found_by);
    match &host.report {
        Ok(report) => fields
            .text("answer", report)
            .text("clock", clock(report.clock_ahead_secs))
            .text("customer", &report.customer)
            .text("entitlement", format!("until {}, to be renewed from {}", report.stop_at, report.warn_at)),
        Err(error) => {
            fields.text("answer", format!("{error} ({})", error.code())).text("what_to_do", error.code().remedy)
        }
    }
}

fn clock(ahead_secs: i64) -> String {
    let apart = duration_words(ahead_secs.unsigned_abs());
    match ahead_secs {
        0 => "the same as here".to_owned(),
        1.. => format!("{apart} ahead of this machine"),
        _ => format!("{apart} behind this machine"),
    }
}

fn json_of(host: &CheckedHost) -> Value {
    let mut value = match &host.report {
        Ok(report) => json!({
            "answer": report.to_string(),
            "code": report.code().map(|code| code.name),
            "count": report.count,
            "threshold": report.threshold,
            "refusal": report.refusal.as_ref().map(|name| name.as_str()),
            "clock_ahead_secs": report.clock_ahead_secs,
            "customer": report.customer.as_str(),
            "warn_at": report.warn_at.as_secs(),
            "stop_at": report.stop_at.as_secs(),
        }),
        Err(error) => json!({ "answer": error.to_string(), "code": error.code().name, "remedy": error.code().remedy }),
    };
    value["host"] = host.address.as_str().into();
    value["found_by"] = host.found_by.as_str().into();
    value["reachable"] = host.report.as_ref().map_or_else(|error| !error.is_unreachable(), |_| true).into();
    value["healthy"] = is_healthy(host).into();
    value
}
