use super::{Compat, Custom};
use lip_plugin::{Connector, Value, json, serde_json};
use lip_testkit::{Outcome, Reply, Seen, Stage};
use std::collections::{BTreeMap, BTreeSet};

lip_testkit::conformance!(Compat);

fn manifest() -> Vec<Value> {
    serde_json::from_str(Compat::MANIFEST).expect("a list")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn headers(seen: &Seen) -> BTreeMap<&str, &str> {
    let framing = ["content-type", "accept"];
    let own = seen.headers.iter().filter(|(name, _)| !framing.contains(&name.as_str()));
    own.map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Rows of `expected.json`: what the providers' documents ask for.
fn rows() -> Vec<Value> {
    serde_json::from_str(include_str!("../expected.json")).expect("a list")
}

fn asked(row: &Value, body: &str) -> Outcome {
    let dialect = row.get("dialect").and_then(Value::as_str).unwrap_or("openai-chat");
    let config = row.get("config").cloned().unwrap_or_else(|| json!({}));
    let stage = Stage::of::<Compat>().connector::<Compat>(text(row, "id")).config(&config).dialect(dialect);
    let stage = stage
        .secret("api_key", "KEY")
        .model(text(row, "model"))
        .reply(Reply::text(200, "{}"))
        .turn(body.to_owned());
    if row.get("stream").is_some() { stage.stream().run() } else { stage.run() }
}

#[test]
fn every_profile_asks_as_its_provider_wants() {
    let mut seen_ids = BTreeSet::new();
    for row in rows() {
        let body = row.get("body").cloned().unwrap_or_else(|| json!({"model": text(&row, "model"), "x": 1}));
        let want = row.get("sent").unwrap_or(&body);
        let seen = asked(&row, &body.to_string());
        let sent = seen.requests.first().unwrap_or_else(|| panic!("{row}: {:?}", seen.error));
        assert_eq!((sent.method.as_str(), sent.url.as_str()), ("POST", text(&row, "url")), "{row}");
        let wanted: BTreeMap<&str, &str> = row["headers"]
            .as_object()
            .expect("headers")
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str().expect("text")))
            .collect();
        assert_eq!(headers(sent), wanted, "{row}");
        assert_eq!(&sent.json(), want, "{row}");
        let accepts = row.get("stream").map(|_| "text/event-stream");
        assert_eq!(
            (sent.header("content-type"), sent.header("accept")),
            (Some("application/json"), accepts),
            "{row}"
        );
        seen_ids.insert(text(&row, "id").to_owned());
    }
    let ids: BTreeSet<String> = manifest().iter().map(|entry| text(entry, "id").to_owned()).collect();
    assert_eq!(seen_ids, ids, "each profile has a row in expected.json");
}

#[test]
fn every_dialect_of_every_profile_has_a_row() {
    let rows: BTreeSet<(String, String)> = rows()
        .iter()
        .map(|row| {
            (
                text(row, "id").to_owned(),
                row.get("dialect").and_then(Value::as_str).unwrap_or("openai-chat").to_owned(),
            )
        })
        .collect();
    for entry in manifest() {
        for dialect in entry["dialects"].as_array().expect("dialects") {
            let pair = (text(&entry, "id").to_owned(), dialect.as_str().expect("text").to_owned());
            assert!(rows.contains(&pair), "expected.json lacks {pair:?}");
        }
    }
}

#[test]
fn body_without_need_is_not_touched() {
    // Each client body survives where no quirk speaks of it; odd ones survive where all do.
    for row in rows() {
        for body in ["\u{feff}{", "[1]", " \"x\" "] {
            let sent = asked(&row, body).requests.remove(0);
            assert_eq!(&*sent.body, body.as_bytes(), "{row}");
        }
    }
    let row = json!({"id": text(&rows()[0], "id"), "model": "vendor/model"});
    let body = " {\"model\" : \"vendor/model\", \"n\":1e2}\n";
    assert_eq!(&*asked(&row, body).requests[0].body, body.as_bytes());
}

#[test]
fn manifest_lists_hosts_of_all_places() {
    for row in rows() {
        let entry = manifest().into_iter().find(|entry| entry["id"] == row["id"]).expect("an entry");
        let host = text(&row, "url").split('/').nth(2).expect("a host").to_owned();
        let listed = entry["egress"].as_array().expect("egress").contains(&json!(host));
        assert!(listed || row.pointer("/config/base_url").is_some(), "{row}");
    }
}

