//! The report for programs: everything that is known, under names that stay. Times are seconds since 1970.

use serde_json::{Value, json};

use crate::events::report::Report;
use crate::events::{Forecast, Standing};

/// The report as JSON.
pub fn json(report: &Report) -> Value {
    let standings: serde_json::Map<String, Value> =
        Standing::ALL.iter().map(|standing| (standing.name().to_owned(), report.standing(*standing).into())).collect();
    json!({
        "from": report.span.map(|(from, _)| from.secs()),
        "until": report.span.map(|(_, until)| until.secs()),
        "events": report.events,
        "left_out": report.left_out,
        "findings": report.findings.iter().map(|finding| json!({
            "fault": finding.fault.name(),
            "urgent": finding.is_urgent,
            "says": finding.says,
            "remedy": finding.remedy,
            "names": finding.names,
        })).collect::<Vec<_>>(),
        "standings": standings,
        "hosts": hosts(report),
        "counts": counts(report),
        "products": report.products.iter().map(|(product, machines)| json!({
            "activation_id": product.activation_id,
            "name": product.name,
            "named": product.is_named,
            "application": product.application.name(),
            "machines": machines,
        })).collect::<Vec<_>>(),
        "errors": errors(report),
        "clones": report.clones.iter().map(|clone| json!({
            "cmid": clone.cmid,
            "renamed": clone.is_renamed,
            "machines": clone.machines.iter().map(|(name, first, last)| json!({
                "name": name, "first": first.secs(), "last": last.secs(),
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "servers": report.servers.iter().map(|server| json!({
            "name": server.name,
            "requests": server.requests,
            "clients": server.clients,
            "unreached": server.unreached,
            "unreached_clients": server.unreached_clients,
            "is_unreached": server.is_unreached,
        })).collect::<Vec<_>>(),
        "clients": report.clients.iter().map(|client| json!({
            "name": client.name,
            "sent": client.sent,
            "answered": client.answered,
            "server": client.server,
            "count": client.count,
            "minimum": client.minimum,
            "activated": client.is_activated,
        })).collect::<Vec<_>>(),
        "machines": machines(report),
        "files": files(report),
    })
}

fn hosts(report: &Report) -> Vec<Value> {
    let one = |host: &crate::events::HostSeen| {
        json!({
            "name": host.name,
            "requests": host.requests,
            "refused": host.failed,
            "machines": host.machines,
            "first": host.first.map(crate::events::Moment::secs),
            "last": host.last.map(crate::events::Moment::secs),
            "silences": host.silences.iter().map(|silence| json!({
                "from": silence.from.secs(),
                "until": silence.until.map(crate::events::Moment::secs),
                "missing": silence.missing,
            })).collect::<Vec<_>>(),
            "not_published": host.not_published.iter().map(|(domain, code, at)| json!({
                "domain": domain, "code": format!("0x{code:08X}"), "at": at.secs(),
            })).collect::<Vec<_>>(),
        })
    };
    report.hosts.iter().map(one).collect()
}

fn counts(report: &Report) -> Vec<Value> {
    let one = |series: &crate::events::CountSeries| {
        let (forecast, day) = match series.forecast {
            Forecast::TooShort => ("too-short", None),
            Forecast::Steady => ("steady", None),
            Forecast::Falling { below_on, .. } => ("falling", Some(below_on.day_text())),
            Forecast::Below { since } => ("below", Some(since.day_text())),
        };
        json!({
            "host": series.host,
            "application": series.application.name(),
            "threshold": series.threshold,
            "first_day": series.first.day_text(),
            "daily": series.daily,
            "known_from": series.whole_from,
            "forecast": forecast,
            "forecast_day": day,
        })
    };
    report.counts.iter().map(one).collect()
}

fn errors(report: &Report) -> Vec<Value> {
    let one = |error: &crate::events::ErrorGroup| {
        json!({
            "event": error.event,
            "code": format!("0x{:08X}", error.code),
            "count": error.count,
            "machines": error.machines,
            "first": error.first.secs(),
            "last": error.last.secs(),
            "computers": error.computers,
            "examples": error.examples.iter().map(|(name, ahead)| json!({
                "name": name, "clock_ahead_secs": ahead,
            })).collect::<Vec<_>>(),
            "means": error.means,
            "remedy": error.remedy,
        })
    };
    report.errors.iter().map(one).collect()
}

fn machines(report: &Report) -> Vec<Value> {
    let one = |machine: &crate::events::MachineSeen| {
        json!({
            "name": machine.name,
            "cmid": machine.cmid,
            "activation_id": report.product(machine).map(|product| &product.activation_id),
            "virtual": machine.is_virtual,
            "host": machine.host,
            "first": machine.first.secs(),
            "activated": machine.activated.map(crate::events::Moment::secs),
            "renewed": machine.renewed.map(crate::events::Moment::secs),
            "requests": machine.requests,
            "refused": machine.failed,
            "code": format!("0x{:08X}", machine.code),
            "standing": machine.standing.name(),
            "ends": machine.until.secs(),
        })
    };
    report.machines.iter().map(one).collect()
}

fn files(report: &Report) -> Vec<Value> {
    let one = |file: &crate::events::FileRead| {
        json!({
            "path": file.path.display().to_string(),
            "form": file.form.name(),
            "bytes": file.bytes,
            "events": file.taken,
            "again": file.again,
            "others": file.others,
            "damaged": file.damaged,
            "cut": file.is_cut,
            "wrong_checksums": file.wrong_checksums,
            "local_time": file.is_local_time,
        })
    };
    report.files.iter().map(one).collect()
}
