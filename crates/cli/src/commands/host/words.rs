//! What a host answered to acts, in sentences.

use keymuster_core::time::Timestamp;
use serde_json::{Value, json};

use crate::remote::shown::{Column, facts, table};

const RESULTS: &[Column] = &[
    ("CLIENT", "client"),
    ("NAME", "name"),
    ("EDITION", "edition"),
    ("RESULT", "result"),
    ("CODE", "code"),
    ("DETAIL", "detail"),
];
const EDITIONS: &[Column] = &[
    ("EDITION", "id"),
    ("NAME", "name"),
    ("GROUP", "group"),
    ("KIND", "kind"),
    ("THRESHOLD", "threshold"),
    ("STANDING", "standing"),
    ("SETUP KEY", "setup_key"),
];

/// A member that is a text; nothing where there is none.
pub fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_default().to_owned()
}

/// A member that is a number; 0 where there is none.
pub(super) fn number(value: &Value, member: &str) -> u64 {
    value[member].as_u64().unwrap_or_default()
}

/// A member that is a time.
pub(super) fn time(value: &Value, member: &str) -> Timestamp {
    Timestamp::from_secs(number(value, member))
}

/// A member that is a list; an empty one where there is none.
pub(super) fn members(value: &Value, member: &str) -> Vec<Value> {
    value[member].as_array().cloned().unwrap_or_default()
}

/// A heading and what stands below it, where there is anything; of objects their `name`.
pub(super) fn list(heading: &str, items: &[Value]) -> String {
    let word = |item: &Value| item.as_str().map_or_else(|| text(item, "name"), str::to_owned);
    let lines: String = items.iter().map(|item| format!("  {}\n", word(item))).collect();
    if lines.is_empty() { lines } else { format!("{heading}\n{lines}") }
}

/// A setting that was changed.
pub fn change(value: &Value) -> String {
    let words = |member: &str| value[member].as_str().unwrap_or("not set").to_owned();
    let (name, before, after) = (words("name"), words("before_text"), words("text"));
    let verb = if value["changed"] == json!(true) { "is" } else { "would be" };
    let mut text = match before == after {
        true => format!("{name} {verb} {after}, as before\n"),
        false => format!("{name} {verb} {after}; it was {before}\n"),
    };
    for effect in members(value, "effects").iter().filter_map(Value::as_str) {
        text += &format!("  - {effect}\n");
    }
    text
}

/// A host key that was installed.
pub fn installed(value: &Value) -> String {
    let (last_five, group) = (text(value, "last_five"), text(value, "group"));
    let covers = list("covers:", &members(value, "covers"));
    format!(
        "installed the host key that ends in {last_five} for {group}\n{covers}\
         next: keymuster host activate {last_five}\n"
    )
}

/// A host key, and what would be lost with it.
pub fn loss(value: &Value) -> String {
    let lost = members(value, "lost");
    let what = match lost.is_empty() {
        true => "without it every edition stands as it does now\n".to_owned(),
        false => list("without it these would not be covered any more:", &lost),
    };
    facts(&value["key"]) + &what
}

/// Keys that were removed.
pub fn removed(value: &Value) -> String {
    let mut said: String = members(value, "keys")
        .iter()
        .filter_map(Value::as_str)
        .map(|last_five| format!("removed the host key that ends in {last_five}, with what was granted for it\n"))
        .collect();
    said += "leases that clients hold run on to their end; to install the key again uses one of its activations\n";
    said += &list("not covered any more:", &members(value, "lost"));
    if value["is_erased"] == json!(false) {
        said += "a copy of the key is left in the database's log: of a file until the host and all that reads it have \
                 ended, of a PostgreSQL for as long as it keeps its log and its backups\n";
    }
    said
}

/// A key that was activated.
pub fn activated(value: &Value) -> String {
    let mut said = String::new();
    if value["is_repeated"] == json!(true) {
        said += "this response was accepted before, and changes nothing: ";
    }
    let groups = number(value, "groups");
    let plural = if groups == 1 { "" } else { "s" };
    said += &format!("activated for {} until {}", text(value, "customer"), time(value, "stop_at"));
    said += &format!(" ({groups} group{plural}");
    for pool in members(value, "pools") {
        said += &format!(", {} seats of {}", number(&pool, "seats"), text(&pool, "id"));
    }
    said += ")\n";
    if value["pack"].is_object() {
        said += &brought(&value["pack"]);
    }
    let refused = &value["pack_refused"];
    if refused.is_object() {
        let (detail, code, remedy) = (text(refused, "detail"), text(refused, "code"), text(refused, "remedy"));
        said += &format!("the licence pack that came with it is not taken: {detail} ({code})\n");
        said += &format!("  what to do: {remedy}\n");
    }
    said
}

