//! `keymuster microsoft plan`: from products to host keys, hosts, updates, packs and their order.

use std::fmt::Write as _;

use clap::Args;
use keymuster_microsoft::plan::{Host, Plan, Question, Threshold, WANTED_MAX, Wanted, plan, system_named, wanted};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::exit;
use crate::failure::Failure;

/// Options of `microsoft plan`.
///
/// Exit codes: 0 there is a plan; 1 something is not supported, and why.
#[derive(Debug, Args)]
pub struct Options {
    /// Products with the number of their machines, such as "Windows 11=120" "Windows Server 2022=8" "Office LTSC
    /// 2021=120".
    #[arg(required = true, value_name = "PRODUCT=COUNT")]
    products: Vec<String>,
    /// The system on which the host is to run, such as "Windows Server 2019"; without it, the oldest that can is named.
    #[arg(long, value_name = "SYSTEM")]
    on: Option<String>,
    /// How many hosts share the machines; each counts for itself.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    hosts: u64,
}

pub fn run(options: &Options) -> Result<Answer, Failure> {
    if options.products.len() > WANTED_MAX {
        return Err(Failure::usage(format!("at most {WANTED_MAX} products are planned"), "name each product once"));
    }
    let not_known = |why| Failure::refused(format!("{why}"), "write it as NAME or NAME=COUNT");
    let products: Vec<Wanted> =
        options.products.iter().map(|text| wanted(text)).collect::<Result<_, _>>().map_err(not_known)?;
    let on = options.on.as_deref().map(system_named).transpose();
    let on = on.map_err(|why| Failure::refused(format!("{why}"), "write it as `Windows Server 2019`"))?;
    let plan = plan(&Question { wanted: &products, on, hosts: options.hosts });
    let exit = if plan.refused.is_empty() { exit::OK } else { exit::REFUSED };
    Ok(Answer { exit, ..Answer::new(words(&plan), json_of(&plan)) })
}

fn words(plan: &Plan) -> String {
    let mut text = String::new();
    for refused in &plan.refused {
        let _ = writeln!(text, "Not supported: {refused}.");
    }
    for (place, host) in (1..).zip(&plan.hosts) {
        let _ = writeln!(text, "Host {place}: {} or newer within its key's list", host.system.name);
        if let Some(key) = host.key {
            let _ = writeln!(text, "  host key: {} (can be held by {})", key.name, key.hosts.join(", "));
        }
        for update in &host.updates {
            let _ = writeln!(text, "  update: {update}");
        }
        for pack in &host.packs {
            let _ = writeln!(text, "  pack: {}", pack.name);
        }
        let _ = writeln!(text, "  activates: {}", host.activates.join(", "));
    }
    for (head, list) in [("\nKMS or MAK:", &plan.advice), ("\nIn this order:", &plan.order)] {
        if list.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{head}");
        for (place, item) in (1..).zip(list) {
            let _ = writeln!(text, "  {place}. {item}");
        }
    }
    text
}

fn json_of(plan: &Plan) -> Value {
    let host = |host: &Host| {
        json!({
            "system": host.system.name,
            "host_key": host.key.map(|key| key.name),
            "can_be_held_by": host.key.map(|key| &key.hosts),
            "updates": host.updates,
            "packs": host.packs.iter().map(|pack| pack.name).collect::<Vec<_>>(),
            "activates": host.activates,
            "source": host.key.map(|key| key.source),
        })
    };
    let threshold = |threshold: &Threshold| {
        json!({
            "who": threshold.who, "needed": threshold.needed, "counted": threshold.counted,
            "reached": threshold.is_reached(),
        })
    };
    json!({
        "refused": plan.refused,
        "hosts": plan.hosts.iter().map(host).collect::<Vec<_>>(),
        "thresholds": plan.thresholds.iter().map(threshold).collect::<Vec<_>>(),
        "advice": plan.advice,
        "order": plan.order,
    })
}
