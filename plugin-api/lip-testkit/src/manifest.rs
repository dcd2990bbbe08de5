//! Reads what a manifest says of one connector.
use serde_json::Value;

/// The manifests in `text`, one per connector. Empty when it is no JSON.
pub(crate) fn all(text: &str) -> Vec<Value> {
    match serde_json::from_str(text) {
        Ok(Value::Array(list)) => list,
        Ok(one) => vec![one],
        Err(_) => Vec::new(),
    }
}

/// The id, or the family's name.
pub(crate) fn id(manifest: &Value) -> &str {
    let named = manifest.get("id").or_else(|| manifest.get("family"));
    named.and_then(Value::as_str).unwrap_or_default()
}

/// The strings in the list `key`.
pub(crate) fn strings(manifest: &Value, key: &str) -> Vec<String> {
    let list = manifest.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Where requests may go: the hosts of `egress`, and that of `base_url`.
pub(crate) fn allowed(manifest: &Value) -> Vec<String> {
    let home = manifest.get("base_url").and_then(Value::as_str).and_then(authority);
    strings(manifest, "egress").into_iter().chain(home.map(str::to_owned)).collect()
}

/// The dialects that an instance with this config takes: those of the first rule in `narrow` that applies, else all.
pub(crate) fn dialects(manifest: &Value, config: &Value) -> Vec<String> {
    let rules = manifest.get("narrow").and_then(Value::as_array).into_iter().flatten();
    let applies = |rule: &&Value| {
        let Some(key) = rule.get("key").and_then(Value::as_str) else {
            return true;
        };
        let is = config.get(key);
        rule.get("is").map_or(is.is_some(), |wanted| is == Some(wanted))
    };
    let rule = { rules }.find(applies).filter(|rule| rule.get("dialects").is_some());
    strings(rule.unwrap_or(manifest), "dialects")
}

/// Names of the secrets: the keys of `env` except the base URL.
pub(crate) fn secrets(manifest: &Value) -> Vec<String> {
    let env = manifest.get("env").and_then(Value::as_object);
    env.into_iter().flatten().map(|(name, _)| name.clone()).filter(|name| name != "base_url").collect()
}

/// May the connector see the values of its secrets?
pub(crate) fn reads_secret(manifest: &Value) -> bool {
    manifest.get("reads_secret").and_then(Value::as_bool).unwrap_or_default()
}

/// Host and port of an absolute URL; `None` when it has none or carries a user.
pub(crate) fn authority(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let usable = ["http", "https"].contains(&scheme) && !authority.is_empty() && !authority.contains('@');
    usable.then_some(authority)
}

/// Does the egress entry `allowed` (a host, or `*.` and a domain) cover `authority`?
pub(crate) fn covers(allowed: &str, authority: &str) -> bool {
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "443"));
    match allowed.strip_prefix('*') {
        Some(domain) => host.ends_with(domain) && port == "443",
        None => allowed == authority || (allowed == host && port == "443"),
    }
}

/// Does it need an account that a person has logged in to?
pub(crate) fn is_personal(manifest: &Value) -> bool {
    manifest.get("auth").and_then(Value::as_str) == Some("oauth-personal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authority_and_egress_agree() {
        let cases = [
            ("https://api.acme.example/v1", "api.acme.example", true),
            ("https://api.acme.example:443/v1", "api.acme.example", true),
            ("https://api.acme.example:8443/v1", "api.acme.example", false),
            ("https://eu.acme.example?x=/", "*.acme.example", true),
            ("https://acme.example.evil.test/", "acme.example", false),
            ("http://127.0.0.1:9/v1", "127.0.0.1:9", true),
        ];
        for (url, allowed, want) in cases {
            assert_eq!(authority(url).is_some_and(|a| covers(allowed, a)), want, "{url}");
        }
        assert_eq!(authority("https://api.acme.example@evil.test/"), None);
        assert_eq!(authority("file:///etc/passwd"), None);
    }
}
