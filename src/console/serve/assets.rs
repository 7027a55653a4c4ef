//! The script and the style of the pages, which come from this program.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::page::problem;

/// Each by its name, with its kind.
const ASSETS: [(&str, &str, &str); 3] = [
    ("console.css", "text/css; charset=utf-8", include_str!("pages/console.css")),
    ("console.js", "text/javascript; charset=utf-8", include_str!("pages/console.js")),
    ("icon.svg", "image/svg+xml", include_str!("pages/icon.svg")),
];

/// The one of this name.
pub(super) async fn show(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(own, _, _)| *own == name) {
        // Asked for again each time, so that a new program's pages have a new program's style.
        Some((_, kind, text)) => {
            ([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "no-cache")], *text).into_response()
        }
        None => problem(StatusCode::NOT_FOUND, "Nothing here", "There is no such page."),
    }
}
