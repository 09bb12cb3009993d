//! A host's numbers for Prometheus, at `/metrics`: those of the console, read at the moment of the scrape.

mod catalogue;
mod read;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use keymuster_service::Problem;
use keymuster_service::console::Api;
use keymuster_service::console::permission::Look;
use keymuster_service::metrics::{MEDIA_TYPE, exposition};

use crate::administration::Administration;
use read::Live;

/// The text of `docs/reference/metrics.md`.
pub fn reference_markdown() -> String {
    keymuster_service::metrics::reference_markdown(catalogue::HEAD, catalogue::ALL, catalogue::LABELS)
}

/// All numbers as they are now, for whoever has a token that may look.
pub async fn show(api: Api<Look>, State(app): State<Administration>) -> Result<Response, Problem> {
    let live = Live::of(&app).await;
    let (data_dir, now) = (app.data_dir.clone(), api.at());
    let read = app.console.pool().read(move |tx| Ok::<_, Problem>(read::read(tx, &data_dir, &live, now)?));
    let text = exposition(catalogue::ALL, read.await?, Some(app.engine.commits().clone()));
    Ok(([(CONTENT_TYPE, MEDIA_TYPE)], text).into_response())
}
