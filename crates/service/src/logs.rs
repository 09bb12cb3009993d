//! Where the log goes, and in which form: standard error, one event on one line.
//!
//! Where standard error is systemd's journal, each line begins with its priority in the form that the journal takes it from
//! (sd-daemon(3)), and has no time: the journal has both as fields of its own.

use std::io::{self, IsTerminal};
use std::os::unix::fs::MetadataExt as _;
use std::str::FromStr;
use std::{env, fmt, fs};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{FromEnvError, LevelFilter, filter_fn};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{self, FormatEvent, FormatFields, Writer};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::telemetry::{Otlp, TRACES, Telemetry};

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
    /// The collector that is named cannot be told anything.
    #[error("{0:#}")]
    Telemetry(anyhow::Error),
    /// The program started its log twice.
    #[error("the log was already started")]
    AlreadyStarted,
}

/// Starts the log of the process `service`; without [`FILTER_VARIABLE`] it takes `info` and worse. Keep what is returned
/// until the end, so that the collector gets the last lines too.
pub fn init(format: LogFormat, otlp: &Otlp, service: &'static str) -> Result<Option<Telemetry>, LogFailure> {
    let telemetry = otlp.start(service).map_err(LogFailure::Telemetry)?;
    let collected = telemetry.as_ref().map(|telemetry| filter().map(|filter| telemetry.layer(filter))).transpose()?;
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match (format, is_journal()) {
        (LogFormat::Text, true) => {
            lines.event_format(ForJournal(format::format().without_time().with_ansi(false))).with_ansi(false).boxed()
        }
        (LogFormat::Text, false) => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        (LogFormat::Json, true) => {
            lines.json().event_format(ForJournal(format::json().without_time().flatten_event(true))).boxed()
        }
        (LogFormat::Json, false) => lines.json().flatten_event(true).boxed(),
    };
    let no_traces = filter_fn(|metadata| metadata.target() != TRACES);
    let started = tracing_subscriber::registry()
        .with(collected)
        .with(lines.with_filter(filter()?).with_filter(no_traces))
        .try_init();
    started.map_err(|_| LogFailure::AlreadyStarted)?;
    Ok(telemetry)
}

fn filter() -> Result<EnvFilter, FromEnvError> {
    EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).with_env_var(FILTER_VARIABLE).from_env()
}

/// What systemd tells its services: device and inode of the journal's end of their standard error.
const JOURNAL_STREAM: &str = "JOURNAL_STREAM";

/// Whether standard error goes to the journal. The variable alone does not say so: programs that a service starts inherit
/// it, whatever becomes of their standard error.
fn is_journal() -> bool {
    let Ok(told) = env::var(JOURNAL_STREAM) else { return false };
    let Ok(own) = fs::metadata("/proc/self/fd/2") else { return false };
    told == format!("{}:{}", own.dev(), own.ino())
}

/// Lines with the priority that the journal gives them.
struct ForJournal<F>(F);

impl<S, N, F> FormatEvent<S, N> for ForJournal<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        write!(writer, "<{}>", priority(*event.metadata().level()))?;
        self.0.format_event(context, writer, event)
    }
}

/// The priority of syslog that means the same.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
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
