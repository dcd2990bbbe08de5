//! A list of hosts that may be reached.
use crate::{
    read::{Raw, Reader, quote},
    row::{Kind, Shape},
    texts::Texts,
};

/// Hosts as egress lists name them: `host`, `host:port`, `*.domain`. In lower case.
pub(crate) struct Hosts;

impl Kind for Hosts {
    type Value = Vec<String>;
    type Out<'a> = &'a [String];
    const SHAPE: Shape = Shape::TextList;

    fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<Vec<String>> {
        let hosts: Vec<String> =
            Texts::read(raw, reader)?.iter().map(|host| host.to_ascii_lowercase()).collect();
        match hosts.iter().find(|host| !is_host(host)) {
            Some(bad) => {
                let hint =
                    "write host, host:port or *.domain, without scheme and path; other scripts as xn--…";
                reader.refuse(raw, &format!("{} is no host", quote(bad)), Some(hint.to_owned()))
            }
            None => Some(hosts),
        }
    }

    fn get(value: &Vec<String>) -> &[String] {
        value
    }

    fn show(value: &Vec<String>) -> Option<String> {
        Texts::show(value)
    }
}

fn is_host(text: &str) -> bool {
    let is_name = |name: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        !name.is_empty() && name.bytes().all(plain) && !name.starts_with('.') && !name.ends_with('.')
    };
    if let Some(domain) = text.strip_prefix("*.") {
        return is_name(domain);
    }
    // An IPv6 address stands in brackets.
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => {
            let port = rest.strip_prefix(':').or(rest.is_empty().then_some("1"));
            return address.parse::<core::net::Ipv6Addr>().is_ok() && port.is_some_and(is_port);
        }
        None => text.split_once(':').unwrap_or((text, "1")),
    };
    is_name(host) && is_port(port)
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0) && !text.starts_with('+')
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn hosts_are_told_from_urls() {
        for good in ["a.example", "localhost", "127.0.0.1:8080", "*.acme.test", "[::1]", "[::1]:80", "a:1"] {
            assert!(is_host(good), "{good}");
        }
        for bad in [
            "",
            "*",
            "*.",
            "*.*.x",
            "http://a",
            "a/b",
            "a:",
            "a:0",
            "a:+1",
            "a:65536",
            "u@a",
            ".a",
            "a.",
            "::1",
            "[a]",
            "[::1]x",
            "bücher.example",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
    }
}
