//! Getting in without a key of this host, on every route and by everything that may carry a key.
use super::scene::{BODY, KEY, ROUTES, Scene, UPSTREAM_KEY, request};

/// What is shown instead of a key: headers, and what is added to the query.
struct Attempt {
    name: &'static str,
    headers: Vec<(&'static str, String)>,
    query: String,
}

fn headers(name: &'static str, headers: &[(&'static str, &str)]) -> Attempt {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Attempt { name, headers, query: String::new() }
}

fn query(name: &'static str, query: &str) -> Attempt {
    Attempt { name, headers: Vec::new(), query: query.to_owned() }
}

fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

fn attempts() -> Vec<Attempt> {
    [wrong_keys(), other_places(), other_spellings()].into_iter().flatten().collect()
}

/// No key, or another one, where keys belong.
fn wrong_keys() -> Vec<Attempt> {
    let (prefix, suffix) = (KEY.split_at(KEY.len() - 1).0, format!("{KEY}0"));
    let lookalike = KEY.replacen('a', "\u{430}", 1);
    let long = "k".repeat(40_000);
    vec![
        headers("no_key", &[]),
        headers("empty_bearer", &[("authorization", "Bearer ")]),
        headers("empty_x_api_key", &[("x-api-key", "")]),
        query("empty_query_key", "key="),
        headers("wrong_authorization", &[("authorization", &bearer("wrong"))]),
        headers("wrong_x_api_key", &[("x-api-key", "wrong")]),
        headers("wrong_x_goog_api_key", &[("x-goog-api-key", "wrong")]),
        headers("wrong_api_key", &[("api-key", "wrong")]),
        query("wrong_query_key", "key=wrong"),
        headers("prefix_of_the_key", &[("authorization", &bearer(prefix))]),
        headers("key_with_a_suffix", &[("authorization", &bearer(&suffix))]),
        headers("key_in_other_case", &[("authorization", &bearer(&KEY.to_uppercase()))]),
        headers("key_with_blanks_within", &[("authorization", &bearer(&KEY.replace('-', " -")))]),
        headers("lookalike_letters", &[("authorization", &bearer(&lookalike))]),
        headers("very_long_key", &[("x-api-key", &long)]),
    ]
}

/// The right key where none belongs, and what is no key.
fn other_places() -> Vec<Attempt> {
    // RFC 7617: user and password in base64.
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("x:{KEY}"));
    let basic = format!("Basic {basic}");
    let hash = access::KeyHash::of(KEY.as_bytes()).to_string();
    vec![
        headers("other_scheme", &[("authorization", &basic)]),
        headers("no_scheme", &[("authorization", KEY)]),
        headers("list_of_keys_in_one_header", &[("authorization", &bearer(&format!("wrong, Bearer {KEY}")))]),
        headers(
            "many_wrong_keys_before_the_right_one",
            &[
                ("x-api-key", "a"),
                ("x-api-key", "b"),
                ("x-api-key", "c"),
                ("x-api-key", "d"),
                ("x-api-key", KEY),
            ],
        ),
        headers("key_in_a_cookie", &[("cookie", &format!("key={KEY}; x-api-key={KEY}"))]),
        headers(
            "key_in_a_foreign_header",
            &[
                ("proxy-authorization", &bearer(KEY)),
                ("x-auth-token", KEY),
                ("x-lip-key", KEY),
                ("x-forwarded-authorization", &bearer(KEY)),
            ],
        ),
        headers(
            "claims_to_be_loopback",
            &[
                ("x-forwarded-for", "127.0.0.1"),
                ("x-real-ip", "127.0.0.1"),
                ("forwarded", "for=127.0.0.1;host=localhost"),
                ("x-client-ip", "::1"),
                ("true-client-ip", "127.0.0.1"),
            ],
        ),
        headers(
            "spoofs_headers_of_the_host",
            &[
                ("x-lip-route", "openai:m"),
                ("x-lip-caller", "alice"),
                ("x-lip-local", "1"),
                ("x-llmproxy-loop-guard", "0"),
                ("x-proxy-user", "root"),
            ],
        ),
        headers(
            "overrides_the_method",
            &[("x-http-method-override", "OPTIONS"), ("x-method-override", "GET"), ("x-http-method", "HEAD")],
        ),
        headers("hash_instead_of_the_key", &[("authorization", &bearer(&hash)), ("x-api-key", &hash)]),
        headers("key_of_a_backend", &[("authorization", &bearer(UPSTREAM_KEY)), ("x-api-key", UPSTREAM_KEY)]),
        headers(
            "name_of_the_variable",
            &[("authorization", &bearer("env:API_KEYS")), ("x-api-key", "API_KEYS")],
        ),
    ]
}

