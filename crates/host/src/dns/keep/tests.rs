//! Keeping a host in a real name server, through failures and changes.

#[path = "../../../tests/support/named.rs"]
mod named;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Once};

use named::{NameServer, ZoneFile};
use tokio::net::{TcpListener, TcpStream};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};

use super::*;
use crate::dns::{TsigKey, Zone, look};

/// Longer than anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);
/// Attempt upon attempt, so that a test sees days go by.
const QUICK: Pace =
    Pace { daily: Duration::from_millis(1), retry: Duration::from_millis(1), retry_max: Duration::from_millis(5) };

fn server() -> NameServer {
    let zone = |name| ZoneFile { name, policy: "allow-update { key \"kms\"; };", records: "" };
    NameServer::start(&[zone("a.test"), zone("b.test")], &["kms"])
}

fn publication(server: &NameServer, target: &str, zones: &[&str]) -> Publication {
    Publication {
        zones: zones.iter().map(|zone| Zone::parse(zone, (0, 10)).unwrap()).collect(),
        port: 1688,
        target: target.parse().unwrap(),
        addresses: Vec::new(),
        server: Some(server.address),
        tsig: TsigKey::read(&server.key_file("kms")).unwrap(),
        is_removed_on_stop: false,
    }
}

/// Looks at the two zones until they are as expected, each as `priority target, …`.
async fn until(server: &NameServer, expected: [&str; 2]) {
    let look = async |zone: &str| {
        let records = look(&zone.parse().unwrap(), &[server.address], &Env::system()).await.unwrap();
        let records: Vec<String> = records.iter().map(|srv| format!("{} {}", srv.priority, srv.target)).collect();
        records.join(", ")
    };
    let mut found = [String::new(), String::new()];
    let looking = async {
        while found != expected {
            found = [look("a.test").await, look("b.test").await];
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, looking).await;
    assert!(in_time.is_ok(), "{expected:?} did not come, but {found:?}");
}

/// Looks at the addresses of the host until they are as expected.
async fn addresses(server: &NameServer, expected: &[std::net::IpAddr]) {
    let name = "kms.a.test".parse::<crate::dns::DnsName>().unwrap().wire();
    let look = async || crate::dns::look::addresses(&name, &[server.address], &Env::system()).await.unwrap();
    let looking = async { while look().await != expected {} };
    assert!(tokio::time::timeout(PATIENCE, looking).await.is_ok(), "{expected:?} did not come");
}

/// Runs `act` beside a keeper, then stops it and demands that it ends.
async fn beside(publications: watch::Receiver<Option<Publication>>, pace: Pace, act: impl Future<Output = ()>) {
    watched(publications, &Progress::default(), pace, act).await;
}

/// The same, and tells how it goes.
async fn watched(
    publications: watch::Receiver<Option<Publication>>,
    progress: &Progress,
    pace: Pace,
    act: impl Future<Output = ()>,
) {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| tracing::subscriber::set_global_default(Log).unwrap());
    let (stop, env) = (Stop::new(), Env::system());
    let both = async {
        let acting = async {
            act.await;
            stop.now();
        };
        tokio::join!(keep(publications, progress, &env, &stop, pace), acting);
    };
    tokio::time::timeout(2 * PATIENCE, both).await.expect("the keeper ends when it is told to stop");
}

#[tokio::test]
async fn records_follow_what_is_wanted() {
    let server = server();
    let (sender, receiver) = watch::channel(None);
    // Only changes wake this keeper up.
    beside(receiver, PACE, async {
        for (zones, target, expected) in [
            (&["a.test"][..], "kms.a.test", ["0 kms.a.test", ""]),
            (&["a.test:7", "b.test"], "kms.a.test", ["7 kms.a.test", "0 kms.a.test"]),
            (&["b.test"], "kms.a.test", ["", "0 kms.a.test"]),
            (&["b.test", "a.test"], "new.a.test", ["0 new.a.test", "0 new.a.test"]),
            (&[], "new.a.test", ["", ""]),
            (&["a.test"], "kms.a.test", ["0 kms.a.test", ""]),
        ] {
            sender.send_replace(Some(publication(&server, target, zones)));
            until(&server, expected).await;
        }
        sender.send_replace(None);
        until(&server, ["", ""]).await;
        sender.send_replace(Some(publication(&server, "kms.a.test", &["a.test"])));
        until(&server, ["0 kms.a.test", ""]).await;
    })
    .await;
    until(&server, ["0 kms.a.test", ""]).await;
}

#[tokio::test]
async fn records_that_get_lost_come_back_though_nobody_changes_anything() {
    let server = server();
    let wanted = publication(&server, "kms.a.test", &["a.test"]);
    let (sender, receiver) = watch::channel(Some(wanted.clone()));
    drop(sender);
    beside(receiver, QUICK, async {
        for _ in 0..3 {
            until(&server, ["0 kms.a.test", ""]).await;
            withdraw(&wanted, &Env::system()).await.unwrap();
        }
        until(&server, ["0 kms.a.test", ""]).await;
    })
    .await;
}

