//! The one thing that the dashboard may do: give a backend another chance. Diagnostics refuse every web page; this door is for the host's
//! own page alone, which can show what no page of another origin can.
use crate::app::{App, Shared};
use crate::diagnostics::{admit_own_page, answered, reactivated};
use crate::intake;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::post;
use base::{Fault, Kind};
use http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, ORIGIN};
use http::request::Parts;
use http::{Request, Response};
use std::net::IpAddr;

/// A header that a page of another origin may send only after asking, and this host never says yes. Source: Fetch Standard,
/// "CORS-preflight request".
const MARK: HeaderName = HeaderName::from_static("x-lip-dashboard");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/ui/act/backends/{name}/reactivate", post(reactivate))
}

async fn reactivate(
    State(app): State<Shared>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    answered(admit(&app, &parts).and_then(|()| reactivated(&app, &name)))
}

fn admit(app: &App, parts: &Parts) -> Result<(), Fault> {
    if let Err(why) = is_of_own_page(&parts.headers) {
        let fault =
            Fault::client(Kind::Forbidden, format!("only this host's own dashboard may ask that: {why}"));
        return Err(fault
            .code("foreign_origin")
            .hint("Open /ui by 127.0.0.1 or localhost, or use lip or curl with /v1/diagnostics"));
    }
    admit_own_page(app, parts)
}

/// Is it sent by a page that this host served under a name of this machine's own? What is missing, doubled or unreadable is a no.
///
/// # Errors
/// What is not as that page sends it.
fn is_of_own_page(headers: &HeaderMap) -> Result<(), &'static str> {
    let host =
        only(headers, &HOST).filter(|host| is_this_machine(host)).ok_or("its name is not this machine's")?;
    let origin = only(headers, &ORIGIN).ok_or("it names no origin")?;
    let from = ["http://", "https://"].iter().find_map(|scheme| origin.strip_prefix(*scheme));
    if from != Some(host) {
        return Err("it comes from another origin");
    }
    // Every browser of today sends it, and no page can (Fetch Metadata, "Sec-Fetch-Site").
    if only(headers, &FETCH_SITE) != Some("same-origin") {
        return Err("it comes from another site");
    }
    if only(headers, &MARK) != Some("1") {
        return Err("it lacks the dashboard's mark");
    }
    // What forms send needs no leave of anybody (Fetch Standard, "CORS-safelisted request-header").
    if only(headers, &CONTENT_TYPE) != Some("application/json") {
        return Err("it is not JSON");
    }
    Ok(())
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// `localhost` or a loopback address, with or without a port: a name that nobody else can make lead here.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const GOOD: [(&str, &str); 5] = [
        ("host", "127.0.0.1:8000"),
        ("origin", "http://127.0.0.1:8000"),
        ("sec-fetch-site", "same-origin"),
        ("x-lip-dashboard", "1"),
        ("content-type", "application/json"),
    ];

    fn headers(all: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        headers
    }

    #[test]
    fn own_page_is_let_in_and_nothing_less() {
        assert_eq!(is_of_own_page(&headers(&GOOD)), Ok(()));
        for one in GOOD {
            let fewer: Vec<_> = GOOD.into_iter().filter(|own| *own != one).collect();
            assert!(is_of_own_page(&headers(&fewer)).is_err(), "without {}", one.0);
            let doubled = [&GOOD[..], &[one]].concat();
            assert!(is_of_own_page(&headers(&doubled)).is_err(), "{} twice", one.0);
        }
        for (name, value) in [
            ("host", "evil.test"),
            ("host", "127.0.0.1:9000"),
            ("origin", "http://127.0.0.1:9000"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1:8000.evil.test"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "none"),
            ("x-lip-dashboard", "0"),
            ("content-type", "text/plain"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("content-type", "application/json; text/plain"),
        ] {
            let mut changed = GOOD;
            changed.iter_mut().filter(|(own, _)| *own == name).for_each(|pair| pair.1 = value);
            assert!(is_of_own_page(&headers(&changed)).is_err(), "{name}: {value}");
        }
        // A page whose name somebody has made lead to this machine.
        let rebound =
            [("host", "evil.test:8000"), ("origin", "http://evil.test:8000"), GOOD[2], GOOD[3], GOOD[4]];
        assert!(is_of_own_page(&headers(&rebound)).is_err());
    }

    #[test]
    fn names_of_this_machine_are_known() {
        for own in ["localhost", "LOCALHOST:1", "127.0.0.1", "127.9.9.9:80", "[::1]", "[::1]:8000"] {
            assert!(is_this_machine(own), "{own}");
        }
        for other in [
            "",
            "evil.test",
            "localhost.evil.test",
            "127.0.0.1.nip.io",
            "10.0.0.1:80",
            "0.0.0.0",
            "[::]:80",
            "[::1",
        ] {
            assert_eq!(is_this_machine(other), other == "[::1", "{other}");
        }
    }
}
