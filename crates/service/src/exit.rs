//! How a command of a server ends: exit codes, and errors that tell people what to do.

use std::error::Error;
use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

use keymuster_core::codes::{self, Code, CodeKind};
use keymuster_core::finding::Verdict;
use keymuster_core::frames::FrameError;
use keymuster_core::invalid::Invalid;
use keymuster_core::key::KeyError;
use keymuster_core::refusal::Refusal;
use keymuster_core::trust::NotATrustFile;

use crate::Problem;
use crate::database::Failure;
use crate::doctor::Diagnosed;
use crate::edge::BindFailure;

/// Everything was done.
pub const OK: u8 = 0;
/// A rule said no, or what was given is not acceptable; the same command will say no again.
pub const REFUSED: u8 = 1;
/// The command line was not understood.
pub const USAGE: u8 = 2;
/// The outside world failed: a file, the disk, the network.
pub const ENVIRONMENT: u8 = 3;

/// `doctor`: it works, and something should be done.
pub const WARNING: u8 = REFUSED;
/// `doctor`: something does not work.
pub const BROKEN: u8 = ENVIRONMENT;

/// A failure that has a stable code.
#[derive(Clone, Debug)]
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

impl Error for Coded {}

/// Words on the command line that are not understood; says which, and what is expected.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Usage {}

/// The answer of a command is no, and it has told everything itself.
#[derive(Debug)]
pub struct Told;

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no, as was told")
    }
}

impl Error for Told {}

/// Tells on standard error what went wrong and what to do, and returns the exit code for it.
pub fn report(error: &anyhow::Error) -> ExitCode {
    if error.is::<Told>() {
        return ExitCode::from(REFUSED);
    }
    if let Some(Diagnosed(verdict)) = error.downcast_ref() {
        return ExitCode::from(if *verdict == Verdict::Broken { BROKEN } else { WARNING });
    }
    let (code, exit) = classify(error);
    tell(&sentence(error), code);
    ExitCode::from(exit)
}

/// Tells on standard error what went wrong, by which code it is explained, and what to do.
pub fn tell(what: &str, code: Option<&Code>) {
    let mut stderr = std::io::stderr().lock();
    // Where standard error is gone, the exit code has to do.
    let _ = match code {
        Some(code) => writeln!(stderr, "error: {what} ({code})\n  what to do: {}", code.remedy),
        None => writeln!(stderr, "error: {what}"),
    };
}

/// What administrators are told where a command would end with an error.
impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Problem {
        let error = match error.downcast::<Failure>() {
            Ok(failure) => return failure.into(),
            Err(error) => error,
        };
        let (code, _) = classify(&error);
        let is_of_the_machine = error.chain().any(|cause| cause.is::<std::io::Error>());
        if code.is_none() && is_of_the_machine {
            tracing::error!(error = sentence(&error), "an act failed");
            return Problem::new(&codes::INTERNAL_FAILURE, "the server's log says why");
        }
        Problem::new(code.unwrap_or(&codes::INPUT_INVALID), sentence(&error))
    }
}

/// An error and its causes; those of them that repeat their own cause do not make it be said twice.
pub fn sentence(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, part| match text.as_str() {
        "" => part,
        said if said.contains(&part) => text,
        said => format!("{said}: {part}"),
    })
}

/// The code and the exit code of an error.
pub fn classify(error: &anyhow::Error) -> (Option<&'static Code>, u8) {
    error.chain().find_map(classify_one).unwrap_or((None, ENVIRONMENT))
}