#[test]
fn models_come_live_or_from_the_profile() {
    let list = json!({"data": [
        {"id": "a/b", "name": "B", "context_length": 7, "top_provider": {"max_completion_tokens": 3}, "created": 1, "owned_by": "a"},
        {"name": "models/c", "displayName": "C", "inputTokenLimit": 9}, {"x": 1}, "y"
    ]});
    for entry in manifest() {
        let stage = Stage::of::<Compat>().connector::<Compat>(text(&entry, "id")).secret("api_key", "KEY");
        let seen = stage.reply(Reply::json(200, &list)).models().run();
        let models = seen.models();
        if seen.requests.is_empty() {
            let known = entry["models"].as_array().expect("models");
            assert!(!models.is_empty() && models.len() == known.len(), "{entry}");
            continue;
        }
        let sent = &seen.requests[0];
        assert_eq!(sent.url, format!("{}/models", text(&entry, "base_url")));
        assert_eq!(sent.header("authorization"), Some("Bearer KEY"));
        assert_eq!((models.len(), models[0].id.as_str(), models[1].id.as_str()), (2, "a/b", "c"));
        assert_eq!(
            (models[0].title.as_deref(), models[0].context_tokens, models[0].output_tokens),
            (Some("B"), Some(7), Some(3))
        );
    }
}

#[test]
fn errors_keep_status_and_gain_a_hint() {
    for entry in manifest() {
        let id = text(&entry, "id");
        for status in [400, 401, 402, 404, 429, 500, 503] {
            let body = json!({"error": {"message": "no", "code": "c"}});
            let stage = Stage::of::<Compat>()
                .connector::<Compat>(id)
                .reply(Reply::json(status, &body).header("retry-after", "7"));
            let seen = stage.turn("{}").run();
            assert_eq!((seen.status, seen.json()), (status, body), "{id}");
            assert!(seen.headers.contains(&("retry-after".to_owned(), "7".to_owned())), "{id}");
        }
    }
    let profiles: Value =
        serde_json::from_str(include_str!(concat!(env!("OUT_DIR"), "/profiles.json"))).expect("JSON");
    let mut n_rules = 0;
    for (id, profile) in profiles.as_object().expect("an object") {
        for rule in profile.get("errors").and_then(Value::as_array).into_iter().flatten() {
            let status = rule["status"].as_u64().expect("a status");
            let asked = |told: &str| {
                let body = json!({"error": {"message": "a reason", "type": told}});
                let stage = Stage::of::<Compat>().connector::<Compat>(id);
                let seen = stage.reply(Reply::json(status.try_into().expect("u16"), &body)).turn("{}").run();
                seen.error.expect("an error")
            };
            let (known, other) = (asked(text(rule, "contains")), asked("another"));
            assert_eq!(known.status, rule.get("means").and_then(Value::as_u64).or(Some(status)));
            assert_eq!(known.hint.as_deref(), rule["hint"].as_str());
            assert_eq!(
                (other.status, other.hint.as_deref(), other.message.as_str()),
                (Some(status), None, "a reason")
            );
            n_rules += 1;
        }
    }
    assert!(n_rules >= 2);
}

#[test]
fn config_and_client_headers_outrank_the_profiles() {
    let row = rows().remove(0);
    let named: Vec<String> = row["headers"]
        .as_object()
        .expect("headers")
        .keys()
        .filter(|n| n.starts_with("x-"))
        .cloned()
        .collect();
    let [by_client, by_config] = named.as_slice() else { panic!("the first row has two headers of its own") };
    let config = json!({"headers": {by_config.to_uppercase(): "config"}});
    let stage =
        Stage::of::<Compat>().connector::<Compat>(text(&row, "id")).config(&config).secret("api_key", "KEY");
    let client = [(by_config.as_str(), "client"), (by_client.as_str(), "client")];
    let seen = stage.client_headers(&client).reply(Reply::text(200, "{}")).turn("{}").run();
    let own = |name: &str| {
        seen.requests[0].headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect::<Vec<_>>()
    };
    assert_eq!((own(by_client), own(by_config)), (vec!["client".to_owned()], vec!["config".to_owned()]));
}

