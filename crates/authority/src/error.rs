//! Why an act of the authority was not done. Whatever the reason, nothing of the act has happened.
//!
//! The one type serves both ways in: on the command line it becomes a message and an exit code, over HTTP a problem.

use std::io;
use std::path::Path;

use keymuster_core::codes::{self, Code, CodeKind};
use keymuster_core::invalid::Invalid;
use keymuster_core::refusal::Refusal;
use keymuster_service::Problem;
use keymuster_service::database::Failure;
use keymuster_service::edge::BindFailure;
use keymuster_service::exit;

/// Why an act was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The rules of activation say no.
    #[error("{0}")]
    Refused(Refusal),
    /// The request does not verify.
    #[error("the request is not accepted: {0}")]
    Invalid(#[from] Invalid),
    /// Too much of the kind came from there.
    #[error("{why}; the next request is looked at in {wait_secs} seconds")]
    RateLimited {
        /// What was too much.
        why: &'static str,
        /// When the next attempt may be made.
        wait_secs: u64,
    },
    /// The authority lacks something that only the publisher can supply.
    #[error("{detail}")]
    Unable {
        /// The stable code.
        code: &'static Code,
        /// What is missing, and how to supply it.
        detail: String,
    },
    /// Whoever asks may not have this, or there is no such thing.
    #[error("{detail}")]
    Denied {
        /// The stable code.
        code: &'static Code,
        /// Why.
        detail: String,
    },
    /// A request or an answer could not be carried, as a file or as QR codes.
    #[error(transparent)]
    Carried(#[from] keymuster_qr::Error),
    /// Something that an administrator asked for cannot be.
    #[error("{0}")]
    Rule(String),
    /// A file or a device failed.
    #[error("{0}")]
    Environment(String),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] Failure),
    /// The server cannot listen.
    #[error(transparent)]
    Listen(#[from] BindFailure),
}

impl Error {
    /// The failure of reading or writing a file.
    pub fn file(verb: &str, path: &Path, error: &io::Error) -> Error {
        Error::Environment(format!("cannot {verb} {}: {error}", path.display()))
    }

    /// The exit code of a command that ends with it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Refused(_) | Error::Invalid(_) | Error::RateLimited { .. } => exit::REFUSED,
            Error::Denied { .. } | Error::Rule(_) => exit::REFUSED,
            Error::Carried(error) if error.code().is_some() => exit::REFUSED,
            Error::Carried(_) => exit::ENVIRONMENT,
            Error::Unable { .. } | Error::Environment(_) | Error::Database(_) | Error::Listen(_) => exit::ENVIRONMENT,
        }
    }

    /// The stable code by which it is explained on the command line, where there is one.
    pub fn code(&self) -> Option<&'static Code> {
        match self {
            Error::Refused(refusal) => Some(refusal.code()),
            Error::Invalid(invalid) => Some(invalid.code()),
            Error::RateLimited { .. } => Some(&codes::RATE_LIMITED),
            Error::Unable { code, .. } | Error::Denied { code, .. } => Some(code),
            Error::Carried(error) => error.code(),
            Error::Database(failure) => failure.code(),
            Error::Listen(failure) => failure.code(),
            Error::Rule(_) | Error::Environment(_) => None,
        }
    }
}

impl From<exit::Coded> for Error {
    fn from(exit::Coded { code, detail }: exit::Coded) -> Error {
        match code.kind {
            CodeKind::Refusal => Error::Denied { code, detail },
            CodeKind::Failure => Error::Unable { code, detail },
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Refused(refusal)
    }
}

/// What is shared with the host says its errors in its own way; the code and the exit code stay.
impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Error {
        let error = match error.downcast::<Failure>() {
            Ok(failure) => return Error::Database(failure),
            Err(error) => error,
        };
        let (code, exit) = exit::classify(&error);
        let detail = exit::sentence(&error);
        match code {
            Some(code) if exit == exit::REFUSED => Error::Denied { code, detail },
            Some(code) => Error::Unable { code, detail },
            None if exit == exit::ENVIRONMENT => Error::Environment(detail),
            None => Error::Rule(detail),
        }
    }
}

impl From<keymuster_service::sql::Error> for Error {
    fn from(error: keymuster_service::sql::Error) -> Error {
        Error::Database(error.into())
    }
}

impl Error {
    /// For administrators, who may know what the rest of the world may not, but for the causes of failures.
    pub fn into_problem(self) -> Problem {
        match self {
            Error::Rule(detail) => Problem::new(&codes::INPUT_INVALID, detail),
            Error::Unable { code, detail } => Problem::new(code, detail),
            Error::Invalid(invalid) => Problem::new(invalid.code(), invalid.to_string()),
            Error::Carried(error) => match error.code() {
                Some(code) => Problem::new(code, error.to_string()),
                None => Problem::from(Error::Carried(error)),
            },
            other => Problem::from(other),
        }
    }
}

