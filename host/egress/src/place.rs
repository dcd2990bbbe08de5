//! How an upstream is named in messages.
use http::Uri;
use http::uri::Authority;
use std::fmt;

/// An upstream: host and port, never what stands before an `@`.
#[derive(Clone, Debug)]
pub(crate) struct Place(Option<Authority>);

impl Place {
    pub(crate) fn of(url: &Uri) -> Self {
        Self(url.authority().cloned())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.0.as_ref().map_or("the upstream", Authority::as_str);
        f.write_str(authority.rsplit('@').next().unwrap_or_default())
    }
}
