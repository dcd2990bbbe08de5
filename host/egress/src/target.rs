//! Where a request goes, taken apart once for as many requests as there are.
use http::header::{HOST, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Uri};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// An upstream's URL. Cheap to clone. Shown as host and port, never with what stands before an `@`, the path or the query.
#[derive(Clone)]
pub struct Target(Arc<Parts>);

struct Parts {
    host: Host,
    url: Uri,
    path: Uri,
    /// What the `host` header says.
    name: HeaderValue,
    shown: String,
}

/// Which upstream, and how it is spoken to: requests of one host may share a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// Of all the others: an authority is hashed letter by letter.
    hash: u64,
    is_tls: bool,
    pub(crate) http1_only: bool,
    authority: Authority,
}

impl Host {
    fn new(is_tls: bool, http1_only: bool, authority: Authority) -> Self {
        let mut hasher = DefaultHasher::new();
        (is_tls, http1_only, &authority).hash(&mut hasher);
        Self { hash: hasher.finish(), is_tls, http1_only, authority }
    }
}

impl Hash for Host {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Target {
    /// The target of an absolute URL; none for another one. `http1_only`: HTTP/2 is not to be used.
    pub fn of(url: Uri, http1_only: bool) -> Option<Self> {
        let authority = url.authority()?.clone();
        let is_tls = url.scheme() == Some(&Scheme::HTTPS);
        let text = authority.as_str();
        let shown = text.rsplit('@').next().unwrap_or_default().to_owned();
        // RFC 9110, 7.2: the port is left out where it is the scheme's own.
        let default_port = if is_tls { 443 } else { 80 };
        let is_default = authority.port_u16() == Some(default_port);
        let name = HeaderValue::from_str(if is_default { authority.host() } else { &shown }).ok()?;
        let path = url.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/")).into();
        let host = Host::new(is_tls, http1_only, authority);
        Some(Self(Arc::new(Parts { host, url, path, name, shown })))
    }

    pub(crate) fn host(&self) -> &Host {
        &self.0.host
    }

    /// The whole URL as text. May hold what nobody should read: what stands before an `@`, or a key in the query.
    pub fn to_url(&self) -> String {
        self.0.url.to_string()
    }

    pub(crate) fn url(&self) -> Uri {
        self.0.url.clone()
    }

    /// Addresses a request on a connection of its own: the URL names the path alone and a header names the host. Source: RFC 9112,
    /// 3.2.1 and 3.2.
    pub(crate) fn address_line<B>(&self, request: &mut Request<B>) {
        *request.uri_mut() = self.0.path.clone();
        request.headers_mut().insert(HOST, self.0.name.clone());
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.shown)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Option<Target> {
        Target::of(url.parse().expect("a URL"), false)
    }

    #[test]
    fn parts_are_what_a_line_needs() {
        for (url, path, name) in [
            ("http://a.test", "/", "a.test"),
            ("http://a.test:80/x?y=z", "/x?y=z", "a.test"),
            ("https://a.test:80/", "/", "a.test:80"),
            ("https://me:secret@a.test:443/", "/", "a.test"),
            ("https://me:secret@a.test:8443/", "/", "a.test:8443"),
            ("http://[::1]:8080/", "/", "[::1]:8080"),
        ] {
            let target = target(url).expect(url);
            let mut request = Request::new(());
            target.address_line(&mut request);
            let asked = request.uri().to_string();
            assert_eq!(
                (asked.as_str(), request.headers()["host"].to_str().ok()),
                (path, Some(name)),
                "{url}"
            );
            assert!(!format!("{target} {target:?}").contains("secret"), "{target}");
        }
        assert!(target("/relative").is_none());
    }

    #[test]
    fn hosts_that_differ_share_no_connection() {
        let all = ["http://a.test/x", "https://a.test/x", "http://b.test/x", "http://a.test:81/x"];
        let all: Vec<Target> = all.into_iter().filter_map(target).collect();
        for (n, one) in all.iter().enumerate() {
            assert!(all[n + 1..].iter().all(|other| other.host() != one.host()), "{one}");
        }
        assert_eq!(all[0].host(), target("http://a.test/y?z").expect("a target").host());
    }
}
