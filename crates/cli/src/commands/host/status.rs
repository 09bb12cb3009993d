//! How a host stands, on one screen; `--json` has all of it.

use serde_json::{Value, json};

use super::words::{list, members, number, text, time};

/// What a host says of itself.
pub fn words(value: &Value) -> String {
    let status = &value["status"];
    let verb = if status["answers"] == json!(true) { "answers" } else { "does not answer" };
    let mut said = format!("host {}, version {}: {verb} clients\n", text(status, "host"), text(status, "version"));
    let serving = &status["serving"];
    if serving.is_object() {
        let (clients, administration) = (text(serving, "clients"), text(serving, "administration"));
        said +=
            &format!("clients at {clients}, administrators at {administration}, since {}\n", time(serving, "since"));
    }
    if serving["problem"].is_object() {
        said += &format!("{}\n", text(&serving["problem"], "detail"));
    }
    said += &clients(&value["clients"]);
    if let Some(why_not) = status["dns"]["why_not"].as_str() {
        said += &format!("not in DNS: {why_not}\n");
    }
    let publishers: String = members(status, "publishers").iter().map(publisher).collect();
    said + &publishers + &list("next:", &members(status, "next"))
}

/// Clients by their states, without those in which nobody is.
fn clients(clients: &Value) -> String {
    let states = members(clients, "states");
    let counted = states.iter().filter(|state| number(state, "clients") > 0);
    let counts: Vec<String> =
        counted.map(|state| format!("{} {}", number(state, "clients"), text(state, "state"))).collect();
    if counts.is_empty() { "no clients\n".to_owned() } else { format!("clients: {}\n", counts.join(", ")) }
}

fn publisher(publisher: &Value) -> String {
    let (name, id, version) = (text(publisher, "name"), text(publisher, "id"), number(publisher, "catalogue_version"));
    let editions = members(publisher, "editions");
    let covered = editions.iter().filter(|edition| edition["standing"] == "covered").count();
    let mut said = format!("\n{name} ({id}), licence pack version {version}: ");
    said += &format!("{covered} of {} editions are covered\n", editions.len());
    for key in members(publisher, "keys") {
        said += &format!("  key …{} for {}: {}\n", text(&key, "last_five"), text(&key, "group"), standing(&key));
    }
    for family in members(publisher, "families") {
        let thresholds: Vec<String> = members(&family, "thresholds").iter().map(ToString::to_string).collect();
        said += &format!("  {}: {} are counted", text(&family, "id"), number(&family, "count"));
        if !thresholds.is_empty() {
            said += &format!(", thresholds {}", thresholds.join(" and "));
        }
        said += &family["warning"].as_str().map_or_else(String::new, |warning| format!("; {warning}"));
        said += "\n";
    }
    for pool in members(publisher, "pools") {
        let (in_use, seats) = (number(&pool, "in_use"), number(&pool, "seats"));
        said += &format!("  pool {}: {in_use} of {seats} seats are in use\n", text(&pool, "id"));
    }
    let waiting = number(publisher, "waiting_for_exchange");
    if waiting > 0 {
        said += &format!("  {waiting} requests wait for an exchange\n");
    }
    said
}

fn standing(key: &Value) -> String {
    if let Some(why) = key["left_out"]["why"].as_str() {
        return format!("it does not count: {why}");
    }
    match (key["customer"].as_str(), key["waits_since"].is_null()) {
        (Some(customer), _) => format!("activated for {customer} until {}", time(key, "stop_at")),
        (None, false) => format!("waits for its answer since {}", time(key, "waits_since")),
        (None, true) => "not activated".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_says_what_counts() {
        let edition = |standing| json!({ "standing": standing });
        let value = json!({
            "clients": { "states": [{ "state": "licensed", "clients": 2 }, { "state": "ended", "clients": 0 }] },
            "status": {
                "host": "c4f1", "version": "0.1.0", "answers": true, "dns": { "why_not": "it is off" }, "next": ["act"],
                "serving": { "clients": "a:1", "administration": "b:2", "since": 0, "problem": null },
                "publishers": [{
                    "id": "aurora", "name": "Aurora", "catalogue_version": 3, "waiting_for_exchange": 1,
                    "editions": [edition("covered"), edition("needs-key")],
                    "keys": [
                        { "last_five": "AAAAA", "group": "G", "customer": "Muster", "stop_at": 1 },
                        { "last_five": "BBBBB", "group": "H", "customer": null, "waits_since": 2 },
                        { "last_five": "CCCCC", "group": "I" },
                        { "last_five": "DDDDD", "group": "J", "left_out": { "why": "revoked" } },
                    ],
                    "families": [{ "id": "os", "count": 4, "thresholds": [5, 25], "warning": "soon too few" }],
                    "pools": [{ "id": "render", "in_use": 1, "seats": 5 }],
                }],
            },
        });
        let expected = "host c4f1, version 0.1.0: answers clients\n\
                        clients at a:1, administrators at b:2, since 1970-01-01T00:00:00Z\n\
                        clients: 2 licensed\n\
                        not in DNS: it is off\n\n\
                        Aurora (aurora), licence pack version 3: 1 of 2 editions are covered\n  \
                        key …AAAAA for G: activated for Muster until 1970-01-01T00:00:01Z\n  \
                        key …BBBBB for H: waits for its answer since 1970-01-01T00:00:02Z\n  \
                        key …CCCCC for I: not activated\n  \
                        key …DDDDD for J: it does not count: revoked\n  \
                        os: 4 are counted, thresholds 5 and 25; soon too few\n  \
                        pool render: 1 of 5 seats are in use\n  \
                        1 requests wait for an exchange\n\
                        next:\n  act\n";
        assert_eq!(words(&value), expected);
    }
}
