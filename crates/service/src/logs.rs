//! Where the log goes, and in which form: standard error, one event on one line.

use std::io::{self, IsTerminal};
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FromEnvError, LevelFilter};

/// The environment variable that says what is logged, such as `debug` or `info,keymuster_host=trace`.
pub const FILTER_VARIABLE: &str = "KEYMUSTER_LOG";

/// The form of a line in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = UnknownLogFormat;

    fn from_str(text: &str) -> Result<LogFormat, UnknownLogFormat> {
        match text {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err(UnknownLogFormat(text.to_owned())),
        }
    }
}

/// A log format that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("unknown log format {0:?}: use text or json")]
pub struct UnknownLogFormat(String);

/// Why the log could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogFailure {
    /// The administrator's filter cannot be understood.
    #[error("cannot read {FILTER_VARIABLE}: {0}; use a level such as debug, or info,keymuster_host=trace")]
    Filter(#[from] FromEnvError),
    /// The program started its log twice.
    #[error("the log was already started")]
    AlreadyStarted,
}

/// Starts the log of this process; without [`FILTER_VARIABLE`] it takes `info` and worse.
pub fn init(format: LogFormat) -> Result<(), LogFailure> {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .with_env_var(FILTER_VARIABLE)
        .from_env()?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|_| LogFailure::AlreadyStarted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read_by_name() {
        assert_eq!("text".parse::<LogFormat>().unwrap(), LogFormat::Text);
        assert_eq!("json".parse::<LogFormat>().unwrap(), LogFormat::Json);
        let message = "xml".parse::<LogFormat>().unwrap_err().to_string();
        assert_eq!(message, "unknown log format \"xml\": use text or json");
    }
}
