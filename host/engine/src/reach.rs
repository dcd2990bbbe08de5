//! Whether a URL leads to a host of a list. Pure.
use http::Uri;

/// Whether `url` leads to one of `egress`: `host`, `host:port`, `*.domain` for every name below a domain, or `*`.
pub(crate) fn may(egress: &[String], url: &Uri) -> bool {
    let Some(authority) = url.authority() else {
        return false;
    };
    let (host, whole) = (authority.host(), authority.as_str());
    egress.iter().any(|allowed| match allowed.strip_prefix("*.") {
        _ if allowed == "*" => true,
        Some(suffix) => {
            let at = host.len().saturating_sub(suffix.len());
            let (rest, end) = host.split_at_checked(at).unwrap_or_default();
            end.eq_ignore_ascii_case(suffix) && rest.ends_with('.') && rest.len() > 1
        }
        None => host.eq_ignore_ascii_case(allowed) || whole.eq_ignore_ascii_case(allowed),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn egress_list_matches_hosts_exactly() {
        let list = ["api.example.com", "*.acme.test", "127.0.0.1:9"].map(str::to_owned);
        let may = |url: &str| super::may(&list, &url.parse().expect("a URL"));
        assert!(may("https://api.example.com/v1") && may("https://API.example.com:8443/"));
        assert!(may("https://eu.acme.test/") && may("http://127.0.0.1:9/x"));
        assert!(
            !may("https://acme.test/") && !may("https://evilacme.test/") && !may("http://127.0.0.1:10/x")
        );
        for url in [
            "https://api.example.com.evil.test/",
            "https://api.example.com@evil.test/",
            "https://api.example.com:443@evil.test:80/",
            "https://evil.test/@api.example.com",
            "https://evil.test#api.example.com",
            "https://evil.test?api.example.com",
            "https://xapi.example.com/",
            "https://api.example.com./",
            "https://api-example.com/",
            "https://api.example.co/",
            // The letter a of another script, as every URL has to write it.
            "https://xn--pi-7kc.example.com/",
            "https://.acme.test/",
            "https://acme.test.evil.test/",
            "https://eu.acme.test.evil.test/",
            "http://127.0.0.1/",
            "http://127.0.0.1:99/",
            "http://127.1:9/",
            "http://2130706433:9/",
            "http://0x7f000001:9/",
            "http://[::1]:9/",
            "http://[::ffff:127.0.0.1]:9/",
            "/relative",
        ] {
            assert!(!url.parse().is_ok_and(|url| super::may(&list, &url)), "{url}");
        }
        assert!(may("https://EU.Acme.Test/"), "names have no case");
    }
}