#[test]
fn dialects_are_placed_one_by_one() {
    let has = |entry: &Value| entry.pointer("/config/properties/base_urls").is_some();
    for entry in manifest().iter().filter(|entry| has(entry)) {
        let stage =
            |config: &Value| Stage::of::<Compat>().connector::<Compat>(text(entry, "id")).config(config);
        let base = "http://127.0.0.1:9/a";
        let config = json!({"base_url": base, "base_urls": {"anthropic-messages": "http://127.0.0.1:9/b/"}});
        for (dialect, url) in [("openai-chat", "/a/chat/completions"), ("anthropic-messages", "/b/messages")]
        {
            let seen = stage(&config).dialect(dialect).reply(Reply::text(200, "{}")).turn("{}").run();
            assert_eq!(seen.requests[0].url, format!("http://127.0.0.1:9{url}"), "{entry}");
        }
        for wrong in [json!({}), json!({"ollama": base}), json!({"anthropic-messages": "x"}), json!(7)] {
            let error = stage(&json!({"base_url": base, "base_urls": wrong})).create().expect("an error");
            assert!(error.code == "bad_config" && error.message.starts_with("base_urls: "), "{error:?}");
        }
    }
}

#[test]
fn unknown_region_or_dialect_is_refused() {
    let regional = manifest()
        .into_iter()
        .find(|entry| entry.pointer("/config/properties/region").is_some())
        .expect("one");
    let stage =
        |config: &Value| Stage::of::<Compat>().connector::<Compat>(text(&regional, "id")).config(config);
    let error = stage(&json!({"region": "moon"})).create().expect("an error");
    assert!(error.code == "bad_config" && error.message.starts_with("region: "), "{error:?}");
    let seen = stage(&json!({})).dialect("ollama").turn("{}").run();
    assert_eq!((seen.code(), seen.requests.len()), ("unsupported", 0));
}

#[test]
fn host_may_say_that_there_is_no_key() {
    let id = text(&rows()[0], "id").to_owned();
    let sent = |secrets: Value| {
        let stage = Stage::of::<Compat>().connector::<Compat>(&id).secret("api_key", "KEY");
        stage
            .config(&json!({ "secrets": secrets }))
            .reply(Reply::text(200, "{}"))
            .turn("{}")
            .run()
            .requests
            .remove(0)
    };
    assert_eq!(sent(json!([])).header("authorization"), None);
    assert_eq!(sent(json!(["api_key"])).header("authorization"), Some("Bearer KEY"));
}

fn custom(config: &Value) -> Stage {
    Stage::of::<Custom>().config(config).secret("api_key", "KEY").model("m").reply(Reply::text(200, "{}"))
}

#[test]
fn custom_backend_speaks_its_protocol() {
    let base = "https://gw.test/v1";
    let cases = [
        (json!({}), "openai-chat", "/chat/completions", "authorization", "Bearer KEY"),
        (json!({"protocol": "openai"}), "openai-chat", "/chat/completions", "authorization", "Bearer KEY"),
        (json!({"protocol": "responses"}), "openai-responses", "/responses", "authorization", "Bearer KEY"),
        (json!({"protocol": "anthropic"}), "anthropic-messages", "/messages", "x-api-key", "KEY"),
        (
            json!({"protocol": "gemini"}),
            "gemini",
            "/v1beta/models/m:generateContent",
            "x-goog-api-key",
            "KEY",
        ),
        (json!({"auth_header": "X-Key"}), "openai-chat", "/chat/completions", "x-key", "KEY"),
        (
            json!({"protocol": "anthropic", "auth": "bearer", "path": "/m"}),
            "anthropic-messages",
            "/m",
            "authorization",
            "Bearer KEY",
        ),
    ];
    for (mut config, dialect, path, header, value) in cases {
        config["base_url"] = json!(base);
        let seen = custom(&config).dialect(dialect).turn("{\"x\":1e2}").run();
        let sent = seen.requests.first().unwrap_or_else(|| panic!("{config}: {:?}", seen.error));
        assert_eq!(
            (sent.url.clone(), sent.header(header)),
            (format!("{base}{path}"), Some(value)),
            "{config}"
        );
        assert_eq!(&*sent.body, b"{\"x\":1e2}");
        let others = ["openai-chat", "openai-responses", "anthropic-messages", "gemini"]
            .into_iter()
            .filter(|d| *d != dialect);
        for other in others {
            assert_eq!(
                custom(&config).dialect(other).turn("{}").run().code(),
                "unsupported",
                "{config} {other}"
            );
        }
    }
    let keyless = custom(&json!({"base_url": base, "auth": "none"}))
        .no_secrets()
        .dialect("openai-chat")
        .turn("{}")
        .run();
    assert_eq!(headers(&keyless.requests[0]), BTreeMap::new());
}

