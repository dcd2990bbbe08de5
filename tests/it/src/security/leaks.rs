//! Keys where they do not belong: a client's at a provider, the host's at a client, either in a prompt, a log line or an error.
use super::scene::{BACKENDS, BODY, KEY, Scene, UPSTREAM_KEY, request};
use crate::talk::{TONGUES, says};
use serde_json::json;
use stage::{CANARY, Call, Lip, Recorded, Reply, Upstream};

const MARK: &str = "(API_KEY_HAS_BEEN_REDACTED)";

fn told(request: &Recorded) -> String {
    format!("{}{}", request.head, String::from_utf8_lossy(&request.body))
}

/// All that may carry a key, at once.
fn all_carriers() -> Vec<(&'static str, String)> {
    [
        ("x-api-key", ""),
        ("authorization", "Bearer "),
        ("x-goog-api-key", ""),
        ("api-key", ""),
        ("cookie", "key="),
        ("proxy-authorization", "Bearer "),
        ("x-auth-token", ""),
    ]
    .into_iter()
    .map(|(name, prefix)| (name, format!("{prefix}{KEY}")))
    .collect()
}

/// What the provider of `scene` got of a prompt with this text, in every dialect and for every backend.
async fn prompted(scene: &Scene, text: &str) -> Vec<Recorded> {
    let before = scene.upstream.requests().len();
    for tongue in TONGUES {
        for backend in BACKENDS {
            let call = tongue
                .call(&format!("{backend}:m"), false, &[tongue.message("user", text)])
                .header("x-api-key", KEY);
            let answer = scene.lip.send(call).await;
            assert_eq!(answer.status, 200, "{tongue:?} {backend}: {}", answer.text());
        }
    }
    scene
        .upstream
        .requests()
        .split_off(before)
        .into_iter()
        .filter(|request| request.method == "POST")
        .collect()
}

