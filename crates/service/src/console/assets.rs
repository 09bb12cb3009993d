//! The stylesheet, the script and the icon: three files that are part of the program.

use axum::http::header;
use axum::response::IntoResponse;

use super::routes::Routes;

/// The path of the stylesheet.
pub const STYLE: &str = concat!("/assets/console.css?v=", env!("CARGO_PKG_VERSION"));
/// The path of the script.
pub const SCRIPT: &str = concat!("/assets/console.js?v=", env!("CARGO_PKG_VERSION"));

/// Path, media type and text of each.
static ASSETS: [(&str, &str, &str); 3] = [
    ("/assets/console.css", "text/css; charset=utf-8", include_str!("../../assets/console.css")),
    ("/assets/console.js", "text/javascript; charset=utf-8", include_str!("../../assets/console.js")),
    ("/assets/icon.svg", "image/svg+xml", include_str!("../../assets/icon.svg")),
];

/// Where they are.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Routes<S> {
    ASSETS.iter().fold(Routes::new(), |routes, (path, kind, text)| routes.get(path, move || asset(kind, text)))
}

/// Path and text of each, for pages that are looked at without a server.
pub fn files() -> Vec<(String, String)> {
    ASSETS.iter().map(|(path, _, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

/// Browsers keep them for an hour; another version has another address.
async fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "private, max-age=3600")], text)
}
