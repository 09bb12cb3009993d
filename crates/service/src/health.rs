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

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use http_body_util::BodyExt;
    use hyper::service::Service;
    use hyper_util::service::TowerToHyperService;

    use super::*;

    async fn get_from(path: &str, check: fn() -> Result<(), String>) -> (StatusCode, String) {
        let router: Router = router(check);
        let request = Request::get(path).body(Body::empty()).unwrap();
        let Ok(response) = TowerToHyperService::new(router).call(request).await;
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn readiness_is_what_the_check_says_and_liveness_is_not() {
        let ready = || Ok(());
        let failing = || Err("the disk is full".to_owned());
        let panicking = || panic!("on purpose");
        for (path, check, status, text) in [
            ("/livez", failing as fn() -> Result<(), String>, 200, "ok"),
            ("/readyz", ready, 200, "ok"),
            ("/readyz", failing, 503, "the disk is full"),
            ("/readyz", panicking, 503, "the check itself failed"),
        ] {
            let (got, body) = get_from(path, check).await;
            assert_eq!(got.as_u16(), status, "{path}");
            assert!(body.contains(text), "{path}: {body}");
        }
    }
}