/// For the caller over HTTP; the cause of a failure goes to the log here, once, and not to the caller.
impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        match error {
            Error::Refused(refusal) => {
                tracing::info!(code = refusal.code().name, detail = %refusal, "refused a request");
                Problem::from(&refusal)
            }
            Error::Invalid(invalid) => {
                tracing::info!(code = invalid.code().name, detail = %invalid, "refused a request that does not verify");
                Problem::from(invalid)
            }
            Error::RateLimited { why, wait_secs } => {
                tracing::warn!(wait_secs, why, "a request has to wait");
                Problem::new(&codes::RATE_LIMITED, error.to_string()).retry_after(wait_secs)
            }
            Error::Unable { code, detail } => {
                tracing::error!(code = code.name, detail, "the publisher has to act");
                Problem::new(code, "the authority cannot answer until its publisher has acted").retry_after(RETRY_SECS)
            }
            Error::Database(failure) => {
                tracing::error!(error = %failure, "the database failed");
                database_problem(&failure)
            }
            Error::Denied { code, detail } => Problem::new(code, detail),
            Error::Carried(_) | Error::Rule(_) | Error::Environment(_) | Error::Listen(_) => {
                tracing::error!(%error, "a request failed");
                Problem::new(&codes::INTERNAL_FAILURE, "the server's log has the cause")
            }
        }
    }
}

/// When to ask again where somebody has to act first.
const RETRY_SECS: u64 = 600;

fn database_problem(failure: &Failure) -> Problem {
    match failure {
        Failure::Busy => Problem::new(&codes::HOST_BUSY, "the database is busy").retry_after(5),
        Failure::DiskFull | Failure::Disk(_) | Failure::Io { .. } => {
            Problem::new(&codes::HOST_READ_ONLY, "the database cannot be written").retry_after(RETRY_SECS)
        }
        Failure::Damaged { .. } | Failure::Corrupt(_) => {
            Problem::new(&codes::DATABASE_DAMAGED, "the server's log names the place")
        }
        _ => Problem::new(&codes::INTERNAL_FAILURE, "the server's log has the cause"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_exit_code_and_its_answer() {
        let unable = || Error::Unable { code: &codes::CATALOGUE_MISSING, detail: "secret place".into() };
        let newer = || Failure::Newer { found: 2, known: 1 };
        let denied = || Error::Denied { code: &codes::RECORD_UNKNOWN, detail: "there is no proposal 7".into() };
        for (error, exit_code, code, answer) in [
            (denied(), exit::REFUSED, "record-unknown", "record-unknown"),
            (Error::Refused(Refusal::KeyUnknown), exit::REFUSED, "key-unknown", "key-unknown"),
            (Error::Invalid(Invalid::Signature), exit::REFUSED, "signature-invalid", "request-invalid"),
            (Error::Rule("no".into()), exit::REFUSED, "", "internal-failure"),
            (Error::RateLimited { why: "no", wait_secs: 7 }, exit::REFUSED, "rate-limited", "rate-limited"),
            (unable(), exit::ENVIRONMENT, "catalogue-missing", "catalogue-missing"),
            (Error::Environment("disk".into()), exit::ENVIRONMENT, "", "internal-failure"),
            (Error::Database(Failure::Busy), exit::ENVIRONMENT, "", "host-busy"),
            (Error::Database(newer()), exit::ENVIRONMENT, "database-newer", "internal-failure"),
            (Error::Database(Failure::DiskFull), exit::ENVIRONMENT, "host-read-only", "host-read-only"),
            (
                Error::Database(Failure::damaged("t", "c", 1, "r")),
                exit::ENVIRONMENT,
                "database-damaged",
                "database-damaged",
            ),
        ] {
            assert_eq!(error.exit_code(), exit_code, "{error}");
            assert_eq!(error.code().map_or("", |code| code.name), code, "{error}");
            assert_eq!(Problem::from(error).code().name, answer);
        }
        assert!(!format!("{:?}", Problem::from(unable())).contains("secret place"));
        for (error, code, detail) in [
            (Error::Rule("no such customer".into()), "input-invalid", "no such customer"),
            (unable(), "catalogue-missing", "secret place"),
            (Error::Invalid(Invalid::Signature), "signature-invalid", "signature"),
            (Error::Refused(Refusal::KeyUnknown), "key-unknown", "key"),
            (Error::Environment("disk".into()), "internal-failure", "the server's log"),
        ] {
            let problem = error.into_problem();
            assert_eq!(problem.code().name, code);
            assert!(problem.detail().contains(detail), "{problem:?}");
        }
    }
}
