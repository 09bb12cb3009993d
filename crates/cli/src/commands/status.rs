//! `keymuster status`: how the products of this machine stand, without asking anybody.

use keymuster_client::{KnownHost, State, Status, Via, Way};
use keymuster_core::codes;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::exit;
use crate::failure::Failure;
use crate::machine::Machine;
use crate::machines::{self, Many, Task};
use crate::shown::Fields;

pub fn run(machine: &Machine, many: &Many) -> Result<Answer, Failure> {
    if let Some(result) = machines::run(machine, many, Task::Status) {
        return result;
    }
    let mut answer = Answer::new("", json!([]));
    let mut values = Vec::new();
    for product in machine.products()? {
        let status = machine.look(&product)?.status();
        let one = of(&status);
        answer.text.push_str(&one.text);
        values.push(one.json);
        if !status.state.may_run() {
            answer.exit = exit::NOT_LICENSED;
        }
    }
    answer.json = Value::Array(values);
    Ok(answer)
}

/// One product.
pub fn of(status: &Status) -> Answer {
    let fields = fields(status);
    let text = format!("{} ({}, {})\n{}", status.edition_name, status.publisher, status.edition, fields.lines(2));
    Answer::new(text, fields.json())
}

fn fields(status: &Status) -> Fields {
    let state = state_name(status.state);
    let (until, renew_after) = match status.state {
        State::Unlicensed => (None, None),
        State::Grace { until, .. } => (Some(until), None),
        State::Licensed { until, renew_after } => (until, renew_after),
        State::Notification { since, .. } => (Some(since), None),
    };
    let is_activated = matches!(status.state, State::Licensed { .. }) && status.lease.is_none();
    let way = match &status.way {
        Way::Host => "by a host".to_owned(),
        Way::Proxy if is_activated => "by a MAK that the host's administrator added".to_owned(),
        Way::Proxy => "by a MAK that the host's administrator adds in an exchange".to_owned(),
        Way::Mak { last_five } => format!("by the MAK that ends in {last_five}, at the publisher's authority"),
    };
    let fields = Fields::new()
        .text("publisher", &status.publisher)
        .text("edition", &status.edition)
        .text("state", state)
        .text("meaning", status.state)
        .maybe(if state == "notification" { "since" } else { "until" }, until)
        .maybe("renew_after", renew_after)
        .text("way", way);
    let fields = match &status.lease {
        Some(lease) => fields
            .text("customer", &lease.customer)
            .text("granted", lease.issued)
            .number("count", lease.count)
            .number("threshold", lease.threshold)
            .maybe("pool", lease.pool.as_ref()),
        None => fields,
    };
    let host = status
        .host
        .as_ref()
        .map(|host| format!("{} ({}), answered {}{}", host.address, host.found_by, host.at, via(host)));
    let refusal = status.last_refusal.as_ref();
    let refusal = refusal.map(|no| format!("{}: {} ({}, {})", no.code, no.detail, no.host, no.at));
    fields
        .texts("features", &status.features)
        .maybe("host", host)
        .maybe("last_contact", status.last_contact)
        .maybe("last_refusal", refusal)
        .maybe("next_attempt", status.next_attempt)
        .texts("last_attempt", status.trail.iter().map(|tried| format!("{}: {}", tried.what, tried.outcome)))
        .texts("notices", notices(status))
        .text("time", status.now)
        .maybe("client", status.client)
        .number("rearms_left", status.rearms_left)
        .maybe("reminder", status.reminder.as_ref().map(|reminder| &reminder.text))
        .maybe("reminder_due", status.reminder.as_ref().map(|reminder| reminder.due))
        .maybe("help", status.help_url.as_ref())
        .maybe("help_from", status.help_url.as_ref().map(|help| &help.source))
        .text("file", status.store.display())
}

/// How the answer came, where that is more than plain HTTP.
fn via(host: &KnownHost) -> String {
    host.via.filter(|via| *via != Via::Plain).map_or_else(String::new, |via| format!(", {via}"))
}

/// The state's name for machines.
pub fn state_name(state: State) -> &'static str {
    match state {
        State::Unlicensed => "unlicensed",
        State::Grace { .. } => "grace",
        State::Licensed { .. } => "licensed",
        State::Notification { .. } => "notification",
    }
}

fn notices(status: &Status) -> Vec<String> {
    let suspect = || format!("{} ({})", codes::CLOCK_SUSPECT.sentence, codes::CLOCK_SUSPECT);
    let suspect = status.time_suspect.then(suspect);
    status.notices.iter().map(ToString::to_string).chain(suspect).collect()
}
