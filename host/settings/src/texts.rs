//! Texts, hosts, URLs, prefixes, paths and lists of them; and `Opt`, for what may be left unset.
use std::path::{Path, PathBuf};

use crate::{
    read::{Raw, Reader},
    row::{Kind, Shape},
    tree::Value,
};

/// A setting that may be left unset.
pub(crate) struct Opt<K>(std::marker::PhantomData<K>);

impl<K: Kind> Kind for Opt<K> {
    type Value = Option<K::Value>;
    type Out<'a> = Option<K::Out<'a>>;
    const SHAPE: Shape = K::SHAPE;

    fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<Self::Value> {
        K::read(raw, reader).map(Some)
    }

    fn get(value: &Self::Value) -> Self::Out<'_> {
        value.as_ref().map(K::get)
    }

    fn show(value: &Self::Value) -> Option<String> {
        value.as_ref().and_then(K::show)
    }
}

/// A text kind: a check that gives the stored form or says what was expected.
macro_rules! text_kind {
    ($(#[doc = $doc:literal])+ $Name:ident, $shape:expr, $check:expr, $show:expr) => {
        $(#[doc = $doc])+
        pub(crate) struct $Name;

        impl Kind for $Name {
            type Value = String;
            type Out<'a> = &'a str;
            const SHAPE: Shape = $shape;

            fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<String> {
                let check: fn(&str) -> Result<String, &'static str> = $check;
                let checked = raw.text().map_or(Err("a text"), check);
                checked.map_or_else(|expected| reader.mismatch(raw, expected), Some)
            }

            fn get(value: &String) -> &str {
                value
            }

            fn show(value: &String) -> Option<String> {
                let show: fn(&str) -> String = $show;
                Some(show(value))
            }
        }
    };
}

text_kind! {
    /// Any text with something in it.
    Text, Shape::Text, plain, str::to_owned
}
text_kind! {
    /// The address to listen on: a host name or an IP address, without scheme and port.
    Host, Shape::Text, host, str::to_owned
}
text_kind! {
    /// An IP address and a port.
    Address, Shape::Text, address, str::to_owned
}
text_kind! {
    /// An http or https URL. What may hide a secret in it is not shown.
    Url, Shape::Url, url, masked_url
}
text_kind! {
    /// What begins an in-chat command.
    Prefix, Shape::Text, prefix, str::to_owned
}

text_kind! {
    /// Where a database is: a path, or a URL that may hold a password, which is not shown.
    Database, Shape::Text, plain, masked_database
}

text_kind! {
    /// Where shared state is: a URL that may hold a password, which is not shown.
    State, Shape::State, state, masked_url
}

fn state(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let rest = ["redis://", "rediss://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    // A password may hold `@`, but what ends a host only as its percent code.
    let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let server = authority.rsplit_once('@').map_or(authority, |(_, server)| server);
    let (host, port) = match server.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
        Some((host, port)) => (host, port.parse::<u16>().is_ok()),
        None => (server, true),
    };
    let ok = port && self::host(host).is_ok() && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    if ok {
        Ok(text.to_owned())
    } else {
        Err("redis://user:password@host:port/database, or rediss:// for TLS")
    }
}

fn masked_database(place: &str) -> String {
    base::without_login(place)
        .map_or_else(|| place.to_owned(), |(scheme, place)| format!("{scheme}://{place}"))
}

fn plain(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let ok = !text.is_empty() && !text.chars().any(char::is_control);
    if ok { Ok(text.to_owned()) } else { Err("a text of one line that is not empty") }
}

fn host(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let is_name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
    };
    if bare.parse::<core::net::IpAddr>().is_ok() || is_name(bare) {
        Ok(bare.to_owned())
    } else {
        Err("an IP address or a host name, without scheme and port")
    }
}

fn address(text: &str) -> Result<String, &'static str> {
    let address: Result<core::net::SocketAddr, _> = text.trim().parse();
    address.map(|address| address.to_string()).map_err(|_| "an IP address and a port, such as 127.0.0.1:9090")
}

fn url(text: &str) -> Result<String, &'static str> {
    let text = text.trim().trim_end_matches('/');
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let ok = !authority.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if ok { Ok(text.to_owned()) } else { Err("a URL that begins with http:// or https://") }
}

fn masked_url(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (before_query, query) = rest.split_once('?').map_or((rest, ""), |(path, _)| (path, "?***"));
    let authority_bytes = before_query.find('/').unwrap_or(before_query.len());
    let (authority, path) = before_query.split_at(authority_bytes);
    let authority =
        authority.rsplit_once('@').map_or(authority.to_owned(), |(_, host)| format!("***@{host}"));
    format!("{scheme}://{authority}{path}{query}")
}

fn prefix(text: &str) -> Result<String, &'static str> {
    let mut chars = text.chars();
    let twice = text.len() == 2 && chars.next() == chars.next();
    let ok = (2..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) && !twice;
    if ok {
        Ok(text.to_owned())
    } else {
        Err("2 to 10 printable ASCII characters without blanks, not one character twice")
    }
}

