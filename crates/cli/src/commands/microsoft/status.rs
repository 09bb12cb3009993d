//! `keymuster microsoft status`: what the output of slmgr, ospp or Get-KmsLicenseInfo means.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use keymuster_microsoft::status::{AskedHost, Finding, Product, Weight, judge, read};
use serde_json::{Value, json};

use super::input;
use crate::answer::Answer;
use crate::exit;
use crate::failure::Failure;

/// Options of `microsoft status`.
///
/// Exit codes: 0 well; 1 it works, with a warning; 4 something is not activated, or will not be; 5 not such an output.
#[derive(Debug, Args)]
pub struct Options {
    /// Files with the output of slmgr /dlv, /dli or /xpr, of ospp /dstatus, or of Get-KmsLicenseInfo |
    /// ConvertTo-Json, in any language; several are compared. Without any, or for `-`, standard input is read.
    files: Vec<PathBuf>,
}

/// More outputs than anybody compares by hand.
const FILES_MAX: usize = 1000;

pub fn run(options: &Options) -> Result<Answer, Failure> {
    let mut files = options.files.clone();
    if files.is_empty() {
        files.push(PathBuf::from("-"));
    }
    if files.len() > FILES_MAX {
        return Err(Failure::usage(
            format!("at most {FILES_MAX} files are compared"),
            "take event logs: `keymuster microsoft events`",
        ));
    }
    let mut products = Vec::new();
    for file in files {
        let place = if file.as_os_str() == "-" { "input".to_owned() } else { file.display().to_string() };
        let read = read(&input::of(&file)?);
        if read.is_empty() {
            return Err(input::nothing_in(
                &format!("{place} is no output of slmgr, ospp or Get-KmsLicenseInfo"),
                "redirect the whole output: `cscript //nologo %windir%\\System32\\slmgr.vbs /dlv > FILE`",
            ));
        }
        products.extend(read.into_iter().map(|product| (place.clone(), product)));
    }
    Ok(answer(&products, &judge(&products)))
}

fn answer(products: &[(String, Product)], findings: &[(String, Finding)]) -> Answer {
    let worst = findings.iter().map(|(_, finding)| finding.weight).max().unwrap_or(Weight::Fine);
    let verdict = match worst {
        Weight::Fine => "All is well, as far as this output says.",
        Weight::Warning => "It works, and something should be done.",
        Weight::Wrong => "Something is wrong.",
    };
    let mut text = format!("{verdict}\n");
    let mut place = "";
    for (at, finding) in findings {
        if place != at {
            let _ = writeln!(text, "\n{at}");
            place = at;
        }
        let _ = writeln!(text, "  {} {}: {}", mark(finding.weight), finding.what, finding.meaning);
        for next in &finding.next {
            let _ = writeln!(text, "      next: {next}");
        }
    }
    let exit = match worst {
        Weight::Fine => exit::OK,
        Weight::Warning => exit::WARNING,
        Weight::Wrong => exit::NOT_LICENSED,
    };
    let findings: Vec<Value> = findings.iter().map(|(place, finding)| json_of_finding(place, finding)).collect();
    let products: Vec<Value> = products.iter().map(|(place, product)| json_of(place, product)).collect();
    Answer { exit, ..Answer::new(text, json!({ "verdict": verdict, "findings": findings, "products": products })) }
}

fn mark(weight: Weight) -> &'static str {
    match weight {
        Weight::Fine => "ok:     ",
        Weight::Warning => "warning:",
        Weight::Wrong => "wrong:  ",
    }
}

fn json_of_finding(place: &str, finding: &Finding) -> Value {
    json!({
        "place": place, "weight": mark(finding.weight).trim_end().trim_end_matches(':'), "what": finding.what,
        "meaning": finding.meaning, "next": finding.next,
    })
}

fn json_of(place: &str, product: &Product) -> Value {
    let (host, host_from) = match &product.host {
        Some(AskedHost::Dns(host)) => (Some(host), "dns"),
        Some(AskedHost::Named(host)) => (Some(host), "named"),
        Some(AskedHost::Known(host)) => (Some(host), "not said"),
        Some(AskedHost::NotFound) => (None, "not found"),
        None => (None, "-"),
    };
    let serving = product.serving.as_ref().map(|serving| {
        json!({
            "count": serving.count, "port": serving.port, "publishes": serving.publishes,
            "low_priority": serving.is_low_priority, "requests": serving.requests, "failed": serving.failed,
        })
    });
    json!({
        "place": place,
        "name": product.name,
        "channel": product.channel.map(|channel| channel.name()),
        "state": product.state.map(|state| state.name()),
        "activation_id": product.activation_id,
        "last_five": product.last_five,
        "minutes_left": product.minutes_left,
        "client_machine_id": product.client_id,
        "host": host,
        "host_from": host_from,
        "activation_interval_minutes": product.activation_minutes,
        "renewal_interval_minutes": product.renewal_minutes,
        "codes": product.codes.iter().map(|code| format!("0x{code:08X}")).collect::<Vec<_>>(),
        "serving": serving,
    })
}