#[tokio::test]
async fn records_go_with_a_host_that_stops_only_where_that_is_asked_for() {
    let server = server();
    let address: std::net::IpAddr = "192.0.2.7".parse().unwrap();
    for is_removed_on_stop in [false, true] {
        let wanted = Publication {
            is_removed_on_stop,
            addresses: vec![address],
            ..publication(&server, "kms.a.test", &["a.test", "b.test"])
        };
        let (sender, receiver) = watch::channel(Some(wanted));
        let entered = async {
            until(&server, ["0 kms.a.test", "0 kms.a.test"]).await;
            // Addresses come last.
            addresses(&server, &[address]).await;
        };
        beside(receiver, PACE, entered).await;
        drop(sender);
        let left = if is_removed_on_stop { "" } else { "0 kms.a.test" };
        until(&server, [left, left]).await;
        let left = if is_removed_on_stop { vec![] } else { vec![address] };
        addresses(&server, &left).await;
    }
    assert!(logged().iter().any(|line| line.contains("because the host stops")), "{:#?}", logged());
}

#[tokio::test]
async fn a_name_server_that_is_away_does_not_keep_a_host_from_stopping() {
    let server = server();
    // Connections are taken, and nothing is ever said.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let wanted = Publication {
        is_removed_on_stop: true,
        server: Some(silent.local_addr().unwrap()),
        ..publication(&server, "kms.a.test", &["a.test"])
    };
    let (_sender, receiver) = watch::channel(Some(wanted));
    let begin = std::time::Instant::now();
    beside(receiver, PACE, async { drop(silent.accept().await.unwrap()) }).await;
    assert!(begin.elapsed() < AT_STOP + Duration::from_secs(5), "{:?}", begin.elapsed());
    assert!(logged().iter().any(|line| line.contains("stay in DNS")), "{:#?}", logged());
}

/// Stands before a name server and lets nobody in while it is shut.
#[derive(Clone)]
struct Door {
    address: SocketAddr,
    is_open: Arc<AtomicBool>,
    turned_away: Arc<AtomicUsize>,
}

impl Door {
    async fn before(server: SocketAddr) -> Door {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door =
            Door { address: listener.local_addr().unwrap(), is_open: Arc::default(), turned_away: Arc::default() };
        let kept = door.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                if !kept.is_open.load(Ordering::SeqCst) {
                    kept.turned_away.fetch_add(1, Ordering::SeqCst);
                    continue;
                }
                tokio::spawn(async move {
                    let mut inside = TcpStream::connect(server).await.unwrap();
                    // Either side may hang up.
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut inside).await;
                });
            }
        });
        door
    }

    async fn until_turned_away(&self, more: usize) {
        let wanted = self.turned_away.load(Ordering::SeqCst) + more;
        let waiting = async {
            while self.turned_away.load(Ordering::SeqCst) < wanted {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the keeper tries again and again");
    }
}

thread_local! {
    /// What was logged on this test's thread, each line as level, message and fields.
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn logged() -> Vec<String> {
    LOG.with_borrow(Clone::clone)
}

/// Listens for all tests, and from before the first line on: what is logged while nobody listens may stay unheard for ever.
struct Log;

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("keymuster") && *metadata.level() <= tracing::Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Line(String);
        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!(" {field}={value:?}");
            }
        }
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        LOG.with_borrow_mut(|lines| lines.push(line.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_server_that_is_away_is_tried_again_and_told_once() {
    let server = server();
    let door = Door::before(server.address).await;
    let wanted =
        Publication { server: Some(door.address), ..publication(&server, "kms.a.test", &["a.test", "b.test"]) };
    let (_sender, receiver) = watch::channel(Some(wanted.clone()));
    let until_told = async |text: &str| {
        let waiting = async {
            while !logged().last().is_some_and(|line| line.contains(text)) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{:#?}", logged()));
    };
    let progress = Progress::default();
    watched(receiver, &progress, QUICK, async {
        for round in 0..2 {
            door.is_open.store(false, Ordering::SeqCst);
            door.until_turned_away(5).await;
            until_told("cannot bring DNS up to date").await;
            let kept = *progress.borrow();
            assert_eq!((kept.is_failing, kept.published_at.is_some()), (true, round > 0));
            door.is_open.store(true, Ordering::SeqCst);
            until_told("published in DNS").await;
            let kept = *progress.borrow();
            assert_eq!((kept.is_failing, kept.published_at.is_some()), (false, true));
            until(&server, ["0 kms.a.test", "0 kms.a.test"]).await;
        }
    })
    .await;
    let warning =
        "WARN message=cannot bring DNS up to date code=\"dns-server-unreachable\" error=\"a.test: the DNS server";
    let news = "INFO message=published in DNS zones=\"a.test b.test\" host=kms.a.test port=1688";
    let lines = logged();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    for pair in lines.chunks(2) {
        assert!(pair[0].starts_with(warning) && pair[0].contains("retry_in_secs=0"), "{}", pair[0]);
        assert_eq!(pair[1], news);
    }
    let secret = std::fs::read_to_string(server.key_file("kms")).unwrap();
    let secret = secret.split('"').nth(3).unwrap();
    assert!(secret.len() > 20 && !format!("{lines:?}{wanted:?}").contains(secret));
}

#[test]
fn pauses_grow_to_an_hour() {
    for (failures, secs) in [(0, 86400), (1, 10), (2, 20), (3, 40), (9, 2560), (10, 3600), (40, 3600), (u32::MAX, 3600)]
    {
        assert_eq!(PACE.pause(failures).as_secs(), secs, "after {failures}");
    }
}
