//! Why a command did not do what it was asked for: the sentence, the stable code and the exit code.

use std::fmt;
use std::path::Path;

use keymuster_client::{Code, Error};
use serde_json::{Value, json};

use crate::exit;

/// What is printed on standard error, and how the program ends.
#[derive(Debug)]
pub struct Failure {
    message: String,
    code: Option<&'static Code>,
    advice: Option<String>,
    exit: u8,
}

impl Failure {
    /// A command line that asks for something that cannot be.
    pub fn usage(message: impl Into<String>, advice: impl Into<String>) -> Failure {
        Failure { message: message.into(), code: None, advice: Some(advice.into()), exit: exit::USAGE }
    }

    /// A "no" without a code.
    pub fn refused(message: impl Into<String>, advice: impl Into<String>) -> Failure {
        Failure { message: message.into(), code: None, advice: Some(advice.into()), exit: exit::REFUSED }
    }

    /// Something that is not valid, with its code.
    pub fn invalid(message: impl Into<String>, code: &'static Code) -> Failure {
        Failure { message: message.into(), code: Some(code), advice: None, exit: exit::INVALID }
    }

    /// A file that cannot be read or written.
    pub fn file(path: &Path, why: &std::io::Error) -> Failure {
        let message = format!("cannot use {}: {why}", path.display());
        Failure { message, code: None, advice: None, exit: exit::ENVIRONMENT }
    }

    /// What another program of Keymuster printed when it failed, and how it ended.
    pub fn passed_on(printed: &str, exit: Option<u8>) -> Failure {
        let message = printed.strip_prefix("error: ").unwrap_or(printed).to_owned();
        Failure { message, code: None, advice: None, exit: exit.unwrap_or(exit::ENVIRONMENT) }
    }

    /// The same for machines.
    pub fn json(&self) -> Value {
        json!({ "error": {
            "message": self.message,
            "code": self.code.map(|code| code.name),
            "number": self.code.map(|code| code.number),
            "remedy": self.remedy(),
        } })
    }

    fn remedy(&self) -> Option<&str> {
        self.advice.as_deref().or(self.code.map(|code| code.remedy))
    }

    /// How the program ends.
    pub fn exit(&self) -> u8 {
        self.exit
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let exit = match &error {
            Error::Refused(_) | Error::KeyRefused(_) | Error::KeyNeeded { .. } | Error::NothingToRelease => {
                exit::REFUSED
            }
            Error::Setting { .. } | Error::EditionUnknown { .. } => exit::USAGE,
            Error::Trust(_) | Error::Pack(_) | Error::Key(_) | Error::AnswerInvalid { .. } | Error::NoRequestWaits => {
                exit::INVALID
            }
            _ => exit::ENVIRONMENT,
        };
        Failure { message: error.to_string(), code: Some(error.code()), advice: None, exit }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(code) = self.code {
            write!(f, " ({code})")?;
        }
        match self.remedy() {
            Some(advice) => write!(f, "\n  what to do: {advice}"),
            None => Ok(()),
        }
    }
}
