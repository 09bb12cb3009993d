//! The administration interface's description is committed, so that a change of it is seen.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::{env, fs, path::Path};

use keymuster_authority::admin_api;
use keymuster_core::codes;

fn description() -> serde_json::Value {
    admin_api::description()
}

#[test]
fn the_committed_description_is_that_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi-authority.json");
    let text = serde_json::to_string_pretty(&description()).unwrap() + "\n";
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let differs = committed.lines().zip(text.lines()).find(|(committed, made)| committed != made);
    assert!(
        committed == text,
        "{} differs ({differs:?}); UPDATE=1 cargo test -p keymuster-authority --test interface writes it",
        path.display()
    );
}

#[test]
fn every_operation_has_one_name_and_names_only_codes_that_exist() {
    let whole = description();
    let mut names = Vec::new();
    for (path, item) in whole["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            names.push(operation["operationId"].as_str().unwrap_or_else(|| panic!("{place} has no name")).to_owned());
            assert!(operation["summary"].is_string(), "{place} does not say what it does");
            assert!(operation["tags"].is_array(), "{place} has no tag");
            for name in operation["x-codes"].as_array().into_iter().flatten().filter_map(|name| name.as_str()) {
                assert!(codes::all().any(|code| code.name == name), "{place} names {name}, which is no code");
            }
        }
    }
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "two operations have one name");
}
