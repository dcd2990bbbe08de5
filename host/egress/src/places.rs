//! Which addresses may be asked. A host that several people use must not be made to ask what only its own network can reach: the
//! cloud's metadata, a database, itself. What a name leads to is looked at after it was resolved, and that address is the one that is
//! asked.
use http::Uri;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_service::Service;

/// The addresses that may be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Places {
    /// All.
    #[default]
    Any,
    /// Those of the public internet, and these: `host`, `host:port`, or `*.domain`.
    PublicAnd(Arc<[String]>),
}

/// An address that may not be asked.
#[derive(Debug)]
pub(crate) struct NotPublic {
    host: String,
    ip: IpAddr,
}

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, ip } = self;
        let leads = if *host == ip.to_string() { String::new() } else { format!(" leads to {ip}, which") };
        write!(f, "{host}{leads} is not of the public internet, and is not asked in multi-user mode")
    }
}

impl Error for NotPublic {}

impl Places {
    /// May whatever `url` leads to be asked, without a look at it?
    pub(crate) fn are_open_for(&self, url: &Uri) -> bool {
        let Self::PublicAnd(listed) = self else { return true };
        let host = url.host().unwrap_or_default().to_ascii_lowercase();
        let port = url.port_u16().unwrap_or(if url.scheme_str() == Some("https") { 443 } else { 80 });
        listed.iter().any(|own| match own.strip_prefix('*') {
            Some(end) => host.len() > end.len() && host.ends_with(end),
            None => *own == host || *own == format!("{host}:{port}"),
        })
    }

    /// Is the address public that `url` names by its number?
    ///
    /// # Errors
    /// It is not.
    pub(crate) fn look_at(url: &Uri) -> Result<(), NotPublic> {
        let host = url.host().unwrap_or_default();
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        match bare.parse::<IpAddr>() {
            Ok(ip) => public(bare, ip),
            // Looked at once it is resolved.
            Err(_) => Ok(()),
        }
    }

    /// Why the host of a base URL will not be asked, if its name alone tells that.
    pub fn refused(&self, url: &Uri) -> Option<String> {
        if self.are_open_for(url) {
            return None;
        }
        let host = url.host().unwrap_or_default().to_ascii_lowercase();
        let is_own = host == "localhost" || host.ends_with(".localhost");
        let own = || public(&host, IpAddr::from([127, 0, 0, 1])).err();
        let why = if is_own { own() } else { Self::look_at(url).err() };
        why.map(|why| why.to_string())
    }
}

fn public(host: &str, ip: IpAddr) -> Result<(), NotPublic> {
    if access::is_public(ip) { Ok(()) } else { Err(NotPublic { host: host.to_owned(), ip }) }
}

/// Resolves names to public addresses only.
#[derive(Clone, Debug)]
pub(crate) struct Resolver(GaiResolver);

impl Default for Resolver {
    fn default() -> Self {
        Self(GaiResolver::new())
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolving = self.0.call(name.clone());
        Box::pin(async move {
            let found: Vec<SocketAddr> = resolving.await?.collect();
            let looked: Vec<_> = found.iter().map(|at| public(name.as_str(), at.ip())).collect();
            let (good, bad): (Vec<_>, Vec<_>) =
                found.into_iter().zip(looked).partition(|(_, look)| look.is_ok());
            let refused = bad.into_iter().find_map(|(_, look)| look.err());
            match refused {
                Some(refused) if good.is_empty() => Err(refused.into()),
                _ => Ok(good.into_iter().map(|(at, _)| at).collect::<Vec<_>>().into_iter()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(listed: &[&str]) -> Places {
        Places::PublicAnd(listed.iter().map(|place| (*place).to_owned()).collect())
    }

    #[test]
    fn own_network_is_asked_only_where_it_is_listed() {
        let listed = places(&["localhost:11434", "10.1.2.3", "*.internal.test", "[::1]:9"]);
        for (url, refused) in [
            ("http://localhost:11434/api", false),
            ("http://LOCALHOST:11434/api", false),
            ("http://localhost:11435/api", true),
            ("http://api.localhost/", true),
            ("http://127.0.0.1:11434/", true),
            ("http://10.1.2.3:99/", false),
            ("http://10.1.2.4/", true),
            ("http://169.254.169.254/latest/meta-data", true),
            ("http://[::1]:9/", false),
            ("http://[::1]:10/", true),
            ("http://[::ffff:169.254.169.254]/", true),
            ("http://llm.internal.test/", false),
            ("https://api.example.com/", false),
            ("https://8.8.8.8/", false),
        ] {
            let url: Uri = url.parse().expect("a URL");
            assert_eq!(listed.refused(&url).is_some(), refused, "{url}");
            assert_eq!(Places::Any.refused(&url), None, "{url}");
        }
    }

    #[tokio::test]
    async fn names_are_looked_at_after_they_were_resolved() {
        let mut resolver = Resolver::default();
        for name in ["localhost", "2130706433", "127.1", "0x7f.1"] {
            let name: Name = name.parse().expect("a name");
            // Some systems know fewer spellings of an address: then there is none.
            if let Ok(found) = resolver.call(name.clone()).await {
                panic!("{name} led to {:?}", found.collect::<Vec<_>>());
            }
        }
        let refused = resolver.call("localhost".parse().expect("a name")).await.expect_err("refused");
        assert!(refused.to_string().contains("not of the public internet"), "{refused}");
    }
}
