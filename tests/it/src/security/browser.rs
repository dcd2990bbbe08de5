//! A web page that the user of this machine looks at: pages whose names lead to loopback, pages of other origins, and what a browser
//! may read of an answer.
use super::scene::{BODY, KEY, ROUTES, Scene, Shape, exchange, request};

const FOREIGN: [&str; 9] = [
    "evil.test",
    "evil.test:8000",
    "127.0.0.1.evil.test",
    "localhost.evil.test",
    "localhostx",
    "127.0.0.1.nip.io",
    "rebind.localhost.evil.test:80",
    "metadata.google.internal",
    "xn--lcalhost-9za.test",
];

super::attempts! {
    async fn rebound_name() {
        for (scene, key) in [(Scene::open().await, ""), (Scene::guarded().await, KEY)] {
            for host in FOREIGN {
                for (method, target, shape) in ROUTES.iter().chain(&[("GET", "/health", Shape::Any), ("GET", "/internal/health", Shape::Any)]) {
                    let what = format!("{host} {method} {target}");
                    let answer = scene.must_answer(request(method, target, &[("host", host), ("x-api-key", key)], BODY), &what).await;
                    assert_eq!(answer.status, 403, "{what}: {}", answer.text());
                    shape.check(&answer, &what);
                }
            }
            scene.is_unharmed().await;
        }
    }

    async fn rebound_name_beside_an_own_one() {
        let scene = Scene::open().await;
        for (target, hosts) in [
            ("/v1/models", &["localhost", "evil.test"][..]),
            ("/v1/models", &["evil.test", "localhost"]),
            ("http://evil.test/v1/models", &["localhost"]),
            ("http://localhost/v1/models", &["evil.test"]),
            ("http://localhost@evil.test/v1/models", &["localhost"]),
        ] {
            let headers: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
            let answer = scene.answer(request("GET", target, &headers, "")).await;
            let status = answer.map_or(0, |answer| answer.status);
            assert!([0, 400, 403].contains(&status), "{target} {hosts:?}: {status}");
        }
        scene.is_unharmed().await;
    }

    async fn page_of_another_origin_spends_tokens() {
        let scene = Scene::open().await;
        for (name, value) in [
            ("origin", "https://evil.test"), ("origin", "null"), ("origin", "http://127.0.0.1:9999"), ("origin", "http://localhost.evil.test"),
            ("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"),
        ] {
            // What a page may send without asking first (Fetch Standard, "CORS-safelisted request-header").
            for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json"] {
                for (method, target, shape) in ROUTES.iter().filter(|(method, _, _)| *method != "GET") {
                    let what = format!("{name}: {value}, {kind}, {method} {target}");
                    let sent = request(method, target, &[(name, value)], BODY).replace("application/json", kind);
                    let answer = scene.must_answer(sent, &what).await;
                    assert_eq!(answer.status, 403, "{what}: {}", answer.text());
                    shape.check(&answer, &what);
                }
            }
        }
        scene.is_unharmed().await;
    }

    async fn page_asks_whether_it_may() {
        for scene in [Scene::open().await, Scene::guarded().await] {
            for (_, target, _) in ROUTES {
                let headers = [
                    ("origin", "https://evil.test"), ("access-control-request-method", "POST"),
                    ("access-control-request-headers", "authorization,content-type"), ("access-control-request-private-network", "true"),
                ];
                let answer = scene.must_answer(request("OPTIONS", target, &headers, ""), target).await;
                assert!([403, 405].contains(&answer.status), "{target}: {}", answer.status);
                Shape::Any.check(&answer, target);
            }
            scene.is_unharmed().await;
        }
    }

    async fn page_with_a_key_reads_an_answer() {
        let scene = Scene::guarded().await;
        for (method, target, _) in ROUTES {
            let headers = [("origin", "https://evil.test"), ("x-api-key", KEY)];
            let answer = scene.must_answer(request(method, target, &headers, BODY), target).await;
            assert!(!answer.headers.iter().any(|(name, _)| name.starts_with("access-control-")), "{target}: {:?}", answer.headers);
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{target}");
            assert!(answer.header("set-cookie").is_none(), "{target}");
        }
    }

    async fn page_opens_a_websocket() {
        let scene = Scene::open().await;
        for origin in ["https://evil.test", "null", "http://127.0.0.1:9999", "http://localhost.evil.test"] {
            let headers = [
                ("origin", origin), ("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13"),
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ];
            let answer = scene.must_answer(request("GET", "/v1/responses", &headers, "").replace("connection: close\r\n", ""), origin).await;
            assert_eq!(answer.status, 403, "{origin}: {}", answer.text());
        }
    }

    async fn page_asks_for_diagnostics() {
        for (scene, key) in [(Scene::open().await, ""), (Scene::guarded().await, KEY)] {
            for (method, target, _) in ROUTES.iter().filter(|(_, target, _)| target.contains("diagnostics")) {
                for (name, value) in [
                    ("origin", "https://evil.test"), ("origin", "null"), ("origin", "http://localhost"), ("sec-fetch-site", "cross-site"),
                    ("sec-fetch-site", "same-site"),
                ] {
                    let headers = [(name, value), ("x-api-key", key)];
                    let answer = scene.must_answer(request(method, target, &headers, BODY), target).await;
                    assert_eq!(answer.status, 403, "{name}: {value} {target}: {}", answer.text());
                }
            }
        }
    }

    async fn page_of_another_origin_acts_through_the_dashboard() {
        refuses_all_but_the_own_page(&[
            ("origin", "https://evil.test"), ("origin", "null"), ("origin", "http://127.0.0.1:9999"), ("origin", "http://localhost.evil.test"), ("origin", ""),
            ("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("sec-fetch-site", "none"), ("sec-fetch-site", ""),
        ]).await;
    }

    async fn rebound_page_acts_through_the_dashboard() {
        for (scene, key) in [(Scene::open().await, ""), (Scene::guarded().await, KEY), (Scene::with("", |builder| builder.env("API_KEYS", KEY).args("--multi-user-mode --host 127.0.0.1")).await, KEY)] {
            for host in FOREIGN {
                // All that a page of that name can send: the browser takes it for the host's own.
                let origin = format!("http://{host}");
                let headers = own_page(&[("host", host), ("origin", &origin), ("x-api-key", key)]);
                let answer = scene.must_answer(post(&headers), host).await;
                assert_eq!(answer.status, 403, "{host}: {}", answer.text());
                Shape::OpenAi.check(&answer, host);
            }
            scene.is_unharmed().await;
        }
    }

    async fn form_posts_to_the_dashboard() {
        refuses_all_but_the_own_page(&[
            ("content-type", "text/plain"), ("content-type", "application/x-www-form-urlencoded"), ("content-type", "multipart/form-data; boundary=x"),
            ("content-type", "text/plain; application/json"), ("content-type", ""), ("content-type", "-"),
        ]).await;
    }

    async fn dashboard_is_asked_without_its_mark() {
        refuses_all_but_the_own_page(&[
            ("x-lip-dashboard", "-"), ("x-lip-dashboard", ""), ("x-lip-dashboard", "0"), ("x-lip-dashboard", "1, 1"),
            ("origin", "-"), ("sec-fetch-site", "-"),
        ]).await;
    }

    async fn dashboard_is_asked_without_a_key() {
        let scene = Scene::guarded().await;
        for key in ["", "wrong", "canary-client-0123456789abcde"] {
            let answer = scene.must_answer(post(&own_page(&[("x-api-key", key)])), key).await;
            assert_eq!(answer.status, 401, "{}", answer.text());
            Shape::OpenAi.check(&answer, key);
        }
        let answer = scene.must_answer(post(&own_page(&[("x-api-key", KEY)])), "with the key").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    async fn address_for_watchers_by_a_foreign_name() {
        let scene = Scene::with("", |builder| builder.env("LIP_OPERATIONS_BIND", "127.0.0.1:0")).await;
        let stdout = scene.lip.stdout();
        let place = stdout.lines().find_map(|line| line.trim().strip_prefix("watched   http://")?.strip_suffix("/readyz"));
        let watched = place.expect("an address").parse().expect("an address");
        for target in ["/metrics", "/readyz", "/livez"] {
            for host in FOREIGN {
                let heard = exchange(watched, request("GET", target, &[("host", host)], "").as_bytes()).await;
                assert!(heard.starts_with("HTTP/1.1 403"), "{host} {target}: {heard}");
            }
            let heard = exchange(watched, request("GET", target, &[], "").as_bytes()).await;
            assert!(heard.starts_with("HTTP/1.1 200"), "{target}: {heard}");
        }
    }

    async fn link_leads_elsewhere() {
        let scene = Scene::open().await;
        for target in [
            "//evil.test", "//evil.test/v1/models", "/\\evil.test", "/%2f%2fevil.test", "/v1/models?redirect=https://evil.test", "/%0d%0aLocation:%20https://evil.test",
            "/v1/models/..//evil.test", "/health?next=//evil.test", "/v1/chat/completions/", "/v1", "/v1/", "/ui", "/ui/",
        ] {
            let heard = exchange(scene.lip.address, request("GET", target, &[], "").as_bytes()).await;
            let status = heard.split(' ').nth(1).unwrap_or("0");
            assert!(!status.starts_with('3') && !heard.to_lowercase().contains("\nlocation:"), "{target}: {heard}");
        }
    }
}

/// What the dashboard's own page sends, with some of it changed; `-` leaves a header out.
fn own_page<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut headers = vec![
        ("host", "localhost"),
        ("origin", "http://localhost"),
        ("sec-fetch-site", "same-origin"),
        ("x-lip-dashboard", "1"),
        ("content-type", "application/json"),
    ];
    for (name, value) in changes {
        headers.retain(|(own, _)| own != name);
        if *value != "-" {
            headers.push((name, value));
        }
    }
    headers
}

/// A backend's reactivation with these headers and no others.
fn post(headers: &[(&str, &str)]) -> String {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!(
        "POST /ui/act/backends/openai/reactivate HTTP/1.1\r\n{lines}connection: close\r\ncontent-length: 2\r\n\r\n{{}}"
    )
}

/// Each of these changes to what the own page sends is refused, with a client key and without; and unchanged it is let in.
async fn refuses_all_but_the_own_page(changes: &[(&str, &str)]) {
    for (scene, key) in [(Scene::open().await, ""), (Scene::guarded().await, KEY)] {
        for change in changes {
            let what = format!("{}: {}", change.0, change.1);
            let answer = scene.must_answer(post(&own_page(&[*change, ("x-api-key", key)])), &what).await;
            assert_eq!(answer.status, 403, "{what}: {}", answer.text());
            Shape::OpenAi.check(&answer, &what);
        }
        let answer = scene.must_answer(post(&own_page(&[("x-api-key", key)])), "its own page").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        scene.is_unharmed().await;
    }
}
