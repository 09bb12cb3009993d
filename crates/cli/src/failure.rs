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
    /// Where users find help: the customer's page, or else the publisher's.
    help_url: Option<String>,
    exit: u8,
}

impl Failure {
    /// A command line that asks for something that cannot be.
    pub fn usage(message: impl Into<String>, advice: impl Into<String>) -> Failure {
        Failure { advice: Some(advice.into()), ..Failure::new(message.into(), exit::USAGE) }
    }

    /// A "no" without a code.
    pub fn refused(message: impl Into<String>, advice: impl Into<String>) -> Failure {
        Failure { advice: Some(advice.into()), ..Failure::new(message.into(), exit::REFUSED) }
    }

    /// Something that is not valid, with its code.
    pub fn invalid(message: impl Into<String>, code: &'static Code) -> Failure {
        Failure { code: Some(code), ..Failure::new(message.into(), exit::INVALID) }
    }

    /// Something that is not valid and no document of ours, so that no code fits.
    pub fn not_valid(message: impl Into<String>, advice: impl Into<String>) -> Failure {
        Failure { advice: Some(advice.into()), ..Failure::new(message.into(), exit::INVALID) }
    }

    /// The outside world failed.
    pub fn environment(message: impl Into<String>, advice: impl Into<String>) -> Failure {
        Failure { advice: Some(advice.into()), ..Failure::new(message.into(), exit::ENVIRONMENT) }
    }

    /// What a host said instead of an answer, with its code if this version knows it.
    pub fn told(message: String, code: Option<&'static Code>, exit: u8) -> Failure {
        Failure { code, ..Failure::new(message, exit) }
    }

    /// A file that cannot be read or written.
    pub fn file(path: &Path, why: &std::io::Error) -> Failure {
        Failure::new(format!("cannot use {}: {why}", path.display()), exit::ENVIRONMENT)
    }

    /// The same with the page where users find help, if there is one.
    pub fn with_help(self, find: impl FnOnce() -> Option<String>) -> Failure {
        Failure { help_url: self.help_url.or_else(find), ..self }
    }

    fn new(message: String, exit: u8) -> Failure {
        Failure { message, code: None, advice: None, help_url: None, exit }
    }

    /// What another program of Keymuster printed when it failed, and how it ended.
    pub fn passed_on(printed: &str, exit: Option<u8>) -> Failure {
        let message = printed.strip_prefix("error: ").unwrap_or(printed).to_owned();
        Failure { message, code: None, advice: None, help_url: None, exit: exit.unwrap_or(exit::ENVIRONMENT) }
    }

    /// The same for machines.
    pub fn json(&self) -> Value {
        json!({ "error": {
            "message": self.message,
            "code": self.code.map(|code| code.name),
            "number": self.code.map(|code| code.number),
            "remedy": self.remedy(),
            "help_url": self.help_url,
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

impl Failure {
    /// How a program ends that failed with this.
    pub fn exit_of(error: &Error) -> u8 {
        match error {
            Error::Refused(_)
            | Error::KeyRefused(_)
            | Error::KeyNeeded { .. }
            | Error::NothingToRelease
            | Error::RearmsExhausted { .. }
            | Error::SettingRefused(_)
            | Error::WayNotAllowed { .. } => exit::REFUSED,
            Error::Setting { .. }
            | Error::SettingUnknown { .. }
            | Error::SettingsFile(_)
            | Error::EditionUnknown { .. } => exit::USAGE,
            Error::Trust(_) | Error::Pack(_) | Error::Key(_) | Error::AnswerInvalid { .. } | Error::NoRequestWaits => {
                exit::INVALID
            }
            _ => exit::ENVIRONMENT,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let exit = Failure::exit_of(&error);
        Failure { code: Some(error.code()), ..Failure::new(error.to_string(), exit) }
    }
}

impl From<keymuster_qr::Error> for Failure {
    fn from(error: keymuster_qr::Error) -> Failure {
        let exit = if error.code().is_some() { exit::INVALID } else { exit::ENVIRONMENT };
        Failure { code: error.code(), ..Failure::new(error.to_string(), exit) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(code) = self.code {
            write!(f, " ({code})")?;
        }
        if let Some(advice) = self.remedy() {
            write!(f, "\n  what to do: {advice}")?;
        }
        match &self.help_url {
            Some(url) => write!(f, "\n  help: {url}"),
            None => Ok(()),
        }
    }
}
