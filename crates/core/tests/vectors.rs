//! Reads every test vector of the specification, and holds the examples in it to the code.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use keymuster_core::document::{Signed, payload};
use keymuster_core::id::{HostId, from_hex, to_hex};
use keymuster_core::lease::Lease;
use keymuster_core::ledger::Head;
use keymuster_core::signature::PublicKey;
use serde_json::Value;
use support::read::outcome;
use support::{Vector, all, named, root};

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
    assert_eq!(kinds.len(), 15, "{kinds:?}");
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

/// The examples of the specification are vectors, digit by digit.
#[test]
fn the_examples_of_the_specification_are_vectors() {
    let is_hex = |word: &&str| word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let page = page("documents.md");
    // Behind the digits of a line stands what they mean.
    let digits: String = page.lines().flat_map(|line| line.split_whitespace().take_while(is_hex)).collect();
    for name in ["document/issuer/plain", "document/lease/volume", "client-request/minimal"] {
        assert!(digits.contains(named(name).text("/input/document")), "{name} is not in documents.md");
    }
}

#[test]
fn the_example_of_a_ledger_is_right() {
    let vector = named("document/lease/volume");
    let key = PublicKey::from_bytes(&from_hex(vector.text("/input/key")).unwrap()).unwrap();
    let lease = Signed::<Lease>::verify(&vector.bytes("/input/document"), &key).unwrap();
    let empty = Head::empty(HostId::from_bytes([0x50; 16]));
    let one = empty.after(&payload(&*lease).unwrap());
    let page = page("ledger.md");
    for hash in [to_hex(&empty.hash), to_hex(&one.hash), format!("the head `{}`", to_hex(&one.short()))] {
        assert!(page.contains(&hash), "{hash} is not in ledger.md");
    }
}

#[expect(clippy::disallowed_methods, reason = "the crate is pure, its tests read files")]
fn page(name: &str) -> String {
    std::fs::read_to_string(root().join("docs/spec").join(name)).unwrap()
}