super::attempts! {
    async fn client_key_at_the_provider() {
        let scene = Scene::guarded().await;
        for backend in BACKENDS {
            for (target, _) in [("/v1/chat/completions", 0), ("/v1/responses", 0), ("/v1/messages", 0), ("/v1beta/models/BACKEND:m:generateContent", 0)] {
                let target = format!("{}?key={KEY}&api_key={KEY}", target.replace("BACKEND", backend));
                let headers = all_carriers();
                let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let body = BODY.replace("openai:m", &format!("{backend}:m"));
                scene.must_answer(request("POST", &target, &headers, &body), &target).await;
            }
        }
        let asked = scene.upstream.requests();
        assert!(asked.len() >= 12, "{}", asked.len());
        for request in asked {
            assert!(!told(&request).contains("canary-client"), "{}", told(&request));
        }
    }

    async fn key_of_another_backend_at_a_provider() {
        let other = Upstream::by(|request| says(request, "ok")).await;
        let scene = Scene::with("", |builder| builder.env("OPENROUTER_API_KEY", "canary-openrouter-0123").env("OPENROUTER_API_BASE_URL", &other.url())).await;
        scene.lip.chat(BODY.replace("openai:m", "openrouter:m")).await;
        scene.lip.chat(BODY).await;
        assert!(other.requests().iter().all(|request| !told(request).contains("canary-upstream")));
        assert!(scene.upstream.requests().iter().all(|request| !told(request).contains("canary-openrouter")));
        assert!(told(&other.last()).contains("Bearer canary-openrouter-0123"));
    }

    async fn provider_that_sends_the_client_elsewhere() {
        let trap = Upstream::by(|request| says(request, "trapped")).await;
        for status in [301, 302, 303, 307, 308] {
            let place = trap.url();
            let scene = Scene::before(move |_| Reply::status(status).header("Location", &format!("{place}/chat/completions")).full(""), "", |builder| builder).await;
            for tongue in TONGUES {
                let answer = scene.lip.send(tongue.call("openai:m", false, &[tongue.message("user", "hi")])).await;
                assert!(answer.header("location").is_none(), "{status}: {:?}", answer.headers);
                assert!(!(300..400).contains(&answer.status) && !answer.text().contains("trapped"), "{status} became {}", answer.status);
            }
        }
        assert!(trap.requests().is_empty(), "a redirect was followed, with the key");
    }

    async fn provider_that_quotes_the_key() {
        let scene = Scene::before(
            |request| match request.target.as_str() {
                target if target.contains("models") && request.method == "GET" => Reply::status(401).header("Content-Type", "text/plain").full(&request.head),
                _ => {
                    let message = format!("Incorrect key {UPSTREAM_KEY}: {}", request.head);
                    Reply::json(401, &json!({"error": {"message": message, "type": "t", "param": null, "code": null}}).to_string())
                }
            },
            "",
            |builder| builder.env("API_KEYS", KEY).args("--log-level trace"),
        )
        .await;
        for tongue in TONGUES {
            for stream in [false, true] {
                let answer = scene.lip.send(tongue.call("openai:m", stream, &[tongue.message("user", "hi")]).header("x-api-key", KEY)).await;
                let told = format!("{:?} {}", answer.headers, answer.text());
                assert!(!told.contains(CANARY), "{tongue:?}: {told}");
            }
        }
        let list = scene.lip.send(Call::get("/v1/models").bearer(KEY)).await;
        assert!(!list.text().contains(CANARY), "{}", list.text());
        // What is printed is looked at when the host ends.
    }

    async fn key_in_a_prompt() {
        let scene = Scene::with("", |builder| builder.env("API_KEYS", KEY).env("OPENROUTER_API_KEY", "canary-environment-42")).await;
        for secret in [UPSTREAM_KEY, KEY, "canary-environment-42"] {
            let asked = prompted(&scene, &format!("my .env says A={secret} and \"B={secret}\"")).await;
            assert_eq!(asked.len(), TONGUES.len() * BACKENDS.len());
            for request in asked {
                let body = String::from_utf8_lossy(&request.body).into_owned();
                assert!(!body.contains(secret), "{body}");
                assert_eq!(body.matches(MARK).count(), 2, "{body}");
                request.json();
            }
        }
        scene.lip.logged("configured secrets were taken out of a prompt").await;
    }

    async fn key_in_a_prompt_in_another_spelling() {
        let key = "canary-a/b+c=d&e\"f\\g-0123";
        let scene = Scene::with("", |builder| builder.env("API_KEYS", KEY).env("OPENROUTER_API_KEY", key)).await;
        let plain = serde_json::to_string(key).expect("JSON");
        let plain = plain.trim_matches('"');
        for spelled in [
            plain.to_owned(), plain.replace('/', "\\/"), plain.replace('+', "\\u002B").replace('=', "\\u003D").replace('&', "\\u0026").replace("\\\"", "\\u0022"),
            plain.replace('&', "\\u0026"),
        ] {
            let body = format!(r#"{{"model":"openai:m","messages":[{{"role":"user","content":"see {spelled}"}}]}}"#);
            let answer = scene.lip.send(Call::chat(&body).bearer(KEY)).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let sent = scene.upstream.last();
            assert_eq!(sent.json()["messages"][0]["content"], format!("see {MARK}"), "{spelled}");
        }
    }

    async fn key_in_a_tool_result_or_a_system_prompt() {
        let scene = Scene::guarded().await;
        for tongue in TONGUES {
            let history = [
                tongue.message("user", "read .env"),
                tongue.tool_call("call_1", "read", &json!({"path": UPSTREAM_KEY})),
                tongue.tool_result("call_1", "read", &format!("KEY={UPSTREAM_KEY}")),
            ];
            for backend in BACKENDS {
                let answer = scene.lip.send(tongue.call(&format!("{backend}:m"), false, &history).header("x-api-key", KEY)).await;
                assert_eq!(answer.status, 200, "{tongue:?} {backend}: {}", answer.text());
                let sent = String::from_utf8_lossy(&scene.upstream.last().body).into_owned();
                assert!(!sent.contains(UPSTREAM_KEY) && sent.matches(MARK).count() == 2, "{tongue:?} {backend}: {sent}");
            }
        }
    }

    async fn what_only_looks_like_a_key() {
        // Parts of keys are none, and are kept.
        let scene = Scene::with("", |builder| builder.env("API_KEYS", KEY).unkept()).await;
        let (prefix, other) = (&UPSTREAM_KEY[..UPSTREAM_KEY.len() - 1], UPSTREAM_KEY.to_uppercase());
        for text in [prefix, &*other, "sk-proj-abcdefghijklmnopqrstuvwx", "hi"] {
            for request in prompted(&scene, text).await {
                let body = String::from_utf8_lossy(&request.body).into_owned();
                assert!(body.contains(text) && !body.contains(MARK), "{body}");
            }
        }
    }

    async fn redaction_that_is_switched_off() {
        let scene = Scene::with("", |builder| builder.env("API_KEYS", KEY).args("--disable-redact-api-keys-in-prompts")).await;
        for request in prompted(&scene, UPSTREAM_KEY).await {
            assert!(String::from_utf8_lossy(&request.body).contains(UPSTREAM_KEY));
        }
    }

    async fn header_that_would_break_out() {
        // What a client says in a header that goes upstream cannot begin another one there.
        let scene = Scene::guarded().await;
        for value in ["x%0d%0ax-evil: 1", "x\\r\\nx-evil: 1", "x\u{85}x-evil: 1", "x\u{2028}x-evil: 1"] {
            for name in ["anthropic-beta", "anthropic-version", "openai-beta", "idempotency-key", "user-agent", "x-session-id", "x-request-id", "x-lip-route"] {
                let headers = [("x-api-key", KEY), (name, value)];
                for (target, model) in [("/v1/messages", "anthropic:m"), ("/v1/chat/completions", "openai:m")] {
                    scene.answer(request("POST", target, &headers, &BODY.replace("openai:m", model))).await;
                }
            }
        }
        for request in scene.upstream.requests() {
            assert!(request.header("x-evil").is_none(), "{}", request.head);
        }
    }

    async fn error_that_tells_of_the_machine() {
        let scene = Scene::guarded().await;
        for (method, target, body) in [
            ("POST", "/v1/chat/completions", "{"), ("POST", "/v1/chat/completions", r#"{"model":"none:x","messages":[]}"#), ("GET", "/nowhere", ""),
            ("POST", "/v1/messages", "[]"), ("GET", "/v1/models/none", ""), ("POST", "/v1beta/models/x:y", ""), ("DELETE", "/v1/responses/none", ""),
        ] {
            let answer = scene.must_answer(request(method, target, &[("x-api-key", KEY)], body), target).await;
            let told = format!("{:?} {}", answer.headers, answer.text());
            let home = scene.lip.home().display().to_string();
            for word in [home.as_str(), "/src/", ".rs:", "panicked", "stack backtrace", CANARY] {
                assert!(!told.contains(word), "{target}: {word} in {told}");
            }
            assert!(answer.header("server").is_none() && answer.header("x-powered-by").is_none(), "{told}");
        }
    }

    async fn key_shown_by_a_command_or_a_config() {
        let config = format!("auth.api_keys = [\"{KEY}\"]\n[backends.openai]\napi_key = \"{UPSTREAM_KEY}\"\n");
        for command in ["config show", "config check", "backends --json", "keys list", "keys list --json", "plugin list", "route explain openai:m"] {
            // What it prints is looked at by the kit.
            Lip::builder().config_toml(&config).args(command).run().await;
        }
        for wrong in [format!("auth.api_keys = {{ a = \"{KEY}\" }}"), format!("auth.keys.alice.hash = \"{KEY}\""), format!("tls.cert = [\"{KEY}\"]")] {
            let output = Lip::builder().config_toml(&wrong).args("config check").run().await;
            assert!(!output.success, "{wrong}");
        }
    }
}
