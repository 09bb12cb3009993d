//! Traces and logs for a collector of OpenTelemetry, by OTLP over HTTP; off unless an endpoint is named.
//!
//! What is told is what the log tells, and how long requests took: no body, no key, no header. A collector that is away
//! costs nothing but what it would have been told.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use async_trait::async_trait;
use hyper::body::Bytes;
use hyper::{Request, Response, Uri};
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{
    LogExporter, Protocol, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Runtime;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{Change, Configuration, Key, Kind, Of, forms};
use crate::files;
use crate::https::Https;

/// The target of spans that are made for traces alone; the log on standard error leaves them out.
pub const TRACES: &str = "keymuster_traces";

/// A collector that takes longer is away.
const WITHIN: Duration = Duration::from_secs(5);
/// What a collector answers is not read beyond this.
const ANSWER_MAX: usize = 64 * 1024;
/// A file with a few headers.
const HEADERS_BYTES_MAX: usize = 16 * 1024;

/// The key of the collector's address.
const OTLP_ENDPOINT: &str = "otlp-endpoint";
/// The key of the file with headers for it.
const OTLP_HEADERS_FILE: &str = "otlp-headers-file";

/// A collector, where one is named.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Otlp {
    endpoint: Option<String>,
    headers_file: Option<PathBuf>,
}

/// The keys by which a server is told of a collector.
pub fn keys() -> [Key; 2] {
    let about_endpoint = "The address of an OpenTelemetry collector that takes OTLP over HTTP, such as \
                          http://127.0.0.1:4318. Traces and logs are sent to it.";
    let about_headers = "A file with headers for the collector, one `name: value` a line, that nobody else can read.";
    let key = |name, kind, expected: &str, about, read| {
        let (of, change, default) = (Of::Program, Change::Restart, "none");
        Key { name, of, kind, change, expected: expected.to_owned(), default, about, read }
    };
    [
        key(OTLP_ENDPOINT, Kind::Value, forms::URL, about_endpoint, forms::url),
        key(OTLP_HEADERS_FILE, Kind::Secret, forms::PATH, about_headers, forms::path),
    ]
}

/// Sends what was not sent yet when it is dropped.
#[derive(Debug)]
pub struct Telemetry {
    traces: SdkTracerProvider,
    logs: SdkLoggerProvider,
}

impl Otlp {
    /// The collector that a configuration names.
    pub fn of(configuration: &Configuration) -> Otlp {
        let given = |name| configuration.get(name).map(str::to_owned);
        Otlp { endpoint: given(OTLP_ENDPOINT), headers_file: given(OTLP_HEADERS_FILE).map(PathBuf::from) }
    }

    /// The way to the collector, if one is named.
    pub(crate) fn start(&self, service: &'static str) -> anyhow::Result<Option<Telemetry>> {
        let Some(endpoint) = self.endpoint.as_deref() else { return Ok(None) };
        let started = self.start_at(endpoint, service);
        started.map(Some).with_context(|| format!("cannot send traces and logs to {endpoint:?}"))
    }

