//! What a collector of OpenTelemetry is told by a real host, and that nothing waits for a collector that is away.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod common;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

use common::{Host, Place, fails_to_serve, poll};
use keymuster_core::id::to_hex;
use keymuster_core::request::Act;
use keymuster_scenarios::fixture::{Publisher, VOLUME_EDITION};
use keymuster_scenarios::load::Machine;
use keymuster_scenarios::stand_in;
use keymuster_service::{Env, files};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

/// A collector, and the requests that it got.
#[derive(Clone, Default)]
struct Collector {
    got: Arc<Mutex<Vec<Got>>>,
}

/// A request.
#[derive(Debug)]
struct Got {
    head: String,
    body: Vec<u8>,
}

impl Collector {
    fn start() -> (Collector, SocketAddr) {
        let (collector, listener) = (Collector::default(), TcpListener::bind("127.0.0.1:0").unwrap());
        let (kept, address) = (collector.clone(), listener.local_addr().unwrap());
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let Ok(request) = stand_in::request(&mut stream) else { continue };
                let end = request.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
                let head = String::from_utf8(request[..end].to_vec()).unwrap();
                kept.got.lock().unwrap().push(Got { head, body: request[end..].to_vec() });
                // Whoever has gone away needs no answer.
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
        });
        (collector, address)
    }

    fn bodies(&self, path: &str) -> Vec<Vec<u8>> {
        let begin = format!("POST {path} ");
        let got = self.got.lock().unwrap();
        got.iter().filter(|got| got.head.starts_with(&begin)).map(|got| got.body.clone()).collect()
    }

    fn spans(&self) -> Vec<Span> {
        let traces =
            self.bodies("/v1/traces").into_iter().map(|body| ExportTraceServiceRequest::decode(&*body).unwrap());
        let scopes = traces.flat_map(|request| request.resource_spans).flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    fn logs(&self) -> Vec<ExportLogsServiceRequest> {
        self.bodies("/v1/logs").iter().map(|body| ExportLogsServiceRequest::decode(&**body).unwrap()).collect()
    }
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn attributes(of: &[KeyValue]) -> BTreeMap<&str, String> {
    of.iter().map(|pair| (pair.key.as_str(), text(pair.value.as_ref()))).collect()
}

#[test]
fn a_collector_gets_requests_as_spans_and_lines_of_the_log() {
    let place = Place::new(Publisher::new(1, 1));
    let (collector, address) = Collector::start();
    let headers = place.data_dir.with_extension("headers");
    files::write_private(&headers, b"Authorization: Bearer only-for-the-collector\n").unwrap();
    let (endpoint, headers) = (format!("http://{address}"), headers.to_str().unwrap().to_owned());
    let options = ["--otlp-endpoint", &endpoint, "--otlp-headers-file", &headers];
    let log = place.data_dir.with_extension("log");
    let host = Host::start_with(&place.data_dir, &options, std::fs::File::create(&log).unwrap().into());
    let mut machine = Machine::new(&Env::system());
    let request = place.request(&mut machine, Act::Activate, VOLUME_EDITION);
    let granted = host.activate(&request);
    assert_eq!(granted.status, 200);
    assert_eq!(host.activate(b"nothing").status, 400);
    // What was not sent yet is sent at the stop.
    host.stop();

    let spans = collector.spans();
    let requests: Vec<&Span> = spans.iter().filter(|span| span.name == "POST /v1/activate").collect();
    let statuses: Vec<String> =
        requests.iter().map(|span| attributes(&span.attributes)["http.response.status_code"].clone()).collect();
    assert_eq!(statuses, ["200", "400"], "{spans:#?}");
    let [granted_span, refused_span] = requests[..] else { panic!("{requests:#?}") };
    assert_eq!(attributes(&granted_span.attributes)["client.address"], "127.0.0.1");
    assert!(attributes(&refused_span.attributes).contains_key("keymuster.code"), "{refused_span:#?}");
    let inside: Vec<&str> =
        spans.iter().filter(|span| span.parent_span_id == granted_span.span_id).map(|span| &*span.name).collect();
    assert_eq!(inside, ["decide"], "of the time of a request, what the queue and the transaction took");
    assert!(spans.iter().any(|span| span.name == "commit" && attributes(&span.attributes)["requests"] == "1"));

    let logs = collector.logs();
    let resource = attributes(&logs[0].resource_logs[0].resource.as_ref().unwrap().attributes);
    assert_eq!(resource["service.name"], "keymuster-host");
    assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
    let records = logs.iter().flat_map(|request| &request.resource_logs).flat_map(|logs| &logs.scope_logs);
    let lines: Vec<String> =
        records.flat_map(|scope| &scope.log_records).map(|record| text(record.body.as_ref())).collect();
    assert!(lines.iter().any(|line| line == "serving") && lines.len() >= 3, "{lines:?}");

    let got = collector.got.lock().unwrap();
    assert!(got.iter().all(|got| got.head.contains("Bearer only-for-the-collector")), "{got:?}");
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains("only-for-the-collector") && !log.contains("http.request.method"), "{log}");
    let body = to_hex(&request);
    assert!(got.iter().all(|got| !to_hex(&got.body).contains(&body[..64])), "no body of a request is told");
}

#[test]
fn a_collector_that_is_away_is_told_once_and_waited_for_by_nobody() {
    let place = Place::new(Publisher::new(1, 1));
    // Nobody listens there any more.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let log = place.data_dir.with_extension("log");
    let options = ["--otlp-endpoint", &format!("http://{address}")];
    let host = Host::start_with(&place.data_dir, &options, std::fs::File::create(&log).unwrap().into());
    let request = place.request(&mut Machine::new(&Env::system()), Act::Activate, VOLUME_EDITION);
    assert_eq!(host.activate(&request).status, 200);
    let told = || std::fs::read_to_string(&log).unwrap().matches("the collector takes no traces or logs").count();
    poll("a word about the collector", || (told() > 0).then_some(()));
    host.stop();
    assert!(told() <= 2, "once for traces and once for logs: {}", std::fs::read_to_string(&log).unwrap());
}

#[test]
fn what_is_no_collector_is_said_at_the_start() {
    let place = Place::new(Publisher::new(1, 1));
    let (code, said) = fails_to_serve(&place.data_dir, &["--otlp-endpoint", "collector.example:4318"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("\"collector.example:4318\" is no value of --otlp-endpoint: expected an address"), "{said}");
}
