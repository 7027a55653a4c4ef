//! The metrics, for a Prometheus that has the token: what it reads is no secret, but whoever can reach the console could keep all
//! services busy with answering.

use std::io;
use std::path::{Path, PathBuf};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::app::{self, Shared};
use super::page::problem;
use super::{proof, users};
use crate::console::metrics::{self, Exposition};

/// The file with the token, beside the one with the users. Where there is none nobody is told anything.
const FILE: &str = "metrics-token";

/// Where the token is kept, in the console's folder.
pub(in crate::console) fn file_in(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// Puts a new token into the console's folder, in the place of one of before; the token.
///
/// # Errors
/// When it cannot be written, or there is no randomness.
pub(in crate::console) fn new_token(folder: &Path) -> io::Result<String> {
    let token = proof::random_token().map_err(|_| io::Error::other("the kernel has no randomness"))?;
    users::replace_for_console(&file_in(folder), |file| {
        io::Write::write_all(file, format!("{token}\n").as_bytes())
    })?;
    Ok(token)
}

pub(super) async fn show(State(app): State<Shared>, headers: HeaderMap) -> Response {
    let kept = std::fs::read_to_string(app.users.path().with_file_name(FILE)).unwrap_or_default();
    let kept = kept.trim_end();
    if kept.is_empty() {
        return app::nothing().await;
    }
    if !bearer(&headers).is_some_and(|token| is_same(token, kept)) {
        let refused = problem(
            StatusCode::UNAUTHORIZED,
            "Not without the token",
            "This is for Prometheus (docs/METRICS.md).",
        );
        return ([(header::WWW_AUTHENTICATE, "Bearer")], refused).into_response();
    }
    let accepted =
        headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    let wants_openmetrics =
        accepted.split(',').any(|kind| kind.trim().starts_with("application/openmetrics-text"));
    let form = if wants_openmetrics { Exposition::OpenMetrics } else { Exposition::Text };
    match metrics::scrape(&app.stack, form).await {
        Ok(text) => ([(header::CONTENT_TYPE, form.content_type())], text).into_response(),
        Err(error) => problem(StatusCode::SERVICE_UNAVAILABLE, "No metrics", &error.to_string()),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then_some(token.trim())
}

/// In the same time wherever they differ.
fn is_same(token: &str, kept: &str) -> bool {
    let differ = token.bytes().zip(kept.bytes()).fold(0, |differ, (one, other)| differ | (one ^ other));
    token.len() == kept.len() && differ == 0
}
