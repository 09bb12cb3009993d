//! How a command of a server ends: exit codes, and errors that tell people what to do.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

use keymuster_core::codes::Code;
use keymuster_core::invalid::Invalid;
use keymuster_core::key::KeyError;
use keymuster_core::refusal::Refusal;

/// Everything was done.
pub const OK: u8 = 0;
/// A rule said no, or what was given is not acceptable; the same command will say no again.
pub const REFUSED: u8 = 1;
/// The command line was not understood.
pub const USAGE: u8 = 2;
/// The outside world failed: a file, the disk, the network.
pub const ENVIRONMENT: u8 = 3;

/// A failure that has a stable code.
#[derive(Debug)]
pub struct Coded {
    /// The code.
    pub code: &'static Code,
    /// This case, in one sentence.
    pub detail: String,
}

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Coded {}

/// Tells on standard error what went wrong and what to do, and returns the exit code for it.
pub fn report(error: &anyhow::Error) -> ExitCode {
    let (code, exit) = classify(error);
    let mut stderr = std::io::stderr().lock();
    // Where standard error is gone, the exit code has to do.
    let _ = match code {
        Some(code) => writeln!(stderr, "error: {error:#} ({code})")
            .and_then(|()| writeln!(stderr, "  what to do: {}", code.remedy)),
        None => writeln!(stderr, "error: {error:#}"),
    };
    ExitCode::from(exit)
}

fn classify(error: &anyhow::Error) -> (Option<&'static Code>, u8) {
    for cause in error.chain() {
        if let Some(refusal) = cause.downcast_ref::<Refusal>() {
            return (Some(refusal.code()), REFUSED);
        }
        if let Some(invalid) = cause.downcast_ref::<Invalid>() {
            return (Some(invalid.code()), REFUSED);
        }
        if let Some(key) = cause.downcast_ref::<KeyError>() {
            return (Some(key.code()), REFUSED);
        }
        if let Some(coded) = cause.downcast_ref::<Coded>() {
            let exit = match coded.code.kind {
                keymuster_core::codes::CodeKind::Refusal => REFUSED,
                keymuster_core::codes::CodeKind::Failure => ENVIRONMENT,
            };
            return (Some(coded.code), exit);
        }
    }
    (None, ENVIRONMENT)
}
