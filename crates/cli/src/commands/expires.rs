//! `keymuster expires`: until when each product of this machine can be used, and what happens then.

use keymuster_client::{State, Status, Timestamp};
use keymuster_core::lease::LeaseKind;
use keymuster_core::time::{DAY, MINUTE};
use serde_json::{Value, json};

use super::status::state_name;
use crate::answer::Answer;
use crate::exit;
use crate::failure::Failure;
use crate::machine::Machine;

pub fn run(machine: &Machine) -> Result<Answer, Failure> {
    let mut answer = Answer::new("", json!([]));
    let mut values = Vec::new();
    for product in machine.products()? {
        let client = machine.look(&product)?;
        let (status, kind) = (client.status(), product.edition().kind);
        let grace_secs = if kind == LeaseKind::Seat { 0 } else { product.catalogue().policy.grace_secs };
        answer.text += &format!("{}: {}\n", status.edition_name, sentence(&status, grace_secs));
        values.push(json_of(&status));
        if !status.state.may_run() {
            answer.exit = exit::NOT_LICENSED;
        }
    }
    answer.json = Value::Array(values);
    Ok(answer)
}

/// When the present state ends.
fn until(status: &Status) -> Option<Timestamp> {
    match status.state {
        State::Licensed { until, .. } => until,
        State::Grace { until, .. } => Some(until),
        State::Unlicensed | State::Notification { .. } => None,
    }
}

fn sentence(status: &Status, grace_secs: u64) -> String {
    let left = until(status).map(|until| {
        let secs = until.secs_since(status.now);
        format!("{} minutes ({} days) left", secs / MINUTE, secs / DAY)
    });
    match (status.state, left) {
        (state @ State::Licensed { .. }, Some(left)) if grace_secs > 0 => {
            format!("{state}, {left}; then a grace of {} days begins", grace_secs / DAY)
        }
        (state @ State::Licensed { .. }, Some(left)) => format!("{state}, {left}; then it is not licensed"),
        (state @ State::Grace { .. }, Some(left)) => format!("{state}, {left}; then it is not licensed"),
        (state, _) => state.to_string(),
    }
}

fn json_of(status: &Status) -> Value {
    let until = until(status);
    let secs = until.map(|until| until.secs_since(status.now));
    json!({
        "publisher": status.publisher.as_str(),
        "edition": status.edition.as_str(),
        "state": state_name(status.state),
        "until": until.map(Timestamp::as_secs),
        "minutes_left": secs.map(|secs| secs / MINUTE),
        "days_left": secs.map(|secs| secs / DAY),
    })
}