fn classify_one(cause: &(dyn Error + 'static)) -> Option<(Option<&'static Code>, u8)> {
    if let Some(refusal) = cause.downcast_ref::<Refusal>() {
        return Some((Some(refusal.code()), REFUSED));
    }
    if let Some(invalid) = cause.downcast_ref::<Invalid>() {
        return Some((Some(invalid.code()), REFUSED));
    }
    if let Some(frames) = cause.downcast_ref::<FrameError>() {
        return Some((Some(frames.code()), REFUSED));
    }
    if let Some(key) = cause.downcast_ref::<KeyError>() {
        return Some((Some(key.code()), REFUSED));
    }
    if cause.is::<NotATrustFile>() {
        return Some((Some(&codes::DOCUMENT_MALFORMED), REFUSED));
    }
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return Some((failure.code(), ENVIRONMENT));
    }
    if let Some(failure) = cause.downcast_ref::<BindFailure>() {
        return Some((failure.code(), ENVIRONMENT));
    }
    if cause.is::<Usage>() {
        return Some((None, USAGE));
    }
    let Coded { code, .. } = cause.downcast_ref::<Coded>()?;
    let exit = if code.kind == CodeKind::Refusal { REFUSED } else { ENVIRONMENT };
    Some((Some(code), exit))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use anyhow::{Context as _, anyhow};
    use keymuster_core::trust::Trust;

    #[test]
    fn a_cause_is_said_once() {
        let io = || io::Error::new(io::ErrorKind::NotFound, "no such file");
        let failure = || Failure::Io { verb: "open", path: "host.db".into(), source: io() };
        for (error, expected) in [
            (anyhow!("no"), "no"),
            (anyhow!(io()), "no such file"),
            (anyhow!(io()).context("cannot read x"), "cannot read x: no such file"),
            (anyhow!(failure()), "cannot open the database host.db: no such file"),
            (anyhow!(failure()).context("no host"), "no host: cannot open the database host.db: no such file"),
        ] {
            assert_eq!(sentence(&error), expected);
        }
    }

    #[tokio::test]
    async fn errors_are_known_by_their_codes_and_exit_codes() {
        let io = |kind| Failure::Io { verb: "write", path: "host.db".into(), source: io::Error::from(kind) };
        let taken = crate::edge::bind(([127, 0, 0, 1], 0).into(), "--listen").await.unwrap();
        let in_use = crate::edge::bind(taken.local_addr().unwrap(), "--listen").await.unwrap_err();
        let not_ours = crate::edge::bind(([192, 0, 2, 1], 0).into(), "--listen").await.unwrap_err();
        let coded = |code| Coded { code, detail: "so it is".into() };
        for (error, code, exit) in [
            (anyhow!("no"), None, ENVIRONMENT),
            (anyhow!(Refusal::KeyUnknown), Some(&codes::KEY_UNKNOWN), REFUSED),
            (anyhow!(Invalid::Signature), Some(&codes::SIGNATURE_INVALID), REFUSED),
            (anyhow!(FrameError::Mixed), Some(&codes::FRAMES_MIXED), REFUSED),
            (anyhow!(KeyError::TooLong), Some(&codes::KEY_WRONG_LENGTH), REFUSED),
            (anyhow!("x".parse::<Trust>().unwrap_err()), Some(&codes::DOCUMENT_MALFORMED), REFUSED),
            (anyhow!("x".parse::<Trust>().unwrap_err()), Some(&codes::DOCUMENT_MALFORMED), REFUSED),
            (anyhow!(coded(&codes::HOST_REVOKED)), Some(&codes::HOST_REVOKED), REFUSED),
            (anyhow!(coded(&codes::ISSUER_EXPIRED)), Some(&codes::ISSUER_EXPIRED), ENVIRONMENT),
            (anyhow!(Failure::DiskFull), Some(&codes::HOST_READ_ONLY), ENVIRONMENT),
            (anyhow!(Failure::Newer { found: 2, known: 1 }), Some(&codes::DATABASE_NEWER), ENVIRONMENT),
            (anyhow!(Failure::damaged("t", "c", 1, "r")), Some(&codes::DATABASE_DAMAGED), ENVIRONMENT),
            (anyhow!(Failure::Corrupt(rusqlite::Error::InvalidQuery)), Some(&codes::DATABASE_DAMAGED), ENVIRONMENT),
            (anyhow!(Failure::Busy), None, ENVIRONMENT),
            (anyhow!(io(io::ErrorKind::PermissionDenied)), Some(&codes::STORE_UNWRITABLE), ENVIRONMENT),
            (anyhow!(io(io::ErrorKind::ReadOnlyFilesystem)), Some(&codes::STORE_UNWRITABLE), ENVIRONMENT),
            (anyhow!(io(io::ErrorKind::NotFound)), None, ENVIRONMENT),
            (anyhow!(in_use), Some(&codes::ADDRESS_IN_USE), ENVIRONMENT),
            (anyhow!(not_ours), None, ENVIRONMENT),
            (anyhow!(Usage("no such name".into())), None, USAGE),
        ] {
            assert_eq!(classify(&error), (code, exit), "{error:?}");
            let error = Err::<(), _>(error).context("cannot start").unwrap_err();
            assert_eq!(classify(&error), (code, exit), "beneath a context: {error:?}");
        }
    }
}
