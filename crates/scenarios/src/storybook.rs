//! Every page of a program's console in every state, with sample values, served as the program would serve it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use keymuster_service::console::guard::HEADERS;
use tempfile::TempDir;

use crate::programs;

/// A storybook that is served for as long as this lives.
#[derive(Debug)]
pub struct Storybook {
    /// The address of each page, by its name: `audit-typical`.
    pub pages: Vec<(String, String)>,
    directory: TempDir,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Storybook {
    /// Has a program write its storybook, and serves it on a free port.
    pub fn open(program: &str) -> anyhow::Result<Storybook> {
        let directory = tempfile::tempdir()?;
        let mut command = programs::command(program)?;
        let output = command.args(["storybook", "--out"]).arg(directory.path()).output()?;
        ensure!(output.status.success(), "{program} storybook: {}", String::from_utf8_lossy(&output.stderr));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
        let base = format!("http://{}", listener.local_addr()?);
        let routes = Router::new().fallback(file).with_state(directory.path().to_owned());
        runtime.spawn(async { axum::serve(listener, routes).await });
        let mut pages = Vec::new();
        for entry in std::fs::read_dir(directory.path())? {
            let name = entry?.file_name().into_string().ok().context("a page has a name in UTF-8")?;
            if let Some(page) = name.strip_suffix(".html") {
                pages.push((page.to_owned(), format!("{base}/{name}")));
            }
        }
        pages.sort();
        ensure!(!pages.is_empty(), "{program} has written no page");
        Ok(Storybook { pages, directory, runtime: Some(runtime) })
    }

    /// How many bytes a page has.
    pub fn size(&self, page: &str) -> anyhow::Result<u64> {
        Ok(std::fs::metadata(self.directory.path().join(format!("{page}.html")))?.len())
    }
}

impl Drop for Storybook {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn file(State(directory): State<PathBuf>, uri: Uri) -> Response {
    let kind = match Path::new(uri.path()).extension().and_then(|extension| extension.to_str()) {
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("svg") => "image/svg+xml",
        _ => "text/html; charset=utf-8",
    };
    let Ok(bytes) = std::fs::read(directory.join(uri.path().trim_start_matches('/'))) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = ([(header::CONTENT_TYPE, kind)], bytes).into_response();
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