/// A licence pack that was taken over.
pub fn brought(value: &Value) -> String {
    let (name, publisher, version) = (text(value, "name"), text(value, "publisher"), number(value, "version"));
    let editions = members(value, "new_editions");
    let before = value["version_before"].as_u64();
    let mut said = format!("{name} ({publisher}), licence pack version {version}: ");
    said += &match before {
        _ if value["is_held_already"] == json!(true) => "the host holds it already\n".to_owned(),
        None => format!("the publisher is added, with {} editions\n", editions.len()),
        Some(before) if before == version => "issuers or revocations are newer\n".to_owned(),
        Some(before) => format!("replaces version {before}\n"),
    };
    said += &list("new groups:", &members(value, "new_groups"));
    for (standing, heading) in [
        ("covered", "new, and covered:"),
        ("waiting", "new, and covered once a key is activated:"),
        ("needs-key", "new, and in need of a key:"),
    ] {
        let of: Vec<Value> = editions.iter().filter(|edition| edition["standing"] == standing).cloned().collect();
        if before.is_some() {
            said += &list(heading, &of);
        }
    }
    said += &list("no longer described:", &members(value, "gone_editions"));
    for left_out in members(value, "left_out") {
        let (last_five, why) = (text(&left_out, "last_five"), text(&left_out, "why"));
        said += &format!("the entitlement of the key that ends in {last_five} does not count any more: {why}\n");
    }
    said + &needs(value, &publisher)
}

/// Which products lack a key, and a key of which group would do.
fn needs(value: &Value, publisher: &str) -> String {
    let mut said = String::new();
    let needs = members(value, "needs");
    for need in &needs {
        let seats = if need["seats"] == json!(true) { " with seats" } else { "" };
        let groups = members(need, "groups");
        let (heading, of) = match groups.as_slice() {
            [Value::String(group)] => (format!("needs a key of {group} or above{seats}:"), members(need, "editions")),
            _ => (format!("needs a key{seats}:"), groups),
        };
        said += &list(&heading, &of);
        if let Some(lowest) = need["lowest"].as_str().filter(|_| members(need, "groups").len() > 1) {
            said += &format!("  one of {lowest} covers all of these\n");
        }
    }
    let further =
        if value["has_keys"] == json!(true) { "for those, install a further key" } else { "install a host key" };
    if !needs.is_empty() {
        said += &format!("next: {further}: keymuster host keys install --publisher {publisher}\n");
    }
    said
}

/// What a publisher sells.
pub fn products(value: &Value) -> String {
    let pack = &value["pack"];
    let (name, version) = (text(pack, "name"), number(pack, "version"));
    let mut said = format!("{name}, licence pack version {version} of {}\n", time(pack, "issued"));
    let groups = members(value, "families").into_iter().flat_map(|family| members(&family, "groups"));
    let editions: Vec<Value> = groups.flat_map(|group| members(&group, "editions")).collect();
    said += &table(&editions, EDITIONS, "no editions");
    said + &needs(value, &text(pack, "publisher"))
}

/// Whether an exchange has activated every machine.
pub fn all_activated(value: &Value) -> bool {
    members(value, "results").iter().all(|result| result["result"] == "activated")
}

/// What became of each machine of an exchange.
pub fn results(value: &Value) -> String {
    let mut said = table(&members(value, "results"), RESULTS, "no results");
    said += &format!("{} activated, {} refused\n", number(value, "activated"), number(value, "refused"));
    for (member, words) in [
        ("invalid", "do not verify"),
        ("unasked", "fit no request: the machine has asked anew, or its request was dropped"),
        ("known_before", "were imported before, and change nothing"),
        ("still_open", "went out and have no result yet"),
    ] {
        let number = number(value, member);
        if number > 0 {
            said += &format!("{number} {words}\n");
        }
    }
    said
}

/// Requests that were forgotten.
pub fn forgotten(value: &Value) -> String {
    let requests = number(value, "requests");
    let plural = if requests == 1 { "" } else { "s" };
    format!("dropped {requests} request{plural}; a machine that asks again is collected again\n")
}

/// An account that was changed.
pub fn account(value: &Value) -> String {
    let (name, role) = (text(value, "name"), text(value, "role"));
    match value["disabled_at"].is_null() {
        true => format!("account {name} may sign in; its role is {role}\n"),
        false => format!(
            "account {name} is disabled: its sessions have ended, its tokens do not count; its role is {role}\n"
        ),
    }
}

/// An account whose sessions were ended.
pub fn sessions_ended(value: &Value) -> String {
    format!("all sessions of {} have ended\n", text(value, "name"))
}

/// A one-time token, which is not told here.
pub fn one_time_token(value: &Value) -> String {
    let (name, until) = (text(value, "name"), time(value, "expires_at"));
    format!("hand the token to {name}, who chooses a password with it at /claim of the console, until {until}\n")
}

/// A token that was made; its secret is not told here.
pub fn made_token(value: &Value) -> String {
    let token = &value["token"];
    let (name, id, until) = (text(token, "name"), text(token, "id"), time(token, "expires_at"));
    format!("the secret of the token {name} is shown this once; its id is {id}, and it counts until {until}\n")
}

/// A token that was revoked.
pub fn revoked(value: &Value) -> String {
    format!("the token {} ({}) is revoked\n", text(value, "name"), text(value, "id"))
}
