//! By which names a host on loopback may be called. A web page can make a name of its own lead to 127.0.0.1 ("DNS rebinding") and
//! then ask this host as if it were the page's own server; but the browser still says the page's name in `Host`.
use core::net::{IpAddr, Ipv6Addr};

/// The names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    further: Vec<String>,
    is_any: bool,
}

impl Names {
    /// Addresses, `localhost`, what ends in `.localhost`, and these names; `*.x` stands for all that end in `.x`, and `*` for any.
    pub fn new(further: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let bare = |name: &str| name.trim().trim_end_matches('.').to_ascii_lowercase();
        let further: Vec<String> = further.into_iter().map(|name| bare(name.as_ref())).collect();
        Self { is_any: further.iter().any(|name| name == "*"), further }
    }

    /// Any name.
    pub const fn any() -> Self {
        Self { further: Vec::new(), is_any: true }
    }

    /// May the host be called so? `host` is the value of a `Host` header, with or without a port.
    pub fn has(&self, host: &[u8]) -> bool {
        // Nearly all that ever come.
        if self.is_any || is_followed_by_port(host, b"127.0.0.1") || is_followed_by_port(host, b"localhost") {
            return true;
        }
        let Ok(host) = std::str::from_utf8(host) else { return false };
        let Some(name) = without_port(host) else { return false };
        match name.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok()),
            // What a browser asks by its number, no page's name led to.
            None => name.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4()) || self.has_name(name),
        }
    }

    fn has_name(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        // RFC 6761, 6.3: names below `localhost` lead to loopback, whoever asks.
        let is_ours =
            name == "localhost" || name.strip_suffix(".localhost").is_some_and(|rest| !rest.is_empty());
        is_ours
            || self.further.iter().any(|own| match own.strip_prefix('*') {
                Some(end) => end.starts_with('.') && name.len() > end.len() && name.ends_with(end),
                None => *own == name,
            })
    }
}

fn is_followed_by_port(host: &[u8], name: &[u8]) -> bool {
    match host.strip_prefix(name) {
        Some([]) => true,
        Some([b':', port @ ..]) => !port.is_empty() && port.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// RFC 9110, 7.2: `Host = uri-host [ ":" port ]`.
fn without_port(host: &str) -> Option<&str> {
    let end = if host.starts_with('[') { host.find(']')? + 1 } else { host.find(':').unwrap_or(host.len()) };
    let (name, port) = host.split_at_checked(end)?;
    let is_port = port.is_empty()
        || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()));
    is_port.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_are_known_and_a_page_s_name_is_not() {
        let names = Names::new(["lip.internal", "*.Team.test."]);
        for ours in [
            "127.0.0.1",
            "127.0.0.1:8000",
            "127.9.9.9",
            "localhost",
            "localhost:80",
            "LocalHost:1",
            "localhost.",
            "lip.localhost:8000",
            "[::1]",
            "[::1]:8000",
            "192.168.1.7:8000",
            "lip.internal",
            "LIP.internal:8000",
            "a.team.test",
            "a.b.team.test.:1",
            "localhost:",
        ] {
            assert!(names.has(ours.as_bytes()), "{ours}");
        }
        for foreign in [
            "",
            ":80",
            "evil.test",
            "evil.test:8000",
            "127.0.0.1.evil.test",
            "localhost.evil.test",
            "localhostx",
            "localhost:80:80",
            "localhost:evil.test",
            "127.0.0.1:x",
            ".localhost",
            "[::1].evil.test",
            "[evil]",
            "[::1",
            "::1",
            "team.test",
            "xteam.test",
            "lip.internal.evil.test",
            "localhost/",
            "a@localhost",
            "localhost\0",
            "127.0.0.1, evil.test",
            "0x7f.1",
            "2130706433",
            "localhost evil",
        ] {
            assert!(!names.has(foreign.as_bytes()), "{foreign}");
        }
        assert!(!names.has(b"\xff"));
        assert!(Names::any().has(b"evil.test") && Names::new(["*"]).has(b"evil.test"));
    }
}
