//! The files of the dashboard: embedded as they are written, packed once, and sent again only when they have changed.
use super::packed;
use crate::diagnostics::admit_keyless;
use crate::{intake, respond};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use engine::Dialect;
use flate2::{Compression, Crc};
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, HeaderName,
    HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Request, Response, StatusCode};
use std::sync::OnceLock;

/// Only what this host serves: no page may frame it, no script stands in it.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_FRAME_OPTIONS, "DENY"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    // They change with the host: a browser asks, and hears that it has them.
    (CACHE_CONTROL, "no-cache"),
    (VARY, "accept-encoding"),
];

/// One script, from files that each have one page.
const SCRIPT: &str = concat!(
    include_str!("web/base.js"),
    include_str!("web/live.js"),
    include_str!("web/turn.js"),
    include_str!("web/plot.js"),
    include_str!("web/usage.js"),
    include_str!("web/host.js"),
    include_str!("web/route.js"),
    include_str!("web/shell.js"),
);

static PAGE: File = File::new("text/html; charset=utf-8", include_str!("web/index.html"));
static APP: File = File::new("text/javascript; charset=utf-8", SCRIPT);
static STYLE: File = File::new("text/css; charset=utf-8", include_str!("web/style.css"));
static ICON: File = File::new("image/svg+xml", include_str!("web/icon.svg"));

/// A file, and what it is sent as.
struct File {
    media: &'static str,
    text: &'static str,
    ready: OnceLock<Ready>,
}

/// A file as it is sent.
struct Ready {
    /// Weak, for it names the text and not its packing. Source: RFC 9110, 8.8.1.
    tag: HeaderValue,
    packed: Option<Bytes>,
}

pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let served = |file: &'static File| get(move |request| file.served(request));
    Router::new()
        .route(super::PATH, served(&PAGE))
        .route("/ui/app.js", served(&APP))
        .route("/ui/style.css", served(&STYLE))
        .route("/ui/icon.svg", served(&ICON))
}

impl File {
    const fn new(media: &'static str, text: &'static str) -> Self {
        Self { media, text, ready: OnceLock::new() }
    }

    fn ready(&self) -> &Ready {
        self.ready.get_or_init(|| {
            let mut sum = Crc::new();
            sum.update(self.text.as_bytes());
            let tag = format!("W/\"{:08x}-{:x}\"", sum.sum(), self.text.len());
            Ready {
                tag: HeaderValue::from_str(&tag).unwrap_or_else(|_| HeaderValue::from_static("W/\"0\"")),
                packed: packed::gzip(self.text.as_bytes(), Compression::best()).map(Bytes::from),
            }
        })
    }

    async fn served(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        intake::drain(body).await;
        match admit_keyless(&parts) {
            Ok(()) => self.answer(&parts.headers),
            Err(fault) => respond::error(Dialect::OpenAiChat, &fault),
        }
    }

    fn answer(&self, asked: &HeaderMap) -> Response<Body> {
        let Ready { tag, packed } = self.ready();
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.extend(HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
        headers.insert(ETAG, tag.clone());
        if is_known(asked, tag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media));
        match packed.as_ref().filter(|_| packed::is_wanted(asked)) {
            Some(packed) => {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                *response.body_mut() = Body::from(packed.clone());
            }
            None => *response.body_mut() = Body::from(self.text),
        }
        response
    }
}

/// Does the client have what this tag names? Source: RFC 9110, 13.1.2.
fn is_known(asked: &HeaderMap, tag: &HeaderValue) -> bool {
    let values = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let own = tag.to_str().map(bare).unwrap_or_default();
    values.flat_map(|value| value.split(',')).any(|value| bare(value) == own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_costs_nothing() {
        for file in [&PAGE, &APP, &STYLE, &ICON] {
            let first = file.answer(&HeaderMap::new());
            assert_eq!(first.status(), 200);
            let tag = first.headers()[ETAG].clone();
            let same = HeaderMap::from_iter([(IF_NONE_MATCH, tag.clone())]);
            assert_eq!(file.answer(&same).status(), 304);
            let listed = format!("\"other\", {}", tag.to_str().expect("text"));
            let listed = HeaderValue::from_str(&listed).expect("a value");
            assert_eq!(file.answer(&HeaderMap::from_iter([(IF_NONE_MATCH, listed)])).status(), 304);
            let other = HeaderValue::from_static("W/\"other\"");
            assert_eq!(file.answer(&HeaderMap::from_iter([(IF_NONE_MATCH, other)])).status(), 200);
        }
    }
}