/// The right key in a query that says it otherwise.
fn other_spellings() -> Vec<Attempt> {
    vec![
        query("encoded_name_of_the_parameter", &format!("k%65y={KEY}")),
        query("other_name_of_the_parameter", &format!("token={KEY}&access_token={KEY}&KEY={KEY}")),
        query("key_after_a_fragment", &format!("x=1%23key={KEY}")),
        query("doubly_encoded_key", &format!("key={}", KEY.replace('-', "%252d"))),
        query("key_with_a_null_byte", &format!("key={KEY}%00")),
        query("key_as_json_or_list", &format!("key[]={KEY}&key=%5B%22{KEY}%22%5D")),
    ]
}

pub(super) fn names() -> Vec<&'static str> {
    attempts().iter().map(|attempt| attempt.name).chain(NAMES.iter().copied()).collect()
}

#[tokio::test]
async fn nobody_gets_in_without_a_key() {
    let scene = Scene::guarded().await;
    for attempt in attempts() {
        for (method, target, shape) in ROUTES {
            let join = if target.contains('?') { '&' } else { '?' };
            let target = if attempt.query.is_empty() {
                (*target).to_owned()
            } else {
                format!("{target}{join}{}", attempt.query)
            };
            let headers: Vec<(&str, &str)> =
                attempt.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let what = format!("{} {method} {}", attempt.name, target.split('?').next().unwrap_or_default());
            let answer = scene.must_answer(request(method, &target, &headers, BODY), &what).await;
            assert_eq!(answer.status, 401, "{what}: {}", answer.text());
            shape.check(&answer, &what);
        }
    }
    scene.is_unharmed().await;
    // The right key opens every one of them, so that none was refused for another reason.
    for (method, target, _) in ROUTES {
        let answer = scene.must_answer(request(method, target, &[("x-api-key", KEY)], BODY), target).await;
        assert!(
            ![401, 403].contains(&answer.status),
            "{method} {target}: {} {}",
            answer.status,
            answer.text()
        );
    }
}

super::attempts! {
    async fn key_in_the_body() {
        let scene = Scene::guarded().await;
        let body = format!(r#"{{"key":"{KEY}","api_key":"{KEY}","model":"openai:m","messages":[]}}"#);
        let answer = scene.must_answer(request("POST", "/v1/chat/completions", &[], &body), "body").await;
        assert_eq!(answer.status, 401);
        scene.is_unharmed().await;
    }

    async fn key_in_the_path() {
        let scene = Scene::guarded().await;
        for target in [format!("/{KEY}/v1/models"), format!("/v1/models/{KEY}"), format!("/v1/models;key={KEY}"), format!("http://{KEY}@localhost/v1/models")] {
            let answer = scene.answer(request("GET", &target, &[], "")).await;
            assert!(answer.is_none_or(|answer| [400, 401, 403, 404].contains(&answer.status)), "{target}");
        }
        scene.is_unharmed().await;
    }

    async fn options_and_head_instead() {
        let scene = Scene::guarded().await;
        for (_, target, _) in ROUTES {
            for method in ["OPTIONS", "HEAD", "TRACE", "CONNECT", "PATCH", "PUT", "PROPFIND"] {
                let heard = super::scene::exchange(scene.lip.address, request(method, target, &[], "").as_bytes()).await;
                let status = heard.split(' ').nth(1).unwrap_or("0");
                assert!(["400", "401", "403", "404", "405"].contains(&status), "{method} {target}: {heard}");
                assert!(!heard.to_lowercase().contains("access-control"), "{method} {target}: {heard}");
            }
        }
        scene.is_unharmed().await;
    }

    async fn websocket_without_a_key() {
        let scene = Scene::guarded().await;
        let handshake = [
            ("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        for further in [("accept", "*/*"), ("x-api-key", "wrong"), ("sec-websocket-protocol", &*format!("realtime, openai-insecure-api-key.{KEY}"))] {
            let mut headers = handshake.to_vec();
            headers.push(further);
            let answer = scene.must_answer(request("GET", "/v1/responses", &headers, "").replace("connection: close\r\n", ""), further.0).await;
            assert_eq!(answer.status, 401, "{further:?}: {}", answer.text());
        }
        scene.is_unharmed().await;
    }
}
