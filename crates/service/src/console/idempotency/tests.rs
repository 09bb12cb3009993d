//! A real router with the middleware, a real database, and a clock that stands.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::post;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::sync::Notify;

use super::*;
use crate::Env;
use crate::console::account::{self, Account};
use crate::console::permission::{Permission, Role};
use crate::console::token::Token;
use crate::console::{Console, Product};
use crate::database::{Failure, Place, Pool};

static PRODUCT: Product = Product { name: "Test", program: "test", cookie: "test", nav: &[], record: |_, _| Ok(()) };
const SECRET: &str = "kmt_secret";

/// What the routes have done, and when the slow one may end.
#[derive(Clone, Default)]
struct World {
    done: Arc<AtomicU32>,
    has_begun: Arc<Notify>,
    may_end: Arc<Notify>,
}

struct Setup {
    router: Router,
    world: World,
    env: Env,
    _directory: tempfile::TempDir,
}

fn connect(place: &Place) -> Result<crate::sql::Connection, Failure> {
    place.open(&[crate::console::MIGRATION])
}

async fn setup() -> Setup {
    let directory = tempfile::tempdir().unwrap();
    let pool = Pool::new(Place::File(directory.path().join("test.db")), connect);
    let env = Env::fixed(Timestamp::from_secs(1_800_000_000), 1);
    let now = env.now();
    pool.write(move |tx| {
        let account = Account::new("ada".to_owned(), Role::Administrator, "test", now);
        account::add(tx, &account)?;
        let token = Token {
            id: "t1".to_owned(),
            name: "test".to_owned(),
            account: "ada".to_owned(),
            scopes: Permission::ALL.to_vec(),
            created_at: now,
            expires_at: now.plus(30 * DAY),
            used_at: None,
            revoked_at: None,
        };
        token::add(tx, &token, &session::digest(SECRET))
    })
    .await
    .unwrap();
    let console = Console::new(&PRODUCT, "test".to_owned(), Vec::new(), pool, env.clone());
    let world = World::default();
    Setup { router: router(console, world.clone()), world, env, _directory: directory }
}

fn router(console: Console, world: World) -> Router {
    let count = move || world.done.fetch_add(1, Ordering::SeqCst) + 1;
    let (plain, secret, refused) = (count.clone(), count.clone(), count.clone());
    Router::new()
        .route("/api/v1/plain", post(async move || (StatusCode::CREATED, Json(json!({ "done": plain() })))))
        .route("/api/v1/secret", post(async move || Secret(json!({ "secret": secret() }))))
        .route(
            "/api/v1/refused",
            post(async move || Problem::new(&codes::RECORD_UNKNOWN, format!("attempt {}", refused()))),
        )
        .layer(from_fn_with_state(console, once))
}

/// Status, body, and whether it is said to be sent again.
async fn send(router: &Router, path: &str, key: &str, secret: &str, body: &'static str) -> (u16, String, bool) {
    let request = Request::post(path)
        .header(KEY, key)
        .header(header::AUTHORIZATION, format!("Bearer {secret}"))
        .body(Body::from(body))
        .unwrap();
    let response = TowerToHyperService::new(router.clone()).call(request).await.unwrap();
    let is_replay = response.headers().contains_key(REPLAYED);
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap(), is_replay)
}

