//! Reads every test vector of the specification.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use serde_json::Value;
use support::read::outcome;
use support::{Vector, all, named};

/// What is wrong with how a vector came out, if anything.
fn disagreement(vector: &Vector) -> Option<String> {
    let expect = vector.text("/expect");
    let (found, says) = match outcome(vector) {
        Ok(says) => ("accepted".to_owned(), says),
        Err(refused) => (refused.code, refused.says),
    };
    if found != expect {
        return Some(format!("{}: expected {expect}, found {found}", vector.name()));
    }
    let decoded = vector.0["decoded"].as_object()?;
    let differs = decoded.iter().find(|(name, value)| says.get(name.as_str()) != Some(*value))?;
    Some(format!("{}: {} is {:?}, expected {}", vector.name(), differs.0, says.get(differs.0), differs.1))
}

#[test]
fn every_vector_comes_out_as_it_says() {
    let vectors = all();
    let found: Vec<String> = vectors.iter().filter_map(disagreement).collect();
    assert!(found.is_empty(), "{} of {} disagree:\n{}", found.len(), vectors.len(), found.join("\n"));
    assert!(vectors.len() >= 200, "{} vectors are fewer than there were", vectors.len());
}

#[test]
fn every_kind_is_accepted_and_refused() {
    let vectors = all();
    let kinds: std::collections::BTreeSet<&str> = vectors.iter().map(|vector| vector.text("/kind")).collect();
    assert_eq!(kinds.len(), 11, "{kinds:?}");
    for kind in kinds {
        let of_kind = || vectors.iter().filter(|vector| vector.text("/kind") == kind);
        let accepted = of_kind().filter(|vector| vector.text("/expect") == "accepted").count();
        assert!(accepted > 0 && accepted < of_kind().count(), "{kind}");
    }
}

#[test]
fn a_vector_that_says_otherwise_is_noticed() {
    let mut vector = named("document/lease/volume");
    assert_eq!(disagreement(&vector), None);
    vector.0["decoded"]["count"] = Value::from(31);
    assert!(disagreement(&vector).unwrap().contains("count is"), "another value");
    vector.0["expect"] = Value::from("expired");
    assert!(disagreement(&vector).unwrap().contains("found accepted"), "another code");
}
