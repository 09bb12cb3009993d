//! Health for whoever supervises the process: `/livez` says that it runs, `/readyz` that it can do its work.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use keymuster_core::codes;
use tokio::sync::Mutex;

use crate::Problem;

/// Routes `GET /livez` and `GET /readyz`; `check` may block, and its error is shown to the caller.
///
/// One check runs at a time, so that probes of a database that hangs wait in line instead of taking a thread each.
pub fn router<S, F>(check: F) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    F: Fn() -> Result<(), String> + Send + Sync + 'static,
{
    let check = Arc::new(check);
    let turn = Arc::new(Mutex::new(()));
    Router::new()
        .route("/livez", get(async || "ok"))
        .route("/readyz", get(move || readiness(Arc::clone(&check), Arc::clone(&turn))))
}

async fn readiness<F>(check: Arc<F>, turn: Arc<Mutex<()>>) -> Result<&'static str, Problem>
where
    F: Fn() -> Result<(), String> + Send + Sync + 'static,
{
    // The turn moves into the check, which goes on running when the caller has gone away.
    let turn = turn.lock_owned().await;
    let checked = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        check()
    });
    match checked.await {
        Ok(Ok(())) => Ok("ok"),
        Ok(Err(reason)) => Err(not_ready(reason)),
        Err(error) => {
            tracing::error!(%error, "the readiness check panicked");
            Err(not_ready("the check itself failed; the log says why".to_owned()))
        }
    }
}

fn not_ready(reason: String) -> Problem {
    Problem::new(&codes::NOT_READY, reason)
}
