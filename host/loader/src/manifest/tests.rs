//! Manifests that are taken, and the sentence for each that is not.
use super::*;
use serde_json::json;

fn with(change: Value) -> Value {
    let mut connector = json!({"id": "acme", "dialects": ["openai-chat"], "auth": "api-key"});
    if let (Value::Object(base), Value::Object(change)) = (&mut connector, change) {
        base.extend(change);
        base.retain(|_, value| !value.is_null());
    }
    json!({"plugin": "acme", "version": "0.1.0", "abi": "1.0.0", "connectors": [connector]})
}

fn taken(change: Value) -> Arc<ConnectorManifest> {
    let manifest = parse(with(change).to_string().as_bytes()).unwrap();
    Arc::clone(&manifest.connectors[0])
}

fn why(manifest: &Value) -> String {
    let Err(Refusal::BadManifest { why }) = parse(manifest.to_string().as_bytes()) else {
        panic!("taken: {manifest}")
    };
    why
}

#[test]
fn smallest_manifest_is_taken() {
    let acme = taken(json!({}));
    assert_eq!((acme.title.as_str(), acme.family, acme.reads_secret), ("acme", false, false));
    assert_eq!(acme.dialects, [Dialect::OpenAiChat]);
    assert_eq!(acme.auth, Auth::ApiKey);
}

#[test]
fn every_key_is_read() {
    let acme = taken(json!({
        "title": "Acme AI", "best_for": "tests", "dialects": ["later", "anthropic-messages", "openai-chat"],
        "models": ["one", {"id": "g-*", "dialects": ["gemini"], "context_tokens": 7}],
        "auth": "oauth-personal", "env": {"api_key": ["A_KEY", "B_KEY"], "base_url": "A_URL"},
        "base_url": "https://api.acme.example/v1", "egress": ["api.acme.example", "*.acme.example:8443", "[::1]:80"],
        "reads_secret": true, "error_in_200": {"pointer": "/error"}, "docs": "https://acme.example",
        "disclaimers": ["mind the terms"], "capabilities": ["vision"]
    }));
    assert_eq!(acme.dialects, [Dialect::AnthropicMessages, Dialect::OpenAiChat]);
    assert_eq!(acme.dialects_for("g-1"), [Dialect::Gemini]);
    assert_eq!(acme.dialects_for("one"), acme.dialects);
    assert_eq!(acme.models[1].more["context_tokens"], 7);
    assert_eq!(acme.env["api_key"], ["A_KEY", "B_KEY"]);
    assert_eq!(acme.env["base_url"], ["A_URL"]);
    assert_eq!(acme.more["capabilities"], json!(["vision"]));
    let shown = serde_json::to_value(&*acme).unwrap();
    assert_eq!(shown["dialects"], json!(["anthropic-messages", "openai-chat"]));
    assert_eq!(shown["auth"], "oauth-personal");
}

#[test]
fn family_takes_the_place_of_an_id() {
    let acme = taken(json!({"id": null, "family": "compat"}));
    assert_eq!((acme.id.as_str(), acme.family), ("compat", true));
}

#[test]
fn longest_fitting_hint_wins() {
    let acme = taken(json!({"models": [
        {"id": "*", "dialects": ["lip"]}, {"id": "a*z", "dialects": ["gemini"]}, {"id": "a*", "dialects": ["ollama"]}
    ]}));
    assert_eq!(acme.dialects_for("az"), [Dialect::Gemini]);
    assert_eq!(acme.dialects_for("ab"), [Dialect::Ollama]);
    assert_eq!(acme.dialects_for("b"), [Dialect::Lip]);
    assert!(!ModelHint { id: "aa*aa".into(), ..ModelHint::default() }.fits("aaa"));
}

#[test]
fn wrong_manifests_are_sentences() {
    let id_rule = "the id must be [a-z0-9][a-z0-9._-]*, at most 64 characters";
    for bad in ["", "A", "-a", "a b", "a/b", "ä", "..", &"a".repeat(65)] {
        assert_eq!(why(&with(json!({"id": bad}))), format!("connector \"{bad}\": {id_rule}"));
    }
    for (change, sentence) in [
        (json!({"id": null}), "connector 1: it has neither \"id\" nor \"family\""),
        (
            json!({"dialects": ["x"]}),
            "connector \"acme\": none of its dialects [x] is known (known: openai-chat, openai-responses, \
             anthropic-messages, gemini, ollama, lip)",
        ),
        (json!({"dialects": null}), "connector \"acme\": missing field `dialects`"),
        (json!({"auth": null}), "connector \"acme\": missing field `auth`"),
        (
            json!({"auth": "magic"}),
            "connector \"acme\": unknown variant `magic`, expected one of `api-key`, `oauth-personal`, `local-agent`, \
             `none`, `virtual`",
        ),
        (
            json!({"env": {"api_key": "A KEY"}}),
            "connector \"acme\": env.api_key: \"A KEY\" is no name of a variable",
        ),
        (
            json!({"base_url": "ftp://x"}),
            "connector \"acme\": base_url \"ftp://x\" does not begin with http:// or https://",
        ),
        (json!({"egress": ["*"]}), "connector \"acme\": egress: \"*\" is no host name"),
    ] {
        assert_eq!(why(&with(change)), sentence);
    }
    for bad in ["", "a..b", "a:b", "a:99999", "http://a", "a/b", "*.", "[1]"] {
        assert!(why(&with(json!({"egress": [bad]}))).contains("is no host name"), "{bad}");
    }
    assert_eq!(why(&json!({"connectors": []})), "it lists no connector");
    assert_eq!(
        why(&json!({"connectors": ["the connector's manifest is no JSON: x"]})),
        "connector 1: the connector's manifest is no JSON: x"
    );
    let mut twice = with(json!({}));
    let again = twice["connectors"][0].clone();
    twice["connectors"].as_array_mut().unwrap().push(again);
    assert_eq!(why(&twice), "connector \"acme\" is listed twice");
}

#[test]
fn hostile_bytes_are_refused() {
    for bytes in [&b""[..], b"{", b"\xff\xfe", b"null", b"{\"connectors\":[[[]]]}", &[b'['; 100_000]] {
        assert!(matches!(parse(bytes), Err(Refusal::BadManifest { .. })));
    }
    assert!(matches!(parse(&vec![b' '; BYTES_MAX + 1]), Err(Refusal::BadManifest { .. })));
}