#[tokio::test]
async fn what_was_done_is_not_done_again() {
    let Setup { router, world, env, .. } = &setup().await;
    let first = send(router, "/api/v1/plain", "k1", SECRET, "x").await;
    assert_eq!(first, (201, r#"{"done":1}"#.to_owned(), false));
    for _ in 0..2 {
        assert_eq!(send(router, "/api/v1/plain", "k1", SECRET, "x").await, (201, first.1.clone(), true));
    }
    for (path, body) in [("/api/v1/plain", "y"), ("/api/v1/plain?a=1", "x"), ("/api/v1/secret", "x")] {
        let (status, problem, _) = send(router, path, "k1", SECRET, body).await;
        assert_eq!(status, 422);
        assert!(problem.contains(codes::IDEMPOTENCY_KEY_REUSED.name), "{problem}");
    }
    assert_eq!(world.done.load(Ordering::SeqCst), 1);
    assert_eq!(send(router, "/api/v1/plain", "k2", SECRET, "x").await.1, r#"{"done":2}"#);
    env.advance(KEPT_SECS);
    assert_eq!(
        send(router, "/api/v1/plain", "k1", SECRET, "x").await.1,
        r#"{"done":3}"#,
        "after a day it is forgotten"
    );
}

#[tokio::test]
async fn a_secret_is_not_kept() {
    let Setup { router, world, _directory: directory, .. } = &setup().await;
    assert_eq!(send(router, "/api/v1/secret", "k1", SECRET, "").await, (200, r#"{"secret":1}"#.to_owned(), false));
    let (status, problem, _) = send(router, "/api/v1/secret", "k1", SECRET, "").await;
    assert_eq!(status, 409);
    assert!(problem.contains(codes::ANSWER_NOT_KEPT.name), "{problem}");
    assert_eq!(world.done.load(Ordering::SeqCst), 1);
    let db = connect(&Place::File(directory.path().join("test.db"))).unwrap();
    let kept: Option<String> = db.query_row("SELECT answer FROM idempotency", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, None);
}

#[tokio::test]
async fn what_was_refused_may_be_asked_again() {
    let Setup { router, world, .. } = &setup().await;
    for attempt in 1..3 {
        let (status, problem, _) = send(router, "/api/v1/refused", "k1", SECRET, "").await;
        assert_eq!(status, 404);
        assert!(problem.contains(&format!("attempt {attempt}")), "{problem}");
    }
    assert_eq!(world.done.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn keys_count_for_tokens_that_count() {
    let Setup { router, world, .. } = &setup().await;
    for _ in 0..2 {
        // The handler would refuse it; here it shows that nothing was kept.
        assert!(!send(router, "/api/v1/plain", "k1", "kmt_other", "x").await.2);
    }
    assert_eq!(world.done.load(Ordering::SeqCst), 2);
    let long = "k".repeat(KEY_MAX + 1);
    for key in ["", long.as_str()] {
        assert_eq!(send(router, "/api/v1/plain", key, SECRET, "x").await.0, 422);
    }
    assert_eq!(world.done.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn of_two_at_once_one_is_carried_out_and_finished_though_nobody_waits() {
    let Setup { world, env, _directory: directory, .. } = setup().await;
    let pool = Pool::new(Place::File(directory.path().join("test.db")), connect);
    let console = Console::new(&PRODUCT, "test".to_owned(), Vec::new(), pool, env.clone());
    let (begun, may_end, done) = (world.has_begun.clone(), world.may_end.clone(), world.done.clone());
    let slow = post(async move || {
        begun.notify_one();
        may_end.notified().await;
        Json(json!({ "done": done.fetch_add(1, Ordering::SeqCst) + 1 }))
    });
    let router = Router::new().route("/api/v1/slow", slow).layer(from_fn_with_state(console, once));
    let first = tokio::spawn({
        let router = router.clone();
        async move { send(&router, "/api/v1/slow", "k1", SECRET, "").await }
    });
    world.has_begun.notified().await;
    let (status, problem, _) = send(&router, "/api/v1/slow", "k1", SECRET, "").await;
    assert_eq!(status, 409);
    assert!(problem.contains(codes::REQUEST_UNFINISHED.name) && problem.contains("being worked on"), "{problem}");
    // The connection of the first one breaks.
    first.abort();
    assert!(first.await.is_err());
    env.advance(CUT_OFF_SECS);
    let (_, problem, _) = send(&router, "/api/v1/slow", "k1", SECRET, "").await;
    assert!(problem.contains("cut off"), "{problem}");
    world.may_end.notify_one();
    let answer = loop {
        let answer = send(&router, "/api/v1/slow", "k1", SECRET, "").await;
        if answer.0 != 409 {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(answer, (200, r#"{"done":1}"#.to_owned(), true));
    assert_eq!(world.done.load(Ordering::SeqCst), 1);
}