/// One path.
pub(crate) struct OnePath;

impl Kind for OnePath {
    type Value = PathBuf;
    type Out<'a> = &'a Path;
    const SHAPE: Shape = Shape::Path;

    fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<PathBuf> {
        Text::read(raw, reader).map(PathBuf::from)
    }

    fn get(value: &PathBuf) -> &Path {
        value
    }

    fn show(value: &PathBuf) -> Option<String> {
        Some(value.display().to_string())
    }
}

/// One path or several; a variable separates them like `PATH` does.
pub(crate) struct Paths;

impl Kind for Paths {
    type Value = Vec<PathBuf>;
    type Out<'a> = &'a [PathBuf];
    const SHAPE: Shape = Shape::PathList;

    fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<Vec<PathBuf>> {
        let separator = if cfg!(windows) { ';' } else { ':' };
        texts(raw, reader, Some(separator), None).map(|texts| texts.into_iter().map(PathBuf::from).collect())
    }

    fn get(value: &Vec<PathBuf>) -> &[PathBuf] {
        value
    }

    fn show(value: &Vec<PathBuf>) -> Option<String> {
        let shown: Vec<_> = value.iter().map(|path| path.display().to_string()).collect();
        if shown.is_empty() { None } else { Some(shown.join(", ")) }
    }
}

/// A list of texts; variables and flags separate them by commas.
pub(crate) struct Texts;

impl Kind for Texts {
    type Value = Vec<String>;
    type Out<'a> = &'a [String];
    const SHAPE: Shape = Shape::TextList;

    fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<Vec<String>> {
        texts(raw, reader, Some(','), Some(','))
    }

    fn get(value: &Vec<String>) -> &[String] {
        value
    }

    fn show(value: &Vec<String>) -> Option<String> {
        if value.is_empty() { None } else { Some(value.join(", ")) }
    }
}

/// The texts of a list, or of a single text; blank ones are dropped.
pub(crate) fn texts(
    raw: &Raw<'_>,
    reader: &mut Reader<'_>,
    in_env: Option<char>,
    in_cli: Option<char>,
) -> Option<Vec<String>> {
    let split = |text: &str, at: Option<char>| -> Vec<String> {
        let parts = text.split(|c| Some(c) == at).map(str::trim).filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    };
    match raw {
        Raw::Env(text) => Some(split(text, in_env)),
        Raw::Cli(texts) => Some(texts.iter().flat_map(|text| split(text, in_cli)).collect()),
        Raw::Node(node) => match &node.value {
            Value::Text(text) => Some(split(text, None)),
            Value::List(items) => {
                let mut texts = Vec::new();
                let mut all_good = true;
                for item in items {
                    if let Value::Text(text) = &item.value {
                        texts.extend(split(text, None));
                    } else {
                        all_good = false;
                        reader.mismatch::<()>(&Raw::Node(item), "a text");
                    }
                }
                all_good.then_some(texts)
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Map(_) => {
                reader.mismatch(raw, "a list of texts")
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked_and_masked() {
        for good in ["http://localhost:11434", "https://api.example.com/v1", "http://[::1]:80/x"] {
            assert_eq!(url(good).as_deref(), Ok(good));
            assert_eq!(masked_url(good), good);
        }
        for bad in ["", "api.example.com", "ftp://x", "http://", "http:///v1", "https://?x", "http://a b"] {
            assert!(url(bad).is_err(), "{bad}");
        }
        assert_eq!(masked_url("https://me:pw@h:1/v1?key=abc"), "https://***@h:1/v1?***");
        assert_eq!(url("https://h/v1/").as_deref(), Ok("https://h/v1"));
        assert_eq!(masked_database("postgres://me:p/w@h:1/v1?x=pw"), "postgres://h:1/v1");
        assert_eq!(masked_database("postgres://h/v1"), "postgres://h/v1");
        assert_eq!(masked_database("a/b.db"), "a/b.db");
        assert_eq!(masked_url("redis://:pw@h:6379/2"), "redis://***@h:6379/2");
        for bad in [
            "",
            "h:6379",
            "http://h",
            "redis://",
            "redis://:pw@",
            "redis://h /",
            "redis://u:p/w@h",
            "redis://h:x",
        ] {
            assert!(state(bad).is_err(), "{bad}");
        }
        assert_eq!(state(" rediss://:pw@h ").as_deref(), Ok("rediss://:pw@h"));
    }

    #[test]
    fn command_prefixes_are_checked() {
        for good in ["!/", "/!", "##!", "0123456789"] {
            assert!(prefix(good).is_ok(), "{good}");
        }
        for bad in ["", "!", "!!", "! /", "01234567890", "é/"] {
            assert!(prefix(bad).is_err(), "{bad}");
        }
    }
}
