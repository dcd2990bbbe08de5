//! Who may use the host: client keys, and the addresses that it listens on.
use stage::{Call, Lip};

const CHAT: &str = r#"{"model":"echo","messages":[{"role":"user","content":"hi"}]}"#;
const ROUTES: [(&str, &str); 4] = [
    ("POST", "/v1/chat/completions"),
    ("POST", "/chat/completions"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/echo"),
];

fn call(method: &str, target: &str) -> Call {
    if method == "POST" { Call::post(target, CHAT) } else { Call::get(target) }
}

#[tokio::test]
async fn client_key_is_taken_wherever_an_sdk_puts_it() {
    let lip = Lip::builder().env("API_KEYS", "k-one,k-two").start().await;
    for (method, route) in ROUTES {
        for key in ["k-one", "k-two"] {
            let plain = || call(method, route);
            let places = [
                plain().bearer(key),
                plain().header("Authorization", &format!("bearer {key}")),
                plain().header("x-api-key", key),
                plain().header("X-Goog-Api-Key", key),
                plain().header("api-key", key),
                call(method, &format!("{route}?key={key}")),
                call(method, &format!("{route}?alt=sse&api_key={key}")),
            ];
            for place in places {
                let shown = format!("{place:?}");
                assert_eq!(lip.send(place).await.status, 200, "{shown}");
            }
        }
    }
}

#[tokio::test]
async fn no_key_or_a_wrong_one_is_a_401() {
    let lip = Lip::builder().env("API_KEYS", "k-one").start().await;
    for (method, route) in ROUTES {
        for place in [
            call(method, route),
            call(method, route).bearer("k-on"),
            call(method, route).bearer("k-one1"),
            call(method, route).bearer("K-ONE"),
            call(method, route).bearer(""),
            call(method, route).header("authorization", "k-one"),
            call(method, route).header("cookie", "key=k-one"),
            call(method, &format!("{route}?other=k-one")),
        ] {
            let shown = format!("{place:?}");
            let answer = lip.send(place).await;
            assert_eq!(answer.status, 401, "{shown}");
            let error = answer.error();
            assert_eq!(
                (error["type"].as_str(), error["code"].as_str()),
                (Some("authentication_error"), Some("invalid_api_key")),
                "{shown}"
            );
        }
    }
}

#[tokio::test]
async fn keys_come_from_both_variables_and_from_the_file() {
    let lip =
        Lip::builder().env("API_KEYS", "k-a,k-b").env("LLM_INTERACTIVE_PROXY_API_KEY", "k-c").start().await;
    for key in ["k-a", "k-b", "k-c"] {
        assert_eq!(lip.send(Call::chat(CHAT).bearer(key)).await.status, 200, "{key}");
    }
    let config = "auth.api_keys = ['k-file', 'env:KEY_BY_NAME']";
    let lip = Lip::builder().config_toml(config).env("KEY_BY_NAME", "k-named").start().await;
    for (key, status) in [("k-file", 200), ("k-named", 200), ("env:KEY_BY_NAME", 401)] {
        assert_eq!(lip.send(Call::chat(CHAT).bearer(key)).await.status, status, "{key}");
    }
}

#[tokio::test]
async fn address_beyond_loopback_needs_multi_user_mode_and_a_key() {
    for (arguments, key, says) in [
        ("--host 0.0.0.0", None, "loopback"),
        ("--host 0.0.0.0", Some("k"), "--multi-user-mode"),
        ("--host ::", None, "loopback"),
        ("--multi-user-mode", None, "at least one client key"),
        ("--multi-user-mode --host 0.0.0.0", None, "API_KEYS"),
        ("--single-user-mode --host 0.0.0.0", Some("k"), "loopback"),
    ] {
        let builder = Lip::builder().args(arguments).args("--port 0");
        let builder = match key {
            Some(key) => builder.env("API_KEYS", key),
            None => builder,
        };
        let output = builder.run().await;
        assert!(!output.success && output.stdout.is_empty(), "{arguments}: {output:?}");
        assert!(output.stderr.contains(says), "{arguments}: {}", output.stderr);
    }
}

#[tokio::test]
async fn multi_user_mode_serves_with_a_key() {
    let lip = Lip::builder().args("--multi-user-mode --host 127.0.0.1").env("API_KEYS", "k").start().await;
    assert_eq!(lip.send(Call::chat(CHAT)).await.status, 401);
    assert_eq!(lip.send(Call::chat(CHAT).bearer("k")).await.status, 200);
}

#[tokio::test]
async fn loopback_has_two_families() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return; // a machine without IPv6
    }
    let lip = Lip::builder().args("--host ::1").start().await;
    assert!(lip.address.is_ipv6());
    assert_eq!(lip.chat(CHAT).await.status, 200);
}

#[tokio::test]
async fn address_that_is_taken_is_an_error_that_says_so() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = Lip::builder().args(&format!("--port {port}")).run().await;
    assert!(!output.success);
    assert!(
        output.stderr.contains(&format!("127.0.0.1:{port}")) && output.stderr.contains("--port"),
        "{}",
        output.stderr
    );
}
