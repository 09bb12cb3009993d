//! The description of an administration interface (OpenAPI 3.1), completed by what holds for every route.
//!
//! A route names the codes that are its own in one line: `extensions(("x-codes" = json!(["key-unknown"])))`. What follows
//! from its shape (a token, a body, parameters, an act) is added here, so that no route can forget it.

use std::collections::BTreeMap;

use keymuster_core::codes::{self, Code};
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use super::idempotency;
use crate::Problem;

/// Where the description itself is.
pub const PATH: &str = "/api/v1/openapi.json";

/// What every route can be answered with.
static EVERY: [&Code; 6] = [
    &codes::NOT_SIGNED_IN,
    &codes::PERMISSION_MISSING,
    &codes::NAME_NOT_ALLOWED,
    &codes::INTERNAL_FAILURE,
    &codes::HOST_READ_ONLY,
    &codes::REQUEST_TIMEOUT,
];
/// One with a parameter in its path.
static NAMED: [&Code; 1] = [&codes::RECORD_UNKNOWN];
/// One with parameters or a body.
static WITH_INPUT: [&Code; 1] = [&codes::INPUT_INVALID];
/// One with a body.
static WITH_BODY: [&Code; 2] = [&codes::BODY_TOO_LARGE, &codes::MEDIA_TYPE_UNSUPPORTED];
/// One that takes an idempotency key.
static ACT: [&Code; 5] = [
    &codes::INPUT_INVALID,
    &codes::IDEMPOTENCY_KEY_REUSED,
    &codes::REQUEST_UNFINISHED,
    &codes::ANSWER_NOT_KEPT,
    &codes::RATE_LIMITED,
];

/// The whole description, from what the routes say of themselves. `port` is where the program listens by default.
pub fn complete(routes: &OpenApi, port: u16) -> Value {
    let mut whole = serde_json::to_value(routes).expect("a description is JSON");
    whole["servers"] = json!([{
        "url": format!("http://127.0.0.1:{port}"),
        "description": "the machine itself; from elsewhere over TLS, or through an ssh tunnel",
    }]);
    whole["security"] = json!([{ "token": [] }]);
    whole["components"]["securitySchemes"] = json!({ "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token that an administrator made in the console; it begins with kmt_.",
    } });
    whole["components"]["schemas"]["Problem"] = problem_schema();
    let mut answers = BTreeMap::new();
    for (path, item) in whole["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            complete_operation(path, method, operation, &mut answers);
        }
    }
    whole["components"]["responses"] = json!(answers);
    // Whether members keep their order depends on what else is built.
    whole.sort_all_objects();
    whole
}

fn complete_operation(path: &str, method: &str, operation: &mut Value, answers: &mut BTreeMap<String, Value>) {
    let is_act = method == "post";
    name(operation);
    let has_body = operation.get("requestBody").is_some();
    let has_parameters = operation["parameters"].as_array().is_some_and(|list| !list.is_empty());
    let mut codes: Vec<&Code> = EVERY.to_vec();
    for (is_so, more) in [
        (path.contains('{'), &NAMED[..]),
        (has_body || has_parameters, &WITH_INPUT),
        (has_body, &WITH_BODY),
        (is_act, &ACT),
    ] {
        codes.extend(more.iter().filter(|_| is_so));
    }
    codes.extend(own_codes(operation));
    if is_act {
        take_key(operation);
    }
    let mut by_status: BTreeMap<u16, Vec<&Code>> = BTreeMap::new();
    for code in codes {
        let of_status = by_status.entry(Problem::new(code, "").status().as_u16()).or_default();
        if !of_status.contains(&code) {
            of_status.push(code);
        }
    }
    for (status, mut codes) in by_status {
        codes.sort_by_key(|code| code.number);
        let names: Vec<&str> = codes.iter().map(|code| code.name).collect();
        let name = names.join(".");
        operation["responses"][status.to_string()] = json!({ "$ref": format!("#/components/responses/{name}") });
        answers.entry(name).or_insert_with(|| problem_answer(&codes));
    }
}

/// Makes the operation's id unique: `audit_list`.
fn name(operation: &mut Value) {
    let tag = operation["tags"][0].as_str().map(str::to_owned);
    let id = operation["operationId"].as_str().map(str::to_owned);
    if let (Some(tag), Some(id)) = (tag, id) {
        operation["operationId"] = json!(format!("{tag}_{id}"));
    }
}

/// The codes that a route names; a name that is none is left out.
fn own_codes(operation: &Value) -> impl Iterator<Item = &'static Code> {
    let names = operation["x-codes"].as_array().into_iter().flatten().filter_map(Value::as_str);
    names.filter_map(|name| codes::all().find(|code| code.name == name))
}

fn take_key(operation: &mut Value) {
    let key = json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": false,
        "description": "A request that is sent again with the same key is not carried out again.",
        "schema": { "type": "string", "minLength": 1, "maxLength": idempotency::KEY_MAX, "pattern": "^[!-~]+$" },
    });
    match operation["parameters"].as_array_mut() {
        Some(list) => list.push(key),
        None => operation["parameters"] = json!([key]),
    }
}

fn problem_answer(codes: &[&Code]) -> Value {
    let lines: Vec<String> = codes.iter().map(|code| format!("{code}: {}", code.sentence)).collect();
    json!({
        "description": lines.join("; "),
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    })
}

fn problem_schema() -> Value {
    let text = |about: &str| json!({ "type": "string", "description": about });
    let mut members = Map::new();
    members.insert("type".to_owned(), text("urn:keymuster:code: and the name of the code."));
    members.insert("title".to_owned(), text("What happened, the same words for each answer with this code."));
    members.insert("status".to_owned(), json!({ "type": "integer", "description": "The HTTP status." }));
    members.insert("detail".to_owned(), text("What happened here."));
    members.insert("code".to_owned(), text("The stable name of the code; /codes/NAME explains it."));
    json!({
        "type": "object",
        "description": "What a request gets instead of its answer (RFC 9457). Further members are the numbers behind it.",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": members,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_completed_by_its_shape_and_its_own_codes() {
        let mut answers = BTreeMap::new();
        let mut operation = json!({
            "tags": ["keys"], "operationId": "install", "requestBody": {}, "responses": { "200": {} },
            "x-codes": ["key-unknown"],
        });
        complete_operation("/api/v1/keys/{id}", "post", &mut operation, &mut answers);
        assert_eq!(operation["operationId"], "keys_install");
        assert_eq!(operation["parameters"][0]["name"], "Idempotency-Key");
        let statuses: Vec<&String> = operation["responses"].as_object().unwrap().keys().collect();
        for status in ["200", "401", "403", "404", "409", "413", "415", "421", "422", "429", "500", "503"] {
            assert!(statuses.iter().any(|found| *found == status), "{status} is not in {statuses:?}");
        }
        assert!(answers.keys().any(|name| name.split('.').any(|code| code == "key-unknown")), "{:?}", answers.keys());

        let mut look = json!({ "responses": { "200": {} } });
        complete_operation("/api/v1/overview", "get", &mut look, &mut answers);
        let statuses: Vec<&String> = look["responses"].as_object().unwrap().keys().collect();
        assert_eq!(statuses, ["200", "401", "403", "408", "421", "500", "503"]);
    }
}