#[test]
fn custom_backend_takes_quirks_and_whole_profiles() {
    let config =
        json!({"base_url": "https://gw.test/v1", "strip_prefixes": ["me/"], "quirks": {"drop": ["store"]}});
    let seen = custom(&config)
        .model("me/m")
        .dialect("openai-chat")
        .turn("{\"model\":\"me/m\", \"store\":true, \"n\":1e2}")
        .run();
    assert_eq!(&*seen.requests[0].body, b"{\"model\":\"m\", \"n\":1e2}");
    let profile = json!({"id": "p", "title": "P", "base_url": "https://gw.test/p", "routes": [{"dialect": "openai-responses", "path": "/r"}]});
    let config = json!({"base_url": "https://gw.test/p", "profile": profile});
    let seen = custom(&config).dialect("openai-responses").turn("{}").run();
    assert_eq!(seen.requests[0].url, "https://gw.test/p/r");
}

#[test]
fn gemini_model_stays_one_segment() {
    let config = json!({"base_url": "https://gw.test/v1beta", "protocol": "gemini"});
    let seen = custom(&config).dialect("gemini").model("models/a/../b?c#d").stream().turn("{}").run();
    let want = "https://gw.test/v1beta/models/a%2F..%2Fb%3Fc%23d:streamGenerateContent?alt=sse";
    assert_eq!(seen.requests[0].url, want);
}

#[test]
fn bad_custom_config_names_the_key() {
    let base = "https://gw.test/v1";
    let cases = [
        (json!({}), "base_url"),
        (json!({"base_url": "gw.test"}), "base_url"),
        (json!({"base_url": base, "protocol": "telnet"}), "protocol"),
        (json!({"base_url": base, "auth": "a b"}), "auth"),
        (json!({"base_url": base, "path": "x"}), "routes.path"),
        (json!({"base_url": base, "quirks": {"dropp": []}}), "quirks"),
        (json!({"base_url": base, "quirks": 7}), "quirks"),
        (json!({"base_url": base, "profile": {"id": "p"}}), "profile"),
        (json!({"base_url": base, "headers": {"authorization": "x"}}), "headers.authorization"),
    ];
    for (config, key) in cases {
        let error = custom(&config).create().unwrap_or_else(|| panic!("{config} is accepted"));
        assert_eq!(
            (error.code.as_str(), error.message.split(':').next()),
            ("bad_config", Some(key)),
            "{error:?}"
        );
    }
}

#[test]
fn manifest_tells_which_config_narrows_the_dialects() {
    let custom: Value = serde_json::from_str(Custom::MANIFEST).expect("JSON");
    let narrow = custom["narrow"].as_array().expect("rules");
    for protocol in
        custom.pointer("/config/properties/protocol/enum").and_then(Value::as_array).expect("names")
    {
        // The first rule whose key has its value, or that names no key.
        let rule = narrow.iter().find(|rule| rule.get("is").is_none_or(|is| is == protocol)).expect("a rule");
        let dialect = rule["dialects"][0].as_str().expect("one");
        let config = json!({"base_url": "https://gw.test", "protocol": protocol});
        assert_eq!(self::custom(&config).dialect(dialect).turn("{}").run().status, 200, "{protocol}");
    }
    for entry in manifest() {
        for rule in entry.get("narrow").and_then(Value::as_array).into_iter().flatten() {
            let config = match rule.get("is") {
                Some(is) => json!({text(rule, "key"): is}),
                None => continue,
            };
            for dialect in rule["dialects"].as_array().expect("dialects") {
                let stage = Stage::of::<Compat>().connector::<Compat>(text(&entry, "id")).config(&config);
                let seen = stage
                    .dialect(dialect.as_str().expect("text"))
                    .reply(Reply::text(200, "{}"))
                    .turn("{}")
                    .run();
                assert_eq!(seen.status, 200, "{rule}");
            }
        }
    }
}

#[test]
fn many_members_and_messages_take_one_pass() {
    // Twenty thousand of each: squares of it would take minutes.
    let members: String = (0..20_000).map(|n| format!("\"k{n}\":{n},")).collect();
    let messages = vec![r#"{"role":"developer","content":"x"}"#; 20_000].join(",");
    let body = format!("{{{members}\"messages\":[{messages}]}}");
    for row in rows() {
        let seen = asked(&row, &body);
        assert!(seen.requests[0].body.len() > 500_000, "{row}");
    }
}
