//! `keymuster doctor`: what stands between the products of this machine and their licences, and what to do about it.
//!
//! Nothing is counted, granted or changed: hosts are asked what they would answer (`docs/spec/messages.md`).

use keymuster_client::examination::{Examination, HostSeen};
use keymuster_client::{HostReport, Product, Status, Timestamp};
use keymuster_core::finding::{Diagnosis, Finding, Verdict};
use serde_json::{Map, Value, json};

use super::status::state_name;
use crate::answer::{Answer, note};
use crate::doctor::{Facts, diagnose};
use crate::exit;
use crate::failure::Failure;
use crate::machine::Machine;

/// One product with what was found.
struct Examined {
    name: String,
    diagnosis: Diagnosis,
    json: Value,
    help: Option<String>,
}

pub fn run(machine: &Machine) -> Result<Answer, Failure> {
    let products = machine.products()?;
    note("looking at each link between this machine and its licence …");
    let mut examined = products.iter().map(|product| examine(machine, product)).collect::<Result<Vec<_>, _>>()?;
    // The worst first, and otherwise as they were.
    examined.sort_by_key(|one| std::cmp::Reverse(one.diagnosis.verdict()));
    let is_alone = examined.len() == 1;
    let texts: Vec<String> = examined.iter().map(|one| one.text(is_alone)).collect();
    let worst = examined.first().map_or(Verdict::Well, |one| one.diagnosis.verdict());
    let json = json!({
        "verdict": worst.to_string(),
        "headline": examined.first().map(|one| one.diagnosis.headline.as_str()),
        "products": examined.iter().map(|one| &one.json).collect::<Vec<_>>(),
    });
    let exit = match worst {
        Verdict::Well => exit::OK,
        Verdict::Warning => exit::WARNING,
        Verdict::Broken => exit::BROKEN,
    };
    Ok(Answer { text: texts.join("\n"), json, exit })
}

fn examine(machine: &Machine, product: &Product) -> Result<Examined, Failure> {
    let client = machine.look(product)?;
    let (status, seen) = (client.status(), client.examine());
    let skew_secs = product.catalogue().policy.skew_secs;
    let diagnosis = diagnose(Facts { status: &status, seen: &seen, skew_secs });
    Ok(Examined {
        name: format!("{} ({}, {})", status.edition_name, status.publisher, status.edition),
        json: product_json(&status, &seen, &diagnosis),
        help: status.help_url.map(|url| url.to_string()),
        diagnosis,
    })
}

impl Examined {
    fn text(&self, is_alone: bool) -> String {
        let mut text = if is_alone { String::new() } else { format!("{}\n", self.name) };
        text += &self.diagnosis.text();
        if self.diagnosis.verdict() == Verdict::Broken
            && let Some(url) = &self.help
        {
            text += &format!("\n  help: {url}\n");
        }
        text
    }
}

fn product_json(status: &Status, seen: &Examination, diagnosis: &Diagnosis) -> Value {
    let searched = seen.names.iter().flat_map(|name| {
        name.answers.iter().map(move |(server, answer)| match answer {
            Ok(records) => json!({
                "name": name.name,
                "server": server.to_string(),
                "records": records.iter().map(|record| json!({
                    "target": record.target, "port": record.port, "followed": record.is_followed,
                })).collect::<Vec<_>>(),
            }),
            Err(why) => json!({ "name": name.name, "server": server.to_string(), "error": why }),
        })
    });
    json!({
        "publisher": status.publisher.as_str(),
        "edition": status.edition.as_str(),
        "verdict": diagnosis.verdict().to_string(),
        "headline": diagnosis.headline,
        "findings": diagnosis.findings.iter().map(finding_json).collect::<Vec<_>>(),
        "state": state_name(status.state),
        "next_attempt": status.next_attempt.map(Timestamp::as_secs),
        "searched": searched.collect::<Vec<_>>(),
        "hosts": seen.hosts.iter().map(host_json).collect::<Vec<_>>(),
        "help_url": status.help_url.as_ref().map(ToString::to_string),
    })
}

fn finding_json(finding: &Finding) -> Value {
    let members = finding.members().into_iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
    Value::Object(members.collect::<Map<_, _>>())
}

fn host_json(host: &HostSeen) -> Value {
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
        Err(error) => json!({ "answer": error.to_string(), "code": error.code().name }),
    };
    value["host"] = host.address.as_str().into();
    value["found_by"] = host.found_by.as_str().into();
    value["asked"] = host.is_asked.into();
    value["reachable"] = host.report.as_ref().map_or_else(|error| !error.is_unreachable(), |_| true).into();
    value["healthy"] = host.report.as_ref().is_ok_and(HostReport::is_healthy).into();
    value
}
