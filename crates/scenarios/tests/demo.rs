//! The demonstration plays to its end, and shows what it promises.

use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

/// A person starts one demonstration at a time, and it takes port 1688 if it finds that free.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn demo(arguments: &[&str]) -> Output {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    Command::new(env!("CARGO_BIN_EXE_demo")).args(arguments).output().expect("the demo starts")
}

#[test]
fn the_show_ends_well_and_tells_its_story() {
    let output = demo(&["--once"]);
    let (shown, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{shown}\n{errors}");
    for line in [
        "12 of 25 clients have asked",
        "24 of 25 clients have asked",
        "client 25 | licensed until",
        "24 of 24 activated",
        "30 of 30 renewed",
        "all 5 seats of pool render-farm are taken",
        "gives its seat back",
        "group 1, symbol 3",
        "licensed for ever",
        "1 of 10 activations",
        "1 of 5 clients have asked",
        "connection-refused",
        "30 of 30 are licensed",
        "os: 30 clients counted",
        "5 of 5 seats taken",
    ] {
        assert!(shown.contains(line), "{line:?} is missing in:\n{shown}");
    }
}

#[test]
fn load_is_answered() {
    let output = demo(&["--clients", "40", "--seconds", "1"]);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(shown.contains("failed 0"), "{shown}");
    assert!(shown.contains("os: 40 clients counted"), "{shown}");
}
