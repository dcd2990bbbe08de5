//! Keeps web pages away from a host that asks nobody for a key. A page of any site can make the browser of this machine's user ask
//! 127.0.0.1; what it must not get is an answer, and what it must not do is spend the user's money. There are no CORS headers, so no
//! page reads an answer; here it is seen to that none is made either.
use access::Names;
use base::{Fault, Kind};
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use http::{Method, Request};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a request goes no further, if it does not: it calls the host by a name that is not its own, or comes from a page of another
/// origin.
pub(crate) fn refused<B>(request: &Request<B>, names: &Names, is_open: bool) -> Option<Fault> {
    let named = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let mut hosts = request.headers().get_all(HOST).iter().map(HeaderValue::as_bytes).chain(named);
    if !hosts.all(|host| names.has(host)) {
        let sentence = "this host is not called by that name";
        let hint = "Use 127.0.0.1 or localhost, or add the name to allowed_hosts";
        return Some(Fault::client(Kind::Forbidden, sentence).code("foreign_host").hint(hint));
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    // HTTP/2 names the host in the URL alone (RFC 9113, 8.3.1).
    let host = request.headers().get(HOST).map(HeaderValue::as_bytes).or(named);
    if is_open && changes && is_of_another_page(request.headers(), host) {
        let sentence = "a page of another origin may not ask this host";
        let hint = "Set a client key (auth.api_keys), and send it";
        return Some(Fault::client(Kind::Forbidden, sentence).code("foreign_origin").hint(hint));
    }
    None
}

/// Does a page of the web ask, and not one of this host's own? What is no page of the web, such as an editor's own window
/// (`vscode-webview:`), is a program that the user has installed. Source: Fetch Standard, "Origin" header; Fetch Metadata.
fn is_of_another_page(headers: &HeaderMap, host: Option<&[u8]>) -> bool {
    let Some(origin) = headers.get(ORIGIN).map(HeaderValue::as_bytes) else {
        return headers
            .get(FETCH_SITE)
            .is_some_and(|site| matches!(site.as_bytes(), b"cross-site" | b"same-site"));
    };
    let web = [&b"http://"[..], b"https://"].iter().find_map(|scheme| origin.strip_prefix(*scheme));
    match web {
        Some(from) => host.is_none_or(|host| !from.eq_ignore_ascii_case(host)),
        None => origin == b"null",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(method: &str, uri: &str, headers: &[(&str, &str)], is_open: bool) -> Option<String> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).expect("a request");
        let names = Names::new(["lip.internal"]);
        refused(&request, &names, is_open).and_then(|fault| fault.code.map(|code| code.to_string()))
    }

    #[test]
    fn foreign_names_are_refused_wherever_they_stand() {
        let foreign = Some("foreign_host".to_owned());
        for (uri, headers, wanted) in [
            ("/", &[("host", "127.0.0.1:8000")][..], None),
            ("/", &[("host", "lip.internal")], None),
            ("/", &[], None),
            ("/", &[("host", "evil.test")], foreign.clone()),
            ("/", &[("host", "localhost"), ("host", "evil.test")], foreign.clone()),
            ("http://evil.test/", &[("host", "localhost")], foreign.clone()),
            ("http://localhost/", &[("host", "evil.test")], foreign.clone()),
            ("http://localhost:8000/", &[("host", "localhost:8000")], None),
        ] {
            for method in ["GET", "POST"] {
                for is_open in [true, false] {
                    assert_eq!(code(method, uri, headers, is_open), wanted, "{method} {uri} {headers:?}");
                }
            }
        }
    }

    #[test]
    fn own_page_is_known_over_http2_too() {
        let post = |origin: &str| code("POST", "https://localhost:8000/", &[("origin", origin)], true);
        assert_eq!(post("https://localhost:8000"), None);
        assert_eq!(post("https://localhost:9000").as_deref(), Some("foreign_origin"));
    }

    #[test]
    fn pages_of_other_origins_change_nothing_on_an_open_host() {
        let host = ("host", "127.0.0.1:8000");
        for (header, wanted) in [
            (("origin", "https://evil.test"), true),
            (("origin", "http://127.0.0.1:9000"), true),
            (("origin", "null"), true),
            (("origin", "http://127.0.0.1:8000.evil.test"), true),
            (("origin", "http://127.0.0.1:8000"), false),
            (("origin", "vscode-webview://1f"), false),
            (("sec-fetch-site", "cross-site"), true),
            (("sec-fetch-site", "same-site"), true),
            (("sec-fetch-site", "same-origin"), false),
            (("sec-fetch-site", "none"), false),
            (("accept", "*/*"), false),
        ] {
            let code = |method, is_open| code(method, "/", &[host, header], is_open);
            assert_eq!(code("POST", true).as_deref(), wanted.then_some("foreign_origin"), "{header:?}");
            // With a key, the page would have to know it; and what changes nothing may be shown, as a link from elsewhere asks for.
            assert_eq!((code("POST", false), code("GET", true)), (None, None), "{header:?}");
        }
    }
}