    fn start_at(&self, endpoint: &str, service: &'static str) -> anyhow::Result<Telemetry> {
        let uri: Uri = endpoint.parse()?;
        ensure!(
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none(),
            "it is no address such as http://127.0.0.1:4318"
        );
        let headers = self.headers_file.as_deref().map(headers_of).transpose()?.unwrap_or_default();
        let base = endpoint.trim_end_matches('/');
        let spans = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new(endpoint)?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{base}/v1/traces"))
            .with_headers(headers.clone())
            .with_timeout(WITHIN)
            // What a collector misses while it is away is in the log; nothing is kept for it, and no stop waits for it.
            .with_retry_policy(RetryPolicy::disabled())
            .build()?;
        let lines = LogExporter::builder()
            .with_http()
            .with_http_client(Collector::new(endpoint)?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{base}/v1/logs"))
            .with_headers(headers)
            .with_timeout(WITHIN)
            // What a collector misses while it is away is in the log; nothing is kept for it, and no stop waits for it.
            .with_retry_policy(RetryPolicy::disabled())
            .build()?;
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder().with_service_name(service).with_attribute(version).build();
        Ok(Telemetry {
            traces: SdkTracerProvider::builder().with_batch_exporter(spans).with_resource(resource.clone()).build(),
            logs: SdkLoggerProvider::builder().with_batch_exporter(lines).with_resource(resource).build(),
        })
    }
}

impl Telemetry {
    /// What takes events and spans: events as `filter` lets them through, spans of [`TRACES`].
    pub(crate) fn layer<S>(&self, filter: EnvFilter) -> impl Layer<S>
    where
        S: tracing::Subscriber + for<'l> LookupSpan<'l> + Send + Sync,
    {
        let spans = tracing_opentelemetry::layer()
            .with_tracer(self.traces.tracer("keymuster"))
            .with_location(false)
            .with_threads(false)
            .with_filter(Targets::new().with_target(TRACES, LevelFilter::INFO));
        OpenTelemetryTracingBridge::new(&self.logs).with_filter(filter).and_then(spans)
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        // Whoever stops the server waits for it: a collector that is away must not hold it up, and has been told of.
        let _ = self.traces.shutdown_with_timeout(WITHIN);
        let _ = self.logs.shutdown_with_timeout(WITHIN);
    }
}

/// Headers of a file, which may be secret.
fn headers_of(path: &Path) -> anyhow::Result<HashMap<String, String>> {
    let bytes = files::read_private(path, HEADERS_BYTES_MAX)?;
    let text = String::from_utf8(bytes).with_context(|| format!("{} is no text", path.display()))?;
    let mut headers = HashMap::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let Some((name, value)) = line.split_once(':') else {
            bail!("{}, line {}: a header is written `name: value`", path.display(), number + 1);
        };
        headers.insert(name.trim().to_owned(), value.trim().to_owned());
    }
    Ok(headers)
}

/// The collector, asked from a thread of the exporter.
#[derive(Debug)]
struct Collector {
    https: Https,
    runtime: Runtime,
    endpoint: String,
    /// So that a lasting failure is told once.
    is_away: AtomicBool,
}

impl Collector {
    fn new(endpoint: &str) -> anyhow::Result<Collector> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let https = Https::new(None, WITHIN, ANSWER_MAX)?;
        Ok(Collector { https, runtime, endpoint: endpoint.to_owned(), is_away: AtomicBool::new(false) })
    }

    fn note(&self, problem: Option<String>) {
        let was_away = self.is_away.swap(problem.is_some(), Ordering::Relaxed);
        let endpoint = &self.endpoint;
        match problem {
            Some(problem) if !was_away => tracing::warn!(endpoint, problem, "the collector takes no traces or logs"),
            None if was_away => tracing::info!(endpoint, "the collector takes traces and logs again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        // The exporter's thread has no runtime of its own.
        let answer = self.runtime.block_on(self.https.send(request));
        self.note(match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answers {}", answer.status())),
            Err(error) => Some(format!("{error:#}")),
        });
        Ok(answer?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn otlp(endpoint: &str, headers: Option<PathBuf>) -> Otlp {
        Otlp { endpoint: Some(endpoint.to_owned()), headers_file: headers }
    }

    #[test]
    fn what_is_no_address_of_a_collector_is_refused() {
        assert!(Otlp::default().start("test").unwrap().is_none());
        for endpoint in ["", "127.0.0.1:4318", "/v1", "ftp://collector.example", "http://collector.example/?key=1"] {
            let error = format!("{:#}", otlp(endpoint, None).start("test").unwrap_err());
            assert!(error.contains("cannot send traces and logs"), "{endpoint}: {error}");
        }
    }

    #[test]
    fn headers_are_read_from_a_private_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("headers");
        files::write_private(&path, b"Authorization: Bearer a:b\n\nx-scope : 7\n").unwrap();
        let headers = headers_of(&path).unwrap();
        assert_eq!((headers["Authorization"].as_str(), headers["x-scope"].as_str()), ("Bearer a:b", "7"));
        files::write_private(&path, b"a: b\nnothing\n").unwrap();
        assert!(headers_of(&path).unwrap_err().to_string().contains("line 2"));
    }
}
