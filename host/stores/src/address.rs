//! Where the shared state is. Pure: nothing is connected here.
use base::Secret;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion};

/// What a URL of shared state looks like.
pub const EXPECTED: &str = "expected redis://user:password@host:port/database, or rediss:// for TLS";

/// A server of shared state. Its `Debug` shows no password.
#[derive(Clone, Debug)]
pub struct Address {
    url: Secret<String>,
    shown: String,
}

impl Address {
    /// Reads a URL.
    ///
    /// # Errors
    /// It is none of Redis; the sentence repeats nothing of it, for it may hold a password.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let known = ["redis://", "rediss://"];
        if !known.iter().any(|scheme| url.starts_with(scheme)) {
            return Err(EXPECTED);
        }
        let info = url.into_connection_info().map_err(|_| EXPECTED)?;
        let shown = match &info.addr {
            ConnectionAddr::Tcp(host, port) => format!("redis://{host}:{port}"),
            ConnectionAddr::TcpTls { insecure: true, .. } | ConnectionAddr::Unix(_) => return Err(EXPECTED),
            ConnectionAddr::TcpTls { host, port, .. } => format!("rediss://{host}:{port}"),
        };
        Ok(Self { url: Secret::new(url.to_owned()), shown })
    }

    /// Scheme, host and port alone.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// For the client; with the third version of the protocol, in which news come over the connection of the commands.
    pub(crate) fn info(&self) -> Option<ConnectionInfo> {
        let mut info = self.url.expose().as_str().into_connection_info().ok()?;
        info.redis.protocol = ProtocolVersion::RESP3;
        Some(info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_their_password() {
        let shown = |url: &str| Address::parse(url).map(|address| address.shown().to_owned());
        assert_eq!(shown("redis://lip:s3cret@h.test:6380/2").as_deref(), Ok("redis://h.test:6380"));
        assert_eq!(shown("rediss://:s3cret@h.test").as_deref(), Ok("rediss://h.test:6379"));
        assert!(!format!("{:?}", Address::parse("redis://:s3cret@h.test")).contains("s3cret"));
        for bad in ["", "h:6379", "http://h", "redis://", "redis://h:port", "rediss://h/#insecure"] {
            assert_eq!(shown(bad), Err(EXPECTED), "{bad}");
        }
    }
}
