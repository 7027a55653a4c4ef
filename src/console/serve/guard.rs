//! What holds for every question and every answer: who may be asked under which name, where a form may come from, what a page
//! may load, and that nothing is kept.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::app::Shared;
use super::page::problem;

/// What a page may load: of this server, and nothing within itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// For a year the browser asks for nothing but TLS.
const STRICT: &str = "max-age=31536000";
/// The names that always lead here: those of the machine on which somebody sits, or of his end of a tunnel.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Lets through what may be asked, and says the same of every answer.
pub(super) async fn guard(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let (name, is_tls) = (app.name.as_deref(), app.is_tls);
    let is_named = is_tls && name.is_some_and(|name| bare_host(request.headers()).eq_ignore_ascii_case(name));
    let mut response = match check(request.method(), request.headers(), name, is_tls) {
        Ok(()) => next.run(request).await,
        Err((status, why)) => problem(status, "Not from here", why),
    };
    let headers = response.headers_mut();
    let set = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // A form says whence it comes, which `no-referrer` would keep from us too.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    headers.extend(set.map(|(name, value)| (name, HeaderValue::from_static(value))));
    // Of the name alone: what is said of localhost would be said of all that listens there.
    if is_named {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(STRICT));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn check(
    method: &Method,
    headers: &HeaderMap,
    name: Option<&str>,
    is_tls: bool,
) -> Result<(), (StatusCode, &'static str)> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok()).unwrap_or_default();
    if hosts.next().is_some() || !is_ours(host, name) {
        let why = "This console is asked as localhost, or by the name it was given (--name).";
        return Err((StatusCode::MISDIRECTED_REQUEST, why));
    }
    if *method == Method::POST && !is_same_origin(headers, host, is_tls) {
        return Err((StatusCode::FORBIDDEN, "What is sent here has to come from a page of this console."));
    }
    Ok(())
}

/// A page elsewhere whose name leads here (DNS rebinding) is of another name.
fn is_ours(host: &str, name: Option<&str>) -> bool {
    LOCAL.into_iter().chain(name).any(|own| own.eq_ignore_ascii_case(without_port(host)))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => bare,
        _ => host,
    }
}

fn bare_host(headers: &HeaderMap) -> &str {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    without_port(host.unwrap_or_default())
}

/// Every browser says one of the two with a form.
fn is_same_origin(headers: &HeaderMap, host: &str, is_tls: bool) -> bool {
    let scheme = if is_tls { "https://" } else { "http://" };
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let site = text(&HeaderName::from_static("sec-fetch-site"));
    let origin = text(&header::ORIGIN);
    let of_origin = origin.map(|origin| origin.strip_prefix(scheme).is_some_and(|own| own == host));
    match (site, of_origin) {
        (None, None) => false,
        (site, of_origin) => site.is_none_or(|site| site == "same-origin") && of_origin.unwrap_or(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: &Method, headers: &[(&str, &str)], name: Option<&str>) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        check(method, &map, name, false).err().map_or(200, |(status, _)| status.as_u16())
    }

    #[test]
    fn only_names_that_are_ours_are_answered() {
        for host in ["localhost", "LOCALHOST:8090", "127.0.0.1:1", "[::1]:8090", "[::1]"] {
            assert_eq!(status(&Method::GET, &[("host", host)], None), 200, "{host}");
        }
        for host in
            ["", "evil.test", "localhost.evil.test", "evil.test:8090", "127.0.0.1.evil.test", "localhost:x"]
        {
            assert_eq!(status(&Method::GET, &[("host", host)], None), 421, "{host}");
        }
        assert_eq!(status(&Method::GET, &[], None), 421);
        assert_eq!(status(&Method::GET, &[("host", "localhost"), ("host", "evil.test")], None), 421);
        assert_eq!(status(&Method::GET, &[("host", "lamp.test:1")], Some("lamp.test")), 200);
    }

    #[test]
    fn a_form_comes_from_here_or_is_none() {
        let post = |headers: &[(&str, &str)]| {
            let host = ("host", "localhost:8090");
            status(&Method::POST, &[&[host], headers].concat(), None)
        };
        assert_eq!(post(&[("origin", "http://localhost:8090")]), 200);
        assert_eq!(post(&[("sec-fetch-site", "same-origin")]), 200);
        for headers in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "http://localhost:8091")],
            &[("origin", "https://localhost:8090")],
            &[("origin", "http://evil.test")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "cross-site"), ("origin", "http://localhost:8090")],
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
        ] {
            assert_eq!(post(headers), 403, "{headers:?}");
        }
    }
}
