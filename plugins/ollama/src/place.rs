//! Reads where Ollama is, as its own `OLLAMA_HOST` is written: with or without scheme, port and path. Knows no API.
use lip_plugin::{Error, Result};

const PORT: &str = "11434";

/// The base URL of `text`, without the path of one of its APIs and without a slash at its end.
///
/// # Errors
/// `bad_config` when it has another scheme or no host.
pub(crate) fn url(text: &str) -> Result<String> {
    let text = text.trim();
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    if !["", "http", "https"].contains(&scheme) {
        return Err(wrong());
    }
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let bad = |b: u8| b <= b' ' || b >= 0x7f || b"@?#\\".contains(&b);
    if authority.bytes().chain(path.bytes()).any(bad) || rest.is_empty() {
        return Err(wrong());
    }
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix("/v1").or_else(|| path.strip_suffix("/api")).unwrap_or(path);
    if !scheme.is_empty() {
        return if authority.is_empty() { Err(wrong()) } else { Ok(format!("{scheme}://{authority}{path}")) };
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port),
        _ => (authority, PORT),
    };
    // An address to listen on at all interfaces is none to connect to.
    let host = match host {
        "" | "0.0.0.0" | "[::]" => "127.0.0.1",
        other => other,
    };
    Ok(format!("http://{host}:{}{path}", if port.is_empty() { PORT } else { port }))
}

fn wrong() -> Error {
    Error::bad_config(
        "base_url",
        "write a URL such as http://localhost:11434, or a host with or without a port",
    )
}

#[cfg(test)]
mod tests {
    use super::url;

    #[test]
    fn host_is_read_as_ollama_reads_it() {
        let cases = [
            ("http://localhost:11434", "http://localhost:11434"),
            ("https://gpu.test/", "https://gpu.test"),
            ("http://gpu.test/ollama/v1/", "http://gpu.test/ollama"),
            ("https://ollama.com/api", "https://ollama.com"),
            ("gpu.test", "http://gpu.test:11434"),
            ("gpu.test:8080", "http://gpu.test:8080"),
            ("gpu.test:8080/x", "http://gpu.test:8080/x"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("0.0.0.0:11434", "http://127.0.0.1:11434"),
            (":8080", "http://127.0.0.1:8080"),
            ("[::1]", "http://[::1]:11434"),
            ("[::1]:8080", "http://[::1]:8080"),
            (" localhost ", "http://localhost:11434"),
        ];
        for (text, want) in cases {
            assert_eq!(url(text).as_deref(), Ok(want), "{text}");
        }
        for text in ["", "ftp://x", "http://", "http:///x", "a b", "user@host", "host?x", "http://h/\u{e4}"] {
            let error = url(text).expect_err(text);
            assert!(error.code() == "bad_config" && error.message().starts_with("base_url: "), "{text}");
        }
    }
}
